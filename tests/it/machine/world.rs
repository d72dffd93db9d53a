//! The product's processes, the simulated world and a database, and what the machine knows of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use latchkey::clock::{Clock, Seconds};
use latchkey::model::{
    AccountId, Actor, AttemptId, ClientKey, Consent, Credential, Heard, Identity, Installation,
    Phase, Tenant, Tokens,
};
use latchkey::random::Random;
use latchkey::secret::Secret;
use latchkey::store::{LEASE, Lease};
use latchkey::{App, cleanup};

use crate::database::Database;
use crate::hooks::new_secret;
use crate::ice::Ice;
use crate::links;
use crate::postgres::Postgres;
use crate::scene::{Db, PROPERTY, told};
use crate::sim;
use crate::sim::jira::{self, AppState, Scope};
use crate::sim::service::{self, Rotation};

use super::doors::Way;
use super::process::{Process, Settings};
use super::step::{
    Deed, Hold, JiraFault, Kit, LIFE, PEOPLE, SITES, SUBJECTS, ServiceFault, Step, Stress, Told,
    Which, Who,
};
use super::stress::Ground;

pub const DONE: &str = "the database answers";
pub const SEALING_KEY: &str = "k1:bGF0Y2hrZXktdGVzdHMtc2VhbGluZy1rZXktMDAwMDE=";
/// A request that takes longer is given up by the product, in seconds (`outbound::TIME_LIMIT`).
const TIME_LIMIT: Seconds = 30;
/// While all is well, the loops look round this often, in seconds: as good as always.
const TICK: Seconds = 150;
/// All is well again after this, in seconds: an hour for Jira's quota or between two tries to clean up,
/// and some more.
const LONG_ENOUGH: Seconds = 4200;
/// The same where the property holds handles, because no key waits for them: one that could not be put because Jira had
/// asked to wait is put up to half an hour after that.
const LONG_ENOUGH_FOR_HANDLES: Seconds = 6000;
/// Nothing is broken for longer, in seconds: after a week the product may give up cleaning up.
const LONGEST_TROUBLE: Seconds = 4 * 24 * 3600;
/// How long a process that cleans up while calls are held must have done so before it is taken to wait
/// for them.
const STILL: Duration = Duration::from_millis(500);
/// How long it takes to put a backup back, in seconds.
const PUTTING_BACK: Seconds = 30;
/// How long a process goes on while its database is in trouble, or when it is asked to stop.
const A_MOMENT: Duration = Duration::from_millis(50);
/// Only a fault of the product or of this machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A link as it stands in the database.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: String,
    pub state: String,
    pub reason: String,
    pub generation: i64,
    pub published: i64,
    /// Its grant at the service: the machine has it written into the name of the account there.
    pub grant: usize,
    pub claimed_by: String,
    /// Of the installation that its tenant has now.
    pub current: bool,
}

/// What was true when a backup was made.
#[derive(Clone)]
struct Backup {
    installed: [bool; SITES.len()],
    enabled: [bool; SITES.len()],
    /// Counts installations of each site.
    installation: [u64; SITES.len()],
    /// Whether the Forge app had ever been there.
    by_forge: [bool; SITES.len()],
    /// What the receiver had been told. The messages themselves may have gone by the time it is put back.
    told: HashMap<String, String>,
}

/// Somebody who has logged in at the service and has not confirmed.
struct Proving {
    attempt: AttemptId,
}

pub struct World {
    pub sims: Runtime,
    pub sim: sim::World,
    pub database: Database,
    ground: Ground,
    pub clock: Clock,
    pub kit: Kit,
    pub rows: BTreeMap<Who, Row>,
    pub installed: [bool; SITES.len()],
    pub enabled: [bool; SITES.len()],
    /// Grants of links that somebody has ended: nothing of them need work.
    pub ended: HashSet<usize>,
    /// Grants of links that others have replaced.
    pub replaced: HashSet<usize>,
    /// Grants of which an answer may be lost, and at which generation: a service that rotates may end
    /// them.
    pub excused: HashMap<usize, i64>,
    /// What the vendor's receiver was told last of each link. Messages go after a week.
    pub told: HashMap<String, String>,
    /// All grants of a person's links since the last end of one.
    pub grants_of: BTreeMap<Who, BTreeSet<usize>>,
    /// Whose property an uninstall has left behind.
    pub left_behind: BTreeSet<Who>,
    /// Grants that a service has ended because of an answer that was lost. A process that slept may bring
    /// that answer all the same.
    pub lost: HashSet<usize>,
    /// A process was asleep with an answer on its way, which may have come for a link that had ended.
    pub slept: bool,
    /// Keys that were made while the product's clock was ahead: a grant and a generation.
    pub ahead: HashSet<(usize, i64)>,
    /// Grants up to this number were there when a backup was put back. What became of them since it was made
    /// is forgotten: links that had ended are there again, and others are not.
    pub forgotten: usize,
    backup: Option<Backup>,
    /// Half answers are being given.
    pub half_answers: bool,
    /// They are not any more.
    half_answers_over: bool,
    /// Token requests up to here are over and looked at.
    pub requests_seen: usize,
    /// Token requests up to here were made when it was right.
    pub requests_asked: usize,
    pub calls_seen: usize,
    /// Properties up to here were put when it was right.
    pub writes_seen: usize,
    pub steps: usize,
    proving: BTreeMap<Who, Proving>,
    pub processes: Vec<Process>,
    settings: Settings,
    seed: u64,
    started: u64,
    held_for: Seconds,
    well_at: Seconds,
    /// The name that each site has now, and those that it can have: that of Connect, and that of Forge.
    pub client_keys: Vec<String>,
    pub names: [[String; 2]; SITES.len()],
    /// As the product has it.
    pub ways: [Way; SITES.len()],
    /// The installation of the Forge app that speaks for each site, as the product has it.
    pub speaks: [String; SITES.len()],
    /// Whether Forge's schedule goes on at a site, and when it last called.
    pub scheduled: [bool; SITES.len()],
    pub ticked_at: [Seconds; SITES.len()],
    /// The installation of the Forge app before the present one.
    /// The installation before, and when it was replaced.
    pub forge_before: [Option<(jira::ForgeApp, Seconds)>; SITES.len()],
    installations: u64,
    /// The number of the installation that each site has now.
    installation: [u64; SITES.len()],
    url: String,
    _directory: Option<TempDir>,
}

pub fn site_of(who: Who) -> usize {
    who / PEOPLE
}

/// The same people are at both sites.
pub fn account_of(who: Who) -> String {
    format!("712020:person-{}", who % PEOPLE)
}

fn subject(number: usize) -> String {
    format!("u-{number}")
}

impl World {
    pub fn start(db: Db, seed: u64, kit: Kit) -> Self {
        let sims = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let sim = sims.block_on(sim::World::start(kit.service.clone()));
        let mut pairs: Settings = sim.settings();
        pairs.extend([
            (
                "LATCHKEY_BASE_URL",
                "http://latchkey.localhost:1".to_owned(),
            ),
            ("LATCHKEY_SEALING_KEYS", SEALING_KEY.to_owned()),
            // Nobody sends what is written for it.
            (
                "LATCHKEY_WEBHOOK_URL",
                "https://hooks.example.com/".to_owned(),
            ),
            ("LATCHKEY_WEBHOOK_SECRET", new_secret()),
            ("LATCHKEY_PROPERTY_KEY", PROPERTY.to_owned()),
            ("LATCHKEY_JIRA_BURST", "1000".to_owned()),
        ]);
        if kit.mints {
            pairs.push(("LATCHKEY_API_KEY_FROM", "endpoint".to_owned()));
            pairs.push(("LATCHKEY_API_KEY_URL", sim.service.url("/keys")));
        }
        if kit.handles {
            pairs.push(("LATCHKEY_PROPERTY", "handle".to_owned()));
        }
        let (directory, urls, ground) = databases(db, &sims);
        pairs.push(("LATCHKEY_DATABASE_URL", urls.of_processes.clone()));
        let settings = pairs;
        for number in 0..SUBJECTS {
            sim.service.add_person(service::Person {
                subject: subject(number),
                number: number as u64,
                login: subject(number),
                name: subject(number),
            });
        }
        for who in 0..SITES.len() * PEOPLE {
            let person = jira::Person::new(&account_of(who), "Somebody");
            sim.jira.add_person(SITES[site_of(who)], person);
        }
        let clock = Clock::movable();
        let names = SITES.map(|site| {
            let site = sim.jira.site(site);
            let of_forge = format!("ari:cloud:jira::site/{}", site.cloud_id);
            [site.client_key, of_forge]
        });
        // A file of SQLite serves one process.
        let mut kit = kit;
        if db == Db::Sqlite {
            kit.processes = 1;
        }
        let first = start(&settings, &clock, seed, 0);
        let mut database = sims.block_on(Database::open(&urls.own));
        ground.prepare(&sims, &mut database);
        let mut world = Self {
            ground,
            well_at: clock.now(),
            clock,
            sims,
            sim,
            database,
            rows: BTreeMap::new(),
            installed: [false; SITES.len()],
            enabled: [true; SITES.len()],
            ended: HashSet::new(),
            replaced: HashSet::new(),
            excused: HashMap::new(),
            told: HashMap::new(),
            grants_of: BTreeMap::new(),
            left_behind: BTreeSet::new(),
            lost: HashSet::new(),
            slept: false,
            ahead: HashSet::new(),
            forgotten: 0,
            backup: None,
            half_answers: false,
            half_answers_over: false,
            requests_seen: 0,
            requests_asked: 0,
            calls_seen: 0,
            writes_seen: 0,
            steps: 0,
            proving: BTreeMap::new(),
            processes: vec![first],
            settings,
            seed,
            started: 1,
            held_for: 0,
            client_keys: names
                .iter()
                .map(|[of_connect, _]| of_connect.clone())
                .collect(),
            names,
            ways: [Way::Connect; SITES.len()],
            speaks: [const { String::new() }; SITES.len()],
            scheduled: [true; SITES.len()],
            ticked_at: [0; SITES.len()],
            forge_before: [const { None }; SITES.len()],
            installations: 0,
            installation: [0; SITES.len()],
            url: urls.own,
            _directory: directory,
            kit,
        };
        while world.processes.len() < world.kit.processes {
            let process = world.another();
            world.processes.push(process);
        }
        for site in 0..SITES.len() {
            match world.kit.forge[site] {
                true => world.move_to_forge(0, site, Some(Told::Tick)),
                false => world.install(0, site),
            }
        }
        world.settle().expect("nothing is held yet");
        world
    }

    pub fn close(self) {
        for process in self.processes {
            process.kill(&self.sims);
        }
        self.sims.block_on(self.database.close());
        self.sims.shutdown_background();
    }

    fn another(&mut self) -> Process {
        self.started += 1;
        start(&self.settings, &self.clock, self.seed, self.started)
    }

    /// Which process does it: one that is awake.
    pub fn awake(&self, which: Which) -> usize {
        let which = which % self.processes.len();
        match self.processes[which].paused {
            true => (which + 1) % self.processes.len(),
            false => which,
        }
    }

    pub fn client_key(&self, site: usize) -> ClientKey {
        ClientKey(self.client_keys[site].clone())
    }

    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        self.steps += 1;
        let before = self.before();
        self.act(step)?;
        self.settle()?;
        self.check(step, &before)?;
        if std::mem::take(&mut self.half_answers_over) {
            self.half_answers = false;
        }
        if self.clock.now() - self.well_at > LONGEST_TROUBLE {
            self.recover()?;
        }
        Ok(())
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Link(which, who, subject) => {
                if self.prove(which, who, subject) {
                    self.confirm(which, who);
                }
            }
            Step::Prove(which, who, subject) => {
                self.prove(which, who, subject);
            }
            Step::Confirm(which, who) => self.confirm(which, who),
            Step::Unlink(which, who) => {
                let which = self.awake(which);
                let unlink = self.unlink(which, who);
                self.processes[which].request(unlink);
            }
            Step::RenewNow(which, who) => self.renew_now(which, who),
            Step::RenewAll(which) => self.renew_all(self.awake(which)),
            Step::Work(which) => {
                let which = self.awake(which);
                self.processes[which].work();
            }
            Step::Tidy(which) => {
                let which = self.awake(which);
                self.processes[which].tidy();
            }
            Step::Pass(seconds) => {
                self.pass(seconds)?;
                self.tick_on_schedule(0);
            }
            Step::Uninstall(which, site) => {
                if self.has_forge(site) {
                    self.leave(which, site)?;
                } else if self.installed[site] {
                    self.set_state(site, AppState::Uninstalled);
                    self.installed[site] = false;
                    self.leave_behind(site);
                    self.tell_uninstalled(which, site);
                }
            }
            Step::Install(which, site) => {
                if self.ever_by_forge(site) {
                    self.move_to_forge(which, site, Some(Told::Tick));
                } else if !self.installed[site] {
                    self.install(which, site);
                }
            }
            Step::Disable(which, site) => self.enable(which, site, false),
            Step::Enable(which, site) => self.enable(which, site, true),
            Step::Move(which, site, first) => self.move_to_forge(which, site, first),
            Step::Reinstall(which, site, first) => self.reinstall_forge(which, site, first),
            Step::Tell(which, site, what) => self.tell(which, site, what),
            Step::Schedule(site, goes_on) => self.scheduled[site] = goes_on,
            Step::TakeBack(site) => self.sim.jira.forget_system_tokens(SITES[site]),
            Step::Late(which, site, what) => self.late(which, site, what),
            Step::Withdraw(number) => self.sim.service.withdraw(&subject(number)),
            Step::Admin(site, admin) => self.sim.jira.set_app_is_admin(SITES[site], admin),
            // A service that rotates gives a refresh token with every answer.
            Step::Service(ServiceFault::NoRefreshToken, _)
                if self.kit.service.rotation != Rotation::None => {}
            Step::Service(fault, times) => {
                if matches!(fault, ServiceFault::HalfAnswer) {
                    (self.half_answers, self.half_answers_over) = (true, false);
                }
                self.sim.service.fault(fault.fault(times));
            }
            Step::Jira(fault, site, times) => self.sim.jira.fault(fault.fault(site, times)),
            Step::Calm => self.calm(),
            Step::Kill(which, deed, micros) => self.kill(which, deed, micros)?,
            Step::Pause(which, hold) => self.pause(which, hold)?,
            Step::Wake => self.wake(),
            Step::Stop(which) => self.stop(which)?,
            Step::Stress(which, stress, hold) => self.stress(which, stress, hold)?,
            Step::Backup => self.back_up()?,
            Step::Restore(which) => self.restore(which)?,
            Step::Ahead(which, seconds) => self.ahead(which, seconds)?,
            Step::Recover => self.recover()?,
        }
        Ok(())
    }

    // --- people ---

    fn prove(&mut self, which: Which, who: Who, number: usize) -> bool {
        let process = &self.processes[self.awake(which)];
        let (client_key, account) = (self.client_key(site_of(who)), AccountId(account_of(who)));
        if !self.installed[site_of(who)] || !self.enabled[site_of(who)] {
            return false;
        }
        let service = &self.sim.service;
        let grant = service.look(|ledger| ledger.grants().len());
        let (access, refresh) = service.grant(&subject(number));
        let now = self.clock.now();
        let tokens = Tokens {
            access_token: Secret::new(access),
            requested_at: now,
            expires_at: Some(now + LIFE),
            refresh_expires_at: None,
            refresh_token: Some(Secret::new(refresh)),
        };
        let identity = Identity {
            subject: subject(number),
            display_name: grant.to_string(),
        };
        let app = process.app.clone();
        let proving = process.run(prove(app, client_key, account, identity, tokens));
        self.proving.insert(who, proving);
        true
    }

    fn confirm(&mut self, which: Which, who: Who) {
        let which = self.awake(which);
        if let Some(confirm) = self.confirmation(which, who) {
            self.processes[which].request(confirm);
        }
    }

    fn confirmation(
        &mut self,
        which: usize,
        who: Who,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let proving = self.proving.remove(&who)?;
        let app = self.processes[which].app.clone();
        Some(confirm(app, proving))
    }

    fn renew_now(&self, which: Which, who: Who) {
        let process = &self.processes[self.awake(which)];
        let (client_key, account) = (self.client_key(site_of(who)), AccountId(account_of(who)));
        let now = self.clock.now();
        let store = &process.app.parts.store;
        process.run(async {
            if let Some(tenant) = store.tenant(&client_key).await.expect(DONE) {
                let renew = store.renew_now(&tenant, &account, now);
                renew.await.expect(DONE);
            }
        });
    }

    fn renew_all(&mut self, which: usize) {
        let linked: Vec<Who> = self.rows.keys().copied().collect();
        for who in linked {
            self.renew_now(which, who);
        }
        self.processes[which].work();
    }

    fn unlink(&self, which: usize, who: Who) -> impl Future<Output = ()> + Send + 'static {
        let app = self.processes[which].app.clone();
        let (client_key, account) = (self.client_key(site_of(who)), AccountId(account_of(who)));
        async move {
            let now = app.parts.clock.now();
            let Some(tenant) = app.parts.store.tenant(&client_key).await.expect(DONE) else {
                return;
            };
            let left = app
                .parts
                .store
                .unlink(&tenant, &account, None, &Actor::Person, now, now + 15)
                .await;
            let done = cleanup::run_these(&app.parts, &left.expect(DONE), now + 15).await;
            done.expect(DONE);
        }
    }

    // --- admins ---

    pub fn set_state(&self, site: usize, state: AppState) {
        self.sim.jira.edit_site(SITES[site], |site| {
            if let Some(app) = &mut site.app {
                app.state = state;
            }
        });
    }

    fn tell_uninstalled(&self, which: Which, site: usize) {
        let process = &self.processes[self.awake(which)];
        let (client_key, now) = (self.client_key(site), self.clock.now());
        let call = told(now);
        let uninstalled = process.app.parts.store.uninstall(&client_key, &call, now);
        process.run(uninstalled).expect(DONE);
    }

    fn install(&mut self, which: Which, site: usize) {
        self.installations += 1;
        let secret = format!("shared-secret-{}-{}", self.seed, self.installations);
        let oauth_client_id = format!("oauth-client-{}", self.installations);
        let app = jira::App {
            key: "latchkey".to_owned(),
            base_url: "http://latchkey.localhost:1".to_owned(),
            descriptor_url: String::new(),
            descriptor: json!({}),
            scopes: BTreeSet::from([Scope::Read, Scope::Write, Scope::Delete, Scope::ActAsUser]),
            secrets: vec![secret.clone()],
            oauth_client_id: oauth_client_id.clone(),
            installation: self.installations,
            state: AppState::Enabled,
        };
        let base_url = self.sim.jira.url(SITES[site]);
        self.sim
            .jira
            .edit_site(SITES[site], |site| site.app = Some(app));
        let installation = Installation {
            client_key: self.client_key(site),
            display_urls: vec![base_url.clone()],
            base_url,
            shared_secret: Secret::new(secret),
            oauth_client_id: Some(oauth_client_id),
        };
        let process = &self.processes[self.awake(which)];
        let now = self.clock.now();
        let call = told(now);
        let installed = process.app.parts.store.install(&installation, &call, now);
        process.run(installed).expect(DONE);
        process
            .run(latchkey::worker::learn_sites(&process.app.parts))
            .expect(DONE);
        self.installed[site] = true;
        self.enabled[site] = true;
        self.installation[site] = self.installations;
    }

    fn enable(&mut self, which: Which, site: usize, enabled: bool) {
        if !self.installed[site] || self.has_forge(site) {
            return;
        }
        self.enabled[site] = enabled;
        self.set_state(
            site,
            match enabled {
                true => AppState::Enabled,
                false => AppState::Disabled,
            },
        );
        let process = &self.processes[self.awake(which)];
        let (client_key, now) = (self.client_key(site), self.clock.now());
        let store = &process.app.parts.store;
        process.run(async {
            let tenant = store.tenant(&client_key).await.expect(DONE);
            let tenant = tenant.expect("it is installed");
            let call = told(now);
            let heard = store.enable(&tenant, enabled, &call, now).await;
            assert_eq!(heard.expect(DONE), Heard::Done);
        });
    }

    // --- the clock and faults ---

    /// Who has waited for an answer for too long gives up.
    fn pass(&mut self, seconds: Seconds) -> Result<(), String> {
        let mut left = seconds;
        if self.held() > 0 {
            let patience = (TIME_LIMIT - self.held_for).max(0);
            if seconds < patience {
                self.held_for += seconds;
            } else {
                self.advance(patience);
                left -= patience;
                self.sim.service.lose_held();
                self.sim.jira.lose_held();
                self.held_for = 0;
                self.settle()?;
            }
        }
        self.advance(left);
        Ok(())
    }

    fn advance(&self, seconds: Seconds) {
        self.clock.advance(seconds);
        self.sim
            .advance(Duration::from_secs(seconds.unsigned_abs()));
    }

    fn held(&self) -> usize {
        self.sim.service.held() + self.sim.jira.held()
    }

    fn calm(&mut self) {
        self.sim.service.clear_faults();
        self.sim.jira.clear_faults();
        self.half_answers_over = true;
        self.held_for = 0;
    }

    /// Drives those who are awake until all that is under way waits for an answer that is held.
    pub fn settle(&mut self) -> Result<(), String> {
        self.settle_all()?;
        self.look_at_doors();
        Ok(())
    }

    fn settle_all(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let (mut last, mut since) = ((0, 0), began);
        loop {
            let (mut under_way, mut tidying) = (0, false);
            for process in self.processes.iter_mut().filter(|process| !process.paused) {
                process.drive(Duration::from_millis(1));
                under_way += process.under_way();
                tidying |= process.is_tidying();
            }
            let held = self.held();
            if under_way == held && !tidying {
                return Ok(());
            }
            if (held, under_way) != last {
                (last, since) = ((held, under_way), Instant::now());
            }
            // Only the last refresh before a minted key is deleted is a call of cleaning up that can be held, and
            // nobody knows how many of them there are at a time. All others that are under way must be held too.
            let held_too = self.kit.mints && tidying && held > under_way;
            if held_too && since.elapsed() > STILL {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err("something takes for ever".to_owned());
            }
        }
    }

    /// Waits until the world has noticed that clients hung up or were answered.
    fn until_noticed(&self) -> Result<(), String> {
        let began = Instant::now();
        let from = self.requests_seen;
        loop {
            let open = self.sim.service.look(|ledger| {
                let requests = ledger.token_requests()[from..].iter();
                requests.filter(|request| request.ended.is_none()).count()
            });
            if self.held() == 0 && open == 0 {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err("the world does not notice that nobody waits any more".to_owned());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    // --- processes ---

    /// What a process has claimed may be lost with it, or be asked for by another meanwhile.
    fn excuse(&mut self, replica: &str) {
        let rows = self.read_rows();
        for row in rows.values().filter(|row| row.claimed_by == replica) {
            // Of a grant that is over, no answer can be lost.
            let over = |ledger: &service::Ledger| ledger.grants()[row.grant].revoked.is_some();
            if !self.sim.service.look(over) {
                self.excused.insert(row.grant, row.generation);
            }
        }
    }

    fn kill(&mut self, which: Which, deed: Deed, micros: u64) -> Result<(), String> {
        let which = match deed {
            Deed::Nothing => which % self.processes.len(),
            _ => self.awake(which),
        };
        let for_so_long = Duration::from_micros(micros);
        match deed {
            Deed::Nothing => {}
            Deed::Work => self.processes[which].work_for(for_so_long),
            Deed::Tidy => {
                self.processes[which].tidy();
                self.processes[which].drive_for(for_so_long);
            }
            Deed::Link(who, subject) => {
                if self.prove(which, who, subject)
                    && let Some(confirm) = self.confirmation(which, who)
                {
                    self.processes[which].request(confirm);
                    self.processes[which].drive_for(for_so_long);
                }
            }
            Deed::Unlink(who) => {
                let unlink = self.unlink(which, who);
                self.processes[which].request(unlink);
                self.processes[which].drive_for(for_so_long);
            }
            Deed::Tell(site, what) => {
                // Where Connect's app is disabled, the product must not come to a stop between the two.
                if self.enabled[site]
                    && let Some(arrives) = self.telling(which, site, what)
                {
                    self.processes[which].request(arrives);
                    self.processes[which].drive_for(for_so_long);
                }
            }
            Deed::Leave(site) => {
                if let Some(leaves) = self.leaving(which, site) {
                    self.processes[which].request(leaves);
                    self.processes[which].drive_for(for_so_long);
                }
            }
        }
        // The other's calls may be held.
        let alone = self.idle_besides(which);
        let dead = self.processes[which].app.renewing.replica.clone();
        let process = self.processes.remove(which);
        process.kill(&self.sims);
        let another = self.another();
        self.processes.insert(which, another);
        self.hung_up(alone)?;
        self.excuse(&dead);
        if let Deed::Leave(site) = deed {
            // Forge calls again where it got no answer.
            self.leave(which, site)?;
        }
        Ok(())
    }

    /// A process is gone, and perhaps no other has calls under way.
    fn hung_up(&mut self, alone: bool) -> Result<(), String> {
        if alone {
            self.until_noticed()?;
            self.held_for = 0;
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn stop(&mut self, which: Which) -> Result<(), String> {
        let which = self.awake(which);
        let alone = self.idle_besides(which);
        let stopped = self.processes[which].app.renewing.replica.clone();
        self.processes.remove(which).stop(A_MOMENT, &self.sims);
        let another = self.another();
        self.processes.insert(which, another);
        self.hung_up(alone)?;
        // What was held has not ended.
        self.excuse(&stopped);
        Ok(())
    }

    /// Nobody's answer may be lost by it: there is no excuse for anything.
    fn stress(&mut self, which: Which, stress: Stress, hold: Hold) -> Result<(), String> {
        if self.processes.iter().any(Process::is_asked) {
            return Ok(());
        }
        let which = self.awake(which);
        self.hold(which, hold)?;
        for process in &self.processes {
            process.troubled(true);
        }
        self.ground.begin(stress, &self.sims, &mut self.database);
        self.calm();
        for process in self.processes.iter_mut().filter(|process| !process.paused) {
            process.work();
            process.tidy();
            process.drive(A_MOMENT);
        }
        self.ground.end(stress, &self.sims, &mut self.database);
        self.settle()?;
        // Each has found out what became of its connections.
        for process in self.processes.iter_mut().filter(|process| !process.paused) {
            process.work();
        }
        self.settle()?;
        for process in &self.processes {
            process.troubled(false);
        }
        Ok(())
    }

    fn back_up(&mut self) -> Result<(), String> {
        self.check_told()?;
        self.sims.block_on(self.database.back_up(&self.url));
        self.backup = Some(Backup {
            installed: self.installed,
            enabled: self.enabled,
            installation: self.installation,
            by_forge: [0, 1].map(|site| self.ever_by_forge(site)),
            told: self.told.clone(),
        });
        Ok(())
    }

    fn restore(&mut self, which: Which) -> Result<(), String> {
        let Some(backup) = self.backup.clone() else {
            return Ok(());
        };
        for process in std::mem::take(&mut self.processes) {
            process.kill(&self.sims);
        }
        self.until_noticed()?;
        self.held_for = 0;
        let reopened = async {
            let before = std::mem::replace(&mut self.database, Database::nowhere().await);
            before.close().await;
            Database::put_back(&self.url).await;
            self.database = Database::open(&self.url).await;
        };
        self.sims.block_on(reopened);
        while self.processes.len() < self.kit.processes {
            let process = self.another();
            self.processes.push(process);
        }
        // Nobody does it faster.
        self.advance(PUTTING_BACK);
        if (0..SITES.len()).any(|site| self.ever_by_forge(site) && !backup.by_forge[site]) {
            // What Connect's app did until it moved is not known to work any more, before Forge has called again.
            self.calm();
        }
        self.look_at_doors();
        self.forget();
        self.told.clone_from(&backup.told);
        for site in 0..SITES.len() {
            self.tell_again(which, site, &backup);
        }
        // Each finds out what time it is in the database.
        for process in &mut self.processes {
            process.work();
        }
        self.settle()
    }

    /// Forgets what the restored database does not know.
    fn forget(&mut self) {
        self.forgotten = self.sim.service.look(|ledger| ledger.grants().len());
        self.rows = self.read_rows();
        self.proving.clear();
        self.ended.clear();
        self.replaced.clear();
        self.grants_of.clear();
        for (who, row) in &self.rows {
            self.grants_of.insert(*who, BTreeSet::from([row.grant]));
        }
        for site in 0..SITES.len() {
            self.leave_behind(site);
        }
        // The links of an uninstalled app may be there still. They end, and their keys stay.
        let linked = |who: &Who| self.rows.get(who).is_some_and(|row| row.current);
        self.left_behind.retain(|who| !linked(who));
    }

    /// What Jira has told since the backup was made, the admin of a site brings about again.
    fn tell_again(&mut self, which: Which, site: usize, backup: &Backup) {
        if self.has_forge(site) {
            self.tell(which, site, Told::Tick);
        } else if self.ever_by_forge(site) {
            // It left, and no call comes of that any more. The product finds it out by itself after days.
            self.has_left_unheard(which, site);
        } else if !self.installed[site] {
            if backup.installed[site] {
                self.leave_behind(site);
                self.tell_uninstalled(which, site);
            }
        } else if backup.installation[site] != self.installation[site] || !backup.installed[site] {
            let enabled = self.enabled[site];
            self.install(which, site);
            // An upgrade enables nothing.
            self.enable(which, site, enabled);
        } else if backup.enabled[site] != self.enabled[site] {
            self.enable(which, site, self.enabled[site]);
        }
    }

    /// What is renewed meanwhile says in Jira that it lasts longer than it does.
    fn ahead(&mut self, which: Which, seconds: Seconds) -> Result<(), String> {
        if self.processes.iter().any(|process| process.paused) || self.held() > 0 {
            return Ok(());
        }
        let which = self.awake(which);
        self.clock.advance(seconds);
        for deed in [Process::work, Process::tidy] {
            deed(&mut self.processes[which]);
            self.settle()?;
        }
        let rows = self.read_rows();
        let ahead = rows.values().map(|row| (row.grant, row.generation));
        self.ahead.extend(ahead);
        self.clock.advance(-seconds);
        self.processes[which].work();
        self.settle()
    }

    fn idle_besides(&self, which: usize) -> bool {
        let others = self.processes.iter().enumerate();
        others
            .filter(|(place, _)| *place != which)
            .all(|(_, process)| process.paused || process.under_way() == 0 && !process.is_tidying())
    }

    /// Two renewals begin, and their answers are held there.
    fn hold(&mut self, which: usize, hold: Hold) -> Result<(), String> {
        match hold {
            Hold::Nowhere => return Ok(()),
            Hold::AtTheService => self.sim.service.fault(ServiceFault::AnswerHeld.fault(2)),
            Hold::InJira => {
                self.sim.jira.fault(JiraFault::AnswerHeld.fault(None, 2));
                if self.kit.handles {
                    self.put_again(which);
                }
            }
        }
        self.renew_all(which);
        self.settle()
    }

    /// As after late writes: else the renewals have no handle to put.
    fn put_again(&self, which: usize) {
        let process = &self.processes[which];
        let (store, now) = (&process.app.parts.store, self.clock.now());
        for who in self.rows.keys() {
            let (client_key, account) =
                (self.client_key(site_of(*who)), AccountId(account_of(*who)));
            let again = store.put_again(&client_key, &account, now);
            process.run(again).expect(DONE);
        }
    }

    /// Only where all that a process has under way waits for an answer: a process that sleeps between a
    /// look at the clock and a send is no longer one when it wakes up, as its time limit is over.
    fn pause(&mut self, which: Which, hold: Hold) -> Result<(), String> {
        let which = which % self.processes.len();
        if self.processes.len() == 1 || self.processes.iter().any(|process| process.paused) {
            return Ok(());
        }
        self.slept = true;
        self.hold(which, hold)?;
        let replica = self.processes[which].app.renewing.replica.clone();
        let rows = self.read_rows();
        let claims = rows.values().filter(|row| row.claimed_by == replica);
        let process = &self.processes[which];
        if process.is_tidying()
            || claims.count() != process.under_way()
            || !self.idle_besides(which)
        {
            return Ok(());
        }
        self.excuse(&replica);
        self.processes[which].paused = true;
        // Nobody lets it wait: answers lie there until it reads them.
        self.calm();
        self.until_noticed()
    }

    fn wake(&mut self) {
        for process in &mut self.processes {
            process.paused = false;
        }
    }

    // --- all is well ---

    fn recover(&mut self) -> Result<(), String> {
        let well = Step::Recover;
        let before = self.before();
        self.wake();
        self.calm();
        self.settle()?;
        self.check(&well, &before)?;
        self.scheduled = [true; SITES.len()];
        self.ticked_at = [0; SITES.len()];
        let long_enough = match self.kit.handles {
            true => LONG_ENOUGH_FOR_HANDLES,
            false => LONG_ENOUGH,
        };
        let end = self.clock.now() + long_enough;
        while self.clock.now() < end {
            self.advance(TICK);
            self.tick_on_schedule(0);
            self.settle()?;
            for which in 0..self.processes.len() {
                let before = self.before();
                self.processes[which].work();
                self.settle()?;
                self.processes[which].tidy();
                self.settle()?;
                self.check(&well, &before)?;
            }
        }
        self.well_at = self.clock.now();
        self.check_well()
    }

    /// All goes well again; then everybody unlinks, and nothing may be left of them.
    pub fn end(&mut self) -> Result<(), String> {
        self.wake();
        for site in 0..SITES.len() {
            self.enable(0, site, true);
        }
        self.recover()?;
        for who in 0..SITES.len() * PEOPLE {
            self.take(&Step::Unlink(who, who))?;
        }
        self.recover()?;
        self.check_end()
    }

    // --- what stands in the database ---

    pub fn read_rows(&mut self) -> BTreeMap<Who, Row> {
        let rows = self.sims.block_on(self.database.links());
        let mut found = BTreeMap::new();
        for link in rows {
            let site = self
                .names
                .iter()
                .position(|names| names.contains(&link.client_key));
            let site = site.expect("a site of this world");
            let person = (0..PEOPLE).find(|person| account_of(*person) == link.account_id);
            let who = site * PEOPLE + person.expect("a person of this world");
            let row = Row {
                id: link.id,
                state: link.state,
                reason: link.reason,
                generation: link.generation,
                published: link.published_generation,
                grant: link.display_name.parse().expect("the number of a grant"),
                claimed_by: link.claimed_by,
                current: link.of_this_installation == 1,
            };
            // A site may have had another name, whose links end.
            let better = |known: &Row| known.current && !row.current;
            if !found.get(&who).is_some_and(better) {
                found.insert(who, row);
            }
        }
        found
    }

    /// Entries of the list, those that wait for a link included.
    pub fn cleanup_left(&mut self) -> i64 {
        let count = self.database.count("select count(*) from cleanup");
        self.sims.block_on(count)
    }
}

fn start(settings: &Settings, clock: &Clock, seed: u64, number: u64) -> Process {
    let random = Random::seeded(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let process = Process::start(settings, clock, random);
    // A loop that does not run here counts the links. There are so few that, where the property holds handles, each
    // person is looked at once a day.
    process.app.parts.jira.quota().serves(0);
    process
}

/// Where the database is: for the machine itself, and for the processes.
struct Urls {
    own: String,
    of_processes: String,
}

fn databases(db: Db, sims: &Runtime) -> (Option<TempDir>, Urls, Ground) {
    match db {
        Db::Sqlite => {
            // Nothing here has to survive a power cut, and waiting for the disk is most of the time.
            let memory = Path::new("/dev/shm");
            let directory = match memory.is_dir() {
                true => tempfile::tempdir_in(memory),
                false => tempfile::tempdir(),
            };
            let directory = directory.expect("a temporary directory");
            let folder = directory.path().to_owned();
            let url = format!("sqlite://{}", folder.join("latchkey.db").display());
            let urls = Urls {
                own: url.clone(),
                of_processes: url,
            };
            (Some(directory), urls, Ground::Disk(folder))
        }
        Db::Postgres => {
            let own = sims.block_on(Postgres::database());
            let (ice, of_processes) = sims.block_on(Ice::before(&own));
            let ground = Ground::Server {
                ice,
                own: own.clone(),
            };
            (None, Urls { own, of_processes }, ground)
        }
    }
}

/// By the steps of the store and not by anybody's clicks.
async fn prove(
    app: Arc<App>,
    client_key: ClientKey,
    account: AccountId,
    identity: Identity,
    tokens: Tokens,
) -> Proving {
    let tenant: Tenant = app
        .parts
        .store
        .tenant(&client_key)
        .await
        .expect(DONE)
        .expect("installed");
    let attempt = links::redeemed(&app, &tenant, &account, &identity, &tokens).await;
    Proving {
        attempt: attempt.id,
    }
}

/// As `linking::confirm` does; but it can be killed.
async fn confirm(app: Arc<App>, proving: Proving) {
    let now = app.parts.clock.now();
    let Some((tenant, attempt)) = app
        .parts
        .store
        .attempt(&proving.attempt, now)
        .await
        .expect(DONE)
    else {
        return;
    };
    let Phase::Redeemed(redeemed) = &attempt.phase else {
        return;
    };
    let credential = Credential {
        tokens: redeemed.tokens.clone(),
        consent: Consent::default(),
        refresh_ends_at: None,
        previous_refresh_token: None,
        lingering: Vec::new(),
        api_key: (!app.parts.service.makes_keys())
            .then(|| app.parts.service.token_as_key(&redeemed.tokens)),
        retiring: Vec::new(),
    };
    let claim = app
        .parts
        .store
        .confirm(
            &tenant,
            &attempt,
            &redeemed.identity,
            credential,
            Lease {
                owner: &app.renewing.replica,
                until: now + LEASE,
            },
            now,
        )
        .await
        .expect(DONE);
    if let Some(claim) = claim {
        let Ok(credential) = claim.credential.clone() else {
            panic!("a new credential is open");
        };
        latchkey::publishing::publish(&app.parts, claim, credential)
            .await
            .expect(DONE);
    }
}
