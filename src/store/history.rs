//! What happened at a site, for its admins: written in the transaction of what it tells of, and deleted after some
//! months, with the uninstall of the app, and as far as it names a closed account.

use std::sync::{Mutex, PoisonError};

use crate::clock::Seconds;
use crate::error::{Error, Refusal};
use crate::model::{AccountId, Actor, Happened, SiteEvent, Tenant};

use super::Store;
use super::connections::readable_rows;
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::{Finish, Transaction};

/// How many events are deleted at once.
const SWEPT: i64 = 1000;
/// A refusal of the same person for the same reason is written once within so many seconds, however often they try.
const SAME_REFUSAL: Seconds = 3600;

statements! {
    /// Nothing is written of a site that has uninstalled the app: nobody would delete it in time.
    SITE_EVENT_ADD = "insert into site_event (id, client_key, at, kind, account_id, by_whom, by_account_id, detail) \
        select cast($1 as text), t.client_key, cast($3 as bigint), cast($4 as text), cast($5 as text), \
        cast($6 as text), cast($7 as text), cast($8 as text) from tenant t where t.client_key = $2 and t.installed";
    SITE_REFUSAL_ADD = "insert into site_event (id, client_key, at, kind, account_id, by_whom, detail) \
        select cast($1 as text), t.client_key, cast($3 as bigint), cast($4 as text), cast($5 as text), \
        cast($6 as text), cast($7 as text) from tenant t where t.client_key = $2 and t.installed \
        and (select 1 from site_event e where e.client_key = $2 and e.account_id = $5 and e.at > $3 - $8 \
        and e.at <= $3 and e.kind = $4 and e.detail = $7 limit 1) is null";
    SITE_EVENTS = "select e.id, e.at, e.kind, e.account_id, e.by_whom, e.by_account_id, e.detail, \
        (select p.display_name from person p where p.client_key = e.client_key \
            and p.account_id = e.account_id) as name, \
        (select p.display_name from person p where p.client_key = e.client_key \
            and p.account_id = e.by_account_id) as by_name \
        from site_event e where e.client_key = $1 and e.at <= $2 and (e.at < $2 or e.id < $3) \
        order by e.at desc, e.id desc limit $4";
    SITE_EVENTS_PAST = "delete from site_event where id in (select id from site_event where at <= $1 limit $2)";
    SITE_EVENTS_FORGET = "delete from site_event where client_key = $1 and exists \
        (select 1 from tenant where tenant.client_key = site_event.client_key and not tenant.installed)";
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: String,
    at: i64,
    kind: String,
    account_id: Option<String>,
    by_whom: String,
    by_account_id: Option<String>,
    detail: Option<String>,
    name: Option<String>,
    by_name: Option<String>,
}

readable_rows!(EventRow);

impl EventRow {
    fn event(self) -> SiteEvent {
        SiteEvent {
            id: self.id,
            at: self.at,
            what: Happened::parse(&self.kind),
            account: self.account_id.map(AccountId),
            name: self.name,
            by: self.by_whom,
            by_account: self.by_account_id.map(AccountId),
            by_name: self.by_name,
            detail: self.detail,
        }
    }
}

/// Something that happened, before it is written.
pub(super) struct Note<'a> {
    pub(super) client_key: &'a str,
    pub(super) account_id: Option<&'a str>,
    pub(super) what: Happened,
    pub(super) by: &'a Actor,
    pub(super) detail: Option<&'a str>,
}

impl Sealer {
    /// An id that is greater than those that this process made before.
    fn event_id(&self) -> String {
        static MADE: Mutex<u64> = Mutex::new(0);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        *made += 1;
        let number = *made;
        format!("{number:012x}-{}", self.random.id())
    }

    /// Writes down what this transaction brings about at a site.
    pub(super) async fn happened(
        &self,
        tx: &mut Transaction<'_>,
        note: Note<'_>,
        now: Seconds,
    ) -> Result<(), Error> {
        let add = SITE_EVENT_ADD
            .bind(self.event_id())
            .bind(note.client_key)
            .bind(now)
            .bind(note.what.as_str())
            .bind(note.account_id)
            .bind(note.by.as_str())
            .bind(note.by.account().map(AccountId::as_str))
            .bind(note.detail);
        tx.execute(add).await?;
        Ok(())
    }

    /// The same for somebody who was refused, once an hour for each reason.
    pub(super) async fn refused(
        &self,
        tx: &mut Transaction<'_>,
        client_key: &str,
        account_id: &str,
        why: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        let add = SITE_REFUSAL_ADD
            .bind(self.event_id())
            .bind(client_key)
            .bind(now)
            .bind(Happened::Refused.as_str())
            .bind(account_id)
            .bind(Actor::App.as_str())
            .bind(why)
            .bind(SAME_REFUSAL);
        tx.execute(add).await?;
        Ok(())
    }
}

impl Store {
    /// Writes down that somebody who may not connect tried to.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn note_refusal(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        why: Refusal,
        now: Seconds,
    ) -> Result<(), Error> {
        let (client_key, account) = (tenant.client_key.as_str(), account.as_str());
        self.connections
            .transaction(async |tx| {
                self.sealer
                    .refused(tx, client_key, account, why.name(), now)
                    .await?;
                Ok(Finish::Commit(()))
            })
            .await
    }

    /// What happened at a site, the newest first, at most `most`, before the event with this time and id.
    pub async fn site_events(
        &self,
        tenant: &Tenant,
        before: (Seconds, &str),
        most: i64,
    ) -> Result<Vec<SiteEvent>, Error> {
        let events = SITE_EVENTS
            .bind(tenant.client_key.as_str())
            .bind(before.0)
            .bind(before.1)
            .bind(most);
        let rows: Vec<EventRow> = self.connections.all(events).await?;
        Ok(rows.into_iter().map(EventRow::event).collect())
    }

    /// Deletes some of what happened until `until`. True if there may be more.
    pub async fn sweep_site_events(&self, until: Seconds) -> Result<bool, Error> {
        let past = SITE_EVENTS_PAST.bind(until).bind(SWEPT);
        let swept = self.connections.execute(past).await?;
        Ok(i64::try_from(swept).unwrap_or(i64::MAX) >= SWEPT)
    }

    /// Deletes what happened at a site that has uninstalled the app.
    pub(super) async fn forget_site_events(&self, client_key: &str) -> Result<(), Error> {
        self.connections
            .execute(SITE_EVENTS_FORGET.bind(client_key))
            .await?;
        Ok(())
    }
}
