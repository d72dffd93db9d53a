//! Answers many askers by one read.
//!
//! Who asks gets what was read by a read that began after they asked, and nothing is kept. So a change that was committed
//! before somebody asked is seen, whichever process made it, and there is nothing to forget.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Those who ask for one thing while it is read.
type Waiting<V> = Vec<oneshot::Sender<V>>;

/// The reads in progress, by what is read.
pub(super) struct Joined<K, V>(Mutex<HashMap<K, Waiting<V>>>);

impl<K, V> Default for Joined<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone + Send + 'static, V: Clone + Send + 'static> Joined<K, V> {
    /// What is read after this moment, by the function that `reader` makes if nobody reads it now. None if that
    /// panicked, or if the process ends.
    pub(super) async fn ask<F, R>(
        self: &Arc<Self>,
        what: &K,
        reader: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = V> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let first = {
            let mut reads = self.lock();
            match reads.get_mut(what) {
                // The read in progress began before. The next one is theirs.
                Some(waiting) => {
                    waiting.push(sender);
                    None
                }
                None => {
                    reads.insert(what.clone(), Vec::new());
                    Some(vec![sender])
                }
            }
        };
        if let Some(first) = first {
            // In a task of its own: it goes on for the others when the first has gone away.
            let reading = Reading {
                of: self.clone(),
                what: what.clone(),
            };
            tokio::spawn(reading.serve(first, reader()));
        }
        answer.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Waiting<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that reads one thing as long as somebody asks for it.
struct Reading<K: Eq + Hash, V> {
    of: Arc<Joined<K, V>>,
    what: K,
}

impl<K: Eq + Hash + Clone + Send + 'static, V: Clone + Send + 'static> Reading<K, V> {
    async fn serve<R>(self, first: Waiting<V>, read: impl Fn() -> R + Send + Sync + 'static)
    where
        R: Future<Output = V> + Send + 'static,
    {
        let mut waiting = first;
        loop {
            let found = read().await;
            if let Some(last) = waiting.pop() {
                for asker in waiting {
                    // Somebody who has gone away needs no answer.
                    _ = asker.send(found.clone());
                }
                _ = last.send(found);
            }
            let mut reads = self.of.lock();
            match reads.get_mut(&self.what) {
                Some(next) if !next.is_empty() => waiting = std::mem::take(next),
                _ => {
                    reads.remove(&self.what);
                    return;
                }
            }
        }
    }
}

impl<K: Eq + Hash, V> Drop for Reading<K, V> {
    fn drop(&mut self) {
        // After a panic, so that those who wait learn that nobody reads for them. Otherwise it is gone already, or
        // belongs to a read that began since.
        if std::thread::panicking() {
            let mut reads = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
            reads.remove(&self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::{Notify, mpsc};

    use super::*;

    #[tokio::test]
    async fn who_asks_gets_a_read_that_began_later_and_shares_it() {
        let joined = Arc::new(Joined::<&str, u32>::default());
        let (reads, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let (began, mut begins) = mpsc::unbounded_channel();
        let ask = |what: &'static str| {
            let (joined, reads) = (joined.clone(), reads.clone());
            let (go, began) = (go.clone(), began.clone());
            tokio::spawn(async move {
                let read = move || {
                    let number = reads.fetch_add(1, Ordering::SeqCst) + 1;
                    began.send(number).expect("somebody looks");
                    let go = go.clone();
                    async move {
                        go.notified().await;
                        number
                    }
                };
                joined.ask(&what, || read).await
            })
        };
        let first = ask("a");
        assert_eq!(begins.recv().await, Some(1));
        // They come while the first read goes on, so it is too old for them.
        let later: Vec<_> = (0..3).map(|_| ask("a")).collect();
        while joined.lock().get("a").map(Vec::len) != Some(3) {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        assert_eq!(first.await.expect("an answer"), Some(1));
        assert_eq!(begins.recv().await, Some(2));
        // What somebody else asks for is another read.
        let other = ask("b");
        assert_eq!(begins.recv().await, Some(3));
        go.notify_one();
        go.notify_one();
        for asker in later {
            assert_eq!(asker.await.expect("an answer"), Some(2));
        }
        assert_eq!(other.await.expect("an answer"), Some(3));
        while !joined.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_read_goes_on_without_the_first_who_asked_and_ends_with_a_panic() {
        let joined = Arc::new(Joined::<(), u32>::default());
        let go = Arc::new(Notify::new());
        let waits = go.clone();
        let read = move || {
            let waits = waits.clone();
            async move {
                waits.notified().await;
                7
            }
        };
        let gone = tokio::spawn({
            let (joined, read) = (joined.clone(), read.clone());
            async move { joined.ask(&(), || read).await }
        });
        while joined.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        let asks = tokio::spawn({
            let joined = joined.clone();
            async move { joined.ask(&(), || read).await }
        });
        while joined.lock().get(&()).map(Vec::len) != Some(1) {
            tokio::task::yield_now().await;
        }
        go.notify_one();
        go.notify_one();
        assert_eq!(asks.await.expect("an answer"), Some(7));
        while !joined.lock().is_empty() {
            tokio::task::yield_now().await;
        }

        async fn breaks() -> u32 {
            panic!("the read breaks")
        }
        assert_eq!(joined.ask(&(), || breaks).await, None);
        assert!(joined.lock().is_empty());
    }
}
