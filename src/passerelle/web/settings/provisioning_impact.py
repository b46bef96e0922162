"""See before you save: in words, what other provisioning settings would do, and to whom."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle.administration.provisioning_impact import PEOPLE, Change, impact_of
from passerelle.directory.policy import load_names
from passerelle.provisioning import Plan, Refusal
from passerelle.provisioning.describe import REFUSED
from passerelle.provisioning.model import ADMINISTRATION, Grant
from passerelle.sso.connections.connection import is_usable
from passerelle.sso.models import SamlConnection
from passerelle.web.settings.security_form import PROVISIONING, SecurityForm

SHOWN = 20
# What decides for whom the claims of a connection are taken.
MAPPING = (
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
)

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
class ShownImpact:
    people: int
    is_all: bool
    """Whether everybody of the period was looked at, and not only the newest."""
    groups: list[tuple[Promise, int, list[Line]]]
    newcomers: list[Line]

    @property
    def hidden(self) -> int:
        return sum(count - len(lines) for _kind, count, lines in self.groups)


def shown_impact(form: SecurityForm) -> dict[str, Any]:
    """What the form would do, or what is wrong with it, for the page that shows it."""
    if problems := _problems_of(form):
        return {"effect_problems": problems}
    if _closes_connection(form):
        return {"closed": True}
    return {"effect": _in_words(form)}


def _in_words(form: SecurityForm) -> ShownImpact:
    """The effect in words, the groups in the order in which they matter."""
    company = form.company
    changed, mapping = form.changed_company(), _changed_mapping(form)
    found = impact_of(company, changed, draft=mapping, now=form.now)
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
    newcomers = [_line(newcomer, names) for newcomer in found.newcomers]
    return ShownImpact(found.people, found.people < PEOPLE, groups, newcomers)


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
    if grant == ADMINISTRATION:
        return _("administrator")
    return f"{names.get(grant.workspace, '?')} / {names.get(grant.permission_set, '?')}"


def _what(decision: Plan | Refusal) -> str:
    if isinstance(decision, Refusal):
        return _("refused: %(why)s") % {"why": _(REFUSED[decision.reason][0])}
    return str(OUTCOMES[decision.outcome])


def _problems_of(form: SecurityForm) -> list[str]:
    """What is wrong with the settings, each sentence with the name of its field."""
    return [
        _("%(field)s: %(problem)s") % {"field": form[name].label, "problem": problem}
        for name in PROVISIONING
        for problem in form.errors.get(name, [])
    ]


def _closes_connection(form: SecurityForm) -> bool:
    """Whether nobody could sign in any more through the connection of the form, as today."""
    was, after = form.connection, form.draft.connection
    if was is None or after is None or not is_usable(was):
        return False
    return not form.draft.is_usable or was.idp_entity_id != after.idp_entity_id


def _changed_mapping(form: SecurityForm) -> SamlConnection | None:
    """The connection as it would be, where it would take the same claims for other people.

    Another identity provider would say something else: nobody knows what.
    """
    was, after = form.connection, form.draft.connection
    if was is None or after is None or was.idp_entity_id != after.idp_entity_id:
        return None
    return after if any(getattr(was, one) != getattr(after, one) for one in MAPPING) else None
