//! Stories of what a browser has to load: files that it may keep, pages that are compressed where that tells nobody
//! anything, and the few requests of the panel. And of what the server reads once for many requests.

use reqwest::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY,
};
use serde_json::Value;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use latchkey::App;
use latchkey::model::{ClientKey, Door};

use crate::browser::{Browser, Options};
use crate::browsing::AtJira;
use crate::doors;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, between};
use crate::sim::jira::{MIA, OMAR, Overrides};

on_both_databases!(t10_a_new_secret_counts_at_once_on_every_replica_however_many_ask);

/// A page of ours with what it names below `static/`, and how it came.
async fn page(scene: &Scene, path: &str) -> (String, Vec<String>, HeaderMap) {
    let jira = &scene.world.jira;
    let address = jira.framed_url("acme", OMAR, &jira.url("acme"), path, &Overrides::none());
    let page = scene.send(scene.http.get(address)).await.is(200);
    let files = page.text.split('"').filter(|it| it.starts_with("/static/"));
    let files = files.map(str::to_owned).collect();
    (page.text, files, page.headers)
}

/// An answer as it came, by a client that takes these encodings and changes nothing.
async fn raw(scene: &Scene, path: &str, takes: &str) -> (HeaderMap, Vec<u8>) {
    let client = reqwest::Client::builder().no_gzip().no_brotli();
    let client = client.no_deflate().no_proxy().build();
    let client = client.expect("an HTTP client");
    let address = scene
        .address(path)
        .replace("latchkey.localhost", "127.0.0.1");
    let mut request = client.get(address);
    if !takes.is_empty() {
        request = request.header(ACCEPT_ENCODING, takes);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    let headers = answer.headers().clone();
    (headers, answer.bytes().await.expect("a body").into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_kept_for_good_under_its_hash_and_not_at_all_otherwise() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (_, files, _) = page(&scene, "/connect/glance?issue=KEY-1").await;
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        let (headers, plain) = raw(&scene, file, "").await;
        assert_eq!(
            headers[CACHE_CONTROL],
            "public, max-age=31536000, immutable"
        );
        assert_eq!(headers[VARY], "accept-encoding");
        assert!(!headers.contains_key(CONTENT_ENCODING));
        assert!(!headers.contains_key("set-cookie"));
        let (headers, gzip) = raw(&scene, file, "br, gzip").await;
        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        assert!(gzip.len() < plain.len());
        assert!(gzip.starts_with(b"\x1f\x8b"));

        // As a page of another version names it, and as the descriptor does.
        let hash = file.rsplit('.').nth(1).expect("it has a hash");
        let other = file.replace(hash, &"A".repeat(hash.len()));
        let (headers, same) = raw(&scene, &other, "").await;
        assert_eq!(headers[CACHE_CONTROL], "no-cache, no-store");
        assert_eq!(same, plain);
        let kind = headers[CONTENT_TYPE].clone();
        let source = file.replace(&format!(".{hash}"), "");
        let (headers, _) = raw(&scene, &source, "gzip").await;
        assert_eq!(headers[CACHE_CONTROL], "no-cache, no-store");
        assert_eq!(headers[CONTENT_TYPE], kind);
        scene.get(&file.replace(hash, "short")).await.is(404);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_page_without_secrets_is_compressed() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    // What a client that takes no encoding reads is what the others read.
    let jira = &scene.world.jira;
    let framed = |path: &str| {
        let token = jira.iframe_token("acme", OMAR, "GET", path, &Overrides::none());
        format!("{path}&jwt={token}")
    };
    let (headers, plain) = raw(&scene, &framed("/connect/glance?issue=KEY-1"), "").await;
    assert!(!headers.contains_key(CONTENT_ENCODING));
    let (headers, gzip) = raw(&scene, &framed("/connect/glance?issue=KEY-2"), "gzip").await;
    assert_eq!(headers[CONTENT_ENCODING], "gzip");
    assert_eq!(headers[CACHE_CONTROL], "no-cache, no-store");
    assert!(gzip.len() * 2 < plain.len());
    // It is the same for everybody: nothing of the issue, the person or the site is in it.
    let text = String::from_utf8(plain).expect("a page is text");
    let site = jira.url("acme");
    for theirs in ["KEY-1", OMAR, "Omar", site.as_str(), "5aomar"] {
        assert!(!text.contains(theirs), "{theirs}");
    }
    // The finish page holds a handle beside what an address brings.
    let path = framed("/connect/finish?attempt=a&handle=b");
    let (headers, _) = raw(&scene, &path, "gzip").await;
    assert!(!headers.contains_key(CONTENT_ENCODING));
    let begun = scene.person("acme", OMAR).begin().await;
    let link = scene
        .http
        .get(scene.address(&format!("/link/{}", begun.id)));
    let link = link.header("cookie", &begun.cookie);
    let link = scene.send(link.header(ACCEPT_ENCODING, "gzip")).await;
    assert!(!link.headers.contains_key(CONTENT_ENCODING));
    scene.close().await;
}

/// What the frame has loaded of ours: the files, and the bytes that came, the page included. What Forge's network puts
/// before a page of ours, and calls, are no part of it.
const LOADED: &str = "const of = (kind) => performance.getEntriesByType(kind); \
    const ours = of('resource').filter(({ name }) => name.startsWith(location.origin)); \
    const files = ours.filter(({ name }) => !/\\/(api\\/|bridge\\.js$)/.test(name)); \
    const bytes = [...of('navigation'), ...files].reduce((sum, { transferSize }) => sum + transferSize, 0); \
    const [paint] = of('paint'); \
    return { files: files.map(({ name }) => name), bytes, painted: Boolean(paint) };";

/// The first paint of a page took two requests after the page, and so many bytes in all.
fn is_small(loaded: &Value) -> u64 {
    let files = loaded["files"].as_array().map(Vec::len);
    assert_eq!(files, Some(2), "{loaded}");
    assert_eq!(loaded["painted"], true, "{loaded}");
    let bytes = loaded["bytes"].as_u64().expect("a number");
    assert!((5_000..=30_000).contains(&bytes), "{loaded}");
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panel_takes_two_requests_after_its_page_and_no_more_the_next_time() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    at_jira.sign_in(OMAR).await;
    let loaded = async || {
        at_jira.wait_glance("unlinked").await;
        let loaded = at_jira.in_frame(async || browser.evaluate(LOADED).await);
        let loaded: Value = loaded.await;
        loaded
    };
    let first = loaded().await;
    let bytes = is_small(&first);
    // The form knows the issue, although the page doesn't.
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    browser.click_css("[name=cancel]").await;
    browser.wait_text("Back to KEY-1").await;
    browser
        .goto(&format!("{}/browse/KEY-2", scene.world.jira.url("acme")))
        .await;
    let second = loaded().await;
    let page_alone = second["bytes"].as_u64().expect("a number");
    assert!(page_alone < bytes / 2, "{first} {second}");
    browser.close().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_forge_a_page_takes_two_requests_after_it() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let site = doors::Door::Forge.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let jira = &scene.world.jira;
    at_jira.sign_in(MIA).await;
    let loaded = async |state: &str| {
        at_jira.wait_frame(state).await;
        let loaded = at_jira.in_frame(async || browser.evaluate(LOADED).await);
        let loaded: Value = loaded.await;
        loaded
    };
    is_small(&loaded("unlinked").await);
    browser.goto(&jira.forge_finish_url(site)).await;
    is_small(&loaded("failed").await);
    browser.goto(&jira.forge_admin_url(site)).await;
    is_small(&loaded("ready").await);
    browser.close().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_names_only_files_that_are_there() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    for path in [
        "/connect/glance?issue=KEY-1",
        "/connect/finish?attempt=a&handle=b",
        "/connect/admin?x=y",
    ] {
        let (text, files, _) = page(&scene, path).await;
        assert!(files.len() >= 3, "{files:?}");
        for file in files {
            let (headers, _) = raw(&scene, &file, "").await;
            assert!(
                headers[CACHE_CONTROL]
                    .to_str()
                    .is_ok_and(|it| it.contains("immutable"))
            );
        }
        let bridge = between(&text, "id=\"bridge\" src=\"", "\"");
        assert!(bridge.is_some(), "{text}");
    }
    scene.end().await;
}

/// The secret by which a replica would verify a token now.
async fn secret_at(app: &App, key: &ClientKey) -> String {
    let tenant = app.parts.store.tenant(key).await.expect("it is read");
    match tenant.expect("it is installed").door {
        Door::Connect(connect) => connect.shared_secret.expose().to_owned(),
        Door::Forge(_) => panic!("it has not moved"),
    }
}

async fn t10_a_new_secret_counts_at_once_on_every_replica_however_many_ask(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let mut replicas = vec![scene.app().clone()];
    if db == Db::Postgres {
        replicas.push(scene.app_of_its_own().await);
    }
    let key = ClientKey(jira.site("acme").client_key);
    let enough = Arc::new(AtomicBool::new(false));
    let crowd: Vec<_> = replicas
        .iter()
        .flat_map(|app| (0..16).map(|_| app.clone()))
        .map(|app| {
            let (key, enough) = (key.clone(), enough.clone());
            tokio::spawn(async move {
                let mut asked = 0_u32;
                while !enough.load(Ordering::Relaxed) {
                    secret_at(&app, &key).await;
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for _ in 0..10 {
        let answer = jira.rotate_secret("acme").await.expect("an answer");
        assert!(answer.accepted());
        let secrets = jira.site("acme").app.expect("it is installed").secrets;
        for app in &replicas {
            assert_eq!(Some(&secret_at(app, &key).await), secrets.last());
        }
    }
    enough.store(true, Ordering::Relaxed);
    for asker in crowd {
        assert!(asker.await.expect("it ends") > 0);
    }
    scene.end().await;
}
