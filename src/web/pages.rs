//! How a page is rendered, and the two faces of an error: a problem document (RFC 9457) and a page.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::Url;

use super::assets::Asset;
use super::client::Client;
use super::extract::{is_of_forge, refuse_large};
use super::headers;
use super::look::{Asked, Top};
use crate::app::App;
use crate::error::Error;
use crate::linking::Failed;
use crate::model::{AttemptId, Look};
use crate::words::{Html, Message, Words};

/// Names of problems begin with this.
const PROBLEM: &str = "urn:latchkey:problem:";
/// Names of occurrences, `instance` in RFC 9457, begin with this; then comes the reference.
const OCCURRENCE: &str = "urn:latchkey:occurrence:";

/// How an error looks in a group of routes.
#[derive(Debug, Clone, Copy)]
pub enum Face {
    /// RFC 9457.
    Problem,
    /// The same, for calls of either door. To one of Forge it is plain JSON, and does not count against its address.
    Call,
    /// A page in a tab.
    Page,
    /// A page in Jira's frame.
    FramedPage,
}

/// The page of an error.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    words: Words,
    color_mode: Option<&'static str>,
    texts: Html,
    app_name: String,
    css: String,
    icon: String,
    framed: bool,
    connect_js: Option<String>,
    js: Option<String>,
    title: String,
    message: Message,
    code: &'static str,
    reference: Option<String>,
    /// The account that stays connected.
    still: Option<Message>,
    /// The address whose form begins the same attempt again.
    again: Option<String>,
    /// The page that shows the current state.
    look: Option<String>,
    back: Option<String>,
    /// Where people ask for help.
    support: Option<String>,
}

/// The address of a file.
pub fn asset(app: &App, asset: Asset) -> String {
    let base = app.connect.base_url.path();
    format!("{base}/static/{}", asset.file_name())
}

/// Where people ask for help, if the operator has said so.
pub fn support(app: &App) -> Option<String> {
    app.appearance.service.support.as_ref().map(Url::to_string)
}

/// The address of an attempt's pages.
pub fn address(app: &App, id: &AttemptId) -> String {
    format!("{}/link/{id}", app.connect.base_url.path())
}

/// What is shown instead of a person's picture: the first letters of their first and last name.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first
        .into_iter()
        .chain(last)
        .flat_map(char::to_uppercase)
        .collect()
}

/// Renders a page under its policy.
pub fn page(template: &impl Template, words: &Words, policy: &str) -> Result<Response, Error> {
    let body = axum::response::Html(render(template)?);
    under(policy, words, body.into_response())
}

/// Renders a page.
pub fn render(template: &impl Template) -> Result<String, Error> {
    template
        .render()
        .map_err(|error| Error::Internal(format!("a page does not render: {error}")))
}

/// Puts a page under its policy.
pub fn under(policy: &str, words: &Words, mut page: Response) -> Result<Response, Error> {
    let policy = HeaderValue::from_str(policy)
        .map_err(|_| Error::Internal("a policy is not a header".to_owned()))?;
    let language = HeaderValue::from_static(words.language().tag());
    let headers = page.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CONTENT_LANGUAGE, language);
    Ok(page)
}

/// An error on its way to [`give_face`].
#[derive(Clone)]
struct Unfaced(Arc<Failed>);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = self.error.status();
        let mut response = status.into_response();
        match self.error {
            Error::TooMany { retry_after }
            | Error::JiraBusy { retry_after }
            | Error::Crowded { retry_after } => {
                let retry_after = HeaderValue::from(retry_after);
                response.headers_mut().insert(RETRY_AFTER, retry_after);
            }
            // The rest of it may still come (RFC 9110, section 15.5.9).
            Error::TooSlow => {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            // RFC 7662 section 2.3 refers to RFC 6750.
            Error::UnknownCaller => {
                let schemes = HeaderValue::from_static("Basic realm=\"latchkey\", Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, schemes);
            }
            _ => {}
        }
        response.extensions_mut().insert(Unfaced(Arc::new(self)));
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Failed::from(self).into_response()
    }
}

/// Whether an answer refuses the request.
fn refuses(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        400 | 401 | 403 | 404 | 405 | 408 | 409 | 410 | 413
    )
}

/// Gives errors of a group of routes their face, and refuses bodies whose announced length is too large. An
/// address that has been refused too often gets 429 instead of its next refusal; other answers stay as they are.
pub async fn give_face(
    State((app, face)): State<(Arc<App>, Face)>,
    request: Request,
    next: Next,
) -> Response {
    let Client(client) = Client::of(request.extensions());
    let of_forge = matches!(face, Face::Call) && is_of_forge(request.headers());
    let asked = Asked::by(&request);
    let mut response = match refuse_large(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if refuses(response.status())
        && !of_forge
        && let Err(too_many) = app.limits.refused(client)
    {
        response = too_many.into_response();
    }
    let Some(Unfaced(failed)) = response.extensions_mut().remove::<Unfaced>() else {
        return response;
    };
    let reference = failed
        .error
        .has_reference()
        .then(|| format!("{:08x}", u32::from_le_bytes(app.parts.random.bytes())));
    failed.error.log(reference.as_deref().unwrap_or_default());
    // Where the browser's session or the form says how its pages look, that counts more than the request.
    let kept = response.extensions().get::<Look>().copied();
    let look = asked.look(kept.unwrap_or_default());
    let faced = match face {
        Face::Problem | Face::Call => problem(&app, look, &failed.error, reference, of_forge),
        Face::Page => error_page(&app, look, &failed, reference, false),
        Face::FramedPage => error_page(&app, look, &failed, reference, true),
    };
    let (mut parts, _) = response.into_parts();
    let (faced_parts, body) = faced.into_parts();
    // It is the length of the body that is replaced.
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.extend(faced_parts.headers);
    Response::from_parts(parts, body)
}

/// The bridge of Forge gives a page no other answer than `application/json`.
fn problem(
    app: &App,
    look: Look,
    error: &Error,
    reference: Option<String>,
    of_forge: bool,
) -> Response {
    let Top { words, .. } = Top::of(app, look);
    let said = error.said(&words);
    let mut body = json!({
        "type": format!("{PROBLEM}{}", error.code()),
        "title": said.title,
        "status": error.status().as_u16(),
        "detail": said.detail.text(),
    });
    if let Some(support) = support(app) {
        body["support"] = json!(support);
    }
    if let Some(reference) = reference {
        body["instance"] = json!(format!("{OCCURRENCE}{reference}"));
    }
    if let Error::WrongPerson {
        signed_in_as: Some(name),
    } = error
    {
        body["signedInAs"] = json!(name);
    }
    let media_type = match of_forge {
        true => "application/json",
        false => "application/problem+json",
    };
    (
        [
            (CONTENT_TYPE, media_type),
            (CONTENT_LANGUAGE, words.language().tag()),
        ],
        Json(body).into_response().into_body(),
    )
        .into_response()
}

fn error_page(
    app: &App,
    look: Look,
    failed: &Failed,
    reference: Option<String>,
    framed: bool,
) -> Response {
    let Top {
        words, color_mode, ..
    } = Top::of(app, look);
    let in_old_panel = (framed && app.forge.is_some())
        .then(|| failed.error.said_in_old_panel(&words))
        .flatten();
    let said = in_old_panel.unwrap_or_else(|| failed.error.said(&words));
    let template = ErrorPage {
        app_name: app.appearance.app_name.clone(),
        css: asset(app, Asset::Css),
        icon: asset(app, Asset::Icon),
        framed,
        connect_js: framed.then(|| app.appearance.connect_js.to_string()),
        js: framed.then(|| asset(app, Asset::Framed)),
        title: said.title,
        message: said.detail,
        code: failed.error.code(),
        reference,
        still: failed
            .still
            .as_ref()
            .map(|name| words.still_connected(name)),
        again: failed.again.as_ref().map(|id| address(app, id)),
        look: failed.look.as_ref().map(|id| address(app, id)),
        back: failed.back.clone(),
        support: support(app),
        color_mode: color_mode.filter(|_| !framed),
        texts: words.for_scripts(Asset::Framed.sources()),
        words,
    };
    let policy = if framed {
        headers::framed_by_any_site(app)
    } else {
        headers::top_level(app)
    };
    page(&template, &template.words, &policy)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
