//! Settling a renewal: the one place that writes, counts and reports its outcome.
//!
//! The steps of a renewal decide. Each step goes on or ends the renewal with a [`Decided`]: what is counted,
//! what is written, when the link is due again, and what the service's gate is told.

use std::fmt;
use std::time::Duration;

use crate::clock::Seconds;
use crate::error::Error;
use crate::gate::Closed;
use crate::meters::{self, Meters, Outcome};
use crate::model::{Actor, AsideReason, ClientKey, Credential, ReconnectReason};
use crate::moments::{Moment, reach};
use crate::parts::Parts;
use crate::service::News;
use crate::service::failures::RefreshError;
use crate::store::{Claim, Failure, GivenBack, InJira};

/// For how many seconds Jira must keep saying that a person is gone before that is believed.
const SAID_AGAIN: Seconds = 60;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 300;
/// After so many refusals since the key ran out, the person is asked.
const REFUSALS: i64 = 3;
/// For how long, in seconds, the service must have refused by then, unless a key lives shorter.
const REFUSED_FOR: Seconds = 3600;

/// A link that is being renewed: its claim, and its current credential.
pub(crate) struct Job {
    pub(crate) claim: Claim,
    pub(crate) credential: Credential,
}

/// A step goes on, or ends the renewal.
pub(crate) type Progress<T> = Result<T, Halt>;

/// Why a renewal ends before its last step.
pub(crate) enum Halt {
    /// Nothing more can be done now.
    Decided(Box<Decided>),
    /// The store is unavailable. The link is due again when the lease expires.
    Error(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Decided> for Halt {
    fn from(decided: Decided) -> Self {
        Self::Decided(Box::new(decided))
    }
}

/// The outcome of a renewal.
pub(crate) struct Decided {
    /// What is counted and logged. None if it was not a try.
    outcome: Option<Outcome>,
    why: Option<Why>,
    news: Option<News>,
    then: Then,
    /// Whether the service refused this link after its key had run out.
    refused: bool,
}

/// The cause, for the log.
enum Why {
    Refresh(RefreshError),
    Other(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refresh(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// What is written.
pub(crate) enum Then {
    /// Nothing: the claim is over.
    Nothing,
    /// The link is given back.
    Again(Due, GivenBack),
    /// The link is given back, and Jira may hold its newest key: a PUT had an unknown outcome.
    PerhapsPublished(Seconds),
    /// The link is set aside until this time.
    Aside(AsideReason, Seconds),
    /// The link is set aside until this time, because its property would have this many bytes.
    TooLarge(usize, Seconds),
    /// Only the person can bring the link back.
    Reconnect(ReconnectReason),
    /// Jira says that the person is gone.
    SaidGone,
    /// The link is gone: the tokens that the service gave are revoked.
    Discard(Box<Credential>),
    /// The newest key of this credential can be had: in Jira, or here where Jira holds a handle. The link is due
    /// again at this time.
    Published(Box<Credential>, InJira, Seconds),
}

/// When a link is due again.
pub(crate) enum Due {
    /// At this time.
    At(Seconds),
    /// As soon as the gate opens: the link keeps its place.
    WithService,
}

impl Decided {
    /// Nothing is counted or logged.
    pub(crate) fn quietly(then: Then) -> Self {
        Self {
            outcome: None,
            why: None,
            news: None,
            then,
            refused: false,
        }
    }

    /// Counts this outcome.
    pub(crate) fn with(outcome: Outcome, then: Then) -> Self {
        Self {
            outcome: Some(outcome),
            ..Self::quietly(then)
        }
    }

    /// The link is set aside. The reason is counted.
    pub(crate) fn aside(reason: AsideReason, until: Seconds) -> Self {
        Self::with(reason.into(), Then::Aside(reason, until)).because(reason.for_operator())
    }

    /// The link is set aside because its property would have this many bytes. The size is logged.
    pub(crate) fn too_large(size: usize, until: Seconds) -> Self {
        let reason = AsideReason::TooLarge;
        let why = format!("it has {size} bytes; {}", reason.for_operator());
        Self::with(reason.into(), Then::TooLarge(size, until)).because(why)
    }

    /// The link needs its person. The reason is counted.
    pub(crate) fn reconnect(reason: ReconnectReason) -> Self {
        Self::with(reason.into(), Then::Reconnect(reason)).because(reason.for_operator())
    }

    pub(crate) fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(Why::Other(why.to_string()));
        self
    }

    pub(crate) fn because_of_refresh(mut self, error: RefreshError) -> Self {
        self.why = Some(Why::Refresh(error));
        self
    }

    /// The service refused this link, in whatever words. From the end of its key on that is counted, and when
    /// it goes on, the person is asked.
    pub(crate) fn refused(mut self, job: &Job, now: Seconds) -> Self {
        if !key_has_ended(job, now) {
            return self;
        }
        if keeps_being_refused(job, now) {
            let reason = ReconnectReason::KeepsRefusing;
            let why = match self.why {
                Some(why) => format!("{}; the last refusal: {why}", reason.for_operator()),
                None => reason.for_operator().to_owned(),
            };
            return Self {
                news: self.news,
                ..Self::with(reason.into(), Then::Reconnect(reason)).because(why)
            };
        }
        self.refused = true;
        self
    }

    pub(crate) fn telling(mut self, news: News) -> Self {
        self.news = Some(news);
        self
    }
}

/// Settles a renewal whose steps have ended.
///
/// # Errors
/// When the store is unavailable; the link is due again when the lease expires.
pub(crate) async fn settle(
    parts: &Parts,
    claim: &Claim,
    ended: Progress<Decided>,
) -> Result<(), Error> {
    let decided = match ended {
        Ok(decided) => decided,
        Err(Halt::Decided(decided)) => *decided,
        Err(Halt::Error(error)) => return Err(error),
    };
    let Decided {
        outcome,
        why,
        news,
        then,
        refused,
    } = decided;
    if let Some(news) = news {
        tell(parts, &claim.link.client_key, news, why.as_ref()).await?;
    }
    let (store, now) = (&parts.store, parts.clock.now());
    let count = |next_try| {
        if let Some(outcome) = outcome {
            let why = why.as_ref().map(|why| why as &dyn fmt::Display);
            parts.meters.renewal(outcome, claim, why, next_try);
        }
    };
    let failure = Failure {
        trouble: outcome.and_then(Outcome::trouble),
        refused_at: refused.then_some(now),
    };
    let holds = match then {
        Then::Nothing => {
            count(None);
            false
        }
        Then::Again(due, tried) => {
            let due_at = due.at(parts, &claim.link.client_key, now);
            count(Some(due_at));
            store.put_off_after(claim, due_at, tried, failure).await?
        }
        Then::PerhapsPublished(due_at) => {
            count(Some(due_at));
            let trouble = failure.trouble;
            store.perhaps_published(claim, now, due_at, trouble).await?;
            return Ok(());
        }
        Then::Aside(reason, until) => {
            count(Some(until));
            store.set_aside(claim, reason, until).await?
        }
        Then::TooLarge(size, until) => {
            count(Some(until));
            store.set_aside_too_large(claim, size, until).await?
        }
        Then::Reconnect(reason) => {
            let asked = store.reconnect(claim, reason, now).await?;
            if asked {
                count(None);
            }
            asked
        }
        Then::SaidGone => said_gone(parts, claim).await?,
        Then::Discard(credential) => {
            count(None);
            let credential = &*credential;
            let discard = move || store.discard(claim, credential.clone(), now);
            until_written(&parts.meters, discard).await;
            parts.wake_cleanup.notify_one();
            false
        }
        Then::Published(credential, in_jira, due_at) => {
            return record_published(parts, claim, &credential, in_jira, due_at).await;
        }
    };
    if !holds {
        // Jira has answered all that this claim has sent, and has taken none of it.
        store.no_late_write(claim).await?;
    }
    Ok(())
}

impl Due {
    fn at(self, parts: &Parts, tenant: &ClientKey, now: Seconds) -> Seconds {
        match self {
            Self::At(due_at) => due_at,
            Self::WithService => parts.service.opens_at(tenant).max(now + 1),
        }
    }
}

/// Stores what a step has brought before anything else is done with it, and retries while the database is
/// away: once the service has given a new refresh token, losing it would lose the link. Then the other
/// replicas are told.
pub(crate) async fn keep(
    parts: &Parts,
    job: &mut Job,
    generation: i64,
    news: Option<News>,
) -> Progress<()> {
    let Job { claim, credential } = &*job;
    let store = &parts.store;
    let commit = move || store.commit(claim, credential, generation);
    let commit = until_written(&parts.meters, commit);
    let committed = parts.meters.timed(meters::Step::Commit, commit).await;
    let held = if committed {
        Some(generation)
    } else {
        // It may be stored already: if the connection broke, the answer to a successful commit was lost.
        let holds = move || store.holds(claim, credential, generation);
        until_written(&parts.meters, holds).await
    };
    if held != Some(generation) {
        let then = match held {
            // Another process has renewed the link since then.
            Some(_) => Then::Nothing,
            // Disconnected, connected again or uninstalled in the meantime.
            None => Then::Discard(Box::new(credential.clone())),
        };
        let superseded = Decided::with(Outcome::Superseded, then);
        return Err(match news {
            Some(news) => superseded.telling(news).into(),
            None => superseded.into(),
        });
    }
    job.claim.link.generation = generation;
    if committed {
        reach(&parts.clock, Moment::Committed, &job.claim.link).await;
    }
    match news {
        Some(news) => {
            let tenant = &job.claim.link.client_key;
            Ok(tell(parts, tenant, news, None).await?)
        }
        None => Ok(()),
    }
}

/// Tells all replicas how a token request ended, and logs it if the gate closed.
async fn tell(
    parts: &Parts,
    tenant: &ClientKey,
    news: News,
    why: Option<&Why>,
) -> Result<(), Error> {
    let of_probe = news.is_of_probe();
    let closed = parts.service.tell(news).await?;
    match (closed, why) {
        (Some(Closed::ForAll(seconds)), Some(Why::Refresh(RefreshError::InvalidClient(code)))) => {
            tracing::error!(
                %code,
                seconds,
                "the service refuses this app: nothing can be renewed until its client registration is corrected"
            );
        }
        (Some(Closed::ForAll(seconds)), Some(error)) => {
            tracing::warn!(%error, seconds, "token requests pause; then one renewal tests whether the service is back");
        }
        (
            Some(Closed::ForTenant(seconds)),
            Some(Why::Refresh(RefreshError::InvalidClient(code))),
        ) => {
            tracing::error!(
                %code,
                %tenant,
                seconds,
                "the service refuses this app for every link of a tenant: none of them can be renewed until its client registration is corrected"
            );
        }
        (Some(Closed::ForTenant(seconds)), Some(error)) => {
            tracing::warn!(%error, %tenant, seconds, "five links of a tenant failed, so its renewals pause; other tenants go on");
        }
        // The probe opened the gate: wake the worker for the links that wait.
        (None, _) if of_probe => parts.wake.notify_one(),
        _ => {}
    }
    Ok(())
}

/// Records that the newest key can be had.
async fn record_published(
    parts: &Parts,
    claim: &Claim,
    credential: &Credential,
    in_jira: InJira,
    due_at: Seconds,
) -> Result<(), Error> {
    let Some(key) = &credential.api_key else {
        return Ok(());
    };
    let now = parts.clock.now();
    let recorded = parts
        .store
        .published(claim, credential, in_jira, key.expires_at, now, due_at);
    let recorded = parts.meters.timed(meters::Step::Record, recorded).await?;
    let outcome = match recorded {
        true if claim.link.published.is_none() => Outcome::FirstKey,
        true => Outcome::Renewed,
        false => Outcome::Superseded,
    };
    parts.meters.renewal(outcome, claim, None, None);
    if !recorded || !credential.retiring.is_empty() {
        // The cleanup worker revokes the old key and deletes what must not stay in Jira.
        parts.wake_cleanup.notify_one();
    }
    Ok(())
}

/// Jira may be wrong for a moment, for instance while a site is moved, and revocation cannot be undone. So
/// nothing ends until Jira says again a minute later that the person is gone.
///
/// Returns whether the claim still holds the link.
async fn said_gone(parts: &Parts, claim: &Claim) -> Result<bool, Error> {
    let (store, now) = (&parts.store, parts.clock.now());
    let Some(since) = store.said_gone(claim, now).await? else {
        // The link has changed since it was claimed.
        return Ok(false);
    };
    if now - since >= SAID_AGAIN {
        parts.meters.renewal(Outcome::PersonGone, claim, None, None);
        let link = &claim.link;
        let tenant = store.still_installed(&link.client_key, link.installation);
        if let Some(tenant) = tenant.await? {
            let (account, by) = (&link.account_id, Actor::Jira);
            store.unlink(&tenant, account, None, &by, now, now).await?;
        }
        parts.wake_cleanup.notify_one();
        // It has ended its own link.
        return Ok(false);
    }
    let due_at = since + SAID_AGAIN;
    parts
        .meters
        .renewal(Outcome::PersonMissing, claim, None, Some(due_at));
    store.put_off(claim, due_at, GivenBack::Untried).await
}

/// Retries until the database accepts the write.
async fn until_written<T, F>(meters: &Meters, attempt: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, Error>>,
{
    let mut wait = Duration::from_millis(100);
    let mut held = None;
    loop {
        match attempt().await {
            Ok(done) => break done,
            Err(error) => {
                held.get_or_insert_with(|| meters.hold());
                tracing::warn!(%error, "the outcome of a renewal cannot be written yet; retrying");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_millis(500));
            }
        }
    }
}

/// Whether the newest key of a link has expired, and the one in Jira. One that never had a key has none.
fn key_has_ended(job: &Job, now: Seconds) -> bool {
    let newest = job.credential.api_key.as_ref().map(|key| key.expires_at);
    let in_jira = job.claim.link.published.map(|key| key.expires_at);
    newest.max(in_jira).is_none_or(|end| end <= now)
}

/// Whether a refusal now is at least the third since the key ran out, over at least the life of a key or an
/// hour, whichever is shorter.
fn keeps_being_refused(job: &Job, now: Seconds) -> bool {
    let newest = job.credential.api_key.as_ref();
    let newest = newest.map(|key| key.expires_at - key.requested_at);
    let in_jira = job.claim.link.published;
    let in_jira = in_jira.map(|key| key.expires_at - key.at);
    let life = newest.or(in_jira).unwrap_or(REFUSED_FOR);
    job.claim.refusals + 1 >= REFUSALS
        && job
            .claim
            .refused_since
            .is_some_and(|since| now - since >= life.clamp(1, REFUSED_FOR))
}

/// Full jitter, doubling from two seconds; shorter while a key or a refresh token can still be saved.
pub(crate) fn backoff(parts: &Parts, job: &Job, now: Seconds) -> Seconds {
    let Job { claim, credential } = job;
    let key_ends_at = credential.api_key.as_ref().map(|key| key.expires_at);
    let ends = [key_ends_at, credential.refresh_ends_at].into_iter();
    let left = ends
        .flatten()
        .map(|end| end - now)
        .filter(|left| *left > 0)
        .min()
        .unwrap_or(0);
    let most = if left > 0 {
        (left / 4).clamp(2, LONGEST_WAIT)
    } else {
        LONGEST_WAIT
    };
    1 + parts
        .random
        .up_to((2_i64 << claim.failures.clamp(0, 10)).min(most))
}
