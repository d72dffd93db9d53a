//! Stories in a real browser that blocks third-party cookies: what a person sees and clicks, from the
//! issue to the service and back, and what an attacker gains by sending another person that way.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use latchkey::words::{Language, Words};

use crate::browser::{Browser, Options, Theme};
use crate::doors::Door;
use crate::on_both_databases;
use crate::returning::parameter;
use crate::scene::{Begun, Db, Person, Scene, Setting, eventually};
use crate::sim::jira::{
    Fault as JiraFault, FaultKind, Jira, LEE, LifecycleEvent, MIA, OMAR, Overrides, PAT,
    Person as JiraPerson, Theme as JiraTheme,
};
use crate::sim::service::{Endpoint, Fault, Kind, Person as ServicePerson};

on_both_databases!(a_person_connects_and_sees_it_renewed_and_disconnects);

/// The app's frame in a page of Jira.
pub const FRAME: &str = "iframe.app-frame";
pub const SESSION_COOKIE: &str = "__Host-latchkey";
/// Whether Jira asks before it leads away.
const ASKS: &str = "return document.querySelector('dialog.leaving') !== null";
/// What the panel complains of.
const TROUBLE: &str = "const trouble = document.getElementById('trouble'); \
    return trouble && !trouble.hidden ? trouble.textContent : ''";
/// What Chromium's console says of an answer that is an error, whoever expected it.
pub const ERROR_ANSWERS: &str = "Failed to load resource";

/// A browser with a site of Jira before it.
pub struct AtJira<'a> {
    browser: &'a Browser,
    jira: Jira,
    site: &'static str,
}

impl<'a> AtJira<'a> {
    pub fn on(scene: &Scene, browser: &'a Browser) -> Self {
        Self::at(scene, browser, "acme")
    }

    pub fn at(scene: &Scene, browser: &'a Browser, site: &'static str) -> Self {
        Self {
            browser,
            jira: scene.world.jira.clone(),
            site,
        }
    }

    /// Signs in, as somebody else if need be, and opens an issue.
    pub async fn sign_in(&self, account: &str) {
        let site = self.jira.url(self.site);
        self.browser.goto(&format!("{site}/login")).await;
        self.browser
            .click_css(&format!("button[value=\"{account}\"]"))
            .await;
        self.browser.wait_address("/browse/KEY-1").await;
    }

    pub async fn in_frame<T>(&self, work: impl AsyncFnOnce() -> T) -> T {
        self.browser.in_frame(FRAME, work).await
    }

    /// Waits until the page in the frame is in this state.
    pub async fn wait_frame(&self, state: &str) {
        self.in_frame(async || {
            self.browser
                .wait_state("#latchkey", "data-state", state)
                .await;
        })
        .await;
    }

    pub async fn wait_glance(&self, state: &str) {
        self.wait_frame(state).await;
    }

    /// Clicks Connect and goes on in the tab that opens, where the linking page is.
    pub async fn click_connect(&self) {
        self.wait_glance("unlinked").await;
        self.in_frame(async || self.browser.click_text("Connect").await)
            .await;
        self.follow().await;
    }

    /// Goes on in the tab that the button just pressed in the panel opens. Where a slow machine made a press wait, it is
    /// none to the browser any more, and the panel asks for another.
    pub async fn follow(&self) {
        let once_more: Vec<_> = Language::ALL
            .iter()
            .filter_map(|language| Words::new(*language, "", "").by_id("frame-slow"))
            .map(|words| words.to_string().replace("&#39;", "'"))
            .collect();
        assert_eq!(once_more.len(), Language::ALL.len());
        eventually("a tab opens", async || {
            if self.browser.has_new_tab().await {
                return Some(());
            }
            if self.jira.has_forge(self.site) && self.browser.evaluate(ASKS).await == true {
                self.leave().await;
                return None;
            }
            self.in_frame(async || {
                let trouble = self.browser.evaluate(TROUBLE).await;
                if once_more.iter().any(|words| trouble == words.as_str()) {
                    self.browser.press_again().await;
                }
            })
            .await;
            None
        })
        .await;
        self.browser.follow_new_tab().await;
    }

    /// Where Jira asks before it leads away, which it does for Forge: yes.
    pub async fn leave(&self) {
        if self.jira.has_forge(self.site) {
            self.browser
                .click_away("dialog.leaving [value=leave]")
                .await;
        }
    }

    /// The other answer.
    pub async fn stay(&self) {
        self.browser.click_away("dialog.leaving [value=stay]").await;
    }

    /// Back from the service: the finish page proves, and leads on to the page of the attempt.
    pub async fn go_on(&self) {
        self.browser.wait_address(&self.jira.url(self.site)).await;
        self.wait_frame("proved").await;
        self.in_frame(async || self.browser.click_text("Continue").await)
            .await;
        self.leave().await;
        self.browser.wait_address("/link/").await;
    }

    /// The same until the page with both accounts stands there.
    pub async fn until_both(&self, name: &str) {
        self.go_on().await;
        wait_page(self.browser, "both").await;
        self.browser.wait_text(name).await;
    }

    /// The same, and a click connects them.
    pub async fn connect_accounts(&self, name: &str) {
        self.until_both(name).await;
        confirm(self.browser, name).await;
    }

    pub async fn disconnect(&self) {
        self.in_frame(async || {
            choose(self.browser, "#disconnect").await;
            self.browser.click_css("#disconnect-yes").await;
        })
        .await;
        self.wait_glance("unlinked").await;
    }

    /// Tells the glance that the network is back, as a browser does: it asks at once.
    pub async fn wake_glance(&self) {
        self.in_frame(async || {
            self.browser
                .evaluate("window.dispatchEvent(new Event('online'))")
                .await;
        })
        .await;
    }
}

/// Selects one of the panel's actions, which are behind Manage.
pub async fn choose(browser: &Browser, action: &str) {
    browser.click_css("#manage[aria-expanded=false]").await;
    browser.click_css(action).await;
}

/// Waits until a page of our own, at the top of the tab, is in this state.
pub async fn wait_page(browser: &Browser, state: &str) {
    browser.wait_state("#latchkey", "data-state", state).await;
}

/// Clicks Connect accounts on the page with both accounts, once its button can be clicked.
pub async fn confirm(browser: &Browser, name: &str) {
    browser.click_text("Connect accounts").await;
    wait_page(browser, "connected").await;
    browser.wait_text(&format!("Connected as {name}")).await;
}

/// Signs in at the service and allows.
pub async fn consent(browser: &Browser, name: &str) {
    browser.click_text(&format!("Sign in as {name}")).await;
    browser.wait_text("asks for access").await;
    browser.click_text("Allow").await;
}

/// A site that has nothing to do with anybody, with one page.
pub async fn elsewhere(page: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let page = format!("<!doctype html><link rel=icon href='data:,'><title>x</title>{page}");
    let routes = Router::new().route("/", get(async move || Html(page)));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://elsewhere.localhost:{port}/")
}

/// An address that begins for this person in whatever browser opens it. It works once.
pub async fn beginning_of(person: &Person<'_>) -> String {
    if person.scene.world.jira.has_forge(person.site) {
        let ticket = person.ticket().await.is(200).json();
        let address = ticket["url"].as_str();
        return address.expect("a ticket has an address").to_owned();
    }
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let another = Overrides::none().claim("jti", number.to_string());
    let jira = &person.scene.world.jira;
    let token = jira.context_token(person.site, person.account.as_str(), &another);
    person
        .scene
        .address(&format!("/link?jwt={token}&issue=KEY-1"))
}

/// A page that redirects its visitor to an address.
pub async fn leading_to(address: &str) -> String {
    elsewhere(format!(
        "<script>location.replace({})</script>",
        json!(address)
    ))
    .await
}

/// Comes back from the service in this browser, with an attempt that came as far without it.
pub async fn comes_back(browser: &Browser, person: &Person<'_>, subject: &str) -> Begun {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let service = &person.scene.world.service;
    let callback = service.approve(&authorize, subject).await;
    opens(browser, person.scene, &begun, &callback).await;
    begun
}

/// Opens an address in this browser as the one that began.
pub async fn opens(browser: &Browser, scene: &Scene, begun: &Begun, address: &str) {
    let (_, session) = begun.cookie.split_once('=').expect("a cookie has a value");
    browser.goto(&scene.address("/static/icon.svg")).await;
    browser.plant_cookie(SESSION_COOKIE, session).await;
    browser.goto(address).await;
}

/// Where the service leads back to through Jira, for an attempt that came as far without a browser.
pub async fn way_back(person: &Person<'_>, subject: &str) -> String {
    let begun = person.begin().await;
    let authorize = person.go_on(&begun).await;
    let service = &person.scene.world.service;
    let callback = service.approve(&authorize, subject).await;
    let answer = person.come_back(&callback, &begun.cookie).await;
    answer.leads_to().to_owned()
}

pub fn token_requests(scene: &Scene) -> usize {
    scene.world.service.ledger().token_requests().len()
}

fn nothing_was_linked(scene: &Scene) {
    for account in [MIA, OMAR] {
        assert_eq!(scene.person("acme", account).property(), None);
    }
    assert_eq!(token_requests(scene), 0, "no code was ever redeemed");
}

async fn a_person_connects_and_sees_it_renewed_and_disconnects(db: Db) {
    the_whole_way(db, Door::Connect, Theme::Light).await;
}

/// From the issue to the service and back, until the panel shows it, twice renewed, and to its end.
pub async fn the_whole_way(db: Db, door: Door, theme: Theme) {
    let scene = Scene::start(db, Setting::keys_live(10)).await;
    let site = door.open(&scene).await;
    let omar = scene.person(site, OMAR);
    let service = scene.world.service.url("/");
    let page = scene.send(scene.http.get(&service)).await;
    assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
    let browser = Browser::themed(theme).await;
    browser.assert_third_party_cookies_blocked().await;
    let album = Album::at(&scene, site, &browser, theme);

    let at_jira = AtJira::at(&scene, &browser, site);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || browser.evaluate("window.stayed = true").await)
        .await;
    album.panel("panel-unlinked").await;
    album.page("issue-unlinked").await;
    at_jira.click_connect().await;
    browser.wait_text("Connect Acme Drive to Jira").await;
    let host = scene.world.jira.url(site).replace("http://", "");
    let text = browser.text().await;
    assert!(text.contains("Omar Haddad"), "{text}");
    assert!(text.contains(&host), "{text}");
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;

    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || {
            let text = browser.evaluate("return document.body.textContent").await;
            let text = text.as_str().expect("a text");
            for shown in ["Omar Haddad", &host, "Acme Drive"] {
                assert!(text.contains(shown), "{shown} is missing in {text}");
            }
            for hidden in ["Robin Park", "u-100"] {
                assert!(!text.contains(hidden), "{hidden} is in {text}");
            }
            let address = browser.evaluate("return location.href").await;
            let address = address.as_str().expect("an address");
            assert!(!address.contains("handle="), "{address}");
            assert!(!address.contains("jwt="), "{address}");
        })
        .await;
    if door == Door::Forge {
        // There the page itself can make the handle leave the address, and does.
        assert_eq!(
            browser.address().await,
            scene.world.jira.forge_finish_url(site)
        );
    }
    album.page("finish-proved").await;
    assert_eq!(token_requests(&scene), 0, "a proof redeems nothing");
    at_jira.until_both("Robin Park").await;
    let text = browser.text().await;
    for shown in [
        "Omar Haddad",
        &host,
        OMAR,
        "Robin Park",
        "u-100",
        "Acme Drive",
    ] {
        assert!(text.contains(shown), "{shown} is missing in {text}");
    }
    assert!(!text.contains("another network or browser"), "{text}");
    assert_eq!(omar.property(), None, "nothing before the click");
    confirm(&browser, "Robin Park").await;
    assert!(omar.property().is_some(), "the key is in Jira");
    browser.reload().await;
    browser.wait_text("Connected as Robin Park").await;
    browser.click_text("Back to KEY-1").await;
    browser.wait_address("/browse/KEY-1").await;

    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || {
            browser.wait_text("Connected as Robin Park").await;
            assert_eq!(
                browser.evaluate("return window.stayed").await,
                json!(true),
                "the glance came to know it by itself"
            );
            sees_a_renewal(&browser).await;
            sees_a_renewal(&browser).await;
        })
        .await;
    album.panel("panel-linked").await;
    album.page("issue-linked").await;
    assert!(omar.property_of_generation(3).await["apiKey"].is_string());

    at_jira.disconnect().await;
    assert_eq!(omar.property(), None);
    assert_eq!(scene.world.service.ledger().live_grants().len(), 0);
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

/// Watches the countdown run, and jump up.
async fn sees_a_renewal(browser: &Browser) {
    let mut lowest = i64::MAX;
    eventually("the countdown jumps up", async || {
        let left = browser
            .evaluate("return parseInt(document.getElementById('left').textContent.slice(3))")
            .await
            .as_i64()?;
        let jumped = left >= lowest.saturating_add(3);
        lowest = lowest.min(left);
        jumped.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_is_enough() {
    // The older kind of module in the issue, for once.
    let setting = Setting::default().with("LATCHKEY_ISSUE_MODULE", "glance");
    let scene = Scene::start(Db::Sqlite, setting).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.wait_glance("unlinked").await;
    at_jira
        .in_frame(async || browser.tab_to_and_enter("Connect").await)
        .await;
    browser.follow_new_tab().await;
    browser.wait_text("Connect Acme Drive to Jira").await;
    browser.tab_to_and_enter("Continue").await;
    browser.wait_text("Choose an account").await;
    browser.tab_to_and_enter("Sign in as Robin Park").await;
    browser.wait_text("asks for access").await;
    browser.tab_to_and_enter("Allow").await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || browser.tab_to_and_enter("Continue").await)
        .await;
    wait_page(&browser, "both").await;
    browser.wait_enabled("#confirm").await;
    browser.tab_to_and_enter("Connect accounts").await;
    browser.wait_text("Connected as Robin Park").await;
    browser.tab_to_and_enter("Back to KEY-1").await;
    browser.wait_address("/browse/KEY-1").await;
    at_jira.wait_glance("linked").await;

    // In the first tab: nothing is disconnected by one Enter alone.
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || {
            browser.tab_to_and_enter("Manage").await;
            browser.tab_to_and_enter("Disconnect").await;
            browser.wait_text("Disconnect Acme Drive?").await;
            browser.tab_to_and_enter("Cancel").await;
            browser.wait_no_text("Disconnect Acme Drive?").await;
        })
        .await;
    assert!(scene.person("acme", OMAR).property().is_some());
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.person("acme", OMAR).disconnect().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t2_the_linking_page_and_the_service_address_are_of_no_use_to_another_browser() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (attackers, victims) = Browser::pair(Options::default()).await;
    let attacker = AtJira::on(&scene, &attackers);
    attacker.sign_in(MIA).await;
    attacker.click_connect().await;
    attackers.wait_text("Connect Acme Drive to Jira").await;
    let victim = AtJira::on(&scene, &victims);
    victim.sign_in(OMAR).await;

    victims.goto(&attackers.address().await).await;
    victims
        .wait_text("This page doesn't belong to this browser")
        .await;
    assert!(!victims.text().await.contains("Mia Chen"));

    attackers.click_text("Continue").await;
    attackers.wait_text("Choose an account").await;
    victims.goto(&attackers.address().await).await;
    consent(&victims, "Sam Ortiz").await;
    victims.wait_address("/link/callback").await;
    victims
        .wait_text("This page doesn't belong to this browser")
        .await;
    nothing_was_linked(&scene);
    let ledger = scene.world.service.ledger();
    assert_eq!(ledger.unredeemed_codes().len(), 1, "the victim's code");
    for browser in [attackers, victims] {
        browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
        browser.close().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t1_a_victim_who_carries_the_attackers_attempt_to_the_end_links_nothing_for_anybody() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let mia = scene.person("acme", MIA);
    // The attacker's own token in an address: a victim's browser that opens it has begun.
    let trap = async || leading_to(&beginning_of(&mia).await).await;
    let (attackers, victims) = Browser::pair(Options::default()).await;
    let attacker = AtJira::on(&scene, &attackers);
    attacker.sign_in(MIA).await;
    let victim = AtJira::on(&scene, &victims);
    victim.sign_in(OMAR).await;

    let id = walk_into(&victims, &trap().await).await;
    victim.wait_frame("failed").await;
    victim
        .in_frame(async || {
            victims.wait_text("Somebody else started this").await;
            victims
                .wait_text("You're signed in to Jira as Omar Haddad")
                .await;
        })
        .await;
    nothing_was_linked(&scene);
    assert_eq!(scene.world.service.ledger().unredeemed_codes().len(), 1);
    let acme = scene.client_key("acme");
    let both = [
        ("tenant", acme.as_str()),
        ("started_by", MIA),
        ("finished_by", OMAR),
    ];
    scene
        .has_recorded(("refused_proof", "person"), 1, &both)
        .await;
    // The attacker has the id, and a Jira that vouches for them. It comes too late.
    attackers.goto(&finish_page(&scene, &id)).await;
    failed(&attacker, "attempt-over").await;

    // The attacker hurries: the victim still has to sign in to Jira, so the code is waiting.
    scene.world.jira.sign_everybody_out();
    let id = walk_into(&victims, &trap().await).await;
    victims.wait_text("Log in to Acme").await;
    attacker.sign_in(MIA).await;
    attackers.goto(&finish_page(&scene, &id)).await;
    failed(&attacker, "wrong-browser").await;
    let whose = [("tenant", acme.as_str()), ("account", MIA)];
    scene.has_recorded(("wrong_handle", ""), 1, &whose).await;
    victims
        .click_css(&format!("button[value=\"{OMAR}\"]"))
        .await;
    victim.wait_frame("failed").await;
    nothing_was_linked(&scene);
    assert_eq!(scene.world.service.ledger().unredeemed_codes().len(), 2);
    assert_eq!(mia.state().await, "unlinked");
    for browser in [attackers, victims] {
        browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
        browser.close().await;
    }
    scene.end().await;
}

/// Where Jira frames the finish page for an attempt, for whoever has no handle and makes one up.
fn finish_page(scene: &Scene, id: &str) -> String {
    let jira = &scene.world.jira;
    let app = jira.site("acme").app.expect("the app is installed");
    let module = app.descriptor["modules"]["generalPages"][0]["key"].as_str();
    format!(
        "{}/plugins/servlet/ac/{}/{}?ac.attempt={id}&ac.handle={}",
        jira.url("acme"),
        app.key,
        module.expect("it has a key"),
        "A".repeat(43)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t4_an_attackers_answer_or_code_in_the_victims_browser_links_nothing() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let service = &scene.world.service;
    let mia = scene.person("acme", MIA);
    let answer = async || {
        let begun = mia.begin().await;
        service.approve(&mia.go_on(&begun).await, "u-200").await
    };
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    // The attacker's whole answer: first where nobody has begun, then into the middle of an attempt.
    let attackers = answer().await;
    browser.goto(&attackers).await;
    browser
        .wait_text("This page doesn't belong to this browser")
        .await;
    at_jira.sign_in(OMAR).await;
    at_jira.click_connect().await;
    browser.click_text("Continue").await;
    browser.wait_text("Choose an account").await;
    browser.goto(&attackers).await;
    browser.wait_text("This attempt to connect is over").await;
    nothing_was_linked(&scene);

    // The attacker's code in the victim's own answer, on the way from the service to the browser.
    let attackers = parameter(&answer().await, "code");
    service.fault(Fault::once(Endpoint::Authorize, Kind::OtherCode(attackers)));
    at_jira.sign_in(OMAR).await;
    at_jira.wait_glance("linking").await;
    at_jira
        .in_frame(async || browser.click_text("Start again").await)
        .await;
    browser.follow_new_tab().await;
    browser.click_text("Continue").await;
    consent(&browser, "Robin Park").await;
    at_jira.go_on().await;
    browser.wait_text("Code: took-too-long").await;
    for account in [MIA, OMAR] {
        assert_eq!(scene.person("acme", account).property(), None);
    }
    assert!(service.ledger().live_grants().is_empty());
    let noted = service.take_unexpected();
    assert_eq!(noted.len(), 1, "PKCE gives it away: {noted:?}");
    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t24_names_that_are_scripts_are_names() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    let in_jira = "</bdi><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>";
    let at_service = "\"><svg onload=window.ran=3><a href=javascript:window.ran=4>Robin</a>";
    jira.add_person("acme", JiraPerson::new("5aevil", in_jira));
    service.add_person(ServicePerson {
        subject: "u-\"><img>".to_owned(),
        number: 667,
        login: "evil".to_owned(),
        name: at_service.to_owned(),
    });
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    // What a script of the page's own would be kept from: there is none in the text of a page.
    let is_harmless = async |page: &str| {
        let ran = browser.evaluate("return window.ran ?? null").await;
        assert_eq!(ran, json!(null), "{page}: a name has run");
        let count = "return document.querySelectorAll(\
            'img, iframe, object, [onerror], [onload], a[href^=javascript], script:not([src], #words)').length";
        assert_eq!(browser.evaluate(count).await, json!(0), "{page}");
    };
    at_jira.sign_in("5aevil").await;
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.wait_text(in_jira).await;
    is_harmless("the linking page").await;
    browser.click_text("Continue").await;
    browser.click_text("Use another account").await;
    browser.wait_text("User name").await;
    browser
        .evaluate("document.getElementById('subject').value = 'evil'")
        .await;
    browser.click_text("Sign in").await;
    browser.wait_text("asks for access").await;
    browser.click_text("Allow").await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || {
            browser.wait_text(in_jira).await;
            is_harmless("the finish page").await;
        })
        .await;
    at_jira.until_both(at_service).await;
    browser.wait_text(in_jira).await;
    is_harmless("the page with both accounts").await;
    confirm(&browser, at_service).await;
    is_harmless("its end").await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || {
            browser.wait_text(at_service).await;
            is_harmless("the glance").await;
        })
        .await;
    browser.assert_console_quiet(&[]).await;

    // And if one had come through: the policy of every page keeps an inline script from running.
    let plant = "const planted = document.createElement('script');\
        planted.textContent = 'window.ran = 5'; document.body.append(planted);\
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 6\">')";
    let blocked = async || {
        let said = browser.console().await;
        let violations = said
            .iter()
            .filter(|it| it.contains("Content Security Policy"));
        violations.count()
    };
    let is_kept_from_running = async |page: &str| {
        let before = blocked().await;
        browser.evaluate(plant).await;
        eventually("the policy says no", async || {
            (blocked().await >= before + 2).then_some(())
        })
        .await;
        let ran = browser.evaluate("return window.ran ?? null").await;
        assert_eq!(ran, json!(null), "{page}: an inline script has run");
    };
    at_jira
        .in_frame(async || is_kept_from_running("the glance").await)
        .await;
    browser.goto(&scene.address("/nowhere")).await;
    is_kept_from_running("an error page").await;
    let evil = scene.person("acme", "5aevil");
    browser.goto(&beginning_of(&evil).await).await;
    browser.wait_text(in_jira).await;
    is_kept_from_running("the linking page").await;
    comes_back(&browser, &evil, "u-100").await;
    at_jira.wait_frame("proved").await;
    at_jira
        .in_frame(async || is_kept_from_running("the finish page").await)
        .await;
    at_jira.until_both("Robin Park").await;
    is_kept_from_running("the page with both accounts").await;
    browser.close().await;
    evil.disconnect().await;
    scene.end().await;
}

/// The victim falls for everything on the way. Returns the id of the attempt, which its starter knows.
async fn walk_into(victims: &Browser, trap: &str) -> String {
    victims.goto(trap).await;
    victims.wait_text("connecting for this Jira account").await;
    let text = victims.text().await;
    assert!(text.contains("Mia Chen"), "the page says whose it is");
    let address = victims.address().await;
    let (_, id) = address.rsplit_once('/').expect("it is an address");
    victims.click_text("Continue").await;
    // The second time the service knows its person and asks for consent only.
    victims.wait_text("Acme Drive").await;
    if victims.text().await.contains("Choose an account") {
        victims.click_text("Sign in as Sam Ortiz").await;
    }
    victims.wait_text("asks for access").await;
    victims.click_text("Allow").await;
    id.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t12_a_planted_session_is_left_behind() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let mia = scene.person("acme", MIA);
    let theirs = mia.begin().await;
    let (_, known) = theirs.cookie.split_once('=').expect("a cookie has a value");
    let browser = Browser::new(Options::default()).await;
    browser.goto(&scene.address("/nowhere")).await;
    browser.plant_cookie(SESSION_COOKIE, known).await;
    browser
        .goto(&scene.address(&format!("/link/{}", theirs.id)))
        .await;
    browser.wait_text("Mia Chen").await;

    let at_jira = AtJira::on(&scene, &browser);
    at_jira.sign_in(OMAR).await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    let fresh = browser.cookie(SESSION_COOKIE).await;
    let fresh = fresh.expect("the browser has a session");
    assert_ne!(fresh, known, "the session is another one");
    assert_eq!(
        browser.evaluate("return document.cookie").await,
        json!(""),
        "scripts cannot see it"
    );
    let address = browser.address().await;
    let (_, omars) = address.rsplit_once('/').expect("it is an address");
    for id in [omars, &theirs.id] {
        let path = format!("/link/{id}");
        let page = mia.with_cookie(Method::GET, &path, &theirs.cookie).await;
        page.is(403);
    }
    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t15_no_other_site_can_frame_a_page() {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let browser = Browser::new(Options::default()).await;
    let at_jira = AtJira::on(&scene, &browser);
    at_jira.sign_in(OMAR).await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    browser.assert_console_quiet(&[]).await;

    // The token is a real one of somebody who looks at this page; it is the place that is wrong.
    let jira = &scene.world.jira;
    let glance = jira.issue_frame("acme", OMAR, "KEY-1");
    let linking = browser.address().await;
    let finish = way_back(&scene.person("acme", MIA), "u-200").await;
    let finish = finish.replace(&jira.url("acme"), "");
    let finish = jira.page_frame("acme", MIA, &finish).expect("a page");
    for framed in [linking, scene.address("/nowhere"), glance, finish] {
        let before = refusals(&browser).await;
        let page = elsewhere(format!("<iframe src='{framed}'></iframe>")).await;
        browser.goto(&page).await;
        eventually("the frame is refused", async || {
            (refusals(&browser).await > before).then_some(())
        })
        .await;
        let inside = browser
            .in_frame("iframe", async || browser.text().await)
            .await;
        for word in ["Omar", "Connect", "Continue", "Cancel"] {
            assert!(!inside.contains(word), "{inside}");
        }
    }
    browser.close().await;
    scene.end().await;
}

async fn refusals(browser: &Browser) -> usize {
    let said = browser.console().await;
    said.iter()
        .filter(|it| it.contains("frame-ancestors"))
        .count()
}

/// Pictures of everything, if `LATCHKEY_SCREENSHOTS` names a directory for them.
pub struct Album<'a> {
    browser: &'a Browser,
    directory: Option<PathBuf>,
    /// Before the name of each picture.
    prefix: &'static str,
    theme: Theme,
}

impl<'a> Album<'a> {
    fn directory() -> Option<PathBuf> {
        let directory = PathBuf::from(std::env::var_os("LATCHKEY_SCREENSHOTS")?);
        std::fs::create_dir_all(&directory).expect("a directory for the pictures");
        Some(directory)
    }

    /// Both themes for the album; the words and states, which the stories are about, are the same.
    pub fn themes() -> &'static [Theme] {
        match Self::directory() {
            Some(_) => &[Theme::Light, Theme::Dark],
            None => &[Theme::Dark],
        }
    }

    /// The height of a narrow window: for pictures, enough to see all of a page without a scroll, and no flag of Jira's
    /// over it.
    pub fn height(&self) -> u32 {
        match self.directory {
            Some(_) => 2200,
            None => 900,
        }
    }

    pub fn open(scene: &Scene, browser: &'a Browser, theme: Theme) -> Self {
        Self::at(scene, "acme", browser, theme)
    }

    /// Pictures of people of this site.
    pub fn at(scene: &Scene, site: &str, browser: &'a Browser, theme: Theme) -> Self {
        let jira = &scene.world.jira;
        let prefix = if jira.has_forge(site) { "forge-" } else { "" };
        let in_jira = match theme {
            Theme::Light => JiraTheme::Light,
            Theme::Dark => JiraTheme::Dark,
        };
        jira.set_theme(site, in_jira);
        Self {
            browser,
            directory: Self::directory(),
            prefix,
            theme,
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let theme = match self.theme {
            Theme::Light => "light",
            Theme::Dark => "dark",
        };
        let name = format!("{}{name}-{theme}.png", self.prefix);
        Some(self.directory.as_ref()?.join(name))
    }

    /// The page as it is, and in a window as narrow as a telephone, where all of it has to fit.
    pub async fn wide_and_narrow(&self, name: &str) {
        self.page(name).await;
        self.browser.resize(360, 800).await;
        let overflow = "return document.documentElement.scrollWidth - innerWidth";
        let overflow = self.browser.evaluate(overflow).await;
        assert!(overflow.as_i64() <= Some(0), "{name}: {overflow} too wide");
        self.page(&format!("{name}-narrow")).await;
        self.browser.resize(1280, 900).await;
    }

    pub async fn page(&self, name: &str) {
        if let Some(path) = self.path(name) {
            self.browser.screenshot(&path).await;
        }
    }

    /// The panel in the issue, with the glance in it.
    pub async fn panel(&self, name: &str) {
        if let Some(path) = self.path(name) {
            self.browser.screenshot_of(".app-panel", &path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r30_the_panel_says_that_a_key_has_run_out_while_it_is_looked_at() {
    for theme in Album::themes() {
        a_key_runs_out_while_it_is_looked_at(*theme).await;
    }
}

async fn a_key_runs_out_while_it_is_looked_at(theme: Theme) {
    let scene = Scene::start(Db::Sqlite, Setting::keys_live(20)).await;
    let service = &scene.world.service;
    let omar = scene.person("acme", OMAR);
    omar.link("u-100").await;
    omar.recorded().await;
    let browser = Browser::themed(theme).await;
    let album = Album::open(&scene, &browser, theme);
    let at_jira = AtJira::on(&scene, &browser);
    let refused = Kind::Status(400, Vec::new(), "Bad Request".to_owned());
    service.fault(Fault::always(Endpoint::Refresh, refused));
    at_jira.sign_in(OMAR).await;
    // By the time of the wall: the key's life is real.
    at_jira.wait_glance("ran-out").await;
    at_jira
        .in_frame(async || {
            browser.wait_text("Your Acme Drive key has expired").await;
            browser.wait_text("Robin Park").await;
            browser.wait_no_text("Connected as").await;
        })
        .await;
    album.panel("glance-ran-out").await;
    browser.close().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_of_the_glance_is_reached_and_left() {
    for theme in Album::themes() {
        every_state_of_the_glance(*theme).await;
    }
}

async fn every_state_of_the_glance(theme: Theme) {
    let mut scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let jira = scene.world.jira.clone();
    jira.edit_site("acme", |site| site.token_cache_seconds = 0);
    let browser = Browser::themed(theme).await;
    let album = Album::open(&scene, &browser, theme);
    let at_jira = AtJira::on(&scene, &browser);

    // Jira takes its time: the glance waits, says so, and recovers by itself.
    jira.fault(
        JiraFault::new(FaultKind::Hang)
            .on("POST", "/s/context-token")
            .times(1),
    );
    at_jira.sign_in(OMAR).await;
    let issue = browser.tab().await;
    at_jira.wait_glance("loading").await;
    album.panel("glance-loading").await;
    at_jira.wait_glance("unreachable").await;
    album.panel("glance-unreachable-no-bridge").await;
    at_jira.wait_glance("unlinked").await;
    album.panel("glance-unlinked").await;
    album.page("issue-unlinked").await;

    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    browser.close_tab().await;
    browser.switch_to(issue.clone()).await;
    at_jira.wait_glance("linking").await;
    album.panel("glance-linking").await;

    scene.person("acme", OMAR).link("u-100").await;
    at_jira.wait_glance("linked").await;
    album.panel("glance-linked").await;
    album.page("issue-linked").await;

    // The service will soon want to be asked again: one click begins that, and the key stays.
    consent_ends_in(&scene, 3 * 24 * 3600).await;
    at_jira.wake_glance().await;
    at_jira
        .in_frame(async || {
            browser
                .wait_text("Your connection to Acme Drive ends on")
                .await;
            browser.wait_text("Reconnect to keep it.").await;
            browser.wait_text("Connected as Robin Park").await;
        })
        .await;
    album.panel("glance-consent-ends").await;
    at_jira
        .in_frame(async || browser.click_text("Reconnect").await)
        .await;
    browser.follow_new_tab().await;
    browser.wait_text("Omar Haddad").await;
    browser.close_tab().await;
    browser.switch_to(issue.clone()).await;
    scene.person("acme", OMAR).link("u-100").await;
    at_jira.wake_glance().await;
    at_jira
        .in_frame(async || browser.wait_no_text("Reconnect to keep it.").await)
        .await;
    at_jira.wait_glance("linked").await;
    at_jira
        .in_frame(async || {
            choose(&browser, "#disconnect").await;
            browser.wait_text("Disconnect Acme Drive?").await;
        })
        .await;
    album.panel("glance-disconnect").await;
    at_jira
        .in_frame(async || {
            browser.click_css("#disconnect-no").await;
            browser.wait_no_text("Disconnect Acme Drive?").await;
            choose(&browser, "#renew").await;
        })
        .await;
    let omar = scene.person("acme", OMAR);
    omar.property_of_generation(3).await;
    drop(omar);

    let address = scene.stop().await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("unreachable").await;
    at_jira
        .in_frame(async || browser.wait_text("Connected as Robin Park").await)
        .await;
    album.panel("glance-unreachable").await;
    scene.start_again(address).await;
    at_jira.wait_glance("linked").await;

    scene.world.service.withdraw("u-100");
    let omar = scene.person("acme", OMAR);
    omar.renew().await.is(202);
    eventually("the product sees that it was withdrawn", async || {
        (omar.state().await == "reconnect").then_some(())
    })
    .await;
    at_jira.wake_glance().await;
    at_jira.wait_glance("reconnect").await;
    album.panel("glance-reconnect").await;
    at_jira
        .in_frame(async || browser.click_text("Reconnect").await)
        .await;
    browser.follow_new_tab().await;
    browser.wait_text("Omar Haddad").await;
    assert!(!browser.text().await.contains("connected to Acme Drive as"));
    browser.close_tab().await;
    browser.switch_to(issue.clone()).await;
    // The attempt does not hide that there is a link; it goes with the link.
    at_jira.wait_glance("reconnect").await;
    at_jira.disconnect().await;
    assert_eq!(omar.property(), None);

    let body = jira.lifecycle_body("acme", LifecycleEvent::Uninstalled);
    let token = jira.lifecycle_token("acme", LifecycleEvent::Uninstalled, &Overrides::none());
    let answer = jira
        .post_lifecycle(
            "acme",
            LifecycleEvent::Uninstalled,
            &body,
            Some(&format!("JWT {token}")),
        )
        .await;
    assert!(answer.expect("an answer").accepted());
    at_jira.wake_glance().await;
    at_jira.wait_glance("not-installed").await;
    album.panel("glance-not-installed").await;
    browser.reload().await;
    at_jira
        .in_frame(async || browser.wait_text("Jira didn't confirm who you are").await)
        .await;
    album.panel("glance-error").await;
    let descriptor = scene.address("/atlassian-connect.json");
    jira.install("acme", &descriptor)
        .await
        .expect("it is installed again");
    browser.reload().await;
    at_jira.wait_glance("unlinked").await;

    at_jira.sign_in(PAT).await;
    at_jira.wait_glance("not-allowed").await;
    album.panel("glance-not-allowed").await;
    // Of this one only Jira knows what kind of account it is, and is asked at the click.
    at_jira.sign_in(LEE).await;
    let issue = browser.tab().await;
    at_jira.click_connect().await;
    browser.wait_text("Portal customers can't connect").await;
    album.page("error-customer").await;
    browser.close_tab().await;
    browser.switch_to(issue).await;
    at_jira.wait_glance("not-allowed").await;

    jira.set_anonymous("acme", true);
    jira.sign_everybody_out();
    browser.reload().await;
    at_jira
        .in_frame(async || browser.wait_text("Sign in to Jira first").await)
        .await;
    album.panel("glance-anonymous").await;

    browser
        .assert_console_quiet(&[ERROR_ANSWERS, "net::ERR_"])
        .await;
    browser.close().await;
    scene.end().await;
}

/// As if everybody had consented a month ago, and it were to end in so many seconds.
async fn consent_ends_in(scene: &Scene, seconds: i64) {
    let now = scene.clock.now();
    let (since, end) = (now - 30 * 24 * 3600, now + seconds);
    scene
        .execute(&format!(
            "update link set consented_at = {since}, consent_ends_at = {end}"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_on_the_way_is_seen() {
    for theme in Album::themes() {
        every_page_on_the_way(*theme).await;
    }
}

async fn every_page_on_the_way(theme: Theme) {
    let scene = Scene::start(Db::Sqlite, Setting::default()).await;
    let (jira, service) = (&scene.world.jira, &scene.world.service);
    jira.edit_site("acme", |site| site.token_cache_seconds = 0);
    let browser = Browser::themed(theme).await;
    let album = Album::open(&scene, &browser, theme);
    let at_jira = AtJira::on(&scene, &browser);
    let omar = scene.person("acme", OMAR);

    // Top-level pages.
    at_jira.sign_in(OMAR).await;
    at_jira.click_connect().await;
    browser.wait_text("Omar Haddad").await;
    album.page("link").await;
    browser.click_text("Continue").await;
    browser.click_text("Sign in as Robin Park").await;
    browser.click_text("Deny").await;
    browser.wait_text("You didn't allow access").await;
    album.page("error-denied").await;
    browser.click_text("Back to Jira").await;
    browser.wait_address("/browse/KEY-1").await;
    browser.goto(&scene.address("/link/of-somebody-else")).await;
    browser
        .wait_text("This page doesn't belong to this browser")
        .await;
    album.page("error-wrong-browser").await;
    browser.goto(&scene.address("/nowhere")).await;
    browser.wait_text("This page doesn't exist").await;

    // The finish page, which waits for Jira for a while before it says so.
    let hang = || {
        JiraFault::new(FaultKind::Hang)
            .on("POST", "/s/context-token")
            .times(1)
    };
    jira.fault(hang());
    comes_back(&browser, &omar, "u-666").await;
    at_jira.wait_frame("proving").await;
    album.page("finish-proving").await;
    failed(&at_jira, "no-bridge").await;
    album.page("finish-failed-no-bridge").await;
    at_jira
        .in_frame(async || browser.click_text("Try again").await)
        .await;
    at_jira.wait_frame("proved").await;
    album.page("finish-proved").await;
    at_jira
        .in_frame(async || browser.click_text("Cancel").await)
        .await;
    at_jira.wait_frame("cancelled").await;
    album.page("finish-cancelled").await;
    scene.no_work_left().await;
    assert_eq!(token_requests(&scene), 0);
    comes_back(&browser, &omar, "u-666").await;
    at_jira.until_both("<img src=x onerror=alert(1)>").await;
    album.page("both-strange-name").await;
    browser.click_text("Cancel").await;
    browser.wait_text("Nothing was connected.").await;
    album.page("over-cancelled").await;
    scene.no_work_left().await;
    assert_eq!(service.ledger().live_grants().len(), 0);

    comes_back(&browser, &omar, "u-100").await;
    at_jira.wait_frame("proved").await;
    let finish = browser.address().await;
    browser.goto(&attempt_of(&scene, &browser).await).await;
    wait_page(&browser, "both").await;
    album.page("both").await;
    confirm(&browser, "Robin Park").await;
    album.page("over-connected").await;
    // The proof is opened again after that, and leads to what has come of it.
    browser.goto(&finish).await;
    at_jira.go_on().await;
    browser.wait_text("Connected as Robin Park").await;

    // Who is connected can connect another account.
    browser.goto(&beginning_of(&omar).await).await;
    browser
        .wait_text("connected to Acme Drive as Robin Park")
        .await;
    album.page("link-again").await;
    comes_back(&browser, &omar, "u-200").await;
    at_jira.wait_frame("proved").await;
    browser.goto(&attempt_of(&scene, &browser).await).await;
    wait_page(&browser, "both").await;
    browser
        .wait_text("Robin Park is connected now and will be replaced by Sam Ortiz")
        .await;
    album.page("both-replaces").await;
    browser.click_text("Cancel").await;
    browser
        .wait_text("You're still connected to Acme Drive as Robin Park.")
        .await;
    album.page("over-cancelled-connected").await;

    let mia = scene.person("acme", MIA);
    browser.goto(&way_back(&mia, "u-100").await).await;
    failed(&at_jira, "wrong-person").await;
    album.page("finish-failed-wrong-person").await;

    for (kind, code, on) in [
        (
            Kind::Status(503, Vec::new(), String::new()),
            "service-unreachable",
            "Start again",
        ),
        (Kind::InvalidGrant, "took-too-long", "Start again"),
        (Kind::InvalidClient, "app-refused", "Back to Jira"),
    ] {
        service.fault(Fault::once(Endpoint::Redeem, kind));
        comes_back(&browser, &omar, "u-200").await;
        at_jira.go_on().await;
        browser.wait_text(&format!("Code: {code}")).await;
        browser.wait_text(on).await;
        browser
            .wait_text("You're still connected to Acme Drive as Robin Park.")
            .await;
        album.page(&format!("error-{code}")).await;
    }

    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    omar.disconnect().await;
    scene.end().await;
}

/// The page of the attempt whose finish page Jira shows.
pub async fn attempt_of(scene: &Scene, browser: &Browser) -> String {
    let address = browser.address().await;
    let (_, rest) = address.split_once("ac.attempt=").expect("it names one");
    let id = rest.split('&').next().expect("an id");
    scene.address(&format!("/link/{id}"))
}

/// Waits until the finish page has failed with this code, and it says nothing that is not true.
pub async fn failed(at_jira: &AtJira<'_>, code: &str) {
    at_jira.wait_frame("failed").await;
    at_jira
        .in_frame(async || {
            at_jira.browser.wait_text(&format!("Code: {code}")).await;
        })
        .await;
}
