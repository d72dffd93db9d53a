//! Stories of handles: with `LATCHKEY_PROPERTY=handle` the property holds what no renewal changes, a renewal writes
//! nothing to Jira, and no key waits for Jira.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::scene::{Answer, Db, PROPERTY, Person, Scene, Setting, eventually};
use crate::sim::jira::{Fault, FaultKind, MIA, OMAR};
use crate::sim::service::Rotation;

on_both_databases!(
    handle_renewals_write_it_once_and_again_each_day,
    handle_each_change_leads_to_a_write,
    handle_of_a_version_that_does_not_know_its_fingerprint_is_put_again,
    handle_keys_are_renewed_while_jira_takes_nothing,
    handle_keys_are_renewed_while_no_points_are_left,
    handle_of_a_site_that_does_not_answer_holds_up_few_renewals,
    handle_of_a_new_link_is_put_as_soon_as_jira_takes_it,
    handle_that_a_late_deletion_took_along_is_put_again,
    handle_person_who_has_left_is_noticed_within_a_day,
    handle_is_put_again_after_a_backup_and_no_generation_comes_again,
    handle_link_whose_token_was_used_since_a_backup_says_so,
);

const LIFE: i64 = 3600;

fn setting() -> Setting {
    Setting::keys_live(LIFE as u64).with("LATCHKEY_PROPERTY", "handle")
}

impl Person<'_> {
    async fn reaches(&self, generation: i64) {
        eventually("the key is renewed", async || {
            (self.settled().await >= generation).then_some(())
        })
        .await;
    }

    /// Renews it now.
    async fn renewed_here(&self) -> i64 {
        let next = self.settled().await + 1;
        self.renew().await.is(202);
        self.reaches(next).await;
        next
    }

    async fn asks_for_key(&self) -> Answer {
        let call = self.call(Method::GET, "/api/link/key");
        self.scene.send(call).await
    }

    /// The key as a frame of the vendor gets it, which the service takes.
    async fn valid_key(&self, subject: &str) -> Value {
        let answer = self.asks_for_key().await.is(200).json();
        let key = answer["apiKey"].as_str().expect("a key");
        let ledger = self.scene.world.service.ledger();
        assert_eq!(ledger.opens_api(key), Some(subject));
        answer
    }
}

impl Scene {
    /// How often a property was put.
    fn puts(&self) -> usize {
        let writes = self.world.jira.property_writes();
        writes.iter().filter(|write| write.value.is_some()).count()
    }

    async fn puts_come_to(&self, count: usize) {
        eventually("the handle is put", async || {
            (self.puts() >= count).then_some(())
        })
        .await;
        assert_eq!(self.puts(), count);
    }

    /// Points that were taken for renewals, in all hours.
    async fn points_of_renewals(&self) -> i64 {
        self.count("select cast(coalesce(sum(renewal), 0) as bigint) from quota")
            .await
    }

    async fn counted(&self, outcome: &str) -> u64 {
        let name = format!("latchkey_handles_total{{outcome=\"{outcome}\"}} ");
        let metrics = self.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.expect("it is counted").parse().expect("a number")
    }

    /// Waits until the links were counted, a minute after the start. Before, nobody is looked at.
    async fn counts_links(&self) {
        self.advance(61);
        eventually("the links are counted", async || {
            self.app().parts.jira.quota().looks_every().map(|_| ())
        })
        .await;
    }

    /// So that the next renewal has something to write.
    async fn late_write(&self) {
        self.execute("update link set put_again = put_again + 1")
            .await;
    }
}

fn five_keys() -> BTreeSet<&'static str> {
    ["version", "service", "subject", "displayName", "linkId"].into()
}

async fn handle_renewals_write_it_once_and_again_each_day(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let jira = scene.world.jira.clone();
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let link = omar.stored_link().await.expect("there is one");
    let handle = omar.property().expect("there is one");
    let keys = handle.as_object().expect("an object").keys();
    assert_eq!(
        keys.map(String::as_str).collect::<BTreeSet<_>>(),
        five_keys()
    );
    assert_eq!(handle["linkId"], link.id.as_str());
    assert_eq!(handle["subject"], "u-100");

    let mut given = BTreeSet::new();
    for _ in 0..4 {
        let generation = omar.renewed_here().await;
        let key = omar.valid_key("u-100").await;
        assert_eq!(key["generation"], generation);
        assert!(given.insert(key["apiKey"].to_string()), "a new key");
    }
    scene.counts_links().await;
    assert_eq!(scene.puts(), 1);
    assert_eq!(scene.points_of_renewals().await, 0);
    assert_eq!(scene.counted("unchanged").await, 4);
    assert_eq!(scene.counted("put").await, 1);
    let looks = || jira.calls_to("GET", "/rest/api/3/user").len();
    let looked = looks();

    // Within a day somebody deletes it, or writes something else there.
    let place = (OMAR.to_owned(), PROPERTY.to_owned());
    for (day, other) in [None, Some(json!({"apiKey": "planted"}))]
        .into_iter()
        .enumerate()
    {
        jira.edit_site("acme", |site| match other {
            Some(value) => site.properties.insert(place.clone(), value),
            None => site.properties.remove(&place),
        });
        omar.renewed_here().await;
        assert_eq!(scene.puts(), day + 1, "not within the day");
        let next = omar.settled().await + 1;
        scene.advance(24 * 3600 + 60);
        omar.reaches(next).await;
        scene.puts_come_to(day + 2).await;
        assert_eq!(omar.property(), Some(handle.clone()));
        assert_eq!(looks(), looked + day + 1, "together with the look");
    }
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.end().await;
}

async fn handle_each_change_leads_to_a_write(db: Db) {
    let mut scene = Scene::start(db, setting()).await;
    scene.person("acme", OMAR).link("u-100").await;
    let mut puts = 1;
    // A late write by another.
    scene.late_write().await;
    scene.person("acme", OMAR).renew().await.is(202);
    puts += 1;
    scene.puts_come_to(puts).await;
    // The next ones write nothing.
    scene.person("acme", OMAR).renewed_here().await;
    assert_eq!(scene.puts(), puts);

    for (name, value) in [
        ("LATCHKEY_PROVIDER_NAME", "Another Name"),
        ("LATCHKEY_PROPERTY_KEY", "elsewhere"),
        ("LATCHKEY_PROPERTY_KEY", PROPERTY),
        // The key comes with the next renewal, and goes with the next after the way back.
        ("LATCHKEY_PROPERTY", "key"),
        ("LATCHKEY_PROPERTY", "handle"),
    ] {
        scene.restart_with(name, value).await;
        let omar = scene.person("acme", OMAR);
        omar.renewed_here().await;
        puts += 1;
        scene.puts_come_to(puts).await;
        let key = match value {
            "elsewhere" => value,
            _ => PROPERTY,
        };
        let property = scene.world.jira.property("acme", OMAR, key);
        let property = property.expect("there is one");
        assert_eq!(property.get("apiKey").is_some(), value == "key", "{value}");
        assert_eq!(property["service"], "Another Name");
        omar.renewed_here().await;
        // A key each time, and a handle only once.
        puts += usize::from(value == "key");
        scene.puts_come_to(puts).await;
    }

    // The site gets another address.
    scene.world.jira.move_site("acme", "acme-now");
    let upgraded = scene.world.jira.upgrade("acme-now").await;
    assert_eq!(upgraded.expect("it answers").status, 204);
    scene.person("acme-now", OMAR).renewed_here().await;
    puts += 1;
    scene.puts_come_to(puts).await;

    // They connect again, to another account.
    let omar = scene.person("acme-now", OMAR);
    let before = omar.property().expect("there is one");
    omar.link("u-200").await;
    puts += 1;
    scene.puts_come_to(puts).await;
    let after = omar.property().expect("there is one");
    assert_ne!(after["linkId"], before["linkId"]);
    assert_eq!(after["subject"], "u-200");
    omar.renewed_here().await;
    assert_eq!(scene.puts(), puts);

    // Another installation.
    let uninstalled = scene.world.jira.uninstall("acme-now").await;
    assert_eq!(uninstalled.expect("it answers").status, 204);
    scene.no_work_left().await;
    let descriptor = scene.address("/atlassian-connect.json");
    let installed = scene.world.jira.install("acme-now", &descriptor).await;
    installed.expect("it is installed again");
    let omar = scene.person("acme-now", OMAR);
    omar.link("u-100").await;
    puts += 1;
    scene.puts_come_to(puts).await;
    scene.world.jira.take_unexpected();
    scene.close().await;
}

/// The version before puts a generation and an expiry into the property at each renewal, and records that without a
/// fingerprint.
async fn handle_of_a_version_that_does_not_know_its_fingerprint_is_put_again(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.renewed_here().await;
    for (already, change) in [
        // It has renewed since.
        (1, "handle_generation = handle_generation - 1"),
        // It was there before this version.
        (2, "handle = null, handle_generation = null"),
        // It has put one, and was killed before it could record that.
        (
            3,
            "published_generation = published_generation - 1, handle_generation = handle_generation - 1",
        ),
    ] {
        assert_eq!(scene.puts(), already, "{change}");
        scene.execute(&format!("update link set {change}")).await;
        omar.renew().await.is(202);
        scene.puts_come_to(already + 1).await;
        omar.settled().await;
        omar.renewed_here().await;
        assert_eq!(scene.puts(), already + 1, "{change}");
    }
    scene.end().await;
}

/// What a Jira answers that takes nothing. None of it is about a person.
fn no_jira() -> Vec<Fault> {
    let page = FaultKind::Status {
        code: 404,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: "<!doctype html><title>Your site is unavailable</title>".to_owned(),
    };
    vec![
        Fault::status(503),
        Fault::status(500),
        Fault::status(401),
        Fault::status(403),
        Fault::rate_limited(Some("jira-burst-based"), Some("3000")),
        Fault::rate_limited(Some("jira-quota-tenant-based"), Some("3000")),
        Fault::rate_limited(Some("jira-quota-global-based"), Some("3000")),
        Fault::new(FaultKind::CutBefore),
        Fault::new(page),
    ]
}

async fn handle_keys_are_renewed_while_jira_takes_nothing(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    for fault in no_jira() {
        let kind = format!("{:?}", fault.kind);
        let puts = scene.puts();
        // His handle is to be put, and hers is not.
        let his = format!("update link set put_again = 1 where account_id = '{OMAR}'");
        scene.execute(&his).await;
        jira.fault(fault.on("", "/rest/api/3/user*"));
        for _ in 0..3 {
            let next = [omar.settled().await + 1, mia.settled().await + 1];
            scene.advance(LIFE * 2 / 3);
            omar.reaches(next[0]).await;
            mia.reaches(next[1]).await;
            omar.valid_key("u-100").await;
            mia.valid_key("u-200").await;
        }
        assert_eq!(scene.puts(), puts, "{kind}");
        for person in [&omar, &mia] {
            let status = person.status().await;
            assert_eq!(status["state"], "linked", "{kind}: {status}");
            assert_eq!(status.get("reason"), None, "{kind}: {status}");
        }
        jira.clear_faults();
        let all = "select count(*) from link where put_again > 0";
        eventually("his handle is put", async || {
            scene.advance(600);
            (scene.count(all).await == 0).then_some(())
        })
        .await;
        // The look of a day may have come with it.
        assert!(scene.puts() > puts, "{kind}");
    }
    scene.world.jira.take_unexpected();
    scene.close().await;
}

async fn handle_keys_are_renewed_while_no_points_are_left(db: Db) {
    let scene = Scene::start(db, setting().with("LATCHKEY_JIRA_QUOTA", "100")).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for turn in 0..3 {
        let this = scene.clock.now().div_euclid(3600);
        for hour in [this, this + 1] {
            scene.set_points(hour, 100, 80).await;
        }
        // A look is due too.
        scene.counts_links().await;
        scene
            .execute("update link set put_again = 1, seen_at = 0")
            .await;
        let next = omar.settled().await + 1;
        scene.advance(LIFE * 2 / 3);
        omar.reaches(next).await;
        omar.valid_key("u-100").await;
        assert_eq!(scene.puts(), 1, "{turn}");
        assert!(scene.counted("put_off").await > turn);
    }
    // In an hour that has points again.
    scene.execute("delete from quota").await;
    // In steps that are shorter than the life of a token that signs a call.
    eventually("it is put", async || {
        scene.advance(100);
        (scene.puts() > 1).then_some(())
    })
    .await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

async fn handle_of_a_site_that_does_not_answer_holds_up_few_renewals(db: Db) {
    let mut setting = setting();
    setting.time_limit = Some(Duration::from_secs(3));
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    let crowd = scene.crowd("acme", 12);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    scene.late_write().await;
    let before = jira.calls_to("PUT", "/").len();
    jira.fault(Fault::new(FaultKind::Hang).on_property("PUT"));
    scene.advance(LIFE * 2 / 3);
    for (account, subject) in &crowd {
        let person = scene.person("acme", account);
        person.reaches(2).await;
        person.valid_key(subject).await;
    }
    // As many as may be under way at one site; then it is left alone.
    let calls = jira.calls_to("PUT", "/").len() - before;
    assert!((1..=4).contains(&calls), "{calls}");
    let lacking = scene
        .count("select count(*) from link where put_again > 0")
        .await;
    assert_eq!(lacking, 12);
    jira.clear_faults();
    eventually("all are put", async || {
        scene.advance(100);
        (scene
            .count("select count(*) from link where put_again > 0")
            .await
            == 0)
            .then_some(())
    })
    .await;
    scene.close().await;
}

async fn handle_of_a_new_link_is_put_as_soon_as_jira_takes_it(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    jira.fault(Fault::status(503).on_property("PUT"));
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    omar.confirm(&returned).await.leads_to();
    assert_eq!(omar.state().await, "linking");
    // Its first key is renewed before it runs out, while the handle waits.
    let before = omar.valid_key("u-100").await;
    scene.advance(LIFE * 2 / 3);
    eventually("the key is renewed", async || {
        scene.advance(30);
        let now = omar.asks_for_key().await.is(200).json();
        (now["apiKey"] != before["apiKey"]).then_some(())
    })
    .await;
    omar.valid_key("u-100").await;
    assert_eq!(scene.puts(), 0);
    jira.clear_faults();
    eventually("it is put", async || {
        scene.advance(60);
        (scene.puts() > 0).then_some(())
    })
    .await;
    omar.settled().await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

/// The deletion for a link that has ended arrives after the handle of the next one, and its answer is lost.
async fn handle_that_a_late_deletion_took_along_is_put_again(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    jira.fault(
        Fault::new(FaultKind::LateAndLost(Duration::from_secs(3)))
            .on_property("DELETE")
            .times(1),
    );
    tokio::join!(omar.disconnect(), async {
        jira.wait_for("the deletion is on its way", |cloud| {
            let mut faults = cloud.calls.iter().filter(|call| call.fault);
            faults.next().map(|_| ())
        })
        .await;
        omar.link("u-200").await;
    });
    let link = omar.stored_link().await.expect("there is one");
    jira.wait_for("the deletion comes after the second handle", |cloud| {
        let values = cloud
            .property_writes
            .iter()
            .map(|write| write.value.is_some());
        let are = values.collect::<Vec<_>>();
        are.starts_with(&[true, true, false]).then_some(())
    })
    .await;
    eventually("the handle is put again", async || {
        scene.advance(60);
        omar.property()
            .filter(|handle| handle["linkId"] == link.id.as_str())
    })
    .await;
    omar.valid_key("u-200").await;
    scene.end().await;
}

async fn handle_person_who_has_left_is_noticed_within_a_day(db: Db) {
    let scene = Scene::start(db, setting()).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    scene.counts_links().await;
    scene.world.jira.edit_site("acme", |site| {
        site.people.get_mut(OMAR).expect("they are there").active = false;
    });
    omar.renewed_here().await;
    let next = mia.settled().await + 1;
    scene.advance(25 * 3600);
    omar.said_gone_once().await;
    mia.reaches(next).await;
    // It was said once. A renewal that Jira had no part in does not take that back.
    scene
        .world
        .jira
        .fault(Fault::status(503).on("GET", "/rest/api/3/user"));
    let next = omar.stored_link().await.expect("still there").generation;
    scene.advance(66);
    omar.reaches(next).await;
    omar.said_gone_once().await;
    scene.world.jira.clear_faults();
    omar.renew().await.is(202);
    eventually("the link is closed", async || {
        scene.advance(60);
        omar.stored_link().await.is_none().then_some(())
    })
    .await;
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);
    mia.renewed_here().await;
    scene.end().await;
}

async fn handle_is_put_again_after_a_backup_and_no_generation_comes_again(db: Db) {
    let mut setting = setting();
    setting.service.rotation = Rotation::None;
    let mut scene = Scene::start(db, setting).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.keep_a_backup().await;
    let mut last = 0;
    for _ in 0..3 {
        scene.advance(60);
        last = scene.person("acme", OMAR).renewed_here().await;
    }
    assert_eq!(scene.puts(), 1);
    scene.put_backup_back().await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    scene.puts_come_to(2).await;
    let generation = omar.settled().await;
    assert!(generation > last, "{generation} after {last}");
    let key = omar.valid_key("u-100").await;
    assert_eq!(key["generation"], generation);
    assert_eq!(scene.reads_of_the_property(), 0);
    // From there on as before.
    assert_eq!(omar.renewed_here().await, generation + 1);
    assert_eq!(scene.puts(), 2);
    scene.end().await;
}

async fn handle_link_whose_token_was_used_since_a_backup_says_so(db: Db) {
    let mut setting = setting();
    setting.service.rotation = Rotation::Strict;
    let mut scene = Scene::start(db, setting).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", MIA).link("u-200").await;
    scene.keep_a_backup().await;
    let next = scene.person("acme", OMAR).settled().await + 1;
    scene.advance(LIFE * 2 / 3);
    scene.person("acme", OMAR).reaches(next).await;
    scene.person("acme", MIA).reaches(next).await;
    scene.put_backup_back().await;
    let omar = scene.person("acme", OMAR);
    // It is due, and by now it may have been refused already.
    let renewed = omar.renew().await;
    assert!([202, 404].contains(&renewed.status.as_u16()), "{renewed:?}");
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("restored from a backup"), "{reason}");
    omar.link("u-100").await;
    // A grant that ends later has ended at the service.
    let omar = scene.person("acme", OMAR);
    scene.world.service.withdraw("u-100");
    omar.renew().await.is(202);
    let reason = omar.asked_to_reconnect().await;
    assert!(!reason.contains("restored from a backup"), "{reason}");
    scene.close().await;
}
