//! The connections to the database, and single statements on them.

use std::io;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Connection as _, Executor, IntoArguments, PgConnection, PgPool, Postgres, Row as _, SqlStr,
    Sqlite, SqlitePool,
};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::error::is_read_only;
use crate::secret::Secret;
use crate::spans;

use super::checks::keeps_sessions;
use super::database::Server;
use super::statement::{Dialect, Query, statements};
use super::{Database, OpenError};

/// How long the end of the process waits for connections to close.
const CLOSING: Duration = Duration::from_millis(500);
/// How long an inspection beside a running server waits for a connection.
const LOOK_WAITS: Duration = Duration::from_secs(5);

/// How long a check of a connection may take. It is one round trip.
const CHECK: Duration = Duration::from_secs(3);
/// How long a call waits for a connection to PostgreSQL, opening one included.
const FREE_POSTGRES: Duration = Duration::from_secs(5);
/// The same for SQLite, where it waits only for calls of this process.
const FREE_SQLITE: Duration = Duration::from_secs(10);
/// How long PostgreSQL may take to answer a statement or a whole transaction. The server ends a statement
/// earlier, after its `statement_timeout`, so a connection that is silent for longer is dead.
const ANSWER_POSTGRES: Duration = Duration::from_secs(10);
/// The same for SQLite, which waits up to ten seconds for another process's lock.
const ANSWER_SQLITE: Duration = Duration::from_secs(20);

statements! {
    /// What Latchkey relies on, whatever server, database and role have as defaults. A setting that the server
    /// does not know is left out. The schema is the one with the tables, so that one added to the search path
    /// later hides none. A process that is suspended in a transaction loses it after ten seconds, so that its
    /// rows are free; a process that is gone without a word is noticed after about 15 s.
    SESSION = postgres("select set_config(v.name, v.value, false) from (values \
        ('idle_in_transaction_session_timeout', '10s'), \
        ('statement_timeout', '8s'), \
        ('lock_timeout', '5s'), \
        ('default_transaction_isolation', 'read committed'), \
        ('default_transaction_deferrable', 'off'), \
        ('synchronous_commit', case current_setting('synchronous_commit') when 'off' then 'on' end), \
        ('TimeZone', 'UTC'), \
        ('client_min_messages', 'warning'), \
        ('tcp_keepalives_idle', '5'), \
        ('tcp_keepalives_interval', '3'), \
        ('tcp_keepalives_count', '3'), \
        ('tcp_user_timeout', '15s'), \
        ('search_path', (select quote_ident(coalesce((select n.nspname from pg_class c \
            join pg_namespace n on n.oid = c.relnamespace \
            where c.oid = to_regclass('_sqlx_migrations')), current_schema())))) \
        ) as v (name, value) where v.value is not null \
        and exists (select 1 from pg_settings s where s.name = v.name)");
    LOOKS_ONLY = postgres("select set_config('default_transaction_read_only', 'on', false)");
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
    pub(super) trust: Trust,
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

/// Connections opened up to this moment are no longer trusted: one of them was read-only, or did not answer.
/// What cuts off one connection, such as a failover or a firewall that forgot its state, cuts off others, and
/// finding out takes seconds for each.
#[derive(Clone, Default)]
pub(super) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Whether a connection was opened since a connection was last found read-only.
    fn covers(&self, metadata: &PoolConnectionMetadata) -> bool {
        let lost_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_none_or(|at| metadata.age < at.elapsed())
    }

    /// Every connection that is open now is replaced before its next use.
    pub(super) fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn learn_from<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if result.as_ref().is_err_and(is_read_only) {
            self.lose();
        }
        result
    }
}

/// Waits so long for the database and no longer. None: it did not answer.
pub(super) async fn in_time<T>(limit: Duration, asked: impl Future<Output = T>) -> Option<T> {
    timeout(limit, asked).await.ok()
}

/// The error of a database that does not answer.
pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "the database does not answer",
    ))
}

/// A connection in use. If it is dropped before it is known to be good, it is closed.
pub(super) struct Held<DB: sqlx::Database> {
    /// None once it was given back or thrown away.
    connection: Option<PoolConnection<DB>>,
    trust: Trust,
}

impl<DB: Engine> Held<DB> {
    pub(super) async fn take(pool: &sqlx::Pool<DB>, trust: &Trust) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: Some(pool.acquire().await?),
            trust: trust.clone(),
        })
    }

    pub(super) fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        let connection = self.connection.as_mut();
        connection.map(|held| &mut **held).ok_or_else(silent)
    }

    /// Gives it back to the pool. The pool tests it first, so that takes a moment, but no longer than a check:
    /// sqlx alone would wait for the answer for ever, and the connection's place with it.
    pub(super) fn give_back(mut self) {
        if let Some(mut connection) = self.connection.take() {
            tokio::spawn(timeout(CHECK, connection.return_to_pool()));
        }
    }

    /// Throws it away without a word to the server, which does not answer.
    fn throw_away(&mut self) {
        self.trust.lose();
        drop(self.connection.take().map(PoolConnection::detach));
    }

    /// Waits for the answer of a call on it, `asked`. Call [`Held::give_back`] if it is good after that.
    pub(super) fn heard<T, E: From<sqlx::Error>>(
        &mut self,
        answer: Option<Result<T, E>>,
    ) -> Result<T, E> {
        answer.unwrap_or_else(|| {
            self.throw_away();
            Err(silent().into())
        })
    }
}

impl<DB: sqlx::Database> Drop for Held<DB> {
    fn drop(&mut self) {
        // sqlx waits at most five seconds for it to close.
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}

/// Whether a connection is as good as before a single statement that ended like this. The server's own errors
/// do it no harm.
fn is_good<T>(result: &Result<T, sqlx::Error>) -> bool {
    !matches!(
        result,
        Err(sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed)
    )
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
    (i64, i64, i64),
);

/// The differences between the two databases when a query is run.
pub(super) trait Engine: sqlx::Database {
    /// How long a statement or a transaction may take.
    const ANSWER: Duration;

    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error>;
    fn rows_affected(done: &Self::QueryResult) -> u64;
    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error>;
}

impl Engine for Sqlite {
    const ANSWER: Duration = ANSWER_SQLITE;

    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error> {
        query.for_sqlite()
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error> {
        R::of_sqlite(row)
    }
}

impl Engine for Postgres {
    const ANSWER: Duration = ANSWER_POSTGRES;

    fn arguments(query: Query<'_>) -> Result<(SqlStr, Self::Arguments), sqlx::Error> {
        query.for_postgres()
    }

    fn rows_affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }

    fn read<R: Readable>(row: &Self::Row) -> Result<R, sqlx::Error> {
        R::of_postgres(row)
    }
}

/// The server process that a connection leads to. By the simple protocol: poolers that do not keep sessions
/// lose prepared statements.
pub(super) async fn process(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let row = sqlx::raw_sql("select pg_backend_pid()").fetch_one(connection);
    row.await?.try_get_unchecked(0)
}

/// Runs a command that concerns no table, by the simple protocol.
pub(super) async fn command(
    connection: &mut PgConnection,
    words: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(words).execute(connection).await.map(|_| ())
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

/// [`execute`] on a connection of the pool, in time.
async fn execute_in<DB: Engine>(
    pool: &sqlx::Pool<DB>,
    trust: &Trust,
    query: Query<'_>,
) -> Result<u64, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut held = Held::take(pool, trust).await?;
    let answer = in_time(DB::ANSWER, execute(held.connection()?, query)).await;
    let result = trust.learn_from(held.heard(answer));
    if is_good(&result) {
        held.give_back();
    }
    result
}

/// [`optional`] on a connection of the pool, in time.
async fn optional_in<R: Readable, DB: Engine>(
    pool: &sqlx::Pool<DB>,
    trust: &Trust,
    query: Query<'_>,
) -> Result<Option<R>, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut held = Held::take(pool, trust).await?;
    let answer = in_time(DB::ANSWER, optional(held.connection()?, query)).await;
    let result = trust.learn_from(held.heard(answer));
    if is_good(&result) {
        held.give_back();
    }
    result
}

/// [`all`] on a connection of the pool, in time.
async fn all_in<R: Readable, DB: Engine>(
    pool: &sqlx::Pool<DB>,
    trust: &Trust,
    query: Query<'_>,
) -> Result<Vec<R>, sqlx::Error>
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut held = Held::take(pool, trust).await?;
    let answer = in_time(DB::ANSWER, all(held.connection()?, query)).await;
    let result = trust.learn_from(held.heard(answer));
    if is_good(&result) {
        held.give_back();
    }
    result
}

/// The parameters of a connection to this server. None of them is a startup parameter that a pooler refuses.
pub(super) fn postgres_options(url: &Secret) -> Result<PgConnectOptions, sqlx::Error> {
    // Latchkey stores no floating-point numbers, and PgBouncer refuses to be asked for their digits.
    let options = PgConnectOptions::from_str(url.expose())?.extra_float_digits(None);
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("latchkey"),
    })
}

/// What every new connection to PostgreSQL is told.
pub(super) async fn set_up(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let told = in_time(CHECK, execute(connection, (&SESSION).into())).await;
    told.unwrap_or_else(|| Err(silent())).map(|_| ())
}

impl Connections {
    /// Opens the database for a server. On SQLite a missing file is created.
    pub(super) async fn to_serve(database: &Database) -> Result<Self, OpenError> {
        Self::open(database, true).await
    }

    /// Opens the database to write beside a server. On SQLite the file must exist.
    pub(super) async fn to_write_beside(database: &Database) -> Result<Self, OpenError> {
        Self::open(database, false).await
    }

    /// Opens the database to read beside a server.
    pub(super) async fn to_read_beside(database: &Database) -> Result<Self, OpenError> {
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
            Database::Postgres(server) => {
                keeps_sessions(server).await?;
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(LOOK_WAITS)
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            set_up(&mut *connection).await?;
                            // Not a startup parameter: poolers refuse those.
                            let told =
                                in_time(CHECK, execute(connection, (&LOOKS_ONLY).into())).await;
                            told.unwrap_or_else(|| Err(silent())).map(|_| ())
                        })
                    });
                let options = postgres_options(&server.url)?;
                Pool::Postgres(pool.connect_with(options).await?)
            }
        };
        Ok(Self::of(pool, Trust::default()))
    }

    async fn open(database: &Database, create: bool) -> Result<Self, OpenError> {
        let trust = Trust::default();
        let pool = match database {
            Database::Sqlite(file) => Pool::Sqlite(sqlite(file, create, trust.clone()).await?),
            Database::Postgres(server) => {
                keeps_sessions(server).await?;
                Pool::Postgres(postgres(server, trust.clone()).await?)
            }
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

    /// Runs a call on a connection that was taken out of the pool. None if it failed or was not answered in
    /// time, and the connection should be dropped.
    pub(super) async fn check<T>(
        &self,
        asked: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Option<T> {
        match in_time(CHECK, asked).await {
            Some(answer) => answer.ok(),
            None => {
                self.trust.lose();
                None
            }
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

    /// The span of work in the database, for a collector of traces.
    pub(super) fn span(&self, name: &'static str) -> tracing::Span {
        let kind = match self.pool {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres(_) => "postgresql",
        };
        tracing::info_span!(
            target: spans::TARGET,
            "database",
            otel.name = name,
            otel.kind = "client",
            db.system.name = kind,
        )
    }

    /// Runs a single statement. Returns how many rows it changed.
    pub(super) async fn execute(&self, query: impl Into<Query<'_>>) -> Result<u64, sqlx::Error> {
        let (query, span) = (query.into(), self.span("statement"));
        match &self.pool {
            Pool::Sqlite(pool) => execute_in(pool, &self.trust, query).instrument(span).await,
            Pool::Postgres(pool) => execute_in(pool, &self.trust, query).instrument(span).await,
        }
    }

    /// The row that a statement returns, if any.
    pub(super) async fn optional<R: Readable>(
        &self,
        query: impl Into<Query<'_>>,
    ) -> Result<Option<R>, sqlx::Error> {
        let (query, span) = (query.into(), self.span("statement"));
        match &self.pool {
            Pool::Sqlite(pool) => optional_in(pool, &self.trust, query).instrument(span).await,
            Pool::Postgres(pool) => optional_in(pool, &self.trust, query).instrument(span).await,
        }
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
        let (query, span) = (query.into(), self.span("statement"));
        match &self.pool {
            Pool::Sqlite(pool) => all_in(pool, &self.trust, query).instrument(span).await,
            Pool::Postgres(pool) => all_in(pool, &self.trust, query).instrument(span).await,
        }
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
        // Each has a thread of this process, which does not go away as a server does.
        .test_before_acquire(false)
        .acquire_timeout(FREE_SQLITE)
        .before_acquire(move |connection, metadata| {
            let good = !connection.is_in_transaction() && trust.covers(&metadata);
            Box::pin(async move { Ok(good) })
        })
        .connect_with(options)
        .await
}

async fn postgres(server: &Server, trust: Trust) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        // The sign of life has a connection of its own.
        .max_connections(server.connections.saturating_sub(1).max(1))
        .acquire_timeout(FREE_POSTGRES)
        // The check below costs as much as a ping: one round trip.
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let trust = trust.clone();
            Box::pin(async move {
                if connection.is_in_transaction() || !trust.covers(&metadata) {
                    return Ok(false);
                }
                let asked = optional::<String, _>(&mut *connection, (&READ_ONLY).into());
                let Some(answer) = in_time(CHECK, asked).await else {
                    trust.lose();
                    return Ok(false);
                };
                Ok(answer?.as_deref() == Some("off"))
            })
        })
        .after_connect(|connection, _| Box::pin(set_up(connection)))
        .connect_with(postgres_options(&server.url)?)
        .await
}
