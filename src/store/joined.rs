//! Answers many askers by few reads.
//!
//! Who asks gets what was read by a read that began after they asked, and nothing is kept. So a change that was committed
//! before somebody asked is seen, whichever process made it, and there is nothing to forget. While many reads go on, those
//! who ask for different things gather too and share the next one: reading many costs little more than reading one.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many reads go on at once.
const AT_ONCE: usize = 4;
/// The most things in one read.
const TOGETHER: usize = 16;

/// Those who ask for each thing.
type Askers<K, V> = HashMap<K, Vec<oneshot::Sender<V>>>;

/// The reads in progress, and those who wait for the next.
pub(super) struct Joined<K, V>(Mutex<State<K, V>>);

struct State<K, V> {
    waiting: VecDeque<(K, oneshot::Sender<V>)>,
    /// What each read in progress reads, by its number.
    reads: HashMap<u64, Vec<K>>,
    /// The number of the next read.
    next: u64,
}

impl<K, V> Default for Joined<K, V> {
    fn default() -> Self {
        Self(Mutex::new(State {
            waiting: VecDeque::new(),
            reads: HashMap::new(),
            next: 0,
        }))
    }
}

impl<K, V> Joined<K, V> {
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone + Send + 'static, V: Clone + Send + 'static> Joined<K, V> {
    /// What is read about `what` after this moment, by the function that `reader` makes if a read may begin now. It is
    /// told what to read, and answers for each of it. None if it panicked, or if the process ends.
    pub(super) async fn ask<F, R>(
        self: &Arc<Self>,
        what: &K,
        reader: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Fn(Vec<K>) -> R + Send + Sync + 'static,
        R: Future<Output = HashMap<K, V>> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let begun = {
            let mut state = self.lock();
            state.waiting.push_back((what.clone(), sender));
            state.may_begin(what).then(|| state.begin())
        };
        if let Some((number, askers)) = begun {
            // In a task of its own: it goes on for the others when the first has gone away.
            let reading = Reading {
                of: self.clone(),
                number,
            };
            tokio::spawn(reading.serve(askers, reader()));
        }
        answer.await.ok()
    }
}

impl<K: Eq + Hash + Clone, V> State<K, V> {
    /// Whether a read of this begins at once. One of the same that began before goes on without it, and then the next is
    /// for all who have asked since.
    fn may_begin(&self, what: &K) -> bool {
        self.reads.len() < AT_ONCE && !self.reads.values().flatten().any(|read| read == what)
    }

    /// Begins a read for those who wait, as far as one goes.
    fn begin(&mut self) -> (u64, Askers<K, V>) {
        let mut askers = Askers::new();
        while askers.len() < TOGETHER
            && let Some((what, asker)) = self.waiting.pop_front()
        {
            askers.entry(what).or_default().push(asker);
        }
        let number = self.next;
        self.next += 1;
        self.reads.insert(number, askers.keys().cloned().collect());
        (number, askers)
    }
}

/// A task that reads as long as somebody asks.
struct Reading<K, V> {
    of: Arc<Joined<K, V>>,
    number: u64,
}

impl<K: Eq + Hash + Clone + Send + 'static, V: Clone + Send + 'static> Reading<K, V> {
    async fn serve<R>(
        mut self,
        mut askers: Askers<K, V>,
        read: impl Fn(Vec<K>) -> R + Send + Sync + 'static,
    ) where
        R: Future<Output = HashMap<K, V>> + Send + 'static,
    {
        loop {
            let mut found = read(askers.keys().cloned().collect()).await;
            for (what, mut askers) in askers {
                let (Some(found), Some(last)) = (found.remove(&what), askers.pop()) else {
                    continue;
                };
                for asker in askers {
                    // Somebody who has gone away needs no answer.
                    _ = asker.send(found.clone());
                }
                _ = last.send(found);
            }
            let mut state = self.of.lock();
            state.reads.remove(&self.number);
            if state.waiting.is_empty() {
                return;
            }
            let number;
            (number, askers) = state.begin();
            drop(state);
            self.number = number;
        }
    }
}

impl<K, V> Drop for Reading<K, V> {
    fn drop(&mut self) {
        // After a panic. Those who wait learn that nobody reads for them, unless another read goes on.
        let mut state = self.of.lock();
        if state.reads.remove(&self.number).is_some() && state.reads.is_empty() {
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::{Notify, mpsc};

    use super::*;

    type Numbered = Arc<Joined<&'static str, u32>>;

    async fn until(joined: &Numbered, is_so: impl Fn(&State<&'static str, u32>) -> bool) {
        while !is_so(&joined.lock()) {
            tokio::task::yield_now().await;
        }
    }

    fn is_idle(state: &State<&'static str, u32>) -> bool {
        state.reads.is_empty() && state.waiting.is_empty()
    }

    /// Reads that say their number and what they read when they begin, and end one by one when they are let go.
    struct Reads {
        joined: Numbered,
        begun: Arc<AtomicU32>,
        go: Arc<Notify>,
        began: mpsc::UnboundedSender<(u32, Vec<&'static str>)>,
    }

    impl Reads {
        fn new() -> (Self, mpsc::UnboundedReceiver<(u32, Vec<&'static str>)>) {
            let (began, begins) = mpsc::unbounded_channel();
            let reads = Self {
                joined: Arc::default(),
                begun: Arc::default(),
                go: Arc::default(),
                began,
            };
            (reads, begins)
        }

        /// The answer is the number of the read.
        fn ask(&self, what: &'static str) -> tokio::task::JoinHandle<Option<u32>> {
            let (joined, begun) = (self.joined.clone(), self.begun.clone());
            let (go, began) = (self.go.clone(), self.began.clone());
            tokio::spawn(async move {
                let read = move |mut keys: Vec<&'static str>| {
                    let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                    keys.sort_unstable();
                    began.send((number, keys.clone())).expect("somebody looks");
                    let go = go.clone();
                    async move {
                        go.notified().await;
                        keys.into_iter().map(|key| (key, number)).collect()
                    }
                };
                joined.ask(&what, || read).await
            })
        }
    }

    #[tokio::test]
    async fn who_asks_gets_a_read_that_began_later_and_shares_it() {
        let (reads, mut begins) = Reads::new();
        let first = reads.ask("a");
        assert_eq!(begins.recv().await, Some((1, vec!["a"])));
        // They come while the first read goes on, so it is too old for them.
        let later: Vec<_> = (0..3).map(|_| reads.ask("a")).collect();
        until(&reads.joined, |state| state.waiting.len() == 3).await;
        reads.go.notify_one();
        assert_eq!(first.await.expect("an answer"), Some(1));
        assert_eq!(begins.recv().await, Some((2, vec!["a"])));
        reads.go.notify_one();
        for asker in later {
            assert_eq!(asker.await.expect("an answer"), Some(2));
        }
        until(&reads.joined, is_idle).await;
    }

    #[tokio::test]
    async fn other_things_are_read_at_once_and_together_while_many_reads_go_on() {
        let (reads, mut begins) = Reads::new();
        let mut asked = Vec::new();
        for (at, what) in ["a", "b", "c", "d"].into_iter().enumerate() {
            asked.push(reads.ask(what));
            let number = u32::try_from(at + 1).expect("it is small");
            assert_eq!(begins.recv().await, Some((number, vec![what])));
        }
        let together = ["e", "f", "a"].map(|what| reads.ask(what));
        until(&reads.joined, |state| state.waiting.len() == 3).await;
        reads.go.notify_one();
        assert_eq!(begins.recv().await, Some((5, vec!["a", "e", "f"])));
        for _ in 0..4 {
            reads.go.notify_one();
            tokio::task::yield_now().await;
        }
        for asker in together {
            assert_eq!(asker.await.expect("an answer"), Some(5));
        }
        for (asker, number) in asked.into_iter().zip(1..) {
            assert_eq!(asker.await.expect("an answer"), Some(number));
        }
        until(&reads.joined, is_idle).await;
    }

    #[tokio::test]
    async fn no_read_is_of_more_than_fit_and_none_is_left_out() {
        let names: Vec<&'static str> = "abcdefghijklmnopqrstuvwxyz"
            .split("")
            .filter(|name| !name.is_empty())
            .collect();
        let (reads, mut begins) = Reads::new();
        let all: Vec<_> = names.iter().map(|name| reads.ask(name)).collect();
        until(&reads.joined, |state| {
            state.waiting.len() == names.len() - AT_ONCE
        })
        .await;
        for asker in all {
            reads.go.notify_waiters();
            while !asker.is_finished() {
                reads.go.notify_one();
                tokio::task::yield_now().await;
            }
            assert!(asker.await.expect("an answer").is_some());
        }
        until(&reads.joined, is_idle).await;
        begins.close();
        let mut read = Vec::new();
        while let Some((_, keys)) = begins.recv().await {
            assert!(keys.len() <= TOGETHER, "{keys:?}");
            read.extend(keys);
        }
        read.sort_unstable();
        assert_eq!(read, names);
    }

    #[tokio::test]
    async fn a_read_goes_on_without_the_first_who_asked_and_ends_with_a_panic() {
        let (reads, mut begins) = Reads::new();
        let gone = reads.ask("a");
        assert_eq!(begins.recv().await, Some((1, vec!["a"])));
        gone.abort();
        let asks = reads.ask("a");
        until(&reads.joined, |state| state.waiting.len() == 1).await;
        reads.go.notify_one();
        assert_eq!(begins.recv().await, Some((2, vec!["a"])));
        reads.go.notify_one();
        assert_eq!(asks.await.expect("an answer"), Some(2));
        until(&reads.joined, is_idle).await;

        async fn breaks(_: Vec<&'static str>) -> HashMap<&'static str, u32> {
            panic!("the read breaks")
        }
        assert_eq!(reads.joined.ask(&"a", || breaks).await, None);
        until(&reads.joined, is_idle).await;
    }
}
