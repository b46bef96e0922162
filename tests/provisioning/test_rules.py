"""Rules: who gets what, keeps what, and loses what."""

import pytest

from passerelle.provisioning import Plan, plan
from passerelle.provisioning.engine import compile_pattern
from passerelle.provisioning.model import Give, Grant, Note, Rule, Withdraw
from tests.provisioning.accounts import (
    ADMIN,
    BY_DEFAULT,
    DEFAULT,
    LAB,
    RULES,
    created,
    in_groups,
    known,
    linked,
    policy,
    profile,
    signed_in,
    snapshot,
    unlinked,
)

AS_ADMIN = Give(ADMIN, "rule", "groups = admins")
TO_LAB = Give(LAB, "rule", "groups ~ lab-.*")
MISSING = Note("attribute_missing", "groups")
OVERFLOW = {"http://schemas.microsoft.com/claims/groups.link": ("https://graph.example/u-1",)}
RULED = policy(rules=RULES)
FIRST_ONLY = policy(rules=RULES, sync_rules="first_sign_in")
HELD = frozenset({(ADMIN, "rule"), (LAB, "rule"), (DEFAULT, "default")})

CASES = {
    "a rule instead of the default": (in_groups("admins"), snapshot(), RULED, created(AS_ADMIN)),
    "several rules": (
        in_groups("admins", "lab-1"),
        snapshot(),
        RULED,
        created(TO_LAB, AS_ADMIN),
    ),
    "no rule": (in_groups("others"), snapshot(), RULED, created(BY_DEFAULT)),
    "in no group": (in_groups(), snapshot(), RULED, created(BY_DEFAULT)),
    "a pattern must match the whole value": (
        in_groups("my-lab-1", "lab", "LAB-1"),
        snapshot(),
        RULED,
        created(BY_DEFAULT),
    ),
    "a value must be equal": (in_groups("Admins"), snapshot(), RULED, created(BY_DEFAULT)),
    "the first rule is the reason": (
        in_groups("b", "a"),
        snapshot(),
        policy(rules=(Rule("groups", LAB, equals="a"), Rule("groups", LAB, equals="b"))),
        created(Give(LAB, "rule", "groups = a")),
    ),
    "per workspace the permission sets add up": (
        in_groups("x"),
        snapshot(),
        policy(rules=tuple(Rule("groups", Grant("w", one), equals="x") for one in ("p-1", "p-2"))),
        created(
            Give(Grant("w", "p-1"), "rule", "groups = x"),
            Give(Grant("w", "p-2"), "rule", "groups = x"),
        ),
    ),
    "a group gained": (
        in_groups("admins", "lab-1"),
        known(grants=frozenset({(ADMIN, "rule")})),
        RULED,
        signed_in(TO_LAB),
    ),
    "a group lost": (
        in_groups("lab-1"),
        known(grants=HELD),
        RULED,
        signed_in(Withdraw(ADMIN, "no rule gives it any more")),
    ),
    "all groups lost": (
        in_groups(),
        known(grants=HELD),
        RULED,
        signed_in(
            Withdraw(LAB, "no rule gives it any more"),
            Withdraw(ADMIN, "no rule gives it any more"),
        ),
    ),
    "a right by hand stays": (
        in_groups(),
        known(grants=frozenset({(ADMIN, "hand"), (LAB, "scim"), (DEFAULT, "invitation")})),
        RULED,
        signed_in(),
    ),
    "a right by hand does not hide the rule's": (
        in_groups("admins"),
        known(grants=frozenset({(ADMIN, "hand")})),
        RULED,
        signed_in(AS_ADMIN),
    ),
    "the default is not given later": (in_groups(), known(), RULED, signed_in()),
    "the group attribute is missing": (
        profile(),
        known(grants=HELD),
        RULED,
        signed_in(notes=(MISSING,)),
    ),
    "a link instead of groups": (
        profile(attributes=OVERFLOW),
        known(grants=HELD),
        RULED,
        signed_in(notes=(MISSING,)),
    ),
    "a link beside some groups": (
        profile(attributes={"groups": ("lab-1",), **OVERFLOW}),
        known(grants=HELD),
        RULED,
        signed_in(notes=(MISSING,)),
    ),
    "a newcomer without the group attribute": (
        profile(),
        snapshot(),
        RULED,
        created(BY_DEFAULT, notes=(MISSING,)),
    ),
    "a rule that is gone": (
        profile(),
        known(grants=frozenset({(ADMIN, "rule")})),
        policy(),
        signed_in(Withdraw(ADMIN, "no rule gives it any more")),
    ),
    "one of two rules for a right cannot be decided": (
        profile(attributes={"department": ("sales",)}),
        known(grants=frozenset({(ADMIN, "rule")})),
        policy(rules=(*RULES[:1], Rule("department", ADMIN, equals="it"))),
        signed_in(notes=(MISSING,)),
    ),
    "rules at the first sign-in only": (
        in_groups("lab-1"),
        known(grants=HELD),
        FIRST_ONLY,
        signed_in(),
    ),
    "rules at the first sign-in": (in_groups("lab-1"), snapshot(), FIRST_ONLY, created(TO_LAB)),
    "rules for someone to be approved": (
        in_groups("lab-1"),
        snapshot(),
        policy(rules=RULES, newcomers="approve"),
        created(TO_LAB, status="pending"),
    ),
    "linking gives what rules say, once": (
        in_groups("admins"),
        unlinked(),
        FIRST_ONLY,
        linked(AS_ADMIN),
    ),
}


@pytest.mark.parametrize(
    ("who", "what_is_known", "settings", "expected"), CASES.values(), ids=CASES
)
def test_rules_do_exactly_what_the_table_says(who, what_is_known, settings, expected):
    assert plan(who, what_is_known, settings) == expected


def test_an_unreadable_pattern_is_a_value_error():
    with pytest.raises(ValueError, match=r"missing \)"):
        compile_pattern("(")


def test_a_costly_pattern_does_not_stop_the_service():
    settings = policy(rules=(Rule("groups", LAB, matches="(a+)+b"),))
    decision = plan(in_groups("a" * 20_000), snapshot(), settings)
    assert isinstance(decision, Plan)
    assert decision.outcome == "created"
