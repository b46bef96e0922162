"""Settings of the project."""

import os
from pathlib import Path

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "passerelle.embed.django",
    "accounts",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]},
}
USE_TZ = True
AUTH_USER_MODEL = "accounts.Employee"
LOGIN_URL = "/saml/login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Passerelle: who signs people in, where this is, and which account is whose.
PASSERELLE_IDP_METADATA = Path(os.environ["IDP_METADATA"])
PASSERELLE_BASE_URL = os.environ["BASE_URL"] + "/saml"
PASSERELLE_USER = "accounts.sign_in.employee_of"
