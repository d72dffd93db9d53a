"""A service without OpenID Connect: Django with django-oauth-toolkit, set up as its manual says, with
rotation at its strictest: a refresh token works once, and using it again ends all that came of it.
Django brings the login page and django-oauth-toolkit the consent page; ours are the identity endpoint,
as every such service writes one, and the list of tokens that a story reads at its end.

PROVIDER_CONFIG is JSON: {"clientId", "clientSecret", "redirectUri", "tokenSeconds"}. It keeps its database in the
current directory. The first line of output is "READY" and its address.
"""

import json
import os

import django
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

CONFIG = json.loads(os.environ["PROVIDER_CONFIG"])
PEOPLE = [("robin", "Robin", "Park"), ("sam", "Sam", "Ortiz")]

settings.configure(
    SECRET_KEY=CONFIG["clientSecret"],
    ALLOWED_HOSTS=["django.localhost"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # A new database needs no history: that saves a second.
    MIGRATION_MODULES=dict.fromkeys(["admin", "auth", "contenttypes", "oauth2_provider", "sessions"]),
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    # Each token request checks the client's secret, which the good ones make slow on purpose.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    LOGIN_URL="/login/",
    STATIC_URL="/static/",
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "SCOPES": {"drive.read": "Read your files"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": CONFIG["tokenSeconds"],
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        # What RFC 9700 asks for, and the next version does unasked.
        "PKCE_REQUIRED": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    },
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.decorators import protected_resource  # noqa: E402
from oauth2_provider.models import (  # noqa: E402
    get_access_token_model,
    get_application_model,
    get_grant_model,
    get_refresh_token_model,
)

AccessToken, Code, RefreshToken = (
    get_access_token_model(),
    get_grant_model(),
    get_refresh_token_model(),
)

# Every code and token that was ever given. What ends is deleted, and a story asks what became of it.
given = {}


def keep(sender, instance, created, **_):
    if created and sender in (AccessToken, Code, RefreshToken):
        token = instance.code if sender is Code else instance.token
        given[sender, instance.pk] = (token, instance.user.username)
    if sender is AccessToken and instance.source_refresh_token_id:
        exchanged.add(instance.source_refresh_token_id)


exchanged = set()
post_save.connect(keep)


def tokens(_request):
    rows = []
    for (model, pk), (token, subject) in list(given.items()):
        row = model.objects.filter(pk=pk).first()
        rows.append(
            {
                "kind": "AuthorizationCode" if model is Code else model.__name__,
                "token": token,
                "grant": None,
                "subject": subject,
                "consumed": row is None if model is Code else model is RefreshToken and pk in exchanged,
                "revoked": row is None or getattr(row, "revoked", None) is not None,
                "expired": row is not None and model is not RefreshToken and row.is_expired(),
            }
        )
    return JsonResponse(rows, safe=False)


@protected_resource()
def me(request):
    user = request.resource_owner
    return JsonResponse({"id": user.pk, "username": user.username, "name": user.get_full_name()})


urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("me/", me),
    path("_test/tokens", tokens),
]


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        """Requests are nobody's business here."""


def main():
    call_command("migrate", verbosity=0, run_syncdb=True)
    for username, first, last in PEOPLE:
        get_user_model().objects.create_user(
            username, password=f"password-of-{username}", first_name=first, last_name=last
        )
    application = get_application_model()
    application.objects.create(
        name="Latchkey",
        client_id=CONFIG["clientId"],
        client_secret=CONFIG["clientSecret"],
        client_type=application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=CONFIG["redirectUri"],
    )
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    print(f"READY http://django.localhost:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
