//! Connections whose client sends nothing: how long each may wait, and which is closed for a new one.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Bounds;

/// The idle connections of a server, in the order in which they became idle. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Idle {
    waiting: Arc<Mutex<BTreeMap<u64, Arc<Closing>>>>,
    next: Arc<AtomicU64>,
    /// Wakes those who wait for an idle connection.
    pub(super) more: Arc<Notify>,
}

/// Tells a connection to close.
#[derive(Default)]
struct Closing {
    told: AtomicBool,
    /// Of the task of the connection.
    waker: Mutex<Option<Waker>>,
}

impl Idle {
    /// Closes the connection that has been idle for longest. False if none is idle.
    pub(super) fn close_longest(&self) -> bool {
        let longest = self.lock().pop_first();
        let Some((_, closing)) = longest else {
            return false;
        };
        closing.told.store(true, Ordering::SeqCst);
        let waker = closing.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = waker.as_ref() {
            waker.wake_by_ref();
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Closing>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client has connected and sent nothing yet. Its first head has to be complete at this moment.
    Begins(Instant),
    /// The client may send another request, and should begin before this moment.
    Waits(Instant),
    /// The client sends a head, which has to be complete at this moment.
    Sends(Instant),
    /// A request is answered.
    Answers,
}

/// Whose turn it is on a connection. Its stream and its handler share it.
#[derive(Clone)]
pub(super) struct Turn(Arc<Shared>);

struct Shared {
    phase: Mutex<(Phase, Option<u64>)>,
    closing: Arc<Closing>,
    idle: Idle,
    bounds: Bounds,
}

impl Turn {
    /// A whole head has arrived.
    pub(super) fn begins(&self) {
        self.enter(Phase::Answers);
    }

    /// The answer is ready to be sent.
    pub(super) fn ends(&self) {
        self.enter(Phase::Waits(Instant::now() + self.0.bounds.idle));
    }

    fn phase(&self) -> Phase {
        let phase = self.0.phase.lock().unwrap_or_else(PoisonError::into_inner);
        phase.0
    }

    fn enter(&self, next: Phase) {
        let shared = &*self.0;
        let mut phase = shared.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = phase.1.take() {
            shared.idle.lock().remove(&place);
        }
        phase.0 = next;
        if matches!(next, Phase::Begins(_) | Phase::Waits(_)) {
            let place = shared.idle.next.fetch_add(1, Ordering::Relaxed);
            phase.1 = Some(place);
            shared.idle.lock().insert(place, shared.closing.clone());
            shared.idle.more.notify_one();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let phase = self.phase.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = phase.1.take() {
            self.idle.lock().remove(&place);
        }
    }
}

/// The client of a connection, and until when it may take its time.
pub(super) struct Client {
    pub(super) turn: Turn,
    limit: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Client {
    /// A client that has just connected. Its first head may take as long as any other.
    pub(super) fn new(bounds: Bounds, idle: Idle) -> Self {
        let until = Instant::now() + bounds.head;
        let turn = Turn(Arc::new(Shared {
            phase: Mutex::new((Phase::Answers, None)),
            closing: Arc::default(),
            idle,
            bounds,
        }));
        turn.enter(Phase::Begins(until));
        Self { turn, limit: None }
    }

    /// Bytes of the client have arrived.
    pub(super) fn sends(&self) {
        match self.turn.phase() {
            Phase::Begins(until) => self.turn.enter(Phase::Sends(until)),
            Phase::Waits(_) => {
                let until = Instant::now() + self.turn.0.bounds.head;
                self.turn.enter(Phase::Sends(until));
            }
            Phase::Sends(_) | Phase::Answers => {}
        }
    }

    /// Whether the connection gives up its place: it was told to, and nothing is under way on it.
    pub(super) fn gives_way(&self, context: &Context<'_>) -> bool {
        let closing = &self.turn.0.closing;
        let mut waker = closing.waker.lock().unwrap_or_else(PoisonError::into_inner);
        *waker = Some(context.waker().clone());
        let is_idle = matches!(self.turn.phase(), Phase::Begins(_) | Phase::Waits(_));
        is_idle && closing.told.load(Ordering::SeqCst)
    }

    /// Ready when the client has taken too long: with an error in the middle of a head, and as if the client
    /// had closed the connection between two requests.
    pub(super) fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (until, ended) = match self.turn.phase() {
            Phase::Begins(until) | Phase::Waits(until) => (until, Ok(())),
            Phase::Sends(until) => (until, Err(io::ErrorKind::TimedOut.into())),
            Phase::Answers => return Poll::Pending,
        };
        if self.limit.as_ref().is_none_or(|(known, _)| *known != until) {
            self.limit = Some((until, Box::pin(sleep_until(until))));
        }
        if let Some((_, limit)) = &mut self.limit {
            ready!(limit.as_mut().poll(context));
        }
        Poll::Ready(ended)
    }
}
