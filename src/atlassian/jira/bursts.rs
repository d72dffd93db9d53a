//! Limits calls per second to one tenant with one method.
//!
//! Each replica counts for itself, far below Jira's limit. A call that a person waits for is never queued: it
//! leaves at once, and renewals make room for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;

use crate::clock::{Clock, Millis};
use crate::model::{ClientKey, Purpose};

use super::quota::JiraLimits;

/// Limits calls per second to one tenant with one method. Jira allows 50 writes and 100 reads, shared by all
/// apps.
#[derive(Debug)]
pub struct Bursts {
    clock: Clock,
    /// The time between two writes.
    each: Millis,
    /// When the next call may leave.
    next: Mutex<HashMap<(ClientKey, Method), Millis>>,
    /// Tenants that are near a limit, with the time until which they are called more slowly.
    near_limit: Mutex<HashMap<ClientKey, Millis>>,
}

/// How long a tenant that was near a limit is called more slowly.
const SLOW_FOR: Millis = 30_000;
/// By which factor.
const SLOWER: Millis = 10;
/// No queue is longer than a renewal's lease.
const LONGEST_QUEUE: Millis = 60_000;
/// How many pairs of tenant and method are kept before those without a wait are dropped.
const KEPT: usize = 4096;

impl Bursts {
    /// With the limits of the settings.
    #[must_use]
    pub fn new(limits: &JiraLimits, clock: Clock) -> Self {
        Self {
            clock,
            each: (1000 / i64::from(limits.burst)).max(1),
            next: Mutex::default(),
            near_limit: Mutex::default(),
        }
    }

    /// Takes the next place and returns how long to wait for it. A person's call does not wait, and later
    /// calls make room for it.
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
        // Not longer than that, even if the clock was ahead.
        if slow.is_some_and(|until| (now + 1..=now + SLOW_FOR).contains(&until)) {
            each *= SLOWER;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= KEPT {
            next.retain(|_, at| *at > now);
        }
        let next = next.entry((tenant.clone(), method.clone())).or_default();
        if *next > now + LONGEST_QUEUE {
            // The clock was ahead.
            *next = now;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_to_a_tenant_leave_one_after_the_other_and_a_persons_at_once() {
        let limits = JiraLimits {
            quota: 1,
            renewal: 1,
            people: 1,
            burst: 1,
        };
        let bursts = Bursts::new(&limits, Clock::movable());
        let (here, there) = (ClientKey("a".to_owned()), ClientKey("b".to_owned()));
        let place = |tenant, method, purpose| bursts.place(tenant, method, purpose).as_millis();
        let renewal = |tenant, method| place(tenant, method, Purpose::Renewal);
        // The clock runs on while this test runs: half a second does no harm.
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
}
