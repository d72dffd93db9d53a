//! Renewing one link.
//!
//! The link row is its own job. Whoever moved its `due_at` forward holds it for a lease; every write
//! names the generation that was claimed. The order of the steps is what keeps a link alive through
//! any crash: intent, send, durable commit, publish, record, and only then revoke the old key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Seconds;
use crate::error::Error;
use crate::gate::Stance;
use crate::grant;
use crate::keys::signing::KeySigner;
use crate::meters::{Outcome, Step};
use crate::model::{
    ApiKey, AsideReason, Credential, Lingering, Link, LinkId, MintedKey, ReconnectReason,
    Revocation, Tokens,
};
use crate::moments::{Moment, reach};
use crate::parts::Parts;
use crate::publishing::{REST, publishing};
use crate::secret::Secret;
use crate::service::failures::RefreshError;
use crate::service::provider::good_until;
use crate::service::{Pass, Refreshed};
use crate::settling::{Decided, Due, Job, Progress, Then, backoff, keep, settle};
use crate::store::{Claim, GivenBack, LEASE};
use crate::vault::Broken;

/// After writing its intent, a process must send within this many seconds or not at all: it may have
/// been asleep since.
const PROMPTLY: Seconds = 5;
/// A key with less than this to live is not worth publishing; a new one is, in seconds.
const WORTH_PUBLISHING: Seconds = 3;
/// An access token with less than this to live is refreshed before a key is made with it, in seconds.
const WORTH_A_KEY: Seconds = 60;
/// Claims in a row without an outcome before a link is set aside.
const CLAIMS_WITHOUT_OUTCOME: i64 = 3;
/// How long one rests at first whose renewals had no outcome, in seconds; twice as long each further
/// time. Short, because most likely processes were killed again and again and nothing is wrong with the
/// links they held; rarer and rarer, because it may be the link that brings them down.
const REST_WITHOUT_OUTCOME: Seconds = 5;
/// The same where a token request may be lost, in seconds: a service lets that be asked for again for
/// some seconds only.
const REST_UNSETTLED: Seconds = 1;
/// How long a link waits whose earlier renewal this process has not ended, in seconds.
const LOOK_AGAIN: Seconds = 10;

/// The links whose renewals this process has begun and not ended. While the database is away, a lease
/// may run out under an answer that is held until it can be written; whoever claimed the link then
/// would send a refresh token that has been used.
#[derive(Debug, Default)]
pub struct AtWork(Mutex<HashSet<LinkId>>);

/// A link that is at work until this is dropped.
struct Begun<'a>(&'a AtWork, LinkId);

impl AtWork {
    fn begin(&self, link: &LinkId) -> Option<Begun<'_>> {
        self.links()
            .insert(link.clone())
            .then(|| Begun(self, link.clone()))
    }

    fn links(&self) -> MutexGuard<'_, HashSet<LinkId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.links().remove(&self.1);
    }
}

/// What a process renews with.
#[derive(Clone)]
pub struct Renewing {
    /// What it shares with linking and cleaning up.
    pub parts: Parts,
    /// Names this process among the replicas.
    pub replica: String,
    /// How many renewals this process has under way at once.
    pub at_once: usize,
    /// The links that this process is renewing.
    pub at_work: Arc<AtWork>,
}

impl Renewing {
    /// Renews at most `at_once` links at once, as the replica of this name.
    #[must_use]
    pub fn new(parts: Parts, replica: String, at_once: usize) -> Self {
        Self {
            parts,
            replica,
            at_once,
            at_work: Arc::default(),
        }
    }
}

/// Renews one claimed link, or publishes what Jira still lacks. Runs in a task of its own that nobody
/// cancels.
///
/// # Errors
/// When the store is unavailable; the lease then brings the link back.
pub async fn renew(renewing: &Renewing, claim: Claim) -> Result<(), Error> {
    let parts = &renewing.parts;
    let Some(_begun) = renewing.at_work.begin(&claim.link.id) else {
        // Its lease ran out under this process's own hands: they go on, and the row is looked at soon.
        let then = Then::Again(Due::At(parts.clock.now() + LOOK_AGAIN), GivenBack::Untried);
        let ended = Ok(Decided::with(Outcome::LeaseLost, then));
        return settle(parts, &claim, ended).await;
    };
    reach(&parts.clock, Moment::Claimed, &claim.link).await;
    let credential = match &claim.credential {
        Ok(credential) => credential.clone(),
        Err(Broken) => {
            let until = parts.clock.now() + REST;
            let ended = Ok(Decided::aside(AsideReason::Sealed, until));
            return settle(parts, &claim, ended).await;
        }
    };
    let mut job = Job { claim, credential };
    let ended = steps(parts, &mut job).await;
    settle(parts, &job.claim, ended).await
}

/// The steps of it.
async fn steps(parts: &Parts, job: &mut Job) -> Progress<Decided> {
    let now = parts.clock.now();
    let claim = &job.claim;
    if claim.claims > CLAIMS_WITHOUT_OUTCOME {
        let rest = match claim.unsettled {
            true => REST_UNSETTLED,
            false => REST_WITHOUT_OUTCOME,
        };
        let rest = (rest << claim.failures.clamp(0, 10)).min(REST);
        return Ok(Decided::aside(AsideReason::NoOutcome, now + rest));
    }
    // While Jira takes no key, the refresh token must not run out unused.
    let may_ask = parts.service.may_be_asked(claim.probe);
    let refresh_first = may_ask && grant::is_due(&job.credential, now);
    let publish_first = claim.is_unpublished() && worth_publishing(parts, &job.credential, now);
    if refresh_first || !publish_first {
        next_generation(parts, job).await?;
    }
    publishing(parts, job).await
}

fn worth_publishing(parts: &Parts, credential: &Credential, now: Seconds) -> bool {
    match &credential.api_key {
        Some(key) => key.expires_at > now + WORTH_PUBLISHING,
        None => parts.service.makes_keys() && outlives(&credential.tokens, now),
    }
}

fn outlives(tokens: &Tokens, now: Seconds) -> bool {
    tokens
        .expires_at
        .is_none_or(|expires_at| expires_at > now + WORTH_A_KEY)
}

/// Whether another key may be made without a refresh. Where keys are signed here, refreshing is how we learn
/// that a grant was ended, so the access token has to be good until the key after this one is due.
fn good_for_another(parts: &Parts, credential: &Credential, now: Seconds) -> bool {
    let tokens = &credential.tokens;
    let Some(key) = &credential.api_key else {
        return false;
    };
    match (&parts.keys.signing, &tokens.refresh_token) {
        (None, _) => parts.service.makes_keys() && outlives(tokens, now),
        (Some(signing), Some(_)) => good_until(tokens) > now + signing.life(),
        // Keys end with it: one that does already is the last.
        (Some(_), None) => key.expires_at < good_until(tokens) && outlives(tokens, now),
    }
}

/// The key that comes with a generation: the access token, or one that is signed here. None where the key
/// endpoint has still to make it.
fn key_at_once(
    parts: &Parts,
    signer: Option<&KeySigner<'_>>,
    link: &Link,
    generation: i64,
    tokens: &Tokens,
) -> Option<ApiKey> {
    match signer {
        Some(signer) => signer.key(link, generation, tokens).ok(),
        None => (!parts.service.makes_keys()).then(|| parts.service.token_as_key(tokens)),
    }
}

/// Makes the next generation of a link: by a refresh, or, where keys are made by a step of their own and the
/// access token is good for another and the refresh token need not be used, without one.
async fn next_generation(parts: &Parts, job: &mut Job) -> Progress<()> {
    let now = parts.clock.now();
    let generation = job.claim.link.generation + 1;
    let credential = &mut job.credential;
    if good_for_another(parts, credential, now) && !grant::is_due(credential, now) {
        let signer = parts.keys.signer().await?;
        retire(credential, &job.claim.link, None, now);
        let (link, tokens) = (&job.claim.link, &credential.tokens);
        credential.api_key = key_at_once(parts, signer.as_ref(), link, generation, tokens);
        return keep(parts, job, generation, None).await;
    }
    let Some(refresh_token) = credential.tokens.refresh_token.clone() else {
        return Err(without_refresh_token(credential, now).into());
    };
    let Some(pass) = parts.service.admit_renewal(job.claim.probe).await? else {
        return Err(held_back(parts, job).into());
    };
    // Before the intent: discovery may take as long as a token request, and the lease is for one.
    let pass = match parts.service.prepare(pass).await {
        Ok(pass) => pass,
        Err((error, news)) => return Err(refused(parts, job, error, false).telling(news).into()),
    };
    let signer = parts.keys.signer().await?;
    let now = intend(parts, job).await?;
    let Refreshed { answer, news } = send(parts, pass, &refresh_token).await;
    let tokens = match answer {
        Ok(tokens) => tokens,
        Err(error) => return Err(refused(parts, job, error, true).telling(news).into()),
    };
    reach(&parts.clock, Moment::Answered, &job.claim.link).await;
    let credential = &mut job.credential;
    let before = credential.tokens.clone();
    retire(credential, &job.claim.link, Some(tokens), now);
    lasts(parts, credential, &before);
    let (link, tokens) = (&job.claim.link, &credential.tokens);
    credential.api_key = key_at_once(parts, signer.as_ref(), link, generation, tokens);
    keep(parts, job, generation, Some(news)).await
}

/// Without a refresh token the link lasts as long as its key.
fn without_refresh_token(credential: &Credential, now: Seconds) -> Decided {
    let key = credential.api_key.as_ref();
    match key.map(|key| key.expires_at).filter(|end| *end > now) {
        Some(end) => Decided::quietly(Then::Again(Due::At(end), GivenBack::Untried)),
        None => Decided::reconnect(ReconnectReason::NoRefreshToken),
    }
}

/// Gives a link back that may not be renewed now. It keeps its place: its key in Jira decides who is
/// next when the service may be asked again.
fn held_back(parts: &Parts, job: &Job) -> Decided {
    let due = match job.claim.probe {
        // The gate is closed for its own sake.
        Some(_) => Due::At(parts.clock.now() + 1),
        None => Due::WithService,
    };
    Decided::quietly(Then::Again(due, GivenBack::Untried))
}

/// Writes that the refresh token is about to be sent. Says when that was.
async fn intend(parts: &Parts, job: &Job) -> Progress<Seconds> {
    let (claim, now) = (&job.claim, parts.clock.now());
    let intended = parts.store.intend(claim, now, now + LEASE);
    if !parts.meters.timed(Step::Intent, intended).await? {
        // The service is left alone since the claim, or else the claim is over.
        if parts.service.gate().look().await? == Stance::Open {
            parts.meters.renewal(Outcome::LeaseLost, claim, None, None);
        }
        return Err(held_back(parts, job).into());
    }
    reach(&parts.clock, Moment::Intended, &claim.link).await;
    let later = parts.clock.now();
    if later > now + PROMPTLY {
        let then = Then::Again(Due::At(later), GivenBack::Answered);
        return Err(Decided::with(Outcome::LeaseLost, then).into());
    }
    Ok(now)
}

async fn send(parts: &Parts, pass: Pass, refresh_token: &Secret) -> Refreshed {
    let answer = parts.service.refresh(pass, refresh_token);
    parts.meters.timed(Step::TokenRequest, answer).await
}

/// Moves a credential on: the old key is to be revoked once Jira holds the new one, and an answer
/// without a refresh token keeps the old one.
///
/// The old access token is left to run out, or to the end of the link. Where it is revoked, a service
/// may end its whole grant (RFC 7009, section 2.1), and some do: the link would be lost with its first
/// renewal.
fn retire(credential: &mut Credential, link: &Link, tokens: Option<Tokens>, now: Seconds) {
    // What has run out needs no revoking.
    let made = credential
        .api_key
        .take()
        .filter(|key| key.expires_at > now)
        .and_then(|key| key.id);
    let mut old = Revocation {
        subject: link.identity.subject.clone(),
        keys: Vec::new(),
        tokens: Vec::new(),
    };
    if let Some(tokens) = tokens {
        let before = std::mem::replace(&mut credential.tokens, tokens);
        let ends_at = good_until(&before);
        match &credential.tokens.refresh_token {
            Some(_) => credential.previous_refresh_token = before.refresh_token,
            None => {
                credential.tokens.refresh_token = before.refresh_token;
                // Nothing new was said about the one that is kept.
                let said = credential.tokens.refresh_expires_at;
                credential.tokens.refresh_expires_at = said.or(before.refresh_expires_at);
            }
        }
        // One that does not say when it runs out lives as long as its key was taken to.
        credential.lingering.push(Lingering {
            expires_at: ends_at,
            access_token: before.access_token,
        });
        credential.lingering.retain(|old| old.expires_at > now);
    }
    // The newest access token deletes the old key: the one it was made with may have run out.
    old.keys.extend(made.map(|id| MintedKey {
        id,
        access_token: credential.tokens.access_token.clone(),
    }));
    if !old.is_empty() {
        credential.retiring.push(old);
    }
}

/// Works out how long the grant lasts now.
fn lasts(parts: &Parts, credential: &mut Credential, before: &Tokens) {
    let (consent, refresh_ends_at) = grant::renewed(
        credential.consent,
        before,
        &credential.tokens,
        parts.service.grant_lives(),
    );
    credential.consent = consent;
    credential.refresh_ends_at = refresh_ends_at;
}

/// The service gave no tokens. `intended` says whether this claim has written an intent. If not, one that is
/// in the row is of an earlier request, of which nothing is known, and it stays.
fn refused(parts: &Parts, job: &Job, error: RefreshError, intended: bool) -> Decided {
    let now = parts.clock.now();
    let (outcome, due, tried) = match &error {
        RefreshError::InvalidGrant => {
            // With an unknown outcome before it, the likely reason is that the answer with the next
            // refresh token was lost.
            let reason = if grant::has_ended(job.credential.consent, now) {
                ReconnectReason::ConsentEnded
            } else if job.claim.unsettled {
                ReconnectReason::RotationLost
            } else {
                ReconnectReason::Revoked
            };
            return Decided::reconnect(reason);
        }
        // These are not about this link.
        RefreshError::InvalidClient(_) => (
            Outcome::ClientRefused,
            Due::AfterService,
            GivenBack::Answered,
        ),
        RefreshError::Wait { .. } => (
            Outcome::ServiceWaits,
            Due::AfterService,
            GivenBack::Answered,
        ),
        RefreshError::Refused(_) => {
            let due = Due::At(now + backoff(parts, job, now));
            (Outcome::Refused, due, GivenBack::FailedAndAnswered)
        }
        RefreshError::NotSent(_) => {
            let due = Due::At(now + backoff(parts, job, now));
            let tried = match intended {
                true => GivenBack::FailedAndAnswered,
                false => GivenBack::Failed,
            };
            (Outcome::NotSent, due, tried)
        }
        RefreshError::Unknown(_) => {
            let due = Due::At(now + backoff(parts, job, now));
            (Outcome::Unknown, due, GivenBack::Failed)
        }
    };
    Decided::with(outcome, Then::Again(due, tried)).because_of_refresh(error)
}
