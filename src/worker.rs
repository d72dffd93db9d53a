//! The loops that call the verbs: one claims what is due and renews it in tasks that nobody cancels, one
//! cleans up what is left, so that neither waits for the other's servers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::renewal::{self, LEASE, REST};
use crate::store::SignOfLife;

/// How many links are renewed at once.
const AT_ONCE: usize = 32;
/// How many entries are cleaned up at once.
const CLEANUP_AT_ONCE: i64 = 16;
/// How often the loops look when nobody wakes them.
const TICK: Duration = Duration::from_secs(1);
/// A process that shows no sign of life for this long has died, in seconds.
const DEAD_AFTER: Seconds = 3;
/// How often expired rows are swept away, in seconds.
const SWEEP_EVERY: Seconds = 30;
/// How long renewals that have started may take after a stop.
const LAST_RENEWALS: Duration = Duration::from_secs(9);

/// Renews and cleans up until `stop` turns true; then finishes what has started and gives the rest
/// back.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    tokio::join!(renew_loop(&app, stop.clone()), cleanup_loop(&app, stop));
}

async fn renew_loop(app: &Arc<App>, mut stop: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let mut watchman = Watchman::default();
    while !*stop.borrow() {
        if let Err(error) = watchman.look(app).await {
            tracing::warn!(%error, "the worker cannot look for claims of processes that died");
        }
        match renew_due(app, &permits, &mut tasks).await {
            // There may be more.
            Ok(claimed) if claimed > 0 && permits.available_permits() > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot claim"),
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
        .claim(&app.replica, now, now + LEASE, now + REST, free)
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

async fn cleanup_loop(app: &Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut swept_at = app.clock.now();
    while !*stop.borrow() {
        let tidied = tokio::select! {
            tidied = tidy(app, &mut swept_at) => tidied,
            // Everything here can be done twice, so it may be broken off; its lease brings it back.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match tidied {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot clean up"),
        }
        tokio::select! {
            () = app.wake_cleanup.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Says whether there may be more to do at once.
async fn tidy(app: &Arc<App>, swept_at: &mut Seconds) -> Result<bool, Error> {
    let now = app.clock.now();
    let drained_some = app.store.drain(now).await?;
    let mut swept_some = false;
    if now - *swept_at >= SWEEP_EVERY {
        *swept_at = now;
        swept_some = app.store.sweep(now).await?;
        if swept_some {
            // A flood leaves more behind than one sweep takes.
            *swept_at = now - SWEEP_EVERY;
        }
    }
    let done = crate::cleanup::run_due(app, CLEANUP_AT_ONCE).await?;
    Ok(drained_some || done > 0 || swept_some)
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
        if !stands && app.store.is_shared() {
            self.life = app.store.sign_of_life(&app.replica).await?;
        }
        let owners = app.store.owners_besides(&app.replica).await?;
        self.suspects.retain(|owner, _| owners.contains(owner));
        for owner in owners {
            if !app.store.has_died(&owner).await? {
                self.suspects.remove(&owner);
                continue;
            }
            // Without replicas there can be no other process. With them, a connection may have been cut
            // while its process lives on and takes the lock again.
            let since = *self.suspects.entry(owner.clone()).or_insert(now);
            if !app.store.is_shared() || now - since >= DEAD_AFTER {
                let freed = app.store.release(&owner, now).await?;
                tracing::info!(freed, "claims of a process that died are taken over");
                self.suspects.remove(&owner);
            }
        }
        Ok(())
    }
}
