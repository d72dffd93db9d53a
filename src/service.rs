//! Everything that knows the service, and the one path to it.
//!
//! Every token request needs a [`Pass`]: the gate admitted it, as one of all requests or as the single probe,
//! and it has a place within the rate limit. Its outcome is told to all replicas. So no caller can leave a
//! step out.
//!
//! [`known`] lists as data how services differ from the standards.

pub mod answers;
mod authorizing;
mod calls;
pub mod client_auth;
pub mod discovery;
mod dpop;
pub mod es256;
pub mod failures;
pub mod habits;
pub mod id_token;
mod key_endpoint;
pub mod known;
mod misfits;
pub mod pace;
pub mod provider;
pub mod registration;
mod rests;
mod revoking;
pub mod token_response;
mod transport;

use serde_json::Value;

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::gate::{Closed, Probe, Report, SharedGate, Stance, Witness};
use crate::grant::Lives;
use crate::model::{ApiKey, ClientKey, Identity, RevocableToken, Tokens};
use crate::secret::Secret;
use crate::store::Store;

use client_auth::Credential;
use failures::{KeyEndpointError, RedeemError, RefreshError, RevokeError};
use known::Known;
use pace::ServicePace;
use provider::{CallbackQuery, Provider};

/// The service, for the rest of the crate.
pub struct Service {
    provider: Provider,
    gate: SharedGate,
    pace: ServicePace,
}

/// The right to send one token request of a renewal.
#[derive(Debug)]
#[must_use = "a pass that is not used has to be given back: it may be the only probe"]
pub struct Pass {
    witness: Witness,
    probe: Option<Probe>,
}

/// The right to send one token request for a person. What comes of it tells nothing about others: a person may
/// bring a code that makes the service fail.
#[derive(Debug)]
pub struct PersonsPass(());

/// Whose key is made.
#[derive(Debug)]
pub enum KeyFor {
    /// The first key of a person who has just connected.
    Person,
    /// A renewal's, perhaps the probe.
    Renewal(Witness, Option<Probe>),
}

/// What came of a refresh.
pub struct Refreshed {
    /// The service's answer.
    pub answer: Result<Tokens, RefreshError>,
    /// What other replicas must be told.
    pub news: News,
}

/// How a token request ended, as far as it concerns other requests. A renewal reports it after storing the
/// answer: a report that fails must not keep the answer from being written.
#[derive(Debug)]
#[must_use = "all others wait for it: Service::tell"]
pub struct News {
    report: Report,
    pass: Pass,
}

impl News {
    /// Whether the request was the probe that tests whether the service is back.
    #[must_use]
    pub fn is_of_probe(&self) -> bool {
        self.pass.probe.is_some()
    }
}

impl Service {
    /// The service that `provider` talks to, with at most `rate` token requests per second. None: no limit.
    #[must_use]
    pub fn new(provider: Provider, rate: Option<u32>, store: Store, clock: Clock) -> Self {
        Self {
            provider,
            gate: SharedGate::of_service(store.clone(), clock.clone()),
            pace: ServicePace::new(rate, store, clock),
        }
    }

    /// The gate in front of all token requests.
    #[must_use]
    pub fn gate(&self) -> &SharedGate {
        &self.gate
    }

    /// How many renewals may run at once so that none waits too long for its place.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.pace.at_once()
    }

    /// A pass for a request that a person waits for, or that ends what they had.
    ///
    /// # Errors
    /// [`Error::ServiceUnreachable`] while the gate is closed, and when the store is unavailable.
    pub async fn admit_person(&self) -> Result<PersonsPass, Error> {
        self.gate.admit_person().await.map(PersonsPass)
    }

    /// Waits for a renewal's place and returns a pass. None while the gate is closed to all but `probe`, the
    /// tenant's links rest, or all places within the longest wait are taken.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn admit_renewal(
        &self,
        witness: Witness,
        probe: Option<Probe>,
    ) -> Result<Option<Pass>, Error> {
        if !self.may_be_asked(&witness.tenant, probe) {
            return Ok(None);
        }
        let pass = Pass { witness, probe };
        Ok(self.pace.pass().await?.then_some(pass))
    }

    /// Whether a renewal of this tenant with this probe, or with none, may send a request now.
    #[must_use]
    pub fn may_be_asked(&self, tenant: &ClientKey, probe: Option<Probe>) -> bool {
        let open = self.gate.stance() == Stance::Open;
        probe.is_some() || (open && self.gate.rests_until(tenant) <= self.gate.now())
    }

    /// When renewals of this tenant may send requests, as far as this process knows. In the past if they may.
    #[must_use]
    pub fn opens_at(&self, tenant: &ClientKey) -> Seconds {
        self.gate.opens_at().max(self.gate.rests_until(tenant))
    }

    /// Redeems a code for a person who waits; renewals make room. Database failures are only logged: they
    /// must not lose the tokens that the service gives.
    ///
    /// # Errors
    /// Why there is no account, with the tokens that must be revoked even so.
    pub async fn redeem(
        &self,
        _pass: PersonsPass,
        code: &Secret,
        code_verifier: &Secret,
        nonce: &Secret,
    ) -> Result<(Identity, Tokens), RedeemError> {
        if let Err(error) = self.pace.make_room().await {
            tracing::warn!(%error, "a token request could not reserve its place among all replicas");
        }
        self.provider.redeem(code, code_verifier, nonce).await
    }

    /// Sends a refresh token. The caller has written its intent, and does not cancel this.
    pub async fn refresh(&self, pass: Pass, refresh_token: &Secret) -> Refreshed {
        let answer = self.provider.refresh(refresh_token).await;
        let report = match &answer {
            Ok(_) => Report::Answered,
            Err(error) => error.report(),
        };
        let news = News { report, pass };
        Refreshed { answer, news }
    }

    /// Fetches the metadata if needed, so that the refresh sends one request and no more.
    ///
    /// # Errors
    /// When discovery fails: the refresh was not sent, and the outcome is still to be told.
    pub async fn prepare(&self, pass: Pass) -> Result<Pass, (RefreshError, News)> {
        match self.provider.prepare().await {
            Ok(()) => Ok(pass),
            Err(error) => {
                let error = RefreshError::NotSent(error.to_string());
                let news = News {
                    report: error.report(),
                    pass,
                };
                Err((error, news))
            }
        }
    }

    /// Tells all replicas how a token request ended. Returns what is closed now, if that changed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tell(&self, news: News) -> Result<Option<Closed>, Error> {
        let Pass { witness, probe } = &news.pass;
        self.gate.ended(news.report, witness, *probe).await
    }

    /// Spends a refresh token that is about to be revoked to get a last access token.
    ///
    /// # Errors
    /// When the store is unavailable or the gate is closed. The inner error says why there is no token.
    pub async fn last_tokens(
        &self,
        refresh_token: &Secret,
    ) -> Result<Result<Tokens, RefreshError>, Error> {
        let PersonsPass(()) = self.admit_person().await?;
        self.pace.make_room().await?;
        Ok(self.provider.refresh(refresh_token).await)
    }

    /// Asks the key endpoint for a key.
    ///
    /// # Errors
    /// When the store is unavailable. The inner error says why there is no key.
    pub async fn new_key(
        &self,
        tokens: &Tokens,
        now: Seconds,
        by: KeyFor,
    ) -> Result<Result<ApiKey, KeyEndpointError>, Error> {
        let (witness, probe) = match by {
            KeyFor::Person => (None, None),
            KeyFor::Renewal(witness, probe) => (Some(witness), probe),
        };
        let opens_at = match &witness {
            Some(witness) => self.opens_at(&witness.tenant),
            None => self.gate.opens_at(),
        };
        if opens_at > now && probe.is_none() {
            return Ok(Err(KeyEndpointError::LeftAlone));
        }
        let made = self.provider.api_key(tokens).await;
        if let (Err(KeyEndpointError::Wait { seconds }), Some(witness)) = (&made, witness) {
            self.gate
                .ended(Report::Wait(*seconds), &witness, probe)
                .await?;
        }
        Ok(made)
    }
}

/// Calls that need no pass: none of them spends a code or a refresh token.
impl Service {
    /// Its name as people know it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.provider.name()
    }

    /// The scopes that people are asked for.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        self.provider.scopes()
    }

    /// See [`Provider::change_credential`].
    pub fn change_credential(&self, credential: &Credential) {
        self.provider.change_credential(credential);
    }

    /// See [`Provider::client_keys`].
    #[must_use]
    pub fn client_keys(&self) -> Vec<Value> {
        self.provider.client_keys()
    }

    /// How this service differs from the standards.
    #[must_use]
    pub fn known(&self) -> &'static Known {
        self.provider.known()
    }

    /// How long grants last, as far as the operator set it.
    #[must_use]
    pub fn grant_lives(&self) -> Lives {
        self.provider.grant_lives()
    }

    /// Whether API keys differ from access tokens: the key endpoint issues them, or Latchkey signs them.
    #[must_use]
    pub fn makes_keys(&self) -> bool {
        self.provider.makes_keys()
    }

    /// The access token as API key.
    #[must_use]
    pub fn token_as_key(&self, tokens: &Tokens) -> ApiKey {
        self.provider.token_as_key(tokens)
    }

    /// See [`Provider::addresses`].
    pub async fn addresses(&self) -> Result<Vec<(&'static str, String)>, Error> {
        self.provider.addresses().await
    }

    /// See [`Provider::lets_choose`].
    pub async fn lets_choose(&self) -> Result<bool, Error> {
        self.provider.lets_choose().await
    }

    /// See [`Provider::authorize_url`].
    pub async fn authorize_url(
        &self,
        state: &Secret,
        nonce: &Secret,
        code_verifier: &Secret,
        choose: bool,
    ) -> Result<String, Error> {
        self.provider
            .authorize_url(state, nonce, code_verifier, choose)
            .await
    }

    /// See [`Provider::check_issuer`].
    pub async fn check_issuer(&self, callback: &CallbackQuery) -> Result<(), Error> {
        self.provider.check_issuer(callback).await
    }

    /// See [`Provider::revoke`].
    pub async fn revoke(&self, token: &RevocableToken) -> Result<(), RevokeError> {
        self.provider.revoke(token).await
    }

    /// See [`Provider::ends_access_tokens`].
    #[must_use]
    pub fn ends_access_tokens(&self) -> bool {
        self.provider.ends_access_tokens()
    }

    /// See [`Provider::spends`].
    #[must_use]
    pub fn spends(&self, token: &RevocableToken) -> bool {
        self.provider.spends(token)
    }

    /// See [`Provider::delete_grant`].
    pub async fn delete_grant(&self, access_token: &Secret) -> Result<(), RevokeError> {
        self.provider.delete_grant(access_token).await
    }

    /// See [`Provider::delete_key`].
    pub async fn delete_key(&self, id: &str, access_token: &Secret) -> Result<(), RevokeError> {
        self.provider.delete_key(id, access_token).await
    }
}
