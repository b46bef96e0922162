"""Which rules apply to what is known of a person, and what they give."""

from collections.abc import Iterable

from passerelle.provisioning.mapping import comparable, values_for_rule
from passerelle.provisioning.model import Attributes, Grant, Rule
from passerelle.provisioning.patterns import compile_pattern


def matched(attributes: Attributes, rules: Iterable[Rule]) -> dict[Grant, str]:
    """Each grant that a rule gives, with the first rule that gives it."""
    sent: dict[str, frozenset[str]] = {}
    found: dict[Grant, str] = {}
    for rule in rules:
        if rule.attribute not in sent:
            values = values_for_rule(attributes, rule.attribute)
            sent[rule.attribute] = frozenset(values or ())
        if rule.grant not in found and _applies(rule, sent[rule.attribute]):
            found[rule.grant] = rule.text
    return found


def _applies(rule: Rule, values: frozenset[str]) -> bool:
    if rule.matches is None:
        return comparable(rule.equals or "") in values
    pattern = compile_pattern(comparable(rule.matches))
    return any(pattern.fullmatch(value) for value in values)
