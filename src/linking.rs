//! The verbs of linking: begin, authorize, returned, prove, confirm, cancel, unlink, and what the
//! lifecycle of the app does to links.
//!
//! What makes it safe is the order. A code that comes back from the service is kept and not redeemed
//! until two things meet in one request: the handle, which was made at the callback and is known only to
//! the browser that brought the code, and a context token, by which Jira names the person signed in
//! there. Only if that is the person who started is the code redeemed, and only a click on a page that
//! names both accounts links anything.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Serialize;

use crate::App;
use crate::budget::{Probe, Purpose, Report};
use crate::clock::Seconds;
use crate::config::Customers;
use crate::connect::descriptor::FINISH_MODULE;
use crate::connect::qsh::encode;
use crate::connect::{ContextToken, Viewer};
use crate::error::{Error, Refusal, printable};
use crate::events::Event;
use crate::jira::JiraError;
use crate::model::{
    AccountId, AccountKind, Attempt, AttemptId, Authorizing, Credential, IssueKey, LinkState,
    LinkStatus, ParkReason, Person, Phase, Proved, Returned, Tenant,
};
use crate::provider::CallbackQuery;
use crate::renewal::LEASE;
use crate::secret::{Secret, same};
use crate::{cleanup, grant, renewal};

/// How long an attempt lives, in seconds.
pub const ATTEMPT_LIFE: Seconds = 600;
/// How long a handle is good, in seconds.
const HANDLE_LIFE: Seconds = 300;
/// How long what Jira said about a person is believed, in seconds.
const PERSON_FRESH_FOR: Seconds = 24 * 3600;
/// The same for somebody who may not link: an admin may just have mended it.
const REFUSED_FRESH_FOR: Seconds = 60;
/// How long a person who disconnects waits for the service and Jira. What takes longer goes on.
const UNLINK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the worker leaves to them what they wait for, in seconds.
const HANDS_OFF: Seconds = 15;

/// Both accounts, for the person to look at before they are linked.
#[derive(Debug, Serialize)]
pub struct BothAccounts {
    jira: JiraAccount,
    service: ServiceAccount,
    /// The account at the service that would be replaced, if it is another.
    replaces: Option<Replaced>,
    /// Names of other people at this site who are connected to the same account, three at most. Nothing
    /// is taken away from them.
    #[serde(rename = "alsoLinkedBy", skip_serializing_if = "Vec::is_empty")]
    also_linked_by: Vec<String>,
    /// Where the person came from.
    back: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JiraAccount {
    site: String,
    account_id: String,
    display_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccount {
    name: String,
    subject: String,
    display_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replaced {
    subject: String,
    display_name: String,
}

/// What the linking page shows.
#[derive(Debug)]
pub struct Introduction {
    /// The person's name in Jira.
    pub person: String,
    /// Host of the site.
    pub site: String,
    /// Where they came from.
    pub issue: Option<IssueKey>,
    /// The account at the service that is linked already, and works.
    pub linked_as: Option<String>,
    /// Whether they come to connect another account than the one they are logged in to at the service.
    pub another: bool,
    /// Whether the service can be asked to let them choose. Where it cannot, logging out there is the
    /// only way to another account.
    pub may_choose: bool,
}

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
    app: &App,
    token: ContextToken,
    travelled: Travelled,
    issue: Option<IssueKey>,
    another: bool,
) -> Result<AttemptId, Error> {
    let now = app.clock.now();
    let (fingerprint, expires_at) = (token.fingerprint.clone(), token.expires_at);
    let viewer = token.viewer()?;
    app.limits.begin(viewer.tenant(), viewer.account())?;
    // Remembered beyond its end by the leeway that verifiers grant.
    let unused = app.store.spend_token(&fingerprint, expires_at + 60).await?;
    if travelled == Travelled::InAddress && !unused {
        app.events
            .record(Event::Replay(&viewer.tenant().client_key, viewer.account()));
        return Err(Error::Unauthorized("the token was used before"));
    }
    allowed(app, &viewer).await?;
    let id = app
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
    app.wake_cleanup.notify_one();
    tracing::info!(tenant = %viewer.tenant().client_key, account = %viewer.account(), attempt = %id, "an attempt to link began");
    Ok(id)
}

/// Whether somebody may link. Jira decides; the prefix of portal customers' ids only refuses early.
async fn allowed(app: &App, viewer: &Viewer) -> Result<Person, Error> {
    let refuse = |why| {
        app.events.record(Event::Refused(
            why,
            &viewer.tenant().client_key,
            viewer.account(),
        ));
        Err(Error::NotAllowed(why))
    };
    if let Some(why) = refused_early(app, viewer.account()) {
        return refuse(why);
    }
    let person = ask_about(app, viewer).await?;
    match person.as_ref().map(|person| refused(app, person)) {
        Some(None) => person.ok_or(Error::NotAllowed(Refusal::Deactivated)),
        Some(Some(why)) => refuse(why),
        None => refuse(Refusal::Deactivated),
    }
}

fn refused_early(app: &App, account: &AccountId) -> Option<Refusal> {
    (account.as_str().starts_with("qm:") && app.customers == Customers::Deny)
        .then_some(Refusal::Customer)
}

fn refused(app: &App, person: &Person) -> Option<Refusal> {
    match person.kind {
        AccountKind::Customer if app.customers == Customers::Deny => Some(Refusal::Customer),
        AccountKind::App => Some(Refusal::App),
        AccountKind::Unknown => Some(Refusal::UnknownKind),
        AccountKind::Atlassian | AccountKind::Customer if !person.active => {
            Some(Refusal::Deactivated)
        }
        AccountKind::Atlassian | AccountKind::Customer => None,
    }
}

/// What Jira says about a person, asked at most once a day. None when it does not know them.
async fn ask_about(app: &App, viewer: &Viewer) -> Result<Option<Person>, Error> {
    let now = app.clock.now();
    let (tenant, account) = (viewer.tenant(), viewer.account());
    if let Some((person, checked_at)) = app.store.person(tenant, account).await? {
        let fresh_for = if refused(app, &person).is_none() {
            PERSON_FRESH_FOR
        } else {
            REFUSED_FRESH_FOR
        };
        if now - checked_at < fresh_for {
            return Ok(Some(person));
        }
    }
    let busy = |seconds| {
        Err(Error::JiraBusy {
            retry_after: seconds,
        })
    };
    let opens_at = renewal::jira_opens_at(app, tenant, &Method::GET);
    if opens_at > now {
        return match tenant.wait_reason {
            ParkReason::IpAllowlist => Err(Error::IpAllowlist),
            _ => busy(opens_at - now),
        };
    }
    match app.jira.person(tenant, account, Purpose::Person).await {
        Ok(person) => {
            app.store
                .remember_person(tenant, account, &person, now)
                .await?;
            Ok(Some(person))
        }
        Err(JiraError::NotFound) => Ok(None),
        Err(JiraError::Wait { asked, why }) => {
            busy(renewal::leave_alone(app, tenant, &Method::GET, why, asked, 0).await?)
        }
        Err(JiraError::UsedUp) => busy(app.quota.next_hour() - now),
        Err(JiraError::IpAllowlist) => Err(Error::IpAllowlist),
        Err(JiraError::Store(error)) => Err(error),
        Err(error) => Err(Error::JiraUnreachable(error.to_string())),
    }
}

/// An attempt that is under way, for the browser whose session holds its id.
async fn under_way(app: &App, id: &AttemptId) -> Result<(Tenant, Attempt), Error> {
    let now = app.clock.now();
    match app.store.attempt(id, now).await? {
        Some(found) => Ok(found),
        None if app.store.attempt_ran_out(id, now).await? => {
            Err(Error::TimedOut("its time is over"))
        }
        None => Err(Error::AttemptOver("it ended, was replaced, or expired")),
    }
}

/// What the linking page shows.
///
/// # Errors
/// [`Error::AttemptOver`].
pub async fn introduce(app: &App, id: &AttemptId) -> Result<Introduction, Error> {
    let (tenant, attempt) = under_way(app, id).await?;
    let person = app.store.person(&tenant, &attempt.account_id).await?;
    let link = app.store.link(&tenant, &attempt.account_id).await?;
    // One that only the person can bring back is no connection to be warned about.
    let linked_as = link
        .filter(|link| !matches!(link.state, LinkState::Reconnect(_)))
        .map(|link| link.identity.display_name);
    let matters = attempt.another || linked_as.is_some();
    Ok(Introduction {
        person: person.map_or_else(
            || attempt.account_id.to_string(),
            |(person, _)| person.display_name,
        ),
        site: tenant.site().to_owned(),
        issue: attempt.issue,
        linked_as,
        another: attempt.another,
        // A page must not fail because of what is only a hint on it.
        may_choose: matters && app.provider.lets_choose().await.unwrap_or(false),
    })
}

/// Ends an attempt on its first page. Returns where the person came from.
///
/// # Errors
/// [`Error::AttemptOver`].
pub async fn turn_back(app: &App, id: &AttemptId) -> Result<String, Error> {
    let (tenant, attempt) = under_way(app, id).await?;
    app.store.end_attempt(id, app.clock.now()).await?;
    Ok(tenant.back(attempt.issue.as_ref()))
}

/// Sends the person to the service: the address to go to. With `another`, or where the attempt began so,
/// the service is asked to let them choose an account.
///
/// # Errors
/// [`Error::AttemptOver`], [`Error::TooMany`], and [`Error::ServiceUnreachable`] when the service cannot
/// be found.
pub async fn authorize(app: &App, id: &AttemptId, another: bool) -> Result<String, Failed> {
    let (tenant, attempt) = under_way(app, id).await?;
    to_the_service(app, &tenant, &attempt, another)
        .await
        .map_err(|error| Failed {
            error,
            back: Some(tenant.back(attempt.issue.as_ref())),
        })
}

async fn to_the_service(
    app: &App,
    tenant: &Tenant,
    attempt: &Attempt,
    another: bool,
) -> Result<String, Error> {
    app.limits.act(tenant, &attempt.account_id)?;
    if !matches!(attempt.phase, Phase::Begun | Phase::Authorizing(_)) {
        return Err(Error::AttemptOver(
            "it has come back from the service already",
        ));
    }
    let state = app.random.token();
    let kept = Authorizing {
        state_hash: state.fingerprint(),
        code_verifier: app.random.token(),
        nonce: app.random.token(),
    };
    let url = app
        .provider
        .authorize_url(
            &state,
            &kept.nonce,
            &kept.code_verifier,
            another || attempt.another,
        )
        .await?;
    if !app
        .store
        .attempt_authorizing(tenant, &attempt.id, &kept, app.clock.now())
        .await?
    {
        return Err(Error::AttemptOver("it ended meanwhile"));
    }
    Ok(url)
}

/// Takes the person back from the service: checks the answer, keeps the code, redeems nothing. Returns
/// the way back through Jira.
///
/// # Errors
/// [`Error::AttemptOver`] for a `state` that is missing or another's, [`Error::ServiceRefused`] for
/// another issuer's answer, [`Error::Denied`] when the person said no, [`Error::TooMany`].
pub async fn returned(
    app: &App,
    id: &AttemptId,
    callback: CallbackQuery,
) -> Result<String, Failed> {
    let (tenant, attempt) = under_way(app, id).await?;
    let back = tenant.back(attempt.issue.as_ref());
    let failed = |error| Failed {
        error,
        back: Some(back.clone()),
    };
    app.limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    let state_hash = callback
        .state
        .as_ref()
        .filter(|state| !state.expose().is_empty())
        .map(Secret::fingerprint)
        .unwrap_or_default();
    let authorizing = match attempt.phase {
        Phase::Authorizing(authorizing) if same(&authorizing.state_hash, &state_hash) => {
            authorizing
        }
        _ => {
            app.events
                .record(Event::WrongState(&tenant.client_key, &attempt.account_id));
            return Err(failed(Error::AttemptOver(
                "the state is missing, used or another's",
            )));
        }
    };
    let now = app.clock.now();
    if let Err(error) = app.provider.check_issuer(&callback).await {
        // Somebody else may hold the state by now.
        if matches!(error, Error::ServiceRefused(_)) {
            app.events
                .record(Event::WrongIssuer(&tenant.client_key, &attempt.account_id));
            app.store.end_attempt(id, now).await?;
        }
        return Err(failed(error));
    }
    if let Some(error) = callback.error {
        app.store.end_attempt(id, now).await?;
        return Err(failed(refused_by_service(&error)));
    }
    let Some(code) = callback.code.filter(|code| !code.expose().is_empty()) else {
        return Err(failed(Error::AttemptOver("there is no code")));
    };
    let handle = app.random.token();
    let kept = Returned {
        code,
        code_verifier: authorizing.code_verifier,
        nonce: authorizing.nonce,
        handle_hash: handle.fingerprint(),
        handle_expires_at: now + HANDLE_LIFE,
    };
    if !app
        .store
        .attempt_returned(&tenant, id, &state_hash, &kept, now)
        .await?
    {
        return Err(failed(Error::AttemptOver("the state was used meanwhile")));
    }
    Ok(format!(
        "{}/plugins/servlet/ac/{}/{FINISH_MODULE}?ac.attempt={}&ac.handle={}",
        tenant.base_url,
        encode(&app.connect.app_key),
        encode(id.as_str()),
        encode(handle.expose()),
    ))
}

/// What the error of an authorization answer means (RFC 6749 section 4.1.2.1).
fn refused_by_service(error: &str) -> Error {
    let said = format!("authorization endpoint: {}", printable(error));
    match error {
        "access_denied" => Error::Denied,
        "invalid_scope" => Error::ScopeRefused(said),
        "invalid_client" | "unauthorized_client" | "unsupported_response_type" => {
            Error::AppRefused(said)
        }
        "server_error" | "temporarily_unavailable" => Error::ServiceUnreachable(said),
        _ => Error::ServiceRefused(said),
    }
}

/// An error of a page, with the way back where it is known.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub error: Error,
    /// Where to go back to.
    pub back: Option<String>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, back: None }
    }
}

/// The attempt, if this viewer started it and this is the browser that came back. The first mismatch
/// ends the attempt for everybody: either somebody was lured, or somebody is trying.
async fn of_this_viewer(
    app: &App,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<Attempt, Error> {
    let (tenant, attempt) = under_way(app, id).await?;
    let now = app.clock.now();
    if attempt.client_key != viewer.tenant().client_key || attempt.account_id != *viewer.account() {
        app.events.record(Event::RefusedProof {
            started: (&tenant.client_key, &attempt.account_id),
            finished: (&viewer.tenant().client_key, viewer.account()),
        });
        app.store.end_attempt(id, now).await?;
        let signed_in_as = match ask_about(app, viewer).await {
            Ok(person) => person.map(|person| person.display_name),
            Err(_) => None,
        };
        return Err(Error::WrongPerson { signed_in_as });
    }
    let given = handle.fingerprint();
    let right = match &attempt.phase {
        Phase::Returned(returned) => same(&returned.handle_hash, &given),
        Phase::Proved(proved) => same(&proved.handle_hash, &given),
        // While the code is being redeemed the handle is out of sight; whoever asks now is too late
        // with the right one and ends nothing with a wrong one.
        Phase::Redeeming => return Err(used(app, &attempt)),
        Phase::Begun | Phase::Authorizing(_) => false,
    };
    if !right {
        app.events
            .record(Event::WrongHandle(&tenant.client_key, &attempt.account_id));
        app.store.end_attempt(id, now).await?;
        return Err(Error::WrongBrowser);
    }
    Ok(attempt)
}

fn used(app: &App, attempt: &Attempt) -> Error {
    app.events
        .record(Event::Reused(&attempt.client_key, &attempt.account_id));
    Error::AlreadyUsed
}

/// Proves that whoever finishes is who started, and only then redeems the code.
///
/// # Errors
/// [`Error::WrongPerson`] and [`Error::WrongBrowser`] end the attempt; [`Error::AlreadyUsed`] for a
/// handle that has proved once; [`Error::TooMany`].
pub async fn prove(
    app: &Arc<App>,
    viewer: Viewer,
    id: AttemptId,
    handle: Secret,
) -> Result<BothAccounts, Error> {
    app.limits.act(viewer.tenant(), viewer.account())?;
    let attempt = of_this_viewer(app, &viewer, &id, &handle).await?;
    let Phase::Returned(returned) = &attempt.phase else {
        return Err(used(app, &attempt));
    };
    let now = app.clock.now();
    if returned.handle_expires_at <= now {
        app.store.end_attempt(&id, now).await?;
        return Err(Error::TimedOut("the handle has expired"));
    }
    // Before the handle is used up: while the service is left alone, it stays good.
    let probe = app.service_gate.admit().await?;
    if !app
        .store
        .attempt_redeem(&id, &returned.handle_hash, now)
        .await?
    {
        if let Some(probe) = probe {
            app.service_gate.release(probe).await?;
        }
        return Err(used(app, &attempt));
    }
    // In a task of its own: a browser that hangs up must not lose what the service has given.
    let task = tokio::spawn({
        let app = app.clone();
        let viewer = viewer.clone();
        async move { redeem(&app, &viewer, attempt, probe).await }
    });
    task.await
        .map_err(|_| Error::Internal("redeeming a code panicked".to_owned()))?
}

async fn redeem(
    app: &App,
    viewer: &Viewer,
    attempt: Attempt,
    probe: Option<Probe>,
) -> Result<BothAccounts, Error> {
    let tenant = viewer.tenant();
    let Phase::Returned(returned) = &attempt.phase else {
        return Err(Error::AlreadyUsed);
    };
    if let Err(error) = app.service_pace.make_room().await {
        tracing::warn!(%error, "a token request could not be announced to others");
    }
    let redeemed = app
        .provider
        .redeem(&returned.code, &returned.code_verifier, &returned.nonce)
        .await;
    let outcome = match &redeemed {
        Err(error) if matches!(error.why, Error::ServiceUnreachable(_)) => Report::Failed,
        _ => Report::Answered,
    };
    if let Err(error) = app.service_gate.ended(outcome, probe).await {
        tracing::warn!(%error, "how a token request ended could not be told to others");
    }
    let now = app.clock.now();
    let (identity, tokens) = match redeemed {
        Ok(redeemed) => redeemed,
        Err(error) => {
            app.store.end_attempt(&attempt.id, now).await?;
            if let Some(tokens) = error.brought {
                app.store
                    .revoke_unlinked(tenant, &attempt.account_id, "", &tokens, now)
                    .await?;
                app.wake_cleanup.notify_one();
            }
            return Err(error.why);
        }
    };
    let proved = Proved {
        handle_hash: returned.handle_hash.clone(),
        identity,
        tokens,
    };
    if !app
        .store
        .attempt_proved(tenant, &attempt, &proved, now)
        .await?
    {
        return Err(Error::AttemptOver("it ended while the code was redeemed"));
    }
    let identity = proved.identity;
    let person = app.store.person(tenant, &attempt.account_id).await?;
    let replaces = app
        .store
        .link(tenant, &attempt.account_id)
        .await?
        .map(|link| link.identity)
        .filter(|linked| linked.subject != identity.subject)
        .map(|linked| Replaced {
            subject: linked.subject,
            display_name: linked.display_name,
        });
    let also_linked_by = app
        .store
        .others_linked(tenant, &attempt.account_id, &identity.subject)
        .await?;
    Ok(BothAccounts {
        jira: JiraAccount {
            site: tenant.site().to_owned(),
            display_name: person.map_or_else(
                || attempt.account_id.to_string(),
                |(person, _)| person.display_name,
            ),
            account_id: attempt.account_id.0,
        },
        service: ServiceAccount {
            name: app.provider.name().to_owned(),
            subject: identity.subject,
            display_name: identity.display_name,
        },
        replaces,
        also_linked_by,
        back: tenant.back(attempt.issue.as_ref()),
    })
}

/// Links: stores it, gets the API key, and puts it into Jira. When Jira or the key endpoint fails now,
/// the link stands and the worker goes on. Returns what the person sees, and where they came from.
///
/// # Errors
/// As [`prove`]; [`Error::AttemptOver`] when it is confirmed twice.
pub async fn confirm(
    app: &Arc<App>,
    viewer: Viewer,
    id: AttemptId,
    handle: Secret,
) -> Result<(LinkStatus, String), Error> {
    app.limits.act(viewer.tenant(), viewer.account())?;
    let attempt = of_this_viewer(app, &viewer, &id, &handle).await?;
    let Phase::Proved(proved) = &attempt.phase else {
        return Err(Error::AttemptOver("it is not proved yet"));
    };
    let now = app.clock.now();
    let (consent, refresh_ends_at) = grant::begun(&proved.tokens, app.provider.grant_lives());
    let credential = Credential {
        tokens: proved.tokens.clone(),
        consent,
        refresh_ends_at,
        previous_refresh_token: None,
        lingering: Vec::new(),
        api_key: (!app.provider.mints()).then(|| app.provider.token_as_key(&proved.tokens)),
        retiring: Vec::new(),
    };
    let claim = app
        .store
        .confirm(
            viewer.tenant(),
            &attempt,
            &proved.handle_hash,
            &proved.identity,
            credential.clone(),
            &app.replica,
            now,
            now + LEASE,
        )
        .await?
        .ok_or(Error::AttemptOver("it was confirmed before, or ended"))?;
    tracing::info!(tenant = %viewer.tenant().client_key, account = %viewer.account(), attempt = %id, "an account was linked");
    let credential = match &claim.credential {
        Ok(with_what_it_replaces) => with_what_it_replaces.clone(),
        Err(_) => credential,
    };
    let task = tokio::spawn({
        let app = app.clone();
        async move { renewal::publish(&app, claim, credential).await }
    });
    match task.await {
        Ok(Ok(())) => {}
        // The link stands; its lease brings it back to the worker.
        Ok(Err(error)) => tracing::warn!(%error, "the first key was not recorded yet"),
        Err(_) => return Err(Error::Internal("publishing a key panicked".to_owned())),
    }
    let back = viewer.tenant().back(attempt.issue.as_ref());
    let status = status(app, &viewer).await?;
    Ok((status, back))
}

/// Ends an attempt because the person says so. What it brought is revoked.
///
/// # Errors
/// As [`prove`].
pub async fn cancel(
    app: &App,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<(), Error> {
    app.limits.act(viewer.tenant(), viewer.account())?;
    of_this_viewer(app, viewer, id, handle).await?;
    app.store.end_attempt(id, app.clock.now()).await?;
    app.wake_cleanup.notify_one();
    Ok(())
}

/// What a person sees in the issue.
///
/// # Errors
/// [`Error::NotAllowed`] for somebody of whom it is known that they may not link.
pub async fn status(app: &App, viewer: &Viewer) -> Result<LinkStatus, Error> {
    let now = app.clock.now();
    let service = app.provider.name();
    if let Some(link) = app.store.link(viewer.tenant(), viewer.account()).await? {
        return Ok(LinkStatus::of(&link, viewer.tenant(), service, now));
    }
    may_look(app, viewer).await?;
    let linking = app
        .store
        .has_attempt(viewer.tenant(), viewer.account(), now)
        .await?;
    Ok(LinkStatus::without_link(service, linking))
}

/// Refuses by what is known without asking Jira: looking at an issue must not cost a call.
async fn may_look(app: &App, viewer: &Viewer) -> Result<(), Error> {
    let known = app.store.person(viewer.tenant(), viewer.account()).await?;
    let why = refused_early(app, viewer.account())
        .or_else(|| known.and_then(|(person, _)| refused(app, &person)));
    match why {
        Some(why) => Err(Error::NotAllowed(why)),
        None => Ok(()),
    }
}

/// Takes a link away: it is gone when this returns, its tokens are revoked and the property is deleted
/// now or, where that fails, as soon as it goes.
///
/// # Errors
/// [`Error::TooMany`], and when the store is unavailable.
pub async fn unlink(app: &Arc<App>, viewer: &Viewer) -> Result<(), Error> {
    app.limits.act(viewer.tenant(), viewer.account())?;
    let now = app.clock.now();
    let hands_off_until = now + HANDS_OFF;
    let left = app
        .store
        .unlink(viewer.tenant(), viewer.account(), now, hands_off_until)
        .await?;
    if left.is_empty() {
        return Ok(());
    }
    tracing::info!(tenant = %viewer.tenant().client_key, account = %viewer.account(), "an account was unlinked");
    let task = tokio::spawn({
        let app = app.clone();
        async move { cleanup::run_these(&app, &left, hands_off_until).await }
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
pub async fn renew(app: &App, viewer: &Viewer) -> Result<(), Error> {
    app.limits.renew(viewer.tenant(), viewer.account())?;
    let now = app.clock.now();
    if !app
        .store
        .renew_now(viewer.tenant(), viewer.account(), now)
        .await?
    {
        return Err(Error::NotLinked);
    }
    app.wake.notify_one();
    Ok(())
}
