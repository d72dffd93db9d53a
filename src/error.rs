//! What can go wrong: words for the person, a status, and the way back.
//!
//! One value has two faces: a problem document (RFC 9457) where a program asks, and a page where a
//! person looks (`web::pages`). The words never tell an attacker which check failed; the log does.

use std::borrow::Cow;

use http::StatusCode;

use crate::clock::Seconds;

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
pub struct Words {
    /// A stable name, also the end of the problem's `type`.
    pub name: &'static str,
    /// A short heading.
    pub title: &'static str,
    /// What happened and what to do.
    pub detail: String,
}

impl Error {
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
            Self::BadRequest(_) | Self::CameBack(_) => StatusCode::BAD_REQUEST,
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
    pub fn words_in_old_panel(&self, app: &str) -> Option<Words> {
        let Self::Unauthorized(_) = self else {
            return None;
        };
        Some(Words {
            name: "unauthorized",
            title: "Jira did not confirm who you are",
            detail: format!(
                "If this site has the new {app} app, use its panel in the issue instead of this one: everybody who \
                 was connected is still connected there. Otherwise reload the issue, and check the date and time of \
                 this computer. If this happens again, ask a Jira admin to look at the app."
            ),
        })
    }

    /// What the person reads. `service` is the service's name.
    #[must_use]
    pub fn words(&self, service: &str) -> Words {
        let (name, title, detail) = match self {
            Self::Unauthorized(_) => (
                "unauthorized",
                "Jira did not confirm who you are",
                "Reload the issue in Jira and try again. If this happens again, check the date and time \
                 of this computer. If they are right, ask a Jira admin to reinstall the app."
                    .to_owned(),
            ),
            Self::WrongCaller => (
                "wrong-caller",
                "This address takes no such call",
                "It is for calls of another kind: of a person's page, or of Forge itself.".to_owned(),
            ),
            Self::SettingUp => (
                "setting-up",
                "The app is being set up for this site",
                "This takes a few minutes after an installation, at most an hour. Try again then."
                    .to_owned(),
            ),
            Self::NotServed => (
                "not-served",
                "The app does not serve this site",
                format!(
                    "This installation of the app was replaced, or whoever runs the app for {service} does \
                     not serve this Jira site. Ask a Jira admin to look at the app, or contact support."
                ),
            ),
            Self::NotAllowed(refusal) => {
                let (title, detail) = refusal.explain(service);
                ("not-allowed", title, detail)
            }
            Self::NotAdmin => (
                "not-admin",
                "Only Jira admins can use this page",
                "Jira doesn't say that you have the global permission Administer Jira on this site. If you have it, \
                 another admin can check that the app is allowed to ask Jira about permissions."
                    .to_owned(),
            ),
            Self::WrongPerson { signed_in_as } => (
                "wrong-person",
                "This connection was started by somebody else",
                match signed_in_as {
                    Some(name) => format!(
                        "You are signed in to Jira as {name}, and somebody else started to connect. \
                         Nothing was connected. If you want to connect your own account, open an issue \
                         and click Connect there."
                    ),
                    None => "Somebody else started to connect. Nothing was connected. If you want to \
                             connect your own account, open an issue and click Connect there."
                        .to_owned(),
                },
            ),
            Self::WrongBrowser => (
                "wrong-browser",
                "This page does not belong to this browser",
                "It was opened in another browser, more than an hour ago, or your browser keeps no \
                 cookies of this site. Nothing was connected. Allow cookies here if you block them, open \
                 the issue in Jira and click Connect again."
                    .to_owned(),
            ),
            Self::Denied => (
                "denied",
                "You did not give permission",
                format!(
                    "You said no at {service}, so nothing was connected. If that was a mistake, open \
                     the issue in Jira and click Connect again."
                ),
            ),
            Self::CrossSite => (
                "cross-site",
                "This request came from another site",
                "Nothing was changed. Open the issue in Jira and click Connect there.".to_owned(),
            ),
            Self::AttemptOver(_) => (
                "attempt-over",
                "This attempt to connect is over",
                "It was finished or cancelled before, was started again elsewhere, or took too long. If \
                 the issue in Jira does not show you as connected, click Connect there again."
                    .to_owned(),
            ),
            // Programs get the same name as for any other end of an attempt.
            Self::TimedOut(_) => (
                "attempt-over",
                "This took too long",
                "For your safety an attempt to connect ends after ten minutes, and after five once you \
                 are back from the service. Nothing was connected by it. If the issue in Jira does not \
                 show you as connected, click Connect there and finish without a long break."
                    .to_owned(),
            ),
            Self::CodeRanOut => (
                "took-too-long",
                "That took too long",
                format!(
                    "{service} keeps a login waiting for a short time only, and the time was up. Nothing \
                     was connected. Begin again, and go on as soon as you are back in Jira."
                ),
            ),
            Self::OutOfDate => (
                "out-of-date",
                "This page is out of date",
                "Something has changed since it was shown. Nothing was connected by this click. Look at \
                 the page as it is now."
                    .to_owned(),
            ),
            Self::Ahead => (
                "ahead",
                "This page is not loaded ahead",
                "Open it yourself.".to_owned(),
            ),
            Self::CameBack(meant) => return meant.words(service),
            Self::NotLinked => (
                "not-linked",
                "No account is connected",
                "There is no key. Click Connect first.".to_owned(),
            ),
            Self::BadRequest(what) => (
                "bad-request",
                "The request cannot be understood",
                format!("{what}."),
            ),
            Self::NotFound => (
                "not-found",
                "There is no such page",
                "Go back to Jira and open the issue you came from.".to_owned(),
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "This address cannot be used like that",
                "Go back to Jira and open the issue you came from.".to_owned(),
            ),
            Self::TooLarge => (
                "too-large",
                "The request is too large",
                "At most 64 KiB are taken.".to_owned(),
            ),
            Self::TooSlow => (
                "too-slow",
                "The request takes too long",
                "It did not arrive in time. Try again.".to_owned(),
            ),
            Self::TooMany { .. } => (
                "too-many",
                "Too many requests",
                "Wait a moment and try again.".to_owned(),
            ),
            Self::Crowded { .. } => (
                "crowded",
                "Too many requests are waiting",
                "Nothing was changed. Wait a moment and try again.".to_owned(),
            ),
            Self::ServiceRefused(_) => (
                "service-refused",
                "The service did not go along",
                format!(
                    "{service} did not accept the request. Nothing was connected. Click Connect in the \
                     issue to try again."
                ),
            ),
            Self::ScopeRefused(_) => (
                "scope-refused",
                "The service refuses what is asked for",
                format!(
                    "{service} refuses one of the permissions that are asked for, so nothing was \
                     connected. Trying again does not help: your organisation at {service} may forbid it, \
                     or the app asks for too much. Tell whoever runs the app, with the code below."
                ),
            ),
            Self::AppRefused(_) => (
                "app-refused",
                "The service does not accept this app",
                format!(
                    "{service} refuses the app itself, whoever connects. Nothing was connected, and \
                     trying again does not help until whoever runs the app has mended it. Tell them, with \
                     the code below."
                ),
            ),
            Self::KeyTooLarge { size, most } => (
                "key-too-large",
                "The key is too large for Jira",
                format!(
                    "With the key that {service} gave, Jira would have to store {size} bytes, and it takes \
                     {most}. Nothing was connected, and the key is revoked. Trying again doesn't \
                     help: contact support, with the code below."
                ),
            ),
            Self::ServiceUnreachable(_) => (
                "service-unreachable",
                "The service cannot be reached",
                format!("{service} does not answer at the moment. Try again in a minute."),
            ),
            Self::JiraUnreachable(_) => (
                "jira-unreachable",
                "Jira cannot be reached",
                "Jira does not answer at the moment. Try again in a minute.".to_owned(),
            ),
            Self::IpAllowlist => (
                "ip-allowlist",
                "This Jira site keeps the app out",
                "An IP allowlist protects this site, and the address of the app's server is not on it. \
                 Nothing was changed. Ask an admin of your Atlassian organisation to put it on the list; \
                 whoever runs the app knows the address."
                    .to_owned(),
            ),
            Self::JiraBusy { retry_after } => (
                "jira-busy",
                "Jira asks this app to wait",
                format!(
                    "Jira allows apps only so many calls. Try again {}. Nothing was lost, and what \
                     is connected stays connected.",
                    in_a_while(*retry_after)
                ),
            ),
            Self::Unavailable(_) => (
                "unavailable",
                "Not available at the moment",
                "Try again in a minute. Nothing was lost.".to_owned(),
            ),
            Self::NotReady(why) => ("unavailable", "Not ready", why.clone()),
            Self::Internal(_) => (
                "internal",
                "Something went wrong here",
                "It was recorded. Try again, and if it happens again, tell the vendor of the app."
                    .to_owned(),
            ),
            Self::UnknownCaller => (
                "unknown-caller",
                "Who is asking?",
                "Keys are told about to whoever knows LATCHKEY_INTROSPECTION_SECRET: send it as password \
                 of HTTP Basic or as bearer token."
                    .to_owned(),
            ),
        };
        Words {
            name,
            title,
            detail,
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
        let code = self.words("").name;
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

/// A time to wait in words.
fn in_a_while(seconds: Seconds) -> String {
    match (seconds + 59) / 60 {
        ..=1 => "in a minute".to_owned(),
        minutes => format!("in {minutes} minutes"),
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
    pub fn for_admin(self) -> &'static str {
        match self {
            Self::Anonymous => "Nobody was signed in to Jira.",
            Self::Customer => "Portal customers can't connect at this site.",
            Self::App => "It is the account of an app.",
            Self::UnknownKind => "Jira doesn't say what kind of account it is.",
            Self::Deactivated => "The account is deactivated.",
            Self::Group => "The person is in none of the groups whose members may connect.",
        }
    }

    fn explain(self, service: &str) -> (&'static str, String) {
        match self {
            Self::Anonymous => (
                "Sign in to Jira first",
                "Jira shows this issue to visitors. Sign in to Jira, reload the issue and connect your \
                 account then."
                    .to_owned(),
            ),
            Self::Customer => (
                "Portal customers cannot connect",
                format!(
                    "You use this site as a customer of its help centre. Only people with a Jira account \
                     can connect {service}. Ask a Jira admin for an account."
                ),
            ),
            Self::App => (
                "Apps cannot connect",
                "This is the account of an app. Sign in to Jira as a person.".to_owned(),
            ),
            Self::UnknownKind => (
                "This account cannot connect",
                "Jira does not say what kind of account this is. Ask a Jira admin.".to_owned(),
            ),
            Self::Deactivated => (
                "This account is deactivated",
                "Jira says that this account is not active. Ask a Jira admin.".to_owned(),
            ),
            Self::Group => (
                "Your admin doesn't let you connect yet",
                format!(
                    "The admins of this Jira site let only members of certain groups connect {service}. Ask a Jira \
                     admin to add you to one of them."
                ),
            ),
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
