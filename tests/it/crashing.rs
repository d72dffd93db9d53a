//! Stories in which the product is killed in the middle of its work.

use std::time::Duration;

use latchkey::random::Random;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::child::Latchkey;
use crate::ice::{Server, Wrong};
use crate::links::link_many;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira;
use crate::sim::service::{Endpoint, Fault, Kind, Ledger, Rotation, ServiceOptions};

on_both_databases!(
    r18_no_link_is_lost_by_kill_9,
    r20_no_link_is_lost_by_kill_9_while_the_database_is_in_trouble,
    r18_a_stop_finishes_all_that_is_in_flight,
);

const PEOPLE: u64 = 32;
const KEY_LIFE: Duration = Duration::from_secs(8);
/// How long the service lets a lost answer be asked for again.
const GRACE: Duration = Duration::from_secs(20);
/// The same where the database is in trouble: a replica that was cut off waits for leases of others to expire.
const LONG_GRACE: Duration = Duration::from_secs(300);
/// Longer than any lease.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest trouble of the database, in milliseconds.
const TROUBLE: i64 = 2500;

/// What is wrong beside the kills.
enum Beside {
    Nothing,
    /// The disk of SQLite's file fills up and empties.
    Disk,
    /// Connections to PostgreSQL freeze, the server is read-only, or it restarts.
    Server(Server),
}

impl Beside {
    async fn begin(&self, scene: &mut Scene, wrong: Wrong) {
        match self {
            Self::Nothing => {}
            Self::Disk => scene.child().fill_disk(true),
            Self::Server(server) => server.begin(wrong).await,
        }
    }

    async fn end(&self, scene: &mut Scene, wrong: Wrong) {
        match self {
            Self::Nothing => {}
            // Of a process that lives: the limit is its own.
            Self::Disk => scene.child().fill_disk(false),
            Self::Server(server) => server.end(wrong).await,
        }
    }
}

/// On PostgreSQL there are two replicas, which are killed in turn: a replica has to live for some seconds
/// to tell that the other one died. On SQLite a new process knows at once that its predecessor is dead.
///
/// `LATCHKEY_KILLS` makes it longer; `scripts/kill` does that.
async fn r18_no_link_is_lost_by_kill_9(db: Db) {
    kill_again_and_again(db, Setting::default(), Beside::Nothing).await;
}

/// SQLite's disk fills up and empties; PostgreSQL freezes, is read-only for a while, or restarts.
async fn r20_no_link_is_lost_by_kill_9_while_the_database_is_in_trouble(db: Db) {
    let mut setting = Setting::default();
    let beside = match db {
        Db::Sqlite => Beside::Disk,
        Db::Postgres => {
            let (server, url) = Server::start().await;
            setting.postgres = Some(url);
            Beside::Server(server)
        }
    };
    kill_again_and_again(db, setting, beside).await;
}

async fn kill_again_and_again(db: Db, setting: Setting, beside: Beside) {
    let kills: u32 = std::env::var("LATCHKEY_KILLS").ok().map_or(20, |kills| {
        kills.parse().expect("LATCHKEY_KILLS is a number")
    });
    let pause = match db {
        Db::Sqlite => 4000,
        Db::Postgres => 6000,
    };
    let (grace, patience) = match beside {
        Beside::Nothing => (GRACE, PATIENCE),
        Beside::Disk | Beside::Server(_) => (LONG_GRACE, LONG_GRACE),
    };
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: KEY_LIFE,
            rotation: Rotation::Grace(grace),
            ..ServiceOptions::default()
        },
        ..setting
    };
    let mut scene = Scene::start_child(db, setting).await;
    let crowd = scene.crowd("acme", PEOPLE);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }

    // Without these, most moments of a renewal would be over before anybody could be killed in them.
    let lost_answers = Kind::DelayAfter(Duration::from_millis(120));
    scene
        .world
        .service
        .fault(Fault::always(Endpoint::Refresh, lost_answers));
    let lost_confirmations = jira::FaultKind::DelayAnswer(Duration::from_millis(80));
    scene
        .world
        .jira
        .fault(jira::Fault::new(lost_confirmations).on_property("PUT"));

    let mut second = match db {
        Db::Sqlite => None,
        Db::Postgres => Some(Latchkey::start(|port| scene.settings_of_child(port)).await),
    };
    let chance = Random::system();
    for kill in 0..kills {
        let wrong = [Wrong::Frozen, Wrong::ReadOnly, Wrong::Restarting][kill as usize % 3];
        // Nothing is waited for: the moment itself is what is tried. Only now and then it is one in
        // which a token request is under way, so that some of a few kills hit one for sure. It may be of
        // either replica: both end, as in a power cut.
        sleep(Duration::from_millis(chance.up_to(pause).unsigned_abs())).await;
        beside.begin(&mut scene, wrong).await;
        if !matches!(beside, Beside::Nothing) {
            sleep(Duration::from_millis(chance.up_to(TROUBLE).unsigned_abs())).await;
        }
        let both = kill % 7 == 0;
        // Every second trouble ends before anybody is killed, and where a request is waited for.
        let ends_first = both || kill % 2 == 0;
        if ends_first {
            beside.end(&mut scene, wrong).await;
        }
        if both {
            let in_flight = |ledger: &Ledger| {
                let mut requests = ledger.token_requests().iter().rev();
                requests.any(|request| request.ended.is_none())
            };
            scene
                .world
                .service
                .wait_until("a token request under way", patience, in_flight)
                .await;
        }
        if both || kill % 2 == 0 || second.is_none() {
            scene.child().kill9().await;
        }
        // The disk's limit is that of the process which has just died.
        if !ends_first && !matches!(beside, Beside::Disk) {
            beside.end(&mut scene, wrong).await;
        }
        if let Some(mut replica) = second.take() {
            if both || kill % 2 == 1 {
                replica.kill9().await;
                replica = replica.restart().await;
            }
            second = Some(replica);
        }
        if !scene.child().is_running() {
            scene.restart().await;
        }
    }
    let last_start = scene.world.service.ledger().clock.now();
    scene.world.service.clear_faults();
    scene.world.jira.clear_faults();

    all_have_a_key_given_since(&scene, &crowd, last_start).await;
    let ledger = scene.world.service.ledger();
    let lost = ledger.token_requests().iter();
    let lost = lost.filter(|request| request.unanswered).count();
    assert!(lost > 0, "of {kills} kills none hit a token request");
    assert!(
        ledger.overlaps().is_empty(),
        "{:#?}",
        ledger.overlaps().first()
    );
    assert!(
        ledger.reused_refresh_tokens().is_empty(),
        "a refresh token was used again when the service allowed it no more"
    );
    assert_eq!(ledger.live_grants().len(), crowd.len());
    if let Some(mut replica) = second {
        replica.stop().await;
    }
    println!("{db:?}: {kills} kills, {lost} token requests without an answer, no link lost");
    scene.end().await;
}

/// Everybody is linked at acme, and has a key in Jira that was given after that moment and opens the service's API.
pub async fn all_have_a_key_given_since(
    scene: &Scene,
    crowd: &[(String, String)],
    since: OffsetDateTime,
) {
    for (account, subject) in crowd {
        let person = scene.person("acme", account);
        let status = person.status().await;
        let ledger = scene.world.service.ledger();
        let grants = ledger.grants_of(subject);
        let mut requests: Vec<_> = ledger.token_requests().iter().collect();
        requests.retain(|request| grants.iter().any(|grant| request.grant == Some(grant.id)));
        let last = requests.iter().rev().take(8).rev();
        let last: Vec<String> = last
            .map(|request| {
                let (started, ended) = (request.started, request.ended);
                format!("{started:?} to {ended:?}: {:?}", request.outcome)
            })
            .collect();
        assert_ne!(status["state"], "reconnect", "{status}: {last:#?}");
        let served = async || {
            let property = person.property()?;
            let key = property["apiKey"].as_str()?;
            let ledger = scene.world.service.ledger();
            let given_since = ledger
                .grants_of(subject)
                .iter()
                .flat_map(|grant| ledger.tokens_of(grant.id))
                .any(|token| token.value == key && token.issued_at > since);
            (given_since && ledger.opens_api(key) == Some(subject)).then_some(())
        };
        eventually("a key given since then opens the API", served).await;
        assert_eq!(person.state().await, "linked", "{account}");
    }
}

async fn r18_a_stop_finishes_all_that_is_in_flight(db: Db) {
    // `scripts/stop` has a thousand.
    let wanted = std::env::var("LATCHKEY_IN_FLIGHT").ok();
    let wanted: u64 = wanted.map_or(150, |wanted| wanted.parse().expect("a number"));
    // No tenant has more than three quarters of the places.
    let concurrency = wanted * 4 / 3;
    // Strict rotation: whoever does not wait for an answer loses the link.
    let setting =
        Setting::keys_live(3 * 3600).with("LATCHKEY_PROVIDER_CONCURRENCY", concurrency.to_string());
    let mut scene = Scene::start(db, setting).await;
    link_many(&scene, &scene.app().clone(), wanted + 50, 3 * 3600).await;
    scene.execute("update link set due_at = 0").await;
    scene
        .world
        .service
        .fault(Fault::always(Endpoint::Refresh, Kind::AnswerHeld));
    scene.become_child().await;
    let in_flight = |ledger: &Ledger| {
        let requests = ledger.token_requests().iter();
        let open = requests.filter(|request| request.outcome.is_some() && request.ended.is_none());
        open.count() as u64
    };
    scene
        .world
        .service
        .wait_until("as many as it takes", PATIENCE, |ledger| {
            in_flight(ledger) >= wanted
        })
        .await;

    let told = Instant::now();
    scene.child().terminate();
    eventually("it has heard it", async || {
        scene.child().output().contains("stopping").then_some(())
    })
    .await;
    scene.world.service.clear_faults();
    let left = Duration::from_secs(10).saturating_sub(told.elapsed());
    let status = scene.child().exit(left).await;
    assert!(status.success(), "{status}");
    println!("{db:?}: {wanted} in flight ended in {:?}", told.elapsed());

    let ledger = scene.world.service.ledger();
    let requests = ledger.token_requests();
    assert_eq!(requests.len() as u64, wanted, "none was sent after it");
    let mut answered = requests.iter();
    assert!(answered.all(|request| request.ended.is_some() && !request.unanswered));
    let unfinished = "select count(*) from link where claim is not null or intent_at is not null \
        or generation <> published_generation";
    assert_eq!(scene.count(unfinished).await, 0);
    let finished = "select count(*) from link where published_generation = 2";
    assert_eq!(scene.count(finished).await as u64, wanted);
    scene.restart().await;
    scene.end().await;
}
