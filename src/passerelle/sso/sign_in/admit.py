"""In, for somebody whose password or passkey was right: past every bar, into a session."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import QuerySet

from passerelle.directory.models import User
from passerelle.infra.network import is_within
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sessions.session import Browser, Proof, open_session
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.password_rules import is_expired
from passerelle.sso.sign_in.passwords import record_entry


class Way(StrEnum):
    """By what somebody has shown who they are."""

    PASSWORD = "password"  # noqa: S105 - the word
    PASSKEY = "passkey"


class Bar(StrEnum):
    """What keeps somebody out although what they have shown is right."""

    CHANGED = "changed"
    """The account is gone, may not sign in, or has another password than the one checked."""
    ADDRESS = "address_not_allowed"
    SSO_ONLY = "password_not_allowed"
    EXPIRED = "password_expired"


@dataclass(frozen=True, slots=True)
class Admitted:
    user: User
    session_key: str
    device_token: str | None
    """By which this browser leaves out the second factor, where that was wanted."""


def bar_of(user: User, *, address: str | None, now: datetime) -> Bar | None:
    """Why somebody may not use a password, or not from here; kept under Sign-ins."""
    company = user.company
    if company.ip_allowlist and not is_within(address, company.ip_allowlist):
        bar = Bar.ADDRESS
    elif not may_use_password(user):
        bar = Bar.SSO_ONLY
    else:
        return None
    keep_password_attempt(company, user=user, reason=bar.value, address=address, now=now)
    return bar


def as_it_is(user: User) -> User | None:
    """The account now, as long as it has the password that was checked, and may sign in.

    Checking the password took a while: what holds now decides.
    """
    return _as_checked(user).select_related("company").first()


def _as_checked(user: User) -> QuerySet[User]:
    return User.objects.filter(id=user.id, password=user.password, status=User.Status.ACTIVE)


@transaction.atomic
def admit(
    user: User,
    way: Way,
    *,
    browser: Browser,
    otp: bool = False,
    remember: bool = False,
    now: datetime,
) -> Admitted | Bar:
    """Open a session for somebody who has shown all that is asked; an old password goes first.

    `otp` says that a second factor was shown besides.

    With the row of the user locked: whoever changes the password, or suspends them, either comes
    first and is seen here, or comes after and ends this session with the others. So is a browser
    that is to be remembered: it leaves out the second factor only as long as that password holds.
    """
    as_checked = _as_checked(user).select_for_update(of=("self",), no_key=True)
    locked = as_checked.select_related("company").first()
    if locked is None:
        return Bar.CHANGED
    if bar := bar_of(locked, address=browser.address, now=now):
        return bar
    if way is Way.PASSWORD and is_expired(locked, now=now):
        return Bar.EXPIRED
    record_entry(locked, way=way.value, address=browser.address, now=now)
    proof = Proof(_shown_by(way, otp=otp))
    key = open_session(
        locked, connection=None, now=now, browser=browser, confirmed_at=now, proof=proof
    )
    device = None
    if remember:
        device = second_factor.trust_device(locked, agent=browser.agent, now=now)
    return Admitted(locked, key, device)


def _shown_by(way: Way, *, otp: bool) -> tuple[str, ...]:
    """Ways of authentication in the words of RFC 8176."""
    if way is Way.PASSKEY:
        return ("hwk", "user")
    return ("pwd", "otp", "mfa") if otp else ("pwd",)
