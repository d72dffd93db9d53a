//! Sends the grants that the `oauth2` crate builds, with our own HTTP client and its limits, and turns a
//! service's habits into the answers of RFC 6749.

use std::pin::Pin;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::Instant;
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::lenient;
use crate::outbound::{Answer, Failure, SIZE_LIMIT};

use super::calls::Calls;
use super::discovery::Metadata;
use super::dpop::PROOF;
use super::habits;
use super::known::Known;

/// A refresh token is sent within a lease of 45 s, and an answer may take 30 of them: later than this, a request that
/// was refused for its DPoP nonce is left to the next try.
const SOON: Duration = Duration::from_secs(5);

/// Our HTTP client as the `oauth2` crate calls it.
pub(super) struct Transport<'a> {
    pub(super) calls: &'a Calls,
    pub(super) metadata: &'a Metadata,
    pub(super) clock: &'a Clock,
    pub(super) known: &'static Known,
}

impl<'c> AsyncHttpClient<'c> for Transport<'_> {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Transport<'_> {
    /// Sends a grant once, with an assertion and a DPoP proof of its own where they are needed.
    async fn send_once(
        &self,
        parts: &http::request::Parts,
        form: &[u8],
    ) -> Result<Sent, SendError> {
        let not_sent = |why: String| Failure::NotSent(why);
        let url = Url::parse(&parts.uri.to_string());
        let url = url.map_err(|error| not_sent(error.to_string()))?;
        let mut headers = parts.headers.clone();
        for (name, value) in self.known.headers {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        let assertion = self.calls.client.assertion(self.metadata);
        let assertion = assertion.map_err(|error| not_sent(error.to_string()))?;
        let mut body = form.to_vec();
        for (name, value) in assertion {
            let field: String = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(name, &value)
                .finish();
            body.push(b'&');
            body.extend_from_slice(field.as_bytes());
        }
        if self.calls.client.by_json() {
            let json = http::HeaderValue::from_static("application/json");
            headers.insert(http::header::CONTENT_TYPE, json);
            body = habits::json_of_form(&body);
        }
        let http = self.calls.http();
        let mut request = http
            .client()
            .request(parts.method.clone(), url.clone())
            .headers(headers)
            .body(body);
        if let Some(dpop) = &self.calls.dpop {
            let proof = dpop.proof(&parts.method, &url, None);
            let proof = proof.map_err(|error| not_sent(error.to_string()))?;
            request = request.header(PROOF, proof);
        }
        let (answer, broke_off) = http.send_for_part(request, SIZE_LIMIT).await?;
        let dpop = self.calls.dpop.as_ref();
        Ok(Sent {
            wants_another_proof: dpop.is_some_and(|dpop| dpop.asks_again(&url, &answer)),
            answer,
            broke_off,
        })
    }

    /// Sends a grant that the `oauth2` crate has built.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let begun = Instant::now();
        let (parts, form) = request.into_parts();
        let mut sent = self.send_once(&parts, &form).await?;
        // The service has refused it before it looked at the grant, so this is not a second use of it.
        if sent.wants_another_proof && begun.elapsed() <= SOON {
            sent = self.send_once(&parts, &form).await?;
        }
        let Sent {
            answer, broke_off, ..
        } = sent;
        // Tokens that arrived are kept, even if the connection broke afterwards.
        let is_token_answer = |answer: &Answer| {
            answer.status.is_success()
                && lenient::read(&answer.body).is_some_and(|fields| lenient::holds_tokens(&fields))
        };
        if let Some(failure) = broke_off
            && !is_token_answer(&answer)
        {
            return Err(failure.into());
        }
        let retry_after = answer.retry_after(self.clock.now());
        match answer.status {
            http::StatusCode::TOO_MANY_REQUESTS => return Err(SendError::Wait(retry_after)),
            http::StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => {
                return Err(SendError::Wait(retry_after));
            }
            status
                if status.is_server_error()
                    || status.is_redirection()
                    || habits::is_not_the_services(status, &answer) =>
            {
                return Err(SendError::ServerError(status));
            }
            _ => {}
        }
        let (status, body) = habits::token_answer(self.known, answer.status, answer.body);
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = answer.headers;
        // The body decides what an answer is; the `oauth2` crate looks at the media type too.
        let json = http::HeaderValue::from_static("application/json");
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, json);
        Ok(response)
    }
}

/// What came of sending a grant once.
struct Sent {
    answer: Answer,
    /// Why the rest of the answer did not come.
    broke_off: Option<Failure>,
    /// Nothing was done: the service wants its nonce in the DPoP proof.
    wants_another_proof: bool,
}

/// Why a grant has no answer that the `oauth2` crate could read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("it asks to wait")]
    Wait(Option<Seconds>),
    #[error("it answered {0}")]
    ServerError(http::StatusCode),
}
