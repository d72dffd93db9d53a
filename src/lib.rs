//! Latchkey: linking accounts from inside Jira.
//!
//! A person in Jira clicks Connect, logs in at the vendor's service, and comes back through Jira, which
//! says who they are; only then is anything linked. From then on an expiring API key stands in their
//! Jira user property and is renewed until they disconnect.
//!
//! The map, from what is used to who uses it:
//!
//! | module | what it knows |
//! |---|---|
//! | [`clock`], [`random`], [`secret`], [`error`], [`config`] | time, chance, what is never printed, what can go wrong, the settings |
//! | [`log`], [`signals`] | the lines on standard error; what ends the process |
//! | [`model`] | the nouns |
//! | [`grant`] | how long a grant lasts |
//! | [`events`] | what an operator should know about attacks |
//! | [`limits`] | how often anybody may do what costs something |
//! | [`outbound`], [`sites`] | how any other server is called; where a tenant may live |
//! | [`vault`], [`store`], [`jwe`] | what is kept, and sealed; what is sealed to somebody else |
//! | [`budget`], [`forecast`] | what all replicas may ask of Jira and of the service, and how far it goes |
//! | [`figures`] | what this process counts and measures |
//! | [`connect`], [`jira`], [`provider`], [`signing`] | Atlassian's tokens, a tenant's Jira, the service, keys that are signed here |
//! | [`moments`] | where a test can hold a renewal; nothing in a release |
//! | [`cleanup`], [`renewal`], [`linking`] | the verbs |
//! | [`worker`], [`web`] | who calls them: the loop and the routes |
//! | [`watch`], [`doctor`] | what an operator is told, unasked and asked |
//! | [`server`] | starts and stops both |
//!
//! Use points upwards in this table only.

pub mod budget;
pub mod cleanup;
pub mod clock;
pub mod config;
pub mod connect;
pub mod doctor;
pub mod error;
pub mod events;
pub mod figures;
pub mod forecast;
pub mod grant;
pub mod jira;
pub mod jwe;
pub mod limits;
pub mod linking;
pub mod log;
pub mod model;
pub mod moments;
pub mod outbound;
pub mod provider;
pub mod random;
pub mod renewal;
pub mod secret;
pub mod server;
pub mod signals;
pub mod signing;
pub mod sites;
pub mod store;
pub mod vault;
pub mod watch;
pub mod web;
pub mod worker;

use std::sync::Arc;

use tokio::sync::Notify;

use budget::{Bursts, Quota, ServicePace, SharedGate};
use clock::{Clock, Millis};
use config::{Config, Customers, IssueModule, PropertyMode, Proxies};
use connect::install_keys::InstallKeys;
use connect::{Connect, Signer};
use events::Events;
use figures::Meters;
use jira::Jira;
use limits::Limits;
use outbound::Outbound;
use prometheus::Registry;
use provider::Provider;
use random::Random;
use renewal::AtWork;
use signing::Signing;
use sites::Sites;
use store::{OpenError, Store};
use vault::Vault;

/// What comes from outside the process and is passed in.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// The HTTP client.
    pub http: Outbound,
}

impl Outside {
    /// The real ones.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn real(config: &Config) -> Result<Self, reqwest::Error> {
        Ok(Self {
            clock: moments::clock(),
            random: Random::system(),
            http: Outbound::new(config.allow_loopback_http)?,
        })
    }
}

/// All that a request or a job may use.
pub struct App {
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// What is kept.
    pub store: Store,
    /// Figures that this process counts itself.
    pub registry: Registry,
    /// Records security events.
    pub events: Events,
    /// Counts and measures.
    pub meters: Meters,
    /// Counts what anybody may do only so often.
    pub limits: Arc<Limits>,
    /// Who is believed about where a request comes from.
    pub proxies: Proxies,
    /// Verifies what Atlassian sends.
    pub connect: Connect,
    /// Calls to tenants' Jira.
    pub jira: Jira,
    /// Calls to the service.
    pub provider: Provider,
    /// Whether portal customers may link.
    pub customers: Customers,
    /// Name of the app in Jira.
    pub app_name: String,
    /// Which module stands in the issue.
    pub issue_module: IssueModule,
    /// The Connect bridge.
    pub connect_js: url::Url,
    /// Names this process among the replicas.
    pub replica: String,
    /// The links that this process is renewing.
    pub at_work: AtWork,
    /// Closed while the service wants no token request, or does not answer any.
    pub service_gate: SharedGate,
    /// Closed while Jira's quota of all tenants is used up.
    pub jira_gate: SharedGate,
    /// Points for calls to Jira.
    pub quota: Arc<Quota>,
    /// Token requests a second.
    pub service_pace: ServicePace,
    /// Renewals that this process has under way at once.
    pub at_once: usize,
    /// Wakes renewing before its time.
    pub wake: Notify,
    /// Wakes cleaning up before its time.
    pub wake_cleanup: Notify,
    /// Signs keys, where they are signed here.
    pub signing: Option<Signing>,
    /// What stands in the user property.
    pub property: PropertyMode,
}

impl App {
    /// Opens the store and puts everything together.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn new(config: Config, outside: Outside) -> Result<Arc<Self>, OpenError> {
        let Outside {
            clock,
            random,
            http,
        } = outside;
        let registry = Registry::new();
        let events = Events::new(&registry, clock.clone());
        let meters = Meters::new(&registry);
        let vault = Vault::new(config.sealing_keys, random.clone(), events.clone());
        let sites = Sites {
            hosts: config.site_hosts,
            loopback_http: config.allow_loopback_http,
        };
        let database = &config.database;
        let store = Store::open(database, vault, random.clone(), sites.clone()).await?;
        follow_database(&store, &clock).await?;
        tell_who_is_not_served(&store).await?;
        let quota = Quota::new(config.jira_limits, store.clone(), clock.clone());
        let quota = Arc::new(quota);
        let service = config.service_limits;
        let service_pace = ServicePace::new(service.rate, store.clone(), clock.clone());
        let at_once = service.concurrency.min(service_pace.at_once());
        let limits = Arc::new(Limits::new(&clock, events.clone()));
        let install_keys = InstallKeys::new(
            config.install_keys_url,
            http.clone(),
            clock.clone(),
            limits.clone(),
        );
        let callback = format!("{}/link/callback", config.base_url.full());
        let signing = config.minted.map(|minted| {
            Signing::new(
                minted,
                config.base_url.full(),
                config.app_key.clone(),
                store.clone(),
                clock.clone(),
                random.clone(),
            )
        });
        Ok(Arc::new(Self {
            connect: Connect::new(
                config.base_url,
                config.app_key.clone(),
                sites,
                install_keys,
                store.clone(),
                clock.clone(),
                events.clone(),
                meters.clone(),
            ),
            registry,
            events,
            meters,
            limits,
            proxies: config.trusted_proxies,
            jira: Jira::new(
                http.clone(),
                Signer::new(config.app_key, clock.clone()),
                clock.clone(),
                quota.clone(),
                Bursts::new(&config.jira_limits, clock.clone()),
                config.impersonation_url,
                config.property_key,
            ),
            provider: Provider::new(
                config.provider,
                callback,
                config.allow_loopback_http,
                http,
                clock.clone(),
            ),
            customers: config.customers,
            app_name: config.app_name,
            issue_module: config.issue_module,
            connect_js: config.connect_js_url,
            replica: random.id(),
            at_work: AtWork::default(),
            service_gate: SharedGate::of_service(store.clone(), clock.clone()),
            jira_gate: SharedGate::of_jira(store.clone(), clock.clone()),
            service_pace,
            at_once,
            quota,
            wake: Notify::new(),
            wake_cleanup: Notify::new(),
            signing,
            property: config.property,
            store,
            clock,
            random,
        }))
    }
}

/// How many tenants are named that are not served.
const NAMED: usize = 100;

/// Whoever has narrowed the hosts of sites should see whom that leaves out.
async fn tell_who_is_not_served(store: &Store) -> Result<(), error::Error> {
    let left_out = store.sites_not_allowed().await?;
    for site in left_out.iter().take(NAMED) {
        tracing::warn!(
            %site,
            "a tenant is not served: its base URL is not of a host in LATCHKEY_SITE_HOSTS"
        );
    }
    if left_out.len() > NAMED {
        let tenants = left_out.len();
        tracing::warn!(tenants, "so many are not served; not all are named");
    }
    Ok(())
}

/// A difference that network and scheduling may make, in milliseconds: it is not followed.
const UNSURE: Millis = 500;
/// One of which an operator should know, in milliseconds.
const WRONG: Millis = 5_000;

/// Corrects the clock by that of the database server, so that replicas agree on what is due and what has
/// expired, however wrong the clocks of their machines are. Where there is no server, nothing happens.
///
/// # Errors
/// When the store is unavailable.
pub async fn follow_database(store: &Store, clock: &Clock) -> Result<(), error::Error> {
    if let Some(ahead) = store.clock_ahead_of(clock).await?
        && ahead.abs() > UNSURE
        && clock.correct(ahead)
        && ahead.abs() > WRONG
    {
        tracing::warn!(
            seconds = ahead / 1000,
            "the clock of this machine or of the database server is wrong; that of the database counts"
        );
    }
    Ok(())
}
