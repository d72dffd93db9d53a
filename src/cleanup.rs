//! Cleans up after a link, an attempt or a key ended: revokes tokens, deletes properties. Each entry is
//! retried until it is done or has become pointless.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::atlassian::jira::{About, JiraError};
use crate::clock::Seconds;
use crate::error::Error;
use crate::meters::CleanupOutcome;
use crate::model::{AccountId, ClientKey, Purpose, RevocableToken, Revocation, Tenant, Tokens};
use crate::parts::Parts;
use crate::service::failures::{RefreshError, RevokeError};
use crate::spans;
use crate::store::{Chore, Cleanup, TriedFor, Turn};

/// How long one process holds an entry, in seconds. Longer than any call takes.
const LEASE: Seconds = 120;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 3600;

/// How many keys are deleted at once when the app leaves a site, and how long that may take: Forge gives 55 seconds.
const DELETED_AT_ONCE: usize = 16;
const LEAVES_WITHIN: Duration = Duration::from_secs(45);

/// Why an entry stays on the list.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("{0}")]
    Service(#[from] RevokeError),
    #[error("{0}")]
    Jira(#[from] JiraError),
    #[error("the app is disabled at the tenant")]
    Disabled,
    #[error("Jira is not called for {0} s")]
    Waiting(Seconds),
    #[error("a key of this grant has to be deleted first")]
    KeysFirst,
    #[error("{0}")]
    Store(#[from] Error),
}

/// Takes these tenants' due entries off the list, so many of each, and does them all at once. Returns how
/// many of each tenant there were.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_due(parts: &Parts, turns: &[Turn]) -> Result<HashMap<ClientKey, i64>, Error> {
    let now = parts.clock.now();
    let due = parts.store.claim_cleanup(turns, now, now + LEASE).await?;
    let mut counts = HashMap::new();
    let mut tasks = JoinSet::new();
    for entry in due {
        *counts.entry(entry.client_key.clone()).or_default() += 1;
        let parts = parts.clone();
        tasks.spawn(async move {
            let span = tracing::info_span!(target: spans::TARGET, parent: None, "cleanup");
            if let Err(error) = run(&parts, entry).instrument(span).await {
                tracing::warn!(%error, "cleaning up was interrupted; it is due again when its lease expires");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(counts)
}

/// Does these entries now because a person waits; the worker ignores them until `due_by`. An entry that fails
/// is retried later.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_these(parts: &Parts, ids: &[String], due_by: Seconds) -> Result<(), Error> {
    parts.store.let_go(parts.clock.now()).await?;
    for id in ids {
        let lease_until = parts.clock.now() + LEASE;
        let entry = parts
            .store
            .claim_cleanup_of(id, due_by, lease_until)
            .await?;
        if let Some(entry) = entry {
            run(parts, entry).await?;
        }
    }
    Ok(())
}

async fn run(parts: &Parts, entry: Cleanup) -> Result<(), Error> {
    let result = match &entry.chore {
        Chore::Revoke(revocation) => match revoke(parts, &entry, revocation).await {
            // It stays on the list until the account is not used any more.
            Ok(Done::Held) => return Ok(()),
            Ok(Done::Revoked) => Ok(()),
            Err(error) => Err(error),
        },
        Chore::DeleteProperty => delete_property(parts, &entry).await,
        Chore::Lost => {
            tracing::error!(tenant = %entry.client_key, "tokens to be revoked do not open; they expire by themselves");
            Ok(())
        }
    };
    let Err(error) = result else {
        parts.meters.cleanup(CleanupOutcome::Done);
        return parts.store.cleanup_done(&entry).await;
    };
    let now = parts.clock.now();
    // Not counted as a try, however long an admin leaves the app disabled.
    let waits_for_admin = matches!(error, NotYet::Disabled);
    if now >= entry.expires_at && !waits_for_admin {
        parts.meters.cleanup(CleanupOutcome::GivenUp);
        tracing::error!(%error, tenant = %entry.client_key, account = %entry.account_id, "a cleanup failed for the last time and is given up");
        return parts.store.cleanup_done(&entry).await;
    }
    parts.meters.cleanup(CleanupOutcome::Failed);
    tracing::warn!(%error, tenant = %entry.client_key, account = %entry.account_id, failures = entry.failures + 1, "a cleanup failed and will be retried");
    let asked = match &error {
        NotYet::Waiting(seconds) | NotYet::Service(RevokeError::Wait { seconds }) => *seconds,
        _ => 0,
    };
    let backoff = (2_i64 << entry.failures.clamp(0, 12)).min(LONGEST_WAIT);
    let wait = asked.max(1 + parts.random.up_to(backoff));
    let tried_for = match waits_for_admin {
        true => TriedFor::AFullTime,
        false => TriedFor::TheRest,
    };
    parts
        .store
        .cleanup_later(&entry, now + wait, tried_for)
        .await
}

/// Deletes the same person's replaced keys first: deleting needs an access token, which ends with the grant.
async fn keys_first(parts: &Parts, entry: &Cleanup, revocation: &Revocation) -> Result<(), NotYet> {
    if revocation.tokens.is_empty() {
        return Ok(());
    }
    let (store, person) = (&parts.store, (&entry.client_key, &entry.account_id));
    let keys = store.keys_to_delete(person.0, person.1).await?;
    if keys.is_empty() {
        return Ok(());
    }
    // Another process may do the same, which is harmless. These entries have no tokens, so there is no
    // further recursion.
    Box::pin(run_these(parts, &keys, Seconds::MAX)).await?;
    if store.keys_to_delete(person.0, person.1).await?.is_empty() {
        Ok(())
    } else {
        Err(NotYet::KeysFirst)
    }
}

/// The outcome of a revocation.
enum Done {
    Revoked,
    Held,
}

async fn revoke(parts: &Parts, entry: &Cleanup, revocation: &Revocation) -> Result<Done, NotYet> {
    keys_first(parts, entry, revocation).await?;
    // A person may have linked to this account since the entry was put on the list.
    let must_wait = parts.store.must_wait(entry, revocation).await?;
    let mut brought = None;
    for key in &revocation.keys {
        let access_token = brought
            .as_ref()
            .map_or(&key.access_token, |tokens: &Tokens| &tokens.access_token);
        match parts.service.delete_key(&key.id, access_token).await {
            Ok(()) => {}
            Err(RevokeError::AccessTokenEnded) if brought.is_none() => {
                let fresh = match must_wait {
                    true => None,
                    false => {
                        let refresh = revocation.tokens.iter().find(|token| token.refresh);
                        fresh_tokens(parts, refresh).await?
                    }
                };
                let Some(tokens) = fresh else {
                    tracing::warn!(
                        "a key cannot be deleted because its grant has ended; it expires by itself"
                    );
                    break;
                };
                parts
                    .service
                    .delete_key(&key.id, &tokens.access_token)
                    .await?;
                brought = Some(tokens);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if must_wait && parts.store.cleanup_hold(entry, revocation).await? {
        return Ok(Done::Held);
    }
    let refresh = brought
        .as_ref()
        .and_then(|tokens| tokens.refresh_token.clone());
    let access = brought.map(|tokens| tokens.access_token);
    let more = refresh
        .map(|token| RevocableToken {
            token,
            refresh: true,
        })
        .into_iter()
        .chain(access.map(|token| RevocableToken {
            token,
            refresh: false,
        }));
    for token in more.chain(revocation.tokens.iter().cloned()) {
        if !parts.service.spends(&token) {
            parts.service.revoke(&token).await?;
        } else if let Some(tokens) = fresh_tokens(parts, Some(&token)).await? {
            parts.service.delete_grant(&tokens.access_token).await?;
        }
    }
    Ok(Done::Revoked)
}

/// Deleting keys, and at some services grants, needs an access token, which may have expired: the refresh
/// token that is about to be revoked gives a last one. None if the grant has ended or other links still use
/// it.
async fn fresh_tokens(
    parts: &Parts,
    refresh: Option<&RevocableToken>,
) -> Result<Option<Tokens>, NotYet> {
    let Some(token) = refresh else {
        return Ok(None);
    };
    match parts.service.last_tokens(&token.token).await? {
        Ok(tokens) => Ok(Some(tokens)),
        Err(RefreshError::InvalidGrant) => Ok(None),
        Err(error) => Err(RevokeError::Failed(error.to_string()).into()),
    }
}

/// The app leaves a tenant whose Jira still takes its calls: everything there ends, and the keys are deleted in
/// Jira there and then, as far as that goes in the time that Forge gives. Each key that stays stops working, because
/// its grant is revoked.
///
/// # Errors
/// When the store is unavailable.
pub async fn leave(parts: &Parts, tenant: &Tenant) -> Result<(), Error> {
    let accounts = parts.store.accounts_linked(tenant).await?;
    // First, so that no renewal puts another key there.
    parts.store.leave(tenant, parts.clock.now()).await?;
    parts.wake_cleanup.notify_one();
    let people = accounts.len();
    let deleting = async {
        let mut tasks = JoinSet::new();
        for account in accounts {
            if tasks.len() >= DELETED_AT_ONCE {
                tasks.join_next().await;
            }
            tasks.spawn(delete_last(parts.clone(), tenant.clone(), account));
        }
        while tasks.join_next().await.is_some() {}
    };
    if tokio::time::timeout(LEAVES_WITHIN, deleting).await.is_err() {
        tracing::warn!(tenant = %tenant.client_key, people, "not all keys could be deleted in Jira before the app left");
    }
    Ok(())
}

/// Deletes the key of a person at a tenant that the app leaves.
async fn delete_last(parts: Parts, tenant: Tenant, account: AccountId) {
    let about = About {
        tenant: &tenant,
        account: &account,
        purpose: Purpose::Person,
        failures: 0,
    };
    if let Err(error) = parts.jira.delete_property(&about).await {
        tracing::warn!(%error, tenant = %tenant.client_key, %account, "a key stays in Jira: the app is leaving and could not delete it");
    }
}

async fn delete_property(parts: &Parts, entry: &Cleanup) -> Result<(), NotYet> {
    // An earlier try whose answer was lost may have deleted the property of a newer link.
    if put_again_if_linked(parts, entry).await? {
        return Ok(());
    }
    let tenant = parts
        .store
        .still_installed(&entry.client_key, entry.installation);
    let Some(tenant) = tenant.await? else {
        // After an uninstall the app can write nothing.
        return Ok(());
    };
    if !tenant.enabled {
        return Err(NotYet::Disabled);
    }
    let about = About {
        tenant: &tenant,
        account: &entry.account_id,
        purpose: Purpose::Person,
        failures: entry.failures,
    };
    if let Err(error) = parts.jira.delete_property(&about).await {
        return Err(not_deleted(&tenant, parts.clock.now(), error));
    }
    // If they linked while the call was running, it may have deleted the property of the new link.
    put_again_if_linked(parts, entry).await?;
    Ok(())
}

/// A person who has linked again keeps the property, and it is put again. True if they have.
async fn put_again_if_linked(parts: &Parts, entry: &Cleanup) -> Result<bool, Error> {
    let (store, person) = (&parts.store, (&entry.client_key, &entry.account_id));
    if !store.is_linked(person.0, person.1).await? {
        return Ok(false);
    }
    let now = parts.clock.now();
    store.put_again(person.0, person.1, now).await?;
    Ok(true)
}

/// Why Jira did not delete the property, with the time to wait if Jira named one.
fn not_deleted(tenant: &Tenant, now: Seconds, error: JiraError) -> NotYet {
    if let JiraError::NotJira { status, .. } = &error {
        tracing::warn!(tenant = %tenant.client_key, %status, "something other than Jira answers at the site");
    }
    match error {
        JiraError::Resting { until, .. }
        | JiraError::Wait { until, .. }
        | JiraError::NotJira { until, .. }
        | JiraError::UsedUp { until } => NotYet::Waiting(until - now),
        JiraError::Store(error) => NotYet::Store(error),
        error => NotYet::Jira(error),
    }
}
