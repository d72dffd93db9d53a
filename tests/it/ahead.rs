//! Stories of a clock that is ahead for a moment and then right again.

use std::time::Duration;

use crate::on_both_databases;
use crate::scene::{Db, FORGE_SITE, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    f8_r25_a_clock_that_was_ahead_delays_nothing,
    f8_a_clock_that_was_ahead_before_a_restart_delays_nothing,
    f8_by_forge_a_system_token_of_a_clock_that_was_ahead_gives_way,
);

/// Of two tenants: what one alone meets closes no gate.
const PEOPLE: [(&str, &str, &str); 2] = [("acme", OMAR, "u-100"), ("globex", MIA, "u-200")];
/// Longer than the loops take to look at the clock again.
const A_LOOK: Duration = Duration::from_secs(2);

/// Two links that are due in ten minutes, a clock that is ahead by `seconds`, and a service and a Jira that
/// ask to wait meanwhile.
async fn ahead(db: Db, seconds: i64) -> Scene {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    for (site, account, subject) in PEOPLE {
        let person = scene.person(site, account);
        person.link(subject).await;
        person.recorded().await;
    }
    scene.advance(2 * 3600 - 30);
    let wait = vec![("Retry-After".to_owned(), "20".to_owned())];
    let service = &scene.world.service;
    service.fault(Fault::always(
        Endpoint::Refresh,
        Kind::Status(429, wait, String::new()),
    ));
    let calls = service.calls_to(Endpoint::Refresh);
    // The product's clock alone.
    scene.clock.advance(seconds);
    eventually("it was asked to wait", async || {
        (service.calls_to(Endpoint::Refresh) > calls).then_some(())
    })
    .await;
    eventually("the gate is closed", async || {
        let closed = "select opens_at from gate where name = 'service'";
        (scene.count(closed).await > scene.clock.now()).then_some(())
    })
    .await;
    tokio::time::sleep(A_LOOK).await;
    service.clear_faults();
    scene
}

async fn renewed_in_a_minute(scene: &Scene) {
    let latest = scene.clock.now() + 60;
    eventually("no wait is longer than a minute", async || {
        let gate = "select max(opens_at) from gate";
        let due = "select max(due_at) from link where published_generation = 1";
        let due = scene.count(&format!("select coalesce(({due}), 0)")).await;
        (scene.count(gate).await <= latest && due <= latest).then_some(())
    })
    .await;
    scene.advance(60);
    for (site, account, _) in PEOPLE {
        scene.person(site, account).property_of_generation(2).await;
    }
}

async fn f8_r25_a_clock_that_was_ahead_delays_nothing(db: Db) {
    for seconds in [3600, 120] {
        let scene = ahead(db, seconds).await;
        scene.clock.advance(-seconds);
        renewed_in_a_minute(&scene).await;
        scene.end().await;
    }
}

async fn f8_a_clock_that_was_ahead_before_a_restart_delays_nothing(db: Db) {
    let mut scene = ahead(db, 3600).await;
    let address = scene.stop().await;
    scene.clock.advance(-3600);
    scene.start_again(address).await;
    renewed_in_a_minute(&scene).await;
    scene.end().await;
}

/// When it ends is known by the clock alone, so a later one seems to end sooner.
async fn f8_by_forge_a_system_token_of_a_clock_that_was_ahead_gives_way(db: Db) {
    /// As far as the call that brings a system token still counts.
    const AHEAD: i64 = 30;
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let jira = &scene.world.jira;
    let ends = "select system_token_ends_at from forge_installation where standing = 'current'";
    let first = scene.count(ends).await;
    scene.clock.advance(AHEAD);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    let of_ahead = scene.count(ends).await;
    assert!(of_ahead >= first + AHEAD, "{of_ahead} after {first}");
    tokio::time::sleep(A_LOOK).await;
    scene.clock.advance(-AHEAD);
    // Nothing that came before is good any more.
    jira.forget_system_tokens(FORGE_SITE);
    eventually("the next call counts", async || {
        assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
        (scene.count(ends).await < of_ahead).then_some(())
    })
    .await;
    scene.advance(2 * 3600 - 60);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    scene.advance(60);
    omar.property_of_generation(2).await;
    scene.end().await;
}
