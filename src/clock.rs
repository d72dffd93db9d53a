//! The time, passed in: the system's clock, or one that a test moves.
//!
//! Every deadline in Latchkey is a whole second since the Unix epoch, because that is what JWTs, OAuth
//! answers and the database speak. Nothing else in the crate asks the system for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since the Unix epoch.
pub type Seconds = i64;

/// Tells the time. Cloning it shares the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Moved(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that goes like the machine's and that [`Clock::advance`] moves ahead.
    #[must_use]
    pub fn movable() -> Self {
        Self(Source::Moved(Arc::new(AtomicI64::new(0))))
    }

    /// Now, in seconds since the Unix epoch.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for the time"
    )]
    pub fn now(&self) -> Seconds {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                Seconds::try_from(since.as_secs()).unwrap_or(Seconds::MAX)
            });
        match &self.0 {
            Source::System => now,
            Source::Moved(ahead) => now + ahead.load(Ordering::SeqCst),
        }
    }

    /// Moves a movable clock ahead; the system's stays as it is.
    pub fn advance(&self, seconds: Seconds) {
        if let Source::Moved(ahead) = &self.0 {
            ahead.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

/// `2026-11-21T22:00:00Z`: how times are written in JSON (RFC 3339, UTC, whole seconds).
#[must_use]
pub fn rfc3339(at: Seconds) -> String {
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        // Only years beyond 9999 cannot be written; such a key outlives everybody who asks.
        .unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

/// Reads an RFC 3339 time, with any offset, as seconds.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Seconds> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
