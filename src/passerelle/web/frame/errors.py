"""Pages for what is not there, not allowed, or went wrong."""

import logging
import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from passerelle.infra.database_faults import CURES, Fault, fault_of, note
from passerelle.infra.hashing import TooBusy
from passerelle.infra.turns import Busy
from passerelle.web.frame.refusals import refusal

log = logging.getLogger("passerelle")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(
        request,
        400,
        _("This request cannot be read"),
        _("Go back and try again. If it happens again, tell an administrator what you did."),
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(
        request,
        403,
        _("Only administrators can see this page"),
        _("Ask an administrator of your company if you need something changed here."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(settings.STATIC_URL):
        # Nobody reads a page there, and a page brings a token and a cookie.
        return HttpResponseNotFound("There is nothing at this address.\n", "text/plain")
    return refusal(
        request,
        404,
        _("There is nothing at this address"),
        _("Check the address, or start from the dashboard."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return refusal(
        request,
        403,
        _("This form is too old, or came from another site"),
        _("Nothing was changed. Go back, reload the page and try again, with cookies allowed."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without anything that could fail again."""
    error = sys.exception()
    if error and (answer := unavailable(error)):
        return answer
    return HttpResponse(render_to_string("server_error.html"), status=500)


def unavailable(error: BaseException) -> HttpResponse | None:
    """What the database or a hash cannot do now: come again, nothing is wrong with the request.

    None for an error of another kind.
    """
    fault = Fault.BUSY if isinstance(error, TooBusy | Busy) else fault_of(error)
    if fault is None:
        return None
    detail = f"{type(error).__name__} {' '.join(str(error).split())}"
    if fault is Fault.BUSY:
        log.error("overloaded, somebody was sent away: %s", detail)
        page = "overloaded.html"
    else:
        log.error("%s, somebody was sent away: %s (%s)", fault, CURES[fault], detail)
        page = "unavailable.html"
    note(fault)
    return HttpResponse(render_to_string(page), status=503, headers={"Retry-After": "5"})


def scheme_unknown(received: str | None, why: str) -> HttpResponse:
    """Leading to the public address would lead here again. The log says it to the operator."""
    log.error("a request cannot be led to %s: %s", settings.PASSERELLE.base_url, why)
    return HttpResponse(render_to_string("scheme_unknown.html", {"received": received}), status=503)
