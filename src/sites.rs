//! The base URLs that tenants may have. Checked when the app is installed, and each time a tenant is read
//! from the database.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::error::ShouldBe;

/// The hosts that a tenant's base URL may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteHosts(Vec<String>);

impl SiteHosts {
    /// Whether `host`, in lower case, is one of them. `*.` matches one or more labels.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .and_then(|sub| sub.strip_suffix('.'))
                    .is_some_and(|sub| !sub.is_empty()),
                None => host == pattern,
            })
    }

    /// The patterns. A content security policy takes them as host sources.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl FromStr for SiteHosts {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let hosts: Vec<String> = text
            .split(',')
            .map(|host| host.trim().to_ascii_lowercase())
            .collect();
        let plain = hosts.iter().all(|host| {
            let name = host.strip_prefix("*.").unwrap_or(host);
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        });
        if plain {
            Ok(Self(hosts))
        } else {
            Err(ShouldBe::new(
                "host names, comma separated, like *.atlassian.net",
            ))
        }
    }
}

/// Whether a host is this machine: a loopback address, `localhost` or a name under it (RFC 6761).
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

/// The base URLs that tenants may have. By default none.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    /// The hosts.
    pub hosts: SiteHosts,
    /// Whether loopback hosts may use plain http.
    pub loopback_http: bool,
}

impl Sites {
    /// A tenant's base URL: https, an allowed host, and nothing else. A text that only parses to such a URL,
    /// because it contains a backslash or a tab, is refused too.
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

    /// The origin of a display URL. Any host is allowed.
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

/// The host of `url` if it is safe in a content security policy. The URL standard allows characters in a host
/// name that DNS does not, such as `;` and `,`, which would start another directive or policy.
fn plain_host(url: &Url) -> Option<&str> {
    url.host_str().filter(|host| {
        host.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_hosts_match_on_label_boundaries() {
        let hosts: SiteHosts = "*.atlassian.net,*.jira.com".parse().unwrap();
        assert!(hosts.allow("acme.atlassian.net"));
        assert!(!hosts.allow("atlassian.net"));
        assert!(!hosts.allow("evilatlassian.net"));
        assert!(!hosts.allow(".atlassian.net"));
        assert!(!hosts.allow("acme.atlassian.net.evil.example"));
    }
}
