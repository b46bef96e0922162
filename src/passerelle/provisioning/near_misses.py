"""Values that just miss a rule: an administrator would take them for the rule's own."""

from collections.abc import Collection

from passerelle.provisioning.composed import composed
from passerelle.provisioning.mapping import values_for_rule
from passerelle.provisioning.model import Grant, Note, Policy, Profile, Rule

MOST = 5
"""Notes of one sign-in about such values."""


def near_misses(profile: Profile, policy: Policy, given: Collection[Grant]) -> list[Note]:
    """A note for each rule that only the spelling of a value keeps from giving its right.

    The spelling is letters' case, white space inside, another form of the same characters, or the
    path before the name of a group. Of a right that is `given` anyway there is nothing to say.
    """
    by_attribute: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        if rule.equals is not None and rule.grant not in given:
            by_attribute.setdefault(rule.attribute, []).append(rule)
    notes: list[Note] = []
    for attribute, rules in by_attribute.items():
        values = values_for_rule(profile.attributes, attribute) or ()
        loose = {spelling: value for value in values for spelling in _spellings(value)}
        for rule in rules:
            if near := loose.get(_loose(rule.equals or "")):
                notes.append(Note("rule_just_missed", near[:300], rule.text))
    return notes[:MOST]


def _spellings(value: str) -> set[str]:
    """A value without what tells it from others only in spelling, with its path and without."""
    whole = _loose(value)
    return {whole, whole.rpartition("/")[2]} if whole.startswith("/") else {whole}


def _loose(value: str) -> str:
    return "".join(composed(value, "NFKC").casefold().split())
