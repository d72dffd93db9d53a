//! Security events: a forbidden attempt, or a sign that stored data was tampered with.
//!
//! Each event is one self-contained log line with fields to search by, and a counter for alerts ([`Event`] is
//! the whole list). Events that an unauthenticated caller can cause at will are logged at most [`LINES`]
//! times a second for each kind, so that a flood of requests does not flood the log. All of them are counted,
//! and the next line says how many lines were left out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use prometheus::{IntCounterVec, Opts, Registry};

use crate::clock::{Clock, Seconds};
use crate::error::{Refusal, printable};
use crate::model::{AccountId, ClientKey};

/// Most lines a second for each kind of event that an unauthenticated caller can cause.
pub const LINES: u32 = 10;

/// A security event.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The person who finished is not the one who started: a victim was lured, or an attacker tries to.
    RefusedProof {
        /// Who started, and where.
        started: (&'a ClientKey, &'a AccountId),
        /// Who finished, and where.
        finished: (&'a ClientKey, &'a AccountId),
    },
    /// The right person finished in another browser than the one that came back from the service.
    WrongHandle(&'a ClientKey, &'a AccountId),
    /// A callback carries a state that belongs to no attempt of this browser.
    WrongState(&'a ClientKey, &'a AccountId),
    /// A callback is not from the service (RFC 9207).
    WrongIssuer(&'a ClientKey, &'a AccountId),
    /// A browser without the session of an attempt opened a page of it, or the callback. It opened another
    /// person's address, or its session has expired.
    WrongBrowser,
    /// The proof came from another network or browser than the code. It may come from an attacker who read
    /// the address of the finish page. The person is warned.
    ProvedElsewhere(&'a ClientKey, &'a AccountId),
    /// A confirmation lacks the token of the page that names both accounts.
    WrongPage(&'a ClientKey, &'a AccountId),
    /// A context token was used in an address for the second time.
    Replay(&'a ClientKey, &'a AccountId),
    /// A person who may not link was refused.
    Refused(Refusal, &'a ClientKey, &'a AccountId),
    /// A person who is no admin of their site called the admin page's routes.
    NotAdmin(&'a ClientKey, &'a AccountId),
    /// The issuer that a token names did not sign it. Nothing in it is true, including its tenant.
    BadSignature(TokenKind, Option<&'a ClientKey>),
    /// A token is signed correctly, but it is of another kind, for another request or for another app.
    Misplaced(TokenKind, Option<&'a ClientKey>),
    /// A lifecycle token of one tenant came with a body that names another.
    OtherTenant {
        /// The tenant whose token it is.
        token: &'a ClientKey,
        /// The tenant that the body names.
        body: &'a str,
    },
    /// A lifecycle token that was accepted before came again with another body.
    OtherBody(TokenKind, &'a ClientKey),
    /// The host of a tenant's base URL is no longer allowed. The tenant is not served.
    SiteNotAllowed(&'a ClientKey),
    /// A form was posted from another site's page.
    CrossSite,
    /// A sealed value did not open: it was altered or moved, or its sealing key is missing.
    SealFailure {
        /// Table and column.
        column: &'static str,
        /// The tenant of the row.
        tenant: &'a str,
        /// The account id or the id of the row; empty where the row is the tenant's.
        row: &'a str,
    },
    /// A rate limit was reached. The text names whose: an account id, a client key or an address.
    TooMany(Scope, &'a str),
}

/// The kinds of tokens that Atlassian sends. Each has a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// From `AP.context.getToken()`.
    Context,
    /// In the address of a framed page.
    Iframe,
    /// From Jira itself, on `enabled` and `disabled`.
    AppToApp,
    /// From Atlassian, on `installed` and `uninstalled`.
    Lifecycle,
    /// From Forge, on every call.
    Invocation,
}

/// Whose requests a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One person at one site.
    Person,
    /// All people at one site.
    Tenant,
    /// One network address.
    Address,
    /// The vendor's servers that use one secret.
    Secret,
}

/// Every name and kind of an event. Their counters exist from the start, because no rate can be computed of
/// a counter that begins at 1.
const ALL: &[(&str, &[&str])] = &[
    ("bad_signature", KINDS_OF_TOKENS),
    ("cross_site", &[""]),
    ("cross_tenant", &["proof", "lifecycle"]),
    ("misplaced_token", KINDS_OF_TOKENS),
    ("not_admin", &[""]),
    ("other_body", KINDS_OF_TOKENS),
    ("proved_elsewhere", &[""]),
    (
        "refused",
        &[
            "anonymous",
            "customer",
            "app",
            "unknown_kind",
            "deactivated",
            "group",
        ],
    ),
    ("refused_proof", &["person"]),
    ("replay", &[""]),
    ("seal_failure", SEALED_COLUMNS),
    ("site_not_allowed", &[""]),
    ("too_many", &["person", "tenant", "address"]),
    ("wrong_browser", &[""]),
    ("wrong_handle", &[""]),
    ("wrong_issuer", &[""]),
    ("wrong_page", &[""]),
    ("wrong_state", &[""]),
];

const KINDS_OF_TOKENS: &[&str] = &["context", "iframe", "app_to_app", "lifecycle", "invocation"];

/// The columns that hold sealed values.
const SEALED_COLUMNS: &[&str] = &[
    "attempt.kept",
    "cleanup.revocation",
    "forge_installation.sealed",
    "forge_installation.system_token",
    "link.credential",
    "session.data",
    "signing_key.sealed",
    "site.sealed",
    "tenant.data_key",
    "tenant.shared_secret",
    "ticket.sealed",
];

impl TokenKind {
    /// All kinds.
    pub const ALL: &[Self] = &[
        Self::Context,
        Self::Iframe,
        Self::AppToApp,
        Self::Lifecycle,
        Self::Invocation,
    ];

    /// The word in labels and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Iframe => "iframe",
            Self::AppToApp => "app_to_app",
            Self::Lifecycle => "lifecycle",
            Self::Invocation => "invocation",
        }
    }
}

/// The fields of a log line that say whom an event is about.
#[derive(Debug, Default)]
struct Fields<'a> {
    tenant: Option<&'a str>,
    account: Option<&'a str>,
    started_by: Option<&'a str>,
    finished_at: Option<Cow<'a, str>>,
    finished_by: Option<&'a str>,
    whose: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Name, kind, and what happened in a sentence.
    fn text(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RefusedProof { started, finished } if started.0 != finished.0 => (
                "cross_tenant",
                "proof",
                "a person at one site tried to finish an attempt that was started at another site; nothing was redeemed",
            ),
            Self::RefusedProof { .. } => (
                "refused_proof",
                "person",
                "a person tried to finish an attempt that another person had started; nothing was redeemed",
            ),
            Self::WrongHandle(..) => (
                "wrong_handle",
                "",
                "a person tried to finish in another browser than the one that came back from the service",
            ),
            Self::WrongState(..) => (
                "wrong_state",
                "",
                "a callback carries a state that belongs to no attempt of this browser",
            ),
            Self::WrongIssuer(..) => ("wrong_issuer", "", "a callback is not from the service"),
            Self::WrongBrowser => (
                "wrong_browser",
                "",
                "a page of an attempt was opened in a browser without its session",
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
            Self::Replay(..) => ("replay", "", "a context token was used twice in an address"),
            Self::Refused(why, ..) => (
                "refused",
                why.name(),
                "a person who may not link was refused",
            ),
            Self::NotAdmin(..) => (
                "not_admin",
                "",
                "a person whom Jira does not let administer the site called the admin page's routes",
            ),
            Self::BadSignature(kind, _) => (
                "bad_signature",
                kind.name(),
                "the issuer that a token names did not sign it",
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
                "a lifecycle token that was accepted before came again with another body",
            ),
            Self::SiteNotAllowed(_) => (
                "site_not_allowed",
                "",
                "a tenant is not served: the host of its base URL is not in LATCHKEY_SITE_HOSTS",
            ),
            Self::CrossSite => ("cross_site", "", "a form of another site was refused"),
            Self::SealFailure { column, .. } => (
                "seal_failure",
                column,
                "a sealed value does not open; nothing else is affected",
            ),
            Self::TooMany(scope, _) => (
                "too_many",
                match scope {
                    Scope::Person => "person",
                    Scope::Tenant => "tenant",
                    Scope::Address => "address",
                    Scope::Secret => "secret",
                },
                "a rate limit was reached",
            ),
        }
    }

    /// The fields of its log line.
    fn fields(self) -> Fields<'a> {
        let at = |tenant: &'a ClientKey| Fields {
            tenant: Some(tenant.as_str()),
            ..Fields::default()
        };
        match self {
            Self::WrongHandle(tenant, account)
            | Self::WrongState(tenant, account)
            | Self::WrongIssuer(tenant, account)
            | Self::Replay(tenant, account)
            | Self::ProvedElsewhere(tenant, account)
            | Self::WrongPage(tenant, account)
            | Self::NotAdmin(tenant, account)
            | Self::Refused(_, tenant, account) => Fields {
                account: Some(account.as_str()),
                ..at(tenant)
            },
            Self::RefusedProof { started, finished } => Fields {
                started_by: Some(started.1.as_str()),
                finished_at: Some(Cow::Borrowed(finished.0.as_str())),
                finished_by: Some(finished.1.as_str()),
                ..at(started.0)
            },
            Self::BadSignature(_, tenant) | Self::Misplaced(_, tenant) => {
                tenant.map(at).unwrap_or_default()
            }
            Self::OtherTenant { token, body } => Fields {
                finished_at: Some(Cow::Owned(printable(body))),
                ..at(token)
            },
            Self::OtherBody(_, tenant) | Self::SiteNotAllowed(tenant) => at(tenant),
            Self::SealFailure { tenant, row, .. } => Fields {
                tenant: Some(tenant),
                account: Some(row).filter(|row| !row.is_empty()),
                ..Fields::default()
            },
            Self::TooMany(Scope::Tenant, tenant) => Fields {
                tenant: Some(tenant),
                ..Fields::default()
            },
            Self::TooMany(Scope::Person | Scope::Address | Scope::Secret, whose) => Fields {
                whose: Some(whose),
                ..Fields::default()
            },
            Self::CrossSite | Self::WrongBrowser => Fields::default(),
        }
    }

    /// Whether an unauthenticated caller, or one with a stolen token, can cause any number of these.
    fn is_cheap(&self) -> bool {
        matches!(
            self,
            // A tenant's key is opened before the token that names the tenant is verified.
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

/// Records events. Clones share the counters.
#[derive(Debug, Clone)]
pub struct Events {
    counter: IntCounterVec,
    lines: Arc<Mutex<HashMap<(&'static str, &'static str), Lines>>>,
    clock: Clock,
}

/// The lines of one kind in the second of the last line.
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
                "Security events since the start. Each has a log line.",
            ),
            &["event", "kind"],
        )
        .expect("the name and the labels are constants");
        registry
            .register(Box::new(counter.clone()))
            .expect("each registry belongs to one app, which has one of these");
        for (name, kinds) in ALL {
            for kind in *kinds {
                counter.with_label_values(&[name, kind]);
            }
        }
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
        let fields = event.fields();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    event = name,
                    kind,
                    tenant = fields.tenant.map(tracing::field::display),
                    account = fields.account.map(tracing::field::display),
                    started_by = fields.started_by.map(tracing::field::display),
                    finished_at = fields.finished_at.as_deref().map(tracing::field::display),
                    finished_by = fields.finished_by.map(tracing::field::display),
                    whose = fields.whose.map(tracing::field::display),
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

    /// How many such lines were left out since the last one. None if this one is left out too.
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

    /// A name that is missing in [`ALL`] would be born at 1.
    #[test]
    fn f28_every_event_has_a_counter_from_the_start() {
        let source = include_str!("events.rs");
        let (_, text) = source.split_once("fn text(&self)").expect("it is there");
        let (text, _) = text.split_once("    /// The fields of").expect("it ends");
        // Each name is the first text of its three.
        let names = text.split('(').filter_map(|part| {
            let (name, _) = part.trim_start().strip_prefix('"')?.split_once('"')?;
            Some(name)
        });
        let names: std::collections::BTreeSet<&str> = names.collect();
        let counted: std::collections::BTreeSet<&str> = ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, counted);
        for kind in TokenKind::ALL {
            assert!(KINDS_OF_TOKENS.contains(&kind.name()));
        }
        let sealing = [
            include_str!("vault.rs"),
            include_str!("store/attempt.rs"),
            include_str!("store/cleanup.rs"),
            include_str!("store/link.rs"),
            include_str!("store/session.rs"),
            include_str!("store/signing.rs"),
            include_str!("store/tenant.rs"),
        ];
        for source in sealing {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            for column in code.split("column: \"").skip(1) {
                let column = column.split('"').next().unwrap_or_default();
                assert!(SEALED_COLUMNS.contains(&column), "{column}");
            }
        }
    }

    #[test]
    fn cheap_events_are_all_counted_and_few_are_written() {
        let clock = Clock::movable();
        let events = Events::new(&Registry::new(), clock.clone());
        let cheap = Event::BadSignature(TokenKind::Context, None);
        let written = |event| {
            let (name, kind, _) = Event::text(&event);
            events.record(event);
            events.may_write(&event, name, kind)
        };
        let of_a_flood = (0..1000).filter(|_| written(cheap).is_some()).count();
        // The clock may reach its next second during the test.
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
