"""Installations on both databases, and what they tell about themselves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.passerelle import Passerelle
from tests.servers.postgresql import PostgreSQL


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
