"""The verbs that change accounts by hand: each in one transaction, each recorded."""

from datetime import datetime

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.given import end_what_was_given
from passerelle.directory.marks import mark_of_email, mark_of_identity
from passerelle.directory.models import (
    Company,
    ManagedUser,
    Membership,
    PermissionSet,
    Tombstone,
    User,
    Workspace,
)
from passerelle.infra.identifiers import uuid7
from passerelle.infra.inserts import insert_or_nothing
from passerelle.provisioning import EmailAddress
from passerelle.provisioning.model import NOT_COMPARED


class LastAdministrator(Exception):  # noqa: N818 - reads as what is the matter
    """The company would have nobody left who can administer it."""


class Gone(Exception):  # noqa: N818 - reads as what is the matter
    """Somebody else has removed this account in the meantime."""


def as_it_is(user: User) -> None:
    """Read an account again, for this transaction alone, behind its company. Raises Gone."""
    Company.locked(user.company_id)
    rows = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
    try:
        user.refresh_from_db(from_queryset=rows)
    except User.DoesNotExist:
        raise Gone from None


@transaction.atomic
def make_administrator(
    company: Company, address: EmailAddress, *, password: str | None, actor: Actor, now: datetime
) -> User:
    """Make an account an administrator, creating it first where it does not exist.

    `password` is its hash; without one a new account is invited and waits for its activation.
    """
    Company.locked(company.id)
    user = User.objects.filter(company=company, email_key=address.key).first()
    event = EventName.ADMINISTRATOR_CHANGED if user else EventName.USER_INVITED
    if user is None:
        user = User(company=company, provisioned_by=User.Origin.OPERATOR, created_at=now)
        user.set_email(address)
        user.status = User.Status.INVITED
        user.password = User.no_password()
        forget_removal(company, address)
    user.is_administrator = True
    if company.sso_enforcement != Company.Enforcement.OFF:
        # Whoever runs the server is one of the ways back from single sign-on alone.
        user.breaks_glass = True
    if user.status == User.Status.PENDING:
        user.status = User.Status.ACTIVE
    if password:
        user.password, user.status = password, User.Status.ACTIVE
        user.password_set_at = now
    user.save()
    if password:
        # Whoever knew the old password is out, and so is what they may have left behind.
        user.sessions.all().delete()
        user.second_steps.all().delete()
        user.trusted_devices.all().delete()
        user.passkeys.all().delete()
    details = {
        "is_administrator": True,
        "status": user.status,
        "breaks_glass": user.breaks_glass,
    }
    record([Entry(event, user.email, details)], company_id=company.id, actor=actor, now=now)
    return user


@transaction.atomic
def suspend(user: User, *, actor: Actor, now: datetime) -> None:
    """Close an account and end its sessions; its rights stay for when it is reinstated.

    A link to choose a password that was out ends for good. Raises LastAdministrator, Gone.
    """
    as_it_is(user)
    if user.status == User.Status.SUSPENDED:
        return
    refuse_last_administrator(user)
    end_what_was_given(user, actor=actor, now=now)
    user.status_before = user.status
    user.save(update_fields=["status_before"])
    _whoever_decides(user)
    _set_status(user, User.Status.SUSPENDED, EventName.USER_SUSPENDED, actor, now)
    end_everything(user)


@transaction.atomic
def reinstate(user: User, *, actor: Actor, now: datetime) -> None:
    """Back to what it was: who waited for a decision goes on waiting. Raises Gone."""
    as_it_is(user)
    if user.status != User.Status.SUSPENDED:
        return
    status = user.status_before or User.Status.ACTIVE
    _whoever_decides(user)
    _set_status(user, status, EventName.USER_REINSTATED, actor, now)


def _whoever_decides(user: User) -> None:
    """A provisioning client only takes back what it has decided itself: it says so afterwards."""
    ManagedUser.objects.filter(user=user).update(suspended_here=False)


@transaction.atomic
def approve(user: User, *, actor: Actor, now: datetime) -> None:
    """Let a newcomer in who was waiting for a decision; nothing when somebody decided already."""
    waiting = User.objects.filter(id=user.id, status=User.Status.PENDING)
    if waiting.update(status=User.Status.ACTIVE):
        details = {"status": [User.Status.PENDING, User.Status.ACTIVE]}
        entry = Entry(EventName.USER_APPROVED, user.email, details)
        record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def remove(user: User, *, tombstone: bool, actor: Actor, now: datetime) -> None:
    """Delete an account with its rights and sessions; a tombstone stops a silent return.

    Raises LastAdministrator, Gone.
    """
    as_it_is(user)
    refuse_last_administrator(user)
    end_what_was_given(user, actor=actor, now=now)
    if tombstone:
        email_mark = mark_of_email(user.company_id, user.email_key)
        marks = [email_mark] + [
            mark
            for identity in user.identities.all()
            for mark in (
                mark_of_identity(user.company_id, identity.idp_entity_id, identity.subject),
                identity.person_mark,
            )
            if mark not in ("", NOT_COMPARED)
        ]
        Tombstone.objects.bulk_create(
            [
                Tombstone(
                    id=uuid7(),
                    company_id=user.company_id,
                    mark=mark,
                    email_mark=email_mark,
                    removed_at=now,
                )
                for mark in marks
            ],
            ignore_conflicts=True,
        )
    lost = user.memberships.select_related("workspace", "permission_set")
    details = {
        "tombstone": tombstone,
        "memberships": sorted({f"{one.workspace} / {one.permission_set}" for one in lost}),
    }
    entry = Entry(EventName.USER_REMOVED, user.email, details)
    record([entry], company_id=user.company_id, actor=actor, now=now)
    user.delete()


@transaction.atomic
def invite(
    company: Company,
    address: EmailAddress,
    *,
    is_administrator: bool,
    first_name: str = "",
    last_name: str = "",
    actor: Actor,
    now: datetime,
) -> User | None:
    """Make an account that waits for its activation; None where the address has one already."""
    Company.locked(company.id)
    user = User(
        id=uuid7(),
        company=company,
        status=User.Status.INVITED,
        provisioned_by=User.Origin.INVITATION,
        is_administrator=is_administrator,
        first_name=first_name,
        last_name=last_name,
        created_at=now,
        password=User.no_password(),
    )
    user.set_email(address)
    if not insert_or_nothing(user):
        return None
    forget_removal(company, address)
    details = {"is_administrator": is_administrator}
    entry = Entry(EventName.USER_INVITED, user.email, details)
    record([entry], company_id=company.id, actor=actor, now=now)
    return user


@transaction.atomic
def remove_password(user: User, *, actor: Actor, now: datetime) -> None:
    """Take a password away, and what stands beside it, from who has another way in. Raises Gone."""
    as_it_is(user)
    if not user.has_password:
        return
    # Whoever chooses the next one does not choose it again, where that is not allowed.
    user.earlier_passwords.create(
        company_id=user.company_id, password=user.password, replaced_at=now
    )
    user.password, user.password_set_at = User.no_password(), None
    user.save(update_fields=["password", "password_set_at"])
    user.passkeys.all().delete()
    end_everything(user)
    entry = Entry(EventName.PASSWORD_REMOVED, user.email)
    record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def end_sessions(user: User, *, actor: Actor, now: datetime) -> int:
    """Sign a user out everywhere; return how many sessions that were. Raises Gone."""
    as_it_is(user)
    forgotten = user.trusted_devices.count()
    ended = end_everything(user)
    if ended or forgotten:
        details = {"sessions": ended, "remembered_browsers": forgotten}
        entry = Entry(EventName.SESSIONS_ENDED, user.email, details)
        record([entry], company_id=user.company_id, actor=actor, now=now)
    return ended


def end_everything(user: User) -> int:
    """Every session, and every one that is about to be opened; return how many there were.

    A link to choose a password would open the next one: those that are out end as well.
    Browsers that may leave out the second factor are forgotten: one of them may be the lost one.
    """
    user.end_links()
    user.second_steps.all().delete()
    user.trusted_devices.all().delete()
    return user.sessions.all().delete()[0]


@transaction.atomic
def rename(user: User, first_name: str, last_name: str, *, actor: Actor, now: datetime) -> None:
    """Raises Gone."""
    as_it_is(user)
    before = user.shown_name
    user.first_name, user.last_name = first_name, last_name
    if user.shown_name == before:
        return
    user.save(update_fields=["first_name", "last_name"])
    entry = Entry(EventName.USER_UPDATED, user.email, {"name": [before, user.shown_name]})
    record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def end_other_sessions(user: User, kept: str, *, actor: Actor, now: datetime) -> None:
    """Sign a user out everywhere but in the browser whose key has this digest. Raises Gone."""
    as_it_is(user)
    user.end_links()
    user.second_steps.all().delete()
    user.trusted_devices.all().delete()
    ended, _ = user.sessions.exclude(key_digest=kept).delete()
    if ended:
        entry = Entry(EventName.SESSIONS_ENDED, user.email, {"sessions": ended})
        record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def end_one_session(user: User, key_digest: str, *, actor: Actor, now: datetime) -> None:
    """Sign a user out in one browser, named by the digest of its key."""
    if user.sessions.filter(key_digest=key_digest).delete()[0]:
        entry = Entry(EventName.SESSIONS_ENDED, user.email, {"sessions": 1})
        record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def give_by_hand(
    user: User,
    workspace: Workspace,
    permission_set: PermissionSet,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Give a membership by hand; false where the user has it by hand already. Raises Gone."""
    as_it_is(user)
    row = Membership(
        id=uuid7(),
        company_id=user.company_id,
        user=user,
        workspace=workspace,
        permission_set=permission_set,
        source=Membership.Source.HAND,
        why=actor.name[:500],
        granted_at=now,
    )
    if not insert_or_nothing(row):
        return False
    _record_membership(EventName.MEMBERSHIP_GIVEN, row, actor, now)
    return True


@transaction.atomic
def withdraw_membership(row: Membership, *, actor: Actor, now: datetime) -> None:
    """Take a membership away, wherever it came from; a rule may give it again."""
    _record_membership(EventName.MEMBERSHIP_WITHDRAWN, row, actor, now)
    row.delete()


def _record_membership(event: EventName, row: Membership, actor: Actor, now: datetime) -> None:
    details = {
        "workspace": row.workspace.name,
        "permission_set": row.permission_set.name,
        "source": row.source,
    }
    entry = Entry(event, row.user.email, details)
    record([entry], company_id=row.company_id, actor=actor, now=now)


def forget_removal(company: Company, address: EmailAddress) -> None:
    """Somebody wants this person back: what marked their removal goes, identities included."""
    mark = mark_of_email(company.id, address.key)
    Tombstone.objects.filter(company=company, email_mark=mark).delete()


def _set_status(user: User, status: str, event: EventName, actor: Actor, now: datetime) -> None:
    before, user.status = user.status, status
    user.save(update_fields=["status"])
    entry = Entry(event, user.email, {"status": [before, status]})
    record([entry], company_id=user.company_id, actor=actor, now=now)


def refuse_last_administrator(user: User) -> None:
    """Raise LastAdministrator unless another active administrator remains.

    The company's row is locked already, so that two administrators cannot remove each other at
    once.
    """
    if not user.is_administrator:
        return
    others = User.objects.filter(
        company_id=user.company_id, is_administrator=True, status=User.Status.ACTIVE
    ).exclude(id=user.id)
    if not others.exists():
        raise LastAdministrator
