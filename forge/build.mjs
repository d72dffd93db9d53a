// Builds the pages of the Forge app into build/, or into the folder that is named: markup, words, style and
// scripts are those of the pages that the server serves for Atlassian Connect. This file says what differs.
//
// Three kinds of values fill a template: what forge/fill knows stays a placeholder, the name of the service
// comes at run time from the server's first answer, and what only Connect's pages get is empty.
//
// A page is in English, and has the same in each other language in a template element. Which one is shown is decided
// by src/language.js, once Jira has told its language; then the page's own scripts begin. A page loads one script and
// one style sheet, and nothing after them: tests hold the number of requests and the size.
import { FluentBundle, FluentNumber, FluentResource } from "@fluent/bundle";
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const top = dirname(here);

// The values, and one template a page with what of its markup only Connect needs. The demo of the server reads this
// file, too.
const { values, pages } = JSON.parse(readFileSync(join(here, "src", "pages.json"), "utf8"));

const read = (file) => readFileSync(join(top, file), "utf8");
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);

const MODEL = "en";
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];
// One number at least for each form that one of the languages has.
const SAMPLES = [0, 1, 2, 3, 11, 100, 1_000_000];
// Stands for the name of the service until a text is escaped.
const SERVICE = "\u{E000}";

// The languages, as the server has them.
const languages = new Map(readdirSync(join(top, "src", "words")).filter((file) => file.endsWith(".ftl")).map((file) => {
  const tag = file.slice(0, -".ftl".length);
  const bundle = new FluentBundle(tag, { useIsolating: false });
  const errors = bundle.addResource(new FluentResource(read(`src/words/${file}`)));
  if (errors.length > 0) throw errors[0];
  return [tag, bundle];
}));

const direction = (tag) => (RIGHT_TO_LEFT.includes(tag.split("-")[0]) ? "rtl" : "ltr");

function format(tag, id, values) {
  const bundle = languages.get(tag);
  const message = bundle.getMessage(id);
  if (!message?.value) throw new Error(`${tag}: no message ${id}`);
  return bundle.formatPattern(message.value, values);
}

// A number that chooses a form, and shows as this text.
class Shown extends FluentNumber {
  constructor(value, text) {
    super(value);
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

// What a message takes, as a map to whether it is the number that chooses its form.
function variables(pattern, found = new Map()) {
  for (const element of typeof pattern === "string" ? [] : pattern) {
    if (element.type === "var") found.set(element.name, found.get(element.name) ?? false);
    if (element.type !== "select") continue;
    found.set(element.selector.name, true);
    for (const { value } of element.variants) variables(value, found);
  }
  return found;
}

// The messages that a page's scripts ask for, with `{name}` in the places of their values and each form under the name
// of its plural category.
function wordsOf(tag, scripts) {
  const words = {};
  const plural = new Intl.PluralRules(tag);
  for (const [, id] of scripts.map(read).join("").matchAll(/(?:text|phrase)\("([^"]*)"/g)) {
    const message = languages.get(MODEL).getMessage(id);
    if (!message) throw new Error(`${scripts}: no message ${id}`);
    const takes = variables(message.value);
    const forms = Object.fromEntries(SAMPLES.map((number) => {
      const values = { service: "{service}", app: "{app}" };
      for (const [name, chooses] of takes) values[name] = chooses ? new Shown(number, `{${name}}`) : `{${name}}`;
      return [plural.select(number), format(tag, id, values)];
    }));
    // A category that looks like `other` is left out: which ones there are depends on the age of the rules.
    const special = Object.entries(forms).filter(([name, form]) => name === "other" || form !== forms.other);
    words[id] = special.length === 1 ? forms.other : sorted(Object.fromEntries(special));
  }
  // In the order in which the server writes them.
  return JSON.stringify(sorted(words)).replaceAll("<", "\\u003c");
}

const sorted = (named) => Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1)));

// The part of Askama's language that these templates use; anything else ends the build.
function fill(template, source, tag) {
  const page = source
    .replace(/\{% include "([\w.-]+)" %\}/g, (_, name) => read(`templates/${name}`).trimEnd())
    .replace(/\{#[^]*?#\}\n?/g, "")
    .replace("{{ words.language().tag() }}", tag)
    .replace("{{ words.language().direction() }}", direction(tag))
    .replace(/\{\{ words\.(\w+)\(\) \}\}/g, (_, name) => (
      escaped(format(tag, name.replaceAll("_", "-"), { service: SERVICE, app: "\u{E001}" })).replaceAll("\u{E001}", values.app_name)
    ))
    // Its values are for the script to fill in.
    .replace(/\{\{ words\.(\w+)\((?:"", )*""\)\.html\(\) \}\}/g, (_, name) => {
      const id = name.replaceAll("_", "-");
      const takes = variables(languages.get(tag).getMessage(id).value);
      const names = [...takes.keys()].filter((name) => name !== "service" && name !== "app");
      const places = new Map(names.map((name, at) => [name, String.fromCodePoint(0xE010 + at)]));
      let markup = escaped(format(tag, id, { service: SERVICE, app: "\u{E001}", ...Object.fromEntries(places) }));
      for (const [name, place] of places) markup = markup.replaceAll(place, `<bdi data-value="${name}"></bdi>`);
      return markup.replaceAll("\u{E001}", values.app_name);
    })
    .replace(/\{\{ (\w+) \}\}/g, (_, name) => {
      if (!Object.hasOwn(values, name)) throw new Error(`${template}: no value for ${name}`);
      return values[name];
    });
  if (/\{[%#]/.test(page)) throw new Error(`${template}: ${page.match(/\{[%#].*/)[0]} is not understood`);
  const attribute = page.match(new RegExp(`"[^"<>]*${SERVICE}[^"<>]*"`));
  if (attribute) throw new Error(`${template}: the name of the service is in the attribute ${attribute[0]}`);
  return page.replaceAll(SERVICE, values.service);
}

function render(template, changes, scripts) {
  const source = changes.reduce((text, { find, times, put }) => {
    const parts = text.split(find);
    if (parts.length !== times + 1) throw new Error(`${template}: ${parts.length - 1} times ${find}`);
    return parts.join(put);
  }, read(template));
  const blocks = new Map();
  for (const [, name, content] of source.matchAll(/\{% block (\w+) %\}([^]*?)\{% endblock %\}/g)) {
    blocks.set(name, content);
  }
  const [, opening, inner] = blocks.get("content").match(/(<main[^>]*)>([^]*)<\/main>/);
  // Which language it is to speak is not known yet.
  blocks.set("content", `\n${opening} data-app="{{ app_name }}" hidden>${inner}</main>\n`);
  blocks.set("title", values.app_name);
  blocks.set("scripts", '<script defer src="page.js"></script>');
  blocks.set("words", "");
  const page = read("templates/base.html")
    .replace(/\{% block (\w+) %\}[^]*?\{% endblock %\}/g, (_, name) => blocks.get(name) ?? "");
  const templates = [...languages.keys()].map((tag) => {
    const content = tag === MODEL ? "" : fill(template, inner, tag);
    const words = `<script type="application/json" id="words">${wordsOf(tag, scripts)}</script>`;
    return `<template lang="${tag}" dir="${direction(tag)}">${words}${content}</template>\n`;
  });
  const whole = fill(template, page, MODEL).replace("</body>", () => `${templates.join("")}</body>`);
  // The indentation, in seven languages.
  return whole.replace(/\n\s+/g, "\n");
}

const out = resolve(process.argv[2] ?? join(here, "build"));
rmSync(out, { recursive: true, force: true });
for (const [name, { template, changes }] of Object.entries(pages)) {
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  const entry = `forge/src/${name}.js`;
  const imported = [...read(entry).matchAll(/import "(.*)";/g)];
  const scripts = imported.map(([, file]) => join(dirname(entry), file));
  writeFileSync(join(folder, "index.html"), render(template, changes, scripts));
  cpSync(join(top, "static", "icon.svg"), join(folder, "icon.svg"));
  await build({
    entryPoints: { page: join(here, "src", "language.js"), latchkey: join(top, "static", "latchkey.css") },
    outdir: folder,
    bundle: true,
    minify: true,
    // What the style sheet needs is newer than this.
    target: "es2022",
    legalComments: "none",
    alias: {
      page: join(top, entry),
      // Of this package the bridge needs one function. The rest is as large as the page's own scripts.
      "@forge/i18n": join(here, "node_modules", "@forge", "i18n", "out", "ensureLocale.js"),
    },
  });
}
