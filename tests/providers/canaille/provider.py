"""Canaille, a small identity provider: OpenID Connect with its own pages for user name, password and
consent. Its keys are signed JWTs; a refresh token works once, and no longer than the access token that
came with it. Ours is the list of tokens that a story reads at its end.

PROVIDER_CONFIG is JSON: {"clientId", "clientSecret", "redirectUri", "tokenSeconds"}. It keeps its database in the
current directory. The first line of output is "READY" and its address.
"""

import datetime
import json
import logging
import os

# It is reached without TLS. Read when it is imported.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from canaille import create_app  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from canaille.backends.sql.models.oidc import AuthorizationCode, Token  # noqa: E402
from sqlalchemy import event  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

CONFIG = json.loads(os.environ["PROVIDER_CONFIG"])
PEOPLE = [("robin", "Robin", "Park"), ("sam", "Sam", "Ortiz")]

# In the order in which they were given. Codes are deleted when they are redeemed, and a story asks what
# became of them.
codes, token_ids = [], []
event.listen(
    AuthorizationCode,
    "after_insert",
    lambda _mapper, _connection, code: codes.append((code.code, code.subject.user_name)),
)
event.listen(
    Token, "after_insert", lambda _mapper, _connection, token: token_ids.append(token.token_id)
)


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        """Requests are nobody's business here."""


def settings(host):
    seconds = CONFIG["tokenSeconds"]
    return {
        "SECRET_KEY": CONFIG["clientSecret"],
        "SERVER_NAME": host,
        "PREFERRED_URL_SCHEME": "http",
        "OAUTH2_TOKEN_EXPIRES_IN": {"authorization_code": seconds, "refresh_token": seconds},
        "CANAILLE": {
            "DATABASE": "sql",
            "NAME": "Example Accounts",
            # Its scripts check fields while somebody types, and where that answer comes after the form was
            # sent, its cookie takes the login back.
            "JAVASCRIPT": False,
            "HTMX": False,
        },
        "CANAILLE_SQL": {
            "DATABASE_URI": f"sqlite:///{os.getcwd()}/canaille.db",
            "PASSWORD_SCHEMES": "sha512_crypt",
            "PASSWORD_HASH_PARAMS": {"sha512_crypt__rounds": 1000},
        },
        # It trusts *.localhost by itself, and would not ask for consent.
        "CANAILLE_OIDC": {"TRUSTED_DOMAINS": []},
    }


def populate():
    now = datetime.datetime.now(datetime.timezone.utc)
    for user_name, first, last in PEOPLE:
        user = models.User(
            user_name=user_name,
            given_name=first,
            family_name=last,
            formatted_name=f"{first} {last}",
            emails=[f"{user_name}@example.com"],
        )
        Backend.instance.save(user)
        Backend.instance.set_user_password(user, f"password-of-{user_name}")
    client = models.Client(
        client_id=CONFIG["clientId"],
        client_secret=CONFIG["clientSecret"],
        client_id_issued_at=now,
        client_name="Latchkey",
        client_uri="http://latchkey.localhost",
        redirect_uris=[CONFIG["redirectUri"]],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)


def tokens():
    open_codes = {row.code for row in Backend.instance.query(models.AuthorizationCode)}
    rows = [
        {
            "kind": "AuthorizationCode",
            "token": code,
            "subject": subject,
            "consumed": code not in open_codes,
            "revoked": False,
            "expired": False,
        }
        for code, subject in codes
    ]
    # It keeps what came together in one row, and ends it together.
    known = {row.token_id: row for row in Backend.instance.query(models.Token)}
    for row in (known[token_id] for token_id in token_ids if token_id in known):
        for kind, token in ("AccessToken", row.access_token), ("RefreshToken", row.refresh_token):
            rows.append(
                {
                    "kind": kind,
                    "token": token,
                    "subject": row.subject.user_name,
                    "consumed": False,
                    "revoked": row.revoked,
                    "expired": row.is_expired(),
                }
            )
    return rows


def main():
    # Of its migrations, and of two keys of one second, it says more than anybody wants to know.
    logging.disable(logging.ERROR)
    server = make_server("127.0.0.1", 0, None, threaded=True, request_handler=Handler)
    host = f"canaille.localhost:{server.server_port}"
    app = server.app = create_app(settings(host))
    app.add_url_rule("/_test/tokens", view_func=tokens)
    with app.app_context():
        populate()
    print(f"READY http://{host}", flush=True)
    server.serve_forever()


main()
