//! Group commit: writes of renewals that wait at the same moment share one transaction.
//!
//! Each step of a renewal must be on disk before the next begins, so each caller waits for its write. A
//! transaction costs about the same for one write as for fifty. Writes that arrive during a transaction go
//! into the next one. No write waits for others to arrive: under low load, each has its own transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{Link, LinkId, Revocation, StateName};

use super::cleanup::Owner;
use super::connections::{Connections, Readable};
use super::late;
use super::renewal::InJira;
use super::sealer::Sealer;
use super::statement::{Dialect, Query, Statement, statements};
use super::transaction::{Finish, Transaction};

/// The most writes in one transaction: enough to share its cost, few enough to keep it short.
const TOGETHER: usize = 64;
/// Concurrent transactions. SQLite has one writer; on PostgreSQL one may write its rows while another waits
/// for the disk.
const AT_ONCE_SQLITE: usize = 1;
const AT_ONCE_POSTGRES: usize = 2;

/// Whether a token request may be sent. Link, now, generation, claim, whether it is the probe. Only before the lease
/// expires: a process that was suspended for longer finds no row and must not send. And only while the service's gate is
/// open, or as the probe.
macro_rules! may_send {
    () => {
        "link.id = v.column1 and link.generation = v.column3 and link.claim = v.column4 \
        and link.due_at > v.column2 and exists \
        (select 1 from tenant t where t.client_key = link.client_key and t.installed \
        and t.installation = link.installation) and (v.column5 or not exists \
        (select 1 from gate g where g.name = 'service' and g.opens_at > v.column2))"
    };
}

// The steps of a renewal. Each statement returns the ids of the links that it changed.
statements! {
    /// What [`may_send!`] takes, and end of the lease.
    INTENT = rows("update link set intent_at = v.column2, due_at = v.column6",
        [text bigint bigint text boolean bigint],
        concat!("where ", may_send!(), " returning id"));
    /// For a claim that is its own intent.
    STILL_INTENDED = rows("select link.id", [text bigint bigint text boolean],
        concat!("join link on ", may_send!()));
    /// Tenant, account, generation. Before the link in every transaction, like all statements that count
    /// generations.
    GENERATIONS_REACHED = rows("insert into link_generation (client_key, account_id, generation) \
        select distinct v.column1, v.column2, v.column3",
        [text text bigint],
        "where true on conflict (client_key, account_id) do update \
        set generation = excluded.generation where link_generation.generation < excluded.generation \
        returning account_id");
    /// Link, claimed generation, credential, its generation, expiry of its key, end of the consent, expiry of
    /// the refresh token if unused. Not bound to the claim: the service's answer is kept, however late it
    /// arrives.
    COMMIT = rows("update link set credential = v.column3, generation = v.column4, \
        key_expires_at = v.column5, consent_ends_at = v.column6, \
        first_end = case when v.column7 < published_expires_at then v.column7 else published_expires_at end, \
        intent_at = null, unsettled = false, \
        refusals = case when v.column5 is null then refusals else 0 end",
        [text bigint text bigint bigint bigint bigint],
        "where link.id = v.column1 and link.generation = v.column2 and exists \
        (select 1 from tenant t where t.client_key = link.client_key and t.installed \
        and t.installation = link.installation) returning id");
    /// Link, generation, credential or null to keep it, expiry of the key, now, next time, `put_again` as
    /// claimed, expiry of the refresh token if unused, fingerprint of the handle in Jira, whether Jira has just
    /// taken the property, whether it is to be put again. If it was asked to be put again since the claim,
    /// it is still to be put. A link that needs its person is made to work again by another statement. Only a
    /// write that Jira has taken shows that the person is there.
    RECORD_PUBLISHED = rows("update link set state = case when state = 'reconnect' then state else 'live' end, \
        reason = case when state = 'reconnect' then reason end, \
        credential = coalesce(v.column3, credential), published_generation = generation, \
        published_expires_at = v.column4, published_at = v.column5, \
        first_end = case when v.column8 < v.column4 then v.column8 else v.column4 end, \
        due_at = case when put_again = v.column7 then v.column6 else v.column5 end, \
        put_again = case when v.column11 and put_again = 0 then 1 \
            when put_again = v.column7 and not v.column11 then 0 else put_again end, \
        handle = v.column9, handle_generation = generation, \
        gone_since = case when v.column10 then null else gone_since end, \
        lacks_key = (v.column11 or put_again <> v.column7), \
        failures = 0, claims = 0, claim = null, claimed_by = null, \
        trouble = null, refusals = 0, refused_since = null, property_size = null",
        [text bigint text bigint bigint bigint bigint bigint text boolean boolean],
        "where link.id = v.column1 and link.generation = v.column2 returning id, state");
    /// Link, generation, claim, next time, failures to add, whether a token request of this claim has no outcome, what it
    /// met or null to keep what an earlier try met, when the service refused it after its key ran out or null.
    /// The first refusal counts, unless it came from a clock that was ahead.
    PUT_OFF = rows("update link set due_at = v.column4, failures = failures + v.column5, claims = 0, \
        claim = null, claimed_by = null, \
        unsettled = (unsettled or (v.column6 and intent_at is not null)), intent_at = null, \
        lacks_key = (published_generation < generation or put_again > 0), \
        trouble = coalesce(v.column7, trouble), \
        refusals = refusals + case when v.column8 is null then 0 else 1 end, \
        refused_since = case when v.column8 is null then refused_since \
            when refusals > 0 and refused_since <= v.column8 then refused_since else v.column8 end",
        [text bigint text bigint bigint boolean text bigint],
        "where link.id = v.column1 and link.generation = v.column2 and link.claim = v.column3 \
        returning id");
}

/// A write about one link. `renewal.rs` documents each.
pub(super) enum Write {
    /// Nothing is written if the claim is the intent already.
    Intend(Intend),
    Commit(Commit),
    RecordPublished(Box<RecordPublished>),
    PutOff(PutOff),
}

pub(super) struct Intend {
    pub(super) claim: String,
    pub(super) generation: i64,
    pub(super) now: Seconds,
    /// Until when the lease is renewed with the intent. None if the claim is the intent, and its lease is long enough.
    pub(super) lease_until: Option<Seconds>,
    /// Whether the claim is the probe that may send while the gate is closed to others.
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

pub(super) struct RecordPublished {
    pub(super) generation: i64,
    /// None if the row already holds it as it was committed.
    pub(super) credential: Option<String>,
    pub(super) expires_at: Seconds,
    pub(super) refresh_ends_at: Option<Seconds>,
    pub(super) now: Seconds,
    pub(super) due_at: Seconds,
    pub(super) put_again: i64,
    pub(super) in_jira: InJira,
    pub(super) owner: Owner,
    /// The link as it is then, and the base URL of its tenant.
    pub(super) link: Link,
    pub(super) site: String,
    pub(super) retiring: Vec<Revocation>,
}

pub(super) struct PutOff {
    pub(super) claim: String,
    pub(super) generation: i64,
    pub(super) due_at: Seconds,
    pub(super) failed: bool,
    /// Whether a token request of this claim has no outcome.
    pub(super) open: bool,
    /// What it met, if that is to be told.
    pub(super) trouble: Option<&'static str>,
    /// When the service refused it, if its key had run out by then.
    pub(super) refused_at: Option<Seconds>,
}

struct Waiting {
    link: String,
    write: Write,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// The queue of writes. Its task ends with its last clone.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Waiting>);

impl Writer {
    /// Starts the task that writes.
    pub(super) fn start(connections: Connections, sealer: Sealer) -> Self {
        let (sender, receiver) = mpsc::channel(TOGETHER);
        let batches = Batches {
            connections,
            sealer,
        };
        tokio::spawn(write_all(batches, receiver));
        Self(sender)
    }

    /// Makes a write about a link, perhaps together with others, and returns whether it found its row. The
    /// write is on disk then.
    pub(super) async fn write(&self, link: &LinkId, write: Write) -> Result<bool, Error> {
        let gone = || Error::Internal("a write was dropped".to_owned());
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            link: link.as_str().to_owned(),
            write,
            answer,
        };
        self.0.send(waiting).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Makes writes in shared transactions.
#[derive(Clone)]
struct Batches {
    connections: Connections,
    sealer: Sealer,
}

async fn write_all(batches: Batches, mut receiver: mpsc::Receiver<Waiting>) {
    let at_once = Arc::new(Semaphore::new(match batches.connections.dialect() {
        Dialect::Sqlite => AT_ONCE_SQLITE,
        Dialect::Postgres => AT_ONCE_POSTGRES,
    }));
    let mut next = receiver.recv().await;
    while let Some(first) = next.take() {
        // The permit comes first: while all transactions are in progress, further writes gather.
        let Ok(permit) = at_once.clone().acquire_owned().await else {
            return;
        };
        let mut links = HashSet::from([first.link.clone()]);
        let mut batch = vec![first];
        while batch.len() < TOGETHER
            && let Ok(waiting) = receiver.try_recv()
        {
            // A statement changes each row once, so a second write about the same link goes into a later
            // batch.
            if links.insert(waiting.link.clone()) {
                batch.push(waiting);
            } else {
                next = Some(waiting);
                break;
            }
        }
        let batches = batches.clone();
        // A separate task, so that a panic ends these writes only.
        tokio::spawn(async move {
            batches.write_batch(batch).await;
            drop(permit);
        });
        if next.is_none() {
            next = receiver.recv().await;
        }
    }
}

/// The id of a link, and the data that is written about it.
type ForLink<'q, T> = (&'q str, &'q T);

/// The writes of one batch by kind.
#[derive(Default)]
struct ByKind<'q> {
    intents: Vec<ForLink<'q, Intend>>,
    intended: Vec<ForLink<'q, Intend>>,
    commits: Vec<ForLink<'q, Commit>>,
    published: Vec<ForLink<'q, RecordPublished>>,
    put_off: Vec<ForLink<'q, PutOff>>,
}

impl<'q> ByKind<'q> {
    fn of(batch: &'q [Waiting]) -> Self {
        let mut sorted = Self::default();
        for Waiting { link, write, .. } in batch {
            let link = link.as_str();
            match write {
                Write::Intend(row) if row.lease_until.is_none() => {
                    sorted.intended.push((link, row));
                }
                Write::Intend(row) => sorted.intents.push((link, row)),
                Write::Commit(row) => sorted.commits.push((link, row)),
                Write::RecordPublished(row) => sorted.published.push((link, row.as_ref())),
                Write::PutOff(row) => sorted.put_off.push((link, row)),
            }
        }
        sorted
    }

    /// Commits of a new generation.
    fn reached(&self) -> Vec<ForLink<'q, Commit>> {
        let commits = self.commits.iter().copied();
        commits
            .filter(|(_, row)| row.generation > row.claimed)
            .collect()
    }
}

fn bind_intended<'q>(query: Query<'q>, (link, row): ForLink<'q, Intend>) -> Query<'q> {
    query
        .bind(link)
        .bind(row.now)
        .bind(row.generation)
        .bind(&row.claim)
        .bind(row.probing)
}

fn bind_intent<'q>(query: Query<'q>, (link, row): ForLink<'q, Intend>) -> Query<'q> {
    bind_intended(query, (link, row)).bind(row.lease_until)
}

fn bind_reached<'q>(query: Query<'q>, (_, row): ForLink<'q, Commit>) -> Query<'q> {
    query
        .bind(&row.owner.client_key)
        .bind(&row.owner.account_id)
        .bind(row.generation)
}

fn bind_commit<'q>(query: Query<'q>, (link, row): ForLink<'q, Commit>) -> Query<'q> {
    query
        .bind(link)
        .bind(row.claimed)
        .bind(&row.credential)
        .bind(row.generation)
        .bind(row.key_expires_at)
        .bind(row.consent_ends_at)
        .bind(row.refresh_ends_at)
}

fn bind_published<'q>(query: Query<'q>, (link, row): ForLink<'q, RecordPublished>) -> Query<'q> {
    query
        .bind(link)
        .bind(row.generation)
        .bind(&row.credential)
        .bind(row.expires_at)
        .bind(row.now)
        .bind(row.due_at)
        .bind(row.put_again)
        .bind(row.refresh_ends_at)
        .bind(row.in_jira.handle())
        .bind(row.in_jira.is_confirmed())
        .bind(row.in_jira.is_to_be_put_again())
}

fn bind_put_off<'q>(query: Query<'q>, (link, row): ForLink<'q, PutOff>) -> Query<'q> {
    query
        .bind(link)
        .bind(row.generation)
        .bind(&row.claim)
        .bind(row.due_at)
        .bind(i64::from(row.failed))
        .bind(row.open)
        .bind(row.trouble)
        .bind(row.refused_at)
}

/// Runs a statement about these rows and returns what it says of those that it found.
async fn about_many<'q, T, R: Readable>(
    tx: &mut Transaction<'_>,
    statement: &'static Statement,
    rows: &[ForLink<'q, T>],
    bind: fn(Query<'q>, ForLink<'q, T>) -> Query<'q>,
) -> Result<Vec<R>, Error> {
    let Some(query) = statement.about_all(tx.dialect(), rows, bind) else {
        return Ok(Vec::new());
    };
    Ok(tx.all(query).await?)
}

impl Batches {
    /// Makes these writes and answers each. If they fail together, each is tried by itself, so that none
    /// fails because of another; if the database is away, all fail.
    async fn write_batch(&self, batch: Vec<Waiting>) {
        let mut away = match self.write_together(&batch).await {
            Ok(Some(found)) => {
                for Waiting { link, answer, .. } in batch {
                    answer.send(Ok(found.contains(&link))).ok();
                }
                return;
            }
            Ok(None) => false,
            Err(error) => {
                let away = matches!(error, Error::Unavailable(_));
                tracing::warn!(%error, writes = batch.len(), "writes to the database failed");
                away
            }
        };
        for waiting in batch {
            let result = if away {
                Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
            } else {
                let found = self.write_together(std::slice::from_ref(&waiting)).await;
                away = matches!(found, Err(Error::Unavailable(_)));
                found.map(|found| found.is_some_and(|found| found.contains(&waiting.link)))
            };
            waiting.answer.send(result).ok();
        }
    }

    /// Makes these writes, each about another link, in one transaction. Returns the links that were found.
    /// None if the person's row of generations was not found for a new generation: then nothing was written.
    async fn write_together(&self, batch: &[Waiting]) -> Result<Option<HashSet<String>>, Error> {
        let rows = ByKind::of(batch);
        let reached = rows.reached();
        self.connections
            .transaction(async |tx| {
                let mut found = HashSet::new();
                // The generations that these links reach, before any write to the links themselves.
                about_many::<_, String>(tx, &GENERATIONS_REACHED, &reached, bind_reached).await?;
                found.extend(about_many(tx, &INTENT, &rows.intents, bind_intent).await?);
                found.extend(about_many(tx, &STILL_INTENDED, &rows.intended, bind_intended).await?);
                found.extend(about_many(tx, &COMMIT, &rows.commits, bind_commit).await?);
                if !reached.iter().all(|(link, _)| found.contains(*link)) {
                    // The person's current link has not reached that generation.
                    return Ok(Finish::RollBack(None));
                }
                let published = &rows.published;
                let recorded: HashMap<String, String> =
                    about_many(tx, &RECORD_PUBLISHED, published, bind_published)
                        .await?
                        .into_iter()
                        .collect();
                found.extend(about_many(tx, &PUT_OFF, &rows.put_off, bind_put_off).await?);
                for (link, row) in published {
                    let state = recorded.get(*link).map(String::as_str);
                    self.after_publishing(tx, row, state).await?;
                }
                found.extend(recorded.into_keys());
                Ok(Finish::Commit(Some(found)))
            })
            .await
    }

    /// Lists what was replaced to be revoked. `state` is that of the link's row; if it was not found, what was put must not
    /// stay in Jira.
    async fn after_publishing(
        &self,
        tx: &mut Transaction<'_>,
        row: &RecordPublished,
        state: Option<&str>,
    ) -> Result<(), Error> {
        let Some(state) = state else {
            if row.in_jira.may_have_been_written() {
                self.sealer.take_back(tx, &row.owner, row.now).await?;
            }
            if !row.in_jira.is_to_be_put_again() {
                late::no_late_write(tx, row.link.id.as_str()).await?;
            }
            return Ok(());
        };
        if state == StateName::Reconnect.as_str() {
            self.sealer
                .works_again(tx, &row.link, &row.site, row.now)
                .await?;
        }
        let retiring = row.retiring.clone();
        self.sealer
            .add_revocations(tx, &row.owner, retiring, row.now)
            .await?;
        Ok(())
    }
}
