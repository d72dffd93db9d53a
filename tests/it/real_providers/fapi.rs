//! `oidc-provider` with its FAPI 2.0 security profile on: it takes authorization requests only where they were pushed,
//! clients only by assertions whose audience is its issuer, and token requests only with DPoP proofs that have its
//! nonce. It fetches the client's keys from the product.

use serde_json::Value;

use crate::browser::{Browser, Options};
use crate::browsing::AtJira;
use crate::doors::Door;
use crate::moments::Moments;
use crate::proofs::{private_key, thumbprint};
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;

use super::oidc_provider::{Fapi, OidcProvider, Registration};
use super::{Habits as _, RealProvider as _, alive, link, way_back};

/// What the product and the provider share, and what only the product has.
struct Keys {
    client: String,
    dpop: String,
}

/// The product with such a provider as its service. API keys are signed here: an access token that is bound to a key of
/// the product opens nothing for anybody else.
async fn scene(
    resource: Option<&'static str>,
    more: &[(&'static str, String)],
) -> (Scene, OidcProvider, Keys) {
    let (listener, redirect_uri) = way_back().await;
    let port = listener.local_addr().expect("it has an address").port();
    let provider = OidcProvider::start_with(Registration {
        redirect_uris: vec![redirect_uri],
        name_in_id_token: resource.is_some(),
        fapi: Some(Fapi {
            // Node does not know names below `localhost`.
            jwks_uri: format!("http://127.0.0.1:{port}/.well-known/jwks.json"),
            resource,
        }),
        ..Registration::default()
    })
    .await;
    let keys = Keys {
        client: private_key(),
        dpop: private_key(),
    };
    let setting = Setting {
        listener: Some(listener),
        ..Setting::default()
    };
    let mut setting = setting
        .with("LATCHKEY_PROVIDER_NAME", "Example ID")
        .with("LATCHKEY_PROVIDER_ISSUER", provider.issuer())
        .with("LATCHKEY_PROVIDER_CLIENT_ID", "latchkey-at-oidc")
        .with("LATCHKEY_PROVIDER_CLIENT_SECRET", "")
        .with("LATCHKEY_PROVIDER_CLIENT_AUTH", "private_key_jwt")
        .with("LATCHKEY_PROVIDER_CLIENT_KEY", &keys.client)
        .with("LATCHKEY_PROVIDER_DPOP_KEY", &keys.dpop)
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com");
    if let Some(resource) = resource {
        setting = setting.with("LATCHKEY_PROVIDER_RESOURCE", resource);
    }
    for (name, value) in more {
        setting = setting.with(name, value);
    }
    (Scene::start(Db::Sqlite, setting).await, provider, keys)
}

/// The story is over: nothing secret of it stands anywhere.
async fn end(mut scene: Scene, provider: &OidcProvider, keys: &Keys) {
    let mut secrets = provider.secrets().await;
    // Of a key that is gone over line ends, a line is enough to know it by.
    for pem in [&keys.client, &keys.dpop] {
        secrets.extend(
            pem.lines()
                .filter(|line| !line.starts_with('-'))
                .map(str::to_owned),
        );
    }
    scene.other_secrets = secrets;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_browser_a_person_connects_and_five_renewals_later_disconnects() {
    let (scene, provider, keys) = scene(None, &[]).await;
    let site = Door::Connect.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    browser.wait_address(provider.issuer()).await;
    OidcProvider::allow_in(&browser).await;
    at_jira.connect_accounts("Robin Park").await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;

    let omar = scene.person(site, OMAR);
    assert_eq!(
        omar.property().expect("the key is in Jira")["subject"],
        "u-100"
    );
    let mut spent = vec![provider.last_refresh_token().await];
    for renewal in 1..=5 {
        omar.renewed().await;
        assert_eq!(omar.state().await, "linked", "renewal {renewal}");
        spent.push(provider.last_refresh_token().await);
    }
    spent.dedup();
    assert_eq!(
        spent.len(),
        6,
        "each renewal took a refresh token and brought another"
    );

    let issued = provider.issued().await;
    let access: Vec<_> = issued
        .iter()
        .filter(|it| it.kind == "AccessToken")
        .collect();
    assert_eq!(access.len(), 6);
    let bound = thumbprint(&keys.dpop);
    assert!(access.iter().all(|it| it.bound_to.as_ref() == Some(&bound)));
    // The first proof of all, at the token endpoint and no other, knew no nonce. Its refusal cost nothing.
    assert_eq!(provider.refused().await, ["grant.error: use_dpop_nonce"]);

    at_jira.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.no_work_left().await;
    let left = alive(provider.issued().await);
    assert!(left.is_empty(), "they still live: {left:?}");
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    end(scene, &provider, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_tokens_are_for_the_resource_that_is_set() {
    const RESOURCE: &str = "https://api.example.com/drive";
    let (scene, provider, keys) = scene(Some(RESOURCE), &[]).await;
    let omar = scene.person("acme", OMAR);
    link(&omar, &provider).await;
    for _ in 0..2 {
        omar.renewed().await;
    }
    let issued = provider.issued().await;
    let access: Vec<_> = issued
        .iter()
        .filter(|it| it.kind == "AccessToken")
        .collect();
    assert_eq!(access.len(), 3);
    assert!(
        access
            .iter()
            .all(|it| it.audience.as_deref() == Some(RESOURCE))
    );
    omar.disconnect().await;
    scene.no_work_left().await;
    assert!(alive(provider.issued().await).is_empty());
    end(scene, &provider, &keys).await;
}

/// A process dies with its intent written. The next one knows no nonce, so it needs two requests for one refresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_before_it_sends_loses_nothing() {
    let moments = Moments::listen().await;
    let (mut scene, provider, keys) = scene(None, &[moments.setting()]).await;
    let omar = scene.person("acme", OMAR);
    link(&omar, &provider).await;
    omar.recorded().await;

    scene.become_child().await;
    moments.hold("P1", OMAR);
    scene.person("acme", OMAR).renew().await.is(202);
    moments.held("P1", OMAR).await;
    scene.child().kill9().await;
    moments.go_all();
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    omar.property_of_generation(2).await;
    omar.renew().await.is(202);
    omar.property_of_generation(3).await;
    assert_eq!(omar.state().await, "linked");
    let refused: Vec<Value> = provider
        .refused()
        .await
        .into_iter()
        .map(Value::from)
        .collect();
    assert!(
        refused
            .iter()
            .all(|it| *it == "grant.error: use_dpop_nonce"),
        "{refused:?}"
    );
    omar.disconnect().await;
    scene.no_work_left().await;
    assert!(alive(provider.issued().await).is_empty());
    end(scene, &provider, &keys).await;
}
