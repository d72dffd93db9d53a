//! Stories of PgBouncer between the product and PostgreSQL.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::child::{Latchkey, Process, free_port};
use crate::postgres::{PASSWORD, Postgres, somebody_else};
use crate::scene::{Db, Scene, Setting, together};

struct Bouncer {
    _process: Process,
    _directory: TempDir,
    url: String,
}

/// Where Debian puts it, or on the path.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&path).map(|directory| directory.join("pgbouncer"));
    std::iter::once(PathBuf::from("/usr/sbin/pgbouncer"))
        .chain(path)
        .find(|program| program.exists())
        .expect("PgBouncer is not installed: scripts/test installs it")
}

impl Bouncer {
    /// In front of a new database, in this mode.
    async fn start(mode: &str) -> Self {
        let database = Postgres::database().await;
        let (_, rest) = database.rsplit_once(':').expect("it has a port");
        let (server, name) = rest.split_once('/').expect("it names a database");
        // Between choosing a port and listening on it somebody else may take it.
        for _ in 0..5 {
            if let Some(bouncer) = Self::try_start(mode, server, name).await {
                return bouncer;
            }
        }
        panic!("PgBouncer does not start");
    }

    async fn try_start(mode: &str, server: &str, name: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let users = directory.path().join("users");
        let settings = directory.path().join("settings");
        fs::write(&users, format!("\"latchkey\" \"{PASSWORD}\"\n")).expect("it is written");
        let text = format!(
            "[databases]\n{name} = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\n\
             pool_mode = {mode}\ndefault_pool_size = 40\nmax_client_conn = 100\n",
            users.display()
        );
        fs::write(&settings, text).expect("it is written");
        let mut command = Command::new(program());
        command
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((user, group)) = somebody_else() {
            for path in [directory.path(), &users, &settings] {
                chown(path, Some(user), Some(group)).expect("root may give it away");
            }
            command.uid(user).gid(group);
        }
        let mut process = Process::spawn(&mut command, "KILL", None).expect("it starts");
        let url = format!("postgres://latchkey:{PASSWORD}@127.0.0.1:{port}/{name}");
        let deadline = Instant::now() + Duration::from_secs(20);
        let options = url.parse::<sqlx::postgres::PgConnectOptions>();
        let options = options.expect("a URL").extra_float_digits(None);
        while PgConnection::connect_with(&options).await.is_err() {
            if process.exited().is_some() || Instant::now() > deadline {
                return None;
            }
            sleep(Duration::from_millis(20)).await;
        }
        Some(Self {
            _process: process,
            _directory: directory,
            url,
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_r32_a_pooler_that_keeps_no_sessions_is_refused_by_name() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    for mode in ["transaction", "statement"] {
        let bouncer = Bouncer::start(mode).await;
        let mut settings = scene.settings().to_vec();
        settings.retain(|(name, _)| *name != "LATCHKEY_DATABASE_URL");
        settings.push(("LATCHKEY_DATABASE_URL", bouncer.url.clone()));
        for command in ["serve", "migrate", "doctor"] {
            let finished = Latchkey::run(&[command], &settings).await;
            assert!(!finished.status.success(), "{mode} {command}");
            let said = match command {
                "doctor" => finished.stdout,
                _ => finished.stderr,
            };
            let line = said.lines().find(|line| line.contains("PgBouncer"));
            let line = line.unwrap_or_else(|| panic!("{mode} {command}: {said}"));
            assert!(line.contains("LATCHKEY_DATABASE_URL"), "{line}");
            assert!(line.contains("pool_mode = session"), "{line}");
        }
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_fifty_people_link_by_a_pooler_that_keeps_sessions() {
    let bouncer = Bouncer::start("session").await;
    let mut setting = Setting::keys_live(3 * 3600);
    setting.postgres = Some(bouncer.url.clone());
    let scene = Scene::start(Db::Postgres, setting).await;
    let crowd = scene.crowd("acme", 50);
    for some in crowd.chunks(10) {
        let linked = some.iter().map(|(account, subject)| async {
            let person = scene.person("acme", account);
            person.link(subject).await;
            person.recorded().await;
        });
        together(linked).await;
    }
    let linked = "select count(*) from link where published_generation = 1";
    assert_eq!(scene.count(linked).await, 50);
    let mut settings = scene.settings().to_vec();
    settings.retain(|(name, _)| *name != "LATCHKEY_LISTEN");
    let said = Latchkey::run(&["doctor"], &settings).await.stdout;
    assert!(said.contains("✓ database"), "{said}");
    scene.end().await;
}
