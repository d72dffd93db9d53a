//! A server that is measured, as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, sleep};

use super::World;
use super::linux::{self, free_address};
use super::load::{Failure, Request, ask};

/// How long a server may take until it is ready.
const STARTING: Duration = Duration::from_secs(30);

/// A process that serves. It is killed with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Latchkey in this world, with an SQLite database in this file.
    pub async fn latchkey(binary: &Path, world: &World, file: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let base = format!("http://latchkey.localhost:{}", address.port());
        let mut sealing_key = [0; 32];
        aws_lc_rs::rand::fill(&mut sealing_key)?;
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(world.settings())
            .env("LATCHKEY_LISTEN", address.to_string())
            .env("LATCHKEY_BASE_URL", &base)
            .env(
                "LATCHKEY_DATABASE_URL",
                format!("sqlite://{}", file.display()),
            )
            .env(
                "LATCHKEY_SEALING_KEYS",
                format!("measure:{}", STANDARD.encode(sealing_key)),
            )
            .env("LATCHKEY_LOG", "error");
        Self::start(command, address, base, "/readyz").await
    }

    /// Returns as soon as the server answers 200 at the path.
    pub async fn start(
        mut command: Command,
        address: SocketAddr,
        base: String,
        ready: &str,
    ) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::null()).spawn()?;
        let mut server = Self {
            child,
            address,
            base,
        };
        let started = Instant::now();
        let ready = Request::new(ready);
        loop {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("it ended before it was ready: {status}").into());
            }
            match ask(address, &ready).and_then(|answer| answer.with_status(200)) {
                Ok(_) => return Ok(server),
                Err(failure) if started.elapsed() > STARTING => return Err(failure),
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Resident memory in bytes, as Linux counts it.
    pub fn memory(&self) -> Result<u64, Failure> {
        linux::memory(self.child.id())
    }

    /// The processor time that all its threads have used, in user space and in the kernel.
    pub fn processor_time(&self) -> Result<Duration, Failure> {
        let [own, _] = linux::processor_time(self.child.id())?;
        Ok(own)
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
