//! Stories of floods: a sender of too much waits, and no one else does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::error::Error;
use latchkey::model::{AccountId, ClientKey, Tenant};
use latchkey::random::Random;
use latchkey::server::{Bounds, Running};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::child::DESCRIPTORS;
use crate::on_both_databases;
use crate::refusals::has_its_headers;
use crate::scene::{Answer, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{
    Fault, FaultKind, LEE, LifecycleEvent, MIA, OMAR, Overrides, loopback_client,
};

on_both_databases!(
    t23_a_person_who_floods_waits_and_a_colleague_links,
    t23_a_tenant_that_floods_waits_and_another_links,
    t23_forged_tokens_use_up_nobodys_share,
    t23_what_a_flood_left_behind_is_swept,
    t23_a_flood_of_garbage_grows_nothing_and_honest_people_go_on,
);

/// For what must happen, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an answer says to wait, in seconds.
#[track_caller]
fn retry_after(answer: &Answer) -> i64 {
    has_its_headers("429", answer);
    let header = answer.headers.get("retry-after");
    let text = header.and_then(|value| value.to_str().ok());
    let seconds = text.and_then(|text| text.parse().ok());
    let seconds: i64 = seconds.expect("it says when to come back");
    assert!((1..=60).contains(&seconds), "{seconds}");
    seconds
}

/// A page that says to wait.
#[track_caller]
fn is_waiting_page(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(answer.text.contains("Too many requests"), "{}", answer.text);
    assert_eq!(answer.cookie, None);
    assert_eq!(answer.location, None);
    retry_after(answer);
}

#[track_caller]
fn is_waiting_problem(answer: &Answer) {
    answer.is_problem(429, "too-many");
    retry_after(answer);
}

/// How often a limit was reached, as `/metrics` says.
fn counted(scene: &Scene, scope: &str) -> u64 {
    let families = scene.app().registry.gather();
    let metrics = families.iter().flat_map(|family| family.get_metric());
    let of_this = metrics.filter(|metric| {
        let label = |name: &str, value: &str| {
            let mut labels = metric.get_label().iter();
            labels.any(|label| label.name() == name && label.value() == value)
        };
        label("event", "too_many") && label("kind", scope)
    });
    of_this
        .map(|metric| metric.get_counter().get_value() as u64)
        .sum()
}

async fn tenant(scene: &Scene, site: &str) -> Tenant {
    let client_key = ClientKey(scene.world.jira.site(site).client_key);
    let tenant = scene.app().parts.store.tenant(&client_key).await;
    tenant.expect("the store answers").expect("it is installed")
}

/// Takes all there is of a share. Returns how much there was.
#[track_caller]
fn use_up(mut take: impl FnMut() -> Result<(), Error>) -> u32 {
    let all = (0..50_000).take_while(|_| take().is_ok()).count();
    assert!(all < 50_000, "nothing ends it");
    u32::try_from(all).expect("it is not much")
}

/// What comes when everything is used up is turned away. On a slow machine a share may have grown back
/// before it arrives: then once more.
async fn turned_away(use_up: impl Fn() -> u32, send: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..100 {
        use_up();
        let answer = send().await;
        if answer.status == 429 {
            return answer;
        }
    }
    panic!("nothing is turned away");
}

fn account(id: &str) -> AccountId {
    AccountId(id.to_owned())
}

async fn count(scene: &Scene, table: &'static str) -> i64 {
    let query = match table {
        "attempt" => "select count(*) from attempt",
        "session" => "select count(*) from session",
        "spent_token" => "select count(*) from spent_token",
        _ => panic!("no such table"),
    };
    let url = scene.database_url();
    let count = if url.starts_with("sqlite:") {
        let connection = SqliteConnection::connect(url).await;
        let mut connection = connection.expect("the database opens");
        sqlx::query_scalar(query).fetch_one(&mut connection).await
    } else {
        let connection = PgConnection::connect(url).await;
        let mut connection = connection.expect("the database opens");
        sqlx::query_scalar(query).fetch_one(&mut connection).await
    };
    count.expect("the query fits")
}

async fn t23_a_person_who_floods_waits_and_a_colleague_links(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    // A token may begin again by POST: a flood needs no more than one.
    let token = omar.token();
    let mut begun = 0;
    let waiting = loop {
        let answer = omar.begin_with(&token).await;
        if answer.status != 303 {
            break answer;
        }
        begun += 1;
        assert!(begun < 100, "nothing ends it");
    };
    assert!(begun >= 30, "only {begun}");
    is_waiting_page(&waiting);
    assert_eq!(counted(&scene, "person"), 1);
    assert_eq!(count(&scene, "attempt").await, 1, "the newest only");
    assert_eq!(count(&scene, "spent_token").await, 1);

    // In an address too, and nothing is written: neither the token as spent nor a session. Now and then
    // one more may begin.
    let mut number = 0;
    let (address, waiting) = eventually("they wait", async || {
        let sessions = count(&scene, "session").await;
        let spent = count(&scene, "spent_token").await;
        number += 1;
        let another = Overrides::none().claim("jti", format!("another token {number}"));
        let another = scene.world.jira.context_token("acme", OMAR, &another);
        let address = format!("/link?jwt={another}");
        let answer = scene.get(&address).await;
        if answer.status == 303 {
            return None;
        }
        is_waiting_page(&answer);
        assert_eq!(count(&scene, "spent_token").await, spent);
        assert_eq!(count(&scene, "session").await, sessions);
        Some((address, answer))
    })
    .await;

    scene.person("acme", MIA).link("u-200").await;
    // The account of the same id on another site is somebody else.
    scene.person("globex", OMAR).link("u-100").await;

    scene.advance(retry_after(&waiting));
    scene.get(&address).await.leads_to();
    scene.advance(60);
    omar.link("u-100").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_every_route_of_a_person_has_a_limit() {
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(3 * 3600)).await;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    omar.link("u-100").await;
    mia.link("u-200").await;
    let acme = tenant(&scene, "acme").await;
    let limits = &scene.app().limits;

    // Renewals brought forward: they cost more than the rest and are fewer.
    let mut renewals = 0;
    let waiting = loop {
        let answer = omar.renew().await;
        if answer.status != 202 {
            break answer;
        }
        renewals += 1;
        assert!(renewals < 60, "nothing ends it");
    };
    assert!(renewals >= 20, "only {renewals}");
    is_waiting_problem(&waiting);
    mia.renew().await.is(202);
    scene.advance(retry_after(&waiting));
    omar.renew().await.is(202);

    // Looks.
    let use_up_looks = || use_up(|| limits.look(&acme, &account(OMAR)));
    let looks = use_up_looks();
    assert!(looks >= 600, "only {looks}");
    let look = |person: &Person<'_>| person.call(Method::GET, "/api/link");
    is_waiting_problem(&turned_away(use_up_looks, async || scene.send(look(&omar)).await).await);
    scene.send(look(&mia)).await.is(200);

    // Everything else, on each of its routes.
    scene.advance(60);
    let begun = omar.begin().await;
    let use_up_acts = || use_up(|| limits.act(&acme, &account(OMAR)));
    let acts = [
        (Method::POST, "/link/some-attempt/prove"),
        (Method::POST, "/link/some-attempt/cancel"),
        (Method::POST, "/api/link/renew"),
    ];
    for (method, path) in acts {
        let call = || {
            let call = omar.call(method.clone(), path);
            call.json(&json!({"handle": "h"}))
        };
        is_waiting_problem(&turned_away(use_up_acts, async || scene.send(call()).await).await);
    }
    // By an attacker who has nothing to lose.
    let lee = scene.person("acme", LEE);
    let use_up_lees = || use_up(|| limits.act(&acme, &account(LEE)));
    let unlink = || lee.call(Method::DELETE, "/api/link");
    is_waiting_problem(&turned_away(use_up_lees, async || scene.send(unlink()).await).await);
    let path = format!("/link/{}", begun.id);
    let go_on = async || omar.with_cookie(Method::POST, &path, &begun.cookie).await;
    is_waiting_page(&turned_away(use_up_acts, go_on).await);
    let callback = scene.address("/link/callback?state=a-guess");
    let come_back = async || omar.come_back(&callback, &begun.cookie).await;
    is_waiting_page(&turned_away(use_up_acts, come_back).await);
    assert_eq!(mia.state().await, "linked");
    mia.disconnect().await;

    scene.advance(60);
    omar.go_on(&begun).await;
    omar.disconnect().await;
    scene.end().await;
}

async fn t23_a_tenant_that_floods_waits_and_another_links(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let acme = tenant(&scene, "acme").await;
    let limits = &scene.app().limits;
    // What a person's own limit stops is not counted against their tenant.
    for _ in 0..5000 {
        let _ = limits.begin(&acme, &account("somebody who floods"));
    }
    scene.person("acme", MIA).begin().await;
    assert_eq!(counted(&scene, "tenant"), 0);

    let mut people = (0..).map(|number| account(&format!("person {number}")));
    let mut somebody_else = || {
        let person = people.next().expect("there is always another");
        limits.begin(&acme, &person)
    };
    let begun = use_up(&mut somebody_else);
    // Somebody who floods had thirty of the six hundred, or a few more.
    assert!(begun >= 500, "only {begun}");
    assert_eq!(counted(&scene, "tenant"), 1);
    let mia = scene.person("acme", MIA);
    // Some of it may have come back meanwhile.
    let waiting = eventually("the tenant's share is used up", async || {
        let answer = mia.begin_with(&mia.token()).await;
        use_up(&mut somebody_else);
        (answer.status != 303).then_some(answer)
    })
    .await;
    is_waiting_page(&waiting);
    scene.person("globex", OMAR).link("u-100").await;

    scene.advance(retry_after(&waiting) + 1);
    mia.link("u-200").await;
    scene.end().await;
}

async fn t23_forged_tokens_use_up_nobodys_share(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    let jira = &scene.world.jira;
    let forged = [
        Overrides::none().secret("a guess"),
        Overrides::none().header("alg", "none"),
        Overrides::none().claim("qsh", "0".repeat(64)),
        Overrides::none().claim("exp", 1),
    ]
    .map(|overrides| jira.context_token("acme", OMAR, &overrides));
    for token in forged.iter().cycle().take(100) {
        omar.begin_with(token).await.is(401);
        for (method, path) in [
            (Method::POST, "/api/link/renew"),
            (Method::GET, "/api/link"),
            (Method::DELETE, "/api/link"),
        ] {
            let request = scene.http.request(method, scene.address(path));
            let request = request.header(AUTHORIZATION, format!("JWT {token}"));
            scene.send(request).await.is(401);
        }
    }
    for table in ["attempt", "session", "spent_token"] {
        assert_eq!(count(&scene, table).await, 0, "{table}");
    }
    for scope in ["person", "tenant", "address"] {
        assert_eq!(counted(&scene, scope), 0, "{scope}");
    }
    // All of the share is there: one of them less, and this would end too early.
    let acme = tenant(&scene, "acme").await;
    let limits = &scene.app().limits;
    for number in 0..20 {
        limits
            .renew(&acme, &account(OMAR))
            .unwrap_or_else(|error| panic!("{number}: {error}"));
    }
    for _ in 0..29 {
        limits.begin(&acme, &account(OMAR)).expect("a whole share");
    }
    omar.link("u-100").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_an_address_that_is_refused_too_often_is_told_and_honest_people_link_from_it() {
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    let mut refused = 0;
    let waiting = loop {
        let answer = scene.get("/nothing-here").await;
        if answer.status != 404 {
            break answer;
        }
        refused += 1;
        assert!(refused < 20_000, "nothing ends it");
    };
    assert!(refused >= 1000, "only {refused}");
    is_waiting_page(&waiting);
    assert!(counted(&scene, "address") > 0);

    // Whatever would be refused is told to wait; each kind of refusal is tried.
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let prove = |json: serde_json::Value| {
        let call = omar.call(Method::POST, "/link/some-attempt/prove");
        call.json(&json)
    };
    // The connection on which too much was sent is closed. Nobody else is to find it in their pool.
    let too_much = loopback_client();
    let requests = [
        (400, prove(json!({"a": 1}))),
        (401, scene.http.get(scene.address("/api/link"))),
        (403, scene.http.get(scene.address("/link/some-attempt"))),
        (404, scene.http.get(scene.address("/static/none"))),
        (405, scene.http.put(scene.address("/link"))),
        (410, prove(json!({"handle": "h"}))),
        (
            413,
            too_much
                .post(scene.address("/link"))
                .body("x".repeat(100_000)),
        ),
    ];
    let again = requests.iter().map(|(status, request)| {
        let request = request.try_clone().expect("a body that can be sent again");
        (*status, request)
    });
    let again: Vec<_> = again.collect();
    // An answer that comes before all of a large body was sent may be lost with its connection.
    let answered = async |request: &RequestBuilder| {
        eventually("it is turned away", async || {
            use_up(|| scene.app().limits.refused(here));
            let request = request.try_clone().expect("it can be sent again");
            let answer = Answer::of(request.send().await.ok()?).await;
            // On a slow machine a share may have grown back before it arrived.
            (answer.status == 429).then_some(answer)
        })
        .await
    };
    for (status, request) in requests {
        println!("429 instead of {status}");
        retry_after(&answered(&request).await);
    }

    // And what is in order is as ever.
    let flood = async {
        loop {
            use_up(|| scene.app().limits.refused(here));
            sleep(Duration::from_millis(100)).await;
        }
    };
    let honest = async {
        omar.link("u-100").await;
        omar.renewed().await;
        scene.get("/healthz").await.is(200);
        omar.disconnect().await;
    };
    tokio::select! {
        () = flood => {}
        () = honest => {}
    }

    scene.advance(60);
    for (status, request) in again {
        let answer = eventually("there is an answer", async || {
            let request = request.try_clone().expect("it can be sent again");
            Some(Answer::of(request.send().await.ok()?).await)
        });
        answer.await.is(status);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_only_a_named_proxy_says_where_a_request_comes_from() {
    const FLOODER: &str = "198.51.100.7";
    const NEIGHBOUR: &str = "203.0.113.9";
    // The stories come from 127.0.0.1: first it is a proxy's, then nobody's.
    let setting = Setting::default().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8");
    let mut scene = Scene::start(Db::Sqlite, setting).await;
    let ask = async |scene: &Scene, forwarded: &str| {
        let request = scene.http.get(scene.address("/nothing-here"));
        let request = request.header("x-forwarded-for", forwarded);
        let answer = scene.send(request).await;
        answer.status.as_u16()
    };
    let refuse = |scene: &Scene, address: &str| {
        let address = address.parse().expect("an address");
        use_up(|| scene.app().limits.refused(address));
    };
    for (forwarded, expected) in [
        (FLOODER.to_owned(), 429),
        (NEIGHBOUR.to_owned(), 404),
        // Further left stands what the client wrote.
        (format!("{NEIGHBOUR}, {FLOODER}"), 429),
        (format!("{FLOODER}, {NEIGHBOUR}"), 404),
        (format!("{NEIGHBOUR}, {FLOODER}, 10.1.2.3"), 429),
        (format!("{FLOODER}:51312"), 429),
        (
            format!("{NEIGHBOUR}, \"[::ffff:{FLOODER}]:443\", 10.1.2.3:8080"),
            429,
        ),
        (format!("not an address, {FLOODER}"), 429),
        // Of no use: it counts as the proxy itself.
        (format!("{FLOODER}, not an address"), 404),
    ] {
        // A share may have grown back before it arrived; nobody else's is ever used up.
        let answered = eventually(&forwarded, async || {
            refuse(&scene, FLOODER);
            let answered = ask(&scene, &forwarded).await;
            (expected != 429 || answered == 429).then_some(answered)
        });
        assert_eq!(answered.await, expected, "{forwarded}");
    }
    // Nobody is believed about anything else.
    refuse(&scene, FLOODER);
    let request = scene.http.get(scene.address("/nothing-here"));
    let request = request
        .header("forwarded", format!("for={FLOODER}"))
        .header("x-real-ip", FLOODER)
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http");
    scene.send(request).await.is(404);

    scene.restart_with("LATCHKEY_TRUSTED_PROXIES", "").await;
    refuse(&scene, FLOODER);
    assert_eq!(ask(&scene, FLOODER).await, 404);
    eventually("the proxy's own share is used up", async || {
        refuse(&scene, "127.0.0.1");
        (ask(&scene, NEIGHBOUR).await == 429).then_some(())
    })
    .await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_made_up_kids_do_not_keep_an_installation_waiting() {
    let setting = Setting::default().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let jira = &scene.world.jira;
    let fetches = || {
        let calls = jira.calls();
        calls.iter().filter(|call| call.host == "keys").count()
    };
    let before = fetches();
    let mut answers = BTreeMap::new();
    let mut last = None;
    for number in 0..100 {
        let overrides = Overrides::none().header("kid", format!("made-up-{number}"));
        let token = jira.lifecycle_token("acme", LifecycleEvent::Installed, &overrides);
        let request = scene.http.post(scene.address("/connect/installed"));
        let request = request
            .header(AUTHORIZATION, format!("JWT {token}"))
            .header("x-forwarded-for", "198.51.100.7")
            .json(&json!({}));
        let answer = scene.send(request).await;
        *answers.entry(answer.status.as_u16()).or_insert(0) += 1;
        last = Some(answer);
    }
    is_waiting_problem(&last.expect("there were some"));
    let asked = fetches() - before;
    assert!((10..30).contains(&asked), "{asked}");
    assert_eq!(answers[&401], asked, "{answers:?}");
    // Atlassian comes from elsewhere, with a key that is known and with a new one.
    let descriptor = scene.address("/atlassian-connect.json");
    jira.install("acme", &descriptor)
        .await
        .expect("it is taken");
    jira.rotate_install_key();
    jira.install("acme", &descriptor)
        .await
        .expect("it is taken");
    assert_eq!(fetches() - before, asked + 1);
    scene.end().await;
}

/// An address over its limit keeps as many requests in progress as it may, by bodies that never arrive. Then each
/// route that does work for strangers refuses the next one from there, and works for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t30_an_address_over_its_limit_is_refused_before_any_work() {
    const FLOODER: &str = "198.51.100.7";
    let setting = Setting::default().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1");
    let mut scene = Scene::start(Db::Sqlite, setting).await;
    let bounds = Bounds {
        body: Duration::from_secs(600),
        ..Bounds::default()
    };
    let (running, raw) = within(&mut scene, bounds).await;
    let limits = &running.app().limits;
    let flooder: IpAddr = FLOODER.parse().expect("an address");
    let jira = &scene.world.jira;
    let context = jira.context_token("acme", OMAR, &Overrides::none());
    let made_up = Overrides::none().header("kid", "made-up");
    let lifecycle = jira.lifecycle_token("acme", LifecycleEvent::Installed, &made_up);
    let head = |line: &str, token: &str, from: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: latchkey.localhost\r\nAuthorization: JWT {token}\r\n\
             X-Forwarded-For: {from}\r\nCookie: __Host-latchkey=made-up\r\nContent-Length: 2\r\n\r\n"
        )
    };
    // The clock runs on, and the share grows back.
    let is_over = || {
        use_up(|| limits.refused(flooder));
    };
    is_over();
    let mut held = Vec::new();
    let waiting = async |held: &mut Vec<TcpStream>| {
        is_over();
        held.push(raw.sending(&head("POST /link", &context, FLOODER)).await);
        limits.admit(flooder).is_err().then_some(())
    };
    for _ in 0..1000 {
        if waiting(&mut held).await.is_some() {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert!(held.len() >= 32, "{}", held.len());
    let fetches = jira.calls().len();
    for (line, token) in [
        ("POST /connect/installed", &lifecycle),
        ("POST /connect/uninstalled", &lifecycle),
        ("POST /connect/enabled", &context),
        ("POST /connect/disabled", &context),
        ("POST /link", &context),
        ("GET /link?jwt=forged", &context),
        ("GET /link/some-attempt", &context),
        ("POST /link/some-attempt", &context),
        ("POST /link/some-attempt/confirm", &context),
        ("GET /link/callback?state=made-up", &context),
        ("POST /link/some-attempt/prove", &context),
        ("POST /link/some-attempt/cancel", &context),
        ("GET /api/link", &context),
        ("DELETE /api/link", &context),
        ("POST /api/link/renew", &context),
        ("GET /api/link/key", &context),
        ("POST /oauth/introspect", &context),
        ("POST /oauth/token", &context),
        ("GET /service/links?subject=x", &context),
        ("DELETE /service/links/x", &context),
        ("GET /connect/glance?jwt=forged", &context),
        ("GET /connect/finish?jwt=forged", &context),
        ("GET /nothing-here", &context),
    ] {
        is_over();
        let mut stream = raw.sending(&head(line, token, FLOODER)).await;
        let mut status = [0; 13];
        let answered = timeout(PATIENCE, stream.read_exact(&mut status)).await;
        answered.expect("it is answered").expect("it answers");
        assert_eq!(&status, b"HTTP/1.1 429 ", "{line}");
    }
    assert_eq!(jira.calls().len(), fetches, "no key was fetched");
    for path in ["/healthz", "/readyz", "/atlassian-connect.json"] {
        is_over();
        let request = scene.http.get(scene.address(path));
        let request = request.header("x-forwarded-for", FLOODER);
        scene.send(request).await.is(200);
    }
    // Others are served, and so is this address when there is room again.
    scene.person("acme", OMAR).link("u-100").await;
    drop(held);
    eventually("there is room again", async || {
        is_over();
        let request = installation(&scene, None, FLOODER);
        (scene.send(request).await.status == 204).then_some(())
    })
    .await;
    running.stop().await;
    scene.close().await;
}

/// An installation with a token of this kid, sent from this address.
fn installation(scene: &Scene, kid: Option<&str>, from: &str) -> RequestBuilder {
    let jira = &scene.world.jira;
    let none = Overrides::none();
    let overrides = kid.map_or(none.clone(), |kid| none.header("kid", kid));
    let event = LifecycleEvent::Installed;
    let token = jira.lifecycle_token("acme", event, &overrides);
    let request = scene.http.post(scene.address("/connect/installed"));
    request
        .header(AUTHORIZATION, format!("JWT {token}"))
        .header("x-forwarded-for", from)
        .json(&jira.lifecycle_body("acme", event))
}

async fn answer_to(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("the product answers")).await
}

/// Whether a caller was turned away because others go first.
#[track_caller]
fn is_crowded(answer: &Answer) -> bool {
    assert_eq!(answer.status, 503, "{}", answer.text);
    let is_crowded = answer.text.contains("urn:latchkey:problem:crowded");
    assert!(!is_crowded || answer.headers["retry-after"] == "5");
    is_crowded
}

/// The key server holds its answers, so that all who can wait do, whatever the machine's speed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t30_made_up_kids_fill_the_queue_and_a_quiet_network_goes_first() {
    // A quarter more than there is room for.
    const MADE_UP: usize = 320;
    let setting = Setting::default().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let jira = &scene.world.jira;
    let asked_for = |kid: &str| {
        let path = format!("/{kid}");
        let calls = jira.calls();
        let asked = calls
            .iter()
            .filter(|call| call.host == "keys" && call.path == path);
        asked.count()
    };
    let hold = Fault::new(FaultKind::AnswerHeld);
    jira.fault(hold.at("keys"));
    let flood = (0..MADE_UP).map(|number| {
        let kid = format!("made-up-{number}");
        let from = format!("198.51.{}.{}", number % 64, number / 64);
        tokio::spawn(answer_to(installation(&scene, Some(&kid), &from)))
    });
    let flood: Vec<_> = flood.collect();
    let turned_away = || flood.iter().filter(|sent| sent.is_finished()).count();
    eventually("no more than fit may wait", async || {
        (turned_away() >= MADE_UP - 256).then_some(())
    })
    .await;
    eventually("several keys are fetched at a time", async || {
        (jira.held() > 1).then_some(())
    })
    .await;
    let before = turned_away();
    // An app is installed with a key that nobody has named before, from where nothing came before.
    jira.rotate_install_key();
    let honest = ["192.0.2.7", "192.0.2.8", "2001:db8::7"].map(|from| {
        let request = installation(&scene, None, from);
        tokio::spawn(answer_to(request))
    });
    eventually("others make room for it", async || {
        (turned_away() >= before + honest.len()).then_some(())
    })
    .await;
    assert!(honest.iter().all(|sent| !sent.is_finished()));
    jira.clear_faults();
    for sent in honest {
        sent.await.expect("it is sent").is(204);
    }
    let mut crowded = 0;
    for sent in flood {
        let answer = sent.await.expect("it is sent");
        crowded += usize::from(answer.status != 401 && is_crowded(&answer));
    }
    assert!(crowded > 0);
    let genuine = jira.newest_install_kid();
    assert_eq!(asked_for(&genuine), 1, "one fetch for all who name it");

    // What is known not to exist is not asked for again, for a minute.
    let name = async || {
        let made_up = installation(&scene, Some("no-such-key"), "203.0.113.1");
        scene.send(made_up).await.is(401);
        asked_for("no-such-key")
    };
    assert_eq!(name().await, 1);
    assert_eq!(name().await, 1);
    scene.advance(61);
    assert_eq!(name().await, 2);
    scene.end().await;
}

/// 400 made-up kids a second, or as many as the machine bears, each from a network of its own, while each fetch
/// takes a tenth of a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t30_an_installation_with_a_new_key_is_answered_during_a_flood_of_made_up_kids() {
    let setting = Setting::default().with("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let jira = &scene.world.jira;
    jira.fault(Fault::new(FaultKind::Delay(Duration::from_millis(100))).at("keys"));
    let flooded = Arc::new(AtomicU64::new(0));
    // More than may wait for a fetch.
    let places = Arc::new(Semaphore::new(400));
    let token = jira.lifecycle_token("acme", LifecycleEvent::Installed, &Overrides::none());
    let (_, signed) = token.split_once('.').expect("it is a token");
    let flood = async {
        let mut pace = interval(Duration::from_micros(2500));
        loop {
            pace.tick().await;
            let place = places.clone().acquire_owned().await;
            let number = flooded.load(Ordering::SeqCst);
            let header = json!({"typ": "JWT", "alg": "RS256", "kid": format!("made-up-{number}")});
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            let request = scene.http.post(scene.address("/connect/installed"));
            let request = request
                .header(AUTHORIZATION, format!("JWT {header}.{signed}"))
                .header(
                    "x-forwarded-for",
                    format!("10.{}.{}.9", number / 256 % 256, number % 256),
                )
                .json(&json!({}));
            let flooded = flooded.clone();
            flooded.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let answer = answer_to(request).await;
                assert!(
                    [401, 503].contains(&answer.status.as_u16()),
                    "{}",
                    answer.text
                );
                drop(place);
            });
        }
    };
    let honest = async {
        let began = Instant::now();
        for round in 1..=3_u64 {
            eventually("the flood goes on", async || {
                (flooded.load(Ordering::SeqCst) >= round * 400).then_some(())
            })
            .await;
            jira.rotate_install_key();
            let from = format!("192.0.{round}.7");
            let sent = Instant::now();
            let answer = scene.send(installation(&scene, None, &from)).await;
            println!("installed after {:?}", sent.elapsed());
            answer.is(204);
        }
        let rate = flooded.load(Ordering::SeqCst) as f64 / began.elapsed().as_secs_f64();
        println!("{rate:.0} made-up kids a second");
    };
    tokio::select! {
        () = flood => {}
        () = honest => {}
    }
    scene.end().await;
}

/// The product once more, within other bounds, at the address where it was.
async fn within(scene: &mut Scene, bounds: Bounds) -> (Running, Raw) {
    let address = scene.stop().await;
    let app = scene.app_of_its_own().await;
    let listener = TcpListener::bind(address).await.expect("its port is free");
    let running = Running::start_within(bounds, app, listener).expect("it runs");
    (running, Raw(address.port()))
}

/// Where connections without a client's good manners lead.
#[derive(Clone, Copy)]
struct Raw(u16);

impl Raw {
    async fn open(self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0)).await;
        stream.expect("it listens")
    }

    async fn sending(self, text: &str) -> TcpStream {
        let mut stream = self.open().await;
        let sent = stream.write_all(text.as_bytes()).await;
        sent.expect("it is taken");
        stream
    }
}

/// What comes until the server closes the connection, which it must.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end as well.
    let end = timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    let _ = end.expect("the server closes the connection");
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_slow_heads_and_idle_connections_are_closed() {
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let bounds = Bounds {
        head: Duration::from_secs(2),
        idle: Duration::from_secs(4),
        ..Bounds::default()
    };
    let (running, raw) = within(&mut scene, bounds).await;
    let silent = async { until_closed(raw.open().await).await };
    let slow = async {
        let slow = raw.sending("GET /healthz HTTP/1.1\r\nHost: latchkey.loc");
        until_closed(slow.await).await
    };
    // Some bytes now and then do not make it longer.
    let dripping = async {
        let mut stream = raw.sending("GET /healthz HTTP/1.1\r\n").await;
        let drip = async {
            while stream.write_all(b"X-Slow: 1\r\n").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, drip).await.expect("it is closed");
    };
    let idle = async {
        let asks = "GET /healthz HTTP/1.1\r\nHost: latchkey.localhost\r\n\r\n";
        until_closed(raw.sending(asks).await).await
    };
    let (silent, slow, (), idle) = tokio::join!(silent, slow, dripping, idle);
    assert_eq!(silent, "");
    assert_eq!(slow, "");
    assert!(idle.starts_with("HTTP/1.1 200 "), "{idle}");
    running.stop().await;
    scene.close().await;
}

/// Asks once more on a connection that stays open. None if the server has closed it.
async fn ask_on(stream: &mut TcpStream) -> Option<u16> {
    let asks = b"GET /healthz HTTP/1.1\r\nHost: latchkey.localhost\r\n\r\n";
    let answer = timeout(PATIENCE, exchange(stream, asks)).await;
    answer
        .expect("it answers or closes")
        .map(|(status, _)| status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f27_an_idle_connection_is_no_slow_head() {
    // Load balancers keep connections for a minute.
    assert!(Bounds::default().idle > Duration::from_secs(60));
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let bounds = Bounds {
        head: Duration::from_secs(1),
        ..Bounds::default()
    };
    let (running, raw) = within(&mut scene, bounds).await;
    let mut kept = raw.open().await;
    for _ in 0..2 {
        assert_eq!(ask_on(&mut kept).await, Some(200));
        sleep(Duration::from_millis(2500)).await;
    }
    assert_eq!(ask_on(&mut kept).await, Some(200));
    // The next head has no more time than the first one had.
    let begun = kept.write_all(b"GET /healthz HTTP/1.1\r\n").await;
    begun.expect("it is open");
    assert_eq!(until_closed(kept).await, "");
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_the_connection_that_was_idle_for_longest_gives_way() {
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let long = Duration::from_secs(600);
    let bounds = Bounds {
        connections: 3,
        head: long,
        idle: long,
        ..Bounds::default()
    };
    let (running, raw) = within(&mut scene, bounds).await;
    let mut first = raw.open().await;
    assert_eq!(ask_on(&mut first).await, Some(200));
    let mut second = raw.open().await;
    assert_eq!(ask_on(&mut second).await, Some(200));
    let mut third = raw.open().await;
    assert_eq!(ask_on(&mut third).await, Some(200));
    // The first is no longer the one that was idle for longest.
    assert_eq!(ask_on(&mut first).await, Some(200));
    let mut fourth = raw.open().await;
    assert_eq!(ask_on(&mut fourth).await, Some(200));
    assert_eq!(until_closed(second).await, "");
    for open in [&mut first, &mut third, &mut fourth] {
        assert_eq!(ask_on(open).await, Some(200));
    }
    // One that has not sent anything is idle too; one in the middle of a head is not.
    drop((first, third, fourth));
    let silent = raw.open().await;
    let begun = "GET /healthz HTTP/1.1\r\nHost: latchkey.localhost\r\n";
    let mut begun = [raw.sending(begun).await, raw.sending(begun).await];
    let mut last = raw.open().await;
    assert_eq!(ask_on(&mut last).await, Some(200));
    assert_eq!(until_closed(silent).await, "");
    for stream in &mut begun {
        let answer = timeout(PATIENCE, exchange(stream, b"\r\n")).await;
        assert_eq!(
            answer.expect("it answers").map(|(status, _)| status),
            Some(200)
        );
    }
    running.stop().await;
    scene.close().await;
}

/// 1,100 clients connect and say nothing, where 1,024 files and connections may be open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_idle_clients_leave_what_renewals_need() {
    // This test opens as many itself.
    let own = latchkey::process::raise_descriptor_limit();
    assert!(own.is_none_or(|most| most > 3000), "ulimit -n is {own:?}");
    let setting = Setting::keys_live(9).with(DESCRIPTORS, "256:1024");
    let mut scene = Scene::start_child(Db::Sqlite, setting).await;
    let omar = ("acme", OMAR);
    scene.person(omar.0, omar.1).link("u-100").await;
    let most = scene.child().figure("process_max_fds").await;
    assert_eq!(most, Some(1024), "it raises its own limit");
    let raw = Raw(scene.child().port());
    let mut idle = Vec::new();
    for _ in 0..1100 {
        idle.push(raw.open().await);
    }
    let person = scene.person(omar.0, omar.1);
    let before = person.generation().expect("it has a key");
    for generation in before + 1..=before + 2 {
        person.property_of_generation(generation).await;
        scene.get("/readyz").await.is(200);
    }
    assert_eq!(person.state().await, "linked");
    let open = scene.child().figure("process_open_fds").await;
    assert!(open < Some(900), "{open:?} are open");
    let said = scene.child().output();
    assert!(!said.contains("cannot be accepted"), "{said}");
    drop(idle);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_a_slow_body_is_a_408_and_the_connection_is_closed() {
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let bounds = Bounds {
        body: Duration::from_millis(300),
        ..Bounds::default()
    };
    let (running, raw) = within(&mut scene, bounds).await;
    let token = scene.person("acme", OMAR).token();
    for (path, length, kind) in [
        ("/link", "Content-Length: 100", "text/html"),
        ("/link", "Transfer-Encoding: chunked", "text/html"),
        (
            "/api/link/renew",
            "Content-Length: 100",
            "application/problem+json",
        ),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: latchkey.localhost\r\nAuthorization: JWT {token}\r\n\
             {length}\r\n\r\n"
        );
        let answer = until_closed(raw.sending(&request).await).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(answer.contains(kind), "{path}: {answer}");
        assert!(
            answer.to_lowercase().contains("\r\nconnection: close\r\n"),
            "{answer}"
        );
        assert!(answer.contains("took too long"), "{answer}");
    }
    running.stop().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_large_heads_and_bodies_are_not_taken() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let raw = Raw(url::Url::parse(&scene.base)
        .expect("it is a URL")
        .port()
        .expect("it has a port"));
    let head = |size: usize| {
        let filling = "x".repeat(size);
        format!(
            "GET /healthz HTTP/1.1\r\nHost: latchkey.localhost\r\nConnection: close\r\n\
             X-Filling: {filling}\r\n\r\n"
        )
    };
    let answer = until_closed(raw.sending(&head(64 * 1024)).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = until_closed(raw.sending(&head(200 * 1024)).await).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // Said to be large, and nothing of it is waited for.
    let said =
        "POST /link HTTP/1.1\r\nHost: latchkey.localhost\r\nContent-Length: 9000000000\r\n\r\n";
    let answer = until_closed(raw.sending(said).await).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_a_request_waits_when_every_place_is_taken() {
    const ASKS: &str =
        "GET /healthz HTTP/1.1\r\nHost: latchkey.localhost\r\nConnection: close\r\n\r\n";
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    // Only what is tried here can free a place.
    let bounds = Bounds {
        connections: 2,
        head: Duration::from_secs(600),
        idle: Duration::from_secs(600),
        body: Duration::from_secs(600),
        answer: Duration::from_millis(300),
    };
    let (running, raw) = within(&mut scene, bounds).await;
    // In the middle of a head: neither is idle.
    let begun = "GET /healthz HTTP/1.1\r\n";
    let (first, second) = (raw.sending(begun).await, raw.sending(begun).await);
    let mut third = raw.sending(ASKS).await;
    let mut nothing = [0; 1];
    let early = timeout(Duration::from_secs(1), third.read(&mut nothing)).await;
    assert!(early.is_err(), "the third has found a place");
    drop(first);
    let answer = until_closed(third).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    // Both places are held by clients that ask and never read.
    drop(second);
    let mut held = Vec::new();
    for _ in 0..2 {
        let (reading, mut writing) = raw.open().await.into_split();
        let asking = tokio::spawn(async move {
            let asks = "GET /static/latchkey.css HTTP/1.1\r\nHost: latchkey.localhost\r\n\r\n";
            for _ in 0..20_000 {
                if writing.write_all(asks.as_bytes()).await.is_err() {
                    break;
                }
            }
            writing
        });
        held.push((reading, asking));
    }
    let answer = until_closed(raw.sending(ASKS).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for (reading, asking) in held {
        drop(reading);
        asking.abort();
    }
    running.stop().await;
    scene.close().await;
}

async fn t23_what_a_flood_left_behind_is_swept(db: Db) {
    // More than five sweeps take.
    const EACH: i64 = 5500;
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    for _ in 0..10 {
        omar.begin().await;
    }
    assert_eq!(count(&scene, "attempt").await, 1);
    assert_eq!(count(&scene, "session").await, 10);
    // One for each token, and Jira hands the same out again within a second.
    assert!((1..=10).contains(&count(&scene, "spent_token").await));
    // Somebody has consented at the service and goes away: there is something to revoke.
    let mia = scene.person("acme", MIA);
    let returned = mia.until_returned("u-200").await;
    mia.both(&returned).await;
    assert_eq!(scene.world.service.ledger().live_grants().len(), 1);

    let acme = tenant(&scene, "acme").await;
    fill(&scene, &acme, EACH).await;
    assert_eq!(count(&scene, "attempt").await, EACH + 2);
    assert_eq!(count(&scene, "session").await, EACH + 11);
    scene.advance(300);
    omar.begin().await;
    // What was there before runs out, and what began just now does not.
    scene.advance(400);
    for table in ["attempt", "session", "spent_token"] {
        eventually("what has expired is swept", async || {
            (count(&scene, table).await <= 20).then_some(())
        })
        .await;
    }
    assert_eq!(count(&scene, "attempt").await, 1);
    // Sessions outlive their attempts, so that pages can say what became of those.
    assert_eq!(count(&scene, "session").await, 12);
    scene.advance(3600);
    for table in ["attempt", "session", "spent_token"] {
        eventually("nothing is left", async || {
            (count(&scene, table).await == 0).then_some(())
        })
        .await;
    }
    scene.all_revoked().await;
    scene.end().await;
}

/// So many rows in each table, as people and browsers leave them that never come back.
async fn fill(scene: &Scene, tenant: &Tenant, rows: i64) {
    const STATEMENTS: [&str; 3] = [
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $3) \
         insert into attempt (id, client_key, installation, account_id, phase, created_at, expires_at) \
         select 'flood-' || cast(i as text), $1, 1, 'flood-' || cast(i as text), 'begun', 0, $2 from n",
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $3) \
         insert into session (id_hash, data, expires_at) \
         select $1 || cast(i as text), '{}', $2 from n",
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $3) \
         insert into spent_token (token_hash, expires_at) select $1 || cast(i as text), $2 from n",
    ];
    let expires_at = scene.clock.now() + 600;
    let url = scene.database_url();
    for statement in STATEMENTS {
        let client_key = tenant.client_key.as_str();
        if url.starts_with("sqlite:") {
            let connection = SqliteConnection::connect(url).await;
            let mut connection = connection.expect("the database opens");
            let query = sqlx::query(statement).bind(client_key).bind(expires_at);
            query.bind(rows).execute(&mut connection).await.map(|_| ())
        } else {
            let connection = PgConnection::connect(url).await;
            let mut connection = connection.expect("the database opens");
            let query = sqlx::query(statement).bind(client_key).bind(expires_at);
            query.bind(rows).execute(&mut connection).await.map(|_| ())
        }
        .expect("it can be written");
    }
}

/// `LATCHKEY_FLOOD_RATE` requests a second for `LATCHKEY_FLOOD_SECONDS`; `scripts/flood` makes it a
/// longer and wider one.
async fn t23_a_flood_of_garbage_grows_nothing_and_honest_people_go_on(db: Db) {
    let number = |name: &str, otherwise: u32| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("it is a number"))
    };
    let rate = number("LATCHKEY_FLOOD_RATE", 500);
    let seconds = number("LATCHKEY_FLOOD_SECONDS", 5);
    let setting = Setting::keys_live(3 * 3600).with("LATCHKEY_LOG", "info");
    let mut scene = Scene::start_child(db, setting).await;
    let crowd = scene.crowd("acme", 500);
    // What a first person costs is no growth.
    link_renew_disconnect(&scene, &crowd[0]).await;
    let garbage = Arc::new(Garbage::of(&mut scene));
    let before = scene.child().kilobytes("VmRSS");

    let flooding = AtomicBool::new(true);
    let started = Instant::now();
    let flood = async {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| tokio::spawn(flood(garbage.clone(), rate, rate * seconds / WORKERS)))
            .collect();
        let mut answers = BTreeMap::new();
        for worker in workers {
            for (status, count) in worker.await.expect("a worker does not panic") {
                *answers.entry(status).or_insert(0_u32) += count;
            }
        }
        flooding.store(false, Ordering::SeqCst);
        (answers, started.elapsed())
    };
    let honest = async {
        let mut people = 0;
        for person in crowd.iter().skip(1).cycle() {
            link_renew_disconnect(&scene, person).await;
            people += 1;
            if !flooding.load(Ordering::SeqCst) {
                break;
            }
        }
        people
    };
    let ((answers, took), people) = tokio::join!(flood, honest);
    let (after, peak) = {
        let child = scene.child();
        (child.kilobytes("VmRSS"), child.kilobytes("VmHWM"))
    };
    let sent: u32 = answers.values().sum();
    println!(
        "{db:?}: {sent} requests of garbage in {took:.1?}: {:.0} a second",
        f64::from(sent) / took.as_secs_f64()
    );
    println!("answers by status, 0 where the connection was closed: {answers:?}");
    println!("memory in kB: {before} before, {after} after, {peak} at its peak");
    println!("{people} honest people linked, renewed and disconnected meanwhile");

    assert_eq!(sent, rate * seconds / WORKERS * WORKERS);
    assert!(answers.contains_key(&429), "{answers:?}");
    let ours = answers.keys().find(|status| **status >= 500);
    let said = || scene.log.lines_with(&[" ERROR ".to_owned()]).join("\n");
    assert_eq!(ours, None, "a fault of ours: {answers:?}\n{}", said());
    assert!(people > 0);
    assert!(
        peak.saturating_sub(before) < 20_000,
        "memory has grown from {before} to {peak} kB"
    );
    // One attempt is left of the person whose token was replayed, and sessions of what was let through.
    assert!(count(&scene, "attempt").await <= 1);
    let let_through = i64::from(answers.get(&303).copied().unwrap_or(0));
    assert_eq!(
        count(&scene, "session").await - let_through,
        i64::from(people) + 1
    );
    scene.end().await;
}

async fn link_renew_disconnect(scene: &Scene, (account, subject): &(String, String)) {
    let person = scene.person("acme", account);
    person.link(subject).await;
    person.renew().await.is(202);
    person.property_of_generation(2).await;
    person.disconnect().await;
    assert_eq!(person.property(), None);
    assert_eq!(person.state().await, "unlinked");
}

/// Connections that flood.
const WORKERS: u32 = 16;

/// What a flood is made of.
struct Garbage {
    raw: Raw,
    /// A good token of somebody, caught and replayed.
    replayed: String,
    /// Tokens that are good for nothing where they are shown.
    tokens: Vec<String>,
    chance: Random,
    next: AtomicU64,
}

impl Garbage {
    fn of(scene: &mut Scene) -> Self {
        let raw = Raw(scene.child().port());
        let crowd = scene.crowd("globex", 1);
        let jira = &scene.world.jira;
        let none = Overrides::none;
        let context = |overrides| jira.context_token("acme", OMAR, &overrides);
        let mut tokens = vec![
            context(none().secret("a guess")),
            context(none().header("alg", "none")),
            context(none().header("alg", "RS256")),
            context(none().claim("iss", "nobody")),
            context(none().claim("exp", 1)),
            context(none().claim("qsh", "0".repeat(64))),
            context(none().without("sub")),
            jira.iframe_token("acme", OMAR, "GET", "/connect/glance", &none()),
            jira.lifecycle_token("acme", LifecycleEvent::Installed, &none()),
            jira.lifecycle_token("acme", LifecycleEvent::Enabled, &none()),
        ];
        for number in 0..50 {
            let made_up = none().header("kid", format!("made-up-{number}"));
            tokens.push(jira.lifecycle_token("acme", LifecycleEvent::Installed, &made_up));
        }
        let (account, _) = &crowd[0];
        Self {
            raw,
            replayed: jira.context_token("globex", account.as_str(), &none()),
            tokens,
            chance: Random::system(),
            next: AtomicU64::new(0),
        }
    }

    fn request(&self) -> Vec<u8> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let chance = self.chance.id();
        let of_the_tokens = usize::try_from(number).unwrap_or(0) % self.tokens.len();
        let (replayed, token) = (&self.replayed, &self.tokens[of_the_tokens]);
        let forged = format!("{token}{chance}");
        let authorized = |token: &str| format!("Authorization: JWT {token}\r\n");
        let form = |jwt: &str| format!("issue=KEY-1&jwt={jwt}");
        let (line, headers, body) = match number % 16 {
            0 => {
                let mut bytes = vec![0; 300];
                self.chance.fill(&mut bytes);
                // With an end, so that it is not waited for more.
                bytes.extend_from_slice(b"\r\n\r\n");
                return bytes;
            }
            1 => (
                format!("GET /link?jwt={replayed}"),
                String::new(),
                String::new(),
            ),
            2 => ("POST /link".to_owned(), String::new(), form(replayed)),
            3 => (
                format!("GET /link?jwt={forged}"),
                String::new(),
                String::new(),
            ),
            4 => ("POST /link".to_owned(), String::new(), form(token)),
            5 => ("GET /api/link".to_owned(), authorized(token), String::new()),
            6 => (
                "DELETE /api/link".to_owned(),
                authorized(&forged),
                String::new(),
            ),
            7 => {
                let cookie = format!("Cookie: __Host-latchkey={chance}\r\n");
                (format!("GET /link/{chance}"), cookie, String::new())
            }
            8 => {
                let cookie = format!("Cookie: __Host-latchkey={chance}\r\n");
                (
                    format!("GET /link/callback?state={chance}&code=x"),
                    cookie,
                    String::new(),
                )
            }
            9 => (
                format!("GET /{chance}/{chance}"),
                String::new(),
                String::new(),
            ),
            10 => (
                format!("POST /link/{chance}/prove"),
                authorized(token),
                format!("{{\"handle\":\"{chance}\"}}"),
            ),
            11 => (
                "POST /connect/installed".to_owned(),
                authorized(token),
                "{}".to_owned(),
            ),
            12 => (
                "POST /connect/enabled".to_owned(),
                authorized(&forged),
                "{}".to_owned(),
            ),
            13 => (
                format!("GET /connect/glance?issue=KEY-1&jwt={token}"),
                String::new(),
                String::new(),
            ),
            14 => (
                "POST /api/link/renew".to_owned(),
                authorized(replayed),
                chance.clone(),
            ),
            _ => ("POST /link".to_owned(), String::new(), "x".repeat(70_000)),
        };
        format!(
            "{line} HTTP/1.1\r\nHost: latchkey.localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// Sends so many requests, at its part of the rate, and counts the answers.
async fn flood(garbage: Arc<Garbage>, rate: u32, requests: u32) -> BTreeMap<u16, u32> {
    let mut answers = BTreeMap::new();
    let mut pace = interval(Duration::from_secs(1) * WORKERS / rate);
    let mut connection = None;
    for _ in 0..requests {
        pace.tick().await;
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => garbage.raw.open().await,
        };
        let answer = timeout(PATIENCE, exchange(&mut stream, &garbage.request())).await;
        let answer = answer.expect("it answers or closes");
        if answer.is_some_and(|(_, stays_open)| stays_open) {
            connection = Some(stream);
        }
        let status = answer.map_or(0, |(status, _)| status);
        *answers.entry(status).or_insert(0) += 1;
    }
    answers
}

/// The status, and whether the connection stays open.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Option<(u16, bool)> {
    // A large body may be refused before it was sent.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let head = loop {
        if let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => return None,
        }
    };
    let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
    let status = text.get(9..12)?.parse().ok()?;
    let (_, length) = text.split_once("\r\ncontent-length: ").unwrap_or(("", "0"));
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    while answer.len() < head + length {
        match stream.read_buf(&mut answer).await {
            Ok(1..) => {}
            _ => return Some((status, false)),
        }
    }
    let closes = text.contains("\r\nconnection: close\r\n") || status == 413;
    Some((status, !closes))
}
