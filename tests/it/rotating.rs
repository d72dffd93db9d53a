//! Stories of changing the sealing keys while servers run.

use std::cell::Cell;
use std::time::Duration;

use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::events::Events;
use latchkey::random::Random;
use latchkey::secret::Secret;
use latchkey::store::Rotator;
use latchkey::vault::{Place, SealingKey, Vault};
use tokio::time::{Instant, sleep};

use crate::child::{Finished, Run, Settings};
use crate::database::{Cell as Value, Database};
use crate::hooks::new_secret;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::Overrides;
use crate::sim::receiver::Receiver;
use crate::sim::service::{Endpoint, Fault, Kind, Rotation, ServiceOptions};

on_both_databases!(
    sealing_keys_change_while_everything_goes_on,
    what_changes_meanwhile_is_not_undone,
    what_does_not_open_is_named_and_left_as_it_is,
    tables_of_another_version_are_left_as_they_are,
);

const OLD: &str = "b2xkLXNlYWxpbmcta2V5LW9mLXRoZS1zdG9yaWVzLTE=";
const NEW: &str = "bmV3LXNlYWxpbmcta2V5LW9mLXRoZS1zdG9yaWVzLTI=";
/// How values begin that these keys sealed: version, algorithm, and a kid of three letters.
const BY_OLD: &str = "AQEDb2xk";
const BY_NEW: &str = "AQEDbmV3";
const KEY_LIFE: Duration = Duration::from_secs(12);
const PEOPLE: u64 = 24;
/// A debug build goes through ten thousand tenants in this, beside a server and other stories.
const PATIENCE: Duration = Duration::from_secs(300);

fn keys(first: &str, second: &str) -> String {
    let key = |kid: &str| format!("{kid}:{}", if kid == "old" { OLD } else { NEW });
    match second {
        "" => key(first),
        second => format!("{},{}", key(first), key(second)),
    }
}

pub fn vault(keys: &str) -> Vault {
    use base64::Engine as _;
    let keys = keys.split(',').map(|key| {
        let (kid, key) = key.split_once(':').expect("a kid and a key");
        let key = base64::engine::general_purpose::STANDARD.decode(key);
        SealingKey::new(kid.to_owned(), &key.expect("base64")).expect("a whole key")
    });
    let events = Events::new(&prometheus::Registry::new(), Clock::system());
    Vault::new(keys.collect(), Random::system(), events)
}

/// What the command needs, and no more.
fn settings(scene: &Scene, keys: &str) -> Settings {
    vec![
        ("LATCHKEY_DATABASE_URL", scene.database_url().to_owned()),
        ("LATCHKEY_SEALING_KEYS", keys.to_owned()),
    ]
}

async fn rotate(scene: &Scene, keys: &str) -> Finished {
    Run::start(&["rotate-keys"], &settings(scene, keys))
        .finish(PATIENCE)
        .await
}

/// How many tenants' keys begin like this.
async fn sealed(database: &mut Database, by: &str) -> u64 {
    let query = format!(
        "select '', cast(count(*) as text) from tenant where substr(data_key, 1, 8) = '{by}'"
    );
    let count = database.pairs(&query).await;
    count[0].1.parse().expect("a number")
}

/// More tenants, written beside the server as it would write them, with keys that the old key sealed.
async fn install_many(scene: &Scene, count: u64) {
    const ROWS: u64 = 100;
    let old = vault(&keys("old", ""));
    let mut database = Database::open(scene.database_url()).await;
    for first in (0..count).step_by(usize::try_from(ROWS).expect("it is small")) {
        let rows = (first..count.min(first + ROWS)).map(|number| {
            let client_key = format!("many-{number:06}");
            let base_url = format!("http://{client_key}.localhost");
            let (key, wrapped) = old.new_tenant_key(&client_key);
            let place = Place {
                column: "tenant.shared_secret",
                tenant: &client_key,
                row: "",
                generation: 1,
                bound: &["1", &base_url, ""],
            };
            let secret = Secret::new(format!("shared secret of {number:06}"));
            let sealed = old.seal(&key, place, &secret);
            format!(
                "('{client_key}', 1, '{base_url}', '', '{wrapped}', '{sealed}', true, true, false, \
                 false, 0, 1800000000)"
            )
        });
        let rows: Vec<_> = rows.collect();
        let insert = format!(
            "insert into tenant (client_key, installation, base_url, display_urls, data_key, \
             shared_secret, installed, enabled, acts_as_user, draining, wait_until, updated_at) \
             values {}",
            rows.join(", ")
        );
        database.execute(&insert).await;
    }
    let revisions = "insert into tenant_revision (client_key, revision) \
        select client_key, 1 from tenant where client_key like 'many-%'";
    database.execute(revisions).await;
    database.close().await;
}

/// Starts it, and sends it a signal while some values are sealed anew and some are not. Where it was
/// quicker than that, everything is turned back and it is tried again.
async fn caught(scene: &Scene, signal: &str) -> Finished {
    let (forth, back) = (keys("new", "old"), keys("old", "new"));
    let mut database = Database::open(scene.database_url()).await;
    for _ in 0..20 {
        let done = sealed(&mut database, BY_NEW).await;
        let run = Run::start(&["rotate-keys"], &settings(scene, &forth));
        let started = Instant::now();
        while sealed(&mut database, BY_NEW).await <= done + 50 && started.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1)).await;
        }
        run.signal(signal);
        let finished = run.finish(PATIENCE).await;
        if sealed(&mut database, BY_OLD).await > 0 {
            database.close().await;
            return finished;
        }
        let turned = rotate(scene, &back).await;
        assert!(sealed(&mut database, BY_OLD).await > 0, "{turned:?}");
    }
    panic!("twenty times it was through before it could be caught");
}

/// Frames, calls, links, disconnects, installs and uninstalls until `done`. Says how many answers there
/// were, of which none may be a failure of the server.
async fn traffic(scene: &Scene, crowd: &[(String, String)], done: &Cell<bool>) -> u64 {
    const GLANCE: &str = "/connect/glance?issue=KEY-1";
    let jira = &scene.world.jira;
    let answers = Cell::new(0);
    let count = |status: u16, what: &str| {
        assert!(status < 500, "{what}: {status}");
        answers.set(answers.get() + 1);
    };
    let glances = async {
        for (account, _) in crowd.iter().cycle() {
            if done.get() {
                break;
            }
            let none = Overrides::none();
            let token = jira.iframe_token("acme", account.as_str(), "GET", GLANCE, &none);
            let glance = scene.get(&format!("{GLANCE}&jwt={token}")).await;
            count(glance.is(200).status.as_u16(), "glance");
            assert_eq!(scene.person("acme", account).state().await, "linked");
            count(200, "status");
        }
    };
    let people = async {
        // Each once: nobody links as often as this goes on.
        for (account, subject) in scene.crowd("acme", 10_000) {
            if done.get() {
                break;
            }
            let person = scene.person("acme", &account);
            if person.state().await == "linked" {
                continue;
            }
            person.link(&subject).await;
            person.disconnect().await;
            count(204, "disconnect");
        }
    };
    let installs = async {
        let descriptor = scene.address("/atlassian-connect.json");
        for (account, subject) in scene.crowd("globex", 10_000) {
            if done.get() {
                break;
            }
            let person = scene.person("globex", &account);
            person.link(&subject).await;
            eventually("there is a key", async || person.generation()).await;
            let answer = jira.uninstall("globex").await.expect("it is sent");
            count(answer.status, "uninstall");
            let installed = jira.install("globex", &descriptor).await;
            installed.expect("it is installed again");
            count(204, "install");
        }
    };
    tokio::join!(glances, people, installs);
    answers.get()
}

/// `LATCHKEY_TENANTS` makes it longer; `scripts/rotate` does that.
async fn sealing_keys_change_while_everything_goes_on(db: Db) {
    let tenants: u64 = std::env::var("LATCHKEY_TENANTS").map_or(300, |tenants| {
        tenants.parse().expect("LATCHKEY_TENANTS is a number")
    });
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: KEY_LIFE,
            rotation: Rotation::Strict,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    // Messages that the old key sealed have to wait, too.
    let secret = new_secret();
    let receiver = Receiver::start(&secret).await;
    receiver.goes_down().await;
    let setting = setting
        .with("LATCHKEY_SEALING_KEYS", keys("old", ""))
        .with("LATCHKEY_WEBHOOK_URL", receiver.url())
        .with("LATCHKEY_WEBHOOK_SECRET", secret);
    let mut scene = Scene::start_child(db, setting).await;
    scene.other_secrets.extend([OLD.to_owned(), NEW.to_owned()]);
    let crowd = scene.crowd("acme", PEOPLE);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    // Revocations that the old key sealed have to wait, until it is gone.
    let service = scene.world.service.clone();
    service.fault(Fault::always(Endpoint::Revoke, Kind::Down));
    let (gone, crowd) = crowd.split_at(4);
    for (account, _) in gone {
        scene.person("acme", account).disconnect().await;
    }
    let started = Instant::now();
    install_many(&scene, tenants).await;
    println!(
        "{db:?}: {tenants} tenants installed in {:?}",
        started.elapsed()
    );

    // The steps of the README.
    scene
        .child()
        .change("LATCHKEY_SEALING_KEYS", &keys("new", "old"));
    scene.restart().await;
    let generations = |scene: &Scene| -> Vec<i64> {
        let all = crowd.iter().map(|(account, _)| {
            let person = scene.person("acme", account);
            person.generation().expect("there is a key")
        });
        all.collect()
    };
    let before = generations(&scene);
    let done = Cell::new(false);
    let command = async {
        caught(&scene, "KILL").await;
        let interrupted = caught(&scene, "TERM").await;
        assert_eq!(interrupted.status.code(), Some(1), "{interrupted:?}");
        assert!(
            interrupted.stdout.contains("run it again"),
            "{interrupted:?}"
        );
        let started = Instant::now();
        let finished = rotate(&scene, &keys("new", "old")).await;
        println!(
            "{db:?}: the rest in {:?}: {}",
            started.elapsed(),
            finished.stdout
        );
        // Beside it, every link is renewed.
        for ((account, _), before) in crowd.iter().zip(&before) {
            let person = scene.person("acme", account);
            person.property_of_generation(before + 1).await;
        }
        done.set(true);
        finished
    };
    let (finished, answers) = tokio::join!(command, traffic(&scene, crowd, &done));
    println!("{db:?}: {answers} requests meanwhile");
    assert!(finished.status.success(), "{finished:?}");
    assert!(
        finished.stdout.contains("old opens nothing any more"),
        "{finished:?}"
    );
    let said = scene.child().output() + finished.stderr.as_str();
    assert!(!said.contains("seal_failure"), "something did not open");

    // Nothing opens by the old key alone, and everything by the new one.
    let (old, new) = (vault(&keys("old", "")), vault(&keys("new", "")));
    let mut database = Database::open(scene.database_url()).await;
    let wrapped = database
        .pairs("select client_key, data_key from tenant where data_key is not null")
        .await;
    assert!(wrapped.len() as u64 > tenants);
    for (tenant, key) in wrapped {
        assert!(old.open_tenant_key(&tenant, &key).is_err(), "{tenant}");
        assert!(new.open_tenant_key(&tenant, &key).is_ok(), "{tenant}");
    }
    let ids = "select client_key || ' ' || id";
    for (column, query) in [
        (
            "cleanup.revocation",
            format!("{ids}, revocation from cleanup where revocation is not null"),
        ),
        ("webhook.sealed", format!("{ids}, sealed from webhook")),
    ] {
        let rows = database.pairs(&query).await;
        assert!(rows.len() >= gone.len(), "{column}: {}", rows.len());
        for (names, sealed) in rows {
            let (tenant, row) = names.split_once(' ').expect("two names");
            let place = Place {
                column,
                tenant,
                row,
                generation: 0,
                bound: &[],
            };
            assert!(old.open_beyond_tenant(place, &sealed).is_err());
            assert!(new.open_beyond_tenant(place, &sealed).is_ok());
        }
    }

    // The old one is taken out.
    scene
        .child()
        .change("LATCHKEY_SEALING_KEYS", &keys("new", ""));
    scene.restart().await;
    service.clear_faults();
    let before = generations(&scene);
    for ((account, subject), before) in crowd.iter().zip(before) {
        let person = scene.person("acme", account);
        person.property_of_generation(before + 1).await;
        assert_eq!(
            service.ledger().opens_api(&person.key()),
            Some(subject.as_str())
        );
        person.disconnect().await;
    }
    database.execute("update cleanup set due_at = 1").await;
    receiver.comes_back().await;
    database.execute("update webhook set due_at = 1").await;
    database.close().await;
    // Each has begun, and each has ended.
    receiver.has_taken(2 * (gone.len() + crowd.len())).await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    assert!(!scene.child().output().contains("seal_failure"));
    scene.end().await;
}

/// Between reading a value and writing it anew a server destroys one key and makes another.
async fn what_changes_meanwhile_is_not_undone(db: Db) {
    let setting = Setting::default().with("LATCHKEY_SEALING_KEYS", keys("old", ""));
    let mut scene = Scene::start_child(db, setting).await;
    scene.other_secrets.extend([OLD.to_owned(), NEW.to_owned()]);
    let [acme, globex] = ["acme", "globex"].map(|site| scene.world.jira.site(site).client_key);
    let (old, both) = (vault(&keys("old", "")), vault(&keys("new", "old")));
    let (key, made) = old.new_tenant_key(&globex);
    let place = Place {
        column: "of.this.story",
        tenant: &globex,
        row: "",
        generation: 0,
        bound: &[],
    };
    let sealed_by_it = old.seal(&key, place, &Secret::new("a value"));
    let mut changes = vec![
        format!("update tenant set data_key = null where client_key = '{acme}'"),
        format!("update tenant set data_key = '{made}' where client_key = '{globex}'"),
    ];
    let pairs = scene.settings().iter();
    let config = Config::from_pairs(pairs.map(|(name, value)| (*name, value.as_str())))
        .expect("the settings are good");
    let rotator = Rotator::open(&config.database, both)
        .await
        .expect("it opens beside the server");
    let mut passes = 0;
    let url = scene.database_url();
    let rotation = rotator
        .rotate_keys(
            || false,
            |now| {
                passes = now.pass;
                // The first page has been read, and nothing is written yet.
                for change in changes.drain(..) {
                    tokio::task::block_in_place(|| {
                        tokio::runtime::Handle::current().block_on(async {
                            let mut database = Database::open(url).await;
                            database.execute(&change).await;
                            database.close().await;
                        });
                    });
                }
            },
        )
        .await
        .expect("the store is there");
    rotator.close().await;
    assert!(rotation.is_complete(), "{rotation}");
    assert_eq!((rotation.rewrapped, passes), (1, 3));
    let mut database = Database::open(scene.database_url()).await;
    let left = database
        .pairs("select client_key, data_key from tenant where data_key is not null")
        .await;
    database.close().await;
    assert_eq!(left.len(), 1, "a key that was destroyed came back");
    let new = vault(&keys("new", ""));
    let key = new.open_tenant_key(&globex, &left[0].1);
    let value = new.open(&key.expect("it opens"), place, &sealed_by_it);
    assert_eq!(value.expect("it is the newer key").expose(), "a value");
    scene.close().await;
}

async fn what_does_not_open_is_named_and_left_as_it_is(db: Db) {
    let setting = Setting::default().with("LATCHKEY_SEALING_KEYS", keys("old", ""));
    let mut scene = Scene::start_child(db, setting).await;
    scene.other_secrets.extend([OLD.to_owned(), NEW.to_owned()]);
    let mut database = Database::open(scene.database_url()).await;
    let [acme, globex] = ["acme", "globex"].map(|site| scene.world.jira.site(site).client_key);
    let key_of = |client_key: &str| Value {
        table: "tenant",
        column: "data_key",
        row: format!("client_key = '{client_key}'"),
    };
    let kept = database.read(&key_of(&acme)).await;
    let moved = database.read(&key_of(&globex)).await;
    database.write(&key_of(&acme), &moved).await;

    let finished = rotate(&scene, &keys("new", "old")).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(
        finished.stdout.contains("encrypted again: 1 value\n"),
        "{finished:?}"
    );
    assert!(
        finished.stdout.contains("1 value of old did not open"),
        "{finished:?}"
    );
    let named = finished.stderr.lines().any(|line| {
        line.contains("tenant.data_key") && line.contains(&acme) && !line.contains(&globex)
    });
    assert!(named, "{finished:?}");
    assert_eq!(
        database.read(&key_of(&acme)).await,
        moved,
        "it is left as it is"
    );
    let other = database.read(&key_of(&globex)).await;
    assert!(other.starts_with(BY_NEW), "the other is through");

    // A key that was taken out too early is missed, and nothing is touched.
    database.write(&key_of(&acme), &kept).await;
    let finished = rotate(&scene, &keys("new", "")).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(
        finished.stdout.contains("1 value of old did not open"),
        "{finished:?}"
    );
    assert_eq!(database.read(&key_of(&acme)).await, kept);
    let finished = rotate(&scene, &keys("new", "old")).await;
    assert!(finished.status.success(), "{finished:?}");
    database.close().await;
    scene.close().await;
}

async fn tables_of_another_version_are_left_as_they_are(db: Db) {
    let setting = Setting::default().with("LATCHKEY_SEALING_KEYS", keys("old", ""));
    let mut scene = Scene::start_child(db, setting).await;
    scene.other_secrets.extend([OLD.to_owned(), NEW.to_owned()]);
    let mut database = Database::open(scene.database_url()).await;
    let refused = async |reason: &str| {
        let finished = rotate(&scene, &keys("new", "old")).await;
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        assert_eq!(finished.stdout, "");
        assert!(finished.stderr.contains(reason), "{finished:?}");
    };
    let versions = "select '', cast(version as text) from _sqlx_migrations order by version";
    let all = database.pairs(versions).await;
    for (change, back, reason) in [
        (
            "version = 900 where version = 1",
            "version = 1 where version = 900",
            "newer version",
        ),
        (
            "success = false where version = 1",
            "success = true where version = 1",
            "not migrated",
        ),
    ] {
        database
            .execute(&format!("update _sqlx_migrations set {change}"))
            .await;
        refused(reason).await;
        database
            .execute(&format!("update _sqlx_migrations set {back}"))
            .await;
    }
    assert_eq!(database.pairs(versions).await, all);
    database
        .execute("alter table _sqlx_migrations rename to elsewhere")
        .await;
    refused("not migrated").await;
    database
        .execute("alter table elsewhere rename to _sqlx_migrations")
        .await;
    assert_eq!(sealed(&mut database, BY_OLD).await, 2);
    database.close().await;

    if db == Db::Sqlite {
        // No file is made where there is none.
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("never.db");
        let url = format!("sqlite://{}", file.display());
        let settings = vec![
            ("LATCHKEY_DATABASE_URL", url),
            ("LATCHKEY_SEALING_KEYS", keys("new", "old")),
        ];
        let finished = Run::start(&["rotate-keys"], &settings)
            .finish(PATIENCE)
            .await;
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        assert!(!file.exists());
    }
    scene.close().await;
}
