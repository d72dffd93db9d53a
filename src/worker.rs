//! The loops that call the verbs: one claims what is due and renews it in tasks that nobody cancels, one
//! cleans up what is left, so that neither waits for the other's servers.
//!
//! Tenants take turns in both. Whoever has much to do, or waits for their Jira, delays nobody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::App;
use crate::budget::Stance;
use crate::clock::Seconds;
use crate::error::Error;
use crate::figures::{Outcome, Step};
use crate::model::ClientKey;
use crate::renewal::{self, LEASE, REST};
use crate::store::{Claim, Kind, SignOfLife, Turn};

/// How many entries are cleaned up at once.
const CLEANUP_AT_ONCE: i64 = 16;
/// How often the loops look when nobody wakes them.
const TICK: Duration = Duration::from_secs(1);
/// A process that shows no sign of life for this long has died, in seconds.
const DEAD_AFTER: Seconds = 3;
/// How often expired rows are swept away, in seconds.
const SWEEP_EVERY: Seconds = 30;
/// How often the clock is compared with that of the database, in seconds.
const COMPARE_CLOCKS_EVERY: Seconds = 60;
/// How long renewals that have started may take after a stop.
const LAST_RENEWALS: Duration = Duration::from_secs(9);
/// How many tenants stand in line at once. Who finds no place is found with a later look.
const LINE: usize = 256;

/// Renews and cleans up until `stop` turns true; then finishes what has started and gives the rest
/// back.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    tokio::join!(renew_loop(&app, stop.clone()), cleanup_loop(&app, stop));
}

async fn renew_loop(app: &Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut renewals = Renewals::default();
    let mut watchman = Watchman::default();
    while !*stop.borrow() {
        if let Err(error) = watchman.look(app).await {
            tracing::warn!(%error, "the worker cannot look for claims of processes that died");
        }
        match renewals.begin(app).await {
            // There may be more.
            Ok(begun) if begun > 0 && renewals.has_room(app) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot claim"),
        }
        tokio::select! {
            () = app.wake.notified() => renewals.turns.look_again(),
            () = tokio::time::sleep(TICK) => {}
            () = renewals.room(app), if renewals.turns.is_waiting() => {}
            _ = stop.changed() => {}
        }
    }
    // Dropping the set would cancel what is in flight, and with it lose refresh tokens.
    let all = async { while renewals.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_RENEWALS, all).await.is_err() {
        tracing::warn!("some renewals did not end in time; they are found again at the next start");
        renewals.tasks.detach_all();
    } else if let Err(error) = app.store.release(&app.replica, app.clock.now()).await {
        tracing::warn!(%error, "claims could not be given back; their leases run out");
    }
}

/// The renewals of this process: whose turn it is, and what is under way.
#[derive(Default)]
pub struct Renewals {
    turns: Turns,
    tasks: JoinSet<()>,
    /// How many are under way of a tenant.
    under_way: UnderWay,
    looked_at: Seconds,
}

impl Renewals {
    /// Claims as many links as may be renewed now, and begins to. Says how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin(&mut self, app: &Arc<App>) -> Result<usize, Error> {
        while self.tasks.try_join_next().is_some() {}
        let now = app.clock.now();
        if self.looked_at != now {
            app.service_gate.look().await?;
            app.jira_gate.look().await?;
            self.looked_at = now;
        }
        if app.jira_gate.opens_at() > now {
            return Ok(0);
        }
        let (free, under_way) = (self.free(app), count(self.tasks.len()));
        let free = app.quota.renewals(free, under_way).await?;
        if free == 0 {
            return Ok(0);
        }
        let kind = match app.service_gate.stance() {
            Stance::Open => Kind::Due,
            Stance::Shut => Kind::Unpublished,
            Stance::HalfOpen => Kind::Due,
        };
        let what = match kind {
            Kind::Unpublished => What::Unpublished,
            Kind::Due | Kind::Probe(_) => What::Due,
        };
        self.turns.look(app, what).await?;
        let kind = match app.service_gate.stance() {
            // Only with somebody there to be one.
            Stance::HalfOpen if self.turns.is_waiting() => match app.service_gate.probe().await? {
                Some(probe) => Kind::Probe(probe),
                None => Kind::Unpublished,
            },
            _ => kind,
        };
        let free = if matches!(kind, Kind::Probe(_)) {
            1
        } else {
            free
        };
        let (at_once, under_way) = (app.at_once, self.under_way.clone());
        let turns = self
            .turns
            .take(free, |tenant| may_begin(at_once, &under_way, tenant));
        let claims = app
            .store
            .claim(&app.replica, &turns, kind, now, now + LEASE, now + REST);
        let claims = app.meters.timed(Step::Claim, claims).await?;
        let mut claimed = HashMap::new();
        for claim in &claims {
            *claimed.entry(claim.link.client_key.clone()).or_default() += 1;
        }
        self.turns.put_back(turns, &claimed);
        if let (Kind::Probe(probe), true) = (kind, claims.is_empty()) {
            app.service_gate.release(probe).await?;
        }
        let begun = claims.len();
        for claim in claims {
            self.spawn(app, claim);
        }
        Ok(begun)
    }

    /// Waits until everything that has begun has ended.
    pub async fn end(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// How many have begun and not ended.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.tasks.len()
    }

    fn spawn(&mut self, app: &Arc<App>, claim: Claim) {
        let place = Place::take(&self.under_way, &claim.link.client_key);
        let app = app.clone();
        self.tasks.spawn(async move {
            let _place = place;
            let probe = claim.probe;
            if let Err(error) = renewal::renew(&app, claim).await {
                app.meters.count(Outcome::Interrupted);
                tracing::warn!(%error, "a renewal was interrupted; its lease brings it back");
            }
            if let Some(probe) = probe
                && let Err(error) = app.service_gate.release(probe).await
            {
                tracing::warn!(%error, "a probe could not be given back; another is made later");
            }
        });
    }

    fn free(&self, app: &App) -> i64 {
        count(app.at_once.saturating_sub(self.tasks.len()))
    }

    /// So many are begun together, where there is enough to do: a claim has its price.
    fn batch(app: &App) -> usize {
        app.at_once.div_ceil(4)
    }

    fn has_room(&self, app: &App) -> bool {
        self.turns.is_waiting() && app.at_once.saturating_sub(self.tasks.len()) >= Self::batch(app)
    }

    /// Waits until there is room for a batch more.
    async fn room(&mut self, app: &App) {
        if self.tasks.is_empty() {
            // There was room, and nothing for it.
            std::future::pending::<()>().await;
        }
        for _ in 0..Self::batch(app).min(self.tasks.len()) {
            self.tasks.join_next().await;
        }
    }
}

type UnderWay = Arc<Mutex<HashMap<ClientKey, i64>>>;

/// How many more of a tenant: some places are kept free, so that a Jira that hangs does not take them
/// all.
fn may_begin(at_once: usize, under_way: &UnderWay, tenant: &ClientKey) -> i64 {
    let most = count((at_once * 3).div_ceil(4));
    let under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    (most - under_way.get(tenant).copied().unwrap_or(0)).max(0)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A renewal of a tenant that is under way until this is dropped.
struct Place(UnderWay, ClientKey);

impl Place {
    fn take(all: &UnderWay, tenant: &ClientKey) -> Self {
        let mut under_way = all.lock().unwrap_or_else(PoisonError::into_inner);
        *under_way.entry(tenant.clone()).or_default() += 1;
        Self(all.clone(), tenant.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.1);
            }
        }
    }
}

/// What tenants stand in line for.
#[derive(Clone, Copy)]
enum What {
    Due,
    Unpublished,
    Cleanup,
}

/// Tenants that have something to do, in line. Whoever had their turn and has more goes to the end.
#[derive(Default)]
struct Turns {
    line: VecDeque<ClientKey>,
    /// Up to here tenants were looked at; all, if it is empty.
    behind: String,
    looked_at: Seconds,
}

impl Turns {
    /// Lets tenants join the line, once a second and whenever it is empty.
    async fn look(&mut self, app: &App, what: What) -> Result<(), Error> {
        let now = app.clock.now();
        if self.looked_at == now && !self.line.is_empty() {
            return Ok(());
        }
        self.looked_at = now;
        loop {
            let behind = ClientKey(std::mem::take(&mut self.behind));
            let most = count(LINE.saturating_sub(self.line.len()));
            if most == 0 {
                self.behind = behind.0;
                return Ok(());
            }
            let found = match what {
                What::Due => app.store.tenants_due(&behind, false, now, most).await?,
                What::Unpublished => app.store.tenants_due(&behind, true, now, most).await?,
                What::Cleanup => app.store.tenants_to_clean(&behind, now, most).await?,
            };
            if count(found.len()) == most
                && let Some(last) = found.last()
            {
                self.behind.clone_from(&last.0);
            }
            for tenant in found {
                if !self.line.contains(&tenant) {
                    self.line.push_back(tenant);
                }
            }
            // Nobody after those who were looked at: the next may be the first again.
            if !self.line.is_empty() || behind.0.is_empty() {
                return Ok(());
            }
        }
    }

    fn look_again(&mut self) {
        self.looked_at = 0;
    }

    fn is_waiting(&self) -> bool {
        !self.line.is_empty()
    }

    /// The next turns: `free` places, shared evenly by those in line, and of nobody more than they may
    /// have. Who may have none now stays in line.
    fn take(&mut self, free: i64, may_have: impl Fn(&ClientKey) -> i64) -> Vec<Turn> {
        let mut left = free;
        let mut turns = Vec::new();
        let share = (free / count(self.line.len()).max(1)).max(1);
        for _ in 0..self.line.len() {
            if left == 0 {
                break;
            }
            let Some(tenant) = self.line.pop_front() else {
                break;
            };
            let most = share.min(left).min(may_have(&tenant));
            if most == 0 {
                self.line.push_back(tenant);
                continue;
            }
            left -= most;
            turns.push(Turn { tenant, most });
        }
        turns
    }

    /// Whoever used all of their turn may have more to do.
    fn put_back(&mut self, turns: Vec<Turn>, used: &HashMap<ClientKey, i64>) {
        for turn in turns {
            if used.get(&turn.tenant).copied().unwrap_or(0) >= turn.most {
                self.line.push_back(turn.tenant);
            }
        }
    }
}

async fn cleanup_loop(app: &Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut cleaning = Cleaning::default();
    while !*stop.borrow() {
        let tidied = tokio::select! {
            tidied = cleaning.tidy(app) => tidied,
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

/// What this process cleans up, and when it has swept.
#[derive(Default)]
pub struct Cleaning {
    turns: Turns,
    swept_at: Seconds,
}

impl Cleaning {
    /// Does what is due now, up to a number of entries. Says whether there may be more to do at once.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tidy(&mut self, app: &Arc<App>) -> Result<bool, Error> {
        let now = app.clock.now();
        let drained_some = app.store.drain(now).await?;
        let mut swept_some = false;
        if now - self.swept_at >= SWEEP_EVERY {
            self.swept_at = now;
            swept_some = app.store.sweep(now).await?;
            if swept_some {
                // A flood leaves more behind than one sweep takes.
                self.swept_at = now - SWEEP_EVERY;
            }
        }
        app.store.let_go(now).await?;
        self.turns.look(app, What::Cleanup).await?;
        let turns = self.turns.take(CLEANUP_AT_ONCE, |_| i64::MAX);
        let done = crate::cleanup::run_due(app, &turns).await?;
        self.turns.put_back(turns, &done);
        Ok(drained_some || !done.is_empty() || swept_some)
    }
}

/// Finds claims whose process has died, so that nobody waits for their leases: at start, and then with
/// every tick.
#[derive(Default)]
pub struct Watchman {
    life: Option<SignOfLife>,
    /// When this process was last found to show none itself.
    cut_off_at: Option<Seconds>,
    /// Since when a process shows no sign of life.
    suspects: HashMap<String, Seconds>,
    looked_at: Seconds,
    compared_clocks_at: Seconds,
}

impl Watchman {
    /// Looks who has died, once a second at most, and frees what they held.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn look(&mut self, app: &App) -> Result<(), Error> {
        let now = app.clock.now();
        if self.looked_at == now {
            return Ok(());
        }
        self.looked_at = now;
        if (now - self.compared_clocks_at).abs() >= COMPARE_CLOCKS_EVERY {
            crate::follow_database(&app.store, &app.clock).await?;
            self.compared_clocks_at = app.clock.now();
        }
        if let Some(life) = &mut self.life
            && !life.stands().await
        {
            self.life = None;
            self.cut_off_at = Some(now);
        }
        if self.life.is_none() && app.store.is_shared() {
            self.life = app.store.sign_of_life(&app.replica).await?;
        }
        // Whatever cut this process off, as a restart of the database does, cut off others who live: they
        // cannot renew their leases, and may wait for answers of the service until these end.
        if self.cut_off_at.is_some_and(|at| now - at < LEASE) {
            self.suspects.clear();
            return Ok(());
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
