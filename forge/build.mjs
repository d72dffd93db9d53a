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

const SERVICE = '<span class="service">the service</span>';

// One template a page, and what of its markup only Connect needs: [found, how often, what takes its place].
const PAGES = {
  issue: {
    template: "templates/glance.html",
    changes: [
      [' method="post" action="{{ base }}/link" target="_blank" rel="noopener"', 1, ""],
      ['    <input type="hidden" name="jwt" autocomplete="off">\n', 1, ""],
      // Forge itself tells the server the issue.
      ['    <input type="hidden" name="issue" value="{{ issue }}">\n', 1, ""],
    ],
  },
  finish: {
    template: "templates/finish.html",
    changes: [
      ['<form id="go" method="get" target="_top">', 1, '<form id="go">'],
      // A link of the frame leads nowhere; the script opens the issue.
      [' href="{{ back }}" target="_top"', 2, ' href="#" data-back'],
      // Nothing is known of the person until the server has answered.
      ['<div class="account" aria-label="Your Jira account">', 1, '<div class="account" aria-label="Your Jira account" id="account" hidden>'],
      ['<span class="avatar" aria-hidden="true">', 1, '<span class="avatar" id="avatar" aria-hidden="true">'],
      ['data-service="{{ service }}"', 1, 'data-service="the service"'],
    ],
  },
  admin: { template: "forge/src/admin.html", changes: [] },
};

const VALUES = {
  app_name: "{{ app_name }}",
  base: "{{ base_url }}",
  service: SERVICE,
  attempt: "",
  handle: "",
  person: "",
  avatar_initials: "",
  site: "",
  css: "latchkey.css",
  icon: "icon.svg",
};

// The part of Askama's language that these templates use; anything else ends the build.
function render(template, changes) {
  const source = changes.reduce((text, [found, times, instead]) => {
    const parts = text.split(found);
    if (parts.length !== times + 1) throw new Error(`${template}: ${parts.length - 1} times ${found}`);
    return parts.join(instead);
  }, read(template));
  const blocks = new Map();
  for (const [, name, content] of source.matchAll(/\{% block (\w+) %\}([^]*?)\{% endblock %\}/g)) {
    blocks.set(name, content);
  }
  blocks.set("title", VALUES.app_name);
  blocks.set("scripts", '<script defer src="page.js"></script>');
  const page = read("templates/base.html")
    .replace(/\{% block (\w+) %\}[^]*?\{% endblock %\}/g, (_, name) => blocks.get(name) ?? "")
    .replace(/\{% include "([\w.-]+)" %\}/g, (_, name) => read(`templates/${name}`).trimEnd())
    .replace(/\{#[^]*?#\}\n?/g, "")
    .replace(/\{\{ (\w+) \}\}/g, (_, name) => {
      if (!Object.hasOwn(VALUES, name)) throw new Error(`${template}: no value for ${name}`);
      return VALUES[name];
    });
  if (/\{[%#]/.test(page)) throw new Error(`${template}: ${page.match(/\{[%#].*/)[0]} is not understood`);
  return page;
}

const read = (file) => readFileSync(join(top, file), "utf8");

const out = resolve(process.argv[2] ?? join(here, "build"));
rmSync(out, { recursive: true, force: true });
for (const [name, { template, changes }] of Object.entries(PAGES)) {
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
