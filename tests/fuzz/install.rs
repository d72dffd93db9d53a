//! The body of `installed`.

use latchkey::config::Config;
use latchkey::connect::{LifecycleBody, Sites};
use latchkey::model::ClientKey;

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
