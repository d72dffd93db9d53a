//! `/metrics`, on an address of its own, in the Prometheus text format.
//!
//! What this process counts stands in `App.registry`; what is kept is counted when somebody asks
//! ([`Meters::counted`](crate::figures::Meters::counted)), into a registry of that one answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use prometheus::{IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use crate::App;
use crate::error::Error;
use crate::figures::{QuotaScope, registered};
use crate::model::{AsideReason, LinkState, ParkReason, ReconnectReason};
use crate::store::{CleanupKind, Figures};

/// The routes of the second address.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let now = app.clock.now();
    let figures = match look(&app).await {
        Ok(figures) => figures,
        Err(error) => {
            error.log("");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let registry = Registry::new();
    fill(&registry, &figures);
    let gates = gauges(
        &registry,
        "latchkey_gate_closed_seconds",
        "How long this process will not call Jira or the service, as they have asked to wait.",
        &["gate"],
    );
    for (gate, opens_at) in [
        ("jira", app.jira_gate.opens_at()),
        ("service", app.service_gate.opens_at()),
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
            tracing::error!(%error, "figures cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Counts what is kept, and measures what all replicas share.
async fn look(app: &App) -> Result<Figures, Error> {
    app.meters.breaker(app.service_gate.look().await?);
    app.jira_gate.look().await?;
    let (taken, renewal) = app.quota.taken().await?;
    let limits = app.quota.limits();
    // What is taken for renewals is a part of all.
    let left = (limits.quota - taken).max(0);
    app.meters.quota(QuotaScope::App, taken, left);
    let left_for_renewal = (limits.renewal - renewal).clamp(0, left);
    app.meters
        .quota(QuotaScope::Renewal, renewal, left_for_renewal);
    app.meters.counted(&app.store, app.clock.now()).await
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

/// Writes the figures of the database.
fn fill(registry: &Registry, figures: &Figures) {
    let one = |name, help, value| {
        gauges(registry, name, help, &[])
            .with_label_values::<&str>(&[])
            .set(value);
    };
    let links = gauges(registry, "latchkey_links", "Links by state.", &["state"]);
    for (state, count) in &figures.links {
        links.with_label_values(&[state.as_str()]).set(*count);
    }
    let resting = gauges(
        registry,
        "latchkey_links_resting",
        "Links that are not renewed, by state and reason.",
        &["state", "reason"],
    );
    let aside = AsideReason::ALL.iter().copied().map(LinkState::Aside);
    let reconnect = ReconnectReason::ALL.iter().copied();
    let none = aside.chain(reconnect.map(LinkState::Reconnect));
    for (state, count) in none.map(|state| (state, 0)).chain(figures.resting.clone()) {
        resting
            .with_label_values(&[state.name().as_str(), state.reason()])
            .set(count);
    }
    one(
        "latchkey_links_due",
        "Live links whose renewal is due and not done.",
        figures.due,
    );
    one(
        "latchkey_links_past_due",
        "Live links whose renewal is due for more than a minute and not done.",
        figures.past_due,
    );
    one(
        "latchkey_links_failing",
        "Live links whose renewal has failed and is tried again.",
        figures.failing,
    );
    one(
        "latchkey_links_run_out",
        "Live links whose key in Jira has run out.",
        figures.run_out,
    );
    if let Some(at) = figures.earliest_expiry {
        one(
            "latchkey_earliest_expiry_seconds",
            "When the first of the keys in Jira runs out that have not, in unix time.",
            at,
        );
    }
    one(
        "latchkey_intents_unsettled",
        "Token requests whose outcome is not recorded.",
        figures.unsettled,
    );
    one(
        "latchkey_cleanup_left",
        "Revocations and deletions still to be done.",
        figures.cleanup,
    );
    let entries = gauges(
        registry,
        "latchkey_cleanup_entries",
        "The list of revocations and deletions by kind; held ones wait for another link of the account.",
        &["kind"],
    );
    let none = CleanupKind::ALL.iter().map(|kind| (*kind, 0));
    for (kind, count) in none.chain(figures.cleanup_entries.clone()) {
        entries.with_label_values(&[kind.as_str()]).set(count);
    }
    entries
        .with_label_values(&["held"])
        .set(figures.cleanup_held);
    let tenants = gauges(
        registry,
        "latchkey_tenants",
        "Tenants that have the app installed, by whether it is switched on there.",
        &["state"],
    );
    for (state, count) in [
        ("enabled", figures.tenants_enabled),
        ("disabled", figures.tenants_disabled),
    ] {
        tenants.with_label_values(&[state]).set(count);
    }
    let parked = gauges(
        registry,
        "latchkey_tenants_parked",
        "Tenants whose Jira is left alone for a while, by reason.",
        &["reason"],
    );
    for reason in ParkReason::ALL {
        parked.with_label_values(&[reason.as_str()]).set(0);
    }
    for (reason, count) in &figures.parked {
        parked.with_label_values(&[reason.as_str()]).add(*count);
    }
}
