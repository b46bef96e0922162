"""Acme, its administrator, and its dashboard Reports, for every test of other dashboards."""

import pytest

from tests.browsing import Browser
from tests.oidc.client import RelyingParty
from tests.world import make_administrator, make_company


@pytest.fixture
def acme():
    return make_company()


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(make_administrator(acme))


@pytest.fixture
def reports(acme) -> RelyingParty:
    return RelyingParty.made(acme)
