//! Stories of answers that other servers may give and that look odd: in another form of the same standard, of
//! something that is not the server, or saying less than was hoped for. None of them costs a link.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use latchkey::gate::Stance;

use crate::kept::surroundings;
use crate::on_both_databases;
use crate::scene::{Answer, Both, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::service::{
    Around, Endpoint, Fault, Forgery, Kind, NameIn, ServiceOptions, Signing,
};

on_both_databases!(
    f6_a_refusal_in_words_of_the_services_own_concerns_one_link_only,
    f6_a_grant_that_ended_is_known_by_the_errors_name_alone,
    f9_the_service_is_left_alone_until_the_date_it_names,
    f9_what_jira_says_counts_before_the_hour,
);

/// A date as HTTP writes it today, and in the two forms it wrote before (RFC 9110 section 5.6.7).
fn dates(at: i64) -> [String; 3] {
    let at = OffsetDateTime::from_unix_timestamp(at).expect("a date");
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let (short, month) = (&weekday[..3], &month[..3]);
    let (day, year) = (at.day(), at.year());
    let time = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    [
        format!("{short}, {day:02} {month} {year} {time} GMT"),
        format!("{weekday}, {day:02}-{month}-{:02} {time} GMT", year % 100),
        format!("{short} {month} {day:2} {time} {year}"),
    ]
}

fn waiting(status: u16, until: &str) -> Kind {
    let header = ("retry-after".to_owned(), until.to_owned());
    Kind::Status(status, vec![header], String::new())
}

fn saying(status: u16, body: &str) -> Kind {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    Kind::Status(status, vec![json], body.to_owned())
}

fn claims(claims: Value) -> Kind {
    Kind::IdTokenClaims(claims.as_object().cloned().expect("claims"))
}

/// A service that gives names at its identity endpoint only.
fn named_elsewhere() -> Setting {
    Setting {
        service: ServiceOptions {
            name_in: NameIn::Userinfo,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
}

/// Brings a renewal forward and waits until the service was asked once more.
async fn asked_again(person: &Person<'_>, endpoint: Endpoint) {
    let service = &person.scene.world.service;
    let before = service.calls_to(endpoint);
    person.renew().await.is(202);
    eventually("the service is asked", async || {
        (service.calls_to(endpoint) > before).then_some(())
    })
    .await;
}

/// Waits, over as much time as it takes, until a link has a newer key than this.
async fn renewed_since(person: &Person<'_>, before: i64, what: &str) {
    eventually(what, async || {
        assert_eq!(person.state().await, "linked", "{what}");
        person.scene.advance(20);
        (person.generation() > Some(before)).then_some(())
    })
    .await;
    person.recorded().await;
}

async fn f6_a_refusal_in_words_of_the_services_own_concerns_one_link_only(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(24 * 3600)).await;
    let service = &scene.world.service;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    omar.link("u-100").await;
    mia.link("u-200").await;
    let before = omar.recorded().await;
    mia.recorded().await;
    // More in a row than would keep everybody away from a service that is not well.
    for refusal in [
        saying(400, r#"{"message":"Bad Request"}"#),
        saying(400, r#"{"error":{"code":"invalid_grant"}}"#),
        saying(401, r#"{"errors":["token expired"]}"#),
        saying(403, "[]"),
        saying(404, r#"{"message":"no such token"}"#),
        saying(422, ""),
        Kind::Status(400, Vec::new(), "Bad Request".to_owned()),
        Kind::Status(400, Vec::new(), "<html>Bad Request</html>".to_owned()),
    ] {
        let what = format!("{refusal:?}");
        service.fault(Fault::once(Endpoint::Refresh, refusal));
        asked_again(&omar, Endpoint::Refresh).await;
        eventually(&what, async || {
            let lines = scene.log.lines_with(&["refuses the request".to_owned()]);
            (!lines.is_empty()).then_some(())
        })
        .await;
        scene.no_work_left().await;
        assert_eq!(
            scene.app().parts.service.gate().stance(),
            Stance::Open,
            "{what}"
        );
        assert_eq!(omar.state().await, "linked", "{what}");
        scene.advance(10);
    }
    mia.renewed().await;
    renewed_since(
        &omar,
        before,
        "it is renewed when it is not refused any more",
    )
    .await;
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    scene.end().await;
}

async fn f6_a_grant_that_ended_is_known_by_the_errors_name_alone(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(24 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for (status, body) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":["a","b"]}"#,
        ),
        (
            401,
            r#"{"error_uri":{},"error_description":7,"error":"invalid_grant"}"#,
        ),
        (
            400,
            "\u{feff}{\"error\":\"invalid_grant\",\"error_description\":\"\\ud800\"}",
        ),
        (200, r#"{"error":"invalid_grant","error_description":null}"#),
    ] {
        omar.link("u-100").await;
        omar.recorded().await;
        service.fault(Fault::once(Endpoint::Refresh, saying(status, body)));
        omar.renew().await.is(202);
        omar.asked_to_reconnect().await;
    }
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn f9_the_service_is_left_alone_until_the_date_it_names(db: Db) {
    let mut setting = named_elsewhere();
    setting.service.access_token_life = Duration::from_secs(24 * 3600);
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    let in_ten_minutes = |form: usize| dates(scene.clock.now() + 600)[form].clone();
    let calls = |endpoint| service.calls_to(endpoint);

    // Where names are: people are linked without.
    service.fault(Fault::once(
        Endpoint::Identity,
        waiting(429, &in_ten_minutes(0)),
    ));
    assert_eq!(omar.link("u-100").await["displayName"], "u-100");
    assert_eq!(mia.link("u-200").await["displayName"], "u-200");
    assert_eq!(calls(Endpoint::Identity), 1);
    mia.disconnect().await;
    scene.advance(601);
    assert_eq!(mia.link("u-200").await["displayName"], "Sam Ortiz");
    assert_eq!(calls(Endpoint::Identity), 2);

    // Where tokens are revoked.
    omar.recorded().await;
    mia.recorded().await;
    service.fault(Fault::once(
        Endpoint::Revoke,
        waiting(503, &in_ten_minutes(1)),
    ));
    let before = calls(Endpoint::Revoke);
    mia.disconnect().await;
    scene.advance(300);
    omar.disconnect().await;
    scene.advance(200);
    omar.link("u-100").await;
    omar.recorded().await;
    assert_eq!(calls(Endpoint::Revoke), before + 1);
    omar.disconnect().await;
    eventually("all is revoked", async || {
        scene.advance(60);
        service.ledger().live_grants().is_empty().then_some(())
    })
    .await;

    // Where the endpoints and the keys are: those from before go on.
    for (endpoint, form) in [(Endpoint::Discovery, 2), (Endpoint::Jwks, 0)] {
        scene.advance(3601);
        service.fault(Fault::once(endpoint, waiting(503, &in_ten_minutes(form))));
        let before = calls(endpoint);
        for _ in 0..2 {
            omar.link("u-100").await;
            omar.disconnect().await;
            scene.advance(60);
        }
        assert_eq!(calls(endpoint), before + 1, "{endpoint:?}");
        scene.advance(600);
        omar.link("u-100").await;
        assert_eq!(calls(endpoint), before + 2, "{endpoint:?}");
        omar.disconnect().await;
    }

    // Where tokens are.
    omar.link("u-100").await;
    let before = omar.recorded().await;
    let until = scene.clock.now() + 600;
    service.fault(Fault::once(
        Endpoint::Refresh,
        waiting(429, &dates(until)[2]),
    ));
    asked_again(&omar, Endpoint::Refresh).await;
    rests_until(&scene, until).await;
    scene.advance(640);
    omar.property_of_generation(before + 1).await;
    omar.recorded().await;
    omar.disconnect().await;
    scene.advance(600);
    scene.nothing_left().await;
    scene.end().await;
}

/// Waits until the one link is not due before this moment, but for what spreads links.
async fn rests_until(scene: &Scene, until: i64) {
    let rests = format!(
        "select count(*) from link where claim is null and due_at between {until} and {}",
        until + 12
    );
    eventually("the service is not asked before", async || {
        (scene.count(&rests).await == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f9_the_key_endpoint_is_left_alone_until_the_date_it_names() {
    let setting = Setting::default()
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for form in 0..3 {
        let before = omar.recorded().await;
        // The key before is deleted at the same endpoint, and must not meet what the next is to meet.
        scene.no_work_left().await;
        let until = scene.clock.now() + 600;
        service.fault(Fault::once(
            Endpoint::Keys,
            waiting(429, &dates(until)[form]),
        ));
        asked_again(&omar, Endpoint::Keys).await;
        rests_until(&scene, until).await;
        scene.advance(640);
        omar.property_of_generation(before + 1).await;
    }
    omar.recorded().await;
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn f9_what_jira_says_counts_before_the_hour(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(24 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for form in 0..4 {
        // Ten minutes end before it does.
        scene.advance_to_the_hour();
        let before = omar.recorded().await;
        let until = scene.clock.now() + 600;
        let says = match form {
            3 => "600".to_owned(),
            form => dates(until)[form].clone(),
        };
        let fault = jira::Fault::rate_limited(Some("jira-quota-global-based"), Some(&says));
        jira.fault(fault.on_property("PUT").times(1));
        omar.renew().await.is(202);
        eventually(&says, async || {
            let opens_at = scene.app().parts.jira.writes().opens_at();
            // The seconds that go by until it is said.
            (until..until + 60).contains(&opens_at).then_some(())
        })
        .await;
        scene.advance(500);
        assert_eq!(omar.generation(), Some(before), "{says}");
        scene.advance(160);
        omar.property_of_generation(before + 1).await;
        assert!(scene.clock.now() % 3600 < 3500, "long before the hour");
    }
    // Its token endpoint is heard in the same way.
    jira.set_app_is_admin("acme", false);
    let before = omar.recorded().await;
    let until = scene.clock.now() + 600;
    let fault = jira::Fault::rate_limited(None, Some(&dates(until)[1])).at("auth");
    jira.fault(fault.times(1));
    omar.renew().await.is(202);
    eventually("the site is left alone", async || {
        let waits = "select max(case when wait_until > put_wait_until then wait_until \
            else put_wait_until end) from tenant";
        let waits_until = scene.count(waits).await;
        (until..until + 60).contains(&waits_until).then_some(())
    })
    .await;
    jira.set_app_is_admin("acme", true);
    scene.advance(660);
    omar.property_of_generation(before + 1).await;
    omar.recorded().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_id_tokens_are_read_as_rfc_7519_allows_them() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let (now, client) = (scene.clock.now(), service.client_id());
    let exp = now + 600;
    for said in [
        json!({"exp": exp as f64 + 0.5}),
        json!({"exp": exp as f64, "iat": now as f64 + 0.999, "nbf": now as f64 - 0.25}),
        json!({"exp": 1e300}),
        json!({"exp": u64::MAX}),
        json!({"exp": i64::MAX}),
        json!({"iat": null}),
        json!({"iat": 0, "nbf": -5}),
        json!({"iat": -1e300}),
        json!({"aud": [client]}),
        json!({"aud": [client, client]}),
        json!({"aud": [client, "another"], "azp": client}),
        json!({"aud": [client, 7], "azp": client}),
        json!({"aud": client, "azp": client}),
        json!({"auth_time": "long ago", "amr": 7, "name": "Robin Park", "email": {}}),
    ] {
        service.fault(Fault::once(Endpoint::Redeem, claims(said.clone())));
        let returned = omar.until_returned("u-100").await;
        let both = omar.both(&returned).await;
        assert_eq!(
            (&*both.subject, &*both.name),
            ("u-100", "Robin Park"),
            "{said}"
        );
        omar.cancel(&returned.id, &returned.cookie).await;
        scene.advance(3);
    }
    // A refusal names the claim.
    let now = scene.clock.now();
    for (said, claim) in [
        (json!({"exp": now - 31}), "exp has passed"),
        (json!({"exp": (now - 31) as f64 - 0.5}), "exp has passed"),
        (json!({"exp": -1e300}), "exp has passed"),
        (json!({"exp": "tomorrow"}), "exp is not a number"),
        (json!({"exp": null}), "exp is missing"),
        (json!({"iat": now + 3600}), "iat is in the future"),
        (json!({"iat": [now]}), "iat is not a number"),
        (json!({"nbf": 1e300}), "nbf is in the future"),
        (json!({"iss": 7}), "iss is missing"),
        (json!({"aud": []}), "aud is another client"),
        (json!({"aud": 7}), "aud is another client"),
        (json!({"aud": [client, "another"]}), "azp is missing"),
        (json!({"azp": 7}), "azp is another client"),
        (json!({"nonce": 7}), "nonce is missing"),
        (json!({"sub": ["u-100"]}), "sub is missing"),
    ] {
        service.fault(Fault::once(Endpoint::Redeem, claims(said.clone())));
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        omar.look(&returned).await.is_page(502, "service-refused");
        let lines = scene.log.lines_with(&[claim.to_owned()]);
        assert!(!lines.is_empty(), "{said}: no line says that {claim}");
        scene.advance(3);
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_every_algorithm_that_can_be_verified_is() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for signing in Signing::ALL {
        service.options_mut(|options| options.signing = signing);
        service.rotate_signing_key(false);
        let returned = omar.until_returned("u-100").await;
        assert_eq!(omar.both(&returned).await.subject, "u-100", "{signing:?}");
        omar.cancel(&returned.id, &returned.cookie).await;
        // By the same algorithm, but by nobody's key.
        let forged = Kind::IdTokenForged(Forgery::ForeignKey);
        service.fault(Fault::once(Endpoint::Redeem, forged));
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        omar.look(&returned).await.is_page(502, "service-refused");
        scene.advance(30);
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_one_bad_entry_spoils_no_key_set() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for entry in [
        r#"{"kty":"RSA","kid":7,"n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"EC","kid":["a"],"crv":"P-256","x":"AA","y":"AA"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"not base64","y":7}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA"}"#,
        r#"{"kty":"RSA","n":"","e":""}"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AA","use":"sig"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
        r#"{"kty":"oct","k":"AA"}"#,
        r#"{"kty":7}"#,
        r#"{"kty":"EC","alg":7,"use":["sig"],"key_ops":"verify","x5c":"no"}"#,
        r#"{"kid":"\ud800","kty":"RSA","limit":1e999}"#,
        "{}",
        "[]",
        "null",
        "7",
        "\"key\"",
        "1e999",
    ] {
        service.fault(Fault::once(Endpoint::Jwks, Kind::BesideKeys(entry)));
        service.rotate_signing_key(false);
        let returned = omar.until_returned("u-100").await;
        let both = omar.both(&returned).await;
        assert_eq!(both.subject, "u-100", "{entry}");
        omar.cancel(&returned.id, &returned.cookie).await;
        scene.advance(30);
    }
    // Keys that have no name may be any token's, and one that names none is tried with all.
    for keep_old in [true, false] {
        service.fault(Fault::once(Endpoint::Jwks, Kind::NamelessKeys));
        service.rotate_signing_key(keep_old);
        let returned = omar.until_returned("u-100").await;
        assert_eq!(omar.both(&returned).await.subject, "u-100");
        omar.cancel(&returned.id, &returned.cookie).await;
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_keys_from_before_are_used_while_no_others_can_be_read() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.disconnect().await;
    for trouble in [
        Kind::Down,
        Kind::Html200,
        Kind::Redirect("http://elsewhere.localhost:1/".to_owned()),
        Kind::HugeBody(1 << 20),
        saying(500, ""),
        saying(404, "{}"),
        saying(200, r#"{"keys":[]}"#),
        saying(200, r#"{"keys":{}}"#),
        saying(200, "[]"),
        saying(204, ""),
    ] {
        let what = format!("{trouble:?}");
        scene.advance(3601);
        service.fault(Fault::always(Endpoint::Jwks, trouble));
        let before = service.calls_to(Endpoint::Jwks);
        let returned = omar.until_returned("u-100").await;
        assert_eq!(omar.both(&returned).await.subject, "u-100", "{what}");
        omar.cancel(&returned.id, &returned.cookie).await;
        assert_eq!(service.calls_to(Endpoint::Jwks), before + 1, "{what}");
        service.clear_faults();
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_a_key_that_is_seconds_old_is_read_at_once() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let look = async |omar: &Person<'_>| {
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        let answer = omar.look(&returned).await;
        omar.cancel(&returned.id, &returned.cookie).await;
        answer
    };
    look(&omar).await.is(200);
    for read in 2..=4 {
        service.rotate_signing_key(true);
        look(&omar).await.is(200);
        assert_eq!(service.calls_to(Endpoint::Jwks), read);
    }
    // Tokens that nobody signed cause a few reads, and no more.
    let mia = scene.person("acme", MIA);
    let forged = Kind::IdTokenForged(Forgery::ForeignKey);
    service.fault(Fault::always(Endpoint::Redeem, forged));
    let (began, before) = (scene.clock.now(), service.calls_to(Endpoint::Jwks));
    for _ in 0..12 {
        let answer = look(&mia).await;
        assert!(answer.status.is_server_error(), "{}", answer.text);
    }
    let reads = service.calls_to(Endpoint::Jwks) - before;
    let grown = (scene.clock.now() - began) / 10 + 1;
    assert!(
        reads <= 4 + usize::try_from(grown).expect("time goes on"),
        "{reads}"
    );
    service.clear_faults();
    // Those whose key is known are not kept waiting by it, and after a while a new key is read again.
    look(&omar).await.is(200);
    service.rotate_signing_key(true);
    scene.advance(15);
    look(&omar).await.is(200);
    // Many who come at the same moment share one read.
    scene.advance(100);
    service.rotate_signing_key(false);
    let before = service.calls_to(Endpoint::Jwks);
    let crowd = scene.crowd("acme", 8);
    let all = crowd.iter().map(async |(account, subject)| {
        let person = scene.person("acme", account);
        let returned = person.until_returned(subject).await;
        person.prove(&returned).await.is(200);
        let answer = person.look(&returned).await;
        assert_eq!(Both::of(&answer).subject, *subject);
        person.cancel(&returned.id, &returned.cookie).await;
    });
    futures(all).await;
    let reads = service.calls_to(Endpoint::Jwks) - before;
    assert!((1..=5).contains(&reads), "{reads}");
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

/// Waits for all of these, which run at the same time.
async fn futures(all: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        match all.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f20_a_person_without_a_name_is_called_by_their_subject() {
    let scene = Scene::start(Db::Sqlite, named_elsewhere()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for odd in [
        saying(401, ""),
        saying(403, r#"{"error":"insufficient_scope"}"#),
        saying(404, ""),
        saying(429, ""),
        saying(500, ""),
        saying(204, ""),
        saying(200, ""),
        saying(200, "[]"),
        saying(200, "{}"),
        saying(200, "null"),
        saying(200, r#"{"name":"Mallory"}"#),
        saying(200, r#"{"sub":null,"id":7,"name":"Mallory"}"#),
        saying(200, r#"{"sub":"u-100","name":["Robin"]}"#),
        saying(
            200,
            r#"{"sub":"u-100","name":"\u200b\u2060","nickname":" "}"#,
        ),
        saying(200, r#"{"sub":"#),
        Kind::Html200,
        Kind::CutBefore,
        Kind::Redirect("http://elsewhere.localhost:1/".to_owned()),
        Kind::HugeBody(1 << 20),
    ] {
        let what = format!("{odd:?}");
        service.fault(Fault::once(Endpoint::Identity, odd));
        let returned = omar.until_returned("u-100").await;
        let both = omar.both(&returned).await;
        assert_eq!((&*both.subject, &*both.name), ("u-100", "u-100"), "{what}");
        omar.cancel(&returned.id, &returned.cookie).await;
        scene.advance(3);
    }
    for (named, best) in [
        (r#""name":"\u200b","preferred_username":"robin""#, "robin"),
        (
            r#""name":"\u3164","nickname":"\u0301","email":"r@example.com""#,
            "r@example.com",
        ),
        (r#""given_name":"Robin","family_name":"Park""#, "Robin Park"),
    ] {
        let body = format!(r#"{{"sub":"u-100",{named}}}"#);
        service.fault(Fault::once(Endpoint::Identity, saying(200, &body)));
        let returned = omar.until_returned("u-100").await;
        assert_eq!(omar.both(&returned).await.name, best, "{named}");
        omar.cancel(&returned.id, &returned.cookie).await;
    }
    // Another account there is no account here.
    let another = saying(200, r#"{"sub":"u-200","name":"Sam"}"#);
    service.fault(Fault::once(Endpoint::Identity, another));
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    omar.look(&returned).await.is_page(502, "service-refused");
    service.fault(Fault::once(Endpoint::Identity, saying(403, "")));
    assert_eq!(omar.link("u-100").await["displayName"], "u-100");
    omar.recorded().await;
    omar.disconnect().await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f21_names_that_show_nothing_are_not_shown() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    for (number, nothing) in [
        "\u{200b}\u{200d}\u{feff}",
        " \u{a0}\u{3000}",
        "\u{202e}\u{2066}",
        "\u{301}\u{308}",
        "\u{3164}\u{115f}",
        "\u{1}\u{7f}",
        "\u{2800}",
    ]
    .into_iter()
    .enumerate()
    {
        let account = format!("712020:nameless-{number}");
        let person = jira::Person::new(&account, nothing);
        scene.world.jira.add_person("acme", person);
        let nobody = scene.person("acme", &account);
        let names = json!({"name": nothing, "preferred_username": nothing});
        service.fault(Fault::once(Endpoint::Redeem, claims(names)));
        let returned = nobody.until_returned("u-100").await;
        let both = nobody.both(&returned).await;
        assert_eq!(both.person, account, "{nothing:?}");
        // The ID token names nothing that shows, so the identity endpoint is asked.
        assert_eq!(both.name, "Robin Park", "{nothing:?}");
        nobody.cancel(&returned.id, &returned.cookie).await;
        let names = json!({"name": nothing, "preferred_username": "robin"});
        service.fault(Fault::once(Endpoint::Redeem, claims(names)));
        let returned = nobody.until_returned("u-100").await;
        assert_eq!(nobody.both(&returned).await.name, "robin", "{nothing:?}");
        nobody.cancel(&returned.id, &returned.cookie).await;
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_code_is_a_text_of_printable_characters() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    for code in [
        "caf\u{e9}".to_owned(),
        "a\nb".to_owned(),
        "a\u{0}b".to_owned(),
        "a\tb".to_owned(),
        "a\u{7f}".to_owned(),
        "\u{200b}".to_owned(),
    ] {
        let authorize = omar.go_on(&begun).await;
        let short: String = code.chars().take(9).collect();
        let other = Kind::OtherCode(code);
        service.fault(Fault::once(Endpoint::Authorize, other));
        let callback = service.approve(&authorize, "u-100").await;
        let answer = omar.come_back(&callback, &begun.cookie).await;
        assert_eq!(answer.location, None, "{short:?}");
        answer.is_page(400, "service-refused");
    }
    assert_eq!(service.calls_to(Endpoint::Token), 0);
    // A space and every other printable character may be in one.
    let authorize = omar.go_on(&begun).await;
    let printable: String = (' '..='~').collect();
    service.fault(Fault::once(Endpoint::Authorize, Kind::OtherCode(printable)));
    let callback = service.approve(&authorize, "u-100").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    omar.prove(&returned).await.is(200);
    omar.look(&returned).await.is_page(410, "took-too-long");
    assert_eq!(service.calls_to(Endpoint::Token), 1);
    service.take_unexpected();
    scene.end().await;
}

/// What came of an odd answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It holds what was asked for, and it was read.
    Read,
    /// It holds nothing of use: refused in words where a person waits, else asked for again.
    Useless,
}

/// The one table of odd answers. What is useless was not processed.
fn odd_answers() -> Vec<(Kind, End)> {
    let deep = format!("\"note\":{}7{},", "[".repeat(500), "]".repeat(500));
    let deep = Around {
        first: deep.into_bytes().leak(),
        ..Around::default()
    };
    let read = surroundings().into_iter().chain([deep]);
    let read = read.map(|around| (Kind::Around(around), End::Read));
    let page = "<!doctype html><title>Log in to the network</title>";
    let useless = [
        Kind::Html200,
        Kind::HugeBody(1 << 20),
        Kind::CutBefore,
        Kind::Redirect("http://elsewhere.localhost:1/".to_owned()),
        Kind::Status(200, Vec::new(), format!("\u{feff} {page}")),
        saying(500, page),
        saying(502, ""),
        saying(503, "{}"),
        saying(403, page),
        saying(404, page),
        saying(408, ""),
        saying(418, r#"{"message":"a teapot"}"#),
        waiting(429, "1"),
        waiting(503, "1"),
    ];
    let useless = useless.into_iter().map(|kind| (kind, End::Useless));
    read.chain(useless).collect()
}

/// The same, and answers with 2xx that say nothing. To a revocation they say that it is done (RFC 7009
/// section 2.2).
fn odd_answers_and_empty_ones() -> Vec<(Kind, End)> {
    let empty = [
        saying(204, ""),
        saying(200, ""),
        saying(200, "[]"),
        saying(200, "null"),
        saying(200, "\"text\""),
        saying(200, "{}"),
        saying(
            200,
            r#"{"access_token":7,"apiKey":7,"sub":[],"keys":"none","issuer":7}"#,
        ),
        saying(200, r#"{"access_token":"a"#),
        Kind::Status(200, Vec::new(), "access_token=a&expires_in=7".to_owned()),
    ];
    let empty = empty.into_iter().map(|kind| (kind, End::Useless));
    odd_answers().into_iter().chain(empty).collect()
}

/// A person waits, and what came is no use: a page says so, with the way back.
#[track_caller]
fn refused_in_words(answer: &Answer, what: &str) {
    let status = answer.status;
    assert!(
        status.is_client_error() || status.is_server_error(),
        "{what}: {status}"
    );
    let codes = ["service-refused", "service-unreachable"];
    let mut codes = codes.iter().map(|code| format!("<code>{code}</code>"));
    assert!(
        codes.any(|code| answer.text.contains(&code)),
        "{what}: {}",
        answer.text
    );
}

/// Connects while this endpoint gives each odd answer once.
async fn linking_with_odd_answers(scene: &Scene, endpoint: Endpoint, kept: bool) {
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for (kind, end) in odd_answers_and_empty_ones() {
        let what = format!("{endpoint:?} {kind:?}");
        scene.advance(3601);
        if endpoint == Endpoint::Jwks {
            service.rotate_signing_key(false);
        }
        service.fault(Fault::once(endpoint, kind));
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        let answer = omar.look(&returned).await;
        if end == End::Read || kept {
            assert_eq!(Both::of(&answer).subject, "u-100", "{what}");
            omar.cancel(&returned.id, &returned.cookie).await;
        } else {
            refused_in_words(&answer, &what);
        }
        service.clear_faults();
        scene.all_revoked().await;
        scene.no_work_left().await;
    }
    scene.advance(120);
    omar.link("u-100").await;
    omar.recorded().await;
    omar.disconnect().await;
    scene.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_answer_to_a_code_is_lost() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    linking_with_odd_answers(&scene, Endpoint::Redeem, false).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_key_set_is_in_the_way() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    linking_with_odd_answers(&scene, Endpoint::Jwks, false).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_identity_is_in_the_way() {
    let scene = Scene::start(Db::Sqlite, named_elsewhere()).await;
    linking_with_odd_answers(&scene, Endpoint::Identity, true).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_discovery_is_in_the_way() {
    // The endpoints from before are used; a process that has just started has none.
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    linking_with_odd_answers(&scene, Endpoint::Discovery, true).await;
    for (kind, end) in odd_answers_and_empty_ones().into_iter().step_by(5) {
        let what = format!("{kind:?}");
        scene.restart().await;
        let omar = scene.person("acme", OMAR);
        let begun = omar.begin().await;
        scene
            .world
            .service
            .fault(Fault::once(Endpoint::Discovery, kind));
        let answer = omar
            .post(&format!("/link/{}", begun.id), &begun.cookie, &[])
            .await;
        match end {
            End::Read => assert!(answer.leads_to().starts_with(scene.world.service.issuer())),
            End::Useless => refused_in_words(&answer, &what),
        }
        scene.world.service.clear_faults();
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_page_is_taken_for_a_deleted_key() {
    let setting = Setting::default()
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for page in [
        Kind::Html200,
        Kind::Status(404, Vec::new(), "<html>No such site</html>".to_owned()),
    ] {
        omar.link("u-100").await;
        omar.recorded().await;
        service.fault(Fault::once(Endpoint::Keys, page));
        omar.disconnect().await;
        eventually("the key is deleted", async || {
            scene.advance(20);
            service.ledger().live_api_keys().is_empty().then_some(())
        })
        .await;
        scene.nothing_left().await;
    }
    scene.end().await;
}

/// Renews while this endpoint gives each odd answer once.
async fn renewing_with_odd_answers(scene: &Scene, endpoint: Endpoint) {
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for (kind, end) in odd_answers_and_empty_ones() {
        let what = format!("{endpoint:?} {kind:?}");
        let before = omar.recorded().await;
        // The key before it is deleted by then.
        scene.no_work_left().await;
        service.fault(Fault::once(endpoint, kind));
        let calls = service.calls_to(endpoint);
        asked_again(&omar, endpoint).await;
        renewed_since(&omar, before, &what).await;
        if end == End::Read && endpoint == Endpoint::Refresh {
            assert_eq!(service.calls_to(endpoint), calls + 1, "{what}");
        }
        assert_eq!(
            service.ledger().opens_api(&omar.key()),
            Some("u-100"),
            "{what}"
        );
        service.clear_faults();
    }
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    omar.disconnect().await;
    scene.advance(600);
    scene.nothing_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_r23_no_odd_answer_to_a_refresh_is_lost() {
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(24 * 3600)).await;
    renewing_with_odd_answers(&scene, Endpoint::Refresh).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_answer_of_the_key_endpoint_is_in_the_way() {
    let mut setting = Setting::keys_live(24 * 3600);
    setting.service.api_key_life = Duration::from_secs(12 * 3600);
    let setting = setting
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(Db::Sqlite, setting).await;
    renewing_with_odd_answers(&scene, Endpoint::Keys).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_no_odd_answer_to_a_revocation_leaves_a_token() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for (kind, _) in odd_answers() {
        let what = format!("{kind:?}");
        omar.link("u-100").await;
        omar.recorded().await;
        service.fault(Fault::once(Endpoint::Revoke, kind));
        omar.disconnect().await;
        eventually(&what, async || {
            scene.advance(20);
            service.ledger().live_grants().is_empty().then_some(())
        })
        .await;
        scene.nothing_left().await;
    }
    scene.end().await;
}
