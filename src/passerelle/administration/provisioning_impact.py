"""What other provisioning settings would do, seen from the people who signed in lately.

Each is planned for twice, as the settings are and as they would be, from what the database holds
now. Nothing is written.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length

from passerelle.directory.models import Company
from passerelle.directory.policy import load_policy, policy_of
from passerelle.infra.identifiers import uuid7
from passerelle.provisioning import Plan, Refusal, parse_email
from passerelle.provisioning.model import Give, Grant, Profile, Withdraw
from passerelle.sso.connections.claims import profile_of_claims
from passerelle.sso.models import SamlConnection, SignIn
from passerelle.sso.sign_in.decide import decider

DAYS, PEOPLE = 30, 500
MOST_TEXT = 8_000_000
"""Characters of claims that are looked at; those of most people have one to three thousand."""

Claims = dict[str, Any]
DOMAINS = 20
Kind = Literal["admitted", "refused", "waiting", "other_rights", "other_refusal", "other_way"]


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
            return "refused" if isinstance(self.before, Plan) else "other_refusal"
        assert isinstance(self.before, Plan)
        if self.after.outcome == "pending" != self.before.outcome:
            return "waiting"
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
class Impact:
    """Of `people` who signed in lately, those for whom something would change."""

    people: int
    changes: list[Change]
    newcomers: list[Change]
    """Whoever will be new, by e-mail domain, in place of an address."""


def impact_of(
    company: Company, changed: Company, *, draft: SamlConnection | None = None, now: datetime
) -> Impact:
    """Compare the saved settings with those in `changed`, a copy of the company's row.

    `draft` is one of its connections as it would be: what it takes for whom, from the same claims.
    """
    rows = recent_claims(company, now=now)
    profiles = [profile_of_claims(claims, connection) for claims, connection in rows]
    others = profiles
    if draft is not None:
        others = [
            profile_of_claims(claims, draft) if draft.id == connection.id else profile
            for (claims, connection), profile in zip(rows, profiles, strict=True)
        ]
    domains = _domains(company, changed, profiles)
    strangers = [_stranger(domain) for domain in domains]
    decided = decider(company, [*profiles, *others, *strangers])
    before = load_policy(company)
    after = policy_of(changed, before.rules)

    def compare(shown: str, profile: Profile, other: Profile) -> Change:
        return Change(shown, decided(profile, before), decided(other, after))

    people = [compare(_shown(one), one, other) for one, other in zip(profiles, others, strict=True)]
    newcomers = [compare(one, new, new) for one, new in zip(domains, strangers, strict=True)]
    return Impact(
        len(profiles),
        [change for change in people if not _same(change.before, change.after)],
        [change for change in newcomers if not _same(change.before, change.after)],
    )


def _stranger(domain: str) -> Profile:
    """Somebody whom nobody knows yet, with nothing but an address of a domain."""
    address = parse_email(f"{uuid7().hex}@{domain}")
    return Profile("", uuid7().hex, (address,) if address else ())


def _domains(company: Company, changed: Company, profiles: list[Profile]) -> list[str]:
    """Where somebody new may come from: what is verified, listed, or was used lately."""
    listed = {*company.provisioning_domain_list, *changed.provisioning_domain_list}
    verified = company.domains.filter(verified_at__isnull=False).order_by("name")
    used = Counter(profile.email.domain for profile in profiles if profile.email)
    found = [*verified.values_list("name", flat=True)[:DOMAINS], *sorted(listed)]
    found += [domain for domain, _count in used.most_common()]
    return list(dict.fromkeys(found))[:DOMAINS]


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
    ).order_by("-time", "-id")
    connections = {one.id: one for one in company.connections.defer("metadata_held")}
    found: dict[Any, tuple[Claims, SamlConnection]] = {}
    for claims, by in rows.filter(id__in=_within_bound(rows)).values_list("claims", "connection"):
        if claims is None or (connection := connections.get(by)) is None:
            # Gone between one query and the next.
            continue
        profile = profile_of_claims(claims, connection)
        who = (profile.idp_entity_id, profile.subject or _shown(profile))
        found.setdefault(who, (claims, connection))
    return list(found.values())


def _within_bound(rows: "QuerySet[SignIn]") -> list[UUID]:
    """The newest of those, as far as their claims may be read together."""
    sized = list(rows.values_list("id", Length(Cast("claims", TextField())))[:PEOPLE])
    together = accumulate(size for _id, size in sized)
    return [one for (one, _size), text in zip(sized, together, strict=True) if text <= MOST_TEXT]
