//! Where a story plays: the product, a simulated world, a database; and the people in it, with a
//! vocabulary for what they do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::model::{AccountId, ClientKey, LifecycleCall, Link};
use latchkey::operate::gathering::Gathering;
use latchkey::outbound::{Outbound, TIME_LIMIT};
use latchkey::random::Random;
use latchkey::server::Running;
use latchkey::store::Figures;
use latchkey::{App, Outside};

use crate::child::{Latchkey, Stderr, free_port};
use crate::database;
use crate::logs::{self, Log};
use crate::postgres::Postgres;
use crate::sim::World;
use crate::sim::jira::{By, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind, Ledger, ServiceOptions};

/// The user property's key in every story.
pub const PROPERTY: &str = "latchkey";
const SEALING_KEY: &str = "k1:bGF0Y2hrZXktdGVzdHMtc2VhbGluZy1rZXktMDAwMDE=";
const SEALING_SECRET: &str = "bGF0Y2hrZXktdGVzdHMtc2VhbGluZy1rZXktMDAwMDE=";

/// Which database a story plays on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Db {
    Sqlite,
    Postgres,
}

/// Makes two tests of each story: one for each database.
#[macro_export]
macro_rules! on_both_databases {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::scene::Db::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story($crate::scene::Db::Postgres).await;
            })+
        }
    };
}

/// What a story wants to be different.
#[derive(Default)]
pub struct Setting {
    pub service: ServiceOptions,
    /// These win over what the world says. `{service}` stands for where the service is.
    pub settings: Vec<(&'static str, String)>,
    /// A path in the base URL.
    pub base_path: &'static str,
    /// A PostgreSQL database of the story's own, where it does something to the server.
    pub postgres: Option<String>,
    /// Where the product listens, if somebody has to know that before it starts.
    pub listener: Option<TcpListener>,
    /// How long the product waits for other servers, where it does not run as a child.
    pub time_limit: Option<Duration>,
}

impl Setting {
    /// Keys that live this many seconds.
    pub fn keys_live(seconds: u64) -> Self {
        Self {
            service: ServiceOptions {
                access_token_life: Duration::from_secs(seconds),
                ..ServiceOptions::default()
            },
            ..Self::default()
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }
}

/// The product in its world.
pub struct Scene {
    pub world: World,
    pub base: String,
    pub http: reqwest::Client,
    pub clock: Clock,
    /// What was logged since the story began.
    pub log: Log,
    /// Secrets of whoever else is in the story.
    pub other_secrets: Vec<String>,
    /// What the product gave away for one use: sessions, states, nonces, handles.
    one_time: Mutex<Vec<String>>,
    pairs: Vec<(&'static str, String)>,
    base_path: &'static str,
    time_limit: Duration,
    database: Database,
    running: Option<Product>,
}

/// The product, as it runs in a story.
enum Product {
    /// In this process, with a clock that a story moves.
    Here(Running),
    /// The real binary, which can be killed.
    Child(Latchkey),
}

enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Scene {
    /// Starts everything and installs the app on both sites.
    pub async fn start(db: Db, setting: Setting) -> Self {
        let scene = Self::start_uninstalled(db, setting).await;
        scene.install().await;
        scene
    }

    pub async fn start_uninstalled(db: Db, setting: Setting) -> Self {
        let mut setting = setting;
        let listener = match setting.listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(("127.0.0.1", 0))
                .await
                .expect("a free port"),
        };
        let mut scene = Self::set(db, setting).await;
        let port = listener.local_addr().expect("it has an address").port();
        scene.stand_at(port);
        scene.run(listener).await;
        scene
    }

    /// The same with the real binary as a child process. Its clock is the system's.
    pub async fn start_child(db: Db, setting: Setting) -> Self {
        Self::start_child_heard(db, setting, Stderr::Read).await
    }

    /// The same, and this becomes of what the child writes to standard error.
    pub async fn start_child_heard(db: Db, setting: Setting, stderr: Stderr) -> Self {
        let mut scene = Self::set(db, setting).await;
        let settings = |port| scene.settings_of_child(port);
        let latchkey = Latchkey::start_heard(settings, stderr).await;
        scene.stand_at(latchkey.port());
        scene.running = Some(Product::Child(latchkey));
        scene.install().await;
        scene
    }

    /// The settings of a child that listens on this port; until there is a first, of that one.
    pub fn settings_of_child(&self, port: u16) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            ("LATCHKEY_BASE_URL", self.base_at(port)),
            ("LATCHKEY_LOG", "info,latchkey=debug".to_owned()),
        ];
        pairs.retain(|(name, _)| self.setting(name).is_none());
        pairs.extend_from_slice(&self.pairs);
        let metrics = format!("127.0.0.1:{}", free_port());
        pairs.push(("LATCHKEY_METRICS_LISTEN", metrics));
        pairs
    }

    async fn install(&self) {
        for site in ["acme", "globex"] {
            self.world
                .jira
                .install(site, &self.address("/atlassian-connect.json"))
                .await
                .expect("the app is installed");
        }
    }

    async fn set(db: Db, setting: Setting) -> Self {
        let log = logs::capture();
        let world = World::start(setting.service).await;
        let (database, url) = match db {
            Db::Sqlite => {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let url = format!(
                    "sqlite://{}",
                    directory.path().join("latchkey.db").display()
                );
                (Database::Sqlite(directory), url)
            }
            Db::Postgres => {
                let url = match setting.postgres {
                    Some(url) => url,
                    None => Postgres::database().await,
                };
                (Database::Postgres(url.clone()), url)
            }
        };
        let mut pairs = world.settings();
        pairs.extend([
            ("LATCHKEY_SEALING_KEYS", SEALING_KEY.to_owned()),
            ("LATCHKEY_DATABASE_URL", url),
            ("LATCHKEY_PROPERTY_KEY", PROPERTY.to_owned()),
            // A story about the time between the signal and the end says what it wants.
            ("LATCHKEY_DRAIN", "0".to_owned()),
            // Nobody else calls these sites. A story about bursts says what it wants.
            ("LATCHKEY_JIRA_BURST", "1000".to_owned()),
        ]);
        for (name, value) in setting.settings {
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name, value.replace("{service}", world.service.issuer())));
        }
        Self {
            http: crate::sim::jira::loopback_client(),
            clock: Clock::movable(),
            log,
            other_secrets: Vec::new(),
            one_time: Mutex::default(),
            world,
            base: String::new(),
            base_path: setting.base_path,
            time_limit: setting.time_limit.unwrap_or(TIME_LIMIT),
            pairs,
            database,
            running: None,
        }
    }

    fn base_at(&self, port: u16) -> String {
        format!("http://latchkey.localhost:{port}{}", self.base_path)
    }

    /// From here on the product is found on this port.
    fn stand_at(&mut self, port: u16) {
        self.base = self.base_at(port);
        self.world
            .service
            .register_redirect(&format!("{}/link/callback", self.base));
        if self.setting("LATCHKEY_BASE_URL").is_none() {
            self.pairs.push(("LATCHKEY_BASE_URL", self.base.clone()));
        }
    }

    async fn run(&mut self, listener: TcpListener) {
        let app = self.app_of_its_own().await;
        let running = Running::start(app, listener).expect("it runs");
        self.running = Some(Product::Here(running));
    }

    /// Another app on the same database, as a second replica has it; it serves and renews nothing.
    pub async fn app_of_its_own(&self) -> Arc<App> {
        // No setting, but something that only a child can be told.
        let pairs = self.pairs.iter();
        let pairs = pairs.filter(|(name, _)| *name != "LATCHKEY_MOMENTS");
        let pairs = pairs.map(|(name, value)| (*name, value.as_str()));
        let config = Config::from_pairs(pairs).expect("the settings are good");
        let outside = Outside {
            clock: self.clock.clone(),
            random: Random::system(),
            http: Outbound::with_time_limit(true, self.time_limit).expect("an HTTP client"),
        };
        App::new(config, outside).await.expect("the app starts")
    }

    /// Stops the product and starts it again with another value of a setting.
    pub async fn restart_with(&mut self, name: &'static str, value: &str) {
        self.pairs.retain(|(known, _)| *known != name);
        self.pairs.push((name, value.to_owned()));
        self.restart().await;
    }

    /// Stops the product and starts it again on the same port and database. A child that was killed
    /// is only started again.
    pub async fn restart(&mut self) {
        match self.running.take().expect("it is running") {
            Product::Here(running) => {
                let address = running.address().tcp().expect("it has a port");
                running.stop().await;
                self.start_again(address).await;
            }
            Product::Child(latchkey) => {
                self.running = Some(Product::Child(latchkey.restart().await));
            }
        }
    }

    /// Stops the product that runs in this process: nobody answers there until `start_again`.
    pub async fn stop(&mut self) -> SocketAddr {
        match self.running.take() {
            Some(Product::Here(running)) => {
                let address = running.address().tcp().expect("it has a port");
                running.stop().await;
                address
            }
            _ => panic!("the product does not run in this process"),
        }
    }

    pub async fn start_again(&mut self, address: SocketAddr) {
        let listener = TcpListener::bind(address)
            .await
            .expect("its port is free again");
        self.run(listener).await;
    }

    /// The product that runs in this process gives way to the real binary, with the same address and
    /// database.
    pub async fn become_child(&mut self) {
        let port = self.stop().await.port();
        let latchkey = Latchkey::start_at(port, self.settings_of_child(port)).await;
        self.running = Some(Product::Child(latchkey));
    }

    pub fn app(&self) -> &Arc<App> {
        match &self.running {
            Some(Product::Here(running)) => running.app(),
            _ => panic!("the product does not run in this process"),
        }
    }

    pub fn child(&mut self) -> &mut Latchkey {
        match &mut self.running {
            Some(Product::Child(latchkey)) => latchkey,
            _ => panic!("the product is no child process"),
        }
    }

    pub fn settings(&self) -> &[(&'static str, String)] {
        &self.pairs
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter();
        let pair = pairs.find(|(known, _)| *known == name);
        pair.map(|(_, value)| value.as_str())
    }

    pub fn database_url(&self) -> &str {
        self.setting("LATCHKEY_DATABASE_URL")
            .expect("there is a database")
    }

    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Moves everybody's clock.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
        self.world
            .advance(Duration::from_secs(seconds.unsigned_abs()));
    }

    /// Until nothing that a process has sent to Jira without a word about it can arrive any more.
    pub fn let_late_writes_pass(&self) {
        self.advance(121);
    }

    /// To the beginning of an hour, so that the real clock does not end it.
    pub fn advance_to_the_hour(&self) {
        self.advance(3600 - self.clock.now() % 3600 + 60);
    }

    /// Writes how many of Jira's points were taken in an hour since the epoch, and how many of them for renewals.
    pub async fn set_points(&self, hour: i64, taken: i64, renewal: i64) {
        self.execute(&format!(
            "insert into quota (hour, taken, renewal) values ({hour}, {taken}, {renewal}) \
             on conflict (hour) do update set taken = {taken}, renewal = {renewal}"
        ))
        .await;
    }

    /// So many more people on this site who have an account at the service each; their Jira accounts
    /// and their subjects.
    pub fn crowd(&self, site: &'static str, size: u64) -> Vec<(String, String)> {
        use crate::sim::{jira, service};
        (1..=size)
            .map(|number| {
                let account = format!("712020:crowd-{number:04}");
                let subject = format!("u-crowd-{number:04}");
                let name = format!("Person {number}");
                let person = jira::Person::new(&account, &name);
                self.world.jira.add_person(site, person);
                self.world.service.add_person(service::Person {
                    subject: subject.clone(),
                    number: 10_000 + number,
                    login: format!("person-{number}"),
                    name,
                });
                (account, subject)
            })
            .collect()
    }

    /// A site where the Forge app was installed, and called once.
    pub async fn with_forge(&self, site: &str) {
        let jira = &self.world.jira;
        jira.add_site(site, "A site of Forge");
        jira.put_forge(site, &self.base);
        assert_eq!(jira.tick(site).await.status, 204);
    }

    pub fn person(&self, site: &'static str, account: &str) -> Person<'_> {
        Person {
            scene: self,
            site,
            account: account.to_owned(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.address(path))).await
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.expect("the product answers")).await;
        self.keep_one_time(&answer);
        answer
    }

    /// Atlassian's name of a site.
    pub fn client_key(&self, site: &str) -> String {
        let site = self.world.jira.site(site);
        match site.app {
            // A site that moves from Connect to Forge keeps its name.
            Some(_) => site.client_key,
            None => format!("ari:cloud:jira::site/{}", site.cloud_id),
        }
    }

    /// What `/metrics` says now.
    pub async fn metrics(&self) -> String {
        let request = axum::http::Request::get("/metrics").body(Body::empty());
        let answer = latchkey::web::metrics_router(Arc::new(Gathering::new(self.app().clone())))
            .oneshot(request.expect("a request"))
            .await
            .unwrap_or_else(|never| match never {});
        assert_eq!(answer.status(), StatusCode::OK);
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        String::from_utf8(body.expect("it is all there").into()).expect("it is text")
    }

    /// How many security events of this kind the product has counted since it started.
    pub async fn events(&self, event: &str, kind: &str) -> u64 {
        let name = format!("latchkey_security_events_total{{event=\"{event}\",kind=\"{kind}\"}} ");
        let metrics = self.metrics().await;
        let mut figures = metrics.lines().filter_map(|line| line.strip_prefix(&name));
        let count = figures.next().map(|count| count.parse());
        count.map_or(0, |count| count.expect("a counter is a number"))
    }

    /// A security event was counted so many times, and a line of the log names it with these fields.
    pub async fn has_recorded(
        &self,
        (event, kind): (&str, &str),
        times: u64,
        fields: &[(&str, &str)],
    ) {
        assert_eq!(self.events(event, kind).await, times, "{event} {kind}");
        let mut parts = vec![format!("event=\"{event}\" kind=\"{kind}\"")];
        parts.extend(
            fields
                .iter()
                .map(|(name, value)| format!(" {name}={value} ")),
        );
        let lines = self.log.lines_with(&parts);
        assert!(!lines.is_empty(), "no line has {parts:?}");
    }

    /// Runs one statement beside the product.
    pub async fn execute(&self, statement: &str) {
        let mut database = database::Database::open(self.database_url()).await;
        database.execute(statement).await;
        database.close().await;
    }

    /// The number that a query beside the product gives.
    pub async fn count(&self, query: &str) -> i64 {
        let mut database = database::Database::open(self.database_url()).await;
        let count = database.count(query).await;
        database.close().await;
        count
    }

    /// Everything that must not be found in logs and databases.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.world.secrets();
        secrets.push(SEALING_SECRET.to_owned());
        secrets.extend(self.other_secrets.iter().cloned());
        secrets.extend(self.one_time().iter().cloned());
        secrets
    }

    fn one_time(&self) -> MutexGuard<'_, Vec<String>> {
        self.one_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an answer gives to this browser alone.
    fn keep_one_time(&self, answer: &Answer) {
        let cookie = answer.cookie.as_deref().and_then(|set| set.split_once('='));
        let value = cookie.and_then(|(_, rest)| rest.split(';').next());
        let location = answer.location.as_deref();
        let url = location.and_then(|location| url::Url::parse(location).ok());
        let pairs = url.iter().flat_map(url::Url::query_pairs);
        let parameters = pairs
            .filter(|(name, _)| matches!(&**name, "state" | "nonce" | "ac.handle"))
            .map(|(_, value)| value.into_owned());
        let values = value.map(str::to_owned).into_iter().chain(parameters);
        self.one_time()
            .extend(values.filter(|value| value.len() >= 16));
    }

    /// How every story ends: nothing is left to do, nobody saw what they did not expect, and no secret
    /// is in the log or in the database.
    pub async fn end(self) {
        self.no_work_left().await;
        assert_eq!(
            self.world.unexpected(),
            Vec::<String>::new(),
            "the world saw what it did not expect"
        );
        assert!(
            self.world.jira.generations_gone_back().is_empty(),
            "a generation went backwards in Jira"
        );
        self.close().await;
    }

    /// For stories that end in the middle of something.
    pub async fn close(mut self) {
        match self.running.take() {
            Some(Product::Here(running)) => running.stop().await,
            Some(Product::Child(mut latchkey)) => latchkey.stop().await,
            None => {}
        }
        let secrets = self.secrets();
        self.database_is_free_of(&secrets).await;
        self.log.assert_no_secret(&secrets);
    }

    /// Fails if one of these stands in the database in clear.
    pub async fn database_is_free_of(&self, secrets: &[String]) {
        match &self.database {
            Database::Sqlite(directory) => {
                let file: PathBuf = directory.path().join("latchkey.db");
                logs::assert_sqlite_free_of_secrets(&file, secrets).await;
            }
            Database::Postgres(url) => {
                let dump = Postgres::dump(url).await;
                logs::assert_free_of_secrets("the database", dump.as_bytes(), secrets);
            }
        }
    }

    /// Every value of every row, as text.
    pub async fn rows(&self) -> String {
        match &self.database {
            Database::Sqlite(directory) => {
                logs::sqlite_rows(&directory.path().join("latchkey.db")).await
            }
            Database::Postgres(url) => Postgres::dump(url).await,
        }
    }

    /// Makes every link due, and waits until this many renewals are in flight: the service has rotated
    /// their tokens and holds its answers.
    pub async fn hold_renewals(&self, count: usize) {
        let service = &self.world.service;
        service.fault(Fault::always(Endpoint::Refresh, Kind::AnswerHeld));
        self.execute("update link set due_at = 0").await;
        let in_flight = |ledger: &Ledger| {
            let requests = ledger.token_requests().iter();
            let open =
                requests.filter(|request| request.outcome.is_some() && request.ended.is_none());
            open.count()
        };
        let patience = Duration::from_secs(30);
        service
            .wait_until("all are in flight", patience, |ledger| {
                in_flight(ledger) == count
            })
            .await;
    }

    /// Waits until no token and no API key that the service gave still works.
    pub async fn all_revoked(&self) {
        eventually("every token and key is revoked", async || {
            let ledger = self.world.service.ledger();
            (ledger.live_grants().is_empty() && ledger.live_api_keys().is_empty()).then_some(())
        })
        .await;
    }

    /// After the last link has ended: waits until no work is left over. By then no token and no API key works, and
    /// nothing is held back. Where an answer of the service may still be on its way, [`Self::all_revoked`] comes
    /// first.
    pub async fn nothing_left(&self) {
        self.no_work_left().await;
        {
            let ledger = self.world.service.ledger();
            assert!(ledger.live_grants().is_empty(), "{ledger}");
            assert!(ledger.live_api_keys().is_empty(), "{ledger}");
        }
        let rows = self.count("select count(*) from cleanup").await;
        assert_eq!(
            rows, 0,
            "cleanup is held back although every link has ended"
        );
    }

    /// Waits until all cleanup is done except what is held back for another link.
    pub async fn cleaned_up(&self, words: &str) {
        eventually(words, async || {
            (self.figures().await?.cleanup == 0).then_some(())
        })
        .await;
    }

    /// The store's figures as of now; none while the database cannot be read.
    pub async fn figures(&self) -> Option<Figures> {
        let store = &self.app().parts.store;
        store.figures(self.clock.now()).await.ok()
    }

    /// Waits until every revocation and deletion is done; a claim may be under way just now.
    pub async fn no_work_left(&self) {
        eventually("no work is left over", async || {
            let (cleanup, unsettled) = match &self.running {
                Some(Product::Child(latchkey)) => (
                    latchkey.figure("latchkey_cleanup_left").await?,
                    latchkey.figure("latchkey_intents_unsettled").await?,
                ),
                _ => {
                    let figures = self.figures().await?;
                    (figures.cleanup, figures.unsettled)
                }
            };
            (cleanup == 0 && unsettled == 0).then_some(())
        })
        .await;
    }
}

/// A lifecycle call as it reaches the store, signed now.
pub fn told(now: i64) -> LifecycleCall {
    LifecycleCall {
        token_hash: Random::system().id(),
        body_hash: String::new(),
        signed_at: now,
        expires_at: now + 60,
    }
}

/// Asks until the answer is there; for what the product gives no sign of.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "in a minute it did not come to this: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for all of these, which go on at the same time.
pub async fn together<F: Future<Output = ()>>(all: impl IntoIterator<Item = F>) {
    let mut left: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        left.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if left.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// What came back, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub cookie: Option<String>,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let headers = response.headers().clone();
        let header = |name| {
            headers
                .get(name)
                .and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok())
                .map(str::to_owned)
        };
        Self {
            status: response.status(),
            location: header(LOCATION),
            cookie: header(SET_COOKIE),
            text: response.text().await.expect("the answer is text"),
            headers,
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// A problem document of this name.
    #[track_caller]
    pub fn is_problem(&self, status: u16, name: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:latchkey:problem:{name}"));
        assert_eq!(problem["status"], status);
        problem
    }

    /// A page for people that shows this code.
    #[expect(
        clippy::wrong_self_convention,
        reason = "as `is`, it hands the answer on"
    )]
    #[track_caller]
    pub fn is_page(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let shown = format!("<code>{code}</code>");
        assert!(answer.text.contains(&shown), "{}", answer.text);
        answer
    }

    /// The page with its texts as a person reads them, within its other markup.
    pub fn reads(&self) -> String {
        let text = self.text.replace("&#39;", "'").replace("</bdi>", "");
        let mut pieces = text.split("<bdi ");
        let first = pieces.next().unwrap_or_default().to_owned();
        // Each begins with the rest of its tag.
        let rest = pieces.filter_map(|piece| piece.split_once('>'));
        let rest: String = rest.map(|(_, text)| text).collect();
        format!("{first}{rest}")
    }

    #[track_caller]
    pub fn leads_to(&self) -> &str {
        assert_eq!(self.status.as_u16(), 303, "{}", self.text);
        self.location.as_deref().expect("a redirect has an address")
    }
}

/// Somebody in Jira, without a browser.
#[derive(Clone)]
pub struct Person<'a> {
    pub scene: &'a Scene,
    pub site: &'static str,
    pub account: String,
}

/// An attempt that came back from the service, on its way through Jira.
#[derive(Debug, Clone)]
pub struct Returned {
    pub id: String,
    pub handle: String,
    /// Of the browser that came back.
    pub cookie: String,
}

/// What the page with both accounts says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Both {
    pub person: String,
    pub account_id: String,
    pub site: String,
    pub service: String,
    pub name: String,
    pub subject: String,
    /// Names of the account that is replaced and of the one that replaces it.
    pub replaces: Option<(String, String)>,
    /// The sentence about others who are connected to the same account.
    pub shared: Option<String>,
    pub warns_of_elsewhere: bool,
    /// What a confirmation carries.
    pub page: String,
}

/// The text between two texts.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

impl Both {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        let text = answer.text.as_str();
        let named = |id: &str| {
            let element = between(text, &format!("id=\"{id}\""), "</");
            let element = element.unwrap_or_else(|| panic!("{id} is not there: {text}"));
            let (_, words) = element.split_once('>').expect("the tag ends");
            words.to_owned()
        };
        let bold = |what: &str| {
            between(text, &format!("<bdi data-value=\"{what}\">"), "</bdi>").map(str::to_owned)
        };
        let reads = answer.reads();
        let shared = between(&reads, "id=\"shared\">", "</div>");
        Self {
            person: named("jira-name"),
            account_id: named("jira-account"),
            site: named("jira-site"),
            service: named("service-label"),
            name: named("service-name"),
            subject: named("service-subject"),
            replaces: bold("old").zip(bold("new")),
            shared: shared.map(|shared| {
                between(shared, "<p>", "</p>")
                    .unwrap_or_default()
                    .to_owned()
            }),
            warns_of_elsewhere: text.contains("id=\"elsewhere\""),
            page: between(text, "name=\"page\" value=\"", "\"")
                .expect("the page has a token")
                .to_owned(),
        }
    }
}

/// A site of Forge alone.
pub const FORGE_SITE: &str = "initech";

/// An attempt that has begun in one browser.
#[derive(Debug, Clone)]
pub struct Begun {
    pub id: String,
    pub cookie: String,
}

impl Person<'_> {
    /// A call of this person's was refused for this reason, in the shape that their door takes.
    #[track_caller]
    pub fn refused(&self, answer: &Answer, status: u16, name: &str) -> Value {
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let shape = match self.scene.world.jira.has_forge(self.site) {
            true => "application/json",
            false => "application/problem+json",
        };
        assert_eq!(answer.headers["content-type"], shape);
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:latchkey:problem:{name}"));
        problem
    }

    pub fn token(&self) -> String {
        self.scene
            .world
            .jira
            .context_token(self.site, self.account.as_str(), &Overrides::none())
    }

    /// A call by the door of their site.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let authorization = match self.scene.world.jira.has_forge(self.site) {
            true => format!("Bearer {}", self.invocation(&Overrides::none())),
            false => format!("JWT {}", self.token()),
        };
        self.scene
            .http
            .request(method, self.scene.address(path))
            .header(AUTHORIZATION, authorization)
    }

    /// The token of a call from a page of Forge.
    pub fn invocation(&self, overrides: &Overrides) -> String {
        let by = By::Person(&self.account);
        let jira = &self.scene.world.jira;
        jira.invocation_token(self.site, by, overrides)
    }

    pub async fn status(&self) -> Value {
        self.scene
            .send(self.call(Method::GET, "/api/link"))
            .await
            .is(200)
            .json()
    }

    pub async fn state(&self) -> String {
        self.status().await["state"]
            .as_str()
            .expect("there is a state")
            .to_owned()
    }

    pub async fn disconnect(&self) {
        self.scene
            .send(self.call(Method::DELETE, "/api/link"))
            .await
            .is(204);
    }

    pub async fn renew(&self) -> Answer {
        self.scene
            .send(self.call(Method::POST, "/api/link/renew"))
            .await
    }

    /// Clicks Connect.
    pub async fn begin(&self) -> Begun {
        if self.scene.world.jira.has_forge(self.site) {
            let address = self.ticket().await.is(200).json();
            let address = address["url"].as_str().expect("a ticket has an address");
            let answer = self.scene.send(self.scene.http.get(address)).await;
            return self.begun(&answer);
        }
        let answer = self.begin_with(&self.token()).await;
        self.begun(&answer)
    }

    /// Asks for a ticket, from the panel of Forge.
    pub async fn ticket(&self) -> Answer {
        let call = self.call(Method::POST, "/api/link/ticket");
        self.scene.send(call.json(&json!({"issue": "KEY-1"}))).await
    }

    /// The same, where the answer may be to wait.
    pub async fn try_begin(&self) -> Option<Begun> {
        let answer = self.begin_with(&self.token()).await;
        (answer.status == StatusCode::SEE_OTHER).then(|| self.begun(&answer))
    }

    fn begun(&self, answer: &Answer) -> Begun {
        Begun {
            id: id_of(self.scene, answer.leads_to()),
            cookie: cookie_of(answer),
        }
    }

    pub async fn begin_with(&self, token: &str) -> Answer {
        let form = [("jwt", token), ("issue", "KEY-1")];
        let request = self
            .scene
            .http
            .post(self.scene.address("/link"))
            .form(&form);
        self.scene.send(request).await
    }

    /// Clicks Continue: the address at the service.
    pub async fn go_on(&self, begun: &Begun) -> String {
        let page = self
            .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
            .await
            .is(200);
        assert!(page.text.contains("Continue"), "{}", page.text);
        let answer = self
            .with_cookie(Method::POST, &format!("/link/{}", begun.id), &begun.cookie)
            .await;
        answer.leads_to().to_owned()
    }

    pub async fn with_cookie(&self, method: Method, path: &str, cookie: &str) -> Answer {
        let request = self
            .scene
            .http
            .request(method, self.scene.address(path))
            .header(COOKIE, cookie);
        self.scene.send(request).await
    }

    /// Comes back from the service to this address.
    pub async fn come_back(&self, callback: &str, cookie: &str) -> Answer {
        let request = self.scene.http.get(callback).header(COOKIE, cookie);
        self.scene.send(request).await
    }

    /// From Connect until the way back through Jira, logged in at the service as `subject`.
    pub async fn until_returned(&self, subject: &str) -> Returned {
        let begun = self.begin().await;
        self.return_of(&begun, subject).await
    }

    /// The same from Continue on.
    pub async fn return_of(&self, begun: &Begun, subject: &str) -> Returned {
        let authorize = self.go_on(begun).await;
        let callback = self.scene.world.service.approve(&authorize, subject).await;
        let answer = self.come_back(&callback, &begun.cookie).await;
        self.arrive(answer.leads_to(), &begun.cookie).await
    }

    /// Follows the way back: Jira frames the finish page.
    pub async fn arrive(&self, way_back: &str, cookie: &str) -> Returned {
        let site = self.scene.world.jira.url(self.site);
        let path = way_back
            .strip_prefix(&site)
            .expect("the way back leads to the site's base URL");
        if self.scene.world.jira.has_forge(self.site) {
            return self.arrive_by_forge(path, cookie);
        }
        let framed = self
            .scene
            .world
            .jira
            .page_frame(self.site, self.account.as_str(), path)
            .expect("the finish page is in the descriptor");
        let page = self.scene.send(self.scene.http.get(&framed)).await.is(200);
        let data = |name: &str| {
            let (_, rest) = page
                .text
                .split_once(&format!("data-{name}=\""))
                .expect("the page carries it");
            rest.split_once('"').expect("the value ends").0.to_owned()
        };
        Returned {
            id: data("attempt"),
            handle: data("handle"),
            cookie: cookie.to_owned(),
        }
    }

    /// The finish page of the Forge app, at its own address.
    fn arrive_by_forge(&self, path: &str, cookie: &str) -> Returned {
        let jira = &self.scene.world.jira;
        let (app, environment) = (jira.forge_app_id(), jira.forge_environment());
        let query = path.strip_prefix(&format!("/jira/apps/{app}/{environment}/finish?"));
        let query = query.expect("the way back leads to the finish page of the app");
        let value = |name: &str| {
            let mut parameters = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = parameters
                .find(|(known, _)| *known == name)
                .expect("the address carries it");
            // The page takes no other characters.
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            assert!(value.chars().all(plain), "{value}");
            value.to_owned()
        };
        Returned {
            id: value("attempt"),
            handle: value("handle"),
            cookie: cookie.to_owned(),
        }
    }

    pub async fn finish(&self, step: &str, id: &str, handle: &str) -> Answer {
        let call = self.call(Method::POST, &format!("/link/{id}/{step}"));
        self.scene.send(call.json(&json!({"handle": handle}))).await
    }

    pub async fn prove(&self, returned: &Returned) -> Answer {
        self.finish("prove", &returned.id, &returned.handle).await
    }

    /// Opens the page of the attempt in the browser that came back.
    pub async fn look(&self, returned: &Returned) -> Answer {
        let path = format!("/link/{}", returned.id);
        self.with_cookie(Method::GET, &path, &returned.cookie).await
    }

    /// Proves, and goes on to the page with both accounts: from here on the code is redeemed.
    pub async fn both(&self, returned: &Returned) -> Both {
        self.prove(returned).await.is(200);
        Both::of(&self.look(returned).await)
    }

    /// Posts a form of the attempt's pages.
    pub async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.scene.http.post(self.scene.address(path));
        let request = request.header(COOKIE, cookie).form(form);
        self.scene.send(request).await
    }

    /// Clicks Connect accounts on the page as it is now. Where there is none, what stands there instead.
    pub async fn confirm(&self, returned: &Returned) -> Answer {
        let page = self.look(returned).await;
        if page.status != StatusCode::OK || !page.text.contains("name=\"page\"") {
            return page;
        }
        self.confirm_page(returned, &Both::of(&page).page).await
    }

    /// Clicks Connect accounts on a page that has this token.
    pub async fn confirm_page(&self, returned: &Returned, page: &str) -> Answer {
        let path = format!("/link/{}/confirm", returned.id);
        self.post(&path, &returned.cookie, &[("page", page)]).await
    }

    /// Clicks Cancel on any page of an attempt.
    pub async fn cancel(&self, id: &str, cookie: &str) -> Answer {
        let path = format!("/link/{id}");
        self.post(&path, cookie, &[("cancel", "yes")]).await
    }

    /// The whole way.
    pub async fn link(&self, subject: &str) -> Value {
        let returned = self.until_returned(subject).await;
        self.prove(&returned).await.is(200);
        let page = format!("/link/{}", returned.id);
        assert!(self.confirm(&returned).await.leads_to().ends_with(&page));
        let connected = self.look(&returned).await.is(200);
        assert!(
            connected.reads().contains("Connected as"),
            "{}",
            connected.text
        );
        let status = self.status().await;
        assert_eq!(status["state"], "linked", "{status}");
        status
    }

    /// Their link as the product has stored it.
    pub async fn stored_link(&self) -> Option<Link> {
        let store = &self.scene.app().parts.store;
        let client_key = ClientKey(self.scene.client_key(self.site));
        let tenant = store.tenant(&client_key).await.ok()??;
        let account = AccountId(self.account.clone());
        store.link(&tenant, &account).await.ok()?
    }

    /// Waits until the product has recorded what stands in Jira: from then on a renewal can be
    /// brought forward.
    pub async fn recorded(&self) -> i64 {
        eventually("the product has recorded what stands in Jira", async || {
            let link = self.stored_link().await?;
            let published = link.published?.generation;
            (published == link.generation && Some(published) == self.generation())
                .then_some(published)
        })
        .await
    }

    /// Waits until a renewal is recorded, and says of which generation. Where the property is a handle, Jira does not
    /// tell it.
    pub async fn settled(&self) -> i64 {
        eventually("the renewal is recorded", async || {
            let link = self.stored_link().await?;
            let published = link.published?.generation;
            (published == link.generation).then_some(published)
        })
        .await
    }

    /// Brings a renewal forward and waits for it.
    pub async fn renewed(&self) -> Value {
        let before = self.recorded().await;
        self.renew().await.is(202);
        self.property_of_generation(before + 1).await
    }

    /// Waits until the product asks them to reconnect, and why.
    pub async fn asked_to_reconnect(&self) -> String {
        let status = eventually("the person is asked to reconnect", async || {
            let status = self.status().await;
            (status["state"] == "reconnect").then_some(status)
        })
        .await;
        let reason = status["reason"].as_str();
        reason.expect("there is a reason").to_owned()
    }

    /// The generation of the key in Jira.
    pub fn generation(&self) -> Option<i64> {
        self.property()?["generation"].as_i64()
    }

    /// The key in Jira.
    pub fn key(&self) -> String {
        let property = self.property().expect("there is a property");
        property["apiKey"]
            .as_str()
            .expect("it holds a key")
            .to_owned()
    }

    pub fn property(&self) -> Option<Value> {
        self.scene
            .world
            .jira
            .property(self.site, &self.account, PROPERTY)
    }

    /// Waits until the key in Jira is of this generation or a later one.
    pub async fn property_of_generation(&self, generation: i64) -> Value {
        self.scene
            .world
            .jira
            .wait_for_property(self.site, &self.account, PROPERTY, |value| {
                value["generation"]
                    .as_i64()
                    .is_some_and(|found| found >= generation)
            })
            .await
    }
}

fn id_of(scene: &Scene, location: &str) -> String {
    let path = scene
        .base
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let prefix = format!("{}/link/", path.unwrap_or_default());
    location
        .strip_prefix(&prefix)
        .expect("it leads to the linking page")
        .to_owned()
}

/// The cookie as a browser sends it back.
pub fn cookie_of(answer: &Answer) -> String {
    let set = answer.cookie.as_deref().expect("a session is started");
    assert!(set.starts_with("__Host-"), "{set}");
    for part in ["; HttpOnly", "; Secure", "; Path=/", "; SameSite=Lax"] {
        assert!(set.contains(part), "{part} is missing in {set}");
    }
    assert!(!set.contains("Domain="), "{set}");
    set.split_once(';').expect("it has attributes").0.to_owned()
}
