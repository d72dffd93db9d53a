// The glance: shows what GET /api/link says about the person looking, and keeps itself up to date.
(() => {
  "use strict";
  const { root, part, text, Problem, call, openTab, flag, show, say, working } = window.Latchkey;
  const form = part("begin");

  // What Jira says over the page, by what has become of the connection.
  const FLAGS = {
    reconnect: () => ({ title: text("reconnect-title"), text: text("panel-flag-reconnect") }),
    "ran-out": () => ({ title: text("key-expired-title"), text: text("panel-flag-expired") }),
    linked: () => ({ title: text("panel-flag-works"), text: "", good: true }),
  };

  // A sentence with a time in it has a place for it, where its language puts it.
  for (const place of root.querySelectorAll("[data-time] [data-value]")) {
    const { time } = place.closest("[data-time]").dataset;
    place.replaceWith(Object.assign(document.createElement("time"), { id: time }));
  }

  const STATES = ["unlinked", "linking", "linked", "reconnect"];
  const FAST = 2_000;
  const SLOW = 30_000;
  // How long an answer is awaited eagerly after a click that changes things elsewhere.
  const EAGER = 60_000;
  // How long after a click a new tab may take to show itself.
  const OPENS_WITHIN = 6_000;

  let link = null; // the last answer understood; stays on view while the server is out of reach
  let turn = 0; // an answer to an older question than this is dropped
  let nextAsk = 0;
  let notBefore = 0; // what a 429 asked for binds clicks and wake-ups too
  let eagerUntil = 0;
  let renewing = false;
  let opening = null; // a press that is to open a tab: which attempt there was, until when, and how it shows
  let cancelling = false;
  let needs = null; // what was last seen of a connection: "linked" while it works, or how it needs its person
  let takeAway = () => {}; // what takes the flag about it away
  let failures = 0;
  let skew = 0; // the key runs out by the server's clock, whatever this computer's says

  const now = () => Date.now() + skew;
  const eager = () => Date.now() < eagerUntil;
  const ranOut = () => Date.parse(link?.expiresAt) <= now();
  // A key that has run out is not shown as connected, whatever the link is.
  const view = () => (link?.state === "linked" && ranOut() ? "ran-out" : link?.state);
  // Without an attempt, what is still being connected has been confirmed.
  const stage = () => (link?.state === "linking" ? (link.attempt ? "begun" : "arriving") : "");

  async function ask() {
    const mine = ++turn;
    nextAsk = Infinity;
    try {
      const { data, serverTime } = await call("GET", "/api/link");
      if (mine !== turn) return;
      if (!STATES.includes(data?.state)) throw new Problem("internal");
      // The Date header is whole seconds: smaller differences are no difference.
      const off = serverTime - Date.now();
      skew = Math.abs(off) > 2_000 ? off : 0;
      learn(data);
    } catch (problem) {
      if (mine === turn) miss(problem);
    }
  }

  // A person who has closed the tab no longer connects, although the server keeps the attempt for them.
  function withoutLeft(answer) {
    if (!answer.attempt?.left) return answer;
    const { attempt, ...rest } = answer;
    return rest.state === "linking" && rest.displayName === undefined ? { ...rest, state: "unlinked" } : rest;
  }

  function learn(told) {
    const answer = withoutLeft(told);
    const before = link;
    const renewed = renewing && before?.renewedAt !== answer.renewedAt;
    const moved = before?.state !== answer.state;
    const begun = Boolean(answer.attempt) && before?.attempt?.expiresAt !== answer.attempt.expiresAt;
    link = answer;
    failures = 0;
    notBefore = 0;
    if (moved || renewed || begun) {
      eagerUntil = 0;
      complain(null);
      part("blocked").hidden = true;
    }
    // The tab is there: its button may be pressed again.
    if (opening?.left && (moved || begun)) opened();
    if (moved) {
      sure(false);
      for (const note of root.querySelectorAll("[data-left]")) note.hidden = true;
    }
    if (moved || begun || before?.attempt) tellEnd(before, answer);
    if (moved || renewed || begun) part("was-renewed").hidden = !renewed;
    cancelling = false;
    renewing = renewing && !renewed && eager() && link.state === "linked";
    nextAsk = Date.now() + pause();
    root.removeAttribute("aria-busy");
    fill();
    show(view(), stage());
    if (renewed) say(text("panel-renewed"));
    const ended = [...root.querySelectorAll("[data-ended]")].find((notice) => !notice.hidden);
    if (before?.attempt && ended) say(words(ended));
    watch();
  }

  // Says that an attempt ended without a new connection (left, cancelled, refused or too slow), and what holds now: an
  // account that is still connected is named.
  function tellEnd(before, answer) {
    const connected = answer.state === "linking"
      || (answer.state === "linked" && ["state", "subject", "renewedAt"].some((field) => before?.[field] !== answer[field]));
    const disconnected = ["linked", "reconnect"].includes(before?.state) && answer.state === "unlinked";
    const over = Boolean(before?.attempt) && !answer.attempt && !connected && !disconnected;
    const how = cancelling ? "cancelled" : "unfinished";
    for (const notice of root.querySelectorAll("[data-ended]")) {
      const { ended, in: states } = notice.dataset;
      notice.hidden = !over || ended !== how || !states.split(" ").includes(view());
    }
  }

  // The words of a notice, without the code that only an operator wants.
  function words(notice) {
    const parts = [...notice.querySelector("p").childNodes].filter((part) => !part.classList?.contains("code"));
    return parts.map((part) => part.textContent).join("").trim();
  }

  // The shorter a key lives, the closer it is watched, so that a renewal shows when it happens.
  function pause() {
    if (link.state === "linking" || link.attempt || eager()) return FAST;
    if (link.state !== "linked" || !link.expiresAt) return SLOW;
    const left = Date.parse(link.expiresAt) - now();
    return left > 0 ? Math.min(Math.max(left / 4, FAST), SLOW) : 5_000;
  }

  // Jira shows a flag when a connection begins to need its person, and when it works again, each once. What was already
  // true when the issue was opened is only in the panel.
  function watch() {
    const was = needs;
    needs = ["linked", "ran-out", "reconnect"].includes(view()) ? view() : null;
    if (!was || !needs || was === needs) return;
    takeAway();
    takeAway = flag(FLAGS[needs]());
  }

  function miss(problem) {
    failures += 1;
    root.removeAttribute("aria-busy");
    cancelling = false;
    const wait = problem.retryAfter ?? Math.min(2 ** failures, 60) * 1000 * (0.8 + 0.4 * Math.random());
    notBefore = problem.retryAfter ? Date.now() + wait : 0;
    nextAsk = Date.now() + wait;
    // Jira did name the person, and the server refused: nothing seen before is theirs to see now.
    if (problem.status === 401 || problem.status === 403) {
      link = null;
      needs = null;
      forget();
      sure(false);
      complain(null);
      nextAsk = Date.now() + SLOW;
      part("refusal").textContent = problem.detail || problem.title || text("panel-ask-admin");
      part("clock-text").textContent = problem.detail;
      code(problem);
      if (problem.name === "clock") return show("clock");
      return show(problem.status === 401 ? "not-installed" : "not-allowed");
    }
    code(problem);
    const offline = navigator.onLine === false;
    const known = ["no-bridge", "too-many"].includes(problem.name) ? problem.name : "unreachable";
    pick("why", offline ? "offline" : known);
    pick("next", offline ? "online" : problem.retryAfter ? "later" : known === "no-bridge" ? "reload" : "soon");
    stamp(part("retry-at"), new Date(notBefore), { second: "2-digit" });
    part("retry").hidden = Boolean(problem.retryAfter);
    doubt(true);
    show("unreachable", view() ?? "", stage());
  }

  // Shows the one of some words that is true now.
  function pick(name, value) {
    for (const choice of root.querySelectorAll(`[data-${name}]`)) choice.hidden = choice.dataset[name] !== value;
  }

  // The check mark is a promise. It is not shown while something keeps the next key back, or while the state is unknown.
  function doubt(is) {
    part("well").hidden = is;
    part("unwell").hidden = !is;
  }

  // Only the words that change; the template holds the rest. Names go in as text, never as markup.
  function fill() {
    const name = link.displayName || link.subject || "";
    for (const element of root.querySelectorAll("[data-value=name]")) element.textContent = name;
    part("reconnect-as").hidden = !name;
    part("reason").textContent = link.reason || text("panel-reconnect-default");
    // Why there is no valid key just now, where the person can do nothing about it.
    for (const note of root.querySelectorAll("[data-note]")) {
      note.textContent = link.reason ?? "";
      note.hidden = !link.reason;
    }
    doubt(Boolean(link.reason));
    const switching = Boolean(link.attempt) && link.state !== "linking";
    root.dataset.attempt = switching ? "open" : "none";
    part("switching").hidden = !switching;
    part("to-another").hidden = !link.attempt?.another;
    part("to-the-same").hidden = Boolean(link.attempt?.another);
    part("stays").hidden = view() !== "linked";
    part("switch-again").dataset.another = link.attempt?.another ? "1" : "";
    // What Disconnect ends at once and what stays, where another connection uses the same account.
    part("sure-kept").textContent = link.onDisconnect ?? "";
    part("sure-kept").hidden = !link.onDisconnect;
    part("sure-all").hidden = Boolean(link.onDisconnect);
    part("expiry").hidden = !link.expiresAt;
    part("renewal").hidden = !link.renewedAt;
    part("numbered").hidden = !link.generation;
    part("generation").textContent = Number(link.generation || 0).toLocaleString(window.Latchkey.language);
    part("consent").hidden = !link.consentEndsSoon || switching;
    stamp(part("consent-end"), link.consentEndsAt, { day: "numeric", month: "long" });
    stamp(part("until"), link.expiresAt);
    stamp(part("ran-out-at"), link.expiresAt);
    stamp(part("since-at"), link.expiresAt);
    part("since").hidden = !ranOut();
    stamp(part("renewed"), link.renewedAt);
    part("renewing").hidden = !renewing;
    part("renew").disabled = renewing;
    count();
  }

  // What nobody may see any more does not stay in hidden elements either.
  function forget() {
    for (const id of ["reason", "until", "ran-out-at", "ran-out-ago", "since-at", "renewed", "left", "ago", "consent-end", "generation"]) {
      part(id).replaceChildren();
      for (const name of ["title", "datetime"]) part(id).removeAttribute(name);
    }
    for (const told of root.querySelectorAll("[data-value=name], [data-note]")) told.replaceChildren();
    for (const id of ["switching", "renewing", "was-renewed"]) part(id).hidden = true;
    for (const notice of root.querySelectorAll("[data-ended]")) notice.hidden = true;
  }

  // Once a second, and in no live region: a screen reader reads it when asked to.
  function count() {
    if (link?.state !== "linked") return;
    const until = Date.parse(link.expiresAt);
    const since = Date.parse(link.renewedAt);
    // It runs out while it is looked at, whether or not the server can be asked.
    if (ranOut() && !part("purpose").closest("section").hidden) {
      const { state } = root.dataset;
      part("stays").hidden = true;
      show(state === "linked" ? view() : state, view());
      watch();
    }
    part("left").textContent = ranOut() ? "" : distance(until - now());
    part("ran-out-ago").textContent = ranOut() ? distance(until - now()) : "";
    part("ago").textContent = distance(Math.min(since - now(), 0));
  }

  function stamp(element, value, more) {
    const date = new Date(value ?? NaN);
    if (Number.isNaN(date.getTime())) return element.replaceChildren();
    element.dateTime = date.toISOString();
    element.title = date.toLocaleString(window.Latchkey.language, { dateStyle: "full", timeStyle: "long" });
    element.textContent = clock(date, more);
  }

  function clock(date, more = {}) {
    const today = date.toDateString() === new Date(now()).toDateString();
    const day = today ? {} : { day: "numeric", month: "short" };
    return date.toLocaleString(window.Latchkey.language, { ...day, hour: "2-digit", minute: "2-digit", ...more });
  }

  // How far off or long ago, in the largest unit of which there is at least one.
  const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  function distance(milliseconds) {
    if (Number.isNaN(milliseconds)) return "";
    const seconds = Math.trunc(milliseconds / 1000);
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
    const format = new Intl.RelativeTimeFormat(window.Latchkey.language, { numeric: "auto", style: "short" });
    return format.format(Math.trunc(seconds / size), unit);
  }

  function complain(problem) {
    part("trouble").hidden = !problem;
    part("trouble").textContent = problem ? problem.detail || problem.title || text("try-again-soon") : "";
  }

  // What an operator or an admin may ask for.
  function code(problem) {
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
  }

  // No browser says that it did not open a tab. It is likely when the server knows of no new attempt and this page has
  // kept the focus all the while.
  function look() {
    if (!opening || Date.now() < opening.until) return;
    const { left } = opening;
    opened();
    if (!left()) part("blocked").hidden = false;
  }

  // One press opens one tab. From the press until the panel knows what came of it, no button of the form begins again:
  // not by the second click of a double click, not while Jira takes its time to say who is looking or asks whether to
  // leave, and not by a button that has just appeared under the pointer.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (opening) return;
    complain(null);
    part("blocked").hidden = true;
    manage(false);
    opening = { until: Infinity, left: null };
    root.setAttribute("aria-busy", "true");
    for (const button of begins()) button.disabled = true;
    try {
      form.elements.namedItem("another").value = event.submitter?.dataset.another ?? "";
      const left = await openTab(form);
      opening = { until: Date.now() + OPENS_WITHIN, left };
      eagerUntil = Date.now() + EAGER;
      nextAsk = Date.now() + 1_000;
    } catch (problem) {
      opened();
      complain(problem);
    }
  });

  // Enter that is held down presses a button again and again.
  form.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter") event.preventDefault();
  });

  const begins = () => form.querySelectorAll("button[type=submit]");

  function opened() {
    opening = null;
    root.removeAttribute("aria-busy");
    for (const button of begins()) button.disabled = false;
  }

  // Cancel ends the attempt on the server, wherever its tab is. The server is then asked what holds, because the attempt
  // may have been confirmed in that tab just before.
  for (const button of root.querySelectorAll("[data-cancel]")) {
    button.addEventListener("click", () => {
      complain(null);
      working(button, async () => {
        await call("DELETE", "/api/link/attempt");
        cancelling = true;
        await ask();
      }).catch(complain);
    });
  }

  // Actions that are rarely needed are behind Manage.
  function manage(open) {
    part("menu").hidden = !open;
    part("manage").setAttribute("aria-expanded", String(open));
  }
  const managing = () => !part("menu").hidden;
  part("manage").addEventListener("click", () => manage(!managing()));
  part("actions").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !managing()) return;
    manage(false);
    part("manage").focus();
  });
  document.addEventListener("click", ({ target }) => {
    if (!part("actions").contains(target)) manage(false);
  });

  function sure(open) {
    part("sure").hidden = !open;
    for (const id of ["actions", "switching"]) part(id).classList.toggle("replaced", open);
    manage(false);
  }

  part("disconnect").addEventListener("click", () => {
    complain(null);
    sure(true);
    part("sure-text").focus();
  });

  function keep() {
    sure(false);
    part("manage").focus();
  }
  part("disconnect-no").addEventListener("click", keep);
  part("sure").addEventListener("keydown", (event) => event.key === "Escape" && keep());

  part("disconnect-yes").addEventListener("click", (event) => {
    working(event.currentTarget, async () => {
      turn += 1; // a poll under way would bring back what is being removed
      nextAsk = Infinity;
      const gone = { state: "unlinked", service: link?.service };
      try {
        const { left } = await call("DELETE", "/api/link");
        learn(gone);
        for (const note of root.querySelectorAll("[data-left]")) note.hidden = note.dataset.left !== left;
      } catch (problem) {
        nextAsk = Date.now();
        if (problem.name !== "not-linked") throw problem;
        learn(gone);
      }
    }).catch(complain);
  });

  part("renew").addEventListener("click", (event) => {
    complain(null);
    manage(false);
    part("manage").focus();
    part("was-renewed").hidden = true;
    working(event.currentTarget, async () => {
      await call("POST", "/api/link/renew");
      renewing = true;
      eagerUntil = Date.now() + EAGER;
      say(text("panel-renewing"));
    }).catch(complain).finally(ask);
  });

  for (const button of root.querySelectorAll("[data-retry]")) {
    button.addEventListener("click", () => working(button, async () => {
      if (Date.now() >= notBefore) await ask();
    }));
  }

  // One heartbeat drives the countdown and the polling; out of sight it does nothing.
  function beat() {
    if (document.hidden) return;
    count();
    look();
    if (Date.now() >= nextAsk) ask();
  }

  function wake() {
    if (nextAsk !== Infinity) nextAsk = Math.max(notBefore, Date.now());
    beat();
  }
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  setInterval(beat, 1_000);
  beat();
})();
