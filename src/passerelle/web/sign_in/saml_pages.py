"""What the addresses of a SAML connection share: who is refused, and how."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
)
from django.shortcuts import render
from django.utils.translation import gettext as _

from passerelle.infra.tokens import digest
from passerelle.saml.explain import filled
from passerelle.sso.connections.connection import (
    UnknownConnection,
)
from passerelle.sso.models import SignIn
from passerelle.sso.records.explain import person_sentence
from passerelle.sso.records.traces import UNVERIFIABLE


def known_connections_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A slug that no connection has is an address where nothing is."""

    @wraps(view)
    def guarded(request: HttpRequest, slug: str) -> HttpResponse:
        try:
            return view(request, slug)
        except UnknownConnection:
            raise Http404 from None

    return guarded


def finish_cookie(code: str) -> str:
    """One cookie for each code, so that two tabs do not overwrite each other's."""
    return settings.FINISH_COOKIE + digest(code)[:12]


def refused_page(request: HttpRequest, sign_in: SignIn) -> HttpResponse:
    """One plain sentence, whom to ask, and the reference that the administrator can open."""
    reason = sign_in.reason
    status = 413 if reason == "message_too_large" else 400 if reason in UNVERIFIABLE else 403
    failed: dict[str, Any] = next((check for check in sign_in.checks if not check["passed"]), {})
    values = {"received": failed.get("received") or "?", **failed.get("values", {})}
    connection = sign_in.connection
    context = {
        "sentence": filled(_(person_sentence(reason, values.get("case", ""))), values),
        "reference": sign_in.reference,
        "company": connection.company if connection else sign_in.company,
        "connection": connection,
        "waits": reason == "approval_pending",
    }
    # The usual referrer policy: with none at all, the language switch would look like a stranger's.
    return render(request, "refused.html", context, status=status)
