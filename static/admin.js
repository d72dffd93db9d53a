// The page for the admins of a site: who is connected, who may connect, what happened, and how the app is. It keeps
// nothing; the server asks Jira at each call whether this person is an admin.
(() => {
  "use strict";
  const { root, part, text, phrase, name, call, show, say, working } = window.Latchkey;

  // After a 429 or a 503 with a time to wait, work on many links goes on by itself, so often in a row.
  const PATIENCE = 5;
  const NAMED = 10;
  const STATES = {
    linked: () => [text("admin-state-connected"), "success"],
    linking: () => [text("admin-state-connecting"), "neutral"],
    "run-out": () => [text("admin-state-expired"), "warning"],
    reconnect: () => [text("admin-state-reconnect"), "warning"],
  };
  const BY = {
    person: () => text("admin-by-person"),
    admin: () => text("admin-by-admin"),
    service: () => text("admin-by-service"),
    jira: () => text("admin-by-jira"),
    atlassian: () => text("admin-by-atlassian"),
    app: () => text("admin-by-app"),
  };

  function element(tag, attributes = {}, ...children) {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...children);
    return made;
  }

  const query = (values) => {
    const given = Object.entries(values).filter(([, value]) => value);
    return given.length ? `?${new URLSearchParams(given)}` : "";
  };
  const get = async (path, values = {}) => (await call("GET", `/api/admin/${path}${query(values)}`)).data;
  const people = (count) => text("admin-people", { count });
  // Parts in a row as the language writes one: with commas, and a word before the last if it is a list of persons.
  function list(parts, type = "conjunction", style = "long") {
    const format = new Intl.ListFormat(window.Latchkey.language, { type, style });
    const inOrder = [...parts];
    return format.formatToParts(parts.map(() => "-")).map(({ type: kind, value }) => (kind === "element" ? inOrder.shift() : value));
  }

  function time(value) {
    const date = new Date(value ?? NaN);
    if (Number.isNaN(date.getTime())) return "";
    const words = date.toLocaleString(window.Latchkey.language, { dateStyle: "medium", timeStyle: "short" });
    return element("time", { dateTime: date.toISOString(), textContent: words });
  }

  // A name that somebody chose, and the id that nobody can.
  function account(who, id, fallback = "") {
    if (!who && !id) return [fallback];
    const shown = element("bdi", { className: "name-in-table", textContent: who || id });
    return who && id ? [shown, element("span", { className: "id-in-table", textContent: id })] : [shown];
  }

  // A table without rows says less than the words below it.
  function rows(id, all) {
    const table = part(id);
    table.tBodies[0].replaceChildren(...all);
    table.parentElement.hidden = all.length === 0;
  }

  function complain(where, problem) {
    const words = problem ? problem.detail || problem.title || text("try-again-soon") : "";
    part(where).textContent = words;
    part(where).hidden = !problem;
  }

  // Any call may find that the person is no admin any more: then nothing stays on view.
  function failed(where) {
    return (problem) => {
      if (problem.name === "not-admin" || problem.status === 401) return refuse(problem);
      complain(where, problem);
    };
  }

  function refuse(problem) {
    part("refused-title").textContent = problem.title || text("admin-refused-title");
    part("refused-text").textContent = problem.detail || text("admin-refused");
    part("code").textContent = problem.name;
    part("reference").textContent = problem.reference;
    part("reference-part").hidden = !problem.reference;
    for (const table of root.querySelectorAll("tbody")) table.replaceChildren();
    root.removeAttribute("aria-busy");
    show("refused");
  }

  // --- pages of a table ---

  function pager(table, load) {
    let next = null;
    const first = part(`${table}-first`);
    const forward = part(`${table}-next`);
    const move = (button, after) => working(button, async () => {
      await load(after);
      part(`${table}-title`).focus({ preventScroll: true });
      part(`${table}-title`).scrollIntoView({ block: "nearest" });
    }).catch(failed(`${table}-trouble`));
    first.addEventListener("click", () => move(first, ""));
    forward.addEventListener("click", () => move(forward, next));
    return (page, after) => {
      next = page.next;
      first.hidden = !after;
      forward.hidden = !next;
    };
  }

  // --- health ---

  let site = null;

  async function loadSite() {
    showSite(await get("site"));
  }

  function showSite(data) {
    site = data;
    for (const shown of root.querySelectorAll(".service")) shown.textContent = data.service;
    const well = data.enabled && data.waits.length === 0;
    part("health-word").textContent = well ? text("admin-health-well") : text("admin-health-ill");
    part("health-word").className = `lozenge ${well ? "success" : "warning"}`;
    part("health-text").textContent = well
      ? text("admin-health-well-text")
      : data.enabled ? text("admin-health-waits") : text("admin-health-disabled");
    const waits = data.waits.map(({ words, until }) => element("li", {}, words, ...(until ? [" ", ...phrase("admin-health-next-try", { time: time(until) })] : [])));
    part("waits").replaceChildren(...waits);
    part("waits").hidden = waits.length === 0;
    part("site-name").textContent = data.site;
    part("door").textContent = data.door === "forge" ? text("admin-door-forge") : text("admin-door-connect");
    part("writes-as").textContent = data.writesAs === "person"
      ? text("admin-writes-as-person")
      : text("admin-writes-as-app");
    const { total, reconnect, runOut } = data.links;
    const parts = [people(total)];
    if (reconnect) parts.push(text("admin-reconnect-count", { count: reconnect }));
    if (runOut) parts.push(text("admin-expired-count", { count: runOut }));
    part("counts").textContent = list(parts, "unit").join("");
    part("addresses").replaceChildren(...(data.outboundAddresses.length
      ? list(data.outboundAddresses.map((address) => element("code", { textContent: address })), "unit")
      : [text("admin-allowlist-ask")]));
    part("start").hidden = total > 0;
    part("bulk").hidden = total === 0;
    part("events-days").textContent = text("admin-events-days", { days: data.eventsDays });
    rows("scopes", data.scopes.map(({ scope, why }) => element("tr", {},
      element("td", {}, element("code", { textContent: scope })), element("td", { textContent: why }))));
    showRule(data);
  }

  // --- who is connected ---

  const showLinksPage = pager("links", loadLinks);
  let page = "";

  async function loadLinks(after = "") {
    const data = await get("links", { q: part("q").value.trim(), state: part("state").value, after });
    page = after;
    complain("links-trouble", null);
    rows("links", data.links.map(row));
    const sought = Boolean(part("q").value.trim() || part("state").value);
    part("no-links").hidden = data.links.length > 0;
    part("no-links").textContent = sought ? text("admin-links-not-found") : text("admin-links-none");
    const found = data.links.length;
    const counted = () => {
      if (!sought) return text("admin-links-of", { count: data.total, shown: found });
      return data.next ? text("admin-links-found-more", { count: found }) : text("admin-links-found", { count: found });
    };
    part("links-count").textContent = found === 0 ? "" : counted();
    showLinksPage(data, after);
    return data;
  }

  function row(link) {
    const who = link.name || link.accountId;
    const ranOut = link.state === "linked" && Date.parse(link.validUntil) <= Date.now();
    const [words, look] = STATES[ranOut ? "run-out" : link.state]?.() ?? [link.state, "neutral"];
    const state = [element("span", { className: `lozenge ${look}`, textContent: words })];
    if (link.trouble) state.push(element("p", { className: "small", textContent: link.trouble }));
    const button = element("button", { type: "button", className: "button" }, text("button-disconnect"), element("span", { className: "unseen" }, " ", name(who)));
    const last = element("td", { className: "last" }, button);
    const made = element("tr", {},
      element("td", {}, ...account(link.name, link.accountId)),
      element("td", {}, ...account(link.displayName, link.subject)),
      element("td", {}, ...state),
      element("td", {}, time(link.since)),
      element("td", {}, time(link.validUntil)),
      last);
    button.addEventListener("click", () => askAbout(link, who, last, button));
    return made;
  }

  // The question stands where the button was.
  function askAbout(link, who, cell, button) {
    const words = element("p", { tabIndex: -1 }, ...phrase("admin-ask-one", { name: name(who) }));
    const yes = element("button", { type: "button", className: "button danger", textContent: text("button-disconnect") });
    const no = element("button", { type: "button", className: "button", textContent: text("button-cancel") });
    const box = element("div", { className: "ask" }, words, element("div", { className: "actions" }, yes, no));
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", words.textContent);
    const stay = () => {
      cell.replaceChildren(button);
      button.focus();
    };
    no.addEventListener("click", stay);
    box.addEventListener("keydown", ({ key }) => { if (key === "Escape") stay(); });
    yes.addEventListener("click", () => working(yes, async () => {
      try {
        await call("DELETE", `/api/admin/links/${encodeURIComponent(link.id)}`);
      } catch (problem) {
        // It has ended meanwhile, which is what was wanted.
        if (problem.name !== "not-found") throw problem;
      }
      await refresh(text("admin-ended-one", { name: who }));
    }).catch(failed("links-trouble")));
    cell.replaceChildren(box);
    words.focus();
  }

  // After something has ended: what is on view is as it is now, and the focus is at the table.
  async function refresh(words) {
    const data = await loadLinks(page);
    if (page && data.links.length === 0) await loadLinks("");
    await Promise.all([loadSite(), loadEvents()]);
    part("links-title").focus({ preventScroll: true });
    say(words);
  }

  part("search").addEventListener("submit", (event) => {
    event.preventDefault();
    working(event.submitter ?? part("search"), async () => {
      await loadLinks();
      say(part("links-count").textContent || part("no-links").textContent);
    }).catch(failed("links-trouble"));
  });

  // --- many at once ---

  let sure = null;

  function ask({ words, names = [], more = [], yes, act, back }) {
    part("sure-text").textContent = words;
    part("sure-list").replaceChildren(...names.map((who) => element("li", {}, name(who))), ...more.map((words) => element("li", { textContent: words })));
    part("sure-list").hidden = names.length === 0;
    part("sure-yes").textContent = yes;
    part("sure-yes").hidden = !act;
    part("sure-no").textContent = act ? text("button-cancel") : text("admin-close");
    part("sure").hidden = false;
    part("bulk").hidden = true;
    sure = { act, back };
    part("sure-text").focus();
  }

  function unask() {
    const back = sure?.back;
    sure = null;
    part("sure").hidden = true;
    part("bulk").hidden = !(site?.links.total > 0);
    return back;
  }

  const leave = () => unask()?.focus();
  part("sure-no").addEventListener("click", leave);
  part("sure").addEventListener("keydown", ({ key }) => { if (key === "Escape") leave(); });
  part("sure-yes").addEventListener("click", (event) => {
    const { act } = sure;
    working(event.currentTarget, act).catch(failed("links-trouble"));
  });

  // Calls the same again where the server or Jira asks to wait.
  async function patiently(work) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (problem) {
        if (!problem.retryAfter || problem.retryAfter > 30_000 || tries >= PATIENCE) throw problem;
        await new Promise((resolve) => { setTimeout(resolve, problem.retryAfter); });
      }
    }
  }

  function progress(words) {
    part("sure-text").textContent = words;
    say(words);
  }

  part("end-all").addEventListener("click", () => {
    const { total } = site.links;
    ask({
      words: text("admin-ask-all", { count: total }),
      yes: text("admin-end-all"),
      back: part("end-all"),
      act: async () => {
        let ended = 0;
        for (;;) {
          const { data } = await patiently(() => call("DELETE", "/api/admin/links?all=true"));
          ended += data.ended;
          if (data.total === 0) break;
          progress(text("admin-ending-all", { count: ended, left: data.total }));
        }
        unask();
        await refresh(text("admin-ended-all", { count: ended }));
      },
    });
  });

  part("find-left").addEventListener("click", (event) => {
    complain("links-trouble", null);
    working(event.currentTarget, async () => {
      const found = [];
      let checked = 0;
      let after = "";
      do {
        const data = await patiently(() => get("left", { after }));
        checked += data.checked;
        found.push(...data.links);
        after = data.next ?? "";
        say(text("admin-checked", { count: checked }));
      } while (after);
      if (found.length === 0) {
        ask({ words: text("admin-nobody-left", { count: checked }), yes: "", back: part("find-left") });
        return;
      }
      const names = found.map((link) => link.name || link.accountId);
      const more = names.length > NAMED ? [text("admin-left-more", { count: names.length - NAMED })] : [];
      ask({
        words: text("admin-left", { count: found.length }),
        names: names.slice(0, NAMED),
        more,
        yes: text("admin-end-left", { count: found.length }),
        back: part("find-left"),
        act: endLeft,
      });
    }).catch(failed("links-trouble"));
  });

  // Jira is asked once more about each before anything ends.
  async function endLeft() {
    let ended = 0;
    let after = "";
    do {
      const { data } = await patiently(() => call("DELETE", `/api/admin/left${query({ after })}`));
      ended += data.ended;
      after = data.next ?? "";
    } while (after);
    unask();
    await refresh(text("admin-ended-left", { count: ended }));
  }

  // --- who may connect ---

  function showRule({ customers, groups, actAs }) {
    // There is nothing to choose where the vendor has not allowed it.
    part("act-as-part").hidden = actAs.vendor === "off";
    part("no-issue").hidden = actAs.vendor !== "off";
    part("act-as").checked = actAs.site === "allow";
    const may = customers.vendor === "allow";
    part("customers").checked = customers.site === "allow";
    part("customers").disabled = !may;
    part("customers-note").textContent = may
      ? text("admin-customers-note")
      : text("error-rule-customers");
    part("groups").value = groups.join("\n");
  }

  part("rule").addEventListener("input", () => { part("saved").hidden = true; });
  part("rule").addEventListener("submit", (event) => {
    event.preventDefault();
    complain("rule-trouble", null);
    working(part("save"), async () => {
      const customers = part("customers").checked ? "allow" : "deny";
      const groups = part("groups").value.split("\n").map((line) => line.trim()).filter(Boolean);
      const { data } = await call("PUT", "/api/admin/site", {
        customers,
        groups,
        actAs: part("act-as").checked,
      });
      showSite(data);
      part("saved").hidden = false;
      say(text("admin-saved"));
      await loadEvents();
    }).catch(failed("rule-trouble"));
  });

  // --- what happened ---

  const showEventsPage = pager("events", loadEvents);

  async function loadEvents(after = "") {
    const data = await get("events", { after });
    complain("events-trouble", null);
    rows("events", data.events.map((event) => element("tr", {},
      element("td", {}, time(event.at)),
      element("td", {}, ...account(event.name, event.accountId, "–")),
      element("td", { textContent: event.words }),
      element("td", {}, ...(event.by === "admin" ? account(event.byName, event.byAccountId, BY.admin()) : [BY[event.by]?.() ?? event.by])))));
    part("no-events").hidden = data.events.length > 0;
    showEventsPage(data, after);
  }

  for (const button of root.querySelectorAll("[data-export]")) {
    button.addEventListener("click", () => working(button, async () => {
      complain("events-trouble", null);
      const texts = [];
      let file = "events";
      let type = "text/plain";
      let after = "";
      do {
        const data = await patiently(() => get("events", { format: button.dataset.export, after }));
        texts.push(data.text);
        ({ file, mediaType: type } = data);
        after = data.next ?? "";
      } while (after);
      save(file, new Blob(texts, { type }));
      say(text("admin-file-saved", { file }));
    }).catch(failed("events-trouble")));
  }

  function save(file, blob) {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: file }).click();
    // A browser reads it after the click.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  // --- the beginning ---

  async function start() {
    try {
      // The first call alone, so that a person who is no admin makes one and not three.
      await loadSite();
      await Promise.all([loadLinks(), loadEvents()]);
      root.removeAttribute("aria-busy");
      show("ready");
    } catch (problem) {
      refuse(problem);
    }
  }

  part("again").addEventListener("click", (event) => working(event.currentTarget, start));
  start();
})();
