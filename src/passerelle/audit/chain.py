"""Seal events into their chain, and prove afterwards that the chain is whole.

An event is sealed after its transaction, never inside it: chaining inside would make all sign-ins
of a company wait for each other. Whatever has no place in the chain yet is sealed next, in
whichever order transactions commit, so no event can be overtaken and lost.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from passerelle.audit.models import AuditChain, AuditEvent

BATCH = 500


def seal() -> int:
    """Seal every committed event that is not sealed yet; return how many were."""
    total = 0
    for chain in _chains_that_wait():
        while sealed := _seal_batch(chain):
            total += sealed
    return total


@transaction.atomic
def _seal_batch(chain: str) -> int:
    """Seal one batch under the lock of the chain's head: one sealer at a time.

    Where the head does not hold, because rows were taken away behind our back, sealing goes on
    after a gap: what follows is kept safe, and the break stays to be seen.
    """
    AuditChain.objects.bulk_create([AuditChain(chain=chain)], ignore_conflicts=True)
    head = AuditChain.objects.select_for_update().get(chain=chain)
    events = list(islice(filter(_is_genuine, _unsealed(chain)), BATCH))
    if not events:
        return 0
    last = _sealed(chain).order_by("-sequence").first()
    sequence, digest = ((last.sequence or 0), last.digest) if last else (0, "")
    if not _holds(head, sequence, digest):
        sequence = max(sequence, head.sequence) + 1
    for event in events:
        sequence += 1
        event.sequence = sequence
        digest = event.digest = digest_of(event, previous=digest)
    AuditEvent.objects.bulk_update(events, ["sequence", "digest"])
    head.sequence, head.digest = sequence, _digest_of_head(chain, sequence, digest)
    head.save()
    return len(events)


def _unsealed(chain: str) -> Iterator[AuditEvent]:
    waiting = AuditEvent.objects.filter(chain=chain, sequence__isnull=True)
    return waiting.order_by("time", "id").iterator(chunk_size=BATCH)


def _sealed(chain: str) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(chain=chain, sequence__isnull=False)


def _holds(head: AuditChain, sequence: int, digest: str) -> bool:
    """Whether the last sealed event is the one that the head was written for."""
    if sequence == 0:
        return head.sequence == 0 and not head.digest
    return head.sequence == sequence and head_is_sealed(head.chain, sequence, digest, head.digest)


def head_is_sealed(chain: str, sequence: int, digest: str, seal: str) -> bool:
    """Whether we wrote this head, for an event with this place and digest."""
    return hmac.compare_digest(seal, _digest_of_head(chain, sequence, digest))


def sealed_head(chain: str) -> tuple[int, str, str] | None:
    """Place and digest of the last sealed event, and the head's own digest; None if none holds."""
    head = AuditChain.objects.filter(chain=chain, sequence__gt=0).first()
    last = _sealed(chain).filter(sequence=head.sequence).first() if head else None
    if head is None or last is None or not _holds(head, head.sequence, last.digest):
        return None
    return head.sequence, last.digest, head.digest


def _digest_of_head(chain: str, sequence: int, digest: str) -> str:
    """Of another kind than an event's: nobody can cut a chain short and write the head for it."""
    return _hmac({"head": chain, "sequence": sequence, "digest": digest})


def mac_of(event: AuditEvent) -> str:
    """HMAC-SHA-256 over the event itself, as it was written."""
    return _hmac(_content(event))


def _is_genuine(event: AuditEvent) -> bool:
    return hmac.compare_digest(event.mac, mac_of(event))


def digest_of(event: AuditEvent, *, previous: str) -> str:
    """HMAC-SHA-256 over the event, its place, and the digest before it."""
    place = {"previous": previous, "sequence": event.sequence}
    return _hmac({**_content(event), **place})


def _content(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "chain": event.chain,
        "company": str(event.company_id) if event.company_id else None,
        "time": event.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "event": event.event,
        "actor_kind": event.actor_kind,
        "actor": event.actor,
        "target": event.target,
        "details": event.details,
    }


def _hmac(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hmac.new(_key(), canonical.encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    """The key is not in the database: whoever can write there still cannot seal."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"passerelle audit chain", "sha256")


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold."""

    chain: str
    sequence: int
    problem: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    sealed: int
    unsealed: int
    breaks: tuple[Break, ...]


def verify() -> Verification:
    """Go through every chain from its start; report the first break of each."""
    sealed_events = AuditEvent.objects.filter(sequence__isnull=False)
    chains = set(sealed_events.order_by().values_list("chain", flat=True).distinct())
    chains |= set(AuditChain.objects.values_list("chain", flat=True))
    found = [_first_break(chain) for chain in sorted(chains)]
    found += [_first_forged(chain) for chain in _chains_that_wait()]
    return Verification(
        sealed=sealed_events.count(),
        unsealed=AuditEvent.objects.filter(sequence__isnull=True).count(),
        breaks=tuple(one for one in found if one),
    )


def _chains_that_wait() -> list[str]:
    unsealed = AuditEvent.objects.filter(sequence__isnull=True)
    return sorted(unsealed.order_by().values_list("chain", flat=True).distinct())


def _first_forged(chain: str) -> Break | None:
    """An event that waits to be sealed and was not written by us, or was changed since."""
    forged = next((one for one in _unsealed(chain) if not _is_genuine(one)), None)
    return Break(chain, 0, "altered before sealing", str(forged.id)) if forged else None


def _first_break(chain: str) -> Break | None:
    """Follow a chain up to its head, and the head as long as sealing moves it meanwhile."""
    previous, sequence = "", 0
    seen = -1
    while True:
        head = AuditChain.objects.filter(chain=chain).first()
        if head is None:
            return Break(chain, sequence, "the head of the chain is missing")
        for event in _sealed_between(chain, seen, head.sequence):
            if event.sequence != sequence + 1:
                return Break(chain, sequence + 1, "missing")
            sequence += 1
            if not hmac.compare_digest(event.digest, digest_of(event, previous=previous)):
                return Break(chain, sequence, "altered", str(event.id))
            previous = event.digest
        if head.sequence > sequence:
            return Break(chain, sequence + 1, "missing")
        if not _holds(head, sequence, previous):
            return Break(chain, sequence, "the head of the chain was altered")
        beyond = _sealed(chain).filter(sequence__gt=sequence).first()
        if beyond is None:
            return None
        if head.sequence == seen:
            return Break(chain, sequence + 1, "inserted after the head", str(beyond.id))
        seen = head.sequence


def _sealed_between(chain: str, after: int, last: int) -> Iterator[AuditEvent]:
    events = _sealed(chain).filter(sequence__gt=after, sequence__lte=last)
    return events.order_by("sequence").iterator(chunk_size=1000)
