//! The verbs of linking: begin, look, authorize, returned, prove, confirm, cancel, unlink, and what the
//! lifecycle of the linking does to links.
//!
//! What makes it safe is the order. A code that comes back from the service is kept and not redeemed
//! until two witnesses have spoken. Jira names the person who is signed in where the login ended: the way
//! back leads through a page in Jira, which presents the handle that was made at the callback together
//! with a token of whoever looks. If that is the person who started, the attempt is proved, and nothing
//! more: the handle has travelled through Jira, where others may read it. The session cookie, which never
//! leaves this origin, says that it is the browser that brought the code. Only then is the code redeemed,
//! and only a click on a page that names both accounts links anything.

mod allowed;
mod look;
mod redeem;

use std::sync::Arc;
use std::time::Duration;

use crate::atlassian::connect::descriptor::FINISH_MODULE;
use crate::atlassian::connect::{ContextToken, Viewer};
use crate::clock::Seconds;
use crate::error::{Error, printable};
use crate::events::{Event, Events};
use crate::limits::Limits;
use crate::model::{
    Attempt, AttemptId, Authorizing, Code, Credential, Ending, Handle, IssueKey, Phase, Proved,
    Redeemed, Returned, Round, Tenant, Whereabouts,
};
use crate::outbound::encode;
use crate::parts::Parts;
use crate::secret::{Secret, same};
use crate::service::Service;
use crate::service::provider::CallbackQuery;
use crate::store::{Claim, LEASE, Lease};
use crate::{cleanup, grant, publishing};

pub use allowed::Customers;
use allowed::{allowed, ask_about};
pub use look::{BothAccounts, Introduction, Over, View, look, name_in_jira, status};
use look::{linked_as, page_token, replaces};

/// What linking works with.
pub struct Linking {
    /// What it shares with renewing and cleaning up.
    pub parts: Parts,
    /// Counts what a person may do only so often.
    pub limits: Arc<Limits>,
    /// Records security events.
    pub events: Events,
    /// Whether portal customers may connect.
    pub customers: Customers,
    /// Names this process among the replicas.
    pub replica: String,
    /// The Connect app, whose page the way back leads to.
    pub app_key: String,
}

/// How long an attempt lives, in seconds.
const ATTEMPT_LIFE: Seconds = 600;
/// How long a handle is good, in seconds.
const HANDLE_LIFE: Seconds = 300;
/// How long redeeming a code may take, in seconds: the token request, the keys of the ID token and the
/// identity endpoint take half a minute each at most. After that the process that asked has died.
const REDEEMING_LIFE: Seconds = 120;
/// The longest code that is kept and sent on, in bytes. RFC 6749 gives no limit; ones of 28 KB were seen.
const LONGEST_CODE: usize = 32 * 1024;
/// How many clicks on one button are sorted out before somebody is told to look again.
const CLICKS: u32 = 3;
/// How long a person who disconnects waits for the service and Jira. What takes longer goes on.
const UNLINK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the worker leaves to them what they wait for, in seconds.
const HANDS_OFF: Seconds = 15;

/// How a context token reached `/link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Travelled {
    /// In a form: the same token may begin again, as Jira's bridge caches tokens and people click twice.
    InForm,
    /// In an address, which gets around: only a token that never began anything is taken.
    InAddress,
}

/// Begins an attempt for whoever the token names, `another` if they want to choose an account at the
/// service. It replaces the attempt they had; what that one brought is revoked.
///
/// # Errors
/// [`Error::Unauthorized`] for a token that came in an address and was used before,
/// [`Error::NotAllowed`] for somebody who may not link, [`Error::TooMany`].
pub async fn begin(
    linking: &Linking,
    token: ContextToken,
    travelled: Travelled,
    issue: Option<IssueKey>,
    another: bool,
) -> Result<AttemptId, Error> {
    let now = linking.parts.clock.now();
    let (fingerprint, expires_at) = (token.fingerprint.clone(), token.expires_at);
    let viewer = token.viewer()?;
    linking.limits.begin(viewer.tenant(), viewer.account())?;
    // Remembered beyond its end by the leeway that verifiers grant.
    let unused = linking
        .parts
        .store
        .spend_token(&fingerprint, expires_at + 60)
        .await?;
    if travelled == Travelled::InAddress && !unused {
        linking
            .events
            .record(Event::Replay(&viewer.tenant().client_key, viewer.account()));
        return Err(Error::Unauthorized("the token was used before"));
    }
    allowed(linking, &viewer).await?;
    let id = linking
        .parts
        .store
        .begin_attempt(
            viewer.tenant(),
            viewer.account(),
            issue.as_ref(),
            another,
            now,
            ATTEMPT_LIFE,
        )
        .await?;
    // The grant of the attempt before is to be gone before they log in again.
    linking.parts.wake_cleanup.notify_one();
    tracing::info!(tenant = %viewer.tenant().client_key, account = %viewer.account(), attempt = %id, "an attempt to link began");
    Ok(id)
}

/// An attempt that is under way, for the browser whose session holds its id.
async fn under_way(linking: &Linking, id: &AttemptId) -> Result<(Tenant, Attempt), Error> {
    let now = linking.parts.clock.now();
    match linking.parts.store.attempt(id, now).await? {
        Some(found) => Ok(found),
        None if linking.parts.store.attempt_end(id, now).await?.is_some() => {
            Err(Error::AttemptOver("it ended, or was replaced"))
        }
        // Of everything that ends otherwise, the end is remembered.
        None => Err(Error::TimedOut("its time is over")),
    }
}

/// Ends an attempt because the person says so, on any of its pages. What it brought is revoked.
///
/// # Errors
/// When the store is unavailable; an attempt that is over already stays so.
pub async fn turn_back(linking: &Linking, id: &AttemptId) -> Result<(), Error> {
    let now = linking.parts.clock.now();
    linking
        .parts
        .store
        .end_attempt(id, Ending::Cancelled, now)
        .await?;
    linking.parts.wake_cleanup.notify_one();
    Ok(())
}

/// Sends the person to the service: the address to go to. With `another`, or where the attempt began so,
/// the service is asked to let them choose an account.
///
/// Whatever the attempt had come to, it starts over from here: a code that was not redeemed is dropped,
/// and what another one brought is revoked.
///
/// # Errors
/// [`Error::AttemptOver`], [`Error::TooMany`], and [`Error::ServiceUnreachable`] when the service cannot
/// be found.
pub async fn authorize(linking: &Linking, id: &AttemptId, another: bool) -> Result<String, Failed> {
    let mut tries = 1;
    loop {
        let (tenant, attempt) = under_way(linking, id).await?;
        match to_the_service(linking, &tenant, &attempt, another).await {
            // Another click on the same button was quicker. The browser shows the answer to the last one.
            Err(Error::OutOfDate) if tries < CLICKS => tries += 1,
            went => {
                return went.map_err(|error| Failed::of(error, &tenant, attempt.issue.as_ref()));
            }
        }
    }
}

async fn to_the_service(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    another: bool,
) -> Result<String, Error> {
    linking.limits.act(tenant, &attempt.account_id)?;
    if matches!(attempt.phase, Phase::Redeeming(_)) {
        return Err(Error::OutOfDate);
    }
    let state = linking.parts.random.token();
    let (code_verifier, nonce) = (linking.parts.random.token(), linking.parts.random.token());
    let choose = another || attempt.another;
    let url = linking
        .parts
        .service
        .authorize_url(&state, &nonce, &code_verifier, choose)
        .await?;
    let next = Phase::Authorizing(Authorizing {
        state_hash: state.fingerprint(),
        code_verifier,
        nonce,
    });
    let now = linking.parts.clock.now();
    let stepped = linking
        .parts
        .store
        .attempt_step(tenant, attempt, next, now)
        .await?;
    if stepped.is_none() {
        return Err(Error::OutOfDate);
    }
    linking.parts.wake_cleanup.notify_one();
    Ok(url)
}

/// Where the browser goes that came back from the service.
pub enum WayOn {
    /// To the finish page in Jira, by this address.
    Jira(String),
    /// To the page of the attempt: this callback was used before.
    Attempt(AttemptId),
}

/// Takes the person back from the service: finds the attempt of this browser that the answer is for,
/// checks the answer, keeps the code and redeems nothing.
///
/// # Errors
/// [`Error::AttemptOver`] for a `state` that is missing or of no attempt in `begun`,
/// [`Error::CameBack`] for what an answer says that is no code or not the service's,
/// [`Error::Denied`] when the person said no, [`Error::TooMany`].
pub async fn returned(
    linking: &Linking,
    begun: &[AttemptId],
    callback: CallbackQuery,
    from: Whereabouts,
) -> Result<WayOn, Failed> {
    let state_hash = callback
        .state
        .as_ref()
        .filter(|state| !state.expose().is_empty())
        .map(Secret::fingerprint);
    let found = match &state_hash {
        Some(state_hash) => of_this_state(linking, begun, state_hash).await?,
        None => None,
    };
    let (tenant, attempt, authorizing) = match found {
        Some(Answered::UnderWay(found)) => *found,
        // What was used before is used up, and what it says now counts for nothing.
        Some(Answered::Before(id)) => return Ok(WayOn::Attempt(id)),
        None => return Err(no_such_state(linking, begun).await),
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    no_refusal(linking, &tenant, &attempt, &callback).await?;
    let (id, now) = (&attempt.id, linking.parts.clock.now());
    let code = callback
        .code
        .filter(|code| (1..=LONGEST_CODE).contains(&code.expose().len()));
    let Some(code) = code else {
        return Err(failed(Error::AttemptOver("there is no code")));
    };
    let handle = linking.parts.random.token();
    let next = Phase::Returned(Returned {
        state_hash: authorizing.state_hash,
        handle: Handle {
            hash: handle.fingerprint(),
            expires_at: now + HANDLE_LIFE,
        },
        code: Code {
            code,
            code_verifier: authorizing.code_verifier,
            nonce: authorizing.nonce,
        },
        from,
    });
    let stepped = linking
        .parts
        .store
        .attempt_step(&tenant, &attempt, next, now)
        .await?;
    if stepped.is_none() {
        // The same callback twice at the same moment: the other one has the handle.
        return Ok(WayOn::Attempt(attempt.id));
    }
    let app_key = &linking.app_key;
    Ok(WayOn::Jira(finish_page(app_key, &tenant, id, &handle)))
}

/// The address of the finish page in Jira.
fn finish_page(app_key: &str, tenant: &Tenant, id: &AttemptId, handle: &Secret) -> String {
    format!(
        "{}/plugins/servlet/ac/{}/{FINISH_MODULE}?ac.attempt={}&ac.handle={}",
        tenant.base_url,
        encode(app_key),
        encode(id.as_str()),
        encode(handle.expose()),
    )
}

/// Whether the answer is the service's own and says neither no nor that something failed. Otherwise the
/// attempt is over, unless the issuer could not be found out.
async fn no_refusal(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    callback: &CallbackQuery,
) -> Result<(), Failed> {
    let Parts { store, service, .. } = &linking.parts;
    let failed = |error| Failed::of(error, tenant, attempt.issue.as_ref());
    let now = linking.parts.clock.now();
    if let Err(error) = service.check_issuer(callback).await {
        // Somebody else may hold the state by now.
        if matches!(error, Error::CameBack(_)) {
            linking
                .events
                .record(Event::WrongIssuer(&tenant.client_key, &attempt.account_id));
            store.end_attempt(&attempt.id, Ending::Failed, now).await?;
        }
        return Err(failed(error));
    }
    let Some(error) = &callback.error else {
        return Ok(());
    };
    store.end_attempt(&attempt.id, Ending::Failed, now).await?;
    Err(Failed {
        still: linked_as(linking, tenant, &attempt.account_id).await?,
        ..failed(refused_by_service(error))
    })
}

/// An attempt whose `state` an answer carries.
enum Answered {
    /// It waits for this answer.
    UnderWay(Box<(Tenant, Attempt, Authorizing)>),
    /// It has been answered with this state, or is over.
    Before(AttemptId),
}

/// The attempt of this browser that the service was given this `state` for.
async fn of_this_state(
    linking: &Linking,
    begun: &[AttemptId],
    state_hash: &str,
) -> Result<Option<Answered>, Error> {
    let now = linking.parts.clock.now();
    for id in begun.iter().rev() {
        if let Some((tenant, attempt)) = linking.parts.store.attempt(id, now).await? {
            let hash = attempt.phase.state_hash();
            if !hash.is_some_and(|hash| same(hash, state_hash)) {
                continue;
            }
            return Ok(Some(match &attempt.phase {
                Phase::Authorizing(authorizing) => {
                    let authorizing = authorizing.clone();
                    Answered::UnderWay(Box::new((tenant, attempt, authorizing)))
                }
                _ => Answered::Before(attempt.id),
            }));
        }
        let ended = linking.parts.store.attempt_end(id, now).await?;
        let hash = ended.and_then(|(_, ended)| ended.state_hash);
        if hash.is_some_and(|hash| same(&hash, state_hash)) {
            return Ok(Some(Answered::Before(id.clone())));
        }
    }
    Ok(None)
}

/// An answer with a state that no attempt of this browser has. The newest attempt, which goes on, says
/// whose browser it is.
async fn no_such_state(linking: &Linking, begun: &[AttemptId]) -> Failed {
    let why = Error::AttemptOver("the state is missing, used or another's");
    let now = linking.parts.clock.now();
    for id in begun.iter().rev() {
        if let Ok(Some((tenant, attempt))) = linking.parts.store.attempt(id, now).await {
            let issue = attempt.issue.as_ref();
            if let Err(too_many) = linking.limits.act(&tenant, &attempt.account_id) {
                return Failed::of(too_many, &tenant, issue);
            }
            linking
                .events
                .record(Event::WrongState(&tenant.client_key, &attempt.account_id));
            return Failed::of(why, &tenant, issue);
        }
    }
    why.into()
}

/// What the error of an authorization answer means (RFC 6749 section 4.1.2.1). Whoever has the browser
/// can write such an answer, so none of them is an error of the service.
fn refused_by_service(error: &str) -> Error {
    let said = format!("authorization endpoint: {}", printable(error));
    let meant = match error {
        "access_denied" => return Error::Denied,
        "invalid_scope" => Error::ScopeRefused(said),
        "invalid_client" | "unauthorized_client" | "unsupported_response_type" => {
            Error::AppRefused(said)
        }
        "server_error" | "temporarily_unavailable" => Error::ServiceUnreachable(said),
        _ => Error::ServiceRefused(said),
    };
    Error::CameBack(Box::new(meant))
}

/// An error of a page, with the ways on from it.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub error: Error,
    /// Where to go back to.
    pub back: Option<String>,
    /// The attempt that can begin again with one click.
    pub again: Option<AttemptId>,
    /// The attempt whose page says what holds now.
    pub look: Option<AttemptId>,
    /// The account at the service that stays connected all the same.
    pub still: Option<String>,
}

impl Failed {
    fn of(error: Error, tenant: &Tenant, issue: Option<&IssueKey>) -> Self {
        Self {
            back: Some(tenant.back(issue)),
            ..Self::from(error)
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            back: None,
            again: None,
            look: None,
            still: None,
        }
    }
}

/// The attempt, if this viewer started it and this is the handle that its browser was given. The first
/// mismatch ends the attempt for everybody: either somebody was lured, or somebody is trying.
async fn of_this_viewer(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<Attempt, Error> {
    let (tenant, attempt) = under_way(linking, id).await?;
    let now = linking.parts.clock.now();
    if attempt.client_key != viewer.tenant().client_key || attempt.account_id != *viewer.account() {
        linking.events.record(Event::RefusedProof {
            started: (&tenant.client_key, &attempt.account_id),
            finished: (&viewer.tenant().client_key, viewer.account()),
        });
        linking
            .parts
            .store
            .end_attempt(id, Ending::Refused, now)
            .await?;
        linking.parts.wake_cleanup.notify_one();
        let signed_in_as = match ask_about(linking, viewer).await {
            Ok(person) => person.map(|person| person.display_name),
            Err(_) => None,
        };
        return Err(Error::WrongPerson { signed_in_as });
    }
    let given = handle.fingerprint();
    let handle = attempt.phase.handle();
    if !handle.is_some_and(|handle| same(&handle.hash, &given)) {
        linking
            .events
            .record(Event::WrongHandle(&tenant.client_key, &attempt.account_id));
        linking
            .parts
            .store
            .end_attempt(id, Ending::Refused, now)
            .await?;
        linking.parts.wake_cleanup.notify_one();
        return Err(Error::WrongBrowser);
    }
    Ok(attempt)
}

/// Proves that whoever finishes is who started. Nothing is redeemed and nothing is told: that takes the
/// browser which brought the code. The same proof again gives the same, while the handle lives.
///
/// # Errors
/// [`Error::WrongPerson`] and [`Error::WrongBrowser`] end the attempt; [`Error::TimedOut`] for a handle
/// that is too old; [`Error::TooMany`].
pub async fn prove(
    linking: &Linking,
    viewer: Viewer,
    id: &AttemptId,
    handle: &Secret,
    from: Whereabouts,
) -> Result<(), Error> {
    linking.limits.act(viewer.tenant(), viewer.account())?;
    match prove_once(linking, &viewer, id, handle, from).await {
        // Its page says what became of it, also when the proof is loaded again after that.
        Err(Error::AttemptOver(_)) if was_proved_by(linking, &viewer, id, handle).await? => Ok(()),
        proved => proved,
    }
}

async fn prove_once(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
    from: Whereabouts,
) -> Result<(), Error> {
    let attempt = of_this_viewer(linking, viewer, id, handle).await?;
    let now = linking.parts.clock.now();
    let too_old = attempt
        .phase
        .handle()
        .is_none_or(|handle| handle.expires_at <= now);
    let Phase::Returned(returned) = &attempt.phase else {
        return match too_old {
            true => Err(Error::TimedOut("the handle has expired")),
            false => Ok(()),
        };
    };
    if too_old {
        linking
            .parts
            .store
            .end_attempt(id, Ending::Failed, now)
            .await?;
        return Err(Error::TimedOut("the handle has expired"));
    }
    let tenant = viewer.tenant();
    let proved_elsewhere = returned.from != from;
    if proved_elsewhere {
        linking
            .events
            .record(Event::ProvedElsewhere(&tenant.client_key, viewer.account()));
    }
    let next = proved(returned, proved_elsewhere);
    let stepped = linking
        .parts
        .store
        .attempt_step(tenant, &attempt, next, now)
        .await?;
    if stepped.is_some() {
        return Ok(());
    }
    // The same proof twice at the same moment, or the attempt has ended in it.
    of_this_viewer(linking, viewer, id, handle)
        .await
        .map(|_| ())
}

/// The phase after the proof.
fn proved(returned: &Returned, proved_elsewhere: bool) -> Phase {
    Phase::Proved(Proved {
        round: Round {
            state_hash: returned.state_hash.clone(),
            handle: returned.handle.clone(),
            proved_elsewhere,
        },
        code: returned.code.clone(),
    })
}

/// Whether an attempt that was connected was proved by this viewer with this handle, which still lives.
async fn was_proved_by(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<bool, Error> {
    let now = linking.parts.clock.now();
    let ended = linking.parts.store.attempt_end(id, now).await?;
    Ok(ended.is_some_and(|(tenant, ended)| {
        ended.how == Ending::Connected
            && tenant.client_key == viewer.tenant().client_key
            && ended.account_id == *viewer.account()
            && ended.handle.is_some_and(|given| {
                given.expires_at > now && same(&given.hash, &handle.fingerprint())
            })
    }))
}

/// Links: stores it, gets the API key, and puts it into Jira. When Jira or the key endpoint fails now,
/// the link stands and the worker goes on. `page` is the token of the page that was confirmed.
///
/// Confirming what is connected already changes nothing.
///
/// # Errors
/// [`Error::OutOfDate`] when the page is not the one with these accounts, or nothing is there to be
/// confirmed; [`Error::AttemptOver`], [`Error::TimedOut`] and [`Error::TooMany`].
pub async fn confirm(linking: &Arc<Linking>, id: &AttemptId, page: &str) -> Result<(), Failed> {
    match link(linking, id, page).await {
        // It is linked by another click, of before or of the same moment: at any step of this one.
        Err(Failed {
            error: Error::OutOfDate | Error::AttemptOver(_),
            ..
        }) if is_connected(linking, id).await? => Ok(()),
        linked => linked,
    }
}

/// Whether an attempt has ended with a link.
async fn is_connected(linking: &Linking, id: &AttemptId) -> Result<bool, Error> {
    let now = linking.parts.clock.now();
    let end = linking.parts.store.attempt_end(id, now).await?;
    Ok(end.is_some_and(|(_, ended)| ended.how == Ending::Connected))
}

/// Makes a link of an attempt, if the page that was clicked shows both of its accounts.
async fn link(linking: &Arc<Linking>, id: &AttemptId, page: &str) -> Result<(), Failed> {
    let (tenant, attempt) = under_way(linking, id).await?;
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    let Phase::Redeemed(redeemed) = &attempt.phase else {
        return Err(failed(Error::OutOfDate));
    };
    let account = &attempt.account_id;
    let replaces = replaces(linking, &tenant, account, &redeemed.identity).await?;
    if !same(page, &page_token(redeemed, replaces.as_ref())) {
        // What it replaces is replaced once another click has linked.
        if !is_connected(linking, id).await? {
            linking
                .events
                .record(Event::WrongPage(&tenant.client_key, account));
        }
        return Err(failed(Error::OutOfDate));
    }
    let credential = credential_of(&linking.parts.service, redeemed);
    let now = linking.parts.clock.now();
    let lease = Lease {
        owner: &linking.replica,
        until: now + LEASE,
    };
    let store = &linking.parts.store;
    let (identity, sealed) = (&redeemed.identity, credential.clone());
    let claim = store.confirm(&tenant, &attempt, identity, sealed, lease, now);
    let Some(claim) = claim.await? else {
        return Err(failed(Error::AttemptOver("it ended meanwhile")));
    };
    tracing::info!(tenant = %tenant.client_key, account = %account, attempt = %id, "an account was linked");
    let credential = match &claim.credential {
        Ok(with_what_it_replaces) => with_what_it_replaces.clone(),
        Err(_) => credential,
    };
    publish_first_key(linking, claim, credential)
        .await
        .map_err(failed)
}

/// The credential of a new link.
fn credential_of(service: &Service, redeemed: &Redeemed) -> Credential {
    let tokens = &redeemed.tokens;
    let (consent, refresh_ends_at) = grant::begun(tokens, service.grant_lives());
    Credential {
        tokens: tokens.clone(),
        consent,
        refresh_ends_at,
        previous_refresh_token: None,
        lingering: Vec::new(),
        api_key: (!service.makes_keys()).then(|| service.token_as_key(tokens)),
        retiring: Vec::new(),
    }
}

/// Publishes in a task of its own, which goes on when the browser hangs up.
async fn publish_first_key(
    linking: &Arc<Linking>,
    claim: Claim,
    credential: Credential,
) -> Result<(), Error> {
    let task = tokio::spawn({
        let linking = linking.clone();
        async move { publishing::publish(&linking.parts, claim, credential).await }
    });
    match task.await {
        Ok(Ok(())) => Ok(()),
        // The link is there; its lease brings it back to the worker.
        Ok(Err(error)) => {
            tracing::warn!(%error, "the first key was not recorded yet");
            Ok(())
        }
        Err(_) => Err(Error::Internal("publishing a key panicked".to_owned())),
    }
}

/// Ends an attempt because the person says so in Jira. What it brought is revoked.
///
/// # Errors
/// As [`prove`].
pub async fn cancel(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<(), Error> {
    linking.limits.act(viewer.tenant(), viewer.account())?;
    of_this_viewer(linking, viewer, id, handle).await?;
    turn_back(linking, id).await
}

/// Takes a link away: it is gone when this returns, its tokens are revoked and the property is deleted
/// now or, where that fails, as soon as it goes.
///
/// # Errors
/// [`Error::TooMany`], and when the store is unavailable.
pub async fn unlink(linking: &Arc<Linking>, viewer: &Viewer) -> Result<(), Error> {
    linking.limits.act(viewer.tenant(), viewer.account())?;
    let now = linking.parts.clock.now();
    let hands_off_until = now + HANDS_OFF;
    let left = linking
        .parts
        .store
        .unlink(viewer.tenant(), viewer.account(), now, hands_off_until)
        .await?;
    if left.is_empty() {
        return Ok(());
    }
    tracing::info!(tenant = %viewer.tenant().client_key, account = %viewer.account(), "an account was unlinked");
    let task = tokio::spawn({
        let linking = linking.clone();
        async move { cleanup::run_these(&linking.parts, &left, hands_off_until).await }
    });
    match tokio::time::timeout(UNLINK_PATIENCE, task).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "cleaning up after an unlink goes on later"),
        Ok(Err(_)) => return Err(Error::Internal("cleaning up panicked".to_owned())),
        Err(_) => tracing::warn!("cleaning up after an unlink takes long and goes on"),
    }
    Ok(())
}

/// Brings a renewal forward.
///
/// # Errors
/// [`Error::NotLinked`] when there is nothing to renew, [`Error::TooMany`].
pub async fn renew(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    linking.limits.renew(viewer.tenant(), viewer.account())?;
    let now = linking.parts.clock.now();
    if !linking
        .parts
        .store
        .renew_now(viewer.tenant(), viewer.account(), now)
        .await?
    {
        return Err(Error::NotLinked);
    }
    linking.parts.wake.notify_one();
    Ok(())
}
