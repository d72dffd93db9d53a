//! The service's metadata.

use latchkey::config::Config;
use latchkey::service::discovery::Metadata;

use super::settings::GOOD;

pub fn run(bytes: &[u8]) {
    let config = Config::from_pairs(GOOD).expect("the settings are good");
    let issuer = "https://acme.example.com";
    if let Ok(metadata) = Metadata::read(bytes, issuer, &config.provider, false) {
        for endpoint in metadata.endpoints() {
            assert_eq!(endpoint.scheme(), "https");
            assert!(endpoint.has_host());
        }
    }
}
