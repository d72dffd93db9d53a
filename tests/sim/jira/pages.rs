//! What people see of a site in a browser: signing in, an issue, a page of the app.

use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, body::Body};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::face::{At, CallNumber};
use super::forge::host;
use super::{AccountType, App, Caller, Issue, Jira, Overrides, Person, Site, Theme, tokens};

pub const SESSION_COOKIE: &str = "cloud.session.token";

pub fn routes() -> Router<Jira> {
    Router::new()
        .route("/", get(async || Redirect::to("/browse/KEY-1")))
        .route("/login", get(login_page).post(login))
        .route("/logout", post(logout))
        .route("/browse/{key}", get(issue_page))
        .route("/plugins/servlet/ac/{app}/{module}", get(app_page))
        .route("/s/context-token", post(context_token))
        .route("/s/theme", post(switch_theme))
        .route("/s/jira.css", get(async || css(include_str!("jira.css"))))
        .route(
            "/s/tokens.css",
            get(async || css(include_str!("tokens.css"))),
        )
        .route("/s/host.js", get(async || script(include_str!("host.js"))))
        .merge(host::site_routes())
        // Nobody may put Jira into a frame; Jira puts others into frames.
        .layer(middleware::from_fn(async |request: Request, next: Next| {
            let mut response = next.run(request).await;
            let value = HeaderValue::from_static("SAMEORIGIN");
            response.headers_mut().insert("x-frame-options", value);
            response
        }))
}

/// What the content network serves to framed pages.
pub fn script_routes() -> Router {
    Router::new()
        .route("/all.js", get(async || script(include_str!("bridge.js"))))
        .route(
            "/themes/atlaskit-tokens.css",
            get(async || css(include_str!("tokens.css"))),
        )
}

fn css(text: &'static str) -> Response<Body> {
    static_file("text/css; charset=utf-8", text)
}

pub fn script(text: &'static str) -> Response<Body> {
    static_file("text/javascript; charset=utf-8", text)
}

fn static_file(kind: &'static str, text: &'static str) -> Response<Body> {
    let headers = [
        ("content-type", kind),
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("cache-control", "no-cache"),
    ];
    (headers, text).into_response()
}

/// The person whose browser session a request carries.
pub fn signed_in(jira: &Jira, site: &str, headers: &HeaderMap) -> Option<Person> {
    let session = session_cookie(headers)?;
    jira.look(|cloud| {
        let session = cloud.sessions.get(&session)?;
        let person = cloud.site(site).people.get(&session.account)?;
        (session.site == site && person.active).then(|| person.clone())
    })
}

fn session_cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split("; "))
        .find_map(|pair| pair.strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
        .map(str::to_owned)
}

/// Somebody looking at a page: signed in, or anonymous where the site allows it.
pub struct Viewer(Option<Person>);

impl Viewer {
    /// The viewer, or the way to the login page and back to this very address.
    pub fn of(
        jira: &Jira,
        at: &At,
        number: CallNumber,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Self, Redirect> {
        let person = signed_in(jira, &at.site, headers);
        if person.is_none() && !jira.site(&at.site).anonymous {
            let back = tokens::percent(&uri.to_string());
            return Err(Redirect::to(&format!("/login?dest-url={back}")));
        }
        let caller = match &person {
            Some(person) => Caller::Person(person.account_id.clone()),
            None => Caller::Anonymous,
        };
        jira.note_caller(number, &caller);
        Ok(Self(person))
    }

    fn account(&self) -> Option<&str> {
        self.0.as_ref().map(|person| person.account_id.as_str())
    }

    pub fn is_admin(&self) -> bool {
        self.0.as_ref().is_some_and(|person| person.admin)
    }

    fn name(&self) -> &str {
        self.0
            .as_ref()
            .map_or("Not signed in", |person| &person.display_name)
    }
}

#[derive(serde::Deserialize)]
struct Destination {
    #[serde(rename = "dest-url")]
    address: Option<String>,
}

impl Destination {
    /// Only addresses of this site: a login page must not send people elsewhere.
    fn on_this_site(self) -> String {
        self.address
            .filter(|address| address.starts_with('/') && !address.starts_with("//"))
            .unwrap_or_else(|| "/browse/KEY-1".to_owned())
    }
}

async fn login_page(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Query(destination): Query<Destination>,
) -> Html<String> {
    let site = jira.site(&at.site);
    let destination = destination.on_this_site();
    let buttons: String = site
        .people
        .values()
        .filter(|person| person.active && person.account_type != AccountType::App)
        .map(|person| {
            let role = match person.account_type {
                AccountType::Customer => "Portal customer",
                _ if person.admin => "Site admin",
                _ => "Person",
            };
            fill(
                include_str!("login_button.html"),
                &[
                    ("account", &person.account_id),
                    ("name", &person.display_name),
                    ("initials", &initials(&person.display_name)),
                    ("role", role),
                    ("destination", &destination),
                ],
            )
        })
        .collect();
    Html(fill(
        include_str!("login.html"),
        &[
            ("theme", site.theme.name()),
            ("site", &site.title),
            ("host", &at.origin),
            ("html_buttons", &buttons),
        ],
    ))
}

#[derive(serde::Deserialize)]
struct Login {
    account: String,
    #[serde(flatten)]
    destination: Destination,
}

async fn login(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Form(form): Form<Login>,
) -> Response {
    let active = jira.look(|cloud| {
        let person = cloud.site(&at.site).people.get(&form.account);
        person.is_some_and(|person| person.active)
    });
    if !active {
        return (StatusCode::FORBIDDEN, "No such person").into_response();
    }
    let cookie = jira.sign_in(&at.site, &form.account);
    let cookie = format!("{cookie}; Path=/; HttpOnly; SameSite=Lax");
    let to = form.destination.on_this_site();
    ([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response()
}

async fn logout(State(jira): State<Jira>, headers: HeaderMap) -> Response {
    if let Some(session) = session_cookie(&headers) {
        jira.edit(|cloud| cloud.sessions.remove(&session));
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; Max-Age=0");
    ([(header::SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}

/// An issue. Portal customers see it too: the real Jira shows them a portal instead, but lets them
/// have tokens for an app all the same, which is what the app has to cope with.
async fn issue_page(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Extension(number): Extension<CallNumber>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Redirect> {
    let viewer = Viewer::of(&jira, &at, number, &headers, &uri)?;
    let site = jira.site(&at.site);
    let Some(issue) = site.issues.iter().find(|issue| issue.key == key) else {
        return Ok((StatusCode::NOT_FOUND, "This issue does not exist").into_response());
    };
    let of_connect: String = issue_modules(&site)
        .iter()
        .enumerate()
        .map(|(index, module)| {
            let app = site.enabled_app().expect("only an enabled app has modules");
            let template = module["target"]["url"].as_str().unwrap_or_default();
            let frame = Frame {
                viewer: &viewer,
                at: &at,
                address: with_issue(template, issue),
                module: &module["key"],
                issue: Some(issue),
                number: index,
            };
            let icon = module["icon"]["url"].as_str().unwrap_or_default();
            let icon = match icon.starts_with('/') {
                true => format!("{}{icon}", app.base_url),
                false => icon.to_owned(),
            };
            fill(
                include_str!("panel.html"),
                &[
                    ("name", module["name"]["value"].as_str().unwrap_or_default()),
                    (
                        "label",
                        module["content"]["label"]["value"]
                            .as_str()
                            .unwrap_or_default(),
                    ),
                    ("icon", &icon),
                    ("html_frame", &frame.html(&jira, &site, app)),
                ],
            )
        })
        .collect();
    let of_forge = host::panel(&jira, &site, &at, issue);
    let of_forge = of_forge.map_or(String::new(), |(title, icon, frame)| {
        fill(
            include_str!("panel.html"),
            &[
                ("name", &title),
                ("label", "Account"),
                ("icon", &icon),
                ("html_frame", &frame),
            ],
        )
    });
    let others: String = site
        .issues
        .iter()
        .map(|other| {
            let current = if other.key == key { " class=\"current\"" } else { "" };
            let link = "<li{{html_current}}><a href=\"/browse/{{key}}\"><span>{{key}}</span> {{summary}}</a></li>";
            fill(
                link,
                &[("html_current", current), ("key", &other.key), ("summary", &other.summary)],
            )
        })
        .collect();
    let script = jira.look(|cloud| cloud.issue_script.clone());
    let script = script.map_or(String::new(), |source| {
        fill(
            include_str!("issue_script.html"),
            &[
                ("source", &source),
                ("site", &site.name),
                ("account", viewer.account().unwrap_or_default()),
            ],
        )
    });
    let page = fill(
        include_str!("issue.html"),
        &[
            ("theme", site.theme.name()),
            ("site", &site.title),
            ("viewer", viewer.name()),
            ("initials", &initials(viewer.name())),
            ("key", &issue.key),
            ("summary", &issue.summary),
            ("text", &issue.text),
            ("html_issues", &others),
            ("html_panels", &format!("{of_connect}{of_forge}")),
            ("html_script", &script),
        ],
    );
    Ok(Html(page).into_response())
}

async fn app_page(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Extension(number): Extension<CallNumber>,
    Path((app_key, module_key)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Redirect> {
    let viewer = Viewer::of(&jira, &at, number, &headers, &uri)?;
    let site = jira.site(&at.site);
    let query = uri.query().unwrap_or_default();
    let framed = find_page(&site, &app_key, &module_key, viewer.is_admin());
    let framed = framed.map(|(app, module)| {
        let frame = Frame {
            viewer: &viewer,
            at: &at,
            address: with_ac_parameters(module["url"].as_str().unwrap_or_default(), query),
            module: &module["key"],
            issue: None,
            number: 0,
        };
        frame.html(&jira, &site, app)
    });
    Ok(Html(app_page_html(&site, &viewer, framed.as_deref())).into_response())
}

/// A page of Jira that is an app's, with its frame.
pub fn app_page_html(site: &Site, viewer: &Viewer, frame: Option<&str>) -> String {
    let gone = "<p class=\"gone\">The app is not responding, or its page does not exist.</p>";
    fill(
        include_str!("page.html"),
        &[
            ("theme", site.theme.name()),
            ("site", &site.title),
            ("viewer", viewer.name()),
            ("initials", &initials(viewer.name())),
            ("html_frame", frame.unwrap_or(gone)),
        ],
    )
}

fn issue_modules(site: &Site) -> Vec<Value> {
    let Some(app) = site.enabled_app() else {
        return Vec::new();
    };
    ["jiraIssueContexts", "jiraIssueGlances"]
        .iter()
        .filter_map(|kind| app.descriptor["modules"][kind].as_array())
        .flatten()
        .cloned()
        .collect()
}

/// A page of the app, by its key. Those among the settings of the site are shown to admins alone.
fn find_page<'a>(
    site: &'a Site,
    app_key: &str,
    module_key: &str,
    by_admin: bool,
) -> Option<(&'a App, &'a Value)> {
    let app = site.enabled_app().filter(|app| app.key == app_key)?;
    let modules = &app.descriptor["modules"];
    let pages = |kind: &str| modules[kind].as_array().into_iter().flatten();
    let of_admins = pages("adminPages").chain([&modules["postInstallPage"]]);
    let module = pages("generalPages")
        .chain(of_admins.filter(|_| by_admin))
        .find(|module| module["key"] == module_key)?;
    Some((app, module))
}

fn with_issue(template: &str, issue: &Issue) -> String {
    substitute(template, |name| match name {
        "issue.key" => Some(issue.key.clone()),
        "issue.id" => Some(issue.id.to_string()),
        "project.key" => Some("KEY".to_owned()),
        "project.id" => Some("10000".to_owned()),
        _ => None,
    })
}

fn with_ac_parameters(template: &str, query: &str) -> String {
    substitute(template, |name| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(found, _)| name.starts_with("ac.") && found == name)
            .map(|(_, value)| value.into_owned())
    })
}

/// Fills the variables of an address; one that nobody set becomes empty.
fn substitute(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut address = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        address.push_str(before);
        address.push_str(&tokens::percent(&value(name).unwrap_or_default()));
        rest = after;
    }
    address + rest
}

/// A page of the app inside a page of Jira.
struct Frame<'a> {
    viewer: &'a Viewer,
    at: &'a At,
    address: String,
    module: &'a Value,
    issue: Option<&'a Issue>,
    number: usize,
}

impl Frame<'_> {
    fn html(&self, jira: &Jira, site: &Site, app: &App) -> String {
        let source = jira.framed_url(
            &site.name,
            self.viewer.account(),
            &self.at.origin,
            &self.address,
            &Overrides::none(),
        );
        let id = format!("frame-{}", self.number);
        let name = json!({"frame": id, "hostOrigin": self.at.origin});
        let context = match self.issue {
            Some(issue) => json!({"jira": {
                "issue": {"id": issue.id.to_string(), "key": issue.key},
                "project": {"id": "10000", "key": "KEY"},
            }}),
            None => json!({"jira": {}}),
        };
        fill(
            include_str!("frame.html"),
            &[
                ("id", &id),
                ("name", &name.to_string()),
                ("source", &source),
                ("origin", &Jira::app_origin(app)),
                ("app", &app.key),
                ("module", self.module.as_str().unwrap_or_default()),
                ("context", &context.to_string()),
                ("account", self.viewer.account().unwrap_or_default()),
            ],
        )
    }
}

impl Jira {
    /// The address an issue's panel frames for this person: the first module of the descriptor.
    pub fn issue_frame<'a>(
        &self,
        site: &str,
        account: impl Into<Option<&'a str>>,
        issue_key: &str,
    ) -> String {
        let found = self.site(site);
        let modules = issue_modules(&found);
        let module = modules.first().expect("the descriptor has an issue module");
        let mut issues = found.issues.iter();
        let issue = issues.find(|issue| issue.key == issue_key);
        let template = module["target"]["url"].as_str().unwrap_or_default();
        let address = with_issue(template, issue.expect("the issue exists"));
        self.framed_url(
            site,
            account,
            &self.display_url(site),
            &address,
            &Overrides::none(),
        )
    }

    /// The address that is framed where a browser opens `/plugins/servlet/ac/...` as this person,
    /// or None where the page does not exist.
    pub fn page_frame<'a>(
        &self,
        site: &str,
        account: impl Into<Option<&'a str>>,
        path_and_query: &str,
    ) -> Option<String> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let keys = path.strip_prefix("/plugins/servlet/ac/")?;
        let (app_key, module_key) = keys.split_once('/')?;
        let found = self.site(site);
        let account = account.into();
        let by_admin = account.and_then(|account| found.people.get(account));
        let by_admin = by_admin.is_some_and(|person| person.admin);
        let (_, module) = find_page(&found, app_key, module_key, by_admin)?;
        let address = with_ac_parameters(module["url"].as_str()?, query);
        let origin = self.url(site);
        Some(self.framed_url(site, account, &origin, &address, &Overrides::none()))
    }
}

/// What the parent page fetches when a framed page asks for a token.
async fn context_token(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Response {
    let site = jira.site(&at.site);
    let person = signed_in(&jira, &at.site, &headers);
    let asks_for = |app: &&App| question["app"] == app.key;
    let allowed = person.is_some() || site.anonymous;
    if !allowed || site.enabled_app().filter(asks_for).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let overrides = Overrides::none().claim("context", question["context"].clone());
    let account = person.as_ref().map(|person| person.account_id.as_str());
    let token = jira.context_token(&at.site, account, &overrides);
    let seconds = site.token_cache_seconds;
    Json(json!({"token": token, "cacheSeconds": seconds})).into_response()
}

async fn switch_theme(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Json(wanted): Json<Value>,
) -> StatusCode {
    let theme = match wanted["theme"].as_str() {
        Some("dark") => Theme::Dark,
        _ => Theme::Light,
    };
    jira.set_theme(&at.site, theme);
    StatusCode::NO_CONTENT
}

fn initials(name: &str) -> String {
    name.split_whitespace()
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect()
}

/// Puts values into `{{name}}`, escaped unless the name begins with `html_`. In one pass, so that
/// a value cannot name another.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .expect("a template closes its braces");
        let found = values.iter().find(|(known, _)| *known == name);
        let (_, value) = found.unwrap_or_else(|| panic!("a template asks for {name}"));
        page.push_str(before);
        match name.starts_with("html_") {
            true => page.push_str(value),
            false => push_escaped(&mut page, value),
        }
        rest = after;
    }
    page + rest
}

fn push_escaped(page: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            c => page.push(c),
        }
    }
}
