// The filled app, before anybody deploys it: Forge's own checks, and what may never change unnoticed.
import forgeManifest from "@forge/manifest";
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { APP, fill } from "./filled.mjs";

const { ProcessorBuilder, ValidationTypes } = forgeManifest;

async function inFolder(folder, work) {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await work();
  } finally {
    process.chdir(before);
  }
}

const processed = (folder) => inFolder(folder, () =>
  ProcessorBuilder.instance().withValidation(ValidationTypes.FULL).build().process());

test("Forge takes the filled manifest, with a name that needs quoting and with a key of Connect", async () => {
  for (const variables of [{}, { LATCHKEY_APP_NAME: 'A "b": <c> & d\\', LATCHKEY_APP_KEY: "com.example.latchkey" }]) {
    const filled = fill(variables);
    assert.equal(filled.status, 0, filled.stderr);
    const result = await processed(filled.folder);
    assert.deepEqual(result.errors ?? [], []);
    assert.equal(result.success, true);
    const manifest = result.manifestObject.typedContent;
    assert.equal(manifest.app.id, `ari:cloud:ecosystem::app/${APP}`);
    assert.equal(manifest.app.connect?.key, variables.LATCHKEY_APP_KEY);
    assert.equal(manifest.modules["jira:issueContext"][0].title, variables.LATCHKEY_APP_NAME ?? "Latchkey");
    filled.remove();
  }
});

test("Forge finds what is wrong, so that its silence says something", async () => {
  const filled = fill();
  const file = join(filled.folder, "manifest.yml");
  writeFileSync(file, readFileSync(file, "utf8").replace("endpoint: latchkey-tick", "endpoint: latchkey-tock"));
  const result = await processed(filled.folder);
  assert.ok(!result.success || result.errors?.length);
  filled.remove();
});

test("Forge's linter finds nothing", async () => {
  const filled = fill();
  const { lint, getClientSideLintersOnly, PermissionLinter } = createRequire(import.meta.url)("@forge/lint");
  // Neither a log nor Forge's switches for checks that are not out yet.
  const none = new Proxy({}, { get: () => () => {} });
  const { manifestObject } = await processed(filled.folder);
  const pages = ["issue", "finish", "admin"].map((page) => `static/${page}/page.js`);
  const common = [manifestObject.typedContent, "production", none, none];
  // The one left out asks Atlassian which scopes the app's own calls of Jira need. The pages make none.
  const linters = (await getClientSideLintersOnly(...common)).filter((linter) => !(linter instanceof PermissionLinter));
  const results = await inFolder(filled.folder, () => lint(pages, ...common, { linters }));
  assert.ok(results.length > 0);
  const found = results.flatMap((result) => [...result.errors, ...result.warnings]);
  assert.deepEqual(found, []);
  filled.remove();
});

test("scopes, keys and endpoints are the final ones", async () => {
  const filled = fill();
  const { modules, permissions, remotes } = (await processed(filled.folder)).manifestObject.typedContent;
  // A change of these asks the admin of every site for consent again.
  assert.deepEqual(permissions, {
    scopes: {
      "read:jira-user": { allowImpersonation: true },
      "read:jira-work": { allowImpersonation: true },
      "write:jira-work": { allowImpersonation: true },
      "read:app-system-token": {},
      "report:personal-data": {},
    },
  });
  assert.deepEqual(remotes.map(({ key, baseUrl }) => [key, baseUrl]), [["latchkey", "https://latchkey.example.com"]]);
  assert.deepEqual(modules.endpoint.map(({ key, route }) => [key, route?.path]), [
    ["latchkey-ui", undefined],
    ["latchkey-tick", "/forge/tick"],
    ["latchkey-lifecycle", "/forge/lifecycle"],
    ["latchkey-leaving", "/forge/leaving"],
  ]);
  for (const [kind, ...keys] of [["jira:issueContext", "latchkey-issue"], ["jira:globalPage", "latchkey-finish"], ["jira:adminPage", "latchkey-admin", "latchkey-get-started"]]) {
    assert.deepEqual(modules[kind].map((module) => [module.key, module.resolver.endpoint]), keys.map((key) => [key, "latchkey-ui"]));
  }
  // The first is in Jira's menu. The other is the same page behind two buttons.
  const [listed, buttons] = modules["jira:adminPage"];
  assert.deepEqual([listed.useAsConfig, listed.useAsGetStarted], [undefined, undefined]);
  assert.deepEqual([buttons.useAsConfig, buttons.useAsGetStarted, buttons.resource], [true, true, listed.resource]);
  assert.equal(modules.scheduledTrigger[0].interval, "hour");
  assert.deepEqual(modules.trigger[0].events, ["avi:forge:installed:app", "avi:forge:upgraded:app"]);
  assert.equal(modules.preUninstall[0].endpoint, "latchkey-leaving");
  filled.remove();
});

test("each scope has its reason in docs/forge-scopes.md", async () => {
  const filled = fill();
  const { permissions } = (await processed(filled.folder)).manifestObject.typedContent;
  const document = readFileSync(new URL("../../docs/forge-scopes.md", import.meta.url), "utf8");
  const told = [...document.matchAll(/^\| `(\w+:[\w:-]+)` \|/gm)].map(([, scope]) => scope);
  assert.deepEqual(told.sort(), Object.keys(permissions.scopes).sort());
  filled.remove();
});

test("a bad value ends with one clear line, and nothing is written", () => {
  const bad = [
    [{ LATCHKEY_BASE_URL: "http://latchkey.example.com" }, [], /LATCHKEY_BASE_URL .* https/],
    [{ LATCHKEY_BASE_URL: "http://latchkey.localhost" }, [], /LATCHKEY_BASE_URL .* https/],
    [{ LATCHKEY_BASE_URL: "latchkey.example.com" }, [], /LATCHKEY_BASE_URL .* https/],
    [{ LATCHKEY_BASE_URL: "https://latchkey.example.com/?a=b" }, [], /LATCHKEY_BASE_URL/],
    [{ LATCHKEY_FORGE_APP_ID: "latchkey" }, [], /LATCHKEY_FORGE_APP_ID .* uuid/],
    [{ LATCHKEY_FORGE_APP_ID: "" }, [], /LATCHKEY_FORGE_APP_ID .* uuid/],
    [{ LATCHKEY_APP_NAME: "a\nb" }, [], /LATCHKEY_APP_NAME/],
    [{ LATCHKEY_APP_KEY: "a key" }, [], /LATCHKEY_APP_KEY/],
    [{}, ["--base-url", "http://a.example"], /LATCHKEY_BASE_URL/],
    [{}, ["--nothing"], /--nothing/],
    [{}, ["another-folder"], /one folder/],
  ];
  for (const [variables, args, line] of bad) {
    const { status, stderr, folder, remove } = fill(variables, ...args);
    assert.equal(status, 1);
    assert.match(stderr, line);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.throws(() => readdirSync(folder));
    remove();
  }
});

test("arguments go before the environment, an ARI is an app id, and a base URL may have a path", () => {
  const { status, folder, remove } = fill({ LATCHKEY_FORGE_APP_ID: `ari:cloud:ecosystem::app/${APP}` }, "--app-name", "Keys & <more>", "--base-url", "https://example.com/key/");
  assert.equal(status, 0);
  assert.match(readFileSync(join(folder, "manifest.yml"), "utf8"), /baseUrl: "https:\/\/example\.com\/key"/);
  const page = readFileSync(join(folder, "static/issue/index.html"), "utf8");
  assert.match(page, /data-base="https:\/\/example\.com\/key"/);
  assert.match(page, /<title>Keys &#38; &#60;more&#62;<\/title>/);
  remove();
});

test("the pages hold nothing that Forge's policy refuses, and no placeholder is left", () => {
  const { folder, remove } = fill();
  for (const name of ["issue", "finish", "admin"]) {
    const page = readFileSync(join(folder, "static", name, "index.html"), "utf8");
    assert.doesNotMatch(page, /\{\{|\{%|\{#/);
    assert.doesNotMatch(page, /target=|<style|style=|<script(?! defer src="page\.js"| type="application\/json" id="words")|\son\w+=|method=|action=/);
    for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) assert.match(address, /^[\w.]+$|^#$/);
  }
  assert.doesNotMatch(readFileSync(join(folder, "manifest.yml"), "utf8"), /\{\{/);
  remove();
});
