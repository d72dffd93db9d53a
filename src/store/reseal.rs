//! Rows that a version before has sealed: bound to their place alone, and not to the columns beside them.
//!
//! They are sealed anew once, when the store is opened after the migrations. From then on such a value
//! opens nowhere. It goes in small transactions and can end at any moment; the next start goes on. No
//! replica of the version before may run meanwhile: it could not open what is sealed anew.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};

use crate::clock::Seconds;
use crate::error::Error;
use crate::secret::TenantKey;
use crate::vault::Place;

use super::attempt::tokens_only;
use super::cleanup::{NewCleanup, Owner, Wait};
use super::link::CredentialPlace;
use super::renewal::lock_number;
use super::rows::{ClaimedRow, TenantRow};
use super::tenant::SecretPlace;
use super::{OpenError, Pool, Store, sealed, sql};

/// What is noted when it is done.
const DONE: &str = "sealed values are bound to columns";
/// Rows of one transaction.
const BATCH: i64 = 200;

/// A tenant's key as it is kept.
#[derive(FromRow)]
struct WrappedKey {
    client_key: String,
    data_key: String,
}

/// An attempt that has tokens, as the version before has written it.
#[derive(FromRow)]
struct ProvedBefore {
    id: String,
    client_key: String,
    installation: i64,
    account_id: String,
    kept: String,
}

impl Store {
    /// Whether no row of the version before is left.
    pub(super) async fn is_resealed(&self) -> Result<bool, sqlx::Error> {
        let done: i64 = on!(self, pool => sqlx::query_scalar(sql::DONE_ONCE)
            .bind(DONE)
            .fetch_one(pool)
            .await)?;
        Ok(done > 0)
    }

    /// Seals the rows of the version before anew, if that is still to be done. Replicas that start
    /// together take turns.
    ///
    /// # Errors
    /// [`OpenError::SealingKeys`] when a sealing key is missing: what is not sealed anew now would not
    /// open when the key is back.
    pub(super) async fn reseal(&self, now: Seconds) -> Result<(), OpenError> {
        if self.is_resealed().await? {
            return Ok(());
        }
        // Ends with its connection, however this ends.
        let _turn: Option<PgConnection> = match &self.pool {
            Pool::Sqlite(_) => None,
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await?.detach();
                sqlx::query(sql::TURN_TAKE_POSTGRES)
                    .bind(lock_number(DONE))
                    .execute(&mut connection)
                    .await?;
                Some(connection)
            }
        };
        if self.is_resealed().await? {
            return Ok(());
        }
        self.all_sealing_keys_are_here().await?;
        self.end_attempts_of_before(now).await?;
        let tenants = self.reseal_tenants(now).await?;
        let links = self.reseal_links().await?;
        on!(self, pool => sqlx::query(sql::DONE_ONCE_NOTE)
            .bind(DONE)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        if tenants + links > 0 {
            tracing::info!(
                tenants,
                links,
                "what the version before has sealed is sealed anew"
            );
        }
        Ok(())
    }

    async fn wrapped_keys(&self, after: &str) -> Result<Vec<WrappedKey>, sqlx::Error> {
        on!(self, pool => sqlx::query_as(sql::TENANT_KEYS_FROM)
            .bind(after)
            .bind(BATCH)
            .fetch_all(pool)
            .await)
    }

    /// What a key that is missing has sealed could not be told from what somebody has altered.
    async fn all_sealing_keys_are_here(&self) -> Result<(), OpenError> {
        let (mut seen, mut opened, mut after) = (0_u64, 0_u64, String::new());
        loop {
            let page = self.wrapped_keys(&after).await?;
            let Some(last) = page.last() else {
                break;
            };
            after.clone_from(&last.client_key);
            for WrappedKey {
                client_key,
                data_key,
            } in page
            {
                if !self.vault.has_the_key_of(&data_key) {
                    return Err(OpenError::SealingKeys(client_key));
                }
                seen += 1;
                let key = self.vault.open_tenant_key(&client_key, &data_key);
                opened += u64::from(key.is_ok());
            }
        }
        match (seen, opened) {
            (1.., 0) => Err(OpenError::SealingKeys(after)),
            _ => Ok(()),
        }
    }

    /// Attempts live for ten minutes: those of the version before end here with their sessions, and what
    /// they brought is revoked. What is sealed in them is bound to no column and is opened nowhere else.
    async fn end_attempts_of_before(&self, now: Seconds) -> Result<(), OpenError> {
        let proved: Vec<ProvedBefore> = on!(self, pool => sqlx::query_as(sql::ATTEMPTS_OF_BEFORE)
            .fetch_all(pool)
            .await)?;
        for attempt in proved {
            let key = self.tenant_key(&attempt.client_key).await?;
            let place = Place {
                column: "attempt.kept",
                tenant: &attempt.client_key,
                row: &attempt.id,
                generation: 0,
                bound: &[],
            };
            let brought = key
                .and_then(|key| self.vault.open_placed(&key, place, &attempt.kept).ok())
                .and_then(|kept| sealed::read_proved_before(&kept).ok());
            let owner = Owner {
                client_key: attempt.client_key.clone(),
                installation: attempt.installation,
                account_id: attempt.account_id.clone(),
            };
            self.end_attempt_of_before(&attempt.id, &owner, brought, now)
                .await?;
        }
        for statement in [sql::ATTEMPTS_DELETE, sql::SESSIONS_DELETE] {
            on!(self, pool => sqlx::query(statement).execute(pool).await.map(|_| ()))?;
        }
        Ok(())
    }

    async fn end_attempt_of_before(
        &self,
        id: &str,
        owner: &Owner,
        brought: Option<(String, crate::model::Tokens)>,
        now: Seconds,
    ) -> Result<(), Error> {
        transaction!(self, tx => {
            sqlx::query(sql::ATTEMPT_DELETE).bind(id).execute(&mut *tx).await?;
            if let Some((subject, tokens)) = brought {
                add_revocation!(self, tx, owner, tokens_only(&tokens, &subject), now);
            }
        });
        Ok(())
    }

    async fn reseal_tenants(&self, now: Seconds) -> Result<u64, OpenError> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let page = self.wrapped_keys(&after).await?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after.clone_from(&last.client_key);
            count += self.reseal_page(&page, now).await?;
        }
    }

    async fn reseal_page(&self, page: &[WrappedKey], now: Seconds) -> Result<u64, Error> {
        let mut count = 0;
        transaction!(self, tx => for WrappedKey { client_key, data_key } in page {
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            let key = self.vault.open_tenant_key(client_key, data_key).ok();
            let opened = key.and_then(|key| {
                // Bound to nothing, as it was: it had no revision.
                let place = SecretPlace::of(&row, 0);
                let secret = place.with(|place| self.vault.open_placed(&key, place, &row.shared_secret));
                Some((key, secret.ok()?))
            });
            let Some((key, secret)) = opened else {
                // Sealed anew before this was broken off, or damaged.
                continue;
            };
            let revision = next_revision!(tx, client_key);
            let place = SecretPlace::of(&row, revision);
            let text = place.with(|place| self.vault.seal(&key, place, &secret));
            sqlx::query(sql::TENANT_RESEAL)
                .bind(client_key)
                .bind(text)
                .execute(&mut *tx)
                .await?;
            count += 1;
        });
        Ok(count)
    }

    async fn reseal_links(&self) -> Result<u64, OpenError> {
        let (mut count, mut after) = (0, String::new());
        loop {
            let page: Vec<ClaimedRow> = on!(self, pool => sqlx::query_as(sql::LINKS_FROM)
                .bind(&after)
                .bind(BATCH)
                .fetch_all(pool)
                .await)?;
            let Some(last) = page.last() else {
                return Ok(count);
            };
            after.clone_from(&last.link.id);
            let mut keys: HashMap<&str, Option<TenantKey>> = HashMap::new();
            let mut anew = Vec::new();
            for ClaimedRow { link, reached } in &page {
                if !keys.contains_key(link.client_key.as_str()) {
                    let key = self.tenant_key(&link.client_key).await?;
                    keys.insert(&link.client_key, key);
                }
                let Some(Some(key)) = keys.get(link.client_key.as_str()) else {
                    continue;
                };
                // One that lies behind what was counted is an older one that was put back.
                let generation = link.generation.max(reached.unwrap_or(0));
                CredentialPlace::of_row(link, generation).with(|place| {
                    let opened = self.vault.open_placed(key, place, &link.credential);
                    anew.extend(opened.map(|secret| (link, self.vault.seal(key, place, &secret))));
                });
            }
            count += self.put_credentials(&anew).await?;
        }
    }

    async fn put_credentials(
        &self,
        anew: &[(&super::rows::LinkRow, String)],
    ) -> Result<u64, Error> {
        let mut count = 0;
        transaction!(self, tx => for (link, text) in anew {
            count += sqlx::query(sql::LINK_RESEAL)
                .bind(&link.id)
                .bind(&link.credential)
                .bind(text)
                .execute(&mut *tx)
                .await?
                .rows_affected();
        });
        Ok(count)
    }
}
