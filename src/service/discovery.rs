//! The service's metadata (RFC 8414, OpenID Connect Discovery 1.0), read as strictly as settings.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::known::ClientAuth;
use super::registration::ProviderConfig;
use crate::error::Error;
use crate::lenient;
use crate::sites::is_loopback;

/// Where the service's endpoints are.
#[derive(Debug, Clone)]
pub struct Metadata {
    pub(super) issuer: Option<String>,
    pub(super) authorize: Url,
    pub(super) token: Url,
    pub(super) revoke: Option<Url>,
    pub(super) identity: Option<Url>,
    pub(super) jwks: Option<Url>,
    /// RFC 9207: every answer carries `iss`.
    pub(super) announces_iss: bool,
    pub(super) secret_in_body: bool,
    /// The value of `prompt` that lets a person choose another account (OpenID Connect Core 1.0, section
    /// 3.1.2.1).
    pub(super) choose_prompt: Option<&'static str>,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    // What these announce is read entry by entry: one that is odd costs no other.
    #[serde(default)]
    authorization_response_iss_parameter_supported: Value,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Value,
    #[serde(default)]
    prompt_values_supported: Value,
}

/// Whether a list names this value.
fn lists(list: &Value, value: &str) -> bool {
    let mut entries = list.as_array().into_iter().flatten();
    entries.any(|entry| entry == value)
}

/// The placeholder for the tenant in the issuer of a provider that serves many tenants.
pub const TENANT: &str = "{tenantid}";

/// Whether this is the metadata of one provider for all of its tenants. Microsoft's documents for
/// `organizations`, `common` and `consumers` name an issuer with a placeholder for the tenant.
/// <https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-issuer>
fn speaks_for_tenants(found: &str, issuer: &str) -> bool {
    ["organizations", "common", "consumers"]
        .iter()
        .any(|all| found.contains(TENANT) && found.replace(TENANT, all) == issuer)
}

impl Metadata {
    /// What each endpoint is for, and its address.
    pub(super) fn addresses(&self) -> Vec<(&'static str, String)> {
        let optional = [
            ("revocation", &self.revoke),
            ("identity", &self.identity),
            ("keys", &self.jwks),
        ];
        let optional = optional
            .into_iter()
            .filter_map(|(what, url)| Some((what, url.as_ref()?)));
        [("authorization", &self.authorize), ("token", &self.token)]
            .into_iter()
            .chain(optional)
            .map(|(what, url)| (what, url.to_string()))
            .collect()
    }

    /// Reads this issuer's document. Endpoints from the settings override those in it.
    ///
    /// # Errors
    /// [`Error::ServiceRefused`] if the document is not metadata, names another issuer, or has an endpoint
    /// that is not https.
    pub fn read(
        body: &[u8],
        issuer: &str,
        config: &ProviderConfig,
        loopback_http: bool,
    ) -> Result<Self, Error> {
        let refused = |why: &str| Error::ServiceRefused(format!("discovery: {why}"));
        let found: Discovered = lenient::read_as(body).ok_or_else(|| refused("not metadata"))?;
        // OpenID Connect Discovery 1.0, section 4.3: otherwise one issuer could speak for another.
        if found.issuer != issuer && !speaks_for_tenants(&found.issuer, issuer) {
            return Err(refused("the metadata is of another issuer"));
        }
        let endpoint = |text: &str| {
            Url::parse(text)
                .ok()
                .filter(|url| match url.scheme() {
                    "https" => true,
                    "http" => loopback_http && url.host().is_some_and(|host| is_loopback(&host)),
                    _ => false,
                })
                .ok_or_else(|| refused("an endpoint is not https"))
        };
        let required = |given: &Option<Url>, found: &str| match given {
            Some(url) => Ok(url.clone()),
            None => endpoint(found),
        };
        let optional = |given: &Option<Url>, found: Option<&String>| match (given, found) {
            (Some(url), _) => Ok(Some(url.clone())),
            (None, Some(text)) => endpoint(text).map(Some),
            (None, None) => Ok(None),
        };
        Ok(Self {
            authorize: required(&config.authorize_url, &found.authorization_endpoint)?,
            token: required(&config.token_url, &found.token_endpoint)?,
            revoke: optional(&config.revoke_url, found.revocation_endpoint.as_ref())?,
            identity: optional(&config.identity_url, found.userinfo_endpoint.as_ref())?,
            jwks: optional(&None, found.jwks_uri.as_ref())?,
            announces_iss: match &found.authorization_response_iss_parameter_supported {
                Value::Bool(announced) => *announced,
                Value::String(text) => text == "true",
                _ => false,
            },
            secret_in_body: match config.client_auth {
                Some(method) => method == ClientAuth::Body,
                None => {
                    let has = |method| lists(&found.token_endpoint_auth_methods_supported, method);
                    has("client_secret_post") && !has("client_secret_basic")
                }
            },
            // A person who has to log in again can choose another account. A value that is not announced is not
            // sent: no standard says how a service treats it, and some refuse it.
            choose_prompt: ["select_account", "login"]
                .into_iter()
                .find(|wanted| lists(&found.prompt_values_supported, wanted)),
            issuer: Some(found.issuer),
        })
    }

    /// Every address that Latchkey calls or sends a browser to.
    pub fn endpoints(&self) -> impl Iterator<Item = &Url> {
        [&self.authorize, &self.token].into_iter().chain(
            [&self.revoke, &self.identity, &self.jwks]
                .into_iter()
                .flatten(),
        )
    }
}
