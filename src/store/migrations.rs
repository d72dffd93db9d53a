//! The migrations that this program was built with, and what they say of tables and columns.

use sqlx::migrate::Migrator;

/// In the order of their numbers.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

const TABLE: &str = "create table ";

fn lines() -> impl Iterator<Item = &'static str> {
    let migrations = MIGRATIONS.iter();
    migrations.flat_map(|migration| migration.sql.as_str().lines())
}

/// The names of all tables, separated by commas.
pub(super) fn tables() -> String {
    let names = lines().filter_map(|line| line.strip_prefix(TABLE));
    let names: Vec<&str> = names
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    names.join(",")
}

/// The columns of a table that this program knows. A newer one may have added more.
pub(super) fn columns(table: &str) -> Vec<&'static str> {
    let of_table = |line: &'static str, before: &str| {
        let rest = line.strip_prefix(before)?.strip_prefix(table)?;
        rest.strip_prefix(' ')
    };
    let mut found = Vec::new();
    let mut inside = false;
    for line in lines() {
        inside = of_table(line, TABLE).is_some() || (inside && line != ");");
        let added =
            of_table(line, "alter table ").and_then(|rest| rest.strip_prefix("add column "));
        let defined = line.strip_prefix("    ").filter(|defined| {
            inside
                && !["-- ", "primary key ", "unique ", "    "]
                    .iter()
                    .any(|other| defined.starts_with(other))
        });
        let column = added.or(defined);
        found.extend(column.and_then(|column| column.split_whitespace().next()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_those_of_the_table_and_those_added_later() {
        assert_eq!(columns("pace"), ["name", "next_at"]);
        let forge = columns("forge_installation");
        assert_eq!(
            (forge.first(), forge.last()),
            (Some(&"installation"), Some(&"system_token_yields_after"))
        );
        assert!(columns("forge").is_empty());
    }
}
