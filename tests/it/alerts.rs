//! The alert rules: each has a case in which it fires and one in which it does not, names only series that
//! `/metrics` has from the start, and has a section on the page for those on call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use latchkey::clock::Seconds;

use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting};
use crate::sim::jira::OMAR;
use crate::watching::{Figures, Labels, figures_of, labels};

on_both_databases!(f28_figures_of_the_process_are_served_while_the_database_is_away);

/// Series that `/metrics` does not have at the start: there is no expiry without a key.
const LATER: &[&str] = &["latchkey_earliest_expiry_seconds"];

fn operations(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("operations");
    std::fs::read_to_string(path.join(file)).expect("it is there")
}

/// The rules: names and expressions.
fn rules() -> BTreeMap<String, String> {
    let text = operations("alerts.yaml");
    let rules = text.split("- alert: ").skip(1).map(|rule| {
        let name = rule.lines().next().expect("it has a name").to_owned();
        let mut lines = rule.lines().map(str::trim);
        let expression = lines.find_map(|line| line.strip_prefix("expr: "));
        (name, expression.expect("it has an expression").to_owned())
    });
    rules.collect()
}

/// Every series of this program in an expression: its name, and what stands in its braces.
fn selectors(expression: &str) -> Vec<(String, String)> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let end = rest[at..].find(|c| !is_of_name(c));
        let (name, after) = rest[at..].split_at(end.unwrap_or(rest.len() - at));
        rest = after;
        if !name.starts_with("latchkey_") && !name.starts_with("process_") {
            // A text in quotes is no name.
            continue;
        }
        let inside = match after.strip_prefix('{') {
            Some(inside) => inside.split_once('}').expect("the brace is closed").0,
            None => "",
        };
        rest = after
            .strip_prefix('{')
            .map_or(after, |_| &after[inside.len() + 2..]);
        found.push((name.to_owned(), inside.to_owned()));
    }
    found
}

/// Whether `/metrics` has this series. A label that is compared with several values needs each.
fn has_series(figures: &Figures, name: &str, matchers: &str) -> Result<(), String> {
    let samples = figures.samples(name);
    if samples.is_empty() {
        return Err(format!("there is no {name}"));
    }
    // `=~` and `!~` are taken apart like `=`: what is compared is in the same quotes.
    let plain = matchers.replace("=~", "=").replace("!~", "=");
    let mut wanted: Labels = labels(&plain);
    let job = wanted.remove("job");
    if job.as_deref() != Some("latchkey") {
        return Err(format!("{name} does not choose the job"));
    }
    // Prometheus gives both to the targets.
    wanted.remove("instance");
    wanted.remove("site");
    for (label, values) in wanted {
        for value in values.split('|') {
            let known = |labels: &Labels| labels.get(&label).is_some_and(|known| known == value);
            // Answers that did not fail are counted when there is one.
            let comes_later = label == "status" && value.starts_with('2');
            if !comes_later && !samples.iter().any(|labels| known(labels)) {
                return Err(format!("{name} never has {label}={value:?}"));
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_every_series_of_a_rule_and_of_its_cases_exists_from_the_start() {
    let scene = Scene::start_uninstalled(Db::Sqlite, Setting::default()).await;
    let figures = figures_of(scene.app()).await;
    for (rule, expression) in rules() {
        let selectors = selectors(&expression);
        if selectors.is_empty() {
            assert!(expression.starts_with("up{job=\"latchkey\"}"), "{rule}");
        }
        for (name, matchers) in selectors {
            if LATER.contains(&name.as_str()) {
                continue;
            }
            has_series(&figures, &name, &matchers)
                .unwrap_or_else(|error| panic!("{rule}: {error}"));
        }
    }
    let cases = operations("alerts.test.yaml");
    let series = cases
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- series: "));
    let mut seen = 0;
    for series in series.filter(|series| !series.starts_with("up{")) {
        // The route of a request has braces of its own.
        let (name, matchers) = series.split_once('{').expect("it has labels");
        let matchers = matchers.strip_suffix('}').expect("the brace is closed");
        if !LATER.contains(&name) {
            has_series(&figures, name, matchers).unwrap_or_else(|error| panic!("{error}"));
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_a_counter_with_labels_that_are_known_begins_at_zero() {
    let scene = Scene::start_uninstalled(Db::Sqlite, Setting::default()).await;
    let figures = figures_of(scene.app()).await;
    for (name, labels) in [
        (
            "latchkey_renewals_total",
            &[("outcome", "rotation_lost")][..],
        ),
        ("latchkey_cleanups_total", &[("outcome", "given_up")]),
        (
            "latchkey_tokens_verified_total",
            &[("kind", "context"), ("verdict", "expired")],
        ),
        (
            "latchkey_security_events_total",
            &[("event", "refused_proof"), ("kind", "person")],
        ),
        (
            "latchkey_security_events_total",
            &[("event", "seal_failure"), ("kind", "link.credential")],
        ),
        (
            "latchkey_http_requests_total",
            &[
                ("method", "POST"),
                ("route", "/link/{id}/confirm"),
                ("status", "503"),
            ],
        ),
        (
            "latchkey_http_request_duration_seconds_count",
            &[("route", "/link/{id}/confirm")],
        ),
        ("latchkey_answers_held", &[]),
        ("latchkey_lease_losses_total", &[]),
        ("latchkey_jira_quota_needed_ratio", &[]),
    ] {
        assert_eq!(figures.get(name, labels), Some(0.0), "{name} {labels:?}");
    }
    // A quota of which nothing is known is not one that is used up.
    let left = figures.get("latchkey_jira_quota_left_points", &[("scope", "app")]);
    assert!(left > Some(0.0), "{left:?}");
    scene.close().await;
}

async fn f28_figures_of_the_process_are_served_while_the_database_is_away(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let address = scene.stop().await;
    let watcher = scene.app_of_its_own().await;
    let up = "latchkey_database_up";
    let age = "latchkey_database_figures_age_seconds";
    let expiry = "latchkey_earliest_expiry_seconds";
    let live = [("state", "live")];

    let before = figures_of(&watcher).await;
    assert_eq!(before.get(up, &[]), Some(1.0));
    // The second may end between the count and the answer, and a busy machine takes longer.
    assert!(before.get(age, &[]) < Some(60.0));
    assert_eq!(before.get("latchkey_links", &live), Some(1.0));
    let connections = |state| before.get("latchkey_database_connections", &[("state", state)]);
    let all = connections("idle").expect("it is there") + connections("in_use").expect("too");
    let limit = before.get("latchkey_database_connections_limit", &[]);
    assert!(all >= 1.0 && Some(all) <= limit, "{all} of {limit:?}");

    watcher.parts.store.close().await;
    scene.advance(100);
    let away = figures_of(&watcher).await;
    assert_eq!(away.get(up, &[]), Some(0.0));
    // The last count, and how old it is: what it says of the next expiry is still true.
    assert!(away.get(age, &[]) >= Some(100.0));
    assert_eq!(away.get("latchkey_links", &live), Some(1.0));
    assert_eq!(away.get(expiry, &[]), before.get(expiry, &[]));
    assert!(away.get("process_resident_memory_bytes", &[]) > Some(0.0));
    let renewed = away.get("latchkey_renewals_total", &[("outcome", "renewed")]);
    assert_eq!(renewed, Some(0.0));
    drop(watcher);
    scene.start_again(address).await;
    scene.end().await;
}

/// Figures that every replica reads from the same database. Their sum grows with the number of replicas.
#[test]
fn f28_no_rule_and_no_panel_adds_up_what_replicas_share() {
    let shared = [
        "latchkey_links",
        "latchkey_earliest_expiry",
        "latchkey_intents",
        "latchkey_cleanup_",
        "latchkey_tenants",
        "latchkey_jira_quota",
        "latchkey_service_breaker",
    ];
    let dashboard = operations("dashboard.json").replace("\\\"", "\"");
    let panels = dashboard
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"expr\": \""))
        .map(|line| ("the dashboard".to_owned(), line.to_owned()));
    let mut seen = 0;
    for (whose, expression) in rules().into_iter().chain(panels) {
        for (name, matchers) in selectors(&expression) {
            let chosen = match whose.as_str() {
                "the dashboard" => r#"job="$job",site=~"$site""#,
                _ => r#"job="latchkey""#,
            };
            assert!(
                matchers.starts_with(chosen),
                "{whose}: {name} does not choose the job"
            );
            if !shared.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            seen += 1;
            for (at, _) in expression.match_indices(&name) {
                let before = &expression[..at];
                let function = before.rsplit_once('(').map_or("", |(head, _)| head);
                let function = function.rsplit(['(', ' ', '+']).find(|word| {
                    ["sum", "max", "min", "count", "avg", "rate", "increase"].contains(word)
                });
                assert!(
                    matches!(function, Some("max" | "min")),
                    "{whose}: {function:?} of {name} in {expression}"
                );
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn f28_each_rule_leads_to_its_section_on_the_page_for_those_on_call() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/oncall.md");
    let page = std::fs::read_to_string(path).expect("it is there");
    let sections: BTreeMap<&str, &str> = page
        .split("\n## ")
        .filter_map(|section| section.split_once('\n'))
        .filter(|(title, _)| title.starts_with("Latchkey"))
        .collect();
    let alerts = operations("alerts.yaml");
    let mut rules = BTreeSet::new();
    for rule in alerts.split("- alert: ").skip(1) {
        let name = rule.lines().next().expect("it has a name");
        rules.insert(name);
        let field = |field: &str| {
            let mut lines = rule.lines().map(str::trim);
            lines.find_map(|line| line.strip_prefix(field))
        };
        let anchor = format!("docs/oncall.md#{}", name.to_lowercase());
        assert_eq!(field("runbook: "), Some(anchor.as_str()), "{name}");
        let section = sections.get(name).unwrap_or_else(|| panic!("{name}"));
        let severity = field("severity: ").expect("it has a severity");
        let means = format!("**Means** ({severity}): ");
        for part in [means.as_str(), "**Look at**: ", "**Do**: ", "**Ends** "] {
            assert!(section.contains(part), "{name} has no {part:?}");
        }
    }
    assert_eq!(sections.into_keys().collect::<BTreeSet<_>>(), rules);
}

#[test]
fn f28_each_rule_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let cases = operations("alerts.test.yaml");
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for case in cases.split("  - name: ").skip(1) {
        let title = case.lines().next().expect("it has a name");
        let (rule, what) = title.split_once(' ').expect("a rule and what it does");
        let asked = format!("count(ALERTS{{alertname=\"{rule}\",alertstate=\"firing\"}})");
        assert!(case.contains(&asked), "{title}: it asks for another rule");
        let expected = case
            .lines()
            .find_map(|line| line.trim().strip_prefix("exp_samples: "));
        match (what.split(' ').next(), expected) {
            (Some("fires"), Some("[{labels: \"{}\", value: 1}]")) => fires.insert(rule),
            (Some("stays"), Some("[]")) => quiet.insert(rule),
            other => panic!("{title}: {other:?}"),
        };
        let at = case
            .lines()
            .find_map(|line| line.trim().strip_prefix("eval_time: "));
        let at = at.expect("it is evaluated");
        let minutes: Seconds = match at.strip_suffix('h') {
            Some(hours) => 60 * hours.parse::<Seconds>().expect("a number"),
            None => at.trim_end_matches('m').parse().expect("a number"),
        };
        assert!(minutes >= 5, "{title}: nothing has happened by then");
    }
    let rules = rules();
    let rules: BTreeSet<&str> = rules.keys().map(String::as_str).collect();
    assert_eq!(fires, rules, "rules that fire");
    assert_eq!(quiet, rules, "rules that stay quiet");

    let promtool = |arguments: &[&str]| {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("operations"))
            .output()
            .expect("promtool is installed: scripts/test installs it");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{arguments:?}:\n{said}");
    };
    promtool(&["check", "rules", "alerts.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
}
