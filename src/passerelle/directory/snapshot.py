"""What provisioning must know of a company's accounts, in a bounded number of queries."""

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from django.db.models import Exists, Value
from django.db.models.expressions import BaseExpression

from passerelle.directory.marks import mark_of_email, mark_of_identity
from passerelle.directory.models import Company, Domain, ExternalIdentity, Tombstone, User
from passerelle.directory.public_domains import PUBLIC_DOMAINS
from passerelle.provisioning.model import Account, Grant, Profile, Snapshot, Source


def load_snapshot(company: Company, profile: Profile, *, address_allowed: bool) -> Snapshot:
    """Read the accounts that this profile could be, and what is known of its e-mail domain.

    Two queries for a newcomer; three more for the accounts that are found.
    """
    by_identity, by_email = _candidates(company.id, profile)
    accounts = _accounts([one for one in (by_identity, by_email) if one], profile)
    return Snapshot(
        jit_available=company.jit_provisioning_available,
        address_allowed=address_allowed,
        by_identity=accounts[by_identity] if by_identity else None,
        by_email=accounts[by_email] if by_email else None,
        **_facts(company.id, profile),
    )


def _candidates(company_id: UUID, profile: Profile) -> tuple[UUID | None, UUID | None]:
    """The users of this identity and of this e-mail: two index look-ups in one query."""
    identity = ExternalIdentity.objects.filter(
        company_id=company_id,
        idp_entity_id=profile.idp_entity_id,
        subject=profile.subject or "",
    ).values_list(Value("identity"), "user_id")
    address = User.objects.filter(
        company_id=company_id, email_key=profile.email.key if profile.email else ""
    ).values_list(Value("email"), "id")
    found = dict(identity.union(address, all=True))
    return found.get("identity"), found.get("email")


def _accounts(users: list[UUID], profile: Profile) -> dict[UUID, Account]:
    """Accounts with their memberships and whether they have a subject at this provider."""
    if not users:
        return {}
    found = User.objects.filter(id__in=users).prefetch_related("memberships", "identities")
    return {user.id: _account(user, profile) for user in found}


def _account(user: User, profile: Profile) -> Account:
    identities: Iterable[ExternalIdentity] = user.identities.all()
    return Account(
        id=str(user.id),
        status=cast("Any", user.status),
        email=user.address,
        first_name=user.first_name,
        last_name=user.last_name,
        linked_here=any(one.idp_entity_id == profile.idp_entity_id for one in identities),
        grants=frozenset(
            (
                Grant(str(one.workspace_id), str(one.permission_set_id)),
                cast("Source", one.source),
            )
            for one in user.memberships.all()
        ),
    )


def _facts(company_id: UUID, profile: Profile) -> dict[str, bool]:
    """Four questions to the database in one query."""
    tombstones = Tombstone.objects.filter(company_id=company_id)
    no: BaseExpression = Value(False)
    facts = dict.fromkeys(
        ("identity_removed", "email_removed", "domain_verified", "domain_known"), no
    )
    if profile.subject is not None:
        mark = mark_of_identity(company_id, profile.idp_entity_id, profile.subject)
        facts["identity_removed"] = Exists(tombstones.filter(mark=mark))
    if profile.email is not None:
        domain = profile.email.domain
        mark = mark_of_email(company_id, profile.email.key)
        facts["email_removed"] = Exists(tombstones.filter(mark=mark))
        verified = Domain.objects.filter(company_id=company_id, verified_at__isnull=False)
        facts["domain_verified"] = Exists(verified.filter(name=domain))
        if domain not in PUBLIC_DOMAINS:
            facts["domain_known"] = Exists(_holders(company_id, domain))
    return cast("dict[str, bool]", Company.objects.filter(id=company_id).values(**facts).get())


def _holders(company_id: UUID, domain: str) -> Any:
    active = User.objects.filter(company_id=company_id, status="active", email_domain=domain)
    return active.exclude(provisioned_by="jit")
