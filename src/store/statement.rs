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

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    Arguments as _, AssertSqlSafe, Database, Encode, Postgres, SqlSafeStr as _, SqlStr, Sqlite,
    Type,
};

use super::migrations::columns;

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

/// The numbers of rows that statements are prepared for on SQLite. A number in between is padded to the next.
const PREPARED: [usize; 4] = [1, 4, 16, 64];

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
    /// About several rows at once, each with its own values, which are the columns `column1`, `column2` and so on
    /// of `v`. SQLite gets a parameter for each value, PostgreSQL an array for each column, so that one text is
    /// prepared and planned for any number of rows.
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
    /// The texts for SQLite about [`PREPARED`] numbers of rows.
    prepared: [OnceLock<String>; PREPARED.len()],
}

impl Statement {
    /// For [`statements!`] alone, which registers it.
    pub(super) const fn new(name: &'static str, form: StatementText) -> Self {
        Self {
            name,
            form,
            named: [const { OnceLock::new() }; 2],
            prepared: [const { OnceLock::new() }; PREPARED.len()],
        }
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
            (StatementText::Rows { head, types, tail }, Dialect::Sqlite) => {
                let text = || format!("{} from {} {tail}", with_columns(head), values(rows, types));
                let at = PREPARED.iter().position(|prepared| *prepared == rows);
                return Some(match at {
                    Some(at) => Cow::Borrowed(self.prepared[at].get_or_init(text)),
                    None => Cow::Owned(text()),
                });
            }
            (StatementText::Rows { head, types, tail }, Dialect::Postgres) => {
                let named = self.named[dialect as usize].get_or_init(|| {
                    format!("{} from {} {tail}", with_columns(head), arrays(types))
                });
                return Some(Cow::Borrowed(named));
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

    /// The statement about these rows; `bind` adds the values of each. None if there are no rows. Each row may be there
    /// more than once.
    pub(super) fn about_all<'q, R: Copy>(
        &'static self,
        dialect: Dialect,
        rows: &[R],
        bind: impl Fn(Query<'q>, R) -> Query<'q>,
    ) -> Option<Query<'q>> {
        let last = rows.last().copied()?;
        let size = match dialect {
            Dialect::Sqlite => PREPARED.into_iter().find(|size| *size >= rows.len()),
            // One text serves any number.
            Dialect::Postgres => None,
        };
        let size = size.unwrap_or(rows.len());
        let filled = rows.iter().copied().chain(std::iter::repeat(last));
        Some(filled.take(size).fold(self.about(size), bind))
    }

    /// The statement about this many rows, without values yet.
    fn about<'q>(&'static self, rows: usize) -> Query<'q> {
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
fn values(rows: usize, types: &[&str]) -> String {
    let row = |row: usize| {
        let first = row * types.len() + 1;
        let values = types.iter().zip(first..);
        let values = values.map(|(kind, number)| format!("cast(${number} as {kind})"));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    format!("(values {}) as v", rows.join(", "))
}

/// The parameters are the columns. PostgreSQL does not look into what a subquery gives. Where it saw that an array is
/// short, it would plan each execution for that length, which takes longer than reading a few rows.
fn arrays(types: &[&str]) -> String {
    let arrays = types.iter().zip(1..);
    let arrays = arrays.map(|(kind, number)| format!("(select cast(${number} as {kind}[]))"));
    let columns = (1..=types.len()).map(|number| format!("column{number}"));
    format!(
        "unnest({}) as v ({})",
        arrays.collect::<Vec<_>>().join(", "),
        columns.collect::<Vec<_>>().join(", ")
    )
}

/// A value of one of the three column types.
pub(super) enum SqlValue<'q> {
    Text(Option<Cow<'q, str>>),
    Number(Option<i64>),
    Truth(Option<bool>),
}

impl SqlValue<'_> {
    /// The text, or null. None if it is of another type.
    fn text(&self) -> Option<Option<&str>> {
        match self {
            Self::Text(text) => Some(text.as_deref()),
            _ => None,
        }
    }

    fn number(&self) -> Option<Option<i64>> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn truth(&self) -> Option<Option<bool>> {
        match self {
            Self::Truth(truth) => Some(*truth),
            _ => None,
        }
    }
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

    /// Text and values for SQLite.
    pub(super) fn for_sqlite(self) -> Result<(SqlStr, SqliteArguments), sqlx::Error> {
        let text = self.text(Dialect::Sqlite)?;
        Ok((text, one_by_one::<Sqlite>(self.values)?))
    }

    /// Text and values for PostgreSQL.
    pub(super) fn for_postgres(self) -> Result<(SqlStr, PgArguments), sqlx::Error> {
        let text = self.text(Dialect::Postgres)?;
        let arguments = match &self.statement.form {
            StatementText::Rows { types, .. } => by_column(&self.values, types)?,
            _ => one_by_one::<Postgres>(self.values)?,
        };
        Ok((text, arguments))
    }

    fn text(&self, dialect: Dialect) -> Result<SqlStr, sqlx::Error> {
        match self.statement.text(dialect, self.rows) {
            Some(Cow::Borrowed(text)) => Ok(text.into_sql_str()),
            // It consists of literals and numbers.
            Some(Cow::Owned(text)) => Ok(AssertSqlSafe(text).into_sql_str()),
            None => {
                let name = self.statement.name;
                let not_for = format!("{name} is not for {dialect:?}");
                Err(sqlx::Error::Protocol(not_for))
            }
        }
    }
}

/// A parameter for each value.
fn one_by_one<'q, DB: Database>(values: Vec<SqlValue<'q>>) -> Result<DB::Arguments, sqlx::Error>
where
    Option<Cow<'q, str>>: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<bool>: Encode<'q, DB> + Type<DB>,
{
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
    Ok(arguments)
}

/// An array for each column of rows with values of these types.
fn by_column(values: &[SqlValue<'_>], types: &[&str]) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for (at, kind) in types.iter().enumerate() {
        let column = || values.iter().skip(at).step_by(types.len());
        let wrong = || sqlx::Error::Encode(format!("value {at} of a row is no {kind}").into());
        let array = match *kind {
            "text" => {
                let texts: Option<Vec<_>> = column().map(SqlValue::text).collect();
                arguments.add(texts.ok_or_else(wrong)?)
            }
            "bigint" => {
                let numbers: Option<Vec<_>> = column().map(SqlValue::number).collect();
                arguments.add(numbers.ok_or_else(wrong)?)
            }
            _ => {
                let truths: Option<Vec<_>> = column().map(SqlValue::truth).collect();
                arguments.add(truths.ok_or_else(wrong)?)
            }
        };
        array.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
