//! Stories of connections to the database that are cut while everything else goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use latchkey::App;
use latchkey::model::{ClientKey, Credential, Tokens};
use latchkey::publishing::REST;
use latchkey::secret::Secret;
use latchkey::store::{Claim, ClaimKind, LEASE, Lease, Turn};
use latchkey::worker::Watchman;

use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::OMAR;
use crate::sim::service::Endpoint;

on_both_databases!(r2_what_was_committed_is_known_again_and_nothing_else_is);

const DONE: &str = "the database answers";
/// Keys of three hours: nothing is due unless a story says so.
const LIFE: u64 = 3 * 3600;

/// A wire to PostgreSQL that loses an answer when it is told to.
#[derive(Clone)]
struct Wire {
    order: Arc<Mutex<Order>>,
}

#[derive(Default)]
struct Order {
    /// The answer to the next commit of a transaction that names this is lost, and the connection with it.
    about: Option<String>,
    lost: usize,
}

impl Wire {
    /// To the server of this URL; and the URL by which the wire leads there.
    async fn to(url: &str) -> (Self, String) {
        let (listener, server, way) = Postgres::way_to(url).await;
        let wire = Self {
            order: Arc::default(),
        };
        let order = wire.order.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                    tokio::spawn(carry(client, server, order.clone()));
                }
            }
        });
        (wire, way)
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries a connection until either side ends it, or the order is carried out.
async fn carry(client: TcpStream, server: TcpStream, order: Arc<Mutex<Order>>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let swallow = Arc::new(Mutex::new(false));
    tokio::select! {
        () = ask(from_client, to_server, &order, &swallow) => {}
        () = answer(from_server, to_client, &order, &swallow) => {}
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    order: &Mutex<Order>,
    swallow: &Mutex<bool>,
) {
    let mut named = false;
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let chunk = &bytes[..length];
        {
            let mut order = order.lock().unwrap_or_else(PoisonError::into_inner);
            if has(chunk, b"BEGIN") {
                named = false;
            }
            if let Some(about) = &order.about {
                named = named || has(chunk, about.as_bytes());
                if named && has(chunk, b"COMMIT") {
                    order.about = None;
                    *swallow.lock().unwrap_or_else(PoisonError::into_inner) = true;
                }
            }
        }
        if to.write_all(chunk).await.is_err() {
            return;
        }
    }
}

async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    order: &Mutex<Order>,
    swallow: &Mutex<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let chunk = &bytes[..length];
        // The server says it when it has done so.
        if *swallow.lock().unwrap_or_else(PoisonError::into_inner) && has(chunk, b"COMMIT") {
            order.lock().unwrap_or_else(PoisonError::into_inner).lost += 1;
            return;
        }
        if to.write_all(chunk).await.is_err() {
            return;
        }
    }
}

fn has(chunk: &[u8], words: &[u8]) -> bool {
    chunk.windows(words.len()).any(|window| window == words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_a_commit_whose_answer_is_lost_is_not_taken_back() {
    let (wire, url) = Wire::to(&Postgres::database().await).await;
    let mut setting = Setting::keys_live(LIFE);
    setting.postgres = Some(url);
    let scene = Scene::start(Db::Postgres, setting).await;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    wire.order().about = Some(omar.account.clone());
    omar.renew().await.is(202);
    eventually("the answer to the commit is lost", async || {
        (wire.order().lost == 1).then_some(())
    })
    .await;
    omar.property_of_generation(2).await;
    omar.recorded().await;
    let service = &scene.world.service;
    assert_eq!(service.calls_to(Endpoint::Refresh), 1);
    assert_eq!(omar.state().await, "linked");
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    assert_eq!(service.calls_to(Endpoint::Revoke), 0, "nothing was revoked");
    // And what it can be renewed with works too.
    omar.renewed().await;
    assert_eq!(service.ledger().opens_api(&omar.key()), Some("u-100"));
    scene.end().await;
}

async fn claim(app: &App, tenant: &ClientKey) -> Claim {
    let turn = Turn {
        tenant: tenant.clone(),
        most: 1,
        rests: false,
    };
    let now = app.parts.clock.now();
    let claims = app
        .parts
        .store
        .claim(
            Lease {
                owner: &app.renewing.replica,
                until: now + LEASE,
            },
            &[turn],
            1,
            ClaimKind::Due,
            now,
            now + REST,
        )
        .await;
    claims.expect(DONE).pop().expect("the link is due")
}

/// A credential as it is after a renewal brought `tokens`.
fn renewed(app: &App, before: &Credential, tokens: Tokens) -> Credential {
    Credential {
        api_key: Some(app.parts.service.token_as_key(&tokens)),
        previous_refresh_token: before.tokens.refresh_token.clone(),
        tokens,
        consent: before.consent,
        refresh_ends_at: None,
        lingering: Vec::new(),
        retiring: Vec::new(),
    }
}

async fn r2_what_was_committed_is_known_again_and_nothing_else_is(db: Db) {
    let mut scene = Scene::start(db, Setting::keys_live(LIFE)).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", OMAR).recorded().await;
    let tenant = ClientKey(scene.client_key("acme"));
    let address = scene.stop().await;
    let app = scene.app_of_its_own().await;
    scene.advance(i64::try_from(LIFE).expect("it fits"));

    let first = claim(&app, &tenant).await;
    let before = first.credential.clone().expect("it opens");
    let others = Tokens {
        access_token: Secret::new("another-access-token"),
        requested_at: app.parts.clock.now(),
        expires_at: None,
        refresh_expires_at: None,
        refresh_token: Some(Secret::new("another-refresh-token")),
    };
    let others = renewed(&app, &before, others);
    let next = async |claim: &Claim| {
        let credential = claim.credential.clone().expect("it opens");
        let token = credential.tokens.refresh_token.clone();
        let service = &app.parts.service;
        let pass = service.admit_renewal(claim.into(), None).await;
        let pass = pass.expect(DONE).expect("the service may be asked");
        let token = token.expect("there is one");
        let tokens = service.refresh(pass, &token).await.answer;
        renewed(&app, &credential, tokens.expect("the service gives more"))
    };
    let second = next(&first).await;
    let known = async |claim: &Claim, credential: &Credential, generation| {
        let known = app.parts.store.holds(claim, credential, generation).await;
        known.expect(DONE)
    };
    assert_eq!(known(&first, &second, 2).await, None, "not yet");
    assert!(
        app.parts
            .store
            .commit(&first, &second, 2)
            .await
            .expect(DONE)
    );
    assert!(
        !app.parts
            .store
            .commit(&first, &second, 2)
            .await
            .expect(DONE)
    );
    assert_eq!(known(&first, &second, 2).await, Some(2));
    assert_eq!(known(&first, &others, 2).await, None, "nobody has kept it");

    // Its lease runs out, and another process continues it.
    scene.advance(LEASE);
    let taken_over = claim(&app, &tenant).await;
    let third = next(&taken_over).await;
    assert!(
        app.parts
            .store
            .commit(&taken_over, &third, 3)
            .await
            .expect(DONE)
    );
    assert_eq!(
        known(&first, &second, 2).await,
        Some(3),
        "it knows where it came from"
    );
    assert_eq!(known(&first, &others, 2).await, None);

    app.parts.store.close().await;
    // With it goes its lock on the file.
    drop(app);
    scene.start_again(address).await;
    let omar = scene.person("acme", OMAR);
    scene.advance(LEASE);
    omar.property_of_generation(3).await;
    omar.disconnect().await;
    assert_eq!(known_after_the_end(&scene, &first, &second).await, None);
    // The claim that was continued may have put something.
    scene.let_late_writes_pass();
    scene.end().await;
}

async fn known_after_the_end(scene: &Scene, claim: &Claim, credential: &Credential) -> Option<i64> {
    let known = scene.app().parts.store.holds(claim, credential, 2).await;
    known.expect(DONE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_what_cuts_all_replicas_off_kills_none() {
    let mut scene = Scene::start(Db::Postgres, Setting::keys_live(LIFE)).await;
    scene.person("acme", OMAR).link("u-100").await;
    scene.person("acme", OMAR).recorded().await;
    let tenant = ClientKey(scene.client_key("acme"));
    let address = scene.stop().await;
    let (first, second) = (scene.app_of_its_own().await, scene.app_of_its_own().await);
    let (mut watching, mut slow) = (Watchman::default(), Watchman::default());
    scene.advance(i64::try_from(LIFE).expect("it fits"));
    watching.look(&first.renewing).await.expect(DONE);
    slow.look(&second.renewing).await.expect(DONE);
    let held = claim(&second, &tenant).await;
    let now = scene.clock.now();
    // Its token request leaves.
    assert!(
        second
            .parts
            .store
            .intend(&held, now, now + LEASE)
            .await
            .expect(DONE)
    );

    // As when the server is restarted. The second is slow to come back.
    scene
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()",
        )
        .await;
    let owners = async || {
        let owners = first
            .parts
            .store
            .owners_besides(&first.renewing.replica)
            .await;
        owners.expect(DONE)
    };
    for _ in 0..8 {
        scene.advance(5);
        watching.look(&first.renewing).await.expect("it is back");
        assert!(
            first
                .parts
                .store
                .has_died(&second.renewing.replica)
                .await
                .expect(DONE)
        );
        assert!(
            owners().await.contains(&second.renewing.replica),
            "it may live"
        );
    }
    // Nothing that it had begun can be under way any more.
    scene.advance(LEASE);
    for _ in 0..2 {
        scene.advance(5);
        watching.look(&first.renewing).await.expect(DONE);
    }
    assert!(owners().await.is_empty(), "what it held is taken over");
    drop(slow);
    first.parts.store.close().await;
    second.parts.store.close().await;
    scene.start_again(address).await;
    scene.person("acme", OMAR).property_of_generation(2).await;
    scene.end().await;
}
