//! All metrics of a process, for `/metrics`, or a collector.
//!
//! `App.registry` has what this process counts. What the database holds and what the system says of this
//! process is written each time, into a registry of its own (see [`figures`](crate::figures)).
//!
//! There are metrics whatever the database does: alerts about this process must work while the database is
//! away. Then the figures of the database are the last ones, and a gauge says how old they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Registry};
use tokio::sync::Mutex;

use crate::app::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::figures::{fill, gauges};
use crate::gate::Stance;
use crate::meters::{Breaker, QuotaScope};
use crate::process::Usage;

/// How long the database has for an answer. Prometheus waits for ten seconds unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// What those who gather at the same time share.
pub struct Gathering {
    app: Arc<App>,
    /// Held while the database is asked, so that questions do not pile up while it does not answer.
    asking: Arc<Mutex<()>>,
    /// Whether the database answered the last time.
    up: AtomicBool,
}

impl Gathering {
    /// The metrics of this process.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self {
            app,
            asking: Arc::default(),
            up: AtomicBool::new(true),
        }
    }

    /// All metrics as they are now.
    pub async fn families(&self) -> Vec<MetricFamily> {
        let up = self.database_answers().await;
        let app = &self.app;
        let now = app.parts.clock.now();
        let registry = Registry::new();
        of_database(app, &registry, up, now);
        of_gates(app, &registry, now);
        of_process(&registry, &Usage::now());
        let mut families = registry.gather();
        families.extend(app.registry.gather());
        families
    }

    /// Asks the database for all figures, and says whether it answered in time. A question that takes longer
    /// goes on, so that a later request has its answer.
    async fn database_answers(&self) -> bool {
        let (app, asking) = (self.app.clone(), self.asking.clone());
        let answered = tokio::time::timeout(PATIENCE, async move {
            let asking = asking.lock_owned().await;
            let question = tokio::spawn(async move {
                let _asking = asking;
                look(&app).await
            });
            question.await
        });
        let failed = match answered.await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(_)) => Some("a question to the database panicked".to_owned()),
            Err(_) => Some("the database did not answer in time".to_owned()),
        };
        let was_up = self.up.swap(failed.is_none(), Ordering::Relaxed);
        match (&failed, was_up) {
            (Some(error), true) => {
                tracing::warn!(%error, "the figures of the database cannot be counted: the metrics have older ones");
            }
            (None, false) => tracing::info!("the figures of the database can be counted again"),
            _ => {}
        }
        failed.is_none()
    }
}

/// Sets the meters of what all replicas share, and counts the database.
async fn look(app: &App) -> Result<(), Error> {
    app.parts
        .meters
        .breaker(match app.parts.service.gate().look().await? {
            Stance::Open => Breaker::Closed,
            Stance::Shut => Breaker::Open,
            Stance::HalfOpen => Breaker::Probing,
        });
    app.parts.jira.writes().look().await?;
    let (taken, renewal) = app.parts.jira.quota().taken().await?;
    let limits = app.parts.jira.quota().limits();
    let left = (limits.quota - taken).max(0);
    app.parts.meters.quota(QuotaScope::App, taken, left);
    let left_for_renewal = (limits.renewal - renewal).clamp(0, left);
    app.parts
        .meters
        .quota(QuotaScope::Renewal, renewal, left_for_renewal);
    app.counted
        .figures(&app.parts.store, app.parts.clock.now())
        .await?;
    Ok(())
}

/// The last count of the database, and this process's connections to it.
fn of_database(app: &App, registry: &Registry, up: bool, now: Seconds) {
    let gauge = |name, help, value| {
        gauges(registry, name, help, &[])
            .with_label_values::<&str>(&[])
            .set(value);
    };
    gauge(
        "latchkey_database_up",
        "1 if the database answered this request, else 0.",
        i64::from(up),
    );
    if let Some(count) = app.counted.last() {
        fill(registry, &count.figures);
        gauge(
            "latchkey_database_figures_age_seconds",
            "The age of the figures that were counted in the database.",
            (now - count.counted_at).max(0),
        );
    }
    let pool = app.parts.store.pool();
    gauge(
        "latchkey_database_connections_limit",
        "The most connections of this process to the database.",
        i64::from(pool.limit),
    );
    let connections = gauges(
        registry,
        "latchkey_database_connections",
        "Connections of this process to the database by state.",
        &["state"],
    );
    for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
        connections.with_label_values(&[state]).set(count.into());
    }
}

/// For how long Jira and the service are not called.
fn of_gates(app: &App, registry: &Registry, now: Seconds) {
    let gates = gauges(
        registry,
        "latchkey_gate_closed_seconds",
        "For how long this process does not call Jira or the service, because they asked to wait.",
        &["gate"],
    );
    for (gate, opens_at) in [
        ("jira", app.parts.jira.writes().opens_at()),
        ("service", app.parts.service.gate().opens_at()),
    ] {
        gates
            .with_label_values(&[gate])
            .set((opens_at - now).max(0));
    }
}

/// The figures that every program of Prometheus has, by the names that they have everywhere.
fn of_process(registry: &Registry, usage: &Usage) {
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
    let gauges = [
        (
            "process_open_fds",
            "Open file descriptors.",
            bytes(usage.open_descriptors),
        ),
        (
            "process_max_fds",
            "The most file descriptors that may be open.",
            bytes(usage.most_descriptors),
        ),
        (
            "process_resident_memory_bytes",
            "Memory in use.",
            bytes(usage.resident_memory),
        ),
        (
            "process_virtual_memory_bytes",
            "Address space in use.",
            bytes(usage.virtual_memory),
        ),
        (
            "process_start_time_seconds",
            "When the process started, in unix time.",
            usage.started_at,
        ),
    ];
    for (name, help, value) in gauges {
        if let (Some(value), Ok(gauge)) = (value, Gauge::new(name, help)) {
            gauge.set(value);
            registry.register(Box::new(gauge)).ok();
        }
    }
    let cpu = Counter::new(
        "process_cpu_seconds_total",
        "Time that processors spent on this process.",
    );
    if let Ok(cpu) = cpu {
        cpu.inc_by(usage.cpu_seconds);
        registry.register(Box::new(cpu)).ok();
    }
}
