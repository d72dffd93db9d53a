//! Stories of which account it is: of people who choose another one, who move their link, and who share an
//! account with somebody; and of each way in which connecting can fail, and what they are told then.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Browser, Theme};
use crate::browsing::{
    Album, AtJira, ERROR_ANSWERS, beginning_of, choose, comes_back, failed, way_back,
};
use crate::on_both_databases;
use crate::returning::{parameter, with_parameter};
use crate::scene::{Answer, Begun, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind, LEE, MIA, OMAR, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind, RevocationReach, ServiceOptions, Visitor};

on_both_databases!(
    another_account_is_chosen_instead,
    moving_a_link_ends_the_old_grant_where_nobody_else_uses_it,
    another_user_of_the_account_is_named_and_loses_nothing,
    an_ip_allowlist_makes_the_site_wait_and_says_so,
);

/// Begins as "Use another account" does in the issue.
async fn begin_another(person: &Person<'_>) -> Begun {
    let scene = person.scene;
    let form = [
        ("jwt", person.token()),
        ("issue", "KEY-1".to_owned()),
        ("another", "1".to_owned()),
    ];
    let request = scene.http.post(scene.address("/link")).form(&form);
    let answer = scene.send(request).await;
    let (_, id) = answer.leads_to().rsplit_once('/').expect("an address");
    Begun {
        id: id.to_owned(),
        cookie: crate::scene::cookie_of(&answer),
    }
}

async fn linking_page(person: &Person<'_>, begun: &Begun) -> String {
    let path = format!("/link/{}", begun.id);
    let page = person.with_cookie(Method::GET, &path, &begun.cookie).await;
    page.is(200).text
}

async fn another_account_is_chosen_instead(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    // One browser, which stays logged in at the service: without being asked it gives the same account
    // again, whoever the person wants to be there.
    let visitor = Visitor::new(service);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    assert_eq!(parameter(&authorize, "prompt"), "consent");
    let callback = visitor.approve(&authorize, "u-100").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let wrong = omar.arrive(answer.leads_to(), &begun.cookie).await;
    assert_eq!(omar.both(&wrong).await.subject, "u-100");
    assert_eq!(service.ledger().live_grants().len(), 1);

    // They see that it is the wrong one. The attempt ends, and what it brought with it.
    let begun = begin_another(&omar).await;
    scene.nothing_left().await;
    omar.confirm(&wrong).await.is_page(410, "attempt-over");
    let page = linking_page(&omar, &begun).await;
    assert!(
        page.contains("Next, Acme Drive asks which account to use."),
        "{page}"
    );
    assert!(!page.contains("log out at"), "{page}");
    let authorize = omar.go_on(&begun).await;
    assert_eq!(parameter(&authorize, "prompt"), "select_account consent");
    let callback = visitor.approve(&authorize, "u-200").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let right = omar.arrive(answer.leads_to(), &begun.cookie).await;
    let both = omar.both(&right).await;
    assert_eq!(both.subject, "u-200");
    assert_eq!((both.replaces, both.shared), (None, None));
    omar.confirm(&right).await.leads_to();
    assert_eq!(omar.status().await["subject"], "u-200");
    scene.no_work_left().await;
    assert_eq!(service.ledger().live_grants().len(), 1);

    // Who is connected may say so on the linking page, and is asked; who does not is not.
    let begun = omar.begin().await;
    let page = linking_page(&omar, &begun).await;
    assert!(page.contains("Use another account"), "{page}");
    let path = format!("/link/{}", begun.id);
    for (form, prompt) in [
        (vec![("another", "yes")], "select_account consent"),
        (vec![], "consent"),
    ] {
        let request = scene.http.post(scene.address(&path)).form(&form);
        let request = request.header(reqwest::header::COOKIE, &begun.cookie);
        let authorize = scene.send(request).await;
        assert_eq!(parameter(authorize.leads_to(), "prompt"), prompt);
    }
    omar.disconnect().await;
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_service_cannot_ask_people_are_told_to_log_out_there() {
    let plain = ServiceOptions {
        scopes: vec!["drive.read".to_owned()],
        refresh_needs_offline_access: false,
        discovery: false,
        iss_parameter: false,
        announces_prompts: false,
        ..ServiceOptions::default()
    };
    let without_openid = Setting {
        service: plain,
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_ISSUER", "")
    .with("LATCHKEY_PROVIDER_AUTHORIZE_URL", "{service}/authorize")
    .with("LATCHKEY_PROVIDER_TOKEN_URL", "{service}/token")
    .with("LATCHKEY_PROVIDER_REVOKE_URL", "{service}/revoke")
    .with("LATCHKEY_PROVIDER_IDENTITY_URL", "{service}/me")
    .with("LATCHKEY_PROVIDER_SCOPES", "drive.read");
    let silent = Setting {
        service: ServiceOptions {
            announces_prompts: false,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    for setting in [without_openid, silent] {
        let scene = Scene::start(Db::Sqlite, setting).await;
        let service = &scene.world.service;
        let omar = scene.person("acme", OMAR);
        let begun = begin_another(&omar).await;
        let page = linking_page(&omar, &begun).await;
        assert!(
            page.contains("To connect another account, log out at Acme Drive first."),
            "{page}"
        );
        // Nothing is sent that it does not know: it would refuse all of the request.
        let authorize = omar.go_on(&begun).await;
        assert!(!authorize.contains("select_account"), "{authorize}");
        let callback = service.approve(&authorize, "u-100").await;
        let answer = omar.come_back(&callback, &begun.cookie).await;
        let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
        omar.prove(&returned).await.is(200);
        omar.confirm(&returned).await.leads_to();
        // Who is connected reads it too, and has no button that cannot keep what it says.
        let page = linking_page(&omar, &omar.begin().await).await;
        assert!(page.contains("log out at Acme Drive first."), "{page}");
        assert!(!page.contains("Use another account"), "{page}");
        // To the others it would say nothing.
        let page = linking_page(
            &scene.person("acme", MIA),
            &scene.person("acme", MIA).begin().await,
        )
        .await;
        assert!(!page.contains("log out at"), "{page}");
        omar.disconnect().await;
        scene.end().await;
    }
}

async fn moving_a_link_ends_the_old_grant_where_nobody_else_uses_it(db: Db) {
    // The stricter kind of service: one refresh token ends everything of the account.
    let setting = Setting {
        service: ServiceOptions {
            revocation_reach: RevocationReach::Account,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let kim = scene.person("acme", MIA);
    let there = scene.person("globex", MIA);
    for person in [&omar, &kim, &there] {
        person.link("u-100").await;
        person.recorded().await;
    }
    let olds = [omar.key(), kim.key(), there.key()];

    // One after the other moves away. Whoever stays keeps what they have, here and at the other site.
    omar.link("u-200").await;
    scene.no_work_left().await;
    assert_eq!(service.ledger().opens_api(&olds[0]), None);
    for (person, key) in [(&kim, &olds[1]), (&there, &olds[2])] {
        assert_eq!(service.ledger().opens_api(key), Some("u-100"));
        person.renewed().await;
        person.recorded().await;
        assert_eq!(service.ledger().opens_api(&person.key()), Some("u-100"));
    }
    let last = there.key();
    kim.link("u-200").await;
    scene.no_work_left().await;
    assert_eq!(service.ledger().opens_api(&last), Some("u-100"));
    there.renewed().await;
    there.recorded().await;
    // With the last of them goes all that had to wait.
    there.link("u-200").await;
    scene.no_work_left().await;
    let ledger = service.ledger();
    let grants = ledger.live_grants();
    assert_eq!(grants.len(), 3, "{ledger}");
    assert!(
        grants.iter().all(|grant| grant.subject == "u-200"),
        "{ledger}"
    );
    for person in [&omar, &kim, &there] {
        person.renewed().await;
        person.recorded().await;
        assert_eq!(service.ledger().opens_api(&person.key()), Some("u-200"));
    }
    for person in [&omar, &kim, &there] {
        person.disconnect().await;
    }
    scene.nothing_left().await;
    scene.end().await;
}

async fn another_user_of_the_account_is_named_and_loses_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let elsewhere = scene.person("globex", OMAR);
    let others = async |person: &Person<'_>| {
        let returned = person.until_returned("u-100").await;
        let both = person.both(&returned).await;
        (returned, both.shared)
    };
    // Of another site nobody learns anything, and about oneself there is nothing to say.
    elsewhere.link("u-100").await;
    let (returned, named) = others(&mia).await;
    assert_eq!(named, None);
    mia.confirm(&returned).await.leads_to();
    mia.recorded().await;
    let (_, named) = others(&mia).await;
    assert_eq!(named, None);

    let (returned, named) = others(&omar).await;
    let same = "connected to the same account too. Both connections will work.";
    let said = format!("Mia Chen on this site is {same}");
    assert_eq!(named, Some(said));
    omar.confirm(&returned).await.leads_to();
    omar.recorded().await;
    for person in [&omar, &mia, &elsewhere] {
        person.renewed().await;
        person.recorded().await;
        assert_eq!(person.status().await["subject"], "u-100");
        assert_eq!(service.ledger().opens_api(&person.key()), Some("u-100"));
    }

    // Whose link does not work any more has nothing to share, and more than three are not listed.
    let mut crowd = scene.crowd("acme", 3).into_iter();
    let mut joins = async || {
        let (account, _) = crowd.next().expect("there are enough");
        let person = scene.person("acme", &account);
        let (returned, named) = others(&person).await;
        person.confirm(&returned).await.leads_to();
        person.recorded().await;
        let named = named.expect("somebody is connected");
        let (names, _) = named
            .split_once(" on this site are connected")
            .expect("there are several");
        let names = names.replace(", and ", ", ").replace(" and ", ", ");
        let mut names: Vec<String> = names.split(", ").map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(joins().await, ["Mia Chen", "Omar Haddad"]);
    assert_eq!(joins().await.len(), 3);
    assert_eq!(joins().await.len(), 3);
    service.withdraw("u-100");
    mia.renew().await.is(202);
    mia.asked_to_reconnect().await;
    let kim = scene.person("globex", MIA);
    let (_, named) = others(&kim).await;
    let said = format!("Omar Haddad on this site is {same}");
    assert_eq!(named, Some(said), "at that site");
    scene.close().await;
}

/// What Jira says to an address that is not on a site's IP allowlist.
fn kept_out() -> jira::Fault {
    jira::Fault::new(FaultKind::Status {
        code: 403,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: json!({
            "errorMessages": ["The IP address has been rejected because it is not on the allowed list. \
                               See your admin for more information."],
            "errors": {},
        })
        .to_string(),
    })
}

async fn an_ip_allowlist_makes_the_site_wait_and_says_so(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    for (person, subject) in [(&omar, "u-100"), (&mia, "u-200")] {
        person.link(subject).await;
        person.recorded().await;
    }
    jira.fault(kept_out().at("acme"));
    let before = jira.calls().len();
    omar.renew().await.is(202);
    eventually("the site is left alone", async || {
        let metrics = scene.metrics().await;
        let parked = "latchkey_tenants_parked{reason=\"ip_allowlist\"} 1";
        metrics.lines().any(|line| line == parked).then_some(())
    })
    .await;
    let metrics = scene.metrics().await;
    let renewals = "latchkey_renewals_total{outcome=\"jira_allowlist\"} 1";
    assert!(metrics.lines().any(|line| line == renewals), "{metrics}");
    // It is about the address: nobody tries as the person, and nobody's link is set aside.
    let calls = jira.calls();
    assert!(calls[before..].iter().all(|call| call.host != "auth"));
    assert!(!metrics.contains("state=\"aside\",reason=\"jira_refuses\"} 1"));
    let lines = scene
        .log
        .lines_with(&["IP allowlist".to_owned(), "jira_allowlist".to_owned()]);
    assert!(!lines.is_empty(), "the log names the cause");

    // Nobody else is asked about meanwhile, and is told the same.
    let (newcomer, _) = scene.crowd("acme", 1).remove(0);
    let newcomer = scene.person("acme", &newcomer);
    let asked = jira.calls().len();
    let page = newcomer.begin_with(&newcomer.token()).await;
    let page = says(
        &scene,
        page,
        502,
        "ip-allowlist",
        "This Jira site blocks the app",
    );
    assert!(page.contains("IP allowlist"), "{page}");
    assert_eq!(jira.calls().len(), asked);

    // Once a key has run out, its person reads why.
    scene.advance(3 * 3600 + 60);
    let status = eventually("the person is told", async || {
        scene.advance(10);
        let status = mia.status().await;
        status.get("reason").is_some().then_some(status)
    })
    .await;
    assert_eq!(status["state"], "linked");
    let words = status["reason"].as_str().expect("it is in words");
    assert!(words.contains("IP allowlist"), "{words}");

    // An admin puts the address on the list, and it goes on by itself.
    jira.clear_faults();
    eventually("both have a key again", async || {
        scene.advance(60);
        let fresh = |person: &Person<'_>| person.generation() > Some(1);
        (fresh(&omar) && fresh(&mia)).then_some(())
    })
    .await;
    omar.recorded().await;
    mia.recorded().await;
    scene.end().await;
}

/// A page of an error: status, code, heading, and a line of the log with the same code and reference.
/// Returns its text.
#[track_caller]
fn says(scene: &Scene, page: Answer, status: u16, code: &str, title: &str) -> String {
    let text = page.text.replace("&#39;", "'");
    assert_eq!(page.status, status, "{code}: {text}");
    assert!(
        text.contains(&format!("<h1>{title}</h1>")),
        "{code}: {text}"
    );
    assert!(
        text.contains(&format!("Code: <code>{code}</code>")),
        "{code}: {text}"
    );
    // Back to where they came from, wherever that is known.
    let back = format!("href=\"{}/browse/KEY-1\"", scene.world.jira.url("acme"));
    let own = text.contains(&back) && text.contains("Back to Jira");
    let reference = text
        .split_once("Reference: <code>")
        .and_then(|(_, rest)| rest.split_once("</code>"));
    if let Some((reference, _)) = reference {
        in_the_log(scene, code, reference);
        assert!(own, "{code}: there is a way back: {text}");
    }
    assert!(
        own || text.contains("the issue in Jira") || text.contains("Select Connect"),
        "{code}: it says how to go on: {text}"
    );
    text
}

/// The same as a problem document.
#[track_caller]
fn tells(scene: &Scene, answer: &Answer, status: u16, code: &str, title: &str) -> Value {
    let problem = answer.is_problem(status, code);
    assert_eq!(problem["title"], title, "{problem}");
    let instance = problem["instance"].as_str();
    let reference = instance.and_then(|name| name.strip_prefix("urn:latchkey:occurrence:"));
    if let Some(reference) = reference {
        in_the_log(scene, code, reference);
    }
    problem
}

#[track_caller]
fn in_the_log(scene: &Scene, code: &str, reference: &str) {
    assert_eq!(reference.len(), 8, "{code}: {reference}");
    let line = format!("code=\"{code}\" reference=\"{reference}\"");
    let lines = scene.log.lines_with(&[line]);
    assert_eq!(lines.len(), 1, "{code} {reference}: {lines:?}");
    assert!(!lines[0].contains("DEBUG"), "{}", lines[0]);
}

/// Begins, goes to the service, and has it answer with this error.
async fn refused_at_the_service(person: &Person<'_>, error: &str) -> Answer {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let callback = person.scene.world.service.deny(&authorize, "u-100").await;
    let callback = with_parameter(&callback, "error", Some(error));
    person.come_back(&callback, &begun.cookie).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_fail_says_what_happened() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let omar = scene.person("acme", OMAR);
    let referred = |page: &str| page.contains("Reference: <code>");

    // At the service, which first is not there at all.
    service.fault(Fault::always(Endpoint::Discovery, Kind::Down));
    let begun = omar.begin().await;
    let path = format!("/link/{}", begun.id);
    let page = omar.with_cookie(Method::POST, &path, &begun.cookie).await;
    let title = "Acme Drive can't be reached";
    let page = says(&scene, page, 503, "service-unreachable", title);
    assert!(referred(&page), "{page}");
    service.clear_faults();
    for (error, status, code, title, words) in [
        (
            "access_denied",
            403,
            "denied",
            "You didn't allow access",
            "You didn't allow access in Acme Drive",
        ),
        (
            "invalid_scope",
            400,
            "scope-refused",
            "Acme Drive doesn't allow what the app asks for",
            "Acme Drive refused one of the permissions",
        ),
        (
            "unauthorized_client",
            400,
            "app-refused",
            "Acme Drive doesn't accept this app",
            "contact support with the code below",
        ),
        (
            "temporarily_unavailable",
            400,
            "service-unreachable",
            "Acme Drive can't be reached",
            "Acme Drive doesn't answer at the moment",
        ),
        (
            "whatever",
            400,
            "service-refused",
            "Acme Drive couldn't complete the request",
            "accept the request",
        ),
    ] {
        let page = refused_at_the_service(&omar, error).await;
        let page = says(&scene, page, status, code, title);
        assert!(page.contains(words), "{error}: {page}");
        assert!(referred(&page), "{error}: {page}");
        assert_eq!(omar.state().await, "unlinked", "{error}");
        scene.advance(30);
    }
    // On the way back, and on the page that proves.
    let returned = omar.until_returned("u-100").await;
    scene.advance(301);
    let late = omar.prove(&returned).await;
    let problem = tells(&scene, &late, 410, "attempt-over", "This took too long");
    assert!(problem["instance"].is_string());
    for (kind, status, code, title) in [
        (
            Kind::InvalidClient,
            502,
            "app-refused",
            "Acme Drive doesn't accept this app",
        ),
        (
            Kind::InvalidGrant,
            410,
            "took-too-long",
            "That took too long",
        ),
        (
            Kind::Html200,
            502,
            "service-refused",
            "Acme Drive couldn't complete the request",
        ),
        (
            Kind::Down,
            503,
            "service-unreachable",
            "Acme Drive can't be reached",
        ),
    ] {
        let returned = omar.until_returned("u-100").await;
        service.fault(Fault::always(Endpoint::Redeem, kind));
        omar.prove(&returned).await.is(200);
        let page = omar.look(&returned).await;
        let page = says(&scene, page, status, code, title);
        assert!(referred(&page), "{page}");
        service.clear_faults();
        scene.advance(30);
    }
    let returned = omar.until_returned("u-100").await;
    let mia = scene.person("acme", MIA);
    let title = "Somebody else started this connection";
    let problem = tells(
        &scene,
        &mia.prove(&returned).await,
        403,
        "wrong-person",
        title,
    );
    assert_eq!(problem["signedInAs"], "Mia Chen");
    assert!(problem["instance"].is_string());

    // A browser that blocks cookies, and one that began more than an hour ago, look alike: one has no
    // session, the other has none any more. The page names both.
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = service.approve(&authorize, "u-100").await;
    let linking = scene.address(&format!("/link/{}", begun.id));
    let title = "This page doesn't belong to this browser";
    for address in [&linking, &callback] {
        let page = says(
            &scene,
            scene.send(scene.http.get(address)).await,
            403,
            "wrong-browser",
            title,
        );
        assert!(page.contains("blocks cookies"), "{page}");
        assert!(page.contains("more than an hour ago"), "{page}");
        assert!(!referred(&page), "{page}");
    }
    scene.advance(601);
    let late = omar.come_back(&callback, &begun.cookie).await;
    let over = "This attempt to connect is over";
    says(&scene, late, 410, "attempt-over", over);
    scene.advance(3600);
    let late = omar.come_back(&callback, &begun.cookie).await;
    says(&scene, late, 403, "wrong-browser", title);
    assert_eq!(omar.state().await, "unlinked", "it is not linking for ever");

    // Jira, at the click.
    scene.advance(24 * 3600);
    for (fault, status, code, title, words) in [
        (
            kept_out(),
            502,
            "ip-allowlist",
            "This Jira site blocks the app",
            "Ask an admin of your Atlassian organization",
        ),
        (
            jira::Fault::status(500),
            503,
            "jira-unreachable",
            "Jira can't be reached",
            "Jira doesn't answer",
        ),
        (
            jira::Fault::rate_limited(None, Some("30")),
            503,
            "jira-busy",
            "Jira asks the app to wait",
            "Try again in a minute",
        ),
    ] {
        jira.fault(fault.at("acme").on("GET", "/rest/api/3/user"));
        let page = omar.begin_with(&omar.token()).await;
        let page = says(&scene, page, status, code, title);
        assert!(page.contains(words), "{page}");
        assert!(referred(&page), "{page}");
        jira.clear_faults();
        scene.advance(60);
    }
    let lee = scene.person("acme", LEE);
    let page = lee.begin_with(&lee.token()).await;
    let page = says(
        &scene,
        page,
        403,
        "not-allowed",
        "Portal customers can't connect",
    );
    assert!(referred(&page), "{page}");
    // Clocks: which check a token has failed is told to nobody but the log.
    let made_at = scene.clock.now();
    let early = Overrides::none().claim("iat", made_at + 3600);
    let early = early.claim("exp", scene.clock.now() + 4000);
    let early = jira.context_token("acme", OMAR, &early);
    let page = omar.begin_with(&early).await;
    let page = says(
        &scene,
        page,
        401,
        "unauthorized",
        "Jira didn't confirm who you are",
    );
    assert!(
        page.contains("check the date and time of your computer"),
        "{page}"
    );
    assert!(!referred(&page), "{page}");
    let lines = scene
        .log
        .lines_with(&["WARN".to_owned(), "code=\"clock\" seconds=".to_owned()]);
    let seconds = |line: &String| -> Option<i64> {
        let (_, after) = line.split_once("seconds=")?;
        after.split_whitespace().next()?.parse().ok()
    };
    // As much less than an hour as passed until the token was looked at.
    let least = 3600 - (scene.clock.now() - made_at);
    let told = lines.iter().filter_map(seconds);
    let causes: Vec<i64> = told.filter(|told| (least..=3600).contains(told)).collect();
    assert!(!causes.is_empty(), "the log names the cause: {lines:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_fail_is_seen() {
    for theme in Album::themes() {
        each_way_to_fail(*theme).await;
    }
}

async fn each_way_to_fail(theme: Theme) {
    // While clocks are wrong, nothing is to be renewed.
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(24 * 3600)).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    jira.edit_site("acme", |site| site.token_cache_seconds = 0);
    let browser = Browser::themed(theme).await;
    let album = Album::open(&scene, &browser, theme);
    let at_jira = AtJira::on(&scene, &browser);
    let omar = scene.person("acme", OMAR);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    let back_at_issue = async || {
        browser.close_tab().await;
        browser.switch_to(issue.clone()).await;
    };

    // No tab opens: the frame may not.
    at_jira.wait_glance("unlinked").await;
    browser
        .evaluate(
            "const frame = document.querySelector('iframe.app-frame');\
             frame.sandbox.remove('allow-popups', 'allow-popups-to-escape-sandbox');\
             frame.src = frame.src",
        )
        .await;
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || {
            browser.click_text("Connect").await;
            browser.wait_text("No new tab has opened").await;
            browser.wait_text("Code: new-tab-blocked").await;
        })
        .await;
    album.panel("glance-new-tab-blocked").await;
    browser.reload().await;

    // At the click: Jira.
    for (fault, code) in [
        (kept_out(), "ip-allowlist"),
        (jira::Fault::status(500), "jira-unreachable"),
        (jira::Fault::rate_limited(None, Some("30")), "jira-busy"),
    ] {
        jira.fault(fault.at("acme").on("GET", "/rest/api/3/user"));
        at_jira.click_connect().await;
        browser.wait_text(&format!("Code: {code}")).await;
        browser.wait_text("Back to Jira").await;
        album.page(&format!("error-{code}")).await;
        jira.clear_faults();
        back_at_issue().await;
    }
    scene.advance(60);

    // At the service.
    service.fault(Fault::always(Endpoint::Discovery, Kind::Down));
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    browser.wait_text("Code: service-unreachable").await;
    album.page("error-service-unreachable").await;
    service.clear_faults();
    back_at_issue().await;
    let start_again = async || {
        at_jira.wait_glance("linking").await;
        at_jira
            .in_frame(async || browser.click_text("Start again").await)
            .await;
        browser.follow_new_tab().await;
    };
    start_again().await;
    service.options_mut(|options| options.scopes.retain(|scope| scope != "profile"));
    browser.click_text("Continue").await;
    browser.wait_text("Code: scope-refused").await;
    album.page("error-scope-refused").await;
    service.options_mut(|options| options.scopes.push("profile".to_owned()));
    assert_eq!(service.take_unexpected().len(), 1);
    // The glance has learned that nothing came of it, without a click.
    back_at_issue().await;
    let unfinished = async || {
        at_jira.wake_glance().await;
        at_jira.wait_glance("unlinked").await;
        at_jira
            .in_frame(async || browser.wait_text("Code: not-finished").await)
            .await;
    };
    unfinished().await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    // Closed before the end, and too late then.
    back_at_issue().await;
    at_jira.wait_glance("linking").await;
    scene.advance(601);
    unfinished().await;
    album.panel("glance-not-finished").await;

    // What came too late or was refused, on the way back.
    let address = way_back(&omar, "u-100").await;
    scene.advance(301);
    browser.goto(&address).await;
    failed(&at_jira, "attempt-over").await;
    at_jira
        .in_frame(async || browser.wait_text("This took too long").await)
        .await;
    album.page("finish-failed-too-long").await;
    service.fault(Fault::once(Endpoint::Redeem, Kind::InvalidClient));
    comes_back(&browser, &omar, "u-100").await;
    at_jira.go_on().await;
    browser.wait_text("Code: app-refused").await;
    browser.wait_text("Reference: ").await;
    album.page("error-app-refused").await;

    // The wrong account: somebody else's, or not the one that was meant.
    scene.person("acme", MIA).link("u-100").await;
    comes_back(&browser, &omar, "u-100").await;
    at_jira.until_both("Robin Park").await;
    browser
        .wait_text(
            "Mia Chen on this site is connected to the same account too. Both connections will work.",
        )
        .await;
    album.page("both-shared").await;
    browser.tab_to_and_enter("Use another account").await;
    browser.wait_text("Choose an account").await;
    browser.click_text("Sign in as Sam Ortiz").await;
    browser.wait_text("asks for access").await;
    browser.click_text("Allow").await;
    at_jira.connect_accounts("Sam Ortiz").await;
    assert_eq!(omar.status().await["subject"], "u-200");

    // The same from the issue: who is connected moves to another account.
    let in_jira = format!("{}/browse/KEY-1", jira.url("acme"));
    browser.goto(&in_jira).await;
    at_jira.wait_glance("linked").await;
    album.panel("glance-linked-another").await;
    at_jira
        .in_frame(async || choose(&browser, "#use-another").await)
        .await;
    browser.follow_new_tab().await;
    browser
        .wait_text("Next, Acme Drive asks which account to use.")
        .await;
    album.page("link-another").await;
    browser.click_text("Continue").await;
    browser.wait_text("Choose an account").await;
    back_at_issue().await;

    // The clock of the server, and then that of this computer.
    jira.advance(Duration::from_secs(3600));
    browser.goto(&in_jira).await;
    at_jira
        .in_frame(async || browser.wait_text("Code: unauthorized").await)
        .await;
    album.panel("glance-error-clock").await;
    scene.clock.advance(3600);
    browser.reload().await;
    at_jira.wait_glance("linked").await;
    jira.advance(Duration::from_secs(3600));
    at_jira.wake_glance().await;
    at_jira.wait_glance("clock").await;
    at_jira
        .in_frame(async || browser.wait_text("Code: clock").await)
        .await;
    album.panel("glance-clock").await;
    at_jira
        .in_frame(async || {
            browser
                .evaluate("const now = Date.now; Date.now = () => now() - 3_600_000")
                .await;
            browser.click_text("Try again").await;
            browser.wait_text("are 60 minutes apart").await;
        })
        .await;
    album.panel("glance-clock-of-this-computer").await;
    scene.clock.advance(3600);

    browser
        .assert_console_quiet(&[ERROR_ANSWERS, "allow-popups"])
        .await;
    browser.close().await;
    for person in [omar, scene.person("acme", MIA)] {
        person.disconnect().await;
    }
    scene.nothing_left().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_to_log_out_first_and_see_it() {
    for theme in Album::themes() {
        let setting = Setting {
            service: ServiceOptions {
                announces_prompts: false,
                ..ServiceOptions::default()
            },
            ..Setting::default()
        };
        let scene = Scene::start(Db::Sqlite, setting).await;
        let browser = Browser::themed(*theme).await;
        let album = Album::open(&scene, &browser, *theme);
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        browser.goto(&beginning_of(&omar).await).await;
        browser.wait_text("log out at Acme Drive first").await;
        album.page("link-log-out-first").await;
        browser.assert_console_quiet(&[]).await;
        browser.close().await;
        omar.disconnect().await;
        scene.end().await;
    }
}
