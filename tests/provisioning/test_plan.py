"""Every row of the table of decisions: a profile, what is known, a policy, and what follows."""

import pytest

from passerelle.provisioning import Refusal, plan
from passerelle.provisioning.model import ActivateAccount, Note, UpdateProfile
from tests.provisioning.accounts import (
    BY_DEFAULT,
    GRACE,
    LAB,
    account,
    address,
    created,
    known,
    linked,
    policy,
    profile,
    signed_in,
    snapshot,
    unlinked,
)

MOVED = address("grace@elsewhere.example")


def exists(expected, received):
    return Refusal("account_exists", expected, received)


def outside(expected):
    return Refusal("domain_not_allowed", expected, "acme.example")


NONE: frozenset[str] = frozenset()
REMOVED = frozenset({"grace@acme.example"})
ACME = frozenset({"acme.example"})
INVITED = account(status="invited", grants=frozenset({(LAB, "invitation")}))
UNKNOWN_DOMAIN = snapshot(verified_domains=NONE)
KNOWN_DOMAIN = snapshot(verified_domains=NONE, known_domains=ACME)
NO_EMAIL = profile(email=None, names_sent=("sn", "cn"))
ODD_EMAIL = profile(email=None, email_received="grace", names_sent=("mail",))
TAKEN = snapshot(by_identity=account(linked_here=True), by_emails=(account(id="a-2", email=MOVED),))

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
    "removed": (profile(), snapshot(removed_emails=REMOVED), policy(), Refusal("user_removed")),
    "removed, and no e-mail now": (
        NO_EMAIL,
        snapshot(removed_emails=REMOVED),
        policy(),
        Refusal("user_removed"),
    ),
    "removed, and back under the address of another account": (
        profile(),
        snapshot(identity_removed=True, by_emails=(account(),)),
        policy(),
        Refusal("user_removed"),
    ),
    "a removed identity whose person was invited again": (
        profile(),
        snapshot(identity_removed=True, by_emails=(INVITED,)),
        policy(),
        linked(ActivateAccount()),
    ),
    "removed, then invited again": (
        profile(),
        snapshot(removed_emails=REMOVED, by_emails=(INVITED,)),
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
    "an invitation without any right": (
        profile(),
        unlinked(status="invited"),
        policy(),
        linked(ActivateAccount(), BY_DEFAULT),
    ),
    "an invitation without any right, and JIT off": (
        profile(),
        unlinked(status="invited"),
        policy(automatic=False),
        linked(ActivateAccount()),
    ),
    "an invitation without any right, and early access closed": (
        profile(),
        snapshot(by_emails=(account(status="invited"),), jit_available=False),
        policy(),
        linked(ActivateAccount()),
    ),
    "an invitation without any right, and no default": (
        profile(),
        unlinked(status="invited"),
        policy(default=None),
        linked(ActivateAccount()),
    ),
    "an invited account, linked already": (
        profile(),
        known(status="invited"),
        policy(),
        signed_in(ActivateAccount(), BY_DEFAULT),
    ),
    "an account that was emptied by an administrator": (profile(), unlinked(), policy(), linked()),
    "several addresses: the account is found by each of them": (
        profile(emails=(MOVED, GRACE)),
        unlinked(),
        policy(),
        linked(),
    ),
    "several addresses: an invitation is found by each of them": (
        profile(emails=(MOVED, GRACE)),
        snapshot(by_emails=(INVITED,)),
        policy(),
        linked(ActivateAccount()),
    ),
    "several addresses: linking needs the domain of the account's own": (
        profile(emails=(MOVED, GRACE)),
        snapshot(by_emails=(account(),), verified_domains=frozenset({"elsewhere.example"})),
        policy(),
        exists("a verified domain", "acme.example"),
    ),
    "several addresses: two accounts": (
        profile(emails=(MOVED, GRACE)),
        snapshot(by_emails=(account(), account(id="a-2", email=MOVED, status="invited"))),
        policy(),
        Refusal("identity_ambiguous", "one account", "grace@acme.example, grace@elsewhere.example"),
    ),
    "several addresses: one was removed": (
        profile(emails=(MOVED, GRACE)),
        snapshot(removed_emails=REMOVED),
        policy(),
        Refusal("user_removed"),
    ),
    "several addresses: a newcomer gets the first that is allowed": (
        profile(emails=(MOVED, GRACE)),
        snapshot(verified_domains=ACME),
        policy(),
        created(BY_DEFAULT),
    ),
    "several addresses: a known person keeps theirs while it is sent": (
        profile(emails=(MOVED, address("Grace@acme.example"))),
        known(),
        policy(),
        signed_in(UpdateProfile(address("Grace@acme.example"))),
    ),
    "several addresses: a known person follows to the first where theirs is gone": (
        profile(emails=(MOVED, address("g.hopper@acme.example"))),
        snapshot(by_identity=account(linked_here=True)),
        policy(),
        signed_in(UpdateProfile(MOVED)),
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
        snapshot(by_emails=(account(),), verified_domains=NONE, known_domains=ACME),
        policy(),
        exists("a verified domain", "acme.example"),
    ),
    "linking although the domain is only listed": (
        profile(),
        snapshot(by_emails=(account(),), verified_domains=NONE),
        policy(domains=frozenset({"acme.example"})),
        exists("a verified domain", "acme.example"),
    ),
    "the account belongs to another subject": (
        profile(),
        unlinked(linked_here=True),
        policy(),
        Refusal("identity_conflict", received="u-1"),
    ),
    "another subject's suspended account": (
        profile(),
        unlinked(linked_here=True, status="suspended"),
        policy(),
        Refusal("identity_conflict", received="u-1"),
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
        snapshot(by_identity=account(), by_emails=(account(),), verified_domains=NONE),
        policy(),
        signed_in(UpdateProfile(address("GRACE@acme.example"))),
    ),
    "the e-mail's domain is not allowed": (
        profile(email=MOVED, first_name="G"),
        snapshot(by_identity=account(linked_here=True), verified_domains=NONE),
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
    "the e-mail was that of somebody who was removed": (
        profile(email=MOVED, first_name="G"),
        snapshot(by_identity=account(linked_here=True), removed_emails=frozenset({MOVED.key})),
        policy(),
        signed_in(
            UpdateProfile(None, "G"), notes=(Note("email_removed", "grace@elsewhere.example"),)
        ),
    ),
    "the own e-mail is kept though another that was sent was somebody's who was removed": (
        profile(emails=(MOVED, GRACE)),
        snapshot(
            by_identity=account(linked_here=True),
            by_emails=(account(linked_here=True),),
            removed_emails=frozenset({MOVED.key}),
        ),
        policy(),
        signed_in(),
    ),
    "the e-mail is kept": (profile(email=MOVED), TAKEN, policy(update_profile=False), signed_in()),
}


@pytest.mark.parametrize(
    ("who", "what_is_known", "settings", "expected"), CASES.values(), ids=CASES
)
def test_a_sign_in_does_exactly_what_the_table_says(who, what_is_known, settings, expected):
    assert plan(who, what_is_known, settings) == expected
