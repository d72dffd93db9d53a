//! Stories of a backup that is put back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::child::Latchkey;
use crate::database::Database;
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::service::{self, Endpoint, Kind, Rotation, ServiceOptions};

on_both_databases!(
    f14_r27_links_whose_tokens_were_used_since_a_backup_say_that_it_was_put_back,
    f14_r27_no_generation_falls_back_where_old_tokens_still_work,
    f14_r27_a_link_that_a_backup_does_not_have_goes_on_above_its_generation,
    f14_r27_while_jira_does_not_say_no_key_is_put_there,
    f14_r27_where_points_are_scarce_generations_are_skipped,
    f14_r27_a_link_made_after_a_restore_is_not_said_to_be_older,
    f14_r27_a_drill_with_the_documented_commands,
);

const LIFE: u64 = 3600;

async fn start(db: Db, rotation: Rotation) -> Scene {
    let mut setting = Setting::keys_live(LIFE);
    setting.service = ServiceOptions {
        rotation,
        ..setting.service
    };
    Scene::start(db, setting).await
}

impl Scene {
    /// While it serves.
    async fn back_up_to(&self, file: &Path) {
        if self.database_url().starts_with("postgres:") {
            return Postgres::back_up(self.database_url(), file).await;
        }
        let to = file.to_string_lossy();
        let settings = [("LATCHKEY_DATABASE_URL", self.database_url().to_owned())];
        let made = Latchkey::run(&["backup", "--to", &to], &settings.to_vec()).await;
        assert!(made.status.success(), "{made:?}");
        assert!(made.stdout.contains("3 links of 2 tenants"), "{made:?}");
        let again = Latchkey::run(&["backup", "--to", &to], &settings.to_vec()).await;
        assert_eq!(again.status.code(), Some(1), "{again:?}");
        assert!(again.stderr.contains("name another file"), "{again:?}");
        let rights = std::fs::metadata(file).expect("it is there").permissions();
        assert_eq!(rights.mode() & 0o777, 0o600);
    }

    pub async fn keep_a_backup(&self) {
        let mut database = Database::open(self.database_url()).await;
        database.back_up(self.database_url()).await;
        database.close().await;
    }

    /// The product stops, the backup is put back, and the product starts.
    pub async fn put_backup_back(&mut self) {
        let address = self.stop().await;
        Database::put_back(self.database_url()).await;
        self.start_again(address).await;
    }

    /// Renews it so many times, a minute apart.
    async fn renew_to(&self, account: &str, generation: i64) {
        let person = self.person("acme", account);
        let mut now = person.recorded().await;
        while now < generation {
            self.advance(60);
            person.renew().await.is(202);
            now += 1;
            person.property_of_generation(now).await;
            assert_eq!(person.recorded().await, now);
        }
    }
}

async fn f14_r27_links_whose_tokens_were_used_since_a_backup_say_that_it_was_put_back(db: Db) {
    let mut scene = start(db, Rotation::Strict).await;
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200")] {
        scene.person("acme", account).link(subject).await;
    }
    scene.renew_to(OMAR, 3).await;
    scene.keep_a_backup().await;
    scene.renew_to(OMAR, 6).await;
    scene.put_backup_back().await;

    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("restored from a backup"), "{reason}");
    assert!(!reason.contains("ended there"), "{reason}");
    omar.link("u-100").await;
    let generation = omar.recorded().await;
    assert!(generation > 6, "{generation}");
    // Whose token was not used since goes on as if nothing had happened.
    let mia = scene.person("acme", MIA);
    mia.renew().await.is(202);
    mia.property_of_generation(2).await;
    scene.end().await;
}

async fn f14_r27_no_generation_falls_back_where_old_tokens_still_work(db: Db) {
    let mut scene = start(db, Rotation::None).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.keep_a_backup().await;
    scene.renew_to(OMAR, 4).await;
    scene.put_backup_back().await;

    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    omar.property_of_generation(5).await;
    assert_eq!(omar.recorded().await, 5);
    assert_eq!(omar.state().await, "linked");
    // Jira was asked once.
    let asked = scene.reads_of_the_property();
    assert_eq!(asked, 1);
    omar.renew().await.is(202);
    omar.property_of_generation(6).await;
    assert_eq!(scene.reads_of_the_property(), asked);
    scene.end().await;
}

async fn f14_r27_a_link_that_a_backup_does_not_have_goes_on_above_its_generation(db: Db) {
    let mut scene = start(db, Rotation::Strict).await;
    scene.keep_a_backup().await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.renew_to(OMAR, 4).await;
    scene.put_backup_back().await;

    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.state().await, "unlinked");
    omar.link("u-100").await;
    assert_eq!(omar.recorded().await, 5);
    // The grant that the backup does not have is nobody's.
    scene.close().await;
}

async fn f14_r27_while_jira_does_not_say_no_key_is_put_there(db: Db) {
    use crate::sim::jira::Fault;
    let mut scene = start(db, Rotation::None).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.keep_a_backup().await;
    scene.renew_to(OMAR, 4).await;
    let jira = scene.world.jira.clone();
    jira.fault(Fault::status(503).on_property("GET"));
    scene.put_backup_back().await;

    let omar = scene.person("acme", OMAR);
    let calls = scene.reads_of_the_property();
    omar.renew().await.is(202);
    eventually("Jira was asked", async || {
        (scene.reads_of_the_property() > calls).then_some(())
    })
    .await;
    assert_eq!(omar.generation(), Some(4));
    jira.clear_faults();
    scene.advance(400);
    eventually("it goes on above it", async || {
        omar.generation().filter(|now| *now > 4)
    })
    .await;
    scene.end().await;
}

async fn f14_r27_where_points_are_scarce_generations_are_skipped(db: Db) {
    let mut setting = Setting::keys_live(LIFE)
        .with("LATCHKEY_JIRA_QUOTA", "40")
        .with("LATCHKEY_JIRA_RENEWAL_SHARE", "50");
    setting.service.rotation = Rotation::None;
    let mut scene = Scene::start(db, setting).await;
    scene.advance_to_the_hour();
    scene.person("acme", OMAR).link("u-100").await;
    scene.keep_a_backup().await;
    scene.renew_to(OMAR, 8).await;
    let address = scene.stop().await;
    Database::put_back(scene.database_url()).await;
    // Of this hour, whatever the backup says, and before a process finds that nothing is left.
    let hour = scene.clock.now().div_euclid(3600);
    scene.set_points(hour, 6, 6).await;
    scene.start_again(address).await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    eventually("it goes on above it", async || {
        omar.generation().filter(|now| *now > 8)
    })
    .await;
    assert_eq!(scene.reads_of_the_property(), 0);
    scene.end().await;
}

/// Jira still has the key of the link that the backup set back, of a later generation.
async fn f14_r27_a_link_made_after_a_restore_is_not_said_to_be_older(db: Db) {
    let mut scene = start(db, Rotation::Strict).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.keep_a_backup().await;
    scene.renew_to(OMAR, 6).await;
    scene.put_backup_back().await;
    let (jira, service) = (scene.world.jira.clone(), scene.world.service.clone());
    jira.fault(jira::Fault::status(503).on_property("GET"));
    jira.fault(jira::Fault::status(503).on_property("PUT"));
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    omar.confirm(&returned).await.leads_to();
    let asked = service.calls_to(Endpoint::Refresh);
    service.fault(service::Fault::once(Endpoint::Refresh, Kind::CutAfter));
    // Its first key has run out before it reached Jira, and the answer with the next one is lost.
    scene.advance(LIFE as i64 + 400);
    eventually("a key is requested", async || {
        (service.calls_to(Endpoint::Refresh) == asked + 1).then_some(())
    })
    .await;
    jira.clear_faults();
    scene.advance(400);
    let reason = omar.asked_to_reconnect().await;
    assert!(!reason.contains("restored from a backup"), "{reason}");
    assert_eq!(omar.generation(), Some(6));
    omar.link("u-100").await;
    assert!(omar.recorded().await > 6);
    scene.end().await;
}

/// As docs/backup.md says, with a server in a process of its own: four people at different points of their link.
async fn f14_r27_a_drill_with_the_documented_commands(db: Db) {
    let mut setting = Setting::keys_live(LIFE);
    setting.service.rotation = Rotation::Strict;
    let mut scene = Scene::start(db, setting).await;
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().join("latchkey.backup");
    let [(other, other_subject), (_, third)] = &scene.crowd("acme", 2)[..] else {
        panic!("two more people");
    };
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200"), (other, other_subject)] {
        scene.person("acme", account).link(subject).await;
    }
    scene.renew_to(OMAR, 3).await;
    scene.back_up_to(&backup).await;
    scene.renew_to(OMAR, 6).await;
    scene.person("acme", MIA).disconnect().await;
    let made = scene.person("globex", OMAR);
    made.link(third).await;
    made.recorded().await;
    made.renewed().await;
    let address = scene.stop().await;
    Database::restore(scene.database_url(), &backup).await;
    scene.start_again(address).await;

    // Renewed since.
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("restored from a backup"), "{reason}");
    assert_eq!(omar.generation(), Some(6));
    omar.link("u-100").await;
    assert!(omar.recorded().await > 6);
    // Ended since: the grant is gone, and the person is asked.
    let mia = scene.person("acme", MIA);
    mia.renew().await.is(202);
    mia.asked_to_reconnect().await;
    mia.disconnect().await;
    // Made since.
    let made = scene.person("globex", OMAR);
    assert_eq!(made.state().await, "unlinked");
    made.link(third).await;
    assert!(made.recorded().await > 2);
    // Not touched since.
    let untouched = scene.person("acme", other);
    untouched.renew().await.is(202);
    untouched.property_of_generation(2).await;
    scene.close().await;
}

impl Scene {
    pub fn reads_of_the_property(&self) -> usize {
        let calls = self.world.jira.calls();
        let reads = calls
            .iter()
            .filter(|call| call.method == "GET" && call.path.contains("/user/properties/"));
        reads.count()
    }
}
