"""The signed-in person's dashboard: their workspaces and what they may do there."""

from datetime import datetime, timedelta
from itertools import groupby

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.views.door import find_company
from passerelle.directory.models import User
from passerelle.sso.models import SignIn

NEW_FOR = timedelta(days=1)


def home(request: PageRequest) -> HttpResponse:
    if request.person is None:
        return find_company(request)
    context = {
        "workspaces": _workspaces(request.person),
        "welcome": _welcome(request.person, timezone.now()),
        "administers": _administers(request.person, timezone.now()),
    }
    return render(request, "home.html", context)


def _welcome(user: User, now: datetime) -> dict[str, object] | None:
    """For the first day of somebody whose account was made at their sign-in: what, why, and who."""
    if user.provisioned_by != User.Origin.JIT or now - user.created_at > NEW_FOR:
        return None
    administrators = user.company.users.filter(is_administrator=True, status=User.Status.ACTIVE)
    return {"administrators": administrators.exclude(id=user.id).order_by("created_at")[:3]}


def _administers(user: User, now: datetime) -> dict[str, int] | None:
    """What waits for an administrator."""
    if not user.is_administrator:
        return None
    company = user.company
    refused = SignIn.objects.filter(company=company, outcome="refused", time__gte=now - NEW_FOR)
    return {
        "connections": company.connections.filter(enabled=True).count(),
        "waiting": company.users.filter(status=User.Status.PENDING).count(),
        "refused": refused.count(),
    }


def _workspaces(user: User) -> list[dict[str, object]]:
    """Each workspace once, with its permission sets and all that they allow together."""
    memberships = (
        user.memberships.select_related("workspace", "permission_set")
        .prefetch_related("permission_set__permissions")
        .order_by("workspace__name", "workspace_id", "permission_set__name")
    )
    found = []
    for workspace, group in groupby(memberships, key=lambda one: one.workspace):
        sets = list({one.permission_set_id: one.permission_set for one in group}.values())
        permissions = {p.key: p for one in sets for p in one.permissions.all()}
        found.append(
            {
                "workspace": workspace,
                "permission_sets": sets,
                "permissions": sorted(permissions.values(), key=lambda p: (p.position, p.key)),
            }
        )
    return found
