//! A PostgreSQL of our own: one cluster for the whole test process, one database for each story.
//!
//! It lives in a temporary directory, is safe from nothing (no fsync) and so is up in about a
//! second. PostgreSQL refuses to run as root; there it runs as the user `postgres`, or `nobody`.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use crate::child::{Process, free_port};
use crate::database::Database;

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

pub struct Postgres {
    // Before the directory: the server goes first, then the ground it stands on.
    server: Mutex<Option<Process>>,
    directory: TempDir,
    programs: PathBuf,
    run_as: Option<(u32, u32)>,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// The URL of a new, empty database in the cluster that all stories share.
    pub async fn database() -> String {
        SHARED.get_or_init(Postgres::private).await.create().await
    }

    /// A cluster for one story, which may stop it.
    pub async fn private() -> Postgres {
        let mut cluster = tokio::task::spawn_blocking(Postgres::initialised)
            .await
            .expect("initdb does not panic");
        // Between choosing a port and listening on it somebody else may take it.
        for _ in 0..5 {
            cluster.port = free_port();
            if cluster.try_start().await.is_ok() {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start:\n{}", cluster.log());
    }

    fn initialised() -> Postgres {
        let directory = tempfile::Builder::new()
            .prefix("latchkey-postgres-")
            .tempdir()
            .expect("a temporary directory");
        let run_as = somebody_else();
        if let Some((user, group)) = run_as {
            chown(directory.path(), Some(user), Some(group)).expect("root may give it away");
        }
        let cluster = Postgres {
            directory,
            programs: programs(),
            run_as,
            port: 0,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        let output = cluster
            .program("initdb")
            .arg("--pgdata")
            .arg(cluster.directory.path().join("data"))
            .args(["--username", "latchkey", "--auth", "trust"])
            .args(["--encoding", "UTF8", "--no-locale"])
            .args(["--no-sync", "--no-instructions"])
            .output()
            .expect("initdb runs");
        assert!(
            output.status.success(),
            "initdb failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        cluster
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        // Our own working directory may be closed to the other user.
        command.current_dir(self.directory.path());
        if let Some((user, group)) = self.run_as {
            command.uid(user).gid(group);
        }
        command
    }

    /// The URL of a new, empty database in this cluster.
    pub async fn create(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("story_{number}");
        let mut maintenance = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("PostgreSQL takes connections");
        maintenance
            .execute(AssertSqlSafe(format!("create database {name}")))
            .await
            .expect("a database can be made");
        maintenance.close().await.expect("an orderly goodbye");
        self.url(&name)
    }

    /// Everybody is thrown out and nobody gets in, until `start`.
    pub async fn stop(&self) {
        let server = self.take_server();
        if let Some(mut process) = server {
            process.signal("INT");
            process.exit(Duration::from_secs(20)).await;
        }
    }

    /// Back at the same address with the same data.
    pub async fn start(&self) {
        if let Err(why) = self.try_start().await {
            panic!("PostgreSQL does not come back: {why}\n{}", self.log());
        }
    }

    async fn try_start(&self) -> Result<(), String> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .map_err(|error| error.to_string())?;
        let mut command = self.program("postgres");
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .arg("-k")
            .arg(self.directory.path())
            .args(["-h", &Ipv4Addr::LOCALHOST.to_string()])
            .args(["-p", &self.port.to_string()])
            .args(["-c", "fsync=off", "-c", "synchronous_commit=off"])
            .args(["-c", "full_page_writes=off", "-c", "max_connections=300"])
            .stdout(Stdio::null())
            .stderr(log);
        // QUIT rather than KILL: the server then removes its shared memory.
        let mut process = Process::spawn(&mut command, "QUIT", Some(self.directory.path()))
            .map_err(|error| error.to_string())?;

        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = process.exited() {
                return Err(format!("postgres ended: {status}"));
            }
            match PgConnection::connect(&self.url("postgres")).await {
                Ok(connection) => {
                    let _ = connection.close().await;
                    break;
                }
                Err(why) if Instant::now() > deadline => return Err(why.to_string()),
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }

    /// A listener for a way to the server of this URL, the server's port, and the URL that leads to the listener.
    pub async fn way_to(url: &str) -> (TcpListener, u16, String) {
        let (front, rest) = url.rsplit_once(':').expect("it has a port");
        let (server, database) = rest.split_once('/').expect("it names a database");
        let server = server.parse().expect("a port is a number");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        (listener, server, format!("{front}:{port}/{database}"))
    }

    /// Whether sessions with this database that begin from now on are read-only, as on a server that follows
    /// another.
    pub async fn read_only(url: &str, read_only: bool) {
        let name = url.rsplit('/').next().expect("a name");
        let mut operator = Database::open(url).await;
        // Its own session may be.
        operator
            .run("set default_transaction_read_only = off")
            .await;
        let on = if read_only { "on" } else { "off" };
        operator
            .run(&format!(
                "alter database {name} set default_transaction_read_only = {on}"
            ))
            .await;
        operator.close().await;
    }

    /// What `pg_dump` writes about a database: its schema and every row.
    pub async fn dump(database_url: &str) -> String {
        let dump = client("pg_dump", &["--no-password", database_url]).await;
        String::from_utf8(dump).expect("a dump is UTF-8")
    }

    /// As docs/backup.md says.
    pub async fn back_up(database_url: &str, file: &Path) {
        let file = file.to_string_lossy();
        client(
            "pg_dump",
            &["--format=custom", "--file", &file, database_url],
        )
        .await;
    }

    /// Into a new database of the same name, so that nothing is left of a version that had more tables.
    pub async fn restore(database_url: &str, file: &Path) {
        let (server, name) = database_url.rsplit_once('/').expect("it names a database");
        let mut maintenance = PgConnection::connect(&format!("{server}/postgres"))
            .await
            .expect("PostgreSQL takes connections");
        for statement in [
            format!("drop database {name} with (force)"),
            format!("create database {name} encoding 'UTF8' template template0"),
        ] {
            maintenance
                .execute(AssertSqlSafe(statement))
                .await
                .expect("it may");
        }
        maintenance.close().await.expect("an orderly goodbye");
        let file = file.to_string_lossy();
        let what = ["--exit-on-error", "--dbname", database_url, &file];
        client("pg_restore", &what).await;
    }

    fn url(&self, database: &str) -> String {
        // Trust asks for no password; this one is here so that a story can look for it in the log.
        format!(
            "postgres://latchkey:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn take_server(&self) -> Option<Process> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.take()
    }
}

/// The password in every URL given out: a secret that no log may show.
pub const PASSWORD: &str = "database-password-for-no-log";

/// Runs one of PostgreSQL's programs to its end, and returns what it prints.
async fn client(name: &'static str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(programs().join(name));
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it does not panic")
        .unwrap_or_else(|error| panic!("{name} does not run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed:\n{said}");
    output.stdout
}

/// The newest PostgreSQL installed where Debian puts it, or the one on the path.
fn programs() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    versions.sort();
    if let Some((_, newest)) = versions.pop() {
        return newest;
    }
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .find(|directory| directory.join("initdb").exists())
        .expect("PostgreSQL is not installed: scripts/test installs it")
}

/// The user to run as where we are root, which PostgreSQL refuses to be.
pub fn somebody_else() -> Option<(u32, u32)> {
    // Whom /proc/self belongs to is who we are; asking the kernel directly would be unsafe code.
    let we_are_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !we_are_root {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = ["postgres", "nobody"].iter().find_map(|wanted| {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.first() == Some(wanted)).then_some(())?;
            Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        })
    });
    assert!(user.is_some(), "no user to run PostgreSQL as");
    user
}

#[tokio::test]
async fn a_private_cluster_goes_away_and_comes_back() {
    let postgres = Postgres::private().await;
    let url = postgres.create().await;
    let mut before = PgConnection::connect(&url).await.expect("it is up");
    before
        .execute("create table kept (word text); insert into kept values ('still here')")
        .await
        .expect("a table and a row");

    postgres.stop().await;
    assert!(before.ping().await.is_err(), "open connections are cut");
    assert!(PgConnection::connect(&url).await.is_err(), "no new ones");

    postgres.start().await;
    assert!(Postgres::dump(&url).await.contains("still here"));
    assert_ne!(Postgres::database().await, Postgres::database().await);
}
