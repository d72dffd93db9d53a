//! What the address of an attempt shows, and what a person sees in the issue.

use std::sync::Arc;

use crate::atlassian::connect::Viewer;
use crate::error::Error;
use crate::model::{
    AccountId, Attempt, AttemptId, Ended, Ending, Identity, IssueKey, LinkState, LinkStatus, Phase,
    Redeemed, Tenant,
};
use crate::secret::Secret;

use super::allowed::may_look;
use super::redeem::{redeem, start_over};
use super::{Failed, Linking, REDEEMING_LIFE};

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
pub struct Over {
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
    /// Whether they come to connect another account than the one they are logged in to at the service.
    pub another: bool,
    /// Whether the service can be asked to let them choose. Where it cannot, logging out there is the
    /// only way to another account.
    pub may_choose: bool,
    /// Whether they have logged in at the service already, and Jira has not yet said who they are.
    pub awaits_jira: bool,
}

/// What the address of an attempt shows. The first look after the proof redeems the code; `begun` are all
/// attempts of this browser.
///
/// # Errors
/// [`Error::TimedOut`], and what redeeming a code can fail with. Where trying again may help, the attempt
/// goes back to its beginning, and [`Failed::again`] leads there.
pub async fn look(
    linking: &Arc<Linking>,
    id: &AttemptId,
    begun: &[AttemptId],
) -> Result<View, Failed> {
    let now = linking.parts.clock.now();
    let Some((tenant, attempt)) = linking.parts.store.attempt(id, now).await? else {
        let Some((tenant, ended)) = linking.parts.store.attempt_end(id, now).await? else {
            return Err(Error::TimedOut("its time is over").into());
        };
        let over = outcome(linking, &tenant, ended, begun).await?;
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
        // The process that asked has died with the answer.
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

async fn outcome(
    linking: &Linking,
    tenant: &Tenant,
    ended: Ended,
    begun: &[AttemptId],
) -> Result<Over, Error> {
    let now = linking.parts.clock.now();
    let link = linking.parts.store.link(tenant, &ended.account_id).await?;
    let newest = linking
        .parts
        .store
        .attempt_of_person(tenant, &ended.account_id, now)
        .await?;
    Ok(Over {
        how: ended.how,
        link: link.map(|link| LinkStatus::of(&link, tenant, linking.parts.service.name(), now)),
        newest: newest.filter(|newest| begun.contains(newest)),
        back: tenant.back(ended.issue.as_ref()),
        issue: ended.issue,
    })
}

/// The account that a person has connected and that works, if any.
pub(super) async fn linked_as(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
) -> Result<Option<String>, Error> {
    // One that only the person can bring back is no connection to be told about.
    let link = linking.parts.store.link(tenant, account).await?;
    Ok(link
        .filter(|link| !matches!(link.state, LinkState::Reconnect(_)))
        .map(|link| link.identity)
        .filter(|linked| !linked.subject.is_empty())
        .map(|linked| linked.display_name))
}

/// The person's name in Jira, or their account id where Jira has not said it.
///
/// # Errors
/// When the store is unavailable.
pub async fn name_in_jira(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
) -> Result<String, Error> {
    let person = linking.parts.store.person(tenant, account).await?;
    Ok(person.map_or_else(|| account.to_string(), |(person, _)| person.display_name))
}

async fn introduction(
    linking: &Linking,
    tenant: &Tenant,
    attempt: Attempt,
) -> Result<Introduction, Error> {
    let linked_as = linked_as(linking, tenant, &attempt.account_id).await?;
    let matters = attempt.another || linked_as.is_some();
    Ok(Introduction {
        person: name_in_jira(linking, tenant, &attempt.account_id).await?,
        site: tenant.site().to_owned(),
        issue: attempt.issue,
        linked_as,
        another: attempt.another,
        // A page must not fail because of what is only a hint on it.
        may_choose: matters && linking.parts.service.lets_choose().await.unwrap_or(false),
        awaits_jira: matches!(attempt.phase, Phase::Returned(_)),
    })
}

pub(super) async fn both_accounts(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<BothAccounts, Error> {
    let account = &attempt.account_id;
    let identity = redeemed.identity.clone();
    let replaces = replaces(linking, tenant, account, &identity).await?;
    let also_linked_by = linking
        .parts
        .store
        .others_linked(tenant, account, &identity.subject)
        .await?;
    Ok(BothAccounts {
        person: name_in_jira(linking, tenant, account).await?,
        account_id: account.clone(),
        site: tenant.site().to_owned(),
        page_token: page_token(redeemed, replaces.as_ref()),
        identity,
        replaces,
        also_linked_by,
        proved_elsewhere: redeemed.round.proved_elsewhere,
        may_choose: linking.parts.service.lets_choose().await.unwrap_or(false),
        back: tenant.back(attempt.issue.as_ref()),
    })
}

/// The account at the service that a person has connected, where this one is another.
pub(super) async fn replaces(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
    identity: &Identity,
) -> Result<Option<Identity>, Error> {
    let link = linking.parts.store.link(tenant, account).await?;
    Ok(link
        .map(|link| link.identity)
        // Of a link that does not open nobody knows which account it is of.
        .filter(|linked| !linked.subject.is_empty())
        .filter(|linked| linked.subject != identity.subject))
}

/// Names a page with both accounts: the identity on it and what it replaces, by a secret of the attempt.
/// A page that showed anything else has another token.
pub(super) fn page_token(redeemed: &Redeemed, replaces: Option<&Identity>) -> String {
    let mut text = redeemed.page.expose().to_owned();
    for identity in std::iter::once(&redeemed.identity).chain(replaces) {
        for part in [&identity.subject, &identity.display_name] {
            text.push_str(&format!("|{}:{part}", part.len()));
        }
    }
    Secret::new(text).fingerprint()
}

/// What a person sees in the issue.
///
/// # Errors
/// [`Error::NotAllowed`] for somebody of whom it is known that they may not link.
pub async fn status(linking: &Linking, viewer: &Viewer) -> Result<LinkStatus, Error> {
    let now = linking.parts.clock.now();
    let service = linking.parts.service.name();
    if let Some(link) = linking
        .parts
        .store
        .link(viewer.tenant(), viewer.account())
        .await?
    {
        return Ok(LinkStatus::of(&link, viewer.tenant(), service, now));
    }
    may_look(linking, viewer).await?;
    let attempt = linking
        .parts
        .store
        .attempt_of_person(viewer.tenant(), viewer.account(), now)
        .await?;
    Ok(LinkStatus::without_link(service, attempt.is_some()))
}
