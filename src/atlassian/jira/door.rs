//! How calls to a tenant's Jira are addressed and authorized, by the tenant's door.
//!
//! | door | where | as the app | as a person |
//! |---|---|---|---|
//! | Connect | the site's base URL | each request is signed with the shared secret | an access token for an assertion (RFC 7523) |
//! | Forge | `/ex/jira/{cloud id}` of Atlassian's API | the system token | an access token for the system token, by GraphQL |
//!
//! A tenant that has moved from Connect is called as before until Forge has sent its first system token.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::clock::Seconds;
use crate::model::{AccountId, ConnectDoor, Door, ForgeDoor, Power, Tenant};
use crate::outbound::SIZE_LIMIT;
use crate::secret::Secret;

use super::answer::{Said, is_oauth_refusal, judge};
use super::{Jira, Request, Unsuccessful};

/// A token for another program, which acts as a person.
pub struct ActingToken {
    /// The token.
    pub token: Secret,
    /// For how many seconds it is good.
    pub expires_in: Seconds,
}

/// What the app itself asks for when it acts as a person.
const OF_THE_APP: &str = "READ WRITE DELETE";
/// The longest that a token is said to be good, in seconds. Atlassian gives tokens for minutes, at most an hour.
const LONGEST_LIFE: Seconds = 3600;

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    /// The app's.
    App,
    /// The person's.
    Person,
}

/// Where a request goes, and the `Authorization` that it carries.
pub(super) struct Pass {
    /// In front of the request's path.
    pub(super) base: String,
    /// The header's value.
    pub(super) authorization: String,
}

/// The way through a tenant's door, for one request.
pub(super) struct Doorway<'a> {
    pub(super) jira: &'a Jira,
    pub(super) tenant: &'a Tenant,
}

/// Which door a call takes.
enum Way<'a> {
    Connect(&'a ConnectDoor),
    Forge(&'a ForgeDoor, &'a Secret),
}

impl Doorway<'_> {
    fn way(&self) -> Result<Way<'_>, Unsuccessful> {
        match &self.tenant.door {
            Door::Connect(door) => Ok(Way::Connect(door)),
            Door::Forge(door) => {
                let now = self.jira.clock.now();
                let token = door.system_token.as_ref();
                match (token.filter(|token| token.ends_at > now), &door.before) {
                    (Some(token), _) => Ok(Way::Forge(door, &token.token)),
                    (None, Some(before)) => Ok(Way::Connect(before)),
                    (None, None) => Err(Said::NoSystemToken.into()),
                }
            }
        }
    }

    fn bearer(&self, door: &ForgeDoor, token: &Secret) -> Pass {
        Pass {
            base: format!(
                "{}/ex/jira/{}",
                self.jira.api_url, door.installation.cloud_id
            ),
            authorization: format!("Bearer {}", token.expose()),
        }
    }

    /// For one request as the app.
    pub(super) fn as_app(&self, request: &Request<'_>) -> Result<Pass, Unsuccessful> {
        let door = match self.way()? {
            Way::Forge(door, token) => return Ok(self.bearer(door, token)),
            Way::Connect(door) => door,
        };
        let (method, query) = (request.method.as_str(), Some(request.query.as_str()));
        let signer = &self.jira.signer;
        let jwt = signer
            .app_jwt(self.tenant, door, method, request.path, query)
            .map_err(|_| Said::Unauthorized)?;
        Ok(Pass {
            base: self.tenant.base_url.clone(),
            authorization: format!("JWT {}", jwt.expose()),
        })
    }

    /// For reporting accounts as the app, and the path of that request: at the tenant's Jira, or by Forge at
    /// Atlassian's API for all tenants.
    pub(super) fn to_report(&self) -> Result<(Pass, &'static str), Unsuccessful> {
        let path = "/rest/atlassian-connect/latest/report-accounts";
        let (door, token) = match self.way()? {
            Way::Forge(door, token) => (door, token),
            Way::Connect(_) => {
                let request = Request {
                    method: Method::POST,
                    path,
                    query: String::new(),
                    body: None,
                };
                return Ok((self.as_app(&request)?, path));
            }
        };
        let pass = Pass {
            base: self.jira.api_url.clone(),
            ..self.bearer(door, token)
        };
        Ok((pass, "/app/report-accounts/"))
    }

    /// For requests as the person.
    pub(super) async fn as_person(&self, account: &AccountId) -> Result<Pass, Unsuccessful> {
        match self.way()? {
            Way::Connect(door) => {
                let granted = self.by_assertion(door, account, OF_THE_APP).await?;
                Ok(Pass {
                    base: self.tenant.base_url.clone(),
                    authorization: format!("Bearer {}", granted.token.expose()),
                })
            }
            Way::Forge(door, token) => {
                let granted = self.of_user(door, token, account).await?;
                Ok(self.bearer(door, &granted.token))
            }
        }
    }

    /// A token of the person for another program. By Forge it has all scopes of the app.
    pub(super) async fn token_of_person(
        &self,
        account: &AccountId,
        power: Power,
    ) -> Result<ActingToken, Unsuccessful> {
        let scopes = match power {
            Power::Read => "READ",
            Power::Write => "READ WRITE",
        };
        match self.way()? {
            Way::Connect(door) => self.by_assertion(door, account, scopes).await,
            Way::Forge(door, token) if power == Power::Write => {
                self.of_user(door, token, account).await
            }
            Way::Forge(..) => Err(Said::Forbidden.into()),
        }
    }

    /// In front of the paths of the REST API.
    pub(super) fn base(&self) -> String {
        match self.way() {
            Ok(Way::Forge(door, _)) => format!(
                "{}/ex/jira/{}",
                self.jira.api_url, door.installation.cloud_id
            ),
            _ => self.tenant.base_url.clone(),
        }
    }

    /// A token of the person, also while they are away (Atlassian's GraphQL API, `offlineUserAuthToken`).
    async fn of_user(
        &self,
        door: &ForgeDoor,
        token: &Secret,
        account: &AccountId,
    ) -> Result<ActingToken, Unsuccessful> {
        const QUERY: &str = "mutation ($input: OfflineUserAuthTokenInput!) { offlineUserAuthToken(input: $input) \
            { success errors { message } authToken { token ttl } } }";
        #[derive(Deserialize)]
        struct Answered {
            data: Option<Data>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            offline_user_auth_token: Option<Granted>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Granted {
            success: bool,
            auth_token: Option<AuthToken>,
        }
        #[derive(Deserialize)]
        struct AuthToken {
            token: Secret,
            ttl: Option<Seconds>,
        }
        let jira = self.jira;
        let site = format!("ari:cloud:jira::site/{}", door.installation.cloud_id);
        let input = json!({ "contextIds": [site], "userId": account.as_str() });
        let request = jira
            .http
            .client()
            .post(format!("{}/graphql", jira.api_url))
            .bearer_auth(token.expose())
            .json(&json!({ "query": QUERY, "variables": { "input": input } }));
        let answer = jira.http.send(request, SIZE_LIMIT).await?;
        let answer = judge(answer, jira.clock.now()).map_err(|said| match said {
            Said::NotFound | Said::Status(StatusCode::BAD_REQUEST) => Said::Forbidden,
            said => said,
        })?;
        let answered: Answered = answer.json().ok_or(Said::Nonsense)?;
        let granted = answered.data.and_then(|data| data.offline_user_auth_token);
        match granted {
            Some(Granted {
                success: true,
                auth_token: Some(granted),
            }) => Ok(acting(granted.token, granted.ttl)),
            // The app may not act as this person: a refusal like any other.
            _ => Err(Said::Forbidden.into()),
        }
    }

    /// A token for requests as the person, from the JWT bearer grant (RFC 7523).
    async fn by_assertion(
        &self,
        door: &ConnectDoor,
        account: &AccountId,
        scopes: &str,
    ) -> Result<ActingToken, Unsuccessful> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Secret,
            expires_in: Option<Seconds>,
        }
        let jira = self.jira;
        let assertion = jira
            .signer
            .impersonation(self.tenant, door, account, &jira.impersonation_url)
            .ok_or(Said::Forbidden)?
            .map_err(|_| Said::Forbidden)?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.expose()),
            ("scope", scopes),
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
                Ok(acting(granted.access_token, granted.expires_in))
            }
            // The app may not act as the person: a refusal like any other.
            Err(Said::Unauthorized | Said::NotFound | Said::Status(StatusCode::BAD_REQUEST)) => {
                Err(Said::Forbidden.into())
            }
            Err(said) => Err(said.into()),
        }
    }
}

fn acting(token: Secret, lives: Option<Seconds>) -> ActingToken {
    ActingToken {
        token,
        // One that does not say so is not kept.
        expires_in: lives.unwrap_or(1).clamp(1, LONGEST_LIFE),
    }
}
