"""What a person may do in each application, and which of them they may open."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from passerelle.directory.models import (
    Application,
    ApplicationRole,
    ApplicationWorkspace,
    Company,
    Membership,
    User,
)
from passerelle.infra.memory import Remembered
from passerelle.infra.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may open an application, and what it calls their role."""

    workspaces: frozenset[UUID]
    permission: str | None
    roles: tuple[tuple[UUID, str], ...]
    """Permission sets with their roles, the strongest first."""
    default_role: str
    url: str
    open_at_sign_in: bool


@dataclass(frozen=True, slots=True)
class Right:
    """One permission set of a person in one workspace, with the permissions in it."""

    workspace: UUID
    workspace_name: str
    permission_set: UUID
    permission_set_name: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a person may do in an application, by their names."""

    may_open: bool
    lacks: str
    """Why not: `workspace` or `permission`; empty where they may."""
    workspaces: tuple[str, ...]
    permission_sets: tuple[str, ...]
    """As `Workspace/Permission set`."""
    permissions: tuple[str, ...]
    """Their keys, in the workspaces of the application."""
    roles: tuple[str, ...]

    @property
    def role(self) -> str:
        return self.roles[0] if self.roles else ""


_terms: Remembered[UUID, dict[UUID, Terms]] = Remembered()


def _all_terms(company: Company) -> dict[UUID, Terms]:
    """Of all of a company's applications, read at once for each of its versions."""

    def read() -> dict[UUID, Terms]:
        workspaces: dict[UUID, set[UUID]] = {}
        chosen = ApplicationWorkspace.objects.filter(company=company)
        for application, workspace in chosen.values_list("application_id", "workspace_id"):
            workspaces.setdefault(application, set()).add(workspace)
        roles: dict[UUID, list[tuple[UUID, str]]] = {}
        given = ApplicationRole.objects.filter(company=company)
        rows = given.values_list("application_id", "permission_set_id", "role")
        for application, permission_set, role in rows:
            roles.setdefault(application, []).append((permission_set, role))
        return {
            application.id: Terms(
                frozenset(workspaces.get(application.id, ())),
                application.permission_id,
                tuple(roles.get(application.id, ())),
                application.default_role,
                application.url,
                application.open_at_sign_in,
            )
            for application in company.applications.all()
        }

    return _terms.get(company.id, company.version, read)


def terms_of(row: Application) -> Terms:
    found = _all_terms(row.company)
    if row.id not in found:
        # It was made while another transaction read.
        _terms.forget(row.company_id)
        found = _all_terms(row.company)
    return found[row.id]


def _rights(user: UUID) -> "QuerySet[Membership, Any]":
    rows = Membership.objects.filter(user_id=user)
    return rows.order_by("workspace__name", "permission_set__name").values_list(
        "workspace_id",
        "workspace__name",
        "permission_set_id",
        "permission_set__name",
        "permission_set__permissions__key",
    )


_RIGHTS = Prepared(_rights, user=UUID)


def rights_of(user: User) -> list[Right]:
    """All that a person may do, anywhere; one query."""
    rows = _RIGHTS.rows(user=user.id)
    found: dict[tuple[UUID, str, UUID, str], set[str]] = {}
    for workspace, workspace_name, permission_set, name, permission in rows:
        # The same right may come from several sources.
        keys = found.setdefault((workspace, workspace_name, permission_set, name), set())
        keys |= {permission} if permission else set()
    return [Right(*right, frozenset(keys)) for right, keys in found.items()]


def rights_there(rights: Iterable[Right], terms: Terms) -> Rights:
    """What of it counts in one application."""
    every = list(rights)
    there = [one for one in every if not terms.workspaces or one.workspace in terms.workspaces]
    permissions = {key for right in there for key in right.permissions}
    given = {right.permission_set for right in there}
    roles = dict.fromkeys(role for permission_set, role in terms.roles if permission_set in given)
    lacks = ""
    if terms.workspaces and not there:
        lacks = "workspace"
    elif terms.permission and terms.permission not in permissions:
        lacks = "permission"
    return Rights(
        not lacks,
        lacks,
        tuple(dict.fromkeys(right.workspace_name for right in every)),
        tuple(f"{right.workspace_name}/{right.permission_set_name}" for right in every),
        tuple(sorted(permissions)),
        tuple(roles) or ((terms.default_role,) if terms.default_role else ()),
    )


def applications_of(user: User) -> list[Application]:
    """What stands on somebody's dashboard: what they may open."""
    rows = list(Application.objects.filter(company_id=user.company_id))
    rights = rights_of(user) if rows else []
    found = []
    for row in rows:
        row.company = user.company
        if rights_there(rights, terms_of(row)).may_open:
            found.append(row)
    return found


def opened_at_sign_in(user: User) -> str:
    """The address of the application that people are led straight into; empty: none, or not them.

    Administrators stay: what they have to look after is on our own pages.
    """
    straight = [one for one in _all_terms(user.company).values() if one.open_at_sign_in]
    if user.is_administrator or not straight:
        return ""
    rights = rights_there(rights_of(user), straight[0])
    return straight[0].url if rights.may_open else ""
