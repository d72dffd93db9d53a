//! Ends tokens and grants at the service.

use url::Url;

use crate::model::RevocableToken;
use crate::outbound::SIZE_LIMIT;
use crate::secret::Secret;

use super::discovery::Metadata;
use super::failures::RevokeError;
use super::habits::{self, Revoked};
use super::known::{Ends, RevokedBy};
use super::provider::Provider;

impl Provider {
    /// Revokes a token by RFC 7009 or by the service's own request. At a service without a revocation
    /// endpoint, tokens expire by themselves.
    pub async fn revoke(&self, token: &RevocableToken) -> Result<(), RevokeError> {
        let metadata = self
            .metadata()
            .await
            .map_err(|error| RevokeError::Failed(error.to_string()))?;
        let Some(url) = metadata.revoke.clone() else {
            return Ok(());
        };
        // Revoking one access token would end every link to this account. The refresh token is revoked
        // later, when no link uses the account.
        if !token.refresh && self.known().revoking_access_ends.value == Ends::Account {
            return Ok(());
        }
        let http = self.calls.http();
        let client = http.client();
        let secret = token.token.expose();
        let request = match self.known().revocation.value.by {
            RevokedBy::RefreshTokensOnly if !token.refresh => return Ok(()),
            RevokedBy::Standard | RevokedBy::RefreshTokensOnly | RevokedBy::Nothing => {
                self.standard_revocation(&metadata, url, token)?
            }
            RevokedBy::Bearer => client.post(url).bearer_auth(secret),
            RevokedBy::NamedField => client.post(url).form(&[(hint(token), secret)]),
            RevokedBy::ByApp if token.refresh => {
                let why = "it takes an access token to end the grant".to_owned();
                return Err(RevokeError::Failed(why));
            }
            RevokedBy::ByApp => self.deletion(url, &token.token),
        };
        self.end(request).await
    }

    /// Whether revoking an access token ends it and leaves other tokens of its account alone, by what is known.
    #[must_use]
    pub fn ends_access_tokens(&self) -> bool {
        self.known().revoking_access_ends.value != Ends::Account
            && !matches!(
                self.known().revocation.value.by,
                RevokedBy::Nothing | RevokedBy::RefreshTokensOnly
            )
    }

    /// Whether this refresh token has to be spent to end its grant: the access token it brings authorises
    /// [`Provider::delete_grant`].
    #[must_use]
    pub fn spends(&self, token: &RevocableToken) -> bool {
        token.refresh && self.known().revocation.value.by == RevokedBy::ByApp
    }

    /// Ends everything that the owner of this access token granted to this app.
    pub async fn delete_grant(&self, access_token: &Secret) -> Result<(), RevokeError> {
        let metadata = self
            .metadata()
            .await
            .map_err(|error| RevokeError::Failed(error.to_string()))?;
        match metadata.revoke.map(|url| url.join("grant").unwrap_or(url)) {
            Some(url) => self.end(self.deletion(url, access_token)).await,
            None => Ok(()),
        }
    }

    /// Sends a request that ends a token or a grant, and reads whether it did.
    async fn end(&self, request: reqwest::RequestBuilder) -> Result<(), RevokeError> {
        let mut request = request.header(http::header::ACCEPT, "application/json");
        for (name, value) in self.known().headers {
            request = request.header(*name, *value);
        }
        let now = self.clock.now();
        if let Some(seconds) = self.revocation_rests.left(now) {
            return Err(RevokeError::Wait { seconds });
        }
        let answer = self.calls.http().send(request, SIZE_LIMIT).await?;
        match habits::revoked(self.known(), answer.status, &answer.body) {
            Revoked::Yes => Ok(()),
            Revoked::No(why) => Err(match self.revocation_rests.obey(&answer, now) {
                Some(seconds) => RevokeError::Wait { seconds },
                None => RevokeError::Failed(why),
            }),
        }
    }

    fn standard_revocation(
        &self,
        metadata: &Metadata,
        url: Url,
        token: &RevocableToken,
    ) -> Result<reqwest::RequestBuilder, RevokeError> {
        let secret = token.token.expose();
        let request = self.calls.http().client().post(url);
        if self.calls.client.by_json() {
            // These services check the body against a schema: no `token_type_hint`.
            let body = serde_json::json!({ "token": secret });
            return Ok(self.calls.client.basic(request).json(&body));
        }
        let mut form = vec![
            ("token".to_owned(), secret.to_owned()),
            ("token_type_hint".to_owned(), hint(token).to_owned()),
        ];
        let proved = self.calls.client.prove(metadata, request, &mut form);
        let proved = proved.map_err(|error| RevokeError::Failed(error.to_string()))?;
        Ok(proved.form(&form))
    }

    fn deletion(&self, url: Url, access_token: &Secret) -> reqwest::RequestBuilder {
        let body = serde_json::json!({ "access_token": access_token.expose() });
        let request = self.calls.http().client().delete(url);
        self.calls.client.basic(request).json(&body)
    }
}

/// RFC 7009 section 2.1.
fn hint(token: &RevocableToken) -> &'static str {
    if token.refresh {
        "refresh_token"
    } else {
        "access_token"
    }
}
