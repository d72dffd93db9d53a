//! The HTTP face: which host is meant, what fault is due, and a record of every call.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::faults::FaultKind;
use super::wire::{Cut, Doors};
use super::{Call, Caller, Jira, act_as_user, forge, pages, rest, tokens};

/// Index of a call in the record, given to the handler so that it can say who called.
#[derive(Clone, Copy)]
pub struct CallNumber(usize);

/// The site a call went to, and the origin the caller used for it.
#[derive(Clone)]
pub struct At {
    pub site: String,
    pub origin: String,
}

/// Marks an answer to a call that should not have been made.
#[derive(Clone)]
pub struct Unexpected(pub String);

#[derive(Clone)]
struct Face {
    jira: Jira,
    site: Router,
    keys: Router,
    auth: Router,
    js: Router,
    api: Router,
    forge_keys: Router,
    forge_network: Router,
}

/// Marks a call that came through the API host.
#[derive(Clone, Copy)]
pub struct ByApi;

pub async fn serve(jira: Jira, doors: Doors) {
    let face = Face {
        site: rest::routes()
            .merge(pages::routes())
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
            .with_state(jira.clone()),
        keys: Router::new()
            .route("/{kid}", get(install_key))
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
            .with_state(jira.clone()),
        auth: Router::new()
            .route("/oauth2/token", post(act_as_user::token))
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
            .with_state(jira.clone()),
        api: forge::api_routes()
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
            .with_state(jira.clone()),
        forge_keys: forge::keys_routes()
            .fallback(unknown_route)
            .with_state(jira.clone()),
        forge_network: forge::host::network_routes()
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method)
            .with_state(jira.clone()),
        js: pages::script_routes()
            .fallback(unknown_route)
            .method_not_allowed_fallback(wrong_method),
        jira,
    };
    let app = Router::new()
        .fallback(answer)
        .with_state(face)
        .into_make_service_with_connect_info::<Cut>();
    axum::serve(doors, app).await.expect("serving never ends");
}

async fn answer(
    State(face): State<Face>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    mut request: Request,
) -> Response {
    let jira = &face.jira;
    let mut label = host_label(&request);
    if request.uri().path() == "/_edge/tenant_info" {
        return tenant_info(jira, &label);
    }
    // What comes by the API host is told of under the name of its site.
    if label == "api"
        && let Some((site, uri)) = forge::at_site(jira, request.uri())
    {
        label = site;
        *request.uri_mut() = uri;
        request.extensions_mut().insert(ByApi);
    }
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let account = query_parameter(&request, "accountId");
    let (number, fault, cleared) = jira.edit(|cloud| {
        let fault = cloud.take_fault(&label, &method, &path, account.as_deref());
        cloud.calls.push(Call {
            at_ms: jira.now_ms(),
            host: label.clone(),
            method: method.clone(),
            path: path.clone(),
            account: account.clone(),
            caller: None,
            status: None,
            fault: fault.is_some(),
        });
        (cloud.calls.len() - 1, fault, cloud.let_go.len())
    });
    request.extensions_mut().insert(CallNumber(number));

    let ordered = match &fault {
        Some(FaultKind::Hang) => std::future::pending().await,
        Some(FaultKind::CutBefore) => {
            cut.now();
            return StatusCode::NO_CONTENT.into_response();
        }
        Some(FaultKind::Delay(delay) | FaultKind::LateAndLost(delay)) => {
            tokio::time::sleep(*delay).await;
            None
        }
        Some(kind) => ordered_answer(kind),
        None => None,
    };
    let mut response = match ordered {
        Some(response) => response,
        None if matches!(fault, Some(FaultKind::CallHeld)) => {
            let face = face.clone();
            // The connection ends with the client, and this handler with the connection.
            let later = tokio::spawn(async move {
                face.jira.hold(cleared).await;
                route(&face, &label, request).await
            });
            later.await.expect("a route does not panic")
        }
        None => route(&face, &label, request).await,
    };
    match fault {
        Some(FaultKind::CutAfter | FaultKind::LateAndLost(_)) => {
            cut.now();
            return response;
        }
        Some(FaultKind::ApplyThenFail(code)) => {
            response = (status(code), "ordered by a test").into_response();
        }
        Some(FaultKind::DelayAnswer(delay)) => tokio::time::sleep(delay).await,
        Some(FaultKind::AnswerHeld) if jira.hold(cleared).await => {
            cut.now();
            return response;
        }
        _ => {}
    }
    jira.edit(|cloud| {
        cloud.calls[number].status = Some(response.status().as_u16());
        if let Some(Unexpected(why)) = response.extensions().get() {
            let line = format!("{}: {why}", cloud.calls[number]);
            cloud.unexpected.push(line);
        }
    });
    response
}

async fn route(face: &Face, label: &str, mut request: Request) -> Response {
    enum Where {
        Router(Router),
        Moved(String),
    }
    let wanted = match label {
        "" => Where::Router(
            face.jira
                .look(|cloud| cloud.landing.clone())
                .unwrap_or_default(),
        ),
        "keys" => Where::Router(face.keys.clone()),
        "auth" => Where::Router(face.auth.clone()),
        "js" => Where::Router(face.js.clone()),
        "api" => Where::Router(face.api.clone()),
        "forge-keys" => Where::Router(face.forge_keys.clone()),
        label if label.strip_suffix(".cdn") == Some(&face.jira.forge_app_id()) => {
            Where::Router(face.forge_network.clone())
        }
        label => {
            let (here, moved) = face.jira.look(|cloud| {
                let mut sites = cloud.sites.values();
                let here = sites.find(|site| {
                    site.name == label || site.display_label.as_deref() == Some(label)
                });
                let moved = cloud
                    .sites
                    .values()
                    .find(|site| site.former_labels.iter().any(|former| former == label));
                (
                    here.map(|site| site.name.clone()),
                    moved.map(|site| site.name.clone()),
                )
            });
            match (here, moved) {
                (Some(site), _) => {
                    let origin = face.jira.host_url(label);
                    request.extensions_mut().insert(At { site, origin });
                    Where::Router(face.site.clone())
                }
                (None, Some(site)) => Where::Moved(face.jira.host_url(&site)),
                (None, None) => return unknown_route(request).await,
            }
        }
    };
    match wanted {
        Where::Router(router) => router
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {}),
        Where::Moved(origin) => {
            let to = format!("{origin}{}", request.uri());
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response()
        }
    }
}

/// Of the edge in front of a site: it answers whatever is wrong with Jira behind it, and costs nothing.
fn tenant_info(jira: &Jira, label: &str) -> Response {
    let cloud_id = jira.look(|cloud| {
        let mut sites = cloud.sites.values();
        let site = sites.find(|site| site.name == label)?;
        Some(site.cloud_id.clone())
    });
    match cloud_id {
        Some(cloud_id) => Json(json!({ "cloudId": cloud_id })).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn ordered_answer(kind: &FaultKind) -> Option<Response> {
    Some(match kind {
        FaultKind::Status {
            code,
            headers,
            body,
        } => {
            let mut builder = Response::builder().status(*code);
            if !headers.iter().any(|(name, _)| name == "content-type") {
                builder = builder.header("content-type", "application/json");
            }
            for (name, value) in headers {
                builder = builder.header(name, value);
            }
            builder
                .body(Body::from(body.clone()))
                .expect("a test orders headers that can be sent")
        }
        FaultKind::Redirect { code, to } => {
            (status(*code), [(header::LOCATION, to.clone())]).into_response()
        }
        FaultKind::Html200 => {
            Html("<!doctype html><title>Your site is waking up</title>").into_response()
        }
        FaultKind::HugeBody => {
            let spaces = vec![b' '; 64 * 1024 * 1024];
            ([(header::CONTENT_TYPE, "application/json")], spaces).into_response()
        }
        _ => return None,
    })
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a test orders a status that exists")
}

/// The first label of the host, empty for a bare address.
fn host_label(request: &Request) -> String {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.strip_suffix(".localhost")
        .unwrap_or_default()
        .to_owned()
}

pub fn query_parameter(request: &Request, name: &str) -> Option<String> {
    form_urlencoded::parse(request.uri().query()?.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}

async fn unknown_route(request: Request) -> Response {
    // What Atlassian answers at an address that is no site's: a page, whoever asks.
    let page = "<!doctype html><title>Your Atlassian Cloud site is currently unavailable</title>";
    let answer = (StatusCode::NOT_FOUND, Html(page)).into_response();
    // Browsers ask for icons on their own.
    if request.method() == Method::GET && request.uri().path() == "/favicon.ico" {
        return answer;
    }
    mark(answer, "no such route")
}

async fn wrong_method() -> Response {
    let answer = StatusCode::METHOD_NOT_ALLOWED.into_response();
    mark(answer, "no such method on this route")
}

pub fn mark(mut response: Response, why: &str) -> Response {
    response.extensions_mut().insert(Unexpected(why.to_owned()));
    response
}

async fn install_key(
    State(jira): State<Jira>,
    axum::extract::Path(kid): axum::extract::Path<String>,
) -> Response {
    match jira.look(|cloud| cloud.install_kids.contains(&kid)) {
        true => tokens::install_key_pem().into_response(),
        // Not marked: tests present unknown kids, and asking for one is what an app must do.
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Jira {
    /// Remembers who made a call.
    pub(super) fn note_caller(&self, CallNumber(number): CallNumber, caller: &Caller) {
        self.edit(|cloud| cloud.calls[number].caller = Some(caller.clone()));
    }
}

/// The body, or nothing if it is larger than anything sensible.
pub async fn read_body(body: Body) -> Option<axum::body::Bytes> {
    to_bytes(body, 4 * 1024 * 1024).await.ok()
}
