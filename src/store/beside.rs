//! Looking at the database beside a server that uses it: nothing is migrated, locked or written.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::error::Error;
use crate::model::AsideReason;
use crate::random::Random;
use crate::sites::Sites;
use crate::vault::Vault;

use super::rows::TenantRow;
use super::{Database, MIGRATIONS, OpenError, Pool, Store, sql};

/// How many sites are looked at with one statement.
const SITES_AT_ONCE: i64 = 1000;

/// How the tables stand to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// They are what it expects.
    Current,
    /// So many migrations are still to be run; all of them in an empty database.
    Behind(usize),
    /// A newer program has migrated them.
    Ahead,
    /// A migration did not end, or is not the one that this program knows by its number.
    Broken,
}

impl Store {
    /// Opens the database to look at it.
    ///
    /// # Errors
    /// When it cannot be opened, as when it is not there.
    pub async fn beside(
        database: &Database,
        vault: Vault,
        random: Random,
        sites: Sites,
    ) -> Result<Self, OpenError> {
        let patience = Duration::from_secs(5);
        let pool = match database {
            Database::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(false)
                    .read_only(true)
                    .busy_timeout(patience);
                let pool = SqlitePoolOptions::new().max_connections(1);
                Pool::Sqlite(pool.acquire_timeout(patience).connect_with(options).await?)
            }
            Database::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.expose())?
                    .options([("default_transaction_read_only", "on")]);
                let pool = PgPoolOptions::new().max_connections(1);
                Pool::Postgres(pool.acquire_timeout(patience).connect_with(options).await?)
            }
        };
        Ok(Self {
            pool,
            vault,
            random,
            sites,
            writing: Arc::default(),
            trust: super::Trust::default(),
            written: super::health::Written::default(),
            writer: None,
            _alone: None,
        })
    }

    /// Whether the tables are what this program expects.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn schema(&self) -> Result<Schema, Error> {
        let done: Result<Vec<(i64, Vec<u8>, bool)>, sqlx::Error> =
            on!(self, pool => sqlx::query_as(sql::MIGRATIONS_DONE).fetch_all(pool).await);
        let done = match done {
            Ok(done) => done,
            // There is no such table: nothing was ever migrated here.
            Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("1" | "42P01")) =>
            {
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        let mut missing = 0;
        for known in MIGRATIONS.iter() {
            match done.iter().find(|(version, ..)| *version == known.version) {
                Some((_, checksum, true)) if *checksum == *known.checksum => {}
                Some(_) => return Ok(Schema::Broken),
                None => missing += 1,
            }
        }
        let newer = |version: &i64| MIGRATIONS.iter().all(|known| known.version != *version);
        Ok(match missing {
            _ if done.iter().any(|(version, ..)| newer(version)) => Schema::Ahead,
            0 if self.is_resealed().await? => Schema::Current,
            // What comes after the last of them.
            0 => Schema::Behind(1),
            missing => Schema::Behind(missing),
        })
    }

    /// Opens what is sealed of some tenants, `most` of them. Says how many there were, and the names of
    /// those whose keys do not open.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn open_some_tenants(&self, most: i64) -> Result<(usize, Vec<String>), Error> {
        let rows = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANTS_SOME)
            .bind(most)
            .fetch_all(pool)
            .await)?;
        let count = rows.len();
        let broken = rows.into_iter().filter_map(|row| {
            let name = row.base_url.clone();
            match self.open_tenant(row) {
                Err(AsideReason::SiteNotAllowed) | Ok(_) => None,
                Err(_) => Some(name),
            }
        });
        Ok((count, broken.collect()))
    }

    /// Base URLs of installed tenants that are not of an allowed host.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sites_not_allowed(&self) -> Result<Vec<String>, Error> {
        let (mut left_out, mut after) = (Vec::new(), String::new());
        loop {
            let page: Vec<(String, String)> = on!(self, pool => sqlx::query_as(sql::TENANT_SITES)
                .bind(&after)
                .bind(SITES_AT_ONCE)
                .fetch_all(pool)
                .await)?;
            let Some((last, _)) = page.last() else {
                return Ok(left_out);
            };
            after.clone_from(last);
            let sites = page.into_iter().map(|(_, base_url)| base_url);
            left_out.extend(sites.filter(|base_url| !self.serves(base_url)));
        }
    }
}
