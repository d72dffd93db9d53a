// The built pages in a real browser, framed as Forge frames them: what a person sees and clicks.
//
// CHROMIUM names the browser. SHOTS names a folder for a picture of each state, light and dark.
import forgeCsp from "@forge/csp";
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { MINUTE, startBackend } from "./backend.mjs";
import { fill } from "./filled.mjs";
import { policyFor, startHost } from "./host.mjs";

const MIA = "5b10a2844c20165700ede21g";
const { SHOTS } = process.env;
const PATIENCE = 20_000;

let browser;
let backend;
let filled;
let host;
let hosts;
let context;
let page;
let app;
let troubles;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-proxy-server"].concat(
      // Whatever is not on this machine does not exist: the policy's reports go nowhere.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    ),
  });
});
after(() => browser?.close());

beforeEach(async () => {
  backend = await startBackend();
  filled = fill({ LATCHKEY_BASE_URL: backend.base, LATCHKEY_ALLOW_LOOPBACK_HTTP: "true" });
  assert.equal(filled.status, 0, filled.stderr);
  hosts = [];
  await atHost();
  context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  context.setDefaultTimeout(PATIENCE);
  troubles = [];
  page = await context.newPage();
  // What the policy or the sandbox refuses, and what a script throws, shows here.
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  app = page.frameLocator("iframe");
  await page.goto(`${host.siteUrl}/login?as=${MIA}&to=/`);
});

afterEach(async () => {
  await context?.close();
  for (const one of hosts) one.close();
  backend?.close();
  filled?.remove();
  assert.deepEqual(troubles, []);
});

// Another Jira, from here on. The one before answers until the end: a page that was left may still ask it for something.
async function atHost(more) {
  host = await startHost({ backend: backend.address, app: filled.folder, ...more });
  hosts.push(host);
}

const open = (address) => page.goto(address);
const shown = (state) => app.locator(`#latchkey[data-state="${state}"]`).waitFor();
const click = (name) => app.getByRole("button", { name, exact: true }).click();
const sees = (words) => app.getByText(words).and(app.locator(":visible")).first().waitFor();
const asked = (method, path) => backend.state.asked.filter((one) => one.method === method && one.path === path);

async function until(what, true_) {
  const end = Date.now() + PATIENCE;
  while (!(await true_())) {
    assert.ok(Date.now() < end, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// A picture in the other theme as well.
async function shot(name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  for (const theme of ["light", "dark"]) {
    await page.evaluate((mode) => {
      document.documentElement.dataset.colorMode = mode;
      const frame = document.querySelector("iframe");
      frame.contentWindow.postMessage({ theme: mode }, "*");
    }, theme);
    await page.waitForTimeout(250);
    await page.screenshot({ path: join(SHOTS, `${name}-${theme}.png`), fullPage: true });
  }
}

test("the policy of both hosts is that of Forge", () => {
  const hostname = "http://acme.localhost:9000";
  const directives = new forgeCsp.CSPInjectionService().getInjectableCSP({ existingCSPDetails: {}, microsEnv: "prod", hostname });
  assert.equal(policyFor(hostname), directives.join("; "));
});

test("a page takes two requests after it, and 30,000 bytes in all", async () => {
  for (const [name, address, state] of [
    ["issue", host.issueUrl, "unlinked"], ["finish", host.pageUrl("finish"), "failed"], ["admin", host.pageUrl("admin"), "ready"],
  ]) {
    const requests = [];
    const note = (request) => { if (request.url().startsWith(host.networkUrl)) requests.push(request); };
    page.on("requestfinished", note);
    await open(address);
    await shown(state);
    page.off("requestfinished", note);
    // Forge's own half of the bridge comes before everything of the app.
    const files = requests.filter((request) => !request.url().endsWith("/bridge.js"));
    const taken = await Promise.all(files.map(async (request) => [
      request.url().slice(`${host.networkUrl}/${name}/`.length), (await request.sizes()).responseBodySize,
    ]));
    assert.deepEqual(taken.map(([file]) => file).sort(), ["index.html", "latchkey.css", "page.js"]);
    const bytes = taken.reduce((sum, [, size]) => sum + size, 0);
    assert.ok(bytes > 10_000 && bytes <= 30_000, `${name} takes ${bytes} bytes: ${taken.join(" ")}`);
  }
});

test("Connect: the ticket is there before the click, Jira asks, and a tab opens with the linking page", async () => {
  await open(host.issueUrl);
  await shown("unlinked");
  await sees("Connect your Acme Drive account");
  await until("a ticket ahead of the click", () => asked("POST", "/api/link/ticket").length === 1);
  await shot("unlinked");
  // The click itself asks the server for nothing.
  backend.state.problems["/api/link/ticket"] = [503, "unavailable", {}];
  await click("Connect");
  await page.getByText("You are leaving Jira for latchkey.localhost").waitFor();
  const opens = context.waitForEvent("page");
  await page.getByRole("button", { name: "Leave" }).click();
  const tab = await opens;
  await tab.getByText("Linking page").waitFor();
  assert.equal(tab.url(), `${backend.base}/link/attempt-1`);
  await tab.close();
  await shown("linking");
  await shot("linking");
  // What happens in the other tab shows here by itself.
  backend.state.link = backend.linked();
  await shown("linked");
  await sees("Connected as Mia at Acme");
});

test("declined: nothing opens, the panel says so and goes on", async () => {
  await open(host.issueUrl);
  await shown("unlinked");
  await click("Connect");
  await page.getByRole("button", { name: "Cancel" }).click();
  await sees("Nothing was opened.");
  await shot("declined");
  assert.equal(context.pages().length, 1);
  // The same again with the other answer.
  await click("Connect");
  const opens = context.waitForEvent("page");
  await page.getByRole("button", { name: "Leave" }).click();
  await (await opens).getByText("Linking page").waitFor();
  await shown("linking");
  await app.getByText("Nothing was opened.").waitFor({ state: "hidden" });
});

test("a ticket that grows old is replaced while the panel is looked at", async () => {
  await page.clock.install();
  await open(host.issueUrl);
  await shown("unlinked");
  await until("the first ticket", () => asked("POST", "/api/link/ticket").length === 1);
  await page.clock.runFor(30_000);
  assert.equal(asked("POST", "/api/link/ticket").length, 1);
  await page.clock.runFor(15_000);
  await until("the second ticket", () => asked("POST", "/api/link/ticket").length === 2);
});

test("a ticket that is refused is told in the server's words", async () => {
  backend.state.problems["/api/link/ticket"] = [403, "not-allowed", { title: "Not allowed", detail: "Customers can't connect an account." }];
  await open(host.issueUrl);
  await shown("unlinked");
  await click("Connect");
  await sees("Customers can't connect an account.");
});

test("an address that is not the server's is not opened", async () => {
  for (const elsewhere of ["https://evil.example/", `${backend.base}.evil.example/`, "javascript:alert(1)"]) {
    backend.state.elsewhere = elsewhere;
    await open(host.issueUrl);
    await shown("unlinked");
    await click("Connect");
    await sees("That didn't work. Try again in a moment.");
    assert.equal(await page.locator("dialog[open]").count(), 0);
  }
  await open(`${host.pageUrl("finish")}?attempt=attempt-1&handle=handle-1_A`);
  await shown("failed");
  await sees("Something went wrong");
});

test("connected: renew and disconnect, by keyboard as well", async () => {
  backend.state.link = backend.linked();
  await open(host.issueUrl);
  await shown("linked");
  await sees("Connected as Mia at Acme");
  // Nobody is about to begin: no ticket is made.
  assert.equal(asked("POST", "/api/link/ticket").length, 0);
  await shot("linked");
  await click("Manage");
  await click("Renew now");
  await until("a renewal", () => asked("POST", "/api/link/renew").length === 1);
  await sees("The key was renewed.");
  await click("Manage");
  await app.locator("#disconnect").focus();
  await page.keyboard.press("Enter");
  await sees("Disconnect Acme Drive?");
  await shot("disconnect");
  backend.state.left = "retried";
  await app.locator("#disconnect-yes").focus();
  await page.keyboard.press("Enter");
  await shown("unlinked");
  await sees("Acme Drive or Jira hasn't confirmed yet that the last key is gone");
  await shot("disconnected");
});

test("the panel has Jira's theme and writes dates in Jira's language", async () => {
  backend.state.link = backend.linked();
  await atHost({ locale: "de_DE" });
  await page.goto(`${host.siteUrl}/login?as=${MIA}&to=/`);
  for (const [theme, colour] of [["dark", "rgb(31, 31, 33)"], ["light", "rgb(255, 255, 255)"]]) {
    await open(`${host.issueUrl}?theme=${theme}`);
    await shown("linked");
    assert.match(await app.locator("#until").getAttribute("title"), /^(Mo|Diens|Mitt|Donners|Frei|Sams|Sonn)\w+, /);
    await until(theme, () => app.locator("body").evaluate((body, wanted) => getComputedStyle(body).backgroundColor === wanted, colour));
  }
});

test("where Jira never tells its language, the page has the browser's", async () => {
  const bridge = readFileSync(new URL("../../tests/sim/jira/forge/bridge.js", import.meta.url), "utf8");
  const silent = bridge.replace("const own = {", "const own = { getContext: () => new Promise(() => {}),");
  assert.notEqual(silent, bridge);
  await page.route("**/bridge.js", (route) => route.fulfill({ contentType: "text/javascript", body: silent }));
  await page.addInitScript(() => Object.defineProperty(navigator, "languages", { value: ["fr-CA", "en"] }));
  await open(host.issueUrl);
  await shown("unlinked");
  assert.equal(await app.locator("html").getAttribute("lang"), "fr");
  await app.getByRole("button", { name: "Connecter", exact: true }).waitFor();
});

test("connected: another account is asked for with the ticket", async () => {
  backend.state.link = backend.linked();
  await open(host.issueUrl);
  await shown("linked");
  await click("Manage");
  await click("Use another account");
  const opens = context.waitForEvent("page");
  await page.getByRole("button", { name: "Leave" }).click();
  await (await opens).getByText("Linking page").waitFor();
  assert.deepEqual(asked("POST", "/api/link/ticket").map(({ body }) => body.another), [true]);
});

test("a double click opens one tab, and what it began is cancelled in the panel", async () => {
  await open(host.issueUrl);
  await shown("unlinked");
  await app.getByRole("button", { name: "Connect", exact: true }).dblclick();
  const opens = context.waitForEvent("page");
  await page.getByRole("button", { name: "Leave" }).click();
  await (await opens).getByText("Linking page").waitFor();
  await shown("linking");
  assert.equal(context.pages().length, 2);
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await click("Cancel");
  await shown("unlinked");
  await sees("Cancelled. Nothing was connected.");
  assert.equal(asked("DELETE", "/api/link/attempt").length, 1);
});

test("who moves to another account sees it, and that the first one stays", async () => {
  backend.state.link = backend.linked({ attempt: { another: true, expiresAt: backend.at(MINUTE) } });
  await open(host.issueUrl);
  await shown("linked");
  await sees("Connecting another account…");
  await sees("stays connected until you finish.");
  await shot("switching");
  await click("Cancel");
  await sees("Cancelled.");
  await sees("stays connected.");
  await app.getByText("Connecting another account…").waitFor({ state: "hidden" });
});

test("Jira says once that a connection needs its person, and that it works again", async () => {
  backend.state.link = backend.linked();
  await open(host.issueUrl);
  await shown("linked");
  assert.equal(await page.locator(".flag").count(), 0);
  const works = backend.state.link;
  backend.state.link = backend.linked({ state: "reconnect", reason: "Acme Drive has ended the login." });
  const wake = () => app.locator("body").evaluate(() => { window.dispatchEvent(new Event("online")); });
  await wake();
  await page.locator(".flag", { hasText: "Reconnect Acme Drive" }).waitFor();
  await wake();
  await until("another look", () => asked("GET", "/api/link").length >= 3);
  assert.equal(await page.locator(".flag").count(), 1);
  backend.state.link = works;
  await wake();
  await page.locator(".flag", { hasText: "Your connection to Acme Drive works again" }).waitFor();
  await page.locator(".flag", { hasText: "Reconnect Acme Drive" }).waitFor({ state: "detached" });
});

test("reconnect, and a key that ran out", async () => {
  const { at } = backend;
  backend.state.link = backend.linked({ state: "reconnect", reason: "Acme Drive has ended the login.", expiresAt: at(-MINUTE) });
  await open(host.issueUrl);
  await shown("reconnect");
  await sees("Acme Drive has ended the login.");
  await shot("reconnect");
  await click("Reconnect");
  const opens = context.waitForEvent("page");
  await page.getByRole("button", { name: "Leave" }).click();
  await (await opens).getByText("Linking page").waitFor();
  backend.state.link = backend.linked({ expiresAt: at(-MINUTE), reason: "Acme Drive is out of reach." });
  await open(host.issueUrl);
  await shown("ran-out");
  await sees("Your Acme Drive key has expired");
  await shot("ran-out");
});

test("out of reach, too many, and not allowed have words, and go on", async () => {
  backend.state.problems["/api/link"] = [429, "too-many", { title: "Too many", retryAfter: 2 }];
  await open(host.issueUrl);
  await shown("unreachable");
  await sees("One moment, please");
  await shot("too-many");
  backend.state.problems = {};
  await shown("unlinked");
  backend.state.problems["/api/link"] = [403, "not-allowed", { title: "Not allowed", detail: "Customers can't connect an account." }];
  await open(host.issueUrl);
  await shown("not-allowed");
  await sees("Customers can't connect an account.");
  await shot("not-allowed");
  backend.close();
  await open(host.issueUrl);
  await shown("unreachable");
  await sees("Can't reach Latchkey");
  await shot("unreachable");
});

test("nobody signed in, or a server that does not know the app, is 401", async () => {
  await context.clearCookies();
  await open(host.issueUrl);
  await shown("not-installed");
  await shot("not-installed");
});

test("without Forge's half of the bridge the panel has words", async () => {
  await page.route("**/bridge.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  await open(host.issueUrl);
  await shown("unreachable");
  await sees("Jira doesn't answer");
});

test("finish: proves, forgets the handle, says who is signed in, and Continue leads on", async () => {
  await open(`${host.pageUrl("finish")}?attempt=attempt-1&handle=handle-1_A`);
  await shown("proved");
  await sees("Mia Krystof");
  await sees("acme.atlassian.net");
  await sees("Acme Drive");
  await shot("finish");
  assert.equal(page.url(), host.pageUrl("finish"));
  assert.deepEqual(asked("POST", "/link/attempt-1/prove").map(({ body }) => body), [{ handle: "handle-1_A" }]);
  await click("Continue");
  await page.getByRole("button", { name: "Cancel" }).click();
  await sees("Nothing was opened.");
  await shot("finish-declined");
  await click("Continue");
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByText("Linking page").waitFor();
  assert.equal(page.url(), `${backend.base}/link/attempt-1`);
});

test("finish: without history the context says where it came back, and an old address of Connect is understood", async () => {
  const query = "attempt=attempt-1&handle=handle-1_A";
  const bridge = readFileSync(new URL("../../tests/sim/jira/forge/bridge.js", import.meta.url), "utf8");
  const silent = bridge.replace('location: await ask("location")', "location: undefined");
  assert.notEqual(silent, bridge);
  await page.route("**/bridge.js", (route) => route.fulfill({ contentType: "text/javascript", body: silent }));
  await open(`${host.pageUrl("finish")}?${query}`);
  await shown("proved");
  const old = Buffer.from(`/plugins/servlet/ac/latchkey/latchkey-finish?${query.replaceAll(/(attempt|handle)=/g, "ac.$1=")}`).toString("base64");
  await open(`${host.pageUrl("finish")}?x_atlassian_cf=${encodeURIComponent(old)}`);
  await shown("proved");
});

test("finish: a server that answers no more than the Contract names will do", async () => {
  backend.state.names = false;
  await open(`${host.pageUrl("finish")}?attempt=attempt-1&handle=handle-1_A`);
  await shown("proved");
  await app.locator("#account").waitFor({ state: "hidden" });
  await sees("Next, you see this account beside the one you logged in to at Acme Drive.");
});

test("finish: another person, nothing begun, and cancel", async () => {
  await open(`${host.pageUrl("finish")}?attempt=attempt-1&handle=stolen`);
  await shown("failed");
  await sees("Somebody else started this");
  await shot("finish-other");
  for (const query of ["", "?attempt=attempt-1", "?attempt=a/b&handle=c", "?x_atlassian_cf=%25"]) {
    const before = host.calls.length;
    await open(host.pageUrl("finish") + query);
    await shown("failed");
    await sees("Nothing to finish here");
    assert.ok(host.calls.slice(before).every(({ path }) => path === "/api/link"));
  }
  await shot("finish-nothing");
  await open(`${host.pageUrl("finish")}?attempt=attempt-1&handle=handle-1_A`);
  await shown("proved");
  await click("Cancel");
  await shown("cancelled");
  await shot("finish-cancelled");
  await app.getByText("Back to Jira").and(app.locator(":visible")).click();
  await page.waitForURL(host.issueUrl);
});

test("the admin page: who is connected is seen and ended, with a question first, and events are saved as a file", async () => {
  await open(host.pageUrl("admin"));
  await shown("ready");
  await sees("Mia Krystof");
  await sees("Mia at Acme");
  await sees("To ask Jira whether somebody who opens this page is a Jira admin.");
  await shot("admin");
  await click("Disconnect Mia Krystof");
  await sees("Disconnect Mia Krystof?");
  assert.deepEqual(asked("DELETE", "/api/admin/links/link-1"), []);
  await click("Disconnect");
  await sees("Nobody has connected yet.");
  assert.equal(asked("DELETE", "/api/admin/links/link-1").length, 1);
  const [download] = await Promise.all([page.waitForEvent("download"), click("Export CSV")]);
  assert.equal(download.suggestedFilename(), "events.csv");
  assert.equal(readFileSync(await download.path(), "utf8"), '"at"\r\n"1"\r\n"2"\r\n');
  await shot("admin-ended");
});

test("the admin page: who is no admin sees nothing, and is told", async () => {
  backend.state.problems["/api/admin/site"] = [403, "not-admin", { title: "Only Jira admins can use this page", detail: "Jira doesn't say so." }];
  await open(host.pageUrl("admin"));
  await shown("refused");
  await sees("Only Jira admins can use this page");
  await sees("not-admin");
  assert.deepEqual(asked("GET", "/api/admin/links"), []);
  backend.state.problems = {};
  await click("Try again");
  await shown("ready");
});

test("a call carries a token that the host's keys verify, and the page does not choose whom it names", async () => {
  await open(host.issueUrl);
  await shown("unlinked");
  const [, token] = asked("GET", "/api/link")[0].headers.authorization.split(" ");
  const [head, claims, signature] = token.split(".");
  const json = (part) => JSON.parse(Buffer.from(part, "base64url"));
  const { keys } = await (await fetch(host.keysUrl)).json();
  const jwk = keys.find(({ kid }) => kid === json(head).kid);
  const key = createPublicKey({ key: jwk, format: "jwk" });
  assert.ok(verify("sha256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url")));
  const { principal, aud, app: { module } } = json(claims);
  assert.deepEqual({ principal, aud, module }, {
    principal: MIA, aud: `ari:cloud:ecosystem::app/${host.appId}`, module: { type: "jira:issueContext", key: "latchkey-issue" },
  });
});

test("the frame lets nothing out but by Forge", async () => {
  await open(host.issueUrl);
  await shown("unlinked");
  const seen = await app.locator("#latchkey").evaluate(async (_, address) => ({
    window: window.open(address) === null,
    fetch: await fetch(`${address}/healthz`).then(() => false, () => true),
  }), backend.base);
  assert.deepEqual(seen, { window: true, fetch: true });
  // Each refusal is in the console, and Chromium reports what the policy forbids; the report is on its way for a while.
  const refused = ["Blocked opening", "Connecting to", "Fetch API cannot load", "csp-report/forge-cdn"];
  const said = () => refused.map((words) => troubles.findIndex((trouble) => trouble.includes(words)));
  await until("four refusals", () => !said().includes(-1));
  troubles = troubles.filter((_, place) => !said().includes(place));
});
