//! Stories of starting and stopping the real binary.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use clap::Args as _;

use crate::child::{Finished, Latchkey, Settings, free_port};
use crate::logs;
use crate::on_both_databases;
use crate::postgres::{PASSWORD, Postgres};
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    migrations_are_run_alone_and_again,
    r1_a_renewal_that_is_under_way_is_finished_before_the_end,
);

/// What an operator has to give, and where the database goes in this story.
pub fn required(database_url: &str) -> Settings {
    [
        ("LATCHKEY_BASE_URL", "https://latchkey.example.com"),
        ("LATCHKEY_DATABASE_URL", database_url),
        (
            "LATCHKEY_SEALING_KEYS",
            "first:c3RhcnRpbmctc3Rvcmllcy1zZWFsaW5nLWtleS0wMDE=",
        ),
        ("LATCHKEY_PROVIDER_NAME", "Acme Drive"),
        ("LATCHKEY_PROVIDER_ISSUER", "https://drive.example.com"),
        ("LATCHKEY_PROVIDER_CLIENT_ID", "latchkey"),
        (
            "LATCHKEY_PROVIDER_CLIENT_SECRET",
            "client-secret-of-the-starting-stories",
        ),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

pub fn with(settings: &Settings, name: &'static str, value: &str) -> Settings {
    let mut changed = settings.clone();
    changed.retain(|(known, _)| *known != name);
    changed.push((name, value.to_owned()));
    changed
}

/// The one line on standard error with which it refused to start.
#[track_caller]
fn refusal(finished: &Finished) -> &str {
    let Finished {
        status,
        stdout,
        stderr,
    } = finished;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, "");
    let line = stderr.strip_suffix('\n').expect("a whole line");
    assert!(!line.contains('\n'), "more than a line: {stderr}");
    line.strip_prefix("latchkey: ").expect("it says who speaks")
}

#[tokio::test]
async fn a_bad_setting_stops_the_start_with_one_line_that_names_it() {
    let log = logs::capture();
    let directory = tempfile::tempdir().expect("a directory");
    let good = required(&format!(
        "sqlite://{}",
        directory.path().join("never.db").display()
    ));
    for name in [
        "LATCHKEY_BASE_URL",
        "LATCHKEY_SEALING_KEYS",
        "LATCHKEY_PROVIDER_NAME",
        "LATCHKEY_PROVIDER_ISSUER",
        "LATCHKEY_PROVIDER_CLIENT_ID",
        "LATCHKEY_PROVIDER_CLIENT_SECRET",
    ] {
        for settings in [
            with(&good, name, ""),
            with(&good, name, "  "),
            good.iter()
                .filter(|(known, _)| *known != name)
                .cloned()
                .collect(),
        ] {
            let finished = Latchkey::run(&["serve"], &settings).await;
            let line = refusal(&finished);
            let start = format!("{name} is missing: it should be ");
            assert!(line.starts_with(&start), "{line}");
        }
    }
    for (name, value) in [
        ("LATCHKEY_BASE_URL", "http://latchkey.example.com"),
        (
            "LATCHKEY_BASE_URL",
            "https://user:p4ss@latchkey.example.com",
        ),
        ("LATCHKEY_LISTEN", "everywhere"),
        ("LATCHKEY_METRICS_LISTEN", "9090:9090"),
        ("LATCHKEY_DRAIN", "10"),
        ("LATCHKEY_TRUSTED_PROXIES", "proxy.example.com"),
        (
            "LATCHKEY_DATABASE_URL",
            "mysql://latchkey:p4ssword@db/latchkey",
        ),
        ("LATCHKEY_SEALING_KEYS", "first:dG9vLXNob3J0"),
        (
            "LATCHKEY_SEALING_KEYS",
            "bm8ta2lkLWluLWZyb250LW9mLXRoaXMta2V5LTAwMDE=",
        ),
        ("LATCHKEY_APP_KEY", "an app key"),
        ("LATCHKEY_PROPERTY_KEY", "a/b"),
        ("LATCHKEY_ISSUE_MODULE", "dialogue"),
        ("LATCHKEY_CUSTOMERS", "some"),
        ("LATCHKEY_CONNECT", "perhaps"),
        ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "perhaps"),
        ("LATCHKEY_SITE_HOSTS", "https://acme.atlassian.net/"),
        ("LATCHKEY_PROVIDER_ISSUER", "drive.example.com"),
        ("LATCHKEY_API_KEY_FROM", "thin-air"),
        ("LATCHKEY_LOG", "latchkey=loud=louder"),
        ("LATCHKEY_LOG_FORMAT", "prose"),
    ] {
        let finished = Latchkey::run(&["serve"], &with(&good, name, value)).await;
        let line = refusal(&finished);
        let start = format!("{name} is malformed: it should be ");
        assert!(line.starts_with(&start), "{line}");
        let is_secret = ["LATCHKEY_DATABASE_URL", "LATCHKEY_SEALING_KEYS"].contains(&name);
        let is_hidden = is_secret || value.contains(['@', '=']);
        assert_eq!(line.contains(value), !is_hidden, "{line}");
    }
    // One door has to be open.
    let closed = Latchkey::run(&["serve"], &with(&good, "LATCHKEY_CONNECT", "off")).await;
    let line = refusal(&closed);
    let start = "LATCHKEY_FORGE_APP_ID is missing: it should be the id of the Forge app, as LATCHKEY_CONNECT is `off`";
    assert!(line.starts_with(start), "{line}");
    assert!(
        !directory.path().join("never.db").exists(),
        "a bad setting stops it before it touches the database"
    );
    log.assert_no_secret(&["p4ssword@db/latchkey", "dG9vLXNob3J0dG9vLXNob3J0"]);
}

#[tokio::test]
async fn the_help_explains_every_setting_and_shows_no_value() {
    let settings = latchkey::config::Settings::augment_args(clap::Command::new("latchkey"));
    let settings = latchkey::config::Settings::on(settings);
    let mut names = Vec::new();
    for argument in settings.get_arguments() {
        let name = argument.get_env().expect("a setting has a variable");
        let name: &'static str = name.to_str().expect("it is text").to_owned().leak();
        assert!(
            argument
                .get_help()
                .is_some_and(|help| !help.to_string().is_empty()),
            "{name} is not explained"
        );
        names.push(name);
    }
    assert!(names.len() > 20, "{names:?}");
    let environment: Settings = names
        .iter()
        .map(|name| (*name, format!("value-of-{name}-in-the-environment")))
        .collect();
    for arguments in [&["--help"][..], &["-h"], &["serve", "--help"], &["help"]] {
        let finished = Latchkey::run(arguments, &environment).await;
        assert!(finished.status.success(), "{}", finished.stderr);
        for name in &names {
            assert!(
                finished.stdout.contains(name),
                "{name} is not in {arguments:?}"
            );
        }
        assert!(
            !finished.stdout.contains("value-of-"),
            "{}",
            finished.stdout
        );
    }
}

async fn migrations_are_run_alone_and_again(db: Db) {
    let log = logs::capture();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("latchkey.db");
    let settings = required(&match db {
        Db::Sqlite => format!("sqlite://{}", file.display()),
        Db::Postgres => Postgres::database().await,
    });
    for _ in 0..2 {
        let finished = Latchkey::run(&["migrate"], &settings).await;
        assert!(finished.status.success(), "{}", finished.stderr);
        assert_eq!(finished.stdout, "", "the log goes to standard error");
        assert!(
            finished.stderr.contains("the database is up to date"),
            "{}",
            finished.stderr
        );
    }
    if db == Db::Sqlite {
        assert!(file.exists());
    }
    let mut latchkey = Latchkey::start(|_| settings.clone()).await;
    latchkey.stop().await;
    log.assert_no_secret(&[PASSWORD, "client-secret-of-the-starting-stories"]);
}

#[tokio::test]
async fn what_is_missing_at_the_start_is_said_in_one_line() {
    logs::capture();
    let directory = tempfile::tempdir().expect("a directory");
    let nobody = format!(
        "postgres://latchkey:{PASSWORD}@127.0.0.1:{}/latchkey",
        free_port()
    );
    let finished = Latchkey::run(&["serve"], &required(&nobody)).await;
    let line = refusal(&finished);
    assert!(line.contains("database"), "{line}");
    assert!(!line.contains(PASSWORD), "{line}");

    let nowhere = directory.path().join("no/such/directory/latchkey.db");
    let nowhere = format!("sqlite://{}", nowhere.display());
    let finished = Latchkey::run(&["serve"], &required(&nowhere)).await;
    let line = refusal(&finished);
    assert!(line.contains("database"), "{line}");

    let somebody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let taken = somebody.local_addr().expect("an address").to_string();
    let database = format!(
        "sqlite://{}",
        directory.path().join("latchkey.db").display()
    );
    for name in ["LATCHKEY_LISTEN", "LATCHKEY_METRICS_LISTEN"] {
        let elsewhere = format!("127.0.0.1:{}", free_port());
        let settings = with(&required(&database), "LATCHKEY_LISTEN", &elsewhere);
        let finished = Latchkey::run(&["serve"], &with(&settings, name, &taken)).await;
        let line = refusal(&finished);
        assert!(line.contains(&taken), "{line}");
    }
}

#[tokio::test]
async fn health_is_on_one_address_and_figures_on_the_other() {
    let mut scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    for path in ["/healthz", "/readyz"] {
        scene.get(path).await.is(200);
    }
    scene.get("/metrics").await.is(404);
    scene.person("acme", OMAR).link("u-100").await;
    let latchkey = scene.child();
    assert_eq!(
        latchkey.figure("latchkey_links{state=\"live\"}").await,
        Some(1)
    );
    assert_eq!(latchkey.figure("latchkey_links_due").await, Some(0));
    assert!(latchkey.figure("latchkey_earliest_expiry_seconds").await > Some(0));
    scene.end().await;
}

#[tokio::test]
async fn an_idle_server_stops_at_once_and_one_with_a_dangling_request_in_time() {
    let mut scene = Scene::start_child(Db::Sqlite, Setting::default()).await;
    // Kept open by the client, with nothing going on.
    scene.get("/healthz").await.is(200);
    let address = ("127.0.0.1", scene.child().port());
    let silent = TcpStream::connect(address).expect("it listens");
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(5)).await;
    assert!(status.success(), "{status}");
    drop(silent);

    scene.restart().await;
    let mut dangling = TcpStream::connect(address).expect("it listens again");
    dangling
        .write_all(
            b"POST /link HTTP/1.1\r\nHost: latchkey.localhost\r\nContent-Length: 100\r\n\r\njw",
        )
        .expect("it reads");
    scene.get("/healthz").await.is(200);
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}");
    scene.close().await;
}

/// A load balancer needs seconds to notice, and sends requests meanwhile.
#[tokio::test]
async fn f27_a_server_that_stops_says_so_before_it_closes() {
    let setting = Setting::default().with("LATCHKEY_DRAIN", "6");
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    scene.get("/readyz").await.is(200);
    scene.child().terminate();
    eventually("it is not ready", async || {
        let answer = scene.get("/readyz").await;
        (answer.status == 503).then_some(())
    })
    .await;
    // On a new connection: it still listens.
    let client = crate::sim::jira::loopback_client();
    let answer = client.get(scene.address("/healthz")).send().await;
    assert_eq!(answer.expect("it still serves").status(), 200);
    let status = scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}");
    scene.restart().await;
    scene.end().await;
}

async fn r1_a_renewal_that_is_under_way_is_finished_before_the_end(db: Db) {
    let mut scene = Scene::start_child(db, Setting::keys_live(9)).await;
    let crowd = scene.crowd("acme", 6);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    // Strict rotation: a process that does not wait for the answer loses the link.
    scene.world.service.fault(Fault::always(
        Endpoint::Refresh,
        Kind::DelayAfter(Duration::from_secs(2)),
    ));
    let patience = Duration::from_secs(30);
    scene
        .world
        .service
        .wait_until("a renewal under way", patience, |ledger| {
            let mut requests = ledger.token_requests().iter();
            requests.any(|request| {
                request.endpoint == Endpoint::Refresh
                    && request.outcome.is_some()
                    && request.ended.is_none()
            })
        })
        .await;
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}");
    let ledger = scene.world.service.ledger();
    let mut requests = ledger.token_requests().iter();
    assert!(
        requests.all(|request| request.ended.is_some() && !request.unanswered),
        "an answer was not waited for"
    );
    let sent = ledger.token_requests().len();
    assert!(sent > crowd.len(), "a refresh was on its way");

    scene.world.service.clear_faults();
    scene.restart().await;
    for (account, _) in &crowd {
        let person = scene.person("acme", account);
        person.property_of_generation(3).await;
        assert_eq!(person.state().await, "linked");
    }
    let ledger = scene.world.service.ledger();
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    scene.end().await;
}
