"""Security events, delivered once a day: to a webhook, or into an S3-compatible bucket.

After midnight UTC what happened until then is sent. What a receiver does not take is tried again;
nothing is skipped, and what was taken is not sent a second time.
"""

import csv
import hashlib
import hmac
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.conf import settings

from passerelle.directory.models import Company
from passerelle.sso.events import COLUMNS, Row, events_of
from passerelle.sso.fetch import FetchError, Sent, fetch
from passerelle.sso.models import EventDelivery
from passerelle.sso.sealed import CannotUnseal, seal, unseal

log = logging.getLogger("passerelle")

BATCH = 1000
"""Events in one request to a webhook."""
SECONDS = 60.0
PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360)]
"""After each failure; from the last one on always as long."""


def midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def sealed_secret(row: EventDelivery, secret: str) -> str:
    return seal(secret.encode(), purpose=f"delivery {row.id}")


def deliver_all(now: datetime) -> int:
    """Deliver what is due, each by one process only; return how many were taken."""
    due = EventDelivery.objects.filter(due_at__lte=now).select_related("company")
    return sum(_deliver(row, now) for row in due.order_by("due_at")[:50])


def _deliver(row: EventDelivery, now: datetime) -> bool:
    again = now + PAUSES[min(row.tries, len(PAUSES) - 1)]
    mine = EventDelivery.objects.filter(id=row.id, due_at=row.due_at)
    if not mine.update(due_at=again, tries=row.tries + 1):
        return False
    until = midnight(now)
    found = EventDelivery.objects.filter(id=row.id)
    try:
        send(row, events_of(row.company, since=row.sent_until, until=until), until)
    except (FetchError, CannotUnseal) as error:
        problem = str(error) or type(error).__name__
        log.warning("events of %s were not delivered: %s", row.company.slug, problem)
        found.update(problem=problem[:300])
        return False
    tomorrow = until + timedelta(days=1)
    found.update(sent_until=until, due_at=tomorrow, tries=0, sent_at=now, problem="")
    return True


def send(row: EventDelivery, events: Iterator[Row], until: datetime) -> None:
    """Send these events. Raises FetchError, CannotUnseal."""
    secret = unseal(row.sealed_secret, purpose=f"delivery {row.id}").decode()
    if row.kind == EventDelivery.Kind.BUCKET:
        _put(row, secret, events, until)
        return
    while batch := list(islice(events, BATCH)):
        _post(row, secret, row.company, batch, until)


def _post(
    row: EventDelivery, secret: str, company: Company, batch: list[Row], until: datetime
) -> None:
    """JSON lines, signed: `Passerelle-Signature: t=…,v1=…`, an HMAC-SHA256 of `t.body`."""
    lines = [
        json.dumps(
            {
                "company": company.slug,
                "time": time.isoformat(),
                **dict(zip(COLUMNS[1:], cells, strict=True)),
            },
            ensure_ascii=False,
        )
        for time, cells in batch
    ]
    body = ("\n".join(lines) + "\n").encode()
    stamp = str(int(until.timestamp()))
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-ndjson",
        "Passerelle-Signature": f"t={stamp},v1={signature}",
    }
    _send(row.url, Sent("POST", body, headers))


def _put(row: EventDelivery, secret: str, events: Iterator[Row], until: datetime) -> None:
    """One CSV file for each day, signed as AWS Signature Version 4 wants it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([time.isoformat(), *cells] for time, cells in events)
    day = (until - timedelta(days=1)).date()
    key = f"{row.folder.strip('/')}/security-events-{day}.csv".lstrip("/")
    url = f"{row.url.rstrip('/')}/{quote(row.bucket)}/{quote(key)}"
    request = AWSRequest("PUT", url, data=text.getvalue().encode())
    request.headers["Content-Type"] = "text/csv; charset=utf-8"
    request.headers["Host"] = urlsplit(url).netloc
    signer = S3SigV4Auth(Credentials(row.access_key, secret), "s3", row.region or "us-east-1")
    signer.add_auth(request)
    _send(url, Sent("PUT", bytes(request.data), dict(request.headers.items())))


def _send(url: str, sent: Sent) -> None:
    networks = settings.PASSERELLE.private_networks
    fetch(url, private_networks=networks, seconds=SECONDS, sent=sent)
