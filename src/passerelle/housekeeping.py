"""What has to be done now and then, by whichever process is up: sealing and purging.

Each job is safe to run twice at once, so replicas need not agree on who does it.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.db.models import Model
from django.utils import timezone

from passerelle.audit.chain import seal
from passerelle.sso.models import (
    AuthnRequest,
    ConsumedAssertion,
    FailedAttempts,
    PendingSignIn,
    Session,
)

log = logging.getLogger("passerelle.housekeeping")

SEAL_EVERY = 2.0
PURGE_EVERY = timedelta(minutes=1)
BATCH = 500
BATCHES = 100
"""At most so many in one go: what is left waits for the next minute."""
_NONE = timedelta()
# What ends, and how long it is kept after that: whoever comes too late hears so, not "unknown".
_EXPIRING: tuple[tuple[type[Model], str, timedelta], ...] = (
    (AuthnRequest, "expires_at", timedelta(days=1)),
    (ConsumedAssertion, "expires_at", _NONE),
    (PendingSignIn, "expires_at", timedelta(hours=1)),
    (Session, "expires_at", _NONE),
    (FailedAttempts, "window_ends", _NONE),
)


def purge(now: datetime) -> int:
    """Delete what has ended, in small batches; return how many rows went."""
    return sum(_purge(model, field, now - kept) for model, field, kept in _EXPIRING)


def _purge(model: type[Model], field: str, now: datetime) -> int:
    gone = 0
    for _ in range(BATCHES):
        ended = model._default_manager.filter(**{f"{field}__lt": now})
        keys = list(ended.values_list("pk", flat=True)[:BATCH])
        gone += model._default_manager.filter(pk__in=keys).delete()[0] if keys else 0
        if len(keys) < BATCH:
            break
    return gone


def start() -> threading.Thread:
    """Keep house in the background until the process ends."""
    thread = threading.Thread(target=_keep_house, name="housekeeping", daemon=True)
    thread.start()
    return thread


def _keep_house() -> None:
    purged_at = timezone.now()
    pause = threading.Event()
    while not pause.wait(SEAL_EVERY):
        try:
            close_old_connections()
            seal()
            if timezone.now() - purged_at > PURGE_EVERY:
                purged_at = timezone.now()
                purge(purged_at)
        except Exception:
            # The next round tries again: a database that is away for a while is no reason to stop.
            log.exception("housekeeping failed; it goes on")
