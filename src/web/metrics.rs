//! `/metrics`, on a separate address, in the Prometheus text format.
//!
//! `App.registry` has what this process counts, which is served even while the database is away. What the database holds is counted for each request, into a
//! registry of its own (see [`figures`](crate::figures)).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio::time::timeout;

use crate::app::App;
use crate::error::Error;
use crate::figures::{fill, gauges};
use crate::gate::Stance;
use crate::meters::{Breaker, QuotaScope};
use crate::store::Figures;

/// How long the database may take to count: scrapers wait ten seconds by default.
const PATIENCE: Duration = Duration::from_secs(4);

/// The routes of the metrics address.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let now = app.parts.clock.now();
    let registry = Registry::new();
    // What this process counted is served whatever the database does.
    match timeout(PATIENCE, look(&app)).await {
        Ok(Ok(figures)) => fill(&registry, &figures),
        Ok(Err(error)) => {
            tracing::warn!(%error, "metrics are served without those of the database")
        }
        Err(_) => tracing::warn!(
            "metrics are served without those of the database, which does not answer in time"
        ),
    }
    let gates = gauges(
        &registry,
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
    let mut families = registry.gather();
    families.extend(app.registry.gather());
    match TextEncoder::new().encode_to_string(&families) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sets the meters of what all replicas share, and counts the database.
async fn look(app: &App) -> Result<Figures, Error> {
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
        .await
}
