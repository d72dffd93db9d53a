//! What this process counts and measures itself: [`Meters`], served at `/metrics`. The database's figures
//! beside them are in [`crate::figures`].
//!
//! No meter has a label for a tenant, a person or anything else of which there may be many. Every label is
//! one of a few fixed words, and each combination exists from the start, at zero.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use tokio::time::Instant;

use crate::clock::{Seconds, rfc3339};
use crate::events::TokenKind;
use crate::log::LINES_LOST;
use crate::model::{AsideReason, Link, ReconnectReason, Trouble};
use crate::otlp;

/// Upper bounds of the buckets of a step, in seconds: from one write to SQLite to the longest wait for an
/// answer (`outbound::TIME_LIMIT`).
const STEP_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Upper bounds of the buckets of a request, in seconds: up to a request that waits for other servers.
const REQUEST_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Statuses whose counters exist from the start for each route: those that alerts are about.
const FAILURES: &[&str] = &["500", "502", "503"];
/// The label of requests that match no route.
pub const NO_ROUTE: &str = "-";

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            /// All variants.
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
    /// The outcome of a renewal.
    Outcome {
        /// Jira holds the next key.
        Renewed = "renewed",
        /// Jira holds the first key of a link.
        FirstKey = "first_key",
        /// The link ended or was connected again in the meantime. The new key is discarded.
        Superseded = "superseded",
        /// The person is gone from Jira, and the link with them.
        PersonGone = "person_gone",
        /// Jira says for the first time that the person is gone. Jira is asked again later.
        PersonMissing = "person_missing",
        /// The lease expired before anything was sent. Another process renews the link.
        LeaseLost = "lease_lost",
        /// The service could not be reached; nothing was sent.
        NotSent = "not_sent",
        /// The request was sent to the service, and its outcome is unknown.
        Unknown = "unknown",
        /// The service refuses this request.
        Refused = "refused",
        /// The service asks to wait.
        ServiceWaits = "service_waits",
        /// The service refuses this app.
        ClientRefused = "client_refused",
        /// The grant has ended: the person has to reconnect.
        Revoked = "revoked",
        /// The answer with the next refresh token was lost: the person has to reconnect.
        RotationLost = "rotation_lost",
        /// There is no refresh token and the key has expired: the person has to reconnect.
        NoRefreshToken = "no_refresh_token",
        /// The consent has ended, as was known before: the person has to reconnect.
        ConsentEnded = "consent_ended",
        /// A backup was put back that is older than the last use of the refresh token: the person has to reconnect.
        Restored = "restored",
        /// The service has kept refusing since the key ran out: the person has to reconnect.
        KeepsRefusing = "keeps_refusing",
        /// The key endpoint gave no key.
        NoKey = "not_minted",
        /// The credential does not open: the link is set aside.
        SealBroken = "seal_broken",
        /// The third claim in a row ended without an outcome: the link is set aside.
        NoOutcome = "no_outcome",
        /// Jira asks to wait.
        JiraWaits = "jira_waits",
        /// Jira does not accept the app's tokens.
        JiraUnauthorized = "jira_unauthorized",
        /// Jira refuses to store the key: the link is set aside.
        JiraRefuses = "jira_refuses",
        /// The host of the tenant's base URL is not allowed: the link is set aside.
        SiteNotAllowed = "site_not_allowed",
        /// The property would be larger than Jira takes: the link is set aside.
        TooLarge = "too_large",
        /// The site's IP allowlist keeps the app out.
        JiraAllowlist = "jira_allowlist",
        /// Something other than Jira answers at the site.
        NotJira = "not_jira",
        /// Jira failed, or did not answer.
        JiraFailed = "jira_failed",
        /// The database failed midway. The link is due again when its lease expires.
        Interrupted = "interrupted",
    }
}

labels! {
    /// A step of a renewal.
    Step {
        /// Claiming due links.
        Claim = "claim",
        /// Recording that a token request is about to be sent.
        Intent = "intent",
        /// The token request.
        TokenRequest = "token_request",
        /// Storing the new credential.
        Commit = "commit",
        /// Getting an API key from the key endpoint, or signing one.
        NewKey = "mint",
        /// Writing the user property.
        Put = "put",
        /// Recording that Jira holds the key.
        Record = "record",
    }
}

labels! {
    /// What a verifier decided about a token.
    Verdict {
        /// It is good.
        Accepted = "accepted",
        /// It is not a token, or lacks a field that every token has.
        Malformed = "malformed",
        /// It has expired, or is not valid yet.
        Expired = "expired",
        /// The issuer that it names did not sign it.
        BadSignature = "bad_signature",
        /// It is of another kind, for another request or for another app.
        Misplaced = "misplaced",
        /// The tenant or the key that it names is unknown.
        UnknownSigner = "unknown_signer",
        /// It is good, but the app is disabled at the tenant.
        Disabled = "disabled",
        /// It could not be checked: the database or the key server is unavailable.
        Undecided = "undecided",
    }
}

labels! {
    /// The outcome of one try at a revocation or a deletion.
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
    /// What came of sending a message to the vendor's receiver.
    Delivery {
        /// The receiver has taken it.
        Taken = "taken",
        /// The receiver asks to wait.
        Wait = "wait",
        /// The receiver wants nothing any more.
        Gone = "gone",
        /// The receiver failed or did not answer.
        Failed = "failed",
    }
}

labels! {
    /// What a renewal did about a handle in Jira.
    HandleStep {
        /// Jira has taken it.
        Put = "put",
        /// Nothing: Jira holds it already.
        Unchanged = "unchanged",
        /// Jira has to be given it later.
        PutOff = "put_off",
    }
}

labels! {
    /// What Atlassian answered about an account that was reported.
    AccountAnswer {
        /// Nothing has changed.
        Unchanged = "unchanged",
        /// It was closed, and what was stored of it is erased.
        Closed = "closed",
        /// Its person has changed, and is read again.
        Updated = "updated",
    }
}

labels! {
    /// A part of Jira's hourly quota.
    QuotaScope {
        /// Everything that the app may use.
        App = "app",
        /// The renewals' share of it. The rest is for people who wait.
        Renewal = "renewal",
    }
}

labels! {
    /// Whether requests to the service are let through.
    Breaker {
        /// They are.
        Closed = "closed",
        /// They are not, after failures in a row.
        Open = "open",
        /// One request is let through, to find out whether the service works again.
        Probing = "probing",
    }
}

impl Outcome {
    /// Whether the renewal failed, so that an operator may want to know.
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

    /// What the person is told of it once their key has run out. None if that says nothing about the link.
    #[must_use]
    pub fn trouble(self) -> Option<Trouble> {
        match self {
            Self::NotSent | Self::Unknown => Some(Trouble::ServiceAway),
            Self::ServiceWaits => Some(Trouble::ServiceWaits),
            Self::Refused => Some(Trouble::Refused),
            Self::ClientRefused => Some(Trouble::AppRefused),
            Self::NoKey => Some(Trouble::NoKey),
            Self::JiraWaits
            | Self::JiraUnauthorized
            | Self::JiraAllowlist
            | Self::NotJira
            | Self::JiraFailed => Some(Trouble::JiraAway),
            _ => None,
        }
    }

    /// The message of its log line.
    fn sentence(self) -> &'static str {
        match self {
            Self::Renewed => "a key was renewed",
            Self::FirstKey => "a first key was put into Jira",
            Self::Superseded => "a link changed while it was renewed; the new key is discarded",
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
                "the service refuses this app: nothing can be renewed until its client registration is corrected"
            }
            Self::Revoked
            | Self::RotationLost
            | Self::NoRefreshToken
            | Self::ConsentEnded
            | Self::Restored
            | Self::KeepsRefusing => "a person has to reconnect",
            Self::NoKey => "no API key could be made",
            Self::SealBroken => "a credential does not open; its link is set aside",
            Self::NoOutcome => "three renewals ended without an outcome; the link is set aside",
            Self::JiraWaits => "Jira asks to wait before it takes a key",
            Self::JiraUnauthorized => {
                "Jira does not accept the app's tokens; was the app uninstalled?"
            }
            Self::JiraRefuses => {
                "Jira refuses to let the app write the property, even as this person"
            }
            Self::SiteNotAllowed => {
                "the host of a tenant's base URL is not allowed; the link is set aside"
            }
            Self::TooLarge => "a key is too large for Jira; the link is set aside",
            Self::JiraAllowlist => {
                "the site's IP allowlist does not contain the address of this server"
            }
            Self::NotJira => {
                "something other than Jira answers at the site: calls to it wait, and no link is closed"
            }
            Self::JiraFailed => "a key could not be put into Jira",
            Self::Interrupted => {
                "a renewal was interrupted; it is due again when its lease expires"
            }
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
            ReconnectReason::Restored => Self::Restored,
            ReconnectReason::KeepsRefusing => Self::KeepsRefusing,
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
            AsideReason::TooLarge => Self::TooLarge,
        }
    }
}

/// Renewals since the last summary.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Renewed keys, including first keys.
    pub renewed: u64,
    /// Failed renewals by outcome.
    pub failed: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.renewed == 0 && self.failed.is_empty()
    }
}

/// The link that a renewal is about, as its log line names it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The link as it was claimed.
    pub link: &'a Link,
    /// Failures in a row before this renewal.
    pub failures: i64,
}

/// The counters and gauges of this process. Clones share them.
#[derive(Debug, Clone)]
pub struct Meters {
    renewals: IntCounterVec,
    steps: HistogramVec,
    lease_losses: IntCounter,
    tokens: IntCounterVec,
    handles: IntCounterVec,
    cleanups: IntCounterVec,
    accounts: IntCounterVec,
    webhooks: IntCounterVec,
    requests: IntCounterVec,
    durations: HistogramVec,
    held: IntGauge,
    quota_used: IntGaugeVec,
    quota_left: IntGaugeVec,
    breaker: IntGaugeVec,
    quota_needed: Gauge,
    tally: Arc<Mutex<Tally>>,
}

impl Meters {
    /// Registers all meters in `registry`, which has none of these yet.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let (r, text) = (registry, |name, help| Opts::new(name, help));
        registered(r, Ok(LINES_LOST.clone()));
        registered(r, Ok(otlp::LOST.clone()));
        #[rustfmt::skip]
        let meters = Self {
            renewals: counters(r, text("latchkey_renewals_total", "Renewals by outcome."), &["outcome"]),
            steps: registered(r, HistogramVec::new(buckets("latchkey_renewal_step_seconds", "How long the steps of a renewal took.", STEP_BUCKETS), &["step"])),
            lease_losses: registered(r, IntCounter::with_opts(text("latchkey_lease_losses_total", "Renewals that were given up because their lease had run out."))),
            tokens: counters(r, text("latchkey_tokens_verified_total", "Verified tokens of Atlassian by kind and verdict."), &["kind", "verdict"]),
            handles: counters(r, text("latchkey_handles_total", "What renewals did about handles in Jira."), &["outcome"]),
            cleanups: counters(r, text("latchkey_cleanups_total", "Tries at revocations and deletions by outcome."), &["outcome"]),
            accounts: counters(r, text("latchkey_accounts_reported_total", "Accounts that were reported to Atlassian by what it answered."), &["answer"]),
            webhooks: counters(r, text("latchkey_webhooks_sent_total", "Messages that were sent to the vendor's receiver by what came of it."), &["outcome"]),
            requests: counters(r, text("latchkey_http_requests_total", "Requests by method, route and status."), &["method", "route", "status"]),
            durations: registered(r, HistogramVec::new(buckets("latchkey_http_request_duration_seconds", "How long requests took, by route.", REQUEST_BUCKETS), &["route"])),
            held: registered(r, IntGauge::with_opts(text("latchkey_answers_held", "Answers of the service that are held in memory because they cannot be written yet."))),
            quota_used: gauges(r, text("latchkey_jira_quota_used_points", "Points of Jira's hourly quota that are used in this hour."), &["scope"]),
            quota_left: gauges(r, text("latchkey_jira_quota_left_points", "Points of Jira's hourly quota that are left in this hour."), &["scope"]),
            breaker: gauges(r, text("latchkey_service_breaker", "1 for the state that the breaker for the service is in, 0 for the others."), &["state"]),
            quota_needed: registered(r, Gauge::with_opts(text("latchkey_jira_quota_needed_ratio", "What renewing every key in time takes of the points that renewals may use. Beyond 1 renewals come late, beyond 1.5 keys run out."))),
            tally: Arc::default(),
        };
        let build = gauges(
            r,
            text(
                "latchkey_build_info",
                "1, with the version of this program.",
            ),
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        meters.start_at_zero();
        meters
    }

    /// Creates each combination of labels: a rate can be computed only for a counter that existed before.
    fn start_at_zero(&self) {
        for outcome in Outcome::ALL {
            self.renewals.with_label_values(&[outcome.as_str()]);
        }
        for step in Step::ALL {
            self.steps.with_label_values(&[step.as_str()]);
        }
        for kind in TokenKind::ALL {
            for verdict in Verdict::ALL {
                self.tokens
                    .with_label_values(&[kind.name(), verdict.as_str()]);
            }
        }
        for step in HandleStep::ALL {
            self.handles.with_label_values(&[step.as_str()]);
        }
        for outcome in CleanupOutcome::ALL {
            self.cleanups.with_label_values(&[outcome.as_str()]);
        }
        for answer in AccountAnswer::ALL {
            self.accounts.with_label_values(&[answer.as_str()]);
        }
        for delivery in Delivery::ALL {
            self.webhooks.with_label_values(&[delivery.as_str()]);
        }
        self.breaker(Breaker::Closed);
        for scope in QuotaScope::ALL {
            self.quota(*scope, 0, 0);
        }
    }

    /// Creates the series of these routes, each with a method that it serves.
    pub fn routes<'a>(&self, served: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (method, route) in served {
            for status in FAILURES {
                self.requests.with_label_values(&[method, route, status]);
            }
            self.durations.with_label_values(&[route]);
        }
        self.durations.with_label_values(&[NO_ROUTE]);
    }

    /// Runs a step of a renewal and measures how long it takes.
    pub async fn timed<F: Future>(&self, step: Step, work: F) -> F::Output {
        let started = Instant::now();
        let done = work.await;
        self.steps
            .with_label_values(&[step.as_str()])
            .observe(started.elapsed().as_secs_f64());
        done
    }

    /// Counts the outcome of a renewal, and logs it. `retry_at` is when the renewal is tried again.
    pub fn renewal<'a>(
        &self,
        outcome: Outcome,
        subject: impl Into<Subject<'a>>,
        why: Option<&dyn Display>,
        retry_at: Option<Seconds>,
    ) {
        let Subject { link, failures } = subject.into();
        tracing::Span::current().record("latchkey.outcome", outcome.as_str());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    outcome = outcome.as_str(),
                    tenant = %link.client_key,
                    account = %link.account_id,
                    generation = link.generation,
                    failures = failures + 1,
                    key_runs_out = link.published.map(|key| rfc3339(key.expires_at)),
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

    /// Counts the outcome of a renewal whose log line is written elsewhere.
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

    /// What happened since the last call.
    #[must_use]
    pub fn take_tally(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a token that was verified.
    pub fn token(&self, kind: TokenKind, verdict: Verdict) {
        self.tokens
            .with_label_values(&[kind.name(), verdict.as_str()])
            .inc();
    }

    /// Counts what a renewal did about a handle.
    pub fn handle(&self, step: HandleStep) {
        self.handles.with_label_values(&[step.as_str()]).inc();
    }

    /// Counts a try at a revocation or a deletion.
    pub fn cleanup(&self, outcome: CleanupOutcome) {
        self.cleanups.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts accounts that were reported.
    pub fn accounts(&self, answer: AccountAnswer, number: u64) {
        self.accounts
            .with_label_values(&[answer.as_str()])
            .inc_by(number);
    }

    /// Counts what came of sending a message.
    pub fn webhook(&self, delivery: Delivery) {
        self.webhooks.with_label_values(&[delivery.as_str()]).inc();
    }

    /// Counts an answer of the service as held for as long as the value lives.
    #[must_use]
    pub fn hold(&self) -> Held {
        self.held.inc();
        Held(self.held.clone())
    }

    /// Counts an answered request, which took this long. `route` is the pattern, never the path itself.
    pub fn request(
        &self,
        method: &http::Method,
        route: &str,
        status: http::StatusCode,
        took: Duration,
    ) {
        use http::Method;
        // A client can send any method name.
        let counted = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ];
        let method = if counted.contains(method) {
            method.as_str()
        } else {
            "other"
        };
        self.requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
        self.durations
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Sets how much of the quota of this hour is used and left.
    pub fn quota(&self, scope: QuotaScope, used: i64, left: i64) {
        let scope = [scope.as_str()];
        self.quota_used.with_label_values(&scope).set(used);
        self.quota_left.with_label_values(&scope).set(left);
    }

    /// Sets the state of the breaker for the service.
    pub fn breaker(&self, now: Breaker) {
        for state in Breaker::ALL {
            self.breaker
                .with_label_values(&[state.as_str()])
                .set(i64::from(*state == now));
        }
    }

    /// Sets what renewals need of their share of the quota, as a ratio.
    pub fn quota_needed(&self, ratio: f64) {
        self.quota_needed.set(ratio);
    }
}

/// An answer of the service that is held in memory.
#[derive(Debug)]
pub struct Held(IntGauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn buckets(name: &str, help: &str, bounds: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(bounds.to_vec())
}

fn counters(registry: &Registry, text: Opts, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(text, labels))
}

/// Registers gauges with these labels.
pub(crate) fn gauges(registry: &Registry, text: Opts, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(text, labels))
}

/// Names and labels are constants, and each registry belongs to one app, which registers each name once.
fn registered<M: Collector + Clone + 'static>(
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
    fn made_up_methods_share_one_label() {
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
            let status = http::StatusCode::METHOD_NOT_ALLOWED;
            meters.request(&method, NO_ROUTE, status, Duration::ZERO);
        }
        assert_eq!(counted(), 1);
        let (method, status) = (http::Method::GET, http::StatusCode::OK);
        meters.request(&method, "/readyz", status, Duration::ZERO);
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
        // Another process renews a link whose lease this one has lost.
        assert_eq!(tally.failed, BTreeMap::from([("unknown", 2)]));
        assert!(meters.take_tally().is_empty());
        assert_eq!(meters.lease_losses.get(), 1);
    }
}
