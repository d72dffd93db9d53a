//! Stories in a real browser of the app's pages as Forge frames them: the real `@forge/bridge`, Forge's sandbox and
//! content security policy, Jira's question before another site, and the real server behind them.

use serde_json::json;

use crate::browser::{Browser, Options, Theme};
use crate::browsing::{
    Album, AtJira, choose, comes_back, confirm, consent, failed, the_whole_way, token_requests,
    wait_page, way_back,
};
use crate::doors::Door;
use crate::on_both_databases;
use crate::scene::{Db, FORGE_SITE, Scene, Setting, eventually};
use crate::sim::jira::{MIA, OMAR, Overrides, Theme as JiraTheme};

on_both_databases!(
    by_forge_a_person_connects_and_sees_it_renewed_and_disconnects_in_light,
    by_forge_a_person_connects_and_sees_it_renewed_and_disconnects_in_dark,
    by_forge_who_declines_jiras_question_goes_on_from_there,
    by_forge_the_finish_page_says_what_holds,
    t6_by_forge_another_person_is_told_that_somebody_else_started_this,
);

async fn by_forge_a_person_connects_and_sees_it_renewed_and_disconnects_in_light(db: Db) {
    the_whole_way(db, Door::Forge, Theme::Light).await;
}

async fn by_forge_a_person_connects_and_sees_it_renewed_and_disconnects_in_dark(db: Db) {
    the_whole_way(db, Door::Forge, Theme::Dark).await;
}

/// A site of Forge, with somebody before an issue there.
async fn start(db: Db) -> (Scene, Browser) {
    let scene = Scene::start(db, Setting::default()).await;
    Door::Forge.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    AtJira::at(&scene, &browser, FORGE_SITE).sign_in(OMAR).await;
    (scene, browser)
}

async fn by_forge_who_declines_jiras_question_goes_on_from_there(db: Db) {
    let (scene, browser) = start(db).await;
    let album = Album::at(&scene, FORGE_SITE, &browser, Theme::Light);
    let at_jira = AtJira::at(&scene, &browser, FORGE_SITE);
    let omar = scene.person(FORGE_SITE, OMAR);
    let issue = browser.tab().await;
    at_jira.wait_glance("unlinked").await;
    for _ in 0..2 {
        at_jira
            .in_frame(async || browser.click_text("Connect").await)
            .await;
        let question = "You are leaving Jira for latchkey.localhost";
        browser.wait_text(question).await;
        album.page("question").await;
        at_jira.stay().await;
        at_jira
            .in_frame(async || browser.wait_text("Nothing was opened.").await)
            .await;
        album.panel("panel-declined").await;
        assert_eq!(browser.tab_count().await, 1);
        assert_eq!(omar.state().await, "unlinked", "there is no attempt");
    }
    // The other answer goes on.
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || browser.click_text("Continue").await)
        .await;
    at_jira.stay().await;
    at_jira
        .in_frame(async || browser.wait_text("Nothing was opened.").await)
        .await;
    album.page("finish-declined").await;
    assert_eq!(token_requests(&scene), 0);
    let finish = browser.tab().await;
    browser.switch_to(issue.clone()).await;
    at_jira.wait_glance("linking").await;
    at_jira
        .in_frame(async || browser.wait_no_text("Nothing was opened.").await)
        .await;
    album.panel("panel-linking").await;
    browser.switch_to(finish).await;
    at_jira.connect_accounts("Robin Park").await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || choose(&browser, "#disconnect").await)
        .await;
    album.panel("panel-disconnect").await;
    at_jira
        .in_frame(async || browser.click_css("#disconnect-yes").await)
        .await;
    at_jira.wait_glance("unlinked").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn by_forge_the_finish_page_says_what_holds(db: Db) {
    let (scene, browser) = start(db).await;
    let jira = &scene.world.jira;
    let album = Album::at(&scene, FORGE_SITE, &browser, Theme::Light);
    let at_jira = AtJira::at(&scene, &browser, FORGE_SITE);
    let omar = scene.person(FORGE_SITE, OMAR);
    // Proved, and then loaded again: the handle is not in the address any more, and the proof holds.
    let begun = comes_back(&browser, &omar, "u-100").await;
    at_jira.wait_frame("proved").await;
    assert_eq!(browser.address().await, jira.forge_finish_url(FORGE_SITE));
    browser.reload().await;
    failed(&at_jira, "nothing-begun").await;
    at_jira
        .in_frame(async || browser.wait_text("Nothing to finish here").await)
        .await;
    album.page("finish-nothing-begun").await;
    assert_eq!(token_requests(&scene), 0);
    browser
        .goto(&scene.address(&format!("/link/{}", begun.id)))
        .await;
    wait_page(&browser, "both").await;
    browser.wait_text("Robin Park").await;
    browser.click_text("Cancel").await;
    browser.wait_text("Nothing was connected.").await;

    // Cancelled there.
    comes_back(&browser, &omar, "u-100").await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || browser.click_text("Cancel").await)
        .await;
    at_jira.wait_frame("cancelled").await;
    album.page("finish-cancelled").await;
    at_jira
        .in_frame(async || browser.click_text("Back to Jira").await)
        .await;
    browser.wait_address("/browse/KEY-1").await;
    at_jira.wait_glance("unlinked").await;

    // Too late.
    let late = way_back(&omar, "u-100").await;
    scene.advance(301);
    browser.goto(&late).await;
    failed(&at_jira, "attempt-over").await;
    album.page("finish-attempt-over").await;
    scene.no_work_left().await;
    assert_eq!(omar.property(), None);

    // The page of admins.
    at_jira.sign_in(MIA).await;
    browser.goto(&jira.forge_admin_url(FORGE_SITE)).await;
    at_jira
        .in_frame(async || browser.wait_text("Acme Drive").await)
        .await;
    album.page("admin").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn t6_by_forge_another_person_is_told_that_somebody_else_started_this(db: Db) {
    let (scene, browser) = start(db).await;
    let album = Album::at(&scene, FORGE_SITE, &browser, Theme::Light);
    let at_jira = AtJira::at(&scene, &browser, FORGE_SITE);
    let mia = scene.person(FORGE_SITE, MIA);
    browser.goto(&way_back(&mia, "u-200").await).await;
    failed(&at_jira, "wrong-person").await;
    at_jira
        .in_frame(async || {
            browser.wait_text("Somebody else started this").await;
            browser
                .wait_text("You're signed in to Jira as Omar Haddad")
                .await;
        })
        .await;
    album.page("finish-wrong-person").await;
    for account in [OMAR, MIA] {
        let person = scene.person(FORGE_SITE, account);
        assert_eq!(person.property(), None);
        assert_eq!(person.state().await, "unlinked");
    }
    assert_eq!(token_requests(&scene), 0);
    // Omar's own goes well.
    comes_back(&browser, &scene.person(FORGE_SITE, OMAR), "u-100").await;
    at_jira.go_on().await;
    confirm(&browser, "Robin Park").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.person(FORGE_SITE, OMAR).disconnect().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_forge_the_panel_has_jiras_theme_whatever_the_browser_prefers() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    Door::Forge.open(&scene).await;
    for (theme, in_jira, then) in [
        (Theme::Light, JiraTheme::Dark, JiraTheme::Light),
        (Theme::Dark, JiraTheme::Light, JiraTheme::Dark),
    ] {
        scene.world.jira.set_theme(FORGE_SITE, in_jira);
        let browser = Browser::themed(theme).await;
        let at_jira = AtJira::at(&scene, &browser, FORGE_SITE);
        at_jira.sign_in(OMAR).await;
        at_jira.wait_glance("unlinked").await;
        // A frame may look like the page around it by itself, so what the bridge says is looked at as well.
        let is = async |jiras: JiraTheme| {
            let script = "return [getComputedStyle(document.body).backgroundColor, \
                document.documentElement.dataset.colorMode]";
            let wanted = match jiras {
                JiraTheme::Dark => json!(["rgb(31, 31, 33)", "dark"]),
                JiraTheme::Light => json!(["rgb(255, 255, 255)", "light"]),
            };
            at_jira
                .in_frame(async || {
                    eventually("the panel has Jira's theme", async || {
                        (browser.evaluate(script).await == wanted).then_some(())
                    })
                    .await;
                })
                .await;
        };
        is(in_jira).await;
        // It follows Jira while it is looked at.
        browser.click_text("Switch theme").await;
        is(then).await;
        browser.assert_console_quiet(&[]).await;
        browser.close().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t31_by_forge_a_page_reaches_the_server_as_the_person_of_its_session() {
    let (scene, browser) = start(Db::Sqlite).await;
    let jira = &scene.world.jira;
    let at_jira = AtJira::at(&scene, &browser, FORGE_SITE);
    at_jira.wait_glance("unlinked").await;
    scene.person(FORGE_SITE, MIA).link("u-200").await;
    // Somebody whose browser sends another context, and whatever headers they like, is still who they are.
    let fit = scene.person(FORGE_SITE, MIA).invocation(&Overrides::none());
    let asks = format!(
        "const [frame] = document.getElementsByClassName('app-frame');\
         const context = {{ ...JSON.parse(frame.dataset.forge).context, principal: '{MIA}', accountId: '{MIA}' }};\
         const input = {{ path: '/api/link', method: 'GET', headers: {{ Authorization: 'Bearer {fit}' }} }};\
         const body = JSON.stringify({{ page: 'admin', context, input }});\
         const headers = {{ 'content-type': 'application/json' }};\
         return fetch('/s/invoke', {{ method: 'POST', headers, body }})\
           .then((answer) => answer.json()).then(({{ payload }}) => payload.body.state)"
    );
    assert_eq!(browser.evaluate(&asks).await, json!("unlinked"));
    // Signed out, they are nobody.
    jira.sign_everybody_out();
    at_jira.wake_glance().await;
    at_jira.wait_glance("not-allowed").await;
    browser.close().await;
    scene.person(FORGE_SITE, MIA).disconnect().await;
    scene.end().await;
}
