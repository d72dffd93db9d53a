//! Loss without a goodbye: what happens to a tenant whose installation of the Forge app has fallen silent.
//!
//! Forge calls each installation every hour. One that does not call may be gone, but the silence may as well have its
//! cause at Atlassian or here, and then the links are good. So silence alone ends nothing. Atlassian has to say twice,
//! a day apart, that the installation is not there (Atlassian, "Forge installation API"), and that counts only if
//!
//! - the first answer was 404, or 401 to a token that should still have worked. A token lives for two to four hours,
//!   so it is asked as soon as the hourly call is late. 401 to a token that has run out says nothing: an installation
//!   that is there, and whose scheduled trigger does not run, gets that answer too. Such answers count only after
//!   [`LONG_SILENCE`];
//! - to the same question about another installation, with a token that works, Atlassian answers that it is there;
//! - Forge has called on its schedule about others for the whole last day, without a gap. So a day on which this
//!   server was away, or on which Forge called nobody, ends nothing; and afterwards every installation that is there
//!   has had a day to call.
//!
//! A single call of the installation in between, by its schedule or by a page, and all begins from the start.

use crate::atlassian::forge::presence::{Presence, Says};
use crate::clock::Seconds;
use crate::error::Error;
use crate::model::{Door, ForgeDoor, SystemToken, Tenant};
use crate::parts::Parts;
use crate::store::{GAP, Silent, Ticks};

/// How long after Atlassian said first that an installation is not there it is asked again, in seconds. For so long
/// Forge has to have been heard, too.
const A_DAY: Seconds = 24 * 3600;
/// After so many seconds of silence an installation is believed to be gone whose token is refused because it has run
/// out: its keys ran out long ago, and nobody has opened its panel.
const LONG_SILENCE: Seconds = 30 * A_DAY;
/// How long until an installation is asked about again, in seconds, if the answer said nothing: some tries while its
/// token works.
const AGAIN: Seconds = 10 * 60;
/// The same once its token has run out.
const AGAIN_LATER: Seconds = 3600;
/// How many silent installations are asked about at once.
const AT_ONCE: i64 = 20;
/// Among how many installations that called lately one is looked for that is there.
const OTHERS: i64 = 5;

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// The installation is there, or nothing speaks against it any more.
    There,
    /// It is not there, which counts from this moment on.
    Missing(Seconds),
    /// It is gone for good.
    Gone,
    /// Nothing was learned.
    Open,
}

/// Asks about some installations that have fallen silent, and ends the tenants of those that are gone. Returns how
/// many ended.
///
/// # Errors
/// When the store is unavailable.
pub async fn look(parts: &Parts) -> Result<usize, Error> {
    let Some(presence) = &parts.presence else {
        return Ok(0);
    };
    let now = parts.clock.now();
    let silent = parts.store.take_silent(now, now + AGAIN, AT_ONCE).await?;
    let mut lost = 0;
    for silent in silent {
        lost += usize::from(ask_about(parts, presence, &silent).await?);
    }
    Ok(lost)
}

/// Asks about one installation. True if its tenant has ended.
async fn ask_about(parts: &Parts, presence: &Presence, silent: &Silent) -> Result<bool, Error> {
    let store = &parts.store;
    // One that is set aside has been told of elsewhere.
    let Ok(Some(tenant)) = store.tenant(&silent.client_key).await else {
        return Ok(false);
    };
    let Some((door, token)) = asks_with(&tenant) else {
        // Without a token nothing can be asked; and a tenant that Jira still knows by Connect is not lost.
        let again_at = parts.clock.now() + A_DAY;
        store.note_silent(silent, None, again_at).await?;
        return Ok(false);
    };
    if door.installation.id != silent.id {
        return Ok(false);
    }
    let mut says = presence.ask(&door.installation, token).await;
    if speaks_against(&says) && !another_is_there(parts, presence, &tenant).await? {
        tracing::info!(tenant = %silent.client_key, installation = %silent.id, "Atlassian's answer about a silent installation is not believed: it finds no other one either, or there is none to ask about");
        says = Says::Nothing;
    }
    let (ticks, now) = (store.ticks().await?, parts.clock.now());
    let works = token.ends_at > now;
    let (missing_since, again_at) = match meaning(&says, silent, works, ticks, now) {
        Meaning::Gone => return end(parts, &tenant, silent).await,
        Meaning::There => {
            tracing::warn!(tenant = %silent.client_key, installation = %silent.id, "Forge does not call about an installation that is there: see in the developer console whether its scheduled trigger runs, and whether this server is reached");
            (None, now + A_DAY)
        }
        Meaning::Missing(since) => {
            if silent.missing_since.is_none() {
                tracing::warn!(tenant = %silent.client_key, installation = %silent.id, "Atlassian does not find an installation of the Forge app that has fallen silent: if it does not call for a day, and is not found then either, its connections end");
            }
            (Some(since), (since + A_DAY).max(now + AGAIN_LATER))
        }
        Meaning::Open if works => (silent.missing_since, now + AGAIN),
        Meaning::Open => (silent.missing_since, now + AGAIN_LATER),
    };
    store.note_silent(silent, missing_since, again_at).await?;
    Ok(false)
}

/// The installation and the token with which to ask about it. None while Jira is called by Connect.
fn asks_with(tenant: &Tenant) -> Option<(&ForgeDoor, &SystemToken)> {
    match &tenant.door {
        Door::Forge(door) if door.before.is_none() => Some((door, door.system_token.as_ref()?)),
        _ => None,
    }
}

fn speaks_against(says: &Says) -> bool {
    matches!(says, Says::NotThere | Says::TokenRefused)
}

/// Whether Atlassian finds an installation that is certainly there: another one, which has called lately.
async fn another_is_there(
    parts: &Parts,
    presence: &Presence,
    tenant: &Tenant,
) -> Result<bool, Error> {
    let now = parts.clock.now();
    for client_key in parts.store.called_lately(now - GAP, OTHERS).await? {
        if client_key == tenant.client_key {
            continue;
        }
        let Ok(Some(other)) = parts.store.tenant(&client_key).await else {
            continue;
        };
        let Some((door, token)) = asks_with(&other) else {
            continue;
        };
        if token.ends_at > now {
            return Ok(presence.ask(&door.installation, token).await == Says::There);
        }
    }
    Ok(false)
}

/// What an answer about a silent installation means. `works` says whether the token with which it was asked should
/// have worked.
fn meaning(says: &Says, silent: &Silent, works: bool, ticks: Ticks, now: Seconds) -> Meaning {
    let silent_for = now - silent.called_at.max(ticks.since);
    match (says, silent.missing_since) {
        (Says::There, _) => Meaning::There,
        (Says::Nothing, _) => Meaning::Open,
        (Says::TokenRefused, None) if !works && silent_for < LONG_SILENCE => Meaning::Open,
        (Says::TokenRefused | Says::NotThere, None) => Meaning::Missing(now),
        (Says::TokenRefused | Says::NotThere, Some(since)) => {
            match now - since >= A_DAY && heard_for_a_day(ticks, now) {
                true => Meaning::Gone,
                false => Meaning::Missing(since),
            }
        }
    }
}

/// Whether Forge has called on its schedule for the whole last day.
fn heard_for_a_day(ticks: Ticks, now: Seconds) -> bool {
    now - ticks.since >= A_DAY && now - ticks.last <= GAP
}

/// Ends the tenant as [`cleanup::leave`](crate::cleanup::leave) does. Its properties stay in Jira, which does not take
/// the app's calls any more; their keys are revoked.
async fn end(parts: &Parts, tenant: &Tenant, silent: &Silent) -> Result<bool, Error> {
    let lost = parts.store.lose(tenant, silent, parts.clock.now()).await?;
    if lost {
        parts.wake_cleanup.notify_one();
        tracing::warn!(tenant = %silent.client_key, installation = %silent.id, "an installation of the Forge app is gone without a goodbye: its connections end");
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClientKey, ForgeInstallationId};

    const NOW: Seconds = 1_000_000_000;

    fn silent(called: Seconds, missing: Option<Seconds>) -> Silent {
        Silent {
            id: ForgeInstallationId("ari:cloud:ecosystem::installation/x".to_owned()),
            client_key: ClientKey("x".to_owned()),
            called_at: NOW - called,
            missing_since: missing.map(|missing| NOW - missing),
        }
    }

    /// Heard without a gap for so long, the last time so long ago.
    fn heard(since: Seconds, last: Seconds) -> Ticks {
        Ticks {
            since: NOW - since,
            last: NOW - last,
        }
    }

    #[test]
    fn a_token_that_has_run_out_proves_nothing_for_a_month() {
        let always = heard(100 * A_DAY, 60);
        let refused = |called, works, ticks| {
            meaning(
                &Says::TokenRefused,
                &silent(called, None),
                works,
                ticks,
                NOW,
            )
        };
        assert_eq!(refused(5000, true, always), Meaning::Missing(NOW));
        for called in [5000, A_DAY, 29 * A_DAY] {
            assert_eq!(refused(called, false, always), Meaning::Open, "{called}");
        }
        assert_eq!(refused(30 * A_DAY, false, always), Meaning::Missing(NOW));
        // What this server did not hear was no silence of the installation.
        let back = heard(A_DAY, 60);
        assert_eq!(refused(30 * A_DAY, false, back), Meaning::Open);
        // 404 needs no token.
        let not_there = meaning(&Says::NotThere, &silent(A_DAY, None), false, always, NOW);
        assert_eq!(not_there, Meaning::Missing(NOW));
    }

    #[test]
    fn the_second_answer_counts_after_a_day_on_which_others_were_heard() {
        let second = |missing, ticks| {
            let silent = silent(2 * A_DAY, Some(missing));
            meaning(&Says::TokenRefused, &silent, false, ticks, NOW)
        };
        let always = heard(100 * A_DAY, 60);
        assert_eq!(second(A_DAY, always), Meaning::Gone);
        for (missing, ticks) in [
            (A_DAY - 1, always),
            (5 * A_DAY, heard(A_DAY - 1, 60)),
            (5 * A_DAY, heard(100 * A_DAY, GAP + 1)),
            (5 * A_DAY, heard(NOW, NOW)),
        ] {
            assert_eq!(second(missing, ticks), Meaning::Missing(NOW - missing));
        }
    }

    #[test]
    fn an_answer_that_it_is_there_ends_the_count_and_no_answer_changes_nothing() {
        let always = heard(100 * A_DAY, 60);
        let silent = silent(9 * A_DAY, Some(8 * A_DAY));
        let asked = |says| meaning(&says, &silent, false, always, NOW);
        assert_eq!(asked(Says::There), Meaning::There);
        assert_eq!(asked(Says::Nothing), Meaning::Open);
    }
}
