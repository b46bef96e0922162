"""Settings > Connect your identity provider: the set-up guide, step by step."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from passerelle.administration import connections
from passerelle.administration.settings import Outdated
from passerelle.directory.models import Company
from passerelle.sso.connections.connection import ProviderHeld, missing_for_sign_in
from passerelle.sso.connections.guides import GUIDES
from passerelle.sso.connections.setup_links import SwitchedOn, make_link, revoke_link
from passerelle.sso.models import SamlConnection, SetupLink
from passerelle.sso.sessions.enforcement import NoWayBack
from passerelle.web.frame.access import acting, administrators_only, company_of, locked_for_decision
from passerelle.web.frame.confirm import confirmed_before_waiting, confirmed_only
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.settings.connection_sentences import too_many
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.guide_page import checked, guide_context, guide_form, shown_digest
from passerelle.web.settings.security_save import save_guide
from passerelle.web.settings.test_page import leave_for_trial


@page_with_form
@administrators_only
@confirmed_only
def choose(request: PageRequest) -> HttpResponse:
    """Step 1: which product. Choosing reserves the addresses, in a connection that is off."""
    company = company_of(request)
    if request.method == "POST":
        product = request.POST.get("product", "")
        if product in GUIDES and not too_many(company):
            return redirect(reverse("connect_guide", args=[_draft(request, product).slug]))
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
    return connections.begin_connection(company, product, name, instead_of=found, **acting(request))


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
                with locked_for_decision(request):
                    save_guide(form, session=request.session_row, **acting(request))
            except NoWayBack:
                form.refuse_lock_out()
                return render(request, "connect.html", _context(form, request), status=422)
            except (Outdated, ProviderHeld):
                form.refuse_as_switched_on()
                return render(request, "connect.html", _context(form, request), status=422)
            return redirect(f"{reverse('connect_guide', args=[slug])}?done=saved")
        return render(request, "connect.html", _context(form, request), status=422)
    form = guide_form(request, connection)
    return render(request, "connect.html", _context(form, request))


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


@require_POST
@administrators_only
def trial(request: PageRequest, slug: str) -> HttpResponse:
    """Test what is saved, before it is switched on."""
    connection = _connection(request, slug)
    form = GuideForm(connection.company, connection, now=timezone.now())
    if missing_for_sign_in(connection, len(form.certificates)):
        return redirect(f"{reverse('connect_guide', args=[slug])}#values")
    return leave_for_trial(request, form.draft, connection.company)


@require_POST
@administrators_only
@confirmed_only
def switch_on(request: PageRequest, slug: str) -> HttpResponse:
    """Step 5: from here on people can use it."""
    connection = _connection(request, slug)
    lacking = missing_for_sign_in(connection, connection.certificates.count())
    if lacking:
        return redirect(f"{reverse('connect_guide', args=[slug])}#values")
    if request.POST.get("shown") != shown_digest(connection):
        # Somebody with a set-up link has saved other values since this page was made.
        return redirect(f"{reverse('connect_guide', args=[slug])}?done=other#values")
    if not connection.enabled:
        connections.switch_on(connection, **acting(request))
    return redirect(f"{reverse('connect_guide', args=[slug])}?done=on")


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
        revoke_link(connection, **acting(request))
        return redirect(f"{reverse('connect_guide', args=[slug])}?done=revoked#link")
    try:
        token = make_link(connection, **acting(request))
    except SwitchedOn:
        return redirect("connect_guide", slug)
    address = settings.PASSERELLE.base_url + reverse("setup_open", args=[token])
    return render(request, "connect.html", {**_context(form, request), "made": address})


@require_POST
@administrators_only
@confirmed_only
def delete(request: PageRequest, slug: str) -> HttpResponse:
    """Delete a connection that is off: what people sign in through is switched off first."""
    connection = _connection(request, slug)
    if connection.enabled:
        return redirect("connect_guide", slug)
    connections.delete_connection(connection, **acting(request))
    return redirect(f"{reverse('connect')}?done=deleted")
