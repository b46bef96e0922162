"""A person goes on to another dashboard: signed in on the way where they are not yet."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from passerelle.directory.models import Application
from passerelle.infra.tokens import digest
from passerelle.oidc.claims import Visitor, hinted, issuer, visitor_of
from passerelle.oidc.tokens import auth_time_of
from passerelle.sso.models import Session
from passerelle.sso.records.traces import keep_application_visit
from passerelle.web.frame.client import client_address
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.oidc.entering import not_allowed, sign_in_first

MAX_QUERY = 8000
STAMP_SECONDS = 600
SINCE = "passerelle_since"
"""Added to the address while somebody authenticates anew: after this moment, signed."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def authorize(request: PageRequest) -> HttpResponse:
    """OpenID Connect Core §3.1.2. A form that is posted here comes back by an address."""
    if request.method == "POST":
        # Cookies do not come along with a form of another site; they do with the address.
        return redirect(f"{reverse('oidc_authorize')}?{request.POST.urlencode()}")
    if len(request.META.get("QUERY_STRING", "")) > MAX_QUERY:
        too_long = _("Its request is longer than %(limit)s characters.") % {"limit": MAX_QUERY}
        return _wrong(request, too_long)
    return _Authorization(request).answer()


class _Authorization:
    """One request for authorization, on its way to an answer."""

    def __init__(self, request: PageRequest) -> None:
        from passerelle.oidc.server import Asked, Server

        self.request, self.now = request, timezone.now()
        self.query = request.GET
        self.asked = Asked("GET", self.query, QueryDict(), request.headers, self.now)
        self.server = Server(self.now)

    def answer(self) -> HttpResponse:
        from authlib.oauth2 import OAuth2Error

        client = self.server.query_client(self.query.get("client_id"))
        if client is None:
            return _wrong(self.request, _("No application is registered with its client ID."))
        self.application: Application = client.application
        if not client.check_redirect_uri(self.query.get("redirect_uri", "")):
            return _wrong_address(self.request, self.application)
        if any("\0" in one for values in self.query.lists() for one in values[1]):
            return self.refuse("invalid_request", "expected text without NUL")
        try:
            self.grant = self.server.get_consent_grant(self.asked)
        except OAuth2Error as error:
            return self.refuse(error.error, error.description or "")
        return self._unsupported() or self._with_person()

    def _unsupported(self) -> HttpResponse | None:
        for name in ("request", "request_uri", "registration"):
            if name in self.query:
                return self.refuse(f"{name}_not_supported", f"{name} is not supported")
        if self.query.get("response_mode", "query") != "query":
            return self.refuse("invalid_request", "expected response_mode=query")
        if not self._max_age_is_number():
            return self.refuse("invalid_request", "expected max_age in whole seconds")
        return None

    def _max_age_is_number(self) -> bool:
        typed = self.query.get("max_age", "")
        return not typed or (typed.isascii() and typed.isdigit() and len(typed) < 10)

    def _with_person(self) -> HttpResponse:
        session = self.request.session_row
        prompts = self.query.get("prompt", "").split()
        if "none" in prompts and len(prompts) > 1:
            return self.refuse("invalid_request", "expected prompt=none alone")
        is_theirs = session is not None and session.company_id == self.application.company_id
        if session is None or not is_theirs:
            if "none" in prompts:
                return self.refuse("login_required", "nobody is signed in")
            return sign_in_first(self.request, self.application.company, self._here(of=None))
        since = self._since(prompts, session)
        if since is not None and auth_time_of(session) < since:
            if "none" in prompts or self._stamped(session) is not None:
                return self.refuse("login_required", "the person did not authenticate again")
            return sign_in_first(
                self.request, self.application.company, self._here(of=session), anew=session
            )
        if "none" in prompts and self._is_for_another(session):
            return self.refuse("login_required", "another person is signed in")
        visitor = visitor_of(session, self.application, auth_time=auth_time_of(session))
        if not visitor.rights.may_open:
            if "none" in prompts:
                return self.refuse("access_denied", "the person may not open this application")
            return not_allowed(self.request, visitor, now=self.now)
        return self._issue(visitor)

    def _since(self, prompts: list[str], session: Session) -> datetime | None:
        """Since when the person has to have shown who they are."""
        stamped = self._stamped(session)
        if stamped is not None:
            return stamped
        # `select_account` asks for nothing: a browser has one account here at a time.
        if "login" in prompts:
            return self.now
        if self.query.get("max_age"):
            return self.now - timedelta(seconds=int(self.query["max_age"]))
        return None

    def _stamped(self, session: Session) -> datetime | None:
        """When this person was asked to show who they are, for this very request."""
        try:
            stamp, whose, asked = signing.loads(
                self.query.get(SINCE, ""), salt=SINCE, max_age=STAMP_SECONDS
            )
        except (signing.BadSignature, ValueError, TypeError):
            return None
        # With nobody signed in, it was for whoever would sign in then.
        if whose not in ("", str(session.user_id)) or asked != self._asked_for():
            return None
        return datetime.fromisoformat(stamp)

    def _asked_for(self) -> str:
        """A digest of the request itself."""
        query = self.query.copy()
        query.pop(SINCE, None)
        return digest(query.urlencode())

    def _is_for_another(self, session: Session) -> bool:
        hint = hinted(self.query.get("id_token_hint", ""), now=self.now)
        return hint is not None and hint.get("sub") != str(session.user_id)

    def _here(self, *, of: Session | None) -> str:
        """This request once more, for after the sign-in: who shows now who they are, has."""
        query = self.query.copy()
        query.pop(SINCE, None)
        since = (self.now - timedelta(seconds=1)).isoformat()
        stamp = [since, str(of.user_id) if of else "", self._asked_for()]
        query[SINCE] = signing.dumps(stamp, salt=SINCE)
        return f"{reverse('oidc_authorize')}?{query.urlencode()}"

    def _issue(self, visitor: Visitor) -> HttpResponse:
        answer = self.server.create_authorization_response(
            self.grant.request, grant_user=visitor, grant=self.grant
        )
        keep_application_visit(
            self.application,
            visitor.user,
            address=client_address(self.request),
            now=self.now,
        )
        return _led(answer.location)

    def refuse(self, error: str, description: str) -> HttpResponse:
        """Back to the client, at an address that is registered (RFC 6749 §4.1.2.1)."""
        person, prompts = self.request.person, self.query.get("prompt", "").split()
        is_theirs = person is not None and person.company_id == self.application.company_id
        if not is_theirs and "none" not in prompts:
            # Nobody is led elsewhere by an address alone (RFC 9700 §4.11.2).
            return _wrong(self.request, f"{error}: {description}.")
        said = {"error": error, "error_description": description}
        if state := self.query.get("state"):
            said["state"] = state
        address = self.query.get("redirect_uri", "")
        return _led(f"{address}{'&' if '?' in address else '?'}{urlencode(said)}")


def _led(address: str) -> HttpResponse:
    """Back to the client, with who sends them (RFC 9207)."""
    response = HttpResponse(status=303)
    separator = "&" if "?" in address else "?"
    response.headers["Location"] = f"{address}{separator}{urlencode({'iss': issuer()})}"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _wrong(request: HttpRequest, what: str) -> HttpResponse:
    whom = _("Tell whoever runs the application.")
    context = {"title": _("This application is not set up correctly"), "text": f"{what} {whom}"}
    return render(request, "error.html", context, status=400)


def _wrong_address(request: PageRequest, application: Application) -> HttpResponse:
    """Nobody is led to an address that is not registered; its administrators see which are."""
    person = request.person
    is_theirs = person is not None and person.company_id == application.company_id
    context: dict[str, Any] = {
        "received": request.GET.get("redirect_uri", "")[:500],
        "application": application if person and is_theirs and person.is_administrator else None,
    }
    return render(request, "wrong_redirect.html", context, status=400)
