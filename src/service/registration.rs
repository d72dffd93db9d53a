//! The service as the operator described it: its endpoints, and how Latchkey is registered there.

use std::str::FromStr;

use clap::ValueEnum;
use url::Url;

use crate::clock::Seconds;
use crate::error::ShouldBe;

use super::client_auth::Credential;
use super::es256::PrivateKey;
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
    /// Where authorization requests are pushed (RFC 9126).
    pub pushed_requests_url: Option<Url>,
    /// The client id that the service gave Latchkey.
    pub client_id: String,
    /// What proves that Latchkey is this client.
    pub credential: Credential,
    /// How Latchkey authenticates as this client. None: as the service's metadata says, or HTTP Basic if it
    /// does not.
    pub client_auth: Option<ClientAuth>,
    /// Whom assertions are for. None: the issuer, or the token endpoint if there is none.
    pub assertion_audience: Option<AssertionAudience>,
    /// The key to which access tokens are bound by DPoP (RFC 9449).
    pub dpop_key: Option<PrivateKey>,
    /// Scopes to ask for, separated by spaces.
    pub scopes: String,
    /// The resources that access tokens are for (RFC 8707).
    pub resources: Resources,
    /// Parameters of the authorization request besides those that Latchkey sets.
    pub authorize_parameters: Parameters,
    /// Where API keys come from.
    pub api_key: ApiKeySource,
    /// How many seconds a refresh token lives unused, if the service does not say so.
    pub grant_idle: Option<Seconds>,
    /// After how many seconds a person has to consent again.
    pub grant_life: Option<Seconds>,
}

/// Whom an assertion is for, its `aud`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AssertionAudience {
    /// The issuer, as FAPI 2.0 has it.
    Issuer,
    /// The address of the token endpoint, as RFC 7523 suggests.
    TokenEndpoint,
}

/// Resources (RFC 8707): absolute URIs without a fragment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources(Vec<String>);

impl Resources {
    /// Each as it was given.
    pub fn each(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for Resources {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let good = |resource: &&str| Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        let all: Vec<&str> = text.split_whitespace().collect();
        match all.iter().all(good) {
            true => Ok(Self(all.into_iter().map(str::to_owned).collect())),
            false => Err(ShouldBe::new(
                "absolute URIs without a fragment, separated by spaces, like https://api.acme.example.com",
            )),
        }
    }
}

/// Parameters of the authorization request that an operator adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

/// What Latchkey sets itself, or must not be set in an address that a browser is sent to.
const RESERVED: [&str; 19] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "resource",
    "request",
    "request_uri",
    "iss",
];

impl Parameters {
    /// Each by its name.
    pub fn each(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().cloned()
    }

    /// Whether one has this name.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(present, _)| present == name)
    }
}

impl FromStr for Parameters {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let mut parameters = Self::default();
        for part in text.split('&') {
            let pair = part
                .contains('=')
                .then(|| url::form_urlencoded::parse(part.as_bytes()).next());
            let Some((name, value)) = pair.flatten() else {
                return Err(ShouldBe::new(FORM));
            };
            if name.is_empty() || parameters.names(&name) {
                return Err(ShouldBe::new(FORM));
            }
            if RESERVED.contains(&&*name) {
                return Err(ShouldBe::new(format!(
                    "without `{name}`, which Latchkey sets itself or another setting does"
                )));
            }
            parameters.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(parameters)
    }
}

const FORM: &str = "parameters in the form a=b&c=d, none of them twice";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_latchkey_sets_are_refused() {
        let read = |text: &str| text.parse::<Parameters>();
        let given = read("acr_values=urn%3Ahigh&prompt=consent").unwrap();
        let pairs = [("acr_values", "urn:high"), ("prompt", "consent")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(given.each().collect::<Vec<_>>(), pairs);
        for name in RESERVED {
            let said = read(&format!("a=b&{name}=x")).unwrap_err().to_string();
            assert!(said.contains(name), "{said}");
        }
        assert!(read("a=b&st%61te=x").is_err(), "encoded is the same");
        for bad in ["a", "a=b&", "=b", "a=b&a=c", "&"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resources_are_absolute() {
        let read = |text: &str| text.parse::<Resources>();
        let given = read("https://api.example.com urn:files").unwrap();
        assert_eq!(given.each().count(), 2);
        for bad in [
            "api",
            "/api",
            "https://api.example.com#part",
            "https://a.example.com x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
