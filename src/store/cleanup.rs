//! The list of what to clean up after a link, an attempt or a key ended.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, ClientKey, Credential, Left, Link, MintedKey, RevocableToken, Revocation,
    SharedWith, words,
};
use crate::vault::Place;

use super::claim::Turn;
use super::rows::{CleanupRow, LinkRow};
use super::sealer::Sealer;
use super::statement::statements;
use super::transaction::{Finish, Transaction};
use super::{Store, link, sealed};

statements! {
    CLEANUP_ADD = "insert into cleanup (id, kind, client_key, installation, account_id, held_for_subject, \
        revocation, due_at, failures, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)";
    /// How many links use an account at the service, and how many of them belong to this person, at any site.
    /// It decides when tokens are revoked, not whether, and only the service receives anything: a writer of
    /// the database who changes a subject here could as well delete the link or the entry.
    SUBJECT_IN_USE = "select count(*), count(case when account_id = $2 then 1 end) from link \
        where subject = $1";
    /// The same about other links than this one, for its person to know beforehand.
    SUBJECT_SHARED = "select cast(case \
        when (select 1 from link where account_id = $2 and subject = $1 and id <> $3 limit 1) is not null then 2 \
        when (select 1 from link where subject = $1 and id <> $3 limit 1) is not null then 1 \
        else 0 end as bigint)";
    CLEANUP_IS_LEFT = "select count(*), count(held_for_subject) from cleanup where id = $1";
    TENANTS_TO_CLEAN = "select t.client_key from tenant t where t.client_key > $2 \
        and (select c.id from cleanup c where c.client_key = t.client_key and c.held_for_subject is null \
        and c.held_for_account is null and c.due_at <= $1 order by c.due_at limit 1) is not null order by t.client_key limit $3";
    CLEANUP_CLAIM = each("update cleanup set due_at = $2 where id in (select id from cleanup \
        where client_key = $4 and due_at <= $1 and held_for_subject is null and held_for_account is null \
        order by due_at limit $3) returning {cleanup}",
        "update cleanup set due_at = $2 where id in (select id from cleanup \
        where client_key = $4 and due_at <= $1 and held_for_subject is null and held_for_account is null \
        order by due_at limit $3 for update skip locked) returning {cleanup}");
    CLEANUP_CLAIM_ONE = "update cleanup set due_at = $2 where id = $3 and due_at <= $1 \
        and held_for_subject is null and held_for_account is null returning {cleanup}";
    /// Holds what must wait while a link uses the account: see `Wait`. A person may have linked since the
    /// entry was added.
    CLEANUP_HOLD = "update cleanup set held_for_subject = $2 where id = $1 \
        and (select 1 from link where subject = $2 and ($3 or account_id = $4) limit 1) is not null";
    /// Tokens of an unknown account wait while their person has a link at any site.
    CLEANUP_HOLD_FOR_ACCOUNT = "update cleanup set held_for_account = $2 where id = $1 \
        and (select 1 from link where account_id = $2 limit 1) is not null";
    ACCOUNT_LINKED = "select count(*) from link where account_id = $1";
    CLEANUP_KEYS = "select id from cleanup where client_key = $1 and account_id = $2 and kind = 'keys' limit 100";
    CLEANUP_DONE = "delete from cleanup where id = $1";
    CLEANUP_LATER = "update cleanup set due_at = $2, failures = failures + 1, expires_at = $3 where id = $1";
    /// However long an entry was held, it is then retried for its full time.
    /// Not `not exists`: PostgreSQL may join that with all links, every second.
    CLEANUP_LET_GO = "update cleanup set held_for_subject = null, due_at = $1, expires_at = $2 \
        where held_for_subject is not null \
        and (select 1 from link where link.subject = cleanup.held_for_subject limit 1) is null";
    CLEANUP_LET_GO_OF_ACCOUNT = "update cleanup set held_for_account = null, due_at = $1, expires_at = $2 \
        where held_for_account is not null \
        and (select 1 from link where link.account_id = cleanup.held_for_account limit 1) is null";
    /// By tenant and account, without which no one can be linked. A writer of the database who changes or
    /// adds a row can keep a property or have one deleted; no secret is disclosed.
    LINK_EXISTS = "select count(*) from link where client_key = $1 and account_id = $2";
}

/// After so many seconds an entry is given up, with an error in the log.
pub(super) const CLEANUP_LIFE: Seconds = 7 * 24 * 3600;

/// An entry: something to clean up.
pub struct Cleanup {
    /// Its id.
    pub id: String,
    /// The tenant.
    pub client_key: ClientKey,
    /// The tenant's installation.
    pub installation: i64,
    /// The person.
    pub account_id: AccountId,
    /// What to do.
    pub chore: Chore,
    /// Failures so far.
    pub failures: i64,
    /// When it becomes pointless.
    pub expires_at: Seconds,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupKind {
    /// Tokens to revoke, perhaps after deleting keys.
    Revoke,
    /// Keys to delete, and no tokens.
    Keys,
    /// A user property to delete.
    DeleteProperty,
}

words!(CleanupKind {
    Revoke = "revoke",
    Keys = "keys",
    DeleteProperty = "delete_property",
});

/// For how long an entry that is put off is still retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriedFor {
    /// For the rest of its time.
    TheRest,
    /// For as long as a new entry.
    AFullTime,
}

/// Which tokens of an ended link wait until no link uses its account at the service any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// None: no other link uses the account.
    Nothing,
    /// Another person's link uses it. Revoking a refresh token should end the whole grant (RFC 7009, section
    /// 2.1), and some services have one grant per account.
    RefreshTokens,
    /// Another link of the same person uses it, at this site or another. A service may end the grant with an
    /// access token too, and some have one grant per login, which one person's links are likely to share.
    AllTokens,
}

/// What to do.
pub enum Chore {
    /// Delete keys and revoke tokens at the service.
    Revoke(Revocation),
    /// Delete the user property in Jira, unless the person has linked again.
    DeleteProperty,
    /// Unknown: the entry does not open.
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

/// A row to add to the list.
pub(super) struct NewCleanup {
    pub(super) id: String,
    pub(super) kind: CleanupKind,
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
    pub(super) held_for_subject: Option<String>,
    pub(super) revocation: Option<String>,
    pub(super) due_at: Seconds,
    pub(super) expires_at: Seconds,
}

/// The tenant and the person that an entry belongs to.
pub(super) struct Owner {
    pub(super) client_key: String,
    pub(super) installation: i64,
    pub(super) account_id: String,
}

/// Everything at the service that ends with a credential: its own keys and tokens, and those it had replaced,
/// which may belong to another account.
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
    // Merged into one entry with its own tokens, so that keys are deleted before the tokens are revoked.
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

impl Owner {
    pub(super) fn of(row: &LinkRow) -> Self {
        Self {
            client_key: row.client_key.clone(),
            installation: row.installation,
            account_id: row.account_id.clone(),
        }
    }
}

/// Adds an entry to the list.
async fn add(tx: &mut Transaction<'_>, row: NewCleanup) -> Result<(), Error> {
    tx.execute(
        CLEANUP_ADD
            .bind(row.id)
            .bind(row.kind.as_str())
            .bind(row.client_key)
            .bind(row.installation)
            .bind(row.account_id)
            .bind(row.held_for_subject)
            .bind(row.revocation)
            .bind(row.due_at)
            .bind(row.expires_at),
    )
    .await?;
    Ok(())
}

/// Adds an entry about an unknown account at the service. It waits while its person has a link at any site.
pub(super) async fn add_held_for_account(
    tx: &mut Transaction<'_>,
    row: NewCleanup,
) -> Result<(), Error> {
    let (id, account) = (row.id.clone(), row.account_id.clone());
    add(tx, row).await?;
    tx.execute(CLEANUP_HOLD_FOR_ACCOUNT.bind(id).bind(account))
        .await?;
    Ok(())
}

impl Sealer {
    /// Lists a person's property in Jira to be deleted. Returns the id of the entry.
    pub(super) async fn add_deletion(
        &self,
        tx: &mut Transaction<'_>,
        owner: &Owner,
        due_at: Seconds,
    ) -> Result<String, Error> {
        let id = self.random.id();
        self.add_deletion_as(tx, id.clone(), owner, due_at).await?;
        Ok(id)
    }

    /// The same, as an entry with this id.
    pub(super) async fn add_deletion_as(
        &self,
        tx: &mut Transaction<'_>,
        id: String,
        owner: &Owner,
        due_at: Seconds,
    ) -> Result<(), Error> {
        let row = NewCleanup {
            id,
            kind: CleanupKind::DeleteProperty,
            client_key: owner.client_key.clone(),
            installation: owner.installation,
            account_id: owner.account_id.clone(),
            held_for_subject: None,
            revocation: None,
            due_at,
            expires_at: due_at + CLEANUP_LIFE,
        };
        add(tx, row).await
    }

    /// Lists revocations. Returns the ids of their entries.
    ///
    /// Some tokens wait while a link still uses the account at the service; see [`Wait`].
    pub(super) async fn add_revocations(
        &self,
        tx: &mut Transaction<'_>,
        owner: &Owner,
        revocations: Vec<Revocation>,
        due_at: Seconds,
    ) -> Result<Vec<String>, Error> {
        let mut ids = Vec::new();
        for revocation in revocations {
            let in_use = SUBJECT_IN_USE
                .bind(&revocation.subject)
                .bind(&owner.account_id);
            let wait = match tx.one::<(i64, i64)>(in_use).await? {
                (0, _) => Wait::Nothing,
                (_, 0) => Wait::RefreshTokens,
                _ => Wait::AllTokens,
            };
            for row in self.revocation_rows(owner, revocation, wait, due_at) {
                ids.push(row.id.clone());
                add(tx, row).await?;
            }
        }
        Ok(ids)
    }

    /// Makes sure that Jira does not keep a key that was put for a link that is gone: the newest key is put
    /// again or, without a link, the property is deleted.
    pub(super) async fn take_back(
        &self,
        tx: &mut Transaction<'_>,
        owner: &Owner,
        now: Seconds,
    ) -> Result<(), Error> {
        if !link::put_again(tx, owner, now).await? {
            self.add_deletion(tx, owner, now).await?;
        }
        Ok(())
    }

    /// The rows of a revocation. In a row, keys come first, because deleting them needs an access token, then
    /// the tokens that could bring new access tokens. There are two rows if some tokens have to wait.
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
        [(at_once, None), (later, Some(subject))]
            .into_iter()
            .filter(|(part, _)| !part.is_empty())
            .map(|(part, held_for_subject)| {
                self.revocation_row(owner, &part, held_for_subject, due_at)
            })
            .collect()
    }

    fn revocation_row(
        &self,
        owner: &Owner,
        revocation: &Revocation,
        held_for_subject: Option<String>,
        due_at: Seconds,
    ) -> NewCleanup {
        let id = self.random.id();
        let place = revocation_place(&owner.client_key, &id);
        let text = sealed::write_revocation(revocation);
        let sealed = self.vault.seal_beyond_tenant(place, &text);
        NewCleanup {
            id,
            kind: match revocation.tokens.is_empty() {
                true => CleanupKind::Keys,
                false => CleanupKind::Revoke,
            },
            client_key: owner.client_key.clone(),
            installation: owner.installation,
            account_id: owner.account_id.clone(),
            held_for_subject,
            revocation: Some(sealed),
            due_at,
            expires_at: due_at + CLEANUP_LIFE,
        }
    }

    fn open_cleanup(&self, row: CleanupRow) -> Cleanup {
        let chore = if row.kind == CleanupKind::DeleteProperty.as_str() {
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
}

impl Store {
    /// Who else uses the account at the service that this link uses. By the rule that decides which tokens wait
    /// when it ends: see `Wait`.
    pub async fn shared_with(&self, link: &Link) -> Result<SharedWith, Error> {
        let subject = link.identity.subject.as_str();
        if subject.is_empty() {
            // It cannot be read.
            return Ok(SharedWith::Nobody);
        }
        let shared = SUBJECT_SHARED
            .bind(subject)
            .bind(link.account_id.as_str())
            .bind(link.id.as_str());
        Ok(match self.connections.one::<i64>(shared).await? {
            0 => SharedWith::Nobody,
            1 => SharedWith::Others,
            _ => SharedWith::Oneself,
        })
    }

    /// What is left of these entries.
    pub async fn left_of(&self, ids: &[String]) -> Result<Left, Error> {
        let mut left = Left::Nothing;
        for id in ids {
            let entry = CLEANUP_IS_LEFT.bind(id);
            match self.connections.one::<(i64, i64)>(entry).await? {
                (0, _) => {}
                (_, 0) if left == Left::Nothing => left = Left::Retried,
                (_, 0) => {}
                _ => left = Left::SharedLogin,
            }
        }
        Ok(left)
    }

    /// Releases tokens whose account at the service no link uses any more, and those of an unknown account
    /// whose person has no link any more.
    pub async fn let_go(&self, now: Seconds) -> Result<(), Error> {
        for statement in [&CLEANUP_LET_GO, &CLEANUP_LET_GO_OF_ACCOUNT] {
            let let_go = statement.bind(now).bind(now + CLEANUP_LIFE);
            self.connections.execute(let_go).await?;
        }
        Ok(())
    }

    /// Tenants that have something to clean up, after this one in the order of their keys.
    pub async fn tenants_to_clean(
        &self,
        behind: &ClientKey,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        let to_clean = TENANTS_TO_CLEAN.bind(now).bind(behind.as_str()).bind(most);
        let keys: Vec<String> = self.connections.all(to_clean).await?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// Claims due entries of these tenants, as many of each as its turn allows.
    pub async fn claim_cleanup(
        &self,
        turns: &[Turn],
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<Vec<Cleanup>, Error> {
        let rows = self
            .connections
            .transaction(async |tx| {
                let mut rows: Vec<CleanupRow> = Vec::new();
                for turn in turns {
                    let claim = CLEANUP_CLAIM
                        .bind(now)
                        .bind(lease_until)
                        .bind(turn.most)
                        .bind(turn.tenant.as_str());
                    rows.extend(tx.all(claim).await?);
                }
                Ok(Finish::Commit(rows))
            })
            .await?;
        let opened = rows.into_iter().map(|row| self.sealer.open_cleanup(row));
        Ok(opened.collect())
    }

    /// Claims one entry, if it is due at `due_by`.
    pub async fn claim_cleanup_of(
        &self,
        id: &str,
        due_by: Seconds,
        lease_until: Seconds,
    ) -> Result<Option<Cleanup>, Error> {
        let claim = CLEANUP_CLAIM_ONE.bind(due_by).bind(lease_until).bind(id);
        let row = self.connections.optional(claim).await?;
        Ok(row.map(|row| self.sealer.open_cleanup(row)))
    }

    /// Whether an entry's tokens have to wait because a link uses their account at the service.
    pub async fn must_wait(
        &self,
        cleanup: &Cleanup,
        revocation: &Revocation,
    ) -> Result<bool, Error> {
        let account = cleanup.account_id.as_str();
        if revocation.subject.is_empty() {
            let links: i64 = self.connections.one(ACCOUNT_LINKED.bind(account)).await?;
            return Ok(!revocation.tokens.is_empty() && links > 0);
        }
        let in_use = SUBJECT_IN_USE.bind(&revocation.subject).bind(account);
        let (links, of_this_person): (i64, i64) = self.connections.one(in_use).await?;
        Ok(!revocation.tokens.is_empty()
            && (of_this_person > 0 || links > 0 && revocation.has_refresh_token()))
    }

    /// Holds an entry until no link uses its account or, if the account is unknown, until its person has no
    /// link. False if it need not wait any more.
    pub async fn cleanup_hold(
        &self,
        cleanup: &Cleanup,
        revocation: &Revocation,
    ) -> Result<bool, Error> {
        let account = cleanup.account_id.as_str();
        let hold = match revocation.subject.as_str() {
            "" => CLEANUP_HOLD_FOR_ACCOUNT.bind(&cleanup.id).bind(account),
            subject => CLEANUP_HOLD
                .bind(&cleanup.id)
                .bind(subject)
                .bind(revocation.has_refresh_token())
                .bind(account),
        };
        Ok(self.connections.execute(hold).await? > 0)
    }

    /// A person's entries that only delete keys.
    pub async fn keys_to_delete(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
    ) -> Result<Vec<String>, Error> {
        let keys = CLEANUP_KEYS
            .bind(client_key.as_str())
            .bind(account.as_str());
        Ok(self.connections.all(keys).await?)
    }

    /// Removes an entry that is done.
    pub async fn cleanup_done(&self, cleanup: &Cleanup) -> Result<(), Error> {
        self.connections
            .execute(CLEANUP_DONE.bind(&cleanup.id))
            .await?;
        Ok(())
    }

    /// Retries an entry at `due_at`.
    pub async fn cleanup_later(
        &self,
        cleanup: &Cleanup,
        due_at: Seconds,
        tried_for: TriedFor,
    ) -> Result<(), Error> {
        let expires_at = match tried_for {
            TriedFor::TheRest => cleanup.expires_at,
            TriedFor::AFullTime => due_at + CLEANUP_LIFE,
        };
        let later = CLEANUP_LATER
            .bind(&cleanup.id)
            .bind(due_at)
            .bind(expires_at);
        self.connections.execute(later).await?;
        Ok(())
    }

    /// Whether a person of a tenant has a link, of any installation.
    pub async fn is_linked(
        &self,
        client_key: &ClientKey,
        account: &AccountId,
    ) -> Result<bool, Error> {
        let exists = LINK_EXISTS.bind(client_key.as_str()).bind(account.as_str());
        Ok(self.connections.one::<i64>(exists).await? > 0)
    }
}
