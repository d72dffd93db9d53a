//! What a person sees and does in the issue: the status, Cancel, Renew now, Disconnect.

use std::sync::Arc;
use std::time::Duration;

use crate::atlassian::Viewer;
use crate::cleanup;
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::model::{
    AccountId, Actor, Ending, Left, LinkId, LinkStatus, SharedWith, Tenant, UnderWay,
};
use crate::words::Words;

use super::{Linking, refused, refused_by_id};

/// How long a person who disconnects waits for the service and Jira. What takes longer goes on without them.
const UNLINK_PATIENCE: Duration = Duration::from_secs(10);
/// How long the page of an attempt has to be closed until the panel says so, in seconds. During a reload it is closed
/// for a moment.
const LEFT_FOR: Seconds = 10;
/// How long the worker leaves to that request what it cleans up, in seconds.
const HANDS_OFF: Seconds = 15;

/// What a person sees in the issue.
///
/// # Errors
/// [`Error::NotAllowed`] for a person who may not link, as far as is known.
pub async fn status(
    linking: &Linking,
    viewer: &Viewer,
    words: &Words,
) -> Result<LinkStatus, Error> {
    let (now, store) = (linking.now(), linking.store());
    let (tenant, account) = (viewer.tenant(), viewer.account());
    let attempt = store.attempt_of_person(tenant, account, now).await?;
    let attempt = attempt.map(|attempt| UnderWay {
        another: attempt.another,
        expires_at: rfc3339(attempt.expires_at),
        left: attempt.left_at.is_some_and(|at| now >= at + LEFT_FOR),
    });
    if let Some(link) = store.link(tenant, account).await? {
        let meanwhile = linking.keeps_waiting(tenant);
        let shared = store.shared_with(&link).await?;
        return Ok(LinkStatus {
            on_disconnect: shared.explain(words, key_ends_with(linking, shared)),
            attempt,
            ..LinkStatus::of(&link, tenant, words, meanwhile, now)
        });
    }
    may_look(linking, viewer).await?;
    Ok(LinkStatus::without_link(words, attempt))
}

/// Ends the person's attempt at any step, in any browser. What it brought is revoked; their link stays. Without an
/// attempt nothing happens, because there is nothing to end.
///
/// The viewer's token is enough, because it names the person whose attempt ends. Somebody else's id or handle is of no
/// use here.
///
/// # Errors
/// [`Error::TooMany`], and when the store is unavailable.
pub async fn abandon(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    linking.limits.act(tenant, account)?;
    let store = linking.store();
    let attempt = store.attempt_of_person(tenant, account, linking.now());
    match attempt.await? {
        Some(attempt) => linking.end(&attempt.id, Ending::Cancelled).await,
        None => Ok(()),
    }
}

/// Whether a key stops working when its link ends, although another link uses the same account.
fn key_ends_with(linking: &Linking, shared: SharedWith) -> bool {
    let (service, keys) = (&linking.parts.service, &linking.parts.keys);
    match (keys.signing.is_some(), service.makes_keys()) {
        // Who verifies a signed key without asking takes it until it expires.
        (true, _) => false,
        (false, true) => true,
        (false, false) => shared == SharedWith::Others && service.ends_access_tokens(),
    }
}

/// Refuses by what is known. Jira is not asked: looking at an issue must not cost a call.
async fn may_look(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    let person = linking.store().person(tenant, account).await?;
    let rules = linking.rules(tenant).await?;
    let why = refused_by_id(&rules, account)
        .or_else(|| person.and_then(|(person, _)| refused(&rules, &person)));
    match why {
        Some(why) => Err(Error::NotAllowed(why)),
        None => Ok(()),
    }
}

/// Takes a link away. It is gone when this returns. Its tokens are revoked and the property is deleted
/// now or, where that fails or another link uses the same account, later by the worker. Returns what is left.
///
/// # Errors
/// [`Error::TooMany`], and when the store is unavailable.
pub async fn unlink(linking: &Arc<Linking>, viewer: &Viewer) -> Result<Left, Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    linking.limits.act(tenant, account)?;
    end(linking, tenant, account, None, &Actor::Person).await
}

/// The same for everybody who may end a person's link; with `only`, that link and no newer one.
///
/// # Errors
/// When the store is unavailable.
pub(crate) async fn end(
    linking: &Arc<Linking>,
    tenant: &Tenant,
    account: &AccountId,
    only: Option<&LinkId>,
    by: &Actor,
) -> Result<Left, Error> {
    let now = linking.now();
    let hands_off_until = now + HANDS_OFF;
    let left = linking
        .store()
        .unlink(tenant, account, only, by, now, hands_off_until)
        .await?;
    if left.is_empty() {
        return Ok(Left::Nothing);
    }
    let by = by.as_str();
    tracing::info!(tenant = %tenant.client_key, %account, by, "an account was unlinked");
    let task = tokio::spawn({
        let linking = linking.clone();
        let left = left.clone();
        async move { cleanup::run_these(&linking.parts, &left, hands_off_until).await }
    });
    match tokio::time::timeout(UNLINK_PATIENCE, task).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "cleaning up after an unlink goes on later"),
        Ok(Err(_)) => return Err(Error::Internal("cleaning up panicked".to_owned())),
        Err(_) => tracing::warn!("cleaning up after an unlink takes long and goes on"),
    }
    linking.store().left_of(&left).await
}

/// Ends one link of many: what is left to do is the worker's. Returns whether it was there.
///
/// # Errors
/// When the store is unavailable.
pub(crate) async fn end_later(
    linking: &Linking,
    tenant: &Tenant,
    account: &AccountId,
    only: &LinkId,
    by: &Actor,
) -> Result<bool, Error> {
    let now = linking.now();
    let left = linking
        .store()
        .unlink(tenant, account, Some(only), by, now, now)
        .await?;
    linking.parts.wake_cleanup.notify_one();
    Ok(!left.is_empty())
}

/// Brings a renewal forward.
///
/// # Errors
/// [`Error::NotLinked`] when there is nothing to renew, [`Error::TooMany`].
pub async fn renew(linking: &Linking, viewer: &Viewer) -> Result<(), Error> {
    let (tenant, account) = (viewer.tenant(), viewer.account());
    linking.limits.renew(tenant, account)?;
    let store = linking.store();
    if !store.renew_now(tenant, account, linking.now()).await? {
        return Err(Error::NotLinked);
    }
    linking.parts.wake.notify_one();
    Ok(())
}
