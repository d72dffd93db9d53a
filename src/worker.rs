//! The loops that call the verbs. One claims links that are due and renews each in a task that is never
//! cancelled; the other cleans up. They are separate so that neither waits for the other's servers.
//!
//! In both loops tenants take turns: a tenant with much to do, or with a slow Jira, delays no other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::clock::{Clock, Millis, Seconds};
use crate::error::Error;
use crate::gate::Stance;
use crate::lost;
use crate::meters::{Outcome, Step};
use crate::model::ClientKey;
use crate::parts::{Parts, Round};
use crate::publishing::REST;
use crate::renewal::{self, Renewing};
use crate::reporting;
use crate::spans;
use crate::store::{
    Claim, ClaimKind, GivenBack, LEASE, Lease, SignOfLife, Store, TURN, TenantsWith, Turn,
};
use crate::webhooks::Webhooks;

/// How many entries are cleaned up at once.
const CLEANUP_AT_ONCE: i64 = 16;
/// How often the loops look for work when nothing wakes them.
const TICK: Duration = Duration::from_secs(1);
/// A process without a sign of life for so many seconds counts as dead.
const DEAD_AFTER: Seconds = 3;
/// How often expired rows are deleted, in seconds.
const SWEEP_EVERY: Seconds = 30;
/// How often this clock is compared with the database's, in seconds.
const COMPARE_CLOCKS_EVERY: Seconds = 60;
/// How often the time is noted, in seconds.
const MIND_CLOCK_EVERY: Seconds = 10;
/// A clock that runs so many seconds differently from the monotonic one has jumped.
const JUMP: Seconds = 3;
/// How long renewals that have started may take after a stop.
const LAST_RENEWALS: Duration = Duration::from_secs(9);
/// How often sites are looked for whose cloud id is not known, how many are asked then, and how many seconds later
/// one is asked again that named none.
const SITES_EACH: Duration = Duration::from_secs(30);
const SITES_AT_ONCE: i64 = 20;
const SITE_AGAIN: Seconds = 3600;
/// How often it is looked whether accounts are to be reported.
const REPORTS_EACH: Duration = Duration::from_secs(30);
/// How many messages to the vendor's receiver this process sends at once, and how long they may take after a stop.
const WEBHOOKS_AT_ONCE: usize = 8;
const LAST_WEBHOOKS: Duration = Duration::from_secs(5);
/// How many tenants can be in line. A tenant that finds no place is found again later.
const LINE: usize = 256;

/// Renews and cleans up until `stop` turns true; then finishes what has started and gives the other claims
/// back.
pub async fn run(renewing: Renewing, stop: watch::Receiver<bool>) {
    let parts = renewing.parts.clone();
    tokio::join!(
        renew_loop(&renewing, stop.clone()),
        cleanup_loop(&parts, stop.clone()),
        reports_loop(&parts, stop.clone()),
        webhooks_loop(&parts, stop.clone()),
        sites_loop(&parts, stop)
    );
}

/// Learns the cloud ids of tenants that came through Connect, and looks for installations of the Forge app that are
/// gone, without haste.
async fn sites_loop(parts: &Parts, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let looked = async {
            if let Err(error) = learn_sites(parts).await {
                tracing::warn!(%error, "the worker cannot look for sites whose cloud id is not known");
            }
            if let Err(error) = lost::look(parts).await {
                tracing::warn!(%error, "the worker cannot look for installations that have fallen silent");
            }
        };
        // Both can be repeated, so they may be cancelled.
        tokio::select! {
            () = looked => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(SITES_EACH) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Asks some sites for their cloud ids. One that names none is asked again in an hour.
///
/// # Errors
/// When the store is unavailable.
pub async fn learn_sites(parts: &Parts) -> Result<(), Error> {
    let store = &parts.store;
    let now = parts.clock.now();
    for client_key in store
        .sites_to_learn(now - SITE_AGAIN, SITES_AT_ONCE)
        .await?
    {
        store.site_is_asked(&client_key, now).await?;
        // One that is set aside has been told of elsewhere.
        let Ok(Some(tenant)) = store.tenant(&client_key).await else {
            continue;
        };
        match parts.jira.cloud_id(&tenant).await {
            Ok(cloud_id) => store.remember_site(&client_key, &cloud_id, now).await?,
            Err(error) => {
                tracing::info!(tenant = %client_key, %error, "the cloud id of a site is not known yet");
            }
        }
    }
    Ok(())
}

async fn renew_loop(renewing: &Renewing, mut stop: watch::Receiver<bool>) {
    let mut renewals = Renewals::default();
    let mut watchman = Watchman::default();
    while !*stop.borrow() {
        if let Err(error) = watchman.look(renewing).await {
            tracing::warn!(%error, "the worker cannot look for claims of processes that died");
        }
        let begun = renewals.begin(renewing).await;
        if begun.is_ok() {
            renewing.parts.rounds.turned(Round::Renewals);
        }
        match begun {
            // There may be more.
            Ok(begun) if begun > 0 && renewals.has_room(renewing) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot claim"),
        }
        tokio::select! {
            () = renewing.parts.wake.notified() => renewals.turns.look_again(),
            () = tokio::time::sleep(TICK) => {}
            () = renewals.room(renewing), if renewals.turns.is_waiting() => {}
            _ = stop.changed() => {}
        }
    }
    // Dropping the set would cancel renewals in flight and lose their refresh tokens.
    let all = async { while renewals.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_RENEWALS, all).await.is_err() {
        tracing::warn!("some renewals did not end in time; the next start finds them");
        renewals.tasks.detach_all();
    } else if let Err(error) = renewing
        .parts
        .store
        .release(&renewing.replica, renewing.parts.clock.now())
        .await
    {
        tracing::warn!(%error, "claims could not be given back; they are free when their leases expire");
    }
}

/// The renewals of this process: which tenant is next, and which renewals are running.
#[derive(Default)]
pub struct Renewals {
    turns: Turns,
    tasks: JoinSet<()>,
    /// How many renewals of each tenant are running.
    under_way: UnderWay,
    looked_at: Seconds,
}

impl Renewals {
    /// Claims as many links as may be renewed now and starts their renewals. Returns how many.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin(&mut self, renewing: &Renewing) -> Result<usize, Error> {
        while self.tasks.try_join_next().is_some() {}
        let now = renewing.parts.clock.now();
        if self.looked_at != now {
            renewing.parts.service.gate().look().await?;
            renewing.parts.jira.writes().look().await?;
            self.looked_at = now;
        }
        let free = self.free_for_jira(renewing, now).await?;
        if free == 0 {
            return Ok(0);
        }
        let kind = self.kind_of_claim(&renewing.parts).await?;
        let (free, turns) = match kind {
            ClaimKind::Probe(_) => (1, probe_turn(&renewing.parts).await?),
            ClaimKind::Due | ClaimKind::Unpublished => (free, self.take_turns(renewing, free)),
        };
        // The lease begins now: the process may have been suspended since the first look.
        let now = renewing.parts.clock.now();
        let lease = Lease {
            owner: &renewing.replica,
            until: now + LEASE,
        };
        let store = &renewing.parts.store;
        let claims = store.claim(lease, &turns, free, kind, now, now + REST);
        let claims = renewing.parts.meters.timed(Step::Claim, claims).await?;
        let mut claimed = HashMap::new();
        for claim in &claims {
            *claimed.entry(claim.link.client_key.clone()).or_default() += 1;
        }
        if !matches!(kind, ClaimKind::Probe(_)) {
            self.turns.put_back(turns, free, &claimed);
        }
        if let (ClaimKind::Probe(probe), true) = (kind, claims.is_empty()) {
            renewing.parts.service.gate().release(probe).await?;
        }
        let begun = claims.len();
        for claim in claims {
            self.spawn(renewing, claim);
        }
        Ok(begun)
    }

    /// How many renewals may begin as far as Jira is concerned. None waits for Jira if it writes nothing there.
    async fn free_for_jira(&self, renewing: &Renewing, now: Seconds) -> Result<i64, Error> {
        let (free, under_way) = (self.free(renewing), count(self.tasks.len()));
        let parts = &renewing.parts;
        if !parts.keys.property.changes_with_renewals() {
            return Ok(free);
        }
        if parts.jira.writes().opens_at() > now {
            return Ok(0);
        }
        parts.jira.quota().renewals(free, under_way).await
    }

    /// The next turns. Of a tenant whose links fail one after the other, one at a time is enough to see whether
    /// they work again.
    fn take_turns(&mut self, renewing: &Renewing, free: i64) -> Vec<Turn> {
        let gate = renewing.parts.service.gate();
        let (at_once, now) = (renewing.at_once, renewing.parts.clock.now());
        let under_way = self.under_way.clone();
        let mut turns = self.turns.take(free, TURN, |tenant| {
            let rests = gate.rests_until(tenant) > now;
            match gate.is_doubted(tenant) && !rests {
                true => 1 - running(&under_way, tenant).min(1),
                false => may_begin(at_once, &under_way, tenant),
            }
        });
        for turn in &mut turns {
            turn.rests = gate.rests_until(&turn.tenant) > now;
        }
        turns
    }

    /// Adds tenants to the line, and returns which links the service's gate lets be claimed now.
    async fn kind_of_claim(&mut self, parts: &Parts) -> Result<ClaimKind, Error> {
        let gate = parts.service.gate();
        let (kind, what) = match gate.stance() {
            Stance::Open | Stance::HalfOpen => (ClaimKind::Due, What::Due),
            Stance::Shut => (ClaimKind::Unpublished, What::Unpublished),
        };
        self.turns.look(parts, what).await?;
        // A probe is taken only if a tenant in line has a link for it.
        if gate.stance() != Stance::HalfOpen || !self.turns.is_waiting() {
            return Ok(kind);
        }
        Ok(match gate.probe().await? {
            Some(probe) => ClaimKind::Probe(probe),
            None => ClaimKind::Unpublished,
        })
    }

    /// Waits until every renewal that has begun has ended.
    pub async fn end(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// How many renewals have begun and not ended.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.tasks.len()
    }

    fn spawn(&mut self, renewing: &Renewing, claim: Claim) {
        let running = RunningRenewal::take(&self.under_way, &claim.link.client_key);
        let renewing = renewing.clone();
        self.tasks.spawn(async move {
            let _running = running;
            let probe = claim.probe;
            let span = tracing::info_span!(
                target: spans::TARGET,
                parent: None,
                "renewal",
                latchkey.link = %claim.link.id,
                latchkey.generation = claim.link.generation,
                latchkey.outcome = Empty,
            );
            let renewed = renewal::renew(&renewing, claim.clone()).instrument(span);
            if let Err(error) = renewed.await {
                renewing.parts.meters.count(Outcome::Interrupted);
                tracing::warn!(%error, "a renewal was interrupted; its link is given back or due again when the lease expires");
                if matches!(error, Error::Unavailable(_)) {
                    give_back(&renewing, claim).await;
                }
            }
            if let Some(probe) = probe
                && let Err(error) = renewing.parts.service.gate().release(probe).await
            {
                tracing::warn!(%error, "a probe could not be given back; a later request becomes the probe");
            }
        });
    }

    fn free(&self, renewing: &Renewing) -> i64 {
        count(renewing.at_once.saturating_sub(self.tasks.len()))
    }

    /// How many links are claimed at once if there are enough: each claim costs a transaction.
    fn batch(renewing: &Renewing) -> usize {
        renewing.at_once.div_ceil(4)
    }

    fn has_room(&self, renewing: &Renewing) -> bool {
        self.turns.is_waiting()
            && renewing.at_once.saturating_sub(self.tasks.len()) >= Self::batch(renewing)
    }

    /// Waits until there is room for another batch.
    async fn room(&mut self, renewing: &Renewing) {
        if self.tasks.is_empty() {
            // There was room, but nothing to do.
            std::future::pending::<()>().await;
        }
        for _ in 0..Self::batch(renewing).min(self.tasks.len()) {
            self.tasks.join_next().await;
        }
    }
}

/// Gives a link back as soon as the database allows, which is sooner than its lease expires.
async fn give_back(renewing: &Renewing, mut claim: Claim) {
    let lease_ends_at = renewing.parts.clock.now() + LEASE;
    let mut committed = false;
    while renewing.parts.clock.now() < lease_ends_at {
        match renewing
            .parts
            .store
            .put_off(&claim, renewing.parts.clock.now(), GivenBack::Interrupted)
            .await
        {
            Ok(false) if !committed => {
                // The renewal may have committed before it was interrupted.
                committed = true;
                claim.link.generation += 1;
            }
            Ok(_) => return,
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

type UnderWay = Arc<Mutex<HashMap<ClientKey, i64>>>;

/// How many more renewals of a tenant may start: three quarters of the places that others leave. So a slow Jira
/// takes not all of them, nor do several.
fn may_begin(at_once: usize, under_way: &UnderWay, tenant: &ClientKey) -> i64 {
    let under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    let of_tenant = under_way.get(tenant).copied().unwrap_or(0);
    let of_others = under_way.values().sum::<i64>() - of_tenant;
    let places = (count(at_once) - of_others).max(0);
    let most = (places * 3 + 3) / 4;
    (most - of_tenant).max(0)
}

/// How many renewals of a tenant are running.
fn running(under_way: &UnderWay, tenant: &ClientKey) -> i64 {
    let under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    under_way.get(tenant).copied().unwrap_or(0)
}

/// The turn of the tenant whose link is the probe: none if no link is due.
async fn probe_turn(parts: &Parts) -> Result<Vec<Turn>, Error> {
    let tenant = parts.store.tenant_to_probe(parts.clock.now()).await?;
    Ok(tenant
        .map(|tenant| Turn {
            tenant,
            most: 1,
            rests: false,
        })
        .into_iter()
        .collect())
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Counts one running renewal of a tenant until it is dropped.
struct RunningRenewal(UnderWay, ClientKey);

impl RunningRenewal {
    fn take(all: &UnderWay, tenant: &ClientKey) -> Self {
        let mut under_way = all.lock().unwrap_or_else(PoisonError::into_inner);
        *under_way.entry(tenant.clone()).or_default() += 1;
        Self(all.clone(), tenant.clone())
    }
}

impl Drop for RunningRenewal {
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

/// The kind of work for which tenants are in line.
#[derive(Clone, Copy)]
enum What {
    Due,
    Unpublished,
    Cleanup,
}

/// Tenants that have something to do, in line. After its turn, a tenant with more to do goes to the end.
#[derive(Default)]
struct Turns {
    line: VecDeque<ClientKey>,
    /// The last tenant that was looked at. Empty: the next look begins with the first tenant.
    behind: String,
    looked_at: Seconds,
}

impl Turns {
    /// Adds tenants to the line, once a second and whenever it is empty.
    async fn look(&mut self, parts: &Parts, what: What) -> Result<(), Error> {
        let now = parts.clock.now();
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
                What::Due => {
                    parts
                        .store
                        .tenants_due(TenantsWith::LinksDue, &behind, now, most)
                        .await?
                }
                What::Unpublished => {
                    parts
                        .store
                        .tenants_due(TenantsWith::UnpublishedKeys, &behind, now, most)
                        .await?
                }
                What::Cleanup => parts.store.tenants_to_clean(&behind, now, most).await?,
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
            // No tenant follows the last one that was looked at: the next look begins with the first.
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

    /// Takes the next turns: `free` places in all, at most `each` for a tenant and no more than `may_have`
    /// allows. A tenant that may have none now stays in line.
    fn take(&mut self, free: i64, each: i64, may_have: impl Fn(&ClientKey) -> i64) -> Vec<Turn> {
        let mut turns = Vec::new();
        for _ in 0..self.line.len() {
            // Each turn may use one place or none.
            if count(turns.len()) >= free {
                break;
            }
            let Some(tenant) = self.line.pop_front() else {
                break;
            };
            let most = each.min(free).min(may_have(&tenant));
            if most == 0 {
                self.line.push_back(tenant);
                continue;
            }
            turns.push(Turn {
                tenant,
                most,
                rests: false,
            });
        }
        turns
    }

    /// Puts tenants back in line: one that used all of its turn may have more to do, and one for which none
    /// of the `free` places was left is next.
    fn put_back(&mut self, turns: Vec<Turn>, free: i64, used: &HashMap<ClientKey, i64>) {
        let mut left = free;
        let mut next = Vec::new();
        for turn in turns {
            if left <= 0 {
                next.push(turn.tenant);
                continue;
            }
            let used = used.get(&turn.tenant).copied().unwrap_or(0);
            if used >= turn.most.min(left) {
                self.line.push_back(turn.tenant);
            }
            left -= used;
        }
        for tenant in next.into_iter().rev() {
            self.line.push_front(tenant);
        }
    }
}

async fn cleanup_loop(parts: &Parts, mut stop: watch::Receiver<bool>) {
    let mut cleaning = Cleaning::default();
    while !*stop.borrow() {
        let tidied = tokio::select! {
            tidied = cleaning.tidy(parts) => tidied,
            // Cleaning up can be repeated, so it may be cancelled; its lease makes it due again.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match tidied {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot clean up"),
        }
        tokio::select! {
            () = parts.wake_cleanup.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Reports accounts to Atlassian, without haste.
async fn reports_loop(parts: &Parts, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let reported = tokio::select! {
            reported = reporting::run_due(parts) => reported,
            // A report can be made again, so it may be cancelled; its lease makes it due again.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match reported {
            // There may be more.
            Ok(tenants) if tenants > 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the worker cannot report accounts"),
        }
        tokio::select! {
            () = tokio::time::sleep(REPORTS_EACH) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Tells the vendor's receiver what happened to links. It waits for nobody else, and nobody waits for it.
async fn webhooks_loop(parts: &Parts, mut stop: watch::Receiver<bool>) {
    let Some(webhooks) = &parts.webhooks else {
        return;
    };
    let mut sending = JoinSet::new();
    while !*stop.borrow() {
        while sending.try_join_next().is_some() {}
        if let Err(error) = send_webhooks(webhooks, &mut sending).await {
            tracing::warn!(%error, "the worker cannot send webhooks");
        }
        tokio::select! {
            // There may be more, of the same link for instance.
            Some(_) = sending.join_next() => {}
            () = tokio::time::sleep(TICK) => {}
            _ = stop.changed() => {}
        }
    }
    // What is cut off is sent again.
    let all = async { while sending.join_next().await.is_some() {} };
    tokio::time::timeout(LAST_WEBHOOKS, all).await.ok();
}

/// Begins to send as many messages as may be sent now.
async fn send_webhooks(webhooks: &Webhooks, sending: &mut JoinSet<()>) -> Result<(), Error> {
    let free = WEBHOOKS_AT_ONCE.saturating_sub(sending.len());
    if free == 0 {
        return Ok(());
    }
    for claimed in webhooks.claim(count(free)).await? {
        let webhooks = webhooks.clone();
        sending.spawn(async move {
            if let Err(error) = webhooks.deliver(claimed).await {
                tracing::warn!(%error, "what came of a webhook message cannot be written; it is sent again");
            }
        });
    }
    Ok(())
}

/// Cleans up, and remembers when it last swept.
#[derive(Default)]
pub struct Cleaning {
    turns: Turns,
    swept_at: Seconds,
}

impl Cleaning {
    /// Does what is due now, up to a number of entries. Returns whether more may be due at once.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn tidy(&mut self, parts: &Parts) -> Result<bool, Error> {
        let now = parts.clock.now();
        let drained_some = parts.store.drain(now).await?;
        let mut swept_some = false;
        if (now - self.swept_at).abs() >= SWEEP_EVERY {
            self.swept_at = now;
            swept_some = parts.store.sweep(now).await?;
            let past = now - parts.events_kept;
            swept_some |= parts.store.sweep_site_events(past).await?;
            let (given_up, more) = parts.store.sweep_webhooks(now).await?;
            if given_up > 0 {
                tracing::error!(
                    given_up,
                    "webhook messages were not taken within a day and are given up: see docs/oncall.md"
                );
            }
            swept_some |= more;
            if swept_some {
                // More rows may have expired than one sweep deletes.
                self.swept_at = now - SWEEP_EVERY;
            }
        }
        parts.store.let_go(now).await?;
        self.turns.look(parts, What::Cleanup).await?;
        let each = CLEANUP_AT_ONCE / count(self.turns.line.len()).max(1);
        let turns = self.turns.take(CLEANUP_AT_ONCE, each.max(1), |_| i64::MAX);
        // The rest of the turn waits for other servers.
        parts.rounds.turned(Round::Cleanup);
        let done = crate::cleanup::run_due(parts, &turns).await?;
        self.turns.put_back(turns, CLEANUP_AT_ONCE, &done);
        Ok(drained_some || !done.is_empty() || swept_some)
    }
}

/// Finds claims whose process has died, so that no link waits for their leases: at start, and then every
/// tick.
#[derive(Default)]
pub struct Watchman {
    life: Option<SignOfLife>,
    /// When this process last found itself without a sign of life.
    cut_off_at: Option<Seconds>,
    /// Since when each process has shown no sign of life.
    suspects: HashMap<String, Seconds>,
    looked_at: Seconds,
    compared_clocks_at: Seconds,
    /// When the clock was last compared with the latest time that any process has seen, by the clock and by
    /// the machine's monotonic one.
    minded_clock_at: Option<(Seconds, Instant)>,
}

impl Watchman {
    /// Looks for dead processes, at most once a second, and frees their claims.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn look(&mut self, renewing: &Renewing) -> Result<(), Error> {
        let now = renewing.parts.clock.now();
        if self.looked_at == now {
            return Ok(());
        }
        self.looked_at = now;
        self.mind_clock(renewing, now).await?;
        if (now - self.compared_clocks_at).abs() >= COMPARE_CLOCKS_EVERY {
            follow_database(&renewing.parts.store, &renewing.parts.clock).await?;
            self.compared_clocks_at = renewing.parts.clock.now();
        }
        if let Some(life) = &mut self.life
            && !life.is_held().await
        {
            self.life = None;
            self.cut_off_at = Some(now);
        }
        if self.life.is_none() && renewing.parts.store.is_shared() {
            self.life = renewing.parts.store.sign_of_life(&renewing.replica).await?;
            if self.life.is_none() {
                // Another connection may still hold the lock: the server has not noticed its end.
                self.cut_off_at = Some(now);
            }
        }
        // What cut this process off, for instance a restart of the database, also cut off others that are
        // alive: they cannot renew their leases and may wait for answers of the service until these expire.
        if self
            .cut_off_at
            .is_some_and(|at| at <= now && now - at < LEASE)
        {
            self.suspects.clear();
            return Ok(());
        }
        let owners = renewing
            .parts
            .store
            .owners_besides(&renewing.replica)
            .await?;
        self.suspects.retain(|owner, _| owners.contains(owner));
        for owner in owners {
            if !renewing.parts.store.has_died(&owner).await? {
                self.suspects.remove(&owner);
                continue;
            }
            // With SQLite there is no other process. With PostgreSQL, a process may have lost its connection,
            // be alive, and take its lock again.
            let since = self.suspects.entry(owner.clone()).or_insert(now);
            // Not of a clock that was ahead.
            *since = (*since).min(now);
            let since = *since;
            if !renewing.parts.store.is_shared() || now - since >= DEAD_AFTER {
                let freed = renewing.parts.store.release(&owner, now).await?;
                tracing::info!(freed, "took over claims of a process that died");
                self.suspects.remove(&owner);
            }
        }
        Ok(())
    }
}

impl Watchman {
    /// Notes the time every few seconds, and at once when the clock jumps.
    async fn mind_clock(&mut self, renewing: &Renewing, now: Seconds) -> Result<(), Error> {
        if let Some((at, instant)) = self.minded_clock_at {
            let passed = Seconds::try_from(instant.elapsed().as_secs()).unwrap_or(Seconds::MAX);
            let jumped = (now - at - passed).abs() > JUMP;
            if !jumped && passed < MIND_CLOCK_EVERY {
                return Ok(());
            }
            if jumped {
                // It may be another machine's, too.
                follow_database(&renewing.parts.store, &renewing.parts.clock).await?;
            }
        }
        let now = renewing.parts.clock.now();
        if let Some(seconds) = renewing.parts.store.mind_clock(now).await? {
            tracing::warn!(
                seconds,
                "the clock was ahead and is right again: what waits was moved back"
            );
        }
        self.minded_clock_at = Some((now, Instant::now()));
        Ok(())
    }
}

/// A difference that network and scheduling can cause, in milliseconds: it is not corrected.
const UNSURE: Millis = 500;
/// A difference that an operator should know of, in milliseconds.
const WRONG: Millis = 5_000;

/// Corrects this process's clock by the database server's, so that replicas agree on what is due and what has
/// expired, even if their machines' clocks are wrong. Without a server it does nothing.
///
/// # Errors
/// When the store is unavailable.
pub async fn follow_database(store: &Store, clock: &Clock) -> Result<(), Error> {
    if let Some(ahead) = store.clock_ahead_of(clock).await?
        && ahead.abs() > UNSURE
        && clock.correct(ahead)
        && ahead.abs() > WRONG
    {
        tracing::warn!(
            seconds = ahead / 1000,
            "the clock of this machine or of the database server is wrong; using the database's"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tenants: &[&str]) -> Turns {
        Turns {
            line: tenants.iter().map(|key| ClientKey((*key).into())).collect(),
            ..Turns::default()
        }
    }

    fn keys<'a>(turns: impl IntoIterator<Item = &'a Turn>) -> Vec<(&'a str, i64)> {
        turns
            .into_iter()
            .map(|turn| (turn.tenant.as_str(), turn.most))
            .collect()
    }

    fn used(all: &[(&str, i64)]) -> HashMap<ClientKey, i64> {
        all.iter()
            .map(|(key, used)| (ClientKey((*key).into()), *used))
            .collect()
    }

    fn in_line(turns: &Turns) -> Vec<&str> {
        turns.line.iter().map(ClientKey::as_str).collect()
    }

    #[test]
    fn a_tenant_with_more_to_do_goes_to_the_end() {
        let mut turns = line(&["a", "b", "c"]);
        let may_have = |tenant: &ClientKey| if tenant.as_str() == "c" { 2 } else { 99 };
        let taken = turns.take(30, 8, may_have);
        assert_eq!(keys(&taken), [("a", 8), ("b", 8), ("c", 2)]);
        turns.put_back(taken, 30, &used(&[("a", 8), ("b", 7), ("c", 2)]));
        assert_eq!(in_line(&turns), ["a", "c"]);
    }

    #[test]
    fn for_whom_there_was_no_place_is_the_next() {
        let mut turns = line(&["a", "b", "c", "d"]);
        let taken = turns.take(12, 8, |_| 99);
        assert_eq!(keys(&taken), [("a", 8), ("b", 8), ("c", 8), ("d", 8)]);
        // The second had the four places that were left, and the others none.
        turns.put_back(taken, 12, &used(&[("a", 8), ("b", 4)]));
        assert_eq!(in_line(&turns), ["c", "d", "a", "b"]);
        let taken = turns.take(2, 8, |_| 99);
        assert_eq!(keys(&taken), [("c", 2), ("d", 2)]);
        turns.put_back(taken, 2, &used(&[("c", 1), ("d", 1)]));
        assert_eq!(in_line(&turns), ["a", "b", "d"]);
    }

    #[test]
    fn who_may_have_none_stays_in_line() {
        let mut turns = line(&["a", "b"]);
        let taken = turns.take(4, 1, |tenant| i64::from(tenant.as_str() == "b"));
        assert_eq!(keys(&taken), [("b", 1)]);
        turns.put_back(taken, 4, &used(&[]));
        assert_eq!(in_line(&turns), ["a"]);
    }
}
