//! Jira's hourly quota of points, shared by all tenants and all replicas.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::model::Purpose;
use crate::store::{Share, Store};

/// How often Jira is asked whether the person of a link is still there, at best, in seconds.
pub const DAY: Seconds = 24 * 3600;
/// What a look at a person costs together with putting their handle again.
pub const POINTS_A_LOOK: i64 = 4;

/// Limits of the calls to Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JiraLimits {
    /// Points per hour over all sites.
    pub quota: i64,
    /// How many of these points renewals may use, and nothing else.
    pub renewal: i64,
    /// How many are for people who connect and disconnect.
    pub people: i64,
    /// Writes per second to one site.
    pub burst: u32,
}

impl JiraLimits {
    /// The limits if renewals may use `share` per cent of the quota.
    #[must_use]
    pub fn new(quota: i64, share: i64, burst: u32) -> Self {
        // A quota too small to divide goes to renewals: without them no link survives.
        let renewal = (quota * share / 100).max(1);
        Self {
            quota,
            renewal,
            // If renewals may have it all, people share it with them.
            people: if renewal < quota {
                quota - renewal
            } else {
                quota
            },
            burst,
        }
    }

    /// How often each of so many people is looked at, and their handle put again, where renewals write nothing to
    /// Jira: each day, or as often as three quarters of the points of renewals allow. The rest is for handles that
    /// have changed.
    #[must_use]
    pub fn looks_every(&self, links: i64) -> Seconds {
        let an_hour = (self.renewal * 3 / 4).max(1);
        let seconds = links.saturating_mul(POINTS_A_LOOK * 3600) / an_hour;
        seconds.max(DAY)
    }
}

/// Jira's quota of points: 65,000 an hour for an app over all tenants; a write costs 1, reading a person 3.
/// The hour is UTC's. A process takes small allotments, so that not every call writes to the database; what a
/// process that died had left is lost with the hour.
#[derive(Debug)]
pub struct Quota {
    store: Store,
    clock: Clock,
    limits: JiraLimits,
    /// How many links there were when they were counted last. Negative before that.
    links: AtomicI64,
    purse: tokio::sync::Mutex<Purse>,
}

/// The points that a process took and has not used.
#[derive(Debug, Default)]
struct Purse {
    hour: i64,
    renewal: i64,
    person: i64,
    /// So many points at once, or more, are not left for renewals in this hour.
    renewal_refused: Option<i64>,
}

impl Purse {
    /// The points for this purpose.
    fn of(&mut self, purpose: Purpose) -> &mut i64 {
        match purpose {
            Purpose::Renewal => &mut self.renewal,
            Purpose::Person => &mut self.person,
        }
    }
}

impl Quota {
    /// With the limits of the settings.
    #[must_use]
    pub fn new(limits: JiraLimits, store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            limits,
            links: AtomicI64::new(-1),
            purse: tokio::sync::Mutex::default(),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> JiraLimits {
        self.limits
    }

    /// Notes how many links there are. They are counted each minute.
    pub fn serves(&self, links: i64) {
        self.links.store(links, Ordering::Relaxed);
    }

    /// How often each person is looked at where renewals write nothing to Jira. None until the links were counted, a
    /// minute after the start: before, nobody is looked at. Of a million links, most were not looked at within a day,
    /// and each start would take the points of an hour.
    #[must_use]
    pub fn looks_every(&self) -> Option<Seconds> {
        let links = self.links.load(Ordering::Relaxed);
        (links >= 0).then(|| self.limits.looks_every(links))
    }

    /// The points that all replicas took in this hour, and how many of them for renewals.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn taken(&self) -> Result<(i64, i64), Error> {
        let hour = self.clock.now().div_euclid(3600);
        self.store.points_taken(hour).await
    }

    /// Whether renewals have used so much of this hour that no points are left for looks: more than an eighth of all.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn is_scarce(&self) -> Result<bool, Error> {
        let (_, for_renewals) = self.taken().await?;
        Ok(for_renewals * 8 > self.limits.quota)
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

    /// Takes points from the database until the purse holds `points`, or fails if too few are left.
    async fn fill(&self, purse: &mut Purse, purpose: Purpose, points: i64) -> Result<bool, Error> {
        let (share, allotment) = match purpose {
            Purpose::Renewal if purse.renewal_refused.is_some_and(|most| points >= most) => {
                return Ok(false);
            }
            Purpose::Renewal => (
                Share::Renewals(self.limits.renewal),
                (self.limits.renewal / 200).clamp(1, 100),
            ),
            Purpose::Person => (
                Share::People(self.limits.people),
                (self.limits.people / 200).clamp(1, 10),
            ),
        };
        let mut taken = None;
        // Near the end, fewer points than an allotment may be left.
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
                if taken.is_none() {
                    purse.renewal_refused = Some(points);
                    if points == 1 {
                        tracing::warn!("Jira's points for renewals are used up until the hour");
                    }
                }
            }
            Purpose::Person => purse.person += taken.unwrap_or(0),
        }
        Ok(taken.is_some())
    }

    /// Pays for a call. False if too few points are left in this hour: the call must then wait for
    /// [`Quota::next_hour`].
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn pay(&self, purpose: Purpose, points: i64) -> Result<bool, Error> {
        let mut purse = self.purse().await;
        if *purse.of(purpose) < points && !self.fill(&mut purse, purpose, points).await? {
            return Ok(false);
        }
        *purse.of(purpose) -= points;
        Ok(true)
    }

    /// How many of `wanted` renewals may begin, while `under_way` others have not paid yet.
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
