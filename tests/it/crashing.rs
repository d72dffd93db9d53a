//! Stories in which the product is killed in the middle of its work.

use std::time::Duration;

use latchkey::random::Random;
use tokio::time::sleep;

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira;
use crate::sim::service::{Endpoint, Fault, Kind, Ledger, Rotation, ServiceOptions};

on_both_databases!(r18_no_link_is_lost_by_kill_9);

const PEOPLE: u64 = 32;
const KEY_LIFE: Duration = Duration::from_secs(8);
/// Longer than any lease.
const PATIENCE: Duration = Duration::from_secs(60);

/// `LATCHKEY_KILLS` makes it longer; `scripts/kill` does that.
async fn r18_no_link_is_lost_by_kill_9(db: Db) {
    let kills: u32 = std::env::var("LATCHKEY_KILLS").ok().map_or(20, |kills| {
        kills.parse().expect("LATCHKEY_KILLS is a number")
    });
    // On SQLite a new process knows at once that its predecessor is dead. On PostgreSQL it has to
    // live for some seconds to tell, which these kills often prevent; then the lease has to run out.
    let (grace, longest_life) = match db {
        Db::Sqlite => (30, 1500),
        Db::Postgres => (120, 4500),
    };
    let mut scene = Scene::start_child(
        db,
        Setting {
            service: ServiceOptions {
                access_token_life: KEY_LIFE,
                rotation: Rotation::Grace(Duration::from_secs(grace)),
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

    let chance = Random::system();
    for kill in 0..kills {
        // Nothing is waited for: the moment itself is what is tried. Only now and then it is one in
        // which a token request is under way, so that some of a few kills hit one for sure.
        sleep(Duration::from_millis(
            chance.up_to(longest_life).unsigned_abs(),
        ))
        .await;
        if kill % 7 == 0 {
            let in_flight = |ledger: &Ledger| {
                let mut requests = ledger.token_requests().iter().rev();
                requests.any(|request| request.ended.is_none())
            };
            scene
                .world
                .service
                .wait_until("a token request under way", PATIENCE, in_flight)
                .await;
        }
        scene.child().kill9().await;
        scene.restart().await;
    }
    let last_start = scene.world.service.ledger().clock.now();
    scene.world.service.clear_faults();
    scene.world.jira.clear_faults();

    for (account, subject) in &crowd {
        let person = scene.person("acme", account);
        let served = async || {
            let property = person.property()?;
            let key = property["apiKey"].as_str()?;
            let ledger = scene.world.service.ledger();
            let given_since = ledger
                .grants_of(subject)
                .iter()
                .flat_map(|grant| ledger.tokens_of(grant.id))
                .any(|token| token.value == key && token.issued_at > last_start);
            (given_since && ledger.opens_api(key) == Some(subject)).then_some(())
        };
        eventually("a key given after the last kill opens the API", served).await;
        assert_eq!(person.state().await, "linked", "{account}");
    }
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
    scene.end().await;
}
