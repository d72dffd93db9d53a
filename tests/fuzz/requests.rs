//! Whole requests to the router: method, address and body as they come; forms, queries, callbacks and
//! headers are all read behind it.
//!
//! The first line is method and address, then headers, an empty line, and the body. `{context}` and
//! `{bound}` become tokens that are good for this request, so that what is behind a token is reached too.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::model::{ClientKey, Installation, LifecycleCall};
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::secret::Secret;
use latchkey::{App, Outside, web};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::jwt::SECRET;
use super::settings::GOOD;
use super::{jwt_model, qsh_model};

const TENANT: &str = "tenant-a";
const BASE: &str = "/base";

struct Place {
    runtime: Runtime,
    router: Router,
    app: Arc<App>,
    _directory: TempDir,
}

/// The product on a database of its own. Whomever it calls is not there.
fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = format!("sqlite://{}/latchkey.db", directory.path().display());
        let base_url = format!("http://latchkey.localhost:9{BASE}");
        let nobody = "http://127.0.0.1:9";
        let mut pairs = GOOD.to_vec();
        pairs.retain(|(name, _)| *name != "LATCHKEY_BASE_URL" && !name.ends_with("_ISSUER"));
        pairs.extend([
            ("LATCHKEY_BASE_URL", base_url.as_str()),
            ("LATCHKEY_DATABASE_URL", &database),
            ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true"),
            ("LATCHKEY_SITE_HOSTS", "*.localhost"),
            ("LATCHKEY_INSTALL_KEYS_URL", nobody),
            ("LATCHKEY_PROVIDER_AUTHORIZE_URL", nobody),
            ("LATCHKEY_PROVIDER_TOKEN_URL", nobody),
            ("LATCHKEY_PROVIDER_IDENTITY_URL", nobody),
        ]);
        let config = Config::from_pairs(pairs).expect("the settings are good");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let app = runtime.block_on(async {
            let outside = Outside {
                clock: Clock::system(),
                random: Random::system(),
                http: Outbound::new(true).expect("a client"),
            };
            let app = App::new(config, outside).await.expect("the app starts");
            let installation = Installation {
                client_key: ClientKey(TENANT.to_owned()),
                base_url: "http://acme.localhost:9".to_owned(),
                display_urls: Vec::new(),
                shared_secret: Secret::new(SECRET),
                oauth_client_id: None,
            };
            let now = app.parts.clock.now();
            let call = LifecycleCall {
                token_hash: "of-the-first-call".to_owned(),
                body_hash: String::new(),
                signed_at: now,
                expires_at: now,
            };
            let installed = app.parts.store.install(&installation, &call, now).await;
            installed.expect("it is written");
            app
        });
        Place {
            router: web::router(app.clone()),
            runtime,
            app,
            _directory: directory,
        }
    })
}

pub fn run(bytes: &[u8]) {
    let Place {
        runtime,
        router,
        app,
        ..
    } = place();
    let Some(request) = request(bytes, app.parts.clock.now()) else {
        return;
    };
    let about = format!("{} {}", request.method(), request.uri());
    let answer = runtime
        .block_on(router.clone().oneshot(request))
        .unwrap_or_else(|never| match never {});
    // 503 is what it says where it called somebody who is not there.
    let status = answer.status().as_u16();
    assert!(status < 500 || status == 503, "{about}: {status}");
    let policy = answer.headers().get("content-security-policy");
    let policy = policy.expect("there is a policy").as_bytes();
    assert!(policy.starts_with(b"default-src 'none'; "), "{about}");
    assert_eq!(
        answer.headers()["cache-control"],
        "no-cache, no-store",
        "{about}"
    );
}

fn request(bytes: &[u8], now: i64) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let body = body.get(2..).unwrap_or_default();
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let method = Method::from_bytes(&first[..space]).ok()?;
    let address = &first[space + 1..];

    let token = |qsh: &str| {
        let claims = format!(
            r#"{{"iss":"{TENANT}","sub":"557058:a","iat":{now},"exp":{},"qsh":"{qsh}"}}"#,
            now + 180
        );
        let header = br#"{"alg":"HS256","typ":"JWT"}"#;
        jwt_model::sign(header, claims.as_bytes(), SECRET.as_bytes())
    };
    let context = token("context-qsh");
    let uri = Uri::try_from(replaced(address, b"{context}", &context)).ok()?;
    let without = Uri::try_from(replaced(address, b"{bound}", "x")).ok();
    let bound = without.map_or_else(String::new, |uri| {
        let qsh = qsh_model::qsh(method.as_str(), BASE, uri.path(), uri.query());
        token(&qsh)
    });
    let uri = Uri::try_from(replaced(uri.to_string().as_bytes(), b"{bound}", &bound)).ok()?;
    let filled =
        |text: &[u8]| replaced(&replaced(text, b"{context}", &context), b"{bound}", &bound);
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(&filled(line[colon + 1..].trim_ascii_start())).ok()?;
        request = request.header(name, value);
    }
    request.body(Body::from(filled(body))).ok()
}

fn replaced(text: &[u8], what: &[u8], with: &str) -> Vec<u8> {
    let Some(at) = text.windows(what.len()).position(|part| part == what) else {
        return text.to_vec();
    };
    [&text[..at], with.as_bytes(), &text[at + what.len()..]].concat()
}
