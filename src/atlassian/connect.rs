//! Atlassian Connect: verifies callers, names tenants, and signs calls to their Jira.
//!
//! Each kind of token has its own verifier and its own type, and a route accepts one of them:
//! [`ContextToken`], [`IframeToken`], [`AppToAppToken`], [`LifecycleToken`]. Only the verifier constructs the
//! type. The algorithm is fixed for each kind and never taken from a token's header.

pub mod descriptor;
pub mod install_keys;
pub mod jwt;
pub mod lifecycle;
pub mod qsh;
pub mod signer;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};

use clap::ValueEnum;
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::error::{Error, Refusal, ShouldBe};
use crate::events::{Event, Events, TokenKind};
use crate::meters::{Meters, Verdict};
use crate::model::{AccountId, ClientKey, ConnectDoor, Door, Installation, LifecycleCall, Tenant};
use crate::secret::{Secret, fingerprint, fingerprint_of};
use crate::store::Store;

use install_keys::InstallKeys;
use jwt::{UnverifiedHs256, UnverifiedRs256};

use super::{Rejected, Viewer};
use crate::sites::SiteHosts;

pub use crate::sites::Sites;
pub use lifecycle::LifecycleBody;
pub use signer::{CannotSign, Signer};

/// The public URL of this app, in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    path: String,
}

impl BaseUrl {
    /// The whole URL without a trailing slash: `baseUrl` of the descriptor and the audience of lifecycle
    /// tokens.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path in front of every route, without a trailing slash. It is empty or begins with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl TryFrom<Url> for BaseUrl {
    type Error = ShouldBe;

    fn try_from(url: Url) -> Result<Self, ShouldBe> {
        // The router would treat these as patterns.
        if url.path().contains("/:") || url.path().contains("/*") {
            return Err(ShouldBe::new(
                "a URL whose path segments do not begin with a colon or a star",
            ));
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The key of the Connect app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKey(String);

impl From<AppKey> for String {
    fn from(key: AppKey) -> Self {
        key.0
    }
}

impl FromStr for AppKey {
    type Err = ShouldBe;

    /// Accepts what Atlassian's pattern for app keys accepts.
    fn from_str(text: &str) -> Result<Self, ShouldBe> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if text.len() > 64 || !text.bytes().all(allowed) {
            return Err(ShouldBe::new(
                "at most 64 letters, digits, dots, hyphens and underscores",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether the Connect door is open. A closed one lets nobody in. Tenants that came through it and have not moved to
/// Forge are still called through it, so that their keys are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// It is open.
    On,
    /// It is closed: its routes answer 404, and its tokens are not accepted anywhere.
    Off,
}

/// Verifies what Atlassian sends.
#[derive(Debug)]
pub struct Connect {
    door: Switch,
    /// Public address of this app.
    pub base_url: BaseUrl,
    /// Key of the app.
    pub app_key: String,
    store: Store,
    clock: Clock,
    events: Events,
    meters: Meters,
    install_keys: InstallKeys,
    sites: Sites,
    /// When a wrong clock was last logged.
    clock_told_at: AtomicI64,
}

/// The request that a token is bound to: method, path and query as received.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// Method.
    pub method: &'a str,
    /// Raw path, base path included.
    pub path: &'a str,
    /// Raw query.
    pub query: Option<&'a str>,
}

/// The tenant and the account of a verified token. An anonymous visitor has no account.
struct Sender {
    tenant: Tenant,
    account: Option<AccountId>,
}

impl Sender {
    fn viewer(self) -> Result<Viewer, Error> {
        let account = self.account.ok_or(Error::NotAllowed(Refusal::Anonymous))?;
        Ok(Viewer::new(self.tenant, account))
    }
}

/// A verified token from `AP.context.getToken()`.
pub struct ContextToken {
    verified: Sender,
    /// Identifies the token, so that a second use is recognised.
    pub fingerprint: String,
    /// When it expires.
    pub expires_at: Seconds,
}

impl ContextToken {
    /// The tenant that issued it.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.verified.tenant
    }

    /// Who sent it.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for an anonymous visitor.
    pub fn viewer(self) -> Result<Viewer, Error> {
        self.verified.viewer()
    }
}

/// A verified token from the URL of a page that Jira frames.
pub struct IframeToken(Sender);

impl IframeToken {
    /// The tenant that frames the page.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// The person signed in to Jira. None for an anonymous visitor.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.0.account.as_ref()
    }

    /// Whether the visitor is anonymous.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.account.is_none()
    }
}

/// A verified token of Jira itself, sent with `enabled` and `disabled`.
pub struct AppToAppToken(Tenant, Signed);

impl AppToAppToken {
    /// The tenant that sent it.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0
    }

    /// The lifecycle call that this token and its body make up.
    #[must_use]
    pub fn call(&self, body: &[u8]) -> LifecycleCall {
        self.1.call(body)
    }
}

/// A verified RS256 token of Atlassian, sent with `installed` and `uninstalled`.
#[derive(Debug)]
pub struct LifecycleToken {
    client_key: ClientKey,
    signed: Signed,
}

impl LifecycleToken {
    /// The tenant that it names.
    #[must_use]
    pub fn client_key(&self) -> &ClientKey {
        &self.client_key
    }

    /// The lifecycle call that this token and its body make up.
    #[must_use]
    pub fn call(&self, body: &[u8]) -> LifecycleCall {
        self.signed.call(body)
    }
}

/// Identifies the token of a lifecycle call, so that a second use is recognised, and says when it was signed.
#[derive(Debug)]
struct Signed {
    hash: String,
    at: Seconds,
    /// The last moment at which a verifier may accept it, even on a replica whose clock is slow.
    expires_at: Seconds,
}

impl Signed {
    fn of(token: &str, proved: &jwt::Verified) -> Self {
        // The signature is left out: it has several valid encodings, the signed text has one.
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let too_old = proved.issued_at().saturating_add(jwt::LIFECYCLE_AGE);
        Self {
            hash: fingerprint(signed),
            at: proved.issued_at(),
            expires_at: proved.expires_at().min(too_old) + 2 * jwt::LEEWAY,
        }
    }

    fn call(&self, body: &[u8]) -> LifecycleCall {
        LifecycleCall {
            token_hash: self.hash.clone(),
            body_hash: fingerprint_of(body),
            signed_at: self.at,
            expires_at: self.expires_at,
        }
    }
}

impl Connect {
    /// Verifiers for one app.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of the app"
    )]
    pub fn new(
        door: Switch,
        base_url: BaseUrl,
        app_key: String,
        sites: Sites,
        install_keys: InstallKeys,
        store: Store,
        clock: Clock,
        events: Events,
        meters: Meters,
    ) -> Self {
        Self {
            door,
            base_url,
            app_key,
            store,
            clock,
            events,
            meters,
            install_keys,
            sites,
            clock_told_at: AtomicI64::new(0),
        }
    }

    /// Whether the door is open.
    #[must_use]
    pub fn door(&self) -> Switch {
        self.door
    }

    /// The hosts that a tenant may have, for pages that are framed before the tenant is known.
    #[must_use]
    pub fn site_hosts(&self) -> &SiteHosts {
        &self.sites.hosts
    }

    /// Verifies a context token.
    pub async fn context(&self, token: &str) -> Result<ContextToken, Error> {
        let now = self.clock.now();
        let (tenant, proved) = self
            .symmetric(TokenKind::Context, token, |claimed, secret| {
                claimed.context(secret, now)
            })
            .await?;
        let expires_at = proved.expires_at();
        Ok(ContextToken {
            verified: self.while_enabled(TokenKind::Context, tenant, &proved)?,
            fingerprint: fingerprint(token),
            expires_at,
        })
    }

    /// Verifies the token in the URL of a framed page.
    pub async fn iframe(&self, token: &str, request: Bound<'_>) -> Result<IframeToken, Error> {
        let now = self.clock.now();
        let (tenant, proved) = self
            .symmetric(TokenKind::Iframe, token, |claimed, secret| {
                claimed.bound(secret, &self.qsh(request), now)
            })
            .await?;
        self.while_enabled(TokenKind::Iframe, tenant, &proved)
            .map(IframeToken)
    }

    /// Verifies a token of Jira itself. A disabled tenant's is accepted too: `enabled` ends that state.
    pub async fn app_to_app(
        &self,
        token: &str,
        request: Bound<'_>,
    ) -> Result<AppToAppToken, Error> {
        let now = self.clock.now();
        let (tenant, proved) = self
            .symmetric(TokenKind::AppToApp, token, |claimed, secret| {
                claimed.lifecycle(secret, &self.qsh(request), now)
            })
            .await?;
        self.meters.token(TokenKind::AppToApp, Verdict::Accepted);
        Ok(AppToAppToken(tenant, Signed::of(token, &proved)))
    }

    /// Finds the tenant that a token names and verifies the token with its shared secret.
    async fn symmetric(
        &self,
        kind: TokenKind,
        token: &str,
        verify: impl FnOnce(&UnverifiedHs256<'_>, &Secret) -> Result<jwt::Verified, Rejected>,
    ) -> Result<(Tenant, jwt::Verified), Error> {
        if self.door == Switch::Off {
            return Err(Error::Unauthorized("the Connect door is closed"));
        }
        let claimed =
            UnverifiedHs256::read(token).map_err(|rejected| self.refused(kind, None, rejected))?;
        let tenant = self
            .store
            .tenant(claimed.issuer())
            .await
            .inspect_err(|error| {
                let verdict = match error {
                    // The tenant's host is not an allowed one.
                    Error::Unauthorized(_) => Verdict::UnknownSigner,
                    _ => Verdict::Undecided,
                };
                self.meters.token(kind, verdict);
            })?
            .ok_or(Error::Unauthorized("no tenant has this client key"))
            .inspect_err(|_| self.meters.token(kind, Verdict::UnknownSigner))?;
        // Once a tenant has moved to Forge, what it shared with Connect proves nothing any more.
        let Door::Connect(ConnectDoor { shared_secret, .. }) = &tenant.door else {
            self.meters.token(kind, Verdict::UnknownSigner);
            return Err(Error::Unauthorized("the tenant has moved to Forge"));
        };
        let proved = verify(&claimed, shared_secret)
            .map_err(|rejected| self.refused(kind, Some(&tenant.client_key), rejected))?;
        Ok((tenant, proved))
    }

    /// Counts the refusal and records it as an event, unless the token is only out of date, which happens
    /// without intent.
    fn refused(&self, kind: TokenKind, tenant: Option<&ClientKey>, rejected: Rejected) -> Error {
        self.meters.token(kind, rejected.verdict());
        if let Some(event) = rejected.event(kind, tenant) {
            self.events.record(event);
        }
        if let Rejected::FromTheFuture(seconds) = rejected {
            self.tell_of_the_clock(seconds);
        }
        Error::Unauthorized(rejected.why())
    }

    /// While this machine's clock is slow, every token is refused. The log says so once a minute.
    fn tell_of_the_clock(&self, seconds: Seconds) {
        let now = self.clock.now();
        let told_at = self.clock_told_at.load(Ordering::Relaxed);
        if now.saturating_sub(told_at) >= 60 {
            self.clock_told_at.store(now, Ordering::Relaxed);
            tracing::warn!(
                code = "clock",
                seconds,
                "a token of Jira was issued in the future: set this machine's clock"
            );
        }
    }

    fn qsh(&self, request: Bound<'_>) -> String {
        qsh::qsh(
            request.method,
            self.base_url.path(),
            request.path,
            request.query,
        )
    }

    /// Verifies a lifecycle token with the Atlassian key that it names. `client` is the caller's address:
    /// each address may cause only so many keys to be fetched.
    pub async fn lifecycle(
        &self,
        token: &str,
        request: Bound<'_>,
        client: IpAddr,
    ) -> Result<LifecycleToken, Error> {
        let refused = |rejected| self.refused(TokenKind::Lifecycle, None, rejected);
        let claimed = UnverifiedRs256::read(token).map_err(refused)?;
        let key = self
            .install_keys
            .key(claimed.kid(), client)
            .await
            .inspect_err(|error| {
                let verdict = match error {
                    Error::Unauthorized(_) => Verdict::UnknownSigner,
                    _ => Verdict::Undecided,
                };
                self.meters.token(TokenKind::Lifecycle, verdict);
            })?;
        let audience = self.base_url.full();
        let now = self.clock.now();
        let proved = claimed
            .lifecycle(&key, &audience, &self.qsh(request), now)
            .map_err(refused)?;
        self.meters.token(TokenKind::Lifecycle, Verdict::Accepted);
        self.install_keys.proved(client);
        Ok(LifecycleToken {
            client_key: proved.issuer().clone(),
            signed: Signed::of(token, &proved),
        })
    }

    /// The tenant that an `uninstalled` callback is about. The body is not signed, so it must agree with the
    /// token.
    pub fn uninstalled(
        &self,
        token: &LifecycleToken,
        body: &LifecycleBody,
    ) -> Result<ClientKey, Error> {
        self.record_other_tenant(token, body);
        body.check(&token.client_key, &self.app_key)?;
        Ok(token.client_key.clone())
    }

    /// The installation in an `installed` callback, checked against its token.
    pub fn installation(
        &self,
        token: &LifecycleToken,
        body: LifecycleBody,
    ) -> Result<Installation, Error> {
        self.record_other_tenant(token, &body);
        body.installation(&token.client_key, &self.app_key, &self.sites)
    }

    fn record_other_tenant(&self, token: &LifecycleToken, body: &LifecycleBody) {
        if body.client_key() != token.client_key.as_str() {
            self.events.record(Event::OtherTenant {
                token: &token.client_key,
                body: body.client_key(),
            });
        }
    }
    /// Refuses everyone while an admin has the app disabled.
    fn while_enabled(
        &self,
        kind: TokenKind,
        tenant: Tenant,
        proved: &jwt::Verified,
    ) -> Result<Sender, Error> {
        if !tenant.enabled {
            self.meters.token(kind, Verdict::Disabled);
            return Err(Error::Unauthorized("the app is disabled at the tenant"));
        }
        self.meters.token(kind, Verdict::Accepted);
        Ok(Sender {
            tenant,
            account: proved.account().cloned(),
        })
    }
}
