"""A test sign-in: where it starts, and what came of it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from passerelle.administration.connections import free_slug
from passerelle.administration.draft import Draft
from passerelle.directory.models import Company
from passerelle.saml.consoles import CONSOLES, console_of
from passerelle.sso.models import SamlConnection, Trial
from passerelle.sso.sign_in.test_sign_in import is_of, request_of, start_trial
from passerelle.web.frame.leave import leave
from passerelle.web.records.attempt import explained_attempt


def leave_for_trial(
    request: HttpRequest, draft: Draft, company: Company, *, by_setup_link: bool = False
) -> HttpResponse:
    """Start a test sign-in of a complete draft, and lead to the identity provider."""
    connection, now = draft.connection, timezone.now()
    assert connection is not None
    if connection._state.adding:
        connection.slug = free_slug(company.slug)
    pems = [row.pem for row in draft.kept] + [one.pem for one in draft.added]
    trial = start_trial(connection, pems, company=company, by_setup_link=by_setup_link, now=now)
    return leave(request, request_of(trial, now=now), after_form=True)


def trial_context(trial: Trial) -> dict[str, Any]:
    """What a page shows of a test sign-in."""
    outcome = trial.result or {}
    product = trial.connection.product if trial.connection else ""
    console = CONSOLES.get(product) or console_of(trial.settings["idp_entity_id"])
    explained = explained_attempt(
        outcome.get("checks", []), outcome.get("steps", []), outcome.get("notes", []), console
    )
    return {
        "trial": trial,
        "result": outcome,
        "next": _next(trial) if trial.connection_works else "",
        "works": bool(outcome) and outcome["outcome"] != "refused",
        "frame": "single_wide.html" if trial.by_setup_link else "frame.html",
        "back": _back(trial.connection, by_setup_link=trial.by_setup_link),
        **explained,
    }


def _next(trial: Trial) -> str:
    """Where to go on after a test that worked, while people cannot use the connection yet."""
    if trial.by_setup_link or trial.connection is None or trial.connection.enabled:
        return ""
    return f"{reverse('connect_guide', args=[trial.connection.slug])}#switch"


def _back(connection: SamlConnection | None, *, by_setup_link: bool) -> str:
    if by_setup_link:
        return reverse("setup")
    if connection is None:
        return f"{reverse('security')}?connection=new"
    if connection.enabled:
        return f"{reverse('security')}?connection={connection.slug}"
    return reverse("connect_guide", args=[connection.slug])


def last_trial(connection: SamlConnection, *, by_setup_link: bool) -> Trial | None:
    """The newest answered test of a connection, if it was of the values that are saved now.

    Who came by link sees only those made by link.
    """
    answered = Trial.objects.filter(connection=connection, answered_at__isnull=False)
    if by_setup_link:
        answered = answered.filter(by_setup_link=True)
    newest = answered.order_by("-answered_at").first()
    return newest if newest and is_of(newest, connection) else None
