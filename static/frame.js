// What every page framed in Jira needs: a clean address, the bridge, the theme, the height, and
// calls that carry a fresh proof of who is looking. It keeps nothing: no cookie, no storage.
(() => {
  "use strict";

  // The address came with one-time secrets. They leave it before anything else runs, so that no
  // later Referer, reload or script finds them there.
  const address = new URL(location.href);
  for (const name of ["jwt", "handle"]) address.searchParams.delete(name);
  history.replaceState(null, "", address);

  const root = document.getElementById("latchkey");
  const part = (id) => document.getElementById(id);
  const BRIDGE_WAIT = 8_000;
  const TOKEN_WAIT = 8_000;
  const CALL_WAIT = 30_000;
  const PROBLEM = "urn:latchkey:problem:";
  const OCCURRENCE = "urn:latchkey:occurrence:";
  // What the server lets clocks differ by.
  const LEEWAY = 30_000;

  class Problem extends Error {
    constructor(name, status = 0, details = {}) {
      super(name);
      this.name = name;
      this.status = status;
      this.title = details.title ?? "";
      this.detail = details.detail ?? "";
      this.signedInAs = details.signedInAs ?? "";
      // By this the operator finds the one line of the log.
      this.reference = String(details.instance ?? "").split(OCCURRENCE)[1] ?? "";
      this.retryAfter = details.retryAfter ?? null;
    }
  }

  let bridgeFailed = false;
  const watchBridge = (script) => script?.addEventListener("error", () => { bridgeFailed = true; });
  watchBridge(part("bridge"));

  // A script that failed to load once is asked for again, since a person who clicks "Try again"
  // cannot reload the frame: the token in its first address is used up by then.
  function reloadBridge() {
    const old = part("bridge");
    if (!old) return;
    const script = document.createElement("script");
    for (const { name, value } of old.attributes) script.setAttribute(name, value);
    bridgeFailed = false;
    watchBridge(script);
    old.replaceWith(script);
  }

  function bridge() {
    // Out of a frame there is no Jira to answer, and waiting for it would only look broken.
    if (window.parent === window) return Promise.reject(new Problem("no-bridge"));
    const deadline = Date.now() + BRIDGE_WAIT;
    return new Promise((resolve, reject) => {
      const look = () => {
        if (typeof window.AP?.context?.getToken === "function") return resolve(window.AP);
        if (bridgeFailed || Date.now() > deadline) {
          reloadBridge();
          return reject(new Problem("no-bridge"));
        }
        setTimeout(look, 50);
      };
      look();
    });
  }

  // Asked for anew for each call and held by nobody: the bridge decides how long one is good.
  async function token() {
    const AP = await bridge();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Problem("no-bridge")), TOKEN_WAIT);
      AP.context.getToken((jwt) => {
        clearTimeout(timer);
        if (typeof jwt === "string" && jwt) resolve(jwt);
        else reject(new Problem("no-bridge"));
      });
    });
  }

  // Retry-After is seconds or a date; a silly value must neither hammer the server nor stop for good.
  function retryAfter(header) {
    if (!header) return null;
    const seconds = Number(header);
    const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
    return Number.isFinite(wait) ? Math.min(Math.max(wait, 1_000), 300_000) : null;
  }

  function problemOf(response, body) {
    const known = typeof body?.type === "string" && body.type.startsWith(PROBLEM);
    // A proxy in between answers without our document: the status still says what matters.
    const byStatus = { 401: "unauthorized", 403: "not-allowed", 429: "too-many", 503: "unavailable" };
    const name = known ? body.type.slice(PROBLEM.length) : byStatus[response.status] ?? "internal";
    return new Problem(name, response.status, {
      ...body,
      retryAfter: retryAfter(response.headers.get("Retry-After")),
    });
  }

  // A proof is asked for right before it is used. If it is out of date all the same, a clock is wrong:
  // this computer's, by which Jira's bridge keeps proofs, or the server's, by which they are checked. The
  // server itself says of no proof what is wrong with it.
  function outOfTime(jwt, serverTime) {
    let claims;
    try {
      claims = JSON.parse(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    } catch {
      return null;
    }
    const early = claims.iat * 1000 - serverTime > LEEWAY;
    const late = serverTime - claims.exp * 1000 >= LEEWAY;
    if (!early && !late) return null;
    const apart = Math.round(Math.abs(Date.now() - serverTime) / 60_000);
    const minutes = apart === 1 ? "a minute" : `${apart} minutes`;
    const detail = apart > 0
      ? `The clocks of this computer and of the app's server are ${minutes} apart. Check date, time and time zone of this computer, then reload the page. If they are right, tell whoever runs the app.`
      : "What Jira says of you is out of date by the clock of the app's server, and this computer agrees with it. Reload the page. If that does not help, tell whoever runs the app.";
    return new Problem("clock", 401, { title: "A clock is wrong", detail });
  }

  // One call to our own server. Answers {data, serverTime}; throws a Problem, and nothing else.
  async function call(method, path, body) {
    const jwt = await token();
    let response;
    let data = null;
    try {
      response = await fetch(root.dataset.base + path, {
        method,
        headers: {
          Authorization: `JWT ${jwt}`,
          Accept: "application/json, application/problem+json",
          ...(body && { "Content-Type": "application/json" }),
        },
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(CALL_WAIT),
      });
      const text = await response.text();
      if (/json/.test(response.headers.get("Content-Type") ?? "") && text) data = JSON.parse(text);
    } catch {
      throw new Problem("unreachable", response?.status);
    }
    const serverTime = Date.parse(response.headers.get("Date") ?? "");
    if (response.status === 401) throw outOfTime(jwt, serverTime) ?? problemOf(response, data);
    if (!response.ok) throw problemOf(response, data);
    return { data, serverTime, left: response.headers.get("Latchkey-Left") };
  }

  // Begins in a new tab, so that the linking page is the person's own first-party page. The token is in
  // the document only for the moment the browser takes to build the request. No browser says whether the
  // tab was opened, but one that was takes the focus or hides this page: answers with a function that
  // says whether that has happened.
  async function openTab(form) {
    const jwt = await token();
    // A bridge slower than the browser's patience with a click gets the new tab blocked, silently.
    if (navigator.userActivation && !navigator.userActivation.isActive) {
      throw new Problem("slow", 0, { detail: "That took a moment. Please click once more." });
    }
    let left = false;
    const leave = () => { left = true; };
    document.addEventListener("visibilitychange", leave, { once: true });
    window.addEventListener("blur", leave, { once: true });
    const field = form.elements.namedItem("jwt");
    field.value = jwt;
    form.submit();
    field.removeAttribute("value");
    return () => left;
  }

  // Where the focus rests in this frame. Disabling a button drops its focus without a word, and that
  // is no wish to leave: such a button is still where the person is.
  let resting = null;
  root.addEventListener("focusin", (event) => { resting = event.target; });
  root.addEventListener("focusout", (event) => { if (!event.target.disabled) resting = null; });

  const heading = () => [...root.querySelectorAll("h1")].find((h) => h.checkVisibility());

  // After a change: keeps the focus in the frame if it was there, and never takes it from the issue.
  function settle() {
    if (!resting || !document.hasFocus()) return;
    const visible = resting.checkVisibility();
    if (visible && (resting.disabled || resting === document.activeElement)) return;
    (visible ? resting : heading())?.focus({ preventScroll: true });
  }

  // Shows exactly the elements whose data-show lists one of the two states.
  function show(state, also) {
    const changed = root.dataset.state !== state;
    root.dataset.state = state;
    for (const element of root.querySelectorAll("[data-show]")) {
      const states = element.dataset.show.split(" ");
      element.hidden = !states.includes(state) && !states.includes(also);
    }
    if (changed) say(heading()?.textContent ?? "");
    settle();
  }

  // For a screen reader, once for each change.
  function say(words) {
    if (part("said").textContent !== words) part("said").textContent = words;
  }

  async function working(button, work) {
    if (button.disabled) return;
    button.disabled = true;
    root.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.disabled = false;
      root.removeAttribute("aria-busy");
      settle();
    }
  }

  bridge().then((AP) => {
    // Theming may answer with a promise or with nothing; without it the page follows the browser.
    Promise.resolve(AP.theming?.initializeTheming?.()).catch(() => {});
    const fit = () => AP.resize?.("100%", `${Math.ceil(root.getBoundingClientRect().height)}px`);
    new ResizeObserver(fit).observe(root);
  }).catch(() => {});

  window.Latchkey = { root, part, Problem, call, openTab, show, say, working };
})();
