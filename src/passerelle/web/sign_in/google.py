"""The addresses of Google SSO: there, and back."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from passerelle.directory.models import Company
from passerelle.infra.fetch import FetchError
from passerelle.infra.tokens import new_token
from passerelle.saml.explain import filled
from passerelle.sso.models import SignIn
from passerelle.sso.records.explain import person_sentence
from passerelle.sso.records.failures import (
    MAX_REFUSED,
    fails_too_often,
    has_begun_too_many,
    has_finished,
)
from passerelle.sso.sessions.session import Browser
from passerelle.sso.sign_in import google
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import YEAR, replace_session, set_cookie
from passerelle.web.frame.refusals import too_many_attempts
from passerelle.web.sign_in.admit_session import go_on


@require_GET
def login(request: HttpRequest, company_slug: str) -> HttpResponse:
    company = Company.objects.filter(slug=company_slug).first()
    if company is None or not google.is_usable(company):
        raise Http404
    now = timezone.now()
    if has_begun_too_many(client_address(request), now=now):
        return too_many_attempts(request)
    binding = request.COOKIES.get(settings.BINDING_COOKIE) or new_token()
    try:
        address = google.start(
            company,
            next_path=request.GET.get("next", ""),
            binding=binding,
            chosen="confirm" in request.GET,
            now=now,
        )
    except FetchError:
        text = _("Google does not answer at the moment. Try again in a minute.")
        context = {"title": _("Google could not be reached"), "text": text}
        return render(request, "error.html", context, status=503)
    response = HttpResponseRedirect(address)
    set_cookie(response, settings.BINDING_COOKIE, binding, max_age=YEAR)
    return response


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    waiting = google.find_request(request.GET.get("state", ""))
    address = client_address(request)
    if waiting is None:
        fails_too_often("google", address, MAX_REFUSED, now=timezone.now())
        text = _("This sign-in was finished already, or is no longer valid. Please start again.")
        context = {"title": _("You are not signed in"), "text": text}
        return render(request, "error.html", context, status=400)
    try:
        signed_in = google.finish(
            waiting,
            code=request.GET.get("code", ""),
            error=request.GET.get("error", ""),
            binding=request.COOKIES.get(settings.BINDING_COOKIE),
            browser=Browser(address, request.headers.get("User-Agent", "")),
            now=timezone.now(),
        )
    except google.Refused as refused:
        return _refused(request, refused.sign_in, address)
    has_finished(address, now=timezone.now())
    response = go_on(request, signed_in.user, signed_in.next, after_form=False)
    replace_session(request, response, signed_in.session_key, language=signed_in.user.language)
    return response


def _refused(request: HttpRequest, sign_in: SignIn, address: str | None) -> HttpResponse:
    if fails_too_often("google", address, MAX_REFUSED, now=timezone.now()):
        return too_many_attempts(request)
    failed: dict[str, Any] = next((check for check in sign_in.checks if not check["passed"]), {})
    values = {"received": failed.get("received") or "?"}
    context = {
        "sentence": filled(_(person_sentence(sign_in.reason)), values),
        "reference": sign_in.reference,
        "company": sign_in.company,
        "connection": None,
        "google": True,
    }
    return render(request, "refused.html", context, status=403)
