"""Rules that make administrators, and rules that say for themselves when they count."""

import pytest

from passerelle.provisioning import plan
from passerelle.provisioning.model import ADMINISTRATION, Give, Note, Rule, Withdraw
from tests.provisioning.accounts import (
    ADMIN,
    BY_DEFAULT,
    LAB,
    RULES,
    created,
    in_groups,
    known,
    policy,
    profile,
    signed_in,
    snapshot,
)

TO_LAB = Give(LAB, "rule", "groups ~ lab-.*")
BOSSES = Rule("groups", ADMINISTRATION, equals="bosses")
BOSS = Give(ADMINISTRATION, "rule", "groups = bosses")
NO_BOSS = Withdraw(ADMINISTRATION, "no rule gives it any more")
LED = policy(rules=(*RULES, BOSSES))
ADMINISTRATORS = {
    "a newcomer in the group, with what every newcomer gets": (
        in_groups("bosses"),
        snapshot(),
        LED,
        created(BOSS, BY_DEFAULT),
    ),
    "and with what other rules give instead": (
        in_groups("bosses", "lab-1"),
        snapshot(),
        LED,
        created(BOSS, TO_LAB),
    ),
    "nobody who waits for a decision": (
        in_groups("bosses"),
        snapshot(),
        policy(rules=(BOSSES,), newcomers="approve"),
        created(BY_DEFAULT, status="pending"),
    ),
    "who comes into the group": (in_groups("bosses"), known(), LED, signed_in(BOSS)),
    "not who has left it": (
        in_groups("others"),
        known(grants=frozenset({(ADMINISTRATION, "rule")})),
        LED,
        signed_in(NO_BOSS),
    ),
    "still, where nothing is known of groups": (
        profile(),
        known(grants=frozenset({(ADMINISTRATION, "rule")})),
        policy(rules=(BOSSES,)),
        signed_in(notes=(Note("attribute_missing", "groups"),)),
    ),
    "who is one by hand stays one, whatever rules say": (
        in_groups("others"),
        known(grants=frozenset({(ADMINISTRATION, "hand")})),
        LED,
        signed_in(),
    ),
    "who is one by hand does not become one by rule": (
        in_groups("bosses"),
        known(grants=frozenset({(ADMINISTRATION, "hand")})),
        LED,
        signed_in(),
    ),
}


@pytest.mark.parametrize(
    ("who", "found", "settings", "planned"), ADMINISTRATORS.values(), ids=ADMINISTRATORS
)
def test_a_rule_makes_administrators(who, found, settings, planned):
    assert plan(who, found, settings) == planned


ONCE, EACH = (
    Rule("groups", LAB, equals="a", sync="first_sign_in"),
    Rule("groups", ADMIN, equals="b", sync="always"),
)
HAS_BOTH = frozenset({(LAB, "rule"), (ADMIN, "rule")})
BY_EACH = Give(ADMIN, "rule", "groups = b")
WHEN = {
    "both count for a newcomer": (
        in_groups("a", "b"),
        snapshot(),
        "always",
        created(Give(LAB, "rule", "groups = a"), BY_EACH),
    ),
    "later only the one of each sign-in gives": (
        in_groups("a", "b"),
        known(),
        "always",
        signed_in(BY_EACH),
    ),
    "and only what it gave is withdrawn": (
        in_groups("c"),
        known(grants=HAS_BOTH),
        "always",
        signed_in(Withdraw(ADMIN, "no rule gives it any more")),
    ),
    "also where the company's rules count at the first sign-in": (
        in_groups("c"),
        known(grants=HAS_BOTH),
        "first_sign_in",
        signed_in(Withdraw(ADMIN, "no rule gives it any more")),
    ),
}


@pytest.mark.parametrize(("who", "found", "otherwise", "planned"), WHEN.values(), ids=WHEN)
def test_a_rule_says_for_itself_when_it_counts(who, found, otherwise, planned):
    assert plan(who, found, policy(rules=(ONCE, EACH), sync_rules=otherwise)) == planned
