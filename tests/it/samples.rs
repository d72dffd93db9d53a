//! The samples in `examples/`, as a vendor would run them: a server that reads an issue as the people who connected, and
//! the check of signed keys. They were written by the documents alone.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::child::Process;
use crate::real_providers::{self, oidc_provider};
use crate::scene::{Answer, Db, FORGE_SITE, Scene, Setting};
use crate::sim::jira::{Caller, MIA, OMAR};
use crate::sim::service::Person as Account;

const SECRET: &str = "service-secret-of-the-samples";
const AUDIENCE: &str = "https://api.acme.example.com";

/// A language that the samples are run in.
#[derive(Debug, Clone, Copy)]
enum Sample {
    Node,
    Python,
    Rust,
}

impl Sample {
    /// The program of `examples/` with this name, and a folder that it needs.
    async fn program(self, name: &str) -> (Command, TempDir) {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let command = match self {
            Self::Node => {
                let node = oidc_provider::installed().await;
                // Packages are looked for beside a program.
                let packages = oidc_provider::directory().join("node_modules");
                std::os::unix::fs::symlink(packages, folder.path().join("node_modules"))
                    .expect("a link");
                let program = folder.path().join(format!("{name}.mjs"));
                std::fs::copy(examples.join(format!("{name}.mjs")), &program).expect("a copy");
                let mut command = Command::new(node);
                command.arg(program);
                command
            }
            Self::Python => {
                let installed = tokio::task::spawn_blocking(real_providers::install).await;
                let installed = installed.expect("pip installs what requirements.txt names");
                let mut command = Command::new(installed.join("bin/python"));
                command.arg(examples.join(format!("{name}.py")));
                command
            }
            Self::Rust => Command::new(built(name)),
        };
        (command, folder)
    }
}

/// `cargo test` builds the examples, too.
fn built(name: &str) -> PathBuf {
    let latchkey = Path::new(env!("CARGO_BIN_EXE_latchkey"));
    let program = latchkey.with_file_name("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: cargo build --examples",
        program.display()
    );
    program
}

/// A proxy that knows what browsers know: that names below `localhost` are this machine. Other programs have to be told.
async fn proxy() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A client that goes away early is no fault of the proxy's.
            tokio::spawn(async move { passed_on(client).await.ok() });
        }
    });
    format!("http://{address}")
}

/// Has a program use the proxy.
fn by_way_of(command: &mut Command, proxy: &str) {
    command
        .env("HTTP_PROXY", proxy)
        .env("http_proxy", proxy)
        .env("NO_PROXY", "")
        .env("no_proxy", "")
        // Node takes notice of the others only then.
        .env("NODE_USE_ENV_PROXY", "1");
}

/// Passes on one request, as an HTTP proxy does (RFC 9110, sections 7.3.2 and 9.3.6), and then every byte.
async fn passed_on(client: TcpStream) -> std::io::Result<()> {
    let mut client = tokio::io::BufReader::new(client);
    let mut first = String::new();
    client.read_line(&mut first).await?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (host, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (target, ""),
    };
    let port = host
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let mut server = TcpStream::connect(("127.0.0.1", port.unwrap_or(80))).await?;
    if method == "CONNECT" {
        let mut line = String::new();
        while client.read_line(&mut line).await? > 2 {
            line.clear();
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // One request a connection, because the next may be for another server.
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        server.write_all(head.as_bytes()).await?;
        let mut line = String::new();
        loop {
            line.clear();
            client.read_line(&mut line).await?;
            let lower = line.to_ascii_lowercase();
            if !lower.starts_with("connection:") && !lower.starts_with("proxy-connection:") {
                server.write_all(line.as_bytes()).await?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
    }
    let early = client.buffer().to_vec();
    server.write_all(&early).await?;
    let mut client = client.into_inner();
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The sample server, listening.
struct Server {
    address: String,
    _process: Process,
    _folder: TempDir,
}

impl Server {
    async fn start(sample: Sample, scene: &Scene, proxy: &str, scope: &str) -> Self {
        let (mut command, folder) = sample.program("issue").await;
        command
            .env("LATCHKEY_URL", scene.address(""))
            .env("LATCHKEY_SERVICE_SECRET", SECRET)
            .env("PORT", "0")
            .env("SCOPE", scope)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        by_way_of(&mut command, proxy);
        let mut process = Process::spawn(&mut command, "KILL", None).expect("it starts");
        let mut lines = BufReader::new(process.take_stdout()).lines();
        let address = tokio::task::spawn_blocking(move || {
            let first = lines.next().expect("a line").expect("of text");
            std::thread::spawn(move || lines.for_each(drop));
            first
        });
        let address = address.await.expect("no panic");
        let address = address.strip_prefix("listening on ").expect("where it is");
        Self {
            address: address.to_owned(),
            _process: process,
            _folder: folder,
        }
    }

    async fn get(&self, scene: &Scene, path: &str) -> Answer {
        scene
            .send(scene.http.get(format!("{}{path}", self.address)))
            .await
    }
}

macro_rules! in_each_language {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            use super::Sample;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_node() {
                super::$story(Sample::Node).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_python() {
                super::$story(Sample::Python).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_rust() {
                super::$story(Sample::Rust).await;
            }
        })+
    };
}

in_each_language!(
    t34_a_server_by_the_documents_reads_an_issue_as_each_person_and_as_nobody_else,
    a_check_by_the_documents_takes_signed_keys_and_nothing_else,
);

/// An account whose id an address cannot hold as it is.
const ODD: &str = "u 2+00/%é";

fn setting() -> Setting {
    let mut setting = Setting::keys_live(3600);
    setting.service.people = vec![
        Account::new("u-100", 100, "robin", "Robin Park"),
        Account::new(ODD, 200, "sam", "Sam Ortiz"),
    ];
    setting
        .with("LATCHKEY_SERVICE_SECRET", SECRET)
        .with("LATCHKEY_ACT_AS", "write")
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", AUDIENCE)
}

/// Who has read an issue, by what Jira has seen.
fn readers(scene: &Scene) -> Vec<String> {
    let calls = scene.world.jira.calls();
    let reads = calls
        .into_iter()
        .filter(|call| call.path.contains("/rest/api/3/issue/"));
    let mut readers: Vec<_> = reads
        .map(|call| match call.caller {
            Some(Caller::AsUser(account)) => account,
            other => panic!("{other:?} has read an issue"),
        })
        .collect();
    readers.sort();
    readers
}

async fn t34_a_server_by_the_documents_reads_an_issue_as_each_person_and_as_nobody_else(
    sample: Sample,
) {
    let mut scene = Scene::start(Db::Sqlite, setting()).await;
    scene.with_forge(FORGE_SITE).await;
    scene.other_secrets = vec![SECRET.to_owned()];
    let jira = scene.world.jira.clone();
    // The same account at the service, of two people at two sites, by both doors; and another account.
    scene.person("acme", MIA).link("u-100").await;
    scene.person(FORGE_SITE, OMAR).link("u-100").await;
    scene.person("globex", MIA).link(ODD).await;
    let proxy = proxy().await;
    let server = Server::start(sample, &scene, &proxy, "read write").await;

    let read: Value = server
        .get(&scene, "/accounts/u-100/issues/KEY-1")
        .await
        .is(200)
        .json();
    let mut expected = vec![
        json!({"site": jira.url("acme"), "accountId": MIA, "summary": "An issue of acme"}),
        json!({
            "site": jira.url(FORGE_SITE), "accountId": OMAR,
            "summary": format!("An issue of {FORGE_SITE}"),
        }),
    ];
    let by_site = |issue: &Value| issue["site"].to_string();
    expected.sort_by_key(by_site);
    let mut issues = read["issues"].as_array().expect("issues").clone();
    issues.sort_by_key(by_site);
    assert_eq!(issues, expected);
    assert_eq!(read["refused"], json!([]));
    let mut people = vec![MIA, OMAR];
    people.sort_unstable();
    assert_eq!(readers(&scene), people, "Jira saw these people and no app");

    // Whatever an account is called, it is that one.
    let other: Value = server
        .get(&scene, "/accounts/u%202%2B00%2F%25%C3%A9/issues/KEY-7")
        .await
        .is(200)
        .json();
    assert_eq!(other["issues"][0]["site"], json!(jira.url("globex")));

    // Somebody who has not connected, and what is no issue.
    let before = jira.calls().len();
    let nobody = server.get(&scene, "/accounts/u-300/issues/KEY-1").await;
    assert_eq!(nobody.is(404).json()["error"], "not connected");
    for path in [
        "/accounts/u-100/issues/..%2Fmyself",
        "/accounts/u-100/issues/KEY-1%3Fx",
    ] {
        let status = server.get(&scene, path).await.status.as_u16();
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    assert_eq!(jira.calls().len(), before, "Jira was not asked");

    // Less than the Forge app has cannot be given there; the other site is read.
    let reads = Server::start(sample, &scene, &proxy, "read").await;
    let read: Value = reads
        .get(&scene, "/accounts/u-100/issues/KEY-1")
        .await
        .is(200)
        .json();
    assert_eq!(read["issues"][0]["site"], json!(jira.url("acme")));
    assert_eq!(read["refused"][0]["site"], json!(jira.url(FORGE_SITE)));
    let reason = read["refused"][0]["reason"].as_str().expect("words");
    assert!(reason.contains("By Forge"), "{reason}");

    // The connection ends, and so does all of this.
    scene.person("acme", MIA).disconnect().await;
    let read: Value = server
        .get(&scene, "/accounts/u-100/issues/KEY-1")
        .await
        .is(200)
        .json();
    assert_eq!(read["issues"].as_array().map(Vec::len), Some(1), "{read}");
    scene.restart_with("LATCHKEY_SERVICE_SECRET", "").await;
    let off = server.get(&scene, "/accounts/u-100/issues/KEY-1").await;
    off.is(502);
    scene.person(FORGE_SITE, OMAR).disconnect().await;
    scene.person("globex", MIA).disconnect().await;
    scene.end().await;
}

/// What a check says of these keys, one after the other.
async fn checked(sample: Sample, issuer: &str, audience: &str, keys: &[String]) -> Vec<Value> {
    let (mut command, _folder) = sample.program("check").await;
    let proxy = proxy().await;
    command
        .env("LATCHKEY_URL", issuer)
        .env("AUDIENCE", audience)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    by_way_of(&mut command, &proxy);
    let mut child = command.spawn().expect("it starts");
    let mut given = child.stdin.take().expect("it reads");
    let lines = keys.join("\n") + "\n";
    given.write_all(lines.as_bytes()).expect("it reads");
    drop(given);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await;
    let output = output.expect("no panic").expect("it ends");
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).expect("text");
    let said = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    said.collect()
}

async fn a_check_by_the_documents_takes_signed_keys_and_nothing_else(sample: Sample) {
    let scene = Scene::start(Db::Sqlite, setting()).await;
    let mia = scene.person("acme", MIA);
    mia.link("u-100").await;
    let first = mia.key();
    mia.renewed().await;
    let second = mia.key();
    let parts: Vec<&str> = second.split('.').collect();
    let of_first: Vec<&str> = first.split('.').collect();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", parts[1]);
    let keys = [
        first.clone(),
        second.clone(),
        // The claims of one under the signature of another.
        format!("{}.{}.{}", parts[0], of_first[1], parts[2]),
        unsigned,
        "nothing like a key".to_owned(),
    ];
    let said = checked(sample, &scene.base, AUDIENCE, &keys).await;
    assert_eq!(said[0], json!({"subject": "u-100", "generation": 1}));
    assert_eq!(said[1], json!({"subject": "u-100", "generation": 2}));
    for refused in &said[2..] {
        assert!(refused["refused"].is_string(), "{refused}");
        assert!(refused.get("subject").is_none());
    }
    assert_eq!(said.len(), keys.len());
    let elsewhere = checked(sample, &scene.base, "https://other.example.com", &keys[..1]).await;
    assert!(elsewhere[0]["refused"].is_string(), "{elsewhere:?}");
    mia.disconnect().await;
    scene.end().await;

    // What Latchkey never signs, under a key that is in the set of somebody who does.
    let signer = Signer::start().await;
    let good = signer.sign(json!({}), json!({}));
    let bad = [
        (json!({}), json!({"exp": Clock::system().now() - 3600})),
        (json!({}), json!({"exp": null})),
        (json!({}), json!({"sub": null})),
        (json!({}), json!({"iss": "https://other.example.com"})),
        (json!({}), json!({"iss": null})),
        (json!({}), json!({"aud": null})),
        (json!({"typ": "JWT"}), json!({})),
        (json!({"typ": null}), json!({})),
        (json!({"kid": null}), json!({})),
        (json!({"kid": "another"}), json!({})),
    ];
    let signed = bad
        .iter()
        .map(|(header, claims)| signer.sign(header.clone(), claims.clone()));
    let keys: Vec<String> = std::iter::once(good).chain(signed).collect();
    let said = checked(sample, &signer.issuer, AUDIENCE, &keys).await;
    assert_eq!(said[0], json!({"subject": "u-100", "generation": 1}));
    assert_eq!(said.len(), keys.len());
    for (refused, wrong) in said[1..].iter().zip(&bad) {
        assert!(refused["refused"].is_string(), "{wrong:?}: {refused}");
    }
}

/// Somebody who signs as Latchkey does, and whatever a story wants.
struct Signer {
    issuer: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    async fn start() -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key pair");
        let set = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "signer",
            "x": URL_SAFE_NO_PAD.encode(pair.public_key()),
        }]});
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let routes = Router::new().route("/.well-known/jwks.json", get(async move || Json(set)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            issuer: format!("http://{address}"),
            pair,
        }
    }

    /// A key like Latchkey's, but for these members. Null takes one away.
    fn sign(&self, header: Value, claims: Value) -> String {
        let now = Clock::system().now();
        let with = |mut known: Value, changes: Value| {
            let members = known.as_object_mut().expect("an object");
            for (name, value) in changes.as_object().expect("an object") {
                match value {
                    Value::Null => drop(members.remove(name)),
                    value => drop(members.insert(name.clone(), value.clone())),
                }
            }
            URL_SAFE_NO_PAD.encode(known.to_string())
        };
        let header = with(
            json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "signer"}),
            header,
        );
        let good = json!({
            "iss": self.issuer, "sub": "u-100", "aud": AUDIENCE, "iat": now, "exp": now + 600,
            "jti": "1", "generation": 1,
        });
        let input = format!("{header}.{}", with(good, claims));
        let signature = self.pair.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
