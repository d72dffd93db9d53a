//! The service: what is known about it, overridden by the settings.

use url::Url;

use super::setting::{Invalid, Problem};
use super::wrong::{Reading, Wrong, each_field};
use super::{ApiKeyFrom, Settings};
use crate::error::ShouldBe;
use crate::outbound::encode;
use crate::service::client_auth::Credential;
use crate::service::known::{ClientAuth, Endpoints, Known};
use crate::service::registration::{ApiKeySource, Parameters, ProviderConfig};

/// Reads the service's settings. The rules have been checked.
pub(super) fn read(
    s: &Settings,
    service: &'static Known,
    loopback: bool,
) -> Result<ProviderConfig, Wrong> {
    let mut reading = Reading::nothing();
    let config = each_field!(
        reading,
        ProviderConfig {
            known: Ok::<_, Invalid>(service),
            name: s.provider_name.or(service.name.unwrap_or_default()),
            // The issuer stays as given, because it is compared as text with the issuer in the metadata.
            issuer: s
                .provider_issuer
                .url(loopback)
                .map(|_| s.provider_issuer.peek().map(|url| url.text().to_owned())),
            authorize_url: s.provider_authorize_url.url(loopback),
            token_url: s.provider_token_url.url(loopback),
            revoke_url: s.provider_revoke_url.url(loopback),
            identity_url: s.provider_identity_url.url(loopback),
            client_id: s.provider_client_id.value(),
            pushed_requests_url: s.provider_par_url.url(loopback),
            credential: credential(s, service),
            client_auth: client_auth(s, service),
            assertion_audience: s
                .provider_client_audience
                .get()
                .map(|given| given.map(|given| given.0)),
            dpop_key: s.provider_dpop_key.get(),
            resources: s.provider_resource.get().map(Option::unwrap_or_default),
            authorize_parameters: authorize_parameters(s, service),
            scopes: s.provider_scopes.or(service.scopes.value.default),
            api_key: api_key(s, loopback),
            grant_idle: s
                .provider_grant_idle
                .get()
                .map(|idle| idle.map(|idle| idle.0).or(service.grant_idle.value)),
            grant_life: s
                .provider_grant_life
                .get()
                .map(|life| life.map(|life| life.0).or(service.grant_life.value)),
        }
    );
    let mut config = reading.end(config)?;
    fill_in(&mut config);
    Ok(config)
}

fn client_auth(s: &Settings, service: &Known) -> Result<Option<ClientAuth>, Invalid> {
    let given = s.provider_client_auth.get()?;
    Ok(given.map(|given| given.0).or(service.client_auth.value))
}

/// A service may call its scopes otherwise than the standard, which reserves the name.
fn authorize_parameters(s: &Settings, service: &Known) -> Result<Parameters, Invalid> {
    let given = s.provider_authorize_params.get()?.unwrap_or_default();
    let scopes = service.scopes.value.parameter;
    match given.names(scopes) {
        true => Err(Invalid::new(
            s.provider_authorize_params.name(),
            Problem::Unfit,
            ShouldBe::new(format!(
                "without `{scopes}`, which LATCHKEY_PROVIDER_SCOPES sets"
            )),
        )),
        false => Ok(given),
    }
}

/// What the method needs. The rules require it.
fn credential(s: &Settings, service: &Known) -> Result<Credential, Invalid> {
    // What is malformed is told, whether it is of use or not.
    s.provider_client_key.get()?;
    s.provider_client_certificate.get()?;
    Ok(match client_auth(s, service)? {
        Some(ClientAuth::PrivateKeyJwt) => Credential::Keys(s.provider_client_key.value()?),
        Some(ClientAuth::Tls) => Credential::Certificate(s.provider_client_certificate.value()?),
        Some(ClientAuth::Basic | ClientAuth::Body | ClientAuth::BasicJson) | None => {
            if s.has_other_proof() {
                s.provider_client_auth.value()?;
            }
            Credential::Secret(s.provider_client_secret.value()?)
        }
    })
}

fn api_key(s: &Settings, loopback: bool) -> Result<ApiKeySource, Invalid> {
    let url = s.api_key_url.url(loopback)?;
    Ok(match (s.api_key_from.value()?.0, url) {
        (ApiKeyFrom::Endpoint, Some(url)) => ApiKeySource::Endpoint(url),
        (ApiKeyFrom::Minted, _) => ApiKeySource::Minted,
        // The rules require a URL for the endpoint.
        (ApiKeyFrom::AccessToken | ApiKeyFrom::Endpoint, _) => ApiKeySource::AccessToken,
    })
}

/// Adds the known endpoints for those that were not set.
fn fill_in(config: &mut ProviderConfig) {
    match config.known.endpoints.value {
        Endpoints::Discovery { issuer, .. } => {
            config.issuer = config.issuer.take().or(issuer.map(str::to_owned));
        }
        Endpoints::Fixed {
            authorize,
            token,
            identity,
            revoke,
        } => {
            let id = encode(&config.client_id);
            let url_of = |template: &str| Url::parse(&template.replace("{client_id}", &id)).ok();
            config.authorize_url = config.authorize_url.take().or_else(|| url_of(authorize));
            config.token_url = config.token_url.take().or_else(|| url_of(token));
            config.identity_url = config.identity_url.take().or_else(|| url_of(identity));
            config.revoke_url = config.revoke_url.take().or_else(|| url_of(revoke?));
        }
    }
}
