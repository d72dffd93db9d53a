//! A copy of the database that can be put back, made while a server runs.
//!
//! SQLite makes it in one read transaction (<https://sqlite.org/lang_vacuum.html#vacuuminto>), which nobody waits for.
//! PostgreSQL has programs of its own for that.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::clock::{Millis, rfc3339};

use super::OpenError;
use super::connections::{execute, optional};
use super::database::{Database, why_not_file};
use super::opening::{OWNER_ONLY, with_ending};
use super::statement::{Statement, statements};

statements! {
    BACKUP_INTO = sqlite("vacuum into $1");
    BACKUP_IS_WHOLE = sqlite("pragma integrity_check");
    BACKUP_LINKS = sqlite("select count(*) from link");
    BACKUP_TENANTS = sqlite("select count(*) from tenant where installed");
    BACKUP_AS_OF = sqlite("select next_at from pace where name = 'clock'");
}

/// What a backup holds. Its text is a line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Where it is.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// How many links it holds.
    pub links: i64,
    /// At how many installed tenants.
    pub tenants: i64,
    /// The latest time that a server had noted in it. None if none ever ran.
    pub as_of: Option<Millis>,
}

impl fmt::Display for BackedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            bytes,
            links,
            tenants,
            as_of,
        } = self;
        let file = file.display();
        write!(
            f,
            "{file}: {links} links of {tenants} tenants, {bytes} bytes"
        )?;
        if let Some(as_of) = as_of {
            write!(f, ", as of {}", rfc3339(as_of / 1000))?;
        }
        f.write_str(". It opens with the sealing keys alone: keep those in another place")
    }
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum NoBackup {
    /// PostgreSQL has its own programs.
    #[error(
        "this database is PostgreSQL: use pg_dump --format=custom, or the backups of your PostgreSQL service. \
         docs/backup.md says how it is put back"
    )]
    Postgres,
    /// A backup never replaces a file.
    #[error("there is already something at {file}: name another file", file = .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("the backup cannot be written to {file}: {why}", file = file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// The database cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// Copying failed.
    #[error("the database cannot be copied: {0}")]
    Copy(#[from] sqlx::Error),
    /// The copy is not whole.
    #[error("the copy is damaged, and so may be the database: {0}")]
    Damaged(String),
}

/// Makes a backup of an SQLite database in a new file that only its owner can read. A server may run meanwhile.
/// Nothing is left of a backup that fails or is interrupted but a file with the ending `.part`, which the next one
/// to the same place replaces.
///
/// # Errors
/// See [`NoBackup`].
pub async fn back_up(database: &Database, to: &Path) -> Result<BackedUp, NoBackup> {
    let Database::Sqlite(from) = database else {
        return Err(NoBackup::Postgres);
    };
    if fs::symlink_metadata(to).is_ok() {
        return Err(NoBackup::Exists(to.to_owned()));
    }
    let part = with_ending(to, ".part");
    let cannot = |error: io::Error| {
        let file = to.to_owned();
        let why = why_not_file(&to.display().to_string(), &error);
        NoBackup::File { file, why }
    };
    create(&part).map_err(cannot)?;
    let copied = copy(database, from, &part).await;
    let backed_up = match copied {
        Ok(found) => keep(&part, to)
            .map(|bytes| BackedUp {
                bytes,
                file: to.to_owned(),
                ..found
            })
            .map_err(cannot),
        Err(error) => Err(error),
    };
    if backed_up.is_err() {
        let _ = fs::remove_file(&part);
    }
    backed_up
}

/// An empty file is what SQLite copies into, too.
fn create(part: &Path) -> io::Result<()> {
    match fs::remove_file(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(OWNER_ONLY)
        .open(part)?;
    Ok(())
}

async fn copy(database: &Database, from: &str, part: &Path) -> Result<BackedUp, NoBackup> {
    let opened = open(from).await;
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => return Err(database.cannot_be_opened(error.into()).into()),
    };
    let into = part.to_string_lossy().into_owned();
    execute(&mut source, BACKUP_INTO.bind(into.as_str())).await?;
    source.close().await?;
    let mut copied = open(&into).await?;
    let whole: Option<String> = optional(&mut copied, (&BACKUP_IS_WHOLE).into()).await?;
    match whole.as_deref() {
        Some("ok") => {}
        said => return Err(NoBackup::Damaged(said.unwrap_or("nothing").to_owned())),
    }
    let found = BackedUp {
        file: part.to_owned(),
        bytes: 0,
        links: count(&mut copied, &BACKUP_LINKS).await?,
        tenants: count(&mut copied, &BACKUP_TENANTS).await?,
        as_of: optional(&mut copied, (&BACKUP_AS_OF).into()).await?,
    };
    copied.close().await?;
    Ok(found)
}

async fn open(file: &str) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .read_only(true)
        .connect()
        .await
}

async fn count(
    copied: &mut SqliteConnection,
    statement: &'static Statement,
) -> Result<i64, sqlx::Error> {
    Ok(optional(copied, statement.into())
        .await?
        .unwrap_or_default())
}

/// Gives a finished copy its name, unless that was taken meanwhile, once all of it is on the disk. Returns its size.
fn keep(part: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(part)?;
    file.sync_all()?;
    fs::hard_link(part, to)?;
    fs::remove_file(part)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file.metadata()?.len())
}
