// A stand-in for Jira and Forge around the filled app: a site with an issue, the app's pages and Forge's question
// before it opens another site; a second origin that serves the pages as Forge's network does, with its sandbox
// and its content security policy; and calls to the server, each with a fresh invocation token. Its scripts are
// those of the simulated Jira in tests/sim, which stands around the app where the real server answers.
//
//   node forge/test/host.mjs --backend http://127.0.0.1:8080 --app FOLDER --port 9000
//
// prints its addresses as one line of JSON. FOLDER is what forge/fill wrote. The server needs
// LATCHKEY_FORGE_APP_ID, LATCHKEY_FORGE_ENVIRONMENTS and LATCHKEY_FORGE_KEYS_URL of that line.
import { createSign, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const shared = join(here, "../../tests/sim/jira/forge");
const FILES = { "/s/forge.js": join(shared, "page.js"), "/bridge.js": join(shared, "bridge.js"), "/host.css": join(here, "host.css") };
// What Forge's network serves to a frame of this site.
export const policyFor = (siteUrl) => readFileSync(join(shared, "csp.txt"), "utf8").trim().replaceAll("\n", " ").replaceAll("{site}", siteUrl);
// The attribute of Forge's frame. Its policy has a sandbox as well, which allows more: what counts is both.
const SANDBOX = "allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts";
const KINDS = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const MODULES = { issue: ["jira:issueContext", "latchkey-issue"], finish: ["jira:globalPage", "latchkey-finish"], admin: ["jira:adminPage", "latchkey-admin"] };
const CALL_LIMIT = 25_000;
const IN_LIMIT = 500_000;
const OUT_LIMIT = 5_000_000;

export async function startHost({
  backend,
  app,
  port = 0,
  appId = readFileSync(join(app, "manifest.yml"), "utf8").match(/::app\/([0-9a-f-]+)/)[1],
  environmentId = randomUUID(),
  installationId = randomUUID(),
  cloudId = randomUUID(),
  people = { "5b10a2844c20165700ede21g": "Mia Krystof" },
  locale = "en_GB",
}) {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = `forge/invocation-token/${randomUUID()}`;
  const site = await listen(port, answerAsSite);
  const network = await listen(0, answerAsNetwork);
  const siteUrl = `http://acme.localhost:${site.address().port}`;
  const networkUrl = `http://${appId}.cdn.localhost:${network.address().port}`;
  const policy = policyFor(siteUrl);
  const calls = [];
  const below = `${appId}/${environmentId}`;
  const BASES = { issue: "", finish: `/jira/apps/${below}`, admin: `/jira/settings/apps/${below}` };
  const paths = { finish: `${BASES.finish}/finish`, admin: BASES.admin };

  // The token of a page's call. The principal comes from the session here; the context is what the page says.
  function token(principal, context, module) {
    const now = Math.floor(Date.now() / 1000);
    const apiBaseUrl = `https://api.atlassian.com/ex/jira/${cloudId}`;
    const ari = `ari:cloud:ecosystem::app/${appId}`;
    const installation = `ari:cloud:ecosystem::installation/${installationId}`;
    const claims = {
      app: {
        id: ari, appVersion: "1.0.0", installationId: installation, apiBaseUrl,
        installation: { id: installation, contexts: [{ name: "jira", apiBaseUrl, cloudId }] },
        environment: { type: "PRODUCTION", id: `ari:cloud:ecosystem::environment/${appId}/${environmentId}` },
        module,
      },
      context, ...(principal && { principal }),
      aud: ari, iss: "forge/invocation-token", iat: now, nbf: now, exp: now + 25, jti: randomBytes(20).toString("hex"),
    };
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = `${part({ alg: "RS256", typ: "JWT", kid })}.${part(claims)}`;
    return `${signed}.${createSign("sha256").update(signed).sign(keys.privateKey, "base64url")}`;
  }

  function context(page, query = "") {
    const [type, moduleKey] = MODULES[page];
    const extension = { type };
    if (page === "issue") Object.assign(extension, { issue: { id: "10001", key: "AB-1" }, project: { key: "AB" } });
    else extension.location = `${siteUrl}${paths[page]}${query}`;
    return {
      localId: `ari:cloud:ecosystem::extension/${appId}/${environmentId}/static/${moduleKey}`,
      cloudId, environmentId, environmentType: "PRODUCTION", moduleKey, siteUrl, locale, timezone: "UTC", extension,
    };
  }

  // invokeRemote: what resolves and what rejects, as Forge does it.
  async function invoke(principal, { input, context: claimed, page }) {
    const { path, method, headers = {}, body } = input;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    if (!/^\//.test(path) || (sent?.length ?? 0) > IN_LIMIT) return { rejects: "bad request" };
    const [type, key] = MODULES[page];
    const answer = await fetch(backend + path, {
      method,
      headers: { ...headers, authorization: `Bearer ${token(principal, claimed, { type, key })}` },
      body: sent,
      redirect: "manual",
      signal: AbortSignal.timeout(CALL_LIMIT),
    }).catch(() => null);
    const text = (await answer?.text().catch(() => null)) ?? null;
    calls.push({ method, path, status: answer?.status ?? 0 });
    const { status = 0 } = answer ?? {};
    const json = answer?.headers.get("content-type") === "application/json";
    const fine = status >= 200 && status < 300;
    if (text === null || text.length > OUT_LIMIT || (status >= 300 && status < 400) || !(fine ? json || !text : json)) {
      return { rejects: "There was an error invoking the remote" };
    }
    // Nobody says which headers come through; those of the connection do not.
    const passed = {};
    for (const [name, value] of answer.headers) {
      if (!["date", "connection", "keep-alive", "transfer-encoding"].includes(name)) passed[name] = [value];
    }
    const result = { status, headers: passed, ...(text && { body: JSON.parse(text) }) };
    return fine ? { success: true, payload: result } : { success: false, error: result };
  }

  function signedIn(request) {
    const account = /(?:^|; )account=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    return Object.hasOwn(people, account) ? account : null;
  }

  async function answerAsSite(request, response) {
    const url = new URL(request.url, siteUrl);
    const file = FILES[url.pathname];
    if (file) return send(response, 200, KINDS[extname(file)], readFileSync(file));
    if (url.pathname === "/.well-known/jwks.json") {
      const key = { ...keys.publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" };
      return send(response, 200, "application/json", JSON.stringify({ keys: [key] }));
    }
    if (url.pathname === "/login") {
      response.setHeader("set-cookie", `account=${url.searchParams.get("as")}; Path=/; HttpOnly; SameSite=Lax`);
      response.setHeader("location", url.searchParams.get("to") ?? "/browse/AB-1");
      return send(response, 303, "text/plain", "");
    }
    if (url.pathname === "/s/invoke" && request.method === "POST") {
      // Only the site's own script calls this, and a form of another site cannot send this type.
      if (request.headers["content-type"] !== "application/json") return send(response, 415, "text/plain", "");
      const answer = await invoke(signedIn(request), JSON.parse(await body(request)));
      return send(response, 200, "application/json", JSON.stringify(answer));
    }
    const page = url.pathname.startsWith("/browse/") ? "issue"
      : Object.keys(paths).find((name) => url.pathname === paths[name]);
    if (page) return send(response, 200, "text/html", html(page, url, signedIn(request)));
    if (url.pathname === "/") return send(response, 200, "text/html", '<!doctype html><title>Jira</title><link rel="icon" href="data:,"><h1>Jira</h1>');
    send(response, 404, "text/plain", "not found");
  }

  function html(page, url, account) {
    const given = JSON.stringify({ page, base: BASES[page], context: context(page, url.search) });
    const data = given.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    const theme = url.searchParams.get("theme") === "dark" ? "dark" : "light";
    return `<!doctype html>
<html lang="en" data-color-mode="${theme}">
<head><meta charset="utf-8"><title>Jira</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/host.css"><script src="/s/forge.js"></script></head>
<body>
<header>Jira · acme · ${people[account] ?? "nobody"}</header>
<main class="${page}"><iframe title="App" sandbox="${SANDBOX}" src="${networkUrl}/${page}/index.html" data-origin="${networkUrl}" data-forge="${data}"></iframe></main>
</body></html>`;
  }

  function answerAsNetwork(request, response) {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path === "/bridge.js") return send(response, 200, KINDS[".js"], readFileSync(FILES[path]));
    const match = /^\/(issue|finish|admin)\/([\w.-]+)$/.exec(path);
    let content;
    try {
      content = readFileSync(join(app, "static", match[1], match[2]));
    } catch {
      return send(response, 404, "text/plain", "not found");
    }
    response.setHeader("content-security-policy", policy);
    // Forge puts its half of the bridge before everything of the app.
    if (match[2] === "index.html") content = String(content).replace("<head>", `<head><script src="/bridge.js"></script>`);
    // It compresses, so that what a browser takes can be measured.
    response.setHeader("content-encoding", "gzip");
    send(response, 200, KINDS[extname(match[2])] ?? "application/octet-stream", gzipSync(content));
  }

  return {
    siteUrl, networkUrl, policy, calls, people,
    appId, environmentId, installationId, cloudId,
    keysUrl: `http://127.0.0.1:${site.address().port}/.well-known/jwks.json`,
    issueUrl: `${siteUrl}/browse/AB-1`,
    pageUrl: (page) => siteUrl + paths[page],
    close() {
      for (const server of [site, network]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

export function listen(port, handler) {
  return new Promise((resolve, reject) => {
    const server = createServer((request, response) => {
      Promise.resolve(handler(request, response)).catch((error) => {
        console.error(error);
        response.writeHead(500).end();
      });
    });
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

export function send(response, status, type, content) {
  response.writeHead(status, { "content-type": type }).end(content);
}

export async function body(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: "string" };
  const { values } = parseArgs({ options: { backend: text, app: text, port: text, "environment-id": text } });
  const host = await startHost({
    backend: values.backend, app: values.app, port: Number(values.port ?? 0),
    ...(values["environment-id"] && { environmentId: values["environment-id"] }),
  });
  console.log(JSON.stringify({
    issue: host.issueUrl, finish: host.pageUrl("finish"), admin: host.pageUrl("admin"), cloudId: host.cloudId,
    LATCHKEY_FORGE_APP_ID: host.appId, LATCHKEY_FORGE_ENVIRONMENTS: host.environmentId, LATCHKEY_FORGE_KEYS_URL: host.keysUrl,
  }));
}
