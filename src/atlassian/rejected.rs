//! Why a token of Atlassian's is not accepted, whichever door it came through.

use crate::clock::Seconds;
use crate::events::{Event, TokenKind};
use crate::meters::Verdict;
use crate::model::ClientKey;

/// Why a token is not accepted. The texts are for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It is not a token, or lacks a required claim.
    Malformed(&'static str),
    /// The key that it names did not sign it.
    Signature,
    /// It is of another kind, for another request or for another app.
    Misplaced(&'static str),
    /// It has expired or is not valid yet.
    OutOfTime(&'static str),
    /// It was issued so many seconds in the future: this machine's clock or Jira's is wrong.
    FromTheFuture(Seconds),
}

impl Rejected {
    /// The reason in words.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Malformed(why) | Self::Misplaced(why) | Self::OutOfTime(why) => why,
            Self::Signature => "the signature is wrong",
            Self::FromTheFuture(_) => "the token is from the future",
        }
    }

    /// As what it is counted.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Malformed(_) => Verdict::Malformed,
            Self::Signature => Verdict::BadSignature,
            Self::Misplaced(_) => Verdict::Misplaced,
            Self::OutOfTime(_) | Self::FromTheFuture(_) => Verdict::Expired,
        }
    }

    /// The event that it is. A token that is only out of date is none, which happens without intent.
    pub(super) fn event(self, kind: TokenKind, tenant: Option<&ClientKey>) -> Option<Event<'_>> {
        match self {
            Self::Signature => Some(Event::BadSignature(kind, tenant)),
            Self::Misplaced(_) => Some(Event::Misplaced(kind, tenant)),
            Self::Malformed(_) | Self::OutOfTime(_) | Self::FromTheFuture(_) => None,
        }
    }
}
