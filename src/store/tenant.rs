//! Tenants, and what Jira said about their people.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, AccountKind, ClientKey, Ending, Installation, ParkReason, Person, Tenant, Waits,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::cleanup::{NewCleanup, Owner, Wait, all_of, row_owner};
use super::rows::{AttemptRow, LinkRow, PersonRow, TenantRow};
use super::{Pool, Store, sql};

pub(super) fn shared_secret_place(client_key: &str) -> Place<'_> {
    Place {
        column: "tenant.shared_secret",
        tenant: client_key,
        row: "",
        generation: 0,
        bound: &[],
    }
}

impl Store {
    /// Writes what an `installed` callback says; doing it again changes nothing.
    ///
    /// A tenant that comes back after an uninstall gets a new installation number. A new shared secret
    /// ends every attempt that is under way, because whoever began it was proved with the old one.
    pub async fn install(&self, installation: &Installation, now: Seconds) -> Result<(), Error> {
        let client_key = installation.client_key.as_str();
        let ended = transaction!(self, tx => {
            sqlx::query(sql::TENANT_STUB).bind(client_key).bind(now).execute(&mut *tx).await?;
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            let known = row
                .data_key
                .as_deref()
                .and_then(|wrapped| self.vault.open_tenant_key(client_key, wrapped).ok());
            let same_secret = known.as_ref().is_some_and(|key| {
                self.vault
                    .open(key, shared_secret_place(client_key), &row.shared_secret)
                    .is_ok_and(|old| crate::secret::same(old.expose(), installation.shared_secret.expose()))
            });
            let (key, wrapped) = match (known, row.data_key) {
                (Some(key), Some(wrapped)) => (key, wrapped),
                _ => self.vault.new_tenant_key(client_key),
            };
            let shared_secret = self.vault.seal(
                &key,
                shared_secret_place(client_key),
                &installation.shared_secret,
            );
            sqlx::query(sql::TENANT_INSTALL)
                .bind(client_key)
                .bind(row.installation + i64::from(!row.installed))
                .bind(&installation.base_url)
                .bind(installation.display_urls.join(" "))
                .bind(&installation.oauth_client_id)
                .bind(wrapped)
                .bind(shared_secret)
                .execute(&mut *tx)
                .await?;
            if same_secret && row.installed {
                Vec::new()
            } else {
                sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
                    .bind(client_key)
                    .fetch_all(&mut *tx)
                    .await?
            }
        });
        self.end_attempts(ended, Some(Ending::Uninstalled), now)
            .await
    }

    /// Marks a tenant as uninstalled. From the commit on no token of it is accepted and no job touches
    /// it; [`Store::drain`] ends what it had.
    pub async fn uninstall(&self, client_key: &ClientKey, now: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_UNINSTALL)
            .bind(client_key.as_str())
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
            .bind(client_key.as_str())
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, Some(Ending::Uninstalled), now)
            .await
    }

    /// Switches a tenant on or off.
    pub async fn enable(&self, tenant: &Tenant, enabled: bool, now: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_ENABLE)
            .bind(tenant.client_key.as_str())
            .bind(enabled)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// The tenant of a client key, while it is installed.
    pub async fn tenant(&self, client_key: &ClientKey) -> Result<Option<Tenant>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANT_BY_KEY)
            .bind(client_key.as_str())
            .fetch_optional(pool)
            .await)?;
        row.filter(|row| row.installed)
            .map(|row| self.open_tenant(row))
            .transpose()
    }

    pub(super) fn open_tenant(&self, row: TenantRow) -> Result<Tenant, Error> {
        let opened = row
            .data_key
            .as_deref()
            .ok_or(Broken)
            .and_then(|wrapped| self.vault.open_tenant_key(&row.client_key, wrapped))
            .and_then(|key| {
                let place = shared_secret_place(&row.client_key);
                let secret = self.vault.open(&key, place, &row.shared_secret)?;
                Ok((key, secret))
            });
        let (key, shared_secret) = opened
            .map_err(|Broken| Error::Internal("the keys of a tenant do not open".to_owned()))?;
        Ok(Tenant {
            client_key: ClientKey(row.client_key),
            installation: row.installation,
            base_url: row.base_url,
            display_urls: row
                .display_urls
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            shared_secret,
            oauth_client_id: row.oauth_client_id,
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

    /// Remembers whether properties of this tenant are written as the person.
    pub async fn remember_acts_as_user(&self, tenant: &Tenant, yes: bool) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_ACTS_AS_USER)
            .bind(tenant.client_key.as_str())
            .bind(yes)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Ends links of uninstalled tenants, some at a time, and destroys a tenant's key with the last.
    /// Says whether there is more to do.
    pub async fn drain(&self, now: Seconds) -> Result<bool, Error> {
        let tenants = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANTS_DRAINING)
            .fetch_all(pool)
            .await)?;
        let mut more = false;
        for tenant in tenants {
            let links = on!(self, pool => sqlx::query_as::<_, LinkRow>(sql::LINKS_OF_OLD_INSTALLATION)
                .bind(&tenant.client_key)
                .bind(tenant.installation)
                .bind(!tenant.installed)
                .fetch_all(pool)
                .await)?;
            let drained = links.is_empty();
            more |= !drained;
            let key = tenant
                .data_key
                .as_deref()
                .and_then(|wrapped| self.vault.open_tenant_key(&tenant.client_key, wrapped).ok());
            for link in links {
                self.end_link(link, key.as_ref(), now).await?;
            }
            if drained {
                on!(self, pool => {
                    sqlx::query(sql::TENANT_DRAINED).bind(&tenant.client_key).execute(pool).await?;
                    sqlx::query(sql::TENANT_PEOPLE_DELETE).bind(&tenant.client_key).execute(pool).await?;
                    sqlx::query(sql::GENERATIONS_DELETE).bind(&tenant.client_key).execute(pool).await?;
                });
            }
        }
        Ok(more)
    }

    /// Takes one link of an uninstalled tenant away; its tokens are revoked later.
    pub(super) async fn end_link(
        &self,
        link: LinkRow,
        key: Option<&TenantKey>,
        now: Seconds,
    ) -> Result<(), Error> {
        transaction!(self, tx => {
            let past = next_generation!(tx, &link.client_key, &link.account_id);
            let row = sqlx::query_as::<_, LinkRow>(sql::LINK_DELETE_BY_ID)
                .bind(&link.id)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(row) = row else {
                // Somebody else has ended or replaced it, and the generation is theirs: rolled back.
                return Ok(());
            };
            if let Some(key) = key
                && let Ok(credential) = self.open_credential(key, &row, past - 1)
            {
                if row.generation >= past {
                    generation_reached!(tx, &row.client_key, &row.account_id, row.generation + 1);
                }
                add_revocation!(self, tx, &row_owner(&row), all_of(credential, &row.subject), now);
            }
        });
        Ok(())
    }

    /// What Jira said about a person, and when.
    pub async fn person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<(Person, Seconds)>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, PersonRow>(sql::PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|row| {
            let person = Person {
                kind: AccountKind::parse(&row.kind),
                active: row.active,
                display_name: row.display_name,
            };
            (person, row.checked_at)
        }))
    }

    /// Remembers what Jira said about a person.
    pub async fn remember_person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        person: &Person,
        now: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::PERSON_REMEMBER)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(person.kind.as_str())
            .bind(person.active)
            .bind(&person.display_name)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }
}
