//! Attempts, phase by phase. Each step is one statement that changes the row only while the sealed text
//! of the phase before still stands in it, so each step happens once.
//!
//! All columns that say whose an attempt is, how far it has come and what it is known by are bound to
//! that text: an attempt whose row was edited does not open, and is ended.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Attempt, AttemptId, ClientKey, Consent, Credential, Ended, Ending, Handle, IssueKey,
    Phase, RevocableToken, Revocation, Tenant, Tokens,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::cleanup::{NewCleanup, Owner, Wait, all_of};
use super::rows::{AttemptEndRow, AttemptRow, TenantRow};
use super::{Pool, Store, sealed, sql};

/// How long the end of an attempt is remembered, in seconds: as long as the session that may ask.
pub const END_REMEMBERED_FOR: Seconds = 3600;
/// How often a beginning is tried while others begin for the same person.
const TRIES: u32 = 5;

/// Ends an attempt whose row this transaction has just deleted: remembers how it ended, and puts what it
/// brought on the list of what has to be revoked.
macro_rules! attempt_ended {
    ($store:expr, $tx:expr, $row:expr, $key:expr, $how:expr, $now:expr) => {{
        let row: &AttemptRow = $row;
        let how: Option<Ending> = $how;
        if let Some(how) = how {
            sqlx::query(sql::ATTEMPT_END_ADD)
                .bind(&row.id)
                .bind(&row.client_key)
                .bind(row.installation)
                .bind(&row.account_id)
                .bind(&row.issue)
                .bind(how.as_str())
                .bind(&row.state_hash)
                .bind(&row.handle_hash)
                .bind(row.handle_expires_at)
                .bind($now + END_REMEMBERED_FOR)
                .execute(&mut *$tx)
                .await?;
        }
        if let Some((tokens, subject)) = $store.brought($key, row) {
            let owner = Owner {
                client_key: row.client_key.clone(),
                installation: row.installation,
                account_id: row.account_id.clone(),
            };
            add_revocation!($store, $tx, &owner, tokens_only(&tokens, &subject), $now);
        }
    }};
}
pub(super) use attempt_ended;

/// A text that may be absent, so that absent and empty differ.
fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("={text}"))
}

impl AttemptRow {
    /// The row of an attempt that comes to this phase. Its text is not sealed yet.
    fn of(attempt: &Attempt, phase: &Phase) -> Self {
        let handle = phase.handle();
        Self {
            id: attempt.id.0.clone(),
            client_key: attempt.client_key.0.clone(),
            installation: attempt.installation,
            account_id: attempt.account_id.0.clone(),
            issue: attempt.issue.as_ref().map(ToString::to_string),
            phase: sealed::phase_name(phase).to_owned(),
            state_hash: phase.state_hash().map(str::to_owned),
            handle_hash: handle.map(|handle| handle.hash.clone()),
            handle_expires_at: handle.map(|handle| handle.expires_at),
            kept: None,
            expires_at: attempt.expires_at,
            another: attempt.another,
        }
    }

    /// What the sealed text of this row is bound to.
    fn bound(&self) -> [String; 9] {
        let expires_at = self.handle_expires_at.map(|at| at.to_string());
        [
            self.installation.to_string(),
            self.account_id.clone(),
            optional(self.issue.as_deref()),
            self.phase.clone(),
            optional(self.state_hash.as_deref()),
            optional(self.handle_hash.as_deref()),
            optional(expires_at.as_deref()),
            self.expires_at.to_string(),
            self.another.to_string(),
        ]
    }

    fn in_place<T>(&self, then: impl FnOnce(Place<'_>) -> T) -> T {
        let bound = self.bound();
        let bound: Vec<&str> = bound.iter().map(String::as_str).collect();
        then(Place {
            column: "attempt.kept",
            tenant: &self.client_key,
            row: &self.id,
            generation: 0,
            bound: &bound,
        })
    }
}

impl Store {
    fn seal_phase(&self, key: &TenantKey, row: &AttemptRow, phase: &Phase) -> String {
        row.in_place(|place| self.vault.seal(key, place, &sealed::write_phase(phase)))
    }

    /// Begins an attempt. The person's earlier one, if any, is over, and what it brought is revoked.
    pub async fn begin_attempt(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        issue: Option<&IssueKey>,
        another: bool,
        now: Seconds,
        life: Seconds,
    ) -> Result<AttemptId, Error> {
        let attempt = Attempt {
            id: AttemptId(self.random.id()),
            client_key: tenant.client_key.clone(),
            installation: tenant.installation,
            account_id: account.clone(),
            issue: issue.cloned(),
            expires_at: now + life,
            another,
            phase: Phase::Begun,
            sealed: String::new(),
        };
        let row = AttemptRow::of(&attempt, &Phase::Begun);
        let kept = self.seal_phase(&tenant.key, &row, &Phase::Begun);
        for _ in 0..TRIES {
            let begun = transaction!(self, tx => {
                let earlier = sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_TAKE_OF_PERSON)
                    .bind(&row.client_key)
                    .bind(&row.account_id)
                    .fetch_optional(&mut *tx)
                    .await?;
                if let Some(earlier) = &earlier {
                    let how = Some(Ending::Replaced);
                    attempt_ended!(self, tx, earlier, Some(&tenant.key), how, now);
                }
                sqlx::query(sql::ATTEMPT_BEGIN)
                    .bind(&row.id)
                    .bind(&row.client_key)
                    .bind(row.installation)
                    .bind(&row.account_id)
                    .bind(&row.issue)
                    .bind(&kept)
                    .bind(now)
                    .bind(row.expires_at)
                    .bind(another)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected()
            });
            if begun == 1 {
                return Ok(attempt.id);
            }
            // Somebody began for the same person after the look at the earlier one: that is now the
            // earlier one.
        }
        Err(Error::Internal(
            "an attempt could not begin beside others".to_owned(),
        ))
    }

    /// An attempt that is under way, with its tenant. None once it is over, or when the tenant was
    /// uninstalled or installed again since it began. One whose row was edited is ended here.
    pub async fn attempt(
        &self,
        id: &AttemptId,
        now: Seconds,
    ) -> Result<Option<(Tenant, Attempt)>, Error> {
        // The id is what stands in an address. PostgreSQL calls a text with NUL an error.
        if id.as_str().contains('\0') {
            return Ok(None);
        }
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
        match self.open_attempt(&tenant.key, row) {
            Ok(attempt) => Ok(Some((tenant, attempt))),
            Err(Broken) => {
                tracing::error!(tenant = %tenant.client_key, attempt = %id, "an attempt does not open and is ended");
                self.end_attempt(id, Ending::Failed, now).await?;
                Ok(None)
            }
        }
    }

    /// How an attempt ended, for as long as that is remembered; with its tenant.
    pub async fn attempt_end(
        &self,
        id: &AttemptId,
        now: Seconds,
    ) -> Result<Option<(Tenant, Ended)>, Error> {
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let row = on!(self, pool => sqlx::query_as::<_, AttemptEndRow>(sql::ATTEMPT_END_BY_ID)
            .bind(id.as_str())
            .bind(now)
            .fetch_optional(pool)
            .await)?;
        let Some((row, how)) = row.and_then(|row| Ending::parse(&row.how).map(|how| (row, how)))
        else {
            return Ok(None);
        };
        let Some(tenant) = self.tenant(&ClientKey(row.client_key)).await? else {
            return Ok(None);
        };
        let handle = row.handle_hash.zip(row.handle_expires_at);
        let ended = Ended {
            account_id: AccountId(row.account_id),
            issue: row.issue.as_deref().and_then(IssueKey::parse),
            how: match tenant.installation == row.installation {
                true => how,
                false => Ending::Uninstalled,
            },
            state_hash: row.state_hash,
            handle: handle.map(|(hash, expires_at)| Handle { hash, expires_at }),
        };
        Ok(Some((tenant, ended)))
    }

    /// The attempt that a person has under way.
    pub async fn attempt_of_person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<Option<AttemptId>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row
            .filter(|row| row.expires_at > now && row.installation == tenant.installation)
            .map(|row| AttemptId(row.id)))
    }

    pub(super) fn open_attempt(&self, key: &TenantKey, row: AttemptRow) -> Result<Attempt, Broken> {
        let sealed = row.kept.clone().ok_or(Broken)?;
        let kept = row.in_place(|place| self.vault.open(key, place, &sealed))?;
        let handle = row.handle_hash.zip(row.handle_expires_at);
        let handle = handle.map(|(hash, expires_at)| Handle { hash, expires_at });
        let phase = sealed::read_phase(&row.phase, &kept, row.state_hash, handle);
        Ok(Attempt {
            id: AttemptId(row.id),
            client_key: ClientKey(row.client_key),
            installation: row.installation,
            account_id: AccountId(row.account_id),
            issue: row.issue.as_deref().and_then(IssueKey::parse),
            expires_at: row.expires_at,
            another: row.another,
            phase: phase.map_err(|_| Broken)?,
            sealed,
        })
    }

    /// Takes an attempt to its next phase, and answers it there. None when it has ended, run out or gone
    /// another way since it was read: then nothing has changed.
    ///
    /// What the phase before has brought is revoked, unless the next phase keeps it.
    pub async fn attempt_step(
        &self,
        tenant: &Tenant,
        attempt: &Attempt,
        next: Phase,
        now: Seconds,
    ) -> Result<Option<Attempt>, Error> {
        let row = AttemptRow::of(attempt, &next);
        let kept = self.seal_phase(&tenant.key, &row, &next);
        let owner = Owner {
            client_key: row.client_key.clone(),
            installation: row.installation,
            account_id: row.account_id.clone(),
        };
        let left_behind = match &attempt.phase {
            Phase::Redeemed(before) => Some((&before.tokens, &before.identity.subject)),
            _ => None,
        };
        let rows = transaction!(self, tx => {
            let rows = sqlx::query(sql::ATTEMPT_STEP)
                .bind(&row.id)
                .bind(&attempt.sealed)
                .bind(now)
                .bind(&row.phase)
                .bind(&row.state_hash)
                .bind(&row.handle_hash)
                .bind(row.handle_expires_at)
                .bind(&kept)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if rows == 1 && let Some((tokens, subject)) = left_behind {
                add_revocation!(self, tx, &owner, tokens_only(tokens, subject), now);
            }
            rows
        });
        Ok((rows == 1).then(|| Attempt {
            id: attempt.id.clone(),
            client_key: attempt.client_key.clone(),
            installation: attempt.installation,
            account_id: attempt.account_id.clone(),
            issue: attempt.issue.clone(),
            expires_at: attempt.expires_at,
            another: attempt.another,
            phase: next,
            sealed: kept,
        }))
    }

    /// Ends an attempt, whatever it has come to. What it brought is revoked.
    pub async fn end_attempt(
        &self,
        id: &AttemptId,
        how: Ending,
        now: Seconds,
    ) -> Result<(), Error> {
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_BY_ID)
            .bind(id.as_str())
            .fetch_optional(pool)
            .await)?;
        self.end_attempts(row.into_iter().collect(), Some(how), now)
            .await
    }

    /// Ends attempts. How is not remembered of those whose time is over: that is what is said of any
    /// attempt that nothing is remembered of.
    pub(super) async fn end_attempts(
        &self,
        rows: Vec<AttemptRow>,
        how: Option<Ending>,
        now: Seconds,
    ) -> Result<(), Error> {
        for row in rows {
            // Opening what it brought needs the tenant's key, also of a tenant that was just
            // uninstalled.
            let key = self.tenant_key(&row.client_key).await?;
            transaction!(self, tx => {
                let gone = sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_DELETE)
                    .bind(&row.id)
                    .fetch_optional(&mut *tx)
                    .await?;
                if let Some(gone) = &gone {
                    attempt_ended!(self, tx, gone, key.as_ref(), how, now);
                }
            });
        }
        Ok(())
    }

    /// The tokens that an attempt holds, and whose they are.
    pub(super) fn brought(
        &self,
        key: Option<&TenantKey>,
        row: &AttemptRow,
    ) -> Option<(Tokens, String)> {
        if row.phase != sealed::REDEEMED {
            return None;
        }
        match self.open_attempt(key?, row.clone()) {
            Ok(Attempt {
                phase: Phase::Redeemed(redeemed),
                ..
            }) => Some((redeemed.tokens, redeemed.identity.subject)),
            _ => None,
        }
    }

    pub(super) async fn tenant_key(&self, client_key: &str) -> Result<Option<TenantKey>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, TenantRow>(sql::TENANT_BY_KEY)
            .bind(client_key)
            .fetch_optional(pool)
            .await)?;
        Ok(row
            .and_then(|row| row.data_key)
            .and_then(|wrapped| self.vault.open_tenant_key(client_key, &wrapped).ok()))
    }

    /// Revokes tokens that no link holds. Without a subject nobody knows whose they are: they may share a
    /// grant with a link of this person, so they wait while this account in Jira has one at any site.
    pub async fn revoke_unlinked(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        subject: Option<&str>,
        tokens: &[RevocableToken],
        now: Seconds,
    ) -> Result<(), Error> {
        let revocation = Revocation {
            subject: subject.unwrap_or_default().to_owned(),
            keys: Vec::new(),
            tokens: tokens.to_vec(),
        };
        let owner = Owner {
            client_key: tenant.client_key.0.clone(),
            installation: tenant.installation,
            account_id: account.0.clone(),
        };
        transaction!(self, tx => if subject.is_some() {
            add_revocation!(self, tx, &owner, [revocation], now);
        } else {
            for row in self.revocation_rows(&owner, revocation, Wait::Nothing, now) {
                let id = row.id.clone();
                add_cleanup!(tx, row);
                sqlx::query(sql::CLEANUP_HOLD_FOR_ACCOUNT)
                    .bind(&id)
                    .bind(&owner.account_id)
                    .execute(&mut *tx)
                    .await?;
            }
        });
        Ok(())
    }
}

pub(super) fn tokens_only(tokens: &Tokens, subject: &str) -> Vec<Revocation> {
    let credential = Credential {
        tokens: tokens.clone(),
        consent: Consent::default(),
        refresh_ends_at: None,
        previous_refresh_token: None,
        lingering: Vec::new(),
        api_key: None,
        retiring: Vec::new(),
    };
    all_of(credential, subject)
}
