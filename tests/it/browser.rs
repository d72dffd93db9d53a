//! A real browser, in the words a story uses: go to, click, wait for, follow into the new tab.
//!
//! Every word waits until it can be done and fails the story when that takes too long, with a
//! picture in the target directory. Third-party cookies are blocked, as strict browsers do.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::routing::get;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{Capabilities, WindowHandle};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use crate::child::Process;

/// How long a story waits for what it names, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(40);

/// Browsers at once: each is several busy processes, and more only make each other late.
static SEATS: Semaphore = Semaphore::const_new(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub theme: Theme,
    pub width: u32,
    pub height: u32,
    /// Only the check that blocking works turns this on.
    pub third_party_cookies: bool,
    /// Frames of other sites are in the process of their page, where what is emulated holds for them too.
    pub one_process: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            theme: Theme::Light,
            width: 1280,
            height: 900,
            third_party_cookies: false,
            one_process: false,
        }
    }
}

/// All rules in the theme of the page, those of colours in the other. A colour on its way to another is none yet. Letters
/// that are joined are signs to axe, whose colours it leaves alone: they are those of the other languages.
const EVERYBODY: &str = "const { dataset, lang } = document.documentElement; \
    const joined = lang === 'ar'; \
    const had = dataset.colorMode; \
    const dark = had ? had === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches; \
    const run = async (mode, options) => { \
        if (mode) dataset.colorMode = mode; \
        for (const way of document.getAnimations()) if (way instanceof CSSTransition) way.finish(); \
        const { violations, passes } = await axe.run(document, { preload: false, ...options }); \
        return { passes: passes.map(({ id }) => id), violations: violations.map(({ id, nodes }) => \
            `${mode} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`) }; \
    }; \
    return (async () => { \
        const all = await run(had, {}); \
        const colours = await run(dark ? 'light' : 'dark', { runOnly: ['color-contrast', 'link-in-text-block'] }); \
        if (had) dataset.colorMode = had; else delete dataset.colorMode; \
        for (const way of document.getAnimations()) if (way instanceof CSSTransition) way.finish(); \
        return { passes: all.passes.length, violations: [...all.violations, ...colours.violations], \
            coloured: joined || [all, colours].every(({ passes }) => passes.includes('color-contrast')) }; \
    })();";

/// How something was found that was pressed.
#[derive(Debug, Clone)]
enum Press {
    Click(By),
    Named { role: String, name: String },
}

/// One person's browser, with nothing in it at first.
pub struct Browser {
    driver: WebDriver,
    /// The frames a story is inside of, by selector, to find back in when a page was replaced.
    frames: RefCell<Vec<String>>,
    known_tabs: RefCell<HashSet<WindowHandle>>,
    /// What was pressed last.
    pressed: RefCell<Option<Press>>,
    // Last, so that the driver has let go of them before they are removed or given on.
    profile: TempDir,
    _seat: SemaphorePermit<'static>,
}

impl Browser {
    /// The only browser of a story. For two take `pair`, or two stories may wait for each other.
    pub async fn new(options: Options) -> Browser {
        let seat = SEATS.acquire().await.expect("seats are never closed");
        Browser::launch(&options, seat).await
    }

    /// The only browser of a story that is told in each theme.
    pub async fn themed(theme: Theme) -> Browser {
        Browser::new(Options {
            theme,
            ..Options::default()
        })
        .await
    }

    /// The browsers of two people who share nothing.
    pub async fn pair(options: Options) -> (Browser, Browser) {
        let mut seats = SEATS.acquire_many(2).await.expect("never closed");
        let seat = seats.split(1).expect("two were taken");
        (
            Browser::launch(&options, seats).await,
            Browser::launch(&options, seat).await,
        )
    }

    async fn launch(options: &Options, seat: SemaphorePermit<'static>) -> Browser {
        let chromedriver = ChromeDriver::running();
        let profile = tempfile::Builder::new()
            .prefix("profile-")
            .tempdir_in(&chromedriver.directory)
            .expect("a temporary directory");
        // A proxy of the environment must not come between us and a local port. No connection is
        // kept: one that belongs to the runtime of a failed story cannot be used to end its browser.
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(120))
            .build()
            .expect("an HTTP client");
        let driver =
            WebDriver::builder(&chromedriver.address, capabilities(options, profile.path()))
                .client(client)
                .await
                .expect("Chromium starts");
        let first = driver.window().await.expect("a first tab");
        let browser = Browser {
            driver,
            frames: RefCell::default(),
            known_tabs: RefCell::new(HashSet::from([first])),
            pressed: RefCell::default(),
            profile,
            _seat: seat,
        };
        browser.in_front().await;
        browser
    }

    /// Puts the window and its tab in front, as whoever sits at the browser has them. Without a screen, Chromium
    /// has no window in front by itself since version 148.
    async fn in_front(&self) {
        let cdp = self.driver.cdp();
        let done = cdp.send_raw("Page.bringToFront", json!({})).await;
        if let Err(error) = done {
            self.fail(&format!("the tab in front: {error}")).await;
        }
    }

    /// Ends the browser. Dropping it does the same and holds the thread up meanwhile.
    pub async fn close(self) {
        self.driver.clone().quit().await.expect("Chromium ends");
    }

    pub async fn goto(&self, address: &str) {
        self.frames.borrow_mut().clear();
        if let Err(error) = self.driver.goto(address).await {
            self.fail(&format!("{address} to open: {error}")).await;
        }
    }

    pub async fn reload(&self) {
        self.frames.borrow_mut().clear();
        if let Err(error) = self.driver.refresh().await {
            self.fail(&format!("the page to load again: {error}")).await;
        }
    }

    pub async fn resize(&self, width: u32, height: u32) {
        let resized = self.driver.set_window_rect(0, 0, width, height).await;
        resized.expect("the window has another size");
    }

    pub async fn back(&self) {
        self.frames.borrow_mut().clear();
        if let Err(error) = self.driver.back().await {
            self.fail(&format!("the page before: {error}")).await;
        }
    }

    pub async fn forward(&self) {
        self.frames.borrow_mut().clear();
        if let Err(error) = self.driver.forward().await {
            self.fail(&format!("the page after: {error}")).await;
        }
    }

    pub async fn address(&self) -> String {
        self.driver
            .current_url()
            .await
            .map_or_else(|error| error.to_string(), String::from)
    }

    pub async fn wait_address(&self, part: &str) {
        self.until(&format!("an address with {part:?}"), async || {
            Ok(self.driver.current_url().await?.as_str().contains(part))
        })
        .await;
    }

    /// Clicks the button or link that shows this text, in the frame the story is in.
    pub async fn click_text(&self, text: &str) {
        let text_literal = xpath_literal(text);
        let xpath = format!(
            "//*[(self::button or self::a or self::summary or @role='button') \
               and normalize-space()={text_literal}] \
             | //input[(@type='submit' or @type='button') and @value={text_literal}]"
        );
        self.click(&format!("a button {text:?}"), By::XPath(xpath))
            .await;
    }

    /// Presses what a screen reader calls by this role and name, and finds nothing in any other way.
    pub async fn press_named(&self, role: &str, name: &str) {
        self.pressed.replace(Some(Press::Named {
            role: role.to_owned(),
            name: name.to_owned(),
        }));
        self.until(&format!("the {role} {name:?}"), async || {
            if !self.is_named(role, name).await? {
                return Ok(false);
            }
            self.driver
                .active_element()
                .await?
                .send_keys(Key::Enter)
                .await?;
            Ok(true)
        })
        .await;
    }

    /// Waits until a screen reader meets something of this role and name.
    pub async fn wait_named(&self, role: &str, name: &str) {
        self.until(&format!("a {role} {name:?}"), async || {
            self.is_named(role, name).await
        })
        .await;
    }

    /// Whether something visible has this role and this accessible name, as axe computes them; it gets the focus if it
    /// takes one. The driver itself answers this for no frame of another origin.
    async fn is_named(&self, role: &str, name: &str) -> WebDriverResult<bool> {
        let find = format!(
            "axe.setup(document.documentElement); \
             const found = [...document.querySelectorAll('body *')].find((element) => \
                 element.checkVisibility() && !element.disabled && axe.commons.aria.getRole(element) === {} && \
                 axe.commons.text.accessibleText(element).trim() === {}); \
             axe.teardown(); found?.focus(); return Boolean(found)",
            json!(role),
            json!(name)
        );
        Ok(self.with_axe(&find).await? == json!(true))
    }

    pub async fn click_css(&self, css: &str) {
        self.click(&format!("something to click at {css}"), By::Css(css))
            .await;
    }

    /// Clicks what goes away with the click, and the page perhaps with it. The driver may not be able to say how such
    /// a click went: that it is gone does.
    pub async fn click_away(&self, css: &str) {
        let seen = Cell::new(false);
        self.until(&format!("something to click away at {css}"), async || {
            let Some(element) = self.driver.find_all(By::Css(css)).await?.pop() else {
                return Ok(seen.get());
            };
            if element.is_displayed().await? {
                seen.set(true);
                element.click().await?;
            }
            Ok(false)
        })
        .await;
    }

    /// Presses once more what was pressed last.
    pub async fn press_again(&self) {
        let pressed = self.pressed.borrow().clone();
        match pressed.expect("something was pressed") {
            Press::Click(by) => self.click("the button again", by).await,
            Press::Named { role, name } => self.press_named(&role, &name).await,
        }
    }

    async fn click(&self, what: &str, by: By) {
        self.pressed.replace(Some(Press::Click(by.clone())));
        // A click that meets a page in motion is refused by the driver; the next try finds it still.
        self.until(what, async || {
            for element in self.driver.find_all(by.clone()).await? {
                if element.is_displayed().await? && element.is_enabled().await? {
                    element.click().await?;
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await;
    }

    /// Clicks twice as fast as a hand can, and once more.
    pub async fn click_hastily(&self, css: &str) {
        self.pressed
            .replace(Some(Press::Click(By::Css(css.to_owned()))));
        self.until(&format!("something to click at {css}"), async || {
            let element = self.driver.find(By::Css(css)).await?;
            if !element.is_displayed().await? || !element.is_enabled().await? {
                return Ok(false);
            }
            let chain = self.driver.action_chain();
            let twice = chain.double_click_element(&element);
            twice.click().perform().await?;
            Ok(true)
        })
        .await;
    }

    /// Holds Enter down on what has the focus until it has come so many times, and lets it go.
    pub async fn hold_enter(&self, times: u32) {
        let cdp = self.driver.cdp();
        for time in 0..times {
            let key = json!({
                "type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r",
                "windowsVirtualKeyCode": 13, "autoRepeat": time > 0,
            });
            let held = cdp.send_raw("Input.dispatchKeyEvent", key).await;
            held.expect("Enter is held down");
        }
        let up =
            json!({"type": "keyUp", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13});
        let up = cdp.send_raw("Input.dispatchKeyEvent", up).await;
        up.expect("Enter is let go");
    }

    /// Nothing that axe knows of keeps anybody out of the page or frame the story is in: WCAG 2.2 at level AA, and what
    /// is best practice. Its colours are looked at in the other theme, too.
    pub async fn is_for_everybody(&self, what: &str) {
        let found = match self.with_axe(EVERYBODY).await {
            Ok(found) => found,
            Err(error) => self.fail(&format!("axe to look at {what}: {error}")).await,
        };
        assert_eq!(found["violations"], json!([]), "{what}");
        assert!(found["passes"].as_u64() > Some(10), "{what}: {found}");
        assert_eq!(found["coloured"], json!(true), "{what}: {found}");
    }

    /// What a script returns that makes use of axe. Where another page has come meanwhile, axe has to be there first.
    async fn with_axe(&self, script: &str) -> WebDriverResult<Value> {
        let script = format!("if (typeof axe === 'undefined') return 'no axe'; {script}");
        loop {
            let answer = self.driver.execute(&script, Vec::new()).await?;
            if answer.json() != "no axe" {
                return Ok(answer.json().clone());
            }
            let load = format!("{}; window.axe = axe; return null", axe());
            self.driver.execute(&load, Vec::new()).await?;
        }
    }

    /// Shows at once what the page or frame shows only sometimes, those places too that only trouble fills.
    pub async fn show_everything(&self) {
        self.evaluate(
            "const places = 'h1, h2, p, a, dd, dt, span, time, code, button, bdi'; \
            window.unseen = [...document.querySelectorAll('main [hidden]')]; \
            for (const element of window.unseen) element.hidden = false; \
            window.empty = [...document.querySelectorAll('main [id]')].filter((it) => \
                it.matches(places) && !it.matches('.unseen') && !it.querySelector('svg') && it.textContent.trim() === ''); \
            for (const element of window.empty) element.textContent = 'Acme Drive'; return null",
        )
        .await;
    }

    pub async fn show_as_before(&self) {
        self.evaluate(
            "for (const element of window.unseen) element.hidden = true; \
            for (const element of window.empty) element.textContent = ''; return null",
        )
        .await;
    }

    /// Changes what pages are told of their reader: `prefers-reduced-motion` and the like. As a reader of paper with
    /// `print`.
    pub async fn emulate(&self, media: &str, features: &[(&str, &str)]) {
        let features: Vec<_> = features
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let wish = json!({"media": media, "features": features});
        let cdp = self.driver.cdp();
        let done = cdp.send_raw("Emulation.setEmulatedMedia", wish).await;
        done.expect("the page is told");
    }

    /// Zooms the page in a window of 1280 by 900 points, or no more.
    pub async fn zoom(&self, by: Option<f64>) {
        let cdp = self.driver.cdp();
        let done = match by {
            Some(by) => {
                let size = json!({
                    "width": (1280.0 / by) as u32, "height": (900.0 / by) as u32,
                    "deviceScaleFactor": by, "mobile": false,
                });
                cdp.send_raw("Emulation.setDeviceMetricsOverride", size)
                    .await
            }
            None => {
                cdp.send_raw("Emulation.clearDeviceMetricsOverride", json!({}))
                    .await
            }
        };
        done.expect("the page is zoomed");
    }

    /// Presses the mouse button at once on whatever stands where this element is, enabled or not, and lets
    /// it go. What the press takes away, the window itself for one, is no failure.
    pub async fn press_at(&self, css: &str) {
        self.until(&format!("something to press at {css}"), async || {
            let element = self.driver.find(By::Css(css)).await?;
            let press = self.driver.action_chain().move_to_element_center(&element);
            let _ = press.click().perform().await;
            Ok(true)
        })
        .await;
    }

    /// Presses the mouse button on a button that is disabled, and lets it go once that is enabled.
    pub async fn press_until_enabled(&self, css: &str) {
        let held = async {
            let element = self.driver.find(By::Css(css)).await?;
            let chain = self.driver.action_chain();
            let press = chain.move_to_element_center(&element).click_and_hold();
            press.perform().await
        };
        held.await.expect("the mouse button is pressed");
        self.wait_enabled(css).await;
        let chain = self.driver.action_chain().release();
        chain.perform().await.expect("the mouse button is let go");
    }

    /// Waits until a button can be clicked.
    pub async fn wait_enabled(&self, css: &str) {
        self.until(&format!("{css} to be enabled"), async || {
            self.driver.find(By::Css(css)).await?.is_enabled().await
        })
        .await;
    }

    /// Types into a field, over what stands in it.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.until(&format!("a field {css}"), async || {
            let field = self.driver.find(By::Css(css)).await?;
            field.clear().await?;
            field.send_keys(text).await?;
            Ok(field.value().await?.as_deref() == Some(text))
        })
        .await;
    }

    /// Presses Tab until the button or link with this text has the focus, then Enter. Works in the
    /// frame the story is in as well; the focus comes there through the page around it.
    pub async fn tab_to_and_enter(&self, text: &str) {
        self.tab_to(text).await;
        self.until("Enter to be pressed", async || {
            self.press(Key::Enter).await.map(|()| true)
        })
        .await;
    }

    /// Presses Tab until the button or link with this text has the focus.
    pub async fn tab_to(&self, text: &str) {
        let focused = "return document.hasFocus() ? document.activeElement.textContent.trim() : ''";
        self.until(&format!("{text:?} to have the focus"), async || {
            if self.driver.execute(focused, Vec::new()).await?.json() == text {
                return Ok(true);
            }
            self.press(Key::Tab).await?;
            Ok(false)
        })
        .await;
    }

    pub async fn press_escape(&self) {
        self.press(Key::Escape).await.expect("Escape is pressed");
    }

    async fn press(&self, key: Key) -> WebDriverResult<()> {
        let keys = self.driver.action_chain().key_down(key.clone());
        keys.key_up(key).perform().await
    }

    /// The value of a cookie of the page's host, whatever scripts may see of it.
    pub async fn cookie(&self, name: &str) -> Option<String> {
        let cookie = self.driver.get_named_cookie(name).await.ok()?;
        Some(cookie.value)
    }

    /// Puts a cookie into the browser, as somebody does who had it in their hands for a moment.
    pub async fn plant_cookie(&self, name: &str, value: &str) {
        let mut cookie = Cookie::new(name, value);
        cookie.set_path("/");
        cookie.set_secure(true);
        if let Err(error) = self.driver.add_cookie(cookie).await {
            self.fail(&format!("a cookie to be planted: {error}")).await;
        }
    }

    /// Runs `work` inside the frame that `css` selects, and comes back out.
    pub async fn in_frame<T>(&self, css: &str, work: impl AsyncFnOnce() -> T) -> T {
        self.enter_frame(css).await;
        let done = work().await;
        self.leave_frame().await;
        done
    }

    pub async fn enter_frame(&self, css: &str) {
        self.until(&format!("a frame {css}"), async || {
            let frame = self.driver.find(By::Css(css)).await?;
            frame.enter_frame().await?;
            Ok(true)
        })
        .await;
        self.frames.borrow_mut().push(css.to_owned());
    }

    pub async fn leave_frame(&self) {
        let left = self.frames.borrow_mut().pop();
        assert!(left.is_some(), "the story is in no frame");
        // Down from the top: the parent of a frame that is gone cannot be asked for.
        self.until("the page around the frame", async || {
            self.enter_frames_again().await.map(|()| true)
        })
        .await;
    }

    async fn enter_frames_again(&self) -> WebDriverResult<()> {
        self.driver.enter_default_frame().await?;
        let frames = self.frames.borrow().clone();
        for css in frames {
            let frame = self.driver.find(By::Css(css)).await?;
            frame.enter_frame().await?;
        }
        Ok(())
    }

    /// The text a person can read in the page, or in the frame the story is in.
    pub async fn text(&self) -> String {
        match self.driver.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub async fn wait_text(&self, text: &str) {
        self.until(&format!("the text {text:?}"), async || {
            let body = self.driver.find(By::Css("body")).await?;
            Ok(body.text().await?.contains(text))
        })
        .await;
    }

    pub async fn wait_no_text(&self, text: &str) {
        self.until(&format!("the text {text:?} to go"), async || {
            let body = self.driver.find(By::Css("body")).await?;
            Ok(!body.text().await?.contains(text))
        })
        .await;
    }

    /// Waits until the element's attribute has the value, as in `data-state="linked"`.
    pub async fn wait_state(&self, css: &str, attribute: &str, value: &str) {
        let what = format!("{css} with {attribute}={value:?}");
        self.until(&what, async || {
            let element = self.driver.find(By::Css(css)).await?;
            Ok(element.attr(attribute).await?.as_deref() == Some(value))
        })
        .await;
    }

    /// Goes on in the tab that has opened since the last call, waiting for it.
    pub async fn follow_new_tab(&self) {
        let tab = RefCell::new(None);
        self.until("a new tab", async || {
            tab.replace(self.new_tab().await?);
            Ok(tab.borrow().is_some())
        })
        .await;
        if let Some(tab) = tab.into_inner() {
            self.known_tabs.borrow_mut().insert(tab.clone());
            self.switch_to(tab).await;
        }
    }

    pub async fn has_new_tab(&self) -> bool {
        self.new_tab().await.expect("tabs are listed").is_some()
    }

    async fn new_tab(&self) -> WebDriverResult<Option<WindowHandle>> {
        let tabs = self.driver.windows().await?;
        let known = self.known_tabs.borrow();
        Ok(tabs.into_iter().find(|tab| !known.contains(tab)))
    }

    /// Follows a link to this address into a tab of its own. One that the driver opens has no focus.
    pub async fn open_tab(&self, address: &str) {
        self.evaluate(&format!(
            "document.body.insertAdjacentHTML('beforeend', '<a id=opens target=_blank>Open</a>');\
             document.getElementById('opens').href = {}",
            json!(address)
        ))
        .await;
        self.click_css("#opens").await;
        self.evaluate("document.getElementById('opens').remove()")
            .await;
        self.follow_new_tab().await;
    }

    /// The tab the story is in, to come back to with `switch_to`.
    pub async fn tab(&self) -> WindowHandle {
        self.driver.window().await.expect("the story is in a tab")
    }

    pub async fn switch_to(&self, tab: WindowHandle) {
        self.frames.borrow_mut().clear();
        if let Err(error) = self.driver.switch_to_window(tab).await {
            self.fail(&format!("the other tab: {error}")).await;
        }
        self.in_front().await;
    }

    /// Closes the tab the story is in and goes on in another that is open.
    pub async fn close_tab(&self) {
        self.driver.close_window().await.expect("a tab closes");
        let tabs = self.driver.windows().await.expect("tabs are listed");
        let another = tabs.into_iter().next().expect("a tab is left");
        self.switch_to(another).await;
    }

    pub async fn tab_count(&self) -> usize {
        self.driver.windows().await.expect("tabs are listed").len()
    }

    /// A picture of what the tab shows.
    pub async fn screenshot(&self, path: &Path) {
        self.driver.screenshot(path).await.expect("a picture");
    }

    /// A picture of one element, as for a document.
    pub async fn screenshot_of(&self, css: &str, path: &Path) {
        let element = self.driver.find(By::Css(css)).await.expect("it is there");
        element.screenshot(path).await.expect("a picture");
    }

    /// The value a script returns in the page or frame the story is in.
    pub async fn evaluate(&self, script: &str) -> Value {
        match self.driver.execute(script, Vec::new()).await {
            Ok(answer) => answer.json().clone(),
            Err(error) => self.fail(&format!("{script:?} to run: {error}")).await,
        }
    }

    /// Everything the consoles of all tabs and frames said so far: scripts that failed, what
    /// a content security policy forbade, what a script printed.
    ///
    /// The driver's own log knows nothing of a frame from another site, so this is Chromium's.
    pub async fn console(&self) -> Vec<String> {
        // What comes after a mark of our own can wait; what came before it has been written.
        static MARKS: AtomicU32 = AtomicU32::new(0);
        let mark = format!(
            "mark {} of the story",
            MARKS.fetch_add(1, Ordering::Relaxed)
        );
        self.evaluate(&format!("console.info('{mark}')")).await;
        let log = self.profile.path().join("chrome_debug.log");
        let written = RefCell::new(String::new());
        self.until("the console's log to be written", async || {
            let bytes = std::fs::read(&log).unwrap_or_default();
            *written.borrow_mut() = String::from_utf8_lossy(&bytes).into_owned();
            Ok(written.borrow().contains(&mark))
        })
        .await;
        written
            .into_inner()
            .split("\n[")
            .filter_map(|entry| Some(entry.split_once("INFO:CONSOLE")?.1.to_owned()))
            .filter(|message| !message.contains(" of the story"))
            .collect()
    }

    /// Fails if a console said anything but what contains one of `expected`.
    pub async fn assert_console_quiet(&self, expected: &[&str]) {
        let mut messages = self.console().await;
        messages.retain(|message| !expected.iter().any(|part| message.contains(part)));
        assert!(messages.is_empty(), "the console says:\n{messages:#?}");
    }

    /// Fails unless this browser keeps cookies from a frame of another site, while it does take the
    /// same cookie from the same site at the top.
    pub async fn assert_third_party_cookies_blocked(&self) {
        assert!(!self.frame_gets_its_cookie().await, "they are not blocked");
    }

    async fn frame_gets_its_cookie(&self) -> bool {
        let sites = ProbeSites::start().await;
        self.goto(&sites.address("framed", "/cookie/set")).await;
        self.wait_text("cookie came back").await;
        self.driver.delete_all_cookies().await.expect("no cookies");
        self.goto(&sites.address("top", "/")).await;
        self.in_frame("iframe", async || {
            self.wait_text("cookie ").await;
            self.text().await.contains("came back")
        })
        .await
    }

    /// Asks again and again, and fails the story when it has waited long enough.
    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> WebDriverResult<bool>) {
        let deadline = Instant::now() + PATIENCE;
        let mut last_error = None;
        loop {
            match timeout(PATIENCE, done()).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    // The frame may have been replaced under us: another stands in its place.
                    if !self.frames.borrow().is_empty() {
                        let _ = self.enter_frames_again().await;
                    }
                    last_error = Some(error);
                }
                Err(_) => {}
            }
            if Instant::now() > deadline {
                let because = last_error.map_or(String::new(), |error| format!(" ({error})"));
                self.fail(&format!("{what}{because}")).await;
            }
            sleep(POLL).await;
        }
    }

    async fn fail(&self, waited_for: &str) -> ! {
        static PICTURES: AtomicU32 = AtomicU32::new(0);
        let number = PICTURES.fetch_add(1, Ordering::Relaxed);
        let picture =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-failure-{number}.png"));
        let _ = self.driver.screenshot(&picture).await;
        panic!(
            "waited in vain for {waited_for}\nat {}\nwhich says:\n{}\npicture: {}",
            self.address().await,
            self.text().await,
            picture.display()
        );
    }
}

fn capabilities(options: &Options, profile: &Path) -> Capabilities {
    // 0 is dark and 1 is light; set here it holds for every tab, as the system's setting does.
    let scheme = match options.theme {
        Theme::Dark => 0,
        Theme::Light => 1,
    };
    let mut arguments = vec![
        "--headless=new".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={},{}", options.width, options.height),
        format!("--blink-settings=preferredColorScheme={scheme}"),
        // Whatever is not on this machine does not exist: a page that needs it fails its story.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, \
         EXCLUDE 127.0.0.1"
            .to_owned(),
    ];
    arguments.extend(
        [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--disable-sync",
            "--no-default-browser-check",
            "--no-first-run",
            "--no-proxy-server",
        ]
        .map(str::to_owned),
    );
    if options.one_process {
        arguments.push("--disable-site-isolation-trials".to_owned());
        arguments.push("--disable-features=IsolateOrigins,site-per-process".to_owned());
    }
    let we_are_root = std::fs::metadata("/proc/self")
        .is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
    if we_are_root {
        // Chromium's sandbox refuses to be set up by root.
        arguments.push("--no-sandbox".to_owned());
    }
    let preferences = json!({
        "credentials_enable_service": false,
        "profile.block_third_party_cookies": !options.third_party_cookies,
        // 1 blocks, 0 allows; this is the choice of the settings page, the one above its older name.
        "profile.cookie_controls_mode": u8::from(!options.third_party_cookies),
    });
    let mut chrome = json!({
        "args": arguments,
        "prefs": preferences,
        // The driver would let any script open windows; for people the blocker is on.
        "excludeSwitches": ["disable-popup-blocking"],
    });
    if let Some(chromium) = on_path("chromium") {
        chrome["binary"] = json!(chromium);
    }
    let mut capabilities = Capabilities::new();
    for (name, value) in [
        ("browserName", json!("chrome")),
        ("goog:chromeOptions", chrome),
    ] {
        capabilities.set(name, value).expect("JSON stays JSON");
    }
    capabilities
}

fn on_path(program: &str) -> Option<String> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.exists())
        .and_then(|found| found.into_os_string().into_string().ok())
}

/// The one ChromeDriver of this process, which starts the browsers.
struct ChromeDriver {
    address: String,
    /// Its temporary files and the browsers' profiles; the watchdog of the process removes it.
    directory: PathBuf,
    _process: Mutex<Process>,
}

impl ChromeDriver {
    fn running() -> &'static ChromeDriver {
        static DRIVER: OnceLock<ChromeDriver> = OnceLock::new();
        DRIVER.get_or_init(ChromeDriver::start)
    }

    fn start() -> ChromeDriver {
        let directory = tempfile::Builder::new()
            .prefix("latchkey-browsers-")
            .tempdir()
            .expect("a temporary directory")
            .keep();
        let mut process = Process::spawn(
            Command::new("chromedriver")
                .arg("--port=0")
                .env("TMPDIR", &directory)
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
            "TERM",
            Some(&directory),
        )
        .expect("chromedriver is not installed: scripts/test installs it");
        let mut lines = BufReader::new(process.take_stdout()).lines();
        let port = lines
            .find_map(|line| {
                let line = line.ok()?;
                let said = line.strip_prefix("ChromeDriver was started successfully on port ")?;
                Some(said.trim_end_matches('.').to_owned())
            })
            .expect("ChromeDriver names its port");
        // Read on, or it stops when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        ChromeDriver {
            address: format!("http://127.0.0.1:{port}"),
            directory,
            _process: Mutex::new(process),
        }
    }
}

/// XPath has no escapes: a text with both kinds of quotes is put together from pieces.
fn xpath_literal(text: &str) -> String {
    if !text.contains('"') {
        return format!("\"{text}\"");
    }
    let pieces: Vec<String> = text
        .split('"')
        .map(|piece| format!("\"{piece}\""))
        .collect();
    format!("concat({})", pieces.join(", '\"', "))
}

/// Two sites to try a browser on: one frames the other, which sets a cookie and reads it back.
struct ProbeSites {
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl ProbeSites {
    async fn start() -> ProbeSites {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a loopback port");
        let port = listener.local_addr().expect("a bound port").port();
        let html = move |body: &str| {
            (
                [
                    (CONTENT_TYPE, "text/html; charset=utf-8"),
                    (CONTENT_SECURITY_POLICY, "script-src 'none'"),
                ],
                format!("<!doctype html><link rel=icon href='data:,'>{body}"),
            )
        };
        let top = html(&format!(
            "<title>top</title><p>top page</p><iframe src='http://framed.localhost:{port}/cookie/set'></iframe>"
        ));
        let framed = html(
            "<p id=state data-state=shown>framed page</p><a href='/cookie/read' target=_blank>Open a \"new\" 'tab'</a>",
        );
        let offender = html("<p>offender</p><script>document.title = 'ran'</script>");
        let nested = html(&format!(
            "<iframe src='http://framed.localhost:{port}/framed'></iframe>\
             <iframe id=offender src='http://framed.localhost:{port}/offender'></iframe>"
        ));
        let app = Router::new()
            .route("/", get(async move || top))
            .route("/framed", get(async move || framed))
            .route("/offender", get(async move || offender))
            .route("/nested", get(async move || nested))
            .route(
                "/cookie/set",
                get(async || {
                    (
                        axum::http::StatusCode::SEE_OTHER,
                        [
                            (SET_COOKIE, "probe=1; Path=/; SameSite=None; Secure"),
                            (LOCATION, "/cookie/read"),
                        ],
                    )
                }),
            )
            .route(
                "/cookie/read",
                get(async move |headers: HeaderMap| {
                    html(if headers.contains_key(COOKIE) {
                        "cookie came back"
                    } else {
                        "cookie was kept away"
                    })
                }),
            );
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("a server");
        });
        ProbeSites { port, server }
    }

    fn address(&self, site: &str, path: &str) -> String {
        format!("http://{site}.localhost:{}{path}", self.port)
    }
}

impl Drop for ProbeSites {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tokio::test]
async fn third_party_cookies_are_blocked_and_it_would_be_noticed() {
    let browser = Browser::new(Options::default()).await;
    browser.assert_third_party_cookies_blocked().await;
    browser.close().await;

    let lenient = Browser::new(Options {
        third_party_cookies: true,
        ..Options::default()
    })
    .await;
    assert!(lenient.frame_gets_its_cookie().await);
    lenient.close().await;
}

#[tokio::test]
async fn a_story_finds_its_way_through_frames_tabs_and_themes() {
    let sites = ProbeSites::start().await;
    let browser = Browser::new(Options {
        theme: Theme::Dark,
        width: 500,
        height: 400,
        ..Options::default()
    })
    .await;
    browser.goto(&sites.address("top", "/nested")).await;
    let dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
    assert_eq!(browser.evaluate(dark).await, json!(true));
    let first = browser.tab().await;
    browser
        .in_frame("iframe", async || {
            browser.wait_state("#state", "data-state", "shown").await;
            browser.click_text("Open a \"new\" 'tab'").await;
        })
        .await;
    browser.follow_new_tab().await;
    browser.wait_text("cookie ").await;
    browser.wait_address("framed.localhost").await;
    assert_eq!(browser.evaluate(dark).await, json!(true));
    assert_eq!(browser.tab_count().await, 2);
    browser.close_tab().await;
    assert_eq!(browser.tab().await, first);

    // What a policy forbade in a frame of another site is in the console too.
    let said = browser.console().await;
    assert!(
        said.iter().any(|it| it.contains("Content Security Policy")),
        "{said:?}"
    );
    browser
        .assert_console_quiet(&["Content Security Policy"])
        .await;
    browser.reload().await;
    let picture = tempfile::Builder::new().suffix(".png").tempfile();
    let picture = picture.expect("a file").into_temp_path();
    browser.screenshot(&picture).await;
    let bytes = std::fs::read(&picture).expect("a picture");
    assert!(bytes.starts_with(b"\x89PNG"));
}

/// The library that knows what keeps people out of a page.
fn axe() -> String {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("forge/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(axe).expect("forge/node_modules is missing: run npm ci in forge/")
}
