//! Atlassian Connect: how a caller is proved, how a tenant is named, how a call to its Jira is signed.
//!
//! Each kind of token has a verifier and a type of its own, and a route takes one of them:
//! [`ContextToken`], [`IframeToken`], [`AppToAppToken`], [`LifecycleToken`]. None of them can be made in
//! another way. Algorithms are fixed by kind and never taken from a token's header.

pub mod descriptor;
pub mod install_keys;
pub mod qsh;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::{Clock, Seconds};
use crate::config::{BaseUrl, SiteHosts, is_loopback};
use crate::error::{Error, Refusal};
use crate::events::{Event, Events, Kind};
use crate::model::{AccountId, ClientKey, Installation, Tenant};
use crate::secret::{Secret, fingerprint, same};
use crate::store::Store;

use install_keys::InstallKeys;

/// What clocks may differ by, in seconds.
const LEEWAY: Seconds = 30;
/// How long tokens live that this app signs; Atlassian's own live as long.
const APP_JWT_LIFE: Seconds = 180;
/// Tokens of Jira have about half a kilobyte.
const LONGEST_TOKEN: usize = 8 * 1024;
/// The literal that stands in place of a hash in a context token.
const CONTEXT_QSH: &str = "context-qsh";

/// Verifies what Atlassian sends.
#[derive(Debug)]
pub struct Connect {
    /// Public address of this app.
    pub base_url: BaseUrl,
    /// Key of the app.
    pub app_key: String,
    store: Store,
    clock: Clock,
    events: Events,
    install_keys: InstallKeys,
    sites: Sites,
}

/// Where a tenant may live.
#[derive(Debug, Clone)]
pub struct Sites {
    /// Hosts a base URL may have.
    pub hosts: SiteHosts,
    /// Whether loopback hosts may speak plain http.
    pub loopback_http: bool,
}

/// The request a token is bound to: method, path and query as they came in.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// Method.
    pub method: &'a str,
    /// Raw path, base path included.
    pub path: &'a str,
    /// Raw query.
    pub query: Option<&'a str>,
}

/// Somebody whom a verified token of Jira names.
#[derive(Clone)]
pub struct Viewer {
    tenant: Tenant,
    account: AccountId,
}

impl Viewer {
    /// Where they are.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Who they are.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }
}

/// A verified HS256 token of a tenant. An anonymous visitor's has no account.
struct Verified {
    tenant: Tenant,
    account: Option<AccountId>,
}

impl Verified {
    fn viewer(self) -> Result<Viewer, Error> {
        let account = self.account.ok_or(Error::NotAllowed(Refusal::Anonymous))?;
        Ok(Viewer {
            tenant: self.tenant,
            account,
        })
    }
}

/// A verified token from `AP.context.getToken()`.
pub struct ContextToken {
    verified: Verified,
    /// Recognises the same token when it comes again.
    pub fingerprint: String,
    /// When it runs out.
    pub expires_at: Seconds,
}

impl ContextToken {
    /// Who sent it.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for an anonymous visitor.
    pub fn viewer(self) -> Result<Viewer, Error> {
        self.verified.viewer()
    }
}

/// A verified token from the address of a page that Jira frames.
pub struct IframeToken(Verified);

impl IframeToken {
    /// The tenant that frames the page.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }

    /// Whether nobody is signed in.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.account.is_none()
    }
}

/// A verified token of Jira itself, for `enabled` and `disabled`.
pub struct AppToAppToken(Verified);

impl AppToAppToken {
    /// The tenant that sent it.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }
}

/// A verified RS256 token of Atlassian, for `installed` and `uninstalled`.
#[derive(Debug)]
pub struct LifecycleToken {
    client_key: ClientKey,
}

/// The body of a lifecycle callback. It is not signed; see [`Connect::installation`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LifecycleBody {
    key: String,
    client_key: String,
    shared_secret: Option<Secret>,
    base_url: Option<String>,
    display_url: Option<String>,
    display_url_servicedesk_help_center: Option<String>,
    oauth_client_id: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Seconds>,
    iat: Option<Seconds>,
    nbf: Option<Seconds>,
    qsh: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is(&self, url: &str) -> bool {
        // Atlassian may write our URL with the slash that our descriptor leaves out.
        let is = |aud: &String| aud.strip_suffix('/').unwrap_or(aud) == url;
        match self {
            Self::One(aud) => is(aud),
            Self::Many(auds) => auds.iter().any(is),
        }
    }
}

/// A validation that checks signature and algorithm; times are checked with the clock passed in.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

impl Connect {
    /// Verifiers for one app.
    #[must_use]
    pub fn new(
        base_url: BaseUrl,
        app_key: String,
        sites: Sites,
        install_keys: InstallKeys,
        store: Store,
        clock: Clock,
        events: Events,
    ) -> Self {
        Self {
            base_url,
            app_key,
            store,
            clock,
            events,
            install_keys,
            sites,
        }
    }

    /// Hosts a tenant may have, for pages that are framed before the tenant is known.
    #[must_use]
    pub fn site_hosts(&self) -> &SiteHosts {
        &self.sites.hosts
    }

    /// Verifies a context token: its qsh is the literal, compared whole. A token of a page's address
    /// never passes.
    pub async fn context(&self, token: &str) -> Result<ContextToken, Error> {
        let (verified, claims) = self.symmetric(Kind::Context, token, CONTEXT_QSH).await?;
        if !verified.tenant.enabled {
            return Err(Error::Unauthorized("the app is disabled at the tenant"));
        }
        Ok(ContextToken {
            verified,
            fingerprint: fingerprint(token),
            expires_at: claims.exp.unwrap_or_default(),
        })
    }

    /// Verifies the token in the address of a framed page.
    pub async fn iframe(&self, token: &str, request: Bound<'_>) -> Result<IframeToken, Error> {
        let (verified, _) = self
            .symmetric(Kind::Iframe, token, &self.qsh(request))
            .await?;
        if !verified.tenant.enabled {
            return Err(Error::Unauthorized("the app is disabled at the tenant"));
        }
        Ok(IframeToken(verified))
    }

    /// Verifies a token of Jira itself. It comes for a disabled tenant too: that is how one is enabled.
    pub async fn app_to_app(
        &self,
        token: &str,
        request: Bound<'_>,
    ) -> Result<AppToAppToken, Error> {
        let (verified, _) = self
            .symmetric(Kind::AppToApp, token, &self.qsh(request))
            .await?;
        Ok(AppToAppToken(verified))
    }

    fn qsh(&self, request: Bound<'_>) -> String {
        qsh::qsh(
            request.method,
            self.base_url.path(),
            request.path,
            request.query,
        )
    }

    async fn symmetric(
        &self,
        kind: Kind,
        token: &str,
        expected_qsh: &str,
    ) -> Result<(Verified, Claims), Error> {
        if token.len() > LONGEST_TOKEN {
            return Err(Error::Unauthorized("the token is too long"));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Error::Unauthorized("the token is malformed"))?;
        if header.alg != Algorithm::HS256 {
            self.events.record(Event::Misplaced(kind, None));
            return Err(Error::Unauthorized("the algorithm is not HS256"));
        }
        // Only to find the tenant whose secret decides; nothing else is believed before.
        let claimed: Claims = jsonwebtoken::dangerous::insecure_decode_claims(token)
            .map_err(|_| Error::Unauthorized("the token is malformed"))?;
        let issuer = claimed
            .iss
            .filter(|iss| iss.len() <= 255)
            .ok_or(Error::Unauthorized("the token has no issuer"))?;
        let tenant = self
            .store
            .tenant(&ClientKey(issuer))
            .await?
            .ok_or(Error::Unauthorized("no tenant has this client key"))?;
        let key = DecodingKey::from_secret(tenant.shared_secret.expose().as_bytes());
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &signature_only(Algorithm::HS256))
            .map_err(|_| {
                self.events
                    .record(Event::BadSignature(kind, Some(&tenant.client_key)));
                Error::Unauthorized("the signature is wrong")
            })?
            .claims;
        self.check_times(&claims)?;
        if !claims
            .qsh
            .as_deref()
            .is_some_and(|qsh| same(qsh, expected_qsh))
        {
            self.events
                .record(Event::Misplaced(kind, Some(&tenant.client_key)));
            return Err(Error::Unauthorized("the qsh is of another request or kind"));
        }
        let account = claims
            .sub
            .clone()
            .filter(|sub| !sub.is_empty())
            .map(AccountId);
        if account
            .as_ref()
            .is_some_and(|account| account.as_str().len() > 128)
        {
            return Err(Error::Unauthorized("the account id is too long"));
        }
        Ok((Verified { tenant, account }, claims))
    }

    fn check_times(&self, claims: &Claims) -> Result<(), Error> {
        let now = self.clock.now();
        let (Some(exp), Some(iat)) = (claims.exp, claims.iat) else {
            return Err(Error::Unauthorized("the token has no exp or no iat"));
        };
        if exp.saturating_add(LEEWAY) <= now {
            return Err(Error::Unauthorized("the token has expired"));
        }
        if iat > now + LEEWAY || claims.nbf.is_some_and(|nbf| nbf > now + LEEWAY) {
            return Err(Error::Unauthorized("the token is from the future"));
        }
        Ok(())
    }

    /// Verifies a lifecycle token, in the order that Atlassian gives.
    ///
    /// There is no way around RS256: accepting a token signed with the shared secret here was
    /// CVE-2021-26073 and its siblings.
    pub async fn lifecycle(
        &self,
        token: &str,
        request: Bound<'_>,
    ) -> Result<LifecycleToken, Error> {
        if token.len() > LONGEST_TOKEN {
            return Err(Error::Unauthorized("the token is too long"));
        }
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Error::Unauthorized("the token is malformed"))?;
        if header.alg != Algorithm::RS256 {
            self.events.record(Event::Misplaced(Kind::Lifecycle, None));
            return Err(Error::Unauthorized("the algorithm is not RS256"));
        }
        let kid = header
            .kid
            .ok_or(Error::Unauthorized("the token has no kid"))?;
        let key = self.install_keys.key(&kid).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &signature_only(Algorithm::RS256))
            .map_err(|_| {
                self.events
                    .record(Event::BadSignature(Kind::Lifecycle, None));
                Error::Unauthorized("the signature is wrong")
            })?
            .claims;
        self.check_times(&claims)?;
        if !claims.aud.is_some_and(|aud| aud.is(&self.base_url.full())) {
            self.events.record(Event::Misplaced(Kind::Lifecycle, None));
            return Err(Error::Unauthorized("the token is for another app"));
        }
        let expected = self.qsh(request);
        if !claims
            .qsh
            .as_deref()
            .is_some_and(|qsh| same(qsh, &expected))
        {
            self.events.record(Event::Misplaced(Kind::Lifecycle, None));
            return Err(Error::Unauthorized("the qsh is of another request"));
        }
        let client_key = claims
            .iss
            .filter(|iss| !iss.is_empty() && iss.len() <= 255)
            .map(ClientKey)
            .ok_or(Error::Unauthorized("the token has no issuer"))?;
        Ok(LifecycleToken { client_key })
    }

    /// Which tenant an `uninstalled` callback is about. The body is not signed, so it must say what the
    /// token says.
    pub fn uninstalled(
        &self,
        token: &LifecycleToken,
        body: &LifecycleBody,
    ) -> Result<ClientKey, Error> {
        if body.client_key != token.client_key.as_str() {
            self.events.record(Event::OtherTenant {
                token: &token.client_key,
                body: &body.client_key,
            });
            return Err(Error::Unauthorized(
                "the body names another tenant than the token",
            ));
        }
        if body.key != self.app_key {
            return Err(Error::BadRequest("This is another app"));
        }
        Ok(token.client_key.clone())
    }

    /// What an `installed` callback says, checked against its token.
    pub fn installation(
        &self,
        token: &LifecycleToken,
        body: LifecycleBody,
    ) -> Result<Installation, Error> {
        let client_key = self.uninstalled(token, &body)?;
        let base_url = body
            .base_url
            .as_deref()
            .and_then(|url| self.site_url(url))
            .ok_or(Error::BadRequest("The base URL is not that of a Jira site"))?;
        let shared_secret = body
            .shared_secret
            .filter(|secret| (1..=1024).contains(&secret.expose().len()))
            .ok_or(Error::BadRequest("The shared secret is missing"))?;
        // Display URLs are shown and may frame; a custom domain can be any host. One that is no plain
        // origin is left out rather than failing the installation.
        let display_urls = [body.display_url, body.display_url_servicedesk_help_center]
            .into_iter()
            .flatten()
            .filter_map(|url| self.display_origin(&url))
            .collect();
        Ok(Installation {
            client_key,
            base_url,
            display_urls,
            shared_secret,
            oauth_client_id: body
                .oauth_client_id
                .filter(|id| !id.is_empty() && id.len() <= 1024),
        })
    }

    /// A tenant's base URL: https, an allowed host, and nothing else in it. What only parses to that,
    /// with a backslash or a tab in it, is refused too.
    fn site_url(&self, text: &str) -> Option<String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let url = Url::parse(text).ok()?;
        let origin = url.origin().ascii_serialization();
        let host = url.host_str()?;
        (origin == text
            && self.is_secure(&url)
            && (url.port().is_none() || self.is_loopback(&url))
            && self.sites.hosts.allow(host))
        .then_some(origin)
    }

    fn display_origin(&self, text: &str) -> Option<String> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        (plain && url.has_host() && self.is_secure(&url))
            .then(|| url.origin().ascii_serialization())
    }

    fn is_secure(&self, url: &Url) -> bool {
        url.scheme() == "https" || (url.scheme() == "http" && self.is_loopback(url))
    }

    fn is_loopback(&self, url: &Url) -> bool {
        self.sites.loopback_http && url.host().is_some_and(|host| is_loopback(&host))
    }
}

/// Signs calls to tenants' Jira.
#[derive(Debug, Clone)]
pub struct Signer {
    app_key: String,
    clock: Clock,
}

/// Why a token could not be signed: only a bug could be the reason.
#[derive(Debug, thiserror::Error)]
#[error("a token cannot be signed")]
pub struct CannotSign;

impl Signer {
    /// Signs as the app of this key.
    #[must_use]
    pub fn new(app_key: String, clock: Clock) -> Self {
        Self { app_key, clock }
    }

    /// The app JWT for one request. `path` and `query` are those of the request; a tenant's base URL
    /// has no path.
    pub fn app_jwt(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> Result<Secret, CannotSign> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            aud: &'a str,
            iat: Seconds,
            exp: Seconds,
            qsh: String,
        }
        let now = self.clock.now();
        let claims = Claims {
            iss: &self.app_key,
            aud: tenant.client_key.as_str(),
            iat: now,
            exp: now + APP_JWT_LIFE,
            qsh: qsh::qsh(method, "", path, query),
        };
        sign(tenant, &claims)
    }

    /// The assertion for acting as a person (RFC 7523, Atlassian's "User impersonation for Connect
    /// apps"). None when the tenant was installed without an OAuth client id.
    pub fn impersonation(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        audience: &str,
    ) -> Option<Result<Secret, CannotSign>> {
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: String,
            sub: String,
            tnt: &'a str,
            aud: &'a str,
            iat: Seconds,
            exp: Seconds,
        }
        let client_id = tenant.oauth_client_id.as_ref()?;
        let now = self.clock.now();
        let claims = Claims {
            iss: format!("urn:atlassian:connect:clientid:{client_id}"),
            sub: format!("urn:atlassian:connect:useraccountid:{account}"),
            tnt: &tenant.base_url,
            aud: audience,
            iat: now,
            exp: now + 60,
        };
        Some(sign(tenant, &claims))
    }
}

fn sign(tenant: &Tenant, claims: &impl Serialize) -> Result<Secret, CannotSign> {
    let key = EncodingKey::from_secret(tenant.shared_secret.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
        .map(Secret::new)
        .map_err(|_| CannotSign)
}
