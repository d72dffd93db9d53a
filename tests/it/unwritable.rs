//! Stories of a database that answers and cannot be written: a full disk, a server that has become a
//! follower.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::database::Database;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::service::Rotation;

/// Five people whose renewals are in flight: the service has rotated their tokens and holds its answers.
/// Strict rotation: an answer that is forgotten is a link that is lost.
async fn five_in_flight(db: Db) -> (Scene, Vec<(String, String)>) {
    let setting = Setting::keys_live(3 * 3600);
    assert_eq!(setting.service.rotation, Rotation::Strict);
    let mut scene = Scene::start_child(db, setting).await;
    let crowd = scene.crowd("acme", 5);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    eventually("every key is in Jira", async || {
        let published = "select count(*) from link where published_generation = 1";
        (scene.count(published).await == 5).then_some(())
    })
    .await;
    scene.hold_renewals(5).await;
    assert!(scene.child().is_running());
    (scene, crowd)
}

async fn not_ready(scene: &Scene) {
    eventually("it says that it cannot write", async || {
        (scene.get("/readyz").await.status == 503).then_some(())
    })
    .await;
}

/// F28: what would be lost with the process is a figure.
async fn five_are_held(scene: &mut Scene) {
    eventually("five answers are held", async || {
        (scene.child().figure("latchkey_answers_held").await == Some(5)).then_some(())
    })
    .await;
}

/// All five are renewed by what was held in memory, and within seconds.
async fn all_come_back(mut scene: Scene, crowd: &[(String, String)]) {
    let again = Instant::now();
    eventually("it says that it can write", async || {
        (scene.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    for (account, _) in crowd {
        let person = scene.person("acme", account);
        person.property_of_generation(2).await;
        assert_eq!(person.state().await, "linked", "{account}");
    }
    let took = again.elapsed();
    // Not by their leases, which end after 45 s.
    assert!(took < Duration::from_secs(40), "it took {took:?}");
    let ledger = scene.world.service.ledger();
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    drop(ledger);
    let left =
        "select count(*) from link where published_generation = generation and intent_at is null";
    eventually("what Jira holds is recorded", async || {
        (scene.count(left).await == 5).then_some(())
    })
    .await;
    assert_eq!(scene.child().figure("latchkey_answers_held").await, Some(0));
    // And it works as before.
    for (account, _) in crowd {
        let person = scene.person("acme", account);
        person.renew().await.is(202);
        person.property_of_generation(3).await;
    }
    scene.child().stop().await;
    scene.restart().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_full_disk_costs_no_link_and_no_restart() {
    let (mut scene, crowd) = five_in_flight(Db::Sqlite).await;
    scene.child().fill_disk(true);
    scene.world.service.clear_faults();
    not_ready(&scene).await;
    // Long enough for each connection to have failed.
    sleep(Duration::from_secs(5)).await;
    scene.get("/readyz").await.is(503);
    five_are_held(&mut scene).await;
    assert_eq!(scene.count("select max(generation) from link").await, 1);
    scene.child().fill_disk(false);
    all_come_back(scene, &crowd).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_database_that_is_read_only_for_a_while_costs_no_link_and_no_restart() {
    let (mut scene, crowd) = five_in_flight(Db::Postgres).await;
    // Its own session stays as it is.
    let mut operator = Database::open(scene.database_url()).await;
    let name = scene
        .database_url()
        .rsplit('/')
        .next()
        .expect("a name")
        .to_owned();
    let everybody = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
        where datname = current_database() and pid <> pg_backend_pid()";
    let read_only =
        |on: &str| format!("alter database {name} set default_transaction_read_only = {on}");
    operator.execute(&read_only("on")).await;
    operator.count(everybody).await;
    scene.world.service.clear_faults();
    not_ready(&scene).await;
    sleep(Duration::from_secs(3)).await;
    scene.get("/readyz").await.is(503);
    five_are_held(&mut scene).await;
    assert_eq!(operator.count("select max(generation) from link").await, 1);
    operator.execute(&read_only("off")).await;
    all_come_back(scene, &crowd).await;
    operator.close().await;
}
