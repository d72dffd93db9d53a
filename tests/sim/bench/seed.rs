//! Links by the hundred thousand, as if they had been made one by one: each row whole, its credential
//! sealed under its tenant's key, every key due.

use latchkey::App;
use latchkey::model::{
    AccountId, ClientKey, Consent, Identity, Installation, LifecycleCall, Link, LinkId, LinkState,
    Property, PropertyHandle, Tenant,
};
use latchkey::secret::Secret;
use latchkey::vault::{Place, Vault};
use sqlx::{Executor as _, QueryBuilder};

use super::Failure;
use super::world::{LIFE, access_token, refresh_token};

/// Rows in one statement: SQLite takes 32,766 values.
const ROWS: usize = 500;
/// Rows in one transaction, so that no log grows beyond all measure.
const IN_ONE: usize = 50_000;

/// One link, as its columns.
struct Row {
    id: String,
    client_key: String,
    account_id: String,
    subject: String,
    display_name: String,
    credential: String,
    key_expires_at: i64,
    due_at: i64,
    published_at: i64,
    /// The fingerprint of the handle in Jira.
    handle: String,
    seen_at: i64,
}

/// How the links stand in their lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// All are due, over the last third of their keys' life, and none has run out.
    AllDue,
    /// As after a long time: equally many are due in each minute, and as many people are to be looked at in each hour
    /// as the quota allows.
    AsAfterLong,
}

/// The account in Jira of a link.
pub fn account(number: usize) -> String {
    format!("712020:0f0f0f0f-0000-4000-8000-{number:012}")
}

/// So many tenants, installed by the product's own code, each at a host of its own.
pub async fn tenants(app: &App, port: u16, most: usize) -> Result<Vec<Tenant>, Failure> {
    let mut tenants = Vec::new();
    for number in 0..most {
        let client_key = ClientKey(format!("1a2b3c4d-0000-4000-8000-{number:012}"));
        let installation = Installation {
            client_key: client_key.clone(),
            base_url: format!("http://site-{number}.localhost:{port}"),
            display_urls: Vec::new(),
            shared_secret: Secret::new(format!("{number:0>64}")),
            oauth_client_id: None,
        };
        let now = app.parts.clock.now();
        let call = LifecycleCall {
            token_hash: format!("of-tenant-{number}"),
            body_hash: String::new(),
            signed_at: now,
            expires_at: now,
        };
        app.parts.store.install(&installation, &call, now).await?;
        let tenant = app.parts.store.tenant(&client_key).await?;
        tenants.push(tenant.ok_or("a tenant was not installed")?);
    }
    Ok(tenants)
}

/// Makes the database forget when a process last noted the time. Filling it takes longer than a process may be
/// silent, and then a backup might have been put back.
pub async fn forget_time(url: &str) -> Result<(), Failure> {
    use sqlx::Connection as _;
    const FORGET: &str = "delete from pace where name in ('clock', 'behind')";
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await?;
        connection.execute(FORGET).await?;
        connection.close().await?;
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        connection.execute(FORGET).await?;
        connection.close().await?;
    }
    Ok(())
}

/// Puts `links` links into the database at `url`, in turns over the tenants.
pub async fn links(
    app: &App,
    vault: &Vault,
    url: &str,
    tenants: &[Tenant],
    links: usize,
    spread: Spread,
) -> Result<(), Failure> {
    let all = i64::try_from(links)?;
    // A look that is due comes with the next renewal.
    let looks_every = app.parts.jira.quota().limits().looks_every(all) + LIFE * 2 / 3;
    let service = app.parts.service.name();
    let now = app.parts.clock.now();
    let row = |number: usize| {
        let tenant = &tenants[number % tenants.len()];
        let account_id = account(number);
        let (id, subject) = (app.parts.random.id(), format!("u-{number}"));
        let display_name = format!("Person {number}");
        // As src/store/link.rs has it.
        let place = Place {
            column: "link.credential",
            tenant: tenant.client_key.as_str(),
            row: &account_id,
            generation: 1,
            bound: &[&id, "1", &subject, &display_name],
        };
        // As src/store/sealed.rs writes it.
        let at = i64::try_from(number).unwrap_or(0);
        let requested_at = match spread {
            Spread::AllDue => now - LIFE * 2 / 3 - at * 1200 / all,
            Spread::AsAfterLong => now - LIFE * 2 / 3 * at / all,
        };
        // In another order than the keys: a prime number does not divide how many there are.
        let seen_at = match spread {
            Spread::AllDue => now,
            Spread::AsAfterLong => now - looks_every * (at * 7919 % all) / all,
        };
        let expires_at = requested_at + LIFE;
        let text = serde_json::json!({
            "tokens": {
                "access_token": access_token(number, 0),
                "requested_at": requested_at,
                "expires_at": expires_at,
                "refresh_token": refresh_token(number, 0),
            },
            "previous_refresh_token": null,
            "api_key": {
                "key": access_token(number, 0),
                "requested_at": requested_at,
                "expires_at": expires_at,
                "id": null,
            },
            "lingering": [],
            "retiring": [],
        });
        let text = Secret::new(text.to_string());
        let link = Link {
            id: LinkId(id.clone()),
            client_key: tenant.client_key.clone(),
            installation: 1,
            account_id: AccountId(account_id.clone()),
            identity: Identity {
                subject: subject.clone(),
                display_name: display_name.clone(),
            },
            state: LinkState::Live,
            generation: 1,
            published: None,
            consent: Consent::default(),
            trouble: None,
            property_size: None,
        };
        let value = Property::Handle(PropertyHandle {
            version: 1,
            service,
            subject: &subject,
            display_name: &display_name,
            link_id: &id,
        });
        let handle = app.parts.jira.fingerprint(&tenant.base_url, &link, &value);
        Row {
            handle: handle.unwrap_or_default(),
            seen_at,
            credential: vault.seal(&tenant.key, place, &text),
            id,
            client_key: tenant.client_key.as_str().to_owned(),
            account_id,
            subject,
            display_name,
            key_expires_at: expires_at,
            due_at: requested_at + LIFE * 2 / 3,
            published_at: requested_at,
        }
    };
    macro_rules! insert {
        ($connection:expr, $database:ty) => {{
            let mut connection = $connection;
            for from in (0..links).step_by(IN_ONE) {
                connection.execute("begin").await?;
                for from in (from..links.min(from + IN_ONE)).step_by(ROWS) {
                    let mut statement = QueryBuilder::<$database>::new(
                        "insert into link (id, client_key, installation, account_id, subject, \
                         display_name, state, generation, credential, key_expires_at, \
                         published_generation, published_expires_at, published_at, put_again, \
                         due_at, failures, claims, unsettled, created_at, first_end, handle, \
                         handle_generation, seen_at) ",
                    );
                    let rows = (from..links.min(from + ROWS)).map(row);
                    statement.push_values(rows, |mut values, row| {
                        values
                            .push_bind(row.id)
                            .push_bind(row.client_key)
                            .push("1")
                            .push_bind(row.account_id)
                            .push_bind(row.subject)
                            .push_bind(row.display_name)
                            .push("'live', 1")
                            .push_bind(row.credential)
                            .push_bind(row.key_expires_at)
                            .push("1")
                            .push_bind(row.key_expires_at)
                            .push_bind(row.published_at)
                            .push("0")
                            .push_bind(row.due_at)
                            .push("0, 0, false")
                            .push_bind(row.published_at)
                            .push_bind(row.key_expires_at)
                            .push_bind(row.handle)
                            .push("1")
                            .push_bind(row.seen_at);
                    });
                    statement.build().execute(&mut connection).await?;
                }
                connection.execute("commit").await?;
            }
            connection
                .execute(
                    "insert into link_generation (client_key, account_id, generation) \
                     select client_key, account_id, generation from link",
                )
                .await?;
            connection
        }};
    }
    use sqlx::Connection as _;
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await?;
        connection.execute("pragma synchronous = off").await?;
        let connection = insert!(connection, sqlx::Sqlite);
        connection.close().await?;
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        connection.execute("set synchronous_commit = off").await?;
        let mut connection = insert!(connection, sqlx::Postgres);
        connection.execute("vacuum analyze").await?;
        connection.execute("checkpoint").await?;
        connection.close().await?;
    }
    Ok(())
}
