"""The way out, to an identity provider: by redirect, or by a form that sends itself."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.encoding import iri_to_uri

from passerelle.sso.sign_in.saml import Outgoing
from passerelle.web.frame.content_security import content_security_policy
from passerelle.web.frame.cookies import delete_cookie

AFTER_LOGOUT = "after logout"
"""The salt of the cookie that knows where a dashboard wants people after signing out."""


def after_logout(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Signed out at the identity provider too: where the dashboard that began it wants them."""
    kept = request.COOKIES.get(settings.AFTER_LOGOUT_COOKIE, "")
    try:
        target = signing.loads(kept, salt=AFTER_LOGOUT, max_age=300) if kept else otherwise
    except signing.BadSignature:
        target = otherwise
    response = HttpResponse(status=303)
    response.headers["Location"] = target
    if kept:
        delete_cookie(response, settings.AFTER_LOGOUT_COOKIE)
    return response


def leave(request: HttpRequest, outgoing: Outgoing, *, after_form: bool = False) -> HttpResponse:
    """Lead to the identity provider.

    `after_form`: a form of ours led here, and browsers hold its redirects to our own site as well;
    a page that goes on by itself is none.
    """
    address = iri_to_uri(outgoing.address)
    if outgoing.fields is None and not after_form:
        return HttpResponseRedirect(address)
    context = {"address": address, "fields": outgoing.fields}
    response = render(request, "leave.html", context)
    if outgoing.fields is None:
        response.headers["Refresh"] = f"0; url={address}"
    else:
        # The one page whose form leaves this site. It is not held to one host: browsers hold the
        # redirects behind a form to the same rule, and an identity provider may be on several.
        policy = content_security_policy(forms_to="https: http:")
        response.headers["Content-Security-Policy"] = policy
    return response
