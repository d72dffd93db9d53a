//! Trouble of all kinds at random against many links of many tenants, on two replicas. How long is each link
//! without a key that works?
//!
//! `scripts/trouble` is the long form: an hour, 1,000 links of 20 tenants, keys that live for a minute.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use latchkey::clock::{Clock, parse_rfc3339};
use latchkey::random::Random;
use reqwest::StatusCode;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::child::Latchkey;
use crate::ice::{self, Server};
use crate::links::link_all;
use crate::scene::{Db, PROPERTY, Person, Scene, Setting, together};
use crate::sim::service::{Endpoint, Fault, Kind, Rotation, ServiceOptions};
use crate::sim::{World, jira};

const SITES: [&str; 20] = [
    "acme", "globex", "site-03", "site-04", "site-05", "site-06", "site-07", "site-08", "site-09",
    "site-10", "site-11", "site-12", "site-13", "site-14", "site-15", "site-16", "site-17",
    "site-18", "site-19", "site-20",
];
/// What the product may need after a fault is over.
const AFTER: Duration = Duration::from_secs(10);
/// How often the keys are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long at most until every key works, once nothing is wrong any more.
const PATIENCE: Duration = Duration::from_secs(120);
/// For so long the service lets a lost answer be asked for again.
const GRACE: Duration = Duration::from_secs(300);

/// How much there is of everything.
struct Extent {
    lasts: Duration,
    tenants: usize,
    links_of_each: usize,
    key_life: Duration,
    /// The shortest and the longest fault.
    faults: (usize, usize),
    /// A machine that does much else is slow; `scripts/trouble` gives no extra time.
    slack: Duration,
}

impl Extent {
    fn read() -> Self {
        match std::env::var("LATCHKEY_TROUBLE") {
            Err(_) => Self {
                lasts: Duration::from_secs(40),
                tenants: 4,
                links_of_each: 12,
                key_life: Duration::from_secs(30),
                faults: (1, 3),
                slack: Duration::from_secs(20),
            },
            Ok(seconds) => Self {
                lasts: Duration::from_secs(seconds.parse().expect("a number of seconds")),
                tenants: 20,
                links_of_each: 50,
                key_life: Duration::from_secs(60),
                faults: (2, 25),
                slack: Duration::ZERO,
            },
        }
    }
}

/// What goes wrong. Those about one site, person or link concern the first; `Site` and so on are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    ServiceFails,
    ServiceIsDown,
    ServiceAsksToWait,
    ServiceIsSlow,
    AnswersAreLost,
    FiveAreRefusedInOtherWords,
    OneIsAskedToWaitAnHour,
    ThreeMayNotAsk,
    JiraFails,
    JiraIsDown,
    OneSiteAsksToWait,
    OneSiteIsGone,
    ConnectionsFreeze,
    DatabaseIsReadOnly,
    DatabaseRestarts,
    ReplicaIsKilled,
    ReplicaIsStopped,
    ReplicaReadsAgain,
}

const ALL: [Wrong; 18] = [
    Wrong::ServiceFails,
    Wrong::ServiceIsDown,
    Wrong::ServiceAsksToWait,
    Wrong::ServiceIsSlow,
    Wrong::AnswersAreLost,
    Wrong::FiveAreRefusedInOtherWords,
    Wrong::OneIsAskedToWaitAnHour,
    Wrong::ThreeMayNotAsk,
    Wrong::JiraFails,
    Wrong::JiraIsDown,
    Wrong::OneSiteAsksToWait,
    Wrong::OneSiteIsGone,
    Wrong::ConnectionsFreeze,
    Wrong::DatabaseIsReadOnly,
    Wrong::DatabaseRestarts,
    Wrong::ReplicaIsKilled,
    Wrong::ReplicaIsStopped,
    Wrong::ReplicaReadsAgain,
];

impl Wrong {
    /// Whether a link of this site with this subject may be without a key because of it.
    fn concerns(self, drawn: &Drawn, site: usize, subject: &str) -> bool {
        let among = |many: usize| drawn.subjects[..many].iter().any(|one| one == subject);
        match self {
            Self::FiveAreRefusedInOtherWords => among(5),
            Self::OneIsAskedToWaitAnHour => among(1),
            Self::ThreeMayNotAsk => among(3),
            Self::OneSiteAsksToWait | Self::OneSiteIsGone => drawn.site == site,
            _ => true,
        }
    }
}

/// Whom it is about, where it is about somebody.
#[derive(Clone)]
struct Drawn {
    site: usize,
    /// Five people of this site.
    subjects: Vec<String>,
}

/// A fault that happened.
struct Happened {
    what: Wrong,
    about: Drawn,
    from: Instant,
    to: Instant,
}

struct Watched {
    site: usize,
    account: String,
    subject: String,
    /// Since when it has no key that works.
    without_since: Option<Instant>,
    /// The times without one.
    gaps: Vec<(Instant, Instant)>,
}

/// Everything that can be put into trouble.
struct Stage {
    scene: Scene,
    second: Option<Latchkey>,
    server: Server,
    crowds: Vec<Vec<(String, String)>>,
    chance: Random,
}

impl Stage {
    async fn start(extent: &Extent, settings: &[(&'static str, &str)]) -> Self {
        let (server, url) = Server::start().await;
        let mut setting = Setting {
            service: ServiceOptions {
                access_token_life: extent.key_life,
                rotation: Rotation::Grace(GRACE),
                ..ServiceOptions::default()
            },
            postgres: Some(url),
            ..Setting::default()
        };
        for (name, value) in [("LATCHKEY_LOG", "warn")].iter().chain(settings) {
            setting = setting.with(name, *value);
        }
        let mut scene = Scene::start(Db::Postgres, setting).await;
        let life = i64::try_from(extent.key_life.as_secs()).expect("short");
        let mut crowds = Vec::new();
        for (number, site) in SITES.iter().take(extent.tenants).enumerate() {
            if number >= 2 {
                scene.add_site(site).await;
            }
            let before = number * extent.links_of_each;
            let crowd = scene.crowd(site, (before + extent.links_of_each) as u64);
            let crowd = crowd[before..].to_vec();
            link_all(&scene, &scene.app().clone(), site, &crowd, life).await;
            crowds.push(crowd);
        }
        scene.become_child().await;
        let second = Latchkey::start(|port| scene.settings_of_child(port)).await;
        Self {
            scene,
            second: Some(second),
            server,
            crowds,
            chance: Random::system(),
        }
    }

    fn below(&self, end: usize) -> usize {
        let most = i64::try_from(end - 1).expect("few");
        usize::try_from(self.chance.up_to(most)).expect("not negative")
    }

    fn draw(&self) -> Drawn {
        let site = self.below(self.crowds.len());
        let crowd = &self.crowds[site];
        let first = self.below(crowd.len() - 4);
        let five = &crowd[first..first + 5];
        Drawn {
            site,
            subjects: five.iter().map(|(_, subject)| subject.clone()).collect(),
        }
    }

    fn watched(&self) -> Vec<Watched> {
        let mut watched = Vec::new();
        for (site, crowd) in self.crowds.iter().enumerate() {
            watched.extend(crowd.iter().map(|(account, subject)| Watched {
                site,
                account: account.clone(),
                subject: subject.clone(),
                without_since: None,
                gaps: Vec::new(),
            }));
        }
        watched
    }

    async fn close(mut self) {
        if let Some(mut second) = self.second.take() {
            second.stop().await;
        }
        self.scene.child().stop().await;
        let unexpected = self.scene.world.unexpected();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
        // Not `Scene::end`, which looks for every secret: in an hour there are very many.
    }

    /// One fault after the other, with a pause between them or none.
    async fn mixed_trouble(&mut self, extent: &Extent) -> Vec<Happened> {
        let mut happened = Vec::new();
        let began = Instant::now();
        let (shortest, longest) = extent.faults;
        let mut next = self.below(ALL.len());
        while began.elapsed() < extent.lasts {
            // Each kind has its turn, in an order of its own.
            next = (next + 1 + self.below(3)) % ALL.len();
            let (what, about) = (ALL[next], self.draw());
            let lasts = shortest + self.below(longest - shortest + 1);
            let from = Instant::now();
            let lasts = Duration::from_secs(lasts as u64);
            self.suffer(what, &about, lasts).await;
            happened.push(Happened {
                what,
                about,
                from,
                to: Instant::now(),
            });
            sleep(Duration::from_secs(self.below(longest) as u64)).await;
        }
        happened
    }

    /// Begins it, and ends it after so long.
    async fn suffer(&mut self, what: Wrong, about: &Drawn, lasts: Duration) {
        let (service, jira) = (&self.scene.world.service, &self.scene.world.jira);
        let site = SITES[about.site];
        let asked = lasts.as_secs().max(1).to_string();
        let all = |kind| service.fault(Fault::always(Endpoint::Refresh, kind));
        let some = |many: usize, kind| {
            service.fault(Fault::always(Endpoint::Refresh, kind).of(&about.subjects[..many]));
        };
        match what {
            Wrong::ServiceFails => all(Kind::Status(503, Vec::new(), String::new())),
            Wrong::ServiceIsDown => service.fault(Fault::always(Endpoint::Any, Kind::Down)),
            Wrong::ServiceAsksToWait => all(wait(&asked)),
            Wrong::ServiceIsSlow => all(Kind::DelayAfter(Duration::from_secs(3))),
            Wrong::AnswersAreLost => all(Kind::CutAfter),
            Wrong::FiveAreRefusedInOtherWords => {
                some(5, says(r#"{"message":"Bad Request"}"#));
            }
            Wrong::OneIsAskedToWaitAnHour => some(1, wait("3600")),
            Wrong::ThreeMayNotAsk => {
                some(3, says(r#"{"error":"unauthorized_client"}"#));
            }
            Wrong::JiraFails => jira.fault(jira::Fault::status(503).on("", "/rest/*")),
            Wrong::JiraIsDown => jira.fault(jira::Fault::down("")),
            Wrong::OneSiteAsksToWait => {
                let burst = jira::Fault::rate_limited(Some("jira-burst-based"), Some(&asked));
                jira.fault(burst.on("", "/rest/*").at(site));
            }
            Wrong::OneSiteIsGone => {
                let page = jira::FaultKind::Status {
                    code: 404,
                    headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                    body: "<!doctype html><title>Page unavailable</title>".to_owned(),
                };
                jira.fault(jira::Fault::new(page).on("", "/rest/*").at(site));
            }
            Wrong::ConnectionsFreeze => self.server.begin(ice::Wrong::Frozen).await,
            Wrong::DatabaseIsReadOnly => self.server.begin(ice::Wrong::ReadOnly).await,
            Wrong::DatabaseRestarts => self.server.begin(ice::Wrong::Restarting).await,
            Wrong::ReplicaIsKilled => {
                let mut replica = self.second.take().expect("it runs");
                replica.kill9().await;
                self.second = Some(replica);
            }
            Wrong::ReplicaIsStopped => {
                let replica = self.second.as_mut().expect("it runs");
                replica.signal("TERM");
                replica.exit(Duration::from_secs(30)).await;
            }
            // It reads its settings again, and works on.
            Wrong::ReplicaReadsAgain => {
                let replica = self.second.as_ref().expect("it runs");
                replica.signal("HUP");
            }
        }
        sleep(lasts).await;
        self.end(what).await;
    }

    async fn end(&mut self, what: Wrong) {
        self.scene.world.service.clear_faults();
        self.scene.world.jira.clear_faults();
        match what {
            Wrong::DatabaseIsReadOnly => self.server.end(ice::Wrong::ReadOnly).await,
            Wrong::DatabaseRestarts => self.server.end(ice::Wrong::Restarting).await,
            Wrong::ReplicaIsKilled | Wrong::ReplicaIsStopped => {
                let replica = self.second.take().expect("it is kept");
                self.second = Some(replica.restart().await);
            }
            _ => {}
        }
    }
}

/// Looks at every key again and again, as somebody who opens the API with it would.
struct Watch {
    world: World,
    watched: Vec<Watched>,
}

impl Watch {
    /// Whether every key works.
    fn look(&mut self) -> bool {
        let (now, time) = (Instant::now(), Clock::system().now());
        let ledger = self.world.service.ledger();
        for one in &mut self.watched {
            let works = self.world.jira.look(|cloud| {
                let property = cloud.property(SITES[one.site], &one.account, PROPERTY)?;
                let expires_at = parse_rfc3339(property["expiresAt"].as_str()?)?;
                let key = property["apiKey"].as_str()?;
                let opens = ledger.opens_api(key) == Some(one.subject.as_str());
                Some(opens && expires_at > time)
            });
            match (works.unwrap_or(false), one.without_since) {
                (false, None) => one.without_since = Some(now),
                (true, Some(since)) => {
                    one.gaps.push((since, now));
                    one.without_since = None;
                }
                _ => {}
            }
        }
        self.watched.iter().all(|one| one.without_since.is_none())
    }

    /// Whose keys do not work now.
    fn without(&self) -> String {
        let without = self
            .watched
            .iter()
            .filter(|one| one.without_since.is_some());
        let names = without.map(|one| format!("{} at {}", one.subject, SITES[one.site]));
        names.collect::<Vec<_>>().join(", ")
    }

    async fn until_all_work(&mut self, why: &str) {
        let limit = Instant::now() + PATIENCE;
        while !self.look() {
            let in_time = Instant::now() < limit;
            assert!(
                in_time,
                "{why}: not within {PATIENCE:?}: {}",
                self.without()
            );
            sleep(LOOK).await;
        }
    }

    /// From now on, until it is told to end, and who waits for longer by right. Then it waits until the keys of all
    /// others work.
    fn go_on(mut self, mut end: oneshot::Receiver<Vec<String>>) -> JoinHandle<Vec<Watched>> {
        tokio::spawn(async move {
            let asked_to_wait = loop {
                if let Ok(asked_to_wait) = end.try_recv() {
                    break asked_to_wait;
                }
                self.look();
                sleep(LOOK).await;
            };
            self.watched
                .retain(|one| !asked_to_wait.contains(&one.subject));
            self.until_all_work("every key works again").await;
            self.watched
        })
    }
}

/// The longest time without a key, and what caused it.
struct Longest<'a> {
    gap: Duration,
    /// How long the faults lasted that may have caused it.
    faults: Duration,
    /// What the product may need after those that were not over when it began, which may follow one on the other.
    after: Duration,
    one: &'a Watched,
    causes: Vec<Wrong>,
}

impl Longest<'_> {
    /// For how much longer than its faults allow.
    fn over(&self) -> (Duration, Duration) {
        let allowed = self.faults + self.after;
        (self.gap.saturating_sub(allowed), self.gap)
    }
}

impl fmt::Display for Longest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {}: {:.1} s without a key, faults of {:.1} s: {:?}",
            self.one.subject,
            SITES[self.one.site],
            self.gap.as_secs_f64(),
            self.faults.as_secs_f64(),
            self.causes
        )
    }
}

/// For each link the time without a key that exceeds what its faults allow by most.
fn longest<'a>(watched: &'a [Watched], happened: &[Happened], life: Duration) -> Vec<Longest<'a>> {
    let of_gap = |one: &'a Watched, (from, to): (Instant, Instant)| {
        let causes = happened.iter().filter(|fault| {
            let in_time = fault.from < to && fault.to + life > from;
            in_time && fault.what.concerns(&fault.about, one.site, &one.subject)
        });
        let (mut faults, mut kinds) = (Duration::ZERO, Vec::new());
        let mut after = 0;
        for fault in causes {
            faults += fault.to - fault.from;
            kinds.push(fault.what);
            after += u32::from(fault.to > from);
        }
        Longest {
            gap: to - from,
            faults,
            after: AFTER * after.max(1),
            one,
            causes: kinds,
        }
    };
    let worst = |one: &'a Watched| {
        let gaps = one.gaps.iter().map(|gap| of_gap(one, *gap));
        gaps.max_by_key(Longest::over)
    };
    watched.iter().filter_map(worst).collect()
}

/// 1,000 links whose keys live for a minute write more often in an hour than Jira allows an app.
const PLENTY: (&str, &str) = ("LATCHKEY_JIRA_QUOTA", "200000");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_mixed_trouble_leaves_no_link_without_a_key_for_longer_than_its_fault() {
    let extent = Extent::read();
    let mut stage = Stage::start(&extent, &[PLENTY]).await;
    let mut watch = Watch {
        world: stage.scene.world.clone(),
        watched: stage.watched(),
    };
    watch.until_all_work("every link has a key").await;
    for one in &mut watch.watched {
        one.gaps.clear();
    }
    let (end, ended) = oneshot::channel();
    let watching = watch.go_on(ended);
    let happened = stage.mixed_trouble(&extent).await;
    // The service has asked these to wait for an hour. They are not lost, but their fault lasts.
    let asked = happened
        .iter()
        .filter(|fault| fault.what == Wrong::OneIsAskedToWaitAnHour);
    let asked: Vec<String> = asked.map(|fault| fault.about.subjects[0].clone()).collect();
    end.send(asked).expect("somebody watches");
    let watched = watching.await.expect("the watch does not panic");

    report(&extent, &watched, &happened);
    let ledger = stage.scene.world.service.ledger();
    let overlaps = ledger.overlaps();
    assert!(overlaps.is_empty(), "{:#?}", overlaps.first());
    assert!(ledger.reused_refresh_tokens().is_empty());
    let links = stage.watched().len();
    assert_eq!(ledger.live_grants().len(), links, "no link is lost");
    drop(ledger);
    let back = stage.scene.world.jira.generations_gone_back();
    assert!(back.is_empty(), "{back:?}");
    stage.close().await;
}

/// As often a person may link and unlink in a circle without being told to wait on the way: each round has several
/// actions, of which a person has one a second.
const A_ROUND: Duration = Duration::from_secs(4);
/// Points of Jira's quota that people may spend: they are gone at once.
const FOR_PEOPLE: [(&str, &str); 2] = [
    ("LATCHKEY_JIRA_QUOTA", "10000"),
    ("LATCHKEY_JIRA_RENEWAL_SHARE", "95"),
];

/// T29, R29, F6: one person brings on 429 with an hour's wait, three an `unauthorized_client`, codes of another
/// make the service fail, eight link and unlink in a circle, and five grants are dead in odd words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t29_what_people_of_one_tenant_bring_on_costs_no_other_link_anything() {
    let extent = Extent {
        tenants: 2,
        ..Extent::read()
    };
    let extent = match std::env::var("LATCHKEY_TROUBLE") {
        Err(_) => extent,
        Ok(_) => Extent {
            links_of_each: 100,
            ..extent
        },
    };
    let stage = Stage::start(&extent, &FOR_PEOPLE).await;
    let (scene, service) = (&stage.scene, &stage.scene.world.service);
    scene.world.jira.set_limits(jira::Limits {
        quota: Some(10_000),
        burst: None,
    });
    let accused: Vec<&str> = stage.crowds[0][..9]
        .iter()
        .map(|(_, subject)| subject.as_str())
        .collect();
    let mut watch = Watch {
        world: scene.world.clone(),
        watched: stage.watched(),
    };
    watch.until_all_work("every link has a key").await;
    watch
        .watched
        .retain(|one| !accused.contains(&one.subject.as_str()));
    for one in &mut watch.watched {
        one.gaps.clear();
    }
    service.fault(Fault::always(Endpoint::Refresh, wait("3600")).of(accused[..1].iter().copied()));
    let refused = says(r#"{"error":"unauthorized_client"}"#);
    service.fault(Fault::always(Endpoint::Refresh, refused).of(accused[1..4].iter().copied()));
    for dead in &accused[4..] {
        service.withdraw(dead);
    }
    service.fault(
        Fault::always(Endpoint::Refresh, Kind::DeadInOtherWords).of(accused[4..].iter().copied()),
    );
    let all = stage.crowds.iter().map(Vec::len).sum::<usize>();
    let more = scene.crowd(SITES[0], all as u64 + 9).split_off(all);
    let fails = Kind::Status(500, Vec::new(), String::new());
    service.fault(Fault::always(Endpoint::Redeem, fails).of([&more[8].1]));

    let (end, ended) = oneshot::channel();
    let watching = watch.go_on(ended);
    let people = more.iter().map(|(account, subject)| async {
        let person = scene.person(SITES[0], account);
        loop {
            link_and_unlink(&person, subject).await;
            sleep(A_ROUND).await;
        }
    });
    tokio::select! {
        () = sleep(extent.lasts) => {}
        () = together(people) => unreachable!("they never end"),
    }
    end.send(Vec::new()).expect("somebody watches");
    let watched = watching.await.expect("the watch does not panic");
    let without: Vec<_> = longest(&watched, &[], extent.key_life);
    let (without, links) = (without.iter(), watched.len());
    println!(
        "{} of {links} links were without a key that works",
        without.len()
    );
    for one in without {
        assert!(one.gap <= extent.slack, "{one}");
    }
    stage.close().await;
}

/// Unless nobody may begin now.
async fn link_and_unlink(person: &Person<'_>, subject: &str) {
    let Some(begun) = person.try_begin().await else {
        return;
    };
    let returned = person.return_of(&begun, subject).await;
    person.prove(&returned).await.is(200);
    // Where the code made the service fail, this page says so.
    if person.confirm(&returned).await.status == StatusCode::SEE_OTHER {
        person.disconnect().await;
    }
}

/// An answer of 429 that asks to wait for so many seconds.
fn wait(seconds: &str) -> Kind {
    let after = ("retry-after".to_owned(), seconds.to_owned());
    Kind::Status(429, vec![after], String::new())
}

/// An answer of 400 with this JSON.
fn says(body: &str) -> Kind {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    Kind::Status(400, vec![json], body.to_owned())
}

/// Says what happened, and holds each link against what its faults allow.
fn report(extent: &Extent, watched: &[Watched], happened: &[Happened]) {
    let mut kinds: BTreeMap<Wrong, (u32, Duration)> = BTreeMap::new();
    for fault in happened {
        let (times, lasted) = kinds.entry(fault.what).or_default();
        *times += 1;
        *lasted += fault.to - fault.from;
    }
    let mut all = longest(watched, happened, extent.key_life);
    all.sort_by_key(|one| std::cmp::Reverse(one.over()));
    println!("| fault | times | seconds | longest time without a key beside it |");
    println!("|---|---|---|---|");
    for (kind, (times, lasted)) in &kinds {
        let beside = all.iter().filter(|one| one.causes.contains(kind));
        let worst = beside.map(|one| one.gap).max().unwrap_or_default();
        let (lasted, worst) = (lasted.as_secs_f64(), worst.as_secs_f64());
        println!("| {kind:?} | {times} | {lasted:.0} | {worst:.1} |");
    }
    let (with, links) = (all.len(), watched.len());
    println!(
        "{with} of {links} links were without a key that works, {} never",
        links - with
    );
    for one in &all {
        println!("{one}");
    }
    if let Some(worst) = all.first() {
        assert!(worst.over().0 <= extent.slack, "{worst}");
    }
}
