//! Stories in a real browser of the page for admins, by both doors: what an admin sees and does there, with the keys of
//! the keyboard alone too, and that nothing of it keeps somebody out who uses a screen reader (axe).

use serde_json::{Value, json};

use latchkey::words::Language;

use crate::administering::seed;
use crate::browser::{Browser, Options, Theme};
use crate::browsing::{Album, AtJira, ERROR_ANSWERS};
use crate::by_both_doors;
use crate::doors::Door;
use crate::scene::{Db, PROPERTY, Person, Scene, Setting, eventually};
use crate::sim::jira::{self, Fault, MIA, OMAR};

by_both_doors!(
    an_admin_looks_round_and_ends_a_connection,
    an_admin_reads_it_in_each_language,
    an_admin_gets_round_with_the_keyboard_alone,
    an_admin_ends_what_has_left_and_then_everything,
    who_is_no_admin_any_more_sees_nothing_any_more,
);

const DAY: u64 = 24 * 3600;

/// A site with the page for admins open in a browser.
struct Room<'a> {
    scene: &'a Scene,
    browser: &'a Browser,
    site: &'static str,
    at_jira: AtJira<'a>,
}

async fn start() -> Scene {
    let setting = Setting::keys_live(90 * DAY)
        .with("LATCHKEY_CUSTOMERS", "allow")
        .with("LATCHKEY_OUTBOUND_ADDRESSES", "192.0.2.7,2001:db8::/64");
    Scene::start(Db::Sqlite, setting).await
}

impl<'a> Room<'a> {
    async fn enter(scene: &'a Scene, browser: &'a Browser, site: &'static str) -> Self {
        let room = Self {
            scene,
            browser,
            site,
            at_jira: AtJira::at(scene, browser, site),
        };
        room.at_jira.sign_in(MIA).await;
        room.open().await;
        room
    }

    fn address(&self) -> String {
        let jira = &self.scene.world.jira;
        match jira.has_forge(self.site) {
            true => jira.forge_admin_url(self.site),
            false => format!(
                "{}/plugins/servlet/ac/latchkey/latchkey-admin",
                jira.url(self.site)
            ),
        }
    }

    async fn open(&self) {
        self.browser.goto(&self.address()).await;
        self.at_jira.wait_frame("ready").await;
    }

    fn person(&self, account: &str) -> Person<'a> {
        self.scene.person(self.site, account)
    }

    async fn inside<T>(&self, work: impl AsyncFnOnce() -> T) -> T {
        self.at_jira.in_frame(work).await
    }

    async fn evaluate(&self, script: &str) -> Value {
        self.inside(async || self.browser.evaluate(script).await)
            .await
    }

    /// Nothing that axe knows of keeps anybody out: WCAG 2.2 at level AA, and what is best practice.
    async fn is_for_everybody(&self, what: &str) {
        self.inside(async || self.browser.is_for_everybody(what).await)
            .await;
    }

    /// Nothing is wider than the page, but what is moved sideways by itself.
    async fn fits(&self, what: &str) {
        let over = self
            .evaluate("return document.documentElement.scrollWidth - innerWidth")
            .await;
        assert!(over.as_i64() <= Some(0), "{what}: {over} too wide");
    }

    /// Waits until a screen reader has been told.
    async fn is_said(&self, words: &str) {
        let said = "return document.getElementById('said').textContent";
        eventually(words, async || {
            let said = self.evaluate(said).await;
            said.as_str()
                .is_some_and(|said| said.contains(words))
                .then_some(())
        })
        .await;
    }
}

/// The whole page in the picture, however long it is.
async fn picture(room: &Room<'_>, album: &Album<'_>, name: &str) {
    room.browser.resize(1280, 2600).await;
    album.page(name).await;
    room.browser.resize(1280, 900).await;
}

async fn an_admin_looks_round_and_ends_a_connection(door: Door) {
    for theme in Album::themes() {
        looks_round(door, *theme).await;
    }
}

async fn an_admin_reads_it_in_each_language(door: Door) {
    let scene = start().await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let album = Album::at(&scene, site, &browser, Theme::Light);
    scene.person(site, OMAR).link("u-100").await;
    let people = scene.crowd(site, 2);
    for (account, subject) in &people {
        let person = scene.person(site, account);
        person.link(subject).await;
        person.recorded().await;
    }
    scene
        .execute("update link set state = 'reconnect', reason = 'revoked' where subject = 'u-crowd-0001'")
        .await;
    scene
        .execute("update link set published_expires_at = 1700000000, first_end = 1700000000 where subject = 'u-crowd-0002'")
        .await;
    let room = Room::enter(&scene, &browser, site).await;
    for language in Language::ALL {
        let tag = language.tag();
        scene
            .world
            .jira
            .edit_site(site, |site| site.language = tag.to_owned());
        room.open().await;
        let shown = room
            .evaluate("return [document.documentElement.lang, document.documentElement.dir]")
            .await;
        assert_eq!(shown, json!([tag, language.direction()]));
        picture(&room, &album, &format!("admin-{tag}")).await;
        browser.resize(320, 900).await;
        room.fits(tag).await;
        room.is_for_everybody(tag).await;
        // And what only a question or trouble shows.
        room.inside(async || browser.show_everything().await).await;
        room.fits(tag).await;
        room.is_for_everybody(tag).await;
        browser.resize(1280, 900).await;
    }
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    for (account, _) in &people {
        scene.person(site, account).disconnect().await;
    }
    scene.person(site, OMAR).disconnect().await;
    scene.end().await;
}

async fn looks_round(door: Door, theme: Theme) {
    let scene = start().await;
    let site = door.open(&scene).await;
    let browser = Browser::themed(theme).await;
    let album = Album::at(&scene, site, &browser, theme);
    let room = Room::enter(&scene, &browser, site).await;
    // Nobody has connected: the page says how it goes on.
    room.inside(async || {
        browser.wait_text("Get started").await;
        browser.wait_text("Nobody has connected yet.").await;
        browser.wait_text("Nothing has happened yet.").await;
        browser.wait_text("192.0.2.7, 2001:db8::/64").await;
    })
    .await;
    room.is_for_everybody("the empty page").await;
    picture(&room, &album, "admin-empty").await;

    let omar = room.person(OMAR);
    omar.link("u-100").await;
    for (account, subject) in scene.crowd(site, 3) {
        let person = room.person(&account);
        person.link(&subject).await;
        person.recorded().await;
    }
    scene
        .execute("update link set state = 'reconnect', reason = 'revoked' where subject = 'u-crowd-0001'")
        .await;
    scene
        .execute("update link set trouble = 'service_away' where subject = 'u-crowd-0002'")
        .await;
    scene
        .execute("update link set published_expires_at = 1700000000, first_end = 1700000000 where subject = 'u-crowd-0003'")
        .await;
    room.open().await;
    room.inside(async || {
        for words in [
            "Omar Haddad",
            OMAR,
            "Robin Park",
            "Acme Drive ended the connection.",
            "Acme Drive doesn't answer",
            "Key has expired",
            "Has to reconnect",
            "4 of 4 people",
            "4 people, 1 has to reconnect, 1 key has expired",
        ] {
            browser.wait_text(words).await;
        }
        browser.wait_no_text("Get started").await;
    })
    .await;
    room.is_for_everybody("the page").await;
    picture(&room, &album, "admin").await;
    browser.resize(400, 900).await;
    room.fits("a narrow page").await;
    room.is_for_everybody("a narrow page").await;
    album.page("admin-narrow").await;
    browser.resize(1280, 900).await;

    // Found by a name, and shown by a state.
    let names = "return [...document.querySelectorAll('#links td:first-child .name-in-table')].map((name) => name.textContent)";
    let listed = async || browser.evaluate(names).await;
    room.inside(async || {
        browser.type_into("#q", "omar").await;
        browser.click_css("#search button").await;
        browser.wait_text("1 person found").await;
        assert_eq!(listed().await, json!(["Omar Haddad"]));
        browser.type_into("#q", "nobody at all").await;
        browser.click_css("#search button").await;
        browser.wait_text("No matches.").await;
        browser.type_into("#q", "").await;
        browser.click_css("#state option[value=reconnect]").await;
        browser.click_css("#search button").await;
        browser.wait_text("1 person found").await;
        assert_eq!(listed().await, json!(["Person 1"]));
        browser.click_css("#state option[value='']").await;
        browser.click_css("#search button").await;
        browser.wait_text("4 of 4 people").await;
    })
    .await;

    // Asked first; Cancel changes nothing.
    room.inside(async || {
        browser.click_text("Disconnect Omar Haddad").await;
        browser.wait_text("Disconnect Omar Haddad?").await;
    })
    .await;
    room.is_for_everybody("the question").await;
    picture(&room, &album, "admin-ask").await;
    room.inside(async || {
        browser.click_css(".ask .button:not(.danger)").await;
        browser.wait_no_text("Disconnect Omar Haddad?").await;
    })
    .await;
    assert_eq!(omar.state().await, "linked");
    room.inside(async || {
        browser.click_text("Disconnect Omar Haddad").await;
        browser.click_css(".ask .danger").await;
        browser.wait_text("3 of 3 people").await;
        browser.wait_text("Disconnected by an admin.").await;
        browser.wait_text("Mia Chen").await;
    })
    .await;
    room.is_said("Omar Haddad was disconnected.").await;
    assert_eq!(omar.state().await, "unlinked");
    assert_eq!(omar.property(), None);

    // Who may connect.
    room.inside(async || {
        browser.click_css("#customers").await;
        browser.type_into("#groups", "Drive Users\njira-admins").await;
        browser.click_css("#save").await;
        browser.wait_text("Saved.").await;
        browser.wait_text("Only members of these groups may connect: Drive Users, jira-admins. Portal customers aren't allowed").await;
    })
    .await;
    omar.scene
        .send(omar.call(reqwest::Method::GET, "/api/link"))
        .await
        .is(200);
    let rule = "select count(*) from site_rule where not customers";
    assert_eq!(scene.count(rule).await, 1);

    // What happened is a file.
    room.evaluate(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () { window.saved.push(this.download); }; return null",
    )
    .await;
    room.inside(async || browser.click_css("[data-export=csv]").await)
        .await;
    room.is_said("events.csv was saved.").await;
    room.inside(async || browser.click_css("[data-export=jsonl]").await)
        .await;
    room.is_said("events.jsonl was saved.").await;
    let saved = room.evaluate("return window.saved").await;
    assert_eq!(saved, json!(["events.csv", "events.jsonl"]));
    room.is_for_everybody("the page at the end").await;
    picture(&room, &album, "admin-end").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    for (account, _) in scene.crowd(site, 3) {
        scene.person(site, &account).disconnect().await;
    }
    scene.end().await;
}

async fn an_admin_gets_round_with_the_keyboard_alone(door: Door) {
    let scene = start().await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let omar = scene.person(site, OMAR);
    omar.link("u-100").await;
    let room = Room::enter(&scene, &browser, site).await;
    let focus = "const at = document.activeElement; return at.id || at.textContent.trim()";
    room.inside(async || {
        browser.tab_to_and_enter("Disconnect Omar Haddad").await;
        browser.wait_text("Disconnect Omar Haddad?").await;
        // The question has the focus, Cancel leads back to the button.
        eventually("the question has the focus", async || {
            (browser.evaluate(focus).await == "Disconnect Omar Haddad?").then_some(())
        })
        .await;
        browser.tab_to_and_enter("Cancel").await;
        eventually("the button has the focus again", async || {
            (browser.evaluate(focus).await == "Disconnect Omar Haddad").then_some(())
        })
        .await;
    })
    .await;
    assert_eq!(omar.state().await, "linked");
    room.inside(async || {
        browser.tab_to_and_enter("Save").await;
        browser.wait_text("Saved.").await;
        browser.tab_to_and_enter("Disconnect everybody").await;
        browser
            .wait_text("Disconnect everybody? 1 connection ends for good")
            .await;
        browser.tab_to_and_enter("Cancel").await;
        eventually("the button has the focus again", async || {
            (browser.evaluate(focus).await == "end-all").then_some(())
        })
        .await;
        browser.tab_to_and_enter("Disconnect Omar Haddad").await;
        browser.wait_text("Disconnect Omar Haddad?").await;
        browser.tab_to_and_enter("Disconnect").await;
        browser.wait_text("Nobody has connected yet.").await;
        // Where the row was there is nothing any more: the focus is at the heading of the table.
        eventually("the heading has the focus", async || {
            (browser.evaluate(focus).await == "links-title").then_some(())
        })
        .await;
    })
    .await;
    room.is_said("Omar Haddad was disconnected.").await;
    assert_eq!(omar.state().await, "unlinked");
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn an_admin_ends_what_has_left_and_then_everything(door: Door) {
    let scene = start().await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let album = Album::at(&scene, site, &browser, Theme::Light);
    let people = scene.crowd(site, 3);
    for (account, subject) in &people {
        let person = scene.person(site, account);
        person.link(subject).await;
        person.recorded().await;
    }
    let room = Room::enter(&scene, &browser, site).await;
    room.inside(async || {
        browser.click_css("#find-left").await;
        browser.wait_text("Nobody has left").await;
        browser.click_css("#sure-no").await;
    })
    .await;
    let gone = &people[1].0;
    scene.world.jira.edit_site(site, |site| {
        site.people.get_mut(gone).expect("there").active = false;
    });
    room.inside(async || {
        browser.click_css("#find-left").await;
        browser.wait_text("1 person has left").await;
        browser.wait_text("Person 2").await;
    })
    .await;
    room.is_for_everybody("who has left").await;
    picture(&room, &album, "admin-left").await;
    room.inside(async || {
        browser.click_css("#sure-yes").await;
        browser.wait_text("2 of 2 people").await;
    })
    .await;
    room.is_said("1 person who has left was disconnected.")
        .await;
    assert_eq!(scene.person(site, &people[0].0).state().await, "linked");
    room.inside(async || {
        browser.click_css("#end-all").await;
        browser.wait_text("2 connections end for good").await;
    })
    .await;
    picture(&room, &album, "admin-all").await;
    room.inside(async || {
        browser.click_css("#sure-yes").await;
        browser.wait_text("Nobody has connected yet.").await;
        browser.wait_text("Get started").await;
    })
    .await;
    room.is_said("Everybody was disconnected: 2 connections.")
        .await;
    for (account, _) in &people {
        if account != gone {
            scene
                .world
                .jira
                .wait_for_no_property(site, account, PROPERTY)
                .await;
        }
    }
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.end().await;
}

async fn who_is_no_admin_any_more_sees_nothing_any_more(door: Door) {
    let scene = start().await;
    let site = door.open(&scene).await;
    let browser = Browser::new(Options::default()).await;
    let album = Album::at(&scene, site, &browser, Theme::Light);
    let name = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>";
    scene
        .world
        .jira
        .add_person(site, jira::Person::new("5aevil", name));
    let evil = scene.person(site, "5aevil");
    evil.link("u-100").await;
    let room = Room::enter(&scene, &browser, site).await;
    // A name is a name.
    room.inside(async || browser.wait_text(name).await).await;
    assert_eq!(
        room.evaluate("return window.ran ?? null").await,
        json!(null)
    );
    let count = "return document.querySelectorAll('#links img, #events img, td script').length";
    assert_eq!(room.evaluate(count).await, json!(0));
    // Jira is away for a moment: what was seen stays, with words; then it goes on.
    scene
        .world
        .jira
        .fault(Fault::status(500).on("POST", "/rest/api/3/permissions/check"));
    room.inside(async || {
        browser.click_css("#search button").await;
        browser
            .wait_text("Jira doesn't answer at the moment.")
            .await;
        browser.wait_text("u-100").await;
    })
    .await;
    scene.world.jira.clear_faults();
    room.inside(async || {
        browser.click_css("#search button").await;
        browser
            .wait_no_text("Jira doesn't answer at the moment.")
            .await;
    })
    .await;
    // Somebody takes the right away.
    scene.world.jira.edit_site(site, |site| {
        site.people.get_mut(MIA).expect("there").admin = false;
    });
    room.inside(async || {
        browser.click_css("#search button").await;
        browser
            .wait_text("Only Jira admins can use this page")
            .await;
        browser.wait_text("Code: not-admin").await;
        browser.wait_no_text("u-100").await;
    })
    .await;
    room.is_for_everybody("the refusal").await;
    album.page("admin-refused").await;
    let rows = "return document.querySelectorAll('tbody tr').length";
    assert_eq!(room.evaluate(rows).await, json!(0));
    scene.world.jira.edit_site(site, |site| {
        site.people.get_mut(MIA).expect("there").admin = true;
    });
    room.inside(async || browser.click_text("Try again").await)
        .await;
    room.at_jira.wait_frame("ready").await;
    room.inside(async || browser.wait_text("u-100").await).await;
    browser.assert_console_quiet(&[ERROR_ANSWERS]).await;
    browser.close().await;
    evil.disconnect().await;
    scene.end().await;
}

/// How long the page takes with ten thousand links: measured, for people who look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_page_of_ten_thousand_links_is_seen() {
    let scene = start().await;
    let browser = Browser::new(Options::default()).await;
    seed(&scene, "acme", 10_000).await;
    let room = Room::enter(&scene, &browser, "acme").await;
    room.inside(async || browser.wait_text("100 of 10,000 people").await)
        .await;
    // From the beginning of the frame's page until the last answer was there, and the call for the links alone.
    let took = "const all = performance.getEntriesByType('resource').filter(({ name }) => name.includes('/api/admin/')); \
        const links = all.find(({ name }) => name.includes('/links')); \
        return [Math.max(...all.map(({ responseEnd }) => responseEnd)), links.responseEnd - links.startTime].map(Math.round)";
    println!("page, links (ms): {}", room.evaluate(took).await);
    // The next page is one click away, and the first again.
    room.inside(async || {
        browser.wait_text("712020:seed-010000").await;
        browser.click_css("#links-next").await;
        browser.wait_text("712020:seed-009900").await;
        browser.wait_no_text("712020:seed-010000").await;
        browser.click_css("#links-first").await;
        browser.wait_text("712020:seed-010000").await;
    })
    .await;
    room.is_for_everybody("a full page").await;
    browser.assert_console_quiet(&[]).await;
    browser.close().await;
    scene.execute("delete from link").await;
    scene.end().await;
}
