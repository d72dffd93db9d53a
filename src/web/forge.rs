//! What Forge itself calls: on a schedule, after an installation, and before the app is uninstalled.
//!
//! What the bodies say is not read: the token says which installation calls. Any of these calls, and any call of a
//! page, makes the installation known, so it does not matter which comes first, twice or never.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::extract::{CalledAt, FromForge, SmallBody};
use crate::app::App;
use crate::atlassian::forge::Endpoint;
use crate::cleanup;
use crate::error::Error;

/// The endpoint of `/forge/tick`.
pub struct Tick;

/// The endpoint of `/forge/lifecycle`.
pub struct Lifecycle;

/// The endpoint of `/forge/leaving`.
pub struct Leaving;

impl CalledAt for Tick {
    const ENDPOINT: Endpoint = Endpoint::Tick;
}

impl CalledAt for Lifecycle {
    const ENDPOINT: Endpoint = Endpoint::Lifecycle;
}

impl CalledAt for Leaving {
    const ENDPOINT: Endpoint = Endpoint::Leaving;
}

/// `POST /forge/tick` brings the system token of the next hours; `POST /forge/lifecycle` says that the app was
/// installed, or upgraded by a major version, and may bring one too.
pub async fn arrives<E: CalledAt>(
    State(app): State<Arc<App>>,
    FromForge { tenant, .. }: FromForge<E>,
    _: SmallBody,
) -> StatusCode {
    if tenant.is_some() {
        // What waited for a token goes on.
        app.parts.wake.notify_one();
    }
    StatusCode::NO_CONTENT
}

/// `POST /forge/leaving`: while Jira still takes the app's calls, the keys are deleted there; then everything the
/// tenant had ends.
pub async fn leaving(
    State(app): State<Arc<App>>,
    FromForge { tenant, .. }: FromForge<Leaving>,
    _: SmallBody,
) -> Result<StatusCode, Error> {
    if let Some(tenant) = tenant {
        cleanup::leave(&app.parts, &tenant).await?;
        tracing::info!(tenant = %tenant.client_key, "the app was uninstalled");
    }
    Ok(StatusCode::NO_CONTENT)
}
