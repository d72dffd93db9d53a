//! What goes wrong, as data: a list of rules, the first that fits a call happens to it.

use std::time::Duration;

use serde_json::{Map, Value};

/// Where a call goes. Some names stand for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    Any,
    Discovery,
    Jwks,
    Authorize,
    Login,
    Consent,
    /// The account page and what hangs on it.
    Account,
    /// All of the token endpoint.
    Token,
    /// The token endpoint, taking a code.
    Redeem,
    /// The token endpoint, taking a refresh token.
    Refresh,
    Revoke,
    Introspect,
    /// `/userinfo` and `/me`.
    Identity,
    Keys,
    Whoami,
    /// No route at all.
    Unknown,
}

impl Endpoint {
    pub fn covers(self, other: Self) -> bool {
        match self {
            Self::Any => true,
            Self::Token => matches!(other, Self::Token | Self::Redeem | Self::Refresh),
            _ => self == other,
        }
    }

    pub(super) fn of(path: &str) -> Self {
        match path {
            "/.well-known/openid-configuration" => Self::Discovery,
            "/jwks" => Self::Jwks,
            "/authorize" => Self::Authorize,
            "/login" => Self::Login,
            "/consent" => Self::Consent,
            "/" | "/logout" | "/apps/remove" | "/favicon.ico" => Self::Account,
            "/token" => Self::Token,
            "/revoke" => Self::Revoke,
            "/introspect" => Self::Introspect,
            "/userinfo" | "/me" => Self::Identity,
            "/api/whoami" => Self::Whoami,
            _ if path == "/keys" || path.starts_with("/keys/") => Self::Keys,
            _ => Self::Unknown,
        }
    }

    /// Whether a person's browser comes here rather than a program.
    pub(super) fn is_page(self) -> bool {
        use Endpoint::{Account, Authorize, Consent, Login};
        matches!(self, Authorize | Login | Consent | Account)
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Fault {
    pub endpoint: Endpoint,
    /// How many calls it happens to.
    pub times: u32,
    pub kind: Kind,
}

impl Fault {
    pub fn once(endpoint: Endpoint, kind: Kind) -> Self {
        Self::times(endpoint, 1, kind)
    }

    pub fn times(endpoint: Endpoint, times: u32, kind: Kind) -> Self {
        Self {
            endpoint,
            times,
            kind,
        }
    }

    /// Until [`super::Service::clear_faults`].
    pub fn always(endpoint: Endpoint, kind: Kind) -> Self {
        Self::times(endpoint, u32::MAX, kind)
    }
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// Answered with this; nothing is processed.
    Status(u16, Vec<(String, String)>, String),
    /// Processed this much later, even if the client has gone by then.
    Delay(Duration),
    /// Processed at once, answered this much later.
    DelayAfter(Duration),
    /// Neither processed nor answered; the connection stays open.
    Hang,
    /// Processed once the faults are cleared.
    Held,
    /// The connection is cut; nothing is processed.
    CutBefore,
    /// Processed; then the connection is cut, and the answer is lost.
    CutAfter,
    /// 200 with a page, as from a proxy that is in the way; nothing is processed.
    Html200,
    /// Processed; half of the answer's body comes, as if it were all.
    CutJson,
    /// Tokens without a refresh token. The one presented stays good.
    NoRefreshToken,
    /// Tokens whose `expires_in` is this, whatever their real life.
    ExpiresIn(Value),
    /// `invalid_grant`, though the grant is untouched.
    InvalidGrant,
    /// `invalid_client`, though the client is in order.
    InvalidClient,
    /// 307 to this address; nothing is processed.
    Redirect(String),
    /// 200 with this many bytes of JSON white space; nothing is processed.
    HugeBody(usize),
    /// Another server's `iss`: in the answer of `Authorize`, the ID token of `Token`, or the
    /// metadata of `Discovery`.
    WrongIss,
    /// The answer of `Authorize` has no `iss`, though one is announced.
    NoIss,
    /// The answer of `Authorize` has this code instead, as if somebody had put it there on the way.
    OtherCode(String),
    /// The ID token has another login's nonce.
    WrongNonce,
    /// The ID token has these claims instead; null takes one away.
    IdTokenClaims(Map<String, Value>),
    IdTokenForged(Forgery),
    /// Identity answers name this subject, whatever the ID token said.
    OtherSubject(String),
    /// Every connection is cut, as if nobody were there.
    Down,
}

/// How an ID token is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// `alg: none` and no signature.
    AlgNone,
    /// Our `kid`, signed with a key that is not ours.
    ForeignKey,
    /// HS256 with the client secret, when an asymmetric key is announced.
    ClientSecret,
}

impl Kind {
    /// Authorization answers are made some requests after `/authorize`, so these rules wait for
    /// the answer instead of the request.
    fn waits_for_answer(&self) -> bool {
        matches!(self, Self::WrongIss | Self::NoIss | Self::OtherCode(_))
    }
}

#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The fault for a request that has just arrived.
    pub fn at_request(&mut self, endpoint: Endpoint) -> Option<Kind> {
        self.take(|fault| {
            let later = fault.endpoint == Endpoint::Authorize && fault.kind.waits_for_answer();
            fault.endpoint.covers(endpoint) && !later
        })
    }

    /// The fault for an authorization answer about to be sent.
    pub fn at_authorization_answer(&mut self) -> Option<Kind> {
        self.take(|fault| fault.endpoint == Endpoint::Authorize && fault.kind.waits_for_answer())
    }

    fn take(&mut self, fits: impl Fn(&Fault) -> bool) -> Option<Kind> {
        let fits = |fault: &&mut Fault| fault.times > 0 && fits(fault);
        let fault = self.0.iter_mut().find(fits)?;
        if fault.times < u32::MAX {
            fault.times -= 1;
        }
        Some(fault.kind.clone())
    }
}
