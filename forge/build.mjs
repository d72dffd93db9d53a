// Builds the pages of the Forge app into build/, or into the folder that is named: markup, words, style and
// scripts are those of the pages that the server serves for Atlassian Connect. This file says what differs.
//
// Three kinds of values fill a template: what forge/fill knows stays a placeholder, the name of the service
// comes at run time from the server's first answer, and what only Connect's pages get is empty.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const top = dirname(here);

// The values, and one template a page with what of its markup only Connect needs. The demo of the server reads this
// file, too.
const { values, pages } = JSON.parse(readFileSync(join(here, "src", "pages.json"), "utf8"));

// The part of Askama's language that these templates use; anything else ends the build.
function render(template, changes) {
  const source = changes.reduce((text, { find, times, put }) => {
    const parts = text.split(find);
    if (parts.length !== times + 1) throw new Error(`${template}: ${parts.length - 1} times ${find}`);
    return parts.join(put);
  }, read(template));
  const blocks = new Map();
  for (const [, name, content] of source.matchAll(/\{% block (\w+) %\}([^]*?)\{% endblock %\}/g)) {
    blocks.set(name, content);
  }
  blocks.set("title", values.app_name);
  blocks.set("scripts", '<script defer src="page.js"></script>');
  const page = read("templates/base.html")
    .replace(/\{% block (\w+) %\}[^]*?\{% endblock %\}/g, (_, name) => blocks.get(name) ?? "")
    .replace(/\{% include "([\w.-]+)" %\}/g, (_, name) => read(`templates/${name}`).trimEnd())
    .replace(/\{#[^]*?#\}\n?/g, "")
    .replace(/\{\{ (\w+) \}\}/g, (_, name) => {
      if (!Object.hasOwn(values, name)) throw new Error(`${template}: no value for ${name}`);
      return values[name];
    });
  if (/\{[%#]/.test(page)) throw new Error(`${template}: ${page.match(/\{[%#].*/)[0]} is not understood`);
  return page;
}

const read = (file) => readFileSync(join(top, file), "utf8");

const out = resolve(process.argv[2] ?? join(here, "build"));
rmSync(out, { recursive: true, force: true });
for (const [name, { template, changes }] of Object.entries(pages)) {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.html"), render(template, changes));
  for (const file of ["latchkey.css", "icon.svg"]) cpSync(join(top, "static", file), join(folder, file));
  await build({
    entryPoints: [join(here, "src", `${name}.js`)],
    outfile: join(folder, "page.js"),
    bundle: true,
    minify: true,
    // What the style sheet needs is newer than this.
    target: "es2022",
    legalComments: "none",
  });
}
