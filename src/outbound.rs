//! Calls to other servers: each has a time limit and a size limit, and follows no redirect.
//!
//! A redirect is an answer like any other: following one could carry a token to a host that was never
//! checked. A failure says whether the request can have reached the other server, because that decides
//! whether a refresh token may have been used up.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use ipnet::IpNet;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::clock::{Seconds, parse_http_date};
use crate::error::ShouldBe;
use crate::spans;

/// From the first byte sent to the last byte received.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Enough for discovery documents and key sets; token and identity answers have a few kilobytes.
pub const SIZE_LIMIT: usize = 256 * 1024;

/// The longest that another server may ask not to be called, in seconds. It may be wrong, or say too much.
pub const LONGEST_WAIT: Seconds = 3600;

/// RFC 3986: everything but the unreserved characters is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The addresses from which this server calls others, as its operator names them: what stands in front of it decides,
/// so nothing here can find them out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

impl FromStr for Addresses {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let entry = |entry: &str| {
            let entry = entry.trim();
            let good = entry.parse::<IpAddr>().is_ok() || entry.parse::<IpNet>().is_ok();
            good.then(|| entry.to_owned())
        };
        let all: Option<Vec<String>> = text.split(',').map(entry).collect();
        all.map(Self).ok_or(ShouldBe::new(
            "addresses and networks, comma separated, like 192.0.2.7,2001:db8::/64",
        ))
    }
}

/// The HTTP client, with its limits.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: reqwest::Client,
    loopback_names: bool,
    time_limit: Duration,
}

/// A certificate by which this server proves who it is to another (TLS client authentication), with its private key.
#[derive(Debug, Clone)]
pub struct Certificate(reqwest::Identity);

impl FromStr for Certificate {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let identity = reqwest::Identity::from_pem(text.as_bytes());
        // A key that does not belong to the certificate is noticed when a client is made.
        let usable = identity.ok().filter(|identity| {
            let builder = builder(false, TIME_LIMIT).identity(identity.clone());
            builder.build().is_ok()
        });
        usable.map(Self).ok_or(ShouldBe::new(
            "a certificate, the ones that vouch for it, and its private key, one after the other as PEM",
        ))
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, within the size limit.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// `Retry-After` (RFC 9110 section 10.2.3), a number of seconds or a date, as seconds from now: at least one,
    /// and at most [`LONGEST_WAIT`]. None if there is none, or nonsense. Of several the longest counts.
    #[must_use]
    pub fn retry_after(&self, now: Seconds) -> Option<Seconds> {
        self.retry_after_within(now, LONGEST_WAIT)
    }

    /// The same, with another longest wait, for what is not urgent.
    #[must_use]
    pub fn retry_after_within(&self, now: Seconds, longest: Seconds) -> Option<Seconds> {
        let lines = self.headers.get_all(http::header::RETRY_AFTER).iter();
        lines
            .filter_map(|line| wait(line.to_str().ok()?.trim(), now))
            .max()
            .map(|seconds| seconds.clamp(1, longest))
    }
}

/// How many seconds to wait: a number of them, rounded up if it has a fraction, or until a date.
fn wait(text: &str, now: Seconds) -> Option<Seconds> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Some(parse_http_date(text)?.saturating_sub(now));
    }
    // A number that overflows is a long time too.
    let seconds = whole.parse::<Seconds>().unwrap_or(Seconds::MAX);
    let begun = fraction.bytes().any(|b| b != b'0');
    Some(seconds.saturating_add(begun.into()))
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing was sent: no address, no connection, no TLS.
    #[error("no connection ({0})")]
    NotSent(String),
    /// The request, or part of it, was sent, and its outcome is unknown.
    #[error("no answer ({0})")]
    Unknown(String),
}

impl Outbound {
    /// The client of a real process. With `loopback_names`, `localhost` and its subdomains resolve to this
    /// machine (RFC 6761), which not every resolver does.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn new(loopback_names: bool) -> Result<Self, reqwest::Error> {
        Self::with_time_limit(loopback_names, TIME_LIMIT)
    }

    /// The same, with a time limit other than [`TIME_LIMIT`].
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn with_time_limit(
        loopback_names: bool,
        time_limit: Duration,
    ) -> Result<Self, reqwest::Error> {
        builder(loopback_names, time_limit)
            .build()
            .map(|client| Self {
                client,
                loopback_names,
                time_limit,
            })
    }

    /// The same, showing this certificate to servers that ask for one.
    ///
    /// # Errors
    /// When the TLS backend cannot be set up.
    pub fn certified(&self, certificate: &Certificate) -> Result<Self, reqwest::Error> {
        let builder = builder(self.loopback_names, self.time_limit);
        let client = builder.identity(certificate.0.clone()).build()?;
        Ok(Self {
            client,
            ..self.clone()
        })
    }

    /// The client to build a request with.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// A plain GET.
    pub async fn get(&self, url: &str, largest: usize) -> Result<Answer, Failure> {
        self.send(self.client.get(url), largest).await
    }

    /// Sends a request and reads the answer, up to `largest` bytes.
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        largest: usize,
    ) -> Result<Answer, Failure> {
        match self.send_for_part(request, largest).await? {
            (answer, None) => Ok(answer),
            (_, Some(failure)) => Err(failure),
        }
    }

    /// The same, for a caller that can use part of an answer: the part that arrived before the connection
    /// broke, and why it broke.
    pub async fn send_for_part(
        &self,
        request: reqwest::RequestBuilder,
        largest: usize,
    ) -> Result<(Answer, Option<Failure>), Failure> {
        let (client, request) = request.build_split();
        let request = request.map_err(failure)?;
        let span = tracing::info_span!(
            target: spans::TARGET,
            "call",
            otel.name = %request.method(),
            otel.kind = "client",
            http.request.method = %request.method(),
            server.address = request.url().host_str(),
            http.response.status_code = Empty,
            otel.status_code = Empty,
        );
        let sent = send_to_end(&client, request, largest).instrument(span.clone());
        let sent = sent.await;
        match &sent {
            Ok((answer, None)) => {
                span.record(
                    "http.response.status_code",
                    i64::from(answer.status.as_u16()),
                );
            }
            Ok((_, Some(_))) | Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        sent
    }
}

fn builder(loopback_names: bool, time_limit: Duration) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(time_limit)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("latchkey/", env!("CARGO_PKG_VERSION")))
        // Answers are small, so none is requested compressed: that is one thing less that can fail. One
        // that is compressed anyway is read; the size limit applies to the decompressed body.
        .default_headers(HeaderMap::from_iter([(
            http::header::ACCEPT_ENCODING,
            http::HeaderValue::from_static("identity"),
        )]));
    if loopback_names {
        // A proxy cannot reach this machine's loopback.
        builder = builder.dns_resolver(LoopbackNames).no_proxy();
    }
    builder
}

async fn send_to_end(
    client: &reqwest::Client,
    request: reqwest::Request,
    largest: usize,
) -> Result<(Answer, Option<Failure>), Failure> {
    let mut response = client.execute(request).await.map_err(failure)?;
    let mut answer = Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: Vec::new(),
    };
    let broke_off = loop {
        match response.chunk().await {
            Ok(None) => break None,
            Ok(Some(chunk)) if answer.body.len() + chunk.len() > largest => {
                break Some(Failure::Unknown("the answer is too large".to_owned()));
            }
            Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
            Err(error) => break Some(failure(error)),
        }
    };
    Ok((answer, broke_off))
}

/// Leaves out the URL: it may contain an account id, and the caller knows it.
fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    if error.is_connect() || error.is_builder() {
        Failure::NotSent(words)
    } else {
        Failure::Unknown(words)
    }
}

struct LoopbackNames;

impl Resolve for LoopbackNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let addresses: Addrs = if host == "localhost" || host.ends_with(".localhost") {
                let loopback = [
                    SocketAddr::from(([127, 0, 0, 1], 0)),
                    SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)),
                ];
                Box::new(loopback.into_iter())
            } else {
                let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
                Box::new(found.into_iter())
            };
            Ok(addresses)
        })
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters, so that the text can be part of a URL.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f9_a_wait_is_understood_in_each_form() {
        // Saturday, 28 November 2026, 04:00:00 UTC.
        let now = 1_795_838_400;
        let said = |lines: &[&str]| {
            let name = http::header::RETRY_AFTER;
            let lines = lines.iter().map(|line| {
                let line = http::HeaderValue::from_bytes(line.as_bytes()).expect("a header");
                (name.clone(), line)
            });
            let mut headers = HeaderMap::new();
            for (name, line) in lines {
                headers.append(name, line);
            }
            let answer = Answer {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers,
                body: Vec::new(),
            };
            answer.retry_after(now)
        };
        for (text, wait) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(1)),
            ("1.2", Some(2)),
            ("30.0", Some(30)),
            ("99999999999999999999999999", Some(3600)),
            ("86400", Some(3600)),
            ("Sat, 28 Nov 2026 04:02:00 GMT", Some(120)),
            ("Saturday, 28-Nov-26 04:02:00 GMT", Some(120)),
            ("Sat Nov 28 04:02:00 2026", Some(120)),
            ("Sat, 28 Nov 2026 04:00:00 GMT", Some(1)),
            ("Sat, 28 Nov 2026 03:00:00 GMT", Some(1)),
            ("Wed, 21 Oct 2099 07:28:00 GMT", Some(3600)),
            ("-1", None),
            ("+5", None),
            ("1e3", None),
            (".5", None),
            ("5.", None),
            ("soon", None),
            ("", None),
            ("Sat, 31 Nov 2026 04:02:00 GMT", None),
            ("Sat, 28 Nov 2026 04:02:00", None),
        ] {
            assert_eq!(said(&[text]), wait, "{text}");
        }
        assert_eq!(said(&[]), None);
        assert_eq!(said(&["5", "soon", "9"]), Some(9));
    }
}
