//! Moments of a renewal at which a test can hold this process, to pause or to kill it. Only builds with
//! `debug_assertions` have them.
//!
//! | | moment | where |
//! |---|---|---|
//! | P0 | claimed | here |
//! | P1 | the intent is written, nothing is sent | here |
//! | P2 | sent and not processed | at the service |
//! | P3 | processed, and the answer on its way | at the service |
//! | P4 | the answer in memory | here |
//! | P5 | committed | here |
//! | P6 | before the PUT, and before its tenant is read a last time | here |
//! | P7 | the PUT applied, and its answer on its way | in Jira |
//! | P8 | before it is recorded | here |
//!
//! Only the other side can hold P2, P3 and P7: a test does that there.
//!
//! Of a webhook message there are W0, claimed and not sent, and W1, answered and not recorded; who is held is its link.
//!
//! `LATCHKEY_MOMENTS` names the address of a listener. At every moment the process connects to it and sends
//! moment, account id and generation in one line. The renewal continues when a line comes back, or if nothing
//! listens. `go` continues; `go 90` moves the clock on by 90 seconds, as if the process had been suspended.

use crate::clock::Clock;
use crate::model::Link;

/// A moment that this process can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// P0.
    Claimed,
    /// P1.
    Intended,
    /// P4.
    Answered,
    /// P5.
    Committed,
    /// P6.
    BeforePut,
    /// P8.
    BeforeRecord,
    /// W0.
    MessageClaimed,
    /// W1.
    MessageAnswered,
}

/// Reports the moment of a renewal, where a test may hold it.
#[cfg(not(debug_assertions))]
pub async fn reach(_: &Clock, _: Moment, _: &Link) {}

/// Reports the moment of a message about a link.
#[cfg(not(debug_assertions))]
pub async fn reach_of_message(_: &Clock, _: Moment, _: &str) {}

/// The clock of the process.
#[cfg(not(debug_assertions))]
#[must_use]
pub fn clock() -> Clock {
    Clock::system()
}

#[cfg(debug_assertions)]
pub use told::{clock, reach, reach_of_message};

#[cfg(debug_assertions)]
mod told {
    use std::io;

    use tokio::net::TcpStream;

    use super::{Clock, Link, Moment};

    fn address() -> Option<String> {
        std::env::var("LATCHKEY_MOMENTS").ok()
    }

    /// The clock of the process. If a test listens, it can be moved.
    #[must_use]
    pub fn clock() -> Clock {
        match address() {
            Some(_) => Clock::movable(),
            None => Clock::system(),
        }
    }

    /// Reports the moment of a renewal, where a test may hold it.
    pub async fn reach(clock: &Clock, moment: Moment, link: &Link) {
        say(clock, moment, link.account_id.as_str(), link.generation).await;
    }

    /// Reports the moment of a message about a link.
    pub async fn reach_of_message(clock: &Clock, moment: Moment, link: &str) {
        say(clock, moment, link, 0).await;
    }

    async fn say(clock: &Clock, moment: Moment, whose: &str, generation: i64) {
        let Some(address) = address() else {
            return;
        };
        let name = match moment {
            Moment::Claimed => "P0",
            Moment::Intended => "P1",
            Moment::Answered => "P4",
            Moment::Committed => "P5",
            Moment::BeforePut => "P6",
            Moment::BeforeRecord => "P8",
            Moment::MessageClaimed => "W0",
            Moment::MessageAnswered => "W1",
        };
        let line = format!("{name} {whose} {generation}\n");
        let answer = ask(&address, line.as_bytes()).await.unwrap_or_default();
        if let Some(seconds) = answer.trim().strip_prefix("go ")
            && let Ok(seconds) = seconds.parse()
        {
            clock.advance(seconds);
        }
    }

    async fn ask(address: &str, line: &[u8]) -> io::Result<String> {
        let stream = TcpStream::connect(address).await?;
        stream.writable().await?;
        // A few bytes on a new connection are sent at once.
        stream.try_write(line)?;
        let mut answer = Vec::new();
        let mut chunk = [0; 64];
        while !answer.ends_with(b"\n") {
            stream.readable().await?;
            match stream.try_read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
