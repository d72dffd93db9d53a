//! The pages that Jira frames. The only personal data on them is, on the finish page, the name of the person whom
//! the frame's own token names. Their scripts ask for the rest with a context token of that person.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::extract::{Framed, Query};
use super::headers;
use super::pages::{asset, initials, page};
use crate::app::App;
use crate::error::{Error, Refusal};
use crate::linking;
use crate::model::{AttemptId, IssueKey};
use crate::words::{Html, Words};

/// The glance in the issue.
#[derive(Template)]
#[template(path = "glance.html")]
struct GlancePage {
    app_name: String,
    words: Words,
    texts: Html,
    service: String,
    connect_js: String,
    css: String,
    icon: String,
    frame_js: String,
    door_js: String,
    js: String,
    base: String,
    issue: String,
}

/// `GET /connect/glance`.
pub async fn glance(
    State(app): State<Arc<App>>,
    Framed(token): Framed,
    words: Words,
    query: Query,
) -> Result<Response, Error> {
    // Jira's bridge gives no token to an anonymous visitor, so the script could not explain this.
    if token.is_anonymous() {
        return Err(Error::NotAllowed(Refusal::Anonymous));
    }
    let issue = query
        .only("issue")
        .and_then(|issue| IssueKey::parse(&issue));
    let template = GlancePage {
        app_name: app.appearance.app_name.clone(),
        service: app.parts.service.name().to_owned(),
        texts: words.for_scripts(&["frame.js", "door-connect.js", "glance.js"]),
        words,
        connect_js: app.appearance.connect_js.to_string(),
        css: asset(&app, "latchkey.css"),
        icon: asset(&app, "icon.svg"),
        frame_js: asset(&app, "frame.js"),
        door_js: asset(&app, "door-connect.js"),
        js: asset(&app, "glance.js"),
        base: app.connect.base_url.path().to_owned(),
        issue: issue.map(|issue| issue.to_string()).unwrap_or_default(),
    };
    page(
        &template,
        &template.words,
        &headers::framed_by(&app, token.tenant()),
    )
}

/// The page for the admins of a site.
#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    app_name: String,
    words: Words,
    texts: Html,
    connect_js: String,
    css: String,
    icon: String,
    frame_js: String,
    door_js: String,
    js: String,
    base: String,
}

/// `GET /connect/admin`. It holds nothing of the site: its script asks for that, and each answer takes an admin.
pub async fn admin(
    State(app): State<Arc<App>>,
    Framed(token): Framed,
    words: Words,
) -> Result<Response, Error> {
    if token.is_anonymous() {
        return Err(Error::NotAllowed(Refusal::Anonymous));
    }
    let template = AdminPage {
        app_name: app.appearance.app_name.clone(),
        texts: words.for_scripts(&["frame.js", "door-connect.js", "admin.js"]),
        words,
        connect_js: app.appearance.connect_js.to_string(),
        css: asset(&app, "latchkey.css"),
        icon: asset(&app, "icon.svg"),
        frame_js: asset(&app, "frame.js"),
        door_js: asset(&app, "door-connect.js"),
        js: asset(&app, "admin.js"),
        base: app.connect.base_url.path().to_owned(),
    };
    page(
        &template,
        &template.words,
        &headers::framed_by(&app, token.tenant()),
    )
}

/// The page in Jira that proves who came back, and leads on.
#[derive(Template)]
#[template(path = "finish.html")]
struct FinishPage {
    app_name: String,
    words: Words,
    texts: Html,
    service: String,
    connect_js: String,
    css: String,
    icon: String,
    frame_js: String,
    door_js: String,
    js: String,
    base: String,
    attempt: String,
    handle: String,
    back: String,
    /// The person whom the token of this frame names: the one who is signed in here.
    person: String,
    avatar_initials: String,
    site: String,
}

/// `GET /connect/finish`.
pub async fn finish(
    State(app): State<Arc<App>>,
    Framed(token): Framed,
    words: Words,
    query: Query,
) -> Result<Response, Error> {
    let tenant = token.tenant();
    let Some(account) = token.account() else {
        return Err(Error::NotAllowed(Refusal::Anonymous));
    };
    let person = linking::name_in_jira(&app.linking, tenant, account).await?;
    let attempt = query.only("attempt").unwrap_or_default();
    // The issue is told only to its own site.
    let issue = app
        .parts
        .store
        .attempt(&AttemptId(attempt.clone()), app.parts.clock.now())
        .await?
        .filter(|(of, _)| of.client_key == tenant.client_key)
        .and_then(|(_, attempt)| attempt.issue);
    let template = FinishPage {
        app_name: app.appearance.app_name.clone(),
        service: app.parts.service.name().to_owned(),
        texts: words.for_scripts(&["frame.js", "door-connect.js", "finish.js"]),
        words,
        connect_js: app.appearance.connect_js.to_string(),
        css: asset(&app, "latchkey.css"),
        icon: asset(&app, "icon.svg"),
        frame_js: asset(&app, "frame.js"),
        door_js: asset(&app, "door-connect.js"),
        js: asset(&app, "finish.js"),
        base: app.connect.base_url.path().to_owned(),
        attempt,
        handle: query.only("handle").unwrap_or_default(),
        back: tenant.back(issue.as_ref()),
        avatar_initials: initials(&person),
        person,
        site: tenant.site().to_owned(),
    };
    page(
        &template,
        &template.words,
        &headers::framed_by(&app, tenant),
    )
}
