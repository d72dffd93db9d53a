//! Stories of what is refused at the door, whatever is sent.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::on_both_databases;
use crate::returning::parameter;
use crate::scene::{Answer, Begun, Db, Scene, Setting};
use crate::sim::jira::{LifecycleEvent, OMAR, Overrides, query_hash};

on_both_databases!(
    t8_every_route_refuses_every_token_but_its_own,
    t14_a_form_of_another_site_is_refused,
    t16_every_target_is_built_from_what_is_stored,
);

const LARGEST: usize = 64 * 1024;

/// What a route takes as proof, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Context,
    ContextInForm,
    ContextInAddress,
    Iframe,
    AppToApp,
    Lifecycle(LifecycleEvent),
    /// A cookie or nothing: no token is of any use.
    Nothing,
}

struct Route {
    method: Method,
    path: &'static str,
    takes: Takes,
}

/// Every route there is.
fn routes() -> Vec<Route> {
    use Takes::{AppToApp, Context, ContextInAddress, ContextInForm, Iframe, Lifecycle, Nothing};
    [
        (Method::GET, "/atlassian-connect.json", Nothing),
        (
            Method::POST,
            "/connect/installed",
            Lifecycle(LifecycleEvent::Installed),
        ),
        (
            Method::POST,
            "/connect/uninstalled",
            Lifecycle(LifecycleEvent::Uninstalled),
        ),
        (Method::POST, "/connect/enabled", AppToApp),
        (Method::POST, "/connect/disabled", AppToApp),
        (Method::GET, "/connect/glance?issue=KEY-1", Iframe),
        (Method::GET, "/connect/finish?attempt=a&handle=b", Iframe),
        (Method::POST, "/link", ContextInForm),
        (Method::GET, "/link", ContextInAddress),
        (Method::GET, "/link/some-attempt", Nothing),
        (Method::POST, "/link/some-attempt", Nothing),
        (Method::GET, "/link/callback", Nothing),
        (Method::POST, "/link/some-attempt/prove", Context),
        (Method::POST, "/link/some-attempt/confirm", Context),
        (Method::POST, "/link/some-attempt/cancel", Context),
        (Method::GET, "/api/link", Context),
        (Method::DELETE, "/api/link", Context),
        (Method::POST, "/api/link/renew", Context),
        (Method::GET, "/healthz", Nothing),
        (Method::GET, "/readyz", Nothing),
        (Method::GET, "/static/latchkey.css", Nothing),
    ]
    .map(|(method, path, takes)| Route {
        method,
        path,
        takes,
    })
    .into()
}

impl Route {
    fn request(&self, scene: &Scene) -> RequestBuilder {
        scene
            .http
            .request(self.method.clone(), scene.address(self.path))
    }

    /// The request with more in its address.
    fn with_query(&self, scene: &Scene, more: &[(&str, &str)]) -> RequestBuilder {
        let mut url = Url::parse(&scene.address(self.path)).expect("an address");
        url.query_pairs_mut().extend_pairs(more);
        scene.http.request(self.method.clone(), url)
    }

    /// The request with this token where the route looks for one.
    fn with_token(&self, scene: &Scene, token: &str) -> RequestBuilder {
        let request = self.request(scene);
        match self.takes {
            Takes::ContextInForm => request.form(&[("jwt", token), ("issue", "KEY-1")]),
            Takes::ContextInAddress | Takes::Iframe => self.with_query(scene, &[("jwt", token)]),
            Takes::Nothing => request,
            Takes::Context => request
                .header(AUTHORIZATION, in_header(token))
                .json(&json!({"handle": "some-handle"})),
            Takes::AppToApp => request.header(AUTHORIZATION, in_header(token)),
            Takes::Lifecycle(event) => {
                let body = scene.world.jira.lifecycle_body("acme", event);
                request.header(AUTHORIZATION, in_header(token)).json(&body)
            }
        }
    }

    /// A token this route takes, bent.
    fn token(&self, scene: &Scene, overrides: &Overrides) -> String {
        let jira = &scene.world.jira;
        let method = self.method.as_str();
        match self.takes {
            Takes::Context | Takes::ContextInForm | Takes::ContextInAddress => {
                jira.context_token("acme", OMAR, overrides)
            }
            Takes::Iframe => jira.iframe_token("acme", OMAR, method, self.path, overrides),
            Takes::AppToApp => jira.server_token("acme", method, self.path, overrides),
            Takes::Lifecycle(event) => jira.lifecycle_token("acme", event, overrides),
            Takes::Nothing => String::new(),
        }
    }
}

fn in_header(token: &str) -> HeaderValue {
    HeaderValue::from_bytes(format!("JWT {token}").as_bytes()).expect("it can be sent")
}

/// Tokens of every kind but the one the route takes, and bent ones of that kind, by what is wrong.
fn wrong_tokens(scene: &Scene, route: &Route) -> Vec<(&'static str, String)> {
    let jira = &scene.world.jira;
    let now = jira.now();
    let none = Overrides::none;
    let acme = jira.site("acme");
    let app = acme.app.expect("the app is installed");
    let secret = app.secrets.last().expect("it has a secret").clone();
    let (method, path) = (route.method.as_str(), route.path);
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let right_qsh = query_hash(method, bare, query);
    let bent = |overrides: Overrides| route.token(scene, &overrides);

    let mut wrong = vec![
        ("empty", String::new()),
        ("no token", "x".to_owned()),
        ("two dots", "..".to_owned()),
        ("three words", "a.b.c".to_owned()),
        ("not ASCII", "eyJ.é.ü".to_owned()),
        ("nul", "eyJhbGciOiJIUzI1NiJ9.AAAA.".to_owned()),
        ("endless", "a".repeat(9000)),
        ("endless parts", ".".repeat(9000)),
        (
            "expired",
            bent(none().claim("iat", now - 300).claim("exp", now - 31)),
        ),
        ("without exp", bent(none().without("exp"))),
        ("without iat", bent(none().without("iat"))),
        (
            "of the future",
            bent(none().claim("iat", now + 120).claim("exp", now + 300)),
        ),
        ("not yet", bent(none().claim("nbf", now + 120))),
        ("exp of text", bent(none().claim("exp", "soon"))),
        ("alg none", bent(none().header("alg", "none"))),
        ("alg NONE", bent(none().header("alg", "NONE"))),
        ("alg of another name", bent(none().header("alg", "HS1"))),
        ("without an issuer", bent(none().without("iss"))),
        (
            "unknown tenant",
            bent(none().claim("iss", "11111111-2222-4333-8444-555555555555")),
        ),
        (
            "iss of 10,000 letters",
            bent(none().claim("iss", "i".repeat(3000))),
        ),
        ("without qsh", bent(none().without("qsh"))),
        ("empty qsh", bent(none().claim("qsh", ""))),
        (
            "context-qsh and more",
            bent(none().claim("qsh", "context-qshX")),
        ),
        (
            "more and context-qsh",
            bent(none().claim("qsh", "Xcontext-qsh")),
        ),
        ("CONTEXT-QSH", bent(none().claim("qsh", "CONTEXT-QSH"))),
        (
            "qsh of another address",
            bent(none().claim("qsh", query_hash(method, "/elsewhere", ""))),
        ),
        (
            "app JWT",
            bent(
                none()
                    .header("alg", "HS256")
                    .claim("iss", app.key.as_str())
                    .claim("aud", acme.client_key.as_str()),
            ),
        ),
    ];
    // The right claims under another algorithm, properly signed.
    for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let claims = json!({"iss": acme.client_key, "sub": OMAR, "iat": now, "exp": now + 180,
        "qsh": if matches!(route.takes, Takes::Iframe | Takes::AppToApp | Takes::Lifecycle(_)) {
            right_qsh.as_str()
        } else {
            "context-qsh"
        }});
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key);
        wrong.push((name, token.expect("it can be signed")));
    }
    let symmetric = !matches!(route.takes, Takes::Lifecycle(_));
    if symmetric {
        wrong.extend([
            (
                "foreign secret",
                bent(none().secret("a-secret-of-somebody-else-entirely")),
            ),
            ("empty secret", bent(none().secret(""))),
            (
                "its own header says RS256",
                bent(none().header("alg", "RS256")),
            ),
            (
                "account id of 200 letters",
                bent(none().claim("sub", "s".repeat(200))),
            ),
            (
                "lifecycle",
                jira.lifecycle_token("acme", LifecycleEvent::Installed, &none()),
            ),
            (
                "lifecycle for this address",
                jira.lifecycle_token(
                    "acme",
                    LifecycleEvent::Installed,
                    &none().claim("qsh", right_qsh.as_str()).claim("sub", OMAR),
                ),
            ),
        ]);
        // Another tenant's secret under this tenant's name, and the reverse.
        let globex = jira.site("globex");
        let theirs = globex.app.expect("installed").secrets[0].clone();
        wrong.push(("another tenant's secret", bent(none().secret(&theirs))));
        let theirs = none().claim("iss", globex.client_key.as_str());
        wrong.push(("another tenant's name", bent(theirs)));
    } else {
        // The body is acme's, and nothing but Atlassian's own signature counts.
        wrong.extend([
            (
                "HS256 with the shared secret",
                bent(none().header("alg", "HS256")),
            ),
            ("foreign key", bent(none().foreign_key())),
        ]);
    }
    let context = jira.context_token("acme", OMAR, &none());
    let iframe = jira.iframe_token("acme", OMAR, method, path, &none());
    let elsewhere = jira.iframe_token("acme", OMAR, "GET", "/connect/glance?issue=KEY-9", &none());
    wrong.push(("iframe of another page", elsewhere));
    match route.takes {
        Takes::Context | Takes::ContextInForm | Takes::ContextInAddress => {
            wrong.push(("iframe for this address", iframe));
        }
        Takes::Iframe | Takes::AppToApp => wrong.push(("context", context)),
        Takes::Lifecycle(_) => {
            wrong.extend([("context", context), ("server to server", iframe)]);
        }
        Takes::Nothing => {}
    }
    wrong
}

async fn t8_every_route_refuses_every_token_but_its_own(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let before = (omar.status().await, scene.world.service.calls().len());

    for route in routes() {
        if route.takes == Takes::Nothing {
            continue;
        }
        let name = format!("{} {}", route.method, route.path);
        // One body for all of them: it tells nobody which check failed.
        let missing = scene.send(route.request(&scene)).await.is(401);
        let check = |what: &str, answer: Answer| {
            assert_eq!(answer.status, 401, "{name}, {what}: {}", answer.text);
            assert_eq!(answer.text, missing.text, "{name}, {what}");
            assert_eq!(answer.cookie, None, "{name}, {what}");
            assert_eq!(answer.location, None, "{name}, {what}");
        };
        for (what, token) in wrong_tokens(&scene, &route) {
            check(what, scene.send(route.with_token(&scene, &token)).await);
        }
        let good = route.token(&scene, &Overrides::none());
        // The right token in the wrong place.
        let bearer = HeaderValue::from_str(&format!("Bearer {good}")).expect("it can be sent");
        let request = route.request(&scene).header(AUTHORIZATION, bearer);
        check("Bearer", scene.send(request).await);
        match route.takes {
            Takes::Context | Takes::AppToApp | Takes::Lifecycle(_) => {
                let request = route.with_query(&scene, &[("jwt", &good)]);
                check("in the address", scene.send(request).await);
            }
            Takes::ContextInForm => {
                let twice = [("jwt", good.as_str()), ("jwt", good.as_str())];
                check(
                    "twice",
                    scene.send(route.request(&scene).form(&twice)).await,
                );
                let request = route
                    .request(&scene)
                    .header(AUTHORIZATION, in_header(&good));
                check("in the header", scene.send(request).await);
            }
            Takes::ContextInAddress | Takes::Iframe => {
                let twice = [("jwt", good.as_str()), ("jwt", good.as_str())];
                check("twice", scene.send(route.with_query(&scene, &twice)).await);
                let request = route
                    .request(&scene)
                    .header(AUTHORIZATION, in_header(&good));
                check("in the header", scene.send(request).await);
            }
            Takes::Nothing => {}
        }
    }
    assert_eq!(omar.status().await, before.0, "nothing has changed");
    assert_eq!(scene.world.service.calls().len(), before.1);
    omar.disconnect().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_malformed_is_refused() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let token = route.token(&scene, &Overrides::none());
        let said = Length::Said(LARGEST + 1);
        let head = with_large_body(&scene, &route, &token, said).await;
        assert!(head.starts_with("http/1.1 413 "), "{name}: {head}");
        if route.method == Method::POST {
            let unsaid = Length::Unsaid(LARGEST + 8192);
            let head = with_large_body(&scene, &route, &token, unsaid).await;
            assert!(
                head.starts_with("http/1.1 413 "),
                "{name} in chunks: {head}"
            );
        }
    }
    let form = format!("jwt={}", "x".repeat(LARGEST - "jwt=".len()));
    let request = scene.http.post(scene.address("/link")).body(form);
    // As much as is taken is read, and then refused for what it is.
    scene.send(request).await.is(401);

    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"handle\"",
        b"{\"handle\": 1}",
        b"{\"handle\": \"a\"} and more",
        b"\xff\xfe{\"handle\": \"a\"}",
    ];
    for route in routes() {
        let takes_json = route.path.ends_with("prove")
            || route.path.ends_with("confirm")
            || route.path.ends_with("cancel")
            || matches!(route.takes, Takes::Lifecycle(_));
        if !takes_json {
            continue;
        }
        for body in bodies {
            let token = route.token(&scene, &Overrides::none());
            let request = route
                .request(&scene)
                .header(AUTHORIZATION, in_header(&token))
                .body(body);
            scene.send(request).await.is_problem(400, "bad-request");
        }
    }
    let forms: [&[u8]; 6] = [
        b"",
        b"jwt",
        b"jwt=",
        b"%%%=&&&",
        b"jwt=%ff%00",
        b"\xff\xfe\x00",
    ];
    for form in forms {
        let request = scene.http.post(scene.address("/link")).body(form);
        scene.send(request).await.is(401);
    }
    // Whatever an address holds, it is the caller's fault and not ours.
    for path in [
        "/link/%ff",
        "/link/%00",
        "/link/%2e%2e%2fx",
        "/static/%ff",
        "/static/..%2fsecret",
    ] {
        let answer = scene.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    scene.end().await;
}

/// How long a body says it is.
enum Length {
    /// This much, and nothing comes: what is said is enough to refuse it.
    Said(usize),
    /// It comes in chunks, and nobody knows how many.
    Unsaid(usize),
}

/// Sends a large body and reads status and headers. By hand: whoever has seen enough hangs up before the
/// body's end, and a client would call that an error.
async fn with_large_body(scene: &Scene, route: &Route, token: &str, length: Length) -> String {
    let address = Url::parse(&scene.address(route.path)).expect("it is an address");
    let port = address.port().expect("it has a port");
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let (mut from, mut to) = stream.expect("it listens").into_split();
    let query = address.query().map_or(String::new(), |q| format!("?{q}"));
    let (said, mut left) = match length {
        Length::Said(length) => (format!("Content-Length: {length}"), 0),
        Length::Unsaid(length) => ("Transfer-Encoding: chunked".to_owned(), length),
    };
    let head = format!(
        "{} {}{query} HTTP/1.1\r\nHost: latchkey.localhost:{port}\r\nConnection: close\r\n\
         Authorization: JWT {token}\r\n{said}\r\n\r\n",
        route.method,
        address.path()
    );
    let writing = async move {
        let _ = to.write_all(head.as_bytes()).await;
        while left > 0 {
            let size = left.min(8192);
            let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
            if to.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
            left -= size;
        }
        // Kept open: an end here would be a body cut short.
        to
    };
    let reading = async {
        let mut start = Vec::new();
        while !start.windows(4).any(|end| end == b"\r\n\r\n") {
            match from.read_buf(&mut start).await {
                Ok(1..) => {}
                _ => break,
            }
        }
        String::from_utf8_lossy(&start).to_lowercase()
    };
    let patience = std::time::Duration::from_secs(30);
    let both = async { tokio::join!(writing, reading) };
    let (_to, head) = tokio::time::timeout(patience, both)
        .await
        .unwrap_or_else(|_| panic!("{} {} does not answer", route.method, route.path));
    head
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    for path in [
        "/",
        "/nothing",
        "/link/",
        "/link/a/b",
        "/api",
        "/connect",
        "/.env",
        "//link",
    ] {
        let page = scene.get(path).await.is(404);
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert!(page.text.contains("There is no such page"), "{}", page.text);
    }
    scene
        .get("/static/none.css")
        .await
        .is_problem(404, "not-found");
    let mut methods: BTreeMap<&str, Vec<Method>> = BTreeMap::new();
    for route in routes() {
        let path = route.path.split('?').next().expect("there is a path");
        methods.entry(path).or_default().push(route.method);
    }
    for (path, known) in methods {
        let others = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ];
        for method in others {
            // `/link/callback` has the shape of `/link/{id}` for the methods it does not know itself.
            if known.contains(&method) {
                continue;
            }
            let request = scene.http.request(method.clone(), scene.address(path));
            let answer = scene.send(request).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            assert!(answer.headers.contains_key("allow"), "{method} {path}");
        }
    }
    scene.end().await;
}

/// One directive of the content security policy.
fn directive(answer: &Answer, name: &str) -> Option<String> {
    let policy = answer.headers["content-security-policy"].to_str();
    let policy = policy.expect("a policy is plain text");
    policy
        .split("; ")
        .find_map(|directive| directive.strip_prefix(&format!("{name} ")))
        .map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t15_every_answer_has_its_headers_and_says_who_may_frame_it() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let jira = &scene.world.jira;
    jira.rename_site("acme", "help-acme").await.expect("told");
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let linking = format!("/link/{}", begun.id);
    let mut answers = Vec::new();
    for route in routes() {
        let token = route.token(&scene, &Overrides::none());
        let bad = scene.send(route.with_token(&scene, "bad")).await;
        answers.push((format!("bad {}", route.path), bad));
        if !matches!(route.takes, Takes::Lifecycle(_) | Takes::AppToApp) {
            let good = scene.send(route.with_token(&scene, &token)).await;
            answers.push((format!("good {}", route.path), good));
        }
        let wrong = scene.http.request(Method::PATCH, scene.address(route.path));
        answers.push((format!("PATCH {}", route.path), scene.send(wrong).await));
        let head = with_large_body(&scene, &route, &token, Length::Said(LARGEST + 1)).await;
        for header in [
            "cache-control: no-cache, no-store",
            "referrer-policy: no-referrer",
            "strict-transport-security: max-age=31536000; includesubdomains",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'; ",
        ] {
            assert!(head.contains(header), "{}: {header}: {head}", route.path);
        }
    }
    answers.push(("nothing".to_owned(), scene.get("/nothing").await));
    let top = omar.with_cookie(Method::GET, &linking, &begun.cookie).await;
    answers.push((linking, top));
    for (name, answer) in &answers {
        let header = |header: &str| {
            let values: Vec<_> = answer.headers.get_all(header).iter().collect();
            assert_eq!(
                values.len(),
                1,
                "{name}: {header} is there once: {values:?}"
            );
            values[0].to_str().expect("plain text").to_owned()
        };
        assert_eq!(header("cache-control"), "no-cache, no-store", "{name}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{name}");
        let hsts = "max-age=31536000; includeSubDomains";
        assert_eq!(header("strict-transport-security"), hsts, "{name}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; "),
            "{name}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{name}: {policy}");
        let ancestors = directive(answer, "frame-ancestors").expect("always there");
        let framed = name.contains("/connect/glance") || name.contains("/connect/finish");
        if !framed {
            assert_eq!(ancestors, "'none'", "{name}");
        } else if name.starts_with("good") {
            let (base, display) = (jira.url("acme"), jira.display_url("acme"));
            let ancestors: Vec<&str> = ancestors.split(' ').collect();
            assert!(ancestors.contains(&base.as_str()), "{ancestors:?}");
            assert!(ancestors.contains(&display.as_str()), "{ancestors:?}");
            let foreign = |host: &&str| **host != base && **host != display;
            assert!(!ancestors.iter().any(foreign), "{ancestors:?}");
        } else {
            // Before the tenant is known: hosts that are Jira sites, and no others.
            assert_eq!(ancestors, "http://*.localhost:*", "{name}");
        }
        if framed {
            for header in [
                "cross-origin-opener-policy",
                "x-frame-options",
                "set-cookie",
            ] {
                assert!(!answer.headers.contains_key(header), "{name}: {header}");
            }
        }
    }
    scene.end().await;
}

async fn t14_a_form_of_another_site_is_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let post = |headers: &[(&str, &str)]| {
        let path = format!("/link/{}", begun.id);
        let mut request = scene.http.post(scene.address(&path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        scene.send(request.header(COOKIE, &begun.cookie))
    };
    let refused: [&[(&str, &str)]; 6] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        // What the browser says of itself counts, whatever the page made of the origin.
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        &[("sec-fetch-site", "surprise")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://latchkey.localhost.evil.example")],
    ];
    for headers in refused {
        let answer = post(headers).await.is(403);
        assert!(
            answer.text.contains("<code>cross-site</code>"),
            "{headers:?}"
        );
        assert_eq!(answer.location, None);
    }
    assert_eq!(scene.world.service.calls().len(), 0);
    // The attempt is as it was.
    let own = Url::parse(&scene.base).expect("an address").origin();
    let own = own.ascii_serialization();
    let allowed: [&[(&str, &str)]; 3] = [
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "none")],
        &[(ORIGIN.as_str(), &own)],
    ];
    for headers in allowed {
        post(headers).await.leads_to();
    }
    scene.end().await;
}

async fn t16_every_target_is_built_from_what_is_stored(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let evil = "evil.example";
    let lure = |request: RequestBuilder| {
        request
            .header(HOST, evil)
            .header("x-forwarded-host", evil)
            .header("x-forwarded-proto", "http")
            .header("forwarded", "host=evil.example;proto=http")
            .header("x-original-url", "/evil")
            .header("referer", "https://evil.example/")
    };
    let omar = scene.person("acme", OMAR);
    let token = omar.token();
    let form = [
        ("jwt", token.as_str()),
        ("issue", "https://evil.example/KEY-1"),
        ("back", "https://evil.example"),
        ("redirect_uri", "https://evil.example"),
    ];
    let request = scene.http.post(scene.address("/link")).form(&form);
    let answer = scene.send(lure(request)).await;
    let path = answer.leads_to().to_owned();
    assert!(path.starts_with("/link/"), "{path}");
    let begun = Begun {
        id: path["/link/".len()..].to_owned(),
        cookie: crate::scene::cookie_of(&answer),
    };
    let request = |method, address: &str| {
        let request = scene.http.request(method, address);
        scene.send(lure(request.header(COOKIE, &begun.cookie)))
    };
    let address = scene.address(&path);
    let page = request(Method::GET, &address).await.is(200);
    assert!(!page.text.contains("evil"), "{}", page.text);
    let answer = request(Method::POST, &address).await;
    let authorize = answer.leads_to().to_owned();
    assert!(authorize.starts_with(scene.world.service.issuer()));
    assert_eq!(
        parameter(&authorize, "redirect_uri"),
        scene.address("/link/callback")
    );
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let callback = format!("{callback}&back=https://evil.example&issue=EVIL-1");
    let answer = request(Method::GET, &callback).await;
    let way_back = answer.leads_to().to_owned();
    // The base URL, even where people see the site elsewhere: a custom domain is somebody's own.
    jira.rename_site("acme", "help-acme").await.expect("told");
    assert!(
        way_back.starts_with(&format!("{}/plugins/servlet/ac/", jira.url("acme"))),
        "{way_back}"
    );
    let (_, query) = way_back.split_once('?').expect("it carries a handle");
    let query = query.replace("ac.", "");
    let framed = jira.framed_url(
        "acme",
        OMAR,
        "https://evil.example",
        &format!("/connect/finish?{query}"),
        &Overrides::none(),
    );
    let page = scene.send(lure(scene.http.get(framed))).await.is(200);
    assert!(!page.text.contains("evil"), "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str();
    assert!(!policy.expect("plain text").contains("evil"));
    scene.end().await;
}
