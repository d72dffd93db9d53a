//! Stories in a real browser of the panel in an issue, by both doors: what it shows of a connection and of an attempt
//! in another tab, how one press opens one tab, and that an attempt ends when its person says so.

use reqwest::Method;

use crate::browser::{Browser, Options, Theme};
use crate::browsing::{
    Album, AtJira, ERROR_ANSWERS, beginning_of, choose, consent, token_requests, wait_page,
};
use crate::doors::Door;
use crate::scene::{Db, Scene, Setting, eventually};
use crate::sim::jira::{Fault, FaultKind, MIA, OMAR, PAT};
use crate::{by_both_doors, on_both_databases};

by_both_doors!(
    one_press_opens_one_tab_whatever_the_mouse_does,
    cancel_in_the_panel_ends_the_attempt_and_says_what_stays,
    who_reconnects_sees_it_and_starts_again,
    who_closes_the_tab_is_soon_not_shown_as_connecting_and_loses_nothing,
    an_older_tab_says_what_has_become_of_the_newer_one,
    jira_says_once_that_a_connection_needs_its_person_and_that_it_works_again,
    the_panel_is_managed_by_keyboard_alone,
    the_panel_is_for_everybody,
    the_panel_is_there_in_forced_colours_without_motion_zoomed_and_on_paper,
);

on_both_databases!(the_person_ends_their_attempt_at_any_step_and_keeps_their_link);

/// A site with somebody before an issue there.
async fn start(door: Door, browser: &Browser) -> (Scene, &'static str) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let site = door.open(&scene).await;
    AtJira::at(&scene, browser, site).sign_in(OMAR).await;
    (scene, site)
}

async fn attempts(scene: &Scene) -> (i64, i64) {
    let ended = "select count(*) from attempt_end where how = 'replaced'";
    (
        scene.count("select count(*) from attempt").await,
        scene.count(ended).await,
    )
}

async fn one_press_opens_one_tab_whatever_the_mouse_does(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let jira = &scene.world.jira;
    let at_jira = AtJira::at(&scene, &browser, site);
    let issue = browser.tab().await;
    let omar = scene.person(site, OMAR);
    let opens_one = async |what: &str| {
        at_jira.follow().await;
        browser.wait_text("Omar Haddad").await;
        assert_eq!(browser.tab_count().await, 2, "{what}");
        assert_eq!(attempts(&scene).await, (1, 0), "{what}");
        browser.close_tab().await;
        browser.switch_to(issue.clone()).await;
        at_jira.wait_glance("linking").await;
        at_jira
            .in_frame(async || browser.click_text("Cancel").await)
            .await;
        at_jira.wait_glance("unlinked").await;
        assert_eq!(omar.state().await, "unlinked");
    };
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || browser.click_hastily("#begin .primary").await)
        .await;
    opens_one("a double click").await;

    // By Forge the question of Jira's own takes what comes after the first press. Here the same while Jira takes a
    // moment to say who is looking, and then Enter that is not let go.
    if door == Door::Connect {
        jira.edit_site(site, |site| site.token_cache_seconds = 0);
        browser.reload().await;
        at_jira.wait_glance("unlinked").await;
        let slow = FaultKind::Delay(std::time::Duration::from_millis(700));
        jira.fault(Fault::new(slow).on("POST", "/s/context-token"));
        at_jira
            .in_frame(async || browser.click_hastily("#begin .primary").await)
            .await;
        opens_one("clicks while a token is awaited").await;
        jira.clear_faults();
        at_jira
            .in_frame(async || {
                browser.tab_to("Connect").await;
                browser.hold_enter(5).await;
            })
            .await;
        opens_one("Enter that is held down").await;
    }
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn cancel_in_the_panel_ends_the_attempt_and_says_what_stays(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    let tab = browser.tab().await;
    browser.switch_to(issue.clone()).await;
    at_jira.wait_glance("linking").await;
    at_jira
        .in_frame(async || {
            browser.click_text("Cancel").await;
            browser.wait_text("Cancelled. Nothing was connected.").await;
        })
        .await;
    at_jira.wait_glance("unlinked").await;
    assert_eq!(omar.state().await, "unlinked");
    browser.switch_to(tab).await;
    browser.reload().await;
    browser.wait_text("Cancelled").await;
    browser.wait_text("Nothing was connected.").await;
    browser.close_tab().await;
    browser.switch_to(issue.clone()).await;

    // Another account stays connected all the while, and every page says so.
    omar.link("u-100").await;
    omar.recorded().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || choose(&browser, "#use-another").await)
        .await;
    at_jira.follow().await;
    browser
        .wait_text("You're connected to Acme Drive as Robin Park")
        .await;
    let tab = browser.tab().await;
    browser.switch_to(issue.clone()).await;
    at_jira
        .in_frame(async || {
            browser.wait_text("Connecting another account…").await;
            browser
                .wait_text("Robin Park stays connected until you finish.")
                .await;
            browser.wait_text("Connected as Robin Park").await;
        })
        .await;
    at_jira.wait_glance("linked").await;
    browser.switch_to(tab.clone()).await;
    browser.click_text("Continue").await;
    consent(&browser, "Sam Ortiz").await;
    at_jira.until_both("Sam Ortiz").await;
    let grants = || scene.world.service.ledger().live_grants().len();
    assert_eq!(grants(), 2);
    browser.switch_to(issue).await;
    at_jira
        .in_frame(async || {
            browser.click_text("Cancel").await;
            browser
                .wait_text("Cancelled. Robin Park stays connected.")
                .await;
            browser.wait_no_text("Connecting another account…").await;
        })
        .await;
    eventually("what the attempt brought is revoked", async || {
        (grants() == 1).then_some(())
    })
    .await;
    browser.switch_to(tab).await;
    browser.reload().await;
    browser
        .wait_text("You're still connected to Acme Drive as Robin Park.")
        .await;
    assert_eq!(omar.status().await["subject"], "u-100");
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

async fn who_closes_the_tab_is_soon_not_shown_as_connecting_and_loses_nothing(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    let page = browser.address().await;
    let noted = "select count(*) from attempt where left_at is not null";
    // A page that is loaded again says that it is gone, and isn't.
    browser.reload().await;
    browser.wait_text("Omar Haddad").await;
    assert_eq!(
        browser
            .evaluate("return document.getElementById('latchkey').dataset.shown")
            .await,
        "2"
    );
    scene.advance(30);
    assert!(omar.status().await["attempt"]["left"].is_null());
    // Nor is who goes on to the service.
    browser.click_text("Continue").await;
    browser.wait_text("Choose an account").await;
    scene.advance(30);
    assert_eq!(scene.count(noted).await, 0);
    browser.back().await;
    browser.wait_text("Omar Haddad").await;

    browser.close_tab().await;
    browser.switch_to(issue).await;
    eventually("the browser says so", async || {
        (scene.count(noted).await == 1).then_some(())
    })
    .await;
    scene.advance(10);
    at_jira.wake_glance().await;
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || {
            browser
                .wait_text("You didn't finish connecting, so nothing was connected.")
                .await;
        })
        .await;
    // A browser that was wrong loses nothing: the page goes on, and the panel shows it.
    browser.open_tab(&page).await;
    browser.wait_text("Omar Haddad").await;
    assert!(omar.status().await["attempt"]["left"].is_null());
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;
    at_jira.connect_accounts("Robin Park").await;
    assert_eq!(attempts(&scene).await, (0, 0));
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

async fn who_reconnects_sees_it_and_starts_again(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    let issue = browser.tab().await;
    omar.link("u-100").await;
    omar.recorded().await;
    scene.world.service.withdraw("u-100");
    omar.renew().await.is(202);
    omar.asked_to_reconnect().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("reconnect").await;
    let begins = async |button: &str| {
        at_jira
            .in_frame(async || browser.click_text(button).await)
            .await;
        at_jira.follow().await;
        browser.wait_text("Omar Haddad").await;
        browser.close_tab().await;
        browser.switch_to(issue.clone()).await;
        at_jira
            .in_frame(async || {
                browser.wait_text("Reconnecting…").await;
                // Nothing is connected that could stay so.
                browser.wait_no_text("stays connected").await;
            })
            .await;
    };
    begins("Reconnect").await;
    begins("Start again").await;
    // Too late, the panel says what holds and offers the way on.
    scene.advance(601);
    at_jira.wake_glance().await;
    at_jira
        .in_frame(async || {
            browser
                .wait_text("You didn't finish connecting, so nothing has changed.")
                .await;
            browser.wait_enabled("#actions > .primary").await;
        })
        .await;
    at_jira.wait_glance("reconnect").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

async fn an_older_tab_says_what_has_become_of_the_newer_one(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    browser.goto(&beginning_of(&omar).await).await;
    let older = browser.address().await;
    browser.goto(&beginning_of(&omar).await).await;
    let newer = browser.address().await;
    browser.goto(&older).await;
    browser.wait_text("You started again in another tab").await;
    browser.wait_text("Back to KEY-1").await;
    browser.click_text("Continue with the newer one").await;
    browser.wait_address(&newer).await;
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;
    at_jira.connect_accounts("Robin Park").await;
    browser.goto(&older).await;
    wait_page(&browser, "connected").await;
    browser.wait_text("Connected as Robin Park").await;
    browser.close().await;
    omar.disconnect().await;

    // Two beginnings at the same moment leave the browser with the session of the one that was answered last.
    let (older, newer) = (omar.begin().await, omar.begin().await);
    let mias = scene.person(site, MIA).begin().await;
    let asks = async |method: Method, id: &str, cookie: &str| {
        let path = format!("/link/{id}");
        omar.with_cookie(method, &path, cookie).await
    };
    let page = asks(Method::GET, &older.id, &newer.cookie).await.text;
    let told = "You started again in another tab";
    for shown in [told, &format!("/link/{}", newer.id)] {
        assert!(page.contains(shown), "{page}");
    }
    let pressed = asks(Method::POST, &older.id, &newer.cookie).await;
    pressed.is_page(410, "attempt-over");
    // Nobody else is told, and the newer one is not shown to the older session.
    for (id, cookie) in [(&older.id, &mias.cookie), (&newer.id, &older.cookie)] {
        let page = asks(Method::GET, id, cookie).await;
        page.is_page(403, "wrong-browser");
    }
    assert_eq!(token_requests(&scene), 1);
    scene.end().await;
}

async fn jira_says_once_that_a_connection_needs_its_person_and_that_it_works_again(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    at_jira.wait_glance("unlinked").await;
    omar.link("u-100").await;
    omar.recorded().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linked").await;
    let flags = async || {
        let titles = "return [...document.querySelectorAll('.flag strong')].map((title) => title.textContent).join()";
        browser.evaluate(titles).await
    };
    assert_eq!(flags().await, "", "who connects is told in the panel");
    scene.world.service.withdraw("u-100");
    omar.renew().await.is(202);
    omar.asked_to_reconnect().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("reconnect").await;
    eventually("Jira says it", async || {
        (flags().await == "Reconnect Acme Drive").then_some(())
    })
    .await;
    // Somebody who has dismissed it is not told again, however often the panel looks.
    browser
        .evaluate("document.querySelector('.flag').remove()")
        .await;
    at_jira
        .in_frame(async || {
            browser
                .evaluate("document.getElementById('reason').textContent = ''")
                .await;
        })
        .await;
    at_jira.wake_glance().await;
    at_jira
        .in_frame(async || {
            browser
                .wait_text("Acme Drive no longer accepts this connection.")
                .await;
        })
        .await;
    assert_eq!(flags().await, "");
    // When the issue is opened then, the panel says it and Jira doesn't.
    browser.reload().await;
    at_jira.wait_glance("reconnect").await;
    assert_eq!(flags().await, "");
    omar.link("u-100").await;
    omar.recorded().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linked").await;
    eventually("Jira says that it works again", async || {
        (flags().await == "Your connection to Acme Drive works again").then_some(())
    })
    .await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

async fn the_panel_is_managed_by_keyboard_alone(door: Door) {
    let browser = Browser::new(Options::default()).await;
    let (scene, site) = start(door, &browser).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linked").await;
    let focused = "return document.activeElement.id";
    at_jira
        .in_frame(async || {
            let has_focus = async |id: &str| {
                eventually(id, async || {
                    (browser.evaluate(focused).await == id).then_some(())
                })
                .await;
            };
            browser.wait_no_text("Disconnect").await;
            browser.wait_no_text("Key valid until").await;
            browser.tab_to_and_enter("Details").await;
            browser.wait_text("Key valid until").await;
            // Held down, Enter opens it and doesn't close it again.
            browser.tab_to("Manage").await;
            browser.hold_enter(2).await;
            browser.tab_to("Use another account").await;
            browser.press_escape().await;
            browser.wait_no_text("Use another account").await;
            has_focus("manage").await;
            browser.tab_to_and_enter("Manage").await;
            browser.tab_to_and_enter("Renew now").await;
            browser.wait_text("The key was renewed.").await;
            has_focus("manage").await;
            browser.tab_to_and_enter("Manage").await;
            browser.tab_to_and_enter("Disconnect").await;
            has_focus("sure-text").await;
            browser.press_escape().await;
            browser.wait_no_text("Disconnect Acme Drive?").await;
            has_focus("manage").await;
            browser.tab_to_and_enter("Manage").await;
            browser.tab_to_and_enter("Disconnect").await;
            has_focus("sure-text").await;
            browser.tab_to_and_enter("Disconnect").await;
            browser.wait_text("Connect your Acme Drive account").await;
        })
        .await;
    assert_eq!(omar.property(), None);
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn the_panel_is_for_everybody(door: Door) {
    for theme in Album::themes() {
        is_for_everybody(door, *theme).await;
    }
}

async fn is_for_everybody(door: Door, theme: Theme) {
    let browser = Browser::themed(theme).await;
    let (mut scene, site) = start(door, &browser).await;
    let jira = scene.world.jira.clone();
    let album = Album::at(&scene, site, &browser, theme);
    let at_jira = AtJira::at(&scene, &browser, site);
    browser.reload().await;
    // As it is, and as narrow as it gets, where nothing is wider than the frame.
    let look = async |name: &str| {
        at_jira
            .in_frame(async || browser.is_for_everybody(name).await)
            .await;
        album.panel(&format!("panel-{name}")).await;
        browser.resize(320, 2400).await;
        at_jira
            .in_frame(async || {
                let over = "return document.documentElement.scrollWidth - innerWidth";
                let over = browser.evaluate(over).await;
                assert!(over.as_i64() <= Some(0), "{name}: {over} too wide");
            })
            .await;
        album.panel(&format!("panel-{name}-narrow")).await;
        browser.resize(1280, 900).await;
    };
    at_jira.wait_glance("unlinked").await;
    look("unlinked").await;
    {
        let omar = scene.person(site, OMAR);
        omar.begin().await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("linking").await;
        look("linking").await;
        at_jira
            .in_frame(async || browser.click_text("Cancel").await)
            .await;
        at_jira.wait_glance("unlinked").await;
        look("cancelled").await;
        omar.link("u-100").await;
        omar.recorded().await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("linked").await;
        look("linked").await;
        let on_view = |selectors: &'static [&'static str]| {
            let (at_jira, browser) = (&at_jira, &browser);
            async move {
                for css in selectors {
                    at_jira
                        .in_frame(async || browser.click_css(css).await)
                        .await;
                }
            }
        };
        on_view(&["summary", "#manage"]).await;
        look("managed").await;
        on_view(&["#disconnect"]).await;
        look("disconnect").await;
        on_view(&["#disconnect-no"]).await;
        omar.begin().await;
        at_jira.wake_glance().await;
        at_jira
            .in_frame(async || browser.wait_text("Reconnecting…").await)
            .await;
        look("switching").await;
        scene
            .execute("update link set published_expires_at = 1700000000, first_end = 1700000000, trouble = 'service_away'")
            .await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("ran-out").await;
        look("ran-out").await;
        scene
            .execute("update link set state = 'reconnect', reason = 'revoked'")
            .await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("reconnect").await;
        look("reconnect").await;
        omar.disconnect().await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("unlinked").await;
    }
    let address = scene.stop().await;
    at_jira
        .in_frame(async || {
            let offline = "Object.defineProperty(navigator, 'onLine', { get: () => false })";
            browser.evaluate(offline).await;
        })
        .await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("unreachable").await;
    at_jira
        .in_frame(async || browser.wait_text("You're offline").await)
        .await;
    look("offline").await;
    browser.reload().await;
    match door {
        // The frame itself comes from the server.
        Door::Connect => {}
        Door::Forge => {
            at_jira.wait_glance("unreachable").await;
            at_jira
                .in_frame(async || browser.wait_text("Can't reach Latchkey").await)
                .await;
            look("unreachable").await;
        }
    }
    scene.start_again(address).await;
    if door == Door::Connect {
        at_jira.sign_in(PAT).await;
        at_jira.wait_glance("not-allowed").await;
        look("not-allowed").await;
    }
    drop(jira);
    browser
        .assert_console_quiet(&[ERROR_ANSWERS, "net::ERR_"])
        .await;
    browser.close().await;
    scene.end().await;
}

/// For each button on view the colour of its edge, its own and that of the page. Edges have to be seen where colours
/// are the reader's.
const EDGES: &str = "const shown = [...document.querySelectorAll('.button')].filter((it) => it.checkVisibility()); \
    return shown.map((button) => { const { borderTopColor, borderTopWidth, backgroundColor } = getComputedStyle(button); \
        return [borderTopColor, borderTopWidth, backgroundColor]; });";

async fn the_panel_is_there_in_forced_colours_without_motion_zoomed_and_on_paper(door: Door) {
    let options = Options {
        one_process: true,
        ..Options::default()
    };
    let browser = Browser::new(options).await;
    let (scene, site) = start(door, &browser).await;
    let album = Album::at(&scene, site, &browser, Theme::Light);
    let at_jira = AtJira::at(&scene, &browser, site);
    let omar = scene.person(site, OMAR);
    omar.begin().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linking").await;
    let turning = "return getComputedStyle(document.querySelector('.line .spinner')).animationName";
    let inside = async |script: &str| {
        at_jira
            .in_frame(async || browser.evaluate(script).await)
            .await
    };
    assert_eq!(inside(turning).await, "turn");
    browser
        .emulate("", &[("prefers-reduced-motion", "reduce")])
        .await;
    assert_eq!(inside(turning).await, "fade");
    let slides = "return getComputedStyle(document.querySelector('.button')).transitionDuration";
    assert_eq!(inside(slides).await, "0s");

    omar.link("u-100").await;
    omar.recorded().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("linked").await;
    browser.emulate("", &[("forced-colors", "active")]).await;
    at_jira
        .in_frame(async || {
            browser.click_css("#manage").await;
            browser.click_css("#disconnect").await;
        })
        .await;
    let edges = inside(EDGES).await;
    let edges = edges.as_array().expect("a list");
    assert!(edges.len() >= 2, "{edges:?}");
    for edge in edges {
        assert_eq!(edge[1], "1px", "{edge}");
        assert_ne!(edge[0], edge[2], "{edge}");
        assert_ne!(edge[0], "rgba(0, 0, 0, 0)", "{edge}");
    }
    album.panel("panel-forced-colours").await;
    browser.emulate("", &[]).await;

    // At 200 % a window has half as many pixels of the page's own each way.
    browser.zoom(Some(2.0)).await;
    let over = inside("return document.documentElement.scrollWidth - innerWidth").await;
    assert!(over.as_i64() <= Some(0), "{over} too wide");
    album.panel("panel-zoomed").await;
    browser.zoom(None).await;

    // On paper there is what holds, and nothing to press.
    browser.emulate("print", &[]).await;
    assert_eq!(inside(EDGES).await, serde_json::json!([]));
    at_jira
        .in_frame(async || browser.wait_text("Connected as Robin Park").await)
        .await;
    album.panel("panel-print").await;
    browser.emulate("", &[]).await;
    omar.disconnect().await;
    browser.close().await;
    scene.end().await;
}

async fn the_person_ends_their_attempt_at_any_step_and_keeps_their_link(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let mia = scene.person("acme", MIA);
    omar.link("u-100").await;
    omar.recorded().await;
    let ends = async |person: &crate::scene::Person<'_>| {
        let call = person.call(Method::DELETE, "/api/link/attempt");
        scene.send(call).await.is(204);
    };
    let is_over = async || omar.status().await["attempt"].is_null();
    let grants = || scene.world.service.ledger().live_grants().len();
    // There is none, which is what is wanted.
    ends(&omar).await;

    let begun = omar.begin().await;
    assert_eq!(omar.status().await["attempt"]["another"], false);
    // It is nobody's but their own.
    ends(&mia).await;
    assert!(!is_over().await);
    ends(&omar).await;
    assert!(is_over().await);
    let path = format!("/link/{}", begun.id);
    let page = omar.with_cookie(Method::GET, &path, &begun.cookie).await;
    let page = page.is(200).reads();
    for shown in [
        "Cancelled",
        "You're still connected to Acme Drive as Robin Park.",
    ] {
        assert!(page.contains(shown), "{page}");
    }

    let returned = omar.until_returned("u-200").await;
    ends(&omar).await;
    omar.prove(&returned).await.is_problem(410, "attempt-over");

    let returned = omar.until_returned("u-200").await;
    let both = omar.both(&returned).await;
    assert_eq!(grants(), 2);
    ends(&omar).await;
    let confirmed = omar.confirm_page(&returned, &both.page).await;
    confirmed.is_page(410, "attempt-over");
    eventually("what the attempt brought is revoked", async || {
        (grants() == 1).then_some(())
    })
    .await;

    let status = omar.status().await;
    assert_eq!(
        (&status["state"], &status["subject"]),
        (&"linked".into(), &"u-100".into())
    );
    omar.disconnect().await;
    scene.end().await;
}
