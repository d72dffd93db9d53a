//! The load of `scripts/measure` and `scripts/compare`: one path, asked for over some connections that are kept alive.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
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

/// A request for a path, as its bytes.
#[derive(Clone)]
pub struct Request(Vec<u8>);

impl Request {
    /// It asks for no compression.
    pub fn new(path: &str) -> Self {
        Self::with_headers(path, "")
    }

    /// It asks for compression as Chromium does on a page by https.
    pub fn as_a_browser(path: &str) -> Self {
        Self::with_headers(path, "Accept-Encoding: gzip, deflate, br, zstd\r\n")
    }

    fn with_headers(path: &str, headers: &str) -> Self {
        let host = "latchkey.localhost";
        Self(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").into_bytes())
    }
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

/// Sends this request. An answer other than 200 is a failure.
pub async fn load(
    address: SocketAddr,
    request: &Request,
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
            let request = request.clone();
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
    request: &Request,
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

/// The answer to one request.
pub struct Answer {
    head: Head,
    bytes: Vec<u8>,
}

impl Answer {
    /// An answer with another status is a failure.
    pub fn with_status(self, status: u16) -> Result<Self, Failure> {
        self.head.is_status(status, &self.bytes)?;
        Ok(self)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = str::from_utf8(&self.bytes[..self.head.length]).ok()?;
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// How many bytes were sent, with the head.
    pub fn sent(&self) -> usize {
        self.bytes.len()
    }

    /// Without the sizes of chunks. A content coding stays.
    pub fn body(&self) -> Result<Vec<u8>, Failure> {
        let start = self.head.length;
        match self.head.framing {
            Framing::Length(_) => Ok(self.bytes[start..].to_vec()),
            Framing::Chunks => {
                let mut body = Vec::new();
                let mut at = start;
                while let Some(data) = chunk(&self.bytes, at)? {
                    at = after(&data);
                    body.extend_from_slice(&self.bytes[data]);
                }
                Ok(body)
            }
        }
    }
}

/// The answer to one request, by a connection of its own.
pub fn ask(address: SocketAddr, request: &Request) -> Result<Answer, Failure> {
    Connection::open(address)?.ask(request)
}

/// As little client as will do: what it takes from the processor is taken from the server.
struct Connection<S = TcpStream> {
    stream: S,
    /// It keeps its size from one answer to the next.
    buffer: Vec<u8>,
    /// So many bytes of the buffer are of the present answer.
    filled: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self::new(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; 32 * 1024],
            filled: 0,
        }
    }

    fn ask(mut self, request: &Request) -> Result<Answer, Failure> {
        let head = self.exchange(request)?;
        self.buffer.truncate(self.filled);
        Ok(Answer {
            head,
            bytes: self.buffer,
        })
    }

    /// Sends a request and reads the whole answer, which has to be 200.
    fn get(&mut self, request: &Request) -> Result<(), Failure> {
        self.exchange(request)?.is_status(200, &self.buffer)
    }

    /// Sends a request and reads the whole answer.
    fn exchange(&mut self, request: &Request) -> Result<Head, Failure> {
        self.stream.write_all(&request.0)?;
        self.filled = 0;
        let head = loop {
            self.read()?;
            if let Some(head) = Head::parse(&self.buffer[..self.filled])? {
                break head;
            }
        };
        let end = match head.framing {
            Framing::Length(length) => head.length + length,
            Framing::Chunks => self.read_chunks(head.length)?,
        };
        while self.filled < end {
            self.read()?;
        }
        if self.filled > end {
            return Err("there is more than the answer".into());
        }
        Ok(head)
    }

    /// Reads chunks, of which the first is at this place. Returns where the last one ends.
    fn read_chunks(&mut self, mut at: usize) -> Result<usize, Failure> {
        loop {
            match chunk(&self.buffer[..self.filled], at)? {
                Some(data) if data.is_empty() => return Ok(after(&data)),
                Some(data) => at = after(&data),
                None => self.read()?,
            }
        }
    }

    /// Reads what has come, at least a byte.
    fn read(&mut self) -> Result<(), Failure> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let length = self.stream.read(&mut self.buffer[self.filled..])?;
        if length == 0 {
            return Err("the connection was closed".into());
        }
        self.filled += length;
        Ok(())
    }
}

/// What is needed of the head of an answer.
#[derive(Clone, Copy)]
struct Head {
    status: u16,
    /// In bytes, with the empty line.
    length: usize,
    framing: Framing,
}

/// Where a body ends (RFC 9112, section 6).
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunks,
}

impl Head {
    /// A failure for another status. `bytes` are those that it was read from.
    fn is_status(&self, status: u16, bytes: &[u8]) -> Result<(), Failure> {
        if self.status == status {
            return Ok(());
        }
        let head = String::from_utf8_lossy(&bytes[..self.length]);
        Err(format!("not {status}, but {head}").into())
    }

    /// None until all of it is here. Nothing is allocated, because each answer comes through here.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Failure> {
        let Some((first, mut at)) = line(bytes, 0) else {
            return Ok(None);
        };
        let mut framing = None;
        while let Some((header, next)) = line(bytes, at) {
            at = next;
            if header.is_empty() {
                return Ok(Some(Self {
                    status: number(first.get(9..12).unwrap_or_default(), 10)?.try_into()?,
                    length: at,
                    framing: framing.ok_or("the answer does not say how long it is")?,
                }));
            }
            if let Some(length) = value(header, b"content-length:") {
                framing = Some(Framing::Length(number(length, 10)?));
            } else if value(header, b"transfer-encoding:").is_some() {
                framing = Some(Framing::Chunks);
            }
        }
        Ok(None)
    }
}

/// The line that begins here, without its end, and where the next one begins.
fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|&byte| byte == b'\n')?;
    let line = &rest[..length];
    Some((line.strip_suffix(b"\r").unwrap_or(line), at + length + 1))
}

/// The value of this header, if this is its line. The name is in lower case, with its colon.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (given, value) = line.split_at_checked(name.len())?;
    given.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number(digits: &[u8], radix: u32) -> Result<usize, Failure> {
    Ok(usize::from_str_radix(str::from_utf8(digits)?, radix)?)
}

/// Where the data of the chunk is that begins here, once all of it is here. The last one has none.
fn chunk(bytes: &[u8], at: usize) -> Result<Option<Range<usize>>, Failure> {
    let Some((size, start)) = line(bytes, at) else {
        return Ok(None);
    };
    let data = start..start + number(size, 16)?;
    Ok((after(&data) <= bytes.len()).then_some(data))
}

/// Where that is which follows a chunk: its data ends with an empty line.
fn after(data: &Range<usize>) -> usize {
    data.end + b"\r\n".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server whose answer arrives in pieces of this size.
    struct Pieces(&'static [u8], usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let size = self.1.min(buffer.len());
            self.0.by_ref().take(size as u64).read(buffer)
        }
    }

    impl Write for Pieces {
        fn write(&mut self, request: &[u8]) -> std::io::Result<usize> {
            Ok(request.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn answer(bytes: &'static [u8], size: usize) -> Result<Answer, Failure> {
        Connection::new(Pieces(bytes, size)).ask(&Request::new("/"))
    }

    #[test]
    fn an_answer_may_arrive_in_pieces() -> Result<(), Failure> {
        let whole = b"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nJira answers";
        let chunks = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
            2\r\nJi\r\nA\r\nra answers\r\n0\r\n\r\n";
        for bytes in [&whole[..], chunks] {
            for size in 1..=bytes.len() {
                let answer = answer(bytes, size)?;
                assert_eq!(answer.sent(), bytes.len(), "pieces of {size}");
                assert_eq!(answer.body()?, b"Jira answers", "pieces of {size}");
                assert!(answer.with_status(200).is_err(), "pieces of {size}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_no_whole_answer_is_a_failure() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nJira"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nJira",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nJira\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nJira\r\n0\r\n\r\n",
        ] {
            assert!(answer(bytes, bytes.len()).is_err(), "{bytes:?}");
        }
    }
}
