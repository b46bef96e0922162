"""Settings > E-mail domains: whose people come here, proved by DNS."""

from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from passerelle.administration.lockout import refuse_lockout
from passerelle.directory.domains import (
    Unproved,
    add_domain,
    is_public,
    look_record_up,
    mark_proved,
    record_name,
    record_value,
    remove_domain,
)
from passerelle.directory.models import Domain, User
from passerelle.infra.domain_names import normalise_domain
from passerelle.sso.sessions.enforcement import NoWayBack
from passerelle.web.frame.access import acting, administrators_only, company_of, locked_for_decision
from passerelle.web.frame.confirm import confirmed_before_waiting, confirmed_only
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest

UNPROVED: dict[str, Promise] = {
    "missing": gettext_lazy(
        "There is no such record yet. After adding it, a change takes some minutes to be seen, at "
        "most a day."
    ),
    "other": gettext_lazy("The record says something else: %(found)s"),
    "unreachable": gettext_lazy("The name servers could not be asked: %(found)s"),
    "busy": gettext_lazy(
        "Other records of your company are being looked up. Try again in a few seconds."
    ),
    "taken": gettext_lazy(
        "Another company of this service has verified this domain. Ask whoever runs the service."
    ),
}


@page_with_form
@administrators_only
@confirmed_only
def page(request: PageRequest) -> HttpResponse:
    """All of them with their records, and a form for another one."""
    if request.method != "POST":
        return _page(request)
    typed = request.POST.get("name", "").strip()
    # What people paste: the address of their site, or what stands in their addresses.
    bare = typed.removeprefix("https://").removeprefix("http://").removeprefix("@")
    name = normalise_domain(bare.rstrip("/").removeprefix("www."))
    if not typed:
        return _page(request, problem=_("Enter a domain, such as acme.example."))
    if name is None:
        problem = _("“%(typed)s” is not a domain. Enter one such as acme.example.")
        return _page(request, typed=typed, problem=problem % {"typed": typed[:100]})
    if is_public(name):
        problem = _("Anybody can have an address at %(name)s: it cannot belong to a company.")
        return _page(request, typed=typed, problem=problem % {"name": name})
    if not add_domain(company_of(request), name, **acting(request)):
        return _page(request, typed=typed, problem=_("This domain is in the list already."))
    return redirect(f"{reverse('domains')}?done=added")


def _page(
    request: PageRequest,
    *,
    typed: str = "",
    problem: str = "",
    unproved: Domain | None = None,
    why: str = "",
) -> HttpResponse:
    people = User.objects.filter(company=OuterRef("company"), email_domain=OuterRef("name"))
    number = people.order_by().values("email_domain").annotate(n=Count("id")).values("n")
    domains = company_of(request).domains.order_by("name").select_related("connection")
    domains = domains.annotate(people=Coalesce(Subquery(number), 0))
    context: dict[str, Any] = {
        "domains": [
            (domain, record_name(domain), record_value(domain), why if domain == unproved else "")
            for domain in domains
        ],
        "typed": typed,
        "problem": problem,
        "done": "" if problem or why else request.GET.get("done", ""),
    }
    return render(request, "domains.html", context, status=422 if problem or why else 200)


@require_POST
@administrators_only
@confirmed_before_waiting
def prove(request: PageRequest, domain_id: UUID) -> HttpResponse:
    """Ask the DNS now."""
    domain = get_object_or_404(company_of(request).domains, id=domain_id)
    try:
        look_record_up(domain)
        with locked_for_decision(request):
            mark_proved(domain, **acting(request))
    except Unproved as error:
        why = str(UNPROVED[error.reason]) % {"found": error.found}
        return _page(request, unproved=domain, why=why)
    return redirect(f"{reverse('domains')}?done=verified")


@require_POST
@administrators_only
@confirmed_only
def remove(request: PageRequest, domain_id: UUID) -> HttpResponse:
    domain = get_object_or_404(company_of(request).domains, id=domain_id)
    try:
        with refuse_lockout(company_of(request)):
            remove_domain(domain, **acting(request))
    except NoWayBack:
        return redirect(f"{reverse('domains')}?done=way-back")
    return redirect(f"{reverse('domains')}?done=removed")
