//! Every setting: its name, its default and its reason.
//!
//! A setting is a flag and an environment variable of the same name (`--base-url`,
//! `LATCHKEY_BASE_URL`). They are read as text and then turned into types that cannot hold a bad
//! value; a missing or malformed one stops the start with one line that names it and says what it
//! should be. Values are never echoed, because some of them are secrets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Parser};
use ipnet::IpNet;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::clock::Seconds;
use crate::keys::jwe::PublicKey;
use crate::secret::Secret;
use crate::service::known::{self, ClientAuth, Endpoints, Known};
use crate::vault::SealingKey;

/// The shortest secret that somebody else has chosen, in bytes.
const SHORTEST_SECRET: usize = 16;

/// A setting that is missing or malformed, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}: it should be {should_be}")]
pub struct Invalid {
    /// The environment variable's name.
    pub setting: &'static str,
    problem: &'static str,
    should_be: &'static str,
}

/// The settings as text, the way the command line and the environment give them.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Public URL of this app, required. https, unless loopback is allowed. It may have a path;
    /// everything is then served under it
    #[arg(long, env = "LATCHKEY_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,

    /// Address to serve on. Put TLS in front of it [default: 127.0.0.1:8080]
    #[arg(long, env = "LATCHKEY_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Second address, for /metrics in the Prometheus text format; none means off. Keep it private
    #[arg(long, env = "LATCHKEY_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<String>,

    /// Proxies in front, whose X-Forwarded-For says where a request comes from: addresses and
    /// networks, comma separated, like 127.0.0.1,10.0.0.0/8; none are believed unless named
    #[arg(long, env = "LATCHKEY_TRUSTED_PROXIES", value_name = "ADDRESSES")]
    pub trusted_proxies: Option<String>,

    /// Where everything is kept: sqlite://FILE for one machine, postgres://… for more than one
    /// replica [default: sqlite://latchkey.db]
    #[arg(long, env = "LATCHKEY_DATABASE_URL", value_name = "URL")]
    pub database_url: Option<Secret>,

    /// Keys that encrypt what is kept, required: `kid:base64 of 32 bytes`, comma separated. The first
    /// seals, all open. Make one with: openssl rand -base64 32
    #[arg(long, env = "LATCHKEY_SEALING_KEYS", value_name = "KEYS")]
    pub sealing_keys: Option<Secret>,

    /// Key of the Connect app: letters, digits, `.`, `-` and `_`, 64 at most [default: latchkey]
    #[arg(long, env = "LATCHKEY_APP_KEY", value_name = "KEY")]
    pub app_key: Option<String>,

    /// Name of the app as Jira shows it [default: Latchkey]
    #[arg(long, env = "LATCHKEY_APP_NAME", value_name = "NAME")]
    pub app_name: Option<String>,

    /// Key of the Jira user property that holds the API key [default: the app key]
    #[arg(long, env = "LATCHKEY_PROPERTY_KEY", value_name = "KEY")]
    pub property_key: Option<String>,

    /// Which module shows the link in an issue: `context` (jiraIssueContexts) or `glance`
    /// (jiraIssueGlances, deprecated by Atlassian) [default: context]
    #[arg(long, env = "LATCHKEY_ISSUE_MODULE", value_name = "KIND")]
    pub issue_module: Option<String>,

    /// May portal customers of Jira Service Management link: `deny` or `allow` [default: deny]
    #[arg(long, env = "LATCHKEY_CUSTOMERS", value_name = "POLICY")]
    pub customers: Option<String>,

    /// Where the public keys of lifecycle tokens are fetched, as URL/{kid}
    /// [default: https://connect-install-keys.atlassian.com]
    #[arg(long, env = "LATCHKEY_INSTALL_KEYS_URL", value_name = "URL")]
    pub install_keys_url: Option<String>,

    /// The script that connects a framed page with Jira
    /// [default: https://connect-cdn.atl-paas.net/all.js]
    #[arg(long, env = "LATCHKEY_CONNECT_JS_URL", value_name = "URL")]
    pub connect_js_url: Option<String>,

    /// Atlassian's authorization server for acting as a user
    /// [default: https://oauth-2-authorization-server.services.atlassian.com]
    #[arg(long, env = "LATCHKEY_IMPERSONATION_URL", value_name = "URL")]
    pub impersonation_url: Option<String>,

    /// Hosts that a tenant's base URL may have, comma separated; `*.` stands for any subdomain
    /// [default: *.atlassian.net,*.jira.com]
    #[arg(long, env = "LATCHKEY_SITE_HOSTS", value_name = "HOSTS")]
    pub site_hosts: Option<String>,

    /// Allow plain http for loopback addresses and *.localhost: `true` or `false`. For demonstrations
    /// and tests only [default: false]
    #[arg(long, global = true, env = "LATCHKEY_ALLOW_LOOPBACK_HTTP", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", hide_env_values = true)]
    pub allow_loopback_http: Option<String>,

    /// Name of the service as people know it, required unless LATCHKEY_PROVIDER names a known one
    #[arg(long, env = "LATCHKEY_PROVIDER_NAME", value_name = "NAME")]
    pub provider_name: Option<String>,

    /// OpenID Connect issuer of the service; its endpoints come from discovery
    #[arg(long, env = "LATCHKEY_PROVIDER_ISSUER", value_name = "URL")]
    pub provider_issuer: Option<String>,

    /// Authorization endpoint, where there is no discovery
    #[arg(long, env = "LATCHKEY_PROVIDER_AUTHORIZE_URL", value_name = "URL")]
    pub provider_authorize_url: Option<String>,

    /// Token endpoint, where there is no discovery
    #[arg(long, env = "LATCHKEY_PROVIDER_TOKEN_URL", value_name = "URL")]
    pub provider_token_url: Option<String>,

    /// Revocation endpoint (RFC 7009), where there is no discovery
    #[arg(long, env = "LATCHKEY_PROVIDER_REVOKE_URL", value_name = "URL")]
    pub provider_revoke_url: Option<String>,

    /// Endpoint that tells whose access token it is, where there is no discovery: JSON with `sub` or
    /// `id`, and a name
    #[arg(long, env = "LATCHKEY_PROVIDER_IDENTITY_URL", value_name = "URL")]
    pub provider_identity_url: Option<String>,

    /// Client id that the service gave this app, required
    #[arg(long, env = "LATCHKEY_PROVIDER_CLIENT_ID", value_name = "ID")]
    pub provider_client_id: Option<String>,

    /// Client secret that the service gave this app, required. Prefer the variable: flags can be seen
    /// by every user of the machine
    #[arg(long, env = "LATCHKEY_PROVIDER_CLIENT_SECRET", value_name = "SECRET")]
    pub provider_client_secret: Option<Secret>,

    /// What to ask the service for [default: what LATCHKEY_PROVIDER needs, or openid profile
    /// offline_access]
    #[arg(long, env = "LATCHKEY_PROVIDER_SCOPES", value_name = "SCOPES")]
    pub provider_scopes: Option<String>,

    /// A service whose habits are known, like `github`: see docs/services.md. Whatever else is set wins
    /// [default: oidc]
    #[arg(long, env = "LATCHKEY_PROVIDER", value_name = "SERVICE")]
    pub provider: Option<String>,

    /// How this app proves itself at the token endpoint: `basic` or `body` (in the form)
    /// [default: what the service says, or basic]
    #[arg(long, env = "LATCHKEY_PROVIDER_CLIENT_AUTH", value_name = "METHOD")]
    pub provider_client_auth: Option<String>,

    /// What the API key is: `access-token` (the service's access token) or `endpoint` (minted at the
    /// key endpoint) [default: access-token]
    #[arg(long, env = "LATCHKEY_API_KEY_FROM", value_name = "SOURCE")]
    pub api_key_from: Option<String>,

    /// The key endpoint, with `endpoint`: POST mints {"apiKey","expiresAt","id"}, DELETE /{id} revokes
    #[arg(long, env = "LATCHKEY_API_KEY_URL", value_name = "URL")]
    pub api_key_url: Option<String>,

    /// Points an hour that Jira grants this app over all sites: a write costs 1, reading a person 3
    /// [default: 65000]
    #[arg(long, env = "LATCHKEY_JIRA_QUOTA", value_name = "POINTS")]
    pub jira_quota: Option<String>,

    /// Per cent of these points that renewals may use; the rest is for people who wait [default: 80]
    #[arg(long, env = "LATCHKEY_JIRA_RENEWAL_SHARE", value_name = "PERCENT")]
    pub jira_renewal_share: Option<String>,

    /// Writes a second to one site, for each replica. Jira allows 50, and shares them among all apps
    /// [default: 20]
    #[arg(long, env = "LATCHKEY_JIRA_BURST", value_name = "CALLS")]
    pub jira_burst: Option<String>,

    /// Renewals under way at once, for each replica [default: 32]
    #[arg(long, env = "LATCHKEY_PROVIDER_CONCURRENCY", value_name = "NUMBER")]
    pub provider_concurrency: Option<String>,

    /// Token requests a second, over all replicas, 1 to 1000; none means no limit
    #[arg(long, env = "LATCHKEY_PROVIDER_RATE", value_name = "REQUESTS")]
    pub provider_rate: Option<String>,

    /// Seconds that a refresh token of the service lives unused, where the service does not say so with
    /// its tokens. Keys are renewed before
    #[arg(long, env = "LATCHKEY_PROVIDER_GRANT_IDLE", value_name = "SECONDS")]
    pub provider_grant_idle: Option<String>,

    /// Seconds after which the service wants a person's consent again, whatever was renewed since. They
    /// are told days before
    #[arg(long, env = "LATCHKEY_PROVIDER_GRANT_LIFE", value_name = "SECONDS")]
    pub provider_grant_life: Option<String>,

    /// With `minted`: for whom keys are good, required; they say so as `aud`
    #[arg(long, env = "LATCHKEY_MINTED_AUDIENCE", value_name = "AUDIENCE")]
    pub minted_audience: Option<String>,

    /// With `minted`: what keys are good for, separated by spaces; they say so as `scope`
    #[arg(long, env = "LATCHKEY_MINTED_SCOPES", value_name = "SCOPES")]
    pub minted_scopes: Option<String>,

    /// With `minted`: how long keys live, 60 to 86400 seconds [default: 3600]
    #[arg(long, env = "LATCHKEY_MINTED_LIFE", value_name = "SECONDS")]
    pub minted_life: Option<String>,

    /// With `minted`: after how long another key signs, 600 to 31536000 seconds [default: 2592000, 30 days]
    #[arg(long, env = "LATCHKEY_MINTED_KEY_ROTATION", value_name = "SECONDS")]
    pub minted_key_rotation: Option<String>,

    /// With `minted`: what your service authenticates with when it asks whether a key is still good, 16
    /// characters or more; none means that nobody can ask
    #[arg(long, env = "LATCHKEY_INTROSPECTION_SECRET", value_name = "SECRET")]
    pub introspection_secret: Option<Secret>,

    /// What stands in the user property: `key`, `handle` (everything but the key, which frames of this app
    /// fetch) or `sealed` (the key encrypted to a public key of yours) [default: key]
    #[arg(long, env = "LATCHKEY_PROPERTY", value_name = "WHAT")]
    pub property: Option<String>,

    /// With `sealed`: the public key, as JWK or PEM, of P-256 or X25519
    #[arg(long, env = "LATCHKEY_PROPERTY_PUBLIC_KEY", value_name = "KEY")]
    pub property_public_key: Option<String>,

    /// What to log, as a tracing filter [default: info]
    #[arg(long, env = "LATCHKEY_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// How to log: `text` or `json` [default: text]
    #[arg(long, env = "LATCHKEY_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

impl Settings {
    /// Makes every setting good for each subcommand, and keeps the values of the environment, some of
    /// which are secrets, out of the help.
    #[must_use]
    pub fn on(command: clap::Command) -> clap::Command {
        command.mut_args(|argument| argument.global(true).hide_env_values(true))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(…)")
    }
}

/// The settings as types. Everything in it has been checked.
#[derive(Clone)]
pub struct Config {
    /// Where people and Jira reach this app.
    pub base_url: BaseUrl,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where `/metrics` is served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Whom to believe about where a request comes from.
    pub trusted_proxies: Proxies,
    /// Which database.
    pub database: Database,
    /// At least one; the first seals.
    pub sealing_keys: Vec<SealingKey>,
    /// Key of the Connect app.
    pub app_key: String,
    /// Name of the app in Jira.
    pub app_name: String,
    /// Key of the user property.
    pub property_key: String,
    /// Which module stands in the issue.
    pub issue_module: IssueModule,
    /// Whether portal customers may link.
    pub customers: Customers,
    /// Without a slash at its end, as all URLs here.
    pub install_keys_url: String,
    /// The Connect bridge.
    pub connect_js_url: Url,
    /// Atlassian's JWT bearer grant.
    pub impersonation_url: String,
    /// Hosts of tenants.
    pub site_hosts: SiteHosts,
    /// Plain http on loopback.
    pub allow_loopback_http: bool,
    /// The service.
    pub provider: ProviderConfig,
    /// What may be asked of Jira.
    pub jira_limits: JiraLimits,
    /// What may be asked of the service.
    pub service_limits: ServiceLimits,
    /// How to log.
    pub log: LogConfig,
    /// What is signed here, where keys are.
    pub minted: Option<Minted>,
    /// What stands in the user property.
    pub property: PropertyMode,
}

/// Says no more than its name, so that a `Result` of it can be unwrapped in tests.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config(…)")
    }
}

/// The public URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    origin: String,
    path: String,
}

impl BaseUrl {
    /// The whole URL without a slash at its end. It is `baseUrl` of the descriptor and the audience of
    /// lifecycle tokens.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path in front of every route: empty, or `/` and more, without a slash at its end.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Proxies that are believed when they say where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Whether this is the address of one.
    #[must_use]
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Which database holds everything.
#[derive(Clone)]
pub enum Database {
    /// A file on this machine.
    Sqlite(String),
    /// A server; its address may hold a password.
    Postgres(Secret),
}

/// Which module of Jira shows the link in an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueModule {
    /// `jiraIssueContexts`.
    Context,
    /// `jiraIssueGlances`, deprecated.
    Glance,
}

/// Whether portal customers of Jira Service Management may link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customers {
    /// They are refused.
    Deny,
    /// They are treated like everybody else.
    Allow,
}

/// The service and how it is reached.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Its habits.
    pub known: &'static Known,
    /// As people know it.
    pub name: String,
    /// Discovery, where there is some. The addresses below then override what it finds.
    pub issuer: Option<String>,
    /// Authorization endpoint.
    pub authorize_url: Option<Url>,
    /// Token endpoint.
    pub token_url: Option<Url>,
    /// Revocation endpoint.
    pub revoke_url: Option<Url>,
    /// Identity endpoint.
    pub identity_url: Option<Url>,
    /// Client registration.
    pub client_id: String,
    /// Client registration.
    pub client_secret: Secret,
    /// How it proves that it is this client. None: as the service's metadata says, or else basic.
    pub client_auth: Option<ClientAuth>,
    /// Separated by spaces.
    pub scopes: String,
    /// Where API keys come from.
    pub api_key: ApiKeySource,
    /// How long a refresh token lives unused where the service does not say, in seconds.
    pub grant_idle: Option<Seconds>,
    /// After how long a person has to consent again, in seconds.
    pub grant_life: Option<Seconds>,
}

/// What may be asked of Jira.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JiraLimits {
    /// Points an hour over all sites.
    pub quota: i64,
    /// How many of them renewals may use.
    pub renewal: i64,
    /// Writes a second to one site.
    pub burst: u32,
}

/// What may be asked of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Renewals under way at once in this process.
    pub concurrency: usize,
    /// Token requests a second over all replicas.
    pub rate: Option<u32>,
}

/// Where the API key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeySource {
    /// It is the service's access token.
    AccessToken,
    /// It is minted at this address with the access token.
    Endpoint(Url),
    /// It is signed here.
    Minted,
}

/// What is signed here.
#[derive(Clone)]
pub struct Minted {
    /// For whom.
    pub audience: String,
    /// What for, separated by spaces.
    pub scopes: Option<String>,
    /// How long it lives, in seconds.
    pub life: Seconds,
    /// After how long another key signs, in seconds.
    pub rotation: Seconds,
    /// What whoever introspects must know.
    pub introspection_secret: Option<Secret>,
}

/// What stands in the user property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyMode {
    /// The key.
    Key,
    /// Everything but the key.
    Handle,
    /// The key, encrypted to this public key.
    Sealed(PublicKey),
}

/// The hosts that a tenant's base URL may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteHosts(Vec<String>);

impl SiteHosts {
    /// Whether `host`, in lower case, is one of them. `*.` stands for one or more labels.
    #[must_use]
    pub fn allow(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| match pattern.strip_prefix("*.") {
                Some(domain) => host
                    .strip_suffix(domain)
                    .and_then(|sub| sub.strip_suffix('.'))
                    .is_some_and(|sub| !sub.is_empty()),
                None => host == pattern,
            })
    }

    /// The patterns, which are also the host sources of a CSP.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether a host is this machine: a loopback address, `localhost` or a name under it (RFC 6761).
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

impl Config {
    /// Reads settings by the names of their variables, for programs that do not come from a command
    /// line. An unknown name is an error of the programmer.
    ///
    /// # Panics
    /// On a name that is no setting.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Invalid> {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            settings: Settings,
        }
        let arguments = pairs.into_iter().map(|(name, value)| {
            let flag = name
                .strip_prefix("LATCHKEY_")
                .unwrap_or(name)
                .to_lowercase()
                .replace('_', "-");
            format!("--{flag}={value}")
        });
        let line = Line::try_parse_from(std::iter::once("latchkey".to_owned()).chain(arguments))
            .expect("only names of settings are given");
        Self::read(line.settings)
    }

    /// Checks every setting.
    pub fn read(settings: Settings) -> Result<Self, Invalid> {
        let loopback = read_bool(
            "LATCHKEY_ALLOW_LOOPBACK_HTTP",
            settings.allow_loopback_http.as_deref(),
        )?;
        let urls = Urls { loopback };
        let app_key = given(settings.app_key).unwrap_or_else(|| "latchkey".to_owned());
        // Atlassian's pattern for app keys.
        if app_key.len() > 64
            || !app_key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            return Err(malformed(
                "LATCHKEY_APP_KEY",
                "at most 64 letters, digits, dots, hyphens and underscores",
            ));
        }
        let property_key = given(settings.property_key).unwrap_or_else(|| app_key.clone());
        if property_key.chars().count() > 255
            || property_key
                .chars()
                .any(|c| c.is_control() || "/?#%".contains(c))
            // Dots alone would be a step in the path it becomes part of.
            || property_key.chars().all(|c| c == '.')
        {
            return Err(malformed(
                "LATCHKEY_PROPERTY_KEY",
                "at most 255 characters, none of them a slash, `?`, `#` or `%`",
            ));
        }
        let base_url = urls.required(
            "LATCHKEY_BASE_URL",
            settings.base_url,
            "the public https URL of this app, like https://latchkey.example.com",
        )?;
        // The router reads these as patterns.
        if base_url.path().contains("/:") || base_url.path().contains("/*") {
            return Err(malformed(
                "LATCHKEY_BASE_URL",
                "a URL without a colon or a star at the beginning of a step of its path",
            ));
        }
        Ok(Self {
            base_url: BaseUrl {
                origin: base_url.origin().ascii_serialization(),
                path: base_url.path().trim_end_matches('/').to_owned(),
            },
            listen: read_address("LATCHKEY_LISTEN", given(settings.listen))?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            metrics_listen: read_address(
                "LATCHKEY_METRICS_LISTEN",
                given(settings.metrics_listen),
            )?,
            trusted_proxies: read_proxies(given(settings.trusted_proxies))?,
            database: read_database(given_secret(settings.database_url))?,
            sealing_keys: read_sealing_keys(given_secret(settings.sealing_keys))?,
            app_key,
            app_name: given(settings.app_name).unwrap_or_else(|| "Latchkey".to_owned()),
            property_key,
            issue_module: match given(settings.issue_module).as_deref() {
                None | Some("context") => IssueModule::Context,
                Some("glance") => IssueModule::Glance,
                Some(_) => return Err(malformed("LATCHKEY_ISSUE_MODULE", "`context` or `glance`")),
            },
            customers: match given(settings.customers).as_deref() {
                None | Some("deny") => Customers::Deny,
                Some("allow") => Customers::Allow,
                Some(_) => return Err(malformed("LATCHKEY_CUSTOMERS", "`deny` or `allow`")),
            },
            install_keys_url: urls.prefix(
                "LATCHKEY_INSTALL_KEYS_URL",
                settings.install_keys_url,
                "https://connect-install-keys.atlassian.com",
            )?,
            connect_js_url: urls
                .optional("LATCHKEY_CONNECT_JS_URL", settings.connect_js_url)?
                .map_or_else(
                    || {
                        urls.parse(
                            "LATCHKEY_CONNECT_JS_URL",
                            "https://connect-cdn.atl-paas.net/all.js",
                        )
                    },
                    Ok,
                )?,
            impersonation_url: urls.prefix(
                "LATCHKEY_IMPERSONATION_URL",
                settings.impersonation_url,
                "https://oauth-2-authorization-server.services.atlassian.com",
            )?,
            site_hosts: read_site_hosts(given(settings.site_hosts))?,
            allow_loopback_http: loopback,
            minted: match given(settings.api_key_from.clone()).as_deref() {
                Some("minted") => Some(Minted::read(
                    settings.minted_audience,
                    settings.minted_scopes,
                    settings.minted_life,
                    settings.minted_key_rotation,
                    settings.introspection_secret,
                )?),
                _ => None,
            },
            property: PropertyMode::read(settings.property, settings.property_public_key)?,
            provider: ProviderConfig::read(
                &urls,
                Registration {
                    known: settings.provider,
                    name: settings.provider_name,
                    issuer: settings.provider_issuer,
                    authorize_url: settings.provider_authorize_url,
                    token_url: settings.provider_token_url,
                    revoke_url: settings.provider_revoke_url,
                    identity_url: settings.provider_identity_url,
                    client_id: settings.provider_client_id,
                    client_secret: settings.provider_client_secret,
                    client_auth: settings.provider_client_auth,
                    scopes: settings.provider_scopes,
                    api_key_from: settings.api_key_from,
                    api_key_url: settings.api_key_url,
                    grant_idle: settings.provider_grant_idle,
                    grant_life: settings.provider_grant_life,
                },
            )?,
            jira_limits: JiraLimits::read(
                settings.jira_quota,
                settings.jira_renewal_share,
                settings.jira_burst,
            )?,
            service_limits: ServiceLimits {
                concurrency: read_number(
                    "LATCHKEY_PROVIDER_CONCURRENCY",
                    settings.provider_concurrency,
                    1..=10_000,
                    "a number from 1 to 10000",
                )?
                .unwrap_or(32),
                rate: read_number(
                    "LATCHKEY_PROVIDER_RATE",
                    settings.provider_rate,
                    1..=1000,
                    "a number from 1 to 1000",
                )?,
            },
            log: LogConfig::read(settings.log, settings.log_format)?,
        })
    }
}

/// What a command needs that works on the database and nothing else.
#[derive(Clone)]
pub struct Upkeep {
    /// Which database.
    pub database: Database,
    /// At least one; the first seals.
    pub sealing_keys: Vec<SealingKey>,
    /// How it logs.
    pub log: LogConfig,
}

impl Upkeep {
    /// Checks the settings it takes; the others may be missing.
    pub fn read(settings: Settings) -> Result<Self, Invalid> {
        Ok(Self {
            database: read_database(given_secret(settings.database_url))?,
            sealing_keys: read_sealing_keys(given_secret(settings.sealing_keys))?,
            log: LogConfig::read(settings.log, settings.log_format)?,
        })
    }
}

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A tracing filter.
    pub filter: String,
    /// Whether it is JSON.
    pub json: bool,
}

impl LogConfig {
    fn read(filter: Option<String>, format: Option<String>) -> Result<Self, Invalid> {
        Ok(Self {
            filter: given(filter).unwrap_or_else(|| "info".to_owned()),
            json: match given(format).as_deref() {
                None | Some("text") => false,
                Some("json") => true,
                Some(_) => return Err(malformed("LATCHKEY_LOG_FORMAT", "`text` or `json`")),
            },
        })
    }
}

impl JiraLimits {
    fn read(
        quota: Option<String>,
        share: Option<String>,
        burst: Option<String>,
    ) -> Result<Self, Invalid> {
        let quota = read_number(
            "LATCHKEY_JIRA_QUOTA",
            quota,
            1..=1_000_000_000_i64,
            "points an hour, 1 or more",
        )?
        .unwrap_or(65_000);
        let share = read_number(
            "LATCHKEY_JIRA_RENEWAL_SHARE",
            share,
            1..=100,
            "per cent, from 1 to 100",
        )?
        .unwrap_or(80);
        let burst = read_number(
            "LATCHKEY_JIRA_BURST",
            burst,
            1..=1000,
            "a number from 1 to 1000",
        )?
        .unwrap_or(20);
        Ok(Self {
            quota,
            // A quota too small to be shared is for renewals: without them nothing lasts.
            renewal: (quota * share / 100).max(1),
            burst,
        })
    }
}

impl Minted {
    fn read(
        audience: Option<String>,
        scopes: Option<String>,
        life: Option<String>,
        rotation: Option<String>,
        introspection_secret: Option<Secret>,
    ) -> Result<Self, Invalid> {
        let introspection_secret = given_secret(introspection_secret);
        let short = |secret: &Secret| secret.expose().len() < SHORTEST_SECRET;
        if introspection_secret.as_ref().is_some_and(short) {
            return Err(malformed(
                "LATCHKEY_INTROSPECTION_SECRET",
                "16 characters or more that nobody can guess",
            ));
        }
        Ok(Self {
            audience: given(audience).ok_or(missing(
                "LATCHKEY_MINTED_AUDIENCE",
                "the name by which your service knows itself in tokens, as LATCHKEY_API_KEY_FROM is `minted`",
            ))?,
            scopes: given(scopes),
            life: read_number(
                "LATCHKEY_MINTED_LIFE",
                life,
                60..=86_400,
                "seconds, from 60 to 86400",
            )?
            .unwrap_or(3600),
            rotation: read_number(
                "LATCHKEY_MINTED_KEY_ROTATION",
                rotation,
                600..=31_536_000,
                "seconds, from 600 to 31536000",
            )?
            .unwrap_or(2_592_000),
            introspection_secret,
        })
    }
}

impl PropertyMode {
    fn read(mode: Option<String>, public_key: Option<String>) -> Result<Self, Invalid> {
        const PUBLIC_KEY: &str = "LATCHKEY_PROPERTY_PUBLIC_KEY";
        const SHOULD_BE: &str =
            "a public key of P-256 or X25519, as JWK or PEM, as LATCHKEY_PROPERTY is `sealed`";
        match given(mode).as_deref() {
            None | Some("key") => Ok(Self::Key),
            Some("handle") => Ok(Self::Handle),
            Some("sealed") => {
                let text = given(public_key).ok_or(missing(PUBLIC_KEY, SHOULD_BE))?;
                PublicKey::read(&text)
                    .map(Self::Sealed)
                    .ok_or(malformed(PUBLIC_KEY, SHOULD_BE))
            }
            Some(_) => Err(malformed(
                "LATCHKEY_PROPERTY",
                "`key`, `handle` or `sealed`",
            )),
        }
    }
}

struct Registration {
    known: Option<String>,
    name: Option<String>,
    issuer: Option<String>,
    authorize_url: Option<String>,
    token_url: Option<String>,
    revoke_url: Option<String>,
    identity_url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    client_auth: Option<String>,
    scopes: Option<String>,
    api_key_from: Option<String>,
    api_key_url: Option<String>,
    grant_idle: Option<String>,
    grant_life: Option<String>,
}

/// What `LATCHKEY_PROVIDER` may be.
const KNOWN: &str = "asana, auth0, bitbucket, entra, figma, github, gitlab, google, keycloak, linear, notion, okta, slack, zoom or oidc";

impl ProviderConfig {
    fn read(urls: &Urls, given_as: Registration) -> Result<Self, Invalid> {
        let known = match given(given_as.known) {
            Some(key) => Known::find(&key).ok_or(malformed("LATCHKEY_PROVIDER", KNOWN))?,
            None => &known::OIDC,
        };
        let name = given(given_as.name)
            .or_else(|| known.name.map(str::to_owned))
            .ok_or(missing(
                "LATCHKEY_PROVIDER_NAME",
                "the name of the service as people know it",
            ))?;
        // The issuer is compared as text with what the service says of itself, so it stays as given.
        let mut issuer = given(given_as.issuer);
        if let Some(issuer) = &issuer {
            urls.parse("LATCHKEY_PROVIDER_ISSUER", issuer)?;
        }
        let client_id = given(given_as.client_id);
        let mut authorize_url =
            urls.optional("LATCHKEY_PROVIDER_AUTHORIZE_URL", given_as.authorize_url)?;
        let mut token_url = urls.optional("LATCHKEY_PROVIDER_TOKEN_URL", given_as.token_url)?;
        let mut revoke_url = urls.optional("LATCHKEY_PROVIDER_REVOKE_URL", given_as.revoke_url)?;
        let mut identity_url =
            urls.optional("LATCHKEY_PROVIDER_IDENTITY_URL", given_as.identity_url)?;
        match known.endpoints.value {
            Endpoints::Discovery {
                issuer: default, ..
            } => issuer = issuer.or_else(|| default.map(str::to_owned)),
            Endpoints::Fixed {
                authorize,
                token,
                identity,
                revoke,
            } => {
                // Discovery would find nothing there, and what is set would be left out.
                if issuer.is_some() {
                    return Err(Invalid {
                        setting: "LATCHKEY_PROVIDER_ISSUER",
                        problem: "is of no use with this LATCHKEY_PROVIDER",
                        should_be: "left out, and the addresses set one by one if they are others",
                    });
                }
                let known_url = |template: &str| {
                    let id = client_id.as_deref().map(crate::outbound::encode);
                    let address = template.replace("{client_id}", &id.unwrap_or_default());
                    Url::parse(&address).ok()
                };
                authorize_url = authorize_url.or_else(|| known_url(authorize));
                token_url = token_url.or_else(|| known_url(token));
                identity_url = identity_url.or_else(|| known_url(identity));
                revoke_url = revoke_url.or_else(|| known_url(revoke?));
            }
        }
        if issuer.is_none() {
            const OR_ISSUER: &str =
                "a URL of the service, or LATCHKEY_PROVIDER_ISSUER should be given for discovery";
            if authorize_url.is_none() && token_url.is_none() && identity_url.is_none() {
                return Err(missing(
                    "LATCHKEY_PROVIDER_ISSUER",
                    "the OpenID Connect issuer of the service, or the endpoints should be given one by one",
                ));
            }
            for (url, setting) in [
                (&authorize_url, "LATCHKEY_PROVIDER_AUTHORIZE_URL"),
                (&token_url, "LATCHKEY_PROVIDER_TOKEN_URL"),
                (&identity_url, "LATCHKEY_PROVIDER_IDENTITY_URL"),
            ] {
                if url.is_none() {
                    return Err(missing(setting, OR_ISSUER));
                }
            }
        }
        let api_key_url = urls.optional("LATCHKEY_API_KEY_URL", given_as.api_key_url)?;
        let api_key = match (given(given_as.api_key_from).as_deref(), api_key_url) {
            (None | Some("access-token"), _) => ApiKeySource::AccessToken,
            (Some("endpoint"), Some(url)) => ApiKeySource::Endpoint(url),
            (Some("endpoint"), None) => {
                return Err(missing(
                    "LATCHKEY_API_KEY_URL",
                    "the URL of the key endpoint, as LATCHKEY_API_KEY_FROM is `endpoint`",
                ));
            }
            (Some("minted"), _) => ApiKeySource::Minted,
            (Some(_), _) => {
                return Err(malformed(
                    "LATCHKEY_API_KEY_FROM",
                    "`access-token`, `endpoint` or `minted`",
                ));
            }
        };
        Ok(Self {
            known,
            name,
            issuer,
            authorize_url,
            token_url,
            revoke_url,
            identity_url,
            client_id: client_id.ok_or(missing(
                "LATCHKEY_PROVIDER_CLIENT_ID",
                "the client id that the service gave this app",
            ))?,
            client_secret: given_secret(given_as.client_secret).ok_or(missing(
                "LATCHKEY_PROVIDER_CLIENT_SECRET",
                "the client secret that the service gave this app",
            ))?,
            client_auth: match given(given_as.client_auth).as_deref() {
                None => known.client_auth.value,
                Some("basic") => Some(ClientAuth::Basic),
                Some("body") => Some(ClientAuth::Body),
                Some(_) => {
                    return Err(malformed(
                        "LATCHKEY_PROVIDER_CLIENT_AUTH",
                        "`basic` or `body`",
                    ));
                }
            },
            scopes: given(given_as.scopes).unwrap_or_else(|| known.scopes.value.default.to_owned()),
            api_key,
            grant_idle: read_life("LATCHKEY_PROVIDER_GRANT_IDLE", given_as.grant_idle)?
                .or(known.grant_idle.value),
            grant_life: read_life("LATCHKEY_PROVIDER_GRANT_LIFE", given_as.grant_life)?
                .or(known.grant_life.value),
        })
    }
}

/// A span of seconds that is long enough to renew within.
fn read_life(setting: &'static str, text: Option<String>) -> Result<Option<Seconds>, Invalid> {
    read_number(
        setting,
        text,
        10..=10 * 365 * 24 * 3600,
        "a number of seconds from 10 to 315360000, ten years",
    )
}

/// An empty variable is one that was not given.
fn given(value: Option<String>) -> Option<String> {
    value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn given_secret(value: Option<Secret>) -> Option<Secret> {
    value
        .map(|text| Secret::new(text.expose().trim()))
        .filter(|text| !text.expose().is_empty())
}

fn missing(setting: &'static str, should_be: &'static str) -> Invalid {
    Invalid {
        setting,
        problem: "is missing",
        should_be,
    }
}

fn malformed(setting: &'static str, should_be: &'static str) -> Invalid {
    Invalid {
        setting,
        problem: "is malformed",
        should_be,
    }
}

/// How URLs among the settings are read.
struct Urls {
    loopback: bool,
}

impl Urls {
    fn parse(&self, setting: &'static str, text: &str) -> Result<Url, Invalid> {
        let should_be = if self.loopback {
            "an https URL without user, query or fragment, or http on a loopback host"
        } else {
            "an https URL without user, query or fragment"
        };
        let url = Url::parse(text).map_err(|_| malformed(setting, should_be))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => self.loopback && url.host().is_some_and(|host| is_loopback(&host)),
            _ => false,
        };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if secure && plain && url.has_host() {
            Ok(url)
        } else {
            Err(malformed(setting, should_be))
        }
    }

    fn optional(
        &self,
        setting: &'static str,
        text: Option<String>,
    ) -> Result<Option<Url>, Invalid> {
        given(text)
            .map(|text| self.parse(setting, &text))
            .transpose()
    }

    fn required(
        &self,
        setting: &'static str,
        text: Option<String>,
        should_be: &'static str,
    ) -> Result<Url, Invalid> {
        let text = given(text).ok_or(missing(setting, should_be))?;
        self.parse(setting, &text)
    }

    /// A URL that paths are put behind.
    fn prefix(
        &self,
        setting: &'static str,
        text: Option<String>,
        default: &str,
    ) -> Result<String, Invalid> {
        let text = given(text).unwrap_or_else(|| default.to_owned());
        self.parse(setting, &text)
            .map(|url| url.as_str().trim_end_matches('/').to_owned())
    }
}

fn read_bool(setting: &'static str, text: Option<&str>) -> Result<bool, Invalid> {
    match text.map(str::trim) {
        None | Some("" | "false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(malformed(setting, "`true` or `false`")),
    }
}

fn read_number<T: std::str::FromStr + PartialOrd>(
    setting: &'static str,
    text: Option<String>,
    range: std::ops::RangeInclusive<T>,
    should_be: &'static str,
) -> Result<Option<T>, Invalid> {
    given(text)
        .map(|text| {
            text.parse()
                .ok()
                .filter(|number| range.contains(number))
                .ok_or(malformed(setting, should_be))
        })
        .transpose()
}

fn read_address(
    setting: &'static str,
    text: Option<String>,
) -> Result<Option<SocketAddr>, Invalid> {
    text.map(|text| {
        text.parse()
            .map_err(|_| malformed(setting, "an address and a port, like 127.0.0.1:8080"))
    })
    .transpose()
}

fn read_proxies(text: Option<String>) -> Result<Proxies, Invalid> {
    let Some(text) = text else {
        return Ok(Proxies::default());
    };
    text.split(',')
        .map(|entry| {
            let entry = entry.trim();
            entry
                .parse::<IpNet>()
                .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from))
        })
        .collect::<Result<_, _>>()
        .map(Proxies)
        .map_err(|_| {
            malformed(
                "LATCHKEY_TRUSTED_PROXIES",
                "addresses and networks, comma separated, like 127.0.0.1,10.0.0.0/8",
            )
        })
}

fn read_database(url: Option<Secret>) -> Result<Database, Invalid> {
    let url = url.unwrap_or_else(|| Secret::new("sqlite://latchkey.db"));
    let text = url.expose();
    if let Some(file) = text.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        // Options that other programs write behind the file are ours to choose.
        let file = file.split('?').next().unwrap_or_default();
        // A database in memory would lose every link with the process.
        if !file.is_empty() && !file.contains(":memory:") {
            return Ok(Database::Sqlite(file.to_owned()));
        }
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Database::Postgres(url));
    }
    Err(malformed(
        "LATCHKEY_DATABASE_URL",
        "sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE",
    ))
}

fn read_sealing_keys(text: Option<Secret>) -> Result<Vec<SealingKey>, Invalid> {
    const SETTING: &str = "LATCHKEY_SEALING_KEYS";
    const SHOULD_BE: &str = "one or more `kid:base64 of 32 bytes`, comma separated, with different kids of 1 to 32 letters, digits, `-`, `_` and `.`";
    let text = text.ok_or(missing(SETTING, SHOULD_BE))?;
    let mut keys: Vec<SealingKey> = Vec::new();
    for entry in text.expose().split(',') {
        let key = entry
            .trim()
            .split_once(':')
            .filter(|(kid, _)| {
                (1..=32).contains(&kid.len())
                    && kid
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            })
            .and_then(|(kid, key)| Some((kid, Zeroizing::new(STANDARD.decode(key).ok()?))))
            .and_then(|(kid, key)| SealingKey::new(kid.to_owned(), &key))
            .filter(|key| keys.iter().all(|other| other.kid() != key.kid()))
            .ok_or(malformed(SETTING, SHOULD_BE))?;
        keys.push(key);
    }
    Ok(keys)
}

fn read_site_hosts(text: Option<String>) -> Result<SiteHosts, Invalid> {
    let text = text.unwrap_or_else(|| "*.atlassian.net,*.jira.com".to_owned());
    let hosts: Vec<String> = text
        .split(',')
        .map(|host| host.trim().to_ascii_lowercase())
        .collect();
    let plain = hosts.iter().all(|host| {
        let name = host.strip_prefix("*.").unwrap_or(host);
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
    });
    if plain {
        Ok(SiteHosts(hosts))
    } else {
        Err(malformed(
            "LATCHKEY_SITE_HOSTS",
            "host names, comma separated, like *.atlassian.net",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const GOOD: [(&str, &str); 6] = [
        ("LATCHKEY_BASE_URL", "https://latchkey.example.com/"),
        ("LATCHKEY_SEALING_KEYS", KEY),
        ("LATCHKEY_PROVIDER_NAME", "Acme"),
        ("LATCHKEY_PROVIDER_ISSUER", "https://acme.example.com"),
        ("LATCHKEY_PROVIDER_CLIENT_ID", "client"),
        ("LATCHKEY_PROVIDER_CLIENT_SECRET", "s3cret"),
    ];

    fn with<'a>(changes: &[(&'a str, &'a str)]) -> Result<Config, Invalid> {
        let kept = GOOD
            .into_iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        Config::from_pairs(kept.chain(changes.iter().copied()))
    }

    #[test]
    fn defaults_stand_where_nothing_is_said() {
        let config = with(&[]).unwrap();
        assert_eq!(config.base_url.full(), "https://latchkey.example.com");
        assert_eq!(config.base_url.path(), "");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.property_key, "latchkey");
        assert_eq!(config.provider.scopes, "openid profile offline_access");
        assert_eq!(config.issue_module, IssueModule::Context);
        assert!(!config.allow_loopback_http);
        assert_eq!(config.jira_limits.quota, 65_000);
        assert_eq!(config.jira_limits.renewal, 52_000);
        assert_eq!(config.service_limits.concurrency, 32);
        assert_eq!(config.service_limits.rate, None);
        assert!(matches!(config.database, Database::Sqlite(file) if file == "latchkey.db"));
        let config = with(&[("LATCHKEY_BASE_URL", "https://example.com/apps/key/")]).unwrap();
        assert_eq!(config.base_url.path(), "/apps/key");
    }

    #[test]
    fn each_missing_setting_is_named_in_one_line() {
        for (name, _) in GOOD {
            let error = with(&[(name, " ")]).unwrap_err();
            assert_eq!(error.setting, name);
            let line = error.to_string();
            assert!(
                line.starts_with(&format!("{name} is missing: it should be")),
                "{line}"
            );
            assert!(!line.contains('\n'));
        }
    }

    #[test]
    fn each_malformed_setting_is_named_and_its_value_is_not_repeated() {
        let bad = [
            ("LATCHKEY_BASE_URL", "http://latchkey.example.com"),
            ("LATCHKEY_BASE_URL", "http://localhost:8080"),
            ("LATCHKEY_BASE_URL", "https://user:pw@latchkey.example.com"),
            ("LATCHKEY_BASE_URL", "https://latchkey.example.com/?a=b"),
            ("LATCHKEY_BASE_URL", "latchkey"),
            ("LATCHKEY_BASE_URL", "https://latchkey.example.com/:a"),
            ("LATCHKEY_BASE_URL", "https://latchkey.example.com/a/*b"),
            ("LATCHKEY_LISTEN", "port 9"),
            ("LATCHKEY_METRICS_LISTEN", "nine"),
            ("LATCHKEY_TRUSTED_PROXIES", "proxy.example.com"),
            ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.1,"),
            ("LATCHKEY_TRUSTED_PROXIES", "*"),
            ("LATCHKEY_DATABASE_URL", "mysql://x"),
            ("LATCHKEY_DATABASE_URL", "sqlite::memory:"),
            ("LATCHKEY_SEALING_KEYS", "k1:c2hvcnQ="),
            ("LATCHKEY_SEALING_KEYS", "AAAA"),
            ("LATCHKEY_APP_KEY", "no spaces"),
            ("LATCHKEY_PROPERTY_KEY", "a/b"),
            ("LATCHKEY_PROPERTY_KEY", ".."),
            ("LATCHKEY_ISSUE_MODULE", "panel"),
            ("LATCHKEY_CUSTOMERS", "maybe"),
            ("LATCHKEY_INSTALL_KEYS_URL", "ftp://keys"),
            ("LATCHKEY_CONNECT_JS_URL", "//cdn/all.js"),
            ("LATCHKEY_IMPERSONATION_URL", "x"),
            ("LATCHKEY_SITE_HOSTS", "*.atlassian.net,"),
            ("LATCHKEY_SITE_HOSTS", "https://acme.atlassian.net"),
            ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "yes"),
            ("LATCHKEY_PROVIDER_ISSUER", "acme"),
            (
                "LATCHKEY_PROVIDER_REVOKE_URL",
                "http://acme.example.com/revoke",
            ),
            ("LATCHKEY_API_KEY_FROM", "magic"),
            ("LATCHKEY_LOG_FORMAT", "xml"),
            ("LATCHKEY_JIRA_QUOTA", "none"),
            ("LATCHKEY_JIRA_QUOTA", "-65000"),
            ("LATCHKEY_JIRA_RENEWAL_SHARE", "101"),
            ("LATCHKEY_JIRA_BURST", "0"),
            ("LATCHKEY_PROVIDER_CONCURRENCY", "1e3"),
            ("LATCHKEY_PROVIDER_RATE", "0"),
            ("LATCHKEY_PROPERTY", "secret"),
            ("LATCHKEY_PROVIDER", "GitHub Enterprise"),
            ("LATCHKEY_PROVIDER_CLIENT_AUTH", "none"),
            ("LATCHKEY_PROVIDER_GRANT_IDLE", "9"),
            ("LATCHKEY_PROVIDER_GRANT_IDLE", "30 days"),
            ("LATCHKEY_PROVIDER_GRANT_LIFE", "315360001"),
        ];
        for (name, value) in bad {
            let error = with(&[(name, value)]).unwrap_err();
            assert_eq!(error.setting, name, "{value}");
            assert!(
                !error.to_string().contains(value) || value.len() < 2,
                "{error}"
            );
        }
        let twice = format!("{KEY},{KEY}");
        assert!(with(&[("LATCHKEY_SEALING_KEYS", &twice)]).is_err());
    }

    #[test]
    fn without_discovery_the_endpoints_are_needed() {
        let some = [
            ("LATCHKEY_PROVIDER_ISSUER", ""),
            (
                "LATCHKEY_PROVIDER_AUTHORIZE_URL",
                "https://a.example.com/authorize",
            ),
            ("LATCHKEY_PROVIDER_IDENTITY_URL", "https://a.example.com/me"),
        ];
        assert_eq!(
            with(&some).unwrap_err().setting,
            "LATCHKEY_PROVIDER_TOKEN_URL"
        );
        let endpoint = [("LATCHKEY_API_KEY_FROM", "endpoint")];
        assert_eq!(with(&endpoint).unwrap_err().setting, "LATCHKEY_API_KEY_URL");
    }

    #[test]
    fn what_is_signed_here_is_for_somebody_and_for_a_while() {
        let minted = |name, value| {
            with(&[
                ("LATCHKEY_API_KEY_FROM", "minted"),
                ("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com"),
                ("LATCHKEY_INTROSPECTION_SECRET", "sixteen letters."),
                (name, value),
            ])
        };
        let config = minted("LATCHKEY_MINTED_SCOPES", "files:read").unwrap();
        assert_eq!(config.provider.api_key, ApiKeySource::Minted);
        let settings = config.minted.unwrap();
        assert_eq!((settings.life, settings.rotation), (3600, 2_592_000));
        assert_eq!(settings.scopes.as_deref(), Some("files:read"));
        for (name, value) in [
            ("LATCHKEY_MINTED_LIFE", "59"),
            ("LATCHKEY_MINTED_LIFE", "86401"),
            ("LATCHKEY_MINTED_KEY_ROTATION", "599"),
            ("LATCHKEY_MINTED_KEY_ROTATION", "31536001"),
        ] {
            assert_eq!(minted(name, value).unwrap_err().setting, name, "{value}");
        }
        for (name, value) in [
            ("LATCHKEY_MINTED_AUDIENCE", ""),
            ("LATCHKEY_INTROSPECTION_SECRET", "fifteen letters"),
        ] {
            let mut pairs = vec![("LATCHKEY_API_KEY_FROM", "minted"), (name, value)];
            if name != "LATCHKEY_MINTED_AUDIENCE" {
                pairs.push(("LATCHKEY_MINTED_AUDIENCE", "acme"));
            }
            let error = with(&pairs).unwrap_err();
            assert_eq!(error.setting, name);
            assert!(value.is_empty() || !error.to_string().contains(value));
        }
        assert!(with(&[]).unwrap().minted.is_none());
    }

    #[test]
    fn what_is_sealed_is_sealed_to_a_public_key() {
        assert_eq!(with(&[]).unwrap().property, PropertyMode::Key);
        let handle = with(&[("LATCHKEY_PROPERTY", "handle")]).unwrap();
        assert_eq!(handle.property, PropertyMode::Handle);
        let sealed = |key| {
            with(&[
                ("LATCHKEY_PROPERTY", "sealed"),
                ("LATCHKEY_PROPERTY_PUBLIC_KEY", key),
            ])
        };
        let x25519 =
            r#"{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}"#;
        assert!(matches!(
            sealed(x25519).unwrap().property,
            PropertyMode::Sealed(_)
        ));
        for key in ["", "magic", "{}"] {
            let error = sealed(key).unwrap_err();
            assert_eq!(error.setting, "LATCHKEY_PROPERTY_PUBLIC_KEY");
        }
    }

    #[test]
    fn a_known_service_fills_in_what_is_known_and_what_is_set_wins() {
        let github = [
            ("LATCHKEY_PROVIDER", "github"),
            ("LATCHKEY_PROVIDER_NAME", ""),
            ("LATCHKEY_PROVIDER_ISSUER", ""),
            ("LATCHKEY_PROVIDER_CLIENT_ID", "Iv1.8a61/9"),
        ];
        let provider = with(&github).unwrap().provider;
        assert_eq!(provider.name, "GitHub");
        assert_eq!(provider.issuer, None);
        assert_eq!(provider.scopes, "");
        assert_eq!(provider.client_auth, Some(ClientAuth::Body));
        let revoke = provider.revoke_url.map(String::from);
        assert_eq!(
            revoke.as_deref(),
            Some("https://api.github.com/applications/Iv1.8a61%2F9/token")
        );
        let set = [
            ("LATCHKEY_PROVIDER_NAME", "Our forge"),
            (
                "LATCHKEY_PROVIDER_TOKEN_URL",
                "https://forge.example.com/login/oauth/access_token",
            ),
            ("LATCHKEY_PROVIDER_SCOPES", "repo"),
            ("LATCHKEY_PROVIDER_CLIENT_AUTH", "basic"),
        ];
        let all: Vec<_> = github
            .into_iter()
            .filter(|(name, _)| *name != "LATCHKEY_PROVIDER_NAME")
            .chain(set)
            .collect();
        let provider = with(&all).unwrap().provider;
        assert_eq!(provider.name, "Our forge");
        let token = provider.token_url.map(String::from);
        assert_eq!(
            token.as_deref(),
            Some("https://forge.example.com/login/oauth/access_token")
        );
        assert_eq!(provider.scopes, "repo");
        assert_eq!(provider.client_auth, Some(ClientAuth::Basic));

        let issuer_of = |key, issuer| {
            with(&[
                ("LATCHKEY_PROVIDER", key),
                ("LATCHKEY_PROVIDER_ISSUER", issuer),
            ])
            .map(|config| config.provider.issuer)
        };
        assert_eq!(
            issuer_of("gitlab", "").unwrap().as_deref(),
            Some("https://gitlab.com")
        );
        let own = "https://gitlab.example.com";
        assert_eq!(issuer_of("gitlab", own).unwrap().as_deref(), Some(own));
        // Nobody can guess whose Okta it is, and GitHub has no metadata to discover.
        for (key, issuer) in [("okta", ""), ("github", own)] {
            let error = issuer_of(key, issuer).unwrap_err();
            assert_eq!(error.setting, "LATCHKEY_PROVIDER_ISSUER", "{key}");
        }
        for entry in known::ALL {
            assert!(KNOWN.contains(entry.key), "{}", entry.key);
        }
    }

    #[test]
    fn loopback_http_is_for_loopback_only() {
        let allowed = |url| {
            with(&[
                ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true"),
                ("LATCHKEY_BASE_URL", url),
            ])
        };
        assert!(allowed("http://localhost:8080").is_ok());
        assert!(allowed("http://latchkey.localhost:8080").is_ok());
        assert!(allowed("http://127.0.0.1:8080/base").is_ok());
        assert!(allowed("http://[::1]:8080").is_ok());
        assert!(allowed("http://latchkey.example.com").is_err());
        assert!(allowed("http://localhost.example.com").is_err());
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let config = with(&[("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/8, ::1,192.0.2.1")]).unwrap();
        let named = |text: &str| config.trusted_proxies.include(text.parse().unwrap());
        assert!(named("10.200.0.1") && named("::1") && named("192.0.2.1"));
        assert!(!named("11.0.0.1") && !named("192.0.2.2") && !named("::2"));
        let nobody = with(&[]).unwrap().trusted_proxies;
        assert!(!nobody.include("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn site_hosts_match_on_label_boundaries() {
        let hosts = read_site_hosts(None).unwrap();
        assert!(hosts.allow("acme.atlassian.net"));
        assert!(!hosts.allow("atlassian.net"));
        assert!(!hosts.allow("evilatlassian.net"));
        assert!(!hosts.allow(".atlassian.net"));
        assert!(!hosts.allow("acme.atlassian.net.evil.example"));
    }
}
