//! What single steps cost as links and tenants become more: the median of many, beside the same with fewer.

use std::time::Duration;

use latchkey::App;
use latchkey::model::{AccountId, Tenant};
use latchkey::store::{ClaimKind, Lease, Sought};
use tokio::time::Instant;

use super::postgres::Postgres;
use super::seed::{self, Spread};
use super::{Failure, Place};

/// How often each step is taken.
const TIMES: usize = 50;
/// So many links in the list of an admin, as a page of it has.
const PAGE: i64 = 50;

/// The steps, as they are printed.
const STEPS: [&str; 6] = [
    "claim of 32 links",
    "tenant and link of a page",
    "list of an admin",
    "summary of an admin",
    "figures",
    "sweep",
];

/// Links and tenants, the fewest first: more links, and then more tenants with as many links.
const SIZES: [[(usize, usize); 3]; 2] = [
    [(10_000, 100), (100_000, 100), (1_000_000, 100)],
    [(100_000, 10), (100_000, 1_000), (100_000, 10_000)],
];

/// Prints the time of each step at each size, and how it grows from the first of a row to the last.
pub async fn measure(database: &str, most: usize) -> Result<(), Failure> {
    let postgres = super::server(database).await?;
    for sizes in SIZES {
        let sizes: Vec<_> = sizes
            .into_iter()
            .filter(|(links, _)| *links <= most)
            .collect();
        if sizes.is_empty() {
            continue;
        }
        let mut columns = Vec::new();
        for (links, tenants) in &sizes {
            columns.push(times(postgres.as_ref(), *links, *tenants).await?);
        }
        let heads = sizes
            .iter()
            .map(|(links, tenants)| format!("{links}, {tenants}"));
        let heads: Vec<String> = heads.map(|head| format!("{head:>18}")).collect();
        println!("{database:<28}{} {:>10}", heads.join(""), "growth");
        for (step, name) in STEPS.iter().enumerate() {
            let row: Vec<f64> = columns.iter().map(|column| column[step]).collect();
            let cells: Vec<String> = row.iter().map(|time| format!("{time:>15.2} ms")).collect();
            let growth = row
                .last()
                .zip(row.first())
                .map_or(1.0, |(last, first)| last / first);
            println!("  {name:<26}{} {growth:>10.2}", cells.join(""));
        }
    }
    Ok(())
}

/// The median of each step, in milliseconds, in a database of this size.
async fn times(
    postgres: Option<&Postgres>,
    links: usize,
    tenants: usize,
) -> Result<Vec<f64>, Failure> {
    let folder = tempfile::tempdir()?;
    let (place, _world) = Place::empty(postgres, folder.path(), 1).await?;
    let (app, vault) = place.open().await?;
    let all = seed::tenants(&app, place.world.port(), tenants).await?;
    seed::links(&app, &vault, &place.url, &all, links, Spread::AllDue).await?;
    let mut medians = Vec::new();
    for step in 0..STEPS.len() {
        let mut times = Vec::new();
        for number in 0..TIMES {
            times.push(take(&app, &all, step, number).await?.as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        medians.push(times[TIMES / 2]);
    }
    app.parts.store.close().await;
    Ok(medians)
}

/// Takes one step, and says how long it took.
async fn take(
    app: &App,
    tenants: &[Tenant],
    step: usize,
    number: usize,
) -> Result<Duration, Failure> {
    let (store, now) = (&app.parts.store, app.parts.clock.now());
    let tenant = &tenants[number * 7 % tenants.len()];
    let before = Instant::now();
    match step {
        0 => {
            let turns = super::turns(tenants, number);
            let lease = Lease {
                owner: &app.renewing.replica,
                until: now + 45,
            };
            let claims = store.claim(lease, &turns, 32, ClaimKind::Due, now, now + 900);
            if claims.await?.is_empty() {
                return Err("a claim found no link".into());
            }
        }
        1 => {
            let found = store.tenant(&tenant.client_key).await?;
            let account = AccountId(seed::account(number * 7 % tenants.len()));
            let link = store
                .link(&found.ok_or("a tenant is gone")?, &account)
                .await?;
            link.ok_or("a link is gone")?;
        }
        2 => {
            let listed = store
                .listed_links(tenant, &Sought::default(), now, PAGE)
                .await?;
            if listed.is_empty() {
                return Err("a list is empty".into());
            }
        }
        3 => {
            store.summary_of(tenant, now).await?;
        }
        4 => {
            store.figures(now).await?;
        }
        _ => {
            store.sweep(now).await?;
        }
    }
    Ok(before.elapsed())
}
