"""The signed-in person's dashboard: their workspaces and what they may do there."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from passerelle.administration.enforcement import undone_by_code
from passerelle.directory.applications import applications_of
from passerelle.directory.models import (
    Application,
    Company,
    Domain,
    Permission,
    PermissionSet,
    User,
    Workspace,
)
from passerelle.sso.models import SamlConnection, SetupLink, SignIn
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.sign_in.login_page import company_finder

NEW_FOR = timedelta(days=1)


def home(request: PageRequest) -> HttpResponse:
    if request.person is None:
        return company_finder(request)
    context = {
        "applications": _applications(request.person),
        "workspaces": _workspaces(request.person),
        "welcome": _welcome(request.person, timezone.now()),
        "administers": _administers(request.person, timezone.now()),
    }
    if not context["workspaces"] and not context["welcome"]:
        context["whom_to_ask"] = _whom_to_ask(request.person)
    return render(request, "home.html", context)


def _applications(user: User) -> list[Application]:
    """What they may open, those that they opened last first."""
    found = applications_of(user)
    if len(found) < 2:
        return found
    visits = SignIn.objects.filter(user=user, application__in=found, reason="")
    last = dict(visits.values_list("application").annotate(last=Max("time")))
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda row: last.get(row.id, never), reverse=True)


def _welcome(user: User, now: datetime) -> dict[str, object] | None:
    """For the first day of somebody whose account was made at their sign-in: what, why, and who."""
    if user.provisioned_by != User.Origin.JIT or now - user.created_at > NEW_FOR:
        return None
    return {"administrators": _whom_to_ask(user)}


def _whom_to_ask(user: User) -> "QuerySet[User]":
    administrators = user.company.users.filter(is_administrator=True, status=User.Status.ACTIVE)
    return administrators.exclude(id=user.id).order_by("created_at")[:3]


def _with_what_it_has(company: Company) -> Any:
    """The company's row, with what it has at least one of."""

    def exists(rows: QuerySet[Any]) -> Exists:
        return Exists(rows.filter(company=OuterRef("id")))

    done = SetupLink.objects.filter(
        company=OuterRef("id"),
        finished_at__isnull=False,
        connection__enabled=False,
        connection__identities=None,
    )
    return Company.objects.annotate(
        connected=exists(SamlConnection.objects.filter(enabled=True)),
        verified=exists(Domain.objects.filter(verified_at__isnull=False)),
        has_workspace=exists(Workspace.objects.all()),
        has_set=exists(PermissionSet.objects.all()),
        has_application=exists(Application.objects.all()),
        handed_back=Subquery(done.values("connection__slug")[:1]),
    ).get(id=company.id)


def _first_steps(row: Any) -> list[tuple[Promise, str, bool]]:
    """What a company does once, in this order, and whether it has; nothing once all is done."""
    steps: list[tuple[Promise, str, bool]] = [
        (
            _("Connect your identity provider"),
            reverse("connect"),
            row.connected or row.google_sso_enabled,
        ),
        (_("Verify your e-mail domain"), reverse("domains"), row.verified),
        (_("Make a workspace"), reverse("workspaces"), row.has_workspace),
        (_("Make a permission set"), reverse("permission_sets"), row.has_set),
    ]
    if row.jit_provisioning_available and not row.google_sso_enabled:
        page = f"{reverse('security')}#jit-title"
        done = row.automatic_user_provisioning
        steps.append((_("Switch automatic user provisioning on"), page, done))
    return steps if not all(done for _step, _page, done in steps) else []


def _administers(user: User, now: datetime) -> dict[str, Any] | None:
    """What waits for an administrator."""
    if not user.is_administrator:
        return None
    company, row = user.company, _with_what_it_has(user.company)
    refused = SignIn.objects.filter(company=company, outcome="refused", time__gte=now - NEW_FOR)
    return {
        "first_steps": _first_steps(row),
        "has_application": row.has_application,
        "undone": undone_by_code(company),
        "handed_back": row.handed_back,
        "sign_in_address": settings.PASSERELLE.base_url
        + reverse("company_login", args=[company.slug]),
        "waiting": company.users.filter(status=User.Status.PENDING).count(),
        "refused": refused.count(),
    }


_PERMISSION = ("key", "name_en", "name_fr", "position")


def _workspaces(user: User) -> list[dict[str, object]]:
    """Each workspace once, with its permission sets and all that they allow together."""
    rows = user.memberships.order_by(
        "workspace__name", "workspace_id", "permission_set__name"
    ).values_list(
        "workspace_id",
        "workspace__name",
        "permission_set__name",
        *(f"permission_set__permissions__{name}" for name in _PERMISSION),
    )
    found = []
    for (_id, workspace), group in groupby(rows, key=lambda row: row[:2]):
        given = list(group)
        allowed = {row[3:] for row in given if row[3]}
        permissions = [Permission(**dict(zip(_PERMISSION, one, strict=True))) for one in allowed]
        found.append(
            {
                "workspace": workspace,
                "permission_sets": list(dict.fromkeys(row[2] for row in given)),
                "permissions": sorted(permissions, key=lambda p: (p.position, p.key)),
            }
        )
    return found
