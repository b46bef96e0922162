"""Settings > Security settings."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.dashboard.access import administrators_only, by, deciding
from passerelle.dashboard.concerned import (
    FIELDS,
    changed_mapping,
    closes_connection,
    concerned_shown,
    problems_of,
)
from passerelle.dashboard.confirm import confirmed_before_waiting, confirmed_only
from passerelle.dashboard.effect import effect_shown
from passerelle.dashboard.event_names import detail_label
from passerelle.dashboard.methods import page_with_form
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.paging import number_in, typed
from passerelle.dashboard.rules_form import TWO_FACTOR
from passerelle.dashboard.security_form import (
    DOMAINS,
    EXISTING,
    LACKING,
    NEWCOMERS,
    PROVISIONING,
    SecurityForm,
    early_access_sentence,
)
from passerelle.dashboard.security_save import Outdated, free_slug, save_security
from passerelle.dashboard.setting_labels import LABELS
from passerelle.directory.models import Company, Domain
from passerelle.directory.snapshot import known_domains
from passerelle.provisioning.absence import doubted
from passerelle.sso.addresses import client_address
from passerelle.sso.attributes_seen import state_of
from passerelle.sso.connection_keys import (
    TooSoon,
    new_private_key,
    own_keys,
    rotate_key,
    stop_if_too_soon,
)
from passerelle.sso.connections import (
    ProviderHeld,
    addresses_for_slug,
    addresses_of,
    missing_for_sign_in,
    usable_connections,
)
from passerelle.sso.enforcement import NoWayBack
from passerelle.sso.follow import decide, follow, held_difference
from passerelle.sso.google import redirect_address
from passerelle.sso.metadata_errors import noted_sentence, noted_sentences
from passerelle.sso.models import BY_STRANGERS, SamlConnection, SignIn
from passerelle.sso.notices import EXPIRY_NOTICE
from passerelle.sso.sessions import end_sessions_through, open_sessions
from passerelle.sso.ways_in import keeping_a_way_back

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
PROVISIONING_PART = "provisioning"
NAMED = 10


@page_with_form
@administrators_only
@confirmed_before_waiting
def settings_page(request: PageRequest) -> HttpResponse:
    assert request.person is not None
    company, now = request.person.company, timezone.now()
    connection = chosen_connection(request, company)
    if request.method == "POST":
        form = SecurityForm(company, connection, now=now, data=request.POST, files=request.FILES)
        form.upload_too_large = getattr(request, "upload_too_large", False)
        form.client_address = client_address(request)
        if form.is_valid() and (saved := _saved(form, request)):
            slug = form.draft.connection.slug if form.draft.connection else ""
            return redirect(f"/settings/security/?connection={slug}{saved}")
        return render(request, "security.html", settings_context(form, request), status=422)
    form = SecurityForm(
        company, connection, now=now, initial=SecurityForm.current(company, connection)
    )
    form.asked_for = typed(request.GET.get("open", ""))
    return render(request, "security.html", settings_context(form, request))


def _saved(form: SecurityForm, request: PageRequest) -> str:
    """What became of it, for the address that tells; empty when it could not be saved."""
    assert request.session_row is not None
    try:
        renamed = form.connection if form.renames_people else None
        with deciding(request), keeping_a_way_back(form.company, renamed=renamed):
            # As many as were open by the settings of before.
            opened = open_sessions(form.company, now=form.now)
            before = opened.count()
            changed = save_security(form, session=request.session_row, now=timezone.now())
            ended = before - opened.count()
    except NoWayBack:
        # Whoever could still come in has been unmade since the form was looked at.
        form.refuse_lock_out("saml_enabled")
        return ""
    except Outdated:
        form.read_again()
        form.refuse_as_outdated()
        return ""
    return f"&saved=changed&ended={ended}" if changed else "&saved=nothing"


def chosen_connection(request: PageRequest, company: Company) -> SamlConnection | None:
    """The one that the address names; 404 where that is none of the company's."""
    wanted = request.GET.get("connection", "")
    if wanted == NEW:
        return None
    if wanted:
        return _named_connection(request)
    # What works comes first: a draft beside it is opened by whoever looks for it.
    first = next(iter(usable_connections(company)), None) or company.connections.first()
    return first and _whole(company).get(id=first.id)


def _named_connection(request: PageRequest) -> SamlConnection:
    found = _whole(_company(request))
    return get_object_or_404(found, slug=typed(request.GET.get("connection", "")))


def _whole(company: Company) -> "QuerySet[SamlConnection]":
    """The connections with what a form shows of them."""
    return company.connections.select_related("company").prefetch_related("domains")


@require_POST
@administrators_only
def effect(request: PageRequest) -> HttpResponse:
    """Whom the settings in the form would concern at once; nothing is saved.

    With `part` in the address only that section's, for a script that puts it there.
    """
    form = SecurityForm(
        _company(request),
        chosen_connection(request, _company(request)),
        now=timezone.now(),
        data=request.POST,
        files=request.FILES,
        reads_metadata=False,
    )
    form.client_address = client_address(request)
    form.is_valid()
    part = request.GET.get("part")
    if part is None:
        whom = {one: _whom(one, form, request) for one in (PROVISIONING_PART, *FIELDS)}
        return render(request, "security.html", {**settings_context(form, request), "whom": whom})
    if part != PROVISIONING_PART and part not in FIELDS:
        raise Http404
    whom_shown = _whom(part, form, request)
    return render(request, whom_shown["template"], whom_shown)


def _whom(part: str, form: SecurityForm, request: PageRequest) -> dict[str, Any]:
    """What one section has to tell, with the template that tells it."""
    assert request.session_row is not None
    company, mapping = form.company, changed_mapping(form)
    if part == PROVISIONING_PART:
        template, wrong = "security/_effect.html", problems_of(form, PROVISIONING)
        if wrong or closes_connection(form):
            return {"template": template, "effect_problems": wrong, "closed": not wrong}
        seen = effect_shown(company, form.changed_company(), draft=mapping, now=form.now)
        return {"template": template, "effect": seen}
    shown = concerned_shown(part, form, request.session_row)
    found: dict[str, Any] = {"template": "security/_concerned.html", "shown": shown}
    if part == "saml" and mapping and not shown.problems:
        found["effect"] = effect_shown(company, company, draft=mapping, now=form.now)
    return found


@require_POST
@administrators_only
@confirmed_before_waiting
def rotate(request: PageRequest) -> HttpResponse:
    """Make a new key of ours for a connection."""
    connection, actor = _named_connection(request), by(request)
    try:
        stop_if_too_soon(connection, now=actor["now"])
        private = new_private_key()
        with deciding(request):
            rotate_key(connection, private, **actor)
    except TooSoon:
        return _back(connection, "key-later")
    return _back(connection, "key")


@require_POST
@administrators_only
@confirmed_only
def decide_metadata(request: PageRequest) -> HttpResponse:
    """Accept or dismiss a change of the identity provider's metadata."""
    connection = _named_connection(request)
    try:
        with keeping_a_way_back(connection.company):
            decided = decide(
                connection,
                accept=request.POST.get("decision") == "accept",
                shown=request.POST.get("shown", ""),
                session=request.session_row,
                **by(request),
            )
    except NoWayBack:
        return _back(connection, "way-back")
    except ProviderHeld:
        return _back(connection, "provider-held")
    return _back(connection, "metadata" if decided else "changed-again")


@require_POST
@administrators_only
@confirmed_before_waiting
def read_metadata(request: PageRequest) -> HttpResponse:
    """Read the metadata of a connection now, and not with the next daily reading."""
    connection = _named_connection(request)
    if connection.metadata_url:
        follow(connection, now=timezone.now(), asked=True)
    return _back(connection, "read")


@require_POST
@administrators_only
@confirmed_only
def end_sessions(request: PageRequest) -> HttpResponse:
    """Sign everybody out who came through a connection: for when what it trusted was not safe."""
    connection = _named_connection(request)
    assert request.session_row is not None
    end_sessions_through(connection, but=request.session_row, **by(request))
    return _back(connection, "sessions")


def _company(request: PageRequest) -> Company:
    assert request.person is not None
    return request.person.company


def _back(connection: SamlConnection, done: str) -> HttpResponse:
    return redirect(f"/settings/security/?connection={connection.slug}&saved={done}")


def settings_context(form: SecurityForm, request: PageRequest) -> dict[str, Any]:
    company, connection = form.company, form.connection
    ended = typed(request.GET.get("ended", ""))
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
        "ended": number_in(ended) or 0,
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
