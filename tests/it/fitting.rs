//! Stories of a PostgreSQL that is not set up as Latchkey would have set it up.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::child::{Latchkey, Run, Settings};
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually, together};

fn name_of(url: &str) -> &str {
    url.rsplit('/').next().expect("it names a database")
}

/// The same server and database as another role.
fn as_role(url: &str, role: &str) -> String {
    let (_, rest) = url.split_once('@').expect("it names a host");
    format!("postgres://{role}@{rest}")
}

async fn run(connection: &mut PgConnection, statements: &str) {
    let statements = AssertSqlSafe(statements.to_owned());
    connection
        .execute(sqlx::raw_sql(statements))
        .await
        .expect("it is done");
}

async fn operator(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("it answers")
}

fn with_database(scene: &Scene, url: &str) -> Settings {
    let mut settings = scene.settings().to_vec();
    settings.retain(|(name, _)| *name != "LATCHKEY_DATABASE_URL");
    settings.push(("LATCHKEY_DATABASE_URL", url.to_owned()));
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_defaults_of_the_database_change_nothing() {
    let url = Postgres::database().await;
    let name = name_of(&url).to_owned();
    let mut database = operator(&url).await;
    for default in [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "lock_timeout = '1ms'",
        "statement_timeout = '2s'",
        "synchronous_commit = off",
        "timezone = 'Asia/Kathmandu'",
        "search_path = nowhere, public",
    ] {
        run(
            &mut database,
            &format!("alter database {name} set {default}"),
        )
        .await;
    }
    let mut setting = Setting::keys_live(3 * 3600);
    setting.postgres = Some(url);
    let mut scene = Scene::start_child(Db::Postgres, setting).await;
    // A schema that comes first and has a table of the same name.
    run(
        &mut database,
        "create schema nowhere; create table nowhere.link (word text)",
    )
    .await;
    let linked = scene.crowd("acme", 16);
    let linked = linked.iter().map(|(account, subject)| {
        let scene = &scene;
        async move {
            let person = scene.person("acme", account);
            person.link(subject).await;
            person.property_of_generation(1).await;
        }
    });
    together(linked).await;
    let said = scene.child().output();
    for words in ["could not serialize", "lock timeout", "does not exist"] {
        assert!(!said.contains(words), "{said}");
    }
    database.close().await.expect("an orderly goodbye");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_what_cannot_be_set_is_refused_in_one_line() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let url = Postgres::database().await;
    let name = name_of(&url).to_owned();
    let mut database = operator(&url).await;
    // Roles belong to the whole server.
    let role = |what: &str| format!("{name}_{what}");
    let (few, blind, reader) = (role("few"), role("blind"), role("reader"));
    run(
        &mut database,
        &format!(
            "create role {few} login connection limit 10; grant all on schema public to {few}; \
             create role {blind} login; alter role {blind} set search_path = nowhere; \
             create role {reader} login"
        ),
    )
    .await;
    let ascii = format!("{name}_ascii");
    run(
        &mut database,
        &format!("create database {ascii} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"),
    )
    .await;
    let ascii = url.replace(&name, &ascii);
    let refused = async |url: &str, words: &[&str]| {
        for command in ["serve", "doctor"] {
            let finished = Latchkey::run(&[command], &with_database(&scene, url)).await;
            assert!(!finished.status.success(), "{command} {words:?}");
            let said = format!("{}{}", finished.stdout, finished.stderr);
            let line = said
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)));
            assert!(line.is_some(), "{command} {words:?}: {said}");
        }
    };
    refused(&ascii, &["SQL_ASCII", "UTF8"]).await;
    refused(
        &as_role(&url, &few),
        &["10 connections", "LATCHKEY_DATABASE_CONNECTIONS is 16"],
    )
    .await;
    refused(&as_role(&url, &blind), &[&blind, "search_path"]).await;
    // There is no table yet, and the role may create none.
    let finished = Latchkey::run(&["serve"], &with_database(&scene, &as_role(&url, &reader))).await;
    assert!(
        finished.stderr.contains("latchkey migrate"),
        "{}",
        finished.stderr
    );
    let finished = Latchkey::run(&["migrate"], &with_database(&scene, &url)).await;
    assert!(finished.status.success(), "{}", finished.stderr);
    run(
        &mut database,
        &format!("grant select on all tables in schema public to {reader}"),
    )
    .await;
    refused(&as_role(&url, &reader), &["insert", "tenant", "link"]).await;
    // With these rights, and none to create, it serves.
    run(
        &mut database,
        &format!("grant insert, update, delete on all tables in schema public to {reader}"),
    )
    .await;
    let settings = with_database(&scene, &as_role(&url, &reader));
    let mut latchkey = Latchkey::start(|_| settings.clone()).await;
    latchkey.stop().await;
    database.close().await.expect("an orderly goodbye");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_a_migration_says_what_it_waits_for() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let url = Postgres::database().await;
    let (mut idle, mut database) = (operator(&url).await, operator(&url).await);
    run(&mut idle, "begin; create table tenant (word text)").await;
    let migrating = Run::start(&["migrate"], &with_database(&scene, &url));
    let waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock' \
        and datname = current_database()";
    let mut seen = std::collections::BTreeSet::new();
    // It gives up its place and takes it again with another connection.
    eventually("it waits with another connection", async || {
        let found: Option<i32> = sqlx::query_scalar(waiting)
            .fetch_optional(&mut database)
            .await
            .expect("it answers");
        seen.extend(found);
        (seen.len() >= 2).then_some(())
    })
    .await;
    run(&mut idle, "rollback").await;
    let finished = migrating.finish(Duration::from_secs(60)).await;
    assert!(finished.status.success(), "{}", finished.stderr);
    let words = "the migration waits for a lock that process";
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
    for connection in [idle, database] {
        connection.close().await.expect("an orderly goodbye");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f11_no_more_connections_are_opened_than_are_set() {
    let url = Postgres::database().await;
    let setting = Setting::keys_live(3 * 3600).with("LATCHKEY_DATABASE_CONNECTIONS", "3");
    let setting = Setting {
        postgres: Some(url.clone()),
        ..setting
    };
    let scene = Scene::start(Db::Postgres, setting).await;
    let crowd = scene.crowd("acme", 8);
    let linked = crowd.iter().map(|(account, subject)| {
        let scene = &scene;
        async move {
            scene.person("acme", account).link(subject).await;
            scene.person("acme", account).recorded().await;
        }
    });
    together(linked).await;
    eventually("what was replaced is closed", async || {
        let open = "select count(*) from pg_stat_activity where application_name = 'latchkey' \
            and datname = current_database()";
        (scene.count(open).await == 3).then_some(())
    })
    .await;
    scene.end().await;
}
