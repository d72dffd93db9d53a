//! What signals do: four ask the process to stop, the others do nothing.
//!
//! No signal may end the process in the middle of its work: during a token request, that can cost a link
//! (`renewal`). A closed terminal sends a signal, and so do tools that rotate logs or ask for a dump. Process
//! 1 of a container gets only the signals that it has handlers for, so it needs handlers.

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

/// The signals that ask the process to stop.
#[derive(Debug)]
pub struct Stop(Vec<Signal>);

impl Stop {
    /// Handles every signal that can be handled. [`Stop::asked`] sees signals that arrive from now on,
    /// however late it is awaited. A second signal changes nothing.
    ///
    /// # Errors
    /// When a handler can't be installed, or outside a runtime.
    pub fn listen() -> io::Result<Self> {
        let mut asks = vec![
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ];
        // `nohup` ignores HUP, so that the process outlives the terminal.
        if !hangup_is_ignored() {
            asks.push(signal(SignalKind::hangup())?);
        }
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
        Ok(Self(asks))
    }

    /// Waits for the first of these signals, which may have arrived already.
    pub async fn asked(&mut self) {
        poll_fn(|context| {
            let asked = |signal: &mut Signal| signal.poll_recv(context).is_ready();
            if self
                .0
                .iter_mut()
                .map(asked)
                .fold(false, |any, one| any | one)
            {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Whether the process was started with HUP ignored, as Linux reports it: bit n-1 is signal n, and HUP is 1.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
