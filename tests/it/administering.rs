//! Stories of the admins of a site: they see who is connected, end it, decide who may connect, and read what happened;
//! and nobody else does (T35).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use latchkey::reporting;

use crate::database::Database;
use crate::on_both_databases;
use crate::scene::{Answer, Db, FORGE_SITE, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, Caller, Fault, FaultKind, LEE, MIA, OMAR, Overrides, PAT};

on_both_databases!(
    t35_by_connect_nobody_but_an_admin_gets_anything,
    t35_by_forge_nobody_but_an_admin_gets_anything,
    t35_by_connect_an_admin_of_one_site_names_a_link_of_another,
    t35_by_forge_an_admin_of_one_site_names_a_link_of_another,
    t35_who_loses_the_right_has_lost_it_at_the_next_call,
    t35_while_jira_cannot_be_asked_nobody_is_an_admin,
    t35_jira_is_asked_as_the_person_where_the_app_may_not_ask,
    t35_a_question_about_an_admin_keeps_no_renewal_waiting,
    by_connect_an_admin_sees_who_is_connected_and_ends_one,
    by_forge_an_admin_sees_who_is_connected_and_ends_one,
    an_admin_finds_people_and_turns_pages,
    an_admin_reads_what_keeps_a_key_from_being_renewed,
    an_admin_ends_everything,
    an_admin_ends_what_belongs_to_people_who_have_left,
    an_admin_ends_the_link_they_see_and_no_newer_one,
    an_admin_decides_that_portal_customers_stay_out,
    an_admin_decides_which_groups_may_connect,
    what_happens_at_a_site_is_written_down,
    a_move_to_forge_is_written_down_and_keeps_what_was_decided,
    what_happened_is_exported,
    what_happened_is_kept_for_some_time,
    what_happened_goes_with_the_app,
    a_closed_account_is_erased_from_what_happened,
    a_link_that_does_not_open_names_nobody,
    an_admin_reads_how_the_app_is,
);

const DAY: i64 = 24 * 3600;
/// Every route of the admin page, with a body where it takes one.
const ROUTES: [(&str, &str); 9] = [
    ("GET", "/api/admin/site"),
    ("PUT", "/api/admin/site"),
    ("GET", "/api/admin/links"),
    ("GET", "/api/admin/links?q=Robin"),
    ("DELETE", "/api/admin/links?all=true"),
    ("DELETE", "/api/admin/links/{id}"),
    ("GET", "/api/admin/left"),
    ("DELETE", "/api/admin/left"),
    ("GET", "/api/admin/events"),
];

async fn start(db: Db) -> Scene {
    start_with(db, Setting::keys_live(90 * DAY.unsigned_abs())).await
}

async fn start_with(db: Db, setting: Setting) -> Scene {
    Scene::start(db, setting).await
}

impl Person<'_> {
    async fn asks(&self, method: &str, path: &str) -> Answer {
        let method: Method = method.parse().expect("a method");
        let mut call = self.call(method.clone(), path);
        if method == Method::PUT {
            call = call.json(&json!({"customers": "deny", "groups": ["a"]}));
        }
        self.scene.send(call).await
    }

    async fn sees(&self, path: &str) -> Value {
        self.asks("GET", path).await.is(200).json()
    }

    /// The links that an admin sees.
    async fn links(&self, query: &str) -> Vec<Value> {
        let page = self.sees(&format!("/api/admin/links{query}")).await;
        page["links"].as_array().expect("a list").clone()
    }

    async fn link_id_of(&self, account: &str) -> String {
        let links = self.links("").await;
        let link = links.iter().find(|link| link["accountId"] == account);
        let id =
            link.unwrap_or_else(|| panic!("{account} is not connected: {links:?}"))["id"].as_str();
        id.expect("it has an id").to_owned()
    }

    /// What an admin reads, the newest first: what, of whom, by whom.
    async fn happened(&self) -> Vec<(String, String, String)> {
        let page = self.sees("/api/admin/events").await;
        let events = page["events"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events
            .map(|event| {
                (
                    text(&event["event"]),
                    text(&event["accountId"]),
                    text(&event["by"]),
                )
            })
            .collect()
    }

    async fn decides(&self, customers: &str, groups: &[&str]) -> Answer {
        let wish = json!({"customers": customers, "groups": groups});
        let call = self.call(Method::PUT, "/api/admin/site").json(&wish);
        self.scene.send(call).await
    }
}

fn is(what: &str, whom: &str, by: &str) -> (String, String, String) {
    (what.to_owned(), whom.to_owned(), by.to_owned())
}

/// So many links of a site, written beside the product: they are seen and ended, and hold no tokens that open.
pub async fn seed(scene: &Scene, site: &str, links: i64) {
    let (client_key, now) = (scene.client_key(site), scene.clock.now());
    let number = "substr('000000' || cast(i as text), length(cast(i as text)) + 1)";
    let seed = format!(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < {links}) \
         insert into link (id, client_key, installation, account_id, subject, display_name, state, generation, \
         credential, published_generation, published_expires_at, published_at, put_again, due_at, failures, claims, \
         unsettled, created_at, first_end) \
         select 'seed-' || {number}, '{client_key}', (select installation from tenant where client_key = '{client_key}'), \
         '712020:seed-' || {number}, 'u-seed-' || {number}, 'Seed ' || {number}, 'live', 1, 'nothing', 1, {now} + 900000, \
         {now}, 0, {now} + 900000, 0, 0, false, {now} - 1000000 + i, {now} + 900000 from n"
    );
    scene.execute(&seed).await;
}

// --- T35 ---

async fn t35_by_connect_nobody_but_an_admin_gets_anything(db: Db) {
    let scene = start_with(db, Setting::default().with("LATCHKEY_CUSTOMERS", "allow")).await;
    nobody_but_an_admin(&scene, "acme").await;
    scene.end().await;
}

async fn t35_by_forge_nobody_but_an_admin_gets_anything(db: Db) {
    let scene = start_with(db, Setting::default().with("LATCHKEY_CUSTOMERS", "allow")).await;
    scene.with_forge(FORGE_SITE).await;
    nobody_but_an_admin(&scene, FORGE_SITE).await;
    scene.end().await;
}

async fn nobody_but_an_admin(scene: &Scene, site: &'static str) {
    let jira = &scene.world.jira;
    // An admin whose account was deactivated is none, and neither is one of another site.
    jira.add_person(
        site,
        jira::Person::new("5bformer", "Former").admin().inactive(),
    );
    jira.add_person("globex", jira::Person::new("5bthere", "There").admin());
    jira.add_person(site, jira::Person::new("5bthere", "There"));
    let (mia, omar) = (scene.person(site, MIA), scene.person(site, OMAR));
    mia.link("u-200").await;
    mia.recorded().await;
    let id = mia.link_id_of(MIA).await;
    let before = mia.sees("/api/admin/site").await;
    let asked = jira.calls_to("POST", "/rest/api/3/permissions/check").len();
    let mut refused = 0;
    for account in [OMAR, PAT, LEE, "5bformer", "5bthere", "5bnobody"] {
        let person = scene.person(site, account);
        for (method, path) in ROUTES {
            let answer = person.asks(method, &path.replace("{id}", &id)).await;
            let problem = person.refused(&answer, 403, "not-admin");
            assert_eq!(
                problem["title"], "Only Jira admins can use this page",
                "{method} {path}"
            );
            assert!(
                !answer.text.contains("u-200") && !answer.text.contains("Sam"),
                "{}",
                answer.text
            );
            refused += 1;
        }
        // Whatever they are, they make no more than a person's calls of Jira.
        scene.advance(30);
    }
    let asked = jira.calls_to("POST", "/rest/api/3/permissions/check").len() - asked;
    assert_eq!(asked, refused, "Jira is asked for each call");
    assert_eq!(mia.sees("/api/admin/site").await, before);
    assert_eq!(mia.state().await, "linked");
    assert_eq!(omar.state().await, "unlinked");
    let fields = [("tenant", &*scene.client_key(site)), ("account", OMAR)];
    scene
        .has_recorded(("not_admin", ""), refused as u64, &fields)
        .await;
    // It is the same person with the right who may.
    jira.edit_site(site, |site| {
        site.people.get_mut(OMAR).expect("there").admin = true
    });
    omar.sees("/api/admin/links").await;
    mia.disconnect().await;
}

async fn t35_by_connect_an_admin_of_one_site_names_a_link_of_another(db: Db) {
    let scene = start(db).await;
    names_a_link_of_another(&scene, "acme", "globex").await;
    scene.end().await;
}

async fn t35_by_forge_an_admin_of_one_site_names_a_link_of_another(db: Db) {
    let scene = start(db).await;
    scene.with_forge(FORGE_SITE).await;
    names_a_link_of_another(&scene, FORGE_SITE, "globex").await;
    scene.end().await;
}

/// Mia is an admin of both.
async fn names_a_link_of_another(scene: &Scene, here: &'static str, there: &'static str) {
    let (mine, theirs) = (scene.person(here, MIA), scene.person(there, MIA));
    let (omar, omar_there) = (scene.person(here, OMAR), scene.person(there, OMAR));
    omar.link("u-100").await;
    omar_there.link("u-200").await;
    let id = theirs.link_id_of(OMAR).await;
    for other in [id.as_str(), "nobodys", "%00", "a%2Fb"] {
        let answer = mine
            .asks("DELETE", &format!("/api/admin/links/{other}"))
            .await;
        mine.refused(&answer, 404, "not-found");
    }
    for query in ["", "?q=Sam", "?q=u-200", &format!("?q={id}")] {
        for link in mine.links(query).await {
            assert_eq!(link["subject"], "u-100", "{query}");
        }
    }
    let (ended, left) = (
        mine.asks("DELETE", "/api/admin/links?all=true")
            .await
            .is(200)
            .json(),
        mine.asks("DELETE", "/api/admin/left").await.is(200).json(),
    );
    assert_eq!((&ended["ended"], &left["checked"]), (&json!(1), &json!(0)));
    assert_eq!(omar.state().await, "unlinked");
    assert_eq!(omar_there.state().await, "linked");
    // Neither site reads of the other, and what is decided here counts here.
    let ours = mine.happened().await;
    assert_eq!(
        ours,
        [
            is("disconnected", OMAR, "admin"),
            is("connected", OMAR, "person")
        ]
    );
    assert_eq!(theirs.happened().await, [is("connected", OMAR, "person")]);
    mine.decides("deny", &["nobody-is-in-it"]).await.is(200);
    assert_eq!(theirs.sees("/api/admin/site").await["groups"], json!([]));
    theirs
        .asks("DELETE", &format!("/api/admin/links/{id}"))
        .await
        .is(204);
    assert_eq!(omar_there.state().await, "unlinked");
}

async fn t35_who_loses_the_right_has_lost_it_at_the_next_call(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let mia = scene.person("acme", MIA);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let id = mia.link_id_of(OMAR).await;
    let token = mia.token();
    jira.edit_site("acme", |site| {
        site.people.get_mut(MIA).expect("there").admin = false
    });
    // The same token, still good, of somebody who was one a moment ago.
    let path = format!("/api/admin/links/{id}");
    let call = scene.http.delete(scene.address(&path));
    let call = call.header("authorization", format!("JWT {token}"));
    scene.send(call).await.is_problem(403, "not-admin");
    assert_eq!(omar.state().await, "linked");
    jira.edit_site("acme", |site| {
        site.people.get_mut(MIA).expect("there").admin = true
    });
    mia.asks("DELETE", &path).await.is(204);
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

async fn t35_while_jira_cannot_be_asked_nobody_is_an_admin(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let mia = scene.person("acme", MIA);
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let id = mia.link_id_of(OMAR).await;
    let granted = |body: &str| {
        Fault::new(FaultKind::Status {
            code: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_owned(),
        })
    };
    let lists = r#"{"errorMessages":["The IP address has been rejected because it is not on the allowed list."],"errors":{}}"#;
    let kept_out = Fault::new(FaultKind::Status {
        code: 403,
        headers: Vec::new(),
        body: lists.to_owned(),
    });
    for (fault, status, code) in [
        (Fault::status(500), 503, "jira-unreachable"),
        (Fault::new(FaultKind::CutBefore), 503, "jira-unreachable"),
        (Fault::new(FaultKind::Html200), 503, "jira-unreachable"),
        (granted("{}"), 503, "jira-unreachable"),
        (
            granted(r#"{"globalPermissions":"ADMINISTER"}"#),
            503,
            "jira-unreachable",
        ),
        (Fault::rate_limited(None, Some("30")), 503, "jira-busy"),
        (kept_out, 502, "ip-allowlist"),
    ] {
        jira.fault(fault.at("acme").on("POST", "/rest/api/3/permissions/check"));
        for (method, path) in ROUTES {
            let answer = mia.asks(method, &path.replace("{id}", &id)).await;
            answer.is_problem(status, code);
            assert!(!answer.text.contains("Robin"), "{}", answer.text);
        }
        jira.clear_faults();
        scene.advance(60);
    }
    // Neither is a 401, which the app is told to sign again for, or a wait of the whole site.
    jira.fault(
        Fault::status(401)
            .at("acme")
            .on("POST", "/rest/api/3/permissions/check"),
    );
    mia.asks("DELETE", &format!("/api/admin/links/{id}"))
        .await
        .is_problem(503, "jira-unreachable");
    jira.clear_faults();
    assert_eq!(omar.state().await, "linked");
    assert_eq!(mia.sees("/api/admin/links").await["total"], 1);
    omar.disconnect().await;
    scene.end().await;
}

async fn t35_jira_is_asked_as_the_person_where_the_app_may_not_ask(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    for site in ["acme", FORGE_SITE] {
        jira.set_app_is_admin(site, false);
        let (mia, omar) = (scene.person(site, MIA), scene.person(site, OMAR));
        mia.sees("/api/admin/links").await;
        let asked = jira.calls_to("POST", "/rest/api/3/permissions/check");
        let last = asked.last().expect("it was asked").caller.clone();
        assert_eq!(last, Some(Caller::AsUser(MIA.to_owned())), "{site}");
        let answer = omar.asks("GET", "/api/admin/links").await;
        omar.refused(&answer, 403, "not-admin");
    }
    // Where the app may act as nobody either, nobody is an admin: it is Jira's word that is missing.
    jira.edit_site(FORGE_SITE, |site| {
        site.forge.as_mut().expect("there").may_act = false
    });
    scene.advance(3600);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    let mia = scene.person(FORGE_SITE, MIA);
    let answer = mia.asks("GET", "/api/admin/links").await;
    mia.refused(&answer, 403, "not-admin");
    scene.end().await;
}

async fn t35_a_question_about_an_admin_keeps_no_renewal_waiting(db: Db) {
    let scene = start_with(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.recorded().await;
    // Anybody can bring these about, and each would keep the whole site waiting for a write.
    for fault in [Fault::status(401), Fault::status(404), Fault::status(403)] {
        jira.fault(fault.at("acme").on("POST", "/rest/api/3/permissions/check"));
        let answer = mia.asks("GET", "/api/admin/links").await;
        assert!(!answer.status.is_success());
        jira.clear_faults();
        omar.renewed().await;
        scene.advance(10);
    }
    // Too many such calls in a moment keep reads waiting, and no write.
    jira.fault(
        Fault::rate_limited(Some("jira-burst-based"), Some("600"))
            .at("acme")
            .on("POST", "/rest/api/3/permissions/check")
            .times(1),
    );
    mia.asks("GET", "/api/admin/links")
        .await
        .is_problem(503, "jira-busy");
    omar.renewed().await;
    omar.disconnect().await;
    scene.end().await;
}

// --- links ---

async fn by_connect_an_admin_sees_who_is_connected_and_ends_one(db: Db) {
    let scene = start(db).await;
    sees_and_ends_one(&scene, "acme").await;
    scene.end().await;
}

async fn by_forge_an_admin_sees_who_is_connected_and_ends_one(db: Db) {
    let scene = start(db).await;
    scene.with_forge(FORGE_SITE).await;
    sees_and_ends_one(&scene, FORGE_SITE).await;
    scene.end().await;
}

async fn sees_and_ends_one(scene: &Scene, site: &'static str) {
    let (mia, omar) = (scene.person(site, MIA), scene.person(site, OMAR));
    let nobody = mia.sees("/api/admin/links").await;
    assert_eq!(
        nobody,
        json!({"service": "Acme Drive", "total": 0, "links": []})
    );
    omar.link("u-100").await;
    let generation = omar.recorded().await;
    let page = mia.sees("/api/admin/links").await;
    assert_eq!(page["total"], 1);
    let link = &page["links"][0];
    for (field, value) in [
        ("accountId", OMAR),
        ("name", "Omar Haddad"),
        ("subject", "u-100"),
        ("displayName", "Robin Park"),
        ("state", "linked"),
    ] {
        assert_eq!(link[field], value, "{field}");
    }
    assert_eq!(link["generation"], generation);
    assert_eq!(link["validUntil"], omar.status().await["expiresAt"]);
    assert!(
        link["since"]
            .as_str()
            .is_some_and(|since| since.starts_with("20")),
        "{link}"
    );
    assert_eq!(link.get("trouble"), None);
    // Nothing of it is a secret.
    for secret in ["apiKey", &omar.key(), "credential"] {
        assert!(!page.to_string().contains(secret), "{page}");
    }
    let key = omar.key();
    let path = format!("/api/admin/links/{}", link["id"].as_str().expect("an id"));
    let ended = mia.asks("DELETE", &path).await.is(204);
    assert_eq!(ended.headers["latchkey-left"], "nothing");
    assert_eq!(omar.property(), None);
    assert_eq!(omar.state().await, "unlinked");
    assert_eq!(scene.world.service.ledger().opens_api(&key), None);
    scene.nothing_left().await;
    // It was there once.
    let again = mia.asks("DELETE", &path).await;
    mia.refused(&again, 404, "not-found");
    let events = mia.sees("/api/admin/events").await;
    let event = &events["events"][0];
    assert_eq!(event["words"], "Disconnected by an admin.");
    assert_eq!(
        (&event["accountId"], &event["byAccountId"]),
        (&json!(OMAR), &json!(MIA))
    );
    assert_eq!(
        (&event["name"], event["by"].as_str()),
        (&json!("Omar Haddad"), Some("admin"))
    );
    assert_eq!(event["byName"], "Mia Chen");
    // They may connect again.
    omar.link("u-100").await;
    omar.disconnect().await;
}

async fn an_admin_finds_people_and_turns_pages(db: Db) {
    let scene = start(db).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    seed(&scene, "acme", 250).await;
    omar.link("u-100").await;
    omar.recorded().await;
    let mut found = Vec::new();
    let (mut pages, mut after) = (0, String::new());
    loop {
        let page = mia.sees(&format!("/api/admin/links?after={after}")).await;
        // The first page has no parameter, and an empty one is none.
        assert_eq!(page["total"], 251);
        let links = page["links"].as_array().expect("a list");
        found.extend(
            links
                .iter()
                .map(|link| link["accountId"].as_str().expect("an id").to_owned()),
        );
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(found.len(), 251);
    assert_eq!(found[0], OMAR, "the newest comes first");
    assert_eq!(found[1], "712020:seed-000250");
    assert_eq!(found[250], "712020:seed-000001");
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), 251);
    // By account id, subject, both names; in whatever case; and no character means more than itself.
    for (sought, count) in [
        ("Omar", 1),
        ("oMAR hADDAD", 1),
        ("robin", 1),
        ("u-100", 1),
        ("6f1c2a7e", 1),
        ("712020%3Aseed-00012", 10),
        ("U-SEED-000250", 1),
        ("%25", 0),
        ("_", 0),
        ("%27", 0),
        ("%5C", 0),
        ("!", 0),
        ("nobody", 0),
    ] {
        let links = mia.links(&format!("?q={sought}")).await;
        assert_eq!(links.len(), count, "{sought}");
    }
    let page = mia.sees("/api/admin/links?q=seed").await;
    let next = page["next"].as_str().expect("there are more");
    assert_eq!(mia.links(&format!("?q=seed&after={next}")).await.len(), 100);
    // By state.
    scene
        .execute("update link set state = 'reconnect', reason = 'revoked' where id = 'seed-000007'")
        .await;
    scene
        .execute("update link set trouble = 'service_away' where id = 'seed-000008'")
        .await;
    scene
        .execute("update link set published_expires_at = 1, first_end = 1 where id = 'seed-000009'")
        .await;
    scene
        .execute("update link set state = 'aside', reason = 'no_outcome' where id = 'seed-000010'")
        .await;
    for (state, count) in [("reconnect", 1), ("trouble", 3), ("linked", 100), ("", 100)] {
        let links = mia.links(&format!("?state={state}")).await;
        assert_eq!(links.len(), count, "{state}");
    }
    let links = async || mia.sees("/api/admin/site").await["links"].clone();
    let counted = json!({"total": 251, "reconnect": 1, "runOut": 1});
    assert_eq!(links().await, counted);
    // What is left of an installation before does not count, whether it has been ended yet or not.
    scene
        .execute("update tenant set draining = true where installed")
        .await;
    assert_eq!(links().await, counted);
    scene
        .execute(
            "update link set installation = installation - 1 \
             where id in ('seed-000007', 'seed-000009', 'seed-000011')",
        )
        .await;
    assert_eq!(
        links().await,
        json!({"total": 248, "reconnect": 0, "runOut": 0})
    );
    let asks = [
        "after=x",
        "after=1",
        "after=.a",
        "state=aside",
        "state=unlinked",
    ];
    let long = format!("q={}", "x".repeat(201));
    for asks in asks.into_iter().chain([long.as_str(), "q=%00"]) {
        let answer = mia.asks("GET", &format!("/api/admin/links?{asks}")).await;
        mia.refused(&answer, 400, "bad-request");
        scene.advance(1);
    }
    scene
        .execute("delete from link where id like 'seed-%'")
        .await;
    omar.disconnect().await;
    scene.end().await;
}

async fn an_admin_reads_what_keeps_a_key_from_being_renewed(db: Db) {
    let scene = start(db).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.recorded().await;
    for (change, state, words) in [
        (
            "state = 'reconnect', reason = 'revoked'",
            "reconnect",
            "Acme Drive ended the connection. The person can",
        ),
        (
            "state = 'aside', reason = 'jira_refuses'",
            "linked",
            "Give the app's user the global permission",
        ),
        (
            "state = 'live', reason = null, trouble = 'app_refused'",
            "linked",
            "Acme Drive refuses the app",
        ),
    ] {
        scene.execute(&format!("update link set {change}")).await;
        let link = mia.links("").await.remove(0);
        assert_eq!(link["state"], state, "{change}");
        let trouble = link["trouble"].as_str().expect("there are words");
        assert!(trouble.contains(words), "{trouble}");
    }
    scene.execute("update link set trouble = null").await;
    assert_eq!(mia.links("").await[0].get("trouble"), None);
    omar.disconnect().await;
    scene.end().await;
}

async fn an_admin_ends_everything(db: Db) {
    let scene = start(db).await;
    let mia = scene.person("acme", MIA);
    let people = scene.crowd("acme", 3);
    for (account, subject) in &people {
        scene.person("acme", account).link(subject).await;
        scene.person("acme", account).recorded().await;
    }
    seed(&scene, "acme", 250).await;
    scene.person("globex", OMAR).link("u-100").await;
    // Neither a wrong word nor an address that lost its id ends anything.
    for path in [
        "/api/admin/links",
        "/api/admin/links?all=",
        "/api/admin/links?all=true&all=true",
        "/api/admin/links/",
    ] {
        let answer = mia.asks("DELETE", path).await;
        assert!(answer.status.is_client_error(), "{path}");
    }
    assert_eq!(mia.sees("/api/admin/links").await["total"], 253);
    let (mut ended, mut requests) = (0, 0);
    loop {
        let answer = mia
            .asks("DELETE", "/api/admin/links?all=true")
            .await
            .is(200)
            .json();
        let now = answer["ended"].as_i64().expect("a number");
        assert!(now <= 200, "{answer}");
        ended += now;
        requests += 1;
        if answer["total"] == 0 {
            break;
        }
    }
    assert_eq!(ended, 253);
    assert!(requests >= 2, "{requests}");
    for (account, _) in &people {
        let person = scene.person("acme", account);
        assert_eq!(person.state().await, "unlinked");
        scene
            .world
            .jira
            .wait_for_no_property("acme", account, crate::scene::PROPERTY)
            .await;
    }
    assert_eq!(scene.person("globex", OMAR).state().await, "linked");
    let told = "select count(*) from site_event where kind = 'disconnected' and by_whom = 'admin'";
    assert_eq!(scene.count(told).await, 253);
    scene.person("globex", OMAR).disconnect().await;
    // What was made up has a property to be deleted of people whom Jira does not know: that is done, too.
    scene.no_work_left().await;
    scene.nothing_left().await;
    scene.close().await;
}

async fn an_admin_ends_what_belongs_to_people_who_have_left(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let mia = scene.person("acme", MIA);
    let people = scene.crowd("acme", 30);
    for (account, subject) in &people {
        scene.person("acme", account).link(subject).await;
        scene.person("acme", account).recorded().await;
    }
    let (first, second) = (&people[3].0, &people[28].0);
    jira.edit_site("acme", |site| {
        site.people.get_mut(first).expect("there").active = false
    });
    jira.remove_person("acme", second);
    // While Jira fails about one of them, nothing ends.
    jira.fault(
        Fault::status(500)
            .on("GET", "/rest/api/3/user")
            .account(&people[27].0),
    );
    let answer = mia.asks("DELETE", "/api/admin/left").await;
    mia.refused(&answer, 503, "jira-unreachable");
    jira.clear_faults();
    assert_eq!(mia.sees("/api/admin/links").await["total"], 30);
    // Only a look; then they end.
    for (method, ends) in [("GET", 0), ("DELETE", 2)] {
        let (mut gone, mut checked, mut ended, mut after) = (Vec::new(), 0, 0, String::new());
        loop {
            let query = match after.as_str() {
                "" => String::new(),
                after => format!("?after={after}"),
            };
            let page = mia
                .asks(method, &format!("/api/admin/left{query}"))
                .await
                .is(200)
                .json();
            checked += page["checked"].as_i64().expect("a number");
            ended += page["ended"].as_i64().expect("a number");
            let links = page["links"].as_array().expect("a list").iter();
            gone.extend(links.map(|link| link["accountId"].as_str().expect("an id").to_owned()));
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((checked, ended), (30, ends), "{method}");
        gone.sort();
        assert_eq!(gone, [first.clone(), second.clone()], "{method}");
    }
    assert_eq!(mia.sees("/api/admin/links").await["total"], 28);
    let happened = mia.happened().await;
    assert!(
        happened[..2].contains(&is("disconnected", first, "admin")),
        "{:?}",
        &happened[..2]
    );
    assert!(
        happened[..2].contains(&is("disconnected", second, "admin")),
        "{:?}",
        &happened[..2]
    );
    scene.no_work_left().await;
    assert_eq!(scene.person("acme", first).property(), None);
    scene.close().await;
}

async fn an_admin_ends_the_link_they_see_and_no_newer_one(db: Db) {
    let scene = start(db).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    let seen = mia.link_id_of(OMAR).await;
    // Meanwhile they connect another account.
    omar.link("u-200").await;
    let answer = mia
        .asks("DELETE", &format!("/api/admin/links/{seen}"))
        .await;
    mia.refused(&answer, 404, "not-found");
    assert_eq!(omar.status().await["subject"], "u-200");
    omar.disconnect().await;
    scene.end().await;
}

// --- who may connect ---

async fn an_admin_decides_that_portal_customers_stay_out(db: Db) {
    let mut scene = start(db).await;
    let mia = scene.person("acme", MIA);
    // The vendor says no: a site cannot say yes.
    let customers = |site: Value| {
        (
            site["customers"]["vendor"].clone(),
            site["customers"]["site"].clone(),
        )
    };
    let now = customers(mia.sees("/api/admin/site").await);
    assert_eq!(now, (json!("deny"), json!("deny")));
    let answer = mia.decides("allow", &[]).await;
    let problem = mia.refused(&answer, 400, "bad-request");
    assert_eq!(
        problem["detail"],
        "The vendor of the app doesn't let portal customers connect."
    );
    assert_eq!(mia.happened().await, []);
    drop(mia);
    scene.restart_with("LATCHKEY_CUSTOMERS", "allow").await;
    let (mia, lee, pat) = (
        scene.person("acme", MIA),
        scene.person("acme", LEE),
        scene.person("acme", PAT),
    );
    let now = customers(mia.sees("/api/admin/site").await);
    assert_eq!(now, (json!("allow"), json!("allow")), "nothing was decided");
    lee.begin().await;
    let decided = mia.decides("deny", &[]).await.is(200).json();
    assert_eq!(decided["customers"]["site"], "deny");
    for customer in [&lee, &pat] {
        let page = customer.begin_with(&customer.token()).await;
        page.is_page(403, "not-allowed");
    }
    // At the other site they may.
    scene.person("globex", LEE).begin().await;
    let happened = mia.happened().await;
    assert!(
        happened.contains(&is("refused", LEE, "app"))
            && happened.contains(&is("refused", PAT, "app"))
    );
    assert_eq!(happened.last(), Some(&is("decided", "", "admin")));
    mia.decides("allow", &[]).await.is(200);
    lee.begin().await;
    scene.end().await;
}

async fn an_admin_decides_which_groups_may_connect(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    for site in ["acme", FORGE_SITE] {
        jira.add_person(
            site,
            jira::Person::new("5bin", "In").in_group("Drive Users"),
        );
        let (mia, omar, insider) = (
            scene.person(site, MIA),
            scene.person(site, OMAR),
            scene.person(site, "5bin"),
        );
        let tries = async |person: &Person<'_>| match jira.has_forge(site) {
            true => person.ticket().await.status,
            false => person.begin_with(&person.token()).await.status,
        };
        let went = |status: StatusCode| status.is_success() || status.is_redirection();
        assert!(went(tries(&omar).await), "nothing was decided");
        for group in ["drive users", "id-Drive Users"] {
            let decided = mia.decides("deny", &["others", group]).await.is(200).json();
            assert_eq!(decided["groups"], json!(["others", group]));
            assert!(went(tries(&insider).await), "{group}");
            assert_eq!(tries(&omar).await, 403, "{group}");
        }
        // A person who was just taken out of the group is out.
        jira.edit_site(site, |site| {
            site.people.get_mut("5bin").expect("there").groups.clear()
        });
        assert_eq!(tries(&insider).await, 403);
        let words = match jira.has_forge(site) {
            true => insider.ticket().await.text,
            false => insider.begin_with(&insider.token()).await.text,
        };
        assert!(words.contains("only members of certain groups"), "{words}");
        // If Jira says nothing about groups, nobody gets in.
        for fault in [Fault::status(500), Fault::status(403)] {
            jira.fault(fault.on("GET", "/rest/api/3/user/groups"));
            assert_eq!(tries(&insider).await, 503);
            jira.clear_faults();
        }
        // Who is connected stays so.
        mia.decides("deny", &[]).await.is(200);
        omar.link("u-100").await;
        mia.decides("deny", &["others"]).await.is(200);
        assert_eq!(omar.state().await, "linked");
        omar.recorded().await;
        omar.renewed().await;
        for bad in [
            json!({"customers": "deny"}),
            json!({"customers": "deny", "groups": ["a\nb"]}),
            json!({"groups": []}),
        ] {
            let call = mia.call(Method::PUT, "/api/admin/site").json(&bad);
            let answer = scene.send(call).await;
            mia.refused(&answer, 400, "bad-request");
        }
        omar.disconnect().await;
    }
    let refusals = "select count(*) from site_event where kind = 'refused' and account_id = '5bin'";
    assert_eq!(
        scene.count(refusals).await,
        2,
        "one at each site, however often they try"
    );
    scene.end().await;
}

// --- what happened ---

async fn what_happens_at_a_site_is_written_down(db: Db) {
    let scene = start(db).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.disconnect().await;
    // Somebody who may not, again and again.
    let lee = scene.person("acme", LEE);
    for _ in 0..5 {
        lee.begin_with(&lee.token()).await.is(403);
    }
    // Somebody else comes back.
    let returned = omar.until_returned("u-100").await;
    mia.prove(&returned).await.is(403);
    // The service ends it.
    omar.link("u-100").await;
    omar.recorded().await;
    scene.world.service.withdraw("u-100");
    omar.renew().await.is(202);
    omar.asked_to_reconnect().await;
    // Jira says that a person is gone.
    let people = scene.crowd("acme", 1);
    let person = scene.person("acme", &people[0].0);
    person.link(&people[0].1).await;
    person.recorded().await;
    scene.world.jira.remove_person("acme", &people[0].0);
    person.renew().await.is(202);
    eventually("the link of somebody who is gone ends", async || {
        scene.advance(70);
        scene
            .execute("update link set due_at = 0 where state = 'live'")
            .await;
        let links = "select count(*) from link where state = 'live'";
        (scene.count(links).await == 0).then_some(())
    })
    .await;
    let happened = mia.happened().await;
    let expected = [
        is("disconnected", &people[0].0, "jira"),
        is("connected", &people[0].0, "person"),
        is("needs_reconnect", OMAR, "service"),
        is("connected", OMAR, "person"),
        is("refused", OMAR, "app"),
        is("refused", LEE, "app"),
        is("disconnected", OMAR, "person"),
        is("connected", OMAR, "person"),
    ];
    assert_eq!(happened, expected);
    let events = mia.sees("/api/admin/events").await;
    for event in events["events"].as_array().expect("a list") {
        assert!(
            event["words"]
                .as_str()
                .is_some_and(|words| words.len() > 10),
            "{event}"
        );
    }
    assert_eq!(scene.person("globex", MIA).happened().await, []);
    scene.person("acme", OMAR).disconnect().await;
    scene.world.unexpected();
    scene.close().await;
}

async fn a_move_to_forge_is_written_down_and_keeps_what_was_decided(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.recorded().await;
    mia.decides("deny", &["drive"]).await.is(200);
    let site = mia.sees("/api/admin/site").await;
    assert_eq!(site["door"], "connect");
    eventually("the cloud id is known", async || {
        latchkey::worker::learn_sites(&scene.app().parts)
            .await
            .ok()?;
        (scene.count("select count(*) from site").await == 2).then_some(())
    })
    .await;
    jira.put_forge("acme", &scene.base);
    assert_eq!(jira.tick("acme").await.status, 204);
    let site = mia.sees("/api/admin/site").await;
    assert_eq!(site["door"], "forge");
    assert_eq!(site["groups"], json!(["drive"]));
    assert_eq!(site["links"]["total"], 1);
    let happened = mia.happened().await;
    assert_eq!(happened[0], is("moved", "", "app"));
    let events = mia.sees("/api/admin/events").await;
    let words = events["events"][0]["words"].as_str();
    assert_eq!(
        words,
        Some("The site moved from Atlassian Connect to Forge with every connection.")
    );
    omar.disconnect().await;
    scene.end().await;
}

async fn what_happened_is_exported(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let mia = scene.person("acme", MIA);
    // Names are anybody's.
    jira.add_person(
        "acme",
        jira::Person::new("5bevil", "=cmd|'/C calc'!A0, \"x\""),
    );
    let evil = scene.person("acme", "5bevil");
    evil.link("u-100").await;
    evil.disconnect().await;
    let csv = mia
        .asks("GET", "/api/admin/events?format=csv")
        .await
        .is(200);
    assert_eq!(
        csv.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"events.csv\""
    );
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("\"at\",\"event\",\"account_id\""),
        "{}",
        lines[0]
    );
    let name = "\"'=cmd|'/C calc'!A0, \"\"x\"\"\"";
    assert!(
        lines[1].contains(name) && lines[1].contains("\"disconnected\",\"5bevil\""),
        "{}",
        lines[1]
    );
    let cells = csv.text.split('"').skip(1).step_by(2);
    for cell in cells.filter(|cell| !cell.is_empty()) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
    }
    let jsonl = mia
        .asks("GET", "/api/admin/events?format=jsonl")
        .await
        .is(200);
    assert_eq!(jsonl.headers["content-type"], "application/jsonl");
    let events: Vec<Value> = jsonl
        .text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let page = mia.sees("/api/admin/events").await;
    assert_eq!(json!(events), page["events"]);
    assert_eq!(events[0]["name"], "=cmd|'/C calc'!A0, \"x\"");
    // Our own page, and every page of Forge, takes the same in JSON.
    let wrapped = mia
        .call(Method::GET, "/api/admin/events?format=csv")
        .header("accept", "application/json");
    assert_eq!(
        scene.send(wrapped).await.is(200).json()["text"],
        csv.text.as_str()
    );
    let by_forge = scene.person(FORGE_SITE, MIA);
    let there = by_forge
        .asks("GET", "/api/admin/events?format=jsonl")
        .await
        .is(200);
    assert_eq!(there.headers["content-type"], "application/json");
    assert_eq!(
        there.json(),
        json!({"file": "events.jsonl", "mediaType": "application/jsonl", "text": ""})
    );
    for format in ["", "pdf", "CSV"] {
        let answer = mia
            .asks("GET", &format!("/api/admin/events?format={format}"))
            .await;
        mia.refused(&answer, 400, "bad-request");
    }
    // In parts, where there are many.
    let (client_key, now) = (scene.client_key("acme"), scene.clock.now());
    let many = format!(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 2300) \
         insert into site_event (id, client_key, at, kind, account_id, by_whom) \
         select 'many-' || cast(i as text), '{client_key}', {now} - 10 - i / 7, 'connected', 'a-' || cast(i as text), 'person' from n"
    );
    scene.execute(&many).await;
    let (mut rows, mut parts, mut after) = (std::collections::BTreeSet::new(), 0, String::new());
    loop {
        let part = mia
            .asks("GET", &format!("/api/admin/events?format=csv{after}"))
            .await
            .is(200);
        rows.extend(part.text.lines().map(str::to_owned));
        parts += 1;
        let Some(link) = part.headers.get("link") else {
            break;
        };
        let link = link.to_str().expect("it is text");
        let (_, next) = link.split_once("after=").expect("it names the next part");
        after = format!("&after={}", next.split_once('>').expect("it ends").0);
    }
    assert_eq!(
        (rows.len(), parts),
        (2303, 3),
        "each once, and the columns once"
    );
    scene.end().await;
}

async fn what_happened_is_kept_for_some_time(db: Db) {
    let scene = start_with(
        db,
        Setting::keys_live(90 * DAY.unsigned_abs()).with("LATCHKEY_EVENTS_DAYS", "2"),
    )
    .await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    assert_eq!(mia.sees("/api/admin/site").await["eventsDays"], 2);
    scene.advance(DAY + 3600);
    omar.disconnect().await;
    assert_eq!(mia.happened().await.len(), 2);
    scene.advance(DAY - 3500);
    eventually("what is older than two days goes", async || {
        (mia.happened().await == [is("disconnected", OMAR, "person")]).then_some(())
    })
    .await;
    scene.advance(2 * DAY);
    eventually("and so does the rest", async || {
        (scene.count("select count(*) from site_event").await == 0).then_some(())
    })
    .await;
    scene.end().await;
}

async fn what_happened_goes_with_the_app(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    mia.decides("deny", &["a"]).await.is(200);
    scene.person("globex", OMAR).link("u-200").await;
    jira.uninstall("acme").await.expect("it answers");
    eventually("what happened there is deleted", async || {
        let acme = scene.client_key("acme");
        let left = format!(
            "select (select count(*) from site_event where client_key = '{acme}') + \
             (select count(*) from site_rule where client_key = '{acme}')"
        );
        (scene.count(&left).await == 0).then_some(())
    })
    .await;
    assert_eq!(scene.person("globex", MIA).happened().await.len(), 1);
    scene.person("globex", OMAR).disconnect().await;
    scene.end().await;
}

async fn a_closed_account_is_erased_from_what_happened(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let people = scene.crowd("acme", 1);
    let closed = people[0].0.clone();
    jira.edit_site("acme", |site| {
        site.people.get_mut(&closed).expect("there").admin = true
    });
    let (mia, person, omar) = (
        scene.person("acme", MIA),
        scene.person("acme", &closed),
        scene.person("acme", OMAR),
    );
    omar.link("u-100").await;
    person.link(&people[0].1).await;
    // They were an admin, and ended somebody's connection.
    let id = mia.link_id_of(OMAR).await;
    person
        .asks("DELETE", &format!("/api/admin/links/{id}"))
        .await
        .is(204);
    assert!(
        mia.sees("/api/admin/events")
            .await
            .to_string()
            .contains(&closed)
    );
    jira.close_account(&closed);
    scene.execute("update account_report set due_at = 0").await;
    eventually("the report is made", async || {
        reporting::run_due(&scene.app().parts).await.ok()?;
        let left = format!(
            "select count(*) from account_report where due_at <= {}",
            scene.clock.now()
        );
        (scene.count(&left).await == 0).then_some(())
    })
    .await;
    scene.no_work_left().await;
    let mut database = Database::open(scene.database_url()).await;
    assert_eq!(database.places_of(&closed).await, [""; 0]);
    database.close().await;
    // What happened is still told, of nobody and by nobody in particular.
    let events = mia.sees("/api/admin/events").await;
    let events = events["events"].as_array().expect("a list");
    assert_eq!(events.len(), 4, "{events:?}");
    let ended = events
        .iter()
        .find(|event| event["accountId"] == OMAR && event["event"] == "disconnected");
    let ended = ended.expect("Omar's connection was ended by somebody");
    assert_eq!(
        (ended["by"].as_str(), ended.get("byAccountId")),
        (Some("admin"), None)
    );
    let by_atlassian = events
        .iter()
        .any(|event| event["by"] == "atlassian" && event.get("accountId").is_none());
    assert!(by_atlassian, "{events:?}");
    scene.end().await;
}

async fn a_link_that_does_not_open_names_nobody(db: Db) {
    let scene = start(db).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.recorded().await;
    scene
        .execute("update link set display_name = 'Somebody else'")
        .await;
    let link = mia.links("").await.remove(0);
    assert_eq!(link["displayName"], "an account whose name cannot be read");
    assert_eq!(link.get("subject"), None);
    assert!(
        link["trouble"]
            .as_str()
            .is_some_and(|words| words.contains("be read anymore")),
        "{link}"
    );
    // It can be ended all the same.
    let id = link["id"].as_str().expect("an id").to_owned();
    mia.asks("DELETE", &format!("/api/admin/links/{id}"))
        .await
        .is(204);
    assert_eq!(omar.property(), None);
    scene.close().await;
}

async fn an_admin_reads_how_the_app_is(db: Db) {
    let setting =
        Setting::default().with("LATCHKEY_OUTBOUND_ADDRESSES", "192.0.2.7, 2001:db8::/64");
    let scene = start_with(db, setting).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let (mia, omar) = (scene.person("acme", MIA), scene.person("acme", OMAR));
    omar.link("u-100").await;
    omar.recorded().await;
    let site = mia.sees("/api/admin/site").await;
    assert_eq!(
        site["site"],
        json!(jira.url("acme").trim_start_matches("http://"))
    );
    assert_eq!(site["door"], "connect");
    assert_eq!(site["enabled"], true);
    assert_eq!(site["writesAs"], "app");
    assert_eq!(
        site["outboundAddresses"],
        json!(["192.0.2.7", "2001:db8::/64"])
    );
    assert_eq!(site["waits"], json!([]));
    assert_eq!(site["eventsDays"], 90);
    assert_eq!(
        site["links"],
        json!({"total": 1, "reconnect": 0, "runOut": 0})
    );
    let scopes = |site: &Value| -> Vec<String> {
        let scopes = site["scopes"].as_array().expect("a list").iter();
        let scopes = scopes
            .inspect(|scope| assert!(scope["why"].as_str().is_some_and(|why| why.len() > 30)));
        scopes
            .map(|scope| scope["scope"].as_str().expect("a name").to_owned())
            .collect()
    };
    let descriptor = scene.get("/atlassian-connect.json").await.json();
    assert_eq!(json!(scopes(&site)), descriptor["scopes"]);
    let by_forge = scene.person(FORGE_SITE, MIA).sees("/api/admin/site").await;
    assert_eq!(by_forge["door"], "forge");
    let manifest = include_str!("../../forge/manifest.yml");
    let (_, asked) = manifest.split_once("scopes:\n").expect("it has scopes");
    let asked: Vec<&str> = asked
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(": {")?.0))
        .collect();
    let mut told = scopes(&by_forge);
    told.sort();
    let mut asked: Vec<String> = asked.into_iter().map(str::to_owned).collect();
    asked.sort();
    assert_eq!(told, asked, "the scopes of the manifest");
    // What keeps keys waiting.
    jira.set_app_is_admin("acme", false);
    omar.renewed().await;
    eventually("it is known as whom keys are written", async || {
        let site = mia.sees("/api/admin/site").await;
        (site["writesAs"] == "person").then_some(())
    })
    .await;
    let waits = format!(
        "update tenant set put_wait_until = {}, wait_reason = 'ip_allowlist'",
        scene.clock.now() + 600
    );
    scene.execute(&waits).await;
    let site = mia.sees("/api/admin/site").await;
    let words = site["waits"][0]["words"].as_str().expect("there are words");
    assert!(
        words.contains("The IP allowlist of this site blocks the app"),
        "{words}"
    );
    assert!(site["waits"][0]["until"].is_string());
    scene.execute("update tenant set put_wait_until = 0").await;
    scene
        .execute("update link set published_expires_at = 1, first_end = 1")
        .await;
    let site = mia.sees("/api/admin/site").await;
    assert_eq!(site["links"]["runOut"], 1);
    // Anybody learns what this is, and no more.
    let about = scene.get("/").await.is(200);
    assert!(
        about
            .text
            .contains("connects people in Jira Cloud with their account at Acme Drive"),
        "{}",
        about.text
    );
    assert_eq!(about.headers["content-type"], "text/plain; charset=utf-8");
    omar.disconnect().await;
    scene.close().await;
}

/// What it shows its script asks for, with a proof at each call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_connect_the_page_itself_holds_nothing_of_the_site() {
    let scene = start(Db::Sqlite).await;
    let jira = &scene.world.jira;
    let frame = jira.page_frame("acme", MIA, "/plugins/servlet/ac/latchkey/latchkey-admin");
    let frame = frame.expect("the descriptor has the page");
    let page = scene.send(scene.http.get(&frame)).await.is(200);
    assert!(page.text.contains("Who is connected"), "{}", page.text);
    assert!(
        !page.text.contains("Mia"),
        "the page itself holds nothing of the site"
    );
    let other = jira.page_frame(
        "acme",
        MIA,
        "/plugins/servlet/ac/latchkey/latchkey-get-started",
    );
    let other = scene
        .send(scene.http.get(other.expect("it is there")))
        .await
        .is(200);
    assert_eq!(other.text, page.text);
    let nobody = jira.iframe_token(
        "acme",
        None::<&str>,
        "GET",
        "/connect/admin",
        &Overrides::none(),
    );
    let nobody = scene.get(&format!("/connect/admin?jwt={nobody}")).await;
    nobody.is_page(403, "not-allowed");
    assert_eq!(
        jira.page_frame("acme", OMAR, "/plugins/servlet/ac/latchkey/latchkey-admin"),
        None
    );
    scene.end().await;
}

/// How long the first page takes with ten thousand links: measured, for people who look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_links_are_a_page_like_any_other() {
    for db in [Db::Sqlite, Db::Postgres] {
        let scene = start(db).await;
        let mia = scene.person("acme", MIA);
        seed(&scene, "acme", 10_000).await;
        for path in [
            "/api/admin/site",
            "/api/admin/links",
            "/api/admin/links?q=seed-009999",
            "/api/admin/links?state=reconnect",
            "/api/admin/events",
        ] {
            let began = tokio::time::Instant::now();
            mia.sees(path).await;
            println!("{db:?} {path}: {} ms", began.elapsed().as_millis());
        }
        let page = mia.sees("/api/admin/links").await;
        assert_eq!(page["total"], 10_000);
        assert_eq!(page["links"].as_array().map(Vec::len), Some(100));
        scene.execute("delete from link").await;
        scene.end().await;
    }
}
