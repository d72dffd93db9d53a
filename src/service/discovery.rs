//! The service's metadata (RFC 8414, OpenID Connect Discovery 1.0), read as strictly as settings, and kept for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::lenient;
use crate::outbound::{Outbound, SIZE_LIMIT};
use crate::sites::is_loopback;

use super::known::ClientAuth;
use super::registration::ProviderConfig;
use super::rests::Rest;

/// How long the service's metadata is used before it is fetched again, in seconds.
const METADATA_FRESH_FOR: Seconds = 3600;
/// How long metadata that is too old is used after another could not be fetched, in seconds.
const METADATA_AGAIN_AFTER: Seconds = 10;

/// Finds the metadata, and keeps it.
pub(super) struct Discovery {
    config: ProviderConfig,
    loopback_http: bool,
    http: Outbound,
    clock: Clock,
    kept: Mutex<Kept>,
    rest: Rest,
}

/// The metadata, cached.
#[derive(Default)]
struct Kept {
    found: Option<Metadata>,
    /// Until when it is used without another look.
    fresh_until: Seconds,
}

/// Where the service's endpoints are.
#[derive(Debug, Clone)]
pub struct Metadata {
    pub(super) issuer: Option<String>,
    pub(super) authorize: Url,
    pub(super) token: Url,
    pub(super) revoke: Option<Url>,
    pub(super) identity: Option<Url>,
    /// Where an authorization request is sent before its person comes (RFC 9126).
    pub(super) pushed_requests: Option<Url>,
    pub(super) jwks: Option<Url>,
    /// RFC 9207: every answer carries `iss`.
    pub(super) announces_iss: bool,
    pub(super) secret_in_body: bool,
    /// The value of `prompt` that lets a person choose another account (OpenID Connect Core 1.0, section
    /// 3.1.2.1).
    pub(super) choose_prompt: Option<&'static str>,
    pub(super) announced: Announced,
}

/// What the service says that it takes, as far as it says so.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// Ways to prove which client one is at the token endpoint.
    pub(super) auth_methods: Option<Vec<String>>,
    /// Algorithms of assertions there.
    pub(super) assertion_algorithms: Option<Vec<String>>,
    /// Algorithms of DPoP proofs.
    pub(super) dpop_algorithms: Option<Vec<String>>,
    /// Whether it can bind access tokens to the certificate of a client (RFC 8705, section 3).
    pub(super) binds_to_certificates: bool,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    #[serde(default)]
    mtls_endpoint_aliases: Value,
    // What these announce is read entry by entry: one that is odd costs no other.
    #[serde(default)]
    authorization_response_iss_parameter_supported: Value,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Value,
    #[serde(default)]
    prompt_values_supported: Value,
    #[serde(default)]
    token_endpoint_auth_signing_alg_values_supported: Value,
    #[serde(default)]
    dpop_signing_alg_values_supported: Value,
    #[serde(default)]
    tls_client_certificate_bound_access_tokens: Value,
}

/// Whether a list names this value.
fn lists(list: &Value, value: &str) -> bool {
    let mut entries = list.as_array().into_iter().flatten();
    entries.any(|entry| entry == value)
}

/// The texts of a list. None if it is no list.
fn texts(list: &Value) -> Option<Vec<String>> {
    let texts = list.as_array()?.iter().filter_map(Value::as_str);
    Some(texts.map(str::to_owned).collect())
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

impl Discovery {
    pub(super) fn new(
        config: ProviderConfig,
        loopback_http: bool,
        http: Outbound,
        clock: Clock,
    ) -> Self {
        Self {
            config,
            loopback_http,
            http,
            clock,
            kept: Mutex::default(),
            rest: Rest::default(),
        }
    }

    fn cached(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metadata: as it was found within the hour, or found now.
    pub(super) async fn metadata(&self) -> Result<Metadata, Error> {
        let now = self.clock.now();
        let before = {
            let cached = self.cached();
            let fresh = (now + 1..=now + METADATA_FRESH_FOR).contains(&cached.fresh_until);
            match &cached.found {
                Some(metadata) if fresh => return Ok(metadata.clone()),
                found => found.clone(),
            }
        };
        match (self.discover().await, before) {
            (Ok(metadata), _) => {
                let mut cached = self.cached();
                cached.found = Some(metadata.clone());
                cached.fresh_until = now + METADATA_FRESH_FOR;
                Ok(metadata)
            }
            // An hour-old answer is better than failing every renewal.
            (Err(error), Some(metadata)) => {
                tracing::warn!(%error, "discovery failed; using the endpoints from before");
                let mut cached = self.cached();
                cached.fresh_until = cached.fresh_until.max(now + METADATA_AGAIN_AFTER);
                Ok(metadata)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn discover(&self) -> Result<Metadata, Error> {
        let config = &self.config;
        let Some(issuer) = config.issuer.as_deref() else {
            // The settings require these when there is no issuer.
            let missing = || Error::Internal("an endpoint of the service is missing".to_owned());
            return Ok(Metadata {
                issuer: None,
                authorize: config.authorize_url.clone().ok_or_else(missing)?,
                token: config.token_url.clone().ok_or_else(missing)?,
                revoke: config.revoke_url.clone(),
                identity: config.identity_url.clone(),
                pushed_requests: config.pushed_requests_url.clone(),
                jwks: None,
                announces_iss: false,
                secret_in_body: config.client_auth == Some(ClientAuth::Body),
                choose_prompt: None,
                announced: Announced::default(),
            });
        };
        let address = metadata_address(issuer);
        let unreachable = |why: &dyn std::fmt::Display| {
            Error::ServiceUnreachable(format!(
                "discovery at {address} (LATCHKEY_PROVIDER_ISSUER): {why}"
            ))
        };
        if self.rest.left(self.clock.now()).is_some() {
            return Err(unreachable(&"it asks to wait"));
        }
        let answer = self.http.get(&address, SIZE_LIMIT).await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        if !answer.status.is_success() {
            self.rest.obey(&answer, self.clock.now());
            return Err(unreachable(&answer.status));
        }
        Metadata::read(&answer.body, issuer, config, self.loopback_http)
    }
}

/// Where an issuer has its metadata (OpenID Connect Discovery 1.0, section 4).
#[must_use]
pub fn metadata_address(issuer: &str) -> String {
    format!(
        "{}/.well-known/openid-configuration",
        issuer.strip_suffix('/').unwrap_or(issuer)
    )
}

impl Metadata {
    /// What each endpoint is for, and its address.
    pub(super) fn addresses(&self) -> Vec<(&'static str, String)> {
        let optional = [
            ("revocation", &self.revoke),
            ("identity", &self.identity),
            ("pushed requests", &self.pushed_requests),
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
        // RFC 8705, section 5: where a client with a certificate finds them.
        let by_certificate = config.client_auth == Some(ClientAuth::Tls);
        let alias = |name: &str| match &found.mtls_endpoint_aliases {
            Value::Object(aliases) if by_certificate => aliases.get(name)?.as_str(),
            _ => None,
        };
        let required = |given: &Option<Url>, name: &str, found: &str| match given {
            Some(url) => Ok(url.clone()),
            None => endpoint(alias(name).unwrap_or(found)),
        };
        let optional = |given: &Option<Url>, name: &str, found: &Option<String>| match (
            given,
            alias(name).or(found.as_deref()),
        ) {
            (Some(url), _) => Ok(Some(url.clone())),
            (None, Some(text)) => endpoint(text).map(Some),
            (None, None) => Ok(None),
        };
        let (token, revoke) = (&found.token_endpoint, &found.revocation_endpoint);
        let pushed = &found.pushed_authorization_request_endpoint;
        Ok(Self {
            authorize: match &config.authorize_url {
                Some(url) => url.clone(),
                // A browser goes there.
                None => endpoint(&found.authorization_endpoint)?,
            },
            token: required(&config.token_url, "token_endpoint", token)?,
            revoke: optional(&config.revoke_url, "revocation_endpoint", revoke)?,
            identity: optional(
                &config.identity_url,
                "userinfo_endpoint",
                &found.userinfo_endpoint,
            )?,
            pushed_requests: optional(
                &config.pushed_requests_url,
                "pushed_authorization_request_endpoint",
                pushed,
            )?,
            jwks: found.jwks_uri.as_deref().map(endpoint).transpose()?,
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
            announced: Announced {
                auth_methods: texts(&found.token_endpoint_auth_methods_supported),
                assertion_algorithms: texts(
                    &found.token_endpoint_auth_signing_alg_values_supported,
                ),
                dpop_algorithms: texts(&found.dpop_signing_alg_values_supported),
                binds_to_certificates: found.tls_client_certificate_bound_access_tokens == true,
            },
            issuer: Some(found.issuer),
        })
    }

    /// Every address that Latchkey calls or sends a browser to.
    pub fn endpoints(&self) -> impl Iterator<Item = &Url> {
        [&self.authorize, &self.token].into_iter().chain(
            [
                &self.revoke,
                &self.identity,
                &self.pushed_requests,
                &self.jwks,
            ]
            .into_iter()
            .flatten(),
        )
    }
}
