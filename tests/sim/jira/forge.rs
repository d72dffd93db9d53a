//! The Forge side of this cloud: installations, invocation tokens, triggers, and the API host where the app calls.
//!
//! As everywhere here, what Atlassian refuses is refused: a system token of another site or that has run out, a
//! call by the wrong door, a person for whom nobody may act.

pub mod host;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::face::{mark, read_body};
use super::{Caller, Jira, Overrides, Scope, rest, tokens};
use crate::sim::service::rsa_numbers;

/// How long a system token lasts that comes with a tick.
const TOKEN_LIFE: i64 = 4 * 3600;
const INVOCATION_LIFE: i64 = 25;

/// The Forge app as a site knows it.
#[derive(Clone)]
pub struct ForgeApp {
    /// The uuid of this installation.
    pub installation: String,
    /// Where its remote is.
    pub remote: String,
    pub installed: bool,
    /// May the app act as people who are away?
    pub may_act: bool,
    /// System tokens that were given out, and when they end.
    pub tokens: Vec<(String, i64)>,
    /// Whether the calls of its pages bring one too.
    pub pages_bring_tokens: bool,
}

/// When the system tokens of an installation that is gone stop working.
#[derive(Clone, Copy, Debug)]
pub enum TokensEnd {
    AtOnce,
    /// At the time that was set when they were made.
    InTime,
}

/// Who calls the app's remote.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A person, from a page.
    Person(&'a str),
    /// Forge itself, at this endpoint.
    Endpoint(&'a str),
}

/// An answer of the app's remote.
#[derive(Debug)]
pub struct RemoteAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl RemoteAnswer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }
}

pub(super) fn keys_routes() -> Router<Jira> {
    Router::new().route("/.well-known/jwks.json", get(keys))
}

pub(super) fn api_routes() -> Router<Jira> {
    Router::new()
        .route("/graphql", post(graphql))
        .route("/app/report-accounts/", post(report_accounts))
        .route(
            "/forge/installation/v1/{app}/{environment}/installation/{installation}",
            get(presence),
        )
}

fn key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made"))
}

async fn keys(State(jira): State<Jira>) -> Response {
    let [n, e] = rsa_numbers(key().public_key().as_ref()).map(|n| URL_SAFE_NO_PAD.encode(n));
    let kid = jira.look(|cloud| cloud.forge_kid.clone());
    let keys =
        json!({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": n, "e": e}]});
    Json(keys).into_response()
}

/// `offlineUserAuthToken`, and nothing else.
async fn graphql(State(jira): State<Jira>, headers: HeaderMap, request: Request) -> Response {
    let body = read_body(request.into_body()).await.unwrap_or_default();
    let bearer = bearer_of(&headers).unwrap_or_default();
    let Some(site) = jira.site_of_system_token(&bearer) else {
        let refused = StatusCode::UNAUTHORIZED.into_response();
        return match jira.has_taken_back(&bearer) {
            true => refused,
            false => mark(refused, "no system token"),
        };
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = body["query"].as_str().unwrap_or_default();
    let input = &body["variables"]["input"];
    let (cloud_id, may_act) = jira.look(|cloud| {
        let site = cloud.site(&site);
        let forge = site.forge.as_ref();
        let may_act = forge.is_some_and(|forge| forge.may_act);
        (site.cloud_id.clone(), may_act)
    });
    let context = json!([format!("ari:cloud:jira::site/{cloud_id}")]);
    if !query.contains("offlineUserAuthToken") || input["contextIds"] != context {
        let answer = json!({"errors": [{"message": "Validation error"}]});
        return mark(
            Json(answer).into_response(),
            "no such query, or of another site",
        );
    }
    let account = input["userId"].as_str().unwrap_or_default().to_owned();
    let is_there = jira.look(|cloud| {
        let person = cloud.site(&site).people.get(&account);
        person.is_some_and(|person| person.active)
    });
    if !may_act || !is_there {
        let refused = json!({"success": false, "authToken": null,
            "errors": [{"message": "the app may not act as this user"}]});
        return Json(json!({"data": {"offlineUserAuthToken": refused}})).into_response();
    }
    let token = tokens::random_hex(24);
    let bearer = super::Bearer {
        site,
        account,
        scopes: Scope::with_implied([Scope::Delete]),
        installation: 0,
        expires: jira.now() + 3600,
    };
    jira.keep_secret(&token);
    jira.edit(|cloud| cloud.bearers.insert(token.clone(), bearer));
    let granted = json!({"success": true, "errors": [],
        "authToken": {"token": token, "ttl": 3600}});
    Json(json!({"data": {"offlineUserAuthToken": granted}})).into_response()
}

/// The report of accounts, at the address of all apps that call by a bearer token.
async fn report_accounts(
    State(jira): State<Jira>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let body = read_body(request.into_body()).await.unwrap_or_default();
    let bearer = bearer_of(&headers).unwrap_or_default();
    let Some(site) = jira.site_of_system_token(&bearer) else {
        return mark(StatusCode::UNAUTHORIZED.into_response(), "no system token");
    };
    if jira.look(|cloud| cloud.refuses_forge_reports) {
        let body = json!({"code": 403, "message": "Forbidden"});
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    let content_type = headers.get(header::CONTENT_TYPE);
    if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json")) {
        let response = StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
        return mark(response, "Content-Type is not application/json");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return mark(
            StatusCode::BAD_REQUEST.into_response(),
            "the body is no JSON",
        );
    };
    match rest::reported(&jira, &site, true, &body) {
        Ok(response) => response,
        Err(why) => mark(StatusCode::BAD_REQUEST.into_response(), &why),
    }
}

/// Whether an installation is there, to whoever has a system token of the app that has not run out.
async fn presence(
    State(jira): State<Jira>,
    Path((app, environment, installation)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let bearer = bearer_of(&headers).unwrap_or_default();
    let now = jira.now();
    let (knows_token, is_ours, is_there) = jira.look(|cloud| {
        let all = || cloud.sites.values().filter_map(|site| site.forge.as_ref());
        let mut tokens = all().flat_map(|forge| &forge.tokens);
        let mut there = all().filter(|forge| forge.installed);
        (
            tokens.any(|(known, ends)| *known == bearer && *ends > now),
            app == cloud.forge_app_id && environment == cloud.forge_environment,
            there.any(|forge| forge.installation == installation),
        )
    });
    if !is_ours {
        return mark(StatusCode::NOT_FOUND.into_response(), "another app");
    }
    // Neither refusal is marked: it is what the app wants to know.
    if !knows_token {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !is_there {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({"id": format!("ari:cloud:ecosystem::installation/{installation}")})).into_response()
}

fn bearer_of(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

/// A call of the API host, taken apart: the site that its path names, and the path at that site.
pub(super) fn at_site(jira: &Jira, uri: &Uri) -> Option<(String, Uri)> {
    let rest = uri.path_and_query()?.as_str().strip_prefix("/ex/jira/")?;
    let (cloud_id, path) = rest.split_at(rest.find('/')?);
    let site = jira.look(|cloud| {
        let mut sites = cloud.sites.values();
        let site = sites.find(|site| site.cloud_id == cloud_id)?;
        Some(site.name.clone())
    })?;
    Some((site, path.parse().ok()?))
}

/// Who calls a site's REST API through the API host; or why nobody does, and whether an app that knows what it does
/// may have called all the same.
pub(super) fn establish(
    jira: &Jira,
    site: &str,
    token: &str,
) -> Result<(Caller, BTreeSet<Scope>), (&'static str, bool)> {
    jira.keep_secret(token);
    if let Some(of) = jira.site_of_system_token(token) {
        return match of == site {
            true => Ok((Caller::App, Scope::with_implied([Scope::Delete]))),
            false => Err(("a system token of another site", false)),
        };
    }
    if jira.has_taken_back(token) {
        return Err(("a system token that was taken back", true));
    }
    let bearer = jira.look(|cloud| cloud.bearers.get(token).cloned());
    let bearer = bearer.ok_or(("an unknown token, or one that has run out", false))?;
    match bearer {
        bearer if bearer.site != site => Err(("a token of another site", false)),
        bearer if bearer.installation != 0 => Err(("a token of Connect", false)),
        bearer if bearer.expires <= jira.now() => Err(("a token that has run out", false)),
        bearer => Ok((Caller::AsUser(bearer.account), bearer.scopes)),
    }
}

impl Jira {
    pub fn api_url(&self) -> String {
        self.host_url("api")
    }

    pub fn forge_keys_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.host_url("forge-keys"))
    }

    pub fn forge_app_id(&self) -> String {
        self.look(|cloud| cloud.forge_app_id.clone())
    }

    pub fn forge_environment(&self) -> String {
        self.look(|cloud| cloud.forge_environment.clone())
    }

    /// The keys change: tokens name another from now on.
    pub fn change_forge_kid(&self) {
        let kid = format!("forge/invocation-token/{}", tokens::random_uuid());
        self.edit(|cloud| cloud.forge_kid = kid);
    }

    /// Whether the Forge app is installed on a site.
    pub fn has_forge(&self, site: &str) -> bool {
        self.look(|cloud| {
            let forge = cloud.site(site).forge.as_ref();
            forge.is_some_and(|forge| forge.installed)
        })
    }

    /// Installs the Forge app, and tells nobody: the event may never come.
    pub fn put_forge(&self, site: &str, remote: &str) {
        let forge = ForgeApp {
            installation: tokens::random_uuid(),
            remote: remote.trim_end_matches('/').to_owned(),
            installed: true,
            may_act: true,
            tokens: Vec::new(),
            pages_bring_tokens: false,
        };
        // An installation that was there before ends without a word.
        self.forget_system_tokens(site);
        self.edit_site(site, |site| site.forge = Some(forge));
    }

    /// Installs the Forge app, and tells it.
    pub async fn install_forge(&self, site: &str, remote: &str) -> RemoteAnswer {
        self.put_forge(site, remote);
        self.trigger(site, "latchkey-lifecycle", "/forge/lifecycle")
            .await
    }

    /// The hourly call, with a fresh system token.
    pub async fn tick(&self, site: &str) -> RemoteAnswer {
        self.trigger(site, "latchkey-tick", "/forge/tick").await
    }

    /// The hourly call, to a remote that may not be there.
    pub async fn try_tick(&self, site: &str) -> Option<RemoteAnswer> {
        let fit = self.invocation_token(site, By::Endpoint("latchkey-tick"), &Overrides::none());
        let system = self.system_token(site);
        let body = json!({"context": {}, "contextToken": ""});
        self.try_remote(
            site,
            "POST",
            "/forge/tick",
            &fit,
            Some(&system),
            Some(&body),
        )
        .await
    }

    /// An admin uninstalls the Forge app: it is told first.
    pub async fn uninstall_forge(&self, site: &str) -> RemoteAnswer {
        let answer = self
            .trigger(site, "latchkey-leaving", "/forge/leaving")
            .await;
        self.lose_forge(site, TokensEnd::AtOnce);
        answer
    }

    async fn trigger(&self, site: &str, endpoint: &str, path: &str) -> RemoteAnswer {
        let fit = self.invocation_token(site, By::Endpoint(endpoint), &Overrides::none());
        let system = self.system_token(site);
        let body = json!({"context": {}, "contextToken": ""});
        self.call_remote(site, "POST", path, &fit, Some(&system), Some(&body))
            .await
    }

    /// A system token of the app at a site, as it comes with a call.
    pub fn system_token(&self, site: &str) -> String {
        let token = tokens::random_hex(32);
        let ends = self.now() + TOKEN_LIFE;
        self.keep_secret(&token);
        self.edit_site(site, |site| {
            let forge = site.forge.as_mut().expect("the app is installed there");
            forge.tokens.push((token.clone(), ends));
        });
        token
    }

    /// The installation is gone, and the app is not told.
    pub fn lose_forge(&self, site: &str, end: TokensEnd) {
        if let TokensEnd::AtOnce = end {
            self.forget_system_tokens(site);
        }
        self.edit_site(site, |site| {
            if let Some(forge) = &mut site.forge {
                forge.installed = false;
            }
        });
    }

    /// No token that was given out is good any more, which the app finds out by a refusal.
    pub fn forget_system_tokens(&self, site: &str) {
        self.edit(|cloud| {
            if let Some(forge) = &mut cloud.site_mut(site).forge {
                let gone: Vec<_> = forge.tokens.drain(..).collect();
                let gone = gone.into_iter().map(|(token, _)| token);
                cloud.tokens_taken_back.extend(gone);
            }
        });
    }

    fn has_taken_back(&self, token: &str) -> bool {
        self.look(|cloud| cloud.tokens_taken_back.contains(token))
    }

    fn site_of_system_token(&self, token: &str) -> Option<String> {
        let now = self.now();
        self.look(|cloud| {
            let mut sites = cloud.sites.values();
            let site = sites.find(|site| {
                site.forge.as_ref().is_some_and(|forge| {
                    let mut tokens = forge.tokens.iter();
                    forge.installed && tokens.any(|(known, ends)| known == token && *ends > now)
                })
            })?;
            Some(site.name.clone())
        })
    }

    /// The token of a call, bent as a test wants it. A name that begins with a slash is the path of a claim inside
    /// of others (RFC 6901).
    pub fn invocation_token(&self, site: &str, by: By<'_>, overrides: &Overrides) -> String {
        let (app, environment, kid) = self.look(|cloud| {
            (
                cloud.forge_app_id.clone(),
                cloud.forge_environment.clone(),
                cloud.forge_kid.clone(),
            )
        });
        let found = self.site(site);
        let forge = found
            .forge
            .expect("the app was installed there at some time");
        let installation = format!("ari:cloud:ecosystem::installation/{}", forge.installation);
        let cloud_id = found.cloud_id;
        let api = format!("https://api.atlassian.com/ex/jira/{cloud_id}");
        let ari = format!("ari:cloud:ecosystem::app/{app}");
        let (module, principal) = match by {
            By::Person(account) => (
                json!({"type": "jira:issueContext", "key": "latchkey-issue"}),
                json!(account),
            ),
            By::Endpoint(key) => (json!({"type": "core:endpoint", "key": key}), Value::Null),
        };
        let mut claims = json!({
            "app": {
                "id": ari,
                "appVersion": "2.1.0",
                "installationId": installation,
                "apiBaseUrl": api,
                "installation": {
                    "id": installation,
                    "contexts": [{"name": "jira", "apiBaseUrl": api, "cloudId": cloud_id}],
                },
                "environment": {
                    "type": "PRODUCTION",
                    "id": format!("ari:cloud:ecosystem::environment/{app}/{environment}"),
                },
                "module": module,
            },
            "context": {
                "cloudId": cloud_id,
                "moduleKey": "latchkey-issue",
                "siteUrl": self.url(site),
                "extension": {"type": "jira:issueContext", "issue": {"id": "10001", "key": "KEY-1"}},
            },
            "aud": ari,
            "iss": "forge/invocation-token",
            "iat": self.now(),
            "nbf": self.now(),
            "exp": self.now() + INVOCATION_LIFE,
            "jti": tokens::random_hex(20),
        });
        if !principal.is_null() {
            claims["principal"] = principal;
        }
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid});
        let token = tokens::mint_rs256(header, claims, key(), overrides);
        self.keep_secret(&token);
        token
    }

    /// Calls the app's remote exactly so.
    pub async fn call_remote(
        &self,
        site: &str,
        method: &str,
        path: &str,
        fit: &str,
        system: Option<&str>,
        body: Option<&Value>,
    ) -> RemoteAnswer {
        let answer = self.try_remote(site, method, path, fit, system, body);
        answer.await.expect("the remote answers")
    }

    async fn try_remote(
        &self,
        site: &str,
        method: &str,
        path: &str,
        fit: &str,
        system: Option<&str>,
        body: Option<&Value>,
    ) -> Option<RemoteAnswer> {
        let forge = self.site(site).forge.expect("the app was installed there");
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", forge.remote);
        let mut request = self.inner.http.request(method, url).bearer_auth(fit);
        if let Some(system) = system {
            request = request.header("x-forge-oauth-system", system);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        Some(RemoteAnswer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.expect("the answer is text"),
        })
    }
}
