"""The real servers, each started once for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .chromium import Chromium
from .loopback_sp import LoopbackSP
from .postgresql import PostgreSQL
from .simplesamlphp import SimpleSAMLphp


@pytest.fixture(scope="package")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSAMLphp]:
    with SimpleSAMLphp.start(tmp_path_factory.mktemp("idp")) as running:
        yield running


@pytest.fixture
def sp(idp: SimpleSAMLphp, tmp_path: Path) -> Iterator[LoopbackSP]:
    with LoopbackSP(tmp_path, idp.url) as running:
        idp.register(running.metadata)
        yield running


@pytest.fixture(scope="package")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    with PostgreSQL.start(tmp_path_factory.mktemp("postgresql")) as running:
        yield running


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    with Chromium.start() as running:
        yield running
