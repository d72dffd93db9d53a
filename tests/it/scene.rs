//! Where a story plays: the product, a simulated world, a database; and the people in it, with a
//! vocabulary for what they do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::server::Running;
use latchkey::{App, Outside};

use crate::logs;
use crate::postgres::Postgres;
use crate::sim::World;
use crate::sim::jira::Overrides;
use crate::sim::service::ServiceOptions;

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
    /// These win over what the world says.
    pub settings: Vec<(&'static str, String)>,
    /// A path in the base URL.
    pub base_path: &'static str,
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
    pairs: Vec<(&'static str, String)>,
    database: Database,
    running: Option<Running>,
}

enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Scene {
    /// Starts everything and installs the app on both sites.
    pub async fn start(db: Db, setting: Setting) -> Self {
        let scene = Self::start_uninstalled(db, setting).await;
        for site in ["acme", "globex"] {
            scene
                .world
                .jira
                .install(site, &scene.address("/atlassian-connect.json"))
                .await
                .expect("the app is installed");
        }
        scene
    }

    pub async fn start_uninstalled(db: Db, setting: Setting) -> Self {
        logs::capture();
        let world = World::start(setting.service).await;
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let base = format!("http://latchkey.localhost:{port}{}", setting.base_path);
        world
            .service
            .register_redirect(&format!("{base}/link/callback"));
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
                let url = Postgres::database().await;
                (Database::Postgres(url.clone()), url)
            }
        };
        let mut pairs = world.settings();
        pairs.extend([
            ("LATCHKEY_BASE_URL", base.clone()),
            ("LATCHKEY_SEALING_KEYS", SEALING_KEY.to_owned()),
            ("LATCHKEY_DATABASE_URL", url),
            ("LATCHKEY_PROPERTY_KEY", PROPERTY.to_owned()),
        ]);
        for (name, value) in setting.settings {
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name, value));
        }
        let mut scene = Self {
            http: crate::sim::jira::loopback_client(),
            clock: Clock::movable(),
            world,
            base,
            pairs,
            database,
            running: None,
        };
        scene.run(listener).await;
        scene
    }

    async fn run(&mut self, listener: TcpListener) {
        let app = self.app_of_its_own().await;
        self.running = Some(Running::start(app, listener).expect("it runs"));
    }

    /// Another app on the same database, as a second replica has it; it serves and renews nothing.
    pub async fn app_of_its_own(&self) -> Arc<App> {
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let config = Config::from_pairs(pairs).expect("the settings are good");
        let outside = Outside {
            clock: self.clock.clone(),
            random: Random::system(),
            http: Outbound::new(true).expect("an HTTP client"),
        };
        App::new(config, outside).await.expect("the app starts")
    }

    /// Stops the product and starts it again on the same port and database.
    pub async fn restart(&mut self) {
        let running = self.running.take().expect("it is running");
        let address = running.address();
        running.stop().await;
        let listener = TcpListener::bind(address)
            .await
            .expect("its port is free again");
        self.run(listener).await;
    }

    pub fn app(&self) -> &Arc<App> {
        self.running.as_ref().expect("it is running").app()
    }

    pub fn settings(&self) -> &[(&'static str, String)] {
        &self.pairs
    }

    pub fn database_url(&self) -> &str {
        let url = self
            .pairs
            .iter()
            .find(|(name, _)| *name == "LATCHKEY_DATABASE_URL");
        &url.expect("there is a database").1
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
        Answer::of(request.send().await.expect("the product answers")).await
    }

    /// Everything that must not be found in logs and databases.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.world.secrets();
        secrets.push(SEALING_SECRET.to_owned());
        secrets
    }

    /// How every story ends: nothing is left to do, nobody saw what they did not expect, and no secret
    /// stands in the log or in the database.
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
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        let secrets = self.secrets();
        match &self.database {
            Database::Sqlite(directory) => {
                let file: PathBuf = directory.path().join("latchkey.db");
                logs::assert_sqlite_free_of_secrets(&file, &secrets).await;
            }
            Database::Postgres(url) => {
                let dump = Postgres::dump(url).await;
                logs::assert_free_of_secrets("the database", dump.as_bytes(), &secrets);
            }
        }
        logs::assert_no_secret(&secrets);
    }

    /// Waits until every revocation and deletion is done; a claim may be under way just now.
    pub async fn no_work_left(&self) {
        eventually("no work is left over", async || {
            let figures = self.app().store.figures(self.clock.now()).await.ok()?;
            (figures.cleanup == 0 && figures.unsettled == 0).then_some(())
        })
        .await;
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
    pub fn is_problem(self, status: u16, name: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:latchkey:problem:{name}"));
        assert_eq!(problem["status"], status);
        problem
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
    pub cookie: String,
}

/// An attempt that has begun in one browser.
#[derive(Debug, Clone)]
pub struct Begun {
    pub id: String,
    pub cookie: String,
}

impl Person<'_> {
    pub fn token(&self) -> String {
        self.scene
            .world
            .jira
            .context_token(self.site, self.account.as_str(), &Overrides::none())
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.scene
            .http
            .request(method, self.scene.address(path))
            .header(AUTHORIZATION, format!("JWT {}", self.token()))
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
        let answer = self.begin_with(&self.token()).await;
        let id = id_of(self.scene, answer.leads_to());
        Begun {
            id,
            cookie: cookie_of(&answer),
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
        let authorize = self.go_on(&begun).await;
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

    pub async fn finish(&self, step: &str, id: &str, handle: &str) -> Answer {
        let call = self.call(Method::POST, &format!("/link/{id}/{step}"));
        self.scene.send(call.json(&json!({"handle": handle}))).await
    }

    pub async fn prove(&self, returned: &Returned) -> Answer {
        self.finish("prove", &returned.id, &returned.handle).await
    }

    pub async fn confirm(&self, returned: &Returned) -> Answer {
        self.finish("confirm", &returned.id, &returned.handle).await
    }

    /// The whole way.
    pub async fn link(&self, subject: &str) -> Value {
        let returned = self.until_returned(subject).await;
        self.prove(&returned).await.is(200);
        let answer = self.confirm(&returned).await.is(200).json();
        assert_eq!(answer["state"], "linked", "{answer}");
        answer
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
