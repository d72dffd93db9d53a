//! The calls to a tenant's Jira: three of them, each signed by app JWT or made as the person.
//!
//! Writing somebody's property needs the global permission Administer Jira, which app users usually
//! hold and an admin can take away. So 403 is an answer to expect: the same call is then made as the
//! person, whose own properties need no such right. Which way worked is told to the caller, who
//! remembers it for the tenant. Tokens travel in the header only.

use serde::Deserialize;

use http::{Method, StatusCode};

use crate::clock::Seconds;
use crate::connect::Signer;
use crate::connect::qsh::encode;
use crate::model::{AccountId, AccountKind, Person, Property, Tenant};
use crate::outbound::{Failure, Outbound, Outcome, SIZE_LIMIT};
use crate::secret::Secret;

/// Talks to tenants' Jira.
#[derive(Debug)]
pub struct Jira {
    http: Outbound,
    signer: Signer,
    impersonation_url: String,
    property_key: String,
}

/// Which way a call went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Signed by the app.
    App,
    /// As the person.
    Person,
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JiraError {
    /// 401, also after signing once more.
    #[error("Jira does not accept the app's token")]
    Unauthorized,
    /// 403 both ways.
    #[error("Jira forbids it")]
    Forbidden,
    /// 404: the person is gone, or was never there.
    #[error("Jira does not know the person")]
    NotFound,
    /// 429 or 503 with a time to wait.
    #[error("Jira asks to wait {seconds} s ({reason})")]
    Wait {
        /// How long.
        seconds: Seconds,
        /// `RateLimit-Reason`, if any.
        reason: String,
    },
    /// Any other answer.
    #[error("Jira answered {0}")]
    Answered(StatusCode),
    /// No answer; the call may have been carried out.
    #[error("Jira does not answer: {0}")]
    NoAnswer(#[from] Failure),
    /// Jira's answer cannot be understood.
    #[error("Jira's answer cannot be understood")]
    Nonsense,
}

impl Jira {
    /// Calls signed by `signer`, with the property of this key.
    #[must_use]
    pub fn new(
        http: Outbound,
        signer: Signer,
        impersonation_url: String,
        property_key: String,
    ) -> Self {
        Self {
            http,
            signer,
            impersonation_url,
            property_key,
        }
    }

    /// Writes the user property.
    pub async fn put_property(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        value: &Property<'_>,
    ) -> Result<Authority, JiraError> {
        let body = serde_json::to_vec(value).map_err(|_| JiraError::Nonsense)?;
        let (authority, _) = self
            .call(
                tenant,
                account,
                &Method::PUT,
                &self.property_path(),
                Some(body),
            )
            .await?;
        Ok(authority)
    }

    /// Deletes the user property. That it is not there is as good.
    pub async fn delete_property(
        &self,
        tenant: &Tenant,
        account: &AccountId,
    ) -> Result<(), JiraError> {
        let path = self.property_path();
        match self
            .call(tenant, account, &Method::DELETE, &path, None)
            .await
        {
            Ok(_) | Err(JiraError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads what kind of account a person has, and their name.
    pub async fn person(&self, tenant: &Tenant, account: &AccountId) -> Result<Person, JiraError> {
        let (_, answer) = self
            .call(tenant, account, &Method::GET, "/rest/api/3/user", None)
            .await?;
        read_person(&answer.body, account).ok_or(JiraError::Nonsense)
    }

    fn property_path(&self) -> String {
        format!("/rest/api/3/user/properties/{}", encode(&self.property_key))
    }

    async fn call(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(Authority, Outcome), JiraError> {
        let query = format!("accountId={}", encode(account.as_str()));
        let url = format!("{}{path}?{query}", tenant.base_url);
        let send = |authorization: String| {
            let mut request = self
                .http
                .client()
                .request(method.clone(), &url)
                .header(http::header::AUTHORIZATION, authorization)
                .header(http::header::ACCEPT, "application/json");
            if let Some(body) = &body {
                request = request
                    .header(http::header::CONTENT_TYPE, "application/json")
                    .body(body.clone());
            }
            self.http.send(request, SIZE_LIMIT)
        };
        let as_app = || async {
            let jwt = self
                .signer
                .app_jwt(tenant, method.as_str(), path, Some(&query))
                .map_err(|_| JiraError::Unauthorized)?;
            judge(send(format!("JWT {}", jwt.expose())).await?)
        };
        if !tenant.acts_as_user {
            let mut answer = as_app().await;
            if matches!(answer, Err(JiraError::Unauthorized)) {
                // Signed anew, in case the clock or the token was at fault.
                answer = as_app().await;
            }
            match answer {
                Err(JiraError::Forbidden) => {}
                answer => return answer.map(|outcome| (Authority::App, outcome)),
            }
        }
        let answer = match self.act_as(tenant, account).await {
            Ok(token) => judge(send(format!("Bearer {}", token.expose())).await?),
            Err(error) => Err(error),
        };
        match answer {
            // The right may have been given back to the app meanwhile.
            Err(JiraError::Forbidden | JiraError::Unauthorized) if tenant.acts_as_user => {
                as_app().await.map(|outcome| (Authority::App, outcome))
            }
            answer => answer.map(|outcome| (Authority::Person, outcome)),
        }
    }

    /// An access token of the person, by the JWT bearer grant (RFC 7523).
    async fn act_as(&self, tenant: &Tenant, account: &AccountId) -> Result<Secret, JiraError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Secret,
        }
        let assertion = self
            .signer
            .impersonation(tenant, account, &self.impersonation_url)
            .ok_or(JiraError::Forbidden)?
            .map_err(|_| JiraError::Forbidden)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
            ("scope", "READ WRITE DELETE"),
        ];
        let request = self
            .http
            .client()
            .post(format!("{}/oauth2/token", self.impersonation_url))
            .form(&form);
        match judge(self.http.send(request, SIZE_LIMIT).await?) {
            Ok(answer) => {
                let granted: Granted = answer.json().ok_or(JiraError::Nonsense)?;
                Ok(granted.access_token)
            }
            // That the app may not act as the person is a refusal like any other.
            Err(
                JiraError::Unauthorized
                | JiraError::NotFound
                | JiraError::Answered(StatusCode::BAD_REQUEST),
            ) => Err(JiraError::Forbidden),
            Err(error) => Err(error),
        }
    }
}

/// What Jira says about a person, read.
#[must_use]
pub fn read_person(body: &[u8], account: &AccountId) -> Option<Person> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct User {
        account_type: Option<String>,
        active: Option<bool>,
        display_name: Option<String>,
    }
    let user: User = serde_json::from_slice(body).ok()?;
    Some(Person {
        kind: AccountKind::parse(user.account_type.as_deref().unwrap_or_default()),
        // Jira always says; silence is not a deactivation.
        active: user.active.unwrap_or(true),
        // PostgreSQL cannot keep a NUL, and no control character can be shown.
        display_name: user
            .display_name
            .map(|name| name.chars().filter(|c| !c.is_control()).collect::<String>())
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| account.to_string()),
    })
}

/// What Jira's status and headers mean.
///
/// # Errors
/// Everything but a success that is no page.
pub fn judge(answer: Outcome) -> Result<Outcome, JiraError> {
    match answer.status {
        // A page, as of a site that is asleep or a proxy in the way: nothing was carried out.
        status if status.is_success() && is_page(&answer) => Err(JiraError::Nonsense),
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(JiraError::Unauthorized),
        StatusCode::FORBIDDEN => Err(JiraError::Forbidden),
        StatusCode::NOT_FOUND => Err(JiraError::NotFound),
        StatusCode::TOO_MANY_REQUESTS => Err(wait(&answer, 30)),
        StatusCode::SERVICE_UNAVAILABLE if answer.retry_after().is_some() => Err(wait(&answer, 30)),
        // A redirect is what a renamed site answers; no token follows it to another host.
        status => Err(JiraError::Answered(status)),
    }
}

fn is_page(answer: &Outcome) -> bool {
    let kind = answer.headers.get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

fn wait(answer: &Outcome, unless_said: Seconds) -> JiraError {
    let reason = answer
        .headers
        .get("ratelimit-reason")
        .and_then(|reason| reason.to_str().ok())
        .unwrap_or("not said");
    JiraError::Wait {
        seconds: answer.retry_after().unwrap_or(unless_said),
        reason: reason.chars().take(64).collect(),
    }
}
