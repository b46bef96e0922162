"""A proxy asks about each request of an application's host, and hands us `/.passerelle/` of it.

On that host our session is a cookie of its own, for that host alone, so any domain works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core import signing
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from passerelle.directory.models import Application
from passerelle.infra.network import is_within
from passerelle.infra.tokens import digest, new_token
from passerelle.oidc import forward
from passerelle.oidc.addresses import is_our_host, normal_host
from passerelle.oidc.claims import visitor_of
from passerelle.oidc.forward import ASK, OWN
from passerelle.oidc.tokens import auth_time_of
from passerelle.sso.records.failures import fails_too_often
from passerelle.web.frame.client import client_address
from passerelle.web.frame.errors import unavailable
from passerelle.web.frame.middleware import PageRequest, may_come_from_here
from passerelle.web.oidc.entering import not_allowed, sign_in_first

COOKIE, NONCE = "passerelle_application", "passerelle_entering"
SALT = "forward-auth"
BEGUN_FOR = timedelta(minutes=15)
MAX_PATH = 1500
MAX_FAILURES = 200


class ForwardAuthMiddleware:
    """Before anything asks which host was meant: here it is the application's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer: Callable[[HttpRequest], HttpResponse]
        if request.path == ASK or request.path.startswith(f"{ASK}?"):
            answer = ask
        elif request.path.startswith(OWN):
            answer = own_page
        else:
            return self.get_response(request)
        try:
            return answer(request)
        except Error as error:
            if response := unavailable(error):
                return response
            raise


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the browser asked the application for, as the proxy says."""

    method: str
    scheme: str
    host: str | None
    path: str
    """With its query."""
    is_page: bool
    """Whether it is a page load, and no script, upload, web socket or preflight."""


def ask(request: HttpRequest) -> HttpResponse:
    """Whether this request goes through: 200 with who it is, or what the browser is told."""
    now, mode = timezone.now(), _said(request, "mode")
    wanted = _wanted(request, mode)
    if wanted.host is None or is_our_host(wanted.host):
        return _refused(
            request, 400, "proxy_host", _("The proxy does not say for which host it asks.")
        )
    token = _cookie(request, COOKIE, wanted.scheme)
    visitor = forward.visitor_at(wanted.host, token, now=now)
    named = _said(request, "application")
    if visitor is not None and named in ("", str(visitor.application.id)):
        if not may_come_from_here(request, visitor.user.company):
            text = _("You cannot sign in from this network. Use your company's network or its VPN.")
            return _refused(request, 403, "address_not_allowed", text)
        response = HttpResponse(status=200)
        for name, value in forward.headers_of(visitor, wanted.host, now=now).items():
            response.headers[name] = value
        return response
    application = forward.guarded(wanted.host)
    # A proxy that serves several hosts, or whatever a browser calls it, is for one application.
    if application is None or named not in ("", str(application.id)):
        text = _("No application is registered for the host %(host)s.") % {"host": wanted.host}
        return _refused(request, 403, "application_unknown", text)
    if wanted.path.startswith(OWN):
        text = _(
            "The proxy asks about %(path)s itself. It has to hand that path to Passerelle: without "
            "it nobody can sign in here."
        ) % {"path": OWN}
        return _refused(request, 403, "proxy_path_missing", text)
    return _sign_in(wanted, mode)


def _said(request: HttpRequest, name: str) -> str:
    """What the proxy says in its address: the first, for a browser's path may stand behind it."""
    return str(next(iter(request.GET.getlist(name)), ""))


def _sign_in(wanted: Wanted, mode: str) -> HttpResponse:
    """A page load is led to sign-in; nothing else could follow, and would lose what it sends."""
    start = f"{wanted.scheme}://{wanted.host}{OWN}start?{urlencode({'rd': wanted.path})}"
    if not wanted.is_page:
        body = {"error": "login_required", "sign_in": f"{wanted.scheme}://{wanted.host}/"}
        response: HttpResponse = JsonResponse(body, status=401)
    else:
        response = HttpResponse(status=401 if mode == "nginx" else 302)
        response.headers["Location"] = start
    for name, value in forward.no_headers().items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response


def _wanted(request: HttpRequest, mode: str) -> Wanted:
    meta = request.META
    if mode.startswith("envoy"):
        # Its path is put behind our own, as it is: `?mode=envoy/reports?page=2`.
        path = meta.get("QUERY_STRING", "").partition("mode=envoy")[2] or "/"
        method = request.method or "GET"
    else:
        path = _forwarded(request, "URI") or "/"
        method = _forwarded(request, "METHOD") or request.method or "GET"
    scheme = "https" if _forwarded(request, "PROTO").split(",")[-1].strip() == "https" else "http"
    host = _forwarded(request, "HOST").split(",")[-1].strip() or meta.get("HTTP_HOST", "")
    return Wanted(
        method,
        scheme,
        normal_host(host),
        path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/",
        _is_page(method, meta),
    )


def _forwarded(request: HttpRequest, name: str) -> str:
    """What a proxy says, from networks that are trusted; nothing from anybody else."""
    if not is_within(request.META.get("REMOTE_ADDR"), settings.PASSERELLE.trusted_proxies):
        return ""
    return str(request.META.get(f"HTTP_X_FORWARDED_{name}", ""))


def _is_page(method: str, meta: dict[str, Any]) -> bool:
    if method not in ("GET", "HEAD") or meta.get("HTTP_UPGRADE"):
        return False
    if meta.get("HTTP_X_REQUESTED_WITH"):
        return False
    # Browsers say what they want it for; those that do not, what they would take.
    if destination := meta.get("HTTP_SEC_FETCH_DEST"):
        return destination in ("document", "iframe", "frame")
    return "text/html" in meta.get("HTTP_ACCEPT", "")


def _cookie(request: HttpRequest, name: str, scheme: str) -> str:
    """Over TLS only the one that no sibling domain can set for this host."""
    return str(request.COOKIES.get(_cookie_name(name, scheme), ""))


def _cookie_name(name: str, scheme: str) -> str:
    return f"__Host-{name}" if scheme == "https" else name


def _set_cookie(
    response: HttpResponse, name: str, value: str, scheme: str, lasts: timedelta
) -> None:
    is_tls = scheme == "https"
    response.set_cookie(
        _cookie_name(name, scheme),
        value,
        max_age=round(lasts.total_seconds()),
        secure=is_tls,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def own_page(request: HttpRequest) -> HttpResponse:
    """What stands under `/.passerelle/` on an application's own host."""
    wanted = _wanted(request, "")
    application = forward.guarded(wanted.host) if wanted.host else None
    if application is None:
        text = _("No application is registered for the host %(host)s.") % {"host": wanted.host}
        return _refused(request, 404, "application_unknown", text)
    name = request.path.removeprefix(OWN)
    if request.method == "GET" and name == "start":
        return _start(request, application, wanted)
    if request.method == "GET" and name == "finish":
        return _finish(request, wanted)
    if name == "logout":
        return _logout(request, wanted)
    return _refused(request, 404, "not_found", _("There is no such page."))


def _start(request: HttpRequest, application: Application, wanted: Wanted) -> HttpResponse:
    """To the sign-in, with a mark in this browser: nobody else's way ends here."""
    if not is_within(request.META.get("REMOTE_ADDR"), settings.PASSERELLE.trusted_proxies):
        text = _("Only a proxy that PASSERELLE_TRUSTED_PROXIES names hands this path over.")
        return _refused(request, 400, "proxy_host", text)
    if application.url.startswith("https://") and wanted.scheme != "https":
        text = _(
            "The application is at https, and the proxy says that the browser came by http: it has "
            "to send X-Forwarded-Proto."
        )
        return _refused(request, 400, "proxy_scheme", text)
    nonce = new_token()
    path = request.GET.get("rd", "/")
    said = {
        "application": str(application.id),
        "host": wanted.host,
        "scheme": wanted.scheme,
        "path": path if _is_own_path(path) else "/",
        "nonce": digest(nonce),
    }
    query = urlencode({"request": signing.dumps(said, salt=SALT, compress=True)})
    response = redirect(f"{settings.PASSERELLE.base_url}{reverse('forward_auth_enter')}?{query}")
    _set_cookie(response, NONCE, nonce, wanted.scheme, BEGUN_FOR)
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_own_path(path: str) -> bool:
    """A path of the application's host, and of no other."""
    is_path = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return is_path and "\\" not in path and len(path) <= MAX_PATH and not path.startswith(OWN)


@require_GET
def enter(request: PageRequest) -> HttpResponse:
    """At our own address: who is signed in goes on to the application, others sign in first."""
    try:
        said = signing.loads(request.GET.get("request", ""), salt=SALT, max_age=BEGUN_FOR)
    except signing.BadSignature:
        context = {
            "title": _("This link has ended"),
            "text": _("Open the application again."),
        }
        return render(request, "error.html", context, status=400)
    application = forward.guarded(said["host"])
    if application is None or str(application.id) != said["application"]:
        context = {
            "title": _("This link has ended"),
            "text": _("The application has another address now. Open it again."),
        }
        return render(request, "error.html", context, status=400)
    session, now = request.session_row, timezone.now()
    if session is None or session.company_id != application.company_id:
        return sign_in_first(request, application.company, request.get_full_path())
    visitor = visitor_of(session, application, auth_time=auth_time_of(session))
    if not visitor.rights.may_open:
        return not_allowed(request, visitor, now=now)
    code = forward.begin_entry(
        visitor,
        path=said["path"],
        nonce_digest=said["nonce"],
        address=client_address(request),
        now=now,
    )
    response = HttpResponse(status=303)
    response.headers["Location"] = (
        f"{said['scheme']}://{said['host']}{OWN}finish?{urlencode({'code': code})}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _finish(request: HttpRequest, wanted: Wanted) -> HttpResponse:
    now, code = timezone.now(), request.GET.get("code", "")
    entry = forward.finish_entry(
        wanted.host or "", code, _cookie(request, NONCE, wanted.scheme), now=now
    )
    if entry is None:
        if fails_too_often("entry", client_address(request), MAX_FAILURES, now=now):
            return _refused(request, 429, "too_many", _("Too many attempts. Wait ten minutes."))
        text = _(
            "This sign-in was finished already, took longer than a minute, or was begun in another "
            "browser. Open the application again, with cookies allowed."
        )
        return _refused(request, 400, "entry_unknown", text)
    response = HttpResponse(status=303)
    response.headers["Location"] = quote(entry.path, safe="/?#[]@!$&'()*+,;=:%~-._")
    _set_cookie(response, COOKIE, entry.token, wanted.scheme, entry.lasts)
    _set_cookie(response, NONCE, "", wanted.scheme, timedelta())
    response.headers["Cache-Control"] = "no-store"
    return response


def _logout(request: HttpRequest, wanted: Wanted) -> HttpResponse:
    """Out of this application; our own page then asks whether out of everything."""
    forward.leave(_cookie(request, COOKIE, wanted.scheme))
    response = redirect(settings.PASSERELLE.base_url + reverse("oidc_logout"))
    _set_cookie(response, COOKIE, "", wanted.scheme, timedelta())
    return response


def _refused(request: HttpRequest, status: int, reason: str, text: str) -> HttpResponse:
    """A small page of its own, for it stands on another host than ours."""
    language = translation.get_language_from_request(request)
    with translation.override(language):
        context = {"text": text, "reason": reason, "base": settings.PASSERELLE.base_url}
        body = render_to_string("forward_refused.html", context)
    response = HttpResponse(body, status=status)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Passerelle-Reason"] = reason
    for name, value in forward.no_headers().items():
        response.headers[name] = value
    return response
