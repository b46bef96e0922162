"""The sign-in pages: find the company, then its own door; password sign-in for administrators."""

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.dashboard.cookies import delete_cookie, replace_session, set_cookie
from passerelle.dashboard.door_page import door_page, offers_of, query_for, seen
from passerelle.dashboard.methods import page_with_form
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.views.leave import leave
from passerelle.directory.models import Company, Domain, User
from passerelle.provisioning import parse_email
from passerelle.sso import second_factor
from passerelle.sso.addresses import client_address, is_within
from passerelle.sso.connections import addresses_of, is_usable
from passerelle.sso.enforcement import may_use_password
from passerelle.sso.letters import can_send, put_down
from passerelle.sso.logout import start_logout
from passerelle.sso.models import Passkey, SignIn
from passerelle.sso.passkeys import are_possible
from passerelle.sso.password_rules import (
    activation_user,
    is_expired,
    password_problem,
    renewal_path,
    reuse_problem,
    set_password,
)
from passerelle.sso.passwords import TooManyAttempts, record_entry, user_of
from passerelle.sso.redirects import safe_next
from passerelle.sso.sessions import Browser, find_session, open_session
from passerelle.sso.traces import keep_password_attempt


@page_with_form
def find_company(request: PageRequest) -> HttpResponse:
    """By work e-mail; an installation with one company shows its door at once."""
    next_path = safe_next(request.GET.get("next"))
    if request.method == "GET":
        companies = seen(Company.objects.all()[:2])
        if len(companies) == 1:
            return door_page(request, companies[0], next_path)
    context: dict[str, object] = {"next": next_path}
    if request.method == "POST":
        typed = request.POST.get("email", "")
        next_path = safe_next(request.POST.get("next"))
        if found := _domain_of(typed):
            query = query_for(next_path)
            if found.connection and is_usable(found.connection):
                return redirect(addresses_of(found.connection).login_url + query)
            return redirect(f"/login/{found.company.slug}/{query}")
        context = {"next": next_path, "typed": typed, "unknown": True}
        return render(request, "find_company.html", context, status=422)
    return render(request, "find_company.html", context)


def _domain_of(typed: str) -> Domain | None:
    """By verified domain only: it tells who runs a domain, never who has an account."""
    address = parse_email(typed)
    if address is None:
        return None
    domains = Domain.objects.filter(name=address.domain, verified_at__isnull=False)
    found = list(domains.select_related("company", "connection__company")[:2])
    return found[0] if len(found) == 1 else None


@page_with_form
def company_door(request: PageRequest, company_slug: str) -> HttpResponse:
    found = Company.objects.filter(slug=company_slug)
    if request.method == "POST":
        return _sign_in_by_password(request, get_object_or_404(found))
    for company in seen(found):
        return door_page(request, company, safe_next(request.GET.get("next")))
    raise Http404


def _door(
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


def _sign_in_by_password(request: PageRequest, company: Company) -> HttpResponse:
    typed, next_path = request.POST.get("email", ""), safe_next(request.POST.get("next"))
    password, now = request.POST.get("password", ""), timezone.now()
    address = client_address(request)
    if company.ip_allowlist and not is_within(address, company.ip_allowlist):
        keep_password_attempt(
            company, user=None, reason="address_not_allowed", address=address, now=now
        )
        problem = _("You cannot sign in from this network. Use your company's network or its VPN.")
        return _door(request, company, next_path, typed=typed, problem=problem, status=403)
    try:
        user = user_of(company, typed, password, address=address, now=now)
    except TooManyAttempts:
        problem = _("Too many failed attempts. Wait ten minutes, then try again.")
        return _door(request, company, next_path, typed=typed, problem=problem, status=429)
    if isinstance(user, SignIn):
        return _mismatch(request, company, next_path, typed, reference=user.reference)
    return enter(request, user, next_path)


def enter(request: PageRequest, user: User, next_path: str) -> HttpResponse:
    """In, for somebody whose password was right; by another page where more is asked.

    Every way in by password comes through here or through `go_in`, and so past every bar. Checking
    the password took a while: what holds now decides.
    """
    found = _as_it_is(user).select_related("company").first()
    if found is None:
        return _mismatch(request, user.company, next_path, user.email)
    user = found
    if barred := barred_from_password(request, user):
        return barred
    now = timezone.now()
    if second_factor.is_asked(user, request.COOKIES.get(settings.DEVICE_COOKIE), now=now):
        response: HttpResponse = redirect("/login/code/")
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
            return _mismatch(request, user.company, next_path, user.email)
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


def _mismatch(
    request: PageRequest, company: Company, next_path: str, typed: str, *, reference: str = ""
) -> HttpResponse:
    problem = _("E-mail address and password do not match an account that can sign in here.")
    if reference:
        help_by = _("Your administrator can look it up by the reference %(reference)s.")
        problem = f"{problem} {help_by % {'reference': reference}}"
    return _door(request, company, next_path, typed=typed, problem=problem, status=422)


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
    return _door(request, company, "", typed=user.email, problem=text, status=403)


def _open(request: PageRequest, user: User, next_path: str) -> HttpResponse:
    browser = Browser(client_address(request), request.headers.get("User-Agent", ""))
    now = timezone.now()
    key = open_session(user, connection=None, now=now, browser=browser, confirmed_at=now)
    response = HttpResponseRedirect(next_path or "/")
    replace_session(request, response, key, language=user.language)
    return response


@require_POST
def logout(request: PageRequest) -> HttpResponse:
    """End this browser's session here, and at the identity provider where that is set up."""
    now = timezone.now()
    session = find_session(request.COOKIES.get(settings.SESSION_COOKIE, ""), now=now)
    outgoing = None
    if session is not None:
        session.delete()
        outgoing = start_logout(session, now=now)
    company = request.person.company.slug if request.person else None
    response: HttpResponse = redirect(f"/login/{company}/" if company else "/login/")
    if outgoing is not None:
        response = leave(request, outgoing, after_form=True)
    delete_cookie(response, settings.SESSION_COOKIE)
    return response


@page_with_form
def activate(request: PageRequest, user_id: str, token: str) -> HttpResponse:
    """An invited administrator chooses a password, once."""
    try:
        user = activation_user(user_id, token)
    except signing.BadSignature:
        return render(request, "activation_ended.html", status=410)
    if barred := barred_from_password(request, user):
        return barred
    problem = ""
    if request.method == "POST":
        password = request.POST.get("password", "")
        problem = password_problem(user, password) or reuse_problem(user, password)
        if not problem:
            if not set_password(user, password, now=timezone.now()):
                return render(request, "activation_ended.html", status=410)
            if user.identities.exists():
                # They came another way until now: should it not have been them, they learn of it.
                put_down(
                    "password_changed",
                    user.company,
                    user.email,
                    now=timezone.now(),
                    language=user.language,
                )
            # What the link proves, and the password that was just chosen.
            return enter(request, user, "")
    context = {"account": user, "company": user.company, "problem": problem}
    return render(request, "activate.html", context, status=422 if problem else 200)
