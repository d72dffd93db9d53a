// What every page framed in Jira needs, by whichever door: the states, the focus, words for a screen reader,
// and what an answer of the server means. It keeps nothing: no cookie, no storage.
//
// A door's module runs next and adds how the page reaches the server and gets out of the frame:
// door-connect.js for Atlassian Connect, forge/src/door.js for Atlassian Forge.
(() => {
  "use strict";

  const root = document.getElementById("latchkey");
  const part = (id) => document.getElementById(id);
  const CALL_WAIT = 30_000;
  const PROBLEM = "urn:latchkey:problem:";
  const OCCURRENCE = "urn:latchkey:occurrence:";

  // The words of the page, in its language, and the person's own way to write dates in that language.
  const page = document.documentElement.lang;
  const words = JSON.parse(part("words").textContent);
  const language = (() => {
    const wishes = [new URL(location.href).searchParams.get("loc"), window.forgeLocale, ...navigator.languages];
    const known = wishes.flatMap((wish) => {
      try {
        return Intl.DateTimeFormat.supportedLocalesOf((wish ?? "").replaceAll("_", "-"));
      } catch {
        return [];
      }
    });
    return known.find((tag) => tag.split("-")[0] === page.split("-")[0]) ?? page;
  })();

  // A message, with its values in their places: texts, numbers, of which the first chooses the form, and elements.
  // Answers with the parts of it.
  function phrase(id, values = {}) {
    const number = Object.values(values).find((value) => typeof value === "number") ?? 0;
    const message = words[id];
    const form = typeof message === "string" ? message : message[new Intl.PluralRules(page).select(number)] ?? message.other;
    return form.split(/\{(\w+)\}/).map((piece, at) => {
      if (at % 2 === 0) return piece;
      const value = piece in values ? values[piece] : root.dataset[piece] ?? "";
      return typeof value === "number" ? value.toLocaleString(language) : value;
    }).filter((piece) => piece !== "");
  }

  // The same as text.
  const text = (id, values) => phrase(id, values).join("");

  // A name that somebody chose, whichever way it is written.
  function name(value) {
    const element = document.createElement("bdi");
    element.textContent = value;
    return element;
  }

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

  // Retry-After is seconds or a date; a silly value must neither hammer the server nor stop for good.
  function retryAfter(header) {
    if (!header) return null;
    const seconds = Number(header);
    const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
    return Number.isFinite(wait) ? Math.min(Math.max(wait, 1_000), 300_000) : null;
  }

  // What an answer means, from its status, a function that gives its headers, and its JSON. Answers
  // {data, serverTime, left}; throws a Problem.
  function answer(status, header, data) {
    const serverTime = Date.parse(header("Date") ?? "");
    if (status >= 200 && status < 300) return { data, serverTime, left: header("Latchkey-Left") };
    const known = typeof data?.type === "string" && data.type.startsWith(PROBLEM);
    // A proxy in between answers without our document: the status still says what matters.
    const byStatus = { 401: "unauthorized", 403: "not-allowed", 429: "too-many", 503: "unavailable" };
    const name = known ? data.type.slice(PROBLEM.length) : byStatus[status] ?? "internal";
    throw new Problem(name, status, { ...data, retryAfter: retryAfter(header("Retry-After")) });
  }

  // A browser takes a click for a wish to open a tab for a few seconds only. What comes later is blocked,
  // silently.
  function stillClicked() {
    if (navigator.userActivation && !navigator.userActivation.isActive) {
      throw new Problem("slow", 0, { detail: text("frame-slow") });
    }
  }

  // No browser says whether a tab was opened, but one that was takes the focus or hides this page: answers
  // with a function that says whether that has happened.
  function watchLeaving() {
    let left = false;
    const leave = () => { left = true; };
    document.addEventListener("visibilitychange", leave, { once: true });
    window.addEventListener("blur", leave, { once: true });
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

  // Shows exactly the elements whose data-show lists one of these states. The first is that of the page.
  function show(state, ...also) {
    const changed = root.dataset.state !== state;
    root.dataset.state = state;
    for (const element of root.querySelectorAll("[data-show]")) {
      element.hidden = !element.dataset.show.split(" ").some((shown) => shown === state || also.includes(shown));
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

  window.Latchkey = {
    root, part, page, language, text, phrase, name, Problem, CALL_WAIT, answer, stillClicked, watchLeaving, show, say, working,
  };
})();
