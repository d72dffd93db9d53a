//! Stories of answers that hold what was asked for and look odd: tokens that were received are kept,
//! whatever surrounds them.

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::{
    Around, Coding, Endpoint, Fault, Kind, NameIn, Rotation, ServiceOptions,
};

on_both_databases!(
    f5_r23_tokens_of_a_refresh_are_kept_whatever_surrounds_them,
    f5_everything_the_service_says_is_read_leniently,
    f5_a_refresh_that_is_not_whole_is_an_unknown_outcome,
    f5_unusable_tokens_from_a_code_are_revoked,
);

/// What may surround an answer.
pub fn surroundings() -> Vec<Around> {
    let plain = Around::default();
    let typed = |media_type| Around {
        media_type: Some(media_type),
        ..plain
    };
    let before = |before| Around { before, ..plain };
    let field = |first| Around { first, ..plain };
    let coded = |coding| Around {
        coding: Some(coding),
        ..plain
    };
    vec![
        typed("text/plain"),
        typed("text/html; charset=utf-8"),
        typed("application/octet-stream"),
        typed("application/jwt"),
        typed(""),
        Around {
            status: Some(201),
            ..plain
        },
        Around {
            status: Some(203),
            media_type: Some("text/plain; charset=iso-8859-1"),
            ..plain
        },
        before(b"\xef\xbb\xbf"),
        before(b"\r\n\r\n  \t"),
        Around {
            after: b"\n<!-- cached -->\0",
            ..plain
        },
        // Both names come again with what counts.
        field(br#""access_token":"wrong","refresh_token":"wrong","sub":"wrong","apiKey":"wrong","#),
        field(b"\"note\":\"caf\xe9 \xff\","),
        field(br#""note":"\ud800","limit":1e999,"#),
        coded(Coding::Gzip),
        coded(Coding::Deflate),
        coded(Coding::Brotli),
        Around {
            status: Some(202),
            media_type: Some("text/plain"),
            before: b"\xef\xbb\xbf\n",
            after: b"\n",
            first: b"\"note\":\"\xff\",",
            coding: Some(Coding::Gzip),
            ..plain
        },
    ]
}

async fn f5_r23_tokens_of_a_refresh_are_kept_whatever_surrounds_them(db: Db) {
    // One answer that is lost costs the link.
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for around in surroundings() {
        let words = format!("{around:?}");
        let before = omar.recorded().await;
        service.fault(Fault::once(Endpoint::Refresh, Kind::Around(around)));
        let asked = service.calls_to(Endpoint::Refresh);
        omar.renew().await.is(202);
        eventually(&words, async || {
            let status = omar.status().await;
            assert_eq!(status["state"], "linked", "{words}: {status}");
            (omar.generation() > Some(before)).then_some(())
        })
        .await;
        omar.recorded().await;
        assert_eq!(service.calls_to(Endpoint::Refresh), asked + 1, "{words}");
        let ledger = service.ledger();
        assert_eq!(ledger.opens_api(&omar.key()), Some("u-100"), "{words}");
        assert!(ledger.reused_refresh_tokens().is_empty(), "{words}");
    }
    omar.renewed().await;
    omar.recorded().await;
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn f5_everything_the_service_says_is_read_leniently(db: Db) {
    for around in surroundings() {
        let words = format!("{around:?}");
        let setting = Setting {
            service: ServiceOptions {
                name_in: NameIn::Userinfo,
                access_token_life: std::time::Duration::from_secs(50),
                ..ServiceOptions::default()
            },
            ..Setting::default()
        }
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys");
        let scene = Scene::start(db, setting).await;
        let service = &scene.world.service;
        for endpoint in [
            Endpoint::Discovery,
            Endpoint::Jwks,
            Endpoint::Token,
            Endpoint::Identity,
            Endpoint::Keys,
        ] {
            service.fault(Fault::always(endpoint, Kind::Around(around)));
        }
        let omar = scene.person("acme", OMAR);
        let status = omar.link("u-100").await;
        assert_eq!(status["displayName"], "Robin Park", "{words}");
        omar.recorded().await;
        assert_eq!(
            service.ledger().opens_api(&omar.key()),
            Some("u-100"),
            "{words}"
        );
        omar.renewed().await;
        omar.recorded().await;
        omar.disconnect().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}

async fn f5_a_refresh_that_is_not_whole_is_an_unknown_outcome(db: Db) {
    let mut setting = Setting::keys_live(3 * 3600);
    setting.service.rotation = Rotation::UntilFirstUse;
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for last in [
        br#","access_token":7"#.as_slice(),
        br#","access_token":"""#,
        b",\"access_token\":\"\xff\"",
        b",\"access_token\":null",
    ] {
        let around = Around {
            last,
            ..Around::default()
        };
        let before = omar.recorded().await;
        service.fault(Fault::once(Endpoint::Refresh, Kind::Around(around)));
        omar.renew().await.is(202);
        // Asked for again, by itself.
        omar.property_of_generation(before + 1).await;
        assert_eq!(omar.state().await, "linked", "{around:?}");
    }
    omar.recorded().await;
    scene.end().await;
}

async fn f5_unusable_tokens_from_a_code_are_revoked(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for last in [
        br#","access_token":7"#.as_slice(),
        br#","access_token":null"#,
        br#","id_token":7"#,
    ] {
        let around = Around {
            media_type: Some("text/plain"),
            last,
            ..Around::default()
        };
        let returned = omar.until_returned("u-100").await;
        service.fault(Fault::once(Endpoint::Redeem, Kind::Around(around)));
        omar.prove(&returned).await.is(200);
        omar.look(&returned).await.is_page(502, "service-refused");
        scene.all_revoked().await;
        scene.nothing_left().await;
    }
    omar.link("u-100").await;
    scene.end().await;
}
