//! From the proof to the link: prove, look, redeem, confirm.
//!
//! [`prove`] is called from the finish page in Jira, with a token of the person who looks at it. [`look`] is
//! called with the session cookie: the first look after the proof redeems the code, and from then on the page
//! names both accounts. [`confirm`] is the click on it.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use crate::atlassian::Viewer;
use crate::clock::Seconds;
use crate::error::Error;
use crate::events::Event;
use crate::model::{
    AccountId, Attempt, AttemptId, Code, Credential, Ended, Ending, Identity, IssueKey,
    LARGEST_PROPERTY, LinkStatus, Phase, Proved, Redeemed, Redeeming, Returned, Round, Tenant,
    Tokens, Whereabouts,
};
use crate::secret::{Secret, same};
use crate::service::failures::Brought;
use crate::service::{PersonsPass, Service};
use crate::store::{Claim, LEASE, Lease};
use crate::words::Words;
use crate::{grant, publishing};

use super::{Failed, Linking, ask_about};

/// How long redeeming a code may take, in seconds: the token request, the keys of the ID token and the
/// identity endpoint take half a minute each at most. After that the process that asked has died.
const REDEEMING_LIFE: Seconds = 120;
/// How long to wait before a write is tried again that must not be forgotten.
const HELD_FOR: Duration = Duration::from_millis(500);

/// Proves that the person who finishes is the one who started. Nothing is redeemed, and the answer tells
/// nothing: both take the browser that brought the code. The same proof again has the same effect, while the
/// handle lives.
///
/// # Errors
/// [`Error::WrongPerson`] and [`Error::WrongBrowser`] end the attempt; [`Error::TimedOut`] for a handle
/// that is too old; [`Error::TooMany`].
pub async fn prove(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
    from: Option<Whereabouts>,
) -> Result<Option<IssueKey>, Error> {
    linking.limits.act(viewer.tenant(), viewer.account())?;
    match prove_once(linking, viewer, id, handle, from).await {
        // It was connected since. The attempt's page says so, also when the finish page is loaded again.
        Err(Error::AttemptOver(_)) if was_proved_by(linking, viewer, id, handle).await? => Ok(None),
        proved => proved,
    }
}

async fn prove_once(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
    from: Option<Whereabouts>,
) -> Result<Option<IssueKey>, Error> {
    let attempt = of_this_viewer(linking, viewer, id, handle).await?;
    let now = linking.now();
    let too_old = attempt
        .phase
        .handle()
        .is_none_or(|handle| handle.expires_at <= now);
    let Phase::Returned(returned) = &attempt.phase else {
        return match too_old {
            true => Err(Error::TimedOut("the handle has expired")),
            false => Ok(attempt.issue),
        };
    };
    if too_old {
        linking.end(id, Ending::Failed).await?;
        return Err(Error::TimedOut("the handle has expired"));
    }
    let tenant = viewer.tenant();
    // By Forge the proof comes from Atlassian's servers, whoever the person is.
    let proved_elsewhere = from.is_some_and(|from| returned.from != from);
    if proved_elsewhere {
        let elsewhere = Event::ProvedElsewhere(&tenant.client_key, viewer.account());
        linking.events.record(elsewhere);
    }
    let next = proved(returned, proved_elsewhere);
    let store = linking.store();
    let stepped = store.attempt_step(tenant, &attempt, next, now).await?;
    if stepped.is_some() {
        return Ok(attempt.issue);
    }
    // The same proof came twice at the same moment, or the attempt has just ended.
    of_this_viewer(linking, viewer, id, handle)
        .await
        .map(|attempt| attempt.issue)
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

/// The attempt, if this viewer started it and its callback made this handle. The first mismatch ends the
/// attempt for everybody: the viewer was lured here, or is trying to take over the attempt.
async fn of_this_viewer(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<Attempt, Error> {
    let (tenant, attempt) = linking.under_way(id).await?;
    if attempt.client_key != viewer.tenant().client_key || attempt.account_id != *viewer.account() {
        linking.events.record(Event::RefusedProof {
            started: (&tenant.client_key, &attempt.account_id),
            finished: (&viewer.tenant().client_key, viewer.account()),
        });
        linking.end(id, Ending::Refused).await?;
        let rules = linking.rules(viewer.tenant()).await?;
        let signed_in_as = match ask_about(linking, viewer.tenant(), viewer.account(), &rules).await
        {
            Ok(person) => person.map(|person| person.display_name),
            Err(_) => None,
        };
        return Err(Error::WrongPerson { signed_in_as });
    }
    let given = handle.fingerprint();
    let handle = attempt.phase.handle();
    if !handle.is_some_and(|handle| same(&handle.hash, &given)) {
        let wrong_handle = Event::WrongHandle(&tenant.client_key, &attempt.account_id);
        linking.events.record(wrong_handle);
        linking.end(id, Ending::Refused).await?;
        return Err(Error::WrongBrowser);
    }
    Ok(attempt)
}

/// Whether an attempt that was connected was proved by this viewer with this handle, which still lives.
async fn was_proved_by(
    linking: &Linking,
    viewer: &Viewer,
    id: &AttemptId,
    handle: &Secret,
) -> Result<bool, Error> {
    let now = linking.now();
    let ended = linking.store().attempt_end(id, now).await?;
    Ok(ended.is_some_and(|(tenant, ended)| {
        ended.how == Ending::Connected
            && tenant.client_key == viewer.tenant().client_key
            && ended.account_id == *viewer.account()
            && ended.handle.is_some_and(|given| {
                given.expires_at > now && same(&given.hash, &handle.fingerprint())
            })
    }))
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
    linking.end(id, Ending::Cancelled).await
}

/// What the address of an attempt shows to the browser that began it.
pub enum View {
    /// The person has not been to the service, or has not come back, or Jira has not named them yet.
    Introduction(Introduction),
    /// Another request is redeeming the code.
    Redeeming {
        /// Host of the site.
        site: String,
    },
    /// The person may confirm.
    BothAccounts(Box<BothAccounts>),
    /// It is over.
    Over(Box<Over>),
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
    /// Whether they came to connect another account than the one they are logged in to at the service.
    pub another: bool,
    /// Whether the service can be asked to let them choose. If not, they must log out there to change the
    /// account.
    pub may_choose: bool,
    /// Whether they have logged in at the service, and Jira has not named them yet.
    pub awaits_jira: bool,
    /// The number of this page among those of the attempt.
    pub shown: i64,
}

/// Both accounts, for the person to look at before they are linked.
pub struct BothAccounts {
    /// The person's name in Jira.
    pub person: String,
    /// Their account id. Together with the site it cannot be forged, while a name in Jira can be any text.
    pub account_id: AccountId,
    /// Host of the site's base URL.
    pub site: String,
    /// The account at the service.
    pub identity: Identity,
    /// The account at the service that would be replaced, if it is another.
    pub replaces: Option<Identity>,
    /// Names of other people at this site who are connected to the same account, three at most. They lose
    /// nothing.
    pub also_linked_by: Vec<String>,
    /// Whether the proof came from another network or browser than the code.
    pub proved_elsewhere: bool,
    /// Whether the service can be asked to let them choose another account.
    pub may_choose: bool,
    /// A confirmation has to carry this. It names this page, with these accounts on it.
    pub page_token: String,
    /// Where the person came from.
    pub back: String,
}

/// What became of an attempt that is over.
pub struct Over {
    /// How it ended.
    pub how: Ending,
    /// The person's link as it is now, whichever attempt made it.
    pub link: Option<LinkStatus>,
    /// The attempt with which the person began again, if this browser began that one too.
    pub newest: Option<AttemptId>,
    /// Whether a later attempt of the person became a link, and none is under way.
    pub connected_since: bool,
    /// Where the person came from.
    pub back: String,
    /// The issue they came from.
    pub issue: Option<IssueKey>,
}

/// What the address of an attempt shows. The first look after the proof redeems the code; `begun` are all
/// attempts of this browser. Reasons in what it answers are in these `words`.
///
/// # Errors
/// [`Error::TimedOut`], and every error of redeeming a code. Where trying again may help, the attempt
/// goes back to its beginning, and [`Failed::again`] leads there.
pub async fn look(
    linking: &Arc<Linking>,
    id: &AttemptId,
    begun: &[AttemptId],
    words: &Words,
) -> Result<View, Failed> {
    let (now, store) = (linking.now(), linking.store());
    let Some((tenant, attempt)) = store.attempt(id, now).await? else {
        let Some((tenant, ended)) = store.attempt_end(id, now).await? else {
            return Err(Error::TimedOut("its time is over").into());
        };
        let over = over(linking, &tenant, ended, begun, words).await?;
        return Ok(View::Over(Box::new(over)));
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .look(&tenant, &attempt.account_id)
        .map_err(failed)?;
    match &attempt.phase {
        Phase::Begun | Phase::Authorizing(_) | Phase::Returned(_) => {
            let introduction = introduction(linking, &tenant, attempt).await?;
            Ok(View::Introduction(introduction))
        }
        Phase::Redeeming(redeeming) if now < redeeming.since + REDEEMING_LIFE => {
            Ok(View::Redeeming {
                site: tenant.site().to_owned(),
            })
        }
        // The process that asked has died, and the answer is lost.
        Phase::Redeeming(_) => {
            let why = Error::ServiceUnreachable("the answer to a code was lost".to_owned());
            Err(start_over(linking, &tenant, &attempt, why).await?)
        }
        Phase::Proved(_) => redeem(linking, tenant, attempt).await,
        Phase::Redeemed(redeemed) => {
            let both = both_accounts(linking, &tenant, &attempt, redeemed).await?;
            Ok(View::BothAccounts(Box::new(both)))
        }
    }
}

async fn over(
    linking: &Linking,
    tenant: &Tenant,
    ended: Ended,
    begun: &[AttemptId],
    words: &Words,
) -> Result<Over, Error> {
    let (now, store) = (linking.now(), linking.store());
    let account = &ended.account_id;
    let link = store.link(tenant, account).await?;
    let newest = store.attempt_of_person(tenant, account, now).await?;
    let newest = newest.map(|newest| newest.id);
    Ok(Over {
        // While a newer attempt is under way, none has become the link. Times are whole seconds, and an attempt before this
        // one may have been confirmed in the same second.
        connected_since: newest.is_none()
            && store.connected_since(tenant, account, ended.at).await?,
        how: ended.how,
        link: link.map(|link| {
            let meanwhile = linking.keeps_waiting(tenant);
            LinkStatus::of(&link, tenant, words, meanwhile, now)
        }),
        newest: newest.filter(|newest| begun.contains(newest)),
        back: tenant.back(ended.issue.as_ref()),
        issue: ended.issue,
    })
}

/// Whether an attempt that this browser does not carry was replaced by one of the same person that it does carry.
///
/// Two attempts that begin at the same moment each set a session cookie, and the browser keeps the one that arrives
/// last. The other tab is then told that a newer attempt replaced it, and not that the page belongs to another browser.
/// That is safe: the browser carries an attempt of the same person, and a replaced attempt can do nothing any more.
///
/// # Errors
/// When the store is unavailable.
pub async fn was_replaced(
    linking: &Linking,
    id: &AttemptId,
    begun: &[AttemptId],
) -> Result<bool, Error> {
    let (now, store) = (linking.now(), linking.store());
    let Some((tenant, ended)) = store.attempt_end(id, now).await? else {
        return Ok(false);
    };
    if ended.how != Ending::Replaced {
        return Ok(false);
    }
    for own in begun {
        let whose = match store.attempt(own, now).await? {
            Some((tenant, attempt)) => Some((tenant, attempt.account_id)),
            None => {
                let ended = store.attempt_end(own, now).await?;
                ended.map(|(tenant, ended)| (tenant, ended.account_id))
            }
        };
        if whose.is_some_and(|(of, account)| {
            of.client_key == tenant.client_key && account == ended.account_id
        }) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The person's name in Jira, or their account id if Jira has not told the name.
///
/// # Errors
/// When the store is unavailable.
pub async fn name_in_jira(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
) -> Result<String, Error> {
    let person = linking.store().person(tenant, account).await?;
    Ok(person.map_or_else(|| account.to_string(), |(person, _)| person.display_name))
}

async fn introduction(
    linking: &Linking,
    tenant: &Tenant,
    attempt: Attempt,
) -> Result<Introduction, Error> {
    let linked_as = linking.linked_as(tenant, &attempt.account_id).await?;
    let matters = attempt.another || linked_as.is_some();
    Ok(Introduction {
        person: name_in_jira(linking, tenant, &attempt.account_id).await?,
        site: tenant.site().to_owned(),
        issue: attempt.issue,
        linked_as,
        another: attempt.another,
        // It is only a hint on the page, which must not fail because of it.
        may_choose: matters && linking.parts.service.lets_choose().await.unwrap_or(false),
        awaits_jira: matches!(attempt.phase, Phase::Returned(_)),
        shown: linking.store().attempt_shown(&attempt.id).await?,
    })
}

async fn both_accounts(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<BothAccounts, Error> {
    let account = &attempt.account_id;
    let identity = redeemed.identity.clone();
    let replaces = replaces(linking, tenant, account, &identity).await?;
    let store = linking.store();
    let also_linked_by = store.others_linked(tenant, account, &identity.subject);
    Ok(BothAccounts {
        also_linked_by: also_linked_by.await?,
        person: name_in_jira(linking, tenant, account).await?,
        account_id: account.clone(),
        site: tenant.site().to_owned(),
        page_token: page_token(redeemed, replaces.as_ref()),
        identity,
        replaces,
        proved_elsewhere: redeemed.round.proved_elsewhere,
        may_choose: linking.parts.service.lets_choose().await.unwrap_or(false),
        back: tenant.back(attempt.issue.as_ref()),
    })
}

/// The account at the service that a person has connected, if it is another than this one.
async fn replaces(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
    identity: &Identity,
) -> Result<Option<Identity>, Error> {
    let link = linking.store().link(tenant, account).await?;
    Ok(link
        .map(|link| link.identity)
        // A link that does not open does not tell its account.
        .filter(|linked| !linked.subject.is_empty())
        .filter(|linked| linked.subject != identity.subject))
}

/// Names a page with both accounts: the identity on it and what it replaces, by a secret of the attempt. A
/// page that shows anything else has another token.
fn page_token(redeemed: &Redeemed, replaces: Option<&Identity>) -> String {
    let mut text = redeemed.page.expose().to_owned();
    for identity in std::iter::once(&redeemed.identity).chain(replaces) {
        for part in [&identity.subject, &identity.display_name] {
            text.push_str(&format!("|{}:{part}", part.len()));
        }
    }
    Secret::new(text).fingerprint()
}

/// Redeems the code, because the browser that brought it has come with the proof. This happens once: the
/// code is used up by the request, whatever its answer.
async fn redeem(linking: &Arc<Linking>, tenant: Tenant, attempt: Attempt) -> Result<View, Failed> {
    let Phase::Proved(proved) = &attempt.phase else {
        return Err(Error::OutOfDate.into());
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    let (store, service) = (linking.store(), &linking.parts.service);
    // Asked before the phase changes: while the service is left alone, the code stays good.
    let pass = service.admit_person().await.map_err(failed)?;
    let (round, code) = (proved.round.clone(), proved.code.clone());
    let now = linking.now();
    let redeeming = Phase::Redeeming(Redeeming {
        round: round.clone(),
        since: now,
    });
    let stepped = store.attempt_step(&tenant, &attempt, redeeming, now).await;
    let attempt = match stepped {
        Ok(Some(attempt)) => attempt,
        otherwise => {
            otherwise?;
            // Another request of this browser redeems it, or the attempt has ended.
            return Ok(View::Redeeming {
                site: tenant.site().to_owned(),
            });
        }
    };
    // In a task of its own, so that a browser that hangs up does not lose what the service gives.
    let task = tokio::spawn({
        let linking = linking.clone();
        async move { ask_the_service(&linking, &tenant, attempt, code, round, pass).await }
            .in_current_span()
    });
    task.await
        .map_err(|_| Error::Internal("redeeming a code panicked".to_owned()))?
}

/// Redeems the code, keeps what it brings, and shows both accounts.
async fn ask_the_service(
    linking: &Linking,
    tenant: &Tenant,
    attempt: Attempt,
    code: Code,
    round: Round,
    pass: PersonsPass,
) -> Result<View, Failed> {
    let service = &linking.parts.service;
    let answer = service.redeem(pass, &code.code, &code.code_verifier, &code.nonce);
    let (identity, tokens) = match answer.await {
        Ok(account) => account,
        Err(error) => {
            if let Some(brought) = error.brought {
                revoke_brought(linking, tenant, &attempt, brought).await?;
            }
            return Err(start_over(linking, tenant, &attempt, error.why).await?);
        }
    };
    if let Some(size) = too_large(linking, &identity, &tokens)? {
        let brought = Brought {
            tokens: tokens.revocable(),
            subject: Some(identity.subject),
        };
        revoke_brought(linking, tenant, &attempt, brought).await?;
        let why = Error::KeyTooLarge {
            size,
            most: LARGEST_PROPERTY,
        };
        return Err(start_over(linking, tenant, &attempt, why).await?);
    }
    let redeemed = Redeemed {
        round,
        identity,
        tokens,
        page: linking.parts.random.token(),
    };
    let keep = || keep(linking, tenant, &attempt, &redeemed);
    if !hold(linking, &attempt, keep).await? {
        linking.parts.wake_cleanup.notify_one();
        let why = Error::AttemptOver("it ended while the code was redeemed");
        return Err(Failed::of(why, tenant, attempt.issue.as_ref()));
    }
    let both = both_accounts(linking, tenant, &attempt, &redeemed).await?;
    Ok(View::BothAccounts(Box::new(both)))
}

/// How many bytes the property would have with these tokens, if that is more than Jira takes. A key that is yet to
/// be made is looked at when it is put.
fn too_large(
    linking: &Linking,
    identity: &Identity,
    tokens: &Tokens,
) -> Result<Option<usize>, Error> {
    let service = &linking.parts.service;
    if service.makes_keys() {
        return Ok(None);
    }
    publishing::too_large(&linking.parts, &service.token_as_key(tokens), identity)
}

/// Has the tokens revoked that a code brought without an account.
async fn revoke_brought(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    Brought { tokens, subject }: Brought,
) -> Result<(), Error> {
    let (store, now) = (linking.store(), linking.now());
    let (account, subject) = (&attempt.account_id, subject.as_deref());
    let revoke = || store.revoke_unlinked(tenant, account, subject, &tokens, now);
    hold(linking, attempt, revoke).await?;
    linking.parts.wake_cleanup.notify_one();
    Ok(())
}

/// Repeats a write that must not be forgotten while the database is away, until the time of the attempt is
/// over.
async fn hold<T, F>(linking: &Linking, attempt: &Attempt, act: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut held = None;
    loop {
        match act().await {
            Err(Error::Unavailable(error)) if linking.now() < attempt.expires_at => {
                held.get_or_insert_with(|| linking.parts.meters.hold());
                tracing::warn!(%error, "what a code brought cannot be written yet; it is held and tried again");
                tokio::time::sleep(HELD_FOR).await;
            }
            done => break done,
        }
    }
}

/// Keeps what the service gave. If the attempt has ended meanwhile, it is revoked instead: then false.
async fn keep(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<bool, Error> {
    let (now, store) = (linking.now(), linking.store());
    let next = Phase::Redeemed(redeemed.clone());
    let stepped = store.attempt_step(tenant, attempt, next, now).await?;
    if stepped.is_some() {
        return Ok(true);
    }
    // An earlier try may have kept it: when a connection is cut, the answer to a commit can be lost.
    if let Some((_, found)) = store.attempt(&attempt.id, now).await?
        && let Phase::Redeemed(kept) = &found.phase
        && same(kept.page.expose(), redeemed.page.expose())
    {
        return Ok(true);
    }
    let (account, tokens) = (&attempt.account_id, redeemed.tokens.revocable());
    let subject = Some(redeemed.identity.subject.as_str());
    store
        .revoke_unlinked(tenant, account, subject, &tokens, now)
        .await?;
    Ok(false)
}

/// After a code that brought nothing. Where trying again may help, the attempt goes back to its beginning,
/// and the person begins again with one click; otherwise it is over.
async fn start_over(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    why: Error,
) -> Result<Failed, Error> {
    let again = match why {
        Error::CodeRanOut | Error::ServiceUnreachable(_) => {
            let store = linking.store();
            let begun = store.attempt_step(tenant, attempt, Phase::Begun, linking.now());
            begun.await?.map(|attempt| attempt.id)
        }
        _ => {
            linking.end(&attempt.id, Ending::Failed).await?;
            None
        }
    };
    Ok(Failed {
        again,
        still: linking.linked_as(tenant, &attempt.account_id).await?,
        ..Failed::of(why, tenant, attempt.issue.as_ref())
    })
}

/// Links: stores the link, gets the API key, and puts it into Jira. When Jira or the key endpoint fails now,
/// the link stays and the worker goes on. `page` is the token of the page that was confirmed.
///
/// Confirming what is connected already changes nothing.
///
/// # Errors
/// [`Error::OutOfDate`] when the page does not show these accounts, or there is nothing to confirm yet;
/// [`Error::AttemptOver`], [`Error::TimedOut`] and [`Error::TooMany`].
pub async fn confirm(linking: &Arc<Linking>, id: &AttemptId, page: &str) -> Result<(), Failed> {
    match link(linking, id, page).await {
        // Another click has linked it, before this one or during any step of it.
        Err(Failed {
            error: Error::OutOfDate | Error::AttemptOver(_),
            ..
        }) if is_connected(linking, id).await? => Ok(()),
        linked => linked,
    }
}

/// Whether an attempt has ended with a link.
async fn is_connected(linking: &Linking, id: &AttemptId) -> Result<bool, Error> {
    let end = linking.store().attempt_end(id, linking.now()).await?;
    Ok(end.is_some_and(|(_, ended)| ended.how == Ending::Connected))
}

/// Makes a link of an attempt, if the page that was clicked shows both of its accounts.
async fn link(linking: &Arc<Linking>, id: &AttemptId, page: &str) -> Result<(), Failed> {
    let (tenant, attempt) = linking.under_way(id).await?;
    let account = &attempt.account_id;
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking.limits.act(&tenant, account).map_err(failed)?;
    let Phase::Redeemed(redeemed) = &attempt.phase else {
        return Err(failed(Error::OutOfDate));
    };
    let replaces = replaces(linking, &tenant, account, &redeemed.identity).await?;
    if !same(page, &page_token(redeemed, replaces.as_ref())) {
        // Once another click has linked, the old account is gone from the page.
        if !is_connected(linking, id).await? {
            let wrong_page = Event::WrongPage(&tenant.client_key, account);
            linking.events.record(wrong_page);
        }
        return Err(failed(Error::OutOfDate));
    }
    let credential = credential_of(&linking.parts.service, redeemed);
    let now = linking.now();
    let lease = Lease {
        owner: &linking.replica,
        until: now + LEASE,
    };
    let store = linking.store();
    let (identity, sealed) = (&redeemed.identity, credential.clone());
    let claim = store.confirm(&tenant, &attempt, identity, sealed, lease, now);
    let Some(claim) = claim.await? else {
        return Err(failed(Error::AttemptOver("it ended meanwhile")));
    };
    tracing::info!(tenant = %tenant.client_key, %account, attempt = %id, "an account was linked");
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
            .in_current_span()
    });
    match task.await {
        Ok(Ok(())) => Ok(()),
        // The link is stored; its lease brings it back to the worker.
        Ok(Err(error)) => {
            tracing::warn!(%error, "the first key was not recorded yet");
            Ok(())
        }
        Err(_) => Err(Error::Internal("publishing a key panicked".to_owned())),
    }
}
