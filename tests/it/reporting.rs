//! Stories of personal data: the accounts of people are reported to Atlassian, by either door, and what is stored of
//! those that were closed is erased.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use latchkey::reporting;

use crate::child::free_port;
use crate::child::{Finished, Latchkey, Run, Settings};
use crate::database::Database;
use crate::hooks::new_secret;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{self, AccountReport, FaultKind, MIA, OMAR};

on_both_databases!(
    by_connect_a_thousand_accounts_are_reported_once_a_week,
    by_forge_a_thousand_accounts_are_reported_once_a_week,
    every_account_that_any_table_holds_is_reported_and_erased,
    a_closed_account_is_erased_and_its_key_stops_working,
    a_closed_account_is_erased_by_the_word_about_each_site,
    a_changed_name_is_read_again,
    only_accounts_that_were_reported_are_erased,
    a_wait_that_atlassian_asks_for_is_kept,
    by_forge_a_refusal_is_told_and_costs_no_key,
    by_connect_a_refusal_is_told_and_costs_no_key,
    a_cycle_goes_on_where_it_was_interrupted,
    an_app_that_is_gone_or_disabled_reports_nothing,
    the_operator_sees_reports_and_makes_them,
);

/// A site of Forge alone.
const NEW: &str = "initech";
const DAY: i64 = 24 * 3600;
const BY_CONNECT: &str = "/rest/atlassian-connect/latest/report-accounts";
const BY_FORGE: &str = "/app/report-accounts/";

async fn start(db: Db) -> Scene {
    // Nothing is renewed meanwhile.
    Scene::start(db, Setting::keys_live(90 * DAY.unsigned_abs())).await
}

impl Scene {
    async fn forge(&self) {
        let jira = &self.world.jira;
        jira.add_site(NEW, "A site of Forge");
        jira.put_forge(NEW, &self.base);
        assert_eq!(jira.tick(NEW).await.status, 204);
    }

    /// Goes on with the reports that are due, until none is.
    async fn report(&self) {
        let left = "select count(*) from account_report where claim is not null or due_at <= ";
        eventually("every report is made or put off", async || {
            let parts = &self.app().parts;
            reporting::run_due(parts)
                .await
                .expect("the database answers");
            let left = format!("{left} {}", self.clock.now());
            (self.count(&left).await == 0).then_some(())
        })
        .await;
    }

    /// Makes the report of a site due now.
    async fn due(&self, site: &str) {
        let client_key = self.client_key(site);
        let due = format!(
            "update account_report set due_at = 0 where client_key = '{client_key}' and claim is null"
        );
        self.execute(&due).await;
    }

    /// So many people of a site whose names are stored, and nothing else; from here on.
    async fn known(&self, site: &str, prefix: &str, number: i64) {
        let (client_key, now) = (self.client_key(site), self.clock.now());
        let known = format!(
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < {number}) \
             insert into person (client_key, account_id, kind, active, display_name, checked_at) \
             select '{client_key}', '{prefix}' || cast(i as text), 'person', true, 'Somebody', {now} from n"
        );
        self.execute(&known).await;
    }

    fn reports_of(&self, site: &str) -> Vec<AccountReport> {
        self.world.jira.account_reports(site)
    }

    /// Where a text stands in the database.
    async fn places_of(&self, text: &str) -> Vec<String> {
        let mut database = Database::open(self.database_url()).await;
        let places = database.places_of(text).await;
        database.close().await;
        places
    }

    /// What is in the way of a site's reports.
    async fn trouble(&self, site: &str) -> String {
        let client_key = self.client_key(site);
        let query = format!(
            "select coalesce(trouble, ''), '' from account_report where client_key = '{client_key}'"
        );
        let mut database = Database::open(self.database_url()).await;
        let mut found = database.pairs(&query).await;
        database.close().await;
        assert_eq!(found.len(), 1, "{site}");
        found.remove(0).0
    }

    /// How many calls reached the address for reports.
    fn calls_to_report(&self, path: &str) -> usize {
        self.world.jira.calls_to("POST", path).len()
    }
}

/// Everybody whom reports name, with the number of reports that do.
fn named(reports: &[AccountReport]) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for (account, _) in reports.iter().flat_map(|report| &report.accounts) {
        *named.entry(account.clone()).or_default() += 1;
    }
    named
}

async fn by_connect_a_thousand_accounts_are_reported_once_a_week(db: Db) {
    let scene = start(db).await;
    a_thousand(&scene, "acme", false).await;
    scene.end().await;
}

async fn by_forge_a_thousand_accounts_are_reported_once_a_week(db: Db) {
    let scene = start(db).await;
    scene.forge().await;
    a_thousand(&scene, NEW, true).await;
    scene.end().await;
}

async fn a_thousand(scene: &Scene, site: &'static str, by_forge: bool) {
    let jira = &scene.world.jira;
    let linked = scene.crowd(site, 4);
    for (account, subject) in &linked {
        scene.person(site, account).link(subject).await;
        scene.person(site, account).recorded().await;
    }
    scene.known(site, "557058:kept-", 996).await;
    let ticks = async || {
        if by_forge {
            assert_eq!(jira.tick(site).await.status, 204);
        }
    };
    scene.advance(6 * DAY);
    ticks().await;
    scene.report().await;
    assert!(
        scene.reports_of(site).is_empty(),
        "what was just read is new"
    );
    // A few are closed, one of them with a link, and so is one that is stored elsewhere alone.
    let (closed, subject) = linked[1].clone();
    for account in [closed.as_str(), "557058:kept-7", "557058:kept-500", OMAR] {
        jira.close_account(account);
    }
    scene.advance(DAY + 60);
    ticks().await;
    // Half way there is a wait.
    let path = if by_forge { BY_FORGE } else { BY_CONNECT };
    let none = FaultKind::Delay(Duration::ZERO);
    jira.fault(jira::Fault::new(none).on("POST", path).times(4));
    jira.fault(
        jira::Fault::rate_limited(None, Some("3000"))
            .on("POST", path)
            .times(1),
    );
    scene.report().await;
    assert_eq!(scene.reports_of(site).len(), 4);
    assert_eq!(scene.trouble(site).await, "waits");
    scene.advance(2000);
    scene.report().await;
    assert_eq!(scene.calls_to_report(path), 5, "it waits");
    scene.advance(1001);
    scene.report().await;
    let reports = scene.reports_of(site);
    assert_eq!(scene.calls_to_report(path), 13);
    assert_eq!(reports.len(), 12);
    assert!(reports.iter().all(|report| report.accounts.len() <= 90));
    assert!(reports.iter().all(|report| report.by_forge == by_forge));
    let named_once = named(&reports);
    assert_eq!(named_once.len(), 1000);
    assert!(
        named_once.values().all(|times| *times == 1),
        "{named_once:?}"
    );
    assert_eq!(scene.trouble(site).await, "");
    // The closed ones are gone, and their keys; the others are as they were.
    scene.no_work_left().await;
    for gone in [&closed, &subject, "557058:kept-500"] {
        assert_eq!(scene.places_of(gone).await, [""; 0], "{gone}");
    }
    let ledger_has = |subject: &str| {
        let ledger = scene.world.service.ledger();
        ledger
            .live_grants()
            .iter()
            .any(|grant| grant.subject == subject)
    };
    assert!(!ledger_has(&subject));
    assert_eq!(scene.person(site, &closed).property(), None);
    for (account, subject) in linked.iter().filter(|(account, _)| *account != closed) {
        assert!(ledger_has(subject));
        assert_eq!(scene.person(site, account).state().await, "linked");
    }
    // Once a week.
    scene.advance(6 * DAY);
    ticks().await;
    scene.report().await;
    assert_eq!(scene.reports_of(site).len(), 12);
    scene.advance(DAY);
    ticks().await;
    scene.report().await;
    let reports = scene.reports_of(site);
    assert_eq!(reports.len(), 24);
    assert_eq!(named(&reports[12..]).len(), 997);
    // Atlassian may want it less often.
    jira.set_cycle_period(Some("10"));
    scene.advance(7 * DAY);
    ticks().await;
    scene.report().await;
    assert_eq!(scene.reports_of(site).len(), 36);
    scene.advance(9 * DAY);
    ticks().await;
    scene.report().await;
    assert_eq!(scene.reports_of(site).len(), 36);
    scene.advance(DAY);
    ticks().await;
    scene.report().await;
    assert_eq!(scene.reports_of(site).len(), 48);
}

async fn every_account_that_any_table_holds_is_reported_and_erased(db: Db) {
    // Messages wait for a receiver that is not there.
    let setting = Setting::keys_live(90 * DAY.unsigned_abs())
        .with(
            "LATCHKEY_WEBHOOK_URL",
            format!("http://127.0.0.1:{}", free_port()),
        )
        .with("LATCHKEY_WEBHOOK_SECRET", new_secret());
    let scene = Scene::start(db, setting).await;
    let jira = &scene.world.jira;
    scene.forge().await;
    let people = scene.crowd(NEW, 5);
    let person = |number: usize| scene.person(NEW, &people[number].0);
    // Somebody with a link, somebody who was disconnected and whose property is still to be deleted, somebody with an
    // attempt, somebody whose attempt was cancelled, and somebody who has just clicked.
    person(0).link(&people[0].1).await;
    person(1).link(&people[1].1).await;
    person(1).recorded().await;
    jira.fault(jira::Fault::status(500).on_property("DELETE"));
    person(1).disconnect().await;
    person(2).begin().await;
    let begun = person(3).begin().await;
    person(3).cancel(&begun.id, &begun.cookie).await.is(303);
    person(4).ticket().await.is(200);
    // An admin has decided something.
    let mia = scene.person(NEW, MIA).call(Method::PUT, "/api/admin/site");
    let decides = mia.json(&json!({"customers": "deny", "groups": []}));
    scene.send(decides).await.is(200);
    // However long this takes, a ticket is there.
    scene
        .execute("update ticket set expires_at = expires_at + 3600")
        .await;
    // In each table, somebody whom no other table names.
    let mut database = Database::open(scene.database_url()).await;
    let columns = database.text_columns().await;
    let columns: Vec<_> = columns
        .iter()
        .filter(|(_, name)| name.ends_with("account_id"))
        .collect();
    assert!(columns.len() >= 9, "{columns:?}");
    let mut expected = BTreeSet::new();
    for (table, column) in columns {
        let alone = match column.as_str() {
            "account_id" => format!("only-in-{}", table.replace('_', "-")),
            column => format!("only-in-{table}-{column}").replace('_', "-"),
        };
        let one = format!("select max({column}), '' from {table}");
        let (one, _) = database.pairs(&one).await.remove(0);
        let rename = format!("update {table} set {column} = '{alone}' where {column} = '{one}'");
        assert!(database.execute(&rename).await > 0, "nobody is in {table}");
        expected.insert(alone);
    }
    database.close().await;
    for account in &expected {
        jira.close_account(account);
    }
    scene.due(NEW).await;
    scene.report().await;
    let reported = named(&scene.reports_of(NEW));
    let missing: Vec<_> = expected
        .iter()
        .filter(|account| !reported.contains_key(*account))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not reported");
    // The deletion in Jira is tried, and is all that keeps the account.
    assert_eq!(
        scene.places_of("only-in-cleanup").await,
        ["cleanup.account_id"]
    );
    jira.clear_faults();
    scene.advance(3600);
    scene.no_work_left().await;
    for account in &expected {
        assert_eq!(scene.places_of(account).await, [""; 0]);
    }
    scene.close().await;
}

async fn a_closed_account_is_erased_and_its_key_stops_working(db: Db) {
    let scene = start(db).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let people = scene.crowd("acme", 3);
    let (account, subject) = people[0].clone();
    let closed = scene.person("acme", &account);
    closed.link(&subject).await;
    closed.recorded().await;
    let key = closed.key();
    assert_eq!(service.ledger().opens_api(&key), Some(subject.as_str()));
    // Somebody else uses the same account at the service: what could end their grant waits for them.
    let other = scene.person("acme", &people[1].0);
    other.link(&subject).await;
    other.recorded().await;
    let stays = scene.person("acme", &people[2].0);
    stays.link(&people[2].1).await;
    stays.recorded().await;
    closed.begin().await;
    jira.close_account(&account);
    scene.due("acme").await;
    scene.report().await;
    scene.no_work_left().await;
    for gone in [account.as_str(), "Person 1"] {
        let places = scene.places_of(gone).await;
        // The other one's link names the account at the service.
        let places: Vec<_> = places
            .iter()
            .filter(|place| *place != "link.display_name")
            .collect();
        assert_eq!(places, [""; 0], "{gone}");
    }
    assert_eq!(closed.property(), None);
    assert_eq!(service.ledger().opens_api(&key), None, "it works no more");
    assert_eq!(closed.state().await, "unlinked");
    assert_eq!(
        service.ledger().opens_api(&other.key()),
        Some(subject.as_str())
    );
    let held = "select count(*) from cleanup where account_id like 'erased:%' \
        and held_for_subject is not null";
    assert_eq!(scene.count(held).await, 1, "what is left names nobody");
    other.renewed().await;
    stays.renewed().await;
    // When the other one goes, so does the rest.
    other.disconnect().await;
    stays.disconnect().await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    assert_eq!(scene.world.jira.account_reports("acme").len(), 1);
    scene.end().await;
}

async fn a_closed_account_is_erased_by_the_word_about_each_site(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (here, there) = (scene.person("acme", OMAR), scene.person("globex", OMAR));
    for person in [&here, &there] {
        person.link("u-100").await;
        person.recorded().await;
    }
    jira.close_account(OMAR);
    scene.due("acme").await;
    scene.report().await;
    scene.no_work_left().await;
    assert_eq!(here.property(), None);
    assert!(here.stored_link().await.is_none());
    assert!(
        there.stored_link().await.is_some(),
        "nobody has said so there"
    );
    let known = format!("select count(*) from person where account_id = '{OMAR}'");
    assert_eq!(scene.count(&known).await, 1);
    let key = there.key();
    assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
    scene.due("globex").await;
    scene.report().await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    assert_eq!(scene.places_of(OMAR).await, [""; 0]);
    scene.end().await;
}

async fn a_changed_name_is_read_again(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200")] {
        scene.person("acme", account).link(subject).await;
        scene.person("acme", account).recorded().await;
    }
    let rename = |account: &'static str, name: &'static str| {
        jira.edit_site("acme", |site| {
            let person = site.people.get_mut(account).expect("they are there");
            name.clone_into(&mut person.display_name);
        });
        jira.change_account(account);
    };
    scene.advance(10);
    rename(OMAR, "Omar Nasser");
    // Jira is busy at first.
    let busy = jira::Fault::rate_limited(Some("jira-burst-based"), Some("30"));
    jira.fault(busy.on("GET", "/rest/api/3/user").times(1));
    scene.due("acme").await;
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "waits");
    assert_eq!(
        scene.places_of("Omar Haddad").await,
        ["person.display_name"]
    );
    scene.advance(31);
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "");
    assert_eq!(scene.places_of("Omar Haddad").await, [""; 0]);
    assert_eq!(
        scene.places_of("Omar Nasser").await,
        ["person.display_name"]
    );
    assert_eq!(scene.places_of("Mia Chen").await, ["person.display_name"]);
    // It is told when they were read, so that nobody is read twice for one change.
    let looks = jira.calls_to("GET", "/rest/api/3/user").len();
    scene.due("acme").await;
    scene.report().await;
    assert_eq!(jira.calls_to("GET", "/rest/api/3/user").len(), looks);
    // A name that Jira does not give is forgotten.
    scene.advance(10);
    rename(OMAR, "Omar Nasser");
    jira.remove_person("acme", OMAR);
    scene.due("acme").await;
    scene.report().await;
    assert_eq!(scene.places_of("Omar Nasser").await, [""; 0]);
    assert_eq!(scene.person("acme", OMAR).state().await, "linked");
    scene.end().await;
}

async fn only_accounts_that_were_reported_are_erased(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let mia = scene.person("acme", MIA);
    mia.link("u-200").await;
    mia.recorded().await;
    // So many that she is in a later report.
    scene.known("acme", "1-kept-", 100).await;
    let body = format!(
        r#"{{"accounts": [{{"accountId": "{MIA}", "status": "closed"}},
            {{"accountId": "1-kept-1", "status": "closed or not"}}]}}"#
    );
    let answer = FaultKind::Status {
        code: 200,
        headers: Vec::new(),
        body,
    };
    jira.fault(jira::Fault::new(answer).on("POST", BY_CONNECT).times(1));
    scene.due("acme").await;
    scene.report().await;
    let reports = scene.reports_of("acme");
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(named(&reports).contains_key(MIA));
    assert_eq!(mia.state().await, "linked");
    assert_eq!(scene.places_of("1-kept-1").await, ["person.account_id"]);
    mia.renewed().await;
    scene.end().await;
}

async fn a_wait_that_atlassian_asks_for_is_kept(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let path = BY_CONNECT;
    let calls = || scene.calls_to_report(path);
    for (number, (fault, wait)) in [
        (jira::Fault::rate_limited(None, Some("7200")), 7200),
        (
            jira::Fault::rate_limited(Some("jira-burst-based"), Some("600")),
            600,
        ),
        (
            jira::Fault::new(FaultKind::Status {
                code: 503,
                headers: vec![("retry-after".to_owned(), "4000".to_owned())],
                body: String::new(),
            }),
            4000,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        jira.fault(fault.on("POST", path).times(1));
        scene.due("acme").await;
        scene.report().await;
        assert_eq!(calls(), 2 * number + 1);
        assert_eq!(scene.trouble("acme").await, "waits");
        // The keys have nothing to do with it.
        omar.renewed().await;
        scene.advance(wait - 300);
        scene.report().await;
        assert_eq!(calls(), 2 * number + 1, "it waits for {wait} s");
        scene.advance(301);
        scene.report().await;
        assert_eq!(calls(), 2 * number + 2);
        assert_eq!(scene.trouble("acme").await, "");
    }
    // A quota is about every call.
    let quota = jira::Fault::rate_limited(Some("jira-quota-tenant-based"), Some("60"));
    jira.fault(quota.on("POST", path).times(1));
    scene.due("acme").await;
    scene.report().await;
    let parked = format!(
        "select count(*) from tenant where wait_reason = 'tenant_quota' and wait_until > {}",
        scene.clock.now()
    );
    assert_eq!(scene.count(&parked).await, 1);
    scene.advance(61);
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "");
    scene.end().await;
}

async fn by_forge_a_refusal_is_told_and_costs_no_key(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.forge().await;
    jira.refuse_forge_reports(true);
    a_refusal(&scene, NEW, BY_FORGE, |refuses| {
        jira.refuse_forge_reports(refuses)
    })
    .await;
    // Without a system token there is no report, and it is looked again soon.
    scene.advance(5 * 3600);
    scene.due(NEW).await;
    let calls = scene.calls_to_report(BY_FORGE);
    scene.report().await;
    assert_eq!(scene.trouble(NEW).await, "no_system_token");
    assert_eq!(scene.calls_to_report(BY_FORGE), calls);
    scene.advance(3601);
    assert_eq!(jira.tick(NEW).await.status, 204);
    scene.report().await;
    assert_eq!(scene.trouble(NEW).await, "");
    assert_eq!(scene.calls_to_report(BY_FORGE), calls + 1);
    scene.end().await;
}

async fn by_connect_a_refusal_is_told_and_costs_no_key(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    for code in [401, 403, 404] {
        let refuses = |refuses| match refuses {
            true => jira.fault(jira::Fault::status(code).on("POST", BY_CONNECT)),
            false => jira.clear_faults(),
        };
        refuses(true);
        a_refusal(&scene, "acme", BY_CONNECT, refuses).await;
    }
    // An answer that says nothing is told in the same way.
    jira.fault(
        jira::Fault::new(FaultKind::Html200)
            .on("POST", BY_CONNECT)
            .times(1),
    );
    scene.due("acme").await;
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "not_understood");
    jira.fault(
        jira::Fault::new(FaultKind::CutBefore)
            .on("POST", BY_CONNECT)
            .times(1),
    );
    scene.due("acme").await;
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "no_answer");
    scene.advance(3601);
    scene.report().await;
    assert_eq!(scene.trouble("acme").await, "");
    scene.end().await;
}

/// Atlassian refuses reports from this site, until it is told otherwise.
async fn a_refusal(scene: &Scene, site: &'static str, path: &str, refuses: impl Fn(bool)) {
    let jira = &scene.world.jira;
    let omar = scene.person(site, OMAR);
    if omar.stored_link().await.is_none() {
        omar.link("u-100").await;
    }
    omar.recorded().await;
    let calls = scene.calls_to_report(path);
    scene.due(site).await;
    scene.report().await;
    assert_eq!(scene.calls_to_report(path), calls + 1);
    assert_eq!(scene.trouble(site).await, "refused");
    let line = [
        "the accounts of a tenant could not be reported".to_owned(),
        format!("tenant={}", scene.client_key(site)),
        "trouble=\"refused\"".to_owned(),
    ];
    assert!(!scene.log.lines_with(&line).is_empty());
    let figure = "latchkey_tenants_unreported{reason=\"refused\"} 1";
    assert!(scene.metrics().await.contains(figure));
    // Nothing else at the tenant is kept waiting, and its next key comes.
    let parked = format!(
        "select count(*) from tenant where wait_until > {now} or put_wait_until > {now}",
        now = scene.clock.now()
    );
    assert_eq!(scene.count(&parked).await, 0);
    omar.renewed().await;
    // It is tried again the next day, and not before.
    scene.advance(23 * 3600);
    scene.report().await;
    assert_eq!(scene.calls_to_report(path), calls + 1);
    refuses(false);
    scene.advance(3600 + 60);
    if jira.has_forge(site) {
        assert_eq!(jira.tick(site).await.status, 204);
    }
    scene.report().await;
    assert_eq!(scene.calls_to_report(path), calls + 2);
    assert_eq!(scene.trouble(site).await, "");
}

async fn a_cycle_goes_on_where_it_was_interrupted(db: Db) {
    let mut scene = start(db).await;
    scene.known("acme", "557058:kept-", 200).await;
    {
        let jira = &scene.world.jira;
        // The answer to the second report does not come.
        let none = FaultKind::Delay(Duration::ZERO);
        jira.fault(jira::Fault::new(none).on("POST", BY_CONNECT).times(1));
        let held = jira::Fault::new(FaultKind::AnswerHeld).on("POST", BY_CONNECT);
        jira.fault(held.times(1));
    }
    let second = scene.app_of_another().await;
    scene.due("acme").await;
    let parts = scene.app().parts.clone();
    let reporting = tokio::spawn(async move { reporting::run_due(&parts).await });
    eventually("the second report is under way", async || {
        (scene.world.jira.held() == 1).then_some(())
    })
    .await;
    // Another replica leaves the tenant alone.
    if let Some(second) = second {
        reporting::run_due(&second.parts)
            .await
            .expect("the database answers");
        second.parts.store.close().await;
    }
    assert_eq!(scene.calls_to_report(BY_CONNECT), 2);
    // This process ends in the middle of it.
    reporting.abort();
    let _ = reporting.await;
    scene.restart().await;
    scene.world.jira.lose_held();
    scene.report_is_claimed().await;
    scene.advance(121);
    scene.report().await;
    let reports = scene.reports_of("acme");
    let sizes: Vec<usize> = reports.iter().map(|report| report.accounts.len()).collect();
    // The second one is made again, because nobody knows what was answered.
    assert_eq!(sizes, [90, 90, 90, 20]);
    assert_eq!(reports[1].accounts, reports[2].accounts);
    assert_eq!(named(&reports).len(), 200);
    let done = "select reported from account_report where reported_at is not null";
    assert_eq!(scene.count(done).await, 200);
    scene.end().await;
}

impl Scene {
    /// A second replica, where the database allows one.
    async fn app_of_another(&self) -> Option<std::sync::Arc<latchkey::App>> {
        match self.database_url().starts_with("postgres") {
            true => Some(self.app_of_its_own().await),
            false => None,
        }
    }

    /// Whoever has a tenant's cycle keeps it until the lease ends.
    async fn report_is_claimed(&self) {
        let calls = self.calls_to_report(BY_CONNECT);
        let parts = &self.app().parts;
        reporting::run_due(parts)
            .await
            .expect("the database answers");
        assert_eq!(self.calls_to_report(BY_CONNECT), calls);
    }
}

async fn an_app_that_is_gone_or_disabled_reports_nothing(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    for site in ["acme", "globex"] {
        let omar = scene.person(site, OMAR);
        omar.link("u-100").await;
        omar.recorded().await;
    }
    jira.disable("acme").await.expect("it is disabled");
    jira.uninstall("globex").await.expect("it is uninstalled");
    scene.advance(8 * DAY);
    scene.report().await;
    assert_eq!(scene.calls_to_report(BY_CONNECT), 0);
    assert_eq!(scene.trouble("acme").await, "disabled");
    let rows = format!(
        "select count(*) from account_report where client_key = '{}'",
        scene.client_key("globex")
    );
    assert_eq!(scene.count(&rows).await, 0);
    jira.enable("acme").await.expect("it is enabled");
    scene.advance(DAY + 60);
    scene.report().await;
    assert_eq!(scene.calls_to_report(BY_CONNECT), 1);
    // One that comes back begins again.
    let descriptor = scene.address("/atlassian-connect.json");
    jira.install("globex", &descriptor)
        .await
        .expect("it is installed");
    assert_eq!(scene.count(&rows).await, 1);
    scene.no_work_left().await;
    scene.end().await;
}

async fn the_operator_sees_reports_and_makes_them(db: Db) {
    let mut scene = start(db).await;
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200")] {
        scene.person("acme", account).link(subject).await;
        scene.person("acme", account).recorded().await;
    }
    let settings = scene.settings().to_vec();
    let said = Latchkey::run(&["accounts", "report"], &settings).await;
    assert_eq!(said.status.code(), Some(0), "{}", said.stdout);
    let acme = |stdout: &str| {
        let site = scene_site(stdout, "http://acme.localhost");
        site.unwrap_or_else(|| panic!("acme is not there:\n{stdout}"))
    };
    let line = acme(&said.stdout);
    assert!(
        line.contains("by Connect: 2 accounts stored; not reported yet; due 20"),
        "{line}"
    );
    assert!(
        said.stdout.ends_with("2 tenants, 0 of them in trouble\n"),
        "{}",
        said.stdout
    );
    assert_eq!(said.stderr, "");
    assert_eq!(scene.calls_to_report(BY_CONNECT), 0);

    // Beside a server: the one makes the reports, or the other.
    scene.world.jira.close_account(OMAR);
    let asked = make_reports(&settings);
    let server = async {
        loop {
            let parts = &scene.app().parts;
            reporting::run_due(parts)
                .await
                .expect("the database answers");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let said = tokio::select! {
        said = asked => said,
        () = server => unreachable!("it never ends"),
    };
    assert_eq!(
        said.status.code(),
        Some(0),
        "{}\n{}",
        said.stdout,
        said.stderr
    );
    let line = acme(&said.stdout);
    assert!(line.contains("; last reported 20"), "{line}");
    assert!(line.contains("(2); due 20"), "{line}");
    assert_eq!(scene.reports_of("acme").len(), 1);
    scene.no_work_left().await;
    assert_eq!(scene.places_of(OMAR).await, [""; 0]);

    // Without a server it makes them itself, and what follows from them. Trouble is told.
    let address = scene.stop().await;
    scene.world.jira.close_account(MIA);
    let said = make_reports(&settings).await;
    assert_eq!(
        said.status.code(),
        Some(0),
        "{}\n{}",
        said.stdout,
        said.stderr
    );
    assert_eq!(scene.reports_of("acme").len(), 2);
    assert_eq!(scene.places_of(MIA).await, [""; 0]);
    assert!(scene.world.service.ledger().live_grants().is_empty());
    scene.known("acme", "557058:kept-", 1).await;
    let refused = jira::Fault::status(403).on("POST", BY_CONNECT);
    scene.world.jira.fault(refused);
    let said = make_reports(&settings).await;
    assert_eq!(
        said.status.code(),
        Some(1),
        "{}\n{}",
        said.stdout,
        said.stderr
    );
    let line = acme(&said.stdout);
    assert!(line.contains("; refused 20"), "{line}");
    assert!(line.contains("Atlassian refuses the report"), "{line}");
    assert!(
        said.stdout.ends_with("2 tenants, 1 of them in trouble\n"),
        "{}",
        said.stdout
    );
    let doctor = Latchkey::run(&["doctor"], &settings).await;
    let finding = doctor
        .stdout
        .lines()
        .find(|line| line.starts_with("! accounts "));
    let finding = finding.unwrap_or_else(|| panic!("{}", doctor.stdout));
    assert!(
        finding.contains("of 1 tenants are not reported for now"),
        "{finding}"
    );
    let secrets = scene.secrets();
    for words in [&said.stdout, &said.stderr, &doctor.stdout] {
        crate::logs::assert_free_of_secrets("what was said", words.as_bytes(), &secrets);
    }
    scene.world.jira.clear_faults();
    scene.start_again(address).await;
    scene.end().await;
}

/// `latchkey accounts report --now`, which waits for a server that has the file.
async fn make_reports(settings: &Settings) -> Finished {
    Run::start(&["accounts", "report", "--now"], settings)
        .finish(Duration::from_secs(120))
        .await
}

fn scene_site(stdout: &str, start: &str) -> Option<String> {
    let mut lines = stdout.lines();
    lines
        .find(|line| line.starts_with(start))
        .map(str::to_owned)
}
