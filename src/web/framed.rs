//! The pages that Jira frames. The only personal data on them is, on the finish page, the name of the person whom
//! the frame's own token names. Their scripts ask for the rest with a context token of that person.

use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use super::assets::Asset;
use super::extract::{Framed, Query};
use super::headers;
use super::pages::{asset, initials, page, render, under};
use super::shared::{Shared, TakesGzip};
use crate::app::App;
use crate::error::{Error, Refusal};
use crate::linking;
use crate::model::AttemptId;
use crate::words::{Html, Language, Words};

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
    js: String,
    base: String,
}

/// The glance in each language. It holds nothing of its person or site, so it is made once.
#[derive(Default)]
struct Glances([OnceLock<Shared>; Language::ALL.len()]);

impl Glances {
    fn of(&self, app: &App, words: &Words) -> Result<&Shared, Error> {
        let made = &self.0[words.language() as usize];
        if let Some(made) = made.get() {
            return Ok(made);
        }
        let template = GlancePage {
            app_name: app.appearance.app_name.clone(),
            service: app.parts.service.name().to_owned(),
            texts: words.for_scripts(Asset::Glance.sources()),
            words: words.clone(),
            connect_js: app.appearance.connect_js.to_string(),
            css: asset(app, Asset::Css),
            icon: asset(app, Asset::Icon),
            js: asset(app, Asset::Glance),
            base: app.connect.base_url.path().to_owned(),
        };
        let page = Shared::new(render(&template)?.into_bytes());
        Ok(made.get_or_init(|| page))
    }

    /// The answer to the token of a frame.
    fn answer(
        &self,
        app: &App,
        Framed(token): Framed,
        words: &Words,
        takes_gzip: TakesGzip,
    ) -> Result<Response, Error> {
        // Jira's bridge gives no token to an anonymous visitor, so the script could not explain this.
        if token.is_anonymous() {
            return Err(Error::NotAllowed(Refusal::Anonymous));
        }
        let mut page = self.of(app, words)?.answer(takes_gzip);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        page.headers_mut().insert(CONTENT_TYPE, html);
        under(&headers::framed_by(app, token.tenant()), words, page)
    }
}

/// `GET /connect/glance`.
pub fn glance()
-> impl Fn(State<Arc<App>>, Framed, Words, TakesGzip) -> Ready<Result<Response, Error>> + Clone {
    let glances = Arc::new(Glances::default());
    move |State(app), token, words, gzip| ready(glances.answer(&app, token, &words, gzip))
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
        texts: words.for_scripts(Asset::Admin.sources()),
        words,
        connect_js: app.appearance.connect_js.to_string(),
        css: asset(&app, Asset::Css),
        icon: asset(&app, Asset::Icon),
        js: asset(&app, Asset::Admin),
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
        texts: words.for_scripts(Asset::Finish.sources()),
        words,
        connect_js: app.appearance.connect_js.to_string(),
        css: asset(&app, Asset::Css),
        icon: asset(&app, Asset::Icon),
        js: asset(&app, Asset::Finish),
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
