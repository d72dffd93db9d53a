//! Keys that programs ask for: the public ones of keys that are signed here, and, for the vendor's own frames, the key of
//! their viewer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::atlassian::Viewer;
use crate::clock::rfc3339;
use crate::error::Error;

/// `GET /.well-known/jwks.json` (RFC 7517): the keys that sign API keys (`EdDSA`), if keys are signed here, and those
/// with which this app proves to the service which client it is (`ES256`), if it does so by assertions. Public keys are
/// no secret, but proxies and caches must not keep any of our answers. Verifiers choose for how long they remember the
/// set.
pub async fn published(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let mut keys = match &app.parts.keys.signing {
        Some(signing) => signing.public_keys().await?,
        None => Vec::new(),
    };
    keys.extend(app.parts.service.client_keys());
    if keys.is_empty() {
        return Err(Error::NotFound);
    }
    let set = json!({ "keys": keys });
    Ok(([(CONTENT_TYPE, "application/jwk-set+json")], Json(set)).into_response())
}

/// `GET /api/link/key`: the key of the viewer's own link, if the property does not hold the key. If it
/// does, this route answers 404.
pub async fn of_viewer(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Response, Error> {
    if app.parts.keys.property.changes_with_renewals() {
        return Err(Error::NotFound);
    }
    app.limits.look(viewer.tenant(), viewer.account())?;
    let held = app
        .parts
        .store
        .api_key(viewer.tenant(), viewer.account())
        .await?;
    let now = app.parts.clock.now();
    let (key, generation) = held
        .filter(|(key, _)| key.expires_at > now)
        .ok_or(Error::NotLinked)?;
    let answer = json!({
        "apiKey": key.key.expose(),
        "expiresAt": rfc3339(key.expires_at),
        "generation": generation,
    });
    Ok(Json(answer).into_response())
}
