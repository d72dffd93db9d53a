//! Stories of trouble that one link, person or tenant brings on, and of all others, who go on.

use std::time::Duration;

use latchkey::clock::Seconds;
use latchkey::model::ClientKey;
use latchkey::store::{Gate, Share};
use reqwest::StatusCode;

use crate::on_both_databases;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{Limits, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind, ServiceOptions};

on_both_databases!(
    t29_what_one_link_meets_costs_this_link,
    t29_links_of_one_tenant_that_fail_cost_this_tenant,
    t29_r24_a_probe_is_of_a_tenant_that_is_not_accused,
    t29_codes_of_a_person_close_nothing,
    f6_dead_grants_in_odd_words_delay_nobody,
    r29_people_leave_renewals_their_share,
);

/// Keys that are due after two thirds of an hour.
const LIFE: Seconds = 3600;
const DONE: &str = "the database answers";

fn setting() -> Setting {
    Setting {
        service: ServiceOptions {
            access_token_life: Duration::from_secs(3600),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
}

/// An answer of the service with this body.
fn says(status: u16, headers: &[(&str, &str)], body: &str) -> Kind {
    let mut all = vec![("content-type".to_owned(), "application/json".to_owned())];
    all.extend(
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Kind::Status(status, all, body.to_owned())
}

/// What one link alone can meet.
fn meetings() -> Vec<(&'static str, Kind)> {
    let refused = |error: &str| says(401, &[], &format!(r#"{{"error":"{error}"}}"#));
    vec![
        ("429", says(429, &[("retry-after", "3600")], "{}")),
        ("503", says(503, &[("retry-after", "3600")], "{}")),
        ("429 without a time", says(429, &[], "")),
        ("invalid_client", refused("invalid_client")),
        ("unauthorized_client", refused("unauthorized_client")),
        ("500", says(500, &[], "")),
        ("cut", Kind::CutBefore),
        ("a page", Kind::Html200),
    ]
}

/// People of a site, each linked.
struct Crowd<'a>(Vec<(Person<'a>, String)>);

impl<'a> Crowd<'a> {
    async fn link(scene: &'a Scene, site: &'static str, people: u64) -> Self {
        // Each site has its own people, who have accounts of their own.
        let before = match site {
            "acme" => 0,
            "globex" => 10,
            _ => 20,
        };
        let crowd = scene.crowd(site, before + people).into_iter();
        let crowd: Vec<_> = crowd.skip(usize::try_from(before).expect("few")).collect();
        for (account, subject) in &crowd {
            scene.person(site, account).link(subject).await;
        }
        let people = crowd.into_iter();
        Self(
            people
                .map(|(account, subject)| (scene.person(site, &account), subject))
                .collect(),
        )
    }

    fn subjects(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, subject)| subject.as_str())
    }

    /// Each asks for a new key and gets it.
    async fn renew(&self) {
        for (person, _) in &self.0 {
            let before = person.generation().expect("there is a key");
            person.renew().await.is(202);
            person.property_of_generation(before + 1).await;
        }
    }
}

impl Scene {
    async fn gate_is_open(&self) {
        let gate = self.app().parts.store.gate(Gate::Service).await;
        let gate = gate.expect(DONE);
        assert!(gate.opens_at <= self.clock.now(), "{gate:?}");
    }

    /// How many links of this site failed that had not failed before.
    async fn failing(&self, site: &str) -> i64 {
        let tenant = ClientKey(self.client_key(site));
        let failing = self.app().parts.store.failing_tenant(&tenant).await;
        failing.expect(DONE).map_or(0, |failing| failing.links)
    }

    /// One more site, with the app.
    pub async fn add_site(&self, site: &'static str) {
        self.world.jira.add_site(site, site);
        let descriptor = self.address("/atlassian-connect.json");
        let installed = self.world.jira.install(site, &descriptor).await;
        installed.expect("it is installed");
    }
}

async fn t29_what_one_link_meets_costs_this_link(db: Db) {
    for (what, kind) in meetings() {
        let scene = Scene::start(db, setting()).await;
        let service = &scene.world.service;
        let same = Crowd::link(&scene, "acme", 2).await;
        let other = Crowd::link(&scene, "globex", 2).await;
        let (accused, subject) = &same.0[0];
        service.fault(Fault::always(Endpoint::Refresh, kind).of([subject]));
        let before = accused.generation();
        accused.renew().await.is(202);
        eventually("it has failed", async || {
            (scene.failing("acme").await == 1).then_some(())
        })
        .await;
        scene.gate_is_open().await;
        // Those of the same tenant and those of another.
        let (colleague, _) = &same.0[1];
        colleague.renew().await.is(202);
        colleague.property_of_generation(2).await;
        other.renew().await;
        assert_eq!(accused.generation(), before, "{what}");
        assert_eq!(accused.state().await, "linked", "{what}");
        // It is put right, and the link was not lost.
        service.clear_faults();
        scene.advance(LIFE + 20);
        accused.property_of_generation(2).await;
        scene.end().await;
    }
}

async fn t29_links_of_one_tenant_that_fail_cost_this_tenant(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let service = &scene.world.service;
    let failing = Crowd::link(&scene, "acme", 7).await;
    let other = Crowd::link(&scene, "globex", 2).await;
    let wait = says(429, &[("retry-after", "3600")], "{}");
    service.fault(Fault::always(Endpoint::Refresh, wait).of(failing.subjects()));
    for (number, (person, _)) in (1..=5).zip(&failing.0) {
        person.renew().await.is(202);
        eventually("it has failed", async || {
            (scene.failing("acme").await == number).then_some(())
        })
        .await;
    }
    let tenant = ClientKey(scene.client_key("acme"));
    let service_of = &scene.app().parts.service;
    eventually("the tenant's links rest", async || {
        (service_of.opens_at(&tenant) > scene.clock.now() + 3000).then_some(())
    })
    .await;
    let asked = service.calls_to(Endpoint::Refresh);
    for (person, _) in &failing.0[5..] {
        person.renew().await.is(202);
    }
    other.renew().await;
    scene.gate_is_open().await;
    let by_others = other.0.len();
    assert_eq!(service.calls_to(Endpoint::Refresh), asked + by_others);
    service.clear_faults();
    scene.advance(3700);
    for (person, _) in &failing.0 {
        person.property_of_generation(2).await;
    }
    assert_eq!(scene.failing("acme").await, 0, "it works again");
    scene.end().await;
}

async fn t29_r24_a_probe_is_of_a_tenant_that_is_not_accused(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let service = &scene.world.service;
    scene.add_site("initech").await;
    let one = Crowd::link(&scene, "acme", 3).await;
    let two = Crowd::link(&scene, "globex", 3).await;
    let third = Crowd::link(&scene, "initech", 3).await;
    let wait = says(429, &[("retry-after", "3600")], "{}");
    let accused = one.subjects().chain(two.subjects());
    service.fault(Fault::always(Endpoint::Refresh, wait).of(accused));
    one.0[0].0.renew().await.is(202);
    eventually("it has failed", async || {
        (scene.failing("acme").await == 1).then_some(())
    })
    .await;
    scene.gate_is_open().await;
    two.0[0].0.renew().await.is(202);
    eventually(
        "the gate closes: links of two tenants met the same",
        async || {
            let gate = scene.app().parts.store.gate(Gate::Service).await;
            (gate.expect(DONE).failures == 5).then_some(())
        },
    )
    .await;
    // All are due. What the two tenants have due would come first by its expiry.
    let asked = service.calls_to(Endpoint::Refresh);
    let (now, mine) = (scene.clock.now(), scene.client_key("initech"));
    let due = format!("update link set due_at = {now}");
    scene
        .execute(&format!("{due} where client_key = '{mine}'"))
        .await;
    scene
        .execute(&format!(
            "{due}, first_end = first_end - 600 where client_key <> '{mine}'"
        ))
        .await;
    scene.advance(6);
    for (person, _) in &third.0 {
        person.property_of_generation(2).await;
    }
    let ledger = service.ledger();
    let requests = ledger.token_requests().iter();
    let probe = requests
        .filter(|request| request.endpoint == Endpoint::Refresh)
        .nth(asked)
        .and_then(|request| request.grant);
    let probed = &ledger.grants()[probe.expect("a link was probed")].subject;
    assert!(
        third.subjects().any(|subject| subject == probed),
        "{probed}"
    );
    service.clear_faults();
    scene.advance(3700);
    for (person, _) in one.0.iter().chain(&two.0) {
        person.property_of_generation(2).await;
    }
    scene.end().await;
}

async fn t29_codes_of_a_person_close_nothing(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let service = &scene.world.service;
    let other = Crowd::link(&scene, "globex", 2).await;
    for (number, (_, kind)) in meetings().into_iter().enumerate() {
        service.fault(Fault::once(Endpoint::Redeem, kind));
        let omar = scene.person("acme", OMAR);
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        let failed = omar.look(&returned).await;
        assert!(failed.status.as_u16() >= 400, "{number}: {}", failed.text);
        let gate = scene.app().parts.store.gate(Gate::Service).await;
        assert_eq!(gate.expect(DONE).failures, 0);
        assert_eq!(scene.failing("acme").await, 0);
        service.clear_faults();
        // The limits of one person.
        scene.advance(120);
    }
    other.renew().await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("globex", MIA).link("u-200").await;
    scene.end().await;
}

async fn f6_dead_grants_in_odd_words_delay_nobody(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let service = &scene.world.service;
    let crowd = Crowd::link(&scene, "acme", 9).await;
    let (dead, healthy) = crowd.0.split_at(3);
    let odd = says(400, &[], r#"{"message":"Bad Request"}"#);
    let subjects = dead.iter().map(|(_, subject)| subject);
    service.fault(Fault::always(Endpoint::Refresh, odd).of(subjects));
    scene.execute("update link set due_at = 0").await;
    scene.advance(1);
    for (person, _) in healthy {
        person.property_of_generation(2).await;
    }
    scene.gate_is_open().await;
    for (person, _) in dead {
        assert_eq!(person.generation(), Some(1));
    }
    service.clear_faults();
    scene.advance(600);
    for (person, _) in dead {
        person.property_of_generation(2).await;
    }
    scene.end().await;
}

async fn r29_people_leave_renewals_their_share(db: Db) {
    let setting = setting()
        .with("LATCHKEY_JIRA_QUOTA", "60")
        .with("LATCHKEY_JIRA_RENEWAL_SHARE", "50");
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    jira.set_limits(Limits {
        quota: Some(60),
        burst: None,
    });
    let others = Crowd::link(&scene, "globex", 4).await;
    let hour = (scene.clock.now() / 3600 + 1) * 3600;
    scene.advance(hour - scene.clock.now());
    // In an hour in which people come first, before any renewal has taken points.
    let (limits, store) = (
        scene.app().parts.jira.quota().limits(),
        &scene.app().parts.store,
    );
    let later = hour / 3600 + 100;
    let take = async |points, share| {
        let taken = store.take_points(later, points, limits.quota, share).await;
        taken.expect(DONE)
    };
    assert!(take(30, Share::People(limits.people)).await);
    assert!(!take(1, Share::People(limits.people)).await);
    assert!(take(30, Share::Renewals(limits.renewal)).await);
    // People of another site begin, until nothing is left for people. Each look at one costs three points.
    let mut begun = 0;
    let mut crowd = scene.crowd("acme", 60).into_iter().skip(30);
    let refused = loop {
        let (account, _) = crowd.next().expect("sixty points do not last for so many");
        let person = scene.person("acme", &account);
        let answer = person.begin_with(&person.token()).await;
        if answer.status != StatusCode::SEE_OTHER {
            break answer;
        }
        begun += 1;
    };
    refused.is_page(503, "jira-busy");
    assert!((5..=10).contains(&begun), "{begun}");
    // All renewals have what they need.
    for _ in 0..3 {
        others.renew().await;
    }
    let refused = jira
        .calls()
        .iter()
        .filter(|call| call.status == Some(429))
        .count();
    assert_eq!(refused, 0, "Jira never had to say no");
    scene.end().await;
}
