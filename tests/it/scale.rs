//! Stories of many links: writes that are made together, and no statement that reads a whole table.

use std::collections::HashSet;

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tokio::task::JoinSet;

use latchkey::clock::Seconds;
use latchkey::model::ClientKey;
use latchkey::store::{Claim, ClaimKind, GivenBack, LEASE, Lease, Turn};

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};

on_both_databases!(
    no_statement_reads_a_whole_table,
    r3_writes_made_together_find_their_own_rows,
    r3_a_claim_covers_a_request_that_goes_out_soon,
    r4_of_two_writes_about_one_link_one_is_late,
    r4_of_commits_made_together_only_the_late_one_is_thrown_away,
    a_claim_takes_no_more_than_there_is_room_for,
    a_write_that_fails_fails_alone,
);

/// Indexes that hold only the rows that are asked for: reading one to its end reads no table.
const SMALL: [&str; 4] = [
    // Links that are being renewed at the moment.
    "link_claimed",
    // Tokens that wait for another link to end.
    "cleanup_held",
    "cleanup_held_for_account",
    // Tenants that are being forgotten.
    "tenant_draining",
];

/// What neither the worker nor a page asks for.
const RARE: [&str; 29] = [
    // Figures: each reads an index of the rows that it is about (tests/it/watching.rs).
    "LINKS_LIVE",
    "LINKS_DUE",
    "LINKS_RESTING",
    "LINKS_FAILING",
    "LINKS_UNSETTLED",
    "EARLIEST_EXPIRY",
    "CLEANUP_LEFT",
    "CLEANUP_BY_KIND",
    "TENANTS_BY_DOOR",
    "TENANTS_BY_STATE",
    "TENANTS_PARKED",
    "REPORTS_IN_TROUBLE",
    "WEBHOOKS_WAITING",
    "WEBHOOKS_GIVEN_UP",
    "RECEIVERS_GONE",
    // What `latchkey backup`, `latchkey doctor` and `latchkey accounts report` look at.
    "BACKUP_LINKS",
    "BACKUP_TENANTS",
    "TENANTS_SOME",
    "REPORTS_SOME",
    // How much there is to do for `rotate-keys`.
    "WRAPPED_COUNT",
    // A table with a row for each migration.
    "MIGRATIONS_DONE",
    // After a clock was wrong.
    "GATES_BACK",
    "FAILING_TENANTS_BACK",
    "TENANTS_BACK",
    "SYSTEM_TOKENS_BACK",
    "RECEIVERS_BACK",
    // A row for each receiver there was, at the start.
    "RECEIVERS_FORGET",
    // Of the server's own tables, at the start.
    "SERVER",
    "IN_THE_WAY",
];

/// Whether a line of SQLite's plan reads all there is.
fn scans_sqlite(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        // The rows that came with the statement, or the few that a part of it has found.
        ["SCAN", "CONSTANT", "ROW"] | ["SCAN", _, "CONSTANT", "ROWS"] => false,
        ["SCAN", "v" | "head" | "oldest" | "candidate"] => false,
        ["SCAN", .., "INDEX", index] => !SMALL.contains(index),
        ["SCAN", ..] => true,
        // The smallest of all, looked for one by one.
        ["SEARCH", _] => true,
        _ => false,
    }
}

/// The same for PostgreSQL's, where an index is read to its end when no condition is named for it.
fn scans_postgres(plan: &[String], at: usize) -> bool {
    let line = plan[at].trim_start().trim_start_matches("-> ").trim();
    if line.starts_with("Seq Scan on") {
        return true;
    }
    let Some((_, rest)) = line
        .split_once("Scan using ")
        .or_else(|| line.split_once("Bitmap Index Scan on "))
    else {
        return false;
    };
    let index = rest.split_whitespace().next().unwrap_or_default();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let conditioned = plan[at + 1..]
        .iter()
        .take_while(|next| depth(next) > depth(&plan[at]) && !next.contains("->"))
        .any(|next| next.contains("Index Cond"));
    !conditioned && !SMALL.contains(&index)
}

async fn no_statement_reads_a_whole_table(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let plans = scene
        .app()
        .parts
        .store
        .plans()
        .await
        .expect("all are planned");
    // SQLite has no plan for an insert of given values.
    let planned = plans.iter().filter(|(_, plan)| !plan.is_empty()).count();
    assert!(planned >= 60, "{planned} of {}", plans.len());
    let mut scanning = Vec::new();
    for (name, plan) in &plans {
        let scans = (0..plan.len()).any(|at| match db {
            Db::Sqlite => scans_sqlite(&plan[at]),
            Db::Postgres => scans_postgres(plan, at),
        });
        if scans && !RARE.contains(name) {
            scanning.push(format!("{name}:\n  {}", plan.join("\n  ")));
        }
    }
    assert!(scanning.is_empty(), "{}", scanning.join("\n"));
    scene.end().await;
}

/// So many links, claimed without the worker, which sees nothing due meanwhile.
async fn claimed(scene: &Scene, links: u64) -> Vec<Claim> {
    for (account, subject) in scene.crowd("acme", links) {
        let person = scene.person("acme", &account);
        person.link(&subject).await;
        person.recorded().await;
    }
    let later = scene.clock.now() + 2 * 3600 + 600;
    let claims = claim(scene, 64, later).await;
    assert_eq!(claims.len() as u64, links);
    claims
}

/// What is due by then, up to so many, claimed for ten minutes; in the name of the scene's own replica,
/// whose claims are not taken for those of a process that died.
async fn claim(scene: &Scene, most: i64, by: Seconds) -> Vec<Claim> {
    let turn = Turn {
        tenant: ClientKey(scene.client_key("acme")),
        most: 64,
        rests: false,
    };
    let store = &scene.app().parts.store;
    store
        .claim(
            Lease {
                owner: &scene.app().renewing.replica,
                until: by + 600,
            },
            &[turn],
            most,
            ClaimKind::Due,
            by,
            by + 600,
        )
        .await
        .expect("the store is there")
}

/// Holds up all writes about links, until it is dropped: they come to wait for one another.
enum Held {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Held {
    async fn up(scene: &Scene) -> Self {
        let url = scene.database_url();
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.expect("it opens");
            let begun = connection.execute("begin immediate").await;
            begun.expect("nobody else writes for ever");
            Self::Sqlite(connection)
        } else {
            let mut connection = PgConnection::connect(url).await.expect("it opens");
            let begun = connection
                .execute("begin; lock table link in exclusive mode")
                .await;
            begun.expect("nobody else writes for ever");
            Self::Postgres(connection)
        }
    }

    async fn let_go(self) {
        match self {
            Self::Sqlite(mut connection) => connection.execute("rollback").await.map(|_| ()),
            Self::Postgres(mut connection) => connection.execute("rollback").await.map(|_| ()),
        }
        .expect("it can be let go");
    }
}

async fn r3_writes_made_together_find_their_own_rows(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 12).await;
    let store = &scene.app().parts.store;
    let now = scene.clock.now();
    // Every third claim is over before anybody intends to send.
    let mut over = HashSet::new();
    for claim in claims.iter().step_by(3) {
        let put_off = store.put_off(claim, now + 3600, GivenBack::Untried).await;
        assert!(put_off.expect("the store is there"));
        over.insert(claim.link.id.clone());
    }
    let held = Held::up(&scene).await;
    let mut writes = JoinSet::new();
    for claim in claims {
        let store = store.clone();
        writes.spawn(async move {
            let intended = store.intend(&claim, now, now + 45).await;
            (claim, intended.expect("the store is there"))
        });
    }
    // They have come as far as they can.
    tokio::task::yield_now().await;
    held.let_go().await;
    let mut sent = Vec::new();
    while let Some(done) = writes.join_next().await {
        let (claim, intended) = done.expect("no panic");
        assert_eq!(intended, !over.contains(&claim.link.id));
        if intended {
            sent.push(claim);
        }
    }
    assert_eq!(sent.len(), 8);
    let figures = store.figures(now).await.expect("the store is there");
    assert_eq!(figures.unsettled, 8);
    // The same with other values for each: every row has its own.
    let mut writes = JoinSet::new();
    for (number, claim) in sent.into_iter().enumerate() {
        let store = store.clone();
        let credential = claim.credential.clone().expect("it opens");
        writes.spawn(async move {
            let generation = claim.link.generation + 1;
            let committed = store.commit(&claim, &credential, generation).await;
            assert!(committed.expect("the store is there"), "{number}");
        });
    }
    writes.join_all().await;
    let figures = store.figures(now).await.expect("the store is there");
    assert_eq!(figures.unsettled, 0);
    let later = now + 3 * 3600;
    let claims = claim(&scene, 64, later).await;
    assert_eq!(claims.len(), 12);
    for claim in claims {
        claim.credential.expect("each has its own credential");
        let renewed = 1 + i64::from(!over.contains(&claim.link.id));
        assert_eq!(claim.link.generation, renewed);
    }
    scene.close().await;
}

/// A claim is an intent, so a request that goes out at once costs no further write. One that goes out later renews the
/// lease, which has to be longer than a request can take.
async fn r3_a_claim_covers_a_request_that_goes_out_soon(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 3).await;
    let store = &scene.app().parts.store;
    // The clock has gone on since then.
    let at = scene.count("select max(intent_at) from link").await;
    // As `claim` has it.
    let lease_ends = at + 600;
    let may_send = async |claim: &Claim, now: Seconds| {
        let intended = store.intend(claim, now, now + LEASE).await;
        intended.expect("the store is there")
    };
    let lease_of = async |claim: &Claim| {
        let id = claim.link.id.as_str();
        let lease = format!("select due_at from link where id = '{id}'");
        scene.count(&lease).await
    };
    let open = "select count(*) from link where intent_at is not null and not unsettled";
    assert_eq!(scene.count(open).await, 3, "before anything is sent");
    let [soon, late, over] = &claims[..] else {
        panic!("three were claimed");
    };
    let close =
        |until: Seconds| format!("update gate set opens_at = {until} where name = 'service'");
    for (claim, now) in [(soon, at + 1), (late, at + 60)] {
        scene.execute(&close(now + 1)).await;
        assert!(!may_send(claim, now).await, "the gate is closed");
        scene.execute(&close(0)).await;
        scene
            .execute("update tenant set installation = installation + 1")
            .await;
        assert!(!may_send(claim, now).await, "the app was installed again");
        scene
            .execute("update tenant set installation = installation - 1")
            .await;
    }
    assert!(may_send(soon, at + 5).await);
    assert_eq!(lease_of(soon).await, lease_ends, "nothing was written");
    assert!(may_send(late, at + 6).await);
    assert_eq!(lease_of(late).await, at + 6 + LEASE, "the lease is renewed");
    assert!(!may_send(late, at + 6 + LEASE).await, "the lease is over");
    let given_back = store.put_off(over, at, GivenBack::Untried).await;
    assert!(given_back.expect("the store is there"));
    assert!(!may_send(over, at + 1).await, "the claim is over");
    assert_eq!(scene.count(open).await, 2, "nothing was sent");
    scene.close().await;
}

async fn r4_of_two_writes_about_one_link_one_is_late(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 4).await;
    let store = &scene.app().parts.store;
    let held = Held::up(&scene).await;
    let later = scene.clock.now() + 3600;
    let mut writes = JoinSet::new();
    for claim in claims.iter().chain(&claims).cloned() {
        let store = store.clone();
        writes.spawn(async move {
            let put_off = store.put_off(&claim, later, GivenBack::Untried).await;
            (claim.link.id, put_off.expect("the store is there"))
        });
    }
    tokio::task::yield_now().await;
    held.let_go().await;
    let done = writes.join_all().await;
    let mut first: Vec<_> = done.iter().filter(|(_, found)| *found).collect();
    first.sort_by_key(|(link, _)| link.as_str());
    first.dedup();
    assert_eq!(first.len(), 4, "{done:?}");
    assert_eq!(
        done.iter().filter(|(_, found)| *found).count(),
        4,
        "{done:?}"
    );
    scene.close().await;
}

async fn r4_of_commits_made_together_only_the_late_one_is_thrown_away(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 6).await;
    let store = &scene.app().parts.store;
    let late = claims[2].link.id.clone();
    let credential = claims[2].credential.clone().expect("it opens");
    let committed = store.commit(&claims[2], &credential, 2).await;
    assert!(committed.expect("the store is there"));
    let held = Held::up(&scene).await;
    let mut writes = JoinSet::new();
    for claim in claims {
        let store = store.clone();
        let credential = claim.credential.clone().expect("it opens");
        // The late one would come further than its link has.
        let generation = if claim.link.id == late { 7 } else { 2 };
        writes.spawn(async move {
            let committed = store.commit(&claim, &credential, generation).await;
            (claim.link.id, committed.expect("the store is there"))
        });
    }
    tokio::task::yield_now().await;
    held.let_go().await;
    for (link, committed) in writes.join_all().await {
        assert_eq!(committed, link != late);
    }
    let claims = claim(&scene, 64, scene.clock.now() + 3 * 3600).await;
    assert_eq!(claims.len(), 6);
    for claim in claims {
        assert_eq!(claim.link.generation, 2);
        claim.credential.expect("nobody's generation was counted");
    }
    scene.close().await;
}

async fn a_claim_takes_no_more_than_there_is_room_for(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 6).await;
    let store = &scene.app().parts.store;
    let now = scene.clock.now();
    for claim in &claims {
        let put_off = store.put_off(claim, now + 3600, GivenBack::Untried).await;
        assert!(put_off.expect("the store is there"));
    }
    let (most, by) = (4, now + 3 * 3600);
    let turn = |most| Turn {
        tenant: ClientKey(scene.client_key("acme")),
        most,
        rests: false,
    };
    let claims = store
        .claim(
            Lease {
                owner: &scene.app().renewing.replica,
                until: by + 600,
            },
            &[turn(3), turn(3)],
            most,
            ClaimKind::Due,
            by,
            by + 600,
        )
        .await
        .expect("the store is there");
    assert_eq!(claims.len(), 4);
    scene.close().await;
}

async fn a_write_that_fails_fails_alone(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let claims = claimed(&scene, 6).await;
    let store = &scene.app().parts.store;
    let bad = claims[3].link.id.as_str().to_owned();
    refuse(&scene, &bad).await;
    let held = Held::up(&scene).await;
    let now = scene.clock.now();
    let mut writes = JoinSet::new();
    for claim in claims {
        let store = store.clone();
        writes.spawn(async move {
            let intended = store.intend(&claim, now, now + 45).await;
            (claim.link.id, intended)
        });
    }
    tokio::task::yield_now().await;
    held.let_go().await;
    while let Some(done) = writes.join_next().await {
        let (link, intended) = done.expect("no panic");
        match intended {
            Ok(found) => assert!(found && link.as_str() != bad),
            Err(error) => assert_eq!(link.as_str(), bad, "{error}"),
        }
    }
    scene.close().await;
}

/// The database refuses every change of this link.
async fn refuse(scene: &Scene, link: &str) {
    let url = scene.database_url();
    assert!(
        link.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    );
    if url.starts_with("sqlite:") {
        let trigger = format!(
            "create trigger refused before update on link when new.id = '{link}' \
             begin select raise(abort, 'refused'); end"
        );
        let mut connection = SqliteConnection::connect(url).await.expect("it opens");
        let made = connection.execute(sqlx::AssertSqlSafe(trigger)).await;
        made.expect("a trigger");
        connection.close().await.expect("an orderly goodbye");
    } else {
        let trigger = format!(
            "create function refuse() returns trigger as $$ begin raise 'refused'; end $$ \
             language plpgsql; create trigger refused before update on link for each row \
             when (new.id = '{link}') execute function refuse()"
        );
        let mut connection = PgConnection::connect(url).await.expect("it opens");
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(trigger))
            .execute(&mut connection)
            .await;
        made.expect("a trigger");
        connection.close().await.expect("an orderly goodbye");
    }
}
