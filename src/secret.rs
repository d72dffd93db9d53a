//! Types for values that must never be printed.
//!
//! A [`Secret`] has neither `Display` nor `Debug`, and it cannot be serialized: code that puts one into a log
//! line or an answer has to call `expose()`, which is easy to search for. Types that contain one have no
//! derived `Debug` either. The memory is wiped when it is dropped.
//!
//! Neither `{}` nor `{:?}` can print one or a type that contains one:
//!
//! ```compile_fail,E0277
//! let secret = latchkey::secret::Secret::new("hunter2");
//! println!("{secret}");
//! ```
//!
//! ```compile_fail,E0277
//! let secret = latchkey::secret::Secret::new("hunter2");
//! tracing::info!(?secret, "logged in");
//! ```
//!
//! ```compile_fail,E0277
//! fn log(tokens: &latchkey::model::Tokens) {
//!     tracing::info!(?tokens, "renewed");
//! }
//! ```
//!
//! ```compile_fail,E0277
//! let secret = latchkey::secret::Secret::new("hunter2");
//! serde_json::to_string(&secret);
//! ```
//!
//! ```compile_fail,E0277
//! fn log(key: &latchkey::secret::TenantKey) {
//!     tracing::info!(?key, "opened");
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn log(key: &latchkey::vault::SealingKey) {
//!     tracing::info!(?key, "opened");
//! }
//! ```
//!
//! The same with printable values, to show that the examples above fail for no other reason:
//!
//! ```
//! let secret = latchkey::secret::Secret::new("hunter2");
//! let shown = secret.fingerprint();
//! println!("{shown}");
//! tracing::info!(?shown, "logged in");
//! serde_json::to_string(&shown).map_err(|_| ())?;
//! fn log(
//!     tokens: &latchkey::model::Tokens,
//!     _: &latchkey::secret::TenantKey,
//!     key: &latchkey::vault::SealingKey,
//! ) {
//!     let (tokens, key) = (tokens.expires_at, key.kid());
//!     tracing::info!(?tokens, ?key, "renewed");
//! }
//! # Ok::<(), ()>(())
//! ```

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A text that gives its holder access: a token, a code, a key, a shared secret.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. For sending and for sealing, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A value that may be stored to recognise the secret later: its SHA-256, base64url. Only safe for
    /// secrets of at least 128 random bits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(self.expose())
    }
}

/// See [`Secret::fingerprint`].
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    fingerprint_of(secret.as_bytes())
}

/// The same for any bytes.
#[must_use]
pub fn fingerprint_of(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

/// Compares in constant time, so that the time does not tell where the two differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// What an operator may change while the process runs. Clones share it.
#[derive(Clone)]
pub struct Changing<T>(Arc<RwLock<T>>);

impl<T: Clone> Changing<T> {
    /// It begins with this value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(value)))
    }

    /// The value of this moment.
    #[must_use]
    pub fn now(&self) -> T {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// From now on it is this value.
    pub fn change(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// The key under which everything of one tenant is sealed. Destroying it forgets an uninstalled tenant.
#[derive(Clone)]
pub struct TenantKey(pub(crate) Key);

/// 256 bits. Boxed, because moving them would leave copies in memory that are never wiped.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct Key(Box<[u8]>);

impl Key {
    pub(crate) const LENGTH: usize = 32;

    /// Lets `fill` write the key in place.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self(vec![0; Self::LENGTH].into_boxed_slice());
        fill(&mut key.0);
        key
    }

    /// Copies a key. None unless it has 32 bytes.
    pub(crate) fn copied(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == Self::LENGTH).then(|| Self::filled(|key| key.copy_from_slice(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_fingerprint() {
        let secret = Secret::new("hunter2");
        assert!(same(&secret.fingerprint(), &fingerprint("hunter2")));
        assert!(!same("a", "ab"));
    }

    /// Only the types can be checked here: reading freed memory is not allowed.
    #[test]
    fn memory_is_wiped_on_drop() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Secret>();
        wiped::<Key>();
        wiped::<chacha20poly1305::XChaCha20Poly1305>();
        wiped::<jsonwebtoken::EncodingKey>();
        wiped::<jsonwebtoken::DecodingKey>();
    }
}
