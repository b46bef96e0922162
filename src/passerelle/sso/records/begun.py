"""Sign-ins that were begun and wait to be finished: a company keeps so many, the newest.

Whoever likes begins them, from however many networks. Each process looks after every thousand that
it adds, and housekeeping once a minute.
"""

import threading
from collections import Counter
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Model

from passerelle.sso.models import AuthnRequest, GoogleRequest, PasskeyChallenge, PendingSignIn

MOST_WAITING = 20_000
"""Of one company and kind: of more, the oldest are forgotten."""
LOOKED_AT_EVERY = 1_000
"""So many may be added by one process before it looks how many there are."""
_BATCH = 500
_KINDS: dict[type[Model], dict[str, None]] = {
    AuthnRequest: {"answered_at": None},
    GoogleRequest: {},
    PasskeyChallenge: {},
    PendingSignIn: {},
}
_added: Counter[tuple[type[Model], UUID]] = Counter()
_lock = threading.Lock()


def note_begun(row: AuthnRequest | GoogleRequest | PasskeyChallenge | PendingSignIn) -> None:
    """One more waits. Now and then the oldest of its company go, so that a flood stays small."""
    key = type(row), row.company_id
    with _lock:
        _added[key] += 1
        if _added[key] < LOOKED_AT_EVERY:
            return
        del _added[key]
    _forget_oldest(*key)


def forget_begun() -> None:
    """The same for every company."""
    for model, waiting in _KINDS.items():
        rows = model._default_manager.filter(**waiting)
        counts = rows.values_list("company_id").annotate(count=Count("pk"))
        for company_id, _count in counts.filter(count__gt=MOST_WAITING):
            _forget_oldest(model, company_id)


def _forget_oldest(model: type[Model], company_id: UUID) -> None:
    rows: Any = model._default_manager.filter(company_id=company_id, **_KINDS[model])
    newest_first = rows.order_by("-expires_at", "-pk").values_list("pk", flat=True)
    keys = list(newest_first[MOST_WAITING:])
    for start in range(0, len(keys), _BATCH):
        with transaction.atomic():
            # What another process forgets or finishes at this moment is not waited for.
            free = rows.filter(pk__in=keys[start : start + _BATCH])
            found = free.select_for_update(skip_locked=True).values_list("pk", flat=True)
            model._default_manager.filter(pk__in=list(found)).delete()
