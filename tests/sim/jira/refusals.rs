//! The simulator's own tests: what it must refuse, or it proves nothing about the product.

use axum::Router;
use axum::response::Json;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Fault, FaultKind, ForgePages, Jira, LifecycleEvent, Limits, MIA, OMAR, Overrides, PAT, Scope,
    loopback_client, percent, query_hash, tokens,
};

const PROPERTY: &str = "/rest/api/3/user/properties/example-app";

/// A Jira with a small app installed on both sites; the app lives on the landing host.
async fn jira_with_app() -> Jira {
    let jira = Jira::start().await;
    let base_url = jira.landing_url();
    let descriptor = json!({
        "key": "example-app", "name": "Example", "baseUrl": base_url, "apiVersion": 1,
        "authentication": {"type": "jwt"},
        "apiMigrations": {"gdpr": true, "signed-install": true, "context-qsh": true},
        "lifecycle": {"installed": "/installed", "uninstalled": "/uninstalled"},
        "scopes": ["READ", "WRITE", "DELETE", "ACT_AS_USER"],
        "modules": {
            "jiraIssueContexts": [{
                "key": "panel", "name": {"value": "Example"},
                "icon": {"url": "/icon.svg", "width": 16, "height": 16},
                "content": {"type": "label", "label": {"value": "Example"}},
                "target": {"type": "web_panel", "url": "/panel?issue={issue.key}"},
            }],
            "generalPages": [{
                "key": "page", "name": {"value": "Page"}, "location": "none",
                "url": "/page?a={ac.a}&b={ac.b}",
            }],
        },
    });
    let icon = || async { ([("content-type", "image/svg+xml")], "<svg/>") };
    jira.set_landing(
        Router::new()
            .route("/descriptor", get(async move || Json(descriptor)))
            .route("/icon.svg", get(icon))
            .route("/installed", post(async || ()))
            .route("/uninstalled", post(async || ())),
    );
    for site in ["acme", "globex"] {
        let address = format!("{base_url}/descriptor");
        jira.install(site, &address).await.expect("the app is fine");
    }
    jira
}

/// An app JWT for this call, bent by the overrides.
fn app_token(jira: &Jira, method: &str, path: &str, query: &str, overrides: &Overrides) -> String {
    let site = jira.site("acme");
    let claims = json!({
        "iss": "example-app", "aud": site.client_key, "iat": jira.now(), "exp": jira.now() + 60,
        "qsh": query_hash(method, path, query),
    });
    let app = site.app.expect("installed");
    let secret = app.secrets.last().expect("it has a secret");
    tokens::mint(
        json!({"typ": "JWT", "alg": "HS256"}),
        claims,
        secret,
        overrides,
    )
}

async fn call(
    jira: &Jira,
    site: &str,
    method: Method,
    path_and_query: &str,
    authorization: &str,
    body: &str,
) -> StatusCode {
    let address = format!("{}{path_and_query}", jira.url(site));
    let request = loopback_client()
        .request(method, address)
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body(body.to_owned());
    request.send().await.expect("an answer").status()
}

/// Puts a property of this person at acme with an app JWT bent by the overrides.
async fn put(jira: &Jira, account: &str, overrides: &Overrides) -> StatusCode {
    let query = format!("accountId={}", percent(account));
    let token = app_token(jira, "PUT", PROPERTY, &query, overrides);
    let (to, authorization) = (format!("{PROPERTY}?{query}"), format!("JWT {token}"));
    call(
        jira,
        "acme",
        Method::PUT,
        &to,
        &authorization,
        r#"{"generation":1}"#,
    )
    .await
}

async fn bearer(jira: &Jira, site: &str, account: &str, overrides: &Overrides) -> Value {
    let found = jira.site(site);
    let app = found.app.expect("installed");
    let claims = json!({
        "iss": format!("urn:atlassian:connect:clientid:{}", app.oauth_client_id),
        "sub": format!("urn:atlassian:connect:useraccountid:{account}"),
        "tnt": jira.url(site), "aud": jira.impersonation_url(),
        "iat": jira.now(), "exp": jira.now() + 60,
    });
    let secret = app.secrets.last().expect("it has a secret");
    let assertion = tokens::mint(json!({"alg": "HS256"}), claims, secret, overrides);
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &assertion),
    ];
    let request = loopback_client().post(format!("{}/oauth2/token", jira.impersonation_url()));
    let answer = request.form(&form).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_property_is_made_then_replaced() {
    let jira = jira_with_app().await;
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 201);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 200);
    jira.wait_for_property("acme", OMAR, "example-app", |value| {
        value["generation"] == 1
    })
    .await;
    assert_eq!(jira.property("globex", OMAR, "example-app"), None);
    assert_eq!(jira.property_writes().len(), 2);
    assert!(jira.generations_gone_back().is_empty());
    assert_eq!(jira.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_app_token_is_refused() {
    let jira = jira_with_app().await;
    let now = jira.now();
    let none = Overrides::none;
    let foreign = jira.site("globex").client_key;
    for wrong in [
        none().claim("qsh", query_hash("PUT", PROPERTY, "accountId=x")),
        none().claim("qsh", "context-qsh"),
        none().without("qsh"),
        none().secret("another secret"),
        none().header("alg", "none"),
        none().claim("iss", "another-app"),
        none().claim("aud", foreign),
        none().claim("exp", now - 60),
        none().without("exp"),
        none().without("iat"),
        none().claim("exp", now + 3600),
    ] {
        assert_eq!(put(&jira, OMAR, &wrong).await, 401);
    }
    assert_eq!(jira.unexpected().len(), 11);
    assert!(jira.property_writes().is_empty());
}

#[tokio::test]
async fn a_token_in_the_query_is_refused() {
    let jira = jira_with_app().await;
    let query = format!("accountId={}", percent(OMAR));
    let token = app_token(&jira, "PUT", PROPERTY, &query, &Overrides::none());
    let to = format!("{PROPERTY}?{query}&jwt={token}");
    let status = call(
        &jira,
        "acme",
        Method::PUT,
        &to,
        &format!("JWT {token}"),
        "1",
    )
    .await;
    assert_eq!(status, 401);
    assert!(jira.take_unexpected()[0].contains("query string"));
}

#[tokio::test]
async fn scopes_rights_and_people_are_checked() {
    let jira = jira_with_app().await;
    assert_eq!(put(&jira, "nobody", &Overrides::none()).await, 404);
    jira.set_app_is_admin("acme", false);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 403);
    jira.set_app_is_admin("acme", true);
    assert!(jira.take_unexpected().is_empty());

    let drop_write = |site: &mut super::Site| {
        let scopes = Scope::with_implied([Scope::Read]);
        site.app.as_mut().expect("installed").scopes = scopes;
    };
    jira.edit_site("acme", drop_write);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 403);
    assert_eq!(jira.take_unexpected().len(), 1);

    jira.uninstall("acme").await.expect("the app answers");
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 401);
}

#[tokio::test]
async fn large_values_and_long_keys_are_refused() {
    let jira = jira_with_app().await;
    let query = format!("accountId={MIA}");
    let long = format!("/rest/api/3/user/properties/{}", "k".repeat(256));
    let large = format!("\"{}\"", "v".repeat(32_767));
    let fits = format!("\"{}\"", "v".repeat(32_766));
    for (path, body, status) in [
        (long.as_str(), "1", 400),
        (PROPERTY, large.as_str(), 400),
        (PROPERTY, "not JSON", 400),
        (PROPERTY, fits.as_str(), 201),
    ] {
        let token = app_token(&jira, "PUT", path, &query, &Overrides::none());
        let to = format!("{path}?{query}");
        let answer = call(
            &jira,
            "acme",
            Method::PUT,
            &to,
            &format!("JWT {token}"),
            body,
        )
        .await;
        assert_eq!(answer, status);
    }
}

#[tokio::test]
async fn a_bearer_token_serves_one_person_on_one_site() {
    let jira = jira_with_app().await;
    let token = bearer(&jira, "acme", OMAR, &Overrides::none()).await;
    let token = format!(
        "Bearer {}",
        token["access_token"].as_str().expect("a token")
    );
    jira.set_app_is_admin("acme", false);
    let own = format!("{PROPERTY}?accountId={}", percent(OMAR));
    let others = format!("{PROPERTY}?accountId={MIA}");
    assert_eq!(
        call(&jira, "acme", Method::PUT, &own, &token, "1").await,
        201
    );
    assert_eq!(
        call(&jira, "acme", Method::PUT, &others, &token, "1").await,
        403
    );
    assert_eq!(
        call(&jira, "globex", Method::PUT, &own, &token, "1").await,
        401
    );
    jira.advance(std::time::Duration::from_secs(1000));
    assert_eq!(
        call(&jira, "acme", Method::PUT, &own, &token, "1").await,
        401
    );
}

#[tokio::test]
async fn a_wrong_assertion_is_refused() {
    let jira = jira_with_app().await;
    let none = Overrides::none;
    for wrong in [
        none().claim("tnt", jira.url("globex")),
        none().claim("aud", "https://elsewhere.example"),
        none().claim("iss", "example-app"),
        none().claim("sub", OMAR),
        none().claim("exp", jira.now() + 120),
        none().secret("another secret"),
    ] {
        let answer = bearer(&jira, "acme", OMAR, &wrong).await;
        assert_eq!(answer["error"], "invalid_grant");
    }
    let answer = bearer(&jira, "acme", "nobody", &none()).await;
    assert_eq!(answer["error"], "access_denied");
}

#[tokio::test]
async fn a_bad_descriptor_is_refused() {
    let jira = jira_with_app().await;
    let good = jira.site("acme").app.expect("installed").descriptor;
    for (pointer, bad) in [
        ("/key", json!("with space")),
        ("/baseUrl", json!("http://app.example")),
        ("/authentication/type", json!("none")),
        (
            "/lifecycle/installed",
            json!("https://elsewhere.example/installed"),
        ),
        ("/scopes", json!(["EVERYTHING"])),
        ("/modules/generalPages/0/key", json!("under_score")),
        ("/modules/generalPages/0/key", json!("panel")),
        ("/modules/jiraIssueContexts/0/target/type", json!("page")),
        (
            "/modules/jiraIssueContexts/0/icon",
            json!({"url": "/icon.svg"}),
        ),
        ("/apiMigrations/signed-install", json!(false)),
    ] {
        let mut descriptor = good.clone();
        *descriptor.pointer_mut(pointer).expect("it is there") = bad;
        let refused = super::descriptor::check(&descriptor);
        assert!(refused.is_err(), "{pointer} was taken");
    }
    assert!(super::descriptor::check(&good).is_ok());
}

#[tokio::test]
async fn an_app_that_refuses_is_not_installed() {
    let jira = Jira::start().await;
    let address = format!("{}/descriptor", jira.landing_url());
    assert!(jira.install("acme", &address).await.is_err());
    assert!(jira.site("acme").app.is_none());
}

#[tokio::test]
async fn faults_limits_and_records() {
    let jira = jira_with_app().await;
    jira.fault(Fault::new(FaultKind::CutAfter).on_property("PUT").times(1));
    let query = format!("accountId={MIA}");
    let token = app_token(&jira, "PUT", PROPERTY, &query, &Overrides::none());
    let lost = loopback_client()
        .put(format!("{}{PROPERTY}?{query}", jira.url("acme")))
        .header("authorization", format!("JWT {token}"))
        .header("content-type", "application/json")
        .body("1");
    assert!(lost.send().await.is_err());
    assert!(jira.property("acme", MIA, "example-app").is_some());

    jira.fault(Fault::status(503).at("acme").account(OMAR).times(1));
    assert_eq!(put(&jira, MIA, &Overrides::none()).await, 200);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 503);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 201);

    jira.set_limits(Limits {
        quota: Some(4),
        burst: None,
    });
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 200);
    assert_eq!(put(&jira, OMAR, &Overrides::none()).await, 429);
    assert!(jira.unexpected().is_empty());
}

#[tokio::test]
async fn pages_ask_to_sign_in_and_frame_the_app() {
    let jira = jira_with_app().await;
    let way_back = "/plugins/servlet/ac/example-app/page?ac.a=1%202&ac.c=3";
    let client = loopback_client();
    let open = |cookie: String| {
        let request = client.get(format!("{}{way_back}", jira.url("acme")));
        request.header("cookie", cookie).send()
    };
    let away = open(String::new()).await.expect("an answer");
    let to = away.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(to, format!("/login?dest-url={}", percent(way_back)));

    let page = open(jira.sign_in("acme", PAT)).await.expect("an answer");
    let page = page.text().await.expect("a page");
    assert!(page.contains("/page?a=1%202&amp;b=&amp;xdm_e="));
    let framed = jira.page_frame("acme", PAT, way_back).expect("it exists");
    assert!(framed.contains("/page?a=1%202&b=&xdm_e="));
    assert!(
        jira.issue_frame("acme", PAT, "KEY-2")
            .contains("/panel?issue=KEY-2&")
    );
}

#[tokio::test]
async fn a_forged_lifecycle_token_is_not_the_real_one() {
    let jira = jira_with_app().await;
    let token =
        |overrides: Overrides| jira.lifecycle_token("acme", LifecycleEvent::Installed, &overrides);
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(tokens::install_key_pem().as_bytes());
    let key = key.expect("a public key");
    let mut checks = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    checks.set_audience(&[jira.landing_url()]);
    let reads = |token: String| jsonwebtoken::decode::<Value>(&token, &key, &checks).is_ok();
    assert!(reads(token(Overrides::none())));
    assert!(!reads(token(Overrides::none().foreign_key())));
    assert!(!reads(token(Overrides::none().header("alg", "HS256"))));
    assert!(!reads(token(Overrides::none().header("alg", "none"))));
}

/// A site with the Forge app, whose remote answers in odd ways and says with what it was called.
async fn jira_with_forge() -> Jira {
    let jira = Jira::start().await;
    let echo = async |headers: axum::http::HeaderMap| {
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = value("authorization").unwrap_or_default();
        let claims = bearer.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
        Json(json!({"claims": claims, "system": value("x-forge-oauth-system")}))
    };
    let typed = |status: u16, kind: &'static str, body: &'static str| {
        let status = StatusCode::from_u16(status).expect("a status");
        get(async move || (status, [("content-type", kind)], body))
    };
    jira.set_landing(
        Router::new()
            .route("/echo", get(echo))
            .route("/refused", typed(403, "application/json", "{\"why\": 1}"))
            .route("/problem", typed(403, "application/problem+json", "{}"))
            .route("/text", typed(200, "text/plain", "hello"))
            .route("/moved", typed(303, "application/json", "{}"))
            .route("/broken", typed(200, "application/json", "{"))
            .route("/empty", get(async || StatusCode::NO_CONTENT)),
    );
    jira.put_forge("acme", &jira.landing_url());
    let files = [
        (
            "issue/index.html",
            "<!doctype html><html><head></head></html>",
        ),
        ("issue/icon.svg", "<svg/>"),
        ("finish/index.html", "<head></head>"),
        ("admin/index.html", "<head></head>"),
    ];
    let files = files.map(|(path, content)| (path.to_owned(), content.into()));
    jira.set_forge_pages(ForgePages::new("Example", files));
    jira
}

/// Opens a page of a site as this person.
async fn opens(jira: &Jira, site: &str, account: &str, address: &str) -> String {
    let request = loopback_client().get(address);
    let request = request.header("cookie", jira.sign_in(site, account));
    let answer = request.send().await.expect("an answer");
    answer.text().await.expect("a page")
}

/// What a page of the app gets for a call of the remote.
async fn invokes(jira: &Jira, site: &str, account: Option<&str>, path: &str) -> Value {
    let input = json!({"path": path, "method": "GET", "headers": {"Authorization": "Bearer mine"}});
    let call = json!({"input": input, "page": "finish",
        "context": {"siteUrl": "https://elsewhere.example", "principal": MIA}});
    let address = format!("{}/s/invoke", jira.url(site));
    let mut request = loopback_client().post(address).json(&call);
    if let Some(account) = account {
        request = request.header("cookie", jira.sign_in(site, account));
    }
    let answer = request.send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_page_of_forge_calls_as_the_person_of_the_session_and_gets_what_forge_passes_on() {
    let jira = jira_with_forge().await;
    let echoed = invokes(&jira, "acme", Some(OMAR), "/echo").await;
    assert_eq!(echoed["success"], true, "{echoed}");
    let said = &echoed["payload"]["body"];
    assert_eq!(said["claims"]["principal"], OMAR);
    let module = json!({"type": "jira:globalPage", "key": "latchkey-finish"});
    assert_eq!(said["claims"]["app"]["module"], module);
    assert_eq!(
        said["claims"]["context"]["siteUrl"],
        "https://elsewhere.example"
    );
    assert_eq!(said["system"], Value::Null);
    let nobody = invokes(&jira, "acme", None, "/echo").await;
    assert_eq!(
        nobody["payload"]["body"]["claims"]["principal"],
        Value::Null
    );
    jira.set_pages_bring_tokens("acme", true);
    let with_token = invokes(&jira, "acme", Some(OMAR), "/echo").await;
    assert!(with_token["payload"]["body"]["system"].is_string());

    let empty = invokes(&jira, "acme", Some(OMAR), "/empty").await;
    assert_eq!(empty["payload"]["status"], 204, "{empty}");
    let refused = invokes(&jira, "acme", Some(OMAR), "/refused").await;
    let error = json!({"why": 1});
    assert_eq!(refused["success"], false);
    assert_eq!(refused["error"]["body"], error, "{refused}");
    for path in ["/problem", "/text", "/moved", "/broken", "no-slash"] {
        let answer = invokes(&jira, "acme", Some(OMAR), path).await;
        assert!(answer["rejects"].is_string(), "{path}: {answer}");
    }
    let elsewhere = invokes(&jira, "globex", Some(OMAR), "/echo").await;
    assert!(
        elsewhere["rejects"].is_string(),
        "it is not installed there"
    );
}

#[tokio::test]
async fn forge_frames_pages_of_another_origin_under_its_policy() {
    let jira = jira_with_forge().await;
    let acme = jira.url("acme");
    let issue = opens(&jira, "acme", OMAR, &format!("{acme}/browse/KEY-1")).await;
    let source = format!("{}/acme/issue/index.html", jira.forge_network());
    assert!(issue.contains(&format!("src=\"{source}\"")), "{issue}");
    let sandbox = "sandbox=\"allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts\"";
    assert!(issue.contains(sandbox), "{issue}");
    let answer = loopback_client()
        .get(&source)
        .send()
        .await
        .expect("an answer");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains(&format!("frame-ancestors 'self' *.atlassian.net bitbucket.org *.jira.com *.atlassian.com *.frontend.public.atl-paas.net {acme} ")), "{policy}");
    let page = answer.text().await.expect("a page");
    assert!(
        page.contains("<head><script src=\"/bridge.js\"></script>"),
        "{page}"
    );

    let shows = async |account: &str, address: &str| {
        let page = opens(&jira, "acme", account, address).await;
        page.contains("data-forge=")
    };
    let finish = jira.forge_finish_url("acme");
    assert!(shows(OMAR, &format!("{finish}?attempt=a&handle=b")).await);
    assert!(!shows(OMAR, &finish.replace(&jira.forge_app_id(), "another")).await);
    let admin = jira.forge_admin_url("acme");
    assert!(shows(MIA, &admin).await);
    assert!(!shows(OMAR, &admin).await, "he is no admin");
    // Where it is not installed there is nothing of it.
    let globex = jira.url("globex");
    let issue = opens(&jira, "globex", OMAR, &format!("{globex}/browse/KEY-1")).await;
    assert!(!issue.contains("data-forge="), "{issue}");
    let source = source.replace("/acme/", "/globex/");
    let answer = loopback_client().get(source).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_report_of_accounts_is_checked_at_both_doors() {
    let jira = jira_with_app().await;
    jira.put_forge("acme", &jira.landing_url());
    let path = "/rest/atlassian-connect/latest/report-accounts";
    let authorization = |overrides: &Overrides| {
        let token = app_token(&jira, "POST", path, "", overrides);
        format!("JWT {token}")
    };
    let by_connect = async |authorization: &str, body: &str| {
        call(&jira, "acme", Method::POST, path, authorization, body).await
    };
    let by_forge = async |authorization: &str, body: &str| {
        let request = loopback_client()
            .post(format!("{}/app/report-accounts/", jira.api_url()))
            .header("authorization", authorization)
            .header("content-type", "application/json")
            .body(body.to_owned());
        request.send().await.expect("an answer").status()
    };
    let one = |id: &str, at: &str| json!({"accountId": id, "updatedAt": at});
    let body = |accounts: &[Value]| json!({"accounts": accounts}).to_string();
    let at = "2026-11-22T12:00:00Z";
    let many = |number: usize| {
        let ids = (0..number).map(|id| one(&format!("id-{id}"), at));
        body(&ids.collect::<Vec<_>>())
    };
    let connect = authorization(&Overrides::none());
    let forge = format!("Bearer {}", jira.system_token("acme"));
    for bad in [
        "no JSON".to_owned(),
        "{}".to_owned(),
        body(&[]),
        many(91),
        body(&[json!({"accountId": "a"})]),
        body(&[json!({"updatedAt": at})]),
        body(&[one("", at)]),
        body(&[one("a", "yesterday")]),
        body(&[one("a", "2099-11-22T12:00:00Z")]),
        body(&[one("a", at), one("a", at)]),
    ] {
        assert_eq!(by_connect(&connect, &bad).await, 400, "{bad}");
        assert_eq!(by_forge(&forge, &bad).await, 400, "{bad}");
    }
    let wrong = authorization(&Overrides::none().claim("iss", json!("another-app")));
    assert_eq!(by_connect(&wrong, &many(90)).await, 401);
    assert_eq!(by_connect(&forge, &many(90)).await, 401);
    assert_eq!(by_forge(&connect, &many(90)).await, 401);
    assert_eq!(by_forge("Bearer made-up", &many(90)).await, 401);
    assert_eq!(jira.take_unexpected().len(), 24);
    assert!(jira.account_reports("acme").is_empty(), "none was taken");
    for (status, closed) in [(204, None), (200, Some("id-7"))] {
        closed
            .into_iter()
            .for_each(|account| jira.close_account(account));
        assert_eq!(by_connect(&connect, &many(90)).await, status);
        assert_eq!(by_forge(&forge, &many(90)).await, status);
    }
    jira.refuse_forge_reports(true);
    assert_eq!(by_forge(&forge, &many(1)).await, 403);
    let taken = jira.account_reports("acme");
    let by_forge: Vec<bool> = taken.iter().map(|report| report.by_forge).collect();
    assert_eq!(by_forge, [false, true, false, true]);
    assert_eq!(jira.unexpected(), Vec::<String>::new());
}
