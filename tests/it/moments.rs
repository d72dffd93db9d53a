//! Holding a child at a moment of a renewal: the other end of the product's `moments`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// This machine may be busy with other stories.
const PATIENCE: Duration = Duration::from_secs(60);

/// Listens to every renewal of a child, and holds the ones it is told to.
#[derive(Clone)]
pub struct Moments {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Where to hold whom, once each.
    orders: Vec<Place>,
    held: HashMap<Place, oneshot::Sender<String>>,
    /// All that was reached, oldest first, with the generation.
    reached: Vec<(Place, i64)>,
}

/// A moment, and whose renewal it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    moment: String,
    account: String,
}

impl Place {
    fn new(moment: &str, account: &str) -> Self {
        Self {
            moment: moment.to_owned(),
            account: account.to_owned(),
        }
    }
}

impl Moments {
    pub async fn listen() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let moments = Self {
            address: address.to_string(),
            shared,
        };
        let all = moments.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let all = all.clone();
                // A child that was killed leaves without a word.
                tokio::spawn(async move { all.meet(stream).await.ok() });
            }
        });
        moments
    }

    /// What a child needs to be told.
    pub fn setting(&self) -> (&'static str, String) {
        ("LATCHKEY_MOMENTS", self.address.clone())
    }

    /// The next time a renewal of this account comes to this moment, it stays there.
    pub fn hold(&self, moment: &str, account: &str) {
        self.lock().orders.push(Place::new(moment, account));
    }

    /// Waits until it is held there.
    pub async fn held(&self, moment: &str, account: &str) {
        let place = Place::new(moment, account);
        let mut changes = self.shared.changes.subscribe();
        let waiting = async {
            while !self.lock().held.contains_key(&place) {
                let _ = changes.changed().await;
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            let reached = self.lock().reached.clone();
            let last: Vec<_> = reached.iter().rev().take(12).collect();
            panic!("{place:?} was not reached; newest first: {last:#?}");
        }
    }

    /// It goes on.
    pub fn go(&self, moment: &str, account: &str) {
        self.answer(moment, account, "go\n".to_owned());
    }

    /// It goes on and has slept for so many seconds, by the child's clock.
    pub fn go_after_sleeping(&self, moment: &str, account: &str, seconds: u32) {
        self.answer(moment, account, format!("go {seconds}\n"));
    }

    /// Everybody goes on, and nobody is held any more.
    pub fn go_all(&self) {
        let mut state = self.lock();
        state.orders.clear();
        for (_, held) in state.held.drain() {
            let _ = held.send("go\n".to_owned());
        }
    }

    fn answer(&self, moment: &str, account: &str, answer: String) {
        let held = self.lock().held.remove(&Place::new(moment, account));
        let held = held.expect("it is held there");
        let _ = held.send(answer);
    }

    async fn meet(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [moment, account, generation] = words[..] else {
            panic!("a moment says which, whose and of which generation: {line}");
        };
        let place = Place::new(moment, account);
        let generation = generation.parse().expect("a generation is a number");
        let held = {
            let mut state = self.lock();
            state.reached.push((place.clone(), generation));
            let order = state.orders.iter().position(|order| *order == place);
            order.map(|order| {
                state.orders.remove(order);
                let (let_go, held) = oneshot::channel();
                state.held.insert(place, let_go);
                held
            })
        };
        self.shared.changes.send_modify(|count| *count += 1);
        let answer = match held {
            Some(held) => held.await.unwrap_or_default(),
            None => "go\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}
