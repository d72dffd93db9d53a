//! Checks what a lifecycle callback says about an installation. Pure functions of the body and of the
//! verified token.

use serde::Deserialize;

use crate::error::Error;
use crate::model::{ClientKey, Installation};
use crate::secret::Secret;
use crate::sites::Sites;

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
    /// The tenant that it names.
    #[must_use]
    pub fn client_key(&self) -> &str {
        &self.client_key
    }

    /// Checks that it names the token's tenant and this app.
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

    /// The checked content of an `installed` callback.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if it names another tenant than the token, [`Error::BadRequest`] if it cannot
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
        // Display URLs are shown and may frame pages; a custom domain can be any host. A URL that is not a
        // plain origin is left out, so that the installation does not fail.
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
