//! Linking, from the click to the way back: begin, authorize, returned. [`finish`] has the rest, from the proof
//! to the link, and [`linked`] what a person with a link can do.
//!
//! The order makes it safe. The service sends a code to the callback; the code is kept and not redeemed until
//! two witnesses agree. The first is Jira, which names the person who is signed in where the login
//! ended: the way back leads through a page in Jira, and that page presents the handle that the callback
//! made, together with a token of the person who looks at it. If that is the person who started, the attempt is
//! proved, and nothing more, because the handle has travelled through Jira, where others may read it. The
//! second is the session cookie, which never leaves this origin: it shows that this browser brought
//! the code. Only then is the code redeemed, and only a click on a page that names both accounts links them.

mod finish;
mod linked;

use std::sync::Arc;

use clap::ValueEnum;

use crate::atlassian::Viewer;
use crate::atlassian::connect::ContextToken;
use crate::atlassian::connect::descriptor::FINISH_MODULE;
use crate::atlassian::jira::{About, JiraError};
use crate::clock::Seconds;
use crate::error::{Error, Refusal, printable};
use crate::events::{Event, Events};
use crate::limits::Limits;
use crate::model::{
    AccountId, AccountKind, Attempt, AttemptId, Authorizing, Code, Door, Ending, Handle, IssueKey,
    LinkState, Look, ParkReason, Person, Phase, Purpose, Returned, SiteRule, Tenant, Trouble,
    Whereabouts,
};
use crate::outbound::encode;
use crate::parts::Parts;
use crate::secret::{Secret, same};
use crate::service::provider::CallbackQuery;
use crate::store::{Store, Ticket};

pub use finish::{
    BothAccounts, Introduction, Over, View, cancel, confirm, look, name_in_jira, prove,
    was_replaced,
};
pub use linked::{abandon, renew, status, unlink};
pub(crate) use linked::{end, end_later};

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
    /// The uuid of the Forge app, whose page it leads to from tenants of Forge.
    pub forge_app: Option<String>,
}

/// Whether portal customers of Jira Service Management may link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Customers {
    /// They may not.
    Deny,
    /// They may, like every other person.
    Allow,
}

/// How long an attempt lives, in seconds.
const ATTEMPT_LIFE: Seconds = 600;
/// How long a ticket is good, in seconds.
const TICKET_LIFE: Seconds = 60;
/// How long a handle is good, in seconds.
const HANDLE_LIFE: Seconds = 300;
/// The longest code that is kept and sent on, in bytes. RFC 6749 gives no limit; codes of 28 KB were seen.
const LONGEST_CODE: usize = 32 * 1024;
/// How many simultaneous clicks on one button are sorted out before the person is told to look again.
const CLICKS: u32 = 3;
/// How long Jira's answer about a person is believed, in seconds.
const PERSON_FRESH_FOR: Seconds = 24 * 3600;
/// The same for a person who may not connect: an admin may just have changed it.
const REFUSED_FRESH_FOR: Seconds = 60;

impl Linking {
    fn store(&self) -> &Store {
        &self.parts.store
    }

    fn now(&self) -> Seconds {
        self.parts.clock.now()
    }

    /// The attempt, for the browser whose session holds its id, or for the person who proves it.
    async fn under_way(&self, id: &AttemptId) -> Result<(Tenant, Attempt), Error> {
        let now = self.now();
        match self.store().attempt(id, now).await? {
            Some(found) => Ok(found),
            None if self.store().attempt_end(id, now).await?.is_some() => {
                Err(Error::AttemptOver("it ended, or was replaced"))
            }
            // The store remembers every other end.
            None => Err(Error::TimedOut("its time is over")),
        }
    }

    /// Ends an attempt, and has what it brought revoked. One that is over stays as it ended.
    async fn end(&self, id: &AttemptId, how: Ending) -> Result<(), Error> {
        self.store().end_attempt(id, how, self.now()).await?;
        self.parts.wake_cleanup.notify_one();
        Ok(())
    }

    /// What keeps every link of a tenant from being renewed just now, if anything does.
    fn keeps_waiting(&self, tenant: &Tenant) -> Option<Trouble> {
        let now = self.now();
        if self.parts.service.opens_at(&tenant.client_key) > now {
            return Some(Trouble::ServiceAway);
        }
        (self.parts.jira.writes().opens_at() > now).then_some(Trouble::JiraAway)
    }

    /// The account that a person has connected and that works, if any.
    async fn linked_as(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<String>, Error> {
        let link = self.store().link(tenant, account).await?;
        Ok(link
            .filter(|link| !matches!(link.state, LinkState::Reconnect(_)))
            .map(|link| link.identity)
            .filter(|linked| !linked.subject.is_empty())
            .map(|linked| linked.display_name))
    }
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
    /// The attempt whose page shows the current state.
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

/// How a context token reached `/link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Travelled {
    /// In a form. The same token may begin again, because Jira's bridge caches tokens and people click twice.
    InForm,
    /// In an address, which others may see. The token is taken only if it never began anything.
    InAddress,
}

/// Begins an attempt for the person whom the token names; `another` if they want to choose an account at
/// the service. It replaces their earlier attempt, and what that one brought is revoked.
///
/// # Errors
/// [`Error::Unauthorized`] for a token that came in an address and was used before,
/// [`Error::NotAllowed`] for a person who may not link, [`Error::TooMany`].
pub async fn begin(
    linking: &Linking,
    token: ContextToken,
    travelled: Travelled,
    issue: Option<IssueKey>,
    another: bool,
) -> Result<AttemptId, Error> {
    let (fingerprint, expires_at) = (token.fingerprint.clone(), token.expires_at);
    let viewer = token.viewer()?;
    let (tenant, account) = (viewer.tenant(), viewer.account());
    linking.limits.begin(tenant, account)?;
    // Remembered beyond its end by the leeway that verifiers grant.
    let unused = linking
        .store()
        .spend_token(&fingerprint, expires_at + 60)
        .await?;
    if travelled == Travelled::InAddress && !unused {
        let replay = Event::Replay(&tenant.client_key, account);
        linking.events.record(replay);
        return Err(Error::Unauthorized("the token was used before"));
    }
    allowed(linking, &viewer).await?;
    begin_now(linking, tenant, account, issue.as_ref(), another).await
}

async fn begin_now(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
    issue: Option<&IssueKey>,
    another: bool,
) -> Result<AttemptId, Error> {
    let now = linking.now();
    let id = linking
        .store()
        .begin_attempt(tenant, account, issue, another, now, ATTEMPT_LIFE)
        .await?;
    // The earlier attempt's grant is to be gone before they log in again.
    linking.parts.wake_cleanup.notify_one();
    tracing::info!(tenant = %tenant.client_key, %account, attempt = %id, "an attempt to link began");
    Ok(id)
}

/// A ticket for a page that cannot post a form: whoever opens its address begins an attempt of this person there.
///
/// # Errors
/// [`Error::NotAllowed`] for a person who may not link, [`Error::TooMany`].
pub async fn ticket(
    linking: &Linking,
    viewer: &Viewer,
    issue: Option<IssueKey>,
    another: bool,
    look: Look,
) -> Result<Secret, Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    linking.limits.act(tenant, account)?;
    allowed(linking, viewer).await?;
    let secret = linking.parts.random.token();
    let ticket = Ticket {
        account: account.clone(),
        issue,
        another,
        look,
    };
    let (hash, expires_at) = (secret.fingerprint(), linking.now() + TICKET_LIFE);
    let store = linking.store();
    store
        .keep_ticket(tenant, &hash, &ticket, expires_at)
        .await?;
    Ok(secret)
}

/// Begins the attempt of a ticket, whose pages look as the answer says.
///
/// # Errors
/// [`Error::TimedOut`] for a ticket that is unknown, used or too old, [`Error::TooMany`].
pub async fn begin_by_ticket(
    linking: &Linking,
    ticket: &Secret,
) -> Result<(AttemptId, Look), Failed> {
    let hash = ticket.fingerprint();
    let taken = linking.store().take_ticket(&hash, linking.now()).await?;
    let (tenant, ticket) =
        taken.ok_or(Error::TimedOut("the ticket is unknown, used or too old"))?;
    let Ticket {
        account,
        issue,
        another,
        look,
    } = ticket;
    let failed = |error| Failed::of(error, &tenant, issue.as_ref());
    linking.limits.begin(&tenant, &account).map_err(failed)?;
    let begun = begin_now(linking, &tenant, &account, issue.as_ref(), another);
    let id = begun.await.map_err(failed)?;
    Ok((id, look))
}

/// Who may connect at a site: what the vendor allows, and of that what the site's admins do.
struct Rules {
    customers: Customers,
    site: SiteRule,
}

impl Linking {
    async fn rules(&self, tenant: &Tenant) -> Result<Rules, Error> {
        let site = self.store().site_rule(tenant).await?;
        let customers = match (self.customers, site.customers) {
            (Customers::Allow, true) => Customers::Allow,
            _ => Customers::Deny,
        };
        Ok(Rules { customers, site })
    }
}

/// Whether a person may link. Jira decides, and within that the site's admins.
async fn allowed(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    let rules = linking.rules(tenant).await?;
    let why = match refused_by_id(&rules, account) {
        Some(why) => Some(why),
        None => match ask_about(linking, viewer, &rules).await? {
            Some(person) => match refused(&rules, &person) {
                Some(why) => Some(why),
                None => refused_by_groups(linking, viewer, &rules).await?,
            },
            None => Some(Refusal::Deactivated),
        },
    };
    let Some(why) = why else { return Ok(()) };
    let event = Event::Refused(why, &tenant.client_key, account);
    linking.events.record(event);
    let now = linking.now();
    linking
        .store()
        .note_refusal(tenant, account, why, now)
        .await?;
    Err(Error::NotAllowed(why))
}

/// Jira is asked each time, where the site has chosen groups: a person may have just left one.
async fn refused_by_groups(
    linking: &Linking,
    viewer: &Viewer,
    rules: &Rules,
) -> Result<Option<Refusal>, Error> {
    if rules.site.groups.is_empty() {
        return Ok(None);
    }
    let about = About {
        tenant: viewer.tenant(),
        account: viewer.account(),
        purpose: Purpose::Person,
        failures: 0,
    };
    match linking.parts.jira.groups(&about).await {
        Ok(groups) if rules.site.lets_in(&groups) => Ok(None),
        Ok(_) | Err(JiraError::NotFound) => Ok(Some(Refusal::Group)),
        Err(error) => Err(no_word(linking.now(), error)),
    }
}

/// The prefix of portal customers' ids refuses early; it never allows.
fn refused_by_id(rules: &Rules, account: &AccountId) -> Option<Refusal> {
    (account.as_str().starts_with("qm:") && rules.customers == Customers::Deny)
        .then_some(Refusal::Customer)
}

fn refused(rules: &Rules, person: &Person) -> Option<Refusal> {
    match person.kind {
        AccountKind::Customer if rules.customers == Customers::Deny => Some(Refusal::Customer),
        AccountKind::App => Some(Refusal::App),
        AccountKind::Unknown => Some(Refusal::UnknownKind),
        AccountKind::Atlassian | AccountKind::Customer if !person.active => {
            Some(Refusal::Deactivated)
        }
        AccountKind::Atlassian | AccountKind::Customer => None,
    }
}

/// What Jira says about a person, asked at most once a day. None if Jira does not know them.
async fn ask_about(
    linking: &Linking,
    viewer: &Viewer,
    rules: &Rules,
) -> Result<Option<Person>, Error> {
    let (now, store) = (linking.now(), linking.store());
    let (tenant, account) = (viewer.tenant(), viewer.account());
    if let Some((person, checked_at)) = store.person(tenant, account).await? {
        let fresh_for = match refused(rules, &person) {
            None => PERSON_FRESH_FOR,
            Some(_) => REFUSED_FRESH_FOR,
        };
        if now - checked_at < fresh_for {
            return Ok(Some(person));
        }
    }
    let about = About {
        tenant,
        account,
        purpose: Purpose::Person,
        failures: 0,
    };
    match linking.parts.jira.person(&about).await {
        Ok(person) => {
            store.remember_person(tenant, account, &person, now).await?;
            Ok(Some(person))
        }
        Err(JiraError::NotFound) => Ok(None),
        Err(error) => Err(no_word(now, error)),
    }
}

/// What the person is told when Jira says nothing about them.
pub(crate) fn no_word(now: Seconds, error: JiraError) -> Error {
    match error {
        JiraError::IpAllowlist { .. }
        | JiraError::Resting {
            why: ParkReason::IpAllowlist,
            ..
        } => Error::IpAllowlist,
        JiraError::Resting {
            why: ParkReason::NotJira,
            ..
        } => Error::JiraUnreachable("the last answer from there was not Jira's".to_owned()),
        JiraError::Resting {
            why: ParkReason::NoSystemToken,
            ..
        } => Error::JiraUnreachable("Forge has sent no system token that still works".to_owned()),
        JiraError::Resting { until, .. }
        | JiraError::Wait { until, .. }
        | JiraError::UsedUp { until } => Error::JiraBusy {
            retry_after: until - now,
        },
        JiraError::Store(error) => error,
        error => Error::JiraUnreachable(error.to_string()),
    }
}

/// Ends an attempt because the person says so, on any of its pages. What it brought is revoked.
///
/// # Errors
/// When the store is unavailable.
pub async fn turn_back(linking: &Linking, id: &AttemptId) -> Result<(), Error> {
    linking.end(id, Ending::Cancelled).await
}

/// Notes that the browser says that it has closed the linking page of this number. Nothing ends by that.
///
/// # Errors
/// When the store is unavailable.
pub async fn leave(linking: &Linking, id: &AttemptId, number: i64) -> Result<(), Error> {
    linking
        .store()
        .attempt_left(id, number, linking.now())
        .await
}

/// The address at the service to which the person is sent. With `another`, or where the attempt began so,
/// the service is asked to let them choose an account.
///
/// The attempt starts over from here, at whatever phase it was: a code that was not redeemed is dropped,
/// and what a redeemed one brought is revoked.
///
/// # Errors
/// [`Error::AttemptOver`], [`Error::TooMany`], and [`Error::ServiceUnreachable`] when the service's addresses
/// cannot be discovered.
pub async fn authorize(linking: &Linking, id: &AttemptId, another: bool) -> Result<String, Failed> {
    let mut tries = 1;
    loop {
        let (tenant, attempt) = linking.under_way(id).await?;
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
    let Parts {
        random, service, ..
    } = &linking.parts;
    let (state, code_verifier, nonce) = (random.token(), random.token(), random.token());
    let choose = another || attempt.another;
    let url = service.authorize_url(&state, &nonce, &code_verifier, choose);
    let url = url.await?;
    let next = Phase::Authorizing(Authorizing {
        state_hash: state.fingerprint(),
        code_verifier,
        nonce,
    });
    let stepped = linking
        .store()
        .attempt_step(tenant, attempt, next, linking.now())
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
/// [`Error::CameBack`] for an answer that holds no code or is not the service's,
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
        // A callback works once. What it says the second time counts for nothing.
        Some(Answered::Before(id)) => return Ok(WayOn::Attempt(id)),
        None => return Err(no_such_state(linking, begun).await),
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    no_refusal(linking, &tenant, &attempt, &callback).await?;
    let code = code_of(callback.code).map_err(failed)?;
    let now = linking.now();
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
    let store = linking.store();
    let stepped = store.attempt_step(&tenant, &attempt, next, now).await?;
    if stepped.is_none() {
        // The same callback came twice at the same moment: the other one has the handle.
        return Ok(WayOn::Attempt(attempt.id));
    }
    let address = finish_page(linking, &tenant, &attempt.id, &handle);
    Ok(WayOn::Jira(address))
}

/// The code of an answer, if it can be one: a text of printable ASCII characters (RFC 6749, appendix A.11) that
/// is not too long. Nothing else is kept or sent on.
fn code_of(code: Option<Secret>) -> Result<Secret, Error> {
    let code = code
        .filter(|code| !code.expose().is_empty())
        .ok_or(Error::AttemptOver("there is no code"))?;
    let text = code.expose();
    let why = match text.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
        true if text.len() <= LONGEST_CODE => return Ok(code),
        true => "the code is too long",
        false => "the code has a character that no code may have",
    };
    Err(Error::CameBack(Box::new(Error::ServiceRefused(
        why.to_owned(),
    ))))
}

/// The address of the finish page in Jira, by the tenant's door.
fn finish_page(linking: &Linking, tenant: &Tenant, id: &AttemptId, handle: &Secret) -> String {
    let (base_url, id) = (&tenant.base_url, encode(id.as_str()));
    let handle = encode(handle.expose());
    match (&tenant.door, &linking.forge_app) {
        (Door::Forge(door), Some(app)) => {
            let environment = &door.installation.environment;
            format!("{base_url}/jira/apps/{app}/{environment}/finish?attempt={id}&handle={handle}")
        }
        _ => {
            let app_key = encode(&linking.app_key);
            format!(
                "{base_url}/plugins/servlet/ac/{app_key}/{FINISH_MODULE}?ac.attempt={id}&ac.handle={handle}"
            )
        }
    }
}

/// Checks that the answer is the service's own and reports no refusal and no failure. Otherwise the attempt
/// is over, unless the issuer could not be discovered.
async fn no_refusal(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    callback: &CallbackQuery,
) -> Result<(), Failed> {
    let failed = |error| Failed::of(error, tenant, attempt.issue.as_ref());
    let account = &attempt.account_id;
    if let Err(error) = linking.parts.service.check_issuer(callback).await {
        // An answer of another issuer: it has the state now (RFC 9207).
        if matches!(error, Error::CameBack(_)) {
            let wrong_issuer = Event::WrongIssuer(&tenant.client_key, account);
            linking.events.record(wrong_issuer);
            linking.end(&attempt.id, Ending::Failed).await?;
        }
        return Err(failed(error));
    }
    let Some(error) = &callback.error else {
        return Ok(());
    };
    linking.end(&attempt.id, Ending::Failed).await?;
    Err(Failed {
        still: linking.linked_as(tenant, account).await?,
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

/// The attempt of this browser for which the service was given this `state`.
async fn of_this_state(
    linking: &Linking,
    begun: &[AttemptId],
    state_hash: &str,
) -> Result<Option<Answered>, Error> {
    let (now, store) = (linking.now(), linking.store());
    for id in begun.iter().rev() {
        if let Some((tenant, attempt)) = store.attempt(id, now).await? {
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
        let ended = store.attempt_end(id, now).await?;
        let hash = ended.and_then(|(_, ended)| ended.state_hash);
        if hash.is_some_and(|hash| same(&hash, state_hash)) {
            return Ok(Some(Answered::Before(id.clone())));
        }
    }
    Ok(None)
}

/// An answer with a state that no attempt of this browser has. The browser's newest attempt, which goes on,
/// names the person for the limit and the event.
async fn no_such_state(linking: &Linking, begun: &[AttemptId]) -> Failed {
    let why = Error::AttemptOver("the state is missing, used or another's");
    for id in begun.iter().rev() {
        if let Ok(Some((tenant, attempt))) = linking.store().attempt(id, linking.now()).await {
            let (account, issue) = (&attempt.account_id, attempt.issue.as_ref());
            if let Err(too_many) = linking.limits.act(&tenant, account) {
                return Failed::of(too_many, &tenant, issue);
            }
            let wrong_state = Event::WrongState(&tenant.client_key, account);
            linking.events.record(wrong_state);
            return Failed::of(why, &tenant, issue);
        }
    }
    why.into()
}

/// What the error of an authorization answer means (RFC 6749 section 4.1.2.1). The user of the browser can
/// write such an answer, so it never counts as an error of the service.
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
