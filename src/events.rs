//! Security events: somebody tried what may not be, or what is kept was tampered with.
//!
//! Each is a line of the log that reads alone, with fields to search by, and a counter for alarms
//! ([`Event`] is the whole list). What anybody can cause without being anybody is logged at most
//! [`LINES`] times a second and kind, so that a flood of garbage does not become a flood of lines; it is
//! counted all the same, and the next line says how many were left out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use prometheus::{IntCounterVec, Opts, Registry};

use crate::clock::{Clock, Seconds};
use crate::error::{Refusal, printable};
use crate::model::{AccountId, ClientKey};

/// Lines a second for each kind of event that needs no account to cause.
pub const LINES: u32 = 10;

/// Something to be recorded.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Whoever finished is not who started: a victim was lured, or somebody tries.
    RefusedProof {
        /// Who started, and where.
        started: (&'a ClientKey, &'a AccountId),
        /// Who finished, and where.
        finished: (&'a ClientKey, &'a AccountId),
    },
    /// The right person finished in a browser that did not come back from the service.
    WrongHandle(&'a ClientKey, &'a AccountId),
    /// An answer of the service carries no state of this browser's attempt.
    WrongState(&'a ClientKey, &'a AccountId),
    /// An answer is not from the service (RFC 9207).
    WrongIssuer(&'a ClientKey, &'a AccountId),
    /// A page of an attempt, or an answer of the service, came to a browser that has no session of it:
    /// somebody else's address was opened, or the session has run out.
    WrongBrowser,
    /// The proof came from another network or browser than the code. That may be somebody who read the
    /// way back and proves from elsewhere; the person is warned.
    ProvedElsewhere(&'a ClientKey, &'a AccountId),
    /// A confirmation does not carry the token of the page with both accounts.
    WrongPage(&'a ClientKey, &'a AccountId),
    /// A context token came in an address for the second time.
    Replay(&'a ClientKey, &'a AccountId),
    /// Somebody who may not link was refused.
    Refused(Refusal, &'a ClientKey, &'a AccountId),
    /// A token is not signed by whom it names. Nothing it says is true, its tenant included.
    BadSignature(Kind, Option<&'a ClientKey>),
    /// A token is signed rightly and of another kind, for another request or for another app.
    Misplaced(Kind, Option<&'a ClientKey>),
    /// A lifecycle token of one tenant came with a body that names another.
    OtherTenant {
        /// Whose token it is.
        token: &'a ClientKey,
        /// Whom the body names.
        body: &'a str,
    },
    /// A lifecycle token that was taken came again with another body.
    OtherBody(Kind, &'a ClientKey),
    /// A tenant's base URL is not of an allowed host any more. It is not served.
    SiteNotAllowed(&'a ClientKey),
    /// A form came from another site's page.
    CrossSite,
    /// Something sealed did not open: altered, moved, or sealed by a key that is not here.
    SealFailure {
        /// Table and column.
        column: &'static str,
        /// The tenant of the row.
        tenant: &'a str,
        /// The account id or the id of the row; empty where the row is the tenant's.
        row: &'a str,
    },
    /// A limit was reached. The text says whose: an account id, a client key or an address.
    TooMany(Scope, &'a str),
}

/// Which verifier a token was shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From `AP.context.getToken()`.
    Context,
    /// In the address of a framed page.
    Iframe,
    /// Of Jira itself, on `enabled` and `disabled`.
    AppToApp,
    /// Of Atlassian, on `installed` and `uninstalled`.
    Lifecycle,
}

/// Whom a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One person at one site.
    Person,
    /// Everybody at one site.
    Tenant,
    /// An address requests come from.
    Address,
}

impl Kind {
    /// Every one of them.
    pub const ALL: &[Self] = &[Self::Context, Self::Iframe, Self::AppToApp, Self::Lifecycle];

    /// The word in labels and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Iframe => "iframe",
            Self::AppToApp => "app_to_app",
            Self::Lifecycle => "lifecycle",
        }
    }
}

impl Event<'_> {
    /// Name, kind, and what happened in a sentence.
    fn text(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RefusedProof { started, finished } if started.0 != finished.0 => (
                "cross_tenant",
                "proof",
                "somebody at one site finished what was started at another; nothing was redeemed",
            ),
            Self::RefusedProof { .. } => (
                "refused_proof",
                "person",
                "somebody finished what somebody else had started; nothing was redeemed for them",
            ),
            Self::WrongHandle(..) => (
                "wrong_handle",
                "",
                "an attempt was to be finished in another browser than the one that came back",
            ),
            Self::WrongState(..) => (
                "wrong_state",
                "",
                "an answer of the service has a state of no attempt of this browser",
            ),
            Self::WrongIssuer(..) => ("wrong_issuer", "", "an answer is not from the service"),
            Self::WrongBrowser => (
                "wrong_browser",
                "",
                "something of an attempt was opened in a browser that has no session of it",
            ),
            Self::ProvedElsewhere(..) => (
                "proved_elsewhere",
                "",
                "an attempt was proved from another network or browser than the one that brought its code",
            ),
            Self::WrongPage(..) => (
                "wrong_page",
                "",
                "a confirmation does not carry the token of the page that names both accounts",
            ),
            Self::Replay(..) => ("replay", "", "a context token came twice in an address"),
            Self::Refused(why, ..) => (
                "refused",
                why.name(),
                "somebody who may not link was refused",
            ),
            Self::BadSignature(kind, _) => (
                "bad_signature",
                kind.name(),
                "a token is not signed by whom it names",
            ),
            Self::Misplaced(kind, _) => (
                "misplaced_token",
                kind.name(),
                "a token is of another kind, for another request or for another app",
            ),
            Self::OtherTenant { .. } => (
                "cross_tenant",
                "lifecycle",
                "a lifecycle token of one tenant came with a body that names another",
            ),
            Self::OtherBody(kind, _) => (
                "other_body",
                kind.name(),
                "a lifecycle token that was taken came again with another body",
            ),
            Self::SiteNotAllowed(_) => (
                "site_not_allowed",
                "",
                "a tenant is not served: its base URL is not of a host in LATCHKEY_SITE_HOSTS",
            ),
            Self::CrossSite => ("cross_site", "", "a form of another site was refused"),
            Self::SealFailure { column, .. } => (
                "seal_failure",
                column,
                "something sealed does not open; nothing else is affected",
            ),
            Self::TooMany(scope, _) => (
                "too_many",
                match scope {
                    Scope::Person => "person",
                    Scope::Tenant => "tenant",
                    Scope::Address => "address",
                },
                "a limit was reached",
            ),
        }
    }

    /// Whether it takes no account, or only a stolen token, to cause any number of these.
    fn is_cheap(&self) -> bool {
        matches!(
            self,
            // A token that names a tenant has its keys opened before anything of it is believed.
            Self::SealFailure {
                column: "tenant.data_key" | "tenant.shared_secret" | "session.data",
                ..
            } | Self::BadSignature(..)
                | Self::Misplaced(..)
                | Self::OtherBody(..)
                | Self::SiteNotAllowed(_)
                | Self::CrossSite
                | Self::WrongBrowser
                | Self::TooMany(..)
                | Self::Replay(..)
        )
    }
}

/// Records events. Cloning it shares the same counters.
#[derive(Debug, Clone)]
pub struct Events {
    counter: IntCounterVec,
    lines: Arc<Mutex<HashMap<(&'static str, &'static str), Lines>>>,
    clock: Clock,
}

/// How many lines of one kind there were in the second of the last one.
#[derive(Debug, Default)]
struct Lines {
    second: Seconds,
    written: u32,
    left_out: u64,
}

impl Events {
    /// Counts in `registry`, as `latchkey_security_events_total` by event and kind.
    #[must_use]
    pub fn new(registry: &Registry, clock: Clock) -> Self {
        let counter = IntCounterVec::new(
            Opts::new(
                "latchkey_security_events_total",
                "Security events since the start; each kind has its line in the log.",
            ),
            &["event", "kind"],
        )
        .expect("the name and the labels are constants");
        registry
            .register(Box::new(counter.clone()))
            .expect("a registry is made for one app, which has one of these");
        Self {
            counter,
            lines: Arc::default(),
            clock,
        }
    }

    /// Counts an event and writes its line.
    pub fn record(&self, event: Event<'_>) {
        let (name, kind, sentence) = event.text();
        self.counter.with_label_values(&[name, kind]).inc();
        let Some(left_out) = self.may_write(&event, name, kind) else {
            return;
        };
        let (tenant, account): (Option<&str>, Option<&str>) = match event {
            Event::WrongHandle(tenant, account)
            | Event::WrongState(tenant, account)
            | Event::WrongIssuer(tenant, account)
            | Event::Replay(tenant, account)
            | Event::ProvedElsewhere(tenant, account)
            | Event::WrongPage(tenant, account)
            | Event::Refused(_, tenant, account) => (Some(tenant.as_str()), Some(account.as_str())),
            Event::RefusedProof { started, .. } => (Some(started.0.as_str()), None),
            Event::BadSignature(_, tenant) | Event::Misplaced(_, tenant) => {
                (tenant.map(ClientKey::as_str), None)
            }
            Event::OtherTenant { token, .. } => (Some(token.as_str()), None),
            Event::OtherBody(_, tenant) | Event::SiteNotAllowed(tenant) => {
                (Some(tenant.as_str()), None)
            }
            Event::SealFailure { tenant, row, .. } => {
                (Some(tenant), Some(row).filter(|row| !row.is_empty()))
            }
            Event::TooMany(Scope::Tenant, tenant) => (Some(tenant), None),
            Event::TooMany(..) | Event::CrossSite | Event::WrongBrowser => (None, None),
        };
        let body;
        let (started_by, finished_at, finished_by) = match event {
            Event::RefusedProof { started, finished } => (
                Some(started.1.as_str()),
                Some(finished.0.as_str()),
                Some(finished.1.as_str()),
            ),
            Event::OtherTenant { body: named, .. } => {
                body = printable(named);
                (None, Some(body.as_str()), None)
            }
            _ => (None, None, None),
        };
        let whose = match event {
            Event::TooMany(Scope::Person | Scope::Address, whose) => Some(whose),
            _ => None,
        };
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    event = name,
                    kind,
                    tenant = tenant.map(tracing::field::display),
                    account = account.map(tracing::field::display),
                    started_by = started_by.map(tracing::field::display),
                    finished_at = finished_at.map(tracing::field::display),
                    finished_by = finished_by.map(tracing::field::display),
                    whose = whose.map(tracing::field::display),
                    left_out,
                    "{sentence}"
                )
            };
        }
        if matches!(event, Event::SealFailure { .. }) {
            line!(error);
        } else {
            line!(warn);
        }
    }

    /// How many lines like this were left out since the last, or None if this one is left out too.
    fn may_write(&self, event: &Event<'_>, name: &'static str, kind: &'static str) -> Option<u64> {
        if !event.is_cheap() {
            return Some(0);
        }
        let now = self.clock.now();
        let mut lines = self
            .lines
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let lines = lines.entry((name, kind)).or_default();
        if lines.second != now {
            lines.second = now;
            lines.written = 0;
        }
        if lines.written >= LINES {
            lines.left_out += 1;
            return None;
        }
        lines.written += 1;
        Some(std::mem::take(&mut lines.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_events_are_all_counted_and_few_are_written() {
        let clock = Clock::movable();
        let events = Events::new(&Registry::new(), clock.clone());
        let cheap = Event::BadSignature(Kind::Context, None);
        let written = |event| {
            let (name, kind, _) = Event::text(&event);
            events.record(event);
            events.may_write(&event, name, kind)
        };
        let of_a_flood = (0..1000).filter(|_| written(cheap).is_some()).count();
        // The clock may go on to its next second in the middle.
        assert!(of_a_flood <= 2 * LINES as usize, "{of_a_flood}");
        let count = events
            .counter
            .with_label_values(&["bad_signature", "context"]);
        assert_eq!(count.get(), 1000);
        clock.advance(1);
        events.record(cheap);
        let (tenant, account) = (ClientKey("t".to_owned()), AccountId("a".to_owned()));
        let dear = Event::WrongHandle(&tenant, &account);
        assert!((0..1000).all(|_| written(dear) == Some(0)));
    }
}
