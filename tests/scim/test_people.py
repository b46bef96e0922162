"""People whom a provisioning client makes, changes, suspends and removes."""

from urllib.parse import quote

import pytest
from django.utils import timezone

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory import actions
from passerelle.directory.models import ManagedUser, Tombstone, User
from passerelle.sso.sessions.session import find_session
from tests.browsing import Browser
from tests.scim.client import PATCH, USER, Provisioner
from tests.world import GRACE, give, make_company, make_user, session_of

pytestmark = pytest.mark.django_db


def rights_of(user: User) -> list[tuple[str, str, str]]:
    return sorted(user.memberships.values_list("workspace__name", "permission_set__name", "source"))


def account(email: str) -> User:
    return User.objects.get(email=email)


def test_a_new_person_has_an_account_and_the_default_at_once(acme, okta):
    made = okta.add("bob", externalId="00u1")
    bob = account("bob@acme.example")
    assert (made["id"], made["externalId"], made["active"]) == (str(bob.id), "00u1", True)
    assert (bob.status, bob.provisioned_by, bob.first_name) == ("active", "scim", "Bob")
    assert rights_of(bob) == [("Production", "Analyst", "scim")]
    assert bob.last_sign_in_at is None
    event = AuditEvent.objects.get(event="user:provisioned")
    assert (event.actor_kind, event.actor) == ("provisioning client", "Okta")
    assert made["meta"]["location"] == f"http://127.0.0.1:8000/scim/v2/Users/{bob.id}"


def test_whoever_it_has_made_signs_in_through_the_identity_provider(acme, okta):
    okta.add("grace")
    # A domain that is not verified, too: the client has vouched for the address.
    acme.domains.update(verified_at=None)
    answer = Browser().sign_in(acme.connections.get())
    assert answer.status_code == 302
    grace = account(GRACE.email)
    assert grace.provisioned_by == "scim"
    assert rights_of(grace) == [("Production", "Analyst", "scim")]


def test_the_client_finds_whom_there_is_and_looks_after_them_from_then_on(acme, okta):
    bob = make_user(acme, "bob@acme.example", first_name="Robert")
    give(bob)
    found = okta.get('/Users?filter=userName%20eq%20"BOB@acme.example"')
    assert [one["id"] for one in found["Resources"]] == [str(bob.id)]
    made = okta.add("bob", externalId="00u1")
    assert made["id"] == str(bob.id)
    bob.refresh_from_db()
    assert (bob.first_name, bob.provisioned_by) == ("Bob", "invitation")
    # What was given by hand stays.
    assert ("Production", "Analyst", "hand") in rights_of(bob)
    okta.add("bob", status=409)


def test_where_existing_accounts_are_not_linked_none_is_taken_over(acme, okta):
    make_user(acme, "bob@acme.example")
    acme.existing_accounts = "refuse"
    acme.save()
    refused = okta.add("bob", status=409)
    assert refused["scimType"] == "uniqueness"
    assert "existing accounts are not linked" in refused["detail"]
    assert not ManagedUser.objects.exists()


def test_deactivated_is_suspended_and_out_at_once_and_back_when_it_says_so(acme, okta):
    made = okta.add("bob")
    bob, path = account("bob@acme.example"), f"/Users/{made['id']}"
    key = session_of(bob, now=timezone.now())
    assert (
        okta.patch(path, {"op": "Replace", "path": "active", "value": "False"})["active"] is False
    )
    assert account(bob.email).status == "suspended"
    assert find_session(key, now=timezone.now()) is None
    assert okta.patch(path, {"op": "replace", "value": {"active": True}})["active"] is True
    assert account(bob.email).status == "active"


def test_who_is_made_inactive_waits_until_the_client_says_otherwise(acme, okta):
    made = okta.add("bob", active=False)
    assert made["active"] is False
    assert account("bob@acme.example").status == "suspended"
    assert okta.patch(f"/Users/{made['id']}", {"op": "add", "path": "active", "value": [True]})
    assert account("bob@acme.example").status == "active"


def test_whom_an_administrator_has_suspended_stays_suspended(acme, okta):
    made = okta.add("bob")
    actions.suspend(account("bob@acme.example"), actor=OPERATOR, now=timezone.now())
    answer = okta.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}})
    assert answer["active"] is False
    assert account("bob@acme.example").status == "suspended"


def test_a_put_without_active_leaves_it_and_takes_names_and_address(acme, okta):
    made = okta.add("bob")
    okta.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False}})
    body = {
        "schemas": made["schemas"],
        "userName": "robert@acme.example",
        "name": {"givenName": "Robert", "familyName": "Example"},
    }
    answer = okta.ask("PUT", f"/Users/{made['id']}", body)
    assert answer.status_code == 200, answer.content
    robert = account("robert@acme.example")
    assert (robert.status, robert.first_name, str(robert.id)) == (
        "suspended",
        "Robert",
        made["id"],
    )


def test_a_deleted_person_is_gone_and_may_be_made_again(acme, okta):
    made = okta.add("bob")
    assert okta.ask("DELETE", f"/Users/{made['id']}").status_code == 204
    assert not User.objects.filter(email="bob@acme.example").exists()
    assert Tombstone.objects.exists()
    okta.get(f"/Users/{made['id']}", status=404)
    assert okta.add("bob")["id"] != made["id"]
    assert not Tombstone.objects.exists()


def test_the_last_administrator_is_never_shut_out(acme, okta):
    admin = account("admin@acme.example")
    answer = okta.patch(
        f"/Users/{admin.id}", {"op": "replace", "value": {"active": False}}, status=(400,)
    )
    assert answer["scimType"] == "invalidValue"
    assert "last administrator" in answer["detail"]
    assert okta.ask("DELETE", f"/Users/{admin.id}").status_code == 400
    assert account(admin.email).status == "active"


def test_an_address_of_another_account_is_taken(acme, okta):
    make_user(acme, "carol@acme.example")
    made = okta.add("bob")
    replaced = {"op": "replace", "path": "userName", "value": "carol@acme.example"}
    refused = okta.patch(f"/Users/{made['id']}", replaced, status=(409,))
    assert refused["scimType"] == "uniqueness"
    assert account("bob@acme.example")


def test_what_has_no_column_comes_back_as_it_was_sent(acme, okta):
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    emails = [
        {"value": "home@bob.example", "type": "home"},
        {"value": "bob@acme.example", "type": "work", "primary": True},
    ]
    made = okta.add("bob", title="Analyst", emails=emails, **{enterprise: {"department": "Data"}})
    again = okta.get(f"/Users/{made['id']}")
    assert (again["title"], again[enterprise]["department"]) == ("Analyst", "Data")
    assert again["emails"] == emails
    assert account("bob@acme.example")


def test_who_has_no_address_has_an_account_that_no_address_leads_to(acme, okta):
    made = okta.add("bob", userName="bob", emails=[])
    assert "emails" not in made
    bob = User.objects.get(id=made["id"])
    assert bob.email.endswith("@no-address.invalid")
    okta.patch(
        f"/Users/{bob.id}",
        {"op": "add", "path": "emails", "value": [{"value": "bob@acme.example"}]},
    )
    bob.refresh_from_db()
    assert bob.email == "bob@acme.example"


def test_another_company_s_people_are_not_there(acme, okta):
    globex = make_company("globex")
    eve = make_user(globex, "eve@globex.example")
    okta.get(f"/Users/{eve.id}", status=404)
    suspend = {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": False}}]}
    for method, body in (
        ("PUT", {"schemas": [USER], "userName": "x@acme.example"}),
        ("PATCH", suspend),
        ("DELETE", None),
    ):
        assert okta.ask(method, f"/Users/{eve.id}", body).status_code == 404
    okta.add_group("Analysts", str(eve.id), status=400)
    emails = [one["userName"] for one in okta.get("/Users")["Resources"]]
    assert "eve@globex.example" not in emails
    assert Provisioner(globex).get("/Users")["totalResults"] == 1


def test_pages_are_stable_and_counted(acme, okta):
    for number in range(7):
        okta.add(f"p{number}")
    first = okta.get("/Users?startIndex=1&count=5&sortBy=userName")
    second = okta.get("/Users?startIndex=6&count=5&sortBy=userName")
    assert (first["totalResults"], first["itemsPerPage"], second["itemsPerPage"]) == (8, 5, 3)
    names = [one["userName"] for one in first["Resources"] + second["Resources"]]
    assert names == sorted(names)
    assert okta.get("/Users?count=0")["totalResults"] == 8


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('userName eq "BOB@ACME.EXAMPLE"', ["bob"]),
        ("userName eq bob@acme.example", ["bob"]),
        ('externalId eq "00uB"', ["bob"]),
        ('emails.value eq "bob@acme.example"', ["bob"]),
        ('emails[type eq "work"].value co "bob"', ["bob"]),
        ('name.familyName sw "exam" and not (userName co "bob")', ["carol"]),
        ("active eq false", ["carol"]),
        ("active eq true and externalId pr", ["bob"]),
        ('userName eq "nobody" or externalId eq "00uC"', ["carol"]),
        ('meta.created gt "2020-01-01T00:00:00Z" and userName sw "c"', ["carol"]),
        ('id eq "not-an-id"', []),
    ],
)
def test_the_filters_of_clients(acme, okta, text, found):
    okta.add("bob", externalId="00uB")
    carol = okta.add("carol", externalId="00uC")
    okta.patch(f"/Users/{carol['id']}", {"op": "replace", "value": {"active": False}})
    answer = okta.get(f"/Users?filter={quote(text)}")
    assert [one["userName"].partition("@")[0] for one in answer["Resources"]] == found


@pytest.mark.parametrize(
    "text",
    [
        'title eq "x"',
        "userName eq 5",
        "not (" * 60 + 'userName eq "x"' + ")" * 60,
        "userName",
        "a b c",
    ],
)
def test_what_cannot_be_searched_is_said(acme, okta, text):
    answer = okta.get(f"/Users?filter={quote(text)}", status=400)
    assert answer["scimType"] in ("invalidFilter", "invalidPath", "invalidSyntax")
