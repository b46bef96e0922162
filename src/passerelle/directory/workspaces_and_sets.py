"""The verbs that change a company's workspaces and permission sets.

Each is recorded, each is whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, ProtectedError

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.applications import NameTaken
from passerelle.directory.models import (
    ApplicationRole,
    ApplicationWorkspace,
    Company,
    Membership,
    Permission,
    PermissionSet,
    ProvisioningRule,
    Workspace,
)


class InUse(Exception):  # noqa: N818 - reads as what is the matter
    """Something still points at it: see `usage_of`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What points at a workspace or a permission set."""

    people: int
    rules: int
    is_default: bool
    applications: int = 0

    @property
    def is_free(self) -> bool:
        return not (self.people or self.rules or self.is_default or self.applications)


def usage_of(row: Workspace | PermissionSet) -> Usage:
    """Who has it, which rules give it, whether newcomers get it, which applications it has."""
    is_workspace = isinstance(row, Workspace)
    of_row = {"workspace" if is_workspace else "permission_set": row}
    default = "default_workspace_id" if is_workspace else "default_permission_set_id"
    return Usage(
        people=Membership.objects.filter(**of_row).values("user_id").distinct().count(),
        rules=ProvisioningRule.objects.filter(**of_row).count(),
        is_default=getattr(row.company, default) == row.id,
        applications=_applications_with(row),
    )


def _applications_with(row: Workspace | PermissionSet) -> int:
    """How many applications are for its people, or name a role for it."""
    if isinstance(row, Workspace):
        return ApplicationWorkspace.objects.filter(workspace=row).count()
    return ApplicationRole.objects.filter(permission_set=row).count()


def usages_of_workspaces(company: Company) -> list[tuple[Workspace, Usage]]:
    """All workspaces of a company by name, each with its usage, in three queries."""
    memberships = Membership.objects.filter(company=company).values_list("workspace_id")
    people = dict(memberships.annotate(Count("user_id", distinct=True)))
    given = ProvisioningRule.objects.filter(company=company).order_by().values_list("workspace_id")
    rules = dict(given.annotate(Count("id")))
    return [
        (
            row,
            Usage(
                people.get(row.id, 0),
                rules.get(row.id, 0),
                is_default=row.id == company.default_workspace_id,
            ),
        )
        for row in company.workspaces.all()
    ]


@transaction.atomic
def create_workspace(company: Company, name: str, *, actor: Actor, now: datetime) -> Workspace:
    """Raises NameTaken."""
    row = Workspace(company=company, name=name)
    _save_named(row)
    _recorded(company, EventName.WORKSPACE_CREATED, name, {}, actor, now)
    return row


@transaction.atomic
def rename_workspace(row: Workspace, name: str, *, actor: Actor, now: datetime) -> None:
    """Raises NameTaken."""
    before, row.name = row.name, name
    if before == name:
        return
    _save_named(row)
    _recorded(row.company, EventName.WORKSPACE_RENAMED, name, {"name": [before, name]}, actor, now)


@transaction.atomic
def delete_workspace(row: Workspace, *, actor: Actor, now: datetime) -> None:
    """Raises InUse."""
    _delete(row)
    _recorded(row.company, EventName.WORKSPACE_DELETED, row.name, {}, actor, now)


@transaction.atomic
def create_permission_set(
    company: Company,
    name: str,
    permissions: Iterable[Permission],
    *,
    actor: Actor,
    now: datetime,
) -> PermissionSet:
    """Raises NameTaken."""
    row, given = PermissionSet(company=company, name=name), list(permissions)
    _save_named(row)
    row.permissions.set(given)
    details = {"permissions": sorted(one.key for one in given)}
    _recorded(company, EventName.PERMISSION_SET_CREATED, name, details, actor, now)
    return row


@transaction.atomic
def change_permission_set(
    row: PermissionSet,
    name: str,
    permissions: Iterable[Permission],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Raises NameTaken."""
    before, given = (
        sorted(permission.key for permission in row.permissions.all()),
        list(permissions),
    )
    after = sorted(one.key for one in given)
    details: dict[str, Any] = {"permissions": [before, after]} if before != after else {}
    old, row.name = row.name, name
    details |= {"name": [old, name]} if old != name else {}
    if not details:
        return
    _save_named(row)
    row.permissions.set(given)
    _recorded(row.company, EventName.PERMISSION_SET_CHANGED, name, details, actor, now)


@transaction.atomic
def delete_permission_set(row: PermissionSet, *, actor: Actor, now: datetime) -> None:
    """Raises InUse."""
    _delete(row)
    _recorded(row.company, EventName.PERMISSION_SET_DELETED, row.name, {}, actor, now)


def _save_named(row: Workspace | PermissionSet) -> None:
    """The database says whether a name is free, whoever else is saving at this moment.

    Nor may a new name differ by upper and lower case alone: people would take one for the other.
    """
    rows = type(row).objects.filter(company=row.company)
    is_old = rows.filter(id=row.id, name=row.name).exists()
    if not is_old and rows.exclude(id=row.id).filter(name__iexact=row.name).exists():
        raise NameTaken
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken from error


def _delete(row: Workspace | PermissionSet) -> None:
    # The names that traces and the audit log tell stay; the identifier is kept for the record.
    identifier = row.id
    try:
        with transaction.atomic():
            row.delete()
    except (ProtectedError, IntegrityError) as error:
        raise InUse from error
    row.id = identifier


def _recorded(
    company: Company,
    event: EventName,
    target: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    """Record it, and let every worker read names and policies anew."""
    record([Entry(event, target, details)], company_id=company.id, actor=actor, now=now)
    company.raise_version()
