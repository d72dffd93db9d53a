//! Encrypts a key to a public key: JWE (RFC 7516) with direct key agreement.
//!
//! `ECDH-ES` (RFC 7518, section 4.6; RFC 8037 for X25519) with `A256GCM`, in the compact form. Each value
//! has its own ephemeral key, so one sealed value reveals nothing about the next. Only the owner of the
//! private key can open a value. This program cannot.

use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::ShouldBe;
use crate::random::Random;
use crate::secret::Secret;

const ALGORITHM: &str = "ECDH-ES";
const ENCRYPTION: &str = "A256GCM";
/// How a DER-encoded public key (RFC 5280) of P-256 begins (RFC 5480); an uncompressed point follows.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same for X25519 (RFC 8410). The 32 bytes of the key follow.
const SPKI_X25519: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
];
/// How an uncompressed point begins (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// Coordinates of P-256, and keys of X25519, in bytes.
const COORDINATE: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    X25519,
}

impl Curve {
    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::X25519 => &agreement::X25519,
        }
    }
}

/// The public key that API keys are sealed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    curve: Curve,
    /// An uncompressed point, or the 32 bytes of X25519.
    bytes: Vec<u8>,
    kid: String,
}

/// The fields of a JWK (RFC 7517) that are used here, in the order of RFC 7638.
#[derive(Serialize, Deserialize)]
struct Jwk {
    crv: String,
    kty: String,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing)]
    kid: Option<String>,
    /// The private part. A key with it is refused: the operator confused the private with the public key.
    #[serde(skip_serializing)]
    d: Option<Secret>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    enc: &'static str,
    kid: &'a str,
    epk: Jwk,
}

/// A value could not be sealed. Only a bug can cause this.
#[derive(Debug, thiserror::Error)]
#[error("a key cannot be sealed to the public key")]
pub struct CannotSeal;

impl PublicKey {
    /// Reads a JWK in JSON or a PEM with a public key, of P-256 or X25519. None for anything else, such as a
    /// point off the curve or a private key.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let key = if text.trim_start().starts_with('{') {
            Self::of_jwk(serde_json::from_str(text).ok()?)
        } else {
            Self::of_pem(text)
        }?;
        // A trial agreement checks that the point is on the curve.
        let trial = Ephemeral::new(key.curve, &Random::seeded(0)).ok()?;
        trial.agree(&key).ok()?;
        Some(key)
    }

    fn of_jwk(jwk: Jwk) -> Option<Self> {
        if jwk.d.is_some() {
            return None;
        }
        let coordinate = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            (bytes.len() == COORDINATE).then_some(bytes)
        };
        let x = coordinate(&jwk.x)?;
        let (curve, bytes) = match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
            ("EC", "P-256", Some(y)) => {
                let point = [vec![UNCOMPRESSED], x, coordinate(y)?].concat();
                (Curve::P256, point)
            }
            ("OKP", "X25519", None) => (Curve::X25519, x),
            _ => return None,
        };
        let plain =
            |kid: &String| (1..=255).contains(&kid.len()) && !kid.contains(char::is_control);
        let kid = match jwk.kid {
            Some(kid) => Some(kid).filter(plain)?,
            None => thumbprint(curve, &bytes),
        };
        Some(Self { curve, bytes, kid })
    }

    fn of_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
        let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).ok()?;
        let (curve, bytes) = match (der.strip_prefix(&SPKI_P256), der.strip_prefix(&SPKI_X25519)) {
            (Some(point @ [UNCOMPRESSED, ..]), _) if point.len() == 1 + 2 * COORDINATE => {
                (Curve::P256, point)
            }
            (_, Some(key)) if key.len() == COORDINATE => (Curve::X25519, key),
            _ => return None,
        };
        Some(Self {
            curve,
            bytes: bytes.to_vec(),
            kid: thumbprint(curve, bytes),
        })
    }

    /// The id in its JWK, or else its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Seals a text so that only the private key can open it.
    ///
    /// # Errors
    /// Only because of a bug: [`PublicKey::read`] has tried the key.
    pub fn seal(&self, random: &Random, value: &Secret) -> Result<String, CannotSeal> {
        let ephemeral = Ephemeral::new(self.curve, random)?;
        let shared = ephemeral.agree(self)?;
        let header = Header {
            alg: ALGORITHM,
            enc: ENCRYPTION,
            kid: &self.kid,
            epk: jwk(self.curve, &ephemeral.public),
        };
        let header = serde_json::to_vec(&header).map_err(|_| CannotSeal)?;
        let header = URL_SAFE_NO_PAD.encode(header);
        let key = derive(&shared, ENCRYPTION, b"", b"", 256);
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| CannotSeal)?;
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut text = Zeroizing::new(value.expose().as_bytes().to_vec());
        let tag = LessSafeKey::new(key)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header.as_bytes()),
                &mut text,
            )
            .map_err(|_| CannotSeal)?;
        let [nonce, text, tag] =
            [&nonce[..], &text[..], tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
        // The encrypted key is empty with direct key agreement (RFC 7516, section 5.1, step 5).
        Ok(format!("{header}..{nonce}.{text}.{tag}"))
    }
}

impl FromStr for PublicKey {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        Self::read(text).ok_or(ShouldBe::new(
            "a public key of P-256 or X25519, as JWK or PEM",
        ))
    }
}

/// Our half of an agreement, for one value.
struct Ephemeral {
    private: agreement::PrivateKey,
    public: Vec<u8>,
}

impl Ephemeral {
    fn new(curve: Curve, random: &Random) -> Result<Self, CannotSeal> {
        // About one in four thousand million 32-byte numbers is beyond the order of P-256.
        (0..8)
            .find_map(|_| {
                let bytes = Zeroizing::new(random.bytes::<COORDINATE>());
                Self::of(curve, &bytes[..])
            })
            .ok_or(CannotSeal)
    }

    fn of(curve: Curve, bytes: &[u8]) -> Option<Self> {
        let private = agreement::PrivateKey::from_private_key(curve.algorithm(), bytes).ok()?;
        let public = private.compute_public_key().ok()?.as_ref().to_vec();
        Some(Self { private, public })
    }

    fn agree(&self, with: &PublicKey) -> Result<Zeroizing<Vec<u8>>, CannotSeal> {
        let theirs = UnparsedPublicKey::new(with.curve.algorithm(), &with.bytes);
        agreement::agree(&self.private, theirs, CannotSeal, |shared| {
            Ok(Zeroizing::new(shared.to_vec()))
        })
    }
}

/// One round of Concat KDF (NIST SP 800-56A, as RFC 7518 section 4.6.2 uses it), for keys of up to 256
/// bits.
fn derive(shared: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
    let mut input = Zeroizing::new(1_u32.to_be_bytes().to_vec());
    input.extend_from_slice(shared);
    for part in [algorithm.as_bytes(), apu, apv] {
        input.extend_from_slice(&(part.len() as u32).to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(&bits.to_be_bytes());
    let hash = digest(&SHA256, &input);
    Zeroizing::new(hash.as_ref()[..bits as usize / 8].to_vec())
}

fn jwk(curve: Curve, bytes: &[u8]) -> Jwk {
    let (crv, kty, x, y) = match curve {
        Curve::P256 => {
            let (x, y) = bytes[1..].split_at(COORDINATE);
            ("P-256", "EC", x, Some(URL_SAFE_NO_PAD.encode(y)))
        }
        Curve::X25519 => ("X25519", "OKP", bytes, None),
    };
    Jwk {
        crv: crv.to_owned(),
        kty: kty.to_owned(),
        x: URL_SAFE_NO_PAD.encode(x),
        y,
        kid: None,
        d: None,
    }
}

/// RFC 7638: the hash of the required members in the order of their names.
fn thumbprint(curve: Curve, bytes: &[u8]) -> String {
    let text = serde_json::to_vec(&jwk(curve, bytes)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7518, appendix C: Bob's public key, and Alice's ephemeral one.
    const BOB: &str = r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
        "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}"#;
    const ALICE_PRIVATE: &str = "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo";
    const ALICE_X: &str = "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0";

    fn decoded(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_worked_example_of_the_standard_comes_out() {
        let alice = Ephemeral::of(Curve::P256, &decoded(ALICE_PRIVATE)).unwrap();
        assert_eq!(jwk(Curve::P256, &alice.public).x, ALICE_X);
        let shared = alice.agree(&PublicKey::read(BOB).unwrap()).unwrap();
        let key = derive(&shared, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(URL_SAFE_NO_PAD.encode(&key[..]), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn a_key_without_a_name_goes_by_its_thumbprint() {
        // RFC 8037, appendix A.3 hashes an Ed25519 key in this way; the same text with our curve.
        let x = "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo";
        let key = PublicKey::read(&format!(r#"{{"kty":"OKP","crv":"X25519","x":"{x}"}}"#)).unwrap();
        let text = format!(r#"{{"crv":"X25519","kty":"OKP","x":"{x}"}}"#);
        let hash = digest(&SHA256, text.as_bytes());
        assert_eq!(key.kid(), URL_SAFE_NO_PAD.encode(hash));
        let named = format!(r#"{{"kty":"OKP","crv":"X25519","x":"{x}","kid":"mine"}}"#);
        assert_eq!(PublicKey::read(&named).unwrap().kid(), "mine");
    }

    #[test]
    fn only_public_keys_of_the_two_curves_are_read() {
        let pem = |prefix: &[u8], key: &[u8]| {
            let der = STANDARD.encode([prefix, key].concat());
            format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
        };
        let bob = PublicKey::read(BOB).unwrap();
        assert_eq!(
            PublicKey::read(&pem(&SPKI_P256, &bob.bytes)),
            Some(bob.clone())
        );
        let x = decoded("hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo");
        assert!(PublicKey::read(&pem(&SPKI_X25519, &x)).is_some());

        let mut off_the_curve = bob.bytes.clone();
        off_the_curve[64] ^= 1;
        assert_eq!(PublicKey::read(&pem(&SPKI_P256, &off_the_curve)), None);
        assert_eq!(
            PublicKey::read(&pem(&SPKI_X25519, &[0; 32])),
            None,
            "of small order"
        );
        assert_eq!(PublicKey::read(&pem(&SPKI_X25519, &x[1..])), None);
        let private = BOB.replace(
            "\"kty\"",
            "\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\",\"kty\"",
        );
        for text in [
            private.as_str(),
            "",
            "{}",
            "magic",
            &BOB.replace("P-256", "P-384"),
        ] {
            assert_eq!(PublicKey::read(text), None, "{text}");
        }
    }

    #[test]
    fn no_two_sealed_values_are_alike() {
        let bob = PublicKey::read(BOB).unwrap();
        let seal = || bob.seal(&Random::system(), &Secret::new("key")).unwrap();
        let (one, two) = (seal(), seal());
        assert_ne!(one, two);
        let parts: Vec<&str> = one.split('.').collect();
        assert_eq!((parts.len(), parts[1]), (5, ""));
        let header: serde_json::Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
        assert_eq!(header["alg"], "ECDH-ES");
        assert_eq!(header["kid"], bob.kid());
    }
}
