//! The public keys of another server (RFC 7517), the service or Atlassian: read, cached, and asked whether one of
//! them signed a token.
//!
//! Each entry of a key set is read by itself, so one that is odd or of an unknown kind costs no other. A set
//! is used for an hour, and for longer while no newer one can be read. A token that no known key has signed
//! causes a read at once, because a server may sign with a key that is seconds old. A few such reads are
//! allowed together, so that a flood of forged tokens does not become a flood of reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::clock::{Clock, Seconds};
use crate::lenient::{self, text_or_number};
use crate::outbound::{LONGEST_WAIT, Outbound, SIZE_LIMIT};

/// How old the key set may be before it is read again, in seconds.
const FRESH_FOR: Seconds = 3600;
/// How long a set that is too old is used after another could not be read, in seconds.
const AGAIN_AFTER: Seconds = 10;
/// How many reads tokens may cause together, and how many seconds later each is allowed again.
const READS: Seconds = 5;
const READ_EACH: Seconds = 10;

/// Base64url as keys and tokens have it (RFC 7515 section 2). Padding, which it leaves out, does no harm.
pub const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A key set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct PublicKey {
    /// Its name. None where it has none, or none that can be compared: such a key may be any token's.
    kid: Option<String>,
    numbers: Numbers,
}

/// What a public key consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, point: Vec<u8> },
    Ed25519(Vec<u8>),
}

/// A curve of RFC 7518 section 6.2.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

/// A token whose signature is not verified yet (RFC 7515 section 3.1).
#[derive(Debug)]
pub struct Signed<'a> {
    /// What the signature is about.
    pub message: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    /// The algorithm that the header names.
    pub alg: Algorithm,
    /// The key that the header names.
    pub kid: Option<String>,
}

/// An algorithm of RFC 7518 or RFC 9864 that the crypto backend verifies. Symmetric ones are left out, so that
/// a public key is never taken for a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// EdDSA on Ed25519.
    Ed25519,
}

impl Algorithm {
    /// The algorithm of this name. `EdDSA` is the older name of RFC 8037.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }
}

impl PublicKeys {
    /// Reads a key set. None if it holds no key that can verify a signature.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let entries = lenient::entries(body, "keys")?;
        let keys: Vec<PublicKey> = entries.iter().filter_map(PublicKey::read).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Whether one of these keys has signed the token: one that the token names, or one without a name.
    #[must_use]
    pub fn signed(&self, token: &Signed<'_>) -> bool {
        let mut keys = self.0.iter();
        keys.any(|key| {
            let named = match (&token.kid, &key.kid) {
                (Some(wanted), Some(kid)) => wanted == kid,
                (None, _) | (_, None) => true,
            };
            named && key.numbers.signed(token)
        })
    }
}

impl PublicKey {
    /// One entry. None if it is odd, of a kind that is not known, or not for signatures.
    fn read(entry: &Value) -> Option<Self> {
        // RFC 7517 section 4.2: a key for encryption signs nothing.
        if entry.get("use").and_then(Value::as_str) == Some("enc") {
            return None;
        }
        let number = |name: &str| BASE64URL.decode(entry.get(name)?.as_str()?).ok();
        let curve = entry.get("crv").and_then(Value::as_str);
        let numbers = match (entry.get("kty")?.as_str()?, curve) {
            ("RSA", _) => Numbers::Rsa {
                n: unpadded(&number("n")?),
                e: unpadded(&number("e")?),
            },
            ("EC", Some(curve)) => {
                let curve = Curve::named(curve)?;
                // An uncompressed point: a 4, then both coordinates (SEC 1, section 2.3.3).
                let mut point = vec![4];
                point.extend(padded(&number("x")?, curve.size())?);
                point.extend(padded(&number("y")?, curve.size())?);
                Numbers::Ec { curve, point }
            }
            ("OKP", Some("Ed25519")) => Numbers::Ed25519(number("x")?),
            _ => return None,
        };
        Some(Self {
            kid: entry.get("kid").cloned().and_then(text_or_number),
            numbers,
        })
    }
}

/// A number without leading zeros, which RFC 7518 section 6.3.1.1 forbids and some services write.
fn unpadded(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}

/// A number with leading zeros up to `size` bytes, which some services leave out. None if it is larger.
fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let number = unpadded(number);
    let mut padded = vec![0; size.checked_sub(number.len())?];
    padded.extend(number);
    Some(padded)
}

impl Curve {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "P-256" => Self::P256,
            "P-384" => Self::P384,
            "P-521" => Self::P521,
            _ => return None,
        })
    }

    /// Bytes of a coordinate.
    fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Numbers {
    fn signed(&self, token: &Signed<'_>) -> bool {
        let (message, sig) = (token.message.as_bytes(), token.signature.as_slice());
        match self {
            Self::Rsa { n, e } => {
                let how = match token.alg {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }
                    .verify(how, message, sig)
                    .is_ok()
            }
            Self::Ec { curve, point } => {
                let how = match (token.alg, curve) {
                    (Algorithm::Es256, Curve::P256) => &signature::ECDSA_P256_SHA256_FIXED,
                    (Algorithm::Es384, Curve::P384) => &signature::ECDSA_P384_SHA384_FIXED,
                    (Algorithm::Es512, Curve::P521) => &signature::ECDSA_P521_SHA512_FIXED,
                    _ => return false,
                };
                UnparsedPublicKey::new(how, point)
                    .verify(message, sig)
                    .is_ok()
            }
            Self::Ed25519(x) => {
                token.alg == Algorithm::Ed25519
                    && UnparsedPublicKey::new(&signature::ED25519, x)
                        .verify(message, sig)
                        .is_ok()
            }
        }
    }
}

/// The service's key set, cached.
#[derive(Debug)]
pub struct KeySet {
    clock: Clock,
    cached: Mutex<Cached>,
    /// Held during a read, so that callers who need one at the same moment share it.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Cached {
    keys: Option<Arc<PublicKeys>>,
    /// Until when they are used without another read.
    fresh_until: Seconds,
    /// Until when the service asks not to be called.
    rests_until: Seconds,
    /// How many reads have ended, and why the last failed.
    reads: u64,
    failed: Option<String>,
    /// How many reads tokens may cause, and since when.
    allowed: Seconds,
    allowed_since: Seconds,
}

impl Cached {
    /// Whether the keys are used without another read. A clock that was ahead for a moment does not make them
    /// last longer.
    fn is_fresh(&self, now: Seconds) -> bool {
        (now + 1..=now + FRESH_FOR).contains(&self.fresh_until)
    }

    /// Takes one of the reads that tokens may cause.
    fn allow(&mut self, now: Seconds) -> bool {
        // A clock that was put back starts over.
        let since = self.allowed_since.min(now);
        let grown = (now - since) / READ_EACH;
        if self.allowed + grown >= READS {
            (self.allowed, self.allowed_since) = (READS, now);
        } else {
            self.allowed += grown;
            self.allowed_since = since + grown * READ_EACH;
        }
        let allowed = self.allowed > 0;
        self.allowed -= Seconds::from(allowed);
        allowed
    }
}

/// Why the set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// There is none, or it is too old.
    Age,
    /// No known key has signed a token.
    Token,
}

/// Why nothing can be said about a signature.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoKeys(String);

impl KeySet {
    /// Reads nothing until the first token is verified.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            cached: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key at `jwks_uri` has signed the token.
    ///
    /// # Errors
    /// [`NoKeys`] if that cannot be found out now.
    pub async fn signed(
        &self,
        http: &Outbound,
        jwks_uri: &str,
        token: &Signed<'_>,
    ) -> Result<bool, NoKeys> {
        let now = self.clock.now();
        let (keys, fresh, seen) = {
            let cached = self.cached();
            (cached.keys.clone(), cached.is_fresh(now), cached.reads)
        };
        let read = async |why| self.read(http, jwks_uri, seen, why).await;
        let Some(keys) = keys else {
            return Ok(read(Why::Age).await?.signed(token));
        };
        if fresh {
            return Ok(keys.signed(token) || read(Why::Token).await?.signed(token));
        }
        match read(Why::Age).await {
            Ok(keys) => Ok(keys.signed(token)),
            Err(error) if keys.signed(token) => {
                tracing::warn!(%error, "the key set cannot be read; the keys from before are used");
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the set, or shares the outcome of a read that ended since there had been `seen` of them.
    async fn read(
        &self,
        http: &Outbound,
        jwks_uri: &str,
        seen: u64,
        why: Why,
    ) -> Result<Arc<PublicKeys>, NoKeys> {
        let _one_at_a_time = self.reading.lock().await;
        let now = self.clock.now();
        {
            let mut cached = self.cached();
            match (cached.reads != seen, &cached.failed, &cached.keys) {
                (true, Some(why), _) => return Err(NoKeys(why.clone())),
                (true, None, Some(keys)) => return Ok(keys.clone()),
                _ => {}
            }
            if (now + 1..=now + LONGEST_WAIT).contains(&cached.rests_until) {
                return Err(NoKeys("the service asks to wait".to_owned()));
            }
            if why == Why::Token && !cached.allow(now) {
                // It was read moments ago, and what it held then counts.
                return cached
                    .keys
                    .clone()
                    .ok_or_else(|| NoKeys("there is none".to_owned()));
            }
        }
        let read = self.fetch(http, jwks_uri).await;
        let mut cached = self.cached();
        cached.reads += 1;
        match read {
            Ok(keys) => {
                let keys = Arc::new(keys);
                cached.keys = Some(keys.clone());
                cached.fresh_until = now + FRESH_FOR;
                cached.failed = None;
                Ok(keys)
            }
            Err(Failed { why, asked }) => {
                cached.failed = Some(why.clone());
                cached.fresh_until = cached.fresh_until.max(now + asked.unwrap_or(AGAIN_AFTER));
                cached.rests_until = asked.map_or(cached.rests_until, |asked| now + asked);
                Err(NoKeys(why))
            }
        }
    }

    async fn fetch(&self, http: &Outbound, jwks_uri: &str) -> Result<PublicKeys, Failed> {
        let answer = http
            .get(jwks_uri, SIZE_LIMIT)
            .await
            .map_err(|error| Failed {
                why: error.to_string(),
                asked: None,
            })?;
        let read = match answer.status.is_success() {
            true => PublicKeys::read(&answer.body).ok_or_else(|| "it holds no key".to_owned()),
            false => Err(answer.status.to_string()),
        };
        read.map_err(|why| Failed {
            why,
            asked: answer.retry_after(self.clock.now()),
        })
    }
}

/// Why a read brought no keys, and how long the service asks not to be called.
struct Failed {
    why: String,
    asked: Option<Seconds>,
}
