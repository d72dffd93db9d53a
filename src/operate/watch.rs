//! Writes for the operator, in the log: a summary of each minute in which something happened, and a warning
//! when there are more keys to renew than Jira's quota allows.

use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::log::LINES_LOST;
use crate::meters::Tally;
use crate::model::StateName;
use crate::operate::forecast::{Costs, Forecast, Level, SAMPLE};
use crate::store::Figures;

/// Seconds between two summaries.
const EVERY: Seconds = 60;
/// Fewest seconds between two messages about the quota.
const SAY_AGAIN: Seconds = 3600;
/// How often the clock is checked.
const TICK: Duration = Duration::from_secs(1);

/// Sums up and warns until `stop` turns true.
pub async fn run(app: &App, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = watch(app) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn watch(app: &App) {
    let mut warner = Warner::default();
    // The first summary is a minute away: it counts all links, and a start should not.
    let mut summed_up_at = app.parts.clock.now();
    let mut lost_before = LINES_LOST.get();
    loop {
        tokio::time::sleep(TICK).await;
        let now = app.parts.clock.now();
        if (now - summed_up_at).abs() >= EVERY {
            summed_up_at = now;
            // What this process counted is logged even while the database is unavailable.
            let figures = app.counted.figures(&app.parts.store, now).await.ok();
            sum_up(&app.parts.meters.take_tally(), figures.as_ref());
            let lost = LINES_LOST.get();
            if lost > lost_before {
                tracing::warn!(lines = lost - lost_before, "lines of this log were lost");
                lost_before = lost;
            }
            warner.look(app).await;
        }
    }
}

/// Logs the last summary, at the end of the process. It does not ask the database, which may be unavailable:
/// the process should not wait for it now.
pub fn last_words(app: &App) {
    sum_up(&app.parts.meters.take_tally(), None);
}

/// Logs the summary, if anything happened.
fn sum_up(tally: &Tally, figures: Option<&Figures>) {
    if tally.is_empty() {
        return;
    }
    let failed: u64 = tally.failed.values().sum();
    let kinds: Vec<String> = tally
        .failed
        .iter()
        .map(|(kind, count)| format!("{kind}={count}"))
        .collect();
    let earliest_expiry = figures.and_then(|figures| figures.earliest_expiry);
    tracing::info!(
        renewed = tally.renewed,
        failed,
        kinds = (failed > 0).then(|| kinds.join(" ")),
        due = figures.map(|figures| figures.due),
        past_due = figures.map(|figures| figures.past_due),
        failing = figures.map(|figures| figures.failing),
        run_out = figures.map(|figures| figures.run_out),
        earliest_expiry = earliest_expiry.map(rfc3339),
        "renewals since the last summary"
    );
}

/// Logs whether the quota is enough when that changes, and not too often.
#[derive(Debug, Default)]
struct Warner {
    said: Option<(Level, Seconds)>,
}

impl Warner {
    async fn look(&mut self, app: &App) {
        match self.forecast(app).await {
            Ok(Some(forecast)) => {
                app.parts.meters.quota_needed(forecast.ratio());
                self.say(&forecast, app.parts.clock.now());
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "it is not known how much of Jira's quota renewals need");
            }
        }
    }

    async fn forecast(&self, app: &App) -> Result<Option<Forecast>, Error> {
        let (store, now) = (&app.parts.store, app.parts.clock.now());
        let figures = app.counted.figures(store, now).await?;
        let lives = store.lives_of_some_keys(&app.parts.random, SAMPLE).await?;
        let links = figures.links_in(StateName::Live);
        app.parts.jira.quota().serves(links);
        let limits = app.parts.jira.quota().limits();
        let costs = Costs::of(&app.parts.keys.property);
        Ok(Forecast::new(links, &lives, costs, limits))
    }

    fn say(&mut self, forecast: &Forecast, now: Seconds) -> bool {
        let level = forecast.level();
        // That the quota is enough is only logged if it was not enough before.
        let (before, said_at) = self.said.unwrap_or((Level::Enough, now - SAY_AGAIN));
        if level == before || now - said_at < SAY_AGAIN {
            return false;
        }
        self.said = Some((level, now));
        let words = forecast.words();
        if level == Level::Enough {
            tracing::info!("Jira's quota is enough again: {words}");
        } else {
            tracing::warn!("Jira's quota is too small: {words}");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atlassian::jira::quota::JiraLimits;

    #[test]
    fn a_change_of_the_quota_is_logged_at_most_once_an_hour() {
        let limits = JiraLimits {
            quota: 65_000,
            renewal: 52_000,
            people: 13_000,
            burst: 20,
        };
        let with = |links| Forecast::new(links, &[3600], Costs::Renewals, limits).unwrap();
        let mut warner = Warner::default();
        assert!(!warner.say(&with(1000), 0), "enough is not logged");
        assert!(warner.say(&with(40_000), 10), "when it changes");
        assert!(
            !warner.say(&with(41_000), 5000),
            "the same is not logged again"
        );
        assert!(warner.say(&with(60_000), 5000));
        assert!(!warner.say(&with(1000), 5100), "not twice in an hour");
        assert!(warner.say(&with(1000), 8700));
        assert!(!warner.say(&with(1000), 90_000));
    }
}
