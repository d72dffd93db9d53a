//! Where a link begins, ends, needs its person, or works again: the only statements that do any of it.
//!
//! Each function also writes the message about it for the vendor's receiver, in the same transaction. A test in
//! `plans.rs` sees that no other module has such a statement, so none of it can happen without its message.

use serde::Serialize;

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{Actor, Credential, Link, LinkState, ReconnectReason, Tenant};
use crate::secret::TenantKey;
use crate::vault::Broken;

use super::claim::Claim;
use super::connections::readable_rows;
use super::link::Lease;
use super::outbox::NewMessage;
use super::rows::LinkRow;
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::Transaction;
use super::vendor::LinkForVendor;

statements! {
    /// In place of the person's old one. `created_at` is when they first connected.
    LINK_PUT = "insert into link (id, client_key, installation, account_id, subject, display_name, state, \
        generation, credential, key_expires_at, published_generation, published_expires_at, published_at, \
        put_again, due_at, failures, claims, claim, claimed_by, unsettled, created_at, consented_at, \
        consent_ends_at, first_end, seen_at) \
        values ($1, $2, $3, $4, $5, $6, 'live', $7, $8, $9, 0, 0, 0, 0, $10, 0, 1, $11, $12, false, $13, $14, \
        $15, 0, $13) \
        on conflict (client_key, account_id) do update set id = excluded.id, \
        installation = excluded.installation, subject = excluded.subject, \
        display_name = excluded.display_name, state = excluded.state, reason = null, \
        generation = excluded.generation, credential = excluded.credential, \
        key_expires_at = excluded.key_expires_at, published_generation = 0, published_expires_at = 0, \
        published_at = 0, put_again = 0, lacks_key = false, due_at = excluded.due_at, failures = 0, claims = 1, claim = excluded.claim, \
        claimed_by = excluded.claimed_by, intent_at = null, unsettled = false, \
        consented_at = excluded.consented_at, consent_ends_at = excluded.consent_ends_at, first_end = 0, \
        gone_since = null, seen_at = excluded.seen_at, trouble = null, refusals = 0, refused_since = null, \
        property_size = null, handle = null, handle_generation = null, late_write_until = null returning created_at";
    /// Of one link alone, where $3 names it: its person may have connected again in the meantime.
    LINK_DELETE = "delete from link where client_key = $1 and account_id = $2 and ($3 = '' or id = $3) \
        returning {link}";
    /// The refusal counts only if the row still holds the token that was sent: it is read again before a
    /// person is asked to reconnect.
    RECONNECT = "update link set state = 'reconnect', reason = $4, claim = null, claimed_by = null, \
        claims = 0, intent_at = null, unsettled = false where id = $1 and generation = $2 and claim = $3 returning created_at";
    /// After an answer of the service that came late.
    LINK_WORKS_AGAIN = "update link set state = 'live', reason = null \
        where id = $1 and generation = $2 and state = 'reconnect' returning created_at";
}

/// A link's row, with the time since when its person is connected.
#[derive(sqlx::FromRow)]
pub(super) struct StandingRow {
    #[sqlx(flatten)]
    pub(super) link: LinkRow,
    pub(super) created_at: i64,
}

readable_rows!(StandingRow);

/// Which link ends.
pub(super) struct LinkToEnd<'a> {
    pub(super) client_key: &'a str,
    pub(super) account: &'a str,
    /// That link and no newer one. Empty: whichever the person has.
    pub(super) only: &'a str,
    /// The tenant's base URL.
    pub(super) site: &'a str,
    pub(super) why: Why<'a>,
}

/// Why a link ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why<'a> {
    /// Somebody has ended it.
    EndedBy(&'a Actor),
    /// Its person has connected again.
    Replaced,
    /// The app was uninstalled.
    Uninstalled,
}

impl Why<'_> {
    /// Reason and author, in words for programs.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::EndedBy(Actor::Jira) => ("person_gone", Actor::Jira.as_str()),
            Self::EndedBy(Actor::Atlassian) => ("account_closed", Actor::Atlassian.as_str()),
            Self::EndedBy(by) => ("disconnected", by.as_str()),
            Self::Replaced => ("replaced", Actor::Person.as_str()),
            Self::Uninstalled => ("uninstalled", Actor::Atlassian.as_str()),
        }
    }
}

/// A link that has ended: its row was just deleted.
pub(super) struct Ended {
    pub(super) row: LinkRow,
    pub(super) credential: Result<Credential, Broken>,
}

/// What a message tells.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    link: LinkForVendor,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
}

impl Sealer {
    /// Writes a new link, claimed with `token`, in place of the person's old one.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different fact of one row"
    )]
    pub(super) async fn begin_link(
        &self,
        tx: &mut Transaction<'_>,
        tenant: &Tenant,
        link: &Link,
        credential: &Credential,
        replaced: Option<&Link>,
        token: &str,
        lease: Lease<'_>,
        now: Seconds,
    ) -> Result<(), Error> {
        let sealed = self.seal_credential(&tenant.key, link, link.generation, credential);
        let put = LINK_PUT
            .bind(link.id.as_str())
            .bind(link.client_key.as_str())
            .bind(link.installation)
            .bind(link.account_id.as_str())
            .bind(&link.identity.subject)
            .bind(&link.identity.display_name)
            .bind(link.generation)
            .bind(sealed)
            .bind(credential.api_key.as_ref().map(|key| key.expires_at))
            .bind(lease.until)
            .bind(token)
            .bind(lease.owner)
            .bind(now)
            .bind(credential.consent.since)
            .bind(credential.consent.ends_at);
        let since: Seconds = tx.one(put).await?;
        let site = tenant.base_url.as_str();
        if let Some(old) = replaced {
            self.tell_ended(tx, old, site, since, Why::Replaced, now)
                .await?;
        }
        self.tell_works(tx, link, site, since, now).await
    }

    /// Deletes a link's row and opens it. None if there is none. `past` is the generation that was counted for its end.
    pub(super) async fn end_link_row(
        &self,
        tx: &mut Transaction<'_>,
        ending: LinkToEnd<'_>,
        key: Option<&TenantKey>,
        past: i64,
        now: Seconds,
    ) -> Result<Option<Ended>, Error> {
        let delete = LINK_DELETE
            .bind(ending.client_key)
            .bind(ending.account)
            .bind(ending.only);
        let deleted: Option<StandingRow> = tx.optional(delete).await?;
        let Some(StandingRow {
            link: row,
            created_at,
        }) = deleted
        else {
            return Ok(None);
        };
        let credential = match key {
            Some(key) => self.open_credential(key, &row, past - 1),
            None => Err(Broken),
        };
        let link = match &credential {
            Ok(_) => row.link(),
            Err(Broken) => row.unreadable_link(),
        };
        self.tell_ended(tx, &link, ending.site, created_at, ending.why, now)
            .await?;
        Ok(Some(Ended { row, credential }))
    }

    /// Asks the person of a claimed link to reconnect. False if the link has changed since it was claimed.
    pub(super) async fn needs_person(
        &self,
        tx: &mut Transaction<'_>,
        claim: &Claim,
        reason: ReconnectReason,
        by: &Actor,
        now: Seconds,
    ) -> Result<bool, Error> {
        let link = &claim.link;
        let reconnect = RECONNECT
            .bind(link.id.as_str())
            .bind(link.generation)
            .bind(&claim.token)
            .bind(reason.as_str());
        let since: Option<Seconds> = tx.optional(reconnect).await?;
        let Some(since) = since else {
            return Ok(false);
        };
        let link = Link {
            state: LinkState::Reconnect(reason),
            ..link.clone()
        };
        let told = Told {
            link: LinkForVendor::new(&link, &claim.tenant.base_url, since),
            reason: Some(reason.as_str()),
            by: Some(by.as_str()),
        };
        self.tell_of(tx, "link.needs_reconnect", &link, &told, now)
            .await?;
        Ok(true)
    }

    /// A link that needed its person works again. Nothing happens if it did not need them.
    pub(super) async fn works_again(
        &self,
        tx: &mut Transaction<'_>,
        link: &Link,
        site: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        let works = LINK_WORKS_AGAIN
            .bind(link.id.as_str())
            .bind(link.generation);
        let since: Option<Seconds> = tx.optional(works).await?;
        if let Some(since) = since {
            self.tell_works(tx, link, site, since, now).await?;
        }
        Ok(())
    }

    async fn tell_works(
        &self,
        tx: &mut Transaction<'_>,
        link: &Link,
        site: &str,
        since: Seconds,
        now: Seconds,
    ) -> Result<(), Error> {
        let told = Told {
            link: LinkForVendor::new(link, site, since),
            reason: None,
            by: None,
        };
        self.tell_of(tx, "link.created", link, &told, now).await
    }

    async fn tell_ended(
        &self,
        tx: &mut Transaction<'_>,
        link: &Link,
        site: &str,
        since: Seconds,
        why: Why<'_>,
        now: Seconds,
    ) -> Result<(), Error> {
        let (reason, by) = why.words();
        let told = Told {
            link: LinkForVendor::ended(link, site, since),
            reason: Some(reason),
            by: Some(by),
        };
        self.tell_of(tx, "link.ended", link, &told, now).await
    }

    async fn tell_of(
        &self,
        tx: &mut Transaction<'_>,
        kind: &'static str,
        link: &Link,
        told: &Told,
        now: Seconds,
    ) -> Result<(), Error> {
        let message = NewMessage {
            kind,
            client_key: link.client_key.as_str(),
            link: link.id.as_str(),
            account: link.account_id.as_str(),
            data: told,
        };
        self.tell(tx, message, now).await
    }
}
