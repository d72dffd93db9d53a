//! Renewing one link.
//!
//! The link row is its own job. A process that moves its `due_at` forward holds the link for a lease, and
//! every write names the generation that was claimed. The order of the steps keeps a link alive through any
//! crash: intent, send, durable commit, publish, record, and only then revoke the old key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::atlassian::jira::About;
use crate::clock::Seconds;
use crate::error::Error;
use crate::gate::{Stance, Witness};
use crate::grant;
use crate::keys::signing::KeySigner;
use crate::meters::{Outcome, Step};
use crate::model::{
    ApiKey, AsideReason, Credential, Lingering, Link, LinkId, MintedKey, Purpose, ReconnectReason,
    Revocation, Tokens,
};
use crate::moments::{Moment, reach};
use crate::parts::Parts;
use crate::publishing::{REST, is_due, publishing};
use crate::secret::Secret;
use crate::service::failures::RefreshError;
use crate::service::provider::good_until;
use crate::service::{Pass, Refreshed};
use crate::settling::{Decided, Due, Job, Progress, Then, backoff, keep, settle};
use crate::store::{Claim, GivenBack, LEASE};
use crate::vault::Broken;

/// A process must send within so many seconds after writing its intent, or not at all: it may have been
/// suspended in between.
const PROMPTLY: Seconds = 5;
/// A key that lives shorter than this is not published, because a new one is near, in seconds.
const WORTH_PUBLISHING: Seconds = 3;
/// An access token that lives shorter than this is refreshed before a key is made with it, in seconds.
const WORTH_A_KEY: Seconds = 60;
/// For how long the service's last answer vouches for the keys that are signed here, in seconds.
const WORD_LASTS: Seconds = 3600;
/// After so many claims in a row without an outcome, a link is set aside.
const CLAIMS_WITHOUT_OUTCOME: i64 = 3;
/// How long a link rests at first if its renewals had no outcome, in seconds, doubling each time. It is short
/// because the likely cause is that processes were killed again and again; it doubles because the link itself
/// may crash them.
const REST_WITHOUT_OUTCOME: Seconds = 5;
/// The same if a token request may have been lost, in seconds: a service accepts the same request again only
/// for some seconds.
const REST_UNSETTLED: Seconds = 1;
/// How long a link waits whose earlier renewal is still running in this process, in seconds.
const LOOK_AGAIN: Seconds = 10;

/// The links whose renewals are running in this process. While the database is away, a lease may expire under
/// an answer that is held until it can be written; the next claimer of the link would send a refresh token
/// that has been used.
#[derive(Debug, Default)]
pub struct AtWork(Mutex<HashSet<LinkId>>);

/// Marks a link as running until it is dropped.
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

/// What a process needs to renew links.
#[derive(Clone)]
pub struct Renewing {
    /// The parts that it shares with linking and cleaning up.
    pub parts: Parts,
    /// The name of this process among the replicas.
    pub replica: String,
    /// How many renewals may run at once in this process.
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

/// Renews one claimed link, or publishes the key that Jira lacks. Runs in a task of its own that is never
/// cancelled.
///
/// # Errors
/// When the store is unavailable; the link is due again when the lease expires.
pub async fn renew(renewing: &Renewing, claim: Claim) -> Result<(), Error> {
    let parts = &renewing.parts;
    let Some(_begun) = renewing.at_work.begin(&claim.link.id) else {
        // The lease expired while this process still renews the link: that renewal goes on, and the row is
        // looked at again soon.
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

/// The steps of a renewal.
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
    // While Jira takes no key, the refresh token must not expire unused.
    let may_ask = parts
        .service
        .may_be_asked(&claim.link.client_key, claim.probe);
    let refresh_first = may_ask && grant::is_due(&job.credential, now);
    // A handle that Jira lacks is no reason to let the key run out.
    let key_first = may_ask
        && !parts.keys.property.changes_with_renewals()
        && job
            .credential
            .api_key
            .as_ref()
            .is_some_and(|key| is_due(key, now));
    let publish_first =
        !key_first && claim.is_unpublished() && worth_publishing(parts, &job.credential, now);
    if refresh_first || !publish_first {
        next_generation(parts, job).await?;
    }
    publishing(parts, job).await
}

fn worth_publishing(parts: &Parts, credential: &Credential, now: Seconds) -> bool {
    match &credential.api_key {
        Some(key) => key.expires_at > now + WORTH_PUBLISHING,
        None => {
            let signs = parts.keys.signing.is_some() && credential.tokens.refresh_token.is_some();
            parts.service.makes_keys()
                && outlives(&credential.tokens, now)
                && (!signs || is_fresh(&credential.tokens, now))
        }
    }
}

/// Whether the service gave these tokens so lately that a key may be signed on their word: it does not say when
/// it ends a grant.
fn is_fresh(tokens: &Tokens, now: Seconds) -> bool {
    now - tokens.requested_at < WORD_LASTS
}

fn outlives(tokens: &Tokens, now: Seconds) -> bool {
    tokens
        .expires_at
        .is_none_or(|expires_at| expires_at > now + WORTH_A_KEY)
}

/// Whether the access token can serve for another key without a refresh. If keys are signed here, only a
/// refresh shows that a grant was ended, so the token has to be valid until the key after this one is due.
fn good_for_another(parts: &Parts, credential: &Credential, now: Seconds) -> bool {
    let tokens = &credential.tokens;
    let Some(key) = &credential.api_key else {
        return false;
    };
    match (&parts.keys.signing, &tokens.refresh_token) {
        (None, _) => parts.service.makes_keys() && outlives(tokens, now),
        (Some(signing), Some(_)) => {
            good_until(tokens) > now + signing.life() && is_fresh(tokens, now)
        }
        // Keys end with the access token: a key that already does is the last.
        (Some(_), None) => key.expires_at < good_until(tokens) && outlives(tokens, now),
    }
}

/// The key of a new generation: the access token, or a signed key. None if the key endpoint has yet to issue
/// it.
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

/// Makes the next generation of a link. It refreshes, unless keys differ from access tokens, the access token
/// is good for another key, and the refresh token need not be used yet.
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
    let Some(pass) = parts
        .service
        .admit_renewal(Witness::from(&job.claim), job.claim.probe)
        .await?
    else {
        return Err(held_back(parts, job).into());
    };
    // Before the intent: discovery may take as long as a token request, and the lease allows for one request.
    let pass = match parts.service.prepare(pass).await {
        Ok(pass) => pass,
        Err((error, news)) => return Err(no_tokens(parts, job, error, false).telling(news).into()),
    };
    let signer = parts.keys.signer().await?;
    let now = intend(parts, job).await?;
    let Refreshed { answer, news } = send(parts, pass, &refresh_token).await;
    let tokens = match answer {
        Ok(tokens) => tokens,
        Err(RefreshError::InvalidGrant) if is_restored(parts, job).await? => {
            let restored = Decided::reconnect(ReconnectReason::Restored);
            return Err(restored.telling(news).into());
        }
        Err(error) => return Err(no_tokens(parts, job, error, true).telling(news).into()),
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

/// Gives back a link that may not be renewed now. It keeps its place: the expiry of its key decides which
/// link is next when the gate opens.
fn held_back(parts: &Parts, job: &Job) -> Decided {
    let due = match job.claim.probe {
        // The gate waits for this probe, so the link must not wait for the gate.
        Some(_) => Due::At(parts.clock.now() + 1),
        None => Due::WithService,
    };
    Decided::quietly(Then::Again(due, GivenBack::Untried))
}

/// Writes that the refresh token is about to be sent. Returns when.
async fn intend(parts: &Parts, job: &Job) -> Progress<Seconds> {
    let (claim, now) = (&job.claim, parts.clock.now());
    let intended = parts.store.intend(claim, now, now + LEASE);
    if !parts.meters.timed(Step::Intent, intended).await? {
        // The gate closed after the claim, or the claim is over.
        if parts.service.gate().look().await? == Stance::Open {
            parts.meters.renewal(Outcome::LeaseLost, claim, None, None);
        }
        return Err(held_back(parts, job).into());
    }
    reach(&parts.clock, Moment::Intended, &claim.link).await;
    let later = parts.clock.now();
    if later > now + PROMPTLY {
        let then = Then::Again(Due::At(later), GivenBack::Untried);
        return Err(Decided::with(Outcome::LeaseLost, then).into());
    }
    Ok(now)
}

async fn send(parts: &Parts, pass: Pass, refresh_token: &Secret) -> Refreshed {
    let answer = parts.service.refresh(pass, refresh_token);
    parts.meters.timed(Step::TokenRequest, answer).await
}

/// Moves a credential on: the old key is to be revoked once Jira holds the new one, and an answer without a
/// refresh token keeps the old one.
///
/// The old access token is left to expire, or to the end of the link. A service may end the whole grant if it
/// is revoked (RFC 7009, section 2.1), and some do: the first renewal would lose the link.
fn retire(credential: &mut Credential, link: &Link, tokens: Option<Tokens>, now: Seconds) {
    // An expired key need not be revoked.
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
                // The answer says nothing new about the refresh token that is kept.
                let said = credential.tokens.refresh_expires_at;
                credential.tokens.refresh_expires_at = said.or(before.refresh_expires_at);
            }
        }
        // If its expiry is unknown, it is assumed to live as long as its key.
        credential.lingering.push(Lingering {
            expires_at: ends_at,
            access_token: before.access_token,
        });
        credential.lingering.retain(|old| old.expires_at > now);
    }
    // The newest access token deletes the old key: the one that requested it may have expired.
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

/// Whether Jira holds a later generation of a link whose refresh token was refused: then a backup was put back
/// that is older than the last use of the token. The link goes on from Jira's generation.
///
/// A handle holds no generation. There the token was used since the backup if the key was due in the meantime; a stop
/// of all processes looks the same, and then the person is told of a backup where the service has ended the grant.
async fn is_restored(parts: &Parts, job: &mut Job) -> Progress<bool> {
    let link = &job.claim.link;
    if link.published.is_none() {
        // A later generation in Jira is that of an earlier link.
        return Ok(false);
    }
    if !parts.keys.property.changes_with_renewals() {
        // Only a guess: what explains the refusal without a backup goes first.
        let perhaps = parts
            .store
            .may_have_been_renewed_since_backup(link.published);
        return Ok(perhaps && explained(job, parts.clock.now()).is_none());
    }
    let tenant = parts
        .store
        .still_installed(&link.client_key, link.installation);
    let Some(tenant) = tenant.await?.filter(|tenant| tenant.enabled) else {
        return Ok(false);
    };
    let about = About {
        tenant: &tenant,
        account: &link.account_id,
        purpose: Purpose::Renewal,
        failures: 0,
    };
    match parts.jira.generation(&about).await {
        Ok(Some(there)) if there > link.generation => {
            keep(parts, job, there, None).await?;
            Ok(true)
        }
        // If Jira does not say, it looks like any other end of a grant.
        Ok(_) | Err(_) => Ok(false),
    }
}

/// What the link itself knows of why its refresh token was refused.
fn explained(job: &Job, now: Seconds) -> Option<ReconnectReason> {
    if grant::has_ended(job.credential.consent, now) {
        return Some(ReconnectReason::ConsentEnded);
    }
    // After an unknown outcome, the likely reason is that the answer with the next refresh token was lost.
    job.claim.unsettled.then_some(ReconnectReason::RotationLost)
}

/// The service gave no tokens. `sent` says whether a token request was sent.
fn no_tokens(parts: &Parts, job: &Job, error: RefreshError, sent: bool) -> Decided {
    let now = parts.clock.now();
    let without_answer = match sent {
        true => GivenBack::FailedWithoutAnswer,
        false => GivenBack::Failed,
    };
    let (outcome, wait, tried) = match &error {
        RefreshError::InvalidGrant => {
            let reason = explained(job, now).unwrap_or(ReconnectReason::Revoked);
            return Decided::reconnect(reason);
        }
        // It costs this link, whatever it says about others: the gate decides about them.
        RefreshError::InvalidClient(_) => (
            Outcome::ClientRefused,
            backoff(parts, job, now),
            GivenBack::Failed,
        ),
        RefreshError::Wait { seconds } => {
            let wait = match *seconds {
                None => backoff(parts, job, now),
                // Those that were told to wait at the same moment spread out.
                Some(asked) => asked + parts.random.up_to(10.min(asked)),
            };
            (Outcome::ServiceWaits, wait, GivenBack::Failed)
        }
        RefreshError::Refused(_) => (
            Outcome::Refused,
            backoff(parts, job, now),
            GivenBack::Failed,
        ),
        RefreshError::NotSent(_) => (
            Outcome::NotSent,
            backoff(parts, job, now),
            GivenBack::Failed,
        ),
        RefreshError::Unknown(_) => (Outcome::Unknown, backoff(parts, job, now), without_answer),
    };
    let due = Due::At(now + wait);
    let refused = error.concerns_the_grant();
    let decided = Decided::with(outcome, Then::Again(due, tried)).because_of_refresh(error);
    match refused {
        true => decided.refused(job, now),
        false => decided,
    }
}
