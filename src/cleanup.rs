//! What is left to do after something ended: revoke tokens, delete properties. It is retried until it
//! is done or there is no use in it any more.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use tokio::task::JoinSet;

use crate::App;
use crate::budget::Report;
use crate::clock::Seconds;
use crate::error::Error;
use crate::figures::CleanupOutcome;
use crate::jira::JiraError;
use crate::model::{ClientKey, RevocableToken, Revocation, Tokens};
use crate::provider::{RefreshError, RevokeError};
use crate::renewal;
use crate::store::{Chore, Cleanup, TriedFor, Turn};

/// How long an entry is one process's alone, in seconds. Longer than any call takes.
const LEASE: Seconds = 120;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 3600;

/// Why an entry stays on the list.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("{0}")]
    Service(#[from] RevokeError),
    #[error("{0}")]
    Jira(#[from] JiraError),
    #[error("the app is disabled at the tenant")]
    Disabled,
    #[error("Jira is left alone for {0} s")]
    Waiting(Seconds),
    #[error("a key of this grant has to be deleted first")]
    KeysFirst,
    #[error("{0}")]
    Store(#[from] Error),
}

/// Takes what is due off the list, of these tenants and so many entries of each, and does it, all at
/// once. Says of whom how many there were.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_due(app: &Arc<App>, turns: &[Turn]) -> Result<HashMap<ClientKey, i64>, Error> {
    let now = app.clock.now();
    let due = app.store.claim_cleanup(turns, now, now + LEASE).await?;
    let mut counts = HashMap::new();
    let mut tasks = JoinSet::new();
    for entry in due {
        *counts.entry(entry.client_key.clone()).or_default() += 1;
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = run(&app, entry).await {
                tracing::warn!(%error, "cleaning up was interrupted; its lease brings it back");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    Ok(counts)
}

/// Does these entries now, because somebody is waiting; the worker leaves them alone until `due_by`.
/// What fails is tried again later.
///
/// # Errors
/// When the store is unavailable.
pub async fn run_these(app: &App, ids: &[String], due_by: Seconds) -> Result<(), Error> {
    app.store.let_go(app.clock.now()).await?;
    for id in ids {
        let lease_until = app.clock.now() + LEASE;
        let entry = app.store.claim_cleanup_of(id, due_by, lease_until).await?;
        if let Some(entry) = entry {
            run(app, entry).await?;
        }
    }
    Ok(())
}

async fn run(app: &App, entry: Cleanup) -> Result<(), Error> {
    let result = match &entry.chore {
        Chore::Revoke(revocation) => match revoke(app, &entry, revocation).await {
            // It stays on the list, and is let go when the account is not used any more.
            Ok(Done::Held) => return Ok(()),
            Ok(Done::Revoked) => Ok(()),
            Err(error) => Err(error),
        },
        Chore::DeleteProperty => delete_property(app, &entry).await,
        Chore::Lost => {
            tracing::error!(tenant = %entry.client_key, "tokens that were to be revoked do not open; they run out by themselves");
            Ok(())
        }
    };
    let Err(error) = result else {
        app.meters.cleanup(CleanupOutcome::Done);
        return app.store.cleanup_done(&entry).await;
    };
    let now = app.clock.now();
    // However long an admin leaves the app switched off: that was no try.
    let waits_for_admin = matches!(error, NotYet::Disabled);
    if now >= entry.expires_at && !waits_for_admin {
        app.meters.cleanup(CleanupOutcome::GivenUp);
        tracing::error!(%error, tenant = %entry.client_key, account = %entry.account_id, "something could not be ended and is given up");
        return app.store.cleanup_done(&entry).await;
    }
    app.meters.cleanup(CleanupOutcome::Failed);
    tracing::warn!(%error, tenant = %entry.client_key, account = %entry.account_id, failures = entry.failures + 1, "something could not be ended yet; it is tried again");
    let asked = match &error {
        NotYet::Waiting(seconds) => *seconds,
        _ => 0,
    };
    let backoff = (2_i64 << entry.failures.clamp(0, 12)).min(LONGEST_WAIT);
    let wait = asked.max(1 + app.random.up_to(backoff));
    let tried_for = if waits_for_admin {
        TriedFor::AFullTime
    } else {
        TriedFor::TheRest
    };
    app.store.cleanup_later(&entry, now + wait, tried_for).await
}

/// Replaced keys of the same person that are still to be deleted: that takes an access token, which ends
/// with the grant.
async fn keys_first(app: &App, entry: &Cleanup, revocation: &Revocation) -> Result<(), NotYet> {
    if revocation.tokens.is_empty() {
        return Ok(());
    }
    let (store, person) = (&app.store, (&entry.client_key, &entry.account_id));
    let keys = store.keys_to_delete(person.0, person.1).await?;
    if keys.is_empty() {
        return Ok(());
    }
    // Whoever else may be at it: it can be done twice. These have no tokens, so it goes no deeper.
    Box::pin(run_these(app, &keys, Seconds::MAX)).await?;
    if store.keys_to_delete(person.0, person.1).await?.is_empty() {
        Ok(())
    } else {
        Err(NotYet::KeysFirst)
    }
}

/// What came of a revocation.
enum Done {
    Revoked,
    Held,
}

async fn revoke(app: &App, entry: &Cleanup, revocation: &Revocation) -> Result<Done, NotYet> {
    keys_first(app, entry, revocation).await?;
    // Somebody may have linked to this account since this was put on the list.
    let must_wait = app.store.must_wait(entry, revocation).await?;
    let mut brought = None;
    for key in &revocation.keys {
        let access_token = brought
            .as_ref()
            .map_or(&key.access_token, |tokens: &Tokens| &tokens.access_token);
        match app.provider.delete_key(&key.id, access_token).await {
            Ok(()) => {}
            Err(RevokeError::AccessTokenEnded) if brought.is_none() => {
                let fresh = match must_wait {
                    true => None,
                    false => {
                        let refresh = revocation.tokens.iter().find(|token| token.refresh);
                        fresh_tokens(app, refresh).await?
                    }
                };
                let Some(tokens) = fresh else {
                    tracing::warn!(
                        "a key cannot be deleted, as its grant has ended; it runs out by itself"
                    );
                    break;
                };
                app.provider
                    .delete_key(&key.id, &tokens.access_token)
                    .await?;
                brought = Some(tokens);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if must_wait && app.store.cleanup_hold(entry, revocation).await? {
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
        if !app.provider.spends(&token) {
            app.provider.revoke(&token).await?;
        } else if let Some(tokens) = fresh_tokens(app, Some(&token)).await? {
            app.provider.delete_grant(&tokens.access_token).await?;
        }
    }
    Ok(Done::Revoked)
}

/// Deleting keys, and at some services grants, takes an access token, which may have run out since: the
/// refresh token that is about to be revoked gives a last one. None when the grant has ended, or others still use it.
async fn fresh_tokens(
    app: &App,
    refresh: Option<&RevocableToken>,
) -> Result<Option<Tokens>, NotYet> {
    let Some(token) = refresh else {
        return Ok(None);
    };
    let probe = app.service_gate.admit().await?;
    app.service_pace.make_room().await?;
    let answer = app.provider.refresh(&token.token).await;
    let outcome = match &answer {
        Err(error) => error.report(),
        Ok(_) => Report::Answered,
    };
    app.service_gate.ended(outcome, probe).await?;
    match answer {
        Ok(tokens) => Ok(Some(tokens)),
        Err(RefreshError::InvalidGrant) => Ok(None),
        Err(error) => Err(RevokeError::Failed(error.to_string()).into()),
    }
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
    let now = app.clock.now();
    let opens_at = renewal::jira_opens_at(app, &tenant, &Method::DELETE);
    if opens_at > now {
        return Err(NotYet::Waiting(opens_at - now));
    }
    match app.jira.delete_property(&tenant, &entry.account_id).await {
        Err(JiraError::Wait { asked, why }) => {
            let method = Method::DELETE;
            let failures = entry.failures;
            let seconds = renewal::leave_alone(app, &tenant, &method, why, asked, failures).await?;
            return Err(NotYet::Waiting(seconds));
        }
        Err(JiraError::NotJira(status)) => {
            let until = renewal::without_jira(app, &tenant, entry.failures).await?;
            tracing::warn!(tenant = %tenant.client_key, %status, "something else than Jira answers at the site");
            return Err(NotYet::Waiting(until - now));
        }
        Err(JiraError::UsedUp) => return Err(NotYet::Waiting(app.quota.next_hour() - now)),
        deleted => deleted?,
    }
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
