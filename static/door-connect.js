// The Connect door: a clean address, the bridge, the theme, the height, calls that carry a fresh proof of
// who is looking, and the ways out of the frame.
(() => {
  "use strict";

  // The address came with one-time secrets. They leave it before anything else happens, so that no
  // later Referer, reload or script finds them there.
  const address = new URL(location.href);
  const issue = address.searchParams.get("issue");
  for (const name of ["jwt", "handle"]) address.searchParams.delete(name);
  history.replaceState(null, "", address);

  const { root, part, page, text, Problem, CALL_WAIT, answer, stillClicked, watchLeaving } = window.Latchkey;
  const BRIDGE_WAIT = 8_000;
  const TOKEN_WAIT = 8_000;
  // What the server lets clocks differ by.
  const LEEWAY = 30_000;

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
    const detail = apart > 0 ? text("frame-clock-apart", { minutes: apart }) : text("frame-clock-other");
    return new Problem("clock", 401, { title: text("frame-clock-title"), detail });
  }

  // One call to our own server. Answers {data, serverTime, left}; throws a Problem, and nothing else.
  async function call(method, path, body) {
    const jwt = await token();
    let response;
    let data = null;
    try {
      response = await fetch(root.dataset.base + path, {
        method,
        headers: {
          Authorization: `JWT ${jwt}`,
          // What the server says is shown on this page.
          "Accept-Language": page,
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
    const header = (name) => response.headers.get(name);
    if (response.status === 401) {
      const wrong = outOfTime(jwt, Date.parse(header("Date") ?? ""));
      if (wrong) throw wrong;
    }
    return answer(response.status, header, data);
  }

  // Begins in a new tab, so that the linking page is the person's own first-party page. The token is in
  // the document only for the moment the browser takes to build the request. Answers with a function that
  // says whether the tab has shown itself.
  async function openTab(form) {
    const jwt = await token();
    stillClicked();
    const left = watchLeaving();
    const field = form.elements.namedItem("jwt");
    field.value = jwt;
    hand(form, "issue", issue);
    // The pages in the new tab look as Jira does.
    hand(form, "language", page);
    hand(form, "color_mode", document.documentElement.dataset.colorMode);
    form.submit();
    field.removeAttribute("value");
    return left;
  }

  function hand(form, name, value) {
    let field = form.elements.namedItem(name);
    if (!field) {
      field = Object.assign(document.createElement("input"), { type: "hidden", name });
      form.append(field);
    }
    field.value = value ?? "";
  }

  // What the way back brought. From here on only the finish page's script holds the handle; it never goes
  // into an address.
  async function arrival() {
    const { attempt, handle } = root.dataset;
    root.removeAttribute("data-handle");
    return { attempt, handle };
  }

  // The person has been proved: Continue leads on, to our own origin only.
  function leadTo({ next }) {
    const url = new URL(next, location.href);
    if (url.origin !== location.origin) throw new Error("another origin");
    part("go").action = url.href;
  }

  // Shows a flag of Jira's over the page. The panel says the same, so nothing is lost where Jira shows none. Returns a
  // function that closes the flag.
  function flag({ title, text, good }) {
    const shown = window.AP?.flag?.create?.({
      title, body: text, type: good ? "success" : "warning", close: good ? "auto" : "manual",
    });
    return () => shown?.close?.();
  }

  bridge().then((AP) => {
    // Theming may answer with a promise or with nothing; without it the page follows the browser.
    Promise.resolve(AP.theming?.initializeTheming?.()).catch(() => {});
    const fit = () => AP.resize?.("100%", `${Math.ceil(root.getBoundingClientRect().height)}px`);
    new ResizeObserver(fit).observe(root);
  }).catch(() => {});

  const openPage = (url) => window.open(url, "_blank", "noopener,noreferrer");

  Object.assign(window.Latchkey, { call, openTab, openPage, arrival, leadTo, flag });
})();
