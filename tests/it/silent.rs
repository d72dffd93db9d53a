//! Stories of connections to PostgreSQL that stay open and answer nothing, as behind a firewall that forgot
//! them or a server whose power was cut.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http::Method;
use tower::ServiceExt as _;

use crate::ice::Ice;
use crate::on_both_databases;
use crate::postgres::Postgres;
use crate::scene::{Db, Scene, Setting, eventually, together};
use crate::sim::jira::{MIA, OMAR};

on_both_databases!(a_server_whose_loops_stand_still_is_not_ready);

async fn behind_ice() -> (Ice, Scene) {
    let (ice, url) = Ice::before(&Postgres::database().await).await;
    let mut setting = Setting::keys_live(3 * 3600);
    setting.postgres = Some(url);
    let scene = Scene::start_child(Db::Postgres, setting).await;
    for (account, subject) in [(OMAR, "u-100"), (MIA, "u-200")] {
        let person = scene.person("acme", account);
        person.link(subject).await;
        person.property_of_generation(1).await;
    }
    // As many connections as there may be.
    let asked = (0..32).map(|_| async {
        let omar = scene.person("acme", OMAR);
        assert_eq!(omar.state().await, "linked");
    });
    together(asked).await;
    (ice, scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_r20_connections_that_answer_nothing_are_replaced_and_both_loops_go_on() {
    let (ice, mut scene) = behind_ice().await;
    for generation in [2, 3] {
        ice.freeze();
        let omar = scene.person("acme", OMAR);
        eventually("a renewal can be asked for", async || {
            (omar.renew().await.status == 202).then_some(())
        })
        .await;
        eventually("it is renewed", async || {
            (omar.generation() == Some(generation)).then_some(())
        })
        .await;
        // What was on its way to the database when it froze takes its time to be given up.
        let recorded =
            format!("select count(*) from link where published_generation = {generation}");
        eventually("it is recorded", async || {
            (scene.count(&recorded).await == 1).then_some(())
        })
        .await;
        eventually("it is ready", async || {
            (scene.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }
    ice.freeze();
    let mia = scene.person("acme", MIA);
    eventually("she can disconnect", async || {
        let answer = scene.send(mia.call(Method::DELETE, "/api/link")).await;
        (answer.status == 204).then_some(())
    })
    .await;
    eventually("what she had is cleaned up", async || {
        (scene.count("select count(*) from cleanup").await == 0).then_some(())
    })
    .await;
    ice.freeze();
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(15)).await;
    assert!(status.success(), "{status}");
    scene.restart().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_a_database_that_is_silent_is_told_of_and_does_not_hold_up_the_end() {
    let (ice, mut scene) = behind_ice().await;
    ice.freeze_all();
    let told = eventually("it is not ready", async || {
        let answer = scene.get("/readyz").await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let detail = told.is_problem(503, "unavailable")["detail"].clone();
    let detail = detail.as_str().unwrap_or_default();
    assert!(
        detail.contains("The database cannot be written"),
        "{detail}"
    );
    scene.get("/healthz").await.is(200);
    let figures = scene.child().figures().await.expect("they are served");
    assert!(
        figures.contains("latchkey_http_requests_total"),
        "{figures}"
    );
    // It is said when it changes, not each time it is asked for.
    for _ in 0..3 {
        scene.get("/readyz").await.is(503);
    }
    let said = scene.child().output();
    assert!(
        said.contains("not ready: The database cannot be written"),
        "{said}"
    );
    assert!(
        said.matches("ready: not ready: The database").count() <= 3,
        "{said}"
    );
    scene.child().terminate();
    let status = scene.child().exit(Duration::from_secs(15)).await;
    assert!(status.success(), "{status}");
    // New connections go through again: the story itself looks at the database.
    ice.freeze();
    scene.close().await;
}

/// Its loops have never turned: it does not run.
async fn a_server_whose_loops_stand_still_is_not_ready(db: Db) {
    let mut scene = Scene::start(db, Setting::default()).await;
    eventually("it is ready", async || {
        (scene.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    let address = scene.stop().await;
    let app = scene.app_of_its_own().await;
    let request = || {
        Request::get("/readyz")
            .body(Body::empty())
            .expect("a request")
    };
    let router = latchkey::web::router(app.clone());
    let answer = router.oneshot(request()).await.expect("it answers");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    let body = String::from_utf8(body.expect("it is all there").into()).expect("it is text");
    assert!(body.contains("The loop that renews keys"), "{body}");
    app.parts.store.close().await;
    drop(app);
    scene.start_again(address).await;
    scene.end().await;
}
