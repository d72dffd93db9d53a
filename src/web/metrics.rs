//! `/metrics`, on an address of its own, in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use prometheus::TextEncoder;

use crate::App;
use crate::store::Figures;

/// The routes of the second address.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(app)
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match app.store.figures(app.clock.now()).await {
        Ok(figures) => {
            let mut text = text(&figures);
            if let Err(error) = TextEncoder::new().encode_utf8(&app.registry.gather(), &mut text) {
                tracing::error!(%error, "figures cannot be written");
            }
            ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
        }
        Err(error) => {
            error.log();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

fn text(figures: &Figures) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, samples: &[(String, i64)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value| [(String::new(), value)];
    let links: Vec<(String, i64)> = figures
        .links
        .iter()
        .map(|(state, count)| (format!("{{state=\"{state}\"}}"), *count))
        .collect();
    gauge("latchkey_links", "Links by state.", &links);
    gauge(
        "latchkey_links_due",
        "Live links whose renewal is due and not done.",
        &one(figures.due),
    );
    gauge(
        "latchkey_intents_unsettled",
        "Token requests whose outcome is not recorded.",
        &one(figures.unsettled),
    );
    if let Some(at) = figures.earliest_expiry {
        gauge(
            "latchkey_earliest_expiry_seconds",
            "When the first key that Jira holds runs out, in unix time.",
            &one(at),
        );
    }
    gauge(
        "latchkey_cleanup_left",
        "Revocations and deletions still to be done.",
        &one(figures.cleanup),
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_in_the_text_format() {
        let text = text(&Figures {
            links: vec![("live".to_owned(), 3)],
            due: 1,
            unsettled: 0,
            earliest_expiry: Some(1_795_298_400),
            cleanup: 2,
        });
        assert!(text.contains("\nlatchkey_links{state=\"live\"} 3\n"));
        assert!(text.contains("\nlatchkey_earliest_expiry_seconds 1795298400\n"));
        assert!(text.ends_with("latchkey_cleanup_left 2\n"));
    }
}
