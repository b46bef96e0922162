"""A Django site with mozilla-django-oidc, as its documentation says; users are made at sign-in."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

settings.configure(
    SECRET_KEY="only of this test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    LOGIN_URL="/oidc/authenticate/",
    LOGIN_REDIRECT_URL="/",
    OIDC_RP_CLIENT_ID=os.environ["CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid email profile",
    OIDC_USE_PKCE=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=os.environ["AUTHORIZATION"],
    OIDC_OP_TOKEN_ENDPOINT=os.environ["TOKEN"],
    OIDC_OP_USER_ENDPOINT=os.environ["USERINFO"],
    OIDC_OP_JWKS_ENDPOINT=os.environ["KEYS"],
)


def home(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth.decorators import login_required

    @login_required
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"hello {request.user.email}", "text/plain")

    return page(request)


urlpatterns = [path("", home), path("oidc/", include("mozilla_django_oidc.urls"))]
application = get_wsgi_application()

if __name__ == "__main__":
    import sys
    from wsgiref.simple_server import make_server

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
