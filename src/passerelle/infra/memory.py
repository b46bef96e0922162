"""What a process remembers of the database between requests, only as long as it is true."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """One value for each key and version; a new version makes it read anew.

    The version comes from a row that is read anyway, so a change holds at the next request of
    every worker. Bounded: when full, everything is forgotten and read again.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._values: dict[K, tuple[int, V]] = {}

    def forget(self, key: K) -> None:
        self._values.pop(key, None)

    def get(self, key: K, version: int, read: Callable[[], V]) -> V:
        known = self._values.get(key)
        if known is not None and known[0] == version:
            return known[1]
        value = read()
        if len(self._values) >= self._limit:
            self._values.clear()
        self._values[key] = (version, value)
        return value
