//! ID tokens and the key sets that decide about them.
//!
//! `k`: a key set and a token, a line each. `r`: header and claims, a line each, signed with the
//! service's key.

use std::sync::OnceLock;

use latchkey::key_set::PublicKeys;
use latchkey::lenient;
use latchkey::secret::Secret;
use latchkey::service::id_token::{Expected, verify};
use serde_json::{Value, json};

use super::jwt::{NOW, atlassian, sign_rs256};
use super::jwt_model::to_base64url;

const ISSUER: &str = "https://acme.example.com";
const CLIENT: &str = "client";
const NONCE: &str = "the-nonce-of-this-attempt";

pub fn run(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let newline = rest.iter().position(|byte| *byte == b'\n');
    let (first, second) = rest.split_at(newline.unwrap_or(rest.len()));
    let second = second.get(1..).unwrap_or_default();
    let nonce = Secret::new(NONCE);
    let expected = Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: &nonce,
    };
    if *how != b'r' {
        if let Some(keys) = PublicKeys::read(first) {
            let _ = verify(&String::from_utf8_lossy(second), &keys, &expected, NOW);
        }
        return;
    }
    let token = sign_rs256(first, second);
    let Ok(claims) = verify(&token, service_keys(), &expected, NOW) else {
        return;
    };
    let header = lenient::read(first).expect("it was read");
    assert_eq!(header["alg"], "RS256");
    let said = lenient::read(second).expect("it was read");
    assert_eq!(said["iss"], ISSUER);
    assert_eq!(said["nonce"], NONCE);
    assert_eq!(said["sub"], claims.sub);
    assert!(!claims.sub.is_empty());
    let is_ours = |aud: &Value| aud == CLIENT;
    match &said["aud"] {
        Value::Array(auds) => {
            assert!(auds.iter().any(is_ours));
            assert!(auds.iter().all(is_ours) || said["azp"] == CLIENT);
        }
        aud => assert!(is_ours(aud)),
    }
    assert!(said["azp"].is_null() || said["azp"] == CLIENT);
    let date = |name: &str| said[name].as_f64();
    assert!(date("exp").expect("a number") > (NOW - 30) as f64);
    for name in ["iat", "nbf"] {
        assert!(said[name].is_null() || date(name).expect("a number") < (NOW + 31) as f64);
    }
    let shown = claims.names.best();
    assert!(shown.is_none_or(|name| !name.is_empty() && !name.contains(char::is_control)));
}

/// The public key of the tests as a key set.
fn service_keys() -> &'static PublicKeys {
    static KEYS: OnceLock<PublicKeys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let (modulus, exponent) = modulus_and_exponent(&atlassian().der);
        let keys = json!({"keys": [{"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256",
            "n": to_base64url(modulus), "e": to_base64url(exponent)}]});
        PublicKeys::read(keys.to_string().as_bytes()).expect("it is a key set")
    })
}

/// Both integers stand at the end of the DER: `02 82 len len 00 modulus 02 03 exponent`.
fn modulus_and_exponent(der: &[u8]) -> (&[u8], &[u8]) {
    let (rest, exponent) = der.split_at(der.len() - 3);
    let modulus = &rest[rest.len() - 2 - 256..rest.len() - 2];
    (modulus, exponent)
}
