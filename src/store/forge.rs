//! Cloud ids of sites, and installations of the Forge app: which of them speaks for which tenant, and the system
//! token that Forge has sent last.
//!
//! A tenant's links belong to its site, and a site is known by its cloud id, whichever door it comes through. An
//! installation whose token names that cloud id takes the tenant over, from Connect or from the installation
//! before it, with everything the tenant has. It never happens in the other direction: an installation that was
//! replaced stays so, and calls of Connect about a tenant that has moved change nothing.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Actor, AsideReason, ClientKey, CloudId, Door, FROM_CONNECT, FROM_INSTALLATION,
    ForgeDoor, ForgeInstallation, ForgeInstallationId, Happened, Installation, ParkReason,
    Standing, SystemToken, Tenant,
};
use crate::secret::{Secret, TenantKey};
use crate::vault::{Place, Vault};

use super::Store;
use super::connections::readable_rows;
use super::history::Note;
use super::lifecycle::{next_revision, uninstall};
use super::rows::TenantRow;
use super::sealer::Sealer;
use super::statement::statements;
use super::tenant::{self, SecretPlace};
use super::transaction::{Finish, Transaction};

statements! {
    SITE_OF_TENANT_FORGET = "delete from site where client_key = $1";
    SITE_FORGET = "delete from site where cloud_id = $1";
    SITE_LEARN = "insert into site (cloud_id, client_key, sealed) values ($1, $2, $3)";
    SITE_BY_CLOUD_ID = "select cloud_id, client_key, sealed from site where cloud_id = $1";
    /// Together with the tenant's key.
    SITE_FORGET_SEAL = "update site set sealed = null where client_key = $1 and exists (select 1 from tenant \
        where tenant.client_key = site.client_key and tenant.data_key is null)";
    SITES_TO_LEARN = "select client_key from tenant where site_asked_at <= $1 and installed \
        order by site_asked_at limit $2";
    SITE_ASKED = "update tenant set site_asked_at = $2 where client_key = $1 and site_asked_at is not null";
    SITE_KNOWN = "update tenant set site_asked_at = null where client_key = $1";
    /// Of Connect, because its site is not known.
    TENANTS_AT = "select client_key from tenant where base_url = $1 and installed \
        and site_asked_at is not null order by client_key limit 2";
    ACCOUNTS_LINKED = "select account_id from link where client_key = $1 and account_id > $2 \
        order by account_id limit $3";
    FORGE_BY_ID = "select cloud_id, environment, standing, client_key, called_at \
        from forge_installation where installation = $1";
    /// What a token says of an installation counts, whatever is stored.
    FORGE_CALLED = "insert into forge_installation \
        (installation, cloud_id, environment, standing, called_at, ask_at, issued_at) \
        values ($1, $2, $3, 'waiting', $4, $5, $6) on conflict (installation) do update set \
        cloud_id = excluded.cloud_id, environment = excluded.environment, called_at = excluded.called_at, \
        issued_at = case when excluded.issued_at > forge_installation.issued_at then excluded.issued_at \
            else forge_installation.issued_at end, \
        ask_at = excluded.ask_at, missing_since = null";
    FORGE_REFUSED = "update forge_installation set standing = 'refused' where installation = $1 \
        and standing = 'waiting'";
    FORGE_WAITS_AGAIN = "update forge_installation set standing = 'waiting' where installation = $1 \
        and standing = 'refused'";
    /// Atlassian issues no tokens of an installation that is gone, so the one that was issued later is the one that
    /// is there: a call that was long on its way takes nothing over.
    FORGE_IS_LATER = "select current.installation from forge_installation current where current.client_key = $2 \
        and current.standing = 'current' and current.issued_at > \
        (select mine.issued_at from forge_installation mine where mine.installation = $1)";
    FORGE_PASSES = "update forge_installation set standing = 'past', system_token = null, \
        system_token_ends_at = 0, system_token_yields_after = 0 where client_key = $1 and standing = 'current'";
    FORGE_SPEAKS = "update forge_installation set standing = 'current', client_key = $2, since = $3, sealed = $4, \
        system_token = null, system_token_ends_at = 0, system_token_yields_after = 0 \
        where installation = $1 and standing = 'waiting'";
    FORGE_OF_TENANT = "select cloud_id, environment, standing, client_key, called_at \
        from forge_installation where client_key = $1 and standing = 'current'";
    /// The newest end wins.
    FORGE_TOKEN = "update forge_installation set system_token = $2, system_token_ends_at = $3, \
        system_token_yields_after = $3 where client_key = $4 and standing = 'current' and installation = $1 \
        and system_token_yields_after < $3";
    TENANT_MOVES = "update tenant set acts_as_user = false, enabled = true, wait_until = 0, put_wait_until = 0, \
        delete_wait_until = 0, get_wait_until = 0 where client_key = $1";
    TENANT_WAITS_NO_MORE = "update tenant set wait_until = 0 where client_key = $1 and wait_reason = $2";
    TENANT_SECRET_DESTROY = "update tenant set shared_secret = $2, oauth_client_id = null where client_key = $1";
}

#[derive(sqlx::FromRow)]
struct SiteRow {
    cloud_id: String,
    client_key: String,
    sealed: Option<String>,
}

#[derive(sqlx::FromRow)]
struct InstallationRow {
    cloud_id: String,
    environment: String,
    standing: String,
    client_key: Option<String>,
    called_at: i64,
}

readable_rows!(SiteRow, InstallationRow);

/// How often a call of an installation is written down, in seconds.
const CALLED_EACH: Seconds = 60;
/// How long after its last call an installation is asked about, in seconds: the hourly call is late by then, and the
/// system token that came with the last one still works, because it lives for two hours at least.
pub const LATE_AFTER: Seconds = 80 * 60;

/// The place of the proof that a site's links are a tenant's.
fn site_place<'a>(cloud_id: &'a str, client_key: &'a str) -> Place<'a> {
    Place {
        column: "site.sealed",
        tenant: client_key,
        row: cloud_id,
        generation: 0,
        bound: &[],
    }
}

/// The place of the proof that an installation speaks for a tenant, and of its system token: with the columns that
/// decide where the tenant's calls go.
fn with_place<T>(
    column: &'static str,
    client_key: &str,
    installation: &ForgeInstallation,
    generation: Seconds,
    use_it: impl FnOnce(Place<'_>) -> T,
) -> T {
    let ForgeInstallation {
        id,
        cloud_id,
        environment,
    } = installation;
    use_it(Place {
        column,
        tenant: client_key,
        row: id.as_str(),
        generation,
        bound: &[cloud_id.as_str(), environment],
    })
}

const SPEAKS: &str = "forge_installation.sealed";
const SYSTEM_TOKEN: &str = "forge_installation.system_token";

/// The door of a tenant for which an installation of the Forge app speaks; without what was before.
///
/// # Errors
/// [`AsideReason::Sealed`] if the row does not open.
pub(super) fn open(
    vault: &Vault,
    key: &TenantKey,
    row: &TenantRow,
) -> Result<Option<ForgeDoor>, AsideReason> {
    let forge = &row.forge;
    let Some(id) = &forge.forge_installation else {
        return Ok(None);
    };
    let installation = ForgeInstallation {
        id: ForgeInstallationId(id.clone()),
        cloud_id: CloudId(forge.forge_cloud_id.clone().unwrap_or_default()),
        environment: forge.forge_environment.clone().unwrap_or_default(),
    };
    let client_key = row.client_key.as_str();
    let since = forge.forge_since.unwrap_or_default();
    let sealed = forge.forge_sealed.as_deref().unwrap_or_default();
    with_place(SPEAKS, client_key, &installation, since, |place| {
        vault.open(key, place, sealed)
    })
    .map_err(|_| AsideReason::Sealed)?;
    let ends_at = forge.forge_system_token_ends_at.unwrap_or_default();
    let system_token = forge.forge_system_token.as_deref().and_then(|sealed| {
        // One that does not open is as good as none: another comes.
        let opened = with_place(SYSTEM_TOKEN, client_key, &installation, ends_at, |place| {
            vault.open(key, place, sealed)
        });
        Some(SystemToken {
            token: opened.ok()?,
            ends_at,
        })
    });
    Ok(Some(ForgeDoor {
        installation,
        since,
        system_token,
        before: None,
    }))
}

/// Whether an installation of the Forge app speaks for the tenant whose row is locked. Then calls of Connect about
/// it change nothing.
pub(super) async fn has_moved(tx: &mut Transaction<'_>, client_key: &str) -> Result<bool, Error> {
    let row: Option<InstallationRow> = tx.optional(FORGE_OF_TENANT.bind(client_key)).await?;
    Ok(row.is_some())
}

/// Nobody speaks for the tenant any more.
pub(super) async fn falls_silent(tx: &mut Transaction<'_>, client_key: &str) -> Result<(), Error> {
    tx.execute(FORGE_PASSES.bind(client_key)).await?;
    Ok(())
}

impl Sealer {
    /// Writes down that the cloud id is that of a tenant, whose row is locked. Another tenant that had it loses it.
    async fn learn_site(
        &self,
        tx: &mut Transaction<'_>,
        client_key: &str,
        key: &TenantKey,
        cloud_id: &CloudId,
    ) -> Result<(), Error> {
        let place = site_place(cloud_id.as_str(), client_key);
        let sealed = self.vault.seal(key, place, &Secret::new(String::new()));
        tx.execute(SITE_OF_TENANT_FORGET.bind(client_key)).await?;
        tx.execute(SITE_FORGET.bind(cloud_id.as_str())).await?;
        let learn = SITE_LEARN.bind(cloud_id.as_str()).bind(client_key);
        tx.execute(learn.bind(sealed)).await?;
        tx.execute(SITE_KNOWN.bind(client_key)).await?;
        Ok(())
    }

    /// Lets an installation speak for a tenant, whose row is locked. Returns whether it does.
    async fn take_over(
        &self,
        tx: &mut Transaction<'_>,
        client_key: &str,
        key: &TenantKey,
        installation: &ForgeInstallation,
        now: Seconds,
    ) -> Result<bool, Error> {
        let sealed = with_place(SPEAKS, client_key, installation, now, |place| {
            self.vault.seal(key, place, &Secret::new(String::new()))
        });
        let later = FORGE_IS_LATER
            .bind(installation.id.as_str())
            .bind(client_key);
        if tx.optional::<String>(later).await?.is_some() {
            return Ok(false);
        }
        falls_silent(tx, client_key).await?;
        let speaks = FORGE_SPEAKS
            .bind(installation.id.as_str())
            .bind(client_key)
            .bind(now)
            .bind(sealed);
        if tx.execute(speaks).await? == 0 {
            return Ok(false);
        }
        tx.execute(TENANT_MOVES.bind(client_key)).await?;
        Ok(true)
    }
}

/// What a call of an installation of the Forge app is about.
pub enum Arrived {
    /// The tenant for which it speaks.
    Tenant(Box<Tenant>),
    /// Its site is not known yet.
    NewSite,
    /// It speaks for nobody any more.
    Past,
    /// Its site is not one that this server serves, as far as is known.
    Refused,
}

impl Store {
    /// An installation has called, by a token that was issued at that time: writes it down, lets it take over the
    /// tenant of its site, and finds the tenant for which it speaks.
    ///
    /// # Errors
    /// As [`Store::tenant`].
    pub async fn arrived(
        &self,
        installation: &ForgeInstallation,
        issued_at: Seconds,
        now: Seconds,
    ) -> Result<Arrived, Error> {
        let row = self
            .forge_installation(installation, issued_at, now)
            .await?;
        match Standing::parse(&row.standing) {
            Some(Standing::Current) => {}
            Some(Standing::Waiting) => return self.take_over_site(installation, now).await,
            Some(Standing::Refused) => return Ok(Arrived::Refused),
            Some(Standing::Past) | None => return Ok(Arrived::Past),
        }
        let client_key = ClientKey(row.client_key.unwrap_or_default());
        let tenant = self.spoken_for(&client_key, installation).await?;
        Ok(tenant.map_or(Arrived::Past, |tenant| Arrived::Tenant(Box::new(tenant))))
    }

    /// The tenant, if this installation speaks for it. What the row of the installation says counts only if the
    /// tenant's key has sealed it.
    async fn spoken_for(
        &self,
        client_key: &ClientKey,
        installation: &ForgeInstallation,
    ) -> Result<Option<Tenant>, Error> {
        let tenant = self.tenant(client_key).await?;
        Ok(tenant.filter(|tenant| {
            matches!(&tenant.door, Door::Forge(door)
                if door.installation.id == installation.id
                    && door.installation.cloud_id == installation.cloud_id)
        }))
    }

    /// The row of an installation that has called, as new as its token.
    async fn forge_installation(
        &self,
        installation: &ForgeInstallation,
        issued_at: Seconds,
        now: Seconds,
    ) -> Result<InstallationRow, Error> {
        let by_id = || FORGE_BY_ID.bind(installation.id.as_str());
        let row: Option<InstallationRow> = self.connections.optional(by_id()).await?;
        if let Some(row) = row
            && row.cloud_id == installation.cloud_id.as_str()
            && row.environment == installation.environment
            && (now - row.called_at).abs() < CALLED_EACH
        {
            return Ok(row);
        }
        let called = FORGE_CALLED
            .bind(installation.id.as_str())
            .bind(installation.cloud_id.as_str())
            .bind(&installation.environment)
            .bind(now)
            .bind(now + LATE_AFTER)
            .bind(issued_at);
        self.connections.execute(called).await?;
        let row: Option<InstallationRow> = self.connections.optional(by_id()).await?;
        row.ok_or_else(|| Error::Internal("an installation is gone at once".to_owned()))
    }

    /// Lets a waiting installation take over the tenant of its site, if there is one.
    async fn take_over_site(
        &self,
        installation: &ForgeInstallation,
        now: Seconds,
    ) -> Result<Arrived, Error> {
        let Some(client_key) = self.tenant_of_site(&installation.cloud_id).await? else {
            return Ok(Arrived::NewSite);
        };
        self.let_speak(&client_key, installation, now).await
    }

    async fn let_speak(
        &self,
        client_key: &ClientKey,
        installation: &ForgeInstallation,
        now: Seconds,
    ) -> Result<Arrived, Error> {
        // A tenant that Forge has just made had no door before.
        let door = self.find_tenant(client_key).await?;
        let from = door.and_then(Result::ok).map(|tenant| match tenant.door {
            Door::Connect(_) => FROM_CONNECT,
            Door::Forge(_) => FROM_INSTALLATION,
        });
        let took_over = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key.as_str(), now).await?;
                let key = self.key_of(&row).filter(|_| row.installed);
                let Some(key) = key else {
                    return Ok(Finish::RollBack(false));
                };
                let sealer = &self.sealer;
                let done = sealer
                    .take_over(tx, client_key.as_str(), &key, installation, now)
                    .await?;
                if !done {
                    return Ok(Finish::RollBack(false));
                }
                if from.is_some() {
                    let note = Note {
                        client_key: client_key.as_str(),
                        account_id: None,
                        what: Happened::Moved,
                        by: &Actor::App,
                        detail: from,
                    };
                    sealer.happened(tx, note, now).await?;
                }
                Ok(Finish::Commit(true))
            })
            .await?;
        if took_over {
            tracing::info!(tenant = %client_key, installation = %installation.id, "an installation of the Forge app speaks for this tenant now");
        }
        Ok(match self.spoken_for(client_key, installation).await? {
            Some(tenant) => Arrived::Tenant(Box::new(tenant)),
            None => Arrived::NewSite,
        })
    }

    /// After a tenant's key was destroyed: what it sealed about its site does not open any more.
    pub(super) async fn forget_seal_of_site(&self, client_key: &str) -> Result<(), Error> {
        let forget = SITE_FORGET_SEAL.bind(client_key);
        self.connections.execute(forget).await?;
        Ok(())
    }

    /// The installed tenant that has the links of a site.
    async fn tenant_of_site(&self, cloud_id: &CloudId) -> Result<Option<ClientKey>, Error> {
        let by_id = SITE_BY_CLOUD_ID.bind(cloud_id.as_str());
        let Some(site) = self.connections.optional::<SiteRow>(by_id).await? else {
            return Ok(None);
        };
        // Not as a tenant: one of Forge has no door before its first installation speaks for it.
        let row = self.tenant_row(&site.client_key).await?;
        let key = row.and_then(|row| self.key_of(&row).filter(|_| row.installed));
        let opened = key.zip(site.sealed).is_some_and(|(key, sealed)| {
            let place = site_place(&site.cloud_id, &site.client_key);
            self.sealer.vault.open(&key, place, &sealed).is_ok()
        });
        Ok(opened.then_some(ClientKey(site.client_key)))
    }

    /// The site of a waiting installation is known: its tenant is found by its address, or made.
    ///
    /// # Errors
    /// As [`Store::tenant`].
    pub async fn settle_site(
        &self,
        installation: &ForgeInstallation,
        base_url: &str,
        now: Seconds,
    ) -> Result<Arrived, Error> {
        if let [of_connect] = &self
            .connections
            .all::<String>(TENANTS_AT.bind(base_url))
            .await?[..]
        {
            let client_key = ClientKey(of_connect.clone());
            self.remember_site(&client_key, &installation.cloud_id, now)
                .await?;
            return self.take_over_site(installation, now).await;
        }
        let by_id = SITE_BY_CLOUD_ID.bind(installation.cloud_id.as_str());
        let site = self.connections.optional::<SiteRow>(by_id).await?;
        // A site that was there before goes on under its name, so that its generations go on.
        let client_key = site.map_or_else(
            || format!("ari:cloud:jira::site/{}", installation.cloud_id),
            |site| site.client_key,
        );
        let new = Installation {
            client_key: ClientKey(client_key.clone()),
            base_url: base_url.to_owned(),
            display_urls: Vec::new(),
            shared_secret: Secret::new(String::new()),
            oauth_client_id: None,
        };
        self.connections
            .transaction(async |tx| {
                let row = tenant::lock_or_add(tx, &client_key, now).await?;
                if row.installed {
                    return Ok(Finish::RollBack(()));
                }
                let revision = next_revision(tx, &client_key).await?;
                self.sealer
                    .write_installation(tx, &row, revision, &new, now)
                    .await?;
                let row = tenant::lock(tx, &client_key, now).await?;
                let Some(key) = self.key_of(&row) else {
                    return Ok(Finish::RollBack(()));
                };
                let sealer = &self.sealer;
                sealer
                    .learn_site(tx, &client_key, &key, &installation.cloud_id)
                    .await?;
                // In the same transaction: a tenant that is there has a door.
                let done = sealer.take_over(tx, &client_key, &key, installation, now);
                Ok(match done.await? {
                    true => Finish::Commit(()),
                    false => Finish::RollBack(()),
                })
            })
            .await?;
        self.take_over_site(installation, now).await
    }

    /// The site of a waiting installation is not one that this server serves.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions below.
    pub async fn refuse_installation(&self, id: &ForgeInstallationId) -> Result<(), Error> {
        self.connections
            .execute(FORGE_REFUSED.bind(id.as_str()))
            .await?;
        Ok(())
    }

    /// A refused installation is looked at again: the settings may have changed.
    pub async fn reconsider_installation(&self, id: &ForgeInstallationId) -> Result<(), Error> {
        let again = FORGE_WAITS_AGAIN.bind(id.as_str());
        self.connections.execute(again).await?;
        Ok(())
    }

    /// Keeps a system token, unless one is there that ends later. What waited for one goes on.
    pub async fn keep_system_token(
        &self,
        tenant: &Tenant,
        door: &ForgeDoor,
        token: &SystemToken,
    ) -> Result<(), Error> {
        let client_key = tenant.client_key.as_str();
        let sealed = with_place(
            SYSTEM_TOKEN,
            client_key,
            &door.installation,
            token.ends_at,
            |place| self.sealer.vault.seal(&tenant.key, place, &token.token),
        );
        let keep = FORGE_TOKEN
            .bind(door.installation.id.as_str())
            .bind(sealed)
            .bind(token.ends_at)
            .bind(client_key);
        if self.connections.execute(keep).await? > 0 {
            let wakes = TENANT_WAITS_NO_MORE
                .bind(client_key)
                .bind(ParkReason::NoSystemToken.as_str());
            self.connections.execute(wakes).await?;
        }
        Ok(())
    }

    /// Everybody with a link at the tenant.
    pub async fn accounts_linked(&self, tenant: &Tenant) -> Result<Vec<AccountId>, Error> {
        const AT_ONCE: i64 = 1000;
        let mut accounts: Vec<String> = Vec::new();
        loop {
            let after = accounts.last().map_or("", String::as_str);
            let page = ACCOUNTS_LINKED
                .bind(tenant.client_key.as_str())
                .bind(after.to_owned())
                .bind(AT_ONCE);
            let page: Vec<String> = self.connections.all(page).await?;
            if page.is_empty() {
                return Ok(accounts.into_iter().map(AccountId).collect());
            }
            accounts.extend(page);
        }
    }

    /// The installation of the Forge app is gone, and with it the app at the tenant: [`Store::drain`] ends its links.
    pub async fn leave(&self, tenant: &Tenant, now: Seconds) -> Result<(), Error> {
        let client_key = tenant.client_key.as_str();
        let left = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key, now).await?;
                if !row.is_still(tenant) {
                    return Ok(Finish::RollBack(false));
                }
                falls_silent(tx, client_key).await?;
                uninstall(tx, client_key, row.signed_at).await?;
                Ok(Finish::Commit(true))
            })
            .await?;
        if left {
            self.end_attempts_of_uninstalled(client_key, now).await?;
        }
        Ok(())
    }

    /// Destroys what a tenant that has moved to Forge shared with Connect.
    pub async fn forget_shared_secret(&self, tenant: &Tenant, now: Seconds) -> Result<(), Error> {
        let client_key = tenant.client_key.as_str();
        let destroyed = self
            .connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key, now).await?;
                if !row.is_still(tenant) {
                    return Ok(Finish::RollBack(false));
                }
                let place = SecretPlace {
                    revision: next_revision(tx, client_key).await?,
                    oauth_client_id: None,
                    ..SecretPlace::of(&row, 0)
                };
                let nothing = Secret::new(String::new());
                let sealed =
                    place.with(|place| self.sealer.vault.seal(&tenant.key, place, &nothing));
                let destroy = TENANT_SECRET_DESTROY.bind(client_key).bind(sealed);
                tx.execute(destroy).await?;
                Ok(Finish::Commit(true))
            })
            .await?;
        if destroyed {
            tracing::info!(
                tenant = client_key,
                "the shared secret of Connect was destroyed: Forge has written"
            );
        }
        Ok(())
    }

    /// Installed tenants whose cloud id is not known and was not asked for lately; at most `most`.
    pub async fn sites_to_learn(
        &self,
        asked_before: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        let some = SITES_TO_LEARN.bind(asked_before).bind(most);
        let keys: Vec<String> = self.connections.all(some).await?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// The site of a tenant is being asked for its cloud id.
    pub async fn site_is_asked(&self, client_key: &ClientKey, now: Seconds) -> Result<(), Error> {
        let asked = SITE_ASKED.bind(client_key.as_str()).bind(now);
        self.connections.execute(asked).await?;
        Ok(())
    }

    /// Writes down the cloud id of a tenant, which its site has given. If another installed tenant has it, it stays
    /// there, which an event reports.
    pub async fn remember_site(
        &self,
        client_key: &ClientKey,
        cloud_id: &CloudId,
        now: Seconds,
    ) -> Result<(), Error> {
        let of_another = self.tenant_of_site(cloud_id).await?;
        if let Some(another) = of_another.filter(|another| another != client_key) {
            tracing::warn!(tenant = %client_key, other = %another, "two tenants have the same site: it stays with the other one");
            return Ok(());
        }
        self.connections
            .transaction(async |tx| {
                let row = tenant::lock(tx, client_key.as_str(), now).await?;
                let Some(key) = self.key_of(&row).filter(|_| row.installed) else {
                    return Ok(Finish::RollBack(()));
                };
                self.sealer
                    .learn_site(tx, client_key.as_str(), &key, cloud_id)
                    .await?;
                Ok(Finish::Commit(()))
            })
            .await
    }
}
