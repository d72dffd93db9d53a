//! The body of `installed`.

use latchkey::atlassian::connect::{LifecycleBody, Sites};
use latchkey::config::Config;
use latchkey::model::ClientKey;
use serde_json::Value;

use super::settings::GOOD;

pub fn run(bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<LifecycleBody>(bytes) else {
        return;
    };
    let config = Config::from_pairs(GOOD).expect("the settings are good");
    let sites = Sites {
        hosts: config.site_hosts,
        loopback_http: false,
    };
    let tenant = ClientKey("tenant-a".to_owned());
    let Ok(installation) = body.installation(&tenant, "latchkey", &sites) else {
        return;
    };
    assert_eq!(installation.client_key, tenant);
    // What nobody reads is not looked into, and need not be JSON that everybody can read.
    let Ok(Value::Object(said)) = serde_json::from_slice(bytes) else {
        return;
    };
    assert_eq!(said["clientKey"], tenant.as_str());
    assert_eq!(said["key"], "latchkey");
    // As it stands there, and not what it could be made into.
    let base_url = said["baseUrl"].as_str().expect("it is a text");
    let base_url = base_url.strip_suffix('/').unwrap_or(base_url);
    assert_eq!(installation.base_url, base_url);
    let is_plain = |url: &str| {
        let host = url.strip_prefix("https://").expect("it is https");
        let bytes = host.bytes();
        assert!(!host.is_empty());
        for byte in bytes {
            assert!(
                byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte),
                "{url}"
            );
        }
        host.to_owned()
    };
    let host = is_plain(&installation.base_url);
    assert!(
        host.ends_with(".atlassian.net") || host.ends_with(".jira.com"),
        "{host}"
    );
    assert!(!host.contains([':', '[']), "{host}");
    for url in &installation.display_urls {
        is_plain(url);
    }
    assert!(!installation.shared_secret.expose().is_empty());
    assert!(
        installation
            .oauth_client_id
            .is_none_or(|id| !id.contains(char::is_control))
    );
}
