//! The verbs of renewing: renew one, publish, give up.
//!
//! The link row is its own job. Whoever moved its `due_at` forward holds it for a lease; every write
//! names the generation that was claimed. The order of the steps is what keeps a link alive through
//! any crash: intent, send, durable commit, publish, record, and only then revoke the old key.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;

use crate::App;
use crate::budget::{Purpose, Report, Stance};
use crate::clock::{Seconds, rfc3339};
use crate::config::PropertyMode;
use crate::error::Error;
use crate::figures::{Outcome, Step};
use crate::grant;
use crate::jira::{Authority, JiraError, time_to_wait, time_without_jira};
use crate::model::{
    ApiKey, AsideReason, Credential, KeyInProperty, Lingering, Link, LinkId, MintedKey, ParkReason,
    Property, ReconnectReason, Revocation, Tenant, Tokens,
};
use crate::moments::{Moment, reach};
use crate::provider::{MintError, RefreshError, good_until};
use crate::signing::Signer;
use crate::store::{Calls, Claim, GivenBack};
use crate::vault::Broken;

/// How long a claimed link is one process's alone, in seconds. A token request ends well before
/// (`outbound::TIME_LIMIT`), so two are never in flight.
pub const LEASE: Seconds = 45;
/// After writing its intent, a process must send within this many seconds or not at all: it may have
/// been asleep since.
const PROMPTLY: Seconds = 5;
/// A key with less than this to live is not worth publishing; a new one is, in seconds.
const WORTH_PUBLISHING: Seconds = 3;
/// An access token with less than this to live is refreshed before a key is minted with it.
const WORTH_MINTING: Seconds = 60;
/// Claims in a row without an outcome before a link is set aside.
const CLAIMS_WITHOUT_OUTCOME: i64 = 3;
/// How long a link that was set aside rests before it is probed, in seconds.
pub const REST: Seconds = 900;
/// How long one rests at first whose renewals had no outcome, in seconds; twice as long each further
/// time. Short, because most likely processes were killed again and again and nothing is wrong with the
/// links they held; rarer and rarer, because it may be the link that brings them down.
const REST_WITHOUT_OUTCOME: Seconds = 5;
/// The same where a token request may be lost, in seconds: a service lets that be asked for again for
/// some seconds only.
const REST_UNSETTLED: Seconds = 1;
/// How long a tenant's Jira is left alone that does not accept the app's tokens, in seconds. The first
/// call after that finds out whether it does again.
const PARKED: Seconds = 60;
/// How long a link waits whose earlier renewal this process has not ended, in seconds.
const LOOK_AGAIN: Seconds = 10;
/// So long after Jira has said that a person is gone it must say so again to be believed, in seconds.
const SAID_AGAIN: Seconds = 60;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 300;

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

/// Tries until the database takes it. A macro, because a closure that lends itself to a future is more
/// than the compiler can see to be `Send`.
macro_rules! persist {
    ($attempt:expr) => {{
        let mut wait = Duration::from_millis(100);
        loop {
            match $attempt.await {
                Ok(done) => break done,
                Err(error) => {
                    tracing::warn!(%error, "the outcome of a renewal cannot be written yet; it is held and tried again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_millis(500));
                }
            }
        }
    }};
}

/// What to go on with, or nothing: then there is no more to do now, and the row says what comes next.
type Next = Option<(Claim, Credential)>;

/// Renews one claimed link, or publishes what Jira still lacks. Runs in a task of its own that nobody
/// cancels.
///
/// # Errors
/// When the store is unavailable; the lease then brings the link back.
pub async fn renew(app: &App, claim: Claim) -> Result<(), Error> {
    let Some(_begun) = app.at_work.begin(&claim.link.id) else {
        // Its lease ran out under this process's own hands: they go on, and the row is looked at soon.
        let due_at = app.clock.now() + LOOK_AGAIN;
        app.meters
            .renewal(Outcome::LeaseLost, &claim, None, Some(due_at));
        app.store
            .put_off(&claim, due_at, GivenBack::Untried)
            .await?;
        return Ok(());
    };
    reach(&app.clock, Moment::Claimed, &claim.link).await;
    let now = app.clock.now();
    let credential = match &claim.credential {
        Ok(credential) => credential.clone(),
        Err(Broken) => {
            return set_aside(app, &claim, AsideReason::Sealed, now + REST).await;
        }
    };
    if claim.claims > CLAIMS_WITHOUT_OUTCOME {
        let rest = match claim.unsettled {
            true => REST_UNSETTLED,
            false => REST_WITHOUT_OUTCOME,
        };
        let rest = (rest << claim.failures.clamp(0, 10)).min(REST);
        return set_aside(app, &claim, AsideReason::NoOutcome, now + rest).await;
    }
    // While Jira takes no key, the refresh token must not run out unused.
    let may_ask = app.service_gate.stance() == Stance::Open || claim.probe.is_some();
    let refresh_first = may_ask && grant::is_due(&credential, now);
    let step =
        if claim.is_unpublished() && worth_publishing(app, &credential, now) && !refresh_first {
            Some((claim, credential))
        } else {
            next_generation(app, claim, credential).await?
        };
    let Some((claim, credential)) = step else {
        return Ok(());
    };
    publish(app, claim, credential).await
}

fn worth_publishing(app: &App, credential: &Credential, now: Seconds) -> bool {
    match &credential.api_key {
        Some(key) => key.expires_at > now + WORTH_PUBLISHING,
        None => app.provider.mints() && outlives(&credential.tokens, now),
    }
}

fn outlives(tokens: &Tokens, now: Seconds) -> bool {
    tokens
        .expires_at
        .is_none_or(|expires_at| expires_at > now + WORTH_MINTING)
}

/// Whether another key may be made without a refresh. Where keys are signed here, refreshing is how we learn
/// that a grant was ended, so the access token has to be good until the key after this one is due.
fn good_for_another(app: &App, credential: &Credential, now: Seconds) -> bool {
    let tokens = &credential.tokens;
    let Some(key) = &credential.api_key else {
        return false;
    };
    match (&app.signing, &tokens.refresh_token) {
        (None, _) => app.provider.mints() && outlives(tokens, now),
        (Some(signing), Some(_)) => good_until(tokens) > now + signing.life(),
        // Keys end with it: one that does already is the last.
        (Some(_), None) => key.expires_at < good_until(tokens) && outlives(tokens, now),
    }
}

/// What signs keys, where they are signed here.
async fn signer(app: &App) -> Result<Option<Signer<'_>>, Error> {
    match &app.signing {
        Some(signing) => signing.signer().await.map(Some),
        None => Ok(None),
    }
}

/// The key that comes with a generation: the access token, or one that is signed here. None where it has
/// still to be minted.
fn key_at_once(
    app: &App,
    signer: Option<&Signer<'_>>,
    link: &Link,
    generation: i64,
    tokens: &Tokens,
) -> Option<ApiKey> {
    match signer {
        Some(signer) => signer.key(link, generation, tokens).ok(),
        None => (!app.provider.mints()).then(|| app.provider.token_as_key(tokens)),
    }
}

/// Makes the next generation of a link: by a refresh, or, where keys are minted and the access token is
/// good for another and the refresh token need not be used, by asking for a new key.
async fn next_generation(app: &App, claim: Claim, credential: Credential) -> Result<Next, Error> {
    let now = app.clock.now();
    let generation = claim.link.generation + 1;
    if good_for_another(app, &credential, now) && !grant::is_due(&credential, now) {
        let signer = signer(app).await?;
        let mut next = credential;
        retire(&mut next, &claim, None, now);
        next.api_key = key_at_once(app, signer.as_ref(), &claim.link, generation, &next.tokens);
        return commit(app, claim, next, generation).await;
    }
    let Some(refresh_token) = credential.tokens.refresh_token.clone() else {
        let end = credential
            .api_key
            .as_ref()
            .map_or(now, |key| key.expires_at);
        if end > now {
            app.store.put_off(&claim, end, GivenBack::Untried).await?;
        } else {
            give_up(app, &claim, ReconnectReason::NoRefreshToken).await?;
        }
        return Ok(None);
    };
    if app.service_gate.stance() != Stance::Open && claim.probe.is_none() {
        return held_back(app, &claim).await;
    }
    if !app.service_pace.pass().await? {
        return held_back(app, &claim).await;
    }
    // Before the intent: discovery may take as long as a token request, and the lease is for one.
    if let Err(error) = app.provider.prepare().await {
        let error = RefreshError::NotSent(error.to_string());
        refused(app, &claim, &credential, error, false).await?;
        return Ok(None);
    }
    let signer = signer(app).await?;
    let now = app.clock.now();
    let intended = app.store.intend(&claim, now, now + LEASE);
    if !app.meters.timed(Step::Intent, intended).await? {
        // The service is left alone since the claim, or else the claim is over.
        if app.service_gate.look().await? == Stance::Open {
            app.meters.renewal(Outcome::LeaseLost, &claim, None, None);
        }
        return held_back(app, &claim).await;
    }
    reach(&app.clock, Moment::Intended, &claim.link).await;
    if app.clock.now() > now + PROMPTLY {
        app.meters.renewal(Outcome::LeaseLost, &claim, None, None);
        app.store
            .put_off(&claim, app.clock.now(), GivenBack::Answered)
            .await?;
        return Ok(None);
    }
    let answer = app.provider.refresh(&refresh_token);
    match app.meters.timed(Step::TokenRequest, answer).await {
        Ok(tokens) => {
            reach(&app.clock, Moment::Answered, &claim.link).await;
            let probe = claim.probe;
            let before = credential.tokens.clone();
            let mut next = credential;
            retire(&mut next, &claim, Some(tokens), now);
            lasts(app, &mut next, &before);
            next.api_key = key_at_once(app, signer.as_ref(), &claim.link, generation, &next.tokens);
            let step = commit(app, claim, next, generation).await?;
            app.service_gate.ended(Report::Answered, probe).await?;
            if probe.is_some() {
                // Nobody need wait any longer.
                app.wake.notify_one();
            }
            Ok(step)
        }
        Err(error) => {
            refused(app, &claim, &credential, error, true).await?;
            Ok(None)
        }
    }
}

/// Gives a link back that may not be renewed now. It keeps its place: its key in Jira decides who is
/// next when the service may be asked again.
async fn held_back(app: &App, claim: &Claim) -> Result<Next, Error> {
    let due_at = app.service_gate.opens_at().max(app.clock.now() + 1);
    app.store.put_off(claim, due_at, GivenBack::Untried).await?;
    Ok(None)
}

/// Moves a credential on: the old key is to be revoked once Jira holds the new one, and an answer
/// without a refresh token keeps the old one.
///
/// The old access token is left to run out, or to the end of the link. Where it is revoked, a service
/// may end its whole grant (RFC 7009, section 2.1), and some do: the link would be lost with its first
/// renewal.
fn retire(credential: &mut Credential, claim: &Claim, tokens: Option<Tokens>, now: Seconds) {
    // What has run out needs no revoking.
    let minted = credential
        .api_key
        .take()
        .filter(|key| key.expires_at > now)
        .and_then(|key| key.id);
    let mut old = Revocation {
        subject: claim.link.identity.subject.clone(),
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
    // The newest access token deletes the old key: the one it was minted with may have run out.
    old.keys.extend(minted.map(|id| MintedKey {
        id,
        access_token: credential.tokens.access_token.clone(),
    }));
    if !old.is_empty() {
        credential.retiring.push(old);
    }
}

/// Works out how long the grant lasts now.
fn lasts(app: &App, credential: &mut Credential, before: &Tokens) {
    let (consent, refresh_ends_at) = grant::renewed(
        credential.consent,
        before,
        &credential.tokens,
        app.provider.grant_lives(),
    );
    credential.consent = consent;
    credential.refresh_ends_at = refresh_ends_at;
}

/// The first act after an answer: keep it, whatever the database is doing. Once the service has given
/// a new refresh token, forgetting it would lose the link.
async fn commit(
    app: &App,
    mut claim: Claim,
    credential: Credential,
    generation: i64,
) -> Result<Next, Error> {
    let kept =
        async { Ok::<_, Error>(persist!(app.store.commit(&claim, &credential, generation))) };
    if app.meters.timed(Step::Commit, kept).await? {
        claim.link.generation = generation;
        reach(&app.clock, Moment::Committed, &claim.link).await;
        return Ok(Some((claim, credential)));
    }
    // It may be there already: where a connection is cut, the answer to a commit that was made is lost.
    let known = persist!(app.store.holds(&claim, &credential, generation));
    if known == Some(generation) {
        claim.link.generation = generation;
        return Ok(Some((claim, credential)));
    }
    app.meters.renewal(Outcome::Superseded, &claim, None, None);
    if known.is_some() {
        // Somebody else has gone on with it since.
        return Ok(None);
    }
    // Unlinked, linked anew or uninstalled meanwhile: what came back is nobody's.
    persist!(
        app.store
            .discard(&claim, credential.clone(), app.clock.now())
    );
    app.wake_cleanup.notify_one();
    Ok(None)
}

/// `intended` says whether this claim has written an intent. If not, one that stands in the row is of an
/// earlier request, of which nothing is known, and it stays.
async fn refused(
    app: &App,
    claim: &Claim,
    credential: &Credential,
    error: RefreshError,
    intended: bool,
) -> Result<(), Error> {
    let now = app.clock.now();
    let rest = app.service_gate.ended(error.report(), claim.probe).await?;
    if let Some(rest) = rest {
        left_alone(&error, rest);
    }
    // Where it is not about this link: but if it were, another has to be the next probe.
    let gate = || (app.service_gate.opens_at() - now).max(0) + 1 + app.random.up_to(10);
    let (outcome, wait, given_back) = match &error {
        RefreshError::InvalidGrant => {
            // With an unknown outcome before it, the likely reason is that the answer with the next
            // refresh token was lost.
            let reason = if grant::has_ended(credential.consent, now) {
                ReconnectReason::ConsentEnded
            } else if claim.unsettled {
                ReconnectReason::RotationLost
            } else {
                ReconnectReason::Revoked
            };
            return give_up(app, claim, reason).await;
        }
        RefreshError::InvalidClient(_) => (Outcome::ClientRefused, gate(), GivenBack::Answered),
        RefreshError::Wait { .. } => (Outcome::ServiceWaits, gate(), GivenBack::Answered),
        RefreshError::Refused(_) => {
            let wait = backoff(app, claim, credential, now);
            (Outcome::Refused, wait, GivenBack::FailedAndAnswered)
        }
        RefreshError::NotSent(_) => {
            let wait = backoff(app, claim, credential, now);
            let given_back = if intended {
                GivenBack::FailedAndAnswered
            } else {
                GivenBack::Failed
            };
            (Outcome::NotSent, wait, given_back)
        }
        RefreshError::Unknown(_) => {
            let wait = backoff(app, claim, credential, now);
            (Outcome::Unknown, wait, GivenBack::Failed)
        }
    };
    let due_at = now + wait;
    app.meters
        .renewal(outcome, claim, Some(&error), Some(due_at));
    app.store.put_off(claim, due_at, given_back).await?;
    Ok(())
}

/// Says that nobody asks the service for a while, once for each while.
fn left_alone(error: &RefreshError, seconds: Seconds) {
    match error {
        RefreshError::InvalidClient(code) => tracing::error!(
            %code,
            seconds,
            "the service refuses this app: nothing can be renewed until its client registration is mended"
        ),
        _ => {
            tracing::warn!(%error, seconds, "the service is left alone; then one renewal shows whether it is back")
        }
    }
}

/// Full jitter, doubling from two seconds; quicker while there is a key or a refresh token to save.
fn backoff(app: &App, claim: &Claim, credential: &Credential, now: Seconds) -> Seconds {
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
    1 + app
        .random
        .up_to((2_i64 << claim.failures.clamp(0, 10)).min(most))
}

async fn give_up(app: &App, claim: &Claim, reason: ReconnectReason) -> Result<(), Error> {
    if app.store.reconnect(claim, reason).await? {
        app.meters
            .renewal(reason.into(), claim, Some(&reason.for_operator()), None);
    }
    Ok(())
}

async fn set_aside(
    app: &App,
    claim: &Claim,
    reason: AsideReason,
    until: Seconds,
) -> Result<(), Error> {
    app.meters.renewal(
        reason.into(),
        claim,
        Some(&reason.for_operator()),
        Some(until),
    );
    app.store.set_aside(claim, reason, until).await
}

/// Puts the newest key into Jira, minting it first where it is minted, and records it. From here on a
/// failure loses nothing: the row says that Jira lacks this generation.
///
/// # Errors
/// When the store is unavailable; the lease then brings the link back.
pub async fn publish(app: &App, claim: Claim, credential: Credential) -> Result<(), Error> {
    let (claim, credential) = if credential.api_key.is_some() {
        (claim, credential)
    } else {
        match mint(app, claim, credential).await? {
            Some((claim, credential)) => (claim, credential),
            None => return Ok(()),
        }
    };
    let Some(key) = &credential.api_key else {
        return Ok(());
    };
    reach(&app.clock, Moment::BeforePut, &claim.link).await;
    // The tenant as it is now: it may have been uninstalled, or have a new secret or address.
    let tenant = app
        .store
        .tenant(&claim.link.client_key)
        .await?
        .filter(|tenant| tenant.installation == claim.link.installation);
    let Some(tenant) = tenant else {
        return Ok(());
    };
    if !tenant.enabled {
        // Due at once when the app is enabled again; until then nobody claims it.
        app.store
            .put_off(&claim, app.clock.now(), GivenBack::Untried)
            .await?;
        return Ok(());
    }
    let now = app.clock.now();
    let opens_at = jira_opens_at(app, &tenant, &Method::PUT);
    if opens_at > now {
        // Jira has asked to wait since this was claimed, or it is a confirmation, which asks nobody.
        let due_at = opens_at + app.random.up_to(5);
        app.store
            .put_off(&claim, due_at, GivenBack::Untried)
            .await?;
        return Ok(());
    }
    let property = Property {
        version: 1,
        key: key_in_property(app, key)?,
        expires_at: rfc3339(key.expires_at),
        service: app.provider.name(),
        subject: &claim.link.identity.subject,
        display_name: &claim.link.identity.display_name,
        generation: claim.link.generation,
    };
    let put = app
        .jira
        .put_property(&tenant, &claim.link.account_id, &property, claim.purpose);
    match app.meters.timed(Step::Put, put).await {
        Ok(authority) => {
            reach(&app.clock, Moment::BeforeRecord, &claim.link).await;
            let as_person = authority == Authority::Person;
            if as_person != tenant.acts_as_user {
                app.store.remember_acts_as_user(&tenant, as_person).await?;
            }
            let now = app.clock.now();
            let due_at = due_at(app, key, &credential, now);
            let recorded = app
                .store
                .published(&claim, &credential, key.expires_at, now, due_at);
            let recorded = app.meters.timed(Step::Record, recorded).await?;
            let outcome = match recorded {
                true if claim.link.published.is_none() => Outcome::FirstKey,
                true => Outcome::Renewed,
                false => Outcome::Superseded,
            };
            app.meters.renewal(outcome, &claim, None, None);
            if !recorded || !credential.retiring.is_empty() {
                // The old key is revoked as work of its own, and so is what must not stay in Jira.
                app.wake_cleanup.notify_one();
            }
            Ok(())
        }
        Err(error) => unpublished(app, &claim, &credential, error).await,
    }
}

/// What stands in Jira in the place of a key.
fn key_in_property<'a>(app: &App, key: &'a ApiKey) -> Result<Option<KeyInProperty<'a>>, Error> {
    match &app.property {
        PropertyMode::Key => Ok(Some(KeyInProperty::Plain(key.key.expose()))),
        PropertyMode::Handle => Ok(None),
        PropertyMode::Sealed(to) => {
            let sealed = to.seal(&app.random, &key.key);
            let sealed = sealed.map_err(|error| Error::Internal(error.to_string()))?;
            Ok(Some(KeyInProperty::Sealed(sealed)))
        }
    }
}

/// Two thirds of a key's life after it was asked for, up to a tenth earlier so that many keys of one
/// moment spread out; or sooner, where the refresh token would run out unused, or the consent ends. Short
/// lives get a floor of a second.
fn due_at(app: &App, key: &ApiKey, credential: &Credential, now: Seconds) -> Seconds {
    let life = (key.expires_at - key.requested_at).max(1);
    let due_at = key.requested_at + life * 2 / 3 - app.random.up_to(life / 10);
    let refresh = grant::due_at(credential, &app.random);
    let consent = grant::look_at(credential.consent, now);
    [refresh, consent]
        .into_iter()
        .flatten()
        .fold(due_at, Seconds::min)
        .max(now + 1)
}

/// A later time to look at a link again, unless its refresh token has to be used before.
fn unless_it_runs_out(credential: &Credential, later: Seconds, now: Seconds) -> Seconds {
    grant::use_by(credential)
        .filter(|use_by| *use_by > now)
        .map_or(later, |use_by| later.min(use_by))
}

async fn mint(app: &App, claim: Claim, mut credential: Credential) -> Result<Next, Error> {
    // A link that has ended since gets no key: its grant may have ended too, and then nobody could delete
    // such a key.
    if !app.store.stands(&claim).await? {
        return Ok(None);
    }
    if let Some(signer) = signer(app).await? {
        let generation = claim.link.generation;
        let key = signer.key(&claim.link, generation, &credential.tokens)?;
        credential.api_key = Some(key);
        return commit(app, claim, credential, generation).await;
    }
    let now = app.clock.now();
    if app.service_gate.opens_at() > now && claim.probe.is_none() {
        return held_back(app, &claim).await;
    }
    let minted = app.provider.api_key(&credential.tokens);
    let error = match app.meters.timed(Step::Mint, minted).await {
        Ok(key) => {
            // It fills in what the generation lacked, and so makes no new one.
            credential.api_key = Some(key);
            let generation = claim.link.generation;
            return commit(app, claim, credential, generation).await;
        }
        Err(error) => error,
    };
    let wait = match &error {
        MintError::Wait { seconds } => {
            let report = Report::Wait(*seconds);
            app.service_gate.ended(report, claim.probe).await?;
            seconds.unwrap_or(10)
        }
        MintError::Unauthorized | MintError::Failed(_) => backoff(app, &claim, &credential, now),
    };
    if matches!(error, MintError::Unauthorized) {
        if credential.tokens.refresh_token.is_none() {
            give_up(app, &claim, ReconnectReason::Revoked).await?;
            return Ok(None);
        }
        // The access token has ended before its time: it counts as run out, so that the next try
        // refreshes it first.
        let mut spent = credential;
        spent.tokens.expires_at = Some(now);
        let generation = claim.link.generation;
        persist!(app.store.commit(&claim, &spent, generation));
    }
    let due_at = now + wait;
    app.meters
        .renewal(Outcome::NotMinted, &claim, Some(&error), Some(due_at));
    app.store.put_off(&claim, due_at, GivenBack::Failed).await?;
    Ok(None)
}

/// When a tenant's Jira may be called again with this method, after it or Jira as a whole has asked to
/// wait; in the past if it may be now.
pub fn jira_opens_at(app: &App, tenant: &Tenant, method: &Method) -> Seconds {
    let waits = tenant.waits.until(method);
    if *method == Method::GET {
        waits
    } else {
        waits.max(app.jira_gate.opens_at())
    }
}

/// Keeps to what Jira asks for, together with all replicas: the tenant waits, or calls to it with this
/// method, or all writes to any Jira until the hour. Says how long, in seconds.
///
/// # Errors
/// When the store is unavailable.
pub async fn leave_alone(
    app: &App,
    tenant: &Tenant,
    method: &Method,
    why: ParkReason,
    asked: Option<Seconds>,
    failures: i64,
) -> Result<Seconds, Error> {
    let now = app.clock.now();
    let seconds = time_to_wait(asked, failures, &app.random);
    tracing::warn!(tenant = %tenant.client_key, %method, seconds, why = why.as_str(), "Jira asks to wait");
    if why == ParkReason::GlobalQuota {
        let hour = app.quota.next_hour();
        app.jira_gate.close_until(hour).await?;
        return Ok(seconds.max(hour - now));
    }
    app.store
        .wait_for_tenant(tenant, Calls::meant(why, method), now + seconds, why)
        .await?;
    Ok(seconds)
}

/// Leaves a site alone for a short while where something else than Jira answers: all calls to it wait, and
/// nothing that was answered there is about a person. Says until when.
///
/// # Errors
/// When the store is unavailable.
pub async fn without_jira(app: &App, tenant: &Tenant, failures: i64) -> Result<Seconds, Error> {
    let until = app.clock.now() + time_without_jira(failures, &app.random);
    app.store
        .wait_for_tenant(tenant, Calls::Any, until, ParkReason::NotJira)
        .await?;
    Ok(until)
}

/// Jira has said that a person is gone. It may be mistaken for a moment, as when a site is moved, and what is
/// revoked is lost: it is believed when it says so again a minute later. Until then nothing ends.
async fn said_gone(app: &App, claim: &Claim) -> Result<(), Error> {
    let now = app.clock.now();
    let Some(since) = app.store.said_gone(claim, now).await? else {
        // The link has changed since it was claimed.
        return Ok(());
    };
    if now - since >= SAID_AGAIN {
        return close(app, claim).await;
    }
    let due_at = since + SAID_AGAIN;
    app.meters
        .renewal(Outcome::PersonMissing, claim, None, Some(due_at));
    app.store.put_off(claim, due_at, GivenBack::Untried).await?;
    Ok(())
}

/// Ends the link of a person who is gone from Jira.
async fn close(app: &App, claim: &Claim) -> Result<(), Error> {
    let now = app.clock.now();
    app.meters.renewal(Outcome::PersonGone, claim, None, None);
    app.store
        .unlink(&claim.tenant, &claim.link.account_id, now, now)
        .await?;
    app.wake_cleanup.notify_one();
    Ok(())
}

/// What Jira says about a person where it refuses a write.
enum Seen {
    /// They are there.
    There,
    /// They are not there any more, or deactivated: nobody may act for somebody who has left.
    Left,
    /// Nothing about them, but that the site is not there.
    NoSite(JiraError),
    /// Nothing.
    Unknown,
}

async fn look_for_person(app: &App, claim: &Claim) -> Seen {
    let (tenant, account) = (&claim.tenant, &claim.link.account_id);
    if jira_opens_at(app, tenant, &Method::GET) > app.clock.now() {
        return Seen::Unknown;
    }
    match app.jira.person(tenant, account, Purpose::Renewal).await {
        Ok(person) if person.active => Seen::There,
        Ok(_) | Err(JiraError::NotFound) => Seen::Left,
        Err(error @ JiraError::NotJira(_)) => Seen::NoSite(error),
        Err(_) => Seen::Unknown,
    }
}

async fn unpublished(
    app: &App,
    claim: &Claim,
    credential: &Credential,
    error: JiraError,
) -> Result<(), Error> {
    let now = app.clock.now();
    let tenant = &claim.tenant;
    let seen = match &error {
        JiraError::Forbidden => look_for_person(app, claim).await,
        _ => Seen::Unknown,
    };
    let (error, seen) = match seen {
        Seen::NoSite(error) => (error, Seen::Unknown),
        seen => (error, seen),
    };
    let (outcome, due_at) = match error {
        JiraError::NotFound => return said_gone(app, claim).await,
        JiraError::Forbidden if matches!(seen, Seen::Left) => return said_gone(app, claim).await,
        JiraError::Forbidden => {
            if matches!(seen, Seen::There) {
                let account = &claim.link.account_id;
                app.store.person_is_there(tenant, account).await?;
            }
            let rest = unless_it_runs_out(credential, now + REST, now);
            return set_aside(app, claim, AsideReason::JiraRefuses, rest).await;
        }
        JiraError::Wait { asked, why } => {
            let put = &Method::PUT;
            let seconds = leave_alone(app, tenant, put, why, asked, claim.failures).await?;
            (Outcome::JiraWaits, now + seconds + app.random.up_to(5))
        }
        // It keeps its place, and that points are used up is said once.
        JiraError::UsedUp => {
            let due_at = unless_it_runs_out(credential, app.quota.next_hour(), now);
            app.store.put_off(claim, due_at, GivenBack::Untried).await?;
            return Ok(());
        }
        // Nothing was sent; the lease brings it back.
        JiraError::Store(error) => return Err(error),
        JiraError::Unauthorized => {
            let until = now + PARKED;
            app.store
                .wait_for_tenant(tenant, Calls::Any, until, ParkReason::Unauthorized)
                .await?;
            (Outcome::JiraUnauthorized, until + app.random.up_to(30))
        }
        // The same for everybody there, so the tenant waits and not each link by itself.
        JiraError::IpAllowlist => {
            let until = now + PARKED;
            app.store
                .wait_for_tenant(tenant, Calls::Any, until, ParkReason::IpAllowlist)
                .await?;
            (Outcome::JiraAllowlist, until + app.random.up_to(30))
        }
        // The same for everybody there. Its own backoff besides, so that one link that always meets with
        // this leaves time to the others.
        JiraError::NotJira(_) => {
            let until = without_jira(app, tenant, claim.failures).await? + app.random.up_to(5);
            let due_at = until.max(now + backoff(app, claim, credential, now));
            app.meters
                .renewal(Outcome::NotJira, claim, Some(&error), Some(due_at));
            return app.store.perhaps_published(claim, now, due_at).await;
        }
        JiraError::Answered(_) | JiraError::NoAnswer(_) | JiraError::Nonsense => {
            let due_at = now + backoff(app, claim, credential, now);
            app.meters
                .renewal(Outcome::JiraFailed, claim, Some(&error), Some(due_at));
            return app.store.perhaps_published(claim, now, due_at).await;
        }
    };
    app.meters
        .renewal(outcome, claim, Some(&error), Some(due_at));
    app.store.put_off(claim, due_at, GivenBack::Failed).await?;
    Ok(())
}
