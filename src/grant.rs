//! How long a grant lasts: when its refresh token expires unused, and when the person has to consent again
//! even though it was used.
//!
//! A service that says when its newest refresh token expires does not say which of the two it means. Two
//! answers tell: an expiry that moves on with each renewal is the idle limit, and one that does not move is
//! the end of the consent. A single answer is taken for the idle limit, so that the token is used before it.
//! What the service says overrides the settings.

use crate::clock::Seconds;
use crate::model::{Consent, Credential, Tokens};
use crate::random::Random;

/// Services round times, and their clocks differ a little.
const DOUBT: Seconds = 5;

/// How long grants last at the service, as far as the operator set it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lives {
    /// How long a refresh token lives unused, in seconds.
    pub idle: Option<Seconds>,
    /// After how long a person has to consent again, in seconds.
    pub whole: Option<Seconds>,
}

/// The consent that brought these tokens, and when its refresh token expires unused.
#[must_use]
pub fn begun(tokens: &Tokens, lives: Lives) -> (Consent, Option<Seconds>) {
    let consent = Consent {
        since: Some(tokens.requested_at),
        ends_at: lives.whole.map(|life| tokens.requested_at + life),
    };
    (consent, idle_end(tokens, consent, lives))
}

/// The same, after a renewal that replaced `before` by `after`.
#[must_use]
pub fn renewed(
    consent: Consent,
    before: &Tokens,
    after: &Tokens,
    lives: Lives,
) -> (Consent, Option<Seconds>) {
    let now = after.requested_at;
    let passed = now - before.requested_at;
    let announced = match (before.refresh_expires_at, after.refresh_expires_at) {
        // Too soon to tell a move from rounding.
        (Some(_), Some(_)) if passed < DOUBT => consent.ends_at,
        // It moved by less than half of the time that has passed, which is rounding: the end is fixed.
        (Some(first), Some(second)) if (second - first) * 2 < passed => Some(second),
        _ => None,
    };
    let set = lives.whole.and_then(|life| Some(consent.since? + life));
    let consent = Consent {
        // An end that has passed without effect is dropped.
        ends_at: [announced, set]
            .into_iter()
            .flatten()
            .filter(|end| *end > now)
            .min(),
        ..consent
    };
    (consent, idle_end(after, consent, lives))
}

/// When a refresh token expires unused. None if the consent ends then, because using the token would not
/// help.
fn idle_end(tokens: &Tokens, consent: Consent, lives: Lives) -> Option<Seconds> {
    let is_sooner = |end: &Seconds| consent.ends_at.is_none_or(|last| end + DOUBT < last);
    let set = || lives.idle.map(|idle| tokens.requested_at + idle);
    tokens.refresh_token.as_ref()?;
    tokens
        .refresh_expires_at
        .filter(is_sooner)
        .or_else(set)
        .filter(is_sooner)
}

/// The latest time to use the refresh token so that it does not expire: two thirds of its idle life.
#[must_use]
pub fn use_by(credential: &Credential) -> Option<Seconds> {
    let (from, life) = idle(credential)?;
    Some(from + life * 2 / 3)
}

/// The same, up to a tenth earlier, so that links of one moment spread out.
#[must_use]
pub fn due_at(credential: &Credential, random: &Random) -> Option<Seconds> {
    let (_, life) = idle(credential)?;
    Some(use_by(credential)? - random.up_to(life / 10))
}

/// Whether a link that is looked at now should use its refresh token although its key is still good: more
/// than half of its idle life is over. That is true at every time that [`due_at`] returns.
#[must_use]
pub fn is_due(credential: &Credential, now: Seconds) -> bool {
    idle(credential).is_some_and(|(from, life)| now >= from + life / 2)
}

fn idle(credential: &Credential) -> Option<(Seconds, Seconds)> {
    let from = credential.tokens.requested_at;
    Some((from, (credential.refresh_ends_at? - from).max(1)))
}

/// When to look at a link whose consent ends: right after the end, so that the person is asked while their
/// key still works. None once that is past.
#[must_use]
pub fn look_at(consent: Consent, now: Seconds) -> Option<Seconds> {
    let after = consent.ends_at? + DOUBT;
    (after > now).then_some(after)
}

/// Whether the consent has ended, so that a refusal at this moment is expected.
#[must_use]
pub fn has_ended(consent: Consent, now: Seconds) -> bool {
    consent.ends_at.is_some_and(|end| now + DOUBT >= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const DAY: Seconds = 24 * 3600;

    fn tokens(requested_at: Seconds, life: Option<Seconds>) -> Tokens {
        Tokens {
            access_token: Secret::new("access"),
            requested_at,
            expires_at: None,
            refresh_expires_at: life.map(|life| requested_at + life),
            refresh_token: Some(Secret::new("refresh")),
        }
    }

    fn credential(tokens: Tokens, refresh_ends_at: Option<Seconds>) -> Credential {
        Credential {
            tokens,
            consent: Consent::default(),
            refresh_ends_at,
            previous_refresh_token: None,
            lingering: Vec::new(),
            api_key: None,
            retiring: Vec::new(),
        }
    }

    /// Renews with each announced pair: seconds since the consent, and the life.
    fn told(announced: &[(Seconds, Seconds)], lives: Lives) -> (Option<Seconds>, Option<Seconds>) {
        let all: Vec<_> = announced
            .iter()
            .map(|(at, life)| tokens(*at, Some(*life)))
            .collect();
        let (mut consent, mut idle_end) = begun(&all[0], lives);
        for pair in all.windows(2) {
            (consent, idle_end) = renewed(consent, &pair[0], &pair[1], lives);
        }
        (consent.ends_at, idle_end)
    }

    #[test]
    fn an_end_that_moves_is_idle_and_one_that_stays_is_the_last() {
        let lives = Lives::default();
        let once = told(&[(0, 30 * DAY)], lives);
        assert_eq!(once, (None, Some(30 * DAY)), "one answer does not tell");
        // GitHub: six months from each renewal.
        let moves = told(&[(0, 180 * DAY), (DAY, 180 * DAY)], lives);
        assert_eq!(moves, (None, Some(181 * DAY)));
        // Microsoft's single page apps: 24 hours from the consent.
        let hour = 3600;
        let stays = told(&[(0, 24 * hour), (hour, 23 * hour - 1)], lives);
        assert_eq!(stays, (Some(24 * hour - 1), None));
        // Keycloak: the idle limit, until the end of the session is nearer.
        let nears = [(0, 1800), (1000, 1800), (2000, 1600), (3000, 600)];
        assert_eq!(told(&nears[..2], lives), (None, Some(2800)));
        assert_eq!(told(&nears[..3], lives), (None, Some(3600)));
        assert_eq!(told(&nears, lives), (Some(3600), None));
        // Rounding by a second, and two renewals in a moment.
        assert_eq!(told(&[(0, 60), (5, 55)], lives), (Some(60), None));
        assert_eq!(told(&[(0, 60), (5, 59)], lives), (None, Some(64)));
        assert_eq!(told(&[(0, 60), (1, 59)], lives), (None, Some(60)));
    }

    #[test]
    fn the_person_may_have_consented_again_elsewhere() {
        let lives = Lives::default();
        let again = told(&[(0, 60), (20, 40), (40, 60), (50, 50)], lives);
        assert_eq!(again, (Some(100), None));
        assert_eq!(told(&[(0, 60), (20, 40), (40, 60)], lives).0, None);
    }

    #[test]
    fn settings_count_where_nothing_is_said() {
        let lives = Lives {
            idle: Some(20),
            whole: Some(60),
        };
        let (consent, idle_end) = begun(&tokens(100, None), lives);
        assert_eq!(consent.since, Some(100));
        assert_eq!((consent.ends_at, idle_end), (Some(160), Some(120)));
        let next = renewed(consent, &tokens(100, None), &tokens(112, None), lives);
        assert_eq!((next.0.ends_at, next.1), (Some(160), Some(132)));
        let last = renewed(next.0, &tokens(112, None), &tokens(141, None), lives);
        assert_eq!(
            (last.0.ends_at, last.1),
            (Some(160), None),
            "the consent ends first"
        );
        let outlived = renewed(last.0, &tokens(141, None), &tokens(161, None), lives);
        assert_eq!((outlived.0.ends_at, outlived.1), (None, Some(181)));
        // The service's answer counts: idle for 30 and not for 20, ended after 50 and not after 60.
        assert_eq!(told(&[(0, 30), (10, 30)], lives), (Some(60), Some(40)));
        assert_eq!(told(&[(0, 50), (10, 40)], lives), (Some(50), Some(30)));
        // The time of consent is unknown for a link that is older than this program.
        let old = renewed(
            Consent::default(),
            &tokens(1, None),
            &tokens(2, None),
            lives,
        );
        assert_eq!((old.0.ends_at, old.1), (None, Some(22)));
        let mut none = tokens(100, Some(20));
        none.refresh_token = None;
        assert_eq!(begun(&none, lives).1, None, "there is nothing to be used");
    }

    #[test]
    fn a_refresh_token_is_used_well_before_it_runs_out() {
        let random = Random::seeded(7);
        for life in [1, 10, 20, 1800, 90 * DAY] {
            let held = credential(tokens(1000, None), Some(1000 + life));
            for _ in 0..20 {
                let due_at = due_at(&held, &random).unwrap();
                assert!(is_due(&held, due_at), "{life}");
                assert!(due_at < 1000 + life, "{life}");
                assert!(due_at <= use_by(&held).unwrap());
            }
            assert!(life == 1 || !is_due(&held, 1000), "{life}");
        }
        let free = credential(tokens(1000, None), None);
        assert_eq!(due_at(&free, &random), None);
        assert!(!is_due(&free, Seconds::MAX));
    }
}
