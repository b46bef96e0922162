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

from django.conf import settings
from django.db import transaction

from passerelle.audit.models import AuditChain, AuditEvent

BATCH = 500


def seal() -> int:
    """Seal every committed event that is not sealed yet; return how many were."""
    unsealed = AuditEvent.objects.filter(sequence__isnull=True)
    chains = unsealed.order_by().values_list("chain", flat=True).distinct()
    total = 0
    for chain in list(chains):
        while sealed := _seal_batch(chain):
            total += sealed
    return total


@transaction.atomic
def _seal_batch(chain: str) -> int:
    """Seal one batch under the lock of the chain's head: one sealer at a time."""
    AuditChain.objects.bulk_create([AuditChain(chain=chain)], ignore_conflicts=True)
    head = AuditChain.objects.select_for_update().get(chain=chain)
    waiting = AuditEvent.objects.filter(chain=chain, sequence__isnull=True)
    events = list(waiting.order_by("time", "id")[:BATCH])
    for event in events:
        head.sequence += 1
        event.sequence = head.sequence
        head.digest = event.digest = digest_of(event, previous=head.digest)
    AuditEvent.objects.bulk_update(events, ["sequence", "digest"])
    if events:
        head.save()
    return len(events)


def digest_of(event: AuditEvent, *, previous: str) -> str:
    """HMAC-SHA-256 over the event and the digest before it."""
    content = {
        "previous": previous,
        "sequence": event.sequence,
        "id": str(event.id),
        "chain": event.chain,
        "time": event.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "event": event.event,
        "actor_kind": event.actor_kind,
        "actor": event.actor,
        "target": event.target,
        "details": event.details,
    }
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
    heads = {head.chain: head for head in AuditChain.objects.all()}
    sealed_events = AuditEvent.objects.filter(sequence__isnull=False)
    chains = set(sealed_events.order_by().values_list("chain", flat=True).distinct())
    found = [_first_break(chain, heads.get(chain)) for chain in sorted(chains | set(heads))]
    return Verification(
        sealed=sealed_events.count(),
        unsealed=AuditEvent.objects.filter(sequence__isnull=True).count(),
        breaks=tuple(one for one in found if one),
    )


def _first_break(chain: str, head: AuditChain | None) -> Break | None:
    previous, sequence = "", 0
    for event in _in_order(chain):
        if event.sequence != sequence + 1:
            return Break(chain, sequence + 1, "missing")
        sequence += 1
        if not hmac.compare_digest(event.digest, digest_of(event, previous=previous)):
            return Break(chain, sequence, "altered", str(event.id))
        previous = event.digest
    if head is None:
        return Break(chain, sequence, "the head of the chain is missing")
    if head.sequence != sequence or head.digest != previous:
        return Break(chain, min(sequence, head.sequence) + 1, "missing")
    return None


def _in_order(chain: str) -> Iterator[AuditEvent]:
    events = AuditEvent.objects.filter(chain=chain, sequence__isnull=False)
    return events.order_by("sequence").iterator(chunk_size=1000)
