//! Endpoints that ask to be left alone for a while.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::Seconds;
use crate::outbound::{Answer, LONGEST_WAIT};

/// Until when an endpoint asks not to be called, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Rest(AtomicI64);

impl Rest {
    /// How long it is still left alone. None: it may be called. A clock that was ahead for a moment does not
    /// make it longer.
    pub(super) fn left(&self, now: Seconds) -> Option<Seconds> {
        let left = self.0.load(Ordering::SeqCst).saturating_sub(now);
        (1..=LONGEST_WAIT).contains(&left).then_some(left)
    }

    /// Obeys an answer that is no success. Returns for how long it asks.
    pub(super) fn obey(&self, answer: &Answer, now: Seconds) -> Option<Seconds> {
        let asked = answer.retry_after(now)?;
        self.0.store(now + asked, Ordering::SeqCst);
        Some(asked)
    }
}
