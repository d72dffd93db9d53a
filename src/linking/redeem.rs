//! Redeeming a code: once, by the browser that brought it, after Jira has named the person.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::model::{Attempt, Code, Ending, Phase, Redeemed, Redeeming, Round, Tenant};
use crate::secret::same;
use crate::service::Pass;
use crate::service::failures::Brought;

use super::look::{View, both_accounts, linked_as};
use super::{Failed, Linking};

/// How long to wait before a write is tried again that must not be forgotten.
const HELD_FOR: Duration = Duration::from_millis(500);

/// Redeems the code, because the browser that brought it has come with the proof. Once: whatever comes of
/// the request, the code is used.
pub(super) async fn redeem(
    linking: &Arc<Linking>,
    tenant: Tenant,
    attempt: Attempt,
) -> Result<View, Failed> {
    let Phase::Proved(proved) = &attempt.phase else {
        return Err(Error::OutOfDate.into());
    };
    let failed = |error| Failed::of(error, &tenant, attempt.issue.as_ref());
    linking
        .limits
        .act(&tenant, &attempt.account_id)
        .map_err(failed)?;
    // Before the code is used up: while the service is left alone, it stays good.
    let pass = linking.parts.service.admit().await.map_err(failed)?;
    let (round, code) = (proved.round.clone(), proved.code.clone());
    let now = linking.parts.clock.now();
    let redeeming = Phase::Redeeming(Redeeming {
        round: round.clone(),
        since: now,
    });
    let stepped = linking
        .parts
        .store
        .attempt_step(&tenant, &attempt, redeeming, now)
        .await;
    let attempt = match stepped {
        Ok(Some(attempt)) => attempt,
        otherwise => {
            linking.parts.service.give_back(pass).await?;
            otherwise?;
            // Another request of this browser redeems it, or the attempt has ended.
            return Ok(View::Redeeming {
                site: tenant.site().to_owned(),
            });
        }
    };
    // In a task of its own: a browser that hangs up must not lose what the service has given.
    let task = tokio::spawn({
        let linking = linking.clone();
        async move { ask_the_service(&linking, &tenant, attempt, code, round, pass).await }
    });
    task.await
        .map_err(|_| Error::Internal("redeeming a code panicked".to_owned()))?
}

/// Does what must not be forgotten, again and again while the database is away, until the attempt is over
/// anyway.
async fn hold<T, F>(linking: &Linking, attempt: &Attempt, act: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match act().await {
            Err(Error::Unavailable(error)) if linking.parts.clock.now() < attempt.expires_at => {
                tracing::warn!(%error, "what a code brought cannot be written yet; it is held and tried again");
                tokio::time::sleep(HELD_FOR).await;
            }
            done => break done,
        }
    }
}

async fn ask_the_service(
    linking: &Linking,
    tenant: &Tenant,
    attempt: Attempt,
    code: Code,
    round: Round,
    pass: Pass,
) -> Result<View, Failed> {
    let redeemed = linking
        .parts
        .service
        .redeem(pass, &code.code, &code.code_verifier, &code.nonce)
        .await;
    let account = &attempt.account_id;
    let (identity, tokens) = match redeemed {
        Ok(redeemed) => redeemed,
        Err(error) => {
            if let Some(Brought { tokens, subject }) = error.brought {
                let now = linking.parts.clock.now();
                let store = &linking.parts.store;
                let (subject, tokens) = (subject.as_deref(), tokens.as_slice());
                let revoke = move || store.revoke_unlinked(tenant, account, subject, tokens, now);
                hold(linking, &attempt, revoke).await?;
                linking.parts.wake_cleanup.notify_one();
            }
            return Err(start_over(linking, tenant, &attempt, error.why).await?);
        }
    };
    let redeemed = Redeemed {
        round,
        identity,
        tokens,
        page: linking.parts.random.token(),
    };
    let keep = || keep(linking, tenant, &attempt, &redeemed);
    if !hold(linking, &attempt, keep).await? {
        linking.parts.wake_cleanup.notify_one();
        let why = Error::AttemptOver("it ended while the code was redeemed");
        return Err(Failed::of(why, tenant, attempt.issue.as_ref()));
    }
    let both = both_accounts(linking, tenant, &attempt, &redeemed).await?;
    Ok(View::BothAccounts(Box::new(both)))
}

/// Keeps what the service gave, or revokes it where the attempt ended meanwhile: then false.
async fn keep(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    redeemed: &Redeemed,
) -> Result<bool, Error> {
    let now = linking.parts.clock.now();
    let (account, next) = (&attempt.account_id, Phase::Redeemed(redeemed.clone()));
    let store = &linking.parts.store;
    if store
        .attempt_step(tenant, attempt, next, now)
        .await?
        .is_some()
    {
        return Ok(true);
    }
    // It may be there already: where a connection is cut, the answer to a commit that was made is lost.
    if let Some((_, found)) = store.attempt(&attempt.id, now).await?
        && let Phase::Redeemed(kept) = &found.phase
        && same(kept.page.expose(), redeemed.page.expose())
    {
        return Ok(true);
    }
    let subject = Some(redeemed.identity.subject.as_str());
    let tokens = redeemed.tokens.revocable();
    store
        .revoke_unlinked(tenant, account, subject, &tokens, now)
        .await?;
    Ok(false)
}

/// After a code that brought nothing. Where trying again may help, the attempt goes back to its beginning,
/// and with one click the person begins again; else it is over.
pub(super) async fn start_over(
    linking: &Linking,
    tenant: &Tenant,
    attempt: &Attempt,
    why: Error,
) -> Result<Failed, Error> {
    let now = linking.parts.clock.now();
    let again = match why {
        Error::CodeRanOut | Error::ServiceUnreachable(_) => {
            let begun = linking
                .parts
                .store
                .attempt_step(tenant, attempt, Phase::Begun, now)
                .await?;
            begun.map(|attempt| attempt.id)
        }
        _ => {
            linking
                .parts
                .store
                .end_attempt(&attempt.id, Ending::Failed, now)
                .await?;
            None
        }
    };
    Ok(Failed {
        again,
        still: linked_as(linking, tenant, &attempt.account_id).await?,
        ..Failed::of(why, tenant, attempt.issue.as_ref())
    })
}
