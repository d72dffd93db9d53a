//! Reads the database beside a server that uses it: nothing is migrated, locked or written.

use crate::clock::{Clock, Millis, Seconds};
use crate::error::Error;
use crate::model::AsideReason;
use crate::random::Random;
use crate::sites::Sites;
use crate::vault::{SealingKey, Vault, tenant_key_place};

use super::Database;
use super::connections::Connections;
use super::rows::TenantRow;
use super::schema::Schema;
use super::signing::KeptSigningKey;
use super::statement::statements;
use super::{Figures, OpenError, Store, tenant};

/// How many sites one statement reads.
const SITES_AT_ONCE: i64 = 1000;

/// How many tenants' keys a start opens.
const SEALED_SOME: i64 = 20;
/// How many are opened before the sealing keys change.
const OPENED_AT_CHANGE: i64 = 1000;

statements! {
    UNSEALED_DUE = "update link set due_at = $2 where state = 'aside' and state <> 'live' \
        and reason = $1 and due_at > $2";
    TENANTS_SOME = "select {tenant as t}, (select r.revision from tenant_revision r \
        where r.client_key = t.client_key) as revision, f.installation as forge_installation, \
        f.environment as forge_environment, f.cloud_id as forge_cloud_id, f.since as forge_since, \
        f.sealed as forge_sealed, f.system_token as forge_system_token, \
        f.system_token_ends_at as forge_system_token_ends_at \
        from tenant t left join forge_installation f on f.client_key = t.client_key and f.standing = 'current' \
        where t.installed limit $1";
    TENANT_SITES = "select client_key, base_url from tenant where installed and client_key > $1 \
        order by client_key limit $2";
}

/// A database that is only read, for `latchkey doctor`.
pub struct Inspection {
    pub(super) connections: Connections,
    vault: Vault,
    sites: Sites,
}

impl Inspection {
    /// Opens the database to read it.
    ///
    /// # Errors
    /// When it cannot be opened, for example because it does not exist.
    pub async fn open(database: &Database, vault: Vault, sites: Sites) -> Result<Self, OpenError> {
        Ok(Self {
            connections: match Connections::to_read_beside(database).await {
                Ok(connections) => connections,
                Err(error) => return Err(database.cannot_be_opened(error)),
            },
            vault,
            sites,
        })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// Whether PostgreSQL is set up as Latchkey needs it.
    ///
    /// # Errors
    /// What is in the way, or when the store is unavailable.
    pub async fn check_server(&self, database: &Database) -> Result<(), OpenError> {
        self.connections.check_server(database.connections()).await
    }

    /// Whether the role may read and write every table.
    ///
    /// # Errors
    /// The tables that it may not, or when the store is unavailable.
    pub async fn check_rights(&self) -> Result<(), OpenError> {
        self.connections.check_rights().await
    }

    /// Whether the tables are those that this program expects.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions below.
    pub async fn schema(&self) -> Result<Schema, Error> {
        Ok(self.connections.schema().await?)
    }

    /// Opens the secrets of at most `most` tenants. Returns how many there were, and the names of those whose
    /// key does not open.
    pub async fn open_some_tenants(&self, most: i64) -> Result<(usize, Vec<String>), Error> {
        let some = TENANTS_SOME.bind(most);
        let rows: Vec<TenantRow> = self.connections.all(some).await?;
        let count = rows.len();
        let broken = rows.into_iter().filter_map(|row| {
            let name = row.base_url.clone();
            match tenant::open(&self.vault, &self.sites, row) {
                Err(AsideReason::SiteNotAllowed) | Ok(_) => None,
                Err(_) => Some(name),
            }
        });
        Ok((count, broken.collect()))
    }

    /// Base URLs of installed tenants whose host is not allowed.
    pub async fn sites_not_allowed(&self) -> Result<Vec<String>, Error> {
        self.connections.sites_not_allowed(&self.sites).await
    }

    /// All signing keys, in their order.
    pub async fn signing_keys(&self) -> Result<Vec<KeptSigningKey>, Error> {
        self.connections.signing_keys(&self.vault).await
    }

    /// How far the database server's clock is ahead of this one. None on SQLite.
    pub async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        self.connections.clock_ahead_of(clock).await
    }

    /// Counts the figures of this moment.
    pub async fn figures(&self, now: Seconds) -> Result<Figures, Error> {
        self.connections.figures(now).await
    }

    /// The lives of some links' keys, in seconds; at most `most` of them.
    pub async fn lives_of_some_keys(
        &self,
        random: &Random,
        most: i64,
    ) -> Result<Vec<Seconds>, Error> {
        self.connections.lives_of_some_keys(random, most).await
    }
}

impl Store {
    /// Whether the sealing keys open something of what is stored. Fails only if there is something and they
    /// open nothing of it: one value that does not open is set aside by itself.
    pub(super) async fn check_sealing_keys(&self) -> Result<(), OpenError> {
        let vault = &self.sealer.vault;
        let signing = self.connections.signing_keys(vault).await?;
        let tenants: Vec<TenantRow> = self.connections.all(TENANTS_SOME.bind(SEALED_SOME)).await?;
        let mut opened = signing
            .iter()
            .map(|key| key.private.is_ok())
            .collect::<Vec<_>>();
        opened.extend(tenants.iter().filter_map(|row| {
            let wrapped = row.data_key.as_deref()?;
            Some(vault.open_tenant_key(&row.client_key, wrapped).is_ok())
        }));
        if !opened.is_empty() && opened.iter().all(|opens| !opens) {
            return Err(OpenError::WrongSealingKeys);
        }
        Ok(())
    }

    /// Seals and opens with these keys from now on, and tries links again that were set aside because no key opened
    /// them.
    ///
    /// # Errors
    /// [`OpenError::WrongSealingKeys`] if the keys do not open what the present ones open. Then those stay.
    pub async fn change_sealing_keys(
        &self,
        keys: Vec<SealingKey>,
        now: Seconds,
    ) -> Result<(), OpenError> {
        let vault = &self.sealer.vault;
        let some = TENANTS_SOME.bind(OPENED_AT_CHANGE);
        let tenants: Vec<TenantRow> = self.connections.all(some).await?;
        let mut wrapped = tenants
            .iter()
            .filter_map(|row| Some((row.client_key.as_str(), row.data_key.as_deref()?)));
        let opens_all = wrapped
            .all(|(client_key, key)| vault.opens_with(&keys, tenant_key_place(client_key), key));
        let signing = self.connections.signing_keys_open_with(vault, &keys);
        if !(opens_all && signing.await?) {
            return Err(OpenError::WrongSealingKeys);
        }
        vault.change_keys(keys);
        self.try_sealed_links_again(now).await?;
        Ok(())
    }

    /// Makes links due that were set aside because no sealing key opened them: the key may be back. Returns how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn try_sealed_links_again(&self, now: Seconds) -> Result<u64, Error> {
        let word = AsideReason::Sealed.as_str();
        Ok(self
            .connections
            .execute(UNSEALED_DUE.bind(word).bind(now))
            .await?)
    }
}

impl Connections {
    /// Base URLs of installed tenants whose host is not allowed.
    pub(super) async fn sites_not_allowed(&self, sites: &Sites) -> Result<Vec<String>, Error> {
        let (mut left_out, mut after) = (Vec::new(), String::new());
        loop {
            let page = TENANT_SITES.bind(&after).bind(SITES_AT_ONCE);
            let page: Vec<(String, String)> = self.all(page).await?;
            let Some((last, _)) = page.last() else {
                return Ok(left_out);
            };
            after.clone_from(last);
            let base_urls = page.into_iter().map(|(_, base_url)| base_url);
            left_out.extend(base_urls.filter(|base_url| !tenant::serves(sites, base_url)));
        }
    }
}
