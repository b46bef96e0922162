"""Acme and its administrator, for tests that need no more of a company."""

import pytest

from tests.browsing import Browser
from tests.world import make_administrator, make_company


@pytest.fixture
def acme():
    return make_company()


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(make_administrator(acme))
