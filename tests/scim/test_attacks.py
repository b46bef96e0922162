"""What a token, or who edits their own entry at the provider, must not be able to do."""

import json

import pytest
from django.utils import timezone

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory import actions
from passerelle.directory.models import (
    ManagedUser,
    PermissionSet,
    ProvisioningRule,
    User,
    Workspace,
)
from tests.scim.client import GROUP, PATCH, USER
from tests.scim.test_people import account, rights_of
from tests.world import make_administrator, make_user

pytestmark = pytest.mark.django_db
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def test_an_administrator_s_address_is_not_the_client_s_to_change(acme, okta):
    admin = account("admin@acme.example")
    for operation in (
        {"op": "replace", "path": "userName", "value": "evil@attacker.example"},
        {"op": "add", "path": "emails", "value": [{"value": "evil@acme.example", "primary": True}]},
    ):
        okta.patch(f"/Users/{admin.id}", operation, status=(400, 409))
    okta.add("admin")
    replaced = {"op": "replace", "path": "userName", "value": "evil@attacker.example"}
    refused = okta.patch(f"/Users/{admin.id}", replaced, status=(400,))
    assert "administrators change their address" in refused["detail"]
    for body in ({"userName": "admin"}, {"userName": "evil@acme.example"}):
        answer = okta.ask("PUT", f"/Users/{admin.id}", {"schemas": [USER], **body})
        admin.refresh_from_db()
        assert (answer.status_code in (200, 400), admin.email) == (True, "admin@acme.example")


def test_nobody_gets_an_administrator_s_account_by_its_address_alone(acme, okta):
    emails = [{"value": "admin@acme.example", "primary": True}]
    assert okta.add("low", emails=emails, status=409)["scimType"] == "uniqueness"
    assert not ManagedUser.objects.exists()
    # Their own entry, by its own name, is theirs.
    assert okta.add("admin")["id"] == str(account("admin@acme.example").id)
    assert AuditEvent.objects.filter(event="user:managed").exists()


def test_an_account_in_a_domain_that_is_not_verified_is_not_taken_over(acme, okta):
    bob = make_user(acme, "bob@elsewhere.example")
    okta.add("x", userName="bob@elsewhere.example", status=409)
    renamed = {"op": "replace", "path": "title", "value": "x"}
    assert okta.patch(f"/Users/{bob.id}", renamed, status=(409,))
    assert okta.ask("DELETE", f"/Users/{bob.id}").status_code == 409
    assert User.objects.filter(id=bob.id).exists()


def test_where_accounts_are_not_linked_neither_put_nor_delete_takes_one(acme, okta):
    bob = make_user(acme, "bob@acme.example")
    acme.existing_accounts = "refuse"
    acme.save()
    body = {"schemas": [USER], "userName": "bob@acme.example"}
    assert okta.ask("PUT", f"/Users/{bob.id}", body).status_code == 409
    assert okta.ask("DELETE", f"/Users/{bob.id}").status_code == 409


def test_the_last_way_back_is_not_the_client_s_to_take(acme, okta):
    admin = account("admin@acme.example")
    User.objects.filter(id=admin.id).update(password="argon2$x", breaks_glass=True)
    make_administrator(acme, "second@acme.example")
    acme.sso_enforcement = "everyone"
    acme.save()
    suspend = {"op": "replace", "value": {"active": False}}
    refused = okta.patch(f"/Users/{admin.id}", suspend, status=(400,))
    assert "way back" in refused["detail"]
    assert okta.ask("DELETE", f"/Users/{admin.id}").status_code == 400
    assert account(admin.email).status == "active"


def test_links_to_choose_a_password_end_when_the_address_is_another_one(acme, okta):
    made = okta.add("bob")
    before = account("bob@acme.example").links_ended
    okta.patch(
        f"/Users/{made['id']}", {"op": "replace", "path": "userName", "value": "b@acme.example"}
    )
    assert account("b@acme.example").links_ended == before + 1


def test_what_an_administrator_decides_after_the_client_stands(acme, okta):
    made = okta.add("bob")
    on, off = ({"op": "replace", "value": {"active": value}} for value in (True, False))
    bob = account("bob@acme.example")
    okta.patch(f"/Users/{made['id']}", off)
    actions.reinstate(bob, actor=OPERATOR, now=timezone.now())
    actions.suspend(bob, actor=OPERATOR, now=timezone.now())
    assert okta.patch(f"/Users/{made['id']}", on)["active"] is False
    # Nor does making them anew.
    assert okta.ask("DELETE", f"/Users/{made['id']}").status_code == 204
    assert okta.add("bob")["active"] is False
    assert account("bob@acme.example").status == "suspended"


def test_in_bulk_a_patch_does_what_it_does_alone(acme, okta):
    ProvisioningRule.objects.create(
        company=acme,
        position=0,
        attribute="scim.groups",
        equals="Platform",
        workspace=Workspace.objects.create(company=acme, name="Lab"),
        permission_set=PermissionSet.objects.create(company=acme, name="Admin"),
    )
    acme.raise_version()
    bob = okta.add("bob")["id"]
    for operation in (
        {"op": "remove", "path": f'members[value eq "{bob}"]'},
        {"op": "remove", "path": "members"},
        {"op": "Remove", "path": "members", "value": [{"value": bob}]},
    ):
        group = okta.add_group("Platform", bob)["id"]
        assert ("Lab", "Admin", "scim") in rights_of(account("bob@acme.example"))
        data = {"schemas": [PATCH], "Operations": [operation]}
        bulk = {"method": "PATCH", "path": f"/Groups/{group}", "data": data}
        answer = okta.ask("POST", "/Bulk", {"schemas": [BULK], "Operations": [bulk]})
        assert json.loads(answer.content)["Operations"][0]["status"] in ("200", "204")
        assert okta.members(group) == []
        assert ("Lab", "Admin", "scim") not in rights_of(account("bob@acme.example"))
        okta.ask("DELETE", f"/Groups/{group}")


def test_a_put_that_says_nothing_of_an_address_leaves_it(okta):
    made = okta.add("bob", userName="bob", emails=[{"value": "bob@acme.example"}])
    body = {"schemas": [USER], "userName": "bob", "title": "x"}
    assert okta.ask("PUT", f"/Users/{made['id']}", body).status_code == 200
    assert account("bob@acme.example")


def test_a_group_of_the_same_letters_is_the_same_group(okta):
    okta.add_group("\u00c9quipe")
    assert okta.add_group("E\u0301quipe", status=409)


def test_a_user_name_that_is_another_account_s_address_is_taken(acme, okta):
    make_user(acme, "carol@acme.example")
    other = [{"value": "dave@acme.example"}]
    okta.add("x", userName="carol@acme.example", emails=other, status=409)


def test_many_members_and_another_change_come_in_two_requests(okta):
    group = okta.add_group("Analysts")["id"]
    members = [{"value": f"0197f3c2-0000-7000-8000-{number:012d}"} for number in range(300)]
    refused = okta.patch(
        f"/Groups/{group}",
        {"op": "remove", "path": "members", "value": members},
        {"op": "replace", "path": "displayName", "value": "B"},
        status=(400,),
    )
    assert "a request of their own" in refused["detail"]


def test_changes_of_groups_stand_in_the_audit_log(acme, okta):
    bob = okta.add("bob")["id"]
    group = okta.add_group("Analysts", bob)["id"]
    okta.patch(f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{bob}"]'})
    okta.patch(f"/Groups/{group}", {"op": "replace", "value": {"displayName": "B"}})
    okta.ask("DELETE", f"/Groups/{group}")
    events = AuditEvent.objects.filter(event__startswith="group:").order_by("id")
    assert [(one.event, one.target) for one in events] == [
        ("group:added", "Analysts"),
        ("group:changed", "Analysts"),
        ("group:changed", "B"),
        ("group:removed", "B"),
    ]
    assert events[1].details == {"members": [1, 0]}


ODD = [
    ("POST", "/Users", {"schemas": [USER], "userName": "b@acme.example", "title": "a\0b"}, 201),
    ("POST", "/Users", {"schemas": [USER], "userName": "\u00df" * 300}, 400),
    ("POST", "/Groups", {"schemas": [GROUP], "displayName": "\u0390" * 300}, 400),
    ("GET", "/Users?filter=userName%20eq%20%22%5Cud800%22", None, 400),
    ("GET", "/Groups?filter=displayName%20eq%20%22%5Cud800%22", None, 400),
    ("GET", "/Users?filter=meta.created%20gt%20%220001-01-01T00%3A00%3A00%2B23%3A59%22", None, 400),
    ("GET", f"/Users?filter=userName%20eq%20%22{'x' * 5000}%22", None, 400),
    ("GET", "/Users?startIndex=99999999999999999999", None, 200),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"), ODD, ids=[one[1][:50] for one in ODD]
)
def test_odd_texts_and_numbers_are_answered(okta, method, path, body, status):
    answer = okta.ask(method, path, body)
    assert answer.status_code == status, answer.content
