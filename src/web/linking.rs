//! The pages in a tab of their own, and what the finish page's script calls.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{HeaderName, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json as json_value};

use super::assets::Asset;
use super::extract::{
    Browser, Form, Handle, Opened, OwnForm, Query, SameSite, SmallBody, is_of_forge, json,
};
use super::headers;
use super::look::Top;
use super::pages::{address, asset, initials, page};
use crate::app::App;
use crate::atlassian::Viewer;
use crate::error::Error;
use crate::events::Event;
use crate::linking::{self, BothAccounts, Failed, Introduction, Over, Travelled, View, WayOn};
use crate::model::{AttemptId, Ending, Identity, IssueKey, LinkStatus, Look, Whereabouts};
use crate::secret::Secret;
use crate::service::provider::CallbackQuery;
use crate::service::registration::ServiceLooks;
use crate::words::{Message, Words};

/// How often a browser looks whether a code has been redeemed by another request.
const LOOK_AGAIN: (HeaderName, &str) = (HeaderName::from_static("refresh"), "2");

fn see_other(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// `POST /link`, from the form in the glance.
pub async fn begin(
    State(app): State<Arc<App>>,
    _: OwnForm,
    browser: Browser,
    body: SmallBody,
) -> Result<Response, Failed> {
    let form = Form::of(&body);
    let (language, color_mode) = (form.only("language"), form.only("color_mode"));
    let look = Look::parse(language.as_deref(), color_mode.as_deref());
    let beginning = Beginning {
        token: form.only("jwt"),
        issue: form.only("issue"),
        another: form.only("another").is_some_and(|value| !value.is_empty()),
        travelled: Travelled::InForm,
        look,
    };
    let mut response = start(&app, &browser, beginning).await.into_response();
    // The page of an error looks as the one that was asked for would have.
    response.extensions_mut().insert(look);
    Ok(response)
}

/// `GET /link?jwt=`, for callers that can only open an address.
pub async fn begin_by_address(
    State(app): State<Arc<App>>,
    opened: Opened,
    browser: Browser,
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
        look: Look::default(),
    };
    start(&app, &browser, beginning).await
}

/// `POST /api/link/ticket`, from the panel of Forge.
pub async fn ticket(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    headers: HeaderMap,
    body: SmallBody,
) -> Result<Json<Value>, Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wish {
        issue: Option<String>,
        another: bool,
        language: Option<String>,
        color_mode: Option<String>,
    }
    if !is_of_forge(&headers) {
        return Err(Error::WrongCaller);
    }
    let wish: Wish = match body.0.is_empty() {
        true => Wish::default(),
        false => json(&body)?,
    };
    let issue = wish.issue.as_deref().and_then(IssueKey::parse);
    let look = Look::parse(wish.language.as_deref(), wish.color_mode.as_deref());
    let ticket = linking::ticket(&app.linking, &viewer, issue, wish.another, look).await?;
    let url = format!("{}/link/t/{}", app.connect.base_url.full(), ticket.expose());
    Ok(Json(json_value!({ "url": url })))
}

/// `GET /link/t/{ticket}`.
pub async fn begin_by_ticket(
    State(app): State<Arc<App>>,
    opened: Opened,
    browser: Browser,
    Path(ticket): Path<String>,
) -> Result<Response, Failed> {
    if matches!(opened, Opened::HeadOnly) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (id, look) = linking::begin_by_ticket(&app.linking, &Secret::new(ticket)).await?;
    browser.begins(&id, look).await?;
    Ok(see_other(&address(&app, &id)))
}

/// What an attempt begins with.
struct Beginning {
    token: Option<String>,
    issue: Option<String>,
    another: bool,
    travelled: Travelled,
    look: Look,
}

async fn start(app: &App, browser: &Browser, beginning: Beginning) -> Result<Response, Failed> {
    let token = beginning
        .token
        .ok_or(Error::Unauthorized("there is no token"))?;
    let token = app.connect.context(&token).await?;
    let issue = beginning.issue.as_deref().and_then(IssueKey::parse);
    let back = token.tenant().back(issue.as_ref());
    let Beginning {
        travelled,
        another,
        look,
        ..
    } = beginning;
    let id = linking::begin(&app.linking, token, travelled, issue, another)
        .await
        .map_err(|error| Failed {
            // An error that anyone can cause must not name a site.
            back: error.has_reference().then_some(back),
            ..Failed::from(error)
        })?;
    browser.begins(&id, look).await?;
    Ok(see_other(&address(app, &id)))
}

/// `GET /link/{id}`: what the attempt has come to. Once it is proved, the first look redeems the code.
pub async fn look(
    State(app): State<Arc<App>>,
    opened: Opened,
    browser: Browser,
    top: Top,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    let (id, begun) = browser.own(&app, id).await?;
    if matches!(opened, Opened::HeadOnly) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    match linking::look(&app.linking, &id, &begun, &top.words).await? {
        View::Introduction(introduction) => Ok(introduce(&app, top, &id, introduction)?),
        View::Redeeming { site } => {
            let template = WaitingPage {
                app_name: app.appearance.app_name.clone(),
                step: Some(top.words.step_three()),
                css: asset(&app, Asset::Css),
                icon: asset(&app, Asset::Icon),
                color_mode: top.color_mode,
                words: top.words,
                site,
            };
            let page = page(&template, &template.words, &headers::top_level(&app))?;
            Ok(([LOOK_AGAIN], page).into_response())
        }
        View::BothAccounts(both) => Ok(show_both(&app, top, &id, *both)?),
        View::Over(outcome) => {
            let newest = outcome.newest.as_ref().map(|id| address(&app, id));
            let template = OverPage::of(&app, top, *outcome, newest);
            let (status, policy) = (template.status(), headers::top_level(&app));
            Ok((status, page(&template, &template.words, &policy)?).into_response())
        }
    }
}

fn introduce(
    app: &App,
    top: Top,
    id: &AttemptId,
    introduction: Introduction,
) -> Result<Response, Error> {
    let linked = introduction.linked_as.is_some();
    let template = LinkPage {
        app_name: app.appearance.app_name.clone(),
        step: Some(top.words.step_one()),
        looks: app.appearance.service.clone(),
        allowed: allowed(&top.words, &app.parts.service.scopes()),
        css: asset(app, Asset::Css),
        icon: asset(app, Asset::Icon),
        color_mode: top.color_mode,
        browsers: top.browsers,
        js: asset(app, Asset::Link),
        shown: introduction.shown,
        avatar_initials: initials(&introduction.person),
        site: introduction.site,
        person: introduction.person,
        action: address(app, id),
        issue: introduction.issue.map(|issue| issue.to_string()),
        another: introduction.another,
        // People who came for another account choose at the service; others may ask for that here.
        offers_another: linked && introduction.may_choose && !introduction.another,
        log_out_first: (introduction.another || linked) && !introduction.may_choose,
        awaits_jira: introduction.awaits_jira,
        notice: introduction
            .linked_as
            .map(|name| top.words.link_connected_as(&name)),
        words: top.words,
    };
    page(
        &template,
        &template.words,
        &headers::top_level_that_tells(app),
    )
}

/// What the scopes that are asked for let the app do at the service, in words. One that is not known is named.
fn allowed(words: &Words, scopes: &[&str]) -> Vec<Message> {
    let mut lines: Vec<Message> = Vec::new();
    for scope in scopes {
        let line = match *scope {
            // Those of OpenID Connect Core, sections 5.4 and 11, and what the known services call the same.
            "openid" | "users:read" | "current_user:read" | "users.profile:read" | "read_user" => {
                words.allow_identity().into()
            }
            "profile" => words.allow_profile().into(),
            "email" => words.allow_email().into(),
            "offline_access" => words.allow_offline().into(),
            "read" => words.allow_read().into(),
            other => words.allow_other(other),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        // The registration of the app at the service says what else.
        lines.push(words.allow_identity().into());
    }
    lines
}

fn show_both(app: &App, top: Top, id: &AttemptId, both: BothAccounts) -> Result<Response, Error> {
    let action = address(app, id);
    let template = BothPage {
        app_name: app.appearance.app_name.clone(),
        step: Some(top.words.step_three()),
        looks: app.appearance.service.clone(),
        service: app.parts.service.name().to_owned(),
        css: asset(app, Asset::Css),
        icon: asset(app, Asset::Icon),
        js: asset(app, Asset::Confirm),
        color_mode: top.color_mode,
        browsers: top.browsers,
        words: top.words,
        confirm: format!("{action}/confirm"),
        action,
        person_initials: initials(&both.person),
        service_initials: initials(&both.identity.display_name),
        both,
    };
    page(
        &template,
        &template.words,
        &headers::top_level_with_script(app),
    )
}

/// `POST /link/{id}`: on to the service, by one button to choose another account there; or an end to it,
/// at any step; or the word of the page that it was closed.
pub async fn authorize(
    State(app): State<Arc<App>>,
    _: SameSite,
    browser: Browser,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Response, Failed> {
    let (id, _) = browser.own(&app, id).await?;
    let form = Form::of(&body);
    if let Some(shown) = form.only("left") {
        let shown = shown.parse().unwrap_or_default();
        linking::leave(&app.linking, &id, shown).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
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

/// A page that is out of date leads to the same page as it is now, which shows the attempt as it is.
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
    browser: Browser,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Response, Failed> {
    let (id, _) = browser.own(&app, id).await?;
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
    browser: Browser,
    from: Whereabouts,
    query: Query,
) -> Result<Response, Failed> {
    let begun = browser.attempts().await?;
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
    headers: HeaderMap,
    Path(id): Path<String>,
    body: SmallBody,
) -> Result<Json<Value>, Error> {
    let Handle { handle } = json(&body)?;
    let id = AttemptId(id);
    let of_forge = is_of_forge(&headers);
    let from = (!of_forge).then_some(from);
    let issue = linking::prove(&app.linking, &viewer, &id, &handle, from).await?;
    let mut answer = json_value!({
        "next": format!("{}/link/{id}", app.connect.base_url.full()),
    });
    if of_forge {
        // The page of Connect has this from the server; that of Forge is the same for every person.
        let (tenant, account) = (viewer.tenant(), viewer.account());
        let person = linking::name_in_jira(&app.linking, tenant, account).await?;
        answer["signedInAs"] = json_value!(person);
        answer["site"] = json_value!(tenant.site());
        answer["issue"] = json_value!(issue.map(|issue| issue.to_string()));
    }
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
    linking::cancel(&app.linking, &viewer, &AttemptId(id), &handle).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The linking page.
#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    words: Words,
    browsers: Option<Words>,
    color_mode: Option<&'static str>,
    app_name: String,
    step: Option<String>,
    looks: ServiceLooks,
    /// What the person allows at the service.
    allowed: Vec<Message>,
    css: String,
    icon: String,
    js: String,
    shown: i64,
    site: String,
    person: String,
    avatar_initials: String,
    action: String,
    issue: Option<String>,
    notice: Option<Message>,
    another: bool,
    offers_another: bool,
    log_out_first: bool,
    awaits_jira: bool,
}

/// The page with both accounts.
#[derive(Template)]
#[template(path = "both.html")]
struct BothPage {
    words: Words,
    browsers: Option<Words>,
    color_mode: Option<&'static str>,
    app_name: String,
    step: Option<String>,
    looks: ServiceLooks,
    service: String,
    css: String,
    icon: String,
    js: String,
    action: String,
    confirm: String,
    person_initials: String,
    service_initials: String,
    both: BothAccounts,
}

impl BothPage {
    /// That other people are connected to the same account.
    fn shared(&self) -> Option<Message> {
        Some(match self.both.also_linked_by.as_slice() {
            [] => return None,
            [one] => self.words.both_shared_one(one),
            [one, two] => self.words.both_shared_two(one, two),
            [one, two, three, ..] => self.words.both_shared_three(one, two, three),
        })
    }

    /// That the account that is connected now will be replaced.
    fn replacement(&self, replaced: &Identity) -> Message {
        let (old, new) = (self.full(replaced), self.full(&self.both.identity));
        self.words.both_replaces(&old, &new)
    }

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
struct WaitingPage {
    words: Words,
    color_mode: Option<&'static str>,
    app_name: String,
    step: Option<String>,
    css: String,
    icon: String,
    site: String,
}

/// What became of an attempt.
#[derive(Template)]
#[template(path = "over.html")]
struct OverPage {
    words: Words,
    color_mode: Option<&'static str>,
    app_name: String,
    step: Option<String>,
    looks: ServiceLooks,
    css: String,
    icon: String,
    /// Shown with a check mark.
    connected: bool,
    title: Message,
    lines: Vec<Message>,
    code: Option<&'static str>,
    /// An attempt of this browser that goes on.
    newest: Option<String>,
    back: String,
    back_label: Message,
}

impl OverPage {
    /// In words, of the current state.
    fn of(app: &App, top: Top, outcome: Over, newest: Option<String>) -> Self {
        let words = top.words;
        let (how, link) = (outcome.how, outcome.link.as_ref());
        let works = link.filter(|link| link.state != "reconnect");
        // The newer attempt that replaced this one may have become the link that there is now.
        let how = match how {
            Ending::Replaced if outcome.connected_since => Ending::Connected,
            how => how,
        };
        let (title, lines) = match (how, works, link) {
            (Ending::Connected, Some(link), _) => connected(&words, link, outcome.issue.as_ref()),
            (Ending::Connected, None, lost) => connected_once(&words, lost),
            (how, works, _) => not_connected(how, &words, works),
        };
        let done_by_the_person = matches!(how, Ending::Connected | Ending::Cancelled);
        let back_label = match &outcome.issue {
            Some(issue) => words.back_to_issue(issue.as_str()),
            None => words.back_to_jira().into(),
        };
        Self {
            app_name: app.appearance.app_name.clone(),
            step: None,
            looks: app.appearance.service.clone(),
            css: asset(app, Asset::Css),
            icon: asset(app, Asset::Icon),
            color_mode: top.color_mode,
            connected: how == Ending::Connected && works.is_some_and(|link| link.reason.is_none()),
            title,
            lines,
            code: (!done_by_the_person).then_some(OVER),
            newest: newest.filter(|_| how == Ending::Replaced),
            back: outcome.back,
            back_label,
            words,
        }
    }

    /// 410 where the page is of no use any more. What the person did themselves is no error.
    fn status(&self) -> StatusCode {
        match self.code {
            Some(_) => StatusCode::GONE,
            None => StatusCode::OK,
        }
    }
}

/// A title, and the lines below it.
type Wording = (Message, Vec<Message>);

fn name(link: &LinkStatus) -> &str {
    link.display_name.as_deref().unwrap_or_default()
}

fn connected(words: &Words, link: &LinkStatus, issue: Option<&IssueKey>) -> Wording {
    let waits = (link.state == "linking").then(|| words.over_jira_waits());
    // While there is no valid key, the link says why.
    let waits = link.reason.clone().or(waits).map(Message::from);
    let renews = match issue {
        Some(issue) => words.over_renews_issue(issue.as_str()),
        None => words.over_renews().into(),
    };
    let lines = waits.into_iter().chain([renews]).collect();
    let title = match link.has_run_out {
        true => words.key_expired_title().into(),
        false => words.connected_as(name(link)),
    };
    (title, lines)
}

/// The attempt connected an account; its link needs its person now, or is gone.
fn connected_once(words: &Words, lost: Option<&LinkStatus>) -> Wording {
    match lost {
        Some(link) => {
            let reason = link.reason.clone().unwrap_or_default();
            let lines = vec![reason.into(), words.over_reconnect().into()];
            (words.reconnect_title().into(), lines)
        }
        None => {
            let lines = vec![words.over_disconnected().into()];
            (words.over_disconnected_title().into(), lines)
        }
    }
}

fn not_connected(how: Ending, words: &Words, works: Option<&LinkStatus>) -> Wording {
    let holds = match works {
        Some(link) => words.still_connected(name(link)),
        None => words.nothing_connected().into(),
    };
    // While there is no valid key, the link says why.
    let reason = works.and_then(|link| link.reason.clone());
    let (title, before, after) = match how {
        Ending::Connected | Ending::Cancelled => (words.over_cancelled_title(), None, None),
        Ending::Replaced => (
            words.over_replaced_title(),
            Some(words.over_replaced()),
            None,
        ),
        Ending::Refused => (words.over_refused_title(), Some(words.over_refused()), None),
        Ending::Failed => (
            words.over_failed_title(),
            Some(words.over_failed()),
            Some(words.over_failed_again()),
        ),
        Ending::Disconnected => (
            words.over_disconnected_meanwhile_title(),
            Some(words.over_ended()),
            None,
        ),
        Ending::Uninstalled => (
            words.over_uninstalled_title(),
            Some(words.over_ended()),
            None,
        ),
    };
    let before = before.map(Message::from).into_iter();
    let after = reason.into_iter().chain(after).map(Message::from);
    let lines = before.chain([holds]).chain(after).collect();
    (title.into(), lines)
}

/// The code of every attempt that is over.
const OVER: &str = "attempt-over";
