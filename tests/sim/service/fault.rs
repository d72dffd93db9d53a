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
    /// Where authorization requests are pushed.
    Push,
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
            "/" | "/logout" | "/apps/remove" | "/favicon.ico" | "/logo.svg" | "/help"
            | "/privacy" => Self::Account,
            "/token" => Self::Token,
            "/revoke" => Self::Revoke,
            "/par" => Self::Push,
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
    /// Only token requests with a grant of these accounts, if any are named.
    pub subjects: Vec<String>,
}

impl Fault {
    /// Only for token requests with a grant of these accounts.
    pub fn of(mut self, subjects: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subjects = subjects.into_iter().map(Into::into).collect();
        self
    }

    pub fn once(endpoint: Endpoint, kind: Kind) -> Self {
        Self::times(endpoint, 1, kind)
    }

    pub fn times(endpoint: Endpoint, times: u32, kind: Kind) -> Self {
        Self {
            endpoint,
            times,
            kind,
            subjects: Vec::new(),
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
    /// Processed at once, answered once the faults are cleared.
    AnswerHeld,
    /// The connection is cut; nothing is processed.
    CutBefore,
    /// Processed; then the connection is cut, and the answer is lost.
    CutAfter,
    /// 200 with a page, as from a proxy that is in the way; nothing is processed.
    Html200,
    /// Processed; half of the answer's body comes, as if it were all.
    CutJson,
    /// Processed; the answer comes with something around it.
    Around(Around),
    /// Tokens without a refresh token. The one presented stays good.
    NoRefreshToken,
    /// Tokens whose `expires_in` is this, whatever their real life.
    ExpiresIn(Value),
    /// `invalid_grant`, though the grant is untouched.
    InvalidGrant,
    /// 400 `{"message": "Bad Request"}` where the grant is dead; nothing else is different.
    DeadInOtherWords,
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
    /// The key set has this text as an entry before the others.
    BesideKeys(&'static str),
    /// The keys of the set have no name.
    NamelessKeys,
    /// Identity answers name this subject, whatever the ID token said.
    OtherSubject(String),
    /// Every connection is cut, as if nobody were there.
    Down,
}

/// What may surround an answer that is all there. Of an answer without a body only the status changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// Instead of 200; other statuses stay.
    pub status: Option<u16>,
    /// `Content-Type`; none where it is empty.
    pub media_type: Option<&'static str>,
    /// Bytes before the JSON.
    pub before: &'static [u8],
    /// Bytes after it.
    pub after: &'static [u8],
    /// Fields before those of the object, each with a comma behind it.
    pub first: &'static [u8],
    /// Fields after them, each with a comma before it.
    pub last: &'static [u8],
    /// `Content-Encoding`, which nobody asked for.
    pub coding: Option<Coding>,
}

/// How bytes are written for the way. None makes them fewer, but a reader cannot tell.
#[derive(Clone, Copy, Debug)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls deflate.
    Deflate,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    /// These bytes, up to 65,535 of them, in this coding: as one block that is stored as it is.
    pub(super) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        let size = u16::try_from(bytes.len()).expect("an answer is small");
        let mut stored = vec![1];
        stored.extend(size.to_le_bytes());
        stored.extend((!size).to_le_bytes());
        stored.extend(bytes);
        match self {
            Self::Gzip => {
                let mut all = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
                all.extend(stored);
                all.extend(crc32(bytes).to_le_bytes());
                all.extend(u32::from(size).to_le_bytes());
                all
            }
            Self::Deflate => {
                let mut all = vec![0x78, 0x01];
                all.extend(stored);
                all.extend(adler32(bytes).to_be_bytes());
                all
            }
            Self::Brotli => {
                // Bit by bit from the lowest: a window of 64 KB, not the last block, a length of four
                // nibbles, uncompressed. Then the bytes, and an empty last block.
                let head = (u32::from(size) - 1) << 4 | 1 << 20;
                let mut all = head.to_le_bytes()[..3].to_vec();
                all.extend(bytes);
                all.push(3);
                all
            }
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0xedb8_8320,
            _ => crc >> 1,
        })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
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

    /// The fault for a request that has just arrived, with a grant of this account if it has one.
    pub fn at_request(&mut self, endpoint: Endpoint, subject: Option<&str>) -> Option<Kind> {
        self.take(|fault| {
            let later = fault.endpoint == Endpoint::Authorize && fault.kind.waits_for_answer();
            let named = |subject| fault.subjects.iter().any(|named| named == subject);
            let about = fault.subjects.is_empty() || subject.is_some_and(named);
            fault.endpoint.covers(endpoint) && !later && about
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
