//! Stories of a second try by somebody who is connected: whatever comes of it, what it brought never ends
//! the grant of the connection that stands.

use std::time::Duration;

use serde_json::json;

use crate::on_both_databases;
use crate::scene::{Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR};
use crate::sim::service::{
    Endpoint, Fault, Forgery, Kind, NameIn, RevocationReach, Rotation, ServiceOptions,
};

on_both_databases!(
    t20_a_second_try_that_fails_half_way_leaves_the_connection,
    t20_tokens_of_an_unknown_account_wait_for_the_last_link_of_its_person,
    t20_tokens_of_a_failed_try_are_revoked_at_once_when_no_one_is_connected,
    t20_a_failed_try_spares_the_user_of_the_account_in_the_id_token,
);

/// How a second try fails after its code was redeemed.
#[derive(Debug, Clone, Copy)]
enum Failure {
    ForgedIdToken,
    NoIdToken,
    UserinfoNamesAnother,
    Cancelled,
    Expired,
    BegunAgain,
}

impl Failure {
    const ALL: [Self; 6] = [
        Self::ForgedIdToken,
        Self::NoIdToken,
        Self::UserinfoNamesAnother,
        Self::Cancelled,
        Self::Expired,
        Self::BegunAgain,
    ];

    async fn come(self, person: &Person<'_>, subject: &str) {
        let scene = person.scene;
        let service = &scene.world.service;
        let returned = person.until_returned(subject).await;
        let fault = match self {
            Self::ForgedIdToken => {
                let forged = Kind::IdTokenForged(Forgery::ForeignKey);
                Some(Fault::once(Endpoint::Redeem, forged))
            }
            Self::NoIdToken => {
                let claims = json!({"sub": null})
                    .as_object()
                    .cloned()
                    .expect("it is one");
                Some(Fault::once(Endpoint::Redeem, Kind::IdTokenClaims(claims)))
            }
            Self::UserinfoNamesAnother => {
                let other = Kind::OtherSubject("u-777".to_owned());
                Some(Fault::once(Endpoint::Identity, other))
            }
            _ => None,
        };
        person.prove(&returned).await.is(200);
        if let Some(fault) = fault {
            service.fault(fault);
            let page = person.look(&returned).await;
            assert!(page.status.as_u16() >= 400, "{self:?}: {}", page.text);
            service.clear_faults();
            return;
        }
        assert_eq!(person.both(&returned).await.subject, subject);
        match self {
            Self::Cancelled => drop(person.cancel(&returned.id, &returned.cookie).await),
            Self::Expired => scene.advance(700),
            _ => drop(person.begin().await),
        }
    }
}

fn setting(reach: RevocationReach) -> Setting {
    Setting {
        service: ServiceOptions {
            rotation: Rotation::Strict,
            access_token_life: Duration::from_secs(3 * 3600),
            name_in: NameIn::Userinfo,
            revocation_reach: reach,
            ..ServiceOptions::default()
        },
        ..Setting::default()
    }
}

/// Renews, and nothing that was revoked has ended the connection.
async fn still_works(person: &Person<'_>, subject: &str, words: &str) {
    let before = person.recorded().await;
    person.renew().await.is(202);
    eventually(words, async || {
        let status = person.status().await;
        assert_ne!(status["state"], "reconnect", "{words}: {status}");
        (person.generation() > Some(before)).then_some(())
    })
    .await;
    person.recorded().await;
    let ledger = person.scene.world.service.ledger();
    assert_eq!(ledger.opens_api(&person.key()), Some(subject), "{words}");
}

async fn t20_a_second_try_that_fails_half_way_leaves_the_connection(db: Db) {
    for reach in [RevocationReach::Account, RevocationReach::Grant] {
        let scene = Scene::start(db, setting(reach)).await;
        let omar = scene.person("acme", OMAR);
        omar.link("u-100").await;
        omar.recorded().await;
        for failure in Failure::ALL {
            let words = format!("{failure:?}, {reach:?}");
            failure.come(&omar, "u-100").await;
            scene.cleaned_up(&words).await;
            still_works(&omar, "u-100", &words).await;
        }
        omar.recorded().await;
        omar.disconnect().await;
        scene.all_revoked().await;
        scene.nothing_left().await;
        scene.end().await;
    }
}

async fn t20_tokens_of_an_unknown_account_wait_for_the_last_link_of_its_person(db: Db) {
    let scene = Scene::start(db, setting(RevocationReach::Account)).await;
    let here = scene.person("acme", OMAR);
    let there = scene.person("globex", OMAR);
    there.link("u-100").await;
    there.recorded().await;
    // At a site where they have no link, and with the account that they use at the other.
    Failure::ForgedIdToken.come(&here, "u-100").await;
    scene.cleaned_up("it waits").await;
    let held = "select count(*) from cleanup where held_for_account is not null";
    assert_eq!(scene.count(held).await, 1);
    still_works(&there, "u-100", "the other site").await;
    // An uninstall of the site where it failed changes nothing of that.
    let answer = scene
        .world
        .jira
        .uninstall("acme")
        .await
        .expect("it answers");
    assert!(answer.accepted());
    scene.cleaned_up("it waits").await;
    still_works(&there, "u-100", "the other site, after an uninstall").await;
    assert_eq!(scene.count(held).await, 1);
    there.recorded().await;
    there.disconnect().await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}

async fn t20_tokens_of_a_failed_try_are_revoked_at_once_when_no_one_is_connected(db: Db) {
    let scene = Scene::start(db, setting(RevocationReach::Grant)).await;
    let omar = scene.person("acme", OMAR);
    for failure in [Failure::ForgedIdToken, Failure::UserinfoNamesAnother] {
        failure.come(&omar, "u-100").await;
        scene.all_revoked().await;
        scene.nothing_left().await;
    }
    scene.end().await;
}

async fn t20_a_failed_try_spares_the_user_of_the_account_in_the_id_token(db: Db) {
    let scene = Scene::start(db, setting(RevocationReach::Account)).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    mia.link("u-100").await;
    mia.recorded().await;
    Failure::UserinfoNamesAnother.come(&omar, "u-100").await;
    scene.cleaned_up("it waits").await;
    still_works(&mia, "u-100", "she uses the account too").await;
    mia.disconnect().await;
    scene.all_revoked().await;
    scene.nothing_left().await;
    scene.end().await;
}
