"""The real providers: one Keycloak for all, a LemonLDAP::NG for each file."""

from collections.abc import Iterator

import pytest

from tests.servers.keycloak import Keycloak
from tests.servers.lemonldap import LemonLDAP


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with Keycloak.start(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture(scope="module")
def lemonldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LemonLDAP]:
    with LemonLDAP.start(tmp_path_factory.mktemp("lemonldap")) as running:
        yield running
