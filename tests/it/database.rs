//! The database, read and written without the product.

use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::postgres::Postgres;
use crate::scene::eventually;

pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the same body on either, because a connection's type is part of a query's.
macro_rules! on {
    ($database:expr, $connection:ident => $body:expr) => {
        match $database {
            Database::Sqlite($connection) => $body,
            Database::Postgres($connection) => $body,
        }
    };
}

/// One value: a column of the rows that a condition describes.
#[derive(Debug, Clone)]
pub struct Cell {
    pub table: &'static str,
    pub column: &'static str,
    pub row: String,
}

/// The columns of a link that are not encrypted.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Link {
    pub id: String,
    pub client_key: String,
    pub account_id: String,
    pub display_name: String,
    pub state: String,
    pub reason: String,
    pub generation: i64,
    pub published_generation: i64,
    pub claimed_by: String,
    pub of_this_installation: i64,
}

impl Database {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            Self::Sqlite(SqliteConnection::connect(url).await.expect("it opens"))
        } else {
            // PgBouncer refuses to be asked for the digits of floating-point numbers.
            let options = url.parse::<PgConnectOptions>().expect("it is a URL");
            let options = options.extra_float_digits(None);
            let connection = PgConnection::connect_with(&options).await;
            Self::Postgres(connection.expect("it opens"))
        }
    }

    /// One in memory, which nobody else has.
    pub async fn nowhere() -> Self {
        Self::open("sqlite::memory:").await
    }

    /// How many rows a statement changed.
    pub async fn execute(&mut self, statement: &str) -> u64 {
        on!(self, connection => sqlx::query(AssertSqlSafe(statement.to_owned()))
            .execute(connection)
            .await
            .expect("it can be written")
            .rows_affected())
    }

    /// Keeps a copy of every row, for [`Database::put_back`].
    pub async fn back_up(&mut self, url: &str) {
        match self {
            Self::Sqlite(_) => {
                let copy = copy_of(url);
                let _ = std::fs::remove_file(&copy);
                self.run(&format!("vacuum into '{}'", copy.display())).await;
            }
            Self::Postgres(_) => {
                self.run("drop schema if exists backup cascade; create schema backup")
                    .await;
                self.run(&for_each_table("create table backup.%1$I as table %1$I"))
                    .await;
            }
        }
    }

    /// Puts back what was kept last. Nobody else may have the database open.
    pub async fn put_back(url: &str) {
        if url.starts_with("sqlite:") {
            return Self::restore(url, &copy_of(url)).await;
        }
        let mut database = Self::open(url).await;
        let put_back = "delete from %1$I; insert into %1$I select * from backup.%1$I";
        database.run(&for_each_table(put_back)).await;
        database.close().await;
    }

    /// Puts a backup back that was made by the documented commands. Nobody else may have the database open.
    pub async fn restore(url: &str, backup: &Path) {
        if !url.starts_with("sqlite:") {
            return Postgres::restore(url, backup).await;
        }
        let file = file_of(url);
        until_closed(&file).await;
        for journal in ["-wal", "-shm"] {
            let mut path = file.clone().into_os_string();
            path.push(journal);
            let _ = std::fs::remove_file(path);
        }
        std::fs::copy(backup, file).expect("the copy is there");
    }

    /// Several statements at once.
    pub async fn run(&mut self, script: &str) {
        on!(self, connection => sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
            .execute(connection)
            .await
            .map(|_| ())
            .expect("it can be run"));
    }

    /// The number that a query gives.
    pub async fn count(&mut self, query: &str) -> i64 {
        on!(self, connection => sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(connection)
            .await
            .expect("it is a number"))
    }

    /// Rows of two texts.
    pub async fn pairs(&mut self, query: &str) -> Vec<(String, String)> {
        on!(self, connection => sqlx::query_as(AssertSqlSafe(query.to_owned()))
            .fetch_all(connection)
            .await
            .expect("it can be read"))
    }

    /// Every column that holds text, with its table.
    pub async fn text_columns(&mut self) -> Vec<(String, String)> {
        let query = match self {
            Self::Sqlite(_) => {
                "select m.name, p.name from sqlite_master m join pragma_table_info(m.name) p \
                 where m.type = 'table' and lower(p.type) = 'text'"
            }
            Self::Postgres(_) => {
                "select cast(table_name as text), cast(column_name as text) \
                 from information_schema.columns \
                 where table_schema = current_schema() and data_type = 'text'"
            }
        };
        self.pairs(query).await
    }

    /// Where a text is found: every column of every table that has it, alone or within another text.
    pub async fn places_of(&mut self, text: &str) -> Vec<String> {
        let mut places = Vec::new();
        for (table, column) in self.text_columns().await {
            let query = format!("select count(*) from {table} where {column} like '%{text}%'");
            if self.count(&query).await > 0 {
                places.push(format!("{table}.{column}"));
            }
        }
        places
    }

    /// The pairs of this query, and all links, of one moment.
    pub async fn pairs_and_links(&mut self, query: &str) -> (Vec<(String, String)>, Vec<Link>) {
        let begin = match self {
            Self::Sqlite(_) => "begin",
            Self::Postgres(_) => "begin isolation level repeatable read, read only",
        };
        self.execute(begin).await;
        let read = (self.pairs(query).await, self.links().await);
        self.execute("commit").await;
        read
    }

    /// Every link.
    pub async fn links(&mut self) -> Vec<Link> {
        const LINKS: &str = "select l.id, l.client_key, l.account_id, l.display_name, l.state, \
            coalesce(l.reason, '') as reason, l.generation, l.published_generation, \
            coalesce(l.claimed_by, '') as claimed_by, \
            cast(case when t.installed and t.installation = l.installation then 1 else 0 end as bigint) \
            as of_this_installation from link l join tenant t on t.client_key = l.client_key";
        on!(self, connection => sqlx::query_as(LINKS)
            .fetch_all(connection)
            .await
            .expect("it can be read"))
    }

    pub async fn read(&mut self, cell: &Cell) -> String {
        let Cell { table, column, row } = cell;
        let query = format!("select '', {column} from {table} where {row}");
        let mut found = self.pairs(&query).await;
        assert_eq!(found.len(), 1, "{query}");
        found.remove(0).1
    }

    pub async fn write(&mut self, cell: &Cell, text: &str) {
        let Cell { table, column, row } = cell;
        // What is sealed is base64.
        let statement = format!("update {table} set {column} = '{text}' where {row}");
        assert_eq!(self.execute(&statement).await, 1, "{statement}");
    }

    pub async fn swap(&mut self, one: &Cell, other: &Cell) {
        let (first, second) = (self.read(one).await, self.read(other).await);
        assert_ne!(first, second);
        self.write(one, &second).await;
        self.write(other, &first).await;
    }

    pub async fn close(self) {
        on!(self, connection => connection.close().await.expect("an orderly goodbye"));
    }
}

/// Waits until nobody in this process has a file open. The threads that drive SQLite for a process that is small enough
/// to be killed with its runtime live on until their last statement is done.
async fn until_closed(file: &Path) {
    eventually("the file is closed", async || {
        let open = std::fs::read_dir("/proc/self/fd").expect("Linux lists what is open");
        let mut open = open.flatten().map(|entry| entry.path());
        let is_open = open.any(|entry| std::fs::read_link(entry).is_ok_and(|to| to == file));
        (!is_open).then_some(())
    })
    .await;
}

/// The file of SQLite.
fn file_of(url: &str) -> PathBuf {
    PathBuf::from(url.trim_start_matches("sqlite://"))
}

fn copy_of(url: &str) -> PathBuf {
    file_of(url).with_extension("backup")
}

/// Does this on PostgreSQL with each table, in one transaction.
fn for_each_table(statements: &str) -> String {
    format!(
        "do $$ declare name text; begin \
         for name in select tablename from pg_tables where schemaname = current_schema() loop \
         {} end loop; end $$",
        statements
            .split("; ")
            .map(|one| format!("execute format('{one}', name);"))
            .collect::<String>()
    )
}
