//! Calls to other servers: each has a time limit and a size limit, and follows no redirect.
//!
//! A redirect is an answer like any other: following one could carry a token to a host that was never
//! checked. A failure says whether the request can have reached the other server, because that decides
//! whether a refresh token may have been used up.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::clock::Seconds;

/// From the first byte sent to the last byte received.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Enough for discovery documents and key sets; token and identity answers have a few kilobytes.
pub const SIZE_LIMIT: usize = 256 * 1024;

/// RFC 3986: everything but the unreserved characters is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The HTTP client, with its limits.
#[derive(Debug, Clone)]
pub struct Outbound(reqwest::Client);

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

    /// `Retry-After` in seconds, clamped to an hour. None for a date or nonsense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Seconds> {
        let text = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        let digits = text.trim();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A number that overflows is a long time too.
        Some(digits.parse::<Seconds>().unwrap_or(3600).clamp(1, 3600))
    }
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
        builder.build().map(Self)
    }

    /// The client to build a request with.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.0
    }

    /// A plain GET.
    pub async fn get(&self, url: &str, largest: usize) -> Result<Answer, Failure> {
        self.send(self.0.get(url), largest).await
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
        let mut response = request.send().await.map_err(failure)?;
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
