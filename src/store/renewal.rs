//! The outcomes of a claim: the steps of a renewal, and other ends.

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{
    AccountId, Actor, AsideReason, Credential, Happened, Link, Published, ReconnectReason, Tenant,
    Trouble,
};
use crate::secret::{Secret, same};

use super::Store;
use super::batch::{Commit, Intend, PutOff, RecordPublished, Write};
use super::claim::{CLAIM_COVERS, Claim};
use super::cleanup::all_of;
use super::history::Note;
use super::statement::statements;
use super::transaction::Finish;

statements! {
    LINK_IS_CURRENT = "select count(*) from link l join tenant t on t.client_key = l.client_key \
        where l.id = $1 and l.generation = $2 and t.installed and t.installation = l.installation";
    SET_ASIDE = "update link set state = 'aside', reason = $4, due_at = $5, failures = failures + 1, \
        property_size = $6, intent_at = null, lacks_key = (published_generation < generation or put_again > 0), \
        claim = null, claimed_by = null, claims = 0 where id = $1 and generation = $2 and claim = $3";
    /// The first time counts, unless it came from a clock that was ahead.
    GONE_SAID = "update link set gone_since = case when gone_since <= $4 then gone_since else $4 end \
        where id = $1 and generation = $2 and claim = $3 returning gone_since";
    PERSON_SEEN = "update link set gone_since = null, seen_at = $3 where client_key = $1 and account_id = $2 \
        and (gone_since is not null or seen_at <> $3)";
}

/// Why a claimed link is given back: whether that counts towards its backoff, and whether this claim has sent a token
/// request whose outcome nobody knows. What an earlier claim left open stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBack {
    /// Nothing was tried with this link, or the failure was not the link's.
    Untried,
    /// Nobody knows how far it came.
    Interrupted,
    /// It failed. If a token request was sent, it was answered.
    Failed,
    /// Its token request failed, and may have been processed.
    FailedWithoutAnswer,
}

/// What a try met that brought no key into Jira.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What its person is told once the key has run out. None keeps what an earlier try met.
    pub trouble: Option<Trouble>,
    /// When the service refused this link, if its key had run out by then. The row counts these.
    pub refused_at: Option<Seconds>,
}

/// What the user property in Jira holds at the end of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InJira {
    /// The key: Jira has just taken it.
    Key,
    /// The handle with this fingerprint: Jira has just taken it.
    Handle(String),
    /// The handle with this fingerprint, as before. Nothing was written.
    SameHandle(String),
    /// Not the handle, or nobody knows: it has to be put again.
    NotTheHandle,
}

impl InJira {
    pub(super) fn handle(&self) -> Option<&str> {
        match self {
            Self::Handle(fingerprint) | Self::SameHandle(fingerprint) => Some(fingerprint),
            Self::Key | Self::NotTheHandle => None,
        }
    }

    pub(super) fn is_confirmed(&self) -> bool {
        matches!(self, Self::Key | Self::Handle(_))
    }

    /// Whether this renewal may have written to Jira.
    pub(super) fn may_have_been_written(&self) -> bool {
        !matches!(self, Self::SameHandle(_))
    }

    pub(super) fn is_to_be_put_again(&self) -> bool {
        *self == Self::NotTheHandle
    }
}

impl GivenBack {
    fn counts_as_failure(self) -> bool {
        matches!(self, Self::Failed | Self::FailedWithoutAnswer)
    }

    fn may_leave_open(self) -> bool {
        matches!(self, Self::Interrupted | Self::FailedWithoutAnswer)
    }
}

impl Store {
    /// Records that a token request is about to be sent, unless the claim has recorded it a moment ago, and renews the
    /// lease. False if the lease has expired, the link has changed or the gate is closed: then nothing may be sent.
    pub async fn intend(
        &self,
        claim: &Claim,
        now: Seconds,
        lease_until: Seconds,
    ) -> Result<bool, Error> {
        let is_intent = claim
            .intended_at
            .is_some_and(|at| (at..=at + CLAIM_COVERS).contains(&now));
        let write = Write::Intend(Intend {
            claim: claim.token.clone(),
            generation: claim.link.generation,
            now,
            lease_until: (!is_intent).then_some(lease_until),
            probing: claim.probe.is_some(),
        });
        self.writer.write(&claim.link.id, write).await
    }

    /// Stores the service's answer as `generation`. False if the link is gone or has moved on: then the
    /// caller revokes the tokens with [`Store::discard`].
    pub async fn commit(
        &self,
        claim: &Claim,
        credential: &Credential,
        generation: i64,
    ) -> Result<bool, Error> {
        let (key, link) = (&claim.tenant.key, &claim.link);
        let sealed = self
            .sealer
            .seal_credential(key, link, generation, credential);
        let write = Write::Commit(Commit {
            owner: claim.owner(),
            claimed: claim.link.generation,
            credential: sealed,
            generation,
            key_expires_at: credential.api_key.as_ref().map(|key| key.expires_at),
            consent_ends_at: credential.consent.ends_at,
            refresh_ends_at: credential.refresh_ends_at,
        });
        self.writer.write(&claim.link.id, write).await
    }

    /// Whether a link holds the service's answer, and its generation now: an earlier commit may have
    /// succeeded although the database's reply was lost.
    pub async fn holds(
        &self,
        claim: &Claim,
        credential: &Credential,
        generation: i64,
    ) -> Result<Option<i64>, Error> {
        let (client_key, account) = (&claim.link.client_key, &claim.link.account_id);
        let row = self.link_row(client_key, account).await?;
        Ok(row
            .filter(|row| row.id == claim.link.id.as_str())
            .filter(|row| {
                self.sealer
                    .open_credential(&claim.tenant.key, row, 0)
                    .is_ok_and(|held| holds(&held, credential, row.generation - generation))
            })
            .map(|row| row.generation))
    }

    /// Whether the link still exists with this generation, and its tenant is installed.
    pub async fn is_current(&self, claim: &Claim) -> Result<bool, Error> {
        let current = LINK_IS_CURRENT
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation);
        Ok(self.connections.one::<i64>(current).await? > 0)
    }

    /// Revokes the tokens that were obtained for a link that is gone.
    pub async fn discard(
        &self,
        claim: &Claim,
        credential: Credential,
        now: Seconds,
    ) -> Result<(), Error> {
        let owner = claim.owner();
        let all = all_of(credential, &claim.link.identity.subject);
        self.connections
            .transaction(async |tx| {
                self.sealer.add_revocations(tx, &owner, all, now).await?;
                Ok(Finish::Commit(()))
            })
            .await
    }

    /// Records that the claimed generation can be had, in Jira or here as `in_jira` says, sets the next time, and
    /// lists what was replaced to be revoked.
    ///
    /// False if the link is gone or was replaced in the meantime. Then the key that this claim put must not
    /// stay: the property is deleted, or the newest key is put again.
    pub async fn published(
        &self,
        claim: &Claim,
        credential: &Credential,
        in_jira: InJira,
        expires_at: Seconds,
        now: Seconds,
        due_at: Seconds,
    ) -> Result<bool, Error> {
        let generation = claim.link.generation;
        let is_minted = credential
            .api_key
            .as_ref()
            .is_some_and(|key| key.id.is_some());
        // A key that is the access token itself was committed with this generation, and nothing has changed
        // since then.
        let changed = is_minted || !credential.retiring.is_empty();
        let sealed = changed.then(|| {
            let mut kept = credential.clone();
            kept.retiring.clear();
            let (key, link) = (&claim.tenant.key, &claim.link);
            self.sealer.seal_credential(key, link, generation, &kept)
        });
        let write = Write::RecordPublished(Box::new(RecordPublished {
            generation,
            credential: sealed,
            expires_at,
            refresh_ends_at: credential.refresh_ends_at,
            now,
            due_at,
            put_again: claim.put_again,
            in_jira,
            owner: claim.owner(),
            link: Link {
                published: Some(Published {
                    generation,
                    expires_at,
                    at: now,
                }),
                ..claim.link.clone()
            },
            site: claim.tenant.base_url.clone(),
            retiring: credential.retiring.clone(),
        }));
        self.writer.write(&claim.link.id, write).await
    }

    /// After a PUT with an unknown outcome: gives the claimed link back, to be put again at `due_at`. If the
    /// link is gone or was replaced in the meantime, the key must not stay. The PUT may still be on its way, so the second
    /// deletion that was listed with the end of the link stays on the list.
    pub async fn perhaps_published(
        &self,
        claim: &Claim,
        now: Seconds,
        due_at: Seconds,
        trouble: Option<Trouble>,
    ) -> Result<(), Error> {
        let failed = Failure {
            trouble,
            refused_at: None,
        };
        if self
            .put_off_after(claim, due_at, GivenBack::Failed, failed)
            .await?
        {
            return Ok(());
        }
        let owner = claim.owner();
        self.connections
            .transaction(async |tx| {
                self.sealer.take_back(tx, &owner, now).await?;
                Ok(Finish::Commit(()))
            })
            .await
    }

    /// Gives a claimed link back until `due_at`. False if the claim no longer holds it.
    pub async fn put_off(
        &self,
        claim: &Claim,
        due_at: Seconds,
        why: GivenBack,
    ) -> Result<bool, Error> {
        self.put_off_after(claim, due_at, why, Failure::default())
            .await
    }

    /// The same, and remembers what the try met until a key is in Jira.
    pub async fn put_off_after(
        &self,
        claim: &Claim,
        due_at: Seconds,
        why: GivenBack,
        failure: Failure,
    ) -> Result<bool, Error> {
        let write = Write::PutOff(PutOff {
            claim: claim.token.clone(),
            generation: claim.link.generation,
            due_at,
            failed: why.counts_as_failure(),
            open: why.may_leave_open(),
            trouble: failure.trouble.map(Trouble::as_str),
            refused_at: failure.refused_at,
        });
        self.writer.write(&claim.link.id, write).await
    }

    /// Asks the person to reconnect. False if the link has changed since it was claimed: then the refusal
    /// concerned an old token.
    pub async fn reconnect(
        &self,
        claim: &Claim,
        reason: ReconnectReason,
        now: Seconds,
    ) -> Result<bool, Error> {
        let link = &claim.link;
        let by = match reason {
            ReconnectReason::RotationLost | ReconnectReason::Restored => Actor::App,
            _ => Actor::Service,
        };
        self.connections
            .transaction(async |tx| {
                let asked = self.sealer.needs_person(tx, claim, reason, &by, now);
                if !asked.await? {
                    return Ok(Finish::RollBack(false));
                }
                let note = Note {
                    client_key: link.client_key.as_str(),
                    account_id: Some(link.account_id.as_str()),
                    what: Happened::NeedsReconnect,
                    by: &by,
                    detail: Some(reason.as_str()),
                };
                self.sealer.happened(tx, note, now).await?;
                Ok(Finish::Commit(true))
            })
            .await
    }

    /// Sets a link aside until `due_at`. False if the claim no longer holds it.
    pub async fn set_aside(
        &self,
        claim: &Claim,
        reason: AsideReason,
        due_at: Seconds,
    ) -> Result<bool, Error> {
        self.rest(&claim.link, &claim.token, reason, due_at).await
    }

    /// Sets a link aside until `due_at` because the property would have this many bytes. False if the claim no longer
    /// holds it.
    pub async fn set_aside_too_large(
        &self,
        claim: &Claim,
        size: usize,
        due_at: Seconds,
    ) -> Result<bool, Error> {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let reason = AsideReason::TooLarge;
        self.rest_with(&claim.link, &claim.token, reason, due_at, Some(size))
            .await
    }

    /// Records that Jira says that the person of a claimed link is gone. Returns since when it has said so.
    /// None if the link has changed since it was claimed.
    pub async fn said_gone(&self, claim: &Claim, now: Seconds) -> Result<Option<Seconds>, Error> {
        let gone = GONE_SAID
            .bind(claim.link.id.as_str())
            .bind(claim.link.generation)
            .bind(&claim.token)
            .bind(now);
        Ok(self.connections.optional(gone).await?)
    }

    /// Records that Jira has shown a person, and forgets that it said that they were gone.
    pub async fn person_is_there(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        now: Seconds,
    ) -> Result<(), Error> {
        let there = PERSON_SEEN
            .bind(tenant.client_key.as_str())
            .bind(account.as_str())
            .bind(now);
        self.connections.execute(there).await?;
        Ok(())
    }

    pub(super) async fn rest(
        &self,
        link: &Link,
        claim: &str,
        reason: AsideReason,
        due_at: Seconds,
    ) -> Result<bool, Error> {
        self.rest_with(link, claim, reason, due_at, None).await
    }

    async fn rest_with(
        &self,
        link: &Link,
        claim: &str,
        reason: AsideReason,
        due_at: Seconds,
        property_size: Option<i64>,
    ) -> Result<bool, Error> {
        let set_aside = SET_ASIDE
            .bind(link.id.as_str())
            .bind(link.generation)
            .bind(claim)
            .bind(reason.as_str())
            .bind(due_at)
            .bind(property_size);
        Ok(self.connections.execute(set_aside).await? > 0)
    }
}

/// Whether a credential holds what another one brought so many generations before: its tokens, which it lists
/// until they expire, and its minted key, until the next.
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
