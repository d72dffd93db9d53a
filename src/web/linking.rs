//! The pages in a tab of their own, and what the finish page's script calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, LOCATION};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json as json_value};
use tower_sessions::Session;

use super::extract::{Form, Handle, Opened, OwnForm, Query, SameSite, SmallBody, json};
use super::pages::{BothPage, LinkPage, OverPage, WaitingPage, asset, page};
use super::{headers, session};
use crate::app::App;
use crate::atlassian::connect::Viewer;
use crate::error::Error;
use crate::events::Event;
use crate::linking::{self, BothAccounts, Failed, Introduction, Travelled, View, WayOn};
use crate::model::{AttemptId, IssueKey, Whereabouts};
use crate::secret::Secret;
use crate::service::provider::CallbackQuery;

/// How often a browser looks whether a code has been redeemed by another request.
const LOOK_AGAIN: (HeaderName, &str) = (HeaderName::from_static("refresh"), "2");

fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `POST /link`, from the form in the glance.
pub async fn begin(
    State(app): State<Arc<App>>,
    _: OwnForm,
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
    opened: Opened,
    session: Session,
    query: Query,
) -> Result<Response, Failed> {
    if matches!(opened, Opened::HeadOnly) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
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
    let id = linking::begin(&app.linking, token, travelled, issue, another)
        .await
        .map_err(|error| Failed {
            // What anybody can bring about says nothing of a site.
            back: error.has_reference().then_some(back),
            ..Failed::from(error)
        })?;
    session::begun(session, &id).await?;
    Ok(see_other(&address(app, &id)))
}

/// The address of an attempt's pages.
pub fn address(app: &App, id: &AttemptId) -> String {
    format!("{}/link/{id}", app.connect.base_url.path())
}

/// The attempt in the address, if this browser began it, and all that it began.
async fn own(
    app: &App,
    session: &Session,
    id: String,
) -> Result<(AttemptId, Vec<AttemptId>), Error> {
    let begun = session::attempts(session).await?;
    match begun.iter().find(|own| own.as_str() == id) {
        Some(own) => Ok((own.clone(), begun)),
        None => {
            app.events.record(Event::WrongBrowser);
            Err(Error::WrongBrowser)
        }
    }
}

/// `GET /link/{id}`: what the attempt has come to. Once it is proved, the first look redeems the code.
pub async fn look(
    State(app): State<Arc<App>>,
    opened: Opened,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let (id, begun) = own(&app, &session, id).await?;
    if matches!(opened, Opened::HeadOnly) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    match linking::look(&app.linking, &id, &begun).await? {
        View::Introduction(introduction) => Ok(introduce(&app, &id, introduction)?),
        View::Redeeming { site } => {
            let template = WaitingPage {
                app_name: app.appearance.app_name.clone(),
                service: app.parts.service.name().to_owned(),
                css: asset(&app, "latchkey.css"),
                icon: asset(&app, "icon.svg"),
                site,
            };
            let page = page(&template, &headers::top_level(&app))?;
            Ok(([LOOK_AGAIN], page).into_response())
        }
        View::BothAccounts(both) => Ok(show_both(&app, &id, *both)?),
        View::Over(outcome) => {
            let newest = outcome.newest.as_ref().map(|id| address(&app, id));
            let template = OverPage::of(&app, *outcome, newest);
            let (status, policy) = (template.status(), headers::top_level(&app));
            Ok((status, page(&template, &policy)?).into_response())
        }
    }
}

fn introduce(app: &App, id: &AttemptId, introduction: Introduction) -> Result<Response, Error> {
    let service = app.parts.service.name().to_owned();
    let linked = introduction.linked_as.is_some();
    let template = LinkPage {
        app_name: app.appearance.app_name.clone(),
        css: asset(app, "latchkey.css"),
        icon: asset(app, "icon.svg"),
        avatar_initials: initials(&introduction.person),
        site: introduction.site,
        person: introduction.person,
        action: address(app, id),
        issue: introduction.issue.map(|issue| issue.to_string()),
        another: introduction.another,
        // Who came for another account is asked at the service; others may say so here.
        offers_another: linked && introduction.may_choose && !introduction.another,
        log_out_first: (introduction.another || linked) && !introduction.may_choose,
        awaits_jira: introduction.awaits_jira,
        notice: introduction.linked_as.map(|name| {
            format!("You are connected to {service} as {name}. That stays until you connect another account.")
        }),
        service,
    };
    page(&template, &headers::top_level(app))
}

fn show_both(app: &App, id: &AttemptId, both: BothAccounts) -> Result<Response, Error> {
    let action = address(app, id);
    let template = BothPage {
        app_name: app.appearance.app_name.clone(),
        service: app.parts.service.name().to_owned(),
        css: asset(app, "latchkey.css"),
        icon: asset(app, "icon.svg"),
        js: asset(app, "confirm.js"),
        confirm: format!("{action}/confirm"),
        action,
        person_initials: initials(&both.person),
        service_initials: initials(&both.identity.display_name),
        both,
    };
    page(&template, &headers::top_level_with_script(app))
}

/// What stands for a person without a picture: the first letters of their first and last name.
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

/// `POST /link/{id}`: on to the service, by one button to choose another account there; or an end to it,
/// at any step.
pub async fn authorize(
    State(app): State<Arc<App>>,
    _: SameSite,
    session: Session,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Response, Failed> {
    let (id, _) = own(&app, &session, id).await?;
    let form = Form::of(&body);
    if form.only("cancel").is_some() {
        linking::turn_back(&app.linking, &id).await?;
        return Ok(see_other(&address(&app, &id)));
    }
    let another = form.only("another").is_some();
    let location = linking::authorize(&app.linking, &id, another).await;
    location
        .map(|location| see_other(&location))
        .map_err(|failed| leads_back(failed, &id))
}

/// A page that is out of date leads to the same page as it is now, which says what became of the attempt.
fn leads_back(failed: Failed, id: &AttemptId) -> Failed {
    match failed.error {
        Error::OutOfDate | Error::AttemptOver(_) => Failed {
            look: Some(id.clone()),
            ..failed
        },
        _ => failed,
    }
}

/// `POST /link/{id}/confirm`: the click that links.
pub async fn confirm(
    State(app): State<Arc<App>>,
    _: SameSite,
    session: Session,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Response, Failed> {
    let (id, _) = own(&app, &session, id).await?;
    let shown = Form::of(&body).only("page").unwrap_or_default();
    let confirmed = linking::confirm(&app.linking, &id, &shown).await;
    confirmed
        .map(|()| see_other(&address(&app, &id)))
        .map_err(|failed| leads_back(failed, &id))
}

/// `GET /link/callback`: back from the service, and on through Jira.
pub async fn returned(
    State(app): State<Arc<App>>,
    opened: Opened,
    session: Session,
    from: Whereabouts,
    query: Query,
) -> Result<Response, Failed> {
    let begun = session::attempts(&session).await?;
    if begun.is_empty() {
        app.events.record(Event::WrongBrowser);
        return Err(Error::WrongBrowser.into());
    }
    if matches!(opened, Opened::HeadOnly) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let callback = CallbackQuery {
        code: query.only("code").map(Secret::new),
        state: query.only("state").map(Secret::new),
        iss: query.only("iss"),
        error: query.only("error"),
    };
    Ok(
        match linking::returned(&app.linking, &begun, callback, from).await? {
            WayOn::Jira(way_back) => see_other(&way_back),
            WayOn::Attempt(id) => see_other(&address(&app, &id)),
        },
    )
}

/// `POST /link/{id}/prove`.
pub async fn prove(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    from: Whereabouts,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Json<Value>, Error> {
    let Handle { handle } = json(&body)?;
    let id = AttemptId(id);
    linking::prove(&app.linking, viewer, &id, &handle, from).await?;
    let next = format!("{}/link/{id}", app.connect.base_url.full());
    Ok(Json(json_value!({ "next": next })))
}

/// `POST /link/{id}/cancel`.
pub async fn cancel(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<StatusCode, Error> {
    let Handle { handle } = json(&body)?;
    linking::cancel(&app.linking, &viewer, &AttemptId(id), &handle).await?;
    Ok(StatusCode::NO_CONTENT)
}
