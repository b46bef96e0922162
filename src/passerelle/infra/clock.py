"""Time that goes on from a given moment: for long work that was given one `now`."""

import time
from datetime import datetime, timedelta


class Clock:
    """In whole seconds, so that work which takes none sees the moment that it was given."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, time.monotonic()

    def now(self) -> datetime:
        return self._now + timedelta(seconds=int(time.monotonic() - self._began))
