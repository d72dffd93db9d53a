//! Stories of Forge being silent: a site that is lost without a goodbye, and silence that is no loss.

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually, together};
use crate::sim::jira::{By, Fault, FaultKind, MIA, OMAR, Overrides, TokensEnd};

on_both_databases!(
    a_site_that_is_lost_ends_after_the_second_answer,
    a_site_that_was_lost_can_come_back,
    a_site_whose_schedule_does_not_run_is_not_lost,
    a_site_whose_token_had_run_out_is_lost_after_a_month,
    downtime_of_three_days_ends_nobody,
    all_ticks_away_ends_nobody,
    odd_answers_about_an_installation_end_nobody,
    a_call_in_between_ends_the_count,
    a_call_while_atlassian_is_asked_ends_the_count,
    the_only_site_is_never_lost_by_silence,
    one_replica_asks_about_a_silent_installation,
    a_site_that_jira_still_knows_by_connect_is_not_lost,
);

/// Falls silent.
const QUIET: &str = "initech";
/// Falls silent, too.
const OTHER: &str = "umbrella";
/// Is called every hour.
const HEARD: &str = "hooli";

const MISSING: &str = "select count(*) from forge_installation where missing_since is not null";
const LINKS: &str = "select count(*) from link";

/// Two sites of Forge with a link each, whose keys are not renewed while the story lasts.
async fn start(db: Db) -> Scene {
    let scene = Scene::start(db, Setting::keys_live(1000 * 3600)).await;
    scene.with_forge(QUIET).await;
    scene.with_forge(HEARD).await;
    for (site, account, subject) in [(QUIET, OMAR, "u-100"), (HEARD, MIA, "u-200")] {
        let person = scene.person(site, account);
        person.link(subject).await;
        person.recorded().await;
    }
    scene
}

impl Scene {
    /// What the worker does twice a minute.
    async fn looks_for_lost(&self) {
        let parts = &self.app().parts;
        latchkey::lost::look(parts)
            .await
            .expect("the database answers");
    }

    /// So many hours pass. Every half of one the worker looks, and every whole one these sites are called.
    async fn hours_pass(&self, hours: i64, called: &[&str]) {
        for _ in 0..hours {
            for _ in 0..2 {
                self.advance(1800);
                self.looks_for_lost().await;
            }
            for site in called {
                assert_eq!(self.world.jira.tick(site).await.status, 204);
            }
        }
    }

    async fn counts(&self, query: &str, count: i64) {
        eventually(&format!("{query} is {count}"), async || {
            (self.count(query).await == count).then_some(())
        })
        .await;
    }

    async fn is_missing(&self, sites: i64) {
        self.counts(MISSING, sites).await;
    }

    /// The address at which Atlassian is asked about a site's installation.
    fn asked_at(&self, site: &str) -> String {
        let forge = self.world.jira.site(site).forge.expect("it was there");
        format!(
            "/forge/installation/v1/*/installation/{}",
            forge.installation
        )
    }

    fn questions(&self, site: &str) -> usize {
        let at = self.asked_at(site);
        let installation = at.rsplit('/').next().expect("it ends so").to_owned();
        let calls = self.world.jira.calls();
        let about = calls.iter().filter(|call| {
            call.path.starts_with("/forge/installation/") && call.path.ends_with(&installation)
        });
        about.count()
    }
}

async fn a_site_that_is_lost_ends_after_the_second_answer(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    // One whose tokens end with it, and one whose tokens go on: 401 and 404.
    scene.with_forge(OTHER).await;
    let (account, subject) = &scene.crowd(OTHER, 1)[0];
    let other = scene.person(OTHER, account);
    other.link(subject).await;
    other.recorded().await;
    scene.hours_pass(5, &[QUIET, OTHER, HEARD]).await;
    assert_eq!(scene.questions(QUIET), 0, "nobody was late");
    jira.lose_forge(QUIET, TokensEnd::AtOnce);
    jira.lose_forge(OTHER, TokensEnd::InTime);
    scene.hours_pass(1, &[HEARD]).await;
    scene.is_missing(0).await;
    // The call is late, and the token of the last one still works.
    scene.hours_pass(1, &[HEARD]).await;
    scene.is_missing(2).await;
    let metrics = scene.metrics().await;
    let missing = "latchkey_tenants_silent{state=\"missing\"} 2";
    assert!(metrics.contains(missing), "{metrics}");
    let told = "Atlassian does not find an installation of the Forge app that has fallen silent";
    assert!(scene.log.finds(told));
    scene.hours_pass(23, &[HEARD]).await;
    assert_eq!(scene.count(LINKS).await, 3, "a day has not passed");
    scene.hours_pass(2, &[HEARD]).await;
    scene.counts(LINKS, 1).await;
    scene.no_work_left().await;
    let live = scene.world.service.ledger().live_grants().len();
    assert_eq!(live, 1, "the grants of those who were lost are revoked");
    // Jira takes no call there any more: the properties stay.
    assert!(scene.person(QUIET, OMAR).property().is_some());
    assert_eq!(scene.person(HEARD, MIA).state().await, "linked");
    assert!(scene.log.finds("is gone without a goodbye"));
    scene.end().await;
}

async fn a_site_that_was_lost_can_come_back(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.lose_forge(QUIET, TokensEnd::AtOnce);
    scene.hours_pass(28, &[HEARD]).await;
    scene.counts(LINKS, 1).await;
    scene.no_work_left().await;
    // Nobody can delete it there any more.
    let before = scene.person(QUIET, OMAR).generation();
    // Atlassian was wrong about it. The links are gone, and people can connect again.
    jira.edit_site(QUIET, |site| {
        site.forge.as_mut().expect("it was there").installed = true;
    });
    assert_eq!(jira.tick(QUIET).await.status, 204);
    let omar = scene.person(QUIET, OMAR);
    eventually("they see the panel", async || {
        let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(omar.state().await, "unlinked");
    omar.link("u-100").await;
    // Generations go on from those of the links that ended.
    let after = omar.recorded().await;
    assert!(
        Some(after) > before && before.is_some(),
        "{before:?}: {after}"
    );
    scene.end().await;
}

async fn a_site_whose_schedule_does_not_run_is_not_lost(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    // It is there, and not called for five days. Its token runs out, and is refused from then on.
    scene.hours_pass(5 * 24, &[HEARD]).await;
    assert!(scene.questions(QUIET) > 4);
    assert_eq!(scene.count(MISSING).await, 0);
    assert_eq!(scene.count(LINKS).await, 2);
    let why = "Forge does not call about an installation that is there";
    assert!(scene.log.finds(why));
    let metrics = scene.metrics().await;
    let waits = "latchkey_tenants_silent{state=\"no_token\"} 1";
    assert!(metrics.contains(waits), "{metrics}");
    assert_eq!(jira.tick(QUIET).await.status, 204);
    scene.person(QUIET, OMAR).renewed().await;
    scene.end().await;
}

async fn a_site_whose_token_had_run_out_is_lost_after_a_month(db: Db) {
    let mut scene = start(db).await;
    // It goes while this server is away, so nobody could ask in time.
    scene.world.jira.lose_forge(QUIET, TokensEnd::InTime);
    let address = scene.stop().await;
    scene.advance(10 * 3600);
    scene.start_again(address).await;
    scene.hours_pass(1, &[HEARD]).await;
    // Nearly 29 days. The time that the story itself takes is added to each step.
    for _ in 0..357 {
        scene.advance(7000);
        assert_eq!(scene.world.jira.tick(HEARD).await.status, 204);
    }
    scene.looks_for_lost().await;
    assert_eq!(scene.count(MISSING).await, 0);
    assert_eq!(scene.count(LINKS).await, 2);
    scene.hours_pass(30, &[HEARD]).await;
    scene.is_missing(1).await;
    scene.hours_pass(25, &[HEARD]).await;
    scene.counts(LINKS, 1).await;
    scene.no_work_left().await;
    scene.close().await;
}

async fn downtime_of_three_days_ends_nobody(db: Db) {
    let mut scene = start(db).await;
    // Atlassian has given a wrong answer once, just before.
    let wrong = Fault::status(404).on("GET", &scene.asked_at(QUIET));
    scene.world.jira.fault(wrong.clone());
    scene.hours_pass(2, &[HEARD]).await;
    scene.is_missing(1).await;
    let address = scene.stop().await;
    scene.advance(3 * 24 * 3600);
    let asked = scene.questions(QUIET);
    scene.start_again(address).await;
    scene.looks_for_lost().await;
    eventually("it is asked after the downtime", async || {
        (scene.questions(QUIET) > asked).then_some(())
    })
    .await;
    assert_eq!(scene.count(LINKS).await, 2);
    // One is called some minutes later, the other nearly an hour.
    scene.advance(300);
    assert_eq!(scene.world.jira.tick(HEARD).await.status, 204);
    let asked = scene.questions(QUIET);
    for _ in 0..6 {
        scene.advance(600);
        scene.looks_for_lost().await;
    }
    eventually("it is asked again", async || {
        (scene.questions(QUIET) > asked).then_some(())
    })
    .await;
    scene.looks_for_lost().await;
    assert_eq!(scene.count(LINKS).await, 2);
    assert_eq!(scene.world.jira.tick(QUIET).await.status, 204);
    scene.is_missing(0).await;
    scene.world.jira.clear_faults();
    scene.hours_pass(30, &[QUIET, HEARD]).await;
    assert_eq!(scene.count(LINKS).await, 2);
    for (site, account) in [(QUIET, OMAR), (HEARD, MIA)] {
        scene.person(site, account).renewed().await;
    }
    scene.end().await;
}

async fn all_ticks_away_ends_nobody(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    // Nobody is called for five days, and Atlassian refuses every token.
    for site in [QUIET, HEARD] {
        jira.forget_system_tokens(site);
    }
    scene.hours_pass(5 * 24, &[]).await;
    assert_eq!(scene.count(MISSING).await, 0);
    assert_eq!(scene.count(LINKS).await, 2);
    // It comes back, first for one and much later for the other.
    scene.hours_pass(20, &[HEARD]).await;
    assert_eq!(scene.count(LINKS).await, 2);
    scene.hours_pass(2, &[QUIET, HEARD]).await;
    for (site, account) in [(QUIET, OMAR), (HEARD, MIA)] {
        scene.person(site, account).renewed().await;
    }
    scene.end().await;
}

async fn odd_answers_about_an_installation_end_nobody(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let at = scene.asked_at(QUIET);
    for fault in [
        Fault::status(500),
        Fault::status(503),
        Fault::status(403),
        Fault::status(410),
        Fault::rate_limited(None, Some("60")),
        Fault::new(FaultKind::CutBefore),
        Fault::new(FaultKind::Html200),
        Fault::new(FaultKind::Redirect {
            code: 302,
            to: "http://evil.localhost/".to_owned(),
        }),
    ] {
        jira.fault(fault.on("GET", &at));
        let before = scene.questions(QUIET);
        scene.hours_pass(30, &[HEARD]).await;
        assert!(scene.questions(QUIET) > before);
        assert_eq!(scene.count(MISSING).await, 0);
        jira.clear_faults();
        assert_eq!(jira.tick(QUIET).await.status, 204);
    }
    // After an answer that counted, they do not count either, and one that it is there ends the count.
    for (odd, still_missing) in [(Fault::status(500), 1), (Fault::status(200), 0)] {
        jira.fault(Fault::status(404).on("GET", &at));
        scene.hours_pass(2, &[HEARD]).await;
        scene.is_missing(1).await;
        jira.clear_faults();
        jira.fault(odd.on("GET", &at));
        scene.hours_pass(30, &[HEARD]).await;
        scene.is_missing(still_missing).await;
        assert_eq!(scene.count(LINKS).await, 2);
        jira.clear_faults();
        assert_eq!(jira.tick(QUIET).await.status, 204);
        scene.is_missing(0).await;
    }
    // An answer that Atlassian gives about everybody says nothing about one.
    jira.fault(Fault::status(404).on("GET", "/forge/installation/*"));
    scene.hours_pass(30, &[HEARD]).await;
    assert_eq!(scene.count(MISSING).await, 0);
    jira.clear_faults();
    assert_eq!(jira.tick(QUIET).await.status, 204);
    scene.end().await;
}

async fn a_call_in_between_ends_the_count(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.fault(Fault::status(404).on("GET", &scene.asked_at(QUIET)));
    let omar = scene.person(QUIET, OMAR);
    for (by, method, path) in [
        (By::Person(OMAR), "GET", "/api/link"),
        (
            By::Endpoint("latchkey-lifecycle"),
            "POST",
            "/forge/lifecycle",
        ),
        (By::Endpoint("latchkey-tick"), "POST", "/forge/tick"),
    ] {
        scene.hours_pass(2, &[HEARD]).await;
        scene.is_missing(1).await;
        scene.hours_pass(22, &[HEARD]).await;
        let fit = jira.invocation_token(QUIET, by, &Overrides::none());
        let body = json!({});
        let body = (method == "POST").then_some(&body);
        let answer = jira
            .call_remote(QUIET, method, path, &fit, None, body)
            .await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        scene.is_missing(0).await;
        // It is asked again, a day after the first answer: that was the first of a new count.
        scene.hours_pass(2, &[HEARD]).await;
        scene.is_missing(1).await;
        assert_eq!(scene.count(LINKS).await, 2, "{path}");
        assert_eq!(jira.tick(QUIET).await.status, 204);
    }
    jira.clear_faults();
    assert_eq!(jira.tick(QUIET).await.status, 204);
    omar.renewed().await;
    scene.end().await;
}

async fn a_call_while_atlassian_is_asked_ends_the_count(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.lose_forge(QUIET, TokensEnd::AtOnce);
    scene.hours_pass(2, &[HEARD]).await;
    scene.is_missing(1).await;
    scene.hours_pass(23, &[HEARD]).await;
    // The second answer is on its way, and says that it is gone.
    jira.fault(Fault::new(FaultKind::AnswerHeld).on("GET", &scene.asked_at(QUIET)));
    scene.advance(3600);
    assert_eq!(jira.tick(HEARD).await.status, 204);
    let app = scene.app().clone();
    let looks = tokio::spawn(async move { latchkey::lost::look(&app.parts).await });
    eventually("it is asked", async || (jira.held() == 1).then_some(())).await;
    jira.edit_site(QUIET, |site| {
        site.forge.as_mut().expect("it was there").installed = true;
    });
    assert_eq!(jira.tick(QUIET).await.status, 204);
    jira.clear_faults();
    let looked = looks.await.expect("it does not panic");
    looked.expect("the database answers");
    scene.looks_for_lost().await;
    assert_eq!(scene.count(LINKS).await, 2);
    assert_eq!(scene.count(MISSING).await, 0);
    scene.person(QUIET, OMAR).renewed().await;
    scene.end().await;
}

async fn the_only_site_is_never_lost_by_silence(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(1000 * 3600)).await;
    let jira = &scene.world.jira;
    scene.with_forge(QUIET).await;
    let omar = scene.person(QUIET, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    jira.fault(Fault::status(404).on("GET", "/forge/installation/*"));
    scene.hours_pass(3 * 24, &[]).await;
    assert!(scene.questions(QUIET) > 0);
    assert_eq!(scene.count(MISSING).await, 0);
    assert_eq!(scene.count(LINKS).await, 1);
    jira.clear_faults();
    assert_eq!(jira.tick(QUIET).await.status, 204);
    omar.renewed().await;
    scene.end().await;
}

async fn one_replica_asks_about_a_silent_installation(db: Db) {
    let scene = start(db).await;
    scene.hours_pass(1, &[HEARD]).await;
    scene.advance(1800);
    let others = match db {
        Db::Sqlite => vec![scene.app().clone()],
        Db::Postgres => vec![scene.app_of_its_own().await, scene.app_of_its_own().await],
    };
    let apps = others.iter().chain([scene.app()]).cycle().take(9);
    together(apps.map(async |app| {
        let looked = latchkey::lost::look(&app.parts).await;
        looked.expect("the database answers");
    }))
    .await;
    eventually("it was asked", async || {
        (scene.questions(QUIET) > 0).then_some(())
    })
    .await;
    assert_eq!(scene.questions(QUIET), 1);
    drop(others);
    scene.end().await;
}

async fn a_site_that_jira_still_knows_by_connect_is_not_lost(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (account, subject) = &scene.crowd("acme", 1)[0];
    let person = scene.person("acme", account);
    person.link(subject).await;
    person.recorded().await;
    scene.cloud_ids_are_known().await;
    // The app of Forge was there for a moment, and never wrote.
    jira.put_forge("acme", &scene.base);
    assert_eq!(jira.tick("acme").await.status, 204);
    jira.lose_forge("acme", TokensEnd::AtOnce);
    scene.hours_pass(30, &[QUIET, HEARD]).await;
    assert_eq!(scene.count(MISSING).await, 0);
    assert_eq!(scene.count(LINKS).await, 3);
    let renew = format!("update link set due_at = 0 where account_id = '{account}'");
    scene.execute(&renew).await;
    person.property_of_generation(2).await;
    scene.end().await;
}
