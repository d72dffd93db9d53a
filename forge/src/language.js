// Chooses the language of the page, which is Jira's, and then runs the page's own scripts. The page has its markup and
// words in each language in a template element.
const CONTEXT_WAIT = 2_000;

// The package throws when it is loaded outside of Jira. door.js says so.
try {
  window.forgeBridge = require("./bridge.js");
} catch { /* There is no bridge. */ }

function context() {
  const late = new Promise((_, reject) => { setTimeout(() => reject(new Error("late")), CONTEXT_WAIT); });
  return Promise.race([window.forgeBridge.view.getContext(), late]);
}

// The tag of the language that is nearest to the first wish that is spoken here at all.
function choose(wishes, spoken) {
  const primary = (tag) => tag.toLowerCase().split("-")[0];
  for (const wish of wishes) {
    const tag = wish.replaceAll("_", "-");
    const exact = spoken.find((known) => known.toLowerCase() === tag.toLowerCase());
    const found = exact ?? spoken.find((known) => primary(known) === primary(tag));
    if (found) return found;
  }
  return "en";
}

function speak(wishes) {
  const page = document.getElementById("latchkey");
  const templates = [...document.querySelectorAll("template[lang]")];
  const tag = choose(wishes, templates.map(({ lang }) => lang));
  const { lang, dir, content } = templates.find(({ lang }) => lang === tag);
  Object.assign(document.documentElement, { lang, dir });
  document.body.append(content.getElementById("words"));
  // The markup outside of the templates is in the language that the document began with.
  if (content.childElementCount > 0) page.replaceChildren(content);
  for (const template of templates) template.remove();
  page.hidden = false;
}

(async () => {
  let locale = [];
  try {
    locale = [String((await context()).locale)];
  } catch { /* The browser's language counts. */ }
  window.forgeLocale = locale[0];
  speak([...locale, ...navigator.languages]);
  // The build puts src/issue.js, finish.js or admin.js here. Those scripts begin as soon as they are loaded.
  require("page");
})();
