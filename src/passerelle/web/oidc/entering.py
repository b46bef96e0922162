"""On the way into an application: to the sign-in, or to the page that says what somebody lacks."""

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from passerelle.directory.models import Company
from passerelle.oidc.claims import Visitor
from passerelle.provisioning import parse_email
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.models import SamlConnection, Session
from passerelle.sso.records.traces import keep_application_visit
from passerelle.sso.sign_in import google
from passerelle.web.frame.client import client_address


def sign_in_first(
    request: HttpRequest, company: Company, next_path: str, *, anew: Session | None = None
) -> HttpResponse:
    """To the company's sign-in, and back here: past our page where there is one way only."""
    if connection := _only_way(request, company, anew):
        query = {"next": next_path, **({"confirm": "1"} if anew else {})}
        return redirect(f"{reverse('saml_login', args=[connection.slug])}?{urlencode(query)}")
    query = {"next": next_path}
    return redirect(f"{reverse('company_login', args=[company.slug])}?{urlencode(query)}")


def _only_way(
    request: HttpRequest, company: Company, anew: Session | None
) -> SamlConnection | None:
    """The connection that somebody would press anyway."""
    if anew is not None and anew.connection_id:
        return anew.connection
    connections = usable_connections(company)
    hint = parse_email(request.GET.get("login_hint", ""))
    if hint is not None:
        by_domain = company.domains.filter(name=hint.domain, connection__in=connections)
        if domain := by_domain.select_related("connection").first():
            return domain.connection
    one = len(connections) == 1 and not google.is_usable(company) and anew is None
    return connections[0] if one else None


def not_allowed(request: HttpRequest, visitor: Visitor, *, now: datetime) -> HttpResponse:
    """Somebody may not open it: what they lack, whom to ask, and by which reference."""
    row = keep_application_visit(
        visitor.application,
        visitor.user,
        lacks=lacking(visitor),
        address=client_address(request),
        now=now,
    )
    administrators = visitor.user.company.users.filter(is_administrator=True, status="active")
    context = {
        "application": visitor.application,
        "company": visitor.user.company,
        "account": visitor.user,
        "lacks": visitor.rights.lacks,
        "workspaces": visitor.application.workspaces.order_by("name"),
        "permission": visitor.application.permission,
        "whom_to_ask": administrators.exclude(id=visitor.user.id).order_by("created_at")[:3],
        "reference": row.reference,
    }
    return render(request, "application_refused.html", context, status=403)


def lacking(visitor: Visitor) -> dict[str, str]:
    """What they lack, as a trace keeps it."""
    application = visitor.application
    return {
        "case": visitor.rights.lacks,
        "application": application.name,
        "workspaces": ", ".join(application.workspaces.values_list("name", flat=True)),
        "permission": application.permission_id or "",
    }
