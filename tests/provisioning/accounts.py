"""What the tests of provisioning are made from: profiles, accounts, policies, and applied plans."""

from dataclasses import replace
from typing import Any

from passerelle.provisioning import EmailAddress, Plan, Policy, Profile, Snapshot, parse_email
from passerelle.provisioning.model import (
    Account,
    ActivateAccount,
    CreateAccount,
    Give,
    Grant,
    LinkIdentity,
    Rule,
    UpdateProfile,
    Withdraw,
)

IDP = "https://idp.acme.example/metadata"
DEFAULT = Grant("production", "analyst")
ADMIN = Grant("production", "administrator")
LAB = Grant("lab", "viewer")
RULES = (Rule("groups", ADMIN, equals="admins"), Rule("groups", LAB, matches="lab-.*"))


def address(text: str) -> EmailAddress:
    found = parse_email(text)
    assert found is not None
    return found


GRACE = address("grace@acme.example")


def profile(**fields: Any) -> Profile:
    """Grace, as her provider describes her."""
    fields = {"first_name": "Grace", "last_name": "Hopper", "email": GRACE, **fields}
    email = fields.pop("email")
    fields = {"emails": (email,) if email else (), **fields}
    return Profile(**{"idp_entity_id": IDP, "subject": "u-1", **fields})


def in_groups(*groups: str, **fields: Any) -> Profile:
    return profile(attributes={"groups": groups}, **fields)


def policy(**fields: Any) -> Policy:
    return Policy(**{"automatic": True, "default": DEFAULT, **fields})


def account(**fields: Any) -> Account:
    """Grace's account, before any sign-in."""
    fields = {"email": GRACE, "first_name": "Grace", "last_name": "Hopper", **fields}
    return Account(**{"id": "a-1", "status": "active", **fields})


def snapshot(**fields: Any) -> Snapshot:
    domains = frozenset({"acme.example", "elsewhere.example"})
    return Snapshot(**{"jit_available": True, "verified_domains": domains, **fields})


def known(**fields: Any) -> Snapshot:
    """Grace has an account that is linked to this subject."""
    grace = account(linked_here=True, **fields)
    return snapshot(by_identity=grace, by_emails=(grace,))


def unlinked(**fields: Any) -> Snapshot:
    """An account has Grace's address, and no identity."""
    return snapshot(by_emails=(account(**fields),))


BY_DEFAULT = Give(DEFAULT, "default", "default")


def created(*gives, status="active", names=("Grace", "Hopper"), notes=()):
    """The plan for a newcomer."""
    create = CreateAccount(GRACE, *names, status)
    outcome = "created" if status == "active" else "pending"
    return Plan(outcome, None, (create, LinkIdentity("u-1"), *gives), notes)


def linked(*steps, notes=()):
    """The plan for an account that gets its identity."""
    return Plan("linked", "a-1", (LinkIdentity("u-1"), *steps), notes)


def signed_in(*steps, notes=()):
    """The plan for a known person."""
    return Plan("signed_in", "a-1", steps, notes)


def applied(before: Snapshot, plan: Plan, who: Profile) -> Snapshot:
    """What the next sign-in of the same person finds, when the plan was carried out."""
    found = before.by_identity or next(iter(before.by_emails), None)
    for step in plan.steps:
        if isinstance(step, CreateAccount):
            found = Account("new", step.status, step.email, step.first_name, step.last_name)
            continue
        assert found is not None
        if isinstance(step, LinkIdentity):
            found = replace(found, linked_here=True)
        elif isinstance(step, ActivateAccount):
            found = replace(found, status="active")
        elif isinstance(step, UpdateProfile):
            found = replace(
                found,
                email=step.email or found.email,
                first_name=step.first_name or found.first_name,
                last_name=step.last_name or found.last_name,
            )
        elif isinstance(step, Give):
            found = replace(found, grants=found.grants | {(step.grant, step.source)})
        elif isinstance(step, Withdraw):
            found = replace(found, grants=found.grants - {(step.grant, "rule")})
    assert found is not None
    if plan.seen.kept is not None:
        found = replace(found, sent=plan.seen.kept)
    if plan.known_as is not None:
        found = replace(found, known_as=plan.known_as)
    theirs = found.email.key in {one.key for one in who.emails}
    others = tuple(one for one in before.by_emails if one.id != found.id)
    by_emails = (*others, found) if theirs else others
    return replace(before, by_identity=found, by_emails=by_emails)
