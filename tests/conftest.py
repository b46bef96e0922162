"""The real servers, each started at most once in a test process."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from passerelle.infra import hashing
from passerelle.oidc.keys import forget_keys
from passerelle.sso.records.failures import begun
from tests.one_writer import one_writer
from tests.servers.chromium import Chromium
from tests.servers.https import LOOPBACK, HttpsServer, https_server
from tests.servers.postgresql import PostgreSQL
from tests.servers.simplesamlphp import SimpleSAMLphp

# A hash takes what others leave; on a busy machine that may be nothing.
hashing.LOWEST, hashing.PATIENCE = 1, 600.0


@pytest.fixture(autouse=True)
def _nothing_begun():
    """What a process counts of one test is nothing to the next."""
    begun.clear()
    forget_keys()


@pytest.fixture(autouse=True)
def _one_writer():
    """Whatever a test does, settings are written in one place."""
    with one_writer():
        yield


@pytest.fixture
def within_the_hour(monkeypatch):
    """It stays half past: what is counted by the hour never runs into the next one."""
    moment = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)


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


@pytest.fixture
def web(tmp_path, settings, monkeypatch) -> Iterator[HttpsServer]:
    """An identity provider's web server, reachable although it is on loopback."""
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update={"private_networks": LOOPBACK})
    with https_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server
