//! The outbox: messages to the vendor's receiver, which wait here until it has taken them.
//!
//! A message is written in the transaction of what it tells (`standing.rs`), so there is none without the other. Of one
//! link, the next message goes out once the one before was taken or given up. Without a receiver in the settings, or
//! after it said that it wants nothing any more, nothing is written.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::model::ClientKey;
use crate::secret::{Secret, fingerprint};
use crate::vault::Place;

use super::Store;
use super::connections::{Connections, readable_rows};
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::{Finish, Transaction};

/// For how many seconds a message is tried.
const TRIED_FOR: Seconds = 24 * 3600;
/// For how many seconds after it was written a message is kept that the receiver has not taken.
const KEPT_FOR: Seconds = 7 * 24 * 3600;
/// How many rows are given up or deleted at once.
const SWEPT: i64 = 1000;

/// $1 now, $2 end of the lease, $3 the claim, $4 the receiver, $5 how many.
macro_rules! claim_webhooks {
    () => {
        "update webhook set due_at = $2, claim = $3 where id in (select w.id from webhook w \
        where w.given_up_at is null and w.due_at <= $1 and not exists (select 1 from webhook b \
            where b.link_id = w.link_id and b.position < w.position and b.given_up_at is null) \
        and not exists (select 1 from webhook_receiver r where r.receiver = $4 \
            and (r.gone_at is not null or r.wait_until > $1)) \
        order by w.due_at limit $5"
    };
}

statements! {
    WEBHOOK_ADD = "insert into webhook (id, client_key, link_id, position, account_id, at, sealed, due_at, failures) \
        select cast($1 as text), cast($2 as text), cast($3 as text), \
        1 + coalesce((select max(w.position) from webhook w where w.link_id = $3), 0), \
        cast($4 as text), cast($5 as bigint), cast($6 as text), cast($5 as bigint), 0 \
        where not exists (select 1 from webhook_receiver r where r.receiver = $7 and r.gone_at is not null)";
    /// Of each link only the first message that waits.
    WEBHOOK_CLAIM = each(concat!(claim_webhooks!(), ")", " returning {webhook}"),
        concat!(claim_webhooks!(), " for update of w skip locked)", " returning {webhook}"));
    WEBHOOK_DONE = "delete from webhook where id = $1 and client_key = $2 and claim = $3";
    /// Those behind it wait as long: they cannot go before.
    WEBHOOK_LATER = "update webhook set due_at = $5, \
        failures = failures + case when id = $1 then 1 else 0 end \
        where link_id = $4 and client_key = $2 and (select w.claim from webhook w where w.id = $1) = $3";
    WEBHOOK_LOST = "update webhook set given_up_at = $3 where id = $1 and client_key = $2";
    WEBHOOKS_GIVE_UP = "update webhook set given_up_at = $1 where id in (select id from webhook \
        where given_up_at is null and at <= $2 order by at limit $3)";
    WEBHOOKS_PAST = "delete from webhook where id in (select id from webhook \
        where given_up_at is not null and at <= $1 limit $2)";
    WEBHOOKS_OF_ACCOUNT = "select {webhook} from webhook where client_key = $1 and account_id = $2";
    WEBHOOK_STRIP = "update webhook set account_id = null, sealed = $3 where id = $1 and client_key = $2";
    RECEIVER_WAIT = "insert into webhook_receiver (receiver, wait_until) values ($1, $2) \
        on conflict (receiver) do update set wait_until = excluded.wait_until \
        where webhook_receiver.wait_until < excluded.wait_until";
    RECEIVER_GONE = "insert into webhook_receiver (receiver, wait_until, gone_at) values ($1, 0, $2) \
        on conflict (receiver) do update set gone_at = excluded.gone_at where webhook_receiver.gone_at is null";
    RECEIVERS_FORGET = "delete from webhook_receiver where receiver <> $1";
    WEBHOOKS_WAITING = "select count(*) as messages, min(at) as since from webhook where given_up_at is null";
    WEBHOOKS_GIVEN_UP = "select count(*) from webhook where given_up_at is not null";
    RECEIVERS_GONE = "select count(*) from webhook_receiver where gone_at is not null";
}

#[derive(sqlx::FromRow)]
struct WebhookRow {
    id: String,
    client_key: String,
    link_id: String,
    at: i64,
    sealed: String,
    failures: i64,
    claim: Option<String>,
}

#[derive(sqlx::FromRow)]
struct WaitingRow {
    messages: i64,
    since: Option<i64>,
}

readable_rows!(WebhookRow, WaitingRow);

/// The receiver of messages as the store knows it: a hash of its URL, or none.
#[derive(Debug, Clone, Default)]
pub struct Receiver(Option<String>);

impl Receiver {
    /// The receiver at this URL.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self(Some(fingerprint(url)))
    }

    fn name(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A message that this process sends until its lease ends.
#[derive(Debug)]
pub struct Message {
    /// Its id, the same at each try.
    pub id: String,
    /// The link that it is about.
    pub link: String,
    /// What is sent. None: it does not open.
    pub body: Option<String>,
    /// When it was written.
    pub at: Seconds,
    /// Tries that failed before.
    pub failures: i64,
    client_key: ClientKey,
    claim: String,
}

/// What waits in the outbox.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OutboxFigures {
    /// Messages that are still to be taken.
    pub waiting: i64,
    /// For how long the oldest of them has waited.
    pub oldest: Seconds,
    /// Messages that the receiver did not take within a day.
    pub given_up: i64,
    /// Whether the receiver said that it wants nothing any more.
    pub is_gone: bool,
}

/// A message before it is written.
pub(super) struct NewMessage<'a, T> {
    /// What it is called.
    pub(super) kind: &'static str,
    pub(super) client_key: &'a str,
    pub(super) link: &'a str,
    pub(super) account: &'a str,
    pub(super) data: &'a T,
}

pub(super) fn message_place<'a>(client_key: &'a str, id: &'a str) -> Place<'a> {
    Place {
        column: "webhook.sealed",
        tenant: client_key,
        row: id,
        generation: 0,
        bound: &[],
    }
}

impl Sealer {
    /// Writes a message, if there is a receiver. What it tells has to hold the lock of its link until the transaction
    /// ends: that keeps the messages of a link in order.
    pub(super) async fn tell<T: Serialize>(
        &self,
        tx: &mut Transaction<'_>,
        message: NewMessage<'_, T>,
        now: Seconds,
    ) -> Result<(), Error> {
        if self.receiver.0.is_none() {
            return Ok(());
        }
        let id = self.random.id();
        let body = json!({
            "type": message.kind,
            "timestamp": rfc3339(now),
            "data": serde_json::to_value(message.data).map_err(|error| Error::Internal(error.to_string()))?,
        });
        let sealed = self.seal_message(message.client_key, &id, &body);
        let add = WEBHOOK_ADD
            .bind(&id)
            .bind(message.client_key)
            .bind(message.link)
            .bind(message.account)
            .bind(now)
            .bind(sealed)
            .bind(self.receiver.name());
        tx.execute(add).await?;
        Ok(())
    }

    fn seal_message(&self, client_key: &str, id: &str, body: &Value) -> String {
        let body = Secret::new(body.to_string());
        let place = message_place(client_key, id);
        self.vault.seal_beyond_tenant(place, &body)
    }

    fn open_message(&self, row: &WebhookRow) -> Option<String> {
        let place = message_place(&row.client_key, &row.id);
        let opened = self.vault.open_beyond_tenant(place, &row.sealed).ok()?;
        Some(opened.expose().to_owned())
    }

    /// Takes out of all messages that wait whom they are about. The receiver knows the link by its id.
    pub(super) async fn strip_messages(
        &self,
        tx: &mut Transaction<'_>,
        client_key: &str,
        account: &str,
    ) -> Result<(), Error> {
        let of_account = WEBHOOKS_OF_ACCOUNT.bind(client_key).bind(account);
        let rows: Vec<WebhookRow> = tx.all(of_account).await?;
        for row in rows {
            // One that does not open is never sent.
            let body = self.open_message(&row);
            let body = body.and_then(|body| serde_json::from_str::<Value>(&body).ok());
            let sealed = match body {
                Some(mut body) => {
                    for named in ["accountId", "subject"] {
                        body["data"][named] = Value::Null;
                    }
                    self.seal_message(client_key, &row.id, &body)
                }
                None => row.sealed,
            };
            let strip = WEBHOOK_STRIP.bind(&row.id).bind(client_key).bind(sealed);
            tx.execute(strip).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Claims messages that are due, the longest due first, at most `most`.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn claim_webhooks(
        &self,
        now: Seconds,
        lease_until: Seconds,
        most: i64,
    ) -> Result<Vec<Message>, Error> {
        let claim = self.sealer.random.id();
        let claimed = WEBHOOK_CLAIM
            .bind(now)
            .bind(lease_until)
            .bind(&claim)
            .bind(self.sealer.receiver.name())
            .bind(most);
        let rows: Vec<WebhookRow> = self
            .connections
            .transaction(async |tx| Ok(Finish::Commit(tx.all(claimed).await?)))
            .await?;
        let opened = rows.into_iter().map(|row| Message {
            body: self.sealer.open_message(&row),
            id: row.id,
            link: row.link_id,
            at: row.at,
            failures: row.failures,
            client_key: ClientKey(row.client_key),
            claim: row.claim.unwrap_or_default(),
        });
        Ok(opened.collect())
    }

    /// The receiver has taken a message. If another process has it by now, that one sends it too.
    pub async fn webhook_is_taken(&self, message: &Message) -> Result<(), Error> {
        let done = WEBHOOK_DONE
            .bind(&message.id)
            .bind(message.client_key.as_str())
            .bind(&message.claim);
        self.connections.execute(done).await?;
        Ok(())
    }

    /// A message is tried again at `due_at`, and those of its link that wait behind it.
    pub async fn webhook_later(&self, message: &Message, due_at: Seconds) -> Result<(), Error> {
        let later = WEBHOOK_LATER
            .bind(&message.id)
            .bind(message.client_key.as_str())
            .bind(&message.claim)
            .bind(&message.link)
            .bind(due_at);
        self.connections.execute(later).await?;
        Ok(())
    }

    /// A message that does not open is given up at once.
    pub async fn webhook_is_lost(&self, message: &Message, now: Seconds) -> Result<(), Error> {
        let lost = WEBHOOK_LOST
            .bind(&message.id)
            .bind(message.client_key.as_str())
            .bind(now);
        self.connections.execute(lost).await?;
        Ok(())
    }

    /// The receiver asks not to be called before `until`.
    pub async fn receiver_waits(&self, until: Seconds) -> Result<(), Error> {
        let wait = RECEIVER_WAIT.bind(self.sealer.receiver.name()).bind(until);
        self.connections.execute(wait).await?;
        Ok(())
    }

    /// The receiver wants nothing any more. True if it says so for the first time.
    pub async fn receiver_is_gone(&self, now: Seconds) -> Result<bool, Error> {
        let gone = RECEIVER_GONE.bind(self.sealer.receiver.name()).bind(now);
        Ok(self.connections.execute(gone).await? > 0)
    }

    /// Forgets what other receivers said: the settings name another one now, or none.
    pub(super) async fn forget_other_receivers(&self) -> Result<(), Error> {
        let forget = RECEIVERS_FORGET.bind(self.sealer.receiver.name());
        self.connections.execute(forget).await?;
        Ok(())
    }

    /// Gives up messages that are a day old, and deletes those that nobody has looked at for long. Returns how many were
    /// given up, and whether there may be more to do.
    pub async fn sweep_webhooks(&self, now: Seconds) -> Result<(i64, bool), Error> {
        let give_up = WEBHOOKS_GIVE_UP.bind(now).bind(now - TRIED_FOR).bind(SWEPT);
        let given_up = count(self.connections.execute(give_up).await?);
        let past = WEBHOOKS_PAST.bind(now - KEPT_FOR).bind(SWEPT);
        let deleted = count(self.connections.execute(past).await?);
        Ok((given_up, given_up >= SWEPT || deleted >= SWEPT))
    }
}

impl Connections {
    pub(super) async fn outbox(&self, now: Seconds) -> Result<OutboxFigures, Error> {
        let WaitingRow { messages, since } = self.one(&WEBHOOKS_WAITING).await?;
        Ok(OutboxFigures {
            waiting: messages,
            oldest: since.map_or(0, |since| (now - since).max(0)),
            given_up: self.one(&WEBHOOKS_GIVEN_UP).await?,
            is_gone: self.one::<i64>(&RECEIVERS_GONE).await? > 0,
        })
    }
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
