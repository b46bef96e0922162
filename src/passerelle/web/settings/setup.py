"""Behind a set-up link: the guide for one connection, for somebody who has no account here."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from passerelle.administration.settings import Outdated
from passerelle.audit.record import Actor
from passerelle.sso.connections.connection import ProviderHeld, missing_for_sign_in
from passerelle.sso.connections.setup_links import (
    ACTOR_KIND,
    LIFETIME,
    finish_link,
    open_link,
    opened_link,
    unopened_link,
)
from passerelle.sso.models import SetupLink, Trial
from passerelle.sso.records.failures import fails_too_often
from passerelle.web.frame.client import client_address
from passerelle.web.frame.cookies import delete_cookie, set_cookie
from passerelle.web.frame.methods import page_with_form
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.guide_page import checked, guide_context, guide_form
from passerelle.web.settings.security_save import SavedTooOften, save_guide
from passerelle.web.settings.test_page import leave_for_trial, trial_context

MAX_FAILURES = 100
"""Links that do not exist, tried from one network within ten minutes."""


@page_with_form
def open_page(request: HttpRequest, token: str) -> HttpResponse:
    """Ask first: programs that look at links in messages must not use this one up."""
    now = timezone.now()
    link = unopened_link(token, now=now)
    if link is None:
        is_over = fails_too_often("setup", client_address(request), MAX_FAILURES, now=now)
        return _ended(request, 429 if is_over else 404)
    if request.method == "GET":
        response = render(request, "setup_open.html", {"company": link.company, "link": link})
        response.headers["Referrer-Policy"] = "same-origin"
        return response
    secret = open_link(token, now=now)
    if secret is None:
        return _ended(request, 404)
    response = redirect("setup")
    set_cookie(response, settings.SETUP_COOKIE, secret, max_age=round(LIFETIME.total_seconds()))
    return response


def _ended(request: HttpRequest, status: int) -> HttpResponse:
    return render(request, "setup_ended.html", status=status)


View = Callable[..., HttpResponse]


def holders_only(view: View) -> View:
    """Only the browser that opened a link which still holds."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        link = opened_link(request.COOKIES.get(settings.SETUP_COOKIE), now=timezone.now())
        return _ended(request, 404) if link is None else view(request, link, *args, **kwargs)

    return guarded


@page_with_form
@holders_only
def guide(request: HttpRequest, link: SetupLink) -> HttpResponse:
    form = guide_form(request, link.connection, by_link=True)
    if request.method == "POST" and form.is_valid():
        actor = Actor(ACTOR_KIND, f"made by {link.made_by}")
        try:
            save_guide(form, actor=actor, link=link, now=timezone.now())
        except (Outdated, ProviderHeld):
            return _ended(request, 404)
        except SavedTooOften as error:
            form.refuse_until(error.until)
            return _shown(request, form, status=429)
        return redirect(f"{reverse('setup')}?done=saved")
    return _shown(request, form, status=422 if form.is_bound else 200)


def _shown(request: HttpRequest, form: GuideForm, *, status: int) -> HttpResponse:
    context = {
        **guide_context(form, by_setup_link=True),
        "frame": "single_wide.html",
        "done": "" if form.is_bound else request.GET.get("done", ""),
    }
    return render(request, "connect.html", context, status=status)


@require_POST
@holders_only
def check(request: HttpRequest, link: SetupLink) -> HttpResponse:
    return checked(request, guide_form(request, link.connection, by_link=True))


@require_POST
@holders_only
def trial(request: HttpRequest, link: SetupLink) -> HttpResponse:
    connection = link.connection
    form = GuideForm(connection.company, connection, now=timezone.now())
    if missing_for_sign_in(connection, len(form.certificates)):
        return redirect(f"{reverse('setup')}#values")
    return leave_for_trial(request, form.draft, connection.company, by_setup_link=True)


@require_safe
@holders_only
def result(request: HttpRequest, link: SetupLink, trial_id: UUID) -> HttpResponse:
    """What came of a test of this connection, without the company's own accounts."""
    found = Trial.objects.filter(id=trial_id, connection=link.connection, by_setup_link=True)
    trial = found.select_related("connection").first()
    if trial is None:
        raise Http404
    return render(request, "trial.html", trial_context(trial))


@require_POST
@holders_only
def done(request: HttpRequest, link: SetupLink) -> HttpResponse:
    if missing_for_sign_in(link.connection, link.connection.certificates.count()):
        return redirect(f"{reverse('setup')}#values")
    finish_link(link, now=timezone.now())
    response = render(request, "setup_done.html", {"company": link.company})
    delete_cookie(response, settings.SETUP_COOKIE)
    return response
