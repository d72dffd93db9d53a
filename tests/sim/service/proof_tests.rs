//! What the service wants of a client besides a secret, and what it refuses.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use super::*;

const CALLBACK: &str = "http://app.localhost/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const RESOURCE: &str = "https://api.example.com";

/// A client that knows the rules, so that each test can break one.
struct App {
    service: Service,
    http: reqwest::Client,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
}

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")
}

fn jwk(pair: &EcdsaKeyPair) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

fn jwt(pair: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.expect("it signs"));
    format!("{signed}.{signature}")
}

/// Changes a claim; null takes it away.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let fields = claims.as_object_mut().expect("claims");
    match value {
        Value::Null => drop(fields.remove(name)),
        value => drop(fields.insert(name.into(), value)),
    }
    claims
}

impl App {
    async fn start() -> Self {
        let service = Service::start(ServiceOptions {
            client_auth: ClientAuth::PrivateKeyJwt,
            pushing: Pushing::Demanded,
            dpop: true,
            resources: vec![RESOURCE.into()],
            ..ServiceOptions::default()
        })
        .await;
        service.register_redirect(CALLBACK);
        let (key, other) = (key(), key());
        let mut published = jwk(&key);
        published["kid"] = "mine".into();
        published["use"] = "sig".into();
        published["alg"] = "ES256".into();
        service.register_keys(&json!({ "keys": [published] }));
        let http = loopback_client();
        Self {
            service,
            http,
            key,
            other,
        }
    }

    fn now(&self) -> i64 {
        self.service.look(|ledger| ledger.now().unix_timestamp())
    }

    fn claims(&self) -> Value {
        let (id, now) = (self.service.client_id(), self.now());
        json!({
            "iss": id, "sub": id, "aud": self.service.issuer(), "jti": random(""), "iat": now, "exp": now + 60,
        })
    }

    fn assertion(&self, claims: &Value) -> String {
        jwt(&self.key, &json!({ "alg": "ES256", "kid": "mine" }), claims)
    }

    fn proof_claims(&self, path: &str) -> Value {
        json!({ "jti": random(""), "htm": "POST", "htu": self.service.url(path), "iat": self.now() })
    }

    fn proof(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk(&self.key) });
        jwt(&self.key, &header, claims)
    }

    async fn send(
        &self,
        path: &str,
        form: &[(&str, String)],
        assertion: &str,
        proof: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut form = form.to_vec();
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        form.push(("client_assertion_type", kind.into()));
        form.push(("client_assertion", assertion.into()));
        let mut request = self.http.post(self.service.url(path)).form(&form);
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A correct request, except for one parameter; an empty value leaves it out.
    async fn push(&self, name: &str, value: &str) -> (StatusCode, Value) {
        let challenge = digest(VERIFIER);
        let mut form = vec![
            ("client_id", self.service.client_id()),
            ("response_type", "code".into()),
            ("redirect_uri", CALLBACK.into()),
            ("scope", "openid profile offline_access".into()),
            ("state", "the-state".into()),
            ("nonce", "the-nonce".into()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".into()),
            ("resource", RESOURCE.into()),
            ("dpop_jkt", self.jkt()),
        ];
        form.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            form.push(match name {
                "resource" => ("resource", value.into()),
                "dpop_jkt" => ("dpop_jkt", value.into()),
                _ => ("redirect_uri", value.into()),
            });
        }
        self.send("/par", &form, &self.assertion(&self.claims()), None)
            .await
    }

    fn jkt(&self) -> String {
        let jwk = jwk(&self.key);
        digest(&format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            jwk["x"], jwk["y"]
        ))
    }

    fn authorize_url(&self, reference: &str) -> String {
        let fields = [
            ("client_id", self.service.client_id()),
            ("request_uri", reference.into()),
        ];
        let url = Url::parse_with_params(&self.service.url("/authorize"), fields);
        url.expect("an address").into()
    }

    async fn code(&self) -> String {
        let (status, pushed) = self.push("", "").await;
        assert_eq!(status, 201, "{pushed}");
        let reference = pushed["request_uri"].as_str().expect("a reference");
        let url = self.authorize_url(reference);
        let callback = self.service.approve(&url, "u-100").await;
        let callback = Url::parse(&callback).expect("an address");
        let mut pairs = callback.query_pairs();
        let code = pairs.find(|(name, _)| name == "code");
        code.expect("a code").1.into_owned()
    }

    fn redemption(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", CALLBACK.into()),
            ("code_verifier", VERIFIER.into()),
            ("resource", RESOURCE.into()),
        ]
    }

    async fn tokens(&self) -> Value {
        let form = self.redemption(&self.code().await);
        let (assertion, proof) = (
            self.assertion(&self.claims()),
            self.proof(&self.proof_claims("/token")),
        );
        let (status, tokens) = self.send("/token", &form, &assertion, Some(&proof)).await;
        assert_eq!(status, 200, "{tokens}");
        assert!(self.service.take_unexpected().is_empty());
        tokens
    }
}

fn digest(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

#[tokio::test]
async fn an_assertion_is_for_this_service_for_now_and_for_once() {
    let app = App::start().await;
    let refused = async |assertion: &str| {
        let form = [("token", "x".to_owned())];
        let (status, said) = app.send("/revoke", &form, assertion, None).await;
        app.service.take_unexpected();
        (status.as_u16(), said["error"] == "invalid_client")
    };
    let once = app.assertion(&app.claims());
    assert_eq!(refused(&once).await, (200, false));
    assert_eq!(refused(&once).await, (401, true), "used twice");
    let now = app.now();
    for (name, value) in [
        ("aud", json!(app.service.url("/token"))),
        ("aud", json!([app.service.issuer(), "x"])),
        ("iss", json!("another")),
        ("sub", json!("another")),
        ("jti", Value::Null),
        ("exp", Value::Null),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 3600)),
    ] {
        let assertion = app.assertion(&with(app.claims(), name, value.clone()));
        assert_eq!(refused(&assertion).await, (401, true), "{name}: {value}");
    }
    let header = json!({ "alg": "ES256", "kid": "mine" });
    let forged = jwt(&app.other, &header, &app.claims());
    assert_eq!(refused(&forged).await, (401, true), "another key");
    // A key of the set that is for something else, or does not say what for.
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("use", Value::Null),
    ] {
        let mut published = jwk(&app.key);
        published["kid"] = "mine".into();
        published["use"] = "sig".into();
        published["alg"] = "ES256".into();
        published[name] = value;
        app.service.register_keys(&json!({ "keys": [published] }));
        let assertion = app.assertion(&app.claims());
        assert_eq!(refused(&assertion).await, (401, true), "{name}");
    }
}

#[tokio::test]
async fn a_pushed_request_is_taken_once_and_for_a_minute() {
    let app = App::start().await;
    let page = async |url: &str| Visitor::new(&app.service).page(url).await;
    let reference = async || {
        let (_, pushed) = app.push("", "").await;
        pushed["request_uri"]
            .as_str()
            .expect("a reference")
            .to_owned()
    };
    let used = app.authorize_url(&reference().await);
    app.service.approve(&used, "u-100").await;
    assert!(page(&used).await.contains("request is over"));
    let late = app.authorize_url(&reference().await);
    app.service.advance(Duration::from_secs(61));
    assert!(page(&late).await.contains("request is over"));
    let made_up = app.authorize_url("urn:ietf:params:oauth:request_uri:x");
    assert!(page(&made_up).await.contains("nothing was pushed"));
    let more = format!("{}&scope=openid", app.authorize_url(&reference().await));
    assert!(page(&more).await.contains("more in the address"));
    let bare = app.service.url("/authorize?client_id=latchkey-at-acme");
    assert!(page(&bare).await.contains("was not pushed"));
    for (name, value, error) in [
        (
            "redirect_uri",
            "http://elsewhere.localhost/",
            "invalid_request",
        ),
        ("resource", "https://other.example.com", "invalid_target"),
        ("resource", "", "invalid_target"),
        ("dpop_jkt", "", "invalid_request"),
        ("state", "", "invalid_request"),
    ] {
        let (status, said) = app.push(name, value).await;
        assert_eq!(
            (status.as_u16(), &said["error"]),
            (400, &error.into()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_proof_is_for_one_request_and_for_its_key() {
    let app = App::start().await;
    let tokens = app.tokens().await;
    assert_eq!(tokens["token_type"], "DPoP");
    let refresh = |token: &str| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
            ("resource", RESOURCE.to_owned()),
        ]
    };
    let token = tokens["refresh_token"].as_str().expect("a token");
    let form = refresh(token);
    let refused = async |proof: Option<&str>| {
        let assertion = app.assertion(&app.claims());
        let (_, said) = app.send("/token", &form, &assertion, proof).await;
        app.service.take_unexpected();
        said["error"].as_str().unwrap_or_default().to_owned()
    };
    let good = || app.proof_claims("/token");
    assert_eq!(refused(None).await, "invalid_dpop_proof");
    for (name, value) in [
        ("htm", json!("GET")),
        ("htu", json!(app.service.url("/par"))),
        ("iat", json!(app.now() - 3600)),
        ("jti", Value::Null),
    ] {
        let proof = app.proof(&with(good(), name, value));
        assert_eq!(refused(Some(&proof)).await, "invalid_dpop_proof", "{name}");
    }
    let untyped = jwt(
        &app.key,
        &json!({ "alg": "ES256", "typ": "JWT", "jwk": jwk(&app.key) }),
        &good(),
    );
    assert_eq!(refused(Some(&untyped)).await, "invalid_dpop_proof");

    // The nonce of the moment is told, and the refresh token is as good as before.
    app.service
        .options_mut(|options| options.dpop_nonces = true);
    let proof = app.proof(&good());
    assert_eq!(refused(Some(&proof)).await, "use_dpop_nonce");
    app.service
        .options_mut(|options| options.dpop_nonces = false);
    let proof = app.proof(&good());
    assert_eq!(refused(Some(&proof)).await, "");
    assert_eq!(
        refused(Some(&proof)).await,
        "invalid_dpop_proof",
        "used twice"
    );

    // The access token opens nothing without its key.
    let access = tokens["access_token"].as_str().expect("a token");
    let me = async |scheme: &str, proof: Option<String>| {
        let request = app.http.get(app.service.url("/userinfo"));
        let mut request = request.header("authorization", format!("{scheme} {access}"));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        let answer = request.send().await.expect("an answer");
        app.service.take_unexpected();
        answer.status().as_u16()
    };
    let claims = |ath: &str| {
        let claims = with(app.proof_claims("/userinfo"), "htm", json!("GET"));
        with(claims, "ath", json!(digest(ath)))
    };
    assert_eq!(me("Bearer", None).await, 401);
    assert_eq!(me("DPoP", None).await, 401);
    assert_eq!(me("DPoP", Some(app.proof(&claims("another")))).await, 401);
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk(&app.other) });
    let of_another = jwt(&app.other, &header, &claims(access));
    assert_eq!(me("DPoP", Some(of_another)).await, 401);
    assert_eq!(me("DPoP", Some(app.proof(&claims(access)))).await, 200);
}

#[tokio::test]
async fn a_code_is_bound_to_its_key_and_resources() {
    let app = App::start().await;
    let redeem = async |form: &[(&'static str, String)], key: &EcdsaKeyPair| {
        let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": jwk(key) });
        let proof = jwt(key, &header, &app.proof_claims("/token"));
        let assertion = app.assertion(&app.claims());
        let (_, said) = app.send("/token", form, &assertion, Some(&proof)).await;
        app.service.take_unexpected();
        said["error"].as_str().unwrap_or_default().to_owned()
    };
    let form = app.redemption(&app.code().await);
    assert_eq!(redeem(&form, &app.other).await, "invalid_grant");
    let mut form = app.redemption(&app.code().await);
    form.retain(|(name, _)| *name != "resource");
    assert_eq!(redeem(&form, &app.key).await, "invalid_target");
}
