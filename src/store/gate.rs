//! The gates that all replicas share: one for the service, and one for all of Jira.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::words;

use super::Store;
use super::connections::{Connections, readable_rows};
use super::statement::statements;

statements! {
    GATE = "select opens_at, failures, probes, version from gate where name = $1";
    GATE_CHANGE = "update gate set opens_at = $3, failures = $4, probes = $5, version = version + 1 \
        where name = $1 and version = $2";
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
    /// Probes in a row that failed.
    pub probes: i64,
    /// Counts the changes.
    pub version: i64,
}

readable_rows!(GateRow);

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
                    .bind(next.probes),
            )
            .await?;
        Ok(rows == 1)
    }
}
