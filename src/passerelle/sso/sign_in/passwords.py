"""Signing in with a password: for administrators, small companies, and emergencies."""

from datetime import datetime

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.infra.hashing import TooBusy, hash_of, is_hash_of
from passerelle.infra.network import network_of
from passerelle.provisioning import parse_email
from passerelle.sso.models import SignIn
from passerelle.sso.outbox.letters import tell_administrators
from passerelle.sso.records.failures import count_around, count_failure, forgive, is_over_around
from passerelle.sso.records.traces import keep_password_attempt
from passerelle.sso.sign_in.password_rules import MAX_PASSWORD

MAX_FAILURES = 10
"""Wrong passwords for one account from one address within ten minutes."""
MAX_FAILURES_OF_A_NETWORK = 100
"""The same, for all accounts together."""


class TooManyAttempts(Exception):  # noqa: N818 - reads as what is the matter
    """Too many wrong passwords for this account from this address."""


def user_of(
    company: Company, email: str, password: str, *, address: str | None, now: datetime
) -> User | SignIn:
    """The user whose password this is; the trace of any mismatch, with the same work for each.

    Failures count for account and address together, so that a stranger cannot lock anyone out; they
    count before hashing, so that many at once gain nothing. Raises TooManyAttempts, TooBusy.
    """
    parsed = parse_email(email)
    key = parsed.key if parsed else ""
    user = User.objects.select_related("company").filter(company=company, email_key=key).first()
    if not _counted(company, key, user, password, address, now) or user is None:
        return keep_password_attempt(
            company,
            user=None,
            reason="password_wrong",
            address=address,
            now=now,
            tried=(key, user),
        )
    return user


def record_entry(user: User, *, way: str, address: str | None, now: datetime) -> None:
    """Somebody is in by password or passkey, and by whatever else was asked."""
    company = user.company
    User.objects.filter(id=user.id).update(last_sign_in_at=now)
    keep_password_attempt(company, user=user, address=address, now=now, check=way)
    if company.sso_enforcement == Company.Enforcement.EVERYONE:
        entry = Entry(EventName.GLASS_BROKEN, user.email, {"address": address})
        actor = Actor("user", user.email)
        record([entry], company_id=company.id, actor=actor, now=now)
        tell_administrators("glass_broken", company, now=now, but=user.email, who=user.email)


def confirm(user: User, password: str, *, address: str | None, now: datetime) -> bool:
    """Whether this is the password of somebody who is signed in; guesses are limited as above.

    Raises TooManyAttempts, TooBusy.
    """
    return _counted(user.company, user.email_key, user, password, address, now)


def _counted(
    company: Company,
    key: str,
    user: User | None,
    password: str,
    address: str | None,
    now: datetime,
) -> bool:
    """Check a password, and count the failure before it is known to be one."""
    network = network_of(address)
    who = f"{company.id}\0{key}\0{network}"
    if count_failure("password", who, now=now) > MAX_FAILURES:
        raise TooManyAttempts
    if count_failure("passwords", network, now=now) > MAX_FAILURES_OF_A_NETWORK:
        raise TooManyAttempts
    account = f"{company.id}\0{key}\0"
    around = {("password", account): MAX_FAILURES, ("passwords", ""): MAX_FAILURES_OF_A_NETWORK}
    if is_over_around(around, address, now):
        raise TooManyAttempts
    try:
        is_right = _is_password_of(user, password)
    except TooBusy:
        forgive("password", who)
        forgive("passwords", network)
        raise
    if is_right:
        forgive("password", who)
        forgive("passwords", network)
    else:
        for scope, of in around:
            count_around(scope, address, of=of, now=now)
    return is_right


def _is_password_of(user: User | None, password: str) -> bool:
    usable = user is not None and user.is_active and user.has_password
    if user is None or not usable or len(password) > MAX_PASSWORD:
        # The time of one hash, so that nobody learns which accounts exist.
        hash_of(password[:MAX_PASSWORD])
        return False
    is_right, is_outdated = is_hash_of(password, user.password)
    if is_outdated:
        _rehash(user, password)
    return is_right


def _rehash(user: User, password: str) -> None:
    """Hash anew what was hashed by older rules, now that the password is known."""
    before, user.password = user.password, hash_of(password)
    # Only over the one that was checked: another may have been set at this moment.
    User.objects.filter(id=user.id, password=before).update(password=user.password)
