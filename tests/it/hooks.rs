//! Stories of webhooks: the vendor's receiver is told of each link that begins, ends or needs its person, once or more,
//! in order for each link, whatever happens to it or to the product.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey::config::Config;
use latchkey::operate::doctor::Mark;
use latchkey::random::Random;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::child::{Latchkey, Process, free_port};
use crate::moments::Moments;
use crate::on_both_databases;
use crate::real_providers::{install as tools, oidc_provider, started};
use crate::scene::{Db, FORGE_SITE, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::receiver::{Habit, Receiver, Sent};
use crate::sim::service::{Endpoint, Fault, Kind};
use crate::watching::doctor_of;

on_both_databases!(
    wh_each_way_a_link_begins_and_ends_is_told_by_connect,
    wh_each_way_a_link_begins_and_ends_is_told_by_forge,
    wh_a_link_that_works_again_is_told,
    wh_what_is_told_is_written_with_it_or_not_at_all,
    wh_without_a_receiver_nothing_is_written,
    wh_a_row_that_was_changed_names_nobody,
    wh_a_receiver_that_is_down_for_an_hour_gets_all_in_order,
    wh_a_receiver_that_fails_at_random_gets_all_in_order,
    wh_a_slow_receiver_delays_nobody,
    wh_a_receiver_that_asks_to_wait_is_left_alone,
    wh_a_redirect_and_an_endless_answer_are_not_followed,
    wh_what_a_receiver_answers_is_not_repeated,
    wh_a_receiver_that_is_gone_is_told_nothing_more,
    wh_after_a_day_a_message_is_given_up_and_kept,
    wh_a_message_is_held_by_one_process_until_its_lease_ends,
    wh_two_secrets_sign_while_one_takes_the_place_of_the_other,
    wh_a_closed_account_is_taken_out_of_what_waits,
    wh_a_process_that_is_killed_at_a_step_leaves_the_message_to_the_next,
    wh_no_message_is_lost_by_kill_9,
);

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const SERVICE_SECRET: &str = "service-secret-of-the-hooks";

/// A secret of this story alone.
pub fn new_secret() -> String {
    format!("whsec_{}", STANDARD.encode(Random::system().bytes::<32>()))
}

struct Told {
    scene: Scene,
    receiver: Receiver,
    secret: String,
}

/// The product with a receiver. Keys live long, so that nothing is renewed by itself.
async fn start(db: Db) -> Told {
    start_as(db, false).await
}

async fn start_as(db: Db, child: bool) -> Told {
    let secret = new_secret();
    let receiver = Receiver::start(&secret).await;
    let setting = Setting::keys_live(90 * DAY.unsigned_abs())
        .with("LATCHKEY_SERVICE_SECRET", SERVICE_SECRET)
        .with("LATCHKEY_WEBHOOK_URL", receiver.url())
        .with("LATCHKEY_WEBHOOK_SECRET", &secret);
    let mut scene = match child {
        true => Scene::start_child(db, setting).await,
        false => Scene::start(db, setting).await,
    };
    scene.other_secrets = vec![secret.replace("whsec_", ""), SERVICE_SECRET.to_owned()];
    Told {
        scene,
        receiver,
        secret,
    }
}

impl Told {
    /// Moves everybody's clock.
    fn advance(&self, seconds: i64) {
        self.scene.advance(seconds);
        self.receiver.advance(seconds);
    }

    /// Moves it on in steps until the receiver has taken so many messages.
    async fn advance_until_taken(&self, number: usize, step: i64) -> Vec<Sent> {
        eventually("all messages are taken", async || {
            let taken = self.receiver.taken();
            if distinct(&taken) >= number {
                return Some(taken);
            }
            self.advance(step);
            None
        })
        .await
    }

    async fn waiting(&self) -> i64 {
        let count = "select count(*) from webhook where given_up_at is null";
        self.scene.count(count).await
    }

    /// Nothing waits, nothing was refused, and no message has a secret.
    async fn end(self) {
        let (scene, receiver) = (&self.scene, &self.receiver);
        eventually("nothing waits", async || {
            (self.waiting().await == 0).then_some(())
        })
        .await;
        assert_eq!(receiver.refused(), Vec::<String>::new());
        let said: Vec<String> = receiver
            .sent()
            .iter()
            .map(|sent| sent.content.to_string())
            .collect();
        crate::logs::assert_free_of_secrets(
            "what was sent",
            said.join("\n").as_bytes(),
            &scene.secrets(),
        );
        in_order(&receiver.taken());
        self.scene.end().await;
    }
}

fn distinct(taken: &[Sent]) -> usize {
    taken
        .iter()
        .map(|sent| &sent.id)
        .collect::<BTreeSet<_>>()
        .len()
}

/// What was told of each link, without repetitions. Panics if it is not in order: a link begins with the first message,
/// has ended with the last, and no message comes after a later one.
fn in_order(taken: &[Sent]) -> BTreeMap<String, Vec<String>> {
    let mut of_links: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for sent in taken {
        let told = of_links.entry(sent.link().to_owned()).or_default();
        match told.iter().position(|(id, _)| *id == sent.id) {
            None => told.push((sent.id.clone(), sent.words())),
            Some(at) => assert_eq!(at + 1, told.len(), "{sent:?} comes after a later one"),
        }
    }
    let words = of_links.into_iter().map(|(link, told)| {
        let words: Vec<String> = told.into_iter().map(|(_, words)| words).collect();
        assert_eq!(words[0], "link.created", "{link}");
        let ends = words
            .iter()
            .position(|words| words.starts_with("link.ended"));
        assert!(ends.is_none_or(|at| at + 1 == words.len()), "{words:?}");
        (link, words)
    });
    words.collect()
}

async fn link_for_vendor(scene: &Scene, id: &str) -> Value {
    let path = format!("/service/links?id={id}");
    let request = scene.http.get(scene.address(&path));
    let answer = scene.send(request.bearer_auth(SERVICE_SECRET)).await;
    let answer: Value = answer.is(200).json();
    answer["links"][0].clone()
}

async fn service_ends(scene: &Scene, id: &str) {
    let path = format!("/service/links/{id}");
    let request = scene.http.delete(scene.address(&path));
    scene
        .send(request.bearer_auth(SERVICE_SECRET))
        .await
        .is(204);
}

async fn wh_each_way_a_link_begins_and_ends_is_told_by_connect(db: Db) {
    let told = start(db).await;
    each_way(told, "acme").await;
}

async fn wh_each_way_a_link_begins_and_ends_is_told_by_forge(db: Db) {
    let told = start(db).await;
    told.scene.with_forge(FORGE_SITE).await;
    each_way(told, FORGE_SITE).await;
}

async fn each_way(told: Told, site: &'static str) {
    let (scene, receiver) = (&told.scene, &told.receiver);
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person(site, OMAR);
    let mia = scene.person(site, MIA);
    // It begins, and the message has what the vendor may ask for.
    omar.link("u-100").await;
    omar.recorded().await;
    let first = receiver.has_taken(1).await.remove(0);
    assert_eq!(first.words(), "link.created");
    let mut asked = link_for_vendor(scene, first.link()).await;
    assert!(asked["validUntil"].is_string());
    // There was no key yet.
    asked["validUntil"] = Value::Null;
    assert_eq!(first.content["data"], asked);
    let times: Vec<&String> = first.content.as_object().expect("fields").keys().collect();
    assert_eq!(times, ["type", "timestamp", "data"]);
    // Another account takes its place: the first has ended.
    omar.link("u-200").await;
    let taken = receiver.has_taken(3).await;
    let of_first: Vec<_> = taken
        .iter()
        .filter(|sent| sent.link() == first.link())
        .collect();
    assert_eq!(of_first[1].words(), "link.ended replaced person");
    let data = &of_first[1].content["data"];
    assert_eq!(data["subject"], "u-100");
    assert_eq!(
        (&data["state"], &data["validUntil"]),
        (&json!("ended"), &Value::Null)
    );
    let second = taken
        .iter()
        .find(|sent| sent.link() != first.link())
        .expect("there is another");
    assert_eq!(second.content["data"]["subject"], "u-200");
    // Its person is needed, and comes.
    service.fault(Fault::once(Endpoint::Refresh, Kind::InvalidGrant));
    omar.recorded().await;
    omar.renew().await.is(202);
    omar.asked_to_reconnect().await;
    let taken = receiver.has_taken(4).await;
    assert_eq!(taken[3].words(), "link.needs_reconnect revoked service");
    assert_eq!(taken[3].content["data"], {
        let mut asked = link_for_vendor(scene, second.link()).await;
        assert_eq!(asked["state"], "reconnect");
        asked["reason"] = json!("revoked");
        asked["by"] = json!("service");
        asked
    });
    omar.link("u-200").await;
    receiver.has_taken(6).await;
    // The person, an admin, the service.
    omar.disconnect().await;
    let taken = receiver.has_taken(7).await;
    assert_eq!(taken[6].words(), "link.ended disconnected person");
    omar.link("u-100").await;
    let id = receiver.has_taken(8).await[7].link().to_owned();
    let end = mia.call(Method::DELETE, &format!("/api/admin/links/{id}"));
    scene.send(end).await.is(204);
    let taken = receiver.has_taken(9).await;
    assert_eq!(taken[8].words(), "link.ended disconnected admin");
    omar.link("u-100").await;
    let id = receiver.has_taken(10).await[9].link().to_owned();
    service_ends(scene, &id).await;
    let taken = receiver.has_taken(11).await;
    assert_eq!(taken[10].words(), "link.ended disconnected service");
    // Jira does not know them any more.
    omar.link("u-100").await;
    omar.recorded().await;
    receiver.has_taken(12).await;
    jira.remove_person(site, OMAR);
    omar.renew().await.is(202);
    omar.said_gone_once().await;
    told.advance(66);
    let taken = receiver.has_taken(13).await;
    assert_eq!(taken[12].words(), "link.ended person_gone jira");
    // The app is uninstalled.
    mia.link("u-200").await;
    receiver.has_taken(14).await;
    match site {
        FORGE_SITE => assert_eq!(jira.uninstall_forge(site).await.status, 204),
        _ => assert!(jira.uninstall(site).await.is_ok()),
    }
    let taken = receiver.has_taken(15).await;
    assert_eq!(taken[14].words(), "link.ended uninstalled atlassian");
    let data = &taken[14].content["data"];
    assert_eq!(data["site"], jira.url(site));
    assert_eq!(
        (&data["accountId"], &data["subject"]),
        (&json!(MIA), &json!("u-200"))
    );
    // Each once, as the document describes them, and nothing is left.
    assert_eq!(receiver.sent().len(), 15);
    taken.iter().for_each(is_described);
    assert_eq!(distinct(&taken), 15);
    assert_eq!(in_order(&taken).len(), 7);
    scene.world.service.take_unexpected();
    told.end().await;
}

/// A message has the fields and the words of docs/openapi.json.
fn is_described(sent: &Sent) {
    let document: Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    assert!(document["webhooks"].get(sent.kind()).is_some(), "{sent:?}");
    let schemas = &document["components"]["schemas"];
    for (schema, content) in [
        (&schemas["Message"], &sent.content),
        (&schemas["ToldLink"], &sent.content["data"]),
    ] {
        let described = schema["properties"].as_object().expect("properties");
        let content = content.as_object().expect("an object");
        for (name, value) in content {
            let described = described.get(name);
            let described = described.unwrap_or_else(|| panic!("{name} is not described"));
            let words = described["enum"].as_array();
            assert!(
                words.is_none_or(|words| words.contains(value)),
                "{name}: {value}"
            );
        }
        let required = schema["required"].as_array().expect("names");
        let mut required = required.iter().map(|name| name.as_str().expect("a name"));
        assert!(required.all(|name| content.contains_key(name)), "{sent:?}");
    }
}

async fn wh_a_link_that_works_again_is_told(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let id = receiver.has_taken(1).await[0].link().to_owned();
    let jira = &scene.world.jira;
    jira.fault(jira::Fault::new(jira::FaultKind::AnswerHeld).on_property("PUT"));
    omar.renew().await.is(202);
    jira.wait_for_property("acme", OMAR, crate::scene::PROPERTY, |value| {
        value["generation"] == 2
    })
    .await;
    // Another process was refused meanwhile, with the token that this one has used.
    scene
        .execute("update link set state = 'reconnect', reason = 'revoked', claim = null, claimed_by = null")
        .await;
    assert_eq!(omar.state().await, "reconnect");
    jira.clear_faults();
    let taken = receiver.has_taken(2).await;
    assert_eq!(
        (taken[1].words().as_str(), taken[1].link()),
        ("link.created", id.as_str())
    );
    assert_eq!(taken[1].content["data"]["generation"], 2);
    assert!(taken[1].content["data"]["validUntil"].is_string());
    assert_eq!(omar.state().await, "linked");
    omar.disconnect().await;
    receiver.has_taken(3).await;
    told.end().await;
}

async fn wh_what_is_told_is_written_with_it_or_not_at_all(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    omar.link("u-100").await;
    omar.recorded().await;
    receiver.has_taken(1).await;
    eventually("that is recorded", async || {
        (told.waiting().await == 0).then_some(())
    })
    .await;
    // No message can be written.
    scene
        .execute("alter table webhook rename to elsewhere")
        .await;
    let disconnect = omar.call(Method::DELETE, "/api/link");
    assert!(scene.send(disconnect).await.status.is_server_error());
    assert_eq!(omar.state().await, "linked");
    let returned = mia.until_returned("u-200").await;
    mia.prove(&returned).await.is(200);
    assert!(mia.confirm(&returned).await.status.is_server_error());
    assert_ne!(mia.state().await, "linked");
    scene
        .world
        .service
        .fault(Fault::once(Endpoint::Refresh, Kind::InvalidGrant));
    omar.renew().await.is(202);
    eventually("it was refused", async || {
        let ledger = scene.world.service.ledger();
        (ledger.token_requests().last()?.outcome.is_some()).then_some(())
    })
    .await;
    let asked = "select count(*) from link where state = 'reconnect'";
    assert_eq!(scene.count(asked).await, 0);
    scene
        .execute("alter table elsewhere rename to webhook")
        .await;
    // The refusal may be written now, after all.
    omar.disconnect().await;
    receiver
        .wait_until("its end is told", |sent| {
            sent.last()
                .is_some_and(|last| last.words() == "link.ended disconnected person")
        })
        .await;
    scene.world.service.take_unexpected();
    told.end().await;
}

async fn wh_without_a_receiver_nothing_is_written(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(90 * DAY.unsigned_abs())).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.link("u-200").await;
    omar.disconnect().await;
    assert_eq!(scene.count("select count(*) from webhook").await, 0);
    let findings = doctor_of(&scene).await;
    assert!(findings.iter().all(|finding| finding.what != "webhooks"));
    scene.end().await;
}

async fn wh_a_row_that_was_changed_names_nobody(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    receiver.has_taken(1).await;
    scene.execute("update link set subject = 'u-200'").await;
    omar.disconnect().await;
    let taken = receiver.has_taken(2).await;
    assert_eq!(taken[1].words(), "link.ended disconnected person");
    assert_eq!(taken[1].content["data"]["subject"], Value::Null);
    // A message that was made up, or moved, is not sent.
    receiver.goes_down().await;
    omar.link("u-100").await;
    scene
        .execute("update webhook set client_key = 'of-somebody-else'")
        .await;
    told.advance(HOUR);
    eventually("it is given up", async || {
        let lost = "select count(*) from webhook where given_up_at is not null";
        (scene.count(lost).await == 1).then_some(())
    })
    .await;
    receiver.comes_back().await;
    // What follows is sent all the same.
    omar.disconnect().await;
    let taken = receiver.has_taken(3).await;
    assert_eq!(taken[2].words(), "link.ended disconnected person");
    assert_eq!(receiver.sent().len(), 3);
    // Its tokens cannot be revoked.
    told.scene.close().await;
}

async fn wh_a_receiver_that_is_down_for_an_hour_gets_all_in_order(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    receiver.goes_down().await;
    let crowd = scene.crowd("acme", 4);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    scene.person("acme", &crowd[0].0).link(&crowd[1].1).await;
    for (account, _) in &crowd[..3] {
        scene.person("acme", account).disconnect().await;
    }
    let messages = 4 + 2 + 3;
    for _ in 0..12 {
        told.advance(HOUR / 12);
        eventually("what is due was tried", async || {
            let due = format!(
                "select count(*) from webhook w where w.due_at <= {} and w.position = (select min(o.position) \
                 from webhook o where o.link_id = w.link_id)",
                scene.clock.now()
            );
            (scene.count(&due).await == 0).then_some(())
        })
        .await;
    }
    assert_eq!(told.waiting().await, messages);
    let doctor = doctor_of(scene).await;
    let found = doctor.iter().find(|finding| finding.what == "webhooks");
    let found = found.expect("the doctor has a line");
    assert_eq!(found.mark, Mark::Look);
    assert!(
        found.words.starts_with("9 messages wait, the oldest for "),
        "{}",
        found.words
    );
    let metrics = scene.metrics().await;
    assert!(
        metrics.contains("latchkey_webhooks{state=\"waiting\"} 9\n"),
        "{metrics}"
    );
    receiver.comes_back().await;
    // Within the longest pause between two tries.
    told.advance(HOUR / 2);
    let taken = receiver.has_taken(9).await;
    assert_eq!(receiver.sent().len(), 9, "each once");
    let links = in_order(&taken);
    assert_eq!(links.len(), 5);
    // When it happened, and when it was sent.
    for sent in &taken {
        let happened = sent.content["timestamp"].as_str().expect("a time");
        let happened = latchkey::clock::parse_rfc3339(happened).expect("a time");
        assert!(sent.at - happened >= HOUR, "{sent:?}");
    }
    scene.person("acme", &crowd[3].0).disconnect().await;
    receiver.has_taken(10).await;
    told.end().await;
}

async fn wh_a_receiver_that_fails_at_random_gets_all_in_order(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    receiver.set(Habit::FailsOf10(6));
    let crowd = scene.crowd("acme", 8);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for (account, _) in &crowd {
        scene.person("acme", account).disconnect().await;
    }
    let taken = told.advance_until_taken(16, 30).await;
    let links = in_order(&taken);
    assert_eq!(links.len(), 8);
    for words in links.values() {
        assert_eq!(*words, ["link.created", "link.ended disconnected person"]);
    }
    let sent = receiver.sent();
    assert!(sent.len() > taken.len(), "some failed");
    assert_eq!(taken.len(), 16, "none was sent again once it was taken");
    // It is the same message at each try, signed for that moment.
    let mut tries: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for sent in &sent {
        tries.entry(&sent.id).or_default().push(sent);
    }
    assert_eq!(tries.len(), 16, "a message keeps its id");
    let again = tries
        .values()
        .find(|tries| tries.len() > 1)
        .expect("one was tried twice");
    assert_eq!(again[0].content, again[1].content);
    assert!(again[0].at < again[1].at && again[0].signatures != again[1].signatures);
    told.end().await;
}

async fn wh_a_slow_receiver_delays_nobody(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    receiver.set(Habit::Hold);
    let crowd = scene.crowd("acme", 12);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    // A few at a time.
    receiver
        .wait_until("it has as many as may be sent", |sent| sent.len() == 8)
        .await;
    // Keys are renewed, and connections end, meanwhile.
    let first = scene.person("acme", &crowd[0].0);
    first.renewed().await;
    first.disconnect().await;
    scene.cleaned_up("what ended is cleaned up").await;
    assert_eq!(receiver.sent().len(), 8);
    receiver.set(Habit::Slow(Duration::from_millis(200)));
    receiver.has_taken(13).await;
    for (account, _) in &crowd[1..] {
        scene.person("acme", account).disconnect().await;
    }
    receiver.has_taken(24).await;
    told.end().await;
}

async fn wh_a_receiver_that_asks_to_wait_is_left_alone(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    for (status, wait) in [(429, "120"), (503, "600")] {
        let before = receiver.sent().len();
        receiver.set(Habit::Status(status, Some(wait)));
        omar.link("u-100").await;
        receiver
            .wait_until("it was asked", |sent| sent.len() > before)
            .await;
        eventually("it is written down", async || {
            let waits = format!(
                "select count(*) from webhook_receiver where wait_until > {}",
                scene.clock.now()
            );
            (scene.count(&waits).await == 1).then_some(())
        })
        .await;
        receiver.set(Habit::Take);
        // Nor is another link told of.
        mia.link("u-200").await;
        let wait: i64 = wait.parse().expect("a number");
        told.advance(wait - 30);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(receiver.sent().len(), before + 1, "{status}");
        told.advance(60);
        receiver
            .wait_until("it goes on", |sent| sent.len() >= before + 3)
            .await;
        omar.disconnect().await;
        mia.disconnect().await;
        receiver
            .wait_until("all is told", |sent| sent.len() >= before + 5)
            .await;
    }
    told.end().await;
}

async fn wh_a_redirect_and_an_endless_answer_are_not_followed(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    receiver.set(Habit::Redirect);
    omar.link("u-100").await;
    receiver
        .wait_until("it redirects", |sent| {
            sent.iter().any(|sent| sent.status == 307)
        })
        .await;
    eventually("that counts as a failure", async || {
        (scene
            .count("select count(*) from webhook where failures = 1")
            .await
            == 1)
            .then_some(())
    })
    .await;
    assert_eq!(receiver.sent().len(), 1);
    // Whatever stands in the answer, its status counts.
    receiver.set(Habit::Endless);
    told.advance(60);
    eventually("it is taken", async || {
        (told.waiting().await == 0).then_some(())
    })
    .await;
    assert_eq!(receiver.sent().len(), 2);
    receiver.set(Habit::Take);
    omar.disconnect().await;
    receiver.has_taken(1).await;
    assert_eq!(receiver.refused(), Vec::<String>::new());
    told.scene.end().await;
}

async fn wh_what_a_receiver_answers_is_not_repeated(db: Db) {
    let mut told = start(db).await;
    let planted: Vec<String> = (0..6).map(|_| Random::system().id()).collect();
    told.scene.other_secrets.extend_from_slice(&planted);
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    for (status, planted) in [302, 400, 401, 500, 503, 410].into_iter().zip(planted) {
        let tries = receiver.sent().len();
        receiver.set(Habit::Says(status, planted));
        match tries {
            0 => drop(omar.link("u-100").await),
            _ => told.advance(HOUR / 2),
        }
        receiver
            .wait_until("it is tried", |sent| sent.len() > tries)
            .await;
        eventually("it is recorded", async || {
            let failed = "select count(*) from webhook where failures = ";
            let failed = format!("{failed}{}", receiver.sent().len());
            (scene.count(&failed).await == 1).then_some(())
        })
        .await;
    }
    let line = "a webhook message was not taken".to_owned();
    assert!(scene.log.lines_with(&[line]).len() >= 6);
    omar.disconnect().await;
    // It ends with the log and the database being searched.
    told.scene.end().await;
}

async fn wh_a_receiver_that_is_gone_is_told_nothing_more(db: Db) {
    let mut told = start(db).await;
    let (scene, receiver) = (&told.scene, told.receiver.clone());
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    receiver.set(Habit::Status(410, None));
    omar.link("u-100").await;
    receiver
        .wait_until("it was asked", |sent| !sent.is_empty())
        .await;
    let gone = "select count(*) from webhook_receiver where gone_at is not null";
    eventually("it is written down", async || {
        (scene.count(gone).await == 1).then_some(())
    })
    .await;
    receiver.set(Habit::Take);
    // Nothing more is written, nor sent.
    mia.link("u-200").await;
    omar.disconnect().await;
    told.advance(HOUR);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.sent().len(), 1);
    assert_eq!(told.waiting().await, 1);
    let doctor = doctor_of(scene).await;
    let said = |part: &str| {
        let mut of_webhooks = doctor.iter().filter(|finding| finding.what == "webhooks");
        of_webhooks.any(|finding| finding.words.contains(part))
    };
    assert!(said("answered 410"), "{doctor:?}");
    assert!(
        scene
            .metrics()
            .await
            .contains("latchkey_webhooks_receiver_gone 1\n")
    );
    assert!(
        !scene
            .log
            .lines_with(&["answered 410".to_owned()])
            .is_empty()
    );
    // It stays so after a restart, and ends with another receiver, which gets what waits.
    told.scene.restart().await;
    assert_eq!(told.scene.count(gone).await, 1);
    let other = Receiver::start(&told.secret).await;
    other.advance(HOUR);
    told.scene
        .restart_with("LATCHKEY_WEBHOOK_URL", &other.url())
        .await;
    let taken = other.has_taken(1).await;
    assert_eq!(taken[0].words(), "link.created");
    let scene = &told.scene;
    assert!(
        scene
            .metrics()
            .await
            .contains("latchkey_webhooks_receiver_gone 0\n")
    );
    scene.person("acme", MIA).disconnect().await;
    let taken = other.has_taken(2).await;
    assert_eq!(taken[1].words(), "link.ended disconnected person");
    assert_eq!(receiver.sent().len(), 1);
    told.scene.end().await;
}

async fn wh_after_a_day_a_message_is_given_up_and_kept(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    receiver.set(Habit::Status(500, None));
    omar.link("u-100").await;
    receiver
        .wait_until("it was asked", |sent| !sent.is_empty())
        .await;
    // It is tried for the whole day.
    for _ in 0..23 {
        let tries = receiver.sent().len();
        let recorded = format!("select count(*) from webhook where failures = {tries}");
        eventually("its last try is recorded", async || {
            (scene.count(&recorded).await == 1).then_some(())
        })
        .await;
        told.advance(HOUR);
        receiver
            .wait_until("it is tried each hour", |sent| sent.len() > tries)
            .await;
    }
    // One that is written later is tried for a day of its own.
    omar.disconnect().await;
    told.advance(HOUR + 60);
    let given_up = "select count(*) from webhook where given_up_at is not null";
    eventually("the first is given up", async || {
        (scene.count(given_up).await == 1).then_some(())
    })
    .await;
    receiver.set(Habit::Take);
    told.advance(HOUR);
    let taken = receiver.has_taken(1).await;
    assert_eq!(taken[0].words(), "link.ended disconnected person");
    eventually("the product has noted that it was taken", async || {
        (told.waiting().await == 0).then_some(())
    })
    .await;
    let doctor = doctor_of(scene).await;
    let words: Vec<&str> = doctor
        .iter()
        .filter(|finding| finding.what == "webhooks")
        .map(|finding| finding.words.as_str())
        .collect();
    assert!(
        words
            .iter()
            .any(|words| words.starts_with("1 messages were not taken")),
        "{words:?}"
    );
    assert!(
        scene
            .metrics()
            .await
            .contains("latchkey_webhooks{state=\"given_up\"} 1\n")
    );
    assert!(
        !scene
            .log
            .lines_with(&["given up: see docs/oncall.md".to_owned()])
            .is_empty()
    );
    // It can be sent again, as the page for those on call says.
    let page = include_str!("../../docs/oncall.md");
    let again = page
        .split("```sql\n")
        .find(|part| part.contains("given_up_at = null"));
    let again = again
        .and_then(|part| part.split("\n```").next())
        .expect("the page has it");
    let again = again
        .trim_end_matches(';')
        .replace("NOW", &scene.clock.now().to_string());
    scene.execute(&again).await;
    let taken = receiver.has_taken(2).await;
    assert_eq!(taken[1].words(), "link.created");
    // What nobody looks at goes after a week.
    receiver.set(Habit::Status(500, None));
    let tries = receiver.sent().len();
    omar.link("u-100").await;
    receiver
        .wait_until("it was asked", |sent| sent.len() > tries)
        .await;
    told.advance(DAY + 60);
    eventually("it is given up", async || {
        (scene.count(given_up).await == 1).then_some(())
    })
    .await;
    told.advance(6 * DAY);
    eventually("it is deleted", async || {
        (scene.count(given_up).await == 0).then_some(())
    })
    .await;
    receiver.set(Habit::Take);
    omar.disconnect().await;
    receiver.has_taken(3).await;
    told.scene.end().await;
}

async fn wh_a_message_is_held_by_one_process_until_its_lease_ends(db: Db) {
    let mut told = start(db).await;
    told.receiver.goes_down().await;
    let omar = told.scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.disconnect().await;
    told.scene.cleaned_up("what ended is cleaned up").await;
    // From here on only those send who are told to.
    let address = told.scene.stop().await;
    told.receiver.comes_back().await;
    told.scene.execute("update webhook set due_at = 0").await;
    let app = told.scene.app_of_its_own().await;
    let webhooks = app.parts.webhooks.clone().expect("there is a receiver");
    let claim = async || webhooks.claim(8).await.expect("the database answers");
    let deliver = async |claimed| {
        let delivered = webhooks.deliver(claimed).await;
        delivered.expect("the database answers");
        told.receiver.sent().len()
    };
    let mut first = claim().await;
    assert_eq!(first.len(), 1, "of a link only the first message");
    assert!(claim().await.is_empty(), "somebody has it");
    told.advance(61);
    let mut second = claim().await;
    assert_eq!(second.len(), 1, "who had it has died");
    // Who had it was asleep.
    assert_eq!(deliver(first.remove(0)).await, 0);
    // And so is the second one, after its request has left: the third has the message by then.
    told.receiver.set(Habit::Hold);
    let late = {
        let (webhooks, claimed) = (webhooks.clone(), second.remove(0));
        tokio::spawn(async move { webhooks.deliver(claimed).await.expect("it answers") })
    };
    told.receiver
        .wait_until("it is sent", |sent| sent.len() == 1)
        .await;
    told.advance(61);
    let mut third = claim().await;
    assert_eq!(third.len(), 1);
    told.receiver.set(Habit::Take);
    late.await.expect("no panic");
    // So the next message of the link still waits for this one.
    assert!(claim().await.is_empty());
    assert_eq!(deliver(third.remove(0)).await, 2);
    let mut last = claim().await;
    assert_eq!(deliver(last.remove(0)).await, 3);
    let taken = told.receiver.taken();
    assert_eq!((distinct(&taken), taken.len()), (2, 3));
    app.parts.store.close().await;
    drop((app, webhooks));
    told.scene.start_again(address).await;
    told.end().await;
}

async fn wh_two_secrets_sign_while_one_takes_the_place_of_the_other(db: Db) {
    let mut told = start(db).await;
    let next = new_secret();
    told.scene.other_secrets.push(next.replace("whsec_", ""));
    let (scene, receiver) = (&told.scene, &told.receiver);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    assert_eq!(
        receiver.has_taken(1).await[0].signatures.split(' ').count(),
        1
    );
    // It counts at once, as after SIGHUP.
    let both = format!("{next},{}", told.secret);
    let with = |secret: &str| {
        let pairs = scene.settings().iter().map(|(name, value)| match *name {
            "LATCHKEY_WEBHOOK_SECRET" => (*name, secret.to_owned()),
            name => (name, value.clone()),
        });
        let pairs: Vec<_> = pairs.collect();
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        Config::from_pairs(pairs).expect("the settings are good")
    };
    scene
        .app()
        .change(&with(&both))
        .await
        .expect("it is taken over");
    receiver.knows(&[&told.secret, &next]);
    omar.link("u-200").await;
    let taken = receiver.has_taken(3).await;
    assert!(
        taken[1..]
            .iter()
            .all(|sent| sent.signatures.split(' ').count() == 2)
    );
    scene
        .app()
        .change(&with(&next))
        .await
        .expect("it is taken over");
    receiver.knows(&[&next]);
    omar.disconnect().await;
    receiver.has_taken(4).await;
    told.end().await;
}

async fn wh_a_closed_account_is_taken_out_of_what_waits(db: Db) {
    let told = start(db).await;
    let (scene, receiver) = (&told.scene, &told.receiver);
    let crowd = scene.crowd("acme", 2);
    let (closed, stays) = (&crowd[0], &crowd[1]);
    receiver.goes_down().await;
    for (account, subject) in [closed, stays] {
        let person = scene.person("acme", account);
        person.link(subject).await;
        person.recorded().await;
    }
    scene.world.jira.close_account(&closed.0);
    let store = &scene.app().parts.store;
    let tenant = latchkey::model::ClientKey(scene.client_key("acme"));
    let tenant = store
        .tenant(&tenant)
        .await
        .expect("it answers")
        .expect("it is there");
    let account = latchkey::model::AccountId(closed.0.clone());
    store
        .erase_account(&tenant, &account, scene.clock.now())
        .await
        .expect("it answers");
    receiver.comes_back().await;
    told.advance(HOUR);
    let taken = receiver.has_taken(3).await;
    let links = in_order(&taken);
    let of_closed = ["link.created", "link.ended account_closed atlassian"];
    assert!(links.values().any(|words| *words == of_closed), "{links:?}");
    for sent in &taken {
        let data = &sent.content["data"];
        let of_closed = links[sent.link()].len() == 2;
        let expected = match of_closed {
            true => (Value::Null, Value::Null),
            false => (json!(stays.0), json!(stays.1)),
        };
        assert_eq!(
            (&data["accountId"], &data["subject"]),
            (&expected.0, &expected.1)
        );
        assert_eq!(data["site"], scene.world.jira.url("acme"));
    }
    scene.person("acme", &stays.0).disconnect().await;
    receiver.has_taken(4).await;
    told.end().await;
}

async fn wh_a_process_that_is_killed_at_a_step_leaves_the_message_to_the_next(db: Db) {
    let moments = Moments::listen().await;
    let secret = new_secret();
    let receiver = Receiver::start(&secret).await;
    let (name, address) = moments.setting();
    let setting = Setting::keys_live(90 * DAY.unsigned_abs())
        .with(name, address)
        .with("LATCHKEY_WEBHOOK_URL", receiver.url())
        .with("LATCHKEY_WEBHOOK_SECRET", &secret);
    let mut scene = Scene::start_child(db, setting).await;
    scene.other_secrets = vec![secret.replace("whsec_", "")];
    // How often the receiver sees the message, where the first process dies at this step.
    for (step, times) in [("W0", 1), ("sent", 2), ("W1", 2)] {
        let before = distinct(&receiver.taken());
        scene.person("acme", OMAR).link("u-100").await;
        eventually("it is told", async || {
            let taken = distinct(&receiver.taken()) == before + 1;
            let left = scene.count("select count(*) from webhook").await;
            (taken && left == 0).then_some(())
        })
        .await;
        let id = receiver
            .taken()
            .last()
            .expect("it was told")
            .link()
            .to_owned();
        let is_end = |sent: &&Sent| sent.link() == id && sent.kind() == "link.ended";
        match step {
            "sent" => receiver.set(Habit::Hold),
            moment => moments.hold(moment, &id),
        }
        scene.person("acme", OMAR).disconnect().await;
        match step {
            "sent" => {
                let is_sent = |sent: &[Sent]| sent.iter().any(|sent| is_end(&sent));
                receiver.wait_until("it is sent", is_sent).await;
            }
            moment => moments.held(moment, &id).await,
        }
        scene.child().kill9().await;
        receiver.set(Habit::Take);
        moments.go_all();
        // Instead of waiting for the lease of one who is dead.
        scene.execute("update webhook set due_at = 0").await;
        scene.restart().await;
        eventually("the next process sends it", async || {
            (scene.count("select count(*) from webhook").await == 0).then_some(())
        })
        .await;
        let sent = receiver.sent();
        let ends: Vec<&Sent> = sent.iter().filter(is_end).collect();
        assert_eq!(ends.len(), times, "{step}");
        assert!(ends.iter().all(|end| end.id == ends[0].id), "{step}");
    }
    assert_eq!(receiver.refused(), Vec::<String>::new());
    in_order(&receiver.taken());
    scene.end().await;
}

/// On PostgreSQL there are two replicas, which are killed in turn. `LATCHKEY_KILLS` makes it longer; `scripts/kill` does
/// that.
async fn wh_no_message_is_lost_by_kill_9(db: Db) {
    let kills: u32 = std::env::var("LATCHKEY_KILLS").ok().map_or(6, |kills| {
        kills.parse().expect("LATCHKEY_KILLS is a number")
    });
    let told = start_as(db, true).await;
    let (mut scene, receiver) = (told.scene, told.receiver);
    let crowd = scene.crowd("acme", 24);
    receiver.goes_down().await;
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for (account, _) in &crowd {
        scene.person("acme", account).disconnect().await;
    }
    let mut second = match db {
        Db::Sqlite => None,
        Db::Postgres => Some(Latchkey::start(|port| scene.settings_of_child(port)).await),
    };
    receiver.comes_back().await;
    receiver.set(Habit::FailsOf10(7));
    let chance = Random::system();
    for kill in 0..kills {
        // Instead of waiting for leases and between tries.
        scene.execute("update webhook set due_at = 0").await;
        sleep(Duration::from_millis(chance.up_to(1500).unsigned_abs())).await;
        match &mut second {
            Some(replica) if kill % 2 == 1 => replica.kill9().await,
            _ => scene.child().kill9().await,
        }
        second = match second {
            Some(replica) if kill % 2 == 1 => Some(replica.restart().await),
            other => other,
        };
        if !scene.child().is_running() {
            scene.restart().await;
        }
    }
    receiver.set(Habit::FailsOf10(2));
    eventually("every message is taken", async || {
        scene.execute("update webhook set due_at = 0").await;
        sleep(Duration::from_secs(1)).await;
        (scene.count("select count(*) from webhook").await == 0).then_some(())
    })
    .await;
    let taken = receiver.taken();
    let links = by_link(&taken);
    assert_eq!(links.len(), crowd.len());
    for words in links.values() {
        assert_eq!(*words, ["link.created", "link.ended disconnected person"]);
    }
    assert_eq!(distinct(&taken), 2 * crowd.len());
    assert_eq!(receiver.refused(), Vec::<String>::new());
    println!(
        "{db:?}: {kills} kills, {} messages, taken {} times",
        distinct(&taken),
        taken.len()
    );
    if let Some(mut replica) = second {
        replica.stop().await;
    }
    scene.end().await;
}

/// What was told of each link, each message where it came first.
fn by_link(taken: &[Sent]) -> BTreeMap<String, Vec<String>> {
    let mut seen = BTreeSet::new();
    let first: Vec<Sent> = taken
        .iter()
        .filter(|sent| seen.insert(sent.id.clone()))
        .cloned()
        .collect();
    in_order(&first)
}

/// The libraries of the specification, in receivers of their own.
async fn verified_by(process: Process, address: String, secret: String) {
    let setting = Setting::keys_live(90 * DAY.unsigned_abs())
        .with("LATCHKEY_WEBHOOK_URL", format!("{address}/"))
        .with(
            "LATCHKEY_WEBHOOK_SECRET",
            format!("{}, {secret}", new_secret()),
        );
    let scene = Scene::start(Db::Sqlite, setting).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.disconnect().await;
    let taken = eventually("the receiver has both", async || {
        let said = scene.http.get(&address).send().await.ok()?;
        let said: Value = said.json().await.ok()?;
        (said.as_array()?.len() == 2).then_some(said)
    })
    .await;
    let kinds = [0, 1].map(|at| taken[at]["content"]["type"].clone());
    assert_eq!(kinds, [json!("link.created"), json!("link.ended")]);
    assert_eq!(taken[0]["content"]["data"]["accountId"], OMAR);
    assert_ne!(taken[0]["id"], taken[1]["id"]);
    // It refuses what somebody else signs.
    let made_up = scene
        .http
        .post(&address)
        .header("webhook-id", "made-up")
        .header("webhook-timestamp", scene.clock.now())
        .header("webhook-signature", "v1,AAAA")
        .json(&json!({"type": "link.ended"}));
    assert_eq!(made_up.send().await.expect("it answers").status(), 400);
    scene.end().await;
    drop(process);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_the_library_of_npm_verifies_them() {
    let secret = new_secret();
    let told = ("WEBHOOKS_SECRET", secret.clone());
    let (process, address) = oidc_provider::run("webhooks.mjs", told).await;
    verified_by(process, address, secret).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wh_the_library_of_pypi_verifies_them() {
    let secret = new_secret();
    let installed = tokio::task::spawn_blocking(tools).await.expect("no panic");
    let mut command = Command::new(installed.join("bin/python"));
    command
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/providers/webhooks/receiver.py"
        ))
        .env("WEBHOOKS_SECRET", &secret)
        .stdin(Stdio::null());
    let (process, address) = started(&mut command).await;
    verified_by(process, address, secret).await;
}

/// Both settings or none, each in its form.
#[test]
fn wh_the_settings_belong_together() {
    let secret = new_secret();
    let url = format!("https://hooks.example.com:{}/latchkey", free_port());
    let with = |changed: &[(&'static str, &str)]| {
        let good = [
            ("LATCHKEY_BASE_URL", "https://latchkey.example.com"),
            (
                "LATCHKEY_SEALING_KEYS",
                "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
            ("LATCHKEY_PROVIDER_NAME", "Acme"),
            ("LATCHKEY_PROVIDER_ISSUER", "https://acme.example.com"),
            ("LATCHKEY_PROVIDER_CLIENT_ID", "client"),
            ("LATCHKEY_PROVIDER_CLIENT_SECRET", "s3cret"),
        ];
        let pairs = good.into_iter().chain(changed.iter().copied());
        Config::from_pairs(pairs).map_err(|wrong| wrong.to_string())
    };
    let both = [
        ("LATCHKEY_WEBHOOK_URL", url.as_str()),
        ("LATCHKEY_WEBHOOK_SECRET", secret.as_str()),
    ];
    assert!(with(&both).expect("they are good").webhooks.is_some());
    assert!(with(&[]).expect("they are good").webhooks.is_none());
    for (changed, setting) in [
        (vec![both[0]], "LATCHKEY_WEBHOOK_SECRET"),
        (vec![both[1]], "LATCHKEY_WEBHOOK_URL"),
        (
            vec![
                ("LATCHKEY_WEBHOOK_URL", "http://hooks.example.com"),
                both[1],
            ],
            "LATCHKEY_WEBHOOK_URL",
        ),
        (
            vec![("LATCHKEY_WEBHOOK_URL", "http://127.0.0.1:1/"), both[1]],
            "LATCHKEY_WEBHOOK_URL",
        ),
        (
            vec![
                ("LATCHKEY_WEBHOOK_URL", "https://a:b@hooks.example.com"),
                both[1],
            ],
            "LATCHKEY_WEBHOOK_URL",
        ),
        (
            vec![both[0], ("LATCHKEY_WEBHOOK_SECRET", "sixteen letters.")],
            "LATCHKEY_WEBHOOK_SECRET",
        ),
    ] {
        let wrong = with(&changed).expect_err(setting);
        assert!(wrong.starts_with(setting), "{wrong}");
        assert!(
            !wrong.contains("sixteen letters") && !wrong.contains(&secret),
            "{wrong}"
        );
    }
}
