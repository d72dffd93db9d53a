//! What a signal does: four ask the process to stop, the others do nothing.
//!
//! None may end it in the middle of its work: with a token request under way, that can cost a link
//! (`renewal`). Closing the terminal sends one, and so do tools that rotate logs or ask for a dump. A process
//! that is number 1 of a container gets only what it has asked for, so it has to ask.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that end a process which does not ask for them, beside those that ask it to stop. Their numbers are
/// the same on Linux and macOS: XCPU, XFSZ (so that a file that may not grow is an error of the write),
/// VTALRM, PROF. PIPE is ignored by the standard library.
const EVERYWHERE: [i32; 4] = [24, 25, 26, 27];
/// On Linux also STKFLT, IO, PWR, and those for real time.
#[cfg(target_os = "linux")]
const OF_THE_SYSTEM: (&[i32], std::ops::RangeInclusive<i32>) = (&[16, 29, 30], 34..=64);

/// Whether somebody has asked the process to stop.
#[derive(Debug)]
pub struct Stop(Vec<Signal>);

impl Stop {
    /// Takes over every signal that can be taken over. What comes from now on is known when
    /// [`Stop::asked`] is awaited, however late that is, and a second one changes nothing.
    ///
    /// # Errors
    /// When the system does not let itself be asked, or outside a runtime.
    pub fn listen() -> io::Result<Self> {
        let mut asks = vec![
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ];
        // Whoever started it by `nohup` wants the end of the terminal not to be noticed.
        if !hangup_is_ignored() {
            asks.push(signal(SignalKind::hangup())?);
        }
        for kind in [
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::alarm(),
        ] {
            // The handler stays when the listener goes.
            drop(signal(kind)?);
        }
        for number in EVERYWHERE {
            drop(signal(SignalKind::from_raw(number))?);
        }
        #[cfg(target_os = "linux")]
        for number in OF_THE_SYSTEM.0.iter().copied().chain(OF_THE_SYSTEM.1) {
            // Not every machine has all of them.
            drop(signal(SignalKind::from_raw(number)));
        }
        Ok(Self(asks))
    }

    /// Waits until somebody asks, or has asked already.
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

/// What the process was started with, where the kernel says so: bit n-1 stands for signal n, and 1 is HUP.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
