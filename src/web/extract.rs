//! Extractors: the proof of who calls. A handler that names one of these runs only for a verified
//! token, and there is no other way to get hold of a [`Viewer`].

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, OriginalUri, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;
use url::form_urlencoded;

use super::LARGEST_BODY;
use super::client::Client;
use crate::administering;
use crate::app::App;
use crate::atlassian::connect::{AppToAppToken, Bound, IframeToken, LifecycleToken};
use crate::atlassian::forge::Endpoint;
use crate::atlassian::{Admin, Viewer};
use crate::error::Error;
use crate::events::Event;
use crate::linking;
use crate::model::{AttemptId, Look, Tenant, Whereabouts};
use crate::secret::{Secret, fingerprint};

/// How long a body may take to arrive where the server does not say.
const SLOWEST_BODY: Duration = Duration::from_secs(10);

/// Where a session keeps its attempts.
const ATTEMPTS: &str = "attempts";
/// Where it keeps how its pages look.
const LOOK: &str = "look";
/// How many attempts a session carries. The oldest makes room.
const CARRIED: usize = 8;

/// How long the body of a request may take to arrive. The server puts it on every request.
#[derive(Debug, Clone, Copy)]
pub struct BodyWithin(pub Duration);

/// The `Authorization` of a request: its scheme, and the token.
fn authorization(parts: &Parts) -> Result<(&str, &str), Error> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    // With two it is unclear which one counts, so neither does.
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Error::Unauthorized("there is no token, or more than one"));
    };
    let value = value
        .to_str()
        .map_err(|_| Error::Unauthorized("the header is malformed"))?;
    value
        .split_once(' ')
        .map(|(scheme, token)| (scheme, token.trim()))
        .ok_or(Error::Unauthorized("the header has no scheme"))
}

/// `Authorization: JWT …`, the scheme of Connect.
fn jwt_header(parts: &Parts) -> Result<&str, Error> {
    match authorization(parts)? {
        (scheme, token) if scheme.eq_ignore_ascii_case("jwt") => Ok(token),
        _ => Err(Error::Unauthorized("the scheme is not JWT")),
    }
}

/// Whether a request carries an invocation token of Forge, by its scheme.
pub fn is_of_forge(headers: &HeaderMap) -> bool {
    let values = headers.get_all(AUTHORIZATION).iter();
    let mut schemes = values.map(|value| value.as_bytes().get(..7).unwrap_or_default());
    schemes.any(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

/// What came beside an invocation token to call Jira with. A blank one is none.
fn system_token(parts: &Parts) -> Option<Secret> {
    let mut values = parts.headers.get_all("x-forge-oauth-system").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let token = value.to_str().ok()?.trim();
    let whole = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    whole.then(|| Secret::new(token))
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

/// A person in Jira, by the token of either door in the header.
impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        match (is_of_forge(&parts.headers), &app.forge) {
            (false, _) => app.connect.context(jwt_header(parts)?).await?.viewer(),
            (true, Some(forge)) => {
                let (_, token) = authorization(parts)?;
                forge.viewer(token, system_token(parts)).await
            }
            (true, None) => Err(Error::Unauthorized("the Forge door is closed")),
        }
    }
}

/// A person in Jira whom Jira, asked now, lets administer their site.
impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let viewer = Viewer::from_request_parts(parts, app).await?;
        administering::admin(&app.administering, &viewer).await
    }
}

/// Forge itself, at the endpoint of a route: the tenant that it calls about, or none if the installation speaks
/// for none.
pub struct FromForge<E> {
    /// The tenant.
    pub tenant: Option<Tenant>,
    endpoint: PhantomData<E>,
}

/// An endpoint of the manifest, as a type.
pub trait CalledAt {
    /// The endpoint.
    const ENDPOINT: Endpoint;
}

impl<E: CalledAt> FromRequestParts<Arc<App>> for FromForge<E> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let forge = app.forge.as_ref().ok_or(Error::NotFound)?;
        let token = match authorization(parts)? {
            (scheme, token) if scheme.eq_ignore_ascii_case("bearer") => token,
            _ => return Err(Error::Unauthorized("the scheme is not Bearer")),
        };
        let called = forge.called(E::ENDPOINT, token, system_token(parts));
        Ok(Self {
            tenant: called.await?,
            endpoint: PhantomData,
        })
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

/// The query of an address, in which a name counts only if it occurs once.
pub struct Query(Vec<u8>);

impl Query {
    /// The query of a request.
    pub fn of(parts: &Parts) -> Self {
        Self(parts.uri.query().unwrap_or_default().into())
    }

    /// The value of a name that occurs once. With two it is unclear which one counts, so neither does.
    pub fn only(&self, name: &str) -> Option<String> {
        only(&self.0, name)
    }

    /// The same, of an address.
    pub fn only_of(address: &Uri, name: &str) -> Option<String> {
        only(address.query()?.as_bytes(), name)
    }
}

/// The value of a name that occurs once in pairs of a query or form. Only that value is decoded: a token may stand beside.
fn only(pairs: &[u8], wanted: &str) -> Option<String> {
    let mut found = None;
    for pair in pairs.split(|byte| *byte == b'&') {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let is_plain = !name.iter().any(|byte| matches!(byte, b'%' | b'+'));
        let is_wanted = match is_plain {
            true => name == wanted.as_bytes(),
            false => form_urlencoded::parse(name)
                .next()
                .is_some_and(|(name, _)| name == wanted),
        };
        if is_wanted && let Some((_, value)) = form_urlencoded::parse(pair).next() {
            if found.is_some() {
                return None;
            }
            found = Some(value.into_owned());
        }
    }
    found
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self::of(parts))
    }
}

/// A form that no other site's page has posted. For routes whose proof is a cookie.
pub struct SameSite;

impl FromRequestParts<Arc<App>> for SameSite {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        posted_by(parts, app, &[b"same-origin", b"none"]).map(|()| Self)
    }
}

/// A form that a page of our own has posted. For the route that sets a cookie.
pub struct OwnForm;

impl FromRequestParts<Arc<App>> for OwnForm {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        posted_by(parts, app, &[b"same-origin"]).map(|()| Self)
    }
}

/// `Sec-Fetch-Site` decides if the browser sends it. If not, `Origin` may be missing, ours, or `null`: our own
/// pages send `null`, because their referrer policy is `no-referrer`.
fn posted_by(parts: &Parts, app: &App, sites: &[&[u8]]) -> Result<(), Error> {
    let header = |name| parts.headers.get(name).map(|value| value.as_bytes());
    let ours = match header("sec-fetch-site") {
        Some(site) => sites.contains(&site),
        None => header(ORIGIN.as_str()).is_none_or(|origin| {
            origin == b"null" || origin == app.connect.base_url.origin().as_bytes()
        }),
    };
    if ours {
        return Ok(());
    }
    app.events.record(Event::CrossSite);
    Err(Error::CrossSite)
}

/// The browser of a request, by its session cookie.
///
/// Its session holds the ids of the attempts that began last in this browser, and how Jira looked where the newest of
/// them began. There may be a few attempts, of different people or sites, so that one that an attacker planted does not
/// end an honest one.
pub struct Browser(Session);

impl<S: Send + Sync> FromRequestParts<S> for Browser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let session = Session::from_request_parts(parts, state).await;
        session
            .map(Self)
            .map_err(|(_, why)| Error::Internal(why.to_owned()))
    }
}

/// A look as a session keeps it.
#[derive(Default, Serialize, Deserialize)]
struct KeptLook {
    language: Option<String>,
    color_mode: Option<String>,
}

impl Browser {
    /// The browser of a session.
    pub fn of(session: Session) -> Self {
        Self(session)
    }

    /// How Jira looked where the newest attempt of this browser began.
    pub async fn look(&self) -> Result<Look, Error> {
        let kept = self.0.get::<KeptLook>(LOOK).await.map_err(unavailable)?;
        let KeptLook {
            language,
            color_mode,
        } = kept.unwrap_or_default();
        Ok(Look::parse(language.as_deref(), color_mode.as_deref()))
    }

    /// The attempts that began in this browser, the newest last.
    pub async fn attempts(&self) -> Result<Vec<AttemptId>, Error> {
        let ids = self.0.get::<Vec<String>>(ATTEMPTS).await;
        let ids = ids.map_err(unavailable)?.unwrap_or_default();
        Ok(ids.into_iter().map(AttemptId).collect())
    }

    /// The attempt in the address, if it began in this browser or was replaced by one that did, and all that did.
    pub async fn own(&self, app: &App, id: String) -> Result<(AttemptId, Vec<AttemptId>), Error> {
        let begun = self.attempts().await?;
        match begun.iter().find(|own| own.as_str() == id) {
            Some(own) => Ok((own.clone(), begun)),
            None => {
                let id = AttemptId(id);
                if linking::was_replaced(&app.linking, &id, &begun).await? {
                    return Ok((id, begun));
                }
                app.events.record(Event::WrongBrowser);
                Err(Error::WrongBrowser)
            }
        }
    }

    /// Adds an attempt that begins here, under a new session id: an attacker may know the id with which the
    /// browser came.
    pub async fn begins(&self, attempt: &AttemptId, look: Look) -> Result<(), Error> {
        let Self(session) = self;
        let begun = self.attempts().await?;
        let mut ids: Vec<String> = begun.into_iter().map(|id| id.0).collect();
        ids.push(attempt.0.clone());
        let too_many = ids.len().saturating_sub(CARRIED);
        ids.drain(..too_many);
        // Not `flush`: it deletes the row, but the next insert would use the same id.
        session.clear().await;
        session.cycle_id().await.map_err(unavailable)?;
        session.insert(ATTEMPTS, ids).await.map_err(unavailable)?;
        let kept = KeptLook {
            language: look.language.map(|language| language.tag().to_owned()),
            color_mode: look.color_mode.map(|mode| mode.as_str().to_owned()),
        };
        session.insert(LOOK, kept).await.map_err(unavailable)
    }
}

fn unavailable(error: tower_sessions::session::Error) -> Error {
    Error::Unavailable(sqlx::Error::Io(std::io::Error::other(error.to_string())))
}

/// A page that a person opens now. For addresses where a look uses up something that works once.
///
/// A browser that loads a page before the person asks for it says so (`Sec-Purpose`, older ones `Purpose` or
/// `X-Moz`). It is refused, and asks again when the person opens the page. A request by a frame or a script is
/// refused too, because no person looks at its answer.
pub enum Opened {
    /// By a GET.
    ToBeSeen,
    /// A HEAD: the answer has no page, so nothing is spent for one.
    HeadOnly,
}

impl<S: Sync> FromRequestParts<S> for Opened {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let says = |name: &str, word: &str| {
            let values = parts.headers.get_all(name).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.to_ascii_lowercase().contains(word))
        };
        let ahead = ["sec-purpose", "purpose", "x-purpose", "x-moz"]
            .iter()
            .any(|name| says(name, "prefetch") || says(name, "prerender") || says(name, "preview"));
        let destination = parts.headers.get("sec-fetch-dest");
        if ahead || destination.is_some_and(|destination| destination != "document") {
            return Err(Error::Ahead);
        }
        Ok(match parts.method {
            Method::HEAD => Self::HeadOnly,
            _ => Self::ToBeSeen,
        })
    }
}

/// Network and browser of a request, to be compared with those of another.
impl<S: Sync> FromRequestParts<S> for Whereabouts {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let Client(client) = Client::of(&parts.extensions);
        let agent = parts.headers.get(USER_AGENT);
        Ok(Self {
            network: network(client),
            agent: agent.map_or_else(String::new, |agent| {
                fingerprint(&String::from_utf8_lossy(agent.as_bytes()))
            }),
        })
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: within that, privacy extensions (RFC 8981) change the
/// rest while a person connects.
fn network(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
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

/// Refuses a body by its announced length, before it is read.
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

/// Reads JSON. The error does not say what is wrong with it.
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
        Self(Query(body.0.clone()))
    }

    /// The value of a field that occurs once.
    pub fn only(&self, name: &str) -> Option<String> {
        self.0.only(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_once_however_it_is_written() {
        for (pairs, value) in [
            ("a=1", Some("1")),
            ("b=2&a=1&c", Some("1")),
            ("a=x%20y+z%C3%A9", Some("x y zé")),
            ("%61=1", Some("1")),
            ("a", Some("")),
            ("a=b=c", Some("b=c")),
            ("&&a=1&", Some("1")),
            ("a=%ff", Some("\u{fffd}")),
            ("", None),
            ("A=1", None),
            ("aa=1&b=a", None),
            ("a=1&a=1", None),
            ("a=1&%61=2", None),
            ("a&a", None),
            ("=1", None),
        ] {
            assert_eq!(only(pairs.as_bytes(), "a").as_deref(), value, "{pairs}");
            // As the library reads it.
            let all: Vec<_> = form_urlencoded::parse(pairs.as_bytes())
                .filter(|(name, _)| name == "a")
                .collect();
            let expected = match all.as_slice() {
                [(_, value)] => Some(value.as_ref()),
                _ => None,
            };
            assert_eq!(value, expected, "{pairs}");
        }
        assert_eq!(only(b"a+b=1&a%20b=2", "a b"), None);
        assert_eq!(only(b"a+b=1", "a b").as_deref(), Some("1"));
    }

    #[test]
    fn a_network_is_an_address_or_what_a_provider_gives_to_one_household() {
        let same = |a: &str, b: &str| {
            network(a.parse().expect("an address")) == network(b.parse().expect("an address"))
        };
        assert!(same("192.0.2.7", "192.0.2.7"));
        assert!(!same("192.0.2.7", "192.0.2.8"));
        assert!(same("2001:db8:1:2::7", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::7", "2001:db8:1:3::7"));
        assert!(!same("192.0.2.7", "2001:db8::7"));
    }
}
