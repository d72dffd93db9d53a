//! Links: made, taken away, asked about.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Attempt, Credential, Ending, Identity, Link, LinkId, LinkState, Purpose, Tenant,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::attempt::{END_REMEMBERED_FOR, attempt_ended, tokens_only};
use super::cleanup::{NewCleanup, Owner, Wait, all_of, row_owner};
use super::renewal::Claim;
use super::rows::{AttemptRow, ClaimedRow, LinkRow, TenantRow};
use super::{Pool, Store, sealed, sql};

/// Where a credential is sealed, and beside what: whose it is, and of which account at the service.
pub(super) struct CredentialPlace<'a> {
    client_key: &'a str,
    account_id: &'a str,
    generation: i64,
    id: &'a str,
    installation: i64,
    subject: &'a str,
    display_name: &'a str,
}

impl<'a> CredentialPlace<'a> {
    pub(super) fn of_row(row: &'a LinkRow, generation: i64) -> Self {
        Self {
            client_key: &row.client_key,
            account_id: &row.account_id,
            generation,
            id: &row.id,
            installation: row.installation,
            subject: &row.subject,
            display_name: &row.display_name,
        }
    }

    fn of_link(link: &'a Link, generation: i64) -> Self {
        Self {
            client_key: link.client_key.as_str(),
            account_id: link.account_id.as_str(),
            generation,
            id: link.id.as_str(),
            installation: link.installation,
            subject: &link.identity.subject,
            display_name: &link.identity.display_name,
        }
    }

    pub(super) fn with<T>(&self, use_it: impl FnOnce(Place<'_>) -> T) -> T {
        let installation = self.installation.to_string();
        let bound = [
            self.id,
            installation.as_str(),
            self.subject,
            self.display_name,
        ];
        use_it(Place {
            column: "link.credential",
            tenant: self.client_key,
            row: self.account_id,
            generation: self.generation,
            bound: &bound,
        })
    }
}

impl Store {
    /// A person's link, to be shown. Of one whose credential does not open beside its columns it is only
    /// said that there is one ([`Identity::unreadable`]), and that it is set aside.
    pub async fn link(&self, tenant: &Tenant, account: &AccountId) -> Result<Option<Link>, Error> {
        let row = on!(self, pool => sqlx::query_as::<_, ClaimedRow>(sql::LINK_WITH_REACH)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|ClaimedRow { link, reached }| {
            match self.open_credential(&tenant.key, &link, reached.unwrap_or(0)) {
                Ok(_) => link.link(),
                Err(Broken) => link.unreadable_link(),
            }
        }))
    }

    /// Names of others at this tenant whose links use the same account at the service and work, as Jira
    /// gave them; three at most. Of other tenants nobody learns anything here.
    pub async fn others_linked(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        subject: &str,
    ) -> Result<Vec<String>, Error> {
        let names = on!(self, pool => sqlx::query_scalar(sql::OTHERS_LINKED)
            .bind(subject)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .fetch_all(pool)
            .await)?;
        Ok(names)
    }

    /// Turns a redeemed attempt into a link, claimed by `owner` until `lease_until`, so that its key can
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
        identity: &Identity,
        credential: Credential,
        owner: &str,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<Claim>, Error> {
        let client_key = tenant.client_key.as_str();
        let account_id = attempt.account_id.as_str();
        let token = self.random.id();
        let mut credential = credential;
        let mut link = Link {
            id: LinkId(self.random.id()),
            client_key: tenant.client_key.clone(),
            installation: tenant.installation,
            account_id: attempt.account_id.clone(),
            identity: identity.clone(),
            state: LinkState::Live,
            generation: 0,
            published: None,
            consent: credential.consent,
        };
        link.generation = transaction!(self, tx => {
            // Locks the tenant, so that an uninstall comes before or after, not between.
            let current: TenantRow = sqlx::query_as(sql::TENANT_LOCK)
                .bind(client_key)
                .bind(now)
                .fetch_one(&mut *tx)
                .await?;
            if !current.installed || current.installation != tenant.installation {
                return Ok(None);
            }
            let taken = sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_CONFIRM)
                .bind(attempt.id.as_str())
                .bind(&attempt.sealed)
                .bind(now)
                .bind(client_key)
                .bind(account_id)
                .bind(attempt.installation)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(taken) = taken else {
                return Ok(None);
            };
            // What it brought is the link's now, so there is no key to open it with.
            attempt_ended!(self, tx, &taken, None, Some(Ending::Connected), now);
            let mut generation = next_generation!(tx, client_key, account_id);
            let old = sqlx::query_as::<_, LinkRow>(sql::LINK_OF_PERSON_ANY)
                .bind(client_key)
                .bind(account_id)
                .fetch_optional(&mut *tx)
                .await?;
            // What does not open says nothing about how far it has come.
            if let Some(old) = &old
                && let Ok(held) = self.open_credential(&tenant.key, old, generation - 1)
            {
                credential.retiring.extend(all_of(held, &old.subject));
                if old.generation >= generation {
                    generation = old.generation + 1;
                    generation_reached!(tx, client_key, account_id, generation);
                }
            }
            sqlx::query(sql::LINK_PUT)
                .bind(link.id.as_str())
                .bind(client_key)
                .bind(link.installation)
                .bind(account_id)
                .bind(&link.identity.subject)
                .bind(&link.identity.display_name)
                .bind(generation)
                .bind(self.seal_credential(&tenant.key, &link, generation, &credential))
                .bind(credential.api_key.as_ref().map(|key| key.expires_at))
                .bind(lease_until)
                .bind(&token)
                .bind(owner)
                .bind(now)
                .bind(credential.consent.since)
                .bind(credential.consent.ends_at)
                .execute(&mut *tx)
                .await?;
            generation
        });
        Ok(Some(Claim {
            tenant: tenant.clone(),
            link,
            credential: Ok(credential),
            failures: 0,
            claims: 1,
            unsettled: false,
            purpose: Purpose::Person,
            probe: None,
            put_again: 0,
            token,
        }))
    }

    /// Seals what a link holds as this generation, beside the columns that the row has or is to have.
    pub(super) fn seal_credential(
        &self,
        key: &TenantKey,
        link: &Link,
        generation: i64,
        credential: &Credential,
    ) -> String {
        let text = sealed::write_credential(credential);
        CredentialPlace::of_link(link, generation).with(|place| self.vault.seal(key, place, &text))
    }

    /// Only beside the columns that it was sealed with: what was changed in the row does not open. `reached` is how far the person's link has come, which does not stand in its row.
    pub(super) fn open_credential(
        &self,
        key: &TenantKey,
        row: &LinkRow,
        reached: i64,
    ) -> Result<Credential, Broken> {
        // A row that lies behind is an older one that was put back, or one that was taken away. It may
        // be ahead: while versions change, a replica may renew that does not keep count.
        let generation = row.generation.max(reached);
        let opened = CredentialPlace::of_row(row, generation)
            .with(|place| self.vault.open(key, place, &row.credential))?;
        sealed::read_credential(&opened).map_err(|_| Broken)
    }

    /// Takes a person's link and attempt away. Returns the ids of what is left to do: revoking what it
    /// held and deleting the property. The worker leaves that to the caller until `hands_off_until`.
    pub async fn unlink(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
        hands_off_until: Seconds,
    ) -> Result<Vec<String>, Error> {
        let attempts = on!(self, pool => sqlx::query_as::<_, AttemptRow>(sql::ATTEMPT_OF_PERSON)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .fetch_all(pool)
            .await)?;
        self.end_attempts(attempts, Some(Ending::Disconnected), now)
            .await?;
        let mut left = Vec::new();
        transaction!(self, tx => {
            let past = next_generation!(tx, tenant.client_key.as_str(), account.as_str());
            let row = sqlx::query_as::<_, LinkRow>(sql::LINK_DELETE)
                .bind(tenant.client_key.as_str())
                .bind(account.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            let Some(row) = row else {
                // There was none: rolled back.
                return Ok(left);
            };
                let owner = row_owner(&row);
                match self.open_credential(&tenant.key, &row, past - 1) {
                    Ok(credential) => {
                        if row.generation >= past {
                            generation_reached!(tx, &row.client_key, &row.account_id, row.generation + 1);
                        }
                        let all = all_of(credential, &row.subject);
                        left.extend(add_revocation!(self, tx, &owner, all, hands_off_until));
                    }
                    Err(Broken) => tracing::error!(
                        tenant = %row.client_key,
                        account = %row.account_id,
                        "a link is removed whose credential does not open; its tokens cannot be revoked"
                    ),
                }
                let new = self.deletion_row(&owner, hands_off_until);
                left.push(new.id.clone());
                add_cleanup!(tx, new);
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
}
