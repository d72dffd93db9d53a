//! Stories of the many kinds of services there are: what a key is, how tokens rotate, how the app
//! proves itself, and what a service may leave out.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::service::{
    ClientAuth, Endpoint, Fault, Kind, NameIn, Rotation, ServiceOptions, Signing,
};

on_both_databases!(
    r6_minted_keys_are_renewed_and_the_old_one_ends_only_when_jira_has_the_new,
    a_disconnect_while_jira_lacks_the_new_key_ends_both_keys,
    a_replaced_key_is_deleted_before_its_grant_ends,
    a_key_that_cannot_be_minted_at_once_is_minted_later,
    minted_keys_with_access_tokens_of_seconds,
    a_service_without_openid_and_without_discovery,
    a_service_that_wants_the_secret_in_the_form,
    refresh_tokens_that_stay,
    refresh_tokens_with_a_time_of_grace,
    refresh_tokens_that_end_with_the_first_use_of_the_next,
    refresh_tokens_that_work_once,
    a_service_that_is_down_during_linking,
    a_service_without_refresh_tokens_asks_to_reconnect_at_the_end,
    minted_keys_without_refresh_tokens_last_as_long_as_the_access_token,
    signing_keys_change,
    the_name_is_at_userinfo,
);

/// A service with a key endpoint.
fn minting(service: ServiceOptions) -> Setting {
    Setting {
        service,
        ..Setting::default()
    }
    .with("LATCHKEY_API_KEY_FROM", "endpoint")
    .with("LATCHKEY_API_KEY_URL", "{service}/keys")
}

async fn r6_minted_keys_are_renewed_and_the_old_one_ends_only_when_jira_has_the_new(db: Db) {
    let scene = Scene::start(db, minting(ServiceOptions::default())).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let first = omar.key();
    assert!(first.starts_with("key_"), "it comes from the key endpoint");
    assert_eq!(service.ledger().opens_api(&first), Some("u-100"));

    for _ in 0..3 {
        let old = omar.key();
        omar.renewed().await;
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        service
            .wait_until(
                "the old key is deleted",
                Duration::from_secs(20),
                |ledger| ledger.is_revoked(&old) && ledger.live_api_keys().len() == 1,
            )
            .await;
    }
    assert_eq!(
        service.calls_to(Endpoint::Refresh),
        0,
        "an access token that is good for an hour mints without a refresh"
    );

    // Jira is down: the new key is there, and the old one must go on working.
    let old = omar.key();
    let before = omar.recorded().await;
    scene
        .world
        .jira
        .fault(jira::Fault::status(500).on_property("PUT"));
    omar.renew().await.is(202);
    scene
        .world
        .jira
        .wait_for("a key that it does not take", |cloud| {
            cloud.calls.iter().rev().find(|call| call.fault).map(|_| ())
        })
        .await;
    scene.advance(20);
    eventually("it was tried twice", async || {
        let calls = scene.world.jira.calls();
        (calls.iter().filter(|call| call.fault).count() >= 2).then_some(())
    })
    .await;
    assert_eq!(omar.key(), old, "Jira still holds the old key");
    assert_eq!(service.ledger().opens_api(&old), Some("u-100"));
    scene.world.jira.clear_faults();
    scene.advance(400);
    omar.property_of_generation(before + 1).await;
    service
        .wait_until(
            "the old key is deleted",
            Duration::from_secs(20),
            |ledger| ledger.is_revoked(&old) && ledger.live_api_keys().len() == 1,
        )
        .await;

    // The access token runs out; from then on it is refreshed first.
    scene.advance(3600);
    omar.renewed().await;
    assert!(service.calls_to(Endpoint::Refresh) >= 1);
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));

    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert!(service.ledger().live_api_keys().is_empty());
    assert!(service.ledger().live_grants().is_empty());
    assert!(service.ledger().overlaps().is_empty());
    scene.end().await;
}

async fn a_replaced_key_is_deleted_before_its_grant_ends(db: Db) {
    let scene = Scene::start(db, minting(ServiceOptions::default())).await;
    let (service, jira) = (&scene.world.service, &scene.world.jira);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let old = omar.key();
    let before = omar.recorded().await;
    // The new key is there, and Jira does not take it at once.
    jira.fault(jira::Fault::status(500).on_property("PUT"));
    omar.renew().await.is(202);
    service
        .wait_until("the second key", Duration::from_secs(20), |ledger| {
            ledger.live_api_keys().len() == 2
        })
        .await;
    // When it does, the old one cannot be deleted.
    service.fault(Fault::always(
        Endpoint::Keys,
        Kind::Status(503, Vec::new(), String::new()),
    ));
    jira.clear_faults();
    eventually("Jira holds the new key", async || {
        scene.advance(20);
        (omar.generation() > Some(before)).then_some(())
    })
    .await;
    omar.recorded().await;
    let deleting = service.calls_to(Endpoint::Keys);
    eventually("its deletion fails", async || {
        (service.calls_to(Endpoint::Keys) > deleting).then_some(())
    })
    .await;
    assert_eq!(service.ledger().opens_api(&old), Some("u-100"));

    service.clear_faults();
    omar.disconnect().await;
    scene.advance(20);
    scene.nothing_left().await;
    scene.end().await;
}

async fn a_disconnect_while_jira_lacks_the_new_key_ends_both_keys(db: Db) {
    let scene = Scene::start(db, minting(ServiceOptions::default())).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    scene
        .world
        .jira
        .fault(jira::Fault::status(500).on_property("PUT"));
    omar.renew().await.is(202);
    service
        .wait_until("the second key", Duration::from_secs(20), |ledger| {
            ledger.live_api_keys().len() == 2
        })
        .await;
    eventually("Jira has not taken it", async || {
        let calls = scene.world.jira.calls();
        calls
            .iter()
            .find(|call| call.fault && call.status.is_some())
            .map(|_| ())
    })
    .await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.nothing_left().await;
    scene.end().await;
}

async fn a_key_that_cannot_be_minted_at_once_is_minted_later(db: Db) {
    let scene = Scene::start(db, minting(ServiceOptions::default())).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for kind in [
        Kind::Status(500, Vec::new(), String::new()),
        Kind::Status(429, vec![("retry-after".into(), "1".into())], String::new()),
        Kind::Status(401, Vec::new(), String::new()),
        Kind::Html200,
        Kind::CutBefore,
        Kind::ExpiresIn(json!("tomorrow")),
    ] {
        service.fault(Fault::once(Endpoint::Keys, kind.clone()));
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        let status = {
            omar.confirm(&returned).await.leads_to();
            omar.status().await
        };
        assert_eq!(status["state"], "linking", "{kind:?}: {status}");
        assert_eq!(omar.property(), None, "there is nothing to put there yet");
        scene.advance(10);
        eventually("the link has its key", async || {
            (omar.state().await == "linked").then_some(())
        })
        .await;
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        omar.recorded().await;
        omar.disconnect().await;
        assert_eq!(omar.property(), None);
        scene.no_work_left().await;
        // A key that was made and never arrived still works, until it runs out.
        assert!(service.ledger().live_grants().is_empty(), "{kind:?}");
    }
    scene.end().await;
}

async fn minted_keys_with_access_tokens_of_seconds(db: Db) {
    let setting = minting(ServiceOptions {
        access_token_life: Duration::from_secs(20),
        api_key_life: Duration::from_secs(8),
        ..ServiceOptions::default()
    });
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for generation in 2..=4 {
        omar.property_of_generation(generation).await;
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    }
    let ledger = service.ledger();
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert!(ledger.overlaps().is_empty());
    // Deleting the last but one takes a grant that has not ended.
    omar.recorded().await;
    scene.no_work_left().await;
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn a_service_without_openid_and_without_discovery(db: Db) {
    let service = ServiceOptions {
        scopes: vec!["drive.read".to_owned()],
        refresh_needs_offline_access: false,
        discovery: false,
        iss_parameter: false,
        access_token_life: Duration::from_secs(8),
        ..ServiceOptions::default()
    };
    let setting = Setting {
        service,
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_ISSUER", "")
    .with("LATCHKEY_PROVIDER_AUTHORIZE_URL", "{service}/authorize")
    .with("LATCHKEY_PROVIDER_TOKEN_URL", "{service}/token")
    .with("LATCHKEY_PROVIDER_REVOKE_URL", "{service}/revoke")
    .with("LATCHKEY_PROVIDER_IDENTITY_URL", "{service}/me")
    .with("LATCHKEY_PROVIDER_SCOPES", "drive.read");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    let both = omar.both(&returned).await;
    assert_eq!((&*both.subject, &*both.name), ("100", "Robin Park"));
    omar.confirm(&returned).await.leads_to();
    for generation in 2..=3 {
        let property = omar.property_of_generation(generation).await;
        assert_eq!(property["subject"], "100");
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    }
    assert_eq!(service.calls_to(Endpoint::Discovery), 0);
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn a_service_that_wants_the_secret_in_the_form(db: Db) {
    let mut setting = Setting::keys_live(8);
    setting.service.client_auth = ClientAuth::Post;
    renews_three_times(db, setting).await;
}

async fn refresh_tokens_that_stay(db: Db) {
    let scene = Scene::start(db, rotating(Rotation::None)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.property_of_generation(4).await;
    assert_eq!(scene.world.service.ledger().grants().len(), 1);
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

fn rotating(rotation: Rotation) -> Setting {
    let mut setting = Setting::keys_live(6);
    setting.service.rotation = rotation;
    setting
}

async fn refresh_tokens_with_a_time_of_grace(db: Db) {
    renews_three_times(db, rotating(Rotation::Grace(Duration::from_secs(30)))).await;
}

async fn refresh_tokens_that_end_with_the_first_use_of_the_next(db: Db) {
    renews_three_times(db, rotating(Rotation::UntilFirstUse)).await;
}

async fn refresh_tokens_that_work_once(db: Db) {
    renews_three_times(db, rotating(Rotation::Strict)).await;
}

/// Links, sees three renewals, disconnects; no refresh token was used twice.
async fn renews_three_times(db: Db, setting: Setting) {
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for generation in 2..=4 {
        omar.property_of_generation(generation).await;
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        assert_eq!(omar.state().await, "linked");
    }
    let ledger = service.ledger();
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert!(ledger.overlaps().is_empty());
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn a_service_that_is_down_during_linking(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);

    // Nobody answers where the endpoints would be found: the same attempt goes on later.
    service.fault(Fault::always(Endpoint::Discovery, Kind::Down));
    let begun = omar.begin().await;
    let page = omar
        .with_cookie(Method::POST, &format!("/link/{}", begun.id), &begun.cookie)
        .await
        .is(503);
    assert!(page.text.contains("answer at the moment"), "{}", page.text);
    service.clear_faults();
    service.fault(Fault::once(Endpoint::Discovery, Kind::WrongIss));
    let page = omar
        .with_cookie(Method::POST, &format!("/link/{}", begun.id), &begun.cookie)
        .await
        .is(502);
    assert!(page.text.contains("accept the request"), "{}", page.text);
    service.clear_faults();
    let authorize = omar.go_on(&begun).await;
    assert!(authorize.starts_with(service.issuer()));

    // The code cannot be redeemed: words, and nothing is left over.
    for (kind, status, problem) in [
        (Kind::Down, 503, "service-unreachable"),
        (
            Kind::Status(500, Vec::new(), String::new()),
            503,
            "service-unreachable",
        ),
        (
            Kind::Status(429, vec![("retry-after".into(), "1".into())], String::new()),
            503,
            "service-unreachable",
        ),
        (Kind::Html200, 502, "service-refused"),
        (Kind::InvalidGrant, 410, "took-too-long"),
        (Kind::InvalidClient, 502, "app-refused"),
        (
            Kind::Redirect(format!("{}/stolen", scene.world.jira.landing_url())),
            503,
            "service-unreachable",
        ),
    ] {
        let returned = omar.until_returned("u-100").await;
        service.fault(Fault::always(Endpoint::Redeem, kind.clone()));
        omar.prove(&returned).await.is(200);
        let page = omar.look(&returned).await.is_page(status, problem);
        assert!(page.text.contains("Acme Drive"), "{kind:?}: {}", page.text);
        service.clear_faults();
        // Where another try may help, one click begins it; a code is redeemed once, whatever comes of it.
        let again = page.text.contains("Start again");
        let over = problem == "service-refused" || problem == "app-refused";
        assert_eq!(again, !over, "{kind:?}");
        let requests = service.ledger().token_requests().len();
        match again {
            true => drop(omar.look(&returned).await.is(200)),
            false => drop(omar.look(&returned).await.is_page(410, "attempt-over")),
        }
        assert_eq!(service.ledger().token_requests().len(), requests);
        let state = if again { "linking" } else { "unlinked" };
        assert_eq!(omar.state().await, state, "{kind:?}");
        assert!(service.ledger().live_grants().is_empty(), "{kind:?}");
    }
    assert!(
        !scene
            .world
            .jira
            .calls()
            .iter()
            .any(|call| call.path == "/stolen"),
        "no code crosses to another host"
    );

    // The keys by which it signs cannot be had: what the code brought is revoked.
    let returned = omar.until_returned("u-100").await;
    service.fault(Fault::always(Endpoint::Jwks, Kind::Down));
    omar.prove(&returned).await.is(200);
    omar.look(&returned)
        .await
        .is_page(503, "service-unreachable");
    service.clear_faults();
    scene.nothing_left().await;
    assert_eq!(omar.property(), None);

    omar.link("u-100").await;
    scene.end().await;
}

async fn a_service_without_refresh_tokens_asks_to_reconnect_at_the_end(db: Db) {
    let setting = Setting::keys_live(3600).with("LATCHKEY_PROVIDER_SCOPES", "openid profile");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let key = omar.key();
    omar.recorded().await;

    // Nothing can be done about it before its time, and the person is left in peace.
    scene.advance(3000);
    omar.renew().await.is(202);
    assert_eq!(omar.state().await, "linked");
    assert_eq!(service.ledger().opens_api(&key), Some("u-100"));

    scene.advance(700);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("allow it to be renewed"), "{reason}");
    assert_eq!(service.calls_to(Endpoint::Refresh), 0);

    omar.link("u-100").await;
    assert_eq!(omar.generation(), Some(2));
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    scene.end().await;
}

async fn minted_keys_without_refresh_tokens_last_as_long_as_the_access_token(db: Db) {
    let setting = minting(ServiceOptions {
        api_key_life: Duration::from_secs(1800),
        ..ServiceOptions::default()
    })
    .with("LATCHKEY_PROVIDER_SCOPES", "openid profile");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    scene.advance(1300);
    omar.property_of_generation(2).await;
    omar.recorded().await;
    scene.advance(1300);
    omar.property_of_generation(3).await;
    omar.recorded().await;
    let last = omar.key();
    // Now the access token has run out; the last key works to its end.
    scene.advance(1300);
    omar.renew().await.is(202);
    assert_eq!(omar.state().await, "linked");
    assert_eq!(service.ledger().opens_api(&last), Some("u-100"));
    scene.advance(600);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("allow it to be renewed"), "{reason}");
    assert_eq!(omar.generation(), Some(3));
    scene.end().await;
}

async fn signing_keys_change(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    assert_eq!(service.calls_to(Endpoint::Jwks), 1);

    // Keys that are known are not asked for again.
    let mia = scene.person("acme", MIA);
    mia.link("u-200").await;
    assert_eq!(service.calls_to(Endpoint::Jwks), 1);
    mia.disconnect().await;

    for (keep_old, signing) in [(true, Signing::Es256), (false, Signing::Rs256)] {
        service.options_mut(|options| options.signing = signing);
        service.rotate_signing_key(keep_old);
        mia.link("u-200").await;
        mia.disconnect().await;
    }
    assert_eq!(service.calls_to(Endpoint::Jwks), 3);
    scene.end().await;
}

async fn the_name_is_at_userinfo(db: Db) {
    let mut setting = Setting::default();
    setting.service.name_in = NameIn::Userinfo;
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let linked = omar.link("u-100").await;
    assert_eq!(linked["displayName"], "Robin Park");
    omar.disconnect().await;

    // Whoever answers there for somebody else is not believed.
    service.fault(Fault::once(
        Endpoint::Identity,
        Kind::OtherSubject("u-200".to_owned()),
    ));
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    omar.look(&returned).await.is_page(502, "service-refused");
    scene.nothing_left().await;
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}
