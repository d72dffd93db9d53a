//! Who may connect an account. Jira decides.

use clap::ValueEnum;

use crate::atlassian::connect::Viewer;
use crate::atlassian::jira::{About, JiraError};
use crate::clock::Seconds;
use crate::error::{Error, Refusal};
use crate::events::Event;
use crate::model::{AccountId, AccountKind, ParkReason, Person, Purpose};

use super::Linking;

/// Whether portal customers of Jira Service Management may link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Customers {
    /// They may not.
    Deny,
    /// They may, like every other person.
    Allow,
}

/// How long what Jira said about a person is believed, in seconds.
const PERSON_FRESH_FOR: Seconds = 24 * 3600;
/// The same for somebody who may not connect: an admin may just have changed it.
const REFUSED_FRESH_FOR: Seconds = 60;

/// Whether somebody may link. Jira decides; the prefix of portal customers' ids only refuses early.
pub(super) async fn allowed(linking: &Linking, viewer: &Viewer) -> Result<Person, Error> {
    let refuse = |why| {
        linking.events.record(Event::Refused(
            why,
            &viewer.tenant().client_key,
            viewer.account(),
        ));
        Err(Error::NotAllowed(why))
    };
    if let Some(why) = refused_early(linking, viewer.account()) {
        return refuse(why);
    }
    let person = ask_about(linking, viewer).await?;
    match person.as_ref().map(|person| refused(linking, person)) {
        Some(None) => person.ok_or(Error::NotAllowed(Refusal::Deactivated)),
        Some(Some(why)) => refuse(why),
        None => refuse(Refusal::Deactivated),
    }
}

fn refused_early(linking: &Linking, account: &AccountId) -> Option<Refusal> {
    (account.as_str().starts_with("qm:") && linking.customers == Customers::Deny)
        .then_some(Refusal::Customer)
}

fn refused(linking: &Linking, person: &Person) -> Option<Refusal> {
    match person.kind {
        AccountKind::Customer if linking.customers == Customers::Deny => Some(Refusal::Customer),
        AccountKind::App => Some(Refusal::App),
        AccountKind::Unknown => Some(Refusal::UnknownKind),
        AccountKind::Atlassian | AccountKind::Customer if !person.active => {
            Some(Refusal::Deactivated)
        }
        AccountKind::Atlassian | AccountKind::Customer => None,
    }
}

/// What Jira says about a person, asked at most once a day. None when it does not know them.
pub(super) async fn ask_about(linking: &Linking, viewer: &Viewer) -> Result<Option<Person>, Error> {
    let now = linking.parts.clock.now();
    let (tenant, account) = (viewer.tenant(), viewer.account());
    if let Some((person, checked_at)) = linking.parts.store.person(tenant, account).await? {
        let fresh_for = if refused(linking, &person).is_none() {
            PERSON_FRESH_FOR
        } else {
            REFUSED_FRESH_FOR
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
            let store = &linking.parts.store;
            store.remember_person(tenant, account, &person, now).await?;
            Ok(Some(person))
        }
        Err(JiraError::NotFound) => Ok(None),
        Err(error) => Err(no_word(now, error)),
    }
}

/// What the person is told when Jira says nothing about them.
fn no_word(now: Seconds, error: JiraError) -> Error {
    match error {
        JiraError::IpAllowlist { .. }
        | JiraError::Resting {
            why: ParkReason::IpAllowlist,
            ..
        } => Error::IpAllowlist,
        JiraError::Resting {
            why: ParkReason::NotJira,
            ..
        } => Error::JiraUnreachable("something else than Jira answered there last".to_owned()),
        JiraError::Resting { until, .. }
        | JiraError::Wait { until, .. }
        | JiraError::UsedUp { until } => Error::JiraBusy {
            retry_after: until - now,
        },
        JiraError::Store(error) => error,
        error => Error::JiraUnreachable(error.to_string()),
    }
}

/// Refuses by what is known without asking Jira: looking at an issue must not cost a call.
pub(super) async fn may_look(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    let known = linking
        .parts
        .store
        .person(viewer.tenant(), viewer.account())
        .await?;
    let why = refused_early(linking, viewer.account())
        .or_else(|| known.and_then(|(person, _)| refused(linking, &person)));
    match why {
        Some(why) => Err(Error::NotAllowed(why)),
        None => Ok(()),
    }
}
