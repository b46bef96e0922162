"""What has to be done now and then, by whichever process is up.

Each job is safe to run twice at once, so replicas need not agree on who does it.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections
from django.db.models import Model, QuerySet
from django.utils import timezone

from passerelle.administration.follow_metadata import follow_all
from passerelle.audit.chain import seal
from passerelle.infra.database_faults import fault_of
from passerelle.oidc.back_channel import work as tell_applications
from passerelle.oidc.keys import make_keys
from passerelle.oidc.models import ClientSecret, Grant, SigningKey, Token, UsedAssertion
from passerelle.sso.models import (
    BY_STRANGERS,
    AuthnRequest,
    ConnectionKey,
    ConsumedAssertion,
    FailedAttempts,
    GoogleRequest,
    Letter,
    PasskeyChallenge,
    PendingSignIn,
    SecondStep,
    Session,
    SetupLink,
    SignIn,
    Trial,
    TrustedDevice,
)
from passerelle.sso.outbox.event_delivery import deliver_all
from passerelle.sso.outbox.expiry_notices import send_notices
from passerelle.sso.outbox.letters import KEPT as LETTERS_KEPT
from passerelle.sso.outbox.letters import send_letters
from passerelle.sso.records.begun import forget_begun
from passerelle.sso.sign_in.spend import drop_large_claims

log = logging.getLogger("passerelle.jobs.housekeeping")

SEAL_EVERY = 2.0
SEND_EVERY = 2.0
TELL_EVERY = 1.0
MINUTE = 60.0
BATCH = 500
BATCHES = 100
"""At most so many in one go: what is left waits for the next minute."""
CLAIMS_KEPT = timedelta(days=30)
STRANGERS_KEPT = timedelta(days=30)
"""What was sent by who proved nothing is told for so long."""
_NONE = timedelta()
# What ends, and how long it is kept after that: whoever comes too late hears so, not "unknown".
_EXPIRING: tuple[tuple[type[Model], str, timedelta], ...] = (
    (AuthnRequest, "expires_at", timedelta(days=1)),
    # A clock that was wrong for less than that makes nothing count twice.
    (ConsumedAssertion, "expires_at", timedelta(days=1)),
    (PendingSignIn, "expires_at", timedelta(hours=1)),
    (Session, "expires_at", _NONE),
    (SecondStep, "expires_at", _NONE),
    (PasskeyChallenge, "expires_at", _NONE),
    (GoogleRequest, "expires_at", timedelta(hours=1)),
    (TrustedDevice, "expires_at", _NONE),
    (Letter, "created_at", LETTERS_KEPT),
    (SetupLink, "expires_at", timedelta(days=30)),
    (Trial, "expires_at", timedelta(hours=1)),
    (FailedAttempts, "window_ends", _NONE),
    # They sign and decrypt nothing any more.
    (ConnectionKey, "retires_at", timedelta(days=1)),
    (Token, "expires_at", _NONE),
    (Grant, "expires_at", _NONE),
    (ClientSecret, "expires_at", _NONE),
    (SigningKey, "retires_at", timedelta(days=1)),
    (UsedAssertion, "expires_at", _NONE),
)


def purge(now: datetime) -> int:
    """Delete what has ended, in small batches; return how many rows went."""
    _forget_claims(now)
    forget_begun()
    drop_large_claims(now=now)
    strangers = SignIn.objects.filter(BY_STRANGERS)
    ended = [(model._default_manager.all(), field, kept) for model, field, kept in _EXPIRING]
    ended.append((strangers, "time", STRANGERS_KEPT))
    # Nobody has brought its code.
    ended.append((Grant.objects.filter(code_used_at=None), "code_expires_at", _NONE))
    return sum(_purge(rows, field, now - kept) for rows, field, kept in ended)


def _forget_claims(now: datetime) -> None:
    """What identity providers said of people is kept for a month; the trace stays."""
    old = SignIn.objects.filter(time__lt=now - CLAIMS_KEPT, claims__isnull=False)
    keys = list(old.values_list("pk", flat=True)[: BATCH * BATCHES])
    for start in range(0, len(keys), BATCH):
        SignIn.objects.filter(pk__in=keys[start : start + BATCH]).update(claims=None)


def _purge(rows: "QuerySet[Any]", field: str, now: datetime) -> int:
    gone = 0
    for _ in range(BATCHES):
        ended = rows.filter(**{f"{field}__lt": now})
        keys = list(ended.values_list("pk", flat=True)[:BATCH])
        gone += rows.filter(pk__in=keys).delete()[0] if keys else 0
        if len(keys) < BATCH:
            break
    return gone


def _seal(_now: datetime) -> int:
    return seal()


def start() -> None:
    """Keep house in the background until the process ends; a slow job holds up no other."""
    for name, every, job in (
        ("sealing", SEAL_EVERY, _seal),
        ("purging", MINUTE, purge),
        ("metadata", MINUTE, follow_all),
        ("notices", MINUTE, send_notices),
        ("letters", SEND_EVERY, send_letters),
        ("events", MINUTE, deliver_all),
        ("applications", TELL_EVERY, tell_applications),
        ("signing keys", MINUTE, make_keys),
    ):
        keeper = threading.Thread(target=_keep, args=(name, every, job), name=name, daemon=True)
        keeper.start()


def _keep(name: str, every: float, job: Callable[[datetime], object]) -> None:
    pause = threading.Event()
    while not pause.wait(every):
        try:
            close_old_connections()
            job(timezone.now())
        except Exception as error:
            # The next round tries again: a database that is away for a while is no reason to stop.
            if fault := fault_of(error):
                log.error("%s waits: %s", name, fault)
            else:
                log.exception("%s failed; it goes on", name)
