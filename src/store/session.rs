//! Sessions of the top-level pages, spent tokens, and the sweep of what has expired.

use crate::clock::Seconds;
use crate::error::Error;
use crate::secret::Secret;
use crate::vault::Place;

use super::rows::AttemptRow;
use super::{Pool, Store, sql};

/// How many rows of a table are swept at once.
const SWEPT: u32 = 1000;
/// How many attempts with something to revoke, each of which is a transaction of its own.
const SWEPT_REDEEMED: u32 = 100;

/// A session says which attempts a browser began. It is one of the two witnesses of linking, so whoever
/// writes the database must not be able to make one.
fn in_session<T>(id_hash: &str, expires_at: Seconds, then: impl FnOnce(Place<'_>) -> T) -> T {
    let expires_at = expires_at.to_string();
    then(Place {
        column: "session.data",
        tenant: "",
        row: id_hash,
        generation: 0,
        bound: &[&expires_at],
    })
}

impl Store {
    fn seal_session(&self, id_hash: &str, data: &str, expires_at: Seconds) -> String {
        in_session(id_hash, expires_at, |place| {
            self.vault.seal_beyond_tenant(place, &Secret::new(data))
        })
    }

    /// Creates a session. False when the id is taken.
    pub async fn create_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::SESSION_CREATE)
            .bind(id_hash)
            .bind(self.seal_session(id_hash, data, expires_at))
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Writes a session.
    pub async fn save_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SESSION_SAVE)
            .bind(id_hash)
            .bind(self.seal_session(id_hash, data, expires_at))
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Reads a session that has not expired: data and expiry. One that was edited is none.
    pub async fn load_session(
        &self,
        id_hash: &str,
        now: Seconds,
    ) -> Result<Option<(String, Seconds)>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, (String, i64)>(sql::SESSION_LOAD)
            .bind(id_hash)
            .bind(now)
            .fetch_optional(pool)
            .await)?;
        Ok(row.and_then(|(sealed, expires_at)| {
            let opened = in_session(id_hash, expires_at, |place| {
                self.vault.open_beyond_tenant(place, &sealed)
            });
            opened
                .ok()
                .map(|data| (data.expose().to_owned(), expires_at))
        }))
    }

    /// Ends a session.
    pub async fn delete_session(&self, id_hash: &str) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SESSION_DELETE)
            .bind(id_hash)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Notes that a context token has begun an attempt. False when it had before.
    pub async fn spend_token(&self, token_hash: &str, expires_at: Seconds) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::TOKEN_SPEND)
            .bind(token_hash)
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Takes away what has expired, some at a time, so that nobody waits long for the database. True
    /// when there may be more.
    pub async fn sweep(&self, now: Seconds) -> Result<bool, Error> {
        let redeemed = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_EXPIRED_REDEEMED)
            .bind(now)
            .bind(i64::from(SWEPT_REDEEMED))
            .fetch_all(pool)
            .await)?;
        let mut more = redeemed.len() >= SWEPT_REDEEMED as usize;
        self.end_attempts(redeemed, None, now).await?;
        for statement in [
            sql::ATTEMPTS_EXPIRED,
            sql::ATTEMPT_ENDS_EXPIRED,
            sql::SESSIONS_EXPIRED,
            sql::TOKENS_EXPIRED,
            sql::LIFECYCLE_EXPIRED,
        ] {
            let swept = on!(self, pool => sqlx::query(statement)
                .bind(now)
                .bind(i64::from(SWEPT))
                .execute(pool)
                .await
                .map(|done| done.rows_affected()))?;
            more |= swept >= u64::from(SWEPT);
        }
        on!(self, pool => sqlx::query(sql::QUOTAS_PAST)
            .bind(now.div_euclid(3600) - 24)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(more)
    }
}
