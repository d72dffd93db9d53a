//! django-oauth-toolkit: OAuth 2.0 without OpenID Connect.

use crate::browser::Browser;

use super::python::{CLIENT_ID, Python};
use super::{RealProvider, Service};

pub struct Django(Python);

impl RealProvider for Django {
    // The first account there is; such services number them.
    const ROBIN: &'static str = "1";
    const REUSE_ENDS_THE_GRANT: bool = true;

    async fn start(redirect_uri: String) -> Self {
        Self(Python::start("django", redirect_uri, 3600).await)
    }

    fn service(&self) -> &Service {
        &self.0.service
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let at = |path: &str| format!("{}{path}", self.service().address);
        vec![
            ("LATCHKEY_PROVIDER_ISSUER", String::new()),
            ("LATCHKEY_PROVIDER_AUTHORIZE_URL", at("/o/authorize/")),
            ("LATCHKEY_PROVIDER_TOKEN_URL", self.token_endpoint()),
            ("LATCHKEY_PROVIDER_REVOKE_URL", at("/o/revoke_token/")),
            ("LATCHKEY_PROVIDER_IDENTITY_URL", self.identity_endpoint()),
            ("LATCHKEY_PROVIDER_SCOPES", "drive.read".to_owned()),
        ]
    }

    fn identity_endpoint(&self) -> String {
        format!("{}/me/", self.service().address)
    }

    fn token_endpoint(&self) -> String {
        format!("{}/o/token/", self.service().address)
    }

    fn authorize_url(&self, redirect_uri: &str, challenge: &str) -> String {
        format!(
            "{}/o/authorize/?client_id={CLIENT_ID}&response_type=code&redirect_uri={redirect_uri}\
             &scope=drive.read&state=s&code_challenge={challenge}&code_challenge_method=S256",
            self.service().address
        )
    }

    fn fill_in(page: &str, allow: bool) -> Option<Vec<(&'static str, String)>> {
        if page.contains("id=\"id_password\"") {
            Some(vec![
                ("username", "robin".to_owned()),
                ("password", "password-of-robin".to_owned()),
            ])
        } else if page.contains("id=\"authorizationForm\"") {
            // Its other button has no name.
            let authorize = ("allow", "Authorize".to_owned());
            Some(allow.then_some(authorize).into_iter().collect())
        } else {
            None
        }
    }

    async fn allow_in(browser: &Browser) {
        browser.type_into("#id_username", "robin").await;
        browser.type_into("#id_password", "password-of-robin").await;
        browser.click_text("Log in").await;
        browser.wait_text("Read your files").await;
        browser.click_text("Authorize").await;
    }
}
