//! Stories of setting up a server: `init`, what is tried out before a start, and what a start says.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::child::{Finished, Latchkey, Process, Settings, free_port};
use crate::logs;
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::World;
use crate::sim::jira::OMAR;
use crate::sim::service::ServiceOptions;
use crate::starting::{required, with};

on_both_databases!(what_a_first_start_finds_is_well);

const BEFORE: [&str; 2] = ["doctor", "--before-start"];
const PATIENCE: Duration = Duration::from_secs(30);

/// The findings with this mark and of this kind.
fn found<'a>(finished: &'a Finished, mark: char, what: &str) -> Vec<&'a str> {
    let start = format!("{mark} {what:<14} ");
    let lines = finished.stdout.lines();
    lines.filter_map(|line| line.strip_prefix(&start)).collect()
}

fn mode(path: &Path) -> u32 {
    let data = fs::metadata(path).expect("it is there");
    data.permissions().mode() & 0o777
}

/// Settings of a server that reaches the simulated service and the simulated keys.
fn settings_in(world: &World, database_url: &str) -> Settings {
    let port = free_port();
    let mut settings = world.settings();
    settings.extend([
        (
            "LATCHKEY_BASE_URL",
            format!("http://latchkey.localhost:{port}"),
        ),
        ("LATCHKEY_LISTEN", format!("127.0.0.1:{port}")),
        ("LATCHKEY_DATABASE_URL", database_url.to_owned()),
        (
            "LATCHKEY_SEALING_KEYS",
            "first:c2V0dXAtc3Rvcmllcy1zZWFsaW5nLWtleS0wMDAwMDE=".to_owned(),
        ),
    ]);
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f26_before_a_start_all_that_is_in_its_way_is_found_at_once() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let taken = (taken.local_addr().expect("an address").to_string(), taken);
    let issuer = format!("http://127.0.0.1:{}", free_port());
    let mut settings = required(&format!(
        "sqlite://{}",
        folder.path().join("no/such/latchkey.db").display()
    ));
    for (name, value) in [
        ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true"),
        ("LATCHKEY_PROVIDER_ISSUER", &issuer),
        ("LATCHKEY_LISTEN", &taken.0),
        ("LATCHKEY_METRICS_LISTEN", "192.0.2.1:9090"),
        ("LATCHKEY_LOG_FORMAT", "prose"),
        ("LATCHKEY_PROVIDER_CLIENT_ID", ""),
        ("LATCHKEY_PROVIDER_ISSUE", "x"),
    ] {
        settings = with(&settings, name, value);
    }
    let finished = Latchkey::run(&BEFORE, &settings).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let bad = found(&finished, '✗', "settings");
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(
        bad[0].starts_with("LATCHKEY_PROVIDER_CLIENT_ID is missing"),
        "{bad:?}"
    );
    assert!(
        bad[1].starts_with("LATCHKEY_LOG_FORMAT is malformed"),
        "{bad:?}"
    );
    let look = found(&finished, '!', "settings");
    assert!(
        look[0].contains("is LATCHKEY_PROVIDER_ISSUER meant?"),
        "{look:?}"
    );
    let addresses = found(&finished, '✗', "address");
    assert!(addresses[0].contains("(LATCHKEY_LISTEN)"), "{addresses:?}");
    assert!(
        addresses[1].contains("(LATCHKEY_METRICS_LISTEN)"),
        "{addresses:?}"
    );
    let database = found(&finished, '✗', "database");
    assert!(
        database[0].contains("no/such does not exist"),
        "{database:?}"
    );
    let service = found(&finished, '✗', "service");
    assert!(
        service[0].contains(&issuer) && service[0].contains("PROVIDER_ISSUER"),
        "{service:?}"
    );
    assert!(!folder.path().join("no").exists());
}

async fn what_a_first_start_finds_is_well(db: Db) {
    logs::capture();
    let world = World::start(ServiceOptions::default()).await;
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("latchkey.db");
    let settings = settings_in(
        &world,
        &match db {
            Db::Sqlite => format!("sqlite://{}", file.display()),
            Db::Postgres => Postgres::database().await,
        },
    );
    let finished = Latchkey::run(&BEFORE, &settings).await;
    assert!(finished.status.success(), "{finished:?}");
    assert!(!finished.stdout.contains('✗'), "{}", finished.stdout);
    assert_eq!(
        found(&finished, '✓', "address").len(),
        1,
        "{}",
        finished.stdout
    );
    assert!(!file.exists(), "it changes nothing");
    match db {
        Db::Sqlite => {
            let database = found(&finished, '✓', "database");
            assert_eq!(database, ["the SQLite file is created at the start"]);
        }
        Db::Postgres => {
            let schema = found(&finished, '✓', "schema");
            assert!(schema[0].ends_with("are run at the start"), "{schema:?}");
            let clock = found(&finished, '✓', "clock");
            assert!(clock[0].contains("the database"), "{clock:?}");
        }
    }
    // A clock that is wrong, by the service and by the database.
    let wrong = with(&settings, "LATCHKEY_CLOCK_IS_AHEAD", "600");
    let finished = Latchkey::run(&BEFORE, &wrong).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let clocks = found(&finished, '✗', "clock");
    assert_eq!(
        clocks.len(),
        if db == Db::Postgres { 2 } else { 1 },
        "{clocks:?}"
    );

    // After a start, the address is taken, and the tables are those of this program.
    let finished = Latchkey::run(&["migrate"], &settings).await;
    assert!(finished.status.success(), "{finished:?}");
    let finished = Latchkey::run(&BEFORE, &settings).await;
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(found(&finished, '✓', "schema"), ["is that of this program"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_asks_whether_its_server_is_ready() {
    let setting = Setting {
        base_path: "/apps/keys",
        ..Setting::default()
    };
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    let port = scene.child().port();
    let mut settings = scene.settings_of_child(port);
    settings.push(("LATCHKEY_LISTEN", format!("0.0.0.0:{port}")));
    for arguments in [&["healthy"][..], &["healthy", "--live"]] {
        let finished = Latchkey::run(arguments, &settings).await;
        assert!(finished.status.success(), "{finished:?}");
        assert_eq!([finished.stdout, finished.stderr].concat(), "");
    }
    // Another path is not that of the server.
    let other = with(
        &settings,
        "LATCHKEY_BASE_URL",
        "https://latchkey.example.com",
    );
    let finished = Latchkey::run(&["healthy"], &other).await;
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("answers 404"), "{finished:?}");
    scene.child().stop().await;
    let finished = Latchkey::run(&["healthy"], &settings).await;
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("nobody answers on"),
        "{finished:?}"
    );
    scene.restart().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_names_the_addresses_that_others_have_to_know() {
    let mut scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    let base = scene.base.clone();
    let issuer = scene.world.service.issuer().to_owned();
    let redirect = format!("redirect=\"{base}/link/callback\"");
    let descriptor = format!("descriptor=\"{base}/atlassian-connect.json\"");
    eventually("it names them", async || {
        let said = scene.child().output();
        let found = said
            .lines()
            .find(|line| line.contains("the service was found"))?;
        let all = [&redirect, &descriptor]
            .iter()
            .all(|part| said.contains(*part));
        let endpoints = ["authorization ", "token ", "revocation ", "keys "];
        let endpoints = endpoints
            .iter()
            .all(|what| found.contains(&format!("{what}{issuer}")));
        (all && endpoints).then_some(())
    })
    .await;
    scene.end().await;
}

/// The flags of a whole `init`, for a server of this scene.
fn flags(scene: &Scene, folder: &Path) -> Vec<String> {
    let secret = folder.join("client-secret");
    fs::write(
        &secret,
        format!("{}\n", scene.world.service.client_secret()),
    )
    .expect("a file");
    let given = |wanted: &str| {
        let mut settings = scene.settings().iter();
        let found = settings.find(|(name, _)| *name == wanted);
        found
            .unwrap_or_else(|| panic!("{wanted} is given"))
            .1
            .clone()
    };
    let mut flags = vec!["init".to_owned(), "--yes".to_owned()];
    for (flag, value) in [
        ("--base-url", scene.base.clone()),
        ("--issuer", given("LATCHKEY_PROVIDER_ISSUER")),
        ("--client-id", given("LATCHKEY_PROVIDER_CLIENT_ID")),
        ("--client-secret-file", secret.display().to_string()),
        ("--provider-name", "It's Acme Drive".to_owned()),
        ("--out", folder.join("out").display().to_string()),
        ("--allow-loopback-http", "true".to_owned()),
        ("--listen", format!("127.0.0.1:{}", free_port())),
        ("--install-keys-url", given("LATCHKEY_INSTALL_KEYS_URL")),
    ] {
        flags.extend([flag.to_owned(), value]);
    }
    flags
}

async fn run(flags: &[String], more: &[&str], settings: &Settings) -> Finished {
    let all: Vec<&str> = flags
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    Latchkey::run(&all, settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_init_writes_starts_a_server() {
    let mut scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    scene.child().stop().await;
    let folder = tempfile::tempdir().expect("a directory");
    let out = folder.path().join("out");
    let flags = flags(&scene, folder.path());
    // Where this world is, and nothing that `init` should ask for or make.
    let of_world = |name: &str| {
        let is_asked = ["BASE", "DATABASE", "PROVIDER"]
            .iter()
            .any(|part| name.contains(part));
        name.ends_with("_HOSTS") || (name.ends_with("_URL") && !is_asked)
    };
    let mut elsewhere = scene.settings().to_vec();
    elsewhere.retain(|(name, _)| of_world(name));
    let finished = run(
        &flags,
        &["--door", "connect", "--with", "caddy,nginx"],
        &elsewhere,
    )
    .await;
    assert!(finished.status.success(), "{finished:?}");
    for part in [
        format!("  token         {}", scene.world.service.issuer()),
        format!("  {}/link/callback\n", scene.base),
        format!("  {}/atlassian-connect.json\n", scene.base),
        format!("--env-file {}/latchkey.env serve", out.display()),
        "! settings       can be read".to_owned(),
        "✓ database       the SQLite file is created at the start".to_owned(),
        "✓ token endpoint answers and knows this client".to_owned(),
    ] {
        assert!(
            finished.stdout.contains(&part),
            "no {part:?} in {}",
            finished.stdout
        );
    }
    assert!(!finished.stdout.contains('✗'), "{}", finished.stdout);
    let env_file = out.join("latchkey.env");
    assert_eq!(mode(&env_file), 0o600);
    let written = fs::read_to_string(&env_file).expect("it is there");
    let secret = scene.world.service.client_secret();
    assert!(!finished.stdout.contains(&secret) && written.contains(&secret));
    let host = scene.base.strip_prefix("http://").expect("its host");
    let caddy = fs::read_to_string(out.join("Caddyfile")).expect("it is there");
    assert!(caddy.contains(host), "{caddy}");
    assert!(out.join("latchkey.conf").exists());

    // Nothing that is there is overwritten.
    let finished = run(&flags, &["--door", "connect"], &elsewhere).await;
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("--force"), "{finished:?}");
    assert_eq!(fs::read_to_string(&env_file).expect("it is there"), written);
    // With --force it is, and the sealing key stays. What signs webhooks is made with their address.
    let more = ["--door", "connect", "--force", "--app-name", "Keys"];
    let hooks = ["--webhook-url", "https://hooks.example.com/latchkey"];
    let finished = run(&flags, &[&more[..], &hooks].concat(), &elsewhere).await;
    assert!(finished.status.success(), "{finished:?}");
    let again = fs::read_to_string(&env_file).expect("it is there");
    let key = |text: &str| {
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with("LATCHKEY_SEALING_KEYS="))
            .map(str::to_owned)
    };
    assert!(key(&written).is_some() && key(&written) == key(&again));
    assert!(again.contains("LATCHKEY_APP_NAME=Keys\n"), "{again}");
    assert!(again.contains("LATCHKEY_WEBHOOK_SECRET=whsec_"), "{again}");
    assert_eq!(mode(&env_file), 0o600);

    // The real server starts with nothing but this file, and a person connects.
    let names: Vec<&'static str> = scene.settings().iter().map(|(name, _)| *name).collect();
    for name in names {
        scene.child().change(name, "");
    }
    scene
        .child()
        .change("LATCHKEY_ENV_FILE", &env_file.display().to_string());
    scene.restart().await;
    let descriptor = scene.address("/atlassian-connect.json");
    scene
        .world
        .jira
        .install("acme", &descriptor)
        .await
        .expect("it is installed");
    let property = scene.person("acme", OMAR).link("u-100").await;
    assert_eq!(property["service"], "It's Acme Drive");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_keeps_secrets_apart_for_a_unit_and_for_containers() {
    let scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    let folder = tempfile::tempdir().expect("a directory");
    let out = folder.path().join("out");
    let flags = flags(&scene, folder.path());
    let forge = [
        "--door",
        "forge",
        "--forge-app-id",
        "ari:cloud:ecosystem::app/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "--forge-environments",
        "10f1e2d3-4b5a-6978-8796-a5b4c3d2e1f0",
        "--database-url",
        "postgres://latchkey:p4ssw0rd@127.0.0.1:1/latchkey",
        "--with",
        "systemd,forge-manifest",
    ];
    let finished = run(&flags, &forge, &Settings::new()).await;
    assert!(finished.status.success(), "{finished:?}");
    // What cannot be reached is told, and all is written.
    assert!(
        finished.stdout.contains("✗ database "),
        "{}",
        finished.stdout
    );
    let text = |name: &str| fs::read_to_string(out.join(name)).expect("it is there");
    let settings = text("latchkey.env");
    let secret = scene.world.service.client_secret();
    assert!(
        !settings.contains(&secret) && !settings.contains("p4ssw0rd"),
        "{settings}"
    );
    assert!(settings.contains("LATCHKEY_CONNECT=off\n"), "{settings}");
    assert_eq!(mode(&out.join("latchkey.env")), 0o640);
    for (name, content) in [
        ("provider-client-secret", secret.as_str()),
        (
            "database-url",
            "postgres://latchkey:p4ssw0rd@127.0.0.1:1/latchkey",
        ),
    ] {
        assert_eq!(text(&format!("secrets/{name}")), content);
        assert_eq!(mode(&out.join("secrets").join(name)), 0o600);
    }
    let unit = text("latchkey.service");
    let line = format!(
        "\nLoadCredential=database-url:{}/secrets/database-url\n",
        out.display()
    );
    assert!(unit.contains(&line), "{unit}");
    let manifest = text("manifest.yml");
    assert!(
        manifest.contains(&scene.base) && !manifest.contains("{{"),
        "{manifest}"
    );

    fs::remove_dir_all(&out).expect("it is there");
    let finished = run(
        &flags,
        &["--door", "connect", "--with", "compose"],
        &Settings::new(),
    )
    .await;
    assert!(finished.status.success(), "{finished:?}");
    let url = text("secrets/database-url");
    let password = text("secrets/postgres-password");
    assert!(url.starts_with("postgres://latchkey:") && url.ends_with("@postgres/latchkey"));
    assert!(password.len() > 20 && url.contains(&password));
    assert!(text("compose.yaml").contains("./Caddyfile:"));
    assert!(text(".env").starts_with("LATCHKEY_HOST=latchkey.localhost"));
    assert!(!text("latchkey.env").contains(&password));
    scene.end().await;
}

#[tokio::test]
async fn f26_init_says_all_that_is_missing_and_writes_nothing() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let out = folder.path().join("out").display().to_string();
    let finished = Latchkey::run(&["init", "--yes", "--out", &out], &Settings::new()).await;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let lines: Vec<&str> = finished.stderr.lines().collect();
    for (line, start) in lines.iter().zip([
        "LATCHKEY_BASE_URL is missing",
        "LATCHKEY_PROVIDER_NAME is missing",
        "LATCHKEY_PROVIDER_ISSUER is missing",
        "LATCHKEY_PROVIDER_CLIENT_ID is missing",
        "LATCHKEY_PROVIDER_CLIENT_SECRET is missing",
        "--door is missing. Atlassian accepts no new installations of Connect apps",
    ]) {
        assert!(line.starts_with(&format!("latchkey: {start}")), "{lines:?}");
    }
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(!Path::new(&out).exists());
}

/// Without `--yes` it asks on a terminal, again where an answer is malformed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_asks_on_a_terminal() {
    let scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    let folder = tempfile::tempdir().expect("a directory");
    let out = folder.path().join("out");
    let secret = folder.path().join("client-secret");
    fs::write(&secret, scene.world.service.client_secret()).expect("a file");
    let answers = folder.path().join("answers");
    let issuer = scene.world.service.issuer();
    let client = scene.world.service.client_id();
    fs::write(
        &answers,
        format!(
            "latchkey\n{}\n{issuer}\nAcme\n{client}\nconnect\n\n",
            scene.base
        ),
    )
    .expect("a file");
    let said = folder.path().join("said");
    let line = format!(
        "{} init --allow-loopback-http=true --client-secret-file {} --out {}",
        env!("CARGO_BIN_EXE_latchkey"),
        secret.display(),
        out.display()
    );
    let mut command = Command::new("sh");
    let script = format!(
        "exec script -q -e -c \"$0\" {} <{}",
        said.display(),
        answers.display()
    );
    command.args(["-c", &script, &line]);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut terminal = Process::spawn(&mut command, "TERM", None).expect("script is installed");
    let status = terminal.exit(PATIENCE).await;
    let said = String::from_utf8_lossy(&fs::read(&said).unwrap_or_default()).into_owned();
    assert!(status.success(), "{said}");
    assert!(said.contains("LATCHKEY_BASE_URL is malformed"), "{said}");
    assert!(
        said.contains("supports Connect until 31 January 2027"),
        "{said}"
    );
    let written = fs::read_to_string(out.join("latchkey.env")).expect("it is there");
    for line in [
        format!("LATCHKEY_BASE_URL={}", scene.base),
        format!("LATCHKEY_PROVIDER_ISSUER={issuer}"),
        "LATCHKEY_PROVIDER_NAME=Acme".to_owned(),
        format!("LATCHKEY_PROVIDER_CLIENT_ID={client}"),
        "LATCHKEY_CONNECT=on".to_owned(),
        format!(
            "LATCHKEY_DATABASE_URL=sqlite://{}/latchkey.db",
            out.display()
        ),
    ] {
        assert!(
            written.lines().any(|known| known == line),
            "no {line} in {written}"
        );
    }
    scene.end().await;
}
