//! Where a server listens: on an address of this machine, or on a Unix socket.
//!
//! Who may open a Unix socket is decided by the rights of its file: its owner and its group. So whatever connects
//! there is the operator's own proxy, and is believed about addresses like one that `LATCHKEY_TRUSTED_PROXIES` names.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{Access, access};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::error::ShouldBe;

/// The rights of a socket: its owner and its group may connect.
const OWNER_AND_GROUP: u32 = 0o660;
/// The longest path of a socket, in bytes. The system takes 107, and a socket is made under a longer name.
const LONGEST_PATH: usize = 100;
/// What the setting should be.
const SHOULD_BE: &str = "an address and a port, like 127.0.0.1:8080, or unix: and a path of at most 100 bytes, like \
    unix:/run/latchkey/latchkey.sock";

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = ShouldBe;

    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let should_be = |_: AddrParseError| ShouldBe::new(SHOULD_BE);
        match text.strip_prefix("unix:") {
            None => text.parse().map(Self::Tcp).map_err(should_be),
            Some(path) => {
                let has_name = Path::new(path).file_name().is_some() && !path.ends_with('/');
                if path.starts_with('/') && has_name && path.len() <= LONGEST_PATH {
                    Ok(Self::Unix(path.into()))
                } else {
                    Err(ShouldBe::new(SHOULD_BE))
                }
            }
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listen {
    /// The address, unless it is a socket.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Listens there. A socket that a dead process has left is replaced; one of a living process is not.
    ///
    /// # Errors
    /// A whole sentence for an operator, with the name of the setting.
    pub async fn bind(&self, setting: &str) -> Result<Listener, String> {
        let bound = match self {
            Self::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            Self::Unix(path) => bind_socket(path),
        };
        bound.map_err(|error| self.cannot(setting, &error))
    }

    /// Whether a server could listen there. It leaves nothing behind.
    ///
    /// # Errors
    /// What [`Listen::bind`] would say.
    pub async fn is_free(&self, setting: &str) -> Result<(), String> {
        let free = match self {
            Self::Tcp(address) => TcpListener::bind(address).await.map(drop),
            Self::Unix(path) => look_at_socket(path),
        };
        free.map_err(|error| self.cannot(setting, &error))
    }

    fn cannot(&self, setting: &str, error: &io::Error) -> String {
        let advice = match (error.kind(), self) {
            (ErrorKind::AddrInUse, Self::Tcp(_)) => {
                "another process listens there: stop it, or choose another port"
            }
            (ErrorKind::AddrInUse, Self::Unix(_)) => {
                "another process listens there: stop it, or choose another path"
            }
            (ErrorKind::PermissionDenied, Self::Tcp(_)) => {
                "this user may not listen there: choose a port above 1023, or give the process the \
                 right to (CAP_NET_BIND_SERVICE)"
            }
            (ErrorKind::AddrNotAvailable, _) => {
                "this machine does not have that address: choose one of its own, or 0.0.0.0 for all"
            }
            (ErrorKind::NotFound, Self::Unix(_)) => {
                "the folder does not exist: create it, or correct the path"
            }
            (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, Self::Unix(_)) => {
                "this user may not create files in the folder: make it the owner of the folder, or \
                 choose another"
            }
            (ErrorKind::AlreadyExists, Self::Unix(_)) => {
                "there is a file that is no socket: remove it, or choose another path"
            }
            (_, Self::Tcp(_)) => "choose another address",
            (_, Self::Unix(_)) => "choose another path",
        };
        format!("cannot listen on {self} ({setting}): {error}; {advice}")
    }
}

/// A stream of bytes to a client.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What listens.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On a Unix socket, whose file goes with it.
    Unix(UnixListener, SocketFile),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            Self::Unix(_, file) => Ok(Listen::Unix(file.path.clone())),
        }
    }

    /// The next connection, and the address of its other end. A Unix socket has none.
    ///
    /// # Errors
    /// When there is none, for example because the process has no file descriptor left.
    pub async fn accept(&self) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Box::new(stream), Some(peer.ip())))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
        }
    }
}

/// The file of a Unix socket. It is removed when nobody listens any more.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number, by which another file under this name is known.
    identity: (u64, u64),
    /// Locked while this process listens.
    _lock: File,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|data| identity(&data) == self.identity) {
            // A start replaces what cannot be removed.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(data: &fs::Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn bind_socket(path: &Path) -> io::Result<Listener> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(with_ending(path, ".lock"))?;
    lock_it(&lock)?;
    check_socket(path)?;
    // Under another name until its rights are right: nobody else can connect meanwhile, and the file of a dead
    // process is replaced in one step.
    let new = with_ending(path, ".new");
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, Permissions::from_mode(OWNER_AND_GROUP))?;
    let identity = identity(&fs::symlink_metadata(&new)?);
    fs::rename(&new, path)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity,
        _lock: lock,
    };
    Ok(Listener::Unix(listener, file))
}

/// A lock that another process holds means that it listens.
fn lock_it(lock: &File) -> io::Result<()> {
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ErrorKind::AddrInUse.into(),
        TryLockError::Error(error) => error,
    })
}

/// There is no file, or the socket of a process that is dead.
fn check_socket(path: &Path) -> io::Result<()> {
    let data = match fs::symlink_metadata(path) {
        Ok(data) => data,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !data.file_type().is_socket() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

fn look_at_socket(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        return Err(ErrorKind::NotFound.into());
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    if let Ok(lock) = File::options().write(true).open(with_ending(path, ".lock")) {
        lock_it(&lock)?;
    }
    check_socket(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_this_machine_or_a_path() {
        for good in [
            "127.0.0.1:8080",
            "[::1]:80",
            "unix:/run/latchkey/latchkey.sock",
        ] {
            let listen: Listen = good.parse().expect("it is good");
            assert_eq!(listen.to_string(), good);
        }
        let long = format!("unix:/{}", "a".repeat(100));
        for bad in [
            "8080",
            "localhost:8080",
            "unix:",
            "unix:/",
            "unix:latchkey.sock",
            "unix:/run/",
            "unix:/run/..",
            "/run/latchkey.sock",
            &long,
        ] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }
}
