//! The choice of database.

use std::str::FromStr;

use crate::error::ShouldBe;
use crate::secret::Secret;

/// The database that holds everything.
#[derive(Clone)]
pub enum Database {
    /// SQLite, in this file of this machine.
    Sqlite(String),
    /// A PostgreSQL server. Its URL may contain a password.
    Postgres(Secret),
}

impl FromStr for Database {
    type Err = ShouldBe;

    fn from_str(url: &str) -> Result<Self, ShouldBe> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            // Other programs put options after the file name. Latchkey chooses those itself.
            let file = file.split('?').next().unwrap_or_default();
            // An in-memory database would lose every link with the process.
            if !file.is_empty() && !file.contains(":memory:") {
                return Ok(Self::Sqlite(file.to_owned()));
            }
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Secret::new(url)));
        }
        Err(ShouldBe::new(
            "sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE",
        ))
    }
}
