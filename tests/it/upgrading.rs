//! Stories of an upgrade in steps: replicas of the version before work beside a newer one.

use std::time::Duration;

use latchkey::store::{Dialect, statements};
use tokio::time::sleep;

use crate::child::{Latchkey, OTHER_VERSION};
use crate::crashing::all_have_a_key_given_since;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::{Rotation, ServiceOptions};

on_both_databases!(a_version_goes_on_and_starts_beside_a_newer_one_until_that_takes_something_away,);

/// What a newer version does when it starts: it adds a column, and writes that down.
const ADDS: [&str; 2] = [
    "alter table link add column of_later bigint not null default 7",
    "insert into _sqlx_migrations \
     select 900, 'add what is of later', installed_on, success, checksum, execution_time \
     from _sqlx_migrations where version = 1",
];
const TAKES_AWAY: &str =
    "update _sqlx_migrations set description = 'contract what was before' where version = 900";

async fn a_version_goes_on_and_starts_beside_a_newer_one_until_that_takes_something_away(db: Db) {
    let setting = Setting::keys_live(3 * 3600);
    let mut scene = Scene::start_child(db, setting).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", OMAR).property_of_generation(1).await;
    for adds in ADDS {
        scene.execute(adds).await;
    }
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    omar.property_of_generation(2).await;
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    omar.property_of_generation(3).await;
    assert_eq!(scene.count("select of_later from link").await, 7);
    let settings = scene.settings_of_child(0);
    let doctor = Latchkey::run(&["doctor"], &settings).await;
    let schema = doctor.stdout.lines().find(|line| line.contains(" schema "));
    let schema = schema.unwrap_or_else(|| panic!("{}", doctor.stdout));
    assert!(schema.contains("works beside it"), "{schema}");
    let migrated = Latchkey::run(&["rotate-keys"], &settings).await;
    assert!(migrated.stderr.contains("newer version"), "{migrated:?}");

    let said = scene.child().output();
    assert!(said.contains("a newer version of latchkey"), "{said}");
    scene.child().stop().await;
    scene.execute(TAKES_AWAY).await;
    for command in ["serve", "migrate"] {
        let refused = Latchkey::run(&[command], &settings).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let words = "was migrated by a newer version of latchkey: use that version";
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    scene.close().await;
}

#[test]
fn no_statement_asks_for_columns_that_a_newer_version_may_add() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let all: Vec<_> = statements(dialect).collect();
        assert!(all.len() > 200, "{}", all.len());
        for (name, text) in all {
            let text = text.replace("count(*)", "");
            assert!(
                !text.contains('*') || text.contains(" * "),
                "{name}: {text}"
            );
        }
    }
}

/// Two replicas on one database, of which one is of the version before.
///
/// `scripts/upgrade` builds that version and lets it work beside this one for five minutes. In a test run both are of
/// this version, and the tables have what a later one adds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_upgrade_loses_nothing() {
    const PEOPLE: u64 = 32;
    const KEY_LIFE: Duration = Duration::from_secs(8);
    let before = std::env::var("LATCHKEY_BEFORE").ok();
    let seconds = std::env::var("LATCHKEY_UPGRADE").ok();
    let seconds = seconds.map_or(20, |seconds| seconds.parse().expect("a number of seconds"));
    let mut setting = Setting::default();
    setting.service = ServiceOptions {
        access_token_life: KEY_LIFE,
        rotation: Rotation::Strict,
        ..setting.service
    };
    if let Some(before) = &before {
        setting = setting.with(OTHER_VERSION, before.clone());
    }
    let mut scene = Scene::start_child(Db::Postgres, setting).await;
    let crowd = scene.crowd("acme", PEOPLE);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    if before.is_none() {
        for adds in ADDS {
            scene.execute(adds).await;
        }
    }
    let after = |port| {
        let mut settings = scene.settings_of_child(port);
        settings.retain(|(name, _)| *name != OTHER_VERSION);
        settings
    };
    let mut after = Latchkey::start(after).await;
    let now = || scene.world.service.ledger().clock.now();
    let both_run = now();
    sleep(Duration::from_secs(seconds)).await;
    all_have_a_key_given_since(&scene, &crowd, both_run).await;
    let renewals = "latchkey_renewals_total{outcome=\"renewed\"}";
    let by_after = after.figure(renewals).await.unwrap_or_default();
    let before = scene.child();
    let by_before = before.figure(renewals).await.unwrap_or_default();
    println!("{seconds} s: {by_before} renewals by the version before, {by_after} by this one");
    before.stop().await;
    let last_stop = scene.world.service.ledger().clock.now();
    // Of two replicas one may be the first each time.
    eventually("the one that is left renews", async || {
        (after.figure(renewals).await? > by_after).then_some(())
    })
    .await;
    scene.child().forget(OTHER_VERSION);
    scene.restart().await;
    all_have_a_key_given_since(&scene, &crowd, last_stop).await;
    let ledger = scene.world.service.ledger();
    assert!(
        ledger.overlaps().is_empty(),
        "{:#?}",
        ledger.overlaps().first()
    );
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert_eq!(ledger.live_grants().len(), crowd.len());
    drop(ledger);
    after.stop().await;
    scene.end().await;
}
