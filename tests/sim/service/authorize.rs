//! In the browser: the authorization endpoint (RFC 6749, 7636, 9207), login, consent, and the page
//! where people see what they allowed.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use url::Url;

use super::fault::Kind;
use super::ledger::{Cause, Code};
use super::pages::{Piece, fill};
use super::wire::Arrival;
use super::{Params, Person, Pushing, Service, World, random, token};

const COOKIE: &str = "service_session";

/// An authorization request whose person is logging in or thinking it over.
#[derive(Clone)]
pub(super) struct Pending {
    client_id: String,
    redirect_uri: String,
    scope: Vec<String>,
    state: String,
    challenge: String,
    nonce: Option<String>,
    jkt: Option<String>,
    resources: Vec<String>,
    /// The person must be asked even if they allowed it before.
    ask_again: bool,
}

/// An authorization request that was pushed (RFC 9126).
pub(super) struct Pushed {
    client_id: String,
    params: Params,
    expires_at: time::OffsetDateTime,
    used: bool,
}

/// An error that goes back to the client: its code in RFC 6749, and the reason.
type Refusal = (&'static str, String);

pub(super) async fn authorize(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    service.change(|world| {
        world.authorize(
            service.issuer(),
            query.as_deref().unwrap_or_default(),
            &headers,
        )
    })
}

pub(super) async fn push(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = service.change(|world| {
        let pushed = world.push(&headers, &body, &arrival);
        world.note_refusal("/par", pushed)
    });
    match outcome {
        Ok(answer) => (StatusCode::CREATED, Json(answer)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

pub(super) async fn login_page(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Params::parse(query.unwrap_or_default().as_bytes());
    service.read(|world| {
        let Some((id, pending)) = world.pending(query.as_ref().ok()) else {
            return world.lost_request();
        };
        let other = query.is_ok_and(|query| query.get("other").is_some());
        world.login(&id, &pending, other, "")
    })
}

pub(super) async fn sign_in(State(service): State<Service>, form: Bytes) -> Response {
    let form = Params::parse(&form);
    service.change(|world| {
        let form = form.as_ref().ok();
        let Some((id, pending)) = world.pending(form) else {
            return world.lost_request();
        };
        let typed = form
            .and_then(|form| form.get("subject"))
            .unwrap_or_default()
            .trim();
        let mut people = world.people.iter();
        let known = people.find(|person| person.subject == typed || person.login == typed);
        let Some(person) = known.cloned() else {
            return world.login(&id, &pending, true, "There is no account of that name.");
        };
        let session = random("");
        let next = world.next_step(service.issuer(), id, pending, Some(&person));
        let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax");
        world.sessions.insert(session, person.subject);
        with_cookie(next, &cookie)
    })
}

pub(super) async fn consent_page(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Params::parse(query.unwrap_or_default().as_bytes());
    service.read(|world| {
        let Some((id, pending)) = world.pending(query.as_ref().ok()) else {
            return world.lost_request();
        };
        match world.signed_in(&headers) {
            Some(person) => world.consent(&id, &pending, person),
            None => Redirect::to(&format!("/login?request={id}")).into_response(),
        }
    })
}

pub(super) async fn decide(
    State(service): State<Service>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    let form = Params::parse(&form);
    service.change(|world| {
        let form = form.as_ref().ok();
        let Some((id, pending)) = world.pending(form) else {
            return world.lost_request();
        };
        let Some(person) = world.signed_in(&headers).cloned() else {
            return Redirect::to(&format!("/login?request={id}")).into_response();
        };
        world.pending.remove(&id);
        if form.and_then(|form| form.get("decision")) == Some("allow") {
            let consent = (person.subject.clone(), pending.client_id.clone());
            world.consents.insert(consent);
            world.grant(service.issuer(), &pending, &person)
        } else {
            let denied = ("access_denied", "the person said no".into());
            world.answer(service.issuer(), &pending, Err(denied))
        }
    })
}

pub(super) async fn account_page(State(service): State<Service>, headers: HeaderMap) -> Response {
    service.read(|world| {
        let Some(person) = world.signed_in(&headers) else {
            let content = "<h1>You are signed out</h1><p>Nobody is signed in here.</p>";
            return world.page(StatusCode::OK, "Signed out", content);
        };
        let ledger = &world.ledger;
        let theirs = ledger.live_grants().into_iter();
        let theirs = theirs.filter(|grant| grant.subject == person.subject);
        let mut apps: String = theirs
            .map(|grant| {
                let client = world.client(&grant.client_id);
                fill(
                    "<form method=\"post\" action=\"/apps/remove\">\
                     <input type=\"hidden\" name=\"grant\" value=\"{{grant}}\">\
                     <button>Remove access of {{client}}</button></form>",
                    &[
                        ("grant", Piece::Text(&grant.id.to_string())),
                        (
                            "client",
                            Piece::Text(client.map_or("", |client| &client.name)),
                        ),
                    ],
                )
            })
            .collect();
        if apps.is_empty() {
            apps = "<p class=\"quiet\">None at the moment.</p>".into();
        }
        let pieces = [
            ("name", Piece::Text(&person.name)),
            ("apps", Piece::Html(&apps)),
        ];
        let content = fill(include_str!("account.html"), &pieces);
        world.page(StatusCode::OK, "Your account", &content)
    })
}

pub(super) async fn sign_out(State(service): State<Service>, headers: HeaderMap) -> Response {
    if let Some(session) = session(&headers) {
        service.change(|world| world.sessions.remove(session));
    }
    let gone = format!("{COOKIE}=; Path=/; Max-Age=0");
    with_cookie(Redirect::to("/").into_response(), &gone)
}

pub(super) async fn remove_app(
    State(service): State<Service>,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    let form = Params::parse(&form).ok();
    let grant = form.and_then(|form| form.get("grant")?.parse::<usize>().ok());
    service.change(|world| {
        let subject = world
            .signed_in(&headers)
            .map(|person| person.subject.clone());
        let mut grants = world.ledger.grants().iter();
        let theirs =
            grants.any(|known| Some(known.id) == grant && Some(&known.subject) == subject.as_ref());
        if let (true, Some(grant)) = (theirs, grant) {
            world.ledger.revoke_grant(grant, Cause::Person);
        }
    });
    Redirect::to("/").into_response()
}

impl World {
    fn authorize(&mut self, issuer: &str, query: &str, headers: &HeaderMap) -> Response {
        let query = match Params::parse(query.as_bytes()) {
            Ok(query) => query,
            Err(twice) => return self.refuse_here(&twice),
        };
        let query = match self.taken(query) {
            Ok(query) => query,
            Err(why) => return self.refuse_here(why),
        };
        // Until both are known to belong together nothing may be sent anywhere: RFC 6749 4.1.2.1.
        let Some(client) = query.get("client_id").and_then(|id| self.client(id)) else {
            return self.refuse_here("the client is not known here");
        };
        let redirect_uri = query.get("redirect_uri").unwrap_or_default().to_string();
        if !client.redirects.contains(&redirect_uri) {
            return self.refuse_here("the redirect_uri is not registered for this client");
        }
        let mut pending = Pending {
            client_id: client.id.clone(),
            redirect_uri,
            scope: query.words("scope"),
            state: query.get("state").unwrap_or_default().into(),
            challenge: query.get("code_challenge").unwrap_or_default().into(),
            nonce: query.get("nonce").map(String::from),
            jkt: query.get("dpop_jkt").map(String::from),
            resources: query.words("resource"),
            ask_again: false,
        };
        if let Err((error, why)) = self.check(&query, &pending) {
            self.note(format!("/authorize: {error}: {why}"));
            return self.answer(issuer, &pending, Err((error, why)));
        }
        let prompts = query.words("prompt");
        let asked = |prompt: &str| prompts.iter().any(|word| word == prompt);
        pending.ask_again = asked("consent");
        let person = self.signed_in(headers).cloned();
        if asked("none") {
            let refusal = match &person {
                None => Err(("login_required", "nobody is signed in".into())),
                Some(person) if self.must_ask(&pending, person) => {
                    Err(("consent_required", "the person must be asked".into()))
                }
                Some(person) => return self.grant(issuer, &pending, person),
            };
            return self.answer(issuer, &pending, refusal);
        }
        let person = person.filter(|_| !asked("login") && !asked("select_account"));
        self.next_step(issuer, random(""), pending, person.as_ref())
    }

    /// Takes a request before its person comes.
    fn push(
        &mut self,
        headers: &HeaderMap,
        body: &[u8],
        arrival: &Arrival,
    ) -> Result<Value, token::Refusal> {
        let bad = |why: &str| token::Refusal::new("invalid_request", why);
        let params = token::form(headers, body)?;
        let client_id = self.authenticate(headers, &params, arrival)?;
        if params.get("request_uri").is_some() {
            return Err(bad("a reference in what is pushed"));
        }
        let redirect_uri = params.get("redirect_uri").unwrap_or_default();
        let client = self.client(&client_id);
        if !client.is_some_and(|client| client.redirects.contains(redirect_uri)) {
            return Err(bad("the redirect_uri is not registered for this client"));
        }
        let pending = Pending {
            client_id: client_id.clone(),
            redirect_uri: redirect_uri.into(),
            scope: params.words("scope"),
            state: params.get("state").unwrap_or_default().into(),
            challenge: params.get("code_challenge").unwrap_or_default().into(),
            nonce: params.get("nonce").map(String::from),
            jkt: params.get("dpop_jkt").map(String::from),
            resources: params.words("resource"),
            ask_again: false,
        };
        self.check(&params, &pending)
            .map_err(|(error, why)| token::Refusal::new(error, why))?;
        let reference = format!("urn:ietf:params:oauth:request_uri:{}", random(""));
        let life = self.options.pushed_request_life;
        let pushed = Pushed {
            client_id,
            params,
            expires_at: self.ledger.now() + life,
            used: false,
        };
        self.pushed.insert(reference.clone(), pushed);
        Ok(json!({ "request_uri": reference, "expires_in": life.as_secs() }))
    }

    /// The request that a browser brings: itself, or the one it refers to, which is used up by that.
    fn taken(&mut self, query: Params) -> Result<Params, &'static str> {
        let Some(reference) = query.get("request_uri") else {
            return match self.options.pushing {
                Pushing::Demanded => Err("the request was not pushed"),
                Pushing::Unknown | Pushing::Offered => Ok(query),
            };
        };
        let now = self.ledger.now();
        let pushed = self.pushed.get_mut(reference).ok_or("nothing was pushed")?;
        if query.get("client_id") != Some(&pushed.client_id) {
            return Err("another client pushed the request");
        }
        // RFC 9126, section 4: what else is in the address does not count, and a good client sends nothing else.
        if query.0.len() != 2 {
            return Err("more in the address than the reference");
        }
        if pushed.used || pushed.expires_at <= now {
            return Err("the pushed request is over");
        }
        pushed.used = true;
        Ok(pushed.params.clone())
    }

    /// What an authorization request must be like.
    fn check(&self, query: &Params, pending: &Pending) -> Result<(), Refusal> {
        let bad = |why: &str| Err(("invalid_request", why.to_string()));
        match query.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "only code".into())),
            None => return bad("response_type is missing"),
        }
        if query
            .get("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return bad("only response_mode query");
        }
        if pending.state.is_empty() {
            return bad("state is missing");
        }
        // RFC 7636 4.3: without a method it would be plain, and plain proves nothing.
        if query.get("code_challenge_method") != Some("S256") {
            return bad("code_challenge_method must be S256");
        }
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if pending.challenge.len() != 43 || !pending.challenge.bytes().all(base64url) {
            return bad("code_challenge is not the SHA-256 of anything");
        }
        let offered = |scope: &String| self.options.scopes.contains(scope);
        if let Some(unknown) = pending.scope.iter().find(|scope| !offered(scope)) {
            return Err(("invalid_scope", format!("{unknown} is not offered")));
        }
        if pending.scope.iter().any(|scope| scope == "openid") && pending.nonce.is_none() {
            return bad("nonce is missing");
        }
        if !self.knows(&pending.resources) {
            return Err(("invalid_target", "no resource that is known here".into()));
        }
        if self.options.dpop && pending.jkt.is_none() {
            return bad("dpop_jkt is missing");
        }
        let prompts = query.words("prompt");
        let known = |prompt: &String| {
            matches!(prompt.as_str(), "none" | "consent")
                || self.options.announces_prompts
                    && matches!(prompt.as_str(), "login" | "select_account")
        };
        if let Some(unknown) = prompts.iter().find(|prompt| !known(prompt)) {
            return bad(&format!("prompt {unknown} is not known here"));
        }
        if prompts.len() > 1 && prompts.iter().any(|prompt| prompt == "none") {
            return bad("prompt none stands alone");
        }
        Ok(())
    }

    /// Whether access tokens can be for these resources.
    pub(super) fn knows(&self, resources: &[String]) -> bool {
        let known = &self.options.resources;
        known.is_empty() == resources.is_empty()
            && resources.iter().all(|resource| known.contains(resource))
    }

    /// Login, consent, or back to the client, whichever the request needs next.
    fn next_step(
        &mut self,
        issuer: &str,
        id: String,
        pending: Pending,
        person: Option<&Person>,
    ) -> Response {
        let page = match person {
            Some(person) if !self.must_ask(&pending, person) => {
                self.pending.remove(&id);
                return self.grant(issuer, &pending, person);
            }
            Some(_) => "consent",
            None => "login",
        };
        let to = format!("/{page}?request={id}");
        self.pending.insert(id, pending);
        Redirect::to(&to).into_response()
    }

    fn must_ask(&self, pending: &Pending, person: &Person) -> bool {
        let consent = (person.subject.clone(), pending.client_id.clone());
        let remembered = self.options.remember_consent && self.consents.contains(&consent);
        pending.ask_again || !remembered
    }

    fn grant(&mut self, issuer: &str, pending: &Pending, person: &Person) -> Response {
        let scope = pending.scope.clone();
        let grant = self.ledger.add_grant(&pending.client_id, person, scope);
        let value = random("code_");
        self.ledger.add_code(Code {
            value: value.clone(),
            grant,
            redirect_uri: pending.redirect_uri.clone(),
            challenge: pending.challenge.clone(),
            nonce: pending.nonce.clone(),
            jkt: pending.jkt.clone(),
            resources: pending.resources.clone(),
            expires_at: self.ledger.now() + self.options.code_life,
            spent: false,
            redeemed: false,
        });
        self.answer(issuer, pending, Ok(value))
    }

    /// Sends the browser back to the client, with a code or an error.
    fn answer(
        &mut self,
        issuer: &str,
        pending: &Pending,
        outcome: Result<String, Refusal>,
    ) -> Response {
        let mut target = Url::parse(&pending.redirect_uri).expect("registered addresses are URLs");
        let mut query = target.query_pairs_mut();
        let fault = self.faults.at_authorization_answer();
        match (&outcome, &fault) {
            (Ok(_), Some(Kind::OtherCode(code))) | (Ok(code), _) => query.append_pair("code", code),
            (Err((error, why)), _) => query
                .append_pair("error", error)
                .append_pair("error_description", why),
        };
        if !pending.state.is_empty() {
            query.append_pair("state", &pending.state);
        }
        if self.options.iss_parameter {
            match fault {
                Some(Kind::NoIss) => {}
                Some(Kind::WrongIss) => drop(query.append_pair("iss", "http://other.localhost")),
                _ => drop(query.append_pair("iss", issuer)),
            }
        }
        drop(query);
        Redirect::to(target.as_str()).into_response()
    }

    fn refuse_here(&mut self, why: &str) -> Response {
        self.note(format!("/authorize: {why}"));
        self.dead_end(&format!("The app made a mistake: {why}."))
    }

    fn lost_request(&self) -> Response {
        self.dead_end("This page belongs to a request that is over. Start again in the app.")
    }

    fn pending(&self, params: Option<&Params>) -> Option<(String, Pending)> {
        let id = params?.get("request")?;
        Some((id.into(), self.pending.get(id)?.clone()))
    }

    fn signed_in(&self, headers: &HeaderMap) -> Option<&Person> {
        self.person(self.sessions.get(session(headers)?)?)
    }

    fn login(&self, id: &str, pending: &Pending, other: bool, wrong: &str) -> Response {
        /// More names than these would hide who can be chosen.
        const OFFERED: usize = 2;
        let request = || ("request", Piece::Text(id));
        let client = || ("client", Piece::Text(self.client_name(pending)));
        if other {
            let shown = match wrong {
                "" => String::new(),
                _ => fill(
                    "<p class=\"wrong\">{{wrong}}</p>",
                    &[("wrong", Piece::Text(wrong))],
                ),
            };
            let pieces = [request(), client(), ("wrong", Piece::Html(&shown))];
            let content = fill(include_str!("other.html"), &pieces);
            return self.page(StatusCode::OK, "Sign in", &content);
        }
        let offered = self.people.iter().take(OFFERED);
        let accounts: String = offered
            .map(|person| {
                fill(
                    "<form method=\"post\" action=\"/login\">\
                     <input type=\"hidden\" name=\"request\" value=\"{{request}}\">\
                     <button name=\"subject\" value=\"{{subject}}\">Sign in as {{name}}</button>\
                     </form>",
                    &[
                        request(),
                        ("subject", Piece::Text(&person.subject)),
                        ("name", Piece::Text(&person.name)),
                    ],
                )
            })
            .collect();
        let pieces = [request(), client(), ("accounts", Piece::Html(&accounts))];
        let content = fill(include_str!("login.html"), &pieces);
        self.page(StatusCode::OK, "Choose an account", &content)
    }

    fn consent(&self, id: &str, pending: &Pending, person: &Person) -> Response {
        let scopes: String = pending
            .scope
            .iter()
            .map(|scope| {
                let words = match scope.as_str() {
                    "openid" => "know which account is yours",
                    "profile" => "see your name",
                    "offline_access" => "keep its access while you are away",
                    "drive.read" => "read your files",
                    other => other,
                };
                fill("<li>{{words}}</li>", &[("words", Piece::Text(words))])
            })
            .collect();
        let target = Url::parse(&pending.redirect_uri).expect("registered addresses are URLs");
        let target = target.origin().ascii_serialization();
        let pieces = [
            ("request", Piece::Text(id)),
            ("client", Piece::Text(self.client_name(pending))),
            ("name", Piece::Text(&person.name)),
            ("scopes", Piece::Html(&scopes)),
            ("target", Piece::Text(&target)),
        ];
        let content = fill(include_str!("consent.html"), &pieces);
        self.page(StatusCode::OK, "Allow access", &content)
    }

    fn client_name(&self, pending: &Pending) -> &str {
        self.client(&pending.client_id)
            .map_or("an app", |client| &client.name)
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let mut cookies = cookies
        .split("; ")
        .filter_map(|cookie| cookie.split_once('='));
    cookies.find_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let cookie = HeaderValue::from_str(cookie).expect("session ids are plain text");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}
