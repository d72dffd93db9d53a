//! The service's key endpoint, which issues and deletes API keys for access tokens.

use url::Url;

use crate::lenient;
use crate::model::{ApiKey, Tokens};
use crate::outbound::encode;
use crate::secret::Secret;

use super::answers;
use super::failures::{KeyEndpointError, RevokeError};
use super::provider::Provider;
use super::registration::ApiKeySource;

impl Provider {
    /// The API key for an access token: the token itself, or a key that the key endpoint issues for it.
    pub async fn api_key(&self, tokens: &Tokens) -> Result<ApiKey, KeyEndpointError> {
        let url = match &self.config.api_key {
            ApiKeySource::AccessToken => return Ok(self.token_as_key(tokens)),
            ApiKeySource::Endpoint(url) => url,
            ApiKeySource::Minted => {
                return Err(KeyEndpointError::Failed("keys are signed here".to_owned()));
            }
        };
        let requested_at = self.clock.now();
        let call = (http::Method::POST, url);
        let answer = self
            .calls
            .with_token(&tokens.access_token, call, |request| {
                request.header(http::header::ACCEPT, "application/json")
            })
            .await
            .map_err(|error| KeyEndpointError::Failed(error.to_string()))?;
        match answer.status {
            status if status.is_success() => {}
            http::StatusCode::UNAUTHORIZED => return Err(KeyEndpointError::Unauthorized),
            http::StatusCode::TOO_MANY_REQUESTS | http::StatusCode::SERVICE_UNAVAILABLE => {
                return Err(KeyEndpointError::Wait {
                    seconds: answer.retry_after(self.clock.now()),
                });
            }
            http::StatusCode::BAD_REQUEST
            | http::StatusCode::PAYMENT_REQUIRED
            | http::StatusCode::FORBIDDEN
            | http::StatusCode::CONFLICT
            | http::StatusCode::UNPROCESSABLE_ENTITY
            | http::StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
                return Err(KeyEndpointError::Refused(answer.status));
            }
            status => return Err(KeyEndpointError::Failed(status.to_string())),
        }
        let issued = answers::issued_key(&answer.body)
            .ok_or_else(|| KeyEndpointError::Failed("the answer is not a key".to_owned()))?;
        Ok(ApiKey {
            key: issued.key,
            requested_at,
            expires_at: issued.expires_at,
            id: Some(issued.id),
        })
    }

    /// Deletes a key at the key endpoint. A key that is already gone counts as deleted.
    pub async fn delete_key(&self, id: &str, access_token: &Secret) -> Result<(), RevokeError> {
        let ApiKeySource::Endpoint(url) = &self.config.api_key else {
            return Ok(());
        };
        let address = format!("{}/{}", url.as_str().trim_end_matches('/'), encode(id));
        let internal = |_| RevokeError::Failed("the address of the key is malformed".to_owned());
        let address = Url::parse(&address).map_err(internal)?;
        let call = (http::Method::DELETE, &address);
        let answer = self.calls.with_token(access_token, call, |request| request);
        let answer = answer.await?;
        match answer.status {
            // Something between here and there has answered.
            _ if lenient::is_page(&answer.body) => Err(RevokeError::Failed("a page".to_owned())),
            status if status.is_success() => Ok(()),
            http::StatusCode::NOT_FOUND | http::StatusCode::GONE => Ok(()),
            http::StatusCode::UNAUTHORIZED => Err(RevokeError::AccessTokenEnded),
            status => Err(match answer.retry_after(self.clock.now()) {
                Some(seconds) => RevokeError::Wait { seconds },
                None => RevokeError::Failed(status.to_string()),
            }),
        }
    }
}
