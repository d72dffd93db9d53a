//! Stories of writes to Jira that arrive after the link that they are about has ended.

use std::net::{Ipv4Addr, SocketAddr};

use latchkey::model::{AccountId, Actor, ClientKey};

use crate::moments::Moments;
use crate::on_both_databases;
use crate::scene::{Db, PROPERTY, Person, Scene, Setting, eventually};
use crate::sim::jira::{Fault, FaultKind, OMAR};

on_both_databases!(
    late_handle_of_a_dead_process_gives_way_to_that_of_the_newer_link,
    late_key_of_a_dead_process_gives_way_to_that_of_the_newer_link,
    late_key_of_a_dead_process_is_deleted_after_a_disconnect,
    late_key_is_deleted_where_nobody_has_freed_the_claim_of_the_dead_process,
    late_key_is_expected_where_another_claim_has_followed,
    late_key_of_a_living_process_is_expected_only_until_it_has_come,
    late_write_is_not_expected_from_a_process_that_has_put_nothing,
);

const PROPERTIES: &str = "/rest/api/3/user/properties/";

/// Keys that are renewed only where a story wants it.
fn long_lived() -> Setting {
    Setting::keys_live(3 * 3600)
}

impl Scene {
    /// How many deletions are on the list.
    async fn deletions(&self) -> i64 {
        self.count("select count(*) from cleanup where kind = 'delete_property'")
            .await
    }

    /// A renewal of his has a PUT on its way, which does not arrive yet.
    async fn holds_a_put(&self) {
        let jira = &self.world.jira;
        jira.fault(Fault::new(FaultKind::CallHeld).on_property("PUT").times(1));
        self.person("acme", OMAR).renew().await.is(202);
        eventually("a PUT is on its way", async || {
            (jira.held() == 1).then_some(())
        })
        .await;
    }

    /// The child is killed. Where it was, the product can be started again.
    async fn is_killed(&mut self) -> SocketAddr {
        self.child().kill9().await;
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.child().port()))
    }

    /// The product is killed with a PUT on its way, and started again.
    async fn is_killed_and_started(&mut self) {
        self.holds_a_put().await;
        let address = self.is_killed().await;
        self.start_again(address).await;
        // It has freed the claim, and put the same again.
        self.person("acme", OMAR).settled().await;
    }

    /// The PUT that was on its way arrives.
    async fn lets_the_put_arrive(&self) {
        let jira = &self.world.jira;
        let before = jira.property_writes().len();
        jira.clear_faults();
        jira.wait_for("the late PUT", |cloud| {
            (cloud.property_writes.len() > before).then_some(())
        })
        .await;
    }

    fn calls(&self, method: &str) -> usize {
        self.world.jira.calls_to(method, PROPERTIES).len()
    }
}

impl Person<'_> {
    async fn has_no_property(&self) {
        let jira = &self.scene.world.jira;
        jira.wait_for_no_property("acme", OMAR, PROPERTY).await;
    }

    async fn has_the_property_of(&self, subject: &str) {
        let jira = &self.scene.world.jira;
        let is_of = |value: &serde_json::Value| value["subject"] == subject;
        jira.wait_for_property("acme", OMAR, PROPERTY, is_of).await;
    }

    fn subject_in_jira(&self) -> Option<String> {
        Some(self.property()?["subject"].as_str()?.to_owned())
    }
}

async fn late_handle_of_a_dead_process_gives_way_to_that_of_the_newer_link(db: Db) {
    let setting = long_lived().with("LATCHKEY_PROPERTY", "handle");
    let mut scene = Scene::start_child(db, setting).await;
    scene.person("acme", OMAR).link("u-100").await;
    // So that the next renewal puts the handle.
    scene.execute("update link set put_again = 1").await;
    connects_again(&mut scene).await;
    scene.close().await;
}

async fn late_key_of_a_dead_process_gives_way_to_that_of_the_newer_link(db: Db) {
    let mut scene = Scene::start_child(db, long_lived()).await;
    scene.person("acme", OMAR).link("u-100").await;
    connects_again(&mut scene).await;
    scene.close().await;
}

async fn connects_again(scene: &mut Scene) {
    scene.is_killed_and_started().await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-200").await;
    scene.lets_the_put_arrive().await;
    assert_eq!(omar.subject_in_jira().as_deref(), Some("u-100"));
    scene.let_late_writes_pass();
    omar.has_the_property_of("u-200").await;
    omar.settled().await;
    scene.no_work_left().await;
    assert_eq!(omar.subject_in_jira().as_deref(), Some("u-200"));
}

async fn late_key_of_a_dead_process_is_deleted_after_a_disconnect(db: Db) {
    let mut scene = Scene::start_child(db, long_lived()).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.is_killed_and_started().await;
    let omar = scene.person("acme", OMAR);
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    the_late_key_is_deleted(scene).await;
}

async fn late_key_is_deleted_where_nobody_has_freed_the_claim_of_the_dead_process(db: Db) {
    let mut scene = Scene::start_child(db, long_lived()).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.holds_a_put().await;
    let address = scene.is_killed().await;
    // At a replica that does not know yet that the other is dead.
    let app = scene.app_of_its_own().await;
    let store = &app.parts.store;
    let tenant = store.tenant(&ClientKey(scene.client_key("acme"))).await;
    let tenant = tenant.expect("it answers").expect("it is installed");
    let (account, now) = (AccountId(OMAR.to_owned()), scene.clock.now());
    store
        .unlink(&tenant, &account, None, &Actor::Person, now, now)
        .await
        .expect("it answers");
    store.close().await;
    drop(app);
    scene.start_again(address).await;
    scene.person("acme", OMAR).has_no_property().await;
    the_late_key_is_deleted(scene).await;
}

async fn the_late_key_is_deleted(scene: Scene) {
    let omar = scene.person("acme", OMAR);
    scene.lets_the_put_arrive().await;
    assert_eq!(omar.subject_in_jira().as_deref(), Some("u-100"));
    scene.let_late_writes_pass();
    omar.has_no_property().await;
    scene.nothing_left().await;
    assert_eq!(omar.property(), None);
    scene.close().await;
}

async fn late_key_is_expected_where_another_claim_has_followed(db: Db) {
    let scene = Scene::start(db, long_lived()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    scene.holds_a_put().await;
    // The lease ends. The process that has the PUT on its way is alive, but the row does not say so.
    scene.advance(60);
    eventually("the next claim has come and gone", async || {
        let given_back = "select count(*) from link where claim is null";
        (scene.count(given_back).await == 1).then_some(())
    })
    .await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(scene.deletions().await, 1);
    scene.lets_the_put_arrive().await;
    omar.has_no_property().await;
    scene.let_late_writes_pass();
    scene.nothing_left().await;
    // At the disconnect, when the process finds its link gone, and when nothing more can arrive.
    assert_eq!(scene.calls("DELETE"), 3);
    assert_eq!(omar.property(), None);
    scene.close().await;
}

async fn late_key_of_a_living_process_is_expected_only_until_it_has_come(db: Db) {
    let scene = Scene::start(db, long_lived()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    scene.holds_a_put().await;
    omar.link("u-200").await;
    assert_eq!(scene.deletions().await, 1);
    scene.lets_the_put_arrive().await;
    omar.has_the_property_of("u-200").await;
    eventually("the process has seen to it itself", async || {
        (scene.deletions().await == 0).then_some(())
    })
    .await;
    omar.settled().await;
    scene.no_work_left().await;
    // One at each link, one at the renewal, and the newer one again.
    assert_eq!((scene.calls("PUT"), scene.calls("DELETE")), (4, 0));
    assert_eq!(omar.subject_in_jira().as_deref(), Some("u-200"));
    scene.close().await;
}

/// Where Jira holds the handle already, a renewal puts nothing.
async fn late_write_is_not_expected_from_a_process_that_has_put_nothing(db: Db) {
    let moments = Moments::listen().await;
    let (name, address) = moments.setting();
    let setting = long_lived()
        .with("LATCHKEY_PROPERTY", "handle")
        .with(name, address);
    let scene = Scene::start_child(db, setting).await;
    let omar = scene.person("acme", OMAR);
    for (times, (moment, put_again)) in [("P5", 0), ("P6", 1)].into_iter().enumerate() {
        omar.link("u-100").await;
        // Where it is to be put again, the process looks at the link right before.
        let change = format!("update link set put_again = {put_again}");
        scene.execute(&change).await;
        moments.hold(moment, OMAR);
        omar.renew().await.is(202);
        moments.held(moment, OMAR).await;
        omar.disconnect().await;
        assert_eq!(omar.property(), None);
        assert_eq!(scene.deletions().await, 1, "it may be about to put it");
        moments.go(moment, OMAR);
        eventually("it has put nothing, and says so", async || {
            (scene.deletions().await == 0).then_some(())
        })
        .await;
        scene.no_work_left().await;
        let once_each = (times + 1, times + 1);
        assert_eq!((scene.calls("PUT"), scene.calls("DELETE")), once_each);
    }
    scene.end().await;
}
