//! The clock of the database server, and what to do about a clock that was ahead for a while.
//!
//! What is stored as a wait is a time. If the clock that it was taken from was an hour ahead, the wait lasts an
//! hour too long once the clock is right. So the latest time that any process has seen is kept beside the
//! pace of token requests; a process that finds itself behind it moves what waits back by the difference.
//!
//! The same time tells of a backup that was put back: the latest time in the database is then older than it was
//! when the process started, or older than a stop takes. From then on Jira may hold later generations than the
//! database; it is asked before the next key of each link is put there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Millis, Seconds};
use crate::error::Error;
use crate::model::Published;

use sqlx::Postgres;

use super::Store;
use super::connections::{Connections, Engine as _, Held, Pool, in_time, optional};
use super::statement::statements;
use super::transaction::Finish;

/// A wait that ends within this many seconds is left alone. Leases are shorter, so no claim ends early.
const SHORT: Seconds = 60;
/// A clock that went back by less changed no wait by more than a minute.
const NOTICED: Seconds = 20;
/// The longest stored wait, in seconds: Jira's hour. Later times are due times of keys that live long.
const LONGEST: Seconds = 3600;
/// How many seconds of due times one statement moves.
const SLICE: Seconds = 300;
/// If no process noted the time for so many seconds before the start of one, a backup may have been put back, or
/// all processes were stopped. They note it every ten seconds.
const UNSEEN: Seconds = 15;

/// What this process knows of the times in the database. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(Arc<Mutex<Noted>>);

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    /// The time that this process noted last, in milliseconds. None before the first.
    at: Option<Millis>,
    /// Jira may know more than the database about what was written before.
    behind_until: Seconds,
}

impl Times {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

statements! {
    LATEST_TIME = "select next_at from pace where name = 'clock'";
    LATEST_TIME_NOTE = "insert into pace (name, next_at) values ('clock', $1) on conflict (name) do update \
        set next_at = excluded.next_at where pace.next_at < excluded.next_at";
    BEHIND_UNTIL = "select next_at from pace where name = 'behind'";
    BEHIND_NOTE = "insert into pace (name, next_at) values ('behind', $1) on conflict (name) do update \
        set next_at = excluded.next_at where pace.next_at < excluded.next_at";
    /// One process does it.
    LATEST_TIME_BACK = "update pace set next_at = $2 where name = 'clock' and next_at = $1";
    PACE_BACK = "update pace set next_at = $1 where name = 'service' and next_at > $2";
    /// Now, by how much, and up to when a wait is left alone.
    GATES_BACK = "update gate set version = version + 1, \
        opens_at = case when opens_at - $2 > $1 then opens_at - $2 else $1 end where opens_at > $3";
    FAILING_TENANTS_BACK = "update failing_tenant set met_at = $1, \
        opens_at = case when opens_at - $2 > $1 then opens_at - $2 else $1 end \
        where met_at > $3 or opens_at > $3";
    TENANTS_BACK = "update tenant set \
        wait_until = case when wait_until <= $3 then wait_until \
            when wait_until - $2 > $1 then wait_until - $2 else $1 end, \
        put_wait_until = case when put_wait_until <= $3 then put_wait_until \
            when put_wait_until - $2 > $1 then put_wait_until - $2 else $1 end, \
        delete_wait_until = case when delete_wait_until <= $3 then delete_wait_until \
            when delete_wait_until - $2 > $1 then delete_wait_until - $2 else $1 end, \
        get_wait_until = case when get_wait_until <= $3 then get_wait_until \
            when get_wait_until - $2 > $1 then get_wait_until - $2 else $1 end \
        where wait_until > $3 or put_wait_until > $3 or delete_wait_until > $3 or get_wait_until > $3";
    /// A cycle that begins early does no harm.
    REPORTS_BACK = "update account_report set due_at = case when due_at - $2 > $1 then due_at - $2 else $1 end \
        where due_at > $3";
    WEBHOOKS_BACK = "update webhook set due_at = case when due_at - $2 > $1 then due_at - $2 else $1 end \
        where due_at > $3 and given_up_at is null";
    RECEIVERS_BACK = "update webhook_receiver set \
        wait_until = case when wait_until - $2 > $1 then wait_until - $2 else $1 end where wait_until > $3";
    /// When a system token ends may be known by the clock alone. One that comes later is the better one then; the end
    /// itself is sealed with the token.
    SYSTEM_TOKENS_BACK = "update forge_installation set system_token_yields_after = \
        case when system_token_yields_after - $2 > $1 then system_token_yields_after - $2 else $1 end \
        where system_token_yields_after > $3";
    /// Of the due times after the third and up to the fourth.
    LINKS_BACK = "update link set due_at = case when due_at - $2 > $1 then due_at - $2 else $1 end \
        where due_at > $3 and due_at <= $4";
    CLEANUP_BACK = "update cleanup set due_at = case when due_at - $2 > $1 then due_at - $2 else $1 end \
        where due_at > $3 and due_at <= $4";
    TIME = postgres("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)");
}

impl Connections {
    /// How far the database server's clock is ahead of this one. None on SQLite, which has no clock of
    /// its own.
    pub(super) async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        let mut held = Held::take(pool, &self.trust).await?;
        let before = clock.millis();
        let asked = optional(held.connection()?, (&TIME).into());
        let answer = in_time(Postgres::ANSWER, asked).await;
        let there: Option<Millis> = held.heard(answer)?;
        let after = clock.millis();
        held.give_back();
        // The server read its clock between our two readings.
        Ok(there.map(|there| there - (before + (after - before) / 2)))
    }
}

impl Store {
    /// Whether Jira may hold a later generation of a link than the database: a backup may have been put back since
    /// this was published.
    #[must_use]
    pub fn may_be_behind_jira(&self, published: Option<Published>) -> bool {
        let published_at = published.map_or(0, |published| published.at);
        published_at < self.times.noted().behind_until
    }

    /// Whether this key, or one after it, may have been renewed since a backup that was put back: it was in the second
    /// half of its life before the backup came.
    #[must_use]
    pub fn may_have_been_renewed_since_backup(&self, published: Option<Published>) -> bool {
        published.is_some_and(|key| {
            let half = key.at + (key.expires_at - key.at) / 2;
            half < self.times.noted().behind_until
        })
    }

    /// How many generations of a link Jira may be ahead of the database, in the worst case: one for each second since
    /// this was published.
    #[must_use]
    pub fn most_behind_jira(&self, published: Option<Published>) -> i64 {
        /// Nobody puts back an older backup.
        const YEAR: Seconds = 366 * 24 * 3600;
        let published_at = published.map_or(0, |published| published.at);
        (self.times.noted().behind_until - published_at).clamp(0, YEAR)
    }

    /// Notes if the latest time in the database shows that a backup may have been put back.
    async fn look_for_restore(&self, latest: Option<Millis>, now: Seconds) -> Result<(), Error> {
        let before = self.times.noted().at;
        let restored = match before {
            None => latest.is_some_and(|latest| now * 1000 - latest > UNSEEN * 1000),
            Some(noted) => latest.is_none_or(|latest| latest < noted),
        };
        if restored {
            self.connections.execute(BEHIND_NOTE.bind(now)).await?;
        }
        let behind_until: Option<Seconds> = self.connections.optional(&BEHIND_UNTIL).await?;
        *self.times.noted() = Noted {
            at: Some(now * 1000),
            behind_until: behind_until.unwrap_or(0),
        };
        Ok(())
    }

    /// Compares this time with the latest that any process has seen. If that is ahead, a clock was wrong and is
    /// right again: what waits is moved back. Returns by how many seconds, or none.
    pub async fn mind_clock(&self, now: Seconds) -> Result<Option<Seconds>, Error> {
        let latest: Option<Millis> = self.connections.optional(&LATEST_TIME).await?;
        self.look_for_restore(latest, now).await?;
        let ahead = latest.map_or(0, |latest| latest / 1000 - now);
        let Some(latest) = latest.filter(|_| ahead >= NOTICED) else {
            let note = LATEST_TIME_NOTE.bind(now * 1000);
            self.connections.execute(note).await?;
            return Ok(None);
        };
        let moved = self.connections.transaction(async |tx| {
            let back = LATEST_TIME_BACK.bind(latest).bind(now * 1000);
            if tx.execute(back).await? == 0 {
                return Ok(Finish::RollBack(false));
            }
            let pace = PACE_BACK.bind(now * 1000).bind((now + SHORT) * 1000);
            tx.execute(pace).await?;
            for statement in [
                &GATES_BACK,
                &FAILING_TENANTS_BACK,
                &TENANTS_BACK,
                &REPORTS_BACK,
                &SYSTEM_TOKENS_BACK,
                &WEBHOOKS_BACK,
                &RECEIVERS_BACK,
            ] {
                let all = statement.bind(now).bind(ahead).bind(now + SHORT);
                tx.execute(all).await?;
            }
            Ok(Finish::Commit(true))
        });
        if !moved.await? {
            return Ok(None);
        }
        // From the earliest on, so that none is moved twice.
        let mut after = now + SHORT;
        let end = now + ahead + LONGEST;
        while after < end {
            let up_to = (after + SLICE).min(end);
            for statement in [&LINKS_BACK, &CLEANUP_BACK] {
                let slice = statement.bind(now).bind(ahead).bind(after).bind(up_to);
                self.connections.execute(slice).await?;
            }
            after = up_to;
        }
        Ok(Some(ahead))
    }
}
