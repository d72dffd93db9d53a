//! Everything that is kept, in SQLite or PostgreSQL.
//!
//! Secrets are sealed on the way in and opened on the way out, here and nowhere else, so no caller can write
//! one in clear. A function about a tenant's rows takes the [`Tenant`](crate::model::Tenant), which only a
//! verified token, a session or a claim can provide: there is no query without its tenant. What must happen
//! once is one statement, and the number of rows that it changed tells which caller did it.
//!
//! A module declares its statements next to the functions that run them (`statement.rs`). A function that is
//! part of a transaction takes the transaction (`transaction.rs`); one that also seals is a method of the
//! `Sealer`.

use std::sync::Arc;

use crate::clock::{Clock, Millis};
use crate::error::Error;
use crate::model::ClientKey;
use crate::random::Random;
use crate::sites::Sites;
use crate::vault::Vault;

use batch::Writer;
use connections::Connections;
use joined::Joined;
use opening::{own_file, restrict_all, saying};
use sealer::Sealer;
use tenant::FoundTenant;

mod accounts;
mod admin;
mod attempt;
mod backup;
mod batch;
mod checks;
mod claim;
mod cleanup;
mod clock;
mod connections;
mod database;
mod figures;
mod forge;
mod gate;
mod health;
mod history;
mod inspection;
mod install_key;
mod joined;
mod late;
mod life;
mod lifecycle;
mod link;
mod migrations;
mod opening;
mod outbox;
mod person;
mod plans;
mod quota;
mod renewal;
mod rotation;
mod rows;
mod rule;
mod schema;
mod sealed;
mod sealer;
mod session;
mod signing;
mod silence;
mod standing;
mod statement;
mod sweep;
mod tenant;
mod ticket;
mod transaction;
mod vendor;

pub use accounts::{
    CYCLE, KnownAccount, ReportClaim, ReportState, ReportTrouble, report_all_beside,
};
pub use admin::{Listed, Sought, SoughtState, Summary};
pub use attempt::{END_REMEMBERED_FOR, OpenAttempt};
pub use backup::{BackedUp, NoBackup, back_up};
pub use checks::Unfit;
pub use claim::{Claim, ClaimKind, JiraWaits, LEASE, TURN, TenantsWith, Turn};
pub use cleanup::{Chore, Cleanup, CleanupKind, TriedFor};
pub use connections::PoolUsage;
pub use database::{Database, MostConnections, Server};
pub use figures::{Figures, PAST_DUE_AFTER};
pub use forge::{Arrived, LATE_AFTER};
pub use gate::{FailingTenant, Gate, GateRow, Probe};
pub use inspection::Inspection;
pub use install_key::{KEPT_INSTALL_KEYS, KeptInstallKey};
pub use life::SignOfLife;
pub use link::Lease;
pub use outbox::{Message, OutboxFigures, Receiver};
pub use plans::statements;
pub use quota::Share;
pub use renewal::{Failure, GivenBack, InJira};
pub use rotation::{KeyUse, Rotation, RotationProgress, Rotator};
pub use schema::Schema;
pub use signing::KeptSigningKey;
pub use silence::{GAP, Silent, Ticks};
pub use statement::Dialect;
pub use tenant::Calls;
pub use ticket::Ticket;
pub use vendor::{LinkForVendor, VendorLink};

/// The store of a server. Clones share the connections.
#[derive(Clone)]
pub struct Store {
    connections: Connections,
    sealer: Sealer,
    /// The hosts that a tenant may have.
    sites: Sites,
    /// What it means for claims that Jira asks to wait.
    jira_waits: JiraWaits,
    /// When a test write was last made, and its result.
    times: clock::Times,
    written: health::Written,
    /// Collects the writes of renewals.
    writer: Writer,
    /// The tenants that are read just now.
    found: Arc<Joined<ClientKey, Result<FoundTenant, Arc<Error>>>>,
    /// Holds the locks of the file while the store is open.
    _lock: Option<Arc<[std::fs::File; 2]>>,
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
    /// Opens the database and runs the migrations. A tenant is served only if `sites` allows its host, and `receiver` is
    /// told what happens to links. `jira_waits` says whether renewals go on while Jira asks to wait.
    ///
    /// SQLite serves one process: the file and `{database}.lock` are locked while the store is open, by whatever
    /// name it was opened. If another process is just ending, this waits for it.
    ///
    /// # Errors
    /// When the database cannot be opened, another process holds it, or a migration fails.
    pub async fn open(
        database: &Database,
        vault: Vault,
        random: Random,
        sites: Sites,
        receiver: Receiver,
        jira_waits: JiraWaits,
    ) -> Result<Self, OpenError> {
        let mut database = database.clone();
        let lock = match &database {
            Database::Sqlite(file) => {
                let own = own_file(file).await?;
                database = Database::Sqlite(own.path);
                Some(Arc::new(own.locks))
            }
            Database::Postgres(_) => None,
        };
        let connections = match Connections::to_serve(&database).await {
            Ok(connections) => connections,
            Err(error) => return Err(database.cannot_be_opened(error)),
        };
        if let Database::Sqlite(path) = &database {
            restrict_all(path);
        }
        connections.check_server(database.connections()).await?;
        let migrated = connections.migrate();
        saying(
            "a lock in the database: another process migrates it, or a session uses its tables",
            migrated,
        )
        .await?;
        connections.check_rights().await?;
        let sealer = Sealer {
            vault,
            random,
            receiver,
        };
        let store = Self {
            writer: Writer::start(connections.clone(), sealer.clone()),
            connections,
            sealer,
            sites,
            jira_waits,
            found: Arc::default(),
            written: health::Written::default(),
            times: clock::Times::default(),
            _lock: lock,
        };
        store.check_sealing_keys().await?;
        store.forget_other_receivers().await?;
        Ok(store)
    }

    /// Base URLs of installed tenants whose host is not allowed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sites_not_allowed(&self) -> Result<Vec<String>, Error> {
        self.connections.sites_not_allowed(&self.sites).await
    }

    /// How many connections there are now.
    #[must_use]
    pub fn pool(&self) -> PoolUsage {
        self.connections.pool_usage()
    }

    /// How far the database server's clock is ahead of this one. None on SQLite, which has no clock of
    /// its own.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        self.connections.clock_ahead_of(clock).await
    }

    /// Closes every connection, so that SQLite's write-ahead log is merged into the file. A connection that
    /// does not answer is closed when the process ends.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Opening the database failed. The text says which, why, and what to do.
    #[error("{0}")]
    Opening(String),
    /// A statement failed while the database was opened.
    #[error("the database fails: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The role may not create tables.
    #[error(
        "the database cannot be migrated: the role may not create tables. Run `latchkey migrate` with a role \
         that owns the tables and may create more; the role that serves needs no such right"
    )]
    MayNotCreate,
    /// Somebody else holds a lock that the migration needs.
    #[error(
        "the database cannot be migrated: {0} held a lock that the migration needs for five minutes. End its \
         transaction and start again"
    )]
    Locked(String),
    /// The migrations did not end.
    #[error("the database cannot be migrated: it took more than an hour")]
    MigrationTooLong,
    /// PostgreSQL is not set up as Latchkey needs it.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// The database does not answer.
    #[error("{0}")]
    Unavailable(#[from] Error),
    /// A newer version has migrated it, and this version may not change its tables.
    #[error("the database was migrated by a newer version of latchkey: use that version")]
    Newer,
    /// Migrations have not been run, and this command may not run them.
    #[error(
        "the database is not migrated to this version of latchkey: use the version that serves it, or \
         run `latchkey migrate` first"
    )]
    Older,
    /// No sealing key opens anything.
    #[error(
        "the keys in LATCHKEY_SEALING_KEYS open nothing of what the database holds: they are not those it was \
         written with, or their names (kid) point to other keys. Put the right ones back; nothing was changed"
    )]
    WrongSealingKeys,
    /// Another process is serving this file.
    #[error(
        "the database file (LATCHKEY_DATABASE_URL) is in use by another latchkey process: stop that one, or use PostgreSQL for several"
    )]
    InUse,
    /// The lock file cannot be created or locked.
    #[error("the lock beside the database file cannot be taken: {0}")]
    Lock(std::io::Error),
}
