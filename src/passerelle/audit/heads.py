"""Heads of chains, kept elsewhere: they show when a chain was set back to an older state.

Inside the database an older copy of a chain with its older head is as good as any. Whoever keeps
what was exported or delivered earlier can tell: the entries in it must still be there, as they
were.
"""

import csv
import hmac
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from passerelle.audit.chain import BATCH, Break, head_is_sealed, sealed_head
from passerelle.audit.models import AuditEvent

HEAD = "audit:head"
"""The name under which a head is delivered among events."""


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """A sealed entry of a chain; `seal` says that we wrote it as the last one."""

    chain: str
    sequence: int
    digest: str
    seal: str = ""

    @property
    def stored(self) -> dict[str, Any]:
        return {
            "chain": self.chain,
            "sequence": self.sequence,
            "digest": self.digest,
            "seal": self.seal,
        }


def head_of(chain: str) -> Head | None:
    """The head of a chain as it is now; None where nothing is sealed, or it does not hold."""
    found = sealed_head(chain)
    return Head(chain, *found) if found else None


def read_heads(text: str) -> list[Head]:
    """The sealed entries and heads in an exported log, or in events that were delivered.

    Raises ValueError.
    """
    return sorted({head for row in _rows(text) if (head := _head_in(row))})


def _rows(text: str) -> Iterator[Any]:
    if not text.lstrip().startswith("{"):
        yield from csv.DictReader(io.StringIO(text, newline=""))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error


def _head_in(row: Any) -> Head | None:
    try:
        if row.get("event") == HEAD:
            row = json.loads(row["details"])
        if not row.get("digest"):
            # It was not sealed yet, or is no entry of the audit log.
            return None
        seal = str(row.get("seal", ""))
        return Head(str(row["chain"]), int(row["sequence"]), str(row["digest"]), seal)
    except KeyError as error:
        raise ValueError(f"an entry without {error}") from error
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{row!r:.100} is no entry") from error


def compare(heads: Iterable[Head]) -> list[Break]:
    """What is no longer as it was exported: the first of each chain, for heads in order."""
    waiting, found = iter(heads), dict[str, Break]()
    while batch := list(islice(waiting, BATCH)):
        kept = AuditEvent.objects.filter(
            chain__in={one.chain for one in batch}, sequence__in={one.sequence for one in batch}
        )
        known = {(one.chain, one.sequence): one for one in kept}
        for head in batch:
            event = known.get((head.chain, head.sequence))
            if problem := _problem(head, event):
                broken = Break(head.chain, head.sequence, problem, str(event.id) if event else None)
                found.setdefault(head.chain, broken)
    return list(found.values())


def _problem(head: Head, event: AuditEvent | None) -> str:
    if head.seal and not head_is_sealed(head.chain, head.sequence, head.digest, head.seal):
        return "the exported head was not sealed here, or was altered"
    if event is None:
        return "missing, though it was exported"
    return "" if hmac.compare_digest(event.digest, head.digest) else "not as it was exported"
