"""In, for somebody who has shown who they are: past every bar, or by a page that asks for more."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from passerelle.directory.links import renewal_path
from passerelle.directory.models import Company, User
from passerelle.directory.rights import opened_at_sign_in
from passerelle.sso.models import Passkey
from passerelle.sso.outbox.letters import can_send
from passerelle.sso.sessions.session import Browser
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.admit import Bar, Way, admit, as_it_is, bar_of
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.sso.sign_in.saml import Outgoing
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import replace_session, set_cookie
from passerelle.web.frame.leave import leave
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.sign_in.login_page import offers_of, query_for

ELSEWHERE = ("/oidc/", "/forward-auth/")
"""Paths of ours that lead to other sites."""


def page_again(
    request: PageRequest,
    company: Company,
    next_path: str,
    *,
    typed: str,
    problem: str,
    status: int,
) -> HttpResponse:
    """The page again, for somebody who may not enter like this."""
    context = {
        **offers_of(company),
        "query": query_for(next_path),
        "next": next_path,
        "typed": typed,
        "problem": problem,
        "passkeys": are_possible() and Passkey.objects.filter(company=company).exists(),
        "can_reset": can_send(),
        "password_open": True,
    }
    return render(request, "login.html", context, status=status)


def require_second_factor(request: PageRequest, user: User, next_path: str) -> HttpResponse:
    """In, for somebody whose password was right; by another page where more is asked."""
    found = as_it_is(user)
    if found is None:
        return mismatch(request, user.company, next_path, user.email)
    if barred := barred_from_password(request, found):
        return barred
    now = timezone.now()
    if not second_factor.is_asked(found, request.COOKIES.get(settings.DEVICE_COOKIE), now=now):
        return admit_session(request, found, next_path)
    response: HttpResponse = redirect("second_step")
    token = second_factor.begin(found, next_path=next_path, now=now)
    lifetime = round(second_factor.LIFETIME.total_seconds())
    set_cookie(response, settings.SECOND_STEP_COOKIE, token, max_age=lifetime)
    return response


def admit_session(
    request: PageRequest,
    user: User,
    next_path: str,
    *,
    way: Way = Way.PASSWORD,
    otp: bool = False,
    remember: bool = False,
) -> HttpResponse:
    """In, for somebody who has shown all that is asked; or the page that says what bars them."""
    browser = Browser(client_address(request), request.headers.get("User-Agent", ""))
    admitted = admit(user, way, browser=browser, otp=otp, remember=remember, now=timezone.now())
    if admitted is Bar.CHANGED:
        return mismatch(request, user.company, next_path, user.email)
    if admitted is Bar.EXPIRED:
        # Both factors have just shown who it is: the link goes to them and to nobody else.
        return redirect(renewal_path(user))
    if isinstance(admitted, Bar):
        return _barred(request, user, admitted)
    response = go_on(request, admitted.user, next_path, after_form=True)
    replace_session(request, response, admitted.session_key, language=admitted.user.language)
    if admitted.device_token:
        lifetime = round(second_factor.REMEMBERED.total_seconds())
        set_cookie(response, settings.DEVICE_COOKIE, admitted.device_token, max_age=lifetime)
    return response


def mismatch(
    request: PageRequest, company: Company, next_path: str, typed: str, *, reference: str = ""
) -> HttpResponse:
    problem = _("E-mail address and password do not match an account that can sign in here.")
    if reference:
        help_by = _("Your administrator can look it up by the reference %(reference)s.")
        problem = f"{problem} {help_by % {'reference': reference}}"
    return page_again(request, company, next_path, typed=typed, problem=problem, status=422)


def go_on(request: HttpRequest, user: User, next_path: str, *, after_form: bool) -> HttpResponse:
    """On to where they wanted to; who wanted nowhere, to the application that opens at sign-in.

    What leads to another dashboard is a page that goes on by itself: browsers hold a form's
    redirects to our own site.
    """
    if next_path in ("", "/") and (straight := opened_at_sign_in(user)):
        return leave(request, Outgoing(straight), after_form=True)
    if after_form and next_path.startswith(ELSEWHERE):
        return leave(request, Outgoing(next_path), after_form=True)
    return HttpResponseRedirect(next_path or "/")


def barred_from_password(request: PageRequest, user: User) -> HttpResponse | None:
    """The page for somebody who may not enter by password, or not from here."""
    bar = bar_of(user, address=client_address(request), now=timezone.now())
    return _barred(request, user, bar) if bar else None


def _barred(request: PageRequest, user: User, bar: Bar) -> HttpResponse:
    text = {
        Bar.ADDRESS: _(
            "You cannot sign in from this network. Use your company's network or its VPN."
        ),
        Bar.SSO_ONLY: _("Your company lets you in by single sign-on only: use the button above."),
    }[bar]
    return page_again(request, user.company, "", typed=user.email, problem=text, status=403)
