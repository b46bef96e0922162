"""Applications are told that a person is gone (OpenID Connect Back-Channel Logout 1.0)."""

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Window
from django.db.models.functions import RowNumber

from passerelle.directory.models import Application
from passerelle.infra.clock import Clock
from passerelle.infra.fetch import FetchError, Sent, fetch
from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.shares import in_turns
from passerelle.infra.tokens import new_token
from passerelle.oidc.claims import signed, told
from passerelle.oidc.models import Grant, LogoutNotice, Loss
from passerelle.oidc.tokens import open_grant
from passerelle.sso.sessions.session import sid_of

log = logging.getLogger("passerelle")

EVENT = "http://schemas.openid.net/event/backchannel-logout"
BATCH = 200
SECONDS = 3.0
"""So long one application is waited for."""
A_COMPANY = 10.0
OF_A_COMPANY = 20
"""Notices of one company in one pass, which takes at most so many seconds of it."""
LIFETIME = timedelta(minutes=2)
PAUSES = [timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600)]
"""After each failure; after the last it is given up: the application asks again by itself."""


def note_losses(now: datetime) -> int:
    """Of what has gone, end the grants and make the notices; return how many were made."""
    made = 0
    with transaction.atomic():
        rows = list(Loss.objects.select_for_update(skip_locked=True).order_by("id")[:BATCH])
        sessions = {row.session_id for row in rows if row.session_id}
        users = {row.user_id for row in rows if row.user_id}
        grants = Grant.objects.select_related("application")
        for grant in grants.filter(session_id__in=sessions):
            made += _notice(grant, now)
            grant.delete()
        for grant in grants.filter(subject__in=users).exclude(session_id__in=sessions):
            visitor = open_grant(grant, now=now)
            if visitor is not None and told(visitor) == grant.told:
                continue
            made += _notice(grant, now)
            # Whoever may still open it comes again, and is told anew.
            grant.delete()
        Loss.objects.filter(id__in=[row.id for row in rows]).delete()
    return made


def _notice(grant: Grant, now: datetime) -> int:
    if not grant.application.backchannel_logout_uri or not grant.was_used:
        return 0
    return int(
        insert_or_nothing(
            LogoutNotice(
                company_id=grant.company_id,
                application=grant.application,
                subject=grant.subject,
                sid=sid_of(grant.session_id),
                created_at=now,
                due_at=now,
            )
        )
    )


def send_notices(now: datetime) -> int:
    """Tell what is due, each by one process only; return how many were heard."""
    due = LogoutNotice.objects.filter(due_at__lte=now).select_related("application")
    # A few of each company, however many another one has.
    place = Window(RowNumber(), partition_by="company_id", order_by=["due_at", "id"])
    first = due.annotate(place=place).filter(place__lte=OF_A_COMPANY).order_by("due_at", "id")
    turns = in_turns(first[:BATCH], company=lambda row: row.company_id, seconds=A_COMPANY)
    clock = Clock(now)
    return sum(_send(row, clock.now()) for row in turns)


def _send(row: LogoutNotice, now: datetime) -> bool:
    again = now + PAUSES[min(row.tries, len(PAUSES) - 1)]
    mine = LogoutNotice.objects.filter(id=row.id, due_at=row.due_at)
    if not mine.update(due_at=again, tries=row.tries + 1):
        return False
    application = row.application
    token = logout_token(application, str(row.subject), row.sid, now=now)
    body = urlencode({"logout_token": token}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        fetch(
            application.backchannel_logout_uri,
            seconds=SECONDS,
            sent=Sent("POST", body, headers),
            private_networks=settings.PASSERELLE.application_networks,
            plain_inside=True,
            company_id=row.company_id,
        )
    except FetchError as error:
        log.warning("%s was not told of a sign-out: %s", application.name, error)
        if row.tries + 1 < len(PAUSES):
            return False
    LogoutNotice.objects.filter(id=row.id).delete()
    return True


def logout_token(application: Application, subject: str, sid: str, *, now: datetime) -> str:
    """§2.4 of the specification: no nonce, so that it is never taken for an ID token."""
    claims: dict[str, Any] = {
        "aud": application.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
        "jti": new_token(),
        "sub": subject,
        "sid": sid,
        "events": {EVENT: {}},
    }
    return signed(claims, algorithm="RS256", typ="logout+jwt", now=now)


def work(now: datetime) -> int:
    note_losses(now)
    return send_notices(now)
