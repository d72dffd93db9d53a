//! Stories of what ends at a site of Forge, and of events that come in any order, twice, or too late.

use reqwest::Method;
use serde_json::json;

use crate::on_both_databases;
use crate::scene::{Db, FORGE_SITE, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, By, FaultKind, Jira, MIA, OMAR, Overrides, RemoteAnswer};
use crate::sim::service::{Endpoint, Fault, Kind, Ledger};

on_both_databases!(
    by_forge_a_disconnect_without_a_system_token_is_finished_with_the_next,
    by_forge_the_app_leaves_while_renewals_run,
    by_forge_after_leaving_a_new_installation_goes_on_above_the_generations_before,
    by_forge_leaving_comes_twice_and_without_a_tenant_and_before_anything_else,
    by_forge_events_come_in_any_order_and_twice,
);

const SITE: &str = FORGE_SITE;

async fn start(db: Db) -> Scene {
    let scene = Scene::start(db, Setting::keys_live(3 * 3600)).await;
    scene.with_forge(SITE).await;
    scene
}

/// What Forge or a page calls.
#[derive(Clone, Copy, Debug)]
enum Event {
    Installed,
    Tick,
    Page,
}

const EVENTS: [Event; 3] = [Event::Installed, Event::Tick, Event::Page];

async fn call(jira: &Jira, site: &str, endpoint: &str, path: &str, token: bool) -> RemoteAnswer {
    let fit = jira.invocation_token(site, By::Endpoint(endpoint), &Overrides::none());
    let system = token.then(|| jira.system_token(site));
    let body = json!({"context": {}, "contextToken": ""});
    let call = jira.call_remote(site, "POST", path, &fit, system.as_deref(), Some(&body));
    call.await
}

async fn leaves(jira: &Jira, site: &str, token: bool) {
    let answer = call(jira, site, "latchkey-leaving", "/forge/leaving", token).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
}

impl Event {
    async fn arrives(self, person: &Person<'_>) {
        let (jira, site) = (&person.scene.world.jira, person.site);
        let status = match self {
            Self::Installed => {
                let path = "/forge/lifecycle";
                call(jira, site, "latchkey-lifecycle", path, true)
                    .await
                    .status
            }
            Self::Tick => jira.tick(site).await.status,
            Self::Page => {
                let page = person.scene.send(person.call(Method::GET, "/api/link"));
                page.await.status.as_u16()
            }
        };
        // A page that comes first is told to wait.
        assert!(
            matches!((self, status), (Self::Page, 200 | 409) | (_, 204)),
            "{self:?}: {status}"
        );
    }
}

async fn by_forge_a_disconnect_without_a_system_token_is_finished_with_the_next(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let omar = scene.person(SITE, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    // Ticks stop. His key is renewed no more, and Jira cannot be called.
    scene.advance(5 * 3600);
    omar.disconnect().await;
    assert_eq!(omar.state().await, "unlinked");
    scene.all_revoked().await;
    assert!(omar.property().is_some(), "nothing deletes it yet");
    let left = "select count(*) from cleanup where kind = 'delete_property'";
    assert_eq!(scene.count(left).await, 1);
    assert_eq!(jira.tick(SITE).await.status, 204);
    scene.advance(120);
    scene.nothing_left().await;
    assert_eq!(omar.property(), None);
    scene.end().await;
}

async fn by_forge_the_app_leaves_while_renewals_run(db: Db) {
    let scene = start(db).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let (omar, mia) = (scene.person(SITE, OMAR), scene.person(SITE, MIA));
    let (account, subject) = scene.crowd("acme", 1).remove(0);
    let elsewhere = scene.person("acme", &account);
    omar.link("u-100").await;
    mia.link("u-200").await;
    elsewhere.link(&subject).await;
    for person in [&omar, &mia, &elsewhere] {
        person.recorded().await;
    }
    // The answer about his key is on its way from Jira; hers, from the service.
    jira.fault(jira::Fault::new(FaultKind::AnswerHeld).on_property("PUT"));
    service.fault(Fault::always(Endpoint::Refresh, Kind::AnswerHeld).of(["u-200"]));
    omar.renew().await.is(202);
    mia.renew().await.is(202);
    eventually("his key is put", async || (jira.held() == 1).then_some(())).await;
    let rotated = |ledger: &Ledger| {
        let mut requests = ledger.token_requests().iter();
        requests.any(|request| request.outcome.is_some() && request.ended.is_none())
    };
    let patience = std::time::Duration::from_secs(30);
    service
        .wait_until("her token is refreshed", patience, rotated)
        .await;
    assert_eq!(jira.uninstall_forge(SITE).await.status, 204);
    assert_eq!((omar.property(), mia.property()), (None, None));
    let writes = jira.property_writes().len();
    jira.clear_faults();
    service.clear_faults();
    // What the late answers bring is revoked, and put nowhere.
    let claimed = "select count(*) from link where claim is not null";
    eventually("the renewals have ended", async || {
        (scene.count(claimed).await == 0).then_some(())
    })
    .await;
    eventually("only the other site has a grant", async || {
        let live = service.ledger().live_grants().len();
        (live == 1).then_some(())
    })
    .await;
    scene.no_work_left().await;
    assert_eq!(jira.property_writes().len(), writes);
    assert_eq!(scene.count("select count(*) from link").await, 1);
    elsewhere.renewed().await;
    scene.end().await;
}

async fn by_forge_after_leaving_a_new_installation_goes_on_above_the_generations_before(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let (omar, mia) = (scene.person(SITE, OMAR), scene.person(SITE, MIA));
    omar.link("u-100").await;
    mia.link("u-200").await;
    omar.renewed().await;
    let before = omar.recorded().await;
    let hers = mia.recorded().await;
    // Her key cannot be deleted, and stays in Jira.
    jira.fault(jira::Fault::status(500).on_property("DELETE").account(MIA));
    assert_eq!(jira.uninstall_forge(SITE).await.status, 204);
    jira.clear_faults();
    assert_eq!(omar.property(), None);
    assert_eq!(mia.generation(), Some(hers));
    scene.all_revoked().await;
    jira.put_forge(SITE, &scene.base);
    assert_eq!(jira.tick(SITE).await.status, 204);
    for person in [&omar, &mia] {
        assert_eq!(person.state().await, "unlinked");
    }
    omar.link("u-100").await;
    mia.link("u-200").await;
    assert!(omar.recorded().await > before);
    assert!(mia.recorded().await > hers);
    omar.renewed().await;
    scene.end().await;
}

async fn by_forge_leaving_comes_twice_and_without_a_tenant_and_before_anything_else(db: Db) {
    let scene = start(db).await;
    let jira = &scene.world.jira;
    let omar = scene.person(SITE, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    leaves(jira, SITE, true).await;
    assert_eq!(omar.property(), None);
    // Forge calls again where it heard no answer.
    for token in [true, false] {
        leaves(jira, SITE, token).await;
    }
    scene.all_revoked().await;
    scene.nothing_left().await;
    // What else comes of that installation brings nothing back.
    assert_eq!(jira.tick(SITE).await.status, 204);
    scene
        .send(omar.call(Method::GET, "/api/link"))
        .await
        .is(403);
    // Of an installation that was never heard of, without what says where its site is, and with it. What says that it
    // was installed comes afterwards.
    for (site, token) in [("hooli", false), ("umbrella", true)] {
        jira.add_site(site, site);
        jira.put_forge(site, &scene.base);
        let somebody = scene.person(site, OMAR);
        leaves(jira, site, token).await;
        let installed = "select count(*) from tenant where installed and client_key like 'ari:%'";
        assert_eq!(scene.count(installed).await, 0, "{site}");
        if token {
            for event in [Event::Installed, Event::Tick] {
                event.arrives(&somebody).await;
            }
            assert_eq!(scene.count(installed).await, 0, "{site}");
        }
        // A new installation is served.
        jira.put_forge(site, &scene.base);
        assert_eq!(jira.tick(site).await.status, 204);
        assert_eq!(somebody.state().await, "unlinked");
        jira.uninstall_forge(site).await;
    }
    scene.end().await;
}

async fn by_forge_events_come_in_any_order_and_twice(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let orders = [
        ("order-1", [0, 1, 2]),
        ("order-2", [0, 2, 1]),
        ("order-3", [1, 0, 2]),
        ("order-4", [1, 2, 0]),
        ("order-5", [2, 0, 1]),
        ("order-6", [2, 1, 0]),
    ];
    for (site, order) in orders {
        jira.add_site(site, site);
        jira.put_forge(site, &scene.base);
        let omar = scene.person(site, OMAR);
        for which in order {
            EVENTS[which].arrives(&omar).await;
            EVENTS[which].arrives(&omar).await;
        }
        omar.link("u-100").await;
        let before = omar.recorded().await;
        // An upgrade says the same again, and changes nothing.
        for which in order {
            EVENTS[which].arrives(&omar).await;
        }
        omar.renewed().await;
        assert_eq!(omar.recorded().await, before + 1, "{order:?}");
    }
    let tenants = "select count(*) from tenant where client_key like 'ari:%'";
    assert_eq!(scene.count(tenants).await, 6);
    let current = "select count(*) from forge_installation where standing = 'current'";
    assert_eq!(scene.count(current).await, 6);
    scene.end().await;
}
