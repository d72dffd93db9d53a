//! What does not grow with the number of links.

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;

on_both_databases!(r19_memory_does_not_grow_with_links_and_a_start_reads_no_table);

/// `LATCHKEY_LINKS` says another number.
const LINKS: u64 = 50_000;
/// Two processes that do the same differ by less, in bytes.
const THE_SAME: u64 = 6_000_000;

/// What one start and one renewal took.
#[derive(Debug)]
struct Took {
    memory: u64,
    read: u64,
}

async fn r19_memory_does_not_grow_with_links_and_a_start_reads_no_table(db: Db) {
    let links: u64 = std::env::var("LATCHKEY_LINKS")
        .ok()
        .map_or(LINKS, |links| links.parse().expect("it is a number"));
    let mut scene = Scene::start_child(db, Setting::keys_live(3 * 3600)).await;
    scene.person("acme", OMAR).link("u-100").await;
    let few = start_and_renew(&mut scene, db).await;
    // None is due, and nobody will look into them.
    let insert = format!(
        "insert into link (id, client_key, installation, account_id, subject, display_name, state, \
        generation, credential, key_expires_at, published_generation, published_expires_at, \
        published_at, put_again, due_at, failures, claims, unsettled, created_at, first_end) \
        with recursive numbers(number) as (select 1 union all \
        select number + 1 from numbers where number < {links}) \
        select 'bulk-' || number, client_key, installation, 'bulk-' || number, 'bulk-' || number, \
        display_name, state, 1, 'sealed', key_expires_at, 1, published_expires_at, published_at, 0, \
        due_at + 1000000, 0, 0, false, created_at, first_end from link, numbers"
    );
    scene.execute(&insert).await;
    // PostgreSQL does this by itself within a minute.
    scene.execute("analyze link").await;
    let many = start_and_renew(&mut scene, db).await;
    println!("{db:?}: with one link {few:?}, with {links} more {many:?}");
    let alike = |few: u64, many: u64| many < few + THE_SAME;
    assert!(alike(few.memory, many.memory), "{few:?} {many:?}");
    assert!(alike(few.read, many.read), "{few:?} {many:?}");
    let held = scene.child().figure("latchkey_links{state=\"live\"}").await;
    assert_eq!(held, i64::try_from(links + 1).ok());
    scene
        .execute("delete from link where id like 'bulk-%'")
        .await;
    scene.end().await;
}

/// Starts the product anew, lets it renew one link, and says what it took.
async fn start_and_renew(scene: &mut Scene, db: Db) -> Took {
    scene.child().stop().await;
    let before = rows_read(scene, db).await;
    scene.restart().await;
    {
        let omar = scene.person("acme", OMAR);
        let generation = omar.generation().expect("there is a key");
        omar.renew().await.is(202);
        omar.property_of_generation(generation + 1).await;
    }
    let child = scene.child();
    let (memory, read) = (child.peak_memory(), child.bytes_read());
    // Then everything is counted.
    scene.child().stop().await;
    let rows = rows_read(scene, db).await - before;
    assert!(rows < 1000, "{rows} rows were read for one link");
    scene.restart().await;
    Took { memory, read }
}

/// Rows of links that were ever read; SQLite does not count them.
async fn rows_read(scene: &Scene, db: Db) -> i64 {
    match db {
        Db::Sqlite => 0,
        Db::Postgres => {
            let query = "select cast(seq_tup_read + coalesce(idx_tup_fetch, 0) as bigint) \
                from pg_stat_user_tables where relname = 'link'";
            scene.count(query).await
        }
    }
}
