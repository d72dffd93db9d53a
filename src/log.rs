//! The log: lines on standard error, written by a thread of its own.
//!
//! Nobody who has something to say waits for whoever reads, or fails with it. A reader that has closed its
//! end, or stands still, costs lines and nothing else, and they are counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;
use tracing_subscriber::fmt::MakeWriter;

/// How much waits to be written, in bytes; what comes then is lost.
const MOST_WAITING: usize = 1024 * 1024;
/// What a waiting line takes beside its text, about, in bytes.
const OF_A_LINE: usize = 64;
/// How long the end of the process waits for what is not written yet.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that were lost since the process started. A process has one log, whatever it runs.
pub static LINES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        "latchkey_log_lines_lost_total",
        "Lines of the log that were lost, as their reader was gone or too slow.",
    )
    .expect("the name is a constant")
});

enum Entry {
    Line(Vec<u8>),
    /// Answered when all before it is written.
    Mark(SyncSender<()>),
}

/// Where lines wait to be written. Cloning it shares them.
#[derive(Debug, Clone)]
pub struct Log {
    entries: Sender<Entry>,
    waiting: Arc<AtomicUsize>,
}

impl Log {
    /// Begins to write to standard error.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start() -> io::Result<Self> {
        Self::start_on(io::stderr())
    }

    fn start_on(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, written) = channel();
        let waiting = Arc::<AtomicUsize>::default();
        let log = Self {
            entries,
            waiting: waiting.clone(),
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(out, &written, &waiting))?;
        Ok(log)
    }

    /// Says one line that is no entry of the log, as what a command ends with.
    pub fn say(&self, line: &str) {
        self.take(format!("{line}\n").into_bytes());
    }

    /// Waits until everything is written, for a second at most.
    pub fn end(&self) {
        let (mark, reached) = sync_channel(1);
        if self.entries.send(Entry::Mark(mark)).is_ok() {
            reached.recv_timeout(LAST_LINES).ok();
        }
    }

    fn take(&self, line: Vec<u8>) {
        let size = line.len() + OF_A_LINE;
        let waiting = self.waiting.fetch_add(size, Ordering::Relaxed);
        if waiting + size > MOST_WAITING || self.entries.send(Entry::Line(line)).is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            LINES_LOST.inc();
        }
    }
}

fn write_all(mut out: impl Write, entries: &Receiver<Entry>, waiting: &AtomicUsize) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                if out.write_all(&line).is_err() {
                    LINES_LOST.inc();
                }
                waiting.fetch_sub(line.len() + OF_A_LINE, Ordering::Relaxed);
            }
            Entry::Mark(mark) => {
                mark.try_send(()).ok();
            }
        }
    }
}

impl Write for Log {
    /// Takes a whole line: tracing writes each at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.take(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// From now on a panic is a line of the log. The standard hook writes to standard error itself, and would
/// wait for its reader.
pub fn panics_are_logged() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
        tracing::error!(
            said = panic.payload_as_str(),
            place = panic.location().map(tracing::field::display),
            backtrace = captured.then(|| tracing::field::display(&backtrace)),
            "a panic"
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands still until it is let go.
    struct Stalled(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().ok();
            self.1.send(line.to_vec()).ok();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn f4_a_reader_that_stands_still_costs_what_does_not_fit_and_nothing_before() {
        let (go_on, stalled) = channel();
        let (written, out) = channel();
        let log = Log::start_on(Stalled(stalled, written)).expect("a thread");
        let before = LINES_LOST.get();
        let long = "x".repeat(MOST_WAITING / 4);
        for _ in 0..5 {
            log.say(&long);
        }
        // Four would fit but for what they take beside their text.
        assert_eq!(LINES_LOST.get() - before, 2);
        log.say("short");
        drop(go_on);
        log.end();
        let written: Vec<usize> = out.try_iter().map(|line| line.len()).collect();
        assert_eq!(written, [long.len() + 1, long.len() + 1, long.len() + 1, 6]);
    }
}
