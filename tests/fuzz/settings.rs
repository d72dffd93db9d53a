//! The settings: lines of `NAME=value`, put over good ones.

use axum::Router;
use axum::routing::get;
use latchkey::config::Config;
use latchkey::store::Database;

/// The least that is good.
pub const GOOD: [(&str, &str); 6] = [
    ("LATCHKEY_BASE_URL", "https://latchkey.example.com"),
    (
        "LATCHKEY_SEALING_KEYS",
        "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ),
    ("LATCHKEY_PROVIDER_NAME", "Acme"),
    ("LATCHKEY_PROVIDER_ISSUER", "https://acme.example.com"),
    ("LATCHKEY_PROVIDER_CLIENT_ID", "client"),
    ("LATCHKEY_PROVIDER_CLIENT_SECRET", "s3cret"),
];

/// Names that may be given; another is an error of the programmer, and panics.
const NAMES: [&str; 55] = [
    "LATCHKEY_BASE_URL",
    "LATCHKEY_LISTEN",
    "LATCHKEY_METRICS_LISTEN",
    "LATCHKEY_DATABASE_URL",
    "LATCHKEY_SEALING_KEYS",
    "LATCHKEY_APP_KEY",
    "LATCHKEY_APP_NAME",
    "LATCHKEY_PROPERTY_KEY",
    "LATCHKEY_ISSUE_MODULE",
    "LATCHKEY_CUSTOMERS",
    "LATCHKEY_CONNECT",
    "LATCHKEY_INSTALL_KEYS_URL",
    "LATCHKEY_CONNECT_JS_URL",
    "LATCHKEY_IMPERSONATION_URL",
    "LATCHKEY_SITE_HOSTS",
    "LATCHKEY_ALLOW_LOOPBACK_HTTP",
    "LATCHKEY_PROVIDER_NAME",
    "LATCHKEY_PROVIDER_ISSUER",
    "LATCHKEY_PROVIDER_AUTHORIZE_URL",
    "LATCHKEY_PROVIDER_TOKEN_URL",
    "LATCHKEY_PROVIDER_REVOKE_URL",
    "LATCHKEY_PROVIDER_IDENTITY_URL",
    "LATCHKEY_PROVIDER_CLIENT_ID",
    "LATCHKEY_PROVIDER_CLIENT_SECRET",
    "LATCHKEY_PROVIDER_CLIENT_AUTH",
    "LATCHKEY_PROVIDER_CLIENT_KEY",
    "LATCHKEY_PROVIDER_CLIENT_AUDIENCE",
    "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE",
    "LATCHKEY_PROVIDER_DPOP_KEY",
    "LATCHKEY_PROVIDER_PAR_URL",
    "LATCHKEY_PROVIDER_RESOURCE",
    "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS",
    "LATCHKEY_PROVIDER_SCOPES",
    "LATCHKEY_API_KEY_FROM",
    "LATCHKEY_API_KEY_URL",
    "LATCHKEY_LOG_FORMAT",
    "LATCHKEY_PROVIDER_LOGO_URL",
    "LATCHKEY_PROVIDER_PURPOSE",
    "LATCHKEY_PROVIDER_SUPPORT_URL",
    "LATCHKEY_PROVIDER_PRIVACY_URL",
    "LATCHKEY_SERVICE_SECRET",
    "LATCHKEY_ACT_AS",
    "LATCHKEY_WEBHOOK_URL",
    "LATCHKEY_WEBHOOK_SECRET",
    "LATCHKEY_OTLP_URL",
    "LATCHKEY_OTLP_HEADERS",
    "LATCHKEY_OTLP_TRACES",
    "LATCHKEY_OTLP_INTERVAL",
    "LATCHKEY_TRUSTED_PROXIES",
    "LATCHKEY_MINTED_AUDIENCE",
    "LATCHKEY_MINTED_LIFE",
    "LATCHKEY_MINTED_KEY_ROTATION",
    "LATCHKEY_INTROSPECTION_SECRET",
    "LATCHKEY_PROPERTY",
    "LATCHKEY_PROPERTY_PUBLIC_KEY",
];

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut pairs = GOOD.to_vec();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        if NAMES.contains(&name) {
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name, value));
        }
    }
    let config = match Config::from_pairs(pairs) {
        Ok(config) => config,
        Err(error) => {
            for wrong in error.each() {
                let line = wrong.to_string();
                assert!(line.starts_with(&wrong.setting) && !line.contains('\n'));
            }
            return;
        }
    };
    let base = &config.base_url;
    assert!(base.origin().starts_with("https://") || config.allow_loopback_http);
    assert_eq!(base.full(), format!("{}{}", base.origin(), base.path()));
    assert!(!base.path().ends_with('/'));
    // What is served under the path can be routed.
    if !base.path().is_empty() {
        let routes = Router::<()>::new().route("/link/{id}", get(|| async {}));
        let _ = Router::new().nest(base.path(), routes);
    }
    let mut kids: Vec<&str> = config.sealing_keys.iter().map(|key| key.kid()).collect();
    assert!(!kids.is_empty());
    kids.sort_unstable();
    assert!(kids.windows(2).all(|pair| pair[0] != pair[1]));
    for url in [&config.install_keys_url, &config.impersonation_url] {
        assert!(
            !url.ends_with('/') && !url.contains(['?', '#', '@']),
            "{url}"
        );
    }
    assert!(config.app_key.len() <= 64);
    assert!(!config.property_key.contains('/'));
    if let Database::Sqlite(file) = &config.database {
        assert!(!file.is_empty());
    }
    let provider = &config.provider;
    assert!(provider.issuer.is_some() || provider.token_url.is_some());
}
