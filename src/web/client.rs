//! Where a request comes from: for the log and for the limits of addresses, and for nothing else.
//!
//! It is the peer of the connection, unless that is a proxy named in `LATCHKEY_TRUSTED_PROXIES`. Then it
//! is the right-most address in `X-Forwarded-For` that is not such a proxy, without its port. The sender of the
//! request can write anything to the left of it. A peer that comes by our Unix socket is such a proxy
//! ([`listen`](crate::listen)); without the header it has no address. `Host`, `Forwarded`, `X-Forwarded-Host` and `X-Forwarded-Proto` are ignored, even
//! from a proxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::proxies::Proxies;

/// The other end of the connection. The server puts it on every request.
#[derive(Debug, Clone, Copy)]
pub enum Peer {
    /// A client, or a proxy, at this address.
    At(IpAddr),
    /// A proxy that may open our Unix socket.
    Socket,
}

/// Where the request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub IpAddr);

impl Client {
    /// Of a request that has passed [`find`].
    pub fn of(extensions: &Extensions) -> Self {
        let found = extensions.get::<Self>().copied();
        found.unwrap_or(Self(Ipv4Addr::UNSPECIFIED.into()))
    }
}

/// Finds the client, for everything that follows.
pub async fn find(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Some(peer) = request.extensions().get().copied() {
        let client = forwarded_by(&app.proxies, peer, request.headers());
        request.extensions_mut().insert(Client(client));
    }
    next.run(request).await
}

fn forwarded_by(proxies: &Proxies, peer: Peer, headers: &HeaderMap) -> IpAddr {
    let peer = match peer {
        Peer::At(peer) => {
            let peer = peer.to_canonical();
            if !proxies.include(peer) {
                return peer;
            }
            peer
        }
        // The rights of the socket say who may connect, so it needs no name in the settings. It has no address.
        Peer::Socket => Ipv4Addr::UNSPECIFIED.into(),
    };
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    for entry in entries {
        match address(entry) {
            Some(address) if proxies.include(address) => {}
            Some(address) => return address,
            // Our proxies write addresses only.
            None => return peer,
        }
    }
    peer
}

/// An address as proxies write it: some add the port, and some put an IPv6 address in brackets, with a port or
/// without one.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let entry = match entry.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => entry,
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address: IpAddr = if let Some(bracketed) = entry.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        if !rest.is_empty() && !rest.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        address.parse::<Ipv6Addr>().ok()?.into()
    } else if let Ok(address) = entry.parse::<IpAddr>() {
        address
    } else {
        let (address, port) = entry.split_once(':')?;
        let address = address.parse::<Ipv4Addr>().ok()?;
        is_port(port).then_some(address)?.into()
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn found(peer: &str, lines: &[&str]) -> String {
        let proxies: Proxies = "10.0.0.0/8,::1".parse().expect("two networks");
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).expect("a header");
            headers.append("x-forwarded-for", line);
        }
        let peer = match peer {
            "" => Peer::Socket,
            peer => Peer::At(peer.parse().expect("an address")),
        };
        forwarded_by(&proxies, peer, &headers).to_string()
    }

    #[test]
    fn only_a_named_proxy_is_believed() {
        assert_eq!(found("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(found("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(found("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_right_most_that_is_no_proxy_counts() {
        let forged = "203.0.113.9, 198.51.100.7, 10.0.0.2";
        assert_eq!(found("10.0.0.1", &[forged]), "198.51.100.7");
        let lines = ["203.0.113.9", "198.51.100.7", "10.0.0.2,10.0.0.3"];
        assert_eq!(found("10.0.0.1", &lines), "198.51.100.7");
        assert_eq!(found("10.0.0.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            found("10.0.0.1", &["nonsense, 198.51.100.7"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn what_comes_by_the_socket_is_a_proxy() {
        assert_eq!(found("", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(found("", &["198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(found("", &["nonsense"]), "0.0.0.0");
        assert_eq!(found("", &[]), "0.0.0.0");
    }

    #[test]
    fn f24_a_port_and_brackets_are_no_part_of_an_address() {
        for (entry, address) in [
            ("203.0.113.7:51312", "203.0.113.7"),
            ("203.0.113.7:0", "203.0.113.7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("\"203.0.113.7:51312\"", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
            (
                "198.51.100.9, 203.0.113.7:51312 , 10.0.0.2:8080",
                "203.0.113.7",
            ),
            ("203.0.113.7:1, [::1]:8443", "203.0.113.7"),
        ] {
            assert_eq!(found("10.0.0.1", &[entry]), address, "{entry}");
            // Nobody else is believed, in whatever form.
            assert_eq!(found("192.0.2.1", &[entry]), "192.0.2.1", "{entry}");
        }
        let lines = ["203.0.113.9:1", "[2001:db8::7]:2", "10.0.0.2:3,10.0.0.3:4"];
        assert_eq!(found("10.0.0.1", &lines), "2001:db8::7");
    }

    #[test]
    fn what_is_malformed_is_not_believed() {
        for line in [
            "",
            "unknown",
            "198.51.100.7, ",
            "198.51.100.7:",
            "198.51.100.7:x",
            "198.51.100.7:+80",
            "198.51.100.7:65536",
            "198.51.100.7:80:80",
            "[198.51.100.7]",
            "[2001:db8::7",
            "2001:db8::7]:80",
            "[2001:db8::7]80",
            "[2001:db8::7]:",
            "[2001:db8::7]:x",
            "\"198.51.100.7",
            ":80",
            "ä",
            "198.51.100.7, ä",
        ] {
            assert_eq!(found("10.0.0.1", &[line]), "10.0.0.1", "{line}");
        }
        assert_eq!(found("10.0.0.1", &["10.0.0.2, 10.0.0.3"]), "10.0.0.1");
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let proxies: Proxies = "10.0.0.0/8, ::1,192.0.2.1".parse().expect("they are good");
        let named = |text: &str| proxies.include(text.parse().expect("an address"));
        assert!(named("10.200.0.1") && named("::1") && named("192.0.2.1"));
        assert!(!named("11.0.0.1") && !named("192.0.2.2") && !named("::2"));
        assert!(!Proxies::default().include(Ipv4Addr::LOCALHOST.into()));
    }
}
