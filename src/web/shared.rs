//! An answer whose body is the same for many requests: it is made once, and compressed once.
//!
//! Only what holds no secret may be compressed: how long it becomes says something of what stands beside in it, which
//! an attacker may have written (<https://www.breachattack.com/>).

use std::convert::Infallible;
use std::io::Write as _;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A body, as it is and by gzip (RFC 1952).
pub struct Shared {
    plain: Bytes,
    /// None where it would not be shorter.
    gzip: Option<Bytes>,
}

impl Shared {
    /// Compresses a body.
    pub fn new(plain: Vec<u8>) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder.write_all(&plain).and_then(|()| encoder.finish());
        Self {
            gzip: gzip
                .ok()
                .filter(|gzip| gzip.len() < plain.len())
                .map(Bytes::from),
            plain: plain.into(),
        }
    }

    /// The answer to somebody who takes gzip, or not.
    pub fn answer(&self, takes_gzip: TakesGzip) -> Response {
        let gzip = self.gzip.as_ref().filter(|_| takes_gzip.0);
        let body = Body::from(gzip.unwrap_or(&self.plain).clone());
        let mut answer = body.into_response();
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Whether the client takes gzip.
#[derive(Debug, Clone, Copy)]
pub struct TakesGzip(pub bool);

impl<S: Sync> FromRequestParts<S> for TakesGzip {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(takes_gzip(&parts.headers)))
    }
}

/// RFC 9110, section 12.5.3. A client that says nothing may take it or not.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=");
        let refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::body::to_bytes;
    use flate2::read::GzDecoder;

    use super::*;

    fn asks(encodings: &[&'static str]) -> HeaderMap {
        let named = |value| (ACCEPT_ENCODING, HeaderValue::from_static(value));
        encodings.iter().copied().map(named).collect()
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for yes in ["gzip", "deflate, GZIP;q=0.5, br", "br,gzip ; q=1"] {
            assert!(takes_gzip(&asks(&[yes])), "{yes}");
        }
        assert!(takes_gzip(&asks(&["br", "gzip"])));
        for no in ["", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "*"] {
            assert!(!takes_gzip(&asks(&[no])), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn both_forms_are_the_same_content() {
        let long = "the same again and ".repeat(100);
        let shared = Shared::new(long.clone().into_bytes());
        let body = async |takes_gzip: bool| {
            let (parts, body) = shared.answer(TakesGzip(takes_gzip)).into_parts();
            let body = to_bytes(body, 10_000).await.expect("a body");
            (parts.headers.get(CONTENT_ENCODING).cloned(), body)
        };
        assert_eq!(body(false).await, (None, long.clone().into()));
        let (encoding, compressed) = body(true).await;
        assert_eq!(encoding, Some(HeaderValue::from_static("gzip")));
        let mut read = String::new();
        let mut decoder = GzDecoder::new(compressed.as_ref());
        decoder.read_to_string(&mut read).expect("it is gzip");
        assert_eq!(read, long);
        // What does not get shorter stays as it is.
        let short = Shared::new(b"x".to_vec()).answer(TakesGzip(true));
        assert_eq!(short.headers().get(CONTENT_ENCODING), None);
    }
}
