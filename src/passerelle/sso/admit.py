"""Let somebody in whom the settings refused: an administrator decides about this one person.

The account is made for the very identity that the sign-in proved, so that nobody is linked by an
e-mail address. It gets what every newcomer gets.
"""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from passerelle.audit.record import Actor
from passerelle.directory.apply import Conflict, Context, apply_plan
from passerelle.directory.marks import mark_of_email, mark_of_identity, mark_of_person
from passerelle.directory.models import Company, Tombstone, User
from passerelle.directory.policy import load_names, load_policy
from passerelle.directory.snapshot import load_snapshot
from passerelle.provisioning import Plan, Profile, Refusal, plan
from passerelle.provisioning.model import SAME_PERSON
from passerelle.sso.models import SignIn
from passerelle.sso.profiles import profile_of_claims, still_prove

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
    domains = frozenset(one.domain for one in profile.emails[:1])
    policy = replace(load_policy(company), automatic=True, domains=domains, newcomers="create")
    snapshot = replace(
        load_snapshot(company, profile, address_allowed=True),
        jit_available=True,
        identity_removed=False,
        removed_emails=frozenset(),
        person_removed=False,
        same_person=None,
    )
    if snapshot.by_identity or snapshot.by_emails:
        # Somebody was quicker, or it is another matter by now: the next sign-in tells.
        return Refusal("account_exists")
    return plan(profile, snapshot, policy)


@transaction.atomic
def admit(row: SignIn, *, actor: Actor, now: datetime) -> User | None:
    """Make the account; None where the person has one by now, or the claims are gone."""
    if not may_be_admitted(row):
        return None
    assert row.claims is not None and row.connection is not None
    profile = profile_of_claims(row.claims, row.connection)
    decision = _decision(row, profile)
    if not isinstance(decision, Plan):
        return None
    context = Context(
        company_id=row.company_id,
        connection_id=row.connection.id,
        idp_entity_id=profile.idp_entity_id,
        actor=actor,
        origin=User.Origin.JIT,
        names=load_names(row.company),
        now=now,
    )
    try:
        user = apply_plan(decision, context)
    except Conflict:
        return None
    # They have an account, and have not come in yet.
    User.objects.filter(id=user.id).update(last_sign_in_at=None)
    _forget_removal(row.company, profile)
    return user


def _forget_removal(company: Company, profile: Profile) -> None:
    provider = profile.idp_entity_id
    marks = [mark_of_identity(company.id, provider, profile.subject or "")]
    marks += [mark_of_person(company.id, provider, profile.person)] if profile.person else []
    marks += [mark_of_email(company.id, one.key) for one in profile.emails]
    Tombstone.objects.filter(company=company, mark__in=marks).delete()
