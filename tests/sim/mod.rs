//! The world around the product, simulated on real ports: a Jira Cloud, a service, and a receiver of webhooks. The tests
//! and the demo share it, and it uses no code of the product.
#![expect(
    dead_code,
    unused_imports,
    reason = "the tests and the demo each use a part of it"
)]

pub mod forge_app;
pub mod jira;
pub mod linux;
pub mod load;
pub mod process;
pub mod receiver;
pub mod service;

use std::time::Duration;

use self::jira::Jira;
use self::service::{Service, ServiceOptions};

/// Both of them, started together.
#[derive(Clone)]
pub struct World {
    pub jira: Jira,
    pub service: Service,
}

impl World {
    pub async fn start(service: ServiceOptions) -> Self {
        let (jira, service) = tokio::join!(Jira::start(), Service::start(service));
        Self { jira, service }
    }

    /// The settings by which the product finds this world, as environment variables.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true".to_owned()),
            (
                "LATCHKEY_SITE_HOSTS",
                self.jira.site_hosts_setting().to_owned(),
            ),
            ("LATCHKEY_INSTALL_KEYS_URL", self.jira.keys_url()),
            ("LATCHKEY_CONNECT_JS_URL", self.jira.connect_js_url()),
            ("LATCHKEY_IMPERSONATION_URL", self.jira.impersonation_url()),
            ("LATCHKEY_FORGE_APP_ID", self.jira.forge_app_id()),
            ("LATCHKEY_FORGE_ENVIRONMENTS", self.jira.forge_environment()),
            ("LATCHKEY_FORGE_KEYS_URL", self.jira.forge_keys_url()),
            ("LATCHKEY_ATLASSIAN_API_URL", self.jira.api_url()),
            ("LATCHKEY_PROVIDER_NAME", "Acme Drive".to_owned()),
            ("LATCHKEY_PROVIDER_ISSUER", self.service.issuer().to_owned()),
            ("LATCHKEY_PROVIDER_CLIENT_ID", self.service.client_id()),
            (
                "LATCHKEY_PROVIDER_CLIENT_SECRET",
                self.service.client_secret(),
            ),
        ]
    }

    /// Moves the clocks of both, to follow a product whose clock a test moves.
    pub fn advance(&self, by: Duration) {
        self.jira.advance(by);
        self.service.advance(by);
    }

    /// Everything either of them saw and did not expect.
    pub fn unexpected(&self) -> Vec<String> {
        let jira = self.jira.unexpected().into_iter();
        let service = self.service.unexpected().into_iter();
        jira.map(|line| format!("Jira: {line}"))
            .chain(service.map(|line| format!("service: {line}")))
            .collect()
    }

    /// Every secret of this run, to look for in logs and database dumps.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.jira.secrets();
        secrets.extend(self.service.secrets());
        secrets
    }
}
