"""Write audit events, inside the transaction of what they tell."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from passerelle.audit.chain import mac_of
from passerelle.audit.events import EventName
from passerelle.audit.models import INSTALLATION, AuditEvent
from passerelle.infra.identifiers import uuid7


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user, the operator at the command line, or an identity provider."""

    kind: str
    name: str


PROVISIONING_CLIENT = "provisioning client"
"""The kind of actor that keeps people here by SCIM; its name is its token's."""
OPERATOR = Actor("operator", "command line")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to record. `details` holds plain JSON values, from-and-to pairs above all."""

    event: EventName
    target: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def record(
    entries: Iterable[Entry], *, company_id: UUID | None, actor: Actor, now: datetime
) -> None:
    """Record what happened, in one statement."""
    events = [
        AuditEvent(
            id=uuid7(),
            company_id=company_id,
            chain=str(company_id) if company_id else INSTALLATION,
            time=now,
            event=entry.event.value,
            actor_kind=actor.kind,
            actor=actor.name,
            target=entry.target,
            details=entry.details,
        )
        for entry in entries
    ]
    for event in events:
        event.mac = mac_of(event)
    AuditEvent.objects.bulk_create(events)
