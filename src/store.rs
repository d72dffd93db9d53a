//! Everything that is kept, in SQLite or PostgreSQL.
//!
//! Secrets are sealed on the way in and opened on the way out, here and nowhere else, so no caller can
//! write one in clear. A function about a tenant's rows takes the [`Tenant`], which only a verified
//! token, a session or a claim leads to: there is no query without its tenant. Whatever must happen
//! once is one statement, and its count of rows says who won.

mod sealed;
mod sql;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{FromRow, PgPool, SqlitePool};

use crate::clock::Seconds;
use crate::config::Database;
use crate::error::Error;
use crate::model::{
    AccountId, AccountKind, AsideReason, Attempt, AttemptId, Authorizing, ClientKey, Credential,
    Identity, Installation, IssueKey, Link, LinkId, LinkState, MintedKey, Person, Phase, Proved,
    Published, ReconnectReason, Returned, RevocableToken, Revocation, Tenant, Tokens,
};
use crate::random::Random;
use crate::secret::TenantKey;
use crate::vault::{Broken, Place, Vault};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// After that, what could not be revoked or deleted is given up, with an error in the log.
const CLEANUP_LIFE: Seconds = 7 * 24 * 3600;

/// Runs the same body on whichever database it is. The body names the pool.
macro_rules! on {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.pool {
            Pool::Sqlite($pool) => $body,
            Pool::Postgres($pool) => $body,
        }
    };
}

/// The same, in a transaction that is committed when the body is done and rolled back when it fails.
macro_rules! transaction {
    ($store:expr, $tx:ident => $body:expr) => {
        match &$store.pool {
            // An immediate transaction takes SQLite's write lock at once; a deferred one could fail
            // halfway with "database is locked".
            Pool::Sqlite(pool) => {
                let mut $tx = pool.begin_with("begin immediate").await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
            Pool::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
        }
    };
}

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The store. Cloning it shares the same connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    vault: Vault,
    random: Random,
    /// Holds the file lock for as long as the store is open.
    _alone: Option<Arc<std::fs::File>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.pool {
            Pool::Sqlite(_) => "Store(SQLite)",
            Pool::Postgres(_) => "Store(PostgreSQL)",
        })
    }
}

/// A link that this process may renew until its lease ends.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Its tenant.
    pub tenant: Tenant,
    /// The link as it was claimed.
    pub link: Link,
    /// Its credential, unless that does not open.
    pub credential: Result<Credential, Broken>,
    /// Failures in a row before this claim.
    pub failures: i64,
    /// Claims in a row, this one included, that had no outcome yet.
    pub claims: i64,
    /// Whether an earlier token request has an outcome that nobody knows.
    pub unsettled: bool,
    put_again: i64,
    token: String,
}

impl Claim {
    /// Whether Jira does not hold the newest generation, or may not.
    #[must_use]
    pub fn is_unpublished(&self) -> bool {
        self.put_again > 0
            || self
                .link
                .published
                .is_none_or(|published| published.generation < self.link.generation)
    }
}

/// Something that is left to do after a link or an attempt ended.
#[derive(Debug)]
pub struct Cleanup {
    /// Its id.
    pub id: String,
    /// The tenant it was for.
    pub client_key: ClientKey,
    /// The installation it was for.
    pub installation: i64,
    /// The person it was for.
    pub account_id: AccountId,
    /// What to do.
    pub chore: Chore,
    /// Failures so far.
    pub failures: i64,
    /// When there is no use in it any more.
    pub expires_at: Seconds,
}

/// What a [`Cleanup`] does.
#[derive(Debug)]
pub enum Chore {
    /// End keys and tokens at the service.
    Revoke(Revocation),
    /// Delete the user property in Jira, unless the person has linked again.
    DeleteProperty,
    /// What it was cannot be opened any more.
    Lost,
}

/// Figures for `/metrics`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Links by state.
    pub links: Vec<(String, i64)>,
    /// Live links whose time has come.
    pub due: i64,
    /// Token requests whose outcome is not recorded.
    pub unsettled: i64,
    /// The first expiry of a key that Jira holds.
    pub earliest_expiry: Option<Seconds>,
    /// Revocations and deletions still to be done.
    pub cleanup: i64,
}

#[derive(FromRow)]
struct TenantRow {
    client_key: String,
    installation: i64,
    base_url: String,
    display_urls: String,
    oauth_client_id: Option<String>,
    data_key: Option<String>,
    shared_secret: String,
    installed: bool,
    enabled: bool,
    acts_as_user: bool,
}

#[derive(FromRow)]
struct AttemptRow {
    id: String,
    client_key: String,
    installation: i64,
    account_id: String,
    issue: Option<String>,
    phase: String,
    state_hash: Option<String>,
    handle_hash: Option<String>,
    handle_expires_at: Option<i64>,
    kept: Option<String>,
    expires_at: i64,
}

#[derive(FromRow)]
struct LinkRow {
    id: String,
    client_key: String,
    installation: i64,
    account_id: String,
    subject: String,
    display_name: String,
    state: String,
    reason: Option<String>,
    generation: i64,
    credential: String,
    published_generation: i64,
    published_expires_at: i64,
    published_at: i64,
    failures: i64,
    claims: i64,
    claim: Option<String>,
    intent_at: Option<i64>,
    unsettled: bool,
    put_again: i64,
}

#[derive(FromRow)]
struct PersonRow {
    kind: String,
    active: bool,
    display_name: String,
    checked_at: i64,
}

#[derive(FromRow)]
struct CleanupRow {
    id: String,
    kind: String,
    client_key: String,
    installation: i64,
    account_id: String,
    revocation: Option<String>,
    failures: i64,
    expires_at: i64,
}

impl LinkRow {
    fn link(&self) -> Link {
        let reason = self.reason.as_deref();
        Link {
            id: LinkId(self.id.clone()),
            client_key: ClientKey(self.client_key.clone()),
            installation: self.installation,
            account_id: AccountId(self.account_id.clone()),
            identity: Identity {
                subject: self.subject.clone(),
                display_name: self.display_name.clone(),
            },
            state: match self.state.as_str() {
                "reconnect" => LinkState::Reconnect(
                    reason
                        .and_then(ReconnectReason::parse)
                        .unwrap_or(ReconnectReason::Revoked),
                ),
                "aside" => LinkState::Aside(
                    reason
                        .and_then(AsideReason::parse)
                        .unwrap_or(AsideReason::NoOutcome),
                ),
                _ => LinkState::Live,
            },
            generation: self.generation,
            published: (self.published_generation > 0).then_some(Published {
                generation: self.published_generation,
                expires_at: self.published_expires_at,
                at: self.published_at,
            }),
        }
    }
}

fn credential_place<'a>(client_key: &'a str, account_id: &'a str, generation: i64) -> Place<'a> {
    Place {
        column: "link.credential",
        tenant: client_key,
        row: account_id,
        generation,
    }
}

fn shared_secret_place(client_key: &str) -> Place<'_> {
    Place {
        column: "tenant.shared_secret",
        tenant: client_key,
        row: "",
        generation: 0,
    }
}

fn attempt_place<'a>(client_key: &'a str, id: &'a str) -> Place<'a> {
    Place {
        column: "attempt.kept",
        tenant: client_key,
        row: id,
        generation: 0,
    }
}

fn revocation_place<'a>(client_key: &'a str, id: &'a str) -> Place<'a> {
    Place {
        column: "cleanup.revocation",
        tenant: client_key,
        row: id,
        generation: 0,
    }
}

/// Everything at the service that ends with a credential.
fn all_of(credential: Credential, subject: &str) -> Revocation {
    let Credential {
        tokens,
        previous_refresh_token,
        api_key,
        retiring,
    } = credential;
    let mut all = Revocation {
        subject: subject.to_owned(),
        key: api_key.and_then(|key| key.id).map(|id| MintedKey {
            id,
            access_token: tokens.access_token.clone(),
        }),
        tokens: Vec::new(),
    };
    let refresh_tokens = tokens
        .refresh_token
        .into_iter()
        .chain(previous_refresh_token);
    all.tokens
        .extend(refresh_tokens.map(|token| RevocableToken {
            token,
            refresh: true,
        }));
    all.tokens.push(RevocableToken {
        token: tokens.access_token,
        refresh: false,
    });
    for revocation in retiring {
        // A minted key that was about to be revoked runs out by itself; its tokens do not.
        all.tokens.extend(revocation.tokens);
    }
    all
}

/// Puts an entry on the list of what is left to do.
macro_rules! add_cleanup {
    ($tx:expr, $row:expr) => {{
        let row: NewCleanup = $row;
        sqlx::query(sql::CLEANUP_ADD)
            .bind(row.id)
            .bind(row.kind)
            .bind(row.client_key)
            .bind(row.installation)
            .bind(row.account_id)
            .bind(row.held_for_subject)
            .bind(row.revocation)
            .bind(row.due_at)
            .bind(row.expires_at)
            .execute(&mut *$tx)
            .await?
    }};
}

/// Puts a revocation on that list. Says the ids of its rows.
///
/// While a link uses the account at the service, tokens wait (`held_for_subject`): some services end
/// every grant of an account, or of the browser session it was made in, with any one of its tokens.
macro_rules! add_revocation {
    ($store:expr, $tx:expr, $owner:expr, $revocation:expr, $now:expr) => {{
        let revocation: Revocation = $revocation;
        let links: i64 = sqlx::query_scalar(sql::SUBJECT_IN_USE)
            .bind(&revocation.subject)
            .fetch_one(&mut *$tx)
            .await?;
        let mut ids = Vec::new();
        for row in $store.revocation_rows($owner, revocation, links > 0, $now) {
            ids.push(row.id.clone());
            add_cleanup!($tx, row);
        }
        ids
    }};
}

struct NewCleanup {
    id: String,
    kind: &'static str,
    client_key: String,
    installation: i64,
    account_id: String,
    held_for_subject: Option<String>,
    revocation: Option<String>,
    due_at: Seconds,
    expires_at: Seconds,
}

impl Store {
    /// Opens the database, runs the migrations under a lock, and is ready.
    ///
    /// SQLite serves one process: the file `{database}.lock` is held for as long as the store is open.
    /// A process that is just ending is waited for.
    ///
    /// # Errors
    /// When the database cannot be opened, is held by another process, or a migration fails.
    pub async fn open(
        database: &Database,
        vault: Vault,
        random: Random,
    ) -> Result<Self, OpenError> {
        let (pool, alone) = match database {
            Database::Sqlite(file) => {
                let alone = hold_alone(file).await?;
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // A committed refresh token must survive a power cut; NORMAL would not promise it.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(10))
                    .foreign_keys(true);
                let pool = SqlitePoolOptions::new()
                    .max_connections(4)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options)
                    .await?;
                MIGRATIONS.run(&pool).await?;
                (Pool::Sqlite(pool), Some(Arc::new(alone)))
            }
            Database::Postgres(url) => {
                let options = PgConnectOptions::from_str(url.expose())?;
                let pool = PgPoolOptions::new()
                    .max_connections(16)
                    .acquire_timeout(Duration::from_secs(5))
                    .connect_with(options)
                    .await?;
                // sqlx takes an advisory lock, so replicas that start together take turns.
                MIGRATIONS.run(&pool).await?;
                (Pool::Postgres(pool), None)
            }
        };
        Ok(Self {
            pool,
            vault,
            random,
            _alone: alone,
        })
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::PING).execute(pool).await.map(|_| ()))?;
        Ok(())
    }

    /// Closes every connection, so that SQLite's log is folded into the file.
    pub async fn close(&self) {
        on!(self, pool => pool.close().await);
    }

    /// Prepares every statement on this database, for a test that they all fit.
    ///
    /// # Errors
    /// Names the statement that does not.
    pub async fn prepare_all(&self) -> Result<usize, String> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let postgres = matches!(self.pool, Pool::Postgres(_));
        let mut prepared = 0;
        for (name, statement) in sql::ALL {
            if !postgres && name.ends_with("_POSTGRES") {
                continue;
            }
            let statement: &'static str = statement;
            on!(self, pool => {
                let mut connection = pool.acquire().await.map_err(|error| error.to_string())?;
                connection
                    .prepare(statement.into_sql_str())
                    .await
                    .map(|_| ())
                    .map_err(|error| format!("{name}: {error}"))?;
            });
            prepared += 1;
        }
        Ok(prepared)
    }

    // ---- tenants ----

    /// Writes what an `installed` callback says; doing it again changes nothing.
    ///
    /// A tenant that comes back after an uninstall gets a new installation number. A new shared secret
    /// ends every attempt that is under way, because whoever began it was proved with the old one.
    pub async fn install(&self, installation: &Installation, now: Seconds) -> Result<(), Error> {
        let client_key = installation.client_key.as_str();
        let ended = transaction!(self, tx => {
            sqlx::query(sql::TENANT_STUB).bind(client_key).bind(now).execute(&mut *tx).await?;
            let row: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            let known = row
                .data_key
                .as_deref()
                .and_then(|wrapped| self.vault.open_tenant_key(client_key, wrapped).ok());
            let same_secret = known.as_ref().is_some_and(|key| {
                self.vault
                    .open(key, shared_secret_place(client_key), &row.shared_secret)
                    .is_ok_and(|old| crate::secret::same(old.expose(), installation.shared_secret.expose()))
            });
            let (key, wrapped) = match (known, row.data_key) {
                (Some(key), Some(wrapped)) => (key, wrapped),
                _ => self.vault.new_tenant_key(client_key),
            };
            let shared_secret = self.vault.seal(
                &key,
                shared_secret_place(client_key),
                &installation.shared_secret,
            );
            sqlx::query(sql::TENANT_INSTALL)
                .bind(client_key)
                .bind(row.installation + i64::from(!row.installed))
                .bind(&installation.base_url)
                .bind(installation.display_urls.join(" "))
                .bind(&installation.oauth_client_id)
                .bind(wrapped)
                .bind(shared_secret)
                .execute(&mut *tx)
                .await?;
            if same_secret && row.installed {
                Vec::new()
            } else {
                sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
                    .bind(client_key)
                    .fetch_all(&mut *tx)
                    .await?
            }
        });
        self.end_attempts(ended, now).await
    }

    /// Marks a tenant as uninstalled. From the commit on no token of it is accepted and no job touches
    /// it; [`Store::drain`] ends what it had.
    pub async fn uninstall(&self, client_key: &ClientKey, now: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_UNINSTALL)
            .bind(client_key.as_str())
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_OF_TENANT)
            .bind(client_key.as_str())
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, now).await
    }

    /// Switches a tenant on or off.
    pub async fn enable(&self, tenant: &Tenant, enabled: bool, now: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_ENABLE)
            .bind(tenant.client_key.as_str())
            .bind(enabled)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// The tenant of a client key, while it is installed.
    pub async fn tenant(&self, client_key: &ClientKey) -> Result<Option<Tenant>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANT_BY_KEY)
            .bind(client_key.as_str())
            .fetch_optional(pool)
            .await)?;
        row.filter(|row| row.installed)
            .map(|row| self.open_tenant(row))
            .transpose()
    }

    fn open_tenant(&self, row: TenantRow) -> Result<Tenant, Error> {
        let opened = row
            .data_key
            .as_deref()
            .ok_or(Broken)
            .and_then(|wrapped| self.vault.open_tenant_key(&row.client_key, wrapped))
            .and_then(|key| {
                let place = shared_secret_place(&row.client_key);
                let secret = self.vault.open(&key, place, &row.shared_secret)?;
                Ok((key, secret))
            });
        let (key, shared_secret) = opened.map_err(|Broken| {
            tracing::error!(event = "seal_failure", tenant = %row.client_key, "the keys of a tenant do not open");
            Error::Internal("the keys of a tenant do not open".to_owned())
        })?;
        Ok(Tenant {
            client_key: ClientKey(row.client_key),
            installation: row.installation,
            base_url: row.base_url,
            display_urls: row
                .display_urls
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            shared_secret,
            oauth_client_id: row.oauth_client_id,
            enabled: row.enabled,
            acts_as_user: row.acts_as_user,
            key,
        })
    }

    /// Remembers whether properties of this tenant are written as the person.
    pub async fn remember_acts_as_user(&self, tenant: &Tenant, yes: bool) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_ACTS_AS_USER)
            .bind(tenant.client_key.as_str())
            .bind(yes)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Keeps every replica away from this tenant's Jira until `until`.
    pub async fn wait_for_tenant(&self, tenant: &Tenant, until: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::TENANT_WAIT)
            .bind(tenant.client_key.as_str())
            .bind(until)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Ends links of uninstalled tenants, some at a time, and destroys a tenant's key with the last.
    /// Says whether there is more to do.
    pub async fn drain(&self, now: Seconds) -> Result<bool, Error> {
        let tenants = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANTS_DRAINING)
            .fetch_all(pool)
            .await)?;
        let mut more = false;
        for tenant in tenants {
            let links = on!(self, pool => sqlx::query_as::<_, LinkRow>(sql::LINKS_OF_OLD_INSTALLATION)
                .bind(&tenant.client_key)
                .bind(tenant.installation)
                .bind(!tenant.installed)
                .fetch_all(pool)
                .await)?;
            let drained = links.is_empty();
            more |= !drained;
            let key = tenant
                .data_key
                .as_deref()
                .and_then(|wrapped| self.vault.open_tenant_key(&tenant.client_key, wrapped).ok());
            for link in links {
                self.end_link(link, key.as_ref(), now).await?;
            }
            if drained {
                on!(self, pool => {
                    sqlx::query(sql::TENANT_DRAINED).bind(&tenant.client_key).execute(pool).await?;
                    sqlx::query(sql::TENANT_PEOPLE_DELETE).bind(&tenant.client_key).execute(pool).await?;
                });
            }
        }
        Ok(more)
    }

    /// Takes one link of an uninstalled tenant away; its tokens are revoked later.
    async fn end_link(
        &self,
        link: LinkRow,
        key: Option<&TenantKey>,
        now: Seconds,
    ) -> Result<(), Error> {
        transaction!(self, tx => {
            let row = sqlx::query_as::<_, LinkRow>(sql::LINK_DELETE_BY_ID)
                .bind(&link.id)
                .fetch_optional(&mut *tx)
                .await?;
            if let (Some(row), Some(key)) = (row, key)
                && let Ok(credential) = self.open_credential(key, &row)
            {
                add_revocation!(self, tx, &row_owner(&row), all_of(credential, &row.subject), now);
            }
        });
        Ok(())
    }

    // ---- people ----

    /// What Jira said about a person, and when.
    pub async fn person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<(Person, Seconds)>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, PersonRow>(sql::PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|row| {
            let person = Person {
                kind: AccountKind::parse(&row.kind),
                active: row.active,
                display_name: row.display_name,
            };
            (person, row.checked_at)
        }))
    }

    /// Remembers what Jira said about a person.
    pub async fn remember_person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        person: &Person,
        now: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::PERSON_REMEMBER)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(person.kind.as_str())
            .bind(person.active)
            .bind(&person.display_name)
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    // ---- attempts ----

    /// Begins an attempt. The person's earlier one, if any, is over.
    pub async fn begin_attempt(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        issue: Option<&IssueKey>,
        now: Seconds,
        life: Seconds,
    ) -> Result<AttemptId, Error> {
        let id = AttemptId(self.random.id());
        let earlier = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_all(pool)
            .await)?;
        self.end_attempts(earlier, now).await?;
        on!(self, pool => sqlx::query(sql::ATTEMPT_BEGIN)
            .bind(id.as_str())
            .bind(tenant.client_key.as_str())
            .bind(tenant.installation)
            .bind(account.as_str())
            .bind(issue.map(IssueKey::as_str))
            .bind(now)
            .bind(now + life)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(id)
    }

    /// An attempt that is under way, with its tenant. None once it is over, or when the tenant was
    /// uninstalled or installed anew since it began.
    pub async fn attempt(
        &self,
        id: &AttemptId,
        now: Seconds,
    ) -> Result<Option<(Tenant, Attempt)>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_BY_ID)
            .bind(id.as_str())
            .fetch_optional(pool)
            .await)?;
        let Some(row) = row.filter(|row| row.expires_at > now) else {
            return Ok(None);
        };
        let Some(tenant) = self.tenant(&ClientKey(row.client_key.clone())).await? else {
            return Ok(None);
        };
        if tenant.installation != row.installation {
            return Ok(None);
        }
        let attempt = self.open_attempt(&tenant.key, row)?;
        Ok(Some((tenant, attempt)))
    }

    /// Whether the person has an attempt under way.
    pub async fn has_attempt(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<bool, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row.is_some_and(|row| row.expires_at > now && row.installation == tenant.installation))
    }

    fn open_attempt(&self, key: &TenantKey, row: AttemptRow) -> Result<Attempt, Error> {
        let damaged = || Error::Internal("an attempt does not open".to_owned());
        let kept = row
            .kept
            .as_deref()
            .map(|sealed| self.vault.open(key, attempt_place(&row.client_key, &row.id), sealed))
            .transpose()
            .map_err(|Broken| {
                tracing::error!(event = "seal_failure", tenant = %row.client_key, attempt = %row.id, "an attempt does not open");
                damaged()
            })?;
        let phase = match (row.phase.as_str(), kept) {
            ("begun", _) => Phase::Begun,
            ("redeeming", _) => Phase::Redeeming,
            ("authorizing", Some(kept)) => {
                let (code_verifier, nonce) =
                    sealed::read_authorizing(&kept).map_err(|_| damaged())?;
                Phase::Authorizing(Authorizing {
                    state_hash: row.state_hash.ok_or_else(damaged)?,
                    code_verifier,
                    nonce,
                })
            }
            ("returned", Some(kept)) => {
                let (code, code_verifier, nonce) =
                    sealed::read_returned(&kept).map_err(|_| damaged())?;
                Phase::Returned(Returned {
                    code,
                    code_verifier,
                    nonce,
                    handle_hash: row.handle_hash.ok_or_else(damaged)?,
                    handle_expires_at: row.handle_expires_at.ok_or_else(damaged)?,
                })
            }
            ("proved", Some(kept)) => {
                let (identity, tokens) = sealed::read_proved(&kept).map_err(|_| damaged())?;
                Phase::Proved(Proved {
                    handle_hash: row.handle_hash.ok_or_else(damaged)?,
                    identity,
                    tokens,
                })
            }
            _ => return Err(damaged()),
        };
        Ok(Attempt {
            id: AttemptId(row.id),
            client_key: ClientKey(row.client_key),
            installation: row.installation,
            account_id: AccountId(row.account_id),
            issue: row.issue.as_deref().and_then(IssueKey::parse),
            expires_at: row.expires_at,
            phase,
        })
    }

    /// The person goes to the service. False when the attempt is over.
    pub async fn attempt_authorizing(
        &self,
        tenant: &Tenant,
        id: &AttemptId,
        kept: &Authorizing,
        now: Seconds,
    ) -> Result<bool, Error> {
        let place = attempt_place(tenant.client_key.as_str(), id.as_str());
        let text = self
            .vault
            .seal(&tenant.key, place, &sealed::write_authorizing(kept));
        let rows = on!(self, pool => sqlx::query(sql::ATTEMPT_AUTHORIZING)
            .bind(id.as_str())
            .bind(now)
            .bind(&kept.state_hash)
            .bind(text)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// The service sent the person back: takes the state, once, and keeps the code.
    pub async fn attempt_returned(
        &self,
        tenant: &Tenant,
        id: &AttemptId,
        state_hash: &str,
        kept: &Returned,
        now: Seconds,
    ) -> Result<bool, Error> {
        let place = attempt_place(tenant.client_key.as_str(), id.as_str());
        let text = self
            .vault
            .seal(&tenant.key, place, &sealed::write_returned(kept));
        let rows = on!(self, pool => sqlx::query(sql::ATTEMPT_RETURNED)
            .bind(id.as_str())
            .bind(now)
            .bind(state_hash)
            .bind(&kept.handle_hash)
            .bind(kept.handle_expires_at)
            .bind(text)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Takes the handle, once, right before the code is redeemed.
    pub async fn attempt_redeem(
        &self,
        id: &AttemptId,
        handle_hash: &str,
        now: Seconds,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::ATTEMPT_REDEEM)
            .bind(id.as_str())
            .bind(now)
            .bind(handle_hash)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Keeps what the code was redeemed for. When the attempt ended meanwhile, it is revoked instead
    /// and the answer is false.
    pub async fn attempt_proved(
        &self,
        tenant: &Tenant,
        attempt: &Attempt,
        kept: &Proved,
        now: Seconds,
    ) -> Result<bool, Error> {
        let place = attempt_place(tenant.client_key.as_str(), attempt.id.as_str());
        let text = self
            .vault
            .seal(&tenant.key, place, &sealed::write_proved(kept));
        let rows = on!(self, pool => sqlx::query(sql::ATTEMPT_PROVED)
            .bind(attempt.id.as_str())
            .bind(text)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        if rows == 0 {
            self.revoke_unlinked(
                tenant,
                &attempt.account_id,
                &kept.identity.subject,
                &kept.tokens,
                now,
            )
            .await?;
        }
        Ok(rows == 1)
    }

    /// Ends an attempt, whatever it has come to. What it brought is revoked.
    pub async fn end_attempt(&self, id: &AttemptId, now: Seconds) -> Result<(), Error> {
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_BY_ID)
            .bind(id.as_str())
            .fetch_optional(pool)
            .await)?;
        self.end_attempts(row.into_iter().collect(), now).await
    }

    async fn end_attempts(&self, rows: Vec<AttemptRow>, now: Seconds) -> Result<(), Error> {
        for row in rows {
            // Only a proved attempt has something at the service that must end; opening it needs the
            // tenant's key even when the tenant was just uninstalled.
            let brought = if row.phase == "proved" {
                self.tenant_key(&row.client_key).await?.and_then(|key| {
                    let owner = (
                        row.client_key.clone(),
                        row.installation,
                        row.account_id.clone(),
                    );
                    match self.open_attempt(&key, copy_of(&row)) {
                        Ok(Attempt {
                            phase: Phase::Proved(proved),
                            ..
                        }) => Some((owner, proved)),
                        _ => None,
                    }
                })
            } else {
                None
            };
            transaction!(self, tx => {
                let gone = sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_DELETE)
                    .bind(&row.id)
                    .fetch_optional(&mut *tx)
                    .await?;
                if let (Some(_), Some((owner, proved))) = (gone, brought) {
                    let owner = Owner {
                        client_key: owner.0,
                        installation: owner.1,
                        account_id: owner.2,
                    };
                    add_revocation!(self, tx, &owner, tokens_only(&proved.tokens, &proved.identity.subject), now);
                }
            });
        }
        Ok(())
    }

    async fn tenant_key(&self, client_key: &str) -> Result<Option<TenantKey>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANT_BY_KEY)
            .bind(client_key)
            .fetch_optional(pool)
            .await)?;
        Ok(row
            .and_then(|row| row.data_key)
            .and_then(|wrapped| self.vault.open_tenant_key(client_key, &wrapped).ok()))
    }

    /// Revokes tokens that no link holds. `subject` is empty when nobody knows whose they are.
    pub async fn revoke_unlinked(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        subject: &str,
        tokens: &Tokens,
        now: Seconds,
    ) -> Result<(), Error> {
        let owner = Owner {
            client_key: tenant.client_key.0.clone(),
            installation: tenant.installation,
            account_id: account.0.clone(),
        };
        transaction!(self, tx => {
            add_revocation!(self, tx, &owner, tokens_only(tokens, subject), now);
        });
        Ok(())
    }

    // ---- sessions and spent tokens ----

    /// Creates a session. False when the id is taken.
    pub async fn create_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::SESSION_CREATE)
            .bind(id_hash)
            .bind(data)
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Writes a session.
    pub async fn save_session(
        &self,
        id_hash: &str,
        data: &str,
        expires_at: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SESSION_SAVE)
            .bind(id_hash)
            .bind(data)
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Reads a session that has not expired: data and expiry.
    pub async fn load_session(
        &self,
        id_hash: &str,
        now: Seconds,
    ) -> Result<Option<(String, Seconds)>, Error> {
        Ok(
            on!(self, pool => sqlx::query_as::<_, (String, i64)>(sql::SESSION_LOAD)
            .bind(id_hash)
            .bind(now)
            .fetch_optional(pool)
            .await)?,
        )
    }

    /// Ends a session.
    pub async fn delete_session(&self, id_hash: &str) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SESSION_DELETE)
            .bind(id_hash)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Notes that a context token has begun an attempt. False when it had before.
    pub async fn spend_token(&self, token_hash: &str, expires_at: Seconds) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::TOKEN_SPEND)
            .bind(token_hash)
            .bind(expires_at)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Takes away what has expired, some at a time.
    pub async fn sweep(&self, now: Seconds) -> Result<(), Error> {
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPTS_EXPIRED)
            .bind(now)
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, now).await?;
        on!(self, pool => {
            sqlx::query(sql::SESSIONS_EXPIRED).bind(now).execute(pool).await?;
            sqlx::query(sql::TOKENS_EXPIRED).bind(now).execute(pool).await?;
        });
        Ok(())
    }

    // ---- links ----

    /// A person's link.
    pub async fn link(&self, tenant: &Tenant, account: &AccountId) -> Result<Option<Link>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, LinkRow>(sql::LINK_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|row| row.link()))
    }

    /// Turns a proved attempt into a link, claimed by `owner` until `lease_until`, so that its key can
    /// be published at once. None when the attempt is over: confirming twice makes one link.
    ///
    /// A link the person had is replaced; its generation goes on, and what it held at the service is
    /// revoked as soon as Jira has the new key.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different fact of one event"
    )]
    pub async fn confirm(
        &self,
        tenant: &Tenant,
        attempt: &Attempt,
        handle_hash: &str,
        identity: &Identity,
        credential: Credential,
        owner: &str,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<Claim>, Error> {
        let client_key = tenant.client_key.as_str();
        let account_id = attempt.account_id.as_str();
        let token = self.random.id();
        let id = LinkId(self.random.id());
        let mut credential = credential;
        let generation = transaction!(self, tx => {
            // Locks the tenant, so that an uninstall comes before or after, not between.
            let current: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            if !current.installed || current.installation != tenant.installation {
                return Ok(None);
            }
            let taken = sqlx::query(sql::ATTEMPT_CONFIRM)
                .bind(attempt.id.as_str())
                .bind(now)
                .bind(handle_hash)
                .bind(client_key)
                .bind(account_id)
                .bind(attempt.installation)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if taken == 0 {
                return Ok(None);
            }
            let old = sqlx::query_as::<_, LinkRow>(sql::LINK_OF_PERSON_ANY)
                .bind(client_key)
                .bind(account_id)
                .fetch_optional(&mut *tx)
                .await?;
            let generation = old.as_ref().map_or(1, |old| old.generation + 1);
            if let Some(old) = &old
                && let Ok(held) = self.open_credential(&tenant.key, old)
            {
                credential.retiring.push(all_of(held, &old.subject));
            }
            sqlx::query(sql::LINK_PUT)
                .bind(id.as_str())
                .bind(client_key)
                .bind(tenant.installation)
                .bind(account_id)
                .bind(&identity.subject)
                .bind(&identity.display_name)
                .bind(generation)
                .bind(self.seal_credential(tenant, &attempt.account_id, generation, &credential))
                .bind(credential.api_key.as_ref().map(|key| key.expires_at))
                .bind(lease_until)
                .bind(&token)
                .bind(owner)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            generation
        });
        Ok(Some(Claim {
            tenant: tenant.clone(),
            link: Link {
                id,
                client_key: tenant.client_key.clone(),
                installation: tenant.installation,
                account_id: attempt.account_id.clone(),
                identity: identity.clone(),
                state: LinkState::Live,
                generation,
                published: None,
            },
            credential: Ok(credential),
            failures: 0,
            claims: 1,
            unsettled: false,
            put_again: 0,
            token,
        }))
    }

    fn seal_credential(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        generation: i64,
        credential: &Credential,
    ) -> String {
        let place = credential_place(tenant.client_key.as_str(), account.as_str(), generation);
        self.vault
            .seal(&tenant.key, place, &sealed::write_credential(credential))
    }

    fn open_credential(&self, key: &TenantKey, row: &LinkRow) -> Result<Credential, Broken> {
        let place = credential_place(&row.client_key, &row.account_id, row.generation);
        let opened = self.vault.open(key, place, &row.credential)?;
        sealed::read_credential(&opened).map_err(|_| Broken)
    }

    /// Takes a person's link and attempt away. Returns the ids of what is left to do: revoking what it
    /// held and deleting the property.
    pub async fn unlink(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<Vec<String>, Error> {
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, now).await?;
        let mut left = Vec::new();
        transaction!(self, tx => {
            let row = sqlx::query_as::<_, LinkRow>(sql::LINK_DELETE)
                .bind(tenant.client_key.as_str())
                .bind(account.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            if let Some(row) = row {
                let owner = row_owner(&row);
                match self.open_credential(&tenant.key, &row) {
                    Ok(credential) => {
                        left.extend(add_revocation!(self, tx, &owner, all_of(credential, &row.subject), now));
                    }
                    Err(Broken) => tracing::error!(
                        event = "seal_failure",
                        tenant = %row.client_key,
                        account = %row.account_id,
                        "a link is removed whose credential does not open; its tokens cannot be revoked"
                    ),
                }
                let new = self.deletion_row(&owner, now);
                left.push(new.id.clone());
                add_cleanup!(tx, new);
            }
        });
        Ok(left)
    }

    /// Brings a renewal forward. False when there is nothing to renew.
    pub async fn renew_now(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::LINK_RENEW_NOW)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .bind(now)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    // ---- renewal ----

    /// Claims links whose time has come, the most urgent first. Each is this process's until
    /// `lease_until`.
    pub async fn claim(
        &self,
        owner: &str,
        now: Seconds,
        lease_until: Seconds,
        most: i64,
    ) -> Result<Vec<Claim>, Error> {
        let token = self.random.id();
        let statement = match &self.pool {
            Pool::Sqlite(_) => sql::CLAIM_SQLITE,
            Pool::Postgres(_) => sql::CLAIM_POSTGRES,
        };
        let rows = on!(self, pool => sqlx::query_as::<_, LinkRow>(statement)
            .bind(now)
            .bind(lease_until)
            .bind(&token)
            .bind(owner)
            .bind(most)
            .fetch_all(pool)
            .await)?;
        let mut claims: Vec<Claim> = Vec::with_capacity(rows.len());
        for row in rows {
            let known = claims
                .iter()
                .rev()
                .find(|claim| claim.tenant.client_key.as_str() == row.client_key)
                .map(|claim| claim.tenant.clone());
            let tenant = match known {
                Some(tenant) => tenant,
                // Uninstalled in this moment, or its keys do not open, which was logged: the lease
                // brings the row back later, and no other row waits for it.
                None => match self.tenant(&ClientKey(row.client_key.clone())).await {
                    Ok(Some(tenant)) => tenant,
                    Ok(None) | Err(Error::Internal(_)) => continue,
                    Err(error) => return Err(error),
                },
            };
            claims.push(Claim {
                link: row.link(),
                credential: self.open_credential(&tenant.key, &row),
                failures: row.failures,
                claims: row.claims,
                unsettled: row.unsettled || row.intent_at.is_some(),
                put_again: row.put_again,
                token: row.claim.unwrap_or_default(),
                tenant,
            });
        }
        Ok(claims)
    }

    /// Writes down that a token request is about to leave, and renews the lease. False when the lease
    /// is over or the link has changed: then nothing may be sent.
    pub async fn intend(
        &self,
        claim: &Claim,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::INTENT)
            .bind(claim.link.id.as_str())
            .bind(now)
            .bind(lease_until)
            .bind(claim.link.generation)
            .bind(&claim.token)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Keeps what the service gave, as `generation`. When the link is gone or has moved on, false: then
    /// the caller revokes it with [`Store::discard`].
    pub async fn commit(
        &self,
        claim: &Claim,
        credential: &Credential,
        generation: i64,
    ) -> Result<bool, Error> {
        let text = self.seal_credential(
            &claim.tenant,
            &claim.link.account_id,
            generation,
            credential,
        );
        let rows = on!(self, pool => sqlx::query(sql::COMMIT)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&text)
            .bind(generation)
            .bind(credential.api_key.as_ref().map(|key| key.expires_at))
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Revokes what was brought for a link that is no longer there.
    pub async fn discard(
        &self,
        claim: &Claim,
        credential: Credential,
        now: Seconds,
    ) -> Result<(), Error> {
        let owner = claim_owner(claim);
        transaction!(self, tx => {
            add_revocation!(self, tx, &owner, all_of(credential, &claim.link.identity.subject), now);
        });
        Ok(())
    }

    /// Records that Jira holds the claimed generation, sets the next time, and hands what was replaced
    /// over to be revoked.
    ///
    /// False when the link is gone or was replaced meanwhile. Then what this claim has put must not
    /// stay: the property is deleted, or the newest is put again.
    pub async fn published(
        &self,
        claim: &Claim,
        credential: &Credential,
        expires_at: Seconds,
        now: Seconds,
        due_at: Seconds,
    ) -> Result<bool, Error> {
        let generation = claim.link.generation;
        let client_key = claim.tenant.client_key.as_str();
        let account_id = claim.link.account_id.as_str();
        let mut kept = credential.clone();
        let retiring = std::mem::take(&mut kept.retiring);
        let text = self.seal_credential(&claim.tenant, &claim.link.account_id, generation, &kept);
        let owner = claim_owner(claim);
        Ok(transaction!(self, tx => {
            let rows = sqlx::query(sql::RECORD_PUBLISHED)
                .bind(claim.link.id.as_str())
                .bind(generation)
                .bind(&text)
                .bind(expires_at)
                .bind(now)
                .bind(due_at)
                .bind(claim.put_again)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if rows == 1 {
                for old in retiring {
                    add_revocation!(self, tx, &owner, old, now);
                }
                true
            } else {
                let again = sqlx::query(sql::LINK_PUT_AGAIN)
                    .bind(client_key)
                    .bind(account_id)
                    .bind(now)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
                if again == 0 {
                    let new = self.deletion_row(&owner, now);
                    add_cleanup!(tx, new);
                }
                false
            }
        }))
    }

    /// Gives a claimed link back, to be looked at again at `due_at`.
    ///
    /// `failed` counts towards the backoff. `settled` says that nothing of a token request is open any
    /// more: it was never sent, or it was answered.
    pub async fn put_off(
        &self,
        claim: &Claim,
        due_at: Seconds,
        failed: bool,
        settled: bool,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::PUT_OFF)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&claim.token)
            .bind(due_at)
            .bind(i64::from(failed))
            .bind(settled)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Asks the person to reconnect. False when the link has changed since it was claimed: then the
    /// refusal was about something that is no longer there.
    pub async fn reconnect(&self, claim: &Claim, reason: ReconnectReason) -> Result<bool, Error> {
        let rows = on!(self, pool => sqlx::query(sql::RECONNECT)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&claim.token)
            .bind(reason.as_str())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Lets a link rest until `due_at`.
    pub async fn set_aside(
        &self,
        claim: &Claim,
        reason: AsideReason,
        due_at: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SET_ASIDE)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&claim.token)
            .bind(reason.as_str())
            .bind(due_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Other processes that hold claims.
    pub async fn owners_besides(&self, me: &str) -> Result<Vec<String>, Error> {
        Ok(
            on!(self, pool => sqlx::query_scalar::<_, String>(sql::OWNERS)
            .bind(me)
            .fetch_all(pool)
            .await)?,
        )
    }

    /// Frees the claims of a process that has died, so that nobody waits for its leases.
    pub async fn release(&self, owner: &str, now: Seconds) -> Result<u64, Error> {
        Ok(on!(self, pool => sqlx::query(sql::RELEASE_OWNER)
            .bind(owner)
            .bind(now)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?)
    }

    /// Whether other processes may work on this database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.pool, Pool::Postgres(_))
    }

    /// A sign of life that ends with the process: on PostgreSQL an advisory lock of a connection of
    /// its own. None on SQLite, which serves one process, and while the lock cannot be had.
    pub async fn sign_of_life(&self, owner: &str) -> Result<Option<SignOfLife>, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        let mut connection = pool.acquire().await?.detach();
        let taken: bool = sqlx::query_scalar(sql::LIFE_TAKE_POSTGRES)
            .bind(lock_number(owner))
            .fetch_one(&mut connection)
            .await?;
        Ok(taken.then_some(SignOfLife(connection)))
    }

    /// Whether a process that holds claims shows no sign of life.
    pub async fn has_died(&self, owner: &str) -> Result<bool, Error> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(true);
        };
        // For the length of one transaction, so that nothing is left behind on the pooled connection.
        let mut tx = pool.begin().await?;
        let free: bool = sqlx::query_scalar(sql::LIFE_PROBE_POSTGRES)
            .bind(lock_number(owner))
            .fetch_one(&mut *tx)
            .await?;
        tx.rollback().await?;
        Ok(free)
    }

    // ---- what is left to do ----

    fn deletion_row(&self, owner: &Owner, now: Seconds) -> NewCleanup {
        NewCleanup {
            id: self.random.id(),
            kind: "delete_property",
            client_key: owner.client_key.clone(),
            installation: owner.installation,
            account_id: owner.account_id.clone(),
            held_for_subject: None,
            revocation: None,
            due_at: now,
            expires_at: now + CLEANUP_LIFE,
        }
    }

    /// A revocation as rows: one, in which the key goes first, as deleting it takes the access token,
    /// and then what could bring new access tokens. Or two, when the tokens have to wait.
    fn revocation_rows(
        &self,
        owner: &Owner,
        mut revocation: Revocation,
        wait: bool,
        now: Seconds,
    ) -> Vec<NewCleanup> {
        revocation.tokens.sort_by_key(|token| !token.refresh);
        let subject = revocation.subject.clone();
        let parts = if wait {
            let key = Revocation {
                subject: subject.clone(),
                key: revocation.key.take(),
                tokens: Vec::new(),
            };
            vec![(key, None), (revocation, Some(subject))]
        } else {
            vec![(revocation, None)]
        };
        parts
            .into_iter()
            .filter(|(part, _)| !part.is_empty())
            .map(|(part, held_for_subject)| {
                let id = self.random.id();
                let sealed = self.vault.seal_beyond_tenant(
                    revocation_place(&owner.client_key, &id),
                    &sealed::write_revocation(&part),
                );
                NewCleanup {
                    id,
                    kind: "revoke",
                    client_key: owner.client_key.clone(),
                    installation: owner.installation,
                    account_id: owner.account_id.clone(),
                    held_for_subject,
                    revocation: Some(sealed),
                    due_at: now,
                    expires_at: now + CLEANUP_LIFE,
                }
            })
            .collect()
    }

    /// Lets refresh tokens go whose account at the service no link uses any more.
    pub async fn let_go(&self) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::CLEANUP_LET_GO).execute(pool).await.map(|_| ()))?;
        Ok(())
    }

    /// Claims what is left to do.
    pub async fn claim_cleanup(
        &self,
        now: Seconds,
        lease_until: Seconds,
        most: i64,
    ) -> Result<Vec<Cleanup>, Error> {
        let statement = match &self.pool {
            Pool::Sqlite(_) => sql::CLEANUP_CLAIM_SQLITE,
            Pool::Postgres(_) => sql::CLEANUP_CLAIM_POSTGRES,
        };
        let rows = on!(self, pool => sqlx::query_as::<_, CleanupRow>(statement)
            .bind(now)
            .bind(lease_until)
            .bind(most)
            .fetch_all(pool)
            .await)?;
        Ok(rows.into_iter().map(|row| self.open_cleanup(row)).collect())
    }

    /// Claims one entry, if it is due.
    pub async fn claim_cleanup_of(
        &self,
        id: &str,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<Cleanup>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, CleanupRow>(sql::CLEANUP_CLAIM_ONE)
            .bind(now)
            .bind(lease_until)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|row| self.open_cleanup(row)))
    }

    fn open_cleanup(&self, row: CleanupRow) -> Cleanup {
        let chore = if row.kind == "delete_property" {
            Chore::DeleteProperty
        } else {
            row.revocation
                .as_deref()
                .and_then(|text| {
                    let place = revocation_place(&row.client_key, &row.id);
                    self.vault.open_beyond_tenant(place, text).ok()
                })
                .and_then(|text| sealed::read_revocation(&text).ok())
                .map_or(Chore::Lost, Chore::Revoke)
        };
        Cleanup {
            id: row.id,
            client_key: ClientKey(row.client_key),
            installation: row.installation,
            account_id: AccountId(row.account_id),
            chore,
            failures: row.failures,
            expires_at: row.expires_at,
        }
    }

    /// An entry is done.
    pub async fn cleanup_done(&self, cleanup: &Cleanup) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::CLEANUP_DONE)
            .bind(&cleanup.id)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// An entry is tried again at `due_at`.
    pub async fn cleanup_later(&self, cleanup: &Cleanup, due_at: Seconds) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::CLEANUP_LATER)
            .bind(&cleanup.id)
            .bind(due_at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Whether a person of a tenant has a link, in whichever installation.
    pub async fn is_linked(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
    ) -> Result<bool, Error> {
        let links: i64 = on!(self, pool => sqlx::query_scalar(sql::LINK_EXISTS)
            .bind(client_key.as_str())
            .bind(account.as_str())
            .fetch_one(pool)
            .await)?;
        Ok(links > 0)
    }

    /// Has the newest generation of a person's link put into Jira again.
    pub async fn put_again(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
        now: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::LINK_PUT_AGAIN)
            .bind(client_key.as_str())
            .bind(account.as_str())
            .bind(now)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    // ---- figures ----

    /// The figures of this moment.
    pub async fn figures(&self, now: Seconds) -> Result<Figures, Error> {
        Ok(on!(self, pool => Figures {
            links: sqlx::query_as(sql::LINKS_BY_STATE).fetch_all(pool).await?,
            due: sqlx::query_scalar(sql::LINKS_DUE).bind(now).fetch_one(pool).await?,
            unsettled: sqlx::query_scalar(sql::LINKS_UNSETTLED).fetch_one(pool).await?,
            earliest_expiry: sqlx::query_scalar(sql::EARLIEST_EXPIRY).fetch_one(pool).await?,
            cleanup: sqlx::query_scalar(sql::CLEANUP_LEFT).fetch_one(pool).await?,
        }))
    }
}

/// Whose something was.
struct Owner {
    client_key: String,
    installation: i64,
    account_id: String,
}

fn row_owner(row: &LinkRow) -> Owner {
    Owner {
        client_key: row.client_key.clone(),
        installation: row.installation,
        account_id: row.account_id.clone(),
    }
}

fn claim_owner(claim: &Claim) -> Owner {
    Owner {
        client_key: claim.tenant.client_key.0.clone(),
        installation: claim.tenant.installation,
        account_id: claim.link.account_id.0.clone(),
    }
}

fn tokens_only(tokens: &Tokens, subject: &str) -> Revocation {
    let credential = Credential {
        tokens: tokens.clone(),
        previous_refresh_token: None,
        api_key: None,
        retiring: Vec::new(),
    };
    all_of(credential, subject)
}

fn copy_of(row: &AttemptRow) -> AttemptRow {
    AttemptRow {
        id: row.id.clone(),
        client_key: row.client_key.clone(),
        installation: row.installation,
        account_id: row.account_id.clone(),
        issue: row.issue.clone(),
        phase: row.phase.clone(),
        state_hash: row.state_hash.clone(),
        handle_hash: row.handle_hash.clone(),
        handle_expires_at: row.handle_expires_at,
        kept: row.kept.clone(),
        expires_at: row.expires_at,
    }
}

/// See [`Store::sign_of_life`].
pub struct SignOfLife(sqlx::PgConnection);

impl SignOfLife {
    /// Whether the connection, and with it the lock, still stands.
    pub async fn stands(&mut self) -> bool {
        sqlx::query(sql::PING).execute(&mut self.0).await.is_ok()
    }
}

/// Advisory locks are named by numbers: the first eight bytes of the name's hash.
fn lock_number(owner: &str) -> i64 {
    let hash = digest(&SHA256, owner.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(bytes)
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database says so.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Another process serves this file.
    #[error("the database file is in use by another latchkey process")]
    InUse,
    /// The lock file cannot be made.
    #[error("the lock beside the database file cannot be taken: {0}")]
    Lock(std::io::Error),
}

/// Takes `{file}.lock`. The operating system gives it back when the process ends, however it ends.
async fn hold_alone(file: &str) -> Result<std::fs::File, OpenError> {
    let lock = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(format!("{file}.lock"))
        .map_err(OpenError::Lock)?;
    // A process that ends may take ten seconds for its last renewals.
    for _ in 0..150 {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(std::fs::TryLockError::WouldBlock) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(OpenError::Lock(error)),
        }
    }
    Err(OpenError::InUse)
}
