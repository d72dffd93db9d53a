//! A gate that all replicas share: closed for a while, then open to one probe, then open to all requests.
//!
//! One gate guards all token requests and one guards all writes to Jira. Its state is in the database. Each
//! process keeps a copy that it refreshes every second; the statements that admit a call check the database
//! itself.
//!
//! No link, person or tenant closes the service's gate for others. A renewal that fails costs its link. Five
//! links of one tenant that fail, with no success between them, cost this tenant a rest. The gate closes when
//! links of two tenants met the same, with no success between them. The probe is a link of a third tenant, if
//! one is due: only what it meets closes the gate for long. A link accuses the service when it fails for the
//! first time, so that one that always fails accuses nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::model::ClientKey;
use crate::outbound::LONGEST_WAIT;
use crate::store::{Claim, FailingTenant, Gate, GateRow, Store};

pub use crate::store::Probe;

/// Failures in a row after which only probes reach the service, and after which the links of a tenant rest.
const TRIPS_AT: i64 = 5;
/// What other tenants met counts for so many seconds.
const LATELY: Seconds = 60;
/// For how long the gate closes on the word of tenants that are accused, in seconds: less than a key of a
/// minute has left when it is due.
const REST_UNCONFIRMED: Seconds = 5;
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

/// What a request met, if that is not an answer about the request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Failed,
    Refused,
    Wait(Option<Seconds>),
}

impl Trouble {
    fn of(report: Report) -> Option<Self> {
        Some(match report {
            Report::Answered => return None,
            Report::Failed => Self::Failed,
            Report::Refused => Self::Refused,
            Report::Wait(asked) => Self::Wait(asked),
        })
    }

    /// Its name in the database.
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Wait(_) => "wait",
        }
    }

    /// For how long requests rest that met it, after so many rests.
    fn rest(self, before: i64) -> Seconds {
        let first = match self {
            Self::Wait(Some(asked)) => return asked.clamp(1, LONGEST_WAIT),
            Self::Failed => FIRST_REST,
            Self::Refused => REST_WHEN_REFUSED,
            Self::Wait(None) => REST_WHEN_ASKED,
        };
        (first << before.clamp(0, 10)).min(LONGEST_REST)
    }

    /// How much of the way to closing the gate it is: a failure may be chance, the others are not.
    fn weight(self) -> i64 {
        match self {
            Self::Failed => 1,
            Self::Refused | Self::Wait(_) => TRIPS_AT,
        }
    }
}

/// Whose renewal a request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The tenant.
    pub tenant: ClientKey,
    /// Whether the link had failed before, in a row.
    pub failed_before: bool,
}

impl From<&Claim> for Witness {
    fn from(claim: &Claim) -> Self {
        Self {
            tenant: claim.link.client_key.clone(),
            failed_before: claim.failures > 0,
        }
    }
}

/// What a failure may do to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It was no probe. Links of other tenants met the same lately, or not.
    OneOfMany { others: bool },
    /// The probe was of a tenant or link that is itself accused, or not.
    Probe { accused: bool },
}

/// What closed because of a request, and for how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The gate for all.
    ForAll(Seconds),
    /// The links of one tenant rest.
    ForTenant(Seconds),
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

    /// The gate after a request was answered. None if it does not change. A request that left before the gate
    /// closed changes nothing.
    fn after_answer(&self, probing: bool, now: Seconds) -> Option<Self> {
        if !probing && (self.is_tripped() || self.failures == 0) {
            return None;
        }
        Some(Self {
            opens_at: if probing { now } else { self.opens_at },
            failures: 0,
            probes: 0,
            ..*self
        })
    }

    /// The gate after a request failed. None if it does not change.
    fn after_trouble(&self, trouble: Trouble, standing: Standing, now: Seconds) -> Option<Self> {
        let failures = self.failures + trouble.weight();
        match standing {
            Standing::OneOfMany { .. } if self.is_tripped() => None,
            Standing::OneOfMany { others } if others && failures >= TRIPS_AT => Some(Self {
                opens_at: self.opens_at.max(now + REST_UNCONFIRMED),
                failures: TRIPS_AT,
                probes: 0,
                ..*self
            }),
            Standing::OneOfMany { .. } => Some(Self {
                failures: failures.min(TRIPS_AT - 1),
                failing_since: if self.failures == 0 {
                    now
                } else {
                    self.failing_since
                },
                ..*self
            }),
            Standing::Probe { accused: true } if self.probes == 0 => Some(Self {
                opens_at: now + REST_UNCONFIRMED,
                ..*self
            }),
            // Another tenant has confirmed it before.
            Standing::Probe { accused: true } => Some(Self {
                opens_at: now + trouble.rest(self.probes).min(LONGEST_REST),
                probes: self.probes + 1,
                ..*self
            }),
            Standing::Probe { accused: false } => Some(Self {
                opens_at: now + trouble.rest(self.probes),
                probes: self.probes + 1,
                ..*self
            }),
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
    /// The tenants that rest or may have to. Only the service's gate has any.
    failing: Mutex<HashMap<ClientKey, FailingTenant>>,
}

impl SharedGate {
    fn new(gate: Gate, store: Store, clock: Clock) -> Self {
        Self {
            gate,
            store,
            clock,
            copy: Mutex::default(),
            failing: Mutex::default(),
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

    fn failing(&self) -> MutexGuard<'_, HashMap<ClientKey, FailingTenant>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when the links of this tenant rest, as far as this process knows. In the past if they do not.
    #[must_use]
    pub fn rests_until(&self, tenant: &ClientKey) -> Seconds {
        self.failing()
            .get(tenant)
            .map_or(0, |failing| failing.opens_at)
    }

    /// Whether so many links of this tenant failed that one at a time is enough to see whether they work again.
    #[must_use]
    pub fn is_doubted(&self, tenant: &ClientKey) -> bool {
        self.failing()
            .get(tenant)
            .is_some_and(|failing| failing.links >= TRIPS_AT)
    }

    /// When it opens, as far as this process knows. In the past if it is open.
    #[must_use]
    pub fn opens_at(&self) -> Seconds {
        self.copy().opens_at
    }

    /// The time by its clock.
    #[must_use]
    pub fn now(&self) -> Seconds {
        self.clock.now()
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
        if self.gate == Gate::Service {
            let failing = self.store.failing_tenants().await?.into_iter();
            *self.failing() = failing
                .map(|tenant| (ClientKey(tenant.client_key.clone()), tenant))
                .collect();
        }
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

    /// Whether a token request that a person waits for may leave. It is never the probe: what people bring may
    /// fail by their own doing.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] while the gate is closed.
    pub async fn admit_person(&self) -> Result<(), Error> {
        match self.look().await? {
            Stance::Open | Stance::HalfOpen => Ok(()),
            Stance::Shut => {
                let why = "no requests are sent for now".to_owned();
                Err(Error::ServiceUnreachable(why))
            }
        }
    }

    /// Tells all replicas how a renewal's request ended. Returns what is closed now, if that changed.
    pub async fn ended(
        &self,
        report: Report,
        witness: &Witness,
        probe: Option<Probe>,
    ) -> Result<Option<Closed>, Error> {
        match Trouble::of(report) {
            None => self.answered(witness, probe).await.map(|()| None),
            Some(trouble) => self.troubled(trouble, witness, probe).await,
        }
    }

    async fn answered(&self, witness: &Witness, probe: Option<Probe>) -> Result<(), Error> {
        let was_failing = self.failing().remove(&witness.tenant).is_some();
        if was_failing {
            self.store.tenant_works(&witness.tenant).await?;
        }
        if probe.is_some() || self.copy().failures > 0 {
            let now = self.clock.now();
            self.change(|seen| seen.after_answer(is_of(probe, seen), now))
                .await?;
        }
        Ok(())
    }

    async fn troubled(
        &self,
        trouble: Trouble,
        witness: &Witness,
        probe: Option<Probe>,
    ) -> Result<Option<Closed>, Error> {
        let (now, tenant) = (self.clock.now(), &witness.tenant);
        let met = trouble.name();
        let failing = match witness.failed_before {
            true => self.store.failing_tenant(tenant).await?,
            false => Some(self.store.tenant_fails(tenant, met, now).await?),
        };
        let others_of_tenant = failing.as_ref().is_some_and(|failing| failing.links > 1);
        let accused = witness.failed_before || others_of_tenant;
        // A service that is away fails the same few links again and again, where there are no others.
        let counts = !witness.failed_before || trouble == Trouble::Failed;
        let mut others = false;
        if counts {
            let row = self.store.gate(self.gate).await?;
            let since = row.failing_since.max(now - LATELY);
            others = self.store.another_tenant_fails(tenant, met, since).await?;
        }
        let rest = match failing {
            Some(failing) => self.rest(trouble, tenant, failing, now).await?,
            None => None,
        };
        if probe.is_none() && !counts {
            return Ok(rest.map(Closed::ForTenant));
        }
        let changed = self
            .change(|seen| {
                let standing = match is_of(probe, seen) {
                    true => Standing::Probe { accused },
                    false => Standing::OneOfMany { others },
                };
                seen.after_trouble(trouble, standing, now)
            })
            .await?;
        let closed = changed.map(|row| row.opens_at - now);
        let closed = closed.filter(|rest| *rest > 0).map(Closed::ForAll);
        Ok(closed.or(rest.map(Closed::ForTenant)))
    }

    /// Lets the links of a tenant rest if enough of them have failed. Returns for how long.
    async fn rest(
        &self,
        trouble: Trouble,
        tenant: &ClientKey,
        mut failing: FailingTenant,
        now: Seconds,
    ) -> Result<Option<Seconds>, Error> {
        let rest = trouble.rest(failing.rests);
        let rests =
            failing.links >= TRIPS_AT && self.store.tenant_rests(tenant, now + rest, now).await?;
        if rests {
            failing.opens_at = now + rest;
        }
        self.failing().insert(tenant.clone(), failing);
        Ok(rests.then_some(rest))
    }
}

/// Whether this is the probe that the gate waits for.
fn is_of(probe: Option<Probe>, gate: &GateRow) -> bool {
    probe.is_some_and(|probe| probe.0 == gate.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Standing = Standing::OneOfMany { others: false };
    const NOT_ALONE: Standing = Standing::OneOfMany { others: true };
    const PROBE: Standing = Standing::Probe { accused: false };
    const ACCUSED: Standing = Standing::Probe { accused: true };

    fn shut() -> GateRow {
        let open = GateRow::default();
        open.after_trouble(Trouble::Refused, NOT_ALONE, 100)
            .unwrap()
    }

    #[test]
    fn five_failures_in_a_row_of_more_than_one_tenant_leave_the_service_to_single_probes() {
        let mut gate = GateRow::default();
        for _ in 0..20 {
            gate = gate.after_trouble(Trouble::Failed, ALONE, 100).unwrap();
            assert_eq!(gate.stance(100), Stance::Open);
        }
        let fresh = gate.after_answer(false, 100).unwrap();
        assert_eq!(fresh.failures, 0, "in a row");
        let second = fresh
            .after_trouble(Trouble::Failed, NOT_ALONE, 100)
            .unwrap();
        assert_eq!(second.stance(100), Stance::Open, "it may be chance");
        gate = gate.after_trouble(Trouble::Failed, NOT_ALONE, 100).unwrap();
        assert_eq!((gate.stance(104), gate.opens_at), (Stance::Shut, 105));
        assert_eq!(gate.stance(105), Stance::HalfOpen);
        let late = gate.after_trouble(Trouble::Failed, NOT_ALONE, 101);
        assert_eq!(late, None, "sent before");
        assert_eq!(gate.after_answer(false, 101), None);
        for rest in [5, 10, 20, 40, 60, 60] {
            gate = gate.after_trouble(Trouble::Failed, PROBE, 200).unwrap();
            assert_eq!(gate.opens_at, 200 + rest);
        }
        gate = gate.after_answer(true, 300).unwrap();
        assert_eq!(gate.stance(300), Stance::Open);
        assert_eq!((gate.failures, gate.probes), (0, 0));
    }

    #[test]
    fn an_accused_probe_closes_the_gate_for_a_moment_only() {
        let hour = Trouble::Wait(Some(3600));
        let mut gate = GateRow::default();
        for trouble in [hour, Trouble::Refused, Trouble::Wait(None)] {
            gate = gate.after_trouble(trouble, ALONE, 100).unwrap();
            assert_eq!(gate.stance(100), Stance::Open);
        }
        gate = gate.after_trouble(hour, NOT_ALONE, 100).unwrap();
        assert_eq!(gate.opens_at, 100 + REST_UNCONFIRMED);
        for _ in 0..3 {
            gate = gate.after_trouble(hour, ACCUSED, 200).unwrap();
            assert_eq!((gate.opens_at, gate.probes), (200 + REST_UNCONFIRMED, 0));
        }
        gate = gate.after_trouble(hour, PROBE, 200).unwrap();
        assert_eq!(gate.opens_at, 3800, "confirmed");
        gate = gate.after_trouble(hour, ACCUSED, 4000).unwrap();
        assert_eq!(gate.opens_at, 4000 + LONGEST_REST);
    }

    #[test]
    fn what_the_service_asks_for_is_clamped() {
        let until = |asked| {
            shut()
                .after_trouble(Trouble::Wait(asked), PROBE, 200)
                .unwrap()
                .opens_at
        };
        assert_eq!(until(Some(120)), 320);
        assert_eq!(until(Some(1_000_000)), 3800);
        assert_eq!(until(Some(-7)), 201);
        assert_eq!(until(None), 210);
        let refused = shut().after_trouble(Trouble::Refused, PROBE, 200).unwrap();
        assert_eq!(refused.opens_at, 230);
        let refused = refused.after_trouble(Trouble::Refused, PROBE, 300).unwrap();
        assert_eq!(refused.opens_at, 360);
    }
}
