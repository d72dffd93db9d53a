//! Stories of the second door: a site whose people come through Atlassian Forge, and sites that move there.

use reqwest::Method;
use serde_json::{Value, json};

use latchkey::operate::doctor::Mark;

use crate::on_both_databases;
use crate::real_providers::oidc_provider;
use crate::scene::{Db, FORGE_SITE, Scene, Setting, eventually};
use crate::sim::jira::{By, Fault, LifecycleEvent, MIA, OMAR, Overrides};

on_both_databases!(
    by_forge_the_whole_way_from_the_click_to_the_key_and_back,
    by_forge_a_key_is_renewed_while_system_tokens_come,
    by_forge_a_day_of_ticks_that_fail_costs_no_link,
    by_forge_the_person_writes_where_the_app_may_not,
    by_forge_a_page_that_comes_first_is_told_to_wait,
    t31_a_call_belongs_to_its_route,
    t31_nothing_of_a_context_decides,
    t31_a_system_token_is_kept_if_it_is_of_the_site,
    t32_a_site_moves_with_all_it_has,
    t32_an_installation_of_another_site_takes_nothing,
    t32_what_was_shared_with_connect_is_worth_nothing_any_more,
    t33_a_ticket_is_good_once_and_for_a_minute,
    leaving_deletes_keys_there_and_then,
    a_closed_connect_door_lets_nobody_in_and_keys_are_renewed_all_the_same,
    a_site_off_the_allowed_hosts_is_refused,
    a_new_installation_takes_over_from_the_one_before,
    t32_a_call_that_was_long_on_its_way_takes_nothing_over,
);

impl Scene {
    /// The Forge app is installed beside that of Connect.
    async fn moves(&self, site: &str) {
        let jira = &self.world.jira;
        jira.put_forge(site, &self.base);
        assert_eq!(jira.tick(site).await.status, 204);
    }

    pub async fn cloud_ids_are_known(&self) {
        let parts = &self.app().parts;
        latchkey::worker::learn_sites(parts)
            .await
            .expect("the database answers");
    }
}

async fn start(db: Db) -> Scene {
    Scene::start(db, Setting::keys_live(3 * 3600)).await
}

async fn by_forge_the_whole_way_from_the_click_to_the_key_and_back(db: Db) {
    let scene = start(db).await;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    assert_eq!(omar.state().await, "unlinked");
    omar.link("u-100").await;
    omar.property_of_generation(1).await;
    let service = &scene.world.service;
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    omar.renewed().await;
    omar.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(omar.state().await, "unlinked");
    scene.no_work_left().await;
    assert!(service.ledger().live_grants().is_empty());
    scene.end().await;
}

async fn by_forge_a_key_is_renewed_while_system_tokens_come(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    omar.link("u-100").await;
    let mut generation = omar.recorded().await;
    // A day with ticks, some of them twice.
    for hour in 0..12 {
        scene.advance(2 * 3600);
        for _ in 0..=hour % 2 {
            assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
        }
        // What found no token that still worked is tried again after a minute.
        scene.advance(70);
        let newer = omar.property_of_generation(generation + 1).await;
        generation = newer["generation"].as_i64().expect("it has one");
    }
    // Five hours without.
    scene.advance(5 * 3600);
    let waits = format!(
        "select count(*) from tenant where wait_reason = 'no_system_token' and wait_until > {}",
        scene.clock.now()
    );
    eventually("the site waits for a system token", async || {
        (scene.count(&waits).await == 1).then_some(())
    })
    .await;
    let status = omar.status().await;
    assert_eq!(status["state"], "linked", "{status}");
    let reason = status["reason"].as_str().expect("it says why");
    assert!(reason.contains("Jira hasn't let the app in"), "{reason}");
    assert_eq!(omar.generation(), Some(generation));
    // The next one ends it.
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    assert_eq!(scene.count(&waits).await, 0);
    scene.advance(70);
    omar.property_of_generation(generation + 1).await;
    scene.end().await;
}

/// Ticks fail on the way and here, come twice and in another order, and stop for five hours, within one day.
async fn by_forge_a_day_of_ticks_that_fail_costs_no_link(db: Db) {
    let mut scene = start(db).await;
    scene.with_forge(FORGE_SITE).await;
    scene.person(FORGE_SITE, OMAR).link("u-100").await;
    assert_eq!(scene.person(FORGE_SITE, OMAR).recorded().await, 1);

    // Nobody is there: Forge does not get through, and tries again in an hour.
    scene.advance(3600);
    let address = scene.stop().await;
    assert!(scene.world.jira.try_tick(FORGE_SITE).await.is_none());
    scene.start_again(address).await;
    // The database is away. The key is due, and the token of the first hour has run out.
    scene.advance(3600 + 60);
    let away = "alter table forge_installation rename to away";
    scene.execute(away).await;
    let failed = scene.world.jira.tick(FORGE_SITE).await;
    assert!(failed.status >= 500, "{}: {}", failed.status, failed.text);
    assert_eq!(failed.headers["content-type"], "application/json");
    let back = "alter table away rename to forge_installation";
    scene.execute(back).await;
    // Forge tries again within the hour, and then once more for good measure.
    for _ in 0..2 {
        assert_eq!(scene.world.jira.tick(FORGE_SITE).await.status, 204);
    }
    scene.advance(70);
    scene
        .person(FORGE_SITE, OMAR)
        .property_of_generation(2)
        .await;
    assert_eq!(scene.person(FORGE_SITE, OMAR).recorded().await, 2);

    // Two calls overtake each other.
    scene.advance(3600);
    let tick = By::Endpoint("latchkey-tick");
    let jira = &scene.world.jira;
    let (first, second) = (jira.system_token(FORGE_SITE), jira.system_token(FORGE_SITE));
    for system in [&second, &first] {
        let fit = jira.invocation_token(FORGE_SITE, tick, &Overrides::none());
        let call = jira.call_remote(FORGE_SITE, "POST", "/forge/tick", &fit, Some(system), None);
        assert_eq!(call.await.status, 204);
    }
    scene.person(FORGE_SITE, OMAR).renewed().await;

    // Nothing comes for five hours.
    scene.advance(5 * 3600);
    let run_out = async || (scene.figures().await?.run_out == 1).then_some(());
    eventually("the key has run out", run_out).await;
    let waits = "select count(*) from tenant where wait_reason = 'no_system_token'";
    eventually("the site waits for a system token", async || {
        (scene.count(waits).await == 1).then_some(())
    })
    .await;
    // What the person reads.
    let status = scene.person(FORGE_SITE, OMAR).status().await;
    assert_eq!(status["state"], "linked", "{status}");
    let reason = status["reason"].as_str().expect("it says why");
    assert!(reason.contains("Jira hasn't let the app in"), "{reason}");
    let ended = status["expiresAt"].as_str().expect("it says since when");
    assert!(ended < latchkey::clock::rfc3339(scene.clock.now()).as_str());
    // Disconnecting would need Jira, connecting too; nobody is asked to connect again.
    let asked = "select count(*) from link where state <> 'live'";
    assert_eq!(scene.count(asked).await, 0);
    // What the operator reads.
    let found = crate::watching::doctor_of(&scene).await;
    let says = |what: &str, part: &str| {
        let mut lines = found.iter();
        let line = lines.find(|line| line.what == what && line.words.contains(part));
        line.unwrap_or_else(|| panic!("no {what:?} with {part:?} in {found:?}"))
            .mark
    };
    let token = says("doors", "1 tenants wait for a system token of Forge");
    assert_eq!(token, Mark::Look);
    assert_eq!(says("renewal", "1 keys have run out"), Mark::Bad);
    let metrics = scene.metrics().await;
    for line in [
        "latchkey_tenants_silent{state=\"no_token\"} 1",
        "latchkey_links_run_out 1",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    // What this process waits for is no reason to restart it.
    scene.get("/readyz").await.is(200);

    // The next call ends it.
    let before = scene
        .person(FORGE_SITE, OMAR)
        .generation()
        .expect("there is one");
    assert_eq!(scene.world.jira.tick(FORGE_SITE).await.status, 204);
    assert_eq!(
        scene.figures().await.map(|now| now.tenants_without_token),
        Some(0)
    );
    scene.advance(70);
    let omar = scene.person(FORGE_SITE, OMAR);
    omar.property_of_generation(before + 1).await;
    let status = eventually("the panel says so", async || {
        let status = omar.status().await;
        status["reason"].is_null().then_some(status)
    })
    .await;
    assert_eq!(status["state"], "linked", "{status}");
    scene.end().await;
}

async fn by_forge_the_person_writes_where_the_app_may_not(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let (omar, mia) = (
        scene.person(FORGE_SITE, OMAR),
        scene.person(FORGE_SITE, MIA),
    );
    omar.link("u-100").await;
    mia.link("u-200").await;
    jira.set_app_is_admin(FORGE_SITE, false);
    omar.renewed().await;
    let writes = jira.property_writes();
    let last = writes.last().expect("there is one");
    let by_him = crate::sim::jira::Caller::AsUser(OMAR.to_owned());
    assert_eq!(last.by, by_him);
    mia.renewed().await;
    // Right after an installation refusals pass; later the link rests and says so.
    jira.edit_site(FORGE_SITE, |site| {
        site.forge.as_mut().expect("it is there").may_act = false;
    });
    let before = omar.generation();
    omar.renew().await.is(202);
    let failing = format!(
        "select count(*) from link where account_id = '{OMAR}' and failures > 0 and state = 'live'"
    );
    eventually("it is tried again", async || {
        (scene.count(&failing).await == 1).then_some(())
    })
    .await;
    let parked = format!(
        "select count(*) from tenant where wait_until > {}",
        scene.clock.now()
    );
    assert_eq!(scene.count(&parked).await, 0);
    assert_eq!(omar.generation(), before);
    jira.set_app_is_admin(FORGE_SITE, true);
    scene.advance(300);
    omar.property_of_generation(before.expect("there is one") + 1)
        .await;
    scene.end().await;
}

async fn by_forge_a_page_that_comes_first_is_told_to_wait(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.add_site(FORGE_SITE, "A site of Forge");
    jira.put_forge(FORGE_SITE, &scene.base);
    let omar = scene.person(FORGE_SITE, OMAR);
    // Without a system token nobody knows where the site is.
    let answer = scene
        .send(omar.call(Method::GET, "/api/link"))
        .await
        .is(409);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json()["type"], "urn:latchkey:problem:setting-up");
    // With one it does, whoever brings it.
    let (fit, system) = (
        omar.invocation(&Overrides::none()),
        jira.system_token(FORGE_SITE),
    );
    let call = jira.call_remote(FORGE_SITE, "GET", "/api/link", &fit, Some(&system), None);
    assert_eq!(call.await.json()["state"], "unlinked");
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}

async fn t31_a_call_belongs_to_its_route(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let token = |by| jira.invocation_token(FORGE_SITE, by, &Overrides::none());
    let endpoints = [
        ("/forge/tick", "latchkey-tick"),
        ("/forge/lifecycle", "latchkey-lifecycle"),
        ("/forge/leaving", "latchkey-leaving"),
    ];
    for (path, own) in endpoints {
        // A page may not call what Forge itself calls.
        let page = jira
            .call_remote(
                FORGE_SITE,
                "POST",
                path,
                &token(By::Person(OMAR)),
                None,
                None,
            )
            .await;
        assert_eq!(page.status, 403, "{path}: {}", page.text);
        assert_eq!(page.headers["content-type"], "application/json");
        for (_, key) in endpoints {
            if key != own {
                let other = jira
                    .call_remote(
                        FORGE_SITE,
                        "POST",
                        path,
                        &token(By::Endpoint(key)),
                        None,
                        None,
                    )
                    .await;
                assert_eq!(other.status, 403, "{path} by {key}");
            }
        }
        // Neither has the other door's token a say here.
        let context = jira.context_token("acme", OMAR, &Overrides::none());
        for authorization in [format!("JWT {context}"), format!("Bearer {context}")] {
            let request = scene.http.post(scene.address(path));
            let answer = scene.send(request.header("authorization", authorization));
            answer.await.is(401);
        }
    }
    // What Forge itself calls with names no person.
    for (method, path) in [
        ("GET", "/api/link"),
        ("DELETE", "/api/link"),
        ("POST", "/api/link/renew"),
        ("DELETE", "/api/link/attempt"),
        ("POST", "/api/link/ticket"),
        ("GET", "/api/link/key"),
        ("GET", "/api/admin/site"),
        ("GET", "/api/admin/links"),
        ("DELETE", "/api/admin/links/x"),
        ("GET", "/api/admin/events"),
        ("POST", "/link/x/prove"),
    ] {
        for by in [By::Endpoint("latchkey-tick"), By::Endpoint("latchkey-ui")] {
            let body = json!({"handle": "x"});
            let answer = jira
                .call_remote(FORGE_SITE, method, path, &token(by), None, Some(&body))
                .await;
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
            assert_eq!(answer.headers["content-type"], "application/json");
        }
    }
    // Routes of Connect take no token of Forge.
    for path in [
        "/connect/installed",
        "/connect/uninstalled",
        "/connect/enabled",
    ] {
        let fit = token(By::Endpoint("latchkey-lifecycle"));
        let body = json!({});
        let answer = jira.call_remote(FORGE_SITE, "POST", path, &fit, None, Some(&body));
        assert_eq!(answer.await.status, 401, "{path}");
    }
    let tenants = "select count(*) from tenant where installed";
    assert_eq!(scene.count(tenants).await, 3);
    scene.end().await;
}

async fn t31_nothing_of_a_context_decides(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    let acme = jira.site("acme");
    let lies = Overrides::none().claim(
        "context",
        json!({"siteUrl": jira.url("acme"), "cloudId": acme.cloud_id, "accountId": MIA,
            "extension": {"issue": {"key": "KEY-2"}}}),
    );
    let fit = omar.invocation(&lies);
    let answer = jira
        .call_remote(
            FORGE_SITE,
            "POST",
            "/api/link/ticket",
            &fit,
            None,
            Some(&json!({"issue": "KEY-1"})),
        )
        .await;
    let address = answer.json()["url"]
        .as_str()
        .expect("it is there")
        .to_owned();
    let page = scene.send(scene.http.get(&address)).await;
    let cookie = crate::scene::cookie_of(&page);
    let path = page.leads_to().to_owned();
    let page = omar.with_cookie(Method::GET, &path, &cookie).await.is(200);
    assert!(page.text.contains(FORGE_SITE), "{}", page.text);
    assert!(page.text.contains("Omar Haddad"), "{}", page.text);
    assert!(!page.text.contains("acme"), "{}", page.text);
    scene.end().await;
}

async fn t31_a_system_token_is_kept_if_it_is_of_the_site(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.add_site(FORGE_SITE, "A site of Forge");
    jira.put_forge(FORGE_SITE, &scene.base);
    jira.add_site("hooli", "Another");
    jira.put_forge("hooli", &scene.base);
    let omar = scene.person(FORGE_SITE, OMAR);
    let foreign = jira.system_token("hooli");
    let by_page = async |system: &str| {
        let fit = omar.invocation(&Overrides::none());
        let call = jira.call_remote(FORGE_SITE, "GET", "/api/link", &fit, Some(system), None);
        call.await.status
    };
    for odd in [foreign.as_str(), "", "   ", "made up"] {
        assert_eq!(by_page(odd).await, 409, "{odd}");
    }
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    let kept = "select count(*) from forge_installation where system_token is not null";
    let ends = "select system_token_ends_at from forge_installation where standing = 'current'";
    assert_eq!(scene.count(kept).await, 1);
    let before = scene.count(ends).await;
    // A good one is there: what a page brings is not looked at.
    scene.advance(60);
    for odd in [foreign.as_str(), "", &jira.system_token(FORGE_SITE)] {
        assert_eq!(by_page(odd).await, 200, "{odd}");
        assert_eq!(scene.count(ends).await, before);
    }
    // A blank one never takes the place of a good one.
    let fit = jira.invocation_token(
        FORGE_SITE,
        By::Endpoint("latchkey-tick"),
        &Overrides::none(),
    );
    let blank = jira.call_remote(FORGE_SITE, "POST", "/forge/tick", &fit, Some(""), None);
    assert_eq!(blank.await.status, 204);
    assert_eq!(scene.count(ends).await, before);
    // Once it has run out, a page may bring one, if Jira takes it for this site.
    scene.advance(5 * 3600);
    assert_eq!(by_page(&jira.system_token("hooli")).await, 200);
    assert_eq!(scene.count(ends).await, before);
    scene.advance(11);
    assert_eq!(by_page(&jira.system_token(FORGE_SITE)).await, 200);
    assert!(scene.count(ends).await > before);
    omar.link("u-100").await;
    let unexpected = jira.unexpected();
    assert!(
        unexpected.iter().all(|call| call.contains("serverInfo")),
        "{unexpected:?}"
    );
    scene.close().await;
}

async fn t32_a_site_moves_with_all_it_has(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    omar.link("u-100").await;
    omar.renewed().await;
    mia.link("u-200").await;
    let before = [omar.recorded().await, mia.recorded().await];
    scene.cloud_ids_are_known().await;
    // She is in the middle of it, by Connect.
    let begun = mia.begin().await;
    jira.put_forge("acme", &scene.base);
    // The first call comes without a system token: until one is there Jira is called as before.
    let fit = omar.invocation(&Overrides::none());
    let call = jira.call_remote("acme", "GET", "/api/link", &fit, None, None);
    assert_eq!(call.await.json()["state"], "linked");
    omar.renewed().await;
    let secret =
        "select count(*) from tenant where client_key = '{}' and oauth_client_id is not null";
    let secret = secret.replace("{}", &scene.client_key("acme"));
    assert_eq!(scene.count(&secret).await, 1);
    assert_eq!(jira.tick("acme").await.status, 204);
    mia.renewed().await;
    eventually("what was shared with Connect is gone", async || {
        (scene.count(&secret).await == 0).then_some(())
    })
    .await;
    omar.renewed().await;
    assert_eq!(omar.recorded().await, before[0] + 2);
    assert_eq!(mia.recorded().await, before[1] + 1);
    // She goes on where she was.
    let returned = mia.return_of(&begun, "u-200").await;
    mia.prove(&returned).await.is(200);
    mia.confirm(&returned).await.leads_to();
    assert_eq!(mia.status().await["subject"], "u-200");
    // Late calls of the old door end nothing.
    for event in [
        LifecycleEvent::Disabled,
        LifecycleEvent::Uninstalled,
        LifecycleEvent::Installed,
    ] {
        let call = jira.sign_lifecycle("acme", event, &Overrides::none());
        let answer = jira.deliver("acme", &call).await.expect("it answers");
        let app_to_app = matches!(event, LifecycleEvent::Disabled);
        assert_eq!(
            answer.status,
            if app_to_app { 401 } else { 204 },
            "{event:?}"
        );
    }
    omar.renewed().await;
    assert_eq!(omar.state().await, "linked");
    assert_eq!(
        scene.count(&secret).await,
        0,
        "an `installed` brings no secret back"
    );
    scene.end().await;
}

async fn t32_an_installation_of_another_site_takes_nothing(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    scene.cloud_ids_are_known().await;
    let acme = jira.site("acme");
    scene.with_forge(FORGE_SITE).await;
    // It names the other site wherever its token is not signed for, or where Atlassian would not.
    let new = jira.site(FORGE_SITE);
    let api = |cloud_id: &str| format!("https://api.atlassian.com/ex/jira/{cloud_id}");
    for bent in [
        Overrides::none().claim("/context/cloudId", acme.cloud_id.as_str()),
        Overrides::none().claim("/context/siteUrl", jira.url("acme")),
    ] {
        let fit = jira.invocation_token(FORGE_SITE, By::Endpoint("latchkey-tick"), &bent);
        let call = jira.call_remote(FORGE_SITE, "POST", "/forge/tick", &fit, None, None);
        assert_eq!(call.await.status, 204);
    }
    for bent in [
        Overrides::none().claim("/app/apiBaseUrl", api(&acme.cloud_id)),
        Overrides::none().claim(
            "/app/installation/contexts/0/cloudId",
            acme.cloud_id.as_str(),
        ),
        Overrides::none().claim(
            "/app/installation/contexts/0/apiBaseUrl",
            api(&acme.cloud_id),
        ),
    ] {
        let fit = jira.invocation_token(FORGE_SITE, By::Endpoint("latchkey-tick"), &bent);
        let call = jira.call_remote(FORGE_SITE, "POST", "/forge/tick", &fit, None, None);
        assert_eq!(call.await.status, 401);
    }
    // Jira itself says the address of another site, whose own word differs.
    jira.add_site("hooli", "A thief");
    jira.put_forge("hooli", &scene.base);
    let lie = json!({"baseUrl": jira.url("acme")}).to_string();
    jira.fault(
        Fault::new(crate::sim::jira::FaultKind::Status {
            code: 200,
            headers: Vec::new(),
            body: lie,
        })
        .on("GET", "/rest/api/3/serverInfo"),
    );
    assert_eq!(jira.tick("hooli").await.status, 204);
    jira.clear_faults();
    let refused = "select count(*) from forge_installation where standing = 'refused'";
    assert_eq!(scene.count(refused).await, 1);
    assert_ne!(new.cloud_id, acme.cloud_id);
    let moved = "select count(*) from forge_installation f join tenant t on f.client_key = t.client_key \
        where t.base_url like '%//acme.%'";
    assert_eq!(scene.count(moved).await, 0);
    omar.renewed().await;
    assert_eq!(omar.state().await, "linked");
    scene.end().await;
}

async fn t32_what_was_shared_with_connect_is_worth_nothing_any_more(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    let context = omar.token();
    let framed = jira.iframe_token("acme", OMAR, "GET", "/connect/glance", &Overrides::none());
    scene.cloud_ids_are_known().await;
    scene.moves("acme").await;
    let by_connect = |method, path: &str| {
        let request = scene.http.request(method, scene.address(path));
        request.header("authorization", format!("JWT {context}"))
    };
    for (method, path) in [
        (Method::GET, "/api/link"),
        (Method::DELETE, "/api/link"),
        (Method::POST, "/api/link/renew"),
    ] {
        scene.send(by_connect(method, path)).await.is(401);
    }
    omar.begin_with(&context).await.is(401);
    // The panel that Jira still frames says where to go. It is the same for a tenant that nobody knows, and for a token
    // that somebody else has signed: what cannot be verified tells nothing about a client key.
    let glance = async |token: &str| {
        let address = scene.address(&format!("/connect/glance?jwt={token}"));
        scene.send(scene.http.get(address)).await
    };
    let page = glance(&framed).await.is_page(401, "unauthorized");
    assert!(
        page.text.contains("use its panel in the issue instead"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("acme"), "{}", page.text);
    let bent = |site: &str, overrides: Overrides| {
        jira.iframe_token(site, OMAR, "GET", "/connect/glance", &overrides)
    };
    let none = Overrides::none;
    for (what, token) in [
        (
            "an unknown tenant",
            bent("globex", none().claim("iss", "nobody")),
        ),
        ("a foreign secret", bent("globex", none().secret("guessed"))),
        (
            "a moved tenant, a foreign secret",
            bent("acme", none().secret("guessed")),
        ),
    ] {
        let other = glance(&token).await.is_page(401, "unauthorized");
        assert_eq!(other.text, page.text, "{what}");
        assert_eq!(
            other.headers["content-security-policy"],
            page.headers["content-security-policy"]
        );
    }
    let now = jira.now();
    let old = none().claim("iat", now - 900).claim("exp", now - 600);
    let late = glance(&bent("globex", old))
        .await
        .is_page(401, "unauthorized");
    assert_eq!(late.text, page.text, "a token that is too old");
    // Programs hear nothing of it.
    scene
        .send(by_connect(Method::GET, "/api/link"))
        .await
        .is_problem(401, "unauthorized");
    assert_eq!(omar.state().await, "linked");
    omar.renewed().await;
    scene.end().await;
}

async fn t33_a_ticket_is_good_once_and_for_a_minute(db: Db) {
    let scene = start(db).await;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    let ticket = async || {
        let answer = omar.ticket().await.is(200).json();
        answer["url"].as_str().expect("it is there").to_owned()
    };
    let open = async |address: &str| scene.send(scene.http.get(address)).await;
    let address = ticket().await;
    let secret = address
        .rsplit('/')
        .next()
        .expect("it ends in the ticket")
        .to_owned();
    assert!(secret.len() >= 43, "256 bits: {secret}");
    // HEAD and what a browser loads ahead spend nothing.
    let head = scene.http.head(&address);
    assert_eq!(scene.send(head).await.is(204).cookie, None);
    let ahead = scene.http.get(&address).header("sec-purpose", "prefetch");
    scene.send(ahead).await.is(425);
    let answer = open(&address).await;
    assert!(answer.leads_to().contains("/link/"));
    assert_eq!(open(&address).await.is(410).cookie, None);
    // Late, guessed, edited.
    let late = ticket().await;
    scene.advance(61);
    open(&late).await.is(410);
    open(&scene.address("/link/t/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
        .await
        .is(410);
    let edited = ticket().await;
    scene
        .execute(&format!("update ticket set account_id = '{MIA}'"))
        .await;
    open(&edited).await.is(410);
    // The ticket is not in the database.
    let kept = ticket().await;
    let secret = kept.rsplit('/').next().expect("it ends in the ticket");
    let found = format!("select count(*) from ticket where ticket_hash = '{secret}'");
    assert_eq!(scene.count(&found).await, 0);
    assert_eq!(scene.count("select count(*) from ticket").await, 1);
    // Connect has forms.
    let mia = scene.person("acme", MIA);
    mia.ticket().await.is_problem(403, "wrong-caller");
    scene.end().await;
}

async fn a_closed_connect_door_lets_nobody_in_and_keys_are_renewed_all_the_same(db: Db) {
    let mut scene = start(db).await;
    scene.person("acme", OMAR).link("u-100").await;
    assert_eq!(scene.person("acme", OMAR).recorded().await, 1);
    scene.cloud_ids_are_known().await;
    scene.restart_with("LATCHKEY_CONNECT", "off").await;
    let jira = &scene.world.jira;
    let none = Overrides::none();
    let frame = |path: &str| {
        let token = jira.iframe_token("acme", OMAR, "GET", path, &none);
        (Method::GET, format!("{path}?jwt={token}"))
    };
    let lifecycle = |path: &str| (Method::POST, path.to_owned());
    for (method, path) in [
        (Method::GET, "/atlassian-connect.json".to_owned()),
        frame("/connect/glance"),
        frame("/connect/finish"),
        lifecycle("/connect/installed"),
        lifecycle("/connect/uninstalled"),
        lifecycle("/connect/enabled"),
        lifecycle("/connect/disabled"),
    ] {
        let request = scene.http.request(method, scene.address(&path));
        scene.send(request).await.is(404);
    }
    let call = jira.sign_lifecycle("acme", LifecycleEvent::Uninstalled, &none);
    let answer = jira.deliver("acme", &call).await.expect("it answers");
    assert_eq!(answer.status, 404);
    // Its tokens open nothing else.
    let context = scene.person("acme", OMAR).token();
    for (method, path) in [
        (Method::GET, "/api/link"),
        (Method::DELETE, "/api/link"),
        (Method::POST, "/api/link/renew"),
    ] {
        let request = scene.http.request(method, scene.address(path));
        let request = request.header("authorization", format!("JWT {context}"));
        scene.send(request).await.is_problem(401, "unauthorized");
    }
    scene
        .person("acme", OMAR)
        .begin_with(&context)
        .await
        .is(401);
    // The key is renewed, and the operator is told.
    scene.advance(2 * 3600 + 60);
    scene.person("acme", OMAR).property_of_generation(2).await;
    let warned = async || {
        let found = crate::watching::doctor_of(&scene).await;
        let closed = "LATCHKEY_CONNECT is `off`, and 2 tenants have not moved to Forge";
        assert!(found.iter().all(|line| line.what != "install keys"));
        found.iter().any(|line| line.words.contains(closed))
    };
    assert!(warned().await);
    // The other door is open, and the site can still move.
    scene.with_forge(FORGE_SITE).await;
    scene.moves("acme").await;
    let omar = scene.person("acme", OMAR);
    assert_eq!(omar.state().await, "linked");
    omar.renewed().await;
    assert!(!warned().await, "one is left");
    scene.end().await;
}

async fn leaving_deletes_keys_there_and_then(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let (omar, mia) = (
        scene.person(FORGE_SITE, OMAR),
        scene.person(FORGE_SITE, MIA),
    );
    omar.link("u-100").await;
    mia.link("u-200").await;
    assert_eq!((omar.recorded().await, mia.recorded().await), (1, 1));
    assert_eq!(jira.uninstall_forge(FORGE_SITE).await.status, 204);
    assert_eq!((omar.property(), mia.property()), (None, None));
    scene.all_revoked().await;
    let left = "select count(*) from tenant where data_key is not null and client_key like 'ari:%'";
    eventually("nothing of it is left", async || {
        (scene.count(left).await == 0).then_some(())
    })
    .await;
    // A late call of the installation brings nothing back.
    jira.edit_site(FORGE_SITE, |site| {
        site.forge.as_mut().expect("it was there").installed = true
    });
    scene
        .send(omar.call(Method::GET, "/api/link"))
        .await
        .is(403);
    scene.end().await;
}

async fn a_site_off_the_allowed_hosts_is_refused(db: Db) {
    let setting = Setting::default().with("LATCHKEY_SITE_HOSTS", "acme.localhost,globex.localhost");
    let scene = Scene::start(db, setting).await;
    scene.with_forge(FORGE_SITE).await;
    let refused = "select count(*) from forge_installation where standing = 'refused'";
    assert_eq!(scene.count(refused).await, 1);
    let omar = scene.person(FORGE_SITE, OMAR);
    let why = "the host of its site is not in LATCHKEY_SITE_HOSTS".to_owned();
    assert!(!scene.log.lines_with(&[why]).is_empty());
    let system = scene.world.jira.system_token(FORGE_SITE);
    let fit = omar.invocation(&Overrides::none());
    let jira = &scene.world.jira;
    let call = jira.call_remote(FORGE_SITE, "GET", "/api/link", &fit, Some(&system), None);
    let answer = call.await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(answer.json()["type"], "urn:latchkey:problem:not-served");
    scene.end().await;
}

async fn a_new_installation_takes_over_from_the_one_before(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    omar.link("u-100").await;
    let old = jira.site(FORGE_SITE).forge;
    jira.put_forge(FORGE_SITE, &scene.base);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    omar.renewed().await;
    // The one before speaks for nobody any more.
    let new = jira.site(FORGE_SITE).forge;
    jira.edit_site(FORGE_SITE, |site| site.forge = old);
    scene
        .send(omar.call(Method::GET, "/api/link"))
        .await
        .is(403);
    jira.edit_site(FORGE_SITE, |site| site.forge = new);
    assert_eq!(omar.state().await, "linked");
    let current = "select count(*) from forge_installation where standing = 'current'";
    assert_eq!(scene.count(current).await, 1);
    omar.renewed().await;
    scene.end().await;
}

/// Of an installation that this server never heard of while it was there: it was replaced before its calls came.
async fn t32_a_call_that_was_long_on_its_way_takes_nothing_over(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    jira.add_site(FORGE_SITE, "A site of Forge");
    jira.put_forge(FORGE_SITE, &scene.base);
    let sent = ["latchkey-tick", "latchkey-leaving", "latchkey-lifecycle"].map(|endpoint| {
        let path = endpoint.replace("latchkey-", "/forge/");
        let by = By::Endpoint(endpoint);
        let token = jira.invocation_token(FORGE_SITE, by, &Overrides::none());
        (path, token, jira.system_token(FORGE_SITE))
    });
    let page = scene
        .person(FORGE_SITE, OMAR)
        .call(Method::GET, "/api/link");
    scene.advance(1);
    jira.put_forge(FORGE_SITE, &scene.base);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    let omar = scene.person(FORGE_SITE, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    for (path, token, system) in &sent {
        let call = jira.call_remote(FORGE_SITE, "POST", path, token, Some(system), None);
        assert_eq!(call.await.status, 204, "{path}");
        omar.renewed().await;
    }
    scene.send(page).await.is(409);
    // Nor later.
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    assert_eq!(omar.state().await, "linked");
    scene.advance(2 * 3600 - 30);
    assert_eq!(jira.tick(FORGE_SITE).await.status, 204);
    scene.advance(30);
    omar.renewed().await;
    scene.end().await;
}

/// What can be bent about a token, and whether it is taken all the same.
fn bent(scene: &Scene) -> Vec<(&'static str, Overrides, bool)> {
    let jira = &scene.world.jira;
    let (app, environment) = (jira.forge_app_id(), jira.forge_environment());
    let now = jira.now();
    let other = "0b1d7f9c-3f0a-4f55-9d61-0a4b8c3d2e1f";
    let ari = format!("ari:cloud:ecosystem::app/{app}");
    let another = format!("ari:cloud:ecosystem::app/{other}");
    let api = |cloud_id: &str| format!("https://api.atlassian.com/ex/jira/{cloud_id}");
    let of = |app: &str, id: &str| format!("ari:cloud:ecosystem::environment/{app}/{id}");
    let acme = jira.site("acme").cloud_id;
    let none = Overrides::none;
    let claim = |name: &str, value: Value| none().claim(name, value);
    let contexts = "/app/installation/contexts";
    let jira_context = json!({"name": "jira", "cloudId": jira.site(FORGE_SITE).cloud_id});
    vec![
        ("as Atlassian sends it", none(), true),
        (
            "of HS256",
            none().header("alg", "HS256").secret("anything"),
            false,
        ),
        ("without a signature", none().header("alg", "none"), false),
        ("of another case", none().header("alg", "rs256"), false),
        ("of RS512", none().header("alg", "RS512"), false),
        ("signed by another", none().foreign_key(), false),
        (
            "an unknown kid",
            none().header("kid", "forge/invocation-token/other"),
            false,
        ),
        (
            "a kid with a path",
            none().header("kid", "../../other"),
            false,
        ),
        (
            "a kid that is an address",
            none().header("kid", "http://evil.localhost/keys"),
            false,
        ),
        ("an empty kid", none().header("kid", ""), false),
        ("no kid", none().header("kid", Value::Null), false),
        (
            "a jku",
            none()
                .foreign_key()
                .header("jku", "http://evil.localhost/keys"),
            false,
        ),
        (
            "a jku beside a good key",
            none().header("jku", "http://evil.localhost/keys"),
            true,
        ),
        (
            "a jwk of its own",
            none().foreign_key().header("jwk", json!({"kty": "RSA"})),
            false,
        ),
        (
            "an x5u",
            none().foreign_key().header("x5u", "http://evil.localhost/"),
            false,
        ),
        (
            "critical extensions",
            none().header("crit", json!(["exp"])),
            false,
        ),
        ("another issuer", claim("iss", json!("forge/other")), false),
        ("no issuer", none().without("iss"), false),
        ("another audience", claim("aud", json!(another)), false),
        ("a list of one audience", claim("aud", json!([ari])), false),
        (
            "several audiences",
            claim("aud", json!([ari, another])),
            false,
        ),
        ("no audience", none().without("aud"), false),
        (
            "another app, truly",
            none()
                .claim("aud", another.as_str())
                .claim("/app/id", another.as_str()),
            false,
        ),
        (
            "another app inside",
            claim("/app/id", json!(another)),
            false,
        ),
        ("no app", none().without("app"), false),
        ("no jti", none().without("jti"), false),
        ("an empty jti", claim("jti", json!("")), false),
        ("no exp", none().without("exp"), false),
        ("no iat", none().without("iat"), false),
        ("no nbf", none().without("nbf"), false),
        (
            "expired",
            none().claim("iat", now - 60).claim("exp", now - 30),
            false,
        ),
        (
            "expired a moment ago",
            none().claim("iat", now - 25).claim("exp", now - 2),
            true,
        ),
        ("not valid yet", claim("nbf", json!(now + 60)), false),
        (
            "from the future",
            none().claim("iat", now + 60).claim("exp", now + 85),
            false,
        ),
        ("living too long", claim("exp", json!(now + 3600)), false),
        (
            "ending before it begins",
            none().claim("iat", now + 5).claim("exp", now + 4),
            false,
        ),
        ("an exp that is a text", claim("exp", json!("soon")), false),
        (
            "another environment",
            claim("/app/environment/id", json!(of(&app, other))),
            false,
        ),
        (
            "an environment of another app",
            claim("/app/environment/id", json!(of(other, &environment))),
            false,
        ),
        (
            "an environment that is none",
            claim("/app/environment/id", json!(environment)),
            false,
        ),
        ("no environment", none().without("/app/environment"), false),
        (
            "an Isolated Cloud",
            claim("icLabel", json!("acme-gov")),
            false,
        ),
        (
            "another API",
            claim("/app/apiBaseUrl", json!("https://evil.example/ex/jira/x")),
            false,
        ),
        (
            "an API that only begins so",
            claim("/app/apiBaseUrl", json!(format!("{}/../x", api(&acme)))),
            false,
        ),
        (
            "an API with a query",
            claim("/app/apiBaseUrl", json!(format!("{}?x", api(&acme)))),
            false,
        ),
        (
            "the API of another site",
            claim("/app/apiBaseUrl", json!(api(&acme))),
            false,
        ),
        ("no API", none().without("/app/apiBaseUrl"), false),
        (
            "another site in its context",
            claim(&format!("{contexts}/0/cloudId"), json!(acme)),
            false,
        ),
        (
            "no context of Jira",
            claim(&format!("{contexts}/0/name"), json!("confluence")),
            false,
        ),
        ("no contexts", claim(contexts, json!([])), false),
        (
            "two contexts of Jira",
            claim(contexts, json!([jira_context, jira_context])),
            false,
        ),
        (
            "a context by cloud id alone",
            claim(contexts, json!([jira_context])),
            true,
        ),
        (
            "a context that names nothing",
            claim(contexts, json!([{"name": "jira"}])),
            false,
        ),
        (
            "another installation beside it",
            claim(
                "/app/installationId",
                json!("ari:cloud:ecosystem::installation/x"),
            ),
            false,
        ),
        (
            "one name of the installation",
            none().without("/app/installationId"),
            true,
        ),
        (
            "an installation that is none",
            none()
                .claim("/app/installation/id", "x")
                .without("/app/installationId"),
            false,
        ),
        ("nobody", claim("principal", json!("unidentified")), false),
        ("an empty principal", claim("principal", json!("")), false),
        ("no principal", none().without("principal"), false),
        (
            "a principal that is no text",
            claim("principal", json!({"id": OMAR})),
            false,
        ),
        ("no context", none().without("context"), true),
        (
            "an odd context",
            claim("context", json!("x".repeat(20_000))),
            true,
        ),
    ]
}

/// Two verifiers that know nothing of each other agree about every token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t31_bent_tokens_are_refused_and_a_second_verifier_agrees() {
    let scene = start(Db::Sqlite).await;
    let jira = &scene.world.jira;
    scene.with_forge(FORGE_SITE).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    let keys = scene.http.get(jira.forge_keys_url()).send().await;
    let keys = keys.expect("they are there").json::<Value>().await;
    let config = json!({
        "app": jira.forge_app_id(),
        "environments": [jira.forge_environment()],
        "forgeKeys": keys.expect("they are JSON"),
    });
    let config = ("VERIFIER_CONFIG", config.to_string());
    let (_process, verifier) = oidc_provider::run("verifier.mjs", config).await;
    let corpus = bent(&scene);
    assert!(corpus.len() > 40);
    for (what, overrides, is_good) in corpus {
        let token = omar.invocation(&overrides);
        let ours = jira.call_remote(FORGE_SITE, "GET", "/api/link", &token, None, None);
        let ours = ours.await;
        let theirs = scene
            .http
            .get(format!("{verifier}/invocation"))
            .bearer_auth(&token)
            .header("x-now", jira.now());
        let theirs = theirs.send().await.expect("it answers").status();
        assert_eq!(ours.status == 200, is_good, "{what}: {}", ours.text);
        assert_eq!(
            theirs == 200,
            is_good,
            "{what}: the second verifier says {theirs}"
        );
        if !is_good {
            assert!(matches!(ours.status, 401 | 403), "{what}: {}", ours.text);
            assert_eq!(ours.headers["content-type"], "application/json", "{what}");
        }
    }
    // Keys change without notice.
    scene.advance(30);
    jira.change_forge_kid();
    assert_eq!(omar.state().await, "unlinked");
    scene.end().await;
}
