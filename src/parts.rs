//! The parts that the verbs use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::atlassian::forge::presence::Presence;
use crate::atlassian::jira::Jira;
use crate::clock::{Clock, Seconds};
use crate::keys::Keys;
use crate::meters::Meters;
use crate::random::Random;
use crate::service::Service;
use crate::store::Store;
use crate::webhooks::Webhooks;

/// The parts that linking, renewing and cleaning up share. Clones share the same parts.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// The database.
    pub store: Store,
    /// Calls to tenants' Jira.
    pub jira: Arc<Jira>,
    /// Asks about installations of the Forge app, if that door is open.
    pub presence: Option<Presence>,
    /// Calls to the service.
    pub service: Arc<Service>,
    /// Keys that Latchkey signs.
    pub keys: Arc<Keys>,
    /// Messages to the vendor's receiver, if there is one.
    pub webhooks: Option<Webhooks>,
    /// Metrics of this process.
    pub meters: Meters,
    /// Wakes the worker that renews, before its next tick.
    pub wake: Arc<Notify>,
    /// Wakes the worker that cleans up, before its next tick.
    pub wake_cleanup: Arc<Notify>,
    /// For how many seconds what happened at a site is kept.
    pub events_kept: Seconds,
    /// When the loops last completed a turn.
    pub rounds: Arc<Rounds>,
}

/// One of the two loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The loop that claims and renews.
    Renewals,
    /// The loop that cleans up.
    Cleanup,
}

/// When the loops last completed a turn without an error, by the machine's monotonic clock.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<[Option<Instant>; 2]>);

impl Rounds {
    /// This loop has completed a turn.
    pub fn turned(&self, round: Round) {
        let mut turned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turned[round as usize] = Some(Instant::now());
    }

    /// Whether this loop has completed no turn within `lately`.
    #[must_use]
    pub fn stands(&self, round: Round, now: Instant, lately: Duration) -> bool {
        let turned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turned[round as usize].is_none_or(|at| now.saturating_duration_since(at) > lately)
    }
}

/// What was said last, so that the log has each change once.
#[derive(Debug, Default)]
pub struct LastSaid(Mutex<Option<String>>);

impl LastSaid {
    /// Whether this is not what was said last. It is from now on.
    pub fn changes(&self, now: Option<String>) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = *said != now;
        *said = now;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_has_not_turned_lately_is_named() {
        let (rounds, minute) = (Rounds::default(), Duration::from_secs(60));
        let now = Instant::now();
        assert!(rounds.stands(Round::Renewals, now, minute));
        rounds.turned(Round::Renewals);
        assert!(!rounds.stands(Round::Renewals, now, minute));
        assert!(rounds.stands(Round::Cleanup, now, minute));
        let later = Instant::now() + minute + Duration::from_secs(1);
        assert!(rounds.stands(Round::Renewals, later, minute));
    }
}
