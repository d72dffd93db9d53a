//! Verifies ID tokens (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Their claims are read as RFC 7519 allows them: a date may have a fraction, and `aud` may be a text or a list.
//! A refusal names the claim that is wrong.

use base64::Engine as _;
use serde_json::Value;

use super::answers::{Names, subject};
use super::discovery::TENANT;
use crate::clock::Seconds;
use crate::key_set::{Algorithm, BASE64URL, NoKeys, PublicKeys, Signed};
use crate::lenient::{self, text_or_number};
use crate::secret::{Secret, same};

const LEEWAY: Seconds = 30;

/// The values that the token must contain.
pub struct Expected<'a> {
    /// Issuer.
    pub issuer: &'a str,
    /// Our client id.
    pub client_id: &'a str,
    /// The attempt's nonce.
    pub nonce: &'a Secret,
}

/// The claims of a verified token.
#[derive(Debug)]
pub struct IdClaims {
    /// Subject.
    pub sub: String,
    /// Names, of which each service gives some.
    pub names: Names,
}

/// Whether `iss` is this issuer. If the issuer has a placeholder for the tenant, whether `iss` is the issuer
/// of one tenant: of `tenant`, if it is known.
#[must_use]
pub fn is_issuer(issuer: &str, iss: &str, tenant: Option<&str>) -> bool {
    let Some((before, after)) = issuer.split_once(TENANT) else {
        return same(issuer, iss);
    };
    let found = iss
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    found.is_some_and(|found| {
        let plain = found.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        found.len() == 36 && plain && tenant.is_none_or(|tenant| same(tenant, found))
    })
}

/// Why an ID token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// It is malformed, forged, expired or meant for another client.
    #[error("the ID token is not valid: {0}")]
    Invalid(&'static str),
    /// It is genuine but has the nonce of another attempt: the code was not issued for this one.
    #[error("the ID token has the nonce of another attempt")]
    OtherNonce,
    /// The key set cannot be read.
    #[error("the key set cannot be read: {0}")]
    NoKeys(#[from] NoKeys),
}

/// The reason if no key has signed a token.
const NOT_SIGNED: IdTokenError = IdTokenError::Invalid("no key of the service has signed it");

/// Verifies a token with these keys, at this time.
///
/// # Errors
/// [`IdTokenError::Invalid`] and [`IdTokenError::OtherNonce`].
pub fn verify(
    token: &str,
    keys: &PublicKeys,
    expected: &Expected<'_>,
    now: Seconds,
) -> Result<IdClaims, IdTokenError> {
    let (signed, payload) = read(token)?;
    match keys.signed(&signed) {
        true => claims(payload, expected, now),
        false => Err(NOT_SIGNED),
    }
}

/// The same, if `signed` finds out whether a key of the service has signed the token.
///
/// # Errors
/// As [`verify`], and [`IdTokenError::NoKeys`].
pub async fn verify_by(
    token: &str,
    signed: impl AsyncFnOnce(&Signed<'_>) -> Result<bool, NoKeys>,
    expected: &Expected<'_>,
    now: Seconds,
) -> Result<IdClaims, IdTokenError> {
    let (parts, payload) = read(token)?;
    match signed(&parts).await? {
        true => claims(payload, expected, now),
        false => Err(NOT_SIGNED),
    }
}

/// Takes a token apart (RFC 7515 section 7.1).
fn read(token: &str) -> Result<(Signed<'_>, &str), IdTokenError> {
    let malformed = || IdTokenError::Invalid("it is malformed");
    let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
    if payload.contains('.') {
        return Err(IdTokenError::Invalid("it is encrypted"));
    }
    let header = decoded(header).ok_or_else(malformed)?;
    let alg = header.get("alg").and_then(Value::as_str);
    let alg = alg
        .and_then(Algorithm::named)
        .ok_or(IdTokenError::Invalid("its algorithm is not accepted"))?;
    // RFC 7515 section 4.1.11: an unknown critical header makes the token invalid.
    if header.get("crit").is_some() {
        return Err(IdTokenError::Invalid("it has a critical extension"));
    }
    let signed = Signed {
        message,
        signature: BASE64URL.decode(signature).map_err(|_| malformed())?,
        alg,
        kid: header.get("kid").cloned().and_then(text_or_number),
    };
    Ok((signed, payload))
}

/// A part of a token, which is a JSON object.
fn decoded(part: &str) -> Option<Value> {
    let bytes = BASE64URL.decode(part).ok()?;
    lenient::read(&bytes).filter(Value::is_object)
}

/// A date of RFC 7519 section 2, as whole seconds: it may have a fraction and any size.
fn date(value: &Value) -> Option<Seconds> {
    let number = value.as_number()?;
    number
        .as_i64()
        .or_else(|| number.as_u64().map(|_| Seconds::MAX))
        // The cast ends at the largest and smallest number.
        .or_else(|| number.as_f64().map(|seconds| seconds.floor() as Seconds))
}

/// Checks the claims of a token whose signature is verified.
fn claims(payload: &str, expected: &Expected<'_>, now: Seconds) -> Result<IdClaims, IdTokenError> {
    let invalid = IdTokenError::Invalid;
    let claims = decoded(payload).ok_or(invalid("its claims are not JSON"))?;
    let claim = |name: &str| claims.get(name).filter(|value| !value.is_null());
    let text = |name: &str| claim(name).and_then(Value::as_str);

    let iss = text("iss").ok_or(invalid("iss is missing or not a text"))?;
    if !is_issuer(expected.issuer, iss, text("tid")) {
        return Err(invalid("iss is another issuer"));
    }
    is_ours(claim("aud"), claim("azp"), expected.client_id).map_err(invalid)?;

    let latest = now.saturating_add(LEEWAY);
    let exp = claim("exp").ok_or(invalid("exp is missing"))?;
    let exp = date(exp).ok_or(invalid("exp is not a number"))?;
    if exp.saturating_add(LEEWAY) <= now {
        return Err(invalid("exp has passed"));
    }
    for (name, odd, early) in [
        ("iat", "iat is not a number", "iat is in the future"),
        ("nbf", "nbf is not a number", "nbf is in the future"),
    ] {
        let Some(value) = claim(name) else {
            continue;
        };
        if date(value).ok_or(invalid(odd))? > latest {
            return Err(invalid(early));
        }
    }

    match text("nonce") {
        Some(nonce) if same(nonce, expected.nonce.expose()) => {}
        Some(_) => return Err(IdTokenError::OtherNonce),
        None => return Err(invalid("nonce is missing or not a text")),
    }
    let sub = text("sub").and_then(subject);
    Ok(IdClaims {
        sub: sub.ok_or(invalid("sub is missing, not a text or too long"))?,
        // Nothing that is wrong about a name makes the token invalid.
        names: serde_json::from_value(claims).unwrap_or_default(),
    })
}

/// Whether a token with these claims is for this client. Otherwise the reason.
fn is_ours(aud: Option<&Value>, azp: Option<&Value>, client_id: &str) -> Result<(), &'static str> {
    let is_client = |value: &Value| value.as_str() == Some(client_id);
    let (ours, others) = match aud {
        None => return Err("aud is missing"),
        Some(Value::Array(auds)) => (
            auds.iter().any(is_client),
            auds.iter().any(|aud| !is_client(aud)),
        ),
        Some(aud) => (is_client(aud), false),
    };
    match azp {
        _ if !ours => Err("aud is another client"),
        Some(azp) if !is_client(azp) => Err("azp is another client"),
        None if others => Err("aud has other clients, and azp is missing"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_with_a_place_for_tenants_is_that_of_one() {
        let all = "https://login.microsoftonline.com/{tenantid}/v2.0";
        let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let one = "9122040d-6c67-4c5b-b112-36a304b66dad";
        assert!(is_issuer(all, &of(one), Some(one)));
        assert!(is_issuer(all, &of(one), None));
        let other = "00000000-0000-0000-0000-000000000000";
        assert!(!is_issuer(all, &of(one), Some(other)));
        for tenant in [
            "",
            "organizations",
            "{tenantid}",
            "../9122040d-6c67-4c5b-b112-36a30",
        ] {
            assert!(!is_issuer(all, &of(tenant), None), "{tenant}");
        }
        assert!(!is_issuer(all, all, None));
        assert!(!is_issuer(all, &of(one).replace("https", "http"), None));
        // Another issuer is compared as a whole.
        assert!(is_issuer(&of(one), &of(one), None) && !is_issuer(&of(one), &of(other), None));
    }
}
