//! The connections to the database, and single statements on them.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Connection as _, Executor, IntoArguments, PgConnection, PgPool, Postgres, Row as _, SqlStr,
    Sqlite, SqlitePool,
};
use tokio::time::Instant;

use crate::error::is_read_only;
use crate::secret::Secret;

use super::Database;
use super::statement::{Dialect, Query, statements};

/// How long the end of the process waits for connections to close.
const CLOSING: Duration = Duration::from_millis(500);
/// How long an inspection beside a running server waits for a connection.
const LOOK_WAITS: Duration = Duration::from_secs(5);

statements! {
    /// If a process is suspended in a transaction, PostgreSQL ends the transaction after this, so that its
    /// rows are free.
    ASLEEP = postgres("select set_config('idle_in_transaction_session_timeout', '10s', false)");
    /// `on` in a read-only session, and on a server that follows another.
    READ_ONLY = postgres("select current_setting('transaction_read_only')");
}

#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The connections to the database. Clones share them.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) pool: Pool,
    /// On SQLite, held while a transaction of this process writes.
    pub(super) writing: Arc<tokio::sync::Mutex<()>>,
    trust: Trust,
}

/// How many connections to the database there are. The sign of life of a replica has its own, which does not
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Connections that do something.
    pub in_use: u32,
    /// Connections that wait to be used.
    pub idle: u32,
    /// The most there may be.
    pub limit: u32,
}

/// Connections opened up to this moment are no longer trusted. This is for SQLite, which cannot be asked
/// whether a connection is read-only; PostgreSQL is asked each time.
#[derive(Clone, Default)]
struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Whether a connection was opened since a connection was last found read-only.
    fn covers(&self, metadata: &PoolConnectionMetadata) -> bool {
        let lost_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_none_or(|at| metadata.age < at.elapsed())
    }

    fn learn_from<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if result.as_ref().is_err_and(is_read_only) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        result
    }
}

/// What a row is read into: one value or several.
pub(super) trait Readable: Sized + Send + Unpin {
    fn of_sqlite(row: &SqliteRow) -> Result<Self, sqlx::Error>;
    fn of_postgres(row: &PgRow) -> Result<Self, sqlx::Error>;
}

/// Rows that sqlx can read.
macro_rules! readable_rows {
    ($($row:ty),* $(,)?) => {
        $(impl $crate::store::connections::Readable for $row {
            fn of_sqlite(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                sqlx::FromRow::from_row(row)
            }

            fn of_postgres(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                sqlx::FromRow::from_row(row)
            }
        })*
    };
}
pub(super) use readable_rows;

/// Rows of one column.
macro_rules! readable_values {
    ($($value:ty),* $(,)?) => {
        $(impl Readable for $value {
            fn of_sqlite(row: &SqliteRow) -> Result<Self, sqlx::Error> {
                row.try_get(0)
            }

            fn of_postgres(row: &PgRow) -> Result<Self, sqlx::Error> {
                row.try_get(0)
            }
        })*
    };
}

readable_values!(i64, bool, String);
readable_rows!(
    (i64, i64),
    (bool, i64),
    (String, i64),
    (String, String),
    (String, String, i64),
    (i64, Vec<u8>, bool),
);

/// The differences between the two databases when a query is run.
pub(super) trait Engine: sqlx::Database {
    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error>;
    fn rows_affected(done: &Self::QueryResult) -> u64;
    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error>;
}

impl Engine for Sqlite {
    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error> {
        query.for_database::<Self>(Dialect::Sqlite)
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error> {
        R::of_sqlite(row)
    }
}

impl Engine for Postgres {
    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error> {
        query.for_database::<Self>(Dialect::Postgres)
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error> {
        R::of_postgres(row)
    }
}

/// Runs a query on a pool or a connection. Returns how many rows it changed.
pub(super) async fn execute<'e, DB: Engine>(
    executor: impl Executor<'e, Database = DB>,
    query: Query<'_>,
) -> Result<u64, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
{
    let (text, arguments) = DB::arguments(query)?;
    let done = sqlx::query_with(text, arguments).execute(executor).await?;
    Ok(DB::rows_affected(&done))
}

/// The row that a query returns, if any.
pub(super) async fn optional<'e, R: Readable, DB: Engine>(
    executor: impl Executor<'e, Database = DB>,
    query: Query<'_>,
) -> Result<Option<R>, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
{
    let (text, arguments) = DB::arguments(query)?;
    let row = sqlx::query_with(text, arguments)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(DB::read).transpose()
}

/// Every row that a query returns.
pub(super) async fn all<'e, R: Readable, DB: Engine>(
    executor: impl Executor<'e, Database = DB>,
    query: Query<'_>,
) -> Result<Vec<R>, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
{
    let (text, arguments) = DB::arguments(query)?;
    let rows = sqlx::query_with(text, arguments)
        .fetch_all(executor)
        .await?;
    rows.iter().map(DB::read).collect()
}

impl Connections {
    /// Opens the database for a server. On SQLite a missing file is created.
    pub(super) async fn to_serve(database: &Database) -> Result<Self, sqlx::Error> {
        Self::open(database, true).await
    }

    /// Opens the database to write beside a server. On SQLite the file must exist.
    pub(super) async fn to_write_beside(database: &Database) -> Result<Self, sqlx::Error> {
        Self::open(database, false).await
    }

    /// Opens the database to read beside a server.
    pub(super) async fn to_read_beside(database: &Database) -> Result<Self, sqlx::Error> {
        let pool = match database {
            Database::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(false)
                    .read_only(true)
                    .busy_timeout(LOOK_WAITS);
                let pool = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(LOOK_WAITS);
                Pool::Sqlite(pool.connect_with(options).await?)
            }
            Database::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.expose())?
                    .options([("default_transaction_read_only", "on")]);
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(LOOK_WAITS);
                Pool::Postgres(pool.connect_with(options).await?)
            }
        };
        Ok(Self::of(pool, Trust::default()))
    }

    async fn open(database: &Database, create: bool) -> Result<Self, sqlx::Error> {
        let trust = Trust::default();
        let pool = match database {
            Database::Sqlite(file) => Pool::Sqlite(sqlite(file, create, trust.clone()).await?),
            Database::Postgres(url) => Pool::Postgres(postgres(url).await?),
        };
        Ok(Self::of(pool, trust))
    }

    fn of(pool: Pool, trust: Trust) -> Self {
        Self {
            pool,
            writing: Arc::default(),
            trust,
        }
    }

    pub(super) fn pool_usage(&self) -> PoolUsage {
        let (all, idle, limit) = match &self.pool {
            Pool::Sqlite(pool) => (
                pool.size(),
                pool.num_idle(),
                pool.options().get_max_connections(),
            ),
            Pool::Postgres(pool) => (
                pool.size(),
                pool.num_idle(),
                pool.options().get_max_connections(),
            ),
        };
        let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(all);
        PoolUsage {
            in_use: all - idle,
            idle,
            limit,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection taken out of the pool. None on SQLite.
    pub(super) async fn detached(&self) -> Result<Option<PgConnection>, sqlx::Error> {
        match &self.pool {
            Pool::Sqlite(_) => Ok(None),
            Pool::Postgres(pool) => Ok(Some(pool.acquire().await?.detach())),
        }
    }

    /// Closes every connection, so that SQLite's write-ahead log is merged into the file. A connection that
    /// does not answer is closed when the process ends.
    pub(super) async fn close(&self) {
        let closed = async {
            match &self.pool {
                Pool::Sqlite(pool) => pool.close().await,
                Pool::Postgres(pool) => pool.close().await,
            }
        };
        tokio::time::timeout(CLOSING, closed).await.ok();
    }

    /// Runs a single statement. Returns how many rows it changed.
    pub(super) async fn execute(&self, query: impl Into<Query<'_>>) -> Result<u64, sqlx::Error> {
        let query = query.into();
        self.trust.learn_from(match &self.pool {
            Pool::Sqlite(pool) => execute(pool, query).await,
            Pool::Postgres(pool) => execute(pool, query).await,
        })
    }

    /// The row that a statement returns, if any.
    pub(super) async fn optional<R: Readable>(
        &self,
        query: impl Into<Query<'_>>,
    ) -> Result<Option<R>, sqlx::Error> {
        let query = query.into();
        self.trust.learn_from(match &self.pool {
            Pool::Sqlite(pool) => optional(pool, query).await,
            Pool::Postgres(pool) => optional(pool, query).await,
        })
    }

    /// The row that a statement returns.
    pub(super) async fn one<R: Readable>(
        &self,
        query: impl Into<Query<'_>>,
    ) -> Result<R, sqlx::Error> {
        self.optional(query).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Every row that a statement returns.
    pub(super) async fn all<R: Readable>(
        &self,
        query: impl Into<Query<'_>>,
    ) -> Result<Vec<R>, sqlx::Error> {
        let query = query.into();
        self.trust.learn_from(match &self.pool {
            Pool::Sqlite(pool) => all(pool, query).await,
            Pool::Postgres(pool) => all(pool, query).await,
        })
    }
}

async fn sqlite(file: &str, create: bool, trust: Trust) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(create)
        .journal_mode(SqliteJournalMode::Wal)
        // A committed refresh token must survive a power cut, which NORMAL does not guarantee.
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
        // The check below costs as much as a ping: one round trip.
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                let read_only: Option<String> =
                    optional(&mut *connection, (&READ_ONLY).into()).await?;
                Ok(read_only.as_deref() == Some("off") && !connection.is_in_transaction())
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                execute(connection, (&ASLEEP).into()).await?;
                Ok(())
            })
        })
        .connect_with(PgConnectOptions::from_str(url.expose())?)
        .await
}
