//! What may be asked of Jira and of the service, over all replicas.
//!
//! | limit | whose | kept where |
//! |---|---|---|
//! | points an hour ([`Quota`]) | all tenants together: Jira counts an app's calls to all sites | database, taken in small allotments |
//! | calls a second ([`Bursts`]) | a tenant and a method | each replica for itself, far below what Jira allows; what Jira says about it is kept with the tenant |
//! | "wait" of Jira | a tenant, or a method there | with the tenant |
//! | "wait until the hour" of Jira ([`SharedGate`]) | all tenants | database |
//! | "wait" of the service, and its breaker ([`SharedGate`]) | all token requests | database |
//! | token requests a second ([`ServicePace`]) | all of them | database, reserved in small stretches |
//!
//! Where a person waits, nothing is queued: their call goes first, and renewals make room for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use crate::clock::{Clock, Millis, Seconds};
use crate::config::JiraLimits;
use crate::error::Error;
use crate::model::ClientKey;
use crate::store::{Gate, GateRow, Store};

pub use crate::model::Purpose;
pub use crate::store::Probe;

/// Failures in a row after which the service is only probed.
const TRIPS_AT: i64 = 5;
/// How long it is left alone at first and at most, in seconds.
const FIRST_REST: Seconds = 5;
const LONGEST_REST: Seconds = 60;
/// How long at first when it refuses the app itself, which takes a person to mend.
const REST_WHEN_REFUSED: Seconds = 30;
/// How long at first when it asks to wait and does not say how long.
const REST_WHEN_ASKED: Seconds = 10;
/// A probe without an outcome after that long has died with its process, in seconds.
const PROBE_LASTS: Seconds = 45;

/// How a token request ended, as far as all others are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The service answered, whatever it said about this one request.
    Answered,
    /// No connection, no answer in time, or an answer that says that the service is not well.
    Failed,
    /// It refuses the app: no other request can fare better.
    Refused,
    /// It asks to wait, for so many seconds if it says so.
    Wait(Option<Seconds>),
}

/// How the gate stands in front of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// Everybody passes.
    Open,
    /// Nobody does.
    Shut,
    /// One probe does.
    HalfOpen,
}

impl GateRow {
    /// How it stands at a moment.
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

    /// What comes of the outcome of a token request; None if nothing does. What was sent before the
    /// gate closed says nothing new, except that it may ask for a longer wait.
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

/// A gate that all replicas share. This process looks at it every second, and where it counts the
/// statement that lets a call go looks again.
#[derive(Debug)]
pub struct SharedGate {
    gate: Gate,
    store: Store,
    clock: Clock,
    known: Mutex<GateRow>,
}

impl SharedGate {
    fn new(gate: Gate, store: Store, clock: Clock) -> Self {
        Self {
            gate,
            store,
            clock,
            known: Mutex::default(),
        }
    }

    /// In front of all token requests.
    #[must_use]
    pub fn of_service(store: Store, clock: Clock) -> Self {
        Self::new(Gate::Service, store, clock)
    }

    /// In front of all writes to Jira.
    #[must_use]
    pub fn of_jira(store: Store, clock: Clock) -> Self {
        Self::new(Gate::Jira, store, clock)
    }

    fn known(&self) -> MutexGuard<'_, GateRow> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it opens, as far as this process knows; in the past if it is open.
    #[must_use]
    pub fn opens_at(&self) -> Seconds {
        self.known().opens_at
    }

    /// How it stands, as far as this process knows.
    #[must_use]
    pub fn stance(&self) -> Stance {
        self.known().stance(self.clock.now())
    }

    /// Looks at how it stands now.
    ///
    /// # Errors
    /// When the store is unavailable, as everywhere here.
    pub async fn look(&self) -> Result<Stance, Error> {
        let row = self.store.gate(self.gate).await?;
        *self.known() = row;
        Ok(row.stance(self.clock.now()))
    }

    /// Changes it, also while others do. Says what it was changed to, if it was.
    async fn change(
        &self,
        next: impl Fn(&GateRow) -> Option<GateRow>,
    ) -> Result<Option<GateRow>, Error> {
        loop {
            let seen = self.store.gate(self.gate).await?;
            *self.known() = seen;
            let Some(next) = next(&seen) else {
                return Ok(None);
            };
            if self.store.change_gate(self.gate, &seen, &next).await? {
                let next = GateRow {
                    version: seen.version + 1,
                    ..next
                };
                *self.known() = next;
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

    /// Takes the probe, if it is time for one and nobody else has it.
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

    /// Gives the probe back when it was for nothing. Whoever asks next may have it.
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

    /// For a token request that somebody waits for: whether it may leave, and if so, whether it is the
    /// probe.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] while the service is left alone.
    pub async fn admit(&self) -> Result<Option<Probe>, Error> {
        let probe = match self.look().await? {
            Stance::Open => return Ok(None),
            Stance::HalfOpen => self.probe().await?,
            Stance::Shut => None,
        };
        probe
            .map(Some)
            .ok_or_else(|| Error::ServiceUnreachable("it is left alone for now".to_owned()))
    }

    /// Tells all replicas how a token request ended. Says how long the service is left alone now, if
    /// that has changed.
    pub async fn ended(
        &self,
        report: Report,
        probe: Option<Probe>,
    ) -> Result<Option<Seconds>, Error> {
        if report == Report::Answered && probe.is_none() && self.known().failures == 0 {
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

/// Points of Jira's quota: 65,000 an hour for an app over all tenants, a write 1, reading a person 3.
/// The hour is that of UTC. A process takes small allotments, so that not every call writes to the
/// database; what one that died had left is lost with the hour.
#[derive(Debug)]
pub struct Quota {
    store: Store,
    clock: Clock,
    limits: JiraLimits,
    purse: tokio::sync::Mutex<Purse>,
}

/// What a process has taken and not used.
#[derive(Debug, Default)]
struct Purse {
    hour: i64,
    renewal: i64,
    person: i64,
    /// No more are to be had for renewals in this hour.
    renewal_used_up: bool,
}

impl Quota {
    /// As the settings say.
    #[must_use]
    pub fn new(limits: JiraLimits, store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            limits,
            purse: tokio::sync::Mutex::default(),
        }
    }

    /// What it goes by.
    #[must_use]
    pub fn limits(&self) -> JiraLimits {
        self.limits
    }

    /// Points that all replicas have taken in this hour, and how many of them for renewals.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn taken(&self) -> Result<(i64, i64), Error> {
        let hour = self.clock.now().div_euclid(3600);
        self.store.points_taken(hour).await
    }

    /// When the next hour begins.
    #[must_use]
    pub fn next_hour(&self) -> Seconds {
        (self.clock.now().div_euclid(3600) + 1) * 3600
    }

    async fn purse(&self) -> tokio::sync::MutexGuard<'_, Purse> {
        let mut purse = self.purse.lock().await;
        let hour = self.clock.now().div_euclid(3600);
        if purse.hour != hour {
            *purse = Purse {
                hour,
                ..Purse::default()
            };
        }
        purse
    }

    /// Takes from the database what a purse lacks, `points` at least if there are so many.
    async fn fill(&self, purse: &mut Purse, purpose: Purpose, points: i64) -> Result<bool, Error> {
        let (share, allotment) = match purpose {
            Purpose::Renewal if purse.renewal_used_up => return Ok(false),
            Purpose::Renewal => (
                Some(self.limits.renewal),
                (self.limits.renewal / 200).clamp(1, 100),
            ),
            Purpose::Person => (None, (self.limits.quota / 1000).clamp(1, 10)),
        };
        let mut taken = None;
        // Near the end what is left may be less than an allotment.
        for amount in [allotment.max(points), points] {
            if self
                .store
                .take_points(purse.hour, amount, self.limits.quota, share)
                .await?
            {
                taken = Some(amount);
                break;
            }
        }
        match purpose {
            Purpose::Renewal => {
                purse.renewal += taken.unwrap_or(0);
                if taken.is_none() && points == 1 {
                    purse.renewal_used_up = true;
                    tracing::warn!(
                        "Jira's points for renewals are used up; they go on at the hour"
                    );
                }
            }
            Purpose::Person => purse.person += taken.unwrap_or(0),
        }
        Ok(taken.is_some())
    }

    /// Pays for a call. False when there are not enough points left in this hour; then it must not be
    /// made before [`Quota::next_hour`].
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pay(&self, purpose: Purpose, points: i64) -> Result<bool, Error> {
        let mut purse = self.purse().await;
        match purpose {
            Purpose::Renewal => {
                if purse.renewal < points && !self.fill(&mut purse, purpose, points).await? {
                    return Ok(false);
                }
                purse.renewal -= points;
            }
            Purpose::Person => {
                if purse.person < points && !self.fill(&mut purse, purpose, points).await? {
                    // What was taken for renewals serves as well.
                    if purse.renewal < points {
                        return Ok(false);
                    }
                    purse.renewal -= points;
                    return Ok(true);
                }
                purse.person -= points;
            }
        }
        Ok(true)
    }

    /// How many renewals may begin, of `wanted`, while others are under way that have not paid yet.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn renewals(&self, wanted: i64, under_way: i64) -> Result<i64, Error> {
        let mut purse = self.purse().await;
        while purse.renewal < wanted + under_way {
            if !self.fill(&mut purse, Purpose::Renewal, 1).await? {
                break;
            }
        }
        Ok((purse.renewal - under_way).clamp(0, wanted))
    }
}

/// Calls a second to one tenant with one method. Jira allows 50 writes and 100 reads there, and shares
/// them among all apps.
#[derive(Debug)]
pub struct Bursts {
    clock: Clock,
    /// Between two writes.
    each: Millis,
    /// When the next call may leave.
    next: Mutex<HashMap<(ClientKey, Method), Millis>>,
    /// Tenants that are near a limit, and until when they are called more slowly.
    near_limit: Mutex<HashMap<ClientKey, Millis>>,
}

/// How long a tenant that was near a limit is called more slowly.
const SLOW_FOR: Millis = 30_000;
/// How much more slowly.
const SLOWER: Millis = 10;
/// How many tenants and methods are kept apart before those are forgotten that wait for nothing.
const KEPT: usize = 4096;

impl Bursts {
    /// As the settings say.
    #[must_use]
    pub fn new(limits: &JiraLimits, clock: Clock) -> Self {
        Self {
            clock,
            each: (1000 / i64::from(limits.burst)).max(1),
            next: Mutex::default(),
            near_limit: Mutex::default(),
        }
    }

    /// How long a call has to wait. It has its place from now on. A person's call waits for nobody, and
    /// those after it make room.
    pub fn place(&self, tenant: &ClientKey, method: &Method, purpose: Purpose) -> Duration {
        let now = self.clock.millis();
        let mut each = self.each;
        if *method == Method::GET {
            each = (each / 2).max(1);
        }
        let slow = self
            .near_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(tenant)
            .copied();
        if slow.is_some_and(|until| until > now) {
            each *= SLOWER;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= KEPT {
            next.retain(|_, at| *at > now);
        }
        let next = next.entry((tenant.clone(), method.clone())).or_default();
        let place = (*next).max(now);
        *next = place + each;
        match purpose {
            Purpose::Person => Duration::ZERO,
            Purpose::Renewal => Duration::from_millis(u64::try_from(place - now).unwrap_or(0)),
        }
    }

    /// Calls a tenant more slowly for a while.
    pub fn slow_down(&self, tenant: &ClientKey) {
        let now = self.clock.millis();
        let mut near_limit = self
            .near_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        near_limit.retain(|_, until| *until > now);
        near_limit.insert(tenant.clone(), now + SLOW_FOR);
    }
}

/// Token requests a second, over all replicas. Each process reserves a short stretch of time at a time.
#[derive(Debug)]
pub struct ServicePace {
    store: Store,
    clock: Clock,
    /// Between two requests; None is no limit.
    each: Option<Millis>,
    places: tokio::sync::Mutex<VecDeque<Millis>>,
}

/// How much time is reserved at once.
const STRETCH: Millis = 200;
/// How late a request may leave and still be in its place.
const LATE: Duration = Duration::from_millis(200);
/// The longest a renewal waits for its place: well within its lease.
const LONGEST_QUEUE: Millis = 20_000;

impl ServicePace {
    /// So many requests a second; None is no limit.
    #[must_use]
    pub fn new(rate: Option<u32>, store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            each: rate.map(|rate| (1000 / i64::from(rate)).max(1)),
            places: tokio::sync::Mutex::default(),
        }
    }

    /// How many renewals may be under way at once so that none waits too long for its place.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.each.map_or(usize::MAX, |each| {
            usize::try_from((5000 / each).max(1)).unwrap_or(usize::MAX)
        })
    }

    /// A place for a renewal's request: how long to wait for it. None when all near ones are taken.
    ///
    /// # Errors
    /// When the store is unavailable, as below.
    pub async fn place(&self) -> Result<Option<Duration>, Error> {
        let Some(each) = self.each else {
            return Ok(Some(Duration::ZERO));
        };
        let mut places = self.places.lock().await;
        let now = self.clock.millis();
        // A place that has gone by unused is gone: several at once would be a burst.
        while places.front().is_some_and(|place| place + each < now) {
            places.pop_front();
        }
        if places.is_empty() {
            let count = (STRETCH / each).max(1);
            let latest = now + LONGEST_QUEUE;
            let begin = self.store.reserve_time(now, each * count, latest).await?;
            let Some(begin) = begin else {
                return Ok(None);
            };
            places.extend((0..count).map(|place| begin + place * each));
        }
        Ok(places
            .pop_front()
            .map(|place| Duration::from_millis(u64::try_from(place - now).unwrap_or(0))))
    }

    /// Waits for a place for a renewal's request. False when all near ones are taken.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pass(&self) -> Result<bool, Error> {
        while let Some(wait) = self.place().await? {
            let begun = Instant::now();
            tokio::time::sleep(wait).await;
            // Whoever wakes late has missed their place: with all the others that have, they would be a
            // burst.
            if self.each.is_none() || begun.elapsed() <= wait + LATE {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A request that somebody waits for leaves at once, and renewals make room.
    pub async fn make_room(&self) -> Result<(), Error> {
        if let Some(each) = self.each {
            let now = self.clock.millis();
            self.store.reserve_time(now, each, Millis::MAX).await?;
        }
        Ok(())
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
    fn calls_to_a_tenant_leave_one_after_the_other_and_a_persons_at_once() {
        let limits = JiraLimits {
            quota: 1,
            renewal: 1,
            burst: 1,
        };
        let bursts = Bursts::new(&limits, Clock::movable());
        let (here, there) = (ClientKey("a".to_owned()), ClientKey("b".to_owned()));
        let place = |tenant, method, purpose| bursts.place(tenant, method, purpose).as_millis();
        let renewal = |tenant, method| place(tenant, method, Purpose::Renewal);
        // The machine's clock goes on while this runs: half a second of it does no harm.
        assert_eq!(renewal(&here, &Method::PUT), 0);
        assert!((500..=1000).contains(&renewal(&here, &Method::PUT)));
        assert_eq!(place(&here, &Method::PUT, Purpose::Person), 0, "at once");
        assert!(
            (2500..=3000).contains(&renewal(&here, &Method::PUT)),
            "room was made"
        );
        assert_eq!(renewal(&here, &Method::DELETE), 0, "another method");
        assert_eq!(renewal(&there, &Method::PUT), 0, "another tenant");
        bursts.slow_down(&there);
        assert!((500..=1000).contains(&renewal(&there, &Method::PUT)));
        assert!(
            (10_500..=11_000).contains(&renewal(&there, &Method::PUT)),
            "slower"
        );
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
