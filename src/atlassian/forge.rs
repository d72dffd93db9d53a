//! Atlassian Forge: verifies its calls, finds out for which tenant an installation speaks, and keeps the system
//! tokens with which a tenant's Jira is called.
//!
//! Every good token is reason enough to write its installation down: the event that says so may come late, twice
//! or never. The installation takes over the tenant of its site, if there is one (`store/forge.rs`). If there is
//! none, the site has to be known first: Jira says at which address it is, and that address says of which site it
//! is, and only if both agree is the tenant made.

pub mod invocation;
pub mod presence;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::clock::{Clock, Seconds};
use crate::error::{Error, ShouldBe, printable};
use crate::events::{Event, Events, TokenKind};
use crate::key_set::KeySet;
use crate::meters::{Meters, Verdict};
use crate::model::{Door, ForgeInstallation, ForgeInstallationId, SystemToken, Tenant};
use crate::outbound::{Outbound, SIZE_LIMIT};
use crate::secret::Secret;
use crate::sites::Sites;
use crate::store::{Arrived, Store};
use crate::words::{Text, Words};

use super::{Rejected, Viewer, site};
use invocation::{By, Invocation, Unverified};

/// How long a system token lasts that came with a call of the scheduled trigger, in seconds, if it does not say:
/// Forge sends none that ends sooner. None is believed to last for longer than four hours.
const TICKS_TOKEN: Seconds = 2 * 3600;
const LONGEST_TOKEN: Seconds = 4 * 3600;
/// The same for one that came with another call.
const OTHER_TOKEN: Seconds = 15 * 60;
/// How often pages of an installation may cause a look at its site, in seconds, and of how many installations that is
/// remembered.
const LOOKS_EACH: Seconds = 10;
const LOOKED_AT: usize = 1024;

/// The Forge app, by its settings.
#[derive(Debug, Clone)]
pub struct ForgeApp {
    /// Its uuid.
    pub id: String,
    /// The uuids of the environments whose calls are accepted.
    pub environments: Vec<String>,
    /// Where Atlassian's API is called, without a trailing slash.
    pub api_url: String,
}

impl ForgeApp {
    /// Its ARI, which is the audience of every invocation token.
    #[must_use]
    pub fn ari(&self) -> String {
        format!("{APP}{}", self.id)
    }
}

/// The scopes of the manifest, each with its reason in words for an admin (docs/forge-scopes.md).
pub const SCOPES: &[(&str, Text)] = &[
    ("read:jira-user", Words::scope_read_jira_user),
    ("read:jira-work", Words::scope_read_jira_work),
    ("write:jira-work", Words::scope_write_jira_work),
    ("read:app-system-token", Words::scope_read_app_system_token),
    ("report:personal-data", Words::scope_report_personal_data),
];

const APP: &str = "ari:cloud:ecosystem::app/";

/// A uuid, in lower case. Also read from an ARI that ends in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppId(pub String);

impl FromStr for AppId {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let id = text.strip_prefix(APP).unwrap_or(text);
        uuid(id).map(Self).ok_or(ShouldBe::new(
            "the app's id in the developer console, a uuid or ari:cloud:ecosystem::app/ and a uuid",
        ))
    }
}

/// The uuids of environments, comma separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments(pub Vec<String>);

impl FromStr for Environments {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let ids: Option<Vec<String>> = text.split(',').map(|id| uuid(id.trim())).collect();
        ids.map(Self).ok_or(ShouldBe::new(
            "the uuids of environments of the Forge app (`forge environments list`), comma separated",
        ))
    }
}

fn uuid(text: &str) -> Option<String> {
    let plain = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (text.len() == 36 && plain).then(|| text.to_ascii_lowercase())
}

/// An endpoint that Forge itself calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Every hour, with a system token.
    Tick,
    /// When the app was installed, or a new major version of it.
    Lifecycle,
    /// Before the app is uninstalled.
    Leaving,
}

impl Endpoint {
    /// Its key in the manifest.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Tick => "latchkey-tick",
            Self::Lifecycle => "latchkey-lifecycle",
            Self::Leaving => "latchkey-leaving",
        }
    }
}

/// Verifies what Forge sends.
#[derive(Debug)]
pub struct Forge {
    app: ForgeApp,
    keys_url: String,
    keys: KeySet,
    http: Outbound,
    store: Store,
    clock: Clock,
    events: Events,
    meters: Meters,
    sites: Sites,
    /// When a page last caused a look at the site of its installation.
    looked_at: Mutex<HashMap<ForgeInstallationId, Seconds>>,
}

impl Forge {
    /// The verifier of one app, whose tokens are signed by the keys at `keys_url`.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of the app"
    )]
    pub fn new(
        app: ForgeApp,
        keys_url: String,
        http: Outbound,
        store: Store,
        clock: Clock,
        events: Events,
        meters: Meters,
        sites: Sites,
    ) -> Self {
        Self {
            app,
            keys_url,
            keys: KeySet::new(clock.clone()),
            http,
            store,
            clock,
            events,
            meters,
            sites,
            looked_at: Mutex::default(),
        }
    }

    /// The uuid of the app.
    #[must_use]
    pub fn app_id(&self) -> &str {
        &self.app.id
    }

    /// The person who calls from a page. `system_token` is what came beside the invocation token.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a token that is not valid, [`Error::WrongCaller`] for one of no person,
    /// [`Error::SettingUp`] and [`Error::NotServed`] while the installation speaks for no tenant.
    pub async fn viewer(&self, token: &str, system_token: Option<Secret>) -> Result<Viewer, Error> {
        let call = self.verified(token).await?;
        let By::Person(account) = &call.by else {
            return Err(Error::WrongCaller);
        };
        let brought = system_token.map(|token| self.brought(token, OTHER_TOKEN));
        let tenant = self.tenant(&call, brought, false).await?;
        Ok(Viewer::new(tenant, account.clone()))
    }

    /// The tenant about which Forge calls one of its endpoints. None if the installation speaks for none, which the
    /// log tells.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a token that is not valid, [`Error::WrongCaller`] for one of a person or for
    /// another endpoint.
    pub async fn called(
        &self,
        endpoint: Endpoint,
        token: &str,
        system_token: Option<Secret>,
    ) -> Result<Option<Tenant>, Error> {
        let call = self.verified(token).await?;
        if call.by != By::Endpoint(endpoint.key().to_owned()) {
            self.events
                .record(Event::Misplaced(TokenKind::Invocation, None));
            return Err(Error::WrongCaller);
        }
        let lasts = match endpoint {
            Endpoint::Tick => {
                self.store.tick_heard(self.clock.now()).await?;
                TICKS_TOKEN
            }
            Endpoint::Lifecycle | Endpoint::Leaving => OTHER_TOKEN,
        };
        let brought = system_token.map(|token| self.brought(token, lasts));
        match self.tenant(&call, brought, true).await {
            Ok(tenant) => Ok(Some(tenant)),
            Err(Error::SettingUp | Error::NotServed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn verified(&self, token: &str) -> Result<Invocation, Error> {
        let refused = |rejected: Rejected| {
            let kind = TokenKind::Invocation;
            self.meters.token(kind, rejected.verdict());
            if let Some(event) = rejected.event(kind, None) {
                self.events.record(event);
            }
            Error::Unauthorized(rejected.why())
        };
        let unverified = Unverified::read(token).map_err(refused)?;
        let signed = self
            .keys
            .signed(&self.http, &self.keys_url, &unverified.signed);
        match signed.await {
            Ok(true) => {}
            Ok(false) => return Err(refused(Rejected::Signature)),
            Err(error) => {
                self.meters.token(TokenKind::Invocation, Verdict::Undecided);
                let why = format!("the keys of Forge cannot be read: {error}");
                return Err(Error::JiraUnreachable(why));
            }
        }
        let invocation = unverified
            .claims(&self.app, self.clock.now())
            .map_err(refused)?;
        self.meters.token(TokenKind::Invocation, Verdict::Accepted);
        Ok(invocation)
    }

    /// A system token, with the time at which it ends as far as that is known.
    fn brought(&self, token: Secret, lasts: Seconds) -> SystemToken {
        #[derive(Deserialize)]
        struct Ends {
            exp: Seconds,
        }
        let now = self.clock.now();
        let says = jsonwebtoken::dangerous::insecure_decode_claims::<Ends>(token.expose());
        let ends_at = says.map_or(now + lasts, |Ends { exp }| exp.min(now + LONGEST_TOKEN));
        SystemToken { token, ends_at }
    }

    /// The tenant for which an installation speaks. A system token is kept: one that Forge itself has sent, or one
    /// that a page has sent where none is there, because a page may be able to set its header.
    async fn tenant(
        &self,
        call: &Invocation,
        brought: Option<SystemToken>,
        by_forge: bool,
    ) -> Result<Tenant, Error> {
        let now = self.clock.now();
        let installation = &call.installation;
        let mut arrived = self
            .store
            .arrived(installation, call.issued_at, now)
            .await?;
        if let Arrived::Refused = arrived {
            self.store.reconsider_installation(&installation.id).await?;
            arrived = Arrived::NewSite;
        }
        if let Arrived::NewSite = arrived {
            let token = brought.as_ref().ok_or(Error::SettingUp)?;
            if !by_forge && !self.may_look(&installation.id, now) {
                return Err(Error::SettingUp);
            }
            let base_url = self.address(installation, &token.token).await?;
            arrived = self.store.settle_site(installation, &base_url, now).await?;
        }
        let tenant = match arrived {
            Arrived::Tenant(tenant) => *tenant,
            Arrived::NewSite => return Err(Error::SettingUp),
            Arrived::Past | Arrived::Refused => {
                tracing::warn!(installation = %installation.id, "an installation calls that speaks for no tenant");
                return Err(Error::NotServed);
            }
        };
        let (Door::Forge(door), Some(brought)) = (&tenant.door, brought) else {
            return Ok(tenant);
        };
        let known = door.system_token.as_ref();
        let works = known.is_some_and(|token| token.ends_at > now);
        let takes = by_forge
            || (!works
                && self.may_look(&installation.id, now)
                && self.address(installation, &brought.token).await.is_ok());
        if !takes {
            return Ok(tenant);
        }
        self.store
            .keep_system_token(&tenant, door, &brought)
            .await?;
        let again = self.store.tenant(&tenant.client_key).await?;
        again.ok_or(Error::NotServed)
    }

    /// Whether a page may cause a look at the site of its installation now: a person can send any number of calls.
    fn may_look(&self, id: &ForgeInstallationId, now: Seconds) -> bool {
        let mut looked_at = self
            .looked_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        looked_at.retain(|_, at| (now - *at).abs() < LOOKS_EACH);
        if looked_at.len() >= LOOKED_AT || looked_at.contains_key(id) {
            return false;
        }
        looked_at.insert(id.clone(), now);
        true
    }

    /// The address of the installation's site: Jira gives it for this system token, it is one that this server
    /// serves, and it names the same site itself.
    async fn address(
        &self,
        installation: &ForgeInstallation,
        token: &Secret,
    ) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ServerInfo {
            base_url: String,
        }
        let cloud_id = &installation.cloud_id;
        let url = format!(
            "{}/ex/jira/{cloud_id}/rest/api/3/serverInfo",
            self.app.api_url
        );
        let request = self.http.client().get(url).bearer_auth(token.expose());
        let answer = self.http.send(request, SIZE_LIMIT).await;
        let answer = answer.map_err(|error| Error::JiraUnreachable(error.to_string()))?;
        if !answer.status.is_success() {
            // The token is not of this site, or does not work yet or any more.
            tracing::warn!(installation = %installation.id, status = %answer.status, "Jira does not say at which address a site of Forge is");
            return Err(Error::SettingUp);
        }
        let info: ServerInfo = answer.json().ok_or(Error::SettingUp)?;
        let Some(base_url) = self.sites.site_url(&info.base_url) else {
            tracing::warn!(
                installation = %installation.id,
                site = printable(&info.base_url),
                "an installation of the Forge app is refused: the host of its site is not in LATCHKEY_SITE_HOSTS"
            );
            self.store.refuse_installation(&installation.id).await?;
            return Err(Error::NotServed);
        };
        let named = site::cloud_id(&self.http, &base_url).await?;
        if named != *cloud_id {
            tracing::warn!(installation = %installation.id, site = %base_url, "an installation of the Forge app is refused: its site names another cloud id");
            self.store.refuse_installation(&installation.id).await?;
            return Err(Error::NotServed);
        }
        Ok(base_url)
    }
}
