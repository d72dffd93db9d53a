//! The demo: `cargo run --example demo` starts the product and the simulated world around it in one
//! process, and prints the one address to open.
//!
//! It keeps everything in a temporary folder, which goes away when the demo is stopped.

#[path = "demo/landing.rs"]
mod landing;
#[path = "mod.rs"]
mod sim;

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey::config::Config;
use latchkey::server::Running;
use latchkey::{App, Outside};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::landing::Landing;
use self::sim::World;
use self::sim::forge_app::{self, Naming};
use self::sim::jira::ForgePages;
use self::sim::service::{Person as Account, ServiceOptions};

/// Keys are renewed at two thirds of their life: with this one, about every minute.
const KEY_LIFE: Duration = Duration::from_secs(90);

/// What goes wrong here is told to the person who started it, and that is all that is done about it.
type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // Quiet, so that the address stays in view.
    tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_writer(std::io::stderr)
        .init();
    // Listened to from the start: dying of a signal would leave the folder behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stopped);

    let folder = tempfile::Builder::new()
        .prefix("latchkey-demo-")
        .tempdir()?;
    let demo = tokio::select! {
        demo = Demo::start(folder.path()) => demo?,
        () = &mut stopped => return Ok(()),
    };
    println!();
    println!("  The Latchkey demo is running.");
    println!();
    println!("    Open  {}", demo.address);
    println!("    Stop  Ctrl-C");
    println!();
    stopped.await;
    demo.running.stop().await;
    println!("  Stopped. Nothing is left behind.");
    Ok(())
}

struct Demo {
    running: Running,
    address: String,
}

impl Demo {
    async fn start(folder: &Path) -> Result<Self, Failure> {
        let world = World::start(ServiceOptions {
            access_token_life: KEY_LIFE,
            people: vec![
                Account::new("u-100", 100, "mia", "Mia Chen"),
                Account::new("u-200", 200, "omar", "Omar Haddad"),
                // To connect the wrong one.
                Account::new("u-300", 300, "mia.private", "Mia Chen (private)"),
            ],
            ..ServiceOptions::default()
        })
        .await;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let app_url = format!("http://latchkey.localhost:{port}");
        world
            .service
            .register_redirect(&format!("{app_url}/link/callback"));

        let config = config(&world, &app_url, folder)?;
        let property_key = config.property_key.clone();
        let naming = Naming {
            app_name: &config.app_name,
            base_url: &app_url,
        };
        let pages = ForgePages::new(naming.app_name, forge_app::pages(&naming));
        world.jira.set_forge_pages(pages);
        let outside = Outside::real(config.allow_loopback_http)?;
        let app = App::new(config, outside).await?;
        let running = Running::start(app, listener)?;

        let landing = Landing::start(world, &app_url, &property_key).await?;
        let address = landing.address();
        Ok(Self { running, address })
    }
}

fn config(world: &World, app_url: &str, folder: &Path) -> Result<Config, Failure> {
    let mut settings = world.settings();
    let mut sealing_key = [0; 32];
    aws_lc_rs::rand::fill(&mut sealing_key)?;
    settings.extend([
        ("LATCHKEY_BASE_URL", app_url.to_owned()),
        (
            "LATCHKEY_DATABASE_URL",
            format!("sqlite://{}", folder.join("latchkey.db").display()),
        ),
        (
            "LATCHKEY_PROVIDER_PURPOSE",
            "See and attach your Acme Drive files without leaving the issue.".to_owned(),
        ),
        (
            "LATCHKEY_PROVIDER_LOGO_URL",
            format!("{}/logo.svg", world.service.issuer()),
        ),
        (
            "LATCHKEY_PROVIDER_SUPPORT_URL",
            format!("{}/help", world.service.issuer()),
        ),
        (
            "LATCHKEY_PROVIDER_PRIVACY_URL",
            format!("{}/privacy", world.service.issuer()),
        ),
        (
            "LATCHKEY_SEALING_KEYS",
            format!("demo:{}", STANDARD.encode(sealing_key)),
        ),
    ]);
    let pairs = settings.iter().map(|(name, value)| (*name, value.as_str()));
    Ok(Config::from_pairs(pairs)?)
}
