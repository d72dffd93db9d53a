//! Stories of signals, and of a log that nobody reads.

use std::fs::File;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::child::{Run, Stderr};
use crate::database::Database;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::service::Rotation;

on_both_databases!(
    f12_r26_each_way_to_stop_finishes_what_is_in_flight_and_no_other_signal_does_anything,
    f12_a_signal_ends_a_start_that_waits_for_another_process,
);

const PATIENCE: Duration = Duration::from_secs(30);
/// Those that ask to stop.
const STOPS: [&str; 4] = ["HUP", "INT", "QUIT", "TERM"];
/// Those that would end a process which does not ask for them.
const OTHERS: [&str; 12] = [
    "USR1", "USR2", "ALRM", "PIPE", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "STKFLT",
    "RTMIN",
];

async fn f12_r26_each_way_to_stop_finishes_what_is_in_flight_and_no_other_signal_does_anything(
    db: Db,
) {
    // Strict rotation: a process that does not wait for an answer loses the link.
    let setting = Setting::keys_live(3 * 3600);
    assert_eq!(setting.service.rotation, Rotation::Strict);
    let mut scene = Scene::start_child(db, setting).await;
    let crowd = scene.crowd("acme", 6);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for (number, stop) in (1..).zip(STOPS) {
        let all = format!("select count(*) from link where published_generation = {number}");
        eventually("every key is in Jira", async || {
            (scene.count(&all).await == 6).then_some(())
        })
        .await;
        scene.hold_renewals(6).await;

        for other in OTHERS {
            scene.child().signal(other);
        }
        scene.get("/readyz").await.is(200);
        scene.child().signal(stop);
        eventually("it has heard it", async || {
            scene
                .child()
                .output()
                .contains("stopping: work in progress")
                .then_some(())
        })
        .await;
        // As from an impatient operator.
        for again in STOPS {
            scene.child().signal(again);
        }
        // It stays while there is something to wait for; that it goes on staying is seen by what comes.
        sleep(Duration::from_millis(500)).await;
        assert!(scene.child().is_running(), "{stop}: it did not wait");
        scene.world.service.clear_faults();
        let status = scene.child().exit(Duration::from_secs(10)).await;
        assert!(status.success(), "{stop}: {status}");

        let ledger = scene.world.service.ledger();
        let mut requests = ledger.token_requests().iter();
        assert!(
            requests.all(|request| request.ended.is_some() && !request.unanswered),
            "{stop}: an answer was not waited for"
        );
        scene.restart().await;
        for (account, _) in &crowd {
            let person = scene.person("acme", account);
            person.property_of_generation(number + 1).await;
            assert_eq!(person.state().await, "linked", "{stop}");
        }
    }
    scene.end().await;
}

/// On SQLite another process holds the file, on PostgreSQL another session the table of migrations.
async fn f12_a_signal_ends_a_start_that_waits_for_another_process(db: Db) {
    let mut scene = Scene::start_child(db, Setting::default()).await;
    scene.child().stop().await;
    let url = scene.database_url().to_owned();
    let port = scene.child().port();
    let settings = scene.settings_of_child(port);

    for (number, stop) in (1..).zip(STOPS) {
        for (command, code) in [("serve", 0), ("migrate", 1)] {
            let mut holder = None;
            let mut file = None;
            match url.strip_prefix("sqlite://") {
                Some(path) => {
                    let path = format!("{path}.lock");
                    let lock = File::options()
                        .write(true)
                        .open(&path)
                        .expect("it is there");
                    eventually("nobody else holds it", async || lock.try_lock().ok()).await;
                    file = Some((lock, std::path::PathBuf::from(path)));
                }
                None => {
                    let mut database = Database::open(&url).await;
                    database.execute("begin").await;
                    database
                        .execute("lock table _sqlx_migrations in access exclusive mode")
                        .await;
                    holder = Some(database);
                }
            }
            let mut run = Run::start(&[command], &settings);
            eventually("it waits", async || match &file {
                Some((_, path)) => run.has_open(path).then_some(()),
                None => {
                    let waiting = "select count(*) from pg_stat_activity \
                            where datname = current_database() and wait_event_type = 'Lock'";
                    (scene.count(waiting).await > 0).then_some(())
                }
            })
            .await;
            // F27: it says what it waits for.
            eventually("it says so", async || {
                run.said().contains("waiting for a").then_some(())
            })
            .await;
            for other in OTHERS {
                run.signal(other);
            }
            sleep(Duration::from_millis(100)).await;
            assert!(run.is_running(), "{number}: another signal ended it");
            let told = Instant::now();
            run.signal(stop);
            let finished = run.finish(Duration::from_secs(30)).await;
            println!("{db:?}: {command} ended by {stop} in {:?}", told.elapsed());
            assert_eq!(finished.status.code(), Some(code), "{finished:?}");
            if let Some(database) = holder {
                database.close().await;
            }
        }
    }
    scene.restart().await;
    scene.end().await;
}

async fn served_with_nobody_to_hear_it(stderr: Stderr) {
    let setting = Setting::keys_live(6).with("LATCHKEY_LOG", "trace");
    let mut scene = Scene::start_child_heard(Db::Sqlite, setting, stderr).await;
    let crowd = scene.crowd("acme", 3);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for generation in 2..=4 {
        for (account, _) in &crowd {
            let person = scene.person("acme", account);
            let property = person.property_of_generation(generation).await;
            let key = property["apiKey"].as_str().expect("a key");
            let ledger = scene.world.service.ledger();
            assert!(
                ledger.opens_api(key).is_some(),
                "{stderr:?}: it has run out"
            );
            drop(ledger);
            assert_eq!(person.state().await, "linked");
        }
        scene.get("/readyz").await.is(200);
    }
    // The pipe and what waits to be written fill up first.
    let deadline = Instant::now() + PATIENCE;
    while scene.child().figure("latchkey_log_lines_lost_total").await == Some(0) {
        assert!(Instant::now() < deadline, "{stderr:?}: no line is lost");
        for _ in 0..20 {
            scene.get("/readyz").await.is(200);
        }
    }
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{stderr:?}: {status}");
    scene.restart().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_r21_a_log_that_nobody_reads_stops_nothing() {
    served_with_nobody_to_hear_it(Stderr::Unread).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_r21_a_log_whose_reader_is_gone_stops_nothing() {
    served_with_nobody_to_hear_it(Stderr::Closed).await;
}
