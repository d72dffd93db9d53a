//! A gate that all replicas share: closed for a while, then open to one probe, then open to all requests.
//!
//! One gate guards all token requests and one guards all writes to Jira. Its state is in the database. Each
//! process keeps a copy that it refreshes every second; the statements that admit a call check the database
//! itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::store::{Gate, GateRow, Store};

pub use crate::store::Probe;

/// Failures in a row after which only probes reach the service.
const TRIPS_AT: i64 = 5;
/// The first and the longest time for which the gate closes after failures, in seconds.
const FIRST_REST: Seconds = 5;
const LONGEST_REST: Seconds = 60;
/// The first time for which it closes when the service refuses the app itself, which only an operator can
/// fix.
const REST_WHEN_REFUSED: Seconds = 30;
/// The first time for which it closes when the service asks to wait without saying how long.
const REST_WHEN_ASKED: Seconds = 10;
/// After so many seconds without an outcome, the process that had the probe is taken to have died.
const PROBE_LASTS: Seconds = 45;

/// How a token request ended, as far as it concerns other requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The service answered, whatever it said about this one request.
    Answered,
    /// No connection, no answer in time, or an answer that reports a failure of the service.
    Failed,
    /// The service refuses the app: no other request would succeed.
    Refused,
    /// The service asks to wait, for so many seconds if it says how long.
    Wait(Option<Seconds>),
}

/// The state of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// All requests pass.
    Open,
    /// No request passes.
    Shut,
    /// One probe passes.
    HalfOpen,
}

impl GateRow {
    /// The state at a moment.
    #[must_use]
    pub fn stance(&self, now: Seconds) -> Stance {
        if self.opens_at > now {
            Stance::Shut
        } else if self.is_tripped() {
            Stance::HalfOpen
        } else {
            Stance::Open
        }
    }

    fn is_tripped(&self) -> bool {
        self.failures >= TRIPS_AT
    }

    /// The gate after a token request ended. None if it does not change. The outcome of a request that left
    /// before the gate closed changes nothing, except that it may extend the wait.
    fn after(&self, report: Report, probing: bool, now: Seconds) -> Option<Self> {
        let probes = if probing { self.probes + 1 } else { 0 };
        let rest = |first: Seconds| (first << probes.clamp(0, 10)).min(LONGEST_REST);
        let shut = |until: Seconds| {
            Some(Self {
                opens_at: if probing {
                    until
                } else {
                    until.max(self.opens_at)
                },
                failures: TRIPS_AT,
                probes,
                ..*self
            })
        };
        let tripped = self.is_tripped() && !probing;
        match report {
            Report::Answered if tripped || (!probing && self.failures == 0) => None,
            Report::Answered => Some(Self {
                opens_at: if probing { now } else { self.opens_at },
                failures: 0,
                probes: 0,
                ..*self
            }),
            Report::Failed | Report::Refused if tripped => None,
            Report::Failed if !probing && self.failures + 1 < TRIPS_AT => Some(Self {
                failures: self.failures + 1,
                ..*self
            }),
            Report::Failed => shut(now + rest(FIRST_REST)),
            Report::Refused => shut(now + rest(REST_WHEN_REFUSED)),
            Report::Wait(asked) => {
                let until = now + asked.map_or(rest(REST_WHEN_ASKED), |s| s.clamp(1, 3600));
                if tripped {
                    (until > self.opens_at).then_some(Self {
                        opens_at: until,
                        ..*self
                    })
                } else {
                    shut(until)
                }
            }
        }
    }
}

/// A gate that all replicas share. This process refreshes its copy every second; the statement that admits a
/// call checks the database itself.
#[derive(Debug)]
pub struct SharedGate {
    gate: Gate,
    store: Store,
    clock: Clock,
    copy: Mutex<GateRow>,
}

impl SharedGate {
    fn new(gate: Gate, store: Store, clock: Clock) -> Self {
        Self {
            gate,
            store,
            clock,
            copy: Mutex::default(),
        }
    }

    /// The gate for all token requests.
    #[must_use]
    pub fn of_service(store: Store, clock: Clock) -> Self {
        Self::new(Gate::Service, store, clock)
    }

    /// The gate for all writes to Jira.
    #[must_use]
    pub fn of_jira(store: Store, clock: Clock) -> Self {
        Self::new(Gate::Jira, store, clock)
    }

    fn copy(&self) -> MutexGuard<'_, GateRow> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it opens, as far as this process knows. In the past if it is open.
    #[must_use]
    pub fn opens_at(&self) -> Seconds {
        self.copy().opens_at
    }

    /// Its state, as far as this process knows.
    #[must_use]
    pub fn stance(&self) -> Stance {
        self.copy().stance(self.clock.now())
    }

    /// Reads its current state.
    ///
    /// # Errors
    /// When the store is unavailable, as for all functions here.
    pub async fn look(&self) -> Result<Stance, Error> {
        let row = self.store.gate(self.gate).await?;
        *self.copy() = row;
        Ok(row.stance(self.clock.now()))
    }

    /// Changes it while other replicas may change it too. Returns the new state if it changed.
    async fn change(
        &self,
        next: impl Fn(&GateRow) -> Option<GateRow>,
    ) -> Result<Option<GateRow>, Error> {
        loop {
            let seen = self.store.gate(self.gate).await?;
            *self.copy() = seen;
            let Some(next) = next(&seen) else {
                return Ok(None);
            };
            if self.store.change_gate(self.gate, &seen, &next).await? {
                let next = GateRow {
                    version: seen.version + 1,
                    ..next
                };
                *self.copy() = next;
                return Ok(Some(next));
            }
        }
    }

    /// Keeps it closed until `until`, at least.
    pub async fn close_until(&self, until: Seconds) -> Result<(), Error> {
        self.change(|seen| {
            (seen.opens_at < until).then_some(GateRow {
                opens_at: until,
                ..*seen
            })
        })
        .await
        .map(|_| ())
    }

    /// Takes the probe, if one is due and no other request has it.
    pub async fn probe(&self) -> Result<Option<Probe>, Error> {
        let now = self.clock.now();
        let taken = self
            .change(|seen| {
                (seen.stance(now) == Stance::HalfOpen).then_some(GateRow {
                    opens_at: now + PROBE_LASTS,
                    ..*seen
                })
            })
            .await?;
        Ok(taken.map(|row| Probe(row.version)))
    }

    /// Gives back a probe that was not used. The next caller may take it.
    pub async fn release(&self, probe: Probe) -> Result<(), Error> {
        let now = self.clock.now();
        self.change(|seen| {
            (seen.version == probe.0).then_some(GateRow {
                opens_at: now,
                ..*seen
            })
        })
        .await
        .map(|_| ())
    }

    /// Whether a token request that a person waits for may leave, and if so, whether it is the probe.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] while the gate is closed.
    pub async fn admit(&self) -> Result<Option<Probe>, Error> {
        let probe = match self.look().await? {
            Stance::Open => return Ok(None),
            Stance::HalfOpen => self.probe().await?,
            Stance::Shut => None,
        };
        probe
            .map(Some)
            .ok_or_else(|| Error::ServiceUnreachable("no requests are sent for now".to_owned()))
    }

    /// Tells all replicas how a token request ended. Returns for how long the gate is closed now, if that
    /// changed.
    pub async fn ended(
        &self,
        report: Report,
        probe: Option<Probe>,
    ) -> Result<Option<Seconds>, Error> {
        if report == Report::Answered && probe.is_none() && self.copy().failures == 0 {
            return Ok(None);
        }
        let now = self.clock.now();
        let changed = self
            .change(|seen| {
                let probing = probe.is_some_and(|probe| probe.0 == seen.version);
                seen.after(report, probing, now)
            })
            .await?;
        Ok(changed
            .map(|row| row.opens_at - now)
            .filter(|rest| *rest > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_leave_the_service_to_single_probes() {
        let mut gate = GateRow::default();
        for _ in 0..4 {
            gate = gate.after(Report::Failed, false, 100).unwrap();
            assert_eq!(gate.stance(100), Stance::Open);
        }
        let fresh = gate.after(Report::Answered, false, 100).unwrap();
        assert_eq!(fresh.failures, 0, "in a row");
        gate = gate.after(Report::Failed, false, 100).unwrap();
        assert_eq!((gate.stance(104), gate.opens_at), (Stance::Shut, 105));
        assert_eq!(gate.stance(105), Stance::HalfOpen);
        assert_eq!(gate.after(Report::Failed, false, 101), None, "sent before");
        assert_eq!(gate.after(Report::Answered, false, 101), None);
        for rest in [10, 20, 40, 60, 60] {
            gate = gate.after(Report::Failed, true, 200).unwrap();
            assert_eq!(gate.opens_at, 200 + rest);
        }
        gate = gate.after(Report::Answered, true, 300).unwrap();
        assert_eq!(gate.stance(300), Stance::Open);
        assert_eq!((gate.failures, gate.probes), (0, 0));
    }

    #[test]
    fn what_the_service_asks_for_is_clamped_and_the_longest_counts() {
        let open = GateRow::default();
        let shut = |asked| open.after(Report::Wait(asked), false, 100).unwrap();
        assert_eq!(shut(Some(120)).opens_at, 220);
        assert_eq!(shut(Some(1_000_000)).opens_at, 3700);
        assert_eq!(shut(Some(-7)).opens_at, 101);
        assert_eq!(shut(None).opens_at, 110);
        let longer = shut(Some(5))
            .after(Report::Wait(Some(90)), false, 100)
            .unwrap();
        assert_eq!(longer.opens_at, 190);
        assert_eq!(longer.after(Report::Wait(Some(5)), false, 100), None);
        assert_eq!(longer.stance(190), Stance::HalfOpen, "one goes first");
        let refused = open.after(Report::Refused, false, 100).unwrap();
        assert_eq!(refused.opens_at, 130);
        assert_eq!(
            refused.after(Report::Refused, true, 200).unwrap().opens_at,
            260
        );
    }
}
