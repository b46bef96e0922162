"""The second factor of a password: an authenticator app, or one of ten recovery codes."""

import logging
import re
import secrets
from datetime import datetime, timedelta

import pyotp
from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.infra.identifiers import uuid7
from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.infra.tokens import digest, new_token
from passerelle.sso.models import RecoveryCode, SecondStep, Totp, TrustedDevice
from passerelle.sso.records.failures import count_failure, forgive
from passerelle.sso.sessions.session import shown_agent
from passerelle.sso.sign_in.passwords import TooManyAttempts

log = logging.getLogger("passerelle")

SECONDS = 30
DRIFT = 1
"""So many steps before and after now are taken: clocks differ."""
LIFETIME = timedelta(minutes=10)
REMEMBERED = timedelta(days=30)
CODES = 10
MAX_FAILURES = 10
"""Wrong codes for one person within ten minutes, from wherever: six digits are soon guessed."""
_SECRET = re.compile(r"[A-Z2-7]{32}")
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def is_asked(user: User, device: str | None, *, now: datetime) -> bool:
    """Whether a right password is not enough, in the browser that brings this device cookie."""
    required = user.company.two_factor == Company.TwoFactor.REQUIRED
    if not required and not has_app(user):
        return False
    return not _is_trusted(user, device, now)


def has_app(user: User) -> bool:
    return Totp.objects.filter(user=user).exists()


def _is_trusted(user: User, device: str | None, now: datetime) -> bool:
    if not device or not has_app(user):
        return False
    trusted = TrustedDevice.objects.filter(user=user, digest=digest(device), expires_at__gt=now)
    return trusted.exists()


def begin(user: User, *, next_path: str, now: datetime) -> str:
    """Remember that the password was right; return the secret of the browser that brought it."""
    token = new_token()
    SecondStep.objects.create(
        company_id=user.company_id,
        user=user,
        digest=digest(token),
        password_digest=digest(user.password),
        next=next_path,
        expires_at=now + LIFETIME,
    )
    return token


def waiting_step(token: str | None, *, now: datetime) -> SecondStep | None:
    """Who waits in this browser, while their account stays as it was."""
    found = SecondStep.objects.filter(
        digest=digest(token or ""), expires_at__gt=now, user__status=User.Status.ACTIVE
    )
    step = found.select_related("user__company").first()
    return step if step and step.password_digest == digest(step.user.password) else None


def check_code(user: User, code: str, *, now: datetime) -> bool:
    """Whether this is the app's code of now, or an unused recovery code; either is good once.

    Raises TooManyAttempts. A failure counts before it is known to be one; recovery codes are too
    long to be guessed, and let the owner in while somebody else tries.
    """
    plain = "".join(one for one in code.upper() if one.isalnum())
    if _is_recovery(user, plain, now):
        return True
    count_guess(user, now=now)
    if not _is_of_app(user, plain, now):
        return False
    forgive("second factor", str(user.id))
    return True


def count_guess(user: User, *, now: datetime) -> None:
    """Count one more code that may be wrong. Raises TooManyAttempts."""
    if count_failure("second factor", str(user.id), now=now) > MAX_FAILURES:
        raise TooManyAttempts


def _is_of_app(user: User, code: str, now: datetime) -> bool:
    row = Totp.objects.filter(user=user).first()
    if row is None:
        return False
    try:
        step = matching_step(_secret_of(row), code, now=now)
    except CannotUnseal:
        # The secret key was changed: recovery codes still work, and an administrator can help.
        log.error("the authenticator app of %s cannot be read with this secret key", user.id)
        return False
    # Only ever later steps: a code that was seen over a shoulder is worth nothing.
    later = Totp.objects.filter(id=row.id, last_step__lt=step or 0)
    return step is not None and bool(later.update(last_step=step))


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The time step whose code this is (RFC 6238), the newest first; None where there is none."""
    current = int(now.timestamp()) // SECONDS
    generator = pyotp.TOTP(secret)
    for step in range(current + DRIFT, current - DRIFT - 1, -1):
        if secrets.compare_digest(generator.generate_otp(step).encode(), code.encode()):
            return step
    return None


def _is_recovery(user: User, code: str, now: datetime) -> bool:
    unused = RecoveryCode.objects.filter(user=user, digest=digest(code), used_at=None)
    if not unused.update(used_at=now):
        return False
    left = RecoveryCode.objects.filter(user=user, used_at=None).count()
    entry = Entry(EventName.RECOVERY_CODE_USED, user.email, {"left": left})
    actor = Actor("user", user.email)
    record([entry], company_id=user.company_id, actor=actor, now=now)
    return True


def _secret_of(row: Totp) -> str:
    return unseal(row.sealed_secret, purpose=f"totp {row.id}").decode()


def new_secret(step: SecondStep) -> str:
    """The secret of the app that is being set up in this step, made the first time."""
    purpose = f"second step {step.id}"
    if not step.sealed_secret:
        step.sealed_secret = seal(random_secret().encode(), purpose=purpose)
        step.save(update_fields=["sealed_secret"])
    return unseal(step.sealed_secret, purpose=purpose).decode()


def random_secret() -> str:
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether this can be a secret of ours: what a browser brings back may be anything."""
    return _SECRET.fullmatch(text) is not None


def address_for_app(user: User, secret: str) -> str:
    """The otpauth: address that an app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(
        name=user.email[:100], issuer_name=f"Passerelle {user.company.name}"[:60]
    )


@transaction.atomic
def set_up(user: User, secret: str, code: str, *, now: datetime) -> list[str] | None:
    """Keep a new app once it has shown a right code; return ten recovery codes, or None."""
    step = matching_step(secret, "".join(code.split()), now=now)
    if step is None:
        return None
    Totp.objects.filter(user=user).delete()
    user.trusted_devices.all().delete()
    row = Totp(id=uuid7(), company_id=user.company_id, user=user, created_at=now, last_step=step)
    row.sealed_secret = seal(secret.encode(), purpose=f"totp {row.id}")
    row.save(force_insert=True)
    entry = Entry(EventName.SECOND_FACTOR_SET, user.email)
    actor = Actor("user", user.email)
    record([entry], company_id=user.company_id, actor=actor, now=now)
    return new_recovery_codes(user)


def new_recovery_codes(user: User) -> list[str]:
    """Ten codes in place of the old ones, to be shown once."""
    user.recovery_codes.all().delete()
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))
        for _ in range(CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(
            id=uuid7(),
            company_id=user.company_id,
            user=user,
            digest=digest(code.replace("-", "")),
        )
        for code in codes
    )
    return codes


@transaction.atomic
def reset(user: User, *, actor: Actor, now: datetime) -> None:
    """Take the second factor away, for who has lost theirs; sessions end, devices are forgotten."""
    removed = Totp.objects.filter(user=user).delete()[0] + user.passkeys.all().delete()[0]
    user.second_steps.all().delete()
    user.recovery_codes.all().delete()
    user.trusted_devices.all().delete()
    if removed:
        user.end_links()
        user.sessions.all().delete()
        entry = Entry(EventName.SECOND_FACTOR_RESET, user.email)
        record([entry], company_id=user.company_id, actor=actor, now=now)


def trust_device(user: User, *, agent: str, now: datetime) -> str:
    """Not to be asked for the second factor in this browser for thirty days; its cookie."""
    token = new_token()
    TrustedDevice.objects.create(
        company_id=user.company_id,
        user=user,
        digest=digest(token),
        agent=shown_agent(agent),
        created_at=now,
        expires_at=now + REMEMBERED,
    )
    return token
