//! Links: created, ended, read.
//!
//! The columns `subject`, `display_name`, `installation` and `id` are in clear; the credential is sealed
//! beside them. A function that discloses something or shows a name opens the credential first. The other
//! statements only count or find rows by these columns; their comments say why an edited column does no harm.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Actor, Attempt, ClientKey, Credential, Ending, Happened, Identity, Link, LinkId,
    LinkState, Purpose, Revocation, Tenant,
};
use crate::secret::TenantKey;
use crate::vault::{Broken, Place};

use super::claim::Claim;
use super::cleanup::{Owner, all_of};
use super::history::Note;
use super::rows::{ClaimedRow, LinkRow};
use super::sealer::Sealer;
use super::standing::{Ended, LinkToEnd, Why};
use super::statement::statements;
use super::transaction::{Finish, Transaction};
use super::{Store, sealed, tenant};

statements! {
    LINK_OF_PERSON_ANY = "select {link} from link where client_key = $1 and account_id = $2";
    /// Locked on PostgreSQL, so that nobody claims the link between this and its end.
    LINK_TO_REPLACE = each("select {link} from link where client_key = $1 and account_id = $2",
        "select {link} from link where client_key = $1 and account_id = $2 for update");
    LINK_WITH_REACH = "select {link as l}, (select g.generation from link_generation g \
        where g.client_key = l.client_key and g.account_id = l.account_id) as reached from link l \
        where l.client_key = $1 and l.account_id = $2 and l.installation = $3";
    /// A hint on a page: names of people at Jira, found by subjects that are not opened. An edited subject
    /// omits a name or shows a colleague who uses another account; nothing is decided by it.
    OTHERS_LINKED = "select p.display_name from link l join person p on p.client_key = l.client_key \
        and p.account_id = l.account_id where l.subject = $1 and l.client_key = $2 and l.account_id <> $3 \
        and l.installation = $4 and l.state <> 'reconnect' limit 3";
    /// Counts one on, for a new link or after the end of one. It comes before the link in every transaction,
    /// so that two transactions never deadlock.
    GENERATION_NEXT = "insert into link_generation (client_key, account_id, generation) \
        values ($1, $2, 1 + coalesce((select t.generations from tenant t where t.client_key = $1), 0)) \
        on conflict (client_key, account_id) do update set generation = link_generation.generation + 1 \
        returning generation";
    GENERATION_REACHED = "insert into link_generation (client_key, account_id, generation) \
        values ($1, $2, $3) on conflict (client_key, account_id) do update \
        set generation = excluded.generation where link_generation.generation < excluded.generation";
    /// The newest generation is put again. A claim on the row is kept.
    LINK_PUT_AGAIN = "update link set put_again = put_again + 1, lacks_key = true, \
        due_at = case when claim is null then $3 else due_at end \
        where client_key = $1 and account_id = $2";
    LINK_RENEW_NOW = "update link set due_at = case when claim is null then $4 else due_at end, failures = 0 \
        where client_key = $1 and account_id = $2 and installation = $3 and state in ('live', 'aside')";
}

/// The place where a credential is sealed, with the columns that say whose it is and of which account at the
/// service.
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

/// The next generation of a person's link: for a new link, or after the end of one, whose old row then never
/// opens again, even from a backup.
async fn next_generation(
    tx: &mut Transaction<'_>,
    client_key: &str,
    account_id: &str,
) -> Result<i64, Error> {
    let next = GENERATION_NEXT.bind(client_key).bind(account_id);
    Ok(tx.one(next).await?)
}

/// From here on no row of an earlier generation opens.
async fn generation_reached(
    tx: &mut Transaction<'_>,
    client_key: &str,
    account_id: &str,
    generation: i64,
) -> Result<(), Error> {
    let reached = GENERATION_REACHED
        .bind(client_key)
        .bind(account_id)
        .bind(generation);
    tx.execute(reached).await?;
    Ok(())
}

/// Marks the newest generation of a person's link to be put into Jira again. False if there is no link.
pub(super) async fn put_again(
    tx: &mut Transaction<'_>,
    owner: &Owner,
    now: Seconds,
) -> Result<bool, Error> {
    let again = LINK_PUT_AGAIN
        .bind(&owner.client_key)
        .bind(&owner.account_id)
        .bind(now);
    Ok(tx.execute(again).await? > 0)
}

impl Sealer {
    /// Seals a link's credential as this generation, bound to the columns that the row has or will have.
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

    /// Opens a credential bound to its columns: if the row was edited, it does not open. `reached` is the
    /// generation counted outside of the row.
    pub(super) fn open_credential(
        &self,
        key: &TenantKey,
        row: &LinkRow,
        reached: i64,
    ) -> Result<Credential, Broken> {
        // A row with a lower generation is an old one that was restored, or one that was deleted.
        let generation = row.generation.max(reached);
        let opened = CredentialPlace::of_row(row, generation)
            .with(|place| self.vault.open(key, place, &row.credential))?;
        sealed::read_credential(&opened).map_err(|_| Broken)
    }

    /// The generation of a person's new link, and the link that it replaces. What may still be written about that link
    /// must not stay in Jira.
    async fn replaced(
        &self,
        tx: &mut Transaction<'_>,
        tenant: &Tenant,
        account_id: &str,
        now: Seconds,
    ) -> Result<(i64, Option<Replaced>), Error> {
        let client_key = tenant.client_key.as_str();
        let generation = next_generation(tx, client_key, account_id).await?;
        let to_replace = LINK_TO_REPLACE.bind(client_key).bind(account_id);
        let old: Option<LinkRow> = tx.optional(to_replace).await?;
        let Some(old) = old else {
            return Ok((generation, None));
        };
        self.expect_late_write(tx, &old, now).await?;
        // The generation of a row that does not open is not trusted.
        let Ok(held) = self.open_credential(&tenant.key, &old, generation - 1) else {
            let replaced = Replaced {
                link: old.unreadable_link(),
                revocations: Vec::new(),
            };
            return Ok((generation, Some(replaced)));
        };
        let replaced = Replaced {
            link: old.link(),
            revocations: all_of(held, &old.subject),
        };
        if old.generation < generation {
            return Ok((generation, Some(replaced)));
        }
        let generation = old.generation + 1;
        generation_reached(tx, client_key, account_id, generation).await?;
        Ok((generation, Some(replaced)))
    }
}

/// A link that its person replaces by another, and what of it is to be revoked.
struct Replaced {
    link: Link,
    revocations: Vec<Revocation>,
}

/// Which process claims a link, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'a> {
    /// The process.
    pub owner: &'a str,
    /// Until when no other process takes the link.
    pub until: Seconds,
}

impl Store {
    /// A person's link, to be shown. If the credential does not open beside its columns, the result only says
    /// that there is a link ([`Identity::unreadable`]) and that it is set aside.
    pub async fn link(&self, tenant: &Tenant, account: &AccountId) -> Result<Option<Link>, Error> {
        let row = self.link_row_with_reach(tenant, account).await?;
        Ok(row.map(|ClaimedRow { link, reached }| {
            match self
                .sealer
                .open_credential(&tenant.key, &link, reached.unwrap_or(0))
            {
                Ok(_) => link.link(),
                Err(Broken) => link.unreadable_link(),
            }
        }))
    }

    /// The row of a person's link, with the generation counted outside of it.
    pub(super) async fn link_row_with_reach(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<Option<ClaimedRow>, Error> {
        let with_reach = LINK_WITH_REACH
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation);
        Ok(self.connections.optional(with_reach).await?)
    }

    /// The row of a person's link, of any installation.
    pub(super) async fn link_row(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
    ) -> Result<Option<LinkRow>, Error> {
        let of_person = LINK_OF_PERSON_ANY
            .bind(client_key.as_str())
            .bind(account.as_str());
        Ok(self.connections.optional(of_person).await?)
    }

    /// Names, as Jira gave them, of at most three others at this tenant whose working links use the same
    /// account at the service. Other tenants' people are never named.
    pub async fn others_linked(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        subject: &str,
    ) -> Result<Vec<String>, Error> {
        let others = OTHERS_LINKED
            .bind(subject)
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation);
        Ok(self.connections.all(others).await?)
    }

    /// Turns a redeemed attempt into a link, claimed by `lease`, so that its key can be published at once.
    /// None if the attempt is over: confirming twice makes one link.
    ///
    /// If the person already had a link, it is replaced: its generation continues, and its tokens are revoked
    /// once Jira has the new key.
    pub async fn confirm(
        &self,
        tenant: &Tenant,
        attempt: &Attempt,
        identity: &Identity,
        mut credential: Credential,
        lease: Lease<'_>,
        now: Seconds,
    ) -> Result<Option<Claim>, Error> {
        let token = self.sealer.random.id();
        let mut link = Link {
            id: LinkId(self.sealer.random.id()),
            client_key: tenant.client_key.clone(),
            installation: tenant.installation,
            account_id: attempt.account_id.clone(),
            identity: identity.clone(),
            state: LinkState::Live,
            generation: 0,
            published: None,
            consent: credential.consent,
            trouble: None,
            property_size: None,
        };
        let confirmed = self.connections.transaction(async |tx| {
            // Locks the tenant, so that an uninstall happens before or after this, not in between.
            let current = tenant::lock(tx, tenant.client_key.as_str(), now).await?;
            if !current.installed || current.installation != tenant.installation {
                return Ok(Finish::RollBack(false));
            }
            let taken = self.sealer.attempt_confirmed(tx, attempt, now).await?;
            if taken.is_none() {
                return Ok(Finish::RollBack(false));
            }
            let account_id = attempt.account_id.as_str();
            let (generation, replaced) = self.sealer.replaced(tx, tenant, account_id, now).await?;
            link.generation = generation;
            let old = replaced.map(|Replaced { link, revocations }| {
                credential.retiring.extend(revocations);
                link
            });
            self.sealer
                .begin_link(
                    tx,
                    tenant,
                    &link,
                    &credential,
                    old.as_ref(),
                    &token,
                    lease,
                    now,
                )
                .await?;
            let note = Note {
                client_key: tenant.client_key.as_str(),
                account_id: Some(account_id),
                what: Happened::Connected,
                by: &Actor::Person,
                detail: None,
            };
            self.sealer.happened(tx, note, now).await?;
            Ok(Finish::Commit(true))
        });
        if !confirmed.await? {
            return Ok(None);
        }
        Ok(Some(Claim {
            tenant: tenant.clone(),
            link,
            credential: Ok(credential),
            failures: 0,
            claims: 1,
            unsettled: false,
            intended_at: None,
            purpose: Purpose::Person,
            probe: None,
            handle: None,
            put_again: 0,
            seen_at: now,
            refusals: 0,
            refused_since: None,
            token,
        }))
    }

    /// Ends a person's link and attempt, because `by` says so; with `only`, that link and no newer one. Returns the
    /// ids of the cleanup entries: revoking its tokens and deleting the property. The worker leaves them to the caller
    /// until `hands_off_until`.
    pub async fn unlink(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        only: Option<&LinkId>,
        by: &Actor,
        now: Seconds,
        hands_off_until: Seconds,
    ) -> Result<Vec<String>, Error> {
        let attempt = self.attempt_row_of(tenant, account).await?;
        self.end_attempts(
            attempt.into_iter().collect(),
            Some(Ending::Disconnected),
            now,
        )
        .await?;
        let (client_key, account) = (tenant.client_key.as_str(), account.as_str());
        self.connections
            .transaction(async |tx| {
                let past = next_generation(tx, client_key, account).await?;
                let ending = LinkToEnd {
                    client_key,
                    account,
                    only: only.map_or("", LinkId::as_str),
                    site: &tenant.base_url,
                    why: Why::EndedBy(by),
                };
                let ended = self.sealer.end_link_row(tx, ending, Some(&tenant.key), past, now);
                let Some(ended) = ended.await? else {
                    // There was no link, so no generation is counted.
                    return Ok(Finish::RollBack(Vec::new()));
                };
                let owner = Owner::of(&ended.row);
                // Nobody waits for this one, so its id is not among those that are returned.
                self.sealer.expect_late_write(tx, &ended.row, now).await?;
                let revoked = self.revoke_ended(tx, ended, past, hands_off_until).await?;
                let mut left = revoked.unwrap_or_else(|Broken| {
                    tracing::error!(
                        tenant = %owner.client_key,
                        account = %owner.account_id,
                        "a link was ended whose credential does not open; its tokens cannot be revoked"
                    );
                    Vec::new()
                });
                left.push(self.sealer.add_deletion(tx, &owner, hands_off_until).await?);
                let note = Note {
                    client_key,
                    account_id: Some(account),
                    what: Happened::Disconnected,
                    by,
                    detail: None,
                };
                self.sealer.happened(tx, note, now).await?;
                Ok(Finish::Commit(left))
            })
            .await
    }

    /// Ends one link of an uninstalled tenant at this site; its tokens are revoked later. Jira takes no write of an app that
    /// is not installed, so none can be late.
    pub(super) async fn end_link(
        &self,
        link: LinkRow,
        key: Option<&TenantKey>,
        site: &str,
        now: Seconds,
    ) -> Result<(), Error> {
        self.connections
            .transaction(async |tx| {
                let past = next_generation(tx, &link.client_key, &link.account_id).await?;
                let ending = LinkToEnd {
                    client_key: &link.client_key,
                    account: &link.account_id,
                    only: &link.id,
                    site,
                    why: Why::Uninstalled,
                };
                let ended = self.sealer.end_link_row(tx, ending, key, past, now);
                let Some(ended) = ended.await? else {
                    // Another process has ended or replaced it and counted the generation.
                    return Ok(Finish::RollBack(()));
                };
                // If it does not open, there is no token to revoke.
                self.revoke_ended(tx, ended, past, now).await?.ok();
                Ok(Finish::Commit(()))
            })
            .await
    }

    /// After the end of a link: its row never opens again, and its tokens are listed to be revoked. Returns the ids of
    /// these entries, unless the credential does not open.
    async fn revoke_ended(
        &self,
        tx: &mut Transaction<'_>,
        Ended { row, credential }: Ended,
        past: i64,
        due_at: Seconds,
    ) -> Result<Result<Vec<String>, Broken>, Error> {
        let credential = match credential {
            Ok(credential) => credential,
            Err(Broken) => return Ok(Err(Broken)),
        };
        if row.generation >= past {
            let next = row.generation + 1;
            generation_reached(tx, &row.client_key, &row.account_id, next).await?;
        }
        let all = all_of(credential, &row.subject);
        let owner = Owner::of(&row);
        Ok(Ok(self
            .sealer
            .add_revocations(tx, &owner, all, due_at)
            .await?))
    }

    /// Brings a renewal forward. False if there is none.
    pub async fn renew_now(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<bool, Error> {
        let renew_now = LINK_RENEW_NOW
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(tenant.installation)
            .bind(now);
        Ok(self.connections.execute(renew_now).await? == 1)
    }

    /// Marks the newest generation of a person's link to be put into Jira again.
    pub async fn put_again(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
        now: Seconds,
    ) -> Result<(), Error> {
        let again = LINK_PUT_AGAIN
            .bind(client_key.as_str())
            .bind(account.as_str())
            .bind(now);
        self.connections.execute(again).await?;
        Ok(())
    }
}
