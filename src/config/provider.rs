//! The service: what is known about it, overridden by the settings.

use url::Url;

use super::setting::Invalid;
use super::{ApiKeyFrom, Settings};
use crate::outbound::encode;
use crate::service::known::{Endpoints, Known};
use crate::service::registration::{ApiKeySource, ProviderConfig};

/// Reads the service's settings. The rules have been checked.
pub(super) fn read(
    s: &Settings,
    known: &'static Known,
    loopback: bool,
) -> Result<ProviderConfig, Invalid> {
    let client_id = s.provider_client_id.value()?;
    // The issuer stays as given, because it is compared as text with the issuer in the metadata.
    let issuer = s.provider_issuer.peek().map(|url| url.text().to_owned());
    s.provider_issuer.url(loopback)?;
    let api_key_url = s.api_key_url.url(loopback)?;
    let mut config = ProviderConfig {
        known,
        name: match s.provider_name.get()? {
            Some(name) => name,
            None => known.name.unwrap_or_default().to_owned(),
        },
        issuer,
        authorize_url: s.provider_authorize_url.url(loopback)?,
        token_url: s.provider_token_url.url(loopback)?,
        revoke_url: s.provider_revoke_url.url(loopback)?,
        identity_url: s.provider_identity_url.url(loopback)?,
        client_id,
        client_secret: s.provider_client_secret.value()?,
        client_auth: match s.provider_client_auth.get()? {
            Some(given) => Some(given.0),
            None => known.client_auth.value,
        },
        scopes: match s.provider_scopes.get()? {
            Some(scopes) => scopes,
            None => known.scopes.value.default.to_owned(),
        },
        api_key: match (s.api_key_from.value()?.0, api_key_url) {
            (ApiKeyFrom::Endpoint, Some(url)) => ApiKeySource::Endpoint(url),
            (ApiKeyFrom::Minted, _) => ApiKeySource::Minted,
            // The rules require a URL for the endpoint.
            (ApiKeyFrom::AccessToken | ApiKeyFrom::Endpoint, _) => ApiKeySource::AccessToken,
        },
        grant_idle: match s.provider_grant_idle.get()? {
            Some(idle) => Some(idle.0),
            None => known.grant_idle.value,
        },
        grant_life: match s.provider_grant_life.get()? {
            Some(life) => Some(life.0),
            None => known.grant_life.value,
        },
    };
    fill_in(&mut config);
    Ok(config)
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
