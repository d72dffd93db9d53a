//! Everything that is kept, in SQLite or PostgreSQL.
//!
//! Secrets are sealed on the way in and opened on the way out, here and nowhere else, so no caller can
//! write one in clear. A function about a tenant's rows takes the [`Tenant`](crate::model::Tenant), which only a
//! verified token, a session or a claim leads to: there is no query without its tenant. Whatever must happen
//! once is one statement, and its count of rows says who won.
//!
//! A module declares its statements next to the functions that run them (`statement.rs`). A function that is part of
//! a transaction takes the transaction (`transaction.rs`); one that also seals belongs to the `Sealer`.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Millis};
use crate::error::Error;
use crate::random::Random;
use crate::sites::Sites;
use crate::vault::Vault;

use batch::Writer;
use connections::Connections;
use sealer::Sealer;

mod attempt;
mod batch;
mod claim;
mod cleanup;
mod clock;
mod connections;
mod database;
mod figures;
mod gate;
mod health;
mod inspection;
mod life;
mod lifecycle;
mod link;
mod person;
mod plans;
mod quota;
mod renewal;
mod rotation;
mod rows;
mod schema;
mod sealed;
mod sealer;
mod session;
mod signing;
mod statement;
mod sweep;
mod tenant;
mod transaction;

pub use attempt::END_REMEMBERED_FOR;
pub use claim::{Claim, ClaimKind, LEASE, TURN, TenantsWith, Turn};
pub use cleanup::{Chore, Cleanup, CleanupKind, TriedFor};
pub use database::Database;
pub use figures::{Figures, PAST_DUE_AFTER};
pub use gate::{Gate, GateRow, Probe};
pub use inspection::Inspection;
pub use life::SignOfLife;
pub use link::Lease;
pub use plans::statements;
pub use renewal::GivenBack;
pub use rotation::{KeyUse, Progress, Rotation, Rotator};
pub use schema::Schema;
pub use signing::KeptSigningKey;
pub use statement::Dialect;
pub use tenant::Calls;

/// The store of a server. Cloning it shares the same connections.
#[derive(Clone)]
pub struct Store {
    connections: Connections,
    sealer: Sealer,
    /// Where a tenant may live.
    sites: Sites,
    /// When somebody last tried whether anything can be written, and the result.
    written: health::Written,
    /// Where writes of renewals gather.
    writer: Writer,
    /// Holds the file lock for as long as the store is open.
    _lock: Option<Arc<std::fs::File>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.connections.dialect() {
            Dialect::Sqlite => "Store(SQLite)",
            Dialect::Postgres => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens the database, runs the migrations, and is ready. A tenant is served only where `sites` says that one
    /// may live.
    ///
    /// SQLite serves one process: the file `{database}.lock` is held for as long as the store is open. Another
    /// process that is just ending is waited for.
    ///
    /// # Errors
    /// When the database cannot be opened, is held by another process, or a migration fails.
    pub async fn open(
        database: &Database,
        vault: Vault,
        random: Random,
        sites: Sites,
    ) -> Result<Self, OpenError> {
        let lock = match database {
            Database::Sqlite(file) => Some(Arc::new(lock(file).await?)),
            Database::Postgres(_) => None,
        };
        let connections = Connections::to_serve(database).await?;
        connections.migrate().await?;
        let sealer = Sealer { vault, random };
        Ok(Self {
            writer: Writer::start(connections.clone(), sealer.clone()),
            connections,
            sealer,
            sites,
            written: health::Written::default(),
            _lock: lock,
        })
    }

    /// Base URLs of installed tenants that are not of an allowed host.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sites_not_allowed(&self) -> Result<Vec<String>, Error> {
        self.connections.sites_not_allowed(&self.sites).await
    }

    /// How far the database server's clock is ahead of this one. None on SQLite, which has no clock of
    /// its own.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        self.connections.clock_ahead_of(clock).await
    }

    /// Closes every connection, so that SQLite's log is folded into the file. One that does not answer is left
    /// to the end of the process.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database says so.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database does not answer.
    #[error("{0}")]
    Unavailable(#[from] Error),
    /// A newer version has migrated it, and this one may not change its tables.
    #[error("the database was migrated by a newer version of latchkey: use that version")]
    Newer,
    /// Migrations are still to be run, and may not be run here.
    #[error(
        "the database is not migrated to this version of latchkey: use the version that serves it, or \
         run `latchkey migrate` first"
    )]
    Older,
    /// Another process serves this file.
    #[error("the database file is in use by another latchkey process")]
    InUse,
    /// The lock file cannot be made.
    #[error("the lock beside the database file cannot be taken: {0}")]
    Lock(std::io::Error),
}

/// Takes `{file}.lock`. The operating system releases it when the process ends, however it ends.
async fn lock(file: &str) -> Result<std::fs::File, OpenError> {
    let lock = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(format!("{file}.lock"))
        .map_err(OpenError::Lock)?;
    // A process that ends may take ten seconds for its last renewals.
    for _ in 0..150 {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(std::fs::TryLockError::WouldBlock) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(OpenError::Lock(error)),
        }
    }
    Err(OpenError::InUse)
}
