"""Tokens of machines: made, found and revoked."""

from datetime import datetime, timedelta

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, MachineToken
from passerelle.infra.tokens import digest, new_token

PREFIX = "psr_"
"""By which people, and programs that look for leaked secrets, know what it is."""
USE_NOTED_EVERY = timedelta(minutes=1)


class TooManyTokens(Exception):  # noqa: N818 - reads as what is the matter
    """The company has as many tokens as one page can show."""


@transaction.atomic
def make_token(
    company: Company,
    *,
    name: str,
    scope: str,
    read_only: bool = False,
    expires_at: datetime | None = None,
    actor: Actor,
    now: datetime,
) -> str:
    """A new token, told this once. Raises TooManyTokens."""
    Company.locked(company.id)
    if company.machine_tokens.count() >= MachineToken.MOST:
        raise TooManyTokens
    token = PREFIX + new_token()
    MachineToken.objects.create(
        company=company,
        name=name,
        scope=scope,
        read_only=read_only,
        digest=digest(token),
        created_at=now,
        expires_at=expires_at,
    )
    details = {
        "scope": scope,
        "read_only": read_only,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    entry = Entry(EventName.TOKEN_MADE, name, details)
    record([entry], company_id=company.id, actor=actor, now=now)
    return token


def find_token(token: str, *, scope: str, now: datetime) -> MachineToken | None:
    """The token with its company, if it is good for this scope now; its use is noted."""
    rows = MachineToken.objects.select_related("company")
    row = rows.filter(digest=digest(token), scope=scope).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED_EVERY:
        MachineToken.objects.filter(id=row.id).update(last_used_at=now)
    return row


@transaction.atomic
def revoke_token(row: MachineToken, *, actor: Actor, now: datetime) -> bool:
    """End a token at once; tell whether it was still there."""
    ended, _ = MachineToken.objects.filter(id=row.id).delete()
    if ended:
        entry = Entry(EventName.TOKEN_REVOKED, row.name, {"scope": row.scope})
        record([entry], company_id=row.company_id, actor=actor, now=now)
    return bool(ended)
