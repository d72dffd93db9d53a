//! Stories about how long a grant lasts and how it ends: refresh tokens that run out unused, consent
//! that ends, reconnecting, and all the ways in which a link ends for good.

use std::time::Duration;

use latchkey::clock::parse_rfc3339;
use latchkey::model::ClientKey;
use latchkey::publishing::REST;
use latchkey::store::{ClaimKind, LEASE, Lease, Turn};

use crate::on_both_databases;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, MIA, OMAR};
use crate::sim::service::{Endpoint, Fault, Kind, RevocationReach, Rotation, ServiceOptions};

on_both_databases!(
    a_refresh_token_is_used_before_it_runs_out,
    a_refresh_token_is_used_while_jira_takes_no_key,
    what_ends_first_is_renewed_first,
    a_person_is_told_before_their_consent_ends,
    reconnecting_works_at_once_whatever_was_wrong,
    every_end_leaves_nothing_behind,
    an_end_spares_others_who_share_the_account,
);

const IDLE: u64 = 20;
/// After that, a refresh token with this idle end is due, and has some seconds left.
const TIME_TO_USE_IT: i64 = 13;

/// Keys that live 60 seconds, and refresh tokens that live 20 of them unused.
fn idle() -> ServiceOptions {
    ServiceOptions {
        access_token_life: Duration::from_secs(60),
        api_key_life: Duration::from_secs(60),
        refresh_token_life: Some(Duration::from_secs(IDLE)),
        ..ServiceOptions::default()
    }
}

fn told_by(service: ServiceOptions, field: &'static str) -> Setting {
    Setting {
        service: ServiceOptions {
            announces_refresh_life: Some(field),
            ..service
        },
        ..Setting::default()
    }
}

fn minted(setting: Setting) -> Setting {
    setting
        .with("LATCHKEY_API_KEY_FROM", "endpoint")
        .with("LATCHKEY_API_KEY_URL", "{service}/keys")
}

async fn a_refresh_token_is_used_before_it_runs_out(db: Db) {
    let set = Setting {
        service: ServiceOptions {
            rotation: Rotation::None,
            ..idle()
        },
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_GRANT_IDLE", IDLE.to_string());
    // The access token is good for many keys, and would not be renewed for a long time.
    let long = ServiceOptions {
        access_token_life: Duration::from_secs(3600),
        ..idle()
    };
    for (setting, times) in [
        (told_by(idle(), "refresh_token_expires_in"), 8),
        (set, 3),
        (minted(told_by(long, "refresh_expires_in")), 3),
    ] {
        let scene = Scene::start(db, setting).await;
        let service = &scene.world.service;
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        for _ in 0..times {
            let before = omar.recorded().await;
            let asked = service.calls_to(Endpoint::Refresh);
            scene.advance(TIME_TO_USE_IT);
            omar.property_of_generation(before + 1).await;
            assert_eq!(service.calls_to(Endpoint::Refresh), asked + 1);
            let status = omar.status().await;
            assert_eq!(status["state"], "linked");
            assert_eq!(status.get("consentEndsAt"), None, "it only lies idle");
        }
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        omar.recorded().await;
        omar.disconnect().await;
        assert!(service.ledger().live_grants().is_empty());
        scene.end().await;
    }
}

async fn a_refresh_token_is_used_while_jira_takes_no_key(db: Db) {
    let setting = told_by(idle(), "x_refresh_token_expires_in");
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    for trouble in [500, 403] {
        omar.link("u-100").await;
        omar.recorded().await;
        let jira = &scene.world.jira;
        // 403 lets the link rest for a quarter of an hour, which is longer than the token lives.
        jira.fault(jira::Fault::status(trouble).on_property("PUT"));
        for _ in 0..2 {
            let asked = service.calls_to(Endpoint::Refresh);
            scene.advance(TIME_TO_USE_IT);
            eventually("the refresh token is used", async || {
                (service.calls_to(Endpoint::Refresh) > asked).then_some(())
            })
            .await;
            resting(&omar).await;
        }
        jira.clear_faults();
        let before = omar.generation().expect("there is a property");
        scene.advance(TIME_TO_USE_IT);
        omar.property_of_generation(before + 1).await;
        omar.recorded().await;
        assert_eq!(omar.state().await, "linked");
        omar.disconnect().await;
    }
    assert!(service.ledger().live_grants().is_empty());
    scene.end().await;
}

async fn what_ends_first_is_renewed_first(db: Db) {
    let hour = Duration::from_secs(3600);
    let mut scene = Scene::start(db, Setting::default()).await;
    scene.person("acme", MIA).link("u-200").await;
    scene.person("acme", MIA).recorded().await;
    // His key ends later than hers, and his refresh token sooner; hers lives for ever.
    scene.advance(60);
    scene.world.service.options_mut(|options| {
        options.refresh_token_life = Some(hour * 3 / 4);
        options.announces_refresh_life = Some("refresh_token_expires_in");
    });
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    drop(omar);

    let address = scene.stop().await;
    let app = scene.app_of_its_own().await;
    scene.advance(2400);
    let turn = Turn {
        tenant: ClientKey(scene.client_key("acme")),
        most: 1,
        rests: false,
    };
    let now = app.parts.clock.now();
    let lease = Lease {
        owner: "a-test",
        until: now + LEASE,
    };
    let claimed = app
        .parts
        .store
        .claim(lease, &[turn], 1, ClaimKind::Due, now, now + REST)
        .await
        .expect("the database answers");
    let subjects: Vec<_> = claimed
        .iter()
        .map(|claim| &claim.link.identity.subject)
        .collect();
    assert_eq!(subjects, ["u-100"]);
    drop(claimed);
    drop(app);
    scene.advance(LEASE);
    scene.start_again(address).await;
    for account in [OMAR, MIA] {
        scene
            .person("acme", account)
            .property_of_generation(2)
            .await;
    }
    scene.end().await;
}

/// Waits until nothing of a person's renewal is under way, nor is due.
async fn resting(person: &Person<'_>) {
    let scene = person.scene;
    eventually("the link rests", async || {
        let now = scene.clock.now();
        let resting = format!(
            "select count(*) from link where account_id = '{}' and claim is null and due_at > {now} + 1",
            person.account
        );
        (scene.count(&resting).await == 1).then_some(())
    })
    .await;
}

async fn a_person_is_told_before_their_consent_ends(db: Db) {
    const LIFE: i64 = 60;
    let service = || ServiceOptions {
        access_token_life: Duration::from_secs(30),
        grant_life: Some(Duration::from_secs(60)),
        ..ServiceOptions::default()
    };
    let set = Setting {
        service: service(),
        ..Setting::default()
    }
    .with("LATCHKEY_PROVIDER_GRANT_LIFE", LIFE.to_string());
    let announced = told_by(service(), "refresh_token_expires_in");
    for (setting, known_at_once) in [(announced, false), (set, true)] {
        let scene = Scene::start(db, setting).await;
        let omar = scene.person("acme", OMAR);
        let consented_at = scene.clock.now();
        let linked = omar.link("u-100").await;
        assert_eq!(linked.get("consentEndsAt").is_some(), known_at_once);
        // The second answer tells that the end stays where it is.
        renewed_in_time(&omar).await;
        let status = omar.status().await;
        let ends_at = status["consentEndsAt"].as_str().and_then(parse_rfc3339);
        let ends_at = ends_at.expect("it is known when the consent ends");
        let slack = scene.clock.now() - consented_at;
        let expected = consented_at + LIFE - 1..=consented_at + LIFE + slack;
        assert!(expected.contains(&ends_at), "{status}");
        assert_eq!(status.get("consentEndsSoon"), None, "{status}");

        // A third of the time is left: they are told, and everything works.
        while ends_at - scene.clock.now() > LIFE / 3 {
            renewed_in_time(&omar).await;
        }
        let status = omar.status().await;
        assert_eq!(status["state"], "linked");
        assert_eq!(status["consentEndsSoon"], true, "{status}");

        // One flow later nobody speaks of it any more.
        let before = omar.recorded().await;
        let again = omar.link("u-100").await;
        assert_eq!(again.get("consentEndsSoon"), None, "{again}");
        assert_eq!(
            omar.generation(),
            Some(before + 1),
            "the generation goes on"
        );
        renewed_in_time(&omar).await;

        // Nobody does anything, and the end comes.
        let reason = loop {
            scene.advance(20);
            let before = omar.stored_link().await.expect("a link").generation;
            let ended = eventually("it is renewed, or ends", async || {
                let status = omar.status().await;
                if status["state"] == "reconnect" {
                    return Some(Some(status));
                }
                let link = omar.stored_link().await?;
                (link.generation > before).then_some(None)
            });
            if let Some(status) = ended.await {
                assert_eq!(status.get("consentEndsAt"), None);
                break status["reason"].to_string();
            }
        };
        assert!(reason.contains("From time to time"), "{reason}");
        let metrics = scene.metrics().await;
        let counted = "latchkey_renewals_total{outcome=\"consent_ended\"} 1";
        assert!(metrics.contains(counted), "{metrics}");
        // They are asked at once, and not when a key runs out that lives for longer.
        let service = &scene.world.service;
        service.options_mut(|options| options.access_token_life = Duration::from_secs(3600));
        let works = omar.link("u-100").await;
        assert_eq!(works.get("reason"), None);
        if !known_at_once {
            renewed_after(&omar, 40).await;
        }
        omar.recorded().await;
        scene.advance(LIFE + 6);
        let reason = omar.asked_to_reconnect().await;
        assert!(reason.contains("From time to time"), "{reason}");
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        omar.disconnect().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}

/// Moves the clock until a key of half a minute is due, and waits for the next.
async fn renewed_in_time(person: &Person<'_>) {
    renewed_after(person, 20).await;
}

async fn renewed_after(person: &Person<'_>, seconds: i64) {
    let before = person.recorded().await;
    person.scene.advance(seconds);
    person.property_of_generation(before + 1).await;
}

async fn reconnecting_works_at_once_whatever_was_wrong(db: Db) {
    let setting = Setting {
        service: ServiceOptions {
            access_token_life: Duration::from_secs(3 * 3600),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(db, setting).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    // As what went wrong leaves the row behind, an hour before anybody would look at it again.
    for wrong in [
        "state = 'aside', reason = 'no_outcome', claims = 3",
        "state = 'aside', reason = 'jira_refuses', failures = 9",
        "state = 'aside', reason = 'seal_broken', credential = 'unreadable'",
        "state = 'reconnect', reason = 'revoked'",
        "state = 'reconnect', reason = 'rotation_lost', unsettled = true, intent_at = 7",
        "state = 'reconnect', reason = 'consent_ended', consent_ends_at = 7, consented_at = 1",
        "failures = 12, claims = 2",
        "claim = 'of-somebody-who-died', claimed_by = 'a-replica', put_again = 3",
    ] {
        let before = omar.recorded().await;
        let later = scene.clock.now() + 3600;
        scene
            .execute(&format!("update link set due_at = {later}, {wrong}"))
            .await;
        let returned = omar.until_returned("u-100").await;
        let accounts = omar.both(&returned).await;
        assert_eq!(accounts.replaces, None, "{wrong}");
        let status = {
            omar.confirm(&returned).await.leads_to();
            omar.status().await
        };
        let status = &status["link"]
            .as_object()
            .cloned()
            .unwrap_or_else(|| status.as_object().cloned().unwrap_or_default());
        assert_eq!(status["state"], "linked", "{wrong}");
        assert_eq!(status["displayName"], "Robin Park", "{wrong}");
        for gone in ["reason", "consentEndsAt", "consentEndsSoon"] {
            assert_eq!(status.get(gone), None, "{wrong}");
        }
        let property = omar.property().expect("there is a property");
        assert_eq!(property["generation"], before + 1, "{wrong}: at once");
        assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
        omar.recorded().await;
        let clear = "select count(*) from link where state = 'live' and reason is null \
            and failures = 0 and claims = 0 and claim is null and claimed_by is null \
            and put_again = 0 and intent_at is null and not unsettled";
        assert_eq!(scene.count(clear).await, 1, "{wrong}");
        omar.renewed().await;
    }
    omar.recorded().await;
    omar.disconnect().await;
    // Some were claimed when they were replaced.
    scene.let_late_writes_pass();
    scene.no_work_left().await;
    // The one whose credential could not be read is the only one that nobody could revoke.
    assert!(service.ledger().live_grants().len() <= 1);
    service.withdraw("u-100");
    scene.end().await;
}

/// How a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Disconnected,
    Uninstalled,
    /// The account at Atlassian is closed: Jira knows nobody of that id.
    Closed,
    /// Jira knows them, says that they are not active, and refuses to write for them.
    Deactivated,
    /// The account at the service is deleted.
    DeletedAtTheService,
    /// The person has taken back, at the service, what they granted.
    Withdrawn,
}

impl End {
    const ALL: [Self; 6] = [
        Self::Disconnected,
        Self::Uninstalled,
        Self::Closed,
        Self::Deactivated,
        Self::DeletedAtTheService,
        Self::Withdrawn,
    ];

    /// Whether the service has ended the grant by itself.
    fn is_at_the_service(self) -> bool {
        matches!(self, Self::DeletedAtTheService | Self::Withdrawn)
    }

    /// Lets it happen, up to the point where nothing more has to be done.
    async fn come(self, person: &Person<'_>, subject: &str) {
        let scene = person.scene;
        let (jira, service) = (&scene.world.jira, &scene.world.service);
        let renew = async || {
            person.renew().await.is(202);
        };
        match self {
            Self::Disconnected => person.disconnect().await,
            Self::Uninstalled => {
                let answer = jira.uninstall(person.site).await.expect("it answers");
                assert!(answer.accepted());
            }
            Self::Closed => {
                let token = person.call(reqwest::Method::POST, "/api/link/renew");
                jira.remove_person(person.site, &person.account);
                scene.send(token).await.is(202);
                person.found_gone().await;
            }
            Self::Deactivated => {
                jira.edit_site(person.site, |site| {
                    let leaver = site.people.get_mut(&person.account);
                    leaver.expect("they are there").active = false;
                });
                let refused = jira::Fault::status(403).on_property("PUT");
                jira.fault(refused.account(&person.account));
                renew().await;
                person.found_gone().await;
            }
            Self::DeletedAtTheService | Self::Withdrawn => {
                match self {
                    Self::Withdrawn => service.withdraw(subject),
                    _ => service.delete_person(subject),
                }
                renew().await;
                person.asked_to_reconnect().await;
                // What is left is a key that opens nothing, until they say so.
                person.disconnect().await;
            }
        }
    }
}

/// What is in the way of the first revocations.
fn troubles() -> [Option<Kind>; 3] {
    [
        None,
        Some(Kind::Status(500, Vec::new(), String::new())),
        // Longer than anybody waits.
        Some(Kind::Hang),
    ]
}

async fn every_end_leaves_nothing_behind(db: Db) {
    for mints in [false, true] {
        let mut setting = Setting {
            service: ServiceOptions {
                access_token_life: Duration::from_secs(3 * 3600),
                api_key_life: Duration::from_secs(3 * 3600),
                ..ServiceOptions::default()
            },
            time_limit: Some(Duration::from_secs(1)),
            ..Setting::default()
        };
        if mints {
            setting = minted(setting);
        }
        let scene = Scene::start(db, setting).await;
        let stays = scene.person("acme", OMAR);
        stays.link("u-100").await;
        let crowd = scene.crowd("acme", 18);
        let mut people = crowd.iter();
        for trouble in troubles() {
            ends(&scene, &mut people, trouble, mints).await;
        }
        stays.renewed().await;
        stays.recorded().await;
        stays.disconnect().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}

/// Links end in every way there is, with this in the way of revoking what they held. One link of
/// `u-100` stays.
async fn ends(
    scene: &Scene,
    people: &mut std::slice::Iter<'_, (String, String)>,
    trouble: Option<Kind>,
    mints: bool,
) {
    let service = &scene.world.service;
    let what = format!("{trouble:?}, minted: {mints}");
    let mut leavers = Vec::new();
    for end in End::ALL {
        let (leaver, subject) = match end {
            // Its site has no other links.
            End::Uninstalled => (scene.person("globex", MIA), "u-200"),
            _ => {
                let (account, subject) = people.next().expect("one for each");
                (scene.person("acme", account), subject.as_str())
            }
        };
        leaver.link(subject).await;
        leaver.recorded().await;
        leavers.push((end, leaver, subject));
    }
    let in_trouble = trouble.is_some();
    if let Some(kind) = trouble {
        service.fault(Fault::always(Endpoint::Revoke, kind));
    }
    for (end, leaver, subject) in &leavers {
        end.come(leaver, subject).await;
    }
    for (end, leaver, _) in &leavers {
        eventually(&format!("{end:?}: the link is gone"), async || {
            let account = &leaver.account;
            let left = format!("select count(*) from link where account_id = '{account}'");
            (scene.count(&left).await == 0).then_some(())
        })
        .await;
    }
    let live = || {
        let ledger = service.ledger();
        let live = ledger.live_grants();
        let mut live: Vec<_> = live.iter().map(|grant| grant.subject.clone()).collect();
        live.sort_unstable();
        live
    };
    if in_trouble {
        // Where the service itself has ended the grant, it could not be told of it either.
        let ended = leavers.iter().filter(|(end, ..)| end.is_at_the_service());
        assert_eq!(live().len(), 1 + leavers.len() - ended.count(), "{what}");
        service.clear_faults();
    }
    // Each try in vain was followed by a longer wait.
    eventually(&what, async || {
        let figures = scene.figures().await?;
        if figures.cleanup == 0 {
            return Some(());
        }
        scene.advance(5);
        None
    })
    .await;
    assert_eq!(live(), ["u-100"], "{what}");
    let keys = service.ledger();
    for (end, leaver, subject) in &leavers {
        let theirs = keys.live_api_keys();
        let theirs = theirs.iter().filter(|key| key.subject == *subject);
        // Nobody is left who could delete those of a grant that the service has ended.
        let left = usize::from(mints && end.is_at_the_service());
        assert_eq!(theirs.count(), left, "{end:?}, {what}");
        match end {
            // Latchkey may not write there any more.
            End::Uninstalled => {
                let descriptor = scene.address("/atlassian-connect.json");
                let installed = scene.world.jira.install(leaver.site, &descriptor).await;
                installed.expect("it is installed again");
            }
            // A person who is gone has no properties.
            End::Closed => {}
            _ => assert_eq!(leaver.property(), None, "{end:?}, {what}"),
        }
    }
    scene.world.jira.clear_faults();
    // A key that could not be deleted runs out by itself; the key that stays is renewed.
    let before = scene.person("acme", OMAR).recorded().await;
    scene.advance(3 * 3600);
    let stays = scene.person("acme", OMAR);
    stays.property_of_generation(before + 1).await;
    assert_eq!(service.ledger().live_api_keys().len(), usize::from(mints));
}

async fn an_end_spares_others_who_share_the_account(db: Db) {
    for revocation_reach in [
        RevocationReach::Token,
        RevocationReach::Grant,
        RevocationReach::Account,
    ] {
        let setting = Setting {
            service: ServiceOptions {
                access_token_life: Duration::from_secs(3 * 3600),
                rotation: Rotation::Grace(Duration::from_secs(60)),
                revocation_reach,
                ..ServiceOptions::default()
            },
            ..Setting::default()
        };
        let scene = Scene::start(db, setting).await;
        let service = &scene.world.service;
        let mia = scene.person("acme", MIA);
        mia.link("u-100").await;
        let crowd = scene.crowd("globex", 3);
        let ends = [End::Disconnected, End::Closed, End::Deactivated];
        for (end, (account, _)) in ends.into_iter().zip(&crowd) {
            let what = format!("{end:?}, {revocation_reach:?}");
            let leaver = scene.person("globex", account);
            leaver.link("u-100").await;
            leaver.renewed().await;
            leaver.recorded().await;
            let key = leaver.key();
            end.come(&leaver, "u-100").await;
            eventually("the key of the one who left opens nothing", async || {
                service.ledger().opens_api(&key).is_none().then_some(())
            })
            .await;
            scene.world.jira.clear_faults();
            let others = mia.key();
            assert_eq!(service.ledger().opens_api(&others), Some("u-100"), "{what}");
            mia.renewed().await;
            mia.recorded().await;
            let renewed = mia.key();
            assert_eq!(
                service.ledger().opens_api(&renewed),
                Some("u-100"),
                "{what}"
            );
        }
        mia.disconnect().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}
