//! The public keys of lifecycle tokens, fetched by kid and cached.
//!
//! The key of a kid never changes, so a fetched key is kept. A kid can be made up, so what strangers can cause is
//! bounded: a kid must be a short plain token before it becomes part of a URL; each address may cause only so many
//! fetches ([`Limits::fetch`]); a kid is fetched once, for all callers that wait for it; a limited number of
//! callers waits, in an order that lets those from quiet networks go first (`queue.rs`), and further ones are told
//! to come back. A kid that does not exist is remembered for a minute, apart from the keys.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::limits::Limits;
use crate::outbound::{Answer, Outbound};
use crate::process::Usage;

use queue::Queue;

mod queue;

/// How many keys are cached. Atlassian uses a handful.
const REMEMBERED: usize = 64;
/// How long a kid counts as unknown after it was not found, in seconds, and how many are remembered. Each takes
/// less than 40 bytes.
const UNKNOWN_FOR: Seconds = 60;
const UNKNOWN: usize = 32_768;
/// A PEM of an RSA key is smaller than a kilobyte.
const LARGEST_KEY: usize = 16 * 1024;
/// How long one fetch may take, and how long a caller waits for its turn and the fetch.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
const CALLER_WITHIN: Duration = Duration::from_secs(9);
/// How many callers may wait. Each holds a connection of a client, of which there are 512 where 1,024 file
/// descriptors may be open.
const CALLERS: usize = 256;
/// When a caller who is turned away should come back, in seconds.
const COME_BACK: Seconds = 5;
/// How often the log says that callers are turned away, in seconds.
const SAID_EACH: Seconds = 60;

/// How many keys are fetched at once when this process may open so many file descriptors: a sixteenth of them.
/// 64 fetches of a tenth of a second are more than 600 kids a second.
fn at_once(descriptors: Option<u64>) -> usize {
    let part = descriptors.map_or(usize::MAX, |all| {
        usize::try_from(all / 16).unwrap_or(usize::MAX)
    });
    part.clamp(4, 128)
}

/// Fetches and caches the keys.
#[derive(Debug, Clone)]
pub struct InstallKeys(Arc<Shared>);

struct Shared {
    url: String,
    http: Outbound,
    clock: Clock,
    limits: Arc<Limits>,
    /// Hashes kids with a secret seed, so that nobody can make up one that counts as another.
    hasher: RandomState,
    state: Mutex<State>,
    /// When the log last said that callers are turned away.
    said_at: AtomicI64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

struct State {
    keys: HashMap<String, DecodingKey>,
    /// Hashes of kids that do not exist, and until when that is believed. Made-up kids fill this map and not
    /// that of the keys.
    unknown: HashMap<u64, Seconds>,
    /// When those that have run out were last dropped.
    dropped_at: Seconds,
    queue: Queue,
}

/// What came of a fetch.
#[derive(Clone)]
enum Outcome {
    Key(DecodingKey),
    /// Atlassian has no such key.
    Unknown,
    /// The key server did not answer, or not with a key: for the log.
    NoAnswer(String),
    /// Others go first.
    TurnedAway,
}

impl InstallKeys {
    /// Keys at `{url}/{kid}`.
    #[must_use]
    pub fn new(url: String, http: Outbound, clock: Clock, limits: Arc<Limits>) -> Self {
        let at_once = at_once(Usage::now().most_descriptors);
        Self(Arc::new(Shared {
            url,
            http,
            clock,
            limits,
            hasher: RandomState::new(),
            state: Mutex::new(State {
                keys: HashMap::new(),
                unknown: HashMap::new(),
                dropped_at: 0,
                queue: Queue::new(at_once, CALLERS),
            }),
            said_at: AtomicI64::new(0),
        }))
    }

    /// The key of a kid that this client named.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for a kid that is malformed or unknown, [`Error::TooMany`] when the client
    /// names too many unknown kids, [`Error::Crowded`] when too many callers wait, [`Error::JiraUnreachable`]
    /// when the key server does not answer.
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
        let shared = &self.0;
        let now = shared.clock.now();
        let told = {
            let mut state = shared.state();
            if let Some(cached) = shared.remembered(&state, kid, now) {
                return cached;
            }
            if !state.queue.has(kid) {
                shared.limits.fetch(client)?;
            }
            let told = state.queue.join(kid, client, false, now);
            told.map_err(|_| shared.crowded())?
        };
        shared.begin();
        match timeout(CALLER_WITHIN, told).await {
            Ok(Ok(Outcome::Key(key))) => Ok(key),
            Ok(Ok(Outcome::Unknown)) => Err(Error::Unauthorized("the kid is unknown")),
            Ok(Ok(Outcome::NoAnswer(why))) => {
                Err(Error::JiraUnreachable(format!("install keys: {why}")))
            }
            Ok(Ok(Outcome::TurnedAway) | Err(_)) | Err(_) => Err(shared.crowded()),
        }
    }

    /// A token from this address was valid. From now on its kids go before those of strangers.
    pub fn proved(&self, client: IpAddr) {
        let now = self.0.clock.now();
        self.0.state().queue.proved(client, now);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(
        &self,
        state: &State,
        kid: &str,
        now: Seconds,
    ) -> Option<Result<DecodingKey, Error>> {
        if let Some(key) = state.keys.get(kid) {
            return Some(Ok(key.clone()));
        }
        let until = state.unknown.get(&self.hasher.hash_one(kid))?;
        (*until > now).then_some(Err(Error::Unauthorized("the kid is unknown")))
    }

    /// The error for a caller that is turned away. The log says so now and then.
    fn crowded(&self) -> Error {
        let now = self.clock.now();
        let said_at = self.said_at.load(Ordering::Relaxed);
        if !(0..SAID_EACH).contains(&(now - said_at)) {
            self.said_at.store(now, Ordering::Relaxed);
            tracing::warn!(
                code = "install_keys",
                "more lifecycle calls name unknown keys than can be fetched: some are told to come back"
            );
        }
        Error::Crowded {
            retry_after: COME_BACK,
        }
    }

    /// Begins as many fetches as may run at once.
    fn begin(self: &Arc<Self>) {
        let now = self.clock.now();
        // There is none while the process ends.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        loop {
            let next = self.state().queue.begin(now);
            let Some(kid) = next else { return };
            runtime.spawn(Fetch::new(self.clone(), kid).run());
        }
    }

    async fn ask(&self, kid: &str) -> Outcome {
        let url = format!("{}/{kid}", self.url);
        let answer = timeout(FETCH_WITHIN, self.http.get(&url, LARGEST_KEY)).await;
        match answer {
            Err(_) => Outcome::NoAnswer("no answer in time".to_owned()),
            Ok(Err(error)) => Outcome::NoAnswer(error.to_string()),
            Ok(Ok(Answer { status, body, .. })) => match status.as_u16() {
                200..=299 => DecodingKey::from_rsa_pem(&body).map_or_else(
                    |_| Outcome::NoAnswer("not an RSA key".to_owned()),
                    Outcome::Key,
                ),
                400 | 403 | 404 | 410 => Outcome::Unknown,
                _ => Outcome::NoAnswer(status.to_string()),
            },
        }
    }

    fn remember(&self, state: &mut State, kid: &str, outcome: &Outcome, now: Seconds) {
        match outcome {
            Outcome::Key(key) if state.keys.len() < REMEMBERED => {
                state.keys.insert(kid.to_owned(), key.clone());
            }
            Outcome::Unknown => {
                if state.unknown.len() >= UNKNOWN && state.dropped_at != now {
                    state.dropped_at = now;
                    state.unknown.retain(|_, until| *until > now);
                }
                if state.unknown.len() < UNKNOWN {
                    let kid = self.hasher.hash_one(kid);
                    state.unknown.insert(kid, now + UNKNOWN_FOR);
                }
            }
            _ => {}
        }
    }
}

/// A fetch that has begun. Its callers are told however it ends.
struct Fetch {
    keys: Arc<Shared>,
    kid: String,
    outcome: Outcome,
}

impl Fetch {
    fn new(keys: Arc<Shared>, kid: String) -> Self {
        Self {
            keys,
            kid,
            outcome: Outcome::NoAnswer("the fetch was broken off".to_owned()),
        }
    }

    async fn run(mut self) {
        self.outcome = self.keys.ask(&self.kid).await;
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        let now = self.keys.clock.now();
        {
            let mut state = self.keys.state();
            let state = &mut *state;
            self.keys.remember(state, &self.kid, &self.outcome, now);
            state.queue.end(&self.kid, &self.outcome);
        }
        self.keys.begin();
    }
}
