"""The protocol as testers that we did not write see it, and two clients at once."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.e2e.conftest import users_of
from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle


def serve(installation: Passerelle, *, workers: int = 2) -> str:
    """A token of a company on an installation that runs."""
    installation.apply(toml_for("acme"))
    installation.serve(workers=workers)
    return installation.run("tokens", "create", "--company", "acme", "--scope", "scim").strip()


def test_the_tester_of_the_protocol_finds_nothing_wrong(installation):
    token = serve(installation)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=f"{installation.base_url}/scim/v2", headers=headers) as http:
        client = SyncSCIMClient(http)
        client.discover()
        found = check_server(client)
    wrong = [one for one in found if one.status not in (Status.SUCCESS, Status.SKIPPED)]
    assert wrong == [], "\n".join(f"{one.title}: {one.reason}" for one in wrong)
    assert len([one for one in found if one.status == Status.SUCCESS]) > 50


def ask(installation: Passerelle, token: str, method: str, path: str, body: object) -> int:
    request = urllib.request.Request(
        f"{installation.base_url}/scim/v2{path}",
        data=json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/scim+json",
            "Accept": "application/scim+json",
        },
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_changes_of_one_group_at_once_lose_nobody_and_one_person_is_made_once(installation):
    token = serve(installation)
    user = "urn:ietf:params:scim:schemas:core:2.0:User"

    def add(number: int) -> int:
        name = f"p{number % 6}@acme.example"
        return ask(installation, token, "POST", "/Users", {"schemas": [user], "userName": name})

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(add, range(12)))
    assert sorted(statuses) == [201] * 6 + [409] * 6
    assert len(users_of(installation)) == 6
    with httpx2.Client(
        base_url=f"{installation.base_url}/scim/v2", headers={"Authorization": f"Bearer {token}"}
    ) as http:
        people = [one["id"] for one in http.get("/Users").json()["Resources"]]
        group = http.post("/Groups", json={"displayName": "Analysts"}).json()["id"]

        def join(person: str) -> int:
            operation = {"op": "add", "path": "members", "value": [{"value": person}]}
            return ask(
                installation, token, "PATCH", f"/Groups/{group}", {"Operations": [operation]}
            )

        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(join, people)) == {204}
        members = http.get(f"/Groups/{group}").json()["members"]
    assert {one["value"] for one in members} == set(people)
