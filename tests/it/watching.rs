//! Stories of whoever watches: figures, the log, `latchkey doctor`, and the files for a dashboard and
//! for alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tower::ServiceExt as _;

use latchkey::clock::rfc3339;
use latchkey::config::Config;
use latchkey::model::{AccountId, ClientKey};
use latchkey::operate::doctor::{self, Mark};
use latchkey::operate::gathering::Gathering;
use latchkey::outbound::Outbound;
use latchkey::random::Random;
use latchkey::store::{Dialect, statements};
use latchkey::{App, Outside};

use crate::child::{DESCRIPTORS, Finished, Latchkey, free_port};
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    the_figures_follow_the_rules_of_the_format,
    r7_what_runs_out_first_and_what_is_past_due_are_figures,
    each_outcome_of_a_renewal_is_counted_and_each_failure_has_a_line,
    a_tenant_left_alone_says_why_and_comes_back_by_itself,
    what_all_replicas_share_are_figures_too,
    no_figure_reads_the_table_of_links,
    what_took_long_to_count_is_not_counted_each_time,
    the_doctor_finds_everything_well_beside_a_server_and_changes_nothing,
    the_doctor_names_what_is_not_well_in_the_database,
);

/// Every family: name, kind, labels. The dashboard and the alerts use no other.
const FAMILIES: &[(&str, &str, &[&str])] = &[
    ("latchkey_accounts_reported_total", "counter", &["answer"]),
    ("latchkey_answers_held", "gauge", &[]),
    ("latchkey_build_info", "gauge", &["version"]),
    ("latchkey_cleanup_entries", "gauge", &["kind"]),
    ("latchkey_cleanup_left", "gauge", &[]),
    ("latchkey_cleanups_total", "counter", &["outcome"]),
    ("latchkey_database_connections", "gauge", &["state"]),
    ("latchkey_database_connections_limit", "gauge", &[]),
    ("latchkey_database_figures_age_seconds", "gauge", &[]),
    ("latchkey_database_up", "gauge", &[]),
    ("latchkey_earliest_expiry_seconds", "gauge", &[]),
    ("latchkey_gate_closed_seconds", "gauge", &["gate"]),
    ("latchkey_handles_total", "counter", &["outcome"]),
    (
        "latchkey_http_request_duration_seconds",
        "histogram",
        &["route"],
    ),
    (
        "latchkey_http_requests_total",
        "counter",
        &["method", "route", "status"],
    ),
    ("latchkey_intents_unsettled", "gauge", &[]),
    ("latchkey_jira_quota_left_points", "gauge", &["scope"]),
    ("latchkey_jira_quota_needed_ratio", "gauge", &[]),
    ("latchkey_jira_quota_used_points", "gauge", &["scope"]),
    ("latchkey_lease_losses_total", "counter", &[]),
    ("latchkey_log_lines_lost_total", "counter", &[]),
    ("latchkey_links", "gauge", &["state"]),
    ("latchkey_links_due", "gauge", &[]),
    ("latchkey_links_failing", "gauge", &[]),
    ("latchkey_links_past_due", "gauge", &[]),
    ("latchkey_links_resting", "gauge", &["state", "reason"]),
    ("latchkey_links_run_out", "gauge", &[]),
    ("latchkey_otlp_failures_total", "counter", &[]),
    ("latchkey_renewal_step_seconds", "histogram", &["step"]),
    ("latchkey_renewals_total", "counter", &["outcome"]),
    (
        "latchkey_security_events_total",
        "counter",
        &["event", "kind"],
    ),
    ("latchkey_service_breaker", "gauge", &["state"]),
    ("latchkey_tenants", "gauge", &["state"]),
    ("latchkey_tenants_by_door", "gauge", &["door"]),
    ("latchkey_tenants_parked", "gauge", &["reason"]),
    ("latchkey_tenants_silent", "gauge", &["state"]),
    ("latchkey_tenants_unreported", "gauge", &["reason"]),
    ("latchkey_webhooks", "gauge", &["state"]),
    ("latchkey_webhooks_receiver_gone", "gauge", &[]),
    ("latchkey_webhooks_sent_total", "counter", &["outcome"]),
    ("latchkey_webhooks_oldest_seconds", "gauge", &[]),
    (
        "latchkey_tokens_verified_total",
        "counter",
        &["kind", "verdict"],
    ),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_max_fds", "gauge", &[]),
    ("process_open_fds", "gauge", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
    ("process_virtual_memory_bytes", "gauge", &[]),
];

pub type Labels = BTreeMap<String, String>;

/// What `/metrics` said, taken apart by the rules of the text format, which it panics about.
pub struct Figures(BTreeMap<String, Family>);

struct Family {
    kind: String,
    help: String,
    /// Name as written, labels, value.
    samples: Vec<(String, Labels, f64)>,
}

impl Figures {
    fn parse(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut current = String::new();
        assert!(text.ends_with('\n'), "the last line ends too");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and words");
                current = name.to_owned();
                let family = Family {
                    kind: String::new(),
                    help: help.to_owned(),
                    samples: Vec::new(),
                };
                let before = families.insert(current.clone(), family);
                assert!(before.is_none(), "{name} comes twice");
                continue;
            }
            let family = families.get_mut(&current).expect("help comes first");
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a kind");
                assert_eq!(name, current, "the type follows the help");
                assert!(family.samples.is_empty() && family.kind.is_empty());
                family.kind = kind.to_owned();
                continue;
            }
            assert!(!line.starts_with('#') && !family.kind.is_empty(), "{line}");
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            let value: f64 = value.parse().expect("a number");
            let (name, labels) = match series.split_once('{') {
                Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect("a brace"))),
                None => (series, Labels::new()),
            };
            let suffix = name.strip_prefix(&current).expect("a sample of its family");
            let fits = match family.kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
                _ => suffix.is_empty(),
            };
            assert!(fits, "{line}");
            let known = family
                .samples
                .iter()
                .any(|(other, others, _)| other == name && *others == labels);
            assert!(!known, "{series} comes twice");
            family.samples.push((name.to_owned(), labels, value));
        }
        Self(families)
    }

    /// The labels of each sample of this name.
    pub fn samples(&self, name: &str) -> Vec<&Labels> {
        let samples = self.0.values().flat_map(|family| &family.samples);
        let of_name = samples.filter(|(known, ..)| known == name);
        of_name.map(|(_, labels, _)| labels).collect()
    }

    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let family = self.0.values().find(|family| {
            let mut samples = family.samples.iter();
            samples.any(|(known, ..)| known == name)
        })?;
        let wanted: Labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut samples = family.samples.iter();
        let found = samples.find(|(known, labels, _)| known == name && *labels == wanted);
        found.map(|(.., value)| *value)
    }
}

/// `a="b",c="d"`, with `\\`, `\"` and `\n` inside the quotes.
pub fn labels(text: &str) -> Labels {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a name and a quote");
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect("the quote is closed") {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect("something is escaped").1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => panic!("\\{other} is no escape"),
                },
                (_, plain) => value.push(plain),
            }
        };
        let before = labels.insert(name.to_owned(), value);
        assert!(before.is_none(), "{name} comes twice");
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels
}

async fn text_of(app: &Arc<App>) -> String {
    let request = axum::http::Request::get("/metrics").body(Body::empty());
    let answer = latchkey::web::metrics_router(Arc::new(Gathering::new(app.clone())))
        .oneshot(request.expect("a request"))
        .await
        .unwrap_or_else(|never| match never {});
    assert_eq!(answer.status(), 200);
    let kind = &answer.headers()["content-type"];
    assert_eq!(kind, "text/plain; version=0.0.4");
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    String::from_utf8(body.expect("it is all there").into()).expect("it is text")
}

pub async fn figures_of(app: &Arc<App>) -> Figures {
    Figures::parse(&text_of(app).await)
}

impl Scene {
    async fn figure(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let figures = figures_of(self.app()).await;
        let found = figures.get(name, labels);
        found.unwrap_or_else(|| panic!("{name} {labels:?} is missing"))
    }

    async fn figure_is(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let what = format!("{name} {labels:?} is {value}");
        eventually(&what, async || {
            (self.figure(name, labels).await == value).then_some(())
        })
        .await;
    }
}

async fn the_figures_follow_the_rules_of_the_format(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.renewed().await;
    omar.recorded().await;
    // So that there is an event: a token of an address is no context token.
    let misplaced =
        scene
            .world
            .jira
            .iframe_token("acme", OMAR, "GET", "/api/link", &Overrides::none());
    let request = scene.http.get(scene.address("/api/link"));
    let request = request.header(AUTHORIZATION, format!("JWT {misplaced}"));
    scene.send(request).await.is(401);
    // What the watch says comes a moment after the first link.
    scene.advance(61);
    eventually("the quota is forecast", async || {
        let figures = figures_of(scene.app()).await;
        figures.get("latchkey_jira_quota_needed_ratio", &[])
    })
    .await;

    let text = text_of(scene.app()).await;
    let figures = Figures::parse(&text);
    let found: BTreeSet<&str> = figures.0.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = FAMILIES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(found, expected);
    for (name, kind, labels) in FAMILIES {
        let family = &figures.0[*name];
        assert_eq!(family.kind, *kind, "{name}");
        assert!(family.help.ends_with('.'), "{name}: {}", family.help);
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
        // Base units: seconds and not their parts.
        assert!(!name.contains("_ms") && !name.contains("milli"), "{name}");
        let wanted: BTreeSet<&str> = labels.iter().copied().collect();
        for (_, labels, value) in &family.samples {
            let mut labels: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
            labels.remove("le");
            assert_eq!(labels, wanted, "{name}");
            assert!(value.is_finite() && *value >= 0.0, "{name}");
        }
        // Of a histogram nine for each route.
        assert!(family.samples.len() <= 400, "{name} has many series");
    }
    // Buckets are cumulative and the last holds all.
    let steps = &figures.0["latchkey_renewal_step_seconds"];
    let mut of_step: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, labels, value) in &steps.samples {
        if name.ends_with("_bucket") {
            of_step.entry(&labels["step"]).or_default().push(*value);
        }
    }
    for (step, buckets) in of_step {
        assert!(buckets.is_sorted(), "{step}: {buckets:?}");
        let all = figures.get("latchkey_renewal_step_seconds_count", &[("step", step)]);
        assert_eq!(buckets.last().copied(), all, "{step}");
        // Keys are not minted in this story.
        assert_eq!(all > Some(0.0), step != "mint", "{step}: {all:?}");
    }
    // Nothing that there may be many of, and nothing about anybody.
    for name in ["acme", OMAR, &scene.client_key("acme"), "u-100"] {
        assert!(!text.contains(name), "{name} stands in the figures");
    }
    // The path of a request is in no label.
    for (_, labels, _) in &figures.0["latchkey_http_request_duration_seconds"].samples {
        let route = &labels["route"];
        assert!(route == "-" || route.starts_with('/'), "{route}");
        let pattern = |part: &str| part.len() < 24;
        assert!(route.split('/').all(pattern), "{route} is a path");
    }
    let requests = |route: &str| {
        let labels = [("method", "GET"), ("route", route), ("status", "200")];
        figures.get("latchkey_http_requests_total", &labels)
    };
    assert!(requests("/api/link") >= Some(1.0) || requests("/link/{id}") >= Some(1.0));
    scene.end().await;
}

async fn r7_what_runs_out_first_and_what_is_past_due_are_figures(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let earliest = {
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        omar.recorded().await;
        scene.advance(3000);
        let mia = scene.person("globex", MIA);
        mia.link("u-200").await;
        mia.recorded().await;
        let link = omar.stored_link().await.expect("it is there");
        link.published.expect("it is published").expires_at
    };
    let of_earliest = "latchkey_earliest_expiry_seconds";
    assert_eq!(scene.figure(of_earliest, &[]).await, earliest as f64);
    scene
        .figure_is("latchkey_links", &[("state", "live")], 2.0)
        .await;
    scene.figure_is("latchkey_links_due", &[], 0.0).await;

    // Nobody renews; somebody else asks for the figures.
    let address = scene.stop().await;
    // His is due after two thirds of three hours at the latest, hers as much later as she came.
    scene.advance(2 * 3600 - 3000 + 10);
    let watcher = scene.app_of_its_own().await;
    let seen = async |name| figures_of(&watcher).await.get(name, &[]);
    assert_eq!(
        seen("latchkey_links_due").await,
        Some(1.0),
        "his and not hers"
    );
    scene.advance(60);
    assert_eq!(seen("latchkey_links_past_due").await, Some(1.0));
    // What has become due just now is not past due.
    let tenant = ClientKey(scene.client_key("globex"));
    let tenant = watcher
        .parts
        .store
        .tenant(&tenant)
        .await
        .expect("it answers");
    let tenant = tenant.expect("it is installed");
    let mia = AccountId(MIA.to_owned());
    let now = scene.clock.now();
    let brought = watcher.parts.store.renew_now(&tenant, &mia, now).await;
    assert!(brought.expect("it answers"));
    assert_eq!(seen("latchkey_links_due").await, Some(2.0));
    assert_eq!(seen("latchkey_links_past_due").await, Some(1.0));
    scene.advance(3000);
    assert_eq!(seen("latchkey_links_past_due").await, Some(2.0));
    // Who was set aside is not due, and neither is who is at a site where the app is disabled.
    let globex = scene.client_key("globex");
    for (state, enabled, due) in [
        ("aside", true, 1.0),
        ("aside", false, 1.0),
        ("live", false, 1.0),
        ("live", true, 2.0),
    ] {
        for change in [
            format!("update link set state = '{state}' where client_key = '{globex}'"),
            format!("update tenant set enabled = {enabled} where client_key = '{globex}'"),
        ] {
            scene.execute(&change).await;
        }
        for name in ["latchkey_links_due", "latchkey_links_past_due"] {
            assert_eq!(seen(name).await, Some(due), "{name}: {state}, {enabled}");
        }
    }
    assert_eq!(seen("latchkey_links_run_out").await, Some(0.0));
    assert_eq!(seen(of_earliest).await, Some(earliest as f64));
    scene.advance(600);
    assert_eq!(seen("latchkey_links_run_out").await, Some(1.0));
    assert!(
        seen(of_earliest).await > Some(earliest as f64),
        "hers is next"
    );
    scene.advance(3600);
    assert_eq!(seen("latchkey_links_run_out").await, Some(2.0));
    assert_eq!(seen(of_earliest).await, None, "no key is alive");
    watcher.parts.store.close().await;
    drop(watcher);

    scene.start_again(address).await;
    for person in [scene.person("acme", OMAR), scene.person("globex", MIA)] {
        person.property_of_generation(2).await;
        person.recorded().await;
    }
    for name in ["due", "past_due", "run_out", "failing"] {
        let name = format!("latchkey_links_{name}");
        scene.figure_is(&name, &[], 0.0).await;
    }
    assert!(scene.figure(of_earliest, &[]).await > earliest as f64);
    scene.end().await;
}

/// Brings a renewal forward, and waits until an outcome of this name was counted once more.
async fn comes_to(person: &Person<'_>, outcome: &str) {
    let scene = person.scene;
    let labels = [("outcome", outcome)];
    let before = scene.figure("latchkey_renewals_total", &labels).await;
    person.renew().await.is(202);
    let what = format!("a renewal comes to {outcome}");
    eventually(&what, async || {
        let now = scene.figure("latchkey_renewals_total", &labels).await;
        (now > before).then_some(())
    })
    .await;
}

async fn each_outcome_of_a_renewal_is_counted_and_each_failure_has_a_line(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(24 * 3600)).await;
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let wait = vec![("retry-after".to_owned(), "5".to_owned())];
    let service = |kind| Some(Fault::once(Endpoint::Refresh, kind));
    let at_the_service = [
        ("renewed", None),
        ("unknown", service(Kind::CutBefore)),
        (
            "refused",
            service(Kind::Status(
                400,
                json,
                json!({"error": "invalid_request"}).to_string(),
            )),
        ),
        (
            "service_waits",
            service(Kind::Status(429, wait, String::new())),
        ),
        ("client_refused", service(Kind::InvalidClient)),
        ("revoked", service(Kind::InvalidGrant)),
    ];
    let jira = |fault: jira::Fault| fault.on_property("PUT");
    let in_jira = [
        (
            "jira_waits",
            jira(jira::Fault::rate_limited(
                Some("jira-burst-based"),
                Some("5"),
            ))
            .times(1),
        ),
        ("jira_failed", jira(jira::Fault::status(500)).times(1)),
        ("jira_unauthorized", jira(jira::Fault::status(401)).times(2)),
        ("not_jira", jira(jira::Fault::status(410)).times(1)),
        ("jira_refuses", jira(jira::Fault::status(403)).times(2)),
    ];
    // One person for each, on two sites: what happens to one does not get into another's way.
    let size = at_the_service.len() + in_jira.len() + 1;
    let mut crowd = scene.crowd("acme", size as u64).into_iter();
    let mut joins = async || {
        let (account, subject) = crowd.next().expect("there are enough");
        let person = scene.person("acme", &account);
        person.link(&subject).await;
        person.recorded().await;
        person
    };
    let first = |outcome| [("outcome", outcome)];
    for (outcome, fault) in at_the_service {
        let person = joins().await;
        if let Some(fault) = fault {
            scene.world.service.fault(fault);
        }
        comes_to(&person, outcome).await;
        tells_of(&person, outcome);
        // It is tried again after a while, and must not meet with what is meant for the next.
        scene.advance(120);
        if outcome != "revoked" {
            person.property_of_generation(2).await;
            person.recorded().await;
        }
    }
    for (outcome, fault) in in_jira {
        let person = joins().await;
        scene.world.jira.fault(fault);
        comes_to(&person, outcome).await;
        tells_of(&person, outcome);
        scene.advance(120);
        if outcome != "jira_refuses" {
            person.property_of_generation(2).await;
            person.recorded().await;
        }
    }
    let gone = joins().await;
    scene.world.jira.remove_person("acme", &gone.account);
    comes_to(&gone, "person_missing").await;
    gone.found_gone().await;
    let closed = [("outcome", "person_gone")];
    scene
        .figure_is("latchkey_renewals_total", &closed, 1.0)
        .await;
    let figures = figures_of(scene.app()).await;
    let first_keys = figures.get("latchkey_renewals_total", &first("first_key"));
    assert_eq!(first_keys, Some(size as f64));
    // Nothing else happened, and nothing is counted that did not.
    for outcome in ["rotation_lost", "seal_broken", "not_minted", "interrupted"] {
        let count = figures.get("latchkey_renewals_total", &first(outcome));
        assert_eq!(count, Some(0.0), "{outcome}");
    }
    let resting = |state, reason| {
        let labels = [("state", state), ("reason", reason)];
        figures.get("latchkey_links_resting", &labels)
    };
    assert_eq!(resting("reconnect", "revoked"), Some(1.0));
    assert_eq!(resting("aside", "jira_refuses"), Some(1.0));
    assert_eq!(resting("aside", "no_outcome"), Some(0.0));
    scene.close().await;
}

/// A renewal that failed is told of in a line that reads alone; one that went well is not.
#[track_caller]
fn tells_of(person: &Person<'_>, outcome: &str) {
    let account = format!(" account={} ", person.account);
    let loud = person.scene.log.lines_with(std::slice::from_ref(&account));
    let loud: Vec<String> = loud
        .into_iter()
        .filter(|line| line.contains("outcome=") && !line.contains(" DEBUG "))
        // The accounts of a crowd are the same on both databases.
        .filter(|line| line.contains(&person.scene.client_key(person.site)))
        .collect();
    if outcome == "renewed" {
        assert!(loud.is_empty(), "{loud:?}");
        return;
    }
    let line = loud
        .iter()
        .find(|line| line.contains(&format!("outcome=\"{outcome}\"")))
        .unwrap_or_else(|| panic!("no line tells of {outcome}: {loud:?}"));
    for field in [
        "tenant=",
        "generation=",
        "failures=1",
        "key_runs_out=\"",
        "why=",
    ] {
        assert!(line.contains(field), "{field} is missing in {line}");
    }
    let tried_again = outcome != "revoked";
    assert_eq!(line.contains("next_try=\""), tried_again, "{line}");
}

/// How the line of a minute begins.
const SUMMARY: &str = "renewals since the last summary";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_in_which_something_happened_is_summed_up_and_no_other() {
    // A life of its own, so that the end of the key tells this story's lines from others.
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(98_765)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.renewed().await;
    omar.recorded().await;
    let fault = Kind::Status(503, Vec::new(), String::new());
    scene
        .world
        .service
        .fault(Fault::once(Endpoint::Refresh, fault));
    comes_to(&omar, "unknown").await;
    eventually("it has been renewed after all", async || {
        scene.advance(5);
        (omar.generation() == Some(3)).then_some(())
    })
    .await;
    // A minute may end between a renewal and its figures; then the next one is asked.
    let lines = eventually("the summary", async || {
        let before = omar.recorded().await;
        omar.renew().await.is(202);
        omar.property_of_generation(before + 1).await;
        omar.recorded().await;
        let link = omar.stored_link().await.expect("it is there");
        let end = link.published.expect("it is published").expires_at;
        scene.advance(61);
        let words = [SUMMARY, &format!("earliest_expiry=\"{}\"", rfc3339(end))];
        for _ in 0..50 {
            let lines = scene.log.lines_with(&words.map(str::to_owned));
            if !lines.is_empty() {
                return Some(lines);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None
    })
    .await;
    // Where a minute ended in the middle there are two, and together they say it all.
    let total = |field: &str| -> u64 {
        let numbers = lines.iter().filter_map(|line| {
            let (_, rest) = line.split_once(&format!(" {field}="))?;
            rest.split(' ').next()?.parse::<u64>().ok()
        });
        numbers.sum()
    };
    assert!(total("renewed") >= 1, "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains(" due=0 ")),
        "{lines:?}"
    );
    // Minutes in which nothing happens are not spoken of.
    for _ in 0..3 {
        scene.advance(61);
        let labels = [("state", "live")];
        scene.figure_is("latchkey_links", &labels, 1.0).await;
        tokio::task::yield_now().await;
    }
    scene.end().await;

    // The last minute is summed up at the end, failures by kind; without anything to say nothing is said.
    let mut scene = Scene::start_child(Db::Sqlite, Setting::keys_live(3 * 3600)).await;
    let fault = Kind::Status(503, Vec::new(), String::new());
    scene
        .world
        .service
        .fault(Fault::once(Endpoint::Refresh, fault));
    {
        let mia = scene.person("acme", MIA);
        mia.link("u-200").await;
        mia.renew().await.is(202);
        mia.property_of_generation(2).await;
    }
    let summaries = |latchkey: &Latchkey| -> Vec<String> {
        let output = latchkey.output();
        let lines = output.lines().filter(|line| line.contains(SUMMARY));
        lines.map(str::to_owned).collect()
    };
    scene.no_work_left().await;
    scene.child().terminate();
    scene.child().exit(std::time::Duration::from_secs(15)).await;
    // What it said last may be on its way yet.
    let said = eventually("the last minute is summed up", async || {
        let said = summaries(scene.child());
        (!said.is_empty()).then(|| said.join("\n"))
    })
    .await;
    assert!(said.contains("kinds=\"unknown=1\""), "{said}");
    scene.restart().await;
    scene.get("/readyz").await.is(200);
    scene.child().terminate();
    scene.child().exit(std::time::Duration::from_secs(15)).await;
    assert!(summaries(scene.child()).is_empty());
    scene.restart().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_token_that_is_shown_is_counted_by_its_verdict() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let jira = &scene.world.jira;
    let good = Overrides::none;
    let old = jira.now() - 3600;
    let cases = [
        ("accepted", 200, jira.context_token("acme", OMAR, &good())),
        ("malformed", 401, "eyJhbGciOiJIUzI1NiJ9.e30.x".to_owned()),
        (
            "expired",
            401,
            jira.context_token(
                "acme",
                OMAR,
                &good().claim("iat", old - 900).claim("exp", old),
            ),
        ),
        (
            "bad_signature",
            401,
            jira.context_token(
                "acme",
                OMAR,
                &good().secret("not-the-tenant's-secret-000000000"),
            ),
        ),
        (
            "misplaced",
            401,
            jira.iframe_token("acme", OMAR, "GET", "/api/link", &good()),
        ),
        (
            "unknown_signer",
            401,
            jira.context_token("acme", OMAR, &good().claim("iss", "nobody")),
        ),
    ];
    for (verdict, status, token) in cases {
        shown(&scene, verdict, status, &token).await;
    }
    let token = jira.context_token("acme", OMAR, &good());
    jira.disable("acme").await.expect("it is told");
    shown(&scene, "disabled", 401, &token).await;
    let figures = figures_of(scene.app()).await;
    let count = |kind, verdict| {
        let labels = [("kind", kind), ("verdict", verdict)];
        figures.get("latchkey_tokens_verified_total", &labels)
    };
    assert_eq!(count("lifecycle", "accepted"), Some(2.0), "two installs");
    assert!(count("app_to_app", "accepted") >= Some(1.0));
    assert_eq!(count("iframe", "accepted"), Some(0.0));
    scene
        .figure_is("latchkey_tenants", &[("state", "disabled")], 1.0)
        .await;
    scene.close().await;
}

async fn shown(scene: &Scene, verdict: &str, status: u16, token: &str) {
    let labels = [("kind", "context"), ("verdict", verdict)];
    let name = "latchkey_tokens_verified_total";
    let before = scene.figure(name, &labels).await;
    let request = scene.http.request(Method::GET, scene.address("/api/link"));
    let request = request.header(AUTHORIZATION, format!("JWT {token}"));
    scene.send(request).await.is(status);
    assert_eq!(scene.figure(name, &labels).await, before + 1.0, "{verdict}");
}

async fn a_tenant_left_alone_says_why_and_comes_back_by_itself(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let parked = "latchkey_tenants_parked";
    for (fault, reason) in [
        (jira::Fault::status(401), "unauthorized"),
        (
            jira::Fault::rate_limited(Some("jira-quota-tenant-based"), Some("100")),
            "tenant_quota",
        ),
        (
            jira::Fault::rate_limited(Some("jira-burst-based"), Some("100")),
            "burst",
        ),
        (jira::Fault::rate_limited(None, Some("100")), "asked"),
    ] {
        let before = omar.recorded().await;
        jira.fault(fault.on_property("PUT").at("acme"));
        omar.renew().await.is(202);
        scene.figure_is(parked, &[("reason", reason)], 1.0).await;
        // It is asked again when its time is over.
        let calls = || jira.calls().iter().filter(|call| call.fault).count();
        let asked = calls();
        eventually("it is probed", async || {
            scene.advance(60);
            (calls() > asked).then_some(())
        })
        .await;
        if reason == "unauthorized" {
            // Once their key has run out, the person reads why.
            scene.advance(3 * 3600);
            let status = eventually("the person is told", async || {
                scene.advance(10);
                let status = omar.status().await;
                status.get("reason").is_some().then_some(status)
            })
            .await;
            assert_eq!(status["state"], "linked");
            let words = status["reason"].as_str().expect("it is in words");
            assert!(words.contains("Jira doesn't accept the app"), "{words}");
        }
        jira.clear_faults();
        eventually("the key is in Jira", async || {
            // Not so far that a token on its way to Jira runs out.
            scene.advance(15);
            (omar.generation() > Some(before)).then_some(())
        })
        .await;
        omar.recorded().await;
        scene.advance(200);
        scene.figure_is(parked, &[("reason", reason)], 0.0).await;
        // A key that was long on its way is soon replaced.
        eventually("nothing is wrong any more", async || {
            omar.status().await.get("reason").is_none().then_some(())
        })
        .await;
    }
    scene.end().await;
}

async fn what_all_replicas_share_are_figures_too(db: Db) {
    let setting = Setting::keys_live(3 * 3600).with("LATCHKEY_JIRA_QUOTA", "1000");
    let scene = Scene::start(db, setting).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.renewed().await;
    omar.recorded().await;

    // An hour of the clock may have gone by since, and with it what was used in it.
    let used = "latchkey_jira_quota_used_points";
    let left = "latchkey_jira_quota_left_points";
    for (scope, total) in [("app", 1000.0), ("renewal", 800.0)] {
        let scope = [("scope", scope)];
        // Something may be written between one look and the other.
        eventually("what is used and what is left are all", async || {
            let used = scene.figure(used, &scope).await;
            (used + scene.figure(left, &scope).await == total).then_some(())
        })
        .await;
    }
    omar.renewed().await;
    omar.recorded().await;
    assert!(scene.figure(used, &[("scope", "app")]).await > 0.0);

    let breaker = "latchkey_service_breaker";
    scene.figure_is(breaker, &[("state", "closed")], 1.0).await;
    service.fault(Fault::always(
        Endpoint::Refresh,
        Kind::Status(503, Vec::new(), String::new()),
    ));
    let before = omar.recorded().await;
    // Links of two tenants meet it.
    omar.renew().await.is(202);
    mia.renew().await.is(202);
    eventually("failures in a row are answered by rest", async || {
        let open = scene.figure(breaker, &[("state", "open")]).await;
        (open == 1.0).then_some(())
    })
    .await;
    assert_eq!(scene.figure(breaker, &[("state", "closed")]).await, 0.0);
    service.clear_faults();
    eventually("one goes through, and the breaker closes", async || {
        scene.advance(60);
        let closed = scene.figure(breaker, &[("state", "closed")]).await;
        (closed == 1.0 && omar.generation() > Some(before)).then_some(())
    })
    .await;

    let parked = "latchkey_tenants_parked";
    let fault = jira::Fault::rate_limited(Some("jira-quota-global-based"), None);
    jira.fault(fault.on_property("PUT").at("acme"));
    let before = omar.recorded().await;
    omar.renew().await.is(202);
    // acme has asked, and globex waits as well.
    scene
        .figure_is(parked, &[("reason", "global_quota")], 2.0)
        .await;
    jira.clear_faults();
    scene.advance(3600);
    eventually("the hour is over", async || {
        (omar.generation() > Some(before)).then_some(())
    })
    .await;
    scene
        .figure_is(parked, &[("reason", "global_quota")], 0.0)
        .await;
    scene.end().await;
}

/// The statements whose plans matter, with something in the place of each parameter.
fn statements_of_figures() -> Vec<(&'static str, String)> {
    let names = [
        "LINKS_LIVE",
        "LINKS_RESTING",
        "LINKS_DUE",
        "LINKS_FAILING",
        "LINKS_UNSETTLED",
        "EARLIEST_EXPIRY",
        "KEYS_RUN_OUT",
        "SOME_KEYS_FROM",
        "SOME_KEYS_BELOW",
    ];
    // Both databases take the same.
    let found: Vec<_> = statements(Dialect::Sqlite)
        .filter(|(name, _)| names.contains(name))
        .map(|(name, sql)| {
            let filled = sql
                .replace("$1", "'1795298400'")
                .replace("$2", "'1795298300'");
            (name, filled)
        })
        .collect();
    assert_eq!(found.len(), names.len());
    found
}

async fn no_figure_reads_the_table_of_links(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let url = scene.database_url();
    for (name, statement) in statements_of_figures() {
        if db == Db::Sqlite {
            let mut connection = SqliteConnection::connect(url).await.expect("it opens");
            let explain = AssertSqlSafe(format!("explain query plan {statement}"));
            let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
                .fetch_all(&mut connection)
                .await
                .expect("it has a plan");
            for (.., step) in rows {
                let of_links = ["link", "l"].iter().any(|table| {
                    let scan = format!("SCAN {table}");
                    step == scan || step.starts_with(&format!("{scan} "))
                });
                // All live links are counted in an index that holds nothing else.
                let by_index = step.contains("USING COVERING INDEX link_")
                    || ["link_resting", "link_claimed"]
                        .iter()
                        .any(|index| step.contains(&format!("USING INDEX {index}")));
                assert!(!of_links || by_index, "{name}: {step}");
            }
            connection.close().await.expect("an orderly goodbye");
        } else {
            let mut connection = PgConnection::connect(url).await.expect("it opens");
            // Small tables are read whole; how large ones would be read is what matters.
            sqlx::query("set enable_seqscan = off")
                .execute(&mut connection)
                .await
                .expect("it can be set");
            let explain = AssertSqlSafe(format!("explain {statement}"));
            let rows: Vec<(String,)> = sqlx::query_as(explain)
                .fetch_all(&mut connection)
                .await
                .expect("it has a plan");
            let plan: Vec<String> = rows.into_iter().map(|(step,)| step).collect();
            let scans = plan.iter().any(|step| step.contains("Seq Scan on link"));
            assert!(!scans, "{name}: {plan:#?}");
            connection.close().await.expect("an orderly goodbye");
        }
    }
    scene.end().await;
}

async fn what_took_long_to_count_is_not_counted_each_time(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let live = [("state", "live")];
    omar.link("u-100").await;
    scene.figure_is("latchkey_links", &live, 1.0).await;
    // Two hundred thousand entries that wait for as long as his link uses the account.
    execute(
        &scene,
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) \
         insert into cleanup (id, kind, client_key, installation, account_id, held_for_subject, due_at, \
         failures, expires_at) select 'many-' || cast(i as text), 'revoke', 'nobody', 0, 'nobody', \
         'u-100', 0, 0, 4000000000 from n",
    )
    .await;
    let held = [("kind", "held")];
    scene
        .figure_is("latchkey_cleanup_entries", &held, 200_000.0)
        .await;
    mia.link("u-200").await;
    assert_eq!(scene.figure("latchkey_links", &live).await, 1.0, "believed");
    scene.advance(21);
    assert_eq!(scene.figure("latchkey_links", &live).await, 2.0);
    execute(&scene, "delete from cleanup where client_key = 'nobody'").await;
    scene.end().await;
}

/// Runs one statement beside the product.
async fn execute(scene: &Scene, statement: &'static str) {
    let url = scene.database_url();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("it opens");
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .expect("it can be written");
        connection.close().await.expect("an orderly goodbye");
    } else {
        let mut connection = PgConnection::connect(url).await.expect("it opens");
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .expect("it can be written");
        connection.close().await.expect("an orderly goodbye");
    }
}

/// Runs `latchkey doctor` with the settings of a scene, some of them changed.
async fn doctor_with(scene: &Scene, changed: &[(&'static str, &str)]) -> Finished {
    let mut settings = scene.settings().to_vec();
    for (name, value) in changed {
        settings.retain(|(known, _)| known != name);
        settings.push((name, (*value).to_owned()));
    }
    Latchkey::run(&["doctor"], &settings).await
}

#[track_caller]
fn has_line(finished: &Finished, start: &str, part: &str) {
    let mut lines = finished.stdout.lines();
    let found = lines.any(|line| line.starts_with(start) && line.contains(part));
    assert!(
        found,
        "no line {start:?} with {part:?} in\n{}",
        finished.stdout
    );
}

async fn the_doctor_finds_everything_well_beside_a_server_and_changes_nothing(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200")] {
        let person = scene.person("acme", account);
        person.link(subject).await;
        person.recorded().await;
    }
    let said = doctor_with(&scene, &[]).await;
    assert_eq!(said.status.code(), Some(0), "{}", said.stdout);
    assert_eq!(said.stderr, "");
    let kind = match db {
        Db::Sqlite => "SQLite answers",
        Db::Postgres => "PostgreSQL answers",
    };
    for (start, part) in [
        ("! settings ", "LATCHKEY_ALLOW_LOOPBACK_HTTP"),
        ("✓ database ", kind),
        ("✓ schema ", "that of this program"),
        ("✓ sealing keys ", "2 tenants"),
        ("✓ links ", "2 live, 0 set aside, 0 waiting"),
        ("✓ tenants ", "2 enabled, 0 disabled"),
        ("✓ renewal ", "0 due, 0 of them for more than a minute"),
        ("✓ cleanup ", "0 revocations"),
        (
            "✓ quota ",
            "2 links with keys of 3.0 h take 1 of the 52000 points",
        ),
        ("✓ service ", "its metadata can be read"),
        ("✓ token endpoint ", "knows this client"),
        ("✓ clock ", "agrees with that of"),
        ("✓ install keys ", "answers"),
    ] {
        has_line(&said, start, part);
    }
    if db == Db::Postgres {
        has_line(&said, "✓ clock ", "agrees with the database");
    }
    // Secrets are in the settings and the database, and not in what it says.
    crate::logs::assert_free_of_secrets(
        "the doctor's words",
        said.stdout.as_bytes(),
        &scene.secrets(),
    );
    assert_eq!(scene.person("acme", OMAR).renew().await.status, 202);
    scene.person("acme", OMAR).property_of_generation(2).await;
    scene.person("acme", OMAR).recorded().await;
    scene.no_work_left().await;

    if db == Db::Sqlite {
        // Nobody serves, and it leaves the file as it is.
        let file = scene
            .database_url()
            .trim_start_matches("sqlite://")
            .to_owned();
        let address = scene.stop().await;
        let before = std::fs::read(&file).expect("it is there");
        let said = doctor_with(&scene, &[]).await;
        assert_eq!(said.status.code(), Some(0), "{}", said.stdout);
        assert!(std::fs::read(&file).expect("it is there") == before);
        scene.start_again(address).await;
    }
    scene.end().await;
}

async fn the_doctor_names_what_is_not_well_in_the_database(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let said = doctor_with(
        &scene,
        &[(
            "LATCHKEY_SEALING_KEYS",
            "k1:bm90LXRoZS1rZXktb2YtdGhlLXN0b3JpZXMtMDAwMDE=",
        )],
    )
    .await;
    assert_eq!(said.status.code(), Some(1), "{}", said.stdout);
    has_line(&said, "✗ sealing keys ", "2 of 2 tenants");
    has_line(&said, "✓ links ", "1 live");

    // A database that was never migrated, and none at all.
    let (empty, none) = match db {
        Db::Sqlite => {
            let file = scene.database_url().trim_start_matches("sqlite://");
            let directory = std::path::Path::new(file).parent().expect("a directory");
            let empty = directory.join("empty.db");
            std::fs::write(&empty, "").expect("it can be written");
            let url = |file: std::path::PathBuf| format!("sqlite://{}", file.display());
            (url(empty), url(directory.join("none.db")))
        }
        Db::Postgres => {
            let empty = Postgres::database().await;
            let none = format!("{empty}-none");
            (empty, none)
        }
    };
    let said = doctor_with(&scene, &[("LATCHKEY_DATABASE_URL", &empty)]).await;
    assert_eq!(said.status.code(), Some(1), "{}", said.stdout);
    has_line(&said, "✗ schema ", "latchkey migrate");
    has_line(&said, "✓ token endpoint ", "");
    let said = doctor_with(&scene, &[("LATCHKEY_DATABASE_URL", &none)]).await;
    assert_eq!(said.status.code(), Some(1), "{}", said.stdout);
    has_line(&said, "✗ database ", "cannot be opened");

    // Renewal stands still, a key has run out, and the clocks are hours apart.
    let pairs = scene.settings().iter();
    let pairs = pairs.map(|(name, value)| (*name, value.as_str()));
    let config = Config::from_pairs(pairs).expect("the settings are good");
    let outside = Outside {
        clock: latchkey::clock::Clock::movable(),
        random: Random::system(),
        http: Outbound::new(true).expect("an HTTP client"),
    };
    outside.clock.advance(2 * 3600 + 600);
    let found = examined(&config, &outside).await;
    assert!(!found.0);
    let says = |mark, what, part: &str| {
        let mut findings = found.1.iter();
        findings.any(|finding| {
            finding.mark == mark && finding.what == what && finding.words.contains(part)
        })
    };
    assert!(says(
        Mark::Look,
        "renewal",
        "1 due, 1 of them for more than a minute"
    ));
    assert!(says(Mark::Bad, "clock", "ahead of that of"));
    assert_eq!(
        says(Mark::Bad, "clock", "ahead of the database"),
        db == Db::Postgres
    );
    outside.clock.advance(3600);
    let found = examined(&config, &outside).await;
    let renewal = found.1.iter().find(|finding| finding.what == "renewal");
    let renewal = renewal.expect("it speaks of it");
    assert_eq!(renewal.mark, Mark::Bad);
    assert!(
        renewal
            .words
            .contains("1 keys have run out; no key is alive"),
        "{renewal}"
    );
    scene.end().await;
}

/// What the doctor says beside a server, at the time of its story.
pub async fn doctor_of(scene: &Scene) -> Vec<doctor::Finding> {
    let pairs = scene.settings().iter();
    let pairs = pairs.map(|(name, value)| (*name, value.as_str()));
    let outside = Outside {
        clock: scene.clock.clone(),
        random: Random::system(),
        http: Outbound::new(true).expect("an HTTP client"),
    };
    let config = Config::from_pairs(pairs).expect("the settings are good");
    examined(&config, &outside).await.1
}

async fn examined(config: &Config, outside: &Outside) -> (bool, Vec<doctor::Finding>) {
    let mut findings = Vec::new();
    let well = doctor::examine(config, outside, &mut |finding| findings.push(finding)).await;
    (well, findings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_names_what_is_not_well_elsewhere() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for (changed, start, part) in [
        (
            ("LATCHKEY_PROVIDER_ISSUER", nobody.as_str()),
            "✗ service ",
            "discovery",
        ),
        (
            (
                "LATCHKEY_PROVIDER_CLIENT_SECRET",
                "not-the-secret-of-this-client",
            ),
            "✗ token endpoint ",
            "LATCHKEY_PROVIDER_CLIENT_SECRET",
        ),
        (
            ("LATCHKEY_INSTALL_KEYS_URL", &nobody),
            "✗ install keys ",
            "the app cannot be installed",
        ),
    ] {
        let said = doctor_with(&scene, &[changed]).await;
        assert_eq!(said.status.code(), Some(1), "{}", said.stdout);
        has_line(&said, start, part);
        has_line(&said, "✓ schema ", "");
    }
    // A limit of clients' addresses that counts all as one can be seen beforehand.
    let behind = ("LATCHKEY_BASE_URL", "https://latchkey.example.com");
    let said = doctor_with(&scene, &[behind]).await;
    has_line(&said, "! proxies ", "LATCHKEY_TRUSTED_PROXIES");
    let named = ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/8");
    let said = doctor_with(&scene, &[behind, named]).await;
    assert!(!said.stdout.contains(" proxies "), "{}", said.stdout);
    let said = doctor_with(&scene, &[(DESCRIPTORS, "256:1024")]).await;
    has_line(&said, "! descriptors ", "1024 files");
    has_line(&said, "! descriptors ", "LimitNOFILE");
    let said = doctor_with(&scene, &[("LATCHKEY_PROVIDER_NAME", "")]).await;
    assert_eq!(said.status.code(), Some(1));
    has_line(&said, "✗ settings ", "LATCHKEY_PROVIDER_NAME is missing");
    assert_eq!(said.stdout.lines().count(), 1);
    scene.close().await;
}

fn operations(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("operations");
    std::fs::read_to_string(path.join(file)).expect("it is there")
}

/// The names of figures in an expression, without what a histogram appends.
fn names_in(expression: &str) -> BTreeSet<String> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c: char| !is_of_name(c));
    words
        .filter(|word| word.starts_with("latchkey_") || word.starts_with("process_"))
        .map(|word| {
            let bare = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix));
            bare.unwrap_or(word).to_owned()
        })
        .collect()
}

fn expressions_in(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => found.push(text.clone()),
                    value => expressions_in(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions_in(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_and_the_alerts_name_figures_that_there_are() {
    let known: BTreeSet<String> = FAMILIES
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    let dashboard: Value = serde_json::from_str(&operations("dashboard.json")).expect("it is JSON");
    let mut expressions = Vec::new();
    expressions_in(&dashboard, &mut expressions);
    assert!(expressions.len() >= 15, "{}", expressions.len());
    let mut shown = BTreeSet::new();
    for expression in &expressions {
        let names = names_in(expression);
        assert!(!names.is_empty(), "{expression} shows nothing of ours");
        assert!(names.is_subset(&known), "{expression}");
        shown.extend(names);
    }
    let left_out: Vec<_> = known.difference(&shown).collect();
    assert!(
        left_out.is_empty(),
        "the dashboard does not show {left_out:?}"
    );

    let alerts = operations("alerts.yaml");
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 10, "{}", rules.len());
    let mut seen = BTreeSet::new();
    for rule in rules {
        let name = rule.lines().next().expect("it has a name");
        assert!(name.starts_with("Latchkey"), "{name}");
        assert!(seen.insert(name), "{name} comes twice");
        let field = |field: &str| {
            let start = format!("{field}: ");
            let mut lines = rule.lines().map(str::trim);
            let found = lines.find_map(|line| line.strip_prefix(start.as_str()));
            found
                .unwrap_or_else(|| panic!("{name} has no {field}"))
                .to_owned()
        };
        let names = names_in(&field("expr"));
        assert!(!names.is_empty() || field("expr").contains("up{"), "{name}");
        assert!(names.is_subset(&known), "{name}");
        assert!(
            ["page", "ticket"].contains(&field("severity").as_str()),
            "{name}"
        );
        assert!(field("summary").len() > 20, "{name}");
        // Values are plain scalars of YAML, which end where one of these begins.
        for value in ["expr", "summary", "runbook"].map(field) {
            let plain = value.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !value.contains(": ")
                && !value.contains(" #");
            assert!(plain, "{name}: {value}");
        }
    }
}
