//! Stories of linking, from the click to the key in the property and to its end.

use std::collections::BTreeSet;

use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use latchkey::model::{AccountId, ClientKey, Ending};

use crate::on_both_databases;
use crate::scene::{
    Answer, Begun, Both, Db, FORGE_SITE, Person, Returned, Scene, Setting, between, cookie_of,
    eventually,
};
use crate::sim::jira::{AccountType, KIM, LEE, MIA, OMAR, Overrides, PAT};
use crate::sim::service::{Endpoint, Fault, Kind, RevocationReach, ServiceOptions};

on_both_databases!(
    a_person_connects_and_disconnects,
    a_key_of_ten_seconds_is_renewed_for_five_generations,
    cancelling_on_the_first_page_ends_the_attempt,
    cancelling_before_the_proof_redeems_nothing,
    cancelling_after_the_proof_revokes_what_it_brought,
    saying_no_at_the_service_links_nothing,
    t3_an_attempt_and_its_state_live_ten_minutes,
    t25_a_handle_is_good_for_five_minutes,
    t25_the_way_back_leads_to_the_base_url_and_no_page_hides_who_and_where,
    tokens_of_an_expired_attempt_are_revoked,
    t1_another_person_signed_in_on_return_is_refused,
    t1_by_forge_another_person_signed_in_on_return_is_refused,
    t6_another_account_or_site_is_another_person,
    t6_by_forge_another_account_or_site_is_another_person,
    t1_the_starter_without_the_handle_ends_the_attempt,
    t1_by_forge_the_starter_without_the_handle_ends_the_attempt,
    t13_simultaneous_requests_make_one_link,
    t13_clicks_in_a_row_and_two_tabs_make_one_link,
    t13_clicks_on_another_account_connect_it_once,
    t13_many_begin_at_the_same_time,
    t7_the_newest_attempt_replaces_the_one_before,
    t7_a_token_in_an_address_begins_once,
    t7_a_replayed_token_completes_nothing_without_the_proof,
    everything_works_under_a_path,
    t11_customers_are_refused_on_the_spot,
    t11_customers_may_link_where_they_are_allowed,
    t11_accounts_that_are_not_people_are_refused,
    t19_another_account_replaces_the_first,
    t19_f23_cancelling_a_replacement_leaves_the_first,
    reconnecting_the_same_account_goes_on,
    t20_two_people_share_an_account,
    t20_a_revocation_that_waited_has_its_full_time,
    t20_two_people_share_an_account_that_ends_as_a_whole,
    t20_a_pending_revocation_ends_no_newer_link,
    t21_an_attempt_does_not_survive_what_ends_links,
    t24_names_are_escaped,
    t12_a_session_gets_a_new_id,
);

async fn a_person_connects_and_disconnects(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    assert_eq!(
        omar.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );

    let returned = omar.until_returned("u-100").await;
    assert_eq!(omar.state().await, "linking");
    assert_eq!(
        scene.world.service.ledger().token_requests().len(),
        0,
        "nothing is redeemed before the proof"
    );
    let proved = omar.prove(&returned).await.is(200).json();
    assert_eq!(
        proved,
        json!({"next": scene.address(&format!("/link/{}", returned.id))}),
        "it names nothing but where to go on"
    );
    assert_eq!(
        scene.world.service.ledger().token_requests().len(),
        0,
        "nothing is redeemed by the proof"
    );
    let both = Both::of(&omar.look(&returned).await);
    assert_eq!(scene.world.service.ledger().token_requests().len(), 1);
    let host = scene.world.jira.url("acme");
    assert_eq!(
        both,
        Both {
            person: "Omar Haddad".to_owned(),
            account_id: OMAR.to_owned(),
            site: host.trim_start_matches("http://").to_owned(),
            service: "Acme Drive".to_owned(),
            name: "Robin Park".to_owned(),
            subject: "u-100".to_owned(),
            replaces: None,
            shared: None,
            warns_of_elsewhere: false,
            page: both.page.clone(),
        }
    );
    assert_eq!(
        omar.property(),
        None,
        "nothing is linked before the confirmation"
    );

    let confirmed = omar.confirm(&returned).await;
    assert_eq!(confirmed.leads_to(), format!("/link/{}", returned.id));
    let connected = omar.look(&returned).await.is(200);
    assert!(connected.reads().contains("Connected as Robin Park"));
    let issue = format!("href=\"{host}/browse/KEY-1\"");
    assert!(connected.text.contains(&issue), "{}", connected.text);
    let property = omar.property().expect("the property is there");
    let key = property["apiKey"]
        .as_str()
        .expect("it holds a key")
        .to_owned();
    let expires_at = property["expiresAt"].clone();
    assert_eq!(
        property,
        json!({"version": 1, "apiKey": key, "expiresAt": expires_at, "service": "Acme Drive",
            "subject": "u-100", "displayName": "Robin Park", "generation": 1})
    );
    assert_eq!(
        scene.world.service.ledger().opens_api(&key),
        Some("u-100"),
        "the key works at the service"
    );
    let status = omar.status().await;
    assert_eq!(status["state"], "linked");
    assert_eq!(status["displayName"], "Robin Park");
    assert_eq!(status["expiresAt"], expires_at);

    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(
        omar.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );
    let ledger = scene.world.service.ledger();
    assert!(ledger.is_revoked(&key), "the key is revoked");
    assert_eq!(
        ledger.live_grants().len(),
        0,
        "nothing of it lives on at the service"
    );
    scene.end().await;
}

async fn a_key_of_ten_seconds_is_renewed_for_five_generations(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(10)).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    for generation in 2..=6 {
        let property = omar.property_of_generation(generation).await;
        let key = property["apiKey"]
            .as_str()
            .expect("it holds a key")
            .to_owned();
        assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
        assert_eq!(omar.state().await, "linked");
    }
    let ledger = scene.world.service.ledger();
    assert!(ledger.overlaps().is_empty());
    assert!(ledger.reused_refresh_tokens().is_empty());
    assert!(ledger.refresh_tokens_used_twice().is_empty());
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(scene.world.service.ledger().live_grants().len(), 0);
    scene.end().await;
}

fn key_of(property: &Value) -> String {
    let key = property["apiKey"].as_str();
    key.expect("the property holds a key").to_owned()
}

/// The property of a person who never linked.
async fn nothing_is_linked(person: &Person<'_>) {
    assert_eq!(person.property(), None);
    assert_eq!(
        person.status().await,
        json!({"state": "unlinked", "service": "Acme Drive"})
    );
}

/// The page that says so, and what holds all the same.
#[track_caller]
fn is_cancelled(answer: &Answer, holds: &str) {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    for words in ["<h1>Cancelled</h1>", holds] {
        assert!(answer.reads().contains(words), "{words}: {}", answer.text);
    }
}

/// A page for people, of this kind of refusal.
#[track_caller]
fn is_page(answer: Answer, status: u16, code: &str) -> Answer {
    let answer = answer.is(status);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        answer.text.contains(&format!("<code>{code}</code>")),
        "{}",
        answer.text
    );
    answer
}

async fn cancelling_before_the_proof_redeems_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    omar.finish("cancel", &returned.id, &returned.handle)
        .await
        .is(204);
    omar.prove(&returned).await.is_problem(410, "attempt-over");
    nothing_is_linked(&omar).await;
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.unredeemed_codes().len(), 1);
    assert_eq!(ledger.token_requests().len(), 0);
    scene.end().await;
}

async fn cancelling_after_the_proof_revokes_what_it_brought(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    // From Jira, by the handle, and from the page itself, by its button.
    for in_jira in [true, false] {
        let returned = omar.until_returned("u-100").await;
        let shown = omar.both(&returned).await;
        assert_eq!(scene.world.service.ledger().live_grants().len(), 1);
        if in_jira {
            let (id, handle) = (&returned.id, &returned.handle);
            omar.finish("cancel", id, handle).await.is(204);
        } else {
            let page = format!("/link/{}", returned.id);
            let answer = omar.cancel(&returned.id, &returned.cookie).await;
            assert_eq!(answer.leads_to(), page);
        }
        is_cancelled(&omar.look(&returned).await, "Nothing was connected.");
        let late = omar.confirm_page(&returned, &shown.page).await;
        late.is_page(410, "attempt-over");
        nothing_is_linked(&omar).await;
        scene.all_revoked().await;
    }
    for token in scene.world.service.ledger().tokens_of(0) {
        assert!(scene.world.service.ledger().is_revoked(&token.value));
    }
    scene.end().await;
}

async fn cancelling_on_the_first_page_ends_the_attempt(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let page = format!("/link/{}", begun.id);
    assert_eq!(omar.cancel(&begun.id, &begun.cookie).await.leads_to(), page);
    let answer = omar.with_cookie(Method::GET, &page, &begun.cookie).await;
    is_cancelled(&answer, "Nothing was connected.");
    let back = format!("href=\"{}/browse/KEY-1\"", scene.world.jira.url("acme"));
    assert!(answer.text.contains(&back), "{}", answer.text);
    // Cancelling twice says the same, and going on is over.
    assert_eq!(omar.cancel(&begun.id, &begun.cookie).await.leads_to(), page);
    let late = omar.with_cookie(Method::POST, &page, &begun.cookie).await;
    is_page(late, 410, "attempt-over");
    nothing_is_linked(&omar).await;
    assert_eq!(scene.world.service.calls().len(), 0);
    scene.end().await;
}

async fn saying_no_at_the_service_links_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.deny(&authorize, "u-100").await;
    let page = is_page(
        omar.come_back(&callback, &begun.cookie).await,
        403,
        "denied",
    );
    assert!(page.text.contains("allow access"), "{}", page.text);
    let back = format!("href=\"{}/browse/KEY-1\"", scene.world.jira.url("acme"));
    assert!(page.text.contains(&back), "{}", page.text);
    nothing_is_linked(&omar).await;
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);

    // The answer is good for one time: going back in the browser and saying yes leads nowhere.
    let second = scene.world.service.approve(&authorize, "u-100").await;
    let again = omar.come_back(&second, &begun.cookie).await;
    let page = format!("/link/{}", begun.id);
    assert_eq!(again.leads_to(), page);
    let over = omar.with_cookie(Method::GET, &page, &begun.cookie).await;
    is_page(over, 410, "attempt-over");
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);
    omar.link("u-100").await;
    omar.disconnect().await;
    scene.end().await;
}

async fn t3_an_attempt_and_its_state_live_ten_minutes(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    assert_eq!(omar.state().await, "linking");

    scene.advance(601);
    let page = omar.come_back(&callback, &begun.cookie).await;
    assert!(
        matches!(page.status, StatusCode::FORBIDDEN | StatusCode::GONE),
        "{}",
        page.text
    );
    assert_eq!(page.location, None);
    let answer = omar
        .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
        .await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    nothing_is_linked(&omar).await;
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);

    // By the clock of the app a new one is as good as ever.
    omar.link("u-100").await;
    omar.disconnect().await;
    scene.end().await;
}

async fn t25_a_handle_is_good_for_five_minutes(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    scene.advance(301);
    omar.prove(&returned).await.is_problem(410, "attempt-over");
    nothing_is_linked(&omar).await;
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.token_requests().len(), 0);
    assert_eq!(ledger.unredeemed_codes().len(), 1);
    scene.end().await;
}

async fn t25_the_way_back_leads_to_the_base_url_and_no_page_hides_who_and_where(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    // People see the site on a domain of its own, whose owner reads every address that is opened there.
    jira.rename_site("acme", "help-acme").await.expect("told");
    let (base, theirs) = (jira.url("acme"), jira.display_url("acme"));
    assert_ne!(base, theirs);
    let host = base.trim_start_matches("http://");
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let linking = format!("/link/{}", begun.id);
    let page = omar
        .with_cookie(Method::GET, &linking, &begun.cookie)
        .await
        .is(200);
    for named in [
        "<bdi class=\"name\" id=\"person\">Omar Haddad</bdi>".to_owned(),
        format!("<bdi class=\"site\" id=\"site\">{host}</bdi>"),
    ] {
        assert!(page.text.contains(&named), "{named}: {}", page.text);
    }
    assert!(!page.text.contains("help-acme"), "{}", page.text);

    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let way_back = answer.leads_to().to_owned();
    let start = format!("{base}/plugins/servlet/ac/");
    assert!(way_back.starts_with(&start), "{way_back}");
    let returned = omar.arrive(&way_back, &begun.cookie).await;
    let both = omar.both(&returned).await;
    assert_eq!(both.site, host);
    assert_eq!(both.account_id, OMAR);
    assert_eq!(both.person, "Omar Haddad");
    omar.confirm(&returned).await.leads_to();
    let connected = omar.look(&returned).await.is(200);
    assert!(!connected.text.contains("help-acme"), "{}", connected.text);
    let back = format!("href=\"{base}/browse/KEY-1\"");
    assert!(connected.text.contains(&back), "{}", connected.text);

    // Nor does any other way lead there: a denial, a cancelled attempt, the frame's own link.
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.deny(&authorize, "u-100").await;
    let page = is_page(
        omar.come_back(&callback, &begun.cookie).await,
        403,
        "denied",
    );
    assert!(page.text.contains(&format!("href=\"{base}/browse/KEY-1\"")));
    assert!(!page.text.contains("help-acme"));
    let begun = omar.begin().await;
    let page = omar.cancel(&begun.id, &begun.cookie).await;
    let page = omar.with_cookie(Method::GET, page.leads_to(), &begun.cookie);
    let page = page.await.is(200);
    assert!(page.text.contains(&back), "{}", page.text);
    assert!(!page.text.contains("help-acme"), "{}", page.text);
    omar.disconnect().await;
    scene.end().await;
}

async fn tokens_of_an_expired_attempt_are_revoked(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    let shown = omar.both(&returned).await;
    // After the proof the attempt goes on, although its handle has run out.
    scene.advance(400);
    omar.prove(&returned).await.is_problem(410, "attempt-over");
    assert_eq!(omar.state().await, "linking");
    Both::of(&omar.look(&returned).await);
    scene.advance(201);
    omar.look(&returned).await.is_page(410, "attempt-over");
    let late = omar.confirm_page(&returned, &shown.page).await;
    late.is_page(410, "attempt-over");
    nothing_is_linked(&omar).await;
    scene.all_revoked().await;
    scene.end().await;
}

async fn t1_another_person_signed_in_on_return_is_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    another_person_is_refused(scene, "acme").await;
}

async fn t1_by_forge_another_person_signed_in_on_return_is_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    scene.with_forge(FORGE_SITE).await;
    another_person_is_refused(scene, FORGE_SITE).await;
}

async fn another_person_is_refused(scene: Scene, site: &'static str) {
    // Omar sends his linking page to Mia, who logs in at the service and comes back through her Jira.
    let omar = scene.person(site, OMAR);
    let mia = scene.person(site, MIA);
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-200").await;
    let answer = omar.come_back(&callback, &begun.cookie).await;
    let returned = mia.arrive(answer.leads_to(), &begun.cookie).await;

    let problem = mia.refused(&mia.prove(&returned).await, 403, "wrong-person");
    assert_eq!(problem["signedInAs"], "Mia Chen");
    let detail = problem["detail"].as_str().expect("there are words");
    assert!(detail.contains("Mia Chen"), "{detail}");
    assert!(!detail.contains("Omar"), "who started is nobody's business");
    // It is over for the one who started, even with the handle.
    omar.refused(&omar.prove(&returned).await, 410, "attempt-over");
    let stopped = omar.look(&returned).await.is_page(410, "attempt-over");
    assert!(stopped.text.contains("This attempt was stopped"));
    nothing_is_linked(&omar).await;
    nothing_is_linked(&mia).await;
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.unredeemed_codes().len(), 1, "the code was dropped");
    assert_eq!(ledger.token_requests().len(), 0);
    let tenant = scene.client_key(site);
    let both = [
        ("tenant", tenant.as_str()),
        ("started_by", OMAR),
        ("finished_at", &tenant),
        ("finished_by", MIA),
    ];
    scene
        .has_recorded(("refused_proof", "person"), 1, &both)
        .await;
    scene.end().await;
}

async fn t6_another_account_or_site_is_another_person(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    another_account_or_site_is_refused(scene, "acme", "globex").await;
}

/// The other site comes by the same door, or by the other one.
async fn t6_by_forge_another_account_or_site_is_another_person(db: Db) {
    for there in ["hooli", "globex"] {
        let scene = Scene::start(db, Setting::default()).await;
        scene.with_forge(FORGE_SITE).await;
        if there == "hooli" {
            scene.with_forge(there).await;
        }
        another_account_or_site_is_refused(scene, FORGE_SITE, there).await;
    }
}

async fn another_account_or_site_is_refused(scene: Scene, site: &'static str, other: &'static str) {
    let here = scene.person(site, MIA);
    let there = scene.person(other, MIA);
    let other = scene.person(site, OMAR);
    // With the very handle; before the proof, after it, and when one click would link. It is over for
    // everybody then, and what it brought is revoked.
    for somebody in [&there, &other] {
        for step in ["prove", "cancel"] {
            for come_to in ["returned", "proved", "redeemed"] {
                // All of this is more than one person may do at once.
                scene.advance(15);
                let returned = here.until_returned("u-100").await;
                let mut page = String::new();
                match come_to {
                    "proved" => drop(here.prove(&returned).await.is(200)),
                    "redeemed" => page = here.both(&returned).await.page,
                    _ => {}
                }
                let answer = somebody.finish(step, &returned.id, &returned.handle);
                somebody.refused(&answer.await, 403, "wrong-person");
                here.refused(&here.prove(&returned).await, 410, "attempt-over");
                here.look(&returned).await.is_page(410, "attempt-over");
                let late = here.confirm_page(&returned, &page).await;
                late.is_page(410, "attempt-over");
            }
        }
    }
    for person in [&here, &there, &other] {
        nothing_is_linked(person).await;
    }
    scene.all_revoked().await;
    let redeemed = scene.world.service.ledger().token_requests().len();
    assert_eq!(redeemed, 4, "what the one who started had looked at");
    let (one, two) = (scene.client_key(here.site), scene.client_key(there.site));
    for (kind, at, by) in [
        (("cross_tenant", "proof"), &two, MIA),
        (("refused_proof", "person"), &one, OMAR),
    ] {
        let both = [
            ("tenant", one.as_str()),
            ("started_by", MIA),
            ("finished_at", at),
            ("finished_by", by),
        ];
        scene.has_recorded(kind, 6, &both).await;
    }

    // Each of the two may link for itself, and nothing of one is the other's.
    here.link("u-100").await;
    nothing_is_linked(&there).await;
    there.link("u-200").await;
    let (one, other) = (here.property(), there.property());
    assert_ne!(one, other);
    there.disconnect().await;
    assert_eq!(here.property(), one);
    here.disconnect().await;
    scene.end().await;
}

async fn t1_the_starter_without_the_handle_ends_the_attempt(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    the_starter_without_the_handle_is_refused(scene, "acme").await;
}

async fn t1_by_forge_the_starter_without_the_handle_ends_the_attempt(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    scene.with_forge(FORGE_SITE).await;
    the_starter_without_the_handle_is_refused(scene, FORGE_SITE).await;
}

async fn the_starter_without_the_handle_is_refused(scene: Scene, site: &'static str) {
    let omar = scene.person(site, OMAR);
    // The id is known to whoever began: it stands in the address of the linking page. What comes back
    // with the victim's browser is the handle, and no answer of ours tells it to anybody else.
    let earlier = omar.until_returned("u-100").await;
    let guesses = ["a-handle-that-somebody-guessed", "", &earlier.handle];
    for step in ["prove", "cancel"] {
        for guess in guesses {
            let returned = omar.until_returned("u-100").await;
            let answer = omar.finish(step, &returned.id, guess).await;
            omar.refused(&answer, 403, "wrong-browser");
            omar.refused(&omar.prove(&returned).await, 410, "attempt-over");
        }
    }
    // Nor has an attempt a handle before it came back.
    for goes_on in [false, true] {
        let begun = omar.begin().await;
        if goes_on {
            omar.go_on(&begun).await;
        }
        for guess in ["", &begun.id] {
            let answer = omar.finish("prove", &begun.id, guess).await;
            assert!(matches!(answer.status.as_u16(), 403 | 410));
        }
    }
    nothing_is_linked(&omar).await;
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);
    let whose = [("tenant", &*scene.client_key(site)), ("account", OMAR)];
    scene.has_recorded(("wrong_handle", ""), 8, &whose).await;
    scene.end().await;
}

async fn t13_simultaneous_requests_make_one_link(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    let statuses = |answers: [Answer; 4]| {
        let mut statuses = answers.map(|answer| answer.status.as_u16());
        statuses.sort_unstable();
        statuses
    };

    let (a, b, c, d) = tokio::join!(
        omar.prove(&returned),
        omar.prove(&returned),
        omar.prove(&returned),
        omar.prove(&returned)
    );
    assert_eq!(statuses([a, b, c, d]), [200, 200, 200, 200]);
    omar.prove(&returned).await.is(200);
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);

    // The page, four times at once: one of them redeems the code, the others wait for it.
    let look = || omar.look(&returned);
    let (a, b, c, d) = tokio::join!(look(), look(), look(), look());
    assert_eq!(statuses([a, b, c, d]), [200, 200, 200, 200]);
    let both = eventually("the accounts are shown", async || {
        let page = omar.look(&returned).await;
        page.text.contains("jira-account").then(|| Both::of(&page))
    })
    .await;
    assert_eq!(scene.world.service.ledger().token_requests().len(), 1);

    let click = || omar.confirm_page(&returned, &both.page);
    let (a, b, c, d) = tokio::join!(click(), click(), click(), click());
    assert_eq!(statuses([a, b, c, d]), [303, 303, 303, 303]);
    click().await.leads_to();
    // Whatever was loaded again says what holds.
    omar.prove(&returned).await.is(200);
    let connected = omar.look(&returned).await.is(200);
    assert!(connected.reads().contains("Connected as Robin Park"));
    let writes = scene.world.jira.property_writes();
    assert_eq!(writes.len(), 1, "one key is put, once");
    assert_eq!(writes[0].generation(), Some(1));
    let key = key_of(&omar.property().expect("the key is there"));
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.grants().len(), 1);
    assert_eq!(ledger.opens_api(&key), Some("u-100"));
    assert_eq!(omar.state().await, "linked");
    omar.disconnect().await;
    scene.end().await;
}

async fn t13_clicks_in_a_row_and_two_tabs_make_one_link(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    // Connect, four times at once, with the token that Jira's bridge keeps.
    let token = omar.token();
    let click = || omar.begin_with(&token);
    let (a, b, c, d) = tokio::join!(click(), click(), click(), click());
    let mut left = Vec::new();
    for answer in [a, b, c, d] {
        let (path, cookie) = (answer.leads_to().to_owned(), cookie_of(&answer));
        match omar.with_cookie(Method::GET, &path, &cookie).await {
            page if page.status == 200 => left.push(Begun {
                id: path.trim_start_matches("/link/").to_owned(),
                cookie,
            }),
            page => {
                let page = is_page(page, 410, "attempt-over");
                assert!(page.text.contains("You started again"), "{}", page.text);
            }
        }
    }
    assert_eq!(left.len(), 1, "a person has one attempt");
    let begun = left.remove(0);

    // Continue, twice: the last one counts.
    let (first, last) = (omar.go_on(&begun).await, omar.go_on(&begun).await);
    let outdated = service.approve(&first, "u-200").await;
    let callback = service.approve(&last, "u-100").await;
    is_page(
        omar.come_back(&outdated, &begun.cookie).await,
        410,
        "attempt-over",
    );
    // The answer of the service, four times at once: a state is good once, and one handle comes of it.
    let arrives = || omar.come_back(&callback, &begun.cookie);
    let answers: [Answer; 4] = tokio::join!(arrives(), arrives(), arrives(), arrives()).into();
    let page = format!("/link/{}", begun.id);
    let (late, back): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.leads_to() == page);
    assert_eq!((back.len(), late.len()), (1, 3));
    // Two tabs on the finish page, and on the page with both accounts.
    let one = omar.arrive(back[0].leads_to(), &begun.cookie).await;
    let other = omar.arrive(back[0].leads_to(), &begun.cookie).await;
    let (a, b) = tokio::join!(omar.prove(&one), omar.prove(&other));
    assert_eq!(sorted([&a, &b]), [200, 200]);
    let shown = Both::of(&omar.look(&one).await);
    assert_eq!(Both::of(&omar.look(&other).await), shown);
    let (a, b) = tokio::join!(
        omar.confirm_page(&one, &shown.page),
        omar.confirm_page(&other, &shown.page)
    );
    assert_eq!(sorted([&a, &b]), [303, 303]);
    let connected = omar.confirm(&one).await.is(200);
    assert!(connected.reads().contains("Connected as Robin Park"));
    omar.prove(&one).await.is(200);
    assert_eq!(scene.world.jira.property_writes().len(), 1);
    assert_eq!(service.ledger().token_requests().len(), 1);
    assert_eq!(omar.status().await["subject"], "u-100");
    omar.disconnect().await;
    scene.end().await;
}

/// A click that finds what another has just linked must not take its own page for an old one.
async fn t13_clicks_on_another_account_connect_it_once(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    for (tenant, account) in ["acme", "globex"].map(|site| (site, OMAR)) {
        let omar = scene.person(tenant, account);
        omar.link("u-100").await;
        for subject in ["u-200", "u-100", "u-200"] {
            let returned = omar.until_returned(subject).await;
            let both = omar.both(&returned).await;
            assert!(both.replaces.is_some());
            let click = || omar.confirm_page(&returned, &both.page);
            let clicks = tokio::join!(click(), click(), click(), click(), click(), click());
            for answer in Into::<[Answer; 6]>::into(clicks) {
                assert_eq!(answer.leads_to(), format!("/link/{}", returned.id));
            }
            assert_eq!(omar.status().await["subject"], subject);
        }
    }
    let events = scene.log.lines_with(&["wrong_page".to_owned()]);
    assert_eq!(events, Vec::<String>::new());
    scene.end().await;
}

/// Each finds the attempt before it and ends it; none is turned away because of the others.
async fn t13_many_begin_at_the_same_time(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let app = scene.app();
    let key = ClientKey(scene.client_key("acme"));
    let store = &app.parts.store;
    let tenant = store.tenant(&key).await.expect("the database answers");
    let tenant = tenant.expect("it is installed");
    let now = app.parts.clock.now();
    let mut beginning = JoinSet::new();
    for _ in 0..40 {
        let (app, tenant) = (app.clone(), tenant.clone());
        beginning.spawn(async move {
            let (store, account) = (&app.parts.store, AccountId(OMAR.to_owned()));
            let begun = store.begin_attempt(&tenant, &account, None, false, now, 600);
            begun.await.expect("it begins")
        });
    }
    let mut left = 0;
    for id in &beginning.join_all().await {
        let attempt = store.attempt(id, now).await.expect("the database answers");
        let ended = store.attempt_end(id, now).await;
        let ended = ended.expect("the database answers");
        match (attempt, ended) {
            (Some(_), None) => left += 1,
            (None, Some((_, ended))) => assert_eq!(ended.how, Ending::Replaced),
            (attempt, ended) => panic!(
                "there are of {id}: the attempt {}, its end {}",
                attempt.is_some(),
                ended.is_some()
            ),
        }
    }
    assert_eq!(left, 1);
    scene.end().await;
}

fn sorted(answers: [&Answer; 2]) -> [u16; 2] {
    let mut statuses = answers.map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    statuses
}

async fn t7_the_newest_attempt_replaces_the_one_before(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let first = omar.begin().await;
    let second = omar.begin().await;
    assert_ne!(first.id, second.id);
    for method in [Method::GET, Method::POST] {
        let answer = omar
            .with_cookie(method, &format!("/link/{}", first.id), &first.cookie)
            .await;
        is_page(answer, 410, "attempt-over");
    }
    // The second tab's attempt is not the first's, although both are of one person.
    let answer = omar
        .with_cookie(Method::GET, &format!("/link/{}", second.id), &first.cookie)
        .await;
    is_page(answer, 403, "wrong-browser");

    let returned = omar.until_returned("u-100").await;
    let third = omar.begin().await;
    omar.prove(&returned).await.is_problem(410, "attempt-over");
    let proved = omar.until_returned("u-100").await;
    assert_ne!(proved.id, third.id);
    let shown = omar.both(&proved).await;
    let fourth = omar.begin().await;
    let late = omar.confirm_page(&proved, &shown.page).await;
    late.is_page(410, "attempt-over");
    scene.all_revoked().await;
    assert_eq!(omar.state().await, "linking", "the fourth goes on");
    omar.go_on(&fourth).await;
    scene.end().await;
}

async fn t7_a_token_in_an_address_begins_once(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let token = omar.token();
    let address = format!("/link?jwt={token}&issue=KEY-2");
    let answer = scene.get(&address).await;
    let location = answer.leads_to().to_owned();
    assert!(!location.contains("jwt"), "{location}");
    let cookie = cookie_of(&answer);
    let page = omar
        .with_cookie(Method::GET, &location, &cookie)
        .await
        .is(200);
    assert!(page.text.contains("KEY-2"), "{}", page.text);
    let again = is_page(scene.get(&address).await, 401, "unauthorized");
    assert_eq!(again.cookie, None);
    assert_eq!(again.location, None);
    // The replay did not end what the first one began.
    omar.with_cookie(Method::GET, &location, &cookie)
        .await
        .is(200);
    let whose = [("tenant", &*scene.client_key("acme")), ("account", OMAR)];
    scene.has_recorded(("replay", ""), 1, &whose).await;

    // A form may bring the same token again, and an address may not bring one that a form brought.
    let token =
        scene
            .world
            .jira
            .context_token("acme", OMAR, &Overrides::none().claim("jti", "another"));
    omar.begin_with(&token).await.leads_to();
    omar.begin_with(&token).await.leads_to();
    let late = scene.get(&format!("/link?jwt={token}")).await;
    is_page(late, 401, "unauthorized");
    // Four at once: one of them was first.
    let token =
        scene
            .world
            .jira
            .context_token("acme", OMAR, &Overrides::none().claim("jti", "a third"));
    let address = format!("/link?jwt={token}");
    let get = || scene.get(&address);
    let (a, b, c, d) = tokio::join!(get(), get(), get(), get());
    let mut statuses = [a, b, c, d].map(|answer| answer.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401, 401, 401]);
    // As long as a token is good, another process knows as well that it was used.
    let mut scene = scene;
    scene.restart().await;
    is_page(scene.get(&address).await, 401, "unauthorized");
    scene.end().await;
}

async fn t7_a_replayed_token_completes_nothing_without_the_proof(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    // An attacker has Omar's token out of a log, begins by POST, which is taken, and brings an account of
    // their own from the service. To end it they would need the handle in Omar's browser.
    let token = omar.token();
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let answer = omar.begin_with(&token).await;
        let id = answer.leads_to().trim_start_matches("/link/").to_owned();
        let begun = Begun {
            id,
            cookie: cookie_of(&answer),
        };
        let authorize = omar.go_on(&begun).await;
        let callback = service.approve(&authorize, "u-200").await;
        attempts.push((begun, callback));
    }
    let (newest, earlier) = attempts.split_last().expect("there are three");
    for (begun, callback) in earlier {
        // What it was for is over, and its page says so.
        let late = omar.come_back(callback, &begun.cookie).await;
        let page = omar.with_cookie(Method::GET, late.leads_to(), &begun.cookie);
        is_page(page.await, 410, "attempt-over");
    }
    let (begun, callback) = newest;
    let answer = omar.come_back(callback, &begun.cookie).await;
    let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
    let unproved = omar.confirm_page(&returned, "").await;
    unproved.is_page(409, "out-of-date");
    assert_eq!(omar.property(), None);
    assert_eq!(omar.state().await, "linking");
    for (begun, _) in &attempts {
        for step in ["cancel", "prove"] {
            let answer = omar.finish(step, &begun.id, "guessed").await;
            assert!(
                matches!(answer.status.as_u16(), 403 | 410),
                "{}",
                answer.text
            );
        }
    }
    nothing_is_linked(&omar).await;
    assert_eq!(service.ledger().token_requests().len(), 0);
    scene.end().await;
}

async fn everything_works_under_a_path(db: Db) {
    let setting = Setting {
        base_path: "/apps/key",
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let glance = scene.world.jira.framed_url(
        "acme",
        OMAR,
        &scene.world.jira.url("acme"),
        "/connect/glance?issue=KEY-1",
        &Overrides::none(),
    );
    let page = scene.send(scene.http.get(&glance)).await.is(200);
    for (stem, ending) in [("latchkey", "css"), ("glance", "js")] {
        let before = format!("\"/apps/key/static/{stem}.");
        let hash = between(&page.text, &before, "\"");
        let hash = hash.unwrap_or_else(|| panic!("{}", page.text));
        scene.get(&format!("/static/{stem}.{hash}")).await.is(200);
        scene.get(&format!("/static/{stem}.{ending}")).await.is(200);
    }
    let begun = omar.begin().await;
    let page = omar
        .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
        .await
        .is(200);
    let action = format!("action=\"/apps/key/link/{}\"", begun.id);
    assert!(page.text.contains(&action), "{}", page.text);

    omar.link("u-100").await;
    let key = key_of(&omar.property().expect("the key is there"));
    assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
    omar.renew().await.is(202);
    omar.property_of_generation(2).await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);

    // Nothing is served beside the path.
    let origin = scene.base.strip_suffix("/apps/key").expect("it is there");
    for path in ["/", "/link", "/healthz", "/apps/keys/healthz", "/apps"] {
        let answer = scene.send(scene.http.get(format!("{origin}{path}"))).await;
        is_page(answer, 404, "not-found");
    }
    scene.get("/healthz").await.is(200);
    scene.end().await;
}

/// Refused on `/link` itself: no cookie, no redirect, and words.
#[track_caller]
fn is_refused(answer: Answer, words: &str) {
    let answer = is_page(answer, 403, "not-allowed");
    assert_eq!(answer.cookie, None);
    assert_eq!(answer.location, None);
    assert!(answer.reads().contains(words), "{}", answer.text);
}

async fn is_refused_everywhere(scene: &Scene, site: &'static str, account: &str, words: &str) {
    let person = scene.person(site, account);
    is_refused(person.begin_with(&person.token()).await, words);
    // A token of its own: one that began before would be refused for that.
    let other = Overrides::none().claim("jti", account);
    let token = scene.world.jira.context_token(site, account, &other);
    is_refused(scene.get(&format!("/link?jwt={token}")).await, words);
    assert_eq!(person.property(), None);
}

async fn t11_customers_are_refused_on_the_spot(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let words = "Portal customers can't connect";
    is_refused_everywhere(&scene, "acme", PAT, words).await;
    assert_eq!(
        scene.world.jira.calls_to("GET", "/rest/api/3/user").len(),
        0,
        "that prefix is refused without asking"
    );
    is_refused_everywhere(&scene, "acme", LEE, words).await;
    assert_eq!(
        scene.world.jira.calls_to("GET", "/rest/api/3/user").len(),
        1,
        "the account type decides, asked once and remembered"
    );
    for account in [PAT, LEE] {
        let token = scene.person("acme", account).token();
        let request = scene
            .http
            .get(scene.address("/api/link"))
            .header("authorization", format!("JWT {token}"));
        let problem = scene.send(request).await.is_problem(403, "not-allowed");
        assert_eq!(problem["title"], words);
    }
    assert_eq!(scene.world.service.calls().len(), 0);
    let acme = scene.client_key("acme");
    for account in [PAT, LEE] {
        let whose = [("tenant", acme.as_str()), ("account", account)];
        scene.has_recorded(("refused", "customer"), 4, &whose).await;
    }
    scene.end().await;
}

async fn t11_customers_may_link_where_they_are_allowed(db: Db) {
    let setting = Setting::default().with("LATCHKEY_CUSTOMERS", "allow");
    let scene = Scene::start(db, setting).await;
    for (account, subject) in [(PAT, "u-100"), (LEE, "u-200")] {
        let person = scene.person("acme", account);
        person.link(subject).await;
        let key = key_of(&person.property().expect("the key is there"));
        assert_eq!(scene.world.service.ledger().opens_api(&key), Some(subject));
        person.disconnect().await;
    }
    // Being allowed as a customer opens nothing for others.
    is_refused_everywhere(&scene, "acme", KIM, "This account is deactivated").await;
    scene.end().await;
}

async fn t11_accounts_that_are_not_people_are_refused(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    is_refused_everywhere(&scene, "acme", KIM, "This account is deactivated").await;
    let app = scene.world.jira.edit_site("acme", |site| {
        let mut people = site.people.values();
        people
            .find(|person| person.account_type == AccountType::App)
            .map(|person| person.account_id.clone())
            .expect("an installed app has a user")
    });
    is_refused_everywhere(&scene, "acme", &app, "Apps can't connect").await;
    // An account that Jira no longer knows, though its token has not run out.
    let token = scene.person("acme", MIA).token();
    scene.world.jira.remove_person("acme", MIA);
    let gone = scene.person("acme", MIA);
    is_refused(gone.begin_with(&token).await, "This account is deactivated");

    let jira = &scene.world.jira;
    let anonymous = jira.context_token("acme", None, &Overrides::none());
    let words = "Sign in to Jira first";
    is_refused(gone.begin_with(&anonymous).await, words);
    is_refused(scene.get(&format!("/link?jwt={anonymous}")).await, words);
    let empty = jira.context_token("acme", "", &Overrides::none());
    is_refused(gone.begin_with(&empty).await, words);
    let request = scene
        .http
        .get(scene.address("/api/link"))
        .header("authorization", format!("JWT {anonymous}"));
    scene.send(request).await.is_problem(403, "not-allowed");
    jira.set_anonymous("acme", true);
    let origin = jira.url("acme");
    let framed = jira.framed_url(
        "acme",
        None,
        &origin,
        "/connect/glance?issue=KEY-1",
        &Overrides::none(),
    );
    is_refused(scene.send(scene.http.get(framed)).await, words);
    assert_eq!(scene.world.service.calls().len(), 0);
    let acme = scene.client_key("acme");
    for (kind, account, times) in [("deactivated", KIM, 3), ("app", &app, 2)] {
        let whose = [("tenant", acme.as_str()), ("account", account)];
        scene.has_recorded(("refused", kind), times, &whose).await;
    }
    scene.end().await;
}

async fn t19_another_account_replaces_the_first(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let first = key_of(&omar.property().expect("the key is there"));

    let begun = omar.begin().await;
    let page = omar
        .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
        .await
        .is(200);
    assert!(page.text.contains("Robin Park"), "the page names the old");
    let returned = omar.until_returned("u-200").await;
    let both = omar.both(&returned).await;
    assert_eq!(both.subject, "u-200");
    let (old, new) = ("Robin Park".to_owned(), "Sam Ortiz".to_owned());
    assert_eq!(both.replaces, Some((old, new)));
    assert_eq!(
        key_of(&omar.property().expect("the key is there")),
        first,
        "nothing changes before the confirmation"
    );
    assert_eq!(omar.status().await["subject"], "u-100");

    omar.confirm(&returned).await.leads_to();
    assert_eq!(omar.status().await["subject"], "u-200");
    let property = omar.property().expect("the key is there");
    assert_eq!(property["subject"], "u-200");
    assert_eq!(property["displayName"], "Sam Ortiz");
    assert_eq!(property["generation"], 2, "the generation goes on");
    let second = key_of(&property);
    eventually("the old account's key is revoked", async || {
        let ledger = scene.world.service.ledger();
        (ledger.is_revoked(&first) && ledger.live_grants().len() == 1).then_some(())
    })
    .await;
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&first), None);
    assert_eq!(ledger.opens_api(&second), Some("u-200"));
    let calls = scene.world.jira.property_writes();
    assert!(
        calls.iter().all(|write| write.value.is_some()),
        "the property is never gone in between"
    );
    omar.disconnect().await;
    scene.all_revoked().await;
    scene.end().await;
}

async fn t19_f23_cancelling_a_replacement_leaves_the_first(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let before = omar.property();
    // The same account again, too: what is cancelled must not take along what is linked.
    for subject in ["u-200", "u-100"] {
        let returned = omar.until_returned(subject).await;
        omar.both(&returned).await;
        omar.cancel(&returned.id, &returned.cookie).await.leads_to();
        let holds = "You're still connected to Acme Drive as Robin Park.";
        is_cancelled(&omar.look(&returned).await, holds);
        assert_eq!(omar.state().await, "linked");
        assert_eq!(omar.status().await["subject"], "u-100");
    }
    assert_eq!(omar.property(), before);
    scene.no_work_left().await;
    let key = key_of(&before.expect("the key is there"));
    assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
    omar.renew().await.is(202);
    omar.property_of_generation(2).await;
    omar.disconnect().await;
    scene.all_revoked().await;
    scene.end().await;
}

async fn reconnecting_the_same_account_goes_on(db: Db) {
    // The stricter kind of service: revoking the first grant would end the second with it.
    let setting = Setting {
        service: ServiceOptions {
            revocation_reach: RevocationReach::Account,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let first = key_of(&omar.property().expect("the key is there"));
    let returned = omar.until_returned("u-100").await;
    let both = omar.both(&returned).await;
    assert_eq!(both.replaces, None, "it is the same account");
    omar.confirm(&returned).await.leads_to();
    let property = omar.property().expect("the key is there");
    assert_eq!(property["generation"], 2);
    let second = key_of(&property);
    assert_ne!(first, second);
    scene.no_work_left().await;
    assert_eq!(
        scene.world.service.ledger().opens_api(&second),
        Some("u-100")
    );
    omar.renew().await.is(202);
    omar.property_of_generation(3).await;
    omar.disconnect().await;
    scene.all_revoked().await;
    for key in [&first, &second] {
        assert!(scene.world.service.ledger().is_revoked(key));
    }
    scene.end().await;
}

async fn t20_two_people_share_an_account(db: Db) {
    share_an_account(db, RevocationReach::Grant).await;
}

async fn t20_two_people_share_an_account_that_ends_as_a_whole(db: Db) {
    share_an_account(db, RevocationReach::Account).await;
}

async fn share_an_account(db: Db, revocation_reach: RevocationReach) {
    let setting = Setting {
        service: ServiceOptions {
            revocation_reach,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-100").await;
    let omars = key_of(&omar.property().expect("the key is there"));
    let mias = key_of(&mia.property().expect("the key is there"));
    assert_ne!(omars, mias);

    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    scene.no_work_left().await;
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&omars), None, "the one who left is out");
    assert_eq!(ledger.opens_api(&mias), Some("u-100"));
    mia.renew().await.is(202);
    let renewed = key_of(&mia.property_of_generation(2).await);
    assert_eq!(
        scene.world.service.ledger().opens_api(&renewed),
        Some("u-100")
    );
    // With the last of them goes what had to wait for it.
    mia.disconnect().await;
    scene.all_revoked().await;
    for key in [&omars, &mias, &renewed] {
        assert_eq!(scene.world.service.ledger().opens_api(key), None);
    }
    scene.end().await;
}

/// A revocation can wait for another link longer than revocations are tried for. It still has its full time.
async fn t20_a_revocation_that_waited_has_its_full_time(db: Db) {
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: std::time::Duration::from_secs(30 * 24 * 3600),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    mia.link("u-100").await;
    omar.disconnect().await;
    scene.no_work_left().await;
    scene.advance(8 * 24 * 3600);
    let service = &scene.world.service;
    service.fault(Fault::times(Endpoint::Revoke, 4, Kind::Down));
    mia.disconnect().await;
    eventually("it was tried in vain", async || {
        (service.calls_to(Endpoint::Revoke) >= 4).then_some(())
    })
    .await;
    scene.all_revoked().await;
    scene.end().await;
}

async fn t20_a_pending_revocation_ends_no_newer_link(db: Db) {
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
    let mia = scene.person("globex", MIA);
    omar.link("u-100").await;
    service.fault(Fault::always(Endpoint::Revoke, Kind::Down));
    omar.disconnect().await;
    mia.link("u-100").await;
    service.clear_faults();
    scene.advance(3600);
    scene.no_work_left().await;

    mia.renewed().await;
    mia.recorded().await;
    assert_eq!(service.ledger().opens_api(&mia.key()), Some("u-100"));
    mia.disconnect().await;
    scene.all_revoked().await;
    scene.end().await;
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Begun,
    Authorizing,
    Returned,
    Proved,
    /// The service has been asked and has not answered.
    Redeeming,
    Redeemed,
}

const PHASES: [Phase; 6] = [
    Phase::Begun,
    Phase::Authorizing,
    Phase::Returned,
    Phase::Proved,
    Phase::Redeeming,
    Phase::Redeemed,
];

async fn t21_an_attempt_does_not_survive_what_ends_links(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let events = ["unlink", "uninstall", "reinstall", "new secret"];
    let mut people = scene
        .crowd(
            "acme",
            u64::try_from(events.len() * PHASES.len()).expect("few"),
        )
        .into_iter();
    for event in events {
        for phase in PHASES {
            // Nobody begins so often at once as all of this would take.
            let (account, _) = people.next().expect("there is one for each");
            an_attempt_ends_with(&scene, &account, event, phase).await;
        }
    }
    scene.end().await;
}

/// Somebody who is linked wants another account, and comes this far when it happens.
async fn an_attempt_ends_with(scene: &Scene, account: &str, event: &str, phase: Phase) {
    let what = format!("{event}, {phase:?}");
    let jira = &scene.world.jira;
    let service = &scene.world.service;
    let omar = scene.person("acme", account);
    omar.link("u-100").await;
    let begun = omar.begin().await;
    let mut callback = String::new();
    let mut returned = Returned {
        id: begun.id.clone(),
        handle: String::new(),
        cookie: begun.cookie.clone(),
    };
    let mut shown = String::new();
    if phase >= Phase::Authorizing {
        let authorize = omar.go_on(&begun).await;
        callback = service.approve(&authorize, "u-200").await;
    }
    if phase >= Phase::Returned {
        let way_back = omar.come_back(&callback, &begun.cookie).await;
        returned = omar.arrive(way_back.leads_to(), &begun.cookie).await;
    }
    if phase >= Phase::Proved {
        omar.prove(&returned).await.is(200);
    }
    if phase == Phase::Redeemed {
        shown = Both::of(&omar.look(&returned).await).page;
    }
    let redeemed = service.calls_to(Endpoint::Redeem);
    let asked = service.ledger().token_requests().len();
    let happens = async {
        match event {
            "unlink" => omar.disconnect().await,
            "uninstall" => {
                let answer = jira.uninstall("acme").await.expect("it answers");
                assert_eq!(answer.status, 204);
            }
            "reinstall" => jira.reinstall("acme").await.expect("it comes back"),
            _ => {
                let answer = jira.rotate_secret("acme").await.expect("it answers");
                assert_eq!(answer.status, 204);
            }
        }
    };
    if phase == Phase::Redeeming {
        service.fault(Fault::once(Endpoint::Redeem, Kind::Held));
        let meanwhile = async {
            eventually("the code is being redeemed", async || {
                (service.calls_to(Endpoint::Redeem) > redeemed).then_some(())
            })
            .await;
            happens.await;
            service.clear_faults();
        };
        let (answer, ()) = tokio::join!(omar.look(&returned), meanwhile);
        assert_eq!(answer.status, 410, "{what}: {}", answer.text);
    } else {
        happens.await;
        let now = service.ledger().token_requests().len();
        assert_eq!(asked, now, "{what}: nothing was redeemed or renewed");
    }
    if event == "uninstall" {
        // Without the app nobody there has a token that counts.
        for step in ["prove", "cancel"] {
            omar.finish(step, &returned.id, &returned.handle)
                .await
                .is_problem(401, "unauthorized");
        }
        scene.all_revoked().await;
        let descriptor = scene.address("/atlassian-connect.json");
        jira.install("acme", &descriptor).await.expect("installed");
    }
    // Whatever comes next is too late.
    let linking = format!("/link/{}", begun.id);
    for method in [Method::GET, Method::POST] {
        let page = omar.with_cookie(method, &linking, &begun.cookie).await;
        is_page(page, 410, "attempt-over");
    }
    if phase >= Phase::Authorizing {
        let late = omar.come_back(&callback, &begun.cookie).await;
        assert_eq!(late.leads_to(), linking, "{what}");
    }
    for step in ["prove", "cancel"] {
        omar.finish(step, &returned.id, &returned.handle)
            .await
            .is_problem(410, "attempt-over");
    }
    let late = omar.confirm_page(&returned, &shown).await;
    is_page(late, 410, "attempt-over");
    if event == "new secret" {
        assert_eq!(omar.state().await, "linked", "links are not attempts");
        omar.disconnect().await;
    } else if event != "unlink" {
        // Jira has not forgotten the property of the app that was taken away.
        assert!(omar.property().is_some());
        jira.edit_site("acme", |site| site.properties.clear());
    }
    nothing_is_linked(&omar).await;
    scene.all_revoked().await;
    let redeeming = usize::from(phase == Phase::Redeeming);
    let now = service.ledger().token_requests().len();
    assert_eq!(
        asked + redeeming,
        now,
        "{what}: nothing was asked for after"
    );
}

async fn t24_names_are_escaped(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let evil = "<img src=x onerror=alert(1)>";
    scene.world.jira.add_person(
        "acme",
        crate::sim::jira::Person::new("5aevil", "</bdi><script>alert('jira')</script>"),
    );
    let person = scene.person("acme", "5aevil");
    let clean = |answer: Answer| {
        let page = answer.is(200).text;
        assert!(!page.contains("<img"), "{page}");
        assert!(!page.contains("<script>"), "{page}");
        page
    };
    let linked = person.link("u-666").await;
    assert_eq!(linked["displayName"], evil, "JSON is not HTML");
    assert_eq!(
        person.property().expect("the key is there")["displayName"],
        evil
    );
    let both = person.until_returned("u-666").await;
    person.prove(&both).await.is(200);
    let page = clean(person.look(&both).await);
    assert!(page.contains("alert(&#39;jira&#39;)"), "{page}");
    assert_eq!(page.matches("img src=x").count(), 1, "{page}");
    let begun = person.begin().await;
    let page = clean(
        person
            .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
            .await,
    );
    for name in ["img src=x", "alert(&#39;jira&#39;)"] {
        assert!(page.contains(name), "{name} is shown: {page}");
    }
    // Whatever stands in the address of the finish page comes back as data of an attribute.
    let jira = &scene.world.jira;
    let text = "%22%3E%3Cscript%3Ealert(2)%3C%2Fscript%3E";
    let framed = jira.framed_url(
        "acme",
        "5aevil",
        &jira.url("acme"),
        &format!("/connect/finish?attempt={text}&handle={text}"),
        &Overrides::none(),
    );
    clean(scene.send(scene.http.get(framed)).await);
    let framed = jira.framed_url(
        "acme",
        "5aevil",
        &jira.url("acme"),
        &format!("/connect/glance?issue={text}"),
        &Overrides::none(),
    );
    clean(scene.send(scene.http.get(framed)).await);
    person.disconnect().await;
    scene.end().await;
}

async fn t12_a_session_gets_a_new_id(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    // Mia has planted the cookie of an attempt of hers in Omar's browser.
    let planted = mia.begin().await;
    let request = scene
        .http
        .post(scene.address("/link"))
        .header(COOKIE, &planted.cookie)
        .form(&[("jwt", omar.token().as_str()), ("issue", "KEY-1")]);
    let answer = scene.send(request).await;
    let own = cookie_of(&answer);
    assert_ne!(own, planted.cookie);
    let path = answer.leads_to().to_owned();
    // Her cookie opens nothing any more: neither his attempt nor her own.
    for path in [path.clone(), format!("/link/{}", planted.id)] {
        let answer = mia.with_cookie(Method::GET, &path, &planted.cookie).await;
        is_page(answer, 403, "wrong-browser");
    }
    omar.with_cookie(Method::GET, &path, &own).await.is(200);

    // An id that was made up is not taken up either.
    let made_up = "__Host-latchkey=AAAAAAAAAAAAAAAAAAAAAA";
    let request = scene
        .http
        .post(scene.address("/link"))
        .header(COOKIE, made_up)
        .form(&[("jwt", omar.token().as_str())]);
    let given = cookie_of(&scene.send(request).await);
    assert_ne!(given, made_up);
    let ids: BTreeSet<String> = [given, own, planted.cookie].into();
    assert_eq!(ids.len(), 3);
    scene.end().await;
}
