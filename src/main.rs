//! The program: reads settings, starts the log, opens the store, runs server and worker, and waits for
//! a signal.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use latchkey::config::{Config, Settings};
use latchkey::server::{Running, serve};
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
}

fn main() -> ExitCode {
    let matches = Settings::on(Line::command()).get_matches();
    let line = Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = Config::read(line.settings)
        .map_err(|invalid| invalid.to_string())
        .and_then(|config| {
            start_log(&config)?;
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("the runtime cannot start: {error}"))?
                .block_on(run(line.command, config))
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("latchkey: {message}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log).map_err(|_| {
        "LATCHKEY_LOG is malformed: it should be a tracing filter, like info or latchkey=debug"
            .to_owned()
    })?;
    let quieter = "tower_sessions=error"
        .parse()
        .map_err(|error| format!("the log cannot start: {error}"))?;
    // It warns of every cookie that is made up, as often as anybody likes; `events` counts those.
    let filter = if config.log.contains("tower_sessions") {
        filter
    } else {
        filter.add_directive(quieter)
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if config.log_json {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
    Ok(())
}

async fn run(command: Option<Command>, config: Config) -> Result<(), String> {
    let outside =
        Outside::real(&config).map_err(|error| format!("the HTTP client cannot start: {error}"))?;
    let listen = config.listen;
    let metrics_listen = config.metrics_listen;
    if config.allow_loopback_http {
        tracing::warn!(
            "plain http is allowed on loopback addresses: this is for demonstrations and tests only"
        );
    }
    let app = App::new(config, outside)
        .await
        .map_err(|error| error.to_string())?;
    if matches!(command, Some(Command::Migrate)) {
        app.store.close().await;
        tracing::info!("the database is up to date");
        return Ok(());
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
    signal().await?;
    tracing::info!("stopping: what is under way is finished");
    stop_metrics.send_replace(true);
    running.stop().await;
    Ok(())
}

/// SIGTERM from whoever supervises us, or Ctrl-C.
async fn signal() -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| format!("signals cannot be awaited: {error}"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}
