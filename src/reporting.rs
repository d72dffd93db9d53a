//! Reports the accounts of each tenant's people to Atlassian, cycle by cycle, and does what it answers: what is
//! stored of closed accounts is erased, and the names of others are read again.
//!
//! A cycle is a row that a process claims (`store/accounts.rs`). After each report the row says how far it came, so
//! a cycle that was interrupted goes on there, in any process. Trouble is told to the operator and tried again
//! later; it neither ends a link nor delays a key.

use tokio::task::JoinSet;

use crate::atlassian::jira::accounts::{Answered, MOST_REPORTED, ReportError};
use crate::atlassian::jira::{About, JiraError};
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::meters::AccountAnswer;
use crate::model::{AccountId, ClientKey, Purpose, Tenant};
use crate::parts::Parts;
use crate::store::{KnownAccount, ReportClaim, ReportTrouble};

/// How long one process has a tenant's cycle before it has to go on or lose it, in seconds. Longer than a report and
/// what it brings usually take; if two processes do the same, the second finds it done.
const LEASE: Seconds = 120;
/// For how many tenants reports are made at the same time.
const TENANTS_AT_ONCE: i64 = 8;
/// When a report that was refused, or whose answer was not understood, is tried again, in seconds: whoever has to
/// do something about it needs some time.
const REFUSED_AGAIN: Seconds = 24 * 3600;
/// When it is looked again whether Forge has sent a system token, which comes every hour.
const TOKEN_AGAIN: Seconds = 3600;
/// The longest wait after an answer did not come, in seconds.
const LONGEST_WAIT: Seconds = 3600;
/// After so many failures in a row a wait that Atlassian did not state is an hour.
const PATIENT_AFTER: i64 = 4;

/// What became of a cycle.
enum Came {
    /// Every account is reported.
    Through,
    /// It stops here until this time.
    Stopped(ReportTrouble, Seconds),
    /// Another process has it.
    Lost,
}

/// Goes on with the cycles that are due, of a limited number of tenants. Returns how many there were.
///
/// # Errors
/// When the store is unavailable; the cycles go on when their leases expire.
pub async fn run_due(parts: &Parts) -> Result<usize, Error> {
    let due = parts
        .store
        .reports_due(parts.clock.now(), TENANTS_AT_ONCE)
        .await?;
    let tenants = due.len();
    let mut tasks = JoinSet::new();
    for client_key in due {
        let parts = parts.clone();
        tasks.spawn(async move { go_on(&parts, &client_key).await });
    }
    let mut done = Ok(tenants);
    while let Some(came) = tasks.join_next().await {
        if let Ok(Err(error)) = came {
            done = Err(error);
        }
    }
    done
}

/// Goes on with a tenant's cycle until every account is reported or something is in the way.
async fn go_on(parts: &Parts, client_key: &ClientKey) -> Result<(), Error> {
    let (store, now) = (&parts.store, parts.clock.now());
    let Some(mut claim) = store.claim_report(client_key, now, now + LEASE).await? else {
        return Ok(());
    };
    let mut cycle = crate::store::CYCLE;
    let came = loop {
        // Read again before each report: the app may be gone by now.
        let tenant = match store.tenant(client_key).await {
            Ok(Some(tenant)) if tenant.enabled => tenant,
            Ok(_) => break Came::Stopped(ReportTrouble::Disabled, now + REFUSED_AGAIN),
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(_) => break Came::Stopped(ReportTrouble::NotServed, now + REFUSED_AGAIN),
        };
        let accounts = store
            .accounts_after(&tenant, &claim.reached, MOST_REPORTED)
            .await?;
        if accounts.is_empty() {
            break Came::Through;
        }
        match report(parts, &tenant, &mut claim, &accounts).await? {
            Ok(answered) => cycle = answered,
            Err(came) => break came,
        }
        if (accounts.len() as i64) < MOST_REPORTED {
            break Came::Through;
        }
    };
    settle(parts, &claim, came, cycle).await
}

/// Makes one report and does what the answer says. Returns how long a cycle is, or why this one does not go on.
async fn report(
    parts: &Parts,
    tenant: &Tenant,
    claim: &mut ReportClaim,
    accounts: &[KnownAccount],
) -> Result<Result<Seconds, Came>, Error> {
    let reported = parts
        .jira
        .report_accounts(tenant, accounts, claim.failures)
        .await;
    let answered = match reported {
        Ok(answered) => answered,
        Err(error) => return stopped(parts, tenant, claim, error).map(Err),
    };
    for account in &answered.closed {
        let now = parts.clock.now();
        parts.store.erase_account(tenant, account, now).await?;
        tracing::info!(tenant = %tenant.client_key, "an account was closed; all that was stored of it is erased");
    }
    if !answered.closed.is_empty() {
        parts.wake_cleanup.notify_one();
    }
    for account in &answered.updated {
        let read = accounts
            .iter()
            .any(|known| known.account == *account && known.read_at.is_some());
        if read && let Err(until) = read_again(parts, tenant, account).await? {
            return Ok(Err(Came::Stopped(ReportTrouble::Waits, until)));
        }
    }
    count(parts, accounts.len(), &answered);
    // The row must not name an account that was just erased, if there is another to name.
    let mut behind = accounts.iter().rev().map(|known| &known.account);
    let stays = behind
        .clone()
        .find(|known| !answered.closed.contains(known));
    let Some(reached) = stays.or_else(|| behind.next()) else {
        return Ok(Ok(answered.cycle));
    };
    let lease_until = parts.clock.now() + LEASE;
    let number = i64::try_from(accounts.len()).unwrap_or(i64::MAX);
    let goes_on = parts
        .store
        .report_goes_on(claim, reached, number, lease_until)
        .await?;
    Ok(match goes_on {
        true => Ok(answered.cycle),
        false => Err(Came::Lost),
    })
}

fn count(parts: &Parts, accounts: usize, answered: &Answered) {
    let (closed, updated) = (answered.closed.len(), answered.updated.len());
    let unchanged = accounts.saturating_sub(closed + updated);
    for (answer, number) in [
        (AccountAnswer::Unchanged, unchanged),
        (AccountAnswer::Closed, closed),
        (AccountAnswer::Updated, updated),
    ] {
        parts.meters.accounts(answer, number as u64);
    }
}

/// Why a cycle stops, and until when.
fn stopped(
    parts: &Parts,
    tenant: &Tenant,
    claim: &ReportClaim,
    error: ReportError,
) -> Result<Came, Error> {
    let now = parts.clock.now();
    let backoff = (60_i64 << claim.failures.clamp(0, 6)).min(LONGEST_WAIT);
    let why = error.to_string();
    let (trouble, until) = match error {
        ReportError::Waits { until } if claim.failures >= PATIENT_AFTER => {
            (ReportTrouble::Waits, (now + LONGEST_WAIT).max(until))
        }
        ReportError::Waits { until } => (ReportTrouble::Waits, until),
        ReportError::NoAnswer(_) | ReportError::Failed(_) => {
            let wait = backoff / 2 + parts.random.up_to(backoff / 2);
            (ReportTrouble::NoAnswer, now + wait)
        }
        ReportError::NoSystemToken => (ReportTrouble::NoSystemToken, now + TOKEN_AGAIN),
        ReportError::Refused(_) => (ReportTrouble::Refused, now + REFUSED_AGAIN),
        ReportError::NotUnderstood => (ReportTrouble::NotUnderstood, now + REFUSED_AGAIN),
        ReportError::Store(error) => return Err(error),
    };
    tracing::warn!(tenant = %tenant.client_key, trouble = trouble.as_str(), error = why, next_try = %rfc3339(until), "the accounts of a tenant could not be reported to Atlassian");
    Ok(Came::Stopped(trouble, until))
}

/// Reads a person's name again, which has changed since it was read. If Jira cannot be asked now, returns until when.
/// If Jira does not give it, it is forgotten: Latchkey asks for it when it is needed.
async fn read_again(
    parts: &Parts,
    tenant: &Tenant,
    account: &AccountId,
) -> Result<Result<(), Seconds>, Error> {
    let about = About {
        tenant,
        account,
        purpose: Purpose::Person,
        failures: 0,
    };
    let (store, now) = (&parts.store, parts.clock.now());
    match parts.jira.person(&about).await {
        Ok(person) => store.remember_person(tenant, account, &person, now).await?,
        Err(
            JiraError::Resting { until, .. }
            | JiraError::UsedUp { until }
            | JiraError::Wait { until, .. }
            | JiraError::Unauthorized { until }
            | JiraError::IpAllowlist { until }
            | JiraError::NotJira { until, .. },
        ) => return Ok(Err(until.max(now + 1))),
        Err(JiraError::NoAnswer(_)) => return Ok(Err(now + 60)),
        Err(JiraError::Store(error)) => return Err(error),
        Err(_) => store.forget_person(tenant, account).await?,
    }
    Ok(Ok(()))
}

/// Writes what became of a cycle.
async fn settle(
    parts: &Parts,
    claim: &ReportClaim,
    came: Came,
    cycle: Seconds,
) -> Result<(), Error> {
    let (store, now) = (&parts.store, parts.clock.now());
    match came {
        Came::Through => {
            // From the beginning, so that a slow cycle does not move the next one.
            let due_at = (claim.began_at + cycle).max(now + 24 * 3600);
            store.report_complete(claim, now, due_at).await
        }
        Came::Stopped(trouble, until) => store.report_put_off(claim, until, trouble, now).await,
        Came::Lost => Ok(()),
    }
}
