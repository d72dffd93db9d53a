//! The service: code to tokens, whose they are, refresh.
//!
//! OpenID Connect by discovery, or plain OAuth 2.0 with its endpoints as settings. The grants are
//! built by the `oauth2` crate and sent by `transport`. [`known`](super::known) lists as data how each service
//! differs from the standards; the code here acts on those habits and names no service. What else is asked of the
//! service is in files of their own: `authorizing`, `revoking` and `key_endpoint`.

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, StandardRevocableToken,
    TokenResponse, TokenUrl,
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::error::{Error, printable};
use crate::grant::Lives;
use crate::key_set::{KeySet, Signed};
use crate::model::{ApiKey, Identity, Tokens};
use crate::outbound::{Failure, Outbound};
use crate::random::Random;
use crate::secret::Secret;

use super::calls::Calls;
use super::client_auth::Credential;
use super::discovery::{Discovery, Metadata, metadata_address};
use super::failures::{Brought, RedeemError, RefreshError, came_back, refused_code, tokens_in};
use super::habits;
use super::id_token::{self, Expected, IdClaims, IdTokenError};
use super::known::{IdentityFrom, Known, Means};
use super::misfits::misfits;
use super::registration::{ApiKeySource, ProviderConfig};
use super::rests::Rest;
use super::token_response::TokenAnswer;
use super::transport::{SendError, Transport};

/// The life assumed for a key whose expiry the service does not give.
const LIFE_UNLESS_SAID: Seconds = 3600;

pub(super) type OAuthClient = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Talks to the service.
pub struct Provider {
    pub(super) config: ProviderConfig,
    redirect_uri: String,
    pub(super) calls: Calls,
    pub(super) clock: Clock,
    discovery: Discovery,
    key_set: KeySet,
    identity_rests: Rest,
    pub(super) pushed_requests_rest: Rest,
    pub(super) revocation_rests: Rest,
}

/// What the callback carries.
#[derive(Default, Deserialize)]
pub struct CallbackQuery {
    /// The authorization code.
    pub code: Option<Secret>,
    /// Our state.
    pub state: Option<Secret>,
    /// RFC 9207.
    pub iss: Option<String>,
    /// RFC 6749 section 4.1.2.1.
    pub error: Option<String>,
}

impl Provider {
    /// The service as the settings describe it. `redirect_uri` is our callback.
    #[must_use]
    pub fn new(
        config: ProviderConfig,
        redirect_uri: String,
        loopback_http: bool,
        http: Outbound,
        clock: Clock,
        random: &Random,
    ) -> Self {
        Self {
            calls: Calls::new(&config, http.clone(), &clock, random),
            discovery: Discovery::new(config.clone(), loopback_http, http, clock.clone()),
            config,
            redirect_uri,
            key_set: KeySet::new(clock.clone()),
            clock,
            identity_rests: Rest::default(),
            pushed_requests_rest: Rest::default(),
            revocation_rests: Rest::default(),
        }
    }

    /// The service's name as people know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Proves with this from now on which client this is. One of another kind counts after a restart.
    pub fn change_credential(&self, credential: &Credential) {
        self.calls.change_credential(credential);
    }

    /// The public halves of the keys with which Latchkey proves which client it is.
    #[must_use]
    pub fn client_keys(&self) -> Vec<Value> {
        self.calls.public_keys()
    }

    /// What in the settings does not fit what the service's metadata says, a sentence each.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] and [`Error::ServiceRefused`], when discovery fails.
    pub async fn misfits(&self) -> Result<Vec<String>, Error> {
        Ok(misfits(&self.metadata().await?, &self.config))
    }

    /// How this service differs from the standards.
    #[must_use]
    pub fn known(&self) -> &'static Known {
        self.config.known
    }

    /// How long grants last, as far as the operator set it.
    #[must_use]
    pub fn grant_lives(&self) -> Lives {
        Lives {
            idle: self.config.grant_idle,
            whole: self.config.grant_life,
        }
    }

    /// Whether API keys differ from access tokens: the key endpoint issues them, or Latchkey signs them.
    #[must_use]
    pub fn makes_keys(&self) -> bool {
        !matches!(self.config.api_key, ApiKeySource::AccessToken)
    }

    /// Fetches the metadata if needed, so that the next call sends one request and no more.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] and [`Error::ServiceRefused`], when discovery fails.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.metadata().await.map(|_| ())
    }

    /// Where the service's endpoints are: what each is for, and its address.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] and [`Error::ServiceRefused`], when discovery fails.
    pub async fn addresses(&self) -> Result<Vec<(&'static str, String)>, Error> {
        Ok(self.metadata().await?.addresses())
    }

    /// An address of the service for a plain GET that tests whether it is reachable; any answer will do.
    #[must_use]
    pub fn watched_address(&self) -> Option<String> {
        match &self.config.issuer {
            Some(issuer) => Some(metadata_address(issuer)),
            None => self.config.token_url.as_ref().map(Url::to_string),
        }
    }

    pub(super) async fn metadata(&self) -> Result<Metadata, Error> {
        self.discovery.metadata().await
    }

    pub(super) fn client(&self, metadata: &Metadata) -> Result<OAuthClient, Error> {
        let internal = |_| Error::Internal("an address of the service is malformed".to_owned());
        let redirect = RedirectUrl::new(self.redirect_uri.clone()).map_err(internal)?;
        let mut client = oauth2::Client::new(ClientId::new(self.config.client_id.clone()));
        // Without a secret the id goes into the form, and `transport` adds what proves it.
        if let Some(secret) = self.calls.client.secret() {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        Ok(client
            .set_auth_type(if metadata.secret_in_body {
                AuthType::RequestBody
            } else {
                AuthType::BasicAuth
            })
            .set_auth_uri(AuthUrl::from_url(metadata.authorize.clone()))
            .set_token_uri(TokenUrl::from_url(metadata.token.clone()))
            .set_redirect_uri(redirect))
    }

    pub(crate) fn scopes(&self) -> Vec<&str> {
        let commas = self.known().scopes.value.separator == ",";
        self.config
            .scopes
            .split(|c: char| c.is_whitespace() || (commas && c == ','))
            .filter(|scope| !scope.is_empty())
            .collect()
    }

    /// Checks that the callback comes from the service (RFC 9207), before anything in it is used.
    ///
    /// # Errors
    /// [`Error::CameBack`] when `iss` is missing although the metadata announced it, or names another issuer.
    pub async fn check_issuer(&self, callback: &CallbackQuery) -> Result<(), Error> {
        let metadata = self.metadata().await?;
        match (&callback.iss, &metadata.issuer) {
            (Some(iss), Some(issuer)) if id_token::is_issuer(issuer, iss, None) => Ok(()),
            (Some(_), Some(_)) => Err(came_back("the answer is from another issuer")),
            (None, _) if metadata.announces_iss => {
                Err(came_back("the answer does not say which issuer it is from"))
            }
            _ => Ok(()),
        }
    }

    /// Redeems a code and finds out whose account it is.
    pub async fn redeem(
        &self,
        code: &Secret,
        code_verifier: &Secret,
        nonce: &Secret,
    ) -> Result<(Identity, Tokens), RedeemError> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let started_at = self.clock.now();
        let http = self.transport(&metadata);
        let mut request = client.exchange_code(AuthorizationCode::new(code.expose().to_owned()));
        if self.known().pkce.value {
            request =
                request.set_pkce_verifier(PkceCodeVerifier::new(code_verifier.expose().to_owned()));
        }
        for resource in self.config.resources.each() {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let answer = request
            .request_async(&http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(failure) => RedeemError::from(
                    Error::ServiceUnreachable(format!("token endpoint: {failure}")),
                ),
                RequestTokenError::ServerResponse(refusal) => {
                    refused_code(self.known(), refusal.error().as_ref()).into()
                }
                RequestTokenError::Parse(_, body) => RedeemError {
                    why: Error::ServiceRefused("token endpoint: not a token answer".to_owned()),
                    brought: tokens_in(&body),
                },
                RequestTokenError::Other(_) => {
                    Error::ServiceRefused("token endpoint: not a token answer".to_owned()).into()
                }
            })?;
        let tokens = tokens(&answer, started_at);
        let mut subject = None;
        let identity = self.identify(&metadata, &answer, &tokens, nonce, &mut subject);
        match identity.await {
            Ok(identity) => Ok((identity, tokens)),
            Err(why) => Err(RedeemError {
                why,
                brought: Some(Brought {
                    tokens: tokens.revocable(),
                    subject,
                }),
            }),
        }
    }

    /// Whose tokens these are. `subject` is set as soon as a verified ID token names the account, even if
    /// a later step fails.
    async fn identify(
        &self,
        metadata: &Metadata,
        answer: &TokenAnswer,
        tokens: &Tokens,
        nonce: &Secret,
        subject: &mut Option<String>,
    ) -> Result<Identity, Error> {
        let verified = self.id_claims(metadata, answer, nonce).await?;
        *subject = verified.as_ref().map(|claims| claims.sub.clone());
        // RFC 9449, section 5: such an answer is not used. A refresh is not held to it: its tokens may be the only ones.
        if self.calls.dpop.is_some() && !answer.is_bound() {
            return Err(Error::ServiceRefused(
                "token endpoint: the access token is not bound to the DPoP key".to_owned(),
            ));
        }
        if let Some(IdClaims { sub, names }) = verified {
            let display_name = match names.best() {
                Some(name) => name,
                None => self
                    .name_at_endpoint(metadata, tokens, &sub)
                    .await?
                    .unwrap_or_else(|| sub.clone()),
            };
            return Ok(Identity {
                subject: sub,
                display_name,
            });
        }
        let Some(url) = &metadata.identity else {
            return Err(Error::ServiceRefused(
                "there is neither an ID token nor an identity endpoint".to_owned(),
            ));
        };
        let body = self.ask_identity(url, tokens).await?;
        let (subject, name) =
            habits::identity(&self.known().identity.value, &body).ok_or_else(says_not_who)?;
        Ok(Identity {
            display_name: name.unwrap_or_else(|| subject.clone()),
            subject,
        })
    }

    /// The name that the identity endpoint has for the account of a verified ID token. None if it gives none:
    /// the ID token says whose account it is, so nothing else is needed to link it.
    ///
    /// # Errors
    /// [`Error::ServiceRefused`] if the endpoint names another account (OpenID Connect Core 1.0, section 5.3.2).
    async fn name_at_endpoint(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        sub: &str,
    ) -> Result<Option<String>, Error> {
        let Some(url) = &metadata.identity else {
            return Ok(None);
        };
        let answer = self.ask_identity(url, tokens).await;
        let said = answer.and_then(|body| {
            let from = &self.known().identity.value;
            habits::userinfo(from, &body).ok_or_else(says_not_who)
        });
        match said {
            Ok((named, name)) if named == sub => Ok(name),
            Ok(_) => Err(Error::ServiceRefused(
                "the identity endpoint names another account than the ID token".to_owned(),
            )),
            Err(error) => {
                tracing::warn!(%error, "the service gives no name; the account's id is shown instead");
                Ok(None)
            }
        }
    }

    /// The claims of the verified ID token. None where the service does not do OpenID Connect.
    async fn id_claims(
        &self,
        metadata: &Metadata,
        answer: &TokenAnswer,
        nonce: &Secret,
    ) -> Result<Option<IdClaims>, Error> {
        let (issuer, jwks, token) = match (&metadata.issuer, &metadata.jwks, answer.id_token()) {
            (Some(issuer), Some(jwks), Some(token)) => (issuer, jwks, token),
            (Some(_), _, None) if self.scopes().contains(&"openid") => {
                return Err(Error::ServiceRefused("there is no ID token".to_owned()));
            }
            _ => return Ok(None),
        };
        let expected = Expected {
            issuer,
            client_id: &self.config.client_id,
            nonce,
        };
        let key_set = async |token: &Signed<'_>| {
            self.key_set
                .signed(&self.calls.plain, jwks.as_str(), token)
                .await
        };
        id_token::verify_by(token, key_set, &expected, self.clock.now())
            .await
            .map(Some)
            .map_err(|error| match error {
                IdTokenError::Invalid(_) => Error::ServiceRefused(error.to_string()),
                IdTokenError::OtherNonce => came_back("the code is of another attempt"),
                IdTokenError::NoKeys(_) => Error::ServiceUnreachable(error.to_string()),
            })
    }

    /// What the identity endpoint answers.
    async fn ask_identity(&self, url: &Url, tokens: &Tokens) -> Result<Vec<u8>, Error> {
        let unreachable =
            |why: String| Error::ServiceUnreachable(format!("identity endpoint: {why}"));
        if self.identity_rests.left(self.clock.now()).is_some() {
            return Err(unreachable("it asks to wait".to_owned()));
        }
        let from = &self.known().identity.value;
        let post = match from {
            IdentityFrom::Api { post, .. } => *post,
            IdentityFrom::Standard => None,
        };
        let method = match post {
            Some(_) => http::Method::POST,
            None => http::Method::GET,
        };
        let complete = |mut request: reqwest::RequestBuilder| {
            if let Some(body) = post {
                request = request.body(body);
                if !body.is_empty() {
                    request = request.header(http::header::CONTENT_TYPE, "application/json");
                }
            }
            request = request.header(http::header::ACCEPT, "application/json");
            for (name, value) in self.known().headers {
                request = request.header(*name, *value);
            }
            request
        };
        let answer = self
            .calls
            .with_token(&tokens.access_token, (method, url), complete)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        match answer.status {
            status if status.is_success() => Ok(answer.body),
            status => {
                let asked = self.identity_rests.obey(&answer, self.clock.now());
                let waits = asked.is_some() || status == http::StatusCode::TOO_MANY_REQUESTS;
                match waits || status.is_server_error() {
                    true => Err(unreachable(status.to_string())),
                    false => Err(says_not_who()),
                }
            }
        }
    }

    /// Exchanges a refresh token. The caller has written its intent and does not cancel this.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, RefreshError> {
        let not_sent = |error: Error| RefreshError::NotSent(error.to_string());
        let metadata = self.metadata().await.map_err(not_sent)?;
        let mut client = self.client(&metadata).map_err(not_sent)?;
        let how = self.known().refresh.value;
        if let Some(path) = how.path
            && let Ok(neighbour) = metadata.token.join(path)
        {
            client = client.set_token_uri(TokenUrl::from_url(neighbour));
        }
        let started_at = self.clock.now();
        let http = self.transport(&metadata);
        let refresh_token = RefreshToken::new(refresh_token.expose().to_owned());
        let mut request = client.exchange_refresh_token(&refresh_token);
        if how.redirect_uri {
            request = request.add_extra_param("redirect_uri", self.redirect_uri.clone());
        }
        // RFC 8707, section 2.2: for which of the resources that were consented to the access token is.
        for resource in self.config.resources.each() {
            request = request.add_extra_param("resource", resource.to_owned());
        }
        let result = request.request_async(&http).await;
        match result {
            Ok(answer) => Ok(tokens(&answer, started_at)),
            Err(RequestTokenError::Request(SendError::Failed(Failure::NotSent(why)))) => {
                Err(RefreshError::NotSent(why))
            }
            Err(RequestTokenError::Request(SendError::Failed(Failure::Unknown(why)))) => {
                Err(RefreshError::Unknown(why))
            }
            Err(RequestTokenError::Request(SendError::Wait(seconds))) => {
                Err(RefreshError::Wait { seconds })
            }
            Err(RequestTokenError::Request(SendError::ServerError(status))) => {
                Err(RefreshError::Unknown(status.to_string()))
            }
            Err(RequestTokenError::ServerResponse(refusal)) => {
                let name = printable(refusal.error().as_ref());
                Err(match self.known().means(refusal.error().as_ref()) {
                    Means::GrantEnded => RefreshError::InvalidGrant,
                    // The link is fine: the service does not accept our client or its authentication.
                    Means::AppRefused => RefreshError::InvalidClient(name),
                    Means::Refused => RefreshError::Refused(name),
                    Means::Trouble => RefreshError::Unknown(name),
                })
            }
            // 200 with HTML or half an answer: the refresh may have been carried out.
            Err(RequestTokenError::Parse(..) | RequestTokenError::Other(_)) => Err(
                RefreshError::Unknown("the answer is not a token answer".to_owned()),
            ),
        }
    }

    fn transport<'a>(&'a self, metadata: &'a Metadata) -> Transport<'a> {
        Transport {
            calls: &self.calls,
            metadata,
            clock: &self.clock,
            known: self.known(),
        }
    }

    /// The access token as API key.
    #[must_use]
    pub fn token_as_key(&self, tokens: &Tokens) -> ApiKey {
        ApiKey {
            key: tokens.access_token.clone(),
            requested_at: tokens.requested_at,
            expires_at: good_until(tokens),
            id: None,
        }
    }
}

/// When an access token expires: as the service said, or else an hour after the request started.
#[must_use]
pub fn good_until(tokens: &Tokens) -> Seconds {
    tokens
        .expires_at
        .unwrap_or(tokens.requested_at + LIFE_UNLESS_SAID)
}

fn says_not_who() -> Error {
    Error::ServiceRefused("identity endpoint: it does not say who".to_owned())
}

fn tokens(answer: &TokenAnswer, started_at: Seconds) -> Tokens {
    Tokens {
        access_token: Secret::new(answer.access_token().secret().clone()),
        requested_at: started_at,
        expires_at: answer.life().map(|life| started_at + life),
        refresh_expires_at: answer.refresh_life().map(|life| started_at + life),
        refresh_token: answer
            .refresh_token()
            .map(|token| Secret::new(token.secret().clone())),
    }
}
