// A stand-in for the server: the routes that the pages call, with the answers that the Contract names. What it
// answers is set by the test; it keeps what it was asked.
import { body, listen, send } from "./host.mjs";

export const MINUTE = 60_000;

// It names an icon: a browser would ask for one in its own time, perhaps when nobody answers here any more.
const page = (title) => `<!doctype html><title>${title}</title><link rel="icon" href="data:,"><h1>${title}</h1>`;

export async function startBackend() {
  const server = await listen(0, handle);
  const { port } = server.address();
  const base = `http://latchkey.localhost:${port}`;
  const at = (milliseconds) => new Date(Date.now() + milliseconds).toISOString();
  const state = {
    link: { state: "unlinked", service: "Acme Drive" },
    left: "",
    // By path: the problem that a call meets, [status, name, more].
    problems: {},
    // The one good handle of each attempt.
    handles: { "attempt-1": "handle-1_A" },
    // An address that leads elsewhere, where a test wants one.
    elsewhere: null,
    tickets: new Map(),
    asked: [],
    // Whether `prove` says who is signed in, beyond what the Contract names.
    names: true,
    connected: true,
  };
  let made = 0;

  async function handle(request, response) {
    const { pathname } = new URL(request.url, base);
    const sent = await body(request);
    const claims = person(request);
    const asked = { method: request.method, path: pathname, body: sent && JSON.parse(sent), headers: request.headers };
    state.asked.push(asked);
    const route = `${request.method} ${pathname}`;
    if (route === "GET /healthz") return send(response, 200, "text/plain", "ok");

    const [, ticket] = pathname.match(/^\/link\/t\/(\w+)$/) ?? [];
    if (ticket) {
      const { until, another } = state.tickets.get(ticket) ?? {};
      const good = until > Date.now();
      state.tickets.delete(ticket);
      if (!good) return send(response, 404, "text/html", page("This address was used"));
      const attempt = { another, expiresAt: at(10 * MINUTE) };
      state.link = { ...state.link, state: state.link.state === "unlinked" ? "linking" : state.link.state, attempt };
      return response.writeHead(303, { location: `${base}/link/attempt-1` }).end();
    }
    if (route === "GET /link/attempt-1") return send(response, 200, "text/html", page("Linking page"));

    if (!claims?.principal) return problem(response, 401, "unauthorized", { title: "Not allowed" });
    const [status, name, more] = state.problems[pathname] ?? [];
    if (status) return problem(response, status, name, more);
    if (route === "GET /api/link") return json(response, 200, state.link);
    if (pathname.startsWith("/api/admin/")) return admin(route, new URL(request.url, base).searchParams, response);
    if (route === "POST /api/link/ticket") {
      const id = `t${++made}`;
      state.tickets.set(id, { until: Date.now() + MINUTE, another: asked.body.another });
      return json(response, 200, { url: state.elsewhere ?? `${base}/link/t/${id}` });
    }
    if (route === "DELETE /api/link") {
      state.link = { state: "unlinked", service: state.link.service };
      return response.writeHead(204, { "latchkey-left": state.left }).end();
    }
    if (route === "DELETE /api/link/attempt") {
      const { attempt, ...rest } = state.link;
      state.link = rest.state === "linking" ? { ...rest, state: "unlinked" } : rest;
      return response.writeHead(204).end();
    }
    if (route === "POST /api/link/renew") {
      Object.assign(state.link, { renewedAt: at(0), expiresAt: at(60 * MINUTE) });
      return response.writeHead(202).end();
    }
    const [, attempt, step] = pathname.match(/^\/link\/([\w-]+)\/(prove|cancel)$/) ?? [];
    if (attempt && request.method === "POST") {
      if (state.handles[attempt] !== asked.body?.handle) return problem(response, 403, "wrong-person", { signedInAs: "Mia Krystof" });
      if (step === "cancel") return response.writeHead(204).end();
      const more = state.names ? { signedInAs: "Mia Krystof", site: "acme.atlassian.net", issue: "AB-1" } : {};
      return json(response, 200, { next: state.elsewhere ?? `${base}/link/${attempt}`, ...more });
    }
    problem(response, 404, "not-found", { title: "Not found" });
  }

  // A site with one connection, until it is ended.
  function admin(route, query, response) {
    const link = {
      id: "link-1", accountId: "5b10a2844c20165700ede21g", name: "Mia Krystof", subject: "u-1", displayName: "Mia at Acme",
      state: "linked", since: at(-60 * MINUTE), validUntil: at(45 * MINUTE), generation: 3,
    };
    const links = state.connected ? [link] : [];
    if (route === "GET /api/admin/site") {
      return json(response, 200, {
        site: "acme.atlassian.net", service: "Acme Drive", door: "forge", enabled: true, writesAs: "app",
        scopes: [{ scope: "read:jira-work", why: "To ask Jira whether somebody who opens this page is a Jira admin." }],
        outboundAddresses: [], waits: [], links: { total: links.length, reconnect: 0, runOut: 0 },
        customers: { vendor: "deny", site: "deny" }, groups: [], actAs: { vendor: "off", site: "allow" }, eventsDays: 90,
      });
    }
    if (route === "GET /api/admin/links") return json(response, 200, { service: "Acme Drive", total: links.length, links });
    if (route === "DELETE /api/admin/links/link-1") {
      state.connected = false;
      return response.writeHead(204, { "latchkey-left": "nothing" }).end();
    }
    if (route === "GET /api/admin/events" && query.get("format")) {
      const part = query.get("after") ? { text: '"2"\r\n' } : { text: '"at"\r\n"1"\r\n', next: "1.a" };
      return json(response, 200, { file: "events.csv", mediaType: "text/csv", ...part });
    }
    if (route === "GET /api/admin/events") return json(response, 200, { events: [] });
    problem(response, 404, "not-found", { title: "Not found" });
  }

  return {
    base, state, at,
    address: `http://127.0.0.1:${port}`,
    linked: (more) => ({
      state: "linked", service: "Acme Drive", subject: "u-1", displayName: "Mia at Acme",
      expiresAt: at(45 * MINUTE), renewedAt: at(-15 * MINUTE), ...more,
    }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

// Who the invocation token names. The real server checks it; this one plays no part in that.
function person(request) {
  const [, claims] = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(request.headers.authorization ?? "") ?? [];
  return claims ? JSON.parse(Buffer.from(claims, "base64url")) : null;
}

function json(response, status, value) {
  send(response, status, "application/json", JSON.stringify(value));
}

function problem(response, status, name, { retryAfter, ...more } = {}) {
  if (retryAfter) response.setHeader("retry-after", retryAfter);
  json(response, status, { type: `urn:latchkey:problem:${name}`, status, ...more });
}
