//! The JWT bearer grant by which an app acts as a person.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use url::form_urlencoded;

use super::face::{mark, read_body};
use super::{Bearer, Jira, Scope, Site, tokens};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LIFE_SECONDS: i64 = 900;

pub async fn token(State(jira): State<Jira>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = read_body(body).await.unwrap_or_default();
    match grant(&jira, &parts.headers, &body) {
        Ok((token, bearer)) => {
            let scope: Vec<&str> = bearer.scopes.iter().map(|scope| scope.name()).collect();
            let answer = json!({
                "access_token": token,
                "expires_in": LIFE_SECONDS,
                "token_type": "Bearer",
                "scope": scope.join(" "),
            });
            jira.edit(|cloud| {
                cloud.secrets.insert(token.clone());
                cloud.bearers.insert(token, bearer)
            });
            Json(answer).into_response()
        }
        Err((error, why)) => {
            let answer = json!({"error": error, "error_description": why});
            let response = (StatusCode::BAD_REQUEST, Json(answer)).into_response();
            match error {
                // The person cannot be acted for: an app may learn that only by asking.
                "access_denied" => response,
                _ => mark(response, &why),
            }
        }
    }
}

fn grant(
    jira: &Jira,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(String, Bearer), (&'static str, String)> {
    let bad = |why: &str| ("invalid_request", why.to_owned());
    let refused = |why: &str| ("invalid_grant", why.to_owned());
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
        return Err(bad("the body is not a form"));
    }
    let field = |name: &str| {
        let mut found = form_urlencoded::parse(body).filter(|(found, _)| found == name);
        let value = found.next().map(|(_, value)| value.into_owned());
        value.filter(|_| found.next().is_none())
    };
    if field("grant_type").as_deref() != Some(GRANT_TYPE) {
        let why = "grant_type is not the JWT bearer grant";
        return Err(("unsupported_grant_type", why.to_owned()));
    }
    let assertion = field("assertion").ok_or(bad("assertion is missing or doubled"))?;
    jira.keep_secret(&assertion);

    let claimed = tokens::peek(&assertion).ok_or(refused("the assertion is no JWT"))?;
    let text = |name: &str| claimed.get(name).and_then(|value| value.as_str());
    let client = text("iss")
        .and_then(|iss| iss.strip_prefix("urn:atlassian:connect:clientid:"))
        .ok_or(refused("iss is not a Connect client"))?;
    let find = |site: &Site| {
        let app = site.enabled_app()?;
        (app.oauth_client_id == client).then(|| (site.name.clone(), app.clone()))
    };
    let found = jira.look(|cloud| cloud.sites.values().find_map(find));
    let (site, app) = found.ok_or(refused("no installation has that client id"))?;
    let claims = tokens::open_hs256(&assertion, &app.secrets).map_err(|why| refused(&why))?;
    tokens::check_times(&claims, jira.now(), 60).map_err(|why| refused(&why))?;
    if text("tnt") != Some(&jira.url(&site)) {
        return Err(refused("tnt is not the base URL of the tenant"));
    }
    if text("aud") != Some(&jira.impersonation_url()) {
        return Err(refused("aud is not this server"));
    }
    let account = text("sub")
        .and_then(|sub| sub.strip_prefix("urn:atlassian:connect:useraccountid:"))
        .ok_or(refused("sub is not an account id"))?;
    if !app.scopes.contains(&Scope::ActAsUser) {
        let why = "the descriptor does not ask for ACT_AS_USER";
        return Err(("unauthorized_client", why.to_owned()));
    }
    let active = jira.look(|cloud| {
        let person = cloud.site(&site).people.get(account);
        person.is_some_and(|person| person.active)
    });
    if !active {
        return Err(("access_denied", "no such active person".to_owned()));
    }

    let scopes = match field("scope") {
        None => app.scopes.clone(),
        Some(scope) => {
            let wanted: Option<BTreeSet<Scope>> = scope.split(' ').map(Scope::parse).collect();
            let wanted = wanted.map(Scope::with_implied);
            wanted
                .filter(|wanted| wanted.is_subset(&app.scopes))
                .ok_or(("invalid_scope", format!("scope {scope} was not granted")))?
        }
    };
    let bearer = Bearer {
        site,
        account: account.to_owned(),
        scopes,
        installation: app.installation,
        expires: jira.now() + LIFE_SECONDS,
    };
    Ok((tokens::random_hex(24), bearer))
}
