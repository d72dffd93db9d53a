//! Where a tenant may live. Asked when one is installed, and again whenever one is read from the database.

use url::Url;

use crate::config::{SiteHosts, is_loopback};

/// Where a tenant may live; nowhere, where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    /// Hosts a base URL may have.
    pub hosts: SiteHosts,
    /// Whether loopback hosts may speak plain http.
    pub loopback_http: bool,
}

impl Sites {
    /// A tenant's base URL: https, an allowed host, and nothing else in it. What only parses to that,
    /// with a backslash or a tab in it, is refused too.
    #[must_use]
    pub fn site_url(&self, text: &str) -> Option<String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let url = Url::parse(text).ok()?;
        let origin = url.origin().ascii_serialization();
        let host = plain_host(&url)?;
        (origin == text
            && self.is_secure(&url)
            && (url.port().is_none() || self.is_loopback(&url))
            && self.hosts.allow(host))
        .then_some(origin)
    }

    /// What people see of a tenant, as an origin: any host.
    pub(crate) fn display_origin(&self, text: &str) -> Option<String> {
        let url = Url::parse(text).ok()?;
        plain_host(&url)?;
        let plain = url.username().is_empty() && url.password().is_none();
        (plain && self.is_secure(&url)).then(|| url.origin().ascii_serialization())
    }

    fn is_secure(&self, url: &Url) -> bool {
        url.scheme() == "https" || (url.scheme() == "http" && self.is_loopback(url))
    }

    fn is_loopback(&self, url: &Url) -> bool {
        self.loopback_http && url.host().is_some_and(|host| is_loopback(&host))
    }
}

/// A host that can stand in a content security policy. The URL standard allows more in a name than DNS
/// does, `;` and `,` among it, and those would begin a directive or a policy of their own.
fn plain_host(url: &Url) -> Option<&str> {
    url.host_str().filter(|host| {
        host.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    })
}
