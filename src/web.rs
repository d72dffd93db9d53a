//! The routes, on one page. The arguments of a handler show what it takes as proof.
//!
//! An error is one value with two faces: a problem document for programs, a page for people. The group of a
//! route decides which.

mod admin;
mod api;
mod assets;
pub(crate) mod client;
mod extract;
mod forge;
mod framed;
mod headers;
mod keys;
mod lifecycle;
mod linking;
mod look;
mod metrics;
mod pages;
mod ready;
mod session;
mod shared;
mod vendor;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::Value;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::app::App;
use crate::atlassian::connect::Switch;
use crate::atlassian::connect::descriptor::{Facts, descriptor};
use crate::error::Error;
use crate::meters::NO_ROUTE;
use crate::spans;

use client::Client;
use pages::Face;

pub use client::Peer;
pub use extract::BodyWithin;
pub use metrics::router as metrics_router;

/// Largest body that is taken, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Everything that is served, under the path of the base URL.
pub fn router(app: Arc<App>) -> Router {
    let faced = |face| from_fn_with_state((app.clone(), face), pages::give_face);

    let within_limit = from_fn_with_state(app.clone(), admit);

    // Nothing of it is served while the Connect door is closed.
    let (open_connect, by_connect, framed_by_connect) = match app.connect.door() {
        Switch::Off => (Router::new(), Router::new(), Router::new()),
        Switch::On => (
            Router::new().route("/atlassian-connect.json", get(app_descriptor)),
            Router::new()
                .route("/connect/installed", post(lifecycle::installed))
                .route("/connect/uninstalled", post(lifecycle::uninstalled))
                .route("/connect/enabled", post(lifecycle::enabled))
                .route("/connect/disabled", post(lifecycle::disabled)),
            Router::new()
                .route("/connect/glance", get(framed::glance()))
                .route("/connect/finish", get(framed::finish))
                .route("/connect/admin", get(framed::admin)),
        ),
    };

    // For monitoring, and what is the same for everybody: an address that is refused too often gets it too.
    let open = open_connect
        .route("/", get(about))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready::ready))
        .route("/static/{file}", get(assets::file))
        .route("/.well-known/jwks.json", get(keys::published))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(faced(Face::Problem));

    // For programs: the calls of the vendor's servers, and Jira's own.
    let programs = Router::new()
        .route("/oauth/introspect", post(vendor::introspect))
        .route("/oauth/token", post(vendor::exchange))
        .route("/service/links", get(vendor::links))
        .route("/service/links/{id}", delete(vendor::end))
        .merge(by_connect)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(within_limit.clone())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(faced(Face::Problem));

    // For Forge itself, and for our scripts in Jira, by either door.
    let calls = Router::new()
        .route("/forge/lifecycle", post(forge::arrives::<forge::Lifecycle>))
        .route("/forge/tick", post(forge::arrives::<forge::Tick>))
        .route("/forge/leaving", post(forge::leaving))
        .route("/api/link/ticket", post(linking::ticket))
        .route("/link/{id}/prove", post(linking::prove))
        .route("/link/{id}/cancel", post(linking::cancel))
        .route("/api/link", get(api::status).delete(api::unlink))
        .route("/api/link/attempt", delete(api::abandon))
        .route("/api/link/renew", post(api::renew))
        .route("/api/link/key", get(keys::of_viewer))
        .route("/api/admin/site", get(admin::site).put(admin::decide))
        .route("/api/admin/links", get(admin::links).delete(admin::end_all))
        .route("/api/admin/links/{id}", delete(admin::end_link))
        .route("/api/admin/left", get(admin::left).delete(admin::end_left))
        .route("/api/admin/events", get(admin::events))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), admit_call))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(faced(Face::Call));

    // For people, framed by Jira: no cookie here.
    let framed = framed_by_connect
        .method_not_allowed_fallback(method_not_allowed)
        .layer(within_limit.clone())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(faced(Face::FramedPage));

    // For people, in a tab of their own, with a session.
    let pages = Router::new()
        .route("/link", get(linking::begin_by_address).post(linking::begin))
        .route("/link/t/{ticket}", get(linking::begin_by_ticket))
        .route("/link/{id}", get(linking::look).post(linking::authorize))
        .route("/link/{id}/confirm", post(linking::confirm))
        .route("/link/callback", get(linking::returned))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(|| async { Error::NotFound })
        .layer(from_fn(look::of_browser))
        .layer(session::layer(&app))
        .layer(within_limit)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(faced(Face::Page));

    let served = SERVED.iter();
    let served = served.flat_map(|(route, methods)| methods.iter().map(|method| (*method, *route)));
    app.parts.meters.routes(served);

    let base_path = app.connect.base_url.path().to_owned();
    let routes = open.merge(programs).merge(calls).merge(framed).merge(pages);
    let routes = if base_path.is_empty() {
        routes
    } else {
        Router::new()
            .nest(&base_path, routes)
            .fallback(|| async { Error::NotFound })
            .layer(faced(Face::Page))
    };
    routes
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(app.clone(), count))
        .layer(from_fn(headers::on_every_answer))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(()),
        )
        .layer(from_fn_with_state(app.clone(), client::find))
        .with_state(app)
}

/// Each route with the methods that it serves. Their metrics exist from the start.
const SERVED: &[(&str, &[&str])] = &[
    ("/", &["GET"]),
    ("/.well-known/jwks.json", &["GET"]),
    ("/api/admin/events", &["GET"]),
    ("/api/admin/left", &["GET", "DELETE"]),
    ("/api/admin/links", &["GET", "DELETE"]),
    ("/api/admin/links/{id}", &["DELETE"]),
    ("/api/admin/site", &["GET", "PUT"]),
    ("/api/link", &["GET", "DELETE"]),
    ("/api/link/attempt", &["DELETE"]),
    ("/api/link/key", &["GET"]),
    ("/api/link/renew", &["POST"]),
    ("/api/link/ticket", &["POST"]),
    ("/atlassian-connect.json", &["GET"]),
    ("/connect/admin", &["GET"]),
    ("/connect/disabled", &["POST"]),
    ("/connect/enabled", &["POST"]),
    ("/connect/finish", &["GET"]),
    ("/connect/glance", &["GET"]),
    ("/connect/installed", &["POST"]),
    ("/connect/uninstalled", &["POST"]),
    ("/forge/leaving", &["POST"]),
    ("/forge/lifecycle", &["POST"]),
    ("/forge/tick", &["POST"]),
    ("/healthz", &["GET"]),
    ("/link", &["GET", "POST"]),
    ("/link/callback", &["GET"]),
    ("/link/t/{ticket}", &["GET"]),
    ("/link/{id}", &["GET", "POST"]),
    ("/link/{id}/cancel", &["POST"]),
    ("/link/{id}/confirm", &["POST"]),
    ("/link/{id}/prove", &["POST"]),
    ("/oauth/introspect", &["POST"]),
    ("/oauth/token", &["POST"]),
    ("/readyz", &["GET"]),
    ("/service/links", &["GET"]),
    ("/service/links/{id}", &["DELETE"]),
    ("/static/{file}", &["GET"]),
];

/// Refuses a request before anything is done for it, if its address was refused too often and has enough other
/// requests in progress.
async fn admit(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let Client(client) = Client::of(request.extensions());
    let _in_progress = app.limits.admit(client)?;
    Ok(next.run(request).await)
}

/// The same, but for calls of Forge: all of them come from a few addresses of Atlassian's, and every person whom a
/// token of theirs names has limits of their own.
async fn admit_call(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    match extract::is_of_forge(request.headers()) {
        true => Ok(next.run(request).await),
        false => admit(State(app), request, next).await,
    }
}

/// Counts what was answered, by route, and how long it took.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let name = route.as_ref().map_or("-", MatchedPath::as_str);
    let span = tracing::info_span!(
        target: spans::TARGET,
        "request",
        otel.name = format!("{method} {name}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = name,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    span.record(
        "http.response.status_code",
        i64::from(response.status().as_u16()),
    );
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    // Without the path of the base URL, so that a route has the same name everywhere.
    let base_path = app.connect.base_url.path();
    let route = route.as_ref().map_or(NO_ROUTE, |route| {
        let route = route.as_str();
        route.strip_prefix(base_path).unwrap_or(route)
    });
    let (status, took) = (response.status(), began.elapsed());
    app.parts.meters.request(&method, route, status, took);
    response
}

/// Method, route and client, on every log line of a request. Not the address, which may hold a token.
fn span(request: &Request) -> tracing::Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-", MatchedPath::as_str);
    let Client(client) = Client::of(request.extensions());
    // Of the level that is always written, because it belongs to every line inside.
    tracing::error_span!("request", method = %request.method(), route, %client)
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Error::Internal("a handler panicked".to_owned()).into_response()
}

async fn method_not_allowed() -> Error {
    Error::MethodNotAllowed
}

/// What this is, for people who come across the address.
async fn about(State(app): State<Arc<App>>) -> String {
    let (name, service) = (&app.appearance.app_name, app.parts.service.name());
    format!(
        "{name} connects people in Jira Cloud with their account at {service}.\n\
         It has no pages of its own here: people find it in a Jira issue, and Jira admins in the settings of their \
         site.\n\
         \n\
         GET /atlassian-connect.json   the app's descriptor, while it is open to Atlassian Connect\n\
         GET /healthz                  whether this server lives\n\
         GET /readyz                   whether it can do its work\n"
    )
}

async fn app_descriptor(State(app): State<Arc<App>>) -> Json<Value> {
    Json(descriptor(&Facts {
        base_url: &app.connect.base_url.full(),
        app_key: &app.connect.app_key,
        app_name: &app.appearance.app_name,
        service: app.parts.service.name(),
        icon: "/static/icon.svg",
        issue_module: app.appearance.issue_module,
    }))
}

#[cfg(test)]
mod tests {
    use super::SERVED;

    #[test]
    fn every_route_is_served_and_none_else() {
        let source = include_str!("web.rs");
        let mut routes: Vec<&str> = source
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|route| route.starts_with('/'))
            .collect();
        routes.sort_unstable();
        let served: Vec<&str> = SERVED.iter().map(|(route, _)| *route).collect();
        assert_eq!(routes, served);
    }
}
