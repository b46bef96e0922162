"""What the Security settings page shows."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from passerelle.administration.connections import free_slug
from passerelle.administration.follow_metadata import held_difference
from passerelle.directory.models import Company, Domain
from passerelle.directory.snapshot import known_domains
from passerelle.provisioning.absence import doubted
from passerelle.sso.connections.attributes_seen import state_of
from passerelle.sso.connections.connection import (
    addresses_for_slug,
    addresses_of,
    missing_for_sign_in,
    usable_connections,
)
from passerelle.sso.connections.keys import (
    own_keys,
)
from passerelle.sso.connections.problems import noted_sentence, noted_sentences
from passerelle.sso.models import BY_STRANGERS, SamlConnection, SignIn
from passerelle.sso.outbox.expiry_notices import EXPIRY_NOTICE
from passerelle.sso.sessions.session import open_sessions
from passerelle.sso.sign_in.google import redirect_address
from passerelle.web.frame.access import company_of
from passerelle.web.frame.client import client_address
from passerelle.web.frame.event_names import detail_label
from passerelle.web.frame.labels import DOMAINS, EXISTING, LABELS, NEWCOMERS, TWO_FACTOR
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import number_in, typed
from passerelle.web.settings.security_form import (
    LACKING,
    SecurityForm,
    early_access_sentence,
)

NEW = "new"


OF_A_PERSON = (
    "account_exists",
    "address_not_allowed",
    "approval_pending",
    "domain_not_allowed",
    "identity_ambiguous",
    "identity_conflict",
    "jit_disabled",
    "jit_unavailable",
    "user_removed",
    "user_suspended",
)
"""Reasons that say something of one person's account, and nothing of the connection."""


NAMED = 10


def chosen_connection(request: PageRequest, company: Company) -> SamlConnection | None:
    """The one that the address names; 404 where that is none of the company's."""
    wanted = request.GET.get("connection", "")
    if wanted == NEW:
        return None
    if wanted:
        return named_connection(request)
    # What works comes first: a draft beside it is opened by whoever looks for it.
    first = next(iter(usable_connections(company)), None) or company.connections.first()
    return first and _whole(company).get(id=first.id)


def named_connection(request: PageRequest) -> SamlConnection:
    found = _whole(company_of(request))
    return get_object_or_404(found, slug=typed(request.GET.get("connection", "")))


def _whole(company: Company) -> "QuerySet[SamlConnection]":
    """The connections with what a form shows of them."""
    return company.connections.select_related("company").prefetch_related("domains")


def settings_context(form: SecurityForm, request: PageRequest) -> dict[str, Any]:
    company, connection = form.company, form.connection
    bound = form.is_bound
    lacking = missing_for_sign_in(connection, len(form.certificates)) if connection else []
    opened = open_sessions(company, now=form.now)
    verified = list(company.domains.filter(verified_at__isnull=False).order_by("name"))
    return {
        "form": form,
        "company": company,
        "open_sessions": opened.filter(connection=connection).count() if connection else 0,
        "connection": connection,
        "connections": list(company.connections.all()),
        "certificates": form.certificates,
        "removed": set(form.data.getlist("removed_certificates")) if bound else set(),  # type: ignore[attr-defined]
        "ours": addresses_of(connection)
        if connection
        else addresses_for_slug(free_slug(company.slug)),
        "lacking": [LACKING[one] for one in lacking],
        "last_refused": _last_refused(connection),
        "keys": own_keys(connection, now=form.now) if connection else (),
        "held": _held(connection, form),
        "theirs": _theirs(form),
        "metadata_problem": noted_sentence(connection.metadata_problem) if connection else "",
        "left_out": noted_sentences(connection.certificates_left_out) if connection else [],
        "doubted": doubted(state_of(connection)) if connection else [],
        "domains": _domains_sentence(company, verified),
        "own_domains": verified,
        "chosen_domains": {str(one) for one in form["domains"].value() or []},
        "policy_choices": {
            "provisioning_domains": DOMAINS,
            "newcomers": NEWCOMERS,
            "existing_accounts": EXISTING,
        },
        "google_redirect": redirect_address(),
        "google_lacks": google_lacks(company),
        "two_factor_choices": TWO_FACTOR,
        "client_address": client_address(request) or "?",
        "rules": list(company.rules.select_related("workspace", "permission_set")),
        "early_access": early_access_sentence(),
        "contact": settings.PASSERELLE.early_access_contact,
        "saved": "" if bound else request.GET.get("saved", ""),
        "ended": number_in(request.GET.get("ended", "")) or 0,
        "now": form.now,
        "soon": form.now + EXPIRY_NOTICE,
    }


def _held(connection: SamlConnection | None, form: SecurityForm) -> dict[str, Any] | None:
    """What waits for a decision, with each setting as the form calls it."""
    found = held_difference(connection, now=form.now) if connection else None
    if found is None:
        return None
    settings = [(detail_label(name), *pair) for name, pair in found.settings.items()]
    return {"found": found, "settings": settings}


def google_lacks(company: Company) -> list[str]:
    """What Google SSO needs before anybody can use it."""
    parts = {
        _("the client secret"): company.google_client_secret,
        _("the Google Workspace domain"): company.google_hosted_domain,
    }
    return [name for name, value in parts.items() if not value]


def _last_refused(connection: SamlConnection | None) -> SignIn | None:
    """The newest attempt through this connection, if it was refused after the last success.

    Messages that nobody's identity provider can have sent are none.
    """
    if connection is None:
        return None
    attempts = SignIn.objects.filter(connection=connection).exclude(BY_STRANGERS)
    newest = attempts.order_by("-time", "-id").first()
    if newest is None or newest.outcome != SignIn.Outcome.REFUSED:
        return None
    return None if newest.reason in OF_A_PERSON else newest


def _theirs(form: SecurityForm) -> list[tuple[str, Promise | str, str]] | None:
    """What is different now, by the identifier of its field, in words."""
    if form.theirs is None:
        return None
    company = form.company
    rows = {
        "default_workspace": company.default_workspace,
        "default_permission_set": company.default_permission_set,
    }
    return [
        (name, LABELS.get(name, name), str(rows[name] or "–") if name in rows else _shown(value))
        for name, value in form.theirs.items()
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return "–" if value in (None, "", []) else str(value)


def _domains_sentence(company: Company, verified: list[Domain]) -> str:
    """For whom automatic provisioning is open, in words."""
    if company.provisioning_domains == Company.Domains.LISTED:
        listed = ", ".join(company.provisioning_domain_list)
        return _("For e-mail addresses at %(names)s.") % {"names": listed or "–"}
    names = [one.name for one in verified]
    if company.provisioning_domains == Company.Domains.VERIFIED:
        if not names:
            return _("For no e-mail address yet: no domain of the company is verified.")
        return _("For e-mail addresses at verified domains: %(names)s.") % {"names": _some(names)}
    names = list(dict.fromkeys([*names, *known_domains(company, most=NAMED + 1)]))
    if not names:
        return _("For e-mail addresses at domains of accounts made by hand: none yet.")
    return _("For e-mail addresses at %(names)s.") % {"names": _some(names)}


def _some(names: list[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    return _("%(names)s and others") % {"names": ", ".join(names[:NAMED])}
