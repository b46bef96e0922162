"""Settings > Users: found, looked at, changed; what cannot be undone is asked first."""

import pytest
from django.contrib.auth.hashers import make_password

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Membership, Tombstone, User
from passerelle.sso.models import Session
from tests.browsing import Browser
from tests.world import GRACE, give, make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
PAGE = "/settings/users/"


@pytest.fixture
def bob(acme) -> User:
    return make_user(acme, "bob@acme.example", first_name="Bob", last_name="Example")


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("event", flat=True))


def listed(browser: Browser, **query: str) -> list[str]:
    return [user.email for user, _, _ in browser.get(PAGE, query).context["shown"]]


def test_everybody_is_listed_and_found_by_name_address_and_filters(acme, alice, bob):
    Browser().sign_in(acme.connections.select_related("company").get())
    assert listed(alice) == ["admin@acme.example", "bob@acme.example", "grace@acme.example"]
    assert listed(alice, q="BOB@") == ["bob@acme.example"]
    assert listed(alice, q="hopper") == []
    assert listed(alice, q="grac") == ["grace@acme.example"]
    assert listed(alice, origin="jit") == ["grace@acme.example"]
    assert listed(alice, status="suspended") == []
    workspace = str(acme.workspaces.get().id)
    assert listed(alice, workspace=workspace) == ["grace@acme.example"]
    assert listed(alice, permission_set=str(acme.permission_sets.get().id)) == [
        "grace@acme.example"
    ]
    assert listed(alice, workspace="junk") == []
    assert "Nobody fits these filters" in alice.get(PAGE, {"q": "nobody"}).content.decode()


def test_a_long_list_comes_in_pages_and_keeps_its_filters(acme, alice):
    for number in range(60):
        make_user(acme, f"user{number:03}@acme.example")
    first = alice.get(PAGE, {"q": "user"})
    assert len(first.context["shown"]) == 50
    more = first.context["page"].more
    assert "q=user" in more
    assert len(alice.get(PAGE + more).context["shown"]) == 10


def test_the_list_asks_as_little_for_many_as_for_few(acme, alice, django_assert_max_num_queries):
    for number in range(60):
        give(make_user(acme, f"user{number:03}@acme.example"))
    with django_assert_max_num_queries(4):
        assert len(alice.get(PAGE).content) < 50_000


def test_a_persons_page_tells_where_each_right_comes_from(acme, alice):
    Browser().sign_in(acme.connections.select_related("company").get())
    user = User.objects.get(email_key=GRACE.email)
    page = alice.get(f"{PAGE}{user.id}/").content.decode()
    for text in (
        "default for newcomers",
        "Production",
        "Analyst",
        GRACE.subject,
        "Account made",
    ):
        assert text in page


def test_an_invitation_gives_a_link_for_whoever_is_to_have_it(acme, alice):
    answer = alice.post(f"{PAGE}invite/", {"email": "Carol@acme.example"}, follow=True)
    assert "/activate/" in answer.content.decode()
    user = User.objects.get(email_key="carol@acme.example")
    assert (user.status, user.provisioned_by, user.is_administrator) == (
        "invited",
        "invitation",
        False,
    )
    again = alice.post(f"{PAGE}invite/", {"email": "carol@acme.example"})
    assert (again.status_code, User.objects.count()) == (422, 2)
    assert alice.post(f"{PAGE}invite/", {"email": "junk"}).status_code == 422


def test_suspending_asks_first_says_what_it_means_and_can_be_undone(acme, alice, bob):
    Browser().enter(bob)
    page = alice.get(f"{PAGE}{bob.id}/change/suspend/").content.decode()
    assert "Suspend bob@acme.example?" in page
    assert "1 open session" in page
    alice.post(f"{PAGE}{bob.id}/change/suspend/")
    bob.refresh_from_db()
    assert (bob.status, Session.objects.filter(user=bob).count()) == ("suspended", 0)
    alice.post(f"{PAGE}{bob.id}/reinstate/")
    bob.refresh_from_db()
    assert bob.status == "active"
    assert events() == ["user:suspended", "user:reinstated"]


@pytest.mark.parametrize("may_return", [True, False])
def test_removing_asks_whether_the_person_may_come_back(acme, alice, bob, may_return):
    fields = {"may_return": "on"} if may_return else {}
    alice.post(f"{PAGE}{bob.id}/change/remove/", fields)
    assert not User.objects.filter(id=bob.id).exists()
    assert Tombstone.objects.exists() is not may_return


@pytest.mark.parametrize("verb", ["suspend", "remove", "demote"])
def test_the_last_administrator_stays(acme, alice, verb):
    administrator = User.objects.get(is_administrator=True)
    answer = alice.post(f"{PAGE}{administrator.id}/change/{verb}/")
    assert answer.status_code == 422
    assert "last active administrator" in answer.content.decode()
    assert User.objects.get(is_administrator=True).status == "active"


def test_power_is_not_given_nor_a_factor_taken_by_one_click(acme, alice, bob):
    for verb, says in (("promote", "make or unmake administrators"), ("reset-factor", "device")):
        assert alice.post(f"{PAGE}{bob.id}/{verb}/").status_code == 404
        assert says in alice.get(f"{PAGE}{bob.id}/change/{verb}/").content.decode()
    bob.refresh_from_db()
    assert not bob.is_administrator


@pytest.mark.parametrize("verb", ["suspend", "remove", "demote"])
def test_whoever_is_about_to_shut_themselves_out_is_told(acme, alice, bob, verb):
    administrator = User.objects.get(is_administrator=True)
    page = f"{PAGE}{administrator.id}/change/{verb}/"
    assert "This is you." in alice.get(page).content.decode()
    assert "This is you." not in alice.get(f"{PAGE}{bob.id}/change/{verb}/").content.decode()


def test_an_invited_person_may_get_a_right_at_once_both_parts_or_neither(acme, alice):
    right = {
        "workspace": str(acme.workspaces.get().id),
        "permission_set": str(acme.permission_sets.get().id),
    }
    sent = {"email": "carol@acme.example"}
    half = alice.post(f"{PAGE}invite/", {**sent, "workspace": right["workspace"]})
    assert half.status_code == 422
    assert "or neither" in half.content.decode()
    assert not User.objects.filter(email="carol@acme.example").exists()
    alice.post(f"{PAGE}invite/", {**sent, **right})
    [given] = User.objects.get(email="carol@acme.example").memberships.all()
    assert given.source == "hand"


def test_an_invitation_gives_no_right_of_another_company(acme, alice):
    globex = make_company("globex")
    right = {
        "workspace": str(globex.workspaces.get().id),
        "permission_set": str(globex.permission_sets.get().id),
    }
    alice.post(f"{PAGE}invite/", {"email": "carol@acme.example", **right})
    assert not Membership.objects.exists()


def test_administration_is_given_and_taken_away(acme, alice, bob):
    alice.post(f"{PAGE}{bob.id}/change/promote/")
    bob.refresh_from_db()
    assert bob.is_administrator
    alice.post(f"{PAGE}{bob.id}/change/demote/")
    bob.refresh_from_db()
    assert not bob.is_administrator
    assert events() == ["user:administrator_changed"] * 2


def test_rights_are_given_by_hand_and_withdrawn(acme, alice, bob):
    workspace, permission_set = acme.workspaces.get(), acme.permission_sets.get()
    fields = {"workspace": str(workspace.id), "permission_set": str(permission_set.id)}
    alice.post(f"{PAGE}{bob.id}/give/", fields)
    row = Membership.objects.get(user=bob)
    assert (row.source, row.why) == ("hand", "admin@acme.example")
    alice.post(f"{PAGE}{bob.id}/give/", fields)
    assert Membership.objects.count() == 1
    alice.post(f"{PAGE}{bob.id}/withdraw/", {"membership": str(row.id)})
    assert not Membership.objects.exists()
    assert events() == ["membership:given", "membership:withdrawn"]


def test_a_right_needs_both_selections_and_both_of_the_company(acme, alice, bob):
    globex = make_company("globex")
    foreign = {
        "workspace": str(globex.workspaces.get().id),
        "permission_set": str(acme.permission_sets.get().id),
    }
    for fields in ({}, {"workspace": "junk"}, foreign):
        assert alice.post(f"{PAGE}{bob.id}/give/", fields).status_code == 422
    assert not Membership.objects.exists()


def test_every_session_of_a_person_ends_at_once(acme, alice, bob):
    browser = Browser().enter(bob)
    alice.post(f"{PAGE}{bob.id}/sign-out/")
    assert "bob@acme.example" not in browser.get("/").content.decode()
    assert events() == ["user:sessions_ended"]


def test_whoever_waits_is_approved_from_their_page(acme, alice):
    user = make_user(acme, "dan@acme.example", status="pending")
    alice.post(f"{PAGE}{user.id}/approve/")
    user.refresh_from_db()
    assert user.status == "active"


PATHS = ("", "change/suspend/", "change/remove/", "change/demote/")
ACTIONS = ("reinstate/", "approve/", "change/promote/", "sign-out/", "give/", "withdraw/")


@pytest.mark.parametrize("path", PATHS + ACTIONS)
def test_another_companys_administrator_finds_nobody(bob, path):
    mallory = Browser().enter(make_administrator(make_company("globex")))
    looked_at = mallory.get(f"{PAGE}{bob.id}/{path}")
    assert looked_at.status_code in (302, 404)
    assert mallory.post(f"{PAGE}{bob.id}/{path}").status_code in (404, 405)
    bob.refresh_from_db()
    assert (bob.status, bob.is_administrator) == ("active", False)


@pytest.mark.parametrize("path", PATHS[1:] + ACTIONS)
def test_a_member_without_administration_may_nothing(acme, bob, path):
    member = Browser().enter(make_user(acme, "carol@acme.example", password=make_password("x")))
    assert member.post(f"{PAGE}{bob.id}/{path}").status_code == 403


def test_an_unknown_verb_is_an_address_where_nothing_is(alice, bob):
    assert alice.post(f"{PAGE}{bob.id}/explode/").status_code == 404
    assert alice.get(f"{PAGE}{bob.id}/change/explode/").status_code == 404
