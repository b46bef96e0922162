"""A company's rules for passwords, and setting one."""

import re
from datetime import datetime, timedelta
from functools import cache

from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    UserAttributeSimilarityValidator,
)
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.links import may_activate
from passerelle.directory.models import User
from passerelle.infra.hashing import hash_of, is_hash_of
from passerelle.sso.models import EarlierPassword, PasskeyChallenge, TrustedDevice

MAX_PASSWORD = 1000
MAX_REUSE = 24
"""So many earlier passwords are kept at most: each has to be tried."""


def password_problem(user: User, password: str) -> str:
    """Why this cannot be the password of somebody, or nothing.

    Besides the company's rules, whatever is guessed first is refused: the common passwords, one
    character over and over, the person's own name or address, the company's name (NIST SP 800-63B,
    section 3.1.1.2).
    """
    company = user.company
    if len(password) < company.password_min_length:
        return _("Choose a password of at least %(count)s characters.") % {
            "count": company.password_min_length
        }
    if len(password) > MAX_PASSWORD:
        return _("Choose a password of at most %(count)s characters.") % {"count": MAX_PASSWORD}
    if company.password_complexity and not _is_complex(password):
        return _(
            "Choose a password with an upper-case letter, a lower-case letter, a digit and another "
            "sign."
        )
    if _is_guessed_first(user, password):
        return _(
            "This password is among the first that are guessed: a common one, or close to your "
            "name, your address or your company. Choose another one."
        )
    return ""


MIN_DIFFERENT = 4
"""Fewer different characters than these make no password, however long."""


def _is_guessed_first(user: User, password: str) -> bool:
    simplified = password.strip().casefold()
    own = (user.email.partition("@")[0], user.first_name, user.last_name)
    parts = {part for one in own for part in re.split(r"[\W\d_]+", one.casefold())}
    names = {user.company.name.casefold(), user.company.slug, *parts}
    if len(set(simplified)) < MIN_DIFFERENT:
        return True
    # The company's name or their own, once or over and over, with digits and signs around it.
    rest = simplified
    for one in sorted(filter(None, names), key=len, reverse=True):
        rest = rest.replace(one, "")
    if rest != simplified and not rest.strip("0123456789!.-_ "):
        return True
    try:
        for validator in _validators():
            validator.validate(password, user)
    except ValidationError:
        return True
    return False


@cache
def _validators() -> tuple[CommonPasswordValidator, UserAttributeSimilarityValidator]:
    """Django's own list of 20,000 passwords, read when the first is chosen."""
    names = ("email", "first_name", "last_name")
    return CommonPasswordValidator(), UserAttributeSimilarityValidator(names)


def _is_complex(password: str) -> bool:
    return (
        any(one.isupper() for one in password)
        and any(one.islower() for one in password)
        and any(one.isdigit() for one in password)
        and any(not one.isalnum() for one in password)
    )


def reuse_problem(user: User, password: str) -> str:
    """Why somebody may not have this password again, or nothing: a hash for each earlier one.

    The current password counts among those that may not come back, wherever any may not.
    Raises TooBusy.
    """
    wanted = user.company.password_reuse
    if not wanted:
        return ""
    earlier = user.earlier_passwords.order_by("-replaced_at").values_list("password", flat=True)
    # Who has none at the moment had the newest of the earlier ones until it was taken away.
    count = wanted - 1 if user.has_password else wanted
    hashes = [user.password, *earlier[:count]]
    if any(one.startswith("argon2") and is_hash_of(password, one)[0] for one in hashes):
        return _("You had this password lately. Choose another one.")
    return ""


def is_expired(user: User, *, now: datetime) -> bool:
    """Whether a password has to be replaced before it lets anybody in."""
    days = user.company.password_expiry_days
    since = user.password_set_at or user.created_at
    return bool(days) and now - since >= timedelta(days=days)


def set_password(
    user: User,
    password: str,
    *,
    kept_session: str = "",
    end_passkeys: bool = False,
    now: datetime,
) -> bool:
    """Give a user a password, and sign them out wherever the old one let them in.

    `kept_session` is the digest of the key of the session that goes on. False when somebody was
    quicker. The caller has looked at the rules. Raises TooBusy.
    """
    # Hashed first: no transaction waits for that.
    encoded = hash_of(password)
    with transaction.atomic():
        is_set = _set_hash(user, encoded, kept_session, now)
        if is_set and end_passkeys:
            _end_passkeys(user, now)
    return is_set


def _end_passkeys(user: User, now: datetime) -> None:
    """All of them, and any that is being added: it waits for its challenge, and finds none."""
    PasskeyChallenge.objects.filter(user=user).delete()
    names = list(user.passkeys.values_list("name", flat=True))
    user.passkeys.all().delete()
    entries = [Entry(EventName.PASSKEY_REMOVED, user.email, {"name": name}) for name in names]
    actor = Actor("user", user.email)
    record(entries, company_id=user.company_id, actor=actor, now=now)


def _set_hash(user: User, encoded: str, kept_session: str, now: datetime) -> bool:
    before = user.password
    rows = User.objects.select_for_update(no_key=True, of=("self",)).select_related("company")
    as_it_was = rows.filter(status=user.status, password=before, links_ended=user.links_ended)
    row = as_it_was.filter(id=user.id).first()
    first = not before.startswith("argon2")
    # Whatever allowed it may have been taken away while it was hashed.
    if row is None or (first and not may_activate(row)):
        return False
    row.password, row.password_set_at, row.status = encoded, now, User.Status.ACTIVE
    row.save(update_fields=["password", "password_set_at", "status"])
    user.refresh_from_db()
    if not first:
        EarlierPassword.objects.create(
            company_id=user.company_id, user=user, password=before, replaced_at=now
        )
        _forget_earlier(user)
    user.sessions.exclude(key_digest=kept_session).delete()
    user.second_steps.all().delete()
    TrustedDevice.objects.filter(user=user).delete()
    had_one = user.earlier_passwords.exists()
    activated = first and not had_one and not user.identities.exists()
    event = EventName.USER_ACTIVATED if activated else EventName.PASSWORD_CHANGED
    actor = Actor("user", user.email)
    record([Entry(event, user.email)], company_id=user.company_id, actor=actor, now=now)
    return True


def _forget_earlier(user: User) -> None:
    kept = user.earlier_passwords.order_by("-replaced_at").values_list("id", flat=True)[:MAX_REUSE]
    user.earlier_passwords.exclude(id__in=list(kept)).delete()
