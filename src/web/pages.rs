//! Pages, and the two faces of an error.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::client::Client;
use super::extract::refuse_large;
use super::headers;
use super::linking::address;
use crate::app::App;
use crate::error::Error;
use crate::linking::{BothAccounts, Failed, Over};
use crate::model::{Ending, Identity, LinkStatus};

/// Names of problems begin with this.
const PROBLEM: &str = "urn:latchkey:problem:";
/// Names of occurrences, `instance` in RFC 9457, begin with this; then comes the reference.
const OCCURRENCE: &str = "urn:latchkey:occurrence:";

/// How an error looks in a group of routes.
#[derive(Debug, Clone, Copy)]
pub enum Face {
    /// RFC 9457.
    Problem,
    /// A page in a tab.
    Page,
    /// A page in Jira's frame.
    FramedPage,
}

/// The glance in the issue.
#[derive(Template)]
#[template(path = "glance.html")]
pub struct GlancePage {
    pub app_name: String,
    pub service: String,
    pub connect_js: String,
    pub css: String,
    pub icon: String,
    pub frame_js: String,
    pub js: String,
    pub base: String,
    pub issue: String,
}

/// The page in Jira that proves who came back, and leads on.
#[derive(Template)]
#[template(path = "finish.html")]
pub struct FinishPage {
    pub app_name: String,
    pub service: String,
    pub connect_js: String,
    pub css: String,
    pub icon: String,
    pub frame_js: String,
    pub js: String,
    pub base: String,
    pub attempt: String,
    pub handle: String,
    pub back: String,
    /// Whom the token of this frame names: who is signed in here.
    pub person: String,
    pub avatar_initials: String,
    pub site: String,
}

/// The linking page.
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    pub app_name: String,
    pub service: String,
    pub css: String,
    pub icon: String,
    pub site: String,
    pub person: String,
    pub avatar_initials: String,
    pub action: String,
    pub issue: Option<String>,
    pub notice: Option<String>,
    pub another: bool,
    pub offers_another: bool,
    pub log_out_first: bool,
    pub awaits_jira: bool,
}

/// The page with both accounts.
#[derive(Template)]
#[template(path = "both.html")]
pub struct BothPage {
    pub app_name: String,
    pub service: String,
    pub css: String,
    pub icon: String,
    pub js: String,
    pub action: String,
    pub confirm: String,
    pub person_initials: String,
    pub service_initials: String,
    pub both: BothAccounts,
}

impl BothPage {
    /// Two accounts may share a display name; then the subject tells old from new.
    fn full(&self, identity: &Identity) -> String {
        let same = self
            .both
            .replaces
            .as_ref()
            .is_some_and(|replaced| replaced.display_name == self.both.identity.display_name);
        match same {
            true => format!("{} ({})", identity.display_name, identity.subject),
            false => identity.display_name.clone(),
        }
    }
}

/// While a code is being redeemed.
#[derive(Template)]
#[template(path = "waiting.html")]
pub struct WaitingPage {
    pub app_name: String,
    pub service: String,
    pub css: String,
    pub icon: String,
    pub site: String,
}

/// What became of an attempt.
#[derive(Template)]
#[template(path = "over.html")]
pub struct OverPage {
    app_name: String,
    css: String,
    icon: String,
    /// Shown with a check mark.
    connected: bool,
    title: String,
    lines: Vec<String>,
    code: Option<&'static str>,
    /// An attempt of this browser that goes on.
    newest: Option<String>,
    back: String,
    back_label: String,
}

impl OverPage {
    /// In words, of what holds now.
    pub fn of(app: &App, outcome: Over, newest: Option<String>) -> Self {
        let service = app.parts.service.name();
        let link = outcome.link.as_ref();
        let works = link.filter(|link| link.state != "reconnect");
        let name = |link: &LinkStatus| link.display_name.clone().unwrap_or_default();
        let holds = match works {
            Some(link) => format!("You are still connected to {service} as {}.", name(link)),
            None => "Nothing was connected.".to_owned(),
        };
        let (title, lines, code) = match (outcome.how, works, link) {
            (Ending::Connected, Some(link), _) => {
                let where_to = match &outcome.issue {
                    Some(issue) => format!("{issue} or any other issue"),
                    None => "any issue".to_owned(),
                };
                let mut lines = Vec::new();
                if link.state == "linking" {
                    lines.push(
                        "Jira hasn't taken the key yet. Retrying automatically. The issue shows when it is there."
                            .to_owned(),
                    );
                }
                lines.push(format!(
                    "{} renews your key until you disconnect, which you can do in {where_to}.",
                    app.appearance.app_name
                ));
                (format!("Connected as {}", name(link)), lines, None)
            }
            (Ending::Connected, None, Some(link)) => (
                format!("Reconnect {service}"),
                vec![
                    link.reason.clone().unwrap_or_default(),
                    "Open an issue in Jira and select Reconnect there.".to_owned(),
                ],
                None,
            ),
            (Ending::Connected, None, None) => (
                format!("You have disconnected {service}"),
                vec!["This connected your account, and it was disconnected since. To connect it again, open an issue in Jira and select Connect.".to_owned()],
                None,
            ),
            (Ending::Cancelled, ..) => ("Cancelled".to_owned(), vec![holds], None),
            (Ending::Replaced, ..) => (
                "You began again in another tab".to_owned(),
                vec!["This page is the older one and can't be used any more.".to_owned(), holds],
                Some(OVER),
            ),
            (Ending::Refused, ..) => (
                "This attempt was stopped".to_owned(),
                vec![
                    "It did not come back to Jira as it was started, so it was stopped for your safety.".to_owned(),
                    holds,
                ],
                Some(OVER),
            ),
            (Ending::Failed, ..) => (
                "This attempt is over".to_owned(),
                vec![
                    format!("{service} did not complete it, or it took too long."),
                    holds,
                    "To try again, open an issue in Jira and select Connect.".to_owned(),
                ],
                Some(OVER),
            ),
            (Ending::Disconnected, ..) => (
                "You disconnected meanwhile".to_owned(),
                vec!["That ended this attempt.".to_owned(), holds],
                Some(OVER),
            ),
            (Ending::Uninstalled, ..) => (
                "The app was installed again or removed meanwhile".to_owned(),
                vec!["That ended this attempt.".to_owned(), holds],
                Some(OVER),
            ),
        };
        let back_label = match &outcome.issue {
            Some(issue) => format!("Back to {issue}"),
            None => "Back to Jira".to_owned(),
        };
        Self {
            app_name: app.appearance.app_name.clone(),
            css: asset(app, "latchkey.css"),
            icon: asset(app, "icon.svg"),
            connected: outcome.how == Ending::Connected && works.is_some(),
            title,
            lines,
            code,
            newest: newest.filter(|_| outcome.how == Ending::Replaced),
            back: outcome.back,
            back_label,
        }
    }

    /// 410 where the page is of no use any more; what the person did themselves is no error.
    pub fn status(&self) -> StatusCode {
        match self.code {
            Some(_) => StatusCode::GONE,
            None => StatusCode::OK,
        }
    }
}

/// The code of every attempt that is over.
const OVER: &str = "attempt-over";

/// What a person sees when something is wrong.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    app_name: String,
    css: String,
    icon: String,
    framed: bool,
    connect_js: Option<String>,
    frame_js: Option<String>,
    title: String,
    message: String,
    code: String,
    reference: Option<String>,
    /// What stays connected all the same.
    still: Option<String>,
    /// Where a form begins the same attempt again.
    again: Option<String>,
    /// Where the page is that says what holds now.
    look: Option<String>,
    back: Option<String>,
}

/// The address of an asset.
pub fn asset(app: &App, name: &str) -> String {
    format!("{}/static/{name}", app.connect.base_url.path())
}

/// Renders a page under its policy.
pub fn page(template: &impl Template, policy: &str) -> Result<Response, Error> {
    let html = template
        .render()
        .map_err(|error| Error::Internal(format!("a page does not render: {error}")))?;
    let policy = HeaderValue::from_str(policy)
        .map_err(|_| Error::Internal("a policy is not a header".to_owned()))?;
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// An error on its way to its face, which [`give_face`] knows.
#[derive(Clone)]
struct Unfaced(Arc<Failed>);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = self.error.status();
        let mut response = status.into_response();
        match self.error {
            Error::TooMany { retry_after } | Error::JiraBusy { retry_after } => {
                let retry_after = HeaderValue::from(retry_after);
                response.headers_mut().insert(RETRY_AFTER, retry_after);
            }
            // The rest of it may still come (RFC 9110, section 15.5.9).
            Error::TooSlow => {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            // RFC 7662, section 2.3: as RFC 6750 has it.
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

/// Whether an answer says that the request was not in order.
fn refuses(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        400 | 401 | 403 | 404 | 405 | 408 | 409 | 410 | 413
    )
}

/// Gives errors of a group of routes their face, and refuses bodies that say they are too large. An
/// address that has been refused too often is told so instead; what is in order stays as it is.
pub async fn give_face(
    State((app, face)): State<(Arc<App>, Face)>,
    request: Request,
    next: Next,
) -> Response {
    let Client(client) = Client::of(request.extensions());
    let mut response = match refuse_large(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if refuses(response.status())
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
    let faced = match face {
        Face::Problem => problem(&app, &failed.error, reference),
        Face::Page => error_page(&app, &failed, reference, false),
        Face::FramedPage => error_page(&app, &failed, reference, true),
    };
    let (mut parts, _) = response.into_parts();
    let (faced_parts, body) = faced.into_parts();
    // The length is that of the body which is replaced.
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    parts.headers.extend(faced_parts.headers);
    Response::from_parts(parts, body)
}

fn problem(app: &App, error: &Error, reference: Option<String>) -> Response {
    let words = error.words(app.parts.service.name());
    let mut body = json!({
        "type": format!("{PROBLEM}{}", words.name),
        "title": words.title,
        "status": error.status().as_u16(),
        "detail": words.detail,
    });
    if let Some(reference) = reference {
        body["instance"] = json!(format!("{OCCURRENCE}{reference}"));
    }
    if let Error::WrongPerson {
        signed_in_as: Some(name),
    } = error
    {
        body["signedInAs"] = json!(name);
    }
    (
        [(CONTENT_TYPE, "application/problem+json")],
        Json(body).into_response().into_body(),
    )
        .into_response()
}

fn error_page(app: &App, failed: &Failed, reference: Option<String>, framed: bool) -> Response {
    let words = failed.error.words(app.parts.service.name());
    let template = ErrorPage {
        app_name: app.appearance.app_name.clone(),
        css: asset(app, "latchkey.css"),
        icon: asset(app, "icon.svg"),
        framed,
        connect_js: framed.then(|| app.appearance.connect_js.to_string()),
        frame_js: framed.then(|| asset(app, "frame.js")),
        title: words.title.to_owned(),
        message: words.detail,
        code: words.name.to_owned(),
        reference,
        still: failed.still.as_ref().map(|name| {
            let service = app.parts.service.name();
            format!("You are still connected to {service} as {name}.")
        }),
        again: failed.again.as_ref().map(|id| address(app, id)),
        look: failed.look.as_ref().map(|id| address(app, id)),
        back: failed.back.clone(),
    };
    let policy = if framed {
        headers::framed_by_any_site(app)
    } else {
        headers::top_level(app)
    };
    page(&template, &policy).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
