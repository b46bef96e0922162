"""Settings > Directory sync: where the identity provider keeps people, and with which tokens."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from passerelle.directory.models import GroupMember, MachineToken, ManagedUser
from passerelle.directory.tokens import TooManyTokens, make_token, revoke_token
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.cookies import forget_shown, show_once, shown_once
from passerelle.web.frame.fields import name_problem
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest

DAYS = (30, 90, 365)
GROUPS_SHOWN = 50


@page_with_form
@administrators_only
@confirmed_only
def page(request: PageRequest) -> HttpResponse:
    """The address, the tokens, a form for a new one, and what has come."""
    company = company_of(request)
    name = " ".join(request.POST.get("name", "").split())
    problem = ""
    if request.method == "POST":
        days = request.POST.get("expires", "")
        ends = timezone.now() + timedelta(days=int(days)) if days in map(str, DAYS) else None
        problem = name_problem(name)
        try:
            if not problem:
                token = make_token(
                    company,
                    name=name,
                    scope=MachineToken.Scope.SCIM,
                    read_only="read_only" in request.POST,
                    expires_at=ends,
                    **acting(request),
                )
                response: HttpResponse = redirect(f"{reverse('directory_sync')}?done=made#new")
                show_once(response, f"token {company.id}", token)
                return response
        except TooManyTokens:
            problem = _("A company has at most %(count)s tokens: revoke one first.") % {
                "count": MachineToken.MOST
            }
    token = shown_once(request, f"token {company.id}")
    groups = company.groups.annotate(size=Count("members")).order_by("name_key")
    context = {
        "address": settings.PASSERELLE.base_url + reverse("scim"),
        "tokens": company.machine_tokens.all(),
        "token": token,
        "name": name,
        "problem": problem,
        "days": DAYS,
        "now": timezone.now(),
        "people": ManagedUser.objects.filter(company=company).count(),
        "groups": groups[:GROUPS_SHOWN],
        "group_count": groups.count(),
        "in_groups": GroupMember.objects.filter(company=company).values("user").distinct().count(),
        "done": "" if problem else request.GET.get("done"),
    }
    response = render(request, "directory_sync.html", context, status=422 if problem else 200)
    if token:
        forget_shown(response)
    return response


@require_POST
@administrators_only
@confirmed_only
def revoke(request: PageRequest, token_id: UUID) -> HttpResponse:
    row = company_of(request).machine_tokens.filter(id=token_id).first()
    if row is None:
        raise Http404
    revoke_token(row, **acting(request))
    return redirect(f"{reverse('directory_sync')}?done=revoked")
