//! The ledger: all that was given, taken and revoked, and what tests want to know of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::fault::Endpoint;
use super::{Clock, Person, random};

/// What becomes of a refresh token once it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It stays; no other is given.
    None,
    /// For this long it works again, each time giving a pair of its own, so that a lost answer can
    /// be retried. Only the latest generation has this grace: an older one is taken for stolen.
    Grace(Duration),
    /// It works again until something of its successor was used: that proves the answer arrived.
    UntilFirstUse,
    /// It is spent. Using it again revokes the grant, as one of the two who have it stole it.
    Strict,
}

/// Why a grant was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client asked for it.
    Client,
    /// The person took it back at the service.
    Person,
    CodeReused,
    RefreshTokenReused,
}

/// What one person allowed one client, and the root of every token that came of it.
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: usize,
    pub client_id: String,
    pub subject: String,
    pub scope: Vec<String>,
    pub revoked: Option<Cause>,
    /// When the person has to consent again.
    pub ends_at: Option<OffsetDateTime>,
    used: Option<Used>,
}

/// The newest generation of which a refresh token was used, and which one that was.
#[derive(Clone, Debug)]
struct Used {
    generation: u32,
    token: String,
    at: OffsetDateTime,
    successor_seen: bool,
}

/// An authorization code and all it is bound to.
#[derive(Clone, Debug)]
pub struct Code {
    pub value: String,
    pub grant: usize,
    pub redirect_uri: String,
    pub challenge: String,
    pub nonce: Option<String>,
    /// The thumbprint of the key whose proof has to come with it.
    pub jkt: Option<String>,
    /// What its access tokens may be for.
    pub resources: Vec<String>,
    pub expires_at: OffsetDateTime,
    /// Presented, with or without success.
    pub spent: bool,
    /// Tokens were given for it.
    pub redeemed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Access,
    Refresh,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub value: String,
    pub kind: TokenKind,
    pub grant: usize,
    pub generation: u32,
    pub issued_at: OffsetDateTime,
    pub expires_at: Option<OffsetDateTime>,
    /// By itself; its grant may be revoked too.
    pub revoked: bool,
    /// How often a request with it was processed.
    pub taken: u32,
}

#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: String,
    pub value: String,
    pub subject: String,
    pub grant: usize,
    pub expires_at: OffsetDateTime,
    pub revoked: bool,
}

/// How the service answered a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Granted,
    /// With this error of RFC 6749.
    Refused(&'static str),
}

/// One call to the token endpoint. Times count from the start of the service.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    pub endpoint: Endpoint,
    pub grant: Option<usize>,
    /// The code or the refresh token it brought.
    pub presented: Option<String>,
    pub started: Duration,
    /// None while its client waits.
    pub ended: Option<Duration>,
    /// It ended without an answer: the connection was cut from either side.
    pub unanswered: bool,
    /// None if it was never processed.
    pub outcome: Option<Outcome>,
}

/// See the module's words.
#[derive(Clone)]
pub struct Ledger {
    pub clock: Clock,
    started: Instant,
    grants: Vec<Grant>,
    codes: Vec<Code>,
    tokens: HashMap<String, Token>,
    api_keys: Vec<ApiKey>,
    requests: Vec<TokenRequest>,
    reused: Vec<String>,
    /// Secrets that are nothing of the above: ID tokens, and verifiers that clients showed.
    others: Vec<String>,
    /// By how many bytes access tokens and API keys are longer than they need to be.
    pub(super) padding: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            started: Instant::now(),
            grants: Vec::new(),
            codes: Vec::new(),
            tokens: HashMap::new(),
            api_keys: Vec::new(),
            requests: Vec::new(),
            reused: Vec::new(),
            others: Vec::new(),
            padding: 0,
        }
    }
}

/// What tests ask.
impl Ledger {
    /// Every call to the token endpoint, oldest first.
    pub fn token_requests(&self) -> &[TokenRequest] {
        &self.requests
    }

    /// Pairs of token requests of one grant that were in flight at the same time.
    pub fn overlaps(&self) -> Vec<(TokenRequest, TokenRequest)> {
        let mut by_grant: BTreeMap<usize, Vec<&TokenRequest>> = BTreeMap::new();
        for request in &self.requests {
            if let Some(grant) = request.grant {
                by_grant.entry(grant).or_default().push(request);
            }
        }
        let mut overlaps = Vec::new();
        for requests in by_grant.values() {
            for (index, first) in requests.iter().enumerate() {
                let later = requests[index + 1..].iter();
                let during = later.filter(|second| first.is_in_flight_at(second.started));
                overlaps.extend(during.map(|second| ((*first).clone(), (*second).clone())));
            }
        }
        overlaps
    }

    /// Refresh tokens presented again when the mode of rotation did not allow it, once for each
    /// time.
    pub fn reused_refresh_tokens(&self) -> &[String] {
        &self.reused
    }

    /// Refresh tokens of which more than one request was processed, allowed or not. Without
    /// rotation that is nothing bad.
    pub fn refresh_tokens_used_twice(&self) -> Vec<&Token> {
        let tokens = self.tokens.values();
        tokens
            .filter(|token| token.kind == TokenKind::Refresh && token.taken > 1)
            .collect()
    }

    /// Grants from which something that still works was given.
    pub fn live_grants(&self) -> Vec<&Grant> {
        let mut live = vec![false; self.grants.len()];
        for token in self.tokens.values() {
            live[token.grant] |= self.is_token_live(token);
        }
        let grants = self.grants.iter();
        grants.filter(|grant| live[grant.id]).collect()
    }

    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    pub fn grants_of(&self, subject: &str) -> Vec<&Grant> {
        let grants = self.grants.iter();
        grants.filter(|grant| grant.subject == subject).collect()
    }

    /// Codes for which no tokens were given, expired or not.
    pub fn unredeemed_codes(&self) -> Vec<&Code> {
        self.codes.iter().filter(|code| !code.redeemed).collect()
    }

    pub fn live_api_keys(&self) -> Vec<&ApiKey> {
        let keys = self.api_keys.iter();
        keys.filter(|key| self.is_key_live(key)).collect()
    }

    /// Tokens given for a grant, oldest first.
    pub fn tokens_of(&self, grant: usize) -> Vec<&Token> {
        let tokens = self.tokens.values();
        let mut of_grant: Vec<&Token> = tokens.filter(|token| token.grant == grant).collect();
        of_grant.sort_by_key(|token| (token.generation, token.issued_at));
        of_grant
    }

    /// Whether a token or key of ours was revoked, alone or with its grant. Running out is not
    /// being revoked.
    pub fn is_revoked(&self, secret: &str) -> bool {
        let token = self
            .tokens
            .get(secret)
            .map(|token| token.revoked || self.grants[token.grant].revoked.is_some());
        let mut keys = self.api_keys.iter();
        let key = keys.find(|key| key.value == secret).map(|key| key.revoked);
        token.or(key).unwrap_or(false)
    }

    /// Whether an access token or API key opens the API now; whose it is.
    pub fn opens_api(&self, secret: &str) -> Option<&str> {
        if let Some(token) = self.live_token(secret, TokenKind::Access) {
            return Some(&self.grants[token.grant].subject);
        }
        let mut keys = self.api_keys.iter();
        let key = keys.find(|key| key.value == secret && self.is_key_live(key))?;
        Some(&key.subject)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} grants ({} live), {} codes ({} unredeemed), {} live API keys, {} token requests",
            self.grants.len(),
            self.live_grants().len(),
            self.codes.len(),
            self.unredeemed_codes().len(),
            self.live_api_keys().len(),
            self.requests.len(),
        )?;
        let last = self.requests.iter().rev().take(5);
        for request in last {
            let (endpoint, outcome) = (request.endpoint, request.outcome);
            write!(out, "; {endpoint:?} at {:?}: {outcome:?}", request.started)?;
        }
        Ok(())
    }
}

impl TokenRequest {
    fn is_in_flight_at(&self, moment: Duration) -> bool {
        /// How long it may take us to notice that a client hung up; it may retry meanwhile.
        const NOTICING: Duration = Duration::from_millis(100);
        let Some(ended) = self.ended else {
            return true;
        };
        let slack = if self.unanswered {
            NOTICING
        } else {
            Duration::ZERO
        };
        moment + slack < ended
    }
}

/// What the endpoints write and ask.
impl Ledger {
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        let codes = self.codes.iter().map(|code| &code.value);
        let keys = self.api_keys.iter().map(|key| &key.value);
        let all = codes.chain(self.tokens.keys()).chain(keys);
        all.chain(&self.others).cloned()
    }

    pub(super) fn remember_secret(&mut self, secret: &str) {
        self.others.push(secret.into());
    }

    pub(super) fn open_token_request(
        &mut self,
        endpoint: Endpoint,
        presented: Option<&str>,
    ) -> usize {
        let of_token = presented.and_then(|secret| Some(self.tokens.get(secret)?.grant));
        let of_code = presented.and_then(|secret| Some(self.code(secret)?.grant));
        self.requests.push(TokenRequest {
            endpoint,
            grant: of_token.or(of_code),
            presented: presented.map(String::from),
            started: self.started.elapsed(),
            ended: None,
            unanswered: false,
            outcome: None,
        });
        self.requests.len() - 1
    }

    pub(super) fn settle_token_request(&mut self, request: usize, outcome: Outcome) {
        self.requests[request].outcome = Some(outcome);
    }

    pub(super) fn close_token_request(&mut self, request: usize, unanswered: bool) {
        let ended = self.started.elapsed();
        let request = &mut self.requests[request];
        request.ended = Some(ended);
        request.unanswered = unanswered;
    }

    pub(super) fn add_grant(&mut self, client: &str, person: &Person, scope: Vec<String>) -> usize {
        let id = self.grants.len();
        self.grants.push(Grant {
            id,
            client_id: client.into(),
            subject: person.subject.clone(),
            scope,
            revoked: None,
            ends_at: None,
            used: None,
        });
        id
    }

    /// The person's consent counts from now on.
    pub(super) fn begin_grant(&mut self, id: usize, life: Option<Duration>) {
        self.grants[id].ends_at = life.map(|life| self.now() + life);
    }

    pub(super) fn grant(&self, id: usize) -> &Grant {
        &self.grants[id]
    }

    pub(super) fn add_code(&mut self, code: Code) {
        self.codes.push(code);
    }

    pub(super) fn code(&self, value: &str) -> Option<&Code> {
        self.codes.iter().find(|code| code.value == value)
    }

    pub(super) fn code_mut(&mut self, value: &str) -> Option<&mut Code> {
        self.codes.iter_mut().find(|code| code.value == value)
    }

    /// Gives a token and returns it. A pair shares its generation, and so do the pairs that came
    /// of one refresh token.
    pub(super) fn give(
        &mut self,
        kind: TokenKind,
        grant: usize,
        generation: u32,
        life: Option<Duration>,
    ) -> String {
        let issued_at = self.now();
        // No refresh token outlives the consent.
        let ends_at = self.grants[grant].ends_at;
        let ends_at = ends_at.filter(|_| kind == TokenKind::Refresh);
        let expires_at = [life.map(|life| issued_at + life), ends_at];
        let value = match kind {
            TokenKind::Access => format!("{}{}", random("at_"), "x".repeat(self.padding)),
            TokenKind::Refresh => random("rt_"),
        };
        let token = Token {
            value: value.clone(),
            kind,
            grant,
            generation,
            issued_at,
            expires_at: expires_at.into_iter().flatten().min(),
            revoked: false,
            taken: 0,
        };
        self.tokens.insert(value.clone(), token);
        value
    }

    /// Takes a refresh token and says to which grant and generation it belongs.
    pub(super) fn take_refresh_token(
        &mut self,
        value: &str,
        client_id: &str,
        rotation: Rotation,
    ) -> Result<(usize, u32), &'static str> {
        let now = self.now();
        let token = self.tokens.get_mut(value);
        let token = token.filter(|token| token.kind == TokenKind::Refresh);
        let token = token.ok_or("no such refresh token")?;
        token.taken += 1;
        let grant = &mut self.grants[token.grant];
        if grant.client_id != client_id {
            return Err("the refresh token is another client's");
        }
        if grant.revoked.is_some() || token.revoked {
            return Err("the grant was revoked");
        }
        if token.expires_at.is_some_and(|end| end <= now) {
            return Err("the refresh token has run out");
        }
        let taken = (token.grant, token.generation);
        if rotation == Rotation::None {
            return Ok(taken);
        }
        match &grant.used {
            Some(used) if token.generation <= used.generation => {
                // Of several that came of one predecessor, only the one used first may come back.
                let in_grace = match rotation {
                    Rotation::Grace(period) => now < used.at + period,
                    Rotation::UntilFirstUse => !used.successor_seen,
                    Rotation::Strict | Rotation::None => false,
                };
                if used.token != value || !in_grace {
                    grant.revoked = Some(Cause::RefreshTokenReused);
                    self.reused.push(value.into());
                    return Err("the refresh token was used before");
                }
            }
            _ => {
                grant.used = Some(Used {
                    generation: token.generation,
                    token: value.into(),
                    at: now,
                    successor_seen: false,
                });
            }
        }
        Ok(taken)
    }

    /// One that stays has its whole life again.
    pub(super) fn use_again(&mut self, value: &str, rotation: Rotation, life: Option<Duration>) {
        let now = self.now();
        if let Some(token) = self.tokens.get_mut(value)
            && rotation == Rotation::None
        {
            let ends = [
                life.map(|life| now + life),
                self.grants[token.grant].ends_at,
            ];
            token.expires_at = ends.into_iter().flatten().min();
        }
    }

    /// How long the newest refresh token of a grant has to live, if it ends.
    pub(super) fn refresh_life(&self, grant: usize) -> Option<time::Duration> {
        let of_grant = self.tokens.values();
        let newest = of_grant
            .filter(|token| token.grant == grant && token.kind == TokenKind::Refresh)
            .max_by_key(|token| (token.generation, token.issued_at))?;
        Some(newest.expires_at? - self.now())
    }

    /// Takes an access token and says to which grant it belongs.
    pub(super) fn use_access_token(&mut self, value: &str) -> Option<usize> {
        let token = self.live_token(value, TokenKind::Access)?;
        let (grant, generation) = (token.grant, token.generation);
        if let Some(used) = &mut self.grants[grant].used {
            used.successor_seen |= generation > used.generation;
        }
        Some(grant)
    }

    pub(super) fn live_token(&self, value: &str, kind: TokenKind) -> Option<&Token> {
        let token = self.tokens.get(value)?;
        (token.kind == kind && self.is_token_live(token)).then_some(token)
    }

    pub(super) fn token(&self, value: &str) -> Option<&Token> {
        self.tokens.get(value)
    }

    pub(super) fn revoke_token(&mut self, value: &str) {
        if let Some(token) = self.tokens.get_mut(value) {
            token.revoked = true;
        }
    }

    pub(super) fn revoke_grant(&mut self, grant: usize, cause: Cause) {
        self.grants[grant].revoked.get_or_insert(cause);
    }

    /// Revokes what an account granted, to one client or to all.
    pub(super) fn revoke_account(&mut self, client: Option<&str>, subject: &str, cause: Cause) {
        for grant in &mut self.grants {
            if grant.subject == subject && client.is_none_or(|id| id == grant.client_id) {
                grant.revoked.get_or_insert(cause);
            }
        }
    }

    pub(super) fn add_api_key(&mut self, grant: usize, life: Duration) -> &ApiKey {
        let key = ApiKey {
            id: random("kid_"),
            value: format!("{}{}", random("key_"), "x".repeat(self.padding)),
            subject: self.grants[grant].subject.clone(),
            grant,
            expires_at: self.now() + life,
            revoked: false,
        };
        self.api_keys.push(key);
        self.api_keys.last().expect("it was just put there")
    }

    /// Revokes a key of the account; false if the account has none of that id.
    pub(super) fn revoke_api_key(&mut self, id: &str, subject: &str) -> bool {
        let mut keys = self.api_keys.iter_mut();
        let key = keys.find(|key| key.id == id && key.subject == subject);
        key.map(|key| key.revoked = true).is_some()
    }

    fn is_token_live(&self, token: &Token) -> bool {
        let grant = &self.grants[token.grant];
        let in_time = token.expires_at.is_none_or(|end| self.now() < end);
        // A refresh token of a generation long left behind would only set off the alarm.
        let outlived = token.kind == TokenKind::Refresh
            && grant
                .used
                .as_ref()
                .is_some_and(|used| token.generation < used.generation);
        grant.revoked.is_none() && !token.revoked && in_time && !outlived
    }

    /// A key outlives its grant: only running out and being deleted end it.
    fn is_key_live(&self, key: &ApiKey) -> bool {
        !key.revoked && self.now() < key.expires_at
    }
}
