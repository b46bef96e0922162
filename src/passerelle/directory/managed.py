"""People and groups of a provisioning client: each change in one transaction, each recorded.

The client owns who there is and who is suspended; administrators own the rest. Callers have locked
the company's row: one client changes one thing at a time.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory import actions
from passerelle.directory.apply import Conflict, Context, apply_plan
from passerelle.directory.group_rights import sync_rights
from passerelle.directory.models import Company, Group, GroupMember, ManagedUser, User
from passerelle.directory.policy import load_names
from passerelle.provisioning import EmailAddress, parse_email
from passerelle.provisioning.managed import plan_person
from passerelle.provisioning.model import Account

NO_ADDRESS = "no-address.invalid"


class Taken(Exception):  # noqa: N818 - reads as what is the matter
    """Another one of the company has this name or address already."""


class NotAdopted(Exception):  # noqa: N818 - reads as what is the matter
    """There is an account of this address, and it is not the client's to take over."""


class AddressOfAdministrator(Exception):  # noqa: N818 - reads as what is the matter
    """Whoever has an administrator's address could become them: administrators change it."""


class UnknownMember(Exception):  # noqa: N818 - reads as what is the matter
    """A group was to have somebody who is nobody of this company."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the client says of a person."""

    user_name: str
    address: EmailAddress | None
    """None where it says none: an account keeps its own, and a new one gets what nobody has."""
    first_name: str | None
    last_name: str | None
    """None where it says nothing of it: it stays as it is."""
    external_id: str | None = None
    active: bool | None = None
    """None where it says nothing, as well."""
    data: dict[str, Any] = field(default_factory=dict)


def add_person(company: Company, person: Person, *, actor: Actor, now: datetime) -> ManagedUser:
    """A new account, or the one of this address, which the client looks after from now on.

    Raises Taken, NotAdopted, LastAdministrator.
    """
    _refuse_taken_name(company, person, None)
    address = person.address or _nobodys()
    user = company.users.filter(email_key=address.key).first()
    if user is not None:
        if ManagedUser.objects.filter(user=user).exists():
            raise Taken(address.shown)
        _refuse_foreign(company, user, person.user_name)
    # It knows better than the mark of a removal who belongs to the company.
    actions.forget_removal(company, address)
    user = _account(company, user, replace(person, address=address), actor, now)
    actions.approve(user, actor=actor, now=now)
    row = ManagedUser(user=user, company=company, modified_at=now)
    _write(row, person)
    row.save(force_insert=True)
    _told(company, EventName.USER_MANAGED, user.email, {}, actor, now)
    _set_active(row, person.active, actor, now)
    sync_rights(company, [user.id], actor=actor, now=now)
    return row


def _refuse_taken_name(company: Company, person: Person, user: User | None) -> None:
    """Nor may a userName be the address of an account that goes by no other name."""
    mine = [user.id] if user else []
    key = person.user_name.casefold()
    same = ManagedUser.objects.filter(company=company, user_name_key=key)
    if same.exclude(user__in=mine).exists():
        raise Taken(person.user_name)
    named = parse_email(person.user_name)
    if named is None or (person.address and named.key == person.address.key):
        return
    others = company.users.filter(email_key=named.key, managed__isnull=True).exclude(id__in=mine)
    if others.exists():
        raise Taken(person.user_name)


def _refuse_foreign(company: Company, user: User, user_name: str) -> None:
    """Raise NotAdopted unless an account that others made may become the client's.

    As at a sign-in: where the company links accounts, in its verified domains. An administrator's
    only by its own name, since people may edit their addresses at the provider.
    """
    domains = company.domains.filter(verified_at__isnull=False, name=user.email_domain)
    named = parse_email(user_name)
    is_own_name = named is not None and named.key == user.email_key
    if (
        company.existing_accounts == Company.ExistingAccounts.REFUSE
        or not domains.exists()
        or (_is_guarded(user) and not is_own_name)
    ):
        raise NotAdopted(user.email)


def _is_guarded(user: User) -> bool:
    return user.is_administrator or user.breaks_glass


def _nobodys() -> EmailAddress:
    """An address that nobody can have, and that nobody can guess."""
    made = parse_email(f"{secrets.token_hex(10)}@{NO_ADDRESS}")
    assert made is not None
    return made


def change_person(
    company: Company, user: User, person: Person, *, actor: Actor, now: datetime
) -> ManagedUser:
    """Raises Taken, NotAdopted, AddressOfAdministrator, LastAdministrator."""
    _refuse_taken_name(company, person, user)
    row = ManagedUser.objects.filter(user=user).first()
    if row is None:
        _refuse_foreign(company, user, person.user_name)
    address = person.address or user.address
    if address.key != user.email_key and _is_guarded(user):
        raise AddressOfAdministrator(user.email)
    before = user.email_key
    user = _account(company, user, replace(person, address=address), actor, now)
    if user.email_key != before:
        # Whoever reads the old address has no way in by it any more.
        user.end_links()
    if person.active:
        actions.approve(user, actor=actor, now=now)
    is_new = row is None
    row = row or ManagedUser(user=user, company=company)
    row.user = User.objects.select_related("company").get(id=user.id)
    _write(row, person)
    row.modified_at, row.revision = now, row.revision + (0 if is_new else 1)
    row.save(force_insert=is_new)
    _set_active(row, person.active, actor, now)
    if is_new:
        _told(company, EventName.USER_MANAGED, user.email, {}, actor, now)
        sync_rights(company, [user.id], actor=actor, now=now)
    return row


def remove_person(user: User, *, actor: Actor, now: datetime) -> None:
    """Remove an account; one that an administrator has suspended stays so, and is let go of.

    Raises NotAdopted, LastAdministrator, Gone.
    """
    row = ManagedUser.objects.filter(user=user).first()
    if row is None:
        _refuse_foreign(user.company, user, user.email)
    Group.objects.filter(members__user=user).update(revision=F("revision") + 1, modified_at=now)
    if row is not None and user.status == User.Status.SUSPENDED and not row.suspended_here:
        row.delete()
        GroupMember.objects.filter(user=user).delete()
        sync_rights(user.company, [user.id], actor=actor, now=now)
        return
    actions.remove(user, tombstone=True, actor=actor, now=now)


def _told(
    company: Company,
    event: EventName,
    target: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    record([Entry(event, target, details)], company_id=company.id, actor=actor, now=now)


def _account(
    company: Company, user: User | None, person: Person, actor: Actor, now: datetime
) -> User:
    account = _as_planned(user) if user else None
    assert person.address is not None
    plan = plan_person(person.address, person.first_name, person.last_name, account)
    if user is not None and not plan.steps:
        return user
    context = Context(
        company_id=company.id,
        connection_id=None,
        idp_entity_id="",
        actor=actor,
        origin=User.Origin.SCIM,
        names=load_names(company),
        now=now,
        signs_in=False,
    )
    try:
        # Read again: what was inserted does not know that it is a row now.
        return User.objects.select_related("company").get(id=apply_plan(plan, context).id)
    except Conflict as conflict:
        raise Taken(person.address.shown) from conflict


def _as_planned(user: User) -> Account:
    return Account(
        id=str(user.id),
        status=user.status,  # type: ignore[arg-type]
        email=user.address,
        first_name=user.first_name,
        last_name=user.last_name,
    )


def _write(row: ManagedUser, person: Person) -> None:
    row.user_name, row.user_name_key = person.user_name, person.user_name.casefold()
    row.external_id, row.data = person.external_id, person.data


def _set_active(row: ManagedUser, active: bool | None, actor: Actor, now: datetime) -> None:
    """Suspend, or reinstate whom the client has suspended: never whom an administrator has."""
    is_suspended = row.user.status == User.Status.SUSPENDED
    if active is False and not is_suspended:
        actions.suspend(row.user, actor=actor, now=now)
    elif active and is_suspended and row.suspended_here:
        actions.reinstate(row.user, actor=actor, now=now)
    else:
        return
    row.suspended_here = not active
    row.save(update_fields=["suspended_here"])


def add_group(
    company: Company,
    name: str,
    *,
    external_id: str | None,
    members: Mapping[UUID, str],
    actor: Actor,
    now: datetime,
) -> Group:
    """`members` with what they are called there. Raises Taken, UnknownMember."""
    _refuse_taken(company, name, None)
    row = Group.objects.create(
        company=company,
        name=name,
        name_key=name.casefold(),
        external_id=external_id,
        created_at=now,
        modified_at=now,
    )
    _add_members(row, members)
    details = {"members": [0, len(members)]}
    _told(company, EventName.GROUP_ADDED, name, details, actor, now)
    sync_rights(company, set(members), actor=actor, now=now)
    return row


def change_group(
    row: Group,
    name: str,
    *,
    external_id: str | None,
    members: Mapping[UUID, str] | None,
    actor: Actor,
    now: datetime,
) -> None:
    """`members` None leaves them. Raises Taken, UnknownMember."""
    company = row.company
    _refuse_taken(company, name, row)
    renamed, before = name != row.name, row.name
    row.name, row.name_key, row.external_id = name, name.casefold(), external_id
    row.revision, row.modified_at = row.revision + 1, now
    row.save()
    present = set(row.members.values_list("user_id", flat=True))
    wanted = present if members is None else set(members)
    new = {one: display for one, display in (members or {}).items() if one not in present}
    _add_members(row, new)
    row.members.filter(user_id__in=present - wanted).delete()
    touched = present | wanted if renamed else present ^ wanted
    details: dict[str, Any] = {"name": [before, name]} if renamed else {}
    if present != wanted:
        details["members"] = [len(present), len(wanted)]
    if details:
        _told(company, EventName.GROUP_CHANGED, name, details, actor, now)
    sync_rights(company, touched, actor=actor, now=now)


def change_members(
    row: Group, *, added: Mapping[UUID, str], removed: Iterable[UUID], actor: Actor, now: datetime
) -> None:
    """A few in and out, without reading the others. Raises UnknownMember."""
    gone, come = set(removed), set(added)
    before = row.members.count()
    row.members.filter(user_id__in=gone - come).delete()
    known = set(row.members.filter(user_id__in=come).values_list("user_id", flat=True))
    _add_members(row, {one: display for one, display in added.items() if one not in known})
    Group.objects.filter(id=row.id).update(revision=F("revision") + 1, modified_at=now)
    details = {"members": [before, row.members.count()]}
    _told(row.company, EventName.GROUP_CHANGED, row.name, details, actor, now)
    sync_rights(row.company, gone | come, actor=actor, now=now)


def remove_group(row: Group, *, actor: Actor, now: datetime) -> None:
    members = set(row.members.values_list("user_id", flat=True))
    row.delete()
    details = {"members": [len(members), 0]}
    _told(row.company, EventName.GROUP_REMOVED, row.name, details, actor, now)
    sync_rights(row.company, members, actor=actor, now=now)


def _refuse_taken(company: Company, name: str, row: Group | None) -> None:
    others = company.groups.filter(name_key=name.casefold())
    if (others.exclude(id=row.id) if row else others).exists():
        raise Taken(name)


def _add_members(row: Group, users: Mapping[UUID, str]) -> None:
    there = User.objects.filter(company_id=row.company_id, id__in=users)
    if unknown := users.keys() - set(there.values_list("id", flat=True)):
        raise UnknownMember(str(min(unknown)))
    rows = [
        GroupMember(company_id=row.company_id, group=row, user_id=one, display=users[one][:300])
        for one in sorted(users)
    ]
    GroupMember.objects.bulk_create(rows, batch_size=500)
