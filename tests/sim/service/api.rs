//! What a token is good for: asking who one is, making API keys, and an API that shows they work.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::fault::Kind;
use super::ledger::Grant;
use super::proof::Proof;
use super::wire::Arrival;
use super::{Person, Service};

/// Why an access token opens nothing.
enum Closed {
    /// RFC 6750 3: it is missing, or no good.
    NoToken,
    /// RFC 9449, section 9: the proof lacks this nonce.
    WantsNonce(String),
}

impl IntoResponse for Closed {
    fn into_response(self) -> Response {
        let unauthorized = StatusCode::UNAUTHORIZED;
        match self {
            Self::NoToken => {
                let challenge = "Bearer error=\"invalid_token\"";
                (unauthorized, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
            }
            Self::WantsNonce(nonce) => {
                let challenge = "DPoP error=\"use_dpop_nonce\"".to_owned();
                let headers = [("www-authenticate", challenge), ("dpop-nonce", nonce)];
                (unauthorized, headers).into_response()
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

impl Service {
    /// The grant behind the access token of a call. A token that has just run out is part of life;
    /// no token at all is not.
    fn granted(&self, headers: &HeaderMap, arrival: &Arrival, path: &str) -> Result<Grant, Closed> {
        if matches!(arrival.proof, Proof::WantsNonce) {
            let nonce = self.read(|world| world.dpop_nonce.clone());
            return Err(Closed::WantsNonce(nonce));
        }
        let granted = self.change(|world| {
            let token = match world.presented(headers, &arrival.proof) {
                Ok(Some(token)) => token,
                Ok(None) => {
                    world.note(format!("{path}: no access token"));
                    return None;
                }
                Err(why) => {
                    world.note(format!("{path}: {why}"));
                    return None;
                }
            };
            let grant = world.ledger.use_access_token(&token)?;
            Some(world.ledger.grant(grant).clone())
        });
        granted.ok_or(Closed::NoToken)
    }

    fn identified(
        &self,
        headers: &HeaderMap,
        arrival: &Arrival,
        path: &str,
    ) -> Result<Person, Closed> {
        let grant = self.granted(headers, arrival, path)?;
        let mut person = self.person(&grant.subject).ok_or(Closed::NoToken)?;
        if let Some(Kind::OtherSubject(subject)) = &arrival.fault {
            person.subject.clone_from(subject);
            person.number += 1_000_000;
        }
        Ok(person)
    }
}

pub(super) async fn userinfo(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    match service.identified(&headers, &arrival, "/userinfo") {
        Err(closed) => closed.into_response(),
        Ok(person) => Json(json!({
            "sub": person.subject,
            "name": person.name,
            "preferred_username": person.login,
        }))
        .into_response(),
    }
}

/// Who one is, as services without OpenID say it: the id is a number.
pub(super) async fn me(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    match service.identified(&headers, &arrival, "/me") {
        Err(closed) => closed.into_response(),
        Ok(person) => Json(json!({
            "id": person.number,
            "login": person.login,
            "name": person.name,
        }))
        .into_response(),
    }
}

pub(super) async fn mint_key(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    let grant = match service.granted(&headers, &arrival, "/keys") {
        Ok(grant) => grant,
        Err(closed) => return closed.into_response(),
    };
    service.change(|world| {
        let life = world.options.api_key_life;
        let key = world.ledger.add_api_key(grant.id, life);
        let expires_at = key
            .expires_at
            .format(&Rfc3339)
            .expect("a year of four digits");
        let mut answer = json!({
            "apiKey": key.value,
            "expiresAt": expires_at,
            "id": key.id,
        });
        if let Some(Kind::ExpiresIn(value)) = &arrival.fault {
            answer["expiresAt"] = value.clone();
        }
        (StatusCode::CREATED, Json(answer)).into_response()
    })
}

pub(super) async fn revoke_key(
    State(service): State<Service>,
    Path(id): Path<String>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    let grant = match service.granted(&headers, &arrival, "/keys/{id}") {
        Ok(grant) => grant,
        Err(closed) => return closed.into_response(),
    };
    let revoked = service.change(|world| world.ledger.revoke_api_key(&id, &grant.subject));
    if !revoked {
        service.change(|world| world.note("/keys/{id}: no key of that id"));
        return StatusCode::NOT_FOUND.into_response();
    }
    StatusCode::NO_CONTENT.into_response()
}

/// The API itself, as small as can be: an API key and an access token open it.
pub(super) async fn whoami(State(service): State<Service>, headers: HeaderMap) -> Response {
    let token = bearer(&headers).unwrap_or_default();
    let subject = service.change(|world| {
        world.ledger.use_access_token(token);
        world.ledger.opens_api(token).map(String::from)
    });
    match subject {
        Some(subject) => Json(json!({ "user": subject })).into_response(),
        None => Closed::NoToken.into_response(),
    }
}
