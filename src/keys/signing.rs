//! Keys that Latchkey signs itself, with `LATCHKEY_API_KEY_FROM=minted`.
//!
//! Such a key is a JWT of the profile for access tokens (RFC 9068: `typ` is `at+jwt`), so that libraries
//! for resource servers check it as it is, and take no other token of ours for it (RFC 8725, section
//! 3.11). It is signed with Ed25519 (RFC 8037) and says for whom it is good, what for and how long.
//! Whether it is still good is for [`Signing::introspect`], which asks the database each time.
//!
//! # How signing keys change
//!
//! They belong to the deployment, not to a tenant: all replicas sign with the same, which stands sealed
//! in the database. The next one is made some time before it signs, so that verifiers which remember the
//! key set have met it by then; the one before stays in the set until what it has signed last has run
//! out. Nobody has to do anything for that: whoever signs or asks for the set looks at what time it is.
//! The number of a key decides which of two replicas makes it.

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
/// How much longer than needed a key stays published, in seconds: for clocks that differ, and for what
/// was read before its successor began to sign and is only used then.
const MARGIN: Seconds = 300;
/// The longest token that is looked at, in bytes. Ours have less than one thousand, and names in them
/// that others have chosen.
const LONGEST_TOKEN: usize = 8 * 1024;
/// What clocks of replicas may differ by, in seconds.
const LEEWAY: Seconds = 30;

/// What the keys that Latchkey signs say, and how long they live.
#[derive(Clone)]
pub struct KeyTerms {
    /// For whom they are good, as `aud`.
    pub audience: String,
    /// What they are good for, as `scope`, separated by spaces.
    pub scopes: Option<String>,
    /// How many seconds a key lives.
    pub life: Seconds,
    /// After how many seconds the next signing key signs.
    pub rotation: Seconds,
    /// What the service authenticates with when it asks whether a key is still good.
    pub introspection_secret: Option<Secret>,
}

/// Signs keys, and says whether they are still good.
pub struct Signing {
    terms: KeyTerms,
    issuer: String,
    client_id: String,
    store: Store,
    clock: Clock,
    random: Random,
}

/// A signing key that opens.
struct Pair {
    kid: String,
    pair: Ed25519KeyPair,
    signs_from: Seconds,
    life: Seconds,
}

/// What signs now. It is fetched before the service is asked for anything, so that nothing stands
/// between the answer and its commit.
pub struct KeySigner<'a> {
    signing: &'a Signing,
    kid: String,
    key: EncodingKey,
}

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed it: the base URL.
    pub iss: String,
    /// For whom: `LATCHKEY_MINTED_AUDIENCE`.
    pub aud: String,
    /// Whose account at the service.
    pub sub: String,
    /// The Connect app, which is who presents it.
    pub client_id: String,
    /// What for (RFC 8693, section 4.2): `LATCHKEY_MINTED_SCOPES`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When it was signed.
    pub iat: Seconds,
    /// When it runs out.
    pub exp: Seconds,
    /// Its own id.
    pub jti: String,
    /// The link it belongs to; linking again makes another.
    pub link_id: String,
    /// Counts the keys of a link.
    pub generation: i64,
    /// The Jira site, by Atlassian's client key.
    pub atlassian_client_key: String,
    /// The person in Jira.
    pub atlassian_account_id: String,
}

/// Why a key could not be signed: only a bug could be the reason.
#[derive(Debug, thiserror::Error)]
#[error("a key cannot be signed")]
pub struct CannotSign;

impl From<CannotSign> for Error {
    fn from(error: CannotSign) -> Self {
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

    /// What whoever introspects must know; none where nobody may.
    #[must_use]
    pub fn introspection_secret(&self) -> Option<&Secret> {
        self.terms.introspection_secret.as_ref()
    }

    /// What signs now.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn signer(&self) -> Result<KeySigner<'_>, Error> {
        let now = self.clock.now();
        let mut keys = self.keys(now).await?;
        // A replica whose clock is behind may see a first key that only begins in a moment.
        let at = keys.iter().rposition(|key| key.signs_from <= now);
        let current = keys.swap_remove(at.unwrap_or(0));
        if current.life < self.terms.life {
            // Before the first of them is signed: it decides how long the key stays published.
            self.store
                .signing_key_lives(&current.kid, self.terms.life)
                .await?;
        }
        let der = current.pair.to_pkcs8().map_err(|_| CannotSign)?;
        Ok(KeySigner {
            signing: self,
            kid: current.kid,
            key: EncodingKey::from_ed_der(der.as_ref()),
        })
    }

    /// The key set that verifiers fetch (RFC 7517): what signs, what is about to, and what has signed keys
    /// that may still be good.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn key_set(&self) -> Result<Value, Error> {
        let keys = self.keys(self.clock.now()).await?;
        let keys: Vec<Value> = keys
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
            .collect();
        Ok(json!({ "keys": keys }))
    }

    /// What a key says, if it is one of ours and still good at this moment; nothing otherwise, and not why.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn introspect(&self, token: &str) -> Result<Option<Claims>, Error> {
        let now = self.clock.now();
        let keys = self.keys(now).await?;
        let known = |kid: &str| {
            let key = keys.iter().find(|key| key.kid == kid)?;
            Some(DecodingKey::from_ed_der(key.pair.public_key().as_ref()))
        };
        let Some(claims) = verify(token, known, &self.issuer, &self.terms.audience, now) else {
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

    /// The keys that are published, in the order in which they sign; at least one. Makes the next one if
    /// its time has come, and forgets those that are over.
    async fn keys(&self, now: Seconds) -> Result<Vec<Pair>, Error> {
        let mut keys = self.kept().await?;
        let rotation = self.terms.rotation;
        let notice = LONGEST_NOTICE.min(rotation / 10);
        let signs_from = match keys.pairs.last() {
            // Nobody waits for the first.
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
            // Ours, or that of another replica which was quicker.
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
        // What does not open was recorded; it signs nothing, and what it has signed is not believed.
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
    /// The key of a generation of a link. Without a refresh token nobody learns whether the grant still
    /// stands when the access token has run out, so the key ends with it.
    ///
    /// # Errors
    /// Only for a bug.
    pub fn key(&self, link: &Link, generation: i64, tokens: &Tokens) -> Result<ApiKey, CannotSign> {
        let signing = self.signing;
        let now = signing.clock.now();
        let life = now + signing.terms.life;
        let expires_at = match tokens.refresh_token {
            Some(_) => life,
            None => life.min(good_until(tokens)),
        };
        let claims = Claims {
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
        let key = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| CannotSign)?;
        Ok(ApiKey {
            key: Secret::new(key),
            requested_at: now,
            expires_at,
            id: None,
        })
    }
}

/// What a token says that one of these keys has signed, by this issuer, for this audience, of now. The
/// algorithm is fixed: a token that wishes for another is none.
#[must_use]
pub fn verify(
    token: &str,
    known: impl Fn(&str) -> Option<DecodingKey>,
    issuer: &str,
    audience: &str,
    now: Seconds,
) -> Option<Claims> {
    if token.len() > LONGEST_TOKEN {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    // RFC 7515 section 4.1.11: what must be understood and is not makes a token invalid.
    if header.alg != Algorithm::EdDSA
        || header.typ.as_deref() != Some(TYPE)
        || header.crit.is_some()
    {
        return None;
    }
    let key = known(&header.kid?)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    // Times are checked below, with the time that was passed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .ok()?
        .claims;
    let is_ours = claims.iss == issuer && claims.aud == audience;
    let is_of_now = claims.exp > now && claims.iat <= now.saturating_add(LEEWAY);
    (is_ours && is_of_now).then_some(claims)
}
