//! The verbs of linking: begin, look, authorize, returned, prove, confirm, cancel, unlink, and what the
//! lifecycle of the app does to links.
//!
//! What makes it safe is the order. A code that comes back from the service is kept and not redeemed
//! until two witnesses have spoken. Jira names the person who is signed in where the login ended: the way
//! back leads through a page in Jira, which presents the handle that was made at the callback together
//! with a token of whoever looks. If that is the person who started, the attempt is proved, and nothing
//! more: the handle has travelled through Jira, where others may read it. The session cookie, which never
//! leaves this origin, says that it is the browser that brought the code. Only then is the code redeemed,
//! and only a click on a page that names both accounts links anything.

use std::sync::Arc;
use std::time::Duration;

use http::Method;

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
    AccountId, AccountKind, Attempt, AttemptId, Authorizing, Code, Credential, Ended, Ending,
    Handle, Identity, IssueKey, LinkState, LinkStatus, ParkReason, Person, Phase, Proved, Redeemed,
    Redeeming, Returned, Round, Tenant, Whereabouts,
};
use crate::provider::{Brought, CallbackQuery};
use crate::renewal::LEASE;
use crate::secret::{Secret, same};
use crate::store::Lease;
use crate::{cleanup, grant, renewal};

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
/// How long to wait before a write is tried again that must not be forgotten.
const HELD_FOR: Duration = Duration::from_millis(500);
/// How long what Jira said about a person is believed, in seconds.
const PERSON_FRESH_FOR: Seconds = 24 * 3600;
/// The same for somebody who may not link: an admin may just have mended it.
const REFUSED_FRESH_FOR: Seconds = 60;
/// How long a person who disconnects waits for the service and Jira. What takes longer goes on.
const UNLINK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the worker leaves to them what they wait for, in seconds.
const HANDS_OFF: Seconds = 15;

/// Both accounts, for the person to look at before they are linked.
pub struct BothAccounts {
    /// The person's name in Jira.
    pub person: String,
    /// Their account id. Together with the site it cannot be forged: a name in Jira can be anything.
    pub account_id: AccountId,
    /// Host of the site's base URL.
    pub site: String,
    /// The account at the service.
    pub identity: Identity,
    /// The account at the service that would be replaced, if it is another.
    pub replaces: Option<Identity>,
    /// Names of other people at this site who are connected to the same account, three at most. Nothing
    /// is taken away from them.
    pub also_linked_by: Vec<String>,
    /// Whether the proof came from another network or browser than the code.
    pub proved_elsewhere: bool,
    /// Whether the service can be asked to let them choose another account.
    pub may_choose: bool,
    /// What a confirmation has to carry: it names this page, with these accounts on it.
    pub page_token: String,
    /// Where the person came from.
    pub back: String,
}

/// What became of an attempt that is over.
pub struct Outcome {
    /// How it ended.
    pub how: Ending,
    /// What holds now: the person's link, whichever attempt made it.
    pub link: Option<LinkStatus>,
    /// The attempt with which the person began again, if this browser began that one too.
    pub newest: Option<AttemptId>,
    /// Where the person came from.
    pub back: String,
    /// The issue they came from.
    pub issue: Option<IssueKey>,
}

/// What the address of an attempt shows to the browser that began it.
pub enum View {
    /// The service has not been asked, or has not been heard of, or Jira has not.
    Introduction(Introduction),
    /// The code is being redeemed by another request.
    Redeeming {
        /// Host of the site.
        site: String,
    },
    /// The person may confirm.
    BothAccounts(Box<BothAccounts>),
    /// It is over.
    Over(Box<Outcome>),
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
    /// Whether they have logged in at the service already, and Jira has not yet said who they are.
    pub awaits_jira: bool,
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
            ParkReason::NotJira => Err(Error::JiraUnreachable(
                "something else than Jira answered there last".to_owned(),
            )),
            _ => busy(opens_at - now),
        };
    }
    match app.jira.person(tenant, account, Purpose::Person).await {
        Ok(person) => {
            app.store
                .remember_person(tenant, account, &person, now)
                .await?;
            if person.active {
                app.store.person_is_there(tenant, account).await?;
            }
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
        None if app.store.attempt_end(id, now).await?.is_some() => {
            Err(Error::AttemptOver("it ended, or was replaced"))
        }
        // Of everything that ends otherwise, the end is remembered.
        None => Err(Error::TimedOut("its time is over")),
    }
}

/// What the address of an attempt shows. The first look after the proof redeems the code; `begun` are all
/// attempts of this browser.
///
/// # Errors
/// [`Error::TimedOut`], and what redeeming a code can fail with. Where trying again may help, the attempt
/// goes back to its beginning, and [`Failed::again`] leads there.
pub async fn look(app: &Arc<App>, id: &AttemptId, begun: &[AttemptId]) -> Result<View, Failed> {
    let now = app.clock.now();
    let Some((tenant, attempt)) = app.store.attempt(id, now).await? else {
        let Some((tenant, ended)) = app.store.attempt_end(id, now).await? else {
            return Err(Error::TimedOut("its time is over").into());
        };
        let over = outcome(app, &tenant, ended, begun).await?;
        return Ok(View::Over(Box::new(over)));
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    app.limits
        .look(&tenant, &attempt.account_id)
        .map_err(failed)?;
    match &attempt.phase {
        Phase::Begun | Phase::Authorizing(_) | Phase::Returned(_) => {
            let introduction = introduction(app, &tenant, attempt).await?;
            Ok(View::Introduction(introduction))
        }
        Phase::Redeeming(redeeming) if now < redeeming.since + REDEEMING_LIFE => {
            Ok(View::Redeeming {
                site: tenant.site().to_owned(),
            })
        }
        // The process that asked has died with the answer.
        Phase::Redeeming(_) => {
            let why = Error::ServiceUnreachable("the answer to a code was lost".to_owned());
            Err(start_over(app, &tenant, &attempt, why).await?)
        }
        Phase::Proved(_) => redeem(app, tenant, attempt).await,
        Phase::Redeemed(redeemed) => {
            let both = both_accounts(app, &tenant, &attempt, redeemed).await?;
            Ok(View::BothAccounts(Box::new(both)))
        }
    }
}

async fn outcome(
    app: &App,
    tenant: &Tenant,
    ended: Ended,
    begun: &[AttemptId],
) -> Result<Outcome, Error> {
    let now = app.clock.now();
    let link = app.store.link(tenant, &ended.account_id).await?;
    let newest = app
        .store
        .attempt_of_person(tenant, &ended.account_id, now)
        .await?;
    Ok(Outcome {
        how: ended.how,
        link: link.map(|link| LinkStatus::of(&link, tenant, app.provider.name(), now)),
        newest: newest.filter(|newest| begun.contains(newest)),
        back: tenant.back(ended.issue.as_ref()),
        issue: ended.issue,
    })
}

/// The account that a person has connected and that works, if any.
async fn linked_as(
    app: &App,
    tenant: &Tenant,
    account: &AccountId,
) -> Result<Option<String>, Error> {
    // One that only the person can bring back is no connection to be told about.
    let link = app.store.link(tenant, account).await?;
    Ok(link
        .filter(|link| !matches!(link.state, LinkState::Reconnect(_)))
        .map(|link| link.identity)
        .filter(|linked| !linked.subject.is_empty())
        .map(|linked| linked.display_name))
}

async fn name_in_jira(app: &App, tenant: &Tenant, account: &AccountId) -> Result<String, Error> {
    let person = app.store.person(tenant, account).await?;
    Ok(person.map_or_else(|| account.to_string(), |(person, _)| person.display_name))
}

async fn introduction(app: &App, tenant: &Tenant, attempt: Attempt) -> Result<Introduction, Error> {
    let linked_as = linked_as(app, tenant, &attempt.account_id).await?;
    let matters = attempt.another || linked_as.is_some();
    Ok(Introduction {
        person: name_in_jira(app, tenant, &attempt.account_id).await?,
        site: tenant.site().to_owned(),
        issue: attempt.issue,
        linked_as,
        another: attempt.another,
        // A page must not fail because of what is only a hint on it.
        may_choose: matters && app.provider.lets_choose().await.unwrap_or(false),
        awaits_jira: matches!(attempt.phase, Phase::Returned(_)),
    })
}

async fn both_accounts(
    app: &App,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<BothAccounts, Error> {
    let account = &attempt.account_id;
    let identity = redeemed.identity.clone();
    let replaces = replaces(app, tenant, account, &identity).await?;
    let also_linked_by = app
        .store
        .others_linked(tenant, account, &identity.subject)
        .await?;
    Ok(BothAccounts {
        person: name_in_jira(app, tenant, account).await?,
        account_id: account.clone(),
        site: tenant.site().to_owned(),
        page_token: page_token(redeemed, replaces.as_ref()),
        identity,
        replaces,
        also_linked_by,
        proved_elsewhere: redeemed.round.proved_elsewhere,
        may_choose: app.provider.lets_choose().await.unwrap_or(false),
        back: tenant.back(attempt.issue.as_ref()),
    })
}

/// The account at the service that a person has connected, where this one is another.
async fn replaces(
    app: &App,
    tenant: &Tenant,
    account: &AccountId,
    identity: &Identity,
) -> Result<Option<Identity>, Error> {
    let link = app.store.link(tenant, account).await?;
    Ok(link
        .map(|link| link.identity)
        // Of a link that does not open nobody knows which account it is of.
        .filter(|linked| !linked.subject.is_empty())
        .filter(|linked| linked.subject != identity.subject))
}

/// Names a page with both accounts: the identity on it and what it replaces, by a secret of the attempt.
/// A page that showed anything else has another token.
fn page_token(redeemed: &Redeemed, replaces: Option<&Identity>) -> String {
    let mut text = redeemed.page.expose().to_owned();
    for identity in std::iter::once(&redeemed.identity).chain(replaces) {
        for part in [&identity.subject, &identity.display_name] {
            text.push_str(&format!("|{}:{part}", part.len()));
        }
    }
    Secret::new(text).fingerprint()
}

/// Ends an attempt because the person says so, on any of its pages. What it brought is revoked.
///
/// # Errors
/// When the store is unavailable; an attempt that is over already stays so.
pub async fn turn_back(app: &App, id: &AttemptId) -> Result<(), Error> {
    let now = app.clock.now();
    app.store.end_attempt(id, Ending::Cancelled, now).await?;
    app.wake_cleanup.notify_one();
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
pub async fn authorize(app: &App, id: &AttemptId, another: bool) -> Result<String, Failed> {
    let mut tries = 1;
    loop {
        let (tenant, attempt) = under_way(app, id).await?;
        match to_the_service(app, &tenant, &attempt, another).await {
            // Another click on the same button was quicker. The browser shows the answer to the last one.
            Err(Error::OutOfDate) if tries < CLICKS => tries += 1,
            went => {
                return went.map_err(|error| Failed::of(error, &tenant, attempt.issue.as_ref()));
            }
        }
    }
}

async fn to_the_service(
    app: &App,
    tenant: &Tenant,
    attempt: &Attempt,
    another: bool,
) -> Result<String, Error> {
    app.limits.act(tenant, &attempt.account_id)?;
    if matches!(attempt.phase, Phase::Redeeming(_)) {
        return Err(Error::OutOfDate);
    }
    let state = app.random.token();
    let (code_verifier, nonce) = (app.random.token(), app.random.token());
    let choose = another || attempt.another;
    let url = app
        .provider
        .authorize_url(&state, &nonce, &code_verifier, choose)
        .await?;
    let next = Phase::Authorizing(Authorizing {
        state_hash: state.fingerprint(),
        code_verifier,
        nonce,
    });
    let now = app.clock.now();
    let stepped = app.store.attempt_step(tenant, attempt, next, now).await?;
    if stepped.is_none() {
        return Err(Error::OutOfDate);
    }
    app.wake_cleanup.notify_one();
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
    app: &App,
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
        Some(state_hash) => of_this_state(app, begun, state_hash).await?,
        None => None,
    };
    let (tenant, attempt) = match found {
        Some(Answered::UnderWay(found)) => *found,
        // What was used before is used up, and what it says now counts for nothing.
        Some(Answered::Before(id)) => return Ok(WayOn::Attempt(id)),
        None => return Err(no_such_state(app, begun).await),
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    app.limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    let Phase::Authorizing(authorizing) = &attempt.phase else {
        return Ok(WayOn::Attempt(attempt.id));
    };
    let id = &attempt.id;
    let now = app.clock.now();
    if let Err(error) = app.provider.check_issuer(&callback).await {
        // Somebody else may hold the state by now.
        if matches!(error, Error::CameBack(_)) {
            app.events
                .record(Event::WrongIssuer(&tenant.client_key, &attempt.account_id));
            app.store.end_attempt(id, Ending::Failed, now).await?;
        }
        return Err(failed(error));
    }
    if let Some(error) = callback.error {
        app.store.end_attempt(id, Ending::Failed, now).await?;
        let still = linked_as(app, &tenant, &attempt.account_id).await?;
        return Err(Failed {
            still,
            ..failed(refused_by_service(&error))
        });
    }
    let code = callback
        .code
        .filter(|code| (1..=LONGEST_CODE).contains(&code.expose().len()));
    let Some(code) = code else {
        return Err(failed(Error::AttemptOver("there is no code")));
    };
    let handle = app.random.token();
    let next = Phase::Returned(Returned {
        state_hash: authorizing.state_hash.clone(),
        handle: Handle {
            hash: handle.fingerprint(),
            expires_at: now + HANDLE_LIFE,
        },
        code: Code {
            code,
            code_verifier: authorizing.code_verifier.clone(),
            nonce: authorizing.nonce.clone(),
        },
        from,
    });
    let stepped = app.store.attempt_step(&tenant, &attempt, next, now).await?;
    if stepped.is_none() {
        // The same callback twice at the same moment: the other one has the handle.
        return Ok(WayOn::Attempt(attempt.id));
    }
    Ok(WayOn::Jira(format!(
        "{}/plugins/servlet/ac/{}/{FINISH_MODULE}?ac.attempt={}&ac.handle={}",
        tenant.base_url,
        encode(&app.connect.app_key),
        encode(id.as_str()),
        encode(handle.expose()),
    )))
}

/// An attempt whose `state` an answer carries.
enum Answered {
    UnderWay(Box<(Tenant, Attempt)>),
    /// It has been answered with this state, or is over.
    Before(AttemptId),
}

/// The attempt of this browser that the service was given this `state` for.
async fn of_this_state(
    app: &App,
    begun: &[AttemptId],
    state_hash: &str,
) -> Result<Option<Answered>, Error> {
    let now = app.clock.now();
    for id in begun.iter().rev() {
        if let Some((tenant, attempt)) = app.store.attempt(id, now).await? {
            let hash = attempt.phase.state_hash();
            if !hash.is_some_and(|hash| same(hash, state_hash)) {
                continue;
            }
            return Ok(Some(match attempt.phase {
                Phase::Authorizing(_) => Answered::UnderWay(Box::new((tenant, attempt))),
                _ => Answered::Before(attempt.id),
            }));
        }
        let ended = app.store.attempt_end(id, now).await?;
        let hash = ended.and_then(|(_, ended)| ended.state_hash);
        if hash.is_some_and(|hash| same(&hash, state_hash)) {
            return Ok(Some(Answered::Before(id.clone())));
        }
    }
    Ok(None)
}

/// An answer with a state that no attempt of this browser has. The newest attempt, which goes on, says
/// whose browser it is.
async fn no_such_state(app: &App, begun: &[AttemptId]) -> Failed {
    let why = Error::AttemptOver("the state is missing, used or another's");
    let now = app.clock.now();
    for id in begun.iter().rev() {
        if let Ok(Some((tenant, attempt))) = app.store.attempt(id, now).await {
            let issue = attempt.issue.as_ref();
            if let Err(too_many) = app.limits.act(&tenant, &attempt.account_id) {
                return Failed::of(too_many, &tenant, issue);
            }
            app.events
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
        app.store.end_attempt(id, Ending::Refused, now).await?;
        app.wake_cleanup.notify_one();
        let signed_in_as = match ask_about(app, viewer).await {
            Ok(person) => person.map(|person| person.display_name),
            Err(_) => None,
        };
        return Err(Error::WrongPerson { signed_in_as });
    }
    let given = handle.fingerprint();
    let handle = attempt.phase.handle();
    if !handle.is_some_and(|handle| same(&handle.hash, &given)) {
        app.events
            .record(Event::WrongHandle(&tenant.client_key, &attempt.account_id));
        app.store.end_attempt(id, Ending::Refused, now).await?;
        app.wake_cleanup.notify_one();
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
    app: &App,
    viewer: Viewer,
    id: &AttemptId,
    handle: &Secret,
    from: Whereabouts,
) -> Result<(), Error> {
    app.limits.act(viewer.tenant(), viewer.account())?;
    let now = app.clock.now();
    let attempt = match of_this_viewer(app, &viewer, id, handle).await {
        Err(Error::AttemptOver(why)) => {
            // Its page says what became of it, also when the proof is loaded again after that.
            return match was_proved_by(app, &viewer, id, handle).await? {
                true => Ok(()),
                false => Err(Error::AttemptOver(why)),
            };
        }
        attempt => attempt?,
    };
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
        app.store.end_attempt(id, Ending::Failed, now).await?;
        return Err(Error::TimedOut("the handle has expired"));
    }
    let proved_elsewhere = returned.from != from;
    if proved_elsewhere {
        let tenant = viewer.tenant();
        app.events
            .record(Event::ProvedElsewhere(&tenant.client_key, viewer.account()));
    }
    let next = Phase::Proved(Proved {
        round: Round {
            state_hash: returned.state_hash.clone(),
            handle: returned.handle.clone(),
            proved_elsewhere,
        },
        code: returned.code.clone(),
    });
    let tenant = viewer.tenant();
    let stepped = app.store.attempt_step(tenant, &attempt, next, now).await?;
    if stepped.is_some() {
        return Ok(());
    }
    // The same proof twice at the same moment, or the attempt has ended in it.
    of_this_viewer(app, &viewer, id, handle).await.map(|_| ())
}

/// Whether an attempt that was connected was proved by this viewer with this handle, which still lives.
async fn was_proved_by(
    app: &App,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<bool, Error> {
    let now = app.clock.now();
    let ended = app.store.attempt_end(id, now).await?;
    Ok(ended.is_some_and(|(tenant, ended)| {
        ended.how == Ending::Connected
            && tenant.client_key == viewer.tenant().client_key
            && ended.account_id == *viewer.account()
            && ended.handle.is_some_and(|given| {
                given.expires_at > now && same(&given.hash, &handle.fingerprint())
            })
    }))
}

/// Redeems the code, because the browser that brought it has come with the proof. Once: whatever comes of
/// the request, the code is used.
async fn redeem(app: &Arc<App>, tenant: Tenant, attempt: Attempt) -> Result<View, Failed> {
    let Phase::Proved(proved) = &attempt.phase else {
        return Err(Error::OutOfDate.into());
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    app.limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    // Before the code is used up: while the service is left alone, it stays good.
    let probe = app.service_gate.admit().await.map_err(failed)?;
    let (round, code) = (proved.round.clone(), proved.code.clone());
    let now = app.clock.now();
    let redeeming = Phase::Redeeming(Redeeming {
        round: round.clone(),
        since: now,
    });
    let stepped = app
        .store
        .attempt_step(&tenant, &attempt, redeeming, now)
        .await;
    let attempt = match stepped {
        Ok(Some(attempt)) => attempt,
        otherwise => {
            if let Some(probe) = probe {
                app.service_gate.release(probe).await?;
            }
            otherwise?;
            // Another request of this browser redeems it, or the attempt has ended.
            return Ok(View::Redeeming {
                site: tenant.site().to_owned(),
            });
        }
    };
    // In a task of its own: a browser that hangs up must not lose what the service has given.
    let task = tokio::spawn({
        let app = app.clone();
        async move { ask_the_service(&app, &tenant, attempt, code, round, probe).await }
    });
    task.await
        .map_err(|_| Error::Internal("redeeming a code panicked".to_owned()))?
}

/// Does what must not be forgotten, again and again while the database is away, until the attempt is over
/// anyway. A macro, because a closure that lends itself to a future is more than the compiler can see to
/// be `Send`.
macro_rules! hold {
    ($app:expr, $attempt:expr, $act:expr) => {
        loop {
            match $act.await {
                Err(Error::Unavailable(error)) if $app.clock.now() < $attempt.expires_at => {
                    tracing::warn!(%error, "what a code brought cannot be written yet; it is held and tried again");
                    tokio::time::sleep(HELD_FOR).await;
                }
                done => break done,
            }
        }
    };
}

async fn ask_the_service(
    app: &App,
    tenant: &Tenant,
    attempt: Attempt,
    code: Code,
    round: Round,
    probe: Option<Probe>,
) -> Result<View, Failed> {
    if let Err(error) = app.service_pace.make_room().await {
        tracing::warn!(%error, "a token request could not be announced to others");
    }
    let redeemed = app
        .provider
        .redeem(&code.code, &code.code_verifier, &code.nonce)
        .await;
    let report = match &redeemed {
        Err(error) if matches!(error.why, Error::ServiceUnreachable(_)) => Report::Failed,
        _ => Report::Answered,
    };
    if let Err(error) = app.service_gate.ended(report, probe).await {
        tracing::warn!(%error, "how a token request ended could not be told to others");
    }
    let account = &attempt.account_id;
    let (identity, tokens) = match redeemed {
        Ok(redeemed) => redeemed,
        Err(error) => {
            if let Some(Brought { tokens, subject }) = error.brought {
                let now = app.clock.now();
                let store = &app.store;
                hold!(
                    app,
                    attempt,
                    store.revoke_unlinked(tenant, account, subject.as_deref(), &tokens, now)
                )?;
                app.wake_cleanup.notify_one();
            }
            return Err(start_over(app, tenant, &attempt, error.why).await?);
        }
    };
    let redeemed = Redeemed {
        round,
        identity,
        tokens,
        page: app.random.token(),
    };
    if !hold!(app, attempt, keep(app, tenant, &attempt, &redeemed))? {
        app.wake_cleanup.notify_one();
        let why = Error::AttemptOver("it ended while the code was redeemed");
        return Err(Failed::of(why, tenant, attempt.issue.as_ref()));
    }
    let both = both_accounts(app, tenant, &attempt, &redeemed).await?;
    Ok(View::BothAccounts(Box::new(both)))
}

/// Keeps what the service gave, or revokes it where the attempt ended meanwhile: then false.
async fn keep(
    app: &App,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<bool, Error> {
    let now = app.clock.now();
    let (account, next) = (&attempt.account_id, Phase::Redeemed(redeemed.clone()));
    let store = &app.store;
    if store
        .attempt_step(tenant, attempt, next, now)
        .await?
        .is_some()
    {
        return Ok(true);
    }
    // It may be there already: where a connection is cut, the answer to a commit that was made is lost.
    if let Some((_, found)) = store.attempt(&attempt.id, now).await?
        && let Phase::Redeemed(kept) = &found.phase
        && same(kept.page.expose(), redeemed.page.expose())
    {
        return Ok(true);
    }
    let subject = Some(redeemed.identity.subject.as_str());
    let tokens = redeemed.tokens.revocable();
    store
        .revoke_unlinked(tenant, account, subject, &tokens, now)
        .await?;
    Ok(false)
}

/// After a code that brought nothing. Where trying again may help, the attempt goes back to its beginning,
/// and with one click the person begins again; else it is over.
async fn start_over(
    app: &App,
    tenant: &Tenant,
    attempt: &Attempt,
    why: Error,
) -> Result<Failed, Error> {
    let now = app.clock.now();
    let again = match why {
        Error::CodeRanOut | Error::ServiceUnreachable(_) => {
            let begun = app
                .store
                .attempt_step(tenant, attempt, Phase::Begun, now)
                .await?;
            begun.map(|attempt| attempt.id)
        }
        _ => {
            app.store
                .end_attempt(&attempt.id, Ending::Failed, now)
                .await?;
            None
        }
    };
    Ok(Failed {
        again,
        still: linked_as(app, tenant, &attempt.account_id).await?,
        ..Failed::of(why, tenant, attempt.issue.as_ref())
    })
}

/// Links: stores it, gets the API key, and puts it into Jira. When Jira or the key endpoint fails now,
/// the link stands and the worker goes on. `page` is the token of the page that was confirmed.
///
/// Confirming what is connected already changes nothing.
///
/// # Errors
/// [`Error::OutOfDate`] when the page is not the one with these accounts, or nothing is there to be
/// confirmed; [`Error::AttemptOver`], [`Error::TimedOut`] and [`Error::TooMany`].
pub async fn confirm(app: &Arc<App>, id: &AttemptId, page: &str) -> Result<(), Failed> {
    let now = app.clock.now();
    if let Some((_, ended)) = app.store.attempt_end(id, now).await?
        && ended.how == Ending::Connected
    {
        return Ok(());
    }
    let (tenant, attempt) = under_way(app, id).await?;
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    app.limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    let Phase::Redeemed(redeemed) = &attempt.phase else {
        return Err(failed(Error::OutOfDate));
    };
    let account = &attempt.account_id;
    let replaces = replaces(app, &tenant, account, &redeemed.identity).await?;
    if !same(page, &page_token(redeemed, replaces.as_ref())) {
        app.events
            .record(Event::WrongPage(&tenant.client_key, account));
        return Err(failed(Error::OutOfDate));
    }
    let (consent, refresh_ends_at) = grant::begun(&redeemed.tokens, app.provider.grant_lives());
    let credential = Credential {
        tokens: redeemed.tokens.clone(),
        consent,
        refresh_ends_at,
        previous_refresh_token: None,
        lingering: Vec::new(),
        api_key: (!app.provider.mints()).then(|| app.provider.token_as_key(&redeemed.tokens)),
        retiring: Vec::new(),
    };
    let claim = app
        .store
        .confirm(
            &tenant,
            &attempt,
            &redeemed.identity,
            credential.clone(),
            Lease {
                owner: &app.replica,
                until: now + LEASE,
            },
            now,
        )
        .await?;
    let Some(claim) = claim else {
        // Confirmed by a second click in the same moment, or ended.
        return match app.store.attempt_end(id, now).await? {
            Some((_, ended)) if ended.how == Ending::Connected => Ok(()),
            _ => Err(failed(Error::AttemptOver("it ended meanwhile"))),
        };
    };
    tracing::info!(tenant = %tenant.client_key, account = %account, attempt = %id, "an account was linked");
    let credential = match &claim.credential {
        Ok(with_what_it_replaces) => with_what_it_replaces.clone(),
        Err(_) => credential,
    };
    let task = tokio::spawn({
        let app = app.clone();
        async move { renewal::publish(&app, claim, credential).await }
    });
    match task.await {
        Ok(Ok(())) => Ok(()),
        // The link stands; its lease brings it back to the worker.
        Ok(Err(error)) => {
            tracing::warn!(%error, "the first key was not recorded yet");
            Ok(())
        }
        Err(_) => Err(failed(Error::Internal(
            "publishing a key panicked".to_owned(),
        ))),
    }
}

/// Ends an attempt because the person says so in Jira. What it brought is revoked.
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
    turn_back(app, id).await
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
    let attempt = app
        .store
        .attempt_of_person(viewer.tenant(), viewer.account(), now)
        .await?;
    Ok(LinkStatus::without_link(service, attempt.is_some()))
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
