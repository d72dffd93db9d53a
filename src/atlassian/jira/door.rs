//! How calls to a tenant's Jira are authorized.
//!
//! For Connect, the app signs each request with the tenant's shared secret or exchanges an assertion for an
//! access token of the person.

use http::StatusCode;
use serde::Deserialize;

use crate::model::{AccountId, Tenant};
use crate::outbound::SIZE_LIMIT;
use crate::secret::Secret;

use super::answer::{Said, is_oauth_refusal, judge};
use super::{Jira, Request, Unsuccessful};

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    /// The app's.
    App,
    /// The person's.
    Person,
}

/// The door through which a tenant installed the app.
pub(super) struct Door<'a> {
    pub(super) jira: &'a Jira,
    pub(super) tenant: &'a Tenant,
}

impl Door<'_> {
    /// The `Authorization` of one request as the app.
    pub(super) fn as_app(&self, request: &Request<'_>) -> Result<String, Unsuccessful> {
        let method = request.method.as_str();
        let jwt = self
            .jira
            .signer
            .app_jwt(self.tenant, method, request.path, Some(&request.query))
            .map_err(|_| Said::Unauthorized)?;
        Ok(format!("JWT {}", jwt.expose()))
    }

    /// The `Authorization` of requests as the person, from the JWT bearer grant (RFC 7523).
    pub(super) async fn as_person(&self, account: &AccountId) -> Result<String, Unsuccessful> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Secret,
        }
        let jira = self.jira;
        let assertion = jira
            .signer
            .impersonation(self.tenant, account, &jira.impersonation_url)
            .ok_or(Said::Forbidden)?
            .map_err(|_| Said::Forbidden)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
            ("scope", "READ WRITE DELETE"),
        ];
        let request = jira
            .http
            .client()
            .post(format!("{}/oauth2/token", jira.impersonation_url))
            .form(&form);
        let answer = jira.http.send(request, SIZE_LIMIT).await?;
        if is_oauth_refusal(&answer) {
            return Err(Said::Forbidden.into());
        }
        match judge(answer, jira.clock.now()) {
            Ok(answer) => {
                let granted: Granted = answer.json().ok_or(Said::Nonsense)?;
                Ok(format!("Bearer {}", granted.access_token.expose()))
            }
            // The app may not act as the person: a refusal like any other.
            Err(Said::Unauthorized | Said::NotFound | Said::Status(StatusCode::BAD_REQUEST)) => {
                Err(Said::Forbidden.into())
            }
            Err(said) => Err(said.into()),
        }
    }
}
