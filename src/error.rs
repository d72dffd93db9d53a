//! What can go wrong: a code, what the person reads, a status, and the way back.
//!
//! One value has two faces: a problem document (RFC 9457) where a program asks, and a page where a
//! person looks (`web::pages`). The words never tell an attacker which check failed; the log does.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use http::StatusCode;

use crate::clock::Seconds;
use crate::words::{Message, Words};

/// Every way in which a request or a job can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A token is missing, forged, expired, of another kind or of an unknown tenant. The text is for the log
    /// only.
    #[error("not authorized: {0}")]
    Unauthorized(&'static str),

    /// A call of Forge with a valid token came to a route that takes calls of another kind.
    #[error("the call is of another kind than this address takes")]
    WrongCaller,

    /// An installation of the Forge app has called, and its site is not known yet.
    #[error("the site of the installation is not known yet")]
    SettingUp,

    /// An installation of the Forge app speaks for no tenant.
    #[error("the installation speaks for no tenant")]
    NotServed,

    /// The person is known but may not link.
    #[error("may not link: {0:?}")]
    NotAllowed(Refusal),

    /// Jira does not say that the person may administer the site.
    #[error("Jira does not let the person administer the site")]
    NotAdmin,

    /// Another person finished the attempt than started it.
    #[error("another person started the attempt")]
    WrongPerson {
        /// The display name of the person signed in to Jira, if Jira gave it.
        signed_in_as: Option<String>,
    },

    /// The browser has no session of this attempt, or lacks the handle that was given when the service
    /// redirected back.
    #[error("this is another browser")]
    WrongBrowser,

    /// The person denied access at the service.
    #[error("the person denied it at the service")]
    Denied,

    /// A browser sent a form that another site made.
    #[error("cross-site request")]
    CrossSite,

    /// The attempt is finished, replaced, expired or ended, or belongs to another browser.
    #[error("the attempt is over: {0}")]
    AttemptOver(&'static str),

    /// The attempt, or its current step, exceeded its time limit.
    #[error("the attempt took too long: {0}")]
    TimedOut(&'static str),

    /// The service no longer accepts the code: some services give a code one minute.
    #[error("the code has expired")]
    CodeRanOut,

    /// The page that was submitted shows an outdated state or belongs to another attempt.
    #[error("the page is out of date")]
    OutOfDate,

    /// A browser prefetches a page. Serving it would spend something that works once.
    #[error("the page is not loaded ahead")]
    Ahead,

    /// The browser brought this answer from the service. The browser's owner can forge such an answer, so it
    /// does not count as the service's own.
    #[error("the browser came back with: {0}")]
    CameBack(Box<Error>),

    /// There is no link to renew.
    #[error("not linked")]
    NotLinked,

    /// The request cannot be understood. The text is for the author of the calling program.
    #[error("bad request: {0}")]
    BadRequest(&'static str),

    /// What an admin chose cannot be a rule of their site.
    #[error("not a rule: {0:?}")]
    NotARule(NotARule),

    /// No route has this address.
    #[error("no such address")]
    NotFound,

    /// The address does not take this method.
    #[error("method not allowed")]
    MethodNotAllowed,

    /// The body is larger than 64 KiB.
    #[error("the body is too large")]
    TooLarge,

    /// The body did not arrive in time.
    #[error("the body takes too long")]
    TooSlow,

    /// Too many requests; [`crate::limits`] lists what is limited.
    #[error("too many requests")]
    TooMany {
        /// How long to wait, in seconds.
        retry_after: Seconds,
    },

    /// More strangers ask at once for what costs something than can be served. This one was turned away.
    #[error("too many callers wait")]
    Crowded {
        /// When to try again, in seconds.
        retry_after: Seconds,
    },

    /// The service does not accept the code or the tokens, or its answer makes no sense.
    #[error("the service refused: {0}")]
    ServiceRefused(String),

    /// The service refuses the requested scope (`invalid_scope`): because of a setting, or because of its own
    /// rule about this person or their organisation.
    #[error("the service refuses the scope: {0}")]
    ScopeRefused(String),

    /// The service refuses this app, not this person (`invalid_client` and the like): only the operator can
    /// fix that.
    #[error("the service refuses this app: {0}")]
    AppRefused(String),

    /// The service gave a key that is larger than a user property in Jira may be.
    #[error("the property would have {size} bytes, and Jira takes {most}")]
    KeyTooLarge {
        /// How many bytes the property would have.
        size: usize,
        /// How many Jira takes.
        most: usize,
    },

    /// The service cannot be reached or reports a failure of its own.
    #[error("the service cannot be reached: {0}")]
    ServiceUnreachable(String),

    /// Jira cannot be reached or reports a failure of its own.
    #[error("Jira cannot be reached: {0}")]
    JiraUnreachable(String),

    /// The site's IP allowlist does not include the address that this app calls from.
    #[error("the IP allowlist of the site keeps the app out")]
    IpAllowlist,

    /// Jira limits this app's calls, at this site or at all sites.
    #[error("Jira must not be called for {retry_after} s")]
    JiraBusy {
        /// When to try again, in seconds.
        retry_after: Seconds,
    },

    /// The database cannot be reached or cannot be written.
    #[error("the store is unavailable: {0}")]
    Unavailable(sqlx::Error),

    /// This process does not do its work, for this reason: a whole sentence for an operator.
    #[error("not ready: {0}")]
    NotReady(String),

    /// A bug, or a damaged database.
    #[error("internal error: {0}")]
    Internal(String),

    /// A program asks about keys without the secret for that.
    #[error("the caller does not know the secret")]
    UnknownCaller,
}

/// Why a person may not link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No person is signed in to Jira.
    Anonymous,
    /// A portal customer, while `LATCHKEY_CUSTOMERS` denies them.
    Customer,
    /// An app's account.
    App,
    /// An account whose type Jira does not give.
    UnknownKind,
    /// The account is deactivated or gone.
    Deactivated,
    /// The person is in none of the groups whose members may connect at their site.
    Group,
}

/// Why a choice of an admin cannot be a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotARule {
    /// The vendor does not let portal customers connect.
    Customers,
    /// The name of a group is too long, or has a line break.
    LongGroup,
    /// There are too many groups.
    ManyGroups,
}

/// A text from outside, made safe for a log line: at most 64 printable characters, so that it cannot fill the
/// log or start a line of its own.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect()
}

/// Whether the database or the connection to it failed, not the statement. The caller then tries again, and
/// the connection is discarded.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // A connection whose last transaction could not be ended cannot begin another.
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => true,
        // PostgreSQL: connection, serialization failure or deadlock, resources, shutdown; 25P02: failed
        // transaction; 25P03: idle-in-transaction timeout; 55P03: lock timeout. SQLite: busy, locked, I/O,
        // full.
        sqlx::Error::Database(said) => said.code().is_some_and(|code| {
            ["08", "40", "53", "57", "58", "25P02", "25P03", "55P03"]
                .iter()
                .any(|class| code.len() == 5 && code.starts_with(class))
                || code.parse::<u32>().is_ok_and(|code| {
                    code < 10_000 && matches!(code & 0xff, 5 | 6 | 10 | 13 | 14)
                })
                || is_read_only(error)
        }),
        _ => false,
    }
}

/// Whether the connection is read-only: PostgreSQL's `read_only_sql_transaction`, as after a failover, or one
/// of SQLite's `SQLITE_READONLY` codes.
#[must_use]
pub fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|said| said.code());
    code.is_some_and(|code| {
        code == "25006" || code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 8)
    })
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else {
            Self::Internal(format!("store: {error}"))
        }
    }
}

/// What an error says to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// A short heading.
    pub title: String,
    /// What happened, what still holds, and what to do.
    pub detail: Message,
}

impl Error {
    /// What the store met, for one more who waited for the same read.
    #[must_use]
    pub fn for_another(self: &Arc<Self>) -> Self {
        match &**self {
            Self::Unavailable(_) => {
                Self::Unavailable(sqlx::Error::Io(io::Error::other(self.clone())))
            }
            Self::Internal(what) => Self::Internal(what.clone()),
            other => Self::Internal(other.to_string()),
        }
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) | Self::UnknownCaller => StatusCode::UNAUTHORIZED,
            Self::NotAllowed(_)
            | Self::NotAdmin
            | Self::WrongPerson { .. }
            | Self::WrongBrowser
            | Self::Denied
            | Self::CrossSite
            | Self::WrongCaller
            | Self::NotServed => StatusCode::FORBIDDEN,
            Self::AttemptOver(_) | Self::TimedOut(_) => StatusCode::GONE,
            Self::CodeRanOut => StatusCode::GONE,
            Self::OutOfDate | Self::SettingUp => StatusCode::CONFLICT,
            // RFC 8470, section 5.2: the server does not risk processing it now.
            Self::Ahead => StatusCode::TOO_EARLY,
            Self::NotLinked | Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest(_) | Self::NotARule(_) | Self::CameBack(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::ServiceRefused(_)
            | Self::ScopeRefused(_)
            | Self::AppRefused(_)
            | Self::KeyTooLarge { .. }
            | Self::IpAllowlist => StatusCode::BAD_GATEWAY,
            Self::ServiceUnreachable(_)
            | Self::JiraUnreachable(_)
            | Self::JiraBusy { .. }
            | Self::Crowded { .. }
            | Self::Unavailable(_)
            | Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the person reads in a panel of Connect while the Forge door is open, if that is something else.
    ///
    /// After a site has moved to Forge nobody can verify what its old panel sends. So the page of every token that is
    /// refused says where to go: no answer depends on a client key that was not proved.
    #[must_use]
    pub fn said_in_old_panel(&self, words: &Words) -> Option<Said> {
        let Self::Unauthorized(_) = self else {
            return None;
        };
        Some(Said {
            title: words.error_unauthorized_title(),
            detail: words.error_old_panel().into(),
        })
    }

    /// A stable name, also the end of the problem's `type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::WrongCaller => "wrong-caller",
            Self::SettingUp => "setting-up",
            Self::NotServed => "not-served",
            Self::NotAllowed(_) => "not-allowed",
            Self::NotAdmin => "not-admin",
            Self::WrongPerson { .. } => "wrong-person",
            Self::WrongBrowser => "wrong-browser",
            Self::Denied => "denied",
            Self::CrossSite => "cross-site",
            // Programs get the same name for every end of an attempt.
            Self::AttemptOver(_) | Self::TimedOut(_) => "attempt-over",
            Self::CodeRanOut => "took-too-long",
            Self::OutOfDate => "out-of-date",
            Self::Ahead => "ahead",
            Self::CameBack(meant) => meant.code(),
            Self::NotLinked => "not-linked",
            Self::BadRequest(_) | Self::NotARule(_) => "bad-request",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::TooMany { .. } => "too-many",
            Self::Crowded { .. } => "crowded",
            Self::ServiceRefused(_) => "service-refused",
            Self::ScopeRefused(_) => "scope-refused",
            Self::AppRefused(_) => "app-refused",
            Self::KeyTooLarge { .. } => "key-too-large",
            Self::ServiceUnreachable(_) => "service-unreachable",
            Self::JiraUnreachable(_) => "jira-unreachable",
            Self::IpAllowlist => "ip-allowlist",
            Self::JiraBusy { .. } => "jira-busy",
            Self::Unavailable(_) | Self::NotReady(_) => "unavailable",
            Self::Internal(_) => "internal",
            Self::UnknownCaller => "unknown-caller",
        }
    }

    /// What the person reads.
    #[must_use]
    pub fn said(&self, words: &Words) -> Said {
        let (title, detail) = match self {
            Self::NotAllowed(refusal) => refusal.said(words),
            Self::WrongPerson {
                signed_in_as: Some(name),
            } => {
                return Said {
                    title: words.error_wrong_person_title(),
                    detail: words.error_wrong_person_name(name),
                };
            }
            Self::KeyTooLarge { size, most } => {
                return Said {
                    title: words.error_key_too_large_title(),
                    detail: words.error_key_too_large(&size.to_string(), &most.to_string()),
                };
            }
            Self::CameBack(meant) => return meant.said(words),
            Self::Unauthorized(_) => (words.error_unauthorized_title(), words.error_unauthorized()),
            Self::WrongCaller => (words.error_wrong_caller_title(), words.error_wrong_caller()),
            Self::SettingUp => (words.error_setting_up_title(), words.error_setting_up()),
            Self::NotServed => (words.error_not_served_title(), words.error_not_served()),
            Self::NotAdmin => (words.error_not_admin_title(), words.error_not_admin()),
            Self::WrongPerson { .. } => {
                (words.error_wrong_person_title(), words.error_wrong_person())
            }
            Self::WrongBrowser => (
                words.error_wrong_browser_title(),
                words.error_wrong_browser(),
            ),
            Self::Denied => (words.error_denied_title(), words.error_denied()),
            Self::CrossSite => (words.error_cross_site_title(), words.error_cross_site()),
            Self::AttemptOver(_) => (words.error_attempt_over_title(), words.error_attempt_over()),
            Self::TimedOut(_) => (words.error_timed_out_title(), words.error_timed_out()),
            Self::CodeRanOut => (words.error_code_expired_title(), words.error_code_expired()),
            Self::OutOfDate => (words.error_out_of_date_title(), words.error_out_of_date()),
            Self::Ahead => (words.error_ahead_title(), words.error_ahead()),
            Self::NotLinked => (words.error_not_linked_title(), words.error_not_linked()),
            Self::NotFound => (words.error_not_found_title(), words.error_not_found()),
            Self::TooLarge => (words.error_too_large_title(), words.error_too_large()),
            Self::TooSlow => (words.error_too_slow_title(), words.error_too_slow()),
            Self::TooMany { .. } => (words.error_too_many_title(), words.error_too_many()),
            Self::Crowded { .. } => (words.error_crowded_title(), words.error_crowded()),
            Self::ServiceRefused(_) => (
                words.error_service_refused_title(),
                words.error_service_refused(),
            ),
            Self::ScopeRefused(_) => (
                words.error_scope_refused_title(),
                words.error_scope_refused(),
            ),
            Self::AppRefused(_) => (words.error_app_refused_title(), words.error_app_refused()),
            Self::ServiceUnreachable(_) => (
                words.error_service_unreachable_title(),
                words.error_service_unreachable(),
            ),
            Self::JiraUnreachable(_) => (
                words.error_jira_unreachable_title(),
                words.error_jira_unreachable(),
            ),
            Self::IpAllowlist => (words.error_ip_allowlist_title(), words.error_ip_allowlist()),
            Self::Unavailable(_) => (words.error_unavailable_title(), words.error_unavailable()),
            Self::Internal(_) => (words.error_internal_title(), words.error_internal()),
            Self::UnknownCaller => (
                words.error_unknown_caller_title(),
                words.error_unknown_caller(),
            ),
            // Its reader is the author of the calling program, so it is in English.
            Self::BadRequest(what) => (words.error_bad_request_title(), format!("{what}.")),
            Self::NotARule(why) => (words.error_bad_request_title(), why.said(words)),
            Self::MethodNotAllowed => (words.error_method_title(), words.error_not_found()),
            Self::JiraBusy { retry_after } => (
                words.error_jira_busy_title(),
                words.error_jira_busy(minutes(*retry_after)),
            ),
            // Its reader is an operator.
            Self::NotReady(why) => (words.error_not_ready_title(), why.clone()),
        };
        Said {
            title,
            detail: detail.into(),
        }
    }

    /// Whether each occurrence is logged on a line of its own, with a reference to find it by. Errors that an
    /// unauthenticated caller can cause at will, and those that only say that something is over, are not: the
    /// security events count them.
    #[must_use]
    pub fn has_reference(&self) -> bool {
        match self {
            Self::Unauthorized(_)
            | Self::UnknownCaller
            | Self::WrongCaller
            | Self::WrongBrowser
            | Self::CrossSite
            | Self::AttemptOver(_)
            | Self::OutOfDate
            | Self::Ahead
            | Self::NotLinked
            | Self::BadRequest(_)
            | Self::NotARule(_)
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::TooLarge
            | Self::TooSlow
            | Self::NotReady(_)
            | Self::Crowded { .. }
            | Self::TooMany { .. } => false,
            Self::NotAllowed(_)
            | Self::NotAdmin
            | Self::SettingUp
            | Self::NotServed
            | Self::WrongPerson { .. }
            | Self::Denied
            | Self::TimedOut(_)
            | Self::CodeRanOut
            | Self::CameBack(_)
            | Self::ServiceRefused(_)
            | Self::ScopeRefused(_)
            | Self::AppRefused(_)
            | Self::KeyTooLarge { .. }
            | Self::ServiceUnreachable(_)
            | Self::JiraUnreachable(_)
            | Self::IpAllowlist
            | Self::JiraBusy { .. }
            | Self::Unavailable(_)
            | Self::Internal(_) => true,
        }
    }

    /// Logs, once and where the error leaves the crate, what the person is not told, with the code and the
    /// reference that they see.
    pub fn log(&self, reference: &str) {
        let code = self.code();
        match self {
            Self::Internal(_) => {
                tracing::error!(code, reference, error = %self, "a request failed because of a bug or a damaged database")
            }
            Self::Unavailable(_) => {
                tracing::warn!(code, reference, error = %self, "a request failed because the store is unavailable");
            }
            Self::AppRefused(_) | Self::ScopeRefused(_) => {
                tracing::warn!(code, reference, error = %self,
                    "the service refuses the app or its scope: check the client registration and the settings");
            }
            Self::KeyTooLarge { .. } => {
                tracing::warn!(code, reference, error = %self,
                    "a key is too large for Jira: ask the service for smaller access tokens, or set LATCHKEY_PROPERTY=handle or LATCHKEY_API_KEY_FROM");
            }
            Self::CameBack(meant) => meant.log(reference),
            Self::IpAllowlist => {
                tracing::warn!(code, reference, error = %self,
                    "the site's IP allowlist blocks this server: an admin of the site must add its address");
            }
            Self::ServiceRefused(_)
            | Self::ServiceUnreachable(_)
            | Self::JiraUnreachable(_)
            | Self::JiraBusy { .. } => {
                tracing::warn!(code, reference, error = %self, "a request failed because of another server");
            }
            Self::NotAdmin => {
                tracing::info!(code, reference, error = %self, "a person could not use the admin page");
            }
            _ if self.has_reference() => {
                tracing::info!(code, reference, error = %self, "a person could not connect");
            }
            _ => tracing::debug!(code, error = %self, "a request was refused"),
        }
    }
}

/// Seconds in minutes, rounded up, at least one.
fn minutes(seconds: Seconds) -> Seconds {
    ((seconds + 59) / 60).max(1)
}

impl NotARule {
    fn said(self, words: &Words) -> String {
        match self {
            Self::Customers => words.error_rule_customers(),
            Self::LongGroup => words.error_rule_long_group(),
            Self::ManyGroups => words.error_rule_many_groups(),
        }
    }
}

impl Refusal {
    /// A stable name, for logs and counters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Customer => "customer",
            Self::App => "app",
            Self::UnknownKind => "unknown_kind",
            Self::Deactivated => "deactivated",
            Self::Group => "group",
        }
    }

    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Anonymous,
        Self::Customer,
        Self::App,
        Self::UnknownKind,
        Self::Deactivated,
        Self::Group,
    ];

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|why| why.name() == name)
    }

    /// What an admin of the site reads about somebody who was refused.
    #[must_use]
    pub fn for_admin(self, words: &Words) -> String {
        match self {
            Self::Anonymous => words.refused_anonymous_admin(),
            Self::Customer => words.refused_customer_admin(),
            Self::App => words.refused_app_admin(),
            Self::UnknownKind => words.refused_unknown_admin(),
            Self::Deactivated => words.refused_deactivated_admin(),
            Self::Group => words.refused_group_admin(),
        }
    }

    fn said(self, words: &Words) -> (String, String) {
        match self {
            Self::Anonymous => (words.refused_anonymous_title(), words.refused_anonymous()),
            Self::Customer => (words.refused_customer_title(), words.refused_customer()),
            Self::App => (words.refused_app_title(), words.refused_app()),
            Self::UnknownKind => (words.refused_unknown_title(), words.refused_unknown()),
            Self::Deactivated => (
                words.refused_deactivated_title(),
                words.refused_deactivated(),
            ),
            Self::Group => (words.refused_group_title(), words.refused_group()),
        }
    }
}

/// Says what a setting should look like, and never repeats its text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it should be {0}")]
pub struct ShouldBe(Cow<'static, str>);

impl ShouldBe {
    /// `what` completes the sentence "it should be …".
    #[must_use]
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }
}
