//! `latchkey doctor`: reports line by line what works and what does not.
//!
//! It reads the settings and the database, whether a server is running or not, and calls the servers that
//! a renewal needs. It changes nothing anywhere: it sends the token endpoint a made-up refresh token, which
//! a service that knows this client refuses with `invalid_grant`. Before the first start there is less to look at, and
//! more that can be wrong at once: [`before_start`].

pub mod before_start;

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::app::Outside;
use crate::atlassian::connect::Switch;
use crate::clock::{Clock, Seconds, rfc3339};
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::model::{LinkState, StateName};
use crate::operate::accounts;
use crate::operate::forecast::{Costs, Forecast, Level, SAMPLE};
use crate::otlp::{Collector, Otlp};
use crate::outbound::SIZE_LIMIT;
use crate::process::{FEW_DESCRIPTORS, raise_descriptor_limit};
use crate::secret::Secret;
use crate::service::client_auth::Credential;
use crate::service::failures::RefreshError;
use crate::service::known;
use crate::service::provider::Provider;
use crate::sites::Sites;
use crate::store::{Database, Figures, Inspection, OutboxFigures, Schema};
use crate::vault::Vault;

/// How many tenants' keys are opened.
const SOME_TENANTS: i64 = 100;
/// A difference between clocks that is not reported, in seconds: an answer takes a moment, and times are
/// whole seconds.
const CLOCKS_AGREE: Seconds = 5;
/// The largest difference between clocks at which tokens are accepted, in seconds.
const CLOCKS_DIFFER: Seconds = crate::atlassian::connect::jwt::LEEWAY;

/// How well something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It works.
    Well,
    /// It works, but an operator should look at it.
    Look,
    /// It does not work.
    Bad,
}

/// One line of the report.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How well it works.
    pub mark: Mark,
    /// What was checked.
    pub what: &'static str,
    /// What was found, and what to do.
    pub words: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Well => '✓',
            Mark::Look => '!',
            Mark::Bad => '✗',
        };
        write!(f, "{mark} {:<14} {}", self.what, self.words)
    }
}

/// Passes each finding on at once, and remembers whether one was [`Mark::Bad`].
struct Findings<'a> {
    say: &'a mut (dyn FnMut(Finding) + Send),
    well: bool,
}

impl Findings<'_> {
    fn say(&mut self, mark: Mark, what: &'static str, words: impl Into<String>) {
        self.well &= mark != Mark::Bad;
        (self.say)(Finding {
            mark,
            what,
            words: words.into(),
        });
    }
}

/// Checks everything and passes each finding to `say`. True if nothing is [`Mark::Bad`].
pub async fn examine(
    config: &Config,
    outside: &Outside,
    say: &mut (dyn FnMut(Finding) + Send),
) -> bool {
    let mut findings = Findings { say, well: true };
    settings(config, &mut findings);
    descriptors(raise_descriptor_limit(), &mut findings);
    proxies(config, &mut findings);
    if let Some(store) = database(config, outside, &mut findings).await {
        if let Err(error) = kept(&store, config, outside, &mut findings).await {
            findings.say(Mark::Bad, "database", error.to_string());
        }
        store.close().await;
    }
    service(config, outside, &mut findings).await;
    if config.connect == Switch::On {
        install_keys(config, outside, &mut findings).await;
    }
    if let Some(collector) = &config.collector {
        telemetry(collector, config.allow_loopback_http, &mut findings).await;
    }
    findings.well
}

/// A collector that does not answer keeps nobody from working.
async fn telemetry(collector: &Collector, loopback_names: bool, findings: &mut Findings<'_>) {
    let tried = match Otlp::new(collector, "latchkey-doctor", loopback_names) {
        Ok(otlp) => otlp.try_out().await,
        Err(error) => Err(error.to_string()),
    };
    match tried {
        Ok(()) => findings.say(Mark::Well, "collector", "takes traces and metrics"),
        Err(why) => findings.say(
            Mark::Look,
            "collector",
            format!("{why}: traces and metrics are lost until it takes them (LATCHKEY_OTLP_URL, LATCHKEY_OTLP_HEADERS)"),
        ),
    }
}

fn settings(config: &Config, findings: &mut Findings<'_>) {
    let base_url = config.base_url.full();
    if config.allow_loopback_http {
        findings.say(
            Mark::Look,
            "settings",
            format!("can be read, for {base_url}; plain http is allowed on loopback addresses (LATCHKEY_ALLOW_LOOPBACK_HTTP), which is for demonstrations and tests"),
        );
    } else {
        findings.say(
            Mark::Well,
            "settings",
            format!("can be read, for {base_url}"),
        );
    }
}

/// A server raises the limit of its process in the same way.
fn descriptors(most: Option<u64>, findings: &mut Findings<'_>) {
    let (mark, words) = match most {
        None => (
            Mark::Well,
            "any number of files and connections may be open here".to_owned(),
        ),
        Some(most) if most < FEW_DESCRIPTORS => (
            Mark::Look,
            format!(
                "{most} files and connections may be open here, half of them connections of clients: raise the \
                 limit (ulimit -n, LimitNOFILE, nofile) to {FEW_DESCRIPTORS} or more"
            ),
        ),
        Some(most) => (
            Mark::Well,
            format!("{most} files and connections may be open here"),
        ),
    };
    findings.say(mark, "descriptors", words);
}

/// Latchkey does not speak TLS, so a proxy is in front of it wherever its base URL is https.
fn proxies(config: &Config, findings: &mut Findings<'_>) {
    let is_behind_one = config.base_url.origin().starts_with("https:");
    let is_unnamed = config.trusted_proxies.is_empty() && config.listen.tcp().is_some();
    if is_behind_one && is_unnamed {
        findings.say(
            Mark::Look,
            "proxies",
            "LATCHKEY_TRUSTED_PROXIES names no proxy: everybody who comes through the one in front counts as one \
             address, and a flood from anywhere uses up the limits of all",
        );
    }
}

/// Opens the database. None if there is nothing to read in it.
async fn database(
    config: &Config,
    outside: &Outside,
    findings: &mut Findings<'_>,
) -> Option<Inspection> {
    let events = Events::new(&prometheus::Registry::new(), outside.clock.clone());
    let vault = Vault::new(config.sealing_keys.clone(), outside.random.clone(), events);
    let kind = match config.database {
        Database::Sqlite(_) => "SQLite",
        Database::Postgres(_) => "PostgreSQL",
    };
    let sites = Sites {
        hosts: config.site_hosts.clone(),
        loopback_http: config.allow_loopback_http,
    };
    let store = match Inspection::open(&config.database, vault, sites).await {
        Ok(store) => store,
        Err(error) => {
            findings.say(Mark::Bad, "database", format!("{kind}: {error}"));
            return None;
        }
    };
    findings.say(Mark::Well, "database", format!("{kind} answers"));
    if let Err(error) = store.check_server(&config.database).await {
        findings.say(Mark::Bad, "database", error.to_string());
    }
    let (mark, words) = of_schema(store.schema().await, |missing| {
        let words = format!(
            "{missing} migrations have not been run: start the server or run `latchkey migrate`"
        );
        (Mark::Bad, words)
    });
    findings.say(mark, "schema", words);
    if mark != Mark::Bad {
        if let Err(error) = store.check_rights().await {
            findings.say(Mark::Bad, "database", error.to_string());
        }
        return Some(store);
    }
    store.close().await;
    None
}

/// What the database holds, and the clock of its server.
async fn kept(
    store: &Inspection,
    config: &Config,
    outside: &Outside,
    findings: &mut Findings<'_>,
) -> Result<(), Error> {
    sealing_keys(store, findings).await?;
    sites(store, findings).await?;
    signing_keys(store, findings).await?;
    if let Some(ahead) = store.clock_ahead_of(&outside.clock).await? {
        let time = outside.clock.now() + ahead / 1000;
        clock(&outside.clock, time, "the database", findings);
    }
    let now = outside.clock.now();
    let figures = store.figures(now).await?;
    links(&figures, findings);
    tenants(&figures, findings);
    doors(&figures, config.connect, findings);
    renewal(&figures, now, findings);
    for (mark, words) in accounts::findings(&figures) {
        findings.say(mark, "accounts", words);
    }
    let words = format!(
        "{} revocations and deletions are left to do",
        figures.cleanup
    );
    findings.say(Mark::Well, "cleanup", words);
    if config.webhooks.is_some() || figures.outbox != OutboxFigures::default() {
        webhooks(&figures.outbox, findings);
    }
    let lives = store.lives_of_some_keys(&outside.random, SAMPLE).await?;
    let forecast = Forecast::new(
        figures.links_in(StateName::Live),
        &lives,
        Costs::of(&config.property),
        config.jira_limits,
    );
    quota(forecast.as_ref(), findings);
    Ok(())
}

async fn sealing_keys(store: &Inspection, findings: &mut Findings<'_>) -> Result<(), Error> {
    let (looked_at, broken) = store.open_some_tenants(SOME_TENANTS).await?;
    if broken.is_empty() {
        findings.say(
            Mark::Well,
            "sealing keys",
            format!("open the keys of all {looked_at} tenants that were checked"),
        );
    } else {
        findings.say(
            Mark::Bad,
            "sealing keys",
            format!(
                "do not open the keys of {} of {looked_at} tenants that were checked ({}): a key is \
                 missing from LATCHKEY_SEALING_KEYS, or the database was altered",
                broken.len(),
                some_of(&broken)
            ),
        );
    }
    Ok(())
}

async fn sites(store: &Inspection, findings: &mut Findings<'_>) -> Result<(), Error> {
    let left_out = store.sites_not_allowed().await?;
    if !left_out.is_empty() {
        findings.say(
            Mark::Look,
            "sites",
            format!(
                "{} tenants are not served, because LATCHKEY_SITE_HOSTS does not allow the hosts of their \
                 base URLs: {}",
                left_out.len(),
                left_out.join(", ")
            ),
        );
    }
    Ok(())
}

async fn signing_keys(store: &Inspection, findings: &mut Findings<'_>) -> Result<(), Error> {
    let keys = store.signing_keys().await?;
    let closed = keys.iter().filter(|key| key.private.is_err());
    match (keys.len(), closed.count()) {
        (0, _) => {}
        (all, 0) => findings.say(Mark::Well, "signing keys", format!("{all} of {all} open")),
        (all, closed) => findings.say(
            Mark::Bad,
            "signing keys",
            format!(
                "{closed} of {all} do not open, and API keys that they signed are refused: a key is \
                 missing from LATCHKEY_SEALING_KEYS, or the database was altered"
            ),
        ),
    }
    Ok(())
}

fn quota(forecast: Option<&Forecast>, findings: &mut Findings<'_>) {
    let Some(forecast) = forecast else {
        findings.say(Mark::Well, "quota", "there is no key to renew yet");
        return;
    };
    let mark = match forecast.level() {
        Level::Enough => Mark::Well,
        Level::Late => Mark::Look,
        Level::RunOut => Mark::Bad,
    };
    findings.say(mark, "quota", forecast.words());
}

fn some_of(names: &[String]) -> String {
    let more = if names.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(3)].join(", "))
}

fn links(figures: &Figures, findings: &mut Findings<'_>) {
    let words = format!(
        "{} live, {} set aside, {} waiting for their person to reconnect",
        figures.links_in(StateName::Live),
        figures.links_in(StateName::Aside),
        figures.links_in(StateName::Reconnect)
    );
    findings.say(Mark::Well, "links", words);
    for (state, count) in &figures.resting {
        let (mark, advice) = match state {
            LinkState::Live => continue,
            LinkState::Aside(why) => (Mark::Look, why.for_operator()),
            // Grants end, so some people always have to reconnect.
            LinkState::Reconnect(why) => (Mark::Well, why.for_operator()),
        };
        let reason = state.reason();
        findings.say(mark, "links", format!("{count} {reason}: {advice}"));
    }
}

fn tenants(figures: &Figures, findings: &mut Findings<'_>) {
    let Figures {
        tenants_enabled: enabled,
        tenants_disabled: disabled,
        ..
    } = figures;
    let words = format!("{enabled} enabled, {disabled} disabled");
    findings.say(Mark::Well, "tenants", words);
    for (why, count) in &figures.parked {
        let words = format!("{count} not called for now: {}", why.for_operator());
        findings.say(Mark::Look, "tenants", words);
    }
}

/// Which doors tenants come through, and what is wrong there.
fn doors(figures: &Figures, by_connect: Switch, findings: &mut Findings<'_>) {
    let (connect, unknown) = (figures.tenants_by_connect, figures.tenants_unknown);
    let words = format!(
        "{connect} by Connect, which are still to move ({unknown} of them with a cloud id that is not known yet), \
         {} by Forge",
        figures.tenants_by_forge
    );
    findings.say(Mark::Well, "doors", words);
    if by_connect == Switch::Off && connect > 0 {
        let words = format!(
            "LATCHKEY_CONNECT is `off`, and {connect} tenants have not moved to Forge: their keys are renewed, but \
             their people see nothing in Jira and cannot disconnect there, and Jira cannot say that the app was \
             uninstalled"
        );
        findings.say(Mark::Look, "doors", words);
    }
    let silent = figures.tenants_without_token;
    if silent > 0 {
        let words = format!(
            "{silent} tenants wait for a system token of Forge, which comes every hour with /forge/tick: see \
             docs/forge.md, \"What goes wrong\""
        );
        findings.say(Mark::Look, "doors", words);
    }
    let missing = figures.tenants_missing;
    if missing > 0 {
        let words = format!(
            "{missing} tenants have fallen silent, and Atlassian does not find their installation: they end a day \
             after the first answer, unless they call"
        );
        findings.say(Mark::Look, "doors", words);
    }
}

fn renewal(figures: &Figures, now: Seconds, findings: &mut Findings<'_>) {
    let Figures {
        due,
        past_due,
        failing,
        run_out,
        ..
    } = figures;
    let earliest = match figures.earliest_expiry {
        Some(at) => format!(
            "the first key runs out at {} (in {})",
            rfc3339(at),
            span(at - now)
        ),
        None => "no key is alive".to_owned(),
    };
    let words = format!(
        "{due} due, {past_due} of them for more than a minute, {failing} failing, {run_out} keys have run out; {earliest}"
    );
    // While no server runs nothing is renewed, and more and more becomes past due.
    let mark = if *run_out > 0 {
        Mark::Bad
    } else if *past_due > 0 || *failing > 0 {
        Mark::Look
    } else {
        Mark::Well
    };
    findings.say(mark, "renewal", words);
}

/// For how long a message may wait until somebody should look, in seconds.
const WAITS_LONG: Seconds = 600;

fn webhooks(outbox: &OutboxFigures, findings: &mut Findings<'_>) {
    let (mark, oldest) = match outbox.oldest {
        0..=WAITS_LONG => (Mark::Well, String::new()),
        oldest => (Mark::Look, format!(", the oldest for {}", span(oldest))),
    };
    let words = format!("{} messages wait{oldest}", outbox.waiting);
    findings.say(mark, "webhooks", words);
    if outbox.given_up > 0 {
        let words = format!(
            "{} messages were not taken within a day and are given up: docs/oncall.md says how to send them again",
            outbox.given_up
        );
        findings.say(Mark::Look, "webhooks", words);
    }
    if outbox.is_gone {
        let words = "the receiver at LATCHKEY_WEBHOOK_URL answered 410, and is told nothing any more: docs/oncall.md \
             says how to go on";
        findings.say(Mark::Look, "webhooks", words);
    }
}

fn span(seconds: Seconds) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// Asks the service for its metadata, and its token endpoint with a made-up refresh token.
async fn service(config: &Config, outside: &Outside, findings: &mut Findings<'_>) {
    let provider = Provider::new(
        config.provider.clone(),
        format!("{}/link/callback", config.base_url.full()),
        config.allow_loopback_http,
        outside.http.clone(),
        outside.clock.clone(),
        &outside.random,
    );
    let name = provider.name();
    if let Err(error) = provider.prepare().await {
        findings.say(Mark::Bad, "service", format!("{name}: {error}"));
        return;
    }
    let endpoints = if config.provider.issuer.is_some() {
        "its metadata can be read"
    } else {
        "its endpoints are settings"
    };
    findings.say(Mark::Well, "service", format!("{name}: {endpoints}"));
    habits(config, findings);
    registration(&provider, config, findings).await;
    token_endpoint(&provider, config, findings).await;
    let Some(address) = provider.watched_address() else {
        return;
    };
    match date_of(&address, outside).await {
        Some(date) => clock(&outside.clock, date, &format!("that of {name}"), findings),
        None => findings.say(Mark::Look, "clock", format!("{name} does not say the time")),
    }
}

/// What this client is registered with at the service, and what its metadata does not go along with.
async fn registration(provider: &Provider, config: &Config, findings: &mut Findings<'_>) {
    if !provider.client_keys().is_empty() {
        let words = format!(
            "assertions are signed by a key at {}/.well-known/jwks.json, which the service has to know",
            config.base_url.full()
        );
        findings.say(Mark::Well, "client", words);
    }
    match provider.misfits().await {
        Ok(misfits) => {
            for misfit in misfits {
                findings.say(Mark::Look, "client", misfit);
            }
        }
        Err(error) => findings.say(Mark::Bad, "service", error.to_string()),
    }
}

/// The setting that proves which client this is.
fn proof(credential: &Credential) -> &'static str {
    match credential {
        Credential::Secret(_) => "LATCHKEY_PROVIDER_CLIENT_SECRET",
        Credential::Keys(_) => {
            "LATCHKEY_PROVIDER_CLIENT_KEY, whether the service knows its public half, and LATCHKEY_PROVIDER_CLIENT_AUDIENCE"
        }
        Credential::Certificate(_) => "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE",
    }
}

async fn token_endpoint(provider: &Provider, config: &Config, findings: &mut Findings<'_>) {
    let (mark, words) = match provider.refresh(&Secret::new("latchkey-doctor")).await {
        Err(RefreshError::InvalidGrant) => (Mark::Well, "answers and knows this client".to_owned()),
        Err(error @ RefreshError::InvalidClient(_)) => (
            Mark::Bad,
            format!(
                "{error}: check LATCHKEY_PROVIDER_CLIENT_ID and {}",
                proof(&config.provider.credential)
            ),
        ),
        Err(error @ (RefreshError::NotSent(_) | RefreshError::Unknown(_))) => {
            (Mark::Bad, error.to_string())
        }
        // It answers. Whether it would renew a key is unknown.
        Err(error @ (RefreshError::Wait { .. } | RefreshError::Refused(_))) => {
            (Mark::Look, error.to_string())
        }
        Ok(_) => (
            Mark::Look,
            "gives tokens for a made-up refresh token".to_owned(),
        ),
    };
    findings.say(mark, "token endpoint", words);
}

/// The time of the server at this address, by its `Date` header.
async fn date_of(address: &str, outside: &Outside) -> Option<Seconds> {
    let answer = outside.http.get(address, SIZE_LIMIT).await.ok()?;
    let date = answer.headers.get(http::header::DATE)?.to_str().ok()?;
    let date = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    Some(date.unix_timestamp())
}

/// The entry of the table of known services that is used, if the operator named one.
fn habits(config: &Config, findings: &mut Findings<'_>) {
    let known = config.provider.known;
    if known.key == known::OIDC.key {
        return;
    }
    let facts = known.sources().len();
    let unconfirmed = known.unconfirmed();
    findings.say(
        Mark::Well,
        "habits",
        format!(
            "are those of `{}`; {unconfirmed} of {facts} facts about it could not be confirmed: see docs/services.md",
            known.key
        ),
    );
}

fn clock(clock: &Clock, theirs: Seconds, whose: &str, findings: &mut Findings<'_>) {
    let ahead = clock.now() - theirs;
    let (mark, words) = match ahead.abs() {
        0..=CLOCKS_AGREE => (Mark::Well, format!("agrees with {whose}")),
        difference => {
            let mark = if difference <= CLOCKS_DIFFER {
                Mark::Look
            } else {
                Mark::Bad
            };
            let how = if ahead > 0 { "ahead of" } else { "behind" };
            let words = format!("is {difference} s {how} {whose}: let a time service set both");
            (mark, words)
        }
    };
    findings.say(mark, "clock", words);
}

async fn install_keys(config: &Config, outside: &Outside, findings: &mut Findings<'_>) {
    // This key does not exist, so any answer but a server error shows that the host is reachable.
    let address = format!("{}/latchkey-doctor", config.install_keys_url);
    let (mark, words) = match outside.http.get(&address, SIZE_LIMIT).await {
        Ok(answer) if !answer.status.is_server_error() => {
            (Mark::Well, format!("{} answers", config.install_keys_url))
        }
        Ok(answer) => (
            Mark::Bad,
            format!(
                "{} answers {}: the app cannot be installed",
                config.install_keys_url, answer.status
            ),
        ),
        Err(error) => (
            Mark::Bad,
            format!(
                "{}: {error}: the app cannot be installed",
                config.install_keys_url
            ),
        ),
    };
    findings.say(mark, "install keys", words);
}
/// What the tables are for this program, where `behind` says it of migrations that have not been run.
fn of_schema(
    found: Result<Schema, Error>,
    behind: impl FnOnce(usize) -> (Mark, String),
) -> (Mark, String) {
    let (mark, words) = match found {
        Ok(Schema::Behind(missing)) => return behind(missing),
        Err(error) => return (Mark::Bad, error.to_string()),
        Ok(Schema::Current) => (Mark::Well, "is that of this program"),
        Ok(Schema::Wider) => (
            Mark::Look,
            "a newer version of latchkey has migrated this database: this one works beside it until it is replaced",
        ),
        Ok(Schema::Ahead) => (
            Mark::Bad,
            "a newer version of latchkey has migrated this database: use that one",
        ),
        Ok(Schema::Unfinished | Schema::Unknown(_)) => (
            Mark::Bad,
            "a migration did not finish, or is not the one that this program knows",
        ),
    };
    (mark, words.to_owned())
}
