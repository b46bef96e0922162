"""Carry out a plan: the only way in which provisioning changes accounts."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.actions import LastAdministrator
from passerelle.directory.administrators import set_administrator
from passerelle.directory.models import ExternalIdentity, Membership, User
from passerelle.infra.identifiers import uuid7
from passerelle.infra.inserts import insert_or_nothing
from passerelle.provisioning.model import (
    ADMINISTRATION,
    ActivateAccount,
    CreateAccount,
    Give,
    LinkIdentity,
    Plan,
    UpdateProfile,
    Withdraw,
)


class Conflict(Exception):  # noqa: N818 - not an error: read again and plan again
    """Another transaction was there first: what the plan was made from is no longer so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """On whose behalf a plan is carried out."""

    company_id: UUID
    connection_id: UUID | None
    idp_entity_id: str
    actor: Actor
    origin: str
    names: Mapping[str, str]
    """The names of workspaces and permission sets, by identifier."""
    now: datetime
    signs_in: bool = True
    """Whether the person is there; a provisioning client speaks of people who are not."""


def apply_plan(plan: Plan, context: Context) -> User:
    """Carry out every step, and record each in the audit log, within the caller's transaction.

    Raises Conflict, and has then changed nothing, when a row that excludes one of ours was
    inserted since the snapshot was read.
    """
    if plan.account is None:
        # A savepoint: whoever waits for a row that we take back must not go on waiting for us.
        with transaction.atomic():
            user = _account_of(plan, context)
            identity = _link(plan, user, context)
    else:
        user = _account_of(plan, context)
        identity = _link(plan, user, context)
    changed = _changed_fields(plan, user)
    if plan.account is not None:
        _save(user, changed, identity, context)
    administration = [
        step
        for step in plan.steps
        if isinstance(step, Give | Withdraw) and step.grant == ADMINISTRATION
    ]
    steps = [step for step in plan.steps if step not in administration]
    gives = [step for step in steps if isinstance(step, Give)]
    withdraws = [step for step in steps if isinstance(step, Withdraw)]
    if gives:
        Membership.objects.bulk_create(
            [_membership(step, user, context) for step in gives], ignore_conflicts=True
        )
    for step in withdraws:
        _withdraw(step, user)
    if identity is None and (noted := _noted(plan)):
        identities = ExternalIdentity.objects.filter(user=user, idp_entity_id=context.idp_entity_id)
        identities.update(**noted)
    entries = _entries(plan, user, changed, gives, withdraws, context)
    if entries:
        record(entries, company_id=context.company_id, actor=context.actor, now=context.now)
    for change in administration:
        user = _administrates(user, change, context)
    return user


def _administrates(user: User, step: Give | Withdraw, context: Context) -> User:
    """An administrator, or none any more; the last one stays, whatever rules say."""
    # Read again: what was inserted does not know that it is a row now.
    row = User.objects.select_related("company").get(id=user.id)
    with suppress(LastAdministrator):
        set_administrator(
            row,
            isinstance(step, Give),
            by_rule=step.why,
            actor=context.actor,
            now=context.now,
        )
    return row


def _account_of(plan: Plan, context: Context) -> User:
    if plan.account is not None:
        # Locked until the end, and still as the plan saw it: nobody suspends it in between.
        found = User.objects.select_for_update().filter(
            company_id=context.company_id, id=plan.account, status=plan.account_status
        )
        if (user := found.first()) is None:
            raise Conflict
        return user
    create = next(step for step in plan.steps if isinstance(step, CreateAccount))
    user = User(
        id=uuid7(),
        company_id=context.company_id,
        first_name=create.first_name,
        last_name=create.last_name,
        status=create.status,
        provisioned_by=context.origin,
        created_at=context.now,
        password=User.no_password(),
    )
    user.set_email(create.email)
    if create.status == "active" and context.signs_in:
        user.last_sign_in_at = context.now
    if not insert_or_nothing(user):
        raise Conflict
    return user


def _changed_fields(plan: Plan, user: User) -> dict[str, tuple[str, str]]:
    """Change the user in memory; tell what changed, from what to what."""
    before = {name: getattr(user, name) for name in ("status", "email", "first_name", "last_name")}
    for step in plan.steps:
        if isinstance(step, ActivateAccount):
            user.status = User.Status.ACTIVE
        elif isinstance(step, UpdateProfile):
            if step.email:
                user.set_email(step.email)
            if step.first_name is not None:
                user.first_name = step.first_name
            if step.last_name is not None:
                user.last_name = step.last_name
    changed = {
        name: (value, getattr(user, name))
        for name, value in before.items()
        if getattr(user, name) != value
    }
    if "email" in changed:
        # Saved together with the address that people see.
        changed |= {"email_key": ("", user.email_key), "email_domain": ("", user.email_domain)}
    return changed


def _link(plan: Plan, user: User, context: Context) -> ExternalIdentity | None:
    """Insert the identity; it comes before every other change, so that there is little to undo."""
    step = next((step for step in plan.steps if isinstance(step, LinkIdentity)), None)
    if step is None:
        return None
    identity = ExternalIdentity(
        id=uuid7(),
        company_id=context.company_id,
        connection_id=context.connection_id,
        user=user,
        idp_entity_id=context.idp_entity_id,
        subject=step.subject,
        created_at=context.now,
        **_noted(plan),
    )
    if insert_or_nothing(identity):
        return identity
    raise Conflict


def _noted(plan: Plan) -> dict[str, Any]:
    """What the plan wants written down beside the subject, by field."""
    noted: dict[str, Any] = {}
    if plan.seen.kept is not None:
        noted["sent_attributes"] = sorted(plan.seen.kept)
    if plan.known_as is not None:
        other = plan.known_as.duplicate_of
        noted["person_mark"] = plan.known_as.mark
        noted["duplicate_of_id"] = UUID(other) if other else None
    return noted


def _save(
    user: User,
    changed: dict[str, tuple[str, str]],
    identity: ExternalIdentity | None,
    context: Context,
) -> None:
    fields = [*changed]
    if context.signs_in:
        user.last_sign_in_at = context.now
        fields.append("last_sign_in_at")
    if "email" not in changed:
        user.save(update_fields=fields)
        return
    try:
        # Only an e-mail address can be taken by somebody else in the meantime.
        with transaction.atomic():
            user.save(update_fields=fields)
    except IntegrityError as error:
        if identity:
            identity.delete()
        raise Conflict from error


def _membership(step: Give, user: User, context: Context) -> Membership:
    return Membership(
        company_id=context.company_id,
        user=user,
        workspace_id=UUID(step.grant.workspace),
        permission_set_id=UUID(step.grant.permission_set),
        source=step.source,
        why=step.why[:500],
        granted_at=context.now,
    )


def _withdraw(step: Withdraw, user: User) -> None:
    Membership.objects.filter(
        user=user,
        workspace_id=UUID(step.grant.workspace),
        permission_set_id=UUID(step.grant.permission_set),
        source=Membership.Source.RULE,
    ).delete()


def _entries(
    plan: Plan,
    user: User,
    changed: dict[str, tuple[str, str]],
    gives: list[Give],
    withdraws: list[Withdraw],
    context: Context,
) -> list[Entry]:
    """What happened, in events; everything about a new account is one, made in one go."""
    entries = []
    if plan.account is None:
        memberships = [_grant_details(step, context.names) for step in gives]
        details = {"status": user.status, "memberships": memberships}
        return [Entry(EventName.USER_PROVISIONED, user.email, details)]
    if any(isinstance(step, LinkIdentity) for step in plan.steps):
        entries.append(Entry(EventName.IDENTITY_LINKED, user.email))
    shown = {k: list(v) for k, v in changed.items() if k not in ("email_key", "email_domain")}
    if shown:
        entries.append(Entry(EventName.USER_UPDATED, user.email, shown))
    steps: list[Give | Withdraw] = [*gives, *withdraws]
    for step in steps:
        given = isinstance(step, Give)
        event = EventName.MEMBERSHIP_GIVEN if given else EventName.MEMBERSHIP_WITHDRAWN
        entries.append(Entry(event, user.email, _grant_details(step, context.names)))
    return entries


def _grant_details(step: Give | Withdraw, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "workspace": names.get(step.grant.workspace, step.grant.workspace),
        "permission_set": names.get(step.grant.permission_set, step.grant.permission_set),
        "why": step.why,
    }
