"""The way out, to an identity provider: by redirect, or by a form that sends itself."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.encoding import iri_to_uri

from passerelle.sso.sign_in.saml import Outgoing
from passerelle.web.frame.content_security import content_security_policy


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
