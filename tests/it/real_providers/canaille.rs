//! Canaille: OpenID Connect, with pages for user name, password and consent.

use crate::browser::Browser;
use crate::scene::eventually;
use crate::sim::jira::OMAR;

use super::python::{CLIENT_ID, Python};
use super::{Habits as _, RealProvider, Service, alive, link, scene_of, way_back};

pub struct Canaille(Python);

impl RealProvider for Canaille {
    const ROBIN: &'static str = "robin";
    const REUSE_ENDS_THE_GRANT: bool = false;

    async fn start(redirect_uri: String) -> Self {
        Self(Python::start("canaille", redirect_uri, 3600).await)
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_ends_with_its_key_is_used_before() {
    let (listener, redirect_uri) = way_back().await;
    let provider = Canaille(Python::start("canaille", redirect_uri, 10).await);
    let mut scene = scene_of(&provider, listener, &[]).await;
    let omar = scene.person("acme", OMAR);
    link(&omar, &provider).await;
    for generation in 2..=3 {
        // Its clock runs a little ahead, so that a busy machine is not too late.
        scene.advance(2);
        omar.property_of_generation(generation).await;
        provider.accepts(&omar.key()).await;
        assert_eq!(omar.state().await, "linked");
    }

    // Nobody could renew while the product was away for longer than that. It says so.
    let address = scene.stop().await;
    eventually("everything has ended there", async || {
        let issued = provider.service().issued().await;
        let mut tokens = issued.iter().filter(|it| it.kind != "AuthorizationCode");
        tokens.all(|it| it.revoked || it.expired).then_some(())
    })
    .await;
    scene.start_again(address).await;
    let omar = scene.person("acme", OMAR);
    omar.asked_to_reconnect().await;
    link(&omar, &provider).await;
    provider.accepts(&omar.key()).await;
    omar.disconnect().await;
    scene.no_work_left().await;
    let left = alive(provider.service().issued().await);
    assert!(left.is_empty(), "they still live: {left:?}");
    scene.other_secrets = provider.service().secrets().await;
    scene.end().await;
}
