//! Calls to Jira that no key waits for: looks at people and handles that are put again.
//!
//! A renewal makes them on its way, so a Jira that is slow must not hold up renewals. Few are under way at a time,
//! and a site that gave no proper answer is left alone for a minute. A renewal that gets no place goes on without the
//! call, and a later one makes it. Each process counts for itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Seconds;
use crate::model::ClientKey;

/// How many such calls may be under way.
const AT_ONCE: usize = 16;
/// How many of them to one site.
const AT_ONE_SITE: usize = 4;
/// How long a site is left alone that gave no proper answer, in seconds.
const LEFT_ALONE: Seconds = 60;

/// The places for such calls.
#[derive(Debug, Default)]
pub struct Spare(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: HashMap<ClientKey, usize>,
    left_alone_until: HashMap<ClientKey, Seconds>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct SparePlace<'a> {
    spare: &'a Spare,
    tenant: &'a ClientKey,
}

impl Spare {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for calls to a tenant's Jira, if there is one.
    pub fn take<'a>(&'a self, tenant: &'a ClientKey, now: Seconds) -> Option<SparePlace<'a>> {
        let mut state = self.state();
        // A longer wait comes from a clock that was ahead.
        state
            .left_alone_until
            .retain(|_, until| (now + 1..=now + LEFT_ALONE).contains(until));
        let all: usize = state.under_way.values().sum();
        let here = state.under_way.get(tenant).copied().unwrap_or(0);
        if state.left_alone_until.contains_key(tenant) || all >= AT_ONCE || here >= AT_ONE_SITE {
            return None;
        }
        state.under_way.insert(tenant.clone(), here + 1);
        Some(SparePlace {
            spare: self,
            tenant,
        })
    }
}

impl SparePlace<'_> {
    /// The site gave no proper answer.
    pub fn failed(&self, now: Seconds) {
        let mut state = self.spare.state();
        let until = now + LEFT_ALONE;
        state.left_alone_until.insert(self.tenant.clone(), until);
    }
}

impl Drop for SparePlace<'_> {
    fn drop(&mut self) {
        let mut state = self.spare.state();
        if let Some(count) = state.under_way.get_mut(self.tenant) {
            *count -= 1;
            if *count == 0 {
                state.under_way.remove(self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(count: usize) -> Vec<ClientKey> {
        (0..count).map(|it| ClientKey(it.to_string())).collect()
    }

    #[test]
    fn a_site_takes_not_all_places_and_all_sites_no_more_than_there_are() {
        let (spare, sites) = (Spare::default(), sites(9));
        let mut held: Vec<_> = (0..9).filter_map(|_| spare.take(&sites[0], 0)).collect();
        assert_eq!(held.len(), AT_ONE_SITE);
        for site in &sites[1..] {
            held.extend((0..2).filter_map(|_| spare.take(site, 0)));
        }
        assert_eq!(held.len(), AT_ONCE);
        held.clear();
        assert!(spare.take(&sites[0], 0).is_some(), "they are free again");
        assert!(spare.state().under_way.is_empty());
    }

    #[test]
    fn a_site_without_an_answer_is_left_alone_for_a_minute_and_no_other() {
        let (spare, sites) = (Spare::default(), sites(2));
        let place = spare.take(&sites[0], 1000).expect("it is free");
        place.failed(1000);
        drop(place);
        assert!(spare.take(&sites[0], 1059).is_none());
        assert!(spare.take(&sites[1], 1059).is_some());
        assert!(spare.take(&sites[0], 1060).is_some());
        // The clock was ahead by an hour.
        spare.take(&sites[0], 4600).expect("free").failed(4600);
        assert!(spare.take(&sites[0], 1000).is_some());
    }
}
