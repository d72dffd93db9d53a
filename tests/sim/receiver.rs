//! The vendor's receiver of webhooks, simulated: it refuses what the Standard Webhooks specification tells it to refuse,
//! and writes down what it was sent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How far a timestamp may be off, in seconds.
const TOLERANCE: i64 = 300;

/// What the receiver answers to a message that is good.
#[derive(Clone, Debug)]
pub enum Habit {
    /// It takes it.
    Take,
    /// This status, with `Retry-After` if there is one.
    Status(u16, Option<&'static str>),
    /// This status, and this text in the answer's body and in a header.
    Says(u16, String),
    /// A redirect to itself.
    Redirect,
    /// It takes it after so long.
    Slow(Duration),
    /// 500 for so many of ten calls, by chance, and otherwise it takes it.
    FailsOf10(u8),
    /// Nothing, until this changes.
    Hold,
    /// 200, and a body that never ends.
    Endless,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: String,
    /// Its `webhook-timestamp`.
    pub at: i64,
    pub signatures: String,
    pub content: Value,
    /// What was answered. 0 while there is no answer.
    pub status: u16,
}

impl Sent {
    /// Type, id of the link, reason and author.
    pub fn words(&self) -> String {
        let data = &self.content["data"];
        let mut words = self.kind().to_owned();
        for field in ["reason", "by"] {
            if let Some(word) = data[field].as_str() {
                words = format!("{words} {word}");
            }
        }
        words
    }

    pub fn kind(&self) -> &str {
        self.content["type"].as_str().expect("it has a type")
    }

    pub fn link(&self) -> &str {
        self.content["data"]["id"].as_str().expect("it has a link")
    }

    pub fn is_taken(&self) -> bool {
        self.status == 204
    }
}

struct State {
    secrets: Vec<String>,
    habit: Habit,
    sent: Vec<Sent>,
    refused: Vec<String>,
    chance: u64,
}

struct Inside {
    state: Mutex<State>,
    ahead: AtomicI64,
    changes: watch::Sender<u64>,
}

/// A receiver on a port of its own.
#[derive(Clone)]
pub struct Receiver {
    inside: Arc<Inside>,
    address: SocketAddr,
    serving: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Receiver {
    /// It knows one secret, `whsec_` and base64.
    pub async fn start(secret: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let receiver = Self {
            address: listener.local_addr().expect("it has an address"),
            inside: Arc::new(Inside {
                state: Mutex::new(State {
                    secrets: vec![secret.to_owned()],
                    habit: Habit::Take,
                    sent: Vec::new(),
                    refused: Vec::new(),
                    chance: 7,
                }),
                ahead: AtomicI64::new(0),
                changes: watch::Sender::new(0),
            }),
            serving: Arc::default(),
        };
        receiver.serve(listener);
        receiver
    }

    fn serve(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/hooks", post(take))
            .with_state(self.inside.clone());
        let served = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Nobody listens there.
    pub async fn goes_down(&self) {
        let served = self
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(served) = served {
            served.abort();
            let _ = served.await;
        }
    }

    pub async fn comes_back(&self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("its port is free again");
        self.serve(socket.listen(64).expect("it listens"));
    }

    /// Its clock follows one that a test moves.
    pub fn advance(&self, seconds: i64) {
        self.inside.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn set(&self, habit: Habit) {
        self.inside.lock().habit = habit;
        self.inside.changed();
    }

    /// The secrets that it knows from now on. Each message has to carry a signature by every one of them.
    pub fn knows(&self, secrets: &[&str]) {
        self.inside.lock().secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    }

    /// All that came, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.inside.lock().sent.clone()
    }

    /// What it took, oldest first.
    pub fn taken(&self) -> Vec<Sent> {
        let mut sent = self.sent();
        sent.retain(Sent::is_taken);
        sent
    }

    /// Why messages were refused.
    pub fn refused(&self) -> Vec<String> {
        self.inside.lock().refused.clone()
    }

    /// Waits until what came is as it should be.
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        let mut changes = self.inside.changes.subscribe();
        let waiting = async {
            loop {
                let sent = self.sent();
                if is_so(&sent) {
                    return sent;
                }
                let _ = changes.changed().await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), waiting).await {
            Ok(sent) => sent,
            Err(_) => panic!("{what}: {:#?}, refused: {:#?}", self.sent(), self.refused()),
        }
    }

    /// Waits until it has taken so many messages.
    pub async fn has_taken(&self, number: usize) -> Vec<Sent> {
        self.wait_until("not so many were taken", |sent| {
            sent.iter().filter(|sent| sent.is_taken()).count() >= number
        })
        .await;
        self.taken()
    }
}

impl Inside {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the simulated world has a clock of its own"
    )]
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.expect("it is later").as_secs();
        i64::try_from(since).expect("a time") + self.ahead.load(Ordering::SeqCst)
    }

    /// A message whose signatures and time are good, or why it is refused.
    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Sent, String> {
        let header = |name: &str| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().map_err(|error| error.to_string()),
                _ => Err(format!("{name} is not there once")),
            }
        };
        let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
        let signatures = header("webhook-signature")?;
        if header("content-type")? != "application/json" {
            return Err("it is no JSON".to_owned());
        }
        if id.is_empty() || id.contains('.') {
            return Err(format!("{id:?} is no id"));
        }
        let at: i64 = at.parse().map_err(|_| format!("{at} is no time"))?;
        let now = self.now();
        if (now - at).abs() > TOLERANCE {
            return Err(format!("{at} is more than five minutes from {now}"));
        }
        let mut signed = format!("{id}.{at}.").into_bytes();
        signed.extend_from_slice(body);
        let secrets = self.lock().secrets.clone();
        for secret in &secrets {
            let bytes = secret.strip_prefix("whsec_").expect("a secret");
            let bytes = STANDARD.decode(bytes).expect("base64");
            let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
            let good = signatures.split(' ').any(|signature| {
                let signature = signature.strip_prefix("v1,");
                let signature = signature.and_then(|text| STANDARD.decode(text).ok());
                signature.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
            });
            if !good {
                return Err("a signature is wrong".to_owned());
            }
        }
        if signatures.split(' ').count() != secrets.len() {
            return Err("there are more signatures than secrets".to_owned());
        }
        let content: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        for field in ["type", "timestamp"] {
            if !content[field].is_string() {
                return Err(format!("{field} is missing"));
            }
        }
        if !content["data"]["id"].is_string() {
            return Err("it is about no link".to_owned());
        }
        Ok(Sent {
            id: id.to_owned(),
            at,
            signatures: signatures.to_owned(),
            content,
            status: 0,
        })
    }
}

async fn take(Shared(inside): Shared<Arc<Inside>>, headers: HeaderMap, body: Bytes) -> Response {
    let sent = match inside.read(&headers, &body) {
        Ok(sent) => sent,
        Err(why) => {
            inside.lock().refused.push(why.clone());
            inside.changed();
            return (StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let (place, habit) = {
        let mut state = inside.lock();
        state.sent.push(sent);
        (state.sent.len() - 1, state.habit.clone())
    };
    inside.changed();
    let taken = StatusCode::NO_CONTENT.into_response();
    let answer = match habit {
        Habit::Take => taken,
        Habit::Status(status, retry_after) => {
            let status = StatusCode::from_u16(status).expect("a status");
            match retry_after {
                Some(seconds) => (status, [("retry-after", seconds)]).into_response(),
                None => status.into_response(),
            }
        }
        Habit::Says(status, text) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, [("x-debug", text.clone())], text).into_response()
        }
        Habit::Redirect => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "/hooks")]).into_response()
        }
        Habit::Slow(time) => {
            tokio::time::sleep(time).await;
            taken
        }
        Habit::FailsOf10(number) => {
            let mut state = inside.lock();
            // Knuth's multiplier: good enough to be irregular, and the same in each run.
            state.chance = state.chance.wrapping_mul(6_364_136_223_846_793_005) + 1;
            match (state.chance >> 33) % 10 < u64::from(number) {
                true => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                false => taken,
            }
        }
        Habit::Hold => {
            let mut changes = inside.changes.subscribe();
            while matches!(inside.lock().habit, Habit::Hold) {
                let _ = changes.changed().await;
            }
            taken
        }
        Habit::Endless => {
            let body = vec![b' '; 1024 * 1024];
            (StatusCode::OK, body).into_response()
        }
    };
    inside.lock().sent[place].status = answer.status().as_u16();
    inside.changed();
    // A receiver that goes down must not live on in a connection that is kept.
    ([("connection", "close")], answer).into_response()
}
