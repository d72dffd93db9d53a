//! Publishing where the property holds a handle, which no renewal changes.
//!
//! Programs get the key from here (`GET /api/link/key`), from its commit on. So a renewal writes to Jira only if Jira
//! may hold something else than the handle: after it changed, after a late write, after a backup was put back. Once a
//! day the person is looked at and the handle is put again, in case somebody has changed or deleted it.
//!
//! No key waits for Jira: if a call fails or may not be made, the renewal is recorded all the same, and the handle is
//! put later. Only a new link waits for its first handle, because its person looks on.

use crate::atlassian::jira::spare::SparePlace;
use crate::atlassian::jira::{About, JiraError};
use crate::clock::Seconds;
use crate::meters::{HandleStep, Step};
use crate::model::{ApiKey, Property, Tenant};
use crate::moments::{Moment, reach};
use crate::parts::Parts;
use crate::settling::{Decided, Job, Progress, Then};
use crate::store::{Claim, InJira};

use super::{
    PersonInJira, REST, end_unless_current, go_on_from, look_for_person, next_due, property,
    really, tenant_now, unpublished,
};

/// What a renewal found out about the handle.
enum Found {
    /// Jira says that the person is gone.
    Gone,
    /// This is what Jira holds.
    Holds(InJira),
    /// The handle could not be put. It is tried again at this time.
    PutOff(Seconds),
}

/// The steps of publishing, when there is a key.
pub(super) async fn publishing_handle(parts: &Parts, job: &mut Job) -> Progress<Decided> {
    let link = &job.claim.link;
    let is_first = link.published.is_none();
    // After a backup was put back, the row does not say what Jira holds. A link that is new names itself in its
    // keys, so no earlier key can be taken for one of them.
    let behind = !is_first && parts.store.may_be_behind_jira(link.published);
    if behind {
        // The handle does not tell which generations were given out, so as many are skipped as may have been: a
        // generation must not come again with another key.
        let generation = link.generation + parts.store.most_behind_jira(link.published);
        go_on_from(parts, job, generation).await?;
    }
    let (claim, Some(key)) = (&job.claim, &job.credential.api_key) else {
        return Ok(Decided::quietly(Then::Nothing));
    };
    let value = property(parts, key, &claim.link)?;
    if is_first {
        return first(parts, job, key, &value).await;
    }
    let due_at = next_due(parts, key, &job.credential, parts.clock.now());
    let (in_jira, due_at) = match find(parts, claim, &value, behind).await? {
        Found::Gone => return Ok(Decided::quietly(Then::SaidGone)),
        Found::Holds(in_jira) => (in_jira, due_at),
        Found::PutOff(retry_at) => {
            parts.meters.handle(HandleStep::PutOff);
            (InJira::NotTheHandle, due_at.min(retry_at))
        }
    };
    let credential = Box::new(job.credential.clone());
    Ok(Decided::quietly(Then::Published(
        credential, in_jira, due_at,
    )))
}

/// The first handle of a link. Its person is told that they are connected once Jira holds it.
async fn first(parts: &Parts, job: &Job, key: &ApiKey, value: &Property<'_>) -> Progress<Decided> {
    let claim = &job.claim;
    reach(&parts.clock, Moment::BeforePut, &claim.link).await;
    let tenant = tenant_now(parts, claim).await?;
    match put(parts, claim, &tenant, value).await {
        Ok(in_jira) => {
            let due_at = next_due(parts, key, &job.credential, parts.clock.now());
            let credential = Box::new(job.credential.clone());
            Ok(Decided::quietly(Then::Published(
                credential, in_jira, due_at,
            )))
        }
        Err(error) => unpublished(parts, job, error).await,
    }
}

/// Finds out whether Jira holds the handle, and puts it there if need be.
async fn find(parts: &Parts, claim: &Claim, value: &Property<'_>, behind: bool) -> Progress<Found> {
    let now = parts.clock.now();
    let expected = parts.jira.fingerprint(claim.site(), &claim.link, value)?;
    let stands = !behind && claim.handle.as_ref() == Some(&expected);
    let every = parts.jira.quota().looks_every();
    let look = every.is_some_and(|every| now - claim.seen_at >= every);
    let unchanged = || Found::Holds(InJira::SameHandle(expected.clone()));
    if stands && !look {
        parts.meters.handle(HandleStep::Unchanged);
        return Ok(unchanged());
    }
    // A look that was not possible comes with the next renewal.
    let later = |until: Seconds| {
        Ok(match stands {
            true => unchanged(),
            false => Found::PutOff(until),
        })
    };
    let retry_at = now + REST + parts.random.up_to(REST);
    let Some(place) = parts.jira.spare().take(&claim.link.client_key, now) else {
        return later(retry_at);
    };
    if look {
        match look_for_person(parts, claim).await? {
            PersonInJira::Left => return Ok(Found::Gone),
            PersonInJira::There => {}
            PersonInJira::NoSite(error) | PersonInJira::Unknown(error) => {
                minds(&place, claim, &error, now);
                return later(retry_after(parts, &error, retry_at));
            }
        }
    }
    reach(&parts.clock, Moment::BeforePut, &claim.link).await;
    let tenant = tenant_now(parts, claim).await?;
    // The person may have linked again since the claim: the newer link has put its handle.
    end_unless_current(parts, claim).await?;
    let error = match put(parts, claim, &tenant, value).await {
        Ok(in_jira) => return Ok(Found::Holds(in_jira)),
        Err(error) => really(parts, claim, error).await?,
    };
    match error {
        JiraError::NotFound => Ok(Found::Gone),
        JiraError::Store(error) => Err(error.into()),
        error => {
            minds(&place, claim, &error, now);
            Ok(Found::PutOff(retry_after(parts, &error, retry_at)))
        }
    }
}

/// Puts the handle, and says which stands there then.
async fn put(
    parts: &Parts,
    claim: &Claim,
    tenant: &Tenant,
    value: &Property<'_>,
) -> Result<InJira, JiraError> {
    let about = About {
        tenant,
        account: &claim.link.account_id,
        purpose: claim.purpose,
        failures: claim.failures,
    };
    let fingerprint = parts
        .jira
        .fingerprint(&tenant.base_url, &claim.link, value)?;
    let put = parts.jira.put_property(&about, value);
    parts.meters.timed(Step::Put, put).await?;
    parts.meters.handle(HandleStep::Put);
    reach(&parts.clock, Moment::BeforeRecord, &claim.link).await;
    Ok(InJira::Handle(fingerprint))
}

/// Says why a call failed, if it was made. A site that gave no proper answer gets no such call for a while; where Jira
/// asked to wait, it gets none anyway.
fn minds(place: &SparePlace<'_>, claim: &Claim, error: &JiraError, now: Seconds) {
    match error {
        JiraError::Resting { .. } | JiraError::UsedUp { .. } => return,
        JiraError::NoAnswer(_)
        | JiraError::NotJira { .. }
        | JiraError::Answered(_)
        | JiraError::Nonsense => place.failed(now),
        _ => {}
    }
    tracing::warn!(
        tenant = %claim.link.client_key,
        account = %claim.link.account_id,
        why = %error,
        "a handle could not be put into Jira; its key is renewed all the same, and the handle is put later"
    );
}

/// When a handle is put again: not before Jira may be called, and spread out where many wait for the same moment.
fn retry_after(parts: &Parts, error: &JiraError, retry_at: Seconds) -> Seconds {
    match error {
        JiraError::UsedUp { until } => until + parts.random.up_to(3600),
        JiraError::Resting { until, .. }
        | JiraError::Wait { until, .. }
        | JiraError::Unauthorized { until }
        | JiraError::IpAllowlist { until }
        | JiraError::NotJira { until, .. } => retry_at.max(until + parts.random.up_to(REST)),
        _ => retry_at,
    }
}
