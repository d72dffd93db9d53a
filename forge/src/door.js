// The Forge door: calls by way of Forge, which proves who is looking, the theme, the language, and the ways out
// of the frame. Forge resizes the frame by itself.
const { root, part, page, text, Problem, CALL_WAIT, answer, stillClicked, watchLeaving, working } = window.Latchkey;

// A ticket lives for a minute. This leaves time for Jira's question and for a slow network.
const TICKET_LIFE = 50_000;
const TICKET_RENEWAL = 40_000;
const TICKET_RETRY = 10_000;
const CONTEXT_WAIT = 15_000;
// A person may think about Jira's question, and some versions of the bridge may never say what came of it.
const QUESTION_WAIT = 60_000;

// Outside of Jira there is none, and the page has words for that.
function bridge() {
  if (!window.forgeBridge) throw new Problem("no-bridge");
  return window.forgeBridge;
}

function within(milliseconds, promise, late) {
  let timer;
  const limit = new Promise((_, reject) => { timer = setTimeout(() => reject(late), milliseconds); });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

const context = (async () => bridge().view.getContext())();
// Where the way back leads. It is only a wish: anybody can send another one.
const issue = within(CONTEXT_WAIT, context).then(({ extension }) => extension?.issue?.key).catch(() => undefined);
// One call to our server. Answers {data, serverTime, left}; throws a Problem, and nothing else.
async function call(method, path, body) {
  const { invokeRemote } = bridge();
  let given;
  try {
    const input = { path, method, headers: { Accept: "application/json", "Accept-Language": page } };
    if (body) {
      input.body = body;
      input.headers["Content-Type"] = "application/json";
    }
    given = await within(CALL_WAIT, invokeRemote(input));
  } catch {
    // Forge rejects for whatever is not an answer: the network, a server out of reach, a wrong content type.
    throw new Problem("unreachable");
  }
  const { status, headers = {} } = given ?? {};
  if (!Number.isInteger(status)) throw new Problem("unreachable");
  const header = (name) => {
    const found = Object.keys(headers).find((key) => key.toLowerCase() === name.toLowerCase());
    return found ? String(headers[found]) : null;
  };
  const answered = answer(status, header, json(given.body));
  name(answered.data?.service);
  return answered;
}

function json(body) {
  if (typeof body !== "string") return body ?? null;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

// The built page cannot know the name of the service.
function name(service) {
  if (typeof service !== "string" || !service || root.dataset.service === service) return;
  root.dataset.service = service;
  for (const element of root.querySelectorAll(".service")) element.textContent = service;
}

// Only our own server is led to, whatever an answer says.
function ours(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url?.href.startsWith(`${root.dataset.base}/`)) throw new Problem("internal");
  return url.href;
}

// Jira asks before it opens the address of another site. A person who declines stays here: that rejects.
async function leave(open, url) {
  const declined = new Problem("not-left", 0, {
    detail: text("frame-not-left", { host: new URL(url).host }),
  });
  const late = Symbol("late");
  try {
    await within(QUESTION_WAIT, open(url), late);
  } catch (error) {
    if (error !== late) throw declined;
  }
}

// Tickets by which a new tab begins, one for each kind of beginning. They are fetched ahead, so that Jira
// opens the tab in the click itself, and fetched again before they run out.
const tickets = { "": {}, "1": {} };

function fetchTicket(another) {
  const held = tickets[another];
  if (held.fetching || Date.now() < held.notBefore) return;
  const asked = Date.now();
  held.fetching = issue
    .then((issue) => call("POST", "/api/link/ticket", {
      issue, another: Boolean(another), language: page, color_mode: document.documentElement.dataset.colorMode,
    }))
    .then(({ data }) => {
      Object.assign(held, { url: ours(data?.url), until: asked + TICKET_LIFE, problem: null });
      held.notBefore = asked + TICKET_RENEWAL;
    })
    .catch((problem) => {
      held.problem = problem;
      // Who is refused stays refused, until they select the button all the same.
      const refused = problem.status >= 400 && problem.status < 500;
      held.notBefore = Date.now() + (problem.retryAfter ?? (refused ? Infinity : TICKET_RETRY));
    })
    .finally(() => { held.fetching = null; });
}

// While a button that begins is what the panel is about, its ticket is at hand.
function keepTicket() {
  if (document.hidden) return;
  const main = [...form.querySelectorAll("button.primary[type=submit]")];
  if (main.some((button) => button.checkVisibility())) fetchTicket("");
}

// The other buttons that begin get theirs when somebody turns to them.
function turnedTo({ target }) {
  const button = target.closest("button[type=submit]");
  if (button) fetchTicket(button.dataset.another ?? "");
}

const form = part("begin");
if (form) {
  setInterval(keepTicket, 1_000);
  for (const kind of ["pointerover", "focusin"]) form.addEventListener(kind, turnedTo);
}

// Begins in a new tab. Answers with a function that says whether the tab has shown itself.
async function openTab() {
  const { router } = bridge();
  const another = form.elements.namedItem("another").value;
  const held = tickets[another];
  if (!held.url || Date.now() >= held.until) {
    const told = held.problem?.retryAfter && Date.now() < held.notBefore;
    if (!told) {
      held.notBefore = 0;
      fetchTicket(another);
      await held.fetching;
    }
    if (held.problem) throw held.problem;
    stillClicked();
  }
  // It is good once. The next one waits until this one shows what came of it.
  tickets[another] = { notBefore: Date.now() + TICKET_RETRY };
  const left = watchLeaving();
  await leave(router.open, held.url);
  return left;
}

// What the way back brought, which leaves the address at once. Values have one shape; others are nobody's.
async function arrival() {
  const { view } = bridge();
  // Asked in passing, so that the page can name the service.
  call("GET", "/api/link").catch(() => {});
  let history = null;
  let search = "";
  try {
    history = await within(CONTEXT_WAIT, view.createHistory());
    search = history.location?.search ?? "";
  } catch { /* The context says it as well. */ }
  let found = values(search);
  if (!found) {
    const { extension } = await within(CONTEXT_WAIT, context).catch(() => { throw new Problem("no-bridge"); });
    found = values(String(extension?.location ?? ""));
  }
  // Where that fails, the handle in the address is still good for this person only.
  Promise.resolve(history).then((past) => past?.replace("/finish")).catch(() => {});
  if (!found) throw new Problem("nothing-begun");
  return found;
}

function values(address) {
  const query = new URLSearchParams(address.slice(address.indexOf("?") + 1).split("#")[0]);
  // An attempt that began by Connect comes back here with its old path and query in one value.
  const old = query.get("x_atlassian_cf");
  if (old) {
    try {
      return values(atob(old.replaceAll("-", "+").replaceAll("_", "/").replaceAll(" ", "+")).replaceAll("ac.", ""));
    } catch {
      return null;
    }
  }
  const [attempt, handle] = ["attempt", "handle"].map((name) => query.get(name) ?? "");
  const shape = /^[A-Za-z0-9_-]{1,200}$/;
  return shape.test(attempt) && shape.test(handle) ? { attempt, handle } : null;
}

let next = "";
let back = "/";

// The person has been proved: Continue leads on. The server may also say who that is, and in which issue the
// attempt began.
function leadTo(proved) {
  next = ours(proved?.next);
  if (/^[A-Za-z][A-Za-z0-9_]*-[0-9]+$/.test(proved.issue ?? "")) back = `/browse/${proved.issue}`;
  if (typeof proved.signedInAs !== "string" || typeof proved.site !== "string") return;
  part("person").textContent = proved.signedInAs;
  part("site").textContent = proved.site;
  part("avatar").textContent = initials(proved.signedInAs);
  part("account").hidden = false;
}

// As the server does it for its own pages.
function initials(person) {
  const [first = "", ...others] = person.split(/\s+/).filter(Boolean);
  return [first, others.at(-1) ?? ""].map((word) => [...word][0] ?? "").join("").toUpperCase();
}

part("go")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const stayed = part("stayed");
  stayed.hidden = true;
  working(part("continue"), () => leave(bridge().router.navigate, next)).catch((problem) => {
    stayed.textContent = problem.detail || text("try-again-soon");
    stayed.hidden = false;
  });
});

for (const link of root.querySelectorAll("[data-back]")) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    try {
      await bridge().router.navigate(back);
    } catch { /* The person stayed. */ }
  });
}

try {
  Promise.resolve(bridge().view.theme.enable()).catch(() => {});
} catch { /* Without it the page follows the browser. */ }

// Shows a flag of Jira's over the page. The panel says the same, so nothing is lost where Jira shows none. Returns a
// function that closes the flag.
let flags = 0;
function flag({ title, text, good }) {
  try {
    const shown = bridge().showFlag({
      id: `latchkey-${Date.now()}-${++flags}`, title, description: text, type: good ? "success" : "warning", isAutoDismiss: good,
    });
    return () => shown.close().catch(() => {});
  } catch {
    return () => {};
  }
}

Object.assign(window.Latchkey, { call, openTab, arrival, leadTo, flag });
