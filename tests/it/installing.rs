//! Stories of installing and uninstalling, and of everything that pretends to be Atlassian.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use latchkey::atlassian::connect::Bound;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::Instant;

use crate::database::Database;
use crate::on_both_databases;
use crate::scene::{Answer, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{
    Fault, LifecycleAnswer, LifecycleEvent, MIA, OMAR, Overrides, Scope, query_hash,
};

on_both_databases!(
    the_descriptor_is_what_jira_takes,
    installing_again_changes_nothing,
    a_new_secret_ends_the_old_one,
    a_site_gets_another_name,
    t9_a_forged_installation_is_refused,
    t9_a_forged_installation_changes_nothing_of_a_site_that_is_there,
    t9_an_installation_with_a_strange_base_url_is_refused,
    t22_an_address_inside_our_network_is_no_site,
    t10_a_forged_uninstall_is_refused,
    a_switched_off_app_renews_nothing,
    r16_a_pending_deletion_outlasts_a_disabled_app,
    an_uninstall_ends_everything,
    an_uninstall_that_was_cut_short_leaves_no_grant,
    one_site_leaves_another_alone,
    t30_a_key_that_was_seen_outlives_a_restart_and_an_absent_key_server,
    t30_a_withdrawn_key_is_noticed_within_a_day,
);

const DESCRIPTOR: &str = "/atlassian-connect.json";

/// What a column holds, row by row; null is None.
async fn ask_database(scene: &Scene, query: &'static str) -> Vec<Option<String>> {
    let url = scene.database_url();
    let rows = if url.starts_with("sqlite:") {
        let connection = SqliteConnection::connect(url).await;
        let mut connection = connection.expect("the database opens");
        sqlx::query_scalar(query).fetch_all(&mut connection).await
    } else {
        let connection = PgConnection::connect(url).await;
        let mut connection = connection.expect("the database opens");
        sqlx::query_scalar(query).fetch_all(&mut connection).await
    };
    rows.expect("the query fits")
}

/// Everything that is known of tenants, to compare.
async fn tenants(scene: &Scene) -> Vec<Option<String>> {
    ask_database(
        scene,
        "select client_key || ' ' || installation || ' ' || base_url || ' ' || display_urls || ' ' \
         || coalesce(oauth_client_id, '-') || ' ' || coalesce(data_key, '-') || ' ' \
         || shared_secret || ' ' || installed || ' ' || enabled || ' ' || draining \
         from tenant order by client_key",
    )
    .await
}

/// How much is kept of anything.
async fn rows(scene: &Scene) -> Vec<Option<String>> {
    ask_database(
        scene,
        "select 'tenant ' || count(*) from tenant union all select 'person ' || count(*) from person \
         union all select 'attempt ' || count(*) from attempt \
         union all select 'session ' || count(*) from session \
         union all select 'spent_token ' || count(*) from spent_token \
         union all select 'link ' || count(*) from link \
         union all select 'cleanup ' || count(*) from cleanup",
    )
    .await
}

async fn send(
    scene: &Scene,
    event: LifecycleEvent,
    body: &Value,
    overrides: &Overrides,
) -> LifecycleAnswer {
    let token = scene.world.jira.lifecycle_token("acme", event, overrides);
    send_token(scene, event, body, &token).await
}

async fn send_token(
    scene: &Scene,
    event: LifecycleEvent,
    body: &Value,
    token: &str,
) -> LifecycleAnswer {
    let authorization = format!("JWT {token}");
    scene
        .world
        .jira
        .post_lifecycle("acme", event, body, Some(&authorization))
        .await
        .expect("the app answers")
}

/// With a token that was made earlier.
async fn status_with(scene: &Scene, token: &str) -> Answer {
    let request = scene
        .http
        .request(Method::GET, scene.address("/api/link"))
        .header(AUTHORIZATION, format!("JWT {token}"));
    scene.send(request).await
}

/// The content security policy of the glance.
async fn policy_of_glance(person: &Person<'_>) -> String {
    let jira = &person.scene.world.jira;
    let framed = jira.framed_url(
        person.site,
        person.account.as_str(),
        &jira.url(person.site),
        "/connect/glance?issue=KEY-1",
        &Overrides::none(),
    );
    let page = person.scene.send(person.scene.http.get(framed)).await;
    let policy = page.is(200).headers["content-security-policy"].clone();
    policy.to_str().expect("plain text").to_owned()
}

async fn the_descriptor_is_what_jira_takes(db: Db) {
    for (module, published, absent) in [
        ("context", "jiraIssueContexts", "jiraIssueGlances"),
        ("glance", "jiraIssueGlances", "jiraIssueContexts"),
    ] {
        let setting = Setting {
            base_path: "/at/some/path",
            ..Setting::default()
        }
        .with("LATCHKEY_ISSUE_MODULE", module)
        .with("LATCHKEY_APP_KEY", "com.acme.key-app_1")
        .with("LATCHKEY_APP_NAME", "Keys for Acme");
        // Both sites install it, which checks every field that Jira checks.
        let scene = Scene::start(db, setting).await;
        let descriptor = scene.get(DESCRIPTOR).await.is(200);
        assert_eq!(descriptor.headers["content-type"], "application/json");
        let descriptor = descriptor.json();
        assert_eq!(descriptor["key"], "com.acme.key-app_1");
        assert_eq!(descriptor["name"], "Keys for Acme");
        assert_eq!(descriptor["baseUrl"], scene.base.as_str());
        let modules = &descriptor["modules"];
        assert_eq!(modules[absent], json!(null));
        assert_eq!(modules[published].as_array().map(Vec::len), Some(1));
        assert_eq!(modules[published][0]["name"]["value"], "Acme Drive");
        assert_eq!(modules["generalPages"][0]["location"], "none");
        let app = scene.world.jira.site("acme").app.expect("installed");
        let wanted = [Scope::Read, Scope::Write, Scope::Delete, Scope::ActAsUser];
        assert_eq!(app.scopes, wanted.into(), "the least that does");
        let events = ["installed", "uninstalled", "enabled", "disabled"];
        for event in events {
            assert!(descriptor["lifecycle"][event].is_string(), "{event}");
        }
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        omar.disconnect().await;
        scene.end().await;
    }
}

async fn installing_again_changes_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let property = omar.property();
    let returned = omar.until_returned("u-200").await;
    let token = omar.token();
    let installed = "select installation || ' ' || base_url || ' ' || display_urls || ' ' || data_key \
        || ' ' || installed || ' ' || enabled from tenant order by client_key";
    let before = ask_database(&scene, installed).await;
    for _ in 0..3 {
        let answer = jira.upgrade("acme").await.expect("it answers");
        assert_eq!(answer.status, 204);
    }
    assert_eq!(ask_database(&scene, installed).await, before);
    status_with(&scene, &token).await.is(200);
    assert_eq!(omar.state().await, "linked");
    assert_eq!(omar.property(), property);
    // Nor is an attempt over that was under way.
    omar.prove(&returned).await.is(200);
    omar.confirm(&returned).await.leads_to();
    omar.disconnect().await;
    scene.end().await;
}

async fn a_new_secret_ends_the_old_one(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let old_token = omar.token();
    let sealed = "select shared_secret from tenant order by client_key";
    let before = ask_database(&scene, sealed).await;
    let answer = jira.rotate_secret("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    let after = ask_database(&scene, sealed).await;
    let kept = before.iter().filter(|secret| after.contains(secret));
    assert_eq!(kept.count(), 1, "the other site's is the same");

    status_with(&scene, &old_token)
        .await
        .is_problem(401, "unauthorized");
    omar.begin_with(&old_token).await.is(401);
    assert_eq!(omar.state().await, "linked");
    omar.renew().await.is(202);
    // Put with a token that is signed with the new one, which is all that Jira takes now.
    omar.property_of_generation(2).await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.end().await;
}

async fn a_site_gets_another_name(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let answer = jira.rename_site("acme", "help-acme").await;
    assert_eq!(answer.expect("it answers").status, 204);
    let policy = policy_of_glance(&omar).await;
    assert!(policy.contains(&jira.display_url("acme")), "{policy}");
    assert!(policy.contains(&jira.url("acme")), "{policy}");
    // The way back goes to the base URL; `until_returned` sees to it.
    let returned = omar.until_returned("u-100").await;
    let both = omar.both(&returned).await;
    assert_eq!(both.site, jira.url("acme").trim_start_matches("http://"));
    omar.confirm(&returned).await.leads_to();

    // A real move: another base URL, and the old one redirects.
    let old = jira.url("acme");
    jira.move_site("acme", "acme-now");
    let omar = scene.person("acme-now", OMAR);
    let answer = jira.upgrade("acme-now").await.expect("it answers");
    assert_eq!(answer.status, 204);
    let policy = policy_of_glance(&omar).await;
    assert!(!policy.contains(&format!("{old} ")), "{policy}");
    assert_eq!(omar.state().await, "linked");
    let before = jira.calls().len();
    omar.renew().await.is(202);
    omar.property_of_generation(3).await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    let calls = jira.calls();
    let mut later = calls[before..].iter();
    assert!(later.all(|call| call.host == "acme-now"), "{calls:?}");
    scene.end().await;
}

/// Lifecycle tokens that must be refused, by what is wrong with them.
async fn forged_tokens(scene: &Scene, event: LifecycleEvent) -> Vec<(String, String)> {
    let jira = &scene.world.jira;
    let none = Overrides::none;
    let now = jira.now();
    let base = scene.base.as_str();
    // The cloud remembers every caller, by any name.
    let evil = format!("http://evil.localhost:{}", jira.port());
    let path = format!("/connect/{}", event.name());
    let mint = |overrides: Overrides| jira.lifecycle_token("acme", event, &overrides);
    let genuine = mint(none());
    let kid = jsonwebtoken::decode_header(&genuine)
        .expect("it has a header")
        .kid
        .expect("it has a kid");
    let address = format!("{}/{kid}", jira.keys_url());
    let pem = scene.send(scene.http.get(address)).await.is(200).text;
    let globex = jira.site("globex").client_key;

    let mut forged: Vec<(&str, String)> = vec![
        (
            "HS256 with the shared secret",
            mint(none().header("alg", "HS256")),
        ),
        (
            "HS256 with the public key",
            mint(none().header("alg", "HS256").secret(&pem)),
        ),
        (
            "HS256 without a kid",
            mint(none().header("alg", "HS256").without_kid()),
        ),
        ("none", mint(none().header("alg", "none"))),
        ("None", mint(none().header("alg", "None"))),
        ("RS384 in the header", mint(none().header("alg", "RS384"))),
        ("no algorithm", mint(none().header("alg", Value::Null))),
        ("foreign key", mint(none().foreign_key())),
        ("no kid", mint(none().without_kid())),
        ("kid of a number", mint(none().header("kid", 7))),
        (
            "an own key in the header",
            mint(
                none()
                    .foreign_key()
                    .header("jwk", json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}))
                    .header("jku", format!("{evil}/keys"))
                    .header("x5u", format!("{evil}/keys")),
            ),
        ),
        (
            "iss of another tenant",
            mint(none().claim("iss", globex.as_str())),
        ),
        ("iss of nobody", mint(none().claim("iss", "somebody"))),
        ("no iss", mint(none().without("iss"))),
        ("empty iss", mint(none().claim("iss", ""))),
        (
            "aud longer",
            mint(none().claim("aud", format!("{base}/evil"))),
        ),
        (
            "aud with more host",
            mint(none().claim("aud", format!("{base}.evil.example"))),
        ),
        (
            "aud inside",
            mint(none().claim("aud", format!("https://evil.example/?{base}"))),
        ),
        (
            "aud with two slashes",
            mint(none().claim("aud", format!("{base}//"))),
        ),
        (
            "aud of another app",
            mint(none().claim("aud", "https://evil.example")),
        ),
        (
            "aud of others",
            mint(none().claim("aud", json!(["https://evil.example", "x"]))),
        ),
        ("aud empty", mint(none().claim("aud", json!([])))),
        ("no aud", mint(none().without("aud"))),
        (
            "expired",
            mint(none().claim("iat", now - 300).claim("exp", now - 31)),
        ),
        ("no exp", mint(none().without("exp"))),
        ("no iat", mint(none().without("iat"))),
        ("of the future", mint(none().claim("iat", now + 90))),
        (
            "qsh of another path",
            mint(none().claim("qsh", query_hash("POST", "/connect/other", ""))),
        ),
        (
            "qsh of GET",
            mint(none().claim("qsh", query_hash("GET", &path, ""))),
        ),
        ("context-qsh", mint(none().claim("qsh", "context-qsh"))),
        ("no qsh", mint(none().without("qsh"))),
    ];
    for kid in [
        "",
        ".",
        "..",
        "../evil",
        "a/b",
        "/",
        "a%2fb",
        "a?b",
        "a#b",
        "a b",
        "a\\b",
        "a\nb",
        "é",
        "http://evil.localhost/key",
        &format!("{evil}/key"),
        &format!("@evil.localhost:{}/key", jira.port()),
    ] {
        forged.push((
            "kid that is no plain token",
            mint(none().header("kid", kid)),
        ));
    }
    let long = "k".repeat(129);
    forged.push(("kid of 129 letters", mint(none().header("kid", long))));
    let unknown = "00000000-1111-4222-8333-444444444444";
    forged.push(("unknown kid", mint(none().header("kid", unknown))));
    forged.push(("unknown kid again", mint(none().header("kid", unknown))));
    // Signed well, with a tenant's secret, and by another algorithm of that family.
    let app = jira.site("acme").app.expect("the descriptor was read");
    let secret = app.secrets.last().expect("there is one");
    let claims = json!({"iss": jira.site("acme").client_key, "aud": base, "iat": now,
        "exp": now + 180, "qsh": query_hash("POST", &path, "")});
    let mut header = Header::new(Algorithm::HS512);
    header.kid = Some(kid);
    let token = jsonwebtoken::encode(
        &header,
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    );
    forged.push(("HS512", token.expect("it can be signed")));
    let mut forged: Vec<(String, String)> = forged
        .into_iter()
        .map(|(what, token)| (what.to_owned(), token))
        .collect();
    // A genuine one with another body in the middle.
    let parts: Vec<&str> = genuine.split('.').collect();
    let other = mint(none().claim("iss", globex.as_str()));
    let claims = other.split('.').nth(1).expect("three parts");
    forged.push((
        "signature of another".to_owned(),
        format!("{}.{claims}.{}", parts[0], parts[2]),
    ));
    forged.push((
        "signature cut off".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
    ));
    forged
}

trait WithoutKid {
    fn without_kid(self) -> Self;
}

impl WithoutKid for Overrides {
    fn without_kid(self) -> Self {
        self.header("kid", Value::Null)
    }
}

/// How often the key server was asked.
fn key_fetches(scene: &Scene) -> usize {
    let calls = scene.world.jira.calls();
    calls.iter().filter(|call| call.host == "keys").count()
}

async fn t9_a_forged_installation_is_refused(db: Db) {
    let scene = Scene::start_uninstalled(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let event = LifecycleEvent::Installed;
    let descriptor = scene.address(DESCRIPTOR);
    jira.learn("acme", &descriptor).await.expect("it is read");
    // Learned too, so that the other site's client key is one that Atlassian could sign for.
    jira.learn("globex", &descriptor).await.expect("it is read");
    let body = jira.lifecycle_body("acme", event);
    let before = rows(&scene).await;
    let forged = forged_tokens(&scene, event).await;
    let asked_by_story = key_fetches(&scene);
    for (what, token) in forged {
        let answer = send_token(&scene, event, &body, &token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    }
    let answer = jira.post_lifecycle("acme", event, &body, None).await;
    assert_eq!(answer.expect("it answers").status, 401);
    let bearer = jira.lifecycle_token("acme", event, &Overrides::none());
    let bearer = format!("Bearer {bearer}");
    let answer = jira
        .post_lifecycle("acme", event, &body, Some(&bearer))
        .await;
    assert_eq!(answer.expect("it answers").status, 401);

    // The body is not signed: what it says must be what the token says.
    let globex = jira.site("globex").client_key;
    for (field, value, status) in [
        ("clientKey", json!(globex), 401),
        ("clientKey", json!(""), 401),
        ("clientKey", json!(null), 400),
        ("key", json!("somebody-elses-app"), 400),
        ("key", json!(null), 400),
        ("sharedSecret", json!(null), 400),
        ("sharedSecret", json!(""), 400),
        ("sharedSecret", json!("s".repeat(5000)), 400),
        ("sharedSecret", json!({"a": 1}), 400),
    ] {
        let mut bent = body.clone();
        bent[field] = value.clone();
        let answer = send(&scene, event, &bent, &Overrides::none()).await;
        assert_eq!(answer.status, status, "{field} {value}: {}", answer.body);
    }
    assert_eq!(tenants(&scene).await, [], "nothing was written");
    assert_eq!(rows(&scene).await, before, "nothing was written anywhere");
    assert!(scene.events("bad_signature", "lifecycle").await > 0);
    assert!(scene.events("misplaced_token", "lifecycle").await > 0);
    let whose = [
        ("tenant", &*scene.client_key("acme")),
        ("finished_at", &*globex),
    ];
    scene
        .has_recorded(("cross_tenant", "lifecycle"), 4, &whose)
        .await;
    assert_eq!(
        key_fetches(&scene) - asked_by_story,
        2,
        "the real kid and the unknown one, each once; malformed ones never"
    );
    let calls = jira.calls();
    assert!(
        calls.iter().all(|call| call.host == "keys"),
        "nothing from the payload was fetched: {calls:?}"
    );

    // And the genuine one is taken, with a slash after our address, too.
    let aud = Overrides::none().claim("aud", format!("{}/", scene.base));
    let answer = send(&scene, event, &body, &aud).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(tenants(&scene).await.len(), 1);
    jira.install("acme", &descriptor).await.expect("installed");
    assert_eq!(scene.person("acme", OMAR).state().await, "unlinked");
    assert_eq!(
        key_fetches(&scene) - asked_by_story,
        2,
        "a key is fetched once"
    );
    // A new kid is another key, and asked for as well.
    jira.rotate_install_key();
    for _ in 0..2 {
        jira.upgrade("acme").await.expect("it answers");
    }
    assert_eq!(key_fetches(&scene) - asked_by_story, 3);
    jira.take_unexpected();
    scene.end().await;
}

async fn t9_a_forged_installation_changes_nothing_of_a_site_that_is_there(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let event = LifecycleEvent::Installed;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let token = omar.token();
    let before = (tenants(&scene).await, rows(&scene).await, omar.property());
    // What a forger would put there: a secret they know, and a base URL to be sent the keys at.
    let mut body = jira.lifecycle_body("acme", event);
    body["sharedSecret"] = json!("a secret that the forger knows very well");
    for base_url in [jira.url("acme"), jira.url("globex")] {
        body["baseUrl"] = json!(base_url);
        for (what, token) in forged_tokens(&scene, event).await {
            let answer = send_token(&scene, event, &body, &token).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        }
    }
    body["baseUrl"] = json!(format!("http://evil.localhost.example:{}", jira.port()));
    let answer = send(&scene, event, &body, &Overrides::none()).await;
    assert_eq!(answer.status, 400, "signed well, and of no Jira site");
    let after = (tenants(&scene).await, rows(&scene).await, omar.property());
    assert_eq!(after, before);
    let calls = jira.calls();
    assert!(
        calls.iter().all(|call| !call.host.contains("evil")),
        "{calls:?}"
    );
    status_with(&scene, &token).await.is(200);
    omar.disconnect().await;
    jira.take_unexpected();
    scene.end().await;
}

/// Where a service of our own network could stand, or one that thinks it is only asked from there.
fn inside_our_network(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "sub.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "metadata.google.internal",
        "latchkey",
        "db.svc.cluster.local",
        "127.0.0.1.nip.io",
        "acme.atlassian.net.nip.io",
        "acme.atlassian.net@127.0.0.1",
    ];
    let ports = [String::new(), format!(":{port}")];
    let addresses = hosts.iter().flat_map(|host| {
        let ports = ports.iter();
        ports.flat_map(move |port| ["http", "https"].map(|it| format!("{it}://{host}{port}")))
    });
    addresses.collect()
}

async fn t22_an_address_inside_our_network_is_no_site(db: Db) {
    // Settings of Atlassian's own hosts; plain http on loopback is allowed, as in every story, so what
    // refuses is the list of hosts.
    let setting = Setting::default().with("LATCHKEY_SITE_HOSTS", "*.atlassian.net,*.jira.com");
    let scene = Scene::start_uninstalled(db, setting).await;
    let jira = &scene.world.jira;
    let descriptor = scene.address(DESCRIPTOR);
    jira.learn("acme", &descriptor).await.expect("it is read");
    let event = LifecycleEvent::Installed;
    for address in inside_our_network(jira.port()) {
        let mut body = jira.lifecycle_body("acme", event);
        body["baseUrl"] = json!(address);
        let answer = send(&scene, event, &body, &Overrides::none()).await;
        assert_eq!(answer.status, 400, "{address}: {}", answer.body);
    }
    assert_eq!(tenants(&scene).await, [], "nothing was written");
    let calls = jira.calls();
    assert!(calls.iter().all(|call| call.host == "keys"), "{calls:?}");
    scene.end().await;
}

/// The status of an installation whose token names this key.
async fn installed_with(scene: &Scene, kid: &str) -> u16 {
    let event = LifecycleEvent::Installed;
    let body = scene.world.jira.lifecycle_body("acme", event);
    let named = Overrides::none().header("kid", kid);
    send(scene, event, &body, &named).await.status
}

async fn t30_a_key_that_was_seen_outlives_a_restart_and_an_absent_key_server(db: Db) {
    const DAY: i64 = 24 * 3600;
    let mut scene = Scene::start(db, Setting::default()).await;
    let jira = scene.world.jira.clone();
    let kid = jira.newest_install_kid();
    let before = key_fetches(&scene);
    jira.fault(Fault::down("keys"));
    scene.restart().await;
    assert_eq!(installed_with(&scene, &kid).await, 204);
    assert_eq!(key_fetches(&scene), before, "a key that was seen is kept");
    assert_eq!(installed_with(&scene, "never-seen").await, 503);

    // A key is looked for again after a day, and once a minute while the key server is away.
    let before = key_fetches(&scene);
    scene.advance(DAY + 1);
    assert_eq!(installed_with(&scene, &kid).await, 204);
    assert_eq!(installed_with(&scene, &kid).await, 204);
    assert_eq!(key_fetches(&scene), before + 1);
    scene.advance(61);
    assert_eq!(installed_with(&scene, &kid).await, 204);
    assert_eq!(key_fetches(&scene), before + 2);
    // Not for ever, nor after a restart.
    scene.advance(8 * DAY);
    assert_eq!(installed_with(&scene, &kid).await, 503);
    scene.restart().await;
    assert_eq!(installed_with(&scene, &kid).await, 503);
    jira.clear_faults();
    assert_eq!(installed_with(&scene, &kid).await, 204);
    assert_eq!(installed_with(&scene, "never-seen").await, 401);

    if db == Db::Postgres {
        another_replica_uses_a_key_that_was_seen(&scene).await;
    }
    // A key in another row than the one that it was written to does not count.
    jira.fault(Fault::down("keys"));
    let mut database = Database::open(scene.database_url()).await;
    let moved = format!("update install_key set kid = 'planted' where kid = '{kid}'");
    assert_eq!(database.execute(&moved).await, 1);
    database.close().await;
    scene.restart().await;
    assert_eq!(installed_with(&scene, "planted").await, 503);
    assert_eq!(installed_with(&scene, &kid).await, 503);
    jira.clear_faults();
    // What nobody has named for a month is swept.
    assert_eq!(installed_with(&scene, &kid).await, 204);
    scene.advance(31 * DAY);
    eventually("the keys are swept", async || {
        let kept = scene.count("select count(*) from install_key").await;
        (kept == 0).then_some(())
    })
    .await;
    scene.close().await;
}

async fn another_replica_uses_a_key_that_was_seen(scene: &Scene) {
    let jira = &scene.world.jira;
    let another = scene.app_of_its_own().await;
    jira.rotate_install_key();
    assert_eq!(installed_with(scene, &jira.newest_install_kid()).await, 204);
    jira.fault(Fault::down("keys"));
    let token = jira.lifecycle_token("acme", LifecycleEvent::Installed, &Overrides::none());
    let request = Bound {
        method: "POST",
        path: "/connect/installed",
        query: None,
    };
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    let taken = another.connect.lifecycle(&token, request, here).await;
    taken.expect("the key is in the database");
    jira.clear_faults();
    another.parts.store.close().await;
}

async fn t30_a_withdrawn_key_is_noticed_within_a_day(db: Db) {
    const DAY: i64 = 24 * 3600;
    let mut scene = Scene::start(db, Setting::default()).await;
    let jira = scene.world.jira.clone();
    let kid = jira.newest_install_kid();
    jira.rotate_install_key();
    jira.withdraw_older_install_keys();
    assert_eq!(installed_with(&scene, &kid).await, 204);
    scene.advance(DAY + 1);
    assert_eq!(installed_with(&scene, &kid).await, 401);
    assert_eq!(scene.count("select count(*) from install_key").await, 0);
    // The key server's silence does not bring it back.
    scene.restart().await;
    jira.fault(Fault::down("keys"));
    assert_eq!(installed_with(&scene, &kid).await, 503);
    jira.clear_faults();
    assert_eq!(installed_with(&scene, &kid).await, 401);
    assert_eq!(
        installed_with(&scene, &jira.newest_install_kid()).await,
        204
    );
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t22_installing_waits_for_the_key_server() {
    let scene = Scene::start_uninstalled(Db::Sqlite, Setting::default()).await;
    let jira = &scene.world.jira;
    let descriptor = scene.address(DESCRIPTOR);
    jira.learn("acme", &descriptor).await.expect("it is read");
    let body = jira.lifecycle_body("acme", LifecycleEvent::Installed);
    let faults = [
        Fault::status(500),
        Fault::down("keys"),
        Fault::new(crate::sim::jira::FaultKind::Html200),
        Fault::new(crate::sim::jira::FaultKind::HugeBody),
        Fault::new(crate::sim::jira::FaultKind::Redirect {
            code: 302,
            to: format!("http://evil.localhost:{}/key", jira.port()),
        }),
    ];
    for fault in faults {
        let what = format!("{:?}", fault.kind);
        jira.fault(fault.at("keys"));
        let event = LifecycleEvent::Installed;
        let answer = send(&scene, event, &body, &Overrides::none()).await;
        assert_eq!(answer.status, 503, "{what}: {}", answer.body);
        assert_eq!(tenants(&scene).await, []);
        jira.clear_faults();
    }
    let calls = jira.calls();
    assert!(calls.iter().all(|call| call.host == "keys"), "{calls:?}");
    // What went wrong is not remembered against the kid.
    jira.install("acme", &descriptor).await.expect("installed");
    // A kid that was unknown for a minute may be known by then.
    let unknown = Overrides::none().header("kid", "soon-there");
    let ask = async || {
        send(&scene, LifecycleEvent::Installed, &body, &unknown)
            .await
            .status
    };
    let before = key_fetches(&scene);
    for _ in 0..3 {
        assert_eq!(ask().await, 401);
    }
    assert_eq!(key_fetches(&scene), before + 1);
    scene.advance(61);
    assert_eq!(ask().await, 401);
    assert_eq!(key_fetches(&scene), before + 2);
    jira.take_unexpected();
    scene.end().await;
}

async fn t9_an_installation_with_a_strange_base_url_is_refused(db: Db) {
    let setting = Setting::default().with("LATCHKEY_SITE_HOSTS", "acme.localhost,*.jira.example");
    let scene = Scene::start_uninstalled(db, setting).await;
    let jira = &scene.world.jira;
    jira.learn("acme", &scene.address(DESCRIPTOR))
        .await
        .expect("it is read");
    let event = LifecycleEvent::Installed;
    let own = jira.url("acme");
    let port = jira.port();
    let strange = [
        json!(null),
        json!(7),
        json!(""),
        json!("acme.jira.example"),
        json!("//acme.jira.example"),
        json!("http://acme.jira.example"),
        json!("ftp://acme.jira.example"),
        json!("javascript:alert(1)"),
        json!("file:///etc/passwd"),
        json!("https://evil.example"),
        json!("https://jira.example"),
        json!("https://.jira.example"),
        json!("https://eviljira.example"),
        json!("https://acme.jira.example.evil.example"),
        json!("https://evil.example/acme.jira.example"),
        json!("https://evil.example?acme.jira.example"),
        json!("https://evil.example#.jira.example"),
        json!("https://evil.example\\.jira.example"),
        json!("https://acme.jira.example@evil.example"),
        json!("https://evil.example@acme.jira.example"),
        json!("https://user:password@acme.jira.example"),
        json!("https://acme.jira.example:8443"),
        json!("https://acme.jira.example:443"),
        json!("https://acme.jira.example/path"),
        json!("https://acme.jira.example//"),
        json!("https://acme.jira.example/../"),
        json!("https://acme.jira.example?x=y"),
        json!("https://acme.jira.example#x"),
        json!("https://acme.jira.example\\@evil.example"),
        json!("https:/acme.jira.example"),
        json!("https:\\\\acme.jira.example"),
        json!(" https://acme.jira.example"),
        json!("https://acme.jira.example\n"),
        json!("https://acme\t.jira.example"),
        json!("https://a;frame-ancestors *;.jira.example"),
        json!("https://a;sandbox;.jira.example"),
        json!("https://a,frame-ancestors.jira.example"),
        json!("https://*.jira.example"),
        json!("https://acme%2ejira.example"),
        json!("https://acme。jira.example"),
        json!("https://127.0.0.1"),
        json!(format!("http://127.0.0.1:{port}")),
        json!(format!("http://[::1]:{port}")),
        json!(format!("http://localhost:{port}")),
        json!(format!("http://evil.localhost:{port}")),
        json!(format!("{own}/path")),
        json!(format!("{own}@evil.example")),
        json!("http://169.254.169.254"),
    ];
    for base_url in strange {
        let mut body = jira.lifecycle_body("acme", event);
        body["baseUrl"] = base_url.clone();
        let answer = send(&scene, event, &body, &Overrides::none()).await;
        assert_eq!(answer.status, 400, "{base_url}: {}", answer.body);
    }
    assert_eq!(tenants(&scene).await, [], "nothing was written");
    let calls = jira.calls();
    assert!(calls.iter().all(|call| call.host == "keys"), "{calls:?}");

    // Display URLs may be anybody's, but what gets into a header is a plain origin or nothing.
    let mut body = jira.lifecycle_body("acme", event);
    body["displayUrl"] = json!("https://help.acme.example/portal?x=;script-src *");
    body["displayUrlServicedeskHelpCenter"] = json!("https://a; script-src *;.example");
    let only_the_first = async |body: &Value| {
        let answer = send(&scene, event, body, &Overrides::none()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        let urls = ask_database(&scene, "select display_urls from tenant").await;
        assert_eq!(urls, [Some("https://help.acme.example".to_owned())]);
    };
    only_the_first(&body).await;
    // The URL standard lets these stand in a host.
    for host in ["a;script-src-elem", "a,b", "a'b", "*", "*.example"] {
        body["displayUrlServicedeskHelpCenter"] = json!(format!("https://{host}"));
        only_the_first(&body).await;
    }
    let policy = policy_of_glance(&scene.person("acme", OMAR)).await;
    assert!(
        policy.ends_with(&format!("{own} https://help.acme.example")),
        "{policy}"
    );
    scene.end().await;
}

async fn t10_a_forged_uninstall_is_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let before = (tenants(&scene).await, rows(&scene).await, omar.property());
    let event = LifecycleEvent::Uninstalled;
    let body = jira.lifecycle_body("acme", event);
    for (what, token) in forged_tokens(&scene, event).await {
        let answer = send_token(&scene, event, &body, &token).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    }
    let answer = jira.post_lifecycle("acme", event, &body, None).await;
    assert_eq!(answer.expect("it answers").status, 401, "unsigned");
    // Atlassian's token for one tenant does not uninstall another, nor another app.
    let mut other = body.clone();
    other["clientKey"] = json!(jira.site("globex").client_key);
    let answer = send(&scene, event, &other, &Overrides::none()).await;
    assert_eq!(answer.status, 401);
    let mut other = body.clone();
    other["key"] = json!("somebody-elses-app");
    let answer = send(&scene, event, &other, &Overrides::none()).await;
    assert_eq!(answer.status, 400);
    // Nor does a token for one call serve another.
    let token = jira.lifecycle_token("acme", LifecycleEvent::Installed, &Overrides::none());
    let answer = send_token(&scene, event, &body, &token).await;
    assert_eq!(answer.status, 401);
    let qsh = query_hash("POST", "/connect/uninstalled", "");
    let app_to_app = Overrides::none().claim("qsh", qsh);
    let token = jira.server_token("acme", "POST", "/connect/disabled", &app_to_app);
    let answer = send_token(&scene, event, &body, &token).await;
    assert_eq!(answer.status, 401);

    let after = (tenants(&scene).await, rows(&scene).await, omar.property());
    assert_eq!(after, before);
    assert_eq!(omar.state().await, "linked");
    let whose = [
        ("tenant", &*scene.client_key("acme")),
        ("finished_at", &*scene.client_key("globex")),
    ];
    scene
        .has_recorded(("cross_tenant", "lifecycle"), 3, &whose)
        .await;
    assert!(scene.events("bad_signature", "lifecycle").await > 0);
    assert!(scene.events("misplaced_token", "lifecycle").await > 0);
    omar.disconnect().await;
    jira.take_unexpected();
    scene.end().await;
}

async fn r16_a_pending_deletion_outlasts_a_disabled_app(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    jira.fault(Fault::status(500).on_property("DELETE"));
    omar.disconnect().await;
    assert!(omar.property().is_some());
    let answer = jira.disable("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    jira.clear_faults();
    // Longer than anything else is tried for.
    for _ in 0..9 {
        let failures = "select coalesce(max(failures), 0) from cleanup";
        let before = scene.count(failures).await;
        scene.advance(24 * 3600);
        eventually("it is looked at and stays", async || {
            (scene.count(failures).await > before).then_some(())
        })
        .await;
    }
    let answer = jira.enable("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    scene.advance(3601);
    eventually("the property is gone", async || {
        omar.property().is_none().then_some(())
    })
    .await;
    scene.no_work_left().await;
    scene.end().await;
}

async fn a_switched_off_app_renews_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let begun = omar.begin().await;
    let token = omar.token();
    let answer = jira.disable("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    status_with(&scene, &token)
        .await
        .is_problem(401, "unauthorized");
    omar.begin_with(&token).await.is(401);
    let framed = jira.framed_url(
        "acme",
        OMAR,
        &jira.url("acme"),
        "/connect/glance?issue=KEY-1",
        &Overrides::none(),
    );
    scene.send(scene.http.get(framed)).await.is(401);

    // Long past the time: whoever is due at the same time is renewed, twice, and Omar is not.
    let token_requests = || {
        let ledger = scene.world.service.ledger();
        let requests = ledger.token_requests().iter();
        let of_omar = requests.filter(|request| request.grant == Some(0));
        of_omar.count()
    };
    assert_eq!(token_requests(), 1, "the code that linked him");
    scene.advance(3000);
    let renewed = mia.property_of_generation(2).await;
    eventually("it is recorded that hers was renewed", async || {
        (mia.status().await["expiresAt"] == renewed["expiresAt"]).then_some(())
    })
    .await;
    mia.renew().await.is(202);
    mia.property_of_generation(3).await;
    assert_eq!(token_requests(), 1);
    let writes = jira.property_writes();
    let mut writes = writes.iter().filter(|write| write.site == "acme");
    assert!(writes.all(|write| write.generation() == Some(1)));

    let answer = jira.enable("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    omar.property_of_generation(2).await;
    assert_eq!(omar.state().await, "linked");
    // The attempt has been over for long, by its age.
    let page = omar
        .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
        .await;
    assert!(page.status.is_client_error());
    omar.disconnect().await;
    mia.disconnect().await;
    scene.end().await;
}

async fn an_uninstall_ends_everything(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    let property = omar.property().expect("the key is there");
    let key = property["apiKey"].as_str().expect("it is text").to_owned();
    let token = omar.token();
    let framed = jira.iframe_token(
        "acme",
        OMAR,
        "GET",
        "/connect/glance?issue=KEY-1",
        &Overrides::none(),
    );
    let client_key = jira.site("acme").client_key;
    let unknown = Overrides::none().claim("iss", "nobody-ever-installed-this");
    let unknown = jira.context_token("acme", OMAR, &unknown);
    let unknown = status_with(&scene, &unknown).await.is(401).text;

    let before = jira.calls().len();
    let answer = jira.uninstall("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    // From that moment on, without waiting for anything.
    let refused = status_with(&scene, &token).await.is(401);
    assert_eq!(refused.text, unknown, "as if it had never been installed");
    omar.begin_with(&token).await.is(401);
    let framed = format!("/connect/glance?issue=KEY-1&jwt={framed}");
    scene.get(&framed).await.is(401);
    let enabled = jira.enable("acme").await.expect("it answers");
    assert_eq!(enabled.status, 401, "nobody switches it on again");

    scene.all_revoked().await;
    assert!(service.ledger().is_revoked(&key));
    let data_key = "select data_key from tenant where base_url like '%//acme.%'";
    eventually("its key is destroyed", async || {
        (ask_database(&scene, data_key).await == [None]).then_some(())
    })
    .await;
    scene.no_work_left().await;
    for query in [
        "select id from link",
        "select id from attempt",
        "select id from cleanup",
        "select account_id from person",
    ] {
        assert_eq!(ask_database(&scene, query).await, [], "{query}");
    }
    let secret = "select shared_secret from tenant where base_url like '%//acme.%'";
    assert_eq!(ask_database(&scene, secret).await, [Some(String::new())]);
    let calls = jira.calls();
    let later: Vec<_> = calls[before..]
        .iter()
        .filter(|call| call.host == "acme" || call.host == "auth")
        .collect();
    assert!(later.is_empty(), "Jira was called afterwards: {later:?}");

    // Uninstalling it once more is no error, and installing it starts over.
    let again = jira.uninstall("acme").await.expect("it answers");
    assert_eq!(again.status, 204);
    let installation = "select cast(installation as text) from tenant \
        where base_url like '%//acme.%'";
    assert_eq!(
        ask_database(&scene, installation).await,
        [Some("1".to_owned())]
    );
    let descriptor = scene.address(DESCRIPTOR);
    jira.install("acme", &descriptor).await.expect("installed");
    assert_eq!(jira.site("acme").client_key, client_key);
    assert_eq!(
        ask_database(&scene, installation).await,
        [Some("2".to_owned())]
    );
    assert!(ask_database(&scene, data_key).await[0].is_some());
    status_with(&scene, &token)
        .await
        .is_problem(401, "unauthorized");
    assert_eq!(
        omar.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );
    // What Jira still holds is the old key, which opens nothing.
    assert_eq!(omar.property(), Some(property));
    assert_eq!(service.ledger().opens_api(&key), None);
    omar.link("u-100").await;
    omar.renew().await.is(202);
    omar.property_of_generation(2).await;
    omar.disconnect().await;
    scene.end().await;
}

/// Its attempts are ended after the tenant is marked as uninstalled: what comes between is made up for before the
/// tenant's key is destroyed, which opens what they hold.
async fn an_uninstall_that_was_cut_short_leaves_no_grant(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let mia = scene.person("acme", MIA);
    let returned = mia.until_returned("u-100").await;
    mia.both(&returned).await;
    assert_eq!(scene.world.service.ledger().live_grants().len(), 1);
    scene.execute("alter table attempt rename to away").await;
    let answer = scene.world.jira.uninstall("acme").await;
    let answer = answer.expect("it answers");
    assert!(answer.status >= 500, "{}", answer.status);
    let asked = Instant::now();
    // The loops try to clean up meanwhile.
    eventually("the loops have had their time", async || {
        (asked.elapsed() > Duration::from_secs(2)).then_some(())
    })
    .await;
    scene.execute("alter table away rename to attempt").await;
    scene.all_revoked().await;
    let keys = ask_database(&scene, "select data_key from tenant").await;
    assert_eq!(keys.len(), 2, "{keys:?}");
    scene.nothing_left().await;
    scene.end().await;
}

async fn one_site_leaves_another_alone(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let here = scene.person("acme", MIA);
    let there = scene.person("globex", MIA);
    here.link("u-100").await;
    there.link("u-100").await;
    let key = there.property().expect("the key is there")["apiKey"]
        .as_str()
        .expect("it is text")
        .to_owned();
    let answer = jira.uninstall("acme").await.expect("it answers");
    assert_eq!(answer.status, 204);
    eventually("the first site's key is destroyed", async || {
        let keys = ask_database(&scene, "select data_key from tenant").await;
        keys.contains(&None).then_some(())
    })
    .await;
    scene.no_work_left().await;
    assert_eq!(there.state().await, "linked");
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&key), Some("u-100"));
    there.renew().await.is(202);
    there.property_of_generation(2).await;
    there.disconnect().await;
    scene.all_revoked().await;
    scene.end().await;
}
