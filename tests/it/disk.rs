//! Disks in trouble: SQLite's writes to a file fail or wait, as on a full disk, one that was made read-only after
//! an error, or one that answers nothing for a moment.
//!
//! SQLite makes its system calls through a table that it lets others change
//! (<https://www.sqlite.org/c3ref/vfs.html>, `xSetSystemCall`), so the errors take the way that real ones take.

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use libsqlite3_sys as sqlite;
use rustix::io::Errno;
use tokio::time::Instant;

/// What is wrong with a disk.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    Full,
    ReadOnly,
    /// Writes wait until then.
    Frozen(Instant),
}

static TROUBLES: LazyLock<Mutex<HashMap<PathBuf, Trouble>>> = LazyLock::new(|| {
    watch_writes();
    Mutex::default()
});
/// How many disks are in trouble: most writes ask no further.
static HOW_MANY: AtomicUsize = AtomicUsize::new(0);

/// From now on the disk of this folder is in trouble, or is well again.
pub fn trouble(folder: &Path, trouble: Option<Trouble>) {
    let mut troubles = TROUBLES.lock().unwrap_or_else(PoisonError::into_inner);
    match trouble {
        Some(trouble) => troubles.insert(folder.to_owned(), trouble),
        None => troubles.remove(folder),
    };
    HOW_MANY.store(troubles.len(), Ordering::SeqCst);
}

fn trouble_of(file: c_int) -> Option<Trouble> {
    if HOW_MANY.load(Ordering::SeqCst) == 0 {
        return None;
    }
    let path = std::fs::read_link(format!("/proc/self/fd/{file}")).ok()?;
    let troubles = TROUBLES.lock().unwrap_or_else(PoisonError::into_inner);
    troubles.get(path.parent()?).copied()
}

const WRITE: &CStr = c"write";

/// Puts `write` in the place of SQLite's own.
fn watch_writes() {
    type Call = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
    let ours: Call = write;
    // SAFETY: the default VFS of SQLite lives as long as the program and has these functions; `write` has the type
    // that SQLite calls it with.
    let done = unsafe {
        let vfs = sqlite::sqlite3_vfs_find(std::ptr::null());
        let set = (*vfs).xSetSystemCall.expect("a VFS for Unix");
        let call = std::mem::transmute::<Call, unsafe extern "C" fn()>(ours);
        set(vfs, WRITE.as_ptr(), Some(call))
    };
    assert_eq!(done, sqlite::SQLITE_OK, "SQLite writes in another way");
}

/// `write(2)`, unless the disk is in trouble.
///
/// # Safety
/// SQLite calls it with an open file and as many bytes as it says.
unsafe extern "C" fn write(file: c_int, bytes: *const c_void, length: usize) -> isize {
    let result = loop {
        match trouble_of(file) {
            Some(Trouble::Full) => break Err(Errno::NOSPC),
            Some(Trouble::ReadOnly) => break Err(Errno::ROFS),
            Some(Trouble::Frozen(until)) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Some(Trouble::Frozen(_)) | None => {
                // SAFETY: as this function's caller promises.
                let (file, bytes) = unsafe {
                    let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), length);
                    (BorrowedFd::borrow_raw(file), bytes)
                };
                break rustix::io::write(file, bytes);
            }
        }
    };
    match result {
        Ok(written) => isize::try_from(written).unwrap_or(isize::MAX),
        Err(error) => {
            // SAFETY: `errno` of this thread.
            unsafe { *__errno_location() = error.raw_os_error() };
            -1
        }
    }
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}
