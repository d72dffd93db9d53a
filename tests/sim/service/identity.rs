//! What makes the service an OpenID provider: its metadata, its signing keys, its ID tokens.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use aws_lc_rs::{hmac, rand::SystemRandom};
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::fault::{Forgery, Kind};
use super::ledger::Code;
use super::wire::Arrival;
use super::{ClientAuth, NameIn, Pushing, Service, World, random};

/// The algorithm of ID tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    Es256,
    Es384,
    Es512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    /// Ed25519 by its older name (RFC 8037).
    EdDsa,
    /// By its newer one (RFC 9864).
    Ed25519,
}

impl Signing {
    pub const ALL: [Self; 11] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
        Self::Ed25519,
    ];

    fn alg(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

enum Secret {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed(Ed25519KeyPair),
}

struct SigningKey {
    kid: String,
    signing: Signing,
    secret: Secret,
}

/// The keys on `/jwks`; the first signs.
pub(super) struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    pub fn new(signing: Signing) -> Self {
        Self(vec![SigningKey::new(signing)])
    }

    pub fn rotate(&mut self, signing: Signing, keep_old: bool) {
        if !keep_old {
            self.0.clear();
        }
        self.0.insert(0, SigningKey::new(signing));
    }

    fn sign(
        &self,
        claims: Map<String, Value>,
        forgery: Option<Forgery>,
        client_secret: &str,
    ) -> String {
        let key = &self.0[0];
        let alg = match forgery {
            Some(Forgery::AlgNone) => "none",
            Some(Forgery::ClientSecret) => "HS256",
            Some(Forgery::ForeignKey) | None => key.alg(),
        };
        let header = json!({ "alg": alg, "typ": "JWT", "kid": key.kid });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims.into()));
        let signature = match forgery {
            Some(Forgery::AlgNone) => Vec::new(),
            Some(Forgery::ClientSecret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.as_bytes());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            Some(Forgery::ForeignKey) => SigningKey::new(key.signing).sign(signed.as_bytes()),
            None => key.sign(signed.as_bytes()),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl SigningKey {
    fn new(signing: Signing) -> Self {
        let on_curve = |how| {
            let pair = EcdsaKeyPair::generate(how);
            Secret::Ec(pair.expect("a key on a curve can be made"))
        };
        let secret = match signing {
            Signing::Es256 => on_curve(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Signing::Es384 => on_curve(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Signing::Es512 => on_curve(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Signing::EdDsa | Signing::Ed25519 => {
                Secret::Ed(Ed25519KeyPair::generate().expect("an Ed25519 key can be made"))
            }
            _ => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048);
                Secret::Rsa(pair.expect("an RSA key can be made"))
            }
        };
        Self {
            kid: random(""),
            signing,
            secret,
        }
    }

    fn alg(&self) -> &'static str {
        self.signing.alg()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Ec(pair) => {
                let signature = pair.sign(&random, message).expect("keys on curves sign");
                signature.as_ref().to_vec()
            }
            Secret::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Secret::Rsa(pair) => {
                let how: &'static dyn signature::RsaEncoding = match self.signing {
                    Signing::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Signing::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Signing::Ps256 => &signature::RSA_PSS_SHA256,
                    Signing::Ps384 => &signature::RSA_PSS_SHA384,
                    Signing::Ps512 => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(how, &random, message, &mut signature)
                    .expect("RSA keys sign");
                signature
            }
        }
    }

    fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Ec(pair) => {
                // An uncompressed point: a 4, then both coordinates.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let [x, y] = [x, y].map(|n| URL_SAFE_NO_PAD.encode(n));
                let curve = match self.signing {
                    Signing::Es384 => "P-384",
                    Signing::Es512 => "P-521",
                    _ => "P-256",
                };
                json!({ "kty": "EC", "crv": curve, "x": x, "y": y })
            }
            Secret::Ed(pair) => {
                let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
            Secret::Rsa(pair) => {
                let [n, e] = rsa_numbers(pair.public_key().as_ref());
                let [n, e] = [n, e].map(|n| URL_SAFE_NO_PAD.encode(n));
                json!({ "kty": "RSA", "n": n, "e": e })
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk["alg"] = self.alg().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

/// Modulus and exponent of an `RSAPublicKey` in DER: a sequence of two integers.
pub fn rsa_numbers(der: &[u8]) -> [&[u8]; 2] {
    /// The content of the element in front, and what follows it.
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, rest) = match der[1] {
            short @ 0..0x80 => (usize::from(short), &der[2..]),
            long => {
                let (digits, rest) = der[2..].split_at(usize::from(long - 0x80));
                let length = digits
                    .iter()
                    .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, rest)
            }
        };
        rest.split_at(length)
    }
    let (numbers, _) = element(der);
    let (modulus, rest) = element(numbers);
    let (exponent, _) = element(rest);
    // DER puts a zero before a number whose first bit is set; a JWK must not have it.
    [modulus, exponent].map(|number| number.strip_prefix(&[0]).unwrap_or(number))
}

impl World {
    /// The ID token for a redeemed code, or, with none, for a refresh.
    pub(super) fn id_token(
        &mut self,
        issuer: &str,
        client_id: &str,
        subject: &str,
        code: Option<&Code>,
        fault: Option<&Kind>,
    ) -> String {
        let now = self.ledger.now().unix_timestamp();
        let mut claims: Map<String, Value> = Map::new();
        let mut claim = |name: &str, value: Value| claims.insert(name.into(), value);
        claim("iss", issuer.into());
        claim("sub", subject.into());
        claim("aud", client_id.into());
        claim("iat", now.into());
        claim("exp", (now + 600).into());
        if code.is_some() {
            // After a refresh it would have to be the time of the login, long gone.
            claim("auth_time", now.into());
        }
        if let Some(nonce) = code.and_then(|code| code.nonce.as_deref()) {
            claim("nonce", nonce.into());
        }
        if let (NameIn::IdToken, Some(person)) = (self.options.name_in, self.person(subject)) {
            claim("name", person.name.as_str().into());
            claim("preferred_username", person.login.as_str().into());
        }
        let mut forgery = None;
        match fault {
            Some(Kind::WrongIss) => drop(claim("iss", "http://other.localhost".into())),
            Some(Kind::WrongNonce) => drop(claim("nonce", random("").into())),
            Some(Kind::IdTokenForged(how)) => forgery = Some(*how),
            Some(Kind::IdTokenClaims(changes)) => claims.extend(changes.clone()),
            _ => {}
        }
        claims.retain(|_, value| !value.is_null());
        let secret = self.client(client_id).map(|client| client.secret.clone());
        let token = self.keys.sign(claims, forgery, &secret.unwrap_or_default());
        self.ledger.remember_secret(&token);
        token
    }
}

pub(super) async fn discovery(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
) -> Response {
    let options = service.read(|world| world.options.clone());
    if !options.discovery {
        return StatusCode::NOT_FOUND.into_response();
    }
    let auth_methods = match options.client_auth {
        ClientAuth::Basic => json!(["client_secret_basic"]),
        ClientAuth::Post => json!(["client_secret_post"]),
        ClientAuth::Either => json!(["client_secret_basic", "client_secret_post"]),
        ClientAuth::PrivateKeyJwt => json!(["private_key_jwt"]),
        ClientAuth::Certificate => json!(["tls_client_auth"]),
    };
    let algorithm = service.read(|world| world.keys.0[0].alg());
    let mut metadata = json!({
        "issuer": service.issuer(),
        "authorization_endpoint": service.url("/authorize"),
        "token_endpoint": service.url("/token"),
        "userinfo_endpoint": service.url("/userinfo"),
        "revocation_endpoint": service.url("/revoke"),
        "introspection_endpoint": service.url("/introspect"),
        "jwks_uri": service.url("/jwks"),
        "scopes_supported": options.scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm],
        "token_endpoint_auth_methods_supported": auth_methods,
        "revocation_endpoint_auth_methods_supported": auth_methods,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name", "preferred_username"],
        "authorization_response_iss_parameter_supported": options.iss_parameter,
    });
    if options.client_auth == ClientAuth::PrivateKeyJwt {
        metadata["token_endpoint_auth_signing_alg_values_supported"] = json!(["PS256", "ES256"]);
    }
    if options.dpop {
        metadata["dpop_signing_alg_values_supported"] = json!(["ES256"]);
    }
    if options.pushing != Pushing::Unknown {
        let demanded = options.pushing == Pushing::Demanded;
        metadata["pushed_authorization_request_endpoint"] = service.url("/par").into();
        metadata["require_pushed_authorization_requests"] = demanded.into();
    }
    if let Some(secure) = service.read(|world| world.by_certificate.clone()) {
        metadata["mtls_endpoint_aliases"] = json!({
            "token_endpoint": format!("{secure}/token"),
            "revocation_endpoint": format!("{secure}/revoke"),
            "userinfo_endpoint": format!("{secure}/userinfo"),
            "pushed_authorization_request_endpoint": format!("{secure}/par"),
        });
    }
    if !options.announces_prompts {
        metadata["prompt_values_supported"].take();
    }
    if matches!(arrival.fault, Some(Kind::WrongIss)) {
        metadata["issuer"] = "http://other.localhost".into();
    }
    Json(metadata).into_response()
}

pub(super) async fn jwks(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
) -> Response {
    service.read(|world| {
        if !world.options.discovery {
            return StatusCode::NOT_FOUND.into_response();
        }
        let mut keys: Vec<Value> = world.keys.0.iter().map(SigningKey::jwk).collect();
        if matches!(arrival.fault, Some(Kind::NamelessKeys)) {
            for key in &mut keys {
                key.as_object_mut().map(|key| key.remove("kid"));
            }
        }
        let before = match &arrival.fault {
            Some(Kind::BesideKeys(entry)) => format!("{entry},"),
            _ => String::new(),
        };
        let keys: Vec<String> = keys.iter().map(Value::to_string).collect();
        let set = format!("{{\"keys\":[{before}{}]}}", keys.join(","));
        ([(header::CONTENT_TYPE, "application/jwk-set+json")], set).into_response()
    })
}
