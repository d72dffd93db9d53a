//! In which language people read, and in which theme: Jira's, else the browser's, by either door and through the
//! service.

use reqwest::Method;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, COOKIE};
use serde_json::json;

use latchkey::words::{Language, Words};

use crate::doors::Door;
use crate::on_both_databases;
use crate::scene::{Answer, Db, FORGE_SITE, Scene, Setting, between, cookie_of};
use crate::sim::jira::{OMAR, PAT};

on_both_databases!(
    a_framed_page_is_in_jiras_language_or_else_in_the_browsers,
    a_problem_document_is_in_the_language_of_the_page,
    an_attempt_looks_as_jira_does_through_the_service,
    a_ticket_keeps_language_and_theme,
);

/// Language and direction of a page, and its header.
#[track_caller]
fn is_in(answer: &Answer, language: Language) {
    let (tag, direction) = (language.tag(), language.direction());
    let html = format!("<html lang=\"{tag}\" dir=\"{direction}\"");
    assert!(answer.text.contains(&html), "{}", answer.text);
    assert_eq!(answer.headers[CONTENT_LANGUAGE], tag);
}

fn words(language: Language) -> Words {
    Words::new(language, "Acme Drive", "Latchkey")
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
        let of = |id: &str| words(*language).by_id(id).expect("it is there");
        assert_eq!(problem["title"], of("error-not-linked-title"));
        assert_eq!(problem["detail"], of("error-not-linked"));
        assert_eq!(answer.headers[CONTENT_LANGUAGE], language.tag());
    }
    let titles = Language::ALL.iter().map(|language| words(*language));
    let titles: std::collections::BTreeSet<_> = titles
        .map(|words| words.by_id("error-not-linked-title"))
        .collect();
    assert_eq!(titles.len(), Language::ALL.len(), "each has its own");
    scene.end().await;
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
