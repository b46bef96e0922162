"""Two accounts of one person become one: what the other had goes over, and it is deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import prefetch_related_objects

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.actions import (
    as_it_is,
    end_everything,
    refuse_last_administrator,
)
from passerelle.directory.given import end_what_was_given
from passerelle.directory.models import Company, ExternalIdentity, Membership, User
from passerelle.provisioning.model import NOT_COMPARED

READ = ("identities__connection", "memberships__workspace", "memberships__permission_set")
SHOWN = 200
"""Pairs that a page lists at most."""


class Elsewhere(Exception):  # noqa: N818 - reads as what is the matter
    """The two accounts are one, or belong to different companies."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging would do: `identities` and `memberships` of the other go over."""

    kept: User
    other: User
    identities: list[ExternalIdentity]
    replaced: list[ExternalIdentity]
    """Identities of the kept account that the other's take the place of."""
    left: list[ExternalIdentity]
    """Identities of the other that go with it."""
    memberships: list[Membership]


def merge_of(kept: User, other: User) -> Merge:
    """At one provider an account has one subject: the one that was linked last stays."""
    prefetch_related_objects([kept, other], *READ)
    own = {identity.idp_entity_id: identity for identity in kept.identities.all()}
    identities: list[ExternalIdentity] = []
    replaced: list[ExternalIdentity] = []
    left: list[ExternalIdentity] = []
    for one in other.identities.all():
        known = own.get(one.idp_entity_id)
        if known is not None and known.created_at >= one.created_at:
            left.append(one)
            continue
        identities.append(one)
        replaced += [known] if known else []
    has = {_right(membership) for membership in kept.memberships.all()}
    memberships = [
        membership for membership in other.memberships.all() if _right(membership) not in has
    ]
    return Merge(kept, other, identities, replaced, left, memberships)


def _right(row: Membership) -> tuple[UUID, UUID, str]:
    return row.workspace_id, row.permission_set_id, row.source


def _last_seen(user: User) -> datetime:
    return user.last_sign_in_at or datetime.min.replace(tzinfo=UTC)


@transaction.atomic
def merge(kept: User, other: User, *, actor: Actor, now: datetime) -> None:
    """Give what `other` has to `kept`, and delete it.

    Administration, emergency access, password, second factor and passkeys of the other end; both
    are signed out everywhere. Raises Elsewhere, LastAdministrator, Gone.
    """
    if kept.id == other.id or kept.company_id != other.company_id:
        raise Elsewhere
    as_it_is(kept)
    as_it_is(other)
    refuse_last_administrator(other)
    end_what_was_given(other, actor=actor, now=now)
    found = merge_of(kept, other)
    ExternalIdentity.objects.filter(id__in=[one.id for one in found.replaced]).delete()
    ExternalIdentity.objects.filter(id__in=[identity.id for identity in found.identities]).update(
        user=kept
    )
    kept.identities.filter(duplicate_of__in=[kept, other]).update(duplicate_of=None)
    Membership.objects.filter(id__in=[membership.id for membership in found.memberships]).update(
        user=kept
    )
    other.sign_ins.update(user=kept)
    if _last_seen(other) > _last_seen(kept):
        kept.last_sign_in_at = other.last_sign_in_at
        kept.save(update_fields=["last_sign_in_at"])
    end_everything(kept)
    details = {
        "merged": other.email,
        "identities": [identity.subject for identity in found.identities],
        "memberships": [
            f"{membership.workspace} / {membership.permission_set}"
            for membership in found.memberships
        ],
    }
    entry = Entry(EventName.USERS_MERGED, kept.email, details)
    record([entry], company_id=kept.company_id, actor=actor, now=now)
    other.delete()


@transaction.atomic
def keep_apart(one: User, other: User, *, actor: Actor, now: datetime) -> None:
    """They are different people: neither is offered as a second account of the other any more.

    Raises Elsewhere, Gone.
    """
    if one.id == other.id or one.company_id != other.company_id:
        raise Elsewhere
    as_it_is(one)
    as_it_is(other)
    both = ExternalIdentity.objects.filter(user__in=[one, other], duplicate_of__in=[one, other])
    if both.update(person_mark=NOT_COMPARED, duplicate_of=None):
        entry = Entry(EventName.USERS_KEPT_APART, one.email, {"other": other.email})
        record([entry], company_id=one.company_id, actor=actor, now=now)


def looks_like(one: User, other: User) -> bool:
    """Whether a sign-in of one of them has shown that it may be the other's person."""
    both = ExternalIdentity.objects.filter(user__in=[one, other])
    return both.filter(duplicate_of__in=[one, other]).exists()


def duplicates(company: Company) -> list[tuple[User, User]]:
    """Accounts that may be one person's, each pair once: the newer one and the other."""
    found = ExternalIdentity.objects.filter(company=company, duplicate_of__isnull=False)
    rows = found.select_related("user", "duplicate_of").order_by("-created_at")[:SHOWN]
    pairs: dict[frozenset[UUID], tuple[User, User]] = {}
    for row in rows:
        assert row.duplicate_of is not None
        older, newer = sorted((row.user, row.duplicate_of), key=lambda user: user.created_at)
        pairs.setdefault(frozenset((older.id, newer.id)), (newer, older))
    return list(pairs.values())
