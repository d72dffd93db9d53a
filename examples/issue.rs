//! Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.
//!
//!   LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... cargo run --example issue
//!   curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1
//!
//! A real server takes the account from its own session and never from the address: anybody who names
//! the account here reads Jira as its people.

use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};
use serde_json::{Value, json};
use std::{env, io, sync::LazyLock, time::Duration};

// The secret follows no redirect.
static HTTP: LazyLock<Client> =
    LazyLock::new(|| Client::builder().redirect(Policy::none()).build().unwrap());
static LATCHKEY: LazyLock<String> =
    LazyLock::new(|| env::var("LATCHKEY_URL").expect("set LATCHKEY_URL"));
static SECRET: LazyLock<String> =
    LazyLock::new(|| env::var("LATCHKEY_SERVICE_SECRET").expect("set LATCHKEY_SERVICE_SECRET"));

type Failure = (StatusCode, Json<Value>);
/// What Jira says and a 400 of the exchange are about one link, everything else is about all.
const REFUSED: StatusCode = StatusCode::BAD_REQUEST;

async fn ask(who: &str, request: RequestBuilder) -> Result<Value, Failure> {
    let (mut status, mut body) = (0, Value::Null);
    if let Ok(answer) = request.timeout(Duration::from_secs(10)).send().await {
        status = answer.status().as_u16();
        body = answer.json().await.unwrap_or_default();
    }
    let words = ["/error_description", "/detail", "/errorMessages/0"];
    let words = words.iter().find_map(|at| body.pointer(at)?.as_str());
    let error = Json(json!({"error": words.unwrap_or(&format!("{who} answered {status}"))}));
    match (who, status) {
        (_, 200) if body.is_object() => Ok(body),
        ("Jira", _) | ("The exchange", 400) => Err((REFUSED, error)),
        _ => Err((StatusCode::BAD_GATEWAY, error)),
    }
}

/// 1. Find the links of an account.
async fn links_of(query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
    let url = Url::parse_with_params(&format!("{}/service/links", *LATCHKEY), query).unwrap();
    let page = ask("Latchkey", HTTP.get(url).bearer_auth(&*SECRET)).await?;
    let mut links = page["links"].as_array().cloned().unwrap_or_default();
    if let Some(next) = page["next"].as_str() {
        links.extend(Box::pin(links_of(&[query[0], ("after", next)])).await?);
    }
    Ok(links)
}

/// 2. Exchange a link for a token. 3. Read the issue as that person.
async fn summary_of(key: &str, link: &Value) -> Result<Value, Failure> {
    let form = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:latchkey:token-type:link",
        "subject_token": link["id"],
        "scope": env::var("SCOPE").unwrap_or("read".into()),
    });
    let exchange = HTTP.post(format!("{}/oauth/token", *LATCHKEY)).form(&form);
    let token = ask("The exchange", exchange.bearer_auth(&*SECRET)).await?;
    let text = |name: &str| token[name].as_str().unwrap_or_default();
    let base = text("api_base_url");
    let url = format!("{base}/rest/api/3/issue/{key}?fields=summary");
    let issue = ask("Jira", HTTP.get(url).bearer_auth(text("access_token"))).await?;
    Ok(issue["fields"]["summary"].clone())
}

/// 4. Answer.
async fn answer(Path((account, key)): Path<(String, String)>) -> Result<Json<Value>, Failure> {
    if !key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        let error = json!({"error": "not the key of an issue"});
        return Err((StatusCode::BAD_REQUEST, Json(error)));
    }
    let links = links_of(&[("subject", &account)]).await?;
    if links.is_empty() {
        let error = json!({"error": "not connected"});
        return Err((StatusCode::NOT_FOUND, Json(error)));
    }
    let (mut issues, mut refused) = (Vec::new(), Vec::new());
    for link in links.iter().filter(|link| link["state"] == "linked") {
        let (site, id) = (&link["site"], &link["accountId"]);
        match summary_of(&key, link).await {
            Ok(summary) => issues.push(json!({"site": site, "accountId": id, "summary": summary})),
            Err((REFUSED, why)) => refused.push(json!({"site": site, "reason": why["error"]})),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Json(json!({"issues": issues, "refused": refused})))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = env::var("PORT").unwrap_or("8090".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    _ = (LazyLock::force(&LATCHKEY), LazyLock::force(&SECRET));
    let app = Router::new().route("/accounts/{account}/issues/{key}", get(answer));
    axum::serve(listener, app).await
}
