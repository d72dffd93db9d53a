//! Stories of services that want more of a client than a secret: pushed authorization requests, assertions,
//! certificates, DPoP proofs, and resources by name.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use latchkey::config::Config;

use crate::on_both_databases;
use crate::proofs::{Authority, private_key, thumbprint};
use crate::returning::parameter;
use crate::scene::{Begun, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::{
    AssertionAudience, ClientAuth, Endpoint, Fault, Kind, MutualTls, NameIn, Pushing,
    ServiceOptions, TokenKind,
};

on_both_databases!(
    as_a_service_that_wants_everything_is_satisfied,
    as_keys_of_a_key_endpoint_are_asked_for_with_proofs,
    as_a_refusal_for_a_nonce_is_no_lost_answer,
);

const RESOURCE: &str = "https://api.acme.example.com/drive";
const OTHER: &str = "urn:acme:photos";

/// What an operator has made.
struct Keys {
    client: String,
    dpop: String,
}

fn strict() -> ServiceOptions {
    ServiceOptions {
        client_auth: ClientAuth::PrivateKeyJwt,
        pushing: Pushing::Demanded,
        dpop: true,
        dpop_nonces: true,
        resources: vec![RESOURCE.to_owned(), OTHER.to_owned()],
        ..ServiceOptions::default()
    }
}

fn setting(service: ServiceOptions) -> (Setting, Keys) {
    let keys = Keys {
        client: private_key(),
        dpop: private_key(),
    };
    let setting = Setting {
        service,
        ..Setting::default()
    };
    let setting = setting
        .with("LATCHKEY_PROVIDER_CLIENT_SECRET", "")
        .with("LATCHKEY_PROVIDER_CLIENT_AUTH", "private_key_jwt")
        .with("LATCHKEY_PROVIDER_CLIENT_KEY", &keys.client)
        .with("LATCHKEY_PROVIDER_DPOP_KEY", &keys.dpop)
        .with("LATCHKEY_PROVIDER_RESOURCE", format!("{RESOURCE} {OTHER}"))
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com");
    (setting, keys)
}

async fn published(scene: &Scene) -> Value {
    scene.get("/.well-known/jwks.json").await.is(200).json()
}

/// The product in front of such a service, which has fetched the keys.
async fn scene(db: Db, service: ServiceOptions) -> (Scene, Keys) {
    let (setting, keys) = setting(service);
    let scene = Scene::start(db, setting).await;
    scene.world.service.register_keys(&published(&scene).await);
    (scene, keys)
}

/// Nothing of it stands in the log or the database, either key included.
async fn end(mut scene: Scene, keys: &Keys) {
    for pem in [&keys.client, &keys.dpop] {
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        scene.other_secrets.extend(lines.map(str::to_owned));
    }
    scene.end().await;
}

async fn as_a_service_that_wants_everything_is_satisfied(db: Db) {
    let (scene, keys) = scene(db, strict()).await;
    let service = &scene.world.service;
    let set = published(&scene).await;
    let [signs, proves] = set["keys"].as_array().expect("keys").as_slice() else {
        panic!("one key signs API keys, and one assertions: {set}");
    };
    assert_eq!(
        (&signs["alg"], &signs["use"]),
        (&"EdDSA".into(), &"sig".into())
    );
    let expected = (
        "ES256".into(),
        "sig".into(),
        thumbprint(&keys.client).into(),
    );
    assert_eq!(
        (&proves["alg"], &proves["use"], &proves["kid"]),
        (&expected.0, &expected.1, &expected.2)
    );

    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    // The browser carries nothing that says what was asked for.
    let url = Url::parse(&authorize).expect("an address");
    let names: Vec<String> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let callback = service.approve(&authorize, "u-100").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    omar.prove(&returned).await.is(200);
    omar.confirm(&returned).await.leads_to();
    assert_eq!(omar.state().await, "linked");

    for _ in 0..3 {
        service.change_dpop_nonce();
        omar.renewed().await;
        assert_eq!(omar.state().await, "linked");
    }
    let ledger = service.ledger();
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert!(ledger.overlaps().is_empty());
    // The first proof and each after a change of the nonce were refused once, and nothing else was.
    assert_eq!(service.calls_to(Endpoint::Refresh), 6);
    assert_eq!(service.calls_to(Endpoint::Redeem), 2);
    let grant = ledger.live_grants()[0].id;
    let jkt = thumbprint(&keys.dpop);
    for token in ledger.tokens_of(grant) {
        let expected = (token.kind == TokenKind::Access).then(|| jkt.clone());
        assert_eq!(service.bound_to(&token.value), expected);
    }

    omar.disconnect().await;
    scene.nothing_left().await;
    end(scene, &keys).await;
}

async fn as_keys_of_a_key_endpoint_are_asked_for_with_proofs(db: Db) {
    let mut service = strict();
    service.name_in = NameIn::Userinfo;
    service.assertion_audience = AssertionAudience::TokenEndpoint;
    service.access_token_life = Duration::from_secs(3600);
    let (setting, keys) = setting(service);
    let setting = setting
        .with("LATCHKEY_PROVIDER_CLIENT_AUDIENCE", "token-endpoint")
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    service.register_keys(&published(&scene).await);
    let omar = scene.person("acme", OMAR);
    let linked = omar.link("u-100").await;
    assert_eq!(linked["displayName"], "Robin Park", "it is at userinfo");
    let first = omar.key();
    service.change_dpop_nonce();
    omar.renewed().await;
    assert_ne!(omar.key(), first);
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    service
        .wait_until(
            "the old key is deleted",
            Duration::from_secs(20),
            |ledger| ledger.is_revoked(&first) && ledger.live_api_keys().len() == 1,
        )
        .await;
    omar.disconnect().await;
    scene.nothing_left().await;
    end(scene, &keys).await;
}

/// A service that refuses proofs for their nonce, again and again, has not touched the refresh token. What becomes of the
/// link afterwards is told as what it is.
async fn as_a_refusal_for_a_nonce_is_no_lost_answer(db: Db) {
    let (scene, keys) = scene(db, strict()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let before = service.calls_to(Endpoint::Refresh);
    let headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("dpop-nonce".to_owned(), "never-the-right-one".to_owned()),
    ];
    let body = json!({"error": "use_dpop_nonce"}).to_string();
    service.fault(Fault::always(
        Endpoint::Refresh,
        Kind::Status(400, headers, body),
    ));
    omar.renew().await.is(202);
    let tried = |times: usize| async move {
        eventually("it was tried", async || {
            (service.calls_to(Endpoint::Refresh) >= before + times).then_some(())
        })
        .await;
    };
    // Twice for each try: once more with the nonce that was asked for, and no more.
    tried(2).await;
    scene.advance(120);
    tried(4).await;
    assert_eq!(omar.state().await, "linked");
    service.withdraw("u-100");
    service.clear_faults();
    scene.advance(600);
    let reason = omar.asked_to_reconnect().await;
    assert!(!reason.contains("was lost"), "{reason}");
    scene.no_work_left().await;
    end(scene, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_pushed_request_that_fails_sends_nobody_to_the_service() {
    let mut service = strict();
    service.pushing = Pushing::Offered;
    let (scene, keys) = scene(Db::Sqlite, service).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let go_on = async |omar: &Person<'_>, begun: &Begun| {
        omar.with_cookie(Method::POST, &format!("/link/{}", begun.id), &begun.cookie)
            .await
    };
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let refusal =
        |name: &str| Kind::Status(400, json.clone(), json!({ "error": name }).to_string());
    for (kind, status, problem) in [
        (Kind::Down, 503, "service-unreachable"),
        (
            Kind::Status(500, Vec::new(), String::new()),
            503,
            "service-unreachable",
        ),
        (
            Kind::Status(404, Vec::new(), "not here".to_owned()),
            503,
            "service-unreachable",
        ),
        (Kind::Html200, 502, "service-refused"),
        (refusal("invalid_request"), 502, "service-refused"),
        (refusal("invalid_scope"), 502, "scope-refused"),
        (refusal("invalid_client"), 502, "app-refused"),
    ] {
        service.fault(Fault::always(Endpoint::Push, kind.clone()));
        go_on(&omar, &begun).await.is_page(status, problem);
        service.clear_faults();
    }
    // It asks to wait, and is not asked again meanwhile.
    let wait = vec![("retry-after".to_owned(), "30".to_owned())];
    service.fault(Fault::once(
        Endpoint::Push,
        Kind::Status(429, wait, String::new()),
    ));
    go_on(&omar, &begun)
        .await
        .is_page(503, "service-unreachable");
    let asked = service.calls_to(Endpoint::Push);
    go_on(&omar, &begun)
        .await
        .is_page(503, "service-unreachable");
    assert_eq!(service.calls_to(Endpoint::Push), asked);
    scene.advance(31);
    // The same attempt goes on when the service is back.
    let authorize = omar.go_on(&begun).await;
    assert!(parameter(&authorize, "request_uri").starts_with("urn:"));
    let callback = service.approve(&authorize, "u-100").await;
    omar.come_back(&callback, &begun.cookie).await.leads_to();
    // A reference works once.
    let again = scene.http.get(&authorize).send().await.expect("an answer");
    assert!(
        again
            .text()
            .await
            .expect("a page")
            .contains("pushed request is over")
    );
    service.take_unexpected();
    end(scene, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_parameters_that_are_set_are_added_and_replace_none_of_ours() {
    let setting = Setting::default().with(
        "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS",
        "acr_values=urn%3Ahigh&prompt=consent",
    );
    let scene = Scene::start(Db::Sqlite, setting).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    assert_eq!(parameter(&authorize, "acr_values"), "urn:high");
    assert_eq!(parameter(&authorize, "prompt"), "consent");
    for name in ["state", "redirect_uri", "response_type", "nonce", "scope"] {
        let pairs = scene
            .settings()
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let given = format!("acr_values=x&{name}=y");
        let changed = pairs
            .filter(|(name, _)| *name != "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS")
            .chain([("LATCHKEY_PROVIDER_AUTHORIZE_PARAMS", given.as_str())]);
        let wrong = Config::from_pairs(changed).expect_err("it is Latchkey's own");
        let line = wrong.to_string();
        assert!(
            line.starts_with("LATCHKEY_PROVIDER_AUTHORIZE_PARAMS") && line.contains(name),
            "{line}"
        );
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_another_key_takes_over_without_a_restart() {
    let (scene, keys) = scene(Db::Sqlite, strict()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let next = private_key();
    let both = format!("{}{next}", keys.client);
    for (pems, signs, count) in [
        (both, &keys.client, 2),
        (format!("{next}{}", keys.client), &next, 2),
        (next.clone(), &next, 1),
    ] {
        let pairs = scene
            .settings()
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let changed = pairs
            .filter(|(name, _)| *name != "LATCHKEY_PROVIDER_CLIENT_KEY")
            .chain([("LATCHKEY_PROVIDER_CLIENT_KEY", pems.as_str())]);
        let config = Config::from_pairs(changed).expect("the settings are good");
        scene.app().change(&config).await.expect("it is taken over");
        let set = published(&scene).await;
        let all = set["keys"].as_array().expect("keys").iter();
        let of_client: Vec<&Value> = all.filter(|key| key["alg"] == "ES256").collect();
        assert_eq!(of_client.len(), count);
        assert_eq!(of_client[0]["kid"], thumbprint(signs));
        service.register_keys(&set);
        omar.renewed().await;
    }
    omar.disconnect().await;
    scene.nothing_left().await;
    end(scene, &keys).await;
}

/// The main path with a service that knows its client by a certificate. The product is a process of its own, which
/// trusts the authority of this story.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_certificate_proves_which_client_it_is() {
    let authority = Authority::new();
    let service = ServiceOptions {
        client_auth: ClientAuth::Certificate,
        pushing: Pushing::Demanded,
        access_token_life: Duration::from_secs(8),
        mutual_tls: Some(MutualTls {
            config: authority.server("service.localhost"),
            of_client: authority.client("latchkey").der,
        }),
        ..ServiceOptions::default()
    };
    let client = authority.client("latchkey");
    let setting = Setting {
        service,
        ..Setting::default()
    };
    let setting = setting
        .with("LATCHKEY_PROVIDER_CLIENT_SECRET", "")
        .with("LATCHKEY_PROVIDER_CLIENT_AUTH", "tls")
        .with("LATCHKEY_PROVIDER_CLIENT_CERTIFICATE", &client.pem)
        .with("SSL_CERT_FILE", authority.file());
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for generation in 2..=3 {
        omar.property_of_generation(generation).await;
    }
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    omar.disconnect().await;
    scene.nothing_left().await;

    // A certificate of somebody else, of the same authority, proves nothing.
    let other = authority.client("somebody-else");
    let name = "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE";
    scene.child().change(name, &other.pem);
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    omar.with_cookie(Method::POST, &format!("/link/{}", begun.id), &begun.cookie)
        .await
        .is_page(502, "app-refused");
    let unexpected = scene.world.service.take_unexpected();
    assert!(
        unexpected
            .iter()
            .all(|line| line.contains("does not prove")),
        "{unexpected:?}"
    );
    scene.other_secrets = [&client.pem, &other.pem]
        .into_iter()
        .flat_map(|pem| pem.split_once("PRIVATE KEY-----").map(|(_, key)| key))
        .flat_map(str::lines)
        .filter(|line| line.len() == 64)
        .map(str::to_owned)
        .collect();
    scene.end().await;
}

/// What the vendor's verifiers of API keys look at keeps assertions out, whichever key of the set signed them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_an_assertion_is_no_api_key() {
    const SECRET: &str = "introspection-secret-of-the-stories";
    let (setting, keys) = setting(strict());
    let scene = Scene::start(Db::Sqlite, setting.with("LATCHKEY_SERVICE_SECRET", SECRET)).await;
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let now = scene.clock.now();
    let claims = json!({
        "iss": scene.base, "aud": "https://api.acme.example.com", "sub": "u-100", "iat": now, "exp": now + 60,
        "jti": "1", "client_id": "latchkey", "link_id": "x", "generation": 1,
        "atlassian_client_key": scene.client_key("acme"), "atlassian_account_id": OMAR,
    });
    for (alg, typ) in [("ES256", "at+jwt"), ("ES256", "JWT"), ("EdDSA", "at+jwt")] {
        let header = json!({"alg": alg, "typ": typ, "kid": thumbprint(&keys.client)});
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let token = crate::proofs::signed(&keys.client, &signed);
        let request = scene
            .http
            .post(scene.address("/oauth/introspect"))
            .bearer_auth(SECRET)
            .form(&[("token", token)]);
        let answer = scene.send(request).await.is(200).json();
        assert_eq!(answer, json!({"active": false}), "{alg} {typ}");
    }
    end(scene, &keys).await;
}

/// RFC 9449, section 5: who asks for bound tokens does not use others, and revokes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_token_that_is_not_bound_links_nobody() {
    let mut service = strict();
    service.dpop = false;
    let (scene, keys) = scene(Db::Sqlite, service).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    omar.look(&returned).await.is_page(502, "service-refused");
    assert_eq!(omar.state().await, "unlinked");
    scene.nothing_left().await;
    end(scene, &keys).await;
}

/// R3: a lease allows for one request and its answer. A refusal for the nonce that came late leaves no time for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_late_refusal_for_a_nonce_is_left_to_the_next_try() {
    let (scene, keys) = scene(Db::Sqlite, strict()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let generation = omar.recorded().await;
    let before = service.calls_to(Endpoint::Refresh);
    service.change_dpop_nonce();
    let late = Kind::DelayAfter(Duration::from_secs(6));
    service.fault(Fault::once(Endpoint::Refresh, late));
    omar.renew().await.is(202);
    eventually("it was refused", async || {
        let metrics = scene.metrics().await;
        metrics
            .contains("latchkey_renewals_total{outcome=\"refused\"} 1")
            .then_some(())
    })
    .await;
    assert_eq!(service.calls_to(Endpoint::Refresh), before + 1);
    // The next one has the nonce.
    scene.advance(120);
    omar.property_of_generation(generation + 1).await;
    assert_eq!(service.calls_to(Endpoint::Refresh), before + 2);
    omar.disconnect().await;
    scene.nothing_left().await;
    end(scene, &keys).await;
}
