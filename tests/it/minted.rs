//! Stories of keys that Latchkey signs itself, of asking about them, and of what stands in Jira in the place
//! of a key. The stories that begin with `k` have a mutation each in `tests/mutations`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use latchkey::clock::rfc3339;
use latchkey::server::Running;

use crate::child::{Latchkey, Process, Run};
use crate::on_both_databases;
use crate::real_providers::oidc_provider;
use crate::scene::{Answer, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR, PAT};
use crate::sim::service::{Endpoint, ServiceOptions};

on_both_databases!(
    k1_a_minted_key_is_good_until_its_link_ends,
    r31_a_key_is_signed_on_the_word_of_a_refresh_of_the_last_hour,
    r31_a_key_of_a_tenant_that_disabled_the_app_is_inactive,
    k2_signing_keys_change_and_no_key_that_is_alive_breaks,
    a_signing_key_is_resealed_with_everything_else,
    k5_a_handle_leads_the_vendors_frames_to_the_key,
    a_minted_key_ends_with_the_access_token_where_that_cannot_be_renewed,
);

const AUDIENCE: &str = "https://api.acme.example.com";
const SECRET: &str = "introspection-secret-of-the-stories";
const HOUR: i64 = 3600;

/// Keys that are signed here, of a service whose access tokens live this long.
fn minting(access_token_life: i64) -> Setting {
    Setting::keys_live(access_token_life.unsigned_abs())
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", AUDIENCE)
        .with("LATCHKEY_MINTED_SCOPES", "files:read files:list")
        .with("LATCHKEY_INTROSPECTION_SECRET", SECRET)
}

/// Asks about a key at the replica behind this address.
async fn asked_at(scene: &Scene, base: &str, key: &str) -> Value {
    let request = scene
        .http
        .post(format!("{base}/oauth/introspect"))
        .bearer_auth(SECRET)
        .form(&[("token", key), ("token_type_hint", "access_token")]);
    scene.send(request).await.is(200).json()
}

async fn is_active(scene: &Scene, key: &str) -> bool {
    let answer = asked_at(scene, &scene.base, key).await;
    let active = answer["active"].as_bool().expect("it says so");
    // Of what is not good it says nothing else.
    assert!(active || answer == json!({"active": false}), "{answer}");
    active
}

async fn key_set(scene: &Scene) -> Value {
    let answer = scene.get("/.well-known/jwks.json").await.is(200);
    assert_eq!(answer.headers["content-type"], "application/jwk-set+json");
    assert_eq!(answer.headers["cache-control"], "no-cache, no-store");
    answer.json()
}

fn kids(set: &Value) -> Vec<String> {
    let keys = set["keys"].as_array().expect("a key set");
    let kid = |key: &Value| key["kid"].as_str().expect("a kid").to_owned();
    keys.iter().map(kid).collect()
}

fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a JWT has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn kid_of(key: &str) -> String {
    part(key, 0)["kid"].as_str().expect("a kid").to_owned()
}

/// Whether a key of this set has signed it, as a library sees it that the product does not use here.
fn is_signed_by(set: &Value, key: &str) -> bool {
    let set: JwkSet = serde_json::from_value(set.clone()).expect("a key set");
    let Some(jwk) = set.find(&kid_of(key)) else {
        return false;
    };
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_exp = false;
    let public = DecodingKey::from_jwk(jwk).expect("a public key");
    jsonwebtoken::decode::<Value>(key, &public, &validation).is_ok()
}

async fn r31_a_key_is_signed_on_the_word_of_a_refresh_of_the_last_hour(db: Db) {
    // With one refresh the service would let keys be signed for eight hours.
    let scene = Scene::start(db, minting(8 * HOUR)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let refreshes = || scene.world.service.calls_to(Endpoint::Refresh);
    omar.recorded().await;
    scene.advance(45 * 60);
    omar.property_of_generation(2).await;
    assert_eq!(refreshes(), 0, "the code was redeemed within the hour");
    omar.recorded().await;
    scene.advance(45 * 60);
    omar.property_of_generation(3).await;
    assert_eq!(refreshes(), 1);
    // The grant ends at the service. The next key but one is not signed any more.
    omar.recorded().await;
    scene.world.service.withdraw("u-100");
    scene.advance(61 * 60);
    omar.asked_to_reconnect().await;
    scene.end().await;
}

async fn r31_a_key_of_a_tenant_that_disabled_the_app_is_inactive(db: Db) {
    let scene = Scene::start(db, minting(8 * HOUR)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let (key, other) = (omar.key(), mia.key());
    let jira = &scene.world.jira;
    jira.disable("acme").await.expect("it is told");
    assert!(!is_active(&scene, &key).await);
    assert!(is_active(&scene, &other).await);
    jira.enable("acme").await.expect("it is told");
    assert!(is_active(&scene, &key).await);
    scene.end().await;
}

async fn k1_a_minted_key_is_good_until_its_link_ends(db: Db) {
    let mut scene = Scene::start(db, minting(4 * HOUR)).await;
    let mut keys = Vec::new();
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let first = omar.key();
    let property = omar.property().expect("there is one");

    let header = part(&first, 0);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    let claims = part(&first, 1);
    let link = omar.stored_link().await.expect("there is a link");
    let issued = claims["iat"].as_i64().expect("a time");
    assert!((scene.clock.now() - issued).abs() < 60);
    let expected = json!({
        "iss": scene.base, "aud": AUDIENCE, "sub": "u-100", "client_id": "latchkey",
        "scope": "files:read files:list", "iat": issued, "exp": issued + HOUR,
        "jti": claims["jti"], "link_id": link.id.as_str(), "generation": 1,
        "atlassian_client_key": scene.client_key("acme"), "atlassian_account_id": OMAR,
    });
    assert_eq!(claims, expected);
    assert_eq!(
        property["expiresAt"],
        latchkey::clock::rfc3339(issued + HOUR)
    );
    assert!(is_signed_by(&key_set(&scene).await, &first));

    // Who asks has to know the secret, and then is told what the key says.
    let path = scene.address("/oauth/introspect");
    let form = [("token", first.as_str())];
    let ask = || scene.http.post(&path).form(&form);
    let basic = format!("{SECRET}x");
    for request in [
        ask(),
        ask().bearer_auth(&SECRET[1..]),
        ask().bearer_auth(""),
        ask().basic_auth("anybody", Some(&basic)),
        ask().basic_auth(SECRET, None::<&str>),
        ask().header("authorization", format!("JWT {}", omar.token())),
        ask().bearer_auth(SECRET).bearer_auth(SECRET),
    ] {
        let answer = scene.send(request).await;
        answer.is_problem(401, "unknown-caller");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let mut active = expected;
    active["active"] = json!(true);
    active["token_type"] = json!("Bearer");
    for request in [
        ask().basic_auth("anybody", Some(SECRET)),
        ask().bearer_auth(SECRET),
    ] {
        assert_eq!(scene.send(request).await.is(200).json(), active);
    }
    let request = scene.http.post(&path).bearer_auth(SECRET);
    scene.send(request).await.is_problem(400, "bad-request");

    // The one before stays good, since somebody may just have read it; what is older does not.
    omar.renewed().await;
    let second = omar.key();
    assert!(is_active(&scene, &first).await && is_active(&scene, &second).await);
    assert_eq!(
        scene.world.service.calls_to(Endpoint::Refresh),
        0,
        "the access token is good for another"
    );
    omar.renewed().await;
    let third = omar.key();
    assert!(is_active(&scene, &second).await && is_active(&scene, &third).await);
    assert!(!is_active(&scene, &first).await, "it was replaced twice");
    assert!(
        is_signed_by(&key_set(&scene).await, &first),
        "which only asking tells"
    );

    // Linking again, even to the same account.
    omar.link("u-100").await;
    let fourth = omar.key();
    assert!(!is_active(&scene, &third).await);
    assert!(is_active(&scene, &fourth).await);
    keys.extend([first, second, third, fourth.clone()]);

    // The app is taken off a site.
    let elsewhere = scene.person("globex", MIA);
    elsewhere.link("u-100").await;
    let key = elsewhere.key();
    assert!(is_active(&scene, &key).await);
    let gone = scene.world.jira.uninstall("globex").await;
    assert_eq!(gone.expect("it answers").status, 204);
    assert!(!is_active(&scene, &key).await);
    assert!(
        is_active(&scene, &fourth).await,
        "that of another site is still good"
    );
    keys.push(key);

    // The grant is ended at the service. An access token that does not outlive the next key is refreshed
    // first, which is how that comes to light.
    let service = &scene.world.service;
    service.options_mut(|options| options.access_token_life = Duration::from_secs(60));
    let mia = scene.person("acme", MIA);
    mia.link("u-200").await;
    let key = mia.key();
    mia.recorded().await;
    assert!(is_active(&scene, &key).await);
    service.withdraw("u-200");
    mia.renew().await.is(202);
    mia.asked_to_reconnect().await;
    assert!(!is_active(&scene, &key).await);
    keys.push(key);

    // Disconnected; and the row put back by somebody who writes the database brings it to no new life.
    scene
        .execute(&format!(
            "create table kept as select * from link where account_id = '{OMAR}'"
        ))
        .await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert!(!is_active(&scene, &fourth).await);
    scene.execute("insert into link select * from kept").await;
    assert!(!is_active(&scene, &fourth).await);
    let put_back = format!("delete from link where account_id = '{OMAR}'");
    scene.execute(&put_back).await;
    scene.execute("drop table kept").await;
    mia.disconnect().await;
    scene.nothing_left().await;
    keys.push(SECRET.to_owned());
    scene.other_secrets = keys;
    scene.end().await;
}

/// Every key that is alive is signed by a key of the set at any time, and by one that was in the set for
/// some time before it signed.
async fn k2_signing_keys_change_and_no_key_that_is_alive_breaks(db: Db) {
    const LIFE: i64 = 600;
    const ROTATION: i64 = 1800;
    const NOTICE: i64 = ROTATION / 10;
    const STEP: i64 = 150;
    const STEPS: usize = 40;
    let setting = minting(4 * HOUR)
        .with("LATCHKEY_MINTED_LIFE", LIFE.to_string())
        .with("LATCHKEY_MINTED_KEY_ROTATION", ROTATION.to_string());
    let mut scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    // Whoever fetches the set before anything is signed finds a key in it.
    let mut seen: BTreeMap<String, i64> = BTreeMap::new();
    let mut note = |set: &Value, now: i64| {
        for kid in kids(set) {
            seen.entry(kid).or_insert(now);
        }
        seen.clone()
    };
    let set = key_set(&scene).await;
    assert_eq!(kids(&set).len(), 1);
    note(&set, scene.clock.now());
    omar.link("u-100").await;

    let mut minted: Vec<(String, i64)> = Vec::new();
    let mut signers = BTreeSet::new();
    let mut largest = 0;
    for _ in 0..STEPS {
        scene.advance(STEP);
        omar.renewed().await;
        let key = omar.key();
        let set = key_set(&scene).await;
        let now = scene.clock.now();
        largest = largest.max(kids(&set).len());
        let since = note(&set, now);
        let first = signers.is_empty();
        if signers.insert(kid_of(&key)) && !first {
            let known_for = now - since[&kid_of(&key)];
            assert!(
                known_for >= NOTICE - STEP,
                "it was published {known_for} s before it signed"
            );
            assert!(known_for > 0, "it was published before it signed");
        }
        let expires_at = part(&key, 1)["exp"].as_i64().expect("a time");
        minted.push((key, expires_at));
        let mut alive = minted.iter().filter(|(_, expires_at)| *expires_at > now);
        for (key, _) in alive.clone() {
            assert!(
                is_signed_by(&set, key),
                "a key that is alive is in nobody's name"
            );
        }
        let (newest, _) = alive.next_back().expect("the newest is alive");
        assert!(is_active(&scene, newest).await);
    }
    let rotations = (STEPS as i64 * STEP) / ROTATION;
    assert!(signers.len() as i64 > rotations, "{signers:?}");
    assert!((2..=3).contains(&largest), "{largest} at once");
    let left: BTreeSet<String> = kids(&key_set(&scene).await).into_iter().collect();
    let over = signers.difference(&left).count();
    assert!(
        over >= 2,
        "what has signed nothing that is alive is forgotten"
    );
    let rows = scene.count("select count(*) from signing_key").await;
    assert_eq!(rows, left.len() as i64);
    // A key of a kid that is in the set no longer is none, whatever stands in it.
    let (oldest, _) = &minted[0];
    assert!(!left.contains(&kid_of(oldest)));
    assert!(!is_active(&scene, oldest).await);

    // Keys that live longer from now on are signed by a key that was to be forgotten sooner.
    scene
        .restart_with("LATCHKEY_MINTED_LIFE", &HOUR.to_string())
        .await;
    let omar = scene.person("acme", OMAR);
    omar.renewed().await;
    let long = omar.key();
    minted.push((long.clone(), 0));
    for _ in 0..(HOUR / (2 * STEP) - 1) {
        scene.advance(2 * STEP);
        omar.renewed().await;
        minted.push((omar.key(), 0));
        assert!(is_signed_by(&key_set(&scene).await, &long));
    }
    assert_ne!(kid_of(&omar.key()), kid_of(&long));
    let left: BTreeSet<String> = kids(&key_set(&scene).await).into_iter().collect();

    // All ask at the moment when the next is due: one makes it.
    scene.advance(ROTATION);
    let app = match db {
        Db::Postgres => scene.app_of_its_own().await,
        Db::Sqlite => scene.app().clone(),
    };
    let mut asking = tokio::task::JoinSet::new();
    for app in [scene.app(), &app] {
        for _ in 0..8 {
            let app = app.clone();
            asking.spawn(async move {
                let signing = app
                    .parts
                    .keys
                    .signing
                    .as_ref()
                    .expect("keys are signed here");
                json!({"keys": signing.public_keys().await.expect("the database answers")})
            });
        }
    }
    let mut sets = BTreeSet::new();
    while let Some(set) = asking.join_next().await {
        sets.insert(set.expect("it does not panic").to_string());
    }
    let last = key_set(&scene).await;
    assert_eq!(sets, BTreeSet::from([last.to_string()]));
    assert!(
        !kids(&last).iter().all(|kid| left.contains(kid)),
        "it was due"
    );
    if db == Db::Postgres {
        app.parts.store.close().await;
    }
    omar.disconnect().await;
    scene.other_secrets = minted.into_iter().map(|(key, _)| key).collect();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k3_a_key_ended_at_one_replica_is_refused_by_the_other_at_once() {
    let mut scene = Scene::start(Db::Postgres, minting(HOUR)).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let other = Running::start(scene.app_of_its_own().await, listener.expect("a free port"));
    let other = other.expect("it runs");
    let there = format!("http://{}", other.address());
    let omar = scene.person("acme", OMAR);
    let mut keys = vec![SECRET.to_owned()];
    // Three times, so that nothing that is remembered for a while could go unseen.
    for _ in 0..3 {
        omar.link("u-100").await;
        let key = omar.key();
        for base in [&scene.base, &there] {
            assert_eq!(asked_at(&scene, base, &key).await["active"], true);
        }
        omar.disconnect().await;
        assert_eq!(
            asked_at(&scene, &there, &key).await,
            json!({"active": false})
        );
        assert_eq!(asked_at(&scene, &scene.base, &key).await["active"], false);
        keys.push(key);
    }
    // Both publish the same keys.
    let set = scene.http.get(format!("{there}/.well-known/jwks.json"));
    assert_eq!(scene.send(set).await.is(200).json(), key_set(&scene).await);
    other.stop().await;
    scene.other_secrets = keys;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k4_nobody_else_makes_a_key() {
    let mut scene = Scene::start(Db::Sqlite, minting(HOUR)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let good = omar.key();
    assert!(is_active(&scene, &good).await);
    let verifier = Verifier::start(&scene, json!(null)).await;
    assert_eq!(
        verifier.accepts("minted", &good, &scene).await["subject"],
        "u-100"
    );

    let set = key_set(&scene).await;
    let x = set["keys"][0]["x"]
        .as_str()
        .expect("a public key")
        .to_owned();
    let public = URL_SAFE_NO_PAD.decode(&x).expect("base64url");
    let (head, payload) = (part(&good, 0), part(&good, 1));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let mut none = head.clone();
    none["alg"] = json!("none");
    let mut shouted = head.clone();
    shouted["alg"] = json!("NONE");
    let mut other_person = payload.clone();
    other_person["sub"] = json!("u-200");
    let mut forged = vec![
        (
            "alg none".to_owned(),
            format!("{}.{}.", encode(&none), parts[1]),
        ),
        (
            "alg NONE".to_owned(),
            format!("{}.{}.", encode(&shouted), parts[1]),
        ),
        (
            "alg none, signed".to_owned(),
            format!("{}.{}.{}", encode(&none), parts[1], parts[2]),
        ),
        (
            "without a signature".to_owned(),
            format!("{}.{}.", parts[0], parts[1]),
        ),
        (
            "another person".to_owned(),
            format!("{}.{}.{}", parts[0], encode(&other_person), parts[2]),
        ),
        ("nothing".to_owned(), String::new()),
        ("no JWT".to_owned(), "a.b.c".to_owned()),
        ("endless".to_owned(), format!("{good}{}", "A".repeat(9000))),
        ("a context token".to_owned(), omar.token()),
    ];
    // The public key as secret of an HMAC, as bytes and as text.
    for (what, secret) in [("bytes", public.as_slice()), ("text", x.as_bytes())] {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(kid_of(&good));
        let key = EncodingKey::from_secret(secret);
        let token = jsonwebtoken::encode(&header, &payload, &key).expect("it can be signed");
        forged.push((format!("HS256 with the public key as {what}"), token));
    }
    // Somebody's own key, under our kid, under its own, and with itself in the header.
    let der = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]);
    let der = der.and_then(|pair| pair.to_pkcs8().map_err(|_| panic!("it can be written")));
    let own = EncodingKey::from_ed_der(der.expect("a key").as_ref());
    for kid in [Some(kid_of(&good)), Some("their-own".to_owned()), None] {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = kid.clone();
        let token = jsonwebtoken::encode(&header, &payload, &own).expect("it can be signed");
        forged.push((format!("a key of their own as {kid:?}"), token));
    }
    for (what, token) in &forged {
        assert!(!is_active(&scene, token).await, "{what}");
        let status = verifier.ask("minted", token, &scene).await.status;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}");
    }

    // The same key for another audience, and when its time is over.
    scene
        .restart_with("LATCHKEY_MINTED_AUDIENCE", "https://api.other.example.com")
        .await;
    assert!(!is_active(&scene, &good).await);
    scene
        .restart_with("LATCHKEY_MINTED_AUDIENCE", AUDIENCE)
        .await;
    assert!(is_active(&scene, &good).await);
    scene
        .world
        .service
        .fault(crate::sim::service::Fault::always(
            Endpoint::Refresh,
            crate::sim::service::Kind::Status(503, Vec::new(), String::new()),
        ));
    scene.advance(HOUR + 1);
    assert!(!is_active(&scene, &good).await);
    let answer = verifier.ask("minted", &good, &scene).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["refused"]),
        (401, &json!("ERR_JWT_EXPIRED"))
    );
    scene.world.service.clear_faults();
    // The name of the way in is not there where keys are not signed here.
    scene
        .restart_with("LATCHKEY_API_KEY_FROM", "access-token")
        .await;
    scene
        .get("/.well-known/jwks.json")
        .await
        .is_problem(404, "not-found");
    let ask = scene
        .http
        .post(scene.address("/oauth/introspect"))
        .bearer_auth(SECRET);
    scene.send(ask).await.is_problem(404, "not-found");
    scene.person("acme", OMAR).disconnect().await;
    scene.other_secrets = vec![good, SECRET.to_owned()];
    scene.end().await;
}

async fn a_signing_key_is_resealed_with_everything_else(db: Db) {
    const NEW: &str = "new:bmV3LXNlYWxpbmcta2V5LW9mLXRoZS1zdG9yaWVzLTI=";
    let mut scene = Scene::start(db, minting(4 * HOUR)).await;
    scene.person("acme", OMAR).link("u-100").await;
    let key = scene.person("acme", OMAR).key();
    let set = key_set(&scene).await;
    let old = scene.settings().iter();
    let old = old.filter(|(name, _)| *name == "LATCHKEY_SEALING_KEYS");
    let old = old
        .map(|(_, value)| value.clone())
        .next()
        .expect("a sealing key");
    let both = format!("{NEW},{old}");
    scene.restart_with("LATCHKEY_SEALING_KEYS", &both).await;
    let rotate = [
        ("LATCHKEY_DATABASE_URL", scene.database_url().to_owned()),
        ("LATCHKEY_SEALING_KEYS", both),
    ];
    let done = Run::start(&["rotate-keys"], &rotate.to_vec());
    let done = done.finish(Duration::from_secs(60)).await;
    assert!(
        done.stdout.contains("k1 opens nothing any more"),
        "{}",
        done.stdout
    );
    // The tenants' keys, and that of the deployment.
    assert!(
        done.stdout.contains("encrypted again: 3 values"),
        "{}",
        done.stdout
    );
    for (keys, line) in [
        (NEW, "✓ signing keys   1 of 1 open"),
        (old.as_str(), "✗ signing keys   1 of 1 do not open"),
    ] {
        let mut settings = scene.settings().to_vec();
        settings.retain(|(name, _)| *name != "LATCHKEY_SEALING_KEYS");
        settings.push(("LATCHKEY_SEALING_KEYS", keys.to_owned()));
        let said = Latchkey::run(&["doctor"], &settings).await.stdout;
        assert!(
            said.lines().any(|said| said.starts_with(line)),
            "{line} in {said}"
        );
    }
    scene.restart_with("LATCHKEY_SEALING_KEYS", NEW).await;
    assert_eq!(key_set(&scene).await, set);
    assert!(is_active(&scene, &key).await);
    scene.person("acme", OMAR).renewed().await;
    assert!(is_signed_by(&set, &scene.person("acme", OMAR).key()));
    scene.person("acme", OMAR).disconnect().await;
    scene.other_secrets = vec![key];
    scene.end().await;
}

async fn a_minted_key_ends_with_the_access_token_where_that_cannot_be_renewed(db: Db) {
    let setting = minting(2 * HOUR).with("LATCHKEY_PROVIDER_SCOPES", "openid profile");
    let mut scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let mut keys = vec![omar.key()];
    let granted = part(&keys[0], 1)["iat"].as_i64().expect("a time");
    for generation in 2..=4 {
        omar.recorded().await;
        scene.advance(2400);
        omar.property_of_generation(generation).await;
        let key = omar.key();
        let end = part(&key, 1)["exp"].as_i64().expect("a time");
        let latest = granted + 2 * HOUR + 2;
        assert!(
            end <= latest,
            "generation {generation} outlives the access token"
        );
        keys.push(key);
        if end >= latest - 10 {
            break;
        }
    }
    let last = keys.last().expect("there are keys").clone();
    assert!(is_active(&scene, &last).await);
    assert_eq!(scene.world.service.calls_to(Endpoint::Refresh), 0);
    scene.advance(HOUR + 10);
    omar.asked_to_reconnect().await;
    assert_eq!(omar.key(), last, "it was not replaced by a shorter one");
    assert!(!is_active(&scene, &last).await);
    omar.disconnect().await;
    scene.other_secrets = keys;
    scene.end().await;
}

async fn key_of(person: &Person<'_>) -> Answer {
    let call = person.call(Method::GET, "/api/link/key");
    person.scene.send(call).await
}

async fn k5_a_handle_leads_the_vendors_frames_to_the_key(db: Db) {
    let setting = Setting::default().with("LATCHKEY_PROPERTY", "handle");
    let mut scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    key_of(&omar).await.is_problem(404, "not-linked");
    omar.link("u-100").await;
    mia.link("u-200").await;
    let mut given = BTreeSet::new();
    for _ in 0..3 {
        omar.settled().await;
        let link = omar.stored_link().await.expect("there is one");
        let property = omar.property().expect("there is one");
        let expected = json!({"version": 1, "service": property["service"],
            "subject": "u-100", "displayName": property["displayName"], "linkId": link.id.as_str()});
        assert_eq!(property, expected);
        let answer = key_of(&omar).await.is(200);
        assert_eq!(answer.headers["cache-control"], "no-cache, no-store");
        let answer = answer.json();
        let key = answer["apiKey"].as_str().expect("a key").to_owned();
        assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
        let expires_at = link.published.expect("it is recorded").expires_at;
        let expected = json!({"apiKey": key, "expiresAt": rfc3339(expires_at),
            "generation": link.generation});
        assert_eq!(answer, expected);
        assert!(given.insert(key));
        omar.renew().await.is(202);
        eventually("the next key is recorded", async || {
            let published = omar.stored_link().await?.published?;
            (published.generation > link.generation).then_some(())
        })
        .await;
    }
    // Everybody gets their own, and whoever has none gets none.
    let theirs = key_of(&mia).await.is(200).json()["apiKey"].clone();
    let theirs = theirs.as_str().expect("a key").to_owned();
    assert_eq!(
        scene.world.service.ledger().opens_api(&theirs),
        Some("u-200")
    );
    for stranger in [scene.person("globex", MIA), scene.person("acme", PAT)] {
        key_of(&stranger).await.is_problem(404, "not-linked");
    }
    scene
        .get("/api/link/key")
        .await
        .is_problem(401, "unauthorized");
    let writes = scene.world.jira.property_writes();
    let his = writes.iter().filter(|write| write.account == OMAR);
    assert_eq!(his.count(), 1, "renewals write nothing");
    omar.disconnect().await;
    key_of(&omar).await.is_problem(404, "not-linked");
    given.insert(theirs);
    scene.other_secrets = given.into_iter().collect();
    // Where the key stands in Jira it is not given away again.
    scene.restart_with("LATCHKEY_PROPERTY", "key").await;
    let mia = scene.person("acme", MIA);
    key_of(&mia).await.is_problem(404, "not-found");
    mia.renew().await.is(202);
    mia.property_of_generation(2).await;
    mia.key();
    mia.disconnect().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_key_is_opened_by_its_private_key_alone() {
    // RFC 7518, appendix C, and RFC 7748, section 6.1.
    let p256 = json!({"kty": "EC", "crv": "P-256", "kid": "readers-2026",
        "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"});
    let mut private = p256.clone();
    private["d"] = json!("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
    let setting = Setting::default()
        .with("LATCHKEY_PROPERTY", "sealed")
        .with("LATCHKEY_PROPERTY_PUBLIC_KEY", p256.to_string());
    let mut scene = Scene::start(Db::Sqlite, setting).await;
    let verifier = Verifier::start(&scene, private).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let sealed = sealed_key(&omar);
    let opened = verifier.open(&sealed).await.is(200).json();
    assert_eq!(opened["kid"], "readers-2026");
    let key = opened["key"].as_str().expect("a key").to_owned();
    assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
    assert!(!sealed.contains(&key));
    key_of(&omar).await.is_problem(404, "not-found");

    // Another key, of another curve, as PEM: from the next renewal on.
    const X25519: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VuAyEA3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n-----END PUBLIC KEY-----\n";
    let private = json!({"kty": "OKP", "crv": "X25519",
        "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
        "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"});
    omar.recorded().await;
    scene
        .restart_with("LATCHKEY_PROPERTY_PUBLIC_KEY", X25519)
        .await;
    let omar = scene.person("acme", OMAR);
    omar.renewed().await;
    let sealed = sealed_key(&omar);
    assert_eq!(
        verifier.open(&sealed).await.status.as_u16(),
        401,
        "the first opens it no more"
    );
    let second = Verifier::start(&scene, private).await;
    let opened = second.open(&sealed).await.is(200).json();
    let new = opened["key"].as_str().expect("a key").to_owned();
    assert_eq!(scene.world.service.ledger().opens_api(&new), Some("u-100"));
    assert_ne!(new, key);
    omar.disconnect().await;
    scene.other_secrets = vec![key, new];
    scene.end().await;
}

fn sealed_key(person: &Person<'_>) -> String {
    let property = person.property().expect("there is one");
    assert_eq!(property.get("apiKey"), None);
    property["sealedApiKey"]
        .as_str()
        .expect("a sealed key")
        .to_owned()
}

/// A key of each kind, at a service that knows of them what `docs/keys.md` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_each_kind_is_accepted_by_a_verifying_service() {
    let endpoint = Setting {
        service: ServiceOptions::default(),
        ..Setting::default()
    }
    .with("LATCHKEY_API_KEY_FROM", "endpoint")
    .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    for (setting, kinds) in [
        (Setting::default(), ["access-token"].as_slice()),
        (endpoint, &["endpoint"]),
        (minting(HOUR), &["minted", "introspected"]),
    ] {
        let mut scene = Scene::start(Db::Sqlite, setting).await;
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        let verifier = Verifier::start(&scene, json!(null)).await;
        let key = omar.key();
        for kind in kinds {
            let answer = verifier.accepts(kind, &key, &scene).await;
            assert_eq!(answer["subject"], "u-100", "{kind}");
            if answer.get("scope").is_some() {
                assert_eq!(answer["scope"], "files:read files:list");
                assert_eq!(answer["generation"], 1);
            }
            let nobodys = verifier.ask(kind, &key[..key.len() - 4], &scene).await;
            assert_eq!(nobodys.status.as_u16(), 401, "{kind}");
        }
        omar.disconnect().await;
        for kind in kinds {
            let status = verifier.ask(kind, &key, &scene).await.status.as_u16();
            // By its signature alone it is good until it runs out.
            let expected = if *kind == "minted" { 200 } else { 401 };
            assert_eq!(status, expected, "{kind}");
        }
        scene.other_secrets = vec![key];
        scene.end().await;
    }
}

/// `tests/oidc/verifier.mjs`.
struct Verifier {
    http: reqwest::Client,
    address: String,
    _process: Process,
}

impl Verifier {
    async fn start(scene: &Scene, private_key: Value) -> Self {
        let service = &scene.world.service;
        // Node has to be told what browsers know: that these hosts are this machine.
        let here = |address: String| {
            let address = address.replace("service.localhost", "127.0.0.1");
            address.replace("latchkey.localhost", "127.0.0.1")
        };
        let config = json!({
            "identity": here(service.url("/userinfo")),
            "api": here(service.url("/api/whoami")),
            "issuer": scene.base,
            "audience": AUDIENCE,
            "jwks": here(scene.address("/.well-known/jwks.json")),
            "introspect": here(scene.address("/oauth/introspect")),
            "secret": SECRET,
            "privateKey": private_key,
        });
        let config = ("VERIFIER_CONFIG", config.to_string());
        let (process, address) = oidc_provider::run("verifier.mjs", config).await;
        Self {
            http: scene.http.clone(),
            address,
            _process: process,
        }
    }

    async fn ask(&self, kind: &str, key: &str, scene: &Scene) -> Answer {
        let request = self
            .http
            .get(format!("{}/{kind}", self.address))
            .bearer_auth(key)
            .header("x-now", scene.clock.now());
        Answer::of(request.send().await.expect("it answers")).await
    }

    async fn accepts(&self, kind: &str, key: &str, scene: &Scene) -> Value {
        self.ask(kind, key, scene).await.is(200).json()
    }

    async fn open(&self, sealed: &str) -> Answer {
        let request = self.http.post(format!("{}/open", self.address));
        let request = request.body(sealed.to_owned());
        Answer::of(request.send().await.expect("it answers")).await
    }
}
