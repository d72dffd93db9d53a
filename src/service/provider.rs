//! The service: authorize address, code to tokens, refresh, revoke, identity, API key.
//!
//! OpenID Connect by discovery, or plain OAuth 2.0 with its endpoints as settings. The grants are
//! built by the `oauth2` crate and sent by `transport`. [`known`](super::known) lists as data how each service
//! differs from the standards; the code here acts on those habits and names no service.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError,
    Scope, StandardRevocableToken, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::error::{Error, printable};
use crate::grant::Lives;
use crate::model::{ApiKey, Identity, RevocableToken, Tokens};
use crate::outbound::{Answer, Failure, LONGEST_WAIT, Outbound, SIZE_LIMIT, encode};
use crate::secret::{Changing, Secret};

use super::answers;
use super::discovery::Metadata;
use super::failures::{
    Brought, KeyEndpointError, RedeemError, RefreshError, RevokeError, came_back, refused_code,
    tokens_in,
};
use super::habits::{self, Revoked};
use super::id_token::{self, Expected, IdClaims, IdTokenError};
use super::known::{ClientAuth, Ends, IdentityFrom, Known, Means, RevokedBy};
use super::registration::{ApiKeySource, ProviderConfig};
use super::token_response::TokenAnswer;
use super::transport::{SendError, Transport};
use crate::key_set::{KeySet, Signed};
use crate::lenient;

/// How long the service's metadata is used before it is fetched again, in seconds.
const METADATA_FRESH_FOR: Seconds = 3600;
/// How long metadata that is too old is used after another could not be fetched, in seconds.
const METADATA_AGAIN_AFTER: Seconds = 10;
/// The life assumed for a key whose expiry the service does not give.
const LIFE_UNLESS_SAID: Seconds = 3600;

type OAuthClient = oauth2::Client<
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
    config: ProviderConfig,
    client_secret: Changing<Secret>,
    redirect_uri: String,
    http: Outbound,
    clock: Clock,
    loopback_http: bool,
    metadata: Mutex<Discovery>,
    key_set: KeySet,
    discovery_rests: Rest,
    identity_rests: Rest,
    revocation_rests: Rest,
}

/// The metadata, cached.
#[derive(Default)]
struct Discovery {
    found: Option<Metadata>,
    /// Until when it is used without another look.
    fresh_until: Seconds,
}

/// Until when an endpoint asks not to be called, as far as this process knows.
#[derive(Debug, Default)]
struct Rest(AtomicI64);

impl Rest {
    /// How long it is still left alone. None: it may be called. A clock that was ahead for a moment does not
    /// make it longer.
    fn left(&self, now: Seconds) -> Option<Seconds> {
        let left = self.0.load(Ordering::SeqCst).saturating_sub(now);
        (1..=LONGEST_WAIT).contains(&left).then_some(left)
    }

    /// Obeys an answer that is no success. Returns for how long it asks.
    fn obey(&self, answer: &Answer, now: Seconds) -> Option<Seconds> {
        let asked = answer.retry_after(now)?;
        self.0.store(now + asked, Ordering::SeqCst);
        Some(asked)
    }
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
    ) -> Self {
        Self {
            client_secret: Changing::new(config.client_secret.clone()),
            config,
            redirect_uri,
            key_set: KeySet::new(clock.clone()),
            http,
            clock,
            loopback_http,
            metadata: Mutex::default(),
            discovery_rests: Rest::default(),
            identity_rests: Rest::default(),
            revocation_rests: Rest::default(),
        }
    }

    /// The service's name as people know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Authenticates with this secret from now on.
    pub fn change_client_secret(&self, secret: Secret) {
        self.client_secret.change(secret);
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

    fn cached_metadata(&self) -> MutexGuard<'_, Discovery> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn metadata(&self) -> Result<Metadata, Error> {
        let now = self.clock.now();
        let before = {
            let cached = self.cached_metadata();
            let fresh = (now + 1..=now + METADATA_FRESH_FOR).contains(&cached.fresh_until);
            match &cached.found {
                Some(metadata) if fresh => return Ok(metadata.clone()),
                found => found.clone(),
            }
        };
        match (self.discover().await, before) {
            (Ok(metadata), _) => {
                let mut cached = self.cached_metadata();
                cached.found = Some(metadata.clone());
                cached.fresh_until = now + METADATA_FRESH_FOR;
                Ok(metadata)
            }
            // An hour-old answer is better than failing every renewal.
            (Err(error), Some(metadata)) => {
                tracing::warn!(%error, "discovery failed; using the endpoints from before");
                let mut cached = self.cached_metadata();
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
                jwks: None,
                announces_iss: false,
                secret_in_body: config.client_auth == Some(ClientAuth::Body),
                choose_prompt: None,
            });
        };
        let address = metadata_address(issuer);
        let unreachable = |why: &dyn std::fmt::Display| {
            Error::ServiceUnreachable(format!(
                "discovery at {address} (LATCHKEY_PROVIDER_ISSUER): {why}"
            ))
        };
        if self.discovery_rests.left(self.clock.now()).is_some() {
            return Err(unreachable(&"it asks to wait"));
        }
        let answer = self.http.get(&address, SIZE_LIMIT).await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        if !answer.status.is_success() {
            self.discovery_rests.obey(&answer, self.clock.now());
            return Err(unreachable(&answer.status));
        }
        Metadata::read(&answer.body, issuer, config, self.loopback_http)
    }

    fn client(&self, metadata: &Metadata) -> Result<OAuthClient, Error> {
        let internal = |_| Error::Internal("an address of the service is malformed".to_owned());
        let redirect = RedirectUrl::new(self.redirect_uri.clone()).map_err(internal)?;
        Ok(
            oauth2::Client::new(ClientId::new(self.config.client_id.clone()))
                .set_client_secret(ClientSecret::new(
                    self.client_secret.now().expose().to_owned(),
                ))
                .set_auth_type(if metadata.secret_in_body {
                    AuthType::RequestBody
                } else {
                    AuthType::BasicAuth
                })
                .set_auth_uri(AuthUrl::from_url(metadata.authorize.clone()))
                .set_token_uri(TokenUrl::from_url(metadata.token.clone()))
                .set_redirect_uri(redirect),
        )
    }

    /// Whether the service can let a person choose another account than the one they are logged in to.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] and [`Error::ServiceRefused`], when discovery fails.
    pub async fn lets_choose(&self) -> Result<bool, Error> {
        Ok(self.choosing(&self.metadata().await?).is_some())
    }

    /// The parameter that asks for it: from what is known of the service, or else from its metadata.
    fn choosing(&self, metadata: &Metadata) -> Option<(&'static str, &'static str)> {
        let announced = metadata.choose_prompt.map(|value| ("prompt", value));
        self.known().choose.value.or(announced)
    }

    /// Where the person logs in: authorization code with PKCE S256, `state`, and `nonce` for OpenID
    /// Connect. With `choose`, the service asks which account to use if it can.
    pub async fn authorize_url(
        &self,
        state: &Secret,
        nonce: &Secret,
        code_verifier: &Secret,
        choose: bool,
    ) -> Result<String, Error> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(
            code_verifier.expose().to_owned(),
        ));
        let mut request = client.authorize_url(|| CsrfToken::new(state.expose().to_owned()));
        if self.known().pkce.value {
            request = request.set_pkce_challenge(challenge);
        }
        let how = self.known().scopes.value;
        let scopes = self.scopes();
        if (how.parameter, how.separator) == ("scope", " ") {
            request =
                request.add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        } else if !scopes.is_empty() {
            request = request.add_extra_param(how.parameter, scopes.join(how.separator));
        }
        if scopes.contains(&"openid") {
            request = request.add_extra_param("nonce", nonce.expose().to_owned());
        }
        let choosing = self.choosing(&metadata).filter(|_| choose);
        for (name, value) in self.parameters(&scopes, choosing) {
            request = request.add_extra_param(name, value);
        }
        let (url, _) = request.url();
        Ok(url.into())
    }

    pub(crate) fn scopes(&self) -> Vec<&str> {
        let commas = self.known().scopes.value.separator == ",";
        self.config
            .scopes
            .split(|c: char| c.is_whitespace() || (commas && c == ','))
            .filter(|scope| !scope.is_empty())
            .collect()
    }

    /// The parameters of the authorization request that this service needs besides the standard ones.
    fn parameters(
        &self,
        scopes: &[&str],
        choosing: Option<(&'static str, &'static str)>,
    ) -> Vec<(&'static str, String)> {
        let wanted = self.known().authorize.value.iter();
        let mut parameters: Vec<(&str, String)> = wanted
            .filter(|parameter| {
                let scope = parameter.with_scope;
                scope.is_none_or(|scope| scopes.contains(&scope))
            })
            .map(|parameter| (parameter.name, parameter.value.to_owned()))
            .collect();
        if let Some((name, value)) = choosing {
            // OpenID Connect Core 1.0, section 3.1.2.1: `prompt` is a list.
            match parameters.iter_mut().find(|(present, _)| *present == name) {
                Some((_, already)) if already == value => {}
                Some((_, already)) => *already = format!("{value} {already}"),
                None => parameters.push((name, value.to_owned())),
            }
        }
        parameters
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
        let http = self.transport();
        let mut request = client.exchange_code(AuthorizationCode::new(code.expose().to_owned()));
        if self.known().pkce.value {
            request =
                request.set_pkce_verifier(PkceCodeVerifier::new(code_verifier.expose().to_owned()));
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
        let key_set =
            async |token: &Signed<'_>| self.key_set.signed(&self.http, jwks.as_str(), token).await;
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
        let client = self.http.client();
        let mut request = match from {
            IdentityFrom::Api {
                post: Some(body), ..
            } => {
                let request = client.post(url.clone()).body(*body);
                match body.is_empty() {
                    true => request,
                    false => request.header(http::header::CONTENT_TYPE, "application/json"),
                }
            }
            _ => client.get(url.clone()),
        };
        request = request
            .bearer_auth(tokens.access_token.expose())
            .header(http::header::ACCEPT, "application/json");
        for (name, value) in self.known().headers {
            request = request.header(*name, *value);
        }
        let answer = self
            .http
            .send(request, SIZE_LIMIT)
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
        let http = self.transport();
        let refresh_token = RefreshToken::new(refresh_token.expose().to_owned());
        let mut request = client.exchange_refresh_token(&refresh_token);
        if how.redirect_uri {
            request = request.add_extra_param("redirect_uri", self.redirect_uri.clone());
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
        let request = self
            .http
            .client()
            .post(url.clone())
            .bearer_auth(tokens.access_token.expose())
            .header(http::header::ACCEPT, "application/json");
        let answer = self
            .http
            .send(request, SIZE_LIMIT)
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
        let client = self.http.client();
        let secret = token.token.expose();
        let request = match self.known().revocation.value.by {
            RevokedBy::RefreshTokensOnly if !token.refresh => return Ok(()),
            RevokedBy::Standard | RevokedBy::RefreshTokensOnly | RevokedBy::Nothing => {
                self.standard_revocation(&metadata, url, token)
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
        let answer = self.http.send(request, SIZE_LIMIT).await?;
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
    ) -> reqwest::RequestBuilder {
        let secret = token.token.expose();
        let client_secret = self.client_secret.now();
        let mut form = vec![("token", secret), ("token_type_hint", hint(token))];
        let request = self.http.client().post(url);
        if metadata.secret_in_body {
            form.push(("client_id", &self.config.client_id));
            form.push(("client_secret", client_secret.expose()));
            return request.form(&form);
        }
        let request = self.basic(request);
        match self.config.client_auth {
            // These services check the body against a schema: no `token_type_hint`.
            Some(ClientAuth::BasicJson) => request.json(&serde_json::json!({ "token": secret })),
            _ => request.form(&form),
        }
    }

    fn deletion(&self, url: Url, access_token: &Secret) -> reqwest::RequestBuilder {
        let body = serde_json::json!({ "access_token": access_token.expose() });
        self.basic(self.http.client().delete(url)).json(&body)
    }

    fn basic(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        // RFC 6749 section 2.3.1: both are form-encoded before they become user and password.
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        request.basic_auth(
            encoded(&self.config.client_id),
            Some(encoded(self.client_secret.now().expose())),
        )
    }

    fn transport(&self) -> Transport<'_> {
        Transport {
            http: &self.http,
            clock: &self.clock,
            known: self.known(),
            json: self.config.client_auth == Some(ClientAuth::BasicJson),
        }
    }

    /// Deletes a key at the key endpoint. A key that is already gone counts as deleted.
    pub async fn delete_key(&self, id: &str, access_token: &Secret) -> Result<(), RevokeError> {
        let ApiKeySource::Endpoint(url) = &self.config.api_key else {
            return Ok(());
        };
        let address = format!("{}/{}", url.as_str().trim_end_matches('/'), encode(id));
        let request = self
            .http
            .client()
            .delete(address)
            .bearer_auth(access_token.expose());
        let answer = self.http.send(request, SIZE_LIMIT).await?;
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

/// OpenID Connect Discovery 1.0, section 4.
/// Where an issuer has its metadata.
#[must_use]
pub fn metadata_address(issuer: &str) -> String {
    format!(
        "{}/.well-known/openid-configuration",
        issuer.strip_suffix('/').unwrap_or(issuer)
    )
}

/// RFC 7009 section 2.1.
fn hint(token: &RevocableToken) -> &'static str {
    if token.refresh {
        "refresh_token"
    } else {
        "access_token"
    }
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
