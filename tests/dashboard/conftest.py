"""What needs PostgreSQL is collected only there."""

from django.db import connection


def pytest_ignore_collect(collection_path):
    if collection_path.name == "test_meeting_locks.py":
        return connection.vendor != "postgresql"
    return None
