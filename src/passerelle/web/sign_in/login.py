"""The sign-in pages: find the company, then its own page; sign-in by password."""

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.directory.links import activation_user
from passerelle.directory.models import Company
from passerelle.infra.network import is_within
from passerelle.infra.safe_next import safe_next
from passerelle.sso.models import SignIn
from passerelle.sso.outbox.letters import queue_letter
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sessions.session import find_session
from passerelle.sso.sign_in.logout import start_logout
from passerelle.sso.sign_in.password_rules import (
    password_problem,
    reuse_problem,
    set_password,
)
from passerelle.sso.sign_in.passwords import TooManyAttempts, user_of
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import delete_cookie
from passerelle.web.frame.leave import leave
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.sign_in.admit_session import (
    barred_from_password,
    mismatch,
    page_again,
    require_second_factor,
)
from passerelle.web.sign_in.login_page import company_finder, seen, sign_in_page


@page_with_form
def find_company(request: PageRequest) -> HttpResponse:
    return company_finder(request)


@page_with_form
def company_login(request: PageRequest, company_slug: str) -> HttpResponse:
    found = Company.objects.filter(slug=company_slug)
    if request.method == "POST":
        return _sign_in_by_password(request, get_object_or_404(found))
    for company in seen(found):
        return sign_in_page(request, company, safe_next(request.GET.get("next")))
    raise Http404


def _sign_in_by_password(request: PageRequest, company: Company) -> HttpResponse:
    typed, next_path = request.POST.get("email", ""), safe_next(request.POST.get("next"))
    password, now = request.POST.get("password", ""), timezone.now()
    address = client_address(request)
    if company.ip_allowlist and not is_within(address, company.ip_allowlist):
        keep_password_attempt(
            company, user=None, reason="address_not_allowed", address=address, now=now
        )
        problem = _("You cannot sign in from this network. Use your company's network or its VPN.")
        return page_again(request, company, next_path, typed=typed, problem=problem, status=403)
    try:
        user = user_of(company, typed, password, address=address, now=now)
    except TooManyAttempts:
        problem = _("Too many failed attempts. Wait ten minutes, then try again.")
        return page_again(request, company, next_path, typed=typed, problem=problem, status=429)
    if isinstance(user, SignIn):
        return mismatch(request, company, next_path, typed, reference=user.reference)
    return require_second_factor(request, user, next_path)


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
    response: HttpResponse = redirect(
        reverse("company_login", args=[company]) if company else reverse("find_company")
    )
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
                queue_letter(
                    "password_changed",
                    user.company,
                    user.email,
                    now=timezone.now(),
                    language=user.language,
                )
            # What the link proves, and the password that was just chosen.
            return require_second_factor(request, user, "")
    context = {"account": user, "company": user.company, "problem": problem}
    return render(request, "activate.html", context, status=422 if problem else 200)
