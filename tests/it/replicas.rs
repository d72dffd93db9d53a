//! Two replicas on one PostgreSQL.

use std::time::Duration;

use latchkey::App;
use latchkey::clock::Seconds;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;

use crate::child::Latchkey;
use crate::links::link_many;
use crate::scene::{Db, PROPERTY, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::{Endpoint, Fault, Kind, Rotation, ServiceOptions};

const LINKS: u64 = 1000;
const KEY_LIFE: Seconds = 30;
/// An answer is written down well within this, however busy the machine.
const JUST_NOW: Duration = Duration::from_secs(5);
/// This machine may be busy with other stories.
const PATIENCE: Duration = Duration::from_secs(180);
/// Where nobody notices a death, the lease of a claim is what is waited for.
const LESS_THAN_A_LEASE: Duration =
    Duration::from_secs(latchkey::store::LEASE.unsigned_abs() - JUST_NOW.as_secs());
const GLIMPSE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_two_replicas_renew_a_thousand_links_and_one_takes_over_from_the_other() {
    let scene = Scene::start_child(
        Db::Postgres,
        Setting {
            service: ServiceOptions {
                access_token_life: Duration::from_secs(KEY_LIFE.unsigned_abs()),
                // One of the two will die with answers on their way to it.
                rotation: Rotation::Grace(Duration::from_secs(60)),
                ..ServiceOptions::default()
            },
            ..Setting::default()
        },
    )
    .await;
    let mut second = Latchkey::start(|port| scene.settings_of_child(port)).await;
    let app = scene.app_of_its_own().await;
    link_many(&scene, &app, LINKS, KEY_LIFE).await;

    // So that both have something in flight at any moment.
    let on_the_way = Kind::DelayAfter(Duration::from_millis(200));
    scene
        .world
        .service
        .fault(Fault::always(Endpoint::Refresh, on_the_way));
    until(&scene, "every link is renewed", LINKS, 2).await;
    until(&scene, "a part is renewed again", LINKS / 5, 3).await;
    let ledger = scene.world.service.ledger();
    assert!(
        ledger.overlaps().is_empty(),
        "{:#?}",
        ledger.overlaps().first()
    );
    assert!(ledger.refresh_tokens_used_twice().is_empty());

    let both = pause_with_claims(&app, &second).await;
    let before = scene.world.service.ledger();
    second.kill9().await;
    timeout(LESS_THAN_A_LEASE, async {
        let dead = until_one_has_died(&app, &both).await;
        while owners(&app).await.contains(&dead) {
            tokio::time::sleep(GLIMPSE).await;
        }
    })
    .await
    .expect("the other takes over what the dead one held, and waits for no lease");
    until(&scene, "every link is renewed by one", LINKS, 3).await;

    let ledger = scene.world.service.ledger();
    assert!(
        ledger.overlaps().is_empty(),
        "{:#?}",
        ledger.overlaps().first()
    );
    assert!(ledger.reused_refresh_tokens().is_empty());
    // Only what the dead one had under way was sent again: requests without an answer, and those whose
    // answer had come but may not have been written down yet.
    let requests = before.token_requests();
    let last = requests.iter().map(|request| request.started).max();
    let long_before = last.expect("there were requests").saturating_sub(JUST_NOW);
    for token in ledger.refresh_tokens_used_twice() {
        let done_with = requests.iter().any(|request| {
            request.presented.as_deref() == Some(&token.value)
                && request.ended.is_some_and(|ended| ended < long_before)
        });
        assert!(
            !done_with,
            "a refresh token was used again long after its answer came"
        );
    }
    assert_eq!(
        ledger.live_grants().len(),
        usize::try_from(LINKS).expect("it fits")
    );
    app.parts.store.close().await;
    scene.world.service.clear_faults();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_at_one_replica_is_finished_at_another() {
    let mut scene = Scene::start_child(Db::Postgres, Setting::default()).await;
    let first = scene.base.clone();
    let mut second = Latchkey::start(|port| scene.settings_of_child(port)).await;

    let begun = scene.person("acme", OMAR).begin().await;
    scene.base = second.address("");
    let omar = scene.person("acme", OMAR);
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    // The service knows the one base URL, where the first replica is.
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    scene.child().kill9().await;
    let omar = scene.person("acme", OMAR);
    omar.prove(&returned).await.is(200);
    omar.confirm(&returned).await.leads_to();
    assert_eq!(omar.state().await, "linked");

    scene.base = first;
    scene.restart().await;
    second.stop().await;
    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.state().await, "linked");
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_a_replica_that_slept_through_its_lease_does_no_harm() {
    const PEOPLE: u64 = 8;
    let mut scene = Scene::start_child(
        Db::Postgres,
        Setting {
            service: ServiceOptions {
                access_token_life: Duration::from_secs(10),
                rotation: Rotation::Grace(Duration::from_secs(120)),
                ..ServiceOptions::default()
            },
            ..Setting::default()
        },
    )
    .await;
    let crowd = scene.crowd("acme", PEOPLE);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    let mut sleeper = Latchkey::start(|port| scene.settings_of_child(port)).await;
    scene.child().kill9().await;
    let service = &scene.world.service;
    service.fault(Fault::always(
        Endpoint::Refresh,
        Kind::DelayAfter(Duration::from_secs(1)),
    ));
    service
        .wait_until("a renewal under way", PATIENCE, |ledger| {
            let mut requests = ledger.token_requests().iter();
            requests.any(|request| request.outcome.is_some() && request.ended.is_none())
        })
        .await;
    sleeper.pause();
    let asleep = service.ledger().token_requests().len();
    service.clear_faults();

    scene.restart().await;
    until(&scene, "the other has renewed every link", PEOPLE, 2).await;
    let ledger = scene.world.service.ledger();
    assert!(
        !ledger.refresh_tokens_used_twice().is_empty(),
        "what the sleeper had sent is sent again: it has not said what came of it"
    );
    sleeper.resume();
    let awake = highest_generation(&scene) + 1;
    until(&scene, "renewing goes on with both", PEOPLE, awake).await;

    let ledger = scene.world.service.ledger();
    assert!(ledger.token_requests().len() > asleep);
    assert!(
        ledger.overlaps().is_empty(),
        "{:#?}",
        ledger.overlaps().first()
    );
    assert!(ledger.reused_refresh_tokens().is_empty());
    for (account, subject) in &crowd {
        let person = scene.person("acme", account);
        assert_eq!(person.state().await, "linked", "{account}");
        let property = person.property().expect("it has a key");
        let key = property["apiKey"].as_str().expect("it is text");
        let ledger = scene.world.service.ledger();
        assert_eq!(ledger.opens_api(key), Some(subject.as_str()));
    }
    sleeper.stop().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_a_replica_that_sleeps_in_a_transaction_holds_nobody_up() {
    const PEOPLE: u64 = 4;
    let service = ServiceOptions {
        access_token_life: Duration::from_secs(10),
        rotation: Rotation::Grace(Duration::from_secs(120)),
        ..ServiceOptions::default()
    };
    let setting = Setting {
        service,
        ..Setting::default()
    };
    let mut scene = Scene::start_child(Db::Postgres, setting).await;
    let crowd = scene.crowd("acme", PEOPLE);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    let mut sleeper = Latchkey::start(|port| scene.settings_of_child(port)).await;
    scene.child().kill9().await;

    until(&scene, "it renews", PEOPLE, 2).await;
    sleeps_in_a_claim(&scene, &sleeper).await;

    scene.restart().await;
    let newest = highest_generation(&scene) + 1;
    until(&scene, "the other renews every link", PEOPLE, newest).await;
    sleeper.resume();
    let awake = highest_generation(&scene) + 1;
    until(&scene, "renewing goes on with both", PEOPLE, awake).await;
    let ledger = scene.world.service.ledger();
    assert!(ledger.overlaps().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    sleeper.stop().await;
    scene.end().await;
}

/// Lets it sleep between a claim and the end of its transaction, with rows in its hands.
async fn sleeps_in_a_claim(scene: &Scene, sleeper: &Latchkey) {
    const CLAIMS: &str = "select count(*) from pg_stat_activity where query like 'update link set due_at = $2, claims%'";
    let waiting = format!("{CLAIMS} and wait_event_type = 'Lock'");
    let held = format!("{CLAIMS} and state = 'idle in transaction'");
    let locked = "select (select count(*) from link) - count(*) from \
        (select 1 from link for update skip locked) as free";
    eventually("it sleeps with rows in its hands", async || {
        // What a claim reads last: it goes on by itself as soon as it may, whoever sleeps.
        let mut before_it = PgConnection::connect(scene.database_url())
            .await
            .expect("it opens");
        before_it
            .execute("begin; lock table link_generation in access exclusive mode")
            .await
            .expect("it is locked");
        eventually("a claim waits", async || {
            (scene.count(&waiting).await > 0).then_some(())
        })
        .await;
        sleeper.pause();
        before_it.execute("rollback").await.expect("it lets go");
        before_it.close().await.expect("it closes");
        eventually("its transaction stays open", async || {
            (scene.count(&held).await > 0).then_some(())
        })
        .await;
        // A statement that was new to its connection was not run yet.
        if scene.count(locked).await > 0 {
            return Some(());
        }
        sleeper.resume();
        None
    })
    .await;
}

fn highest_generation(scene: &Scene) -> i64 {
    let writes = scene.world.jira.property_writes();
    let generations = writes.iter().filter_map(|write| write.generation());
    generations.max().expect("there is a key")
}

/// Waits until in Jira so many keys are of this generation or a later one.
async fn until(scene: &Scene, what: &str, how_many: u64, generation: i64) {
    scene
        .world
        .jira
        .wait_up_to(PATIENCE, what, |cloud| {
            let properties = cloud.sites["acme"].properties.iter();
            let renewed = properties
                .filter(|((_, key), value)| {
                    key == PROPERTY && value["generation"].as_i64() >= Some(generation)
                })
                .count();
            (renewed as u64 >= how_many).then_some(())
        })
        .await;
}

/// Lets it sleep at a moment when both replicas hold claims: only a claim that is held when its process
/// dies can be taken over.
async fn pause_with_claims(app: &App, replica: &Latchkey) -> Vec<String> {
    let both = async {
        loop {
            replica.pause();
            let owners = owners(app).await;
            if owners.len() == 2 {
                return owners;
            }
            replica.resume();
            tokio::time::sleep(GLIMPSE).await;
        }
    };
    timeout(PATIENCE, both)
        .await
        .expect("with answers on their way both have claims")
}

/// The database may need a moment to notice that a connection is gone.
async fn until_one_has_died(app: &App, owners: &[String]) -> String {
    loop {
        for owner in owners {
            let died = app.parts.store.has_died(owner).await;
            if died.expect("the database answers") {
                return owner.clone();
            }
        }
        tokio::time::sleep(GLIMPSE).await;
    }
}

/// Who holds claims.
async fn owners(app: &App) -> Vec<String> {
    let owners = app.parts.store.owners_besides(&app.renewing.replica).await;
    owners.expect("the database answers")
}
