// Checks keys that Latchkey signed, with its public keys alone. Keys come in one a line:
//
//   npm install jose
//   LATCHKEY_URL=https://latchkey.example.com AUDIENCE=https://api.acme.example.com node check.mjs < keys.txt
//
// Without a call to Latchkey, a key of a link that has ended is good until it expires.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { LATCHKEY_URL, AUDIENCE } = process.env;
// jose checks neither issuer nor audience when it is given none.
if (!LATCHKEY_URL || !AUDIENCE) throw new Error("set LATCHKEY_URL and AUDIENCE");

// jose keeps the set for ten minutes, and fetches it for a new kid at most every 30 seconds.
const keySet = createRemoteJWKSet(new URL(`${LATCHKEY_URL}/.well-known/jwks.json`));

function publicKey(header, token) {
  // While the set has one key alone, jose takes it for a token that names none.
  if (!header.kid) throw new Error("no kid");
  return keySet(header, token);
}

export async function check(key) {
  try {
    const { payload } = await jwtVerify(key, publicKey, {
      algorithms: ["EdDSA"],
      typ: "at+jwt",
      issuer: LATCHKEY_URL,
      audience: AUDIENCE,
      requiredClaims: ["exp", "sub"],
    });
    return { subject: payload.sub, generation: payload.generation };
  } catch (error) {
    return { refused: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await check(line.trim())));
}
