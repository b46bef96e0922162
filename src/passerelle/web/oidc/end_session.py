"""A dashboard signs a person out here as well (OpenID Connect RP-Initiated Logout 1.0)."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from passerelle.oidc.claims import hinted
from passerelle.oidc.clients import find_client
from passerelle.sso.sessions.session import sid_of
from passerelle.sso.sign_in.logout import start_logout
from passerelle.web.frame.cookies import delete_cookie, set_cookie
from passerelle.web.frame.leave import AFTER_LOGOUT, leave
from passerelle.web.frame.middleware import PageRequest

FIELDS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def end_session(request: PageRequest) -> HttpResponse:
    """Out, at once where the dashboard shows whose sign-in it means; otherwise after a question."""
    if request.method == "POST":
        # Cookies do not come along with a form of another site; they do with the address.
        sent = {name: request.POST[name] for name in FIELDS if name in request.POST}
        return redirect(f"{reverse('oidc_logout')}?{urlencode(sent)}")
    hint = hinted(request.GET.get("id_token_hint", ""), now=timezone.now())
    target = _target(request.GET, hint)
    if target is None:
        context = {
            "title": _("You are not signed out"),
            "text": _(
                "The application asked for a way back that is not registered for it. Tell whoever "
                "runs the application."
            ),
        }
        return render(request, "error.html", context, status=400)
    session = request.session_row
    if session is None:
        # Without a token of ours nobody is led elsewhere by an address alone.
        return _out(request, target if hint else "")
    if hint and hint.get("sid") == sid_of(session.key_digest):
        return _end(request, target, after_form=False)
    kept = [(name, request.GET[name]) for name in FIELDS if name in request.GET]
    return render(request, "sign_out.html", {"kept": kept})


@require_POST
def confirmed(request: PageRequest) -> HttpResponse:
    """The person has said so, on our own page."""
    target = _target(
        request.POST, hinted(request.POST.get("id_token_hint", ""), now=timezone.now())
    )
    return _end(request, target or "", after_form=True)


def _target(sent: Any, hint: dict[str, Any] | None) -> str | None:
    """Where to go afterwards; empty for our own page, None where that is not registered."""
    wanted = sent.get("post_logout_redirect_uri", "")
    if not wanted:
        return ""
    named = sent.get("client_id") or (hint or {}).get("aud")
    if hint and sent.get("client_id") not in (None, "", hint.get("aud")):
        return None
    client = find_client(named, now=timezone.now())
    if client is None or wanted not in client.application.post_logout_redirect_uris:
        return None
    state = sent.get("state", "")
    separator = "&" if "?" in wanted else "?"
    return f"{wanted}{separator}{urlencode({'state': state})}" if state else str(wanted)


def _end(request: PageRequest, target: str, *, after_form: bool) -> HttpResponse:
    session = request.session_row
    outgoing = None
    if session is not None:
        session.delete()
        outgoing = start_logout(session, now=timezone.now())
    if outgoing is None:
        return _out(request, target, after_form=after_form)
    response = leave(request, outgoing, after_form=after_form)
    delete_cookie(response, settings.SESSION_COOKIE)
    if target:
        kept = signing.dumps(target, salt=AFTER_LOGOUT)
        set_cookie(response, settings.AFTER_LOGOUT_COOKIE, kept, max_age=300)
    return response


def _out(request: HttpRequest, target: str, *, after_form: bool = False) -> HttpResponse:
    if not target:
        response: HttpResponse = render(request, "signed_out.html")
    elif after_form:
        response = render(request, "leave.html", {"address": target, "fields": None})
        response.headers["Refresh"] = f"0; url={target}"
    else:
        response = HttpResponse(status=303)
        response.headers["Location"] = target
    delete_cookie(response, settings.SESSION_COOKIE)
    return response
