//! Stories of linking, from the click to the key in the property and to its end.

use serde_json::json;

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;

on_both_databases!(
    a_person_connects_and_disconnects,
    a_key_of_ten_seconds_is_renewed_for_five_generations,
);

async fn a_person_connects_and_disconnects(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    assert_eq!(
        omar.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );

    let returned = omar.until_returned("u-100").await;
    assert_eq!(omar.state().await, "linking");
    assert_eq!(
        scene.world.service.ledger().token_requests().len(),
        0,
        "nothing is redeemed before the proof"
    );
    let both = omar.prove(&returned).await.is(200).json();
    assert_eq!(both["jira"]["accountId"], OMAR);
    assert_eq!(
        both["service"],
        json!({"name": "Acme Drive", "subject": "u-100", "displayName": "Robin Park"})
    );
    assert_eq!(both["replaces"], json!(null));
    assert_eq!(
        both["back"],
        format!("{}/browse/KEY-1", scene.world.jira.url("acme"))
    );
    assert_eq!(
        omar.property(),
        None,
        "nothing is linked before the confirmation"
    );

    let linked = omar.confirm(&returned).await.is(200).json();
    assert_eq!(linked["state"], "linked");
    let property = omar.property().expect("the property is there");
    let key = property["apiKey"]
        .as_str()
        .expect("it holds a key")
        .to_owned();
    let expires_at = property["expiresAt"].clone();
    assert_eq!(
        property,
        json!({"version": 1, "apiKey": key, "expiresAt": expires_at, "service": "Acme Drive",
            "subject": "u-100", "displayName": "Robin Park", "generation": 1})
    );
    assert_eq!(
        scene.world.service.ledger().opens_api(&key),
        Some("u-100"),
        "the key works at the service"
    );
    let status = omar.status().await;
    assert_eq!(status["state"], "linked");
    assert_eq!(status["displayName"], "Robin Park");
    assert_eq!(status["expiresAt"], expires_at);

    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(
        omar.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );
    let ledger = scene.world.service.ledger();
    assert!(ledger.is_revoked(&key), "the key is revoked");
    assert_eq!(
        ledger.live_grants().len(),
        0,
        "nothing of it lives on at the service"
    );
    scene.end().await;
}

async fn a_key_of_ten_seconds_is_renewed_for_five_generations(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(10)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for generation in 2..=6 {
        let property = omar.property_of_generation(generation).await;
        let key = property["apiKey"]
            .as_str()
            .expect("it holds a key")
            .to_owned();
        assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
        assert_eq!(omar.state().await, "linked");
    }
    let ledger = scene.world.service.ledger();
    assert!(ledger.overlaps().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(scene.world.service.ledger().live_grants().len(), 0);
    scene.end().await;
}
