//! The list of what is left to do after something ended.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{AccountId, ClientKey, Credential, MintedKey, RevocableToken, Revocation};
use crate::vault::Place;

use super::renewal::Turn;
use super::rows::{CleanupRow, LinkRow};
use super::{Pool, Store, sealed, sql};

/// After that, what could not be revoked or deleted is given up, with an error in the log.
pub(super) const CLEANUP_LIFE: Seconds = 7 * 24 * 3600;

/// Something that is left to do after a link or an attempt ended.
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

/// Which tokens of an ended link wait until no link uses its account at the service any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// None: nobody else uses the account.
    Nothing,
    /// Somebody else does. A service should end the whole grant with a refresh token (RFC 7009,
    /// section 2.1), and some have one grant per account.
    RefreshTokens,
    /// The same person does, at this site or another. A service may end the grant with an access token
    /// too, and some have one grant per login, which one person's links are likely to share.
    AllTokens,
}

/// What a [`Cleanup`] does.
pub enum Chore {
    /// End keys and tokens at the service.
    Revoke(Revocation),
    /// Delete the user property in Jira, unless the person has linked again.
    DeleteProperty,
    /// What it was cannot be opened any more.
    Lost,
}

pub(super) fn revocation_place<'a>(client_key: &'a str, id: &'a str) -> Place<'a> {
    Place {
        column: "cleanup.revocation",
        tenant: client_key,
        row: id,
        generation: 0,
        bound: &[],
    }
}

pub(super) struct NewCleanup {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) held_for_subject: Option<String>,
    pub(super) revocation: Option<String>,
    pub(super) due_at: Seconds,
    pub(super) expires_at: Seconds,
}

/// Whose something was.
pub(super) struct Owner {
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
}

/// Everything at the service that ends with a credential: its own, and what it had replaced, which may
/// be of another account.
pub(super) fn all_of(credential: Credential, subject: &str) -> Vec<Revocation> {
    let Credential {
        tokens,
        previous_refresh_token,
        lingering,
        api_key,
        retiring,
        consent: _,
        refresh_ends_at: _,
    } = credential;
    let mut own = Revocation {
        subject: subject.to_owned(),
        keys: api_key
            .and_then(|key| key.id)
            .map(|id| MintedKey {
                id,
                access_token: tokens.access_token.clone(),
            })
            .into_iter()
            .collect(),
        tokens: Vec::new(),
    };
    let refresh_tokens = tokens
        .refresh_token
        .into_iter()
        .chain(previous_refresh_token);
    own.tokens
        .extend(refresh_tokens.map(|token| RevocableToken {
            token,
            refresh: true,
        }));
    own.tokens.push(RevocableToken {
        token: tokens.access_token,
        refresh: false,
    });
    own.tokens
        .extend(lingering.into_iter().map(|old| RevocableToken {
            token: old.access_token,
            refresh: false,
        }));
    // In one row with its own tokens, keys are deleted before those are revoked.
    let (same, mut all): (Vec<_>, Vec<_>) = retiring
        .into_iter()
        .partition(|old| old.subject == own.subject);
    for old in same {
        own.keys.extend(old.keys);
        own.tokens.extend(old.tokens);
    }
    all.push(own);
    all
}

pub(super) fn row_owner(row: &LinkRow) -> Owner {
    Owner {
        client_key: row.client_key.clone(),
        installation: row.installation,
        account_id: row.account_id.clone(),
    }
}

impl Store {
    pub(super) fn deletion_row(&self, owner: &Owner, due_at: Seconds) -> NewCleanup {
        NewCleanup {
            id: self.random.id(),
            kind: "delete_property",
            client_key: owner.client_key.clone(),
            installation: owner.installation,
            account_id: owner.account_id.clone(),
            held_for_subject: None,
            revocation: None,
            due_at,
            expires_at: due_at + CLEANUP_LIFE,
        }
    }

    /// A revocation as rows: one, in which keys go first, as deleting them takes an access token,
    /// and then what could bring new access tokens. Or two, when some tokens have to wait.
    pub(super) fn revocation_rows(
        &self,
        owner: &Owner,
        mut revocation: Revocation,
        wait: Wait,
        due_at: Seconds,
    ) -> Vec<NewCleanup> {
        revocation.tokens.sort_by_key(|token| !token.refresh);
        let (waiting, tokens) = revocation.tokens.into_iter().partition(|token| match wait {
            Wait::Nothing => false,
            Wait::RefreshTokens => token.refresh,
            Wait::AllTokens => true,
        });
        let subject = revocation.subject;
        let at_once = Revocation {
            subject: subject.clone(),
            keys: revocation.keys,
            tokens,
        };
        let later = Revocation {
            subject: subject.clone(),
            keys: Vec::new(),
            tokens: waiting,
        };
        let parts = [(at_once, None), (later, Some(subject))];
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
                    kind: if part.tokens.is_empty() {
                        "keys"
                    } else {
                        "revoke"
                    },
                    client_key: owner.client_key.clone(),
                    installation: owner.installation,
                    account_id: owner.account_id.clone(),
                    held_for_subject,
                    revocation: Some(sealed),
                    due_at,
                    expires_at: due_at + CLEANUP_LIFE,
                }
            })
            .collect()
    }

    /// Lets tokens go whose account at the service no link uses any more, and those of an unknown account
    /// whose person has no link any more.
    pub async fn let_go(&self, now: Seconds) -> Result<(), Error> {
        for statement in [sql::CLEANUP_LET_GO, sql::CLEANUP_LET_GO_OF_ACCOUNT] {
            on!(self, pool => sqlx::query(statement)
                .bind(now)
                .bind(now + CLEANUP_LIFE)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(())
    }

    /// Claims what is left to do of these tenants, so many entries of each.
    pub async fn claim_cleanup(
        &self,
        turns: &[Turn],
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Vec<Cleanup>, Error> {
        let statement = match &self.pool {
            Pool::Sqlite(_) => sql::CLEANUP_CLAIM_SQLITE,
            Pool::Postgres(_) => sql::CLEANUP_CLAIM_POSTGRES,
        };
        let mut rows = Vec::new();
        transaction!(self, tx => for turn in turns {
            rows.extend(sqlx::query_as::<_, CleanupRow>(statement)
                .bind(now)
                .bind(lease_until)
                .bind(turn.most)
                .bind(turn.tenant.as_str())
                .fetch_all(&mut *tx)
                .await?);
        });
        Ok(rows.into_iter().map(|row| self.open_cleanup(row)).collect())
    }

    /// Claims one entry, if it is due at `due_by`.
    pub async fn claim_cleanup_of(
        &self,
        id: &str,
        due_by: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<Cleanup>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, CleanupRow>(sql::CLEANUP_CLAIM_ONE)
            .bind(due_by)
            .bind(lease_until)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|row| self.open_cleanup(row)))
    }

    pub(super) fn open_cleanup(&self, row: CleanupRow) -> Cleanup {
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

    /// Whether an entry's tokens have to wait because a link uses their account at the service.
    pub async fn must_wait(
        &self,
        cleanup: &Cleanup,
        revocation: &Revocation,
    ) -> Result<bool, Error> {
        if revocation.subject.is_empty() {
            let links: i64 = on!(self, pool => sqlx::query_scalar(sql::ACCOUNT_LINKED)
                .bind(cleanup.account_id.as_str())
                .fetch_one(pool)
                .await)?;
            return Ok(!revocation.tokens.is_empty() && links > 0);
        }
        let (links, of_this_person): (i64, i64) = on!(self, pool => sqlx::query_as(sql::SUBJECT_IN_USE)
            .bind(&revocation.subject)
            .bind(cleanup.account_id.as_str())
            .fetch_one(pool)
            .await)?;
        Ok(!revocation.tokens.is_empty()
            && (of_this_person > 0 || links > 0 && revocation.has_refresh_token()))
    }

    /// Lets an entry wait until no link uses its account, or, where that is not known, until its person has
    /// no link. False if it need not wait any more.
    pub async fn cleanup_hold(
        &self,
        cleanup: &Cleanup,
        revocation: &Revocation,
    ) -> Result<bool, Error> {
        if revocation.subject.is_empty() {
            let rows = on!(self, pool => sqlx::query(sql::CLEANUP_HOLD_FOR_ACCOUNT)
                .bind(&cleanup.id)
                .bind(cleanup.account_id.as_str())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()))?;
            return Ok(rows > 0);
        }
        let rows = on!(self, pool => sqlx::query(sql::CLEANUP_HOLD)
            .bind(&cleanup.id)
            .bind(&revocation.subject)
            .bind(revocation.has_refresh_token())
            .bind(cleanup.account_id.as_str())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(rows > 0)
    }

    /// Entries of a person that delete keys and nothing else.
    pub async fn keys_to_delete(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
    ) -> Result<Vec<String>, Error> {
        Ok(on!(self, pool => sqlx::query_scalar(sql::CLEANUP_KEYS)
            .bind(client_key.as_str())
            .bind(account.as_str())
            .fetch_all(pool)
            .await)?)
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

    /// An entry is tried again at `due_at`; `anew` for as long as one that has just been put on the list.
    pub async fn cleanup_later(
        &self,
        cleanup: &Cleanup,
        due_at: Seconds,
        anew: bool,
    ) -> Result<(), Error> {
        let expires_at = if anew {
            due_at + CLEANUP_LIFE
        } else {
            cleanup.expires_at
        };
        on!(self, pool => sqlx::query(sql::CLEANUP_LATER)
            .bind(&cleanup.id)
            .bind(due_at)
            .bind(expires_at)
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
}
