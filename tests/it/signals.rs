//! Stories of signals, and of a log that nobody reads.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use tokio::time::{Instant, sleep};

use crate::child::{Latchkey, Process, Run, Stderr};
use crate::database::Database;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::Rotation;

on_both_databases!(
    hup_reads_again_what_can_change,
    f12_r26_each_way_to_stop_finishes_what_is_in_flight_and_no_other_signal_does_anything,
    f12_a_signal_ends_a_start_that_waits_for_another_process,
);

const PATIENCE: Duration = Duration::from_secs(30);
/// Those that ask to stop.
const STOPS: [&str; 3] = ["INT", "QUIT", "TERM"];
/// Those that would end a process which does not ask for them. HUP asks to read the settings again.
const OTHERS: [&str; 13] = [
    "HUP", "USR1", "USR2", "ALRM", "PIPE", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "STKFLT",
    "RTMIN",
];

async fn f12_r26_each_way_to_stop_finishes_what_is_in_flight_and_no_other_signal_does_anything(
    db: Db,
) {
    // Strict rotation: a process that does not wait for an answer loses the link.
    let setting = Setting::keys_live(3 * 3600);
    assert_eq!(setting.service.rotation, Rotation::Strict);
    let mut scene = Scene::start_child(db, setting).await;
    let crowd = scene.crowd("acme", 6);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for (number, stop) in (1..).zip(STOPS) {
        let all = format!("select count(*) from link where published_generation = {number}");
        eventually("every key is in Jira", async || {
            (scene.count(&all).await == 6).then_some(())
        })
        .await;
        scene.hold_renewals(6).await;

        for other in OTHERS {
            scene.child().signal(other);
        }
        scene.get("/readyz").await.is(200);
        scene.child().signal(stop);
        eventually("it has heard it", async || {
            scene
                .child()
                .output()
                .contains("stopping: work in progress")
                .then_some(())
        })
        .await;
        // As from an impatient operator.
        for again in STOPS {
            scene.child().signal(again);
        }
        // It stays while there is something to wait for; that it goes on staying is seen by what comes.
        sleep(Duration::from_millis(500)).await;
        assert!(scene.child().is_running(), "{stop}: it did not wait");
        scene.world.service.clear_faults();
        let status = scene.child().exit(Duration::from_secs(10)).await;
        assert!(status.success(), "{stop}: {status}");

        let ledger = scene.world.service.ledger();
        let mut requests = ledger.token_requests().iter();
        assert!(
            requests.all(|request| request.ended.is_some() && !request.unanswered),
            "{stop}: an answer was not waited for"
        );
        scene.restart().await;
        for (account, _) in &crowd {
            let person = scene.person("acme", account);
            person.property_of_generation(number + 1).await;
            assert_eq!(person.state().await, "linked", "{stop}");
        }
    }
    scene.end().await;
}

/// On SQLite another process holds the file, on PostgreSQL another session the table of migrations.
async fn f12_a_signal_ends_a_start_that_waits_for_another_process(db: Db) {
    let mut scene = Scene::start_child(db, Setting::default()).await;
    scene.child().stop().await;
    let url = scene.database_url().to_owned();
    let port = scene.child().port();
    let settings = scene.settings_of_child(port);

    for (number, stop) in (1..).zip(STOPS) {
        for (command, code) in [("serve", 0), ("migrate", 1)] {
            let mut holder = None;
            let mut file = None;
            match url.strip_prefix("sqlite://") {
                Some(path) => {
                    let path = format!("{path}.lock");
                    let lock = File::options()
                        .write(true)
                        .open(&path)
                        .expect("it is there");
                    eventually("nobody else holds it", async || lock.try_lock().ok()).await;
                    file = Some((lock, std::path::PathBuf::from(path)));
                }
                None => {
                    let mut database = Database::open(&url).await;
                    database.execute("begin").await;
                    database
                        .execute("lock table _sqlx_migrations in access exclusive mode")
                        .await;
                    holder = Some(database);
                }
            }
            let mut run = Run::start(&[command], &settings);
            eventually("it waits", async || match &file {
                Some((_, path)) => run.has_open(path).then_some(()),
                None => {
                    let waiting = "select count(*) from pg_stat_activity \
                            where datname = current_database() and wait_event_type = 'Lock'";
                    (scene.count(waiting).await > 0).then_some(())
                }
            })
            .await;
            // F27: it says what it waits for.
            eventually("it says so", async || {
                run.said().contains("waiting for a").then_some(())
            })
            .await;
            for other in OTHERS {
                run.signal(other);
            }
            sleep(Duration::from_millis(100)).await;
            assert!(run.is_running(), "{number}: another signal ended it");
            let told = Instant::now();
            run.signal(stop);
            let finished = run.finish(Duration::from_secs(30)).await;
            println!("{db:?}: {command} ended by {stop} in {:?}", told.elapsed());
            assert_eq!(finished.status.code(), Some(code), "{finished:?}");
            if let Some(database) = holder {
                database.close().await;
            }
        }
    }
    scene.restart().await;
    scene.end().await;
}

/// A terminal that is closed sends HUP to all that runs in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_again_the_end_of_the_terminal_is_a_stop_that_finishes_what_is_in_flight() {
    let mut scene = Scene::start_child(Db::Sqlite, Setting::keys_live(3 * 3600)).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.child().stop().await;
    let folder = tempfile::tempdir().expect("a directory");
    let said = folder.path().join("said");
    let port = scene.child().port();
    let mut command = Command::new("script");
    let line = format!(
        "exec {} serve 2>{}",
        env!("CARGO_BIN_EXE_latchkey"),
        said.display()
    );
    command.args(["-q", "-e", "-c", &line, "/dev/null"]);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.env("SHELL", "/bin/sh");
    command.envs(scene.settings_of_child(port));
    command.env("LATCHKEY_LISTEN", format!("127.0.0.1:{port}"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut terminal = Process::spawn(&mut command, "TERM", None).expect("script is installed");
    let said = || fs::read_to_string(&said).unwrap_or_default();
    eventually("it serves", async || {
        said().contains("serving").then_some(())
    })
    .await;
    scene.hold_renewals(1).await;

    // While the terminal is open, HUP asks for something else.
    let is_ours = |id: &str| {
        let line = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let of_program = fs::read_link(format!("/proc/{id}/exe"));
        line.contains(&format!("LATCHKEY_LISTEN=127.0.0.1:{port}\0"))
            && of_program.is_ok_and(|program| program.ends_with("latchkey"))
    };
    let ids = fs::read_dir("/proc").expect("it is there").flatten();
    let ids = ids.filter_map(|entry| entry.file_name().into_string().ok());
    let ids: Vec<String> = ids.filter(|id| is_ours(id)).collect();
    let [id] = ids.as_slice() else {
        panic!("it runs once: {ids:?}")
    };
    let told = Command::new("sh")
        .args(["-c", &format!("kill -HUP {id}")])
        .status();
    assert!(told.is_ok_and(|status| status.success()));
    eventually("it has read its settings", async || {
        said()
            .contains("the settings were read again")
            .then_some(())
    })
    .await;
    assert!(!said().contains("stopping"), "{}", said());

    terminal.kill9();
    eventually("it has heard it", async || {
        said().contains("stopping: work in progress").then_some(())
    })
    .await;
    sleep(Duration::from_millis(300)).await;
    assert!(is_ours(id), "it did not wait");
    scene.world.service.clear_faults();
    eventually("it has ended", async || (!is_ours(id)).then_some(())).await;
    let ledger = scene.world.service.ledger();
    let mut requests = ledger.token_requests().iter();
    assert!(requests.all(|request| request.ended.is_some() && !request.unanswered));
    drop(ledger);
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    omar.property_of_generation(2).await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

/// The settings of a child in a file, and that file.
struct InFile {
    path: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl InFile {
    fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
        let lines = self.settings.iter();
        let lines: Vec<String> = lines
            .map(|(name, value)| format!("{name}='{value}'\n"))
            .collect();
        fs::write(&self.path, lines.concat()).expect("it can be written");
        fs::set_permissions(&self.path, Permissions::from_mode(0o600)).expect("its owner may");
    }
}

/// Sends HUP and waits for a line of the log. Returns all lines since then.
async fn hang_up(scene: &mut Scene, line: &str) -> String {
    let before = scene.child().output().len();
    scene.child().signal("HUP");
    eventually("it says what it did", async || {
        let said = scene.child().output();
        said[before..]
            .contains(line)
            .then(|| said[before..].to_owned())
    })
    .await
}

async fn hup_reads_again_what_can_change(db: Db) {
    const READ: &str = "the settings were read again";
    const KEPT: &str = "the settings are not taken over";
    let mut scene = Scene::start_child(db, Setting::keys_live(3 * 3600)).await;
    scene.person("acme", OMAR).link("u-100").await;
    let folder = tempfile::tempdir().expect("a directory");
    let mut file = InFile {
        path: folder.path().join("latchkey.env"),
        settings: Vec::new(),
    };
    let first_keys = {
        let mut settings = scene.settings().iter();
        let keys = settings.find(|(name, _)| *name == "LATCHKEY_SEALING_KEYS");
        keys.expect("they are given").1.clone()
    };
    let client_secret = scene.world.service.client_secret();
    file.set("LATCHKEY_SEALING_KEYS", &first_keys);
    file.set("LATCHKEY_PROVIDER_CLIENT_SECRET", &client_secret);
    file.set("LATCHKEY_LOG", "info");
    for name in [
        "LATCHKEY_SEALING_KEYS",
        "LATCHKEY_PROVIDER_CLIENT_SECRET",
        "LATCHKEY_LOG",
    ] {
        scene.child().change(name, "");
    }
    let path = file.path.display().to_string();
    scene.child().change("LATCHKEY_ENV_FILE", &path);
    scene.restart().await;
    let said = hang_up(&mut scene, READ).await;
    assert!(said.contains("changed=\"\""), "{said}");

    // What the log holds, and the client secret.
    scene.get("/healthz").await.is(200);
    let said = scene.child().output();
    assert!(!said.contains("finished processing request"), "{said}");
    let next = scene.world.service.change_client_secret();
    file.set("LATCHKEY_PROVIDER_CLIENT_SECRET", &next);
    file.set("LATCHKEY_LOG", "info,latchkey=debug,tower_http=debug");
    let said = hang_up(&mut scene, READ).await;
    assert!(
        said.contains("LATCHKEY_PROVIDER_CLIENT_SECRET, LATCHKEY_LOG"),
        "{said}"
    );
    scene.get("/healthz").await.is(200);
    eventually("more is logged", async || {
        let said = scene.child().output();
        said.contains("finished processing request").then_some(())
    })
    .await;
    scene.person("acme", OMAR).renew().await.is(202);
    scene.person("acme", OMAR).property_of_generation(2).await;

    // Bad values change nothing: what is malformed, a key that opens nothing, another key under the same name.
    let (kid, _) = first_keys.split_once(':').expect("it has a name");
    let key = |byte: u8| base64::prelude::BASE64_STANDARD.encode([byte; 32]);
    let other = format!("{kid}:{}", key(7));
    for (bad, word) in [
        ("k2:c2hvcnQ=", "LATCHKEY_SEALING_KEYS is malformed"),
        (&format!("k2:{}", key(2)), "open"),
        (&other, "open"),
    ] {
        file.set("LATCHKEY_SEALING_KEYS", bad);
        let said = hang_up(&mut scene, KEPT).await;
        assert!(said.contains(word), "{said}");
    }
    file.set("LATCHKEY_SEALING_KEYS", &first_keys);
    file.set("LATCHKEY_JIRA_QUOTA", "many");
    hang_up(&mut scene, "LATCHKEY_JIRA_QUOTA is malformed").await;
    scene.person("acme", OMAR).renew().await.is(202);
    scene.person("acme", OMAR).property_of_generation(3).await;

    // The sealing keys change as the document for operators says, without a restart.
    file.set("LATCHKEY_JIRA_QUOTA", "64999");
    let both = format!("k2:{},{first_keys}", key(2));
    file.set("LATCHKEY_SEALING_KEYS", &both);
    let said = hang_up(&mut scene, "count after a restart").await;
    assert!(said.contains("changed=\"LATCHKEY_SEALING_KEYS\""), "{said}");
    assert!(said.contains("left=\"LATCHKEY_JIRA_QUOTA\""), "{said}");
    let settings = scene.settings().to_vec();
    let settings = crate::starting::with(&settings, "LATCHKEY_SEALING_KEYS", &both);
    let finished = Latchkey::run(&["rotate-keys"], &settings).await;
    assert!(finished.status.success(), "{finished:?}");
    file.set("LATCHKEY_SEALING_KEYS", &format!("k2:{}", key(2)));
    hang_up(&mut scene, READ).await;
    scene.person("acme", OMAR).renew().await.is(202);
    scene.person("acme", OMAR).property_of_generation(4).await;
    scene.person("acme", MIA).link("u-200").await;
    scene
        .other_secrets
        .extend([client_secret, next, key(2), key(7)]);
    scene.restart().await;
    assert_eq!(scene.person("acme", MIA).state().await, "linked");
    scene.end().await;
}

async fn served_with_nobody_to_hear_it(stderr: Stderr) {
    let setting = Setting::keys_live(6).with("LATCHKEY_LOG", "trace");
    let mut scene = Scene::start_child_heard(Db::Sqlite, setting, stderr).await;
    let crowd = scene.crowd("acme", 3);
    for (account, subject) in &crowd {
        scene.person("acme", account).link(subject).await;
    }
    for generation in 2..=4 {
        for (account, _) in &crowd {
            let person = scene.person("acme", account);
            let property = person.property_of_generation(generation).await;
            let key = property["apiKey"].as_str().expect("a key");
            let ledger = scene.world.service.ledger();
            assert!(
                ledger.opens_api(key).is_some(),
                "{stderr:?}: it has run out"
            );
            drop(ledger);
            assert_eq!(person.state().await, "linked");
        }
        scene.get("/readyz").await.is(200);
    }
    // The pipe and what waits to be written fill up first.
    let deadline = Instant::now() + PATIENCE;
    while scene.child().figure("latchkey_log_lines_lost_total").await == Some(0) {
        assert!(Instant::now() < deadline, "{stderr:?}: no line is lost");
        for _ in 0..20 {
            scene.get("/readyz").await.is(200);
        }
    }
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{stderr:?}: {status}");
    scene.restart().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_r21_a_log_that_nobody_reads_stops_nothing() {
    served_with_nobody_to_hear_it(Stderr::Unread).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_r21_a_log_whose_reader_is_gone_stops_nothing() {
    served_with_nobody_to_hear_it(Stderr::Closed).await;
}
