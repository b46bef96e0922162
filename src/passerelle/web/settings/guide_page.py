"""The set-up guide of one connection: what the page shows, whoever follows it."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from passerelle.infra.tokens import digest
from passerelle.sso.connections.connection import (
    MISSING_CERTIFICATE,
    MISSING_ENTITY_ID,
    MISSING_TARGET_URL,
    addresses_of,
    missing_for_sign_in,
)
from passerelle.sso.connections.guide_sentences import SENTENCES
from passerelle.sso.connections.guides import ACS, ENTITY_ID, GUIDES, HINTS, LOGOUT, METADATA
from passerelle.sso.connections.keys import signing_key
from passerelle.sso.connections.problems import noted_sentences
from passerelle.sso.models import SamlConnection
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.security_form import LACKING
from passerelle.web.settings.test_page import last_trial

_OURS = (ACS, ENTITY_ID, METADATA, LOGOUT)


def guide_form(request: Any, connection: SamlConnection, *, by_link: bool = False) -> GuideForm:
    sent: dict[str, Any] = (
        {"data": request.POST, "files": request.FILES}
        if request.method == "POST"
        else {"initial": GuideForm.current_connection(connection)}
    )
    form = GuideForm(connection.company, connection, now=timezone.now(), by_link=by_link, **sent)
    form.upload_too_large = getattr(request, "upload_too_large", False)
    return form


def shown_digest(connection: SamlConnection) -> str:
    """Of all that switching a connection on makes people trust, as it is now."""
    fingerprints = connection.certificates.order_by("fingerprint").values_list(
        "fingerprint", flat=True
    )
    parts = (
        connection.idp_entity_id,
        connection.target_url,
        connection.post_target_url,
        connection.request_binding,
        connection.logout_url,
        connection.logout_binding,
        connection.logout_answer_url,
        connection.metadata_url,
        *fingerprints,
    )
    return digest("\0".join(parts))


def _lacking_in_words(lacking: list[str]) -> list[Promise | str]:
    """Who has entered nothing yet is told of the metadata, which holds all of it."""
    if {MISSING_ENTITY_ID, MISSING_TARGET_URL, MISSING_CERTIFICATE} <= set(lacking):
        return [_("the metadata of the identity provider")]
    return [LACKING[one] for one in lacking]


def _said(product: str) -> dict[str, str]:
    sentences = SENTENCES.get(product)
    return {name: _(text) for name, text in asdict(sentences).items()} if sentences else {}


def guide_context(form: GuideForm, *, by_setup_link: bool) -> dict[str, Any]:
    """What the guide shows to an administrator and to the holder of a set-up link alike."""
    connection = form.connection
    assert connection is not None
    ours, product = addresses_of(connection), connection.product or "other"
    steps = GUIDES[product]
    lacking = missing_for_sign_in(connection, len(form.certificates))
    own_key = signing_key(connection, now=form.now)
    return {
        "form": form,
        "connection": connection,
        "certificates": form.certificates,
        "left_out": noted_sentences(connection.certificates_left_out),
        "guide": steps,
        "hint": _(HINTS[product]),
        "said": _said(product),
        "fields": [
            (label, getattr(ours, value) if value in _OURS else value, value in _OURS)
            for label, value in steps.fields
        ],
        "ours": ours,
        "own_certificate": own_key.certificate if own_key else None,
        "lacking": _lacking_in_words(lacking),
        "trial": last_trial(connection, by_setup_link=by_setup_link),
        "shown": shown_digest(connection),
        "now": form.now,
        "base": reverse("setup")
        if by_setup_link
        else reverse("connect_guide", args=[connection.slug]),
        "by_setup_link": by_setup_link,
    }


def checked(request: Any, form: GuideForm) -> HttpResponse:
    """The part of the page that says what is typed so far, or what is wrong with it."""
    form.is_valid()
    draft, problems = form.draft, [one for found in form.errors.values() for one in found]
    connection = draft.connection
    lacking = missing_for_sign_in(connection, len(draft.ends)) if connection else []
    context = {
        "problems": problems,
        "connection": connection,
        "lacking": _lacking_in_words(lacking),
        "ends": draft.end,
        "gone": sorted(draft.gone) if draft.moves else [],
        "certificates": len(draft.ends),
        "left_out": noted_sentences(connection.certificates_left_out) if connection else [],
    }
    return render(request, "connect_check.html", context)
