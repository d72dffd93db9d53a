//! Migrates the database, and compares its tables with what this program expects.

use sqlx::migrate::{MigrateError, Migrator};

use super::connections::{Connections, Pool};
use super::statement::statements;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

statements! {
    MIGRATIONS_DONE = "select version, checksum, success from _sqlx_migrations";
}

/// How the tables compare with what this program expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// They are the same.
    Current,
    /// So many migrations have not been run; in an empty database, all of them.
    Behind(usize),
    /// A newer program has migrated them.
    Ahead,
    /// A migration did not finish.
    Unfinished,
    /// The migration of this number differs from the one that this program knows.
    Unknown(i64),
}

impl Connections {
    /// Runs the migrations that have not been run. On PostgreSQL sqlx takes an advisory lock, so replicas
    /// that start together take turns.
    pub(super) async fn migrate(&self) -> Result<(), MigrateError> {
        match &self.pool {
            Pool::Sqlite(pool) => MIGRATIONS.run(pool).await,
            Pool::Postgres(pool) => MIGRATIONS.run(pool).await,
        }
    }

    /// Compares the tables with what this program expects.
    pub(super) async fn schema(&self) -> Result<Schema, sqlx::Error> {
        let done = match self.all::<(i64, Vec<u8>, bool)>(&MIGRATIONS_DONE).await {
            // There is no such table: the database was never migrated.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("1" | "42P01")) =>
            {
                Vec::new()
            }
            done => done?,
        };
        let newer = |version: i64| {
            MIGRATIONS
                .iter()
                .all(|migration| migration.version != version)
        };
        if done.iter().any(|(version, ..)| newer(*version)) {
            return Ok(Schema::Ahead);
        }
        let mut missing = 0;
        for migration in MIGRATIONS.iter() {
            match done
                .iter()
                .find(|(version, ..)| *version == migration.version)
            {
                Some((_, _, false)) => return Ok(Schema::Unfinished),
                Some((_, checksum, true)) if *checksum != *migration.checksum => {
                    return Ok(Schema::Unknown(migration.version));
                }
                Some(_) => {}
                None => missing += 1,
            }
        }
        Ok(match missing {
            0 => Schema::Current,
            missing => Schema::Behind(missing),
        })
    }
}
