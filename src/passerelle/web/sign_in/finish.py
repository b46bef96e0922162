"""The end of a SAML sign-in, in the browser of whoever it is about."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from passerelle.sso.sessions.session import find_session
from passerelle.sso.sign_in.finish import Visit, WouldReplace, finish_sign_in
from passerelle.sso.sign_in.saml import Refused
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import delete_cookie, replace_session
from passerelle.web.sign_in.admit_session import go_on
from passerelle.web.sign_in.saml_pages import finish_cookie, known_connections_only, refused_page


@require_http_methods(["GET", "POST"])
@known_connections_only
def finish(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the person in: the cookies that come along show that it is the same browser.

    It is posted to, with a CSRF token, by who agrees to be somebody else from here on.
    """
    code = request.GET.get("code", "")
    cookie_name = finish_cookie(code)
    session_key = request.COOKIES.get(settings.SESSION_COOKIE, "")
    try:
        signed_in = finish_sign_in(
            Visit(
                slug=slug,
                code=code,
                cookie=request.COOKIES.get(cookie_name),
                binding=request.COOKIES.get(settings.BINDING_COOKIE),
                session_key=session_key,
                agreed=request.method == "POST",
                address=client_address(request),
                agent=request.headers.get("User-Agent", ""),
                now=timezone.now(),
            )
        )
    except WouldReplace as asked:
        return render(request, "go_on.html", {"present": asked.present, "coming": asked.coming})
    except Refused as refused:
        is_spent = refused.sign_in.reason == "request_unknown"
        if is_spent and find_session(session_key, now=timezone.now()):
            # Reloaded, or the same answer twice: the person is in already.
            return redirect("/")
        return refused_page(request, refused.sign_in)
    user, after_form = signed_in.user, request.method == "POST"
    response = go_on(request, user, signed_in.next, after_form=after_form)
    replace_session(request, response, signed_in.session_key, language=user.language)
    delete_cookie(response, cookie_name)
    return response
