//! Opening the database: the file and the locks of SQLite, and words about what a start waits for.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use super::OpenError;
use super::database::{Database, why_not_file};

/// Only the owner reads and writes the database: it holds whom people are, and their sealed tokens.
pub(super) const OWNER_ONLY: u32 = 0o600;
/// How often a lock is tried, and the time between two tries. A process that is ending may take ten seconds
/// for its last renewals.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How long a start waits before it says what for.
const SILENT: Duration = Duration::from_secs(1);
/// How long it waits before it says so again.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// Waits for something and says so, if it takes long.
pub(super) async fn saying<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut patience = SILENT;
    loop {
        match tokio::time::timeout(patience, &mut work).await {
            Ok(done) => return done,
            Err(_) => tracing::info!("waiting for {what}"),
        }
        patience = SAY_AGAIN;
    }
}

/// The file of an SQLite database and its locks, which hold until this is dropped. The operating system
/// releases them when the process ends, even if it crashes.
pub(super) struct OwnFile {
    /// The file under the name that it has without symbolic links.
    pub(super) path: String,
    /// `{path}.lock`, and the file itself: it may have another name in another folder.
    pub(super) locks: [File; 2],
}

/// Creates the file if it is missing, and locks it for this process.
pub(super) async fn own_file(file: &str) -> Result<OwnFile, OpenError> {
    let cannot = |error: &io::Error| {
        let database = Database::Sqlite(file.to_owned());
        database.not_opened(&why_not_file(file, error))
    };
    // A file that is there is not opened before the first lock is held: closing it again would release the
    // locks of SQLite, if a connection of this process has it open.
    let path = match std::fs::canonicalize(file) {
        Ok(path) => path,
        Err(_) => {
            create(Path::new(file)).map_err(|error| cannot(&error))?;
            std::fs::canonicalize(file).map_err(|error| cannot(&error))?
        }
    };
    let beside = open(&with_ending(&path, ".lock")).map_err(|error| cannot(&error))?;
    lock(&beside, &path).await?;
    let itself = create(&path).map_err(|error| cannot(&error))?;
    lock(&itself, &path).await?;
    if itself.metadata().is_ok_and(|data| data.nlink() > 1) {
        tracing::warn!(
            file = %path.display(),
            "the database file has several names (hard links): always use the same one, because SQLite keeps a second file beside the name that is used"
        );
    }
    let path = path.into_os_string().into_string().map_err(|_| {
        OpenError::Opening(
            "the path of the SQLite file (LATCHKEY_DATABASE_URL) is not UTF-8".to_owned(),
        )
    })?;
    Ok(OwnFile {
        path,
        locks: [beside, itself],
    })
}

/// Lets only the owner read and write an open database.
pub(super) fn restrict_all(path: &str) {
    for ending in ["", "-wal", "-shm"] {
        restrict(&with_ending(Path::new(path), ending));
    }
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens a file that need not be readable.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(OWNER_ONLY)
        .open(path)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(OWNER_ONLY)
        .open(path)
}

/// Takes away the rights of everybody but the owner. SQLite gives the files beside the database the same rights.
fn restrict(path: &Path) {
    let Ok(data) = std::fs::metadata(path) else {
        return;
    };
    if data.permissions().mode() & 0o077 == 0 {
        return;
    }
    match std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)) {
        Ok(()) => tracing::warn!(
            file = %path.display(),
            "other users could read the database: now only the owner can"
        ),
        Err(error) => tracing::warn!(
            %error,
            file = %path.display(),
            "other users can read the database, and this process may not change that"
        ),
    }
}

async fn lock(lock: &File, path: &Path) -> Result<(), OpenError> {
    let what = format!("another latchkey process to let go of {}", path.display());
    let taken = async {
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(BETWEEN_TRIES).await,
                Err(TryLockError::Error(error)) => return Err(OpenError::Lock(error)),
            }
        }
        Err(OpenError::InUse)
    };
    saying(&what, taken).await
}
