//! The service as the operator described it: its endpoints, and how Latchkey is registered there.

use url::Url;

use crate::clock::Seconds;
use crate::secret::Secret;

use super::known::{ClientAuth, Known};

/// The service and how Latchkey is registered there.
#[derive(Clone)]
pub struct ProviderConfig {
    /// What is known about this service.
    pub known: &'static Known,
    /// Its name as people know it.
    pub name: String,
    /// Its OpenID Connect issuer, if it has discovery. The URLs below override what discovery finds.
    pub issuer: Option<String>,
    /// Authorization endpoint.
    pub authorize_url: Option<Url>,
    /// Token endpoint.
    pub token_url: Option<Url>,
    /// Revocation endpoint.
    pub revoke_url: Option<Url>,
    /// Identity endpoint.
    pub identity_url: Option<Url>,
    /// The client id that the service gave Latchkey.
    pub client_id: String,
    /// The client secret that the service gave Latchkey.
    pub client_secret: Secret,
    /// How Latchkey authenticates as this client. None: as the service's metadata says, or HTTP Basic if it
    /// does not.
    pub client_auth: Option<ClientAuth>,
    /// Scopes to ask for, separated by spaces.
    pub scopes: String,
    /// Where API keys come from.
    pub api_key: ApiKeySource,
    /// How many seconds a refresh token lives unused, if the service does not say so.
    pub grant_idle: Option<Seconds>,
    /// After how many seconds a person has to consent again.
    pub grant_life: Option<Seconds>,
}

/// What people see of the service, besides its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceLooks {
    /// Its picture.
    pub logo: Option<Url>,
    /// What connecting gives people, in one sentence.
    pub purpose: Option<String>,
    /// Where they ask for help.
    pub support: Option<Url>,
    /// Where they read what happens with their data.
    pub privacy: Option<Url>,
}

/// Where the API key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeySource {
    /// It is the service's access token.
    AccessToken,
    /// The service's key endpoint at this URL issues it for an access token.
    Endpoint(Url),
    /// Latchkey signs it.
    Minted,
}
