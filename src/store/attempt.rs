//! Attempts, phase by phase. Each step is one statement that changes the row only while it still holds the
//! sealed text of the phase before, so each step happens once.
//!
//! All columns that say whose an attempt is, which phase it is in and how it is found are bound to that text:
//! an attempt whose row was edited does not open and is ended.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Attempt, AttemptId, ClientKey, Ended, Ending, FINISHED_BY_ANOTHER, Handle, IssueKey,
    Phase, PhaseName, RevocableToken, Revocation, Tenant, Tokens,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::cleanup::{Owner, Wait};
use super::rows::{AttemptEndRow, AttemptRow, TenantRow};
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::{Finish, Transaction};
use super::{Store, cleanup, sealed, tenant};

/// How long the end of an attempt is remembered, in seconds: as long as the session that may ask for it.
pub const END_REMEMBERED_FOR: Seconds = 3600;

statements! {
    ATTEMPT_BEGIN = "insert into attempt (id, client_key, installation, account_id, issue, phase, kept, \
        created_at, expires_at, another) values ($1, $2, $3, $4, $5, 'begun', $6, $7, $8, $9)";
    ATTEMPT_TAKE_OF_PERSON = "delete from attempt where client_key = $1 and account_id = $2 returning {attempt}";
    ATTEMPT_BY_ID = "select {attempt} from attempt where id = $1";
    ATTEMPT_OF_PERSON = "select {attempt} from attempt where client_key = $1 and account_id = $2";
    ATTEMPTS_OF_OLD_INSTALLATION = "select {attempt} from attempt where client_key = $1 \
        and (installation < $2 or $3) limit 100";
    ATTEMPTS_OF_TENANT = "select {attempt} from attempt where client_key = $1";
    /// Takes any attempt to its next phase. Each sealing gives another text, so of two equal steps the second
    /// finds no row.
    ATTEMPT_STEP = "update attempt set phase = $4, state_hash = $5, handle_hash = $6, handle_expires_at = $7, \
        kept = $8, left_at = null where id = $1 and kept = $2 and expires_at > $3";
    ATTEMPT_SHOWN = "update attempt set shown = shown + 1, left_at = null where id = $1 returning shown";
    ATTEMPT_LEFT = "update attempt set left_at = $3 where id = $1 and shown = $2 \
        and phase in ('begun', 'authorizing', 'returned')";
    ATTEMPT_DELETE = "delete from attempt where id = $1 returning {attempt}";
    ATTEMPT_CONFIRM = "delete from attempt where id = $1 and kept = $2 and expires_at > $3 \
        and phase = 'redeemed' and client_key = $4 and account_id = $5 and installation = $6 returning {attempt}";
    ATTEMPT_END_ADD = "insert into attempt_end (id, client_key, installation, account_id, issue, how, state_hash, \
        handle_hash, handle_expires_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
        on conflict (id) do nothing";
    ATTEMPT_CONNECTED_SINCE = "select count(*) from attempt_end where client_key = $1 and account_id = $2 \
        and how = 'connected' and expires_at >= $3";
    ATTEMPT_END_BY_ID = "select {attempt_end} from attempt_end where id = $1 and expires_at > $2";
}

/// A person's attempt in progress, for what only shows it or ends it. Nothing of it is opened.
pub struct OpenAttempt {
    /// Its id.
    pub id: AttemptId,
    /// Whether the person asked for another account at the service.
    pub another: bool,
    /// When it ends by itself.
    pub expires_at: Seconds,
    /// When the browser said that the page of it was closed, unless anything was done with it since.
    pub left_at: Option<Seconds>,
}

/// Encodes a text that may be absent, so that absent and empty differ.
fn marked(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("={text}"))
}

impl AttemptRow {
    /// The row of an attempt in this phase, before its text is sealed.
    fn of(attempt: &Attempt, phase: &Phase) -> Self {
        let handle = phase.handle();
        Self {
            id: attempt.id.0.clone(),
            client_key: attempt.client_key.0.clone(),
            installation: attempt.installation,
            account_id: attempt.account_id.0.clone(),
            issue: attempt.issue.as_ref().map(ToString::to_string),
            phase: phase.name().as_str().to_owned(),
            state_hash: phase.state_hash().map(str::to_owned),
            handle_hash: handle.map(|handle| handle.hash.clone()),
            handle_expires_at: handle.map(|handle| handle.expires_at),
            kept: None,
            expires_at: attempt.expires_at,
            another: attempt.another,
            left_at: None,
        }
    }

    /// The columns that the sealed text of this row is bound to.
    fn bound(&self) -> [String; 9] {
        let expires_at = self.handle_expires_at.map(|at| at.to_string());
        [
            self.installation.to_string(),
            self.account_id.clone(),
            marked(self.issue.as_deref()),
            self.phase.clone(),
            marked(self.state_hash.as_deref()),
            marked(self.handle_hash.as_deref()),
            marked(expires_at.as_deref()),
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

/// The owner of an attempt.
fn owner_of(row: &AttemptRow) -> Owner {
    Owner {
        client_key: row.client_key.clone(),
        installation: row.installation,
        account_id: row.account_id.clone(),
    }
}

impl Sealer {
    fn seal_phase(&self, key: &TenantKey, row: &AttemptRow, phase: &Phase) -> String {
        row.in_place(|place| self.vault.seal(key, place, &sealed::write_phase(phase)))
    }

    fn open_attempt(&self, key: &TenantKey, row: AttemptRow) -> Result<Attempt, Broken> {
        let sealed = row.kept.clone().ok_or(Broken)?;
        let kept = row.in_place(|place| self.vault.open(key, place, &sealed))?;
        let handle = row.handle_hash.zip(row.handle_expires_at);
        let handle = handle.map(|(hash, expires_at)| Handle { hash, expires_at });
        let name = PhaseName::parse(&row.phase).ok_or(Broken)?;
        let phase = sealed::read_phase(name, &kept, row.state_hash, handle);
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

    /// The tokens that an attempt holds, and the subject of their account.
    fn brought(&self, key: Option<&TenantKey>, row: &AttemptRow) -> Option<(Tokens, String)> {
        if row.phase != PhaseName::Redeemed.as_str() {
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

    /// Settles an attempt whose row this transaction has just deleted: remembers how it ended, and lists its
    /// tokens to be revoked.
    pub(super) async fn attempt_ended(
        &self,
        tx: &mut Transaction<'_>,
        row: &AttemptRow,
        key: Option<&TenantKey>,
        how: Option<Ending>,
        now: Seconds,
    ) -> Result<(), Error> {
        if let Some(how) = how {
            tx.execute(
                ATTEMPT_END_ADD
                    .bind(&row.id)
                    .bind(&row.client_key)
                    .bind(row.installation)
                    .bind(&row.account_id)
                    .bind(&row.issue)
                    .bind(how.as_str())
                    .bind(&row.state_hash)
                    .bind(&row.handle_hash)
                    .bind(row.handle_expires_at)
                    .bind(now + END_REMEMBERED_FOR),
            )
            .await?;
        }
        if how == Some(Ending::Refused) {
            let (client_key, account) = (&row.client_key, &row.account_id);
            self.refused(tx, client_key, account, FINISHED_BY_ANOTHER, now)
                .await?;
        }
        if let Some((tokens, subject)) = self.brought(key, row) {
            let revocations = vec![of_tokens(tokens.revocable(), &subject)];
            self.add_revocations(tx, &owner_of(row), revocations, now)
                .await?;
        }
        Ok(())
    }

    /// Deletes a redeemed attempt that is confirmed. None if it is over or has changed since it was read.
    pub(super) async fn attempt_confirmed(
        &self,
        tx: &mut Transaction<'_>,
        attempt: &Attempt,
        now: Seconds,
    ) -> Result<Option<()>, Error> {
        let confirm = ATTEMPT_CONFIRM
            .bind(attempt.id.as_str())
            .bind(&attempt.sealed)
            .bind(now)
            .bind(attempt.client_key.as_str())
            .bind(attempt.account_id.as_str())
            .bind(attempt.installation);
        let taken: Option<AttemptRow> = tx.optional(confirm).await?;
        let Some(taken) = taken else {
            return Ok(None);
        };
        // Its tokens now belong to the link: no key is passed, so they are not listed to be revoked.
        self.attempt_ended(tx, &taken, None, Some(Ending::Connected), now)
            .await?;
        Ok(Some(()))
    }
}

/// The attempts of a tenant.
pub(super) async fn attempts_of_tenant(
    tx: &mut Transaction<'_>,
    client_key: &str,
) -> Result<Vec<AttemptRow>, Error> {
    Ok(tx.all(ATTEMPTS_OF_TENANT.bind(client_key)).await?)
}

impl Store {
    /// Begins an attempt. The person's earlier attempt, if any, ends, and its tokens are revoked.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if the app was uninstalled or installed again since the tenant was read.
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
            id: AttemptId(self.sealer.random.id()),
            client_key: tenant.client_key.clone(),
            installation: tenant.installation,
            account_id: account.clone(),
            issue: issue.cloned(),
            expires_at: now + life,
            another,
            phase: Phase::Begun,
            sealed: String::new(),
        };
        let mut row = AttemptRow::of(&attempt, &Phase::Begun);
        row.kept = Some(self.sealer.seal_phase(&tenant.key, &row, &Phase::Begun));
        let begun = self.connections.transaction(async |tx| {
            // The lock makes simultaneous beginnings of one person wait for each other, so that each finds
            // the one before.
            let current = tenant::lock(tx, &row.client_key, now).await?;
            if !current.installed || current.installation != tenant.installation {
                return Ok(Finish::RollBack(false));
            }
            self.replace_attempt(tx, &tenant.key, &row, now).await?;
            Ok(Finish::Commit(true))
        });
        match begun.await? {
            true => Ok(attempt.id),
            false => Err(Error::Unauthorized(
                "the app was uninstalled in the meantime",
            )),
        }
    }

    /// Ends the person's earlier attempt and adds this one.
    async fn replace_attempt(
        &self,
        tx: &mut Transaction<'_>,
        key: &TenantKey,
        row: &AttemptRow,
        now: Seconds,
    ) -> Result<(), Error> {
        let take = ATTEMPT_TAKE_OF_PERSON
            .bind(&row.client_key)
            .bind(&row.account_id);
        let earlier: Option<AttemptRow> = tx.optional(take).await?;
        if let Some(earlier) = &earlier {
            let how = Some(Ending::Replaced);
            self.sealer
                .attempt_ended(tx, earlier, Some(key), how, now)
                .await?;
        }
        tx.execute(
            ATTEMPT_BEGIN
                .bind(&row.id)
                .bind(&row.client_key)
                .bind(row.installation)
                .bind(&row.account_id)
                .bind(&row.issue)
                .bind(&row.kept)
                .bind(now)
                .bind(row.expires_at)
                .bind(row.another),
        )
        .await?;
        Ok(())
    }

    /// An attempt in progress, with its tenant. None if it is over, or if the tenant was uninstalled or
    /// installed again since it began. An attempt whose row was edited is ended here.
    pub async fn attempt(
        &self,
        id: &AttemptId,
        now: Seconds,
    ) -> Result<Option<(Tenant, Attempt)>, Error> {
        // The id comes from a URL, and PostgreSQL rejects a text with NUL.
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let by_id = ATTEMPT_BY_ID.bind(id.as_str());
        let row: Option<AttemptRow> = self.connections.optional(by_id).await?;
        let Some(row) = row.filter(|row| row.expires_at > now) else {
            return Ok(None);
        };
        let client_key = ClientKey(row.client_key.clone());
        let tenant = self.still_installed(&client_key, row.installation);
        let Some(tenant) = tenant.await? else {
            return Ok(None);
        };
        match self.sealer.open_attempt(&tenant.key, row) {
            Ok(attempt) => Ok(Some((tenant, attempt))),
            Err(Broken) => {
                tracing::error!(tenant = %tenant.client_key, attempt = %id, "an attempt did not open and was ended");
                self.end_attempt(id, Ending::Failed, now).await?;
                Ok(None)
            }
        }
    }

    /// How an attempt ended, with its tenant, while that is remembered.
    pub async fn attempt_end(
        &self,
        id: &AttemptId,
        now: Seconds,
    ) -> Result<Option<(Tenant, Ended)>, Error> {
        if id.as_str().contains('\0') {
            return Ok(None);
        }
        let by_id = ATTEMPT_END_BY_ID.bind(id.as_str()).bind(now);
        let row: Option<AttemptEndRow> = self.connections.optional(by_id).await?;
        let Some((row, how)) = row.and_then(|row| Ending::parse(&row.how).map(|how| (row, how)))
        else {
            return Ok(None);
        };
        let Some(tenant) = self.tenant(&ClientKey(row.client_key)).await? else {
            return Ok(None);
        };
        let handle = row.handle_hash.zip(row.handle_expires_at);
        let ended = Ended {
            at: row.expires_at - END_REMEMBERED_FOR,
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

    /// Whether an attempt of this person became a link at this time or later.
    pub async fn connected_since(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        since: Seconds,
    ) -> Result<bool, Error> {
        let connected = ATTEMPT_CONNECTED_SINCE
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(since + END_REMEMBERED_FOR);
        let connected: i64 = self.connections.one(connected).await?;
        Ok(connected > 0)
    }

    /// A person's attempt in progress.
    pub async fn attempt_of_person(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<Option<OpenAttempt>, Error> {
        let row = self.attempt_row_of(tenant, account).await?;
        Ok(row
            .filter(|row| row.expires_at > now && row.installation == tenant.installation)
            .map(|row| OpenAttempt {
                id: AttemptId(row.id),
                another: row.another,
                expires_at: row.expires_at,
                left_at: row.left_at,
            }))
    }

    pub(super) async fn attempt_row_of(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<AttemptRow>, Error> {
        let of_person = ATTEMPT_OF_PERSON
            .bind(tenant.client_key.as_str())
            .bind(account.as_str());
        Ok(self.connections.optional(of_person).await?)
    }

    /// Takes an attempt to its next phase and returns it. None if it has ended, expired or changed since it
    /// was read: then nothing is written.
    ///
    /// The tokens of the phase before are revoked, unless the next phase keeps them.
    pub async fn attempt_step(
        &self,
        tenant: &Tenant,
        attempt: &Attempt,
        next: Phase,
        now: Seconds,
    ) -> Result<Option<Attempt>, Error> {
        let row = AttemptRow::of(attempt, &next);
        let kept = self.sealer.seal_phase(&tenant.key, &row, &next);
        let step = ATTEMPT_STEP
            .bind(&row.id)
            .bind(&attempt.sealed)
            .bind(now)
            .bind(&row.phase)
            .bind(&row.state_hash)
            .bind(&row.handle_hash)
            .bind(row.handle_expires_at)
            .bind(&kept);
        let left_behind = match &attempt.phase {
            Phase::Redeemed(before) => {
                let subject = &before.identity.subject;
                vec![of_tokens(before.tokens.revocable(), subject)]
            }
            _ => Vec::new(),
        };
        let taken = self
            .connections
            .transaction(async |tx| {
                if tx.execute(step).await? == 0 {
                    return Ok(Finish::RollBack(false));
                }
                self.sealer
                    .add_revocations(tx, &owner_of(&row), left_behind, now)
                    .await?;
                Ok(Finish::Commit(true))
            })
            .await?;
        Ok(taken.then(|| Attempt {
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

    /// Counts a page of an attempt that is shown, and returns its number.
    pub async fn attempt_shown(&self, id: &AttemptId) -> Result<i64, Error> {
        let shown = ATTEMPT_SHOWN.bind(id.as_str());
        Ok(self.connections.optional(shown).await?.unwrap_or_default())
    }

    /// Notes that the page of this number was closed, if none was shown after it.
    pub async fn attempt_left(
        &self,
        id: &AttemptId,
        number: i64,
        now: Seconds,
    ) -> Result<(), Error> {
        let left = ATTEMPT_LEFT.bind(id.as_str()).bind(number).bind(now);
        self.connections.execute(left).await?;
        Ok(())
    }

    /// Ends an attempt in any phase. Its tokens are revoked.
    pub async fn end_attempt(
        &self,
        id: &AttemptId,
        how: Ending,
        now: Seconds,
    ) -> Result<(), Error> {
        let by_id = ATTEMPT_BY_ID.bind(id.as_str());
        let row: Option<AttemptRow> = self.connections.optional(by_id).await?;
        self.end_attempts(row.into_iter().collect(), Some(how), now)
            .await
    }

    /// Ends attempts. Expired ones need no `how`: an attempt without a remembered end counts as expired.
    pub(super) async fn end_attempts(
        &self,
        rows: Vec<AttemptRow>,
        how: Option<Ending>,
        now: Seconds,
    ) -> Result<(), Error> {
        for row in rows {
            // The tenant's key opens what the attempt holds, even if the tenant was just uninstalled.
            let key = self.tenant_key(&row.client_key).await?;
            self.connections
                .transaction(async |tx| {
                    let delete = ATTEMPT_DELETE.bind(&row.id);
                    let gone: Option<AttemptRow> = tx.optional(delete).await?;
                    if let Some(gone) = &gone {
                        self.sealer
                            .attempt_ended(tx, gone, key.as_ref(), how, now)
                            .await?;
                    }
                    Ok(Finish::Commit(()))
                })
                .await?;
        }
        Ok(())
    }

    /// Ends the attempts of a tenant that was uninstalled.
    pub(super) async fn end_attempts_of_uninstalled(
        &self,
        client_key: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        let of_tenant = ATTEMPTS_OF_TENANT.bind(client_key);
        let attempts: Vec<AttemptRow> = self.connections.all(of_tenant).await?;
        self.end_attempts(attempts, Some(Ending::Uninstalled), now)
            .await
    }

    /// Ends attempts that an uninstall has left behind, some at a time: it may have been cut in the middle. Returns
    /// whether there were any.
    pub(super) async fn end_attempts_left_behind(
        &self,
        tenant: &TenantRow,
        now: Seconds,
    ) -> Result<bool, Error> {
        let old = ATTEMPTS_OF_OLD_INSTALLATION
            .bind(&tenant.client_key)
            .bind(tenant.installation)
            .bind(!tenant.installed);
        let attempts: Vec<AttemptRow> = self.connections.all(old).await?;
        let any = !attempts.is_empty();
        self.end_attempts(attempts, Some(Ending::Uninstalled), now)
            .await?;
        Ok(any)
    }

    /// Revokes tokens that no link holds. Without a subject their account is unknown: they may share a grant
    /// with a link of this person, so they wait while this Jira account has a link at any site.
    pub async fn revoke_unlinked(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        subject: Option<&str>,
        tokens: &[RevocableToken],
        now: Seconds,
    ) -> Result<(), Error> {
        let revocation = of_tokens(tokens.to_vec(), subject.unwrap_or_default());
        let owner = Owner {
            client_key: tenant.client_key.0.clone(),
            installation: tenant.installation,
            account_id: account.0.clone(),
        };
        self.connections
            .transaction(async |tx| {
                if subject.is_some() {
                    self.sealer
                        .add_revocations(tx, &owner, vec![revocation], now)
                        .await?;
                    return Ok(Finish::Commit(()));
                }
                let rows = self
                    .sealer
                    .revocation_rows(&owner, revocation, Wait::Nothing, now);
                for row in rows {
                    cleanup::add_held_for_account(tx, row).await?;
                }
                Ok(Finish::Commit(()))
            })
            .await
    }
}

/// The revocation of tokens that no link holds.
fn of_tokens(tokens: Vec<RevocableToken>, subject: &str) -> Revocation {
    Revocation {
        subject: subject.to_owned(),
        keys: Vec::new(),
        tokens,
    }
}
