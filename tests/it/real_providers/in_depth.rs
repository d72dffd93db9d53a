//! What oidc-provider is asked beyond the others: both databases, keys of seconds, and what one login gave
//! to several links.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::browser::{Browser, Options};
use crate::browsing::AtJira;
use crate::on_both_databases;
use crate::scene::{Db, Person, Returned, Scene, Setting};
use crate::sim::jira::OMAR;

use super::oidc_provider::{OidcProvider, Registration};
use super::{RealProvider as _, alive};

on_both_databases!(
    a_link_lives_for_generations_and_leaves_nothing_behind,
    a_person_says_no_and_connects_after_all,
);

/// The product with this provider as its service; keys live ten seconds.
async fn scene_and_provider(db: Db, name_in_id_token: bool) -> (Scene, OidcProvider) {
    // The provider wants to know where it leads back to before anybody is there.
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let provider = OidcProvider::start_with(Registration {
        redirect_uris: vec![format!("http://latchkey.localhost:{port}/link/callback")],
        access_token_seconds: 10,
        name_in_id_token,
        ..Registration::default()
    })
    .await;
    let setting = Setting {
        listener: Some(listener),
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_NAME", "Example ID")
    .with("LATCHKEY_PROVIDER_ISSUER", provider.issuer())
    .with("LATCHKEY_PROVIDER_CLIENT_ID", &provider.service().client_id)
    .with(
        "LATCHKEY_PROVIDER_CLIENT_SECRET",
        &provider.service().client_secret,
    );
    (Scene::start(db, setting).await, provider)
}

async fn until_returned(person: &Person<'_>, provider: &OidcProvider, subject: &str) -> Returned {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let callback = provider.approve(&authorize, subject).await;
    let answer = person.come_back(&callback, &begun.cookie).await;
    person.arrive(answer.leads_to(), &begun.cookie).await
}

/// What the provider's userinfo endpoint says to the key in a property.
async fn userinfo(scene: &Scene, provider: &OidcProvider, property: &Value) -> Value {
    let metadata = format!("{}/.well-known/openid-configuration", provider.issuer());
    let metadata = scene.send(scene.http.get(metadata)).await.is(200).json();
    let endpoint = metadata["userinfo_endpoint"]
        .as_str()
        .expect("the metadata names it");
    let key = property["apiKey"].as_str().expect("it holds a key");
    let request = scene.http.get(endpoint).bearer_auth(key);
    scene.send(request).await.is(200).json()
}

/// The end of every story here: the link is gone, and with it all it had at the provider.
async fn end(mut scene: Scene, provider: OidcProvider) {
    scene.no_work_left().await;
    let issued = provider.issued().await;
    assert!(issued.iter().any(|it| it.kind == "RefreshToken"));
    assert!(
        issued
            .iter()
            .any(|it| it.kind == "AccessToken" && it.revoked),
        "the last key was revoked and did not just run out"
    );
    let left = alive(issued);
    assert!(left.is_empty(), "they still live: {left:?}");
    scene.other_secrets = provider.secrets().await;
    scene.end().await;
}

async fn a_link_lives_for_generations_and_leaves_nothing_behind(db: Db) {
    // As the standard has it: no name in the ID token, so the product has to ask for it.
    let (scene, provider) = scene_and_provider(db, false).await;
    let omar = scene.person("acme", OMAR);
    let returned = until_returned(&omar, &provider, "u-100").await;
    assert!(
        provider.issued().await.iter().all(|it| !it.consumed),
        "nothing is redeemed before the proof"
    );
    let both = omar.both(&returned).await;
    assert_eq!(both.service, "Example ID");
    assert_eq!((&*both.subject, &*both.name), ("u-100", "Robin Park"));
    let linked = {
        omar.confirm(&returned).await.leads_to();
        omar.status().await
    };
    assert_eq!(linked["state"], "linked");

    let mut keys = Vec::new();
    for generation in 1..=6 {
        let property = omar.property_of_generation(generation).await;
        let who = userinfo(&scene, &provider, &property).await;
        assert_eq!(who["sub"], "u-100", "generation {generation}");
        assert_eq!(omar.state().await, "linked");
        keys.push(property["apiKey"].clone());
    }
    keys.dedup();
    assert_eq!(keys.len(), 6, "each generation is another key");

    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(omar.state().await, "unlinked");
    end(scene, provider).await;
}

async fn a_person_says_no_and_connects_after_all(db: Db) {
    let (scene, provider) = scene_and_provider(db, true).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = provider.deny(&authorize, "u-200").await;
    let page = omar.come_back(&callback, &begun.cookie).await.is(403);
    assert!(
        page.text.contains("allow access in Example ID"),
        "{}",
        page.text
    );
    assert_eq!(omar.state().await, "unlinked");

    let returned = until_returned(&omar, &provider, "u-200").await;
    let both = omar.both(&returned).await;
    assert_eq!(both.name, "Sam Ortiz");
    omar.confirm(&returned).await.leads_to();
    let property = omar.property_of_generation(1).await;
    let who = userinfo(&scene, &provider, &property).await;
    assert_eq!(who["sub"], "u-200");
    omar.disconnect().await;
    end(scene, provider).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_login_gave_to_two_sites_ends_with_the_last_of_them() {
    let (scene, provider) = scene_and_provider(Db::Sqlite, false).await;
    let browser = Browser::new(Options::default()).await;
    for site in ["acme", "globex"] {
        let at_jira = AtJira::at(&scene, &browser, site);
        at_jira.sign_in(OMAR).await;
        at_jira.click_connect().await;
        browser.click_text("Continue").await;
        if site == "acme" {
            browser.click_css("#u-100").await;
            browser.click_text("Sign in").await;
        }
        browser.wait_text("asks to act for").await;
        browser.click_text("Allow").await;
        at_jira.connect_accounts("Robin Park").await;
    }
    // The provider knows its person from the first time, and both links hang on one grant.
    let issued = provider.issued().await;
    assert!(issued.iter().all(|it| it.grant == issued[0].grant));

    scene.person("acme", OMAR).disconnect().await;
    let globex = scene.person("globex", OMAR);
    let property = globex.property().expect("the other link stands");
    let next = property["generation"].as_i64().expect("a number") + 1;
    let property = globex.property_of_generation(next).await;
    assert_eq!(userinfo(&scene, &provider, &property).await["sub"], "u-100");
    globex.disconnect().await;
    browser.close().await;
    end(scene, provider).await;
}
