"""Downloads that nobody reads, over real connections."""

import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from passerelle.infra.turns import OF_ONE_COMPANY
from passerelle.practice_idp.people import Person
from tests.e2e.identity_provider import IdentityProvider, toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor
from tests.e2e.wire import connect

COMPANIES = ("acme", "globex", "initech")
"""Together they have more downloads under way than the process has connections to PostgreSQL."""
MAKE = """
import django
django.setup()
from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Entry, record
from passerelle.directory.models import Company, User
from django.utils import timezone
User.objects.update(is_administrator=True)
long = Entry(EventName.SETTINGS_CHANGED, "x", {"note": "x" * 50_000})
for company in Company.objects.all():
    record([long] * 300, company_id=company.id, actor=OPERATOR, now=timezone.now())
"""


@pytest.mark.parametrize("installation", ["sqlite", "postgresql"], indirect=True)
def test_downloads_that_nobody_reads_stop_nobody(installation):
    installation.apply("".join(toml_for(slug) for slug in COMPANIES))
    installation.serve(workers=1)
    visitors = [enter(installation, slug) for slug in COMPANIES]
    environment = {
        **installation.environment,
        "DJANGO_SETTINGS_MODULE": "passerelle.config.settings",
    }
    subprocess.run([sys.executable, "-c", MAKE], env=environment, check=True, timeout=120)
    with ExitStack() as unread:
        for visitor in visitors:
            for _ in range(OF_ONE_COMPANY["download"]):
                connection = begin(installation, visitor)
                unread.enter_context(connection)
                # It is under way: its head is there, and most of it is not.
                assert connection.recv(12) == b"HTTP/1.1 200"
            assert visitor.get("/settings/audit/audit.csv").status == 429
        for visitor in visitors:
            assert visitor.get("/settings/users/").status == 200
        assert Visitor(installation.base_url).get("/login/acme/").status == 200
    assert "overloaded" not in installation.log()


def enter(installation: Passerelle, slug: str) -> Visitor:
    visitor, provider = (
        Visitor(installation.base_url),
        IdentityProvider(installation.base_url, slug),
    )
    ada = Person("u-ada", f"ada@{slug}.example", "Ada", "Example")
    assert (
        visitor.deliver(slug, provider.respond(ada, request_id=visitor.start(slug))).status == 302
    )
    return visitor


def begin(installation: Passerelle, visitor: Visitor) -> socket.socket:
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    head = f"GET /settings/audit/audit.csv HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\n\r\n"
    connection = connect(installation)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(head.encode())
    return connection
