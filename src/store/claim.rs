//! Claims on links that are due. The lease is `due_at`: until then no other process takes the row.
//!
//! Tenants take turns, so a claim is about one tenant. It takes due links by what expires first: the key that
//! Jira holds, or the unused refresh token. To cost the same for any number of links, it looks only at the
//! first links in that order and at those that have been due for longest.

use crate::clock::Seconds;
use crate::error::Error;
use crate::meters::Subject;
use crate::model::{ClientKey, Credential, Link, Purpose, Tenant};
use crate::vault::Broken;

use super::Store;
use super::cleanup::Owner;
use super::gate::Probe;
use super::late::LATE;
use super::link::Lease;
use super::rows::ClaimedRow;
use super::statement::statements;
use super::transaction::Finish;

/// Claims links for a replica: $1 now, $2 end of the lease, $3 the claim, $4 the replica, $5 how many, $6 the
/// tenant, $7 whether the claim is the probe, $8 whether renewals go on while Jira asks to wait, $9 until when a write of
/// an earlier claim may arrive. A link whose key Jira has is claimed to ask the service, so its claim is its intent too. A
/// claim that ended without a word may have asked, and may have written to Jira: its intent has an unknown outcome.
macro_rules! claim {
    () => {
        "update link set due_at = $2, claims = claims + 1, claim = $3, claimed_by = $4, \
        late_write_until = case when claim is not null and intent_at is null then $9 else late_write_until end, \
        unsettled = (unsettled or intent_at is not null), \
        intent_at = case when published_generation < generation or put_again > 0 then null else $1 end \
        where id in (select l.id from link l where l.id in "
    };
}

/// Candidates among all due links, for a turn ([`TURN`]). If any link is due, most of the first ones are, but
/// links in progress are among them too. There are more candidates than a turn takes, since another replica
/// may be claiming some. The limits are literals: for a parameter, PostgreSQL assumes a tenth of all rows and
/// plans for that.
macro_rules! due {
    () => {
        "(select id from (select id, first_end from (select id, first_end, due_at \
        from link where client_key = $6 and state <> 'reconnect' \
        order by first_end limit 32) as head where due_at <= $1 \
        union select id, first_end from (select id, first_end from link \
        where client_key = $6 and state <> 'reconnect' \
        and due_at <= $1 order by due_at limit 8) as oldest) as candidate \
        order by first_end limit 16) \
        and ($7 or not exists (select 1 from gate g where g.name = 'service' and g.opens_at > $1)) \
        and not exists (select 1 from failing_tenant f where f.client_key = $6 and f.opens_at > $1)"
    };
}

/// Candidates among the links whose key Jira lacks: they do not need the service. `lacks_key` finds them by index; that
/// they lack it is told by their generations.
macro_rules! unpublished {
    () => {
        "(select id from link where client_key = $6 and state <> 'reconnect' \
        and (claim is not null or lacks_key) and (published_generation < generation or put_again > 0) \
        and due_at <= $1 order by due_at limit 16) \
        and $7"
    };
}

macro_rules! claim_in_order {
    () => {
        " and l.due_at <= $1 and l.state <> 'reconnect' and l.installation = (select t.installation \
        from tenant t where t.client_key = $6 and t.installed and t.enabled \
        and ($8 or (t.wait_until <= $1 and t.put_wait_until <= $1))) \
        and ($8 or not exists (select 1 from gate g where g.name = 'jira' and g.opens_at > $1)) \
        order by l.first_end limit $5"
    };
}

/// What a claim returns.
macro_rules! claimed {
    () => {
        " returning {link}, (select g.generation from link_generation g where g.client_key = link.client_key \
        and g.account_id = link.account_id) as reached"
    };
}

statements! {
    CLAIM = each(concat!(claim!(), due!(), claim_in_order!(), ")", claimed!()),
        concat!(claim!(), due!(), claim_in_order!(), " for update of l skip locked)", claimed!()));
    CLAIM_UNPUBLISHED = each(concat!(claim!(), unpublished!(), claim_in_order!(), ")", claimed!()),
        concat!(claim!(), unpublished!(), claim_in_order!(), " for update of l skip locked)", claimed!()));
    /// In the order of the tenants' keys; each process cycles through them by itself.
    TENANTS_DUE = "select t.client_key from tenant t where t.client_key > $2 and t.installed and t.enabled \
        and ($4 or (t.wait_until <= $1 and t.put_wait_until <= $1)) \
        and (select l.id from link l where l.client_key = t.client_key and l.state <> 'reconnect' \
        and l.due_at <= $1 order by l.due_at limit 1) is not null order by t.client_key limit $3";
    TENANTS_UNPUBLISHED = "select t.client_key from tenant t where t.client_key > $2 and t.installed and t.enabled \
        and ($4 or (t.wait_until <= $1 and t.put_wait_until <= $1)) \
        and (select l.id from link l where l.client_key = t.client_key and l.state <> 'reconnect' \
        and (l.claim is not null or l.lacks_key) and (l.published_generation < l.generation or l.put_again > 0) \
        and l.due_at <= $1 order by l.due_at limit 1) is not null order by t.client_key limit $3";
}

/// A link that this process may renew until its lease expires.
#[derive(Clone)]
pub struct Claim {
    /// Its tenant as it was then. Who calls Jira reads it again.
    pub(super) tenant: Tenant,
    /// The link as it was claimed.
    pub link: Link,
    /// Its credential, unless it does not open.
    pub credential: Result<Credential, Broken>,
    /// Failures in a row before this claim.
    pub failures: i64,
    /// Claims in a row, this one included, without an outcome.
    pub claims: i64,
    /// Whether an earlier token request has an unknown outcome.
    pub unsettled: bool,
    /// Since when this claim is the intent to send a token request. None if it has to be written before one is sent.
    pub(super) intended_at: Option<Seconds>,
    /// The purpose of the claim.
    pub purpose: Purpose,
    /// The probe, if this claim may send while the gate is closed to others.
    pub probe: Option<Probe>,
    /// When Jira last said that the link's person is there.
    pub seen_at: Seconds,
    /// How often the service has refused this link since its key ran out.
    pub refusals: i64,
    /// When it did so first.
    pub refused_since: Option<Seconds>,
    /// The fingerprint of the handle that stands in Jira. None if it is not known or may have been replaced.
    pub handle: Option<String>,
    pub(super) put_again: i64,
    pub(super) token: String,
}

/// How long a process holds a claimed link, in seconds. A token request ends well before that
/// (`outbound::TIME_LIMIT`), so two are never in flight.
pub const LEASE: Seconds = 45;
/// For how long after a claim a token request may go out by it, in seconds. A later one renews the lease first, because
/// it may take [`crate::outbound::TIME_LIMIT`].
pub(super) const CLAIM_COVERS: Seconds = 5;

impl<'a> From<&'a Claim> for Subject<'a> {
    fn from(claim: &'a Claim) -> Self {
        Self {
            link: &claim.link,
            failures: claim.failures,
        }
    }
}

/// The most links in one turn: claimed one by one they would cost a statement each, and the statements look
/// at as many candidates as this needs.
pub const TURN: i64 = 8;

/// A tenant's turn in a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The tenant.
    pub tenant: ClientKey,
    /// How many of its links may be claimed, up to [`TURN`].
    pub most: i64,
    /// Whether its links rest, so that only keys may be claimed that Jira lacks.
    pub rests: bool,
}

/// Which links may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimKind {
    /// All that are due: the gate is open.
    Due,
    /// One link, as the probe.
    Probe(Probe),
    /// Links whose key only has to be put into Jira.
    Unpublished,
}

impl ClaimKind {
    fn probe(self) -> Option<Probe> {
        match self {
            Self::Probe(probe) => Some(probe),
            Self::Due | Self::Unpublished => None,
        }
    }
}

/// What a wait that Jira asked for means for claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JiraWaits {
    /// No link of the tenant is claimed: a renewal has to write its key to Jira.
    HoldRenewals,
    /// Links are claimed, because a renewal writes nothing to Jira. Each call to Jira still minds the wait.
    HoldCalls,
}

impl JiraWaits {
    /// Whether renewals go on meanwhile.
    pub(super) fn pass(self) -> bool {
        self == Self::HoldCalls
    }
}

/// What tenants are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantsWith {
    /// Tenants with links to renew.
    LinksDue,
    /// Tenants with a key that Jira lacks.
    UnpublishedKeys,
}

impl Claim {
    /// The base URL of its tenant, as it was then.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.tenant.base_url
    }

    /// Whether Jira lacks the newest generation, or may lack it.
    #[must_use]
    pub fn is_unpublished(&self) -> bool {
        self.put_again > 0
            || self
                .link
                .published
                .is_none_or(|published| published.generation < self.link.generation)
    }

    pub(super) fn owner(&self) -> Owner {
        Owner {
            client_key: self.tenant.client_key.0.clone(),
            installation: self.tenant.installation,
            account_id: self.link.account_id.0.clone(),
        }
    }
}

impl Store {
    /// Tenants that have something to do and may be called, after this one in the order of their keys.
    pub async fn tenants_due(
        &self,
        with: TenantsWith,
        behind: &ClientKey,
        now: Seconds,
        most: i64,
    ) -> Result<Vec<ClientKey>, Error> {
        let statement = match with {
            TenantsWith::LinksDue => &TENANTS_DUE,
            TenantsWith::UnpublishedKeys => &TENANTS_UNPUBLISHED,
        };
        let due = statement
            .bind(now)
            .bind(behind.as_str())
            .bind(most)
            .bind(self.jira_waits.pass());
        let keys: Vec<String> = self.connections.all(due).await?;
        Ok(keys.into_iter().map(ClientKey).collect())
    }

    /// Claims due links of these tenants, one tenant after the other until there are `most`. Of each tenant
    /// it takes first the links whose key in Jira, or refresh token, expires first. Links of a tenant that is
    /// set aside are set aside with it until `rest_until`.
    pub async fn claim(
        &self,
        lease: Lease<'_>,
        turns: &[Turn],
        most: i64,
        kind: ClaimKind,
        now: Seconds,
        rest_until: Seconds,
    ) -> Result<Vec<Claim>, Error> {
        if turns.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.claim_rows(lease, turns, most, kind, now).await?;
        rows.sort_by_key(|row| row.link.first_end);
        let mut keys: Vec<ClientKey> = turns.iter().map(|turn| turn.tenant.clone()).collect();
        keys.retain(|key| rows.iter().any(|row| row.link.client_key == key.as_str()));
        let tenants = self.find_tenants(&keys).await?;
        let mut claims: Vec<Claim> = Vec::with_capacity(rows.len());
        for row in rows {
            match tenants.get(&ClientKey(row.link.client_key.clone())) {
                Some(Ok(tenant)) => claims.push(self.opened_claim(tenant.clone(), row, kind)),
                // Uninstalled at this moment. If the link still exists, it is due again when the lease expires.
                None => {}
                // The tenant is set aside, which an event reports. Only this link is set aside with it, so that
                // no other link waits.
                Some(Err(why)) => {
                    let claim = row.link.claim.as_deref().unwrap_or_default();
                    self.rest(&row.link.link(), claim, *why, rest_until).await?;
                }
            }
        }
        Ok(claims)
    }

    async fn claim_rows(
        &self,
        lease: Lease<'_>,
        turns: &[Turn],
        most: i64,
        kind: ClaimKind,
        now: Seconds,
    ) -> Result<Vec<ClaimedRow>, Error> {
        let token = self.sealer.random.id();
        let statement = |turn: &Turn| match kind {
            ClaimKind::Due | ClaimKind::Probe(_) if !turn.rests => &CLAIM,
            _ => &CLAIM_UNPUBLISHED,
        };
        let past_the_gate = |turn: &Turn| turn.rests || kind != ClaimKind::Due;
        self.connections
            .transaction(async |tx| {
                let mut rows: Vec<ClaimedRow> = Vec::new();
                let mut left = most;
                for turn in turns {
                    if left <= 0 {
                        break;
                    }
                    let claim = statement(turn)
                        .bind(now)
                        .bind(lease.until)
                        .bind(&token)
                        .bind(lease.owner)
                        .bind(turn.most.min(left))
                        .bind(turn.tenant.as_str())
                        .bind(past_the_gate(turn))
                        .bind(self.jira_waits.pass())
                        .bind(now + LATE);
                    let claimed = tx.all(claim).await?;
                    left -= i64::try_from(claimed.len()).unwrap_or(i64::MAX);
                    rows.extend(claimed);
                }
                Ok(Finish::Commit(rows))
            })
            .await
    }

    fn opened_claim(&self, tenant: Tenant, claimed: ClaimedRow, kind: ClaimKind) -> Claim {
        let ClaimedRow { link: row, reached } = claimed;
        let reached = reached.unwrap_or(0);
        Claim {
            link: row.link(),
            credential: self.sealer.open_credential(&tenant.key, &row, reached),
            failures: row.failures,
            claims: row.claims,
            unsettled: row.unsettled,
            intended_at: row.intent_at,
            purpose: Purpose::Renewal,
            probe: kind.probe(),
            seen_at: row.seen_at,
            refusals: row.refusals,
            refused_since: row.refused_since,
            handle: row.standing_handle(),
            put_again: row.put_again,
            token: row.claim.unwrap_or_default(),
            tenant,
        }
    }
}
