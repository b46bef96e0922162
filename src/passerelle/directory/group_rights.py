"""Keep the rights that groups give in step with who is in them and what the rules say."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, GroupMember, ManagedUser, Membership, User
from passerelle.directory.policy import load_names, load_policy, read_policy
from passerelle.provisioning.managed import rights_of_groups
from passerelle.provisioning.model import Grant, Policy

AT_ONCE = 500
"""People whose rights are looked at with one round of queries."""
MOST_NAMES = 200
"""Of one person's groups, so many are told to dashboards."""


def sync_everybody(company: Company, *, actor: Actor, now: datetime) -> None:
    """After a change of rules or of the default: whoever has rights by groups, or should have."""
    by_client = ManagedUser.objects.filter(company=company).values_list("user_id", flat=True)
    in_groups = GroupMember.objects.filter(company=company).values_list("user_id", flat=True)
    held = Membership.objects.filter(company=company, source=Membership.Source.SCIM)
    users = {*by_client, *in_groups, *held.values_list("user_id", flat=True)}
    _sync_all(company, users, read_policy(company), actor, now)


def sync_rights(company: Company, users: Collection[UUID], *, actor: Actor, now: datetime) -> None:
    """Give and withdraw what groups say: at most twenty statements for five hundred people."""
    if users:
        _sync_all(company, users, load_policy(company), actor, now)


def _sync_all(
    company: Company, users: Collection[UUID], policy: Policy, actor: Actor, now: datetime
) -> None:
    names = load_names(company)
    for some in _batches(sorted(users)):
        _sync(company, some, policy, names, actor, now)


def _batches(users: list[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(users), AT_ONCE):
        yield users[start : start + AT_ONCE]


def _sync(
    company: Company,
    users: list[UUID],
    policy: Policy,
    names: dict[str, str],
    actor: Actor,
    now: datetime,
) -> None:
    managed = set(ManagedUser.objects.filter(user__in=users).values_list("user_id", flat=True))
    groups: dict[UUID, list[str]] = {}
    rows = GroupMember.objects.filter(user__in=users).order_by("group__name")
    for user, name in rows.values_list("user_id", "group__name"):
        groups.setdefault(user, []).append(name)
    _keep_names(users, groups)
    held: dict[UUID, dict[Grant, UUID]] = {}
    by_groups = Membership.objects.filter(user__in=users, source=Membership.Source.SCIM)
    for one in by_groups:
        grant = Grant(str(one.workspace_id), str(one.permission_set_id))
        held.setdefault(one.user_id, {})[grant] = one.id
    gives: list[Membership] = []
    gone: list[UUID] = []
    told: list[tuple[EventName, UUID, dict[str, Any]]] = []
    for user in users:
        wanted = rights_of_groups(groups.get(user, ()), policy, is_managed=user in managed)
        has = held.get(user, {})
        for grant, why in wanted.items():
            if grant not in has:
                gives.append(_membership(company, user, grant, why, now))
                told.append((EventName.MEMBERSHIP_GIVEN, user, _details(grant, why, names)))
        for grant, row in has.items():
            if grant not in wanted:
                gone.append(row)
                why = "no group gives it any more"
                told.append((EventName.MEMBERSHIP_WITHDRAWN, user, _details(grant, why, names)))
    if not told:
        return
    Membership.objects.bulk_create(gives, ignore_conflicts=True)
    Membership.objects.filter(id__in=gone).delete()
    changed = {user for _event, user, _details in told}
    emails = dict(User.objects.filter(id__in=changed).values_list("id", "email"))
    entries = [Entry(event, emails[user], details) for event, user, details in told]
    record(entries, company_id=company.id, actor=actor, now=now)


def _keep_names(users: list[UUID], groups: dict[UUID, list[str]]) -> None:
    """Write the names beside the account, where they have changed."""
    changed = []
    for row in User.objects.filter(id__in=users).only("id", "directory_groups"):
        names = groups.get(row.id, [])[:MOST_NAMES]
        if row.directory_groups != names:
            row.directory_groups = names
            changed.append(row)
    User.objects.bulk_update(changed, ["directory_groups"])


def _membership(company: Company, user: UUID, grant: Grant, why: str, now: datetime) -> Membership:
    return Membership(
        company=company,
        user_id=user,
        workspace_id=UUID(grant.workspace),
        permission_set_id=UUID(grant.permission_set),
        source=Membership.Source.SCIM,
        why=why[:500],
        granted_at=now,
    )


def _details(grant: Grant, why: str, names: dict[str, str]) -> dict[str, Any]:
    return {
        "workspace": names.get(grant.workspace, grant.workspace),
        "permission_set": names.get(grant.permission_set, grant.permission_set),
        "why": why,
    }
