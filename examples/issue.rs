//! Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.
//!
//!   LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... cargo run --example issue
//!   curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1
//!
//! A real server takes the account from its own session and never from the address: whoever names the account here
//! reads Jira as its people.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};
use serde_json::{Value, json};
use std::{env, error::Error, time::Duration};

#[derive(Clone)]
struct Server {
    latchkey: String,
    secret: String,
    scope: String,
    http: Client,
}

enum Failure {
    /// Latchkey or Jira does not allow this for one link.
    Refused(String),
    /// Latchkey helps nobody now.
    Unavailable(String),
}
use Failure::{Refused, Unavailable};

async fn ask(who: &str, request: RequestBuilder, bearer: &str) -> Result<Value, Failure> {
    let (mut status, mut body) = (None, Value::Null);
    if let Ok(answer) = request.bearer_auth(bearer).send().await {
        status = Some(answer.status().as_u16());
        body = answer.json().await.unwrap_or_default();
    }
    if status == Some(200) && body.is_object() {
        return Ok(body);
    }
    let words = [
        &body["error_description"],
        &body["detail"],
        &body["errorMessages"][0],
    ];
    let reason = match (words.into_iter().find_map(Value::as_str), status) {
        (Some(words), _) => words.to_owned(),
        (None, Some(status)) => format!("{who} answered {status}"),
        (None, None) => format!("{who} does not answer"),
    };
    // 400 from Latchkey is about this link; everything else from it is about all links.
    Err(if who == "Latchkey" && status != Some(400) {
        Unavailable(reason)
    } else {
        Refused(reason)
    })
}

impl Server {
    async fn links(&self, account: &str) -> Result<Vec<Value>, Failure> {
        let mut links = Vec::new();
        let mut query = vec![("subject", account.to_owned())];
        loop {
            let url = Url::parse_with_params(&format!("{}/service/links", self.latchkey), &query);
            let url = url.expect("LATCHKEY_URL is an address");
            let page = ask("Latchkey", self.http.get(url), &self.secret).await?;
            links.extend(page["links"].as_array().into_iter().flatten().cloned());
            let Some(next) = page["next"].as_str() else {
                return Ok(links);
            };
            query.truncate(1);
            query.push(("after", next.to_owned()));
        }
    }

    async fn summary(&self, key: &str, link: &Value) -> Result<Value, Failure> {
        let form = json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:latchkey:token-type:link",
            "subject_token": link["id"],
            "scope": self.scope,
        });
        let exchange = self
            .http
            .post(format!("{}/oauth/token", self.latchkey))
            .form(&form);
        let token = ask("Latchkey", exchange, &self.secret).await?;
        let text = |name: &str| token[name].as_str().unwrap_or_default();
        let url = format!(
            "{}/rest/api/3/issue/{key}?fields=summary",
            text("api_base_url")
        );
        let issue = ask("Jira", self.http.get(url), text("access_token")).await?;
        Ok(issue["fields"]["summary"].clone())
    }

    async fn answer(&self, account: &str, key: &str) -> Result<(StatusCode, Json<Value>), Failure> {
        if !is_issue_key(key) {
            return Ok((
                StatusCode::BAD_REQUEST,
                Json(json!({"error": "not the key of an issue"})),
            ));
        }
        let links = self.links(account).await?;
        if links.is_empty() {
            return Ok((
                StatusCode::NOT_FOUND,
                Json(json!({"error": "not connected"})),
            ));
        }
        let (mut issues, mut refused) = (Vec::new(), Vec::new());
        for link in links.iter().filter(|link| link["state"] == "linked") {
            let (site, person) = (&link["site"], &link["accountId"]);
            match self.summary(key, link).await {
                Ok(summary) => {
                    issues.push(json!({"site": site, "accountId": person, "summary": summary}))
                }
                Err(Refused(reason)) => refused.push(json!({"site": site, "reason": reason})),
                Err(unavailable) => return Err(unavailable),
            }
        }
        Ok((
            StatusCode::OK,
            Json(json!({"issues": issues, "refused": refused})),
        ))
    }
}

fn is_issue_key(key: &str) -> bool {
    let Some((project, number)) = key.rsplit_once('-') else {
        return false;
    };
    project.starts_with(|c: char| c.is_ascii_uppercase())
        && project
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

async fn get_issue(
    State(server): State<Server>,
    Path((account, key)): Path<(String, String)>,
) -> (StatusCode, Json<Value>) {
    server
        .answer(&account, &key)
        .await
        .unwrap_or_else(|failure| {
            let (Refused(reason) | Unavailable(reason)) = failure;
            (StatusCode::BAD_GATEWAY, Json(json!({"error": reason})))
        })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server {
        latchkey: env::var("LATCHKEY_URL").map_err(|_| "set LATCHKEY_URL")?,
        secret: env::var("LATCHKEY_SERVICE_SECRET").map_err(|_| "set LATCHKEY_SERVICE_SECRET")?,
        scope: env::var("SCOPE").unwrap_or("read".into()),
        // The secret goes nowhere else.
        http: Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(10))
            .build()?,
    };
    let port = env::var("PORT").unwrap_or("8090".into()).parse::<u16>()?;
    let app = Router::new()
        .route("/accounts/{account}/issues/{key}", get(get_issue))
        .with_state(server);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
