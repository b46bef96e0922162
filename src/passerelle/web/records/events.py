"""Security events: sign-ins and changes together, as CSV, streamed."""

import csv
from collections.abc import Iterator

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from passerelle.directory.models import Company
from passerelle.infra.csv_lines import Echo, harmless
from passerelle.sso.records.security_events import COLUMNS, events_of
from passerelle.web.frame import downloads
from passerelle.web.frame.access import administrators_only, company_of
from passerelle.web.frame.middleware import PageRequest


@require_safe
@administrators_only
def download(request: PageRequest) -> HttpResponseBase:
    """Any number of rows, oldest first."""
    return downloads.download(
        request,
        _lines(company_of(request)),
        name="security-events.csv",
        content_type="text/csv; charset=utf-8",
    )


def _lines(company: Company) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for time, cells in events_of(company):
        yield writer.writerow([time.isoformat(), *(harmless(cell) for cell in cells)])
