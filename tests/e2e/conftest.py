"""Installations on both databases, and the real servers around them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.passerelle import Passerelle
from tests.servers.chromium import Chromium
from tests.servers.postgresql import PostgreSQL
from tests.servers.simplesamlphp import SimpleSAMLphp


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    with PostgreSQL.start(tmp_path_factory.mktemp("postgresql")) as running:
        yield running


@pytest.fixture(scope="session")
def simplesamlphp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSAMLphp]:
    with SimpleSAMLphp.start(tmp_path_factory.mktemp("simplesamlphp")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with Chromium.start() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Passerelle]:
    """An empty installation, once on each database."""
    url = None
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.create_database(f"p{abs(hash(request.node.name)) % 10**12}")
    with Passerelle.set_up(tmp_path / "installation", database_url=url) as made:
        yield made


def users_of(installation: Passerelle) -> list[dict[str, Any]]:
    return json.loads(installation.run("users", "--json"))


def sign_ins_of(installation: Passerelle) -> list[dict[str, Any]]:
    return json.loads(installation.run("sign-ins", "--json"))
