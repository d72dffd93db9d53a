//! What the admins of a site see and do: who is connected, which they can end; what happened there; how the app is;
//! and who may connect.
//!
//! Each function takes an [`Admin`]: Jira was asked about this person, at this site, for this very request. Their
//! tenant is the only one that a function touches.

mod history;
mod site;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::atlassian::jira::{About, JiraError};
use crate::atlassian::{Admin, Viewer};
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::events::Event;
use crate::linking::{self, Linking, end, end_later};
use crate::model::{Actor, Left, LinkId, LinkState, LinkStatus, Purpose};
use crate::outbound::Addresses;
use crate::store::{Listed, Sought, SoughtState, Store};
use crate::vendor::ActAs;
use crate::words::Words;

pub use history::{EventsPage, Export, Format, events, export};
pub use site::{SiteForAdmin, Wish, decide, site};

/// How many links a page has.
const PAGE: i64 = 100;
/// The longest text that is sought, in characters.
const LONGEST_SOUGHT: usize = 200;
/// How many links one request ends, and how long it may take: Forge waits for 25 seconds.
const ENDED_AT_ONCE: i64 = 200;
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// About how many people one request asks Jira. Each costs three points of the quota.
const ASKED_AT_ONCE: i64 = 25;

/// What the admin page works with.
pub struct Administering {
    /// What it shares with linking.
    pub linking: Arc<Linking>,
    /// The addresses from which Jira is called, as far as they are known.
    pub outbound: Addresses,
    /// For how many days what happened is kept.
    pub events_days: i64,
    /// How far the vendor's servers may act as people.
    pub act_as: ActAs,
}

impl Administering {
    fn store(&self) -> &Store {
        &self.linking.parts.store
    }

    fn now(&self) -> Seconds {
        self.linking.parts.clock.now()
    }

    fn service(&self) -> &str {
        self.linking.parts.service.name()
    }
}

/// Asks Jira whether a person may administer their site.
///
/// # Errors
/// [`Error::NotAdmin`] for a person who may not, [`Error::TooMany`], and why Jira could not be asked: then nobody is
/// one.
pub async fn admin(administering: &Administering, viewer: &Viewer) -> Result<Admin, Error> {
    let linking = &administering.linking;
    linking.limits.act(viewer.tenant(), viewer.account())?;
    match linking.parts.jira.admin(viewer).await {
        Ok(Some(admin)) => Ok(admin),
        Ok(None) => {
            let (tenant, account) = (&viewer.tenant().client_key, viewer.account());
            linking.events.record(Event::NotAdmin(tenant, account));
            Err(Error::NotAdmin)
        }
        Err(error) => Err(linking::no_word(administering.now(), error)),
    }
}

/// Learns the name of an admin who has changed something, for what happened to say it. It is only a name: if Jira does
/// not give it now, their account id stands there.
async fn learn_name(administering: &Administering, admin: &Admin) -> Result<(), Error> {
    let (store, parts) = (administering.store(), &administering.linking.parts);
    let (tenant, account) = (admin.tenant(), admin.account());
    if store.person(tenant, account).await?.is_some() {
        return Ok(());
    }
    let about = About {
        tenant,
        account,
        purpose: Purpose::Person,
        failures: 0,
    };
    if let Ok(person) = parts.jira.person(&about).await {
        let now = administering.now();
        store.remember_person(tenant, account, &person, now).await?;
    }
    Ok(())
}

/// A page of links.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinksPage {
    /// Name of the service.
    pub service: String,
    /// How many links the site has, whatever is sought.
    pub total: i64,
    /// The links of this page.
    pub links: Vec<LinkForAdmin>,
    /// Where the next page begins. None on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A link as an admin sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkForAdmin {
    /// Its id.
    pub id: String,
    /// The person's account id.
    pub account_id: String,
    /// Their name in Jira, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Account id at the service. Left out where it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Name there.
    pub display_name: String,
    /// `linking`, `linked` or `reconnect`.
    pub state: &'static str,
    /// Since when they are connected, RFC 3339.
    pub since: String,
    /// When the key in Jira expires, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Counts the renewals.
    pub generation: i64,
    /// What keeps it from being renewed, in words for an admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl LinkForAdmin {
    fn of(admin: &Admin, listed: &Listed, words: &Words, now: Seconds) -> Self {
        let link = &listed.link;
        let status = LinkStatus::of(link, admin.tenant(), words, None, now);
        let trouble = match link.state {
            LinkState::Reconnect(why) => Some(why.for_admin(words)),
            LinkState::Aside(why) => Some(why.for_admin(words)),
            LinkState::Live => {
                let met = link.trouble.map(|trouble| trouble.explain(words));
                met.or(status.reason)
            }
        };
        Self {
            id: link.id.to_string(),
            account_id: link.account_id.to_string(),
            name: listed.person.clone(),
            subject: status.subject,
            display_name: link.identity.display_name.clone(),
            state: status.state,
            since: rfc3339(link.consent.since.unwrap_or(listed.created_at)),
            valid_until: status.expires_at,
            generation: link.generation,
            trouble,
        }
    }
}

/// What is asked for in a list of links, as it stands in the address.
#[derive(Debug, Default)]
pub struct Question {
    /// Text in the account id, the subject or one of the names.
    pub text: Option<String>,
    /// A word of [`SoughtState`].
    pub state: Option<String>,
    /// Where the page begins, from the page before.
    pub after: Option<String>,
}

impl Question {
    fn sought(self) -> Result<Sought, Error> {
        let text = self.text.unwrap_or_default().trim().to_owned();
        if text.chars().count() > LONGEST_SOUGHT || text.contains('\0') {
            return Err(Error::BadRequest(
                "At most 200 characters can be looked for",
            ));
        }
        let state = match self.state.as_deref() {
            None | Some("") => None,
            Some(word) => Some(
                SoughtState::parse(word)
                    .ok_or(Error::BadRequest("state is linked, reconnect or trouble"))?,
            ),
        };
        Ok(Sought {
            text,
            state,
            after: self.after.as_deref().map(read_cursor).transpose()?,
        })
    }
}

/// Where a page ended: a time and an id.
fn cursor(at: Seconds, id: &str) -> String {
    format!("{at}.{id}")
}

fn read_cursor(text: &str) -> Result<(Seconds, String), Error> {
    let known = |id: &str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text.split_once('.')
        .filter(|(_, id)| known(id))
        .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())))
        .ok_or(Error::BadRequest(
            "after is what next was on the page before",
        ))
}

/// Takes a page of what was asked for with one too many, and where the next one begins.
fn page<T>(
    mut found: Vec<T>,
    most: i64,
    at: impl Fn(&T) -> (Seconds, String),
) -> (Vec<T>, Option<String>) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| more).map(|last| {
        let (at, id) = at(last);
        cursor(at, &id)
    });
    (found, next)
}

async fn listed(
    administering: &Administering,
    admin: &Admin,
    sought: &Sought,
    most: i64,
) -> Result<(Vec<Listed>, Option<String>), Error> {
    let now = administering.now();
    let found = administering
        .store()
        .listed_links(admin.tenant(), sought, now, most + 1)
        .await?;
    Ok(page(found, most, |listed| {
        (listed.created_at, listed.link.id.0.clone())
    }))
}

/// Who is connected at the site, the newest first.
///
/// # Errors
/// [`Error::BadRequest`] for a question that is none, and when the store is unavailable, as for all functions here.
pub async fn links(
    administering: &Administering,
    admin: &Admin,
    question: Question,
    words: &Words,
) -> Result<LinksPage, Error> {
    let sought = question.sought()?;
    let now = administering.now();
    let (found, next) = listed(administering, admin, &sought, PAGE).await?;
    let summary = administering.store().summary_of(admin.tenant(), now);
    Ok(LinksPage {
        service: administering.service().to_owned(),
        total: summary.await?.total,
        links: found
            .iter()
            .map(|listed| LinkForAdmin::of(admin, listed, words, now))
            .collect(),
        next,
    })
}

/// Ends a link of the site, as its person does with Disconnect. Returns what is left to do.
///
/// # Errors
/// [`Error::NotFound`] for a link that is not there, or is of another site.
pub async fn end_link(
    administering: &Administering,
    admin: &Admin,
    id: &LinkId,
) -> Result<Left, Error> {
    let tenant = admin.tenant();
    let owner = administering.store().owner_of(tenant, id).await?;
    let account = owner.ok_or(Error::NotFound)?;
    let by = Actor::Admin(admin.account().clone());
    let left = end(&administering.linking, tenant, &account, Some(id), &by).await?;
    learn_name(administering, admin).await?;
    Ok(left)
}

/// What came of a request about many links.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedSome {
    /// How many links were ended.
    pub ended: i64,
    /// How many links the site has now.
    pub total: i64,
}

/// Ends links of the site, the oldest first, as many as there is time for. What is left to do for each is the worker's.
///
/// # Errors
/// As [`links`].
pub async fn end_all(administering: &Administering, admin: &Admin) -> Result<EndedSome, Error> {
    let (store, tenant) = (administering.store(), admin.tenant());
    let began = Instant::now();
    let by = Actor::Admin(admin.account().clone());
    let mut ended = 0;
    for (id, account) in store.oldest_links(tenant, ENDED_AT_ONCE).await? {
        if began.elapsed() > ENDS_WITHIN {
            break;
        }
        let gone = end_later(&administering.linking, tenant, &account, &id, &by);
        ended += i64::from(gone.await?);
    }
    tracing::info!(tenant = %tenant.client_key, admin = %admin.account(), ended, "an admin ends the links of a site");
    if ended > 0 {
        learn_name(administering, admin).await?;
    }
    let summary = store.summary_of(tenant, administering.now()).await?;
    Ok(EndedSome {
        ended,
        total: summary.total,
    })
}

/// Those of some people who have left.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftPage {
    /// Connected people of whom Jira says that they are deactivated or gone.
    pub links: Vec<LinkForAdmin>,
    /// About how many people Jira was asked.
    pub checked: usize,
    /// How many of these connections were ended, if they were to be.
    pub ended: i64,
    /// Where the next page begins. None on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Asks Jira about some of the connected people, and ends the connections of those who have left if `ends` says so.
/// Only Jira's own word about a person counts, and only once it has answered about all of them anything ends.
///
/// # Errors
/// As [`links`], and why Jira could not be asked.
pub async fn left(
    administering: &Administering,
    admin: &Admin,
    after: Option<String>,
    ends: bool,
    words: &Words,
) -> Result<LeftPage, Error> {
    let question = Question {
        after,
        ..Question::default()
    };
    let sought = question.sought()?;
    let (found, next) = listed(administering, admin, &sought, ASKED_AT_ONCE).await?;
    let checked = found.len();
    let mut gone = Vec::new();
    for listed in found {
        if has_left(administering, admin, &listed).await? {
            gone.push(listed);
        }
    }
    let (tenant, by) = (admin.tenant(), Actor::Admin(admin.account().clone()));
    let mut ended = 0;
    for listed in gone.iter().filter(|_| ends) {
        let link = &listed.link;
        let end = end_later(
            &administering.linking,
            tenant,
            &link.account_id,
            &link.id,
            &by,
        );
        ended += i64::from(end.await?);
    }
    if ended > 0 {
        learn_name(administering, admin).await?;
    }
    let now = administering.now();
    let links = gone.iter();
    Ok(LeftPage {
        links: links
            .map(|listed| LinkForAdmin::of(admin, listed, words, now))
            .collect(),
        checked,
        ended,
        next,
    })
}

async fn has_left(
    administering: &Administering,
    admin: &Admin,
    listed: &Listed,
) -> Result<bool, Error> {
    let about = About {
        tenant: admin.tenant(),
        account: &listed.link.account_id,
        purpose: Purpose::Person,
        failures: 0,
    };
    match administering.linking.parts.jira.person(&about).await {
        Ok(person) => Ok(!person.active),
        Err(JiraError::NotFound) => Ok(true),
        Err(error) => Err(linking::no_word(administering.now(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_a_page_gave() {
        for (at, id) in [(1_795_838_400, "abc-_9"), (0, "x")] {
            let read = read_cursor(&cursor(at, id)).expect("it is one");
            assert_eq!(read, (at, id.to_owned()));
        }
        for odd in [
            "",
            ".",
            "7",
            "7.",
            "x.y",
            "7.a b",
            "7.a'b",
            "7.\0",
            "99999999999999999999.a",
        ] {
            assert!(read_cursor(odd).is_err(), "{odd}");
        }
        assert!(read_cursor(&format!("7.{}", "a".repeat(65))).is_err());
    }

    #[test]
    fn a_page_has_one_after_it_only_if_more_was_found() {
        let at = |number: &i64| (*number, "id".to_owned());
        assert_eq!(page(vec![3, 2, 1], 3, at), (vec![3, 2, 1], None));
        assert_eq!(
            page(vec![3, 2, 1], 2, at),
            (vec![3, 2], Some("2.id".to_owned()))
        );
        assert_eq!(page(Vec::new(), 2, at), (Vec::new(), None));
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let asks = |text: &str, state: &str| {
            let question = Question {
                text: Some(text.to_owned()),
                state: Some(state.to_owned()),
                after: None,
            };
            question.sought().ok()
        };
        let sought = asks(" Omar ", "reconnect").expect("it is good");
        assert_eq!(sought.text, "Omar");
        assert_eq!(sought.state, Some(SoughtState::Reconnect));
        assert!(asks("", "").is_some());
        assert!(asks("", "aside").is_none() && asks("a\0b", "").is_none());
        assert!(asks(&"x".repeat(201), "").is_none());
    }
}
