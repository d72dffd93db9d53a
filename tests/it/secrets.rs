//! Stories of secrets where something goes wrong. That none stands in the log or in the database is how
//! every story ends; here they are put wherever an error, a page or a figure might repeat them.

use std::panic::AssertUnwindSafe;

use reqwest::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, REFERER};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use url::Url;

use crate::logs;
use crate::on_both_databases;
use crate::scene::{Answer, Db, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind, LifecycleEvent, MIA, OMAR, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind, NameIn, ServiceOptions};

on_both_databases!(
    t17_no_error_repeats_a_secret_it_was_sent,
    t17_no_error_repeats_a_secret_another_server_sent,
    t17_a_secret_that_was_planted_is_found,
);

/// Secrets that a story makes up, and all that came back.
#[derive(Default)]
struct Planted {
    secrets: Vec<String>,
    answers: String,
}

impl Planted {
    fn secret(&mut self, scene: &Scene) -> String {
        // The client key makes it one of this run; no other story is to look for it in vain.
        let key = scene.client_key("acme").replace('-', "");
        let secret = format!("planted{:03}{key}", self.secrets.len());
        self.secrets.push(secret.clone());
        secret
    }

    /// An error; its page or document is kept to be searched.
    #[track_caller]
    fn refused(&mut self, what: &str, answer: &Answer) {
        let status = answer.status;
        assert!(
            status.is_client_error() || status.is_server_error(),
            "{what}: {status} {}",
            answer.text
        );
        self.kept(what, answer);
    }

    /// A page or a document that is kept to be searched.
    fn kept(&mut self, what: &str, answer: &Answer) {
        self.answers += &format!("{what}: {:?}\n{}\n", answer.headers, answer.text);
    }

    /// How such a story ends.
    async fn end(self, mut scene: Scene) {
        let mut said = self.answers;
        said += &scene.metrics().await;
        scene.other_secrets.extend(self.secrets);
        logs::assert_free_of_secrets("what was answered", said.as_bytes(), &scene.secrets());
        scene.end().await;
    }
}

async fn t17_no_error_repeats_a_secret_it_was_sent(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let mut planted = Planted::default();
    let omar = scene.person("acme", OMAR);
    let jira = &scene.world.jira;
    // In the path, the query, the headers and the cookie of every address there could be.
    let paths = [
        "/",
        "/nothing",
        "/static/x",
        "/link",
        "/link/x",
        "/link/callback",
        "/link/x/prove",
        "/link/x/confirm",
        "/link/x/cancel",
        "/api/link",
        "/api/link/renew",
        "/api/link/key",
        "/api/admin/site",
        "/api/admin/links",
        "/api/admin/links/x",
        "/api/admin/left",
        "/api/admin/events",
        "/oauth/introspect",
        "/oauth/token",
        "/service/links",
        "/service/links/x",
        "/connect/glance",
        "/connect/finish",
        "/connect/admin",
        "/connect/installed",
        "/connect/uninstalled",
        "/connect/enabled",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
            let what = format!("{method} {path}");
            let mut secret = || planted.secret(&scene);
            let names = [
                "jwt", "code", "state", "error", "iss", "handle", "attempt", "issue", "token",
            ];
            let query: Vec<(&str, String)> = names.map(|name| (name, secret())).into();
            let address = Url::parse_with_params(&scene.address(path), &query);
            let with_query = address.expect("an address");
            let token = secret();
            let in_path = scene.address(&path.replace('x', &secret()));
            let requests: [RequestBuilder; 5] = [
                scene.http.request(method.clone(), with_query),
                scene.http.request(method.clone(), in_path),
                scene
                    .http
                    .request(method.clone(), scene.address(path))
                    .header(AUTHORIZATION, format!("JWT {token}"))
                    .header(COOKIE, format!("__Host-latchkey={}", secret()))
                    .header(ORIGIN, format!("https://{}.example", secret()))
                    .header(REFERER, format!("https://x.example/?{}", secret()))
                    .header(HOST, format!("{}.example", secret()))
                    .header("x-forwarded-for", secret())
                    .body(format!("{{\"handle\": \"{}\"", secret())),
                scene
                    .http
                    .request(method.clone(), scene.address(path))
                    .header(AUTHORIZATION, format!("Bearer {}", secret()))
                    .form(&query),
                omar.call(method.clone(), path)
                    .body(format!("{{\"handle\": {{\"{}\": 1}}}}", secret())),
            ];
            for request in requests {
                let answer = scene.send(request).await;
                if answer.status.is_success() {
                    // Omar's own: a look at his link, and a link that he has not. And what this is, for everybody.
                    assert!(
                        ["/", "/api/link"].contains(&path),
                        "{what}: {}",
                        answer.text
                    );
                } else {
                    planted.refused(&what, &answer);
                }
            }
        }
    }
    // Tokens that could have been good, each refused by another check and wherever one may stand.
    let now = jira.now();
    let none = Overrides::none;
    let bent = [
        none().claim("iss", "nobody-ever-installed-this"),
        none().secret("a-secret-of-somebody-else-entirely"),
        none().claim("iat", now - 300).claim("exp", now - 31),
        none().claim("iat", now + 120),
        none().claim("qsh", "of another request"),
        none().without("qsh"),
        none().header("alg", "RS256"),
        none().header("alg", "none"),
    ];
    for overrides in bent {
        let context = jira.context_token("acme", OMAR, &overrides);
        let installed = jira.lifecycle_token("acme", LifecycleEvent::Installed, &overrides);
        let requests = [
            with_token(&scene, "/api/link", &context),
            with_token(&scene, "/link/x/prove", &context),
            with_token(&scene, "/connect/enabled", &context),
            with_token(&scene, "/connect/installed", &installed),
            with_token(&scene, "/connect/uninstalled", &context),
            scene
                .http
                .get(scene.address(&format!("/link?jwt={context}"))),
            scene
                .http
                .get(scene.address(&format!("/connect/glance?jwt={context}"))),
            scene
                .http
                .post(scene.address("/link"))
                .form(&[("jwt", context.as_str())]),
        ];
        for request in requests {
            planted.refused("a bent token", &scene.send(request).await);
        }
    }
    // With tokens that are good so far: what is wrong comes later.
    let returned = omar.until_returned("u-100").await;
    let bad = omar
        .finish("prove", &returned.id, &planted.secret(&scene))
        .await;
    planted.refused("a wrong handle", &bad);
    let begun = omar.begin().await;
    omar.go_on(&begun).await;
    let callback = format!(
        "{}?code={}&state={}&iss={}",
        scene.address("/link/callback"),
        planted.secret(&scene),
        planted.secret(&scene),
        planted.secret(&scene)
    );
    let answer = omar.come_back(&callback, &begun.cookie).await;
    planted.refused("a wrong state", &answer);
    let event = LifecycleEvent::Installed;
    for field in [
        "sharedSecret",
        "baseUrl",
        "displayUrl",
        "key",
        "oauthClientId",
    ] {
        let (one, other) = (planted.secret(&scene), planted.secret(&scene));
        for value in [
            json!({ one.clone(): [one] }),
            json!(format!(
                "https://user:{other}@acme.example/?{other}#{other}"
            )),
        ] {
            let mut body = jira.lifecycle_body("acme", event);
            body["sharedSecret"] = json!(planted.secret(&scene));
            body["clientKey"] = json!(scene.client_key("globex"));
            body[field] = value;
            let token = jira.lifecycle_token("acme", event, &Overrides::none());
            let request = scene
                .http
                .post(scene.address("/connect/installed"))
                .header(AUTHORIZATION, format!("JWT {token}"))
                .json(&body);
            planted.refused(field, &scene.send(request).await);
        }
    }
    planted.end(scene).await;
}

fn with_token(scene: &Scene, path: &str, token: &str) -> RequestBuilder {
    let method = match path {
        "/api/link" => Method::GET,
        _ => Method::POST,
    };
    scene
        .http
        .request(method, scene.address(path))
        .header(AUTHORIZATION, format!("JWT {token}"))
}

/// An answer that says too much, as a debug page of somebody else's does.
fn telling(status: u16, secret: &str) -> Kind {
    let headers = [
        ("content-type", "application/json".to_owned()),
        (
            "www-authenticate",
            format!("Bearer error_description=\"{secret}\""),
        ),
        ("x-debug", secret.to_owned()),
    ];
    let body = json!({
        "error": "invalid_request",
        "error_description": format!("the client secret is {secret}"),
        "error_uri": format!("https://service.example/?{secret}"),
        "access_token": {"was": secret},
        "debug": secret,
    });
    let headers = headers.map(|(name, value)| (name.to_owned(), value));
    Kind::Status(status, headers.into(), body.to_string())
}

async fn t17_no_error_repeats_a_secret_another_server_sent(db: Db) {
    let setting = Setting {
        service: ServiceOptions {
            name_in: NameIn::Userinfo,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_API_KEY_FROM", "endpoint")
    .with("LATCHKEY_API_KEY_URL", "{service}/keys");
    let scene = Scene::start(db, setting).await;
    let mut planted = Planted::default();
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);

    // While somebody begins.
    for code in [200, 400, 401, 403, 500] {
        let secret = planted.secret(&scene);
        jira.fault(jira::Fault::new(FaultKind::Status {
            code,
            headers: vec![("x-debug".to_owned(), secret.clone())],
            body: format!("{{\"accountType\": [\"{secret}\"], \"errorMessages\": \"{secret}\"}}"),
        }));
        planted.refused("Jira", &omar.begin_with(&omar.token()).await);
        jira.clear_faults();
    }
    let begun = omar.begin().await;
    let path = format!("/link/{}", begun.id);
    for status in [200, 400, 500] {
        let kind = telling(status, &planted.secret(&scene));
        service.fault(Fault::once(Endpoint::Discovery, kind));
        let answer = omar.with_cookie(Method::POST, &path, &begun.cookie).await;
        planted.refused("discovery", &answer);
    }
    // While the code is redeemed.
    for endpoint in [Endpoint::Jwks, Endpoint::Redeem, Endpoint::Identity] {
        for status in [200, 400, 401, 500] {
            let kind = telling(status, &planted.secret(&scene));
            service.fault(Fault::once(endpoint, kind));
            let returned = omar.until_returned("u-100").await;
            omar.prove(&returned).await.is(200);
            let answer = omar.look(&returned).await;
            match endpoint {
                // The ID token says who it is, and nothing of what came is shown.
                Endpoint::Identity => {
                    planted.kept("redeeming", &answer.is(200));
                    omar.cancel(&returned.id, &returned.cookie).await;
                }
                _ => planted.refused("redeeming", &answer),
            }
            service.clear_faults();
            scene.no_work_left().await;
            // Nobody tries so often at once.
            scene.advance(5);
        }
    }
    for answer in [
        json!({"access_token": "SECRET", "token_type": {"SECRET": 1}}),
        json!({"access_token": "SECRET", "token_type": "bearer", "id_token": "SECRET.SECRET.SECRET"}),
        json!({"access_token": "SECRET", "token_type": "bearer", "expires_in": "SECRET"}),
        json!(["SECRET"]),
    ] {
        let body = answer
            .to_string()
            .replace("SECRET", &planted.secret(&scene));
        let json = vec![("content-type".to_owned(), "application/json".to_owned())];
        service.fault(Fault::once(Endpoint::Redeem, Kind::Status(200, json, body)));
        let returned = omar.until_returned("u-100").await;
        omar.prove(&returned).await.is(200);
        planted.refused("redeeming", &omar.look(&returned).await);
    }
    scene.cleaned_up("what was made up is revoked").await;
    service.take_unexpected();
    // While it is renewed, minted, put, and taken away: nobody waits for an answer there, but it is logged.
    mia.link("u-200").await;
    mia.recorded().await;
    for status in [400, 401, 403, 500] {
        for endpoint in [Endpoint::Keys, Endpoint::Refresh] {
            let kind = telling(status, &planted.secret(&scene));
            service.fault(Fault::once(endpoint, kind));
        }
        let secret = planted.secret(&scene);
        let put = jira::Fault::new(FaultKind::Status {
            code: status,
            headers: vec![("x-debug".to_owned(), secret.clone())],
            body: secret,
        });
        jira.fault(put.clone().on_property("PUT").times(1));
        jira.fault(put.at("auth").times(1));
        let before = mia.generation().expect("there is a key");
        mia.renew().await.is(202);
        eventually("it is renewed all the same", async || {
            scene.advance(60);
            if mia.generation()? > before {
                return Some(());
            }
            // What the service refuses outright only the person can bring back.
            if mia.state().await == "reconnect" {
                service.clear_faults();
                jira.clear_faults();
                mia.link("u-200").await;
            }
            None
        })
        .await;
        service.clear_faults();
        jira.clear_faults();
        eventually("it is recorded", async || {
            (mia.state().await == "linked").then_some(())
        })
        .await;
    }
    let kind = telling(500, &planted.secret(&scene));
    service.fault(Fault::once(Endpoint::Revoke, kind.clone()));
    service.fault(Fault::once(Endpoint::Keys, kind));
    jira.fault(jira::Fault::status(500).on_property("DELETE").times(1));
    mia.disconnect().await;
    eventually("everything is cleaned up", async || {
        // Not so far that a token on its way to Jira runs out.
        scene.advance(100);
        (scene.figures().await?.cleanup == 0).then_some(())
    })
    .await;
    // While a key is fetched to install by.
    let event = LifecycleEvent::Installed;
    for status in [200, 400, 500] {
        jira.rotate_install_key();
        let secret = planted.secret(&scene);
        let fault = jira::Fault::new(FaultKind::Status {
            code: status,
            headers: vec![("x-debug".to_owned(), secret.clone())],
            body: format!("-----BEGIN PUBLIC KEY-----\n{secret}\n-----END PUBLIC KEY-----\n"),
        });
        jira.fault(fault.at("keys").times(1));
        let token = jira.lifecycle_token("acme", event, &Overrides::none());
        let request = scene
            .http
            .post(scene.address("/connect/installed"))
            .header(AUTHORIZATION, format!("JWT {token}"))
            .json(&jira.lifecycle_body("acme", event));
        planted.refused("keys", &scene.send(request).await);
    }
    service.take_unexpected();
    planted.end(scene).await;
}

async fn t17_a_secret_that_was_planted_is_found(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let key = scene.client_key("globex").replace('-', "");
    let canary = |name: &str| format!("canary-{name}-{db:?}-{key}");

    // A line, a field, a span around something else, and one in the disguise of an address.
    let (line, field, span, address) = (
        canary("line"),
        canary("field"),
        canary("span"),
        canary("address/of+it"),
    );
    for hidden in [&line, &field, &span, &address] {
        assert!(!scene.log.finds(hidden), "nobody has said it yet");
    }
    tracing::info!(target: "latchkey::planted", "the token is {line}");
    tracing::debug!(target: "latchkey::planted", token = %field, "a token");
    tracing::debug_span!(target: "latchkey::planted", "request", jwt = span.as_str())
        .in_scope(|| tracing::trace!(target: "latchkey::planted", "something else"));
    let encoded: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    tracing::warn!(target: "latchkey::planted", "GET /link?jwt={encoded}");
    for said in [&line, &field, &span, &address] {
        assert!(scene.log.finds(said), "{said}");
    }

    // A row that holds it in clear.
    let row = canary("row");
    let found = |what: &str| {
        let what = [what.to_owned()];
        let search = || {
            tokio::runtime::Handle::current().block_on(scene.database_is_free_of(&what));
        };
        tokio::task::block_in_place(|| std::panic::catch_unwind(AssertUnwindSafe(search)).is_err())
    };
    assert!(!found(&row));
    let store = &scene.app().parts.store;
    let kept = store.spend_token(&row, scene.clock.now() + 60).await;
    assert!(kept.expect("it can be written"));
    assert!(found(&row), "it stands in the database");
    scene.end().await;
}
