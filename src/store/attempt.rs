//! Attempts, phase by phase. Each step is one statement that only the right phase lets through.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Attempt, AttemptId, Authorizing, ClientKey, Consent, Credential, IssueKey, Phase,
    Proved, Returned, Revocation, Tenant, Tokens,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::cleanup::{NewCleanup, Owner, Wait, all_of};
use super::rows::{AttemptRow, TenantRow};
use super::{Pool, Store, sealed, sql};

pub(super) fn attempt_place<'a>(client_key: &'a str, id: &'a str) -> Place<'a> {
    Place {
        column: "attempt.kept",
        tenant: client_key,
        row: id,
        generation: 0,
        bound: &[],
    }
}

impl Store {
    /// Begins an attempt. The person's earlier one, if any, is over.
    pub async fn begin_attempt(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        issue: Option<&IssueKey>,
        another: bool,
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
            .bind(another)
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
        let attempt = self.open_attempt(&tenant.key, row)?;
        Ok(Some((tenant, attempt)))
    }

    /// Whether there is an attempt of this name whose time is over and which nobody has ended. Not for
    /// long: it is swept up.
    pub async fn attempt_ran_out(&self, id: &AttemptId, now: Seconds) -> Result<bool, Error> {
        if id.as_str().contains('\0') {
            return Ok(false);
        }
        let row = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_BY_ID)
            .bind(id.as_str())
            .fetch_optional(pool)
            .await)?;
        Ok(row.is_some_and(|row| row.expires_at <= now))
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

    pub(super) fn open_attempt(&self, key: &TenantKey, row: AttemptRow) -> Result<Attempt, Error> {
        let damaged = || Error::Internal("an attempt does not open".to_owned());
        let kept = row
            .kept
            .as_deref()
            .map(|sealed| {
                self.vault
                    .open(key, attempt_place(&row.client_key, &row.id), sealed)
            })
            .transpose()
            .map_err(|Broken| damaged())?;
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
            another: row.another,
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

    pub(super) async fn end_attempts(
        &self,
        rows: Vec<AttemptRow>,
        now: Seconds,
    ) -> Result<(), Error> {
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
                    match self.open_attempt(&key, row.clone()) {
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

    pub(super) async fn tenant_key(&self, client_key: &str) -> Result<Option<TenantKey>, Error> {
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
