//! What all replicas share: Jira's quota of points, and the time for token requests.

use crate::clock::{Millis, Seconds};
use crate::error::Error;

use super::Store;
use super::statement::statements;
use super::transaction::Finish;

/// How long the points of an hour are kept, in hours.
const HOURS_KEPT: i64 = 24;

statements! {
    /// Inserts the hour's row if it is missing.
    QUOTA_TAKE = "insert into quota (hour, taken, renewal) values ($1, $2, $3) on conflict (hour) do update \
        set taken = quota.taken + excluded.taken, renewal = quota.renewal + excluded.renewal \
        where quota.taken + excluded.taken <= $4 and quota.renewal + excluded.renewal <= $5 \
        and quota.taken - quota.renewal + excluded.taken - excluded.renewal <= $6";
    QUOTA_TAKEN = "select taken, renewal from quota where hour = $1";
    QUOTAS_PAST = "delete from quota where hour < $1";
    PACE_RESERVE = "update pace set next_at = $2 + case when next_at > $1 then next_at else $1 end \
        where name = 'service' and next_at <= $3 returning next_at";
}

/// For whom points are taken, and how many these may take in the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// For renewals.
    Renewals(i64),
    /// For people who connect and disconnect.
    People(i64),
}

impl Store {
    /// Takes points of an hour's quota for this process, for renewals or for people, who may each take so many
    /// of `total`. False if too few are left.
    pub async fn take_points(
        &self,
        hour: i64,
        points: i64,
        total: i64,
        share: Share,
    ) -> Result<bool, Error> {
        let (by_renewals, renewal, people) = match share {
            Share::Renewals(most) => (points, most, i64::MAX),
            Share::People(most) => (0, i64::MAX, most),
        };
        if points > renewal.min(people).min(total) {
            return Ok(false);
        }
        // In the queue of writes, because all calls to Jira wait for this.
        let rows = self
            .connections
            .transaction(async |tx| {
                let rows = tx.execute(
                    QUOTA_TAKE
                        .bind(hour)
                        .bind(points)
                        .bind(by_renewals)
                        .bind(total)
                        .bind(renewal)
                        .bind(people),
                );
                Ok(Finish::Commit(rows.await?))
            })
            .await?;
        Ok(rows == 1)
    }

    /// The points of an hour that processes took, and how many of them for renewals.
    pub async fn points_taken(&self, hour: i64) -> Result<(i64, i64), Error> {
        let taken = self.connections.optional(QUOTA_TAKEN.bind(hour)).await?;
        Ok(taken.unwrap_or_default())
    }

    /// Deletes the points of hours that are long past.
    pub(super) async fn forget_points(&self, now: Seconds) -> Result<(), Error> {
        let first_kept = now.div_euclid(3600) - HOURS_KEPT;
        self.connections
            .execute(QUOTAS_PAST.bind(first_kept))
            .await?;
        Ok(())
    }

    /// Reserves a stretch of time in which no other process sends token requests. Returns its begin: now, or
    /// the end of the last reserved stretch. None if that is after `latest`.
    pub async fn reserve_time(
        &self,
        now: Millis,
        stretch: Millis,
        latest: Millis,
    ) -> Result<Option<Millis>, Error> {
        let reserve = PACE_RESERVE.bind(now).bind(stretch).bind(latest);
        let end: Option<Millis> = self.connections.optional(reserve).await?;
        Ok(end.map(|end| end - stretch))
    }
}
