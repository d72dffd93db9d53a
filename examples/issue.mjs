// Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.
//
//   LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... node issue.mjs
//   curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1
//
// A real server takes the account from its own session and never from the address: whoever names the account here
// reads Jira as its people.
import { createServer } from "node:http";

const { LATCHKEY_URL, LATCHKEY_SERVICE_SECRET, PORT = "8090", SCOPE = "read" } = process.env;
if (!LATCHKEY_URL || !LATCHKEY_SERVICE_SECRET) throw new Error("set LATCHKEY_URL and LATCHKEY_SERVICE_SECRET");

class Refused extends Error {}

async function ask(who, url, bearer, form) {
  const options = {
    headers: { Authorization: `Bearer ${bearer}` },
    redirect: "manual", // the secret goes nowhere else
    signal: AbortSignal.timeout(10_000),
  };
  if (form) Object.assign(options, { method: "POST", body: new URLSearchParams(form) });
  // An error of fetch is not passed on: it could quote the secret.
  const answer = await fetch(url, options).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (answer?.ok && body) return body;
  const words = body?.error_description ?? body?.detail ?? body?.errorMessages?.join(" ");
  const reason = words || (answer ? `${who} answered ${answer.status}` : `${who} does not answer`);
  // 400 from Latchkey is about this link; everything else from it is about all links.
  throw who === "Latchkey" && answer?.status !== 400 ? new Error(reason) : new Refused(reason);
}

async function linksOf(account) {
  const links = [];
  for (let after = ""; after !== null; ) {
    const query = `subject=${encodeURIComponent(account)}${after}`;
    const page = await ask("Latchkey", `${LATCHKEY_URL}/service/links?${query}`, LATCHKEY_SERVICE_SECRET);
    links.push(...page.links);
    after = page.next && `&after=${encodeURIComponent(page.next)}`;
  }
  return links;
}

async function summaryOf(key, link) {
  const token = await ask("Latchkey", `${LATCHKEY_URL}/oauth/token`, LATCHKEY_SERVICE_SECRET, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: "urn:latchkey:token-type:link",
    subject_token: link.id,
    scope: SCOPE,
  });
  const url = `${token.api_base_url}/rest/api/3/issue/${key}?fields=summary`;
  return (await ask("Jira", url, token.access_token)).fields.summary;
}

async function answerTo({ method, url }) {
  const [, account, key] = /^\/accounts\/([^/]+)\/issues\/([^/]+)$/.exec(url.split("?")[0]) ?? [];
  if (method !== "GET" || !account) return [404, { error: "not found" }];
  if (!/^[A-Z][A-Z0-9_]*-[0-9]+$/.test(key)) return [400, { error: "not the key of an issue" }];
  const links = await linksOf(decodeURIComponent(account));
  if (links.length === 0) return [404, { error: "not connected" }];
  const answer = { issues: [], refused: [] };
  for (const link of links.filter(({ state }) => state === "linked")) {
    const { site, accountId } = link;
    try {
      answer.issues.push({ site, accountId, summary: await summaryOf(key, link) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer.refused.push({ site, reason: error.message });
    }
  }
  return [200, answer];
}

const server = createServer(async (request, response) => {
  const failed = (error) => [error instanceof URIError ? 400 : 502, { error: error.message }];
  const [status, body] = await answerTo(request).catch(failed);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
