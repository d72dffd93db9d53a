//! What an operator reads without asking: a summary of each minute in which something happened, and a
//! warning when there are more keys to renew than Jira's quota allows.

use std::time::Duration;

use tokio::sync::watch;

use crate::App;
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::figures::Tally;
use crate::forecast::{Forecast, Level, SAMPLE};
use crate::log::LINES_LOST;
use crate::model::StateName;
use crate::store::Figures;

/// How often there is a summary, in seconds.
const EVERY: Seconds = 60;
/// How often the quota is spoken about at most, in seconds.
const SAY_AGAIN: Seconds = 3600;
/// How often the clock is looked at.
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
    // Not at once: links are counted for it, and a start reads nothing whole.
    let mut summed_up_at = app.clock.now();
    let mut lost_before = LINES_LOST.get();
    loop {
        tokio::time::sleep(TICK).await;
        let now = app.clock.now();
        if now - summed_up_at >= EVERY {
            summed_up_at = now;
            // What was counted here is told even while the database is away.
            let figures = app.meters.counted(&app.store, now).await.ok();
            sum_up(&app.meters.take_tally(), figures.as_ref());
            let lost = LINES_LOST.get();
            if lost > lost_before {
                tracing::warn!(lines = lost - lost_before, "lines of this log were lost");
                lost_before = lost;
            }
            warner.look(app).await;
        }
    }
}

/// Writes the summary of what happened since the last one, at the end of the process. The database is not
/// asked: it may be away, and nobody waits for it now.
pub fn last_words(app: &App) {
    sum_up(&app.meters.take_tally(), None);
}

/// Nothing if nothing happened.
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

/// Speaks about the quota when something changes, and not too often.
#[derive(Debug, Default)]
struct Warner {
    said: Option<(Level, Seconds)>,
}

impl Warner {
    async fn look(&mut self, app: &App) {
        match self.forecast(app).await {
            Ok(Some(forecast)) => {
                app.meters.forecast(&forecast);
                self.say(&forecast, app.clock.now());
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "how much of Jira's quota renewal takes is not known");
            }
        }
    }

    async fn forecast(&self, app: &App) -> Result<Option<Forecast>, Error> {
        let figures = app.meters.counted(&app.store, app.clock.now()).await?;
        let lives = app.store.lives_of_some_keys(&app.random, SAMPLE).await?;
        let links = figures.links_in(StateName::Live);
        Ok(Forecast::new(links, &lives, app.quota.limits()))
    }

    fn say(&mut self, forecast: &Forecast, now: Seconds) -> bool {
        let level = forecast.level();
        // That there is enough goes without saying, unless there was not.
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
    use crate::config::JiraLimits;

    #[test]
    fn the_quota_is_spoken_about_when_it_changes_and_at_most_once_an_hour() {
        let limits = JiraLimits {
            quota: 65_000,
            renewal: 52_000,
            burst: 20,
        };
        let with = |links| Forecast::new(links, &[3600], limits).unwrap();
        let mut warner = Warner::default();
        assert!(!warner.say(&with(1000), 0), "enough goes without saying");
        assert!(warner.say(&with(40_000), 10), "when it changes");
        assert!(
            !warner.say(&with(41_000), 5000),
            "the same is not said again"
        );
        assert!(warner.say(&with(60_000), 5000));
        assert!(!warner.say(&with(1000), 5100), "not twice in an hour");
        assert!(warner.say(&with(1000), 8700));
        assert!(!warner.say(&with(1000), 90_000));
    }
}
