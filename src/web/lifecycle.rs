//! Atlassian's lifecycle calls. Any answer to `installed` but 200 or 204 fails the installation; Atlassian does
//! not repeat the other three.
//!
//! The body is not signed, so a token is good for one body: the same call again is answered and has no effect, and
//! another body is refused. A call that was signed before the present state changes nothing
//! (`store/lifecycle.rs`).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::extract::{FromAtlassian, FromJira, SmallBody, json};
use crate::app::App;
use crate::atlassian::connect::{AppToAppToken, LifecycleBody};
use crate::error::Error;
use crate::events::{Event, TokenKind};
use crate::model::{ClientKey, Heard};

/// `POST /connect/installed`: also an upgrade, a new secret, a new name of the site.
pub async fn installed(
    State(app): State<Arc<App>>,
    FromAtlassian(token): FromAtlassian,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let call = token.call(&body.0);
    let told = Told(&app, TokenKind::Lifecycle, token.client_key());
    // Checked before the body is used: the token came with another body before.
    if let Some(heard) = app.parts.store.heard_before(&call).await? {
        told.is_new(heard)?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let body: LifecycleBody = json(&body)?;
    let installation = app.connect.installation(&token, body)?;
    let now = app.parts.clock.now();
    if told.is_new(app.parts.store.install(&installation, &call, now).await?)? {
        tracing::info!(tenant = %installation.client_key, base_url = %installation.base_url, "the app was installed");
        app.parts.wake.notify_one();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connect/uninstalled`: ends everything the tenant had.
pub async fn uninstalled(
    State(app): State<Arc<App>>,
    FromAtlassian(token): FromAtlassian,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let call = token.call(&body.0);
    let told = Told(&app, TokenKind::Lifecycle, token.client_key());
    if let Some(heard) = app.parts.store.heard_before(&call).await? {
        told.is_new(heard)?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let body: LifecycleBody = json(&body)?;
    let client_key = app.connect.uninstalled(&token, &body)?;
    let now = app.parts.clock.now();
    if told.is_new(app.parts.store.uninstall(&client_key, &call, now).await?)? {
        tracing::info!(tenant = %client_key, "the app was uninstalled");
        app.parts.wake_cleanup.notify_one();
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connect/enabled`.
pub async fn enabled(
    State(app): State<Arc<App>>,
    FromJira(token): FromJira,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    switch(&app, &token, &body, true).await
}

/// `POST /connect/disabled`: an admin has switched the app off. Nothing is renewed until it is on again.
pub async fn disabled(
    State(app): State<Arc<App>>,
    FromJira(token): FromJira,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    switch(&app, &token, &body, false).await
}

async fn switch(
    app: &App,
    token: &AppToAppToken,
    body: &SmallBody,
    on: bool,
) -> Result<StatusCode, Error> {
    let (tenant, call) = (token.tenant(), token.call(&body.0));
    let told = Told(app, TokenKind::AppToApp, &tenant.client_key);
    let now = app.parts.clock.now();
    if told.is_new(app.parts.store.enable(tenant, on, &call, now).await?)? {
        if on {
            tracing::info!(tenant = %tenant.client_key, "the app was enabled");
            app.parts.wake.notify_one();
        } else {
            tracing::info!(tenant = %tenant.client_key, "the app was disabled");
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A tenant's call, by the kind of its token.
struct Told<'a>(&'a App, TokenKind, &'a ClientKey);

impl Told<'_> {
    /// Whether the call has an effect now. One that has none is answered in the same way.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a token that came with another body before.
    fn is_new(&self, heard: Heard) -> Result<bool, Error> {
        let Self(app, kind, client_key) = self;
        match heard {
            Heard::Done => Ok(true),
            Heard::Again => {
                tracing::info!(tenant = %client_key, "a lifecycle call came again; it is not done again");
                Ok(false)
            }
            Heard::Late => {
                tracing::warn!(
                    tenant = %client_key,
                    "a lifecycle call came late and changes nothing: it was signed before the last one"
                );
                Ok(false)
            }
            Heard::Moved => {
                tracing::info!(
                    tenant = %client_key,
                    "a lifecycle call of Connect changes nothing: the tenant has moved to Forge"
                );
                Ok(false)
            }
            Heard::OtherBody => {
                app.events.record(Event::OtherBody(*kind, client_key));
                Err(Error::Unauthorized(
                    "the token came with another body before",
                ))
            }
        }
    }
}
