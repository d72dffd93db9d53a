//! Limits how often callers may do what costs something.
//!
//! | whose | what | at once | then one each |
//! |---|---|---|---|
//! | a person's | beginnings of an attempt | 30 | 30 s |
//! | a person's | other requests that write or call other servers | 60 | 1 s |
//! | a person's | renewals brought forward, which spend quotas of Jira and of the service | 20 | 10 s |
//! | a person's | looks at their own link | 600 | 50 ms |
//! | a tenant's | beginnings of an attempt | 600 | 3 s |
//! | a service secret's | calls of the vendor's servers | 300 | 10 ms |
//! | an address's | requests that are refused | 1,000 | 50 ms |
//! | an address's | install keys fetched for a kid that was never named before | 10 | 6 s |
//!
//! A person is an account at a tenant, as a verified token names them, so a forged token uses up no person's
//! share. Only requests that passed the person's own limit count against the tenant's, so one person who
//! floods takes nothing from their colleagues. A valid request is not refused because of its address as long as
//! there is room: many people may share one, behind a router or behind a proxy that is not named in
//! `LATCHKEY_TRUSTED_PROXIES`. But of an address that has been refused too often, at most 32 requests are in
//! progress at once. A further one is refused before anything is done for it: no body is read, no token verified,
//! and neither the database nor another server is asked. So a flood from there leaves room for everybody else.
//! An IPv6 client counts by its /64, which is what one subscriber gets.
//!
//! Each replica counts for itself. That is enough: the limits protect a replica's memory, connections and
//! time, and keep the database small. A caller that floods all `n` replicas may get `n` times the limit,
//! which changes neither. No permission depends on an exact count.
//!
//! # What linking and unlinking can spend
//!
//! Each attempt costs up to five points of Jira's quota: the person is looked at, and the key is put and deleted.
//! Of the 65,000 points an hour that Jira gives, renewals have four fifths by default, and the other 13,000 are
//! for people. A person who connects and disconnects in a circle spends at most (30 + 120) · 5 = 750 of them in
//! an hour, and a tenant (600 + 1,200) · 5 = 9,000.
//!
//! # What a flood can leave in the database
//!
//! - One attempt for each person: a new one replaces the old one.
//! - Sessions and spent tokens, one of each for each beginning, until they expire: a person can make at
//!   most 30 + 600 / 30 = 50 in the ten minutes that a session lives, and a tenant 600 + 600 / 3 = 800.
//!   A session of a person's earlier attempt leads nowhere and expires.
//! - Spent tokens, until the expiry that Jira gave them and a minute more.
//! - Of people who may not connect, one event an hour for each, for the site's admins.
//!
//! The worker deletes expired rows, without a pause while there are more.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::events::{Event, Events, Scope};
use crate::model::{AccountId, Tenant};

/// How many keys a limit tracks. A key is dropped when its share is whole again, after a few minutes at most,
/// so this many at once are a flood. Each takes less than 40 bytes.
const KEYS: usize = 65_536;
/// How many shares the other keys have in common while that many are tracked: a new key is counted together
/// with some others. Its caller may have to wait because of them, and no caller goes uncounted.
const COMMON: u64 = 1024;

/// So many at once, and from then on one per interval.
#[derive(Debug, Clone, Copy)]
struct Rate {
    at_once: u32,
    each: Duration,
}

const fn rate(at_once: u32, each: Duration) -> Rate {
    Rate { at_once, each }
}

const BEGINNINGS: Rate = rate(30, Duration::from_secs(30));
const ACTIONS: Rate = rate(60, Duration::from_secs(1));
const RENEWALS: Rate = rate(20, Duration::from_secs(10));
const LOOKS: Rate = rate(600, Duration::from_millis(50));
const BEGINNINGS_OF_TENANT: Rate = rate(600, Duration::from_secs(3));
const VENDORS: Rate = rate(300, Duration::from_millis(10));
const REFUSALS: Rate = rate(1000, Duration::from_millis(50));
/// How many requests of an address whose refusals are used up may be in progress.
const IN_PROGRESS: u32 = 32;
const FETCHES: Rate = rate(10, Duration::from_secs(6));

/// All limits.
#[derive(Debug)]
pub struct Limits {
    beginnings: Limit,
    actions: Limit,
    renewals: Limit,
    looks: Limit,
    beginnings_of_tenant: Limit,
    vendors: Limit,
    refusals: Limit,
    /// Addresses whose refusals are used up, and until when.
    used_up: Mutex<HashMap<u64, Seconds>>,
    /// How many requests of such addresses are in progress.
    in_progress: Arc<Mutex<HashMap<u64, u32>>>,
    fetches: Limit,
    /// Hashes names into keys with a secret seed, so that a caller cannot find two names with the same key.
    hasher: RandomState,
    events: Events,
}

impl Limits {
    /// All limits, with every share whole.
    #[must_use]
    pub fn new(clock: &Clock, events: Events) -> Self {
        let limit = |rate| Limit::new(rate, KEYS, clock.clone());
        Self {
            beginnings: limit(BEGINNINGS),
            actions: limit(ACTIONS),
            renewals: limit(RENEWALS),
            looks: limit(LOOKS),
            beginnings_of_tenant: limit(BEGINNINGS_OF_TENANT),
            vendors: limit(VENDORS),
            refusals: limit(REFUSALS),
            used_up: Mutex::default(),
            in_progress: Arc::default(),
            fetches: limit(FETCHES),
            hasher: RandomState::new(),
            events,
        }
    }

    /// A person begins an attempt.
    ///
    /// # Errors
    /// [`Error::TooMany`], as for all functions here.
    pub fn begin(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        self.of_person(&self.beginnings, tenant, account)?;
        let client_key = tenant.client_key.as_str();
        self.beginnings_of_tenant
            .take(self.hasher.hash_one(client_key))
            .map_err(|wait| self.too_many(wait, Scope::Tenant, client_key))
    }

    /// A person sends another request that writes or calls other servers.
    pub fn act(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        self.of_person(&self.actions, tenant, account)
    }

    /// A person brings a renewal forward.
    pub fn renew(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        self.act(tenant, account)?;
        self.of_person(&self.renewals, tenant, account)
    }

    /// A person looks at their link.
    pub fn look(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        self.of_person(&self.looks, tenant, account)
    }

    /// A server of the vendor calls, with a secret of this fingerprint.
    pub fn vendor(&self, fingerprint: &str) -> Result<(), Error> {
        self.vendors
            .take(self.hasher.hash_one(fingerprint))
            .map_err(|wait| self.too_many(wait, Scope::Secret, "the vendor's servers"))
    }

    /// A request from this address has come, and nothing was done for it yet. It is in progress until what is
    /// returned is dropped.
    pub fn admit(&self, client: IpAddr) -> Result<Option<InProgress>, Error> {
        let address = self.hasher.hash_one(counted_as(client));
        let now = self.refusals.seconds();
        let until = self.used_up().get(&address).copied();
        if until.is_none_or(|until| until <= now) {
            return Ok(None);
        }
        let mut counts = lock(&self.in_progress);
        let count = counts.entry(address).or_default();
        if *count >= IN_PROGRESS {
            drop(counts);
            return Err(self.too_many(1, Scope::Address, &client.to_string()));
        }
        *count += 1;
        Ok(Some(InProgress {
            counts: self.in_progress.clone(),
            address,
        }))
    }

    /// A request from this address was refused.
    pub fn refused(&self, client: IpAddr) -> Result<(), Error> {
        let refused = self.of_address(&self.refusals, client);
        if let Err(Error::TooMany { retry_after }) = refused {
            let address = self.hasher.hash_one(counted_as(client));
            let now = self.refusals.seconds();
            let mut used_up = self.used_up();
            if used_up.len() >= KEYS && !used_up.contains_key(&address) {
                used_up.retain(|_, until| *until > now);
            }
            if used_up.len() < KEYS {
                used_up.insert(address, now + retry_after);
            }
        }
        refused
    }

    fn used_up(&self) -> MutexGuard<'_, HashMap<u64, Seconds>> {
        lock(&self.used_up)
    }

    /// A request from this address needs an install key to be fetched.
    pub fn fetch(&self, client: IpAddr) -> Result<(), Error> {
        self.of_address(&self.fetches, client)
    }

    fn of_person(&self, limit: &Limit, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        let key = (tenant.client_key.as_str(), account.as_str());
        limit
            .take(self.hasher.hash_one(key))
            .map_err(|wait| self.too_many(wait, Scope::Person, account.as_str()))
    }

    fn of_address(&self, limit: &Limit, client: IpAddr) -> Result<(), Error> {
        limit
            .take(self.hasher.hash_one(counted_as(client)))
            .map_err(|wait| self.too_many(wait, Scope::Address, &client.to_string()))
    }

    fn too_many(&self, retry_after: Seconds, scope: Scope, whose: &str) -> Error {
        self.events.record(Event::TooMany(scope, whose));
        Error::TooMany { retry_after }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request of an address whose refusals are used up, while it is in progress.
#[derive(Debug)]
pub struct InProgress {
    counts: Arc<Mutex<HashMap<u64, u32>>>,
    address: u64,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// The address that is counted: for IPv6, its /64.
#[must_use]
pub fn counted_as(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

/// One limit, with a share for each key.
struct Limit {
    limiter: RateLimiter<u64, Shares, Onward, NoOpMiddleware<Duration>>,
    keys: usize,
    /// When whole shares were last dropped.
    forgot_at: AtomicI64,
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({} keys)", self.limiter.len())
    }
}

impl Limit {
    fn new(rate: Rate, keys: usize, clock: Clock) -> Self {
        let at_once = NonZeroU32::new(rate.at_once).expect("a rate is a constant above 0");
        let quota = Quota::with_period(rate.each).expect("a rate is a constant above 0");
        let shares = Shares {
            keys,
            kept: Mutex::default(),
        };
        Self {
            limiter: RateLimiter::new(quota.allow_burst(at_once), shares, Onward::new(clock)),
            keys,
            forgot_at: AtomicI64::new(0),
        }
    }

    /// The time by which shares grow back.
    fn seconds(&self) -> Seconds {
        self.limiter.clock().seconds()
    }

    /// Takes one from a key's share, or returns in how many seconds one will be available.
    fn take(&self, key: u64) -> Result<(), Seconds> {
        let clock = self.limiter.clock();
        if self.limiter.len() >= self.keys {
            // This looks at every key, so it runs at most once a second.
            let now = clock.seconds();
            if self.forgot_at.swap(now, Ordering::Relaxed) != now {
                self.limiter.retain_recent();
            }
        }
        self.limiter.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(clock.now()).as_millis();
            Seconds::try_from(wait.div_ceil(1000))
                .unwrap_or(Seconds::MAX)
                .max(1)
        })
    }
}

/// The state of each key, in a map of bounded size.
struct Shares {
    keys: usize,
    kept: Mutex<HashMap<u64, Nanos>>,
}

impl Shares {
    fn kept(&self) -> MutexGuard<'_, HashMap<u64, Nanos>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Shares {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut kept = self.kept();
        let key = if kept.len() < self.keys || kept.contains_key(key) {
            *key
        } else {
            key % COMMON
        };
        let (outcome, next) = measure(kept.get(&key).copied())?;
        kept.insert(key, next);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<u64> for Shares {
    fn retain_recent(&self, drop_below: Nanos) {
        self.kept().retain(|_, next| *next >= drop_below);
    }

    fn len(&self) -> usize {
        self.kept().len()
    }

    fn is_empty(&self) -> bool {
        self.kept().is_empty()
    }
}

/// Our clock for `governor`, which never goes back when the system's clock does: otherwise callers would have
/// to wait until it has caught up.
struct Onward {
    clock: Clock,
    seen: Mutex<Seen>,
}

struct Seen {
    last: Seconds,
    set_back: Seconds,
}

impl Onward {
    fn new(clock: Clock) -> Self {
        let seen = Seen {
            last: clock.now(),
            set_back: 0,
        };
        Self {
            clock,
            seen: Mutex::new(seen),
        }
    }

    fn seconds(&self) -> Seconds {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if now < seen.last {
            seen.set_back += seen.last - now;
        }
        seen.last = now;
        now + seen.set_back
    }
}

impl governor::clock::Clock for Onward {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_secs(self.seconds().unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Rate = rate(3, Duration::from_secs(10));

    #[test]
    fn a_share_is_used_up_and_comes_back() {
        let clock = Clock::movable();
        let limit = Limit::new(SLOW, KEYS, clock.clone());
        for _ in 0..3 {
            limit.take(1).expect("there is some left");
        }
        let wait = limit.take(1).expect_err("it is used up");
        assert!((1..=10).contains(&wait), "{wait}");
        limit.take(2).expect("another's is whole");
        clock.advance(wait);
        limit.take(1).expect("one has come back");
        assert!(limit.take(1).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_caller_waiting() {
        let clock = Clock::movable();
        let limit = Limit::new(SLOW, KEYS, clock.clone());
        for _ in 0..3 {
            limit.take(1).expect("there is some left");
        }
        clock.advance(-3600);
        let wait = limit.take(1).expect_err("it is used up");
        assert!((1..=10).contains(&wait), "{wait}");
        clock.advance(wait);
        limit.take(1).expect("one has come back");
    }

    #[test]
    fn new_keys_share_their_count_when_the_map_is_full() {
        let clock = Clock::movable();
        let limit = Limit::new(SLOW, 100, clock.clone());
        let keys = |from: u64| (from..).map(|number| number * COMMON);
        for key in keys(1).take(100) {
            limit.take(key).expect("each has a share");
        }
        let passed = keys(101).take(10_000);
        let passed = passed.filter(|key| limit.take(*key).is_ok()).count();
        // The clock runs on during the test, but hardly by ten seconds.
        assert!((3..10).contains(&passed), "{passed} of one common share");
        assert!(limit.limiter.len() <= 101, "{}", limit.limiter.len());
        let first = COMMON;
        limit.take(first).expect("who is known keeps their share");

        clock.advance(60);
        limit.take(10 * COMMON).expect("it has come back");
        assert!(limit.limiter.len() <= 2, "whole shares are forgotten");
    }

    #[test]
    fn an_ipv6_client_counts_by_its_network() {
        let counted = |text: &str| counted_as(text.parse().expect("an address"));
        assert_eq!(counted("2001:db8:1:2:3::4"), counted("2001:db8:1:2:ffff::"));
        assert_ne!(counted("2001:db8:1:2::"), counted("2001:db8:1:3::"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
