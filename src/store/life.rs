//! Signs of life of the processes that hold claims.

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgConnection;

use crate::clock::Seconds;
use crate::error::Error;

use super::Store;
use super::connections::{Pool, execute, optional};
use super::statement::statements;

statements! {
    PING = postgres("select 1");
    OWNERS = "select distinct claimed_by from link where claim is not null and claimed_by <> $1";
    RELEASE_OWNER = "update link set due_at = $2, claim = null, claimed_by = null \
        where claimed_by = $1 and claim is not null";
    /// A lock that its connection holds: the sign of life of a replica.
    LIFE_TAKE = postgres("select pg_try_advisory_lock($1)");
    LIFE_PROBE = postgres("select pg_try_advisory_xact_lock($1)");
}

/// See [`Store::sign_of_life`].
pub struct SignOfLife(PgConnection);

impl SignOfLife {
    /// Whether the connection, and with it the lock, is still there.
    pub async fn is_held(&mut self) -> bool {
        execute(&mut self.0, (&PING).into()).await.is_ok()
    }
}

impl Store {
    /// Whether other processes may work on this database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.connections.pool, Pool::Postgres(_))
    }

    /// Other processes that hold claims.
    pub async fn owners_besides(&self, me: &str) -> Result<Vec<String>, Error> {
        Ok(self.connections.all(OWNERS.bind(me)).await?)
    }

    /// Frees the claims of a process that has died, so that no link waits for its leases.
    pub async fn release(&self, owner: &str, now: Seconds) -> Result<u64, Error> {
        let release = RELEASE_OWNER.bind(owner).bind(now);
        Ok(self.connections.execute(release).await?)
    }

    /// A sign of life that ends with the process: on PostgreSQL an advisory lock of a separate connection.
    /// None on SQLite, which serves one process, and if the lock cannot be taken.
    pub async fn sign_of_life(&self, owner: &str) -> Result<Option<SignOfLife>, Error> {
        let Some(mut connection) = self.connections.detached().await? else {
            return Ok(None);
        };
        let take = LIFE_TAKE.bind(lock_number(owner));
        let taken = optional(&mut connection, take).await?;
        Ok((taken == Some(true)).then_some(SignOfLife(connection)))
    }

    /// Whether a process that holds claims shows no sign of life.
    pub async fn has_died(&self, owner: &str) -> Result<bool, Error> {
        if !self.is_shared() {
            return Ok(true);
        }
        // The lock lasts as long as the statement, which is a transaction by itself, so the pooled connection
        // keeps nothing.
        let probe = LIFE_PROBE.bind(lock_number(owner));
        Ok(self.connections.one(probe).await?)
    }
}

/// PostgreSQL names advisory locks by numbers: the first eight bytes of the name's hash.
fn lock_number(owner: &str) -> i64 {
    let hash = digest(&SHA256, owner.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(bytes)
}
