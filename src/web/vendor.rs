//! What the vendor's own servers call. The proof is a secret: as bearer token, or as password of HTTP Basic with any user
//! name.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::api::LEFT;
use super::extract::{Form, Query, SmallBody};
use crate::app::App;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::keys::signing::KeyClaims;
use crate::model::{LinkId, Power};
use crate::secret::Secret;
use crate::store::LinkForVendor;
use crate::vendor::{Acting, NotActing, Subject, VendorsServer};

/// The grant of RFC 8693, section 2.1.
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Types of subject tokens: a key that is signed here, and the id of a link.
const SIGNED_KEY: &str = "urn:ietf:params:oauth:token-type:jwt";
const LINK: &str = "urn:latchkey:token-type:link";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

impl FromRequestParts<Arc<App>> for VendorsServer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        app.vendor.known(presented(&parts.headers).as_ref())
    }
}

/// The secret that a caller presents.
fn presented(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
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

/// The answer of RFC 7662, section 2.2, about a key that is good.
#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: KeyClaims,
}

/// `POST /oauth/introspect` (RFC 7662), if keys are signed here. About a key that is not active the answer says nothing
/// else.
pub async fn introspect(
    State(app): State<Arc<App>>,
    _: VendorsServer,
    body: SmallBody,
) -> Result<Response, Error> {
    let signing = app.parts.keys.signing.as_ref().ok_or(Error::NotFound)?;
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

/// `GET /service/links?subject=` or `?id=`: links by their ids, at most a hundred; `next` is the value of `after` for
/// those that follow.
pub async fn links(
    State(app): State<Arc<App>>,
    server: VendorsServer,
    query: Query,
) -> Result<Json<Value>, Error> {
    let found = match (query.only("subject"), query.only("id")) {
        (Some(subject), None) => {
            let after = query.only("after").unwrap_or_default();
            app.vendor.links(&server, &subject, &after).await?
        }
        (None, Some(id)) => {
            let link = app.vendor.link(&server, &LinkId(id)).await?;
            (link.into_iter().collect(), None)
        }
        _ => {
            return Err(Error::BadRequest(
                "The address has to name one `subject` or one `id`",
            ));
        }
    };
    let (links, next) = found;
    let links: Vec<LinkForVendor> = links.iter().map(LinkForVendor::from).collect();
    Ok(Json(json!({ "links": links, "next": next })))
}

/// `DELETE /service/links/{id}`. The answer has no body; a header says what has to wait.
pub async fn end(
    State(app): State<Arc<App>>,
    server: VendorsServer,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let left = app.vendor.end(&server, &LinkId(id)).await?;
    Ok((StatusCode::NO_CONTENT, [(LEFT, left.as_str())]).into_response())
}

/// `POST /oauth/token`, the token exchange of RFC 8693: a token of Jira to act as the person of a link.
pub async fn exchange(
    State(app): State<Arc<App>>,
    server: VendorsServer,
    body: SmallBody,
) -> Result<Response, Error> {
    let form = Form::of(&body);
    if form.only("grant_type").as_deref() != Some(EXCHANGE) {
        let why = "The only grant here is token exchange (RFC 8693)";
        return Ok(refusal("unsupported_grant_type", why));
    }
    let subject = form
        .only("subject_token")
        .zip(form.only("subject_token_type"));
    let subject = match subject {
        Some((token, kind)) if kind == SIGNED_KEY => Subject::Key(Secret::new(token)),
        Some((id, kind)) if kind == LINK => Subject::Link(LinkId(id)),
        _ => {
            let why = "The form has to name one subject_token: a key that is signed here, or the id of a link";
            return Ok(refusal("invalid_request", why));
        }
    };
    let wanted = form.only("requested_token_type");
    if wanted.is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        let why = "Only access tokens are given";
        return Ok(refusal("invalid_request", why));
    }
    let asked = match form.only("scope").as_deref().map(power) {
        None => None,
        Some(Some(power)) => Some(power),
        Some(None) => return Ok(refusal("invalid_scope", "The scopes are read and write")),
    };
    match app.vendor.act(&server, &subject, asked).await {
        Ok(acting) => Ok(granted(&acting)),
        Err(NotActing::Error(error)) => Err(error),
        Err(why) => {
            let (code, words) = explain(&why);
            Ok(refusal(code, &words))
        }
    }
}

fn power(scope: &str) -> Option<Power> {
    let mut power = None;
    for word in scope.split(' ').filter(|word| !word.is_empty()) {
        power = match word.to_ascii_lowercase().as_str() {
            "write" => Some(Power::Write),
            "read" => power.or(Some(Power::Read)),
            _ => return None,
        };
    }
    power
}

/// RFC 8693, section 2.2.1, and where the token is good for.
fn granted(acting: &Acting) -> Response {
    let (limit, remaining) = acting.quota;
    let body = json!({
        "access_token": acting.token.token.expose(),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": acting.token.expires_in,
        "scope": acting.power.as_str(),
        "api_base_url": acting.api_base_url,
        "account_id": acting.account_id,
        "quota": {
            "limit": limit,
            "remaining": remaining,
            "resetsAt": rfc3339(acting.quota_resets_at),
        },
    });
    Json(body).into_response()
}

/// RFC 6749, section 5.2.
fn refusal(code: &str, why: &str) -> Response {
    let body = json!({ "error": code, "error_description": why });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// The error of OAuth, and what an author of the calling program reads.
fn explain(why: &NotActing) -> (&'static str, String) {
    let words = match why {
        NotActing::Off => {
            let words = "LATCHKEY_ACT_AS is off: nobody may act as a person";
            return ("unauthorized_client", words.to_owned());
        }
        NotActing::Unknown => {
            let words = "The subject_token names no link: the key is not good any more, or the link has ended";
            return ("invalid_request", words.to_owned());
        }
        NotActing::TooMuch => {
            let words = "LATCHKEY_ACT_AS allows to read only";
            return ("invalid_scope", words.to_owned());
        }
        NotActing::NotLess => {
            let words = "By Forge a token has every scope of the app, so it can only be given where LATCHKEY_ACT_AS is \
                         write, for the scope `read write`";
            return ("invalid_scope", words.to_owned());
        }
        NotActing::NeedsPerson => {
            "The connection needs its person: they have to reconnect".to_owned()
        }
        NotActing::Disabled => "The app is disabled at the site".to_owned(),
        NotActing::SwitchedOff => {
            "The admins of the site do not let anybody act as people there".to_owned()
        }
        NotActing::NotAllowed(refusal) => {
            format!("The person may not connect ({})", refusal.name())
        }
        NotActing::Forbidden => "Jira lets nobody act as this person".to_owned(),
        NotActing::Error(error) => error.to_string(),
    };
    ("access_denied", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_or_write_and_nothing_else() {
        for (scope, means) in [
            ("read", Some(Power::Read)),
            ("READ", Some(Power::Read)),
            ("read write", Some(Power::Write)),
            ("write  read", Some(Power::Write)),
            ("WRITE", Some(Power::Write)),
            ("", None),
            ("delete", None),
            ("read admin", None),
            ("write,read", None),
        ] {
            assert_eq!(power(scope), means, "{scope}");
        }
    }
}
