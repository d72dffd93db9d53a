//! The nouns: plain types without I/O. A state that must not exist cannot be written down here.

use std::fmt;

use http::Method;
use serde::Serialize;

use crate::clock::{Seconds, rfc3339};
use crate::secret::{Secret, TenantKey};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Atlassian's id of a tenant, `iss` of its JWTs.
    ClientKey
);
text_id!(
    /// The Atlassian account of a person: opaque, up to 128 characters, may hold `:` and `-`.
    AccountId
);
text_id!(
    /// Names one person's try at linking. It stands in addresses and is not a secret.
    AttemptId
);
text_id!(
    /// Names one link. Linking again gives a new one, so that whatever was under way for the old link
    /// finds nothing to write to.
    LinkId
);

/// One Jira site with the app installed.
#[derive(Clone)]
pub struct Tenant {
    /// Its id.
    pub client_key: ClientKey,
    /// Counts how often the app was installed anew after an uninstall. What began under another
    /// installation is not finished under this one.
    pub installation: i64,
    /// Where its REST API lives, without a slash at its end. Its host is an allowed one.
    pub base_url: String,
    /// What people see, custom domains among them; only for `frame-ancestors`.
    pub display_urls: Vec<String>,
    /// The HMAC key that Atlassian and this app share for it.
    pub shared_secret: Secret,
    /// Names the app when it acts as a user.
    pub oauth_client_id: Option<String>,
    /// Whether an admin has the app switched on.
    pub enabled: bool,
    /// Whether properties are written as the person, because the app user may not.
    pub acts_as_user: bool,
    /// Until when Jira has asked us to stay away from it.
    pub waits: Waits,
    /// Why it was left alone last.
    pub wait_reason: ParkReason,
    /// Everything of this tenant is sealed under it.
    pub key: TenantKey,
}

/// Until when calls to a tenant's Jira wait, by method. In the past where they need not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// All of them.
    pub any: Seconds,
    /// `PUT`.
    pub put: Seconds,
    /// `DELETE`.
    pub delete: Seconds,
    /// `GET`.
    pub get: Seconds,
}

impl Waits {
    /// Until when a call with this method waits.
    #[must_use]
    pub fn until(&self, method: &Method) -> Seconds {
        let own = match *method {
            Method::PUT => self.put,
            Method::DELETE => self.delete,
            _ => self.get,
        };
        own.max(self.any)
    }
}

impl Tenant {
    /// The host people know the site by, `acme.atlassian.net`.
    #[must_use]
    pub fn site(&self) -> &str {
        self.base_url
            .split_once("://")
            .map_or(self.base_url.as_str(), |(_, host)| host)
    }

    /// Where a person goes back to: the issue they came from, or the site.
    #[must_use]
    pub fn back(&self, issue: Option<&IssueKey>) -> String {
        match issue {
            Some(issue) => format!("{}/browse/{issue}", self.base_url),
            None => self.base_url.clone(),
        }
    }
}

/// What an `installed` callback says, after every check.
#[derive(Clone)]
pub struct Installation {
    /// The tenant's id.
    pub client_key: ClientKey,
    /// Where its REST API lives; an allowed host.
    pub base_url: String,
    /// What people see: origins.
    pub display_urls: Vec<String>,
    /// The new HMAC key.
    pub shared_secret: Secret,
    /// For acting as a user.
    pub oauth_client_id: Option<String>,
}

/// A lifecycle call whose token was verified: what tells it from others, and when it was signed.
#[derive(Debug, Clone)]
pub struct LifecycleCall {
    /// Hash of what is signed of its token.
    pub token_hash: String,
    /// Hash of its body, which is not signed.
    pub body_hash: String,
    /// When it was signed, `iat`: whole seconds.
    pub signed_at: Seconds,
    /// Its token is not taken any more from then on.
    pub expires_at: Seconds,
}

/// What became of a lifecycle call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What it says is so now.
    Done,
    /// It had come before, with the same body; nothing was done a second time.
    Again,
    /// It was signed before what has made the present state, which stays.
    Late,
    /// Its token had come before, with another body.
    OtherBody,
}

/// The key of a Jira issue, `ABC-12`. Only used to lead back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueKey(String);

impl IssueKey {
    /// Takes what looks like an issue key; anything else cannot become part of an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (project, number) = text.split_once('-')?;
        let plain = text.len() <= 64
            && project.starts_with(|c: char| c.is_ascii_alphabetic())
            && project
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| Self(text.to_owned()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What Jira says about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `accountType`.
    pub kind: AccountKind,
    /// False once the account is deactivated or closed.
    pub active: bool,
    /// Their name in Jira.
    pub display_name: String,
}

/// `accountType` of Jira's user resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A regular account.
    Atlassian,
    /// A portal-only account of Jira Service Management.
    Customer,
    /// An app's own account.
    App,
    /// Whatever else Jira says; nobody links with it.
    Unknown,
}

impl AccountKind {
    /// Reads Jira's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "atlassian" => Self::Atlassian,
            "customer" => Self::Customer,
            "app" => Self::App,
            _ => Self::Unknown,
        }
    }

    /// Jira's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Atlassian => "atlassian",
            Self::Customer => "customer",
            Self::App => "app",
            Self::Unknown => "unknown",
        }
    }
}

/// An account at the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id there.
    pub subject: String,
    /// Its human name.
    pub display_name: String,
}

impl Identity {
    /// Stands for the account of a link that does not open: what its row says is not believed.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            subject: String::new(),
            display_name: "an account whose name cannot be read".to_owned(),
        }
    }
}

/// One person's try at linking, and how far it has come.
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// Who started, at which site.
    pub client_key: ClientKey,
    /// The installation of the tenant it began under.
    pub installation: i64,
    /// Who started.
    pub account_id: AccountId,
    /// Where they came from.
    pub issue: Option<IssueKey>,
    /// When it is over, finished or not.
    pub expires_at: Seconds,
    /// Whether the person wants another account at the service than the one they are logged in to there.
    pub another: bool,
    /// How far it has come.
    pub phase: Phase,
    /// The sealed text of this phase as the database holds it. A step is taken only while it still
    /// stands there, so each step happens once.
    pub(crate) sealed: String,
}

/// The phases of an attempt, each with just what it needs to go on.
pub enum Phase {
    /// The person has seen who they are; the service has not been asked.
    Begun,
    /// The person was sent to the service.
    Authorizing(Authorizing),
    /// The service sent the person back. The code is kept and not redeemed.
    Returned(Returned),
    /// Jira named the person who started. The code is still not redeemed: that takes the browser which
    /// brought it.
    Proved(Proved),
    /// The browser that brought the code has come for it. The code is being redeemed, once.
    Redeeming(Redeeming),
    /// The code is redeemed; the person is looking at both accounts.
    Redeemed(Redeemed),
}

/// A [`Phase`] without what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseName {
    /// The person has seen who they are.
    Begun,
    /// The person was sent to the service.
    Authorizing,
    /// The service sent the person back.
    Returned,
    /// Jira named the person who started.
    Proved,
    /// The code is being redeemed.
    Redeeming,
    /// The code is redeemed. The only phase that holds tokens.
    Redeemed,
}

impl Phase {
    /// The phase without what it keeps.
    #[must_use]
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Begun => PhaseName::Begun,
            Self::Authorizing(_) => PhaseName::Authorizing,
            Self::Returned(_) => PhaseName::Returned,
            Self::Proved(_) => PhaseName::Proved,
            Self::Redeeming(_) => PhaseName::Redeeming,
            Self::Redeemed(_) => PhaseName::Redeemed,
        }
    }

    /// Fingerprint of the `state` that the service was given, from then on.
    #[must_use]
    pub fn state_hash(&self) -> Option<&str> {
        match self {
            Self::Begun => None,
            Self::Authorizing(phase) => Some(&phase.state_hash),
            Self::Returned(phase) => Some(&phase.state_hash),
            Self::Proved(phase) => Some(&phase.round.state_hash),
            Self::Redeeming(phase) => Some(&phase.round.state_hash),
            Self::Redeemed(phase) => Some(&phase.round.state_hash),
        }
    }

    /// The handle that the callback gave out, from then on.
    #[must_use]
    pub fn handle(&self) -> Option<&Handle> {
        match self {
            Self::Begun | Self::Authorizing(_) => None,
            Self::Returned(phase) => Some(&phase.handle),
            Self::Proved(phase) => Some(&phase.round.handle),
            Self::Redeeming(phase) => Some(&phase.round.handle),
            Self::Redeemed(phase) => Some(&phase.round.handle),
        }
    }
}

/// The one-time value that travels through Jira, as the database knows it.
#[derive(Clone)]
pub struct Handle {
    /// Its fingerprint.
    pub hash: String,
    /// When it is too old to prove anything.
    pub expires_at: Seconds,
}

/// Where a request came from, as far as anybody can tell: to compare two of them, and for nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// The network: an IPv4 address, or the /64 of an IPv6 address.
    pub network: String,
    /// Fingerprint of `User-Agent`.
    pub agent: String,
}

/// See [`Phase::Authorizing`].
#[derive(Clone)]
pub struct Authorizing {
    /// Fingerprint of `state`.
    pub state_hash: String,
    /// PKCE (RFC 7636).
    pub code_verifier: Secret,
    /// OpenID Connect's link between ID token and attempt.
    pub nonce: Secret,
}

/// What it takes to redeem a code.
#[derive(Clone)]
pub struct Code {
    /// The authorization code.
    pub code: Secret,
    /// PKCE (RFC 7636).
    pub code_verifier: Secret,
    /// OpenID Connect.
    pub nonce: Secret,
}

/// See [`Phase::Returned`].
pub struct Returned {
    /// Fingerprint of `state`, to recognise the callback when it comes again.
    pub state_hash: String,
    /// The handle that only this browser was given.
    pub handle: Handle,
    /// What the service sent.
    pub code: Code,
    /// Where the browser was that brought it.
    pub from: Whereabouts,
}

/// What stays the same from the proof on.
#[derive(Clone)]
pub struct Round {
    /// Fingerprint of `state`.
    pub state_hash: String,
    /// The handle that proved. It proves the same again for as long as it lives.
    pub handle: Handle,
    /// Whether the proof came from another network or browser than the code. The person is warned.
    pub proved_elsewhere: bool,
}

/// See [`Phase::Proved`].
pub struct Proved {
    /// How it was proved.
    pub round: Round,
    /// What the service sent.
    pub code: Code,
}

/// See [`Phase::Redeeming`].
pub struct Redeeming {
    /// How it was proved.
    pub round: Round,
    /// When the token request was about to leave.
    pub since: Seconds,
}

/// See [`Phase::Redeemed`].
#[derive(Clone)]
pub struct Redeemed {
    /// How it was proved.
    pub round: Round,
    /// Whose account it is.
    pub identity: Identity,
    /// What the service gave for the code.
    pub tokens: Tokens,
    /// Makes the token of the page that shows this identity.
    pub page: Secret,
}

/// How an attempt ended. It is remembered for a while, because its pages may be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It became a link.
    Connected,
    /// The person cancelled it.
    Cancelled,
    /// The person began again.
    Replaced,
    /// Somebody else came back to Jira with it, or the handle was wrong.
    Refused,
    /// The service said no, or something that makes no sense.
    Failed,
    /// The person disconnected meanwhile.
    Disconnected,
    /// The app was uninstalled or got a new secret meanwhile.
    Uninstalled,
}

impl Ending {
    const ALL: &[Self] = &[
        Self::Connected,
        Self::Cancelled,
        Self::Replaced,
        Self::Refused,
        Self::Failed,
        Self::Disconnected,
        Self::Uninstalled,
    ];

    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Disconnected => "disconnected",
            Self::Uninstalled => "uninstalled",
        }
    }

    /// Reads the word in the database.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|ending| ending.as_str() == text)
    }
}

/// An attempt that is over.
#[derive(Clone)]
pub struct Ended {
    /// Who started.
    pub account_id: AccountId,
    /// Where they came from.
    pub issue: Option<IssueKey>,
    /// How it ended.
    pub how: Ending,
    /// Fingerprint of the `state` that the service was given last, if it was asked.
    pub state_hash: Option<String>,
    /// The handle that the last callback gave out, if there was one.
    pub handle: Option<Handle>,
}

/// What the token endpoint gave.
#[derive(Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// When the request for it started.
    pub requested_at: Seconds,
    /// When the access token runs out, counted from the moment the request started; none when the
    /// service does not say.
    pub expires_at: Option<Seconds>,
    /// When the refresh token runs out unless it is used, as the service has announced it.
    pub refresh_expires_at: Option<Seconds>,
    /// The refresh token, if one was given.
    pub refresh_token: Option<Secret>,
}

impl Tokens {
    /// What ends them: the refresh token first, which could bring new access tokens.
    #[must_use]
    pub fn revocable(&self) -> Vec<RevocableToken> {
        let refresh = self.refresh_token.iter().map(|token| (token, true));
        refresh
            .chain([(&self.access_token, false)])
            .map(|(token, refresh)| RevocableToken {
                token: token.clone(),
                refresh,
            })
            .collect()
    }
}

/// What a person has consented to at the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// When; none for links that are older than this was asked.
    pub since: Option<Seconds>,
    /// Until when, whatever is renewed; none where it does not end, or nobody knows.
    pub ends_at: Option<Seconds>,
}

/// So long before their consent ends a person is told at the earliest, in seconds.
const NOTICE: Seconds = 7 * 24 * 3600;

impl Consent {
    /// Whether it ends so soon that the person is told: in the last third of its life, and in the last
    /// week.
    #[must_use]
    pub fn ends_soon(&self, now: Seconds) -> bool {
        self.ends_at.is_some_and(|end| {
            let third = self.since.map_or(NOTICE, |since| (end - since) / 3);
            now >= end - third.min(NOTICE)
        })
    }
}

/// Access and refresh token of a link and its API key. Always sealed at rest.
#[derive(Clone)]
pub struct Credential {
    /// The tokens of this generation.
    pub tokens: Tokens,
    /// What the person has consented to.
    pub consent: Consent,
    /// When the refresh token runs out if it is not used; none where that is not known, or the consent
    /// ends first.
    pub refresh_ends_at: Option<Seconds>,
    /// The refresh token that this generation replaced. Some services honour it until the new one is
    /// used, so disconnecting revokes it too.
    pub previous_refresh_token: Option<Secret>,
    /// Access tokens of earlier generations that have not run out. They are left to, but end with the
    /// link.
    pub lingering: Vec<Lingering>,
    /// The API key of this generation; none while it has still to be minted.
    pub api_key: Option<ApiKey>,
    /// What was replaced and is revoked as soon as Jira holds the new key, and not before.
    pub retiring: Vec<Revocation>,
}

/// An access token that was replaced.
#[derive(Clone)]
pub struct Lingering {
    /// The token.
    pub access_token: Secret,
    /// When it runs out.
    pub expires_at: Seconds,
}

/// The expiring key that goes into the Jira user property.
#[derive(Clone)]
pub struct ApiKey {
    /// The key.
    pub key: Secret,
    /// When the request for it started; its life counts from here.
    pub requested_at: Seconds,
    /// When it runs out.
    pub expires_at: Seconds,
    /// Its name at the key endpoint, when it comes from there.
    pub id: Option<String>,
}

/// Something at the service that must end.
#[derive(Clone)]
pub struct Revocation {
    /// The account at the service.
    pub subject: String,
    /// Keys at the key endpoint.
    pub keys: Vec<MintedKey>,
    /// Tokens for RFC 7009, in the order in which they are revoked.
    pub tokens: Vec<RevocableToken>,
}

impl Revocation {
    /// Whether there is nothing to revoke.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tokens.is_empty()
    }

    /// Whether it ends more than single access tokens: with a refresh token a service should end the
    /// whole grant (RFC 7009, section 2.1).
    #[must_use]
    pub fn has_refresh_token(&self) -> bool {
        self.tokens.iter().any(|token| token.refresh)
    }
}

/// A key at the key endpoint.
#[derive(Clone)]
pub struct MintedKey {
    /// Its name there.
    pub id: String,
    /// What authorises its deletion.
    pub access_token: Secret,
}

/// A token and what to call it (RFC 7009, `token_type_hint`).
#[derive(Clone)]
pub struct RevocableToken {
    /// The token.
    pub token: Secret,
    /// Whether it is a refresh token.
    pub refresh: bool,
}

/// A person at a tenant tied to one account at the service.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its name.
    pub id: LinkId,
    /// The tenant.
    pub client_key: ClientKey,
    /// The tenant's installation it belongs to.
    pub installation: i64,
    /// The person.
    pub account_id: AccountId,
    /// The account at the service.
    pub identity: Identity,
    /// Whether it is renewed.
    pub state: LinkState,
    /// Counts the renewals.
    pub generation: i64,
    /// What Jira holds, if it holds anything yet.
    pub published: Option<Published>,
    /// What the person has consented to.
    pub consent: Consent,
}

/// What Jira has confirmed to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Generation of the key.
    pub generation: i64,
    /// When that key runs out.
    pub expires_at: Seconds,
    /// When Jira took it.
    pub at: Seconds,
}

/// For whom a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A person waits for it, or has waited: it may use all that there is.
    Person,
    /// A renewal.
    Renewal,
}

/// Whether a link is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is.
    Live,
    /// It rests for a while, because renewing it failed in a way that trying again at once cannot
    /// mend.
    Aside(AsideReason),
    /// Only the person can bring it back.
    Reconnect(ReconnectReason),
}

/// A [`LinkState`] without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateName {
    /// It is renewed.
    Live,
    /// It rests for a while.
    Aside,
    /// Only the person can bring it back.
    Reconnect,
}

impl LinkState {
    /// The state without its reason.
    #[must_use]
    pub fn name(self) -> StateName {
        match self {
            Self::Live => StateName::Live,
            Self::Aside(_) => StateName::Aside,
            Self::Reconnect(_) => StateName::Reconnect,
        }
    }

    /// The word for the reason; empty for a live link.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Aside(why) => why.as_str(),
            Self::Reconnect(why) => why.as_str(),
        }
    }

    /// Reads the words of state and reason. A reason that is not known is the most likely one.
    #[must_use]
    pub fn read(state: &str, reason: Option<&str>) -> Self {
        match StateName::parse(state) {
            Some(StateName::Aside) => Self::Aside(
                reason
                    .and_then(AsideReason::parse)
                    .unwrap_or(AsideReason::NoOutcome),
            ),
            Some(StateName::Reconnect) => Self::Reconnect(
                reason
                    .and_then(ReconnectReason::parse)
                    .unwrap_or(ReconnectReason::Revoked),
            ),
            Some(StateName::Live) | None => Self::Live,
        }
    }
}

/// Why a link rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsideReason {
    /// Its credential does not open.
    Sealed,
    /// Three renewals in a row ended without any outcome.
    NoOutcome,
    /// Jira lets neither the app nor the app as this person write the property.
    JiraRefuses,
    /// The base URL of its tenant is not of an allowed host any more.
    SiteNotAllowed,
}

/// Why a person has to connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectReason {
    /// The service ended the grant.
    Revoked,
    /// The answer to a renewal was lost, and the service allows no second try.
    RotationLost,
    /// The service gave no refresh token, and the key has run out.
    NoRefreshToken,
    /// The service wants the person's consent again every so often, and it was known when.
    ConsentEnded,
}

/// Why a tenant's Jira is left alone for a while. When that is over, the first call to it is the probe:
/// it goes on, or it is left alone again. Nobody has to do anything for that.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ParkReason {
    /// It does not accept the app's tokens.
    Unauthorized,
    /// What all tenants together may use in an hour is used up (`jira-quota-global-based`).
    GlobalQuota,
    /// What this tenant may use in an hour is used up (`jira-quota-tenant-based`).
    TenantQuota,
    /// Too many calls in a moment with one method (`jira-burst-based`).
    Burst,
    /// It asks to wait and does not say why.
    #[default]
    Asked,
    /// The site's IP allowlist does not hold the address that this app calls it from.
    IpAllowlist,
    /// Something else than Jira answers in the site's place: it is suspended, renamed or being moved, or a
    /// proxy is in the way.
    NotJira,
}

impl ParkReason {
    /// Reads `RateLimit-Reason`, which Jira may leave out.
    #[must_use]
    pub fn of_rate_limit(reason: Option<&str>) -> Self {
        match reason {
            Some("jira-quota-global-based") => Self::GlobalQuota,
            Some("jira-quota-tenant-based") => Self::TenantQuota,
            Some("jira-burst-based") => Self::Burst,
            // `jira-per-issue-on-write`, which is about no property of a person, or nothing said.
            _ => Self::Asked,
        }
    }
}

/// Gives each variant of an enum its word.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the database, in logs and in figures.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

pub(crate) use words;

words!(AsideReason {
    Sealed = "seal_broken",
    NoOutcome = "no_outcome",
    JiraRefuses = "jira_refuses",
    SiteNotAllowed = "site_not_allowed",
});
words!(PhaseName {
    Begun = "begun",
    Authorizing = "authorizing",
    Returned = "returned",
    Proved = "proved",
    Redeeming = "redeeming",
    Redeemed = "redeemed",
});
words!(StateName {
    Live = "live",
    Aside = "aside",
    Reconnect = "reconnect",
});
words!(ParkReason {
    Unauthorized = "unauthorized",
    GlobalQuota = "global_quota",
    TenantQuota = "tenant_quota",
    Burst = "burst",
    Asked = "asked",
    IpAllowlist = "ip_allowlist",
    NotJira = "not_jira",
});
words!(ReconnectReason {
    Revoked = "revoked",
    RotationLost = "rotation_lost",
    NoRefreshToken = "no_refresh_token",
    ConsentEnded = "consent_ended",
});

impl ReconnectReason {
    /// Words for the person.
    #[must_use]
    pub fn explain(self, service: &str) -> String {
        match self {
            Self::Revoked => format!(
                "{service} no longer accepts this connection. It was ended there, or it has expired."
            ),
            Self::RotationLost => format!(
                "An answer from {service} was lost while the key was renewed, and {service} does not \
                 repeat it."
            ),
            Self::NoRefreshToken => {
                format!("The key has expired, and {service} did not allow it to be renewed.")
            }
            Self::ConsentEnded => format!(
                "{service} asks every so often whether you still agree, and the time was up. Nothing is wrong."
            ),
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self, service: &str) -> String {
        match self {
            Self::Revoked => format!(
                "{service} has ended the connection. The person can connect again; if it happens to many, \
                 ask whoever runs {service} for you whether the app was blocked there."
            ),
            Self::RotationLost => {
                "A network failure has cost the connection. The person can connect again."
                    .to_owned()
            }
            Self::NoRefreshToken => format!(
                "{service} lets this person's keys not be renewed. They can connect again, for as long \
                 as a key lives."
            ),
            Self::ConsentEnded => format!(
                "{service} asks people every so often whether they still agree. The person was told before, \
                 and can connect again."
            ),
        }
    }

    /// Words for the operator: what it means and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Revoked => {
                "the service answered invalid_grant: the grant was ended or has expired there; many at \
                 once mean that the service has ended grants of this client"
            }
            Self::RotationLost => {
                "the answer with the next refresh token was lost and the service rotates strictly: look \
                 for processes that were killed and cut connections, and ask the service to allow a \
                 refresh token to be used again for some seconds"
            }
            Self::NoRefreshToken => {
                "the service gave no refresh token: check LATCHKEY_PROVIDER_SCOPES (offline_access) and \
                 the client registration"
            }
            Self::ConsentEnded => {
                "the service wants the person's consent again every so often, and the time was up: normal; \
                 people are told before, and the service may have a setting for how often it asks"
            }
        }
    }
}

impl AsideReason {
    /// Words for the person, for when their key has run out meanwhile.
    #[must_use]
    pub fn explain(self, service: &str) -> String {
        match self {
            Self::Sealed => "What was stored for this connection cannot be read any more.".to_owned(),
            Self::NoOutcome => format!("The key from {service} could not be renewed yet. It is tried again."),
            Self::JiraRefuses => {
                "Jira does not allow the key to be stored. A Jira admin can check the permissions of \
                 the app."
                    .to_owned()
            }
            Self::SiteNotAllowed => format!("Whoever runs the app for {service} does not serve this site."),
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self, service: &str) -> String {
        match self {
            Self::Sealed => {
                "What was stored for this connection cannot be read any more. The person can connect \
                 again."
                    .to_owned()
            }
            Self::NoOutcome => format!(
                "Renewing the key from {service} was broken off three times in a row. It is tried again, \
                 and nothing needs to be done here."
            ),
            Self::JiraRefuses => {
                "Jira lets the app not write this person's user property. Give the app's user the global \
                 permission Administer Jira, or allow the app to act as users; it goes on by itself \
                 within a quarter of an hour."
                    .to_owned()
            }
            Self::SiteNotAllowed => format!(
                "This site's address is not one that the app for {service} serves. Ask whoever runs the app; \
                 connections go on by themselves once it is."
            ),
        }
    }

    /// Words for the operator: what it means and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Sealed => {
                "the credential does not open: a sealing key is missing from LATCHKEY_SEALING_KEYS, or \
                 the database was altered; with the key back it goes on by itself"
            }
            Self::NoOutcome => {
                "three renewals in a row ended without an outcome: look for processes that were killed; \
                 it is tried again, rarer and rarer"
            }
            Self::JiraRefuses => {
                "Jira answers 403 to the app and to the app as the person: an admin of the site has to \
                 give the permission back; it is tried again every quarter of an hour"
            }
            Self::SiteNotAllowed => {
                "the base URL of their tenant is not of a host in LATCHKEY_SITE_HOSTS: nothing is sent \
                 there; allowed again, it goes on by itself within a quarter of an hour"
            }
        }
    }
}

impl ParkReason {
    /// Words for the person, for when their key has run out meanwhile.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "Jira does not accept the app just now. It is tried again; if it stays so, a Jira admin \
                 can install the app again."
            }
            Self::GlobalQuota | Self::TenantQuota => {
                "Jira takes no more changes from the app this hour. The key follows as soon as it does."
            }
            Self::Burst | Self::Asked => {
                "Jira has asked the app to wait. The key follows as soon as it may."
            }
            Self::IpAllowlist => {
                "This Jira site has an IP allowlist that keeps the app out. An admin of your Atlassian \
                 organisation can put the app's address on it; the key follows then."
            }
            Self::NotJira => {
                "This Jira site does not answer the app at the moment. The key follows as soon as it does."
            }
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "Jira refuses the app's tokens. If the app is still installed, install it again: that \
                 gives it a new secret, and connections go on."
            }
            Self::GlobalQuota => {
                "The app has used up what Jira lets it do in an hour, on all sites together. It goes on \
                 at the full hour."
            }
            Self::TenantQuota => {
                "The app has used up what this site lets it do in an hour. It goes on by itself."
            }
            Self::Burst => {
                "Apps have called this site too often in a moment. It goes on by itself."
            }
            Self::Asked => "This site has asked the app to wait. It goes on by itself.",
            Self::IpAllowlist => {
                "The IP allowlist of this site keeps the app out. An admin of the Atlassian organisation \
                 has to put the address of the app's server on it, which whoever runs the app knows; it \
                 goes on by itself within a minute."
            }
            Self::NotJira => {
                "The app does not reach Jira at this site's address: a page or another server answers \
                 there. Nobody was disconnected. It goes on by itself within two minutes of Jira being back; \
                 if the site has a new address, update the app in Jira so that it learns of it."
            }
        }
    }

    /// Words for the operator: what it means and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "Jira answers 401, also to a token signed anew: the app was uninstalled without our \
                 being told, or this machine's clock is wrong; it is tried again every minute, and an \
                 installation of the app ends it at once"
            }
            Self::GlobalQuota => {
                "the hourly quota of the app over all tenants is used up: no write until the full hour; \
                 see what `latchkey doctor` says about the quota"
            }
            Self::TenantQuota => "the hourly quota of this tenant is used up: it alone waits",
            Self::Burst => {
                "too many calls in a moment, those of other apps among them: it waits a little"
            }
            Self::Asked => "Jira asks to wait and does not say why: it alone waits",
            Self::IpAllowlist => {
                "Jira answers 403 because the address this server calls from is not on the site's IP \
                 allowlist: tell the site's admin the address; it is tried again every minute"
            }
            Self::NotJira => {
                "at the site's address something answers that is not Jira's REST API (a page, a proxy's \
                 words, 410): the site may be suspended, renamed or being moved, or a proxy stands between; \
                 nothing is unlinked or revoked, it alone waits, and it is tried again at least every minute"
            }
        }
    }
}

/// The answer of `GET /api/link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkStatus {
    /// `unlinked`, `linking`, `linked` or `reconnect`.
    pub state: &'static str,
    /// Name of the service.
    pub service: String,
    /// Account id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Name there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When the key in Jira runs out, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When Jira took it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<String>,
    /// Why the person has to reconnect, or why there is no valid key just now, in words for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the service will want the person's consent again, where that is known, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_ends_at: Option<String>,
    /// Whether that is so soon that the person should be told. Left out where it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consent_ends_soon: bool,
}

impl LinkStatus {
    /// What a person without a link sees.
    #[must_use]
    pub fn without_link(service: &str, linking: bool) -> Self {
        Self {
            state: if linking { "linking" } else { "unlinked" },
            service: service.to_owned(),
            subject: None,
            display_name: None,
            expires_at: None,
            renewed_at: None,
            reason: None,
            consent_ends_at: None,
            consent_ends_soon: false,
        }
    }

    /// What a person with a link sees. A link whose first key is not in Jira yet is still linking.
    #[must_use]
    pub fn of(link: &Link, tenant: &Tenant, service: &str, now: Seconds) -> Self {
        let alive = link
            .published
            .is_some_and(|published| published.expires_at > now);
        let working = if link.published.is_some() {
            "linked"
        } else {
            "linking"
        };
        let (state, reason) = match link.state {
            LinkState::Reconnect(why) => ("reconnect", Some(why.explain(service))),
            // What does not open stays closed; only a new connection mends that.
            LinkState::Aside(why @ AsideReason::Sealed) if !alive => {
                ("reconnect", Some(why.explain(service)))
            }
            // The person cannot mend the others: they are told, and it is tried again.
            LinkState::Aside(why) if !alive => (working, Some(why.explain(service))),
            LinkState::Live if !alive && tenant.waits.until(&Method::PUT) > now => {
                (working, Some(tenant.wait_reason.explain().to_owned()))
            }
            LinkState::Live | LinkState::Aside(_) => (working, None),
        };
        let consent = match state {
            "reconnect" => Consent::default(),
            _ => link.consent,
        };
        Self {
            state,
            service: service.to_owned(),
            // One that cannot be read has none.
            subject: Some(link.identity.subject.clone()).filter(|subject| !subject.is_empty()),
            display_name: Some(link.identity.display_name.clone()),
            expires_at: link
                .published
                .map(|published| rfc3339(published.expires_at)),
            renewed_at: link.published.map(|published| rfc3339(published.at)),
            reason,
            consent_ends_at: consent.ends_at.map(rfc3339),
            consent_ends_soon: consent.ends_soon(now),
        }
    }
}

/// How the key stands in the user property, where it does.
#[derive(Serialize)]
pub enum KeyInProperty<'a> {
    /// As it is.
    #[serde(rename = "apiKey")]
    Plain(&'a str),
    /// Encrypted to a public key: a JWE.
    #[serde(rename = "sealedApiKey")]
    Sealed(String),
}

/// The value of the user property.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Property<'a> {
    /// Of this format: 1.
    pub version: u8,
    /// The key, or what stands in its place.
    #[serde(flatten)]
    pub key: Option<KeyInProperty<'a>>,
    /// When it runs out, RFC 3339.
    pub expires_at: String,
    /// Name of the service.
    pub service: &'a str,
    /// Account id there.
    pub subject: &'a str,
    /// Name there.
    pub display_name: &'a str,
    /// Counts the renewals.
    pub generation: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issue_keys_become_part_of_an_address() {
        assert!(IssueKey::parse("ABC-12").is_some());
        assert!(IssueKey::parse("A_1-1").is_some());
        for text in [
            "",
            "ABC",
            "-1",
            "ABC-",
            "AB/C-1",
            "ABC-1/..",
            "1A-1",
            "ABC-1?x",
            "{issue.key}",
        ] {
            assert!(IssueKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn every_reason_has_words_of_its_own_for_everybody() {
        let mut all = Vec::new();
        for why in AsideReason::ALL {
            assert_eq!(AsideReason::parse(why.as_str()), Some(*why));
            all.extend([
                why.explain("Acme"),
                why.for_admin("Acme"),
                why.for_operator().to_owned(),
            ]);
        }
        for why in ReconnectReason::ALL {
            assert_eq!(ReconnectReason::parse(why.as_str()), Some(*why));
            all.extend([
                why.explain("Acme"),
                why.for_admin("Acme"),
                why.for_operator().to_owned(),
            ]);
        }
        for why in ParkReason::ALL {
            assert_eq!(ParkReason::parse(why.as_str()), Some(*why));
            // What the person sees may be the same: they cannot do anything about any of it.
            all.extend([why.for_admin().to_owned(), why.for_operator().to_owned()]);
            assert!(!why.explain().is_empty());
        }
        assert!(all.iter().all(|words| words.len() > 20));
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_person_is_told_in_the_last_third_and_in_the_last_week() {
        const DAY: Seconds = 24 * 3600;
        let told = |since, ends_at, now| Consent { since, ends_at }.ends_soon(now);
        for (life, before) in [(60, 20), (24 * 3600, 8 * 3600), (90 * DAY, 7 * DAY)] {
            let end = 1000 + life;
            assert!(!told(Some(1000), Some(end), end - before - 1), "{life}");
            assert!(told(Some(1000), Some(end), end - before), "{life}");
            assert!(told(Some(1000), Some(end), end + 1), "{life}");
        }
        assert!(told(None, Some(8 * DAY), DAY) && !told(None, Some(8 * DAY), DAY - 1));
        assert!(!told(Some(0), None, Seconds::MAX));
    }

    fn property_of(generation: i64) -> Property<'static> {
        Property {
            version: 1,
            key: Some(KeyInProperty::Plain("k")),
            expires_at: rfc3339(1_795_298_400),
            service: "Acme",
            subject: "u-1",
            display_name: "Robin",
            generation,
        }
    }

    #[test]
    fn the_property_has_the_shape_that_readers_expect() {
        let property = property_of(7);
        let json = serde_json::to_value(&property).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"version": 1, "apiKey": "k", "expiresAt": "2026-11-21T22:00:00Z",
                "service": "Acme", "subject": "u-1", "displayName": "Robin", "generation": 7})
        );
        let property = |key| Property {
            key,
            ..property_of(7)
        };
        let sealed = property(Some(KeyInProperty::Sealed("e..n.c.t".to_owned())));
        let sealed = serde_json::to_value(&sealed).unwrap();
        assert_eq!(
            (&sealed["sealedApiKey"], sealed.get("apiKey")),
            (&"e..n.c.t".into(), None)
        );
        let handle = serde_json::to_value(property(None)).unwrap();
        assert!(handle.get("apiKey").is_none() && handle.get("sealedApiKey").is_none());
        assert_eq!(handle["generation"], 7);
    }
}
