"""See before you save: in words, what other provisioning settings would do, and to whom."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.administration.provisioning_impact import PEOPLE, Change, effect_of
from passerelle.directory.models import Company
from passerelle.directory.policy import load_names
from passerelle.provisioning import Plan, Refusal
from passerelle.provisioning.describe import REFUSED
from passerelle.provisioning.model import Grant
from passerelle.sso.models import SamlConnection

SHOWN = 20

KINDS: dict[str, Promise] = {
    "admitted": gettext_lazy("let in, instead of refused"),
    "refused": gettext_lazy("refused, instead of let in"),
    "waiting": gettext_lazy("waiting for approval, instead of let in"),
    "other_rights": gettext_lazy("other rights"),
    "other_refusal": gettext_lazy("refused for another reason"),
    "other_way": gettext_lazy("let in by another way"),
}
OUTCOMES: dict[str, Promise] = {
    "created": gettext_lazy("account made"),
    "linked": gettext_lazy("linked to their account"),
    "signed_in": gettext_lazy("signed in"),
    "pending": gettext_lazy("waits for approval"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One person: what happens today, and what would."""

    email: str
    today: str
    then: str
    rights: str


@dataclass(frozen=True, slots=True)
class ShownEffect:
    people: int
    is_all: bool
    """Whether everybody of the period was looked at, and not only the newest."""
    groups: list[tuple[Promise, int, list[Line]]]
    newcomers: list[Line]

    @property
    def hidden(self) -> int:
        return sum(count - len(lines) for _kind, count, lines in self.groups)


def effect_shown(
    company: Company, changed: Company, *, draft: SamlConnection | None = None, now: datetime
) -> ShownEffect:
    """The effect in words, the groups in the order in which they matter."""
    found = effect_of(company, changed, draft=draft, now=now)
    names = load_names(company)
    counts = Counter(change.kind for change in found.changes)
    groups = [
        (
            label,
            counts[kind],  # type: ignore[index]
            [_line(one, names) for one in found.changes if one.kind == kind][:SHOWN],
        )
        for kind, label in KINDS.items()
        if counts[kind]  # type: ignore[index]
    ]
    newcomers = [_line(one, names) for one in found.newcomers]
    return ShownEffect(found.people, found.people < PEOPLE, groups, newcomers)


def _line(change: Change, names: dict[str, str]) -> Line:
    parts = [
        (_("gets %(right)s"), change.given),
        (_("does not get %(right)s"), change.not_given),
        (_("loses %(right)s"), change.withdrawn),
    ]
    rights = [
        template % {"right": _right(grant, names)} for template, found in parts for grant in found
    ]
    return Line(change.email, _what(change.before), _what(change.after), "; ".join(rights))


def _right(grant: Grant, names: dict[str, str]) -> str:
    return f"{names.get(grant.workspace, '?')} / {names.get(grant.permission_set, '?')}"


def _what(decision: Plan | Refusal) -> str:
    if isinstance(decision, Refusal):
        return _("refused: %(why)s") % {"why": _(REFUSED[decision.reason][0])}
    return str(OUTCOMES[decision.outcome])
