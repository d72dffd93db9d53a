// An OpenID provider that nobody here wrote, configured as a careful service would configure it:
// PKCE demanded, refresh tokens rotated, a used one kills its grant, RFC 7009 and RFC 7662 on.
// Ours are only the login and consent pages and the list of tokens that a story reads at its end.
//
// OIDC_CONFIG is JSON: {"clientId", "clientSecret", "redirectUris", "accessTokenSeconds"?,
// "nameInIdToken"?, "fapi"?}. The first line of output is "READY" and the issuer.
//
// With "fapi", {"jwksUri", "resource"?}, it demands what the FAPI 2.0 security profile has: pushed
// authorization requests, assertions signed by a key of that set, and DPoP proofs with its nonces. With
// "resource" it knows that one, and gives access tokens for nothing else.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, errors } from 'oidc-provider';

const config = JSON.parse(process.env.OIDC_CONFIG);

const people = new Map([
  ['u-100', { name: 'Robin Park', email: 'robin@example.com' }],
  ['u-200', { name: 'Sam Ortiz', email: 'sam@example.com' }],
]);

// Everything the provider ever stored. What it destroys is marked and kept, because a story asks
// afterwards what became of a token.
const stored = new Map();
// What it refused, by the endpoint and the error.
const refused = [];
const grantMembers = new Set(['AuthorizationCode', 'AccessToken', 'RefreshToken']);

class Memory {
  constructor(model) {
    this.model = model;
  }

  get(id) {
    return stored.get(`${this.model}:${id}`);
  }

  #live(row) {
    return row && !row.revoked && !(row.expires <= Date.now()) ? row.payload : undefined;
  }

  #findBy(field, value) {
    for (const row of stored.values()) {
      // A session that was given a new id at the login leaves a dead row with the same uid.
      const found = row.model === this.model && row.payload[field] === value && this.#live(row);
      if (found) return found;
    }
    return undefined;
  }

  async upsert(id, payload, seconds) {
    const expires = seconds === undefined ? Infinity : Date.now() + seconds * 1000;
    stored.set(`${this.model}:${id}`, { model: this.model, id, payload, expires, revoked: false });
  }

  async find(id) {
    return this.#live(this.get(id));
  }

  async findByUid(uid) {
    return this.#findBy('uid', uid);
  }

  async findByUserCode(userCode) {
    return this.#findBy('userCode', userCode);
  }

  async consume(id) {
    const row = this.get(id);
    if (row) row.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    const row = this.get(id);
    if (row) row.revoked = true;
  }

  async revokeByGrantId(grantId) {
    for (const row of stored.values()) {
      if (grantMembers.has(row.model) && row.payload.grantId === grantId) row.revoked = true;
    }
  }
}

function tokens() {
  return [...stored.values()]
    .filter((row) => grantMembers.has(row.model))
    .map(({ model, id, payload, expires, revoked }) => ({
      kind: model,
      token: id,
      grant: payload.grantId,
      subject: payload.accountId,
      consumed: payload.consumed !== undefined,
      revoked,
      expired: expires <= Date.now(),
      boundTo: payload.jkt,
      audience: payload.aud,
    }));
}

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (mark) => escapes[mark]);

function answer(res, status, title, body) {
  res.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    // No form-action: browsers hold it against the redirects after the form too, and those lead to
    // the client.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  res.end(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 15vh auto 0; padding: 0 1rem }
  form, label, button { display: block; margin: .75rem 0 }
  button { font: inherit; padding: .4rem 1rem }
</style>
<h1>${escape(title)}</h1>
${body}
</html>
`);
}

async function form(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 10_000) throw new Error('form too large');
  }
  return new URLSearchParams(text);
}

function loginPage(res, uid) {
  const choices = [...people].map(([subject, { name }], index) => `
  <label><input type="radio" name="subject" id="${escape(subject)}" value="${escape(subject)}"${index ? '' : ' checked'}>
    ${escape(name)}</label>`);
  answer(res, 200, 'Sign in', `<form method="post" action="/interaction/${escape(uid)}">${choices.join('')}
  <button id="sign-in" name="answer" value="sign-in">Sign in</button>
</form>`);
}

function consentPage(res, uid, { params, session }) {
  const name = people.get(session.accountId)?.name ?? session.accountId;
  answer(res, 200, 'Allow access?', `<p><b>${escape(params.client_id)}</b> asks to act for
  <b id="who">${escape(name)}</b>: <span id="scopes">${escape(params.scope)}</span></p>
<form method="post" action="/interaction/${escape(uid)}">
  <button id="allow" name="answer" value="allow">Allow</button>
  <button id="deny" name="answer" value="deny">Deny</button>
</form>`);
}

async function grantEverythingAsked(provider, { params, prompt, session, grantId }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return grant.save();
}

async function interaction(provider, req, res, uid) {
  const details = await provider.interactionDetails(req, res);
  const atLogin = details.prompt.name === 'login';
  if (req.method === 'GET') {
    if (atLogin) loginPage(res, uid);
    else consentPage(res, uid, details);
    return;
  }

  const fields = await form(req);
  const chosen = fields.get('answer');
  let result;
  if (chosen === 'deny') {
    result = { error: 'access_denied', error_description: 'the person said no' };
  } else if (atLogin && chosen === 'sign-in' && people.has(fields.get('subject'))) {
    result = { login: { accountId: fields.get('subject') } };
  } else if (!atLogin && chosen === 'allow') {
    result = { consent: { grantId: await grantEverythingAsked(provider, details) } };
  } else {
    answer(res, 400, 'Not understood', '<p>Go back and try again.</p>');
    return;
  }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: chosen !== 'deny' });
}

const ownTokens = (_ctx, client, token) => token.clientId === client.clientId;

// How the client is registered, and what the provider demands, where it is of the FAPI 2.0 security profile.
function profile({ jwksUri, resource }) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    client: {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      id_token_signed_response_alg: 'ES256',
      jwks_uri: jwksUri,
      dpop_bound_access_tokens: true,
      require_pushed_authorization_requests: true,
    },
    features: {
      fapi: { enabled: true, profile: '2.0' },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      resourceIndicators: {
        enabled: resource !== undefined,
        getResourceServerInfo: (_ctx, asked) => {
          if (asked !== resource) throw new errors.InvalidTarget();
          return { scope: 'profile', audience: asked, accessTokenFormat: 'opaque' };
        },
      },
    },
    more: {
      clientAuthMethods: ['private_key_jwt'],
      // The set is on this machine, where it does not go by itself.
      fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    },
  };
}

function makeProvider(issuer) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const fapi = config.fapi ? profile(config.fapi) : undefined;
  return new Provider(issuer, {
    adapter: Memory,
    clients: [
      {
        client_id: config.clientId,
        ...(fapi?.client ?? { client_secret: config.clientSecret }),
        redirect_uris: config.redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    conformIdTokenClaims: !config.nameInIdToken,
    cookies: { keys: [randomBytes(32).toString('hex')] },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: ownTokens },
      revocation: { enabled: true, allowedPolicy: ownTokens },
      ...fapi?.features,
    },
    findAccount: (_ctx, subject) =>
      people.has(subject)
        ? { accountId: subject, claims: () => ({ sub: subject, ...people.get(subject) }) }
        : undefined,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    responseTypes: ['code'],
    pkce: { required: () => true },
    renderError: (ctx, { error, error_description: why }) => {
      ctx.type = 'text/plain';
      ctx.body = `${error}: ${why}\n`;
    },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: config.accessTokenSeconds ?? 3600,
      AuthorizationCode: 60,
      Grant: 24 * 3600,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 24 * 3600,
      Session: 24 * 3600,
    },
    ...fapi?.more,
  });
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  // A name of its own makes this another site to the browser, as a real service is.
  const issuer = `http://oidc.localhost:${server.address().port}`;
  const provider = makeProvider(issuer);
  provider.on('server_error', (_ctx, error) => console.error(error));
  for (const event of ['grant.error', 'pushed_authorization_request.error', 'revocation.error', 'userinfo.error']) {
    provider.on(event, (_ctx, error) => refused.push(`${event}: ${error.error ?? error.message}`));
  }
  const protocol = provider.callback();

  server.on('request', (req, res) => {
    res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    const { pathname } = new URL(req.url, issuer);
    if (pathname === '/_test/tokens') {
      res.writeHead(200, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify(tokens()));
      return;
    }
    if (pathname === '/_test/refused') {
      res.writeHead(200, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify(refused));
      return;
    }
    const [, uid] = /^\/interaction\/([\w-]+)$/.exec(pathname) ?? [];
    if (uid === undefined || !['GET', 'POST'].includes(req.method)) {
      protocol(req, res);
      return;
    }
    interaction(provider, req, res, uid).catch((error) => {
      // An interaction that is over is the person's business; anything else is a fault of this file.
      if (error.name !== 'SessionNotFound') console.error(error);
      if (!res.headersSent) answer(res, 400, 'This sign-in is over', '<p>Start again.</p>');
    });
  });
  console.log(`READY ${issuer}`);
});
