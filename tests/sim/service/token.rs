//! Between servers: the token endpoint (RFC 6749, 7636), revocation (7009), introspection (7662).

use aws_lc_rs::digest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::fault::Kind;
use super::ledger::{Cause, Outcome, Rotation, TokenKind};
use super::proof::Proof;
use super::wire::Arrival;
use super::{ClientAuth, Params, RevocationReach, Service, World};

/// An error answer of RFC 6749 5.2.
pub(super) struct Refusal {
    error: &'static str,
    description: String,
    /// The client tried Basic, so the answer must ask for it.
    challenge: bool,
    /// A correct client may run into it.
    expected: bool,
    /// Said in words of its own rather than those of RFC 6749.
    in_other_words: bool,
    /// The nonce that a DPoP proof has to have.
    nonce: Option<String>,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
            challenge: false,
            expected: false,
            in_other_words: false,
            nonce: None,
        }
    }

    fn expected(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            expected: true,
            ..Self::new(error, description)
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = match self.in_other_words {
            true => json!({ "message": "Bad Request" }),
            false => json!({ "error": self.error, "error_description": self.description }),
        };
        let mut answer = (status, NO_STORE, Json(body)).into_response();
        if let Some(nonce) = self.nonce {
            let nonce = http::HeaderValue::from_str(&nonce).expect("a nonce is plain text");
            answer.headers_mut().insert("dpop-nonce", nonce);
        }
        if self.challenge {
            let basic = http::HeaderValue::from_static("Basic realm=\"clients\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        answer
    }
}

const NO_STORE: [(header::HeaderName, &str); 2] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::PRAGMA, "no-cache"),
];

pub(super) async fn token(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = service.change(|world| {
        let granted = world.answer_token_request(service.issuer(), &headers, &body, &arrival);
        let outcome = match &granted {
            Ok(_) => Outcome::Granted,
            Err(refusal) => Outcome::Refused(refusal.error),
        };
        if let Some(request) = arrival.token_request {
            world.ledger.settle_token_request(request, outcome);
        }
        world.note_refusal("/token", granted)
    });
    match outcome {
        Ok(tokens) => (NO_STORE, Json(tokens)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn revoke(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = service.change(|world| {
        let revoked = world.revoke(&headers, &body, &arrival);
        world.note_refusal("/revoke", revoked)
    });
    match outcome {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn introspect(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = service.change(|world| {
        let active = world.introspect(&headers, &body, &arrival);
        world.note_refusal("/introspect", active)
    });
    match outcome {
        Ok(answer) => (NO_STORE, Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

impl World {
    pub(super) fn note_refusal<T>(
        &mut self,
        path: &str,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if let Err(refusal) = &outcome
            && !refusal.expected
        {
            self.note(format!(
                "{path}: {}: {}",
                refusal.error, refusal.description
            ));
        }
        outcome
    }

    fn answer_token_request(
        &mut self,
        issuer: &str,
        headers: &HeaderMap,
        body: &[u8],
        arrival: &Arrival,
    ) -> Result<Value, Refusal> {
        let fault = arrival.fault.as_ref();
        match fault {
            Some(Kind::InvalidGrant) => {
                return Err(Refusal::expected("invalid_grant", "so the test wants it"));
            }
            Some(Kind::InvalidClient) => {
                return Err(Refusal::expected("invalid_client", "so the test wants it"));
            }
            _ => {}
        }
        let form = form(headers, body)?;
        let client_id = self.authenticate(headers, &form, arrival)?;
        let jkt = self.proved(&arrival.proof)?;
        match form.get("grant_type") {
            Some("authorization_code") => self.redeem(issuer, &client_id, &form, jkt, fault),
            Some("refresh_token") => self.refresh(issuer, &client_id, &form, jkt, fault),
            Some(_) => Err(Refusal::new(
                "unsupported_grant_type",
                "codes and refresh tokens only",
            )),
            None => Err(Refusal::new("invalid_request", "grant_type is missing")),
        }
    }

    /// The thumbprint of the key to which the tokens of this request will be bound. Asked before the grant is looked at.
    fn proved(&self, proof: &Proof) -> Result<Option<String>, Refusal> {
        match proof {
            Proof::Good { jkt, .. } if self.options.dpop => Ok(Some(jkt.clone())),
            Proof::WantsNonce => Err(Refusal {
                nonce: Some(self.dpop_nonce.clone()),
                ..Refusal::expected("use_dpop_nonce", "the nonce is another")
            }),
            Proof::Bad(why) => Err(Refusal::new("invalid_dpop_proof", *why)),
            Proof::None if self.options.dpop => {
                Err(Refusal::new("invalid_dpop_proof", "there is none"))
            }
            Proof::Good { .. } | Proof::None => Ok(None),
        }
    }

    fn redeem(
        &mut self,
        issuer: &str,
        client_id: &str,
        form: &Params,
        jkt: Option<String>,
        fault: Option<&Kind>,
    ) -> Result<Value, Refusal> {
        let refused = |why: &str| Refusal::new("invalid_grant", why);
        let missing = |what: &str| Refusal::new("invalid_request", format!("{what} is missing"));
        let value = form.get("code").ok_or_else(|| missing("code"))?;
        let verifier = form
            .get("code_verifier")
            .ok_or_else(|| missing("code_verifier"))?;
        self.ledger.remember_secret(verifier);
        let now = self.ledger.now();
        let code = self.ledger.code(value).cloned();
        let code = code.ok_or_else(|| refused("no such code"))?;
        let grant = self.ledger.grant(code.grant).clone();
        // Before the code is spent: a stranger must not be able to spoil it.
        if grant.client_id != client_id {
            return Err(refused("the code is another client's"));
        }
        if code.spent {
            // RFC 6749 4.1.2: whoever comes second, one of the two stole it.
            self.ledger.revoke_grant(grant.id, Cause::CodeReused);
            return Err(refused("the code was used before"));
        }
        if let Some(code) = self.ledger.code_mut(value) {
            code.spent = true;
        }
        if code.expires_at <= now {
            return Err(Refusal::expected("invalid_grant", "the code has run out"));
        }
        if grant.revoked.is_some() {
            return Err(Refusal::expected("invalid_grant", "the grant was revoked"));
        }
        if form.get("redirect_uri") != Some(&code.redirect_uri) {
            return Err(refused(
                "the redirect_uri is not the one of the authorization request",
            ));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(plain) {
            return Err(Refusal::new(
                "invalid_request",
                "the code_verifier has a bad form",
            ));
        }
        if self.options.dpop && code.jkt != jkt {
            return Err(refused("the code is bound to another key"));
        }
        if code.resources != form.words("resource") {
            return Err(Refusal::new(
                "invalid_target",
                "other resources than before",
            ));
        }
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        if self.options.checks_verifier && URL_SAFE_NO_PAD.encode(hash) != code.challenge {
            return Err(refused("the code_verifier does not fit"));
        }
        if let Some(code) = self.ledger.code_mut(value) {
            code.redeemed = true;
        }
        let lasting = !self.options.refresh_needs_offline_access
            || grant.scope.iter().any(|scope| scope == "offline_access");
        self.ledger.begin_grant(grant.id, self.options.grant_life);
        let mut answer = self.give_tokens(grant.id, 0, lasting, jkt, fault);
        if grant.scope.iter().any(|scope| scope == "openid") {
            let token = self.id_token(issuer, client_id, &grant.subject, Some(&code), fault);
            answer["id_token"] = token.into();
        }
        Ok(answer)
    }

    fn refresh(
        &mut self,
        issuer: &str,
        client_id: &str,
        form: &Params,
        jkt: Option<String>,
        fault: Option<&Kind>,
    ) -> Result<Value, Refusal> {
        if !self.knows(&form.words("resource")) {
            return Err(Refusal::new(
                "invalid_target",
                "no resource that is known here",
            ));
        }
        let value = form.get("refresh_token");
        let value = value.ok_or_else(|| Refusal::new("invalid_request", "no refresh_token"))?;
        let rotation = match fault {
            // Without a successor there is nothing to rotate to.
            Some(Kind::NoRefreshToken) => Rotation::None,
            _ => self.options.rotation,
        };
        let taken = self.ledger.take_refresh_token(value, client_id, rotation);
        let (grant, generation) = taken.map_err(|why| Refusal {
            in_other_words: matches!(fault, Some(Kind::DeadInOtherWords)),
            ..Refusal::expected("invalid_grant", why)
        })?;
        let life = self.options.refresh_token_life;
        self.ledger.use_again(value, rotation, life);
        let grant = self.ledger.grant(grant).clone();
        let wider = |scope: &String| !grant.scope.contains(scope);
        if form.words("scope").iter().any(wider) {
            return Err(Refusal::new("invalid_scope", "more than was granted"));
        }
        let rotates = rotation != Rotation::None;
        let mut answer = self.give_tokens(grant.id, generation + 1, rotates, jkt, fault);
        if grant.scope.iter().any(|scope| scope == "openid") {
            let token = self.id_token(issuer, client_id, &grant.subject, None, fault);
            answer["id_token"] = token.into();
        }
        Ok(answer)
    }

    fn give_tokens(
        &mut self,
        grant: usize,
        generation: u32,
        with_refresh_token: bool,
        jkt: Option<String>,
        fault: Option<&Kind>,
    ) -> Value {
        let life = self.options.access_token_life;
        let access = self
            .ledger
            .give(TokenKind::Access, grant, generation, Some(life));
        let token_type = match jkt {
            Some(jkt) => {
                self.bound.insert(access.clone(), jkt);
                "DPoP"
            }
            None => "Bearer",
        };
        let mut answer = json!({
            "access_token": access,
            "token_type": token_type,
            "expires_in": life.as_secs(),
            "scope": self.ledger.grant(grant).scope.join(" "),
        });
        if let Some(Kind::ExpiresIn(value)) = fault {
            answer["expires_in"] = value.clone();
        }
        if with_refresh_token && !matches!(fault, Some(Kind::NoRefreshToken)) {
            let life = self.options.refresh_token_life;
            let refresh = self
                .ledger
                .give(TokenKind::Refresh, grant, generation, life);
            answer["refresh_token"] = refresh.into();
        }
        if let Some(field) = self.options.announces_refresh_life {
            let left = self.ledger.refresh_life(grant);
            answer[field] = left.map_or(0, |left| left.whole_seconds()).into();
        }
        answer
    }

    fn revoke(
        &mut self,
        headers: &HeaderMap,
        body: &[u8],
        arrival: &Arrival,
    ) -> Result<(), Refusal> {
        let form = form(headers, body)?;
        let client_id = self.authenticate(headers, &form, arrival)?;
        let value = form.get("token");
        let value = value.ok_or_else(|| Refusal::new("invalid_request", "no token"))?;
        // RFC 7009 2.2: a token that is unknown or dead already is as revoked as can be.
        let Some(token) = self.ledger.token(value).cloned() else {
            return Ok(());
        };
        let grant = self.ledger.grant(token.grant).clone();
        if grant.client_id != client_id {
            return Err(Refusal::new(
                "invalid_grant",
                "the token is another client's",
            ));
        }
        match (token.kind, self.options.revocation_reach) {
            (TokenKind::Access, _) | (_, RevocationReach::Token) => {
                self.ledger.revoke_token(value);
            }
            (TokenKind::Refresh, RevocationReach::Grant) => {
                self.ledger.revoke_grant(grant.id, Cause::Client);
            }
            (TokenKind::Refresh, RevocationReach::Account) => {
                let client = Some(client_id.as_str());
                self.ledger
                    .revoke_account(client, &grant.subject, Cause::Client);
            }
        }
        Ok(())
    }

    fn introspect(
        &mut self,
        headers: &HeaderMap,
        body: &[u8],
        arrival: &Arrival,
    ) -> Result<Value, Refusal> {
        let form = form(headers, body)?;
        let client_id = self.authenticate(headers, &form, arrival)?;
        let value = form.get("token").unwrap_or_default();
        let kinds = [TokenKind::Access, TokenKind::Refresh];
        let mut live = kinds
            .iter()
            .filter_map(|kind| self.ledger.live_token(value, *kind));
        let token = live.find(|token| self.ledger.grant(token.grant).client_id == client_id);
        Ok(match token {
            None => json!({ "active": false }),
            Some(token) => json!({
                "active": true,
                "sub": self.ledger.grant(token.grant).subject,
                "client_id": client_id,
                "exp": token.expires_at.map(time::OffsetDateTime::unix_timestamp),
            }),
        })
    }

    /// RFC 6749 2.3: exactly one way of proving who the client is, and one the service offers.
    pub(super) fn authenticate(
        &mut self,
        headers: &HeaderMap,
        form: &Params,
        arrival: &Arrival,
    ) -> Result<String, Refusal> {
        if matches!(
            self.options.client_auth,
            ClientAuth::PrivateKeyJwt | ClientAuth::Certificate
        ) {
            return self.authenticate_without_secret(headers, form, arrival);
        }
        let basic = headers.get(header::AUTHORIZATION);
        let posted = form.get("client_secret");
        if basic.is_some() && posted.is_some() {
            return Err(Refusal::new(
                "invalid_request",
                "two client authentications",
            ));
        }
        let denied = |why: &str| Refusal {
            challenge: basic.is_some(),
            ..Refusal::new("invalid_client", why)
        };
        let (id, secret) = if let Some(value) = basic {
            if self.options.client_auth == ClientAuth::Post {
                return Err(denied("client_secret_basic is not offered"));
            }
            let value = value.to_str().ok().and_then(read_basic);
            value.ok_or_else(|| denied("the Authorization header has a bad form"))?
        } else {
            if self.options.client_auth == ClientAuth::Basic {
                return Err(denied("client_secret_post is not offered"));
            }
            let id = form
                .get("client_id")
                .ok_or_else(|| denied("no client_id"))?;
            let secret = posted.ok_or_else(|| denied("no client_secret"))?;
            (id.to_string(), secret.to_string())
        };
        if form.get("client_id").is_some_and(|other| other != id) {
            return Err(denied("two client ids"));
        }
        let client = self.client(&id).filter(|client| client.secret == secret);
        Ok(client
            .ok_or_else(|| denied("unknown client or wrong secret"))?
            .id
            .clone())
    }
}

impl World {
    /// By an assertion or a certificate, and by nothing beside it.
    fn authenticate_without_secret(
        &mut self,
        headers: &HeaderMap,
        form: &Params,
        arrival: &Arrival,
    ) -> Result<String, Refusal> {
        let denied = |why: &str| Refusal::new("invalid_client", why);
        if headers.contains_key(header::AUTHORIZATION) || form.get("client_secret").is_some() {
            return Err(denied("a secret is not offered"));
        }
        let said = form.get("client_id").map(str::to_owned);
        let assertion = form.get("client_assertion");
        let id = match (self.options.client_auth, assertion) {
            (ClientAuth::Certificate, None) if arrival.certified => {
                said.clone().ok_or_else(|| denied("no client_id"))?
            }
            (ClientAuth::PrivateKeyJwt, Some(assertion)) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                if form.get("client_assertion_type") != Some(kind) {
                    return Err(denied("the assertion is of another type"));
                }
                self.check_assertion(assertion).map_err(denied)?
            }
            _ => return Err(denied("it does not prove which client it is")),
        };
        match said.is_none_or(|said| said == id) && self.client(&id).is_some() {
            true => Ok(id),
            false => Err(denied("another client")),
        }
    }
}

/// Id and secret of a Basic header, each form-encoded inside.
fn read_basic(header: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(bytes).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
        decoded.ok().map(String::from)
    };
    Some((decode(id)?, decode(secret)?))
}

pub(super) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Params, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::new("invalid_request", "the body is not a form"));
    }
    Params::parse(body).map_err(|twice| Refusal::new("invalid_request", twice))
}
