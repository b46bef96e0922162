"""Security events: sign-ins and changes of one company, merged by time without holding them."""

import heapq
import json
from collections.abc import Iterator
from datetime import datetime

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Company
from passerelle.infra.rows import rows_of
from passerelle.sso.models import SignIn
from passerelle.sso.records.traces import listed

COLUMNS = ("time", "id", "event", "person", "actor", "address", "reason", "details")
Row = tuple[datetime, tuple[str, ...]]


def events_of(
    company: Company, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Row]:
    """Oldest first: all, or those from `since` on and before `until`."""
    limits = {"time__gte": since, "time__lt": until}
    within = {name: value for name, value in limits.items() if value is not None}
    return heapq.merge(
        _sign_ins(company, within), _changes(company, within), key=lambda row: row[0]
    )


def _sign_ins(company: Company, within: dict[str, datetime]) -> Iterator[Row]:
    rows = listed(SignIn.objects.filter(company=company, **within))
    for row in rows_of(rows, "time", "id"):
        way = row.connection.name if row.connection else _way_of(row)
        person = row.user.email if row.user else row.email or ""
        details = {"way": way, "reference": row.reference, "count": row.count}
        yield (
            row.time,
            (
                str(row.id),
                f"sign_in:{row.outcome}",
                person,
                # Who types somebody's address is not them.
                person if row.email else "",
                row.address or "",
                row.reason,
                json.dumps(details, ensure_ascii=False),
            ),
        )


def _way_of(row: SignIn) -> str:
    """How somebody came who came through no connection."""
    made = {check["check"] for check in row.checks}
    return next((way for way in ("google", "passkey", "password") if way in made), "")


def _changes(company: Company, within: dict[str, datetime]) -> Iterator[Row]:
    rows = AuditEvent.objects.filter(company=company, **within)
    for row in rows_of(rows, "time", "id"):
        details = json.dumps(row.details, ensure_ascii=False)
        yield row.time, (str(row.id), row.event, row.target, row.actor, "", "", details)
