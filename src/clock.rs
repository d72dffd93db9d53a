//! The time, passed in: the system's clock, or one that a test moves.
//!
//! Every deadline in Latchkey is a whole second since the Unix epoch, the unit of JWTs, OAuth answers and the
//! database. No other code asks the system for the time.
//!
//! Replicas share one clock, their database server's: a machine with another time corrects its clock by the
//! difference ([`Clock::correct`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since the Unix epoch.
pub type Seconds = i64;

/// Milliseconds since the Unix epoch, or between two moments: for calls that are spread over a second.
pub type Millis = i64;

/// Tells the time. Clones share the clock.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The correction of the machine's clock, in milliseconds.
    System(Arc<AtomicI64>),
    /// How far a test has moved the clock ahead, in milliseconds.
    Moved(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System(Arc::new(AtomicI64::new(0))))
    }

    /// The clock of a machine that is so many seconds ahead of all others, or behind them if negative.
    #[must_use]
    pub fn wrong_by(seconds: Seconds) -> Self {
        Self(Source::System(Arc::new(AtomicI64::new(seconds * 1000))))
    }

    /// A clock that runs like the machine's and that [`Clock::advance`] moves ahead.
    #[must_use]
    pub fn movable() -> Self {
        Self(Source::Moved(Arc::new(AtomicI64::new(0))))
    }

    /// Now, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Seconds {
        self.millis().div_euclid(1000)
    }

    /// Now, in milliseconds since the Unix epoch.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for the time"
    )]
    pub fn millis(&self) -> Millis {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
            });
        let (Source::System(ahead) | Source::Moved(ahead)) = &self.0;
        now.saturating_add(ahead.load(Ordering::SeqCst))
    }

    /// Corrects the machine's clock, in all clones, by so many milliseconds. A clock that a test moves is
    /// right by definition: it stays, and the result is false.
    pub fn correct(&self, by: Millis) -> bool {
        match &self.0 {
            Source::System(ahead) => {
                ahead.fetch_add(by, Ordering::SeqCst);
                true
            }
            Source::Moved(_) => false,
        }
    }

    /// Moves a movable clock ahead; the system's stays as it is.
    pub fn advance(&self, seconds: Seconds) {
        if let Source::Moved(ahead) = &self.0 {
            ahead.fetch_add(seconds * 1000, Ordering::SeqCst);
        }
    }
}

/// `2026-11-21T22:00:00Z`: the format of times in JSON (RFC 3339, UTC, whole seconds).
#[must_use]
pub fn rfc3339(at: Seconds) -> String {
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        // Only years beyond 9999 cannot be formatted.
        .unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

/// Reads an RFC 3339 time, with any offset, as seconds.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Seconds> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
}

/// Reads a date of HTTP in any of its three forms (RFC 9110 section 5.6.7), as seconds. A year of two digits is
/// one from 1970 to 2069.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Seconds> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (day, month, year, time) = match *words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, month, year, time, "GMT" | "UTC"] => (day, month, year, time),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, time, "GMT" | "UTC"] => {
            let mut parts = date.splitn(3, '-');
            (parts.next()?, parts.next()?, parts.next()?, time)
        }
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let number = |text: &str| {
        let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let small = |text: &str| u8::try_from(number(text)?).ok();
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let month = time::Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let year = match (number(year)?, year.len()) {
        (short @ 70.., 2) => 1900 + short,
        (short, 2) => 2000 + short,
        (year, 4) => year,
        _ => return None,
    };
    let date = time::Date::from_calendar_date(year.into(), month, small(day)?).ok()?;
    let mut parts = time.splitn(3, ':').map(small);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the end of its minute.
    let time = date.with_hms(hour, minute, second.min(59)).ok()?;
    (second <= 60).then(|| time.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f9_dates_of_http_are_read_in_each_form() {
        let same = 1_795_838_520;
        for text in [
            "Sat, 28 Nov 2026 04:02:00 GMT",
            "Saturday, 28-Nov-26 04:02:00 GMT",
            "Sat Nov 28 04:02:00 2026",
            "sat, 28 nov 2026 04:02:00 GMT",
        ] {
            assert_eq!(parse_http_date(text), Some(same), "{text}");
        }
        for text in ["Sun Nov  6 08:49:37 1994", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(parse_http_date(text), Some(784_111_777), "{text}");
        }
        assert_eq!(
            parse_http_date("Thu, 31 Dec 2026 23:59:60 GMT"),
            parse_http_date("Thu, 31 Dec 2026 23:59:59 GMT")
        );
        for nonsense in [
            "",
            "GMT",
            "28 Nov 2026",
            "Sat, 28 Nov 2026 04:02:00 CET",
            "Sat, 28 Nov 2026 4 GMT",
            "Sat, 28 Nov 2026 24:00:00 GMT",
            "Sat, 28 Nov 2026 04:02:61 GMT",
            "Sat, 00 Nov 2026 04:02:00 GMT",
            "Sat, 28 Nev 2026 04:02:00 GMT",
            "Sat, 28 Nov +026 04:02:00 GMT",
            "Sat, 28-11-26 04:02:00 GMT",
        ] {
            assert_eq!(parse_http_date(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn times_are_written_and_read_back() {
        assert_eq!(rfc3339(1_795_298_400), "2026-11-21T22:00:00Z");
        assert_eq!(
            parse_rfc3339("2026-11-21T23:00:00+01:00"),
            Some(1_795_298_400)
        );
        assert_eq!(parse_rfc3339("tomorrow"), None);
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn only_a_movable_clock_is_moved_and_with_it_its_copies() {
        let (system, movable) = (Clock::system(), Clock::movable());
        let copy = movable.clone();
        system.advance(1000);
        movable.advance(1000);
        assert!((995..=1005).contains(&(copy.now() - system.now())));
    }

    #[test]
    fn only_a_machines_clock_is_corrected_and_with_it_its_copies() {
        let (wrong, movable) = (Clock::wrong_by(3600), Clock::movable());
        let copy = wrong.clone();
        let off = copy.now() - Clock::system().now();
        assert!((3595..=3605).contains(&off), "{off}");
        assert!(wrong.correct(-3_600_000));
        assert!(!movable.correct(-3_600_000));
        for right in [copy, movable] {
            let off = right.now() - Clock::system().now();
            assert!((-5..=5).contains(&off), "{off}");
        }
    }
}
