//! What is left to do after something ended: revoke tokens, delete properties. It is retried until it
//! is done or there is no use in it any more.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::jira::JiraError;
use crate::model::Revocation;
use crate::store::{Chore, Cleanup};

/// How long an entry is one process's alone, in seconds. Longer than any call takes.
const LEASE: Seconds = 120;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 3600;

/// Why an entry stays on the list.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("{0}")]
    Service(#[from] crate::provider::RevokeError),
    #[error("{0}")]
    Jira(#[from] JiraError),
    #[error("the app is disabled at the tenant")]
    Disabled,
    #[error("{0}")]
    Store(#[from] Error),
}

/// Takes what is due off the list, at most `most` entries, and does it, all at once. Says how many
/// there were.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_due(app: &Arc<App>, most: i64) -> Result<usize, Error> {
    app.store.let_go().await?;
    let now = app.clock.now();
    let due = app.store.claim_cleanup(now, now + LEASE, most).await?;
    let count = due.len();
    let mut tasks = JoinSet::new();
    for entry in due {
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = run(&app, entry).await {
                tracing::warn!(%error, "cleaning up was interrupted; its lease brings it back");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(count)
}

/// Does these entries now, because somebody is waiting. What fails is tried again later.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_these(app: &App, ids: &[String]) -> Result<(), Error> {
    app.store.let_go().await?;
    for id in ids {
        let now = app.clock.now();
        if let Some(entry) = app.store.claim_cleanup_of(id, now, now + LEASE).await? {
            run(app, entry).await?;
        }
    }
    Ok(())
}

async fn run(app: &App, entry: Cleanup) -> Result<(), Error> {
    let result = match &entry.chore {
        Chore::Revoke(revocation) => revoke(app, revocation).await,
        Chore::DeleteProperty => delete_property(app, &entry).await,
        Chore::Lost => {
            tracing::error!(event = "seal_failure", tenant = %entry.client_key, "tokens that were to be revoked do not open; they run out by themselves");
            Ok(())
        }
    };
    let Err(error) = result else {
        return app.store.cleanup_done(&entry).await;
    };
    let now = app.clock.now();
    if now >= entry.expires_at {
        tracing::error!(%error, tenant = %entry.client_key, account = %entry.account_id, "something could not be ended and is given up");
        return app.store.cleanup_done(&entry).await;
    }
    tracing::warn!(%error, tenant = %entry.client_key, account = %entry.account_id, failures = entry.failures + 1, "something could not be ended yet; it is tried again");
    let asked = match &error {
        NotYet::Jira(JiraError::Wait { seconds, .. }) => *seconds,
        _ => 0,
    };
    let backoff = (2_i64 << entry.failures.clamp(0, 12)).min(LONGEST_WAIT);
    let wait = asked.max(1 + app.random.up_to(backoff));
    app.store.cleanup_later(&entry, now + wait).await
}

async fn revoke(app: &App, revocation: &Revocation) -> Result<(), NotYet> {
    if let Some(key) = &revocation.key {
        app.provider.delete_key(key).await?;
    }
    for token in &revocation.tokens {
        app.provider.revoke(token).await?;
    }
    Ok(())
}

async fn delete_property(app: &App, entry: &Cleanup) -> Result<(), NotYet> {
    // Whoever has linked again since wants to keep the property.
    if app
        .store
        .is_linked(&entry.client_key, &entry.account_id)
        .await?
    {
        return Ok(());
    }
    let tenant = app.store.tenant(&entry.client_key).await?;
    let Some(tenant) = tenant.filter(|tenant| tenant.installation == entry.installation) else {
        // After an uninstall nothing may be written, and the app could not.
        return Ok(());
    };
    if !tenant.enabled {
        return Err(NotYet::Disabled);
    }
    app.jira.delete_property(&tenant, &entry.account_id).await?;
    // If they linked while the call was under way, it may have deleted the new key.
    if app
        .store
        .is_linked(&entry.client_key, &entry.account_id)
        .await?
    {
        let now = app.clock.now();
        app.store
            .put_again(&entry.client_key, &entry.account_id, now)
            .await?;
    }
    Ok(())
}
