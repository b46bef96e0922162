"""What is done to accounts by hand."""

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor
from passerelle.directory import actions
from passerelle.directory.actions import LastAdministrator
from passerelle.directory.models import Membership, Tombstone, User
from passerelle.provisioning import parse_email
from passerelle.sso.models import Session
from passerelle.sso.sessions.session import find_session
from tests.browsing import Browser, reference_in
from tests.world import GRACE, NOW, give, make_administrator, make_company, make_user, session_of

pytestmark = pytest.mark.django_db

ALICE = Actor("user", "alice@acme.example")
BY_ALICE = {"actor": ALICE, "now": NOW}


@pytest.fixture
def acme():
    return make_company()


def recorded():
    """The last event, in short."""
    event = AuditEvent.objects.latest("id")
    return event.event, event.actor, event.target, event.details


def test_suspending_ends_sessions_at_once_and_keeps_rights(acme):
    bob = make_user(acme, "bob@acme.example")
    give(bob)
    key = session_of(bob, now=NOW)
    actions.suspend(bob, **BY_ALICE)
    assert User.objects.get().status == "suspended"
    assert find_session(key, now=NOW) is None
    assert Session.objects.count() == 0
    assert Membership.objects.count() == 1
    assert recorded() == (
        "user:suspended",
        "alice@acme.example",
        "bob@acme.example",
        {"status": ["active", "suspended"]},
    )


def test_reinstating_opens_the_account_with_its_rights_again(acme):
    bob = make_user(acme, "bob@acme.example", status="suspended")
    give(bob)
    actions.reinstate(bob, **BY_ALICE)
    assert User.objects.get().is_active
    assert Membership.objects.count() == 1
    assert recorded()[0] == "user:reinstated"


def test_approving_lets_a_newcomer_in(acme):
    acme.newcomers = "approve"
    acme.version += 1
    acme.save()
    connection = acme.connections.select_related("company").get()
    assert Browser().sign_in(connection).status_code == 403
    actions.approve(User.objects.get(), **BY_ALICE)
    assert recorded()[0] == "user:approved"
    assert Browser().sign_in(connection).status_code == 302


@pytest.mark.parametrize("tombstone", [True, False])
def test_removing_leaves_nothing_but_a_mark_if_that_is_wished(acme, tombstone):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    actions.remove(User.objects.get(), tombstone=tombstone, **BY_ALICE)
    assert (User.objects.count(), Membership.objects.count(), Session.objects.count()) == (0, 0, 0)
    # One for the address, one for the identity.
    assert Tombstone.objects.count() == (2 if tombstone else 0)
    assert not any(GRACE.email in one.mark for one in Tombstone.objects.all())
    assert recorded()[0] == "user:removed"
    answer = Browser().sign_in(connection)
    assert answer.status_code == (403 if tombstone else 302)


def test_a_removed_person_is_known_again_by_address_or_identity(acme):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    actions.remove(User.objects.get(), tombstone=True, **BY_ALICE)
    other_address = {"email": ("other@acme.example",)}
    answers = [
        Browser().sign_in(connection, attributes=other_address),
        Browser().sign_in(connection, name_id="u-2"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all(reference_in(answer) for answer in answers)


def test_a_mark_of_one_company_says_nothing_in_another(acme):
    globex = make_company("globex", provisioning_domains="listed")
    globex.provisioning_domain_list = ["acme.example"]
    globex.version += 1
    globex.save()
    bob = make_user(acme, GRACE.email)
    actions.remove(bob, tombstone=True, **BY_ALICE)
    connection = globex.connections.select_related("company").get()
    assert Browser().sign_in(connection).status_code == 302


def test_removing_twice_the_same_person_keeps_one_mark(acme):
    for _ in range(2):
        actions.remove(make_user(acme, "bob@acme.example"), tombstone=True, **BY_ALICE)
    assert Tombstone.objects.count() == 1


@pytest.mark.parametrize(
    "act",
    [
        actions.suspend,
        lambda user, **by: actions.remove(user, tombstone=True, **by),
        lambda user, **by: actions.remove(user, tombstone=False, **by),
    ],
    ids=["suspend", "remove", "remove without a trace"],
)
def test_the_last_administrator_stays(acme, act):
    alice = make_administrator(acme)
    make_administrator(make_company("globex"))
    make_user(acme, "carol@acme.example", is_administrator=True, status="suspended")
    make_user(acme, "dave@acme.example", is_administrator=True, status="invited")
    key = session_of(alice, now=NOW)
    with pytest.raises(LastAdministrator):
        act(alice, **BY_ALICE)
    assert User.objects.get(id=alice.id).is_active
    assert find_session(key, now=NOW)
    assert (Tombstone.objects.count(), AuditEvent.objects.count()) == (0, 0)


def test_one_of_two_administrators_may_go(acme):
    make_administrator(acme, "carol@acme.example")
    actions.remove(make_administrator(acme), tombstone=True, **BY_ALICE)
    assert User.objects.get().email == "carol@acme.example"


def test_an_administrator_is_made_and_invited(acme):
    address = parse_email("Ada@acme.example")
    actions.make_administrator(acme, address, password=None, **BY_ALICE)
    ada = User.objects.get()
    assert (ada.email, ada.status, ada.provisioned_by) == (
        "Ada@acme.example",
        "invited",
        "operator",
    )
    assert ada.is_administrator
    assert not ada.check_password("")
    assert recorded()[0] == "user:invited"


def test_a_password_makes_the_account_active(acme):
    address = parse_email("ada@acme.example")
    actions.make_administrator(acme, address, password="hash", **BY_ALICE)
    assert User.objects.get().is_active


@pytest.mark.parametrize("status", ["active", "suspended"])
def test_an_account_becomes_an_administrator_and_stays_what_it_was(acme, status):
    bob = make_user(acme, "bob@acme.example", status=status, provisioned_by="jit")
    give(bob)
    address = parse_email("BOB@acme.example")
    actions.make_administrator(acme, address, password=None, **BY_ALICE)
    bob.refresh_from_db()
    assert (bob.email, bob.status, bob.provisioned_by) == ("bob@acme.example", status, "jit")
    assert bob.is_administrator
    assert bob.memberships.count() == 1
    assert recorded()[0] == "user:administrator_changed"


def test_an_administrator_of_one_company_is_none_of_another(acme):
    globex = make_company("globex")
    address = parse_email("ada@acme.example")
    make_user(globex, "ada@acme.example")
    actions.make_administrator(acme, address, password=None, **BY_ALICE)
    assert not globex.users.get().is_administrator


def test_a_removed_person_who_is_wanted_again_comes_in_with_the_old_identity(acme):
    connection = acme.connections.select_related("company").get()
    Browser().sign_in(connection)
    actions.remove(User.objects.get(), tombstone=True, **BY_ALICE)
    address = parse_email(GRACE.email)
    actions.make_administrator(acme, address, password="argon2$x", **BY_ALICE)
    assert not Tombstone.objects.exists()
    assert Browser().sign_in(connection).status_code == 302
    assert User.objects.get().identities.get().subject == GRACE.subject


def test_an_administrator_who_waited_for_approval_waits_no_more(acme):
    make_user(acme, "bob@acme.example", status="pending")
    address = parse_email("bob@acme.example")
    user = actions.make_administrator(acme, address, password=None, **BY_ALICE)
    assert (user.status, user.is_administrator) == ("active", True)
