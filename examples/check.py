"""Checks keys that Latchkey signed, with its public keys alone. Keys come in one a line:

    pip install 'PyJWT[crypto]'
    LATCHKEY_URL=https://latchkey.example.com AUDIENCE=https://api.acme.example.com python3 check.py < keys.txt

Without a call to Latchkey, a key of a link that has ended is good until it expires.
"""

import json
import os
import sys

import jwt

LATCHKEY_URL, AUDIENCE = os.environ["LATCHKEY_URL"], os.environ["AUDIENCE"]

# PyJWT keeps the set for five minutes, and fetches it for a new kid at most every 30 seconds.
key_set = jwt.PyJWKClient(f"{LATCHKEY_URL}/.well-known/jwks.json", timeout=10)


def check(key):
    try:
        token = jwt.decode_complete(
            key,
            key_set.get_signing_key_from_jwt(key),
            algorithms=["EdDSA"],
            issuer=LATCHKEY_URL,
            audience=AUDIENCE,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        return {"refused": str(error)}
    if token["header"].get("typ") != "at+jwt":
        return {"refused": "typ is not at+jwt"}
    return {"subject": token["payload"]["sub"], "generation": token["payload"].get("generation")}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(check(line.strip())), flush=True)
