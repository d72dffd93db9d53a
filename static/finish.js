// The finish page: proves, in the browser that came back from the service, who is signed in to
// Jira, and links nothing until that person has seen both accounts and said so.
(() => {
  "use strict";
  const { root, part, call, openTab, show, working } = window.Latchkey;
  const { attempt, handle, service } = root.dataset;
  // From here on only this script holds the handle; it never goes into an address.
  root.removeAttribute("data-handle");

  const START_AGAIN = "Go back to Jira and click Connect again.";
  const LOOK = "Look at the issue: if it says Connected, all is done. If not, click Connect again.";
  const LATER = "Nothing was linked yet. Try again in a moment.";
  // A confirmation whose answer is missing may have arrived all the same.
  const UNSURE = "The accounts may be linked already. Try again in a moment, or look at the issue.";
  // What a person can do about each refusal: [title, text, advice, worth trying again].
  const WORDS = {
    // Over is also what was linked or cancelled here before a reload: the issue knows which.
    "attempt-over": ["This attempt is over", "It was finished or cancelled before, or it took too long.", LOOK],
    "already-used": ["This page was used before", "It works only once, also when it is reloaded.", LOOK],
    unauthorized: ["Jira could not say who you are", "Nothing was linked.", "Reload this page. If you see this again, ask a Jira admin of this site to reinstall the app."],
    "service-refused": [`${service} said no`, `${service} did not accept this connection. Nothing was linked.`, START_AGAIN],
    // What the service gave is good for one try, so there is nothing to try again with.
    "service-unreachable": [`${service} does not answer`, "Nothing was linked.", "Wait a moment, go back to Jira and click Connect again."],
    "jira-unreachable": ["Jira does not answer", LATER, "", true],
    "too-many": ["One moment, please", LATER, "There were too many requests at once.", true],
    unavailable: ["Out of reach just now", LATER, "", true],
    unreachable: ["No connection", LATER, "", true],
    "no-bridge": ["Jira does not answer this page", LATER, "This page works only inside Jira.", true],
  };

  // What only the operator, an admin or the person's own clock can mend, in the server's words.
  const OTHERS = ["app-refused", "scope-refused", "ip-allowlist", "clock"];
  // How long after a click a new tab may take to show itself.
  const OPENS_WITHIN = 6_000;
  // Whoever looks at both accounts for longer than this may find the attempt over.
  const LONG = 240_000;
  const opened = Date.now();

  let again = prove;

  function move(state) {
    const busy = state === "proving" || state === "confirming";
    root.setAttribute("aria-busy", String(busy));
    part("confirm").disabled = part("another").disabled = part("cancel").disabled = busy;
    show(state);
  }

  const send = (step) => call("POST", `/link/${encodeURIComponent(attempt)}/${step}`, { handle });

  async function prove() {
    again = prove;
    move("proving");
    try {
      const { data } = await send("prove");
      compare(data);
      move("confirm");
    } catch (problem) {
      fail(problem);
    }
  }

  async function confirm() {
    again = confirm;
    move("confirming");
    try {
      const { data } = await send("confirm");
      wayBack(data?.back);
      part("who").textContent = data?.displayName || part("service-name").textContent;
      // The link stands even where Jira could not take its first key at once.
      part("not-yet").hidden = data?.state === "linked";
      move("linked");
    } catch (problem) {
      fail(problem);
    }
  }

  async function cancel() {
    move("confirming");
    try {
      await send("cancel");
    } catch (problem) {
      // Without a confirmation nothing is ever linked, so an answer that got lost changes nothing.
      // An attempt used up by now is different: it may have been confirmed in another tab.
      if (problem.name === "already-used") return fail(problem);
    }
    forget();
    move("cancelled");
  }

  // The attempt that begins there ends this one, and what this one brought is revoked. Until it begins,
  // nothing has changed.
  async function another() {
    part("trouble").hidden = true;
    part("blocked").hidden = true;
    let left;
    try {
      left = await openTab(part("begin"));
    } catch (problem) {
      part("trouble").textContent = problem.detail || "Jira does not answer this page. Try again in a moment.";
      part("trouble").hidden = false;
      return move("elsewhere");
    }
    forget();
    move("elsewhere");
    setTimeout(() => { part("blocked").hidden = left(); }, OPENS_WITHIN);
  }

  // Names stay in the page for as long as there is something to decide about them.
  function forget() {
    for (const id of ["jira", "service"]) {
      for (const what of ["name", "initial"]) part(`${id}-${what}`).replaceChildren();
    }
    part("service-subject").replaceChildren();
    part("shared-by").replaceChildren();
    for (const name of root.querySelectorAll("[data-old], [data-new]")) name.replaceChildren();
  }

  // Names come from two other systems: they go in as text, each in an element of its own.
  function compare({ jira, service: other, replaces, alsoLinkedBy: others = [], back }) {
    wayBack(back);
    shared(others);
    const name = (account) => account.displayName || account.subject || account.accountId || "";
    part("jira-name").textContent = name(jira);
    part("jira-site").textContent = jira.site;
    part("jira-initial").textContent = initials(name(jira));
    part("service-label").textContent = other.name || service;
    part("service-name").textContent = name(other);
    part("service-subject").textContent = other.subject === name(other) ? "" : other.subject;
    part("service-initial").textContent = initials(name(other));
    part("replaces").hidden = !replaces;
    if (!replaces) return;
    // Two accounts may share a display name; then only the account id tells old from new.
    const same = name(replaces) === name(other);
    const full = (account) => (same ? `${name(account)} (${account.subject})` : name(account));
    for (const old of root.querySelectorAll("[data-old]")) old.textContent = full(replaces);
    for (const next of root.querySelectorAll("[data-new]")) next.textContent = full(other);
  }

  // Who else at this site uses the account: to know it is all, nothing is taken away from them.
  function shared(names) {
    part("shared").hidden = !names.length;
    part("shared-verb").textContent = names.length > 1 ? "are" : "is";
    const pieces = names.flatMap((name, at) => {
      const who = document.createElement("bdi");
      who.textContent = name;
      return [at === 0 ? "" : at === names.length - 1 ? " and " : ", ", who];
    });
    part("shared-by").replaceChildren(...pieces);
  }

  // Of the first and the last word, as on the linking page.
  function initials(name) {
    const words = name.trim().split(/\s+/);
    const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
    return ends.map((word) => [...word][0] ?? "").join("").toUpperCase();
  }

  // Only a web address becomes a link, whoever it came from.
  function wayBack(address) {
    if (!/^https?:\/\//i.test(address ?? "")) return;
    for (const link of root.querySelectorAll("[data-back]")) link.href = address;
  }

  function fail(problem) {
    let [title, text, advice, retry] = WORDS[problem.name]
      ?? [problem.title || "Something went wrong", problem.detail || LATER, START_AGAIN];
    if (text === LATER && again === confirm) text = UNSURE;
    if (OTHERS.includes(problem.name)) [title, text, advice] = [problem.title, problem.detail, ""];
    if (problem.name === "attempt-over" && (problem.reference || Date.now() - opened > LONG)) {
      title = "This took too long";
      text = "For your safety an attempt ends after ten minutes, and after five once you are back from "
        + `${service}.`;
    }
    if (problem.name === "not-allowed") {
      [title, text, advice] = ["You cannot connect here", problem.detail || problem.title, ""];
    }
    if (problem.name === "wrong-person") {
      const who = document.createElement("bdi");
      who.textContent = problem.signedInAs || "another person";
      title = "Somebody else started this";
      text = ["You are signed in to Jira as ", who, ", but this link was started by someone else. Nothing was linked."];
      advice = "If someone sent you here, close this tab. To connect your own account, click Connect in "
        + "a Jira issue. If you have two Jira accounts, sign in with the one you started with, then click Connect again.";
    }
    part("failure").textContent = title;
    part("failure-text").replaceChildren(...[text].flat());
    part("failure-advice").textContent = advice;
    part("failure-advice").hidden = !advice;
    part("again").hidden = !retry;
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
    if (!retry) forget();
    part("failure-code").hidden = false;
    move("failed");
  }

  part("confirm").addEventListener("click", confirm);
  part("cancel").addEventListener("click", cancel);
  for (const id of ["another", "another-again"]) {
    part(id).addEventListener("click", (event) => working(event.currentTarget, another));
  }
  part("again").addEventListener("click", (event) => working(event.currentTarget, () => again()));
  prove();
})();
