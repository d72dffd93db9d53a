//! Measures a binary of the product, which runs as a process of its own beside a simulated world:
//! `cargo run --release --example measure -- target/release/latchkey`, or simply `scripts/measure`.

#[path = "mod.rs"]
mod sim;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, sleep};

use self::sim::World;
use self::sim::jira::{OMAR, Overrides};
use self::sim::service::ServiceOptions;

const STARTS: usize = 9;
const ROUNDS: usize = 5;
const REQUESTS: usize = 100_000;
const CONNECTIONS: usize = 8;
/// What the project promises.
const START_BOUND: Duration = Duration::from_millis(500);
const MEMORY_BOUND: u64 = 40_000_000;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let binary = std::env::args_os().nth(1);
    let binary = PathBuf::from(binary.ok_or("say which binary to measure")?);
    let world = World::start(ServiceOptions::default()).await;
    let folder = tempfile::tempdir()?;

    let mut starts = Vec::new();
    for number in 0..STARTS {
        // Each with a database that is not there yet, so that the migrations count.
        let file = folder.path().join(format!("start-{number}.db"));
        let before = Instant::now();
        let product = Product::start(&binary, &world, &file).await?;
        starts.push(before.elapsed());
        drop(product);
    }
    starts.sort();
    let start = starts[STARTS / 2];
    println!(
        "start to ready on SQLite        {:>9} ms  median of {STARTS}, {} to {}; at most {}",
        start.as_millis(),
        starts[0].as_millis(),
        starts[STARTS - 1].as_millis(),
        START_BOUND.as_millis(),
    );

    let product = Product::start(&binary, &world, &folder.path().join("load.db")).await?;
    world
        .jira
        .install("acme", &format!("{}/atlassian-connect.json", product.base))
        .await?;
    sleep(Duration::from_secs(2)).await;
    let idle = product.memory()?;
    println!(
        "memory idle                     {:>9.1} MB  at most {:.0}",
        megabytes(idle),
        megabytes(MEMORY_BOUND)
    );

    // In turns, so that whatever else this machine does hits both.
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = rate(product.address, "/healthz").await?;
        // A new token for each round: they live for three minutes.
        let path = "/connect/glance?issue=KEY-1";
        let token = world
            .jira
            .iframe_token("acme", OMAR, "GET", path, &Overrides::none());
        let glance = rate(product.address, &format!("{path}&jwt={token}")).await?;
        rounds.push((glance / bare, glance, bare));
    }
    let loaded = product.memory()?;
    println!(
        "memory after {REQUESTS} glances    {:>9.1} MB  and as many bare requests; at most {:.0}",
        megabytes(loaded),
        megabytes(MEMORY_BOUND)
    );
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, glance, bare) = rounds[ROUNDS / 2];
    println!("bare handler, GET /healthz      {bare:>9.0} requests a second");
    println!("glance with a verified token    {glance:>9.0} requests a second");
    println!(
        "ratio                           {ratio:>9.2}     median of {ROUNDS} rounds, {:.2} to {:.2}",
        rounds[0].0,
        rounds[ROUNDS - 1].0
    );
    if start > START_BOUND || idle.max(loaded) > MEMORY_BOUND {
        return Err("a bound does not hold".into());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The binary, serving. It is killed with this value.
struct Product {
    child: Child,
    address: SocketAddr,
    base: String,
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Product {
    /// Returns as soon as it says that it is ready.
    async fn start(binary: &Path, world: &World, file: &Path) -> Result<Self, Failure> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = free.local_addr()?;
        drop(free);
        let base = format!("http://latchkey.localhost:{}", address.port());
        let mut sealing_key = [0; 32];
        aws_lc_rs::rand::fill(&mut sealing_key)?;
        let child = Command::new(binary)
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
            .env("LATCHKEY_LOG", "error")
            .stdin(Stdio::null())
            .spawn()?;
        let mut product = Self {
            child,
            address,
            base,
        };
        loop {
            if let Some(status) = product.child.try_wait()? {
                return Err(format!("it ended before it was ready: {status}").into());
            }
            let mut ready = Connection::open(address);
            if let Ok(ready) = &mut ready
                && ready.get(&request("/readyz")).is_ok()
            {
                return Ok(product);
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Resident memory in bytes, as Linux counts it.
    fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix("kB"))
            .ok_or("the kernel does not say how much memory is resident")?;
        Ok(resident.trim().parse::<u64>()? * 1024)
    }
}

/// Requests a second over some connections that are kept alive.
async fn rate(address: SocketAddr, path: &str) -> Result<f64, Failure> {
    const EACH: usize = REQUESTS / ROUNDS / CONNECTIONS;
    let before = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request(path);
            tokio::task::spawn_blocking(move || {
                let mut connection = Connection::open(address)?;
                for _ in 0..EACH {
                    connection.get(&request)?;
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    for thread in threads {
        thread.await??;
    }
    let requests = u32::try_from(EACH * CONNECTIONS)?;
    Ok(f64::from(requests) / before.elapsed().as_secs_f64())
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: latchkey.localhost\r\n\r\n").into_bytes()
}

/// As little client as will do: what it takes from the processor is taken from the product.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self {
            stream,
            answer: Vec::new(),
        })
    }

    /// Sends a request and reads the whole answer, which has to be 200.
    fn get(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 16 * 1024];
        let mut whole = None;
        while whole.is_none_or(|whole| self.answer.len() < whole) {
            let length = self.stream.read(&mut chunk)?;
            if length == 0 {
                return Err("the connection was closed".into());
            }
            self.answer.extend_from_slice(&chunk[..length]);
            if whole.is_none() {
                whole = self.length()?;
            }
        }
        Ok(())
    }

    /// How long the answer is with its head, once that is here.
    fn length(&self) -> Result<Option<usize>, Failure> {
        let end = b"\r\n\r\n";
        let Some(head) = self.answer.windows(end.len()).position(|at| at == end) else {
            return Ok(None);
        };
        let text = str::from_utf8(&self.answer[..head])?;
        if !text.starts_with("HTTP/1.1 200 ") {
            return Err(format!("not the answer that is measured: {text}").into());
        }
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .ok_or("the answer does not say how long it is")?;
        Ok(Some(head + end.len() + length.parse::<usize>()?))
    }
}
