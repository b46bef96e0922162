"""A service provider for the tests of the identity provider itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .loopback_sp import LoopbackSP
from .simplesamlphp import SimpleSAMLphp


@pytest.fixture
def idp(simplesamlphp: SimpleSAMLphp) -> SimpleSAMLphp:
    return simplesamlphp


@pytest.fixture
def sp(idp: SimpleSAMLphp, tmp_path: Path) -> Iterator[LoopbackSP]:
    with LoopbackSP(tmp_path, idp.url) as running:
        idp.register(running.metadata)
        yield running
