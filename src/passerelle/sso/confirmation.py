"""Showing again who one is, before something that matters: a session alone may be somebody else's.

Whoever came within the last hour has just done so. Others enter their password, or authenticate
anew at the identity provider (ForceAuthn) in another tab.
"""

from datetime import datetime, timedelta

from passerelle.sso import passwords
from passerelle.sso.models import Session

RECENT = timedelta(hours=1)


def is_recent(session: Session, *, now: datetime) -> bool:
    return session.confirmed_at is not None and now - session.confirmed_at < RECENT


def confirm_by_password(
    session: Session, password: str, *, address: str | None, now: datetime
) -> bool:
    """Confirm a session by its user's password. Raises TooManyAttempts, TooBusy."""
    if not passwords.confirm(session.user, password, address=address, now=now):
        return False
    session.confirmed_at = now
    Session.objects.filter(key_digest=session.key_digest).update(confirmed_at=now)
    return True
