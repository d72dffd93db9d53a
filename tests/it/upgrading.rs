//! Stories of an upgrade in steps: replicas of the version before work beside a newer one.

use crate::child::Latchkey;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;

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
