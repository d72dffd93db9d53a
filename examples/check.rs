//! Checks keys that Latchkey signed, with its public keys alone. Keys come in one a line:
//!
//!   LATCHKEY_URL=https://latchkey.example.com AUDIENCE=https://api.acme.example.com \
//!     cargo run --example check < keys.txt
//!
//! Without a call to Latchkey, a key of a link that has ended is good until it expires.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::Client;
use serde_json::{Value, json};
use std::time::Duration;
use std::{env, error::Error, io};
use tokio::sync::Mutex;
use tokio::time::Instant;

struct Checker {
    http: Client,
    address: String,
    rules: Validation,
    keys: Mutex<Option<(Instant, JwkSet)>>,
}

impl Checker {
    fn new(latchkey: &str, audience: &str) -> reqwest::Result<Self> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[latchkey]);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = 0;
        let http = Client::builder().timeout(Duration::from_secs(10)).build()?;
        let address = format!("{latchkey}/.well-known/jwks.json");
        Ok(Self {
            http,
            address,
            rules,
            keys: Mutex::new(None),
        })
    }

    /// The set is kept for ten minutes, and fetched for a new kid at most every 30 seconds: anybody can invent kids.
    async fn public_key(&self, kid: &str) -> Result<Jwk, Box<dyn Error>> {
        let mut keys = self.keys.lock().await;
        if let Some((fetched, set)) = &*keys {
            let known = set.find(kid);
            let kept = Duration::from_secs(if known.is_some() { 600 } else { 30 });
            if fetched.elapsed() < kept {
                return Ok(known.ok_or("unknown kid")?.clone());
            }
        }
        let set: JwkSet = self
            .http
            .get(&self.address)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let (_, set) = keys.insert((Instant::now(), set));
        Ok(set.find(kid).ok_or("unknown kid")?.clone())
    }

    async fn check(&self, key: &str) -> Result<Value, Box<dyn Error>> {
        let header = decode_header(key)?;
        if header.typ.as_deref() != Some("at+jwt") {
            return Err("typ is not at+jwt".into());
        }
        let public_key = self.public_key(&header.kid.ok_or("no kid")?).await?;
        let claims =
            decode::<Value>(key, &DecodingKey::from_jwk(&public_key)?, &self.rules)?.claims;
        Ok(json!({"subject": claims["sub"], "generation": claims["generation"]}))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let latchkey = env::var("LATCHKEY_URL").map_err(|_| "set LATCHKEY_URL")?;
    let audience = env::var("AUDIENCE").map_err(|_| "set AUDIENCE")?;
    let checker = Checker::new(&latchkey, &audience)?;
    for line in io::stdin().lines() {
        let answer = checker.check(line?.trim()).await;
        println!(
            "{}",
            answer.unwrap_or_else(|error| json!({"refused": error.to_string()}))
        );
    }
    Ok(())
}
