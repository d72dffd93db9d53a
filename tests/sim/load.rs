//! The load of `scripts/measure` and `scripts/compare`: one path, asked for over some connections that are kept alive.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

pub type Failure = Box<dyn Error + Send + Sync>;

/// When a connection sends its requests, and when it stops.
#[derive(Clone, Copy)]
pub enum Pace {
    /// The next one as soon as the answer is here: so many requests over all connections.
    Count(usize),
    /// The next one as soon as the answer is here, for so long.
    Lasting(Duration),
    /// At fixed times, whether or not the answer before is here: so many a second over all connections, for so long.
    Fixed { rate: u32, lasting: Duration },
}

/// What came of a load. Every answer was 200.
pub struct Measured {
    took: Duration,
    /// Of each request, the shortest first.
    latencies: Vec<Duration>,
}

impl Measured {
    pub fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "there are some 100,000")]
    pub fn rate(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64()
    }

    /// The latency, in milliseconds, that this share of the requests, in percent, did not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.requests() * percent).div_ceil(100).max(1);
        self.latencies[rank - 1].as_secs_f64() * 1e3
    }
}

/// Asks for this path. An answer other than 200 is a failure.
pub async fn load(
    address: SocketAddr,
    path: &str,
    connections: usize,
    pace: Pace,
) -> Result<Measured, Failure> {
    let opened: Vec<_> = (0..connections)
        .map(|_| Connection::open(address))
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    let threads: Vec<_> = opened
        .into_iter()
        .zip(0_u32..)
        .map(|(connection, number)| {
            let request = request(path);
            tokio::task::spawn_blocking(move || {
                one_connection(
                    connection,
                    &request,
                    start,
                    number,
                    u32::try_from(connections)?,
                    pace,
                )
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.extend(thread.await??);
    }
    let took = start.elapsed();
    if latencies.is_empty() {
        return Err("no request was sent".into());
    }
    latencies.sort_unstable();
    Ok(Measured { took, latencies })
}

fn one_connection(
    mut connection: Connection,
    request: &[u8],
    start: Instant,
    number: u32,
    connections: u32,
    pace: Pace,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    match pace {
        Pace::Count(requests) => {
            for _ in 0..requests / usize::try_from(connections)? {
                let before = Instant::now();
                connection.get(request)?;
                latencies.push(before.elapsed());
            }
        }
        Pace::Lasting(lasting) => loop {
            let before = Instant::now();
            if before - start >= lasting {
                break;
            }
            connection.get(request)?;
            latencies.push(before.elapsed());
        },
        Pace::Fixed { rate, lasting } => {
            let apart = Duration::from_secs(1) / rate;
            let mut due = apart * number;
            while due < lasting {
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                connection.get(request)?;
                // From the moment when it was due: a request that had to wait for the answer before it was late.
                latencies.push(start.elapsed() - due);
                due += apart * connections;
            }
        }
    }
    Ok(latencies)
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: latchkey.localhost\r\n\r\n").into_bytes()
}

/// The body of one answer.
pub fn body(address: SocketAddr, path: &str) -> Result<Vec<u8>, Failure> {
    let mut connection = Connection::open(address)?;
    let head = connection.get(&request(path))?;
    Ok(connection.answer.split_off(head))
}

/// As little client as will do: what it takes from the processor is taken from the server.
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

    /// Sends a request and reads the whole answer, which has to be 200. Returns how long its head is.
    fn get(&mut self, request: &[u8]) -> Result<usize, Failure> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut chunk = [0; 16 * 1024];
        let mut lengths = None;
        loop {
            if let Some((head, body)) = lengths
                && self.answer.len() >= head + body
            {
                return Ok(head);
            }
            let length = self.stream.read(&mut chunk)?;
            if length == 0 {
                return Err("the connection was closed".into());
            }
            self.answer.extend_from_slice(&chunk[..length]);
            if lengths.is_none() {
                lengths = self.lengths()?;
            }
        }
    }

    /// How long the head of the answer and its body are, once the head is here.
    fn lengths(&self) -> Result<Option<(usize, usize)>, Failure> {
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
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .ok_or("the answer does not say how long it is")?
            .1;
        Ok(Some((head + end.len(), length.parse()?)))
    }
}
