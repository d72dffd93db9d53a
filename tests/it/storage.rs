//! Stories of the store: two databases that take every statement, one process for each SQLite file,
//! a database that goes away, and rows that are damaged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use std::time::Duration;

use latchkey::config::Config;
use latchkey::model::StateName;
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::store::OpenError;
use latchkey::{App, Outside};

use crate::child::Latchkey;
use crate::database::{Cell, Database};
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    migrations_run_again_and_links_go_on_after_a_restart,
    t18_a_flipped_byte_sets_one_link_aside_and_no_other,
    t18_what_is_moved_does_not_open_and_stops_nobody_else,
    t18_an_older_row_put_back_does_not_open,
    t18_a_row_put_back_after_its_end_does_not_live_again,
    t18_a_damaged_tenant_stops_no_other,
    a_new_sealing_key_in_front_opens_what_the_old_one_sealed,
    f15_r28_a_key_that_opens_nothing_refuses_the_start,
    f15_r28_links_set_aside_for_a_missing_key_are_tried_at_the_next_start,
);

fn credential(condition: impl Into<String>) -> Cell {
    Cell {
        table: "link",
        column: "credential",
        row: condition.into(),
    }
}

fn credential_of(person: &Person<'_>) -> Cell {
    credential(row_of(person))
}

/// The row of a person's link, or of their attempt.
fn row_of(person: &Person<'_>) -> String {
    let client_key = person.scene.world.jira.site(person.site).client_key;
    let account = &person.account;
    format!("account_id = '{account}' and client_key = '{client_key}'")
}

/// The credential in each person's row, put back as `change` made it.
async fn change_credentials(scene: &Scene, change: impl Fn(&str, String) -> String) {
    let mut database = Database::open(scene.database_url()).await;
    let rows = database
        .pairs("select account_id, credential from link order by account_id")
        .await;
    for (account, sealed) in rows {
        let changed = change(&account, sealed);
        let cell = credential(format!("account_id = '{account}'"));
        database.write(&cell, &changed).await;
    }
    database.close().await;
}

/// Runs one statement beside the product.
async fn execute(scene: &Scene, statement: &str) {
    let mut database = Database::open(scene.database_url()).await;
    database.execute(statement).await;
    database.close().await;
}

/// How often what stands in this column did not open.
fn seal_failures(scene: &Scene, column: &str) -> i64 {
    let families = scene.app().registry.gather();
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&families)
        .expect("figures are text");
    let name = seal_failures_of(column);
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find_map(|(found, count)| (found == name).then(|| count.parse().expect("a number")))
        .unwrap_or_default()
}

fn seal_failures_of(column: &str) -> String {
    format!("latchkey_security_events_total{{event=\"seal_failure\",kind=\"{column}\"}}")
}

/// Waits until as many links are set aside, no more and no fewer.
async fn set_aside(scene: &Scene, count: i64) {
    eventually("the links are set aside", async || {
        let figures = scene.figures().await?;
        (figures.links_in(StateName::Aside) == count).then_some(())
    })
    .await;
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
        let count = scene.app().parts.store.prepare_all().await;
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

async fn t18_a_flipped_byte_sets_one_link_aside_and_no_other(db: Db) {
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
    set_aside(&scene, 1).await;
    mia.renewed().await;
    assert_eq!(service.ledger().opens_api(&mia.key()), Some("u-200"));
    assert_eq!(omar.state().await, "linked", "its key works to its end");
    assert_eq!(service.ledger().opens_api(&key), Some("u-100"));
    assert_eq!(service.calls_to(Endpoint::Refresh), 1, "hers alone");

    // When the key has run out the person is told why.
    scene.advance(3 * 3600 + 10);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("be read anymore"), "{reason}");
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

/// The product is a child process, and the rows are changed beside it, as somebody who can write to the
/// database would: between tenants, people and columns, and an older value put back.
async fn t18_what_is_moved_does_not_open_and_stops_nobody_else(db: Db) {
    let mut scene = Scene::start_child(db, Setting::keys_live(3 * 3600)).await;
    for site in ["swapped", "switched", "mixed"] {
        scene.world.jira.add_site(site, site);
        let descriptor = scene.address("/atlassian-connect.json");
        let jira = &scene.world.jira;
        jira.install(site, &descriptor)
            .await
            .expect("it is installed");
    }
    let mut database = Database::open(scene.database_url()).await;
    let crowd = scene.crowd("acme", 9);
    scene.crowd("globex", 9);
    let at = |site, number: usize| scene.person(site, &crowd[number].0);
    let link = async |site, number: usize| {
        let person = at(site, number);
        person.link(&crowd[number].1).await;
        person.property_of_generation(1).await;
    };
    for number in 0..6 {
        link("acme", number).await;
    }
    link("globex", 0).await;
    link("globex", 6).await;
    // People of sites whose own keys are moved, and of one whose secret is.
    for site in ["swapped", "switched", "mixed"] {
        let mia = scene.person(site, MIA);
        mia.link("u-200").await;
        mia.property_of_generation(1).await;
    }
    // An older credential, of a link that has been renewed since.
    let older = database.read(&credential_of(&at("acme", 3))).await;
    let recorded = "select id, account_id from link where published_generation = generation \
        and claim is null and put_again = 0";
    let settled = async |database: &mut Database, links: usize| {
        let now = tokio::time::Instant::now();
        while database.pairs(recorded).await.len() < links {
            assert!(
                now.elapsed() < Duration::from_secs(60),
                "links do not settle"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    settled(&mut database, 11).await;
    at("acme", 3).renew().await.is(202);
    at("acme", 3).property_of_generation(2).await;
    // Two people have an attempt under way, and two have tokens that are still to be revoked.
    let moved = at("acme", 7).until_returned(&crowd[7].1).await;
    let unmoved = at("globex", 8).until_returned(&crowd[8].1).await;
    scene
        .world
        .service
        .fault(Fault::always(Endpoint::Revoke, Kind::Down));
    for number in [1, 6] {
        let site = if number == 1 { "acme" } else { "globex" };
        at(site, number).disconnect().await;
    }
    settled(&mut database, 9).await;

    let tenant = |site, column| Cell {
        table: "tenant",
        column,
        row: format!("client_key = '{}'", scene.world.jira.site(site).client_key),
    };
    let attempt = Cell {
        table: "attempt",
        column: "kept",
        row: row_of(&at("acme", 7)),
    };
    let revocation = |person: &Person<'_>| Cell {
        table: "cleanup",
        column: "revocation",
        row: format!("kind = 'revoke' and {}", row_of(person)),
    };
    let mixed = scene.person("mixed", MIA);
    for (one, other) in [
        (
            credential_of(&at("acme", 0)),
            credential_of(&at("globex", 0)),
        ),
        (credential_of(&at("acme", 2)), credential_of(&at("acme", 4))),
        (tenant("mixed", "shared_secret"), credential_of(&mixed)),
        (
            tenant("swapped", "data_key"),
            tenant("switched", "data_key"),
        ),
        (revocation(&at("acme", 1)), revocation(&at("globex", 6))),
    ] {
        database.swap(&one, &other).await;
    }
    database.write(&credential_of(&at("acme", 3)), &older).await;
    let authorization = database.read(&attempt).await;
    database.write(&attempt, &older).await;
    scene.world.service.clear_faults();
    database.execute("update cleanup set due_at = 1").await;
    // Everybody is due. Only one of them has what it had.
    database.execute("update link set due_at = 1").await;

    at("acme", 5).property_of_generation(2).await;
    let aside = "select account_id, client_key from link where state = 'aside' \
        and reason = 'seal_broken'";
    eventually("each of them is set aside", async || {
        let mut database = Database::open(scene.database_url()).await;
        let found = database.pairs(aside).await.len();
        database.close().await;
        (found == 8).then_some(())
    })
    .await;
    let mut alive = database
        .pairs("select account_id, client_key from link where state <> 'aside'")
        .await;
    assert_eq!(alive.remove(0).0, crowd[5].0);
    assert_eq!(alive, []);
    // A code among the credentials opens no more than a credential among the codes.
    at("acme", 7)
        .prove(&moved)
        .await
        .is_problem(410, "attempt-over");
    database
        .write(&credential_of(&at("acme", 2)), &authorization)
        .await;
    at("globex", 8).prove(&unmoved).await.is(200);
    at("globex", 8).confirm(&unmoved).await.leads_to();
    let moved_tenant = scene.person("swapped", MIA);
    let answer = scene.send(moved_tenant.call(Method::GET, "/api/link"));
    answer.await.is_problem(500, "internal");
    scene.get("/readyz").await.is(200);
    database.execute("update link set due_at = 1").await;
    at("acme", 5).property_of_generation(3).await;
    at("globex", 8).property_of_generation(2).await;
    eventually("what cannot be revoked is off the list", async || {
        let mut database = Database::open(scene.database_url()).await;
        let left = database.pairs("select id, kind from cleanup").await.len();
        database.close().await;
        (left == 0).then_some(())
    })
    .await;
    // None of them was renewed with what was not its own.
    for number in [0, 2, 4] {
        assert_eq!(at("acme", number).generation(), Some(1));
    }
    assert_eq!(at("acme", 3).generation(), Some(2));

    let columns = [
        ("link.credential", 5),
        ("attempt.kept", 1),
        ("tenant.data_key", 2),
        ("tenant.shared_secret", 1),
        ("cleanup.revocation", 2),
    ];
    for (column, least) in columns {
        let name = seal_failures_of(column);
        let count = scene.child().figure(&name).await.unwrap_or_default();
        assert!(count >= least, "{column}: {count}");
    }
    let output = scene.child().output();
    let line = output.lines().find(|line| {
        line.contains("event=\"seal_failure\"") && line.contains(&format!("account={}", crowd[0].0))
    });
    assert!(line.is_some(), "the log does not name whose it was");
    database.close().await;
    scene.end().await;
}

/// A whole row as it was a generation ago: it fits together, and only what stands beside it shows its
/// age.
async fn t18_an_older_row_put_back_does_not_open(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    mia.recorded().await;
    let his = row_of(&omar);
    execute(&scene, "create table older as select * from link").await;
    omar.renewed().await;
    mia.renewed().await;
    omar.recorded().await;
    mia.recorded().await;
    execute(&scene, "create table newer as select * from link").await;
    let put_back = async |from: &str| {
        execute(&scene, &format!("delete from link where {his}")).await;
        let insert = format!("insert into link select * from {from} where {his}");
        execute(&scene, &insert).await;
        execute(&scene, &format!("update link set due_at = 1 where {his}")).await;
    };
    let before = service.calls_to(Endpoint::Refresh);
    put_back("older").await;
    set_aside(&scene, 1).await;
    assert_eq!(seal_failures(&scene, "link.credential"), 1);
    assert_eq!(service.calls_to(Endpoint::Refresh), before);
    assert_eq!(omar.generation(), Some(2), "nothing older was put");
    mia.renewed().await;
    scene.advance(3 * 3600 + 10);
    let reason = omar.asked_to_reconnect().await;
    assert!(reason.contains("be read anymore"), "{reason}");

    // The right row goes on by itself, and an older one can be replaced.
    put_back("newer").await;
    omar.property_of_generation(3).await;
    omar.recorded().await;
    put_back("newer").await;
    set_aside(&scene, 1).await;
    omar.link("u-100").await;
    assert_eq!(omar.generation(), Some(4));
    omar.renewed().await;
    omar.recorded().await;
    mia.recorded().await;
    execute(&scene, "drop table older").await;
    execute(&scene, "drop table newer").await;
    scene.end().await;
}

async fn t18_a_row_put_back_after_its_end_does_not_live_again(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.recorded().await;
    mia.recorded().await;
    let his = row_of(&omar);
    execute(&scene, "create table ended as select * from link").await;
    let put_back = async || {
        execute(&scene, &format!("delete from link where {his}")).await;
        let insert = format!("insert into link select * from ended where {his}");
        execute(&scene, &insert).await;
        execute(&scene, &format!("update link set due_at = 1 where {his}")).await;
    };
    omar.disconnect().await;
    put_back().await;
    set_aside(&scene, 1).await;
    assert_eq!(seal_failures(&scene, "link.credential"), 1);
    assert_eq!(service.calls_to(Endpoint::Refresh), 0);
    assert_eq!(omar.property(), None);
    mia.renewed().await;

    // Nor in place of the link that came after it, whatever generation that has.
    omar.disconnect().await;
    omar.link("u-100").await;
    let last = omar.recorded().await;
    put_back().await;
    set_aside(&scene, 1).await;
    omar.disconnect().await;
    assert_eq!(omar.state().await, "unlinked");

    // The end of an uninstall is an end too.
    let acme = scene.world.jira.uninstall("acme").await;
    assert!(acme.expect("it is sent").accepted());
    scene.no_work_left().await;
    eventually("nothing is left of the site", async || {
        let mut database = Database::open(scene.database_url()).await;
        let left = "select client_key, account_id from link_generation";
        let left = database.pairs(left).await.len();
        database.close().await;
        (left == 0).then_some(())
    })
    .await;
    // Nor after another installation, whose links go on counting.
    let descriptor = scene.address("/atlassian-connect.json");
    let installed = scene.world.jira.install("acme", &descriptor).await;
    installed.expect("it is installed again");
    omar.link("u-100").await;
    assert!(omar.generation() > Some(last), "{:?}", omar.generation());
    omar.recorded().await;
    execute(&scene, "update ended set installation = installation + 1").await;
    put_back().await;
    set_aside(&scene, 1).await;
    execute(&scene, "drop table ended").await;
    scene.end().await;
}

async fn t18_a_damaged_tenant_stops_no_other(db: Db) {
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
    scene.nothing_left().await;
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

/// Another key, by the name of the right one and by another name.
async fn f15_r28_a_key_that_opens_nothing_refuses_the_start(db: Db) {
    let mut scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let right = scene.settings().to_vec();
    let right = right
        .iter()
        .find(|(name, _)| *name == "LATCHKEY_SEALING_KEYS");
    let (_, right) = right.expect("it is set").clone();
    let (kid, _) = right.split_once(':').expect("it has a name");
    let address = scene.stop().await;
    let another = "bm90LXRoZS1rZXktdGhhdC1zZWFsZWQtYW55dGhpbmc=";
    for wrong in [format!("{kid}:{another}"), format!("other:{another}")] {
        let mut settings = scene.settings().to_vec();
        settings.retain(|(name, _)| *name != "LATCHKEY_SEALING_KEYS");
        settings.push(("LATCHKEY_SEALING_KEYS", wrong));
        let finished = Latchkey::run(&["serve"], &settings).await;
        assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
        let said = &finished.stderr;
        assert!(
            said.contains("LATCHKEY_SEALING_KEYS open nothing"),
            "{said}"
        );
        let doctor = Latchkey::run(&["doctor"], &settings).await;
        assert!(
            doctor.stdout.contains("✗ sealing keys"),
            "{}",
            doctor.stdout
        );
    }
    scene.start_again(address).await;
    assert_eq!(scene.person("acme", OMAR).state().await, "linked");
    scene.end().await;
}

async fn f15_r28_links_set_aside_for_a_missing_key_are_tried_at_the_next_start(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let address = scene.stop().await;
    let later = scene.clock.now() + 900;
    execute(
        &scene,
        &format!("update link set state = 'aside', reason = 'seal_broken', due_at = {later}"),
    )
    .await;
    scene.start_again(address).await;
    let live = "select count(*) from link where state = 'live'";
    eventually("it is tried at once", async || {
        (scene.count(live).await == 1).then_some(())
    })
    .await;
    assert!(scene.clock.now() < later, "not because its time came");
    scene.end().await;
}
