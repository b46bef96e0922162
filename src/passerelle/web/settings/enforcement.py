"""Settings > Single sign-on for everybody: in steps, with who would be shut out."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.administration.enforcement import (
    GoogleIsOn,
    NotYet,
    change_enforcement,
    make_codes,
    shut_out,
    undone_by_code,
)
from passerelle.directory.models import Company
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.sessions.enforcement import ADMINISTRATOR_WITH_PASSWORD, NoWayBack, came_by_sso
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.middleware import PageRequest

SHOWN = 50


@require_safe
@administrators_only
def page(request: PageRequest) -> HttpResponse:
    return _page(request)


def _page(
    request: PageRequest, *, codes: list[str] | None = None, problem: str = "", done: str = ""
) -> HttpResponse:
    assert request.session_row is not None
    company, now = company_of(request), timezone.now()
    people = shut_out(company, now=now)
    breakers = company.users.filter(breaks_glass=True)
    context = {
        "company": company,
        "chosen": request.POST.get("sso_enforcement") if problem else company.sso_enforcement,
        "connections": usable_connections(company),
        "may": came_by_sso(request.session_row),
        "undone": undone_by_code(company),
        "count": people.count(),
        "people": people[:SHOWN],
        "testers": company.users.filter(tests_sso=True).order_by("email_key")[:SHOWN],
        "breakers": breakers.order_by("email_key")[:SHOWN],
        "ready": breakers.filter(ADMINISTRATOR_WITH_PASSWORD).count(),
        "left": company.emergency_codes.filter(used_at=None).count(),
        "codes": codes,
        "problem": problem,
        "done": done or request.GET.get("done", ""),
    }
    return render(request, "enforcement.html", context, status=422 if problem else 200)


@require_POST
@administrators_only
@confirmed_only
def change(request: PageRequest) -> HttpResponse:
    """Go to another step; the codes that this makes are shown once."""
    assert request.session_row is not None
    wanted = request.POST.get("sso_enforcement", "")
    if wanted not in Company.Enforcement.values:
        return _page(request, problem=_("Choose one of the three steps."))
    company = company_of(request)
    if wanted == company.sso_enforcement and not undone_by_code(company):
        return redirect(f"{reverse('enforcement')}?done=nothing")
    try:
        codes = change_enforcement(
            company_of(request),
            wanted,
            session=request.session_row,
            **acting(request),
        )
    except NotYet:
        return _page(
            request,
            problem=_(
                "First sign in yourself by single sign-on, through the connection as it is now: "
                "otherwise nobody knows that it works, and you could be shut out."
            ),
        )
    except NoWayBack:
        return _page(
            request,
            problem=_(
                "No administrator has a password: in an emergency nobody could come back. Give an "
                "administrator emergency access on their page under Users: they get a link to "
                "choose one."
            ),
        )
    except GoogleIsOn:
        return _page(request, problem=_("Switch Google SSO off first: they exclude each other."))
    if codes:
        company_of(request).refresh_from_db()
        return _page(request, codes=codes, done="changed")
    return redirect(f"{reverse('enforcement')}?done=changed")


@require_POST
@administrators_only
@confirmed_only
def codes(request: PageRequest) -> HttpResponse:
    """Ten new emergency codes; the old ones are worthless from now on."""
    return _page(request, codes=make_codes(company_of(request), **acting(request)))
