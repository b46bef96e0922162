"""Who is asking: the session of the browser, and with it the user and their company."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from passerelle.directory.models import User
from passerelle.sso.sessions import find_session


class PageRequest(HttpRequest):
    """A request as views see it: `person` is None when nobody is signed in."""

    person: User | None


class SessionMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        key = request.COOKIES.get(settings.SESSION_COOKIE)
        request.person = None
        # The machine ways of a sign-in carry their own proof: no session is looked up for them.
        if key and not request.path.startswith("/auth/"):
            session = find_session(key, now=timezone.now())
            request.person = session.user if session else None
        return self.get_response(request)
