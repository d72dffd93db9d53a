//! Stories of renewing while something goes wrong: at the service, in Jira, or because a person changes
//! their mind in the middle of it.

use std::time::Duration;

use serde_json::{Value, json};

use latchkey::clock::{parse_rfc3339, rfc3339};
use latchkey::model::StateName;

use crate::moments::Moments;
use crate::on_both_databases;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, Caller, FaultKind, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind, RevocationReach, Rotation, ServiceOptions};

on_both_databases!(
    renewing_can_be_brought_forward,
    r12_a_service_that_is_not_well_is_waited_for,
    r2_answers_that_got_lost_are_asked_for_again_where_the_service_allows_it,
    r2_a_lost_answer_of_a_strict_service_costs_exactly_this_link,
    r3_a_lease_that_runs_out_under_a_token_request_brings_no_second,
    f_odd_lives_are_taken_apart_safely,
    r2_an_answer_without_a_refresh_token_keeps_the_old_one,
    r12_a_service_that_asks_to_wait_is_left_alone,
    r12_a_grant_withdrawn_at_the_service_asks_to_reconnect_once,
    r13_a_service_that_refuses_the_app_touches_no_link,
    r12_other_refusals_are_no_end_of_a_grant,
    f_jira_403_makes_the_app_act_as_the_person_and_remember,
    f_jira_403_both_ways_lets_the_link_rest,
    f_jira_404_closes_the_link,
    r5_jira_not_well_gets_the_newest_generation_again,
    r5_jira_down_longer_than_a_key_lives,
    f_jira_401_is_asked_once_more_and_then_left_alone,
    f_jira_429_of_a_site_lets_it_wait_alone,
    f_jira_429_of_all_stops_all_writes_until_the_hour,
    t22_no_token_follows_a_redirect,
    r4_a_disconnect_during_the_token_request_is_final,
    r4_what_a_late_answer_brings_is_revoked,
    r16_a_disconnect_during_the_put_is_final,
    r16_a_put_that_ends_unknown_after_a_disconnect_is_taken_back,
    r15_an_uninstall_during_the_token_request_is_final,
    r17_a_link_that_brings_its_process_down_is_set_aside_and_stops_no_other,
);

/// Keys of three hours: nothing is due unless a story says so.
fn long_lived(rotation: Rotation) -> Setting {
    Setting {
        service: ServiceOptions {
            rotation,
            access_token_life: Duration::from_secs(3 * 3600),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
}

fn status(code: u16) -> Kind {
    Kind::Status(code, Vec::new(), String::new())
}

impl Scene {
    /// Waits until the service was asked this many times to refresh, and has dealt with it.
    async fn refreshes(&self, count: usize) {
        let what = format!("{count} refreshes");
        let patience = Duration::from_secs(20);
        let service = &self.world.service;
        service
            .wait_until(&what, patience, |ledger| {
                let requests = ledger.token_requests().iter();
                let ended = requests.filter(|request| {
                    request.endpoint == Endpoint::Refresh && request.ended.is_some()
                });
                ended.count() >= count
            })
            .await;
    }

    /// Waits until this many calls to Jira met with a fault, and were answered or cut.
    async fn jira_faults(&self, count: usize) {
        let what = format!("{count} calls in trouble");
        let jira = &self.world.jira;
        jira.wait_for(&what, |cloud| {
            let calls = cloud.calls.iter().filter(|call| call.fault).count();
            (calls >= count).then_some(())
        })
        .await;
    }

    /// Waits until nothing of a person's renewal is under way, nor will be in this second: a jump of the
    /// clock would make what is signed run out on its way.
    async fn rests(&self, person: &Person<'_>) {
        eventually("the link rests", async || {
            let now = self.clock.now();
            let resting = format!(
                "select count(*) from link where account_id = '{}' and claim is null and due_at > {now} + 1",
                person.account
            );
            (self.count(&resting).await == 1).then_some(())
        })
        .await;
    }

    async fn links(&self, state: StateName) -> i64 {
        let figures = self.figures().await;
        figures.expect("the store is there").links_in(state)
    }

    async fn puts_by(&self, person: &Person<'_>) -> Vec<(Option<Caller>, Option<u16>)> {
        let mut calls = self.world.jira.calls_to("PUT", "/rest/api/3/user");
        calls.retain(|call| call.account.as_deref() == Some(&person.account));
        let calls = calls.into_iter();
        calls.map(|call| (call.caller, call.status)).collect()
    }
}

/// What a renewal that went well leaves behind, whatever happened before it.
fn works(person: &Person<'_>, subject: &str) {
    let ledger = person.scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&person.key()), Some(subject));
    assert!(ledger.overlaps().is_empty(), "one token request at a time");
}

async fn renewing_can_be_brought_forward(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is_problem(404, "not-linked");
    omar.link("u-100").await;
    let answer = omar.renew().await.is(202);
    assert_eq!(answer.text, "");
    omar.property_of_generation(2).await;
    works(&omar, "u-100");
    // Nothing is said of another person's link.
    let mia = scene.person("acme", MIA);
    mia.renew().await.is_problem(404, "not-linked");
    scene
        .person("globex", OMAR)
        .renew()
        .await
        .is_problem(404, "not-linked");
    scene.end().await;
}

async fn r12_a_service_that_is_not_well_is_waited_for(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let html = "<html>An unexpected error occurred</html>".to_owned();
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let troubles = [
        status(500),
        Kind::Status(502, Vec::new(), html.clone()),
        status(503),
        Kind::Status(403, Vec::new(), html.clone()),
        Kind::Status(400, Vec::new(), html),
        status(404),
        status(401),
        Kind::Status(200, json.clone(), "[]".to_owned()),
        Kind::Status(200, json, "{\"access_token\":".to_owned()),
        Kind::Html200,
        Kind::CutBefore,
        Kind::HugeBody(1 << 20),
    ];
    let mut asked = 0;
    for trouble in troubles {
        let before = omar.recorded().await;
        let words = format!("{trouble:?}");
        service.fault(Fault::times(Endpoint::Refresh, 2, trouble));
        omar.renew().await.is(202);
        for _ in 0..2 {
            asked += 1;
            scene.refreshes(asked).await;
            assert_eq!(omar.state().await, "linked", "{words}");
            works(&omar, "u-100");
            scene.advance(20);
        }
        asked += 1;
        omar.property_of_generation(before + 1).await;
        works(&omar, "u-100");
    }
    // Nobody answers at all, nor where the endpoints would be found; an hour later everything is back.
    let before = omar.recorded().await;
    service.fault(Fault::always(Endpoint::Any, Kind::Down));
    omar.renew().await.is(202);
    scene.refreshes(asked + 1).await;
    scene.advance(3700);
    scene.refreshes(asked + 2).await;
    assert_eq!(omar.state().await, "linked");
    service.clear_faults();
    scene.advance(300);
    omar.property_of_generation(before + 1).await;
    let ledger = service.ledger();
    assert!(ledger.reused_refresh_tokens().is_empty());
    scene.end().await;
}

async fn r2_answers_that_got_lost_are_asked_for_again_where_the_service_allows_it(db: Db) {
    for rotation in [
        Rotation::Grace(Duration::from_secs(60)),
        Rotation::UntilFirstUse,
        Rotation::None,
    ] {
        let scene = Scene::start(db, long_lived(rotation)).await;
        let service = &scene.world.service;
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        for lost in [Kind::CutAfter, Kind::CutJson] {
            let before = omar.recorded().await;
            service.fault(Fault::once(Endpoint::Refresh, lost));
            omar.renew().await.is(202);
            // By itself, and in seconds: a time of grace is short.
            omar.property_of_generation(before + 1).await;
            works(&omar, "u-100");
            assert_eq!(omar.state().await, "linked");
        }
        assert!(service.ledger().reused_refresh_tokens().is_empty());
        omar.renewed().await;
        omar.recorded().await;
        omar.disconnect().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}

async fn r2_a_lost_answer_of_a_strict_service_costs_exactly_this_link(db: Db) {
    // Minted keys, because such a service ends its own tokens when one comes twice.
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: Duration::from_secs(30),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_API_KEY_FROM", "endpoint")
    .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    let key = omar.key();

    service.fault(Fault::once(Endpoint::Refresh, Kind::CutAfter));
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("was lost"), "{reason}");
    assert_eq!(omar.key(), key);
    assert_eq!(
        service.ledger().opens_api(&key),
        Some("u-100"),
        "the old key works to its end"
    );
    assert_eq!(service.ledger().reused_refresh_tokens().len(), 1);

    mia.renewed().await;
    works(&mia, "u-200");
    assert_eq!(scene.links(StateName::Live).await, 1);
    assert_eq!(scene.links(StateName::Reconnect).await, 1);

    let asked = service.calls_to(Endpoint::Refresh);
    scene.advance(1800);
    mia.renewed().await;
    assert_eq!(
        service.calls_to(Endpoint::Refresh),
        asked + 1,
        "nobody asks again for the one that is lost"
    );
    let linked = omar.link("u-100").await;
    assert_eq!(linked.get("reason"), None);
    assert_eq!(omar.generation(), Some(2));
    works(&omar, "u-100");
    scene.end().await;
}

async fn r3_a_lease_that_runs_out_under_a_token_request_brings_no_second(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    service.fault(Fault::once(
        Endpoint::Refresh,
        Kind::DelayAfter(Duration::from_secs(4)),
    ));
    omar.renew().await.is(202);
    eventually("the token request is under way", async || {
        (service.calls_to(Endpoint::Refresh) == 1).then_some(())
    })
    .await;
    // As after a jump of the clock, or while a database is away for longer than a lease.
    scene.advance(60);
    mia.renewed().await;
    assert_eq!(service.calls_to(Endpoint::Refresh), 2, "hers alone");
    assert_eq!(omar.generation(), Some(1), "his has not ended yet");
    omar.property_of_generation(2).await;
    works(&omar, "u-100");
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    omar.recorded().await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

async fn f_odd_lives_are_taken_apart_safely(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let hour = 3600;
    let year = 366 * 24 * 3600;
    for (life, seconds) in [
        (json!("7200"), 7200),
        (json!(7200.9), 7200),
        (json!(0), hour),
        (json!(-5), hour),
        (json!("soon"), hour),
        (Value::Null, hour),
        (json!([3600]), hour),
        (json!(u64::MAX), year),
        (json!(1e300), year),
        (json!("99999999999999999999999"), hour),
    ] {
        service.fault(Fault::once(
            Endpoint::Refresh,
            Kind::ExpiresIn(life.clone()),
        ));
        let before = scene.clock.now();
        let property = omar.renewed().await;
        let after = scene.clock.now();
        let expires_at = property["expiresAt"].as_str().and_then(parse_rfc3339);
        let expires_at = expires_at.expect("it says when the key runs out");
        assert!(
            (before + seconds..=after + seconds).contains(&expires_at),
            "{life}: {} instead of about {}",
            rfc3339(expires_at),
            rfc3339(after + seconds)
        );
        assert_eq!(omar.state().await, "linked");
        works(&omar, "u-100");
    }
    scene.end().await;
}

async fn r2_an_answer_without_a_refresh_token_keeps_the_old_one(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    service.fault(Fault::times(Endpoint::Refresh, 2, Kind::NoRefreshToken));
    for _ in 0..4 {
        omar.renewed().await;
        works(&omar, "u-100");
    }
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    assert_eq!(omar.state().await, "linked");
    omar.recorded().await;
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn r12_a_service_that_asks_to_wait_is_left_alone(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let mut asked = 0;
    // How long the link waits at least: what the service said, clamped to an hour, or a little.
    for (code, after, at_least) in [
        (429, Some("120"), 120),
        (503, Some("120"), 120),
        (429, None, 1),
        (429, Some("-1"), 1),
        (429, Some("0"), 1),
        (429, Some("99999999999999999999999999"), 3600),
        (429, Some("soon"), 1),
        (429, Some("Wed, 21 Oct 2099 07:28:00 GMT"), 3600),
        (503, Some("Wednesday, 21-Oct-65 07:28:00 GMT"), 3600),
    ] {
        let (before, other) = (omar.recorded().await, mia.recorded().await);
        let header = after.map(|after| ("retry-after".to_owned(), after.to_owned()));
        let wait = Kind::Status(code, header.into_iter().collect(), String::new());
        service.fault(Fault::once(Endpoint::Refresh, wait));
        let refused_at = scene.clock.now();
        omar.renew().await.is(202);
        asked += 1;
        scene.refreshes(asked).await;
        // It costs this link, and no other.
        let waits = format!(
            "select count(*) from link where account_id = '{OMAR}' and due_at >= {}",
            refused_at + at_least
        );
        eventually("the link waits", async || {
            (scene.count(&waits).await == 1).then_some(())
        })
        .await;
        mia.renew().await.is(202);
        asked += 1;
        mia.property_of_generation(other + 1).await;
        assert_eq!(omar.state().await, "linked");
        if at_least > 60 {
            assert_eq!(service.calls_to(Endpoint::Refresh), asked, "{after:?}");
        }
        scene.advance(at_least + 40);
        asked += 1;
        omar.property_of_generation(before + 1).await;
        works(&omar, "u-100");
    }
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    scene.end().await;
}

async fn r12_a_grant_withdrawn_at_the_service_asks_to_reconnect_once(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    service.withdraw("u-100");
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(
        reason.contains("Acme Drive no longer accepts this connection"),
        "{reason}"
    );
    assert_eq!(service.calls_to(Endpoint::Refresh), 1);
    omar.renew().await.is_problem(404, "not-linked");

    // No loop: while another link is renewed, this one is not asked for.
    scene.advance(7200);
    mia.property_of_generation(2).await;
    assert_eq!(service.calls_to(Endpoint::Refresh), 2);

    let status = omar.link("u-100").await;
    assert_eq!(status["state"], "linked");
    assert_eq!(omar.generation(), Some(2), "the generation goes on");
    works(&omar, "u-100");
    omar.renewed().await;
    works(&omar, "u-100");
    scene.end().await;
}

/// An error answer of RFC 6749, section 5.2.
fn refused(error: &str) -> Kind {
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    Kind::Status(400, json, json!({"error": error}).to_string())
}

async fn r13_a_service_that_refuses_the_app_touches_no_link(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let mut asked = 0;
    for refusal in [Kind::InvalidClient, refused("unauthorized_client")] {
        let (before, other) = (omar.recorded().await, mia.recorded().await);
        let property = omar.property();
        service.fault(Fault::always(Endpoint::Refresh, refusal.clone()));
        let gate = scene.app().parts.service.gate();
        omar.renew().await.is(202);
        asked += 1;
        scene.refreshes(asked).await;
        // One link may be refused by its own doing. When one of another tenant is refused too, all wait.
        assert!(gate.opens_at() <= scene.clock.now());
        let refused_at = scene.clock.now();
        mia.renew().await.is(202);
        asked += 1;
        scene.refreshes(asked).await;
        eventually("the service is left alone", async || {
            (gate.opens_at() >= refused_at + 5).then_some(())
        })
        .await;
        assert_eq!(omar.property(), property);
        let link = omar.stored_link().await.expect("it is still there");
        assert_eq!(link.generation, before, "{refusal:?}");
        assert_eq!(scene.links(StateName::Live).await, 2);
        works(&omar, "u-100");
        // The operator repairs it.
        service.clear_faults();
        scene.advance(60);
        omar.property_of_generation(before + 1).await;
        mia.property_of_generation(other + 1).await;
        works(&omar, "u-100");
        asked = service.calls_to(Endpoint::Refresh);
    }
    scene.end().await;
}

async fn r12_other_refusals_are_no_end_of_a_grant(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    for error in [
        "invalid_request",
        "invalid_scope",
        "unsupported_grant_type",
        "temporarily_unavailable",
        "interaction_required",
    ] {
        let before = omar.recorded().await;
        let asked = service.calls_to(Endpoint::Refresh);
        service.fault(Fault::once(Endpoint::Refresh, refused(error)));
        omar.renew().await.is(202);
        scene.refreshes(asked + 1).await;
        assert_eq!(omar.state().await, "linked", "{error}");
        // It is about this request only.
        mia.renewed().await;
        scene.advance(20);
        omar.property_of_generation(before + 1).await;
        works(&omar, "u-100");
    }
    scene.end().await;
}

async fn f_jira_403_makes_the_app_act_as_the_person_and_remember(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let app = || Some(Caller::App);
    let person = || Some(Caller::AsUser(OMAR.to_owned()));
    jira.set_app_is_admin("acme", false);
    omar.link("u-100").await;
    assert_eq!(
        scene.puts_by(&omar).await,
        [(app(), Some(403)), (person(), Some(201))]
    );
    omar.renewed().await;
    omar.recorded().await;
    assert_eq!(
        scene.puts_by(&omar).await[2..],
        [(person(), Some(200))],
        "it is remembered: no 403 first"
    );
    works(&omar, "u-100");

    // The admin gives the right back and takes away that the app may act for people.
    omar.recorded().await;
    jira.set_app_is_admin("acme", true);
    jira.fault(
        jira::Fault::status(403)
            .on("POST", "/oauth2/token")
            .at("auth"),
    );
    let before = omar.recorded().await;
    omar.renew().await.is(202);
    eventually("it is written again", async || {
        scene.advance(30);
        (omar.generation() > Some(before)).then_some(())
    })
    .await;
    omar.recorded().await;
    omar.renewed().await;
    omar.recorded().await;
    let last = scene.puts_by(&omar).await;
    assert_eq!(last.last(), Some(&(app(), Some(200))));
    jira.clear_faults();

    // Disconnecting works as the person too.
    jira.set_app_is_admin("acme", false);
    omar.recorded().await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert!(scene.world.service.ledger().live_grants().is_empty());
    scene.end().await;
}

async fn f_jira_403_both_ways_lets_the_link_rest(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    let old = omar.key();
    jira.fault(jira::Fault::status(403).on_property("PUT").account(OMAR));
    omar.renew().await.is(202);
    eventually("the link rests", async || {
        (scene.links(StateName::Aside).await == 1).then_some(())
    })
    .await;
    assert_eq!(omar.state().await, "linked", "the key in Jira still works");
    assert_eq!(omar.key(), old);
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&old), Some("u-100"));
    mia.renewed().await;

    // It is probed now and then; when the key has run out the person is told.
    eventually("another try", async || {
        scene.rests(&omar).await;
        scene.advance(300);
        let calls = jira.calls();
        (calls.iter().filter(|call| call.fault).count() >= 4).then_some(())
    })
    .await;
    scene.rests(&omar).await;
    scene.advance(3 * 3600);
    let status = eventually("the person is told", async || {
        let status = omar.status().await;
        status.get("reason").is_some().then_some(status)
    })
    .await;
    let reason = status["reason"].as_str().expect("it is in words");
    assert!(reason.contains("Jira doesn't let"), "{reason}");
    // Connecting again would not help, so nobody is asked to.
    assert_eq!(status["state"], "linked");

    // Once repaired, it comes back by itself.
    jira.clear_faults();
    scene.advance(1000);
    omar.property_of_generation(2).await;
    omar.recorded().await;
    assert_eq!(omar.status().await.get("reason"), None);
    works(&omar, "u-100");
    scene.end().await;
}

async fn f_jira_404_closes_the_link(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    scene.world.jira.remove_person("acme", OMAR);
    omar.renew().await.is(202);
    omar.found_gone().await;
    scene.no_work_left().await;
    let ledger = scene.world.service.ledger();
    let live: Vec<&str> = ledger
        .live_grants()
        .iter()
        .map(|grant| grant.subject.as_str())
        .collect();
    assert_eq!(live, ["u-200"], "their grant has ended, and no other");
    mia.renewed().await;
    works(&mia, "u-200");
    scene.end().await;
}

async fn r5_jira_not_well_gets_the_newest_generation_again(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let mut faults = 0;
    let mut asked = 0;
    for (kind, applied) in [
        (FaultKind::ApplyThenFail(500), true),
        (FaultKind::CutAfter, true),
        (FaultKind::CutBefore, false),
        (FaultKind::Html200, false),
        (jira::Fault::status(500).kind, false),
        (jira::Fault::status(503).kind, false),
        (FaultKind::HugeBody, false),
    ] {
        let before = omar.recorded().await;
        let old = omar.key();
        let words = format!("{kind:?}");
        jira.fault(jira::Fault::new(kind).on_property("PUT").times(2));
        omar.renew().await.is(202);
        for _ in 0..2 {
            faults += 1;
            scene.jira_faults(faults).await;
            assert_eq!(
                service.ledger().opens_api(&old),
                Some("u-100"),
                "{words}: until Jira has confirmed the new key the old one works"
            );
            // Read once: it may be applied at any moment.
            let generation = omar.generation();
            assert!(
                generation == Some(before) || (applied && generation == Some(before + 1)),
                "{words}"
            );
            scene.advance(400);
        }
        omar.property_of_generation(before + 1).await;
        assert_eq!(omar.recorded().await, before + 1, "{words}");
        asked += 1;
        assert_eq!(
            service.calls_to(Endpoint::Refresh),
            asked,
            "{words}: the same generation was put again, and no other was made"
        );
        works(&omar, "u-100");
    }
    scene.end().await;
}

async fn r5_jira_down_longer_than_a_key_lives(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let jira = &scene.world.jira;
    jira.fault(jira::Fault::down("acme"));
    omar.renew().await.is(202);
    for generation in 2..=3 {
        eventually("a key that Jira does not get", async || {
            let link = omar.stored_link().await?;
            (link.generation == generation).then_some(())
        })
        .await;
        scene.rests(&omar).await;
        scene.advance(3 * 3600 + 10);
    }
    assert_eq!(omar.generation(), Some(1));
    assert_eq!(omar.state().await, "linked", "nobody is asked for anything");
    jira.clear_faults();
    scene.advance(400);
    omar.property_of_generation(3).await;
    let last = omar.recorded().await;
    assert_eq!(omar.generation(), Some(last));
    works(&omar, "u-100");
    scene.no_work_left().await;
    let ledger = scene.world.service.ledger();
    assert!(ledger.reused_refresh_tokens().is_empty());
    scene.end().await;
}

async fn f_jira_401_is_asked_once_more_and_then_left_alone(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let other = scene.person("globex", MIA);
    omar.link("u-100").await;
    other.link("u-200").await;

    jira.fault(jira::Fault::status(401).on_property("PUT").times(1));
    omar.renewed().await;
    works(&omar, "u-100");

    let before = omar.recorded().await;
    jira.fault(jira::Fault::status(401).on_property("PUT").at("acme"));
    omar.renew().await.is(202);
    scene.jira_faults(3).await;
    other.renewed().await;
    scene.jira_faults(3).await;
    let in_trouble = jira.calls().iter().filter(|call| call.fault).count();
    assert_eq!(in_trouble, 3, "once, once more, and no third time");
    assert_eq!(omar.state().await, "linked");
    jira.clear_faults();
    scene.advance(120);
    omar.property_of_generation(before + 1).await;
    works(&omar, "u-100");
    scene.end().await;
}

async fn f_jira_429_of_a_site_lets_it_wait_alone(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let other = scene.person("globex", OMAR);
    omar.link("u-100").await;
    mia.link("u-200").await;
    other.link("u-100").await;
    let mut faults = 0;
    for (reason, after, at_least, at_most) in [
        (Some("jira-burst-based"), Some("120"), 120, 120),
        (Some("jira-quota-tenant-based"), Some("120"), 120, 120),
        // Two seconds at first where Jira says nothing, three tenths less or more.
        (Some("jira-per-issue-on-write"), None, 2, 3),
        (None, None, 2, 3),
        (None, Some("never"), 2, 3),
        (None, Some("Wed Oct 21 07:28:00 2099"), 3600, 3600),
        (None, Some("99999999999999999999999"), 3600, 3600),
    ] {
        let before = omar.recorded().await;
        let her_before = mia.recorded().await;
        jira.fault(
            jira::Fault::rate_limited(reason, after)
                .on_property("PUT")
                .at("acme")
                .times(1),
        );
        let refused_at = jira.now();
        omar.renew().await.is(202);
        faults += 1;
        scene.jira_faults(faults).await;
        let written = jira.property_writes().len();
        // What every replica reads right before a call.
        let waits_until = "select max(case when wait_until > put_wait_until then wait_until \
            else put_wait_until end) from tenant";
        let waits_until = eventually("the site is to be left alone", async || {
            let until = scene.count(waits_until).await;
            (until >= refused_at + at_least).then_some(until)
        })
        .await;
        assert!(waits_until <= jira.now() + at_most, "{reason:?} {after:?}");
        // A site that is fine is not delayed, and the one that is not is left alone.
        other.renewed().await;
        mia.renew().await.is(202);
        assert_eq!(omar.state().await, "linked");
        scene.advance(at_least + 60);
        omar.property_of_generation(before + 1).await;
        mia.property_of_generation(her_before + 1).await;
        let mut writes = jira.property_writes().into_iter().skip(written);
        let early =
            writes.find(|write| write.site == "acme" && write.at_ms / 1000 < refused_at + at_least);
        assert!(early.is_none(), "{reason:?} {after:?}: {early:?}");
        works(&omar, "u-100");
    }
    scene.end().await;
}

async fn f_jira_429_of_all_stops_all_writes_until_the_hour(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let other = scene.person("globex", OMAR);
    omar.link("u-100").await;
    mia.link("u-200").await;
    other.link("u-100").await;
    scene.advance_to_the_hour();
    let hour = (jira.now() / 3600 + 1) * 3600;
    let (before, others) = (omar.recorded().await, other.recorded().await);
    jira.fault(
        jira::Fault::rate_limited(Some("jira-quota-global-based"), None)
            .on_property("PUT")
            .at("acme")
            .times(1),
    );
    omar.renew().await.is(202);
    scene.jira_faults(1).await;
    eventually("the gate is closed", async || {
        (scene.app().parts.jira.writes().opens_at() >= hour).then_some(())
    })
    .await;
    let writes = || {
        let calls = jira.calls().into_iter();
        let written = calls.filter(|call| call.method == "PUT" || call.method == "DELETE");
        written.map(|call| call.to_string()).collect::<Vec<_>>()
    };
    let until_now = writes();
    other.renew().await.is(202);
    // Her key and her grant end at once; only what is in Jira has to wait.
    mia.disconnect().await;
    assert_eq!(mia.state().await, "unlinked");
    let ledger = scene.world.service.ledger();
    let live = ledger.live_grants();
    assert!(live.iter().all(|grant| grant.subject != "u-200"));
    // Linking goes on, and its key is put there when the hour is over.
    let returned = scene.person("globex", MIA);
    let attempt = returned.until_returned("u-200").await;
    returned.prove(&attempt).await.is(200);
    let status = {
        returned.confirm(&attempt).await.leads_to();
        returned.status().await
    };
    assert_eq!(status["state"], "linking");
    scene.advance(1800);
    assert_eq!(writes(), until_now, "nothing is written before the hour");

    scene.advance(hour + 60 - jira.now());
    omar.property_of_generation(before + 1).await;
    other.property_of_generation(others + 1).await;
    returned.property_of_generation(1).await;
    // What is left to do is tried again later and later.
    eventually("her property is gone", async || {
        scene.advance(120);
        mia.property().is_none().then_some(())
    })
    .await;
    works(&omar, "u-100");
    scene.end().await;
}

async fn t22_no_token_follows_a_redirect(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let elsewhere = format!("{}/elsewhere", jira.landing_url());
    let mut faults = 0;
    let mut asked = 0;
    for code in [301, 302, 303, 307, 308] {
        let before = omar.recorded().await;
        let moved = FaultKind::Redirect {
            code,
            to: elsewhere.clone(),
        };
        jira.fault(jira::Fault::new(moved).on_property("PUT").times(1));
        omar.renew().await.is(202);
        faults += 1;
        scene.jira_faults(faults).await;
        scene.advance(30);
        omar.property_of_generation(before + 1).await;
        asked += 1;
    }
    let before = omar.recorded().await;
    service.fault(Fault::once(
        Endpoint::Refresh,
        Kind::Redirect(elsewhere.clone()),
    ));
    omar.renew().await.is(202);
    scene.refreshes(asked + 1).await;
    scene.advance(30);
    omar.property_of_generation(before + 1).await;
    let calls = jira.calls();
    let strayed = calls
        .iter()
        .filter(|call| call.path == "/elsewhere")
        .count();
    assert_eq!(strayed, 0);
    works(&omar, "u-100");
    scene.end().await;
}

async fn r4_a_disconnect_during_the_token_request_is_final(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::None)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let pause = Duration::from_secs(3);
    for (kind, grants) in [(Kind::Delay(pause), 1), (Kind::DelayAfter(pause), 2)] {
        omar.link("u-100").await;
        omar.recorded().await;
        let asked = service.calls_to(Endpoint::Refresh);
        service.fault(Fault::once(Endpoint::Refresh, kind));
        omar.renew().await.is(202);
        eventually("the token request is under way", async || {
            (service.calls_to(Endpoint::Refresh) > asked).then_some(())
        })
        .await;
        omar.disconnect().await;
        assert_eq!(omar.property(), None);
        assert_eq!(omar.state().await, "unlinked");
        scene.refreshes(asked + 1).await;
        scene.no_work_left().await;
        scene.all_revoked().await;
        assert_eq!(omar.property(), None, "no late renewal brings it back");
        assert_eq!(omar.state().await, "unlinked");
        assert_eq!(service.ledger().grants().len(), grants);
    }
    let puts = scene.puts_by(&omar).await;
    assert_eq!(puts.len(), 2, "one for each link, and none after its end");
    scene.end().await;
}

async fn r4_what_a_late_answer_brings_is_revoked(db: Db) {
    // Where a token that is revoked takes no other with it, each has to be.
    let mut setting = long_lived(Rotation::Strict);
    setting.service.revocation_reach = RevocationReach::Token;
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    service.fault(Fault::once(Endpoint::Refresh, Kind::AnswerHeld));
    omar.renew().await.is(202);
    eventually("new tokens are on their way", async || {
        let ledger = service.ledger();
        let mut requests = ledger.token_requests().iter();
        let given = requests
            .any(|request| request.endpoint == Endpoint::Refresh && request.outcome.is_some());
        given.then_some(())
    })
    .await;
    omar.disconnect().await;
    service.clear_faults();
    scene.refreshes(1).await;
    scene.all_revoked().await;
    assert_eq!(omar.state().await, "unlinked");
    assert_eq!(omar.property(), None);
    scene.end().await;
}

async fn r16_a_disconnect_during_the_put_is_final(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    jira.fault(
        jira::Fault::new(FaultKind::Delay(Duration::from_secs(3)))
            .on_property("PUT")
            .times(1),
    );
    omar.renew().await.is(202);
    scene.jira_faults(1).await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    // The put that was on its way arrives after all.
    jira.wait_for("the late put", |cloud| {
        let put = cloud.calls.iter().find(|call| call.fault)?;
        put.status
    })
    .await;
    jira.wait_for_no_property("acme", OMAR, crate::scene::PROPERTY)
        .await;
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);
    assert!(scene.world.service.ledger().live_grants().is_empty());
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

async fn r16_a_put_that_ends_unknown_after_a_disconnect_is_taken_back(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::Strict)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let pause = Duration::from_secs(3);
    for (times, relink) in [(1, false), (2, true)] {
        omar.link("u-100").await;
        // Generations go on after a disconnect, so each round has its own.
        let late = omar.recorded().await + 1;
        jira.fault(
            jira::Fault::new(FaultKind::LateAndLost(pause))
                .on_property("PUT")
                .times(1),
        );
        omar.renew().await.is(202);
        scene.jira_faults(times).await;
        omar.disconnect().await;
        assert_eq!(omar.property(), None);
        if relink {
            omar.link("u-200").await;
        }
        jira.wait_for("the late put", |cloud| {
            let mut puts = cloud.property_writes.iter().filter(|write| {
                write
                    .value
                    .as_ref()
                    .is_some_and(|value| value["generation"] == late && value["subject"] == "u-100")
            });
            puts.next().map(|_| ())
        })
        .await;
        if relink {
            // A person who linked meanwhile has their own key, not the late one.
            jira.wait_for_property("acme", OMAR, crate::scene::PROPERTY, |value| {
                value["subject"] == "u-200"
            })
            .await;
            works(&omar, "u-200");
        } else {
            jira.wait_for_no_property("acme", OMAR, crate::scene::PROPERTY)
                .await;
            // It had no answer, so its process leaves the second deletion on the list.
            scene.let_late_writes_pass();
            scene.nothing_left().await;
        }
    }
    // The late put was of a link that is over: to Jira alone it looks like a step back.
    scene.let_late_writes_pass();
    scene.no_work_left().await;
    assert_eq!(scene.world.unexpected(), Vec::<String>::new());
    scene.close().await;
}

async fn r15_an_uninstall_during_the_token_request_is_final(db: Db) {
    let scene = Scene::start(db, long_lived(Rotation::None)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    service.fault(Fault::once(
        Endpoint::Refresh,
        Kind::DelayAfter(Duration::from_secs(3)),
    ));
    omar.renew().await.is(202);
    eventually("the token request is under way", async || {
        (service.calls_to(Endpoint::Refresh) == 1).then_some(())
    })
    .await;
    let puts = scene.puts_by(&omar).await.len();
    scene
        .world
        .jira
        .uninstall("acme")
        .await
        .expect("it is uninstalled");
    scene.refreshes(1).await;
    scene.all_revoked().await;
    scene.no_work_left().await;
    assert_eq!(scene.puts_by(&omar).await.len(), puts);
    scene.end().await;
}

async fn r17_a_link_that_brings_its_process_down_is_set_aside_and_stops_no_other(db: Db) {
    let moments = Moments::listen().await;
    let (name, address) = moments.setting();
    let setting = long_lived(Rotation::Strict).with(name, address);
    let mut scene = Scene::start_child(db, setting).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", MIA).link("u-200").await;
    // Three processes die with his renewal in their hands, before anything was sent.
    moments.hold("P1", OMAR);
    scene.person("acme", OMAR).renew().await.is(202);
    for _ in 0..3 {
        moments.held("P1", OMAR).await;
        scene.child().kill9().await;
        moments.go_all();
        moments.hold("P1", OMAR);
        scene.restart().await;
    }
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    mia.renew().await.is(202);
    mia.property_of_generation(2).await;
    works(&mia, "u-200");
    let aside = "select count(*) from link where state = 'aside' and reason = 'no_outcome'";
    eventually("it rests, with its reason", async || {
        (scene.count(aside).await == 1).then_some(())
    })
    .await;
    assert_eq!(omar.generation(), Some(1));
    assert_eq!(scene.world.service.calls_to(Endpoint::Refresh), 1, "hers");

    // Most likely nothing is wrong with it: it is tried again in seconds.
    moments.held("P1", OMAR).await;
    moments.go("P1", OMAR);
    omar.property_of_generation(2).await;
    works(&omar, "u-100");
    eventually("it does not rest any more", async || {
        (scene.count(aside).await == 0).then_some(())
    })
    .await;
    scene.end().await;
}
