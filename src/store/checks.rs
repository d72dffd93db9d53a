//! What Latchkey needs of PostgreSQL and cannot set by itself, checked before it is used.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::OpenError;
use super::connections::{
    Connections, command, in_time, postgres_options, process, readable_rows, silent,
};
use super::database::Server;
use super::migrations;
use super::statement::{Dialect, statements};

/// How long opening a connection for the checks may take, and each question.
const LIMIT: Duration = Duration::from_secs(5);
/// How often it is asked which server process a connection leads to. Others may use the same pooler.
const ROUNDS: usize = 4;

statements! {
    /// The encoding, the schema that unqualified names mean, the role, and the most connections that server,
    /// database and role allow. Superusers are bound by the server alone.
    SERVER = postgres("select current_setting('server_encoding') as encoding, \
        current_schema() as schema, cast(current_user as text) as role, \
        (select min(most) from (\
            select cast(current_setting('max_connections') as bigint) \
                - cast(current_setting('superuser_reserved_connections') as bigint) as most \
            union all select rolconnlimit from pg_roles where rolname = current_user and not rolsuper \
            union all select datconnlimit from pg_database where datname = current_database() \
                and not exists (select 1 from pg_roles where rolname = current_user and rolsuper)\
        ) as limits where most >= 0) as connections");
    /// Of these tables, those that the role may not read and write.
    TABLES_CLOSED = postgres("select name from unnest(string_to_array($1, ',')) as t (name) \
        where not coalesce(has_table_privilege(to_regclass(name), 'select') \
        and has_table_privilege(to_regclass(name), 'insert') \
        and has_table_privilege(to_regclass(name), 'update') \
        and has_table_privilege(to_regclass(name), 'delete'), false)");
}

#[derive(sqlx::FromRow)]
struct ServerRow {
    encoding: String,
    schema: Option<String>,
    role: String,
    connections: i64,
}

readable_rows!(ServerRow);

/// What is in the way of using a PostgreSQL server, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Two connections share one server process, or one moves between several.
    #[error(
        "LATCHKEY_DATABASE_URL leads to a pooler in transaction mode, such as PgBouncer with \
         pool_mode = transaction, which hands a session from one client to another: Latchkey's locks need \
         sessions of their own. Set pool_mode = session for this database, or use the address of PostgreSQL \
         itself"
    )]
    Pooler,
    /// The pooler refuses a parameter.
    #[error(
        "the pooler at LATCHKEY_DATABASE_URL refuses a startup parameter ({0}): add it to \
         ignore_startup_parameters in PgBouncer's configuration, or use the address of PostgreSQL itself"
    )]
    Parameter(String),
    /// The database is not in UTF-8.
    #[error(
        "the database has the encoding {0}, and Latchkey needs UTF8: create it with \
         create database … encoding 'UTF8' template template0"
    )]
    Encoding(String),
    /// The search path names no schema that exists and that the role may use.
    #[error(
        "the role {0} has no schema: its search_path names none that exists and that it may use. Set it with \
         alter role {0} set search_path = public, and grant usage on that schema"
    )]
    Schema(String),
    /// Fewer connections are allowed than are set.
    #[error(
        "the role {role} may open {allowed} connections to this database and \
         LATCHKEY_DATABASE_CONNECTIONS is {set}: raise the limit of the role, the database or the server, or \
         lower the setting (to 3 or more, for each replica)"
    )]
    Connections {
        /// The role.
        role: String,
        /// How many it may open.
        allowed: i64,
        /// How many are set.
        set: u32,
    },
    /// The role may not read and write tables.
    #[error(
        "the role may not select, insert, update and delete in {0}: grant these rights on all tables of the \
         schema to it"
    )]
    Rights(String),
}

/// Looks for a pooler that does not keep sessions: two connections that are open at the same time must lead to
/// two server processes, and each always to the same one.
///
/// # Errors
/// When there is such a pooler, or the server cannot be reached.
pub(super) async fn keeps_sessions(server: &Server) -> Result<(), OpenError> {
    let checked = in_time(LIMIT * 3, async {
        let mut first = connect(server).await?;
        let mut second = connect(server).await?;
        let mut own = None;
        for _ in 0..ROUNDS {
            let before = process(&mut first).await?;
            // Only while it is in a transaction does a pooler keep a server process for a client.
            command(&mut second, "begin").await?;
            let other = process(&mut second).await?;
            let after = process(&mut first).await?;
            command(&mut second, "rollback").await?;
            let own = own.get_or_insert(before);
            if before != *own || after != *own || other == *own {
                return Ok(false);
            }
        }
        first.close().await.ok();
        second.close().await.ok();
        Ok(true)
    });
    match checked.await {
        Some(Ok(true)) => Ok(()),
        Some(Ok(false)) => Err(Unfit::Pooler.into()),
        Some(Err(error)) => Err(explained(error)),
        None => Err(silent().into()),
    }
}

/// What a pooler says, in words that help.
fn explained(error: sqlx::Error) -> OpenError {
    let words = error.to_string();
    if let Some((_, parameter)) = words.split_once("unsupported startup parameter: ") {
        let parameter = parameter.split(|c: char| !c.is_alphanumeric() && c != '_');
        let parameter = parameter.into_iter().next().unwrap_or_default();
        return Unfit::Parameter(parameter.to_owned()).into();
    }
    // PgBouncer, in statement mode.
    if words.contains("statement pooling") {
        return Unfit::Pooler.into();
    }
    error.into()
}

async fn connect(server: &Server) -> Result<PgConnection, sqlx::Error> {
    let options = postgres_options(&server.url)?;
    let connected = in_time(LIMIT, PgConnection::connect_with(&options)).await;
    connected.unwrap_or_else(|| Err(silent()))
}

impl Connections {
    /// Checks encoding, schema and number of connections. On SQLite there is nothing to check.
    pub(super) async fn check_server(&self, most: Option<u32>) -> Result<(), OpenError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let row: ServerRow = self.one(&SERVER).await?;
        if row.encoding != "UTF8" {
            return Err(Unfit::Encoding(row.encoding).into());
        }
        if row.schema.is_none() {
            return Err(Unfit::Schema(row.role).into());
        }
        match most {
            Some(set) if row.connections < i64::from(set) => Err(Unfit::Connections {
                role: row.role,
                allowed: row.connections,
                set,
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Checks that the role may read and write every table. On SQLite there is nothing to check.
    pub(super) async fn check_rights(&self) -> Result<(), OpenError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let closed: Vec<String> = self.all(TABLES_CLOSED.bind(migrations::tables())).await?;
        if closed.is_empty() {
            return Ok(());
        }
        Err(Unfit::Rights(closed.join(", ")).into())
    }
}
