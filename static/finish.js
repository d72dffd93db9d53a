// The finish page: proves, in the Jira of the person who came back from the service, who is signed in
// there, and leads on. It learns nothing of the account at the service, and it links nothing.
(() => {
  "use strict";
  const { root, part, text, phrase, name, call, arrival, leadTo, show, help, working } = window.Latchkey;
  let attempt = "";
  let handle = "";

  // What a person can do about each refusal: [title, text, advice, worth trying again].
  const later = (title, advice = "") => [title, text("nothing-connected-yet"), advice, true];
  const WORDS = {
    // Over is also what was connected or cancelled here before a reload: the issue knows which.
    "attempt-over": () => [text("finish-over-title"), text("finish-over"), text("finish-look")],
    unauthorized: () => [text("finish-unauthorized-title"), text("nothing-connected"), text("finish-unauthorized")],
    // The page of a Forge app is in Jira's menu too, and it keeps nothing when it is reloaded.
    "nothing-begun": () => [text("finish-nothing-title"), text("finish-nothing"), text("finish-look")],
    "jira-unreachable": () => later(text("jira-silent-title")),
    "too-many": () => later(text("one-moment-title"), text("finish-too-many")),
    unavailable: () => later(text("finish-unavailable-title")),
    unreachable: () => later(text("finish-unreachable-title")),
    "no-bridge": () => later(text("finish-no-bridge-title"), text("finish-no-bridge")),
  };

  // What only the operator, an admin or the person's own clock can fix, in the server's words.
  const OTHERS = ["app-refused", "scope-refused", "ip-allowlist", "clock"];
  // A person who looks at this page for longer than this may find the attempt over.
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
      const who = data?.displayName || data?.subject;
      if (data?.state === "linked" && who) {
        part("holds").replaceChildren(...phrase("still-connected", { name: name(who) }));
      }
    } catch {
      // That it is cancelled is all that is known then.
      part("holds").hidden = true;
    }
    move("cancelled");
  }

  function fail(problem) {
    let [title, detail, advice, retry] = WORDS[problem.name]?.() ?? [
      problem.title || text("finish-failed-title"), problem.detail || text("nothing-connected-yet"), text("finish-start-again"),
    ];
    if (OTHERS.includes(problem.name)) [title, detail, advice] = [problem.title, problem.detail, ""];
    if (problem.name === "attempt-over" && (problem.reference || Date.now() - opened > LONG)) {
      title = text("finish-late-title");
      detail = text("finish-late");
    }
    if (problem.name === "not-allowed") {
      [title, detail, advice] = [text("not-allowed-title"), problem.detail || problem.title, ""];
    }
    if (problem.name === "wrong-person") {
      title = text("finish-wrong-person-title");
      detail = problem.signedInAs
        ? phrase("finish-wrong-person", { name: name(problem.signedInAs) })
        : text("finish-wrong-person-unnamed");
      advice = text("finish-wrong-person-advice");
    }
    part("failure").textContent = title;
    part("failure-text").replaceChildren(...[detail].flat());
    part("failure-advice").textContent = advice;
    part("failure-advice").hidden = !advice;
    part("again").hidden = !retry;
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
    help(problem.support);
    part("failure-code").hidden = false;
    move("failed");
  }

  part("cancel").addEventListener("click", (event) => working(event.currentTarget, cancel));
  part("again").addEventListener("click", (event) => working(event.currentTarget, () => again()));
  start();
})();
