// How the finish page takes what the way back brought, and leads on, by Forge.
const { root, part, text, Problem, bridge, inTime, context, call, ours, leave, working } = window.Latchkey;

// What the way back brought, which leaves the address at once. Values have one shape; others are nobody's.
async function arrival() {
  const { view } = bridge();
  // Asked in passing, so that the page can name the service.
  call("GET", "/api/link").catch(() => {});
  let history = null;
  let search = "";
  try {
    history = await inTime(view.createHistory());
    search = history.location?.search ?? "";
  } catch { /* The context says it as well. */ }
  let found = values(search);
  if (!found) {
    const { extension } = await context().catch(() => { throw new Problem("no-bridge"); });
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

part("go").addEventListener("submit", (event) => {
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

Object.assign(window.Latchkey, { arrival, leadTo });
