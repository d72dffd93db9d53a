//! Stories of what is about a site and what is about a person: only Jira's own word about a person, said
//! twice, ends a link.

use std::time::Duration;

use reqwest::Method;

use crate::on_both_databases;
use crate::scene::{Db, FORGE_SITE, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    r22_a_site_that_is_away_costs_nobody_a_link,
    f1_a_disconnect_while_a_site_is_away_is_finished_later,
    f1_a_page_instead_of_the_deletion_does_not_count_as_done,
    f1_a_site_that_is_away_calls_nobody_deactivated,
    f1_a_page_of_the_token_endpoint_of_jira_is_no_refusal,
    r22_a_person_is_gone_when_jira_has_said_it_twice,
    r22_a_person_who_shows_up_between_is_not_gone,
    r22_a_deactivated_person_is_gone_when_jira_has_said_it_twice,
    r22_by_forge_a_person_is_gone_when_jira_has_said_it_twice,
    r22_by_forge_a_deactivated_person_is_gone_when_jira_has_said_it_twice,
    r22_another_word_for_it_counts_only_about_this_person,
    r31_a_person_is_asked_about_once_a_day,
    r31_nobody_is_asked_about_where_the_app_is_disabled_meanwhile,
    r4_a_link_made_anew_while_jira_is_asked_about_its_person_keeps_its_key,
);

const PAGE: &str =
    "<!doctype html><title>Your Atlassian Cloud site is currently unavailable</title>";

/// An answer of whatever serves the site's address instead of Jira.
fn answer(code: u16, content_type: &str, body: &str) -> FaultKind {
    FaultKind::Status {
        code,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: body.to_owned(),
    }
}

/// What an address answers that is no Jira site for the moment. None of it is about a person.
fn not_jira() -> Vec<FaultKind> {
    let own = r#"{"errorMessages":["The user does not exist."],"errors":{}}"#;
    vec![
        answer(404, "text/html; charset=utf-8", PAGE),
        answer(
            404,
            "application/json",
            r#"{"errorMessage":"Site temporarily unavailable"}"#,
        ),
        answer(
            404,
            "application/json",
            r#"{"timestamp":"x","status":404,"error":"Not Found","message":"No such site"}"#,
        ),
        answer(404, "application/json", ""),
        answer(
            404,
            "application/json",
            r#"{"errorMessages":[],"errors":{}}"#,
        ),
        answer(
            404,
            "application/json",
            r#"{"errorMessages":"gone","errors":{}}"#,
        ),
        answer(
            404,
            "application/json",
            r#"{"message":"null for uri: /rest/api/3/user","status-code":404}"#,
        ),
        // The words of Jira in a page's clothes.
        answer(404, "text/html", own),
        answer(410, "text/html", PAGE),
        answer(410, "application/json", own),
        answer(403, "text/html", PAGE),
    ]
}

/// Every call to this site meets with it.
fn everywhere(kind: FaultKind, site: &str) -> jira::Fault {
    jira::Fault::new(kind).at(site)
}

impl Scene {
    async fn faults_met(&self, count: usize) {
        let what = format!("{count} calls in trouble");
        self.world
            .jira
            .wait_for(&what, |cloud| {
                let calls = cloud.calls.iter().filter(|call| call.fault).count();
                (calls >= count).then_some(())
            })
            .await;
    }

    fn faults_so_far(&self) -> usize {
        self.world
            .jira
            .calls()
            .iter()
            .filter(|call| call.fault)
            .count()
    }

    async fn parked(&self, reason: &str) {
        let query = format!(
            "select count(*) from tenant where wait_reason = '{reason}' and wait_until > {}",
            self.clock.now()
        );
        eventually("the site waits", async || {
            (self.count(&query).await == 1).then_some(())
        })
        .await;
    }
}

impl Person<'_> {
    /// Waits until Jira's first word that this person is gone is written down, and nothing is under way.
    pub async fn said_gone_once(&self) {
        let query = format!(
            "select count(*) from link where account_id = '{}' and gone_since is not null and claim is null",
            self.account
        );
        eventually("it was said once", async || {
            (self.scene.count(&query).await == 1).then_some(())
        })
        .await;
    }

    /// Waits until the link is closed, which takes a second word a minute later.
    pub async fn found_gone(&self) {
        self.said_gone_once().await;
        self.scene.advance(66);
        eventually("the link is closed", async || {
            self.stored_link().await.is_none().then_some(())
        })
        .await;
    }

    async fn is_not_called_gone(&self) {
        let query = format!(
            "select count(*) from link where account_id = '{}' and gone_since is null",
            self.account
        );
        eventually("nothing is written of it", async || {
            (self.scene.count(&query).await == 1).then_some(())
        })
        .await;
    }
}

fn live_subjects(scene: &Scene) -> Vec<String> {
    let ledger = scene.world.service.ledger();
    let live = ledger.live_grants();
    let mut live: Vec<String> = live.iter().map(|grant| grant.subject.clone()).collect();
    live.sort();
    live
}

async fn r22_a_site_that_is_away_costs_nobody_a_link(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let elsewhere = scene.person("globex", OMAR);
    omar.link("u-100").await;
    mia.link("u-200").await;
    elsewhere.link("u-100").await;
    for kind in not_jira() {
        let words = format!("{kind:?}");
        let (his, hers) = (omar.recorded().await, mia.recorded().await);
        let met = scene.faults_so_far();
        jira.fault(everywhere(kind, "acme"));
        omar.renew().await.is(202);
        mia.renew().await.is(202);
        // Fourteen seconds of it, with tries in between.
        scene.faults_met(met + 1).await;
        scene.parked("not_jira").await;
        elsewhere.renewed().await;
        for _ in 0..2 {
            let met = scene.faults_so_far();
            scene.advance(7);
            eventually("it is tried again, or waits", async || {
                let waits = scene
                    .count(&format!(
                        "select count(*) from tenant where wait_until > {}",
                        scene.clock.now()
                    ))
                    .await;
                (waits == 1 || scene.faults_so_far() > met).then_some(())
            })
            .await;
        }
        for person in [&omar, &mia] {
            assert!(person.stored_link().await.is_some(), "{words}");
            let status = person.status().await;
            assert_eq!(status["state"], "linked", "{words}");
            assert_eq!(status.get("reason"), None, "the key works: {words}");
        }
        assert_eq!(
            live_subjects(&scene),
            ["u-100", "u-100", "u-200"],
            "{words}"
        );
        assert!(
            scene
                .world
                .service
                .ledger()
                .opens_api(&omar.key())
                .is_some(),
            "{words}"
        );
        jira.clear_faults();
        // The next look is not far.
        scene.advance(65);
        omar.property_of_generation(his + 1).await;
        mia.property_of_generation(hers + 1).await;
    }
    let said = scene.log.lines_with(&["outcome=\"not_jira\"".to_owned()]);
    assert!(!said.is_empty(), "the log says why");
    scene.end().await;
}

async fn f1_a_disconnect_while_a_site_is_away_is_finished_later(db: Db) {
    for kind in not_jira() {
        let words = format!("{kind:?}");
        let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        omar.recorded().await;
        scene.world.jira.fault(everywhere(kind, "acme"));
        omar.disconnect().await;
        scene.faults_met(1).await;
        assert_eq!(omar.state().await, "unlinked");
        eventually("the grant has ended", async || {
            live_subjects(&scene).is_empty().then_some(())
        })
        .await;
        assert!(omar.property().is_some());
        let left = scene
            .count("select count(*) from cleanup where kind = 'delete_property'")
            .await;
        assert_eq!(left, 1, "{words}");
        scene.world.jira.clear_faults();
        scene.advance(120);
        scene.no_work_left().await;
        assert_eq!(omar.property(), None, "{words}");
        scene.end().await;
    }
}

async fn f1_a_page_instead_of_the_deletion_does_not_count_as_done(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let page = answer(404, "text/html", PAGE);
    scene
        .world
        .jira
        .fault(jira::Fault::new(page).on_property("DELETE").times(1));
    omar.disconnect().await;
    assert!(omar.property().is_some());
    scene.advance(120);
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);
    // Jira's own word that there is none is as good as a deletion.
    omar.link("u-100").await;
    omar.recorded().await;
    let site = omar.site;
    scene
        .world
        .jira
        .edit_site(site, |site| site.properties.clear());
    omar.disconnect().await;
    scene.no_work_left().await;
    scene.end().await;
}

async fn f1_a_site_that_is_away_calls_nobody_deactivated(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    for kind in not_jira() {
        let words = format!("{kind:?}");
        scene.world.jira.fault(everywhere(kind, "acme"));
        let answer = omar.begin_with(&omar.token()).await;
        assert_eq!(answer.status.as_u16(), 503, "{words}: {}", answer.text);
        assert!(answer.reads().contains("Jira can't be reached"), "{words}");
        scene.world.jira.clear_faults();
        scene.advance(90);
    }
    // While the site waits because of a renewal, it is said in the same words.
    let mia = scene.person("acme", MIA);
    mia.link("u-200").await;
    mia.recorded().await;
    scene
        .world
        .jira
        .fault(everywhere(answer(404, "text/html", PAGE), "acme"));
    mia.renew().await.is(202);
    scene.parked("not_jira").await;
    let answer = omar.begin_with(&omar.token()).await.is(503);
    assert!(
        answer.reads().contains("Jira can't be reached"),
        "{}",
        answer.text
    );
    scene.world.jira.clear_faults();
    scene.advance(90);
    omar.link("u-100").await;
    scene.end().await;
}

async fn f1_a_page_of_the_token_endpoint_of_jira_is_no_refusal(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let before = omar.recorded().await;
    jira.set_app_is_admin("acme", false);
    jira.fault(everywhere(answer(404, "text/html", PAGE), "auth"));
    omar.renew().await.is(202);
    scene.parked("not_jira").await;
    jira.clear_faults();
    scene.advance(70);
    omar.property_of_generation(before + 1).await;
    scene.end().await;
}

/// A site of Forge. Refusals right after an installation pass by themselves, and count for nothing: that time is over.
async fn by_forge(db: Db) -> Scene {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    scene.with_forge(FORGE_SITE).await;
    scene.advance(700);
    scene
}

async fn r22_a_person_is_gone_when_jira_has_said_it_twice(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    a_person_is_gone(scene, "acme").await;
}

async fn r22_by_forge_a_person_is_gone_when_jira_has_said_it_twice(db: Db) {
    a_person_is_gone(by_forge(db).await, FORGE_SITE).await;
}

async fn a_person_is_gone(mut scene: Scene, site: &'static str) {
    let jira = &scene.world.jira;
    let omar = scene.person(site, OMAR);
    let mia = scene.person(site, MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    let key = omar.key();
    jira.remove_person(site, OMAR);
    omar.renew().await.is(202);
    omar.said_gone_once().await;
    assert_eq!(omar.state().await, "linked");
    assert_eq!(live_subjects(&scene), ["u-100", "u-200"]);
    // Asked again within the minute, the same word counts once.
    let puts = jira.calls_to("PUT", "/rest/api/3/user").len();
    scene.advance(40);
    omar.renew().await.is(202);
    jira.wait_for("it was said again", |cloud| {
        let calls = cloud.calls.iter();
        let calls = calls.filter(|call| call.method == "PUT" && call.status.is_some());
        (calls.count() > puts).then_some(())
    })
    .await;
    omar.said_gone_once().await;
    assert_eq!(
        scene.world.service.ledger().opens_api(&key),
        Some("u-100"),
        "the key works on"
    );
    // What was written survives a restart.
    scene.restart().await;
    let omar = scene.person(site, OMAR);
    let mia = scene.person(site, MIA);
    omar.found_gone().await;
    scene.no_work_left().await;
    assert_eq!(
        live_subjects(&scene),
        ["u-200"],
        "their grant has ended, and no other"
    );
    mia.renewed().await;
    scene.end().await;
}

async fn r22_a_person_who_shows_up_between_is_not_gone(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let omar_there = jira.site("acme").people[OMAR].clone();
    jira.remove_person("acme", OMAR);
    omar.renew().await.is(202);
    omar.said_gone_once().await;
    // By a write that goes through.
    jira.add_person("acme", omar_there.clone());
    scene.advance(66);
    omar.property_of_generation(2).await;
    omar.recorded().await;
    omar.is_not_called_gone().await;
    // By an answer to another question: who they are, when they come to connect again.
    jira.remove_person("acme", OMAR);
    omar.renew().await.is(202);
    omar.said_gone_once().await;
    jira.add_person("acme", omar_there.clone());
    scene.execute("delete from person").await;
    omar.begin().await;
    omar.is_not_called_gone().await;
    // By Jira's answer about them where it refuses the write.
    jira.fault(jira::Fault::status(404).on_property("PUT").times(1));
    scene.advance(66);
    omar.said_gone_once().await;
    jira.fault(jira::Fault::status(403).on_property("PUT").times(2));
    scene.advance(66);
    omar.is_not_called_gone().await;
    assert!(omar.stored_link().await.is_some());
    scene.advance(1000);
    omar.property_of_generation(3).await;
    scene.end().await;
}

async fn r22_a_deactivated_person_is_gone_when_jira_has_said_it_twice(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    a_deactivated_person_is_gone(scene, "acme").await;
}

async fn r22_by_forge_a_deactivated_person_is_gone_when_jira_has_said_it_twice(db: Db) {
    a_deactivated_person_is_gone(by_forge(db).await, FORGE_SITE).await;
}

async fn a_deactivated_person_is_gone(scene: Scene, site: &'static str) {
    let jira = &scene.world.jira;
    let omar = scene.person(site, OMAR);
    let mia = scene.person(site, MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    jira.edit_site(site, |site| {
        site.people.get_mut(OMAR).expect("they are there").active = false;
    });
    jira.fault(jira::Fault::status(403).on_property("PUT").account(OMAR));
    omar.renew().await.is(202);
    omar.said_gone_once().await;
    assert_eq!(live_subjects(&scene), ["u-100", "u-200"]);
    omar.found_gone().await;
    scene.no_work_left().await;
    assert_eq!(live_subjects(&scene), ["u-200"]);
    mia.renewed().await;
    scene.end().await;
}

async fn r31_a_person_is_asked_about_once_a_day(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    let looks = || jira.calls_to("GET", "/rest/api/3/user").len();
    let before = looks();
    omar.renewed().await;
    assert_eq!(looks(), before, "not within the day");
    // Jira takes keys for a person who was deactivated, and says nothing.
    jira.edit_site("acme", |site| {
        site.people.get_mut(OMAR).expect("they are there").active = false;
    });
    let generation = mia.generation().expect("there is a key");
    scene.advance(25 * 3600);
    omar.found_gone().await;
    scene.no_work_left().await;
    mia.property_of_generation(generation + 1).await;
    assert_eq!(live_subjects(&scene), ["u-200"]);
    let after = looks();
    mia.renewed().await;
    assert_eq!(looks(), after, "once a day");
    scene.end().await;
}

async fn r31_nobody_is_asked_about_where_the_app_is_disabled_meanwhile(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let slow = Kind::DelayAfter(Duration::from_secs(2));
    service.fault(Fault::once(Endpoint::Refresh, slow));
    scene.advance(25 * 3600);
    eventually("the token request is under way", async || {
        (service.calls_to(Endpoint::Refresh) == 1).then_some(())
    })
    .await;
    jira.disable("acme").await.expect("it is disabled");
    let claimed = "select count(*) from link where claimed_by <> ''";
    eventually("the link is given back", async || {
        (scene.count(claimed).await == 0).then_some(())
    })
    .await;
    assert_eq!(omar.generation(), Some(1));
    assert_eq!(jira.unexpected(), [""; 0]);
    jira.enable("acme").await.expect("it is enabled");
    omar.property_of_generation(2).await;
    scene.end().await;
}

async fn r4_a_link_made_anew_while_jira_is_asked_about_its_person_keeps_its_key(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(48 * 3600)).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    scene.advance(25 * 3600);
    let held = jira::Fault::new(FaultKind::AnswerHeld).on("GET", "/rest/api/3/user");
    jira.fault(held.times(1));
    omar.renew().await.is(202);
    eventually("Jira is asked about him", async || {
        (jira.held() == 1).then_some(())
    })
    .await;
    omar.link("u-100").await;
    let anew = omar.recorded().await;
    let (key, writes) = (omar.key(), jira.property_writes().len());
    jira.clear_faults();
    eventually("Jira has answered", async || {
        (jira.held() == 0).then_some(())
    })
    .await;
    scene.no_work_left().await;
    omar.renewed().await;
    assert_eq!(omar.generation(), Some(anew + 1));
    assert_eq!(jira.property_writes().len(), writes + 1);
    assert!(jira.generations_gone_back().is_empty());
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    assert_ne!(omar.key(), key);
    scene.end().await;
}

async fn r22_another_word_for_it_counts_only_about_this_person(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    jira.fault(jira::Fault::status(403).on_property("PUT"));
    for body in [
        format!(
            r#"{{"accountId":"{MIA}","accountType":"atlassian","active":false,"displayName":"M"}}"#
        ),
        r#"{"active":false}"#.to_owned(),
        r#"{"accountId":7,"active":false}"#.to_owned(),
    ] {
        let met = scene.faults_so_far();
        let user = jira::Fault::new(answer(200, "application/json", &body));
        jira.fault(user.on("GET", "/rest/api/3/user"));
        omar.renew().await.is(202);
        scene.faults_met(met + 3).await;
        scene.advance(100);
        omar.is_not_called_gone().await;
        assert!(omar.stored_link().await.is_some());
    }
    jira.clear_faults();
    scene.advance(1000);
    omar.property_of_generation(2).await;
    let gets = jira
        .calls_to(Method::GET.as_str(), "/rest/api/3/user")
        .len();
    assert!(gets >= 3, "{gets}");
    scene.end().await;
}
