//! Stories of how settings are given: in files, many of them wrong, and under names that are none.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::child::{Finished, Latchkey, Settings};
use crate::logs;
use crate::on_both_databases;
use crate::postgres::PASSWORD;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;
use crate::starting::{required, with};

on_both_databases!(secrets_may_be_in_files_and_all_settings_in_one);

/// Each secret setting that a server has, and the setting that names its file.
const SECRETS: [(&str, &str); 3] = [
    ("LATCHKEY_DATABASE_URL", "LATCHKEY_DATABASE_URL_FILE"),
    ("LATCHKEY_SEALING_KEYS", "LATCHKEY_SEALING_KEYS_FILE"),
    (
        "LATCHKEY_PROVIDER_CLIENT_SECRET",
        "LATCHKEY_PROVIDER_CLIENT_SECRET_FILE",
    ),
];

/// Writes a file that only its owner can read.
fn write(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("it can be written");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("its owner may");
    path.display().to_string()
}

/// The lines with which it refused to start.
fn refusals(finished: &Finished) -> Vec<&str> {
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    let lines = finished.stderr.lines();
    let lines = lines.map(|line| line.strip_prefix("latchkey: "));
    lines
        .map(|line| line.expect("it says who speaks"))
        .collect()
}

async fn secrets_may_be_in_files_and_all_settings_in_one(db: Db) {
    let mut scene = Scene::start_child(db, Setting::default()).await;
    scene.person("acme", OMAR).link("u-100").await;
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    for (name, of_file) in SECRETS {
        let settings = scene.settings().iter();
        let value = settings.clone().find(|(known, _)| *known == name);
        let (_, value) = value.expect("it is given").clone();
        let file = write(&path(name), &format!("{value}\r\n"));
        scene.child().change(name, "");
        scene.child().change(of_file, &file);
    }
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    omar.property_of_generation(2).await;
    let said = scene.child().output();
    assert!(!said.contains("other users can read"), "{said}");

    // All of them in one file, and what the environment says wins.
    let mut lines = String::from("# What init writes has comments.\n\n");
    for (name, value) in scene.settings() {
        let value = value.replace('\'', "");
        lines += &format!("export {name}='{value}'\n");
    }
    lines += "LATCHKEY_LISTEN=192.0.2.1:1\nLATCHKEY_LOGS=debug\nTZ=UTC\n";
    let file = write(&path("latchkey.env"), &lines);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("its owner may");
    for (_, of_file) in SECRETS {
        scene.child().change(of_file, "");
    }
    scene.child().change("LATCHKEY_ENV_FILE", &file);
    scene.restart().await;
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    omar.property_of_generation(3).await;
    let said = scene.child().output();
    for part in [
        &format!("other users can read {file} (LATCHKEY_ENV_FILE)"),
        "LATCHKEY_LOGS is no setting and has no effect: is LATCHKEY_LOG meant?",
        "TZ has no effect there",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    scene.end().await;
}

#[tokio::test]
async fn f26_all_that_is_wrong_is_told_at_once() {
    let log = logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let never = folder.path().join("never.db");
    let mut settings = required(&format!("sqlite://{}", never.display()));
    for (name, value) in [
        ("LATCHKEY_LISTEN", "everywhere"),
        ("LATCHKEY_PROVIDER_NAME", ""),
        (
            "LATCHKEY_SEALING_KEYS",
            "first:dG9vLXNob3J0LXRvby1zaG9ydA==",
        ),
        ("LATCHKEY_LOG_FORMAT", "prose"),
        ("LATCHKEY_JIRA_BURST", "0"),
    ] {
        settings = with(&settings, name, value);
    }
    let finished = Latchkey::run(&["serve"], &settings).await;
    let starts = [
        "LATCHKEY_LISTEN is malformed: it should be ",
        "LATCHKEY_SEALING_KEYS is malformed: it should be ",
        "LATCHKEY_PROVIDER_NAME is missing: it should be ",
        "LATCHKEY_JIRA_BURST is malformed: it should be a number from 1 to 1000, not \"0\"",
        "LATCHKEY_LOG_FORMAT is malformed: it should be `text` or `json`, not \"prose\"",
    ];
    let lines = refusals(&finished);
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    // Doctor says the same.
    let finished = Latchkey::run(&["doctor"], &settings).await;
    assert_eq!(finished.status.code(), Some(1));
    for line in lines {
        assert!(
            finished
                .stdout
                .contains(&format!("✗ settings       {line}\n")),
            "{}",
            finished.stdout
        );
    }
    assert!(!never.exists());
    log.assert_no_secret(&["dG9vLXNob3J0LXRvby1zaG9ydA"]);
}

#[tokio::test]
async fn f26_a_file_that_cannot_be_used_is_named_with_its_path() {
    let log = logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let at = |name: &str| path(name).display().to_string();
    let good = required(&format!("sqlite://{}", at("never.db")));
    let without = with(&good, "LATCHKEY_SEALING_KEYS", "");
    let secret = "a-secret-in-a-file-that-is-malformed";
    write(&path("empty"), "\n");
    write(&path("malformed"), secret);
    write(&path("large"), &"x".repeat(70_000));
    fs::write(path("bytes"), [0xff, 0xfe]).expect("it can be written");
    for (name, part) in [
        ("missing", "No such file"),
        ("empty", "it is empty"),
        ("large", "larger than 64 KiB"),
        ("bytes", "UTF-8"),
        (".", "directory"),
    ] {
        let settings = with(&without, "LATCHKEY_SEALING_KEYS_FILE", &at(name));
        let finished = Latchkey::run(&["serve"], &settings).await;
        // Not also that it is missing.
        let lines = refusals(&finished);
        let start = format!(
            "LATCHKEY_SEALING_KEYS_FILE names {}, which cannot be read (",
            at(name)
        );
        assert!(
            lines.len() == 1 && lines[0].starts_with(&start),
            "{lines:?}"
        );
        assert!(lines[0].contains(part), "{lines:?}");
    }
    let settings = with(&without, "LATCHKEY_SEALING_KEYS_FILE", &at("malformed"));
    let finished = Latchkey::run(&["serve"], &settings).await;
    let lines = refusals(&finished);
    assert!(
        lines[0].starts_with("LATCHKEY_SEALING_KEYS is malformed"),
        "{lines:?}"
    );

    let both = with(&good, "LATCHKEY_SEALING_KEYS_FILE", &at("malformed"));
    let finished = Latchkey::run(&["serve"], &both).await;
    let words = "LATCHKEY_SEALING_KEYS is set, and so is LATCHKEY_SEALING_KEYS_FILE: it should be one of the two";
    assert_eq!(refusals(&finished), [words]);

    // A file of settings that is missing, and one that is not such a file.
    let nothing = Settings::new();
    let missing = with(&nothing, "LATCHKEY_ENV_FILE", &at("missing"));
    let finished = Latchkey::run(&["serve"], &missing).await;
    let lines = refusals(&finished);
    assert!(
        lines.len() == 1 && lines[0].contains("LATCHKEY_ENV_FILE names "),
        "{lines:?}"
    );
    write(
        &path("odd.env"),
        &format!("LATCHKEY_BASE_URL=https://a.example.com\n{secret}\n"),
    );
    let odd = with(&good, "LATCHKEY_ENV_FILE", &at("odd.env"));
    let finished = Latchkey::run(&["serve"], &odd).await;
    let lines = refusals(&finished);
    assert!(lines.len() == 1 && lines[0].contains("line 2"), "{lines:?}");
    log.assert_no_secret(&[secret, PASSWORD]);
}

#[tokio::test]
async fn a_flag_wins_over_a_variable_and_a_variable_over_a_file() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let base = |name: &str| format!("https://{name}.example.com");
    let mut settings = required(&format!("sqlite://{}", path("never.db").display()));
    settings.retain(|(name, _)| *name != "LATCHKEY_BASE_URL");
    let file = write(
        &path("env"),
        &format!("LATCHKEY_BASE_URL={}\n", base("of-file")),
    );
    settings.push(("LATCHKEY_ENV_FILE", file));
    let seen = async |arguments: &[&str], settings: &Settings| {
        let finished = Latchkey::run(arguments, settings).await;
        let line = finished
            .stdout
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        assert!(line.contains("can be read, for "), "{finished:?}");
        line
    };
    assert!(
        seen(&["doctor"], &settings)
            .await
            .ends_with(&base("of-file"))
    );
    settings.push(("LATCHKEY_BASE_URL", base("of-variable")));
    assert!(
        seen(&["doctor"], &settings)
            .await
            .ends_with(&base("of-variable"))
    );
    let flag = base("of-flag");
    let line = seen(&["doctor", "--base-url", &flag], &settings).await;
    assert!(line.ends_with(&flag), "{line}");
    // A blank one says nothing.
    let settings = with(&settings, "LATCHKEY_BASE_URL", " ");
    assert!(
        seen(&["doctor"], &settings)
            .await
            .ends_with(&base("of-file"))
    );
    // A flag that names a file of a secret wins over a variable that holds one.
    let file = write(&path("keys"), "second:dG9vLXNob3J0");
    let finished = Latchkey::run(&["doctor", "--sealing-keys-file", &file], &settings).await;
    assert!(
        finished
            .stdout
            .contains("LATCHKEY_SEALING_KEYS is malformed"),
        "{finished:?}"
    );
}

#[tokio::test]
async fn f26_a_name_that_is_no_setting_is_told_with_the_one_that_is_meant() {
    logs::capture();
    let folder = tempfile::tempdir().expect("a directory");
    let mut settings = required(&format!(
        "sqlite://{}",
        folder.path().join("a.db").display()
    ));
    settings.push(("LATCHKEY_PROVIDER_SCOPE", "openid".to_owned()));
    settings.push(("LATCHKEY_PORT_8080_TCP_ADDR", "10.0.0.1".to_owned()));
    let words = "LATCHKEY_PROVIDER_SCOPE is no setting and has no effect: is LATCHKEY_PROVIDER_SCOPES meant?";
    for command in ["migrate", "doctor", "rotate-keys"] {
        let finished = Latchkey::run(&[command], &settings).await;
        let said = [finished.stdout, finished.stderr].concat();
        assert!(said.contains(words), "{command}: {said}");
        assert!(!said.contains("TCP_ADDR"), "{command}: {said}");
    }
}
