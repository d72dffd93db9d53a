//! Which connections are used again, and whether anything can be written.
//!
//! A connection may be of no use any more and still answer. sqlx lowers its count of transactions only when
//! a rollback succeeds, and SQLite may have rolled back by itself, as when the disk is full: such a connection
//! never begins another. One that was opened while only reading was possible, at PostgreSQL after a failover,
//! may never write. Kept in the pool, it would fail until a restart; so it is thrown away and another opened.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use tokio::time::Instant;

use crate::error::{Error, is_read_only};

use super::{Pool, Store, sql};

/// When the last try to write began, and whether it went well. The lock is held meanwhile, so that many who
/// ask at once share one.
pub(super) type Written = Arc<tokio::sync::Mutex<Option<(Instant, bool)>>>;

/// A connection that is thrown away unless it is said to be well.
pub(super) struct Held<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    well: bool,
}

impl<DB: sqlx::Database> Held<DB> {
    pub(super) fn new(connection: PoolConnection<DB>) -> Self {
        Self {
            connection,
            well: false,
        }
    }

    pub(super) fn connection(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }

    pub(super) fn is_well(&mut self) {
        self.well = true;
    }
}

impl<DB: sqlx::Database> Drop for Held<DB> {
    fn drop(&mut self) {
        if !self.well {
            self.connection.close_on_drop();
        }
    }
}

/// Up to when connections must have been opened not to be trusted any more. PostgreSQL is asked each time
/// instead; SQLite has no question for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Arc<Mutex<Option<Instant>>>);

impl Trust {
    /// Whether a connection was opened since the last that could only read.
    pub(super) fn covers(&self, metadata: &PoolConnectionMetadata) -> bool {
        let lost_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost_at.is_none_or(|at| metadata.age < at.elapsed())
    }

    pub(super) fn after(&self, done: &impl Done) {
        if done.error().is_some_and(is_read_only) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// What a statement or several end with.
pub(super) trait Done {
    fn error(&self) -> Option<&sqlx::Error> {
        None
    }
}

impl<T> Done for Result<T, sqlx::Error> {
    fn error(&self) -> Option<&sqlx::Error> {
        self.as_ref().err()
    }
}

// Where the body itself ends with the first error.
impl Done for () {}
impl Done for super::Figures {}

impl Store {
    /// Answers when something can be written, now. Those who ask while a write is under way share the next
    /// one, as anybody may ask.
    ///
    /// # Errors
    /// When nothing can be.
    pub async fn writes(&self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let mut written = self.written.lock().await;
        let shared = written.filter(|(began_at, _)| *began_at >= asked_at);
        let can = match shared {
            Some((_, can)) => can,
            None => {
                let began_at = Instant::now();
                let done = self.touch().await;
                if let Err(error) = &done {
                    tracing::warn!(%error, "nothing can be written");
                }
                *written = Some((began_at, done.is_ok()));
                done.is_ok()
            }
        };
        if can {
            Ok(())
        } else {
            Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
        }
    }

    async fn touch(&self) -> Result<(), Error> {
        transaction!(self, tx => {
            sqlx::query(sql::GATE_TOUCH).bind("jira").execute(&mut *tx).await?;
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::events::Events;
    use crate::random::Random;
    use crate::store::Database;
    use crate::vault::{SealingKey, Vault};

    async fn opened(directory: &tempfile::TempDir) -> Store {
        let key = SealingKey::new("k1".to_owned(), &[1; 32]).expect("a key");
        let events = Events::new(&prometheus::Registry::new(), Clock::system());
        let vault = Vault::new(vec![key], Random::system(), events);
        let file = directory.path().join("latchkey.db");
        let database = Database::Sqlite(file.display().to_string());
        let sites = crate::sites::Sites::default();
        Store::open(&database, vault, Random::system(), sites, 0)
            .await
            .expect("it opens")
    }

    /// All that stand in the pool can only read.
    async fn only_read(store: &Store) {
        let Pool::Sqlite(pool) = &store.pool else {
            unreachable!("it is SQLite");
        };
        let mut all = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            let mut connection = pool.acquire().await.expect("a connection");
            sqlx::query("pragma query_only = 1")
                .execute(&mut *connection)
                .await
                .expect("it can be told");
            all.push(connection);
        }
    }

    #[tokio::test]
    async fn f3_after_one_statement_that_may_only_read_no_old_connection_is_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = opened(&directory).await;
        only_read(&store).await;
        let refused = store.create_session("one", "data", 10).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        for id in ["two", "three", "four", "five"] {
            let created = store.create_session(id, "data", 10).await;
            assert!(matches!(created, Ok(true)), "{id}: {created:?}");
        }
    }

    #[tokio::test]
    async fn f3_a_connection_whose_transaction_failed_is_not_used_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = opened(&directory).await;
        only_read(&store).await;
        let mut refusals = 0;
        for _ in 0..20 {
            if let Err(error) = store.touch().await {
                assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
                refusals += 1;
            }
        }
        assert!(
            (1..=4).contains(&refusals),
            "{refusals} of four connections"
        );
        store.writes().await.expect("it is written");
    }

    /// As SQLite does it by itself where a disk is full: sqlx goes on counting a transaction.
    #[tokio::test]
    async fn f3_a_transaction_that_is_over_without_a_word_is_in_nobodys_way() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = opened(&directory).await;
        let over = async || -> Result<(), Error> {
            transaction!(store, tx => {
                sqlx::query("rollback").execute(&mut *tx).await?;
            });
            Ok(())
        };
        for _ in 0..5 {
            over().await.expect_err("there is nothing to commit");
        }
        store.writes().await.expect("it is written");
        assert_eq!(
            store.create_session("one", "data", 10).await.ok(),
            Some(true)
        );
    }
}
