"""What a sign-in has to remember between two requests, and for how long."""

from datetime import datetime
from threading import Lock
from typing import Protocol


class Store(Protocol):
    """Kept by whatever all processes of the program share."""

    def put(self, key: str, value: str, *, until: datetime, now: datetime) -> bool:
        """Keep it, unless there is one of this key already; tell whether it was kept."""

    def take(self, key: str, *, now: datetime) -> str | None:
        """Give it to one caller only, however many ask at once; nothing once its time is over."""


class MemoryStore:
    """For a program of one process: another process knows nothing of it."""

    MOST = 100_000
    """So many at once; beyond, the oldest are forgotten, and those sign-ins start again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    def put(self, key: str, value: str, *, until: datetime, now: datetime) -> bool:
        with self._lock:
            if key in self._kept and self._kept[key][1] > now:
                return False
            if len(self._kept) >= self.MOST:
                alive = {one: kept for one, kept in self._kept.items() if kept[1] > now}
                self._kept = dict(list(alive.items())[-self.MOST // 2 :])
            self._kept[key] = (value, until)
            return True

    def take(self, key: str, *, now: datetime) -> str | None:
        with self._lock:
            value, until = self._kept.pop(key, ("", now))
        return value if until > now else None
