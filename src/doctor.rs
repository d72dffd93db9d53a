//! `latchkey doctor`: says line by line what is well and what is not.
//!
//! It reads the settings and the database, beside a server or without one, and asks the servers that a
//! renewal needs. It changes nothing anywhere: the token endpoint is asked with a refresh token that was
//! never given, which a service that knows this client refuses as just that.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::Outside;
use crate::clock::{Clock, Seconds, rfc3339};
use crate::config::{Config, Database, JiraLimits};
use crate::error::Error;
use crate::events::Events;
use crate::forecast::{Forecast, Level, SAMPLE};
use crate::model::{LinkState, StateName};
use crate::outbound::SIZE_LIMIT;
use crate::provider::{Provider, RefreshError, known};
use crate::secret::Secret;
use crate::sites::Sites;
use crate::store::{Figures, Inspection, Schema};
use crate::vault::Vault;

/// Of how many tenants the keys are opened.
const SOME_TENANTS: i64 = 100;
/// What clocks may differ by without a word, in seconds: an answer takes a moment, and times are whole
/// seconds.
const CLOCKS_AGREE: Seconds = 5;
/// What they may differ by before tokens are refused, in seconds.
const CLOCKS_DIFFER: Seconds = crate::connect::jwt::LEEWAY;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Well.
    Well,
    /// It works, and somebody should look at it.
    Look,
    /// Not well.
    Bad,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How it is.
    pub mark: Mark,
    /// What was looked at.
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

/// Hands each finding on as soon as it is there, and remembers the worst.
struct Report<'a> {
    say: &'a mut (dyn FnMut(Finding) + Send),
    well: bool,
}

impl Report<'_> {
    fn say(&mut self, mark: Mark, what: &'static str, words: impl Into<String>) {
        self.well &= mark != Mark::Bad;
        (self.say)(Finding {
            mark,
            what,
            words: words.into(),
        });
    }
}

/// Looks at everything and hands each finding to `say`. True if nothing is [`Mark::Bad`].
pub async fn examine(
    config: &Config,
    outside: &Outside,
    say: &mut (dyn FnMut(Finding) + Send),
) -> bool {
    let mut report = Report { say, well: true };
    settings(config, &mut report);
    if let Some(store) = database(config, outside, &mut report).await {
        if let Err(error) = kept(&store, config.jira_limits, outside, &mut report).await {
            report.say(Mark::Bad, "database", error.to_string());
        }
        store.close().await;
    }
    service(config, outside, &mut report).await;
    install_keys(config, outside, &mut report).await;
    report.well
}

fn settings(config: &Config, report: &mut Report<'_>) {
    let base_url = config.base_url.full();
    if config.allow_loopback_http {
        report.say(
            Mark::Look,
            "settings",
            format!("can be read, for {base_url}; plain http is allowed on loopback addresses (LATCHKEY_ALLOW_LOOPBACK_HTTP), which is for demonstrations and tests"),
        );
    } else {
        report.say(
            Mark::Well,
            "settings",
            format!("can be read, for {base_url}"),
        );
    }
}

/// Opens the database; None when there is nothing to read in it.
async fn database(
    config: &Config,
    outside: &Outside,
    report: &mut Report<'_>,
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
            report.say(Mark::Bad, "database", format!("{kind}: {error}"));
            return None;
        }
    };
    report.say(Mark::Well, "database", format!("{kind} answers"));
    let (mark, words) = match store.schema().await {
        Ok(Schema::Current) => (Mark::Well, "is that of this program".to_owned()),
        Ok(Schema::Behind(missing)) => (
            Mark::Bad,
            format!(
                "{missing} migrations have not been run: start the server or run `latchkey migrate`"
            ),
        ),
        Ok(Schema::Ahead) => (
            Mark::Bad,
            "a newer version of latchkey has migrated this database: use that one".to_owned(),
        ),
        Ok(Schema::Unfinished | Schema::Unknown(_)) => (
            Mark::Bad,
            "a migration did not end, or is not the one that this program knows".to_owned(),
        ),
        Err(error) => (Mark::Bad, error.to_string()),
    };
    report.say(mark, "schema", words);
    if mark == Mark::Well {
        return Some(store);
    }
    store.close().await;
    None
}

/// What the database holds, and the clock of its server.
async fn kept(
    store: &Inspection,
    limits: JiraLimits,
    outside: &Outside,
    report: &mut Report<'_>,
) -> Result<(), Error> {
    let (looked_at, broken) = store.open_some_tenants(SOME_TENANTS).await?;
    if broken.is_empty() {
        report.say(
            Mark::Well,
            "sealing keys",
            format!("open the keys of {looked_at} tenants that were looked at"),
        );
    } else {
        report.say(
            Mark::Bad,
            "sealing keys",
            format!(
                "do not open the keys of {} of {looked_at} tenants that were looked at ({}): a key is \
                 missing from LATCHKEY_SEALING_KEYS, or the database was altered",
                broken.len(),
                some_of(&broken)
            ),
        );
    }
    let left_out = store.sites_not_allowed().await?;
    if !left_out.is_empty() {
        report.say(
            Mark::Look,
            "sites",
            format!(
                "{} tenants are not served, as their base URLs are not of a host in LATCHKEY_SITE_HOSTS: {}",
                left_out.len(),
                left_out.join(", ")
            ),
        );
    }
    let signing_keys = store.signing_keys().await?;
    let all = signing_keys.len();
    let closed = signing_keys.iter().filter(|key| key.private.is_err());
    match (all, closed.count()) {
        (0, _) => {}
        (all, 0) => report.say(Mark::Well, "signing keys", format!("{all} of {all} open")),
        (all, closed) => report.say(
            Mark::Bad,
            "signing keys",
            format!(
                "{closed} of {all} do not open, and what they have signed is refused: a key is missing \
                 from LATCHKEY_SEALING_KEYS, or the database was altered"
            ),
        ),
    }
    if let Some(ahead) = store.clock_ahead_of(&outside.clock).await? {
        let time = outside.clock.now() + ahead / 1000;
        clock(&outside.clock, time, "the database", report);
    }
    let now = outside.clock.now();
    let figures = store.figures(now).await?;
    links(&figures, report);
    tenants(&figures, report);
    renewal(&figures, now, report);
    let words = format!(
        "{} revocations and deletions are left to do",
        figures.cleanup
    );
    report.say(Mark::Well, "cleanup", words);
    let lives = store.lives_of_some_keys(&outside.random, SAMPLE).await?;
    match Forecast::new(figures.links_in(StateName::Live), &lives, limits) {
        Some(forecast) => {
            let mark = match forecast.level() {
                Level::Enough => Mark::Well,
                Level::Late => Mark::Look,
                Level::RunOut => Mark::Bad,
            };
            report.say(mark, "quota", forecast.words());
        }
        None => report.say(Mark::Well, "quota", "there is no key to renew yet"),
    }
    Ok(())
}

fn some_of(names: &[String]) -> String {
    let more = if names.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(3)].join(", "))
}

fn links(figures: &Figures, report: &mut Report<'_>) {
    let words = format!(
        "{} live, {} set aside, {} waiting for their person to reconnect",
        figures.links_in(StateName::Live),
        figures.links_in(StateName::Aside),
        figures.links_in(StateName::Reconnect)
    );
    report.say(Mark::Well, "links", words);
    for (state, count) in &figures.resting {
        let (mark, advice) = match state {
            LinkState::Live => continue,
            LinkState::Aside(why) => (Mark::Look, why.for_operator()),
            // Some people always have to: grants end.
            LinkState::Reconnect(why) => (Mark::Well, why.for_operator()),
        };
        let reason = state.reason();
        report.say(mark, "links", format!("{count} {reason}: {advice}"));
    }
}

fn tenants(figures: &Figures, report: &mut Report<'_>) {
    let Figures {
        tenants_enabled: enabled,
        tenants_disabled: disabled,
        ..
    } = figures;
    let words = format!("{enabled} enabled, {disabled} disabled");
    report.say(Mark::Well, "tenants", words);
    for (why, count) in &figures.parked {
        let words = format!("{count} left alone: {}", why.for_operator());
        report.say(Mark::Look, "tenants", words);
    }
}

fn renewal(figures: &Figures, now: Seconds, report: &mut Report<'_>) {
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
    // Without a server nothing is renewed, and the longer that is so the more is past due.
    let mark = if *run_out > 0 {
        Mark::Bad
    } else if *past_due > 0 || *failing > 0 {
        Mark::Look
    } else {
        Mark::Well
    };
    report.say(mark, "renewal", words);
}

fn span(seconds: Seconds) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// Asks the service for its metadata, and its token endpoint with a token that nobody gave.
async fn service(config: &Config, outside: &Outside, report: &mut Report<'_>) {
    let provider = Provider::new(
        config.provider.clone(),
        format!("{}/link/callback", config.base_url.full()),
        config.allow_loopback_http,
        outside.http.clone(),
        outside.clock.clone(),
    );
    let name = provider.name();
    if let Err(error) = provider.prepare().await {
        report.say(Mark::Bad, "service", format!("{name}: {error}"));
        return;
    }
    let endpoints = if config.provider.issuer.is_some() {
        "its metadata can be read"
    } else {
        "its endpoints are settings"
    };
    report.say(Mark::Well, "service", format!("{name}: {endpoints}"));
    habits(config, report);
    let (mark, words) = match provider.refresh(&Secret::new("latchkey-doctor")).await {
        Err(RefreshError::InvalidGrant) => (Mark::Well, "answers and knows this client".to_owned()),
        Err(error @ RefreshError::InvalidClient(_)) => (
            Mark::Bad,
            format!(
                "{error}: check LATCHKEY_PROVIDER_CLIENT_ID and LATCHKEY_PROVIDER_CLIENT_SECRET"
            ),
        ),
        Err(error @ (RefreshError::NotSent(_) | RefreshError::Unknown(_))) => {
            (Mark::Bad, error.to_string())
        }
        // It answers; whether it would renew is not known.
        Err(error @ (RefreshError::Wait { .. } | RefreshError::Refused(_))) => {
            (Mark::Look, error.to_string())
        }
        Ok(_) => (
            Mark::Look,
            "gives tokens for a refresh token that nobody has".to_owned(),
        ),
    };
    report.say(mark, "token endpoint", words);
    let Some(address) = provider.watched_address() else {
        return;
    };
    let answer = outside.http.get(&address, SIZE_LIMIT).await;
    let date = answer.ok().and_then(|answer| {
        let date = answer.headers.get(http::header::DATE)?.to_str().ok()?;
        OffsetDateTime::parse(date, &Rfc2822).ok()
    });
    match date {
        Some(date) => clock(
            &outside.clock,
            date.unix_timestamp(),
            &format!("that of {name}"),
            report,
        ),
        None => report.say(Mark::Look, "clock", format!("{name} does not say the time")),
    }
}

/// Which entry of the table of services is used, where the operator has named one.
fn habits(config: &Config, report: &mut Report<'_>) {
    let known = config.provider.known;
    if known.key == known::OIDC.key {
        return;
    }
    let facts = known.sources().len();
    let unconfirmed = known.unconfirmed();
    report.say(
        Mark::Well,
        "habits",
        format!(
            "are those of `{}`; {unconfirmed} of {facts} facts about it could not be confirmed: see SERVICES.md",
            known.key
        ),
    );
}

fn clock(clock: &Clock, theirs: Seconds, whose: &str, report: &mut Report<'_>) {
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
    report.say(mark, "clock", words);
}

async fn install_keys(config: &Config, outside: &Outside, report: &mut Report<'_>) {
    // Of a key that there is not, so that any answer but a failure says that the host is there.
    let address = format!("{}/latchkey-doctor", config.install_keys_url);
    let (mark, words) = match outside.http.get(&address, SIZE_LIMIT).await {
        Ok(answer) if !answer.status.is_server_error() => {
            (Mark::Well, format!("{} answers", config.install_keys_url))
        }
        Ok(answer) => (
            Mark::Bad,
            format!(
                "{} answers {}: nobody can install the app",
                config.install_keys_url, answer.status
            ),
        ),
        Err(error) => (
            Mark::Bad,
            format!(
                "{}: {error}: nobody can install the app",
                config.install_keys_url
            ),
        ),
    };
    report.say(mark, "install keys", words);
}
