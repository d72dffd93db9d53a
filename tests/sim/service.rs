//! The service, simulated: an OpenID provider, the API behind it, and the pages its people see.
//!
//! A world of plain structs behind a mutex, with an HTTP face on a real port. It is as strict as a
//! good real one: what the standards tell a server to refuse is refused here and noted, so that a
//! story can end by asserting that [`Service::unexpected`] is empty. Whatever it gives or takes is
//! written into the [`Ledger`]; what shall go wrong is told to it as [`Fault`]s.
//!
//! | file | reason |
//! |---|---|
//! | `wire` | sockets, and one middleware that counts calls and lets faults happen |
//! | `fault` | the faults, as data |
//! | `authorize` | what happens in a browser: authorize, login, consent, the account page |
//! | `pages` | how pages are put together |
//! | `token` | what happens between servers: token, revoke, introspect |
//! | `api` | what a token is good for: who is this, API keys |
//! | `proof` | assertions, DPoP proofs |
//! | `tls` | the same at an address that asks for a client certificate |
//! | `identity` | metadata, signing keys and ID tokens |
//! | `ledger` | every grant, code, token and key, and the questions tests ask about them |
//! | `browser` | a visitor without a browser, who logs in and consents over HTTP |

mod api;
mod authorize;
mod browser;
mod fault;
mod identity;
mod ledger;
mod pages;
mod proof;
#[cfg(test)]
mod proof_tests;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use tokio::sync::watch;

pub use browser::{Visitor, loopback_client};
pub use fault::{Around, Coding, Endpoint, Fault, Forgery, Kind};
pub use identity::{Signing, rsa_numbers};
pub use ledger::{
    ApiKey, Cause, Code, Grant, Ledger, Outcome, Rotation, Token, TokenKind, TokenRequest,
};
pub use tls::MutualTls;
pub use wire::Call;

/// How a client proves itself at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `client_secret_basic` alone.
    Basic,
    /// `client_secret_post` alone.
    Post,
    /// Either of the two, though never both in one request.
    Either,
    /// `private_key_jwt` alone.
    PrivateKeyJwt,
    /// `tls_client_auth` alone.
    Certificate,
}

/// Whom assertions have to be for, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAudience {
    Issuer,
    TokenEndpoint,
}

/// Whether authorization requests are pushed (RFC 9126).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushing {
    /// Nobody knows how.
    Unknown,
    /// They may be.
    Offered,
    /// None is taken that was not.
    Demanded,
}

/// Where a client learns how a person is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameIn {
    IdToken,
    /// The ID token has a subject only.
    Userinfo,
}

/// What dies with a refresh token that is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReach {
    /// That one alone, which RFC 7009 leaves to the service.
    Token,
    /// The tokens of its grant.
    Grant,
    /// All that the account ever granted to the client, as where a grant is one per account.
    Account,
}

/// What kind of service this is. May be changed while it runs.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    pub name: String,
    /// Who has an account.
    pub people: Vec<Person>,
    pub client_auth: ClientAuth,
    pub rotation: Rotation,
    pub access_token_life: Duration,
    /// None: until used or revoked. Where tokens do not rotate, each use begins it anew.
    pub refresh_token_life: Option<Duration>,
    /// After that the person has to consent again; none means never.
    pub grant_life: Option<Duration>,
    /// The field of a token answer that says how long the refresh token has to live.
    pub announces_refresh_life: Option<&'static str>,
    pub code_life: Duration,
    pub api_key_life: Duration,
    pub scopes: Vec<String>,
    /// Otherwise every grant has a refresh token.
    pub refresh_needs_offline_access: bool,
    pub name_in: NameIn,
    /// Of the next signing key.
    pub signing: Signing,
    /// Otherwise this is plain OAuth 2.0: no metadata, no keys.
    pub discovery: bool,
    /// Announce `iss` in the authorization response (RFC 9207), and send it.
    pub iss_parameter: bool,
    /// Announce which values of `prompt` there are, `select_account` among them. Otherwise only `none` and
    /// `consent` are taken.
    pub announces_prompts: bool,
    /// `Cross-Origin-Opener-Policy: same-origin` on every page.
    pub opener_policy: bool,
    /// A second visit of the same person to the same client asks nothing.
    pub remember_consent: bool,
    /// Look at the code verifier (RFC 7636). Services that know no PKCE do not.
    pub checks_verifier: bool,
    pub revocation_reach: RevocationReach,
    pub assertion_audience: AssertionAudience,
    pub pushing: Pushing,
    /// How long a pushed request may be used, once.
    pub pushed_request_life: Duration,
    /// Access tokens are bound to the key of a DPoP proof, and none is given without one.
    pub dpop: bool,
    /// Proofs need the nonce of the moment.
    pub dpop_nonces: bool,
    /// What access tokens can be for (RFC 8707). If there are any, each request has to name some of them.
    pub resources: Vec<String>,
    /// A second address, at which clients show a certificate.
    pub mutual_tls: Option<MutualTls>,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            name: "Acme Drive".into(),
            // Others than in Jira, so that nobody takes one account for the other.
            people: vec![
                Person::new("u-100", 100, "robin", "Robin Park"),
                Person::new("u-200", 200, "sam", "Sam Ortiz"),
                Person::new("u-666", 666, "x", "<img src=x onerror=alert(1)>"),
            ],
            client_auth: ClientAuth::Either,
            rotation: Rotation::Strict,
            access_token_life: hour,
            refresh_token_life: None,
            grant_life: None,
            announces_refresh_life: None,
            code_life: Duration::from_secs(60),
            api_key_life: hour,
            scopes: ["openid", "profile", "offline_access", "drive.read"]
                .map(String::from)
                .into(),
            refresh_needs_offline_access: true,
            name_in: NameIn::IdToken,
            signing: Signing::Es256,
            discovery: true,
            iss_parameter: true,
            announces_prompts: true,
            opener_policy: true,
            remember_consent: false,
            checks_verifier: true,
            revocation_reach: RevocationReach::Grant,
            assertion_audience: AssertionAudience::Issuer,
            pushing: Pushing::Unknown,
            pushed_request_life: Duration::from_secs(60),
            dpop: false,
            dpop_nonces: false,
            resources: Vec::new(),
            mutual_tls: None,
        }
    }
}

/// An account at the service.
#[derive(Clone, Debug)]
pub struct Person {
    pub subject: String,
    /// What `/me` calls them, as services without OpenID do.
    pub number: u64,
    pub login: String,
    pub name: String,
}

impl Person {
    pub fn new(subject: &str, number: u64, login: &str, name: &str) -> Self {
        Self {
            subject: subject.into(),
            number,
            login: login.into(),
            name: name.into(),
        }
    }
}

#[derive(Clone, Debug)]
struct Client {
    id: String,
    secret: String,
    name: String,
    redirects: HashSet<String>,
    /// The key set it has published.
    keys: Vec<serde_json::Value>,
}

/// The service's time: the system's, plus what a test moved it by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    moved: Duration,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulated world has a clock of its own"
    )]
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.moved
    }
}

struct World {
    issuer: String,
    /// Where clients with a certificate go.
    by_certificate: Option<String>,
    options: ServiceOptions,
    people: Vec<Person>,
    clients: Vec<Client>,
    keys: identity::SigningKeys,
    ledger: Ledger,
    faults: fault::Faults,
    /// Each time that calls which were held were let go: whether their connections were cut.
    let_go: Vec<bool>,
    /// How many calls are held.
    held: usize,
    /// Browser sessions: cookie to subject.
    sessions: HashMap<String, String>,
    /// What was pushed, by the reference to it.
    pushed: HashMap<String, authorize::Pushed>,
    /// Assertions and proofs that were used.
    seen: HashSet<String>,
    dpop_nonce: String,
    /// The thumbprint of the key that goes with an access token.
    bound: HashMap<String, String>,
    /// Authorization requests waiting for their person.
    pending: HashMap<String, authorize::Pending>,
    consents: HashSet<(String, String)>,
    calls: Vec<Call>,
    unexpected: Vec<String>,
}

struct Shared {
    issuer: String,
    world: Mutex<World>,
    changes: watch::Sender<u64>,
}

/// A running service. Clones are handles to the same one.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// Starts on a free port of every loopback address; it lives as long as the runtime.
    pub async fn start(options: ServiceOptions) -> Self {
        let listeners = wire::bind_loopback().await;
        let issuer = format!("http://service.localhost:{}", listeners.port);
        let secure = match options.mutual_tls.clone() {
            Some(mutual_tls) => Some(tls::bind(mutual_tls).await),
            None => None,
        };
        let client = Client {
            id: "latchkey-at-acme".into(),
            // RFC 6749 2.3.1 wants id and secret form-encoded before they are joined for Basic;
            // characters that change under that encoding tell a client that forgot.
            secret: format!("{}+/:%", random("cs_")),
            name: "Latchkey".into(),
            redirects: HashSet::new(),
            keys: Vec::new(),
        };
        let world = World {
            issuer: issuer.clone(),
            by_certificate: secure.as_ref().map(tls::SecureListener::address),
            pushed: HashMap::new(),
            seen: HashSet::new(),
            dpop_nonce: random(""),
            bound: HashMap::new(),
            keys: identity::SigningKeys::new(options.signing),
            ledger: Ledger::default(),
            people: options.people.clone(),
            options,
            clients: vec![client],
            faults: fault::Faults::default(),
            let_go: Vec::new(),
            held: 0,
            sessions: HashMap::new(),
            pending: HashMap::new(),
            consents: HashSet::new(),
            calls: Vec::new(),
            unexpected: Vec::new(),
        };
        let service = Self {
            shared: Arc::new(Shared {
                issuer,
                world: Mutex::new(world),
                changes: watch::Sender::new(0),
            }),
        };
        listeners.serve(service.router());
        if let Some(secure) = secure {
            secure.serve(service.router());
        }
        service
    }

    fn router(&self) -> Router {
        Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(identity::discovery),
            )
            .route("/jwks", get(identity::jwks))
            .route("/authorize", get(authorize::authorize))
            .route(
                "/login",
                get(authorize::login_page).post(authorize::sign_in),
            )
            .route(
                "/consent",
                get(authorize::consent_page).post(authorize::decide),
            )
            .route("/", get(authorize::account_page))
            .route("/logout", post(authorize::sign_out))
            .route("/apps/remove", post(authorize::remove_app))
            .route("/logo.svg", get(pages::logo))
            .route("/help", get(pages::help))
            .route("/privacy", get(pages::privacy))
            .route(
                "/favicon.ico",
                get(|| async { http::StatusCode::NO_CONTENT }),
            )
            .route("/token", post(token::token))
            .route("/par", post(authorize::push))
            .route("/revoke", post(token::revoke))
            .route("/introspect", post(token::introspect))
            .route("/userinfo", get(api::userinfo).post(api::userinfo))
            .route("/me", get(api::me))
            .route("/keys", post(api::mint_key))
            .route("/keys/{id}", delete(api::revoke_key))
            .route("/api/whoami", get(api::whoami))
            .fallback(|| async { http::StatusCode::NOT_FOUND })
            .layer(axum::middleware::from_fn_with_state(
                self.clone(),
                wire::front,
            ))
            .with_state(self.clone())
    }

    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shared.issuer)
    }

    pub fn client_id(&self) -> String {
        self.read(|world| world.clients[0].id.clone())
    }

    pub fn client_secret(&self) -> String {
        self.read(|world| world.clients[0].secret.clone())
    }

    /// Lets the app's client come back to this address, compared character by character.
    pub fn register_redirect(&self, uri: &str) {
        self.change(|world| world.clients[0].redirects.insert(uri.into()));
    }

    /// Registers another client and returns its secret.
    pub fn add_client(&self, id: &str, redirect: &str) -> String {
        let secret = random("cs_");
        let client = Client {
            id: id.into(),
            secret: secret.clone(),
            name: id.into(),
            redirects: HashSet::from([redirect.into()]),
            keys: Vec::new(),
        };
        self.change(|world| world.clients.push(client));
        secret
    }

    /// The key set of the app's client is this one from now on, as if it had been fetched.
    pub fn register_keys(&self, set: &serde_json::Value) {
        let keys = set["keys"].as_array().expect("a key set").clone();
        self.change(|world| world.clients[0].keys = keys);
    }

    /// DPoP proofs need another nonce from now on.
    pub fn change_dpop_nonce(&self) {
        self.change(World::change_dpop_nonce);
    }

    /// The thumbprint of the key to which an access token is bound.
    pub fn bound_to(&self, access_token: &str) -> Option<String> {
        self.read(|world| world.bound.get(access_token).cloned())
    }

    /// The client's secret becomes another one, as when an operator rotates it at the service only.
    pub fn change_client_secret(&self) -> String {
        let secret = random("cs_");
        self.change(|world| world.clients[0].secret.clone_from(&secret));
        secret
    }

    pub fn options_mut(&self, change: impl FnOnce(&mut ServiceOptions)) {
        self.change(|world| change(&mut world.options));
    }

    /// From here on access tokens and API keys are this many bytes longer than they need to be.
    pub fn pad_keys(&self, bytes: usize) {
        self.change(|world| world.ledger.padding = bytes);
    }

    pub fn add_person(&self, person: Person) {
        self.change(|world| world.people.push(person));
    }

    /// A grant to the app's client without anybody's clicks, for stories that need very many: its
    /// access and refresh token.
    pub fn grant(&self, subject: &str) -> (String, String) {
        self.change(|world| {
            let person = world.person(subject).cloned().expect("there is a person");
            let scopes = world.options.scopes.clone();
            let grant = world
                .ledger
                .add_grant(&world.clients[0].id, &person, scopes);
            world.ledger.begin_grant(grant, world.options.grant_life);
            let (access, refresh) = (
                Some(world.options.access_token_life),
                world.options.refresh_token_life,
            );
            (
                world.ledger.give(TokenKind::Access, grant, 0, access),
                world.ledger.give(TokenKind::Refresh, grant, 0, refresh),
            )
        })
    }

    pub fn person(&self, subject: &str) -> Option<Person> {
        self.read(|world| world.person(subject).cloned())
    }

    pub fn fault(&self, fault: Fault) {
        self.change(|world| world.faults.push(fault));
    }

    /// Everything works again.
    pub fn clear_faults(&self) {
        self.change(|world| {
            world.faults = fault::Faults::default();
            world.let_go.push(false);
        });
    }

    /// Cuts the connections of all calls that are held, as when their clients have waited for too long.
    pub fn lose_held(&self) {
        self.change(|world| world.let_go.push(true));
    }

    /// How many calls are held now.
    pub fn held(&self) -> usize {
        self.read(|world| world.held)
    }

    /// Holds a call until it is let go; says whether its connection is to be cut. Before it came, this
    /// had happened so many times.
    async fn hold(&self, before: usize) -> bool {
        struct Held<'a>(&'a Service);
        impl Drop for Held<'_> {
            fn drop(&mut self) {
                self.0.change(|world| world.held -= 1);
            }
        }
        self.change(|world| world.held += 1);
        let _held = Held(self);
        let mut changes = self.shared.changes.subscribe();
        loop {
            if let Some(cut) = self.read(|world| world.let_go.get(before).copied()) {
                return cut;
            }
            let _ = changes.changed().await;
        }
    }

    /// Signs with a new key; the old one stays published only if `keep_old`.
    pub fn rotate_signing_key(&self, keep_old: bool) {
        self.change(|world| {
            let signing = world.options.signing;
            world.keys.rotate(signing, keep_old);
        });
    }

    /// Moves the service's clock forward.
    pub fn advance(&self, by: Duration) {
        self.change(|world| world.ledger.clock.moved += by);
    }

    /// The person takes back, at the service, what they granted.
    pub fn withdraw(&self, subject: &str) {
        self.change(|world| world.ledger.revoke_account(None, subject, Cause::Person));
    }

    /// The person's account is deleted at the service, and with it what they granted.
    pub fn delete_person(&self, subject: &str) {
        self.change(|world| {
            world.people.retain(|person| person.subject != subject);
            world.ledger.revoke_account(None, subject, Cause::Person);
        });
    }

    /// The ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.read(|world| world.ledger.clone())
    }

    /// Looks into the ledger without copying it.
    pub fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        self.read(|world| look(&world.ledger))
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.read(|world| world.calls.clone())
    }

    pub fn calls_to(&self, endpoint: Endpoint) -> usize {
        self.read(|world| {
            let calls = world.calls.iter();
            calls.filter(|call| endpoint.covers(call.endpoint)).count()
        })
    }

    /// What a correct client never sends: unknown routes, bad client authentication, invalid
    /// requests, spent codes. Refusals that are part of life (a grant withdrawn) are not in it.
    pub fn unexpected(&self) -> Vec<String> {
        self.read(|world| world.unexpected.clone())
    }

    /// As [`Self::unexpected`], and forgets them: for stories that provoke one on purpose.
    pub fn take_unexpected(&self) -> Vec<String> {
        self.change(|world| std::mem::take(&mut world.unexpected))
    }

    /// Every secret the service ever issued or saw, to search logs and databases for.
    pub fn secrets(&self) -> Vec<String> {
        self.read(|world| {
            let clients = world.clients.iter().map(|client| client.secret.clone());
            clients.chain(world.ledger.secrets()).collect()
        })
    }

    /// Waits, without polling, until the ledger satisfies `holds`.
    ///
    /// # Panics
    /// When it does not within `patience`; the message says what was waited for.
    pub async fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&Ledger) -> bool,
    ) {
        let mut changes = self.shared.changes.subscribe();
        let watching = async {
            while !self.read(|world| holds(&world.ledger)) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(patience, watching).await.is_err() {
            let ledger = self.ledger();
            panic!("waited {patience:?} in vain for {what}; the service has {ledger}");
        }
    }

    /// Logs in as `subject`, allows, and returns the address the browser is sent back to.
    pub async fn approve(&self, authorize_url: &str, subject: &str) -> String {
        Visitor::new(self).approve(authorize_url, subject).await
    }

    /// Logs in as `subject`, denies, and returns the address the browser is sent back to.
    pub async fn deny(&self, authorize_url: &str, subject: &str) -> String {
        Visitor::new(self).deny(authorize_url, subject).await
    }

    fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let outcome = act(&mut self.lock());
        self.shared.changes.send_modify(|count| *count += 1);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panicking assertion elsewhere must not turn every later answer into a second panic.
        let world = self.shared.world.lock();
        world.unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn person(&self, subject: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.subject == subject)
    }

    fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    fn note(&mut self, unexpected: impl Into<String>) {
        self.unexpected.push(unexpected.into());
    }
}

/// 256 random bits behind a prefix that says what they are for.
fn random(prefix: &str) -> String {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has random numbers");
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The parameters of a query or a form. RFC 6749 3.1: none may be sent twice. Only `resource` may (RFC 8707), and then
/// stands here as words.
#[derive(Clone)]
struct Params(HashMap<String, String>);

impl Params {
    fn parse(encoded: &[u8]) -> Result<Self, String> {
        let mut params: HashMap<String, String> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if name == "resource"
                && let Some(before) = params.get_mut("resource")
            {
                *before = format!("{before} {value}");
                continue;
            }
            if params
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                return Err(format!("parameter {name} is there twice"));
            }
        }
        Ok(Self(params))
    }

    /// A parameter that is there and not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn words(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value.split_ascii_whitespace().map(String::from).collect()
    }
}
