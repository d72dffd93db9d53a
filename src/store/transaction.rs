//! Transactions on either database.
//!
//! A connection is used again only if its transaction ended as intended. sqlx lowers its count of
//! transactions only when a rollback succeeds, and SQLite may have rolled back by itself, for instance when
//! the disk is full: such a connection never begins another. A connection opened while the database was
//! read-only, at PostgreSQL after a failover, may never be able to write. In the pool it would fail until a
//! restart, so it is closed and another is opened.

use std::time::Duration;

use sqlx::{Connection as _, Postgres, Sqlite};
use tracing::Instrument as _;

use crate::error::Error;

use super::connections::{
    Connections, Engine, Held, Pool, Readable, all, execute, in_time, optional,
};
use super::statement::{Dialect, Query};

/// How a transaction ends.
pub(super) enum Finish<T> {
    /// Its writes are kept.
    Commit(T),
    /// Its writes are discarded.
    RollBack(T),
}

/// A transaction in progress.
pub(super) enum Transaction<'c> {
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    Postgres(sqlx::Transaction<'c, Postgres>),
}

/// How long a transaction waits for the others of this process to end, on SQLite.
const TURN: Duration = Duration::from_secs(15);

impl Connections {
    /// Runs `body` in a transaction, which ends as the body says. An error rolls it back.
    pub(super) async fn transaction<T>(
        &self,
        body: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<Finish<T>, Error>,
    ) -> Result<T, Error> {
        let span = self.span("transaction");
        self.transact(body).instrument(span).await
    }

    async fn transact<T>(
        &self,
        body: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<Finish<T>, Error>,
    ) -> Result<T, Error> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                // SQLite has one write lock. A connection that waits for it polls at intervals and may starve
                // while others keep writing, so transactions of this process queue here.
                let turn = in_time(TURN, self.writing.lock()).await;
                let _turn = turn.ok_or(sqlx::Error::PoolTimedOut)?;
                let mut held = Held::take(pool, &self.trust).await?;
                let connection = held.connection()?;
                let answer = in_time(Sqlite::ANSWER, async move {
                    // An immediate transaction takes the write lock at once; a deferred one could fail
                    // halfway with "database is locked".
                    let begun = connection.begin_with("begin immediate").await?;
                    finish(Transaction::Sqlite(begun), body).await
                });
                let answer = answer.await;
                let (value, good) = held.heard(answer)?;
                if good {
                    held.give_back();
                }
                Ok(value)
            }
            Pool::Postgres(pool) => {
                let mut held = Held::take(pool, &self.trust).await?;
                let connection = held.connection()?;
                let answer = in_time(Postgres::ANSWER, async move {
                    let begun = connection.begin().await?;
                    finish(Transaction::Postgres(begun), body).await
                });
                let answer = answer.await;
                let (value, good) = held.heard(answer)?;
                if good {
                    held.give_back();
                }
                Ok(value)
            }
        }
    }
}

/// The body's result, and whether the connection may be used again.
async fn finish<T>(
    mut transaction: Transaction<'_>,
    body: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<Finish<T>, Error>,
) -> Result<(T, bool), Error> {
    match body(&mut transaction).await? {
        Finish::Commit(value) => {
            transaction.commit().await?;
            Ok((value, true))
        }
        // If the rollback fails, the connection is closed, which rolls back too.
        Finish::RollBack(value) => Ok((value, transaction.roll_back().await.is_ok())),
    }
}

impl Transaction<'_> {
    /// The database that it runs on.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    async fn roll_back(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }

    /// Runs a statement. Returns how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        query: impl Into<Query<'_>>,
    ) -> Result<u64, sqlx::Error> {
        let query = query.into();
        match self {
            Self::Sqlite(transaction) => execute(&mut **transaction, query).await,
            Self::Postgres(transaction) => execute(&mut **transaction, query).await,
        }
    }

    /// The row that a statement returns, if any.
    pub(super) async fn optional<R: Readable>(
        &mut self,
        query: impl Into<Query<'_>>,
    ) -> Result<Option<R>, sqlx::Error> {
        let query = query.into();
        match self {
            Self::Sqlite(transaction) => optional(&mut **transaction, query).await,
            Self::Postgres(transaction) => optional(&mut **transaction, query).await,
        }
    }

    /// The row that a statement returns.
    pub(super) async fn one<R: Readable>(
        &mut self,
        query: impl Into<Query<'_>>,
    ) -> Result<R, sqlx::Error> {
        self.optional(query).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Every row that a statement returns.
    pub(super) async fn all<R: Readable>(
        &mut self,
        query: impl Into<Query<'_>>,
    ) -> Result<Vec<R>, sqlx::Error> {
        let query = query.into();
        match self {
            Self::Sqlite(transaction) => all(&mut **transaction, query).await,
            Self::Postgres(transaction) => all(&mut **transaction, query).await,
        }
    }
}
