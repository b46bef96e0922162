"""Pages for what is not there, not allowed, or went wrong."""

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

log = logging.getLogger("passerelle")


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {"title": title, "text": text}
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(
        request,
        400,
        _("This request cannot be read"),
        _("Go back and try again. If it happens again, tell an administrator what you did."),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(
        request,
        403,
        _("Only administrators can see this page"),
        _("Ask an administrator of your company if you need something changed here."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(
        request,
        404,
        _("There is nothing at this address"),
        _("Check the address, or start from the dashboard."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        request,
        403,
        _("This form is too old, or came from another site"),
        _("Nothing was changed. Go back, reload the page and try again, with cookies allowed."),
    )


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    return _page(
        request,
        429,
        _("Too many failed attempts"),
        _("Wait ten minutes, then start the sign-in again."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without anything that could fail again."""
    return HttpResponse(render_to_string("server_error.html"), status=500)


def overloaded(error: Exception) -> HttpResponse:
    """The database or a hash took too long: come again, nothing is wrong with the request."""
    kind = type(error).__name__
    log.error("overloaded, somebody was sent away: %s %s", kind, " ".join(str(error).split()))
    return HttpResponse(
        render_to_string("overloaded.html"), status=503, headers={"Retry-After": "5"}
    )
