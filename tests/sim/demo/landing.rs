//! The page to start from: who to be, what Jira stores about them, and the way back to the
//! beginning. What moves on it is drawn by its scripts from `/state`.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::Failure;
use crate::sim::World;
use crate::sim::jira::{Jira, MIA, OMAR, Theme};
use crate::sim::service::Ledger;

const SITES: [&str; 2] = ["acme", "globex"];
/// Where the app was installed by Connect, and may move to Forge.
const BY_CONNECT: &str = "acme";
/// Where it was installed by Forge.
const BY_FORGE: &str = "globex";
/// Forge calls the app so often at each site, and brings a system token.
const TICK: Duration = Duration::from_secs(3600);
const PEOPLE: [&str; 2] = [MIA, OMAR];

#[derive(Clone)]
pub struct Landing {
    stage: Arc<Stage>,
}

struct Stage {
    world: World,
    port: u16,
    app_url: String,
    property_key: String,
    /// One at a time: two would install and uninstall across each other.
    installing: Mutex<()>,
    /// How often the demo went back to the beginning.
    resets: AtomicU32,
}

impl Landing {
    /// Installs the app at both sites and serves the page, on a port of its own.
    pub async fn start(world: World, app_url: &str, property_key: &str) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let landing = Self {
            stage: Arc::new(Stage {
                world,
                port: listener.local_addr()?.port(),
                app_url: app_url.to_owned(),
                property_key: property_key.to_owned(),
                installing: Mutex::default(),
                resets: AtomicU32::default(),
            }),
        };
        landing.install_everywhere().await?;
        let bar = format!("{}bar.js", landing.address());
        landing.stage.world.jira.set_issue_script(&bar);
        tokio::spawn(landing.clone().tick());
        let routes = landing.clone().routes();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(landing)
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.stage.port)
    }

    fn routes(self) -> Router {
        Router::new()
            .route("/", get(async || Html(include_str!("landing.html"))))
            .route(
                "/landing.css",
                get(async || css(include_str!("landing.css"))),
            )
            .route(
                "/landing.js",
                get(async || script(include_str!("landing.js"))),
            )
            .route(
                "/property.js",
                get(async || script(include_str!("property.js"))),
            )
            .route("/bar.js", get(async || script(include_str!("bar.js"))))
            .route("/state", get(state))
            .route("/theme/{site}/{theme}", post(switch_theme))
            .route("/move", post(move_to_forge))
            .route("/reset", post(reset))
            .route("/signed-out", get(signed_out))
            .layer(middleware::map_response_with_state(
                self.clone(),
                let_issue_pages_read,
            ))
            .with_state(self)
    }

    async fn install_everywhere(&self) -> Result<(), String> {
        let Stage { world, app_url, .. } = &*self.stage;
        let descriptor = format!("{app_url}/atlassian-connect.json");
        world.jira.install(BY_CONNECT, &descriptor).await?;
        self.install_forge(BY_FORGE).await
    }

    async fn install_forge(&self, site: &str) -> Result<(), String> {
        let Stage { world, app_url, .. } = &*self.stage;
        let answer = world.jira.install_forge(site, app_url).await;
        match answer.status {
            204 => Ok(()),
            _ => Err(format!("the app did not take its installation: {answer:?}")),
        }
    }

    /// What a vendor's customer does: the admin installs the Forge app, and then removes that of Connect.
    async fn move_to_forge(&self) -> Result<(), String> {
        let _alone = self.stage.installing.lock().await;
        let jira = &self.stage.world.jira;
        if jira.has_forge(BY_CONNECT) {
            return Ok(());
        }
        self.install_forge(BY_CONNECT).await?;
        let answer = jira.uninstall(BY_CONNECT).await?;
        match answer.accepted() {
            true => Ok(()),
            false => Err(format!(
                "the app did not take the removal of the old one: {answer:?}"
            )),
        }
    }

    /// What Forge does each hour.
    async fn tick(self) {
        loop {
            tokio::time::sleep(TICK).await;
            for site in SITES {
                let _alone = self.stage.installing.lock().await;
                let jira = &self.stage.world.jira;
                if jira.has_forge(site) {
                    jira.tick(site).await;
                }
            }
        }
    }

    /// Back to the beginning, in the way the real world could go there: the admins of both sites
    /// remove the app and install it again, and people take back what they allowed.
    async fn reset(&self) -> Result<(), String> {
        let _alone = self.stage.installing.lock().await;
        let World { jira, service } = &self.stage.world;
        for site in SITES {
            if jira.has_forge(site) {
                let answer = jira.uninstall_forge(site).await;
                if answer.status != 204 {
                    return Err(format!("the app did not take its removal: {answer:?}"));
                }
            } else {
                let answer = jira.uninstall(site).await?;
                if !answer.accepted() {
                    return Err(format!("the app did not take its removal: {answer:?}"));
                }
            }
            jira.edit_site(site, |site| {
                site.properties.clear();
                site.theme = Theme::Light;
            });
        }
        jira.sign_everybody_out();
        let subjects: Vec<String> = service
            .ledger()
            .live_grants()
            .iter()
            .map(|grant| grant.subject.clone())
            .collect();
        for subject in subjects {
            service.withdraw(&subject);
        }
        self.install_everywhere().await?;
        self.stage.resets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// All that the scripts draw, as it is at this moment.
    fn state(&self) -> Value {
        let World { jira, service } = &self.stage.world;
        let ledger = service.ledger();
        let sites = SITES.map(|name| {
            let site = jira.site(name);
            json!({
                "name": name,
                "title": site.title,
                "url": jira.url(name),
                "theme": site.theme.name(),
                "door": if jira.has_forge(name) { "Forge" } else { "Connect" },
                "people": PEOPLE.map(|account| self.person(jira, &ledger, name, account)),
            })
        });
        json!({
            "resets": self.stage.resets.load(Ordering::Relaxed),
            "propertyKey": self.stage.property_key,
            "serviceUrl": service.url("/"),
            "sites": sites,
        })
    }

    fn person(&self, jira: &Jira, ledger: &Ledger, site: &str, account: &str) -> Value {
        let found = jira.site(site);
        let person = &found.people[account];
        let property = jira.property(site, account, &self.stage.property_key);
        let key = property.as_ref().and_then(|value| value["apiKey"].as_str());
        let writes = jira.property_writes();
        let written_at = writes
            .iter()
            .rfind(|write| write.site == site && write.account == account)
            .map(|write| write.at_ms);
        json!({
            "account": account,
            "name": person.display_name,
            "role": if person.admin { "Site admin" } else { "Not an admin" },
            "keyWorks": key.is_some_and(|key| ledger.opens_api(key).is_some()),
            "writtenAt": written_at.filter(|_| property.is_some()),
            "property": property,
        })
    }
}

async fn state(State(landing): State<Landing>) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, Json(landing.state())).into_response()
}

async fn switch_theme(
    State(landing): State<Landing>,
    Path((site, theme)): Path<(String, String)>,
) -> StatusCode {
    let theme = match theme.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => return StatusCode::NOT_FOUND,
    };
    if !SITES.contains(&site.as_str()) {
        return StatusCode::NOT_FOUND;
    }
    landing.stage.world.jira.set_theme(&site, theme);
    StatusCode::NO_CONTENT
}

async fn move_to_forge(State(landing): State<Landing>) -> Response {
    match landing.move_to_forge().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => {
            let text = format!("The site could not be moved: {why}. Reset the demo.");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn reset(State(landing): State<Landing>) -> Response {
    if let Err(why) = landing.reset().await {
        let text = format!("The demo could not be reset: {why}. Stop it and start it again.");
        return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    }
    // By way of the service's host, because only a page there can end its session in this browser:
    // cookies know hosts and no ports.
    let port = landing.stage.port;
    Redirect::to(&format!("http://service.localhost:{port}/signed-out")).into_response()
}

async fn signed_out(State(landing): State<Landing>) -> Response {
    let cookie = "service_session=; Path=/; HttpOnly; Max-Age=0";
    let to = Redirect::to(&format!("{}?reset", landing.address()));
    ([(header::SET_COOKIE, cookie)], to).into_response()
}

/// The bar on issue pages takes its script and the state from here.
async fn let_issue_pages_read(
    State(landing): State<Landing>,
    request_headers: HeaderMap,
    mut response: Response,
) -> Response {
    let jira = &landing.stage.world.jira;
    if let Some(origin) = request_headers.get(header::ORIGIN)
        && SITES.iter().any(|site| origin == jira.url(site).as_str())
    {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

fn css(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

fn script(text: &'static str) -> Response {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
