//! Fault by fault and moment by moment: what must come of each, on both databases and with each kind of
//! rotation. A story begins with `f_` and the name of its fault, and prints a line for every moment.
//!
//! | fault | moments | what must come of it | story |
//! |---|---|---|---|
//! | SIGKILL | P0, P1, P2 | renewed after a restart | `f_sigkill` |
//! | SIGKILL, a cut connection, a read time-out | P3, P4, where the service does not rotate or allows a retry | recovered, no link lost | `f_sigkill`, `f_cut`, `f_time_out` |
//! | the same | P3, P4, strict rotation | exactly this link asks to reconnect, the old key works to its end | `f_sigkill`, `f_cut`, `f_time_out` |
//! | SIGKILL | P5 to P8 | tokens kept, PUT repeated, newest generation in Jira | `f_sigkill` |
//! | SIGTERM | P0 to P8 | what has started ends well, nothing new starts | `f_sigterm` |
//! | sleep of twice the lease | P0, P1 | on waking it does not send; another replica did | `f_sleep` |
//! | database down | P0 to P8 | no crash, not ready; what was answered is held until it can be written | `f_database_down` |
//! | disconnect, uninstall, reinstall | P0 to P8 | nothing comes back, everything at the service ends | `f_disconnect`, `f_uninstall`, `f_reinstall` |
//!
//! The moments are those of `src/moments.rs`. Nine people are held at one each at the same time, and then
//! the fault comes over all of them. `LATCHKEY_FAULTS=all` goes through all four kinds of rotation;
//! `scripts/faults` does that.

use std::io::Write as _;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::moments::Moments;
use crate::on_both_databases;
use crate::scene::{Db, PROPERTY, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind};
use crate::sim::service::{Endpoint, Fault, Kind, Rotation, ServiceOptions};

on_both_databases!(f_sigkill, f_sigterm, f_disconnect, f_uninstall, f_reinstall,);

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

/// The rows of one story.
struct Table {
    fault: &'static str,
    db: Db,
    rows: Vec<String>,
}

impl Table {
    fn new(fault: &'static str, db: Db) -> Self {
        let rows = Vec::new();
        Self { fault, db, rows }
    }

    fn row(&mut self, moment: &str, rotation: Rotation, outcome: Outcome) {
        let rotation = match rotation {
            Rotation::None => "none".to_owned(),
            Rotation::Grace(grace) => format!("grace of {} s", grace.as_secs()),
            Rotation::UntilFirstUse => "until first use".to_owned(),
            Rotation::Strict => "strict".to_owned(),
        };
        let db = format!("{:?}", self.db);
        let (fault, outcome) = (self.fault, outcome.words());
        self.rows.push(format!(
            "| {fault:13} | {moment} | {rotation:15} | {db:8} | {outcome} |\n"
        ));
    }

    /// The harness keeps what a test that passes prints; this goes past it.
    fn print(self) {
        let _ = std::io::stderr().write_all(self.rows.concat().as_bytes());
    }
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

/// A child whose renewals can be held, and nine people with a link each.
struct Stage {
    scene: Scene,
    moments: Moments,
    rotation: Rotation,
    crowd: Vec<(String, String)>,
}

impl Stage {
    async fn set(db: Db, rotation: Rotation) -> Self {
        let mut service = ServiceOptions {
            rotation,
            access_token_life: Duration::from_secs(3 * 3600),
            ..ServiceOptions::default()
        };
        let moments = Moments::listen().await;
        let (name, address) = moments.setting();
        let mut setting = Setting::default().with(name, address);
        if rotation == Rotation::Strict {
            // Such a service ends its own tokens when one comes twice, but not the keys.
            service.access_token_life = Duration::from_secs(50);
            setting = setting
                .with("LATCHKEY_API_KEY_FROM", "endpoint")
                .with("LATCHKEY_API_KEY_URL", "{service}/keys");
        }
        setting.service = service;
        let scene = Scene::start_child(db, setting).await;
        let crowd = scene.crowd("acme", MOMENTS.len() as u64);
        for (account, subject) in &crowd {
            scene.person("acme", account).link(subject).await;
        }
        Self {
            scene,
            moments,
            rotation,
            crowd,
        }
    }

    /// Moment, person and subject of each.
    fn people(&self) -> impl Iterator<Item = (&'static str, Person<'_>, &str)> {
        let crowd = MOMENTS.into_iter().zip(&self.crowd);
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
                person.property_of_generation(2).await;
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
                person.property_of_generation(2).await;
                eventually("what stands in Jira is recorded", async || {
                    let row = self.row(person).await?;
                    (row.published == row.generation && row.claim.is_none()).then_some(())
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
                let ledger = service.ledger();
                let mut keys = ledger.live_api_keys().into_iter();
                assert!(keys.all(|key| key.subject != subject));
            }
        }
        expected
    }

    /// What the database says of a link, behind the product's back.
    async fn row(&self, person: &Person<'_>) -> Option<Row> {
        const READ: &str = "select generation, published_generation, claim, state \
            from link where account_id = $1";
        let url = self.scene.database_url();
        // The same lines twice, because a connection's type is part of a query's.
        let row: Option<(i64, i64, Option<String>, String)> = if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.expect("it opens");
            let query = sqlx::query_as(READ).bind(&person.account);
            let row = query.fetch_optional(&mut connection).await;
            connection.close().await.expect("an orderly goodbye");
            row.expect("it can be read")
        } else {
            let mut connection = PgConnection::connect(url).await.expect("it opens");
            let query = sqlx::query_as(READ).bind(&person.account);
            let row = query.fetch_optional(&mut connection).await;
            connection.close().await.expect("an orderly goodbye");
            row.expect("it can be read")
        };
        row.map(|(generation, published, claim, state)| Row {
            generation,
            published,
            claim,
            state,
        })
    }

    /// Everybody's outcome as rows, and what the whole ledger must say; `reused` refresh tokens came again
    /// when the service allowed it no more.
    async fn end(self, table: &mut Table, reused: usize, expected: impl Fn(&str) -> Outcome) {
        for (moment, person, subject) in self.people() {
            let expected = expected(moment);
            let outcome = self.outcome(&person, subject, expected).await;
            table.row(moment, self.rotation, outcome);
        }
        let ledger = self.scene.world.service.ledger();
        let overlaps = ledger.overlaps();
        assert!(overlaps.is_empty(), "{:#?}", overlaps.first());
        assert_eq!(ledger.reused_refresh_tokens().len(), reused);
        self.scene.end().await;
    }
}

struct Row {
    generation: i64,
    published: i64,
    claim: Option<String>,
    state: String,
}

async fn f_sigkill(db: Db) {
    let mut table = Table::new("SIGKILL", db);
    for rotation in rotations() {
        let mut stage = Stage::set(db, rotation).await;
        stage.hold_all().await;
        stage.scene.child().kill9().await;
        stage.let_go();
        stage.scene.restart().await;
        // What the service had given and nobody kept is lost, where it gives it once.
        let strict = rotation == Rotation::Strict;
        let lost = |moment: &str| strict && matches!(moment, "P3" | "P4");
        stage
            .end(
                &mut table,
                if strict { 2 } else { 0 },
                |moment| match lost(moment) {
                    true => Outcome::RotationLost,
                    false => Outcome::Renewed,
                },
            )
            .await;
    }
    table.print();
}

async fn f_sigterm(db: Db) {
    let mut table = Table::new("SIGTERM", db);
    for rotation in rotations() {
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
            assert_eq!(row.claim, None, "{moment}");
        }
        let ledger = stage.scene.world.service.ledger();
        let mut requests = ledger.token_requests().iter();
        assert!(requests.all(|request| request.ended.is_some() && !request.unanswered));
        assert!(rotation == Rotation::None || ledger.refresh_tokens_used_twice().is_empty());
        stage.scene.restart().await;
        stage.end(&mut table, 0, |_| Outcome::Renewed).await;
    }
    table.print();
}

async fn f_disconnect(db: Db) {
    let mut table = Table::new("disconnect", db);
    for rotation in rotations() {
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
        let revoked = reused(&stage);
        stage.end(&mut table, revoked, |_| Outcome::Gone).await;
    }
    table.print();
}

async fn f_uninstall(db: Db) {
    let mut table = Table::new("uninstall", db);
    for rotation in rotations() {
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
        stage.end(&mut table, revoked, |_| Outcome::Gone).await;
    }
    table.print();
}

async fn f_reinstall(db: Db) {
    let mut table = Table::new("reinstall", db);
    for rotation in rotations() {
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
        stage.end(&mut table, revoked, |_| Outcome::Gone).await;
    }
    table.print();
}

/// How many calls had been started.
struct Started {
    refreshes: usize,
    puts: usize,
}

impl Started {
    fn count(stage: &Stage) -> Self {
        let world = &stage.scene.world;
        Self {
            refreshes: world.service.calls_to(Endpoint::Refresh),
            puts: world.jira.calls_to("PUT", "/rest/api/3/user").len(),
        }
    }
}

/// After an uninstall no PUT begins, and no token request but the one whose intent was written before.
fn nothing_started(stage: &Stage, before: Started) {
    let now = Started::count(stage);
    assert_eq!(now.puts, before.puts, "a PUT began after the uninstall");
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
