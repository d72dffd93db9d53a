//! Latchkey's panel beside a page of atlassian-connect-express (ACE) and the bare handler in Latchkey's own process:
//! `scripts/compare`. docs/measuring.md says what is compared and what is not.

#[path = "mod.rs"]
mod sim;

use std::fmt::{self, Display};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use self::sim::World;
use self::sim::jira::{OMAR, Overrides};
use self::sim::linux::free_address;
use self::sim::load::{Failure, Measured, Pace, Request, ask, load};
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

/// One comparison: how both sides are asked, and what ACE has.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// The load does not ask for compression, and ACE has only what it needs.
    Minimal,
    /// The load asks as Chromium does, and ACE has the middleware of Atlassian's template.
    Browser,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Minimal => "Without compression, ACE with nothing more than it needs",
            Self::Browser => "As a browser asks, ACE with the middleware of Atlassian's template",
        }
    }

    fn request(self, path: &str) -> Request {
        match self {
            Self::Minimal => Request::new(path),
            Self::Browser => Request::as_a_browser(path),
        }
    }

    /// The content coding of the page. ACE's `compression` prefers Brotli where the request takes both.
    fn coding(self, subject: Subject) -> Option<&'static str> {
        match (self, subject) {
            (Self::Minimal, _) | (_, Subject::Bare) => None,
            (Self::Browser, Subject::Latchkey) => Some("gzip"),
            (Self::Browser, Subject::Ace) => Some("br"),
        }
    }
}

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
    for part in [Part::Minimal, Part::Browser] {
        println!("\n== {}", part.name());
        let folder = tempfile::tempdir()?;
        let compared = Compared::start(part, &latchkey, &node, &app, folder.path()).await?;
        compared.measure().await?;
    }
    Ok(())
}

/// Prints what was measured under each load.
fn print(columns: &[Vec<Column>]) {
    println!("median of {ROUNDS} rounds (smallest to largest)");
    for (load, columns) in LOADS.iter().zip(columns) {
        println!("\n{}", load.name);
        println!(
            "{:<16}{:>26}{:>26}{:>26}{:>28}",
            "", "requests a second", "p50, ms", "p99, ms", "processor ms/1000 requests"
        );
        for (subject, column) in load.subjects.iter().zip(columns) {
            println!(
                "{:<16}{:>26}{:>26}{:>26}{:>28}",
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
    part: Part,
    world: World,
    latchkey: Server,
    ace: Server,
}

impl Compared {
    async fn start(
        part: Part,
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
        let plain = Request::new(&path(&world, Subject::Latchkey, &none));
        let page = ask(latchkey.address, &plain)?.with_status(200)?.body()?;
        std::fs::write(folder.join("panel.hbs"), &page)?;
        let ace = start_ace(part, &world, node, app, folder).await?;

        println!("page: {} bytes", page.len());
        let forged = Overrides::none().secret("another secret");
        for (subject, server, refusal) in [
            (Subject::Latchkey, &latchkey, 401),
            // ACE answers 400 where it cannot decode a token, for which it checks the signature.
            (Subject::Ace, &ace, 400),
        ] {
            let name = subject.name();
            let request = part.request(&path(&world, subject, &none));
            let answer = ask(server.address, &request)?.with_status(200)?;
            let coding = answer.header("content-encoding");
            if coding != part.coding(subject) {
                return Err(format!("{name} sends the page as {coding:?}").into());
            }
            let body = answer.body()?;
            println!(
                "{name} sends {} bytes of it, {}, and {} of headers and framing",
                body.len(),
                coding.unwrap_or("not compressed"),
                answer.sent() - body.len(),
            );
            if unpacked(node, coding, body)? != page {
                return Err(format!("{name} answers with another page").into());
            }

            // Whether it looks at the signature at all. ACE reports it.
            eprintln!("a forged token follows, which {name} has to refuse");
            let forged = part.request(&path(&world, subject, &forged));
            ask(server.address, &forged)?
                .with_status(refusal)
                .map_err(|failure| format!("{name} and a forged token: {failure}"))?;
        }
        Ok(Self {
            part,
            world,
            latchkey,
            ace,
        })
    }

    /// All rounds, and prints what came of them.
    async fn measure(&self) -> Result<(), Failure> {
        let idle = self.memory()?;
        for subject in [Subject::Latchkey, Subject::Ace] {
            self.load(subject, LOADS[0].connections, Pace::Lasting(WARMING))
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
                        self.load(subject, load.connections, load.pace).await?;
                    column.rate.push(measured.rate());
                    column.p50.push(measured.percentile(50));
                    column.p99.push(measured.percentile(99));
                    column.processor.push(processor);
                }
            }
        }
        print(&columns);

        println!("\nmemory, MB      idle   afterwards");
        let afterwards = self.memory()?;
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
        let request = self.part.request(&path);
        let before = server.processor_time()?;
        let measured = load(server.address, &request, connections, pace).await?;
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

/// A body without its content coding, which Node undoes.
fn unpacked(node: &Path, coding: Option<&str>, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let undo = match coding {
        None => return Ok(body),
        Some("gzip") => "gunzipSync",
        Some("br") => "brotliDecompressSync",
        Some(other) => return Err(format!("nothing here undoes {other}").into()),
    };
    let script =
        format!("process.stdout.write(require('zlib').{undo}(require('fs').readFileSync(0)))");
    let mut child = Command::new(node)
        .args(["-e", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Node reads until the input is closed, and only then writes.
    let written = child.stdin.take().map(|mut input| input.write_all(&body));
    let output = child.wait_with_output()?;
    written.ok_or("Node has no input")??;
    if !output.status.success() {
        return Err(format!("{undo} of Node cannot read the page").into());
    }
    Ok(output.stdout)
}

/// The app of tests/compare, with the view that is in this folder.
async fn start_ace(
    part: Part,
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
    if part == Part::Browser {
        command.env("MIDDLEWARE", "template");
    }
    let base = format!("http://{address}");
    let ready = path(world, Subject::Ace, &Overrides::none());
    Server::start(command, address, base, &ready).await
}
