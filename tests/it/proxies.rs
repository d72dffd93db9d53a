//! Stories of the proxies in front, with the configurations that operators are given.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use crate::child::{Process, free_port};
use crate::scene::{Db, Scene, Setting, eventually};

/// A token in the address of a framed page, where Jira puts it.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.a-token-in-an-address.signature";

/// A configuration that operators are given, without the comment at its head.
fn packaged(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let text = fs::read_to_string(path.join(file)).expect("it is there");
    let lines = text.lines().skip_while(|line| line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Replaces what depends on the machine. Each text has to be there.
fn adapted(mut text: String, changes: &[(&str, String)]) -> String {
    for (old, new) in changes {
        assert!(text.contains(old), "{old:?} is not in\n{text}");
        text = text.replace(old, new);
    }
    text
}

/// Asks through the proxy, first while Latchkey is away, then while it serves; and neither log has the token.
async fn keeps_the_token_to_itself(
    scene: Scene,
    (away, here): (u16, u16),
    folder: &Path,
    mut command: Command,
) {
    let said = fs::File::create(folder.join("said")).expect("a file");
    command
        .stdout(said.try_clone().expect("a file"))
        .stderr(said);
    let mut proxy = Process::spawn(&mut command, "KILL", None)
        .expect("the proxy is installed: scripts/test installs it");
    for port in [away, here] {
        eventually("it listens", async || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        })
        .await;
    }
    let client = crate::sim::jira::loopback_client();
    let ask = async |port: u16| {
        let address = format!("http://127.0.0.1:{port}/connect/glance?issue=KEY-1&jwt={TOKEN}");
        let request = client.get(&address).header("referer", &address);
        let answer = request.send().await.expect("the proxy answers");
        answer.status().as_u16()
    };
    assert_eq!(ask(away).await, 502, "nobody is behind it");
    assert_eq!(ask(here).await, 401, "it is no good token");
    let logs = || {
        let entries = fs::read_dir(folder).expect("a folder");
        let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let texts = files.filter(|path| path.is_file() && !path.ends_with("configuration"));
        texts
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    eventually("both requests are in the access log", async || {
        let logs = logs();
        (logs.matches("/connect/glance").count() >= 2).then_some(())
    })
    .await;
    // What is written about a failure may come later.
    sleep(Duration::from_millis(300)).await;
    proxy.kill9();
    proxy.exit(Duration::from_secs(30)).await;
    let logs = logs();
    assert!(!logs.contains("a-token-in-an-address"), "{logs}");
    scene.close().await;
}

fn port_of(scene: &Scene) -> u16 {
    let base = url::Url::parse(&scene.base).expect("it is a URL");
    base.port().expect("it has a port")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_the_documented_nginx_keeps_tokens_out_of_its_logs() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (away, here) = (free_port(), free_port());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let server = |port: u16, upstream: u16, name: &str| {
        let server = packaged("nginx/latchkey.conf");
        let (format, server) = server.split_at(server.find("server {").expect("a server"));
        let server = adapted(
            server.to_owned(),
            &[
                ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
                ("ssl_certificate     /etc/ssl/latchkey.pem;", String::new()),
                ("ssl_certificate_key /etc/ssl/latchkey.key;", String::new()),
                ("/var/log/nginx/latchkey.log", at(&format!("{name}.log"))),
                (
                    "/var/log/nginx/latchkey-error.log",
                    at(&format!("{name}-error.log")),
                ),
                (
                    "http://127.0.0.1:8080",
                    format!("http://127.0.0.1:{upstream}"),
                ),
            ],
        );
        (format.to_owned(), server)
    };
    let (format, nobody) = server(away, free_port(), "away");
    let (_, latchkey) = server(here, port_of(&scene), "here");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", at(&format!("{name}-temporary"))))
        .concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log {};\nevents {{}}\n\
         http {{\n{temporary}{format}{nobody}{latchkey}}}\n",
        at("pid"),
        at("main-error.log"),
    );
    fs::write(at("configuration"), configuration).expect("it can be written");
    let mut command = Command::new("/usr/sbin/nginx");
    command
        .args([
            "-p",
            &at(""),
            "-e",
            &at("main-error.log"),
            "-c",
            &at("configuration"),
        ])
        .stdin(Stdio::null());
    keeps_the_token_to_itself(scene, (away, here), folder.path(), command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f29_the_documented_caddy_keeps_tokens_out_of_its_logs() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (away, here) = (free_port(), free_port());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let packaged = packaged("caddy/Caddyfile");
    let site_at = packaged.find("{$LATCHKEY_HOST").expect("a site");
    let (options, site) = packaged.split_at(site_at);
    let site = |port: u16, upstream: u16, name: &str| {
        adapted(
            site.to_owned(),
            &[
                (
                    "{$LATCHKEY_HOST:latchkey.example.com}",
                    format!("http://127.0.0.1:{port}"),
                ),
                (
                    "{$LATCHKEY_UPSTREAM:127.0.0.1:8080}",
                    format!("127.0.0.1:{upstream}"),
                ),
                ("/var/log/caddy/latchkey.log", at(&format!("{name}.log"))),
            ],
        )
    };
    let options = adapted(
        options.to_owned(),
        &[("\tlog default", "\tadmin off\n\tlog default".to_owned())],
    );
    let sites = [
        site(away, free_port(), "away"),
        site(here, port_of(&scene), "here"),
    ];
    fs::write(at("configuration"), format!("{options}{}", sites.concat()))
        .expect("it can be written");
    let mut command = Command::new("caddy");
    command
        .args([
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            &at("configuration"),
        ])
        .env("HOME", at("home"))
        .env("XDG_DATA_HOME", at("data"))
        .env("XDG_CONFIG_HOME", at("config"));
    keeps_the_token_to_itself(scene, (away, here), folder.path(), command).await;
}
