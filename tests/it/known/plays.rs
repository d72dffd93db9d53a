//! What each service answers, as documented or, where it says so, as recorded by others.

use axum::http::Method;
use serde_json::{Value, json};

use super::player::{Answer, Brought, Request, Service};

const NOT_FOUND: Answer = (404, Value::Null);

/// Something that the service would not take: noted, and refused.
fn wrong(service: &mut Service, what: &str, answer: Answer) -> Answer {
    service.note(what);
    answer
}

/// `expires_in` and both tokens.
fn tokens(brought: &Brought, life: i64) -> Value {
    json!({
        "access_token": brought.access,
        "token_type": "bearer",
        "expires_in": life,
        "refresh_token": brought.refresh,
    })
}

fn oauth_error(status: u16, error: &str) -> Answer {
    let description = "The provided authorization grant is invalid, expired, revoked.";
    (
        status,
        json!({"error": error, "error_description": description}),
    )
}

/// The client proves itself in the form, or it is refused as RFC 6749 section 5.2 has it.
fn client_in_form(service: &mut Service, request: &Request) -> Result<(), Answer> {
    match request.in_form() {
        true => Ok(()),
        false => Err(wrong(
            service,
            "no client in the form",
            oauth_error(401, "invalid_client"),
        )),
    }
}

fn client_by_basic(service: &mut Service, request: &Request) -> Result<(), Answer> {
    match request.basic() {
        true => Ok(()),
        false => Err(wrong(
            service,
            "no client by basic",
            oauth_error(401, "invalid_client"),
        )),
    }
}

/// Whose token it is, for whoever shows one that lives.
fn me(service: &mut Service, request: &Request, answer: Value) -> Answer {
    match service.opens(&request.bearer()) {
        true => (200, answer),
        false => wrong(
            service,
            "no token at the API",
            oauth_error(401, "invalid_token"),
        ),
    }
}

pub fn github(service: &mut Service, request: &Request) -> Answer {
    if request.is(&Method::POST, "/login/oauth/access_token") {
        // Otherwise the answer is a form.
        if request.header("accept") != "application/json" {
            return wrong(service, "GitHub answers in a form", (200, json!("error=x")));
        }
        if let Some(answer) = service.says() {
            return answer;
        }
        let refuse = |error: &str| {
            (
                200,
                json!({"error": error, "error_description": "…", "error_uri": "https://docs.github.com"}),
            )
        };
        if !request.in_form() {
            return refuse("incorrect_client_credentials");
        }
        return match service.grant(&request.form()) {
            Ok(brought) => (
                200,
                json!({
                    "access_token": brought.access,
                    "expires_in": 28800,
                    "refresh_token": brought.refresh,
                    "refresh_token_expires_in": 15_897_600,
                    "scope": "",
                    "token_type": "bearer",
                }),
            ),
            Err("refresh_token") => refuse("bad_refresh_token"),
            Err("redirect_uri") => refuse("redirect_uri_mismatch"),
            Err("grant_type") => refuse("unsupported_grant_type"),
            Err(_) => refuse("bad_verification_code"),
        };
    }
    if request.is(&Method::GET, "/user") {
        // https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api
        if request.header("user-agent").is_empty() {
            return wrong(service, "no user agent", (403, Value::Null));
        }
        if request.header("x-github-api-version") != "2022-11-28" {
            return wrong(service, "no version", (400, Value::Null));
        }
        let answer = json!({"login": "octocat", "id": 583_231, "name": null, "type": "User"});
        return me(service, request, answer);
    }
    let app = format!("/applications/{}", super::player::CLIENT);
    let rest = request.path.strip_prefix(&app);
    if request.method == Method::DELETE && rest.is_some() {
        if !request.basic() {
            return wrong(
                service,
                "no client",
                (401, json!({"message": "Bad credentials"})),
            );
        }
        let token = request.json().remove("access_token").unwrap_or_default();
        if !service.opens(&token) {
            return (404, json!({"message": "Not Found"}));
        }
        return match rest {
            Some("/token") => {
                service.end(&token);
                (204, Value::Null)
            }
            Some("/grant") => {
                service.end_all();
                (204, Value::Null)
            }
            _ => NOT_FOUND,
        };
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn slack(service: &mut Service, request: &Request) -> Answer {
    let refuse = |error: &str| (200, json!({"ok": false, "error": error}));
    if request.is(&Method::POST, "/api/oauth.v2.access") {
        if let Some(answer) = service.says() {
            return answer;
        }
        if !request.basic() {
            return refuse("bad_client_secret");
        }
        let form = request.form();
        if form.contains_key("code_verifier") {
            return wrong(
                service,
                "PKCE is off for this app",
                refuse("invalid_arguments"),
            );
        }
        return match service.grant(&form) {
            // The top holds the bot, which nobody asked for.
            Ok(brought) => (
                200,
                json!({
                    "ok": true,
                    "app_id": "A0KRD7HC3",
                    "authed_user": {
                        "id": "U1234",
                        "scope": "users.profile:read",
                        "access_token": brought.access,
                        "expires_in": 43200,
                        "refresh_token": brought.refresh,
                        "token_type": "user",
                    },
                    "team": {"id": "T9TK3CUKW", "name": "Slack Softball Team"},
                    "enterprise": null,
                }),
            ),
            Err("refresh_token") => refuse("invalid_refresh_token"),
            Err("redirect_uri") => refuse("bad_redirect_uri"),
            Err("grant_type") => refuse("invalid_grant_type"),
            Err(_) => refuse("invalid_code"),
        };
    }
    if request.is(&Method::POST, "/api/auth.test") {
        return match service.opens(&request.bearer()) {
            true => (
                200,
                json!({
                    "ok": true,
                    "url": "https://subarachnoid.slack.com/",
                    "team": "Subarachnoid Workspace",
                    "user": "grace",
                    "team_id": "T9TK3CUKW",
                    "user_id": "U1234",
                }),
            ),
            false => refuse("invalid_auth"),
        };
    }
    if request.is(&Method::POST, "/api/auth.revoke") {
        return match service.end(&request.bearer()) {
            true => (200, json!({"ok": true, "revoked": true})),
            false => refuse("token_revoked"),
        };
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn notion(service: &mut Service, request: &Request) -> Answer {
    let refuse = |status: u16, code: &str| {
        (
            status,
            json!({"object": "error", "status": status, "code": code, "message": "…"}),
        )
    };
    if request.header("notion-version").is_empty() {
        return wrong(service, "no version", refuse(400, "missing_version"));
    }
    if request.is(&Method::POST, "/v1/oauth/token") || request.is(&Method::POST, "/v1/oauth/revoke")
    {
        let fields = request.json();
        if fields.is_empty() {
            return wrong(service, "no JSON", refuse(400, "invalid_json"));
        }
        if !request.basic() {
            return refuse(401, "unauthorized_client");
        }
        if request.path.ends_with("revoke") {
            if fields.len() != 1 {
                return wrong(service, "not the schema", refuse(400, "validation_error"));
            }
            service.end(&fields["token"]);
            return (200, json!({"request_id": "…"}));
        }
        if let Some(answer) = service.says() {
            return answer;
        }
        let known = ["grant_type", "code", "redirect_uri", "refresh_token"];
        if fields.keys().any(|name| !known.contains(&name.as_str())) {
            return wrong(service, "not the schema", refuse(400, "validation_error"));
        }
        return match service.grant(&fields) {
            Ok(brought) => (
                200,
                json!({
                    "access_token": brought.access,
                    "token_type": "bearer",
                    "refresh_token": brought.refresh,
                    "bot_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
                    "workspace_id": "3c90c3cc-0d44-4b50-8888-8dd25736052b",
                    "workspace_name": "Ada's Notion",
                    "owner": owner(),
                    "duplicated_template_id": null,
                    "request_id": "…",
                }),
            ),
            Err("grant_type") => refuse(400, "unsupported_grant_type"),
            Err(_) => refuse(400, "invalid_grant"),
        };
    }
    if request.is(&Method::GET, "/v1/users/me") {
        let answer = json!({
            "object": "user",
            "id": "16d84278-ab0e-484c-9bdd-b35da3bd8905",
            "name": "pied piper",
            "type": "bot",
            "bot": {"owner": owner()},
        });
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

fn owner() -> Value {
    json!({
        "type": "user",
        "user": {
            "object": "user",
            "id": "5389a034-eb5c-47b5-8a9e-f79c99ef166c",
            "name": "Christine Makenotion",
            "type": "person",
        },
    })
}

pub fn bitbucket(service: &mut Service, request: &Request) -> Answer {
    if request.is(&Method::POST, "/site/oauth2/access_token") {
        if let Some(answer) = service.says() {
            return answer;
        }
        if let Err(answer) = client_by_basic(service, request) {
            return answer;
        }
        return match service.grant(&request.form()) {
            Ok(brought) => {
                let mut answer = tokens(&brought, 7200);
                answer["scope"] = json!("account");
                (200, answer)
            }
            Err(_) => oauth_error(400, "invalid_grant"),
        };
    }
    if request.is(&Method::GET, "/2.0/user") {
        let answer = json!({
            "type": "user",
            "uuid": "{a3a9b4d0-1111-4b9f-9f7e-0d5b0c0a0001}",
            "account_id": "557058:1",
            "display_name": "Robin Park",
            "nickname": "robin",
        });
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn figma(service: &mut Service, request: &Request) -> Answer {
    let refuse = |status: u16, words: &str| {
        (
            status,
            json!({"error": true, "status": status, "message": words}),
        )
    };
    let token = request.is(&Method::POST, "/v1/oauth/token");
    if token || request.is(&Method::POST, "/v1/oauth/refresh") {
        if let Some(answer) = service.says() {
            return answer;
        }
        if !request.basic() {
            return wrong(service, "no client by basic", refuse(401, "Invalid client"));
        }
        let form = request.form();
        let brought = match (token, form.get("refresh_token")) {
            (true, None) => service.grant(&form),
            (false, Some(refresh)) => service.refreshed(refresh),
            _ => {
                return wrong(
                    service,
                    "the other endpoint",
                    refuse(400, "Invalid parameter"),
                );
            }
        };
        return match brought {
            Ok(brought) if brought.by_code => {
                let mut answer = tokens(&brought, 7_776_000);
                answer["user_id_string"] = json!("1040");
                (200, answer)
            }
            Ok(brought) => (
                200,
                json!({"access_token": brought.access, "token_type": "bearer", "expires_in": 7_776_000}),
            ),
            Err(_) => refuse(400, "Invalid refresh token"),
        };
    }
    if request.is(&Method::GET, "/v1/me") {
        let answer =
            json!({"id": "1040", "handle": "Robin Park", "email": "r@example.com", "img_url": ""});
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn zoom(service: &mut Service, request: &Request) -> Answer {
    let refuse = |status: u16, error: &str, reason: &str| {
        (status, json!({"reason": reason, "error": error}))
    };
    let revoke = request.is(&Method::POST, "/oauth/revoke");
    if revoke || request.is(&Method::POST, "/oauth/token") {
        if !request.basic() {
            return refuse(401, "invalid_client", "Invalid client_id or client_secret");
        }
        let form = request.form();
        if revoke {
            service.end(form.get("token").map_or("", String::as_str));
            return (200, json!({"status": "success"}));
        }
        if let Some(answer) = service.says() {
            return answer;
        }
        return match service.grant(&form) {
            Ok(brought) => {
                let mut answer = tokens(&brought, 3599);
                answer["scope"] = json!("user:read:user");
                (200, answer)
            }
            Err(_) => refuse(400, "invalid_grant", "Invalid Token!"),
        };
    }
    if request.is(&Method::GET, "/v2/users/me") {
        let answer = json!({"id": "KDcuGIm1QgePTO8WbOqwIQ", "first_name": "Robin", "display_name": "Robin Park"});
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn linear(service: &mut Service, request: &Request) -> Answer {
    if request.is(&Method::POST, "/oauth/token") {
        if let Some(answer) = service.says() {
            return answer;
        }
        if let Err(answer) = client_in_form(service, request) {
            return answer;
        }
        return match service.grant(&request.form()) {
            Ok(brought) => {
                let mut answer = tokens(&brought, 86399);
                answer["scope"] = json!("read");
                (200, answer)
            }
            Err(_) => oauth_error(400, "invalid_grant"),
        };
    }
    if request.is(&Method::POST, "/oauth/revoke") {
        let form = request.form();
        let fields: Vec<_> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        return match fields[..] {
            // The access of this user to this app.
            [("access_token" | "refresh_token", token)] => match service.end_grant(token) {
                true => (200, Value::Null),
                false => (400, Value::Null),
            },
            _ => wrong(service, "not the fields of Linear", (401, Value::Null)),
        };
    }
    if request.is(&Method::POST, "/graphql") {
        let asked = request.json().remove("query").unwrap_or_default();
        if !asked.contains("viewer") {
            return wrong(
                service,
                "no query",
                (400, json!({"errors": [{"message": "…"}]})),
            );
        }
        let answer = json!({"data": {"viewer": {
            "id": "e36e5a0e-7a5c-4b40-a0a0-6a1fb1ad1d0f", "name": "Robin Park", "email": "r@example.com",
        }}});
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

pub fn asana(service: &mut Service, request: &Request) -> Answer {
    let revoke = request.is(&Method::POST, "/-/oauth_revoke");
    if revoke || request.is(&Method::POST, "/-/oauth_token") {
        if !revoke && let Some(answer) = service.says() {
            return answer;
        }
        if let Err(answer) = client_in_form(service, request) {
            return answer;
        }
        let form = request.form();
        if revoke {
            let token = form.get("token").map_or("", String::as_str);
            if token.starts_with(service.prefixes.0) {
                return wrong(
                    service,
                    "a bearer token",
                    oauth_error(400, "invalid_request"),
                );
            }
            service.end_grant(token);
            return (200, json!({}));
        }
        if !form.contains_key("redirect_uri") {
            return wrong(
                service,
                "no redirect address",
                oauth_error(400, "invalid_request"),
            );
        }
        return match service.grant(&form) {
            Ok(brought) => {
                let mut answer = tokens(&brought, 3600);
                answer["data"] =
                    json!({"id": 4673218951_i64, "gid": "4673218951", "name": "Greg Sanchez"});
                if !brought.rotated {
                    answer["refresh_token"] = Value::Null;
                }
                (200, answer)
            }
            Err(_) => oauth_error(400, "invalid_grant"),
        };
    }
    if request.is(&Method::GET, "/api/1.0/users/me") {
        let answer =
            json!({"data": {"gid": "4673218951", "resource_type": "user", "name": "Greg Sanchez"}});
        return me(service, request, answer);
    }
    wrong(service, &request.path, NOT_FOUND)
}

/// What differs between those that speak OpenID Connect.
struct OpenId {
    /// The path of the issuer, and what it says of itself.
    issuer: fn(&Service) -> (String, String),
    /// What the ID token names, and the claims it has besides.
    token_issuer: fn(&Service) -> String,
    claims: fn() -> Value,
    methods: &'static [&'static str],
    in_form: bool,
    /// What it announces of `prompt`.
    prompts: &'static [&'static str],
    revokes: bool,
    refusal: u16,
    life: i64,
}

fn openid(service: &mut Service, request: &Request, how: &OpenId) -> Answer {
    let (base, issuer) = (how.issuer)(service);
    let path = request
        .path
        .strip_prefix(&base)
        .unwrap_or_default()
        .to_owned();
    let at = format!("{}{base}", service.origin);
    if path == "/.well-known/openid-configuration" {
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{at}/authorize"),
            "token_endpoint": format!("{at}/token"),
            "userinfo_endpoint": format!("{at}/userinfo"),
            "jwks_uri": format!("{at}/keys"),
            "token_endpoint_auth_methods_supported": how.methods,
            "code_challenge_methods_supported": ["plain", "S256"],
        });
        if !how.prompts.is_empty() {
            metadata["prompt_values_supported"] = json!(how.prompts);
        }
        if how.revokes {
            metadata["revocation_endpoint"] = json!(format!("{at}/revoke"));
        }
        return (200, metadata);
    }
    if path == "/keys" {
        return (200, service.jwks());
    }
    if request.method == Method::POST && ["/token", "/revoke"].contains(&path.as_str()) {
        let proved = match how.in_form {
            true => request.in_form(),
            false => request.basic(),
        };
        if !proved {
            return oauth_error(401, "invalid_client");
        }
        let form = request.form();
        if path == "/revoke" {
            service.end_grant(form.get("token").map_or("", String::as_str));
            return (200, json!({}));
        }
        if let Some(answer) = service.says() {
            return answer;
        }
        return match service.grant(&form) {
            Ok(brought) => {
                let mut answer = tokens(&brought, how.life);
                if brought.by_code {
                    let iss = (how.token_issuer)(service);
                    let token = service.id_token(&iss, brought.nonce.as_deref(), &(how.claims)());
                    answer["id_token"] = json!(token);
                }
                if !brought.rotated
                    && let Some(answer) = answer.as_object_mut()
                {
                    answer.remove("refresh_token");
                }
                (200, answer)
            }
            Err(_) => oauth_error(how.refusal, "invalid_grant"),
        };
    }
    wrong(service, &request.path, NOT_FOUND)
}

const BOTH: &[&str] = &["client_secret_basic", "client_secret_post"];

fn robin() -> Value {
    json!({"sub": "u-100", "name": "Robin Park"})
}

pub fn gitlab(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| (String::new(), service.origin.clone()),
        token_issuer: |service| service.origin.clone(),
        claims: || json!({"sub": "42", "name": "Robin Park", "nickname": "robin"}),
        methods: BOTH,
        in_form: true,
        prompts: &[],
        revokes: true,
        refusal: 400,
        life: 7200,
    };
    let refreshes = request
        .form()
        .get("grant_type")
        .is_some_and(|kind| kind == "refresh_token");
    if refreshes && !request.form().contains_key("redirect_uri") {
        return wrong(
            service,
            "no redirect address",
            oauth_error(400, "invalid_grant"),
        );
    }
    openid(service, request, &how)
}

pub fn google(service: &mut Service, request: &Request) -> Answer {
    // It ends everything that the account gave to this app, and answers an unknown token with 400.
    if request.is(&Method::POST, "/revoke") {
        let form = request.form();
        let token = form.get("token").map_or("", String::as_str);
        return match service.is_alive(token) {
            true => {
                service.end_all();
                (200, json!({}))
            }
            false => oauth_error(400, "invalid_token"),
        };
    }
    let how = OpenId {
        issuer: |service| (String::new(), service.origin.clone()),
        token_issuer: |service| service.origin.clone(),
        claims: || json!({"sub": "10769150350006150715113082367", "name": "Robin Park", "azp": super::player::CLIENT}),
        methods: &["client_secret_post", "client_secret_basic"],
        in_form: true,
        prompts: &[],
        revokes: true,
        refusal: 400,
        life: 3599,
    };
    openid(service, request, &how)
}

pub const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";

pub fn entra(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| {
            (
                "/organizations/v2.0".to_owned(),
                format!("{}/{{tenantid}}/v2.0", service.origin),
            )
        },
        token_issuer: |service| format!("{}/{TENANT}/v2.0", service.origin),
        claims: || json!({"sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "name": "Robin Park", "tid": TENANT, "ver": "2.0"}),
        methods: &[
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        in_form: true,
        prompts: &[],
        revokes: false,
        refusal: 400,
        life: 3599,
    };
    openid(service, request, &how)
}

/// The same with somebody else's tenant in the token.
pub fn entra_confused(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| {
            (
                "/organizations/v2.0".to_owned(),
                format!("{}/{{tenantid}}/v2.0", service.origin),
            )
        },
        token_issuer: |service| format!("{}/{TENANT}/v2.0", service.origin),
        claims: || json!({"sub": "s", "name": "Robin Park", "tid": "00000000-0000-0000-0000-000000000000"}),
        methods: BOTH,
        in_form: true,
        prompts: &[],
        revokes: false,
        refusal: 400,
        life: 3599,
    };
    openid(service, request, &how)
}

pub fn okta(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| {
            let path = "/oauth2/default";
            (path.to_owned(), format!("{}{path}", service.origin))
        },
        token_issuer: |service| format!("{}/oauth2/default", service.origin),
        claims: robin,
        methods: BOTH,
        in_form: false,
        prompts: &[],
        revokes: true,
        refusal: 400,
        life: 3600,
    };
    openid(service, request, &how)
}

pub fn auth0(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        // With the slash at its end.
        issuer: |service| (String::new(), format!("{}/", service.origin)),
        token_issuer: |service| format!("{}/", service.origin),
        claims: || json!({"sub": "auth0|5f7c8ec7c33c6c004bbafe82", "name": "Robin Park"}),
        methods: &["client_secret_post", "private_key_jwt"],
        in_form: true,
        prompts: &[],
        revokes: true,
        refusal: 403,
        life: 86400,
    };
    openid(service, request, &how)
}

pub fn keycloak(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| {
            let path = "/realms/staff";
            (path.to_owned(), format!("{}{path}", service.origin))
        },
        token_issuer: |service| format!("{}/realms/staff", service.origin),
        claims: || json!({"sub": "f:1:robin", "preferred_username": "robin", "typ": "ID"}),
        methods: &[
            "private_key_jwt",
            "client_secret_basic",
            "client_secret_post",
        ],
        in_form: false,
        prompts: &[],
        revokes: true,
        refusal: 400,
        life: 300,
    };
    openid(service, request, &how)
}

pub fn oidc(service: &mut Service, request: &Request) -> Answer {
    let how = OpenId {
        issuer: |service| (String::new(), service.origin.clone()),
        token_issuer: |service| service.origin.clone(),
        claims: robin,
        methods: &["client_secret_basic"],
        in_form: false,
        prompts: &["none", "login", "consent", "select_account"],
        revokes: true,
        refusal: 400,
        life: 3600,
    };
    openid(service, request, &how)
}
