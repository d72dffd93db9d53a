//! Publishing: requests or signs the newest key of a link if need be, and writes it to Jira. Where the property holds a
//! handle instead of the key, `handle.rs` decides whether anything is to be written.

mod handle;

use crate::atlassian::jira::quota::DAY;
use crate::atlassian::jira::{About, JiraError};
use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::gate::Witness;
use crate::grant;
use crate::meters::{Outcome, Step};
use crate::model::{
    ApiKey, AsideReason, Credential, Identity, LARGEST_PROPERTY, Link, Property, PropertyHandle,
    PropertyWithKey, Purpose, ReconnectReason, Tenant,
};
use crate::moments::{Moment, reach};
use crate::parts::Parts;
use crate::service::KeyFor;
use crate::service::failures::KeyEndpointError;
use crate::settling::{Decided, Due, Job, Progress, Then, backoff, keep, settle};
use crate::store::{Claim, GivenBack, InJira};

/// How long a link that was set aside rests before it is tried again, in seconds.
pub const REST: Seconds = 900;
/// How long to wait if a key endpoint asks to wait and does not say how long, in seconds.
const WAIT_UNLESS_SAID: Seconds = 10;

/// Writes the newest key to Jira, after making it if need be, and records it. From here on a failure loses
/// nothing: the row says that Jira lacks this generation.
///
/// # Errors
/// When the store is unavailable; the link is due again when the lease expires.
pub async fn publish(parts: &Parts, claim: Claim, credential: Credential) -> Result<(), Error> {
    let mut job = Job { claim, credential };
    let ended = publishing(parts, &mut job).await;
    settle(parts, &job.claim, ended).await
}

/// The steps of publishing.
pub(crate) async fn publishing(parts: &Parts, job: &mut Job) -> Progress<Decided> {
    if job.credential.api_key.is_none() {
        make_key(parts, job).await?;
    }
    if !parts.keys.property.changes_with_renewals() {
        return handle::publishing_handle(parts, job).await;
    }
    let claim = &job.claim;
    let mut asked = is_to_be_asked_about(claim, parts.clock.now());
    if asked && let PersonInJira::Left = look_for_person(parts, claim).await? {
        return Ok(Decided::quietly(Then::SaidGone));
    }
    reach(&parts.clock, Moment::BeforePut, &claim.link).await;
    let mut tenant = tenant_now(parts, claim).await?;
    if parts.store.may_be_behind_jira(claim.link.published) {
        asked = true;
        if let Err(error) = catch_up(parts, job, &tenant).await? {
            return unpublished(parts, job, error).await;
        }
        tenant = tenant_now(parts, &job.claim).await?;
    }
    if asked {
        // While Jira answered, the person may have linked again: the newer link has put its key.
        end_unless_current(parts, &job.claim).await?;
    }
    let (claim, Some(key)) = (&job.claim, &job.credential.api_key) else {
        return Ok(Decided::quietly(Then::Nothing));
    };
    let property = property(parts, key, &claim.link)?;
    let about = About {
        tenant: &tenant,
        account: &claim.link.account_id,
        purpose: claim.purpose,
        failures: claim.failures,
    };
    let put = parts.jira.put_property(&about, &property);
    match parts.meters.timed(Step::Put, put).await {
        Ok(()) => {
            reach(&parts.clock, Moment::BeforeRecord, &claim.link).await;
            let due_at = next_due(parts, key, &job.credential, parts.clock.now());
            let credential = Box::new(job.credential.clone());
            let then = Then::Published(credential, InJira::Key, due_at);
            Ok(Decided::quietly(then))
        }
        Err(error) => unpublished(parts, job, error).await,
    }
}

/// Goes on above the generation that Jira holds. After an older backup was put back, that may be a later one
/// than the database knows.
async fn catch_up(
    parts: &Parts,
    job: &mut Job,
    tenant: &Tenant,
) -> Progress<Result<(), JiraError>> {
    let link = &job.claim.link;
    let about = About {
        tenant,
        account: &link.account_id,
        purpose: job.claim.purpose,
        failures: job.claim.failures,
    };
    // After a long stop the next key of every link comes here. The looks must not cost renewals their points.
    let leaps = about.purpose == Purpose::Renewal && parts.jira.quota().is_scarce().await?;
    let there = match leaps {
        true => link.generation + parts.store.most_behind_jira(link.published),
        false => match parts.jira.generation(&about).await {
            Ok(there) => there.unwrap_or(0),
            Err(error) => return Ok(Err(error)),
        },
    };
    if there <= link.generation {
        return Ok(Ok(()));
    }
    tracing::info!(
        tenant = %link.client_key,
        account = %link.account_id,
        generation = link.generation,
        there,
        "Jira may hold a later generation, as after a backup was put back: the link goes on above it"
    );
    go_on_from(parts, job, there + 1).await?;
    Ok(Ok(()))
}

/// Goes on from a later generation. A signed key says of which generation it is.
async fn go_on_from(parts: &Parts, job: &mut Job, generation: i64) -> Progress<()> {
    if let Some(signer) = parts.keys.signer().await? {
        let key = signer.key(&job.claim.link, generation, &job.credential.tokens);
        job.credential.api_key = Some(key.map_err(Error::from)?);
    }
    keep(parts, job, generation, None).await
}

/// The value of a link's property with this key, or its handle.
fn property<'a>(parts: &'a Parts, key: &'a ApiKey, link: &'a Link) -> Result<Property<'a>, Error> {
    let of = (link.id.as_str(), link.generation);
    property_of(parts, key, &link.identity, of)
}

/// The same of a link with this id and generation.
fn property_of<'a>(
    parts: &'a Parts,
    key: &'a ApiKey,
    identity: &'a Identity,
    (link_id, generation): (&'a str, i64),
) -> Result<Property<'a>, Error> {
    let (service, version) = (parts.service.name(), 1);
    let Identity {
        subject,
        display_name,
    } = identity;
    Ok(match parts.keys.in_property(key)? {
        Some(form) => Property::WithKey(PropertyWithKey {
            version,
            key: form,
            expires_at: rfc3339(key.expires_at),
            service,
            subject,
            display_name,
            generation,
        }),
        None => Property::Handle(PropertyHandle {
            version,
            service,
            subject,
            display_name,
            link_id,
        }),
    })
}

/// How many bytes the property of a new link would have with this key, if that is more than Jira takes.
///
/// # Errors
/// When the key cannot be sealed, which only a bug can cause.
pub fn too_large(parts: &Parts, key: &ApiKey, identity: &Identity) -> Result<Option<usize>, Error> {
    // All ids are equally long.
    let link_id = parts.random.id();
    let property = property_of(parts, key, identity, (&link_id, 1))?;
    let value = serde_json::to_vec(&property);
    let size = value
        .map_err(|error| Error::Internal(error.to_string()))?
        .len();
    Ok((size > LARGEST_PROPERTY).then_some(size))
}

/// Whether Jira has not shown the person of a link for a day. It takes keys for people whose accounts were
/// deactivated without a word.
fn is_to_be_asked_about(claim: &Claim, now: Seconds) -> bool {
    claim.purpose == Purpose::Renewal && now - claim.seen_at >= DAY
}

/// The tenant as it is now: since the claim it may have been uninstalled or disabled, or have got a new secret or
/// address. It is read right before each call to Jira.
async fn tenant_now(parts: &Parts, claim: &Claim) -> Progress<Tenant> {
    let (store, link) = (&parts.store, &claim.link);
    let tenant = store.still_installed(&link.client_key, link.installation);
    let Some(tenant) = tenant.await? else {
        return Err(Decided::quietly(Then::Nothing).into());
    };
    if !tenant.enabled {
        // Due at once when the app is enabled again; a disabled tenant's links are not claimed.
        let now = Due::At(parts.clock.now());
        return Err(Decided::quietly(Then::Again(now, GivenBack::Untried)).into());
    }
    Ok(tenant)
}

/// Ends the renewal of a link that has ended or has been claimed again since.
async fn end_unless_current(parts: &Parts, claim: &Claim) -> Progress<()> {
    match parts.store.is_current(claim).await? {
        true => Ok(()),
        false => Err(Decided::quietly(Then::Nothing).into()),
    }
}

/// When a link is due again: two thirds of the key's life after it was requested, up to a tenth earlier, so
/// that keys of one moment spread out; sooner if the refresh token would expire unused or the consent ends.
/// At least a second from now.
fn next_due(parts: &Parts, key: &ApiKey, credential: &Credential, now: Seconds) -> Seconds {
    let (earliest, latest) = due_between(key);
    let due_at = latest - parts.random.up_to(latest - earliest);
    let refresh = grant::due_at(credential, &parts.random);
    let consent = grant::look_at(credential.consent, now);
    [refresh, consent]
        .into_iter()
        .flatten()
        .fold(due_at, Seconds::min)
        .max(now + 1)
}

/// Whether a key has reached the earliest time at which it may be due.
pub(crate) fn is_due(key: &ApiKey, now: Seconds) -> bool {
    let (earliest, _) = due_between(key);
    now >= earliest
}

/// The earliest and the latest time at which a key may be due.
fn due_between(key: &ApiKey) -> (Seconds, Seconds) {
    let life = (key.expires_at - key.requested_at).max(1);
    let latest = key.requested_at + life * 2 / 3;
    (latest - life / 10, latest)
}

/// Makes the key that the newest generation lacks: Latchkey signs it, or the key endpoint issues it.
async fn make_key(parts: &Parts, job: &mut Job) -> Progress<()> {
    // A link that ended after the claim gets no key: its grant may have ended too, and then the key could not be
    // deleted.
    end_unless_current(parts, &job.claim).await?;
    let generation = job.claim.link.generation;
    if let Some(signer) = parts.keys.signer().await? {
        let key = signer.key(&job.claim.link, generation, &job.credential.tokens);
        job.credential.api_key = Some(key.map_err(Error::from)?);
        return keep(parts, job, generation, None).await;
    }
    let by = match job.claim.purpose {
        Purpose::Person => KeyFor::Person,
        Purpose::Renewal => KeyFor::Renewal(Witness::from(&job.claim), job.claim.probe),
    };
    let now = parts.clock.now();
    let asked = parts.service.new_key(&job.credential.tokens, now, by);
    match parts.meters.timed(Step::NewKey, asked).await? {
        Ok(key) => {
            // The key belongs to the current generation and makes no new one.
            job.credential.api_key = Some(key);
            keep(parts, job, generation, None).await
        }
        Err(error) => Err(no_key(parts, job, error).await?.into()),
    }
}

/// The key endpoint gave no key.
async fn no_key(parts: &Parts, job: &mut Job, error: KeyEndpointError) -> Progress<Decided> {
    let now = parts.clock.now();
    let wait = match &error {
        KeyEndpointError::LeftAlone => {
            return Ok(Decided::quietly(Then::Again(
                Due::WithService,
                GivenBack::Untried,
            )));
        }
        KeyEndpointError::Wait { seconds } => seconds.unwrap_or(WAIT_UNLESS_SAID),
        KeyEndpointError::Unauthorized
        | KeyEndpointError::Refused(_)
        | KeyEndpointError::Failed(_) => backoff(parts, job, now),
    };
    let refused = matches!(
        error,
        KeyEndpointError::Unauthorized | KeyEndpointError::Refused(_)
    );
    if matches!(error, KeyEndpointError::Unauthorized) {
        if job.credential.tokens.refresh_token.is_none() {
            return Ok(Decided::reconnect(ReconnectReason::Revoked));
        }
        // The access token ended early: it is marked as expired, so that the next try refreshes it first.
        job.credential.tokens.expires_at = Some(now);
        let generation = job.claim.link.generation;
        keep(parts, job, generation, None).await?;
    }
    let then = Then::Again(Due::At(now + wait), GivenBack::Failed);
    let decided = Decided::with(Outcome::NoKey, then).because(error);
    Ok(match refused {
        true => decided.refused(job, now),
        false => decided,
    })
}

/// What Jira says about a person when it refuses a write.
enum PersonInJira {
    /// They left or were deactivated: nothing may be done on their behalf.
    Left,
    /// Nothing about the person: the site is not there.
    NoSite(JiraError),
    /// They are there.
    There,
    /// Jira was not asked, or its answer does not say.
    Unknown(JiraError),
}

async fn look_for_person(parts: &Parts, claim: &Claim) -> Progress<PersonInJira> {
    let about = About {
        tenant: &tenant_now(parts, claim).await?,
        account: &claim.link.account_id,
        purpose: Purpose::Renewal,
        failures: claim.failures,
    };
    Ok(match parts.jira.person(&about).await {
        Ok(person) if !person.active => PersonInJira::Left,
        Err(JiraError::NotFound) => PersonInJira::Left,
        Err(error @ JiraError::NotJira { .. }) => PersonInJira::NoSite(error),
        Ok(_) => PersonInJira::There,
        Err(error) => PersonInJira::Unknown(error),
    })
}

/// Why Jira did not take a write. It refuses one for a person who left as it refuses one that nobody may make.
async fn really(parts: &Parts, claim: &Claim, error: JiraError) -> Progress<JiraError> {
    Ok(match error {
        JiraError::Forbidden => match look_for_person(parts, claim).await? {
            PersonInJira::Left => JiraError::NotFound,
            PersonInJira::NoSite(error) => error,
            PersonInJira::There | PersonInJira::Unknown(_) => JiraError::Forbidden,
        },
        error => error,
    })
}

/// Jira did not take the key.
async fn unpublished(parts: &Parts, job: &Job, error: JiraError) -> Progress<Decided> {
    let now = parts.clock.now();
    let error = really(parts, &job.claim, error).await?;
    let why = error.to_string();
    let soon_after = |until: Seconds, spread| Due::At(until + parts.random.up_to(spread));
    let failed = |outcome, due| Decided::with(outcome, Then::Again(due, GivenBack::Failed));
    let decided = match error {
        JiraError::NotFound => return Ok(Decided::quietly(Then::SaidGone)),
        JiraError::Forbidden => {
            let until = unless_it_runs_out(&job.credential, now + REST, now);
            return Ok(Decided::aside(AsideReason::JiraRefuses, until));
        }
        // The same value would be refused again, so the next try comes with the next key.
        JiraError::TooLarge { size } => {
            let key = job.credential.api_key.as_ref();
            let end = key.map_or(now, |key| key.expires_at).max(now + REST);
            let until = unless_it_runs_out(&job.credential, end, now);
            return Ok(Decided::too_large(size, until));
        }
        // Nothing was sent. The link keeps its place, and the reason was logged when Jira asked to wait.
        JiraError::Resting { until, .. } => {
            let then = Then::Again(soon_after(until, 5), GivenBack::Untried);
            return Ok(Decided::quietly(then));
        }
        JiraError::UsedUp { until } => {
            let due = Due::At(unless_it_runs_out(&job.credential, until, now));
            return Ok(Decided::quietly(Then::Again(due, GivenBack::Untried)));
        }
        // The link is due again when the lease expires.
        JiraError::Store(error) => return Err(error.into()),
        JiraError::Wait { until, .. } => failed(Outcome::JiraWaits, soon_after(until, 5)),
        JiraError::Unauthorized { until } => {
            failed(Outcome::JiraUnauthorized, soon_after(until, 30))
        }
        JiraError::IpAllowlist { until } => failed(Outcome::JiraAllowlist, soon_after(until, 30)),
        // The link's own backoff is added, so that a link that always fails this way leaves time to others.
        JiraError::NotJira { until, .. } => {
            let until = until + parts.random.up_to(5);
            let due_at = until.max(now + backoff(parts, job, now));
            Decided::with(Outcome::NotJira, Then::PerhapsPublished(due_at))
        }
        JiraError::Answered(_) | JiraError::NoAnswer(_) | JiraError::Nonsense => {
            let due_at = now + backoff(parts, job, now);
            Decided::with(Outcome::JiraFailed, Then::PerhapsPublished(due_at))
        }
    };
    Ok(decided.because(why))
}

/// Moves a link to a later time, unless its refresh token has to be used before.
fn unless_it_runs_out(credential: &Credential, later: Seconds, now: Seconds) -> Seconds {
    grant::use_by(credential)
        .filter(|use_by| *use_by > now)
        .map_or(later, |use_by| later.min(use_by))
}
