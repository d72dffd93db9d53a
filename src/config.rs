//! Every setting, declared once: its name, type, default and help.
//!
//! A field of [`Settings`] is a setting. Its name gives the flag and the environment variable (`base_url`:
//! `--base-url`, `LATCHKEY_BASE_URL`), its type defines what is well-formed, and its comment is the help.
//! [`Config`] is made from them to build the parts of the program. Missing and malformed settings stop the
//! start, all of them at once: a line for each names it, says what it should be, and repeats what was given unless
//! that may be a secret.

mod given;
mod provider;
mod rules;
mod setting;
mod wrong;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;

use clap::{Args, FromArgMatches, ValueEnum};
use url::Url;
use zeroize::Zeroizing;

use crate::atlassian::connect::descriptor::IssueModule;
use crate::atlassian::connect::{AppKey, BaseUrl, Switch};
use crate::atlassian::forge::{AppId, Environments, ForgeApp};
use crate::atlassian::jira::quota::JiraLimits;
use crate::clock::Seconds;
use crate::keys::jwe::PublicKey;
use crate::keys::property::{PropertyKey, PropertyMode};
use crate::keys::signing::KeyTerms;
use crate::linking::Customers;
use crate::listen::Listen;
use crate::log::{Filter, Format};
use crate::otlp::{Collector, CollectorUrl, Headers};
use crate::outbound::{Addresses, Certificate};
use crate::proxies::Proxies;
use crate::secret::Secret;
use crate::service::es256::{PrivateKey, PrivateKeys};
use crate::service::known::{ClientAuth, Endpoints, Known, OIDC};
use crate::service::pace::ServiceLimits;
use crate::service::registration::{
    AssertionAudience, Parameters, ProviderConfig, Resources, ServiceLooks,
};
use crate::sites::SiteHosts;
use crate::store::{Database, MostConnections};
use crate::vault::{SealingKey, SealingKeys};
use crate::vendor::ActAs;
use crate::webhooks::{Destination, SigningSecrets};

use given::{Given, files_of_secrets, variable};
use setting::{
    Choice, LongSecret, LongSecrets, PageUrl, Sentence, ServerUrl, Setting, Span, Whole,
};
use wrong::{Reading, each_field};

pub use given::line_of;
pub use setting::Invalid;
pub use wrong::Wrong;

/// The settings from the command line and the environment.
#[derive(Args, Clone)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Public https URL of this app, required. If it has a path, everything is served under it
    #[arg(long, value_name = "URL")]
    base_url: Setting<ServerUrl>,

    /// Address to serve on, or unix:/PATH for a Unix socket. Put TLS in front of it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: Setting<Listen>,

    /// Seconds for which requests are still served after a stop was asked for, while /readyz answers 503: so
    /// that a load balancer sends them elsewhere. Part of the ten seconds that a stop takes
    #[arg(long, value_name = "SECONDS", default_value = "3")]
    drain: Setting<Span<0, 8>>,

    /// Second address, which serves /metrics in the Prometheus text format. Keep it private [default: off]
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Setting<SocketAddr>,

    /// Proxies in front whose X-Forwarded-For is trusted: addresses and networks, comma separated, like
    /// 127.0.0.1,10.0.0.0/8 [default: none]
    #[arg(long, value_name = "ADDRESSES")]
    trusted_proxies: Setting<Proxies>,

    /// Database: sqlite://FILE for one machine, postgres://… for more than one replica
    #[arg(long, value_name = "URL", default_value = "sqlite://latchkey.db")]
    database_url: Setting<Database>,

    /// Most connections of one replica to PostgreSQL: 3 or more, the sign of life included
    #[arg(long, value_name = "NUMBER", default_value = "16")]
    database_connections: Setting<MostConnections>,

    /// Keys that encrypt the database, required: `kid:base64 of 32 bytes`, comma separated. The first key
    /// encrypts, all decrypt. Make one with: openssl rand -base64 32
    #[arg(long, value_name = "KEYS")]
    sealing_keys: Setting<SealingKeys>,

    /// Whether the Connect door is open: `off` closes it, once all sites have moved to Forge
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    connect: Setting<Choice<Switch>>,

    /// Key of the Connect app: at most 64 letters, digits, `.`, `-` and `_`
    #[arg(long, value_name = "KEY", default_value = "latchkey")]
    app_key: Setting<AppKey>,

    /// Name of the app in Jira
    #[arg(long, value_name = "NAME", default_value = "Latchkey")]
    app_name: Setting<String>,

    /// Key of the Jira user property that holds the API key [default: the app key]
    #[arg(long, value_name = "KEY")]
    property_key: Setting<PropertyKey>,

    /// Module that shows the link in an issue
    #[arg(long, value_name = "KIND", default_value = "context")]
    issue_module: Setting<Choice<IssueModule>>,

    /// Whether portal customers of Jira Service Management may link
    #[arg(long, value_name = "POLICY", default_value = "deny")]
    customers: Setting<Choice<Customers>>,

    /// Id of the Forge app: its uuid, or the ARI that ends in it [default: none, and the Forge door is closed]
    #[arg(long, value_name = "ID")]
    forge_app_id: Setting<AppId>,

    /// Environments of the Forge app whose calls are accepted, required with its id: uuids, comma separated
    #[arg(long, value_name = "IDS")]
    forge_environments: Setting<Environments>,

    /// Where the public keys of Forge's invocation tokens are
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json"
    )]
    forge_keys_url: Setting<ServerUrl>,

    /// Atlassian's API, where the Jira of a Forge tenant is called
    #[arg(long, value_name = "URL", default_value = "https://api.atlassian.com")]
    atlassian_api_url: Setting<ServerUrl>,

    /// Where the public keys of lifecycle tokens are fetched, as URL/{kid}
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://connect-install-keys.atlassian.com"
    )]
    install_keys_url: Setting<ServerUrl>,

    /// The script that connects a framed page with Jira
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://connect-cdn.atl-paas.net/all.js"
    )]
    connect_js_url: Setting<ServerUrl>,

    /// Atlassian's authorization server for acting as a user
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://oauth-2-authorization-server.services.atlassian.com"
    )]
    impersonation_url: Setting<ServerUrl>,

    /// Hosts that a tenant's base URL may have, comma separated. `*.` matches any subdomain
    #[arg(
        long,
        value_name = "HOSTS",
        default_value = "*.atlassian.net,*.jira.com"
    )]
    site_hosts: Setting<SiteHosts>,

    /// Allow plain http for loopback addresses and *.localhost: `true` or `false`. Only for demonstrations
    /// and tests
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        default_value = "false"
    )]
    allow_loopback_http: Setting<bool>,

    /// Known service, like `github` (see docs/services.md). Other settings override what is known about it
    #[arg(long, value_name = "SERVICE", default_value = "oidc")]
    provider: Setting<&'static Known>,

    /// Name of the service as people know it, required unless LATCHKEY_PROVIDER names a known service
    #[arg(long, value_name = "NAME")]
    provider_name: Setting<String>,

    /// Picture of the service, which people see while they connect: an https URL [default: none]
    #[arg(long, value_name = "URL")]
    provider_logo_url: Setting<PageUrl>,

    /// What connecting gives people, in one sentence of at most 160 characters [default: a sentence with the name of
    /// the service]
    #[arg(long, value_name = "SENTENCE")]
    provider_purpose: Setting<Sentence>,

    /// Where people ask for help [default: none]
    #[arg(long, value_name = "URL")]
    provider_support_url: Setting<PageUrl>,

    /// Where people read what happens with their data [default: none]
    #[arg(long, value_name = "URL")]
    provider_privacy_url: Setting<PageUrl>,

    /// OpenID Connect issuer of the service. Discovery finds the endpoints there
    #[arg(long, value_name = "URL")]
    provider_issuer: Setting<ServerUrl>,

    /// Authorization endpoint, if there is no discovery
    #[arg(long, value_name = "URL")]
    provider_authorize_url: Setting<ServerUrl>,

    /// Token endpoint, if there is no discovery
    #[arg(long, value_name = "URL")]
    provider_token_url: Setting<ServerUrl>,

    /// Revocation endpoint (RFC 7009), if there is no discovery
    #[arg(long, value_name = "URL")]
    provider_revoke_url: Setting<ServerUrl>,

    /// Endpoint that says whose access token it is, if there is no discovery: JSON with `sub` or `id`, and
    /// a name
    #[arg(long, value_name = "URL")]
    provider_identity_url: Setting<ServerUrl>,

    /// Where authorization requests are pushed (RFC 9126), if there is no discovery
    #[arg(long, value_name = "URL")]
    provider_par_url: Setting<ServerUrl>,

    /// Client id that the service gave this app, required
    #[arg(long, value_name = "ID")]
    provider_client_id: Setting<String>,

    /// Client secret that the service gave this app, required unless something else proves which client this is.
    /// Prefer the variable: every user of the machine can see flags
    #[arg(long, value_name = "SECRET")]
    provider_client_secret: Setting<Secret>,

    /// With `private_key_jwt`: private key on P-256 as PEM, or two while one takes the place of the other: the first
    /// signs, and both are published, required
    #[arg(long, value_name = "KEYS")]
    provider_client_key: Setting<PrivateKeys>,

    /// With `private_key_jwt`: whom assertions are for [default: the issuer, or the token endpoint if there is none]
    #[arg(long, value_name = "AUDIENCE")]
    provider_client_audience: Setting<Choice<AssertionAudience>>,

    /// With `tls`: client certificate, the ones that vouch for it, and its private key, all as PEM, required
    #[arg(long, value_name = "CERTIFICATE")]
    provider_client_certificate: Setting<Certificate>,

    /// Private key on P-256 as PEM to which access tokens are bound by DPoP [default: none, and they are not bound]
    #[arg(long, value_name = "KEY")]
    provider_dpop_key: Setting<PrivateKey>,

    /// Scopes to ask the service for, separated by spaces [default: what LATCHKEY_PROVIDER needs, or openid
    /// profile offline_access]
    #[arg(long, value_name = "SCOPES")]
    provider_scopes: Setting<String>,

    /// Resources that access tokens are for (RFC 8707): URIs, separated by spaces [default: none are named]
    #[arg(long, value_name = "URIS")]
    provider_resource: Setting<Resources>,

    /// More parameters of the authorization request, like a=b&c=d [default: what LATCHKEY_PROVIDER needs]
    #[arg(long, value_name = "PARAMETERS")]
    provider_authorize_params: Setting<Parameters>,

    /// How this app authenticates at the token endpoint [default: what the service says, or basic]
    #[arg(long, value_name = "METHOD")]
    provider_client_auth: Setting<Choice<ClientAuth>>,

    /// Most renewals at once, for each replica
    #[arg(long, value_name = "NUMBER", default_value = "32")]
    provider_concurrency: Setting<Whole<1, 10_000>>,

    /// Most token requests a second over all replicas, 1 to 1000 [default: no limit]
    #[arg(long, value_name = "REQUESTS")]
    provider_rate: Setting<Whole<1, 1000>>,

    /// Seconds that a refresh token lives unused, if the service does not say so with its tokens. Keys are
    /// renewed before [default: what is known of LATCHKEY_PROVIDER]
    #[arg(long, value_name = "SECONDS")]
    provider_grant_idle: Setting<Life>,

    /// Seconds after which the service wants a person's consent again, however often keys were renewed.
    /// People are told days before [default: what is known of LATCHKEY_PROVIDER]
    #[arg(long, value_name = "SECONDS")]
    provider_grant_life: Setting<Life>,

    /// Where the API key comes from
    #[arg(long, value_name = "SOURCE", default_value = "access-token")]
    api_key_from: Setting<Choice<ApiKeyFrom>>,

    /// With `endpoint`: the key endpoint, required. POST issues {"apiKey","expiresAt","id"}, DELETE /{id}
    /// revokes
    #[arg(long, value_name = "URL")]
    api_key_url: Setting<ServerUrl>,

    /// With `minted`: audience of signed keys (`aud`), required
    #[arg(long, value_name = "AUDIENCE")]
    minted_audience: Setting<String>,

    /// With `minted`: scopes of signed keys (`scope`), separated by spaces [default: none]
    #[arg(long, value_name = "SCOPES")]
    minted_scopes: Setting<String>,

    /// With `minted`: seconds that signed keys live, 60 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    minted_life: Setting<Span<60, 86_400>>,

    /// With `minted`: seconds after which the next key signs, 600 to 31536000. The default is 30 days
    #[arg(long, value_name = "SECONDS", default_value = "2592000")]
    minted_key_rotation: Setting<Span<600, 31_536_000>>,

    /// The older name of LATCHKEY_SERVICE_SECRET, for one secret [default: none]
    #[arg(long, value_name = "SECRET")]
    introspection_secret: Setting<LongSecret>,

    /// Secrets with which your own servers ask about links, one or, while it is replaced, two, comma separated, of 16
    /// characters or more [default: none, and that side is closed]
    #[arg(long, value_name = "SECRETS")]
    service_secret: Setting<LongSecrets>,

    /// May those servers act in Jira as the person of a link
    #[arg(long, value_name = "POWER", default_value = "off")]
    act_as: Setting<Choice<ActAs>>,

    /// Where your own servers are told when a link begins, ends or needs its person, by webhook [default: none, and
    /// nobody is told]
    #[arg(long, value_name = "URL")]
    webhook_url: Setting<ServerUrl>,

    /// Secrets that sign these webhooks, required with their URL: one, or, while it is replaced, two, comma separated, like
    /// whsec_ and the base64 of 32 random bytes
    #[arg(long, value_name = "SECRETS")]
    webhook_secret: Setting<SigningSecrets>,

    /// What the user property holds
    #[arg(long, value_name = "WHAT", default_value = "key")]
    property: Setting<Choice<PropertyHolds>>,

    /// With `sealed`: your public key of P-256 or X25519, as JWK or PEM, required
    #[arg(long, value_name = "KEY")]
    property_public_key: Setting<PublicKey>,

    /// Points an hour that Jira grants this app over all sites. A write costs 1, reading a person 3
    #[arg(long, value_name = "POINTS", default_value = "65000")]
    jira_quota: Setting<Whole<1, 1_000_000_000>>,

    /// Per cent of these points that renewals may use. The rest is for people who wait
    #[arg(long, value_name = "PERCENT", default_value = "80")]
    jira_renewal_share: Setting<Whole<1, 100>>,

    /// Most writes a second to one site, for each replica. Jira allows 50, shared by all apps
    #[arg(long, value_name = "CALLS", default_value = "20")]
    jira_burst: Setting<Whole<1, 1000>>,

    /// Addresses from which this server calls Jira, comma separated, like 192.0.2.7,2001:db8::/64. The admin page
    /// shows them to admins who have an IP allowlist [default: none are shown]
    #[arg(long, value_name = "ADDRESSES")]
    outbound_addresses: Setting<Addresses>,

    /// Days for which the admins of a site can see what happened there, 1 to 3650
    #[arg(long, value_name = "DAYS", default_value = "90")]
    events_days: Setting<Whole<1, 3650>>,

    /// What to log, as a tracing filter
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: Setting<Filter>,

    /// How to write the log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: Setting<Choice<Format>>,

    /// Collector that gets traces and metrics by OTLP (protobuf over HTTP), without /v1/traces, like
    /// http://127.0.0.1:4318 [default: none, and nothing is sent]
    #[arg(long, value_name = "URL")]
    otlp_url: Setting<CollectorUrl>,

    /// Headers for the collector, comma separated, like api-key=… [default: none]
    #[arg(long, value_name = "HEADERS")]
    otlp_headers: Setting<Headers>,

    /// Per cent of requests and renewals that are traced
    #[arg(long, value_name = "PERCENT", default_value = "100")]
    otlp_traces: Setting<Whole<0, 100>>,

    /// Seconds between two reports of the metrics, 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    otlp_interval: Setting<Span<1, 3600>>,

    /// File of settings, one NAME=value in a line. Flags and environment variables win over it [default: none]
    #[arg(long, value_name = "FILE")]
    env_file: Setting<String>,

    /// Where the texts come from.
    #[arg(skip)]
    given: Given,
}

/// How long a grant lives: at least long enough to renew within, and at most ten years.
type Life = Span<10, { 10 * 365 * 24 * 3600 }>;

/// Where the API key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ApiKeyFrom {
    /// It is the service's access token.
    AccessToken,
    /// The service's key endpoint issues it.
    Endpoint,
    /// Latchkey signs it.
    Minted,
}

/// What the user property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PropertyHolds {
    /// The API key.
    Key,
    /// Everything but the API key, which frames of this app fetch.
    Handle,
    /// The API key, encrypted to your public key.
    Sealed,
}

impl Settings {
    /// Gives each setting its environment variable, lets secrets be in files, and makes all of that valid for all
    /// subcommands. Call it on a command whose only arguments are settings. Values of variables stay out of the
    /// help, because some are secrets.
    #[must_use]
    pub fn on(command: clap::Command) -> clap::Command {
        let ids = ids_of(&command);
        command.args(files_of_secrets(&ids)).mut_args(|argument| {
            let variable = variable(argument.get_id().as_str());
            let argument = argument.env(variable).hide_env_values(true).global(true);
            if argument.get_default_values().is_empty() {
                // A blank text counts as not given, and even a blank setting knows its name.
                let argument = argument.required(false).default_value("");
                argument.hide_default_value(true)
            } else {
                argument
            }
        })
    }

    /// Parses a command line whose command has these settings: first to learn which files hold settings, and then
    /// with what they hold.
    ///
    /// # Errors
    /// When the command line is malformed, and when it asks for help.
    pub fn parse<T: FromArgMatches>(
        command: &clap::Command,
        line: &[OsString],
        settings: impl FnOnce(&mut T) -> &mut Self,
    ) -> Result<T, clap::Error> {
        let command = Self::on(command.clone());
        let given = Given::read(&command.clone().try_get_matches_from(line)?);
        let command = command.mut_args(|argument| {
            // `Given` has read the variables.
            let name = variable(argument.get_id().as_str());
            let argument = argument.env(None);
            match given.text(&name) {
                Some(text) => argument.default_value(text.expose().to_owned()),
                None => argument,
            }
        });
        let mut parsed = T::from_arg_matches(&command.try_get_matches_from(line)?)?;
        settings(&mut parsed).given = given;
        Ok(parsed)
    }

    /// What an operator should know about where settings come from, a line each: files that others can read, and
    /// names that are none of a setting.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        self.given.notices()
    }

    /// The texts that were given, by the names of their variables, and with them the names of files that hold secrets.
    pub fn texts(&self) -> impl Iterator<Item = (String, Zeroizing<String>)> {
        self.given.texts()
    }

    /// The names of the settings whose texts are others than before.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let names = Self::names().into_iter();
        names
            .filter(|name| self.given.differs(&before.given, name))
            .collect()
    }

    fn ids() -> Vec<String> {
        ids_of(&Self::augment_args(clap::Command::new("latchkey")))
    }

    /// The names of all variables, in the order of the declarations.
    fn names() -> Vec<String> {
        let command = Self::on(Self::augment_args(clap::Command::new("latchkey")));
        ids_of(&command).iter().map(|id| variable(id)).collect()
    }
}

fn ids_of(command: &clap::Command) -> Vec<String> {
    let ids = command.get_arguments().map(|argument| argument.get_id());
    ids.map(ToString::to_string).collect()
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(…)")
    }
}

/// The checked settings, from which the parts of the program are built.
#[derive(Clone)]
pub struct Config {
    /// The URL at which people and Jira reach this app.
    pub base_url: BaseUrl,
    /// Where the server listens.
    pub listen: Listen,
    /// For how many seconds requests are served after a stop was asked for.
    pub drain: Seconds,
    /// The address that serves `/metrics`, if any.
    pub metrics_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Proxies,
    /// The database.
    pub database: Database,
    /// The sealing keys, at least one; the first seals.
    pub sealing_keys: Vec<SealingKey>,
    /// Whether the Connect door is open.
    pub connect: Switch,
    /// Key of the Connect app.
    pub app_key: String,
    /// Name of the app in Jira.
    pub app_name: String,
    /// Key of the user property.
    pub property_key: String,
    /// The module that shows the link in an issue.
    pub issue_module: IssueModule,
    /// Whether portal customers may link.
    pub customers: Customers,
    /// The Forge app, if that door is open.
    pub forge: Option<ForgeApp>,
    /// The keys of Forge's invocation tokens.
    pub forge_keys_url: String,
    /// Atlassian's API, without a trailing slash.
    pub atlassian_api_url: String,
    /// The URL of lifecycle keys, without a trailing slash.
    pub install_keys_url: String,
    /// The Connect bridge.
    pub connect_js_url: Url,
    /// Atlassian's JWT bearer grant, without a trailing slash.
    pub impersonation_url: String,
    /// The hosts that tenants may have.
    pub site_hosts: SiteHosts,
    /// Whether loopback hosts may use plain http.
    pub allow_loopback_http: bool,
    /// The service.
    pub provider: ProviderConfig,
    /// What people see of the service.
    pub looks: ServiceLooks,
    /// Limits of the calls to Jira.
    pub jira_limits: JiraLimits,
    /// Limits of the requests to the service.
    pub service_limits: ServiceLimits,
    /// The secrets that the vendor's servers know.
    pub vendor_secrets: Vec<Secret>,
    /// How far they may act as people.
    pub act_as: ActAs,
    /// Where they are told what happens to links, if anywhere.
    pub webhooks: Option<Destination>,
    /// The keys that Latchkey signs, if it signs any.
    pub minted: Option<KeyTerms>,
    /// What the user property holds.
    pub property: PropertyMode,
    /// The addresses from which Jira is called, as far as they are known.
    pub outbound_addresses: Addresses,
    /// For how many days what happened at a site is kept.
    pub events_days: i64,
    /// How to log.
    pub log: LogConfig,
    /// Where traces and metrics go, if anywhere.
    pub collector: Option<Collector>,
}

/// Shows only its name, so that tests can unwrap a `Result` of it.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config(…)")
    }
}

impl Config {
    /// Reads settings by the names of their variables, for programs without a command line.
    ///
    /// # Errors
    /// All that is missing or malformed.
    ///
    /// # Panics
    /// On a name that is not a setting.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Wrong> {
        let command = Settings::augment_args(clap::Command::new("latchkey"));
        let arguments = pairs.into_iter().map(|(name, value)| {
            let flag = name.strip_prefix("LATCHKEY_").unwrap_or(name);
            format!("--{}={value}", flag.to_lowercase().replace('_', "-"))
        });
        let settings = Settings::on(command)
            .try_get_matches_from(std::iter::once("latchkey".to_owned()).chain(arguments))
            .and_then(|matches| Settings::from_arg_matches(&matches))
            .expect("only names of settings are given");
        Self::read(&settings)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// All that is missing or malformed.
    pub fn read(s: &Settings) -> Result<Self, Wrong> {
        let mut reading = Reading::of_files(s);
        // Where this is not clear, addresses are not blamed for it.
        let loopback = reading.take(s.allow_loopback_http.value()).unwrap_or(true);
        let known = reading.take(s.provider.value());
        reading.add(rules::all_broken(s, known));
        let config = each_field!(
            reading,
            Self {
                base_url: s.base_url.url_as(loopback),
                listen: s.listen.value(),
                drain: s.drain.value().map(|drain| drain.0),
                metrics_listen: s.metrics_listen.get(),
                trusted_proxies: s.trusted_proxies.get().map(Option::unwrap_or_default),
                database: s.database(),
                sealing_keys: s.sealing_keys.value().map(Vec::from),
                connect: s.connect.value().map(|given| given.0),
                app_key: s.app_key.value().map(String::from),
                app_name: s.app_name.value(),
                property_key: s.property_key(),
                issue_module: s.issue_module.value().map(|given| given.0),
                customers: s.customers.value().map(|given| given.0),
                forge: s.forge_app(loopback),
                forge_keys_url: s.forge_keys_url.prefix(loopback),
                atlassian_api_url: s.atlassian_api_url.prefix(loopback),
                install_keys_url: s.install_keys_url.prefix(loopback),
                connect_js_url: s.connect_js_url.url_as(loopback),
                impersonation_url: s.impersonation_url.prefix(loopback),
                site_hosts: s.site_hosts.value(),
                allow_loopback_http: Ok::<_, Invalid>(loopback),
                minted: s.key_terms(),
                vendor_secrets: s.vendor_secrets(),
                act_as: s.act_as.value().map(|given| given.0),
                webhooks: s.webhooks(loopback),
                property: s.property_mode(),
                outbound_addresses: s.outbound_addresses.get().map(Option::unwrap_or_default),
                events_days: s.events_days.value().map(|days| i64::from(days.as_u32())),
                looks: s.looks(loopback),
                jira_limits: s.jira_limits(),
                service_limits: s.service_limits(),
                log: s.log_config(),
                collector: s.collector(),
                provider: provider::read(s, known.unwrap_or(&OIDC), loopback),
            }
        );
        reading.end(config)
    }
}

/// Groups of settings that make up one part.
impl Settings {
    /// The database alone, whatever the other settings are.
    ///
    /// # Errors
    /// What is missing or malformed.
    pub fn database(&self) -> Result<Database, Wrong> {
        let mut reading = Reading::nothing();
        let url = reading.take(self.database_url.value());
        let connections = reading.take(self.database_connections.value());
        let database = url.zip(connections);
        reading.end(database.map(|(url, connections)| url.with_connections(connections)))
    }

    fn property_key(&self) -> Result<String, Invalid> {
        match self.property_key.get()? {
            Some(key) => Ok(key.into()),
            None => self.app_key.value().map(String::from),
        }
    }

    /// Whether something else than a client secret is there to prove which client this is.
    fn has_other_proof(&self) -> bool {
        let other =
            self.provider_client_key.is_given() || self.provider_client_certificate.is_given();
        other && !self.provider_client_secret.is_given()
    }

    /// None if Latchkey signs no keys. Then the settings of signed keys are ignored.
    fn key_terms(&self) -> Result<Option<KeyTerms>, Wrong> {
        if self.api_key_from.value()?.0 != ApiKeyFrom::Minted {
            return Ok(None);
        }
        let mut reading = Reading::nothing();
        let terms = each_field!(
            reading,
            KeyTerms {
                audience: self.minted_audience.value(),
                scopes: self.minted_scopes.get(),
                life: self.minted_life.value().map(|life| life.0),
                rotation: self.minted_key_rotation.value().map(|rotation| rotation.0),
            }
        );
        reading.end(terms).map(Some)
    }

    fn vendor_secrets(&self) -> Result<Vec<Secret>, Wrong> {
        let mut reading = Reading::nothing();
        let new = reading.take(self.service_secret.get()).flatten();
        let old = reading.take(self.introspection_secret.get()).flatten();
        let new = new.map_or_else(Vec::new, |LongSecrets(secrets)| secrets);
        let all = new.into_iter().chain(old.map(|LongSecret(secret)| secret));
        reading.end(Some(all.collect()))
    }

    /// None if nobody is told. The rules require both or none.
    fn webhooks(&self, loopback: bool) -> Result<Option<Destination>, Wrong> {
        let mut reading = Reading::nothing();
        let url = reading.take(self.webhook_url.url(loopback)).flatten();
        let secrets = reading.take(self.webhook_secret.get()).flatten();
        let destination = url
            .zip(secrets)
            .map(|(url, secrets)| Destination { url, secrets });
        reading.end(Some(destination))
    }

    /// None if the Forge door is closed. The rules require the environments.
    fn forge_app(&self, loopback: bool) -> Result<Option<ForgeApp>, Wrong> {
        let mut reading = Reading::nothing();
        let Some(app) = reading.take(self.forge_app_id.get()) else {
            return reading.end(None);
        };
        let Some(AppId(app)) = app else {
            return Ok(None);
        };
        let forge = each_field!(
            reading,
            ForgeApp {
                id: Ok::<_, Invalid>(app),
                environments: self.forge_environments.value().map(|given| given.0),
                api_url: self.atlassian_api_url.prefix(loopback),
            }
        );
        reading.end(forge).map(Some)
    }

    fn property_mode(&self) -> Result<PropertyMode, Invalid> {
        Ok(match self.property.value()?.0 {
            PropertyHolds::Key => PropertyMode::Key,
            PropertyHolds::Handle => PropertyMode::Handle,
            PropertyHolds::Sealed => PropertyMode::Sealed(self.property_public_key.value()?),
        })
    }

    fn looks(&self, loopback: bool) -> Result<ServiceLooks, Wrong> {
        let mut reading = Reading::nothing();
        let looks = each_field!(
            reading,
            ServiceLooks {
                logo: self.provider_logo_url.page(loopback),
                purpose: self
                    .provider_purpose
                    .get()
                    .map(|given| given.map(|Sentence(purpose)| purpose)),
                support: self.provider_support_url.page(loopback),
                privacy: self.provider_privacy_url.page(loopback),
            }
        );
        reading.end(looks)
    }

    fn jira_limits(&self) -> Result<JiraLimits, Wrong> {
        let mut reading = Reading::nothing();
        let quota = reading.take(self.jira_quota.value());
        let share = reading.take(self.jira_renewal_share.value());
        let burst = reading.take(self.jira_burst.value());
        let all = quota.zip(share).zip(burst);
        reading.end(
            all.map(|((quota, share), burst)| JiraLimits::new(quota.0, share.0, burst.as_u32())),
        )
    }

    fn service_limits(&self) -> Result<ServiceLimits, Wrong> {
        let mut reading = Reading::nothing();
        let limits = each_field!(
            reading,
            ServiceLimits {
                concurrency: self
                    .provider_concurrency
                    .value()
                    .map(|most| most.as_u32() as usize),
                rate: self.provider_rate.get().map(|rate| rate.map(Whole::as_u32)),
            }
        );
        reading.end(limits)
    }

    /// None if nothing is sent. The rules forbid the other settings then.
    fn collector(&self) -> Result<Option<Collector>, Wrong> {
        let mut reading = Reading::nothing();
        let Some(url) = reading.take(self.otlp_url.get()) else {
            return reading.end(None);
        };
        let Some(url) = url else {
            return Ok(None);
        };
        let collector = each_field!(
            reading,
            Collector {
                url: Ok::<_, Invalid>(url),
                headers: self.otlp_headers.get().map(Option::unwrap_or_default),
                traced: self.otlp_traces.value().map(Whole::as_u32),
                every: self.otlp_interval.value().map(|interval| interval.0),
            }
        );
        reading.end(collector).map(Some)
    }

    fn log_config(&self) -> Result<LogConfig, Wrong> {
        let mut reading = Reading::nothing();
        let log = each_field!(
            reading,
            LogConfig {
                filter: self.log.value(),
                format: self.log_format.value().map(|format| format.0),
            }
        );
        reading.end(log)
    }
}

/// The settings of a command that uses only the database.
#[derive(Clone)]
pub struct Upkeep {
    /// The database.
    pub database: Database,
    /// The sealing keys, at least one; the first seals.
    pub sealing_keys: Vec<SealingKey>,
    /// How to log.
    pub log: LogConfig,
}

impl Upkeep {
    /// Checks these settings. The others may be missing or malformed.
    ///
    /// # Errors
    /// All of these that are missing or malformed.
    pub fn read(s: &Settings) -> Result<Self, Wrong> {
        let mut reading = Reading::of_files(s);
        reading.add(rules::broken_of_upkeep(s));
        let upkeep = each_field!(
            reading,
            Self {
                database: s.database(),
                sealing_keys: s.sealing_keys.value().map(Vec::from),
                log: s.log_config(),
            }
        );
        reading.end(upkeep)
    }
}

/// The settings that can be tried out although others are wrong. Each is none if it is missing or malformed.
#[derive(Clone)]
pub struct Parts {
    /// Where the server listens.
    pub listen: Option<Listen>,
    /// The path of the base URL, without a trailing slash.
    pub base_path: Option<String>,
    /// The address that serves `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// The database.
    pub database: Option<Database>,
    /// The issuer of the service.
    pub issuer: Option<String>,
    /// Whether loopback hosts may use plain http.
    pub loopback: bool,
}

impl Parts {
    /// Reads what is well-formed.
    #[must_use]
    pub fn read(s: &Settings) -> Self {
        let loopback = s.allow_loopback_http.value().unwrap_or(false);
        let base_url: Option<BaseUrl> = s.base_url.url_as(loopback).ok();
        let issuer = s.provider_issuer.url(loopback).ok().flatten();
        let known = s
            .provider
            .peek()
            .and_then(|known| match known.endpoints.value {
                Endpoints::Discovery { issuer, .. } => issuer.map(str::to_owned),
                Endpoints::Fixed { .. } => None,
            });
        Self {
            listen: s.listen.value().ok(),
            base_path: base_url.map(|url| url.path().to_owned()),
            metrics_listen: s.metrics_listen.peek().copied(),
            database: s.database().ok(),
            issuer: issuer.map(String::from).or(known),
            loopback,
        }
    }
}

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The entries that are logged.
    pub filter: Filter,
    /// Their format.
    pub format: Format,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::client_auth::Credential;
    use crate::service::known;
    use crate::service::registration::ApiKeySource;

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
        all_with(changes).map_err(|wrong| wrong.each().next().unwrap().clone())
    }

    fn all_with<'a>(changes: &[(&'a str, &'a str)]) -> Result<Config, Wrong> {
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
        assert_eq!(config.events_days, 90);
        assert!(config.outbound_addresses.0.is_empty());
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
    fn each_malformed_setting_is_named_and_no_secret_is_repeated() {
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
            ("LATCHKEY_OUTBOUND_ADDRESSES", "proxy.example.com"),
            ("LATCHKEY_OUTBOUND_ADDRESSES", "198.51.100.7,"),
            ("LATCHKEY_EVENTS_DAYS", "0"),
            ("LATCHKEY_EVENTS_DAYS", "3651"),
            ("LATCHKEY_EVENTS_DAYS", "a month"),
        ];
        for (name, value) in bad {
            let error = with(&[(name, value)]).unwrap_err();
            assert_eq!(error.setting, name, "{value}");
            let hidden = ["DATABASE_URL", "SEALING_KEYS"]
                .iter()
                .any(|end| name.ends_with(end))
                || value.contains(['@', '?']);
            assert_eq!(error.to_string().contains(value), !hidden, "{error}");
        }
        let twice = format!("{KEY},{KEY}");
        assert!(with(&[("LATCHKEY_SEALING_KEYS", &twice)]).is_err());
    }

    #[test]
    fn f26_all_that_is_wrong_is_told_at_once_in_the_order_of_the_settings() {
        let changes = [
            ("LATCHKEY_PROVIDER_CLIENT_SECRET", ""),
            ("LATCHKEY_LISTEN", "port 9"),
            ("LATCHKEY_BASE_URL", "http://latchkey.example.com"),
            ("LATCHKEY_LOG_FORMAT", "xml"),
            ("LATCHKEY_API_KEY_FROM", "minted"),
            ("LATCHKEY_MINTED_LIFE", "1"),
            ("LATCHKEY_CONNECT", "off"),
            ("LATCHKEY_PROVIDER_REVOKE_URL", "x"),
        ];
        let wrong = all_with(&changes).unwrap_err();
        let names: Vec<&str> = wrong.each().map(|one| one.setting.as_str()).collect();
        let all = [
            "LATCHKEY_BASE_URL",
            "LATCHKEY_LISTEN",
            "LATCHKEY_FORGE_APP_ID",
            "LATCHKEY_PROVIDER_REVOKE_URL",
            "LATCHKEY_PROVIDER_CLIENT_SECRET",
            "LATCHKEY_MINTED_AUDIENCE",
            "LATCHKEY_MINTED_LIFE",
            "LATCHKEY_LOG_FORMAT",
        ];
        assert_eq!(names, all);
        assert_eq!(wrong.to_string().lines().count(), all.len());
        // A service that nobody knows needs nothing of what another would.
        let changes = [
            ("LATCHKEY_PROVIDER", "no-such"),
            ("LATCHKEY_PROVIDER_NAME", ""),
            ("LATCHKEY_PROVIDER_ISSUER", ""),
        ];
        let wrong = all_with(&changes).unwrap_err();
        assert_eq!(wrong.each().count(), 1, "{wrong}");
    }

    /// A private key as an operator gives it.
    fn private_key() -> String {
        let how = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        crate::service::es256::generated(how).1
    }

    #[test]
    fn a_client_needs_what_its_method_proves_itself_with() {
        let key = private_key();
        let without = ("LATCHKEY_PROVIDER_CLIENT_SECRET", "");
        let by = |method| ("LATCHKEY_PROVIDER_CLIENT_AUTH", method);
        let signing = ("LATCHKEY_PROVIDER_CLIENT_KEY", key.as_str());
        let config = with(&[without, by("private_key_jwt"), signing]).unwrap();
        assert!(matches!(config.provider.credential, Credential::Keys(_)));
        // A secret may stay beside it until nobody needs it any more.
        let config = with(&[by("private_key_jwt"), signing]).unwrap();
        assert!(matches!(config.provider.credential, Credential::Keys(_)));
        let config = with(&[by("basic"), signing]).unwrap();
        assert!(matches!(config.provider.credential, Credential::Secret(_)));
        for (given, missing) in [
            (vec![without], "CLIENT_SECRET"),
            (vec![without, by("body")], "CLIENT_SECRET"),
            (vec![without, signing], "CLIENT_AUTH"),
            (vec![by("private_key_jwt")], "CLIENT_KEY"),
            (vec![by("tls"), signing], "CLIENT_CERTIFICATE"),
        ] {
            let wrong = all_with(&given).err().unwrap();
            let names: Vec<&str> = wrong.each().map(|one| one.setting.as_str()).collect();
            assert_eq!(names, [format!("LATCHKEY_PROVIDER_{missing}")], "{wrong}");
        }
        for (name, value) in [
            (
                "LATCHKEY_PROVIDER_CLIENT_KEY",
                "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
            ),
            ("LATCHKEY_PROVIDER_CLIENT_CERTIFICATE", &key),
            ("LATCHKEY_PROVIDER_DPOP_KEY", &format!("{key}{key}")),
            ("LATCHKEY_PROVIDER_RESOURCE", "https://a.example.com/#part"),
            (
                "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS",
                "prompt=consent&state=x",
            ),
            ("LATCHKEY_PROVIDER_CLIENT_AUDIENCE", "everybody"),
            ("LATCHKEY_PROVIDER_PAR_URL", "http://acme.example.com/par"),
        ] {
            let error = with(&[
                ("LATCHKEY_API_KEY_FROM", "minted"),
                ("LATCHKEY_MINTED_AUDIENCE", "a"),
                (name, value),
            ]);
            let error = error.unwrap_err();
            assert_eq!(error.setting, name, "{value}");
            assert!(!error.to_string().contains("AAAA") && !error.to_string().contains(&key));
        }
    }

    #[test]
    fn no_parameter_names_the_scopes_of_a_known_service() {
        let slack = [
            ("LATCHKEY_PROVIDER", "slack"),
            ("LATCHKEY_PROVIDER_ISSUER", ""),
            (
                "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS",
                "team=T1&user_scope=admin",
            ),
        ];
        let error = with(&slack).unwrap_err();
        assert_eq!(error.setting, "LATCHKEY_PROVIDER_AUTHORIZE_PARAMS");
        assert!(
            error.to_string().contains("LATCHKEY_PROVIDER_SCOPES"),
            "{error}"
        );
        let oidc = [("LATCHKEY_PROVIDER_AUTHORIZE_PARAMS", "user_scope=admin")];
        assert!(with(&oidc).is_ok());
    }

    #[test]
    fn a_bound_access_token_is_no_api_key() {
        let key = private_key();
        let bound = ("LATCHKEY_PROVIDER_DPOP_KEY", key.as_str());
        let error = with(&[bound]).unwrap_err();
        assert_eq!(error.setting, "LATCHKEY_API_KEY_FROM");
        assert!(error.to_string().contains("DPOP_KEY"), "{error}");
        let minted = [
            bound,
            ("LATCHKEY_API_KEY_FROM", "minted"),
            ("LATCHKEY_MINTED_AUDIENCE", "https://api.acme.example.com"),
        ];
        assert!(with(&minted).unwrap().provider.dpop_key.is_some());
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
    fn signed_keys_need_an_audience_and_a_life() {
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
        // An Okta issuer cannot be guessed, and GitHub has no metadata to discover.
        for (key, issuer) in [("okta", ""), ("github", own)] {
            let error = issuer_of(key, issuer).unwrap_err();
            assert_eq!(error.setting, "LATCHKEY_PROVIDER_ISSUER", "{key}");
        }
        let error = issuer_of("Okta", own).unwrap_err().to_string();
        for entry in known::ALL {
            assert!(error.contains(entry.key), "{}", entry.key);
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
}
