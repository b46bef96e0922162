"""A Django site with mozilla-django-oidc, from the values that our page prints."""

import sys
from pathlib import Path

import pytest

from tests.applications.site import Surfer, sign_in
from tests.servers import processes
from tests.world import GRACE

PYTHON = Path(sys.prefix) / "applications/bin/python"
SITE = Path(__file__).with_name("django_site.py")
NAMES = {
    "Client ID": "CLIENT_ID",
    "Client secret": "CLIENT_SECRET",
    "Authorization": "AUTHORIZATION",
    "Token": "TOKEN",
    "Userinfo": "USERINFO",
    "Keys": "KEYS",
}


@pytest.fixture
def surfer(service, administrator, tmp_path):
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}/"
    [printed] = administrator.add(
        "oidc", name="Orders", url=url, redirect_uris=f"{url}oidc/callback/"
    ).values()
    values = dict(line.split("  ", 1) for line in printed.splitlines() if "  " in line)
    environment = {variable: values[name].strip() for name, variable in NAMES.items()}
    environment |= {"DATABASE": str(tmp_path / "site.sqlite3"), "DJANGO_SETTINGS_MODULE": ""}
    server = processes.start(
        [str(PYTHON), str(SITE), str(port)], log=tmp_path / "log", env=environment
    )
    processes.wait_for_port(server, port)
    yield Surfer({f"127.0.0.1:{port}": port, f"127.0.0.1:{service.port}": service.port})
    processes.stop(server)


def test_who_is_new_everywhere_has_an_account_there_until_they_may_not_open_it(
    service, administrator, surfer
):
    [host] = [name for name in surfer.ports if not name.endswith(str(service.port))]
    where, page = sign_in(surfer, service, f"http://{host}/")
    assert (where, page.status, page.body) == (f"http://{host}/", 200, f"hello {GRACE.email}")
    administrator.suspend(GRACE.email)
    surfer.cookies.pop(host)
    sent_to, _ = surfer.follow(f"http://{host}/", until="https://idp.acme.example/")
    assert sent_to.startswith("https://idp.acme.example/")
