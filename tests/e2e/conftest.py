"""Installations on both databases, and what they tell about themselves."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clicking import Demo, watch
from tests.e2e.passerelle import COMMAND, Passerelle
from tests.servers import processes
from tests.servers.chromium import Chromium, Tab
from tests.servers.postgresql import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Passerelle]:
    """An empty installation, once on each database."""
    url = None
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        template = request.getfixturevalue("migrated_database")
        url = server.create_database(f"p{abs(hash(request.node.name)) % 10**12}", template=template)
    with Passerelle.set_up(tmp_path / "installation", database_url=url, migrates=False) as made:
        yield made


@pytest.fixture(scope="session")
def migrated_database(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that nobody uses, to be copied: migrating takes three seconds."""
    url = postgresql.create_database("migrated")
    Passerelle.set_up(tmp_path_factory.mktemp("migrated"), database_url=url)
    return "migrated"


def users_of(installation: Passerelle) -> list[dict[str, Any]]:
    return json.loads(installation.run("users", "--json"))


def sign_ins_of(installation: Passerelle) -> list[dict[str, Any]]:
    return json.loads(installation.run("sign-ins", "--json"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`passerelle demo`, as the README says to start it."""
    with _demo(tmp_path_factory.mktemp("demo"), "127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def named_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The same at an address with a name, which passkeys need."""
    with _demo(tmp_path_factory.mktemp("named-demo"), "localhost") as running:
        yield running


@contextmanager
def _demo(state: Path, host: str) -> Iterator[Demo]:
    port = processes.free_port()
    server = processes.start(
        [*COMMAND, "demo", "--bind", f"{host}:{port}", "--data", str(state / "data")],
        log=state / "log",
        env={"PASSERELLE_DATABASE_URL": ""},
    )
    processes.wait_for_url(server, f"http://{host}:{port}/health/ready")
    said = (state / "log").read_text()
    password = re.search(r"admin@acme\.example (\S+)", said)
    dashboard = re.search(r"The dashboard .*: (http\S+)", said)
    assert password and dashboard
    yield Demo(f"http://{host}:{port}", password[1], state, dashboard[1])
    processes.stop(server)


ALL_PAIRS = "PASSERELLE_ALL_PAGES"
"""With this variable, every page in each language at each width: twice the time of the browser."""
PAIRS = (("en", 1280), ("fr", 390))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each language once and each width once shows what breaks in either."""
    if os.environ.get(ALL_PAIRS):
        return

    def is_extra(item: pytest.Item) -> bool:
        said = getattr(getattr(item, "callspec", None), "params", {})
        return {"language", "width"} <= said.keys() and (
            said["language"],
            said["width"],
        ) not in PAIRS

    extra = [item for item in items if is_extra(item)]
    if extra:
        config.hook.pytest_deselected(items=extra)
        items[:] = [item for item in items if item not in set(extra)]


@pytest.fixture(params=["en", "fr"])
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[1280, 390])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def tab(chromium: Chromium, language: str, width: int) -> Iterator[Tab]:
    """A browser of its own, light on a desktop and dark on a phone; no problem may remain."""
    scheme = "light" if width == 1280 else "dark"
    opened = chromium.new_page(locale=language, width=width, color_scheme=scheme)
    watch(opened.page)
    yield opened
    problems = list(opened.problems)
    opened.close()
    assert problems == []
