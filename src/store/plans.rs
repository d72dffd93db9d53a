//! The register of all statements, and their query plans: for the tests that every statement fits both
//! databases and that none scans a whole table.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _, SqlSafeStr as _};

use super::Store;
use super::connections::Pool;
use super::statement::{Dialect, Statement};

macro_rules! register {
    ($($module:ident)*) => {
        /// Every module that has statements, with its statements. None is missing, because the macro that
        /// declares a statement lists it.
        static REGISTER: &[(&str, &[&Statement])] =
            &[$((stringify!($module), super::$module::STATEMENTS)),*];
    };
}

register! {
    accounts admin attempt backup batch checks claim cleanup clock connections figures forge gate
    health history inspection install_key late life lifecycle link outbox person quota renewal
    rotation rule schema session signing silence standing sweep tenant ticket vendor
}

/// Put before a statement to get its plan.
const EXPLAIN_SQLITE: &str = "explain query plan";
const EXPLAIN_POSTGRES: &str = "explain (costs off) execute";
const PLAN_POSTGRES: &str = "set enable_seqscan = off; set plan_cache_mode = force_generic_plan";

/// With how many rows a statement about several rows is prepared and planned here.
const ROWS: usize = 2;

/// Name and text of every statement for one database.
pub fn statements(dialect: Dialect) -> impl Iterator<Item = (&'static str, String)> {
    let all = REGISTER.iter().flat_map(|(_, statements)| *statements);
    all.filter_map(move |statement| {
        let text = statement.text(dialect, ROWS)?;
        Some((statement.name(), text.into_owned()))
    })
}

impl Store {
    /// Prepares every statement on this database. Returns how many there are.
    ///
    /// # Errors
    /// The name of the statement that does not fit.
    pub async fn prepare_all(&self) -> Result<usize, String> {
        let mut prepared = 0;
        for (name, text) in statements(self.connections.dialect()) {
            let failed = |error: sqlx::Error| format!("{name}: {error}");
            let text = AssertSqlSafe(text).into_sql_str();
            match &self.connections.pool {
                Pool::Sqlite(pool) => {
                    let mut connection = pool.acquire().await.map_err(failed)?;
                    connection.prepare(text).await.map_err(failed)?;
                }
                Pool::Postgres(pool) => {
                    let mut connection = pool.acquire().await.map_err(failed)?;
                    connection.prepare(text).await.map_err(failed)?;
                }
            }
            prepared += 1;
        }
        Ok(prepared)
    }

    /// Every statement's name and its plan, line by line, in the database's words. PostgreSQL makes generic
    /// plans here and avoids table scans if an index allows it: on a test's small tables it would scan.
    ///
    /// # Errors
    /// The name of the statement that cannot be planned.
    pub async fn plans(&self) -> Result<Vec<(&'static str, Vec<String>)>, String> {
        let mut plans = Vec::new();
        for (name, text) in statements(self.connections.dialect()) {
            let plan = self.plan(&text).await;
            plans.push((name, plan.map_err(|error| format!("{name}: {error}"))?));
        }
        Ok(plans)
    }

    async fn plan(&self, text: &str) -> Result<Vec<String>, sqlx::Error> {
        match &self.connections.pool {
            Pool::Sqlite(pool) => {
                let explain = AssertSqlSafe(format!("{EXPLAIN_SQLITE} {text}"));
                let rows = sqlx::raw_sql(explain).fetch_all(pool).await?;
                rows.iter().map(|row| row.try_get("detail")).collect()
            }
            Pool::Postgres(pool) => {
                // A separate connection, because its settings differ.
                let mut connection = pool.acquire().await?.detach();
                let values = (1..)
                    .take_while(|number| text.contains(&format!("${number}")))
                    .map(|_| "null")
                    .collect::<Vec<_>>();
                let values = match values.len() {
                    0 => String::new(),
                    _ => format!("({})", values.join(", ")),
                };
                let explain = format!(
                    "{PLAN_POSTGRES}; prepare planned as {text}; {EXPLAIN_POSTGRES} planned{values}"
                );
                let rows = sqlx::raw_sql(AssertSqlSafe(explain))
                    .fetch_all(&mut connection)
                    .await?;
                connection.close().await?;
                rows.iter().map(|row| row.try_get(0)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// Name and text of each file of the store, without its tests.
    fn sources() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
        let files = fs::read_dir(folder).expect("the folder is there");
        let read = files.map(|file| {
            let path = file.expect("it can be listed").path();
            let name = path.file_stem().expect("it has a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("it can be read");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            (name.into_owned(), text.to_owned())
        });
        read.collect()
    }

    #[test]
    fn every_module_with_statements_is_in_the_register() {
        for (name, text) in sources() {
            let declares = text.lines().any(|line| line == "statements! {");
            let registered = REGISTER.iter().any(|(module, _)| *module == name);
            assert_eq!(declares, registered, "{name}");
        }
    }

    #[test]
    fn no_statement_is_made_or_run_but_through_the_register() {
        for (name, text) in sources() {
            let makes = text.contains("Statement::new(") || text.contains("StatementText::");
            assert!(!makes || name == "statement", "{name}");
            let runs = ["sqlx::query", "raw_sql(", ".fetch_", ".prepare("];
            let runs = runs.iter().any(|call| text.contains(call));
            assert!(
                !runs || ["connections", "plans"].contains(&name.as_str()),
                "{name}"
            );
        }
    }

    /// So that none of it can happen without its message: see `standing.rs`.
    #[test]
    fn links_begin_end_and_change_in_one_module() {
        // A link that rests is not told of, and one that was published keeps the state in which it needs its person.
        let untold = ["SET_ASIDE", "RECORD_PUBLISHED"];
        let mut found = Vec::new();
        for (module, statements) in REGISTER {
            for statement in *statements {
                let text = [Dialect::Sqlite, Dialect::Postgres]
                    .into_iter()
                    .find_map(|dialect| statement.text(dialect, ROWS))
                    .expect("it has a text");
                let changes_state = text
                    .strip_prefix("update link set ")
                    .and_then(|rest| rest.split(" where ").next())
                    .is_some_and(|set| set.starts_with("state =") || set.contains(", state ="));
                let is_one = changes_state
                    || text.contains("insert into link ")
                    || text.contains("delete from link ");
                if is_one && !untold.contains(&statement.name()) {
                    found.push((*module, statement.name()));
                }
            }
        }
        let told = ["LINK_PUT", "LINK_DELETE", "RECONNECT", "LINK_WORKS_AGAIN"];
        assert_eq!(found, told.map(|name| ("standing", name)));
    }

    #[test]
    fn every_statement_has_a_name_of_its_own_and_is_used() {
        let mut names = std::collections::BTreeSet::new();
        let sources = sources();
        for (module, statements) in REGISTER {
            for statement in *statements {
                let name = statement.name();
                assert!(names.insert(name), "{name} is there twice");
                let (_, text) = sources
                    .iter()
                    .find(|(source, _)| source == module)
                    .expect("it has a source");
                let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let found = words.filter(|word| *word == name).count();
                assert!(found > 1, "{name} is declared and not used");
            }
        }
    }
}
