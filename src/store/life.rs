//! Signs of life of the processes that hold claims.

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::PgConnection;

use crate::clock::Seconds;
use crate::error::Error;

use super::Store;
use super::connections::{Connections, Pool, optional};
use super::late::LATE;
use super::statement::statements;

statements! {
    /// Whether the connection that is asked holds the lock. Behind a pooler that hands out other connections,
    /// it does not. PostgreSQL shows a lock's number in two halves.
    LIFE_HELD = postgres("select count(*) from pg_locks where locktype = 'advisory' \
        and pid = pg_backend_pid() and granted and objsubid = 1 \
        and database = (select oid from pg_database where datname = current_database()) \
        and cast(classid as bigint) = (cast($1 as bigint) >> 32) & 4294967295 \
        and cast(objid as bigint) = cast($1 as bigint) & 4294967295");
    OWNERS = "select distinct claimed_by from link where claim is not null and claimed_by <> $1";
    /// Its token requests have an unknown outcome, and what it has put into Jira may arrive until $3.
    RELEASE_OWNER = "update link set due_at = $2, claim = null, claimed_by = null, \
        unsettled = (unsettled or intent_at is not null), intent_at = null, \
        late_write_until = case when intent_at is null then $3 else late_write_until end, \
        lacks_key = (published_generation < generation or put_again > 0) \
        where claimed_by = $1 and claim is not null";
    /// A lock that its connection holds: the sign of life of a replica.
    LIFE_TAKE = postgres("select pg_try_advisory_lock($1)");
    LIFE_PROBE = postgres("select pg_try_advisory_xact_lock($1)");
}

/// See [`Store::sign_of_life`].
pub struct SignOfLife {
    connection: PgConnection,
    lock: i64,
    connections: Connections,
}

impl SignOfLife {
    /// Whether the connection is still there and holds the lock.
    pub async fn is_held(&mut self) -> bool {
        let asked = optional::<i64, _>(&mut self.connection, LIFE_HELD.bind(self.lock));
        self.connections.check(asked).await.flatten() == Some(1)
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
        let release = RELEASE_OWNER.bind(owner).bind(now).bind(now + LATE);
        Ok(self.connections.execute(release).await?)
    }

    /// A sign of life that ends with the process: on PostgreSQL an advisory lock of a separate connection.
    /// None on SQLite, which serves one process, and if the lock cannot be taken.
    pub async fn sign_of_life(&self, owner: &str) -> Result<Option<SignOfLife>, Error> {
        let Some(mut connection) = self.connections.detached().await? else {
            return Ok(None);
        };
        let lock = lock_number(owner);
        let asked = optional(&mut connection, LIFE_TAKE.bind(lock));
        let taken = self.connections.check(asked).await.flatten();
        let mut life = SignOfLife {
            connection,
            lock,
            connections: self.connections.clone(),
        };
        Ok((taken == Some(true) && life.is_held().await).then_some(life))
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
