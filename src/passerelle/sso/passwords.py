"""Signing in with a password: for administrators, small companies, and emergencies."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.provisioning import parse_email
from passerelle.sso.addresses import network_of
from passerelle.sso.limits import count_failure, failures

MAX_FAILURES = 10
"""Wrong passwords for one account from one address within ten minutes."""
MAX_FAILURES_OF_A_NETWORK = 100
"""The same, for all accounts together."""
MAX_PASSWORD = 1000
ACTIVATION_DAYS = 7


class TooManyAttempts(Exception):  # noqa: N818 - reads as what is the matter
    """Too many wrong passwords for this account from this address."""


def sign_in(
    company: Company, email: str, password: str, *, address: str | None, now: datetime
) -> User | None:
    """The user whose password this is; None for any mismatch, with the same work for each.

    Failures count for account and address together, so that a stranger cannot lock anyone out.
    """
    parsed = parse_email(email)
    key, network = parsed.key if parsed else "", network_of(address)
    who = f"{company.id}\0{key}\0{network}"
    if failures("password", who, now=now) >= MAX_FAILURES:
        raise TooManyAttempts
    if failures("passwords", network, now=now) >= MAX_FAILURES_OF_A_NETWORK:
        raise TooManyAttempts
    user = User.objects.select_related("company").filter(company=company, email_key=key).first()
    usable = user is not None and user.is_active and user.password.startswith("argon2")
    if usable and user is not None and len(password) <= MAX_PASSWORD:
        if check_password(password, user.password):
            User.objects.filter(id=user.id).update(last_sign_in_at=now)
            return user
    else:
        # The time of one hash, so that nobody learns which accounts exist.
        make_password(password[:MAX_PASSWORD])
    count_failure("password", who, now=now)
    count_failure("passwords", network, now=now)
    return None


def activation_path(user: User) -> str:
    """The address where an invited user chooses a password; worthless once that is done."""
    token = signing.dumps([str(user.id), user.password, user.status], salt="activation")
    return f"/activate/{user.id}/{token}/"


def activation_user(user_id: UUID | str, token: str) -> User:
    """The invited user of a link. Raises signing.BadSignature when it ended or was used."""
    signed = signing.loads(token, salt="activation", max_age=timedelta(days=ACTIVATION_DAYS))
    user = User.objects.select_related("company").filter(id=user_id).first()
    if user is None or signed != [str(user.id), user.password, user.status]:
        raise signing.BadSignature
    if user.status != User.Status.INVITED:
        raise signing.BadSignature
    return user


@transaction.atomic
def set_password(user: User, password: str, *, now: datetime) -> bool:
    """Give an invited user their first password; False when somebody was quicker."""
    invited = User.objects.filter(id=user.id, status=User.Status.INVITED, password=user.password)
    if not invited.update(password=make_password(password), status=User.Status.ACTIVE):
        return False
    user.refresh_from_db()
    actor = Actor("user", user.email)
    entry = Entry(EventName.USER_ACTIVATED, user.email)
    record([entry], company_id=user.company_id, actor=actor, now=now)
    return True
