//! The loop that calls the verbs of renewing: claim what is due, renew it in tasks that nobody cancels,
//! clean up what is left, and find the claims of processes that died.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::renewal::{self, LEASE};
use crate::store::SignOfLife;

/// How many links are renewed at once.
const AT_ONCE: usize = 32;
/// How often the worker looks when nobody wakes it.
const TICK: Duration = Duration::from_secs(1);
/// A process whose sign of life is gone for this long has died, in seconds.
const DEAD_AFTER: Seconds = 3;
/// How often expired rows are swept away, in seconds.
const SWEEP_EVERY: Seconds = 30;
/// How long renewals that have started may take after a stop.
const LAST_RENEWALS: Duration = Duration::from_secs(9);

/// Renews until `stop` turns true; then finishes what has started and gives the rest back.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let mut watchman = Watchman::default();
    let mut swept_at = app.clock.now();
    while !*stop.borrow() {
        if let Err(error) = watchman.look(&app).await {
            tracing::warn!(%error, "the worker cannot look for claims of processes that died");
        }
        match renew_due(&app, &permits, &mut tasks).await {
            // There may be more, as soon as a task has ended.
            Ok(claimed) if claimed > 0 && permits.available_permits() > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot claim"),
        }
        if let Err(error) = tidy(&app, &mut swept_at).await {
            tracing::warn!(%error, "the worker cannot clean up");
        }
        tokio::select! {
            () = app.wake.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            Some(_) = tasks.join_next(), if permits.available_permits() == 0 => {}
            _ = stop.changed() => {}
        }
        while tasks.try_join_next().is_some() {}
    }
    // Dropping the set would cancel what is in flight, and with it lose refresh tokens.
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_RENEWALS, all).await.is_err() {
        tracing::warn!("some renewals did not end in time; they are found again at the next start");
        tasks.detach_all();
    } else if let Err(error) = app.store.release(&app.replica, app.clock.now()).await {
        tracing::warn!(%error, "claims could not be given back; their leases run out");
    }
}

async fn renew_due(
    app: &Arc<App>,
    permits: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) -> Result<usize, Error> {
    let now = app.clock.now();
    if app.jira_gate.opens_at() > now {
        return Ok(0);
    }
    let free = i64::try_from(permits.available_permits()).unwrap_or(0);
    if free == 0 {
        return Ok(0);
    }
    let claims = app
        .store
        .claim(&app.replica, now, now + LEASE, free)
        .await?;
    let count = claims.len();
    for claim in claims {
        let permit = permits.clone().acquire_owned().await;
        let app = app.clone();
        tasks.spawn(async move {
            let _permit = permit;
            if let Err(error) = renewal::renew(&app, claim).await {
                tracing::warn!(%error, "a renewal was interrupted; its lease brings it back");
            }
        });
    }
    Ok(count)
}

async fn tidy(app: &App, swept_at: &mut Seconds) -> Result<(), Error> {
    crate::cleanup::run_due(app, 50).await?;
    let now = app.clock.now();
    app.store.drain(now).await?;
    if now - *swept_at >= SWEEP_EVERY {
        *swept_at = now;
        app.store.sweep(now).await?;
    }
    Ok(())
}

/// One turn of everything the worker does, for a program that has no loop: renews what is due, waits
/// for it, and cleans up. Says how many links it looked at.
///
/// # Errors
/// When the store is unavailable.
pub async fn turn(app: &Arc<App>) -> Result<usize, Error> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let count = renew_due(app, &permits, &mut tasks).await?;
    while tasks.join_next().await.is_some() {}
    crate::cleanup::run_due(app, 50).await?;
    app.store.drain(app.clock.now()).await?;
    app.store.sweep(app.clock.now()).await?;
    Ok(count)
}

/// Finds claims whose process has died, so that nobody waits for their leases: at start, and then with
/// every tick.
#[derive(Default)]
struct Watchman {
    life: Option<SignOfLife>,
    /// Since when a process shows no sign of life.
    suspects: HashMap<String, Seconds>,
    looked_at: Seconds,
}

impl Watchman {
    async fn look(&mut self, app: &App) -> Result<(), Error> {
        let now = app.clock.now();
        if self.looked_at == now {
            return Ok(());
        }
        self.looked_at = now;
        let stands = match &mut self.life {
            Some(life) => life.stands().await,
            None => false,
        };
        if !stands {
            self.life = app.store.sign_of_life(&app.replica).await?;
        }
        let owners = app.store.owners_besides(&app.replica).await?;
        self.suspects.retain(|owner, _| owners.contains(owner));
        for owner in owners {
            if !app.store.has_died(&owner).await? {
                self.suspects.remove(&owner);
                continue;
            }
            // On SQLite there can be no other process. Elsewhere a connection may have been cut while
            // its process lives on and takes the lock again.
            let since = *self.suspects.entry(owner.clone()).or_insert(now);
            if self.life.is_none() || now - since >= DEAD_AFTER {
                let freed = app.store.release(&owner, now).await?;
                tracing::info!(freed, "claims of a process that died are taken over");
                self.suspects.remove(&owner);
            }
        }
        Ok(())
    }
}
