"""Acme and its administrator, for every page; what needs PostgreSQL is collected only there."""

import pytest
from django.db import connection

from tests.browsing import Browser
from tests.world import make_administrator, make_company


def pytest_ignore_collect(collection_path):
    if collection_path.name == "test_meeting_locks.py":
        return connection.vendor != "postgresql"
    return None


@pytest.fixture
def acme():
    return make_company()


@pytest.fixture
def alice(acme) -> Browser:
    return Browser().enter(make_administrator(acme))
