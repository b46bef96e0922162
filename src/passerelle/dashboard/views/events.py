"""Security events: sign-ins and changes together, as CSV, streamed."""

import csv
import heapq
import json
from collections.abc import Iterator
from datetime import datetime

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_GET

from passerelle.audit.models import AuditEvent
from passerelle.dashboard.access import administrators_only, company_of
from passerelle.dashboard.csv_lines import Echo, harmless
from passerelle.dashboard.middleware import PageRequest
from passerelle.directory.models import Company
from passerelle.sso.models import SignIn

CHUNK = 500
COLUMNS = ("time", "event", "person", "actor", "address", "reason", "details")
Row = tuple[datetime, tuple[str, ...]]


@require_GET
@administrators_only
def download(request: PageRequest) -> StreamingHttpResponse:
    """Any number of rows, oldest first."""
    response = StreamingHttpResponse(
        _lines(company_of(request)), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="security-events.csv"'
    return response


def _lines(company: Company) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for time, cells in events_of(company):
        yield writer.writerow([time.isoformat(), *(harmless(cell) for cell in cells)])


def events_of(company: Company) -> Iterator[Row]:
    """Sign-ins and audit events, merged by time without holding them."""
    return heapq.merge(_sign_ins(company), _changes(company), key=lambda row: row[0])


def _sign_ins(company: Company) -> Iterator[Row]:
    rows = SignIn.objects.filter(company=company).select_related("user", "connection")
    for row in rows.order_by("time", "id").iterator(chunk_size=CHUNK):
        way = row.connection.name if row.connection else "password"
        person = row.user.email if row.user else row.email or ""
        details = {"way": way, "reference": row.reference, "count": row.count}
        yield (
            row.time,
            (
                f"sign_in:{row.outcome}",
                person,
                person,
                row.address or "",
                row.reason,
                json.dumps(details, ensure_ascii=False),
            ),
        )


def _changes(company: Company) -> Iterator[Row]:
    rows = AuditEvent.objects.filter(company=company).order_by("time", "id")
    for row in rows.iterator(chunk_size=CHUNK):
        details = json.dumps(row.details, ensure_ascii=False)
        yield row.time, (row.event, row.target, row.actor, "", "", details)
