//! Why a request to the service brought nothing, and what that means for the link and for other requests.

use crate::clock::Seconds;
use crate::error::{Error, printable};
use crate::gate::Report;
use crate::model::RevocableToken;
use crate::outbound::Failure;
use crate::secret::Secret;

use super::dpop::USE_NONCE;
use super::known::{Known, Means};
use crate::lenient;

/// Why a refresh brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The request was not sent.
    #[error("the service cannot be reached: {0}")]
    NotSent(String),
    /// It was sent, and it is unknown whether the refresh token was used up.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// 429, or 503 with a time to wait. The refresh token was not used.
    #[error("the service asks to wait")]
    Wait {
        /// `Retry-After`, if given.
        seconds: Option<Seconds>,
    },
    /// `invalid_grant`: the refresh token is no good.
    #[error("the service refuses the refresh token")]
    InvalidGrant,
    /// `invalid_client`, `unauthorized_client`: nothing can be renewed until the operator acts.
    #[error("the service refuses this app: {0}")]
    InvalidClient(String),
    /// Any other error of RFC 6749 section 5.2: it concerns this request only.
    #[error("the service refuses the request: {0}")]
    Refused(String),
}

impl RefreshError {
    /// Whether the service refused this grant, in whatever words: neither a failure of its own nor a refusal of
    /// this app, nor of the kind of request (RFC 6749, section 5.2), nor a wish for another DPoP nonce.
    #[must_use]
    pub fn concerns_the_grant(&self) -> bool {
        match self {
            Self::InvalidGrant => true,
            Self::Refused(name) => name != "unsupported_grant_type" && name != USE_NONCE,
            Self::NotSent(_) | Self::Unknown(_) | Self::Wait { .. } | Self::InvalidClient(_) => {
                false
            }
        }
    }

    /// What it means for other token requests.
    #[must_use]
    pub fn report(&self) -> Report {
        match self {
            Self::InvalidGrant | Self::Refused(_) => Report::Answered,
            Self::InvalidClient(_) => Report::Refused,
            Self::Wait { seconds } => Report::Wait(*seconds),
            Self::NotSent(_) | Self::Unknown(_) => Report::Failed,
        }
    }
}

/// Why the key endpoint gave no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyEndpointError {
    /// 401: the access token is no good.
    #[error("the key endpoint refuses the access token")]
    Unauthorized,
    /// 429 or 503 with a time to wait.
    #[error("the key endpoint asks to wait")]
    Wait {
        /// `Retry-After`, if given.
        seconds: Option<Seconds>,
    },
    /// It refuses this account, with a status that speaks of the request itself.
    #[error("the key endpoint refuses this account: {0}")]
    Refused(http::StatusCode),
    /// The gate is closed. Nothing was sent.
    #[error("no requests are sent to the service for now")]
    LeftAlone,
    /// Anything else.
    #[error("the key endpoint failed: {0}")]
    Failed(String),
}

/// Why a code led to no account, and which tokens it brought even so.
pub struct RedeemError {
    /// Why.
    pub why: Error,
    /// What must be revoked.
    pub brought: Option<Brought>,
}

/// Tokens of a code that led to no account.
pub struct Brought {
    /// The tokens, to be revoked.
    pub tokens: Vec<RevocableToken>,
    /// Their account, where a verified ID token named it.
    pub subject: Option<String>,
}

impl From<Error> for RedeemError {
    fn from(why: Error) -> Self {
        Self { why, brought: None }
    }
}

/// Why a token, a key or a grant could not be ended yet.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The access token that authorises it has expired.
    #[error("the access token for it has ended")]
    AccessTokenEnded,
    /// The service asks to wait.
    #[error("the service asks to wait for {seconds} s")]
    Wait {
        /// How long.
        seconds: Seconds,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<Failure> for RevokeError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

/// The tokens to revoke in an answer that could not be read whole.
pub(super) fn tokens_in(body: &[u8]) -> Option<Brought> {
    let fields = lenient::read(body)?;
    let tokens: Vec<RevocableToken> = [("refresh_token", true), ("access_token", false)]
        .into_iter()
        .filter_map(|(name, refresh)| {
            let text = fields.get(name)?.as_str()?;
            lenient::is_token(text).then(|| RevocableToken {
                token: Secret::new(text.to_owned()),
                refresh,
            })
        })
        .collect();
    (!tokens.is_empty()).then_some(Brought {
        tokens,
        subject: None,
    })
}

/// What the service's error for a code means.
pub(super) fn refused_code(known: &Known, error: &str) -> Error {
    let said = format!("token endpoint: {}", printable(error));
    match (known.means(error), error) {
        (Means::AppRefused, _) | (_, "unsupported_grant_type") => Error::AppRefused(said),
        (_, "invalid_scope") => Error::ScopeRefused(said),
        (Means::Trouble, _) => Error::ServiceUnreachable(said),
        (Means::GrantEnded, _) => Error::CodeRanOut,
        // The browser brought the code.
        (Means::Refused, _) => Error::CameBack(Box::new(Error::ServiceRefused(said))),
    }
}

/// The browser brought an answer that is not the service's.
pub(super) fn came_back(why: &str) -> Error {
    Error::CameBack(Box::new(Error::ServiceRefused(why.to_owned())))
}
