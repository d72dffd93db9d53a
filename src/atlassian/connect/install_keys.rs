//! The public keys of lifecycle tokens, fetched by kid and kept.
//!
//! The key of a kid never changes, so a fetched key is kept, in memory and in the database: neither a restart nor
//! an absent key server costs a key that was seen. A key may be withdrawn, so it is asked for again before it is
//! used, if the last look was a day ago. While the key server does not answer, the key is used for a week more.
//!
//! A kid can be made up, so what strangers can cause is bounded: a kid must be a short plain token before it
//! becomes part of a URL; each address may cause only so many fetches ([`Limits::fetch`]); a kid is fetched once, for all callers that wait for it; a limited number of
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
use crate::store::{KEPT_INSTALL_KEYS, KeptInstallKey, Store};

use queue::Queue;

mod queue;

/// How long a key is used before it is asked for again, in seconds.
const SEEN_FOR: Seconds = 24 * 3600;
/// How long after the last look a key is used while the key server does not answer, in seconds, and how long it
/// is then not asked again.
const STALE_FOR: Seconds = 8 * 24 * 3600;
const NOT_ASKED_FOR: Seconds = 60;
/// How often the database is read for what other replicas have seen, in seconds.
const LOOKED_EACH: Seconds = 5;
/// How far another replica's clock may be ahead, in seconds.
const CLOCKS_DIFFER: Seconds = 300;
/// How long a kid counts as unknown after it was not found, in seconds, and how many are remembered. Each takes
/// less than 40 bytes.
const UNKNOWN_FOR: Seconds = 60;
const UNKNOWN: usize = 32_768;
/// How many keys are remembered.
const REMEMBERED: usize = KEPT_INSTALL_KEYS as usize;
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
    store: Store,
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
    keys: HashMap<String, Kept>,
    /// When the database was last read for keys that another replica has seen.
    looked_at: Seconds,
    /// Hashes of kids that do not exist, and until when that is believed. Made-up kids fill this map and not
    /// that of the keys.
    unknown: HashMap<u64, Seconds>,
    /// When those that have run out were last dropped.
    dropped_at: Seconds,
    queue: Queue,
}

impl State {
    /// Keeps a key, unless a later look at it is known. The one that was not seen for longest makes room.
    fn keep(&mut self, kid: &str, kept: Kept) {
        let known = self.keys.get(kid);
        if known.is_some_and(|known| known.seen_at > kept.seen_at) {
            return;
        }
        if self.keys.len() >= REMEMBERED && known.is_none() {
            let oldest = self.keys.iter().min_by_key(|(_, kept)| kept.seen_at);
            if let Some(oldest) = oldest.map(|(kid, _)| kid.clone()) {
                self.keys.remove(&oldest);
            }
        }
        self.keys.insert(kid.to_owned(), kept);
    }
}

/// A key that Atlassian has given.
#[derive(Clone)]
struct Kept {
    key: DecodingKey,
    /// When Atlassian last gave it.
    seen_at: Seconds,
    /// Until when the key server is not asked again, because it did not answer.
    not_asked_until: Seconds,
}

impl Kept {
    /// None if it is not an RSA key.
    fn of(kept: &KeptInstallKey) -> Option<Self> {
        Some(Self {
            key: DecodingKey::from_rsa_pem(kept.pem.as_bytes()).ok()?,
            seen_at: kept.seen_at,
            not_asked_until: 0,
        })
    }

    fn is_fresh(&self, now: Seconds) -> bool {
        (-CLOCKS_DIFFER..SEEN_FOR).contains(&(now - self.seen_at))
    }

    /// Whether it may be used while the key server does not answer.
    fn is_usable(&self, now: Seconds) -> bool {
        (-CLOCKS_DIFFER..STALE_FOR).contains(&(now - self.seen_at))
    }
}

/// What came of a fetch.
#[derive(Clone)]
enum Outcome {
    Key(Kept),
    /// Atlassian has no such key.
    Unknown,
    /// The key server did not answer, or not with a key: for the log. If the key was kept and may still be used,
    /// here it is.
    NoAnswer(String, Option<Kept>),
    /// Others go first.
    TurnedAway,
}

/// What the key server says.
enum Fetched {
    /// A text that should be a key.
    Key(String),
    /// There is none, or it must not be read: the status.
    Refused(u16),
    /// It does not answer, or with something else: for the log.
    NoAnswer(String),
}

impl InstallKeys {
    /// Keys at `{url}/{kid}`, beginning with those that are kept.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn open(
        url: String,
        http: Outbound,
        clock: Clock,
        limits: Arc<Limits>,
        store: Store,
    ) -> Result<Self, Error> {
        let at_once = at_once(Usage::now().most_descriptors);
        let kept = store.install_keys().await?;
        let kept = kept
            .iter()
            .filter_map(|key| Some((key.kid.clone(), Kept::of(key)?)));
        let keys = kept.collect();
        Ok(Self(Arc::new(Shared {
            url,
            http,
            clock,
            limits,
            store,
            hasher: RandomState::new(),
            state: Mutex::new(State {
                keys,
                looked_at: 0,
                unknown: HashMap::new(),
                dropped_at: 0,
                queue: Queue::new(at_once, CALLERS),
            }),
            said_at: AtomicI64::new(0),
        })))
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
            let is_known = state.keys.contains_key(kid);
            if !is_known && !state.queue.has(kid) {
                shared.limits.fetch(client)?;
            }
            let told = state.queue.join(kid, client, is_known, now);
            told.map_err(|_| shared.crowded())?
        };
        shared.begin();
        match timeout(CALLER_WITHIN, told).await {
            Ok(Ok(Outcome::Key(kept) | Outcome::NoAnswer(_, Some(kept)))) => Ok(kept.key),
            Ok(Ok(Outcome::Unknown)) => Err(Error::Unauthorized("the kid is unknown")),
            Ok(Ok(Outcome::NoAnswer(why, None))) => {
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
        if let Some(kept) = state.keys.get(kid) {
            let not_asked = now < kept.not_asked_until && kept.is_usable(now);
            return (kept.is_fresh(now) || not_asked).then(|| Ok(kept.key.clone()));
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

    /// Asks the key server, and the database for what it does not answer.
    async fn ask(&self, kid: &str) -> Outcome {
        let kept = self.kept(kid);
        let now = self.clock.now();
        match self.fetch(kid).await {
            Fetched::Key(pem) => {
                let seen = KeptInstallKey {
                    kid: kid.to_owned(),
                    pem,
                    seen_at: now,
                };
                let Some(key) = Kept::of(&seen) else {
                    return self
                        .unanswered(kid, kept, "not an RSA key".to_owned())
                        .await;
                };
                if let Err(error) = self.store.keep_install_key(&seen).await {
                    tracing::warn!(%error, "a key of Atlassian cannot be kept in the database");
                }
                Outcome::Key(key)
            }
            // What never was there is forbidden to read at some key servers.
            Fetched::Refused(_) if kept.is_none() => Outcome::Unknown,
            Fetched::Refused(404 | 410) => {
                tracing::warn!(%kid, "Atlassian has withdrawn a key of lifecycle calls; it is not used any more");
                if let Err(error) = self.store.forget_install_key(kid).await {
                    tracing::warn!(%error, "a withdrawn key cannot be deleted from the database");
                }
                Outcome::Unknown
            }
            Fetched::Refused(status) => self.unanswered(kid, kept, status.to_string()).await,
            Fetched::NoAnswer(why) => self.unanswered(kid, kept, why).await,
        }
    }

    /// The key server did not answer: the key is used if it was seen, perhaps by another replica.
    async fn unanswered(&self, kid: &str, kept: Option<Kept>, why: String) -> Outcome {
        let now = self.clock.now();
        let kept = match kept {
            Some(kept) => Some(kept),
            None => {
                self.look_again().await;
                self.kept(kid)
            }
        };
        let usable = kept.filter(|kept| kept.is_usable(now)).map(|kept| Kept {
            not_asked_until: now + NOT_ASKED_FOR,
            ..kept
        });
        if usable.is_some() {
            tracing::warn!(%kid, %why, "the key server of Atlassian does not answer; a key that was seen before is used");
        }
        Outcome::NoAnswer(why, usable)
    }

    fn kept(&self, kid: &str) -> Option<Kept> {
        self.state().keys.get(kid).cloned()
    }

    /// Reads what other replicas have seen, now and then: made-up kids must not keep the database busy.
    async fn look_again(&self) {
        let now = self.clock.now();
        {
            let mut state = self.state();
            if (0..LOOKED_EACH).contains(&(now - state.looked_at)) {
                return;
            }
            state.looked_at = now;
        }
        match self.store.install_keys().await {
            Ok(all) => {
                let mut state = self.state();
                for seen in all {
                    if let Some(kept) = Kept::of(&seen) {
                        state.keep(&seen.kid, kept);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the keys of Atlassian that were seen cannot be read");
            }
        }
    }

    async fn fetch(&self, kid: &str) -> Fetched {
        let url = format!("{}/{kid}", self.url);
        let answer = timeout(FETCH_WITHIN, self.http.get(&url, LARGEST_KEY)).await;
        match answer {
            Err(_) => Fetched::NoAnswer("no answer in time".to_owned()),
            Ok(Err(error)) => Fetched::NoAnswer(error.to_string()),
            Ok(Ok(Answer { status, body, .. })) => match status.as_u16() {
                200..=299 => String::from_utf8(body).map_or_else(
                    |_| Fetched::NoAnswer("not an RSA key".to_owned()),
                    Fetched::Key,
                ),
                status @ (400 | 403 | 404 | 410) => Fetched::Refused(status),
                _ => Fetched::NoAnswer(status.to_string()),
            },
        }
    }

    fn remember(&self, state: &mut State, kid: &str, outcome: &Outcome, now: Seconds) {
        match outcome {
            Outcome::Key(kept) | Outcome::NoAnswer(_, Some(kept)) => {
                state.keep(kid, kept.clone());
            }
            Outcome::Unknown => {
                state.keys.remove(kid);
                if state.unknown.len() >= UNKNOWN && state.dropped_at != now {
                    state.dropped_at = now;
                    state.unknown.retain(|_, until| *until > now);
                }
                if state.unknown.len() < UNKNOWN {
                    let kid = self.hasher.hash_one(kid);
                    state.unknown.insert(kid, now + UNKNOWN_FOR);
                }
            }
            Outcome::NoAnswer(_, None) | Outcome::TurnedAway => {}
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
            outcome: Outcome::NoAnswer("the fetch was broken off".to_owned(), None),
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
