//! What all replicas keep to together: gates, the points of Jira's quota, the pace of token requests,
//! and the time.

use http::Method;

use crate::clock::{Clock, Millis, Seconds};
use crate::error::Error;
use crate::model::{ClientKey, ParkReason, Tenant};

use super::{Pool, Store, sql};

/// What stands in the database about a gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct GateRow {
    /// Nobody passes before.
    pub opens_at: Seconds,
    /// Failures in a row, up to the number at which the gate lets single probes pass only.
    pub failures: i64,
    /// Probes in a row that failed.
    pub probes: i64,
    /// Counts the changes.
    pub version: i64,
}

/// The right to send one token request while all others wait, to see whether the service is back. The
/// version of the gate that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe(pub(crate) i64);

/// Which calls to a tenant's Jira are to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// All of them.
    Any,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// `GET`.
    Get,
}

impl Calls {
    /// Those that are meant by an answer to a call with this method.
    #[must_use]
    pub fn meant(why: ParkReason, method: &Method) -> Self {
        match (why, method) {
            (ParkReason::Burst, &Method::PUT) => Self::Put,
            (ParkReason::Burst, &Method::DELETE) => Self::Delete,
            (ParkReason::Burst, &Method::GET) => Self::Get,
            _ => Self::Any,
        }
    }
}

impl Store {
    /// A gate as it stands.
    pub async fn gate(&self, name: &str) -> Result<GateRow, Error> {
        Ok(on!(self, pool => sqlx::query_as::<_, GateRow>(sql::GATE)
            .bind(name)
            .fetch_one(pool)
            .await)?)
    }

    /// Changes a gate from what it was seen to be. False when somebody else has changed it meanwhile.
    pub async fn change_gate(
        &self,
        name: &str,
        seen: &GateRow,
        next: &GateRow,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::GATE_CHANGE)
            .bind(name)
            .bind(seen.version)
            .bind(next.opens_at)
            .bind(next.failures)
            .bind(next.probes)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Takes points of an hour's quota for this process. With `renewal` no more than that many may go
    /// to renewals, and in any case no more than `total` to everything. False when there are not so
    /// many left.
    pub async fn take_points(
        &self,
        hour: i64,
        points: i64,
        total: i64,
        renewal: Option<i64>,
    ) -> Result<bool, Error> {
        if points > renewal.unwrap_or(total).min(total) {
            return Ok(false);
        }
        let of_renewal = if renewal.is_some() { points } else { 0 };
        // In line with other writes, since all calls to Jira wait for this.
        let rows = transaction!(self, tx => sqlx::query(sql::QUOTA_TAKE)
            .bind(hour)
            .bind(points)
            .bind(of_renewal)
            .bind(total)
            .bind(renewal.unwrap_or(i64::MAX))
            .execute(&mut *tx)
            .await?
            .rows_affected());
        Ok(rows == 1)
    }

    /// Points of an hour that processes have taken, and how many of them for renewals.
    pub async fn points_taken(&self, hour: i64) -> Result<(i64, i64), Error> {
        let taken = on!(self, pool => sqlx::query_as::<_, (i64, i64)>(sql::QUOTA_TAKEN)
            .bind(hour)
            .fetch_optional(pool)
            .await)?;
        Ok(taken.unwrap_or_default())
    }

    /// Reserves a stretch of time in which nobody else sends token requests. Returns when it begins:
    /// now, or when the last that was reserved ends. None when that is after `latest`.
    pub async fn reserve_time(
        &self,
        now: Millis,
        stretch: Millis,
        latest: Millis,
    ) -> Result<Option<Millis>, Error> {
        let end = on!(self, pool => sqlx::query_scalar::<_, Millis>(sql::PACE_RESERVE)
            .bind(now)
            .bind(stretch)
            .bind(latest)
            .fetch_optional(pool)
            .await)?;
        Ok(end.map(|end| end - stretch))
    }

    /// Keeps every replica away from this tenant's Jira, or from one method there, until `until`.
    pub async fn wait_for_tenant(
        &self,
        tenant: &Tenant,
        calls: Calls,
        until: Seconds,
        why: ParkReason,
    ) -> Result<(), Error> {
        let statement = match calls {
            Calls::Any => sql::TENANT_WAIT,
            Calls::Put => sql::TENANT_WAIT_PUT,
            Calls::Delete => sql::TENANT_WAIT_DELETE,
            Calls::Get => sql::TENANT_WAIT_GET,
        };
        on!(self, pool => sqlx::query(statement)
            .bind(tenant.client_key.as_str())
            .bind(until)
            .bind(why.as_str())
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Tenants that have links to renew and may be called, behind this one in the order of their keys.
    /// With `unpublished`, only those with a key that Jira lacks.
    pub async fn tenants_due(
        &self,
        behind: &ClientKey,
        unpublished: bool,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        let statement = if unpublished {
            sql::TENANTS_UNPUBLISHED
        } else {
            sql::TENANTS_DUE
        };
        self.tenants(statement, behind, now, most).await
    }

    /// Tenants of which something is left to do, behind this one in the order of their keys.
    pub async fn tenants_to_clean(
        &self,
        behind: &ClientKey,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        self.tenants(sql::TENANTS_TO_CLEAN, behind, now, most).await
    }

    async fn tenants(
        &self,
        statement: &'static str,
        behind: &ClientKey,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        let keys = on!(self, pool => sqlx::query_scalar::<_, String>(statement)
            .bind(now)
            .bind(behind.as_str())
            .bind(most)
            .fetch_all(pool)
            .await)?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// How far the database server's clock is ahead of this one. None on SQLite, which has no clock of
    /// its own.
    pub async fn clock_ahead_of(&self, clock: &Clock) -> Result<Option<Millis>, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        let mut connection = pool.acquire().await?;
        let before = clock.millis();
        let there: Millis = sqlx::query_scalar(sql::TIME_POSTGRES)
            .fetch_one(&mut *connection)
            .await?;
        let after = clock.millis();
        // It was read somewhere between.
        Ok(Some(there - (before + (after - before) / 2)))
    }
}
