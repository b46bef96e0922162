"""Slow things of which a few go on at once: what waits keeps a thread, and no company takes all.

A process has 32 threads for all requests of all companies.
"""

import ctypes
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

OF_ONE_COMPANY = {"fetch": 3, "download": 3, "sign-in": 12, "look-up": 5}
"""Requests of one company that wait for others at once, in one process: at nine many sign in."""
LARGE = 300_000
"""Characters of a form field from which on its message is large."""
LARGE_AT_ONCE = 2
"""Large messages that are read at once, in one process: each takes tens of megabytes."""
PATIENCE = 5.0
"""Seconds that another large message waits."""
_taken: Counter[tuple[str, UUID]] = Counter()
# A turn may end where its holder is forgotten, in whatever that thread is doing just then.
_lock = threading.RLock()
_large = threading.BoundedSemaphore(LARGE_AT_ONCE)


class Busy(Exception):  # noqa: N818 - reads as what is the matter
    """As many as may be are under way already."""


@contextmanager
def turn_of(company_id: UUID, what: str = "fetch") -> Iterator[None]:
    """While another server, or the reader of a download, is waited for in the name of a company.

    Raises Busy.
    """
    turn = what, company_id
    with _lock:
        if _taken[turn] >= OF_ONE_COMPANY[what]:
            raise Busy
        _taken[turn] += 1
    try:
        yield
    finally:
        with _lock:
            _taken[turn] -= 1
            if not _taken[turn]:
                del _taken[turn]


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
