//! A server that is measured, as a process of its own. Linux only: memory and processor time are read from `/proc`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, sleep};

use super::World;
use super::load::{Failure, body};

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
        loop {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("it ended before it was ready: {status}").into());
            }
            match body(address, ready) {
                Ok(_) => return Ok(server),
                Err(failure) if started.elapsed() > STARTING => return Err(failure),
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Resident memory in bytes, as Linux counts it.
    pub fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .ok_or("the kernel does not say how much memory is resident")?;
        Ok(resident.trim().parse::<u64>()? * 1024)
    }

    /// The processor time that all its threads have used, in user space and in the kernel.
    pub fn processor_time(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may contain spaces. After it, utime is the twelfth field and stime the thirteenth.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name in the statistics")?;
        let mut ticks = 0;
        for field in fields.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
        let each = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_millis(ticks * 1000 / each))
    }
}

/// An address of this machine where nobody listens.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
