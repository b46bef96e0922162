"""A site without any sign-in behind real proxies, each with what our page prints for it."""

import re

import pytest

from tests.applications.proxies import PROXIES, start_proxy
from tests.applications.site import HOST, Surfer, sign_in, start_echo
from tests.e2e.conftest import sign_ins_of, users_of
from tests.servers import processes

NAMES = ("user", "email", "name", "company", "roles", "role", "groups", "jwt")
WEB_SOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
FORGED = [
    spelling.format(name)
    for name in ("User", "Email", "Role", "Groups")
    for spelling in (
        "X-Passerelle-{}",
        "x-passerelle-{}",
        "X_Passerelle_{}",
        "X-Passerelle_{}",
        "X.Passerelle.{}",
    )
]


@pytest.fixture(params=PROXIES)
def surfer(request, service, administrator, tmp_path) -> Surfer:
    """A browser at the site behind each proxy."""
    echo = start_echo(tmp_path)
    files = administrator.add(
        request.param, role="Reader", name="Wiki", url=f"http://{HOST}/", default_role="Guest"
    )
    proxy, port = start_proxy(request.param, files, echo, tmp_path)
    found = Surfer({HOST: port, f"127.0.0.1:{service.port}": service.port})
    # Traefik listens before it has read its file.
    processes.wait_until(proxy, lambda: found.ask(f"http://{HOST}/").status != 404)
    yield found
    processes.stop(proxy)


def test_who_is_new_everywhere_is_at_the_page_they_wanted_with_their_role(service, surfer):
    where, answer = sign_in(surfer, service, f"http://{HOST}/pages/1?a=b")
    assert (where, answer.status) == (f"http://{HOST}/pages/1?a=b", 200)
    arrived = answer.arrived
    assert "grace@acme.example" in [user["email"] for user in users_of(service)]
    assert arrived["x-passerelle-email"] == ["grace@acme.example"]
    assert arrived["x-passerelle-role"] == ["Reader"]
    assert arrived["x-passerelle-company"] == ["acme"]
    assert len(arrived["x-passerelle-jwt"][0].split(".")) == 3
    assert sign_ins_of(service)[0]["outcome"] == "signed_in"
    again = surfer.ask(f"http://{HOST}/api", "POST", b"x" * 100_000, {"Accept": "*/*"})
    assert (again.status, '"body": 100000' in again.body) == (200, True)


def test_a_script_or_an_upload_hears_401_and_is_led_nowhere(surfer):
    for method, headers in (
        ("POST", {"Accept": "*/*"}),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "*/*", **WEB_SOCKET}),
    ):
        answer = surfer.ask(f"http://{HOST}/api", method, None, headers)
        assert (answer.status, answer.location) == (401, "")


def test_what_a_client_claims_to_be_does_not_arrive(service, surfer):
    forged = dict.fromkeys(FORGED, "forged")
    nobody = surfer.ask(f"http://{HOST}/", headers={"Accept": "text/html", **forged})
    assert nobody.status == 302
    sign_in(surfer, service, f"http://{HOST}/")
    answer = surfer.ask(f"http://{HOST}/", headers={"Accept": "text/html", **forged})
    assert answer.status == 200
    assert "forged" not in answer.body, {
        name: value for name, value in answer.arrived.items() if "forged" in value
    }


def test_who_signs_out_is_out_at_the_next_request(service, surfer):
    sign_in(surfer, service, f"http://{HOST}/")
    assert surfer.ask(f"http://{HOST}/").status == 200
    left = surfer.ask(f"http://{HOST}/.passerelle/logout")
    assert left.location == f"{service.base_url}/oidc/logout"
    assert surfer.ask(f"http://{HOST}/").status == 302
    where, answer = surfer.follow(f"http://{HOST}/back")
    assert (where, answer.status) == (f"http://{HOST}/back", 200)


def test_who_may_not_open_it_is_told_so(service, administrator, surfer):
    sign_in(surfer, service, f"http://{HOST}/")
    page = administrator.visitor.get("/settings/applications/").body
    [row] = re.findall(r"/settings/applications/([0-9a-f-]{36})/", page)
    administrator.submit(
        f"/settings/applications/{row}/",
        name="Wiki",
        url=f"http://{HOST}/",
        hosts=HOST,
        permission="members.manage",
    )
    _, answer = surfer.follow(f"http://{HOST}/")
    assert answer.status == 403
    assert "You may not open Wiki" in answer.body
    assert sign_ins_of(service)[0]["reason"] == "application_not_allowed"
