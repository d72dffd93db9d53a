//! Providers written in Python, each a script in `tests/providers`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{Service, started};

pub const CLIENT_ID: &str = "latchkey-at-python";
const CLIENT_SECRET: &str = "client-secret-of-the-python-stories";

/// A provider with a database of its own, which goes with it.
pub struct Python {
    // First, so that nothing runs in the folder when it is removed.
    pub service: Service,
    _folder: TempDir,
}

impl Python {
    /// Access tokens live for so many seconds.
    pub async fn start(name: &str, redirect_uri: String, token_seconds: u32) -> Self {
        static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();
        let installed = INSTALLED
            .get_or_init(|| async {
                tokio::task::spawn_blocking(install)
                    .await
                    .expect("pip installs what requirements.txt names")
            })
            .await;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let config = serde_json::json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "redirectUri": redirect_uri,
            "tokenSeconds": token_seconds,
        });
        let mut command = Command::new(installed.join("bin/python"));
        command
            .arg(directory().join(name).join("provider.py"))
            .current_dir(folder.path())
            .env("PROVIDER_CONFIG", config.to_string());
        Self {
            service: Service::new(started(&mut command).await, CLIENT_ID, CLIENT_SECRET),
            _folder: folder,
        }
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers")
}

/// Where `scripts/test` has installed them and the other tools in Python; anybody else does it now.
pub fn install() -> PathBuf {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is in the target directory")
        .join("tools/providers");
    let output = Command::new("bash")
        .arg(directory().join("install"))
        .arg(&installed)
        .stdin(Stdio::null())
        .output()
        .expect("bash starts");
    assert!(
        output.status.success(),
        "the providers cannot be installed (scripts/test installs what that needs):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    installed
}
