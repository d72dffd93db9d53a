//! Stories of what may be asked of Jira and of the service, and of who comes first when there is more to
//! do than that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection,
};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use latchkey::App;
use latchkey::clock::{Seconds, parse_rfc3339};
use latchkey::model::{ClientKey, Tenant, Tokens};
use latchkey::renewal;
use latchkey::secret::Secret;
use latchkey::service::pace::ServicePace;
use latchkey::store::{ClaimKind, Dialect, Gate, Lease, Turn, statements};
use latchkey::worker;

use crate::child::Latchkey;
use crate::links::link;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind, Limits, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind, Outcome, Rotation, ServiceOptions, TokenRequest};

on_both_databases!(
    r8_r12_a_service_that_is_down_for_a_day_loses_nobody_and_is_drained_by_expiry,
    r8_r11_r12_a_service_that_asks_to_wait_for_an_hour_is_drained_at_the_allowed_rate,
    r11_places_in_the_pace_are_never_closer_than_it_says,
    r9_renewals_keep_to_their_share_of_the_quota_and_people_to_the_rest,
    r9_a_wait_that_jira_asks_for_holds_only_those_it_is_for,
    r9_after_a_429_no_replica_calls_before_it_may,
    r9_calls_to_a_site_do_not_come_in_bursts,
    r10_a_tenant_with_a_hundred_thousand_links_delays_nobody,
    r10_a_tenant_with_much_to_clean_up_delays_nobody,
    r10_a_claim_reads_no_table_whole,
    r13_a_service_that_refuses_the_app_is_probed_and_rows_are_untouched,
);

const DONE: &str = "the database answers";
const LIFE: Seconds = 3 * 3600;

fn slow_keys() -> Setting {
    Setting {
        service: ServiceOptions {
            rotation: Rotation::Strict,
            access_token_life: Duration::from_secs(LIFE.unsigned_abs()),
            code_life: Duration::from_secs(300),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
}

/// A number that a script may say.
fn given(name: &str, unless_said: u64) -> u64 {
    let number = std::env::var(name).ok().map(|text| text.parse());
    number.map_or(unless_said, |number| number.expect("a number"))
}

fn status(code: u16) -> Kind {
    Kind::Status(code, Vec::new(), String::new())
}

/// Somebody who is linked.
#[derive(Clone)]
struct Linked {
    site: &'static str,
    account: String,
    subject: String,
    /// At the service.
    grant: usize,
    expires_at: Seconds,
}

impl Scene {
    async fn tenant(&self, site: &str) -> Tenant {
        let client_key = ClientKey(self.client_key(site));
        let tenant = self.app().parts.store.tenant(&client_key).await;
        tenant.expect(DONE).expect("the app is installed")
    }

    /// Links so many people of a site by the steps of the store, with real grants and keys in Jira. The
    /// first key of each lives this long.
    async fn link_people(
        &self,
        site: &'static str,
        people: u64,
        life: impl Fn(u64) -> Seconds,
    ) -> Vec<Linked> {
        let tenant = self.tenant(site).await;
        let mut linking = JoinSet::new();
        let mut linked = Vec::new();
        let grants = self.world.service.ledger().grants().len();
        for (number, (account, subject)) in (0..).zip(self.crowd(site, people)) {
            if linking.len() >= 4 {
                linking.join_next().await.expect("one").expect("a link");
            }
            let (access, refresh) = self.world.service.grant(&subject);
            let now = self.clock.now();
            let expires_at = now + life(number);
            let tokens = Tokens {
                access_token: Secret::new(access),
                requested_at: now,
                expires_at: Some(expires_at),
                refresh_expires_at: None,
                refresh_token: Some(Secret::new(refresh)),
            };
            linking.spawn(link(
                self.app().clone(),
                tenant.clone(),
                account.clone(),
                subject.clone(),
                tokens,
            ));
            linked.push(Linked {
                site,
                account,
                subject,
                grant: grants + linked.len(),
                expires_at,
            });
        }
        while let Some(done) = linking.join_next().await {
            done.expect("a link");
        }
        linked
    }

    fn is_renewed(&self, person: &Linked) -> bool {
        self.person(person.site, &person.account).generation() >= Some(2)
    }

    async fn all_renewed(&self, people: &[Linked]) {
        eventually("everybody has a new key", async || {
            people.iter().all(|one| self.is_renewed(one)).then_some(())
        })
        .await;
        for one in people {
            let person = self.person(one.site, &one.account);
            let ledger = self.world.service.ledger();
            assert_eq!(ledger.opens_api(&person.key()), Some(one.subject.as_str()));
            assert_eq!(person.state().await, "linked");
        }
    }

    /// Until when the service is left alone by the links of this site.
    fn left_alone_until(&self, site: &str) -> Seconds {
        let tenant = ClientKey(self.client_key(site));
        self.app().parts.service.opens_at(&tenant)
    }

    /// Everybody may ask the service, and not one at a time.
    async fn service_is_open(&self) {
        let gate = self
            .app()
            .parts
            .store
            .gate(Gate::Service)
            .await
            .expect(DONE);
        assert_eq!((gate.failures, gate.probes), (0, 0));
        let failing = self.app().parts.store.failing_tenants().await;
        assert_eq!(failing.expect(DONE), []);
    }

    /// Lets time pass, and waits until the service was asked in vain and that is known.
    async fn another_probe_after(&self, seconds: Seconds) {
        let calls = || self.world.service.calls().len();
        let before = calls();
        self.advance(seconds);
        eventually("the service is probed again", async || {
            if calls() == before {
                // What was under way when the wait began may have made it longer.
                self.advance(1);
                return None;
            }
            let known = self.left_alone_until("acme") > self.clock.now();
            known.then_some(())
        })
        .await;
    }
}

/// When token requests began, oldest first, counted from the start of the service.
fn began<'a>(requests: impl IntoIterator<Item = &'a TokenRequest>) -> Vec<Duration> {
    let mut began: Vec<_> = requests.into_iter().map(|one| one.started).collect();
    began.sort();
    began
}

/// Fails where requests came faster than `rate` a second. The first is a probe, after whose answer the
/// others leave, each at its place or later, and two places are never closer than the rate says. So by
/// the ledger's times none may be earlier than its number allows, to the place: a request that is late
/// makes no room for others, and no tolerance is needed for a busy machine. Only what comes late may come
/// together; between any two that is a second's worth at most.
fn assert_pace(began: &[Duration], rate: u32) {
    let mut graph = BTreeMap::new();
    for at in began {
        *graph.entry((*at - began[0]).as_secs()).or_insert(0) += 1;
    }
    println!("requests in each second: {graph:?}");
    let places = |count: usize| Duration::from_secs(1) * u32::try_from(count).expect("few") / rate;
    for (index, at) in began.iter().enumerate() {
        // One place may be there already when the probe leaves, and one may be just over.
        let allowed = began[0] + places(index.saturating_sub(2));
        assert!(*at >= allowed, "number {index} is early: {began:?}");
        for (earlier, from) in began[..index].iter().enumerate() {
            let late = usize::try_from(rate).expect("few");
            let apart = places((index - earlier).saturating_sub(late));
            assert!(*at - *from >= apart, "a spike: {began:?}");
        }
    }
}

/// When the keys end of those for whom these requests were, in the order in which they began.
fn ends(requests: &[&TokenRequest], people: &[Linked]) -> Vec<Seconds> {
    let ends: BTreeMap<usize, Seconds> = people
        .iter()
        .map(|one| (one.grant, one.expires_at))
        .collect();
    let mut requests = requests.to_vec();
    requests.sort_by_key(|request| request.started);
    let grants = requests.iter().filter_map(|request| request.grant);
    grants
        .filter_map(|grant| ends.get(&grant).copied())
        .collect()
}

/// Another replica on the same database, that works.
struct Replica {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Replica {
    /// Where there can be two.
    async fn second(scene: &Scene, db: Db) -> Option<Self> {
        if db == Db::Sqlite {
            return None;
        }
        let app = scene.app_of_its_own().await;
        let (stop, stopped) = watch::channel(false);
        let work = tokio::spawn(worker::run(app.renewing.clone(), stopped));
        Some(Self { app, stop, work })
    }

    async fn end(self) {
        self.stop.send_replace(true);
        self.work.await.expect("it ends");
        self.app.parts.store.close().await;
    }
}

async fn r8_r12_a_service_that_is_down_for_a_day_loses_nobody_and_is_drained_by_expiry(db: Db) {
    const RATE: u32 = 10;
    // One at a time, so that the order is plain to see.
    let setting = slow_keys()
        .with("LATCHKEY_PROVIDER_CONCURRENCY", "1")
        .with("LATCHKEY_PROVIDER_RATE", RATE.to_string());
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    // Their keys end in another order than the one they were made in.
    let people = scene
        .link_people("acme", 17, |n| {
            LIFE + i64::try_from(n * 7 % 17).expect("few") * 60
        })
        .await;
    service.fault(Fault::always(Endpoint::Any, Kind::Down));
    scene.advance(LIFE - 60);
    eventually("the service is left alone", async || {
        (scene.left_alone_until("acme") > scene.clock.now()).then_some(())
    })
    .await;
    let tripped = service.calls().len();
    assert!(
        (5..=12).contains(&tripped),
        "five in a row and no more: {tripped}"
    );
    const JUMPS: usize = 8;
    for _ in 0..JUMPS {
        scene.another_probe_after(3 * 3600).await;
    }
    let probes = service.calls().len() - tripped;
    // Each asks for the endpoints first, which are known no more.
    assert!(
        (JUMPS..=JUMPS * 4).contains(&probes),
        "single probes: {probes}"
    );
    let touched = "select count(*) from link where failures > 0 or state <> 'live'";
    let touched = scene.count(touched).await;
    assert!(
        touched <= 17
            && scene
                .count("select count(*) from link where state <> 'live'")
                .await
                == 0
    );

    let asked = service.calls_to(Endpoint::Refresh);
    service.clear_faults();
    scene.advance(400);
    scene.all_renewed(&people).await;
    scene.service_is_open().await;
    let ledger = service.ledger();
    let requests = ledger.token_requests().iter();
    let refreshes = requests.filter(|request| request.endpoint == Endpoint::Refresh);
    let drained: Vec<_> = refreshes.skip(asked).collect();
    assert_pace(&began(drained.iter().copied()), RATE);
    let order = ends(&drained, &people);
    assert_eq!(order.len(), people.len(), "one request each");
    assert!(order.is_sorted(), "by expiry: {order:?}");
    assert!(ledger.reused_refresh_tokens().is_empty());
    scene.end().await;
}

async fn r8_r11_r12_a_service_that_asks_to_wait_for_an_hour_is_drained_at_the_allowed_rate(db: Db) {
    const RATE: u32 = 10;
    /// Under way at once, at each replica.
    const AT_ONCE: usize = 4;
    let setting = slow_keys()
        .with("LATCHKEY_PROVIDER_RATE", RATE.to_string())
        .with("LATCHKEY_PROVIDER_CONCURRENCY", AT_ONCE.to_string());
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    // `LATCHKEY_PEOPLE` makes it longer; `scripts/drain` does that.
    let crowd = given("LATCHKEY_PEOPLE", 30);
    let life = |n: u64| LIFE + i64::try_from(n * 7 % 17).expect("few") * 60;
    let mut people = scene.link_people("acme", crowd * 2 / 3, life).await;
    people.extend(scene.link_people("globex", crowd / 3, life).await);
    // There are seventeen different lives.
    let times = "select count(distinct key_expires_at - due_at) from link";
    let times = scene.count(times).await;
    assert!(times > 20, "due times of one moment are spread: {times}");
    let second = Replica::second(&scene, db).await;
    let replicas = 1 + usize::from(second.is_some());

    service.fault(Fault::always(Endpoint::Refresh, status(429)));
    scene.advance(LIFE - 60);
    eventually("the service is left alone", async || {
        (scene.app().parts.service.gate().opens_at() > scene.clock.now()).then_some(())
    })
    .await;
    const JUMPS: usize = 12;
    for _ in 0..JUMPS {
        scene.another_probe_after(300).await;
    }
    let asked = service.calls_to(Endpoint::Refresh);
    assert!(
        asked <= AT_ONCE * replicas + JUMPS * 2,
        "{asked} calls in an hour"
    );
    let reconnect = "select count(*) from link where state <> 'live'";
    assert_eq!(scene.count(reconnect).await, 0);

    service.clear_faults();
    scene.advance(1200);
    scene.all_renewed(&people).await;
    scene.service_is_open().await;
    let ledger = service.ledger();
    let requests = ledger.token_requests().iter();
    let drained: Vec<_> = requests
        .filter(|request| request.outcome == Some(Outcome::Granted))
        .collect();
    assert_eq!(drained.len(), people.len(), "one request each");
    assert_pace(&began(drained.iter().copied()), RATE);
    // By expiry within each site: before all that end earlier only those may leave that are under way at
    // the same time.
    for site in ["acme", "globex"] {
        let mut here = people.clone();
        here.retain(|one| one.site == site);
        let order = ends(&drained, &here);
        assert_eq!(order.len(), here.len());
        for (place, end) in order.iter().enumerate() {
            let overtaken = order[place..].iter().filter(|other| *other < end).count();
            assert!(overtaken < AT_ONCE * replicas, "{site}: {order:?}");
        }
    }
    assert!(ledger.overlaps().is_empty());
    if let Some(second) = second {
        second.end().await;
    }
    scene.end().await;
}

async fn r11_places_in_the_pace_are_never_closer_than_it_says(db: Db) {
    const EACH: i64 = 200;
    let scene = Scene::start(db, slow_keys()).await;
    let (store, clock) = (&scene.app().parts.store, &scene.clock);
    // Two replicas.
    let paces = [(); 2].map(|()| ServicePace::new(Some(5), store.clone(), clock.clone()));
    // When each place is, at the earliest and at the latest.
    let mut places: Vec<(i64, i64)> = Vec::new();
    for round in 0..24 {
        if round == 12 {
            // Places that nobody took are gone.
            scene.advance(60);
        }
        let before = clock.millis();
        let place = paces[round % 2].place().await.expect(DONE);
        let place = place.expect("it is a matter of seconds");
        let wait = i64::try_from(place.as_millis()).expect("it fits");
        places.push((before + wait, clock.millis() + wait));
    }
    for pair in places.windows(2) {
        let apart = pair[1].1 - pair[0].0;
        assert!(apart >= EACH, "{apart} ms: {places:?}");
    }
    // Nobody waits so long that their lease ends.
    let mut taken = 0;
    while let Some(place) = paces[0].place().await.expect(DONE) {
        taken += 1;
        assert!(place <= Duration::from_secs(21), "{place:?}");
        assert!(taken < 200, "there is no end");
    }
    scene.end().await;
}

async fn r9_renewals_keep_to_their_share_of_the_quota_and_people_to_the_rest(db: Db) {
    let setting = slow_keys()
        .with("LATCHKEY_JIRA_QUOTA", "60")
        .with("LATCHKEY_JIRA_RENEWAL_SHARE", "50");
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    jira.set_limits(Limits {
        quota: Some(60),
        burst: None,
    });
    let points = || jira.points_spent();
    let people = scene.link_people("acme", 16, |_| LIFE).await;
    let more = scene.link_people("globex", 20, |_| LIFE).await;
    let second = Replica::second(&scene, db).await;
    scene.advance(LIFE);
    scene.advance_to_the_hour();
    // 36 keys have to be renewed, and 30 points are there for it.
    let renewed = || {
        people
            .iter()
            .chain(&more)
            .filter(|one| scene.is_renewed(one))
            .count()
    };
    // What the second replica has taken and did not need is lost with the hour.
    eventually("the share is used up", async || {
        (renewed() >= 29).then_some(())
    })
    .await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    assert!(renewed() <= 30);
    assert_eq!(points(), u32::try_from(renewed()).expect("few") + 4);
    let hour = scene.clock.now() / 3600;
    assert!(
        scene
            .app()
            .parts
            .store
            .points_taken(hour)
            .await
            .expect(DONE)
            .1
            <= 30
    );

    // Whoever waits for it has the rest.
    let mut crowd = scene.crowd("globex", 40).split_off(20).into_iter();
    let (account, subject) = crowd.next().expect("somebody");
    let late = scene.person("globex", &account);
    let returned = late.until_returned(&subject).await;
    late.prove(&returned).await.is(200);
    let refused = loop {
        let (account, _) = crowd.next().expect("sixty points do not last for so many");
        let person = scene.person("globex", &account);
        let answer = person.begin_with(&person.token()).await;
        if answer.status != StatusCode::SEE_OTHER {
            break answer;
        }
    };
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        refused.text.contains("Jira asks the app to wait"),
        "{}",
        refused.text
    );
    let wait = refused.headers["retry-after"].to_str().expect("a number");
    assert!((1..=3600).contains(&wait.parse::<i64>().expect("a number")));
    // A link is made all the same, and its key follows.
    let status = {
        late.confirm(&returned).await.leads_to();
        late.status().await
    };
    assert!(
        status["state"] == "linking" || status["state"] == "linked",
        "{status}"
    );
    assert!(points() <= 60);
    let refused = jira
        .calls()
        .iter()
        .filter(|call| call.status == Some(429))
        .count();
    assert_eq!(refused, 0, "Jira never had to say no");

    scene.advance_to_the_hour();
    scene.all_renewed(&people).await;
    scene.all_renewed(&more).await;
    late.property_of_generation(1).await;
    if let Some(second) = second {
        second.end().await;
    }
    scene.end().await;
}

async fn r9_a_wait_that_jira_asks_for_holds_only_those_it_is_for(db: Db) {
    let scene = Scene::start(db, slow_keys()).await;
    let jira = &scene.world.jira;
    let mia = scene.person("acme", MIA);
    let omar = scene.person("acme", OMAR);
    let other = scene.person("globex", OMAR);
    mia.link("u-200").await;
    omar.link("u-100").await;
    other.link("u-100").await;
    let puts_at_acme = || {
        let calls = jira.calls_to("PUT", "/rest/api/3/user");
        calls.iter().filter(|call| call.host == "acme").count()
    };
    let limited = |reason, after| {
        jira::Fault::rate_limited(Some(reason), after)
            .on_property("PUT")
            .at("acme")
            .times(1)
    };
    let waits = async |scene: &Scene, site: &str| {
        eventually("the tenant waits", async || {
            let waits = scene.tenant(site).await.waits;
            (waits.put.max(waits.any) > scene.clock.now() + 60).then_some(waits)
        })
        .await
    };

    // A burst: this method at this site.
    jira.fault(limited("jira-burst-based", Some("120")));
    omar.recorded().await;
    omar.renew().await.is(202);
    let held = waits(&scene, "acme").await;
    assert!(held.any <= scene.clock.now() && held.delete <= scene.clock.now());
    let before = puts_at_acme();
    mia.renew().await.is(202);
    other.renewed().await;
    let (account, subject) = scene.crowd("acme", 1).remove(0);
    let newcomer = scene.person("acme", &account);
    newcomer.begin().await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None, "deleting is another method");
    assert_eq!(puts_at_acme(), before);
    scene.advance(130);
    mia.property_of_generation(2).await;

    // The site's quota, until the time Jira names: everything there, reading included.
    mia.recorded().await;
    let until = scene.clock.now() + 600;
    let reset = latchkey::clock::rfc3339(until);
    let reset = reset[..16].to_owned() + "Z";
    let mut fault = limited("jira-quota-tenant-based", None);
    if let FaultKind::Status { headers, .. } = &mut fault.kind {
        headers.push(("x-ratelimit-reset".to_owned(), reset));
    }
    jira.fault(fault);
    mia.renew().await.is(202);
    let held = waits(&scene, "acme").await;
    assert!((until - 70..=until).contains(&held.any), "{held:?} {until}");
    let before = jira.calls_to("", "/").len();
    let (account, _) = scene.crowd("acme", 2).remove(1);
    let person = scene.person("acme", &account);
    let refused = person.begin_with(&person.token()).await.is(503);
    assert!(
        refused.text.contains("Jira asks the app to wait"),
        "{}",
        refused.text
    );
    other.renewed().await;
    assert_eq!(jira.calls_to("", "/").len(), before);
    scene.advance(700);
    mia.property_of_generation(3).await;

    // The app's quota: no write anywhere before the hour, by nobody.
    mia.recorded().await;
    other.recorded().await;
    scene.advance_to_the_hour();
    mia.recorded().await;
    jira.fault(limited("jira-quota-global-based", None));
    mia.renew().await.is(202);
    let hour = (scene.clock.now() / 3600 + 1) * 3600;
    eventually("the gate is closed", async || {
        (scene.app().parts.jira.writes().opens_at() >= hour).then_some(())
    })
    .await;
    let writes = jira.calls_to("PUT", "/").len();
    if db == Db::Postgres {
        // A replica that has just started knows nothing but what stands in the database.
        let second = scene.app_of_its_own().await;
        let mut renewals = worker::Renewals::default();
        other.renew().await.is(202);
        assert_eq!(renewals.begin(&second.renewing).await.expect(DONE), 0);
        let tenant = second
            .parts
            .store
            .tenant(&ClientKey(scene.client_key("globex")))
            .await;
        let tenant = tenant.expect(DONE).expect("it is installed");
        assert!(tenant.waits.put >= hour, "it is read right before a call");
        second.parts.store.close().await;
    } else {
        other.renew().await.is(202);
    }
    newcomer.begin().await;
    let returned = newcomer.until_returned(&subject).await;
    newcomer.prove(&returned).await.is(200);
    let status = {
        newcomer.confirm(&returned).await.leads_to();
        newcomer.status().await
    };
    assert_eq!(
        status["state"], "linking",
        "the link stands, its key follows"
    );
    assert_eq!(jira.calls_to("PUT", "/").len(), writes);
    scene.advance(hour + 10 - scene.clock.now());
    newcomer.property_of_generation(1).await;
    mia.property_of_generation(4).await;
    scene.end().await;
}

async fn r9_after_a_429_no_replica_calls_before_it_may(db: Db) {
    let mut scene = Scene::start(db, slow_keys()).await;
    scene.link_people("acme", 2, |_| LIFE).await;
    scene.link_people("globex", 1, |_| LIFE).await;
    let address = scene.stop().await;
    // What works here does so step by step.
    let first = scene.app_of_its_own().await;
    let second = match db {
        Db::Postgres => scene.app_of_its_own().await,
        // One process, all by itself.
        Db::Sqlite => first.clone(),
    };
    let jira = &scene.world.jira;
    let acme = ClientKey(scene.client_key("acme"));
    let all_due = "update link set due_at = 0, claim = null, claimed_by = null";
    let unpublished = "select count(*) from link where published_generation < generation";
    for (reason, after) in [
        (Some("jira-burst-based"), 120),
        (Some("jira-quota-tenant-based"), 120),
        (Some("jira-per-issue-on-write"), 120),
        (None, 120),
        (Some("jira-quota-global-based"), 3000),
    ] {
        scene.advance_to_the_hour();
        let everywhere = after > 120;
        let writes = || {
            let calls = jira.calls_to("PUT", "/").into_iter();
            calls
                .filter(|call| everywhere || call.host == "acme")
                .count()
        };
        scene.execute(all_due).await;
        // The second has claimed one before Jira says anything, and the first gets the answer.
        let now = scene.clock.now();
        let turn = Turn {
            tenant: acme.clone(),
            most: 1,
            rests: false,
        };
        let until = now + latchkey::store::LEASE;
        let held = second
            .parts
            .store
            .claim(
                Lease {
                    owner: &second.renewing.replica,
                    until,
                },
                &[turn],
                1,
                ClaimKind::Due,
                now,
                until,
            )
            .await;
        let held = held.expect(DONE).pop().expect("it is due");
        let said = after.to_string();
        jira.fault(
            jira::Fault::rate_limited(reason, Some(&said))
                .on_property("PUT")
                .at("acme")
                .times(1),
        );
        let mut at_first = worker::Renewals::default();
        let mut at_second = worker::Renewals::default();
        assert_eq!(at_first.begin(&first.renewing).await.expect(DONE), 2);
        at_first.end().await;
        let until_now = writes();
        renewal::renew(&second.renewing, held).await.expect(DONE);
        assert_eq!(
            writes(),
            until_now,
            "{reason:?}: it is read before each call"
        );

        for wait in [0, after - 20] {
            scene.advance(wait);
            scene.execute(all_due).await;
            for (replica, renewals) in [(&first, &mut at_first), (&second, &mut at_second)] {
                let begun = renewals.begin(&replica.renewing).await.expect(DONE);
                assert!(begun <= usize::from(!everywhere), "{reason:?}: {begun}");
                renewals.end().await;
            }
            assert_eq!(writes(), until_now, "{reason:?} after {wait} s");
        }
        assert!(scene.count(unpublished).await >= 2, "they wait for it");
        scene.advance(3600 - (after - 20));
        eventually("all keys are in Jira", async || {
            for (replica, renewals) in [(&first, &mut at_first), (&second, &mut at_second)] {
                renewals.begin(&replica.renewing).await.expect(DONE);
                renewals.end().await;
            }
            (scene.count(unpublished).await == 0).then_some(())
        })
        .await;
        assert!(writes() >= until_now + 2);
    }
    first.parts.store.close().await;
    second.parts.store.close().await;
    // With it goes its lock on the file.
    drop((first, second));
    scene.start_again(address).await;
    scene.end().await;
}

async fn r9_calls_to_a_site_do_not_come_in_bursts(db: Db) {
    const EACH_MS: i64 = 100;
    let setting = slow_keys().with("LATCHKEY_JIRA_BURST", "10");
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    let people = scene.link_people("acme", 60, |_| LIFE).await;
    // As Jira has it, much more than two replicas may ask for.
    jira.set_limits(Limits {
        quota: None,
        burst: Some(50),
    });
    let second = Replica::second(&scene, db).await;
    let replicas = 1 + i64::from(second.is_some());
    let from = jira.calls().len();
    scene.advance(LIFE);
    scene.all_renewed(&people).await;
    let calls = jira.calls().split_off(from);
    let puts: Vec<_> = calls.iter().filter(|call| call.method == "PUT").collect();
    assert_eq!(puts.len(), people.len(), "Jira never had to say no");
    // Each replica lets them leave one after the other. The first may have come late, by half a second.
    for (number, put) in (0..).zip(&puts) {
        let allowed = puts[0].at_ms + (number / replicas - 5) * EACH_MS;
        assert!(put.at_ms >= allowed, "number {number} is early: {puts:?}");
    }
    if let Some(second) = second {
        second.end().await;
    }
    scene.end().await;
}

/// How long the Jira of the large tenant asks to wait, in seconds.
const WAIT: &str = "20";

/// `LATCHKEY_TENANTS` and `LATCHKEY_PEOPLE` make it larger; `scripts/fair` does that.
async fn r10_a_tenant_with_a_hundred_thousand_links_delays_nobody(db: Db) {
    let (tenants, people) = (given("LATCHKEY_TENANTS", 12), given("LATCHKEY_PEOPLE", 3));
    for limited in [true, false] {
        let scene = Scene::start(db, slow_keys()).await;
        let jira = &scene.world.jira;
        let mut small = Vec::new();
        for number in 0..tenants {
            let site: &'static str = Box::leak(format!("site-{number}").into_boxed_str());
            jira.add_site(site, site);
            let descriptor = scene.address("/atlassian-connect.json");
            jira.install(site, &descriptor)
                .await
                .expect("it is installed");
            small.extend(scene.link_people(site, people, |_| LIFE).await);
        }
        // So many of its links are whole, more than are under way at once, and their keys end first.
        let large = scene.link_people("acme", 40, |_| LIFE - 60).await;
        let now = scene.clock.now();
        // Its other links are as due as they can be. Their credentials do not open, so none is asked for.
        scene.execute(&format!(
                "insert into link (id, client_key, installation, account_id, subject, display_name, state, \
                 generation, credential, key_expires_at, published_generation, published_expires_at, \
                 published_at, put_again, due_at, failures, claims, unsettled, created_at, first_end) \
                 with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) \
                 select 'many-' || i, '{}', 1, 'many-' || i, 'many-' || i, '', 'live', 1, 'none', {end}, 1, \
                 {end} + i / 1000, {now}, 0, {due}, 0, 0, false, {now}, {end} + i / 1000 from n",
                scene.client_key("acme"),
                end = now + LIFE - 50,
                due = now + LIFE / 2,
            ),
        )
        .await;
        if limited {
            let wait = jira::Fault::rate_limited(Some("jira-quota-tenant-based"), Some(WAIT));
            jira.fault(wait.on_property("PUT").at("acme"));
        }
        let due = scene.clock.now() + LIFE * 2 / 3;
        scene.advance(LIFE * 2 / 3);
        eventually("all others have new keys", async || {
            small.iter().all(|one| scene.is_renewed(one)).then_some(())
        })
        .await;
        let writes = jira.property_writes();
        let last = writes
            .iter()
            .filter(|write| write.site != "acme" && write.generation() == Some(2))
            .map(|write| write.at_ms / 1000)
            .max();
        let late = last.expect("they were renewed") - due;
        assert!(late <= 60, "the last was renewed {late} s after it was due");
        scene.all_renewed(&small).await;
        let left = "select count(*) from link where state = 'live' and id like 'many-%'";
        let left = scene.count(left).await;
        // Who has most to do has had turns like everybody.
        assert!(left > 50_000, "{left} are left");
        let puts: Vec<i64> = jira
            .calls_to("PUT", "/")
            .iter()
            .filter(|call| call.host == "acme" && call.at_ms / 1000 >= due)
            .map(|call| call.at_ms)
            .collect();
        println!(
            "{db:?}: {} links of {tenants} tenants were renewed within {late} s of being due, beside one \
             with {left} due{}, to whose Jira {} calls went",
            small.len(),
            if limited { " and in 429" } else { "" },
            puts.len(),
        );
        if limited {
            assert!(!large.iter().any(|one| scene.is_renewed(one)));
            // Those that were under way together, and then none before its time.
            assert!(!puts.is_empty());
            for pair in puts.windows(2) {
                let apart = pair[1] - pair[0];
                assert!(!(5_000..15_000).contains(&apart), "{puts:?}");
            }
            let looks = late / WAIT.parse::<i64>().expect("a number") + 1;
            let most = usize::try_from(looks * 32).expect("few");
            assert!(puts.len() <= most, "{} calls in {late} s", puts.len());
        } else {
            scene.all_renewed(&large).await;
        }
        scene
            .execute("delete from link where id like 'many-%'")
            .await;
        scene.world.jira.clear_faults();
        scene.close().await;
    }
}

async fn r10_a_tenant_with_much_to_clean_up_delays_nobody(db: Db) {
    const MUCH: i64 = 1000;
    let scene = Scene::start(db, slow_keys()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("globex", OMAR);
    omar.link("u-100").await;
    let now = scene.clock.now();
    // Properties of people who are nobody's business any more.
    scene.execute(&format!(
            "insert into cleanup (id, kind, client_key, installation, account_id, due_at, failures, expires_at) \
             with recursive n(i) as (select 1 union all select i + 1 from n where i < {MUCH}) \
             select 'many-' || i, 'delete_property', '{}', 1, 'many-' || i, {now}, 0, {now} + 600000 from n",
            scene.client_key("acme"),
        ),
    )
    .await;
    // What was asked for last is not done at once, because Jira is away for a moment.
    jira.fault(
        jira::Fault::status(500)
            .on_property("DELETE")
            .at("globex")
            .times(1),
    );
    omar.disconnect().await;
    scene.advance(20);
    eventually("his property is deleted", async || {
        omar.property().is_none().then_some(())
    })
    .await;
    let left = "select count(*) from cleanup where id like 'many-%'";
    let left = scene.count(left).await;
    assert!(left > MUCH / 10, "{left} of {MUCH} are left");
    scene.no_work_left().await;
    scene.world.jira.take_unexpected();
    scene.end().await;
}

async fn r10_a_claim_reads_no_table_whole(db: Db) {
    let scene = Scene::start(db, slow_keys()).await;
    scene.person("acme", OMAR).link("u-100").await;
    let now = scene.clock.now();
    scene.execute(&format!(
            "insert into link (id, client_key, installation, account_id, subject, display_name, state, \
             generation, credential, key_expires_at, published_generation, published_expires_at, \
             published_at, put_again, due_at, failures, claims, unsettled, created_at, first_end) \
             with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) \
             select 'many-' || i, 'tenant-' || i % 50, 1, 'many-' || i, 'many-' || i, '', 'live', 1, 'none', \
             {now} + 9000, 1, {now} + 9000 + i, {now}, 0, {now} + 8000 + i, 0, 0, false, {now}, \
             {now} + 9000 + i from n"
        ),
    )
    .await;
    scene.execute("analyze").await;
    let postgres = db == Db::Postgres;
    let dialect = if postgres {
        Dialect::Postgres
    } else {
        Dialect::Sqlite
    };
    let claims = statements(dialect).filter(|(name, _)| {
        name.starts_with("CLAIM")
            || name.starts_with("CLEANUP_CLAIM")
            || ["TENANTS_DUE", "TENANTS_UNPUBLISHED", "TENANTS_TO_CLEAN"].contains(name)
    });
    let mut seen = 0;
    for (name, statement) in claims {
        seen += 1;
        let url = scene.database_url();
        if postgres {
            let mut connection = PgConnection::connect(url).await.expect("it opens");
            let parameters = (1..=9)
                .filter(|n| statement.contains(&format!("${n}")))
                .count();
            let values = vec!["null"; parameters].join(", ");
            for setup in [
                "set plan_cache_mode = force_generic_plan".to_owned(),
                // With the few rows of a test, reading all of a small table is cheap.
                "set enable_seqscan = off".to_owned(),
                format!("prepare asked as {statement}"),
            ] {
                connection
                    .execute(AssertSqlSafe(setup))
                    .await
                    .expect("it is taken");
            }
            let explain = AssertSqlSafe(format!("explain execute asked({values})"));
            let lines = connection.fetch_all(explain).await.expect("it has a plan");
            let plan: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
            let whole = plan.iter().any(|line| line.contains("Seq Scan"));
            assert!(!whole, "{name}: {plan:#?}");
            let of_link = plan
                .iter()
                .any(|line| line.contains("on link") || line.contains("on cleanup"));
            assert!(of_link, "{name}: {plan:#?}");
        } else {
            let mut connection = SqliteConnection::connect(url).await.expect("it opens");
            let explain = AssertSqlSafe(format!("explain query plan {statement}"));
            let lines = connection.fetch_all(explain).await.expect("it has a plan");
            let plan: Vec<String> = lines.iter().map(|line| line.get("detail")).collect();
            let whole = plan.iter().any(|line| {
                ["link", "l", "cleanup", "c", "tenant", "t", "gate", "g"]
                    .iter()
                    .any(|table| {
                        line == &format!("SCAN {table}")
                            || line.starts_with(&format!("SCAN {table} "))
                    })
            });
            assert!(!whole, "{name}: {plan:#?}");
        }
    }
    assert!(seen >= 6, "{seen}");
    scene
        .execute("delete from link where id like 'many-%'")
        .await;
    scene.end().await;
}

async fn r13_a_service_that_refuses_the_app_is_probed_and_rows_are_untouched(db: Db) {
    let setting = slow_keys().with("LATCHKEY_PROVIDER_CONCURRENCY", "2");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let people = scene.link_people("acme", 8, |_| LIFE).await;
    let (account, subject) = scene.crowd("globex", 1).remove(0);
    let waiting = scene.person("globex", &account);
    service.fault(Fault::always(Endpoint::Refresh, Kind::InvalidClient));
    scene.advance(LIFE * 2 / 3);
    eventually("the service is left alone", async || {
        (scene.left_alone_until("acme") > scene.clock.now() + 20).then_some(())
    })
    .await;
    let before =
        "select count(*) from link where client_key = '{}' and (generation > 1 or state <> 'live')";
    let before = before.replace("{}", &scene.client_key("acme"));
    assert!(
        service.calls_to(Endpoint::Refresh) <= 16,
        "five links, each perhaps more than once, and what was under way"
    );
    let probes = service.calls_to(Endpoint::Refresh);
    for _ in 0..3 {
        scene.another_probe_after(61).await;
    }
    let probes = service.calls_to(Endpoint::Refresh) - probes;
    assert!((3..=6).contains(&probes), "one for each wait: {probes}");
    assert_eq!(scene.count(&before).await, 0, "rows are untouched");
    let lines = scene.log.lines_with(&[
        "ERROR".to_owned(),
        "the service refuses this app".to_owned(),
    ]);
    assert!(lines.len() >= 4, "{lines:?}");

    // A person of another site connects meanwhile.
    let returned = waiting.until_returned(&subject).await;
    waiting.prove(&returned).await.is(200);
    service.clear_faults();
    scene.advance(61);
    scene.all_renewed(&people).await;
    waiting.confirm(&returned).await.leads_to();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_machines_whose_clocks_are_an_hour_off_go_by_the_databases() {
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: Duration::from_secs(9),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_CLOCK_IS_AHEAD", "3600");
    let scene = Scene::start_child(Db::Postgres, setting).await;
    let mut behind = Latchkey::start(|port| {
        let mut settings = scene.settings_of_child(port);
        settings.retain(|(name, _)| *name != "LATCHKEY_CLOCK_IS_AHEAD");
        settings.push(("LATCHKEY_CLOCK_IS_AHEAD", "-3600".to_owned()));
        settings
    })
    .await;
    // Its tokens are verified, and those it signs are taken.
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    scene.person("globex", MIA).link("u-200").await;
    for generation in [2, 3, 4] {
        let property = omar.property_of_generation(generation).await;
        let expires_at = property["expiresAt"].as_str().and_then(parse_rfc3339);
        let left = expires_at.expect("it says when") - scene.world.jira.now();
        assert!((0..=9).contains(&left), "the key has {left} s to live");
    }
    let ledger = scene.world.service.ledger();
    let asked = ledger.token_requests().iter();
    let asked = asked.filter(|request| request.endpoint == Endpoint::Refresh);
    // Neither takes what is not due, nor what the other has.
    assert!(asked.count() <= 20);
    assert!(ledger.overlaps().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    behind.stop().await;
    scene.end().await;
}
