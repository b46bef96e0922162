"""Settings > Applications."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.directory.applications import (
    WHOLE,
    ClientIdTaken,
    HostTaken,
    NameTaken,
    TooMany,
    add_application,
    change_application,
    remove_application,
)
from passerelle.directory.models import Application, Company, User
from passerelle.directory.rights import terms_of
from passerelle.oidc.claims import claims_of, visitor_of
from passerelle.oidc.clients import make_secret
from passerelle.oidc.tokens import auth_time_of
from passerelle.sso.sessions.session import never_opened
from passerelle.web.applications.form import ApplicationForm
from passerelle.web.applications.products import PRODUCTS, product_of
from passerelle.web.applications.recipes import recipes_for
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.cookies import forget_shown, show_once, shown_once
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest


@require_safe
@administrators_only
def application_list(request: PageRequest) -> HttpResponse:
    """The applications, with for whom each is."""
    rows = list(company_of(request).applications.prefetch_related("workspaces"))
    context = {
        "rows": [(row, product_of(row.product, row.kind)) for row in rows],
        "full": len(rows) >= Application.MOST,
        "most": Application.MOST,
        "done": request.GET.get("done"),
    }
    return render(request, "applications.html", context)


@require_safe
@administrators_only
def choose(request: PageRequest) -> HttpResponse:
    """Which product it is."""
    return render(request, "application_choose.html", {"products": PRODUCTS.items()})


@page_with_form
@administrators_only
@confirmed_only
def add(request: PageRequest, product: str) -> HttpResponse:
    if product not in PRODUCTS:
        raise Http404
    company = company_of(request)
    sent: dict[str, Any] = {"data": request.POST} if request.method == "POST" else {}
    form = ApplicationForm(company, product, PRODUCTS[product], **sent)
    if form.is_bound and form.is_valid() and (row := _added(company, form, request)):
        response = redirect(f"{reverse('application', args=[row.id])}?done=added")
        if row.kind == Application.Kind.OIDC and not row.public:
            show_once(response, str(row.id), make_secret(row, **acting(request)))
        return response
    context = {"form": form, "product": PRODUCTS[product], "product_slug": product}
    return render(request, "application_add.html", context, status=422 if form.errors else 200)


def _added(company: Company, form: ApplicationForm, request: PageRequest) -> Application | None:
    try:
        return add_application(company, form.draft, **acting(request))
    except TooMany:
        sentence = _("A company has at most %(count)s applications: remove one first.")
        form.add_error("name", sentence % {"count": Application.MOST})
    except (NameTaken, ClientIdTaken, HostTaken) as error:
        _refuse_taken(form, error)
    return None


def _refuse_taken(form: ApplicationForm, error: Exception) -> None:
    if isinstance(error, ClientIdTaken):
        form.add_error("client_id", _("Another application has this client ID. Choose another."))
    elif isinstance(error, HostTaken):
        name = "hosts" if form.row else "url"
        sentence = _("Another application is registered for the host %(host)s.")
        form.add_error(name, sentence % {"host": error.host})
    else:
        form.add_error("name", _("There is an application of this name already."))


def _row(request: PageRequest, row_id: UUID) -> Application:
    rows = company_of(request).applications.select_related("company", "permission")
    row = rows.prefetch_related(*WHOLE).filter(id=row_id).first()
    if row is None:
        raise Http404
    return row


@page_with_form
@administrators_only
@confirmed_only
def application_page(request: PageRequest, row_id: UUID) -> HttpResponse:
    """Change it, read what to paste into it, or take it away."""
    row = _row(request, row_id)
    if request.method == "POST" and "remove" in request.POST:
        remove_application(row, **acting(request))
        return redirect(f"{reverse('applications')}?done=removed")
    sent: dict[str, Any] = {"data": request.POST} if request.method == "POST" else {}
    product = product_of(row.product, row.kind)
    form = ApplicationForm(row.company, row.product, product, row, **sent)
    if form.is_bound and form.is_valid() and _changed(row, form, request):
        return redirect(f"{reverse('application', args=[row.id])}?done=changed")
    return _page(request, row, form)


def _changed(row: Application, form: ApplicationForm, request: PageRequest) -> bool:
    try:
        change_application(row, form.draft, **acting(request))
    except (NameTaken, ClientIdTaken, HostTaken) as error:
        row.refresh_from_db()
        _refuse_taken(form, error)
    return not form.errors


def _page(request: PageRequest, row: Application, form: ApplicationForm) -> HttpResponse:
    secret = shown_once(request, str(row.id))
    context = {
        "row": row,
        "form": form,
        "product": form.product,
        "files": recipes_for(row, form.product, secret=secret),
        "secret": secret,
        "has_secret": row.client_secrets.exists(),
        "people": _people_of(row),
        "done": "" if form.is_bound else request.GET.get("done"),
    }
    status = 422 if form.errors else 200
    response = render(request, "application.html", context, status=status)
    if secret:
        forget_shown(response)
    return response


@require_POST
@administrators_only
@confirmed_only
def secret(request: PageRequest, row_id: UUID) -> HttpResponse:
    """A new client secret, shown once; the old one goes on for a day."""
    row = _row(request, row_id)
    if row.kind != Application.Kind.OIDC or row.public:
        raise Http404
    made = make_secret(row, at_once="now" in request.POST, **acting(request))
    response = redirect(f"{reverse('application', args=[row.id])}?done=secret#paste")
    show_once(response, str(row.id), made)
    return response


@require_safe
@administrators_only
def preview(request: PageRequest, row_id: UUID) -> HttpResponse:
    """What the application would be told of somebody, without signing them in."""
    row = _row(request, row_id)
    typed = request.GET.get("email", "").replace("\0", "").strip()
    people = row.company.users.filter(status=User.Status.ACTIVE)
    found = people.filter(email__iexact=typed).first() if typed else request.person
    context: dict[str, Any] = {"row": row, "typed": typed, "found": found}
    if found is not None:
        found.company = row.company
        # Their newest session knows their groups.
        session = found.sessions.order_by("-created_at").first() or never_opened(
            found, now=timezone.now()
        )
        session.user = found
        visitor = visitor_of(session, row, auth_time=auth_time_of(session))
        said = {name: value for name, value in claims_of(visitor).items() if name != "sid"}
        context |= {"claims": said.items(), "visitor": visitor}
    return render(request, "application_preview.html", context)


def _people_of(row: Application) -> int:
    """How many people may open it."""
    people = row.company.users.filter(status=User.Status.ACTIVE)
    terms = terms_of(row)
    if not terms.workspaces and not terms.permission:
        return people.count()
    if terms.workspaces:
        people = people.filter(memberships__workspace_id__in=terms.workspaces)
    if terms.permission:
        having = {"memberships__permission_set__permissions": terms.permission}
        if terms.workspaces:
            having["memberships__workspace_id__in"] = terms.workspaces  # type: ignore[assignment]
        people = people.filter(**having)
    return people.distinct().count()
