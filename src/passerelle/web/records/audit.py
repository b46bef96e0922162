"""Settings > Audit: who changed what, from what to what."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection as database
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from passerelle.audit.models import AuditEvent
from passerelle.infra.csv_lines import Echo, harmless
from passerelle.infra.rows import rows_of
from passerelle.web.frame.access import administrators_only
from passerelle.web.frame.downloads import download
from passerelle.web.frame.event_names import (
    EVENT_LABELS,
    actor_label,
    detail_label,
    event_label,
    value_label,
)
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import identifier, page_of, typed

LAST_YEAR, LINES = 9999, 15
FILTERS = ("event", "actor", "target", "since", "until")


@require_safe
@administrators_only
def audit_log(request: PageRequest) -> HttpResponse:
    """Newest first, in pages; the filters stay in the address."""
    filters = _filters(request)
    found = _filtered(request, filters).order_by("-id")
    if after := request.GET.get("after", ""):
        found = found.filter(id__lt=identifier(after))
    page = page_of(found, filters, lambda event: str(event.id))
    context = {
        "page": page,
        "shown": [
            (
                row,
                event_label(row.event),
                actor_label(row.actor_kind, row.actor),
                list(_details(row)),
            )
            for row in page.rows
        ],
        **filters,
        "is_filtered": any(filters.values()),
        "names": EVENT_LABELS.items(),
        "sealed": _sealed(request),
        "query": urlencode({name: value for name, value in filters.items() if value}),
        "verify": _verify_command(),
    }
    return render(request, "audit.html", context)


def _filters(request: PageRequest) -> dict[str, str]:
    return {name: typed(request.GET.get(name, "")) for name in FILTERS}


def _filtered(request: PageRequest, filters: dict[str, str]) -> "QuerySet[AuditEvent]":
    assert request.person is not None
    found = AuditEvent.objects.filter(company=request.person.company)
    if filters["event"]:
        found = found.filter(event=filters["event"])
    if filters["actor"]:
        found = found.filter(actor__icontains=filters["actor"])
    if text := filters["target"]:
        # A right, for instance, is its person's event, and names the workspace in its details.
        written = found.annotate(written=Cast("details", TextField()))
        as_kept = json.dumps(text, ensure_ascii=database.vendor == "sqlite")[1:-1]
        found = written.filter(Q(target__icontains=text) | Q(written__icontains=as_kept))
    if since := _day(filters["since"]):
        found = found.filter(time__gte=since)
    if until := _day(filters["until"]):
        found = found.filter(time__lt=until + timedelta(days=1))
    return found


def _day(text: str) -> datetime | None:
    """The beginning of a day in UTC; None for what is none."""
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) if day.year < LAST_YEAR else None
    except ValueError:
        return None


def _verify_command() -> str:
    """What proves the log whole; the demonstration has a folder of its own."""
    command = "passerelle audit verify"
    given = settings.PASSERELLE
    return f"{command} --data {given.data_dir}" if given.demo else command


def _sealed(request: PageRequest) -> AuditEvent | None:
    """The newest event that is sealed into the chain: up to there `audit verify` can prove it."""
    assert request.person is not None
    chain = str(request.person.company_id)
    sealed = AuditEvent.objects.filter(chain=chain, sequence__isnull=False)
    return sealed.order_by("-sequence").first()


def _details(event: AuditEvent) -> Iterator[tuple[Promise | str, str, str]]:
    """Each detail with what it was before and after; before is empty where it is no change."""
    was_there = not event.event.endswith(
        (":created", ":deleted", ":removed", ":provisioned", ":applied")
    )
    for name, value in event.details.items():
        if name == "changes" and isinstance(value, list):
            # The lines that `passerelle apply` printed.
            yield from (("", "", str(line)) for line in value[:LINES])
            if len(value) > LINES:
                yield (
                    "",
                    "",
                    _("and %(count)s more, in the download") % {"count": len(value) - LINES},
                )
            continue
        is_change = was_there and not name.endswith(("_added", "_removed"))
        if is_change and isinstance(value, list) and len(value) == 2:
            yield detail_label(name), _shown(name, value[0]), _shown(name, value[1])
        else:
            yield detail_label(name), "", _shown(name, value)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str(value_label(name, value)) or "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return "; ".join(_shown(name, one) for one in value) or "–"
    if isinstance(value, dict):
        return ", ".join(
            _("%(name)s: %(value)s") % {"name": detail_label(key), "value": _shown(key, one)}
            for key, one in value.items()
        )
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


@require_safe
@administrators_only
def audit_download(request: PageRequest, kind: str) -> HttpResponseBase:
    """All of it that fits the filters, oldest first, as CSV or JSON lines, streamed."""
    write = _csv if kind == "csv" else _json_lines
    types = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
    lines = write(_filtered(request, _filters(request)))
    return download(request, lines, name=f"audit.{kind}", content_type=types[kind])


def _row(event: AuditEvent) -> dict[str, Any]:
    return {
        "time": event.time.isoformat(),
        "event": event.event,
        "actor": event.actor,
        "target": event.target,
        "details": event.details,
        "sequence": event.sequence,
    }


def _json_lines(found: "QuerySet[AuditEvent]") -> Iterator[str]:
    for event in rows_of(found, "id"):
        yield json.dumps(_row(event), ensure_ascii=False) + "\n"


def _csv(found: "QuerySet[AuditEvent]") -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(["time", "event", "actor", "target", "details", "sequence"])
    for event in rows_of(found, "id"):
        row = _row(event)
        row["details"] = json.dumps(row["details"], ensure_ascii=False)
        yield writer.writerow([harmless(value) for value in row.values()])
