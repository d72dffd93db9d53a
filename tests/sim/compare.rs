//! Latchkey's panel beside a page of atlassian-connect-express (ACE) and the bare handler in Latchkey's own process:
//! `scripts/compare`. docs/measuring.md says what is compared and what is not.

#[path = "mod.rs"]
mod sim;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::sim::World;
use self::sim::jira::{OMAR, Overrides};
use self::sim::linux::free_address;
use self::sim::load::{Failure, Measured, Pace, body, load};
use self::sim::process::{Server, megabytes};
use self::sim::service::ServiceOptions;

const ROUNDS: usize = 5;
const SITE: &str = "acme";
/// How long each load lasts.
const LASTING: Duration = Duration::from_secs(4);
/// How long Latchkey and ACE are under load before anything counts: Node compiles what runs often.
const WARMING: Duration = Duration::from_secs(10);

/// A way to ask. Each round has all of them, and each of them asks its subjects in turn.
struct Load {
    name: &'static str,
    connections: usize,
    pace: Pace,
    subjects: &'static [Subject],
}

const LOADS: [Load; 4] = [
    Load {
        name: "8 connections, each asks as soon as it has its answer",
        connections: 8,
        pace: Pace::Lasting(LASTING),
        subjects: &[Subject::Bare, Subject::Latchkey, Subject::Ace],
    },
    Load {
        name: "32 connections, each asks as soon as it has its answer",
        connections: 32,
        pace: Pace::Lasting(LASTING),
        subjects: &[Subject::Bare, Subject::Latchkey, Subject::Ace],
    },
    Load {
        name: "32 connections, 500 requests a second at fixed times",
        connections: 32,
        pace: Pace::Fixed {
            rate: 500,
            lasting: LASTING,
        },
        subjects: &[Subject::Bare, Subject::Latchkey, Subject::Ace],
    },
    Load {
        name: "32 connections, 5000 requests a second at fixed times, which is too much for ACE",
        connections: 32,
        pace: Pace::Fixed {
            rate: 5000,
            lasting: LASTING,
        },
        subjects: &[Subject::Bare, Subject::Latchkey],
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Subject {
    /// `GET /healthz` of Latchkey.
    Bare,
    Latchkey,
    Ace,
}

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare handler",
            Self::Latchkey => "Latchkey",
            Self::Ace => "ACE",
        }
    }
}

/// What was measured of one subject under one load, a value for each round.
#[derive(Default)]
struct Column {
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Milliseconds of processor time for 1000 requests.
    processor: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(latchkey), Some(node), Some(app)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("say which Latchkey, which Node and which app to compare".into());
    };
    let folder = tempfile::tempdir()?;
    let compared = Compared::start(&latchkey, &node, &app, folder.path()).await?;

    let idle = compared.memory()?;
    for subject in [Subject::Latchkey, Subject::Ace] {
        compared
            .load(subject, LOADS[0].connections, Pace::Lasting(WARMING))
            .await?;
    }
    let mut columns: Vec<Vec<Column>> = LOADS
        .iter()
        .map(|load| load.subjects.iter().map(|_| Column::default()).collect())
        .collect();
    for _ in 0..ROUNDS {
        for (load, columns) in LOADS.iter().zip(&mut columns) {
            for (&subject, column) in load.subjects.iter().zip(columns) {
                let (measured, processor) =
                    compared.load(subject, load.connections, load.pace).await?;
                column.rate.push(measured.rate());
                column.p50.push(measured.percentile(50));
                column.p99.push(measured.percentile(99));
                column.processor.push(processor);
            }
        }
    }

    println!("median of {ROUNDS} rounds (smallest to largest)");
    for (load, columns) in LOADS.iter().zip(&columns) {
        println!("\n{}", load.name);
        println!(
            "{:<16}{:>26}{:>24}{:>24}{:>28}",
            "", "requests a second", "p50, ms", "p99, ms", "processor ms/1000 requests"
        );
        for (subject, column) in load.subjects.iter().zip(columns) {
            println!(
                "{:<16}{:>26}{:>24}{:>24}{:>28}",
                subject.name(),
                Spread(&column.rate, 0).to_string(),
                Spread(&column.p50, 2).to_string(),
                Spread(&column.p99, 2).to_string(),
                Spread(&column.processor, 0).to_string(),
            );
        }
        if let (Pace::Lasting(_), [bare, latchkey, ace]) = (load.pace, columns.as_slice()) {
            for (name, ratio) in [
                ("Latchkey / ACE", latchkey.ratio(ace)),
                ("Latchkey / bare", latchkey.ratio(bare)),
                ("bare / ACE", bare.ratio(ace)),
            ] {
                println!("{name:<16}{:>26}", Spread(&ratio, 2).to_string());
            }
        }
    }

    println!("\nmemory, MB      idle   afterwards");
    let afterwards = compared.memory()?;
    for (name, idle, afterwards) in [
        ("Latchkey", idle.0, afterwards.0),
        ("ACE", idle.1, afterwards.1),
    ] {
        println!(
            "{name:<14}{:>6.1}{:>13.1}",
            megabytes(idle),
            megabytes(afterwards)
        );
    }
    Ok(())
}

impl Column {
    /// How many times as many requests a second as another subject, in each round.
    fn ratio(&self, other: &Self) -> Vec<f64> {
        let pairs = self.rate.iter().zip(&other.rate);
        pairs.map(|(one, other)| one / other).collect()
    }
}

/// Some values, printed as their median and their range, with so many decimals.
struct Spread<'a>(&'a [f64], usize);

impl Display for Spread<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(values, decimals) = *self;
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let (median, least, most) = (
            values[values.len() / 2],
            values[0],
            values[values.len() - 1],
        );
        write!(
            formatter,
            "{median:.decimals$} ({least:.decimals$} to {most:.decimals$})"
        )
    }
}

/// Both servers, where the same tenant is installed with the same shared secret.
struct Compared {
    world: World,
    latchkey: Server,
    ace: Server,
}

impl Compared {
    async fn start(
        latchkey: &Path,
        node: &Path,
        app: &Path,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let world = World::start(ServiceOptions::default()).await;
        let latchkey = Server::latchkey(latchkey, &world, &folder.join("latchkey.db")).await?;
        let descriptor = format!("{}/atlassian-connect.json", latchkey.base);
        world.jira.install(SITE, &descriptor).await?;

        // The view of ACE's page is what Latchkey's panel answers, so both send the same page.
        let none = Overrides::none();
        let page = body(latchkey.address, &path(&world, Subject::Latchkey, &none))?;
        std::fs::write(folder.join("panel.hbs"), &page)?;
        let ace = start_ace(&world, node, app, folder).await?;
        if body(ace.address, &path(&world, Subject::Ace, &none))? != page {
            return Err("ACE answers with another page".into());
        }
        println!("page: {} bytes, not compressed", page.len());

        // Whether both look at the signature at all. ACE reports it.
        eprintln!("a forged token follows, which both have to refuse");
        let forged = Overrides::none().secret("another secret");
        for (subject, server) in [(Subject::Latchkey, &latchkey), (Subject::Ace, &ace)] {
            if body(server.address, &path(&world, subject, &forged)).is_ok() {
                return Err(format!("{} accepts a forged token", subject.name()).into());
            }
        }
        Ok(Self {
            world,
            latchkey,
            ace,
        })
    }

    /// Asks a subject, and says how many milliseconds of processor time its process used for 1000 requests.
    async fn load(
        &self,
        subject: Subject,
        connections: usize,
        pace: Pace,
    ) -> Result<(Measured, f64), Failure> {
        let server = match subject {
            Subject::Bare | Subject::Latchkey => &self.latchkey,
            Subject::Ace => &self.ace,
        };
        // A new token each time: they live for three minutes.
        let path = path(&self.world, subject, &Overrides::none());
        let before = server.processor_time()?;
        let measured = load(server.address, &path, connections, pace).await?;
        let used = server.processor_time()? - before;
        let thousands = f64::from(u32::try_from(measured.requests())?) / 1e3;
        Ok((measured, used.as_secs_f64() * 1e3 / thousands))
    }

    /// Resident memory of Latchkey and of ACE.
    fn memory(&self) -> Result<(u64, u64), Failure> {
        Ok((self.latchkey.memory()?, self.ace.memory()?))
    }
}

/// What a subject is asked for.
fn path(world: &World, subject: Subject, overrides: &Overrides) -> String {
    let path = match subject {
        Subject::Bare => return "/healthz".to_owned(),
        Subject::Latchkey => "/connect/glance?issue=KEY-1",
        Subject::Ace => "/panel?issue=KEY-1",
    };
    let token = world.jira.iframe_token(SITE, OMAR, "GET", path, overrides);
    format!("{path}&jwt={token}")
}

/// The app of tests/compare, with the view that is in this folder.
async fn start_ace(
    world: &World,
    node: &Path,
    app: &Path,
    views: &Path,
) -> Result<Server, Failure> {
    let address = free_address()?;
    let site = world.jira.site(SITE);
    let secret = site.app.as_ref().and_then(|app| app.secrets.last());
    let mut command = Command::new(node);
    command
        .arg("app.js")
        .current_dir(app)
        .env_clear()
        .env("NODE_ENV", "production")
        .env("PORT", address.port().to_string())
        .env("VIEWS", views)
        .env("CLIENT_KEY", &site.client_key)
        .env("SHARED_SECRET", secret.ok_or("the site has no secret")?)
        .env("SITE", world.jira.url(SITE));
    let base = format!("http://{address}");
    let ready = path(world, Subject::Ace, &Overrides::none());
    Server::start(command, address, base, &ready).await
}
