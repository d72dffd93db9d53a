//! Stories in a real browser of the page with both accounts: who comes to see it, what it takes to click
//! there, and what it says when it is loaded again.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::USER_AGENT;
use serde_json::json;

use crate::browser::{Browser, Options, Theme};
use crate::browsing::{
    Album, AtJira, ERROR_ANSWERS, SESSION_COOKIE, attempt_of, beginning_of, comes_back, confirm,
    consent, elsewhere, leading_to, opens, token_requests, wait_page,
};
use crate::doors::Door;
use crate::scene::{Db, FORGE_SITE, Returned, Scene, Setting, eventually};
use crate::sim::jira::{Fault as JiraFault, FaultKind, MIA, OMAR, Person as JiraPerson};
use crate::sim::service::{Endpoint, Fault, Kind, Person as ServicePerson, ServiceOptions};
use crate::{by_both_doors, on_both_databases};

on_both_databases!(
    t26_in_the_victims_tab_the_page_names_both_accounts_and_links_nothing_without_a_click,
    t26_by_forge_in_the_victims_tab_the_page_names_both_accounts_and_links_nothing_without_a_click,
);

by_both_doors!(
    t27_in_a_frame_the_page_shows_and_redeems_nothing,
    t27_a_form_of_another_site_confirms_and_begins_nothing,
    t27_f23_reloads_going_back_and_two_tabs_make_one_token_request_and_one_link,
);

/// The attempt that a browser has come back to Jira with, as somebody knows it who reads the address that
/// Jira is asked for. Jira asks who is not signed in to log in first, and keeps the address meanwhile.
async fn read_in_jira(browser: &Browser) -> Returned {
    browser.wait_address("handle").await;
    let address = browser.address().await;
    let address = address.replace("%3D", "=").replace("%26", "&");
    let value = |name: &str| {
        let (_, rest) = address.split_once(name).expect("the address carries it");
        rest.split('&').next().unwrap_or_default().to_owned()
    };
    Returned {
        id: value("attempt="),
        handle: value("handle="),
        cookie: String::new(),
    }
}

async fn t26_in_the_victims_tab_the_page_names_both_accounts_and_links_nothing_without_a_click(
    db: Db,
) {
    let scene = Scene::start(db, Setting::default()).await;
    the_victims_tab(scene, "globex").await;
}

async fn t26_by_forge_in_the_victims_tab_the_page_names_both_accounts_and_links_nothing_without_a_click(
    db: Db,
) {
    let scene = Scene::start(db, Setting::default()).await;
    Door::Forge.open(&scene).await;
    the_victims_tab(scene, FORGE_SITE).await;
}

async fn the_victims_tab(scene: Scene, site: &'static str) {
    // The attacker is admin of a site of their own, and reads every address that is opened there.
    let attacker = scene.person(site, MIA);
    let victims = Browser::new(Options::default()).await;
    let trap = leading_to(&beginning_of(&attacker).await).await;
    victims.goto(&trap).await;
    victims.wait_text("Mia Chen").await;
    victims.click_text("Continue").await;
    consent(&victims, "Robin Park").await;
    // The victim has no account at that site, so nobody proves there but the attacker.
    let returned = read_in_jira(&victims).await;
    let proves = async || {
        let path = format!("/link/{}/prove", returned.id);
        let proof = attacker.call(Method::POST, &path);
        let proof = proof.header(USER_AGENT, "the attacker's");
        let proof = proof.json(&json!({"handle": returned.handle}));
        scene.send(proof).await.is(200).json()["next"].clone()
    };
    let page = scene.address(&format!("/link/{}", returned.id));
    assert_eq!(proves().await, json!(page));
    assert_eq!(token_requests(&scene), 0);

    // Without the victim's cookie the page is of no use.
    let attackers = scene.http.get(&page);
    scene.send(attackers).await.is_page(403, "wrong-browser");
    assert_eq!(token_requests(&scene), 0);

    // The attacker leads the victim's tab there.
    victims.goto(&leading_to(&page).await).await;
    wait_page(&victims, "both").await;
    let host = scene.world.jira.url(site).replace("http://", "");
    let text = victims.text().await;
    for shown in ["Mia Chen", MIA, &host, "Robin Park", "u-100"] {
        assert!(text.contains(shown), "{shown} is missing in {text}");
    }
    // By Forge nobody knows where the page was that proved.
    let warns = text.contains("from another network or browser");
    assert_eq!(warns, site != FORGE_SITE, "{text}");
    assert_eq!(token_requests(&scene), 1);
    // It stays open for a while, and the attacker asks again: without a click nothing is linked.
    victims.wait_enabled("#confirm").await;
    assert_eq!(proves().await, json!(page));
    assert_eq!(attacker.property(), None);
    assert_eq!(attacker.state().await, "linking");
    victims.click_text("Cancel").await;
    victims.wait_text("Nothing was connected.").await;
    scene.nothing_left().await;
    assert_eq!(attacker.state().await, "unlinked");
    victims.assert_console_quiet(&[ERROR_ANSWERS]).await;
    victims.close().await;
    scene.end().await;
}

/// Signed in to Jira and back from the service as this account, on the finish page.
async fn until_proved(
    scene: &Scene,
    browser: &Browser,
    site: &'static str,
    subject: &str,
) -> String {
    let omar = scene.person(site, OMAR);
    let at_jira = AtJira::at(scene, browser, site);
    at_jira.sign_in(OMAR).await;
    let begun = comes_back(browser, &omar, subject).await;
    at_jira.wait_frame("proved").await;
    scene.address(&format!("/link/{}", begun.id))
}

async fn t27_in_a_frame_the_page_shows_and_redeems_nothing(door: Door) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let page = until_proved(&scene, &browser, site, "u-100").await;
    let framed = elsewhere(format!("<iframe src='{page}'></iframe>")).await;
    // A neighbour of this very host, to whom the cookie goes along.
    let neighbour = framed.replace("elsewhere.localhost", "latchkey.localhost");
    let shows_nothing = async |place: &str| {
        let refusals = async || {
            let said = browser.console().await;
            let refusals = said.iter().filter(|it| it.contains("frame-ancestors"));
            refusals.count()
        };
        let before = refusals().await;
        browser.goto(place).await;
        eventually("the frame is refused", async || {
            (refusals().await > before).then_some(())
        })
        .await;
        let inside = browser
            .in_frame("iframe", async || browser.text().await)
            .await;
        for word in ["Robin", "Omar", "Connect", "Continue"] {
            assert!(!inside.contains(word), "{place}: {inside}");
        }
    };
    for place in [&framed, &neighbour] {
        shows_nothing(place).await;
        assert_eq!(token_requests(&scene), 0, "{place}");
    }
    // Opened by somebody, it is all there; and in a frame there is still nothing.
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    assert_eq!(token_requests(&scene), 1);
    for place in [&framed, &neighbour] {
        shows_nothing(place).await;
    }
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    browser.click_text("Cancel").await;
    browser.wait_text("Nothing was connected.").await;
    assert_eq!(token_requests(&scene), 1);
    browser.close().await;
    scene.end().await;
}

/// A page that posts a form with these fields as soon as it is opened.
async fn posting_to(address: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("<input type=hidden name={name} value='{value}'>"))
        .collect();
    elsewhere(format!(
        "<form method=post action='{address}'>{fields}</form><script>document.forms[0].submit()</script>"
    ))
    .await
}

async fn t27_a_form_of_another_site_confirms_and_begins_nothing(door: Door) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let site = door.open(&scene).await;
    let omar = scene.person(site, OMAR);
    let browser = Browser::new(Options::default()).await;
    // Where nobody has begun, a form of another site begins nothing and leaves no cookie.
    let context_token = || scene.person("acme", OMAR).token();
    let token = context_token();
    let begins = posting_to(&scene.address("/link"), &[("jwt", &token)]).await;
    browser.goto(&begins).await;
    browser.wait_text("Code: cross-site").await;
    assert_eq!(browser.cookie(SESSION_COOKIE).await, None);
    assert_eq!(omar.state().await, "unlinked");

    let page = until_proved(&scene, &browser, site, "u-100").await;
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    let token = "return document.querySelector('[name=page]').value";
    let shown = browser.evaluate(token).await;
    let shown = shown.as_str().expect("the page has a token").to_owned();
    let cookie = browser.cookie(SESSION_COOKIE).await;
    assert!(cookie.is_some());
    // Another site that even knew the page's token; and one that wants to end or move the attempt.
    let forms: [(String, &[(&str, &str)]); 4] = [
        (format!("{page}/confirm"), &[("page", &shown)]),
        (page.clone(), &[("cancel", "yes")]),
        (page.clone(), &[("another", "yes")]),
        (scene.address("/link"), &[("jwt", &context_token())]),
    ];
    for (address, fields) in forms {
        browser.goto(&posting_to(&address, fields).await).await;
        browser.wait_text("Code: cross-site").await;
        assert_eq!(browser.cookie(SESSION_COOKIE).await, cookie, "{address}");
        assert_eq!(omar.property(), None, "{address}");
    }
    // The person notices nothing of it.
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    confirm(&browser, "Robin Park").await;
    assert_eq!(token_requests(&scene), 1);
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t27_the_second_click_of_a_double_click_on_a_window_that_closes_links_nothing() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let browser = Browser::new(Options::default()).await;
    let page = until_proved(&scene, &browser, "acme", "u-100").await;
    // The window over the page, a tab here: it closes with the first press on it. Where there is no window
    // manager, as in this browser, one window takes no focus from another; a tab does.
    let cover = elsewhere(
        "<button id=prize style='font-size: 3em'>Double-click for your prize</button>\
         <script>document.onmousedown = () => window.close()</script>"
            .to_owned(),
    )
    .await;
    // The page below it turns into ours once the window is open.
    let below = elsewhere(format!(
        "<button onclick=\"window.open({}); location = {}\">Play</button>",
        json!(cover).to_string().replace('"', "'"),
        json!(page).to_string().replace('"', "'"),
    ))
    .await;
    // On a machine so slow that the second click comes late, it is no double click. Then once more.
    let mut in_time = false;
    for _ in 0..20 {
        browser.goto(&below).await;
        let tab = browser.tab().await;
        browser.click_text("Play").await;
        browser.follow_new_tab().await;
        browser.wait_text("Double-click").await;
        let window = browser.tab().await;
        browser.switch_to(tab.clone()).await;
        wait_page(&browser, "both").await;
        browser
            .evaluate(
                "window.uncovered = window.clicked = 0; window.sent = false;\
                 addEventListener('focus', () => { window.uncovered = performance.now(); });\
                 addEventListener('visibilitychange', () => { window.uncovered = performance.now(); });\
                 addEventListener('mousedown', () => { window.clicked = performance.now(); }, true);\
                 addEventListener('submit', (event) => { window.sent = true; event.preventDefault(); }, true);",
            )
            .await;
        browser.switch_to(window).await;
        browser.press_at("#prize").await;
        browser.switch_to(tab).await;
        browser.press_at("#confirm").await;
        let seen = browser
            .evaluate("return [window.uncovered, window.clicked, window.sent]")
            .await;
        let after = seen[1].as_f64().expect("a time") - seen[0].as_f64().expect("a time");
        assert!(seen[0].as_f64() > Some(0.0), "the page was covered: {seen}");
        if after < 600.0 {
            assert_eq!(seen[2], json!(false), "the click came {after} ms after");
            in_time = true;
            break;
        }
    }
    assert!(in_time, "the second click never came in time");
    assert_eq!(omar.property(), None);
    // Nor does a press count that was held until the button works.
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    browser
        .evaluate(
            "window.sent = 'not sent';\
             addEventListener('submit', () => { window.sent = 'sent'; }, true);\
             dispatchEvent(new Event('resize'))",
        )
        .await;
    browser.press_until_enabled("#confirm").await;
    let seen = browser.evaluate("return window.sent").await;
    assert_eq!(seen, json!("not sent"));
    assert_eq!(omar.property(), None);
    // A moment later the button works.
    browser.goto(&page).await;
    wait_page(&browser, "both").await;
    confirm(&browser, "Robin Park").await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

async fn t27_f23_reloads_going_back_and_two_tabs_make_one_token_request_and_one_link(door: Door) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let site = door.open(&scene).await;
    let omar = scene.person(site, OMAR);
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    let page = until_proved(&scene, &browser, site, "u-100").await;
    let first = browser.tab().await;
    at_jira.until_both("Robin Park").await;
    browser.reload().await;
    wait_page(&browser, "both").await;
    // Back to the finish page in Jira, and forward.
    browser.back().await;
    match door {
        // It proves again.
        Door::Connect => {
            at_jira.wait_frame("proved").await;
            browser.forward().await;
            wait_page(&browser, "both").await;
            browser.back().await;
            at_jira.until_both("Robin Park").await;
        }
        // The handle has left its address: what it still knows is up to the browser.
        Door::Forge => {
            browser.wait_address("/finish").await;
            browser.forward().await;
            wait_page(&browser, "both").await;
        }
    }
    // The same in another tab.
    browser.open_tab(&page).await;
    wait_page(&browser, "both").await;
    browser.wait_text("Robin Park").await;
    assert_eq!(token_requests(&scene), 1);
    assert_eq!(omar.property(), None);
    let second = browser.tab().await;

    browser.switch_to(first).await;
    confirm(&browser, "Robin Park").await;
    browser.reload().await;
    browser.wait_text("Connected as Robin Park").await;
    // The page with the question asks again what holds before it can be left.
    browser.back().await;
    browser.wait_text("Connected as Robin Park").await;
    browser.forward().await;
    browser.wait_text("Connected as Robin Park").await;
    // The tab that still shows the question: its click finds what holds.
    browser.switch_to(second).await;
    wait_page(&browser, "both").await;
    confirm(&browser, "Robin Park").await;
    browser.back().await;
    browser.wait_text("Connected as Robin Park").await;
    browser.reload().await;
    browser.wait_text("Connected as Robin Park").await;
    assert_eq!(token_requests(&scene), 1);
    let links = scene.count("select count(*) from link").await;
    assert_eq!(links, 1);
    assert_eq!(omar.property_of_generation(1).await["generation"], 1);
    browser.click_text("Back to KEY-1").await;
    at_jira.wait_glance("linked").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_ran_out_while_jira_was_read_is_begun_again_with_one_click() {
    let setting = Setting {
        service: ServiceOptions {
            code_life: Duration::from_secs(20),
            ..ServiceOptions::default()
        },
        ..Setting::default()
    };
    let scene = Scene::start(Db::Sqlite, setting).await;
    let omar = scene.person("acme", OMAR);
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    at_jira.sign_in(OMAR).await;
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;
    at_jira.wait_frame("proved").await;
    scene.advance(30);
    at_jira.go_on().await;
    browser.wait_text("That took too long").await;
    assert_eq!(token_requests(&scene), 1);
    // A second look sends no second request, and says where it goes on.
    browser.reload().await;
    browser.wait_text("Continue").await;
    assert_eq!(token_requests(&scene), 1);
    // Nor does the finish page from before, which is gone back to.
    browser.back().await;
    at_jira.go_on().await;
    browser.click_text("Continue").await;
    browser.wait_text("asks for access").await;
    browser.click_text("Allow").await;
    at_jira.wait_frame("proved").await;
    scene.advance(30);
    at_jira.go_on().await;
    browser.click_text("Start again").await;
    browser.wait_text("asks for access").await;
    browser.click_text("Allow").await;
    at_jira.connect_accounts("Robin Park").await;
    assert_eq!(omar.status().await["subject"], "u-100");
    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.world.service.take_unexpected();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_an_attempt_is_seen_wide_and_narrow() {
    for theme in Album::themes() {
        what_becomes_of_an_attempt(*theme).await;
    }
}

async fn what_becomes_of_an_attempt(theme: Theme) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    jira.edit_site("acme", |site| site.token_cache_seconds = 0);
    let browser = Browser::themed(theme).await;
    let album = Album::open(&scene, &browser, theme);
    let at_jira = AtJira::on(&scene, &browser);
    let omar = scene.person("acme", OMAR);
    at_jira.sign_in(OMAR).await;
    // The panel has asked Jira who is looking; only the finish page asks from here on.
    at_jira.wait_glance("unlinked").await;
    let page_of = |id: &str| scene.address(&format!("/link/{id}"));
    let hang = || {
        let hang = JiraFault::new(FaultKind::Hang);
        jira.fault(hang.on("POST", "/s/context-token").times(1));
    };

    // Jira has not said who they are; then it has, on another machine.
    hang();
    comes_back(&browser, &omar, "u-100").await;
    let returned = read_in_jira(&browser).await;
    browser.goto(&page_of(&returned.id)).await;
    browser.wait_text("confirmed who you are yet").await;
    album.wide_and_narrow("link-awaits-jira").await;
    omar.prove(&returned).await.is(200);
    browser.reload().await;
    wait_page(&browser, "both").await;
    browser.wait_text("from another network or browser").await;
    album.wide_and_narrow("both-elsewhere").await;

    // What was chosen elsewhere meanwhile makes this page old.
    let begun = comes_back(&browser, &omar, "u-100").await;
    at_jira.until_both("Robin Park").await;
    let path = format!("/link/{}", begun.id);
    let moved = omar.post(&path, &begun.cookie, &[("another", "yes")]);
    moved.await.leads_to();
    browser.click_text("Connect accounts").await;
    browser.wait_text("Code: out-of-date").await;
    album.wide_and_narrow("error-out-of-date").await;
    browser.click_text("Show the current page").await;
    browser.wait_text("connecting for this Jira account").await;

    // The newest one of a person wins, and the older one leads on to it.
    browser.goto(&beginning_of(&omar).await).await;
    let older = browser.address().await;
    browser.goto(&beginning_of(&omar).await).await;
    let newer = browser.address().await;
    browser.goto(&older).await;
    browser.wait_text("You started again in another tab").await;
    album.wide_and_narrow("over-replaced").await;
    browser.click_text("Continue with the newer one").await;
    browser.wait_address(&newer).await;

    // Somebody else proves.
    hang();
    comes_back(&browser, &omar, "u-100").await;
    let returned = read_in_jira(&browser).await;
    let mia = scene.person("acme", MIA);
    mia.prove(&returned).await.is_problem(403, "wrong-person");
    browser.goto(&page_of(&returned.id)).await;
    browser.wait_text("This attempt was stopped").await;
    album.wide_and_narrow("over-stopped").await;

    // The service does not let them.
    let begun = omar.begin().await;
    let denied = service.deny(&omar.go_on(&begun).await, "u-100").await;
    opens(&browser, &scene, &begun, &denied).await;
    browser.wait_text("Code: denied").await;
    album.wide_and_narrow("error-denied").await;
    browser.goto(&page_of(&begun.id)).await;
    browser.wait_text("This attempt is over").await;
    album.wide_and_narrow("over-failed").await;

    // The service takes its time; another page of the same attempt waits for it, and goes on by itself.
    service.fault(Fault::once(Endpoint::Redeem, Kind::Held));
    let before = service.calls_to(Endpoint::Redeem);
    let begun = comes_back(&browser, &omar, "u-100").await;
    at_jira.wait_frame("proved").await;
    let page = attempt_of(&scene, &browser).await;
    let path = format!("/link/{}", begun.id);
    let first = omar.with_cookie(Method::GET, &path, &begun.cookie);
    let second = async {
        eventually("the code is being redeemed", async || {
            (service.calls_to(Endpoint::Redeem) > before).then_some(())
        })
        .await;
        browser.goto(&page).await;
        wait_page(&browser, "redeeming").await;
        album.wide_and_narrow("waiting").await;
        service.clear_faults();
        wait_page(&browser, "both").await;
    };
    let (first, ()) = tokio::join!(first, second);
    first.is(200);

    // Names that are long, in one word, and written from right to left.
    let name =
        "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe";
    jira.add_person("acme", JiraPerson::new("5along", name));
    for (subject, name) in [
        ("u-long-0123456789-0123456789-0123456789-0123456789", name),
        (
            "u-rtl",
            "\u{645}\u{62d}\u{645}\u{62f} \u{639}\u{628}\u{62f} \u{627}\u{644}\u{631}\u{62d}\u{645}\u{646} (1)",
        ),
    ] {
        service.add_person(ServicePerson {
            subject: subject.to_owned(),
            number: 700 + subject.len() as u64,
            login: subject.to_owned(),
            name: name.to_owned(),
        });
    }
    let long = scene.person("acme", "5along");
    at_jira.sign_in("5along").await;
    for subject in [
        "u-rtl",
        "u-long-0123456789-0123456789-0123456789-0123456789",
    ] {
        comes_back(&browser, &long, subject).await;
        at_jira.wait_frame("proved").await;
        at_jira
            .in_frame(async || album.wide_and_narrow("finish-long").await)
            .await;
        at_jira.go_on().await;
        wait_page(&browser, "both").await;
        album
            .wide_and_narrow(&format!("both-{}", &subject[..5]))
            .await;
        browser.click_text("Connect accounts").await;
        wait_page(&browser, "connected").await;
        album
            .wide_and_narrow(&format!("over-{}", &subject[..5]))
            .await;
    }
    long.disconnect().await;
    browser.reload().await;
    browser.wait_text("disconnected Acme Drive").await;
    album.wide_and_narrow("over-disconnected").await;
    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    scene.close().await;
}
