//! The choice of database.

use std::str::FromStr;

use crate::error::ShouldBe;
use crate::secret::Secret;

/// The database that holds everything.
#[derive(Clone)]
pub enum Database {
    /// SQLite, in this file of this machine.
    Sqlite(String),
    /// A PostgreSQL server.
    Postgres(Server),
}

/// A PostgreSQL server, and how it is used.
#[derive(Clone)]
pub struct Server {
    /// Its URL, which may contain a password.
    pub url: Secret,
    /// The most connections of this process, the sign of life included.
    pub connections: u32,
}

/// The most connections of one process to PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostConnections(pub u32);

impl Default for MostConnections {
    fn default() -> Self {
        Self(16)
    }
}

impl FromStr for MostConnections {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        // One is the sign of life; readiness and renewals must not wait for each other.
        match text.parse() {
            Ok(number @ 3..=1000) => Ok(Self(number)),
            _ => Err(ShouldBe::new("a number from 3 to 1000")),
        }
    }
}

impl Database {
    /// The most connections of this process. None on SQLite, which limits none.
    pub(super) fn connections(&self) -> Option<u32> {
        match self {
            Self::Postgres(server) => Some(server.connections),
            Self::Sqlite(_) => None,
        }
    }

    /// The same database with this many connections, which only PostgreSQL counts.
    #[must_use]
    pub fn with_connections(self, MostConnections(connections): MostConnections) -> Self {
        match self {
            Self::Postgres(server) => Self::Postgres(Server {
                connections,
                ..server
            }),
            file @ Self::Sqlite(_) => file,
        }
    }
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
            return Ok(Self::Postgres(Server {
                url: Secret::new(url),
                connections: MostConnections::default().0,
            }));
        }
        Err(ShouldBe::new(
            "sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE",
        ))
    }
}
