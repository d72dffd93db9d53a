//! The service refuses what a good one refuses: otherwise stories against it prove nothing.

use std::time::Duration;

use aws_lc_rs::{digest, signature};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::*;

const CALLBACK: &str = "http://app.localhost/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";

/// A client that knows the rules, so that each test can break one.
struct App {
    service: Service,
    http: reqwest::Client,
}

type Fields<'a> = Vec<(&'a str, String)>;

impl App {
    async fn start(options: ServiceOptions) -> Self {
        let service = Service::start(options).await;
        service.register_redirect(CALLBACK);
        let http = loopback_client();
        Self { service, http }
    }

    async fn strict() -> Self {
        Self::start(ServiceOptions::default()).await
    }

    /// A correct request, except for one parameter; an empty value leaves it out.
    fn authorize_url(&self, name: &str, value: &str) -> String {
        let challenge = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
        let mut fields = vec![
            ("response_type", "code".into()),
            ("client_id", self.service.client_id()),
            ("redirect_uri", CALLBACK.into()),
            ("scope", "openid profile offline_access".into()),
            ("state", "the-state".into()),
            ("nonce", "the-nonce".into()),
            ("code_challenge", URL_SAFE_NO_PAD.encode(challenge)),
            ("code_challenge_method", "S256".into()),
        ];
        set(&mut fields, name, value);
        let url = Url::parse_with_params(&self.service.url("/authorize"), fields);
        url.expect("an address").into()
    }

    async fn code(&self) -> String {
        let url = self.authorize_url("", "");
        let callback = self.service.approve(&url, "u-100").await;
        parameter(&callback, "code").expect("a code")
    }

    async fn send(&self, path: &str, mut fields: Fields<'_>) -> (StatusCode, Value) {
        if !fields.iter().any(|(name, _)| *name == "client_id") {
            fields.push(("client_id", self.service.client_id()));
            fields.push(("client_secret", self.service.client_secret()));
        }
        let url = self.service.url(path);
        let answer = self
            .http
            .post(url)
            .form(&fields)
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn redeem(&self, code: &str, name: &str, value: &str) -> (StatusCode, Value) {
        let mut fields = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", CALLBACK.into()),
            ("code_verifier", VERIFIER.into()),
        ];
        set(&mut fields, name, value);
        self.send("/token", fields).await
    }

    async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        let kind = ("grant_type", "refresh_token".into());
        self.send("/token", vec![kind, ("refresh_token", token.into())])
            .await
    }

    async fn tokens(&self) -> Value {
        let (status, tokens) = self.redeem(&self.code().await, "", "").await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let request = self.http.get(self.service.url(path)).bearer_auth(token);
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json().await.unwrap_or_default())
    }
}

fn set(fields: &mut Fields<'_>, name: &str, value: &str) {
    for field in fields.iter_mut().filter(|field| field.0 == name) {
        field.1 = value.into();
    }
    fields.retain(|(_, value)| !value.is_empty());
}

fn parameter(address: &str, name: &str) -> Option<String> {
    let address = Url::parse(address).expect("an address");
    let mut pairs = address.query_pairs();
    pairs.find(|pair| pair.0 == name).map(|pair| pair.1.into())
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

#[tokio::test]
async fn a_correct_client_gets_what_it_asks_for() {
    for signing in [Signing::Es256, Signing::Rs256] {
        let options = ServiceOptions {
            signing,
            ..ServiceOptions::default()
        };
        let app = App::start(options).await;
        let (_, metadata) = app.get("/.well-known/openid-configuration", "").await;
        assert_eq!(metadata["issuer"], app.service.issuer());

        let url = app.authorize_url("", "");
        let callback = app.service.approve(&url, "u-100").await;
        assert!(callback.starts_with(CALLBACK));
        assert_eq!(parameter(&callback, "state").as_deref(), Some("the-state"));
        assert_eq!(
            parameter(&callback, "iss").as_deref(),
            Some(app.service.issuer())
        );
        assert_eq!(app.service.ledger().unredeemed_codes().len(), 1);

        let code = parameter(&callback, "code").expect("a code");
        let (status, tokens) = app.redeem(&code, "", "").await;
        assert_eq!(status, 200);
        assert_eq!(tokens["expires_in"], 3600);
        let (_, jwks) = app.get("/jwks", "").await;
        let claims = verified(text(&tokens, "id_token"), &jwks["keys"][0]);
        assert_eq!(claims["sub"], "u-100");
        assert_eq!(claims["nonce"], "the-nonce");
        assert_eq!(claims["name"], "Robin Park");

        let access = text(&tokens, "access_token");
        let (_, user) = app.get("/api/whoami", access).await;
        assert_eq!(user, json!({ "user": "u-100" }));
        let (_, me) = app.get("/me", access).await;
        assert_eq!(
            me,
            json!({ "id": 100, "login": "robin", "name": "Robin Park" })
        );

        let refresh = text(&tokens, "refresh_token");
        let (status, _) = app.send("/revoke", vec![("token", refresh.into())]).await;
        assert_eq!(status, 200);
        assert_eq!(app.get("/api/whoami", access).await.0, 401);
        let ledger = app.service.ledger();
        assert!(ledger.live_grants().is_empty() && ledger.unredeemed_codes().is_empty());
        assert!(ledger.is_revoked(access) && ledger.is_revoked(refresh));
        let secrets = app.service.secrets();
        let given = ["access_token", "refresh_token", "id_token"].map(|name| text(&tokens, name));
        for secret in given.into_iter().chain([code.as_str(), VERIFIER]) {
            assert!(secrets.iter().any(|known| known == secret));
        }
        assert!(
            app.service.unexpected().is_empty(),
            "{:?}",
            app.service.unexpected()
        );
    }
}

/// The claims of a token, after checking its signature with the published key.
fn verified(token: &str, jwk: &Value) -> Value {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let number = |name| decode(text(jwk, name));
    let (signed, mac) = token.rsplit_once('.').expect("a JWT");
    let valid = match text(jwk, "kty") {
        "EC" => {
            let point = [vec![4], number("x"), number("y")].concat();
            let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
            key.verify(signed.as_bytes(), &decode(mac))
        }
        _ => {
            let (n, e) = (number("n"), number("e"));
            let key = signature::RsaPublicKeyComponents { n: &n, e: &e };
            let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
            key.verify(algorithm, signed.as_bytes(), &decode(mac))
        }
    };
    valid.expect("a good signature");
    let (_, claims) = signed.split_once('.').expect("a JWT");
    serde_json::from_slice(&decode(claims)).expect("claims are JSON")
}

#[tokio::test]
async fn bad_authorization_requests_go_back_with_an_error_and_iss() {
    let app = App::strict().await;
    for (name, value, error) in [
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", VERIFIER, "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("state", "", "invalid_request"),
        ("nonce", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "openid root", "invalid_scope"),
    ] {
        let url = app.authorize_url(name, value);
        let callback = app.service.approve(&url, "u-100").await;
        assert_eq!(
            parameter(&callback, "error").as_deref(),
            Some(error),
            "{name}"
        );
        assert!(parameter(&callback, "iss").is_some());
        assert_eq!(app.service.take_unexpected().len(), 1);
    }
    let denied = app.service.deny(&app.authorize_url("", ""), "u-200").await;
    assert_eq!(
        parameter(&denied, "error").as_deref(),
        Some("access_denied")
    );
    assert!(app.service.unexpected().is_empty());
    assert!(app.service.ledger().grants().is_empty());
}

#[tokio::test]
async fn an_unregistered_address_is_never_redirected_to() {
    let app = App::strict().await;
    let almost = format!("{CALLBACK}/");
    for (name, value) in [("redirect_uri", almost.as_str()), ("client_id", "who")] {
        let url = app.authorize_url(name, value);
        let answer = app.http.get(url).send().await.expect("an answer");
        assert_eq!(answer.status(), 400);
    }
    let twice = format!("{}&state=another", app.authorize_url("", ""));
    assert_eq!(
        app.http
            .get(twice)
            .send()
            .await
            .expect("an answer")
            .status(),
        400
    );
    assert_eq!(app.service.unexpected().len(), 3);
}

#[tokio::test]
async fn a_code_is_bound_to_verifier_address_and_client() {
    let app = App::strict().await;
    let wrong = VERIFIER.replace('-', "_");
    for (name, value, error) in [
        ("code_verifier", wrong.as_str(), "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "http://app.localhost/", "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
        ("code", "code_that_never_was", "invalid_grant"),
    ] {
        let (status, answer) = app.redeem(&app.code().await, name, value).await;
        assert_eq!(status, 400);
        assert_eq!(answer["error"], error, "{name}");
        assert_eq!(app.service.take_unexpected().len(), 1);
    }

    let secret = app
        .service
        .add_client("stranger", "http://stranger.localhost/");
    let code = app.code().await;
    let fields = vec![
        ("grant_type", "authorization_code".into()),
        ("code", code.clone()),
        ("redirect_uri", CALLBACK.into()),
        ("code_verifier", VERIFIER.into()),
        ("client_id", "stranger".into()),
        ("client_secret", secret),
    ];
    assert_eq!(app.send("/token", fields).await.1["error"], "invalid_grant");
    assert_eq!(
        app.redeem(&code, "", "").await.0,
        200,
        "a stranger spoils nothing"
    );

    let code = app.code().await;
    app.service.advance(Duration::from_secs(61));
    assert_eq!(app.redeem(&code, "", "").await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_it_gave() {
    let app = App::strict().await;
    let code = app.code().await;
    let (_, tokens) = app.redeem(&code, "", "").await;
    assert_eq!(app.redeem(&code, "", "").await.1["error"], "invalid_grant");
    assert_eq!(
        app.get("/userinfo", text(&tokens, "access_token")).await.0,
        401
    );
    assert_eq!(
        app.service.ledger().grants()[0].revoked,
        Some(Cause::CodeReused)
    );
}

#[tokio::test]
async fn clients_prove_themselves_the_offered_way() {
    let app = App::strict().await;
    let url = app.service.url("/introspect");
    let (id, secret) = (app.service.client_id(), app.service.client_secret());
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let basic = |secret: &str| {
        let request = app.http.post(&url).basic_auth(encode(&id), Some(secret));
        request.form(&[("token", "")])
    };
    let post = |secret: &str| {
        let form = [("client_id", id.as_str()), ("client_secret", secret)];
        app.http.post(&url).form(&form)
    };
    for (offered, request, status) in [
        (ClientAuth::Basic, basic(&encode(&secret)), 200),
        (ClientAuth::Basic, basic(&secret), 401),
        (ClientAuth::Basic, post(&secret), 401),
        (ClientAuth::Post, post(&secret), 200),
        (ClientAuth::Post, post("guess"), 401),
        (ClientAuth::Post, basic(&encode(&secret)), 401),
        (ClientAuth::Either, basic(&encode(&secret)), 200),
        (ClientAuth::Either, post(&secret), 200),
        (
            ClientAuth::Either,
            post(&secret).basic_auth(&id, Some(encode(&secret))),
            400,
        ),
        (ClientAuth::Either, app.http.post(format!("{url}?a=b")), 400),
        (
            ClientAuth::Either,
            app.http.post(&url).json(&json!({})),
            400,
        ),
    ] {
        app.service
            .options_mut(|options| options.client_auth = offered);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let refused = usize::from(status != 200);
        assert_eq!(app.service.take_unexpected().len(), refused);
    }
}

#[tokio::test]
async fn strict_rotation_revokes_the_grant_on_reuse() {
    let app = App::strict().await;
    let first = app.tokens().await;
    let first = text(&first, "refresh_token");
    let (_, second) = app.refresh(first).await;
    assert_eq!(app.refresh(first).await.1["error"], "invalid_grant");
    assert_eq!(
        app.refresh(text(&second, "refresh_token")).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(
        app.get("/api/whoami", text(&second, "access_token"))
            .await
            .0,
        401
    );
    let ledger = app.service.ledger();
    assert_eq!(ledger.reused_refresh_tokens(), [first]);
    assert_eq!(ledger.refresh_tokens_used_twice().len(), 1);
    assert!(ledger.live_grants().is_empty() && ledger.overlaps().is_empty());
}

#[tokio::test]
async fn grace_lets_a_lost_answer_be_retried_for_a_while() {
    let grace = Rotation::Grace(Duration::from_secs(30));
    let app = App::strict().await;
    app.service.options_mut(|options| options.rotation = grace);
    let first = app.tokens().await;
    let first = text(&first, "refresh_token");
    app.refresh(first).await;
    let (status, second) = app.refresh(first).await;
    assert_eq!(status, 200);
    let (_, third) = app.refresh(text(&second, "refresh_token")).await;
    assert!(app.service.ledger().reused_refresh_tokens().is_empty());

    app.service.advance(Duration::from_secs(31));
    let (status, _) = app.refresh(text(&second, "refresh_token")).await;
    assert_eq!(status, 400);
    assert_eq!(app.refresh(text(&third, "refresh_token")).await.0, 400);
}

#[tokio::test]
async fn until_first_use_ends_when_the_successor_is_seen() {
    let app = App::strict().await;
    app.service
        .options_mut(|options| options.rotation = Rotation::UntilFirstUse);
    let first = app.tokens().await;
    let first = text(&first, "refresh_token");
    app.refresh(first).await;
    app.service.advance(Duration::from_secs(86_400));
    let (status, second) = app.refresh(first).await;
    assert_eq!(status, 200);
    app.get("/api/whoami", text(&second, "access_token")).await;
    assert_eq!(app.refresh(first).await.0, 400);
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays() {
    let app = App::strict().await;
    app.service
        .options_mut(|options| options.rotation = Rotation::None);
    let first = app.tokens().await;
    for _ in 0..3 {
        let (status, next) = app.refresh(text(&first, "refresh_token")).await;
        assert_eq!(status, 200);
        assert!(next["refresh_token"].is_null());
    }
    app.service.withdraw("u-100");
    assert_eq!(
        app.refresh(text(&first, "refresh_token")).await.1["error"],
        "invalid_grant"
    );
    assert!(app.service.unexpected().is_empty());
}

#[tokio::test]
async fn api_keys_are_made_with_access_tokens_and_outlive_them() {
    let app = App::strict().await;
    let tokens = app.tokens().await;
    let access = text(&tokens, "access_token");
    let minted = app.http.post(app.service.url("/keys")).bearer_auth(access);
    let key: Value = minted
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    app.send(
        "/revoke",
        vec![("token", text(&tokens, "refresh_token").into())],
    )
    .await;
    assert_eq!(app.get("/api/whoami", text(&key, "apiKey")).await.0, 200);
    assert_eq!(app.service.ledger().live_api_keys().len(), 1);

    let tokens = app.tokens().await;
    let url = app.service.url(&format!("/keys/{}", text(&key, "id")));
    let deleted = app
        .http
        .delete(url)
        .bearer_auth(text(&tokens, "access_token"));
    assert_eq!(deleted.send().await.expect("an answer").status(), 204);
    assert_eq!(app.get("/api/whoami", text(&key, "apiKey")).await.0, 401);
    assert!(app.service.unexpected().is_empty());
}

#[tokio::test]
async fn faults_happen_as_often_as_they_were_ordered() {
    let app = App::strict().await;
    app.service
        .options_mut(|options| options.rotation = Rotation::UntilFirstUse);
    let tokens = app.tokens().await;
    let refresh = text(&tokens, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let attempt = || app.http.post(app.service.url("/token")).form(&form).send();

    for kind in [Kind::CutBefore, Kind::CutAfter, Kind::Down] {
        app.service.fault(Fault::once(Endpoint::Refresh, kind));
        assert!(attempt().await.is_err());
    }
    app.service
        .fault(Fault::once(Endpoint::Refresh, Kind::Hang));
    let hung = tokio::time::timeout(Duration::from_millis(200), attempt()).await;
    assert!(hung.is_err());
    let all_closed = |ledger: &Ledger| ledger.token_requests().iter().all(|r| r.ended.is_some());
    let patience = Duration::from_secs(5);
    app.service
        .wait_until("the client's leaving to be seen", patience, all_closed)
        .await;
    assert_eq!(
        app.service.take_unexpected().len(),
        1,
        "only CutAfter was processed"
    );

    app.service
        .fault(Fault::once(Endpoint::Refresh, Kind::CutJson));
    assert_eq!(app.refresh(refresh).await, (StatusCode::OK, Value::Null));
    app.service
        .fault(Fault::once(Endpoint::Token, Kind::ExpiresIn("soon".into())));
    assert_eq!(app.refresh(refresh).await.1["expires_in"], "soon");
    app.service
        .fault(Fault::once(Endpoint::Refresh, Kind::NoRefreshToken));
    assert!(app.refresh(refresh).await.1["refresh_token"].is_null());
    let busy = Kind::Status(429, vec![("retry-after".into(), "7".into())], String::new());
    app.service.fault(Fault::times(Endpoint::Token, 2, busy));
    for status in [429, 429, 200] {
        assert_eq!(app.refresh(refresh).await.0, status);
    }
    assert!(app.service.ledger().overlaps().is_empty());
    assert!(app.service.unexpected().is_empty());

    let slow = Kind::Delay(Duration::from_millis(100));
    app.service.fault(Fault::times(Endpoint::Refresh, 2, slow));
    tokio::join!(app.refresh(refresh), app.refresh(refresh));
    assert_eq!(app.service.ledger().overlaps().len(), 1);
}

#[tokio::test]
async fn answers_and_id_tokens_can_be_made_wrong() {
    let app = App::strict().await;
    app.service
        .fault(Fault::once(Endpoint::Authorize, Kind::NoIss));
    app.service
        .fault(Fault::once(Endpoint::Authorize, Kind::WrongIss));
    let url = app.authorize_url("", "");
    let callback = app.service.approve(&url, "u-100").await;
    assert_eq!(parameter(&callback, "iss"), None);
    let callback = app.service.deny(&url, "u-100").await;
    assert_ne!(
        parameter(&callback, "iss").as_deref(),
        Some(app.service.issuer())
    );

    app.service
        .fault(Fault::once(Endpoint::Redeem, Kind::WrongNonce));
    let tokens = app.tokens().await;
    let (_, jwks) = app.get("/jwks", "").await;
    let claims = verified(text(&tokens, "id_token"), &jwks["keys"][0]);
    assert_ne!(claims["nonce"], "the-nonce");
    app.service.rotate_signing_key(false);
    let (_, rotated) = app.get("/jwks", "").await;
    assert_ne!(rotated, jwks);
}

#[tokio::test]
async fn people_take_back_what_they_allowed() {
    let app = App::strict().await;
    let visitor = Visitor::new(&app.service);
    let callback = visitor.approve(&app.authorize_url("", ""), "sam").await;
    let code = parameter(&callback, "code").expect("a code");
    let (_, tokens) = app.redeem(&code, "", "").await;
    let stranger = Visitor::new(&app.service);
    stranger.approve(&app.authorize_url("", ""), "u-100").await;

    let remove = app.service.url("/apps/remove");
    stranger.submit(&remove, &[("grant", "0")]).await;
    assert_eq!(
        app.service.ledger().live_grants().len(),
        1,
        "it is not theirs"
    );
    let home = visitor.page(&app.service.url("/")).await;
    assert!(
        home.contains("Sam Ortiz") && home.contains("Remove access of Latchkey"),
        "{home}"
    );
    let home = visitor.submit(&remove, &[("grant", "0")]).await;
    assert!(home.contains("None at the moment"), "{home}");
    let (_, refused) = app.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(refused["error"], "invalid_grant");
    let out = visitor.submit(&app.service.url("/logout"), &[]).await;
    assert!(out.contains("Nobody is signed in"), "{out}");
    assert!(app.service.unexpected().is_empty());
}

#[tokio::test]
async fn pages_escape_names_and_keep_their_opener_out() {
    let app = App::strict().await;
    let visitor = Visitor::new(&app.service);
    let url = app.authorize_url("", "");
    visitor.approve(&url, "u-666").await;
    let page = visitor.page(&url).await;
    assert!(
        page.contains("&lt;img src=x") && !page.contains("<img"),
        "{page}"
    );
    let again = app.authorize_url("prompt", "");
    assert!(
        visitor
            .page(&format!("{again}&prompt=select_account"))
            .await
            .contains("Sign in as")
    );

    app.service
        .options_mut(|options| options.remember_consent = true);
    let asked = visitor
        .approve(&format!("{url}&prompt=none"), "u-666")
        .await;
    assert!(
        parameter(&asked, "code").is_some(),
        "asks nothing of those who allowed before"
    );

    let page = app
        .http
        .get(app.service.issuer())
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.headers()["cross-origin-opener-policy"], "same-origin");
    assert_eq!(
        app.http
            .get(app.service.url("/nowhere"))
            .send()
            .await
            .expect("one")
            .status(),
        404
    );
    assert_eq!(app.service.unexpected().len(), 1);
}
