//! The parts of a running process, put together from the settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::Registry;
use tokio::sync::Notify;

use crate::administering::Administering;
use crate::atlassian::connect::descriptor::IssueModule;
use crate::atlassian::connect::install_keys::InstallKeys;
use crate::atlassian::connect::{Connect, Signer};
use crate::atlassian::forge::Forge;
use crate::atlassian::forge::presence::Presence;
use crate::atlassian::jira::Jira;
use crate::atlassian::jira::quota::JiraLimits;
use crate::clock::{Clock, Seconds};
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::figures::Counted;
use crate::keys::Keys;
use crate::keys::signing::Signing;
use crate::limits::Limits;
use crate::linking::Linking;
use crate::meters::{Meters, QuotaScope};
use crate::moments;
use crate::outbound::Outbound;
use crate::parts::{LastSaid, Parts};
use crate::proxies::Proxies;
use crate::random::Random;
use crate::renewal::Renewing;
use crate::secret::Changing;
use crate::service::Service;
use crate::service::provider::Provider;
use crate::service::registration::ServiceLooks;
use crate::sites::Sites;
use crate::store::{JiraWaits, OpenError, Store};
use crate::vault::Vault;
use crate::vendor::Vendor;
use crate::webhooks::{Destination, Webhooks};
use crate::words::{Language, Words};
use crate::worker::follow_database;

const DAY: Seconds = 24 * 3600;

/// What the process gets from outside.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// The HTTP client.
    pub http: Outbound,
}

impl Outside {
    /// The real clock, random numbers and HTTP client. With `loopback_names`, `localhost` and its subdomains resolve
    /// to this machine.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn real(loopback_names: bool) -> Result<Self, reqwest::Error> {
        Ok(Self {
            clock: moments::clock(),
            random: Random::system(),
            http: Outbound::new(loopback_names)?,
        })
    }
}

/// The parts of a running process.
pub struct App {
    /// The parts that the verbs share.
    pub parts: Parts,
    /// Links accounts.
    pub linking: Arc<Linking>,
    /// What admins of sites see and do.
    pub administering: Administering,
    /// What the vendor's own servers may do.
    pub vendor: Vendor,
    /// Renews links.
    pub renewing: Renewing,
    /// Verifies what Atlassian sends through Connect.
    pub connect: Connect,
    /// Verifies what Forge sends, if that door is open.
    pub forge: Option<Forge>,
    /// Limits how often callers may do what costs something.
    pub limits: Arc<Limits>,
    /// Records security events.
    pub events: Events,
    /// Metrics that this process counts itself.
    pub registry: Registry,
    /// Metrics that are collected from the database.
    pub counted: Counted,
    /// The proxies that are trusted to name a request's address.
    pub proxies: Proxies,
    /// What pages show and load.
    pub appearance: Appearance,
    /// What people read, in English; each answer takes it in its language.
    pub words: Words,
    /// Whether the process was asked to stop.
    leaving: AtomicBool,
    /// Why `/readyz` said last that this process is not ready.
    pub said_unready: LastSaid,
}

/// What pages show of the app, and load.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// Name of the app in Jira.
    pub app_name: String,
    /// The module in the issue.
    pub issue_module: IssueModule,
    /// The Connect bridge.
    pub connect_js: url::Url,
    /// What people see of the service.
    pub service: ServiceLooks,
}

impl App {
    /// The process was asked to stop: from now on it is not ready.
    pub fn leaves(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the process was asked to stop.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Changes what can change while the process runs: all of it, or nothing.
    ///
    /// # Errors
    /// When the new sealing keys do not open what the present ones open, or the store is unavailable.
    pub async fn change(&self, config: &Config) -> Result<(), OpenError> {
        let now = self.parts.clock.now();
        let keys = config.sealing_keys.clone();
        self.parts.store.change_sealing_keys(keys, now).await?;
        let credential = &config.provider.credential;
        self.parts.service.change_credential(credential);
        self.vendor.secrets.change(config.vendor_secrets.clone());
        if let (Some(webhooks), Some(given)) = (&self.parts.webhooks, &config.webhooks) {
            webhooks.secrets.change(given.secrets.clone());
        }
        Ok(())
    }

    /// Opens the store and puts everything together.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn new(config: Config, outside: Outside) -> Result<Arc<Self>, OpenError> {
        let Outside { clock, random, .. } = &outside;
        let registry = Registry::new();
        let events = Events::new(&registry, clock.clone());
        let meters = Meters::new(&registry);
        let limits = Arc::new(Limits::new(clock, events.clone()));
        let store = open_store(&config, &outside, &events).await?;
        let connect = connect(&config, &outside, &store, &limits, &events, &meters).await?;
        let forge = forge(&config, &outside, &store, &events, &meters);
        let service = service(&config, &outside, &store);
        let at_once = config.service_limits.concurrency.min(service.at_once());
        let replica = random.id();
        // Until the database says what is used: a figure of 0 would look like a quota that is used up.
        let JiraLimits { quota, renewal, .. } = config.jira_limits;
        meters.quota(QuotaScope::App, 0, quota);
        meters.quota(QuotaScope::Renewal, 0, renewal);
        let parts = Parts {
            jira: Arc::new(jira(&config, &outside, &store)),
            presence: config
                .forge
                .clone()
                .map(|app| Presence::new(app, outside.http.clone())),
            service: Arc::new(service),
            keys: Arc::new(keys(&config, &outside, &store)),
            webhooks: webhooks(&config, &outside, &store, &meters),
            meters,
            wake: Arc::new(Notify::new()),
            wake_cleanup: Arc::new(Notify::new()),
            rounds: Arc::default(),
            events_kept: config.events_days * DAY,
            store,
            clock: clock.clone(),
            random: random.clone(),
        };
        let linking = Arc::new(Linking {
            parts: parts.clone(),
            limits: limits.clone(),
            events: events.clone(),
            customers: config.customers,
            replica: replica.clone(),
            app_key: config.app_key,
            forge_app: config.forge.map(|app| app.id),
        });
        let words = Words::new(Language::En, parts.service.name(), &config.app_name);
        Ok(Arc::new(Self {
            administering: Administering {
                linking: linking.clone(),
                outbound: config.outbound_addresses,
                events_days: config.events_days,
                act_as: config.act_as,
            },
            vendor: Vendor {
                linking: linking.clone(),
                secrets: Changing::new(config.vendor_secrets),
                act_as: config.act_as,
            },
            linking,
            renewing: Renewing::new(parts.clone(), replica, at_once),
            parts,
            connect,
            forge,
            limits,
            events,
            registry,
            counted: Counted::default(),
            proxies: config.trusted_proxies,
            said_unready: LastSaid::default(),
            words,
            appearance: Appearance {
                app_name: config.app_name,
                issue_module: config.issue_module,
                connect_js: config.connect_js_url,
                service: config.looks,
            },
            leaving: AtomicBool::new(false),
        }))
    }
}

fn sites(config: &Config) -> Sites {
    Sites {
        hosts: config.site_hosts.clone(),
        loopback_http: config.allow_loopback_http,
    }
}

/// Opens the store and warns about tenants that the settings leave out.
async fn open_store(
    config: &Config,
    outside: &Outside,
    events: &Events,
) -> Result<Store, OpenError> {
    let random = &outside.random;
    let vault = Vault::new(config.sealing_keys.clone(), random.clone(), events.clone());
    let destination = config.webhooks.as_ref();
    let receiver = destination.map(Destination::receiver).unwrap_or_default();
    let sites = sites(config);
    let jira_waits = match config.property.changes_with_renewals() {
        true => JiraWaits::HoldRenewals,
        false => JiraWaits::HoldCalls,
    };
    let store = Store::open(
        &config.database,
        vault,
        random.clone(),
        sites,
        receiver,
        jira_waits,
    )
    .await?;
    follow_database(&store, &outside.clock).await?;
    // Before anybody is served: a backup may have been put back.
    store.mind_clock(outside.clock.now()).await?;
    let again = store.try_sealed_links_again(outside.clock.now()).await?;
    if again > 0 {
        tracing::info!(
            links = again,
            "links that did not decrypt before are tried again"
        );
    }
    warn_of_sites_left_out(&store).await?;
    Ok(store)
}

async fn connect(
    config: &Config,
    outside: &Outside,
    store: &Store,
    limits: &Arc<Limits>,
    events: &Events,
    meters: &Meters,
) -> Result<Connect, Error> {
    let install_keys = InstallKeys::open(
        config.install_keys_url.clone(),
        outside.http.clone(),
        outside.clock.clone(),
        limits.clone(),
        store.clone(),
    )
    .await?;
    Ok(Connect::new(
        config.connect,
        config.base_url.clone(),
        config.app_key.clone(),
        sites(config),
        install_keys,
        store.clone(),
        outside.clock.clone(),
        events.clone(),
        meters.clone(),
    ))
}

fn forge(
    config: &Config,
    outside: &Outside,
    store: &Store,
    events: &Events,
    meters: &Meters,
) -> Option<Forge> {
    Some(Forge::new(
        config.forge.clone()?,
        config.forge_keys_url.clone(),
        outside.http.clone(),
        store.clone(),
        outside.clock.clone(),
        events.clone(),
        meters.clone(),
        sites(config),
    ))
}

fn jira(config: &Config, outside: &Outside, store: &Store) -> Jira {
    Jira::new(
        outside.http.clone(),
        Signer::new(config.app_key.clone(), outside.clock.clone()),
        outside.clock.clone(),
        outside.random.clone(),
        store.clone(),
        config.jira_limits,
        config.impersonation_url.clone(),
        config.atlassian_api_url.clone(),
        config.property_key.clone(),
    )
}

fn service(config: &Config, outside: &Outside, store: &Store) -> Service {
    let provider = Provider::new(
        config.provider.clone(),
        format!("{}/link/callback", config.base_url.full()),
        config.allow_loopback_http,
        outside.http.clone(),
        outside.clock.clone(),
        &outside.random,
    );
    let rate = config.service_limits.rate;
    Service::new(provider, rate, store.clone(), outside.clock.clone())
}

fn webhooks(
    config: &Config,
    outside: &Outside,
    store: &Store,
    meters: &Meters,
) -> Option<Webhooks> {
    Some(Webhooks::new(
        config.webhooks.clone()?,
        outside.http.clone(),
        store.clone(),
        outside.clock.clone(),
        outside.random.clone(),
        meters.clone(),
    ))
}

fn keys(config: &Config, outside: &Outside, store: &Store) -> Keys {
    let signing = config.minted.clone().map(|terms| {
        Signing::new(
            terms,
            config.base_url.full(),
            config.app_key.clone(),
            store.clone(),
            outside.clock.clone(),
            outside.random.clone(),
        )
    });
    Keys {
        signing,
        property: config.property.clone(),
        random: outside.random.clone(),
    }
}

/// The most tenants that are not served and are named in the log.
const NAMED: usize = 100;

/// Shows an operator who narrowed `LATCHKEY_SITE_HOSTS` which tenants that leaves out.
async fn warn_of_sites_left_out(store: &Store) -> Result<(), Error> {
    let left_out = store.sites_not_allowed().await?;
    for site in left_out.iter().take(NAMED) {
        tracing::warn!(
            %site,
            "a tenant is not served: the host of its base URL is not in LATCHKEY_SITE_HOSTS"
        );
    }
    if left_out.len() > NAMED {
        let tenants = left_out.len();
        tracing::warn!(tenants, "more tenants are not served than are named above");
    }
    Ok(())
}
