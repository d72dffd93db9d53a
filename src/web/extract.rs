//! Extractors: the proof of who calls. A handler that names one of these runs only for a verified
//! token, and there is no other way to get hold of a [`Viewer`].

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, ORIGIN};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::LARGEST_BODY;
use super::client::Client;
use crate::App;
use crate::connect::{AppToAppToken, Bound, IframeToken, LifecycleToken, Viewer};
use crate::error::Error;
use crate::events::Event;
use crate::secret::Secret;

/// How long a body may take to arrive where the server does not say.
const SLOWEST_BODY: Duration = Duration::from_secs(10);

/// How long the body of a request may take to arrive. The server puts it on every request.
#[derive(Debug, Clone, Copy)]
pub struct BodyWithin(pub Duration);

/// `Authorization: JWT …`, the scheme Atlassian uses.
fn jwt_header(parts: &Parts) -> Result<&str, Error> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    // Two are none: nobody can tell which was meant.
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Error::Unauthorized("there is no token, or more than one"));
    };
    let value = value
        .to_str()
        .map_err(|_| Error::Unauthorized("the header is malformed"))?;
    value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("jwt"))
        .map(|(_, token)| token.trim())
        .ok_or(Error::Unauthorized("the scheme is not JWT"))
}

/// The request as it came in, before any path was stripped from it.
fn bound(parts: &Parts) -> Bound<'_> {
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |original| &original.0);
    Bound {
        method: parts.method.as_str(),
        path: uri.path(),
        query: uri.query(),
    }
}

/// Somebody in Jira, by a context token in the header.
impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        app.connect.context(jwt_header(parts)?).await?.viewer()
    }
}

/// A page that Jira frames, by the token in its address.
pub struct Framed(pub IframeToken);

impl FromRequestParts<Arc<App>> for Framed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let query = Query::of(parts);
        let token = query
            .only("jwt")
            .ok_or(Error::Unauthorized("there is no token"))?;
        app.connect.iframe(&token, bound(parts)).await.map(Self)
    }
}

/// Jira itself.
pub struct FromJira(pub AppToAppToken);

impl FromRequestParts<Arc<App>> for FromJira {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let token = jwt_header(parts)?;
        app.connect.app_to_app(token, bound(parts)).await.map(Self)
    }
}

/// Atlassian, about an installation.
pub struct FromAtlassian(pub LifecycleToken);

impl FromRequestParts<Arc<App>> for FromAtlassian {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let token = jwt_header(parts)?;
        let Client(client) = Client::of(&parts.extensions);
        app.connect
            .lifecycle(token, bound(parts), client)
            .await
            .map(Self)
    }
}

/// The query of an address, where a name must not stand twice.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a query apart.
    pub fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The value of a name that stands there once. Two are none: nobody can tell which was meant.
    pub fn only(&self, name: &str) -> Option<String> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.clone()),
            _ => None,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self::of(parts))
    }
}

/// A request that no other site's page has made. For routes whose proof is a cookie.
///
/// `Sec-Fetch-Site` decides where the browser sends it; an `Origin` of `null` is what our own pages
/// send, as their referrer policy is `no-referrer`.
pub struct SameSite;

impl FromRequestParts<Arc<App>> for SameSite {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let header = |name| parts.headers.get(name).map(|value| value.as_bytes());
        let fine = match header("sec-fetch-site") {
            Some(site) => site == b"same-origin" || site == b"none",
            None => header(ORIGIN.as_str()).is_none_or(|origin| {
                origin == b"null" || origin == app.connect.base_url.origin().as_bytes()
            }),
        };
        if fine {
            Ok(Self)
        } else {
            app.events.record(Event::CrossSite);
            Err(Error::CrossSite)
        }
    }
}

/// A body of at most 64 KiB.
pub struct SmallBody(pub Vec<u8>);

impl<S: Sync> FromRequest<S> for SmallBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        refuse_large(&request)?;
        let within = request.extensions().get::<BodyWithin>();
        let within = within.map_or(SLOWEST_BODY, |BodyWithin(within)| *within);
        let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY);
        match tokio::time::timeout(within, body).await {
            Ok(Ok(bytes)) => Ok(Self(bytes.into())),
            Ok(Err(error)) if is_length_limit(&error) => Err(Error::TooLarge),
            Ok(Err(_)) => Err(Error::BadRequest("The body did not arrive")),
            Err(_) => Err(Error::TooSlow),
        }
    }
}

/// Refuses by what a request says of itself, before anything of it is read.
pub fn refuse_large(request: &Request<Body>) -> Result<(), Error> {
    let says = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    let limit = LARGEST_BODY as u64;
    if says.is_some_and(|length| length > limit) || request.body().size_hint().lower() > limit {
        return Err(Error::TooLarge);
    }
    Ok(())
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.to_string().contains("length limit") {
            return true;
        }
        source = inner.source();
    }
    false
}

/// Reads JSON; what is wrong with it is the program's business.
pub fn json<T: DeserializeOwned>(body: &SmallBody) -> Result<T, Error> {
    serde_json::from_slice(&body.0)
        .map_err(|_| Error::BadRequest("The body is not the JSON that is expected"))
}

/// `{"handle": …}`.
#[derive(Deserialize)]
pub struct Handle {
    /// From the address of the finish page.
    pub handle: Secret,
}

/// The fields of a form.
pub struct Form(Query);

impl Form {
    /// Takes a form apart.
    pub fn of(body: &SmallBody) -> Self {
        let fields = form_urlencoded::parse(&body.0).into_owned().collect();
        Self(Query(fields))
    }

    /// The value of a field that stands there once.
    pub fn only(&self, name: &str) -> Option<String> {
        self.0.only(name)
    }
}
