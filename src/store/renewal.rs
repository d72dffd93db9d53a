//! Claims on links and what comes of them; signs of life of the processes that hold them.

use aws_lc_rs::digest::{SHA256, digest};

use crate::clock::Seconds;
use crate::error::Error;
use crate::meters::Subject;
use crate::model::{
    AccountId, AsideReason, ClientKey, Credential, Link, Purpose, ReconnectReason, Tenant,
};
use crate::secret::{Secret, same};
use crate::vault::Broken;

use super::batch::{Commit, Intend, Published, PutOff, Write};
use super::budget::Probe;
use super::cleanup::{NewCleanup, Owner, Wait, all_of};
use super::rows::{ClaimedRow, LinkRow};
use super::{Pool, Store, sql};

/// A link that this process may renew until its lease ends.
#[derive(Clone)]
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
    /// For whom it is claimed.
    pub purpose: Purpose,
    /// Whether this is the one that may ask the service while all others wait.
    pub probe: Option<Probe>,
    pub(super) put_again: i64,
    pub(super) token: String,
}

/// How long a claimed link is one process's alone, in seconds. A token request ends well before
/// (`outbound::TIME_LIMIT`), so two are never in flight.
pub const LEASE: Seconds = 45;
/// A turn is for so many links at most: one by one they would cost a statement each, and the statements
/// look at as many as this needs.
pub const TURN: i64 = 8;

/// A tenant's turn in a claim: so many links of it at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub tenant: ClientKey,
    /// How many, up to [`TURN`].
    pub most: i64,
}

/// Which links are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All that are due, while the service may be asked.
    Due,
    /// The one that may ask the service while all others wait.
    Probe(Probe),
    /// Those whose key is only to be put into Jira.
    Unpublished,
}

impl<'a> From<&'a Claim> for Subject<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self {
            link: &claim.link,
            failures: claim.failures,
        }
    }
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

impl Store {
    /// Claims links whose time has come, of these tenants, one after the other until there are `most`; of
    /// each those first whose key in Jira, or refresh token, ends first. Each link is this process's until `lease_until`.
    /// Those of a tenant that is set aside are set aside with it until `rest_until`.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a value of the statement"
    )]
    pub async fn claim(
        &self,
        owner: &str,
        turns: &[Turn],
        most: i64,
        kind: Kind,
        now: Seconds,
        lease_until: Seconds,
        rest_until: Seconds,
    ) -> Result<Vec<Claim>, Error> {
        if turns.is_empty() {
            return Ok(Vec::new());
        }
        let token = self.random.id();
        let statement = match (&self.pool, kind) {
            (Pool::Sqlite(_), Kind::Unpublished) => sql::CLAIM_UNPUBLISHED_SQLITE,
            (Pool::Postgres(_), Kind::Unpublished) => sql::CLAIM_UNPUBLISHED_POSTGRES,
            (Pool::Sqlite(_), _) => sql::CLAIM_SQLITE,
            (Pool::Postgres(_), _) => sql::CLAIM_POSTGRES,
        };
        let past_the_gate = kind != Kind::Due;
        let mut rows = Vec::new();
        transaction!(self, tx => {
            let mut left = most;
            for turn in turns {
                if left <= 0 {
                    break;
                }
                let claimed = sqlx::query_as::<_, ClaimedRow>(statement)
                    .bind(now)
                    .bind(lease_until)
                    .bind(&token)
                    .bind(owner)
                    .bind(turn.most.min(left))
                    .bind(turn.tenant.as_str())
                    .bind(past_the_gate)
                    .fetch_all(&mut *tx)
                    .await?;
                left -= i64::try_from(claimed.len()).unwrap_or(i64::MAX);
                rows.extend(claimed);
            }
        });
        rows.sort_by_key(|row| row.link.first_end);
        let mut claims: Vec<Claim> = Vec::with_capacity(rows.len());
        for ClaimedRow { link: row, reached } in rows {
            let known = claims
                .iter()
                .rev()
                .find(|claim| claim.tenant.client_key.as_str() == row.client_key)
                .map(|claim| claim.tenant.clone());
            let tenant = match known {
                Some(tenant) => tenant,
                None => match self.find_tenant(&ClientKey(row.client_key.clone())).await? {
                    Some(Ok(tenant)) => tenant,
                    // Uninstalled in this moment: the lease brings the row back, if need be.
                    None => continue,
                    // It is set aside, which was recorded. No other row waits for it.
                    Some(Err(why)) => {
                        let link = row.link();
                        let claim = row.claim.as_deref().unwrap_or_default();
                        self.rest(&link, claim, why, rest_until).await?;
                        continue;
                    }
                },
            };
            claims.push(Claim {
                link: row.link(),
                credential: self.open_credential(&tenant.key, &row, reached.unwrap_or(0)),
                failures: row.failures,
                claims: row.claims,
                unsettled: row.unsettled || row.intent_at.is_some(),
                purpose: Purpose::Renewal,
                probe: match kind {
                    Kind::Probe(probe) => Some(probe),
                    Kind::Due | Kind::Unpublished => None,
                },
                put_again: row.put_again,
                token: row.claim.unwrap_or_default(),
                tenant,
            });
        }
        Ok(claims)
    }

    /// Writes down that a token request is about to leave, and renews the lease. False when the lease
    /// is over, the link has changed or the service is to be left alone: then nothing may be sent.
    pub async fn intend(
        &self,
        claim: &Claim,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<bool, Error> {
        let write = Write::Intend(Intend {
            claim: claim.token.clone(),
            generation: claim.link.generation,
            now,
            lease_until,
            probing: claim.probe.is_some(),
        });
        self.write(&claim.link.id, write).await
    }

    /// Keeps what the service gave, as `generation`. When the link is gone or has moved on, false: then
    /// the caller revokes it with [`Store::discard`].
    pub async fn commit(
        &self,
        claim: &Claim,
        credential: &Credential,
        generation: i64,
    ) -> Result<bool, Error> {
        let text = self.seal_credential(&claim.tenant.key, &claim.link, generation, credential);
        let write = Write::Commit(Commit {
            owner: claim_owner(claim),
            claimed: claim.link.generation,
            credential: text,
            generation,
            key_expires_at: credential.api_key.as_ref().map(|key| key.expires_at),
            consent_ends_at: credential.consent.ends_at,
            refresh_ends_at: credential.refresh_ends_at,
        });
        self.write(&claim.link.id, write).await
    }

    /// Whether a link holds what the service gave, and of which generation it is now: an earlier try to
    /// commit that may have been made, and its answer lost on the way from the database.
    pub async fn holds(
        &self,
        claim: &Claim,
        credential: &Credential,
        generation: i64,
    ) -> Result<Option<i64>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, LinkRow>(sql::LINK_OF_PERSON_ANY)
            .bind(claim.link.client_key.as_str())
            .bind(claim.link.account_id.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row
            .filter(|row| row.id == claim.link.id.as_str())
            .filter(|row| {
                self.open_credential(&claim.tenant.key, row, 0)
                    .is_ok_and(|held| holds(&held, credential, row.generation - generation))
            })
            .map(|row| row.generation))
    }

    /// Whether the link is still there, of this generation, and its tenant installed.
    pub async fn stands(&self, claim: &Claim) -> Result<bool, Error> {
        let links: i64 = on!(self, pool => sqlx::query_scalar(sql::LINK_STANDS)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .fetch_one(pool)
            .await)?;
        Ok(links > 0)
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
        let is_minted = credential
            .api_key
            .as_ref()
            .is_some_and(|key| key.id.is_some());
        // A key that is the access token itself was committed with this generation, and nothing has
        // changed since.
        let changed = is_minted || !credential.retiring.is_empty();
        let text = changed.then(|| {
            let mut kept = credential.clone();
            kept.retiring.clear();
            self.seal_credential(&claim.tenant.key, &claim.link, generation, &kept)
        });
        let write = Write::Published(Published {
            generation,
            credential: text,
            expires_at,
            refresh_ends_at: credential.refresh_ends_at,
            now,
            due_at,
            put_again: claim.put_again,
            owner: claim_owner(claim),
            retiring: credential.retiring.clone(),
        });
        self.write(&claim.link.id, write).await
    }

    /// After a call of which nobody knows whether it put anything: gives the claimed link back, to be
    /// put again at `due_at`. If it is gone or was replaced meanwhile, what was put must not stay.
    pub async fn perhaps_published(
        &self,
        claim: &Claim,
        now: Seconds,
        due_at: Seconds,
    ) -> Result<(), Error> {
        if !self.put_off(claim, due_at, true, false).await? {
            let owner = claim_owner(claim);
            transaction!(self, tx => take_back!(self, tx, owner, now));
        }
        Ok(())
    }

    /// Gives a claimed link back, to be looked at again at `due_at`.
    ///
    /// `failed` counts towards the backoff. `settled` says that nothing of a token request is open any
    /// more: it was never sent, or it was answered. False when it is not this claim's any more.
    pub async fn put_off(
        &self,
        claim: &Claim,
        due_at: Seconds,
        failed: bool,
        settled: bool,
    ) -> Result<bool, Error> {
        let write = Write::PutOff(PutOff {
            claim: claim.token.clone(),
            generation: claim.link.generation,
            due_at,
            failed,
            settled,
        });
        self.write(&claim.link.id, write).await
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
        self.rest(&claim.link, &claim.token, reason, due_at).await
    }

    /// Writes down that Jira says of the person of a claimed link that they are gone. Answers since when it has
    /// said so; none when the link has changed since it was claimed.
    pub async fn said_gone(&self, claim: &Claim, now: Seconds) -> Result<Option<Seconds>, Error> {
        Ok(on!(self, pool => sqlx::query_scalar(sql::GONE_SAID)
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&claim.token)
            .bind(now)
            .fetch_optional(pool)
            .await)?)
    }

    /// Forgets that Jira has said of a person that they are gone, because it has shown them since.
    pub async fn person_is_there(&self, tenant: &Tenant, account: &AccountId) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::GONE_NOT)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    async fn rest(
        &self,
        link: &Link,
        claim: &str,
        reason: AsideReason,
        due_at: Seconds,
    ) -> Result<(), Error> {
        on!(self, pool => sqlx::query(sql::SET_ASIDE)
            .bind(link.id.as_str())
            .bind(link.generation)
            .bind(claim)
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
        // The lock lasts as long as the statement, which is a transaction of its own; so nothing is left behind
        // on the pooled connection.
        let free: bool = sqlx::query_scalar(sql::LIFE_PROBE_POSTGRES)
            .bind(lock_number(owner))
            .fetch_one(pool)
            .await?;
        Ok(free)
    }
}

/// Whether a credential holds what another one brought, so many generations later: its tokens, which it
/// knows until they run out, and its minted key, until the next.
fn holds(held: &Credential, brought: &Credential, later: i64) -> bool {
    let is = |token: &Option<Secret>, other: &Option<Secret>| match (token, other) {
        (Some(token), Some(other)) => same(token.expose(), other.expose()),
        _ => false,
    };
    let minted = |credential: &Credential| credential.api_key.as_ref().map(|key| key.key.clone());
    let (tokens, new) = (&held.tokens, &brought.tokens);
    let lingering = held.lingering.iter().map(|old| &old.access_token);
    let mut access_tokens = lingering.chain([&tokens.access_token]);
    (access_tokens.any(|token| same(token.expose(), new.access_token.expose()))
        || is(&tokens.refresh_token, &new.refresh_token)
        || is(&held.previous_refresh_token, &new.refresh_token))
        && (later > 0 || brought.api_key.is_none() || is(&minted(held), &minted(brought)))
}

pub(super) fn claim_owner(claim: &Claim) -> Owner {
    Owner {
        client_key: claim.tenant.client_key.0.clone(),
        installation: claim.tenant.installation,
        account_id: claim.link.account_id.0.clone(),
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
pub(super) fn lock_number(owner: &str) -> i64 {
    let hash = digest(&SHA256, owner.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(bytes)
}
