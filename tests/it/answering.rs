//! Stories of other servers: of answers that lead elsewhere, are far too long, or never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::on_both_databases;
use crate::scene::{Answer, Both, Db, Scene, Setting, eventually};
use crate::sim::jira::{self, FaultKind, LifecycleEvent, MIA, OMAR, Overrides};
use crate::sim::service::{Endpoint, Fault, Kind, NameIn, ServiceOptions, loopback_client};

on_both_databases!(
    t22_no_answer_of_the_service_leads_elsewhere_or_is_read_to_its_end,
    t22_no_answer_of_jira_leads_elsewhere_or_is_read_to_its_end,
);

/// Calls that reached the place where nobody is to be sent.
fn strayed(scene: &Scene) -> usize {
    let calls = scene.world.jira.calls();
    let mut calls: Vec<_> = calls.iter().collect();
    calls.retain(|call| call.path == "/elsewhere");
    calls.len()
}

/// Another host, which remembers who comes.
fn elsewhere(scene: &Scene) -> String {
    format!("{}/elsewhere", scene.world.jira.landing_url())
}

async fn t22_no_answer_of_the_service_leads_elsewhere_or_is_read_to_its_end(db: Db) {
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::Jwks,
        Endpoint::Redeem,
        Endpoint::Identity,
    ] {
        let setting = Setting {
            service: ServiceOptions {
                // So that the identity endpoint is asked too.
                name_in: NameIn::Userinfo,
                ..ServiceOptions::default()
            },
            ..Setting::default()
        };
        let scene = Scene::start(db, setting).await;
        let service = &scene.world.service;
        let omar = scene.person("acme", OMAR);
        // White space is no answer either. Without a name there the person is called by their subject.
        for kind in [Kind::Redirect(elsewhere(&scene)), Kind::HugeBody(1 << 20)] {
            let what = format!("{endpoint:?} {kind:?}");
            let status = match endpoint {
                Endpoint::Identity => 200,
                _ => 503,
            };
            service.fault(Fault::always(endpoint, kind));
            let begun = omar.begin().await;
            let path = format!("/link/{}", begun.id);
            let went = omar.with_cookie(Method::POST, &path, &begun.cookie).await;
            if endpoint == Endpoint::Discovery {
                assert_eq!(went.status, status, "{what}: {}", went.text);
            } else {
                let callback = service.approve(went.leads_to(), "u-100").await;
                let answer = omar.come_back(&callback, &begun.cookie).await;
                let returned = omar.arrive(answer.leads_to(), &begun.cookie).await;
                omar.prove(&returned).await.is(200);
                let answer = omar.look(&returned).await;
                assert_eq!(answer.status, status, "{what}: {}", answer.text);
                if status == 200 {
                    assert_eq!(Both::of(&answer).name, "u-100", "{what}");
                    omar.cancel(&begun.id, &begun.cookie).await;
                }
            }
            service.clear_faults();
            scene.nothing_left().await;
            assert_eq!(omar.property(), None, "{what}");
        }
        omar.link("u-100").await;
        // What is revoked at the end is sent to no other place.
        service.fault(Fault::once(
            Endpoint::Revoke,
            Kind::Redirect(elsewhere(&scene)),
        ));
        omar.disconnect().await;
        scene.advance(600);
        scene.nothing_left().await;
        assert_eq!(strayed(&scene), 0, "{endpoint:?}");
        scene.end().await;
    }
}

async fn t22_no_answer_of_jira_leads_elsewhere_or_is_read_to_its_end(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let omar = scene.person("acme", OMAR);
    let redirect = |code| FaultKind::Redirect {
        code,
        to: elsewhere(&scene),
    };
    let mut kinds: Vec<FaultKind> = [301, 302, 303, 307, 308].map(redirect).into();
    kinds.push(FaultKind::HugeBody);
    // Who is it? Nobody gets in without an answer.
    for kind in kinds {
        let what = format!("{kind:?}");
        jira.fault(jira::Fault::new(kind).on("GET", "/rest/api/3/user"));
        let answer = omar.begin_with(&omar.token()).await;
        assert_eq!(answer.status, 503, "{what}: {}", answer.text);
        assert_eq!(answer.cookie, None, "{what}");
        jira.clear_faults();
    }
    omar.link("u-100").await;
    omar.recorded().await;
    // Acting as the person, where the app may not write: the assertion is a secret as well.
    jira.set_app_is_admin("acme", false);
    jira.fault(jira::Fault::new(redirect(307)).at("auth").times(1));
    omar.renew().await.is(202);
    jira.wait_for("an assertion", |cloud| {
        let mut calls = cloud.calls.iter();
        calls.find(|call| call.fault && call.host == "auth" && call.status.is_some())?;
        Some(())
    })
    .await;
    jira.set_app_is_admin("acme", true);
    eventually("the key is put by the right host", async || {
        scene.advance(60);
        omar.generation().filter(|generation| *generation >= 2)
    })
    .await;
    jira.fault(
        jira::Fault::new(redirect(307))
            .on_property("DELETE")
            .times(1),
    );
    omar.disconnect().await;
    scene.advance(600);
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);
    assert_eq!(strayed(&scene), 0);
    scene.end().await;
}

/// A server that answers whoever asks, and does not come to an end: at once with all it can, or a byte at
/// a time. How much it got rid of is counted.
async fn without_end(pace: Option<Duration>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head =
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(head).await;
                let piece = vec![b'-'; if pace.is_some() { 1 } else { 16 * 1024 }];
                while stream.write_all(&piece).await.is_ok() {
                    count.fetch_add(piece.len(), Ordering::SeqCst);
                    if let Some(pace) = pace {
                        tokio::time::sleep(pace).await;
                    }
                }
            });
        }
    });
    (format!("http://127.0.0.1:{port}"), sent)
}

/// The installation of a site, with this key server.
async fn install_with_keys_of(url: &str) -> u16 {
    let setting = Setting::default().with("LATCHKEY_INSTALL_KEYS_URL", url);
    let scene = Scene::start_uninstalled(Db::Sqlite, setting).await;
    let jira = &scene.world.jira;
    let descriptor = scene.address("/atlassian-connect.json");
    jira.learn("acme", &descriptor).await.expect("it is read");
    let event = LifecycleEvent::Installed;
    let token = jira.lifecycle_token("acme", event, &Overrides::none());
    let request = loopback_client()
        .post(scene.address("/connect/installed"))
        .header("authorization", format!("JWT {token}"))
        .json(&jira.lifecycle_body("acme", event));
    let answer = scene.send(request).await;
    scene.end().await;
    answer.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t22_no_answer_is_waited_for_without_end() {
    let (endless, sent) = without_end(None).await;
    assert_eq!(install_with_keys_of(&endless).await, 503);
    // What the sockets between the two hold is more than what is read.
    let sent = sent.load(Ordering::SeqCst);
    assert!(
        sent < 32 << 20,
        "{sent} bytes went out before it was cut off"
    );

    // Half a minute each, so all at once: a key server that trickles, a Jira and a service that are silent.
    let (trickling, _) = without_end(Some(Duration::from_millis(200))).await;
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    // The people of this story are patient.
    scene.http = loopback_client();
    let (omar, mia) = (scene.person("acme", OMAR), scene.person("acme", MIA));
    let returned = omar.until_returned("u-100").await;
    omar.prove(&returned).await.is(200);
    let silent = jira::Fault::new(FaultKind::Hang).on("GET", "/rest/api/3/user");
    scene.world.jira.fault(silent.times(1));
    let service = &scene.world.service;
    service.fault(Fault::once(Endpoint::Redeem, Kind::Hang));
    let token = mia.token();
    let all = async {
        tokio::join!(
            install_with_keys_of(&trickling),
            mia.begin_with(&token),
            omar.look(&returned),
        )
    };
    let answers: Result<(u16, Answer, Answer), _> =
        tokio::time::timeout(Duration::from_secs(120), all).await;
    let (installed, begun, looked) = answers.expect("nobody waits for ever");
    assert_eq!(installed, 503);
    assert_eq!(begun.status, 503, "{}", begun.text);
    assert_eq!(looked.status, 503, "{}", looked.text);
    // Whoever comes next is served.
    omar.link("u-100").await;
    mia.link("u-200").await;
    scene.end().await;
}
