"""Settings > Workspaces."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from passerelle.directory.applications import NameTaken
from passerelle.directory.models import Workspace
from passerelle.directory.workspaces_and_sets import (
    InUse,
    create_workspace,
    delete_workspace,
    rename_workspace,
    usage_of,
    usages_of_workspaces,
)
from passerelle.web.frame.access import Acting, acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.fields import name_problem
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed


@page_with_form
@administrators_only
@confirmed_only
def workspace_list(request: PageRequest) -> HttpResponse:
    """The workspaces with how many people each has, and a form for a new one."""
    company = company_of(request)
    name, problem = "", ""
    if request.method == "POST":
        name = typed(request.POST.get("name", ""))
        problem = name_problem(name)
        if not problem:
            try:
                row = create_workspace(company, name, **acting(request))
                return redirect(f"{reverse('workspace', args=[row.id])}?done=created")
            except NameTaken:
                problem = _("There is a workspace of this name already.")
    context = {
        "rows": usages_of_workspaces(company),
        "name": name,
        "problem": problem,
        "done": request.GET.get("done"),
    }
    return render(request, "workspaces.html", context, status=422 if problem else 200)


@page_with_form
@administrators_only
@confirmed_only
def workspace_page(request: PageRequest, row_id: UUID) -> HttpResponse:
    """Rename it, or delete it where nothing uses it any more."""
    company = company_of(request)
    row = company.workspaces.select_related("company").filter(id=row_id).first()
    if row is None:
        raise Http404
    problem, name = "", row.name
    if request.method == "POST" and "delete" in request.POST:
        try:
            delete_workspace(row, **acting(request))
            return redirect(f"{reverse('workspaces')}?done=deleted")
        except InUse:
            problem = _("It is still in use: see below by what, and change that first.")
    elif request.method == "POST":
        name = typed(request.POST.get("name", ""))
        problem = name_problem(name) or _renamed(row, name, acting(request))
        if not problem:
            return redirect(f"{reverse('workspace', args=[row.id])}?done=renamed")
    context = {
        "row": row,
        "name": name,
        "problem": problem,
        "usage": usage_of(row),
        "done": request.GET.get("done"),
    }
    return render(request, "workspace.html", context, status=422 if problem else 200)


def _renamed(row: Workspace, name: str, done: Acting) -> str:
    before = row.name
    try:
        rename_workspace(row, name, **done)
    except NameTaken:
        row.name = before
        return _("There is a workspace of this name already.")
    return ""
