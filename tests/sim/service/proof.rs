//! What a client proves without a secret: which client it is, by assertions (RFC 7523) or its certificate (RFC 8705),
//! and that it holds the key to which tokens are bound, by DPoP proofs (RFC 9449). Whatever was signed for one request
//! is good for that one alone, and is remembered.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, header};
use serde_json::Value;

use super::{AssertionAudience, World, random};

/// The longest that an assertion may live, in seconds.
const LONGEST_ASSERTION: i64 = 60;
/// How old a proof may be, in seconds.
const FRESH: i64 = 60;

/// What a call proves by DPoP.
#[derive(Clone, Debug, Default)]
pub(super) enum Proof {
    /// Nothing: there is no proof.
    #[default]
    None,
    /// That it holds the key of this thumbprint, for this access token if one is named.
    Good { jkt: String, ath: Option<String> },
    /// Nothing yet: the proof lacks the nonce of the moment.
    WantsNonce,
    /// Nothing, for this reason.
    Bad(&'static str),
}

/// A JWT as it came.
struct Jwt {
    header: Value,
    claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Jwt {
    fn read(token: &str) -> Option<Self> {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
            signed: signed.into(),
            signature: decode(signature)?,
        })
    }

    fn is_signed_with(&self, jwk: &Value) -> bool {
        let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        let (Some(x), Some(y)) = (number("x"), number("y")) else {
            return false;
        };
        let point = [&[4][..], &x, &y].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        self.header["alg"] == "ES256"
            && jwk["kty"] == "EC"
            && jwk["crv"] == "P-256"
            && key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.claims[name].as_i64()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str().filter(|text| !text.is_empty())
    }
}

/// RFC 7638.
fn thumbprint(jwk: &Value) -> String {
    let members = format!(
        r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#,
        jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]
    );
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

impl World {
    /// Which client made an assertion.
    pub(super) fn check_assertion(&mut self, assertion: &str) -> Result<String, &'static str> {
        let jwt = Jwt::read(assertion).ok_or("the assertion is not a JWT")?;
        let id = jwt
            .text("sub")
            .ok_or("the assertion has no sub")?
            .to_owned();
        let client = self.client(&id).ok_or("the assertion is of nobody")?;
        let kid = &jwt.header["kid"];
        let mut keys = client.keys.iter();
        let key =
            keys.find(|key| &key["kid"] == kid && key["use"] == "sig" && key["alg"] == "ES256");
        if !key.is_some_and(|key| jwt.is_signed_with(key)) {
            return Err("no key of the client has signed the assertion");
        }
        if jwt.text("iss") != Some(&id) {
            return Err("the assertion is not the client's own");
        }
        let audience = match self.options.assertion_audience {
            AssertionAudience::Issuer => self.issuer.clone(),
            AssertionAudience::TokenEndpoint => format!("{}/token", self.issuer),
        };
        if jwt.claims["aud"] != audience.as_str() {
            return Err("the assertion is for somebody else");
        }
        let now = self.ledger.now().unix_timestamp();
        let (iat, exp) = (jwt.number("iat"), jwt.number("exp"));
        let lives = iat.zip(exp).map(|(iat, exp)| exp - iat);
        if !lives.is_some_and(|lives| (1..=LONGEST_ASSERTION).contains(&lives)) {
            return Err("the assertion lives too long");
        }
        if exp.is_none_or(|exp| exp <= now) {
            return Err("the assertion has run out");
        }
        let jti = jwt.text("jti").ok_or("the assertion has no jti")?;
        self.ledger.remember_secret(assertion);
        match self.seen.insert(format!("assertion {jti}")) {
            true => Ok(id),
            false => Err("the assertion was used before"),
        }
    }

    /// What the proof of a request proves. `path` is without the query.
    pub(super) fn check_proof(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Proof {
        let mut proofs = headers.get_all("dpop").iter();
        let (proof, more) = (proofs.next(), proofs.next());
        if more.is_some() {
            return Proof::Bad("two DPoP proofs");
        }
        let Some(proof) = proof else {
            return Proof::None;
        };
        let jwt = proof.to_str().ok().and_then(Jwt::read);
        let Some(jwt) = jwt.filter(|jwt| jwt.header["typ"] == "dpop+jwt") else {
            return Proof::Bad("the DPoP proof is not one");
        };
        let jwk = &jwt.header["jwk"];
        if !jwt.is_signed_with(jwk) || !jwk["d"].is_null() {
            return Proof::Bad("the DPoP proof is not signed with its key");
        }
        if jwt.text("htm") != Some(method.as_str()) {
            return Proof::Bad("the DPoP proof is for another method");
        }
        if jwt.text("htu") != Some(&*format!("{}{path}", self.issuer)) {
            return Proof::Bad("the DPoP proof is for another address");
        }
        let now = self.ledger.now().unix_timestamp();
        if jwt
            .number("iat")
            .is_none_or(|iat| (now - iat).abs() > FRESH)
        {
            return Proof::Bad("the DPoP proof is not of now");
        }
        let Some(jti) = jwt.text("jti") else {
            return Proof::Bad("the DPoP proof has no jti");
        };
        if !self.seen.insert(format!("proof {jti}")) {
            return Proof::Bad("the DPoP proof was used before");
        }
        if self.options.dpop_nonces && jwt.text("nonce") != Some(&self.dpop_nonce) {
            return Proof::WantsNonce;
        }
        Proof::Good {
            jkt: thumbprint(jwk),
            ath: jwt.text("ath").map(str::to_owned),
        }
    }

    /// From now on another nonce is wanted.
    pub(super) fn change_dpop_nonce(&mut self) {
        self.dpop_nonce = random("");
    }

    /// The access token of a call to an API, if it is presented as it has to be: bound tokens with a proof of their key,
    /// others as they are.
    pub(super) fn presented(
        &self,
        headers: &HeaderMap,
        proof: &Proof,
    ) -> Result<Option<String>, &'static str> {
        let value = headers.get(header::AUTHORIZATION);
        let Some(value) = value.and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        if let Some(token) = value.strip_prefix("Bearer ") {
            return match self.bound.contains_key(token) {
                true => Err("a bound access token as bearer token"),
                false => Ok(Some(token.to_owned())),
            };
        }
        let Some(token) = value.strip_prefix("DPoP ") else {
            return Ok(None);
        };
        match proof {
            Proof::Good { jkt, ath } if self.bound.get(token).is_some_and(|key| key == jkt) => {
                let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
                match ath.as_ref() == Some(&hash) {
                    true => Ok(Some(token.to_owned())),
                    false => Err("the DPoP proof is for another access token"),
                }
            }
            Proof::Good { .. } => Err("the access token is bound to another key"),
            Proof::None => Err("a bound access token without a proof"),
            Proof::Bad(why) => Err(why),
            Proof::WantsNonce => Ok(None),
        }
    }
}
