"""Settings > Connect your identity provider: the set-up guide, step by step."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.audit.events import EventName
from passerelle.audit.record import Entry, record
from passerelle.dashboard.access import administrators_only, by, company_of, deciding
from passerelle.dashboard.confirm import confirmed_before_waiting, confirmed_only
from passerelle.dashboard.connection_draft import too_many
from passerelle.dashboard.guide_form import GuideForm
from passerelle.dashboard.methods import page_with_form
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.security_form import LACKING
from passerelle.dashboard.security_save import Outdated, free_slug, save_guide
from passerelle.dashboard.views.trials import last_trial, leave_for_trial
from passerelle.directory.models import Company
from passerelle.sso.connection_keys import make_key_after, signing_key
from passerelle.sso.connections import (
    MISSING_CERTIFICATE,
    MISSING_ENTITY_ID,
    MISSING_TARGET_URL,
    addresses_of,
    end_migrations,
    missing_for_sign_in,
)
from passerelle.sso.enforcement import NoWayBack, end_closed_sessions
from passerelle.sso.guide_sentences import SENTENCES
from passerelle.sso.guides import ACS, ENTITY_ID, GUIDES, HINTS, LOGOUT, METADATA
from passerelle.sso.metadata_errors import noted_sentences
from passerelle.sso.models import SamlConnection, SetupLink
from passerelle.sso.setup_links import SwitchedOn, end_links, make_link, revoke_link
from passerelle.sso.tokens import digest
from passerelle.sso.ways_in import keeping_a_way_back

_OURS = (ACS, ENTITY_ID, METADATA, LOGOUT)


@page_with_form
@administrators_only
@confirmed_only
def choose(request: PageRequest) -> HttpResponse:
    """Step 1: which product. Choosing reserves the addresses, in a connection that is off."""
    company = company_of(request)
    if request.method == "POST":
        product = request.POST.get("product", "")
        if product in GUIDES and not too_many(company):
            return redirect(f"/settings/connect/{_draft(request, product).slug}/")
    unfinished = company.connections.filter(enabled=False)
    problem = too_many(company) if request.method == "POST" else ""
    context = {"guides": GUIDES, "unfinished": unfinished, "problem": problem}
    return render(request, "connect_choose.html", context, status=422 if request.POST else 200)


FRESH = timedelta(minutes=10)


def _fresh_draft(company: Company) -> SamlConnection | None:
    """What looking at another product has just left behind: nothing was done with it yet."""
    rows = company.connections.filter(enabled=False, created_at__gt=timezone.now() - FRESH)
    untouched = rows.filter(
        idp_entity_id="", target_url="", metadata_url="", setup_link=None, certificates=None
    )
    return next((one for one in untouched if _is_proposed(one.name, company, one.product)), None)


def _proposed(company: Company, product: str) -> str:
    return f"{company.name} SSO" if product == "other" else GUIDES[product].name


def _is_proposed(name: str, company: Company, product: str) -> bool:
    """Whether a connection is called what was proposed, with the number that told it apart."""
    known = product == "other" or product in GUIDES
    return known and name.rstrip(" 0123456789") == _proposed(company, product)


def _free_name(company: Company, product: str, *, but: SamlConnection | None) -> str:
    """What is proposed, with a number behind it where another connection is called so."""
    others = company.connections.exclude(id=but.id) if but else company.connections.all()
    taken = {name.casefold() for name in others.values_list("name", flat=True)}
    wanted = _proposed(company, product)
    numbered = (f"{wanted} {number}" for number in range(2, len(taken) + 3))
    return next(one for one in (wanted, *numbered) if one.casefold() not in taken)


def _draft(request: PageRequest, product: str) -> SamlConnection:
    company = company_of(request)
    found = _fresh_draft(company)
    name = _free_name(company, product, but=found)
    if found is not None:
        before, found.product, found.name = found.name, product, name
        found.save(update_fields=["product", "name"])
        if before != name:
            entry = Entry(EventName.SETTINGS_CHANGED, name, {"saml.name": [before, name]})
            record([entry], company_id=company.id, **by(request))
        return found
    connection = SamlConnection.objects.create(
        company=company,
        slug=free_slug(company.slug),
        name=name,
        enabled=False,
        product=product,
        created_at=timezone.now(),
    )
    make_key_after(connection, now=timezone.now())
    entry = Entry(EventName.SETTINGS_CHANGED, connection.name, {"saml.name": ["", connection.name]})
    actor = by(request)
    record([entry], company_id=company.id, actor=actor["actor"], now=actor["now"])
    return connection


def _connection(request: PageRequest, slug: str) -> SamlConnection:
    found = company_of(request).connections.select_related("company")
    return get_object_or_404(found, slug=slug)


@page_with_form
@administrators_only
@confirmed_before_waiting
def guide(request: PageRequest, slug: str) -> HttpResponse:
    """Steps 2 to 5 on one page; saving step 3 comes back to it."""
    connection = _connection(request, slug)
    if request.method == "POST":
        form = guide_form(request, connection)
        if form.is_valid():
            try:
                with deciding(request), keeping_a_way_back(connection.company):
                    save_guide(form, session=request.session_row, **by(request))
            except NoWayBack:
                form.refuse_lock_out()
                return render(request, "connect.html", _context(form, request), status=422)
            except Outdated:
                form.refuse_as_switched_on()
                return render(request, "connect.html", _context(form, request), status=422)
            return redirect(f"/settings/connect/{slug}/?done=saved")
        return render(request, "connect.html", _context(form, request), status=422)
    form = guide_form(request, connection)
    return render(request, "connect.html", _context(form, request))


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
        "base": "/setup/" if by_setup_link else f"/settings/connect/{connection.slug}/",
        "by_setup_link": by_setup_link,
    }


def _context(form: GuideForm, request: PageRequest) -> dict[str, Any]:
    assert form.connection is not None
    link = SetupLink.objects.filter(connection=form.connection, expires_at__gt=form.now).first()
    return {
        **guide_context(form, by_setup_link=False),
        "frame": "frame.html",
        "link": link,
        "done": "" if form.is_bound else request.GET.get("done", ""),
    }


@require_POST
@administrators_only
def check(request: PageRequest, slug: str) -> HttpResponse:
    """What is typed in step 3, looked at while it is typed; nothing is saved."""
    return checked(request, guide_form(request, _connection(request, slug)))


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
        "gone": draft.gone(form.certificates) if draft.moves else [],
        "certificates": len(draft.ends),
        "left_out": noted_sentences(connection.certificates_left_out) if connection else [],
    }
    return render(request, "connect_check.html", context)


@require_POST
@administrators_only
def trial(request: PageRequest, slug: str) -> HttpResponse:
    """Test what is saved, before it is switched on."""
    connection = _connection(request, slug)
    form = GuideForm(connection.company, connection, now=timezone.now())
    if missing_for_sign_in(connection, len(form.certificates)):
        return redirect(f"/settings/connect/{slug}/#values")
    return leave_for_trial(request, form.draft, connection.company)


@require_POST
@administrators_only
@confirmed_only
def switch_on(request: PageRequest, slug: str) -> HttpResponse:
    """Step 5: from here on people can use it."""
    connection = _connection(request, slug)
    lacking = missing_for_sign_in(connection, connection.certificates.count())
    if lacking:
        return redirect(f"/settings/connect/{slug}/#values")
    if request.POST.get("shown") != shown_digest(connection):
        # Somebody with a set-up link has saved other values since this page was made.
        return redirect(f"/settings/connect/{slug}/?done=other#values")
    if not connection.enabled:
        end_closed_sessions(connection.company)
        connection.enabled, connection.metadata_by_link = True, False
        connection.save(update_fields=["enabled", "metadata_by_link"])
        connection.company.version += 1
        connection.company.save(update_fields=["version"])
        end_links(connection)
        changes = {"saml.enabled": [False, True]}
        entry = Entry(EventName.SETTINGS_CHANGED, connection.name, changes)
        record([entry], company_id=connection.company_id, **by(request))
    return redirect(f"/settings/connect/{slug}/?done=on")


@require_POST
@administrators_only
@confirmed_only
def link(request: PageRequest, slug: str) -> HttpResponse:
    """Make the set-up link, shown this once; or revoke it."""
    connection = _connection(request, slug)
    form = GuideForm(
        connection.company,
        connection,
        now=timezone.now(),
        initial=GuideForm.current_connection(connection),
    )
    if "revoke" in request.POST:
        revoke_link(connection, **by(request))
        return redirect(f"/settings/connect/{slug}/?done=revoked#link")
    try:
        token = make_link(connection, **by(request))
    except SwitchedOn:
        return redirect(f"/settings/connect/{slug}/")
    address = f"{settings.PASSERELLE.base_url}/setup/{token}/"
    return render(request, "connect.html", {**_context(form, request), "made": address})


@require_POST
@administrators_only
@confirmed_only
def delete(request: PageRequest, slug: str) -> HttpResponse:
    """Delete a connection that is off: what people sign in through is switched off first."""
    connection = _connection(request, slug)
    if connection.enabled:
        return redirect(f"/settings/connect/{slug}/")
    entry = Entry(EventName.CONNECTION_DELETED, connection.name, {"slug": slug})
    record([entry], company_id=connection.company_id, **by(request))
    connection.company.version += 1
    connection.company.save(update_fields=["version"])
    connection.delete()
    end_migrations(connection.company_id)
    return redirect("/settings/connect/?done=deleted")
