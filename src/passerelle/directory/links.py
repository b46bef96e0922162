"""Links by which somebody chooses a password: signed, for a time, and worthless once used."""

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.urls import reverse

from passerelle.directory.models import User

ACTIVATION_DAYS = 7


RESET_MINUTES = 60


def activation_path(user: User) -> str:
    """The address where an invited user chooses a password; worthless once that is done."""
    token = signing.dumps(_activation(user), salt="activation")
    return reverse("activate", args=[user.id, token])


def activation_user(user_id: UUID | str, token: str) -> User:
    """The user of a link. Raises signing.BadSignature when it ended or was used."""
    signed = signing.loads(token, salt="activation", max_age=timedelta(days=ACTIVATION_DAYS))
    user = _found(user_id)
    if signed != _activation(user) or not may_activate(user):
        raise signing.BadSignature
    return user


def _activation(user: User) -> list[str | int]:
    return [str(user.id), user.password, user.status, user.email_key, user.links_ended]


def may_activate(user: User) -> bool:
    """Whether an account waits for its first password: invited, or made without one.

    Who has come by single sign-on waits for none, unless emergency access was given to them.
    """
    if user.has_password:
        return False
    if user.status == User.Status.INVITED:
        return True
    if user.status != User.Status.ACTIVE:
        return False
    return _needs_password(user)


def could_choose_another(user: User) -> bool:
    """Whether a password that is taken away leaves a link behind to choose the next."""
    return user.has_password and user.status == User.Status.ACTIVE and _needs_password(user)


def _needs_password(user: User) -> bool:
    return user.may_break_glass or not user.identities.exists()


def reset_path(user: User) -> str:
    """The address where somebody chooses another password; worthless once that is done."""
    return _reset_path(user, [])


def renewal_path(user: User) -> str:
    """The same for somebody who has just shown the old one, which is too old."""
    return f"{_reset_path(user, [_SHOWN])}?expired"


_SHOWN = "shown"
"""In a link: it was not sent to a mailbox, but given to who had shown the password."""


def _reset_path(user: User, besides: list[str]) -> str:
    token = signing.dumps([str(user.id), _fingerprint(user), *besides], salt="reset")
    return reverse("reset_password", args=[user.id, token])


def reset_user(user_id: UUID | str, token: str) -> tuple[User, bool]:
    """The user of a link, and whether it proves a mailbox and no more.

    Raises signing.BadSignature when it ended or was used.
    """
    signed = signing.loads(token, salt="reset", max_age=timedelta(minutes=RESET_MINUTES))
    user = _found(user_id)
    if signed[:2] != [str(user.id), _fingerprint(user)] or not user.is_active:
        raise signing.BadSignature
    return user, signed[2:] != [_SHOWN]


def _fingerprint(user: User) -> str:
    """Different after each change of the password or the address, and wherever links end.

    It tells nothing of the hash.
    """
    parts = (user.password, user.email_key, str(user.links_ended))
    return signing.Signer(salt="password").signature("\0".join(parts))


def _found(user_id: UUID | str) -> User:
    user = User.objects.select_related("company").filter(id=user_id).first()
    if user is None:
        raise signing.BadSignature
    return user
