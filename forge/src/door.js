// The Forge door: calls by way of Forge, which proves who is looking, the theme, flags, and the way out of the frame.
// Forge resizes the frame by itself. tickets.js adds what only the panel needs, arrival.js what only the finish page needs.
const { root, page, text, Problem, CALL_WAIT, answer } = window.Latchkey;

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

// Jira's page may never answer.
const inTime = (promise) => within(CONTEXT_WAIT, promise);

// What Jira's page says about this page.
const context = async () => inTime(bridge().view.getContext());

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

const openPage = (url) => leave(bridge().router.open, url).catch(() => {});

Object.assign(window.Latchkey, { bridge, inTime, context, call, ours, leave, openPage, flag });
