//! Stories of the last third of the way: what a proof is worth, which browser may redeem a code, and what
//! a click on the page with both accounts links.

use reqwest::Method;
use reqwest::header::{COOKIE, USER_AGENT};
use serde_json::json;

use crate::on_both_databases;
use crate::scene::{
    Answer, Begun, Both, Db, FORGE_SITE, Person, Returned, Scene, Setting, cookie_of,
};
use crate::sim::jira::{MIA, OMAR, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind};

on_both_databases!(
    t26_the_starter_who_read_the_handle_is_proved_and_gets_nothing_else,
    t26_the_victims_own_finish_page_ends_it_even_after_the_proof,
    t26_by_forge_the_starter_who_read_the_handle_is_proved_and_gets_nothing_else,
    t26_by_forge_the_victims_own_finish_page_ends_it_even_after_the_proof,
    t27_what_was_not_seen_is_not_linked,
    t27_a_form_of_another_site_confirms_nothing,
    f22_a_prefetch_spends_nothing,
    t14_no_attempt_begins_by_a_form_of_another_site,
    f23_two_attempts_in_one_browser_go_on_and_the_newest_of_a_person_wins,
    a_code_that_ran_out_is_begun_again_with_one_click,
    every_page_says_what_still_holds,
    t13_continue_clicked_twice_leads_to_the_service_both_times,
    t18_an_attempt_whose_row_was_edited_is_ended,
    t18_a_session_that_was_edited_opens_nothing,
);

/// Begins in a browser that has this cookie already.
async fn begins_in(person: &Person<'_>, cookie: &str) -> Begun {
    let form = [("jwt", person.token()), ("issue", "KEY-1".to_owned())];
    let answer = person.scene.http.post(person.scene.address("/link"));
    let answer = answer.header(COOKIE, cookie).form(&form);
    let answer = person.scene.send(answer).await;
    Begun {
        id: answer.leads_to().trim_start_matches("/link/").to_owned(),
        cookie: cookie_of(&answer),
    }
}

/// Goes to the service as this account, and back as far as the finish page of Jira.
async fn returns(person: &Person<'_>, begun: &Begun, subject: &str) -> Returned {
    let authorize = person.go_on(begun).await;
    let callback = person.scene.world.service.approve(&authorize, subject);
    let answer = person.come_back(&callback.await, &begun.cookie).await;
    person.arrive(answer.leads_to(), &begun.cookie).await
}

/// Somebody who presents the handle from another machine.
async fn proves_from_elsewhere(person: &Person<'_>, returned: &Returned) -> Answer {
    let call = person.call(Method::POST, &format!("/link/{}/prove", returned.id));
    let call = call.header(USER_AGENT, "another browser");
    person
        .scene
        .send(call.json(&json!({"handle": returned.handle})))
        .await
}

/// An attacker, who is admin of their own site and reads every address that is opened there, has begun
/// with their own token, or ticket, in the victim's browser. The victim has logged in at the service.
async fn a_victim_has_logged_in<'a>(
    scene: &'a Scene,
    site: &'static str,
) -> (Person<'a>, Returned) {
    let attacker = scene.person(site, MIA);
    let begun = if scene.world.jira.has_forge(site) {
        attacker.begin().await
    } else {
        let token = scene
            .world
            .jira
            .context_token(site, MIA, &Overrides::none());
        let answer = scene.get(&format!("/link?jwt={token}")).await;
        Begun {
            id: answer.leads_to().trim_start_matches("/link/").to_owned(),
            cookie: cookie_of(&answer),
        }
    };
    let authorize = attacker.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let way_back = attacker.come_back(&callback, &begun.cookie).await;
    // The address that Jira is asked for, in which the handle stands.
    let returned = attacker.arrive(way_back.leads_to(), &begun.cookie).await;
    (attacker, returned)
}

async fn t26_the_starter_who_read_the_handle_is_proved_and_gets_nothing_else(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    the_starter_gets_nothing_else(scene, "globex").await;
}

async fn t26_by_forge_the_starter_who_read_the_handle_is_proved_and_gets_nothing_else(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    scene.with_forge(FORGE_SITE).await;
    the_starter_gets_nothing_else(scene, FORGE_SITE).await;
}

async fn the_starter_gets_nothing_else(scene: Scene, site: &'static str) {
    // Calls of Forge come from Atlassian's servers, whoever makes them: where a proof came from shows nothing.
    let by_connect = !scene.world.jira.has_forge(site);
    let (attacker, returned) = a_victim_has_logged_in(&scene, site).await;
    let requests = || scene.world.service.ledger().token_requests().len();
    let page = format!("/link/{}", returned.id);
    let host = scene.world.jira.url(site);
    let host = host.trim_start_matches("http://");
    // The page of Forge learns from it who is looking, and nobody learns anything of the service's account.
    let said = match by_connect {
        true => json!({"next": scene.address(&page)}),
        false => {
            json!({"next": scene.address(&page), "signedInAs": "Mia Chen", "site": host, "issue": "KEY-1"})
        }
    };
    // Before a proof, the browser that logged in spends no code either.
    let unproved = attacker.look(&returned).await.is(200);
    let introduced = unproved
        .text
        .contains("<h1>Connect Acme Drive to Jira</h1>");
    assert!(introduced, "{}", unproved.text);
    assert_eq!(requests(), 0);
    for _ in 0..2 {
        let proved = proves_from_elsewhere(&attacker, &returned).await.is(200);
        assert_eq!(proved.json(), said);
        assert_eq!(requests(), 0);
    }
    if by_connect {
        let whose = [("tenant", &*scene.client_key(site)), ("account", MIA)];
        let elsewhere = ("proved_elsewhere", "");
        scene.has_recorded(elsewhere, 1, &whose).await;
    }
    // Without the cookie there is no page, with no cookie or with one of their own.
    let own = scene.person(site, OMAR).begin().await;
    for cookie in ["__Host-latchkey=AAAAAAAAAAAAAAAAAAAAAA", &own.cookie] {
        let elsewhere = Returned {
            cookie: cookie.to_owned(),
            ..returned.clone()
        };
        let shown = attacker.look(&elsewhere).await;
        shown.is_page(403, "wrong-browser");
        let confirmed = attacker.confirm_page(&elsewhere, "").await;
        confirmed.is_page(403, "wrong-browser");
    }
    assert_eq!(requests(), 0);
    assert_eq!(attacker.state().await, "linking");
    assert_eq!(attacker.property(), None);

    // In the victim's browser the page names what nobody can forge.
    let both = Both::of(&attacker.look(&returned).await);
    assert_eq!(requests(), 1);
    assert_eq!(both.site, host);
    assert_eq!(both.account_id, MIA);
    assert_eq!((&*both.name, &*both.subject), ("Robin Park", "u-100"));
    assert_eq!(both.warns_of_elsewhere, by_connect);
    // The attacker asks again, and learns nothing of what the page shows.
    let again = proves_from_elsewhere(&attacker, &returned).await.is(200);
    assert_eq!(again.json(), said);
    let mut status = attacker.status().await;
    let attempt = status["attempt"].take();
    let nothing = json!({"state": "linking", "service": "Acme Drive", "attempt": null});
    assert_eq!(status, nothing);
    let fields = attempt.as_object().expect("an attempt is under way").keys();
    assert!(fields.eq(["another", "expiresAt"]), "{attempt}");
    assert_eq!(attacker.property(), None);
    attacker
        .cancel(&returned.id, &returned.cookie)
        .await
        .leads_to();
    scene.all_revoked().await;
    assert_eq!(attacker.state().await, "unlinked");
    scene.end().await;
}

async fn t26_the_victims_own_finish_page_ends_it_even_after_the_proof(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    the_victims_own_finish_page_ends_it(scene, "globex").await;
}

async fn t26_by_forge_the_victims_own_finish_page_ends_it_even_after_the_proof(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    scene.with_forge(FORGE_SITE).await;
    the_victims_own_finish_page_ends_it(scene, FORGE_SITE).await;
}

async fn the_victims_own_finish_page_ends_it(scene: Scene, site: &'static str) {
    for looked in [false, true] {
        let (attacker, returned) = a_victim_has_logged_in(&scene, site).await;
        proves_from_elsewhere(&attacker, &returned).await.is(200);
        let mut page = String::new();
        if looked {
            page = Both::of(&attacker.look(&returned).await).page;
        }
        // The victim is a user of that site: Jira names them to their own finish page.
        let victim = scene.person(site, OMAR);
        victim.refused(&victim.prove(&returned).await, 403, "wrong-person");
        attacker.look(&returned).await.is_page(410, "attempt-over");
        let late = attacker.confirm_page(&returned, &page).await;
        late.is_page(410, "attempt-over");
        scene.all_revoked().await;
        assert_eq!(attacker.property(), None);
        assert_eq!(attacker.state().await, "unlinked");
        // Another token for the next time: one that began in an address is taken once.
        scene.advance(2);
    }
    scene.end().await;
}

async fn t27_what_was_not_seen_is_not_linked(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    // There is nothing to see before the proof, and nothing to confirm.
    for proved in [false, true] {
        if proved {
            omar.prove(&returned).await.is(200);
        }
        for page in ["", "made-up"] {
            let early = omar.confirm_page(&returned, page).await;
            let early = early.is_page(409, "out-of-date");
            assert!(
                early.text.contains("Show the current page"),
                "{}",
                early.text
            );
        }
    }
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);
    let first = omar.both(&returned).await;
    for page in ["", "made-up", &first.page[1..]] {
        let wrong = omar.confirm_page(&returned, page).await;
        wrong.is_page(409, "out-of-date");
    }
    // They choose another account in one tab; the other tab still shows the first.
    let path = format!("/link/{}", returned.id);
    let away = omar.post(&path, &returned.cookie, &[("another", "yes")]);
    let authorize = away.await.leads_to().to_owned();
    scene.all_revoked().await;
    let late = omar.confirm_page(&returned, &first.page).await;
    late.is_page(409, "out-of-date");
    let callback = scene.world.service.approve(&authorize, "u-200").await;
    let back = omar.come_back(&callback, &returned.cookie).await;
    let again = omar.arrive(back.leads_to(), &returned.cookie).await;
    assert_ne!(again.handle, returned.handle);
    let second = omar.both(&again).await;
    assert_eq!(second.subject, "u-200");
    let late = omar.confirm_page(&again, &first.page).await;
    late.is_page(409, "out-of-date");
    assert_eq!(omar.property(), None);
    let whose = [("tenant", &*scene.client_key("acme")), ("account", OMAR)];
    scene.has_recorded(("wrong_page", ""), 4, &whose).await;
    // A look at it changes nothing: what was seen can be confirmed.
    assert_eq!(Both::of(&omar.look(&again).await), second);
    let confirmed = omar.confirm_page(&again, &second.page).await;
    assert_eq!(confirmed.leads_to(), path);
    assert_eq!(omar.status().await["subject"], "u-200");
    omar.disconnect().await;
    scene.end().await;
}

async fn t27_a_form_of_another_site_confirms_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let returned = omar.until_returned("u-100").await;
    let both = omar.both(&returned).await;
    let confirm = scene.address(&format!("/link/{}/confirm", returned.id));
    // Even with the token of the page, which no other site can read.
    for headers in [
        [("sec-fetch-site", "cross-site"), ("x", "x")],
        [("sec-fetch-site", "same-site"), ("x", "x")],
        [("sec-fetch-site", "cross-site"), ("origin", "null")],
        [("origin", "https://evil.example"), ("x", "x")],
    ] {
        let mut request = scene.http.post(&confirm).header(COOKIE, &returned.cookie);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = scene.send(request.form(&[("page", &both.page)])).await;
        answer.is_page(403, "cross-site");
    }
    // Where a browser says nothing of where a form comes from, its token decides.
    let silent = omar.confirm_page(&returned, "").await;
    silent.is_page(409, "out-of-date");
    assert_eq!(omar.property(), None);
    omar.confirm_page(&returned, &both.page).await.leads_to();
    omar.disconnect().await;
    scene.end().await;
}

async fn f22_a_prefetch_spends_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let ahead: [&[(&str, &str)]; 6] = [
        &[("sec-purpose", "prefetch")],
        &[("sec-purpose", "prefetch;prerender")],
        &[("purpose", "prefetch")],
        &[("x-moz", "prefetch")],
        &[("sec-fetch-dest", "iframe")],
        &[("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")],
    ];
    let get = |address: &str, headers: &[(&str, &str)], cookie: &str| {
        let mut request = scene.http.get(scene.address(address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        scene.send(request.header(COOKIE, cookie))
    };
    let head = |address: &str, cookie: &str| {
        let request = scene.http.head(scene.address(address));
        scene.send(request.header(COOKIE, cookie))
    };
    // A token in an address is good once.
    let address = format!("/link?jwt={}", omar.token());
    for headers in ahead {
        get(&address, headers, "x=y").await.is(425);
    }
    let looked = head(&address, "x=y").await.is(204);
    assert_eq!((looked.cookie, looked.location), (None, None));
    let answer = scene.get(&address).await;
    let begun = Begun {
        id: answer.leads_to().trim_start_matches("/link/").to_owned(),
        cookie: cookie_of(&answer),
    };
    // A state is good once, and so is a code.
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let path = callback
        .strip_prefix(&scene.base)
        .expect("it leads here")
        .to_owned();
    for headers in ahead {
        get(&path, headers, &begun.cookie).await.is(425);
    }
    head(&path, &begun.cookie).await.is(204);
    let back = omar.come_back(&callback, &begun.cookie).await;
    let returned = omar.arrive(back.leads_to(), &begun.cookie).await;
    omar.prove(&returned).await.is(200);
    let page = format!("/link/{}", returned.id);
    for headers in ahead {
        get(&page, headers, &begun.cookie).await.is(425);
    }
    head(&page, &begun.cookie).await.is(204);
    assert_eq!(scene.world.service.ledger().token_requests().len(), 0);
    // Somebody opens it, from Jira: another site leads to it.
    let opened: &[(&str, &str)] = &[
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "cross-site"),
    ];
    Both::of(&get(&page, opened, &begun.cookie).await);
    assert_eq!(scene.world.service.ledger().token_requests().len(), 1);
    omar.confirm(&returned).await.leads_to();
    omar.disconnect().await;
    scene.end().await;
}

async fn t14_no_attempt_begins_by_a_form_of_another_site(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let token = omar.token();
    let refused: [&[(&str, &str)]; 5] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        &[("origin", "https://evil.example")],
    ];
    for headers in refused {
        for cookie in ["x=y", &begun.cookie] {
            let mut request = scene.http.post(scene.address("/link"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.header(COOKIE, cookie).form(&[("jwt", &token)]);
            let answer = scene.send(request).await.is_page(403, "cross-site");
            assert_eq!((answer.cookie, answer.location), (None, None));
        }
    }
    // The attempt that was under way has not noticed.
    omar.go_on(&begun).await;
    // The panel's own form, in Jira's frame.
    let request = scene
        .http
        .post(scene.address("/link"))
        .header("sec-fetch-site", "same-origin")
        .header("origin", "null")
        .form(&[("jwt", &token)]);
    scene.send(request).await.leads_to();
    scene.close().await;
}

async fn f23_two_attempts_in_one_browser_go_on_and_the_newest_of_a_person_wins(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let here = scene.person("acme", MIA);
    let there = scene.person("globex", MIA);
    let first = here.begin().await;
    let second = begins_in(&there, &first.cookie).await;
    assert_ne!(first.cookie, second.cookie, "the session has a new id");
    // The browser has one cookie now, and both attempts go on by it.
    let first = Begun {
        cookie: second.cookie.clone(),
        ..first
    };
    let (at_first, at_second) = (here.go_on(&first).await, there.go_on(&second).await);
    let service = &scene.world.service;
    let of_first = service.approve(&at_first, "u-100").await;
    let of_second = service.approve(&at_second, "u-200").await;
    for (person, begun, callback, name) in [
        (&there, &second, &of_second, "Sam Ortiz"),
        (&here, &first, &of_first, "Robin Park"),
    ] {
        let back = person.come_back(callback, &begun.cookie).await;
        let returned = person.arrive(back.leads_to(), &begun.cookie).await;
        assert_eq!(returned.id, begun.id);
        assert_eq!(person.both(&returned).await.name, name);
        person.confirm(&returned).await.leads_to();
    }
    assert_eq!(here.status().await["subject"], "u-100");
    assert_eq!(there.status().await["subject"], "u-200");

    // The same person again, in another tab: the older tab says so and leads on.
    let older = begins_in(&here, &second.cookie).await;
    let newer = begins_in(&here, &older.cookie).await;
    let page = format!("/link/{}", older.id);
    let shown = here.with_cookie(Method::GET, &page, &newer.cookie).await;
    let shown = shown.is_page(410, "attempt-over");
    for words in [
        "You started again in another tab",
        "You're still connected to Acme Drive as Robin Park.",
        &format!("href=\"/link/{}\"", newer.id),
    ] {
        assert!(shown.reads().contains(words), "{words}: {}", shown.text);
    }
    here.go_on(&newer).await;
    // The attempts of before say what holds.
    let connected = here
        .with_cookie(Method::GET, &format!("/link/{}", first.id), &newer.cookie)
        .await
        .is(200);
    assert!(connected.reads().contains("Connected as Robin Park"));
    here.disconnect().await;
    let connected = here
        .with_cookie(Method::GET, &format!("/link/{}", first.id), &newer.cookie)
        .await
        .is(200);
    assert!(connected.text.contains("disconnected Acme Drive"));
    there.disconnect().await;
    scene.end().await;
}

async fn a_code_that_ran_out_is_begun_again_with_one_click(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let returned = omar.until_returned("u-200").await;
    omar.prove(&returned).await.is(200);
    service.fault(Fault::once(Endpoint::Redeem, Kind::InvalidGrant));
    let asked = service.calls_to(Endpoint::Redeem);
    let page = omar.look(&returned).await.is_page(410, "took-too-long");
    let path = format!("/link/{}", returned.id);
    for words in [
        "That took too long",
        "You're still connected to Acme Drive as Robin Park.",
        "Start again",
        &format!("action=\"{path}\""),
    ] {
        assert!(page.reads().contains(words), "{words}: {}", page.text);
    }
    // Looking again sends no second token request, and neither does the proof.
    omar.look(&returned).await.is(200);
    assert_eq!(service.calls_to(Endpoint::Redeem), asked + 1);
    let away = omar
        .with_cookie(Method::POST, &path, &returned.cookie)
        .await;
    let callback = service.approve(away.leads_to(), "u-200").await;
    let back = omar.come_back(&callback, &returned.cookie).await;
    let again = omar.arrive(back.leads_to(), &returned.cookie).await;
    omar.both(&again).await;
    omar.confirm(&again).await.leads_to();
    assert_eq!(omar.status().await["subject"], "u-200");
    omar.disconnect().await;
    service.take_unexpected();
    scene.end().await;
}

async fn every_page_says_what_still_holds(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let holds = "You're still connected to Acme Drive as Robin Park.";
    for step in ["begun", "authorizing", "returned", "proved", "redeemed"] {
        let begun = omar.begin().await;
        let mut returned = None;
        if step == "authorizing" {
            omar.go_on(&begun).await;
        } else if step != "begun" {
            returned = Some(returns(&omar, &begun, "u-200").await);
        }
        match (step, &returned) {
            ("proved", Some(returned)) => drop(omar.prove(returned).await.is(200)),
            ("redeemed", Some(returned)) => drop(omar.both(returned).await),
            _ => {}
        }
        let page = format!("/link/{}", begun.id);
        let cancelled = omar.cancel(&begun.id, &begun.cookie).await;
        assert_eq!(cancelled.leads_to(), page, "{step}");
        let shown = omar.with_cookie(Method::GET, &page, &begun.cookie);
        let shown = shown.await.is(200);
        assert!(shown.text.contains("<h1>Cancelled</h1>"), "{step}");
        assert!(shown.reads().contains(holds), "{step}: {}", shown.text);
        assert_eq!(omar.status().await["subject"], "u-100", "{step}");
    }
    // Jira has not said who they are: the page says where that goes on.
    let begun = omar.begin().await;
    let returned = returns(&omar, &begun, "u-200").await;
    let waits = omar.look(&returned).await.is(200);
    assert!(waits.text.contains("id=\"awaits-jira\""), "{}", waits.text);
    // What the service says no to ends nothing else.
    let begun = omar.begin().await;
    let authorize = omar.go_on(&begun).await;
    let callback = scene.world.service.deny(&authorize, "u-200").await;
    let denied = omar.come_back(&callback, &begun.cookie).await;
    let denied = denied.is_page(403, "denied");
    assert!(denied.reads().contains(holds), "{}", denied.text);
    scene.no_work_left().await;
    let key = omar.key();
    assert_eq!(scene.world.service.ledger().opens_api(&key), Some("u-100"));
    omar.disconnect().await;
    scene.end().await;
}

async fn t18_an_attempt_whose_row_was_edited_is_ended(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let later = scene.clock.now() + 90_000;
    let edits = [
        format!("account_id = '{MIA}'"),
        "installation = installation + 1".to_owned(),
        "issue = 'EVIL-1'".to_owned(),
        "phase = 'proved'".to_owned(),
        "phase = 'redeemed'".to_owned(),
        "state_hash = handle_hash".to_owned(),
        "handle_hash = state_hash".to_owned(),
        format!("handle_expires_at = {later}"),
        format!("expires_at = {later}"),
        "another = not another".to_owned(),
        "kept = ''".to_owned(),
    ];
    let count = edits.len() as u64;
    let mut failures = 0;
    for (edit, who) in edits.iter().zip(scene.crowd("acme", count)) {
        let (account, subject) = who;
        let person = scene.person("acme", &account);
        let returned = person.until_returned(&subject).await;
        let honest = omar.until_returned("u-100").await;
        let id = &returned.id;
        scene
            .execute(&format!("update attempt set {edit} where id = '{id}'"))
            .await;
        // For its person, for whom it names now, and for the browser that began it.
        for somebody in [&person, &scene.person("acme", MIA)] {
            let proved = somebody.prove(&returned).await;
            assert!(proved.status.is_client_error(), "{edit}: {}", proved.text);
        }
        let shown = person.look(&returned).await;
        assert_eq!(shown.status, 410, "{edit}: {}", shown.text);
        failures += match edit.as_str() {
            // It belongs to no installation that there is, and is not even opened.
            "installation = installation + 1" => 0,
            // Once more when it is ended: tokens may be in it that have to be revoked.
            "phase = 'redeemed'" => 2,
            _ => 1,
        };
        assert_eq!(person.property(), None, "{edit}");
        // Nothing else is affected.
        assert_eq!(omar.both(&honest).await.subject, "u-100", "{edit}");
    }
    let mia = scene.person("acme", MIA);
    assert_eq!(mia.property(), None);
    assert_eq!(mia.state().await, "unlinked");
    let events = scene.events("seal_failure", "attempt.kept").await;
    assert_eq!(events, failures);
    let requests = scene.world.service.ledger().token_requests().len() as u64;
    assert_eq!(requests, count, "only the honest ones were redeemed");
    scene.close().await;
}

async fn t18_a_session_that_was_edited_opens_nothing(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    let (his, hers) = (omar.begin().await, mia.begin().await);
    let page = format!("/link/{}", his.id);
    let data = "update session set data = (select min(data) from session)";
    let looks = async |cookie: &str| {
        let answer = omar.with_cookie(Method::GET, &page, cookie).await;
        answer.status.as_u16()
    };
    assert_eq!(
        (looks(&his.cookie).await, looks(&hers.cookie).await),
        (200, 403)
    );
    // Whoever writes the database gives both browsers the same attempts. One of them loses its own, and
    // neither gets the other's.
    scene.execute(data).await;
    let page_of_hers = format!("/link/{}", hers.id);
    let hers_in_his = omar
        .with_cookie(Method::GET, &page_of_hers, &his.cookie)
        .await;
    assert_eq!(hers_in_his.status, 403);
    assert_eq!(looks(&hers.cookie).await, 403);
    assert!(scene.events("seal_failure", "session.data").await >= 1);
    // Nor does a session live longer because its row says so.
    let begun = omar.begin().await;
    let later = scene.clock.now() + 90_000;
    let longer = format!("update session set expires_at = {later}");
    scene.execute(&longer).await;
    let shown = omar
        .with_cookie(Method::GET, &format!("/link/{}", begun.id), &begun.cookie)
        .await;
    shown.is_page(403, "wrong-browser");
    scene.close().await;
}

async fn t13_continue_clicked_twice_leads_to_the_service_both_times(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let begun = omar.begin().await;
    let page = format!("/link/{}", begun.id);
    // A browser shows the answer to the last click, whichever of them the server took first.
    let click = || omar.with_cookie(Method::POST, &page, &begun.cookie);
    for _ in 0..5 {
        let (first, second) = tokio::join!(click(), click());
        for answer in [&first, &second] {
            assert!(answer.leads_to().contains("/authorize?"));
        }
    }
    scene.end().await;
}
