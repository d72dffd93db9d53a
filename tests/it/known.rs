//! Services whose habits are known, each by its name: a player of recorded shapes refuses what the service
//! refuses, and the product gets along with it by `LATCHKEY_PROVIDER` alone. Only the addresses are set.

mod document;
mod player;
mod plays;

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::model::{RevocableToken, Tokens};
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::secret::Secret;
use latchkey::service::failures::RefreshError;
use latchkey::service::provider::Provider;
use serde_json::{Value, json};

use crate::child::Latchkey;
use crate::scene::{Db, Person, Returned, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use player::{Answer, CLIENT, Fields, Play, Player, Rotation, SECRET, query};

const VERIFIER: &str = "verifier-0123456789-0123456789-0123456789-0123456789";
const REDIRECT: &str = "https://latchkey.example.com/link/callback";

/// A service, and what is special about it.
struct Case {
    key: &'static str,
    play: Play,
    prefixes: (&'static str, &'static str),
    rotation: Rotation,
    /// Where it is. `{player}` stands for the player.
    settings: &'static [(&'static str, &'static str)],
    /// The path of the authorization endpoint.
    authorize: &'static str,
    /// What its query holds besides what RFC 6749 and PKCE want.
    asks: &'static [(&'static str, &'static str)],
    pkce: bool,
    /// What a person's wish for another account changes in it.
    chooses: Option<(&'static str, &'static str)>,
    subject: &'static str,
    name: &'static str,
    life: Option<i64>,
}

const FIXED: Case = Case {
    key: "",
    play: plays::oidc,
    prefixes: ("at-", "rt-"),
    rotation: Rotation::Strict,
    settings: &[],
    authorize: "",
    asks: &[],
    pkce: true,
    chooses: None,
    subject: "",
    name: "Robin Park",
    life: Some(3600),
};

const OPENID: Case = Case {
    settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}")],
    authorize: "/authorize",
    asks: &[("scope", "openid profile offline_access")],
    subject: "u-100",
    ..FIXED
};

/// One person's way through a service.
struct Way {
    player: Player,
    provider: Provider,
    clock: Clock,
}

impl Way {
    async fn start(case: &Case, client_secret: &str) -> Self {
        let clock = Clock::movable();
        let player = Player::start(case.play, clock.clone()).await;
        {
            let mut service = player.service();
            service.prefixes = case.prefixes;
            service.rotation = case.rotation;
        }
        let provider = Self::provider(case, &player, &clock, client_secret);
        Self {
            player,
            provider,
            clock,
        }
    }

    fn provider(case: &Case, player: &Player, clock: &Clock, client_secret: &str) -> Provider {
        let mut pairs: Vec<(&str, String)> = vec![
            (
                "LATCHKEY_BASE_URL",
                "https://latchkey.example.com".to_owned(),
            ),
            (
                "LATCHKEY_SEALING_KEYS",
                "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
            ),
            ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true".to_owned()),
            ("LATCHKEY_PROVIDER", case.key.to_owned()),
            ("LATCHKEY_PROVIDER_CLIENT_ID", CLIENT.to_owned()),
            ("LATCHKEY_PROVIDER_CLIENT_SECRET", client_secret.to_owned()),
        ];
        if case.key == "oidc" {
            pairs.push(("LATCHKEY_PROVIDER_NAME", "Acme".to_owned()));
        }
        for (name, value) in case.settings {
            pairs.push((name, value.replace("{player}", &player.origin())));
        }
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        let config = Config::from_pairs(pairs).expect("the settings are good");
        let http = Outbound::new(true).expect("an HTTP client");
        Provider::new(
            config.provider,
            REDIRECT.to_owned(),
            true,
            http,
            clock.clone(),
            &Random::system(),
        )
    }

    async fn authorize(&self, choose: bool) -> String {
        let (state, nonce) = (
            Secret::new("state-of-the-attempt"),
            Secret::new("nonce-of-it"),
        );
        let verifier = Secret::new(VERIFIER);
        let url = self
            .provider
            .authorize_url(&state, &nonce, &verifier, choose);
        url.await.expect("there is an address")
    }

    async fn redeem(&self) -> (latchkey::model::Identity, Tokens) {
        let authorize = self.authorize(false).await;
        let back = query(&self.player.approve(&authorize));
        let (code, nonce) = (Secret::new(&back["code"]), Secret::new("nonce-of-it"));
        match self
            .provider
            .redeem(&code, &Secret::new(VERIFIER), &nonce)
            .await
        {
            Ok(brought) => brought,
            Err(error) => panic!("{}; {:?}", error.why, self.player.service().refused),
        }
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, RefreshError> {
        let token = tokens
            .refresh_token
            .as_ref()
            .expect("there is a refresh token");
        self.provider.refresh(token).await
    }

    async fn revoke(&self, token: &Secret, refresh: bool) {
        let token = RevocableToken {
            token: token.clone(),
            refresh,
        };
        let ended = match self.provider.spends(&token) {
            false => self.provider.revoke(&token).await,
            // As the product does it.
            true => match self.provider.refresh(&token.token).await {
                Ok(brought) => self.provider.delete_grant(&brought.access_token).await,
                Err(error) => {
                    assert_eq!(words(Err(error)), "reconnect");
                    Ok(())
                }
            },
        };
        if let Err(error) = ended {
            panic!("{error}; {:?}", self.player.service().refused);
        }
    }

    fn opens(&self, tokens: &Tokens) -> bool {
        self.player.service().opens(tokens.access_token.expose())
    }
}

fn words(result: Result<Tokens, RefreshError>) -> String {
    match result {
        Ok(_) => "tokens".to_owned(),
        Err(RefreshError::InvalidGrant) => "reconnect".to_owned(),
        Err(RefreshError::InvalidClient(_)) => "operator".to_owned(),
        Err(RefreshError::Refused(name)) => format!("refused {name}"),
        Err(RefreshError::Unknown(_)) => "unknown".to_owned(),
        Err(RefreshError::Wait { .. }) => "wait".to_owned(),
        Err(RefreshError::NotSent(_)) => "not sent".to_owned(),
    }
}

/// What every service has to go through. `bad_token` is what comes of a refresh token that has ended,
/// `bad_client` what comes of another secret.
async fn play(case: Case, bad_token: &str, bad_client: &str) {
    let way = Way::start(&case, SECRET).await;
    assert_eq!(way.provider.known().key, case.key);

    // The address at which the person logs in, exactly.
    let origin = way.player.origin();
    for choose in [false, true] {
        let address = way.authorize(choose).await;
        let (at, _) = address.split_once('?').expect("it has a query");
        assert_eq!(at, format!("{origin}{}", case.authorize));
        let mut expected: Fields = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("state", "state-of-the-attempt"),
        ]
        .into_iter()
        .chain(case.asks.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        if expected
            .get("scope")
            .is_some_and(|scope| scope.contains("openid"))
        {
            expected.insert("nonce".into(), "nonce-of-it".into());
        }
        if case.pkce {
            // SHA-256 of the verifier.
            let challenge = "KElgYLOZSi_EwtKDY_TIOQJd-_wWQYu3Jb0RXZxu81A";
            expected.insert("code_challenge".into(), challenge.into());
            expected.insert("code_challenge_method".into(), "S256".into());
        }
        if let (true, Some((name, value))) = (choose, case.chooses) {
            expected.insert(name.into(), value.into());
        }
        assert_eq!(query(&address), expected, "{}", case.key);
    }
    let lets_choose = way.provider.lets_choose().await;
    assert_eq!(lets_choose.ok(), Some(case.chooses.is_some()));

    // The code, and whose it is.
    let (identity, first) = way.redeem().await;
    assert_eq!(identity.subject, case.subject);
    assert_eq!(identity.display_name, case.name);
    let life = first.expires_at.map(|at| at - first.requested_at);
    assert_eq!(life, case.life);
    assert!(way.opens(&first));

    // Three renewals in a row, with whatever becomes of the refresh token.
    let mut tokens = first.clone();
    for _ in 0..3 {
        let next = way.refresh(&tokens).await.unwrap_or_else(|error| {
            panic!("{error}; {:?}", way.player.service().refused);
        });
        assert!(way.opens(&next), "{}", case.key);
        let ends_before = case.rotation == Rotation::StrictForBoth;
        assert_eq!(way.opens(&tokens), !ends_before, "{}", case.key);
        let rotates = case.rotation != Rotation::None;
        let kept = tokens.refresh_token.clone();
        let new = next.refresh_token.as_ref().map(Secret::expose);
        match rotates {
            true => assert_ne!(new, kept.as_ref().map(Secret::expose)),
            false => assert_eq!(new, None, "the one before stays"),
        }
        tokens = Tokens {
            refresh_token: next.refresh_token.clone().or(kept),
            ..next
        };
    }

    // A service in trouble, and one whose answer makes no sense, ask nobody to do anything.
    for (says, expected) in [
        ((500, json!({"error": "invalid_grant"})), "unknown"),
        ((200, json!({"hello": "world"})), "unknown"),
        ((200, json!([])), "unknown"),
        (
            (400, json!({"error": "no_such_error_yet"})),
            "refused no_such_error_yet",
        ),
    ] {
        way.player.service().says = Some(says.clone());
        let came = words(way.refresh(&tokens).await);
        assert_eq!(came, expected, "{}: {says:?}", case.key);
    }
    way.player.service().says = None;
    assert_eq!(words(way.refresh(&tokens).await), "tokens");

    // A token that has ended.
    let gone = Tokens {
        refresh_token: Some(Secret::new("rt-that-nobody-gave")),
        ..tokens.clone()
    };
    assert_eq!(words(way.refresh(&gone).await), bad_token, "{}", case.key);
    assert_eq!(
        way.player.service().refused,
        Vec::<String>::new(),
        "{} saw what it does not take",
        case.key
    );

    // Another secret is the operator's affair.
    let stranger = Way {
        provider: Way::provider(&case, &way.player, &way.clock, "another-secret"),
        player: way.player.clone(),
        clock: way.clock.clone(),
    };
    assert_eq!(
        words(stranger.refresh(&tokens).await),
        bad_client,
        "{}",
        case.key
    );
}

/// Links once more and ends it all, twice: what is gone is as good. Says what lives on.
async fn end(case: Case) -> Vec<&'static str> {
    let way = Way::start(&case, SECRET).await;
    let (_, first) = way.redeem().await;
    let refresh = first.refresh_token.clone().expect("there is one");
    for _ in 0..2 {
        way.revoke(&refresh, true).await;
        way.revoke(&first.access_token, false).await;
    }
    let service = way.player.service();
    assert_eq!(service.refused, Vec::<String>::new(), "{}", case.key);
    let mut left = Vec::new();
    if service.opens(first.access_token.expose()) {
        left.push("key");
    }
    if service.is_alive(refresh.expose()) {
        left.push("refresh token");
    }
    left
}

/// What comes of an answer of the token endpoint when a token is refreshed.
async fn comes_of(case: Case, says: Answer) -> String {
    let way = Way::start(&case, SECRET).await;
    let (_, tokens) = way.redeem().await;
    way.player.service().says = Some(says);
    words(way.refresh(&tokens).await)
}

const NOTHING: Vec<&str> = Vec::new();

const GITHUB: Case = Case {
    key: "github",
    play: plays::github,
    prefixes: ("ghu_", "ghr_"),
    rotation: Rotation::StrictForBoth,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/login/oauth/authorize",
        ),
        (
            "LATCHKEY_PROVIDER_TOKEN_URL",
            "{player}/login/oauth/access_token",
        ),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/user"),
        (
            "LATCHKEY_PROVIDER_REVOKE_URL",
            "{player}/applications/Iv1.8a61f9b3a7aba766/token",
        ),
    ],
    authorize: "/login/oauth/authorize",
    chooses: Some(("prompt", "select_account")),
    subject: "583231",
    name: "octocat",
    life: Some(28_800),
    ..FIXED
};

#[tokio::test]
async fn github_refuses_with_200_and_ends_the_key_with_the_refresh() {
    play(GITHUB, "reconnect", "operator").await;
    let refusal = (200, json!({"error": "unverified_user_email"}));
    assert_eq!(
        comes_of(GITHUB, refusal).await,
        "refused unverified_user_email"
    );
}

#[tokio::test]
async fn github_deletes_what_the_app_asks_it_to() {
    assert_eq!(end(GITHUB).await, NOTHING);

    // A key alone is ended alone: others who have linked to this account keep what they have.
    let way = Way::start(&GITHUB, SECRET).await;
    let (_, mine) = way.redeem().await;
    let (_, theirs) = way.redeem().await;
    way.revoke(&mine.access_token, false).await;
    assert!(!way.opens(&mine) && way.opens(&theirs));
    // With the refresh token everything goes: it is revoked when nobody else uses the account.
    let refresh = mine.refresh_token.clone().expect("there is one");
    way.revoke(&refresh, true).await;
    assert_eq!(way.player.service().alive(), Vec::<&str>::new());
}

const SLACK: Case = Case {
    key: "slack",
    play: plays::slack,
    prefixes: ("xoxe.xoxp-1-", "xoxe-1-"),
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/oauth/v2/authorize",
        ),
        (
            "LATCHKEY_PROVIDER_TOKEN_URL",
            "{player}/api/oauth.v2.access",
        ),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/api/auth.test"),
        ("LATCHKEY_PROVIDER_REVOKE_URL", "{player}/api/auth.revoke"),
    ],
    authorize: "/oauth/v2/authorize",
    asks: &[("user_scope", "users.profile:read")],
    pkce: false,
    subject: "T9TK3CUKW:U1234",
    name: "grace",
    life: Some(43_200),
    ..FIXED
};

#[tokio::test]
async fn slack_says_ok_or_not_and_hides_the_tokens_of_the_person() {
    play(SLACK, "reconnect", "operator").await;
    for (error, expected) in [
        ("token_revoked", "reconnect"),
        ("account_inactive", "reconnect"),
        ("invalid_client_id", "operator"),
        ("fatal_error", "unknown"),
        ("service_unavailable", "unknown"),
        ("ratelimited", "refused ratelimited"),
        ("team_added_to_org", "refused team_added_to_org"),
    ] {
        let refusal = (200, json!({"ok": false, "error": error}));
        assert_eq!(comes_of(SLACK, refusal).await, expected, "{error}");
    }
    // A refresh may as well answer at the top.
    let top = json!({"ok": true, "access_token": "a", "refresh_token": "r", "expires_in": 43200});
    assert_eq!(comes_of(SLACK, (200, top)).await, "tokens");
    assert_eq!(end(SLACK).await, NOTHING);
    let several = Case {
        settings: &[
            (
                "LATCHKEY_PROVIDER_AUTHORIZE_URL",
                "{player}/oauth/v2/authorize",
            ),
            (
                "LATCHKEY_PROVIDER_SCOPES",
                "chat:write users:read,files:read",
            ),
        ],
        ..SLACK
    };
    let way = Way::start(&several, SECRET).await;
    let asked = query(&way.authorize(false).await);
    assert_eq!(asked["user_scope"], "chat:write,users:read,files:read");
}

const NOTION: Case = Case {
    key: "notion",
    play: plays::notion,
    prefixes: ("ntn_", "nrt_"),
    rotation: Rotation::StrictForBoth,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/v1/oauth/authorize",
        ),
        ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/v1/oauth/token"),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/v1/users/me"),
        ("LATCHKEY_PROVIDER_REVOKE_URL", "{player}/v1/oauth/revoke"),
    ],
    authorize: "/v1/oauth/authorize",
    asks: &[("owner", "user")],
    pkce: false,
    subject: "5389a034-eb5c-47b5-8a9e-f79c99ef166c",
    name: "Christine Makenotion",
    life: None,
    ..FIXED
};

#[tokio::test]
async fn notion_takes_json_and_wants_its_version() {
    play(NOTION, "reconnect", "operator").await;
    assert_eq!(end(NOTION).await, NOTHING);
    let error = (400, json!({"error": "invalid_grant"}));
    assert_eq!(comes_of(NOTION, error).await, "reconnect");
    let error = (400, json!({"object": "error", "code": "validation_error"}));
    assert_eq!(comes_of(NOTION, error).await, "refused validation_error");
}

const BITBUCKET: Case = Case {
    key: "bitbucket",
    play: plays::bitbucket,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/site/oauth2/authorize",
        ),
        (
            "LATCHKEY_PROVIDER_TOKEN_URL",
            "{player}/site/oauth2/access_token",
        ),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/2.0/user"),
    ],
    authorize: "/site/oauth2/authorize",
    subject: "{a3a9b4d0-1111-4b9f-9f7e-0d5b0c0a0001}",
    life: Some(7200),
    ..FIXED
};

#[tokio::test]
async fn bitbucket_rotates_and_revokes_nothing() {
    play(BITBUCKET, "reconnect", "operator").await;
    assert_eq!(end(BITBUCKET).await, ["key", "refresh token"]);
}

const FIGMA: Case = Case {
    key: "figma",
    play: plays::figma,
    rotation: Rotation::None,
    settings: &[
        ("LATCHKEY_PROVIDER_AUTHORIZE_URL", "{player}/oauth"),
        ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/v1/oauth/token"),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/v1/me"),
    ],
    authorize: "/oauth",
    asks: &[("scope", "current_user:read")],
    subject: "1040",
    life: Some(7_776_000),
    ..FIXED
};

#[tokio::test]
async fn figma_refreshes_elsewhere_and_gives_no_names_to_its_errors() {
    // It says in a sentence that the token is no good. Nobody is asked to reconnect by a sentence.
    play(FIGMA, "refused http_400", "refused http_401").await;
    assert_eq!(end(FIGMA).await, ["key", "refresh token"]);
}

const ZOOM: Case = Case {
    key: "zoom",
    play: plays::zoom,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/oauth/authorize",
        ),
        ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/oauth/token"),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/v2/users/me"),
        ("LATCHKEY_PROVIDER_REVOKE_URL", "{player}/oauth/revoke"),
    ],
    authorize: "/oauth/authorize",
    subject: "KDcuGIm1QgePTO8WbOqwIQ",
    life: Some(3599),
    ..FIXED
};

#[tokio::test]
async fn zoom_gives_reasons_beside_its_errors() {
    play(ZOOM, "reconnect", "operator").await;
    let older = (
        401,
        json!({"reason": "Invalid Token!", "error": "invalid_request"}),
    );
    assert_eq!(comes_of(ZOOM, older).await, "refused invalid_request");
    assert_eq!(end(ZOOM).await, NOTHING);
}

const LINEAR: Case = Case {
    key: "linear",
    play: plays::linear,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/oauth/authorize",
        ),
        ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/oauth/token"),
        ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/graphql"),
        ("LATCHKEY_PROVIDER_REVOKE_URL", "{player}/oauth/revoke"),
    ],
    authorize: "/oauth/authorize",
    asks: &[("scope", "read")],
    chooses: Some(("prompt", "consent")),
    subject: "e36e5a0e-7a5c-4b40-a0a0-6a1fb1ad1d0f",
    life: Some(86_399),
    ..FIXED
};

#[tokio::test]
async fn linear_speaks_graphql_and_names_tokens_by_their_kind() {
    play(LINEAR, "reconnect", "operator").await;
    assert_eq!(end(LINEAR).await, NOTHING);
    // A key alone is left to run out: with it Linear may end more than this link.
    let way = Way::start(&LINEAR, SECRET).await;
    let (_, tokens) = way.redeem().await;
    way.revoke(&tokens.access_token, false).await;
    assert_eq!(way.player.service().alive().len(), 2);
}

const ASANA: Case = Case {
    key: "asana",
    play: plays::asana,
    rotation: Rotation::None,
    settings: &[
        (
            "LATCHKEY_PROVIDER_AUTHORIZE_URL",
            "{player}/-/oauth_authorize",
        ),
        ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/-/oauth_token"),
        (
            "LATCHKEY_PROVIDER_IDENTITY_URL",
            "{player}/api/1.0/users/me",
        ),
        ("LATCHKEY_PROVIDER_REVOKE_URL", "{player}/-/oauth_revoke"),
    ],
    authorize: "/-/oauth_authorize",
    asks: &[("scope", "users:read")],
    subject: "4673218951",
    name: "Greg Sanchez",
    ..FIXED
};

#[tokio::test]
async fn asana_keeps_the_refresh_token_and_revokes_nothing_else() {
    play(ASANA, "reconnect", "operator").await;
    assert_eq!(end(ASANA).await, NOTHING);
}

const GITLAB: Case = Case {
    key: "gitlab",
    play: plays::gitlab,
    rotation: Rotation::StrictForBoth,
    asks: &[("scope", "openid profile")],
    subject: "42",
    life: Some(7200),
    ..OPENID
};

#[tokio::test]
async fn gitlab_of_one_s_own_wants_the_redirect_address_again() {
    play(GITLAB, "reconnect", "operator").await;
    assert_eq!(end(GITLAB).await, NOTHING);
}

const GOOGLE: Case = Case {
    key: "google",
    play: plays::google,
    rotation: Rotation::None,
    asks: &[
        ("scope", "openid profile"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ],
    chooses: Some(("prompt", "select_account consent")),
    subject: "10769150350006150715113082367",
    life: Some(3599),
    ..OPENID
};

#[tokio::test]
async fn google_is_asked_for_offline_access_and_ends_everything_with_one_token() {
    play(GOOGLE, "reconnect", "operator").await;
    let gone = (401, json!({"error": "deleted_client"}));
    assert_eq!(comes_of(GOOGLE, gone).await, "operator");
    assert_eq!(end(GOOGLE).await, NOTHING);
    // Somebody else has linked to the same account: their link outlives a key that is revoked.
    let way = Way::start(&GOOGLE, SECRET).await;
    let (_, mine) = way.redeem().await;
    let (_, theirs) = way.redeem().await;
    way.revoke(&mine.access_token, false).await;
    assert!(way.opens(&theirs), "one key has ended all of them");
    assert_eq!(words(way.refresh(&theirs).await), "tokens");
}

const ENTRA: Case = Case {
    key: "entra",
    play: plays::entra,
    rotation: Rotation::OldStays,
    settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}/organizations/v2.0")],
    authorize: "/organizations/v2.0/authorize",
    chooses: Some(("prompt", "select_account")),
    subject: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    life: Some(3599),
    ..OPENID
};

#[tokio::test]
async fn entra_serves_many_tenants_and_knows_more_errors() {
    play(ENTRA, "reconnect", "operator").await;
    for (status, error, expected) in [
        (400, "interaction_required", "reconnect"),
        (400, "consent_required", "reconnect"),
        // One organization's admin has removed the app. The others go on.
        (400, "unauthorized_client", "refused unauthorized_client"),
        (400, "temporarily_unavailable", "unknown"),
    ] {
        let body = json!({"error": error, "error_description": "AADSTS…", "error_codes": [70011]});
        assert_eq!(comes_of(ENTRA, (status, body)).await, expected, "{error}");
    }
    assert_eq!(end(ENTRA).await, ["key", "refresh token"]);

    // A token that names two tenants is nobody's.
    let confused = Case {
        play: plays::entra_confused,
        ..ENTRA
    };
    let way = Way::start(&confused, SECRET).await;
    let back = query(&way.player.approve(&way.authorize(false).await));
    let (code, nonce) = (Secret::new(&back["code"]), Secret::new("nonce-of-it"));
    let redeemed = way
        .provider
        .redeem(&code, &Secret::new(VERIFIER), &nonce)
        .await;
    let Err(refused) = redeemed else {
        panic!("an ID token of another tenant was taken");
    };
    assert!(
        refused.why.to_string().contains("another issuer"),
        "{}",
        refused.why
    );

    // With the issuer of one tenant, metadata for all of them is another issuer's.
    let one = Case {
        settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}/organizations")],
        ..ENTRA
    };
    let way = Way::start(&one, SECRET).await;
    assert!(way.provider.prepare().await.is_err());
}

const OKTA: Case = Case {
    key: "okta",
    play: plays::okta,
    rotation: Rotation::None,
    settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}/oauth2/default")],
    authorize: "/oauth2/default/authorize",
    chooses: Some(("prompt", "login")),
    ..OPENID
};

#[tokio::test]
async fn okta_keeps_the_refresh_token_or_rotates_it() {
    play(OKTA, "reconnect", "operator").await;
    let rotating = Case {
        rotation: Rotation::Strict,
        ..OKTA
    };
    play(rotating, "reconnect", "operator").await;
    assert_eq!(end(OKTA).await, NOTHING);
    let policy = (
        400,
        json!({"error": "access_denied", "error_description": "Policy evaluation failed"}),
    );
    assert_eq!(comes_of(OKTA, policy).await, "refused access_denied");
}

const AUTH0: Case = Case {
    key: "auth0",
    play: plays::auth0,
    settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}/")],
    chooses: Some(("prompt", "login")),
    subject: "auth0|5f7c8ec7c33c6c004bbafe82",
    life: Some(86_400),
    ..OPENID
};

#[tokio::test]
async fn auth0_refuses_with_403_and_has_a_slash_in_its_issuer() {
    play(AUTH0, "reconnect", "operator").await;
    let more = (403, json!({"error": "mfa_required", "mfa_token": "…"}));
    assert_eq!(comes_of(AUTH0, more).await, "refused mfa_required");
    assert_eq!(end(AUTH0).await, NOTHING);
}

const KEYCLOAK: Case = Case {
    key: "keycloak",
    play: plays::keycloak,
    rotation: Rotation::OldStays,
    settings: &[("LATCHKEY_PROVIDER_ISSUER", "{player}/realms/staff")],
    authorize: "/realms/staff/authorize",
    chooses: Some(("prompt", "login")),
    subject: "f:1:robin",
    name: "robin",
    life: Some(300),
    ..OPENID
};

#[tokio::test]
async fn keycloak_gives_keys_of_minutes_and_two_kinds_of_rotation() {
    play(KEYCLOAK, "reconnect", "operator").await;
    let strict = Case {
        rotation: Rotation::Strict,
        ..KEYCLOAK
    };
    play(strict, "reconnect", "operator").await;
    assert_eq!(end(KEYCLOAK).await, NOTHING);
}

const OIDC: Case = Case {
    key: "oidc",
    asks: &[
        ("scope", "openid profile offline_access"),
        ("prompt", "consent"),
    ],
    chooses: Some(("prompt", "select_account consent")),
    ..OPENID
};

#[tokio::test]
async fn oidc_is_any_other_that_keeps_to_the_standard() {
    play(OIDC, "reconnect", "operator").await;
    assert_eq!(end(OIDC).await, NOTHING);
    // How the app proves itself may be set, whatever the metadata says.
    let body = Case {
        settings: &[
            ("LATCHKEY_PROVIDER_ISSUER", "{player}"),
            ("LATCHKEY_PROVIDER_CLIENT_AUTH", "body"),
        ],
        ..OIDC
    };
    assert_eq!(comes_of_first(&body).await, "invalid_client");
    for (method, expected) in [("body", "reconnect"), ("basic", "operator")] {
        let without_discovery = Case {
            play: plays::linear,
            settings: match method {
                "body" => &[
                    (
                        "LATCHKEY_PROVIDER_AUTHORIZE_URL",
                        "{player}/oauth/authorize",
                    ),
                    ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/oauth/token"),
                    ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/me"),
                    ("LATCHKEY_PROVIDER_CLIENT_AUTH", "body"),
                ],
                _ => &[
                    (
                        "LATCHKEY_PROVIDER_AUTHORIZE_URL",
                        "{player}/oauth/authorize",
                    ),
                    ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/oauth/token"),
                    ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/me"),
                ],
            },
            ..OIDC
        };
        let way = Way::start(&without_discovery, SECRET).await;
        let came = way
            .provider
            .refresh(&Secret::new("rt-that-nobody-gave"))
            .await;
        assert_eq!(words(came), expected, "{method}");
    }
    // Settings alone describe a service that is asked for nothing it may not know.
    let plain = Case {
        settings: &[
            ("LATCHKEY_PROVIDER_AUTHORIZE_URL", "{player}/authorize"),
            ("LATCHKEY_PROVIDER_TOKEN_URL", "{player}/token"),
            ("LATCHKEY_PROVIDER_IDENTITY_URL", "{player}/me"),
            ("LATCHKEY_PROVIDER_SCOPES", "drive.read"),
        ],
        ..OIDC
    };
    let way = Way::start(&plain, SECRET).await;
    assert_eq!(way.provider.lets_choose().await.ok(), Some(false));
    assert!(!query(&way.authorize(true).await).contains_key("prompt"));
}

/// Why a code cannot be redeemed there.
async fn comes_of_first(case: &Case) -> String {
    let way = Way::start(case, SECRET).await;
    let back = query(&way.player.approve(&way.authorize(false).await));
    let (code, nonce) = (Secret::new(&back["code"]), Secret::new("nonce-of-it"));
    let redeemed = way
        .provider
        .redeem(&code, &Secret::new(VERIFIER), &nonce)
        .await;
    let why = redeemed.err().map(|error| error.why.to_string());
    let why = why.expect("the service refuses");
    why.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// The product with a player as its service.
async fn scene(case: &Case) -> (Scene, Player) {
    let player = Player::start(case.play, Clock::movable()).await;
    {
        let mut service = player.service();
        service.prefixes = case.prefixes;
        service.rotation = case.rotation;
    }
    let mut setting = Setting::default()
        .with("LATCHKEY_PROVIDER", case.key)
        .with("LATCHKEY_PROVIDER_NAME", "")
        .with("LATCHKEY_PROVIDER_ISSUER", "")
        .with("LATCHKEY_PROVIDER_CLIENT_ID", CLIENT)
        .with("LATCHKEY_PROVIDER_CLIENT_SECRET", SECRET);
    for (name, value) in case.settings {
        setting = setting.with(name, value.replace("{player}", &player.origin()));
    }
    (Scene::start(Db::Sqlite, setting).await, player)
}

async fn until_returned(person: &Person<'_>, player: &Player) -> Returned {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let callback = player.approve(&authorize);
    let answer = person.come_back(&callback, &begun.cookie).await;
    person.arrive(answer.leads_to(), &begun.cookie).await
}

/// From Connect to Disconnect by what people and Jira see, with an error in between that means nothing and
/// one that means that the person has to come again.
async fn whole_life(case: Case, service_name: &str, means_nothing: Answer, ended: Answer) {
    let (mut scene, player) = scene(&case).await;
    let omar = scene.person("acme", OMAR);
    let returned = until_returned(&omar, &player).await;
    assert_eq!(
        player.service().alive(),
        Vec::<&str>::new(),
        "nothing is redeemed before the proof"
    );
    let both = omar.both(&returned).await;
    assert_eq!(both.service, service_name);
    assert_eq!((&*both.subject, &*both.name), (case.subject, case.name));
    omar.confirm(&returned).await.leads_to();
    for _ in 0..2 {
        let before = omar.key();
        let property: Value = omar.renewed().await;
        assert_eq!(property["subject"], case.subject);
        assert_ne!(omar.key(), before);
        assert!(player.service().opens(&omar.key()), "{}", case.key);
    }

    player.service().says = Some(means_nothing);
    let before = omar.recorded().await;
    omar.renew().await.is(202);
    // The second try shows what came of the first.
    eventually("it is tried again", async || {
        scene.advance(20);
        (player.service().said >= 2).then_some(())
    })
    .await;
    assert_eq!(omar.state().await, "linked", "nobody is asked to reconnect");
    player.service().says = None;
    eventually("it is renewed after all", async || {
        scene.advance(20);
        (omar.generation() > Some(before)).then_some(())
    })
    .await;
    omar.recorded().await;

    player.service().says = Some(ended);
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains(service_name), "{reason}");
    player.service().says = None;

    let returned = until_returned(&omar, &player).await;
    omar.prove(&returned).await.is(200);
    let linked = {
        omar.confirm(&returned).await.leads_to();
        omar.status().await
    };
    assert_eq!(linked["state"], "linked");
    // What ended with the old consent takes nothing of the new one along.
    omar.renewed().await;
    assert!(player.service().opens(&omar.key()));
    omar.disconnect().await;
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);
    {
        let service = player.service();
        assert_eq!(service.alive(), Vec::<&str>::new(), "it was all revoked");
        assert_eq!(service.refused, Vec::<String>::new());
    }
    scene.other_secrets = player.secrets();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_from_connect_to_disconnect() {
    let nothing = (200, json!({"error": "unverified_user_email"}));
    let ended = (200, json!({"error": "bad_refresh_token"}));
    whole_life(GITHUB, "GitHub", nothing, ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack_from_connect_to_disconnect() {
    let nothing = (200, json!({"ok": false, "error": "fatal_error"}));
    let ended = (200, json!({"ok": false, "error": "invalid_refresh_token"}));
    whole_life(SLACK, "Slack", nothing, ended).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notion_from_connect_to_disconnect() {
    let refusal =
        |code: &str| json!({"object": "error", "status": 400, "code": code, "message": "…"});
    let nothing = (400, refusal("validation_error"));
    whole_life(NOTION, "Notion", nothing, (400, refusal("invalid_grant"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github_is_known_to_the_doctor() {
    let (mut scene, player) = scene(&GITHUB).await;
    let said = Latchkey::run(&["doctor"], &scene.settings().to_vec()).await;
    let line = |start: &str| {
        let mut lines = said.stdout.lines();
        let found = lines.find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no line {start:?} in\n{}", said.stdout))
    };
    assert!(line("✓ habits").contains("are those of `github`; "));
    // That the token was never given is said in its own way, and understood.
    assert!(line("✓ token endpoint").contains("answers and knows this client"));
    scene.other_secrets = player.secrets();
    scene.end().await;
}

/// Google ends all that an account ever gave to this app, whichever token is revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_shared_by_two_people_is_revoked_with_the_last() {
    let (mut scene, player) = scene(&GOOGLE).await;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    for person in [&omar, &mia] {
        let returned = until_returned(person, &player).await;
        person.prove(&returned).await.is(200);
        person.confirm(&returned).await.leads_to();
        person.recorded().await;
    }
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert!(
        player.service().opens(&mia.key()),
        "the other link is as it was"
    );
    mia.renewed().await;
    assert!(player.service().opens(&mia.key()));
    mia.disconnect().await;
    scene.no_work_left().await;
    {
        let service = player.service();
        assert_eq!(service.alive(), Vec::<&str>::new());
        assert_eq!(service.refused, Vec::<String>::new());
    }
    scene.other_secrets = player.secrets();
    scene.end().await;
}
