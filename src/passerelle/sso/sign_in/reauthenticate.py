"""Showing again who one is, before something that matters: a session alone may be somebody else's.

Whoever came within the last hour has just done so. Others enter their password, or authenticate
anew at the identity provider (ForceAuthn) in another tab.
"""

from datetime import datetime, timedelta

from passerelle.directory.models import User
from passerelle.sso.models import Session
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sign_in import passwords, second_factor

RECENT = timedelta(hours=1)


def is_recent(session: Session, *, now: datetime) -> bool:
    return session.confirmed_at is not None and now - session.confirmed_at < RECENT


def may_confirm_by_password(user: User) -> bool:
    """Whether the password counts for this person; otherwise the identity provider is asked."""
    return user.has_password and may_use_password(user)


def confirm_by_password(
    session: Session, password: str, code: str, *, address: str | None, now: datetime
) -> bool:
    """Confirm a session by its user's password, and by the code of the app where there is one.

    Raises TooManyAttempts, TooBusy.
    """
    user = session.user
    if not may_confirm_by_password(user):
        return False
    if not passwords.confirm(user, password, address=address, now=now):
        return False
    if second_factor.has_app(user) and not second_factor.check_code(user, code, now=now):
        return False
    # It may have ended while the password was checked.
    open_still = Session.objects.filter(
        key_digest=session.key_digest, user__status=User.Status.ACTIVE
    )
    if not open_still.update(confirmed_at=now):
        return False
    session.confirmed_at = now
    return True
