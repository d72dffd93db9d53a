//! `latchkey healthy`: asks the server of the same settings whether it is ready, for containers without a shell.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::config::Parts;
use crate::listen::Listen;

/// How long the server may take to be reached, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const HEAD: u64 = 4096;

/// Asks `/readyz`, or `/healthz` if it is only about the process being alive.
///
/// # Errors
/// What is not well, in a line.
pub fn look(parts: &Parts, live: bool) -> Result<(), String> {
    let Some(listen) = &parts.listen else {
        return Err("LATCHKEY_LISTEN is malformed".to_owned());
    };
    let path = if live { "/healthz" } else { "/readyz" };
    let path = format!("{}{path}", parts.base_path.as_deref().unwrap_or_default());
    let answer =
        ask(listen, &path).map_err(|error| format!("nobody answers on {listen}: {error}"))?;
    let line = answer.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err(format!("{path} on {listen} answers {status}")),
        None => Err(format!("what answers on {listen} is no server of Latchkey")),
    }
}

fn ask(listen: &Listen, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    match listen {
        Listen::Tcp(address) => {
            let stream = TcpStream::connect_timeout(&reachable(*address), PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, &request)
        }
        Listen::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, &request)
        }
    }
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(HEAD).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Who listens on all addresses is reached by the one of this machine itself.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
