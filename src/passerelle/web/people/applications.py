"""Settings > Applications: what people open from their dashboard."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from passerelle.directory.models import Application, Company, User, Workspace
from passerelle.directory.workspaces_and_sets import (
    NameTaken,
    TooMany,
    add_application,
    change_application,
    remove_application,
)
from passerelle.sso.connections.connection import is_web_address
from passerelle.web.frame.access import Acting, acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.fields import OwnChoice, line
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.people.names import MAX_NAME, name_problem


class ApplicationForm(forms.Form):
    """Where a link leads, and for whom it is."""

    name = line(MAX_NAME)
    url = line(Application.LONGEST)
    workspace = OwnChoice(Workspace.objects.none(), required=False)

    def __init__(self, company: Company, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.fields["workspace"].queryset = company.workspaces.all()  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if problem := name_problem(name):
            raise forms.ValidationError(problem)
        return name

    def clean_url(self) -> str:
        typed = str(self.cleaned_data["url"])
        if not is_web_address(typed):
            raise forms.ValidationError(
                _("Enter the address of the application, such as https://reports.acme.example/")
            )
        return typed


@page_with_form
@administrators_only
@confirmed_only
def application_list(request: PageRequest) -> HttpResponse:
    """The applications with for whom each is, and a form for another one."""
    company = company_of(request)
    form = ApplicationForm(company, request.POST or None)
    if request.method == "POST" and form.is_valid() and _added(company, form, acting(request)):
        return redirect(f"{reverse('applications')}?done=added")
    rows = list(company.applications.select_related("workspace"))
    context = {
        "rows": rows,
        "form": form,
        "full": len(rows) >= Application.MOST,
        "most": Application.MOST,
        "done": request.GET.get("done"),
    }
    return render(request, "applications.html", context, status=422 if form.errors else 200)


@page_with_form
@administrators_only
@confirmed_only
def application_page(request: PageRequest, row_id: UUID) -> HttpResponse:
    """Change where it leads and for whom it is, or take it away."""
    company = company_of(request)
    row = company.applications.select_related("company", "workspace").filter(id=row_id).first()
    if row is None:
        raise Http404
    if request.method == "POST" and "remove" in request.POST:
        remove_application(row, **acting(request))
        return redirect(f"{reverse('applications')}?done=removed")
    form = ApplicationForm(
        company,
        request.POST or None,
        initial={"name": row.name, "url": row.url, "workspace": row.workspace_id},
    )
    if request.method == "POST" and form.is_valid() and _changed(row, form, acting(request)):
        return redirect(f"{reverse('application', args=[row.id])}?done=changed")
    context = {
        "row": row,
        "form": form,
        "people": _people_of(row),
        "done": request.GET.get("done"),
    }
    return render(request, "application.html", context, status=422 if form.errors else 200)


def _added(company: Company, form: ApplicationForm, done: Acting) -> bool:
    try:
        add_application(company, **form.cleaned_data, **done)
    except NameTaken:
        form.add_error("name", _taken())
    except TooMany:
        sentence = _("A company has at most %(count)s applications: remove one first.")
        form.add_error("name", sentence % {"count": Application.MOST})
    return not form.errors


def _changed(row: Application, form: ApplicationForm, done: Acting) -> bool:
    try:
        change_application(row, **form.cleaned_data, **done)
    except NameTaken:
        row.refresh_from_db()
        form.add_error("name", _taken())
    return not form.errors


def _taken() -> str:
    return _("There is an application of this name already.")


def _people_of(row: Application) -> int:
    """How many people have it on their dashboard."""
    people = row.company.users.filter(status=User.Status.ACTIVE)
    if row.workspace_id:
        people = people.filter(memberships__workspace_id=row.workspace_id).distinct()
    return people.count()
