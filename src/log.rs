//! The log: lines on standard error, written by a separate thread.
//!
//! A slow or closed reader of the log neither delays nor fails the code that logs. Lines that such a reader
//! does not take are lost and counted.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use prometheus::IntCounter;
use tracing::Subscriber;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::error::ShouldBe;
use crate::spans;

/// How many bytes may wait to be written. Lines beyond that are lost.
const MOST_WAITING: usize = 1024 * 1024;
/// About how many bytes a waiting line takes besides its text.
const OF_A_LINE: usize = 64;
/// How long the end of the process waits for lines that are not written yet.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Lines that were lost since the process started. A process has one log.
pub static LINES_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        "latchkey_log_lines_lost_total",
        "Log lines that were lost because their reader was gone or too slow.",
    )
    .expect("the name is a constant")
});

enum Entry {
    Line(Vec<u8>),
    /// Acknowledged when all lines before it are written.
    Mark(SyncSender<()>),
}

/// Which entries are logged: a tracing filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl FromStr for Filter {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        match EnvFilter::try_new(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(ShouldBe::new(
                "a tracing filter, like info or latchkey=debug",
            )),
        }
    }
}

impl Filter {
    fn for_tracing(&self) -> EnvFilter {
        // Spans of traces would be in each line.
        let filter = with(EnvFilter::new(&self.0), spans::TARGET, "off");
        if self.0.contains("tower_sessions") {
            return filter;
        }
        // tower_sessions warns about every forged cookie, and any client can send those. `events` counts
        // them.
        with(filter, "tower_sessions", "error")
    }
}

fn with(filter: EnvFilter, target: &str, level: &str) -> EnvFilter {
    format!("{target}={level}")
        .parse::<Directive>()
        .map_or(filter.clone(), |directive| filter.add_directive(directive))
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line of text for each entry.
    Text,
    /// One JSON object in a line for each entry.
    Json,
}

/// The queue of lines to write. Clones share it.
#[derive(Clone)]
pub struct Log {
    entries: Sender<Entry>,
    waiting: Arc<AtomicUsize>,
    /// Changes what is logged, once tracing writes here.
    refilter: Arc<OnceLock<Refilter>>,
}

/// Records spans.
pub type Traces = Box<dyn Layer<Registry> + Send + Sync>;

type Refilter = Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>;

impl Log {
    /// Starts the thread that writes to standard error.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start() -> io::Result<Self> {
        Self::start_on(io::stderr())
    }

    fn start_on(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, written) = channel();
        let waiting = Arc::<AtomicUsize>::default();
        let log = Self {
            entries,
            waiting: waiting.clone(),
            refilter: Arc::default(),
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(out, &written, &waiting))?;
        Ok(log)
    }

    /// Makes this the log of the process: tracing writes to it, and so does a panic. With `traces`, spans are recorded
    /// there as well.
    pub fn record(&self, filter: &Filter, format: Format, traces: Option<Traces>) {
        let filter = filter.for_tracing();
        let refilter: Refilter = match traces {
            // The filter is of the log alone.
            Some(traces) => {
                let (filter, handle) = reload::Layer::new(filter);
                let lines = self.lines(format).with_filter(filter);
                Registry::default().with(traces).with(lines).init();
                Box::new(move |filter| handle.reload(filter))
            }
            // What nobody records costs least where one filter decides for all.
            None => {
                let (filter, handle) = reload::Layer::new(filter);
                let lines = self.lines(format);
                Registry::default().with(filter).with(lines).init();
                Box::new(move |filter| handle.reload(filter))
            }
        };
        self.refilter.set(refilter).ok();
        log_panics();
    }

    fn lines<S>(&self, format: Format) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let lines = fmt::layer()
            .with_writer(self.clone())
            // tracing would write these to standard error itself, and its reader may be gone.
            .log_internal_errors(false);
        match format {
            Format::Json => lines.json().boxed(),
            Format::Text => lines.with_ansi(false).boxed(),
        }
    }

    /// Writes the entries of this filter from now on.
    pub fn change_filter(&self, filter: &Filter) {
        if let Some(Err(error)) = self.refilter.get().map(|set| set(filter.for_tracing())) {
            tracing::error!(%error, "the filter of the log cannot be changed");
        }
    }

    /// Writes one line that is not a log entry, such as the error that a command ends with.
    pub fn say(&self, line: &str) {
        self.take(format!("{line}\n").into_bytes());
    }

    /// Waits until all lines are written, for at most a second.
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
    /// Takes a whole line: tracing writes each line with one call.
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

/// Makes each panic a log line. The standard hook writes to standard error itself and would wait for its
/// reader.
fn log_panics() {
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

    /// A writer that blocks until it is released.
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
        // Four would fit if they took no space besides their text.
        assert_eq!(LINES_LOST.get() - before, 2);
        log.say("short");
        drop(go_on);
        log.end();
        let written: Vec<usize> = out.try_iter().map(|line| line.len()).collect();
        assert_eq!(written, [long.len() + 1, long.len() + 1, long.len() + 1, 6]);
    }
}
