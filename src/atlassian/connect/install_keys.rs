//! The public keys of lifecycle tokens, fetched by kid and cached.
//!
//! The key of a kid never changes, so a fetched key is kept. A caller can cause only a bounded number of
//! fetches: a kid must be a short plain token before it becomes part of a URL, one fetch runs at a time, a
//! kid that was not found is not fetched again for a minute, and each address may cause only so many fetches
//! ([`Limits::fetch`]). So made-up kids from one address do not delay other callers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use jsonwebtoken::DecodingKey;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::limits::Limits;
use crate::outbound::{Answer, Outbound};

/// How many kids are cached, found or not. Atlassian uses a handful.
const REMEMBERED: usize = 64;
/// How long a kid counts as unknown after it was not found, in seconds.
const UNKNOWN_FOR: Seconds = 60;
/// A PEM of an RSA key is smaller than a kilobyte.
const LARGEST_KEY: usize = 16 * 1024;

/// Fetches and caches the keys.
#[derive(Debug)]
pub struct InstallKeys {
    url: String,
    http: Outbound,
    clock: Clock,
    limits: Arc<Limits>,
    cached: Mutex<HashMap<String, CachedKid>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
enum CachedKid {
    Key(DecodingKey),
    Missing { until: Seconds },
}

impl std::fmt::Debug for CachedKid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Missing { .. } => "Missing",
        })
    }
}

impl InstallKeys {
    /// Keys at `{url}/{kid}`.
    #[must_use]
    pub fn new(url: String, http: Outbound, clock: Clock, limits: Arc<Limits>) -> Self {
        Self {
            url,
            http,
            clock,
            limits,
            cached: Mutex::new(HashMap::new()),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// The key of a kid that this client named.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a kid that is malformed or unknown, [`Error::TooMany`] when the client
    /// names too many unknown kids, [`Error::JiraUnreachable`] when the key server does not answer.
    pub async fn key(&self, kid: &str, client: IpAddr) -> Result<DecodingKey, Error> {
        let plain = (1..=128).contains(&kid.len())
            // A segment of dots would change the path.
            && !kid.starts_with('.')
            && !kid.contains("..")
            && kid
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !plain {
            return Err(Error::Unauthorized("the kid is not a plain token"));
        }
        if let Some(cached) = self.remembered(kid) {
            return cached;
        }
        self.limits.fetch(client)?;
        let _one_at_a_time = self.fetching.lock().await;
        if let Some(cached) = self.remembered(kid) {
            return cached;
        }
        let answer = self
            .http
            .get(&format!("{}/{kid}", self.url), LARGEST_KEY)
            .await
            .map_err(|error| Error::JiraUnreachable(format!("install keys: {error}")))?;
        let key = match answer {
            Answer { status, body, .. } if status.is_success() => DecodingKey::from_rsa_pem(&body)
                .map_err(|_| Error::JiraUnreachable("install keys: not an RSA key".to_owned()))?,
            Answer { status, .. } if status == 404 || status == 400 || status == 403 => {
                let until = self.clock.now() + UNKNOWN_FOR;
                self.remember(kid, CachedKid::Missing { until });
                return Err(Error::Unauthorized("the kid is unknown"));
            }
            Answer { status, .. } => {
                return Err(Error::JiraUnreachable(format!("install keys: {status}")));
            }
        };
        self.remember(kid, CachedKid::Key(key.clone()));
        Ok(key)
    }

    fn remembered(&self, kid: &str) -> Option<Result<DecodingKey, Error>> {
        let cached = self
            .cached
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match cached.get(kid)? {
            CachedKid::Key(key) => Some(Ok(key.clone())),
            CachedKid::Missing { until } if *until > self.clock.now() => {
                Some(Err(Error::Unauthorized("the kid is unknown")))
            }
            CachedKid::Missing { .. } => None,
        }
    }

    fn remember(&self, kid: &str, what: CachedKid) {
        let mut cached = self
            .cached
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if cached.len() >= REMEMBERED {
            // Made-up kids must not evict real keys.
            cached.retain(|_, what| matches!(what, CachedKid::Key(_)));
        }
        if cached.len() < REMEMBERED {
            cached.insert(kid.to_owned(), what);
        }
    }
}
