//! A private key on P-256 of the operator's: it signs JWTs with ES256 and shows its public half.
//!
//! Two things of Latchkey are signed with such keys, each with a key of its own: assertions that prove which client
//! it is ([`client_auth`](super::client_auth)), and DPoP proofs ([`dpop`](super::dpop)). API keys are signed with
//! keys of another kind, which nobody but Latchkey has ([`keys::signing`](crate::keys::signing)).

use std::str::FromStr;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::error::{Error, ShouldBe};
use crate::secret::fingerprint_of;

/// The most keys in one text: one signs, and another is about to, or did.
const MOST: usize = 2;
const LABELS: [&str; 2] = ["PRIVATE KEY", "EC PRIVATE KEY"];

/// A private key.
#[derive(Clone)]
pub struct PrivateKey {
    key: EncodingKey,
    x: String,
    y: String,
    thumbprint: String,
}

/// One private key, or two while one takes the place of the other. The first signs.
#[derive(Clone)]
pub struct PrivateKeys(Vec<PrivateKey>);

/// How the header of a JWT says which key has signed it.
#[derive(Debug, Clone, Copy)]
pub enum Named {
    /// By its `kid`.
    ById,
    /// By its whole public half.
    Whole,
}

impl PrivateKey {
    fn of_der(der: &[u8]) -> Option<Self> {
        let pair =
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        // An uncompressed point: a 4, then both coordinates.
        let (_, point) = pair.public_key().as_ref().split_first()?;
        let (x, y) = point.split_at_checked(point.len() / 2)?;
        let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
        // RFC 7638: the required members in the order of their names.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        Some(Self {
            key: EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()),
            thumbprint: fingerprint_of(members.as_bytes()),
            x,
            y,
        })
    }

    /// The thumbprint of its public half (RFC 7638), which is its `kid` too.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Its public half (RFC 7517), with no more than a verifier needs.
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({ "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y })
    }

    /// Its public half as an entry of a key set. `use` and `alg` tell it from keys for anything else.
    #[must_use]
    pub fn published(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = self.thumbprint.as_str().into();
        jwk["alg"] = "ES256".into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// A JWT of this type with these claims.
    ///
    /// # Errors
    /// Only because of a bug.
    pub fn sign(&self, typ: &str, named: Named, claims: &Value) -> Result<String, Error> {
        let bug = || Error::Internal("a JWT cannot be signed".to_owned());
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        match named {
            Named::ById => header.kid = Some(self.thumbprint.clone()),
            Named::Whole => {
                header.jwk = Some(serde_json::from_value(self.jwk()).map_err(|_| bug())?)
            }
        }
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| bug())
    }
}

impl PrivateKeys {
    /// The key that signs.
    #[must_use]
    pub fn first(&self) -> &PrivateKey {
        &self.0[0]
    }

    /// All of them.
    pub fn each(&self) -> impl Iterator<Item = &PrivateKey> {
        self.0.iter()
    }
}

/// The private keys in a PEM text. None if one of them cannot be read. Other parts, such as `EC PARAMETERS`, are
/// skipped.
fn all_in(text: &str) -> Option<Vec<PrivateKey>> {
    let parts = pem::parse_many(text).ok()?;
    let keys = parts.iter().filter(|part| LABELS.contains(&part.tag()));
    keys.map(|part| PrivateKey::of_der(part.contents()))
        .collect()
}

impl FromStr for PrivateKeys {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let keys = all_in(text).filter(|keys| (1..=MOST).contains(&keys.len()));
        keys.map(Self).ok_or(ShouldBe::new(
            "one private key on P-256 as PEM, or two while one takes the place of the other, as \
             `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` prints them",
        ))
    }
}

impl FromStr for PrivateKey {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        match all_in(text).as_deref() {
            Some([key]) => Ok(key.clone()),
            _ => Err(ShouldBe::new(
                "a private key on P-256 as PEM, as \
                 `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` prints it",
            )),
        }
    }
}

/// A new key pair, and its private key as an operator gives it.
#[cfg(test)]
pub(crate) fn generated(
    how: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm,
) -> (EcdsaKeyPair, String) {
    let pair = EcdsaKeyPair::generate(how).expect("a key pair");
    let der = pair.to_pkcs8v1().expect("it can be written");
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
    (pair, pem)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, UnparsedPublicKey,
    };

    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn keys_are_read_as_openssl_writes_them() {
        let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ((pair, one), (_, other)) = (generated(how), generated(how));
        let key: PrivateKey = one.parse().unwrap_or_else(|_| panic!("{one}"));
        let sec1 = STANDARD.encode(pair.private_key().as_der().unwrap().as_ref());
        let old = format!(
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
             -----BEGIN EC PRIVATE KEY-----\n{sec1}\n-----END EC PRIVATE KEY-----"
        );
        let same: PrivateKey = old.parse().unwrap_or_else(|_| panic!("{old}"));
        assert_eq!(same.thumbprint(), key.thumbprint());
        let both: PrivateKeys = format!("{one}{other}").parse().unwrap_or_else(|_| panic!());
        assert_eq!(both.first().thumbprint(), key.thumbprint());
        assert_eq!(both.each().count(), 2);
        let (_, wide) = generated(&ECDSA_P384_SHA384_FIXED_SIGNING);
        let cut = &one[..one.len() / 2];
        for bad in [
            "",
            "x",
            cut,
            &wide,
            &format!("{one}{other}{one}"),
            &format!("{one}{wide}"),
        ] {
            assert!(bad.parse::<PrivateKeys>().is_err(), "{bad}");
        }
        assert!(format!("{one}{other}").parse::<PrivateKey>().is_err());
    }

    #[test]
    fn a_jwt_is_verified_by_what_is_published() {
        let (_, pem) = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let key: PrivateKey = pem.parse().unwrap_or_else(|_| panic!());
        let jwt = key.sign("JWT", Named::ById, &json!({"a": 1})).unwrap();
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let published = key.published();
        let mut point = vec![4];
        for name in ["x", "y"] {
            let number = published[name].as_str().unwrap();
            point.extend(URL_SAFE_NO_PAD.decode(number).unwrap());
        }
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        verifier.verify(signed.as_bytes(), &signature).unwrap();
        assert_eq!(published["kid"], key.thumbprint());
        assert!(published.get("d").is_none());
    }
}
