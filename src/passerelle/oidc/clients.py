"""OpenID Connect clients: what each may do, and its secrets."""

import hmac
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Application, Company
from passerelle.infra.tokens import digest, new_token
from passerelle.oidc.addresses import is_registered
from passerelle.oidc.models import ClientSecret

OVERLAP = timedelta(hours=24)
"""So long the old secret goes on when a new one is made."""
SHORTEST_SECRET = 16
SCOPES = ("openid", "profile", "email", "groups", "offline_access")
PRIVATE_KEY_JWT = "private_key_jwt"
GRANT_TYPES = ("authorization_code", "refresh_token")


class Client:
    """An application in the words of the protocol library (Authlib's `ClientMixin`)."""

    def __init__(self, application: Application, *, now: datetime) -> None:
        self.application, self.now = application, now
        self.client_id = application.client_id or ""

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: a client always says where (OpenID Connect Core §3.1.2.1)."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """What is asked for and is known; the rest is left out (RFC 6749 §3.3)."""
        asked = (scope or "").split()
        return " ".join(name for name in SCOPES if name in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return is_registered(redirect_uri, self.application.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        sent = digest(client_secret)
        usable = ClientSecret.objects.filter(application=self.application)
        usable = usable.filter(Q(expires_at=None) | Q(expires_at__gt=self.now))
        known = usable.values_list("digest", flat=True)
        return any(hmac.compare_digest(sent, one) for one in known)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        if self.application.public:
            return method == "none"
        if self.application.client_keys:
            return method == PRIVATE_KEY_JWT
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES


def find_client(client_id: Any, *, now: datetime) -> Client | None:
    if not isinstance(client_id, str) or not client_id or "\0" in client_id:
        return None
    found = Application.objects.select_related("company")
    row = found.filter(client_id=client_id, kind=Application.Kind.OIDC).first()
    return Client(row, now=now) if row else None


@transaction.atomic
def make_secret(
    application: Application, *, at_once: bool = False, actor: Actor, now: datetime
) -> str:
    """A new secret, told this once; the old one goes on for a day, unless it is to end at once."""
    Company.locked(application.company_id)
    secret = new_token()
    old = ClientSecret.objects.filter(application=application)
    if at_once:
        old.delete()
    ends = now + OVERLAP
    old.filter(Q(expires_at=None) | Q(expires_at__gt=ends)).update(expires_at=ends)
    _keep(application, secret, now)
    details = {"old_ends": now.isoformat() if at_once else ends.isoformat()}
    entry = Entry(EventName.CLIENT_SECRET_MADE, application.name, details)
    record([entry], company_id=application.company_id, actor=actor, now=now)
    return secret


def has_secret(application: Application, secret: str) -> bool:
    """Whether this one is kept, with no end."""
    known = ClientSecret.objects.filter(application=application, expires_at=None)
    return known.filter(digest=digest(secret)).exists()


def set_secret(application: Application, secret: str, *, now: datetime) -> None:
    """Take a secret that the operator chose; what was there before goes on for a day."""
    old = ClientSecret.objects.filter(application=application)
    old.filter(digest=digest(secret)).delete()
    old.filter(expires_at=None).update(expires_at=now + OVERLAP)
    _keep(application, secret, now)


def _keep(application: Application, secret: str, now: datetime) -> None:
    ClientSecret.objects.create(
        company_id=application.company_id,
        application=application,
        digest=digest(secret),
        created_at=now,
    )
