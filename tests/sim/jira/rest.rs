//! The REST calls an app may make to a site, and everything Jira checks first.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post, put};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded;

use super::face::{At, ByApi, CallNumber, mark, read_body};
use super::{
    AccountReport, Caller, Jira, Person, PropertyWrite, Scope, Site, forge, pages, tokens,
};

const LARGEST_VALUE: usize = 32_768;
const LONGEST_KEY: usize = 255;
const LONGEST_TOKEN_LIFE: i64 = 300;
const MOST_REPORTED_ACCOUNTS: usize = 90;
const LONGEST_ACCOUNT: usize = 128;

pub fn routes() -> Router<Jira> {
    Router::new()
        .route("/rest/api/3/serverInfo", get(server_info))
        .route("/rest/api/3/myself", get(myself))
        .route("/rest/api/3/issue/{key}", get(issue))
        .route("/rest/api/3/user", get(user))
        .route("/rest/api/3/user/groups", get(groups))
        .route("/rest/api/3/user/properties", get(property_keys))
        .route(
            "/rest/api/3/user/properties/{key}",
            put(put_property).get(get_property).delete(delete_property),
        )
        .route("/rest/api/3/permissions/check", post(check_permissions))
        .route(
            "/rest/atlassian-connect/latest/report-accounts",
            post(report_accounts),
        )
        .route("/rest/{*anything}", any(no_such_resource))
}

/// Why a call is refused. Jira tells little; the reason goes into the list of unexpected calls.
struct Refusal {
    status: StatusCode,
    why: String,
    /// Whether an app that knows what it does would have made this call all the same.
    normal: bool,
}

impl Refusal {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
            normal: false,
        }
    }

    fn normal(status: StatusCode, why: &str) -> Self {
        Self {
            normal: true,
            ..Self::new(status, why)
        }
    }

    fn unauthorized(why: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, why)
    }

    fn bad_request(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let message = match self.status {
            StatusCode::UNAUTHORIZED => "Client must be authenticated to access this resource.",
            StatusCode::FORBIDDEN => "You do not have permission to perform this operation.",
            _ => &self.why,
        };
        let body = json!({"errorMessages": [message], "errors": {}});
        let response = as_json(self.status, &body);
        match self.normal {
            true => response,
            false => mark(response, &self.why),
        }
    }
}

/// With the media type as Jira writes it.
fn as_json(status: StatusCode, body: &Value) -> Response {
    let media_type = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, media_type, body.to_string()).into_response()
}

/// A REST call whose caller is established: the only way to a handler's data.
struct Authenticated {
    jira: Jira,
    site: String,
    /// Whether it came through the API host, as Forge calls.
    by_api: bool,
    caller: Caller,
    scopes: BTreeSet<Scope>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<Jira> for Authenticated {
    type Rejection = Response;

    async fn from_request(request: Request, jira: &Jira) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let at: At = parts.extensions.get().cloned().expect("set by the face");
        let number: CallNumber = *parts.extensions.get().expect("set by the face");
        let body = read_body(body)
            .await
            .ok_or_else(|| Refusal::bad_request("the body is too large").into_response())?;
        let by_api = parts.extensions.get::<ByApi>().is_some();
        let established = match by_api {
            true => by_forge(jira, &at.site, &parts.headers),
            false => establish(jira, &at.site, &parts.method, &parts.uri, &parts.headers),
        };
        let (caller, scopes) = established.map_err(IntoResponse::into_response)?;
        jira.note_caller(number, &caller);
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        if let Some(over) = jira.edit(|cloud| cloud.over_limit(&at.site, method, path, jira.now()))
        {
            return Err(over);
        }
        Ok(Self {
            jira: jira.clone(),
            site: at.site,
            by_api,
            caller,
            scopes,
            uri: parts.uri,
            headers: parts.headers,
            body,
        })
    }
}

fn by_forge(
    jira: &Jira,
    site: &str,
    headers: &HeaderMap,
) -> Result<(Caller, BTreeSet<Scope>), Refusal> {
    let value = headers.get(header::AUTHORIZATION);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let token = value.strip_prefix("Bearer ");
    let token = token.ok_or(Refusal::unauthorized("no bearer token at the API host"))?;
    forge::establish(jira, site, token).map_err(|(why, normal)| Refusal {
        normal,
        ..Refusal::unauthorized(why)
    })
}

fn establish(
    jira: &Jira,
    site: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(Caller, BTreeSet<Scope>), Refusal> {
    let query = uri.query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if name == "jwt" || name == "access_token" {
            return Err(Refusal::unauthorized("a token in the query string"));
        }
    }
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let app = || {
        let app = jira.look(|cloud| cloud.site(site).enabled_app().cloned());
        app.ok_or(Refusal::unauthorized(
            "the app is not installed and enabled here",
        ))
    };
    match authorization.and_then(|value| value.split_once(' ')) {
        Some(("JWT", token)) => {
            jira.keep_secret(token);
            let app = app()?;
            let client_key = jira.look(|cloud| cloud.site(site).client_key.clone());
            let claims = tokens::open_hs256(token, &app.secrets).map_err(Refusal::unauthorized)?;
            tokens::check_times(&claims, jira.now(), LONGEST_TOKEN_LIFE)
                .and_then(|()| check_claims(&claims, &app.key, &client_key, method, uri))
                .map_err(Refusal::unauthorized)?;
            Ok((Caller::App, app.scopes))
        }
        Some(("Bearer", token)) => {
            let app = app()?;
            let bearer = jira
                .look(|cloud| cloud.bearers.get(token).cloned())
                .ok_or(Refusal::unauthorized("an unknown bearer token"))?;
            if bearer.site != site {
                let why = format!("a bearer token of the site {}", bearer.site);
                return Err(Refusal::unauthorized(why));
            }
            if bearer.installation != app.installation {
                return Err(Refusal::unauthorized(
                    "a bearer token of an earlier installation",
                ));
            }
            if bearer.expires <= jira.now() {
                return Err(Refusal::unauthorized("an expired bearer token"));
            }
            Ok((Caller::AsUser(bearer.account), bearer.scopes))
        }
        Some(_) => Err(Refusal::unauthorized("an unknown kind of authorization")),
        None => match pages::signed_in(jira, site, headers) {
            // A browser may read with its cookie; its writes would need a token against forgery.
            Some(person) if method == Method::GET => {
                let all = Scope::with_implied([Scope::Admin]);
                Ok((Caller::Person(person.account_id), all))
            }
            _ => Err(Refusal::unauthorized("no Authorization header")),
        },
    }
}

/// Checks what an app JWT claims: the app, the site it is for, and this very request.
fn check_claims(
    claims: &Map<String, Value>,
    app_key: &str,
    client_key: &str,
    method: &Method,
    uri: &Uri,
) -> Result<(), String> {
    if claims.get("iss") != Some(&json!(app_key)) {
        return Err("iss is not the app key".into());
    }
    let ours = json!(client_key);
    match claims.get("aud") {
        None => {}
        Some(Value::Array(audiences)) if audiences.contains(&ours) => {}
        Some(audience) if *audience == ours => {}
        Some(_) => return Err("aud is not this site's client key".into()),
    }
    let query = uri.query().unwrap_or_default();
    let hash = tokens::query_hash(method.as_str(), uri.path(), query);
    if claims.get("qsh") != Some(&json!(hash)) {
        return Err("qsh is not the hash of this request".into());
    }
    Ok(())
}

impl Authenticated {
    fn needs(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let why = format!("the scope {} was not granted", scope.name());
        Err(Refusal::new(StatusCode::FORBIDDEN, why))
    }

    /// Looks at the site without copying it: a load test gives it many people.
    fn look<T>(&self, look: impl FnOnce(&Site) -> T) -> T {
        self.jira.look(|cloud| look(cloud.site(&self.site)))
    }

    fn is_admin(&self) -> bool {
        self.look(|site| match &self.caller {
            Caller::App => site.app_is_admin,
            Caller::AsUser(account) | Caller::Person(account) => {
                let person = site.people.get(account);
                person.is_some_and(|person| person.admin)
            }
            Caller::Anonymous => false,
        })
    }

    /// The person the query names.
    fn person(&self) -> Result<Person, Refusal> {
        let query = self.uri.query().unwrap_or_default();
        let account = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "accountId")
            .map(|(_, value)| value.into_owned())
            .ok_or(Refusal::bad_request("accountId is missing"))?;
        let gone = || Refusal::normal(StatusCode::NOT_FOUND, "The user does not exist.");
        self.look(|site| site.people.get(&account).cloned())
            .ok_or_else(gone)
    }

    /// The person the query names, if the caller may touch their properties.
    fn person_with_properties(&self) -> Result<Person, Refusal> {
        let own = |account: &str| {
            self.person()
                .is_ok_and(|person| person.account_id == account)
        };
        let status = StatusCode::FORBIDDEN;
        match &self.caller {
            _ if self.is_admin() => {}
            Caller::AsUser(account) | Caller::Person(account) if own(account) => {}
            // A site's admin can take the app's right away at any time, so this is no mistake.
            Caller::App => return Err(Refusal::normal(status, "the app is no admin")),
            _ => return Err(Refusal::new(status, "somebody else's property")),
        }
        self.person()
    }

    fn json(&self) -> Result<Value, Refusal> {
        let content_type = self.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.starts_with("application/json")) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::new(status, "Content-Type is not application/json"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::bad_request("The body is not JSON."))
    }
}

async fn server_info(call: Authenticated) -> Response {
    let base_url = call.jira.url(&call.site);
    Json(json!({"baseUrl": base_url, "deploymentType": "Cloud", "serverTitle": "Jira"}))
        .into_response()
}

async fn user(call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let person = call.person()?;
    Ok(Json(json!({
        "self": format!("{}{}", call.jira.url(&call.site), call.uri),
        "accountId": person.account_id,
        "accountType": person.account_type.name(),
        "displayName": person.display_name,
        "active": person.active,
        "timeZone": "Europe/Berlin",
        "locale": "en_GB",
    }))
    .into_response())
}

/// Who calls: a person, or nobody in particular.
async fn myself(call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    match &call.caller {
        Caller::AsUser(account) | Caller::Person(account) => {
            Ok(Json(json!({"accountId": account})).into_response())
        }
        Caller::App | Caller::Anonymous => Err(Refusal::unauthorized("no person calls")),
    }
}

async fn issue(Path(key): Path<String>, call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let url = format!("{}{}", call.jira.url(&call.site), call.uri);
    let fields = json!({"summary": format!("An issue of {}", call.site)});
    Ok(Json(json!({"key": key, "self": url, "fields": fields})).into_response())
}

async fn groups(call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let person = call.person()?;
    let base = call.jira.url(&call.site);
    let groups = person.groups.iter().map(|name| {
        let id = format!("id-{name}");
        let url = format!("{base}/rest/api/3/group?groupId={}", tokens::percent(&id));
        json!({"name": name, "groupId": id, "self": url})
    });
    let groups: Vec<Value> = groups.collect();
    Ok(Json(json!(groups)).into_response())
}

async fn property_keys(call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let person = call.person_with_properties()?;
    let base = call.jira.url(&call.site);
    let account = tokens::percent(&person.account_id);
    let keys: Vec<Value> = call.look(|site| {
        let places = site.properties.keys();
        let own = places.filter(|(account, _)| *account == person.account_id);
        own.map(|(_, key)| {
            let url = format!("{base}/rest/api/3/user/properties/{key}?accountId={account}");
            json!({"self": url, "key": key})
        })
        .collect()
    });
    Ok(Json(json!({"keys": keys})).into_response())
}

async fn get_property(Path(key): Path<String>, call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let person = call.person_with_properties()?;
    let place = (person.account_id, key.clone());
    let gone = || Refusal::normal(StatusCode::NOT_FOUND, "The property does not exist.");
    let value = call.look(|site| site.properties.get(&place).cloned());
    let value = value.ok_or_else(gone)?;
    Ok(Json(json!({"key": key, "value": value})).into_response())
}

async fn put_property(Path(key): Path<String>, call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Write)?;
    if key.chars().count() > LONGEST_KEY {
        return Err(Refusal::bad_request("The property key is too long."));
    }
    if call.body.len() > LARGEST_VALUE {
        return Err(Refusal::bad_request("The property value is too large."));
    }
    let value = call.json()?;
    let account = call.person_with_properties()?.account_id;
    let replaced = change_property(&call, account, key, Some(value));
    Ok(match replaced {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    }
    .into_response())
}

async fn delete_property(
    Path(key): Path<String>,
    call: Authenticated,
) -> Result<Response, Refusal> {
    call.needs(Scope::Delete)?;
    let account = call.person_with_properties()?.account_id;
    if change_property(&call, account, key, None) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = StatusCode::NOT_FOUND;
    Err(Refusal::normal(status, "The property does not exist."))
}

/// Puts or removes a property and says whether there was one.
fn change_property(
    call: &Authenticated,
    account: String,
    key: String,
    value: Option<Value>,
) -> bool {
    let at_ms = call.jira.now_ms();
    call.jira.edit(|cloud| {
        let place = (account.clone(), key.clone());
        let properties = &mut cloud.site_mut(&call.site).properties;
        let before = match value.clone() {
            Some(value) => properties.insert(place, value),
            None => properties.remove(&place),
        };
        if value.is_some() || before.is_some() {
            cloud.property_writes.push(PropertyWrite {
                at_ms,
                site: call.site.clone(),
                account,
                key,
                value,
                by: call.caller.clone(),
                by_api: call.by_api,
            });
        }
        before.is_some()
    })
}

async fn check_permissions(call: Authenticated) -> Result<Response, Refusal> {
    call.needs(Scope::Read)?;
    let body = call.json()?;
    let wanted = body["globalPermissions"].as_array().cloned();
    let wanted = wanted.unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|wanted| **wanted != json!("ADMINISTER")) {
        let why = format!("Unrecognized permission {unknown}.");
        return Err(Refusal::bad_request(why));
    }
    let account = match (body["accountId"].as_str(), &call.caller) {
        (Some(account), _) => account.to_owned(),
        (None, Caller::AsUser(account) | Caller::Person(account)) => account.clone(),
        (None, _) => return Err(Refusal::bad_request("accountId is missing")),
    };
    let own = matches!(&call.caller, Caller::AsUser(own) | Caller::Person(own) if *own == account);
    if !own && !call.is_admin() {
        let status = StatusCode::FORBIDDEN;
        return Err(Refusal::normal(
            status,
            "only an admin may ask about others",
        ));
    }
    let granted = call.look(|site| {
        let person = site.people.get(&account);
        person.is_some_and(|person| person.admin && person.active)
    });
    let granted = match granted {
        true => wanted,
        false => Vec::new(),
    };
    Ok(Json(json!({"globalPermissions": granted, "projectPermissions": []})).into_response())
}

async fn report_accounts(call: Authenticated) -> Result<Response, Refusal> {
    if call.caller != Caller::App || call.by_api {
        let status = StatusCode::FORBIDDEN;
        return Err(Refusal::new(status, "only a Connect app reports here"));
    }
    let body = call.json()?;
    reported(&call.jira, &call.site, false, &body).map_err(Refusal::bad_request)
}

/// Takes a report that an app may make, by either door, or says what is wrong with it.
pub(super) fn reported(
    jira: &Jira,
    site: &str,
    by_forge: bool,
    body: &Value,
) -> Result<Response, String> {
    let accounts = body["accounts"].as_array().cloned().unwrap_or_default();
    if accounts.is_empty() || accounts.len() > MOST_REPORTED_ACCOUNTS {
        return Err("between 1 and 90 accounts can be reported".to_owned());
    }
    let (mut answer, mut taken) = (Vec::new(), Vec::new());
    for account in &accounts {
        let (Some(id), Some(at)) = (account["accountId"].as_str(), account["updatedAt"].as_str())
        else {
            return Err("an account needs accountId and updatedAt".to_owned());
        };
        if id.is_empty() || id.len() > LONGEST_ACCOUNT {
            return Err(format!("{id} is no account id"));
        }
        let read_at = OffsetDateTime::parse(at, &Rfc3339);
        let read_at = read_at.map_err(|_| format!("{at} is no time"))?;
        if read_at.unix_timestamp() > jira.now() + 60 {
            return Err(format!("{at} is yet to come"));
        }
        if taken.iter().any(|(known, _)| known == id) {
            return Err(format!("{id} is there twice"));
        }
        taken.push((id.to_owned(), at.to_owned()));
        let status = jira.look(|cloud| match () {
            () if cloud.closed_accounts.contains(id) => Some("closed"),
            () if cloud
                .updated_accounts
                .get(id)
                .is_some_and(|changed| *changed > read_at.unix_timestamp()) =>
            {
                Some("updated")
            }
            () => None,
        });
        answer.extend(status.map(|status| json!({"accountId": id, "status": status})));
    }
    let report = AccountReport {
        at: jira.now(),
        site: site.to_owned(),
        by_forge,
        accounts: taken,
    };
    jira.edit(|cloud| cloud.account_reports.push(report));
    let mut response = match answer.is_empty() {
        true => StatusCode::NO_CONTENT.into_response(),
        false => Json(json!({"accounts": answer})).into_response(),
    };
    let cycle = jira.look(|cloud| cloud.cycle_period.clone());
    if let Some(cycle) = cycle.and_then(|days| days.parse().ok()) {
        response.headers_mut().insert("cycle-period", cycle);
    }
    Ok(response)
}

/// About an address that is no resource, Jira speaks in another shape than about what is missing.
async fn no_such_resource(uri: Uri) -> Response {
    let message = format!("null for uri: {uri}");
    let body = json!({"message": message, "status-code": 404});
    mark(
        as_json(StatusCode::NOT_FOUND, &body),
        "no such REST resource",
    )
}
