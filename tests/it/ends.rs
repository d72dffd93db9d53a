//! Stories of what ends, and says so: keys that run out, grants that are refused without a reason, keys that are
//! too large for Jira, and connections that share a login.

use latchkey::clock::{Seconds, parse_rfc3339};
use reqwest::Method;
use serde_json::Value;

use crate::on_both_databases;
use crate::scene::{Answer, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind, ServiceOptions};

on_both_databases!(
    r30_a_link_that_is_refused_after_its_key_has_run_out_asks_for_its_person,
    r30_a_link_that_is_refused_many_times_in_a_moment_asks_nobody_yet,
    r30_what_is_no_refusal_asks_nobody_and_is_told,
    r30_a_key_endpoint_that_refuses_an_account_asks_for_its_person,
    f16_a_key_that_is_too_large_for_jira_links_nothing,
    f16_a_key_that_grew_too_large_is_told_and_not_put,
    f16_an_endpoint_key_that_is_too_large_is_told_at_once,
    t20_a_disconnect_says_what_waits_for_another_site,
    t20_a_disconnect_says_what_waits_for_another_person,
);

/// How long keys live here, in seconds.
const LIFE: u64 = 60;
const PROPERTIES: &str = "/rest/api/3/user/properties/";
/// Jira's limit for a property (docs of its REST API).
const LARGEST: usize = 32_768;

fn saying(status: u16, body: &str) -> Kind {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    Kind::Status(status, vec![json], body.to_owned())
}

/// A number that stands in a person's row.
async fn in_row(person: &Person<'_>, column: &str) -> i64 {
    let account = &person.account;
    let client_key = person.scene.client_key(person.site);
    let query = format!(
        "select coalesce({column}, 0) from link where account_id = '{account}' and client_key = '{client_key}'"
    );
    person.scene.count(&query).await
}

/// What a status says of a key that has run out: since when, and why.
#[track_caller]
fn ran_out(status: &Value, now: Seconds) -> (Seconds, String) {
    let since = status["expiresAt"].as_str().and_then(parse_rfc3339);
    let since = since.expect("it says since when");
    assert!(since <= now, "{status}");
    let reason = status["reason"].as_str();
    let reason = reason.unwrap_or_else(|| panic!("it says why: {status}"));
    (since, reason.to_owned())
}

/// Waits until a person is told of this cause, over as much time as it takes.
async fn told(person: &Person<'_>, cause: &str) -> Value {
    eventually(cause, async || {
        let status = person.status().await;
        assert_eq!(status["state"], "linked", "{status}");
        let (_, reason) = ran_out(&status, person.scene.clock.now());
        if reason.contains(cause) {
            return Some(status);
        }
        person.scene.advance(5);
        None
    })
    .await
}

/// Goes on in time until a person is asked to reconnect, and looks at each step that it is not too early. Returns
/// when it came, and the reason.
async fn asked_in_time(person: &Person<'_>, not_before: Seconds) -> String {
    let scene = person.scene;
    eventually("the person is asked", async || {
        let status = person.status().await;
        let now = scene.clock.now();
        let (_, reason) = ran_out(&status, now);
        if status["state"] == "reconnect" {
            assert!(now >= not_before, "{now} is before {not_before}: {status}");
            return Some(reason);
        }
        scene.advance(10);
        None
    })
    .await
}

async fn r30_a_link_that_is_refused_after_its_key_has_run_out_asks_for_its_person(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(LIFE)).await;
    {
        let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
        omar.link("u-100").await;
        mia.link("u-200").await;
        omar.recorded().await;
        mia.recorded().await;
    }
    let refuse = |scene: &Scene| {
        let odd = saying(400, r#"{"message":"Bad Request"}"#);
        let fault = Fault::always(Endpoint::Refresh, odd);
        scene.world.service.fault(fault.of(["u-100"]));
    };
    // While the key works, refusals are not counted, and it says nothing of them.
    refuse(&scene);
    {
        let omar = scene.person("acme", OMAR);
        let service = &scene.world.service;
        let asked = service.calls_to(Endpoint::Refresh);
        omar.renew().await.is(202);
        eventually("it is refused", async || {
            (service.calls_to(Endpoint::Refresh) > asked && in_row(&omar, "failures").await > 0)
                .then_some(())
        })
        .await;
        assert_eq!(in_row(&omar, "refusals").await, 0);
        assert_eq!(omar.status().await.get("reason"), None);
        scene.advance(i64::try_from(LIFE).expect("it is short") + 1);
        told(&omar, "refuses to renew the key").await;
        eventually("it is counted", async || {
            scene.advance(5);
            (in_row(&omar, "refusals").await > 0).then_some(())
        })
        .await;
        // A success forgets it.
        let before = omar.generation().expect("there is a property");
        service.clear_faults();
        eventually("it is renewed", async || {
            scene.advance(5);
            (omar.generation() > Some(before)).then_some(())
        })
        .await;
        omar.recorded().await;
        assert_eq!(in_row(&omar, "refusals").await, 0);
        assert_eq!(omar.status().await.get("reason"), None);
    }
    // What was counted survives a restart.
    refuse(&scene);
    scene.advance(i64::try_from(LIFE).expect("it is short") + 1);
    {
        let omar = scene.person("acme", OMAR);
        eventually("it is counted", async || {
            scene.advance(2);
            (in_row(&omar, "refusals").await > 0).then_some(())
        })
        .await;
    }
    scene.restart().await;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    assert!(in_row(&omar, "refusals").await > 0);
    let since = in_row(&omar, "refused_since").await;
    let life = i64::try_from(LIFE).expect("it is short");
    let reason = asked_in_time(&omar, since + life - 1).await;
    assert!(
        reason.contains("has refused to renew it each time"),
        "{reason}"
    );
    assert!(
        in_row(&omar, "refusals").await >= 2,
        "the third is the last"
    );
    let metrics = scene.metrics().await;
    let counted = "latchkey_renewals_total{outcome=\"keeps_refusing\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(mia.state().await, "linked");
    scene.world.service.clear_faults();
    omar.link("u-100").await;
    omar.recorded().await;
    assert_eq!(in_row(&omar, "refusals").await, 0);
    scene.end().await;
}

async fn r30_a_link_that_is_refused_many_times_in_a_moment_asks_nobody_yet(db: Db) {
    let life = 3 * 3600;
    let scene = Scene::start(db, Setting::keys_live(life)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let odd = saying(400, r#"{"message":"Bad Request"}"#);
    let service = &scene.world.service;
    service.fault(Fault::always(Endpoint::Refresh, odd));
    scene.advance(i64::try_from(life).expect("it is short") + 1);
    for refusals in 1..=5 {
        eventually("it is refused once more", async || {
            (in_row(&omar, "refusals").await >= refusals).then_some(())
        })
        .await;
        assert_eq!(omar.state().await, "linked", "after {refusals} refusals");
        omar.renew().await.is(202);
    }
    let since = in_row(&omar, "refused_since").await;
    scene.advance(3300);
    asked_in_time(&omar, since + 3600).await;
    scene.end().await;
}

async fn r30_what_is_no_refusal_asks_nobody_and_is_told(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(LIFE)).await;
    let (service, jira) = (&scene.world.service, &scene.world.jira);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for (kind, cause) in [
        (Some(saying(500, "{}")), "doesn't answer"),
        (Some(saying(429, "{}")), "asked the app to wait"),
        (Some(Kind::InvalidClient), "refuses the app"),
        (None, "Jira hasn't stored"),
    ] {
        let before = omar.recorded().await;
        match kind {
            Some(kind) => service.fault(Fault::always(Endpoint::Refresh, kind)),
            None => jira.fault(jira::Fault::status(500).on_property("PUT")),
        }
        scene.advance(i64::try_from(LIFE).expect("it is short") + 1);
        told(&omar, cause).await;
        for _ in 0..4 {
            scene.advance(1000);
            let status = omar.status().await;
            assert_eq!(status["state"], "linked", "{status}");
            ran_out(&status, scene.clock.now());
        }
        assert_eq!(in_row(&omar, "refusals").await, 0, "{cause}");
        service.clear_faults();
        jira.clear_faults();
        eventually("it is renewed", async || {
            scene.advance(60);
            (omar.generation() > Some(before)).then_some(())
        })
        .await;
    }
    omar.recorded().await;
    scene.end().await;
}

fn endpoint_keys() -> Setting {
    Setting {
        service: ServiceOptions {
            api_key_life: std::time::Duration::from_secs(LIFE),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_API_KEY_FROM", "endpoint")
    .with("LATCHKEY_API_KEY_URL", "{service}/keys")
}

async fn r30_a_key_endpoint_that_refuses_an_account_asks_for_its_person(db: Db) {
    let scene = Scene::start(db, endpoint_keys()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let refused = saying(403, r#"{"message":"this account has no licence"}"#);
    service.fault(Fault::always(Endpoint::Keys, refused));
    scene.advance(i64::try_from(LIFE).expect("it is short") + 1);
    told(&omar, "didn't provide a new key").await;
    eventually("it is counted", async || {
        scene.advance(2);
        (in_row(&omar, "refusals").await > 0).then_some(())
    })
    .await;
    let since = in_row(&omar, "refused_since").await;
    let life = i64::try_from(LIFE).expect("it is short");
    asked_in_time(&omar, since + life - 1).await;
    service.clear_faults();
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

/// How many bytes the property in Jira has.
fn size_in_jira(person: &Person<'_>) -> usize {
    let property = person.property().expect("there is a property");
    property.to_string().len()
}

async fn refused_as_too_large(person: &Person<'_>) -> Answer {
    let returned = person.until_returned("u-100").await;
    person.prove(&returned).await.is(200);
    person.look(&returned).await.is_page(502, "key-too-large")
}

async fn f16_a_key_that_is_too_large_for_jira_links_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let (service, jira) = (&scene.world.service, &scene.world.jira);
    let omar = scene.person("acme", OMAR);
    service.pad_keys(40_000);
    let page = refused_as_too_large(&omar).await;
    assert!(page.reads().contains("takes 32768"), "{}", page.text);
    assert!(page.reads().contains("needs 40"), "{}", page.text);
    let lines = scene.log.lines_with(&[
        "code=\"key-too-large\"".to_owned(),
        "Jira takes 32768".to_owned(),
    ]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(scene.count("select count(*) from link").await, 0);
    assert!(
        jira.calls_to("PUT", PROPERTIES).is_empty(),
        "nothing was put"
    );
    scene.all_revoked().await;
    // Exactly as much as Jira takes is put.
    service.pad_keys(0);
    omar.link("u-100").await;
    omar.recorded().await;
    let room = LARGEST - size_in_jira(&omar);
    service.pad_keys(room);
    omar.link("u-100").await;
    omar.recorded().await;
    assert_eq!(size_in_jira(&omar), LARGEST);
    service.pad_keys(room + 1);
    refused_as_too_large(&omar).await;
    assert_eq!(size_in_jira(&omar), LARGEST, "the link from before goes on");
    assert_eq!(omar.state().await, "linked");
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

/// Looks at a link whose newest key is too large, and at what comes of further tries.
async fn is_too_large(person: &Person<'_>, state: &str) {
    let scene = person.scene;
    let puts = || scene.world.jira.calls_to("PUT", PROPERTIES).len();
    let before = puts();
    let status = eventually("the person is told", async || {
        let status = person.status().await;
        status.get("reason").is_some().then_some(status)
    })
    .await;
    assert_eq!(status["state"], state, "{status}");
    let reason = status["reason"].as_str().expect("a text");
    assert!(reason.contains("too large"), "{reason}");
    assert!(reason.contains("needs 40"), "{reason}");
    assert!(reason.contains("takes 32768"), "{reason}");
    let resting = "select count(*) from link where state = 'aside' and reason = 'too_large' \
        and published_generation < generation and claim is null";
    assert_eq!(scene.count(resting).await, 1, "its tokens are kept");
    let asked = scene.world.service.calls_to(Endpoint::Refresh);
    let failures = in_row(person, "failures").await;
    scene.execute("update link set due_at = 0").await;
    eventually("it is tried once more", async || {
        (in_row(person, "failures").await > failures).then_some(())
    })
    .await;
    assert_eq!(puts(), before, "nothing is put");
    assert_eq!(scene.world.service.calls_to(Endpoint::Refresh), asked);
    let metrics = scene.metrics().await;
    let counted = "latchkey_renewals_total{outcome=\"too_large\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
    let lines = scene.log.lines_with(&[
        "a key is too large for Jira".to_owned(),
        "it has 40".to_owned(),
    ]);
    assert!(!lines.is_empty(), "a line names the size");
}

async fn f16_a_key_that_grew_too_large_is_told_and_not_put(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let before = omar.recorded().await;
    service.pad_keys(40_000);
    omar.renew().await.is(202);
    is_too_large(&omar, "linked").await;
    assert_eq!(omar.generation(), Some(before));
    // The next key is smaller again.
    service.pad_keys(0);
    scene.advance(3700);
    omar.property_of_generation(before + 2).await;
    omar.recorded().await;
    assert_eq!(omar.status().await.get("reason"), None);
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn f16_an_endpoint_key_that_is_too_large_is_told_at_once(db: Db) {
    let setting = Setting::default()
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(db, setting).await;
    scene.world.service.pad_keys(40_000);
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    omar.both(&returned).await;
    omar.confirm(&returned).await.leads_to();
    let page = omar.look(&returned).await.is(200);
    assert!(page.text.contains("too large for Jira"), "{}", page.text);
    is_too_large(&omar, "linking").await;
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn disconnects(person: &Person<'_>, left: &str) {
    let answer = person.scene.send(person.call(Method::DELETE, "/api/link"));
    let answer = answer.await.is(204);
    assert_eq!(answer.headers["latchkey-left"], left);
    assert_eq!(answer.text, "");
    assert_eq!(person.property(), None);
}

async fn t20_a_disconnect_says_what_waits_for_another_site(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let (here, elsewhere) = (scene.person("acme", OMAR), scene.person("globex", OMAR));
    here.link("u-100").await;
    assert_eq!(here.status().await.get("onDisconnect"), None);
    elsewhere.link("u-100").await;
    for person in [&here, &elsewhere] {
        person.recorded().await;
        let status = person.status().await;
        let says = status["onDisconnect"].as_str().expect("it says so");
        assert!(says.contains("may work until it expires"), "{says}");
        assert!(says.contains("on another Jira site"), "{says}");
        assert!(
            says.contains("keeps the login until that connection ends"),
            "{says}"
        );
    }
    let key = here.key();
    disconnects(&here, "shared-login").await;
    assert_eq!(
        service.ledger().opens_api(&key),
        Some("u-100"),
        "as it says"
    );
    elsewhere.renewed().await;
    elsewhere.recorded().await;
    assert_eq!(elsewhere.status().await.get("onDisconnect"), None);
    disconnects(&elsewhere, "nothing").await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn t20_a_disconnect_says_what_waits_for_another_person(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    omar.link("u-100").await;
    mia.link("u-100").await;
    omar.recorded().await;
    mia.recorded().await;
    let status = omar.status().await;
    let says = status["onDisconnect"].as_str().expect("it says so");
    assert!(says.contains("stops working"), "{says}");
    assert!(says.contains("Another person's connection"), "{says}");
    assert!(!says.contains("Mia"), "{says}");
    let key = omar.key();
    disconnects(&omar, "shared-login").await;
    assert_eq!(service.ledger().opens_api(&key), None, "as it says");
    // What the service does not take now is tried again, and that is said too.
    service.fault(Fault::always(Endpoint::Revoke, saying(500, "{}")));
    disconnects(&mia, "retried").await;
    service.clear_faults();
    scene.advance(600);
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}
