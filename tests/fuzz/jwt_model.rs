//! Which tokens are good, a second time: no crate for JWTs, an own base64, and the rules as sentences.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// What decides about a signature.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// HS256.
    Secret(&'a [u8]),
    /// RS256; the public key as DER of PKCS #1 or SPKI.
    Rsa(&'a [u8]),
}

/// What a token is shown for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    pub key: Key<'a>,
    /// `context-qsh`, or the hash of the request.
    pub qsh: &'a str,
    /// Our base URL, where the token must be for us.
    pub audience: Option<&'a str>,
    /// How old it may be, where it tells of something that has just happened.
    pub age: Option<i64>,
    pub now: i64,
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq)]
pub struct Says {
    pub issuer: String,
    pub account: Option<String>,
    pub expires_at: i64,
}

/// What a token says, if it is good for this.
pub fn good(token: &str, purpose: &Purpose<'_>) -> Option<Says> {
    if token.len() > 8192 {
        return None;
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return None;
    };
    let signed = format!("{header}.{claims}");
    let header = Pairs::read(&base64url(header)?, HEADER)?;
    let claims = Pairs::read(&base64url(claims)?, CLAIMS)?;
    let signature = base64url(signature)?;

    let algorithm = match purpose.key {
        Key::Secret(_) => "HS256",
        Key::Rsa(_) => "RS256",
    };
    let fits = header.text("alg")?.as_deref() == Some(algorithm);
    let keyed = header.text("kid")?.is_some() || matches!(purpose.key, Key::Secret(_));
    header.text("typ")?;
    if !fits || !keyed || header.get("crit").is_some() {
        return None;
    }
    match purpose.key {
        Key::Secret(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::verify(&key, signed.as_bytes(), &signature).ok()?;
        }
        Key::Rsa(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .verify(signed.as_bytes(), &signature)
            .ok()?,
    }

    let (exp, iat) = (claims.number("exp")??, claims.number("iat")??);
    let nbf = claims.number("nbf")?;
    let now = i128::from(purpose.now);
    let in_time = i128::from(exp) + 30 > now
        && i128::from(iat) <= now + 30
        && i128::from(nbf.unwrap_or(i64::MIN)) <= now + 30
        && i128::from(exp) <= now + 86_400
        && purpose
            .age
            .is_none_or(|age| i128::from(iat) >= now - i128::from(age) - 30);
    let bound = claims.text("qsh")?.as_deref() == Some(purpose.qsh);
    if !in_time || !bound {
        return None;
    }
    let audience = match claims.get("aud") {
        None => None,
        Some(Value::String(aud)) => Some(vec![aud.clone()]),
        Some(Value::Array(auds)) => Some(
            auds.iter()
                .map(|aud| aud.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()?,
        ),
        Some(_) => return None,
    };
    if let Some(ours) = purpose.audience {
        let with_slash = format!("{ours}/");
        match audience?.as_slice() {
            [only] if only == ours || *only == with_slash => {}
            _ => return None,
        }
    }
    let is_id = |text: &str, longest: usize| {
        !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
    };
    let issuer = claims.text("iss")??;
    let account = claims.text("sub")?.filter(|sub| !sub.is_empty());
    if !is_id(&issuer, 255) || account.as_ref().is_some_and(|sub| !is_id(sub, 128)) {
        return None;
    }
    Some(Says {
        issuer,
        account,
        expires_at: exp,
    })
}

/// A token of these bytes, signed with HS256.
pub fn sign(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    let input = format!("{}.{}", to_base64url(header), to_base64url(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", to_base64url(signature.as_ref()))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648 section 5 without padding, and with nothing in the bits that are left over.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then_some(out)
}

/// The reverse.
pub fn to_base64url(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=chunk.len() {
            let value = bits >> (18 - 6 * at) & 63;
            out.push(char::from(ALPHABET[value as usize]));
        }
    }
    out
}

const HEADER: &[&str] = &["alg", "typ", "kid", "crit"];
const CLAIMS: &[&str] = &["iss", "sub", "aud", "exp", "iat", "nbf", "qsh"];

/// An object's fields that somebody reads, as they stand there. What nobody reads is not looked into.
struct Pairs(Vec<(String, Value)>);

impl Pairs {
    fn read(json: &[u8], wanted: &'static [&'static str]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let pairs = deserializer.deserialize_map(Wanted(wanted)).ok()?;
        deserializer.end().ok()?;
        // What stands twice could be read in two ways.
        let mut names: Vec<&str> = pairs.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        (!twice).then_some(pairs)
    }

    /// A field that is there; `null` says that it is not.
    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// None for something that is no text.
    fn text(&self, name: &str) -> Option<Option<String>> {
        match self.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        }
    }

    /// None for something that is no whole number.
    fn number(&self, name: &str) -> Option<Option<i64>> {
        match self.get(name) {
            None => Some(None),
            Some(value) => value.as_i64().map(Some),
        }
    }
}

struct Wanted(&'static [&'static str]);

impl<'de> Visitor<'de> for Wanted {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.contains(&name.as_str()) {
                pairs.push((name, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Pairs(pairs))
    }
}
