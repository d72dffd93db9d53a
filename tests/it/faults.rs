//! Fault by fault and moment by moment: what must come of each, on both databases and with each kind of
//! rotation. The stories here begin with `f_` and print a line for every moment; those that stand
//! elsewhere begin with `f_`, or with the invariant (`r1_` to `r32_`), the threat or the trouble in the field
//! (`f1_` to `f30_`) that they show.
//!
//! | fault | moments | what must come of it | story |
//! |---|---|---|---|
//! | SIGKILL | P0, P1, P2 | renewed after a restart | `f_sigkill` |
//! | SIGKILL, a cut connection, a read time-out | P3, P4, where the service does not rotate or allows a retry | recovered in seconds, no link lost | `f_sigkill`, `f_cut`, `f_time_out`, `r18_no_link_is_lost_by_kill_9` |
//! | the same | P3, P4, strict rotation | exactly this link asks to reconnect, the old key works to its end | `f_sigkill`, `f_cut`, `f_time_out`, `r2_a_lost_answer_of_a_strict_service_costs_exactly_this_link` |
//! | SIGKILL | P5 to P8 | tokens kept, PUT repeated, newest generation in Jira | `f_sigkill` |
//! | SIGTERM | P0 to P8 | what has started ends well, nothing new starts | `f_sigterm`, `r18_a_stop_finishes_all_that_is_in_flight` |
//! | sleep of twice the lease | P0, P1 | on waking it does not send; another replica did | `f_sleep`, `r3_a_replica_that_slept_through_its_lease_does_no_harm` |
//! | two replicas | P0 | one wins | `r3_two_replicas_renew_a_thousand_links_and_one_takes_over_from_the_other` |
//! | database down | P0 to P8 | no crash, not ready; what was answered is held until it can be written | `f_database_down` |
//! | service down | any | renewed when it is back, nobody asked to reconnect | `r12_a_service_that_is_not_well_is_waited_for` |
//! | service 429, with odd `Retry-After` | P2 | waits, clamped | `r12_a_service_that_asks_to_wait_is_left_alone` |
//! | service 200 with HTML, cut JSON | P4 | an unknown outcome is no refusal | `r12_a_service_that_is_not_well_is_waited_for` |
//! | service 200 with odd `expires_in`, no refresh token | P4 | taken apart safely | `f_odd_lives_are_taken_apart_safely`, `r2_an_answer_without_a_refresh_token_keeps_the_old_one` |
//! | `invalid_grant` | P2 | reconnect once, no loop | `r12_a_grant_withdrawn_at_the_service_asks_to_reconnect_once` |
//! | `invalid_client` | P2 | the whole provider stops, no row is touched | `r13_a_service_that_refuses_the_app_touches_no_link` |
//! | Jira 401 | PUT | signed once more, then the tenant waits | `f_jira_401_is_asked_once_more_and_then_left_alone` |
//! | Jira 403 | PUT | as the person; then set aside with a reason | `f_jira_403_makes_the_app_act_as_the_person_and_remember`, `f_jira_403_both_ways_lets_the_link_rest` |
//! | Jira 404, person gone | PUT | said twice, a minute apart: link closed, grant revoked | `f_jira_404_closes_the_link`, `r22_a_person_is_gone_when_jira_has_said_it_twice` |
//! | 404 and 410 of what is not Jira | any | the site waits, nothing ends | `r22_a_site_that_is_away_costs_nobody_a_link` |
//! | Jira 429, each reason; none | PUT | the right scope waits | `f_jira_429_of_a_site_lets_it_wait_alone`, `f_jira_429_of_all_stops_all_writes_until_the_hour` |
//! | site renamed, redirect, asleep | PUT | no token crosses hosts | `t22_no_token_follows_a_redirect`, `r5_jira_not_well_gets_the_newest_generation_again` |
//! | disconnect, uninstall, reinstall | P0 to P8 | nothing comes back, the grant ends | `f_disconnect`, `f_uninstall`, `f_reinstall`, `r4_a_disconnect_during_the_token_request_is_final` |
//! | connections to PostgreSQL that answer nothing | any | noticed, and others opened; a stop still ends | `f2_r20_connections_that_answer_nothing_are_replaced_and_both_loops_go_on`, `f2_a_database_that_is_silent_is_told_of_and_does_not_hold_up_the_end` |
//! | PostgreSQL read-only for a while | P4 | not ready meanwhile, then renewed by what was held | `f3_a_database_that_is_read_only_for_a_while_costs_no_link_and_no_restart` |
//! | a pooler between | start | refused by name | `f10_r32_a_pooler_that_keeps_no_sessions_is_refused_by_name` |
//! | a full disk | P4 | the same as read-only | `f3_a_full_disk_costs_no_link_and_no_restart` |
//! | a database in trouble, and kills | any | no link lost | `r20_no_link_is_lost_by_kill_9_while_the_database_is_in_trouble` |
//! | stderr closed, or its reader stands still | any | nothing but lines of the log | `f4_r21_a_log_whose_reader_is_gone_stops_nothing`, `f4_r21_a_log_that_nobody_reads_stops_nothing` |
//! | SIGHUP | P2 to P4 | as SIGTERM | `f12_r26_each_way_to_stop_finishes_what_is_in_flight_and_no_other_signal_does_anything` |
//! | grants dead in odd words | P2 | all others in time | `f6_dead_grants_in_odd_words_delay_nobody` |
//! | all of it at random | any | no link without a key for longer than its fault | `r8_mixed_trouble_leaves_no_link_without_a_key_for_longer_than_its_fault` |
//! | a flipped byte, another row's credential | P0 | that row set aside, no other | `t18_a_flipped_byte_sets_one_link_aside_and_no_other` |
//!
//! The moments are those of `src/moments.rs`. Nine people are held at one each at the same time, and then
//! the fault comes over all of them. `LATCHKEY_FAULTS=all` goes through all four kinds of rotation;
//! `scripts/faults` does that.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use tokio::task::LocalSet;

use crate::child::Latchkey;
use crate::database::Database;
use crate::moments::Moments;
use crate::mutations::code_in;
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, PROPERTY, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind};
use crate::sim::service::{Call, Endpoint, Fault, Kind, Ledger, Rotation, ServiceOptions};

on_both_databases!(
    f_sigkill,
    f_sigterm,
    f_disconnect,
    f_uninstall,
    f_reinstall,
    f_sleep,
    f_database_down,
    f_cut,
    f_time_out,
);

const MOMENTS: [&str; 9] = ["P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"];
/// This machine may be busy with other stories.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the service allows a lost answer to be retried, in seconds: on PostgreSQL a death is noticed
/// after some.
const GRACE: u64 = 30;

/// What became of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Renewed,
    RotationLost,
    Gone,
}

impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Self::Renewed => "renewed, the newest generation in Jira",
            Self::RotationLost => "asks to reconnect (rotation_lost), the old key works",
            Self::Gone => "gone, nothing left",
        }
    }
}

/// A line of the table.
struct Row {
    moment: &'static str,
    rotation: Rotation,
    outcome: Outcome,
}

impl Row {
    fn line(&self, fault: &str, db: Db) -> String {
        let rotation = match self.rotation {
            Rotation::None => "no rotation".to_owned(),
            Rotation::Grace(grace) => format!("grace of {} s", grace.as_secs()),
            Rotation::UntilFirstUse => "until first use".to_owned(),
            Rotation::Strict => "strict".to_owned(),
        };
        let (moment, outcome) = (self.moment, self.outcome.words());
        let db = format!("{db:?}");
        format!("| {fault:13} | {moment} | {rotation:15} | {db:8} | {outcome} |\n")
    }
}

/// Plays a story with each kind of rotation, all at once, and prints its rows.
async fn with_each_rotation<F>(fault: &str, db: Db, play: fn(Db, Rotation) -> F)
where
    F: Future<Output = Vec<Row>> + 'static,
{
    let stage = LocalSet::new();
    let rotations = rotations().into_iter();
    let plays: Vec<_> = rotations
        .map(|rotation| stage.spawn_local(play(db, rotation)))
        .collect();
    stage.await;
    let mut table = String::new();
    for play in plays {
        match play.await {
            Ok(rows) => table.extend(rows.iter().map(|row| row.line(fault, db))),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
    // The harness keeps what a test that passes prints; this goes past it.
    let _ = std::io::stderr().write_all(table.as_bytes());
}

/// The two extremes, or all four where somebody has the time.
fn rotations() -> Vec<Rotation> {
    let mut rotations = vec![Rotation::None, Rotation::Strict];
    if std::env::var("LATCHKEY_FAULTS").is_ok_and(|which| which == "all") {
        rotations.push(Rotation::Grace(Duration::from_secs(GRACE)));
        rotations.push(Rotation::UntilFirstUse);
    }
    rotations
}

/// Nothing is due unless a story says so.
fn setting(rotation: Rotation) -> Setting {
    let service = ServiceOptions {
        rotation,
        access_token_life: Duration::from_secs(3 * 3600),
        ..ServiceOptions::default()
    };
    if rotation != Rotation::Strict {
        return Setting {
            service,
            ..Setting::default()
        };
    }
    // Such a service ends its own tokens when one comes twice, but not the keys. With tokens of less than
    // a minute every new key takes a refresh.
    let service = ServiceOptions {
        access_token_life: Duration::from_secs(50),
        ..service
    };
    let setting = Setting {
        service,
        ..Setting::default()
    };
    setting
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys")
}

/// People with a link each, one for every moment that is looked at.
struct Stage {
    scene: Scene,
    moments: Moments,
    at: &'static [&'static str],
    rotation: Rotation,
    crowd: Vec<(String, String)>,
}

impl Stage {
    /// With a child whose renewals can be held at every moment.
    async fn set(db: Db, rotation: Rotation) -> Self {
        Self::set_on(db, None, &MOMENTS, rotation).await
    }

    async fn set_on(
        db: Db,
        postgres: Option<String>,
        at: &'static [&'static str],
        rotation: Rotation,
    ) -> Self {
        let moments = Moments::listen().await;
        let (name, address) = moments.setting();
        let mut setting = setting(rotation).with(name, address);
        setting.postgres = postgres;
        let scene = Scene::start_child(db, setting).await;
        Self::filled(scene, moments, at, rotation).await
    }

    /// With a product that runs in this process and has little patience with other servers.
    async fn set_here(db: Db, at: &'static [&'static str], rotation: Rotation) -> Self {
        let moments = Moments::listen().await;
        let mut setting = setting(rotation);
        setting.time_limit = Some(Duration::from_secs(4));
        let scene = Scene::start(db, setting).await;
        Self::filled(scene, moments, at, rotation).await
    }

    async fn filled(
        scene: Scene,
        moments: Moments,
        at: &'static [&'static str],
        rotation: Rotation,
    ) -> Self {
        let crowd = scene.crowd("acme", at.len() as u64);
        for (account, subject) in &crowd {
            scene.person("acme", account).link(subject).await;
        }
        Self {
            scene,
            moments,
            at,
            rotation,
            crowd,
        }
    }

    /// Moment, person and subject of each.
    fn people(&self) -> impl Iterator<Item = (&'static str, Person<'_>, &str)> {
        let crowd = self.at.iter().copied().zip(&self.crowd);
        crowd.map(|(moment, (account, subject))| {
            let person = self.scene.person("acme", account);
            (moment, person, subject.as_str())
        })
    }

    /// Holds everybody's renewal, each at their moment.
    async fn hold_all(&self) {
        for (moment, person, subject) in self.people() {
            self.hold(moment, &person, subject).await;
        }
    }

    async fn hold(&self, moment: &str, person: &Person<'_>, subject: &str) {
        let world = &self.scene.world;
        match moment {
            "P2" | "P3" => {
                let processed = moment == "P3";
                let kind = match processed {
                    true => Kind::AnswerHeld,
                    false => Kind::Held,
                };
                world.service.fault(Fault::once(Endpoint::Refresh, kind));
                person.renew().await.is(202);
                let service = &world.service;
                service
                    .wait_until(moment, PATIENCE, |ledger| {
                        let grants = ledger.grants_of(subject);
                        let mut requests = ledger.token_requests().iter();
                        requests.any(|request| {
                            grants.iter().any(|grant| request.grant == Some(grant.id))
                                && request.endpoint == Endpoint::Refresh
                                && request.ended.is_none()
                                && request.outcome.is_some() == processed
                        })
                    })
                    .await;
            }
            "P7" => {
                let held = jira::Fault::new(FaultKind::AnswerHeld)
                    .on_property("PUT")
                    .account(&person.account)
                    .times(1);
                world.jira.fault(held);
                person.renew().await.is(202);
                comes_to(person, 2).await;
            }
            _ => {
                self.moments.hold(moment, &person.account);
                person.renew().await.is(202);
                self.moments.held(moment, &person.account).await;
            }
        }
    }

    /// Everybody goes on.
    fn let_go(&self) {
        self.scene.world.service.clear_faults();
        self.scene.world.jira.clear_faults();
        self.moments.go_all();
    }

    /// Waits for what must become of a link, and looks whether it did.
    async fn outcome(&self, person: &Person<'_>, subject: &str, expected: Outcome) -> Outcome {
        let service = &self.scene.world.service;
        match expected {
            Outcome::Renewed => {
                comes_to(person, 2).await;
                eventually("what stands in Jira is recorded", async || {
                    let row = self.row(person).await?;
                    (row.published == row.generation && !row.claimed).then_some(())
                })
                .await;
                let row = self.row(person).await.expect("it is still there");
                assert_eq!(person.generation(), Some(row.generation), "the newest");
                assert_eq!(row.state, "live");
                assert_eq!(person.state().await, "linked");
                assert_eq!(service.ledger().opens_api(&person.key()), Some(subject));
            }
            Outcome::RotationLost => {
                let reason = person.asked_to_reconnect().await;
                assert!(reason.contains("was lost"), "{reason}");
                assert_eq!(person.generation(), Some(1));
                let ledger = service.ledger();
                assert_eq!(ledger.opens_api(&person.key()), Some(subject));
            }
            Outcome::Gone => {
                eventually("nothing of it is left", async || {
                    let ledger = service.ledger();
                    let mut live = ledger.live_grants().into_iter();
                    let ended = live.all(|grant| grant.subject != subject);
                    (ended && self.row(person).await.is_none()).then_some(())
                })
                .await;
            }
        }
        expected
    }

    /// What the database says of a link, behind the product's back.
    async fn row(&self, person: &Person<'_>) -> Option<Stored> {
        let account = &person.account;
        let query = format!(
            "select state, generation || ' ' || published_generation || ' ' || \
            case when claim is null then 'free' else 'claimed' end \
            from link where account_id = '{account}'"
        );
        let mut database = Database::open(self.scene.database_url()).await;
        let row = database.pairs(&query).await.pop();
        database.close().await;
        let (state, words) = row?;
        let words: Vec<&str> = words.split(' ').collect();
        let number = |word: &str| word.parse().expect("it is a number");
        Some(Stored {
            generation: number(words[0]),
            published: number(words[1]),
            claimed: words[2] == "claimed",
            state,
        })
    }

    /// The leases of all claims run out, for everybody who reads the database.
    async fn leases_run_out(&self) {
        const LATER: &str = "update link set due_at = 0 where claim is not null";
        self.scene.execute(LATER).await;
    }

    /// How often the service was asked to refresh for this person.
    fn refreshes(&self, subject: &str) -> usize {
        refreshes(&self.scene.world.service.ledger(), subject)
    }

    /// Everybody's outcome as rows, and what the whole ledger must say; `reused` refresh tokens came again
    /// when the service allowed it no more.
    async fn end(self, reused: usize, expected: impl Fn(&str) -> Outcome) -> Vec<Row> {
        let mut rows = Vec::new();
        for (moment, person, subject) in self.people() {
            let expected = expected(moment);
            let outcome = self.outcome(&person, subject, expected).await;
            rows.push(Row {
                moment,
                rotation: self.rotation,
                outcome,
            });
        }
        let ledger = self.scene.world.service.ledger();
        let overlaps = ledger.overlaps();
        assert!(overlaps.is_empty(), "{:#?}", overlaps.first());
        assert_eq!(ledger.reused_refresh_tokens().len(), reused);
        self.scene.end().await;
        rows
    }
}

/// What the database says of a link.
struct Stored {
    generation: i64,
    published: i64,
    claimed: bool,
    state: String,
}

async fn f_sigkill(db: Db) {
    with_each_rotation("SIGKILL", db, sigkill).await;
}

async fn sigkill(db: Db, rotation: Rotation) -> Vec<Row> {
    let mut stage = Stage::set(db, rotation).await;
    stage.hold_all().await;
    stage.scene.child().kill9().await;
    // Let go sooner, the service could still take a request whose sender is dead.
    eventually("its calls have been cut", async || {
        let world = &stage.scene.world;
        (world.service.held() + world.jira.held() == 0).then_some(())
    })
    .await;
    stage.let_go();
    stage.scene.restart().await;
    // What the service had given and nobody kept is lost, where it gives it once.
    let strict = rotation == Rotation::Strict;
    let lost = |moment: &str| strict && matches!(moment, "P3" | "P4");
    stage
        .end(if strict { 2 } else { 0 }, |moment| match lost(moment) {
            true => Outcome::RotationLost,
            false => Outcome::Renewed,
        })
        .await
}

async fn f_sigterm(db: Db) {
    with_each_rotation("SIGTERM", db, sigterm).await;
}

async fn sigterm(db: Db, rotation: Rotation) -> Vec<Row> {
    let mut stage = Stage::set(db, rotation).await;
    stage.hold_all().await;
    stage.scene.child().terminate();
    eventually("it has heard it", async || {
        let said = stage.scene.child().output();
        said.contains("stopping").then_some(())
    })
    .await;
    stage.let_go();
    let status = stage.scene.child().exit(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}");
    for (moment, person, _) in stage.people() {
        let row = stage.row(&person).await.expect("it is still there");
        assert_eq!((row.generation, row.published), (2, 2), "{moment}");
        assert!(!row.claimed, "{moment}");
    }
    let ledger = stage.scene.world.service.ledger();
    let mut requests = ledger.token_requests().iter();
    assert!(requests.all(|request| request.ended.is_some() && !request.unanswered));
    assert!(rotation == Rotation::None || ledger.refresh_tokens_used_twice().is_empty());
    stage.scene.restart().await;
    stage.end(0, |_| Outcome::Renewed).await
}

async fn f_disconnect(db: Db) {
    with_each_rotation("disconnect", db, disconnect).await;
}

async fn disconnect(db: Db, rotation: Rotation) -> Vec<Row> {
    let stage = Stage::set(db, rotation).await;
    stage.hold_all().await;
    for (_, person, _) in stage.people() {
        person.disconnect().await;
    }
    stage.let_go();
    for (moment, person, _) in stage.people() {
        let jira = &stage.scene.world.jira;
        jira.wait_for_no_property("acme", &person.account, PROPERTY)
            .await;
        assert_eq!(person.state().await, "unlinked", "{moment}");
    }
    stage.scene.no_work_left().await;
    let properties = stage
        .people()
        .filter_map(|(_, person, _)| person.property());
    assert_eq!(properties.count(), 0, "no late renewal brings it back");
    let keys = stage.scene.world.service.ledger();
    let keys = keys.live_api_keys().len();
    assert_eq!(keys, 0, "what came too late has ended too");
    let revoked = reused(&stage);
    stage.end(revoked, |_| Outcome::Gone).await
}

async fn f_uninstall(db: Db) {
    with_each_rotation("uninstall", db, uninstall).await;
}

async fn uninstall(db: Db, rotation: Rotation) -> Vec<Row> {
    let stage = Stage::set(db, rotation).await;
    stage.hold_all().await;
    let before = Started::count(&stage);
    let jira = &stage.scene.world.jira;
    let answer = jira.uninstall("acme").await.expect("it is told");
    assert!(answer.accepted());
    stage.let_go();
    stage.scene.no_work_left().await;
    nothing_started(&stage, before);
    let revoked = reused(&stage);
    stage.end(revoked, |_| Outcome::Gone).await
}

async fn f_reinstall(db: Db) {
    with_each_rotation("reinstall", db, reinstall).await;
}

async fn reinstall(db: Db, rotation: Rotation) -> Vec<Row> {
    let stage = Stage::set(db, rotation).await;
    stage.hold_all().await;
    let before = Started::count(&stage);
    let jira = &stage.scene.world.jira;
    let answer = jira.uninstall("acme").await.expect("it is told");
    assert!(answer.accepted());
    jira.install("acme", &stage.scene.address("/atlassian-connect.json"))
        .await
        .expect("it is installed again");
    stage.let_go();
    stage.scene.no_work_left().await;
    nothing_started(&stage, before);
    for (moment, person, _) in stage.people() {
        assert_eq!(person.state().await, "unlinked", "{moment}");
    }
    let revoked = reused(&stage);
    stage.end(revoked, |_| Outcome::Gone).await
}

/// How many calls had been started.
struct Started {
    refreshes: usize,
    keys: usize,
    puts: usize,
}

impl Started {
    fn count(stage: &Stage) -> Self {
        let world = &stage.scene.world;
        let calls = world.service.calls();
        let minted = |call: &&Call| call.endpoint == Endpoint::Keys && call.method == Method::POST;
        Self {
            keys: calls.iter().filter(minted).count(),
            refreshes: world.service.calls_to(Endpoint::Refresh),
            puts: world.jira.calls_to("PUT", "/rest/api/3/user").len(),
        }
    }
}

/// After an uninstall no PUT begins, and no token request but the one whose intent was written before.
fn nothing_started(stage: &Stage, before: Started) {
    let now = Started::count(stage);
    assert_eq!(now.puts, before.puts, "a PUT began after the uninstall");
    assert_eq!(
        now.keys, before.keys,
        "a key was minted after the uninstall"
    );
    // Where keys are minted, deleting one may take a last access token.
    if stage.rotation != Rotation::Strict {
        assert_eq!(now.refreshes, before.refreshes + 1, "that of P1 alone");
    }
}

fn reused(stage: &Stage) -> usize {
    stage
        .scene
        .world
        .service
        .ledger()
        .reused_refresh_tokens()
        .len()
}

/// Waits until the key in Jira is of this generation or a later one, on a machine that may be busy.
async fn comes_to(person: &Person<'_>, generation: i64) {
    eventually("a newer key in Jira", async || {
        (person.generation() >= Some(generation)).then_some(())
    })
    .await;
}

fn refreshes(ledger: &Ledger, subject: &str) -> usize {
    let grants = ledger.grants_of(subject);
    let requests = ledger.token_requests().iter();
    let of_this = requests.filter(|request| {
        request.endpoint == Endpoint::Refresh
            && grants.iter().any(|grant| request.grant == Some(grant.id))
    });
    of_this.count()
}

/// The process that holds a claim falls asleep for twice its lease. On PostgreSQL another replica takes over
/// meanwhile; on SQLite there is none.
async fn f_sleep(db: Db) {
    with_each_rotation("sleep", db, sleep).await;
}

async fn sleep(db: Db, rotation: Rotation) -> Vec<Row> {
    const ASLEEP: u32 = 90;
    let stage = Stage::set_on(db, None, &["P0", "P1"], rotation).await;
    stage.hold_all().await;
    let shared = db == Db::Postgres;
    if shared {
        let settings = |port| {
            let mut settings = stage.scene.settings_of_child(port);
            settings.retain(|(name, _)| *name != "LATCHKEY_MOMENTS");
            settings
        };
        let mut other = Latchkey::start(settings).await;
        stage.leases_run_out().await;
        for (_, person, subject) in stage.people() {
            eventually("the other takes it over", async || {
                // Whoever has them in its hands may be first to see it, and lets them be for a while.
                let again = "update link set due_at = 0 where claim is null and generation = 1";
                stage.scene.execute(again).await;
                (stage.row(&person).await?.generation > 1).then_some(())
            })
            .await;
            stage.outcome(&person, subject, Outcome::Renewed).await;
        }
        other.stop().await;
    }
    stage
        .scene
        .world
        .advance(Duration::from_secs(ASLEEP.into()));
    // They share a process, so one of them brings the new time with it.
    let wake = |moment: &str, account: &str| match moment {
        "P0" => stage.moments.go_after_sleeping(moment, account, ASLEEP),
        _ => stage.moments.go(moment, account),
    };
    for (moment, person, subject) in stage.people() {
        let account = &person.account;
        let before = stage.refreshes(subject);
        assert_eq!(before, usize::from(shared), "{moment}");
        if shared {
            wake(moment, account);
            // The next renewal begins when it is done with the one it slept through.
            eventually("it is awake, and knows how late it is", async || {
                let answer = person.renew().await;
                (answer.status.as_u16() == 202).then_some(())
            })
            .await;
            comes_to(&person, 3).await;
        } else {
            // It has to start over, with a claim.
            stage.moments.hold("P0", account);
            wake(moment, account);
            stage.moments.held("P0", account).await;
            assert_eq!(stage.refreshes(subject), before, "{moment}");
            stage.moments.go("P0", account);
        }
        stage.outcome(&person, subject, Outcome::Renewed).await;
        let after = stage.refreshes(subject);
        assert_eq!(after, before + 1, "{moment}: awake, it did not send");
    }
    let ledger = stage.scene.world.service.ledger();
    assert!(rotation == Rotation::None || ledger.refresh_tokens_used_twice().is_empty());
    stage.end(0, |_| Outcome::Renewed).await
}

/// On SQLite, whose database is a file, the table goes away instead.
async fn f_database_down(db: Db) {
    with_each_rotation("database down", db, database_down).await;
}

async fn database_down(db: Db, rotation: Rotation) -> Vec<Row> {
    let cluster = match db {
        Db::Sqlite => None,
        Db::Postgres => Some(Postgres::private().await),
    };
    let url = match &cluster {
        Some(cluster) => Some(cluster.create().await),
        None => None,
    };
    let mut stage = Stage::set_on(db, url, &MOMENTS, rotation).await;
    stage.hold_all().await;
    match &cluster {
        Some(cluster) => cluster.stop().await,
        None => stage.scene.execute("alter table link rename to away").await,
    }
    stage.let_go();
    eventually("answers are held", async || {
        let output = stage.scene.child().output();
        let ledger = stage.scene.world.service.ledger();
        let mut requests = ledger.token_requests().iter();
        let answered = requests.all(|request| request.ended.is_some());
        let held = "the outcome of a renewal cannot be written yet";
        (answered && output.contains(held)).then_some(())
    })
    .await;
    if cluster.is_some() {
        let ready = stage.scene.get("/readyz").await;
        ready.is_problem(503, "unavailable");
    }
    stage.scene.get("/healthz").await.is(200);
    match &cluster {
        Some(cluster) => cluster.start().await,
        None => stage.scene.execute("alter table away rename to link").await,
    }
    for (moment, person, subject) in stage.people() {
        if matches!(moment, "P1" | "P2" | "P3" | "P4") {
            stage.outcome(&person, subject, Outcome::Renewed).await;
        }
    }
    stage.leases_run_out().await;
    for (moment, person, subject) in stage.people() {
        stage.outcome(&person, subject, Outcome::Renewed).await;
        // A minted key may have come too late for its access token, which is refreshed then.
        if rotation == Rotation::None {
            assert_eq!(stage.refreshes(subject), 1, "{moment}: no answer was lost");
        }
    }
    stage.end(0, |_| Outcome::Renewed).await
}

async fn f_cut(db: Db) {
    with_each_rotation("cut", db, cut).await;
}

async fn cut(db: Db, rotation: Rotation) -> Vec<Row> {
    let service = (Kind::CutBefore, Kind::CutAfter);
    let jira = (FaultKind::CutBefore, FaultKind::CutAfter);
    lost_on_the_way(db, rotation, service, jira).await
}

async fn f_time_out(db: Db) {
    with_each_rotation("time-out", db, time_out).await;
}

async fn time_out(db: Db, rotation: Rotation) -> Vec<Row> {
    let service = (Kind::Hang, Kind::AnswerHeld);
    let jira = (FaultKind::Hang, FaultKind::AnswerHeld);
    lost_on_the_way(db, rotation, service, jira).await
}

/// A request that gets lost on its way, or an answer.
async fn lost_on_the_way(
    db: Db,
    rotation: Rotation,
    service: (Kind, Kind),
    jira: (FaultKind, FaultKind),
) -> Vec<Row> {
    let stage = Stage::set_here(db, &["P2", "P3", "P6", "P7"], rotation).await;
    let world = &stage.scene.world;
    for (moment, person, subject) in stage.people() {
        let lost = |kind: &Kind| {
            let fault = Fault::once(Endpoint::Refresh, kind.clone());
            world.service.fault(fault);
        };
        let put = |kind: &FaultKind| {
            let fault = jira::Fault::new(kind.clone()).on_property("PUT");
            world.jira.fault(fault.account(&person.account).times(1));
        };
        match moment {
            "P2" => lost(&service.0),
            "P3" => lost(&service.1),
            "P6" => put(&jira.0),
            _ => put(&jira.1),
        }
        person.renew().await.is(202);
        // The fault is for the first who comes.
        world
            .service
            .wait_until(moment, PATIENCE, |ledger| refreshes(ledger, subject) > 0)
            .await;
    }
    let strict = rotation == Rotation::Strict;
    stage
        .end(usize::from(strict), |moment| {
            match strict && moment == "P3" {
                true => Outcome::RotationLost,
                false => Outcome::Renewed,
            }
        })
        .await
}

/// Every invariant and every trouble in the field has a story, and every story that the table above names is
/// there. The others are told where limits and figures are.
#[test]
fn the_table_and_the_invariants_name_stories_that_are_there() {
    let folder = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let stories = code_in(&folder("tests/it")) + code_in(&folder("src")).as_str();
    let is_told = |start: &str| stories.contains(&format!("async fn {start}"));
    let names: Vec<&str> = stories
        .lines()
        .filter_map(|line| Some(line.split_once("fn ")?.1))
        .collect();
    let has = |id: String| {
        let (first, later) = (format!("{id}_"), format!("_{id}_"));
        let mut names = names.iter();
        names.any(|name| name.starts_with(&first) || name.contains(&later))
    };
    for invariant in 1..=32 {
        assert!(has(format!("r{invariant}")), "R{invariant}");
    }
    for trouble in 1..=30 {
        assert!(has(format!("f{trouble}")), "F{trouble}");
    }
    let words = include_str!("faults.rs").lines();
    let words = words.take_while(|line| line.starts_with("//!"));
    let words = words.flat_map(|line| line.split('`').skip(1).step_by(2));
    let named: Vec<&str> = words
        .filter(|word| word.starts_with(['f', 'r', 't']))
        .filter(|word| word.len() > 4 && word.contains('_'))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for story in named {
        assert!(is_told(&format!("{story}(")), "{story}");
    }
}
