//! Limits token requests per second over all replicas.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, Millis};
use crate::error::Error;
use crate::store::Store;

/// Limits of the requests to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Concurrent renewals in this process.
    pub concurrency: usize,
    /// Token requests per second over all replicas.
    pub rate: Option<u32>,
}

/// Limits token requests per second over all replicas. Each process reserves a short stretch of time at once.
#[derive(Debug)]
pub struct ServicePace {
    store: Store,
    clock: Clock,
    /// The time between two requests. None: no limit.
    each: Option<Millis>,
    places: tokio::sync::Mutex<VecDeque<Millis>>,
}

/// The stretch of time that is reserved at once.
const STRETCH: Millis = 200;
/// How late a request may leave and still use its place.
const LATE: Duration = Duration::from_millis(200);
/// The longest that a renewal waits for its place: much less than its lease.
const LONGEST_QUEUE: Millis = 20_000;

impl ServicePace {
    /// At most so many requests per second. None: no limit.
    #[must_use]
    pub fn new(rate: Option<u32>, store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            each: rate.map(|rate| (1000 / i64::from(rate)).max(1)),
            places: tokio::sync::Mutex::default(),
        }
    }

    /// How many renewals may run at once so that none waits too long for its place.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.each.map_or(usize::MAX, |each| {
            usize::try_from((5000 / each).max(1)).unwrap_or(usize::MAX)
        })
    }

    /// How long a renewal must wait for its place. None if all places within the longest wait are taken.
    ///
    /// # Errors
    /// When the store is unavailable, as below.
    pub async fn place(&self) -> Result<Option<Duration>, Error> {
        let Some(each) = self.each else {
            return Ok(Some(Duration::ZERO));
        };
        let mut places = self.places.lock().await;
        let now = self.clock.millis();
        // A place whose time has passed is dropped: using several at once would be a burst.
        while places.front().is_some_and(|place| place + each < now) {
            places.pop_front();
        }
        // The clock was ahead when they were taken.
        if places
            .front()
            .is_some_and(|place| *place > now + LONGEST_QUEUE)
        {
            places.clear();
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

    /// Waits for a place for a renewal's request. False if all places within the longest wait are taken.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pass(&self) -> Result<bool, Error> {
        while let Some(wait) = self.place().await? {
            let begun = Instant::now();
            tokio::time::sleep(wait).await;
            // A task that wakes late has missed its place: together, all late tasks would be a burst.
            if self.each.is_none() || begun.elapsed() <= wait + LATE {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes a place for a request that a person waits for. The request leaves at once, and renewals make
    /// room.
    pub async fn make_room(&self) -> Result<(), Error> {
        if let Some(each) = self.each {
            let now = self.clock.millis();
            self.store.reserve_time(now, each, Millis::MAX).await?;
        }
        Ok(())
    }
}
