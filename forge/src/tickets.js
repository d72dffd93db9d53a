// How the panel begins in a new tab, by Forge.
const { part, page, bridge, context, call, ours, leave, stillClicked, watchLeaving } = window.Latchkey;

// A ticket lives for a minute. This leaves time for Jira's question and for a slow network.
const TICKET_LIFE = 50_000;
const TICKET_RENEWAL = 40_000;
const TICKET_RETRY = 10_000;

// Where the way back leads. It is only a wish: anybody can send another one.
const issue = context().then(({ extension }) => extension?.issue?.key).catch(() => undefined);

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
setInterval(keepTicket, 1_000);
for (const kind of ["pointerover", "focusin"]) form.addEventListener(kind, turnedTo);

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

Object.assign(window.Latchkey, { openTab });
