//! Keys that programs ask about. The vendor's service asks about keys that are signed here; the vendor's own
//! frames ask for the key of their viewer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;

use super::extract::{Form, SmallBody};
use crate::app::App;
use crate::atlassian::Viewer;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::keys::property::PropertyMode;
use crate::keys::signing::KeyClaims;
use crate::secret::{Secret, same};

/// `GET /.well-known/jwks.json` (RFC 7517), if keys are signed here. Public keys are no secret, but proxies and
/// caches must not keep any of our answers. Verifiers choose for how long they remember the set.
pub async fn published(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let signing = app.parts.keys.signing.as_ref().ok_or(Error::NotFound)?;
    let set = signing.key_set().await?;
    Ok(([(CONTENT_TYPE, "application/jwk-set+json")], Json(set)).into_response())
}

/// The answer of RFC 7662, section 2.2, about a key that is good.
#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: KeyClaims,
}

/// `POST /oauth/introspect` (RFC 7662), if keys are signed here and a secret for it is set. About a key that is
/// not active the answer says nothing else.
pub async fn introspect(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: SmallBody,
) -> Result<Response, Error> {
    let signing = app.parts.keys.signing.as_ref().ok_or(Error::NotFound)?;
    let secret = signing.introspection_secret().ok_or(Error::NotFound)?;
    let given = presented(&headers).ok_or(Error::UnknownCaller)?;
    // Hashes have one length, so the time of the comparison does not tell the length of the secret.
    if !same(&given.fingerprint(), &secret.fingerprint()) {
        return Err(Error::UnknownCaller);
    }
    let token = Form::of(&body)
        .only("token")
        .map(Secret::new)
        .ok_or(Error::BadRequest("The form has to name one `token`"))?;
    Ok(match signing.introspect(token.expose()).await? {
        Some(claims) => Json(Active {
            active: true,
            token_type: "Bearer",
            claims,
        })
        .into_response(),
        None => Json(json!({"active": false})).into_response(),
    })
}

/// The secret that a caller presents: as bearer token, or as password of HTTP Basic with any user name.
fn presented(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    // With two it is unclear which one counts, so neither does.
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Secret::new(credentials));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials).ok()?;
    let decoded = Secret::new(String::from_utf8(decoded).ok()?);
    let (_, password) = decoded.expose().split_once(':')?;
    Some(Secret::new(password))
}

/// `GET /api/link/key`: the key of the viewer's own link, if the property does not hold the key. If it
/// does, this route answers 404.
pub async fn of_viewer(State(app): State<Arc<App>>, viewer: Viewer) -> Result<Response, Error> {
    if app.parts.keys.property != PropertyMode::Handle {
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
