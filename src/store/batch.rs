//! Group commit: writes of renewals that wait at the same moment are made in one transaction.
//!
//! Each step of a renewal must be on disk before the next begins, so each caller waits for its write. A
//! transaction costs about the same for one write as for fifty, and while one is under way others come
//! to wait; they are the next. Nobody waits for company: with little to do, each write has a transaction
//! of its own.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{LinkId, Revocation};

use super::cleanup::{NewCleanup, Owner, Wait};
use super::{Pool, Store, sql};

/// Writes in one transaction, at most: enough to share its cost, few enough that it stays short.
const TOGETHER: usize = 64;
/// How many rows statements are prepared for. What is in between is filled up.
const PREPARED: [usize; 4] = [1, 4, 16, 64];
/// Transactions at the same time. SQLite has one writer; on PostgreSQL one may write its rows while
/// another waits for the disk.
const AT_ONCE_SQLITE: usize = 1;
const AT_ONCE_POSTGRES: usize = 2;

/// A write about one link. What each does is said where it is asked for, in `renewal.rs`.
pub(super) enum Write {
    Intend(Intend),
    Commit(Commit),
    Published(Published),
    PutOff(PutOff),
}

pub(super) struct Intend {
    pub(super) claim: String,
    pub(super) generation: i64,
    pub(super) now: Seconds,
    pub(super) lease_until: Seconds,
    /// As the one that may ask the service while all others wait.
    pub(super) probing: bool,
}

pub(super) struct Commit {
    pub(super) owner: Owner,
    pub(super) claimed: i64,
    pub(super) credential: String,
    pub(super) generation: i64,
    pub(super) key_expires_at: Option<Seconds>,
    pub(super) consent_ends_at: Option<Seconds>,
    pub(super) refresh_ends_at: Option<Seconds>,
}

pub(super) struct Published {
    pub(super) generation: i64,
    /// None when it stands there as it was committed.
    pub(super) credential: Option<String>,
    pub(super) expires_at: Seconds,
    pub(super) refresh_ends_at: Option<Seconds>,
    pub(super) now: Seconds,
    pub(super) due_at: Seconds,
    pub(super) put_again: i64,
    pub(super) owner: Owner,
    pub(super) retiring: Vec<Revocation>,
}

pub(super) struct PutOff {
    pub(super) claim: String,
    pub(super) generation: i64,
    pub(super) due_at: Seconds,
    pub(super) failed: bool,
    pub(super) settled: bool,
}

struct Waiting {
    link: String,
    write: Write,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// Where writes wait. It ends with its last clone.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    /// Starts writing to `store`.
    pub(super) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(TOGETHER);
        tokio::spawn(write_all(store, receiver));
        Self(sender)
    }

    async fn write(&self, link: &str, write: Write) -> Result<bool, Error> {
        let gone = || Error::Internal("a write was dropped".to_owned());
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            link: link.to_owned(),
            write,
            answer,
        };
        self.0.send(waiting).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn write_all(store: Store, mut receiver: mpsc::Receiver<Waiting>) {
    let at_once = Arc::new(Semaphore::new(match store.pool {
        Pool::Sqlite(_) => AT_ONCE_SQLITE,
        Pool::Postgres(_) => AT_ONCE_POSTGRES,
    }));
    let mut next = receiver.recv().await;
    while let Some(first) = next.take() {
        // Before looking who else waits: they gather while all transactions are under way.
        let Ok(permit) = at_once.clone().acquire_owned().await else {
            return;
        };
        let mut links = HashSet::from([first.link.clone()]);
        let mut batch = vec![first];
        while batch.len() < TOGETHER
            && let Ok(waiting) = receiver.try_recv()
        {
            // A statement about many rows changes each once: what else there is about a link comes after.
            if links.insert(waiting.link.clone()) {
                batch.push(waiting);
            } else {
                next = Some(waiting);
                break;
            }
        }
        let store = store.clone();
        // A task of its own, so that a panic ends these writes and not all that follow.
        tokio::spawn(async move {
            settle(&store, batch).await;
            drop(permit);
        });
        if next.is_none() {
            next = receiver.recv().await;
        }
    }
}

/// Makes these writes and answers each. When they cannot be made together, each is tried by itself, so
/// that none fails for another's sake; unless the database is away, which is so for all of them.
async fn settle(store: &Store, batch: Vec<Waiting>) {
    let mut away = match store.write_together(&batch).await {
        Ok(Some(found)) => {
            for Waiting { link, answer, .. } in batch {
                answer.send(Ok(found.contains(&link))).ok();
            }
            return;
        }
        Ok(None) => false,
        Err(error) => {
            let away = matches!(error, Error::Unavailable(_));
            tracing::warn!(%error, writes = batch.len(), "writes could not be made");
            away
        }
    };
    for waiting in batch {
        let result = if away {
            Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
        } else {
            let found = store.write_together(std::slice::from_ref(&waiting)).await;
            away = matches!(found, Err(Error::Unavailable(_)));
            found.map(|found| found.is_some_and(|found| found.contains(&waiting.link)))
        };
        waiting.answer.send(result).ok();
    }
}

/// Runs a statement about these rows, and adds the links whose rows it found to a set.
macro_rules! about_many {
    ($tx:expr, $found:expr, $many:expr, $rows:expr, |$query:ident, $link:ident, $row:ident| $bound:expr) => {{
        let rows = $rows;
        if let Some(last) = rows.last().copied() {
            let size = PREPARED
                .into_iter()
                .find(|size| *size >= rows.len())
                .unwrap_or(rows.len());
            let mut $query = sqlx::query_scalar::<_, String>(AssertSqlSafe($many.text(size)));
            // The last one again is nothing done twice: each row is changed once.
            let filled = rows
                .iter()
                .copied()
                .chain(std::iter::repeat(last))
                .take(size);
            for ($link, $row) in filled {
                $query = $bound;
            }
            $found.extend($query.fetch_all(&mut *$tx).await?);
        }
    }};
}

impl Store {
    /// Makes a write about a link, perhaps together with others, and says whether it found its row. Then
    /// it is on disk.
    pub(super) async fn write(&self, link: &LinkId, write: Write) -> Result<bool, Error> {
        match &self.writer {
            Some(writer) => writer.write(link.as_str(), write).await,
            None => Err(Error::Internal("there is no writer".to_owned())),
        }
    }

    /// Makes these writes, each about another link, in one transaction. Says whose rows were found. None
    /// when the row of a new generation was not: then nothing was written.
    async fn write_together(&self, batch: &[Waiting]) -> Result<Option<HashSet<String>>, Error> {
        let (mut intents, mut commits, mut published, mut put_off) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Waiting { link, write, .. } in batch {
            let link = link.as_str();
            match write {
                Write::Intend(row) => intents.push((link, row)),
                Write::Commit(row) => commits.push((link, row)),
                Write::Published(row) => published.push((link, row)),
                Write::PutOff(row) => put_off.push((link, row)),
            }
        }
        let reached: Vec<_> = commits
            .iter()
            .copied()
            .filter(|(_, row)| row.generation > row.claimed)
            .collect();
        Ok(transaction!(self, tx => {
            let mut found = HashSet::new();
            // How far these links have come, before anything about the links themselves.
            let mut counted = HashSet::new();
            about_many!(tx, counted, sql::GENERATIONS_REACHED, reached.as_slice(), |query, _link, row| query
                .bind(&row.owner.client_key)
                .bind(&row.owner.account_id)
                .bind(row.generation));
            about_many!(tx, found, sql::INTENT, intents, |query, link, row| query
                .bind(link)
                .bind(row.now)
                .bind(row.lease_until)
                .bind(row.generation)
                .bind(&row.claim)
                .bind(row.probing));
            about_many!(tx, found, sql::COMMIT, commits, |query, link, row| query
                .bind(link)
                .bind(row.claimed)
                .bind(&row.credential)
                .bind(row.generation)
                .bind(row.key_expires_at)
                .bind(row.consent_ends_at)
                .bind(row.refresh_ends_at));
            if !reached.iter().all(|(link, _)| found.contains(*link)) {
                // The link that lives now has not come that far: the transaction is rolled back.
                return Ok(None);
            }
            about_many!(tx, found, sql::RECORD_PUBLISHED, published.as_slice(), |query, link, row| query
                .bind(link)
                .bind(row.generation)
                .bind(&row.credential)
                .bind(row.expires_at)
                .bind(row.now)
                .bind(row.due_at)
                .bind(row.put_again)
                .bind(row.refresh_ends_at));
            about_many!(tx, found, sql::PUT_OFF, put_off, |query, link, row| query
                .bind(link)
                .bind(row.generation)
                .bind(&row.claim)
                .bind(row.due_at)
                .bind(i64::from(row.failed))
                .bind(row.settled));
            for (link, row) in published {
                let owner = &row.owner;
                if found.contains(link) {
                    add_revocation!(self, tx, owner, row.retiring.iter().cloned(), row.now);
                } else {
                    take_back!(self, tx, owner, row.now);
                }
            }
            Some(found)
        }))
    }
}
