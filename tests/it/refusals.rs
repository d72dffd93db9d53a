//! Stories of what is refused at the door, whatever is sent.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue, ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::on_both_databases;
use crate::returning::parameter;
use crate::scene::{Answer, Begun, Both, Db, Scene, Setting};
use crate::sim::jira::{By, LifecycleEvent, MIA, OMAR, Overrides, query_hash};
use crate::sim::service::Endpoint;

on_both_databases!(
    t8_every_route_refuses_every_token_but_its_own,
    t6_every_route_keeps_one_site_from_another,
    a_page_with_a_session_refuses_every_other_browser_alike,
    t14_a_form_of_another_site_is_refused,
    t14_nothing_is_done_by_another_site_or_for_somebody_else,
    t16_every_target_is_built_from_what_is_stored,
);

const LARGEST: usize = 64 * 1024;
/// Stands for an attempt's id in the list of routes.
const ATTEMPT: &str = "some-attempt";

/// What a route takes as proof, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Context,
    ContextInForm,
    ContextInAddress,
    Iframe,
    AppToApp,
    Lifecycle(LifecycleEvent),
    /// A token of Forge itself, of this endpoint (tests/it/forge.rs has what is wrong with others).
    Invocation(&'static str),
    /// The cookie of a browser that began: no token is of any use.
    Session,
    /// Nothing.
    Nothing,
}

struct Route {
    method: Method,
    path: &'static str,
    takes: Takes,
}

/// Every route there is.
fn routes() -> Vec<Route> {
    use Takes::{
        AppToApp, Context, ContextInAddress, ContextInForm, Iframe, Invocation, Lifecycle, Nothing,
        Session,
    };
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
        (Method::GET, "/link/some-attempt", Session),
        (Method::POST, "/link/some-attempt", Session),
        (Method::GET, "/link/callback", Session),
        (Method::POST, "/link/some-attempt/prove", Context),
        (Method::POST, "/link/some-attempt/confirm", Session),
        (Method::POST, "/link/some-attempt/cancel", Context),
        (Method::GET, "/api/link", Context),
        (Method::DELETE, "/api/link", Context),
        (Method::DELETE, "/api/link/attempt", Context),
        (Method::POST, "/api/link/renew", Context),
        (Method::POST, "/api/link/ticket", Context),
        (Method::GET, "/link/t/some-ticket", Nothing),
        (Method::POST, "/forge/tick", Invocation("latchkey-tick")),
        (
            Method::POST,
            "/forge/lifecycle",
            Invocation("latchkey-lifecycle"),
        ),
        (
            Method::POST,
            "/forge/leaving",
            Invocation("latchkey-leaving"),
        ),
        (Method::GET, "/", Nothing),
        (Method::GET, "/connect/admin", Iframe),
        // Jira has to say that the person is an admin, too (tests/it/administering.rs).
        (Method::GET, "/api/admin/site", Context),
        (Method::PUT, "/api/admin/site", Context),
        (Method::GET, "/api/admin/links", Context),
        (Method::DELETE, "/api/admin/links", Context),
        (Method::DELETE, "/api/admin/links/some-link", Context),
        (Method::GET, "/api/admin/left", Context),
        (Method::DELETE, "/api/admin/left", Context),
        (Method::GET, "/api/admin/events", Context),
        (Method::GET, "/healthz", Nothing),
        (Method::GET, "/readyz", Nothing),
        (Method::GET, "/static/latchkey.css", Nothing),
        (Method::GET, "/api/link/key", Context),
        // It exists where keys are signed here.
        (Method::GET, "/.well-known/jwks.json", Nothing),
        // The vendor's servers have a secret (tests/it/service_side.rs).
        (Method::POST, "/oauth/introspect", Nothing),
        (Method::POST, "/oauth/token", Nothing),
        (Method::GET, "/service/links?subject=x", Nothing),
        (Method::DELETE, "/service/links/some-link", Nothing),
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
            Takes::Session | Takes::Nothing => request,
            Takes::Context => request
                .header(AUTHORIZATION, in_header(token))
                .json(&json!({"handle": "some-handle"})),
            Takes::AppToApp | Takes::Invocation(_) => {
                request.header(AUTHORIZATION, self.in_header(token))
            }
            Takes::Lifecycle(event) => {
                let body = scene.world.jira.lifecycle_body("acme", event);
                request.header(AUTHORIZATION, in_header(token)).json(&body)
            }
        }
    }

    /// A token this route takes, bent.
    fn token(&self, scene: &Scene, overrides: &Overrides) -> String {
        self.token_of(scene, "acme", OMAR, overrides)
    }

    /// The same for somebody on a site.
    fn token_of(&self, scene: &Scene, site: &str, who: &str, overrides: &Overrides) -> String {
        let jira = &scene.world.jira;
        let method = self.method.as_str();
        match self.takes {
            Takes::Context | Takes::ContextInForm | Takes::ContextInAddress => {
                jira.context_token(site, who, overrides)
            }
            Takes::Iframe => jira.iframe_token(site, who, method, self.path, overrides),
            Takes::AppToApp => jira.server_token(site, method, self.path, overrides),
            Takes::Lifecycle(event) => jira.lifecycle_token(site, event, overrides),
            Takes::Invocation(endpoint) => {
                // Of a site that nobody here comes from.
                if jira.look(|cloud| !cloud.sites.contains_key("initech")) {
                    jira.add_site("initech", "A site of Forge");
                    jira.put_forge("initech", &scene.base);
                }
                jira.invocation_token("initech", By::Endpoint(endpoint), overrides)
            }
            Takes::Session | Takes::Nothing => String::new(),
        }
    }

    /// The header that carries a token on this route.
    fn in_header(&self, token: &str) -> HeaderValue {
        match self.takes {
            Takes::Invocation(_) => {
                let bearer = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
                bearer.expect("it can be sent")
            }
            _ => in_header(token),
        }
    }

    /// Method and path as the sources have them.
    fn pattern(&self) -> String {
        let path = self.path.split('?').next().expect("there is a path");
        let path = path
            .replace(ATTEMPT, "{id}")
            .replace("some-link", "{id}")
            .replace("some-ticket", "{ticket}")
            .replace("latchkey.css", "{file}");
        format!("{} {path}", self.method)
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
                "assertion to act as a person",
                bent(
                    none()
                        .claim(
                            "iss",
                            format!("urn:atlassian:connect:clientid:{}", app.oauth_client_id),
                        )
                        .claim("sub", format!("urn:atlassian:connect:useraccountid:{OMAR}"))
                        .claim("tnt", jira.url("acme")),
                ),
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
        Takes::Session | Takes::Nothing | Takes::Invocation(_) => {}
    }
    wrong
}

const TOKENS: [&str; 4] = ["context", "iframe", "app_to_app", "lifecycle"];
const REFUSED: [&str; 2] = ["bad_signature", "misplaced_token"];

/// The events that were counted, with their kind of token.
async fn refused_tokens(scene: &Scene) -> BTreeSet<(&'static str, &'static str)> {
    let mut counted = BTreeSet::new();
    for kind in TOKENS {
        for event in REFUSED {
            if scene.events(event, kind).await > 0 {
                counted.insert((event, kind));
            }
        }
    }
    counted
}

async fn t8_every_route_refuses_every_token_but_its_own(db: Db) {
    let mut scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let before = (omar.status().await, scene.world.service.calls().len());
    drop(omar);

    let mut counted = BTreeSet::new();
    for (at, route) in routes().into_iter().enumerate() {
        // An address may be refused a thousand times before it has to wait, which a restart forgets. It forgets its
        // figures too.
        if at == 20 {
            counted.append(&mut refused_tokens(&scene).await);
            scene.restart().await;
        }
        if matches!(
            route.takes,
            Takes::Session | Takes::Nothing | Takes::Invocation(_)
        ) {
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
            has_its_headers(&format!("{name}, {what}"), &answer);
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
            Takes::Session | Takes::Nothing | Takes::Invocation(_) => {}
        }
    }
    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.status().await, before.0, "nothing has changed");
    assert_eq!(scene.world.service.calls().len(), before.1);
    let acme = scene.client_key("acme");
    counted.append(&mut refused_tokens(&scene).await);
    for kind in TOKENS {
        for event in REFUSED {
            let there = counted.contains(&(event, kind));
            assert!(there, "{event} {kind} was never counted");
        }
        if kind != "lifecycle" {
            let fields = ["event=\"bad_signature\"", kind, &format!("tenant={acme} ")];
            let lines = scene.log.lines_with(&fields.map(str::to_owned));
            assert!(!lines.is_empty(), "{kind}: a line names the tenant");
        }
    }
    omar.disconnect().await;
    scene.end().await;
}

/// Every route of the sources, as method and pattern: `GET /link/{id}`.
fn routes_of_the_sources() -> BTreeSet<String> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut found = BTreeSet::new();
    let source = include_str!("../../src/web.rs");
    let source = source.split("#[cfg(test)]").next().expect("there is code");
    for route in source.split(".route(").skip(1) {
        let mut quoted = route.splitn(3, '"');
        let (before, path) = (quoted.next(), quoted.next().expect("a path is a literal"));
        assert_eq!(
            before.map(str::trim),
            Some(""),
            "a path is a literal: {route}"
        );
        let mut depth = 1;
        let handlers = quoted.next().expect("there are handlers");
        let end = handlers.find(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        let handlers = &handlers[..end.expect("the call ends")];
        let calls = |method: &&str| {
            let called = format!("{method}(");
            let mut places = handlers.match_indices(&called);
            places
                .any(|(at, _)| !handlers[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let methods: Vec<&str> = METHODS.into_iter().filter(calls).collect();
        assert!(!methods.is_empty(), "{path} takes no method that is known");
        for method in methods {
            found.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    found
}

/// A route that is added has to be added to [`routes`], and with it to every story of this file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_and_every_address_of_the_descriptor_is_scanned() {
    let scanned: BTreeSet<String> = routes().iter().map(Route::pattern).collect();
    assert_eq!(routes_of_the_sources(), scanned);
    let scanned_of = |method: &str, path: &str| scanned.contains(&format!("{method} {path}"));
    // `route` is how routes are made, and in no other file of the first address.
    let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    for file in std::fs::read_dir(web).expect("the sources are here") {
        let path = file.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("it is text");
        let own = path.ends_with("metrics.rs");
        let makes = [
            ".route(",
            "route_service(",
            "nest_service(",
            "fallback_service(",
        ];
        let makes = makes.iter().any(|call| text.contains(call));
        assert_eq!(makes, own, "{}", path.display());
    }

    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let descriptor = scene.get("/atlassian-connect.json").await.is(200).json();
    let mut addresses = Vec::new();
    addresses_in(&descriptor, &mut addresses);
    assert!(addresses.len() >= 7, "{addresses:?}");
    for address in addresses {
        let path = address.split('?').next().expect("there is a path");
        if let Some(file) = path.strip_prefix("/static/") {
            assert!(scanned_of("GET", "/static/{file}"), "{file}");
            scene.get(path).await.is(200);
            continue;
        }
        let method = if scanned_of("GET", path) {
            Method::GET
        } else {
            Method::POST
        };
        assert!(scanned_of(method.as_str(), path), "{path}");
        let request = scene.http.request(method, scene.address(path));
        let answer = scene.send(request).await.is(401);
        has_its_headers(path, &answer);
    }
    scene.end().await;
}

/// Every text in a descriptor that is an address below its base URL.
fn addresses_in(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with('/') => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| addresses_in(value, into)),
        Value::Object(map) => map.values().for_each(|value| addresses_in(value, into)),
        _ => {}
    }
}

async fn t6_every_route_keeps_one_site_from_another(db: Db) {
    let setting = Setting::default().with("LATCHKEY_PROPERTY", "handle");
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    // The same account on both sites, linked here, with another attempt that is ready to be proved.
    let here = scene.person("acme", MIA);
    let there = scene.person("globex", MIA);
    here.link("u-100").await;
    here.settled().await;
    let property = here.property();
    let returned = here.until_returned("u-200").await;
    let begun = there.begin().await;
    let acme = scene.client_key("acme");
    let asked = scene.world.service.calls().len();
    for route in routes() {
        let name = route.pattern();
        let (method, path) = (route.method.clone(), route.path);
        let token = route.token_of(&scene, "globex", MIA, &Overrides::none());
        match route.takes {
            Takes::Nothing
            | Takes::ContextInForm
            | Takes::ContextInAddress
            | Takes::Invocation(_) => {}
            Takes::Session => {
                // Their browser has a session, and of ours it finds out nothing: an attempt that is
                // there looks like one that never was.
                let ask = async |id: &str| {
                    let path = path.replace(ATTEMPT, id);
                    let answer = there
                        .with_cookie(method.clone(), &path, &begun.cookie)
                        .await;
                    has_its_headers(&name, &answer);
                    answer
                };
                let (ours, nobodys) = (ask(&returned.id).await, ask(&"A".repeat(22)).await);
                assert_eq!(ours.status, nobodys.status, "{name}");
                assert!(matches!(ours.status.as_u16(), 403 | 410), "{name}");
                assert_eq!(ours.text, nobodys.text, "{name}");
            }
            Takes::Context if path.starts_with("/link/") => {
                let attempt = here.until_returned("u-200").await;
                let path = path.replace(ATTEMPT, &attempt.id);
                let call = there
                    .call(method, &path)
                    .json(&json!({"handle": attempt.handle}));
                let answer = scene.send(call).await;
                answer.is_problem(403, "wrong-person");
                has_its_headers(&name, &answer);
            }
            Takes::Context => {
                // No address can name somebody else's link. What is asked for is always one's own.
                let more = [("accountId", MIA), ("clientKey", &acme), ("tenant", &acme)];
                let request = route
                    .with_query(&scene, &more)
                    .header(AUTHORIZATION, in_header(&token))
                    .json(&json!({"clientKey": acme, "accountId": MIA}));
                let answer = scene.send(request).await;
                let status = answer.status.as_u16();
                assert!(
                    matches!(
                        (method.as_str(), status),
                        ("GET", 200) | ("DELETE", 204) | ("POST", 404)
                    ) || [
                        ("/api/link/key", 404),
                        ("/api/link/ticket", 403),
                        // Neither says all=true, nor what is to be decided.
                        ("/api/admin/links", 400),
                        ("/api/admin/site", 400),
                        ("/api/admin/links/some-link", 404),
                        ("/api/admin/left", 200),
                    ]
                    .contains(&(path, status)),
                    "{name}: {status}"
                );
                for ours in ["u-100", "u-200", "Robin Park"] {
                    assert!(!answer.text.contains(ours), "{name}: {}", answer.text);
                }
                has_its_headers(&name, &answer);
            }
            Takes::Iframe => {
                let asks = |id: &str, handle: &str| {
                    let path = path
                        .replace("attempt=a", &format!("attempt={id}"))
                        .replace("handle=b", &format!("handle={handle}"));
                    let url = jira.url("globex");
                    jira.framed_url("globex", MIA, &url, &path, &Overrides::none())
                };
                let framed = asks(&returned.id, &returned.handle);
                let page = scene.send(scene.http.get(framed)).await.is(200);
                let nobody = (
                    "A".repeat(returned.id.len()),
                    "B".repeat(returned.handle.len()),
                );
                let framed = asks(&nobody.0, &nobody.1);
                let nobodys = scene.send(scene.http.get(framed)).await.is(200);
                let text = page.text.replace(&returned.id, &nobody.0);
                let text = text.replace(&returned.handle, &nobody.1);
                assert_eq!(text, nobodys.text, "{name}");
                let ancestors = directive(&page, "frame-ancestors").expect("always there");
                let mut ancestors = ancestors.split(' ');
                assert!(ancestors.all(|host| host == jira.url("globex")), "{name}");
                has_its_headers(&name, &page);
            }
            Takes::AppToApp => {
                // It says who it is about, and the body nothing.
                let request = route
                    .request(&scene)
                    .header(AUTHORIZATION, in_header(&token));
                let body = jira.lifecycle_body("acme", LifecycleEvent::Disabled);
                scene.send(request.json(&body)).await.is(204);
                here.status().await;
                let enabled = jira.enable("globex").await.expect("it answers");
                assert_eq!(
                    enabled.status, 204,
                    "it was their own site they switched off"
                );
            }
            Takes::Lifecycle(event) => {
                let body = jira.lifecycle_body("acme", event);
                let request = route
                    .request(&scene)
                    .header(AUTHORIZATION, in_header(&token));
                let answer = scene.send(request.json(&body)).await.is(401);
                let missing = scene.send(route.request(&scene).json(&body)).await;
                assert_eq!(answer.text, missing.text, "{name}");
                has_its_headers(&name, &answer);
            }
        }
    }
    assert_eq!(here.property(), property);
    assert_eq!(here.status().await["subject"], "u-100");
    let answers = scene.world.service.ledger().token_requests().len();
    assert_eq!(answers, 1, "the code of the link, and no other");
    let bodies = [
        ("tenant", &*scene.client_key("globex")),
        ("finished_at", &acme),
    ];
    scene
        .has_recorded(("cross_tenant", "lifecycle"), 2, &bodies)
        .await;
    let proofs = [
        ("tenant", &*acme),
        ("finished_at", &*scene.client_key("globex")),
    ];
    scene
        .has_recorded(("cross_tenant", "proof"), 2, &proofs)
        .await;
    assert!(
        scene.world.service.calls().len() > asked,
        "the attempts that were tried"
    );
    here.disconnect().await;
    scene.end().await;
}

async fn a_page_with_a_session_refuses_every_other_browser_alike(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let begun = omar.begin().await;
    omar.go_on(&begun).await;
    let other = mia.begin().await;
    let unknown = format!("__Host-latchkey={}", "A".repeat(22));
    let with_a_letter_less = &begun.cookie[..begun.cookie.len() - 1];
    for route in routes() {
        if route.takes != Takes::Session {
            continue;
        }
        let name = route.pattern();
        let of_attempts = name.contains("{id}");
        let path = route.path.replace(ATTEMPT, &begun.id);
        let missing = scene
            .send(
                scene
                    .http
                    .request(route.method.clone(), scene.address(&path)),
            )
            .await
            .is(403);
        let mut cookies = vec![
            String::new(),
            "x".to_owned(),
            "__Host-latchkey=".to_owned(),
            "__Host-latchkey=%00".to_owned(),
            format!("__Host-latchkey={}", "A".repeat(5000)),
            unknown.clone(),
            with_a_letter_less.to_owned(),
            begun.cookie.replace("__Host-", ""),
            begun.cookie.to_uppercase(),
        ];
        // The callback of a browser with an attempt of its own is refused for its state.
        cookies.extend(of_attempts.then(|| other.cookie.clone()));
        for cookie in cookies {
            let answer = omar.with_cookie(route.method.clone(), &path, &cookie).await;
            assert_eq!(answer.status, 403, "{name}, {cookie}: {}", answer.text);
            assert_eq!(answer.text, missing.text, "{name}, {cookie}");
            assert_eq!(answer.location, None, "{name}, {cookie}");
            has_its_headers(&name, &answer);
        }
    }
    // His own is as it was, for as long as it lives.
    let path = format!("/link/{}", begun.id);
    omar.with_cookie(Method::GET, &path, &begun.cookie)
        .await
        .is(200);
    let none = scene.get(&path).await.is(403).text;
    scene.advance(601);
    let late = omar.with_cookie(Method::GET, &path, &begun.cookie).await;
    late.is_page(410, "attempt-over");
    // The session goes on for a while, so that pages can say what became of their attempts.
    scene.advance(3000);
    for id in [begun.id.as_str(), "nobodys"] {
        let path = format!("/link/{id}");
        let late = omar.with_cookie(Method::GET, &path, &begun.cookie).await;
        assert_eq!(late.status, 403);
        assert_eq!(late.text, none);
    }
    assert_eq!(scene.world.service.calls_to(Endpoint::Token), 0);
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
            // While the side of the vendor's servers is closed, nothing that comes there is read.
            let status = if route.path.starts_with("/oauth/") {
                404
            } else {
                413
            };
            assert!(
                head.starts_with(&format!("http/1.1 {status} ")),
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
    let scheme = match route.takes {
        Takes::Invocation(_) => "Bearer",
        _ => "JWT",
    };
    let head = format!(
        "{} {}{query} HTTP/1.1\r\nHost: latchkey.localhost:{port}\r\nConnection: close\r\n\
         Authorization: {scheme} {token}\r\n{said}\r\n\r\n",
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
        assert!(page.text.contains("This page doesn"), "{}", page.text);
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

/// What stands on every answer, whatever it is.
#[track_caller]
pub fn has_its_headers(name: &str, answer: &Answer) {
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
    assert!(policy.contains("; frame-ancestors "), "{name}: {policy}");
    // Nothing here is for scripts of other sites.
    let mut names = answer.headers.keys();
    assert!(
        !names.any(|it| it.as_str().starts_with("access-control-")),
        "{name}"
    );
    assert!(!answer.headers.contains_key("server"), "{name}");
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
    for nowhere in ["/nothing", "/static/none.css", "/link/a/b", "//"] {
        answers.push((nowhere.to_owned(), scene.get(nowhere).await));
    }
    // The routes above began for the same person; the last attempt is this one. All the way, with
    // every redirect on it.
    let begun = omar.begin().await;
    let linking = format!("/link/{}", begun.id);
    let top = omar.with_cookie(Method::GET, &linking, &begun.cookie).await;
    answers.push((linking.clone(), top.is(200)));
    let away = omar
        .with_cookie(Method::POST, &linking, &begun.cookie)
        .await;
    let authorize = away.leads_to().to_owned();
    answers.push((format!("POST {linking}"), away));
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let back = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(back.leads_to(), &begun.cookie).await;
    answers.push(("callback".to_owned(), back));
    answers.push(("prove".to_owned(), omar.prove(&returned).await.is(200)));
    let both = omar.look(&returned).await.is(200);
    let page = Both::of(&both).page;
    answers.push(("both".to_owned(), both));
    let confirmed = omar.confirm_page(&returned, &page).await.is(303);
    answers.push(("confirm".to_owned(), confirmed));
    let connected = omar.look(&returned).await.is(200);
    answers.push(("connected".to_owned(), connected));
    answers.push(("renew".to_owned(), omar.renew().await.is(202)));
    let unlink = scene.send(omar.call(Method::DELETE, "/api/link")).await;
    answers.push(("unlink".to_owned(), unlink.is(204)));
    let request = omar.call(Method::POST, "/link/x/prove").body("{");
    answers.push(("malformed".to_owned(), scene.send(request).await.is(400)));
    for (name, answer) in &answers {
        has_its_headers(name, answer);
        let ancestors = directive(answer, "frame-ancestors").expect("always there");
        let pages = ["/connect/glance", "/connect/finish", "/connect/admin"];
        let framed = pages.iter().any(|page| name.contains(page));
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
    // Nor is it ended by the other button of that form.
    let request = scene
        .http
        .post(scene.address(&format!("/link/{}", begun.id)))
        .header(COOKIE, &begun.cookie)
        .header("sec-fetch-site", "cross-site")
        .form(&[("cancel", "yes")]);
    scene.send(request).await.is(403);
    assert_eq!(scene.world.service.calls().len(), 0);
    let count = refused.len() as u64 + 1;
    scene.has_recorded(("cross_site", ""), count, &[]).await;
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

async fn t14_nothing_is_done_by_another_site_or_for_somebody_else(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let property = omar.property();
    let begun = omar.begin().await;
    // The attempt is part of it.
    let status = omar.status().await;
    assert!(status["attempt"].is_object(), "{status}");
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-200").await;
    let back = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(back.leads_to(), &begun.cookie).await;
    let token = omar.token();
    let verbs = [
        (Method::POST, "/api/link/renew".to_owned()),
        (Method::DELETE, "/api/link".to_owned()),
        (Method::DELETE, "/api/link/attempt".to_owned()),
        (Method::POST, format!("/link/{}/prove", returned.id)),
        (Method::POST, format!("/link/{}/cancel", returned.id)),
    ];
    // All that a page of another site can send without being asked first: a form in one of three
    // encodings, with the cookie if there is one. Even with the token and the handle in it.
    let json = format!("{{\"handle\":\"{}\",\"jwt\":\"{token}\"}}", returned.handle);
    let form = format!("handle={}&jwt={token}&_method=DELETE", returned.handle);
    for (method, path) in &verbs {
        for (encoding, body) in [
            ("text/plain", &json),
            ("application/x-www-form-urlencoded", &form),
            ("multipart/form-data; boundary=x", &form),
        ] {
            for address in [path.clone(), format!("{path}?jwt={token}&_method=DELETE")] {
                let request = scene
                    .http
                    .request(method.clone(), scene.address(&address))
                    .header(COOKIE, &begun.cookie)
                    .header(ORIGIN, "https://evil.example")
                    .header("sec-fetch-site", "cross-site")
                    .header("content-type", encoding)
                    .body(body.clone());
                scene.send(request).await.is_problem(401, "unauthorized");
            }
        }
        // Asked first, as for a header of one's own, the browser hears nothing that allows it.
        let asked = scene
            .http
            .request(Method::OPTIONS, scene.address(path))
            .header(ORIGIN, "https://evil.example")
            .header("access-control-request-method", method.as_str())
            .header("access-control-request-headers", "authorization");
        let answer = scene.send(asked).await.is(405);
        has_its_headers(path, &answer);
    }
    // For somebody else: whoever calls is whom the token names, whatever else is said.
    for site in ["acme", "globex"] {
        let mia = scene.person(site, MIA);
        for (method, path, status) in [
            (Method::POST, "/api/link/renew", 404),
            (Method::DELETE, "/api/link/attempt", 204),
            (Method::DELETE, "/api/link", 204),
            (Method::GET, "/api/link", 200),
        ] {
            let call = mia
                .call(
                    method,
                    &format!("{path}?accountId={OMAR}&account={OMAR}&sub={OMAR}"),
                )
                .header("x-account-id", OMAR)
                .header(COOKIE, &begun.cookie)
                .json(&json!({"accountId": OMAR, "sub": OMAR}));
            let answer = scene.send(call).await.is(status);
            assert!(!answer.text.contains("u-100"), "{}", answer.text);
        }
    }
    assert_eq!(omar.property(), property);
    assert_eq!(omar.status().await, status);
    // The attempt waits for its person.
    omar.prove(&returned).await.is(200);
    omar.finish("cancel", &returned.id, &returned.handle)
        .await
        .is(204);
    assert_eq!(omar.property(), property);
    omar.disconnect().await;
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
    // What Jira reads is ours, whoever seems to ask for it.
    let request = lure(scene.http.get(scene.address("/atlassian-connect.json")));
    let descriptor = scene.send(request).await.is(200);
    assert_eq!(descriptor.json()["baseUrl"], scene.base.as_str());
    assert!(!descriptor.text.contains("evil"), "{}", descriptor.text);
    // Nor does a page that says what went wrong lead away, or a cookie go to another host.
    for path in [
        "/link/callback?back=https://evil.example",
        "/evil.example",
        "//evil.example/x",
    ] {
        let address = scene.address(path);
        let page = scene.send(lure(scene.http.get(&address))).await;
        assert!(page.status.is_client_error(), "{path}");
        assert!(!page.text.contains("evil"), "{}", page.text);
        assert_eq!(page.location, None, "{path}");
    }
    let cookie = answer.cookie.unwrap_or_default();
    assert!(!cookie.contains("evil"), "{cookie}");
    scene.end().await;
}
