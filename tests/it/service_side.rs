//! Stories of the vendor's own servers: they find the links of an account, end them, and act in Jira as the person of a
//! link. Tenant and person come from the link, whatever a caller says (T34).

use std::process::{Command, Stdio};

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::real_providers::install as tools;
use crate::scene::{Answer, Db, FORGE_SITE, Scene, Setting};
use crate::sim::jira::{MIA, OMAR, Overrides};

on_both_databases!(
    t34_a_server_finds_the_links_of_an_account_and_ends_one,
    t34_a_server_acts_as_the_person_of_a_link_and_as_nobody_else,
    t34_who_may_not_connect_or_has_left_is_not_acted_for,
    t34_a_key_alone_does_nothing,
    t34_a_row_that_was_changed_names_nobody,
);

const SECRET: &str = "service-secret-of-the-stories";
const NEXT: &str = "the-next-service-secret-of-the-stories";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const SIGNED_KEY: &str = "urn:ietf:params:oauth:token-type:jwt";
const LINK: &str = "urn:latchkey:token-type:link";

fn setting() -> Setting {
    Setting::keys_live(3600).with("LATCHKEY_SERVICE_SECRET", SECRET)
}

async fn start(db: Db, setting: Setting) -> Scene {
    let mut scene = Scene::start(db, setting).await;
    scene.with_forge(FORGE_SITE).await;
    scene.other_secrets = vec![SECRET.to_owned(), NEXT.to_owned()];
    scene
}

/// Asks with a secret.
async fn ask(scene: &Scene, method: Method, path: &str, secret: &str) -> Answer {
    let request = scene.http.request(method, scene.address(path));
    scene.send(request.bearer_auth(secret)).await
}

async fn links_of(scene: &Scene, subject: &str) -> Vec<Value> {
    let path = format!("/service/links?subject={subject}");
    let answer = ask(scene, Method::GET, &path, SECRET).await.is(200);
    let answer: Value = answer.json();
    assert_eq!(answer["next"], Value::Null);
    answer["links"].as_array().expect("links").clone()
}

/// The id of the only link of an account.
async fn link_id(scene: &Scene, subject: &str) -> String {
    let links = links_of(scene, subject).await;
    assert_eq!(links.len(), 1, "{links:?}");
    links[0]["id"].as_str().expect("an id").to_owned()
}

/// Exchanges a subject token; more fields may say what they like.
async fn exchange(scene: &Scene, kind: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", kind),
    ];
    form.extend_from_slice(more);
    let request = scene.http.post(scene.address("/oauth/token"));
    scene.send(request.bearer_auth(SECRET).form(&form)).await
}

/// It was refused with this error of OAuth.
fn refused(answer: Answer, error: &str, about: &str) {
    let answer: Value = answer.is(400).json();
    assert_eq!(answer["error"], error, "{answer}");
    let words = answer["error_description"].as_str().expect("words");
    assert!(words.contains(about), "{words}");
    assert!(answer.get("access_token").is_none());
}

async fn get_as(scene: &Scene, granted: &Value, path: &str) -> reqwest::Response {
    let base = granted["api_base_url"].as_str().expect("a base URL");
    let token = granted["access_token"].as_str().expect("a token");
    let request = scene.http.get(format!("{base}{path}")).bearer_auth(token);
    request.send().await.expect("Jira answers")
}

/// Reads an issue with what was granted, and says who Jira takes the caller for.
async fn reads_issue_as(scene: &Scene, granted: &Value) -> String {
    let issue = get_as(scene, granted, "/rest/api/3/issue/KEY-1").await;
    assert_eq!(issue.status(), 200);
    let issue: Value = issue.json().await.expect("an issue");
    assert_eq!(issue["key"], "KEY-1");
    let myself = get_as(scene, granted, "/rest/api/3/myself").await;
    let myself: Value = myself.json().await.expect("a person");
    myself["accountId"].as_str().expect("an account").to_owned()
}

async fn t34_a_server_finds_the_links_of_an_account_and_ends_one(db: Db) {
    let mut scene = start(db, setting()).await;
    // One account at the service, of two people at two sites, by both doors.
    scene.person("acme", MIA).link("u-100").await;
    scene.person(FORGE_SITE, OMAR).link("u-100").await;
    scene.person("globex", MIA).link("u-200").await;
    let links = links_of(&scene, "u-100").await;
    let mut named: Vec<(String, String)> = links
        .iter()
        .map(|link| {
            let field = |name: &str| link[name].as_str().expect("a text").to_owned();
            assert_eq!(link["state"], "linked");
            assert_eq!(link["generation"], 1);
            assert!(link["validUntil"].is_string() && link["since"].is_string());
            assert_eq!(field("subject"), "u-100");
            (field("site"), field("accountId"))
        })
        .collect();
    named.sort();
    let jira = &scene.world.jira;
    let mut expected = vec![
        (jira.url("acme"), MIA.to_owned()),
        (jira.url(FORGE_SITE), OMAR.to_owned()),
    ];
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(links_of(&scene, "u-999").await, Vec::<Value>::new());

    // By the id, which is in the property of those who are not to read the key, too.
    let id = link_id(&scene, "u-200").await;
    let path = format!("/service/links?id={id}");
    let found: Value = ask(&scene, Method::GET, &path, SECRET).await.is(200).json();
    assert_eq!(found["links"][0]["id"], json!(id));
    for wrong in [
        "/service/links",
        "/service/links?subject=u-100&id=x",
        "/service/links?subject=u-100&subject=u-200",
    ] {
        ask(&scene, Method::GET, wrong, SECRET).await.is(400);
    }
    for nothing in ["subject=u-100%00", "id=%00"] {
        let path = format!("/service/links?{nothing}");
        let found: Value = ask(&scene, Method::GET, &path, SECRET).await.is(200).json();
        assert_eq!(found["links"], json!([]));
    }

    // Nobody without the secret, and no other credential is one.
    let path = "/service/links?subject=u-100";
    let key = scene.person("acme", MIA).key();
    for secret in ["", "x", "service-secret-of-the-storie", &key, NEXT] {
        ask(&scene, Method::GET, path, secret).await.is(401);
        let end = format!("/service/links/{id}");
        ask(&scene, Method::DELETE, &end, secret).await.is(401);
    }
    scene.get(path).await.is(401);
    let request = scene.http.get(scene.address(path));
    let basic = request.basic_auth("anybody", Some(SECRET));
    scene.send(basic).await.is(200);

    // It ends as by Disconnect, and the others stay.
    let end = format!("/service/links/{id}");
    let ended = ask(&scene, Method::DELETE, &end, SECRET).await.is(204);
    assert_eq!(ended.headers["latchkey-left"], "nothing");
    let mia = scene.person("globex", MIA);
    assert_eq!(mia.property(), None);
    assert_eq!(mia.state().await, "unlinked");
    ask(&scene, Method::DELETE, &end, SECRET).await.is(404);
    assert_eq!(links_of(&scene, "u-100").await.len(), 2);
    let count =
        "select count(*) from site_event where kind = 'disconnected' and by_whom = 'service'";
    assert_eq!(scene.count(count).await, 1);

    // Two secrets for a while.
    let both = format!("{NEXT}, {SECRET}");
    scene.restart_with("LATCHKEY_SERVICE_SECRET", &both).await;
    for secret in [SECRET, NEXT] {
        ask(&scene, Method::GET, path, secret).await.is(200);
    }
    scene.restart_with("LATCHKEY_SERVICE_SECRET", NEXT).await;
    ask(&scene, Method::GET, path, SECRET).await.is(401);
    ask(&scene, Method::GET, path, NEXT).await.is(200);
    scene.restart_with("LATCHKEY_SERVICE_SECRET", "").await;
    ask(&scene, Method::GET, path, NEXT).await.is(404);
    for (site, account) in [("acme", MIA), (FORGE_SITE, OMAR)] {
        scene.person(site, account).disconnect().await;
    }
    scene.end().await;
}

async fn t34_a_server_acts_as_the_person_of_a_link_and_as_nobody_else(db: Db) {
    let minted = setting()
        .with("LATCHKEY_ACT_AS", "write")
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com");
    let mut scene = start(db, minted).await;
    scene.person("acme", MIA).link("u-100").await;
    scene.person(FORGE_SITE, OMAR).link("u-200").await;
    let jira = scene.world.jira.clone();

    // By a signed key, and by the id of a link; at a site of either door.
    let key = scene.person("acme", MIA).key();
    let granted: Value = exchange(&scene, SIGNED_KEY, &key, &[]).await.is(200).json();
    assert_eq!(granted["account_id"], MIA);
    assert_eq!(granted["api_base_url"], jira.url("acme"));
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["scope"], "read write");
    assert!((1..=3600).contains(&granted["expires_in"].as_i64().expect("a number")));
    assert!(granted["quota"]["remaining"].as_i64().expect("a number") > 0);
    assert_eq!(reads_issue_as(&scene, &granted).await, MIA);
    let id = link_id(&scene, "u-200").await;
    let by_forge: Value = exchange(&scene, LINK, &id, &[]).await.is(200).json();
    assert_eq!(by_forge["account_id"], OMAR);
    assert_eq!(reads_issue_as(&scene, &by_forge).await, OMAR);

    // Nothing that a caller says beside it counts.
    let id = link_id(&scene, "u-100").await;
    let client_key = scene.client_key(FORGE_SITE);
    let lies = [
        ("account_id", OMAR),
        ("accountId", OMAR),
        ("sub", OMAR),
        ("tenant", &client_key),
        ("client_key", &client_key),
        ("resource", "https://globex.example"),
        ("audience", "globex"),
        ("actor_token", &key),
        ("api_base_url", "https://evil.example"),
    ];
    let answer: Value = exchange(&scene, LINK, &id, &lies).await.is(200).json();
    assert_eq!(answer["account_id"], MIA);
    assert_eq!(answer["api_base_url"], jira.url("acme"));
    assert_eq!(reads_issue_as(&scene, &answer).await, MIA);
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", &id),
        ("subject_token_type", LINK),
    ];
    let path = format!("/oauth/token?account_id={OMAR}&tenant={client_key}");
    let request = scene.http.post(scene.address(&path)).bearer_auth(SECRET);
    let request = request
        .header("x-atlassian-account-id", OMAR)
        .header("forwarded", "host=evil.example")
        .header("host", "evil.example")
        .form(&form);
    let answer: Value = scene.send(request).await.is(200).json();
    assert_eq!(
        (&answer["account_id"], &answer["api_base_url"]),
        (&json!(MIA), &json!(jira.url("acme")))
    );

    // Less may be asked for, where Jira has such tokens.
    let read = exchange(&scene, LINK, &id, &[("scope", "read")]).await;
    let read: Value = read.is(200).json();
    assert_eq!(read["scope"], "read");
    assert_eq!(reads_issue_as(&scene, &read).await, MIA);
    let base = read["api_base_url"].as_str().expect("a base URL");
    let property = format!("{base}/rest/api/3/user/properties/x?accountId={MIA}");
    let token = read["access_token"].as_str().expect("a token");
    let put = scene.http.put(property).bearer_auth(token).json(&json!(1));
    assert_eq!(put.send().await.expect("Jira answers").status(), 403);
    assert_eq!(
        scene.world.unexpected().len(),
        1,
        "Jira refused that, and nothing else"
    );
    let omars = link_id(&scene, "u-200").await;
    let by_forge = exchange(&scene, LINK, &omars, &[("scope", "read")]).await;
    refused(by_forge, "invalid_scope", "By Forge");

    // What is not understood is refused, and what is not known.
    for (kind, token) in [
        (LINK, "no-such-link"),
        (LINK, MIA),
        (SIGNED_KEY, &id),
        (SIGNED_KEY, "a.b.c"),
    ] {
        refused(
            exchange(&scene, kind, token, &[]).await,
            "invalid_request",
            "names no link",
        );
    }
    refused(
        exchange(&scene, "urn:x", &id, &[]).await,
        "invalid_request",
        "subject_token",
    );
    refused(
        exchange(&scene, LINK, &id, &[("scope", "admin")]).await,
        "invalid_scope",
        "read and write",
    );
    let twice = [("subject_token", omars.as_str())];
    refused(
        exchange(&scene, LINK, &id, &twice).await,
        "invalid_request",
        "one subject_token",
    );
    let other = scene
        .http
        .post(scene.address("/oauth/token"))
        .bearer_auth(SECRET);
    let other = other.form(&[("grant_type", "client_credentials")]);
    refused(
        scene.send(other).await,
        "unsupported_grant_type",
        "token exchange",
    );

    // The site's admins see each, and may end it.
    let acting = "select count(*) from site_event where kind = 'acting'";
    assert_eq!(scene.count(acting).await, 5);
    let mia = scene.person("acme", MIA);
    let decide = async |rule: Value| {
        let put = mia.call(Method::PUT, "/api/admin/site").json(&rule);
        scene.send(put).await.is(200).json()
    };
    let rule = json!({"customers": "deny", "groups": [], "actAs": false});
    let site = decide(rule).await;
    assert_eq!(site["actAs"], json!({"vendor": "write", "site": "deny"}));
    // A page that does not know of the switch leaves it as it is.
    let site = decide(json!({"customers": "deny", "groups": []})).await;
    assert_eq!(site["actAs"]["site"], "deny");
    refused(
        exchange(&scene, LINK, &id, &[]).await,
        "access_denied",
        "admins of the site",
    );
    exchange(&scene, LINK, &omars, &[]).await.is(200);

    // Only as far as the operator allows.
    scene.execute("delete from site_rule").await;
    scene.restart_with("LATCHKEY_ACT_AS", "read").await;
    refused(
        exchange(&scene, LINK, &id, &[("scope", "write")]).await,
        "invalid_scope",
        "read only",
    );
    let granted: Value = exchange(&scene, LINK, &id, &[]).await.is(200).json();
    assert_eq!(granted["scope"], "read");
    refused(
        exchange(&scene, LINK, &omars, &[]).await,
        "invalid_scope",
        "By Forge",
    );
    scene.restart_with("LATCHKEY_ACT_AS", "off").await;
    refused(
        exchange(&scene, LINK, &id, &[]).await,
        "unauthorized_client",
        "LATCHKEY_ACT_AS",
    );
    scene.close().await;
}

async fn t34_who_may_not_connect_or_has_left_is_not_acted_for(db: Db) {
    let allow = setting()
        .with("LATCHKEY_ACT_AS", "write")
        .with("LATCHKEY_CUSTOMERS", "allow");
    let mut scene = start(db, allow).await;
    let customer = crate::sim::jira::PAT;
    for (site, account, subject) in [("acme", MIA, "u-100"), ("acme", customer, "u-200")] {
        scene.person(site, account).link(subject).await;
    }
    let mia = link_id(&scene, "u-100").await;
    let pat = link_id(&scene, "u-200").await;
    exchange(&scene, LINK, &pat, &[]).await.is(200);
    scene.restart_with("LATCHKEY_CUSTOMERS", "deny").await;
    refused(
        exchange(&scene, LINK, &pat, &[]).await,
        "access_denied",
        "may not connect",
    );

    // Atlassian gives no token for an account that was deactivated.
    exchange(&scene, LINK, &mia, &[]).await.is(200);
    scene.world.jira.edit_site("acme", |site| {
        site.people.get_mut(MIA).expect("there").active = false;
    });
    refused(
        exchange(&scene, LINK, &mia, &[]).await,
        "access_denied",
        "lets nobody act",
    );
    scene.world.jira.edit_site("acme", |site| {
        site.people.get_mut(MIA).expect("there").active = true;
    });

    // A connection that has ended at the service leads nowhere, nor does one of a site that disabled the app.
    scene.world.service.withdraw("u-100");
    scene.advance(3000);
    crate::scene::eventually("it needs its person", async || {
        (scene.person("acme", MIA).state().await == "reconnect").then_some(())
    })
    .await;
    refused(
        exchange(&scene, LINK, &mia, &[]).await,
        "access_denied",
        "reconnect",
    );
    scene.person("acme", MIA).disconnect().await;
    refused(
        exchange(&scene, LINK, &mia, &[]).await,
        "invalid_request",
        "names no link",
    );
    scene.close().await;
}

async fn t34_a_key_alone_does_nothing(db: Db) {
    let minted = setting()
        .with("LATCHKEY_ACT_AS", "write")
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com");
    let scene = start(db, minted).await;
    scene.person("acme", MIA).link("u-100").await;
    let key = scene.person("acme", MIA).key();
    let context = scene
        .world
        .jira
        .context_token("acme", MIA, &Overrides::default());
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", &key),
        ("subject_token_type", SIGNED_KEY),
    ];
    let path = scene.address("/oauth/token");
    for authorization in [
        None,
        Some(format!("Bearer {key}")),
        Some(format!("JWT {context}")),
        Some(format!("Bearer {context}")),
        Some("Bearer ".to_owned()),
    ] {
        let mut request = scene.http.post(&path).form(&form);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = scene.send(request).await.is(401);
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(scene.world.jira.calls_to("POST", "/oauth2/token").len(), 0);
    scene.person("acme", MIA).disconnect().await;
    scene.close().await;
}

async fn t34_a_row_that_was_changed_names_nobody(db: Db) {
    let scene = start(db, setting().with("LATCHKEY_ACT_AS", "write")).await;
    scene.person("acme", MIA).link("u-100").await;
    let id = link_id(&scene, "u-100").await;
    for change in ["account_id = 'other'", "subject = 'u-200'"] {
        let (column, _) = change.split_once(" = ").expect("a change");
        let before = format!("select count(*) from link where {column} is not null");
        assert_eq!(scene.count(&before).await, 1);
        scene
            .execute("create table kept as select * from link")
            .await;
        scene.execute(&format!("update link set {change}")).await;
        for subject in ["u-100", "u-200"] {
            assert_eq!(
                links_of(&scene, subject).await,
                Vec::<Value>::new(),
                "{change}"
            );
        }
        refused(
            exchange(&scene, LINK, &id, &[]).await,
            "invalid_request",
            "names no link",
        );
        let end = format!("/service/links/{id}");
        ask(&scene, Method::DELETE, &end, SECRET).await.is(404);
        scene
            .execute(&format!(
                "update link set {column} = (select {column} from kept)"
            ))
            .await;
        scene.execute("drop table kept").await;
    }
    assert_eq!(link_id(&scene, "u-100").await, id);
    scene.person("acme", MIA).disconnect().await;
    scene.close().await;
}

/// The document is tried by schemathesis, which makes up calls from it and holds each answer against it. Half of them
/// come with the secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_describes() {
    let minted = setting()
        .with("LATCHKEY_ACT_AS", "read")
        .with("LATCHKEY_API_KEY_FROM", "minted")
        .with("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com");
    let scene = start(Db::Sqlite, minted).await;
    scene.person("acme", MIA).link("u-100").await;
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    // Python does not resolve the name.
    let address = scene.address("").replace("latchkey.localhost", "127.0.0.1");
    let folder = tempfile::tempdir().expect("a temporary directory");
    for secret in [SECRET, "another-secret-that-is-wrong"] {
        let mut command = Command::new(tools().join("bin/schemathesis"));
        command
            .args(["run", document, "--url", &address, "--workers", "1"])
            .args([
                "--max-examples",
                "25",
                "--rate-limit",
                "60/s",
                "--no-color",
                "--seed",
                "34",
            ])
            // Two parameters exclude each other, which OpenAPI cannot say.
            .args(["--exclude-checks", "positive_data_acceptance"])
            .args(["--header", &format!("Authorization: Bearer {secret}")])
            .current_dir(folder.path())
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("no panic").expect("schemathesis starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("Tested: 5"), "{said}");
    }
    // Somebody who makes up links finds none.
    assert_eq!(scene.person("acme", MIA).state().await, "linked");
    scene.close().await;
}

/// The document has the routes of this side, and no other.
#[test]
fn the_document_has_each_route_of_this_side() {
    let document: Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let source = include_str!("../../src/web.rs");
    let mut served: Vec<&str> = source
        .split(".route(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|route| route.starts_with("/service/") || route.starts_with("/oauth/"))
        .collect();
    served.push("/.well-known/jwks.json");
    served.sort_unstable();
    let mut described: Vec<&str> = paths.keys().map(String::as_str).collect();
    described.sort_unstable();
    assert_eq!(described, served);
}
