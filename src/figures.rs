//! What this process counts and measures: [`Meters`], served at `/metrics` beside what is counted in the
//! database ([`crate::store::Figures`]).
//!
//! No figure carries a tenant, a person or anything else of which there may be many: every label is one
//! of a few fixed words, and each combination stands there from the start, at zero.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use tokio::time::Instant;

use crate::clock::{Seconds, rfc3339};
use crate::error::Error;
use crate::events::Kind;
use crate::forecast::Forecast;
use crate::gate::Stance;
use crate::model::{AsideReason, ReconnectReason};
use crate::store::{Claim, Figures, Store};

/// Upper bounds of the buckets of a step, in seconds: from a write to SQLite up to the longest wait for
/// an answer (`outbound::TIME_LIMIT`).
const STEP_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// So many counted rows are believed for a second.
const ROWS_A_SECOND: i64 = 10_000;
/// No count is believed for longer, in seconds.
const BELIEVED_FOR: Seconds = 60;

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in labels and in the log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

labels! {
    /// What came of a renewal.
    Outcome {
        /// Jira holds the next key.
        Renewed = "renewed",
        /// Jira holds the first key of a link.
        FirstKey = "first_key",
        /// The link was ended or made anew meanwhile; what was brought is thrown away.
        Superseded = "superseded",
        /// The person is gone from Jira, and the link with them.
        PersonGone = "person_gone",
        /// Jira says that the person is gone, for the first time: it is asked again.
        PersonMissing = "person_missing",
        /// The lease had run out before anything was sent: somebody else renews it.
        LeaseLost = "lease_lost",
        /// The service could not be reached; nothing was sent.
        NotSent = "not_sent",
        /// Something was sent to the service, and nobody knows what came of it.
        Unknown = "unknown",
        /// The service refuses this request.
        Refused = "refused",
        /// The service asks to wait.
        ServiceWaits = "service_waits",
        /// The service refuses this app.
        ClientRefused = "client_refused",
        /// The grant has ended: the person has to reconnect.
        Revoked = "revoked",
        /// An answer was lost for good: the person has to reconnect.
        RotationLost = "rotation_lost",
        /// There is no refresh token and the key has run out: the person has to reconnect.
        NoRefreshToken = "no_refresh_token",
        /// The service wants the person's consent again, as was known: the person has to reconnect.
        ConsentEnded = "consent_ended",
        /// The key endpoint gave no key.
        NotMinted = "not_minted",
        /// The credential does not open: set aside.
        SealBroken = "seal_broken",
        /// The third claim in a row without an outcome: set aside.
        NoOutcome = "no_outcome",
        /// Jira asks to wait.
        JiraWaits = "jira_waits",
        /// Jira does not accept the app's tokens.
        JiraUnauthorized = "jira_unauthorized",
        /// Jira lets the key not be written: set aside.
        JiraRefuses = "jira_refuses",
        /// The tenant's base URL is not of an allowed host: set aside.
        SiteNotAllowed = "site_not_allowed",
        /// The site's IP allowlist keeps the app out.
        JiraAllowlist = "jira_allowlist",
        /// Something else than Jira answers in the site's place.
        NotJira = "not_jira",
        /// Jira failed, or did not answer.
        JiraFailed = "jira_failed",
        /// The database failed in the middle; the lease brings the link back.
        Interrupted = "interrupted",
    }
}

labels! {
    /// A step of a renewal.
    Step {
        /// Taking what is due.
        Claim = "claim",
        /// Writing down that a token request is about to leave.
        Intent = "intent",
        /// The token request.
        TokenRequest = "token_request",
        /// Keeping what the service gave.
        Commit = "commit",
        /// Asking for a key where keys are minted.
        Mint = "mint",
        /// Writing the user property.
        Put = "put",
        /// Recording that Jira holds it.
        Record = "record",
    }
}

labels! {
    /// What a verifier said to a token.
    Verdict {
        /// It is good.
        Accepted = "accepted",
        /// It is no token, or lacks what every token has.
        Malformed = "malformed",
        /// It has run out, or is not of now.
        Expired = "expired",
        /// It is not signed by whom it names.
        BadSignature = "bad_signature",
        /// It is of another kind, for another request or for another app.
        Misplaced = "misplaced",
        /// Nobody knows the tenant or the key that it names.
        UnknownSigner = "unknown_signer",
        /// It is good, and the app is switched off at the tenant.
        Disabled = "disabled",
        /// It could not be decided: the database or the key server is away.
        Undecided = "undecided",
    }
}

labels! {
    /// What came of an entry of the list of revocations and deletions.
    CleanupOutcome {
        /// It is done.
        Done = "done",
        /// It failed and is tried again.
        Failed = "failed",
        /// It failed for too long and is given up.
        GivenUp = "given_up",
    }
}

labels! {
    /// Whose part of Jira's hourly quota.
    QuotaScope {
        /// Everything that the app may use.
        App = "app",
        /// What renewal may use of it; the rest is for people who are waiting.
        Renewal = "renewal",
    }
}

labels! {
    /// Whether the service is asked at all.
    Breaker {
        /// It is.
        Closed = "closed",
        /// It is not, after failures in a row.
        Open = "open",
        /// A single request finds out whether it is well again.
        Probing = "probing",
    }
}

impl Outcome {
    /// Whether a renewal failed, so that an operator may want to read about it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        !matches!(
            self,
            Self::Renewed
                | Self::FirstKey
                | Self::Superseded
                | Self::PersonGone
                | Self::PersonMissing
                | Self::LeaseLost
        )
    }

    /// What happened, in a sentence for the log.
    fn sentence(self) -> &'static str {
        match self {
            Self::Renewed => "a key was renewed",
            Self::FirstKey => "a first key was put into Jira",
            Self::Superseded => {
                "a link changed while it was renewed; what was brought is thrown away"
            }
            Self::PersonGone => "the person is gone from Jira; their link is closed",
            Self::PersonMissing => {
                "Jira says that the person is gone; their link is closed if it says so again"
            }
            Self::LeaseLost => "a renewal was not sent: its claim is over",
            Self::NotSent => "a renewal could not be sent",
            Self::Unknown => "a renewal has an unknown outcome",
            Self::Refused => "the service refuses a renewal",
            Self::ServiceWaits => "the service asks to wait",
            Self::ClientRefused => {
                "the service refuses this app: nothing can be renewed until its client registration is mended"
            }
            Self::Revoked | Self::RotationLost | Self::NoRefreshToken | Self::ConsentEnded => {
                "a person has to reconnect"
            }
            Self::NotMinted => "a key could not be minted",
            Self::SealBroken => "a credential does not open; its link is set aside",
            Self::NoOutcome => "three renewals ended without an outcome; the link is set aside",
            Self::JiraWaits => "Jira asks to wait before it takes a key",
            Self::JiraUnauthorized => {
                "Jira does not accept the app's tokens; was the app uninstalled?"
            }
            Self::JiraRefuses => {
                "Jira lets neither the app nor the app as this person write the property"
            }
            Self::SiteNotAllowed => {
                "the base URL of a tenant is not of an allowed host; the link is set aside"
            }
            Self::JiraAllowlist => {
                "the IP allowlist of the site does not hold the address of this server"
            }
            Self::NotJira => {
                "something else than Jira answers at the site: all calls to it wait, nothing is unlinked"
            }
            Self::JiraFailed => "a key could not be put into Jira",
            Self::Interrupted => "a renewal was interrupted; its lease brings it back",
        }
    }
}

impl From<ReconnectReason> for Outcome {
    fn from(reason: ReconnectReason) -> Self {
        match reason {
            ReconnectReason::Revoked => Self::Revoked,
            ReconnectReason::RotationLost => Self::RotationLost,
            ReconnectReason::NoRefreshToken => Self::NoRefreshToken,
            ReconnectReason::ConsentEnded => Self::ConsentEnded,
        }
    }
}

impl From<AsideReason> for Outcome {
    fn from(reason: AsideReason) -> Self {
        match reason {
            AsideReason::Sealed => Self::SealBroken,
            AsideReason::NoOutcome => Self::NoOutcome,
            AsideReason::JiraRefuses => Self::JiraRefuses,
            AsideReason::SiteNotAllowed => Self::SiteNotAllowed,
        }
    }
}

/// What happened since the last summary.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Keys renewed, first keys among them.
    pub renewed: u64,
    /// Renewals that failed, by outcome.
    pub failed: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.renewed == 0 && self.failed.is_empty()
    }
}

/// Figures that this process counts itself. Cloning it shares the same figures.
#[derive(Debug, Clone)]
pub struct Meters {
    renewals: IntCounterVec,
    steps: HistogramVec,
    lease_losses: IntCounter,
    tokens: IntCounterVec,
    cleanups: IntCounterVec,
    requests: IntCounterVec,
    quota_used: IntGaugeVec,
    quota_left: IntGaugeVec,
    breaker: IntGaugeVec,
    quota_needed: GaugeVec,
    tally: Arc<Mutex<Tally>>,
    /// The figures of the database and until when they are believed. The lock is held while they are
    /// counted, so that many who ask at once have them counted once.
    counted: Arc<tokio::sync::Mutex<Option<(Figures, Seconds)>>>,
}

impl Meters {
    /// Counts in `registry`, which has none of these yet.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels);
            registered(registry, counters)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels);
            registered(registry, gauges)
        };
        let steps = HistogramOpts::new(
            "latchkey_renewal_step_seconds",
            "How long the steps of a renewal took.",
        );
        let meters = Self {
            renewals: counters(
                "latchkey_renewals_total",
                "Renewals by what came of them.",
                &["outcome"],
            ),
            steps: registered(
                registry,
                HistogramVec::new(steps.buckets(STEP_BUCKETS.to_vec()), &["step"]),
            ),
            lease_losses: registered(
                registry,
                IntCounter::new(
                    "latchkey_lease_losses_total",
                    "Renewals that were given up because their lease had run out.",
                ),
            ),
            tokens: counters(
                "latchkey_tokens_verified_total",
                "Tokens of Atlassian that were verified, by kind and verdict.",
                &["kind", "verdict"],
            ),
            cleanups: counters(
                "latchkey_cleanups_total",
                "Tries at revocations and deletions, by what came of them.",
                &["outcome"],
            ),
            requests: counters(
                "latchkey_http_requests_total",
                "Requests by method, route and status.",
                &["method", "route", "status"],
            ),
            quota_used: gauges(
                "latchkey_jira_quota_used_points",
                "Points of Jira's hourly quota that are used up in this hour.",
                &["scope"],
            ),
            quota_left: gauges(
                "latchkey_jira_quota_left_points",
                "Points of Jira's hourly quota that are left in this hour.",
                &["scope"],
            ),
            breaker: gauges(
                "latchkey_service_breaker",
                "1 for the state that the breaker for the service is in, 0 for the others.",
                &["state"],
            ),
            quota_needed: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "latchkey_jira_quota_needed_ratio",
                        "What renewing every key in time takes of the points that renewal may use; \
                         beyond 1 it comes late, beyond 1.5 keys run out.",
                    ),
                    &[],
                ),
            ),
            tally: Arc::default(),
            counted: Arc::default(),
        };
        registered(registry, Ok(crate::log::LINES_LOST.clone()));
        meters.stand_at_zero();
        meters
    }

    /// A rate is only known of what has stood there before.
    fn stand_at_zero(&self) {
        for outcome in Outcome::ALL {
            self.renewals.with_label_values(&[outcome.as_str()]);
        }
        for step in Step::ALL {
            self.steps.with_label_values(&[step.as_str()]);
        }
        for kind in Kind::ALL {
            for verdict in Verdict::ALL {
                self.tokens
                    .with_label_values(&[kind.name(), verdict.as_str()]);
            }
        }
        for outcome in CleanupOutcome::ALL {
            self.cleanups.with_label_values(&[outcome.as_str()]);
        }
        self.breaker(Stance::Open);
        for scope in QuotaScope::ALL {
            self.quota(*scope, 0, 0);
        }
    }

    /// Runs a step of a renewal and measures it.
    pub async fn timed<F: Future>(&self, step: Step, work: F) -> F::Output {
        let started = Instant::now();
        let done = work.await;
        self.steps
            .with_label_values(&[step.as_str()])
            .observe(started.elapsed().as_secs_f64());
        done
    }

    /// Counts what came of a renewal. One that failed gets a line in the log, which reads alone;
    /// `retry_at` says when it is tried again.
    pub fn renewal(
        &self,
        outcome: Outcome,
        claim: &Claim,
        why: Option<&dyn Display>,
        retry_at: Option<Seconds>,
    ) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    outcome = outcome.as_str(),
                    tenant = %claim.link.client_key,
                    account = %claim.link.account_id,
                    generation = claim.link.generation,
                    failures = claim.failures + 1,
                    key_runs_out = claim.link.published.map(|key| rfc3339(key.expires_at)),
                    next_try = retry_at.map(rfc3339),
                    why = why.map(tracing::field::display),
                    "{}",
                    outcome.sentence()
                )
            };
        }
        match outcome {
            Outcome::SealBroken | Outcome::NoOutcome | Outcome::ClientRefused => line!(error),
            _ if outcome.is_failure() => line!(warn),
            Outcome::PersonGone | Outcome::PersonMissing => line!(info),
            _ => line!(debug),
        }
        self.count(outcome);
    }

    /// Counts an outcome where there is no line to write: somebody else writes it.
    pub fn count(&self, outcome: Outcome) {
        self.renewals.with_label_values(&[outcome.as_str()]).inc();
        if outcome == Outcome::LeaseLost {
            self.lease_losses.inc();
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(outcome, Outcome::Renewed | Outcome::FirstKey) {
            tally.renewed += 1;
        } else if outcome.is_failure() {
            *tally.failed.entry(outcome.as_str()).or_default() += 1;
        }
    }

    /// What happened since this was asked last.
    #[must_use]
    pub fn take_tally(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a token that was shown to a verifier.
    pub fn token(&self, kind: Kind, verdict: Verdict) {
        self.tokens
            .with_label_values(&[kind.name(), verdict.as_str()])
            .inc();
    }

    /// Counts a try at a revocation or a deletion.
    pub fn cleanup(&self, outcome: CleanupOutcome) {
        self.cleanups.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts a request that was answered. `route` is the pattern and never the address.
    pub fn request(&self, method: &http::Method, route: &str, status: http::StatusCode) {
        use http::Method;
        // Anybody can make a method up.
        let known = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ];
        let method = if known.contains(method) {
            method.as_str()
        } else {
            "other"
        };
        self.requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
    }

    /// Says how much of the quota of this hour is used and left.
    pub fn quota(&self, scope: QuotaScope, used: i64, left: i64) {
        let scope = [scope.as_str()];
        self.quota_used.with_label_values(&scope).set(used);
        self.quota_left.with_label_values(&scope).set(left);
    }

    /// Says how the gate in front of the service stands.
    pub fn breaker(&self, stance: Stance) {
        let state = match stance {
            Stance::Open => Breaker::Closed,
            Stance::Shut => Breaker::Open,
            Stance::HalfOpen => Breaker::Probing,
        };
        for known in Breaker::ALL {
            self.breaker
                .with_label_values(&[known.as_str()])
                .set(i64::from(*known == state));
        }
    }

    /// Says what renewal takes of the quota.
    pub fn forecast(&self, forecast: &Forecast) {
        self.quota_needed
            .with_label_values::<&str>(&[])
            .set(forecast.ratio());
    }

    /// The figures of the database. What took many rows to count is not counted each time: it is
    /// believed for a second for each [`ROWS_A_SECOND`] rows, and for [`BELIEVED_FOR`] at most.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn counted(&self, store: &Store, now: Seconds) -> Result<Figures, Error> {
        let mut counted = self.counted.lock().await;
        if let Some((figures, until)) = &*counted
            && now < *until
        {
            return Ok(figures.clone());
        }
        let figures = store.figures(now).await?;
        let until = now + believed_for(figures.rows());
        *counted = Some((figures.clone(), until));
        Ok(figures)
    }
}

/// How long a count of so many rows is believed, in seconds.
fn believed_for(rows: i64) -> Seconds {
    (rows / ROWS_A_SECOND).min(BELIEVED_FOR)
}

/// Names and labels are constants, and a registry is made for one app, which has one of each.
pub(crate) fn registered<M: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<M>,
) -> M {
    let meter = made.expect("the name and the labels are constants");
    registry
        .register(Box::new(meter.clone()))
        .expect("there is one of each name");
    meter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_many_rows_to_count_is_believed_for_a_while() {
        // Where there is little, nobody is told what was.
        assert_eq!(believed_for(9_999), 0);
        assert_eq!(believed_for(150_000), 15);
        assert_eq!(believed_for(1_000_000), 60);
        assert_eq!(believed_for(i64::MAX), 60);
    }

    #[test]
    fn methods_that_are_made_up_are_one() {
        let registry = Registry::new();
        let meters = Meters::new(&registry);
        let counted = || {
            let families = registry.gather();
            let requests = families
                .iter()
                .find(|family| family.name() == "latchkey_http_requests_total");
            requests.map_or(0, |family| family.get_metric().len())
        };
        for number in 0..100 {
            let method = http::Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            meters.request(&method, "-", http::StatusCode::METHOD_NOT_ALLOWED);
        }
        assert_eq!(counted(), 1);
        meters.request(&http::Method::GET, "/readyz", http::StatusCode::OK);
        assert_eq!(counted(), 2);
    }

    #[test]
    fn a_summary_says_each_thing_once() {
        let meters = Meters::new(&Registry::new());
        assert!(meters.take_tally().is_empty());
        for outcome in [
            Outcome::Renewed,
            Outcome::FirstKey,
            Outcome::Unknown,
            Outcome::Unknown,
            Outcome::LeaseLost,
        ] {
            meters.count(outcome);
        }
        let tally = meters.take_tally();
        assert_eq!(tally.renewed, 2);
        // Somebody else renews what this process has lost the lease of.
        assert_eq!(tally.failed, BTreeMap::from([("unknown", 2)]));
        assert!(meters.take_tally().is_empty());
        assert_eq!(meters.lease_losses.get(), 1);
    }
}
