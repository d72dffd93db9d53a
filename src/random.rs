//! Randomness, passed in: the system's, or a seeded one that a test can replay.

use std::fmt;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};

use crate::secret::Secret;

/// A source of random bytes. Clones share the source.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<StdRng>>),
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// The operating system's source, the only one safe for keys and tokens.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A source that gives the same bytes for the same seed, for tests that must be repeatable.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(
            seed,
        )))))
    }

    /// Fills `bytes`.
    ///
    /// # Panics
    /// When the operating system gives no random bytes: nothing that follows could be safe.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => SysRng
                .try_fill_bytes(bytes)
                .expect("the operating system has a source of randomness"),
            Source::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .fill_bytes(bytes),
        }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// An id that cannot be guessed: 128 random bits, base64url, 22 characters.
    #[must_use]
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<16>())
    }

    /// A one-time value: 256 random bits, base64url, 43 characters, which RFC 7636 requires of a code
    /// verifier.
    #[must_use]
    pub fn token(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.bytes::<32>()))
    }

    /// A number from 0 to `most`, both included, for jitter.
    #[must_use]
    pub fn up_to(&self, most: i64) -> i64 {
        let most = u64::try_from(most).unwrap_or(0);
        // The modulo bias is below 2^-40 for any delay measured in seconds.
        i64::try_from(u64::from_le_bytes(self.bytes()) % (most + 1)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_replay_and_the_system_does_not() {
        assert_eq!(Random::seeded(7).id(), Random::seeded(7).id());
        assert_ne!(Random::system().id(), Random::system().id());
        assert_eq!(Random::system().id().len(), 22);
        assert_eq!(Random::system().token().expose().len(), 43);
        assert_eq!(Random::system().up_to(0), 0);
        assert!((0..100).all(|_| (0..=3).contains(&Random::system().up_to(3))));
    }
}
