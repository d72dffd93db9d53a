//! The loop that a developer would write first: select what is due, and in some tasks, one link after
//! another, refresh, update, put. No intent before the request and no generation to hold a write
//! against; a crash or a second process loses links. It is what the product is compared with.

use std::collections::HashMap;
use std::sync::Arc;

use latchkey::atlassian::connect::Signer;
use latchkey::clock::{Clock, rfc3339};
use latchkey::model::{Door, Tenant};
use latchkey::outbound::encode;
use latchkey::secret::Secret;
use latchkey::vault::{Place, Vault};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

use super::Failure;
use super::world::LIFE;

/// How many tasks.
const TASKS: usize = 32;
/// How many links are selected at once.
const SELECTED: i64 = 1000;

type Due = (String, String, String, String, i64, String, String);

/// Renews for ever.
pub async fn renew(
    url: &str,
    service: &str,
    tenants: Vec<Tenant>,
    vault: Vault,
    http: reqwest::Client,
) -> Result<(), Failure> {
    macro_rules! run {
        ($pool:expr) => {{
            let pool = $pool;
            let clock = Clock::system();
            let tenants: HashMap<String, Tenant> = tenants
                .into_iter()
                .map(|tenant| (tenant.client_key.as_str().to_owned(), tenant))
                .collect();
            let shared = Arc::new((
                tenants,
                vault,
                Signer::new("latchkey".to_owned(), clock.clone()),
            ));
            loop {
                let due: Vec<Due> = sqlx::query_as(
                    "select id, client_key, account_id, credential, generation, subject, \
                     display_name from link \
                     where due_at <= $1 order by due_at limit $2",
                )
                .bind(clock.now())
                .bind(SELECTED)
                .fetch_all(&pool)
                .await?;
                let (sender, receiver) = mpsc::channel(TASKS);
                let receiver = Arc::new(Mutex::new(receiver));
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..TASKS {
                    let (pool, shared, http) = (pool.clone(), shared.clone(), http.clone());
                    let (clock, receiver) = (clock.clone(), receiver.clone());
                    let token_url = format!("{service}/token");
                    tasks.spawn(async move {
                        let (tenants, vault, signer) = &*shared;
                        loop {
                            let next: Option<Due> = receiver.lock().await.recv().await;
                            let Some(due) = next else {
                                return Ok::<_, Failure>(());
                            };
                            let (id, client_key, account, credential, generation, subject, name) = due;
                            let tenant = tenants.get(&client_key).ok_or("no such tenant")?;
                            let now = clock.now();
                            let mut place = Place {
                                column: "link.credential",
                                tenant: &client_key,
                                row: &account,
                                generation,
                                bound: &[&id, "1", &subject, &name],
                            };
                            let opened = vault.open(&tenant.key, place, &credential)?;
                            let mut credential: Value = serde_json::from_str(opened.expose())?;
                            let tokens = refresh(&http, &token_url, &credential).await?;
                            let key = tokens["access_token"].clone();
                            credential["tokens"] = json!({
                                "access_token": key,
                                "requested_at": now,
                                "expires_at": now + LIFE,
                                "refresh_token": tokens["refresh_token"],
                            });
                            place.generation += 1;
                            let text = Secret::new(credential.to_string());
                            sqlx::query(
                                "update link set credential = $2, generation = $3, \
                                 key_expires_at = $4, due_at = $5 where id = $1",
                            )
                            .bind(&id)
                            .bind(vault.seal(&tenant.key, place, &text))
                            .bind(place.generation)
                            .bind(now + LIFE)
                            .bind(now + LIFE * 2 / 3)
                            .execute(&pool)
                            .await?;
                            let property = json!({
                                "version": 1,
                                "apiKey": key,
                                "expiresAt": rfc3339(now + LIFE),
                                "generation": place.generation,
                            });
                            put(&http, signer, tenant, &account, &property).await?;
                        }
                    });
                }
                for link in due {
                    sender.send(link).await?;
                }
                drop(sender);
                while let Some(task) = tasks.join_next().await {
                    task??;
                }
            }
        }};
    }
    if let Some(file) = url.strip_prefix("sqlite://") {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
            .busy_timeout(std::time::Duration::from_secs(10));
        run!(
            sqlx::sqlite::SqlitePoolOptions::new()
                .max_connections(4)
                .connect_with(options)
                .await?
        )
    } else {
        run!(
            sqlx::postgres::PgPoolOptions::new()
                .max_connections(16)
                .connect(url)
                .await?
        )
    }
}

async fn refresh(
    http: &reqwest::Client,
    token_url: &str,
    credential: &Value,
) -> Result<Value, Failure> {
    let refresh_token = credential["tokens"]["refresh_token"].as_str();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.ok_or("no refresh token")?),
    ];
    let answer = http
        .post(token_url)
        .basic_auth("client", Some("secret"))
        .form(&form)
        .send()
        .await?
        .error_for_status()?;
    Ok(answer.json().await?)
}

async fn put(
    http: &reqwest::Client,
    signer: &Signer,
    tenant: &Tenant,
    account: &str,
    property: &Value,
) -> Result<(), Failure> {
    let path = "/rest/api/3/user/properties/latchkey";
    let query = format!("accountId={}", encode(account));
    let Door::Connect(door) = &tenant.door else {
        return Err("a tenant of Connect was expected".into());
    };
    let jwt = signer.app_jwt(tenant, door, "PUT", path, Some(&query))?;
    http.put(format!("{}{path}?{query}", tenant.base_url))
        .header("authorization", format!("JWT {}", jwt.expose()))
        .json(property)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}
