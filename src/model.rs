//! The nouns: plain types without I/O, in which an invalid state cannot be written.

use std::fmt;

use http::Method;
use serde::Serialize;

use crate::clock::{Seconds, rfc3339};
use crate::secret::{Secret, TenantKey};
use crate::words::{Language, Words};

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
    /// Atlassian's id of a tenant: `iss` of its JWTs.
    ClientKey
);
text_id!(
    /// The Atlassian account of a person: opaque, up to 128 characters, may contain `:` and `-`.
    AccountId
);
text_id!(
    /// The id of an attempt. It appears in addresses and is not a secret.
    AttemptId
);
text_id!(
    /// The id of a link. Linking again creates a new one, so that work in progress for the old link finds no
    /// row to write to.
    LinkId
);

text_id!(
    /// Atlassian's id of a site, the same for both doors.
    CloudId
);
text_id!(
    /// The ARI of one installation of the Forge app: new after a reinstallation, and of a copy of a site.
    ForgeInstallationId
);

impl CloudId {
    /// Accepts what can stand in a path: up to 64 letters, digits and hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }
}

/// One Jira site with the app installed.
#[derive(Clone)]
pub struct Tenant {
    /// Its id.
    pub client_key: ClientKey,
    /// Counts the installations after an uninstall. An attempt that began under one installation does not
    /// finish under another.
    pub installation: i64,
    /// Base URL of its REST API, without a trailing slash. Its host is an allowed one.
    pub base_url: String,
    /// The addresses that people see, custom domains included. Used for `frame-ancestors` only.
    pub display_urls: Vec<String>,
    /// The way in from its Jira.
    pub door: Door,
    /// Whether the app is enabled at the tenant.
    pub enabled: bool,
    /// Whether properties are written as the person because the app user lacks the permission.
    pub acts_as_user: bool,
    /// Until when Jira asked this app not to call it.
    pub waits: Waits,
    /// The reason of the last wait.
    pub wait_reason: ParkReason,
    /// The key under which everything of this tenant is sealed.
    pub key: TenantKey,
}

/// The way in from a tenant's Jira, which is also how its Jira is called.
#[derive(Clone)]
pub enum Door {
    /// Atlassian Connect.
    Connect(ConnectDoor),
    /// Atlassian Forge.
    Forge(ForgeDoor),
}

/// What the app and a tenant of Connect share.
#[derive(Clone)]
pub struct ConnectDoor {
    /// The HMAC key that Atlassian and this app share for the tenant.
    pub shared_secret: Secret,
    /// The client id with which the app acts as a user.
    pub oauth_client_id: Option<String>,
}

/// The Forge app at a tenant.
#[derive(Clone)]
pub struct ForgeDoor {
    /// The installation that speaks for the tenant now. Its cloud id says where the REST API is called, and its
    /// environment is part of the addresses of the app's pages.
    pub installation: ForgeInstallation,
    /// When this installation began to speak for the tenant.
    pub since: Seconds,
    /// What calls to its Jira carry, once Forge has sent one.
    pub system_token: Option<SystemToken>,
    /// Of a tenant that has moved from Connect, until a write by Forge has succeeded.
    pub before: Option<ConnectDoor>,
}

/// A token with which Forge lets the app call a site's Jira.
#[derive(Clone)]
pub struct SystemToken {
    /// Opaque.
    pub token: Secret,
    /// From then on Jira may refuse it.
    pub ends_at: Seconds,
}

/// What a verified token says of the installation of the Forge app that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeInstallation {
    /// Its ARI.
    pub id: ForgeInstallationId,
    /// Its site.
    pub cloud_id: CloudId,
    /// The uuid of the app's environment.
    pub environment: String,
}

/// What an installation of the Forge app may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its site is not known yet.
    Waiting,
    /// It speaks for its tenant.
    Current,
    /// Another installation has taken over, or it is gone.
    Past,
    /// Its site is not one that this server serves.
    Refused,
}

/// Until when calls to a tenant's Jira wait, by method. A time in the past means no wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    /// All calls.
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
    /// The host by which people know the site, `acme.atlassian.net`.
    #[must_use]
    pub fn site(&self) -> &str {
        self.base_url
            .split_once("://")
            .map_or(self.base_url.as_str(), |(_, host)| host)
    }

    /// Where a person returns to: the issue that they came from, or the site.
    #[must_use]
    pub fn back(&self, issue: Option<&IssueKey>) -> String {
        match issue {
            Some(issue) => format!("{}/browse/{issue}", self.base_url),
            None => self.base_url.clone(),
        }
    }
}

/// The content of an `installed` callback after every check.
#[derive(Clone)]
pub struct Installation {
    /// The tenant's id.
    pub client_key: ClientKey,
    /// Base URL of its REST API; its host is an allowed one.
    pub base_url: String,
    /// The origins that people see.
    pub display_urls: Vec<String>,
    /// The new HMAC key.
    pub shared_secret: Secret,
    /// The client id with which the app acts as a user.
    pub oauth_client_id: Option<String>,
}

/// A lifecycle call with a verified token: what identifies it, and when it was signed.
#[derive(Debug, Clone)]
pub struct LifecycleCall {
    /// Hash of the signed part of its token.
    pub token_hash: String,
    /// Hash of its body, which is not signed.
    pub body_hash: String,
    /// When it was signed, `iat`: whole seconds.
    pub signed_at: Seconds,
    /// From then on its token is rejected.
    pub expires_at: Seconds,
}

/// The outcome of a lifecycle call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The tenant is now as the call says.
    Done,
    /// The same call came before, with the same body; nothing was done.
    Again,
    /// The present state comes from a call that was signed later; it stays.
    Late,
    /// The same token came before, with another body.
    OtherBody,
    /// The tenant has moved to Forge: Connect has no say any more.
    Moved,
}

/// The key of a Jira issue, `ABC-12`. Used only to lead back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueKey(String);

impl IssueKey {
    /// Accepts what looks like an issue key, so that nothing else can become part of an address.
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

/// What happened at a site, for its admins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// Somebody connected, or connected another account in place of the first.
    Connected,
    /// A connection ended.
    Disconnected,
    /// A connection needs its person to connect again.
    NeedsReconnect,
    /// Somebody who may not connect tried to, or somebody else finished what they had started.
    Refused,
    /// The site moved to another installation of the app.
    Moved,
    /// An admin has decided who may connect.
    Decided,
    /// A server of the vendor may act in Jira as a person.
    Acting,
}

/// What somebody who acts as a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// Who brought something about at a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The person whom it is about.
    Person,
    /// An admin of the site.
    Admin(AccountId),
    /// The service.
    Service,
    /// Jira, which says that the person is gone.
    Jira,
    /// Atlassian, which has closed the account.
    Atlassian,
    /// The app itself.
    App,
}

impl Actor {
    /// The word in the database and for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Admin(_) => "admin",
            Self::Service => "service",
            Self::Jira => "jira",
            Self::Atlassian => "atlassian",
            Self::App => "app",
        }
    }

    /// Which admin it was.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Admin(account) => Some(account),
            _ => None,
        }
    }
}

/// Something that happened at a site, as its admins read it.
#[derive(Debug, Clone)]
pub struct SiteEvent {
    /// Its id, by which the page after it is found.
    pub id: String,
    /// When.
    pub at: Seconds,
    /// What. None for a word of a later version.
    pub what: Option<Happened>,
    /// Whom it is about. None where it is about nobody, and once the account was closed.
    pub account: Option<AccountId>,
    /// Their name in Jira, as far as it is known.
    pub name: Option<String>,
    /// Who brought it about, in one word.
    pub by: String,
    /// The admin who did.
    pub by_account: Option<AccountId>,
    /// Their name in Jira.
    pub by_name: Option<String>,
    /// More about it: a reason, or what was decided.
    pub detail: Option<String>,
}

/// The detail of a [`Happened::Refused`] attempt that somebody else finished.
pub const FINISHED_BY_ANOTHER: &str = "finished_by_another";
/// The detail of a [`Happened::Moved`] site that came from Connect, and of one that was installed again.
pub const FROM_CONNECT: &str = "from_connect";
/// See [`FROM_CONNECT`].
pub const FROM_INSTALLATION: &str = "from_installation";

/// What the admins of a site have decided about who may connect there. They can only allow less than the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRule {
    /// May portal customers connect, where the vendor lets them.
    pub customers: bool,
    /// Names or ids of groups: only their members may connect. None: everybody may.
    pub groups: Vec<String>,
    /// May the vendor's servers act as people here, where the vendor has allowed it.
    pub act_as: bool,
}

impl Default for SiteRule {
    fn default() -> Self {
        Self {
            customers: true,
            groups: Vec::new(),
            act_as: true,
        }
    }
}

impl SiteRule {
    /// The rule as the site's events keep it.
    #[must_use]
    pub fn tell(&self) -> String {
        serde_json::json!({"customers": self.customers, "groups": self.groups, "actAs": self.act_as})
            .to_string()
    }

    /// Reads what [`Self::tell`] has written.
    #[must_use]
    pub fn told_by(text: &str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            customers: bool,
            groups: Vec<String>,
            /// Older versions did not know of it.
            act_as: Option<bool>,
        }
        let told: Told = serde_json::from_str(text).ok()?;
        Some(Self {
            customers: told.customers,
            groups: told.groups,
            act_as: told.act_as.unwrap_or(true),
        })
    }

    /// Whether the rule lets a member of these groups connect. Jira compares names of groups without regard to case.
    #[must_use]
    pub fn lets_in(&self, groups: &[Group]) -> bool {
        let named = |wanted: &String| {
            let name = wanted.to_lowercase();
            groups.iter().any(|group| {
                group.id.as_deref() == Some(wanted) || group.name.to_lowercase() == name
            })
        };
        self.groups.is_empty() || self.groups.iter().any(named)
    }
}

/// A group in Jira.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, which an admin can change.
    pub name: String,
    /// Its id, which stays.
    pub id: Option<String>,
}

/// A person as Jira describes them.
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
    /// Any other value. Such accounts may not link.
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
    /// The placeholder identity of a link that does not open, because its row is not trusted.
    #[must_use]
    pub fn unreadable() -> Self {
        Self {
            subject: String::new(),
            display_name: "an account whose name cannot be read".to_owned(),
        }
    }
}

/// One person's attempt to link, and how far it has come.
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The tenant at which it was started.
    pub client_key: ClientKey,
    /// The tenant's installation under which it began.
    pub installation: i64,
    /// The person who started it.
    pub account_id: AccountId,
    /// The issue that they came from.
    pub issue: Option<IssueKey>,
    /// When it expires, finished or not.
    pub expires_at: Seconds,
    /// Whether the person wants another account at the service than the one they are logged in to.
    pub another: bool,
    /// How far it has come.
    pub phase: Phase,
    /// The sealed text of this phase as the database holds it. A step is taken only while the row still has
    /// this text, so each step happens once.
    pub(crate) sealed: String,
}

/// The phases of an attempt, each with exactly the data that it needs.
pub enum Phase {
    /// The person has seen which Jira account they use; no request was sent to the service.
    Begun,
    /// The person was sent to the service.
    Authorizing(Authorizing),
    /// The service sent the person back. The code is kept and not redeemed.
    Returned(Returned),
    /// Jira named the person who started. The code is still not redeemed: only the browser that brought it
    /// can cause that.
    Proved(Proved),
    /// The browser that brought the code has returned. The code is being redeemed, once.
    Redeeming(Redeeming),
    /// The code is redeemed; the person is looking at both accounts.
    Redeemed(Redeemed),
}

/// A [`Phase`] without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseName {
    /// The person has seen which Jira account they use.
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
    /// The phase without its data.
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

    /// Fingerprint of the `state` that the service was given, from [`Phase::Authorizing`] on.
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

    /// The handle that the callback issued, from [`Phase::Returned`] on.
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

/// The one-time value that travels through Jira, as stored in the database.
#[derive(Clone)]
pub struct Handle {
    /// Its fingerprint.
    pub hash: String,
    /// When it expires.
    pub expires_at: Seconds,
}

/// Where a request came from, as far as can be told. Used only to compare two requests.
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
    /// Binds the ID token to the attempt (OpenID Connect).
    pub nonce: Secret,
}

/// What is needed to redeem a code.
#[derive(Clone)]
pub struct Code {
    /// The authorization code.
    pub code: Secret,
    /// PKCE (RFC 7636).
    pub code_verifier: Secret,
    /// Binds the ID token to the attempt (OpenID Connect).
    pub nonce: Secret,
}

/// See [`Phase::Returned`].
pub struct Returned {
    /// Fingerprint of `state`, to recognise a repeated callback.
    pub state_hash: String,
    /// The handle that only this browser was given.
    pub handle: Handle,
    /// The code that the service sent.
    pub code: Code,
    /// Where the browser that brought the code was.
    pub from: Whereabouts,
}

/// The data of the proof, which later phases keep.
#[derive(Clone)]
pub struct Round {
    /// Fingerprint of `state`.
    pub state_hash: String,
    /// The handle that proved it. It can prove it again until it expires.
    pub handle: Handle,
    /// Whether the proof came from another network or browser than the code. The person is then warned.
    pub proved_elsewhere: bool,
}

/// See [`Phase::Proved`].
pub struct Proved {
    /// How it was proved.
    pub round: Round,
    /// The code that the service sent.
    pub code: Code,
}

/// See [`Phase::Redeeming`].
pub struct Redeeming {
    /// How it was proved.
    pub round: Round,
    /// When the token request was sent.
    pub since: Seconds,
}

/// See [`Phase::Redeemed`].
#[derive(Clone)]
pub struct Redeemed {
    /// How it was proved.
    pub round: Round,
    /// The account at the service.
    pub identity: Identity,
    /// The tokens that the service gave for the code.
    pub tokens: Tokens,
    /// The secret for the token of the page that shows this identity.
    pub page: Secret,
}

/// How an attempt ended. It is kept for a while, because a person may look at its pages again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It became a link.
    Connected,
    /// The person cancelled it.
    Cancelled,
    /// The person began again.
    Replaced,
    /// Another person came back to Jira with it, or the handle was wrong.
    Refused,
    /// The service refused, or its answer made no sense.
    Failed,
    /// The person disconnected in the meantime.
    Disconnected,
    /// The app was uninstalled or got a new secret in the meantime.
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
    /// When it ended.
    pub at: Seconds,
    /// The person who started it.
    pub account_id: AccountId,
    /// The issue that they came from.
    pub issue: Option<IssueKey>,
    /// How it ended.
    pub how: Ending,
    /// Fingerprint of the last `state` that the service was given, if there was one.
    pub state_hash: Option<String>,
    /// The handle that the last callback issued, if there was one.
    pub handle: Option<Handle>,
}

/// The tokens of one answer of the token endpoint.
#[derive(Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// When the request for it started.
    pub requested_at: Seconds,
    /// When the access token expires, counted from the start of the request. None if the service does not
    /// say.
    pub expires_at: Option<Seconds>,
    /// When the refresh token expires unused, if the service announced it.
    pub refresh_expires_at: Option<Seconds>,
    /// The refresh token, if one was given.
    pub refresh_token: Option<Secret>,
}

impl Tokens {
    /// The tokens to revoke: the refresh token first, because it could bring new access tokens.
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

/// A person's consent at the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// When it was given. None for links older than this field.
    pub since: Option<Seconds>,
    /// When it ends even if the link is renewed. None if it does not end or the end is unknown.
    pub ends_at: Option<Seconds>,
}

/// A person is told of the end of their consent at most so many seconds before it.
const NOTICE: Seconds = 7 * 24 * 3600;

impl Consent {
    /// Whether it ends so soon that the person is told: in the last third of its life and in the last week.
    #[must_use]
    pub fn ends_soon(&self, now: Seconds) -> bool {
        self.ends_at.is_some_and(|end| {
            let third = self.since.map_or(NOTICE, |since| (end - since) / 3);
            now >= end - third.min(NOTICE)
        })
    }
}

/// The tokens of a link and its API key. Always sealed at rest.
#[derive(Clone)]
pub struct Credential {
    /// The tokens of this generation.
    pub tokens: Tokens,
    /// The person's consent.
    pub consent: Consent,
    /// When the refresh token expires unused. None if that is unknown or the consent ends first.
    pub refresh_ends_at: Option<Seconds>,
    /// The refresh token that this generation replaced. Some services accept it until the new one is used, so
    /// disconnecting revokes it too.
    pub previous_refresh_token: Option<Secret>,
    /// Access tokens of earlier generations that have not expired. They are revoked only when the link ends.
    pub lingering: Vec<Lingering>,
    /// The API key of this generation. None until it is made.
    pub api_key: Option<ApiKey>,
    /// Replaced keys and tokens, to be revoked once Jira holds the new key, and not before.
    pub retiring: Vec<Revocation>,
}

/// An access token that was replaced.
#[derive(Clone)]
pub struct Lingering {
    /// The token.
    pub access_token: Secret,
    /// When it expires.
    pub expires_at: Seconds,
}

/// The expiring key that goes into the Jira user property.
#[derive(Clone)]
pub struct ApiKey {
    /// The key.
    pub key: Secret,
    /// When the request for it started, from which its life counts.
    pub requested_at: Seconds,
    /// When it expires.
    pub expires_at: Seconds,
    /// Its id at the key endpoint, if it comes from there.
    pub id: Option<String>,
}

/// Keys and tokens of one account that must be revoked.
#[derive(Clone)]
pub struct Revocation {
    /// The account at the service.
    pub subject: String,
    /// Keys at the key endpoint.
    pub keys: Vec<MintedKey>,
    /// Tokens to revoke (RFC 7009), in this order.
    pub tokens: Vec<RevocableToken>,
}

impl Revocation {
    /// Whether there is nothing to revoke.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tokens.is_empty()
    }

    /// Whether it ends a grant and not only access tokens: revoking a refresh token should end the whole
    /// grant (RFC 7009, section 2.1).
    #[must_use]
    pub fn has_refresh_token(&self) -> bool {
        self.tokens.iter().any(|token| token.refresh)
    }
}

/// A key at the key endpoint.
#[derive(Clone)]
pub struct MintedKey {
    /// Its id there.
    pub id: String,
    /// The access token that authorises its deletion.
    pub access_token: Secret,
}

/// A token and its kind (RFC 7009, `token_type_hint`).
#[derive(Clone)]
pub struct RevocableToken {
    /// The token.
    pub token: Secret,
    /// Whether it is a refresh token.
    pub refresh: bool,
}

/// A person at a tenant, linked to one account at the service.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The tenant.
    pub client_key: ClientKey,
    /// The tenant's installation that it belongs to.
    pub installation: i64,
    /// The person.
    pub account_id: AccountId,
    /// The account at the service.
    pub identity: Identity,
    /// Whether it is renewed.
    pub state: LinkState,
    /// Counts the renewals.
    pub generation: i64,
    /// The key that Jira holds, if it holds one.
    pub published: Option<Published>,
    /// The person's consent.
    pub consent: Consent,
    /// What the last try met that brought no key into Jira. None once a key is there.
    pub trouble: Option<Trouble>,
    /// How many bytes the property would have, where that is more than Jira takes.
    pub property_size: Option<i64>,
}

/// How many bytes the value of a user property may have (Jira's REST API, "Set user property").
pub const LARGEST_PROPERTY: usize = 32_768;

/// The key that Jira has confirmed to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Generation of the key.
    pub generation: i64,
    /// When that key expires.
    pub expires_at: Seconds,
    /// When Jira took it.
    pub at: Seconds,
}

/// The purpose of a call to Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A person waits for it or has waited: it may use the whole quota.
    Person,
    /// A renewal: it may use the renewals' share.
    Renewal,
}

/// Whether a link is renewed, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is renewed.
    Live,
    /// It rests for a while, because its renewal failed and an immediate retry would fail too.
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

    /// Reads the words of state and reason. An unknown reason is read as the most likely one.
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

/// Why a link is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsideReason {
    /// Its credential does not open.
    Sealed,
    /// Three renewals in a row ended without any outcome.
    NoOutcome,
    /// Jira forbids writing the property, both to the app and to the app as this person.
    JiraRefuses,
    /// The host of its tenant's base URL is no longer allowed.
    SiteNotAllowed,
    /// The key is too large for a user property.
    TooLarge,
}

/// Why a person has to connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectReason {
    /// The service ended the grant.
    Revoked,
    /// The answer to a renewal was lost, and the service allows no second try.
    RotationLost,
    /// The service gave no refresh token, and the key has expired.
    NoRefreshToken,
    /// The service asks for consent at intervals, and the known end of the consent has passed.
    ConsentEnded,
    /// A backup was put back that is older than the last use of the refresh token.
    Restored,
    /// The service has kept refusing since the key ran out, in words that do not say that the grant has ended.
    KeepsRefusing,
}

/// Why a try to renew a link brought no key into Jira. It is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The service fails or does not answer.
    ServiceAway,
    /// The service asks to wait.
    ServiceWaits,
    /// The service refuses this link, and does not say that the grant has ended.
    Refused,
    /// The service refuses this app.
    AppRefused,
    /// The key endpoint gave no key.
    NoKey,
    /// Jira fails, does not answer, or asks to wait.
    JiraAway,
}

/// Why a tenant's Jira is not called for a while. After that the first call tests it: either calls resume, or
/// they wait again. No person has to act.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ParkReason {
    /// It refuses the app's tokens.
    Unauthorized,
    /// What all tenants together may use in an hour is used up (`jira-quota-global-based`).
    GlobalQuota,
    /// What this tenant may use in an hour is used up (`jira-quota-tenant-based`).
    TenantQuota,
    /// Too many calls in a moment with one method (`jira-burst-based`).
    Burst,
    /// It asks to wait and gives no reason.
    #[default]
    Asked,
    /// The site's IP allowlist does not include the address that this app calls from.
    IpAllowlist,
    /// Something other than Jira answers: the site is suspended, renamed or being moved, or a proxy is in the
    /// way.
    NotJira,
    /// Forge has sent no system token that still works.
    NoSystemToken,
}

impl ParkReason {
    /// Reads `RateLimit-Reason`, which Jira may omit.
    #[must_use]
    pub fn of_rate_limit(reason: Option<&str>) -> Self {
        match reason {
            Some("jira-quota-global-based") => Self::GlobalQuota,
            Some("jira-quota-tenant-based") => Self::TenantQuota,
            Some("jira-burst-based") => Self::Burst,
            // No reason, or `jira-per-issue-on-write`, which user properties cannot cause.
            _ => Self::Asked,
        }
    }
}

/// Gives each variant of an enum its word.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word in the database, in logs and in metrics.
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

words!(Happened {
    Connected = "connected",
    Disconnected = "disconnected",
    NeedsReconnect = "needs_reconnect",
    Refused = "refused",
    Moved = "moved",
    Decided = "decided",
    Acting = "acting",
});
words!(Power {
    Read = "read",
    Write = "read write",
});
words!(AsideReason {
    Sealed = "seal_broken",
    NoOutcome = "no_outcome",
    JiraRefuses = "jira_refuses",
    SiteNotAllowed = "site_not_allowed",
    TooLarge = "too_large",
});
words!(PhaseName {
    Begun = "begun",
    Authorizing = "authorizing",
    Returned = "returned",
    Proved = "proved",
    Redeeming = "redeeming",
    Redeemed = "redeemed",
});
words!(ColorMode {
    Light = "light",
    Dark = "dark",
});
words!(StateName {
    Live = "live",
    Aside = "aside",
    Reconnect = "reconnect",
});
words!(Standing {
    Waiting = "waiting",
    Current = "current",
    Past = "past",
    Refused = "refused",
});
words!(ParkReason {
    Unauthorized = "unauthorized",
    GlobalQuota = "global_quota",
    TenantQuota = "tenant_quota",
    Burst = "burst",
    Asked = "asked",
    IpAllowlist = "ip_allowlist",
    NotJira = "not_jira",
    NoSystemToken = "no_system_token",
});
words!(ReconnectReason {
    Revoked = "revoked",
    RotationLost = "rotation_lost",
    NoRefreshToken = "no_refresh_token",
    ConsentEnded = "consent_ended",
    Restored = "restored",
    KeepsRefusing = "keeps_refusing",
});
words!(Trouble {
    ServiceAway = "service_away",
    ServiceWaits = "service_waits",
    Refused = "refused",
    AppRefused = "app_refused",
    NoKey = "no_key",
    JiraAway = "jira_away",
});

impl Trouble {
    /// Words for the person, for when their key has expired.
    #[must_use]
    pub fn explain(self, words: &Words) -> String {
        match self {
            Self::ServiceAway => words.trouble_service_away(),
            Self::ServiceWaits => words.trouble_service_waits(),
            Self::Refused => words.trouble_refused(),
            Self::AppRefused => words.trouble_app_refused(),
            Self::NoKey => words.trouble_no_key(),
            Self::JiraAway => words.trouble_jira_away(),
        }
    }
}

impl ReconnectReason {
    /// Words for the person.
    #[must_use]
    pub fn explain(self, words: &Words) -> String {
        match self {
            Self::Revoked => words.reconnect_revoked(),
            Self::RotationLost => words.reconnect_rotation_lost(),
            Self::NoRefreshToken => words.reconnect_no_refresh_token(),
            Self::ConsentEnded => words.reconnect_consent_ended(),
            Self::Restored => words.reconnect_restored(),
            Self::KeepsRefusing => words.reconnect_keeps_refusing(),
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self, words: &Words) -> String {
        match self {
            Self::Revoked => words.reconnect_revoked_admin(),
            Self::RotationLost => words.reconnect_rotation_lost_admin(),
            Self::NoRefreshToken => words.reconnect_no_refresh_token_admin(),
            Self::ConsentEnded => words.reconnect_consent_ended_admin(),
            Self::Restored => words.reconnect_restored_admin(),
            Self::KeepsRefusing => words.reconnect_keeps_refusing_admin(),
        }
    }

    /// Words for the operator: the cause, and what to do.
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
                "the service asks for the person's consent at intervals, and it was due: this is normal; \
                 people are told before, and the service may have a setting for the interval"
            }
            Self::Restored => {
                "a backup was put back that is older than the last use of this refresh token: the person has to \
                 connect again"
            }
            Self::KeepsRefusing => {
                "the service has refused the renewal three times or more since the key ran out, in words other \
                 than invalid_grant: `refused` lines in the log name them; many at once mean that the service has \
                 changed how it refuses, or refuses this app"
            }
        }
    }
}

impl AsideReason {
    /// Words for the person, for when their key has expired.
    #[must_use]
    pub fn explain(self, words: &Words) -> String {
        match self {
            Self::Sealed => words.aside_sealed(),
            Self::NoOutcome => words.aside_no_outcome(),
            Self::JiraRefuses => words.aside_jira_refuses(),
            Self::SiteNotAllowed => words.aside_site_not_allowed(),
            Self::TooLarge => words.aside_too_large(),
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self, words: &Words) -> String {
        match self {
            Self::Sealed => words.aside_sealed_admin(),
            Self::NoOutcome => words.aside_no_outcome_admin(),
            Self::JiraRefuses => words.aside_jira_refuses_admin(),
            Self::SiteNotAllowed => words.aside_site_not_allowed_admin(),
            Self::TooLarge => words.aside_too_large_admin(),
        }
    }

    /// Words for the operator: the cause, and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Sealed => {
                "the credential does not open: a sealing key is missing from LATCHKEY_SEALING_KEYS, or \
                 the database was altered; renewals resume by themselves once the key is back"
            }
            Self::NoOutcome => {
                "three renewals in a row ended without an outcome: look for processes that were killed; \
                 renewals are retried less and less often"
            }
            Self::JiraRefuses => {
                "Jira answers 403 to the app and to the app as the person: an admin of the site has to \
                 restore the permission; renewals are retried every quarter of an hour"
            }
            Self::SiteNotAllowed => {
                "the host of their tenant's base URL is not in LATCHKEY_SITE_HOSTS: nothing is sent there; once \
                 it is allowed again, renewals resume by themselves within a quarter of an hour"
            }
            Self::TooLarge => {
                "the property would be larger than Jira takes (32,768 bytes): ask the service for smaller access \
                 tokens, or set LATCHKEY_PROPERTY=handle or LATCHKEY_API_KEY_FROM; the tokens are kept, and each \
                 link is tried again when its newest key has expired"
            }
        }
    }
}

impl ParkReason {
    /// Words for the person, for when their key has expired.
    #[must_use]
    pub fn explain(self, words: &Words) -> String {
        match self {
            Self::Unauthorized => words.park_unauthorized(),
            Self::GlobalQuota | Self::TenantQuota => words.park_quota(),
            Self::Burst | Self::Asked => words.park_asked(),
            Self::IpAllowlist => words.park_ip_allowlist(),
            Self::NotJira => words.park_not_jira(),
            Self::NoSystemToken => words.park_no_system_token(),
        }
    }

    /// Words for an admin of the site.
    #[must_use]
    pub fn for_admin(self, words: &Words) -> String {
        match self {
            Self::Unauthorized => words.park_unauthorized_admin(),
            Self::GlobalQuota => words.park_global_quota_admin(),
            Self::TenantQuota => words.park_tenant_quota_admin(),
            Self::Burst => words.park_burst_admin(),
            Self::Asked => words.park_asked_admin(),
            Self::IpAllowlist => words.park_ip_allowlist_admin(),
            Self::NotJira => words.park_not_jira_admin(),
            Self::NoSystemToken => words.park_no_system_token_admin(),
        }
    }

    /// Words for the operator: the cause, and what to do.
    #[must_use]
    pub fn for_operator(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "Jira answers 401, even to a newly signed token: the app was uninstalled without notice, or this \
                 machine's clock is wrong; calls are retried every minute, and a new installation of the \
                 app ends the wait at once"
            }
            Self::GlobalQuota => {
                "the app's hourly quota over all tenants is used up: no writes until the full hour; see what \
                 `latchkey doctor` says about the quota"
            }
            Self::TenantQuota => {
                "the hourly quota of this tenant is used up: only this tenant waits"
            }
            Self::Burst => {
                "too many calls in a moment, including those of other apps: calls wait a little"
            }
            Self::Asked => "Jira asks to wait and gives no reason: only this tenant waits",
            Self::IpAllowlist => {
                "Jira answers 403 because the address this server calls from is not on the site's IP \
                 allowlist: tell the site's admin the address; calls are retried every minute"
            }
            Self::NotJira => {
                "something other than Jira's REST API answers at the site's address (a page, a proxy's answer, \
                 410): the site may be suspended, renamed or being moved, or a proxy is in the way; nothing \
                 is unlinked or revoked, only this tenant waits, and calls are retried at least every minute"
            }
            Self::NoSystemToken => {
                "Forge has sent no system token that still works: it comes with each hourly call of \
                 /forge/tick; see in Atlassian's developer console whether the scheduled trigger runs and \
                 whether this server answers it"
            }
        }
    }
}

/// The theme that a person has chosen in Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorMode {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// How the pages in a tab of their own look: as Jira does for the person, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Their language in Jira.
    pub language: Option<Language>,
    /// Their theme there.
    pub color_mode: Option<ColorMode>,
}

impl Look {
    /// Reads both. What pages don't know is left out.
    #[must_use]
    pub fn parse(language: Option<&str>, color_mode: Option<&str>) -> Self {
        Self {
            language: language.and_then(Language::parse),
            color_mode: color_mode.and_then(ColorMode::parse),
        }
    }
}

/// Who else uses the account at the service that a link uses. Some services have one grant for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedWith {
    /// No other link.
    Nobody,
    /// Links of other people, and none of this person.
    Others,
    /// Another link of this person, on another site.
    Oneself,
}

impl SharedWith {
    /// What Disconnect ends at once, and what has to wait until the other link ends. None if nothing waits.
    /// `key_ends` says whether the key stops working at once.
    #[must_use]
    pub fn explain(self, words: &Words, key_ends: bool) -> Option<String> {
        let login = match self {
            Self::Nobody => return None,
            Self::Others => words.disconnect_shared_others(),
            Self::Oneself => words.disconnect_shared_oneself(),
        };
        let key = match key_ends {
            true => words.disconnect_key_ends(),
            false => words.disconnect_key_stays(),
        };
        Some(format!("{key} {login}"))
    }
}

/// What a disconnect has not ended yet at the service or in Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing: all is revoked and deleted.
    Nothing,
    /// The service or Jira has not done its part yet. It is tried again.
    Retried,
    /// Tokens stay until another link to the same account ends.
    SharedLogin,
}

words!(Left {
    Nothing = "nothing",
    Retried = "retried",
    SharedLogin = "shared-login",
});

/// An attempt that is under way, as the issue shows it. Its id stays with the browser that began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    /// Whether the person asked for another account at the service.
    pub another: bool,
    /// When it ends by itself, RFC 3339. By this the issue tells a newer attempt from the one before.
    pub expires_at: String,
    /// Whether the browser has said that the page of it was closed. Left out where it has not. Browsers may be
    /// wrong, so the attempt goes on all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
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
    /// When the key in Jira expires, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When Jira took it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<String>,
    /// Counts the keys of this link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Why the person has to reconnect, or why there is no valid key just now, in words for them. It is there
    /// whenever the key has expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the service will want the person's consent again, where that is known, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_ends_at: Option<String>,
    /// Whether that is so soon that the person should be told. Left out where it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub consent_ends_soon: bool,
    /// What Disconnect ends at once and what stays at the service, in words for the person, where another link
    /// uses the same account there. Left out where nothing stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_disconnect: Option<String>,
    /// The person's attempt that is under way, if there is one. It changes nothing of a link until it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<UnderWay>,
    /// Whether the key has expired, for our own pages. Others compare `expiresAt`.
    #[serde(skip)]
    pub has_run_out: bool,
}

impl LinkStatus {
    /// What a person without a link sees.
    #[must_use]
    pub fn without_link(words: &Words, attempt: Option<UnderWay>) -> Self {
        Self {
            state: match attempt {
                Some(_) => "linking",
                None => "unlinked",
            },
            service: words.service().to_owned(),
            subject: None,
            display_name: None,
            expires_at: None,
            renewed_at: None,
            generation: None,
            reason: None,
            consent_ends_at: None,
            consent_ends_soon: false,
            on_disconnect: None,
            attempt,
            has_run_out: false,
        }
    }

    /// What a person with a link sees. A link whose first key is not in Jira yet is still linking. While there
    /// is no valid key, the reason is always given: `meanwhile` is what keeps every link from being renewed
    /// just now, if anything does. Since when there is none, `expiresAt` says.
    #[must_use]
    pub fn of(
        link: &Link,
        tenant: &Tenant,
        words: &Words,
        meanwhile: Option<Trouble>,
        now: Seconds,
    ) -> Self {
        let alive = link
            .published
            .is_some_and(|published| published.expires_at > now);
        let working = if link.published.is_some() {
            "linked"
        } else {
            "linking"
        };
        let (state, reason) = match link.state {
            LinkState::Reconnect(why) => ("reconnect", Some(why.explain(words))),
            // The next renewal would bring the same, so the person is told while the old key still works.
            LinkState::Aside(why @ AsideReason::TooLarge) => {
                let reason = match link.property_size {
                    Some(size) => words
                        .aside_too_large_size(&size.to_string(), &LARGEST_PROPERTY.to_string())
                        .text(),
                    None => why.explain(words),
                };
                (working, Some(reason))
            }
            // A credential that does not open stays closed; only a new connection helps.
            LinkState::Aside(why @ AsideReason::Sealed) if !alive => {
                ("reconnect", Some(why.explain(words)))
            }
            // The person can do nothing about the others: they are told, and renewals continue.
            LinkState::Aside(why) if !alive => (working, Some(why.explain(words))),
            LinkState::Live if !alive && tenant.waits.until(&Method::PUT) > now => {
                (working, Some(tenant.wait_reason.explain(words)))
            }
            // Since the key was put, the last that Jira said is to wait; this link may not have been tried again.
            LinkState::Live
                if !alive
                    && link.trouble.is_none_or(|met| met == Trouble::JiraAway)
                    && link
                        .published
                        .is_some_and(|key| tenant.waits.until(&Method::PUT) > key.at) =>
            {
                (working, Some(tenant.wait_reason.explain(words)))
            }
            LinkState::Live if !alive => {
                let known = link.trouble.or(meanwhile);
                let unknown = || link.published.map(|_| words.trouble_unknown());
                let reason = known.map(|trouble| trouble.explain(words));
                (working, reason.or_else(unknown))
            }
            LinkState::Live | LinkState::Aside(_) => (working, None),
        };
        let consent = match state {
            "reconnect" => Consent::default(),
            _ => link.consent,
        };
        Self {
            state,
            service: words.service().to_owned(),
            // An identity that cannot be read is left out.
            subject: Some(link.identity.subject.clone()).filter(|subject| !subject.is_empty()),
            display_name: Some(link.identity.display_name.clone()),
            expires_at: link
                .published
                .map(|published| rfc3339(published.expires_at)),
            renewed_at: link.published.map(|published| rfc3339(published.at)),
            generation: link.published.map(|published| published.generation),
            reason,
            consent_ends_at: consent.ends_at.map(rfc3339),
            consent_ends_soon: consent.ends_soon(now),
            on_disconnect: None,
            attempt: None,
            has_run_out: link.published.is_some() && !alive,
        }
    }
}

/// The form of the key in the user property.
#[derive(Serialize)]
pub enum KeyInProperty<'a> {
    /// In clear.
    #[serde(rename = "apiKey")]
    Plain(&'a str),
    /// Encrypted to a public key: a JWE.
    #[serde(rename = "sealedApiKey")]
    Sealed(String),
}

/// The value of the user property.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Property<'a> {
    /// The key, and what belongs to it. Each renewal changes it.
    WithKey(PropertyWithKey<'a>),
    /// Says whose link it is. No renewal changes it.
    Handle(PropertyHandle<'a>),
}

/// The value of the user property where it holds the key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyWithKey<'a> {
    /// Version of this format: 1.
    pub version: u8,
    /// The key, in one of its forms.
    #[serde(flatten)]
    pub key: KeyInProperty<'a>,
    /// When it expires, RFC 3339.
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

/// The value of the user property where programs ask Latchkey for the key. It has no field for a key, an expiry or a
/// generation, so that a renewal has nothing to write.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyHandle<'a> {
    /// Version of this format: 1.
    pub version: u8,
    /// Name of the service.
    pub service: &'a str,
    /// Account id there.
    pub subject: &'a str,
    /// Name there.
    pub display_name: &'a str,
    /// The link.
    pub link_id: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_groups_by_name_or_id() {
        let groups = [Group {
            name: "jira-users-Berlin".to_owned(),
            id: Some("276f955c".to_owned()),
        }];
        let rule = |groups: &[&str]| SiteRule {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..SiteRule::default()
        };
        assert!(rule(&[]).lets_in(&[]) && rule(&[]).lets_in(&groups));
        assert!(rule(&["JIRA-users-berlin"]).lets_in(&groups));
        assert!(rule(&["other", "276f955c"]).lets_in(&groups));
        for other in ["276F955C", "jira-users", "", "jira-users-Berlin "] {
            assert!(!rule(&[other]).lets_in(&groups), "{other}");
        }
        assert!(!rule(&["jira-users-Berlin"]).lets_in(&[]));
    }

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
    fn every_reason_has_its_own_words_for_each_reader() {
        let words = Words::new(crate::words::Language::En, "Acme", "Latchkey");
        let mut all = Vec::new();
        for why in AsideReason::ALL {
            assert_eq!(AsideReason::parse(why.as_str()), Some(*why));
            all.extend([
                why.explain(&words),
                why.for_admin(&words),
                why.for_operator().to_owned(),
            ]);
        }
        for why in ReconnectReason::ALL {
            assert_eq!(ReconnectReason::parse(why.as_str()), Some(*why));
            all.extend([
                why.explain(&words),
                why.for_admin(&words),
                why.for_operator().to_owned(),
            ]);
        }
        for why in Trouble::ALL {
            assert_eq!(Trouble::parse(why.as_str()), Some(*why));
            all.push(why.explain(&words));
        }
        for why in ParkReason::ALL {
            assert_eq!(ParkReason::parse(why.as_str()), Some(*why));
            // The person may read the same words for several reasons: they can do nothing about them.
            all.extend([why.for_admin(&words), why.for_operator().to_owned()]);
            assert!(!why.explain(&words).is_empty());
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

    #[test]
    fn the_property_has_the_shape_that_readers_expect() {
        let property = |key| {
            Property::WithKey(PropertyWithKey {
                version: 1,
                key,
                expires_at: rfc3339(1_795_298_400),
                service: "Acme",
                subject: "u-1",
                display_name: "Robin",
                generation: 7,
            })
        };
        let json = serde_json::to_value(property(KeyInProperty::Plain("k"))).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"version": 1, "apiKey": "k", "expiresAt": "2026-11-21T22:00:00Z",
                "service": "Acme", "subject": "u-1", "displayName": "Robin", "generation": 7})
        );
        let sealed = property(KeyInProperty::Sealed("e..n.c.t".to_owned()));
        let sealed = serde_json::to_value(&sealed).unwrap();
        assert_eq!(
            (&sealed["sealedApiKey"], sealed.get("apiKey")),
            (&"e..n.c.t".into(), None)
        );
        let handle = Property::Handle(PropertyHandle {
            version: 1,
            service: "Acme",
            subject: "u-1",
            display_name: "Robin",
            link_id: "l-1",
        });
        assert_eq!(
            serde_json::to_value(handle).unwrap(),
            serde_json::json!({"version": 1, "service": "Acme", "subject": "u-1",
                "displayName": "Robin", "linkId": "l-1"})
        );
    }
}
