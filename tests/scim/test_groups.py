"""Groups of a provisioning client, and the rights that rules give by them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from passerelle.audit.record import OPERATOR
from passerelle.directory.group_rights import sync_rights
from passerelle.directory.models import (
    Group,
    ManagedUser,
    Membership,
    PermissionSet,
    ProvisioningRule,
    User,
    Workspace,
)
from passerelle.oidc.claims import claims_of, visitor_of
from passerelle.sso.sessions.session import never_opened
from tests.oidc.client import add as add_client
from tests.scim.client import Provisioner
from tests.scim.test_people import account, rights_of
from tests.world import make_company, make_user

pytestmark = pytest.mark.django_db
DEFAULT = ("Production", "Analyst", "scim")
ADMIN = ("Lab", "Admin", "scim")


@pytest.fixture
def rule(acme) -> ProvisioningRule:
    """Who is in Platform is Admin in Lab."""
    made = ProvisioningRule.objects.create(
        company=acme,
        position=0,
        attribute="scim.groups",
        equals="Platform",
        workspace=Workspace.objects.create(company=acme, name="Lab"),
        permission_set=PermissionSet.objects.create(company=acme, name="Admin"),
    )
    acme.raise_version()
    return made


def test_a_group_gives_what_its_rule_says_at_once_and_takes_it_again(acme, okta, rule):
    bob = okta.add("bob")["id"]
    assert rights_of(account("bob@acme.example")) == [DEFAULT]
    group = okta.add_group("Platform", bob)["id"]
    assert rights_of(account("bob@acme.example")) == [ADMIN]
    okta.patch(f"/Groups/{group}", {"op": "remove", "path": f'members[value eq "{bob}"]'})
    assert rights_of(account("bob@acme.example")) == [DEFAULT]
    okta.patch(f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": bob}]})
    assert okta.members(group) == ["bob"]
    # Under another name the rule gives nothing; deleted, neither.
    okta.patch(f"/Groups/{group}", {"op": "replace", "value": {"id": group, "displayName": "Old"}})
    assert rights_of(account("bob@acme.example")) == [DEFAULT]
    okta.patch(f"/Groups/{group}", {"op": "replace", "value": {"displayName": "Platform"}})
    assert rights_of(account("bob@acme.example")) == [ADMIN]
    assert okta.ask("DELETE", f"/Groups/{group}").status_code == 204
    assert rights_of(account("bob@acme.example")) == [DEFAULT]


@pytest.fixture
def filled(acme, okta):
    people = {name: okta.add(name)["id"] for name in ("bob", "carol", "dave")}
    return okta.add_group("Analysts", *people.values())["id"], people


SHAPES = [
    ({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "BOB"}]}, "carol dave"),
    ({"op": "remove", "path": 'members[value eq "BOB"]'}, "carol dave"),
    ({"op": "remove", "path": "members", "value": []}, "bob carol dave"),
    ({"op": "remove", "path": "members", "value": [{"value": "NOBODY"}]}, "bob carol dave"),
    ({"op": "remove", "path": "members"}, ""),
    ({"op": "replace", "path": "members", "value": []}, ""),
    ({"op": "replace", "path": "members", "value": [{"value": "BOB"}]}, "bob"),
    ({"op": "add", "path": "members", "value": "BOB"}, "bob carol dave"),
    ({"op": "add", "path": "members", "value": ["BOB", "BOB"]}, "bob carol dave"),
    ({"op": "add", "path": 'members[value eq "BOB"]'}, "bob carol dave"),
    ({"op": "replace", "value": {"members": [{"value": "CAROL"}]}}, "carol"),
    ({"op": "replace", "value": {"displayName": "Renamed"}}, "bob carol dave"),
    ({"op": "add", "value": {"members": [{"value": "BOB"}]}}, "bob carol dave"),
]


@pytest.mark.parametrize(("operation", "left"), SHAPES, ids=[str(one[0]) for one in SHAPES])
def test_the_patches_that_clients_send(okta, filled, operation, left):
    import json

    group, people = filled
    text = json.dumps(operation)
    for name, value in {**people, "nobody": "0197f3c2-0000-7000-8000-000000000000"}.items():
        text = text.replace(name.upper(), value)
    okta.patch(f"/Groups/{group}", json.loads(text))
    assert okta.members(group) == left.split()


def test_several_operations_are_done_in_their_order_or_not_at_all(okta, filled):
    group, people = filled
    okta.patch(
        f"/Groups/{group}",
        {"op": "remove", "path": f'members[value eq "{people["bob"]}"]'},
        {"op": "add", "path": "members", "value": [{"value": people["bob"]}]},
        {"op": "remove", "path": f'members[value eq "{people["carol"]}"]'},
    )
    assert okta.members(group) == ["bob", "dave"]
    for unknown in ("0197f3c2-0000-7000-8000-000000000000", "nonsense"):
        okta.patch(
            f"/Groups/{group}",
            {"op": "remove", "path": f'members[value eq "{people["bob"]}"]'},
            {"op": "add", "path": "members", "value": [{"value": unknown}]},
            status=(400,),
        )
    assert okta.members(group) == ["bob", "dave"]
    answer = okta.ask("PATCH", f"/Groups/{group}", {"Operations": []})
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_put_without_members_leaves_them_and_an_empty_list_takes_them(okta, filled):
    group, _people = filled
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Analysts"}
    assert okta.ask("PUT", f"/Groups/{group}", body).status_code == 200
    assert okta.members(group) == ["bob", "carol", "dave"]
    assert okta.ask("PUT", f"/Groups/{group}", {**body, "members": []}).status_code == 200
    assert okta.members(group) == []


def test_another_company_s_people_never_come_into_a_group(okta, filled):
    group, _people = filled
    eve = Provisioner(make_company("globex")).add("eve")["id"]
    add = {"op": "add", "path": "members", "value": [{"value": eve}]}
    refused = okta.patch(f"/Groups/{group}", add, status=(400,))
    assert refused["scimType"] == "invalidValue"
    other = Provisioner(make_company("initech"))
    other.get(f"/Groups/{group}", status=404)
    other.patch(f"/Groups/{group}", add, status=(404,))


def test_a_member_of_a_large_group_costs_as_much_as_one_of_a_small_group(acme, okta):
    bob = okta.add("bob")["id"]
    counts = []
    for size in (2, 300):
        group = Group.objects.create(
            company=acme,
            name=f"g{size}",
            name_key=f"g{size}",
            created_at=acme.created_at,
            modified_at=acme.created_at,
        )
        users = User.objects.bulk_create(
            User(
                company=acme,
                email=f"{size}-{n}@acme.example",
                email_key=f"{size}-{n}@acme.example",
                email_domain="acme.example",
                status="active",
                provisioned_by="scim",
                created_at=acme.created_at,
            )
            for n in range(size)
        )
        group.members.bulk_create(
            group.members.model(company=acme, group=group, user=user) for user in users
        )
        with CaptureQueriesContext(
            connection,
        ) as queries:
            okta.patch(
                f"/Groups/{group.id}", {"op": "add", "path": "members", "value": [{"value": bob}]}
            )
        counts.append(len(queries))
        assert not any("LIMIT 300" in one["sql"] for one in queries)
    assert counts[0] == counts[1] <= 22
    listed = okta.get("/Groups?excludedAttributes=members&count=10")
    assert all("members" not in one for one in listed["Resources"])


def test_the_rights_of_five_hundred_people_take_at_most_twenty_statements(acme):
    users = [make_user(acme, f"p{number}@acme.example") for number in range(500)]
    now = timezone.now()
    ManagedUser.objects.bulk_create(
        ManagedUser(
            user=user, company=acme, user_name=user.email, user_name_key=user.email, modified_at=now
        )
        for user in users
    )
    with CaptureQueriesContext(connection) as queries:
        sync_rights(acme, [user.id for user in users], actor=OPERATOR, now=now)
    assert Membership.objects.filter(source="scim").count() == 500
    assert len(queries) <= 20


def test_names_of_groups_are_unique_whatever_their_case(okta):
    okta.add_group("Analysts")
    assert okta.add_group("ANALYSTS", status=409)["scimType"] == "uniqueness"
    found = okta.get('/Groups?filter=displayName%20eq%20"analysts"')
    assert found["totalResults"] == 1


def test_dashboards_are_told_the_groups_of_the_client_beside_those_of_the_sign_in(acme, okta):
    bob = okta.add("bob")["id"]
    group = okta.add_group("Platform", bob)["id"]
    okta.add_group("Analysts", bob)
    now = timezone.now()
    session = never_opened(account("bob@acme.example"), now=now)
    session.groups = ["from-saml", "Analysts"]
    reports = add_client(acme)

    def told() -> list[str]:
        session.user = User.objects.select_related("company").get(id=bob)
        return claims_of(visitor_of(session, reports, auth_time=now))["groups"]

    assert told() == ["from-saml", "Analysts", "Platform"]
    okta.patch(f"/Groups/{group}", {"op": "replace", "value": {"displayName": "Renamed"}})
    assert told() == ["from-saml", "Analysts", "Renamed"]
    okta.ask("DELETE", f"/Groups/{group}")
    assert told() == ["from-saml", "Analysts"]
