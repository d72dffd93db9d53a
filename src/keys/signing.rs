//! Keys that Latchkey signs itself, with `LATCHKEY_API_KEY_FROM=minted`.
//!
//! Such a key is a JWT of the profile for access tokens (RFC 9068: `typ` is `at+jwt`), so that standard
//! libraries for resource servers verify it and no other token of ours passes for it (RFC 8725, section
//! 3.11). It is signed with Ed25519 (RFC 8037) and names its audience, its scope and its expiry.
//! [`Signing::introspect`] tells whether it is still valid, by asking the database each time.
//!
//! # How signing keys change
//!
//! They belong to the deployment, not to a tenant: all replicas share them, sealed in the database. The next
//! key is made some time before it signs, so that verifiers that cache the key set know it by then; the
//! previous key stays in the set until the last token it signed has expired. This needs no operator: each use
//! of the keys checks whether a key is due. The number of a key is unique, so only one of two replicas makes
//! it.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::model::{ApiKey, Link, Tokens};
use crate::random::Random;
use crate::secret::Secret;
use crate::service::provider::good_until;
use crate::store::{KeptSigningKey, Store};

/// `typ` of a key (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";
/// How long before it signs a key is published, at most, in seconds.
const LONGEST_NOTICE: Seconds = 3600;
/// How much longer than needed a key stays published, in seconds: for clocks that differ, and for a signer
/// that was fetched before the key's successor began to sign.
const MARGIN: Seconds = 300;
/// The longest token that is parsed, in bytes. Ours have less than a thousand, plus names that others chose.
const LONGEST_TOKEN: usize = 8 * 1024;
/// The difference between replicas' clocks that is tolerated, in seconds.
const LEEWAY: Seconds = 30;

/// The claims and the life of the keys that Latchkey signs.
#[derive(Clone)]
pub struct KeyTerms {
    /// Their audience, `aud`.
    pub audience: String,
    /// Their scope, `scope`, separated by spaces.
    pub scopes: Option<String>,
    /// How many seconds a key lives.
    pub life: Seconds,
    /// After how many seconds the next signing key signs.
    pub rotation: Seconds,
}

/// Signs keys, and tells whether they are still valid.
pub struct Signing {
    terms: KeyTerms,
    issuer: String,
    client_id: String,
    store: Store,
    clock: Clock,
    random: Random,
}

/// A signing key that was opened.
struct Pair {
    kid: String,
    pair: Ed25519KeyPair,
    signs_from: Seconds,
    life: Seconds,
}

/// The current signer. It is fetched before the service is asked, so that nothing can fail between its answer
/// and the commit.
pub struct KeySigner<'a> {
    signing: &'a Signing,
    kid: String,
    key: EncodingKey,
}

/// The claims of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaims {
    /// The issuer: the base URL.
    pub iss: String,
    /// The audience: `LATCHKEY_MINTED_AUDIENCE`.
    pub aud: String,
    /// The account at the service.
    pub sub: String,
    /// The client that presents it: the Connect app.
    pub client_id: String,
    /// The scope (RFC 8693, section 4.2): `LATCHKEY_MINTED_SCOPES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When it was signed.
    pub iat: Seconds,
    /// When it expires.
    pub exp: Seconds,
    /// Its own id.
    pub jti: String,
    /// The link; linking again makes another.
    pub link_id: String,
    /// The generation of the link.
    pub generation: i64,
    /// The Jira site, by Atlassian's client key.
    pub atlassian_client_key: String,
    /// The person in Jira.
    pub atlassian_account_id: String,
}

/// A key could not be signed, which only a bug can cause.
#[derive(Debug, thiserror::Error)]
#[error("a key cannot be signed")]
pub struct CannotSignKey;

impl From<CannotSignKey> for Error {
    fn from(error: CannotSignKey) -> Self {
        Self::Internal(error.to_string())
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing")
    }
}

impl Signing {
    /// Signs as `issuer`, our base URL, for the Connect app `client_id`.
    #[must_use]
    pub fn new(
        terms: KeyTerms,
        issuer: String,
        client_id: String,
        store: Store,
        clock: Clock,
        random: Random,
    ) -> Self {
        Self {
            terms,
            issuer,
            client_id,
            store,
            clock,
            random,
        }
    }

    /// How long keys live, in seconds.
    #[must_use]
    pub fn life(&self) -> Seconds {
        self.terms.life
    }

    /// The current signer.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn signer(&self) -> Result<KeySigner<'_>, Error> {
        let now = self.clock.now();
        let mut keys = self.keys(now).await?;
        // A replica whose clock is slow may see that the first key only begins to sign in a moment.
        let at = keys.iter().rposition(|key| key.signs_from <= now);
        let current = keys.swap_remove(at.unwrap_or(0));
        if current.life < self.terms.life {
            // Stored before a key is signed, because it decides how long the signing key stays published.
            self.store
                .signing_key_lives(&current.kid, self.terms.life)
                .await?;
        }
        let der = current.pair.to_pkcs8().map_err(|_| CannotSignKey)?;
        Ok(KeySigner {
            signing: self,
            kid: current.kid,
            key: EncodingKey::from_ed_der(der.as_ref()),
        })
    }

    /// The keys for the key set that verifiers fetch (RFC 7517): those that sign, that will sign next, and that signed
    /// tokens which may still be valid.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn public_keys(&self) -> Result<Vec<Value>, Error> {
        let keys = self.keys(self.clock.now()).await?;
        Ok(keys
            .iter()
            .map(|key| {
                json!({
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": URL_SAFE_NO_PAD.encode(key.pair.public_key()),
                    "kid": key.kid,
                    "alg": "EdDSA",
                    "use": "sig",
                })
            })
            .collect())
    }

    /// The claims of a token if Latchkey signed it and it is valid now. None otherwise, without a reason.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn introspect(&self, token: &str) -> Result<Option<KeyClaims>, Error> {
        let now = self.clock.now();
        let keys = self.keys(now).await?;
        let key_of = |kid: &str| {
            let key = keys.iter().find(|key| key.kid == kid)?;
            Some(DecodingKey::from_ed_der(key.pair.public_key().as_ref()))
        };
        let Some(claims) = verify(token, key_of, &self.issuer, &self.terms.audience, now) else {
            return Ok(None);
        };
        let honoured = self
            .store
            .honours(
                &claims.link_id,
                &claims.atlassian_client_key,
                &claims.atlassian_account_id,
                &claims.sub,
                claims.generation,
            )
            .await?;
        Ok(honoured.then_some(claims))
    }

    /// The published keys in the order in which they sign, at least one. Makes the next one if it is due, and
    /// deletes expired ones.
    async fn keys(&self, now: Seconds) -> Result<Vec<Pair>, Error> {
        let mut keys = self.kept().await?;
        let rotation = self.terms.rotation;
        let notice = LONGEST_NOTICE.min(rotation / 10);
        let signs_from = match keys.pairs.last() {
            // Nothing is signed yet, so the first key signs at once.
            None => Some(now),
            Some(newest) if newest.signs_from + rotation - notice <= now => Some(now + notice),
            Some(_) => None,
        };
        if let Some(signs_from) = signs_from {
            let kid = self.random.id();
            let private = Zeroizing::new(self.random.bytes::<32>());
            let private = Secret::new(URL_SAFE_NO_PAD.encode(&private[..]));
            self.store
                .add_signing_key(
                    keys.last_number + 1,
                    &kid,
                    &private,
                    signs_from,
                    self.terms.life,
                )
                .await?;
            // Our key, or that of another replica that was faster.
            keys = self.kept().await?;
        }
        let over = |key: &Pair, next: &Pair| next.signs_from + key.life + MARGIN <= now;
        let mut pairs = keys.pairs;
        while let [first, second, ..] = pairs.as_slice()
            && over(first, second)
        {
            self.store.forget_signing_key(&first.kid).await?;
            pairs.remove(0);
        }
        if pairs.is_empty() {
            return Err(Error::Internal("there is no signing key".to_owned()));
        }
        Ok(pairs)
    }

    async fn kept(&self) -> Result<Kept, Error> {
        let kept = self.store.signing_keys().await?;
        let last_number = kept.last().map_or(0, |key| key.number);
        // A key that does not open was recorded as an event. It signs nothing, and what it signed is not
        // accepted.
        let mut pairs: Vec<Pair> = kept.into_iter().filter_map(Pair::of).collect();
        pairs.sort_by_key(|key| key.signs_from);
        Ok(Kept { last_number, pairs })
    }
}

struct Kept {
    last_number: i64,
    pairs: Vec<Pair>,
}

impl Pair {
    fn of(kept: KeptSigningKey) -> Option<Self> {
        let private = kept.private.ok()?;
        let private = Zeroizing::new(URL_SAFE_NO_PAD.decode(private.expose()).ok()?);
        Some(Self {
            kid: kept.kid,
            pair: Ed25519KeyPair::from_seed_unchecked(&private).ok()?,
            signs_from: kept.signs_from,
            life: kept.life,
        })
    }
}

impl KeySigner<'_> {
    /// The API key of a generation of a link. Without a refresh token, an ended grant would not be noticed
    /// after the access token expires, so the key expires with it.
    ///
    /// # Errors
    /// Only because of a bug.
    pub fn key(
        &self,
        link: &Link,
        generation: i64,
        tokens: &Tokens,
    ) -> Result<ApiKey, CannotSignKey> {
        let signing = self.signing;
        let now = signing.clock.now();
        let life = now + signing.terms.life;
        let expires_at = match tokens.refresh_token {
            Some(_) => life,
            None => life.min(good_until(tokens)),
        };
        let claims = KeyClaims {
            iss: signing.issuer.clone(),
            aud: signing.terms.audience.clone(),
            sub: link.identity.subject.clone(),
            client_id: signing.client_id.clone(),
            scope: signing.terms.scopes.clone(),
            iat: now,
            exp: expires_at,
            jti: signing.random.id(),
            link_id: link.id.0.clone(),
            generation,
            atlassian_client_key: link.client_key.0.clone(),
            atlassian_account_id: link.account_id.0.clone(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        let key = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| CannotSignKey)?;
        Ok(ApiKey {
            key: Secret::new(key),
            requested_at: now,
            expires_at,
            id: None,
        })
    }
}

/// The claims of a token that one of these keys signed, if issuer, audience and times are right. The
/// algorithm is fixed: a token that names another is rejected.
#[must_use]
pub fn verify(
    token: &str,
    key_of: impl Fn(&str) -> Option<DecodingKey>,
    issuer: &str,
    audience: &str,
    now: Seconds,
) -> Option<KeyClaims> {
    if token.len() > LONGEST_TOKEN {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    // RFC 7515 section 4.1.11: an unknown critical header makes the token invalid.
    if header.alg != Algorithm::EdDSA
        || header.typ.as_deref() != Some(TYPE)
        || header.crit.is_some()
    {
        return None;
    }
    let key = key_of(&header.kid?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    // Times are checked below, against the time that was passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<KeyClaims>(token, &key, &validation)
        .ok()?
        .claims;
    let is_ours = claims.iss == issuer && claims.aud == audience;
    let is_of_now = claims.exp > now && claims.iat <= now.saturating_add(LEEWAY);
    (is_ours && is_of_now).then_some(claims)
}
