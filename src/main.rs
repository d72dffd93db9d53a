//! The program: reads the settings, starts the log, opens the store, runs the server and the worker, and
//! waits for a signal. Its other commands migrate the database, check a deployment and change sealing keys.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::sync::watch;

use latchkey::atlassian::connect::Switch;
use latchkey::clock::{Clock, Seconds};
use latchkey::config::{Config, Parts, Settings, Upkeep};
use latchkey::events::Events;
use latchkey::listen::Listen;
use latchkey::log::Log;
use latchkey::operate::doctor::{self, Finding, Mark};
use latchkey::operate::gathering::Gathering;
use latchkey::operate::init::{self, Init};
use latchkey::operate::{accounts, healthy, telemetry};
use latchkey::otlp::{Collector, Otlp, Tracing};
use latchkey::process::{FEW_DESCRIPTORS, raise_descriptor_limit};
use latchkey::random::Random;
use latchkey::server::signals::{Asked, Signals};
use latchkey::server::{Bounds, Running, connections_within, serve};
use latchkey::store::{self, RotationProgress, Rotator};
use latchkey::vault::Vault;
use latchkey::{App, Outside};

/// Lets people in Jira connect their account at a service, and renews the API key that proves it.
///
/// Every setting is a flag and an environment variable of the same name.
#[derive(Parser)]
#[command(version, about, long_about, args_override_self = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Ask what a first start needs, or take it from flags, and write the files for it
    ///
    /// Every setting can be given by its flag. It reads what the service says of itself, makes the sealing key, writes
    /// latchkey.env and what --with names, says what to register where, and ends with the checks of `doctor
    /// --before-start`.
    Init(Init),
    /// Serve and renew keys. This is the default command
    Serve,
    /// Migrate the database to this version and exit
    Migrate,
    /// Check settings, database, service and clocks, and print what works and what does not. Changes
    /// nothing. The exit code is 1 if something does not work
    Doctor {
        /// Before there is a server: find all that would keep one from starting
        #[arg(long)]
        before_start: bool,
    },
    /// Ask the server with the same settings whether it is ready. The exit code is 1 if it is not
    Healthy {
        /// Ask only whether the process is alive
        #[arg(long)]
        live: bool,
    },
    /// Encrypt with the first sealing key everything that the others have encrypted. Servers may keep running
    ///
    /// It uses only the settings of the database, the sealing keys and the log. It can be interrupted at any
    /// moment and run again. At the end it prints which keys can be removed.
    RotateKeys,
    /// Copy an SQLite database into a new file, while a server runs or not, and check the copy
    ///
    /// It uses only the setting of the database. PostgreSQL has programs of its own for that.
    Backup {
        /// The new file. What is there already is never replaced
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Personal data: the accounts of people in Jira
    Accounts {
        #[command(subcommand)]
        command: AccountsCommand,
    },
}

#[derive(Subcommand)]
enum AccountsCommand {
    /// Print for each tenant when its accounts were last reported to Atlassian, what is due, and what is in the
    /// way. The exit code is 1 if something is
    Report {
        /// Report the accounts of all tenants now, and print what came of it. Servers may keep running
        #[arg(long)]
        now: bool,
    },
}

fn main() -> ExitCode {
    let log = match Log::start() {
        Ok(log) => log,
        Err(error) => {
            writeln!(stderr(), "latchkey: the log cannot start: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    let done = run_command(&log);
    if let Err(message) = &done {
        for line in message.lines() {
            log.say(&format!("latchkey: {line}"));
        }
    }
    log.end();
    done.unwrap_or(ExitCode::FAILURE)
}

fn run_command(log: &Log) -> Result<ExitCode, String> {
    // Before anything that takes time: from now on no signal ends this process in the middle of its work.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let signals = {
        let _in_it = runtime.enter();
        Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?
    };
    let line = read_line().unwrap_or_else(|error| error.exit());
    let done = runtime.block_on(async {
        match line.command {
            Some(Command::Doctor { before_start }) => {
                Ok(see_the_doctor(&line.settings, before_start, signals).await)
            }
            Some(Command::Init(init)) => set_up(&init, line.settings, signals).await,
            Some(Command::Healthy { live }) => {
                healthy::look(&Parts::read(&line.settings), live).map(|()| ExitCode::SUCCESS)
            }
            Some(Command::Accounts {
                command: AccountsCommand::Report { now },
            }) => report_accounts(&line.settings, now, log, signals).await,
            Some(Command::Backup { to }) => back_up(&line.settings, &to, signals).await,
            Some(Command::RotateKeys) => rotate_keys(&line.settings, log, signals).await,
            command => run(command, line.settings, log, signals).await,
        }
    });
    // Tasks that are still running have had their time. A shutdown that waits would wait for DNS lookups.
    runtime.shutdown_background();
    done
}

/// The command line, with all settings wherever they are.
fn read_line() -> Result<Line, clap::Error> {
    let given: Vec<OsString> = std::env::args_os().collect();
    Settings::parse(&Line::command(), &given, |line: &mut Line| {
        &mut line.settings
    })
}

/// Warns of settings that have no effect, and of secrets that others can read.
fn warn_of(settings: &Settings) {
    for notice in settings.notices() {
        tracing::warn!("{notice}");
    }
}

/// Writes the files of a first start, and tries them out.
async fn set_up(
    init: &Init,
    mut settings: Settings,
    mut signals: Signals,
) -> Result<ExitCode, String> {
    let env_file = init.out.join("latchkey.env");
    if init.force && env_file.exists() {
        // What it holds stays unless something else is given: another sealing key would lose all that is stored.
        settings = settings_with(&env_file)?;
    }
    let say = |line: String| {
        // The reader may have closed its end.
        let _ = writeln!(stdout(), "{line}");
    };
    let outside = outside(Parts::read(&settings).loopback)?;
    let mut told = say;
    let written = tokio::select! {
        written = init::run(init, &settings, &outside, &mut told) => written?,
        () = signals.stop() => return Err("stopped before all was written".to_owned()),
    };
    if !written.is_for_here {
        return Ok(ExitCode::SUCCESS);
    }
    say("\nWhat a start would find here (latchkey doctor --before-start):".to_owned());
    let settings = settings_with(&written.env_file)?;
    see_the_doctor(&settings, true, signals).await;
    Ok(ExitCode::SUCCESS)
}

/// The settings in this file, with those of this command line and the environment.
fn settings_with(env_file: &Path) -> Result<Settings, String> {
    let mut given: Vec<OsString> = std::env::args_os().collect();
    given.extend(["--env-file".into(), env_file.into()]);
    let line = Settings::parse(&Line::command(), &given, |line: &mut Line| {
        &mut line.settings
    });
    line.map(|line| line.settings)
        .map_err(|error| error.to_string())
}

/// Prints findings on standard output. There is no log.
async fn see_the_doctor(settings: &Settings, before_start: bool, mut signals: Signals) -> ExitCode {
    let say = |finding: Finding| {
        // The reader may have closed its end.
        let _ = writeln!(stdout(), "{finding}");
    };
    let examined = async {
        let mut say = say;
        for notice in settings.notices() {
            say(Finding {
                mark: Mark::Look,
                what: "settings",
                words: notice.clone(),
            });
        }
        if before_start {
            let outside = outside(Parts::read(settings).loopback);
            return Ok(doctor::before_start::examine(settings, outside, &mut say).await);
        }
        let config = Config::read(settings).map_err(|wrong| wrong.to_string())?;
        let outside = outside(config.allow_loopback_http)?;
        Ok(doctor::examine(&config, &outside, &mut say).await)
    };
    let examined = tokio::select! {
        examined = examined => examined,
        () = signals.stop() => return ExitCode::FAILURE,
    };
    let well = examined.unwrap_or_else(|words: String| {
        for line in words.lines() {
            say(Finding {
                mark: Mark::Bad,
                what: "settings",
                words: line.to_owned(),
            });
        }
        false
    });
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints how reporting accounts stands, after a cycle if one is asked for.
async fn report_accounts(
    settings: &Settings,
    now: bool,
    log: &Log,
    mut signals: Signals,
) -> Result<ExitCode, String> {
    let config = Config::read(settings).map_err(|wrong| wrong.to_string())?;
    let outside = outside(config.allow_loopback_http)?;
    let mut say = |line: String| {
        // The reader may have closed its end.
        let _ = writeln!(stdout(), "{line}");
    };
    let reported = async {
        if now {
            log.record(&config.log.filter, config.log.format, None);
            warn_of(settings);
            accounts::report_now(&config, &outside).await?;
        }
        accounts::list(&config, &outside, &mut say).await
    };
    let well = tokio::select! {
        reported = reported => reported?,
        // What has begun goes on with the next server.
        () = signals.stop() => return Ok(ExitCode::FAILURE),
    };
    Ok(match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn outside(loopback_names: bool) -> Result<Outside, String> {
    let outside = Outside::real(loopback_names).map_err(|error| {
        let mut words = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            words = format!("{words}: {inner}");
            source = inner.source();
        }
        let advice = if words.contains("CA certificate") {
            "; no server can be called without them: install the package ca-certificates, or name a file \
             of them in SSL_CERT_FILE"
        } else {
            ""
        };
        format!("the HTTP client cannot start: {words}{advice}")
    })?;
    #[cfg(debug_assertions)]
    let outside = with_wrong_clock(outside);
    Ok(outside)
}

async fn run(
    command: Option<Command>,
    settings: Settings,
    log: &Log,
    mut signals: Signals,
) -> Result<ExitCode, String> {
    let config = Config::read(&settings).map_err(|wrong| wrong.to_string())?;
    let outside = outside(config.allow_loopback_http)?;
    let reporting = match &config.collector {
        Some(collector) => Some(Reporting::to(collector, &outside, &config)?),
        None => None,
    };
    let traces = reporting
        .as_ref()
        .map(|reporting| reporting.tracing.layer());
    log.record(&config.log.filter, config.log.format, traces);
    warn_of(&settings);
    let place = Place {
        listen: config.listen.clone(),
        metrics_listen: config.metrics_listen,
        drain: Duration::from_secs(config.drain.unsigned_abs()),
    };
    if config.allow_loopback_http {
        tracing::warn!(
            "plain http is allowed on loopback addresses: this is for demonstrations and tests only"
        );
    }
    let migrate = matches!(command, Some(Command::Migrate));
    // Migrations are transactions, so opening the store can be abandoned at any moment.
    let app = tokio::select! {
        app = App::new(config, outside) => app.map_err(|error| error.to_string())?,
        () = signals.stop() => {
            if migrate {
                return Err("stopped before the database was up to date".to_owned());
            }
            tracing::info!("stopping: nothing had started yet");
            return Ok(ExitCode::SUCCESS);
        }
    };
    if migrate {
        app.parts.store.close().await;
        tracing::info!("the database is up to date");
        return Ok(ExitCode::SUCCESS);
    }
    serve_until_stopped(app, place, reporting, settings, log, signals).await
}

/// What a collector gets.
struct Reporting {
    otlp: Otlp,
    tracing: Tracing,
    every: Seconds,
}

impl Reporting {
    fn to(collector: &Collector, outside: &Outside, config: &Config) -> Result<Self, String> {
        let instance = outside.random.id();
        let otlp = Otlp::new(collector, &instance, config.allow_loopback_http)
            .map_err(|error| format!("the HTTP client cannot start: {error}"))?;
        Ok(Self {
            tracing: otlp.tracing(collector.traced, Handle::current()),
            otlp,
            every: collector.every,
        })
    }
}

/// Where a server listens, and how it stops.
struct Place {
    listen: Listen,
    metrics_listen: Option<SocketAddr>,
    drain: Duration,
}

async fn serve_until_stopped(
    app: Arc<App>,
    place: Place,
    reporting: Option<Reporting>,
    settings: Settings,
    log: &Log,
    mut signals: Signals,
) -> Result<ExitCode, String> {
    let descriptors = raise_descriptor_limit();
    if descriptors.is_some_and(|descriptors| descriptors < FEW_DESCRIPTORS) {
        tracing::warn!(
            descriptors,
            "few files and connections may be open: raise the limit of this process (ulimit -n, LimitNOFILE, nofile)"
        );
    }
    let bounds = Bounds {
        connections: connections_within(descriptors),
        ..Bounds::default()
    };
    let (stop_metrics, metrics_stopped) = watch::channel(false);
    let gathering = Arc::new(Gathering::new(app.clone()));
    if let Some(address) = place.metrics_listen {
        let router = latchkey::web::metrics_router(gathering.clone());
        let listener = Listen::Tcp(address).bind("LATCHKEY_METRICS_LISTEN").await?;
        tokio::spawn(serve(router, listener, metrics_stopped.clone()));
    }
    let reporting = reporting.map(
        |Reporting {
             otlp,
             tracing,
             every,
         }| {
            let clock = app.parts.clock.clone();
            let reported = tokio::spawn(async move {
                telemetry::run(otlp, &gathering, clock, every, metrics_stopped).await;
            });
            (reported, tracing)
        },
    );
    let listener = place.listen.bind("LATCHKEY_LISTEN").await?;
    let running =
        Running::start_within(bounds, app, listener).map_err(|error| error.to_string())?;
    tracing::info!(address = %running.address(), connections = bounds.connections, "serving");
    say_addresses(running.app());
    tokio::spawn(look_for_service(running.app().clone()));
    let mut newest = settings.clone();
    while signals.next().await == Asked::Reread {
        newest = reread(&settings, newest, running.app(), log).await;
    }
    tracing::info!(
        seconds = place.drain.as_secs(),
        "stopping: work in progress is finished first, and requests are still served for some seconds"
    );
    running.stop_after(place.drain).await;
    stop_metrics.send_replace(true);
    if let Some((reported, tracing)) = reporting {
        // Each waits for a moment only.
        let _ended = tokio::join!(reported, tracing.end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings that a running server takes over when it is asked to read them again.
const REREAD: [&str; 8] = [
    "LATCHKEY_LOG",
    "LATCHKEY_SEALING_KEYS",
    "LATCHKEY_PROVIDER_CLIENT_SECRET",
    "LATCHKEY_PROVIDER_CLIENT_KEY",
    "LATCHKEY_PROVIDER_CLIENT_CERTIFICATE",
    "LATCHKEY_INTROSPECTION_SECRET",
    "LATCHKEY_SERVICE_SECRET",
    "LATCHKEY_WEBHOOK_SECRET",
];

/// Reads the settings again and takes over what can change: all of it, or nothing if something is wrong. `started` are
/// those of the start, and `before` the newest that were read. Returns the newest.
async fn reread(started: &Settings, before: Settings, app: &App, log: &Log) -> Settings {
    let kept = |why: &str| {
        for why in why.lines() {
            tracing::error!("the settings are not taken over, and those from before stay: {why}");
        }
    };
    let read = read_line().map_err(|error| error.to_string());
    let read = read.map(|line| line.settings).and_then(|settings| {
        let config = Config::read(&settings).map_err(|wrong| wrong.to_string())?;
        Ok((settings, config))
    });
    let (settings, config) = match read {
        Ok(read) => read,
        Err(why) => {
            kept(&why);
            return before;
        }
    };
    if let Err(error) = app.change(&config).await {
        kept(&error.to_string());
        return before;
    }
    log.change_filter(&config.log.filter);
    warn_of(&settings);
    let can_change = |name: &String| REREAD.contains(&name.as_str());
    let mut taken = settings.changed_since(&before);
    taken.retain(can_change);
    let mut left = settings.changed_since(started);
    left.retain(|name| !can_change(name));
    tracing::info!(changed = taken.join(", "), "the settings were read again");
    if !left.is_empty() {
        let left = left.join(", ");
        tracing::warn!(
            left,
            "these settings have changed too, and count after a restart"
        );
    }
    settings
}

/// Names the addresses that others have to know: the service registers the one, and Jira reads the other.
fn say_addresses(app: &App) {
    let base_url = app.connect.base_url.full();
    let redirect = format!("{base_url}/link/callback");
    tracing::info!(
        redirect,
        "the redirect address, as the service has to know it"
    );
    if app.connect.door() == Switch::On {
        let descriptor = format!("{base_url}/atlassian-connect.json");
        tracing::info!(descriptor, "the Connect door is open");
    }
    if app.forge.is_some() {
        tracing::info!(remote = base_url, "the Forge door is open");
    }
}

/// Tells the operator at the start what discovery found, and when the service cannot be reached. Latchkey serves all
/// the same: the service may come back.
async fn look_for_service(app: Arc<App>) {
    let service = app.parts.service.name();
    match app.parts.service.addresses().await {
        Ok(endpoints) => {
            let endpoints: Vec<String> = endpoints
                .iter()
                .map(|(what, address)| format!("{what} {address}"))
                .collect();
            let endpoints = endpoints.join(", ");
            tracing::info!(service, endpoints, "the service was found");
        }
        Err(error) => tracing::warn!(
            %error,
            "nobody can connect, and no key is renewed, until the service answers: check its address, the DNS, the proxy and the firewall; `latchkey doctor` says more"
        ),
    }
}

/// Simulates a machine with a wrong clock, for tests. Releases do not have this variable.
#[cfg(debug_assertions)]
fn with_wrong_clock(outside: Outside) -> Outside {
    let seconds = std::env::var("LATCHKEY_CLOCK_IS_AHEAD").ok();
    match seconds.and_then(|seconds| seconds.parse().ok()) {
        Some(seconds) => Outside {
            clock: latchkey::clock::Clock::wrong_by(seconds),
            ..outside
        },
        None => outside,
    }
}

/// Makes a backup and says what it holds.
async fn back_up(settings: &Settings, to: &Path, mut signals: Signals) -> Result<ExitCode, String> {
    let database = settings.database().map_err(|wrong| wrong.to_string())?;
    let backed_up = tokio::select! {
        backed_up = store::back_up(&database, to) => backed_up.map_err(|error| error.to_string())?,
        () = signals.stop() => return Err("stopped before the backup was made".to_owned()),
    };
    writeln!(stdout(), "{backed_up}").ok();
    Ok(ExitCode::SUCCESS)
}

async fn rotate_keys(
    settings: &Settings,
    log: &Log,
    mut signals: Signals,
) -> Result<ExitCode, String> {
    let upkeep = Upkeep::read(settings).map_err(|wrong| wrong.to_string())?;
    log.record(&upkeep.log.filter, upkeep.log.format, None);
    warn_of(settings);
    let events = Events::new(&Registry::new(), Clock::system());
    let vault = Vault::new(upkeep.sealing_keys, Random::system(), events);
    let rotator = tokio::select! {
        rotator = Rotator::open(&upkeep.database, vault) => {
            rotator.map_err(|error| error.to_string())?
        }
        () = signals.stop() => return Err("stopped before anything was changed".to_owned()),
    };
    let asked = Arc::new(AtomicBool::new(false));
    let told = asked.clone();
    tokio::spawn(async move {
        signals.stop().await;
        told.store(true, Ordering::Relaxed);
    });
    let mut show = progress_bar(log.clone());
    let rotation = rotator
        .rotate_keys(|| asked.load(Ordering::Relaxed), &mut show)
        .await;
    drop(show);
    rotator.close().await;
    let rotation = rotation.map_err(|error| format!("{error}; run it again to go on"))?;
    writeln!(stdout(), "{rotation}").ok();
    if rotation.is_complete() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err("the sealing keys are not changed yet".to_owned())
    }
}

/// Shows a bar on a terminal, and elsewhere one line for each pass.
fn progress_bar(log: Log) -> impl FnMut(RotationProgress) {
    let terminal = stderr().is_terminal();
    let style = ProgressStyle::with_template("pass {prefix} {wide_bar} {pos}/{len} {msg}");
    let bar = style.map_or_else(
        |_| ProgressBar::hidden(),
        |style| ProgressBar::new(0).with_style(style),
    );
    let mut pass = 0;
    move |now| {
        if !terminal && now.pass > pass {
            log.say(&format!("pass {}: {} values to check", now.pass, now.total));
        }
        pass = now.pass;
        bar.set_prefix(now.pass.to_string());
        bar.set_length(now.total.max(now.seen));
        bar.set_position(now.seen);
        bar.set_message(format!("{} encrypted again", now.rewrapped));
    }
}
