//! Stories of the store: two databases that take every statement, one process for each SQLite file,
//! a database that goes away, and rows that are damaged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use std::time::Duration;

use latchkey::config::Config;
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::store::OpenError;
use latchkey::{App, Outside};

use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    migrations_run_again_and_links_go_on_after_a_restart,
    a_flipped_byte_sets_one_link_aside_and_no_other,
    a_credential_moved_to_another_row_does_not_open,
    a_damaged_tenant_stops_no_other,
    a_new_sealing_key_in_front_opens_what_the_old_one_sealed,
);

/// The credential in a person's row, and the same put back as `change` made it.
async fn change_credentials(scene: &Scene, change: impl Fn(&str, String) -> String) {
    const READ: &str = "select account_id, credential from link order by account_id";
    const WRITE: &str = "update link set credential = $2 where account_id = $1";
    let url = scene.database_url();
    // The same lines twice, because a connection's type is part of a query's.
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("it opens");
        let rows: Vec<(String, String)> = sqlx::query_as(READ)
            .fetch_all(&mut connection)
            .await
            .expect("it can be read");
        for (account, credential) in rows {
            let changed = change(&account, credential);
            sqlx::query(WRITE)
                .bind(account)
                .bind(changed)
                .execute(&mut connection)
                .await
                .expect("it can be written");
        }
        connection.close().await.expect("an orderly goodbye");
    } else {
        let mut connection = PgConnection::connect(url).await.expect("it opens");
        let rows: Vec<(String, String)> = sqlx::query_as(READ)
            .fetch_all(&mut connection)
            .await
            .expect("it can be read");
        for (account, credential) in rows {
            let changed = change(&account, credential);
            sqlx::query(WRITE)
                .bind(account)
                .bind(changed)
                .execute(&mut connection)
                .await
                .expect("it can be written");
        }
        connection.close().await.expect("an orderly goodbye");
    }
}

/// Runs one statement beside the product.
async fn execute(scene: &Scene, statement: &'static str) {
    let url = scene.database_url();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("it opens");
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .expect("it can be written");
        connection.close().await.expect("an orderly goodbye");
    } else {
        let mut connection = PgConnection::connect(url).await.expect("it opens");
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .expect("it can be written");
        connection.close().await.expect("an orderly goodbye");
    }
}

/// One bit of the ciphertext is another.
fn flipped(sealed: &str) -> String {
    let mut bytes = STANDARD.decode(sealed).expect("it is base64");
    let last = bytes.last_mut().expect("it is not empty");
    *last ^= 1;
    STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_fits_both_databases() {
    let mut counts = Vec::new();
    for db in [Db::Sqlite, Db::Postgres] {
        let scene = Scene::start(db, Setting::default()).await;
        let count = scene.app().store.prepare_all().await;
        counts.push(count.expect("every statement can be prepared"));
        scene.end().await;
    }
    assert!(counts[0] >= 60, "{counts:?}");
    // Skipping rows that another replica holds, and its sign of life, are PostgreSQL's alone.
    assert!(counts[1] > counts[0], "{counts:?}");
}

async fn migrations_run_again_and_links_go_on_after_a_restart(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    scene.person("acme", OMAR).link("u-100").await;
    if db == Db::Postgres {
        // Replicas that start together take turns.
        tokio::join!(
            scene.app_of_its_own(),
            scene.app_of_its_own(),
            scene.app_of_its_own()
        );
    }
    scene.restart().await;
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.state().await, "linked");
    omar.renewed().await;
    let service = &scene.world.service;
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    omar.recorded().await;
    omar.disconnect().await;
    assert!(service.ledger().live_grants().is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_serves_one_process() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let pairs = scene.settings().iter();
    let config = Config::from_pairs(pairs.map(|(name, value)| (*name, value.as_str())))
        .expect("the settings are good");
    let outside = Outside {
        clock: scene.clock.clone(),
        random: Random::system(),
        http: Outbound::new(true).expect("an HTTP client"),
    };
    // It waits first, for a process that may be just ending.
    let second = App::new(config, outside).await;
    let refused = second.err().expect("it is refused");
    assert!(matches!(refused, OpenError::InUse), "{refused:?}");
    scene.get("/readyz").await.is(200);
    scene.person("acme", OMAR).link("u-100").await;
    scene.end().await;
}

async fn a_flipped_byte_sets_one_link_aside_and_no_other(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let key = omar.key();
    omar.recorded().await;
    mia.recorded().await;
    let flip = |account: &str, credential: String| match account {
        OMAR => flipped(&credential),
        _ => credential,
    };
    change_credentials(&scene, flip).await;

    omar.renew().await.is(202);
    let aside = async || {
        let figures = scene.app().store.figures(scene.clock.now()).await;
        let links = figures.expect("the store is there").links;
        links.contains(&("aside".to_owned(), 1)).then_some(())
    };
    eventually("the link is set aside", aside).await;
    mia.renewed().await;
    assert_eq!(service.ledger().opens_api(&mia.key()), Some("u-200"));
    assert_eq!(omar.state().await, "linked", "its key works to its end");
    assert_eq!(service.ledger().opens_api(&key), Some("u-100"));
    assert_eq!(service.calls_to(Endpoint::Refresh), 1, "hers alone");

    // When the key has run out the person is told why.
    scene.advance(3 * 3600 + 10);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("cannot be read any more"), "{reason}");
    mia.property_of_generation(3).await;
    mia.recorded().await;

    // Mended from a backup, it goes on by itself.
    change_credentials(&scene, flip).await;
    scene.advance(1000);
    omar.property_of_generation(2).await;
    omar.recorded().await;
    assert_eq!(omar.state().await, "linked");
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));

    // Damaged for good, it can be replaced, and taken away.
    change_credentials(&scene, flip).await;
    omar.link("u-100").await;
    assert_eq!(omar.generation(), Some(3));
    omar.recorded().await;
    change_credentials(&scene, flip).await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

async fn a_credential_moved_to_another_row_does_not_open(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    mia.recorded().await;
    // Somebody who can write to the database gives Omar's row what is in Mia's.
    let hers = std::cell::RefCell::new(None);
    change_credentials(&scene, |account, credential| {
        if account == MIA {
            *hers.borrow_mut() = Some(credential.clone());
        }
        credential
    })
    .await;
    change_credentials(&scene, |account, credential| match account {
        OMAR => hers.borrow().clone().expect("she has one"),
        _ => credential,
    })
    .await;
    omar.renew().await.is(202);
    eventually("the link is set aside", async || {
        let figures = scene.app().store.figures(scene.clock.now()).await.ok()?;
        figures
            .links
            .contains(&("aside".to_owned(), 1))
            .then_some(())
    })
    .await;
    assert_eq!(omar.generation(), Some(1));
    let property = omar.property().expect("it is as it was");
    assert_eq!(property["subject"], "u-100");
    assert_eq!(service.calls_to(Endpoint::Refresh), 0);
    scene.end().await;
}

async fn a_damaged_tenant_stops_no_other(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    let other = scene.person("globex", MIA);
    omar.link("u-100").await;
    other.link("u-200").await;
    omar.recorded().await;
    other.recorded().await;
    let acme = scene.world.jira.url("acme");
    assert!(acme.contains("acme"), "{acme}");
    execute(
        &scene,
        "update tenant set data_key = 'AAAA' where base_url like '%acme%'",
    )
    .await;
    // Nobody of that site can be verified, and nobody else notices.
    let answer = scene.send(omar.call(Method::GET, "/api/link")).await;
    answer.is_problem(500, "internal");
    scene.advance(2 * 3600 + 600);
    other.property_of_generation(2).await;
    other.renewed().await;
    assert_eq!(omar.generation(), Some(1));
    scene.get("/readyz").await.is(200);
    scene.end().await;
}

async fn a_new_sealing_key_in_front_opens_what_the_old_one_sealed(db: Db) {
    const NEW: &str = "bGF0Y2hrZXktdGVzdHMtYW5vdGhlci1rZXktMDAwMDI=";
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    scene.other_secrets.push(NEW.to_owned());
    {
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        omar.recorded().await;
        // Something sealed by the old key is still to be done afterwards.
        scene
            .world
            .service
            .fault(Fault::always(Endpoint::Revoke, Kind::Down));
        omar.renewed().await;
        omar.recorded().await;
    }
    let old = scene
        .settings()
        .iter()
        .find(|(name, _)| *name == "LATCHKEY_SEALING_KEYS")
        .map(|(_, value)| value.clone())
        .expect("it is set");
    scene
        .restart_with("LATCHKEY_SEALING_KEYS", &format!("k2:{NEW},{old}"))
        .await;
    scene.world.service.clear_faults();
    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.state().await, "linked");
    omar.renewed().await;
    let mia = scene.person("globex", MIA);
    mia.link("u-200").await;
    let service = &scene.world.service;
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    omar.recorded().await;
    scene.advance(60);
    omar.disconnect().await;
    mia.disconnect().await;
    scene.no_work_left().await;
    assert!(service.ledger().live_grants().is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back() {
    let cluster = Postgres::private().await;
    let setting = Setting {
        postgres: Some(cluster.create().await),
        ..Setting::keys_live(3 * 3600)
    };
    let scene = Scene::start(Db::Postgres, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    omar.recorded().await;
    scene.get("/readyz").await.is(200);
    let begun = mia.begin().await;

    // It goes while the service is answering a refresh: that answer must not be lost.
    service.fault(Fault::once(
        Endpoint::Refresh,
        Kind::DelayAfter(Duration::from_secs(3)),
    ));
    omar.renew().await.is(202);
    eventually("the token request is under way", async || {
        (service.calls_to(Endpoint::Refresh) == 1).then_some(())
    })
    .await;
    cluster.stop().await;

    scene.get("/readyz").await.is_problem(503, "unavailable");
    scene.get("/healthz").await.is(200);
    scene
        .send(omar.call(Method::GET, "/api/link"))
        .await
        .is_problem(503, "unavailable");
    scene
        .send(omar.call(Method::DELETE, "/api/link"))
        .await
        .is_problem(503, "unavailable");
    omar.renew().await.is_problem(503, "unavailable");
    let page = mia.begin_with(&mia.token()).await.is(503);
    assert!(page.text.contains("Nothing was lost"), "{}", page.text);
    let path = format!("/link/{}", begun.id);
    for method in [Method::GET, Method::POST] {
        let page = mia.with_cookie(method, &path, &begun.cookie).await.is(503);
        assert!(page.text.contains("Nothing was lost"), "{}", page.text);
    }
    let callback = format!("{}/link/callback?code=c&state=s", scene.base);
    let page = mia.come_back(&callback, &begun.cookie).await.is(503);
    assert!(page.text.contains("Nothing was lost"), "{}", page.text);
    let enabled = scene.world.jira.enable("acme").await.expect("it is sent");
    assert!(!enabled.accepted(), "Jira is told to come again");
    service
        .wait_until(
            "the service has answered",
            Duration::from_secs(20),
            |ledger| {
                let requests = ledger.token_requests().iter();
                requests.filter(|request| request.ended.is_some()).count() == 2
            },
        )
        .await;

    // It stays away for longer than a lease: the answer is still held, and nobody asks again.
    scene.advance(60);
    cluster.start().await;
    eventually("it is ready again", async || {
        (scene.get("/readyz").await.status.as_u16() == 200).then_some(())
    })
    .await;
    omar.property_of_generation(2).await;
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    assert_eq!(service.calls_to(Endpoint::Refresh), 1);
    assert!(service.ledger().reused_refresh_tokens().is_empty());
    omar.renewed().await;
    // The attempt that had begun goes on too.
    let authorize = mia.go_on(&begun).await;
    assert!(authorize.starts_with(service.issuer()));
    scene.end().await;
}
