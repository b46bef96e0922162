"""What provisioning must know of a company's accounts, in a bounded number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db.models import Exists, QuerySet, Subquery, UUIDField, Value
from django.db.models.expressions import BaseExpression

from passerelle.directory.marks import mark_of_email, mark_of_identity, mark_of_person
from passerelle.directory.models import Company, Domain, ExternalIdentity, Tombstone, User
from passerelle.directory.public_domains import PUBLIC_DOMAINS
from passerelle.provisioning.model import (
    ADMINISTRATION,
    Account,
    Grant,
    KnownAs,
    Profile,
    Snapshot,
    Source,
)


def load_snapshot(
    company: Company,
    profile: Profile,
    *,
    address_allowed: bool,
    left_out: frozenset[str] = frozenset(),
) -> Snapshot:
    """Read the accounts that this profile could be, and what is known of its e-mail domain.

    One query for a newcomer; three more for the accounts that are found.
    """
    found = _found(company.id, profile)
    by_identity, is_shared = found["by_identity"], bool(found.get("same_person_1"))
    same_person = None if is_shared else found.get("same_person_0")
    by_emails = {one for at in range(len(profile.emails)) if (one := found[f"by_email_{at}"])}
    accounts = _accounts(by_emails | {one for one in (by_identity, same_person) if one}, profile)
    domains = list(enumerate(_domains(profile)))
    return Snapshot(
        jit_available=company.jit_provisioning_available,
        address_allowed=address_allowed,
        by_identity=accounts[by_identity] if by_identity else None,
        by_emails=tuple(accounts[by_email] for by_email in sorted(by_emails)),
        identity_removed=found["identity_removed"],
        removed_emails=frozenset(
            one.key for at, one in enumerate(profile.emails) if found[f"email_removed_{at}"]
        ),
        verified_domains=frozenset(name for at, name in domains if found[f"verified_{at}"]),
        known_domains=frozenset(name for at, name in domains if found[f"known_{at}"]),
        left_out=left_out,
        person_mark=_person_mark(company.id, profile),
        same_person=accounts[same_person] if same_person else None,
        person_removed=found["person_removed"] and not is_shared,
    )


def _found(company_id: UUID, profile: Profile) -> dict[str, Any]:
    """The users of this identity and of each address, and the facts: look-ups in one query."""
    identity = ExternalIdentity.objects.filter(
        company_id=company_id,
        idp_entity_id=profile.idp_entity_id,
        subject=profile.subject or "",
    )
    asked: dict[str, BaseExpression] = {
        "by_identity": Subquery(identity.values("user_id")[:1], output_field=UUIDField())
    }
    if mark := _person_mark(company_id, profile):
        same = _of_persons(company_id, [mark]).exclude(subject=profile.subject or "")
        for at in range(2):
            one = same.values("user_id")[at : at + 1]
            asked[f"same_person_{at}"] = Subquery(one, output_field=UUIDField())
    for at, email in enumerate(profile.emails):
        holder = User.objects.filter(company_id=company_id, email_key=email.key)
        asked[f"by_email_{at}"] = Subquery(holder.values("id")[:1], output_field=UUIDField())
    asked |= _facts(company_id, profile)
    return cast("dict[str, Any]", Company.objects.filter(id=company_id).values(**asked).get())


def _person_mark(company_id: UUID, profile: Profile) -> str:
    if profile.person is None:
        return ""
    return mark_of_person(company_id, profile.idp_entity_id, profile.person)


def _of_persons(company_id: UUID, marks: Iterable[str]) -> "QuerySet[ExternalIdentity]":
    """Subjects of these people."""
    found = ExternalIdentity.objects.filter(company_id=company_id, person_mark__in=marks)
    return found.order_by("created_at", "id")


def _accounts(users: set[UUID], profile: Profile) -> dict[UUID, Account]:
    """Accounts with their memberships and whether they have a subject at this provider."""
    if not users:
        return {}
    found = User.objects.filter(id__in=users).prefetch_related("memberships", "identities")
    return {user.id: _account(user, profile) for user in found}


def _account(user: User, profile: Profile) -> Account:
    identities: Iterable[ExternalIdentity] = user.identities.all()
    here = next(
        (identity for identity in identities if identity.idp_entity_id == profile.idp_entity_id),
        None,
    )
    return Account(
        id=str(user.id),
        status=cast("Any", user.status),
        email=user.address,
        first_name=user.first_name,
        last_name=user.last_name,
        linked_here=here is not None,
        subject_here=here.subject if here else "",
        grants=frozenset(
            (
                Grant(str(membership.workspace_id), str(membership.permission_set_id)),
                cast("Source", membership.source),
            )
            for membership in user.memberships.all()
        )
        | _administration(user),
        sent=_sent(here),
        known_as=_known_as(here),
        is_managed=user.provisioned_by == User.Origin.SCIM and not user.is_administrator,
    )


def _administration(user: User) -> frozenset[tuple[Grant, Source]]:
    if not user.is_administrator:
        return frozenset()
    return frozenset({(ADMINISTRATION, "rule" if user.administrator_by_rule else "hand")})


def _known_as(identity: ExternalIdentity | None) -> KnownAs | None:
    if identity is None:
        return None
    other = identity.duplicate_of_id
    return KnownAs(identity.person_mark, str(other) if other else None)


def _sent(identity: ExternalIdentity | None) -> frozenset[str] | None:
    if identity is None:
        return frozenset()
    sent = identity.sent_attributes
    return None if sent is None else frozenset(sent)


def _domains(profile: Profile) -> list[str]:
    return list(dict.fromkeys(email.domain for email in profile.emails))


def _facts(company_id: UUID, profile: Profile) -> dict[str, BaseExpression]:
    """Four questions to the database: one for each address, and two for each domain."""
    tombstones = Tombstone.objects.filter(company_id=company_id)
    marks = _marks(company_id, profile)
    facts: dict[str, BaseExpression] = {
        "identity_removed": Exists(tombstones.filter(mark__in=marks.identity)),
        "person_removed": Value(False),
    }
    if marks.person:
        facts["person_removed"] = Exists(tombstones.filter(mark__in=marks.person))
    for at, mark in enumerate(marks.emails):
        facts[f"email_removed_{at}"] = Exists(tombstones.filter(mark=mark))
    verified = Domain.objects.filter(company_id=company_id, verified_at__isnull=False)
    for at, domain in enumerate(_domains(profile)):
        facts[f"verified_{at}"] = Exists(verified.filter(name=domain))
        is_public = domain in PUBLIC_DOMAINS
        known = _holders(company_id).filter(email_domain=domain)
        facts[f"known_{at}"] = Value(False) if is_public else Exists(known)
    return facts


def _holders(company_id: UUID) -> "QuerySet[User]":
    """Whose domains are known: active accounts that were not made by JIT."""
    active = User.objects.filter(company_id=company_id, status="active")
    return active.exclude(provisioned_by="jit")


def known_domains(company: Company, *, most: int = 10) -> list[str]:
    """Domains that count as the company's for their accounts' sake, by name."""
    active = _holders(company.id).exclude(email_domain__in=PUBLIC_DOMAINS)
    found = active.order_by("email_domain").values_list("email_domain", flat=True).distinct()
    return list(found[:most])


def opened_domain(user: User) -> str:
    """The domain whose people may get accounts once this one is active; empty where none does."""
    company, domain = user.company, user.email_domain
    opens = company.automatic_user_provisioning and company.provisioning_domains == "known"
    waits = user.status == User.Status.INVITED and domain not in PUBLIC_DOMAINS
    if not opens or not waits or _holders(company.id).filter(email_domain=domain).exists():
        return ""
    verified = company.domains.filter(name=domain, verified_at__isnull=False)
    return "" if verified.exists() else domain


def load_snapshots(company: Company, profiles: list[Profile]) -> list[Snapshot]:
    """What `load_snapshot` gives for each profile, in as many queries as for one.

    The network addresses that people came from are not known here: all of them count as allowed.
    """
    holders = _by_identity(company.id, profiles), _by_email(company.id, profiles)
    same = _by_person(company.id, profiles)
    found = {user for known in holders for user in known.values()}
    found |= {user for rows in same.values() for _, user in rows}
    users = _users(company.id, list(found))
    facts = _Facts.load(company.id, profiles)
    return [_snapshot(company, profile, *holders, same, users, facts) for profile in profiles]


def _snapshot(
    company: Company,
    profile: Profile,
    by_identity: dict[tuple[str, str], UUID],
    by_email: dict[str, UUID],
    same: dict[str, list[tuple[str, UUID]]],
    users: dict[UUID, User],
    facts: "_Facts",
) -> Snapshot:
    mark = _person_mark(company.id, profile)
    others_of_person = [user for subject, user in same.get(mark, []) if subject != profile.subject]
    is_shared = len(others_of_person) > 1
    other = others_of_person[0] if others_of_person and not is_shared else None
    holder = by_identity.get((profile.idp_entity_id, profile.subject or ""))
    others = {by_email[email.key] for email in profile.emails if email.key in by_email}
    return Snapshot(
        jit_available=company.jit_provisioning_available,
        address_allowed=True,
        by_identity=_account(users[holder], profile) if holder else None,
        by_emails=tuple(_account(users[one], profile) for one in sorted(others)),
        person_mark=mark,
        same_person=_account(users[other], profile) if other else None,
        **facts.of(company.id, profile, is_shared=is_shared),
    )


def _by_identity(company_id: UUID, profiles: list[Profile]) -> dict[tuple[str, str], UUID]:
    subjects = {profile.subject for profile in profiles if profile.subject}
    rows = ExternalIdentity.objects.filter(company_id=company_id, subject__in=subjects)
    return {
        (entity, subject): user
        for entity, subject, user in rows.values_list("idp_entity_id", "subject", "user_id")
    }


def _by_email(company_id: UUID, profiles: list[Profile]) -> dict[str, UUID]:
    keys = {email.key for profile in profiles for email in profile.emails}
    rows = User.objects.filter(company_id=company_id, email_key__in=keys)
    return dict(rows.values_list("email_key", "id"))


def _by_person(company_id: UUID, profiles: list[Profile]) -> dict[str, list[tuple[str, UUID]]]:
    """The subjects and users of each person, by their mark."""
    marks = {mark for profile in profiles if (mark := _person_mark(company_id, profile))}
    found: dict[str, list[tuple[str, UUID]]] = {}
    rows = _of_persons(company_id, marks).values_list("person_mark", "subject", "user_id")
    for mark, subject, user in rows if marks else ():
        found.setdefault(mark, []).append((subject, user))
    return found


def _users(company_id: UUID, ids: list[UUID]) -> dict[UUID, User]:
    rows = User.objects.filter(company_id=company_id, id__in=ids)
    return {user.id: user for user in rows.prefetch_related("memberships", "identities")}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of the e-mail domains, and the marks of who was removed."""

    marks: frozenset[str]
    verified: frozenset[str]
    known: frozenset[str]

    @classmethod
    def load(cls, company_id: UUID, profiles: list[Profile]) -> "_Facts":
        domains = {domain for profile in profiles for domain in _domains(profile)}
        marks = {
            mark for profile in profiles for found in _marks(company_id, profile) for mark in found
        }
        tombstones = Tombstone.objects.filter(company_id=company_id, mark__in=marks)
        verified = Domain.objects.filter(company_id=company_id, verified_at__isnull=False)
        known = _holders(company_id).filter(email_domain__in=domains - PUBLIC_DOMAINS)
        return cls(
            frozenset(tombstones.values_list("mark", flat=True)),
            frozenset(verified.filter(name__in=domains).values_list("name", flat=True)),
            frozenset(known.values_list("email_domain", flat=True).distinct()),
        )

    def of(self, company_id: UUID, profile: Profile, *, is_shared: bool) -> dict[str, Any]:
        marks, domains = _marks(company_id, profile), frozenset(_domains(profile))
        return {
            "identity_removed": not self.marks.isdisjoint(marks.identity),
            "person_removed": not is_shared and not self.marks.isdisjoint(marks.person),
            "removed_emails": frozenset(
                one.key
                for one, mark in zip(profile.emails, marks.emails, strict=True)
                if mark in self.marks
            ),
            "verified_domains": domains & self.verified,
            "known_domains": domains & self.known,
        }


class _Marks(NamedTuple):
    """What removing the person of this identity, or of these addresses, has left behind."""

    identity: list[str]
    person: list[str]
    emails: list[str]


def _marks(company_id: UUID, profile: Profile) -> _Marks:
    identity = []
    if profile.subject is not None:
        identity = [mark_of_identity(company_id, profile.idp_entity_id, profile.subject)]
    person = [mark] if (mark := _person_mark(company_id, profile)) else []
    emails = [mark_of_email(company_id, email.key) for email in profile.emails]
    return _Marks(identity, person, emails)
