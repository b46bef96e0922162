"""Slow things of which a few go on at once: what waits keeps a thread, and no company takes all.

A process has 32 threads for all requests of all companies.
"""

import ctypes
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

OF_ONE_COMPANY = 3
"""Requests of one company that wait for other servers at once, in one process."""
LARGE = 300_000
"""Characters of a form field from which on its message is large."""
LARGE_AT_ONCE = 2
"""Large messages that are read at once, in one process: each takes tens of megabytes."""
PATIENCE = 5.0
"""Seconds that another large message waits."""
_waiting: Counter[UUID] = Counter()
_lock = threading.Lock()
_large = threading.BoundedSemaphore(LARGE_AT_ONCE)


class Busy(Exception):  # noqa: N818 - reads as what is the matter
    """As many as may be are under way already."""


@contextmanager
def turn_of(company_id: UUID) -> Iterator[None]:
    """While another server is waited for in the name of a company. Raises Busy."""
    with _lock:
        if _waiting[company_id] >= OF_ONE_COMPANY:
            raise Busy
        _waiting[company_id] += 1
    try:
        yield
    finally:
        with _lock:
            _waiting[company_id] -= 1
            if not _waiting[company_id]:
                del _waiting[company_id]


@contextmanager
def reading(field: str) -> Iterator[None]:
    """While a message is read: of large ones, a few at once. Raises Busy."""
    if len(field) <= LARGE:
        yield
        return
    if not _large.acquire(timeout=PATIENCE):
        raise Busy
    try:
        yield
    finally:
        _give_memory_back()
        _large.release()


def _give_memory_back() -> None:
    """What a large message took stays with the process otherwise, for each of its threads."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
