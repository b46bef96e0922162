"""Hashing passwords: much work on purpose, in threads of its own that give way to all other work.

Strangers can ask for a hash as often as they like. They get neither all memory nor all cores with
it, nor all threads that answer requests.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from django.contrib.auth.hashers import check_password, make_password

from passerelle.infra.waiting import release_connection

AT_ONCE = 2
"""In one process: each takes 19 MiB and a core."""
WAITING = 20
"""Whoever waits keeps a thread: of the 32 of a process, some are left to others."""
PATIENCE = 10.0
LOWEST = 19
"""The priority of the threads that hash: they take what the others leave."""

T = TypeVar("T")
_room = threading.BoundedSemaphore(AT_ONCE + WAITING)


class TooBusy(Exception):  # noqa: N818 - reads as what is the matter
    """So many passwords are being hashed that this one would wait too long."""


def hash_of(password: str) -> str:
    """A new hash. Raises TooBusy."""
    return _in_turn(lambda: make_password(password))


def is_hash_of(password: str, encoded: str) -> tuple[bool, bool]:
    """Whether a password is that of a hash, and the hash is to be renewed. Raises TooBusy."""
    outdated: list[bool] = []

    def check() -> bool:
        return check_password(password, encoded, setter=lambda _password: outdated.append(True))

    is_right = _in_turn(check)
    return is_right, is_right and bool(outdated)


def _step_back() -> None:
    if sys.platform == "linux":
        # Of this thread alone; elsewhere it would be the process.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)


_threads = ThreadPoolExecutor(AT_ONCE, "hashing", initializer=_step_back)


def _in_turn(work: Callable[[], T]) -> T:
    if not _room.acquire(blocking=False):
        raise TooBusy
    try:
        return _result_of(work)
    finally:
        _room.release()


def _result_of(work: Callable[[], T]) -> T:
    try:
        waiting = _threads.submit(work)
    except RuntimeError:
        # The process is being stopped.
        raise TooBusy from None
    release_connection()
    try:
        return waiting.result(timeout=PATIENCE)
    except TimeoutError:
        waiting.cancel()
        raise TooBusy from None
