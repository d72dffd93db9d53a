//! The choice of database, and words for a database that cannot be opened.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{Access, access};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::ShouldBe;
use crate::secret::Secret;

use super::OpenError;

/// The parameters that a PostgreSQL URL may have. The driver logs an unknown one with its value, so none is
/// given to it.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];
const SSL_MODES: &[&str] = &[
    "allow",
    "disable",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];
/// Parameters that name a file, or hold what would be in it.
const FILES: &[&str] = &["sslrootcert", "sslcert", "sslkey"];
const SHAPE: &str = "sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE";

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
        } else if let Some(rest) = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))
        {
            check_postgres(url, rest)?;
            return Ok(Self::Postgres(Server {
                url: Secret::new(url),
                connections: MostConnections::default().0,
            }));
        }
        Err(ShouldBe::new(SHAPE))
    }
}

/// Finds the mistakes that the driver would describe with a value of the URL, or not at all. `rest` is what
/// follows the scheme.
fn check_postgres(url: &str, rest: &str) -> Result<(), ShouldBe> {
    let should_be = |problem: &str| ShouldBe::new(format!("{SHAPE}{problem}"));
    if rest.contains('#') {
        return Err(should_be(
            ", where `#` in a user or password is written %23",
        ));
    }
    // A slash or a question mark in the password ends the host too early, and the rest contains the `@`.
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let after = &rest[authority.len()..];
    let path = after.split('?').next().unwrap_or_default();
    let in_password = authority.contains(':') && user.is_empty();
    if path.contains('@') || (in_password && after.contains('@')) {
        return Err(should_be(
            ", where `/` in a user or password is written %2F and `?` is written %3F",
        ));
    }
    if user.contains('%') && !is_percent_encoded(user) {
        return Err(should_be(
            ", where `%` in a user or password is written %25",
        ));
    }
    if hosts.contains(',') {
        return Err(should_be(
            " with one host: give the address that always leads to the server that can be written",
        ));
    }
    let parsed = Url::parse(url).map_err(|_| {
        should_be(", where each character of user and password that is no letter, digit, `-`, `.`, `_` or `~` is percent-encoded")
    })?;
    for (name, value) in parsed.query_pairs() {
        check_parameter(&name, &value)?;
    }
    PgConnectOptions::from_str(url).map_err(|_| should_be(""))?;
    Ok(())
}

/// Each `%` is followed by two hexadecimal digits.
fn is_percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn check_parameter(name: &str, value: &str) -> Result<(), ShouldBe> {
    let with = |words: String| ShouldBe::new(format!("{SHAPE} {words}"));
    let is_option = name.starts_with("options[") && name.ends_with(']');
    if !PARAMETERS.contains(&name) && !is_option {
        // Not even the name: it may be what was meant as a value.
        let known = PARAMETERS.join(", ");
        return Err(with(format!("with no other parameters than {known}")));
    }
    let good = match name {
        "sslmode" => SSL_MODES.contains(&value),
        "port" => value.parse::<u16>().is_ok(),
        "host" => !value.contains(','),
        "hostaddr" => value.parse::<std::net::IpAddr>().is_ok(),
        "statement-cache-capacity" => value.parse::<usize>().is_ok(),
        _ => true,
    };
    if good {
        return Ok(());
    }
    Err(with(match name {
        "sslmode" => format!("with sslmode one of {}", SSL_MODES.join(", ")),
        "host" => "with one host".to_owned(),
        name => format!("with a number or an address as {name}"),
    }))
}

impl Database {
    /// Whether a start can use the file of an SQLite database: true if it is there already, false if the start would
    /// create it. Nothing is changed.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn file_is_there(&self) -> Result<bool, OpenError> {
        let Self::Sqlite(file) = self else {
            return Ok(true);
        };
        let path = Path::new(file);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let may_write = |path: &Path, rights: Access| {
            let may = access(path, rights).map_err(io::Error::from);
            may.map_err(|error| self.not_opened(&why_not_file(file, &error)))
        };
        may_write(folder, Access::WRITE_OK | Access::EXEC_OK)?;
        if !path.exists() {
            return Ok(false);
        }
        may_write(path, Access::WRITE_OK | Access::READ_OK)?;
        Ok(true)
    }

    /// Where it is, without user and password.
    pub(super) fn place(&self) -> String {
        let url = match self {
            Self::Sqlite(file) => return format!("the SQLite file {file}"),
            Self::Postgres(server) => &server.url,
        };
        match PgConnectOptions::from_str(url.expose()) {
            Ok(options) => match options.get_socket() {
                Some(socket) => format!("PostgreSQL at {}", socket.display()),
                None => format!(
                    "PostgreSQL at {}:{}",
                    options.get_host(),
                    options.get_port()
                ),
            },
            Err(_) => "PostgreSQL".to_owned(),
        }
    }

    /// Why it cannot be opened, and what to do, in one line.
    pub(super) fn cannot_be_opened(&self, error: OpenError) -> OpenError {
        let OpenError::Database(error) = error else {
            return error;
        };
        let why = match self {
            Self::Sqlite(file) => why_not_sqlite(file, &error),
            Self::Postgres(Server { url, .. }) => why_not_postgres(url, &error),
        };
        self.not_opened(&why)
    }

    /// The same for a reason that is known.
    pub(super) fn not_opened(&self, why: &str) -> OpenError {
        let place = self.place();
        OpenError::Opening(format!(
            "the database cannot be opened: {place} (LATCHKEY_DATABASE_URL): {why}"
        ))
    }
}

fn why_not_postgres(url: &Secret, error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => {
                "the connection is refused: start the server, or correct host and port".to_owned()
            }
            ErrorKind::NotFound => {
                "there is no such socket: start the server, or correct the path".to_owned()
            }
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                format!("the connection was closed ({error}): does PostgreSQL listen there?")
            }
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                format!("it cannot be reached ({error}): check host, port and firewall")
            }
            _ if error.to_string().contains("lookup address") => {
                "the name of the host is not known: correct it, or check the DNS".to_owned()
            }
            _ => format!("{error}: check host, port and firewall"),
        },
        sqlx::Error::PoolTimedOut => {
            "it does not answer: check host, port and firewall, and whether it has connections left"
                .to_owned()
        }
        sqlx::Error::Tls(error) => match unreadable_file(url) {
            Some(words) => words,
            None => format!("TLS fails ({error}): check sslmode and sslrootcert"),
        },
        sqlx::Error::Database(said) => match said.code().as_deref() {
            Some("28P01") => "the server refuses user and password: correct them".to_owned(),
            Some("3D000") => "there is no such database: create it, or correct its name".to_owned(),
            Some("53300") => {
                "the server has no connection left: raise max_connections, or the limit of the role"
                    .to_owned()
            }
            _ => format!("the server says: {}", said.message()),
        },
        // The words of the driver may repeat what it was given.
        sqlx::Error::Configuration(_) => unreadable_file(url).unwrap_or_else(|| {
            "the URL has a parameter that the driver does not accept".to_owned()
        }),
        error => error.to_string(),
    }
}

/// The first file that the URL names and that cannot be read. The value may be a key itself, so it is not
/// repeated.
fn unreadable_file(url: &Secret) -> Option<String> {
    let url = Url::parse(url.expose()).ok()?;
    let mut files = url
        .query_pairs()
        .filter(|(name, value)| FILES.contains(&&**name) && !value.contains("-----BEGIN"));
    files.find_map(|(name, file)| {
        let error = fs::File::open(&*file).err()?;
        let why = error.kind();
        Some(format!(
            "the file that {name} names cannot be read ({why}): correct the path"
        ))
    })
}

fn why_not_sqlite(file: &str, error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => why_not_file(file, error),
        sqlx::Error::Database(said) => match said.code().as_deref() {
            // SQLITE_CANTOPEN: it does not say why.
            Some("14") => match fs::File::open(file) {
                Err(error) => why_not_file(file, &error),
                Ok(_) => {
                    "this user may not write to it or to its folder: change their owner".to_owned()
                }
            },
            // SQLITE_NOTADB
            Some("26") => "it is not an SQLite database: name another file".to_owned(),
            _ => said.message().to_owned(),
        },
        error => error.to_string(),
    }
}

/// Why a file cannot be opened or created.
pub(super) fn why_not_file(file: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            let folder = std::path::Path::new(file).parent();
            match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
                Some(folder) => format!(
                    "the folder {} does not exist: create it, or correct the path",
                    folder.display()
                ),
                None => "there is no such file: correct the path, or start the server first".to_owned(),
            }
        }
        ErrorKind::PermissionDenied => {
            "permission denied: make the user of this process the owner of the file and of its folder"
                .to_owned()
        }
        ErrorKind::IsADirectory => "it is a folder: name a file in it".to_owned(),
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: put the file on a volume that can be written".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match Database::from_str(url) {
            Ok(_) => panic!("{url} is accepted"),
            Err(should_be) => should_be.to_string(),
        }
    }

    #[test]
    fn f25_a_parameter_is_checked_by_its_name_before_the_driver_sees_it() {
        let base = "postgres://user:password@db.example.com/latchkey";
        for good in [
            "",
            "?sslmode=verify-full",
            "?sslmode=verify-ca&sslrootcert=/etc/ca.pem&sslcert=/c.pem&sslkey=/k.pem",
            "?host=/run/postgresql&port=5433",
            "?application_name=latchkey&options=-c%20search_path%3Dlatchkey",
            "?options[search_path]=latchkey&statement-cache-capacity=10",
        ] {
            assert!(
                Database::from_str(&format!("{base}{good}")).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "?sslpassword=TopS3cret",
            "?passfile=TopS3cret",
            "?sslmode=verify-full&TopS3cret=1",
            "?TopS3cret",
            "?sslmode=TopS3cret",
            "?port=TopS3cret",
            "?hostaddr=TopS3cret",
            "?statement-cache-capacity=TopS3cret",
            "?SSLMODE=TopS3cret",
            "?options[TopS3cret",
        ] {
            let words = refusal(&format!("{base}{bad}"));
            assert!(!words.contains("TopS3cret"), "{words}");
            assert!(!words.contains('\n'), "{words}");
        }
    }

    #[test]
    fn f26_what_was_not_encoded_is_named() {
        for (url, part) in [
            ("postgres://user:to#p4ss@db/latchkey", "%23"),
            ("postgres://user:1#p4ss@db/latchkey", "%23"),
            ("postgres://user:to/p4ss@db/latchkey", "%2F"),
            ("postgres://user:1/p4ss@db/latchkey", "%2F"),
            ("postgres://user:to?p4ss@db/latchkey", "%3F"),
            ("postgres://user:to%p4ss@db/latchkey", "%25"),
            ("postgres://user:p4ss@one,two/latchkey", "one host"),
            (
                "postgres://user:p4ss@one:5432,two:5432/latchkey",
                "one host",
            ),
            ("postgres://user:p4ss@db/latchkey?host=one,two", "one host"),
            ("postgres://user:p4ss@db:port/latchkey", "percent-encoded"),
        ] {
            let words = refusal(url);
            assert!(words.contains(part), "{url}: {words}");
            assert!(!words.contains("p4ss"), "{words}");
        }
        for good in [
            "postgres://user:to%23p%25@db/latchkey",
            "postgres://user:to@p@db/latchkey",
            "postgres://db",
            "postgres:///latchkey?host=/run/postgresql",
            "postgres://user@%2Frun%2Fpostgresql/latchkey",
            "postgres://user:p@[::1]:5432/latchkey",
        ] {
            assert!(Database::from_str(good).is_ok(), "{good}");
        }
    }
}
