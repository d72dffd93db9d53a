//! DPoP (RFC 9449): with each request goes a proof that the caller has the key to which its tokens are bound.
//!
//! One key serves the whole deployment, so that each replica can use the tokens that another got. A proof is for one
//! request: its method, address and time, and the access token that goes with it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use url::Url;

use crate::clock::Clock;
use crate::error::Error;
use crate::lenient;
use crate::outbound::Answer;
use crate::random::Random;
use crate::secret::Secret;

use super::es256::{Named, PrivateKey};

/// The header that carries a proof.
pub(super) const PROOF: &str = "DPoP";
/// The header in which a server gives the nonce for the next proof.
const NONCE: &str = "DPoP-Nonce";
/// The longest nonce that is kept, in bytes. No standard names one.
const LONGEST_NONCE: usize = 1024;
/// The error of a proof without the right nonce. The request was not carried out (RFC 9449, section 8).
pub(super) const USE_NONCE: &str = "use_dpop_nonce";

/// Makes proofs.
pub(super) struct Dpop {
    key: PrivateKey,
    /// The newest nonce of each server, by its origin.
    nonces: Mutex<HashMap<String, String>>,
    clock: Clock,
    random: Random,
}

impl Dpop {
    pub(super) fn new(key: PrivateKey, clock: Clock, random: Random) -> Self {
        Self {
            key,
            nonces: Mutex::default(),
            clock,
            random,
        }
    }

    /// The thumbprint of the key, to which a code is bound (`dpop_jkt`, RFC 9449, section 10).
    pub(super) fn thumbprint(&self) -> &str {
        self.key.thumbprint()
    }

    fn nonces(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A proof for one request, with this access token if one goes with it.
    pub(super) fn proof(
        &self,
        method: &http::Method,
        url: &Url,
        access_token: Option<&Secret>,
    ) -> Result<String, Error> {
        let mut address = url.clone();
        address.set_query(None);
        address.set_fragment(None);
        let mut claims = json!({
            "jti": self.random.id(),
            "htm": method.as_str(),
            "htu": address.as_str(),
            "iat": self.clock.now(),
        });
        if let Some(token) = access_token {
            claims["ath"] = token.fingerprint().into();
        }
        if let Some(nonce) = self.nonces().get(&origin(url)) {
            claims["nonce"] = nonce.as_str().into();
        }
        self.key.sign("dpop+jwt", Named::Whole, &claims)
    }

    /// Keeps the nonce in an answer for the next proof. True if the server refuses the request only because it wants
    /// that nonce: nothing was done, and the request may be sent again with another proof.
    pub(super) fn asks_again(&self, url: &Url, answer: &Answer) -> bool {
        let nonce = answer.headers.get(NONCE);
        let Some(nonce) = nonce.and_then(|nonce| nonce.to_str().ok()) else {
            return false;
        };
        if nonce.is_empty() || nonce.len() > LONGEST_NONCE {
            return false;
        }
        self.nonces().insert(origin(url), nonce.to_owned());
        match answer.status {
            http::StatusCode::BAD_REQUEST => names_it(&answer.body),
            http::StatusCode::UNAUTHORIZED => {
                let challenges = answer.headers.get_all(http::header::WWW_AUTHENTICATE);
                let mut challenges = challenges.iter().filter_map(|line| line.to_str().ok());
                challenges.any(|line| line.contains(USE_NONCE)) || names_it(&answer.body)
            }
            _ => false,
        }
    }
}

fn names_it(body: &[u8]) -> bool {
    let fields = lenient::read(body).unwrap_or_default();
    fields.get("error").and_then(Value::as_str) == Some(USE_NONCE)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
