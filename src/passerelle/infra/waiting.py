"""Waiting for something other than the database."""

from django.db import connection


def release_connection() -> None:
    """Give the connection back before a long wait: others need it. The next query takes another.

    A process has a few connections to PostgreSQL for many threads. In a transaction it is kept.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()
