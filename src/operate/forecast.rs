//! How much of Jira's hourly quota renewals need: a warning before keys run out, not after.
//!
//! Atlassian gives an app 65,000 points an hour over all its tenants, and writing a user property costs
//! one. So the number of links and the life of their keys decide whether all keys can be renewed: a hundred
//! thousand links need keys that live 2.9 hours or more, a million need 29 hours.
//!
//! Where the property holds a handle, a renewal writes nothing, and each person is looked at once a day or as often
//! as the quota allows. Then keys of any life can be renewed.

use crate::atlassian::jira::quota::{DAY, JiraLimits, POINTS_A_LOOK};
use crate::clock::Seconds;
use crate::keys::property::PropertyMode;

/// Points for a renewal: one write of the property.
const POINTS_A_RENEWAL: f64 = 1.0;
/// The part of a key's life after which it is renewed, without jitter.
const RENEWED_AFTER: f64 = 2.0 / 3.0;
/// How many keys' lives are read.
pub const SAMPLE: i64 = 1000;

/// Whether the quota is enough for renewals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Every key is renewed in time.
    Enough,
    /// Keys are renewed later than planned, with less of their life left. None runs out unless something
    /// fails.
    Late,
    /// Keys run out. Those that expire first are renewed first, and the others wait.
    RunOut,
}

/// What renewals need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Live links.
    pub links: i64,
    /// The life of a key in seconds: if all keys lived that long, they would need as many renewals.
    pub life: f64,
    /// What costs points.
    pub costs: Costs,
    /// The limits.
    pub limits: JiraLimits,
}

/// What costs points of Jira's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Costs {
    /// Each renewal, which writes its key to Jira.
    Renewals,
    /// Only the looks at people, each with their handle put again.
    Looks,
}

impl Costs {
    /// By what the property holds.
    #[must_use]
    pub fn of(property: &PropertyMode) -> Self {
        match property.changes_with_renewals() {
            true => Self::Renewals,
            false => Self::Looks,
        }
    }
}

impl Forecast {
    /// The forecast for `links` whose keys live as long as `lives`. None if either is empty.
    #[must_use]
    pub fn new(links: i64, lives: &[Seconds], costs: Costs, limits: JiraLimits) -> Option<Self> {
        if links <= 0 || lives.is_empty() {
            return None;
        }
        // Short lives count for more: a key that lives half as long needs twice the renewals.
        let rates: f64 = lives.iter().map(|life| 1.0 / (*life).max(1) as f64).sum();
        Some(Self {
            links,
            life: lives.len() as f64 / rates,
            costs,
            limits,
        })
    }

    /// Points an hour that renewals need if each key is renewed at its planned time.
    #[must_use]
    pub fn points_an_hour(&self) -> f64 {
        let (points, every) = match self.costs {
            Costs::Renewals => (POINTS_A_RENEWAL, self.life * RENEWED_AFTER),
            Costs::Looks => (
                POINTS_A_LOOK as f64,
                self.limits.looks_every(self.links) as f64,
            ),
        };
        self.links as f64 * points * 3600.0 / every
    }

    /// The same as a part of what renewals may use. Beyond 1 they need more than that.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.points_an_hour() / self.limits.renewal as f64
    }

    /// Beyond this many links with such keys, renewals come late.
    #[must_use]
    pub fn links_in_time(&self) -> i64 {
        (self.limits.renewal as f64 / POINTS_A_RENEWAL * self.life * RENEWED_AFTER / 3600.0) as i64
    }

    /// Beyond this many links with such keys, keys run out: there are not enough points for one renewal in
    /// each life.
    #[must_use]
    pub fn links_at_all(&self) -> i64 {
        (self.limits.renewal as f64 / POINTS_A_RENEWAL * self.life / 3600.0) as i64
    }

    /// How many hours keys have to live for this many links to be renewed in time.
    #[must_use]
    pub fn hours_needed(&self) -> f64 {
        self.links as f64 * POINTS_A_RENEWAL / self.limits.renewal as f64 / RENEWED_AFTER
    }

    /// Whether the quota is enough.
    #[must_use]
    pub fn level(&self) -> Level {
        if self.costs == Costs::Looks {
            return Level::Enough;
        }
        if self.links > self.links_at_all() {
            Level::RunOut
        } else if self.links > self.links_in_time() {
            Level::Late
        } else {
            Level::Enough
        }
    }

    /// The forecast in two sentences.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { links, limits, .. } = self;
        let hours = self.life / 3600.0;
        let points = self.points_an_hour();
        let percent = self.ratio() * 100.0;
        let allowed = limits.renewal;
        if self.costs == Costs::Looks {
            let every = limits.looks_every(*links) / 3600;
            let why = match every * 3600 > DAY {
                true => ", which is as often as the quota allows",
                false => "",
            };
            return format!(
                "{links} links with keys of {hours:.1} h: a renewal writes nothing to Jira, so every key is \
                 renewed in time. Each person is looked at every {every} h{why}; that takes {points:.0} of the \
                 {allowed} points an hour that renewal may use of Jira's quota ({percent:.0} %)"
            );
        }
        let in_time = self.links_in_time();
        let at_all = self.links_at_all();
        let needed = self.hours_needed();
        let what = match self.level() {
            Level::Enough => "every key is renewed in time",
            Level::Late => "keys are renewed later than planned",
            Level::RunOut => "keys run out; those that end first are renewed first",
        };
        format!(
            "{links} links with keys of {hours:.1} h take {points:.0} of the {allowed} points an hour \
             that renewal may use of Jira's quota ({percent:.0} %): {what}. With such keys, renewals come \
             late from {in_time} links on and keys run out from {at_all} on; this many links need keys of \
             {needed:.1} h or more"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JiraLimits = JiraLimits {
        quota: 65_000,
        renewal: 52_000,
        people: 13_000,
        burst: 20,
    };

    fn forecast(links: i64, hours: f64) -> Forecast {
        let lives = [(hours * 3600.0) as Seconds];
        Forecast::new(links, &lives, Costs::Renewals, LIMITS).unwrap()
    }

    /// By Atlassian's limits a hundred thousand links need keys of 2.9 hours, a million need 29 hours.
    #[test]
    fn r9_the_lives_that_many_links_need_are_those_that_are_published() {
        assert_eq!(
            format!("{:.1}", forecast(100_000, 1.0).hours_needed()),
            "2.9"
        );
        assert_eq!(
            format!("{:.0}", forecast(1_000_000, 1.0).hours_needed()),
            "29"
        );
        assert_eq!(forecast(100_000, 2.9).level(), Level::Enough);
        assert_eq!(forecast(100_000, 2.8).level(), Level::Late);
        assert_eq!(forecast(1_000_000, 29.0).level(), Level::Enough);
        assert_eq!(forecast(1_000_000, 28.8).level(), Level::Late);
    }

    #[test]
    fn keys_run_out_when_not_even_one_renewal_in_a_life_fits() {
        let hourly = |links| forecast(links, 1.0);
        assert_eq!(hourly(34_600).level(), Level::Enough);
        assert_eq!(hourly(35_000).level(), Level::Late);
        assert_eq!(hourly(52_000).level(), Level::Late);
        assert_eq!(hourly(52_001).level(), Level::RunOut);
        assert_eq!(hourly(1).links_at_all(), 52_000);
        assert_eq!(hourly(1).links_in_time(), 34_666);
        assert!((hourly(52_000).ratio() - 1.5).abs() < 1e-9);
        let words = hourly(60_000).words();
        assert!(words.contains("60000 links with keys of 1.0 h take 90000 of the 52000"));
        assert!(words.contains("(173 %): keys run out;"), "{words}");
        assert!(words.contains("keys run out from 52000 on"), "{words}");
    }

    #[test]
    fn short_lives_count_by_how_often_they_are_renewed() {
        // One of an hour and one of two take 3 renewals in two lives of an hour: 4/3 hours each.
        let both = Forecast::new(2, &[3600, 7200], Costs::Renewals, LIMITS).unwrap();
        assert!((both.life - 4800.0).abs() < 1e-6);
        assert!(Forecast::new(0, &[3600], Costs::Renewals, LIMITS).is_none());
        assert!(Forecast::new(5, &[], Costs::Renewals, LIMITS).is_none());
    }
    #[test]
    fn r9_with_a_handle_a_million_links_with_keys_of_an_hour_fit_into_the_quota() {
        let with_handle = |links| Forecast::new(links, &[3600], Costs::Looks, LIMITS).unwrap();
        let million = with_handle(1_000_000);
        assert_eq!(million.level(), Level::Enough);
        assert!(million.points_an_hour() <= 39_001.0, "{million:?}");
        let words = million.words();
        assert!(words.contains("looked at every 102 h, which is"), "{words}");
        assert!(words.contains("39000 of the 52000 points"), "{words}");
        // Up to so many each day; a small deployment costs next to nothing.
        assert_eq!(LIMITS.looks_every(234_000), DAY);
        assert!(LIMITS.looks_every(234_100) > DAY);
        let few = with_handle(1000).words();
        assert!(few.contains("every 24 h; that takes 167 of"), "{few}");
        assert_eq!(LIMITS.looks_every(i64::MAX), i64::MAX / 39_000);
        let none = JiraLimits::new(1, 80, 20);
        assert!(none.looks_every(0) == DAY && none.looks_every(100) == 1_440_000);
    }
}
