//! Parses and verifies Atlassian's JWTs. Pure functions of a text, a key and the time.
//!
//! A token whose signature was not checked yet has a type of its own ([`UnverifiedHs256`], [`UnverifiedRs256`]),
//! which only tells which key verifies it. [`Verified`] holds the claims that this key signed, and only this
//! module constructs one.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

use crate::atlassian::Rejected;
use crate::clock::Seconds;
use crate::model::{AccountId, ClientKey};
use crate::secret::{Secret, same};

/// The difference between two clocks that is tolerated, in seconds.
pub const LEEWAY: Seconds = 30;
/// The longest token that is parsed, in bytes. Jira's have about half a kilobyte.
pub const LONGEST_TOKEN: usize = 8 * 1024;
/// How far in the future a token may expire, in seconds. Jira's tokens live for minutes; a used token that
/// never expired would have to be remembered for ever.
pub const LONGEST_LIFE: Seconds = 24 * 3600;
/// How old a lifecycle token may be, in seconds, whatever its `exp` says.
pub const LIFECYCLE_AGE: Seconds = 15 * 60;
/// The literal that a context token has instead of a hash.
const CONTEXT_QSH: &str = "context-qsh";

/// A token that names a tenant, whose secret has yet to verify it. Its claims are not trusted.
#[derive(Debug)]
pub struct UnverifiedHs256<'a> {
    token: &'a str,
    issuer: ClientKey,
}

/// A token that names a key of Atlassian, which has yet to verify it. Its claims are not trusted.
#[derive(Debug)]
pub struct UnverifiedRs256<'a> {
    token: &'a str,
    kid: String,
}

/// The claims of a token with a valid signature, for this time and this purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    issuer: ClientKey,
    account: Option<AccountId>,
    issued_at: Seconds,
    expires_at: Seconds,
}

impl Verified {
    /// The tenant, `iss`.
    #[must_use]
    pub fn issuer(&self) -> &ClientKey {
        &self.issuer
    }

    /// The person, `sub`. None for an anonymous visitor.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// When it was signed, `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Seconds {
        self.issued_at
    }

    /// When it expires, at most [`LONGEST_LIFE`] from now.
    #[must_use]
    pub fn expires_at(&self) -> Seconds {
        self.expires_at
    }
}

impl<'a> UnverifiedHs256<'a> {
    /// Parses an HS256 token. The algorithm is fixed: a token that names another is rejected.
    pub fn read(token: &'a str) -> Result<Self, Rejected> {
        header(token, Algorithm::HS256, "the algorithm is not HS256")?;
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token)
            .map_err(|_| Rejected::Malformed("the claims are malformed"))?;
        let issuer = client_key(claims.iss)?;
        Ok(Self { token, issuer })
    }

    /// The tenant that it names, whose secret verifies it.
    #[must_use]
    pub fn issuer(&self) -> &ClientKey {
        &self.issuer
    }

    /// Verifies a context token, which has a fixed literal as its `qsh`. A token from a URL never passes.
    pub fn context(&self, secret: &Secret, now: Seconds) -> Result<Verified, Rejected> {
        self.verify(secret, CONTEXT_QSH, now)
    }

    /// Verifies a token that is bound to the request with the hash `qsh`. A context token never passes.
    pub fn bound(&self, secret: &Secret, qsh: &str, now: Seconds) -> Result<Verified, Rejected> {
        self.verify(secret, qsh, now)
    }

    /// Verifies the token of a lifecycle call: bound to one request, and recent.
    pub fn lifecycle(
        &self,
        secret: &Secret,
        qsh: &str,
        now: Seconds,
    ) -> Result<Verified, Rejected> {
        let verified = self.verify(secret, qsh, now)?;
        check_age(verified.issued_at, now)?;
        Ok(verified)
    }

    fn verify(&self, secret: &Secret, qsh: &str, now: Seconds) -> Result<Verified, Rejected> {
        let key = DecodingKey::from_secret(secret.expose().as_bytes());
        let claims = signed(self.token, &key, Algorithm::HS256)?;
        let times = claims.check_times(now)?;
        claims.check_qsh(qsh)?;
        claims.verified(times)
    }
}

impl<'a> UnverifiedRs256<'a> {
    /// Parses an RS256 token and no other: accepting a token signed with the shared secret here was
    /// CVE-2021-26073 and its siblings.
    pub fn read(token: &'a str) -> Result<Self, Rejected> {
        let kid = header(token, Algorithm::RS256, "the algorithm is not RS256")?
            .kid
            .ok_or(Rejected::Malformed("the token has no kid"))?;
        Ok(Self { token, kid })
    }

    /// The id of the key that verifies it. It may be any text and must be checked before it becomes part of a
    /// URL.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies a lifecycle token in the order that Atlassian gives: signature, times, audience, request.
    pub fn lifecycle(
        &self,
        key: &DecodingKey,
        audience: &str,
        qsh: &str,
        now: Seconds,
    ) -> Result<Verified, Rejected> {
        let claims = signed(self.token, key, Algorithm::RS256)?;
        let times = claims.check_times(now)?;
        check_age(times.issued_at, now)?;
        if !claims.aud.as_ref().is_some_and(|aud| aud.is(audience)) {
            return Err(Rejected::Misplaced("the token is for another app"));
        }
        claims.check_qsh(qsh)?;
        claims.verified(times)
    }
}

/// Atlassian makes a lifecycle call at once: one that comes this late was held back on the way.
fn check_age(issued_at: Seconds, now: Seconds) -> Result<(), Rejected> {
    if issued_at.saturating_add(LIFECYCLE_AGE + LEEWAY) < now {
        return Err(Rejected::OutOfTime(
            "the token is too old for a lifecycle call",
        ));
    }
    Ok(())
}

fn header(token: &str, algorithm: Algorithm, otherwise: &'static str) -> Result<Header, Rejected> {
    if token.len() > LONGEST_TOKEN {
        return Err(Rejected::Malformed("the token is too long"));
    }
    let header = jsonwebtoken::decode_header(token)
        .map_err(|_| Rejected::Malformed("the header is malformed"))?;
    if header.alg != algorithm {
        return Err(Rejected::Misplaced(otherwise));
    }
    // RFC 7515 section 4.1.11: an unknown critical header makes the token invalid.
    if header.crit.is_some() {
        return Err(Rejected::Malformed("the token has a critical extension"));
    }
    Ok(header)
}

/// The claims of a token that this key signed with this algorithm. The caller checks the times against the
/// clock that is passed in.
fn signed(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Rejected> {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map(|token| token.claims)
        .map_err(|error| match error.kind() {
            ErrorKind::Json(_) => Rejected::Malformed("the claims are malformed"),
            _ => Rejected::Signature,
        })
}

/// Accepts only the types that the standard names: a text for a number, a number for a text, or a duplicate
/// name makes the whole token malformed (RFC 7519 section 4). Serde would also read them from a list, in this
/// order; `jsonwebtoken` parses them a second time and then rejects it.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Seconds>,
    iat: Option<Seconds>,
    nbf: Option<Seconds>,
    qsh: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether the token is for this app alone. A list of one equals a text (RFC 7519 section 4.1.3). In a
    /// longer list, every other audience could use the token here.
    fn is(&self, url: &str) -> bool {
        let aud = match self {
            Self::One(aud) => aud,
            Self::Many(auds) => match auds.as_slice() {
                [aud] => aud,
                _ => return false,
            },
        };
        // Atlassian may add a trailing slash to our URL, which the descriptor does not have.
        aud.strip_suffix('/').unwrap_or(aud) == url
    }
}

/// When a token was signed and when it expires.
struct Times {
    issued_at: Seconds,
    expires_at: Seconds,
}

impl Claims {
    fn check_times(&self, now: Seconds) -> Result<Times, Rejected> {
        let (Some(exp), Some(iat)) = (self.exp, self.iat) else {
            return Err(Rejected::Malformed("the token has no exp or no iat"));
        };
        if exp.saturating_add(LEEWAY) <= now {
            return Err(Rejected::OutOfTime("the token has expired"));
        }
        let soon = now.saturating_add(LEEWAY);
        if iat > soon || self.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(Rejected::FromTheFuture(
                iat.max(self.nbf.unwrap_or(iat)).saturating_sub(now),
            ));
        }
        if exp > now.saturating_add(LONGEST_LIFE) {
            return Err(Rejected::OutOfTime("the token lives too long"));
        }
        Ok(Times {
            issued_at: iat,
            expires_at: exp,
        })
    }

    fn check_qsh(&self, expected: &str) -> Result<(), Rejected> {
        match &self.qsh {
            Some(qsh) if same(qsh, expected) => Ok(()),
            _ => Err(Rejected::Misplaced("the qsh is of another request or kind")),
        }
    }

    fn verified(self, times: Times) -> Result<Verified, Rejected> {
        Ok(Verified {
            issuer: client_key(self.iss)?,
            account: self
                .sub
                .filter(|sub| !sub.is_empty())
                .map(account)
                .transpose()?,
            issued_at: times.issued_at,
            expires_at: times.expires_at,
        })
    }
}

/// Ids are opaque, but no id contains a control character, and PostgreSQL rejects a query for a text with
/// NUL.
fn is_id(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn client_key(iss: Option<String>) -> Result<ClientKey, Rejected> {
    iss.filter(|iss| is_id(iss, 255))
        .map(ClientKey)
        .ok_or(Rejected::Malformed("the token has no issuer"))
}

fn account(sub: String) -> Result<AccountId, Rejected> {
    if is_id(&sub, 128) {
        Ok(AccountId(sub))
    } else {
        Err(Rejected::Malformed("the account id is none"))
    }
}
