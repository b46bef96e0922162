"""Tokens, media types, ETags and whatever a client may send: an answer, never a 500."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from passerelle.directory.models import MachineToken, User
from tests.scim.client import USER, Provisioner
from tests.world import make_company

pytestmark = pytest.mark.django_db


def test_without_a_token_of_this_scope_there_is_nothing(acme):
    ended = timezone.now() - timedelta(seconds=1)
    for headers in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic YTpi"},
        Provisioner(acme, scope="api").headers,
        Provisioner(acme, expires_at=ended).headers,
    ):
        headers = {"host": "127.0.0.1:8000", **headers}
        for path in ("/scim/v2/Users", "/scim/v2/ServiceProviderConfig", "/scim/v2/"):
            answer = Client(headers=headers).get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert json.loads(answer.content)["status"] == "401"


def test_a_token_that_may_only_read_changes_nothing(acme):
    reader = Provisioner(acme, read_only=True)
    assert reader.get("/Users")["totalResults"] == 1
    found = reader.ask("POST", "/Users/.search", {"schemas": [], "filter": 'userName sw "a"'})
    assert found.status_code == 200, found.content
    user = User.objects.get()
    operation = {"op": "replace", "value": {"active": False}}
    bulk = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "DELETE", "path": f"/Users/{user.id}"}],
    }
    reader.add("bob", status=403)
    reader.add_group("Analysts", status=403)
    assert reader.ask("PATCH", f"/Users/{user.id}", {"Operations": [operation]}).status_code == 403
    assert reader.ask("DELETE", f"/Users/{user.id}").status_code == 403
    answer = json.loads(reader.ask("POST", "/Bulk", bulk).content)
    assert answer["Operations"][0]["status"] == "403"
    assert User.objects.get().status == "active"


def test_the_use_of_a_token_is_noted_and_it_ends_when_it_is_revoked(acme, okta):
    okta.get("/Users")
    assert MachineToken.objects.get().last_used_at
    MachineToken.objects.all().delete()
    okta.get("/Users", status=401)


def test_what_there_is_can_be_discovered(okta):
    config = okta.get("/ServiceProviderConfig")
    assert config["patch"]["supported"] and config["filter"]["supported"]
    assert {one["name"] for one in okta.get("/ResourceTypes")["Resources"]} == {"User", "Group"}
    assert "null" not in json.dumps(okta.get("/Schemas"))


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("application/json", "application/json"),
        ("application/scim+json", "application/scim+json"),
        ("application/scim+json, application/json", "application/scim+json"),
        ("*/*", "application/scim+json"),
    ],
)
def test_the_media_type_is_the_one_that_was_asked_for(okta, accept, sent):
    answer = okta.ask("GET", "/Users", accept=accept)
    assert answer.headers["Content-Type"].partition(";")[0] == sent


def test_a_change_of_what_somebody_else_has_changed_is_refused(okta):
    made = okta.add("bob")
    etag = made["meta"]["version"]
    assert okta.ask("GET", f"/Users/{made['id']}", **{"if-none-match": etag}).status_code == 304
    User.objects.filter(id=made["id"]).update(first_name="Robert")
    body = {"schemas": [USER], "userName": "bob@acme.example"}
    stale = okta.ask("PUT", f"/Users/{made['id']}", body, **{"if-match": etag})
    assert stale.status_code == 412
    group = okta.add_group("Analysts")
    patch = {"Operations": [{"op": "replace", "value": {"displayName": "B"}}]}
    assert okta.ask("PATCH", f"/Groups/{group['id']}", patch).status_code == 204
    old = {"if-match": group["meta"]["version"]}
    assert okta.ask("PATCH", f"/Groups/{group['id']}", patch, **old).status_code == 412


def test_many_changes_in_one_request_each_succeed_or_fail_alone(okta):
    answer = okta.ask(
        "POST",
        "/Bulk",
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "a",
                    "data": {"schemas": [USER], "userName": "bob@acme.example"},
                },
                {
                    "method": "POST",
                    "path": "/Users",
                    "bulkId": "b",
                    "data": {"schemas": [USER], "userName": ""},
                },
                {
                    "method": "POST",
                    "path": "/Groups",
                    "bulkId": "c",
                    "data": {
                        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                        "displayName": "Analysts",
                        "members": [{"value": "bulkId:a"}],
                    },
                },
            ],
        },
    )
    statuses = [one["status"] for one in json.loads(answer.content)["Operations"]]
    assert statuses == ["201", "400", "201"]
    [group] = okta.get("/Groups")["Resources"]
    assert okta.members(group["id"]) == ["bob"]


WRONG = [
    ("POST", "/Users", b""),
    ("POST", "/Users", b"{"),
    ("POST", "/Users", b"[]"),
    ("POST", "/Users", b"null"),
    ("POST", "/Users", b'{"userName": 5}'),
    ("POST", "/Users", b'{"userName": "a\\u0000b@acme.example"}'),
    ("POST", "/Users", b'{"userName": "bob@acme.example", "active": "perhaps"}'),
    ("POST", "/Users", b'{"userName": "bob@acme.example", "emails": "x"}'),
    ("POST", "/Users", b'{"userName": "' + b"x" * 400 + b'@acme.example"}'),
    ("POST", "/Groups", b'{"displayName": ""}'),
    ("POST", "/Groups", b'{"displayName": "G", "members": [{"value": null}]}'),
    ("POST", "/Groups", b'{"displayName": "G", "members": {"value": "x"}}'),
    ("PATCH", "/Users/ID", b'{"Operations": 5}'),
    ("PATCH", "/Users/ID", b'{"Operations": [5]}'),
    ("PATCH", "/Users/ID", b'{"Operations": [{"op": "explode", "path": "active"}]}'),
    ("PATCH", "/Users/ID", b'{"Operations": [{"op": "replace", "path": "((", "value": 1}]}'),
    ("PATCH", "/Groups/ID", b'{"Operations": [{"op": "add", "path": "members"}, 5]}'),
    ("PUT", "/Users/ID", b"{}"),
    ("GET", "/Users?startIndex=x", None),
    ("GET", "/Users?count=9999999999999999999999", None),
    ("GET", "/Users?sortBy=title", None),
    ("GET", "/Users/%00", None),
    ("GET", "/Nothing", None),
    ("GET", "/?filter=x", None),
    ("DELETE", "/Users", None),
    ("POST", "/Users", b"[" * 100_000),
    ("POST", "/Bulk", b'{"Operations": [{"method": "POST", "path": "/Nothing"}]}'),
]


@pytest.mark.parametrize(("method", "path", "body"), WRONG, ids=[str(one)[:70] for one in WRONG])
def test_whatever_is_sent_is_answered_and_changes_nothing(acme, okta, method, path, body):
    user = User.objects.get()
    answer = okta.ask(method, path.replace("ID", str(user.id)), body)
    assert answer.status_code < 500 or answer.status_code == 501, answer.content
    if answer.status_code not in (200, 204):
        error = json.loads(answer.content)
        assert error["status"] == str(answer.status_code)
    assert list(User.objects.values_list("email", "status")) == [("admin@acme.example", "active")]
    assert not acme.groups.exists()


def test_tokens_of_two_companies_see_their_own(acme, okta):
    globex = Provisioner(make_company("globex"))
    okta.add("bob")
    globex.add("bob")
    assert [one["userName"] for one in globex.get("/Users")["Resources"]] == ["bob@globex.example"]
