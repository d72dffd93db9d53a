//! The API keys that Latchkey signs, and the form of a key in the user property.

pub mod jwe;
pub mod property;
pub mod signing;

use crate::error::Error;
use crate::model::{ApiKey, KeyInProperty};
use crate::random::Random;

use property::PropertyMode;
use signing::{KeySigner, Signing};

/// How this deployment treats API keys.
pub struct Keys {
    /// Signs keys, if Latchkey signs them.
    pub signing: Option<Signing>,
    /// The content of the user property.
    pub property: PropertyMode,
    /// Random numbers for sealing.
    pub random: Random,
}

impl Keys {
    /// The current signer, if Latchkey signs keys.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn signer(&self) -> Result<Option<KeySigner<'_>>, Error> {
        match &self.signing {
            Some(signing) => signing.signer().await.map(Some),
            None => Ok(None),
        }
    }

    /// The form of a key in the user property. None if the property holds no key.
    ///
    /// # Errors
    /// When it cannot be sealed, which only a bug can cause.
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
