//! A PostgreSQL for the benchmark, with the settings it comes with: what it has committed survives a
//! power cut.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Failure, linux};

pub struct Postgres {
    pub server: Child,
    _directory: TempDir,
    port: u16,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An orderly end; killed, it would leave shared memory behind.
        let _ = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        let _ = self.server.wait();
    }
}

impl Postgres {
    pub async fn start() -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("latchkey-bench-")
            .tempdir()?;
        // PostgreSQL refuses to run as root.
        let run_as = (fs::metadata("/proc/self")?.uid() == 0)
            .then(|| user("postgres").or_else(|| user("nobody")))
            .flatten();
        if let Some((user, group)) = run_as {
            chown(directory.path(), Some(user), Some(group))?;
        }
        let programs = programs()?;
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(directory.path());
            if let Some((user, group)) = run_as {
                command.uid(user).gid(group);
            }
            command
        };
        let data = directory.path().join("data");
        let made = program("initdb")
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", "latchkey", "--auth", "trust"])
            .args(["--encoding", "UTF8", "--no-locale"])
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let port = linux::free_address()?.port();
        let server = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(match std::env::var_os("BENCH_STATEMENTS") {
                Some(_) => &[
                    "-c",
                    "shared_preload_libraries=pg_stat_statements",
                    "-c",
                    "pg_stat_statements.track_planning=on",
                ][..],
                None => &[],
            })
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log"))?)
            .spawn()?;
        let postgres = Self {
            server,
            _directory: directory,
            port,
        };
        for _ in 0..200 {
            if let Ok(connection) = PgConnection::connect(&postgres.url("postgres")).await {
                connection.close().await?;
                return Ok(postgres);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err("PostgreSQL does not start".into())
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://latchkey@127.0.0.1:{}/{database}", self.port)
    }

    /// An empty database; what was in it is gone.
    pub async fn create(&self, name: &str) -> Result<String, Failure> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        for statement in [
            format!("drop database if exists {name} with (force)"),
            format!("create database {name}"),
        ] {
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        connection.close().await?;
        Ok(self.url(name))
    }

    /// Counts statements from here on, if they are counted.
    pub async fn forget_statements(&self, database: &str) -> Result<(), Failure> {
        if std::env::var_os("BENCH_STATEMENTS").is_some() {
            let mut connection = PgConnection::connect(database).await?;
            connection
                .execute("create extension if not exists pg_stat_statements")
                .await?;
            connection
                .execute("select pg_stat_statements_reset()")
                .await?;
            connection.close().await?;
        }
        Ok(())
    }

    /// The statements on which most time was spent: milliseconds, calls, how often it was planned, and rows, each for a
    /// thousand keys.
    pub async fn statements(&self, database: &str, keys: f64) -> Result<Vec<String>, Failure> {
        let mut connection = PgConnection::connect(database).await?;
        let (updates, hot): (i64, i64) = sqlx::query_as(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'link'",
        )
        .fetch_one(&mut connection)
        .await?;
        let rows: Vec<(f64, i64, i64, i64, i64, String)> = sqlx::query_as(
            "select total_exec_time + total_plan_time, calls, plans, rows, cast(wal_bytes as bigint), \
             regexp_replace(query, '\\s+', ' ', 'g') \
             from pg_stat_statements order by 1 desc limit 24",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        let lines = rows
            .into_iter()
            .map(|(time, calls, plans, rows, wal, text)| {
                let each = |number: i64| super::number(number.try_into().unwrap_or(0)) / keys * 1e3;
                let text: String = text.chars().take(110).collect();
                format!(
                    "{:>8.1} ms {:>7.0} calls {:>7.0} plans {:>7.0} rows {:>8.0} WAL bytes  {text}",
                    time / keys * 1e3,
                    each(calls),
                    each(plans),
                    each(rows),
                    each(wal)
                )
            });
        let hot = format!("{updates} updates of links so far, {hot} of them without an index");
        Ok(lines.chain([hot]).collect())
    }
}

fn user(name: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&name)).then_some(())?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    })
}

/// Where Debian keeps the newest, or what is on the path.
fn programs() -> Result<PathBuf, Failure> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    debian
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .max()
        .map(|(_, programs)| programs)
        .or_else(|| {
            std::env::split_paths(&std::env::var_os("PATH")?)
                .find(|folder| folder.join("initdb").exists())
        })
        .ok_or_else(|| "PostgreSQL is not installed".into())
}
