//! The parts of a running process, put together from the settings.

use std::sync::Arc;

use prometheus::Registry;
use tokio::sync::Notify;

use crate::atlassian::connect::descriptor::IssueModule;
use crate::atlassian::connect::install_keys::InstallKeys;
use crate::atlassian::connect::{Connect, Signer};
use crate::atlassian::jira::Jira;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::figures::Counted;
use crate::keys::Keys;
use crate::keys::signing::Signing;
use crate::limits::Limits;
use crate::linking::Linking;
use crate::meters::Meters;
use crate::moments;
use crate::outbound::Outbound;
use crate::parts::Parts;
use crate::proxies::Proxies;
use crate::random::Random;
use crate::renewal::Renewing;
use crate::service::Service;
use crate::service::provider::Provider;
use crate::sites::Sites;
use crate::store::{OpenError, Store};
use crate::vault::Vault;
use crate::worker::follow_database;

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

/// The parts of a running process.
pub struct App {
    /// What the verbs work with.
    pub parts: Parts,
    /// What linking works with.
    pub linking: Arc<Linking>,
    /// What the worker renews with.
    pub renewing: Renewing,
    /// Verifies what Atlassian sends.
    pub connect: Connect,
    /// Counts what anybody may do only so often.
    pub limits: Arc<Limits>,
    /// Records security events.
    pub events: Events,
    /// Figures that this process counts itself.
    pub registry: Registry,
    /// What is collected from the database for an operator.
    pub counted: Counted,
    /// Who is believed about where a request comes from.
    pub proxies: Proxies,
    /// What pages say and load.
    pub appearance: Appearance,
}

/// What pages say of the app, and load.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// Name of the app in Jira.
    pub app_name: String,
    /// Which module stands in the issue.
    pub issue_module: IssueModule,
    /// The Connect bridge.
    pub connect_js: url::Url,
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
        let connect = Connect::new(
            config.base_url,
            config.app_key.clone(),
            sites,
            install_keys,
            store.clone(),
            clock.clone(),
            events.clone(),
            meters.clone(),
        );
        let jira = Jira::new(
            http.clone(),
            Signer::new(config.app_key.clone(), clock.clone()),
            clock.clone(),
            random.clone(),
            store.clone(),
            config.jira_limits,
            config.impersonation_url,
            config.property_key,
        );
        let loopback = config.allow_loopback_http;
        let provider = Provider::new(config.provider, callback, loopback, http, clock.clone());
        let rate = config.service_limits.rate;
        let service = Service::new(provider, rate, store.clone(), clock.clone());
        let at_once = config.service_limits.concurrency.min(service.at_once());
        let replica = random.id();
        let parts = Parts {
            jira: Arc::new(jira),
            service: Arc::new(service),
            keys: Arc::new(Keys {
                signing,
                property: config.property,
                random: random.clone(),
            }),
            meters,
            wake: Arc::new(Notify::new()),
            wake_cleanup: Arc::new(Notify::new()),
            store,
            clock,
            random,
        };
        Ok(Arc::new(Self {
            linking: Arc::new(Linking {
                parts: parts.clone(),
                limits: limits.clone(),
                events: events.clone(),
                customers: config.customers,
                replica: replica.clone(),
                app_key: config.app_key,
            }),
            renewing: Renewing::new(parts.clone(), replica, at_once),
            parts,
            connect,
            limits,
            events,
            registry,
            counted: Counted::default(),
            proxies: config.trusted_proxies,
            appearance: Appearance {
                app_name: config.app_name,
                issue_module: config.issue_module,
                connect_js: config.connect_js_url,
            },
        }))
    }
}

/// How many tenants are named that are not served.
const NAMED: usize = 100;

/// Whoever has narrowed the hosts of sites should see whom that leaves out.
async fn tell_who_is_not_served(store: &Store) -> Result<(), Error> {
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
