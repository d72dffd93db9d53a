//! How a database goes about each statement, for the test that none of them reads a table from end to
//! end.

use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{Pool, Store, sql};

impl Store {
    /// Every statement's name, and its plan line by line as the database words it. PostgreSQL is asked
    /// for plans that hold for any values and avoid reading tables wherever an index allows it: on the
    /// small tables of a test it would do otherwise.
    ///
    /// # Errors
    /// Names the statement that cannot be planned.
    pub async fn plans(&self) -> Result<Vec<(&'static str, Vec<String>)>, String> {
        let mut plans = Vec::new();
        for (name, statement) in sql::everything() {
            let failed = |error: sqlx::Error| format!("{name}: {error}");
            let lines = match &self.pool {
                Pool::Sqlite(_) if name.ends_with("_POSTGRES") => continue,
                Pool::Postgres(_) if name.ends_with("_SQLITE") => continue,
                Pool::Sqlite(pool) => {
                    let explain = AssertSqlSafe(format!("{} {statement}", sql::EXPLAIN_SQLITE));
                    let rows = sqlx::raw_sql(explain).fetch_all(pool).await;
                    let rows = rows.map_err(failed)?;
                    rows.iter()
                        .map(|row| row.try_get("detail"))
                        .collect::<Result<_, _>>()
                        .map_err(failed)?
                }
                Pool::Postgres(pool) => {
                    // A connection of its own: it is not left in a state that others expect.
                    let mut connection = pool.acquire().await.map_err(failed)?.detach();
                    let values = (1..)
                        .take_while(|number| statement.contains(&format!("${number}")))
                        .map(|_| "null")
                        .collect::<Vec<_>>();
                    let values = match values.len() {
                        0 => String::new(),
                        _ => format!("({})", values.join(", ")),
                    };
                    let explain = format!(
                        "{}; prepare planned as {statement}; {} planned{values}",
                        sql::PLAN_POSTGRES,
                        sql::EXPLAIN_POSTGRES
                    );
                    let rows = sqlx::raw_sql(AssertSqlSafe(explain))
                        .fetch_all(&mut connection)
                        .await
                        .map_err(failed)?;
                    connection.close().await.map_err(failed)?;
                    rows.iter()
                        .map(|row| row.try_get(0))
                        .collect::<Result<_, _>>()
                        .map_err(failed)?
                }
            };
            plans.push((name, lines));
        }
        Ok(plans)
    }
}
