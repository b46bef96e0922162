"""Profile, snapshot, plan: whoever asks what provisioning does with somebody asks here."""

from collections.abc import Callable
from datetime import datetime

from passerelle.audit.record import Actor
from passerelle.directory.apply import Conflict, Context, apply_plan
from passerelle.directory.models import Company, User
from passerelle.directory.policy import load_names, load_policy
from passerelle.directory.snapshot import load_snapshot, load_snapshots
from passerelle.provisioning import Plan, Policy, Profile, Refusal, Snapshot, plan
from passerelle.sso.connections.attributes_seen import left_out
from passerelle.sso.models import SamlConnection

_ROUNDS = 5


def decide(
    company: Company,
    profile: Profile,
    *,
    connection: SamlConnection | None = None,
    address_allowed: bool = True,
    policy: Policy | None = None,
    adjusted: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot,
) -> Plan | Refusal:
    """What a sign-in of this person would do now; nothing is written.

    `policy` stands in for the company's own; `adjusted` changes what is known, before the plan.
    """
    absent = left_out(connection, profile) if connection else frozenset[str]()
    found = load_snapshot(company, profile, address_allowed=address_allowed, left_out=absent)
    return plan(profile, adjusted(found), policy or load_policy(company))


def decider(
    company: Company, profiles: list[Profile]
) -> Callable[[Profile, Policy], Plan | Refusal]:
    """The same for many people and any policy, with as many queries as for one of them."""
    unique = list({id(one): one for one in profiles}.values())
    found = dict(zip(map(id, unique), load_snapshots(company, unique), strict=True))
    return lambda profile, policy: plan(profile, found[id(profile)], policy)


def apply_with_retries(
    decided: Callable[[], Plan | Refusal],
    company: Company,
    *,
    connection: SamlConnection | None,
    provider: str,
    actor: Actor,
    now: datetime,
) -> tuple[User, Plan] | Refusal:
    """Decide and carry out, in the caller's transaction; after a conflict, decide again."""
    context = Context(
        company_id=company.id,
        connection_id=connection.id if connection else None,
        idp_entity_id=provider,
        actor=actor,
        origin=User.Origin.JIT,
        names=load_names(company),
        now=now,
    )
    for _ in range(_ROUNDS):
        decision = decided()
        if isinstance(decision, Refusal):
            return decision
        try:
            return apply_plan(decision, context), decision
        except Conflict:
            continue
    raise RuntimeError("a sign-in found the accounts changed each time it looked")
