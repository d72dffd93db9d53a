// A service that checks the keys it is shown, written from what docs/keys.md says about each kind and from
// nothing else. It stands for the vendor's own service in the stories, and knows nothing of Latchkey but
// its addresses.
//
// GET /{kind} with the key as bearer token answers who it is for, or 401. `x-now` is what time it is, for
// stories that move the clock. POST /open opens what was sealed to this service.

import { createServer } from "node:http";
import { createLocalJWKSet, createRemoteJWKSet, compactDecrypt, importJWK, jwtVerify } from "jose";

const config = JSON.parse(process.env.VERIFIER_CONFIG);

const asJson = async (answer) => (answer.ok ? answer.json() : null);
const bearer = (key) => ({ authorization: `Bearer ${key}` });

// It remembers the set, and fetches it anew for a key that it has not met.
const keySet =
  config.jwks && createRemoteJWKSet(new URL(config.jwks), { cooldownDuration: 0 });

const forgeKeys = config.forgeKeys && createLocalJWKSet(config.forgeKeys);

const kinds = {
  // The service's own access token: it asks itself whose it is.
  "access-token": async (key) => {
    const person = await asJson(await fetch(config.identity, { headers: bearer(key) }));
    return person && { subject: person.sub };
  },

  // A key of the service's own key endpoint: it knows those.
  endpoint: async (key) => {
    const person = await asJson(await fetch(config.api, { headers: bearer(key) }));
    return person && { subject: person.user };
  },

  // A key that Latchkey has signed, by its public keys.
  minted: async (key, now) => {
    const { payload } = await jwtVerify(key, keySet, {
      algorithms: ["EdDSA"],
      typ: "at+jwt",
      issuer: config.issuer,
      audience: config.audience,
      requiredClaims: ["exp", "iat", "sub"],
      currentDate: now,
    });
    return { subject: payload.sub, scope: payload.scope, generation: payload.generation };
  },

  // A call of Forge, by what Atlassian says about its invocation tokens. Without a person, the endpoint's key.
  invocation: async (token, now) => {
    const { payload, protectedHeader } = await jwtVerify(token, forgeKeys, {
      algorithms: ["RS256"],
      issuer: "forge/invocation-token",
      audience: `ari:cloud:ecosystem::app/${config.app}`,
      requiredClaims: ["aud", "exp", "iat", "iss", "jti", "nbf"],
      clockTolerance: 10,
      currentDate: now,
    });
    const need = (holds, what) => { if (!holds) throw Object.assign(new Error(what), { code: what }); };
    const seconds = now.getTime() / 1000;
    need(typeof protectedHeader.kid === "string" && protectedHeader.kid, "no kid");
    need(typeof payload.aud === "string", "aud is no text");
    need(typeof payload.jti === "string" && payload.jti, "no jti");
    need(payload.exp > payload.iat && payload.exp - payload.iat <= 60, "lives too long");
    need(payload.iat <= seconds + 10, "from the future");
    need(payload.icLabel === undefined, "of an Isolated Cloud");
    const { app } = payload;
    need(app?.id === payload.aud, "another app");
    const [, environment] = app.environment.id
      .match(new RegExp(`^ari:cloud:ecosystem::environment/${config.app}/(.+)$`)) ?? [];
    need(config.environments.includes(environment), "another environment");
    const site = (url) => url?.match(/^https:\/\/api\.atlassian\.com\/ex\/jira\/([A-Za-z0-9-]{1,64})$/)?.[1];
    const cloud = site(app.apiBaseUrl);
    const jira = app.installation.contexts.filter(({ name }) => name === "jira");
    need(cloud && jira.length === 1, "no site");
    need((jira[0].cloudId ?? cloud) === cloud, "another site");
    need((jira[0].apiBaseUrl === undefined ? cloud : site(jira[0].apiBaseUrl)) === cloud, "another site");
    need(jira[0].cloudId !== undefined || jira[0].apiBaseUrl !== undefined, "no site");
    const { id } = app.installation;
    need(typeof id === "string" && id.startsWith("ari:cloud:ecosystem::installation/"), "no installation");
    need((app.installationId ?? id) === id, "another installation");
    const person = payload.principal === "unidentified" ? "" : payload.principal ?? "";
    need(typeof person === "string", "principal is no text");
    need(person || app.module?.type === "core:endpoint", "nobody");
    return { subject: person || app.module.key };
  },

  // The same, by asking.
  introspected: async (key) => {
    const credentials = Buffer.from(`verifier:${config.secret}`).toString("base64");
    const answer = await fetch(config.introspect, {
      method: "POST",
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token: key }),
    });
    const said = await asJson(answer);
    return said?.active === true && said.aud === config.audience
      ? { subject: said.sub, scope: said.scope, generation: said.generation }
      : null;
  },
};

const open = async (sealed) => {
  const key = await importJWK(config.privateKey, "ECDH-ES");
  const { plaintext, protectedHeader } = await compactDecrypt(sealed, key, {
    keyManagementAlgorithms: ["ECDH-ES"],
    contentEncryptionAlgorithms: ["A256GCM"],
  });
  return { key: new TextDecoder().decode(plaintext), kid: protectedHeader.kid };
};

const read = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

const answerTo = async (request) => {
  if (request.url === "/open") return open(await read(request));
  const check = kinds[request.url.slice(1)];
  const key = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const now = new Date(Number(request.headers["x-now"]) * 1000);
  return check(key, now);
};

// A call of Forge may carry 64 KiB of headers.
const server = createServer({ maxHeaderSize: 80 * 1024 }, async (request, response) => {
  const said = await answerTo(request).catch((error) => ({ refused: error.code ?? String(error) }));
  const good = said !== null && !said.refused;
  response.writeHead(good ? 200 : 401, { "content-type": "application/json" });
  response.end(JSON.stringify(said ?? {}));
});
server.listen(0, "127.0.0.1", () => console.log(`READY http://127.0.0.1:${server.address().port}`));
