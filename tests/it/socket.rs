//! Stories of a server that listens on a Unix socket.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{Latchkey, Run, Settings};
use crate::logs;
use crate::scene::eventually;
use crate::starting::{required, with};

const PATIENCE: Duration = Duration::from_secs(30);

fn client(socket: &Path) -> reqwest::Client {
    let client = reqwest::Client::builder().unix_socket(socket);
    client.timeout(PATIENCE).build().expect("an HTTP client")
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket())
}

/// Starts a server there and waits until it is ready.
async fn started(settings: &Settings, socket: &Path) -> Run {
    let run = Run::start(&["serve"], settings);
    let client = client(socket);
    eventually("it is ready", async || {
        let answer = client.get("http://localhost/readyz").send().await.ok()?;
        (answer.status() == 200).then_some(())
    })
    .await;
    run
}

async fn refusal(settings: &Settings) -> String {
    let finished = Latchkey::run(&["serve"], settings).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let line = finished.stderr.lines().last().unwrap_or_default();
    assert!(line.contains("(LATCHKEY_LISTEN): "), "{line}");
    line.to_owned()
}

fn settings(folder: &Path) -> (Settings, PathBuf) {
    let socket = folder.join("latchkey.sock");
    let settings = required(&format!(
        "sqlite://{}",
        folder.join("latchkey.db").display()
    ));
    let settings = with(
        &settings,
        "LATCHKEY_LISTEN",
        &format!("unix:{}", socket.display()),
    );
    let settings = with(&settings, "LATCHKEY_LOG", "info,tower_http=debug");
    (with(&settings, "LATCHKEY_DRAIN", "0"), socket)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_listens_on_a_unix_socket_and_takes_it_away_at_the_end() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let (settings, socket) = settings(folder.path());
    let run = started(&settings, &socket).await;
    let data = fs::symlink_metadata(&socket).expect("it is there");
    assert!(data.file_type().is_socket());
    assert_eq!(data.permissions().mode() & 0o777, 0o660);

    // Who connects is the proxy, and is believed about the address of its client.
    let request = client(&socket).get("http://localhost/connect/glance?jwt=x");
    let request = request.header("x-forwarded-for", "203.0.113.9, 198.51.100.7");
    let answer = request.send().await.expect("it answers");
    assert_eq!(answer.status(), 401);
    eventually("the log names the client", async || {
        run.said().contains("client=198.51.100.7").then_some(())
    })
    .await;
    assert!(!run.said().contains("203.0.113.9"), "{}", run.said());

    let finished = Latchkey::run(&["healthy"], &settings).await;
    assert!(finished.status.success(), "{finished:?}");

    // One that lives is not replaced, whatever database the other has.
    let elsewhere = format!("sqlite://{}", folder.path().join("other.db").display());
    let line = refusal(&with(&settings, "LATCHKEY_DATABASE_URL", &elsewhere)).await;
    assert!(line.contains("another process listens there"), "{line}");
    run.signal("TERM");
    let finished = run.finish(PATIENCE).await;
    assert!(finished.status.success(), "{finished:?}");
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_of_a_dead_process_is_replaced_and_nothing_else_is() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let (settings, socket) = settings(folder.path());
    let run = started(&settings, &socket).await;
    run.signal("KILL");
    run.finish(PATIENCE).await;
    assert!(is_socket(&socket), "it is left over");
    let run = started(&settings, &socket).await;
    run.signal("TERM");
    run.finish(PATIENCE).await;

    // Of another program that lives.
    let other = std::os::unix::net::UnixListener::bind(&socket).expect("it is free");
    let line = refusal(&settings).await;
    assert!(line.contains("another process listens there"), "{line}");
    assert!(is_socket(&socket));
    drop(other);
    fs::remove_file(&socket).expect("it is there");
    fs::write(&socket, "a letter").expect("it can be written");
    let line = refusal(&settings).await;
    assert!(line.contains("a file that is no socket"), "{line}");
    let letter = fs::read_to_string(&socket).expect("it is there");
    assert_eq!(letter, "a letter");
    let nowhere = format!("unix:{}/no/such/latchkey.sock", folder.path().display());
    let line = refusal(&with(&settings, "LATCHKEY_LISTEN", &nowhere)).await;
    assert!(line.contains("the folder does not exist"), "{line}");
}
