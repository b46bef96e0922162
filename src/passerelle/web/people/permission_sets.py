"""Settings > Permission sets."""

from uuid import UUID

from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from passerelle.directory.applications import NameTaken
from passerelle.directory.models import Permission, PermissionSet, User
from passerelle.directory.workspaces_and_sets import (
    InUse,
    change_permission_set,
    create_permission_set,
    delete_permission_set,
    usage_of,
)
from passerelle.web.frame.access import Acting, acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.fields import name_problem
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed

SHOWN = 50


@page_with_form
@administrators_only
@confirmed_only
def permission_set_list(request: PageRequest) -> HttpResponse:
    """The permission sets with what each allows, and a form for a new one."""
    company = company_of(request)
    name, problem, chosen = "", "", _chosen(request)
    if request.method == "POST":
        name = typed(request.POST.get("name", ""))
        problem = name_problem(name)
        if not problem:
            try:
                row = create_permission_set(company, name, chosen, **acting(request))
                return redirect(f"{reverse('permission_set', args=[row.id])}?done=created")
            except NameTaken:
                problem = _("There is a permission set of this name already.")
    rows = company.permission_sets.prefetch_related("permissions").annotate(
        people=Count("memberships__user", distinct=True)
    )
    context = {
        "rows": rows,
        "catalogue": Permission.objects.all(),
        "chosen": {one.key for one in chosen},
        "name": name,
        "problem": problem,
        "done": request.GET.get("done"),
    }
    return render(request, "permission_sets.html", context, status=422 if problem else 200)


@page_with_form
@administrators_only
@confirmed_only
def permission_set_page(request: PageRequest, row_id: UUID) -> HttpResponse:
    """What it allows, who has it, and what a change means before it is saved."""
    company = company_of(request)
    sets = company.permission_sets.select_related("company").prefetch_related("permissions")
    row = sets.filter(id=row_id).first()
    if row is None:
        raise Http404
    problem, name, before = "", row.name, {permission.key for permission in row.permissions.all()}
    chosen, asked = before, None
    if request.method == "POST" and "delete" in request.POST:
        try:
            delete_permission_set(row, **acting(request))
            return redirect(f"{reverse('permission_sets')}?done=deleted")
        except InUse:
            problem = _("It is still in use: see below by what, and change that first.")
    elif request.method == "POST":
        name, picked = typed(request.POST.get("name", "")), _chosen(request)
        chosen = {one.key for one in picked}
        problem = name_problem(name)
        # A change of rights is shown first, for how many people it is; then it is confirmed.
        if not problem and chosen != before and "confirmed" not in request.POST:
            asked = _difference(before, chosen)
        elif not problem:
            problem = _changed(row, name, picked, acting(request))
            if not problem:
                return redirect(f"{reverse('permission_set', args=[row.id])}?done=changed")
    usage = usage_of(row)
    context = {
        "row": row,
        "name": name,
        "problem": problem,
        "chosen": chosen,
        "asked": asked,
        "catalogue": Permission.objects.all(),
        "usage": usage,
        "people": _people(row),
        "more_people": max(usage.people - SHOWN, 0),
        "done": request.GET.get("done"),
    }
    return render(request, "permission_set.html", context, status=422 if problem else 200)


def _difference(before: set[str], after: set[str]) -> dict[str, list[Permission]]:
    """What people get and lose, in words."""
    named = {one.key: one for one in Permission.objects.all()}
    return {
        "gained": [named[key] for key in sorted(after - before)],
        "lost": [named[key] for key in sorted(before - after)],
    }


def _changed(row: PermissionSet, name: str, picked: list[Permission], done: Acting) -> str:
    before = row.name
    try:
        change_permission_set(row, name, picked, **done)
    except NameTaken:
        row.name = before
        return _("There is a permission set of this name already.")
    return ""


def _people(row: PermissionSet) -> list[User]:
    of_it = User.objects.filter(memberships__permission_set=row).distinct()
    return list(of_it.order_by("email_key")[:SHOWN])


def _chosen(request: PageRequest) -> list[Permission]:
    keys = request.POST.getlist("permissions")[:500]
    return list(Permission.objects.filter(key__in=[typed(key) for key in keys]))
