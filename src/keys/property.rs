//! The content and the key of the user property in Jira.

use std::str::FromStr;

use crate::error::ShouldBe;
use crate::keys::jwe::PublicKey;

/// What the user property holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyMode {
    /// The API key.
    Key,
    /// What does not change with a renewal. Programs ask Latchkey for the API key.
    Handle,
    /// The API key, encrypted to this public key.
    Sealed(PublicKey),
}

impl PropertyMode {
    /// Whether a renewal changes the property, so that keys depend on Jira.
    #[must_use]
    pub fn changes_with_renewals(&self) -> bool {
        match self {
            Self::Key | Self::Sealed(_) => true,
            Self::Handle => false,
        }
    }
}

/// The key of the user property in Jira.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyKey(String);

impl From<PropertyKey> for String {
    fn from(key: PropertyKey) -> Self {
        key.0
    }
}

impl FromStr for PropertyKey {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let unsafe_in_a_path = |c: char| c.is_control() || "/?#%".contains(c);
        // A key of dots would be a relative segment of the path that it becomes part of.
        let dots = text.chars().all(|c| c == '.');
        if text.chars().count() > 255 || text.chars().any(unsafe_in_a_path) || dots {
            return Err(ShouldBe::new(
                "at most 255 characters, none of them a slash, `?`, `#` or `%`",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}
