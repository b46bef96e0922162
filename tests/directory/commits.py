"""Commit inside a test's own transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def committed() -> Iterator[None]:
    """A transaction that ends as a commit does: constraints that were put off are looked at."""
    with transaction.atomic():
        yield
        connection.check_constraints()
