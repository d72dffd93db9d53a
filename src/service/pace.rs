//! Token requests a second, over all replicas.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, Millis};
use crate::error::Error;
use crate::store::Store;

/// How much may be asked of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Renewals under way at once in this process.
    pub concurrency: usize,
    /// Token requests a second over all replicas.
    pub rate: Option<u32>,
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
