"""What is read of a company's accounts before a decision."""

import pytest

from passerelle.directory.actions import remove
from passerelle.directory.models import Domain, ExternalIdentity
from passerelle.directory.policy import load_names, load_policy
from passerelle.directory.snapshot import load_snapshot, load_snapshots
from passerelle.provisioning import Profile, Snapshot, parse_email
from passerelle.provisioning.model import Grant, Policy, Rule
from tests.directory.test_actions import BY_ALICE
from tests.world import NOW, give, idp_of, make_company, make_rule, make_user

NONE: frozenset[str] = frozenset()
ACME, PARTNER = frozenset({"acme.example"}), frozenset({"partner.example"})

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_company()


def profile(emails="grace@acme.example", subject="u-1"):
    found = [parse_email(one) for one in (emails if isinstance(emails, list) else [emails]) if one]
    return Profile(idp_entity_id=idp_of("acme"), subject=subject, emails=tuple(found))


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
    assert load(acme) == Snapshot(jit_available=True, verified_domains=ACME)


def test_the_account_of_the_identity_and_of_the_address_are_found(acme):
    bob, grace = make_user(acme, "bob@acme.example"), make_user(acme, "GRACE@acme.example")
    link(bob)
    give(bob, source="rule")
    found = load(acme)
    assert (found.by_identity.id, found.by_emails[0].id) == (str(bob.id), str(grace.id))
    assert (found.by_identity.linked_here, found.by_emails[0].linked_here) == (True, False)
    assert found.by_identity.grants == {
        (Grant(str(acme.default_workspace_id), str(acme.default_permission_set_id)), "rule")
    }


def test_an_identity_at_another_provider_is_not_linked_here(acme):
    link(make_user(acme, "grace@acme.example"), provider="elsewhere")
    found = load(acme)
    assert found.by_identity is None
    assert not found.by_emails[0].linked_here


def test_subjects_are_compared_exactly(acme):
    link(make_user(acme, "bob@acme.example"), subject="U-1")
    assert load(acme).by_identity is None


def test_a_profile_without_address_finds_nobody_by_it(acme):
    make_user(acme, "bob@acme.example")
    found = load(acme, profile(None, subject="u-9"))
    assert (found.by_identity, found.by_emails, found.verified_domains) == (None, (), NONE)


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
    assert (found.known_domains, found.verified_domains) == (PARTNER if known else NONE, NONE)


def test_a_public_mail_provider_is_never_known(acme):
    make_user(acme, "bob@gmail.com")
    assert not load(acme, profile("grace@gmail.com")).known_domains


def test_a_domain_that_is_not_verified_yet_is_not(acme):
    acme.domains.update(verified_at=None)
    assert not load(acme).verified_domains


def test_who_was_removed_is_known_by_address_or_identity(acme):
    bob = make_user(acme, "bob@acme.example")
    link(bob)
    remove(bob, tombstone=True, **BY_ALICE)
    assert load(acme).identity_removed
    assert load(acme, profile("bob@acme.example", "u-2")).removed_emails == {"bob@acme.example"}
    stranger = load(acme, profile("grace@acme.example", "u-2"))
    assert not stranger.identity_removed
    assert not stranger.removed_emails


def test_accounts_and_domains_of_all_addresses_are_found(acme):
    grace, bob = make_user(acme, "grace@acme.example"), make_user(acme, "bob@partner.example")
    who = profile(["x@other.example", "Bob@partner.example", "Grace@acme.example"])
    found = load(acme, who)
    assert {one.id for one in found.by_emails} == {str(grace.id), str(bob.id)}
    assert (found.verified_domains, found.known_domains) == (ACME, ACME | PARTNER)
    assert load_snapshots(acme, [who]) == [found]


def test_one_account_that_several_addresses_lead_to_is_found_once(acme):
    bob = make_user(acme, "bob@acme.example")
    link(bob)
    found = load(acme, profile(["a@acme.example", "bob@acme.example"]))
    assert found.by_emails == (found.by_identity,)


def test_who_was_removed_is_known_by_each_of_their_addresses(acme):
    remove(make_user(acme, "bob@acme.example"), tombstone=True, **BY_ALICE)
    who = profile(["new@acme.example", "bob@acme.example"])
    assert load(acme, who).removed_emails == {"bob@acme.example"}
    assert load_snapshots(acme, [who]) == [load(acme, who)]


@pytest.mark.parametrize(
    ("noted", "sent"), [(None, None), ([], frozenset()), (["groups"], frozenset({"groups"}))]
)
def test_what_a_provider_sent_before_is_read_with_the_identity(acme, noted, sent):
    identity = link(make_user(acme, "grace@acme.example"))
    assert load(acme).by_identity.sent is None
    identity.sent_attributes = noted
    identity.save()
    assert load(acme).by_identity.sent == sent


def test_twenty_addresses_cost_no_more_queries_than_one(acme, django_assert_num_queries):
    who = profile([f"a{number}@d{number}.example" for number in range(20)])
    with django_assert_num_queries(1):
        load(acme, who)


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
