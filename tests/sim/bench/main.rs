//! What renewing costs: `cargo bench --bench renewal`, or simply `scripts/bench`. Linux only: processor
//! time and memory are read from /proc.
//!
//! For each database and each number of links: the time of a claim, and then the product's own binary,
//! with a service and a Jira in a process beside it, renewing keys that are all due; first with answers
//! that come at once, then after a time. At the end the same work by the plain loop of `plain.rs`, on
//! the same rows. Everything shares the processors of this machine; where it has other work to do, look at
//! the processor time of a thousand keys, and at the keys a second that it allows on idle processors.
//!
//! | variable | default |
//! |---|---|
//! | `BENCH_DATABASES` | `sqlite,postgres` |
//! | `BENCH_LINKS` | `10000,100000,1000000` |
//! | `BENCH_SECONDS`, of each measurement at most | `20` |
//! | `BENCH_AT_ONCE`, renewals under way | `256` |
//! | `BENCH_DELAYS`, of each answer in milliseconds | `0,100` |
//! | `BENCH_STATEMENTS`, if set, says on which statements PostgreSQL spent its time | |
//! | `BENCH_GROWTH`, if set, instead of all that what `growth.rs` says, up to the most links of `BENCH_LINKS` | none |
//! | `BENCH_HOUR`, instead of all that: for so many seconds what `hour.rs` says | none |

mod growth;
mod hour;
#[path = "../linux.rs"]
mod linux;
mod plain;
mod postgres;
mod seed;
mod world;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchkey::config::Config;
use latchkey::events::Events;
use latchkey::model::Tenant;
use latchkey::outbound::Outbound;
use latchkey::store::{ClaimKind, Lease, Turn};
use latchkey::vault::Vault;
use latchkey::{App, Outside};
use tokio::time::{Instant, sleep};

use self::postgres::Postgres;
use self::seed::Spread;
use self::world::Counts;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sites that the links are spread over.
const TENANTS: usize = 100;
/// How often a claim is timed.
const CLAIMS: usize = 100;
/// Of so many tenants.
const TURNS: usize = 4;
/// So many links of each.
const OF_EACH: i64 = 8;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--world") => world::serve(arguments.get(1).ok_or("how many links?")?.parse()?).await,
        Some("--plain") => {
            let place = Place::of(
                arguments.get(1).ok_or("which database?")?,
                arguments.get(2).ok_or("which port?")?.parse()?,
                arguments.get(3).ok_or("which key?")?,
            );
            let (app, vault) = place.open().await?;
            let tenants = seed::tenants(&app, place.world.port(), TENANTS).await?;
            app.parts.store.close().await;
            drop(app);
            let http = Outbound::new(true)?.client().clone();
            let service = format!("http://{}", place.world);
            plain::renew(&place.url, &service, tenants, vault, http).await
        }
        _ => measure().await,
    }
}

fn numbers(name: &str, default: &str) -> Result<Vec<usize>, Failure> {
    let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    text.split(',')
        .map(|number| Ok(number.trim().parse()?))
        .collect()
}

async fn measure() -> Result<(), Failure> {
    let databases =
        std::env::var("BENCH_DATABASES").unwrap_or_else(|_| "sqlite,postgres".to_owned());
    let sizes = numbers("BENCH_LINKS", "10000,100000,1000000")?;
    let delays = numbers("BENCH_DELAYS", "0,100")?;
    let seconds = numbers("BENCH_SECONDS", "20")?[0];
    let window = Duration::from_secs(seconds.try_into()?);
    if std::env::var_os("BENCH_GROWTH").is_some() {
        let most = sizes.iter().copied().max().unwrap_or_default();
        for database in databases.split(',') {
            growth::measure(database, most).await?;
        }
        return Ok(());
    }
    if let Ok(hour) = std::env::var("BENCH_HOUR") {
        let time = Duration::from_secs(hour.parse()?);
        for database in databases.split(',') {
            let postgres = server(database).await?;
            for &links in &sizes {
                hour::measure(database, postgres.as_ref(), links, time).await?;
            }
        }
        return Ok(());
    }
    println!(
        "database  links    | answers after      | keys/s  calls/s | CPU s per 1000 keys: \
         latchkey  database  world | allows keys/s | memory MB | claim ms"
    );
    for database in databases.split(',') {
        let postgres = server(database).await?;
        for &links in &sizes {
            let folder = tempfile::tempdir()?;
            let (place, world) = Place::empty(postgres.as_ref(), folder.path(), links).await?;
            let claim = prepare(&place, links).await?;
            let runs = u64::try_from(delays.len() + 1)?;
            // Each run goes on for a moment after its last count, and the last must not run dry.
            let most = u64::try_from(links)? * 4 / 5 / runs;
            let mut bench = Bench {
                database,
                links,
                place: &place,
                world: &world,
                postgres: postgres.as_ref(),
                most,
                window,
            };
            let mut first = None;
            for &delay in &delays {
                let delay = Duration::from_millis(delay.try_into()?);
                world::set_delay(place.world, delay).await?;
                let product = Process::of(place.product(&folder.path().join("log"))?)?;
                let what = format!("{} ms", delay.as_millis());
                let rate = bench.run(&what, product, Some(claim)).await?;
                first.get_or_insert(rate);
                let log = fs::read_to_string(folder.path().join("log"))?;
                if let Some(line) = log.lines().next() {
                    println!("  the log has {} lines: {line}", log.lines().count());
                }
            }
            world::set_delay(place.world, Duration::ZERO).await?;
            let plain = Process::of(Command::new(std::env::current_exe()?).args([
                "--plain",
                &place.url,
                &place.world.port().to_string(),
                &place.key,
            ]))?;
            let plain = bench.run("0 ms, plain loop", plain, None).await?;
            if let Some(first) = first {
                println!("{database} {links}: {:.2} of the plain loop", first / plain);
            }
        }
    }
    Ok(())
}

/// Fills the database; then says how long one claim takes, in milliseconds.
async fn prepare(place: &Place, links: usize) -> Result<f64, Failure> {
    let (app, vault) = place.open().await?;
    let tenants: Vec<Tenant> = seed::tenants(&app, place.world.port(), TENANTS).await?;
    seed::links(&app, &vault, &place.url, &tenants, links, Spread::AllDue).await?;
    let now = app.parts.clock.now();
    let most = i64::try_from(TURNS)? * OF_EACH;
    let mut times = Vec::new();
    for number in 0..CLAIMS {
        let turns = turns(&tenants, number);
        let before = Instant::now();
        let claims = app
            .parts
            .store
            .claim(
                Lease {
                    owner: &app.renewing.replica,
                    until: now + 45,
                },
                &turns,
                most,
                ClaimKind::Due,
                now,
                now + 900,
            )
            .await?;
        times.push(before.elapsed().as_secs_f64() * 1e3);
        if claims.len() != TURNS * usize::try_from(OF_EACH)? {
            return Err("a claim found too few links".into());
        }
    }
    app.parts.store.release(&app.renewing.replica, now).await?;
    app.parts.store.close().await;
    seed::forget_time(&place.url).await?;
    times.sort_by(f64::total_cmp);
    Ok(times[CLAIMS / 2])
}

/// The turns of the claim of this number, as the worker has them when many tenants stand in line: some links of each, one
/// tenant after the other.
fn turns(tenants: &[Tenant], number: usize) -> Vec<Turn> {
    let turn = |turn: usize| Turn {
        tenant: tenants[(number * TURNS + turn) % tenants.len()]
            .client_key
            .clone(),
        most: OF_EACH,
        rests: false,
    };
    (0..TURNS).map(turn).collect()
}

/// The server of a database, where it has one.
async fn server(database: &str) -> Result<Option<Postgres>, Failure> {
    Ok(match database {
        "postgres" => Some(Postgres::start().await?),
        _ => None,
    })
}

/// Where everything is.
struct Place {
    url: String,
    world: SocketAddr,
    key: String,
    /// What Jira allows, and what else a measurement sets.
    other: Vec<(&'static str, String)>,
}

impl Place {
    /// An empty database, in this folder if it has no server, and a world for so many links.
    async fn empty(
        postgres: Option<&Postgres>,
        folder: &Path,
        links: usize,
    ) -> Result<(Self, Process), Failure> {
        let url = match postgres {
            Some(postgres) => postgres.create("bench").await?,
            None => format!("sqlite://{}", folder.join("bench.db").display()),
        };
        let mut world = Process::world(links)?;
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        let place = Self::of(&url, world.first_line()?.parse()?, &STANDARD.encode(key));
        Ok((place, world))
    }

    fn of(url: &str, port: u16, key: &str) -> Self {
        Self {
            url: url.to_owned(),
            world: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            key: key.to_owned(),
            // What is allowed by default is far below what is measured.
            other: vec![
                ("LATCHKEY_JIRA_QUOTA", "1000000000".to_owned()),
                ("LATCHKEY_JIRA_BURST", "1000".to_owned()),
            ],
        }
    }

    /// The same with these settings in place of a Jira that allows everything.
    fn with(self, other: Vec<(&'static str, String)>) -> Self {
        Self { other, ..self }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let world = self.world;
        let mut settings = vec![
            ("LATCHKEY_BASE_URL", "http://localhost:1".to_owned()),
            ("LATCHKEY_ALLOW_LOOPBACK_HTTP", "true".to_owned()),
            ("LATCHKEY_SITE_HOSTS", "*.localhost".to_owned()),
            ("LATCHKEY_DATABASE_URL", self.url.clone()),
            ("LATCHKEY_SEALING_KEYS", format!("bench:{}", self.key)),
            ("LATCHKEY_PROVIDER_NAME", "Acme Drive".to_owned()),
            (
                "LATCHKEY_PROVIDER_AUTHORIZE_URL",
                format!("http://{world}/authorize"),
            ),
            (
                "LATCHKEY_PROVIDER_TOKEN_URL",
                format!("http://{world}/token"),
            ),
            (
                "LATCHKEY_PROVIDER_IDENTITY_URL",
                format!("http://{world}/me"),
            ),
            ("LATCHKEY_PROVIDER_CLIENT_ID", "client".to_owned()),
            ("LATCHKEY_PROVIDER_CLIENT_SECRET", "secret".to_owned()),
            ("LATCHKEY_LOG", "warn".to_owned()),
            (
                "LATCHKEY_PROVIDER_CONCURRENCY",
                std::env::var("BENCH_AT_ONCE").unwrap_or_else(|_| "256".to_owned()),
            ),
        ];
        settings.extend(self.other.clone());
        settings
    }

    /// The app in this process, for what the product has no command for.
    async fn open(&self) -> Result<(Arc<App>, Vault), Failure> {
        let settings = self.settings();
        let pairs = settings.iter().map(|(name, value)| (*name, value.as_str()));
        let config = Config::from_pairs(pairs)?;
        let outside = Outside::real(config.allow_loopback_http)?;
        let events = Events::new(&Default::default(), outside.clock.clone());
        let vault = Vault::new(config.sealing_keys.clone(), outside.random.clone(), events);
        Ok((App::new(config, outside).await?, vault))
    }

    /// The binary of the product, as an operator starts it.
    fn product(&self, log: &Path) -> Result<Command, Failure> {
        let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_latchkey")));
        command
            .env_clear()
            .envs(self.settings())
            .env("LATCHKEY_LISTEN", linux::free_address()?.to_string())
            .stderr(fs::File::create(log)?);
        Ok(command)
    }
}

struct Bench<'a> {
    database: &'a str,
    links: usize,
    place: &'a Place,
    world: &'a Process,
    postgres: Option<&'a Postgres>,
    /// Keys that one run may renew.
    most: u64,
    window: Duration,
}

impl Bench<'_> {
    /// Lets `process` renew, and says how many keys a second it did.
    async fn run(
        &mut self,
        what: &str,
        process: Process,
        claim: Option<f64>,
    ) -> Result<f64, Failure> {
        let first = Counts::of(self.place.world).await?;
        let patience = Instant::now() + Duration::from_secs(60);
        // From the first keys on, so that starting is not counted.
        let from = loop {
            let counts = Counts::of(self.place.world).await?;
            if counts.puts >= first.puts + 100 {
                break counts;
            }
            if Instant::now() > patience {
                return Err("nothing is renewed".into());
            }
            sleep(Duration::from_millis(2)).await;
        };
        if let Some(postgres) = self.postgres {
            postgres.forget_statements(&self.place.url).await?;
        }
        let before = (Instant::now(), self.processor(&process)?);
        let mut memory = 0;
        let to = loop {
            sleep(Duration::from_millis(50)).await;
            memory = memory.max(process.memory()?);
            let counts = Counts::of(self.place.world).await?;
            if counts.puts - first.puts >= self.most || before.0.elapsed() > self.window {
                break counts;
            }
        };
        let seconds = before.0.elapsed().as_secs_f64();
        let after = self.processor(&process)?;
        process.end().await?;
        let end = Counts::of(self.place.world).await?;
        let keys = number(to.puts - from.puts);
        let calls = keys + number(to.refreshes - from.refreshes);
        let processors = number(std::thread::available_parallelism()?.get().try_into()?);
        let each = |part: fn(&[f64; 3]) -> f64| (part(&after) - part(&before.1)) / keys * 1000.0;
        println!(
            "{:<9} {:<8} | {:<18} | {:>6.0}  {:>7.0} | {:>29.2}  {:>8}  {:>5.2} | {:>13.0} | {:>9.1} | {}",
            self.database,
            self.links,
            what,
            keys / seconds,
            calls / seconds,
            each(|it| it[0]),
            self.postgres.map_or_else(
                || "within".to_owned(),
                |_| format!("{:.2}", each(|it| it[1]))
            ),
            each(|it| it[2]),
            processors / each(|it| it[0] + it[1] + it[2]) * 1000.0,
            number(memory) / 1e6,
            claim.map_or_else(String::new, |claim| format!("{claim:.2}")),
        );
        if let (Some(postgres), true) = (
            self.postgres,
            std::env::var_os("BENCH_STATEMENTS").is_some(),
        ) {
            for line in postgres.statements(&self.place.url, keys).await? {
                println!("  {line}");
            }
        }
        // The work would not be the one that is meant.
        if end.wrong > first.wrong {
            let wrong = end.wrong - first.wrong;
            return Err(format!("{wrong} requests were wrong").into());
        }
        Ok(keys / seconds)
    }

    /// Seconds of processor time that each party has used: who renews, the database, the world.
    fn processor(&self, process: &Process) -> Result<[f64; 3], Failure> {
        let postgres = self.postgres.map_or(Ok(0.0), |it| family(it.server.id()))?;
        Ok([
            used(process.child.id())?[0],
            postgres,
            used(self.world.child.id())?[0],
        ])
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is printed with few digits")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Processor time of a process, in seconds, and of its children that have ended.
fn used(pid: u32) -> Result<[f64; 2], Failure> {
    Ok(linux::processor_time(pid)?.map(|time| time.as_secs_f64()))
}

/// Processor time of a process and all its children.
fn family(pid: u32) -> Result<f64, Failure> {
    let mut sum: f64 = used(pid)?.iter().sum();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    for child in children.split_whitespace() {
        // It may end in between; then its parent has its time.
        sum += used(child.parse()?).map_or(0.0, |times| times[0]);
    }
    Ok(sum)
}

/// A process that ends with this value.
struct Process {
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// The service and Jira, for so many links.
    fn world(links: usize) -> Result<Self, Failure> {
        Self::of(Command::new(std::env::current_exe()?).args(["--world", &links.to_string()]))
    }

    fn of(mut command: impl std::borrow::BorrowMut<Command>) -> Result<Self, Failure> {
        let child = command
            .borrow_mut()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self { child })
    }

    fn first_line(&mut self) -> Result<String, Failure> {
        let stdout = self.child.stdout.take().ok_or("it has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Resident memory in bytes.
    fn memory(&self) -> Result<u64, Failure> {
        linux::memory(self.child.id())
    }

    /// Asks it to end, and waits.
    async fn end(mut self) -> Result<(), Failure> {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        for _ in 0..200 {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err("it does not end".into())
    }
}
