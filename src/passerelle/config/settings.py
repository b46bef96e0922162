"""Django's settings, from the environment. Nothing here is meant to be edited."""

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from passerelle.config.database_url import read_database_url
from passerelle.config.env import read_environment
from passerelle.config.secret_key import kept_secret_key

PASSERELLE = read_environment(os.environ)
PACKAGE = Path(__file__).resolve().parent.parent

SECRET_KEY = PASSERELLE.secret_key or kept_secret_key(PASSERELLE.data_dir)
DEBUG = False
ALLOWED_HOSTS = [urlsplit(PASSERELLE.base_url).hostname or "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = [PASSERELLE.base_url] if PASSERELLE.base_url else []
ROOT_URLCONF = "passerelle.config.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "passerelle.audit",
    "passerelle.directory",
    "passerelle.sso",
    "passerelle.oidc",
    "passerelle.practice_idp",
    "passerelle.web",
]

MIDDLEWARE = [
    "passerelle.config.middleware.HealthMiddleware",
    "passerelle.web.oidc.forward_auth.ForwardAuthMiddleware",
    "passerelle.config.middleware.BodyMiddleware",
    "passerelle.config.middleware.CanonicalAddressMiddleware",
    "passerelle.config.middleware.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "passerelle.config.middleware.LanguageMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "passerelle.web.frame.middleware.SessionMiddleware",
    "passerelle.config.middleware.OverloadMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "passerelle.web.frame.context.page",
            ]
        },
    }
]

if PASSERELLE.database_url:
    _POSTGRESQL = read_database_url(PASSERELLE.database_url)
    # A pool for each process: connecting at each request halves throughput, and there are more
    # threads than the database needs connections.
    _POOL = {"min_size": 1, "max_size": 8, "timeout": 10}
    DATABASES = {
        "default": {
            **_POSTGRESQL,
            "CONN_MAX_AGE": 0,
            "OPTIONS": {**_POSTGRESQL.get("OPTIONS", {}), "pool": _POOL},
        }
    }
else:
    PASSERELLE.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    DATABASES = {
        "default": {
            "ENGINE": "passerelle.config.sqlite",
            "NAME": PASSERELLE.data_dir / "passerelle.sqlite3",
            "CONN_MAX_AGE": None,
            # As Django does for its own SQLite back end, which it knows by name only.
            "TEST": {"NAME": ":memory:"},
            "OPTIONS": {
                # A transaction takes the write lock when it begins: one that reads first and then
                # writes would fail under load instead of waiting.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # FULL, because a consumed assertion must not be forgotten at power loss.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }

# Mail goes where PASSERELLE_EMAIL_URL leads; without it, nobody sends any.
_EMAIL = urlsplit(PASSERELLE.email_url or "")
_USUAL_PORTS = {"smtps": 465, "smtp+tls": 587}
EMAIL_HOST = _EMAIL.hostname or "localhost"
EMAIL_PORT = _EMAIL.port or _USUAL_PORTS.get(_EMAIL.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    unquote(_EMAIL.username or ""),
    unquote(_EMAIL.password or ""),
)
EMAIL_USE_SSL, EMAIL_USE_TLS = _EMAIL.scheme == "smtps", _EMAIL.scheme == "smtp+tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = parse_qs(_EMAIL.query).get("from", [f"passerelle@{ALLOWED_HOSTS[0]}"])[0]

AUTH_USER_MODEL = "directory.User"
PASSWORD_HASHERS = ["passerelle.config.hashers.Argon2PasswordHasher"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

_COOKIE_PREFIX = "__Host-" if PASSERELLE.has_tls else ""
SESSION_COOKIE = _COOKIE_PREFIX + "passerelle_session"
BINDING_COOKIE = _COOKIE_PREFIX + "passerelle_browser"
SETUP_COOKIE = _COOKIE_PREFIX + "passerelle_setup"
SECRET_COOKIE = _COOKIE_PREFIX + "passerelle_secret"
AFTER_LOGOUT_COOKIE = _COOKIE_PREFIX + "passerelle_after_logout"
SECOND_STEP_COOKIE = _COOKIE_PREFIX + "passerelle_second_step"
PASSKEY_COOKIE = _COOKIE_PREFIX + "passerelle_passkey"
DEVICE_COOKIE = _COOKIE_PREFIX + "passerelle_device"
FINISH_COOKIE = _COOKIE_PREFIX + "passerelle_finish_"
LANGUAGE_COOKIE_NAME = _COOKIE_PREFIX + "passerelle_language"
CSRF_COOKIE_NAME = _COOKIE_PREFIX + "passerelle_csrf"
CSRF_COOKIE_SECURE = PASSERELLE.has_tls
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "passerelle.web.frame.errors.csrf_failure"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
# The address of each file carries a digest of its content.
WHITENOISE_MAX_AGE = 365 * 24 * 3600

# A response with 5,000 groups, in base64, and what a form adds to it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_HANDLERS = ["passerelle.web.frame.uploads.BoundedUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "passerelle.config.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": PASSERELLE.log_format}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "passerelle": {"level": "INFO"},
        # A refused request is the client's matter; the page and the trace tell it.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
    },
}
