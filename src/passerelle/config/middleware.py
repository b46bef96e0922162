"""What holds for every request, whatever page it asks for."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from passerelle.dashboard.content_security import content_security_policy
from passerelle.dashboard.views.errors import overloaded
from passerelle.sso.addresses import is_within
from passerelle.sso.hashing import TooBusy
from passerelle.sso.turns import Busy

MAX_DRAINED = 64 * 1024 * 1024
CHUNK = 64 * 1024

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
        except Exception:
            return JsonResponse({"status": "database not ready"}, status=503)
        return JsonResponse({"status": "ok"})


class CanonicalAddressMiddleware:
    """Lead to the one public address: to TLS where the base URL says so, to its host in the demo.

    A cookie set under one name of a host is not sent to another.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ours = settings.PASSERELLE
        if request.path == "/metrics":
            # Asked for by address and from nearby; who may read it is decided there.
            return self.get_response(request)
        if ours.has_tls and not _came_by_tls(request):
            return HttpResponsePermanentRedirect(ours.base_url + request.get_full_path())
        asked = request.META.get("HTTP_HOST", "")
        if ours.demo and request.method == "GET" and asked != urlsplit(ours.base_url).netloc:
            return HttpResponsePermanentRedirect(ours.base_url + request.get_full_path())
        return self.get_response(request)


def _came_by_tls(request: HttpRequest) -> bool:
    if request.scheme == "https":
        return True
    if not is_within(request.META.get("REMOTE_ADDR"), settings.PASSERELLE.trusted_proxies):
        return False
    forwarded = request.META.get("HTTP_X_FORWARDED_PROTO", "")
    return bool(forwarded.rpartition(",")[2].strip() == "https")


class OverloadMiddleware:
    """What cannot be answered in time is overload, not an error of the request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OperationalError | InterfaceError | TooBusy | Busy):
            return None
        return overloaded(error)


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
        if not request.path.startswith(settings.STATIC_URL):
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
