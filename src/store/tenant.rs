//! Tenants: found, locked, made to wait, forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;

use crate::clock::Seconds;
use crate::error::Error;
use crate::events::Event;
use crate::model::{
    AsideReason, ClientKey, ConnectDoor, Door, ForgeDoor, ParkReason, Tenant, Waits,
};
use crate::secret::TenantKey;
use crate::sites::Sites;
use crate::vault::{Broken, Place, Vault};

use super::Store;
use super::forge;
use super::rows::{LinkRow, TenantRow};
use super::statement::statements;
use super::transaction::Transaction;

statements! {
    TENANT_STUB = "insert into tenant (client_key, installation, base_url, display_urls, shared_secret, installed, \
        enabled, acts_as_user, draining, wait_until, updated_at) \
        values ($1, 0, '', '', '', false, false, false, false, 0, $2) on conflict (client_key) do nothing";
    /// An update, because it locks the row on both databases.
    TENANT_LOCK = "update tenant set updated_at = $2 where client_key = $1 returning {tenant}";
    /// With the gate of all tenants: this is read right before a call.
    TENANTS_BY_KEY = rows("select {tenant as t}, g.opens_at as jira_opens_at, (select r.revision from tenant_revision r \
        where r.client_key = t.client_key) as revision, f.installation as forge_installation, \
        f.environment as forge_environment, f.cloud_id as forge_cloud_id, f.since as forge_since, \
        f.sealed as forge_sealed, f.system_token as forge_system_token, \
        f.system_token_ends_at as forge_system_token_ends_at",
        [text],
        "join tenant t on t.client_key = v.column1 cross join gate g left join forge_installation f \
        on f.client_key = t.client_key and f.standing = 'current' where g.name = 'jira'");
    TENANT_ACTS_AS_USER = "update tenant set acts_as_user = $2 where client_key = $1";
    TENANT_WAIT = "update tenant set wait_until = $2, wait_reason = $3 where client_key = $1 and wait_until < $2";
    TENANT_WAIT_PUT = "update tenant set put_wait_until = $2, wait_reason = $3 where client_key = $1 and put_wait_until < $2";
    TENANT_WAIT_DELETE = "update tenant set delete_wait_until = $2, wait_reason = $3 where client_key = $1 and delete_wait_until < $2";
    TENANT_WAIT_GET = "update tenant set get_wait_until = $2, wait_reason = $3 where client_key = $1 and get_wait_until < $2";
    TENANTS_DRAINING = "select {tenant} from tenant where draining limit 20";
    /// Only of uninstalled tenants. A link whose number was edited does not open, and ends without its tokens
    /// being revoked, as if the writer had deleted it.
    LINKS_OF_OLD_INSTALLATION = "select {link} from link where client_key = $1 and (installation < $2 or $3) limit 100";
    /// Destroying the key is what forgets an uninstalled tenant.
    TENANT_DRAINED = "update tenant set draining = false, \
        data_key = case when installed then data_key else null end, \
        shared_secret = case when installed then shared_secret else '' end, \
        generations = (select coalesce(max(g.generation), tenant.generations) from link_generation g \
        where g.client_key = tenant.client_key) \
        where client_key = $1 and draining and not exists (select 1 from link \
        where link.client_key = tenant.client_key \
        and (link.installation < tenant.installation or not tenant.installed))";
    TENANT_PEOPLE_DELETE = "delete from person where client_key = $1 and exists \
        (select 1 from tenant where tenant.client_key = person.client_key and not tenant.installed)";
    /// Together with the tenant's key: no value that it sealed opens again.
    GENERATIONS_DELETE = "delete from link_generation where client_key = $1 and exists (select 1 from tenant \
        where tenant.client_key = link_generation.client_key and tenant.data_key is null)";
}

/// The place where a tenant's shared secret is sealed, with the columns that decide where its calls go, who
/// may frame its pages, and as which client the app acts. Its revision is counted outside of the row.
pub(super) struct SecretPlace<'a> {
    pub(super) client_key: &'a str,
    pub(super) revision: i64,
    pub(super) installation: i64,
    pub(super) base_url: &'a str,
    pub(super) display_urls: &'a str,
    pub(super) oauth_client_id: Option<&'a str>,
}

impl<'a> SecretPlace<'a> {
    pub(super) fn of(row: &'a TenantRow, revision: i64) -> Self {
        Self {
            client_key: &row.client_key,
            revision,
            installation: row.installation,
            base_url: &row.base_url,
            display_urls: &row.display_urls,
            oauth_client_id: row.oauth_client_id.as_deref(),
        }
    }

    pub(super) fn with<T>(&self, use_it: impl FnOnce(Place<'_>) -> T) -> T {
        let installation = self.installation.to_string();
        let mut bound = vec![installation.as_str(), self.base_url, self.display_urls];
        // An absent id is a missing column, not an empty one.
        bound.extend(self.oauth_client_id);
        use_it(Place {
            column: "tenant.shared_secret",
            tenant: self.client_key,
            row: "",
            generation: self.revision,
            bound: &bound,
        })
    }
}

/// Which calls to a tenant's Jira wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// All calls.
    Any,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// `GET`.
    Get,
}

impl Calls {
    /// The calls that wait because of an answer to this method.
    #[must_use]
    pub fn meant(why: ParkReason, method: &Method) -> Self {
        match (why, method) {
            (ParkReason::Burst, &Method::PUT) => Self::Put,
            (ParkReason::Burst, &Method::DELETE) => Self::Delete,
            // A POST waits with what is read: see `Waits::until`.
            (ParkReason::Burst, &Method::GET | &Method::POST) => Self::Get,
            _ => Self::Any,
        }
    }
}

/// Locks a tenant's row until the transaction ends.
pub(super) async fn lock(
    tx: &mut Transaction<'_>,
    client_key: &str,
    now: Seconds,
) -> Result<TenantRow, Error> {
    Ok(tx.one(TENANT_LOCK.bind(client_key).bind(now)).await?)
}

/// Locks a tenant's row until the transaction ends. An unknown tenant gets a row first.
pub(super) async fn lock_or_add(
    tx: &mut Transaction<'_>,
    client_key: &str,
    now: Seconds,
) -> Result<TenantRow, Error> {
    tx.execute(TENANT_STUB.bind(client_key).bind(now)).await?;
    lock(tx, client_key, now).await
}

/// Whether the settings of this process allow the tenant's host.
pub(super) fn serves(sites: &Sites, base_url: &str) -> bool {
    sites.site_url(base_url).as_deref() == Some(base_url)
}

/// The one place where a row becomes a tenant, to whose address secrets are sent: only if its secret opens
/// beside its columns and its host is allowed. Otherwise the tenant is set aside, which an event reports.
pub(super) fn open(vault: &Vault, sites: &Sites, row: TenantRow) -> Result<Tenant, AsideReason> {
    let opened = row
        .data_key
        .as_deref()
        .ok_or(Broken)
        .and_then(|wrapped| vault.open_tenant_key(&row.client_key, wrapped))
        .and_then(|key| {
            let secret = SecretPlace::of(&row, row.revision.unwrap_or(0))
                .with(|place| vault.open(&key, place, &row.shared_secret))?;
            Ok((key, secret))
        });
    let (key, shared_secret) = opened.map_err(|Broken| AsideReason::Sealed)?;
    let connect = (!shared_secret.expose().is_empty()).then(|| ConnectDoor {
        shared_secret,
        oauth_client_id: row.oauth_client_id.clone(),
    });
    let door = match forge::open(vault, &key, &row)? {
        Some(door) => Door::Forge(ForgeDoor {
            before: connect,
            ..door
        }),
        // An empty secret would be one that everybody knows.
        None => Door::Connect(connect.ok_or(AsideReason::Sealed)?),
    };
    let client_key = ClientKey(row.client_key);
    if !serves(sites, &row.base_url) {
        vault.events().record(Event::SiteNotAllowed(&client_key));
        return Err(AsideReason::SiteNotAllowed);
    }
    Ok(Tenant {
        client_key,
        installation: row.installation,
        base_url: row.base_url,
        display_urls: row
            .display_urls
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        door,
        enabled: row.enabled,
        acts_as_user: row.acts_as_user,
        waits: Waits {
            any: row.wait_until,
            // All writes wait when Jira's quota is used up.
            put: row.put_wait_until.max(row.jira_opens_at),
            delete: row.delete_wait_until.max(row.jira_opens_at),
            get: row.get_wait_until,
        },
        wait_reason: if row.jira_opens_at > row.wait_until.max(row.put_wait_until) {
            ParkReason::GlobalQuota
        } else {
            let word = row.wait_reason.as_deref();
            word.and_then(ParkReason::parse).unwrap_or_default()
        },
        key,
    })
}

/// A tenant, if it is installed, or why it is set aside.
pub(super) type FoundTenant = Option<Result<Tenant, AsideReason>>;

impl Store {
    /// The tenant of a client key, while it is installed. It is read after this was called, together with what others ask
    /// for: a page of an issue that many open costs no more than one.
    ///
    /// # Errors
    /// [`Error::Internal`] for a tenant that does not open, [`Error::Unauthorized`] for one whose host is not
    /// allowed: another party may own it now.
    pub async fn tenant(&self, client_key: &ClientKey) -> Result<Option<Tenant>, Error> {
        let reader = || {
            let store = self.clone();
            move |keys: Vec<ClientKey>| {
                let store = store.clone();
                async move { store.find_each(keys).await }
            }
        };
        let found = self.found.ask(client_key, reader).await;
        let found = found.ok_or_else(|| Error::Internal("a tenant was not read".to_owned()))?;
        let found = found.map_err(|error| error.for_another())?;
        found.transpose().map_err(|why| match why {
            AsideReason::SiteNotAllowed => {
                Error::Unauthorized("the host of the tenant's base URL is not allowed")
            }
            _ => Error::Internal("the keys of a tenant do not open".to_owned()),
        })
    }

    /// The tenant as it is now, unless its app was uninstalled since this installation.
    ///
    /// # Errors
    /// As [`Self::tenant`].
    pub async fn still_installed(
        &self,
        client_key: &ClientKey,
        installation: i64,
    ) -> Result<Option<Tenant>, Error> {
        let tenant = self.tenant(client_key).await?;
        Ok(tenant.filter(|tenant| tenant.installation == installation))
    }

    /// The tenant of a client key, while it is installed; or why it is set aside.
    pub(super) async fn find_tenant(&self, client_key: &ClientKey) -> Result<FoundTenant, Error> {
        let mut found = self.find_tenants(std::slice::from_ref(client_key)).await?;
        Ok(found.remove(client_key))
    }

    /// Those of these tenants that are installed, or why each is set aside.
    pub(super) async fn find_tenants(
        &self,
        keys: &[ClientKey],
    ) -> Result<HashMap<ClientKey, Result<Tenant, AsideReason>>, Error> {
        let keys: Vec<&str> = keys.iter().map(ClientKey::as_str).collect();
        let mut found = HashMap::with_capacity(keys.len());
        for row in self.tenant_rows(&keys).await? {
            let key = ClientKey(row.client_key.clone());
            if row.installed && !found.contains_key(&key) {
                found.insert(key, open(&self.sealer.vault, &self.sites, row));
            }
        }
        Ok(found)
    }

    /// What was found about each of these tenants.
    async fn find_each(
        &self,
        keys: Vec<ClientKey>,
    ) -> HashMap<ClientKey, Result<FoundTenant, Arc<Error>>> {
        let mut found = self.find_tenants(&keys).await.map_err(Arc::new);
        let each = keys.into_iter().map(|key| {
            let found = match &mut found {
                Ok(found) => Ok(found.remove(&key)),
                Err(error) => Err(error.clone()),
            };
            (key, found)
        });
        each.collect()
    }

    /// The tenant's own key, even if the tenant is uninstalled. None if it was destroyed or does not open.
    pub(super) async fn tenant_key(&self, client_key: &str) -> Result<Option<TenantKey>, Error> {
        let row = self.tenant_row(client_key).await?;
        Ok(row.and_then(|row| self.key_of(&row)))
    }

    pub(super) async fn tenant_row(&self, client_key: &str) -> Result<Option<TenantRow>, Error> {
        Ok(self.tenant_rows(&[client_key]).await?.pop())
    }

    async fn tenant_rows(&self, keys: &[&str]) -> Result<Vec<TenantRow>, Error> {
        let dialect = self.connections.dialect();
        match TENANTS_BY_KEY.about_all(dialect, keys, |query, key| query.bind(key)) {
            Some(by_key) => Ok(self.connections.all(by_key).await?),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn key_of(&self, row: &TenantRow) -> Option<TenantKey> {
        let wrapped = row.data_key.as_deref()?;
        let vault = &self.sealer.vault;
        vault.open_tenant_key(&row.client_key, wrapped).ok()
    }

    /// Stores whether properties of this tenant are written as the person.
    pub async fn remember_acts_as_user(&self, tenant: &Tenant, yes: bool) -> Result<(), Error> {
        let acts = TENANT_ACTS_AS_USER
            .bind(tenant.client_key.as_str())
            .bind(yes);
        self.connections.execute(acts).await?;
        Ok(())
    }

    /// Makes every replica wait until `until` before calls to this tenant's Jira, or calls with one method.
    pub async fn wait_for_tenant(
        &self,
        tenant: &Tenant,
        calls: Calls,
        until: Seconds,
        why: ParkReason,
    ) -> Result<(), Error> {
        let statement = match calls {
            Calls::Any => &TENANT_WAIT,
            Calls::Put => &TENANT_WAIT_PUT,
            Calls::Delete => &TENANT_WAIT_DELETE,
            Calls::Get => &TENANT_WAIT_GET,
        };
        let wait = statement
            .bind(tenant.client_key.as_str())
            .bind(until)
            .bind(why.as_str());
        self.connections.execute(wait).await?;
        Ok(())
    }

    /// Ends attempts and links of uninstalled tenants, a limited number at a time, and destroys a tenant's key with its
    /// last link. Returns whether there is more to do.
    pub async fn drain(&self, now: Seconds) -> Result<bool, Error> {
        let tenants: Vec<TenantRow> = self.connections.all(&TENANTS_DRAINING).await?;
        let mut more = false;
        for tenant in tenants {
            // The tenant's key opens what they hold, and goes with its last link.
            if self.end_attempts_left_behind(&tenant, now).await? {
                more = true;
                continue;
            }
            let old = LINKS_OF_OLD_INSTALLATION
                .bind(&tenant.client_key)
                .bind(tenant.installation)
                .bind(!tenant.installed);
            let links: Vec<LinkRow> = self.connections.all(old).await?;
            if links.is_empty() {
                self.forget_drained(&tenant.client_key).await?;
                continue;
            }
            more = true;
            let key = self.key_of(&tenant);
            for link in links {
                self.end_link(link, key.as_ref(), &tenant.base_url, now)
                    .await?;
            }
        }
        Ok(more)
    }

    /// Forgets a tenant without links, unless it was installed again.
    async fn forget_drained(&self, client_key: &str) -> Result<(), Error> {
        for statement in [&TENANT_DRAINED, &TENANT_PEOPLE_DELETE, &GENERATIONS_DELETE] {
            self.connections.execute(statement.bind(client_key)).await?;
        }
        self.forget_site_events(client_key).await?;
        self.forget_rule(client_key).await?;
        self.forget_seal_of_site(client_key).await?;
        self.tenant_works(&ClientKey(client_key.to_owned())).await
    }
}
