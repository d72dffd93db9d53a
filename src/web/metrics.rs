//! `/metrics`, on a separate address, in the Prometheus text format.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{TEXT_FORMAT, TextEncoder};

use crate::operate::gathering::Gathering;

/// The routes of the metrics address.
pub fn router(gathering: Arc<Gathering>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(gathering)
}

/// 200 whatever the database does.
async fn metrics(State(gathering): State<Arc<Gathering>>) -> Response {
    match TextEncoder::new().encode_to_string(&gathering.families().await) {
        Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
