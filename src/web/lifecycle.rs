//! What Atlassian tells about installations. Anything but 200 or 204 to `installed` fails the
//! installation; the other three are notices that do not come twice.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::extract::{FromAtlassian, FromJira, SmallBody, json};
use crate::App;
use crate::connect::LifecycleBody;
use crate::error::Error;

/// `POST /connect/installed`: also an upgrade, a new secret, a new name of the site.
pub async fn installed(
    State(app): State<Arc<App>>,
    FromAtlassian(token): FromAtlassian,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let body: LifecycleBody = json(&body)?;
    let installation = app.connect.installation(&token, body)?;
    app.store.install(&installation, app.clock.now()).await?;
    tracing::info!(tenant = %installation.client_key, base_url = %installation.base_url, "the app was installed");
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connect/uninstalled`: ends everything the tenant had.
pub async fn uninstalled(
    State(app): State<Arc<App>>,
    FromAtlassian(token): FromAtlassian,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let body: LifecycleBody = json(&body)?;
    let client_key = app.connect.uninstalled(&token, &body)?;
    app.store.uninstall(&client_key, app.clock.now()).await?;
    tracing::info!(tenant = %client_key, "the app was uninstalled");
    app.wake_cleanup.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connect/enabled`.
pub async fn enabled(
    State(app): State<Arc<App>>,
    FromJira(token): FromJira,
    _: SmallBody,
) -> Result<StatusCode, Error> {
    app.store
        .enable(token.tenant(), true, app.clock.now())
        .await?;
    tracing::info!(tenant = %token.tenant().client_key, "the app was enabled");
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connect/disabled`: an admin has switched the app off; nothing is renewed meanwhile.
pub async fn disabled(
    State(app): State<Arc<App>>,
    FromJira(token): FromJira,
    _: SmallBody,
) -> Result<StatusCode, Error> {
    app.store
        .enable(token.tenant(), false, app.clock.now())
        .await?;
    tracing::info!(tenant = %token.tenant().client_key, "the app was disabled");
    Ok(StatusCode::NO_CONTENT)
}
