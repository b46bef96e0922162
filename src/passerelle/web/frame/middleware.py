"""Who is asking: the session of the browser, and with it the user and their company."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import is_valid_path, reverse
from django.utils import timezone

from passerelle.directory.models import Company, User
from passerelle.infra.network import is_within
from passerelle.sso.models import Session
from passerelle.sso.sessions.session import find_session
from passerelle.web.frame.client import client_address
from passerelle.web.frame.errors import unavailable


class PageRequest(HttpRequest):
    """A request as views see it: `person` is None when nobody is signed in."""

    person: User | None
    session_row: Session | None


class SessionMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.person = request.session_row = None
        # The machine ways of a sign-in carry their own proof: no session is looked up for them.
        if request.COOKIES.get(settings.SESSION_COOKIE) and not request.path.startswith("/auth/"):
            # The body first: whoever sends theirs slowly may be nobody by its end, and holds no
            # connection to the database meanwhile.
            request.POST  # noqa: B018 - read to its end
            if answer := self._look_up(request):
                return answer
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
            return _page_of_action(request) or response
        return response

    def _look_up(self, request: Any) -> HttpResponse | None:
        request.person = request.session_row = None
        try:
            session = find_session(
                request.COOKIES[settings.SESSION_COOKIE],
                # Asked by an open page, whether or not anybody sits before it.
                is_used=request.path != reverse("sign_ins_new"),
                now=timezone.now(),
            )
        except Error as error:
            if answer := unavailable(error):
                return answer
            raise
        if session and may_come_from_here(request, session.user.company):
            request.person, request.session_row = session.user, session
        return None


def _page_of_action(request: HttpRequest) -> HttpResponse | None:
    """Somebody came by GET to where a button leads: the page that has the button.

    A reload, a switch of language or a copied address does that; nothing is done by it.
    """
    if not request.path.startswith(("/settings/", reverse("account"), reverse("setup"))):
        return None
    path = request.path
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        if is_valid_path(path):
            break
    return HttpResponseRedirect(path)


def may_come_from_here(request: HttpRequest, company: Company) -> bool:
    """A company's IP allow list holds for sessions that are open already, too."""
    if not company.ip_allowlist:
        return True
    return is_within(client_address(request), company.ip_allowlist)
