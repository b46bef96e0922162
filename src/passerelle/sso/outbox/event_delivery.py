"""Security events, delivered once a day: to a webhook, or into an S3-compatible bucket.

A while after midnight UTC, what happened until then is sent: whatever takes longest has written its
row by then. What a receiver does not take is tried again and nothing is skipped; after a failure in
the middle some events may come twice, with the ID that they had.
"""

import csv
import hashlib
import hmac
import io
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from passerelle.audit.heads import HEAD, head_of
from passerelle.directory.models import Company
from passerelle.infra.clock import Clock
from passerelle.infra.csv_lines import harmless
from passerelle.infra.fetch import FetchError, Sent, fetch, fetch_for
from passerelle.infra.sealing import seal, unseal
from passerelle.infra.shares import in_turns
from passerelle.sso.models import EventDelivery
from passerelle.sso.records.security_events import COLUMNS, Row, events_of

log = logging.getLogger("passerelle")

BATCH = 1000
"""Events in one request to a webhook."""
SECONDS = 60.0
A_PASS = timedelta(minutes=1)
"""Of one pass for one receiver: what it has not taken by then, it gets in the next."""
TEST_SECONDS = 10.0
"""Somebody waits for it."""
GRACE = timedelta(minutes=15)
"""After midnight: longer than any request, so that none writes an earlier time afterwards."""
CLAIMED = timedelta(minutes=30)
"""So long one process has a delivery for itself; renewed with each batch."""
PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360)]
"""After each failure; from the last one on always as long."""


def midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def sealed_secret(row: EventDelivery, secret: str) -> str:
    return seal(secret.encode(), purpose=f"delivery {row.id}")


def deliver_all(now: datetime) -> int:
    """Deliver to every receiver that is due; return how many took everything."""
    clock = Clock(now)
    due = EventDelivery.objects.filter(due_at__lte=now).select_related("company")
    turns = in_turns(
        due.order_by("due_at")[:50], company=lambda one: one.company_id, seconds=SECONDS
    )
    return sum(_deliver(row, clock) for row in turns)


def next_due(now: datetime) -> datetime:
    return midnight(now) + timedelta(days=1) + GRACE


class _Lost(Exception):  # noqa: N818 - reads as what is the matter
    """Another process has this delivery, or somebody changed it: no more of it from here."""


def _deliver(row: EventDelivery, clock: Clock) -> bool:
    now = clock.now()
    until = midnight(now - GRACE)
    try:
        _move(row, due_at=now + CLAIMED, tries=row.tries + 1)
        if row.sent_until < until and not _send_all(row, until, clock):
            # It takes what there is, but slowly: others come first.
            _move(row, due_at=clock.now(), tries=0)
            return False
        due = until + timedelta(days=1) + GRACE
        reached = max(row.sent_until, until)
        _move(row, sent_until=reached, due_at=due, tries=0, sent_at=clock.now(), problem="")
    except _Lost:
        return False
    except Exception as error:
        # Whatever it is, it holds up no other receiver, and this one is tried again.
        problem = str(error) or type(error).__name__
        log.warning("events of %s were not delivered: %s", row.company.slug, problem)
        again = clock.now() + PAUSES[min(row.tries - 1, len(PAUSES) - 1)]
        with suppress(_Lost):
            _move(row, problem=problem[:300], due_at=again)
        return False
    return True


def _move(row: EventDelivery, **changes: Any) -> None:
    """Write how far it has come, if it is still at the date that it had here. Raises _Lost."""
    if not EventDelivery.objects.filter(id=row.id, due_at=row.due_at).update(**changes):
        raise _Lost
    for name, value in changes.items():
        setattr(row, name, value)


def _send_all(row: EventDelivery, until: datetime, clock: Clock) -> bool:
    """Everything since the last time, and the cursor behind what was taken.

    False where the receiver has had its time of this pass, and there may be more.
    """
    began = clock.now()
    events = _with_head(row.company, row.sent_until, until)
    if row.kind == EventDelivery.Kind.BUCKET:
        day = (until - timedelta(days=1)).date()
        _put(row, f"security-events-{day}.csv", events)
        return True
    while batch := list(islice(events, BATCH)):
        _post(row, batch, clock.now())
        _move(row, sent_until=batch[-1][0], due_at=clock.now() + CLAIMED)
        if len(batch) == BATCH and clock.now() - began >= A_PASS:
            return False
    return True


def _with_head(company: Company, since: datetime, until: datetime) -> Iterator[Row]:
    """Behind the events, the head of the company's audit log: kept elsewhere, it proves its end."""
    row = None
    for row in events_of(company, since=since, until=until):
        yield row
    if row is not None and (head := head_of(str(company.id))):
        details = json.dumps(head.stored)
        yield until, (f"{head.chain}:{head.sequence}", HEAD, "", "", "", "", details)


def send_test(row: EventDelivery, event: Row, *, now: datetime) -> None:
    """Send one made-up event, beside the real ones. Raises FetchError, CannotUnseal."""
    if row.kind == EventDelivery.Kind.BUCKET:
        _put(row, f"passerelle-test-{now:%Y%m%dT%H%M%S}.csv", iter([event]), waited_for=True)
    else:
        _post(row, [event], now, waited_for=True)


def _secret(row: EventDelivery) -> str:
    return unseal(row.sealed_secret, purpose=f"delivery {row.id}").decode()


def _post(row: EventDelivery, batch: list[Row], now: datetime, *, waited_for: bool = False) -> None:
    """JSON lines, signed: `Passerelle-Signature: t=…,v1=…`, an HMAC-SHA256 of `t.body`."""
    lines = [
        json.dumps(
            {
                "company": row.company.slug,
                "time": time.isoformat(),
                **dict(zip(COLUMNS[1:], cells, strict=True)),
            },
            ensure_ascii=False,
        )
        for time, cells in batch
    ]
    body = ("\n".join(lines) + "\n").encode()
    stamp = str(int(now.timestamp()))
    signed = f"{stamp}.".encode() + body
    signature = hmac.new(_secret(row).encode(), signed, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-ndjson",
        "Passerelle-Signature": f"t={stamp},v1={signature}",
    }
    _send(row, row.url, Sent("POST", body, headers), waited_for)


def _put(row: EventDelivery, name: str, events: Iterator[Row], *, waited_for: bool = False) -> None:
    """One CSV file, signed as AWS Signature Version 4 wants it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([time.isoformat(), *map(harmless, cells)] for time, cells in events)
    key = f"{row.folder.strip('/')}/{name}".lstrip("/")
    url = f"{row.url.rstrip('/')}/{quote(row.bucket)}/{quote(key)}"
    request = AWSRequest("PUT", url, data=text.getvalue().encode())
    request.headers["Content-Type"] = "text/csv; charset=utf-8"
    request.headers["Host"] = urlsplit(url).netloc
    credentials = Credentials(row.access_key, _secret(row))
    S3SigV4Auth(credentials, "s3", row.region or "us-east-1").add_auth(request)
    sent = Sent("PUT", bytes(request.data), dict(request.headers.items()))
    _send(row, url, sent, waited_for)


def _send(row: EventDelivery, url: str, sent: Sent, waited_for: bool) -> None:
    """To a public address: the operator's own networks are open to reading metadata only."""
    try:
        if waited_for:
            fetch_for(row.company_id, url, seconds=TEST_SECONDS, sent=sent)
        else:
            fetch(url, seconds=SECONDS, sent=sent, company_id=row.company_id)
    except FetchError as error:
        if error.reason != "fetch_unreachable":
            raise
        raise FetchError("delivery_unreachable", error.received) from error
