"""All rows of a query, however many: read in batches, with nothing open at the database between."""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
BATCH = 2000


def rows_of(found: "QuerySet[Row]", *order: str) -> "Iterator[Row]":
    """In the order of one field, or of a first one and a second; together they are unique.

    A cursor of the database would hold a connection for as long as the reader takes. Without one,
    the next batch may be read by another thread.
    """
    first, *second = order
    batch = list(found.order_by(*order)[:BATCH])
    while batch:
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1]
        behind = Q(**{f"{first}__gt": getattr(last, first)})
        for name in second:
            # The first condition is for the index.
            same = Q(**{first: getattr(last, first), f"{name}__gt": getattr(last, name)})
            behind = Q(**{f"{first}__gte": getattr(last, first)}) & (behind | same)
        batch = list(found.filter(behind).order_by(*order)[:BATCH])
