//! Stories of a start that fails or waits: each says what, where, which setting, and what to do.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::child::{Latchkey, Run, Settings, free_port};
use crate::logs;
use crate::postgres::{PASSWORD, Postgres};
use crate::scene::{Db, Scene, Setting, eventually};
use crate::starting::{required, with};

const DATABASE: &str = "LATCHKEY_DATABASE_URL";

/// The last line on standard error, which says why it did not start.
async fn refusal(settings: &Settings) -> String {
    let finished = Latchkey::run(&["serve"], settings).await;
    let said = finished.stderr.trim_end();
    assert_eq!(finished.status.code(), Some(1), "{said}");
    let line = said.lines().last().unwrap_or_default();
    let line = line.strip_prefix("latchkey: ");
    line.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_what_fails_at_the_start_is_named_with_its_place_its_setting_and_what_to_do() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let sqlite = |name: &str| format!("sqlite://{}", path(name));
    fs::write(path("a-letter.db"), "Dear Sir or Madam, ".repeat(100)).expect("it can be written");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()));
    let (_listener, taken) = taken.expect("it has an address");
    let nobody = format!("127.0.0.1:{}", free_port());
    let postgres = Postgres::database().await;
    let away = format!("postgres://latchkey:{PASSWORD}@{nobody}/latchkey");
    let without_file = format!("{postgres}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
    let unknown = format!("postgres://latchkey:{PASSWORD}@no-such-host.invalid/latchkey");

    let cases: Vec<(&'static str, String, Vec<String>)> = [
        (
            DATABASE,
            away,
            vec![nobody.as_str(), "refused", "start the server"],
        ),
        (DATABASE, unknown, vec!["no-such-host.invalid:5432", "DNS"]),
        (
            DATABASE,
            format!("{postgres}-none"),
            vec!["127.0.0.1:", "no such database", "create it"],
        ),
        (
            DATABASE,
            without_file,
            vec!["127.0.0.1:", "sslrootcert", "correct the path"],
        ),
        (
            DATABASE,
            format!("postgres://latchkey:#{PASSWORD}@db/latchkey"),
            vec!["%23"],
        ),
        (
            DATABASE,
            format!("postgres://latchkey:1/{PASSWORD}@db/latchkey"),
            vec!["%2F"],
        ),
        (
            DATABASE,
            format!("postgres://latchkey:{PASSWORD}@one,two/latchkey"),
            vec!["one host"],
        ),
        (
            DATABASE,
            format!("postgres://latchkey:{PASSWORD}@one:1,two:2/latchkey"),
            vec!["one host"],
        ),
        (
            DATABASE,
            sqlite("no/such/folder/latchkey.db"),
            vec!["no/such/folder does not exist", "create it"],
        ),
        (
            DATABASE,
            format!("sqlite://{}", folder.path().display()),
            vec!["is a folder"],
        ),
        (
            DATABASE,
            sqlite("a-letter.db"),
            vec!["a-letter.db", "not an SQLite database"],
        ),
        (
            "LATCHKEY_LISTEN",
            taken.clone(),
            vec![taken.as_str(), "another process listens"],
        ),
        (
            "LATCHKEY_METRICS_LISTEN",
            taken.clone(),
            vec![taken.as_str(), "another process listens"],
        ),
        // TEST-NET-1 of RFC 5737.
        (
            "LATCHKEY_LISTEN",
            "192.0.2.1:8080".to_owned(),
            vec!["192.0.2.1:8080", "does not have that address"],
        ),
        (
            "SSL_CERT_FILE",
            "/nowhere/ca.pem".to_owned(),
            vec!["CA certificate", "ca-certificates"],
        ),
    ]
    .map(|(setting, value, parts)| {
        let parts = parts.into_iter().map(str::to_owned).collect();
        (setting, value, parts)
    })
    .into();
    for (setting, value, parts) in cases {
        let good = required(&sqlite("good.db"));
        let good = with(
            &good,
            "LATCHKEY_LISTEN",
            &format!("127.0.0.1:{}", free_port()),
        );
        let mut settings = with(&good, setting, &value);
        if setting == "SSL_CERT_FILE" {
            settings.push(("SSL_CERT_DIR", "/nowhere".to_owned()));
        }
        let line = refusal(&settings).await;
        for part in parts.iter().map(String::as_str).chain([setting]) {
            assert!(
                line.contains(part),
                "{setting}={value}: no {part:?} in: {line}"
            );
        }
        assert!(!line.contains(PASSWORD), "{line}");
    }
    // Where nobody may create a file, not even root.
    let settings = required("sqlite:///sys/latchkey.db");
    let line = refusal(&settings).await;
    assert!(
        line.contains("/sys/latchkey.db") && line.contains(DATABASE),
        "{line}"
    );
    let words = ["permission denied", "read-only"];
    assert!(words.iter().any(|words| line.contains(words)), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_an_issuer_that_does_not_answer_is_named_at_the_start() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let setting = Setting::default().with("LATCHKEY_PROVIDER_ISSUER", nobody.as_str());
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    eventually("it says so", async || {
        let said = scene.child().output();
        let mut lines = said.lines().filter(|line| line.contains(" WARN "));
        lines
            .any(|line| {
                ["LATCHKEY_PROVIDER_ISSUER", &nobody, "doctor"]
                    .iter()
                    .all(|part| line.contains(part))
            })
            .then_some(())
    })
    .await;
    scene.close().await;
}

/// A parameter that the driver does not know would be logged by it, with its value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_no_library_logs_a_setting() {
    const SECRET: &str = "TopS3cret-of-a-parameter";
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let file = format!("sqlite://{}", folder.path().join("latchkey.db").display());
    let postgres = Postgres::database().await;
    for (name, value) in [
        (DATABASE, format!("{postgres}?sslpassword={SECRET}")),
        (DATABASE, format!("{postgres}?{SECRET}=1")),
        (DATABASE, format!("{postgres}?sslmode={SECRET}")),
        (
            DATABASE,
            format!("{postgres}?sslmode=verify-full&sslrootcert={SECRET}"),
        ),
        (
            DATABASE,
            format!("postgres://latchkey:{SECRET}@127.0.0.1:{}/x", free_port()),
        ),
        (
            "LATCHKEY_BASE_URL",
            format!("https://latchkey:{SECRET}@latchkey.example.com"),
        ),
        (
            "LATCHKEY_PROVIDER_ISSUER",
            format!("https://drive.example.com?key={SECRET}"),
        ),
        (
            "LATCHKEY_INSTALL_KEYS_URL",
            format!("https://u:{SECRET}@keys.example.com"),
        ),
        (
            "LATCHKEY_CONNECT_JS_URL",
            format!("https://cdn.example.com/all.js#{SECRET}"),
        ),
        (
            "LATCHKEY_TRUSTED_PROXIES",
            format!("http://user:{SECRET}@proxy.example.com"),
        ),
        ("LATCHKEY_SEALING_KEYS", format!("k1:{SECRET}")),
        ("LATCHKEY_LOG", format!("latchkey={SECRET}")),
    ] {
        let settings = with(&required(&file), "LATCHKEY_LOG", "trace");
        let settings = with(&settings, name, &value);
        for command in ["serve", "migrate", "doctor", "rotate-keys"] {
            let finished = Latchkey::run(&[command], &settings).await;
            let said = [finished.stdout, finished.stderr].concat();
            assert!(!said.contains(SECRET), "{command} with {name}: {said}");
        }
    }
    // Proxies for the way out are variables of the system, and may hold a password.
    let proxy = format!("http://user:{SECRET}@127.0.0.1:{}", free_port());
    let settings = with(&required(&file), "LATCHKEY_LOG", "trace");
    let settings = with(&settings, "HTTPS_PROXY", &proxy);
    let finished = Latchkey::run(&["doctor"], &settings).await;
    assert_eq!(finished.status.code(), Some(1));
    let said = [finished.stdout, finished.stderr].concat();
    assert!(!said.contains(SECRET), "{said}");
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = with(&settings, "LATCHKEY_LISTEN", &listen);
    let run = Run::start(&["serve"], &settings);
    eventually("it has called a server", async || {
        run.said()
            .contains("LATCHKEY_PROVIDER_ISSUER")
            .then_some(())
    })
    .await;
    run.signal("TERM");
    let finished = run.finish(Duration::from_secs(30)).await;
    assert!(!finished.stderr.contains(SECRET), "{}", finished.stderr);
}

fn mode(path: &Path) -> u32 {
    let data = fs::metadata(path).expect("it is there");
    data.permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_only_the_owner_can_read_the_database() {
    let folder = tempfile::tempdir().expect("a directory");
    // As an earlier version, or a careless copy, left it.
    let copied = folder.path().join("copied.db");
    File::create(&copied).expect("a file");
    fs::set_permissions(&copied, Permissions::from_mode(0o644)).expect("its owner may");
    for file in [folder.path().join("new.db"), copied] {
        let settings = required(&format!("sqlite://{}", file.display()));
        let latchkey = Latchkey::start(|_| settings.clone()).await;
        for ending in ["", "-wal", "-shm", ".lock"] {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            assert_eq!(mode(Path::new(&name)), 0o600, "{}", name.display());
        }
        drop(latchkey);
    }
}

/// Each other name of the file, by the name of the database that a second process is given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_second_process_waits_whatever_name_it_has_for_the_file() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("data")).expect("a folder");
    fs::create_dir(at("other")).expect("a folder");
    let file = at("data/latchkey.db");
    let settings = required(&format!("sqlite://{}", file.display()));
    let mut first = Latchkey::start(|_| settings.clone()).await;

    std::os::unix::fs::symlink(&file, at("other/symbolic.db")).expect("a link");
    std::os::unix::fs::symlink(at("data"), at("folder")).expect("a link");
    fs::hard_link(&file, at("other/hard.db")).expect("a link");
    let mut waiting = Vec::new();
    for name in [
        "other/symbolic.db",
        "folder/latchkey.db",
        "data/../data/latchkey.db",
        "other/hard.db",
    ] {
        let url = format!("sqlite://{}", at(name).display());
        let run = Run::start(&["migrate"], &required(&url));
        eventually("it says what it waits for", async || {
            run.said()
                .contains("waiting for another latchkey process")
                .then_some(())
        })
        .await;
        waiting.push((name, run));
    }
    for (name, run) in waiting {
        let finished = run.finish(Duration::from_secs(60)).await;
        assert_eq!(finished.status.code(), Some(1), "{name}");
        assert!(
            finished.stderr.contains("in use"),
            "{name}: {}",
            finished.stderr
        );
    }
    first.stop().await;
    // Nobody holds it any more, and another name does as well.
    let url = format!("sqlite://{}", at("other/symbolic.db").display());
    let finished = Latchkey::run(&["migrate"], &required(&url)).await;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(!at("other/symbolic.db.lock").exists());
}

/// Process 1 of a container gets no signal that it has no handler for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f27_process_1_hears_a_signal_while_it_starts() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("latchkey.db");
    let lock = File::create(folder.path().join("latchkey.db.lock")).expect("a file");
    lock.lock().expect("nobody else holds it");
    let url = format!("sqlite://{}", file.display());
    let mut settings = required(&url);
    settings.push((crate::child::PROCESS_1, String::new()));
    let mut run = Run::start(&["serve"], &settings);
    eventually("it waits", async || {
        run.said()
            .contains("waiting for another latchkey process")
            .then_some(())
    })
    .await;
    assert!(run.is_running());
    let inside = eventually("it has a child", async || run.child_of_child()).await;
    let told = Command::new("sh")
        .args(["-c", &format!("kill -TERM {inside}")])
        .status();
    assert!(told.is_ok_and(|status| status.success()));
    let finished = run.finish(Duration::from_secs(10)).await;
    assert_eq!(finished.status.code(), Some(0), "{finished:?}");
    assert!(
        finished.stderr.contains("nothing had started yet"),
        "{finished:?}"
    );
}
