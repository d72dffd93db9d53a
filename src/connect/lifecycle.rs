//! What Atlassian tells about an installation, checked. Pure functions of the body and of what its token
//! has proved.

use serde::Deserialize;
use url::Url;

use crate::config::{SiteHosts, is_loopback};
use crate::error::Error;
use crate::model::{ClientKey, Installation};
use crate::secret::Secret;

/// The body of a lifecycle callback. It is not signed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleBody {
    key: String,
    client_key: String,
    shared_secret: Option<Secret>,
    base_url: Option<String>,
    display_url: Option<String>,
    display_url_servicedesk_help_center: Option<String>,
    oauth_client_id: Option<String>,
}

impl LifecycleBody {
    /// The tenant it names.
    #[must_use]
    pub fn client_key(&self) -> &str {
        &self.client_key
    }

    /// Checks that it is about the tenant the token names, and about this app.
    pub fn check(&self, tenant: &ClientKey, app_key: &str) -> Result<(), Error> {
        if self.client_key != tenant.as_str() {
            return Err(Error::Unauthorized(
                "the body names another tenant than the token",
            ));
        }
        if self.key != app_key {
            return Err(Error::BadRequest("This is another app"));
        }
        Ok(())
    }

    /// What an `installed` callback says, checked.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for another tenant than the token's, [`Error::BadRequest`] for what cannot
    /// be an installation of this app.
    pub fn installation(
        self,
        tenant: &ClientKey,
        app_key: &str,
        sites: &Sites,
    ) -> Result<Installation, Error> {
        self.check(tenant, app_key)?;
        let base_url = self
            .base_url
            .as_deref()
            .and_then(|url| sites.site_url(url))
            .ok_or(Error::BadRequest("The base URL is not that of a Jira site"))?;
        let shared_secret = self
            .shared_secret
            .filter(|secret| (1..=1024).contains(&secret.expose().len()))
            .ok_or(Error::BadRequest("The shared secret is missing"))?;
        // Display URLs are shown and may frame; a custom domain can be any host. One that is no plain
        // origin is left out rather than failing the installation.
        let display_urls = [self.display_url, self.display_url_servicedesk_help_center]
            .into_iter()
            .flatten()
            .filter_map(|url| sites.display_origin(&url))
            .collect();
        Ok(Installation {
            client_key: tenant.clone(),
            base_url,
            display_urls,
            shared_secret,
            oauth_client_id: self.oauth_client_id.filter(|id| {
                (1..=1024).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
            }),
        })
    }
}

/// Where a tenant may live.
#[derive(Debug, Clone)]
pub struct Sites {
    /// Hosts a base URL may have.
    pub hosts: SiteHosts,
    /// Whether loopback hosts may speak plain http.
    pub loopback_http: bool,
}

impl Sites {
    /// A tenant's base URL: https, an allowed host, and nothing else in it. What only parses to that,
    /// with a backslash or a tab in it, is refused too.
    fn site_url(&self, text: &str) -> Option<String> {
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

    fn display_origin(&self, text: &str) -> Option<String> {
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
