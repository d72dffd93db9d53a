//! The service and Jira as a process of their own. Whatever they take from the processor is taken from
//! what is measured, so they read a request no further than they have to.
//!
//! Even so small a service keeps a ledger: a refresh token says which link it is of and its place in
//! the row, and only the newest is taken.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Failure;

/// How long a key of this service lives, in seconds.
pub const LIFE: i64 = 3600;

/// The refresh token of a link after so many renewals, as long as real ones are.
pub fn refresh_token(link: usize, renewals: u32) -> String {
    format!("r-{link}-{renewals}-{:0>96}", link)
}

/// The access token that came with it.
pub fn access_token(link: usize, renewals: u32) -> String {
    format!("a-{link}-{renewals}-{:0>96}", link)
}

struct World {
    /// Takes this long over each answer, in milliseconds.
    delay: AtomicU64,
    /// How often the refresh token of each link was rotated.
    renewals: Vec<AtomicU32>,
    refreshes: AtomicU64,
    puts: AtomicU64,
    /// Questions about people.
    looks: AtomicU64,
    /// Requests that nobody should send, used refresh tokens among them.
    wrong: AtomicU64,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub refreshes: u64,
    pub puts: u64,
    pub looks: u64,
    pub wrong: u64,
}

impl Counts {
    /// Asks the process at `address`.
    pub async fn of(address: SocketAddr) -> Result<Self, Failure> {
        let answer = get(address, "/counts").await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("half an answer")?;
        let mut numbers = body.split_whitespace().map(str::parse);
        let mut next = || numbers.next().ok_or("half an answer");
        Ok(Self {
            refreshes: next()??,
            puts: next()??,
            looks: next()??,
            wrong: next()??,
        })
    }
}

/// Has the process at `address` take this long over each answer.
pub async fn set_delay(address: SocketAddr, delay: Duration) -> Result<(), Failure> {
    get(address, &format!("/delay/{}", delay.as_millis())).await?;
    Ok(())
}

async fn get(address: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await?;
    answer.truncate(length);
    Ok(String::from_utf8(answer)?)
}

/// Serves for ever. Prints the port first.
pub async fn serve(links: usize) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let world = Arc::new(World {
        delay: AtomicU64::new(0),
        renewals: (0..links).map(|_| AtomicU32::new(0)).collect(),
        refreshes: AtomicU64::new(0),
        puts: AtomicU64::new(0),
        looks: AtomicU64::new(0),
        wrong: AtomicU64::new(0),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let world = world.clone();
        tokio::spawn(async move {
            // A client that hangs up is no fault.
            let _ = world.answer_all(stream).await;
        });
    }
}

impl World {
    async fn answer_all(&self, mut stream: TcpStream) -> Result<(), Failure> {
        let mut request = Vec::with_capacity(4096);
        loop {
            request.clear();
            let whole = loop {
                if stream.read_buf(&mut request).await? == 0 {
                    return Ok(());
                }
                let Some(head) = end_of_head(&request) else {
                    continue;
                };
                let whole = head + content_length(&request[..head]);
                if request.len() >= whole {
                    break whole;
                }
            };
            let text = std::str::from_utf8(&request[..whole])?;
            let answer = self.answer(text);
            let delay = self.delay.load(Ordering::Relaxed);
            if delay > 0 && !text.starts_with("GET ") {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn answer(&self, request: &str) -> String {
        if request.starts_with("POST /token ") {
            if let Some(body) = self.rotate(request) {
                self.refreshes.fetch_add(1, Ordering::Relaxed);
                return json("200 OK", &body);
            }
        } else if request.starts_with("PUT /rest/api/3/user/properties/") {
            self.puts.fetch_add(1, Ordering::Relaxed);
            return json("200 OK", "");
        } else if let Some(rest) = request.strip_prefix("GET /rest/api/3/user?accountId=") {
            self.looks.fetch_add(1, Ordering::Relaxed);
            let account = rest.split(' ').next().unwrap_or_default();
            let account = account.replace("%3A", ":");
            return json(
                "200 OK",
                &format!(
                    r#"{{"accountId":"{account}","accountType":"atlassian","active":true,"displayName":"Somebody"}}"#
                ),
            );
        } else if request.starts_with("GET /_edge/tenant_info") {
            // The sites of this Jira have no cloud id.
            return json("404 Not Found", "");
        } else if request.starts_with("GET /counts") {
            let number = |count: &AtomicU64| count.load(Ordering::Relaxed);
            return json(
                "200 OK",
                &format!(
                    "{} {} {} {}",
                    number(&self.refreshes),
                    number(&self.puts),
                    number(&self.looks),
                    number(&self.wrong)
                ),
            );
        } else if request.starts_with("GET /_edge/tenant_info") {
            // Each site is asked once who it is. Without an answer it goes on as it is.
            return json("404 Not Found", "");
        } else if let Some(rest) = request.strip_prefix("GET /delay/") {
            let delay = rest.split(' ').next().and_then(|delay| delay.parse().ok());
            self.delay.store(delay.unwrap_or(0), Ordering::Relaxed);
            return json("200 OK", "");
        }
        self.wrong.fetch_add(1, Ordering::Relaxed);
        json("400 Bad Request", r#"{"error":"invalid_grant"}"#)
    }

    fn rotate(&self, request: &str) -> Option<String> {
        let (_, token) = request.split_once("refresh_token=r-")?;
        let mut parts = token.split('-');
        let link: usize = parts.next()?.parse().ok()?;
        let renewals: u32 = parts.next()?.parse().ok()?;
        self.renewals
            .get(link)?
            .compare_exchange(renewals, renewals + 1, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(format!(
            r#"{{"access_token":"{}","token_type":"Bearer","expires_in":{LIFE},"refresh_token":"{}"}}"#,
            access_token(link, renewals + 1),
            refresh_token(link, renewals + 1)
        ))
    }
}

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn end_of_head(request: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    let at = request.windows(end.len()).position(|at| at == end)?;
    Some(at + end.len())
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0)
}
