//! Measures a binary of the product, which runs as a process of its own beside a simulated world:
//! `cargo run --release --example measure -- target/release/latchkey`, or simply `scripts/measure`.

#[path = "mod.rs"]
mod sim;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::sim::World;
use self::sim::jira::{OMAR, Overrides};
use self::sim::load::{Failure, Pace, Request, load};
use self::sim::process::{Server, megabytes};
use self::sim::service::ServiceOptions;

const STARTS: usize = 9;
const ROUNDS: usize = 5;
const REQUESTS: usize = 100_000;
const CONNECTIONS: usize = 8;
/// What the project promises.
const START_BOUND: Duration = Duration::from_millis(500);
const MEMORY_BOUND: u64 = 40_000_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let binary = std::env::args_os().nth(1);
    let binary = PathBuf::from(binary.ok_or("say which binary to measure")?);
    let world = World::start(ServiceOptions::default()).await;
    let folder = tempfile::tempdir()?;

    let mut starts = Vec::new();
    for number in 0..STARTS {
        // Each with a database that is not there yet, so that the migrations count.
        let file = folder.path().join(format!("start-{number}.db"));
        let before = Instant::now();
        let product = Server::latchkey(&binary, &world, &file).await?;
        starts.push(before.elapsed());
        drop(product);
    }
    starts.sort();
    let start = starts[STARTS / 2];
    println!(
        "start to ready on SQLite        {:>9} ms  median of {STARTS}, {} to {}; at most {}",
        start.as_millis(),
        starts[0].as_millis(),
        starts[STARTS - 1].as_millis(),
        START_BOUND.as_millis(),
    );

    let product = Server::latchkey(&binary, &world, &folder.path().join("load.db")).await?;
    world
        .jira
        .install("acme", &format!("{}/atlassian-connect.json", product.base))
        .await?;
    sleep(Duration::from_secs(2)).await;
    let idle = product.memory()?;
    println!(
        "memory idle                     {:>9.1} MB  at most {:.0}",
        megabytes(idle),
        megabytes(MEMORY_BOUND)
    );

    // In turns, so that whatever else this machine does hits both.
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let pace = Pace::Count(REQUESTS / ROUNDS);
        let bare = Request::new("/healthz");
        let bare = load(product.address, &bare, CONNECTIONS, pace)
            .await?
            .rate();
        // A new token for each round: they live for three minutes.
        let path = "/connect/glance?issue=KEY-1";
        let token = world
            .jira
            .iframe_token("acme", OMAR, "GET", path, &Overrides::none());
        let glance = Request::new(&format!("{path}&jwt={token}"));
        let glance = load(product.address, &glance, CONNECTIONS, pace)
            .await?
            .rate();
        rounds.push((glance / bare, glance, bare));
    }
    let loaded = product.memory()?;
    println!(
        "memory after {REQUESTS} glances    {:>9.1} MB  and as many bare requests; at most {:.0}",
        megabytes(loaded),
        megabytes(MEMORY_BOUND)
    );
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, glance, bare) = rounds[ROUNDS / 2];
    println!("bare handler, GET /healthz      {bare:>9.0} requests a second");
    println!("glance with a verified token    {glance:>9.0} requests a second");
    println!(
        "ratio                           {ratio:>9.2}     median of {ROUNDS} rounds, {:.2} to {:.2}",
        rounds[0].0,
        rounds[ROUNDS - 1].0
    );
    if start > START_BOUND || idle.max(loaded) > MEMORY_BOUND {
        return Err("a bound does not hold".into());
    }
    Ok(())
}
