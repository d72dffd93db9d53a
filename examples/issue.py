"""Acme Drive's server: an issue of Jira as the people see it who connected an account of ours.

    LATCHKEY_URL=https://latchkey.example.com LATCHKEY_SERVICE_SECRET=... python3 issue.py
    curl http://127.0.0.1:8090/accounts/u-100/issues/KEY-1

A real server takes the account from its own session and never from the address: whoever names the account here
reads Jira as its people.
"""

import json
import os
import re
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlencode
from urllib.request import HTTPErrorProcessor, Request, build_opener

LATCHKEY_URL, SECRET = os.environ["LATCHKEY_URL"], os.environ["LATCHKEY_SERVICE_SECRET"]


class Refused(Exception):
    """Latchkey or Jira does not allow this for one link."""


class Unavailable(Exception):
    """Latchkey helps nobody now."""


class EveryAnswer(HTTPErrorProcessor):
    """Every answer is looked at, and none leads the secret to another server."""

    def http_response(self, request, response):
        return response

    https_response = http_response


opener = build_opener(EveryAnswer)


def ask(who, url, bearer, form=None):
    data = urlencode(form).encode() if form else None
    request = Request(url, data, {"Authorization": f"Bearer {bearer}"})
    status, body = None, {}
    try:
        with opener.open(request, timeout=10) as answer:
            status = answer.status
            body = json.load(answer)
    # An error of urllib is not passed on: it could quote the secret.
    except (OSError, ValueError, HTTPException):
        pass
    if status == 200 and body:
        return body
    words = body.get("error_description") or body.get("detail") or " ".join(body.get("errorMessages", []))
    reason = words or (f"{who} answered {status}" if status else f"{who} does not answer")
    # 400 from Latchkey is about this link; everything else from it is about all links.
    raise (Unavailable if who == "Latchkey" and status != 400 else Refused)(reason)


def links_of(account):
    links, query = [], {"subject": account}
    while query.get("after", "") is not None:
        page = ask("Latchkey", f"{LATCHKEY_URL}/service/links?{urlencode(query, quote_via=quote)}", SECRET)
        links += page["links"]
        query["after"] = page["next"]
    return links


def summary_of(key, link):
    token = ask("Latchkey", f"{LATCHKEY_URL}/oauth/token", SECRET, {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:latchkey:token-type:link",
        "subject_token": link["id"],
        "scope": os.environ.get("SCOPE", "read"),
    })
    url = f"{token['api_base_url']}/rest/api/3/issue/{key}?fields=summary"
    return ask("Jira", url, token["access_token"])["fields"].get("summary")


def answer_to(path):
    match = re.fullmatch("/accounts/([^/]+)/issues/([^/]+)", path.partition("?")[0])
    if not match:
        return 404, {"error": "not found"}
    account, key = unquote(match[1]), match[2]
    if not re.fullmatch("[A-Z][A-Z0-9_]*-[0-9]+", key):
        return 400, {"error": "not the key of an issue"}
    links = links_of(account)
    if not links:
        return 404, {"error": "not connected"}
    issues, refused = [], []
    for link in links:
        if link["state"] == "linked":
            try:
                summary = summary_of(key, link)
                issues.append({"site": link["site"], "accountId": link["accountId"], "summary": summary})
            except Refused as error:
                refused.append({"site": link["site"], "reason": str(error)})
    return 200, {"issues": issues, "refused": refused}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, body = answer_to(self.path)
        except (Refused, Unavailable) as error:
            status, body = 502, {"error": str(error)}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        pass  # the addresses name accounts


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8090"))), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
