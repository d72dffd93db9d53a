//! Jira and Forge around the app's pages: the frame in the issue and the pages of its own that a site gives the
//! app, the network that serves what is framed there, and the calls of those pages to the app's remote.
//!
//! The host of the network is `{app}.cdn.localhost`. Sandbox, content security policy and what becomes of an
//! answer are as Forge has them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::face::{At, CallNumber, mark};
use super::super::pages::{Viewer, app_page_html, fill, script, signed_in};
use super::super::{Issue, Jira, Overrides, Site};
use super::By;

/// What the network serves to frames, by `@forge/csp`; `{site}` stands for the site's origin. The test of the app
/// in `forge/test` compares the two.
const POLICY: &str = include_str!("csp.txt");
const CALL_LIMIT: Duration = Duration::from_secs(25);
const IN_LIMIT: usize = 500_000;
const OUT_LIMIT: usize = 5_000_000;

/// The pages of the app, as they are deployed.
#[derive(Clone)]
pub struct ForgePages {
    title: String,
    /// By their path below `static/`: `issue/index.html`.
    files: Arc<BTreeMap<String, Vec<u8>>>,
}

impl ForgePages {
    /// Pages from anywhere, by their path: `issue/index.html`. The title is that of the app's modules.
    pub fn new(title: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            title: title.to_owned(),
            files: Arc::new(files.into_iter().collect()),
        }
    }

    /// Those of a folder that `forge/fill` wrote.
    pub fn of_folder(app: &FilePath) -> io::Result<Self> {
        let manifest = fs::read_to_string(app.join("manifest.yml"))?;
        let title = manifest
            .lines()
            .find_map(|line| line.trim().strip_prefix("title: "));
        let title = title.and_then(|title| serde_json::from_str::<String>(title).ok());
        let title = title.ok_or_else(|| io::Error::other("the manifest has no title"))?;
        let mut files = Vec::new();
        for page in Page::ALL {
            for entry in fs::read_dir(app.join("static").join(page.name()))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                files.push((format!("{}/{name}", page.name()), fs::read(entry.path())?));
            }
        }
        Ok(Self::new(&title, files))
    }
}

/// A page of the app, and the module that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Page {
    Issue,
    Finish,
    Admin,
}

impl Page {
    const ALL: [Self; 3] = [Self::Issue, Self::Finish, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Finish => "finish",
            Self::Admin => "admin",
        }
    }

    fn module(self) -> (&'static str, &'static str) {
        match self {
            Self::Issue => ("jira:issueContext", "latchkey-issue"),
            Self::Finish => ("jira:globalPage", "latchkey-finish"),
            Self::Admin => ("jira:adminPage", "latchkey-admin"),
        }
    }
}

/// Pages of the site.
pub fn site_routes() -> Router<Jira> {
    Router::new()
        .route("/jira/apps/{app}/{environment}", get(global_page))
        .route("/jira/apps/{app}/{environment}/{*route}", get(global_page))
        .route("/jira/settings/apps/{app}/{environment}", get(admin_page))
        .route(
            "/jira/settings/apps/get-started/{app}/{environment}",
            get(admin_page),
        )
        .route("/s/invoke", post(invoke))
        .route("/s/forge.js", get(async || script(include_str!("page.js"))))
}

/// The network that serves what is framed.
pub fn network_routes() -> Router<Jira> {
    Router::new()
        .route(
            "/bridge.js",
            get(async || script(include_str!("bridge.js"))),
        )
        .route("/{site}/{page}/{file}", get(file))
}

async fn file(
    State(jira): State<Jira>,
    Path((label, page, file)): Path<(String, String, String)>,
    asked: HeaderMap,
) -> Response {
    let (known, pages) = jira.look(|cloud| {
        let mut sites = cloud.sites.values();
        let known = sites.any(|site| {
            (site.name == label || site.display_label.as_deref() == Some(&label))
                && site.forge.as_ref().is_some_and(|forge| forge.installed)
        });
        (known, cloud.forge_pages.clone())
    });
    let pages = pages.filter(|_| known);
    let found = pages
        .as_ref()
        .and_then(|pages| pages.files.get(&format!("{page}/{file}")));
    let Some(content) = found else {
        return mark(
            StatusCode::NOT_FOUND.into_response(),
            "the app has no such file",
        );
    };
    let kind = match file.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let policy = POLICY.trim_end().replace('\n', " ");
    let policy = policy.replace("{site}", &jira.host_url(&label));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    // Forge puts its half of the bridge before everything of the app.
    let content = match kind.starts_with("text/html") {
        true => String::from_utf8_lossy(content)
            .replacen("<head>", "<head><script src=\"/bridge.js\"></script>", 1)
            .into_bytes(),
        false => content.clone(),
    };
    // It compresses, so that what a browser takes can be measured.
    let takes = asked.get(header::ACCEPT_ENCODING);
    if takes.is_some_and(|takes| takes.to_str().is_ok_and(|takes| takes.contains("gzip"))) {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        return (headers, encoding, compressed(&content)).into_response();
    }
    (headers, content).into_response()
}

fn compressed(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(content)
        .and_then(|()| gzip.finish())
        .expect("memory takes it")
}

/// What stands in the issue: the title, the address of the icon and the frame. None where the app is not installed.
pub fn panel(jira: &Jira, site: &Site, at: &At, issue: &Issue) -> Option<(String, String, String)> {
    let extension = json!({
        "type": Page::Issue.module().0,
        "issue": {"id": issue.id.to_string(), "key": issue.key, "type": "Task", "typeId": "10002"},
        "project": {"id": "10000", "key": "KEY", "type": "software"},
    });
    let (title, frame) = frame(jira, site, at, Page::Issue, "", extension)?;
    let icon = format!("{}/{}/issue/icon.svg", jira.forge_network(), label(at));
    Some((title, icon, frame))
}

/// The first label of the origin that people see.
fn label(at: &At) -> &str {
    let host = at.origin.trim_start_matches("http://");
    host.split('.').next().unwrap_or_default()
}

/// The title and the frame of a page, where the app is installed. `base` is where the page's own routes begin.
fn frame(
    jira: &Jira,
    site: &Site,
    at: &At,
    page: Page,
    base: &str,
    extension: Value,
) -> Option<(String, String)> {
    site.forge.as_ref().filter(|forge| forge.installed)?;
    let pages = jira.look(|cloud| cloud.forge_pages.clone())?;
    let (app, environment) = (jira.forge_app_id(), jira.forge_environment());
    let (_, module) = page.module();
    let network = jira.forge_network();
    let given = json!({
        "page": page.name(),
        "base": base,
        "context": {
            "localId": format!("ari:cloud:ecosystem::extension/{app}/{environment}/static/{module}"),
            "cloudId": site.cloud_id,
            "environmentId": environment,
            "environmentType": "PRODUCTION",
            "moduleKey": module,
            "siteUrl": at.origin,
            "locale": site.language.replace('-', "_"),
            "timezone": "UTC",
            "extension": extension,
        },
    });
    let source = format!("{network}/{}/{}/index.html", label(at), page.name());
    let html = fill(
        include_str!("frame.html"),
        &[
            ("source", &source),
            ("title", &pages.title),
            ("origin", &network),
            ("given", &given.to_string()),
        ],
    );
    Some((pages.title, html))
}

/// The page that an app has one of: all addresses below its own are its routes.
async fn global_page(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Extension(number): Extension<CallNumber>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Redirect> {
    let viewer = Viewer::of(&jira, &at, number, &headers, &uri)?;
    let base = jira.forge_global_path();
    Ok(app_page(
        &jira,
        &at,
        &viewer,
        Page::Finish,
        &base,
        &uri,
        true,
    ))
}

async fn admin_page(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    Extension(number): Extension<CallNumber>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Redirect> {
    let viewer = Viewer::of(&jira, &at, number, &headers, &uri)?;
    let base = match uri.path().contains("/get-started/") {
        true => jira.forge_start_path(),
        false => jira.forge_admin_path(),
    };
    let may = viewer.is_admin();
    Ok(app_page(&jira, &at, &viewer, Page::Admin, &base, &uri, may))
}

fn app_page(
    jira: &Jira,
    at: &At,
    viewer: &Viewer,
    page: Page,
    base: &str,
    uri: &Uri,
    may: bool,
) -> Response {
    let site = jira.site(&at.site);
    let extension = json!({
        "type": page.module().0,
        "location": format!("{}{uri}", at.origin),
    });
    let is_ours = uri.path() == base || uri.path().starts_with(&format!("{base}/"));
    let framed = frame(jira, &site, at, page, base, extension).filter(|_| is_ours && may);
    Html(app_page_html(
        &site,
        viewer,
        framed.map(|(_, frame)| frame).as_deref(),
    ))
    .into_response()
}

/// A call of a page, as its browser sends it.
#[derive(Deserialize)]
struct Invocation {
    input: Input,
    context: Value,
    page: Page,
}

#[derive(Deserialize)]
struct Input {
    path: String,
    method: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Value>,
}

/// `invokeRemote`. The principal is who is signed in here; the context is what the page says.
async fn invoke(
    State(jira): State<Jira>,
    Extension(at): Extension<At>,
    headers: HeaderMap,
    // A form of another site cannot send this type.
    Json(call): Json<Invocation>,
) -> Json<Value> {
    let account = signed_in(&jira, &at.site, &headers).map(|person| person.account_id);
    let answer = invoke_remote(&jira, &at.site, account.as_deref(), call).await;
    Json(answer.unwrap_or_else(|why| json!({ "rejects": why })))
}

async fn invoke_remote(
    jira: &Jira,
    site: &str,
    account: Option<&str>,
    call: Invocation,
) -> Result<Value, &'static str> {
    const FAILED: &str = "There was an error invoking the remote";
    let forge = jira.site(site).forge.filter(|forge| forge.installed);
    let forge = forge.ok_or("the app is not installed")?;
    let Invocation {
        input,
        context,
        page,
    } = call;
    let body = input.body.map(|body| body.to_string());
    if !input.path.starts_with('/') || body.as_ref().is_some_and(|body| body.len() > IN_LIMIT) {
        return Err("bad request");
    }
    let (kind, key) = page.module();
    let overrides = Overrides::none()
        .claim("context", context)
        .claim("/app/module", json!({"type": kind, "key": key}));
    let fit = match account {
        Some(account) => jira.invocation_token(site, By::Person(account), &overrides),
        None => jira.invocation_token(site, By::Person(""), &overrides.without("principal")),
    };
    let method = input.method.parse().map_err(|_| "bad request")?;
    let address = format!("{}{}", forge.remote, input.path);
    let mut request = jira.inner.http.request(method, address).timeout(CALL_LIMIT);
    for (name, value) in &input.headers {
        let ours = ["authorization", "host", "content-length"];
        if !ours.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
    }
    if forge.pages_bring_tokens {
        request = request.header("x-forge-oauth-system", jira.system_token(site));
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    let answer = request.bearer_auth(fit).send().await.map_err(|_| FAILED)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.map_err(|_| FAILED)?;
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    let passes = match status.is_success() {
        true => is_json || text.is_empty(),
        false => is_json && !status.is_redirection(),
    };
    if !passes || text.len() > OUT_LIMIT {
        return Err(FAILED);
    }
    // Which headers come through is told nowhere; those of the connection do not.
    let connection = [
        header::DATE,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ];
    let passed: Map<String, Value> = headers
        .iter()
        .filter(|(name, _)| !connection.contains(name))
        .filter_map(|(name, value)| Some((name.to_string(), json!([value.to_str().ok()?]))))
        .collect();
    let mut result = json!({"status": status.as_u16(), "headers": passed});
    if !text.is_empty() {
        result["body"] = serde_json::from_str(&text).map_err(|_| FAILED)?;
    }
    Ok(match status.is_success() {
        true => json!({"success": true, "payload": result}),
        false => json!({"success": false, "error": result}),
    })
}

impl Jira {
    /// Deploys the app's pages: sites where it is installed show them from now on.
    pub fn set_forge_pages(&self, pages: ForgePages) {
        self.edit(|cloud| cloud.forge_pages = Some(pages));
    }

    /// Whether the calls of pages bring a system token of the site.
    pub fn set_pages_bring_tokens(&self, site: &str, bring: bool) {
        self.edit_site(site, |site| {
            let forge = site.forge.as_mut().expect("the app is installed there");
            forge.pages_bring_tokens = bring;
        });
    }

    /// Where a site has the finish page.
    pub fn forge_finish_url(&self, site: &str) -> String {
        format!("{}{}/finish", self.url(site), self.forge_global_path())
    }

    /// Where a site has the app's page for admins.
    pub fn forge_admin_url(&self, site: &str) -> String {
        format!("{}{}", self.url(site), self.forge_admin_path())
    }

    fn forge_global_path(&self) -> String {
        let (app, environment) = (self.forge_app_id(), self.forge_environment());
        format!("/jira/apps/{app}/{environment}")
    }

    /// The same page behind the button "Get started".
    pub fn forge_start_url(&self, site: &str) -> String {
        format!("{}{}", self.url(site), self.forge_start_path())
    }

    fn forge_start_path(&self) -> String {
        let (app, environment) = (self.forge_app_id(), self.forge_environment());
        format!("/jira/settings/apps/get-started/{app}/{environment}")
    }

    fn forge_admin_path(&self) -> String {
        let (app, environment) = (self.forge_app_id(), self.forge_environment());
        format!("/jira/settings/apps/{app}/{environment}")
    }

    /// The origin of what is framed.
    pub fn forge_network(&self) -> String {
        self.host_url(&format!("{}.cdn", self.forge_app_id()))
    }
}
