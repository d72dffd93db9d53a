//! The program: reads settings, starts the log, opens the store, runs server and worker, and waits for
//! a signal. Or does what has to be done beside servers: migrating, changing the sealing keys.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use latchkey::clock::Clock;
use latchkey::config::{Config, LogConfig, Settings, Upkeep};
use latchkey::doctor::{self, Finding, Mark};
use latchkey::events::Events;
use latchkey::log::{self, Log};
use latchkey::random::Random;
use latchkey::server::{Running, serve};
use latchkey::signals::Stop;
use latchkey::store::{Progress, Rotator};
use latchkey::vault::Vault;
use latchkey::{App, Outside};

/// Lets people in Jira connect their account at a service, and keeps the key that proves it fresh.
///
/// Every setting is a flag and an environment variable of the same name.
#[derive(Parser)]
#[command(version, about, long_about)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, and renew keys (also without a command)
    Serve,
    /// Bring the database up to date and stop
    Migrate,
    /// Say what is well and what is not, beside a server or without one. Changes nothing; the exit code
    /// is 1 if something is not well
    Doctor,
    /// Seal anew, by the first sealing key, what the others have sealed; servers may go on running
    ///
    /// It takes the database, the sealing keys and the log from the settings, can be interrupted at any
    /// moment and run again, and ends by saying which keys can be taken out.
    RotateKeys,
}

fn main() -> ExitCode {
    let log = match Log::start() {
        Ok(log) => log,
        Err(error) => {
            writeln!(stderr(), "latchkey: the log cannot start: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    let done = begin(&log);
    if let Err(message) = &done {
        log.say(&format!("latchkey: {message}"));
    }
    log.end();
    done.unwrap_or(ExitCode::FAILURE)
}

fn begin(log: &Log) -> Result<ExitCode, String> {
    // Before everything that takes time: from now on no signal ends this process in the middle of something.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))?;
    let stop = {
        let _in_it = runtime.enter();
        Stop::listen().map_err(|error| format!("signals cannot be awaited: {error}"))?
    };
    let matches = Settings::on(Line::command()).get_matches();
    let line = Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = runtime.block_on(async {
        match line.command {
            Some(Command::Doctor) => Ok(see_the_doctor(line.settings, stop).await),
            Some(Command::RotateKeys) => rotate_keys(line.settings, log, stop).await,
            command => run(command, line.settings, log, stop).await,
        }
    });
    // What still runs has had its time, and a name that is being looked up would be waited for.
    runtime.shutdown_background();
    done
}

/// Without a log: what there is to say is on standard output.
async fn see_the_doctor(settings: Settings, mut stop: Stop) -> ExitCode {
    let say = |finding: Finding| {
        // Whoever reads may have seen enough and gone.
        let _ = writeln!(stdout(), "{finding}");
    };
    let examined = async {
        let config = Config::read(settings).map_err(|invalid| invalid.to_string())?;
        let outside = outside(&config)?;
        let mut say = say;
        Ok(doctor::examine(&config, &outside, &mut say).await)
    };
    let examined = tokio::select! {
        examined = examined => examined,
        () = stop.asked() => return ExitCode::FAILURE,
    };
    let well = examined.unwrap_or_else(|words: String| {
        say(Finding {
            mark: Mark::Bad,
            what: "settings",
            words,
        });
        false
    });
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn outside(config: &Config) -> Result<Outside, String> {
    Outside::real(config).map_err(|error| format!("the HTTP client cannot start: {error}"))
}

fn start_log(config: &LogConfig, log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|_| {
        "LATCHKEY_LOG is malformed: it should be a tracing filter, like info or latchkey=debug"
            .to_owned()
    })?;
    let quieter = "tower_sessions=error"
        .parse()
        .map_err(|error| format!("the log cannot start: {error}"))?;
    // It warns of every cookie that is made up, as often as anybody likes; `events` counts those.
    let filter = if config.filter.contains("tower_sessions") {
        filter
    } else {
        filter.add_directive(quieter)
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.clone())
        // Those would be written past the log, to a reader that may be gone.
        .log_internal_errors(false);
    if config.json {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
    log::panics_are_logged();
    Ok(())
}

async fn run(
    command: Option<Command>,
    settings: Settings,
    log: &Log,
    mut stop: Stop,
) -> Result<ExitCode, String> {
    let config = Config::read(settings).map_err(|invalid| invalid.to_string())?;
    start_log(&config.log, log)?;
    let outside = outside(&config)?;
    #[cfg(debug_assertions)]
    let outside = with_wrong_clock(outside);
    let listen = config.listen;
    let metrics_listen = config.metrics_listen;
    if config.allow_loopback_http {
        tracing::warn!(
            "plain http is allowed on loopback addresses: this is for demonstrations and tests only"
        );
    }
    let migrate = matches!(command, Some(Command::Migrate));
    // Whatever is under way here is made whole or not at all, whenever it is left.
    let app = tokio::select! {
        app = App::new(config, outside) => app.map_err(|error| error.to_string())?,
        () = stop.asked() => {
            if migrate {
                return Err("stopped before the database was up to date".to_owned());
            }
            tracing::info!("stopping: nothing was under way yet");
            return Ok(ExitCode::SUCCESS);
        }
    };
    if migrate {
        app.store.close().await;
        tracing::info!("the database is up to date");
        return Ok(ExitCode::SUCCESS);
    }
    let bind = |address| async move {
        TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))
    };
    let (stop_metrics, metrics_stopped) = watch::channel(false);
    if let Some(address) = metrics_listen {
        let router = latchkey::web::metrics_router(app.clone());
        tokio::spawn(serve(router, bind(address).await?, metrics_stopped));
    }
    let running = Running::start(app, bind(listen).await?).map_err(|error| error.to_string())?;
    tracing::info!(address = %running.address(), "serving");
    stop.asked().await;
    tracing::info!("stopping: what is under way is finished");
    stop_metrics.send_replace(true);
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// A machine whose clock is wrong, for tests: no release knows this variable.
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

async fn rotate_keys(settings: Settings, log: &Log, mut stop: Stop) -> Result<ExitCode, String> {
    let upkeep = Upkeep::read(settings).map_err(|invalid| invalid.to_string())?;
    start_log(&upkeep.log, log)?;
    let events = Events::new(&Registry::new(), Clock::system());
    let vault = Vault::new(upkeep.sealing_keys, Random::system(), events);
    let rotator = tokio::select! {
        rotator = Rotator::open(&upkeep.database, vault) => {
            rotator.map_err(|error| error.to_string())?
        }
        () = stop.asked() => return Err("stopped before anything was changed".to_owned()),
    };
    let asked = Arc::new(AtomicBool::new(false));
    let told = asked.clone();
    tokio::spawn(async move {
        stop.asked().await;
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

/// A bar on a terminal; elsewhere a line for the start of each pass.
fn progress_bar(log: Log) -> impl FnMut(Progress) {
    let terminal = stderr().is_terminal();
    let style = ProgressStyle::with_template("pass {prefix} {wide_bar} {pos}/{len} {msg}");
    let bar = style.map_or_else(
        |_| ProgressBar::hidden(),
        |style| ProgressBar::new(0).with_style(style),
    );
    let mut pass = 0;
    move |now| {
        if !terminal && now.pass > pass {
            log.say(&format!(
                "pass {}: {} values to look at",
                now.pass, now.total
            ));
        }
        pass = now.pass;
        bar.set_prefix(now.pass.to_string());
        bar.set_length(now.total.max(now.seen));
        bar.set_position(now.seen);
        bar.set_message(format!("{} sealed anew", now.rewrapped));
    }
}
