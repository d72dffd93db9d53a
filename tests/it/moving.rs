//! Stories of a site that moves from Connect to Forge while much is under way there.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey::clock::{Seconds, parse_rfc3339};
use latchkey::model::{ClientKey, Door};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::links::link_all;
use crate::on_both_databases;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{self, By, FaultKind, LifecycleEvent, MIA, OMAR, Overrides, PropertyWrite};
use crate::sim::service::{Endpoint, Fault, Kind, Ledger};

on_both_databases!(
    t32_a_site_with_a_thousand_links_moves_while_renewals_run_and_two_people_connect,
);

const LIFE: Seconds = 3 * 3600;
/// When every key of this life is due.
const DUE: Seconds = 2 * 3600 + 60;
/// Renewals that have come as far as Jira by the door of Connect, and as far as the service, when the site moves.
/// Together fewer than a tenant may have at once, which is 24.
const IN_JIRA: u32 = 6;
const AT_THE_SERVICE: usize = 12;
const PATIENCE: Duration = Duration::from_secs(60);

/// How many links the site has.
fn links() -> u64 {
    let links = std::env::var("LATCHKEY_MOVING").ok();
    links.map_or(1000, |links| links.parse().expect("a number of links"))
}

fn in_flight(ledger: &Ledger) -> usize {
    let requests = ledger.token_requests().iter();
    let open = requests.filter(|request| request.outcome.is_some() && request.ended.is_none());
    open.count()
}

impl Scene {
    /// Waits until everybody's key is of this generation, and recorded.
    async fn all_recorded(&self, everybody: &[(String, String)], generation: i64) {
        let links = everybody.len();
        let recorded = format!(
            "select count(*) from link where state = 'live' and generation = {generation} \
             and published_generation = {generation} and claim is null"
        );
        eventually("everybody has the next key", async || {
            let recorded = self.count(&recorded).await;
            (recorded == i64::try_from(links).expect("few")).then_some(())
        })
        .await;
    }

    /// What was written for each person of a site, in order.
    fn written(&self, site: &str) -> BTreeMap<String, Vec<PropertyWrite>> {
        let mut written: BTreeMap<String, Vec<PropertyWrite>> = BTreeMap::new();
        for write in self.world.jira.property_writes() {
            if write.site == site {
                written
                    .entry(write.account.clone())
                    .or_default()
                    .push(write);
            }
        }
        written
    }
}

/// When the key that was written ends.
fn ends_at(write: &PropertyWrite) -> Seconds {
    let value = write.value.as_ref().expect("nobody's key was deleted");
    let ends_at = value["expiresAt"].as_str().and_then(parse_rfc3339);
    ends_at.expect("a property says until when")
}

/// From the first on, each key was replaced before it ended, by that of the next generation, and the last one works
/// now.
fn no_key_was_late(writes: &[PropertyWrite], now: Seconds) {
    for (generation, write) in (1..).zip(writes) {
        assert_eq!(write.generation(), Some(generation), "{writes:#?}");
    }
    for (before, after) in writes.iter().zip(&writes[1..]) {
        assert!(
            after.at_ms < ends_at(before) * 1000,
            "{before:?}: {after:?}"
        );
    }
    let last = writes.last().expect("there is a key");
    assert!(ends_at(last) > now, "{last:?}");
}

async fn t32_a_site_with_a_thousand_links_moves_while_renewals_run_and_two_people_connect(db: Db) {
    let scene = Scene::start(db, Setting::keys_live(LIFE.unsigned_abs())).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let mut everybody = scene.crowd("acme", links());
    link_all(&scene, scene.app(), "acme", &everybody, LIFE).await;
    latchkey::worker::learn_sites(&scene.app().parts)
        .await
        .expect("the database answers");
    let client_key = scene.client_key("acme");
    let shared = [
        format!("select '', shared_secret from tenant where client_key = '{client_key}'"),
        format!("select '', oauth_client_id from tenant where client_key = '{client_key}'"),
    ];
    let mut database = crate::database::Database::open(scene.database_url()).await;
    let mut shared_with_connect = Vec::new();
    for query in shared {
        shared_with_connect.push(database.pairs(&query).await.remove(0).1);
    }
    database.close().await;
    let rows = scene.rows().await;
    assert!(shared_with_connect.iter().all(|one| rows.contains(one)));

    // Every key is due. Renewals go on until the places are taken by those that wait for Jira, which they have called
    // by Connect, and for the service.
    let held = jira::Fault::new(FaultKind::AnswerHeld).on_property("PUT");
    jira.fault(held.times(IN_JIRA));
    let every_second = everybody.iter().step_by(2);
    let subjects: Vec<_> = every_second.map(|(_, subject)| subject.as_str()).collect();
    service.fault(Fault::always(Endpoint::Refresh, Kind::AnswerHeld).of(subjects));
    scene.advance(DUE);
    eventually("answers are held in Jira", async || {
        (jira.held() == IN_JIRA as usize).then_some(())
    })
    .await;
    let are_held = |ledger: &Ledger| in_flight(ledger) >= AT_THE_SERVICE;
    service
        .wait_until("renewals are in flight", PATIENCE, are_held)
        .await;

    // He has not been at the service yet; she has come back, and the page of Connect is open.
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    let begun = omar.begin().await;
    let returned = mia.until_returned("u-200").await;
    let by_connect = mia.token();
    let late: Vec<_> = [LifecycleEvent::Installed, LifecycleEvent::Uninstalled]
        .map(|event| jira.sign_lifecycle("acme", event, &Overrides::none()))
        .into();

    // The site moves: a page comes first, and then a tick with the first system token. From here on Jira refuses
    // every call by Connect.
    jira.put_forge("acme", &scene.base);
    let fit = mia.invocation(&Overrides::none());
    let page = jira.call_remote("acme", "GET", "/api/link", &fit, None, None);
    assert_eq!(page.await.json()["state"], "linking");
    assert_eq!(jira.tick("acme").await.status, 204);
    let uninstalled = jira.uninstall("acme").await.expect("it answers");
    assert!(uninstalled.accepted());
    for call in &late {
        let answer = jira.deliver("acme", call).await.expect("it answers");
        assert!(answer.accepted(), "{answer:?}");
    }
    // An installation of another site says that it is of this one, wherever it is not signed for.
    jira.add_site("hooli", "A thief");
    jira.put_forge("hooli", &scene.base);
    let acme = jira.site("acme");
    let bent = Overrides::none()
        .claim("/context/cloudId", acme.cloud_id.as_str())
        .claim("/context/siteUrl", jira.url("acme"));
    let fit = jira.invocation_token("hooli", By::Endpoint("latchkey-lifecycle"), &bent);
    let named = json!({"context": format!("ari:cloud:jira::site/{}", acme.cloud_id),
        "clientKey": acme.client_key, "baseUrl": jira.url("acme")});
    let system = jira.system_token("hooli");
    let call = jira.call_remote(
        "hooli",
        "POST",
        "/forge/lifecycle",
        &fit,
        Some(&system),
        Some(&named),
    );
    assert_eq!(call.await.status, 204);
    let ari = |site: &str| {
        let forge = jira.site(site).forge.expect("it is installed");
        format!("ari:cloud:ecosystem::installation/{}", forge.installation)
    };
    let speaks = format!(
        "select count(*) from forge_installation where standing = 'current' \
         and client_key = '{client_key}' and installation = '{}'",
        ari("acme")
    );
    assert_eq!(scene.count(&speaks).await, 1);

    // Everything goes on, and both of them, too.
    service.clear_faults();
    jira.clear_faults();
    let stale = scene.http.request(
        Method::POST,
        scene.address(&format!("/link/{}/prove", returned.id)),
    );
    let stale = stale.header(AUTHORIZATION, format!("JWT {by_connect}"));
    let stale = stale.json(&json!({"handle": returned.handle}));
    scene.send(stale).await.is(401);
    mia.prove(&returned).await.is(200);
    mia.confirm(&returned).await.leads_to();
    let his = omar.return_of(&begun, "u-100").await;
    omar.prove(&his).await.is(200);
    omar.confirm(&his).await.leads_to();
    for (person, subject) in [(&omar, "u-100"), (&mia, "u-200")] {
        assert_eq!(person.recorded().await, 1);
        assert_eq!(person.status().await["subject"], subject);
    }
    scene.all_recorded(&everybody, 2).await;
    // What was shared with Connect is in no row any more, and nothing opens as it.
    let rows = scene.rows().await;
    for gone in &shared_with_connect {
        assert!(!rows.contains(gone), "what was shared with Connect is kept");
    }
    let tenant = scene.app().parts.store.tenant(&ClientKey(client_key)).await;
    let tenant = tenant.expect("it opens").expect("it is installed");
    assert!(matches!(&tenant.door, Door::Forge(door) if door.before.is_none()));

    // And so it goes on, by Forge alone.
    let before = jira.property_writes().len();
    scene.advance(DUE);
    assert_eq!(jira.tick("acme").await.status, 204);
    scene.all_recorded(&everybody, 3).await;
    assert_eq!((omar.recorded().await, mia.recorded().await), (2, 2));
    let writes = jira.property_writes();
    assert!(writes[before..].iter().all(|write| write.by_api));
    everybody.push((OMAR.to_owned(), "u-100".to_owned()));
    everybody.push((MIA.to_owned(), "u-200".to_owned()));
    let lost = format!(
        "{} links of {}",
        scene.count("select count(*) from link").await,
        everybody.len()
    );
    assert_eq!(lost, format!("{0} links of {0}", everybody.len()));
    let (written, now) = (scene.written("acme"), scene.clock.now());
    assert_eq!(written.len(), everybody.len());
    let [mut by_connect, mut by_forge] = [0, 0];
    for (account, subject) in &everybody {
        let writes = &written[account];
        no_key_was_late(writes, now);
        let person = scene.person("acme", account);
        assert_eq!(
            service.ledger().opens_api(&person.key()),
            Some(subject.as_str())
        );
        if let Some(during) = writes.get(1) {
            *(if during.by_api {
                &mut by_forge
            } else {
                &mut by_connect
            }) += 1;
        }
    }
    assert!(
        by_connect >= IN_JIRA && by_forge >= 12,
        "{by_connect} by Connect, {by_forge} by Forge"
    );
    scene.end().await;
}
