"""Limits on failures. Successes are never counted: a whole company may share one address."""

import threading
from datetime import datetime, timedelta

from django.db.models import F

from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.network import networks_of
from passerelle.infra.tokens import digest
from passerelle.sso.models import FailedAttempts

WINDOW = timedelta(minutes=10)
MAX_BEGUN = 1000
"""Sign-ins begun from one network within ten minutes and not finished: each keeps a row."""


def count_failure(scope: str, who: str, *, window: timedelta = WINDOW, now: datetime) -> int:
    """Count one failure and return how many there were in the current window."""
    key = digest(f"{scope}\0{who}")
    current = FailedAttempts.objects.filter(key=key, window_ends__gt=now)
    if current.update(count=F("count") + 1):
        return current.values_list("count", flat=True).first() or 1
    FailedAttempts.objects.filter(key=key, window_ends__lte=now).delete()
    if insert_or_nothing(FailedAttempts(key=key, window_ends=now + window, count=1)):
        return 1
    current.update(count=F("count") + 1)
    return current.values_list("count", flat=True).first() or 1


def window_end(scope: str, who: str, *, now: datetime) -> datetime | None:
    """When the current window ends, and counting begins anew."""
    key = digest(f"{scope}\0{who}")
    found = FailedAttempts.objects.filter(key=key, window_ends__gt=now)
    return found.values_list("window_ends", flat=True).first()


MAX_REFUSED = 1000
"""Refused messages from one address within ten minutes; a whole company may share one."""


class TooManyRefused(Exception):  # noqa: N818 - reads as what is the matter
    """So much was refused that came from an address: nothing more of it is looked at."""


class Tally:
    """Counts by key within a window of time, in this process alone: a flood costs no statement."""

    MOST = 20_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[datetime, int]] = {}

    def add(self, key: str, by: int, *, now: datetime) -> int:
        """The count of this key with `by` more, or fewer."""
        with self._lock:
            ends, count = self._counts.get(key, (now + WINDOW, 0))
            if not now < ends <= now + WINDOW:
                ends, count = now + WINDOW, 0
            if key not in self._counts and len(self._counts) >= self.MOST:
                self._forget(now)
            self._counts[key] = (ends, count + by)
            return count + by

    def _forget(self, now: datetime) -> None:
        open_still = {key: one for key, one in self._counts.items() if one[0] > now}
        self._counts = open_still if len(open_still) < self.MOST else {}

    def clear(self) -> None:
        self._counts = {}


begun = Tally()


def has_begun_too_many(address: str | None, *, now: datetime) -> bool:
    """Count a sign-in that begins, until `has_finished` takes it back."""
    counts = [
        begun.add(network, 1, now=now) > MAX_BEGUN * times
        for network, times in networks_of(address)
    ]
    return any(counts)


def has_finished(address: str | None, *, now: datetime) -> None:
    for network, _times in networks_of(address):
        begun.add(network, -1, now=now)


def has_failed_too_often(
    scope: str, address: str | None, most: int, *, of: str = "", now: datetime
) -> bool:
    """Whether more failures than `most` came from a network, or many times more from around it."""
    limits = {digest(f"{scope}\0{of}{one}"): most * times for one, times in networks_of(address)}
    return _is_over(limits, now)


def fails_too_often(
    scope: str, address: str | None, most: int, *, of: str = "", now: datetime
) -> bool:
    """Count one failure for a network and those around it, and tell whether they are too many."""
    counts = [
        count_failure(scope, f"{of}{network}", now=now) > most * times
        for network, times in networks_of(address)
    ]
    return any(counts)


def count_around(scope: str, address: str | None, *, of: str = "", now: datetime) -> None:
    """Count a failure for the wider networks alone: the narrow one has counted it beforehand."""
    for network, _times in networks_of(address)[1:]:
        count_failure(scope, f"{of}{network}", now=now)


def is_over_around(wanted: dict[tuple[str, str], int], address: str | None, now: datetime) -> bool:
    """Whether the wider networks have failed too often, by scope and whom: one statement."""
    limits = {
        digest(f"{scope}\0{of}{network}"): most * times
        for (scope, of), most in wanted.items()
        for network, times in networks_of(address)[1:]
    }
    return bool(limits) and _is_over(limits, now)


def _is_over(limits: dict[str, int], now: datetime) -> bool:
    found = FailedAttempts.objects.filter(key__in=limits, window_ends__gt=now)
    return any(count > limits[key] for key, count in found.values_list("key", "count"))


def failures(scope: str, who: str, *, now: datetime) -> int:
    """How many failures there were in the current window."""
    key = digest(f"{scope}\0{who}")
    found = FailedAttempts.objects.filter(key=key, window_ends__gt=now)
    return found.values_list("count", flat=True).first() or 0


def forgive(scope: str, who: str) -> None:
    """Take one failure back: it was none."""
    key = digest(f"{scope}\0{who}")
    FailedAttempts.objects.filter(key=key, count__gt=0).update(count=F("count") - 1)
