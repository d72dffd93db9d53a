//! A Jira Cloud on a real port: sites, people, installed apps, and the calls an app may make.
//!
//! The world is plain structs behind a mutex ([`Cloud`]) with an HTTP face. Its point is to REFUSE
//! what the real Jira refuses: a call with a wrong hash, a missing scope or somebody else's token
//! gets the real answer and is remembered in [`Jira::unexpected`].
//!
//! One listener serves every host by name: `acme.localhost` and the other sites, `keys.localhost`
//! (install keys), `auth.localhost` (acting as a user), `js.localhost` (the script for framed
//! pages), `api.localhost` (Atlassian's API, for Forge), `forge-keys.localhost` (keys of invocation tokens),
//! `{app}.cdn.localhost` (what Forge frames), and 127.0.0.1 for whatever [`Jira::set_landing`] puts there.

mod act_as_user;
mod descriptor;
mod face;
mod faults;
mod forge;
mod lifecycle;
mod pages;
#[cfg(test)]
mod refusals;
mod rest;
mod tokens;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::faults::{Fault, FaultKind, Limits};
pub use self::forge::host::ForgePages;
pub use self::forge::{By, ForgeApp, RemoteAnswer, TokensEnd};
pub use self::lifecycle::{LifecycleAnswer, LifecycleEvent, SignedCall};
pub use self::tokens::{Overrides, percent, query_hash};
pub use self::wire::{LocalhostResolver, loopback_client};

/// A person on both sites who administers them.
pub const MIA: &str = "5b10ac8d82e05b22cc7d4ef5";
/// A person on both sites whose account id needs encoding in an address.
pub const OMAR: &str = "557058:6f1c2a7e-9b1d-4e0f-8d55-3a4b6c7d8e9f";
/// A portal customer with the id most of them have.
pub const PAT: &str =
    "qm:2b7f3c1e-58d0-4c6a-9a11-0d5e7c9b4f20:4b8e6a3d-1f57-4f0c-b1c2-7e9d3a5f6b18";
/// A portal customer who can be told from others by the account type alone.
pub const LEE: &str = "5f2c9e6a1b3d4c0071a8e4d2";
/// A person whose account was deactivated.
pub const KIM: &str = "712020:c0a1b2d3-e4f5-4a6b-8c7d-9e0f1a2b3c4d";

/// A handle on the simulated Jira Cloud; clones are the same cloud.
#[derive(Clone)]
pub struct Jira {
    inner: Arc<Inner>,
}

struct Inner {
    port: u16,
    cloud: Mutex<Cloud>,
    /// Counts changes of the cloud, so that a test can wait for one instead of sleeping.
    changes: watch::Sender<u64>,
    /// Seconds this cloud's clock is ahead of the system's.
    clock_offset: AtomicI64,
    http: reqwest::Client,
}

/// Everything there is.
#[derive(Default)]
pub struct Cloud {
    pub sites: BTreeMap<String, Site>,
    pub calls: Vec<Call>,
    pub property_writes: Vec<PropertyWrite>,
    /// Accounts that Atlassian closed, for the personal data report.
    pub closed_accounts: BTreeSet<String>,
    /// When each account was last changed.
    pub updated_accounts: BTreeMap<String, i64>,
    /// The personal data reports that were taken.
    pub account_reports: Vec<AccountReport>,
    /// `Cycle-Period` of the answers to them; none leaves it out.
    pub cycle_period: Option<String>,
    /// Whether a report with the system token of Forge is refused: it is not documented that it is taken.
    pub refuses_forge_reports: bool,
    pub limits: Limits,
    faults: Vec<Fault>,
    /// Each time that calls which were held were let go: whether their connections were cut.
    let_go: Vec<bool>,
    /// How many calls are held.
    held: usize,
    usage: faults::Usage,
    unexpected: Vec<String>,
    bearers: BTreeMap<String, Bearer>,
    /// Browser sessions by cookie value.
    sessions: BTreeMap<String, Session>,
    install_kids: Vec<String>,
    /// The uuids of the Forge app and of its environment, and the id of the key of its tokens.
    forge_app_id: String,
    forge_environment: String,
    forge_kid: String,
    /// The pages of the Forge app, once it is deployed.
    forge_pages: Option<ForgePages>,
    /// System tokens that ended before their time.
    tokens_taken_back: BTreeSet<String>,
    secrets: BTreeSet<String>,
    installations: u64,
    landing: Option<Router>,
    issue_script: Option<String>,
}

/// One Jira site.
#[derive(Clone)]
pub struct Site {
    /// The first label of the host, and the name tests use.
    pub name: String,
    pub title: String,
    /// Atlassian's id of the site for the app; it survives an uninstall.
    pub client_key: String,
    pub people: BTreeMap<String, Person>,
    pub issues: Vec<Issue>,
    /// May people who are not signed in look at issues?
    pub anonymous: bool,
    /// Does the app's own user hold Administer Jira? An admin can take it away.
    pub app_is_admin: bool,
    pub theme: Theme,
    /// How long the bridge hands out the same context token.
    pub token_cache_seconds: u32,
    /// The language in which its people have Jira.
    pub language: String,
    pub app: Option<App>,
    /// Atlassian's id of the site, the same for every app.
    pub cloud_id: String,
    pub forge: Option<ForgeApp>,
    pub properties: BTreeMap<(String, String), Value>,
    /// First label of a custom domain: what people see, where it differs from the base URL.
    pub display_label: Option<String>,
    /// First labels this site had before it was moved; they redirect.
    pub former_labels: Vec<String>,
}

/// The app as a site knows it.
#[derive(Clone)]
pub struct App {
    pub key: String,
    pub base_url: String,
    pub descriptor_url: String,
    pub descriptor: Value,
    pub scopes: BTreeSet<Scope>,
    /// The newest is last; an older one counts until the app accepted its successor.
    pub secrets: Vec<String>,
    pub oauth_client_id: String,
    /// Grows with every installation anywhere, so that nothing outlives an uninstall.
    pub installation: u64,
    pub state: AppState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppState {
    /// The descriptor was read, nothing was installed.
    Known,
    Enabled,
    Disabled,
    Uninstalled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Read,
    Write,
    Delete,
    ProjectAdmin,
    Admin,
    ActAsUser,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountType {
    Atlassian,
    App,
    Customer,
}

impl AccountType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Atlassian => "atlassian",
            Self::App => "app",
            Self::Customer => "customer",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Person {
    pub account_id: String,
    pub display_name: String,
    pub account_type: AccountType,
    pub active: bool,
    /// Holds Administer Jira on this site.
    pub admin: bool,
    /// Names of groups; the id of each is its name with `id-` before it.
    pub groups: Vec<String>,
}

impl Person {
    pub fn new(account_id: &str, display_name: &str) -> Self {
        Self {
            account_id: account_id.to_owned(),
            display_name: display_name.to_owned(),
            account_type: AccountType::Atlassian,
            active: true,
            admin: false,
            groups: Vec::new(),
        }
    }

    pub fn admin(mut self) -> Self {
        self.admin = true;
        self
    }

    pub fn in_group(mut self, name: &str) -> Self {
        self.groups.push(name.to_owned());
        self
    }

    pub fn customer(mut self) -> Self {
        self.account_type = AccountType::Customer;
        self
    }

    pub fn inactive(mut self) -> Self {
        self.active = false;
        self
    }
}

#[derive(Clone, Debug)]
pub struct Issue {
    pub id: u64,
    pub key: String,
    pub summary: String,
    pub text: String,
}

/// Who made a call, once it was established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The app as itself, by an app JWT.
    App,
    /// The app acting as a person, by a bearer token.
    AsUser(String),
    /// A person in a browser.
    Person(String),
    /// Somebody who is not signed in, where the site allows that.
    Anonymous,
}

/// One call that reached this cloud.
#[derive(Clone, Debug)]
pub struct Call {
    pub at_ms: i64,
    /// First label of the host: a site's, `keys`, `auth`, `js`, or empty for the landing.
    pub host: String,
    pub method: String,
    pub path: String,
    /// The account in the query, if any.
    pub account: Option<String>,
    pub caller: Option<Caller>,
    /// None while the call is in progress, or when the client left or was cut off.
    pub status: Option<u16>,
    pub fault: bool,
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}{}", self.method, self.host, self.path)?;
        if let Some(account) = &self.account {
            write!(out, " of {account}")?;
        }
        match self.status {
            Some(status) => write!(out, " -> {status}"),
            None => write!(out, " -> no answer"),
        }
    }
}

/// One report of accounts, with what was known of each.
#[derive(Clone, Debug)]
pub struct AccountReport {
    /// By this cloud's clock.
    pub at: i64,
    pub site: String,
    pub by_forge: bool,
    /// Account ids, and when their data was read.
    pub accounts: Vec<(String, String)>,
}

/// One change of a user property; `value` is None where it was deleted.
#[derive(Clone, Debug)]
pub struct PropertyWrite {
    pub at_ms: i64,
    pub site: String,
    pub account: String,
    pub key: String,
    pub value: Option<Value>,
    pub by: Caller,
    /// Whether it came through Atlassian's API host, as calls of Forge do.
    pub by_api: bool,
}

impl PropertyWrite {
    pub fn generation(&self) -> Option<i64> {
        self.value.as_ref()?.get("generation")?.as_i64()
    }
}

#[derive(Clone)]
struct Bearer {
    site: String,
    account: String,
    scopes: BTreeSet<Scope>,
    installation: u64,
    expires: i64,
}

#[derive(Clone)]
struct Session {
    site: String,
    account: String,
}

impl Jira {
    /// Starts with the sites `acme` and `globex` and nothing installed.
    pub async fn start() -> Self {
        let (doors, port) = wire::Doors::open().await.expect("loopback can be bound");
        let jira = Self {
            inner: Arc::new(Inner {
                port,
                cloud: Mutex::new(Cloud {
                    install_kids: vec![tokens::random_uuid()],
                    forge_app_id: tokens::random_uuid(),
                    forge_environment: tokens::random_uuid(),
                    forge_kid: format!("forge/invocation-token/{}", tokens::random_uuid()),
                    ..Cloud::default()
                }),
                changes: watch::Sender::new(0),
                clock_offset: AtomicI64::new(0),
                http: loopback_client(),
            }),
        };
        for (name, title) in [("acme", "Acme"), ("globex", "Globex")] {
            jira.add_site(name, title);
        }
        tokio::spawn(face::serve(jira.clone(), doors));
        jira
    }

    // --- addresses ---

    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// The base URL of a site.
    pub fn url(&self, site: &str) -> String {
        self.host_url(&self.look(|cloud| cloud.site(site).name.clone()))
    }

    /// Where people see a site: its custom domain, if it has one.
    pub fn display_url(&self, site: &str) -> String {
        let label = self.look(|cloud| {
            let site = cloud.site(site);
            site.display_label.as_ref().unwrap_or(&site.name).clone()
        });
        self.host_url(&label)
    }

    pub fn keys_url(&self) -> String {
        self.host_url("keys")
    }

    pub fn impersonation_url(&self) -> String {
        self.host_url("auth")
    }

    pub fn connect_js_url(&self) -> String {
        format!("{}/all.js", self.host_url("js"))
    }

    pub fn landing_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.inner.port)
    }

    /// What the product is told about the hosts a site may have.
    pub fn site_hosts_setting(&self) -> &'static str {
        "*.localhost"
    }

    fn host_url(&self, label: &str) -> String {
        format!("http://{label}.localhost:{}", self.inner.port)
    }

    // --- the world ---

    pub fn add_site(&self, name: &str, title: &str) {
        let people = [
            Person::new(MIA, "Mia Chen").admin(),
            Person::new(OMAR, "Omar Haddad"),
            Person::new(PAT, "Pat Quinn").customer(),
            Person::new(LEE, "Lee Novak").customer(),
            Person::new(KIM, "Kim Frost").inactive(),
        ];
        let summaries = [
            (
                "Checkout kiosk loses the cart after a network drop",
                "When the kiosk reconnects, the cart is empty although the order service still \
                 holds it. Happens in the flagship store about twice a day.",
            ),
            (
                "Receipts print the old address",
                "The new head office address has been in use since spring.",
            ),
            (
                "Let people pick a language before they scan",
                "Most visitors look for the language switch on the first screen.",
            ),
        ];
        let issues = (1_u64..)
            .zip(summaries)
            .map(|(number, (summary, text))| Issue {
                id: 10_000 + number,
                key: format!("KEY-{number}"),
                summary: summary.to_owned(),
                text: text.to_owned(),
            });
        let site = Site {
            name: name.to_owned(),
            title: title.to_owned(),
            client_key: tokens::random_uuid(),
            people: people
                .map(|person| (person.account_id.clone(), person))
                .into(),
            issues: issues.collect(),
            anonymous: false,
            app_is_admin: true,
            theme: Theme::Light,
            token_cache_seconds: 60,
            language: "en-GB".to_owned(),
            app: None,
            cloud_id: tokens::random_uuid(),
            forge: None,
            properties: BTreeMap::new(),
            display_label: None,
            former_labels: Vec::new(),
        };
        self.edit(|cloud| cloud.sites.insert(name.to_owned(), site));
    }

    /// A copy of a site as it is now.
    pub fn site(&self, site: &str) -> Site {
        self.look(|cloud| cloud.site(site).clone())
    }

    /// Changes a site: people, settings, the app's rights.
    pub fn edit_site<T>(&self, site: &str, change: impl FnOnce(&mut Site) -> T) -> T {
        self.edit(|cloud| change(cloud.site_mut(site)))
    }

    pub fn add_person(&self, site: &str, person: Person) {
        self.edit_site(site, |site| {
            site.people.insert(person.account_id.clone(), person)
        });
    }

    /// The account is gone: 404 from now on.
    pub fn remove_person(&self, site: &str, account: &str) {
        self.edit_site(site, |site| site.people.remove(account));
    }

    pub fn set_app_is_admin(&self, site: &str, admin: bool) {
        self.edit_site(site, |site| site.app_is_admin = admin);
    }

    pub fn set_anonymous(&self, site: &str, allowed: bool) {
        self.edit_site(site, |site| site.anonymous = allowed);
    }

    pub fn set_theme(&self, site: &str, theme: Theme) {
        self.edit_site(site, |site| site.theme = theme);
    }

    /// Seconds since 1970 by this cloud's clock.
    pub fn now(&self) -> i64 {
        self.now_ms() / 1000
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the simulated world has a clock of its own"
    )]
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis() as i64);
        millis + 1000 * self.inner.clock_offset.load(Ordering::SeqCst)
    }

    /// Moves this cloud's clock, to follow a product whose clock a test moves.
    pub fn advance(&self, by: Duration) {
        let seconds = i64::try_from(by.as_secs()).expect("a test moves time by less than an age");
        self.inner.clock_offset.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Serves 127.0.0.1 with these routes.
    pub fn set_landing(&self, routes: Router) {
        self.edit(|cloud| cloud.landing = Some(routes));
    }

    /// Puts a script from elsewhere on every issue page: the demo shows there what Jira does not.
    pub fn set_issue_script(&self, address: &str) {
        self.edit(|cloud| cloud.issue_script = Some(address.to_owned()));
    }

    /// Ends every browser's session at every site.
    pub fn sign_everybody_out(&self) {
        self.edit(|cloud| cloud.sessions.clear());
    }

    /// Atlassian has closed this account, at every site.
    pub fn close_account(&self, account: &str) {
        self.edit(|cloud| cloud.closed_accounts.insert(account.to_owned()));
    }

    /// Something about this person has changed now: a report of what was read before says so.
    pub fn change_account(&self, account: &str) {
        let now = self.now();
        self.edit(|cloud| cloud.updated_accounts.insert(account.to_owned(), now));
    }

    pub fn set_cycle_period(&self, days: Option<&str>) {
        let days = days.map(str::to_owned);
        self.edit(|cloud| cloud.cycle_period = days);
    }

    /// Whether a Forge app may report with its system token.
    pub fn refuse_forge_reports(&self, refuse: bool) {
        self.edit(|cloud| cloud.refuses_forge_reports = refuse);
    }

    /// The reports of accounts that were taken from a site.
    pub fn account_reports(&self, site: &str) -> Vec<AccountReport> {
        let mut reports = self.look(|cloud| cloud.account_reports.clone());
        reports.retain(|report| report.site == site);
        reports
    }

    // --- faults ---

    /// Adds a rule; the oldest that fits a call decides.
    pub fn fault(&self, fault: Fault) {
        self.edit(|cloud| cloud.faults.push(fault));
    }

    pub fn clear_faults(&self) {
        self.edit(|cloud| {
            cloud.faults.clear();
            cloud.let_go.push(false);
        });
    }

    /// Cuts the connections of all calls that are held, as when their clients have waited for too long.
    pub fn lose_held(&self) {
        self.edit(|cloud| cloud.let_go.push(true));
    }

    /// How many calls are held now.
    pub fn held(&self) -> usize {
        self.look(|cloud| cloud.held)
    }

    /// Holds a call until it is let go; says whether its connection is to be cut. Before it came, this
    /// had happened so many times.
    async fn hold(&self, before: usize) -> bool {
        struct Held<'a>(&'a Jira);
        impl Drop for Held<'_> {
            fn drop(&mut self) {
                self.0.edit(|cloud| cloud.held -= 1);
            }
        }
        self.edit(|cloud| cloud.held += 1);
        let _held = Held(self);
        let mut changes = self.inner.changes.subscribe();
        loop {
            if let Some(cut) = self.look(|cloud| cloud.let_go.get(before).copied()) {
                return cut;
            }
            let _ = changes.changed().await;
        }
    }

    /// Turns on the limits Atlassian sets on calls.
    pub fn set_limits(&self, limits: Limits) {
        self.edit(|cloud| cloud.limits = limits);
    }

    // --- records ---

    pub fn calls(&self) -> Vec<Call> {
        self.look(|cloud| cloud.calls.clone())
    }

    /// Calls with this method and a path that begins so, at any host.
    pub fn calls_to(&self, method: &str, path: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.method == method && call.path.starts_with(path));
        calls
    }

    /// Calls no route or check expected: what a story should end without.
    pub fn unexpected(&self) -> Vec<String> {
        self.look(|cloud| cloud.unexpected.clone())
    }

    /// The same, and forgets them: for a story that provokes some.
    pub fn take_unexpected(&self) -> Vec<String> {
        self.edit(|cloud| std::mem::take(&mut cloud.unexpected))
    }

    pub fn property(&self, site: &str, account: &str, key: &str) -> Option<Value> {
        self.look(|cloud| cloud.property(site, account, key).cloned())
    }

    pub fn property_writes(&self) -> Vec<PropertyWrite> {
        self.look(|cloud| cloud.property_writes.clone())
    }

    /// Points the app spent in the current hour.
    pub fn points_spent(&self) -> u32 {
        self.look(Cloud::points_spent)
    }

    /// Property writes that brought an older generation than the one before; a deletion begins anew.
    pub fn generations_gone_back(&self) -> Vec<PropertyWrite> {
        let mut newest: BTreeMap<_, i64> = BTreeMap::new();
        let mut writes = self.property_writes();
        writes.retain(|write| {
            let place = (write.site.clone(), write.account.clone(), write.key.clone());
            let Some(generation) = write.generation() else {
                newest.remove(&place);
                return false;
            };
            let before = newest.insert(place, generation);
            before.is_some_and(|before| generation < before)
        });
        writes
    }

    /// Every secret this cloud gave or was shown: none may stand in a log or a database dump.
    pub fn secrets(&self) -> Vec<String> {
        self.look(|cloud| cloud.secrets.iter().cloned().collect())
    }

    /// Waits until the cloud shows something; panics with `what` and the last calls if it does not
    /// within 20 seconds.
    pub async fn wait_for<T>(&self, what: &str, probe: impl FnMut(&Cloud) -> Option<T>) -> T {
        self.wait_up_to(Duration::from_secs(20), what, probe).await
    }

    pub async fn wait_up_to<T>(
        &self,
        patience: Duration,
        what: &str,
        mut probe: impl FnMut(&Cloud) -> Option<T>,
    ) -> T {
        // Subscribed before the first look, so that no change falls between look and wait.
        let mut changes = self.inner.changes.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = self.look(&mut probe) {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(found) => found,
            Err(_) => {
                let calls = self.calls();
                let last: Vec<String> = calls.iter().rev().take(12).map(Call::to_string).collect();
                panic!("Jira never saw {what}; its last calls, newest first: {last:#?}")
            }
        }
    }

    /// Waits for a property that satisfies the test.
    pub async fn wait_for_property(
        &self,
        site: &str,
        account: &str,
        key: &str,
        test: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!("the property {key} of {account} on {site} as expected");
        self.wait_for(&what, |cloud| {
            let value = cloud.property(site, account, key)?;
            test(value).then(|| value.clone())
        })
        .await
    }

    /// Waits until a property is gone.
    pub async fn wait_for_no_property(&self, site: &str, account: &str, key: &str) {
        let what = format!("the property {key} of {account} on {site} deleted");
        self.wait_for(&what, |cloud| {
            cloud.property(site, account, key).is_none().then_some(())
        })
        .await;
    }

    // --- tokens ---

    /// What `AP.context.getToken` gives; without an account, what an anonymous visitor gets.
    pub fn context_token<'a>(
        &self,
        site: &str,
        account: impl Into<Option<&'a str>>,
        overrides: &Overrides,
    ) -> String {
        let claims = json!({"qsh": "context-qsh", "exp": self.now() + 900, "context": {
            "url": {"displayUrl": self.display_url(site)},
        }});
        self.tenant_token(site, account.into(), claims, overrides)
    }

    /// The token in the address of a framed page. The path is relative to the app's base URL.
    pub fn iframe_token<'a>(
        &self,
        site: &str,
        account: impl Into<Option<&'a str>>,
        method: &str,
        path_and_query: &str,
        overrides: &Overrides,
    ) -> String {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let claims =
            json!({"qsh": query_hash(method, path, query), "exp": self.now() + 180, "context": {}});
        self.tenant_token(site, account.into(), claims, overrides)
    }

    /// The token of a call from Jira's server to the app's, as on `enabled`.
    pub fn server_token(
        &self,
        site: &str,
        method: &str,
        path_and_query: &str,
        overrides: &Overrides,
    ) -> String {
        self.iframe_token(site, None::<&str>, method, path_and_query, overrides)
    }

    fn tenant_token(
        &self,
        site: &str,
        account: Option<&str>,
        mut claims: Value,
        overrides: &Overrides,
    ) -> String {
        let (client_key, secret) = self.look(|cloud| {
            let site = cloud.site(site);
            let secret = site.app.as_ref().and_then(|app| app.secrets.last());
            (site.client_key.clone(), secret.cloned())
        });
        let secret = secret.expect("the app was installed on this site at some time");
        claims["iss"] = json!(client_key);
        claims["iat"] = json!(self.now());
        if let Some(account) = account {
            claims["sub"] = json!(account);
        }
        let token = tokens::mint(
            json!({"typ": "JWT", "alg": "HS256"}),
            claims,
            &secret,
            overrides,
        );
        self.keep_secret(&token);
        token
    }

    fn keep_secret(&self, secret: &str) {
        self.edit(|cloud| cloud.secrets.insert(secret.to_owned()));
    }

    /// Signs a person in; the value is for a `Cookie` header.
    pub fn sign_in(&self, site: &str, account: &str) -> String {
        let cookie = tokens::random_hex(16);
        let session = Session {
            site: site.to_owned(),
            account: account.to_owned(),
        };
        self.edit(|cloud| {
            cloud.secrets.insert(cookie.clone());
            cloud.sessions.insert(cookie.clone(), session)
        });
        format!("{}={cookie}", pages::SESSION_COOKIE)
    }

    /// Looks at it without copying it.
    pub fn look<T>(&self, look: impl FnOnce(&Cloud) -> T) -> T {
        look(
            &self
                .inner
                .cloud
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Cloud) -> T) -> T {
        let result = {
            let mut cloud = self
                .inner
                .cloud
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            change(&mut cloud)
        };
        self.inner.changes.send_modify(|count| *count += 1);
        result
    }
}

impl Cloud {
    pub fn property(&self, site: &str, account: &str, key: &str) -> Option<&Value> {
        let place = (account.to_owned(), key.to_owned());
        self.sites.get(site)?.properties.get(&place)
    }

    fn site(&self, name: &str) -> &Site {
        self.sites
            .get(name)
            .unwrap_or_else(|| panic!("there is no site {name}"))
    }

    fn site_mut(&mut self, name: &str) -> &mut Site {
        self.sites
            .get_mut(name)
            .unwrap_or_else(|| panic!("there is no site {name}"))
    }
}

impl Site {
    /// The app, while Jira listens to it.
    fn enabled_app(&self) -> Option<&App> {
        self.app
            .as_ref()
            .filter(|app| app.state == AppState::Enabled)
    }
}
