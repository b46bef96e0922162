"""In, for somebody who has shown who they are: past every bar, or by a page that asks for more."""

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from passerelle.directory.links import renewal_path
from passerelle.directory.models import Company, User
from passerelle.infra.network import is_within
from passerelle.sso.models import Passkey
from passerelle.sso.outbox.letters import can_send
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sessions.session import Browser, open_session
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.sso.sign_in.password_rules import (
    is_expired,
)
from passerelle.sso.sign_in.passwords import record_entry
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import replace_session, set_cookie
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.sign_in.login_page import offers_of, query_for


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
    return render(request, "door.html", context, status=status)


def enter(request: PageRequest, user: User, next_path: str) -> HttpResponse:
    """In, for somebody whose password was right; by another page where more is asked.

    Every way in by password comes through here or through `go_in`, and so past every bar. Checking
    the password took a while: what holds now decides.
    """
    found = _as_it_is(user).select_related("company").first()
    if found is None:
        return mismatch(request, user.company, next_path, user.email)
    user = found
    if barred := barred_from_password(request, user):
        return barred
    now = timezone.now()
    if second_factor.is_asked(user, request.COOKIES.get(settings.DEVICE_COOKIE), now=now):
        response: HttpResponse = redirect("second_step")
        token = second_factor.begin(user, next_path=next_path, now=now)
        lifetime = round(second_factor.LIFETIME.total_seconds())
        set_cookie(response, settings.SECOND_STEP_COOKIE, token, max_age=lifetime)
        return response
    return go_in(request, user, next_path)


def go_in(
    request: PageRequest,
    user: User,
    next_path: str,
    *,
    way: str = "password",
    remember: bool = False,
) -> HttpResponse:
    """Open the session for somebody who has shown all that is asked; an old password goes first.

    With the row of the user locked: whoever changes the password, or suspends them, either comes
    first and is seen here, or comes after and ends this session with the others. So is a browser
    that is to be remembered: it leaves out the second factor only as long as that password holds.
    """
    with transaction.atomic():
        as_it_is = _as_it_is(user).select_for_update(of=("self",), no_key=True)
        locked = as_it_is.select_related("company").first()
        if locked is None:
            return mismatch(request, user.company, next_path, user.email)
        if barred := barred_from_password(request, locked):
            return barred
        now = timezone.now()
        if way == "password" and is_expired(locked, now=now):
            # Both factors have just shown who it is: the link goes to them and to nobody else.
            return redirect(renewal_path(locked))
        record_entry(locked, way=way, address=client_address(request), now=now)
        response = _open(request, locked, next_path)
        if remember:
            _remember(request, locked, response)
        return response


def _remember(request: PageRequest, user: User, response: HttpResponse) -> None:
    """In this browser, somebody who has shown a second factor is not asked for it again."""
    agent = request.headers.get("User-Agent", "")
    token = second_factor.trust_device(user, agent=agent, now=timezone.now())
    lifetime = round(second_factor.REMEMBERED.total_seconds())
    set_cookie(response, settings.DEVICE_COOKIE, token, max_age=lifetime)


def _as_it_is(user: User) -> "QuerySet[User]":
    """The account, as long as it has the password that was checked, and may sign in."""
    return User.objects.filter(id=user.id, password=user.password, status=User.Status.ACTIVE)


def mismatch(
    request: PageRequest, company: Company, next_path: str, typed: str, *, reference: str = ""
) -> HttpResponse:
    problem = _("E-mail address and password do not match an account that can sign in here.")
    if reference:
        help_by = _("Your administrator can look it up by the reference %(reference)s.")
        problem = f"{problem} {help_by % {'reference': reference}}"
    return page_again(request, company, next_path, typed=typed, problem=problem, status=422)


def barred_from_password(request: PageRequest, user: User) -> HttpResponse | None:
    """The page for somebody who may not enter by password, or not from here."""
    company, address, now = user.company, client_address(request), timezone.now()
    if company.ip_allowlist and not is_within(address, company.ip_allowlist):
        reason = "address_not_allowed"
        text = _("You cannot sign in from this network. Use your company's network or its VPN.")
    elif not may_use_password(user):
        reason = "password_not_allowed"
        text = _("Your company lets you in by single sign-on only: use the button above.")
    else:
        return None
    keep_password_attempt(company, user=user, reason=reason, address=address, now=now)
    return page_again(request, company, "", typed=user.email, problem=text, status=403)


def _open(request: PageRequest, user: User, next_path: str) -> HttpResponse:
    browser = Browser(client_address(request), request.headers.get("User-Agent", ""))
    now = timezone.now()
    key = open_session(user, connection=None, now=now, browser=browser, confirmed_at=now)
    response = HttpResponseRedirect(next_path or "/")
    replace_session(request, response, key, language=user.language)
    return response
