//! JWTs of Atlassian: taken apart, and decided about. Pure functions of a text, a key and the time.
//!
//! What stands in a token before its signature was checked has types of its own ([`FromTenant`],
//! [`FromAtlassian`]): they tell which key decides, and nothing else. [`Verified`] is what the key has
//! confirmed, and only this module makes one.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

use crate::clock::Seconds;
use crate::model::{AccountId, ClientKey};
use crate::secret::{Secret, same};

/// What clocks may differ by, in seconds.
pub const LEEWAY: Seconds = 30;
/// The longest token that is looked at, in bytes. Those of Jira have about half a kilobyte.
pub const LONGEST_TOKEN: usize = 8 * 1024;
/// How far ahead a token may end, in seconds. Jira's live for minutes; one that is good for ever would
/// have to be remembered for ever after it was used.
pub const LONGEST_LIFE: Seconds = 24 * 3600;
/// How old a token of a lifecycle call may be, in seconds, whenever it says that it ends.
pub const LIFECYCLE_AGE: Seconds = 15 * 60;
/// The literal that stands in place of a hash in a context token.
const CONTEXT_QSH: &str = "context-qsh";

/// Why a token is not accepted. The texts are for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It is no token, or lacks what every token has.
    Malformed(&'static str),
    /// It is not signed by whom it names.
    Signature,
    /// It is of another kind, for another request or for another app.
    Misplaced(&'static str),
    /// It is not of now.
    OutOfTime(&'static str),
    /// It was issued later than now, by so many seconds: a clock is wrong, this machine's or Jira's.
    FromTheFuture(Seconds),
}

impl Rejected {
    /// Why, in words.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Malformed(why) | Self::Misplaced(why) | Self::OutOfTime(why) => why,
            Self::Signature => "the signature is wrong",
            Self::FromTheFuture(_) => "the token is from the future",
        }
    }
}

/// A token that names a tenant, whose secret is to decide. Nothing in it is believed.
#[derive(Debug)]
pub struct FromTenant<'a> {
    token: &'a str,
    issuer: ClientKey,
}

/// A token that names a key of Atlassian, which is to decide. Nothing in it is believed.
#[derive(Debug)]
pub struct FromAtlassian<'a> {
    token: &'a str,
    kid: String,
}

/// What a token says that was signed by whom it names, at this time, for this purpose.
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

    /// The person, `sub`; an anonymous visitor has none.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// When it was signed, `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Seconds {
        self.issued_at
    }

    /// When it runs out, at most [`LONGEST_LIFE`] from now.
    #[must_use]
    pub fn expires_at(&self) -> Seconds {
        self.expires_at
    }
}

impl<'a> FromTenant<'a> {
    /// Takes a HS256 token apart. The algorithm is fixed: a token that wishes for another is none.
    pub fn read(token: &'a str) -> Result<Self, Rejected> {
        header(token, Algorithm::HS256, "the algorithm is not HS256")?;
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token)
            .map_err(|_| Rejected::Malformed("the claims are malformed"))?;
        let issuer = client_key(claims.iss)?;
        Ok(Self { token, issuer })
    }

    /// Whom it names, to find the secret that decides.
    #[must_use]
    pub fn issuer(&self) -> &ClientKey {
        &self.issuer
    }

    /// Verifies a context token: in place of a hash it has a literal, compared whole. A token of an
    /// address never passes.
    pub fn context(&self, secret: &Secret, now: Seconds) -> Result<Verified, Rejected> {
        self.verify(secret, CONTEXT_QSH, now)
    }

    /// Verifies a token that is bound to one request, whose hash `qsh` is. A context token never passes.
    pub fn bound(&self, secret: &Secret, qsh: &str, now: Seconds) -> Result<Verified, Rejected> {
        self.verify(secret, qsh, now)
    }

    /// Verifies the token of a lifecycle call: bound to one request, and young.
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

impl<'a> FromAtlassian<'a> {
    /// Takes a RS256 token apart. There is no way around RS256: accepting a token signed with the shared
    /// secret here was CVE-2021-26073 and its siblings.
    pub fn read(token: &'a str) -> Result<Self, Rejected> {
        let kid = header(token, Algorithm::RS256, "the algorithm is not RS256")?
            .kid
            .ok_or(Rejected::Malformed("the token has no kid"))?;
        Ok(Self { token, kid })
    }

    /// The id of the key that decides. It is any text, and not yet fit for an address.
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

/// A lifecycle call is told of at once: one that comes this late was kept back by somebody.
fn check_age(issued_at: Seconds, now: Seconds) -> Result<(), Rejected> {
    if issued_at.saturating_add(LIFECYCLE_AGE + LEEWAY) < now {
        return Err(Rejected::OutOfTime(
            "the token is too old for what it tells",
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
    // RFC 7515 section 4.1.11: what must be understood and is not makes a token invalid.
    if header.crit.is_some() {
        return Err(Rejected::Malformed("the token has a critical extension"));
    }
    Ok(header)
}

/// The claims of a token that this key has signed by this algorithm. The times are checked later, with
/// the clock that is passed in.
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

/// Only numbers and texts that are what the standard says: a text for a number, a number for a text or
/// a name that stands twice makes the whole token malformed (RFC 7519 section 4). Serde could read them
/// from a list as well, in this order; `jsonwebtoken` reads them a second time and then refuses it.
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
    /// Whether this app is the only one the token is for. A list of one says the same as a text (RFC 7519
    /// section 4.1.3); in a longer one our address is merely contained, and whoever else stands there
    /// could use the token here.
    fn is(&self, url: &str) -> bool {
        let aud = match self {
            Self::One(aud) => aud,
            Self::Many(auds) => match auds.as_slice() {
                [aud] => aud,
                _ => return false,
            },
        };
        // Atlassian may write our URL with the slash that our descriptor leaves out.
        aud.strip_suffix('/').unwrap_or(aud) == url
    }
}

/// When a token was signed and when it runs out.
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

/// Ids are opaque, but no id has a control character in it, and PostgreSQL cannot even be asked for a
/// text with NUL.
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
