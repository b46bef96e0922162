"""The signed-in person's dashboard: their workspaces and what they may do there."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from zlib import crc32

from django.db.models import Max, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from passerelle.directory.models import Application, Permission, User
from passerelle.directory.rights import applications_of
from passerelle.sso.models import SignIn
from passerelle.web.account.overview import overview_of
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed
from passerelle.web.sign_in.login_page import company_finder

NEW_FOR = timedelta(days=1)
SEARCHED_FROM = 6
"""With more applications than this, there is a field to find one by."""
TONES = 6
"""So many colours tell tiles apart, one by the name of each."""


def home(request: PageRequest) -> HttpResponse:
    if request.person is None:
        return company_finder(request)
    found = _applications(request.person)
    sought = typed(request.GET.get("q", "")).casefold()
    context = {
        "applications": [
            (row, crc32(row.name.encode()) % TONES)
            for row in found
            if sought in f"{row.name} {row.host}".casefold()
        ],
        "searchable": len(found) > SEARCHED_FROM,
        "q": request.GET.get("q", "")[:100],
        "workspaces": _workspaces(request.person),
        "welcome": _welcome(request.person, timezone.now()),
        "overview": overview_of(request.person, now=timezone.now()),
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
