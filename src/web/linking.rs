//! The pages in a tab of their own, and what the finish page's script calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json as json_value};
use tower_sessions::Session;

use super::extract::{Form, Handle, Query, SameSite, SmallBody, json};
use super::pages::{LinkPage, asset, page};
use super::{headers, session};
use crate::App;
use crate::connect::Viewer;
use crate::error::Error;
use crate::events::Event;
use crate::linking::{self, BothAccounts, Failed, Travelled};
use crate::model::{AttemptId, IssueKey};
use crate::provider::CallbackQuery;
use crate::secret::Secret;

fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `POST /link`, from the form in the glance.
pub async fn begin(
    State(app): State<Arc<App>>,
    session: Session,
    body: SmallBody,
) -> Result<Response, Failed> {
    let form = Form::of(&body);
    let beginning = Beginning {
        token: form.only("jwt"),
        issue: form.only("issue"),
        another: form.only("another").is_some_and(|value| !value.is_empty()),
        travelled: Travelled::InForm,
    };
    start(&app, &session, beginning).await
}

/// `GET /link?jwt=`, for callers that can only open an address.
pub async fn begin_by_address(
    State(app): State<Arc<App>>,
    session: Session,
    query: Query,
) -> Result<Response, Failed> {
    let beginning = Beginning {
        token: query.only("jwt"),
        issue: query.only("issue"),
        another: query.only("another").is_some_and(|value| !value.is_empty()),
        travelled: Travelled::InAddress,
    };
    start(&app, &session, beginning).await
}

/// What an attempt begins with.
struct Beginning {
    token: Option<String>,
    issue: Option<String>,
    another: bool,
    travelled: Travelled,
}

async fn start(app: &App, session: &Session, beginning: Beginning) -> Result<Response, Failed> {
    let token = beginning
        .token
        .ok_or(Error::Unauthorized("there is no token"))?;
    let token = app.connect.context(&token).await?;
    let issue = beginning.issue.as_deref().and_then(IssueKey::parse);
    let back = token.tenant().back(issue.as_ref());
    let (travelled, another) = (beginning.travelled, beginning.another);
    let id = linking::begin(app, token, travelled, issue, another)
        .await
        .map_err(|error| Failed {
            // What anybody can bring about says nothing of a site.
            back: error.has_reference().then_some(back),
            error,
        })?;
    session::start(session, &id).await?;
    Ok(see_other(&address(app, &id)))
}

fn address(app: &App, id: &AttemptId) -> String {
    format!("{}/link/{id}", app.connect.base_url.path())
}

/// The attempt in the address, if this browser began it.
async fn own(app: &App, session: &Session, id: String) -> Result<AttemptId, Error> {
    let own = begun(app, session).await?;
    if own.as_str() == id {
        Ok(own)
    } else {
        app.events.record(Event::WrongBrowser);
        Err(Error::WrongBrowser)
    }
}

/// The attempt that this browser began.
async fn begun(app: &App, session: &Session) -> Result<AttemptId, Error> {
    let begun = session::attempt(session).await;
    if matches!(begun, Err(Error::WrongBrowser)) {
        app.events.record(Event::WrongBrowser);
    }
    begun
}

/// `GET /link/{id}`: who you are in Jira, and what will be shared.
pub async fn introduce(
    State(app): State<Arc<App>>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let id = own(&app, &session, id).await?;
    let introduction = linking::introduce(&app, &id).await?;
    let service = app.provider.name().to_owned();
    let template = LinkPage {
        app_name: app.app_name.clone(),
        css: asset(&app, "latchkey.css"),
        icon: asset(&app, "icon.svg"),
        avatar_initials: initials(&introduction.person),
        site: introduction.site,
        person: introduction.person,
        action: address(&app, &id),
        issue: introduction.issue.map(|issue| issue.to_string()),
        another: introduction.another,
        // Who came for another account is asked at the service; others may say so here.
        offers_another: introduction.linked_as.is_some()
            && introduction.may_choose
            && !introduction.another,
        log_out_first: (introduction.another || introduction.linked_as.is_some())
            && !introduction.may_choose,
        notice: introduction.linked_as.map(|name| {
            format!("You are connected to {service} as {name}. That stays until you confirm another account.")
        }),
        service,
    };
    Ok(page(&template, &headers::top_level(&app))?)
}

fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first
        .into_iter()
        .chain(last)
        .flat_map(char::to_uppercase)
        .collect()
}

/// `POST /link/{id}`: on to the service, by one button to choose another account there, or back to Jira.
pub async fn authorize(
    State(app): State<Arc<App>>,
    _: SameSite,
    session: Session,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Response, Failed> {
    let id = own(&app, &session, id).await?;
    let form = Form::of(&body);
    let location = if form.only("cancel").is_some() {
        linking::turn_back(&app, &id).await?
    } else {
        linking::authorize(&app, &id, form.only("another").is_some()).await?
    };
    Ok(see_other(&location))
}

/// `GET /link/callback`: back from the service, and on through Jira.
pub async fn returned(
    State(app): State<Arc<App>>,
    session: Session,
    query: Query,
) -> Result<Response, Failed> {
    let id = begun(&app, &session).await?;
    let callback = CallbackQuery {
        code: query.only("code").map(Secret::new),
        state: query.only("state").map(Secret::new),
        iss: query.only("iss"),
        error: query.only("error"),
    };
    let way_back = linking::returned(&app, &id, callback).await?;
    Ok(see_other(&way_back))
}

/// `POST /link/{id}/prove`.
pub async fn prove(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Json<BothAccounts>, Error> {
    let Handle { handle } = json(&body)?;
    linking::prove(&app, viewer, AttemptId(id), handle)
        .await
        .map(Json)
}

/// `POST /link/{id}/confirm`.
pub async fn confirm(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Json<Value>, Error> {
    let Handle { handle } = json(&body)?;
    let (status, back) = linking::confirm(&app, viewer, AttemptId(id), handle).await?;
    let mut answer = json_value!(status);
    answer["back"] = json_value!(back);
    Ok(Json(answer))
}

/// `POST /link/{id}/cancel`.
pub async fn cancel(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let Handle { handle } = json(&body)?;
    linking::cancel(&app, &viewer, &AttemptId(id), &handle).await?;
    Ok(StatusCode::NO_CONTENT)
}
