"""Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.

    LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... python3 issue.py
    curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1

A real server takes the account from its own session and never from the address: anybody who names the account
here reads Jira as its people.
"""

import json
import os
import re
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib import parse, request

LATCHKEY_URL, SECRET = os.environ["LATCHKEY_URL"], os.environ["LATCHKEY_SERVICE_SECRET"]

# Without the other handlers the secret follows no redirect, and no status is an error.
opener = request.OpenerDirector()
for handler in (request.ProxyHandler(), request.HTTPHandler(), request.HTTPSHandler()):
    opener.add_handler(handler)


class Refused(Exception):
    """One link alone is refused."""


def ask(who, url, bearer, form=None):
    req = request.Request(url, form and parse.urlencode(form).encode(), {"Authorization": f"Bearer {bearer}"})
    status, body = "nothing of use", {}
    # An error of urllib is not passed on: it could quote the secret.
    with suppress(Exception), opener.open(req, timeout=10) as answer:
        status, body = answer.status, json.load(answer)
    if status == 200:
        return body
    words = body.get("error_description") or body.get("detail") or " ".join(body.get("errorMessages", []))
    # What Jira says and a 400 of Latchkey are about one link, everything else is about all links.
    raise (Refused if who == "Jira" or status == 400 else RuntimeError)(words or f"{who} answered {status}")


def links_of(query):
    page = ask("Latchkey", f"{LATCHKEY_URL}/service/links?{parse.urlencode(query)}", SECRET)
    return page["links"] + (links_of({**query, "after": page["next"]}) if page["next"] else [])


def answer(account, key):
    # 1. Find the links of the account.
    links, issues, refused = links_of({"subject": parse.unquote(account)}), [], []
    for link in filter(lambda link: link["state"] == "linked", links):
        try:
            # 2. Exchange a link for a token.
            token = ask("Latchkey", f"{LATCHKEY_URL}/oauth/token", SECRET, {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token_type": "urn:latchkey:token-type:link",
                "subject_token": link["id"],
                "scope": os.environ.get("SCOPE", "read"),
            })
            # 3. Read the issue as that person.
            url = f"{token['api_base_url']}/rest/api/3/issue/{key}?fields=summary"
            summary = ask("Jira", url, token["access_token"])["fields"]["summary"]
            issues.append({"site": link["site"], "accountId": link["accountId"], "summary": summary})
        except Refused as error:
            refused.append({"site": link["site"], "reason": str(error)})
    return (200, {"issues": issues, "refused": refused}) if links else (404, {"error": "not connected"})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        match = re.fullmatch("/accounts/([^/]+)/issues/([A-Z][A-Z0-9_]*-[0-9]+)", self.path)
        try:
            status, body = answer(*match.groups()) if match else (400, {"error": "not the key of an issue"})
        except Exception as error:
            status, body = 502, {"error": str(error)}
        # 4. Answer.
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        pass  # the addresses name accounts


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8090"))), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
