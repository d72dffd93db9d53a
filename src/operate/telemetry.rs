//! Sends metrics to a collector now and then.

use std::time::Duration;

use tokio::sync::watch;

use super::gathering::Gathering;
use crate::clock::{Clock, Seconds};
use crate::otlp::Otlp;

/// How long the last report may take.
const LAST: Duration = Duration::from_secs(1);

/// Sends all metrics each `every` seconds until `stop` turns true, and then once more.
pub async fn run(
    otlp: Otlp,
    gathering: &Gathering,
    clock: Clock,
    every: Seconds,
    mut stop: watch::Receiver<bool>,
) {
    let began = clock.now();
    let report = async || {
        otlp.send_metrics(&gathering.families().await, began, clock.now())
            .await
    };
    let every = Duration::from_secs(every.unsigned_abs());
    // A sender that is gone asks to stop as well.
    while tokio::time::timeout(every, stopped(&mut stop))
        .await
        .is_err()
    {
        report().await;
    }
    tokio::time::timeout(LAST, report()).await.ok();
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}
