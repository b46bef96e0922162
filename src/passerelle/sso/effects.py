"""What other provisioning settings would do, seen from the people who signed in lately.

Each is planned for twice, as the settings are and as they would be, from what the database holds
now. Nothing is written.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from passerelle.directory.models import Company
from passerelle.directory.policy import load_policy, policy_of
from passerelle.directory.snapshot import load_snapshots
from passerelle.provisioning import Plan, Refusal, plan
from passerelle.provisioning.model import Give, Grant, Profile, Withdraw
from passerelle.sso.models import SamlConnection, SignIn
from passerelle.sso.profiles import profile_of_claims

DAYS, PEOPLE = 30, 500

Claims = dict[str, Any]
Kind = Literal["admitted", "refused", "other_rights", "other_way"]


@dataclass(frozen=True, slots=True)
class Change:
    """One person for whom the other settings would decide otherwise."""

    email: str
    before: Plan | Refusal
    after: Plan | Refusal

    @property
    def kind(self) -> Kind:
        if isinstance(self.before, Refusal) and isinstance(self.after, Plan):
            return "admitted"
        if isinstance(self.after, Refusal):
            return "refused" if isinstance(self.before, Plan) else "other_way"
        assert isinstance(self.before, Plan)
        if self.before.outcome != self.after.outcome:
            return "other_way"
        return "other_rights"

    @property
    def given(self) -> list[Grant]:
        """What the other settings would give that today's do not."""
        return sorted(_grants(self.after, Give) - _grants(self.before, Give))

    @property
    def not_given(self) -> list[Grant]:
        return sorted(_grants(self.before, Give) - _grants(self.after, Give))

    @property
    def withdrawn(self) -> list[Grant]:
        return sorted(_grants(self.after, Withdraw) - _grants(self.before, Withdraw))


def _grants(decision: Plan | Refusal, kind: type[Give] | type[Withdraw]) -> set[Grant]:
    steps = decision.steps if isinstance(decision, Plan) else ()
    return {step.grant for step in steps if isinstance(step, kind)}


@dataclass(frozen=True, slots=True)
class Effect:
    """Of `people` who signed in lately, those for whom something would change."""

    people: int
    changes: list[Change]


def effect_of(
    company: Company, changed: Company, *, draft: SamlConnection | None = None, now: datetime
) -> Effect:
    """Compare the saved settings with those in `changed`, a copy of the company's row.

    `draft` is one of its connections as it would be: what it takes for whom, from the same claims.
    """
    rows = recent_claims(company, now=now)
    profiles = [profile_of_claims(claims, connection) for claims, connection in rows]
    others = [
        profile_of_claims(claims, draft) if draft and draft.id == connection.id else profile
        for (claims, connection), profile in zip(rows, profiles, strict=True)
    ]
    snapshots = load_snapshots(company, [*profiles, *others])
    before = load_policy(company)
    after = policy_of(changed, before.rules)
    changes = []
    for index, (profile, other) in enumerate(zip(profiles, others, strict=True)):
        is_now = plan(profile, snapshots[index], before)
        would_be = plan(other, snapshots[len(profiles) + index], after)
        if not _same(is_now, would_be):
            changes.append(Change(_shown(profile), is_now, would_be))
    return Effect(len(profiles), changes)


def _same(before: Plan | Refusal, after: Plan | Refusal) -> bool:
    if isinstance(before, Refusal) and isinstance(after, Refusal):
        return before.reason == after.reason
    return before == after


def _shown(profile: Profile) -> str:
    return profile.email.shown if profile.email else profile.email_received or profile.subject or ""


def recent_claims(company: Company, *, now: datetime) -> list[tuple[Claims, SamlConnection]]:
    """The newest claims of each person of the last sign-ins, newest first, and by which way."""
    rows = SignIn.objects.filter(
        company=company,
        time__gte=now - timedelta(days=DAYS),
        claims__isnull=False,
        connection__isnull=False,
    )
    found: dict[Any, tuple[Claims, SamlConnection]] = {}
    newest = rows.select_related("connection").only("claims", "time", "connection")
    for row in newest.order_by("-time", "-id")[:PEOPLE]:
        assert row.connection is not None and row.claims is not None
        profile = profile_of_claims(row.claims, row.connection)
        who = (profile.idp_entity_id, profile.subject, _shown(profile))
        found.setdefault(who, (row.claims, row.connection))
    return list(found.values())
