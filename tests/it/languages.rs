//! In which language people read, and in which theme: Jira's, else the browser's, by either door and through the
//! service.

use reqwest::Method;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, COOKIE};
use serde_json::json;

use latchkey::words::{Language, Words};

use crate::browser::{Browser, Options, Theme};
use crate::browsing::{Album, AtJira, consent, wait_page};
use crate::doors::Door;
use crate::scene::{Answer, Db, FORGE_SITE, Scene, Setting, between, cookie_of};
use crate::sim::jira::{OMAR, PAT};
use crate::sim::service::Person as Account;
use crate::{by_both_doors, on_both_databases};

on_both_databases!(
    a_framed_page_is_in_jiras_language_or_else_in_the_browsers,
    a_problem_document_is_in_the_language_of_the_page,
    an_attempt_looks_as_jira_does_through_the_service,
    a_ticket_keeps_language_and_theme,
);

by_both_doors!(
    each_language_has_its_way_from_the_panel_to_the_link,
    the_service_is_recognised_and_help_is_near,
    the_way_is_found_by_role_and_name_alone,
);

/// The text of the button that a page is about, its language, and how much of it is wider than the window. No button is
/// cut off, no name breaks its sentence, and each begins at the side where its language does.
const LOOKS: &str = "const { lang, dir, scrollWidth } = document.documentElement; \
    const shown = [...document.querySelectorAll('button, a.button')].filter((button) => button.checkVisibility()); \
    const cut = shown.filter((button) => button.scrollWidth > button.clientWidth).map((button) => button.textContent); \
    const heading = [...document.querySelectorAll('h1')].find((h1) => h1.checkVisibility()); \
    const { left, right } = heading.getBoundingClientRect(); \
    const range = document.createRange(); range.selectNodeContents(heading); \
    const text = range.getBoundingClientRect(); \
    const inSentence = ({ parentNode }) => [...parentNode.childNodes].some((part) => part.nodeType === 3 && part.data.trim()); \
    const names = [...document.querySelectorAll('span, bdi, b')].filter((part) => part.textContent && part.checkVisibility() && inSentence(part)); \
    const broken = names.filter((part) => !getComputedStyle(part).display.startsWith('inline')).map((part) => part.textContent); \
    const side = text.width > right - left - 8 ? 'both' : text.left - left <= right - text.right ? 'left' : 'right'; \
    return { lang, dir, over: Math.max(scrollWidth - innerWidth, 0), cut, broken, side, \
        primary: document.querySelector('main .primary:not([hidden])')?.textContent ?? '' };";

/// Puts a picture of the page in its place, which no script changes any more.
const STANDS_STILL: &str = "const root = document.getElementById('latchkey'); \
    root.replaceWith(root.cloneNode(true)); return null";

/// Whatever the panel asks from now on is answered by this status, or by none. Stories elsewhere bring each about for
/// real; here it is the words that matter.
fn answers(status: Option<u16>) -> String {
    format!(
        "const status = {}; const come = () => {{ if (!status) throw new TypeError('no network'); }}; \
        window.fetch = async () => {{ come(); return new Response(null, {{ status }}); }}; \
        const invokeRemote = async () => {{ come(); return {{ status, headers: {{}} }}; }}; \
        if (window.forgeBridge) window.forgeBridge = {{ ...window.forgeBridge, invokeRemote }}; return null",
        json!(status)
    )
}

/// The theme of Jira is another by each door, and each page is looked at in both.
async fn each_language_has_its_way_from_the_panel_to_the_link(door: Door) {
    let own = match door {
        Door::Connect => Theme::Light,
        Door::Forge => Theme::Dark,
    };
    match Album::themes() {
        [_] => each_language_has_its_way(door, own).await,
        both => {
            for theme in both {
                each_language_has_its_way(door, *theme).await;
            }
        }
    }
}

/// The service as an operator may show it. Its people are those of Jira, so that a picture of a good link looks right.
fn shown() -> Setting {
    let mut setting = Setting::default()
        .with(
            "LATCHKEY_PROVIDER_PURPOSE",
            "See and attach your files without leaving the issue.",
        )
        .with("LATCHKEY_PROVIDER_LOGO_URL", "{service}/logo.svg")
        .with("LATCHKEY_PROVIDER_SUPPORT_URL", "{service}/help?from=jira")
        .with("LATCHKEY_PROVIDER_PRIVACY_URL", "{service}/privacy");
    setting.service.people = vec![
        Account::new("u-100", 100, "omar", "Omar Haddad"),
        Account::new("u-200", 200, "omar.private", "A private account"),
    ];
    setting
}

async fn each_language_has_its_way(door: Door, theme: Theme) {
    let scene = Scene::start(Db::Sqlite, shown()).await;
    let site = door.open(&scene).await;
    let jira = &scene.world.jira;
    let browser = Browser::themed(theme).await;
    let album = Album::at(&scene, site, &browser, theme);
    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    let address = browser.address().await;
    let narrow = async || browser.resize(NARROW, album.height()).await;
    for language in Language::ALL {
        let tag = language.tag();
        jira.edit_site(site, |site| site.language = tag.to_owned());
        let fits = async |what: &str| {
            album.page(&format!("{tag}-{what}")).await;
            let looks = browser.evaluate(LOOKS).await;
            let what = format!("{what} in {tag}: {looks}");
            assert_eq!(
                (&looks["lang"], &looks["dir"]),
                (&json!(tag), &json!(language.direction())),
                "{what}"
            );
            assert_eq!(looks["over"], 0, "{what}");
            assert_eq!(looks["cut"], json!([]), "{what}");
            assert_eq!(looks["broken"], json!([]), "{what}");
            let other_side = match language.direction() {
                "rtl" => "left",
                _ => "right",
            };
            assert_ne!(looks["side"], other_side, "{what}");
            browser.is_for_everybody(&what).await;
            looks["primary"]
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let looks = async |what: &str, button: &str| {
            let primary = fits(what).await;
            let expected = text(*language, button);
            let expected = expected.split("<bdi").next().unwrap_or_default();
            assert!(primary.starts_with(expected), "{what} in {tag}: {primary}");
        };
        browser.goto(&address).await;
        narrow().await;
        at_jira.wait_glance("unlinked").await;
        at_jira
            .in_frame(async || {
                looks("panel", "button-connect").await;
                browser.click_css("[data-show=unlinked] .primary").await;
            })
            .await;
        at_jira.follow().await;
        browser.wait_address("/link/").await;
        looks("link", "button-continue").await;
        let mode = browser
            .evaluate("return document.documentElement.dataset.colorMode")
            .await;
        let expected = match theme {
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        assert_eq!(mode, expected, "the theme of Jira");
        browser.click_css(".primary").await;
        if *language == Language::ALL[0] {
            consent(&browser, "Omar Haddad").await;
        } else {
            // Logged in there already.
            browser.click_text("Allow").await;
        }
        browser.wait_address(&jira.url(site)).await;
        at_jira.wait_frame("proved").await;
        at_jira
            .in_frame(async || {
                browser.show_everything().await;
                fits("finish-all").await;
                browser.show_as_before().await;
                looks("finish", "button-continue").await;
                browser.click_css("#continue").await;
            })
            .await;
        at_jira.leave().await;
        browser.wait_address("/link/").await;
        wait_page(&browser, "both").await;
        looks("both", "both-connect").await;
        browser.wait_enabled("#confirm").await;
        browser.click_css("#confirm").await;
        wait_page(&browser, "connected").await;
        looks("connected", "back-to-issue").await;
        browser.close_tab().await;
        browser.switch_to(issue.clone()).await;
        at_jira.wait_glance("linked").await;
        at_jira
            .in_frame(async || {
                album.page(&format!("{tag}-linked")).await;
                let said = browser.text().await;
                let expected = Words::new(*language, "", "").by_id("connected-as");
                let expected = expected.expect("it is there").to_string();
                let (before, _) = expected.split_once("<bdi").expect("it has a name");
                assert!(
                    said.contains(&format!(
                        "{}Omar Haddad",
                        before.replace("&#39;", "'").replace('\u{a0}', " ")
                    )),
                    "{said}"
                );
                browser.click_css("summary").await;
                browser.click_css("#manage").await;
                fits("managed").await;
                browser.click_css("#disconnect").await;
                fits("disconnect").await;
                browser.click_css("#disconnect-no").await;
            })
            .await;
        if *language == Language::En {
            browser.resize(1280, 900).await;
            at_jira
                .in_frame(async || browser.click_css("summary").await)
                .await;
            album.page("issue").await;
            narrow().await;
        }
        // The key has run out while another try goes on; then the service has ended it, and that try is cancelled.
        scene
            .execute("update link set published_expires_at = 1700000000, first_end = 1700000000, trouble = 'service_away'")
            .await;
        scene.person(site, OMAR).begin().await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("ran-out").await;
        at_jira
            .in_frame(async || {
                fits("ran-out").await;
            })
            .await;
        browser.resize(1280, 900).await;
        at_jira
            .in_frame(async || browser.click_css("#switching [data-cancel]").await)
            .await;
        narrow().await;
        scene
            .execute("update link set state = 'reconnect', reason = 'revoked'")
            .await;
        at_jira.wake_glance().await;
        at_jira.wait_glance("reconnect").await;
        at_jira
            .in_frame(async || {
                fits("reconnect").await;
            })
            .await;
        // In so low a frame the mouse does not reach everything.
        browser.resize(1280, 900).await;
        at_jira
            .in_frame(async || browser.click_css("#actions .primary").await)
            .await;
        narrow().await;
        at_jira.follow().await;
        browser.wait_address("/link/").await;
        fits("link-again").await;
        browser.click_css("[name=cancel]").await;
        wait_page(&browser, "over").await;
        looks("cancelled", "back-to-issue").await;
        let nowhere = format!("{}/link/nobodys", scene.base);
        browser.goto(&nowhere).await;
        wait_page(&browser, "error").await;
        fits("error").await;
        browser.close_tab().await;
        browser.switch_to(issue.clone()).await;
        let omar = scene.person(site, OMAR);
        omar.disconnect().await;

        let shows = async |state: &str, what: &str| {
            at_jira.wake_glance().await;
            at_jira.wait_glance(state).await;
            at_jira.in_frame(async || fits(what).await).await;
        };
        omar.begin().await;
        shows("linking", "begun").await;
        browser.resize(1280, 900).await;
        at_jira
            .in_frame(async || {
                browser.click_css("[data-show=begun] [data-cancel]").await;
            })
            .await;
        narrow().await;
        at_jira.wait_glance("unlinked").await;
        at_jira
            .in_frame(async || fits("nothing-connected").await)
            .await;
        for (status, state, what) in [
            (None, "unreachable", "unreachable"),
            (Some(401), "not-installed", "not-installed"),
            (Some(403), "not-allowed", "not-allowed"),
        ] {
            at_jira
                .in_frame(async || browser.evaluate(&answers(status)).await)
                .await;
            shows(state, what).await;
        }
        at_jira
            .in_frame(async || {
                browser.evaluate(STANDS_STILL).await;
                browser.show_everything().await;
                fits("panel-all").await;
            })
            .await;
    }
    browser.close().await;
    scene.close().await;
}

/// Language and direction of a page, and its header.
#[track_caller]
fn is_in(answer: &Answer, language: Language) {
    let (tag, direction) = (language.tag(), language.direction());
    let html = format!("<html lang=\"{tag}\" dir=\"{direction}\"");
    assert!(answer.text.contains(&html), "{}", answer.text);
    assert_eq!(answer.headers[CONTENT_LANGUAGE], tag);
}

/// The width in which everything has to fit (WCAG 2.2, 1.4.10).
const NARROW: u32 = 320;

/// A message without values.
fn text(language: Language, id: &str) -> String {
    let words = Words::new(language, "Acme Drive", "Latchkey");
    let html = words.by_id(id).expect("it is there").to_string();
    html.replace("&#39;", "'")
}

async fn a_framed_page_is_in_jiras_language_or_else_in_the_browsers(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let jira = &scene.world.jira;
    let finish = "/plugins/servlet/ac/latchkey/latchkey-finish?ac.attempt=a&ac.handle=b";
    for language in Language::ALL {
        jira.edit_site("acme", |site| site.language = language.tag().to_owned());
        let frames = [
            jira.issue_frame("acme", OMAR, "KEY-1"),
            jira.page_frame("acme", OMAR, finish)
                .expect("it is in the descriptor"),
        ];
        for frame in frames {
            // The browser's own language does not count then.
            let page = scene.http.get(&frame).header(ACCEPT_LANGUAGE, "de");
            is_in(&scene.send(page).await.is(200), *language);
        }
    }
    for (jiras, browsers, language) in [
        ("de-AT", "", Language::De),
        ("de_DE", "en", Language::De),
        ("zh-CN", "de-CH,de;q=0.9,en;q=0.8", Language::De),
        ("", "nl, en;q=0.2, de;q=0.7", Language::De),
        ("", "de;q=0, en;q=0.1", Language::En),
        ("tlh", "tlh, *", Language::En),
        ("../../etc", "\u{7f}", Language::En),
    ] {
        jira.edit_site("acme", |site| site.language = jiras.to_owned());
        let frame = jira.issue_frame("acme", OMAR, "KEY-1");
        let browsers = reqwest::header::HeaderValue::from_bytes(browsers.as_bytes());
        let mut page = scene.http.get(&frame);
        if let Ok(browsers) = browsers {
            page = page.header(ACCEPT_LANGUAGE, browsers);
        }
        is_in(&scene.send(page).await.is(200), language);
    }
    // An error in the frame speaks it too, before any token was verified.
    let page = scene.get("/connect/glance?loc=de&jwt=no").await;
    assert_eq!(page.status, 401);
    is_in(&page, Language::De);
    scene.end().await;
}

async fn a_problem_document_is_in_the_language_of_the_page(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    for language in Language::ALL {
        let call = omar.call(Method::POST, "/api/link/renew");
        let call = call.header(ACCEPT_LANGUAGE, language.tag());
        let answer = scene.send(call).await;
        let problem = answer.is_problem(404, "not-linked");
        let of = |id: &str| text(*language, id);
        assert_eq!(problem["title"], of("error-not-linked-title"));
        assert_eq!(problem["detail"], of("error-not-linked"));
        assert_eq!(answer.headers[CONTENT_LANGUAGE], language.tag());
        let look = omar.call(Method::GET, "/api/link");
        let look = look.header(ACCEPT_LANGUAGE, language.tag());
        let look = scene.send(look).await.is(200);
        assert_eq!(look.headers[CONTENT_LANGUAGE], language.tag());
    }
    let titles: std::collections::BTreeSet<_> = Language::ALL
        .iter()
        .map(|language| text(*language, "error-not-linked-title"))
        .collect();
    assert_eq!(titles.len(), Language::ALL.len(), "each has its own");
    scene.end().await;
}

/// The warning of a page in another language stands there in the browser's, too.
#[track_caller]
fn warns_in_english(page: &Answer, id: &str) {
    let reads = page.reads();
    let warning = between(&reads, " lang=\"en\" dir=\"ltr\">", "</p>");
    let expected = text(Language::En, id);
    assert!(
        warning.is_some_and(|warning| warning.ends_with(&expected)),
        "{reads}"
    );
}

/// Begins by the form of the panel, with these fields beside the token. Answers with the page and the cookie.
async fn begins(scene: &Scene, fields: &[(&str, &str)]) -> (String, String) {
    let token = scene.person("acme", OMAR).token();
    let form = [&[("jwt", token.as_str())], fields].concat();
    let begin = scene.http.post(scene.address("/link")).form(&form);
    let begun = scene.send(begin).await;
    let path = begun.leads_to().to_owned();
    (path, cookie_of(&begun))
}

async fn an_attempt_looks_as_jira_does_through_the_service(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    let omar = scene.person("acme", OMAR);
    let german_and_dark = [("language", "de"), ("color_mode", "dark")];
    let (path, cookie) = begins(&scene, &german_and_dark).await;
    let look = async |method: Method, path: &str| {
        let request = scene.http.request(method, scene.address(path));
        let request = request.header(COOKIE, &cookie);
        // It is the language of Jira that counts.
        scene.send(request.header(ACCEPT_LANGUAGE, "en")).await
    };
    let looks = |page: &Answer| {
        is_in(page, Language::De);
        assert!(
            page.text.contains(" data-color-mode=\"dark\""),
            "{}",
            page.text
        );
    };
    let page = look(Method::GET, &path).await.is(200);
    looks(&page);
    assert!(page.text.contains(">Weiter<"), "{}", page.text);
    // Somebody may have sent this person here, in a language that they don't read.
    warns_in_english(&page, "link-not-you");
    let authorize = look(Method::POST, &path).await.leads_to().to_owned();
    // What comes back from the service wrong is told in German.
    let wrong = look(Method::GET, "/link/callback?state=wrong").await;
    looks(&wrong.is_page(410, "attempt-over"));
    let callback = scene.world.service.approve(&authorize, "u-100").await;
    let way_back = omar.come_back(&callback, &cookie).await;
    let returned = omar.arrive(way_back.leads_to(), &cookie).await;
    omar.prove(&returned).await.is(200);
    let both = look(Method::GET, &path).await.is(200);
    looks(&both);
    assert!(both.text.contains(">Konten verbinden<"), "{}", both.text);
    warns_in_english(&both, "both-not-yours");
    let stale = omar.confirm_page(&returned, "another page").await;
    looks(&stale.is_page(409, "out-of-date"));
    omar.confirm(&returned).await.leads_to();
    let over = look(Method::GET, &path).await.is(200);
    looks(&over);
    let name = "Verbunden als <bdi data-value=\"name\">Robin Park</bdi>";
    assert!(over.text.contains(name), "{}", over.text);
    omar.disconnect().await;

    // What pages don't know counts for nothing.
    let unknown = [("language", "\"><script>"), ("color_mode", "dark\" x=\"")];
    let (path, cookie) = begins(&scene, &unknown).await;
    let page = scene.http.get(scene.address(&path)).header(COOKIE, &cookie);
    let page = scene.send(page.header(ACCEPT_LANGUAGE, "de")).await.is(200);
    is_in(&page, Language::De);
    assert!(!page.text.contains("data-color-mode"), "{}", page.text);

    // A person who may not connect is told so in their language.
    let token = scene.person("acme", PAT).token();
    let form = [("jwt", token.as_str()), ("language", "de")];
    let refused = scene.http.post(scene.address("/link")).form(&form);
    let refused = scene.send(refused).await;
    is_in(&refused.is_page(403, "not-allowed"), Language::De);
    scene.close().await;
}

async fn a_ticket_keeps_language_and_theme(db: Db) {
    let scene = Scene::start(db, Setting::default()).await;
    Door::Forge.open(&scene).await;
    let omar = scene.person(FORGE_SITE, OMAR);
    for (wish, language, theme) in [
        (
            json!({"language": "de", "color_mode": "light"}),
            Language::De,
            Some("light"),
        ),
        (json!({"language": "de-DE"}), Language::De, None),
        (
            json!({"language": null, "color_mode": "no"}),
            Language::En,
            None,
        ),
        (json!({}), Language::En, None),
    ] {
        let ticket = omar.call(Method::POST, "/api/link/ticket").json(&wish);
        let ticket = scene.send(ticket).await.is(200).json();
        let address = ticket["url"].as_str().expect("a ticket has an address");
        let begun = scene.send(scene.http.get(address)).await;
        let page = scene.http.get(scene.address(begun.leads_to()));
        let page = page.header(COOKIE, cookie_of(&begun));
        let page = scene.send(page).await.is(200);
        is_in(&page, language);
        let shown = between(&page.text, " data-color-mode=\"", "\"");
        assert_eq!(shown, theme);
    }
    scene.close().await;
}

async fn the_service_is_recognised_and_help_is_near(door: Door) {
    let scene = Scene::start(Db::Sqlite, shown()).await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    at_jira.wait_glance("unlinked").await;
    let purpose = "See and attach your files without leaving the issue.";
    at_jira
        .in_frame(async || {
            browser.wait_text(purpose).await;
            browser.click_css("[data-show=unlinked] .primary").await;
        })
        .await;
    at_jira.follow().await;
    browser.wait_address("/link/").await;
    browser.wait_text(purpose).await;
    for said in [
        "Step 1 of 3",
        "Know which account is yours",
        "Renew the key while you're away",
    ] {
        browser.wait_text(said).await;
    }
    // The page's policy lets the picture in, and nothing else from there.
    let drawn = "const logo = document.querySelector('.logo'); return logo.complete && logo.naturalWidth > 0";
    assert_eq!(browser.evaluate(drawn).await, json!(true));
    let links = "return [...document.querySelectorAll('.links a')].map(({ href, rel, target }) => [href, rel, target])";
    let service = scene.world.service.issuer();
    assert_eq!(
        browser.evaluate(links).await,
        json!([
            [
                format!("{service}/help?from=jira"),
                "noopener noreferrer",
                "_blank"
            ],
            [
                format!("{service}/privacy"),
                "noopener noreferrer",
                "_blank"
            ],
        ])
    );
    browser.goto(&format!("{}/link/nobodys", scene.base)).await;
    wait_page(&browser, "error").await;
    let help = "return [...document.querySelectorAll('.code a')].map(({ href, textContent }) => [href, textContent])";
    let expected = json!([[format!("{service}/help?from=jira"), "Contact support"]]);
    assert_eq!(browser.evaluate(help).await, expected);
    browser.close().await;
    scene.close().await;
}

/// As a screen reader knows the pages: by what things are and how they are called.
async fn the_way_is_found_by_role_and_name_alone(door: Door) {
    let scene = Scene::start(Db::Sqlite, shown()).await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || {
            browser
                .wait_named("heading", "Connect your Acme Drive account")
                .await;
            browser.press_named("button", "Connect").await;
        })
        .await;
    at_jira.follow().await;
    browser.wait_address("/link/").await;
    browser
        .wait_named("heading", "Connect Acme Drive to Jira")
        .await;
    browser.wait_named("region", "Your Jira account").await;
    browser.press_named("button", "Continue").await;
    consent(&browser, "Omar Haddad").await;
    browser.wait_address(&scene.world.jira.url(site)).await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || {
            browser.wait_named("heading", "You're back in Jira").await;
            browser.press_named("button", "Continue").await;
        })
        .await;
    at_jira.leave().await;
    browser.wait_address("/link/").await;
    wait_page(&browser, "both").await;
    browser
        .wait_named("heading", "Connect these two accounts?")
        .await;
    for region in ["Jira", "Acme Drive"] {
        browser.wait_named("region", region).await;
    }
    browser.press_named("button", "Connect accounts").await;
    browser
        .wait_named("heading", "Connected as Omar Haddad")
        .await;
    browser.wait_named("link", "Back to KEY-1").await;
    browser.close_tab().await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || {
            browser
                .wait_named("heading", "Connected as Omar Haddad")
                .await;
            browser.press_named("button", "Manage").await;
            browser.press_named("button", "Disconnect").await;
            browser.wait_named("button", "Cancel").await;
            browser.press_named("button", "Disconnect").await;
            browser
                .wait_named("heading", "Connect your Acme Drive account")
                .await;
        })
        .await;
    assert_eq!(scene.person(site, OMAR).property(), None);
    browser.close().await;
    scene.end().await;
}
