//! The metrics that are collected from the database: [`Counted`] counts rows, [`fill`] names the metrics for
//! `/metrics`. What this process counts itself is in [`crate::meters`].

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntGaugeVec, Opts, Registry};

use crate::clock::Seconds;
use crate::error::Error;
use crate::meters;
use crate::model::{AsideReason, ParkReason, ReconnectReason};
use crate::store::{CleanupKind, Figures, ReportTrouble, Store};

/// A count of this many rows is kept for one second.
const ROWS_A_SECOND: i64 = 10_000;
/// No count is kept for longer, in seconds.
const KEPT_FOR: Seconds = 60;

/// A count of the database.
#[derive(Debug, Clone)]
pub struct Count {
    /// What was counted.
    pub figures: Figures,
    /// When it was counted, in Unix time.
    pub counted_at: Seconds,
}

impl Count {
    fn is_current(&self, now: Seconds) -> bool {
        // A clock that was ahead and is right again makes a count old, not current.
        let age = now - self.counted_at;
        (0..kept_for(self.figures.rows())).contains(&age)
    }
}

/// The figures of the database, counted no more often than needed. Clones share the last count.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Held while rows are counted, so that callers who ask at the same time share one count.
    counting: Arc<tokio::sync::Mutex<()>>,
    last: Arc<Mutex<Option<Count>>>,
}

impl Counted {
    /// The figures. A count is kept for a second for each [`ROWS_A_SECOND`] rows that it took, and for at
    /// most [`KEPT_FOR`].
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn figures(&self, store: &Store, now: Seconds) -> Result<Figures, Error> {
        let _counting = self.counting.lock().await;
        if let Some(count) = self.last()
            && count.is_current(now)
        {
            return Ok(count.figures);
        }
        let figures = store.figures(now).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Count {
            figures: figures.clone(),
            counted_at: now,
        });
        Ok(figures)
    }

    /// The last count, however old. It does not ask the database.
    #[must_use]
    pub fn last(&self) -> Option<Count> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

/// How many seconds a count of this many rows is kept.
fn kept_for(rows: i64) -> Seconds {
    (rows / ROWS_A_SECOND).min(KEPT_FOR)
}

/// A gauge for each value of `labels`.
pub fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    meters::gauges(registry, Opts::new(name, help), labels)
}

/// Writes the figures into `registry`, which has none of these yet.
pub fn fill(registry: &Registry, figures: &Figures) {
    fill_totals(registry, figures);
    fill_by_label(registry, figures);
    fill_resting(registry, figures);
    fill_unreported(registry, figures);
}

/// The figures that are one number each.
#[rustfmt::skip]
fn fill_totals(registry: &Registry, figures: &Figures) {
    let totals = [
        ("latchkey_links_due", "Live links whose renewal is due and not done.", Some(figures.due)),
        ("latchkey_links_past_due", "Live links whose renewal has been due for more than a minute.", Some(figures.past_due)),
        ("latchkey_links_failing", "Live links whose renewal has failed and is tried again.", Some(figures.failing)),
        ("latchkey_links_run_out", "Live links whose key in Jira has run out.", Some(figures.run_out)),
        ("latchkey_earliest_expiry_seconds", "When the first key in Jira that has not run out runs out, in unix time.", figures.earliest_expiry),
        ("latchkey_intents_unsettled", "Token requests whose outcome is not recorded, those that are about to be sent among them.", Some(figures.unsettled)),
        ("latchkey_cleanup_left", "Revocations and deletions still to be done.", Some(figures.cleanup)),
        ("latchkey_webhooks_oldest_seconds", "For how long the oldest message has waited that the vendor's receiver has still to take.", Some(figures.outbox.oldest)),
        ("latchkey_webhooks_receiver_gone", "1 if the vendor's receiver answered 410, so that nothing is sent to it any more.", Some(figures.outbox.is_gone.into())),
    ];
    for (name, help, total) in totals {
        if let Some(total) = total {
            gauges(registry, name, help, &[]).with_label_values::<&str>(&[]).set(total);
        }
    }
}

/// The figures that one label tells apart. Where all its values are known, each exists, at zero or more.
fn fill_by_label(registry: &Registry, figures: &Figures) {
    let count = |name, help, label, zeros: Vec<&str>, counts: Vec<(&str, i64)>| {
        let gauges = gauges(registry, name, help, &[label]);
        let zeros = zeros.into_iter().map(|word| (word, 0));
        for (word, count) in zeros.chain(counts) {
            gauges.with_label_values(&[word]).add(count);
        }
    };
    let parked = figures.parked.iter();
    count(
        "latchkey_links",
        "Links by state.",
        "state",
        Vec::new(),
        figures
            .links
            .iter()
            .map(|(state, count)| (state.as_str(), *count))
            .collect(),
    );
    count(
        "latchkey_cleanup_entries",
        "Revocations and deletions by kind. Held ones wait for another link of the account.",
        "kind",
        CleanupKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        figures
            .cleanup_entries
            .iter()
            .map(|(kind, count)| (kind.as_str(), *count))
            .chain([("held", figures.cleanup_held)])
            .collect(),
    );
    count(
        "latchkey_tenants",
        "Tenants that have the app installed, by whether it is enabled there.",
        "state",
        Vec::new(),
        vec![
            ("enabled", figures.tenants_enabled),
            ("disabled", figures.tenants_disabled),
        ],
    );
    count(
        "latchkey_tenants_by_door",
        "Tenants that have the app installed, by the door they come through. Those of Connect are still to move.",
        "door",
        Vec::new(),
        vec![
            ("connect", figures.tenants_by_connect),
            ("forge", figures.tenants_by_forge),
        ],
    );
    count(
        "latchkey_tenants_silent",
        "Tenants of Forge about which it does not call: their system token has run out, or Atlassian does not find them.",
        "state",
        Vec::new(),
        vec![
            ("no_token", figures.tenants_without_token),
            ("missing", figures.tenants_missing),
        ],
    );
    count(
        "latchkey_webhooks",
        "Messages for the vendor's receiver: those that it has still to take, and those that it did not take within a day.",
        "state",
        Vec::new(),
        vec![
            ("waiting", figures.outbox.waiting),
            ("given_up", figures.outbox.given_up),
        ],
    );
    count(
        "latchkey_tenants_parked",
        "Tenants whose Jira is not called for a while, by reason.",
        "reason",
        ParkReason::ALL.iter().map(|why| why.as_str()).collect(),
        parked.map(|(why, count)| (why.as_str(), *count)).collect(),
    );
}

/// Tenants whose accounts are not reported to Atlassian, by reason. Each known reason exists, at zero or more.
fn fill_unreported(registry: &Registry, figures: &Figures) {
    let unreported = gauges(
        registry,
        "latchkey_tenants_unreported",
        "Tenants whose accounts are not reported to Atlassian for now, by reason.",
        &["reason"],
    );
    for why in ReportTrouble::ALL {
        unreported.with_label_values(&[why.as_str()]).set(0);
    }
    for (why, count) in &figures.unreported {
        unreported.with_label_values(&[why.as_str()]).set(*count);
    }
}

/// Links that are not renewed, by state and reason. Each known reason exists, at zero or more.
fn fill_resting(registry: &Registry, figures: &Figures) {
    let resting = gauges(
        registry,
        "latchkey_links_resting",
        "Links that are not renewed, by state and reason.",
        &["state", "reason"],
    );
    for why in AsideReason::ALL {
        resting.with_label_values(&["aside", why.as_str()]).set(0);
    }
    for why in ReconnectReason::ALL {
        resting
            .with_label_values(&["reconnect", why.as_str()])
            .set(0);
    }
    for (state, count) in &figures.resting {
        let labels = [state.name().as_str(), state.reason()];
        resting.with_label_values(&labels).set(*count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_many_rows_is_kept_for_a_while() {
        // A small count is never kept, so its figures are always current.
        assert_eq!(kept_for(9_999), 0);
        assert_eq!(kept_for(150_000), 15);
        assert_eq!(kept_for(1_000_000), 60);
        assert_eq!(kept_for(i64::MAX), 60);
    }
}
