"""Let somebody in whom the settings refused: an administrator decides about this one person.

The account is made for the very identity that the sign-in proved, so that nobody is linked by an
e-mail address. It gets what every newcomer gets.
"""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from passerelle.audit.record import Actor
from passerelle.directory.marks import mark_of_email, mark_of_identity, mark_of_person
from passerelle.directory.models import Company, Tombstone, User
from passerelle.directory.policy import load_policy
from passerelle.provisioning import Plan, Profile, Refusal, Snapshot
from passerelle.provisioning.model import SAME_PERSON
from passerelle.sso.connections.claims import profile_of_claims, still_prove
from passerelle.sso.models import SignIn
from passerelle.sso.sign_in.decide import apply_with_retries, decide

ADMITTED = frozenset({"domain_not_allowed", "jit_disabled", "jit_unavailable", "user_removed"})
"""The reasons that stand for a policy, not for something wrong with the person."""


def may_be_admitted(row: SignIn) -> bool:
    """Whether this attempt can be turned into an account, while its claims are kept."""
    return (
        (row.reason in ADMITTED or _is_known_by_number(row))
        and row.claims is not None
        and row.connection is not None
        and row.connection.enabled
        and row.company.default_workspace_id is not None
        and row.company.default_permission_set_id is not None
        and isinstance(_decision(row, profile_of_claims(row.claims, row.connection)), Plan)
    )


def _is_known_by_number(row: SignIn) -> bool:
    """Whether only an employee number or object identifier has shut this person out."""
    return bool(row.checks) and row.checks[-1].get("values", {}).get("case") == SAME_PERSON


def _decision(row: SignIn, profile: Profile) -> Plan | Refusal:
    """What the settings would decide if they let this one person in."""
    connection = row.connection
    if row.claims is None or connection is None or not still_prove(row.claims, profile, connection):
        # The connection means somebody else by the same claims now, or they prove nothing any more.
        return Refusal("identity_conflict")
    company: Company = row.company
    domains = frozenset(email.domain for email in profile.emails[:1])
    policy = replace(load_policy(company), automatic=True, domains=domains, newcomers="create")
    decided = decide(company, profile, policy=policy, adjusted=_as_if_welcome)
    if isinstance(decided, Plan) and decided.account is not None:
        # Somebody was quicker, or it is another matter by now: the next sign-in tells.
        return Refusal("account_exists")
    return decided


def _as_if_welcome(known: Snapshot) -> Snapshot:
    return replace(
        known,
        jit_available=True,
        identity_removed=False,
        removed_emails=frozenset(),
        person_removed=False,
        same_person=None,
    )


@transaction.atomic
def admit(row: SignIn, *, actor: Actor, now: datetime) -> User | None:
    """Make the account; None where the person has one by now, or the claims are gone."""
    if not may_be_admitted(row):
        return None
    assert row.claims is not None and row.connection is not None
    profile = profile_of_claims(row.claims, row.connection)
    decided = apply_with_retries(
        lambda: _decision(row, profile),
        row.company,
        connection=row.connection,
        provider=profile.idp_entity_id,
        actor=actor,
        now=now,
    )
    if isinstance(decided, Refusal):
        return None
    user, _ = decided
    # They have an account, and have not come in yet.
    User.objects.filter(id=user.id).update(last_sign_in_at=None)
    _forget_removal(row.company, profile)
    return user


def _forget_removal(company: Company, profile: Profile) -> None:
    provider = profile.idp_entity_id
    marks = [mark_of_identity(company.id, provider, profile.subject or "")]
    marks += [mark_of_person(company.id, provider, profile.person)] if profile.person else []
    marks += [mark_of_email(company.id, email.key) for email in profile.emails]
    Tombstone.objects.filter(company=company, mark__in=marks).delete()
