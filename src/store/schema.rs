//! Migrates the database, and compares its tables with what this program expects.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, interval, sleep};

use super::OpenError;
use super::connections::{Connections, Pool, execute, in_time, optional, readable_rows};
use super::migrations::MIGRATIONS;
use super::statement::statements;

/// How long all migrations may take, and how long they may wait for locks of others.
const MIGRATING: Duration = Duration::from_secs(3600);
const WAITING: Duration = Duration::from_secs(300);
/// How often it is looked who is in the way, and for how long the others go first after a lock timeout.
const LOOK: Duration = Duration::from_millis(500);
const AFTER_YOU: Duration = Duration::from_secs(1);

statements! {
    /// A migration may take its time, but a statement of others that waits behind it for the same lock must not:
    /// it gives up its place soon and tries again.
    MIGRATION_LIMITS = postgres("select set_config('statement_timeout', '0', false), \
        set_config('lock_timeout', '3s', false)");
    MIGRATION_PROCESS = postgres("select cast(pg_backend_pid() as bigint)");
    /// Who holds a lock that this process waits for.
    IN_THE_WAY = postgres("select cast(pid as bigint) as pid, coalesce(application_name, '') as program, \
        coalesce(state, '') as state from pg_stat_activity \
        where pid = any(pg_blocking_pids(cast($1 as integer))) order by pid limit 1");
    MIGRATIONS_DONE = "select version, description, checksum, success from _sqlx_migrations";
}

/// How the name of a migration begins that takes away what the version before it needs. All others only add, so that
/// the version before goes on, and can be started, while replicas are replaced one by one.
const TAKES_AWAY: &str = "contract ";

/// How the tables compare with what this program expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// They are the same.
    Current,
    /// So many migrations have not been run; in an empty database, all of them.
    Behind(usize),
    /// A newer program has added to them, and this one can work beside it.
    Wider,
    /// A newer program has taken something away that this one needs.
    Ahead,
    /// A migration did not finish.
    Unfinished,
    /// The migration of this number differs from the one that this program knows.
    Unknown(i64),
}

/// A migration that was run, or begun.
#[derive(sqlx::FromRow)]
struct Done {
    version: i64,
    description: String,
    checksum: Vec<u8>,
    success: bool,
}

#[derive(sqlx::FromRow)]
struct InTheWay {
    pid: i64,
    program: String,
    state: String,
}

readable_rows!(Done, InTheWay);

impl InTheWay {
    fn words(&self) -> String {
        let Self {
            pid,
            program,
            state,
        } = self;
        format!("process {pid} of PostgreSQL ({program}, {state})")
    }
}

/// Whether a lock could not be had in time.
fn is_lock_timeout(error: &MigrateError) -> bool {
    code_of(error).as_deref() == Some("55P03")
}

fn code_of(error: &MigrateError) -> Option<String> {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return None;
    };
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

impl Connections {
    /// Runs the migrations that have not been run. A database that needs none is only read, so the role needs
    /// no right to create. On PostgreSQL sqlx takes an advisory lock, so replicas that start together take
    /// turns.
    pub(super) async fn migrate(&self) -> Result<(), OpenError> {
        match self.schema().await? {
            Schema::Current => return Ok(()),
            Schema::Wider => {
                tracing::warn!(
                    "a newer version of latchkey has migrated the database: this one works beside it, and is to be replaced soon"
                );
                return Ok(());
            }
            Schema::Ahead => return Err(OpenError::Newer),
            Schema::Behind(_) | Schema::Unfinished | Schema::Unknown(_) => {}
        }
        let migrated = in_time(MIGRATING, async {
            match &self.pool {
                Pool::Sqlite(pool) => Ok(MIGRATIONS.run(pool).await?),
                Pool::Postgres(_) => self.migrate_behind_others().await,
            }
        });
        migrated.await.unwrap_or(Err(OpenError::MigrationTooLong))
    }

    /// Tries again while others hold locks that the migrations need, and says who does.
    async fn migrate_behind_others(&self) -> Result<(), OpenError> {
        let begun = Instant::now();
        loop {
            let Some(mut connection) = self.detached().await? else {
                return Ok(());
            };
            let mut in_the_way = None;
            let tried = self.try_to_migrate(&mut connection, &mut in_the_way).await;
            // With it goes sqlx's lock, which a failed migration keeps.
            in_time(AFTER_YOU, connection.close()).await;
            let error = match tried {
                Err(OpenError::Migration(error)) => error,
                done => return done,
            };
            let who = in_the_way.unwrap_or_else(|| "another session".to_owned());
            if code_of(&error).as_deref() == Some("42501") {
                return Err(OpenError::MayNotCreate);
            }
            if !is_lock_timeout(&error) {
                return Err(error.into());
            }
            if begun.elapsed() > WAITING {
                return Err(OpenError::Locked(who));
            }
            tracing::warn!(
                "the migration waits for a lock that {who} holds; it tries again, and goes on when that transaction ends"
            );
            sleep(AFTER_YOU).await;
        }
    }

    async fn try_to_migrate(
        &self,
        connection: &mut PgConnection,
        in_the_way: &mut Option<String>,
    ) -> Result<(), OpenError> {
        execute(&mut *connection, (&MIGRATION_LIMITS).into()).await?;
        let process: Option<i64> = optional(&mut *connection, (&MIGRATION_PROCESS).into()).await?;
        let mut migrating = std::pin::pin!(MIGRATIONS.run_direct(None, connection, false));
        let mut looks = interval(LOOK);
        loop {
            tokio::select! {
                migrated = &mut migrating => return Ok(migrated?),
                _ = looks.tick() => {
                    let asked = IN_THE_WAY.bind(process);
                    if let Ok(Some(found)) = self.optional::<InTheWay>(asked).await {
                        *in_the_way = Some(found.words());
                    }
                }
            }
        }
    }

    /// Compares the tables with what this program expects.
    pub(super) async fn schema(&self) -> Result<Schema, sqlx::Error> {
        let done = match self.all::<Done>(&MIGRATIONS_DONE).await {
            // There is no such table: the database was never migrated.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("1" | "42P01")) =>
            {
                Vec::new()
            }
            done => done?,
        };
        let mut newer = done
            .iter()
            .filter(|done| !MIGRATIONS.version_exists(done.version))
            .peekable();
        let is_wider = newer.peek().is_some();
        if newer.any(|done| done.description.starts_with(TAKES_AWAY)) {
            return Ok(Schema::Ahead);
        }
        let mut missing = 0;
        for migration in MIGRATIONS.iter() {
            match done.iter().find(|done| done.version == migration.version) {
                Some(done) if !done.success => return Ok(Schema::Unfinished),
                Some(done) if *done.checksum != *migration.checksum => {
                    return Ok(Schema::Unknown(migration.version));
                }
                Some(_) => {}
                None => missing += 1,
            }
        }
        Ok(match missing {
            0 if is_wider => Schema::Wider,
            0 => Schema::Current,
            // Versions are given in order, so this is no older version of that database.
            _ if is_wider => Schema::Ahead,
            missing => Schema::Behind(missing),
        })
    }
}
