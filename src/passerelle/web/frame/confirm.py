"""`confirmed_only`: what changes who may enter asks first who is asking."""

from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sign_in import google, second_factor
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.sso.sign_in.passwords import TooManyAttempts
from passerelle.sso.sign_in.reauthenticate import (
    confirm_by_password,
    is_recent,
    may_confirm_by_password,
)
from passerelle.web.frame.access import View, entries, locked_for_decision
from passerelle.web.frame.client import client_address
from passerelle.web.frame.middleware import PageRequest

FIELD = "confirm_password"
CODE = "confirm_code"
_OWN_FIELDS = (FIELD, CODE)


def confirmed_only(view: View) -> View:
    """Let a POST through only from a session that was confirmed lately; keep what was sent.

    Goes inside `administrators_only`: only somebody who may do it is asked. The view then runs
    behind the company's lock, for who may do it still.
    """

    @wraps(view)
    def deciding_view(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        with locked_for_decision(request):
            return view(request, *args, **kwargs)

    return confirmed_before_waiting(deciding_view)


def confirmed_before_waiting(view: View) -> View:
    """The same for a view that waits for other servers: it decides itself, after that."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        session, now = request.session_row, timezone.now()
        assert session is not None
        if request.method != "POST" or is_recent(session, now=now):
            return view(request, *args, **kwargs)
        password = request.POST.get(FIELD, "")
        if not password:
            return _ask(request, "")
        try:
            address = client_address(request)
            code = request.POST.get(CODE, "")[:100]
            if confirm_by_password(session, password, code, address=address, now=now):
                return view(request, *args, **kwargs)
        except TooManyAttempts:
            return _ask(request, _("Too many failed attempts. Wait ten minutes, then try again."))
        if second_factor.has_app(session.user):
            return _ask(request, _("The password or the code is not right."))
        return _ask(request, _("This is not your password."))

    return guarded


def _ask(request: PageRequest, problem: str) -> HttpResponse:
    """The page that asks: everything that was sent goes along, files excepted."""
    assert request.person is not None
    user = request.person
    issuers = set(user.identities.values_list("idp_entity_id", flat=True))
    came_by_google, came_by_saml = google.ISSUER in issuers, bool(issuers - {google.ISSUER})
    context = {
        "problem": problem,
        "has_password": may_confirm_by_password(user),
        "has_app": second_factor.has_app(user),
        "passkeys": are_possible() and user.passkeys.exists() and may_use_password(user),
        "connections": usable_connections(user.company) if came_by_saml else [],
        "google": came_by_google and google.is_usable(user.company),
        "kept": entries(request, but=_OWN_FIELDS),
        "has_files": bool(request.FILES),
        "address": request.get_full_path(),
    }
    return render(request, "confirm.html", context, status=403)
