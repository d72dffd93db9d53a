// The glance: shows what GET /api/link says about the person looking, and keeps itself up to date.
(() => {
  "use strict";
  const { root, part, Problem, call, openTab, show, say, working } = window.Latchkey;
  const form = part("begin");
  const UNREACHABLE = part("unreachable-title").textContent;

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
  let opening = null; // a click that is to open a tab: from which state, until when, and how it shows
  let failures = 0;
  let skew = 0; // the key runs out by the server's clock, whatever this computer's says

  const now = () => Date.now() + skew;
  const eager = () => Date.now() < eagerUntil;
  const ranOut = () => Date.parse(link?.expiresAt) <= now();
  // A key that has run out is not shown as connected, whatever the link is.
  const view = () => (link?.state === "linked" && ranOut() ? "ran-out" : link?.state);

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

  function learn(answer) {
    const renewed = renewing && link?.renewedAt !== answer.renewedAt;
    const moved = link?.state !== answer.state;
    // What was begun has ended without a link: closed, cancelled, refused, or too slow.
    const unfinished = link?.state === "linking" && answer.state === "unlinked";
    link = answer;
    failures = 0;
    notBefore = 0;
    if (moved || renewed) {
      eagerUntil = 0;
      complain(null);
      blocked(false);
      part("unfinished").hidden = !unfinished;
    }
    if (moved) {
      sure(false);
      for (const note of root.querySelectorAll("[data-left]")) note.hidden = true;
    }
    renewing = renewing && !renewed && eager() && link.state === "linked";
    nextAsk = Date.now() + pause();
    root.removeAttribute("aria-busy");
    fill();
    show(view());
    if (renewed) say("The key was renewed.");
    if (moved && unfinished) say("Your last try was not finished. Nothing was connected.");
  }

  // The shorter a key lives, the closer it is watched, so that a renewal shows when it happens.
  function pause() {
    if (link.state === "linking" || eager()) return FAST;
    if (link.state !== "linked" || !link.expiresAt) return SLOW;
    const left = Date.parse(link.expiresAt) - now();
    return left > 0 ? Math.min(Math.max(left / 4, FAST), SLOW) : 5_000;
  }

  function miss(problem) {
    failures += 1;
    root.removeAttribute("aria-busy");
    const wait = problem.retryAfter ?? Math.min(2 ** failures, 60) * 1000 * (0.8 + 0.4 * Math.random());
    notBefore = problem.retryAfter ? Date.now() + wait : 0;
    nextAsk = Date.now() + wait;
    // Jira did name the person, and the server refused: nothing seen before is theirs to see now.
    if (problem.status === 401 || problem.status === 403) {
      link = null;
      forget();
      sure(false);
      complain(null);
      nextAsk = Date.now() + SLOW;
      part("refusal").textContent = problem.detail || problem.title || "Ask a Jira admin of this site.";
      part("clock-text").textContent = problem.detail;
      code(problem);
      if (problem.name === "clock") return show("clock");
      return show(problem.status === 401 ? "not-installed" : "not-allowed");
    }
    code(problem);
    const waits = Boolean(problem.retryAfter);
    part("unreachable-title").textContent = problem.name === "too-many" ? "One moment, please" : UNREACHABLE;
    part("unreachable-text").textContent = waits
      ? `It tries again at ${clock(new Date(notBefore), { second: "2-digit" })}.`
      : problem.name === "no-bridge"
        ? "Jira does not answer this panel. It tries again by itself; reloading the issue may help."
        : "It tries again by itself.";
    part("retry").hidden = waits;
    show("unreachable", view() ?? "");
  }

  // Only the words that change; the template holds the rest. Names go in as text, never as markup.
  function fill() {
    const name = link.displayName || link.subject || "";
    part("who").textContent = name;
    part("was").textContent = name;
    part("ran-out-who").textContent = name;
    part("reconnect-as").hidden = !name;
    part("reason").textContent = link.reason || "The key could not be renewed. Connecting again fixes it.";
    // Why there is no valid key just now, where that is nothing the person can mend.
    for (const note of root.querySelectorAll("[data-note]")) {
      note.textContent = link.reason ?? "";
      note.hidden = !link.reason;
    }
    // What Disconnect ends at once and what stays, where another connection uses the same account.
    part("sure-kept").textContent = link.onDisconnect ?? "";
    part("sure-kept").hidden = !link.onDisconnect;
    part("sure-all").hidden = Boolean(link.onDisconnect);
    part("expiry").hidden = !link.expiresAt;
    part("renewal").hidden = !link.renewedAt;
    part("life").hidden = !link.expiresAt || !link.renewedAt;
    part("consent").hidden = !link.consentEndsSoon;
    stamp(part("consent-end"), link.consentEndsAt, { day: "numeric", month: "long" });
    stamp(part("until"), link.expiresAt);
    stamp(part("ran-out-at"), link.expiresAt);
    stamp(part("since-at"), link.expiresAt);
    part("since").hidden = !ranOut();
    stamp(part("renewed"), link.renewedAt);
    part("renew").textContent = renewing ? "Renewing…" : "Renew now";
    part("renew").disabled = renewing;
    count();
  }

  // What nobody may see any more does not stay in hidden elements either.
  function forget() {
    for (const id of ["who", "was", "ran-out-who", "reason", "until", "ran-out-at", "ran-out-ago", "since-at", "renewed", "left", "ago", "consent-end"]) {
      part(id).replaceChildren();
      for (const name of ["title", "datetime"]) part(id).removeAttribute(name);
    }
    for (const note of root.querySelectorAll("[data-note]")) note.replaceChildren();
  }

  // Once a second, and in no live region: a screen reader reads it when asked to.
  function count() {
    if (link?.state !== "linked") return;
    const until = Date.parse(link.expiresAt);
    const since = Date.parse(link.renewedAt);
    const left = until - now();
    // It runs out while it is looked at.
    if (root.dataset.state === "linked" && ranOut()) show(view());
    part("left").textContent = left > 0 ? `(in ${span(left)})` : "";
    part("ran-out-ago").textContent = left > 0 ? "" : `(${span(-left, true)} ago)`;
    part("ago").textContent = now() - since < 1000 ? "(just now)" : `(${span(now() - since, true)} ago)`;
    if (!Number.isFinite(until - since)) return;
    // The whole life is what this key had when it was new; the bar empties with it.
    part("life").max = Math.max(until - since, 1);
    part("life").value = Math.max(left, 0);
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

  // Two units at most; what is long past or far off needs no seconds.
  function span(milliseconds, rough = false) {
    const seconds = Math.floor(milliseconds / 1000);
    const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
    if (days >= 2) return `${days} days`;
    if (hours >= 1) return rough || minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
    if (minutes >= 1) return rough ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
    return `${seconds} s`;
  }

  function complain(problem) {
    part("trouble").hidden = !problem;
    part("trouble").textContent = problem
      ? problem.detail || problem.title || "That did not work. Try again in a moment."
      : "";
  }

  // What an operator or an admin may ask for.
  function code(problem) {
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
  }

  // Nothing says that a tab was not opened but that nothing comes of it: the server knows of no attempt,
  // or, where it cannot show, this page has kept the focus all the while.
  function look() {
    if (!opening || Date.now() < opening.until) return;
    const begun = link?.state === "linking" && opening.from !== "linking";
    const { left } = opening;
    opening = null;
    if (!begun && !left()) blocked(true);
  }

  function blocked(is) {
    if (!is) opening = null;
    part("blocked").hidden = !is;
  }

  function sure(open) {
    part("sure").hidden = !open;
    part("actions").classList.toggle("replaced", open);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    complain(null);
    blocked(false);
    const { submitter } = event;
    working(submitter ?? form, async () => {
      form.elements.namedItem("another").value = submitter?.dataset.another ?? "";
      const left = await openTab(form);
      opening = { from: link?.state, until: Date.now() + OPENS_WITHIN, left };
      eagerUntil = Date.now() + EAGER;
      nextAsk = Date.now() + 1_000;
    }).catch(complain);
  });

  part("disconnect").addEventListener("click", () => {
    complain(null);
    sure(true);
    part("sure-text").focus();
  });

  function keep() {
    sure(false);
    part("disconnect").focus();
  }
  part("disconnect-no").addEventListener("click", keep);
  part("sure").addEventListener("keydown", (event) => event.key === "Escape" && keep());

  part("disconnect-yes").addEventListener("click", (event) => {
    working(event.currentTarget, async () => {
      turn += 1; // a poll under way would bring back what is being removed
      nextAsk = Infinity;
      try {
        const { left } = await call("DELETE", "/api/link");
        learn({ state: "unlinked" });
        for (const note of root.querySelectorAll("[data-left]")) note.hidden = note.dataset.left !== left;
      } catch (problem) {
        nextAsk = Date.now();
        if (problem.name !== "not-linked") throw problem;
        learn({ state: "unlinked" });
      }
    }).catch(complain);
  });

  part("renew").addEventListener("click", (event) => {
    complain(null);
    working(event.currentTarget, async () => {
      await call("POST", "/api/link/renew");
      renewing = true;
      eagerUntil = Date.now() + EAGER;
      say("Renewing the key.");
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
