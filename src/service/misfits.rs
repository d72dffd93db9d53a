//! What in the settings does not fit what the service's metadata says.

use super::client_auth::Credential;
use super::discovery::{Announced, Metadata};
use super::known::ClientAuth;
use super::registration::{ApiKeySource, ProviderConfig};

/// The only algorithm of what Latchkey signs for the service.
const ES256: &str = "ES256";

/// A sentence for each, for an operator. What the metadata leaves out is not held against anything.
pub(super) fn misfits(metadata: &Metadata, config: &ProviderConfig) -> Vec<String> {
    let Announced {
        auth_methods,
        assertion_algorithms,
        dpop_algorithms,
        binds_to_certificates,
    } = &metadata.announced;
    let leaves_out = |list: &Option<Vec<String>>, value: &str| {
        list.as_ref()
            .is_some_and(|list| !list.iter().any(|entry| entry == value))
    };
    let mut misfits = Vec::new();
    let method = method(metadata, config);
    if leaves_out(auth_methods, method) {
        let offered = auth_methods.as_deref().unwrap_or_default().join(", ");
        misfits.push(format!(
            "its metadata does not offer {method}, only {offered}: see LATCHKEY_PROVIDER_CLIENT_AUTH"
        ));
    }
    if let Credential::Keys(_) = config.credential
        && leaves_out(assertion_algorithms, ES256)
    {
        misfits.push(format!(
            "its metadata does not take assertions that are signed with {ES256}, and Latchkey signs them with nothing \
             else: see LATCHKEY_PROVIDER_CLIENT_KEY"
        ));
    }
    if config.dpop_key.is_some() {
        match dpop_algorithms {
            None if metadata.issuer.is_some() => misfits.push(
                "its metadata does not know DPoP: it may ignore LATCHKEY_PROVIDER_DPOP_KEY, and then nobody can connect"
                    .to_owned(),
            ),
            list if leaves_out(list, ES256) => misfits.push(format!(
                "its metadata does not take DPoP proofs that are signed with {ES256}, and Latchkey signs them with \
                 nothing else: see LATCHKEY_PROVIDER_DPOP_KEY"
            )),
            _ => {}
        }
    }
    if config.client_auth == Some(ClientAuth::Tls)
        && *binds_to_certificates
        && config.api_key == ApiKeySource::AccessToken
    {
        misfits.push(
            "it can bind access tokens to the client certificate, and a key that is such a token opens nothing for \
             anybody else: ask for tokens that are not bound, or set LATCHKEY_API_KEY_FROM to `endpoint` or `minted`"
                .to_owned(),
        );
    }
    misfits
}

/// The name in metadata of how this client proves itself.
fn method(metadata: &Metadata, config: &ProviderConfig) -> &'static str {
    match (&config.credential, metadata.secret_in_body) {
        (Credential::Keys(_), _) => "private_key_jwt",
        (Credential::Certificate(_), _) => "tls_client_auth",
        (Credential::Secret(_), true) => "client_secret_post",
        (Credential::Secret(_), false) => "client_secret_basic",
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;

    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;

    const ISSUER: &str = "https://acme.example.com";

    fn found(more: &Value, settings: &[(&str, &str)]) -> Vec<String> {
        let mut document = json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"),
        });
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        let given = [
            ("LATCHKEY_BASE_URL", "https://latchkey.example.com"),
            (
                "LATCHKEY_SEALING_KEYS",
                "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
            ("LATCHKEY_PROVIDER_NAME", "Acme"),
            ("LATCHKEY_PROVIDER_ISSUER", ISSUER),
            ("LATCHKEY_PROVIDER_CLIENT_ID", "client"),
            ("LATCHKEY_PROVIDER_CLIENT_SECRET", "s3cret"),
            ("LATCHKEY_API_KEY_FROM", "minted"),
            ("LATCHKEY_MINTED_AUDIENCE", "acme"),
        ];
        let settings = given.iter().chain(settings).copied();
        let config = Config::from_pairs(settings).unwrap().provider;
        let document = document.to_string();
        let metadata = Metadata::read(document.as_bytes(), ISSUER, &config, false).unwrap();
        misfits(&metadata, &config)
    }

    fn pem() -> String {
        crate::service::es256::generated(&ECDSA_P256_SHA256_FIXED_SIGNING).1
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_setting() {
        let (key, other) = (pem(), pem());
        let by_key = [
            ("LATCHKEY_PROVIDER_CLIENT_AUTH", "private_key_jwt"),
            ("LATCHKEY_PROVIDER_CLIENT_KEY", key.as_str()),
            ("LATCHKEY_PROVIDER_DPOP_KEY", other.as_str()),
        ];
        let methods = "token_endpoint_auth_methods_supported";
        let algorithms = "token_endpoint_auth_signing_alg_values_supported";
        let dpop = "dpop_signing_alg_values_supported";
        let fits = json!({
            methods: ["private_key_jwt"], algorithms: ["PS256", "ES256"], dpop: ["ES256"],
        });
        assert!(found(&fits, &by_key).is_empty());
        // Nothing said, nothing wrong.
        assert!(found(&json!({}), &[]).is_empty());
        assert!(found(&json!({ methods: ["client_secret_post"] }), &[]).is_empty());
        for (changed, value, setting) in [
            (methods, json!(["client_secret_basic"]), "CLIENT_AUTH"),
            (algorithms, json!(["RS256"]), "CLIENT_KEY"),
            (dpop, json!(["EdDSA"]), "DPOP_KEY"),
            (dpop, Value::Null, "DPOP_KEY"),
        ] {
            let mut document = fits.clone();
            document[changed] = value;
            let said = found(&document, &by_key);
            assert!(
                said.len() == 1 && said[0].contains(setting),
                "{changed}: {said:?}"
            );
        }
        assert_eq!(found(&fits, &[]).len(), 1, "it takes no secret");
    }
}
