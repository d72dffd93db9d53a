//! Which settings must be given, and which may not, depending on others.

use super::setting::{Invalid, Problem, Setting};
use super::{ApiKeyFrom, PropertyHolds, Settings};
use crate::atlassian::connect::Switch;
use crate::error::ShouldBe;
use crate::otlp::CollectorUrl;
use crate::service::known::{ClientAuth, Endpoints, Known, OIDC};
use crate::vault::SealingKeys;

/// A row of the table.
struct Rule<'a> {
    setting: &'a str,
    broken: bool,
    problem: Problem,
    should_be: &'static str,
}

fn needed<'a, T: Clone>(setting: &'a Setting<T>, when: bool, should_be: &'static str) -> Rule<'a> {
    Rule {
        setting: setting.name(),
        broken: when && !setting.is_given(),
        problem: Problem::Missing,
        should_be,
    }
}

fn useless<'a, T: Clone>(setting: &'a Setting<T>, when: bool, should_be: &'static str) -> Rule<'a> {
    Rule {
        setting: setting.name(),
        broken: when && setting.is_given(),
        problem: Problem::Useless,
        should_be,
    }
}

const ALWAYS: bool = true;

fn sealing_keys(s: &Settings) -> Rule<'_> {
    needed(&s.sealing_keys, ALWAYS, SealingKeys::SHOULD_BE)
}

/// Checks the only rule for a command that uses only the database.
pub(super) fn broken_of_upkeep(s: &Settings) -> Vec<Invalid> {
    broken([sealing_keys(s)])
}

/// All rules that are broken. `known` is none if it is not clear which service is meant: then nothing is said
/// about what it needs.
pub(super) fn all_broken(s: &Settings, known: Option<&Known>) -> Vec<Invalid> {
    let is_clear = known.is_some();
    let known = known.unwrap_or(&OIDC);
    let (fixed, default_issuer) = match known.endpoints.value {
        Endpoints::Fixed { .. } => (true, false),
        Endpoints::Discovery { issuer, .. } => (false, issuer.is_some()),
    };
    let no_discovery = is_clear && !fixed && !default_issuer && !s.provider_issuer.is_given();
    let no_endpoint = !s.provider_authorize_url.is_given()
        && !s.provider_token_url.is_given()
        && !s.provider_identity_url.is_given();
    let from = |from| s.api_key_from.peek().is_some_and(|given| given.0 == from);
    let sealed = s.property.peek().map(|given| given.0) == Some(PropertyHolds::Sealed);
    // None stands for a client secret.
    let by = |method: Option<ClientAuth>| {
        let given = s.provider_client_auth.peek().map(|given| given.0);
        let without_secret = |auth| matches!(auth, ClientAuth::PrivateKeyJwt | ClientAuth::Tls);
        given.filter(|auth| without_secret(*auth)) == method
    };
    let has_other_proof = s.has_other_proof();
    const OR_ISSUER: &str =
        "a URL of the service, or LATCHKEY_PROVIDER_ISSUER should be given for discovery";
    #[rustfmt::skip]
    let rules = [
        needed(&s.base_url, ALWAYS, "the public https URL of this app, like https://latchkey.example.com"),
        sealing_keys(s),
        needed(&s.provider_name, is_clear && known.name.is_none(), "the name of the service as people know it"),
        needed(&s.provider_issuer, no_discovery && no_endpoint, "the OpenID Connect issuer of the service, or the endpoints should be given one by one"),
        needed(&s.provider_authorize_url, no_discovery && !no_endpoint, OR_ISSUER),
        needed(&s.provider_token_url, no_discovery && !no_endpoint, OR_ISSUER),
        needed(&s.provider_identity_url, no_discovery && !no_endpoint, OR_ISSUER),
        // Discovery would find nothing there, and the endpoints of the table would be ignored.
        useless(&s.provider_issuer, fixed, "left out, and the addresses set one by one if they are others"),
        needed(&s.provider_client_id, ALWAYS, "the client id that the service gave this app"),
        needed(&s.provider_client_secret, by(None) && !has_other_proof, "the client secret that the service gave this app"),
        needed(&s.provider_client_auth, by(None) && has_other_proof, "`private_key_jwt` with LATCHKEY_PROVIDER_CLIENT_KEY, or `tls` with LATCHKEY_PROVIDER_CLIENT_CERTIFICATE"),
        needed(&s.provider_client_key, by(Some(ClientAuth::PrivateKeyJwt)), "a private key on P-256 as PEM, as LATCHKEY_PROVIDER_CLIENT_AUTH is `private_key_jwt`"),
        needed(&s.provider_client_certificate, by(Some(ClientAuth::Tls)), "a certificate and its private key as PEM, as LATCHKEY_PROVIDER_CLIENT_AUTH is `tls`"),
        Rule {
            setting: s.api_key_from.name(),
            broken: from(ApiKeyFrom::AccessToken) && s.provider_dpop_key.is_given(),
            problem: Problem::Unfit,
            should_be: "`endpoint` or `minted`, as LATCHKEY_PROVIDER_DPOP_KEY is given: an access token that is bound to a key of this app opens nothing for anybody else",
        },
        needed(&s.api_key_url, from(ApiKeyFrom::Endpoint), "the URL of the key endpoint, as LATCHKEY_API_KEY_FROM is `endpoint`"),
        needed(&s.minted_audience, from(ApiKeyFrom::Minted), "the name by which your service knows itself in tokens, as LATCHKEY_API_KEY_FROM is `minted`"),
        needed(&s.forge_environments, s.forge_app_id.is_given(), "the uuids of the environments of the Forge app whose calls are accepted, as LATCHKEY_FORGE_APP_ID is given"),
        needed(&s.forge_app_id, s.connect.peek().is_some_and(|given| given.0 == Switch::Off), "the id of the Forge app, as LATCHKEY_CONNECT is `off` and there is no other door"),
        needed(&s.otlp_url, s.otlp_headers.is_given(), "the collector that gets the headers of LATCHKEY_OTLP_HEADERS"),
        useless(&s.otlp_headers, s.otlp_url.peek().is_some_and(CollectorUrl::is_readable), "left out, or LATCHKEY_OTLP_URL should be https: others could read the headers on the way"),
        needed(&s.webhook_url, s.webhook_secret.is_given(), "where the messages go that LATCHKEY_WEBHOOK_SECRET signs"),
        needed(&s.webhook_secret, s.webhook_url.is_given(), "whsec_ and the base64 of 32 random bytes, which sign what LATCHKEY_WEBHOOK_URL gets"),
        needed(&s.property_public_key, sealed, "a public key of P-256 or X25519, as JWK or PEM, as LATCHKEY_PROPERTY is `sealed`"),
    ];
    broken(rules)
}

fn broken<'a>(rules: impl IntoIterator<Item = Rule<'a>>) -> Vec<Invalid> {
    let broken = rules.into_iter().filter(|rule| rule.broken);
    broken
        .map(|rule| Invalid::new(rule.setting, rule.problem, ShouldBe::new(rule.should_be)))
        .collect()
}
