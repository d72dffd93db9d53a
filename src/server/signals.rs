//! What signals do: three ask the process to stop, HUP asks it to read its settings again, the others do nothing.
//!
//! No signal may end the process in the middle of its work: during a token request, that can cost a link
//! (`renewal`). A terminal that is closed sends HUP, and that is a request to stop. Tools that rotate logs or ask for
//! a dump send others. Process 1 of a container gets only the signals that it has handlers for, so it needs handlers.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that end a process without a handler, besides those that ask it to stop. Their numbers are the
/// same on Linux and macOS: XCPU, XFSZ (so that a file that may not grow is an error of the write),
/// VTALRM, PROF. PIPE is ignored by the standard library.
const EVERYWHERE: [i32; 4] = [24, 25, 26, 27];
/// More of them on Linux: STKFLT, IO, PWR and the real-time signals.
#[cfg(target_os = "linux")]
const OF_THE_SYSTEM: (&[i32], std::ops::RangeInclusive<i32>) = (&[16, 29, 30], 34..=64);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To stop.
    Stop,
    /// To read the settings again.
    Reread,
}

/// The signals that ask for something.
#[derive(Debug)]
pub struct Signals {
    stop: Vec<Signal>,
    /// None if the process ignores it.
    hangup: Option<Signal>,
    /// Whether the process was started from a terminal.
    of_terminal: bool,
    /// Whether it was asked to read its settings again while it could not.
    reread: bool,
}

impl Signals {
    /// Handles every signal that can be handled. [`Signals::next`] sees signals that arrive from now on,
    /// however late it is awaited.
    ///
    /// # Errors
    /// When a handler can't be installed, or outside a runtime.
    pub fn listen() -> io::Result<Self> {
        let stop = vec![
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ];
        // `nohup` ignores HUP, so that the process outlives the terminal.
        let hangup = match hangup_is_ignored() {
            false => Some(signal(SignalKind::hangup())?),
            true => None,
        };
        for kind in [
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::alarm(),
        ] {
            // The handler outlives the listener.
            drop(signal(kind)?);
        }
        for number in EVERYWHERE {
            drop(signal(SignalKind::from_raw(number))?);
        }
        #[cfg(target_os = "linux")]
        for number in OF_THE_SYSTEM.0.iter().copied().chain(OF_THE_SYSTEM.1) {
            // Some machines lack some of them.
            drop(signal(SignalKind::from_raw(number)));
        }
        Ok(Self {
            stop,
            hangup,
            of_terminal: has_terminal(),
            reread: false,
        })
    }

    /// Waits for a request to stop, which may have arrived already. A request to read the settings again is kept
    /// until [`Signals::next`].
    pub async fn stop(&mut self) {
        while self.arrive().await == Asked::Reread {
            self.reread = true;
        }
    }

    /// Waits for the next request, which may have arrived already.
    pub async fn next(&mut self) -> Asked {
        if std::mem::take(&mut self.reread) {
            return Asked::Reread;
        }
        self.arrive().await
    }

    async fn arrive(&mut self) -> Asked {
        poll_fn(|context| {
            let mut arrived = |signal: &mut Signal| signal.poll_recv(context).is_ready();
            let stops = self.stop.iter_mut().map(&mut arrived);
            let stop = stops.fold(false, |any, one| any | one);
            let hangup = self.hangup.as_mut().is_some_and(arrived);
            // Who sends HUP from elsewhere leaves the terminal open.
            let closed = hangup && self.of_terminal && !has_terminal();
            match (stop || closed, hangup) {
                (true, _) => Poll::Ready(Asked::Stop),
                (false, true) => Poll::Ready(Asked::Reread),
                (false, false) => Poll::Pending,
            }
        })
        .await
    }
}

/// Whether this process has a terminal of its own: a terminal that was closed is none any more.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether the process was started with HUP ignored, as Linux reports it: bit n-1 is signal n, and HUP is 1.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
