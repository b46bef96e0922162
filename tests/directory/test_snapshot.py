"""What is read of a company's accounts before a decision."""

import pytest

from passerelle.directory.actions import remove
from passerelle.directory.models import Domain, ExternalIdentity
from passerelle.directory.policy import load_names, load_policy
from passerelle.directory.snapshot import load_snapshot
from passerelle.provisioning import Profile, Snapshot, parse_email
from passerelle.provisioning.model import Grant, Policy, Rule
from tests.directory.test_actions import BY_ALICE
from tests.world import NOW, give, idp_of, make_company, make_rule, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_company()


def profile(email="grace@acme.example", subject="u-1"):
    address = parse_email(email) if email else None
    return Profile(idp_entity_id=idp_of("acme"), subject=subject, email=address)


def load(company, who=None, **fields):
    return load_snapshot(company, who or profile(), **{"address_allowed": True, **fields})


def link(user, subject="u-1", provider="acme"):
    return ExternalIdentity.objects.create(
        company=user.company,
        user=user,
        idp_entity_id=idp_of(provider),
        subject=subject,
        created_at=NOW,
    )


def test_nobody_is_known_yet(acme):
    assert load(acme) == Snapshot(jit_available=True, domain_verified=True)


def test_the_account_of_the_identity_and_of_the_address_are_found(acme):
    bob, grace = make_user(acme, "bob@acme.example"), make_user(acme, "GRACE@acme.example")
    link(bob)
    give(bob, source="rule")
    found = load(acme)
    assert (found.by_identity.id, found.by_email.id) == (str(bob.id), str(grace.id))
    assert (found.by_identity.linked_here, found.by_email.linked_here) == (True, False)
    assert found.by_identity.grants == {
        (Grant(str(acme.default_workspace_id), str(acme.default_permission_set_id)), "rule")
    }


def test_an_identity_at_another_provider_is_not_linked_here(acme):
    link(make_user(acme, "grace@acme.example"), provider="elsewhere")
    found = load(acme)
    assert found.by_identity is None
    assert not found.by_email.linked_here


def test_subjects_are_compared_exactly(acme):
    link(make_user(acme, "bob@acme.example"), subject="U-1")
    assert load(acme).by_identity is None


def test_a_profile_without_address_finds_nobody_by_it(acme):
    make_user(acme, "bob@acme.example")
    found = load(acme, profile(email=None, subject="u-9"))
    assert (found.by_identity, found.by_email, found.domain_verified) == (None, None, False)


def test_another_company_is_never_seen(acme):
    globex = make_company("globex")
    Domain.objects.create(company=globex, name="other.example", verified_at=NOW)
    mallory = make_user(globex, "grace@other.example")
    link(mallory)
    remove(make_user(globex, "ada@other.example"), tombstone=True, **BY_ALICE)
    for address in ("grace@other.example", "ada@other.example"):
        assert load(acme, profile(address)) == Snapshot(jit_available=True)


@pytest.mark.parametrize(
    ("account", "known"),
    [
        ({}, True),
        ({"provisioned_by": "scim"}, True),
        ({"provisioned_by": "jit"}, False),
        ({"status": "invited"}, False),
        ({"status": "suspended"}, False),
        ({"status": "pending"}, False),
    ],
)
def test_a_domain_is_known_by_active_accounts_that_jit_did_not_make(acme, account, known):
    make_user(acme, "bob@partner.example", **account)
    found = load(acme, profile("grace@PARTNER.example"))
    assert (found.domain_known, found.domain_verified) == (known, False)


def test_a_public_mail_provider_is_never_known(acme):
    make_user(acme, "bob@gmail.com")
    assert not load(acme, profile("grace@gmail.com")).domain_known


def test_a_domain_that_is_not_verified_yet_is_not(acme):
    acme.domains.update(verified_at=None)
    assert not load(acme).domain_verified


def test_who_was_removed_is_known_by_address_or_identity(acme):
    bob = make_user(acme, "bob@acme.example")
    link(bob)
    remove(bob, tombstone=True, **BY_ALICE)
    assert load(acme).identity_removed
    assert load(acme, profile("bob@acme.example", "u-2")).email_removed
    stranger = load(acme, profile("grace@acme.example", "u-2"))
    assert not stranger.identity_removed
    assert not stranger.email_removed


def test_a_newcomer_costs_one_query(acme, django_assert_num_queries):
    with django_assert_num_queries(1):
        load(acme)


@pytest.mark.parametrize("count", [1, 30])
def test_any_number_of_rights_and_people_costs_four(acme, django_assert_num_queries, count):
    bob, _ = make_user(acme, "bob@acme.example"), make_user(acme, "grace@acme.example")
    link(bob)
    for number in range(count):
        make_user(acme, f"user{number}@acme.example")
        make_rule(acme, str(number), workspace=f"W{number}", permission_set="Analyst")
        give(bob, workspace=f"W{number}")
    with django_assert_num_queries(4):
        found = load(acme)
    assert len(found.by_identity.grants) == count


def test_early_access_and_the_address_are_handed_on(acme):
    acme.jit_provisioning_available = False
    found = load(acme, address_allowed=False)
    assert (found.jit_available, found.address_allowed) == (False, False)


def test_a_policy_is_what_the_company_s_row_and_rules_say(acme):
    make_rule(acme, "labs", workspace="Lab", permission_set="Viewer")
    acme.refresh_from_db()
    rule = acme.rules.get()
    grant = Grant(str(rule.workspace_id), str(rule.permission_set_id))
    default = Grant(str(acme.default_workspace_id), str(acme.default_permission_set_id))
    expected = Policy(automatic=True, default=default, rules=(Rule("groups", grant, "labs"),))
    assert load_policy(acme) == expected
    assert load_names(acme)[grant.workspace] == "Lab"


def test_a_policy_is_read_once_for_each_version(acme, django_assert_num_queries):
    load_policy(acme)
    with django_assert_num_queries(0):
        load_policy(acme)
    acme.version += 1
    acme.provisioning_domains, acme.provisioning_domain_list = "listed", ["b.example"]
    assert load_policy(acme).domains == {"b.example"}
