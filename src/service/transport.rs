//! Sends the grants that the `oauth2` crate builds, with our own HTTP client and its limits, and turns a
//! service's habits into the answers of RFC 6749.

use std::pin::Pin;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::clock::{Clock, Seconds};
use crate::lenient;
use crate::outbound::{Answer, Failure, Outbound, SIZE_LIMIT};

use super::habits;
use super::known::Known;

/// Our HTTP client as the `oauth2` crate calls it.
pub(super) struct Transport<'a> {
    pub(super) http: &'a Outbound,
    pub(super) clock: &'a Clock,
    pub(super) known: &'static Known,
    /// Whether the service takes a grant as JSON instead of a form.
    pub(super) json: bool,
}

impl<'c> AsyncHttpClient<'c> for Transport<'_> {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Transport<'_> {
    /// Sends a grant that the `oauth2` crate has built.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        for (name, value) in self.known.headers {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        let body = match self.json {
            true => {
                let json = http::HeaderValue::from_static("application/json");
                headers.insert(http::header::CONTENT_TYPE, json);
                habits::json_of_form(&body)
            }
            false => body,
        };
        let request = self
            .http
            .client()
            .request(parts.method, parts.uri.to_string())
            .headers(headers)
            .body(body);
        let (answer, broke_off) = self.http.send_for_part(request, SIZE_LIMIT).await?;
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
