"""A site without any sign-in behind real proxies, each with what our page prints for it."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.applications.site import HOST, Surfer, sign_in, start_echo
from tests.e2e.conftest import sign_ins_of, users_of
from tests.servers import processes

NAMES = ("user", "email", "name", "company", "roles", "role", "groups", "jwt")
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


def nginx(text: str, port: int, state: Path) -> list[str]:
    own = state / "nginx.conf"
    text = text.replace("# Add: listen", f"listen 127.0.0.1:{port};\n    # Add: listen")
    temporary = "".join(
        f"{kind}_temp_path {state}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    own.write_text(
        f"daemon off;\nuser root;\npid {state}/pid;\nerror_log {state}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}\n}}\n"
    )
    return [shutil.which("nginx") or "nginx", "-c", str(own)]


def caddy(text: str, port: int, state: Path) -> list[str]:
    own = state / "Caddyfile"
    site = text.replace(f"{HOST} {{", f"http://{HOST}:{port} {{", 1)
    # It listens by itself on loopback only where it is told to.
    site = site.replace("{\n", "{\n\tbind 127.0.0.1\n", 1)
    own.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return [shutil.which("caddy") or "caddy", "run", "--config", str(own), "--adapter", "caddyfile"]


def traefik(text: str, port: int, state: Path) -> list[str]:
    (state / "dynamic.yml").write_text(text)
    own = state / "traefik.yml"
    own.write_text(
        f'entryPoints:\n  web:\n    address: "127.0.0.1:{port}"\n'
        f'providers:\n  file:\n    filename: "{state}/dynamic.yml"\n'
    )
    return [str(Path(sys.executable).with_name("traefik")), f"--configFile={own}"]


PROXIES = {
    "nginx": ("nginx.conf", nginx),
    "caddy": ("Caddyfile", caddy),
    "traefik": ("traefik.yml", traefik),
}


@pytest.fixture(params=PROXIES)
def surfer(request, service, administrator, tmp_path) -> Surfer:
    """A browser at the site behind each proxy."""
    echo, port = start_echo(tmp_path), processes.free_port()
    name, command_of = PROXIES[request.param]
    files = administrator.add(
        request.param, role="Reader", name="Wiki", url=f"http://{HOST}/", default_role="Guest"
    )
    text = files[name].replace("127.0.0.1:8080", f"127.0.0.1:{echo}")
    server = processes.start(command_of(text, port, tmp_path), log=tmp_path / "proxy.log")
    processes.wait_for_port(server, port)
    found = Surfer({HOST: port, f"127.0.0.1:{service.port}": service.port})
    # Traefik listens before it has read its file.
    processes.wait_until(server, lambda: found.ask(f"http://{HOST}/").status != 404)
    yield found
    processes.stop(server)


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
        ("GET", {"Accept": "*/*", "Upgrade": "websocket", "Connection": "Upgrade"}),
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
