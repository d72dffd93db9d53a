//! How requests to the service's endpoints leave: with the client certificate, where that proves which client this
//! is, and with DPoP proofs, where tokens are bound to a key.

use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::outbound::{Answer, Failure, Outbound, SIZE_LIMIT};
use crate::random::Random;
use crate::secret::{Changing, Secret};

use super::client_auth::{ClientProof, Credential};
use super::dpop::{Dpop, PROOF};
use super::registration::ProviderConfig;

/// Sends requests to the service.
pub(super) struct Calls {
    /// The HTTP client for what needs no proof, such as metadata.
    pub(super) plain: Outbound,
    /// The same with the client certificate, if there is one.
    certified: Changing<Option<Outbound>>,
    pub(super) client: ClientProof,
    pub(super) dpop: Option<Dpop>,
}

impl Calls {
    pub(super) fn new(
        config: &ProviderConfig,
        http: Outbound,
        clock: &Clock,
        random: &Random,
    ) -> Self {
        Self {
            certified: Changing::new(certified(&http, &config.credential)),
            plain: http,
            client: ClientProof::new(config, clock.clone(), random.clone()),
            dpop: config
                .dpop_key
                .clone()
                .map(|key| Dpop::new(key, clock.clone(), random.clone())),
        }
    }

    /// Proves with this from now on which client this is.
    pub(super) fn change_credential(&self, credential: &Credential) {
        if self.client.change(credential.clone()) {
            self.certified.change(certified(&self.plain, credential));
        }
    }

    /// The HTTP client for the service's endpoints.
    pub(super) fn http(&self) -> Outbound {
        self.certified.now().unwrap_or_else(|| self.plain.clone())
    }

    /// The public halves of the keys that sign assertions.
    pub(super) fn public_keys(&self) -> Vec<Value> {
        self.client.public_keys()
    }

    /// Sends a request with an access token: as bearer token, or with a proof that it is ours (RFC 9449, section 7).
    pub(super) async fn with_token(
        &self,
        access_token: &Secret,
        (method, url): (http::Method, &Url),
        complete: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Answer, Failure> {
        let http = self.http();
        let request = || complete(http.client().request(method.clone(), url.clone()));
        let Some(dpop) = &self.dpop else {
            let request = request().bearer_auth(access_token.expose());
            return http.send(request, SIZE_LIMIT).await;
        };
        let bound = || {
            let proof = dpop.proof(&method, url, Some(access_token));
            let proof = proof.map_err(|error| Failure::NotSent(error.to_string()))?;
            let scheme = format!("DPoP {}", access_token.expose());
            Ok(request()
                .header(http::header::AUTHORIZATION, scheme)
                .header(PROOF, proof))
        };
        let mut answer = http.send(bound()?, SIZE_LIMIT).await?;
        if dpop.asks_again(url, &answer) {
            answer = http.send(bound()?, SIZE_LIMIT).await?;
            // The next request may need another one.
            dpop.asks_again(url, &answer);
        }
        Ok(answer)
    }
}

/// The HTTP client with the certificate, if that is the credential. The settings have been checked, so it can be made;
/// without it the service refuses this client, which says more than a process that does not start.
fn certified(http: &Outbound, credential: &Credential) -> Option<Outbound> {
    let Credential::Certificate(certificate) = credential else {
        return None;
    };
    match http.certified(certificate) {
        Ok(certified) => Some(certified),
        Err(error) => {
            tracing::error!(%error, "the client certificate cannot be used");
            None
        }
    }
}
