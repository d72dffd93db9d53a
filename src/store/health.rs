//! Tests whether the database can be written.

use std::sync::Arc;

use tokio::time::Instant;

use crate::error::{Error, is_read_only};

use super::Store;
use super::gate::Gate;
use super::statement::statements;
use super::transaction::Finish;

statements! {
    /// Changes no value, but has to be written.
    GATE_TOUCH = "update gate set version = version where name = $1";
}

/// When the last test began, and why it failed if it did. The lock is held during the test, so that simultaneous
/// callers share one.
pub(super) type Written = Arc<tokio::sync::Mutex<Option<(Instant, Result<(), &'static str>)>>>;

impl Store {
    /// Tests a write. Callers that ask during a test share the next one, because `/readyz` needs no login.
    ///
    /// # Errors
    /// Why the database cannot be written, in words without a name or an address: anybody may read them.
    pub async fn writes(&self) -> Result<(), &'static str> {
        let asked_at = Instant::now();
        let mut written = self.written.lock().await;
        if let Some((began_at, result)) = *written
            && began_at >= asked_at
        {
            return result;
        }
        let began_at = Instant::now();
        let result = self.touch().await.map_err(|error| {
            tracing::debug!(%error, "the database cannot be written");
            reason(&error)
        });
        *written = Some((began_at, result));
        result
    }

    async fn touch(&self) -> Result<(), Error> {
        self.connections
            .transaction(async |tx| {
                tx.execute(GATE_TOUCH.bind(Gate::Jira.as_str())).await?;
                Ok(Finish::Commit(()))
            })
            .await
    }
}

fn reason(error: &Error) -> &'static str {
    let Error::Unavailable(error) = error else {
        return "it refuses to";
    };
    let code = error.as_database_error().and_then(|said| said.code());
    match error {
        sqlx::Error::PoolTimedOut => "no connection to it can be had",
        error if is_read_only(error) => "it is read-only",
        _ if code.is_some_and(|code| matches!(&*code, "53100" | "13")) => "its disk is full",
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => "it does not answer",
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => "it cannot be reached",
        _ => "it refuses to for now",
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::Pool;
    use super::super::statement::{Statement, StatementText};
    use super::*;
    use crate::clock::Clock;
    use crate::events::Events;
    use crate::random::Random;
    use crate::store::{Database, JiraWaits, Receiver};
    use crate::vault::{SealingKey, Vault};

    static ROLLBACK: Statement = Statement::new("ROLLBACK", StatementText::Same("rollback"));
    static IS_MARKED: Statement = Statement::new(
        "IS_MARKED",
        StatementText::Same("select count(*) from temp.sqlite_master where name = 'mark'"),
    );

    async fn opened(directory: &tempfile::TempDir) -> Store {
        let key = SealingKey::new("k1".to_owned(), &[1; 32]).expect("a key");
        let events = Events::new(&prometheus::Registry::new(), Clock::system());
        let vault = Vault::new(vec![key], Random::system(), events);
        let file = directory.path().join("latchkey.db");
        let database = Database::Sqlite(file.display().to_string());
        let sites = crate::sites::Sites::default();
        Store::open(
            &database,
            vault,
            Random::system(),
            sites,
            Receiver::default(),
            JiraWaits::HoldRenewals,
        )
        .await
        .expect("it opens")
    }

    /// Runs a statement on each connection of the pool.
    async fn on_each(store: &Store, statement: &'static str) {
        let Pool::Sqlite(pool) = &store.connections.pool else {
            unreachable!("it is SQLite");
        };
        let mut all = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            let mut connection = pool.acquire().await.expect("a connection");
            sqlx::query(statement)
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
        on_each(&store, "pragma query_only = 1").await;
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
        on_each(&store, "pragma query_only = 1").await;
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

    /// SQLite ends a transaction by itself when the disk is full, while sqlx still counts it.
    #[tokio::test]
    async fn f3_a_transaction_that_sqlite_ended_by_itself_blocks_no_later_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = opened(&directory).await;
        for _ in 0..5 {
            let over = store.connections.transaction(async |tx| {
                tx.execute(&ROLLBACK).await?;
                Ok(Finish::Commit(()))
            });
            over.await.expect_err("there is nothing to commit");
        }
        store.writes().await.expect("it is written");
        assert_eq!(
            store.create_session("one", "data", 10).await.ok(),
            Some(true)
        );
    }

    #[tokio::test]
    async fn a_rollback_that_is_meant_writes_nothing_and_keeps_its_connection() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = opened(&directory).await;
        on_each(&store, "create temporary table mark (it text)").await;
        for _ in 0..20 {
            let answer = store.connections.transaction(async |tx| {
                tx.execute(GATE_TOUCH.bind("jira")).await?;
                Ok(Finish::RollBack(tx.one::<i64>(&IS_MARKED).await?))
            });
            // A connection that was opened since has no such table.
            assert_eq!(answer.await.ok(), Some(1));
        }
        for _ in 0..20 {
            let failed = store.connections.transaction(async |tx| {
                tx.execute(GATE_TOUCH.bind("jira")).await?;
                Err::<Finish<()>, _>(Error::Internal("it failed".to_owned()))
            });
            failed.await.expect_err("it failed");
        }
        let answer = store.connections.one::<i64>(&IS_MARKED).await;
        assert_eq!(answer.ok(), Some(0), "all of them were closed");
    }
}
