//! Jira's own hand at qsh and JWTs, independent of the product's: two readings of the same rules
//! must agree before a test passes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

/// The query string hash of a request. `path` is relative to the base URL of the receiver.
pub fn query_hash(method: &str, path: &str, query: &str) -> String {
    let mut path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "jwt" {
            parameters
                .entry(percent(&name))
                .or_default()
                .push(value.into_owned());
        }
    }
    let query: Vec<String> = parameters
        .into_iter()
        .map(|(name, mut values)| {
            values.sort();
            let values: Vec<String> = values.iter().map(|value| percent(value)).collect();
            format!("{name}={}", values.join(","))
        })
        .collect();
    let canonical = format!(
        "{}&{}&{}",
        method.to_uppercase(),
        path.replace('&', "%26"),
        query.join("&")
    );
    hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
}

/// RFC 3986 percent-encoding: only the unreserved characters stay.
pub fn percent(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// What a test bends in a token before it is signed. Without any of it the token is the one Jira
/// would send.
#[derive(Clone, Default)]
pub struct Overrides {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    secret: Option<String>,
    foreign_key: bool,
}

impl Overrides {
    pub fn none() -> Self {
        Self::default()
    }

    /// Replaces or adds a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(self, name: &str) -> Self {
        self.claim(name, Value::Null)
    }

    /// Replaces or adds a header field; the signature follows `alg` (`none` leaves it empty).
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Signs HS256 with this secret instead of the tenant's.
    pub fn secret(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    /// Signs RS256 with a key that is not the published one of that `kid`.
    pub fn foreign_key(mut self) -> Self {
        self.foreign_key = true;
        self
    }
}

/// Signs a token as its header says, after the overrides were applied.
pub fn mint(header: Value, claims: Value, secret: &str, overrides: &Overrides) -> String {
    let (alg, input) = signing_input(header, claims, overrides);
    let secret = overrides.secret.as_deref().unwrap_or(secret);
    let signature = match alg.as_deref() {
        Some("HS256") => hs256(secret, &input),
        Some("RS256") if overrides.foreign_key => rs256(foreign_install_key(), &input),
        Some("RS256") => rs256(install_key(), &input),
        _ => Vec::new(),
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs a token of RS256 with this key, after the overrides were applied.
pub fn mint_rs256(header: Value, claims: Value, key: &RsaKeyPair, overrides: &Overrides) -> String {
    let (alg, input) = signing_input(header, claims, overrides);
    let signature = match (alg.as_deref(), overrides.foreign_key) {
        (Some("none"), _) => Vec::new(),
        (Some("HS256"), _) => hs256(overrides.secret.as_deref().unwrap_or_default(), &input),
        (_, true) => rs256(foreign_install_key(), &input),
        (_, false) => rs256(key, &input),
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The algorithm that the header names, and the text to be signed.
fn signing_input(header: Value, claims: Value, overrides: &Overrides) -> (Option<String>, String) {
    let header = merged(header, &overrides.header);
    let claims = merged(claims, &overrides.claims);
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    (header["alg"].as_str().map(str::to_owned), input)
}

fn hs256(secret: &str, input: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
}

fn rs256(key: &RsaKeyPair, input: &str) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    let random = rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
        .expect("an RSA key signs");
    signature
}

/// A token's claims, if it is HS256 and signed with one of the secrets.
pub fn open_hs256(token: &str, secrets: &[String]) -> Result<Map<String, Value>, String> {
    let (input, signature) = token.rsplit_once('.').ok_or("not a JWT")?;
    let (header, claims) = input.split_once('.').ok_or("not a JWT")?;
    let header = object(header)?;
    if header.get("alg") != Some(&json!("HS256")) {
        return Err("the algorithm is not HS256".into());
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| "the signature is not base64url")?;
    let signed = secrets.iter().any(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, input.as_bytes(), &signature).is_ok()
    });
    if !signed {
        return Err("the signature does not fit the shared secret".into());
    }
    object(claims)
}

/// The claims of a token nobody has checked yet: only to learn whose secret to check it with.
pub fn peek(token: &str) -> Option<Map<String, Value>> {
    object(token.split('.').nth(1)?).ok()
}

/// Checks `exp` and `iat`, which Jira insists on, against its clock.
pub fn check_times(claims: &Map<String, Value>, now: i64, longest: i64) -> Result<(), String> {
    const LEEWAY: i64 = 30;
    let number = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_i64)
            .ok_or(format!("{name} is missing or no number"))
    };
    let (iat, exp) = (number("iat")?, number("exp")?);
    if exp + LEEWAY < now {
        return Err(format!("expired {} s ago", now - exp));
    }
    if iat > now + LEEWAY {
        return Err(format!("issued {} s in the future", iat - now));
    }
    if exp - iat > longest {
        return Err(format!("lives {} s, longer than {longest} s", exp - iat));
    }
    Ok(())
}

/// The public half of the install key, as the key server gives it.
pub fn install_key_pem() -> String {
    let der: PublicKeyX509Der<'_> = install_key().public_key().as_der().expect("a key has DER");
    let text = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

/// Random lower-case hex, `bytes` long before encoding.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    rand::fill(&mut buffer).expect("the system gives random bytes");
    hex(&buffer)
}

/// A random identifier in the shape of a UUID.
pub fn random_uuid() -> String {
    let hex = random_hex(16);
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object(part: &str) -> Result<Map<String, Value>, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| "not base64url".to_owned())?;
    serde_json::from_slice(&bytes).map_err(|_| "not a JSON object".to_owned())
}

fn merged(original: Value, changes: &Map<String, Value>) -> Value {
    let Value::Object(mut map) = original else {
        return original;
    };
    for (name, value) in changes {
        // The path of a claim inside of others.
        if let Some((inside, last)) = name.rsplit_once('/') {
            let mut whole = Value::Object(std::mem::take(&mut map));
            let place = whole
                .pointer_mut(inside)
                .expect("a test names what is there");
            match (place, value) {
                (Value::Object(place), Value::Null) => drop(place.remove(last)),
                (place, value) => place[last] = value.clone(),
            }
            let Value::Object(changed) = whole else {
                unreachable!("it was an object")
            };
            map = changed;
            continue;
        }
        match value {
            Value::Null => map.remove(name),
            value => map.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(map)
}

// Made once for a process: the search for primes is the slowest thing the simulator does.
fn install_key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made"))
}

fn foreign_install_key() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_hashes_come_out() {
        assert_eq!(
            query_hash("GET", "/", ""),
            "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"
        );
        assert_eq!(
            query_hash("post", "/installed/", "jwt=x"),
            "4a2e1de8ca74e6cafe8862d332fa3ac7a8e51e692bc6d798ea4dfedc14948bf4"
        );
        let path = "/rest/api/3/user/properties/acct-link";
        assert_eq!(
            query_hash("PUT", path, "accountId=5b10ac8d82e05b22cc7d4ef5"),
            "c4e0996863ef8452bfc455d374623ad1eaea2dfc3c8ef0ece0c35763eda390b6"
        );
        assert_eq!(
            query_hash("PUT", path, "accountId=557058:a"),
            query_hash("PUT", path, "accountId=557058%3Aa")
        );
    }
}
