"""Passkeys: made on one's own page, used on the sign-in page."""

import json
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.directory.models import Company
from passerelle.infra.network import network_of
from passerelle.infra.safe_next import safe_next
from passerelle.sso.records.failures import (
    count_around,
    count_failure,
    forgive,
    has_begun_too_many,
    has_finished,
    is_over_around,
)
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sign_in import passkeys
from passerelle.sso.sign_in.admit import Way
from passerelle.sso.sign_in.reauthenticate import may_confirm_by_password
from passerelle.web.frame.access import signed_in_only
from passerelle.web.frame.browsers import described
from passerelle.web.frame.client import client_address
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.cookies import delete_cookie, set_cookie
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.refusals import too_many_attempts
from passerelle.web.sign_in.admit_session import admit_session

MAX_FAILURES = 100


@require_POST
@signed_in_only
@confirmed_only
def new(request: PageRequest) -> HttpResponse:
    """Begin: the page asks the browser for a new passkey."""
    assert request.person is not None
    if not passkeys.are_possible() or not may_confirm_by_password(request.person):
        raise Http404
    token, options = passkeys.begin_registration(request.person, now=timezone.now())
    context = {
        "options": json.dumps(options),
        "name": described(request.headers.get("User-Agent", "")),
    }
    response = render(request, "passkey_new.html", context)
    return _with_token(response, token)


def _with_token(response: HttpResponse, token: str) -> HttpResponse:
    lifetime = round(passkeys.LIFETIME.total_seconds())
    set_cookie(response, settings.PASSKEY_COOKIE, token, max_age=lifetime)
    return response


@require_POST
@signed_in_only
@confirmed_only
def keep(request: PageRequest) -> HttpResponse:
    assert request.person is not None
    if not may_confirm_by_password(request.person):
        raise Http404
    name = "".join(one for one in request.POST.get("name", "") if one.isprintable()).strip()
    try:
        passkeys.register(
            request.person,
            request.COOKIES.get(settings.PASSKEY_COOKIE, ""),
            request.POST.get("response", ""),
            name or _("Passkey"),
            now=timezone.now(),
        )
    except passkeys.WrongPasskey:
        return redirect(f"{reverse('account')}?done=passkey-wrong")
    return redirect(f"{reverse('account')}?done=passkey")


@require_POST
@signed_in_only
@confirmed_only
def remove(request: PageRequest, passkey_id: UUID) -> HttpResponse:
    assert request.person is not None
    passkeys.remove(request.person, passkey_id, now=timezone.now())
    return redirect(f"{reverse('account')}?done=passkey-removed")


@page_with_form
def sign_in(request: PageRequest, company_slug: str) -> HttpResponse:
    """Ask the browser for a passkey, then look at what it brings."""
    company = Company.objects.filter(slug=company_slug).first()
    if company is None or not passkeys.are_possible():
        raise Http404
    next_path = safe_next(request.POST.get("next") or request.GET.get("next"))
    if request.method == "POST" and "response" in request.POST:
        return _finish(request, company, next_path)
    if request.method == "POST":
        return _ask(request, company, next_path)
    context = {"company": company, "next": next_path}
    return render(request, "passkey_sign_in.html", context)


def _ask(request: PageRequest, company: Company, next_path: str, problem: str = "") -> HttpResponse:
    now = timezone.now()
    if has_begun_too_many(client_address(request), now=now):
        return too_many_attempts(request)
    token, options = passkeys.begin_sign_in(company, now=now)
    context = {
        "company": company,
        "next": next_path,
        "options": json.dumps(options),
        "problem": problem,
    }
    status = 422 if problem else 200
    return _with_token(render(request, "passkey_sign_in.html", context, status=status), token)


def _finish(request: PageRequest, company: Company, next_path: str) -> HttpResponse:
    address, now = client_address(request), timezone.now()
    is_over = count_failure("passkey", network_of(address), now=now) > MAX_FAILURES
    if is_over or is_over_around({("passkey", ""): MAX_FAILURES}, address, now):
        return too_many_attempts(request)
    token = request.COOKIES.get(settings.PASSKEY_COOKIE, "")
    try:
        user = passkeys.user_of(company, token, request.POST["response"], now=now)
    except passkeys.WrongPasskey:
        count_around("passkey", address, now=now)
        keep_password_attempt(
            company, user=None, reason="passkey_wrong", address=address, now=now, check="passkey"
        )
        problem = _("This passkey belongs to no account that can sign in here.")
        return _ask(request, company, next_path, problem)
    forgive("passkey", network_of(address))
    has_finished(address, now=now)
    response = admit_session(request, user, next_path, way=Way.PASSKEY)
    delete_cookie(response, settings.PASSKEY_COOKIE)
    return response
