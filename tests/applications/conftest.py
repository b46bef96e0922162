"""One installation with one company, and what its page prints for an application."""

import html
import re
from collections.abc import Iterator

import pytest

from tests.e2e.identity_provider import toml_for
from tests.e2e.passerelle import Passerelle
from tests.e2e.visitor import Visitor

PASSWORD = "a long enough passphrase"


class Administrator:
    """Somebody who adds an application on our page, and reads there what to paste."""

    def __init__(self, service: Passerelle) -> None:
        self.visitor = Visitor(service.base_url)
        printed = service.run("admin", "create", "boss@acme.example", "--company", "acme")
        link = re.search(r"/activate/\S+", printed)
        assert link
        self.submit(link[0], password=PASSWORD)

    def submit(self, path: str, act: str = "", **fields: str) -> str:
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', self.visitor.get(path).body)
        assert token, path
        answer = self.visitor.post(path + act, {"csrfmiddlewaretoken": token[1], **fields})
        assert answer.status in (302, 303), answer
        return answer.location

    def field(self, path: str, label: str) -> str:
        """The name of the field of a permission set."""
        page = self.visitor.get(path).body
        found = re.search(f'<label for="(role_[0-9a-f-]+)">{re.escape(label)}</label>', page)
        assert found
        return found[1]

    def add(self, product: str, *, role: str = "", **fields: str) -> dict[str, str]:
        """What the page prints, by the names of the files."""
        path = f"/settings/applications/new/{product}/"
        if role:
            fields[self.field(path, "Analyst")] = role
        page = self.visitor.get(self.submit(path, **fields)).body
        files = re.findall(
            r'<label for="file-\d+">([^<]+)</label>.*?<textarea[^>]*>(.*?)</textarea>', page, re.S
        )
        return {name: html.unescape(text) for name, text in files}

    def person(self, email: str) -> str:
        """The address of somebody's page."""
        page = self.visitor.get(f"/settings/users/?q={email}").body
        found = re.search(r"/settings/users/[0-9a-f-]{36}/", page)
        assert found, email
        return found[0]

    def suspend(self, email: str) -> None:
        self.submit(f"{self.person(email)}change/suspend/")

    def withdraw(self, email: str) -> None:
        """Take the one right that somebody has."""
        page = self.person(email)
        membership = re.search('name="membership" value="([^"]+)"', self.visitor.get(page).body)
        assert membership
        self.submit(page, act="withdraw/", membership=membership[1])


@pytest.fixture
def service(tmp_path) -> Iterator[Passerelle]:
    with Passerelle.set_up(
        tmp_path / "installation",
        PASSERELLE_TRUSTED_PROXIES="127.0.0.1",
        PASSERELLE_APPLICATION_NETWORKS="127.0.0.0/8",
    ) as made:
        made.apply(toml_for("acme"))
        made.serve(workers=1)
        yield made


@pytest.fixture
def administrator(service) -> Administrator:
    return Administrator(service)
