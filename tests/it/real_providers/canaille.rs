//! Canaille: OpenID Connect, with pages for user name, password and consent.

use crate::browser::Browser;

use super::python::{CLIENT_ID, Python};
use super::{RealProvider, Service};

pub struct Canaille(Python);

impl RealProvider for Canaille {
    const ROBIN: &'static str = "robin";
    const REUSE_ENDS_THE_GRANT: bool = false;
    // Its own policy forbids what its own scripts do.
    const CONSOLE: &'static [&'static str] = &["Applying inline style violates"];

    async fn start(redirect_uri: String) -> Self {
        Self(Python::start("canaille", redirect_uri).await)
    }

    fn service(&self) -> &Service {
        &self.0.service
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LATCHKEY_PROVIDER_ISSUER", self.service().address.clone()),
            // It does not know offline_access, and gives refresh tokens to all.
            ("LATCHKEY_PROVIDER_SCOPES", "openid profile".to_owned()),
        ]
    }

    fn identity_endpoint(&self) -> String {
        format!("{}/oauth/userinfo", self.service().address)
    }

    fn token_endpoint(&self) -> String {
        format!("{}/oauth/token", self.service().address)
    }

    fn authorize_url(&self, redirect_uri: &str, challenge: &str) -> String {
        format!(
            "{}/oauth/authorize?client_id={CLIENT_ID}&response_type=code&redirect_uri={redirect_uri}\
             &scope=openid+profile&state=s&nonce=n&code_challenge={challenge}&code_challenge_method=S256",
            self.service().address
        )
    }

    fn fill_in(page: &str, allow: bool) -> Option<Vec<(&'static str, String)>> {
        let field = |name, value: &str| Some(vec![(name, value.to_owned())]);
        if page.contains("name=\"login\"") {
            field("login", "robin")
        } else if page.contains("name=\"password\"") {
            field("password", "password-of-robin")
        } else if page.contains("id=\"accept\"") {
            field("answer", if allow { "accept" } else { "deny" })
        } else {
            None
        }
    }

    async fn allow_in(browser: &Browser) {
        browser.type_into("#login", "robin").await;
        browser.click_text("Continue").await;
        browser.type_into("#password", "password-of-robin").await;
        browser.click_text("Sign in").await;
        browser.wait_text("is requesting access to").await;
        browser.click_text("Accept").await;
    }
}
