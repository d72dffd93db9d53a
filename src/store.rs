//! Everything that is kept, in SQLite or PostgreSQL.
//!
//! Secrets are sealed on the way in and opened on the way out, here and nowhere else, so no caller can
//! write one in clear. A function about a tenant's rows takes the [`Tenant`], which only a verified
//! token, a session or a claim leads to: there is no query without its tenant. Whatever must happen
//! once is one statement, and its count of rows says who won.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};

use crate::clock::Seconds;
use crate::error::Error;
use crate::random::Random;
use crate::secret::Secret;
use crate::sites::Sites;
use crate::vault::Vault;

use batch::Writer;
use health::Trust;

/// How long the end of the process waits for connections to be closed.
const CLOSING: Duration = Duration::from_millis(500);

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Runs the same body on whichever database it is. The body names the pool.
macro_rules! on {
    ($store:expr, $pool:ident => $body:expr) => {{
        let done = match &$store.pool {
            Pool::Sqlite($pool) => $body,
            Pool::Postgres($pool) => $body,
        };
        $store.trust.after(&done);
        done
    }};
}

/// The same, in a transaction that is committed when the body is done and rolled back when it fails.
///
/// Only a connection whose transaction was committed is used again. What has failed may have left it in a
/// transaction (`Held`), and may fail on it for ever.
macro_rules! transaction {
    ($store:expr, $tx:ident => $body:expr) => {
        match &$store.pool {
            // An immediate transaction takes SQLite's write lock at once; a deferred one could fail
            // halfway with "database is locked". Who waits for that lock looks now and then whether it is
            // free, and where others write without a break it never is; so those of this process stand
            // in line.
            Pool::Sqlite(pool) => {
                let _turn = $store.writing.lock().await;
                let mut held = crate::store::health::Held::new(pool.acquire().await?);
                let mut $tx = sqlx::Connection::begin_with(held.connection(), "begin immediate").await?;
                let result = $body;
                $tx.commit().await?;
                held.is_well();
                result
            }
            Pool::Postgres(pool) => {
                let mut held = crate::store::health::Held::new(pool.acquire().await?);
                let mut $tx = sqlx::Connection::begin(held.connection()).await?;
                let result = $body;
                $tx.commit().await?;
                held.is_well();
                result
            }
        }
    };
}

/// Puts an entry on the list of what is left to do.
macro_rules! add_cleanup {
    ($tx:expr, $row:expr) => {{
        let row: NewCleanup = $row;
        sqlx::query(sql::CLEANUP_ADD)
            .bind(row.id)
            .bind(row.kind)
            .bind(row.client_key)
            .bind(row.installation)
            .bind(row.account_id)
            .bind(row.held_for_subject)
            .bind(row.revocation)
            .bind(row.due_at)
            .bind(row.expires_at)
            .execute(&mut *$tx)
            .await?
    }};
}

/// Puts revocations on that list. Says the ids of their rows.
///
/// Some tokens wait (`held_for_subject`) while a link still uses the account at the service; see
/// [`cleanup::Wait`].
macro_rules! add_revocation {
    ($store:expr, $tx:expr, $owner:expr, $revocations:expr, $now:expr) => {{
        let owner: &Owner = $owner;
        let mut ids = Vec::new();
        for revocation in $revocations {
            let (links, of_this_person): (i64, i64) = sqlx::query_as(sql::SUBJECT_IN_USE)
                .bind(&revocation.subject)
                .bind(&owner.account_id)
                .fetch_one(&mut *$tx)
                .await?;
            let wait = match (links, of_this_person) {
                (0, _) => Wait::Nothing,
                (_, 0) => Wait::RefreshTokens,
                _ => Wait::AllTokens,
            };
            for row in $store.revocation_rows(owner, revocation, wait, $now) {
                ids.push(row.id.clone());
                add_cleanup!($tx, row);
            }
        }
        ids
    }};
}

/// The next generation of a person's link: for a new one, or past the end of one, whose row then opens
/// no more, wherever it may come back from.
macro_rules! next_generation {
    ($tx:expr, $client_key:expr, $account_id:expr) => {{
        let generation: i64 = sqlx::query_scalar(sql::GENERATION_NEXT)
            .bind($client_key)
            .bind($account_id)
            .fetch_one(&mut *$tx)
            .await?;
        generation
    }};
}

/// The next revision of a tenant's row: from here on nothing opens that was sealed in it before. The
/// row is locked.
macro_rules! next_revision {
    ($tx:expr, $client_key:expr) => {{
        let revision: i64 = sqlx::query_scalar(sql::REVISION_NEXT)
            .bind($client_key)
            .fetch_one(&mut *$tx)
            .await?;
        revision
    }};
}

/// From here on no row of an earlier generation opens.
macro_rules! generation_reached {
    ($tx:expr, $client_key:expr, $account_id:expr, $generation:expr) => {
        sqlx::query(sql::GENERATION_REACHED)
            .bind($client_key)
            .bind($account_id)
            .bind($generation)
            .execute(&mut *$tx)
            .await?
    };
}

/// Sees to it that Jira does not keep what was put for a link that is no longer there: the property is
/// deleted, or the newest is put again.
macro_rules! take_back {
    ($store:expr, $tx:expr, $owner:expr, $now:expr) => {{
        let again = sqlx::query(sql::LINK_PUT_AGAIN)
            .bind(&$owner.client_key)
            .bind(&$owner.account_id)
            .bind($now)
            .execute(&mut *$tx)
            .await?
            .rows_affected();
        if again == 0 {
            let new = $store.deletion_row(&$owner, $now);
            add_cleanup!($tx, new);
        }
    }};
}

mod attempt;
mod batch;
mod beside;
mod budget;
mod cleanup;
mod database;
mod figures;
mod health;
mod link;
mod plans;
mod renewal;
mod reseal;
mod rotation;
mod rows;
mod sealed;
mod session;
mod signing;
mod sql;
mod tenant;

pub use attempt::END_REMEMBERED_FOR;
pub use beside::Schema;
pub use budget::{Calls, GateRow, Probe};
pub use cleanup::{Chore, Cleanup};
pub use database::Database;
pub use figures::{CLEANUP_KINDS, Figures, PAST_DUE_AFTER};
pub use renewal::{Claim, Kind, LEASE, SignOfLife, TURN, Turn};
pub use rotation::{KeyUse, Progress, Rotation};
pub use signing::KeptSigningKey;
pub use sql::ALL as STATEMENTS;

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The store. Cloning it shares the same connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    vault: Vault,
    random: Random,
    /// Where a tenant may live.
    sites: Sites,
    /// Held while a transaction of this process writes, on SQLite.
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Which connections are used again.
    trust: Trust,
    /// When it was last tried whether anything can be written, and what came of it.
    written: health::Written,
    /// Where writes of renewals gather; the writer's own store has none.
    writer: Option<Writer>,
    /// Holds the file lock for as long as the store is open.
    _alone: Option<Arc<std::fs::File>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.pool {
            Pool::Sqlite(_) => "Store(SQLite)",
            Pool::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

impl Store {
    /// Opens the database, runs the migrations under a lock, seals anew what a version before has sealed,
    /// and is ready. A tenant is served only where `sites` says that one may live.
    ///
    /// SQLite serves one process: the file `{database}.lock` is held for as long as the store is open.
    /// A process that is just ending is waited for.
    ///
    /// # Errors
    /// When the database cannot be opened, is held by another process, a migration fails, or a sealing key
    /// is missing for what is to be sealed anew.
    pub async fn open(
        database: &Database,
        vault: Vault,
        random: Random,
        sites: Sites,
        now: Seconds,
    ) -> Result<Self, OpenError> {
        let trust = Trust::default();
        let (pool, alone) = match database {
            Database::Sqlite(file) => {
                let alone = hold_alone(file).await?;
                let pool = sqlite(file, true, &trust).await?;
                MIGRATIONS.run(&pool).await?;
                (Pool::Sqlite(pool), Some(Arc::new(alone)))
            }
            Database::Postgres(url) => {
                let pool = postgres(url).await?;
                // sqlx takes an advisory lock, so replicas that start together take turns.
                MIGRATIONS.run(&pool).await?;
                (Pool::Postgres(pool), None)
            }
        };
        let mut store = Self {
            pool,
            vault,
            random,
            sites,
            writing: Arc::default(),
            trust,
            written: health::Written::default(),
            writer: None,
            _alone: None,
        };
        store.reseal(now).await?;
        store.writer = Some(Writer::start(store.clone()));
        store._alone = alone;
        Ok(store)
    }

    /// Opens the database as it stands, for upkeep while servers run on it: it is not migrated, and
    /// on SQLite it is not held alone, so only what is right beside a server may be done.
    ///
    /// # Errors
    /// When the database cannot be opened, or its tables are not those of this version.
    pub async fn open_beside(
        database: &Database,
        vault: Vault,
        random: Random,
    ) -> Result<Self, OpenError> {
        let trust = Trust::default();
        let pool = match database {
            Database::Sqlite(file) => Pool::Sqlite(sqlite(file, false, &trust).await?),
            Database::Postgres(url) => Pool::Postgres(postgres(url).await?),
        };
        let store = Self {
            pool,
            vault,
            random,
            // Nothing is sent to one from here.
            sites: Sites::default(),
            writing: Arc::default(),
            trust,
            written: health::Written::default(),
            writer: None,
            _alone: None,
        };
        store.tables_are_ours().await?;
        if !store.is_resealed().await? {
            return Err(OpenError::Older);
        }
        Ok(store)
    }

    async fn tables_are_ours(&self) -> Result<(), OpenError> {
        let applied = on!(self, pool => {
            sqlx::query_as::<_, (i64, Vec<u8>)>(sql::MIGRATIONS_APPLIED)
                .fetch_all(pool)
                .await
        });
        let applied = match applied {
            // Neither database says it in the same way: there is no such table.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("1" | "42P01")) =>
            {
                Vec::new()
            }
            applied => applied?,
        };
        let known = |version: i64| MIGRATIONS.iter().find(|known| known.version == version);
        if applied.iter().any(|(version, _)| known(*version).is_none()) {
            return Err(OpenError::Newer);
        }
        if applied.len() < MIGRATIONS.iter().count() {
            return Err(OpenError::Older);
        }
        for (version, checksum) in applied {
            if known(version).is_some_and(|known| *known.checksum != *checksum) {
                return Err(sqlx::migrate::MigrateError::VersionMismatch(version).into());
            }
        }
        Ok(())
    }

    /// Closes every connection, so that SQLite's log is folded into the file. One that does not answer is left
    /// to the end of the process.
    pub async fn close(&self) {
        let closed = async { on!(self, pool => pool.close().await) };
        tokio::time::timeout(CLOSING, closed).await.ok();
    }

    /// Prepares every statement on this database, for a test that they all fit.
    ///
    /// # Errors
    /// Names the statement that does not.
    pub async fn prepare_all(&self) -> Result<usize, String> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let postgres = matches!(self.pool, Pool::Postgres(_));
        let mut prepared = 0;
        for (name, statement) in sql::everything() {
            if !postgres && name.ends_with("_POSTGRES") {
                continue;
            }
            let statement = sqlx::AssertSqlSafe(statement);
            on!(self, pool => {
                let mut connection = pool.acquire().await.map_err(|error| error.to_string())?;
                connection
                    .prepare(statement.into_sql_str())
                    .await
                    .map(|_| ())
                    .map_err(|error| format!("{name}: {error}"))?;
            });
            prepared += 1;
        }
        Ok(prepared)
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
    /// A later version has migrated it, and this one was to leave its tables as they are.
    #[error("the database was migrated by a newer version of latchkey: use that version")]
    Newer,
    /// An earlier version has migrated it, or none, and this one was to leave its tables as they are.
    #[error(
        "the database is not migrated to this version of latchkey: use the version that serves it, or \
         run `latchkey migrate` first"
    )]
    Older,
    /// What a version before has sealed is to be sealed anew, and a sealing key for it is not here.
    #[error(
        "what an earlier version of latchkey has sealed is sealed anew at this start, and the keys of the \
         tenant {0} do not open: LATCHKEY_SEALING_KEYS must hold every sealing key that is in use"
    )]
    SealingKeys(String),
    /// Another process serves this file.
    #[error("the database file is in use by another latchkey process")]
    InUse,
    /// The lock file cannot be made.
    #[error("the lock beside the database file cannot be taken: {0}")]
    Lock(std::io::Error),
}

async fn sqlite(file: &str, create: bool, trust: &Trust) -> Result<SqlitePool, sqlx::Error> {
    let trust = trust.clone();
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        // A committed refresh token must survive a power cut; NORMAL would not promise it.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true);
    SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(10))
        .before_acquire(move |connection, metadata| {
            let good = !connection.is_in_transaction() && trust.covers(&metadata);
            Box::pin(async move { Ok(good) })
        })
        .connect_with(options)
        .await
}

async fn postgres(url: &Secret) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(5))
        // Costs what a ping does: one there and back.
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                let read_only: String = sqlx::query_scalar(sql::READ_ONLY_POSTGRES)
                    .fetch_one(&mut *connection)
                    .await?;
                Ok(read_only == "off" && !connection.is_in_transaction())
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::query(sql::ASLEEP_POSTGRES)
                    .execute(connection)
                    .await
                    .map(|_| ())
            })
        })
        .connect_with(PgConnectOptions::from_str(url.expose())?)
        .await
}

/// Takes `{file}.lock`. The operating system gives it back when the process ends, however it ends.
async fn hold_alone(file: &str) -> Result<std::fs::File, OpenError> {
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
