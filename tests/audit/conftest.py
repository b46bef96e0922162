"""A database with real connections; what needs PostgreSQL is collected only there."""

import pytest
from django.db import connection, connections

from passerelle.directory.models import Company
from tests.world import NOW


def pytest_ignore_collect(collection_path):
    if collection_path.name == "test_late_commits.py":
        return connection.vendor != "postgresql"
    return None


@pytest.fixture
def database(transactional_db, tmp_path):
    """The test database; SQLite's in a file, because one in memory does not wait for locks."""
    if connection.vendor != "sqlite":
        yield
        return
    in_memory, settings = connections["default"], connections.settings["default"]
    name, settings["NAME"] = settings["NAME"], str(tmp_path / "passerelle.sqlite3")
    connections["default"] = in_file = connections.create_connection("default")
    in_memory.ensure_connection()
    in_file.ensure_connection()
    in_memory.connection.backup(in_file.connection)
    yield
    in_file.close()
    connections["default"], settings["NAME"] = in_memory, name


@pytest.fixture
def acme(database):
    return Company.objects.create(slug="acme", name="Acme", created_at=NOW)
