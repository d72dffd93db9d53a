// The finish page: proves, in the Jira of the person who came back from the service, who is signed in
// there, and leads on. It learns nothing of the account at the service, and it links nothing.
(() => {
  "use strict";
  const { root, part, call, arrival, leadTo, show, working } = window.Latchkey;
  let attempt = "";
  let handle = "";

  const START_AGAIN = "Go back to Jira and select Connect again.";
  const LOOK = "Look at the issue: if it says Connected, all is done. If not, select Connect again.";
  const LATER = "Nothing was connected yet. Try again in a moment.";
  // What a person can do about each refusal: [title, text, advice, worth trying again].
  const WORDS = {
    // Over is also what was connected or cancelled here before a reload: the issue knows which.
    "attempt-over": ["This attempt is over", "It was finished or cancelled before, or it took too long.", LOOK],
    unauthorized: ["Jira could not say who you are", "Nothing was connected.", "Reload this page. If you see this again, ask a Jira admin of this site to reinstall the app."],
    // The page of a Forge app is in Jira's menu too, and it keeps nothing when it is reloaded.
    "nothing-begun": ["Nothing to finish here", "Jira opens this page after you log in at the service.", LOOK],
    "jira-unreachable": ["Jira does not answer", LATER, "", true],
    "too-many": ["One moment, please", LATER, "There were too many requests at once.", true],
    unavailable: ["Out of reach just now", LATER, "", true],
    unreachable: ["No connection", LATER, "", true],
    "no-bridge": ["Jira does not answer this page", LATER, "This page works only inside Jira.", true],
  };

  // What only the operator, an admin or the person's own clock can mend, in the server's words.
  const OTHERS = ["app-refused", "scope-refused", "ip-allowlist", "clock"];
  // Whoever looks at this page for longer than this may find the attempt over.
  const LONG = 240_000;
  const opened = Date.now();

  let again = start;

  function move(state) {
    root.setAttribute("aria-busy", String(state === "proving"));
    show(state);
  }

  const send = (step) => call("POST", `/link/${encodeURIComponent(attempt)}/${step}`, { handle });

  async function start() {
    again = start;
    move("proving");
    try {
      ({ attempt, handle } = await arrival());
    } catch (problem) {
      return fail(problem);
    }
    return prove();
  }

  async function prove() {
    again = prove;
    move("proving");
    try {
      const { data } = await send("prove");
      // Only to our own server, whatever an answer says.
      leadTo(data);
      move("proved");
    } catch (problem) {
      fail(problem);
    }
  }

  async function cancel() {
    again = cancel;
    try {
      await send("cancel");
    } catch (problem) {
      // An attempt that is over is what was wanted, unless it was connected in another tab.
      return fail(problem);
    }
    // Another account may be connected all the same; only then is there more to say.
    try {
      const { data } = await call("GET", "/api/link");
      const name = data?.displayName || data?.subject;
      if (data?.state === "linked" && name) {
        const who = document.createElement("bdi");
        who.textContent = name;
        part("holds").replaceChildren(`You are still connected to ${root.dataset.service} as `, who, ".");
      }
    } catch { /* Nothing was connected by this attempt, and that is what the page says. */ }
    move("cancelled");
  }

  function fail(problem) {
    let [title, text, advice, retry] = WORDS[problem.name]
      ?? [problem.title || "Something went wrong", problem.detail || LATER, START_AGAIN];
    if (OTHERS.includes(problem.name)) [title, text, advice] = [problem.title, problem.detail, ""];
    if (problem.name === "attempt-over" && (problem.reference || Date.now() - opened > LONG)) {
      title = "This took too long";
      text = "For your safety an attempt ends after ten minutes, and after five once you are back from "
        + `${root.dataset.service}.`;
    }
    if (problem.name === "not-allowed") {
      [title, text, advice] = ["You cannot connect here", problem.detail || problem.title, ""];
    }
    if (problem.name === "wrong-person") {
      const who = document.createElement("bdi");
      who.textContent = problem.signedInAs || "another person";
      title = "Somebody else started this";
      text = ["You are signed in to Jira as ", who, ", but this was started by someone else. Nothing was connected."];
      advice = "If someone sent you here, close this tab. To connect your own account, select Connect in "
        + "a Jira issue. If you have two Jira accounts, sign in with the one you started with, then select Connect again.";
    }
    part("failure").textContent = title;
    part("failure-text").replaceChildren(...[text].flat());
    part("failure-advice").textContent = advice;
    part("failure-advice").hidden = !advice;
    part("again").hidden = !retry;
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
    part("failure-code").hidden = false;
    move("failed");
  }

  part("cancel").addEventListener("click", (event) => working(event.currentTarget, cancel));
  part("again").addEventListener("click", (event) => working(event.currentTarget, () => again()));
  start();
})();
