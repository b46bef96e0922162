"""What holds for every request, whatever page it asks for."""

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error, connection
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
    JsonResponse,
    UnreadablePostError,
)
from django.urls import reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from passerelle.infra.database_faults import Fault, fault_of, standing_fault
from passerelle.infra.network import is_within
from passerelle.web.frame.client import came_by
from passerelle.web.frame.content_security import content_security_policy
from passerelle.web.frame.errors import scheme_unknown, unavailable

MAX_DRAINED = 64 * 1024 * 1024
CHUNK = 64 * 1024
LED_COOKIE = "passerelle_led"
"""Says that a browser was just led to TLS: one that brings it back without TLS goes in a circle."""
LED_FOR = 10
"""Seconds."""

GetResponse = Callable[[HttpRequest], HttpResponse]


class HealthMiddleware:
    """Answer probes before anything asks which host was meant: they come by address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health/live":
            return JsonResponse({"status": "ok"})
        if request.path == "/health/ready":
            return self._ready()
        return self.get_response(request)

    def _ready(self) -> HttpResponse:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM directory_company LIMIT 1")
            fault = standing_fault()
        except Error as error:
            # Without our tables, too, it is not ready.
            fault = fault_of(error) or Fault.AWAY
        return JsonResponse({"status": fault or "ok"}, status=503 if fault else 200)


class CanonicalAddressMiddleware:
    """Lead to the one public address: to TLS where the base URL says so, to its host in the demo.

    A cookie set under one name of a host is not sent to another.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ours = settings.PASSERELLE
        if request.path == reverse("metrics"):
            # Asked for by address and from nearby; who may read it is decided there.
            return self.get_response(request)
        if ours.has_tls and came_by(request) != "https":
            return _to_tls(request)
        asked = request.META.get("HTTP_HOST", "")
        if ours.demo and request.method == "GET" and asked != urlsplit(ours.base_url).netloc:
            return HttpResponsePermanentRedirect(ours.base_url + request.get_full_path())
        return self.get_response(request)


def _to_tls(request: HttpRequest) -> HttpResponse:
    """Lead to the public address, unless that is where the browser comes from.

    Never for good: a browser would keep to it after the proxy has been corrected.
    """
    received = request.META.get("HTTP_X_FORWARDED_PROTO")
    if why := _why_not_led(request, received):
        return scheme_unknown(received, why)
    response = HttpResponseRedirect(settings.PASSERELLE.base_url + request.get_full_path())
    response.set_cookie(LED_COOKIE, "1", max_age=LED_FOR, httponly=True, samesite="Lax")
    return response


def _why_not_led(request: HttpRequest, received: str | None) -> str | None:
    peer = request.META.get("REMOTE_ADDR")
    was_led = LED_COOKIE in request.COOKIES
    if not is_within(peer, settings.PASSERELLE.trusted_proxies):
        if received is None and not was_led:
            return None
        return f"PASSERELLE_TRUSTED_PROXIES does not name {peer}, from where it comes"
    if received is None:
        return f"the proxy {peer} sends no X-Forwarded-Proto; expected https"
    if came_by(request) != "http" or "https" in received.lower() or was_led:
        return (
            f"the proxy {peer} sends X-Forwarded-Proto: {received!r}; expected https alone, or one "
            "value for each proxy that PASSERELLE_TRUSTED_PROXIES names"
        )
    return None


class OverloadMiddleware:
    """What cannot be answered in time is overload, not an error of the request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable(error)


class BodyMiddleware:
    """Read forms as UTF-8, and take in the rest of a body that is too large.

    A client hears an answer only after it has sent everything.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Forms are UTF-8, whatever a header says: some names that it could give break the decoder.
        request.encoding = "utf-8"
        response = self.get_response(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            _drain(request)
        return response


def _drain(request: HttpRequest) -> None:
    """Read and forget, up to a bound; whoever sends more than that is cut off."""
    taken = 0
    # Who is gone by then hears no answer.
    with suppress(UnreadablePostError):
        while taken < MAX_DRAINED and (chunk := request.read(CHUNK)):
            taken += len(chunk)


class SecurityHeadersMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if settings.PASSERELLE.has_tls:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        is_file = request.path.startswith(settings.STATIC_URL)
        if not is_file or response.status_code >= HTTPStatus.BAD_REQUEST:
            headers["Cache-Control"] = "no-store"
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response


class LanguageMiddleware:
    """The language that was chosen explicitly, otherwise the browser's, at each request anew."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language",))
        return response
