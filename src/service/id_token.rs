//! Verifies ID tokens (OpenID Connect Core 1.0, section 3.1.3.7).

use std::sync::Mutex;

use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

use super::answers::{Names, subject};
use super::discovery::TENANT;
use super::lenient;
use crate::clock::{Clock, Seconds};
use crate::outbound::{Failure, Outbound, SIZE_LIMIT};
use crate::secret::{Secret, same};

const LEEWAY: Seconds = 30;
/// How old the key set may be before it is fetched again, in seconds.
const FRESH_FOR: Seconds = 3600;
/// A kid that is not in the set causes a new fetch, but not more often than this, in seconds.
const AT_MOST_EVERY: Seconds = 10;
/// The algorithms that a service may sign with. Symmetric ones are left out, so that a public key is never
/// taken for a shared secret.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The service's public keys, cached.
#[derive(Debug)]
pub struct KeySet {
    clock: Clock,
    cached: Mutex<Option<(JwkSet, Seconds)>>,
}

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
#[derive(Debug, Deserialize)]
pub struct IdClaims {
    /// Subject.
    pub sub: String,
    /// Names, of which each service gives some.
    #[serde(flatten)]
    pub names: Names,
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: Seconds,
    iat: Seconds,
    nbf: Option<Seconds>,
    nonce: Option<String>,
    /// Microsoft's tenant.
    tid: Option<String>,
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
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
    /// The key set cannot be fetched.
    #[error("the key set cannot be fetched: {0}")]
    NoKeys(String),
}

impl KeySet {
    /// Fetches nothing until the first token is verified.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            cached: Mutex::new(None),
        }
    }

    /// Verifies a token with the keys at `jwks_uri`.
    pub async fn verify(
        &self,
        http: &Outbound,
        jwks_uri: &str,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<IdClaims, IdTokenError> {
        let header = header(token)?;
        let keys = self.keys(http, jwks_uri, header.kid.as_deref()).await?;
        verify(token, &keys, expected, self.clock.now())
    }

    async fn keys(
        &self,
        http: &Outbound,
        jwks_uri: &str,
        kid: Option<&str>,
    ) -> Result<JwkSet, IdTokenError> {
        let now = self.clock.now();
        let cached = self
            .cached
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        if let Some((keys, fetched_at)) = cached {
            let age = now - fetched_at;
            let has_kid = kid.is_none_or(|kid| keys.find(kid).is_some());
            if age < AT_MOST_EVERY || (age < FRESH_FOR && has_kid) {
                return Ok(keys);
            }
        }
        let answer = http
            .get(jwks_uri, SIZE_LIMIT)
            .await
            .map_err(|error: Failure| IdTokenError::NoKeys(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(IdTokenError::NoKeys(answer.status.to_string()));
        }
        let keys: JwkSet = lenient::read_as(&answer.body)
            .ok_or_else(|| IdTokenError::NoKeys("it is not a key set".to_owned()))?;
        *self
            .cached
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some((keys.clone(), now));
        Ok(keys)
    }
}

/// Verifies a token with these keys, at this time.
///
/// # Errors
/// [`IdTokenError::Invalid`].
pub fn verify(
    token: &str,
    keys: &JwkSet,
    expected: &Expected<'_>,
    now: Seconds,
) -> Result<IdClaims, IdTokenError> {
    let header = header(token)?;
    let candidates = keys.keys.iter().filter(|key| {
        let named = match &header.kid {
            Some(kid) => key.common.key_id.as_ref() == Some(kid),
            None => true,
        };
        // RFC 7517 section 4.2: a key for encryption signs nothing.
        named && !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption))
    });
    let mut validation = Validation::new(header.alg);
    // Times are checked below, against the clock that was passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = candidates
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .find_map(|key| jsonwebtoken::decode::<IdClaims>(token, &key, &validation).ok())
        .ok_or(IdTokenError::Invalid("no key of the service has signed it"))?
        .claims;
    claims.check(expected, now)?;
    Ok(claims)
}

fn header(token: &str) -> Result<Header, IdTokenError> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|_| IdTokenError::Invalid("it is malformed"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(IdTokenError::Invalid("its algorithm is not accepted"));
    }
    // RFC 7515 section 4.1.11: an unknown critical header makes the token invalid.
    if header.crit.is_some() {
        return Err(IdTokenError::Invalid("it has a critical extension"));
    }
    Ok(header)
}

impl IdClaims {
    fn check(&self, expected: &Expected<'_>, now: Seconds) -> Result<(), IdTokenError> {
        if !is_issuer(expected.issuer, &self.iss, self.tid.as_deref()) {
            return Err(IdTokenError::Invalid("it is from another issuer"));
        }
        let (ours, others) = match &self.aud {
            Audience::One(aud) => (aud == expected.client_id, false),
            Audience::Many(auds) => (
                auds.iter().any(|aud| aud == expected.client_id),
                auds.len() > 1,
            ),
        };
        let authorized = self.azp.as_deref();
        if !ours
            || (others && authorized.is_none())
            || authorized.is_some_and(|azp| azp != expected.client_id)
        {
            return Err(IdTokenError::Invalid("it is for another client"));
        }
        let latest = now.saturating_add(LEEWAY);
        if self.exp.saturating_add(LEEWAY) <= now
            || self.iat > latest
            || self.nbf.is_some_and(|nbf| nbf > latest)
        {
            return Err(IdTokenError::Invalid("it is not of now"));
        }
        match self.nonce.as_deref() {
            Some(nonce) if same(nonce, expected.nonce.expose()) => {}
            Some(_) => return Err(IdTokenError::OtherNonce),
            None => return Err(IdTokenError::Invalid("it has no nonce")),
        }
        if subject(&self.sub).is_none() {
            return Err(IdTokenError::Invalid("it has no subject"));
        }
        Ok(())
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
