// Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.
//
//   LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... node issue.mjs
//   curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1
//
// A real server takes the account from its own session and never from the address: anybody who names the account
// here reads Jira as its people.
import { createServer } from "node:http";

const { LATCHKEY_URL, LATCHKEY_SERVICE_SECRET: SECRET, PORT = "8090", SCOPE = "read" } = process.env;
if (!LATCHKEY_URL || !SECRET) throw new Error("set LATCHKEY_URL and LATCHKEY_SERVICE_SECRET");

class Refused extends Error {}

async function ask(who, url, bearer, form) {
  const post = form && { method: "POST", body: new URLSearchParams(form) };
  const headers = { Authorization: `Bearer ${bearer}` };
  const options = { ...post, headers, redirect: "manual", signal: AbortSignal.timeout(10_000) };
  // An error of fetch is not passed on: it could quote the secret.
  const answer = await fetch(url, options).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (answer?.ok && body) return body;
  const words = body?.error_description ?? body?.detail ?? body?.errorMessages?.[0];
  const reason = words ?? `${who} answered ${answer?.status ?? "nothing"}`;
  // What Jira says and a 400 of Latchkey are about one link, everything else is about all links.
  throw who === "Jira" || answer?.status === 400 ? new Refused(reason) : new Error(reason);
}

async function linksOf(query) {
  const page = await ask("Latchkey", `${LATCHKEY_URL}/service/links?${new URLSearchParams(query)}`, SECRET);
  return page.next ? [...page.links, ...(await linksOf({ ...query, after: page.next }))] : page.links;
}

async function answerTo(address) {
  const [, account, key] = /^\/accounts\/([^/]+)\/issues\/([A-Z][A-Z0-9_]*-\d+)$/.exec(address) ?? [];
  if (!key) return [400, { error: "not the key of an issue" }];
  // 1. Find the links of the account.
  const links = await linksOf({ subject: decodeURIComponent(account) });
  if (links.length === 0) return [404, { error: "not connected" }];
  const answer = { issues: [], refused: [] };
  for (const { id, site, accountId } of links.filter(({ state }) => state === "linked")) {
    try {
      // 2. Exchange a link for a token.
      const token = await ask("Latchkey", `${LATCHKEY_URL}/oauth/token`, SECRET, {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token_type: "urn:latchkey:token-type:link",
        subject_token: id,
        scope: SCOPE,
      });
      // 3. Read the issue as that person.
      const url = `${token.api_base_url}/rest/api/3/issue/${key}?fields=summary`;
      const issue = await ask("Jira", url, token.access_token);
      answer.issues.push({ site, accountId, summary: issue.fields.summary });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer.refused.push({ site, reason: error.message });
    }
  }
  return [200, answer];
}

// 4. Answer.
const server = createServer(async (request, response) => {
  const [status, body] = await answerTo(request.url).catch(({ message }) => [502, { error: message }]);
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});
server.listen(PORT, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
