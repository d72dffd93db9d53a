//! Statements and their values.
//!
//! A statement is written once, for SQLite and PostgreSQL, directly above the functions that run it. It stays
//! portable by using `$1` parameters, no function that only one database has, `true` and `false` for
//! booleans, and times as bound numbers. A claim is one statement; PostgreSQL adds `for update skip locked`
//! where replicas would otherwise wait for each other.
//!
//! No statement says `*`: it names the columns that this version knows, `{link}` for those of `link`, and
//! `{link as l}` where the table has another name. A column that a newer version adds would change what a prepared
//! statement returns, which PostgreSQL refuses while the replicas of this version still run.
//!
//! Only the macro [`statements!`] makes a statement. It also lists it in the `STATEMENTS` of its module, and
//! `store.rs` joins these lists into one register: the tests prepare every statement in it on both databases
//! and check its plan.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::migrations::columns;
use sqlx::database::Database;

use sqlx::{Arguments as _, AssertSqlSafe, Encode, SqlSafeStr as _, SqlStr, Type};

/// Declares statements, and lists them in the `STATEMENTS` of the module.
///
/// The text is a literal if both databases take the same, `each(…, …)` with one text for SQLite and one for
/// PostgreSQL, `sqlite(…)` or `postgres(…)` if only one of them runs it, and `rows(…, […], …)` for a statement about several
/// rows, each with its own values: the text before the values, their types, and the text after them.
macro_rules! statements {
    ($($(#[$doc:meta])* $vis:vis $name:ident =
        $($text:literal)?
        $(each($sqlite:expr, $postgres:expr))?
        $(sqlite($only_sqlite:expr))?
        $(postgres($only:expr))?
        $(rows($head:literal, [$($kind:ident)*], $tail:expr))?
    ;)*) => {
        $(
            $(#[$doc])*
            $vis static $name: $crate::store::statement::Statement =
                $crate::store::statement::Statement::new(
                    stringify!($name),
                    $($crate::store::statement::StatementText::Same($text))?
                    $($crate::store::statement::StatementText::Each { sqlite: $sqlite, postgres: $postgres })?
                    $($crate::store::statement::StatementText::Sqlite($only_sqlite))?
                    $($crate::store::statement::StatementText::Postgres($only))?
                    $($crate::store::statement::StatementText::Rows {
                        head: $head,
                        types: &[$(stringify!($kind)),*],
                        tail: $tail,
                    })?
                );
        )*

        /// The statements of this module.
        pub(super) static STATEMENTS: &[&$crate::store::statement::Statement] = &[$(&$name),*];
    };
}
pub(super) use statements;

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Names the columns of the tables that stand in braces.
fn with_columns(text: &str) -> String {
    let mut named = String::with_capacity(text.len() + 400);
    let mut rest = text;
    while let Some((before, (inside, after))) = rest
        .split_once('{')
        .and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        named.push_str(before);
        let (table, prefix) = match inside.split_once(" as ") {
            Some((table, alias)) => (table, format!("{alias}.")),
            None => (inside, String::new()),
        };
        let columns = columns(table);
        let columns = columns.iter().map(|column| format!("{prefix}{column}"));
        named.push_str(&columns.collect::<Vec<_>>().join(", "));
        rest = after;
    }
    named + rest
}

/// The text of a statement.
pub(super) enum StatementText {
    /// The same text on both databases.
    Same(&'static str),
    /// One text for each.
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
    /// Only SQLite runs it.
    Sqlite(&'static str),
    /// Only PostgreSQL runs it.
    Postgres(&'static str),
    /// About several rows at once, each with its own values. Both databases call the columns of `values`
    /// `column1`, `column2` and so on.
    Rows {
        head: &'static str,
        /// The types of one row's values.
        types: &'static [&'static str],
        tail: &'static str,
    },
}

/// A statement. Only [`statements!`] makes one.
pub(super) struct Statement {
    name: &'static str,
    form: StatementText,
    /// The text for each database with its columns named.
    named: [OnceLock<String>; 2],
}

impl Statement {
    /// For [`statements!`] alone, which registers it.
    pub(super) const fn new(name: &'static str, form: StatementText) -> Self {
        let named = [const { OnceLock::new() }; 2];
        Self { name, form, named }
    }

    /// Its name in the source.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Its text for a database and this many rows. None if that database does not run it.
    pub(super) fn text(&'static self, dialect: Dialect, rows: usize) -> Option<Cow<'static, str>> {
        let text = match (&self.form, dialect) {
            (StatementText::Same(text), _) => text,
            (StatementText::Each { sqlite, .. }, Dialect::Sqlite) => sqlite,
            (StatementText::Each { postgres, .. }, Dialect::Postgres) => postgres,
            (StatementText::Sqlite(text), Dialect::Sqlite)
            | (StatementText::Postgres(text), Dialect::Postgres) => text,
            (StatementText::Sqlite(_), Dialect::Postgres)
            | (StatementText::Postgres(_), Dialect::Sqlite) => return None,
            (StatementText::Rows { head, types, tail }, _) => {
                return Some(Cow::Owned(text_about(rows, head, types, tail)));
            }
        };
        if !text.contains('{') {
            return Some(Cow::Borrowed(*text));
        }
        let named = self.named[dialect as usize].get_or_init(|| with_columns(text));
        Some(Cow::Borrowed(named))
    }

    /// The statement with its first value.
    pub(super) fn bind<'q>(&'static self, value: impl Into<SqlValue<'q>>) -> Query<'q> {
        Query::from(self).bind(value)
    }

    /// The statement about this many rows, without values yet.
    pub(super) fn about<'q>(&'static self, rows: usize) -> Query<'q> {
        let in_a_row = match &self.form {
            StatementText::Rows { types, .. } => types.len(),
            _ => 0,
        };
        Query {
            statement: self,
            rows,
            values: Vec::with_capacity(rows * in_a_row),
        }
    }
}

/// The parameters are the values of the rows, row by row.
fn text_about(rows: usize, head: &str, types: &[&str], tail: &str) -> String {
    let mut text = format!("{head} from (values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (at, kind) in types.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let number = row * types.len() + at + 1;
            text.push_str(&format!("{comma}cast(${number} as {kind})"));
        }
        text.push(')');
    }
    text.push_str(") as v ");
    text.push_str(tail);
    text
}

/// A value of one of the three column types.
pub(super) enum SqlValue<'q> {
    Text(Option<Cow<'q, str>>),
    Number(Option<i64>),
    Truth(Option<bool>),
}

impl<'q> From<&'q str> for SqlValue<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for SqlValue<'q> {
    fn from(text: &'q String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for SqlValue<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for SqlValue<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl<'q> From<&'q Option<String>> for SqlValue<'q> {
    fn from(text: &'q Option<String>) -> Self {
        Self::from(text.as_deref())
    }
}

impl From<Option<String>> for SqlValue<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl From<i64> for SqlValue<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for SqlValue<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for SqlValue<'_> {
    fn from(truth: bool) -> Self {
        Self::Truth(Some(truth))
    }
}

/// A statement with its values, in the order of its parameters.
pub(super) struct Query<'q> {
    statement: &'static Statement,
    /// For how many rows; 1 unless it is a statement about several.
    rows: usize,
    values: Vec<SqlValue<'q>>,
}

impl From<&'static Statement> for Query<'_> {
    fn from(statement: &'static Statement) -> Self {
        statement.about(1)
    }
}

impl<'q> Query<'q> {
    /// Adds the next value.
    pub(super) fn bind(mut self, value: impl Into<SqlValue<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Text and values for a database.
    pub(super) fn for_database<DB: Database>(
        self,
        dialect: Dialect,
    ) -> Result<(SqlStr, DB::Arguments), sqlx::Error>
    where
        Option<Cow<'q, str>>: Encode<'q, DB> + Type<DB>,
        Option<i64>: Encode<'q, DB> + Type<DB>,
        Option<bool>: Encode<'q, DB> + Type<DB>,
    {
        let Self {
            statement,
            rows,
            values,
        } = self;
        let text = match statement.text(dialect, rows) {
            Some(Cow::Borrowed(text)) => text.into_sql_str(),
            // It consists of literals and numbers.
            Some(Cow::Owned(text)) => AssertSqlSafe(text).into_sql_str(),
            None => {
                let name = statement.name;
                return Err(sqlx::Error::Protocol(format!("{name} is not for SQLite")));
            }
        };
        let mut arguments = DB::Arguments::default();
        arguments.reserve(values.len(), 0);
        for value in values {
            match value {
                SqlValue::Text(text) => arguments.add(text),
                SqlValue::Number(number) => arguments.add(number),
                SqlValue::Truth(truth) => arguments.add(truth),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok((text, arguments))
    }
}
