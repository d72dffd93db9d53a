//! Tenants, and what Jira said about their people.

use crate::clock::Seconds;
use crate::error::Error;
use crate::events::Event;
use crate::model::{
    AccountId, AccountKind, AsideReason, ClientKey, Ending, Heard, Installation, LifecycleCall,
    ParkReason, Person, Tenant, Waits,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::cleanup::{NewCleanup, Owner, Wait, all_of, row_owner};
use super::rows::{AttemptRow, LinkRow, PersonRow, TenantRow};
use super::{Pool, Store, sql};

/// Where a tenant's shared secret is sealed, and beside what: the columns that decide where its calls go,
/// who may frame its pages, and as whom the app acts. Its revision is counted outside of the row.
pub(super) struct SecretPlace<'a> {
    client_key: &'a str,
    revision: i64,
    installation: i64,
    base_url: &'a str,
    display_urls: &'a str,
    oauth_client_id: Option<&'a str>,
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
        // One that is absent is one column less, and not an empty one.
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

// What Atlassian tells may come late. What was signed strictly earlier than what made the present state
// changes nothing; times are whole seconds, so what was signed in the same one is taken. There are two
// states, each with its own time, since what is told of one says nothing of the other:
//
// | state | is made by | so late is |
// |---|---|---|
// | installed with these addresses and this secret, or uninstalled | `installed`, `uninstalled` | an old secret, an uninstall before a reinstallation, an installation before an uninstall |
// | switched on or off | `enabled`, `disabled`, and `installed` where the app was not installed | an old switch, or one of an earlier installation |
//
// So an upgrade that was signed before an admin switched the app off is taken, and one that was signed
// after it enables nothing.

/// Notes a token with its body and goes on, or answers why nothing is to be done: then nothing is written.
/// The tenant's row is locked, and `since` is the time of the state that would be changed.
macro_rules! note_call {
    ($tx:expr, $call:expr, $since:expr) => {{
        let noted = sqlx::query(sql::LIFECYCLE_NOTE)
            .bind(&$call.token_hash)
            .bind(&$call.body_hash)
            .bind($call.expires_at)
            .execute(&mut *$tx)
            .await?
            .rows_affected();
        if noted == 0 {
            let body: String = sqlx::query_scalar(sql::LIFECYCLE_BODY)
                .bind(&$call.token_hash)
                .fetch_one(&mut *$tx)
                .await?;
            return Ok(again(&body, $call));
        }
        if $call.signed_at < $since {
            return Ok(Heard::Late);
        }
    }};
}

fn again(body_hash: &str, call: &LifecycleCall) -> Heard {
    if body_hash == call.body_hash {
        Heard::Again
    } else {
        Heard::OtherBody
    }
}

impl Store {
    /// What became of a lifecycle call that came before; none where its token is new.
    pub async fn heard_before(&self, call: &LifecycleCall) -> Result<Option<Heard>, Error> {
        let body: Option<String> = on!(self, pool => sqlx::query_scalar(sql::LIFECYCLE_BODY)
            .bind(&call.token_hash)
            .fetch_optional(pool)
            .await)?;
        Ok(body.map(|body| again(&body, call)))
    }

    /// Writes what an `installed` callback says.
    ///
    /// A tenant that comes back after an uninstall gets a new installation number, and is enabled. A new
    /// shared secret ends every attempt that is under way, because whoever began it was proved with the
    /// old one.
    pub async fn install(
        &self,
        installation: &Installation,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = installation.client_key.as_str();
        let ended = transaction!(self, tx => {
            sqlx::query(sql::TENANT_STUB).bind(client_key).bind(now).execute(&mut *tx).await?;
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            note_call!(tx, call, row.signed_at);
            let revision = next_revision!(tx, client_key);
            let known = row
                .data_key
                .as_deref()
                .and_then(|wrapped| self.vault.open_tenant_key(client_key, wrapped).ok());
            // Of an app that was uninstalled nothing opens any more, and no attempt goes on.
            let same_secret = known.as_ref().filter(|_| row.installed).is_some_and(|key| {
                SecretPlace::of(&row, revision - 1)
                    .with(|place| self.vault.open(key, place, &row.shared_secret))
                    .is_ok_and(|old| crate::secret::same(old.expose(), installation.shared_secret.expose()))
            });
            let (key, wrapped) = match (known, row.data_key) {
                (Some(key), Some(wrapped)) => (key, wrapped),
                _ => self.vault.new_tenant_key(client_key),
            };
            let display_urls = installation.display_urls.join(" ");
            let place = SecretPlace {
                client_key,
                revision,
                installation: row.installation + i64::from(!row.installed),
                base_url: &installation.base_url,
                display_urls: &display_urls,
                oauth_client_id: installation.oauth_client_id.as_deref(),
            };
            let shared_secret =
                place.with(|place| self.vault.seal(&key, place, &installation.shared_secret));
            sqlx::query(sql::TENANT_INSTALL)
                .bind(client_key)
                .bind(place.installation)
                .bind(place.base_url)
                .bind(place.display_urls)
                .bind(place.oauth_client_id)
                .bind(wrapped)
                .bind(shared_secret)
                .bind(call.signed_at)
                .execute(&mut *tx)
                .await?;
            if same_secret {
                Vec::new()
            } else {
                sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
                    .bind(client_key)
                    .fetch_all(&mut *tx)
                    .await?
            }
        });
        self.end_attempts(ended, Some(Ending::Uninstalled), now)
            .await?;
        Ok(Heard::Done)
    }

    /// Marks a tenant as uninstalled. From the commit on no token of it is accepted, no row of it that
    /// was kept opens, and no job touches it; [`Store::drain`] ends what it had.
    ///
    /// That nobody has heard of the tenant is noted too: its installation may come late.
    pub async fn uninstall(
        &self,
        client_key: &ClientKey,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = client_key.as_str();
        transaction!(self, tx => {
            sqlx::query(sql::TENANT_STUB).bind(client_key).bind(now).execute(&mut *tx).await?;
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            note_call!(tx, call, row.signed_at);
            next_revision!(tx, client_key);
            sqlx::query(sql::TENANT_UNINSTALL)
                .bind(client_key)
                .bind(call.signed_at)
                .execute(&mut *tx)
                .await?;
        });
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
            .bind(client_key)
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, Some(Ending::Uninstalled), now)
            .await?;
        Ok(Heard::Done)
    }

    /// Switches a tenant on or off.
    pub async fn enable(
        &self,
        tenant: &Tenant,
        enabled: bool,
        call: &LifecycleCall,
        now: Seconds,
    ) -> Result<Heard, Error> {
        let client_key = tenant.client_key.as_str();
        transaction!(self, tx => {
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            note_call!(tx, call, row.switched_at);
            if !row.installed || row.installation != tenant.installation {
                // Uninstalled in this moment.
                return Ok(Heard::Late);
            }
            sqlx::query(sql::TENANT_ENABLE)
                .bind(client_key)
                .bind(enabled)
                .bind(call.signed_at)
                .execute(&mut *tx)
                .await?;
        });
        Ok(Heard::Done)
    }

    /// The tenant of a client key, while it is installed.
    ///
    /// # Errors
    /// [`Error::Internal`] for one that does not open, [`Error::Unauthorized`] for one whose host is not
    /// an allowed one: whoever is there is nobody we know.
    pub async fn tenant(&self, client_key: &ClientKey) -> Result<Option<Tenant>, Error> {
        let found = self.find_tenant(client_key).await?;
        found.transpose().map_err(|why| match why {
            AsideReason::SiteNotAllowed => {
                Error::Unauthorized("the tenant's base URL is not of an allowed host")
            }
            _ => Error::Internal("the keys of a tenant do not open".to_owned()),
        })
    }

    /// The same; and why, where the tenant is set aside.
    pub(super) async fn find_tenant(
        &self,
        client_key: &ClientKey,
    ) -> Result<Option<Result<Tenant, AsideReason>>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANT_BY_KEY)
            .bind(client_key.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row
            .filter(|row| row.installed)
            .map(|row| self.open_tenant(row)))
    }

    /// Whether a tenant may live there, by the settings of now.
    pub(super) fn serves(&self, base_url: &str) -> bool {
        self.sites.site_url(base_url).as_deref() == Some(base_url)
    }

    /// The one place where a row becomes a tenant, to whose address secrets are sent: only if its secret
    /// opens beside its columns and its host is an allowed one. Otherwise it is set aside with an event.
    pub(super) fn open_tenant(&self, row: TenantRow) -> Result<Tenant, AsideReason> {
        let opened = row
            .data_key
            .as_deref()
            .ok_or(Broken)
            .and_then(|wrapped| self.vault.open_tenant_key(&row.client_key, wrapped))
            .and_then(|key| {
                let secret = SecretPlace::of(&row, row.revision.unwrap_or(0))
                    .with(|place| self.vault.open(&key, place, &row.shared_secret))?;
                Ok((key, secret))
            });
        let (key, shared_secret) = opened.map_err(|Broken| AsideReason::Sealed)?;
        let client_key = ClientKey(row.client_key);
        if !self.serves(&row.base_url) {
            self.vault
                .events()
                .record(Event::SiteNotAllowed(&client_key));
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
