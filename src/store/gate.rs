//! The gates that all replicas share: one for the service, and one for all of Jira. And the tenants whose token
//! requests fail.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{ClientKey, words};

use super::Store;
use super::connections::{Connections, readable_rows};
use super::statement::statements;

statements! {
    GATE = "select opens_at, failures, failing_since, probes, version from gate where name = $1";
    GATE_CHANGE = "update gate set opens_at = $3, failures = $4, failing_since = $5, probes = $6, \
        version = version + 1 where name = $1 and version = $2";
    FAILING_TENANT = "select {failing_tenant} from failing_tenant where client_key = $1";
    FAILING_TENANT_ADD = "insert into failing_tenant (client_key, met, met_at, links, rests, opens_at) \
        values ($1, $2, $3, 1, 0, 0) on conflict (client_key) do update set met = excluded.met, \
        met_at = excluded.met_at, links = failing_tenant.links + 1 returning {failing_tenant}";
    FAILING_TENANT_RESTS = "update failing_tenant set opens_at = $2, rests = rests + 1 \
        where client_key = $1 and opens_at <= $3";
    FAILING_TENANT_WORKS = "delete from failing_tenant where client_key = $1";
    /// The only statement about other tenants: it says no more than whether there is one.
    ANOTHER_TENANT_FAILS = "select count(*) from (select client_key from failing_tenant \
        where client_key <> $1 and met = $2 and met_at >= $3 limit 1) as candidate";
    FAILING_TENANTS = "select {failing_tenant} from failing_tenant where client_key > '' order by client_key limit 1000";
    /// The tenant whose link is the next probe: if possible one in which nothing has failed, else the one in
    /// which nothing has failed for longest.
    TENANT_TO_PROBE = "select t.client_key from tenant t \
        left join failing_tenant f on f.client_key = t.client_key \
        where t.client_key > '' and t.installed and t.enabled \
        and ($2 or (t.wait_until <= $1 and t.put_wait_until <= $1)) and (f.opens_at is null or f.opens_at <= $1) \
        and (select l.id from link l where l.client_key = t.client_key and l.state <> 'reconnect' \
        and l.due_at <= $1 order by l.due_at limit 1) is not null \
        order by coalesce(f.met_at, 0), t.client_key limit 1";
}

/// What a gate guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The service: no token request while it is closed.
    Service,
    /// Every Jira: no write while it is closed.
    Jira,
}

words!(Gate {
    Service = "service",
    Jira = "jira",
});

/// The state of a gate in the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct GateRow {
    /// When it opens.
    pub opens_at: Seconds,
    /// Failures in a row, up to the number at which only single probes pass.
    pub failures: i64,
    /// When the first of them failed.
    pub failing_since: Seconds,
    /// Probes in a row that failed.
    pub probes: i64,
    /// Counts the changes.
    pub version: i64,
}

/// A tenant whose token requests fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct FailingTenant {
    /// The tenant's key.
    pub client_key: String,
    /// When a link failed last that had not failed before.
    pub met_at: Seconds,
    /// How many links failed that had not failed before.
    pub links: i64,
    /// How often its links have rested.
    pub rests: i64,
    /// Until when they rest.
    pub opens_at: Seconds,
}

readable_rows!(GateRow, FailingTenant);

/// The right to send one token request while all others wait, to test whether the service is back. It
/// contains the version of the gate that granted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe(pub(crate) i64);

impl Connections {
    /// The state of a gate.
    pub(super) async fn gate(&self, gate: Gate) -> Result<GateRow, Error> {
        Ok(self.one(GATE.bind(gate.as_str())).await?)
    }
}

impl Store {
    /// The state of a gate.
    pub async fn gate(&self, gate: Gate) -> Result<GateRow, Error> {
        self.connections.gate(gate).await
    }

    /// Changes a gate from the state that was read. False if another process changed it in the meantime.
    pub async fn change_gate(
        &self,
        gate: Gate,
        seen: &GateRow,
        next: &GateRow,
    ) -> Result<bool, Error> {
        let rows = self
            .connections
            .execute(
                GATE_CHANGE
                    .bind(gate.as_str())
                    .bind(seen.version)
                    .bind(next.opens_at)
                    .bind(next.failures)
                    .bind(next.failing_since)
                    .bind(next.probes),
            )
            .await?;
        Ok(rows == 1)
    }

    /// What is known of this tenant's failures.
    pub async fn failing_tenant(&self, tenant: &ClientKey) -> Result<Option<FailingTenant>, Error> {
        let failing = FAILING_TENANT.bind(tenant.as_str());
        Ok(self.connections.optional(failing).await?)
    }

    /// Adds that a link of this tenant met this, which had not failed before. Returns what is known then.
    pub async fn tenant_fails(
        &self,
        tenant: &ClientKey,
        met: &str,
        now: Seconds,
    ) -> Result<FailingTenant, Error> {
        let failing = FAILING_TENANT_ADD.bind(tenant.as_str()).bind(met).bind(now);
        Ok(self.connections.one(failing).await?)
    }

    /// Lets the links of a failing tenant rest, unless they rest already. True if they did not.
    pub async fn tenant_rests(
        &self,
        tenant: &ClientKey,
        until: Seconds,
        now: Seconds,
    ) -> Result<bool, Error> {
        let rests = FAILING_TENANT_RESTS
            .bind(tenant.as_str())
            .bind(until)
            .bind(now);
        Ok(self.connections.execute(rests).await? == 1)
    }

    /// Forgets that requests of this tenant failed.
    pub async fn tenant_works(&self, tenant: &ClientKey) -> Result<(), Error> {
        let works = FAILING_TENANT_WORKS.bind(tenant.as_str());
        self.connections.execute(works).await?;
        Ok(())
    }

    /// Whether a link of another tenant has met the same since then.
    pub async fn another_tenant_fails(
        &self,
        tenant: &ClientKey,
        met: &str,
        since: Seconds,
    ) -> Result<bool, Error> {
        let other = ANOTHER_TENANT_FAILS
            .bind(tenant.as_str())
            .bind(met)
            .bind(since);
        Ok(self.connections.one::<i64>(other).await? > 0)
    }

    /// Tenants whose requests fail, up to a thousand.
    pub async fn failing_tenants(&self) -> Result<Vec<FailingTenant>, Error> {
        Ok(self.connections.all(&FAILING_TENANTS).await?)
    }

    /// The tenant of the next probe. None if no tenant has a link that is due.
    pub async fn tenant_to_probe(&self, now: Seconds) -> Result<Option<ClientKey>, Error> {
        let probe = TENANT_TO_PROBE.bind(now).bind(self.jira_waits.pass());
        let tenant: Option<String> = self.connections.optional(probe).await?;
        Ok(tenant.map(ClientKey))
    }
}
