//! An hour of renewals where the property holds a handle, in real time and within Jira's default quota.
//!
//! Keys live an hour and their due times are spread as in a server that has run for long; so are the times at which
//! people were looked at last. Once a second the database is asked which key runs out next: none may have run out.

use std::fs;
use std::time::Duration;

use latchkey::atlassian::jira::quota::POINTS_A_LOOK;
use sqlx::Connection as _;
use tokio::time::{Instant, sleep};

use super::postgres::Postgres;
use super::seed::{self, Spread};
use super::world::{self, Counts};
use super::{Bench, Failure, Place, Process, TENANTS, number};

/// What Jira grants an app by default, in points an hour.
const QUOTA: f64 = 65_000.0;

/// The settings of the product that differ from its defaults.
pub fn settings() -> Vec<(&'static str, String)> {
    vec![("LATCHKEY_PROPERTY", "handle".to_owned())]
}

/// Lets the product renew for so long, and prints what came of it.
pub async fn measure(
    database: &str,
    postgres: Option<&Postgres>,
    links: usize,
    time: Duration,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let (place, world) = Place::empty(postgres, folder.path(), links).await?;
    let place = place.with(settings());
    let url = &place.url;
    let (app, vault) = place.open().await?;
    let tenants = seed::tenants(&app, place.world.port(), TENANTS).await?;
    seed::links(&app, &vault, url, &tenants, links, Spread::AsAfterLong).await?;
    app.parts.store.close().await;
    seed::forget_time(url).await?;
    let clock = app.parts.clock.clone();
    drop(app);

    let log = folder.path().join("log");
    let product = Process::of(place.product(&log)?)?;
    let bench = Bench {
        database,
        links,
        place: &place,
        world: &world,
        postgres,
        most: u64::MAX,
        window: time,
    };
    let before = bench.processor(&product)?;
    let started = Instant::now();
    let (mut least, mut memory) = (i64::MAX, 0);
    while started.elapsed() < time {
        sleep(Duration::from_secs(1)).await;
        least = least.min(next_end(url).await? - clock.now());
        memory = memory.max(product.memory()?);
    }
    let after = bench.processor(&product)?;
    let took = started.elapsed().as_secs_f64();
    product.end().await?;
    let counts = Counts::of(place.world).await?;
    let points = number(counts.puts + counts.looks * (POINTS_A_LOOK.unsigned_abs() - 1));
    let an_hour = points * 3600.0 / took;
    let renewed = number(counts.refreshes);
    let used = |at: usize| (after[at] - before[at]) / took;
    println!(
        "{database} {links}: {renewed:.0} keys in {took:.0} s ({:.0} a second); {} looks and {} writes took \
         {points:.0} points ({an_hour:.0} an hour of {QUOTA:.0}); the key nearest to its end had {least} s left; \
         processors: latchkey {:.2}, database {:.2}; memory {:.1} MB",
        renewed / took,
        counts.looks,
        counts.puts,
        used(0),
        used(1),
        number(memory) / 1e6,
    );
    let text = fs::read_to_string(&log)?;
    if let Some(line) = text.lines().next() {
        println!("  the log has {} lines: {line}", text.lines().count());
    }
    if counts.wrong > 0 {
        return Err(format!("requests that were wrong: {}", counts.wrong).into());
    }
    if least <= 0 {
        return Err("keys ran out".into());
    }
    if an_hour > QUOTA {
        return Err("it takes more than Jira's default quota".into());
    }
    world::set_delay(place.world, Duration::ZERO).await
}

/// When the next key runs out.
async fn next_end(url: &str) -> Result<i64, Failure> {
    const NEXT: &str = "select published_expires_at from link where state = 'live' \
        order by published_expires_at limit 1";
    let next: i64 = if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await?;
        let next = sqlx::query_scalar(NEXT).fetch_one(&mut connection).await?;
        connection.close().await?;
        next
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await?;
        let next = sqlx::query_scalar(NEXT).fetch_one(&mut connection).await?;
        connection.close().await?;
        next
    };
    Ok(next)
}
