// The demo's bar at the edge of an issue page: the stored property of the person looking at it.
import { follow, life, print, verdict } from "./property.js";

const home = new URL(".", import.meta.url).href;
const { site: siteName, account } = document.querySelector(`script[src="${import.meta.url}"]`).dataset;

// In a shadow, so that neither Jira's styles nor the demo's reach each other.
const host = document.createElement("div");
const root = host.attachShadow({ mode: "open" });
root.innerHTML = `
<style>
  * { box-sizing: border-box; }
  [hidden] { display: none !important; }
  aside {
    position: fixed; left: 16px; bottom: 16px; z-index: 5; width: min(420px, calc(100vw - 32px));
    border-radius: 8px; background: var(--ds-surface-overlay); color: var(--ds-text);
    box-shadow: var(--ds-shadow-overlay); font: var(--ds-font-body-small);
  }
  header { display: flex; align-items: center; gap: 12px; padding: 8px 12px; font-variant-numeric: tabular-nums; }
  strong { font-weight: 600; }
  #state { flex: 1; color: var(--ds-text-subtle); }
  a { color: var(--ds-link); }
  button { padding: 2px 6px; border: 0; border-radius: 4px; background: var(--ds-background-neutral); color: var(--ds-text); font: inherit; cursor: pointer; }
  button:hover { background: var(--ds-background-neutral-hovered); }
  :focus-visible { outline: 2px solid var(--ds-border-focused); outline-offset: 1px; }
  pre {
    margin: 0; padding: 8px 12px 12px; max-height: 50vh; overflow: auto; white-space: pre-wrap;
    overflow-wrap: anywhere; border-top: 1px solid var(--ds-border); font: 12px/18px var(--ds-font-family-code);
  }
  pre button { padding: 0 4px; color: var(--ds-link); font: inherit; text-align: left; overflow-wrap: anywhere; }
</style>
<aside aria-label="Demo">
  <header>
    <strong>Demo</strong><span id="state"></span>
    <button type="button" id="toggle" aria-expanded="false">Stored property</button>
    <a target="_blank" rel="noopener">Start page</a>
    <button type="button" id="hide" aria-label="Hide this bar" title="Hide this bar">×</button>
  </header>
  <pre tabindex="0" hidden></pre>
</aside>`;
const part = (selector) => root.querySelector(selector);
part("a").href = home;
// The one rule for the page itself: where it is narrow, its last lines come to stand above the bar.
const room = document.createElement("style");
room.textContent = "@media (max-width: 1000px) { body { padding-bottom: 64px; } }";
host.append(room);
document.body.append(host);

let open = false;
part("#toggle").addEventListener("click", () => {
  open = !open;
  part("#toggle").setAttribute("aria-expanded", String(open));
  part("pre").hidden = !open;
});
part("#hide").addEventListener("click", () => host.remove());

let theme = null;
let resets = null;
let door = null;
function draw(state) {
  // The tokens of this page belong to an installation that is gone.
  if (resets !== null && resets !== state.resets) return location.reload();
  ({ resets } = state);
  const site = state.sites.find((site) => site.name === siteName);
  const person = site.people.find((person) => person.account === account);
  followTheme(site.theme);
  // The site has moved: another panel takes the place of this one.
  if (door !== null && door !== site.door) return location.reload();
  ({ door } = site);
  if (!person) {
    part("#state").textContent = "Not one of the two people of the demo";
    part("#toggle").hidden = true;
    return;
  }
  const { property } = person;
  const [words] = verdict(person);
  part("#state").textContent = person.keyWorks
    ? `Generation ${property.generation}, ${life(person).words}`
    : words;
  if (property) {
    print(part("pre"), property);
  } else {
    delete part("pre").dataset.printed;
    part("pre").replaceChildren("No user property is stored.");
  }
}

// The start page may switch the site's theme while this page is open.
function followTheme(now) {
  const changed = theme !== null && theme !== now;
  theme = now;
  if (!changed || document.documentElement.dataset.colorMode === now) return;
  document.documentElement.dataset.colorMode = now;
  for (const frame of document.querySelectorAll("iframe.app-frame")) {
    frame.contentWindow.postMessage({ theme: now }, frame.dataset.origin);
  }
}

follow(`${home}state`, draw, () => {
  part("#state").textContent = "The demo was stopped";
});
