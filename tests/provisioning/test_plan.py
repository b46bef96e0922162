"""Every row of the table of decisions: a profile, what is known, a policy, and what follows."""

import pytest

from passerelle.provisioning import Plan, Refusal, plan
from passerelle.provisioning.engine import compile_pattern
from passerelle.provisioning.model import (
    ActivateAccount,
    CreateAccount,
    Give,
    Grant,
    LinkIdentity,
    Note,
    Rule,
    UpdateProfile,
    Withdraw,
)
from tests.provisioning.accounts import (
    ADMIN,
    DEFAULT,
    GRACE,
    LAB,
    RULES,
    account,
    address,
    in_groups,
    known,
    policy,
    profile,
    snapshot,
    unlinked,
)

BY_DEFAULT = Give(DEFAULT, "default", "default")
AS_ADMIN = Give(ADMIN, "rule", "groups = admins")
TO_LAB = Give(LAB, "rule", "groups ~ lab-.*")
LINK = LinkIdentity("u-1")
MISSING = Note("attribute_missing", "groups")
OVERFLOW = {"http://schemas.microsoft.com/claims/groups.link": ("https://graph.example/u-1",)}
MOVED = address("grace@elsewhere.example")


def created(*gives, status="active", names=("Grace", "Hopper"), notes=()):
    create = CreateAccount(GRACE, *names, status)
    outcome = "created" if status == "active" else "pending"
    return Plan(outcome, None, (create, LINK, *gives), notes)


def linked(*steps, notes=()):
    return Plan("linked", "a-1", (LINK, *steps), notes)


def signed_in(*steps, notes=()):
    return Plan("signed_in", "a-1", steps, notes)


def exists(expected, received):
    return Refusal("account_exists", expected, received)


def outside(expected):
    return Refusal("domain_not_allowed", expected, "acme.example")


UNKNOWN_DOMAIN = snapshot(domain_verified=False)
KNOWN_DOMAIN = snapshot(domain_verified=False, domain_known=True)
NO_EMAIL = profile(email=None, attributes={"sn": ("Hopper",), "cn": ("Grace",)})
ODD_EMAIL = profile(email=None, email_received="grace", attributes={"mail": ("grace",)})
RULED = policy(rules=RULES)
FIRST_ONLY = policy(rules=RULES, sync_rules="first_sign_in")
HELD = frozenset({(ADMIN, "rule"), (LAB, "rule"), (DEFAULT, "default")})
TAKEN = snapshot(by_identity=account(linked_here=True), by_email=account(id="a-2", email=MOVED))

CASES = {
    # Newcomers.
    "a newcomer": (profile(), snapshot(), policy(), created(BY_DEFAULT)),
    "without names": (
        profile(first_name="", last_name=""),
        snapshot(),
        policy(),
        created(BY_DEFAULT, names=("", "")),
    ),
    "to be approved": (
        profile(),
        snapshot(),
        policy(newcomers="approve"),
        created(BY_DEFAULT, status="pending"),
    ),
    "JIT off": (profile(), snapshot(), policy(automatic=False), Refusal("jit_disabled")),
    "no default": (profile(), snapshot(), policy(default=None), Refusal("jit_disabled")),
    "early access closed": (
        profile(),
        snapshot(jit_available=False),
        policy(),
        Refusal("jit_unavailable"),
    ),
    "early access closed, and JIT off": (
        profile(),
        snapshot(jit_available=False),
        policy(automatic=False),
        Refusal("jit_unavailable"),
    ),
    # Domains.
    "domain known": (profile(), KNOWN_DOMAIN, policy(), created(BY_DEFAULT)),
    "domain unknown": (profile(), UNKNOWN_DOMAIN, policy(), outside("a known domain")),
    "domain known, must be verified": (
        profile(),
        KNOWN_DOMAIN,
        policy(domains="verified"),
        outside("a verified domain"),
    ),
    "domain verified": (profile(), snapshot(), policy(domains="verified"), created(BY_DEFAULT)),
    "domain listed": (
        profile(),
        UNKNOWN_DOMAIN,
        policy(domains=frozenset({"acme.example"})),
        created(BY_DEFAULT),
    ),
    "domain verified, not listed": (
        profile(),
        snapshot(),
        policy(domains=frozenset({"b.example", "a.example"})),
        outside("a.example, b.example"),
    ),
    "no domain listed": (
        profile(),
        snapshot(),
        policy(domains=frozenset()),
        outside("no domain"),
    ),
    # Identifiers and e-mail addresses.
    "address not allowed": (
        profile(),
        snapshot(address_allowed=False, by_identity=account(linked_here=True)),
        policy(),
        Refusal("address_not_allowed"),
    ),
    "nothing stable": (
        profile(subject=None),
        snapshot(),
        policy(),
        Refusal("subject_unstable", "an identifier that stays the same"),
    ),
    "an e-mail NameID that is none": (
        profile(subject=None, name_id_received="grace"),
        snapshot(),
        policy(),
        Refusal("email_invalid", "an e-mail address as NameID, as its format says", "grace"),
    ),
    "no e-mail": (
        NO_EMAIL,
        snapshot(),
        policy(),
        Refusal("email_missing", "an attribute named email", "cn, sn"),
    ),
    "no attribute at all": (
        profile(email=None),
        snapshot(),
        policy(),
        Refusal("email_missing", "an attribute named email", "no attributes"),
    ),
    "an odd e-mail": (
        ODD_EMAIL,
        snapshot(),
        policy(),
        Refusal("email_invalid", "an e-mail address", "grace"),
    ),
    # People who were here.
    "removed": (profile(), snapshot(removed=True), policy(), Refusal("user_removed")),
    "removed, and no e-mail now": (
        NO_EMAIL,
        snapshot(removed=True),
        policy(),
        Refusal("user_removed"),
    ),
    "removed, then invited again": (
        profile(),
        snapshot(removed=True, by_email=account(status="invited")),
        policy(),
        linked(ActivateAccount()),
    ),
    "suspended": (
        profile(),
        known(status="suspended"),
        policy(),
        Refusal("user_suspended", "active", "suspended"),
    ),
    "suspended, not linked": (
        profile(),
        unlinked(status="suspended"),
        policy(),
        Refusal("user_suspended", "active", "suspended"),
    ),
    "waits for approval": (
        profile(),
        known(status="pending"),
        policy(),
        Refusal("approval_pending", "approved", "pending"),
    ),
    "waits for approval, not linked": (
        profile(),
        unlinked(status="pending"),
        policy(),
        Refusal("approval_pending", "approved", "pending"),
    ),
    # Linking.
    "an account with this e-mail": (profile(), unlinked(), policy(), linked()),
    "an invitation": (
        profile(),
        unlinked(status="invited", grants=frozenset({(LAB, "invitation")})),
        policy(),
        linked(ActivateAccount()),
    ),
    "an invited account, linked already": (
        profile(),
        known(status="invited"),
        policy(),
        signed_in(ActivateAccount()),
    ),
    "linking is refused": (
        profile(),
        unlinked(),
        policy(existing_accounts="refuse"),
        exists("linking allowed", "grace@acme.example"),
    ),
    "linking an invitation is refused": (
        profile(),
        unlinked(status="invited"),
        policy(existing_accounts="refuse"),
        exists("linking allowed", "grace@acme.example"),
    ),
    "linking without a verified domain": (
        profile(),
        snapshot(by_email=account(), domain_verified=False, domain_known=True),
        policy(),
        exists("a verified domain", "acme.example"),
    ),
    "linking although the domain is only listed": (
        profile(),
        snapshot(by_email=account(), domain_verified=False),
        policy(domains=frozenset({"acme.example"})),
        exists("a verified domain", "acme.example"),
    ),
    "the account belongs to another subject": (
        profile(),
        unlinked(linked_here=True),
        policy(),
        Refusal("identity_conflict", received="grace@acme.example"),
    ),
    "another subject's suspended account": (
        profile(),
        unlinked(linked_here=True, status="suspended"),
        policy(),
        Refusal("identity_conflict", received="grace@acme.example"),
    ),
    "linking with JIT off": (
        profile(),
        unlinked(),
        policy(automatic=False),
        linked(),
    ),
    "linking updates names and spelling": (
        profile(email=address("Grace@ACME.example"), first_name="Gracia"),
        unlinked(),
        policy(),
        linked(UpdateProfile(address("Grace@ACME.example"), "Gracia", None)),
    ),
    "linking without updates": (
        profile(first_name="Gracia"),
        unlinked(),
        policy(update_profile=False),
        linked(),
    ),
    "linking gives what rules say, once": (
        in_groups("admins"),
        unlinked(),
        FIRST_ONLY,
        linked(AS_ADMIN),
    ),
    # Those who are known.
    "a known person": (profile(), known(), policy(), signed_in()),
    "early access closed later": (
        profile(),
        snapshot(jit_available=False, by_identity=account(linked_here=True)),
        policy(),
        signed_in(),
    ),
    "JIT off later": (profile(), known(), policy(automatic=False), signed_in()),
    "a known person without e-mail": (NO_EMAIL, known(), policy(), signed_in()),
    "names that are missing are kept": (
        profile(first_name="", last_name=""),
        known(),
        policy(),
        signed_in(),
    ),
    "names follow": (
        profile(last_name="Murray"),
        known(),
        policy(),
        signed_in(UpdateProfile(None, None, "Murray")),
    ),
    "names stay": (profile(last_name="M"), known(), policy(update_profile=False), signed_in()),
    "the e-mail follows": (
        profile(email=MOVED),
        snapshot(by_identity=account(linked_here=True)),
        policy(),
        signed_in(UpdateProfile(MOVED)),
    ),
    "the e-mail's spelling follows whatever its domain": (
        profile(email=address("GRACE@acme.example")),
        snapshot(by_identity=account(), by_email=account(), domain_verified=False),
        policy(),
        signed_in(UpdateProfile(address("GRACE@acme.example"))),
    ),
    "the e-mail's domain is not allowed": (
        profile(email=MOVED, first_name="G"),
        snapshot(by_identity=account(linked_here=True), domain_verified=False),
        policy(),
        signed_in(
            UpdateProfile(None, "G"),
            notes=(Note("email_domain_not_allowed", "grace@elsewhere.example"),),
        ),
    ),
    "the e-mail is taken": (
        profile(email=MOVED),
        TAKEN,
        policy(),
        signed_in(notes=(Note("email_taken", "grace@elsewhere.example"),)),
    ),
    "the e-mail is kept": (profile(email=MOVED), TAKEN, policy(update_profile=False), signed_in()),
    # Rules.
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
}


@pytest.mark.parametrize(
    ("who", "what_is_known", "settings", "expected"), CASES.values(), ids=CASES
)
def test_a_sign_in_does_exactly_what_the_table_says(who, what_is_known, settings, expected):
    assert plan(who, what_is_known, settings) == expected


def test_an_unreadable_pattern_is_a_value_error():
    with pytest.raises(ValueError, match=r"missing \)"):
        compile_pattern("(")


def test_a_costly_pattern_does_not_stop_the_service():
    settings = policy(rules=(Rule("groups", LAB, matches="(a+)+b"),))
    decision = plan(in_groups("a" * 20_000), snapshot(), settings)
    assert isinstance(decision, Plan)
    assert decision.outcome == "created"
