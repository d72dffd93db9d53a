//! How Latchkey proves which client it is, at each endpoint of the service that asks for it.

use std::mem::discriminant;

use serde_json::{Value, json};

use crate::clock::{Clock, Seconds};
use crate::error::Error;
use crate::outbound::Certificate;
use crate::random::Random;
use crate::secret::{Changing, Secret};

use super::discovery::Metadata;
use super::es256::{Named, PrivateKeys};
use super::known::ClientAuth;
use super::registration::{AssertionAudience, ProviderConfig};

/// How long an assertion is valid, in seconds: it is made for one request.
const ASSERTION_LIFE: Seconds = 60;
/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What proves which client this is.
#[derive(Clone)]
pub enum Credential {
    /// The client secret.
    Secret(Secret),
    /// Private keys for `private_key_jwt` (RFC 7523). Their public halves are published.
    Keys(PrivateKeys),
    /// A certificate for `tls_client_auth` (RFC 8705).
    Certificate(Certificate),
}

/// Proves which client this is.
pub(super) struct ClientProof {
    client_id: String,
    method: Option<ClientAuth>,
    audience: Option<AssertionAudience>,
    credential: Changing<Credential>,
    clock: Clock,
    random: Random,
}

impl ClientProof {
    pub(super) fn new(config: &ProviderConfig, clock: Clock, random: Random) -> Self {
        Self {
            client_id: config.client_id.clone(),
            method: config.client_auth,
            audience: config.assertion_audience,
            credential: Changing::new(config.credential.clone()),
            clock,
            random,
        }
    }

    /// Proves it with this from now on. One of another kind counts after a restart, as the method does.
    pub(super) fn change(&self, credential: Credential) -> bool {
        let is_same_kind = discriminant(&self.credential.now()) == discriminant(&credential);
        if is_same_kind {
            self.credential.change(credential);
        }
        is_same_kind
    }

    /// The client secret, if that is what proves it.
    pub(super) fn secret(&self) -> Option<Secret> {
        match self.credential.now() {
            Credential::Secret(secret) => Some(secret),
            Credential::Keys(_) | Credential::Certificate(_) => None,
        }
    }

    /// The public halves of the keys that sign assertions.
    pub(super) fn public_keys(&self) -> Vec<Value> {
        match self.credential.now() {
            Credential::Keys(keys) => keys.each().map(|key| key.published()).collect(),
            Credential::Secret(_) | Credential::Certificate(_) => Vec::new(),
        }
    }

    /// The fields of an assertion, if assertions prove it. Each is a new one: a service takes an assertion once.
    pub(super) fn assertion(
        &self,
        metadata: &Metadata,
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let Credential::Keys(keys) = self.credential.now() else {
            return Ok(Vec::new());
        };
        let now = self.clock.now();
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience(metadata),
            "jti": self.random.id(),
            "iat": now,
            "exp": now + ASSERTION_LIFE,
        });
        let key = keys.first();
        let assertion = key.sign("JWT", Named::ById, &claims)?;
        Ok(vec![
            ("client_assertion_type", ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion),
        ])
    }

    /// Whom an assertion is for. FAPI 2.0 takes the issuer and nothing else, some older services the address of the
    /// token endpoint and nothing else.
    fn audience<'a>(&self, metadata: &'a Metadata) -> &'a str {
        match (self.audience, &metadata.issuer) {
            (Some(AssertionAudience::TokenEndpoint), _) | (_, None) => metadata.token.as_str(),
            (_, Some(issuer)) => issuer,
        }
    }

    /// Adds the proof to a request with this form. The `oauth2` crate has done it for grants, except for
    /// [`ClientProof::assertion`].
    pub(super) fn prove(
        &self,
        metadata: &Metadata,
        request: reqwest::RequestBuilder,
        form: &mut Vec<(String, String)>,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let mut field = |name: &str, value: &str| {
            if !form.iter().any(|(present, _)| present == name) {
                form.push((name.to_owned(), value.to_owned()));
            }
        };
        match self.secret() {
            Some(_) if !metadata.secret_in_body => return Ok(self.basic(request)),
            Some(secret) => {
                field("client_id", &self.client_id);
                field("client_secret", secret.expose());
            }
            None => {
                field("client_id", &self.client_id);
                for (name, value) in self.assertion(metadata)? {
                    field(name, &value);
                }
            }
        }
        Ok(request)
    }

    /// Adds id and secret as HTTP Basic (RFC 6749, section 2.3.1): both are form-encoded before they become user and
    /// password.
    pub(super) fn basic(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        match self.secret() {
            Some(secret) => {
                request.basic_auth(encoded(&self.client_id), Some(encoded(secret.expose())))
            }
            None => request,
        }
    }

    /// Whether the service takes JSON instead of forms.
    pub(super) fn by_json(&self) -> bool {
        self.method == Some(ClientAuth::BasicJson)
    }
}
