//! Plays a service from recorded shapes, on a port: it keeps the tokens it gave, answers as the service is
//! documented to answer, and refuses what the service refuses. It uses no code of the product, and none of
//! its table.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use latchkey::clock::Clock;

pub const CLIENT: &str = "Iv1.8a61f9b3a7aba766";
pub const SECRET: &str = "c1ient~secret+of/the=player-4711";

/// Fields of a query, a form or a JSON object.
pub type Fields = BTreeMap<String, String>;

/// What a service makes of a request.
pub type Play = fn(&mut Service, &Request) -> Answer;

/// Status and body.
pub type Answer = (u16, Value);

pub struct Request {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub fn is(&self, method: &Method, path: &str) -> bool {
        self.method == *method && self.path == path
    }

    /// The body as a form; nothing if it is something else.
    pub fn form(&self) -> Fields {
        match self.header("content-type") {
            "application/x-www-form-urlencoded" => url::form_urlencoded::parse(&self.body)
                .into_owned()
                .collect(),
            _ => Fields::new(),
        }
    }

    /// The body as an object of texts; nothing if it is something else.
    pub fn json(&self) -> Fields {
        match self.header("content-type") {
            "application/json" => serde_json::from_slice(&self.body).unwrap_or_default(),
            _ => Fields::new(),
        }
    }

    pub fn bearer(&self) -> String {
        let token = self.header("authorization").strip_prefix("Bearer ");
        token.unwrap_or_default().to_owned()
    }

    /// Whether this is our client by HTTP Basic, and by nothing else.
    pub fn basic(&self) -> bool {
        let given = self
            .header("authorization")
            .strip_prefix("Basic ")
            .and_then(|text| STANDARD.decode(text).ok());
        let encode = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let expected = format!("{}:{}", encode(CLIENT), encode(SECRET));
        given.as_deref() == Some(expected.as_bytes())
            && !self.form().contains_key("client_secret")
            && !self.json().contains_key("client_secret")
    }

    /// Whether this is our client by the form, and by nothing else.
    pub fn in_form(&self) -> bool {
        let form = self.form();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
        is("client_id", CLIENT)
            && is("client_secret", SECRET)
            && self.header("authorization").is_empty()
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Access,
    Refresh,
}

/// A code that nobody has redeemed.
struct Code {
    challenge: Option<String>,
    redirect_uri: String,
    pub nonce: Option<String>,
}

pub struct Service {
    pub origin: String,
    play: Play,
    clock: Clock,
    codes: BTreeMap<String, Code>,
    /// Tokens that work, by their grant.
    alive: BTreeMap<String, (Kind, usize)>,
    given: Vec<String>,
    grants: usize,
    /// Prefixes of access and refresh tokens.
    pub prefixes: (&'static str, &'static str),
    /// What becomes of tokens when a refresh token is used.
    pub rotation: Rotation,
    /// Answers everything at the token endpoint, while it is set.
    pub says: Option<Answer>,
    /// How often it has said that.
    pub said: usize,
    /// What it saw and the service would not take.
    pub refused: Vec<String>,
    key: EcdsaKeyPair,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    None,
    OldStays,
    Strict,
    /// The access token ends too.
    StrictForBoth,
}

/// What the grant that was asked for brings.
pub struct Brought {
    pub access: String,
    pub refresh: String,
    /// Whether the refresh token is new.
    pub rotated: bool,
    pub nonce: Option<String>,
    pub by_code: bool,
}

impl Service {
    fn new_token(&mut self, kind: Kind, grant: usize) -> String {
        let prefix = match kind {
            Kind::Access => self.prefixes.0,
            Kind::Refresh => self.prefixes.1,
        };
        let hash = digest(
            &SHA256,
            format!("{}{}", self.origin, self.given.len()).as_bytes(),
        );
        let token = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(hash));
        self.given.push(token.clone());
        self.alive.insert(token.clone(), (kind, grant));
        token
    }

    pub fn is_alive(&self, token: &str) -> bool {
        self.alive.contains_key(token)
    }

    pub fn opens(&self, token: &str) -> bool {
        self.alive
            .get(token)
            .is_some_and(|(kind, _)| *kind == Kind::Access)
    }

    /// Ends one token; whether it lived.
    pub fn end(&mut self, token: &str) -> bool {
        self.alive.remove(token).is_some()
    }

    /// Ends the grant of this token; whether it lived.
    pub fn end_grant(&mut self, token: &str) -> bool {
        let Some((_, grant)) = self.alive.get(token).copied() else {
            return false;
        };
        self.alive.retain(|_, (_, other)| *other != grant);
        true
    }

    /// Ends everything there is.
    pub fn end_all(&mut self) {
        self.alive.clear();
    }

    pub fn alive(&self) -> Vec<&str> {
        self.alive.keys().map(String::as_str).collect()
    }

    /// What it shall answer instead of tokens, if anything.
    pub fn says(&mut self) -> Option<Answer> {
        self.said += usize::from(self.says.is_some());
        self.says.clone()
    }

    pub fn note(&mut self, what: impl Into<String>) {
        self.refused.push(what.into());
    }

    /// The grant of RFC 6749 that these fields ask for, without what is around it.
    pub fn grant(&mut self, fields: &Fields) -> Result<Brought, &'static str> {
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        match field("grant_type").as_str() {
            "authorization_code" => {
                let code = self.codes.remove(&field("code")).ok_or("code")?;
                if code.redirect_uri != field("redirect_uri") {
                    return Err("redirect_uri");
                }
                let challenge =
                    URL_SAFE_NO_PAD.encode(digest(&SHA256, field("code_verifier").as_bytes()));
                if code.challenge.is_some_and(|expected| expected != challenge) {
                    return Err("code_verifier");
                }
                self.grants += 1;
                let grant = self.grants;
                Ok(Brought {
                    access: self.new_token(Kind::Access, grant),
                    refresh: self.new_token(Kind::Refresh, grant),
                    rotated: true,
                    nonce: code.nonce,
                    by_code: true,
                })
            }
            "refresh_token" => self.refreshed(&field("refresh_token")),
            _ => Err("grant_type"),
        }
    }

    /// A refresh, by this token.
    pub fn refreshed(&mut self, token: &str) -> Result<Brought, &'static str> {
        let (_, grant) = self
            .alive
            .get(token)
            .copied()
            .filter(|(kind, _)| *kind == Kind::Refresh)
            .ok_or("refresh_token")?;
        let rotated = self.rotation != Rotation::None;
        match self.rotation {
            Rotation::None | Rotation::OldStays => {}
            Rotation::Strict => _ = self.end(token),
            Rotation::StrictForBoth => _ = self.end_grant(token),
        }
        Ok(Brought {
            access: self.new_token(Kind::Access, grant),
            refresh: match rotated {
                true => self.new_token(Kind::Refresh, grant),
                false => token.to_owned(),
            },
            rotated,
            nonce: None,
            by_code: false,
        })
    }

    /// An ID token with these claims beside those that every one has.
    pub fn id_token(&self, iss: &str, nonce: Option<&str>, claims: &Value) -> String {
        let now = self.clock.now();
        let mut all =
            json!({"iss": iss, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce});
        for (name, value) in claims.as_object().expect("claims are an object") {
            all[name] = value.clone();
        }
        let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let head = encode(json!({"alg": "ES256", "typ": "JWT", "kid": "played"}));
        let signed = format!("{head}.{}", encode(all));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("it signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    pub fn jwks(&self) -> Value {
        let point = &self.key.public_key().as_ref()[1..];
        let [x, y] = [&point[..32], &point[32..]].map(|n| URL_SAFE_NO_PAD.encode(n));
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "played", "x": x, "y": y}
        ]})
    }
}

/// The player on its port.
#[derive(Clone)]
pub struct Player(Arc<Mutex<Service>>);

impl Player {
    pub async fn start(play: Play, clock: Clock) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let player = Self(Arc::new(Mutex::new(Service {
            origin: format!("http://127.0.0.1:{port}"),
            play,
            clock,
            codes: BTreeMap::new(),
            alive: BTreeMap::new(),
            given: Vec::new(),
            grants: 0,
            prefixes: ("at-", "rt-"),
            rotation: Rotation::Strict,
            says: None,
            said: 0,
            refused: Vec::new(),
            key: key.expect("a P-256 key can be made"),
        })));
        let service = player.clone();
        let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let service = service.clone();
            async move { service.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        player
    }

    pub fn service(&self) -> MutexGuard<'_, Service> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn origin(&self) -> String {
        self.service().origin.clone()
    }

    async fn answer(&self, request: axum::extract::Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 16).await.unwrap_or_default();
        let request = Request {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            headers: parts.headers,
            body: body.to_vec(),
        };
        let (status, body) = {
            let mut service = self.service();
            // Nobody of these takes a secret in an address.
            if parts.uri.query().is_some() {
                service.note(format!("a query at {}", request.path));
            }
            (service.play)(&mut service, &request)
        };
        let status = StatusCode::from_u16(status).expect("it is a status");
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body)
            .expect("it is an answer")
    }

    /// A person logs in at this address and says yes: where the browser goes from there.
    pub fn approve(&self, authorize: &str) -> String {
        let asked = query(authorize);
        let mut service = self.service();
        let code = format!(
            "code-{:04}-of-the-player",
            service.codes.len() + service.given.len()
        );
        let redirect_uri = asked["redirect_uri"].clone();
        let mut back = Url::parse(&redirect_uri).expect("the redirect address is one");
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"]);
        service.codes.insert(
            code,
            Code {
                challenge: asked.get("code_challenge").cloned(),
                redirect_uri,
                nonce: asked.get("nonce").cloned(),
            },
        );
        back.into()
    }

    /// Every token that it gave.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.service().given.clone();
        secrets.push(SECRET.to_owned());
        secrets
    }
}

/// The query of an address. No name stands in it twice.
pub fn query(address: &str) -> Fields {
    let url = Url::parse(address).expect("it is an address");
    let mut fields = Fields::new();
    for (name, value) in url.query_pairs() {
        let before = fields.insert(name.clone().into_owned(), value.into_owned());
        assert_eq!(before, None, "{name} stands twice in {address}");
    }
    fields
}
