"""Rights at sign-ins: the first of an invited person, and the first without any group."""

from dataclasses import replace

import pytest

from passerelle.directory.models import ExternalIdentity, Membership, User
from passerelle.practice_idp.people import Person
from passerelle.sso.models import Letter, SamlConnection, SignIn
from tests.browsing import Browser
from tests.world import GRACE, give, make_administrator, make_company, make_rule, make_user

pytestmark = pytest.mark.django_db

ADA = Person("u-2", "ada@acme.example", "Ada", "Example", ("labs",))


@pytest.fixture
def acme(settings) -> SamlConnection:
    settings.PASSERELLE = settings.PASSERELLE.model_copy(
        update={"email_url": "smtp://mail.acme.example"}
    )
    company = make_company()
    make_rule(company, "labs", workspace="Lab", permission_set="Analyst")
    make_administrator(company)
    return company.connections.select_related("company").get()


def sign_in(acme, person, **said):
    assert Browser().sign_in(acme, person, **said).status_code == 302
    return SignIn.objects.latest("time", "id")


def rights(person):
    rows = Membership.objects.filter(user__email=person.email).order_by("workspace__name")
    return [(one.workspace.name, one.source) for one in rows]


def without_groups(person):
    """What most providers send for a person without groups: no such attribute."""
    return {"attributes": {"email": (person.email,), "givenName": (person.first_name,)}}


def test_an_invited_person_without_any_right_gets_what_a_newcomer_gets(acme):
    make_user(acme.company, GRACE.email, status="invited")
    trace = sign_in(acme, GRACE)
    assert rights(GRACE) == [("Production", "default")]
    assert {"why": "default"}.items() <= trace.steps[-1]["values"].items()


def test_an_invited_person_with_a_right_keeps_exactly_that(acme):
    give(make_user(acme.company, GRACE.email, status="invited"), source="invitation")
    sign_in(acme, GRACE)
    assert rights(GRACE) == [("Production", "invitation")]


def test_who_was_left_without_any_right_after_a_sign_in_stays_without(acme):
    make_user(acme.company, GRACE.email, status="invited")
    sign_in(acme, GRACE)
    Membership.objects.all().delete()
    sign_in(acme, GRACE)
    assert rights(GRACE) == []


def test_a_person_who_leaves_their_last_group_loses_the_rights_of_rules(acme):
    sign_in(acme, replace(GRACE, groups=()), **without_groups(GRACE))
    sign_in(acme, ADA)
    assert rights(ADA) == [("Lab", "rule")]
    trace = sign_in(acme, ADA, **without_groups(ADA))
    assert rights(ADA) == []
    assert trace.notes == [{"note": "attribute_left", "value": "groups"}]
    assert not Letter.objects.exists()


def test_the_only_person_who_was_ever_sent_groups_loses_them_at_once(acme):
    sign_in(acme, ADA)
    trace = sign_in(acme, ADA, **without_groups(ADA))
    assert rights(ADA) == []
    assert trace.notes == [{"note": "attribute_left", "value": "groups"}]
    sign_in(acme, ADA)
    assert rights(ADA) == [("Lab", "rule")]


def test_when_the_provider_stops_sending_groups_nothing_goes_and_administrators_are_told(acme):
    sign_in(acme, ADA)
    sign_in(acme, replace(GRACE, groups=("labs",)))
    for _ in range(2):
        trace = sign_in(acme, ADA, **without_groups(ADA))
        assert trace.notes == [{"note": "attribute_stopped", "value": "groups"}]
    assert rights(ADA) == [("Lab", "rule")]
    assert [one.kind for one in Letter.objects.all()] == ["attribute_stopped"]
    alice = Browser().enter(User.objects.get(is_administrator=True))
    page = alice.get("/settings/security/?connection=acme").content.decode()
    assert "Attribute no longer sent" in page


def test_once_somebody_else_is_sent_groups_again_the_rights_go(acme):
    sign_in(acme, ADA)
    sign_in(acme, replace(GRACE, groups=("labs",)))
    sign_in(acme, ADA, **without_groups(ADA))
    sign_in(acme, replace(GRACE, groups=("labs",)))
    sign_in(acme, ADA, **without_groups(ADA))
    assert (rights(ADA), rights(GRACE)) == ([], [("Lab", "rule")])


def test_a_connection_may_say_that_what_is_not_sent_says_nothing(acme):
    acme.absent_is_empty = False
    acme.save()
    sign_in(acme, replace(GRACE, groups=()), **without_groups(GRACE))
    sign_in(acme, ADA)
    trace = sign_in(acme, ADA, **without_groups(ADA))
    assert trace.notes == [{"note": "attribute_missing", "value": "groups"}]
    assert rights(ADA) == [("Lab", "rule")]


def test_another_connection_that_never_sent_groups_takes_nothing(acme):
    sign_in(acme, ADA)
    ExternalIdentity.objects.update(sent_attributes=[])
    sign_in(acme, replace(GRACE, groups=()), **without_groups(GRACE))
    sign_in(acme, replace(GRACE, groups=("labs",)))
    sign_in(acme, ADA, **without_groups(ADA))
    assert rights(ADA) == [("Lab", "rule")]


def test_groups_on_lines_of_their_own_and_several_in_one_value_match(acme):
    sign_in(acme, replace(ADA, groups=("\n      labs\n    ",)))
    assert rights(ADA) == [("Lab", "rule")]
    acme.value_separator = ","
    acme.save()
    sign_in(acme, replace(GRACE, groups=("staff, labs",)))
    assert rights(GRACE) == [("Lab", "rule")]


def test_an_account_keeps_its_address_whatever_the_order_of_those_sent(acme):
    both = (GRACE.email, "g.hopper@acme.example")
    for emails in (both, both[::-1], both):
        sign_in(acme, GRACE, attributes={"mail": emails})
        assert User.objects.get(is_administrator=False).email == GRACE.email


def test_an_invitation_is_found_by_any_of_the_addresses(acme):
    make_user(acme.company, "g.hopper@acme.example", status="invited")
    trace = sign_in(acme, GRACE, attributes={"mail": (GRACE.email, "g.hopper@acme.example")})
    assert (trace.outcome, User.objects.filter(is_administrator=False).count()) == ("linked", 1)


def test_addresses_of_two_accounts_are_refused_and_explained(acme):
    make_user(acme.company, "g.hopper@acme.example")
    make_user(acme.company, GRACE.email)
    answer = Browser().sign_in(acme, attributes={"mail": (GRACE.email, "g.hopper@acme.example")})
    assert answer.status_code == 403
    row = SignIn.objects.get()
    assert row.reason == "identity_ambiguous"
    assert row.checks[-1]["received"] == "g.hopper@acme.example, grace@acme.example"
    alice = Browser().enter(User.objects.get(is_administrator=True))
    page = alice.get(f"/settings/sign-ins/{row.reference}/").content.decode()
    assert "they lead to different" in page


def test_the_page_of_an_invited_person_without_any_right_says_what_they_will_get(acme):
    grace = make_user(acme.company, GRACE.email, status="invited")
    alice = Browser().enter(User.objects.get(is_administrator=True))
    promise = "gives what a newcomer gets"
    assert promise in alice.get(f"/settings/users/{grace.id}/").content.decode()
    assert promise in alice.get("/settings/users/invite/").content.decode()
    sign_in(acme, GRACE)
    page = alice.get(f"/settings/users/{grace.id}/").content.decode()
    assert promise not in page
    assert "default for newcomers" in page
