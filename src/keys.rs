//! The API keys that are made here, and what stands in the user property in the place of one.

pub mod jwe;
pub mod property;
pub mod signing;

use crate::error::Error;
use crate::model::{ApiKey, KeyInProperty};
use crate::random::Random;

use property::PropertyMode;
use signing::{KeySigner, Signing};

/// What this deployment does with keys.
pub struct Keys {
    /// Signs keys, where they are signed here.
    pub signing: Option<Signing>,
    /// What stands in the user property.
    pub property: PropertyMode,
    /// For sealing.
    pub random: Random,
}

impl Keys {
    /// What signs keys now, where they are signed here.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn signer(&self) -> Result<Option<KeySigner<'_>>, Error> {
        match &self.signing {
            Some(signing) => signing.signer().await.map(Some),
            None => Ok(None),
        }
    }

    /// What stands in Jira in the place of a key.
    ///
    /// # Errors
    /// When it cannot be sealed, which would be a bug.
    pub fn in_property<'a>(&self, key: &'a ApiKey) -> Result<Option<KeyInProperty<'a>>, Error> {
        match &self.property {
            PropertyMode::Key => Ok(Some(KeyInProperty::Plain(key.key.expose()))),
            PropertyMode::Handle => Ok(None),
            PropertyMode::Sealed(to) => {
                let sealed = to.seal(&self.random, &key.key);
                let sealed = sealed.map_err(|error| Error::Internal(error.to_string()))?;
                Ok(Some(KeyInProperty::Sealed(sealed)))
            }
        }
    }
}
