"""Limits on failures. Successes are never counted: a whole company may share one address."""

from datetime import datetime, timedelta

from django.db.models import F

from passerelle.directory.inserts import insert_or_nothing
from passerelle.sso.models import FailedAttempts
from passerelle.sso.tokens import digest

WINDOW = timedelta(minutes=10)
BEGUN, MAX_BEGUN = "begun", 1000
"""Sign-ins begun from one network within ten minutes and not finished: each keeps a row."""


def count_failure(scope: str, who: str, *, now: datetime) -> int:
    """Count one failure and return how many there were in the current window."""
    key = digest(f"{scope}\0{who}")
    current = FailedAttempts.objects.filter(key=key, window_ends__gt=now)
    if current.update(count=F("count") + 1):
        return current.values_list("count", flat=True).first() or 1
    FailedAttempts.objects.filter(key=key, window_ends__lte=now).delete()
    if insert_or_nothing(FailedAttempts(key=key, window_ends=now + WINDOW, count=1)):
        return 1
    current.update(count=F("count") + 1)
    return current.values_list("count", flat=True).first() or 1


def has_begun_too_many(network: str, *, now: datetime) -> bool:
    """Count a sign-in that begins; to be forgiven when it is finished."""
    return count_failure(BEGUN, network, now=now) > MAX_BEGUN


def failures(scope: str, who: str, *, now: datetime) -> int:
    """How many failures there were in the current window."""
    key = digest(f"{scope}\0{who}")
    found = FailedAttempts.objects.filter(key=key, window_ends__gt=now)
    return found.values_list("count", flat=True).first() or 0


def forgive(scope: str, who: str) -> None:
    """Take one failure back: it was none."""
    key = digest(f"{scope}\0{who}")
    FailedAttempts.objects.filter(key=key, count__gt=0).update(count=F("count") - 1)
